"""How is XML from strangers read?

Into a small tree with places, by expat (the parser of the standard library), with its
dangerous parts refused where they stand: entities of any kind (so nothing can expand),
external document types, deep nesting and huge counts of elements.  What a format does not
read is dropped at its end tag, so it costs time but no memory.  A document type that
only declares elements, as XMLBIF files carry it, is harmless and is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from twitchnet.errors import ModelError
from twitchnet.io.foreign.draft import Draft
from twitchnet.io.foreign.reading import MAX_BYTES, Place, refuse

MAX_DEPTH = 40

MAX_ELEMENTS = 1_000_000
"""A file of 20,000 variables with 30 states each has as many."""


@dataclass(slots=True)
class Element:
    """One element: its tag, attributes, own text, children, and where it starts."""

    tag: str
    attributes: dict[str, str]
    line: int
    column: int
    text: str = ""
    children: list[Element] = field(default_factory=lambda: _NONE)

    @property
    def place(self) -> Place:
        """Where the element starts."""
        return Place(self.line, self.column)

    def all(self, tag: str) -> list[Element]:
        """The children with this tag."""
        return [child for child in self.children if child.tag == tag]

    def one(self, tag: str) -> Element | None:
        """The first child with this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def words(self, tag: str, most: int) -> list[str]:
        """The words of the first child with this tag; [] when there is none.

        Of more than ``most`` there are ``most + 1``, and the last is all the rest.
        """
        child = self.one(tag)
        return child.text.split(None, most) if child else []


_NONE: list[Element] = []  # the children of most elements
_PLAIN: dict[str, str] = {}  # their attributes

Wanted = Callable[[str, Element], bool]
"""Whether an element is kept, by the tag of its parent; its own children are read already."""


class _Builder:
    """Receives the parser's events."""

    def __init__(self, draft: Draft, wanted: Wanted) -> None:
        self.draft = draft
        self.wanted = wanted
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.entity
        self.parser.ExternalEntityRefHandler = self.external
        self.parser.SkippedEntityHandler = self.skipped
        self.open: list[Element] = []
        self.pieces: list[list[str]] = []
        self.root: Element | None = None
        self.count = 0

    @property
    def place(self) -> Place:
        return Place(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)

    def refuse(self, what: str) -> None:
        self.draft.stop("TN151", f"{what} is refused", self.place, "write the text out")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= MAX_DEPTH:
            self.draft.stop("TN104", f"nested deeper than {MAX_DEPTH} elements", self.place)
        if self.count > MAX_ELEMENTS:
            self.draft.stop("TN148", f"more than {MAX_ELEMENTS:,} elements", self.place)
        parser = self.parser
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        self.open.append(Element(tag, attributes or _PLAIN, line, column))
        self.pieces.append([])

    def end(self, tag: str) -> None:
        element = self.open.pop()
        element.text = "".join(self.pieces.pop())
        if not self.open:
            self.root = element
        elif self.wanted(self.open[-1].tag, element):
            parent = self.open[-1]
            if parent.children is _NONE:
                parent.children = []
            parent.children.append(element)

    def characters(self, text: str) -> None:
        if self.pieces:
            self.pieces[-1].append(text)

    def doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        if system or public:
            self.refuse("an external document type")

    def entity(self, name: str, *rest: object) -> None:
        self.refuse(f"the entity {name[:40]!r}")

    def external(self, *rest: object) -> int:
        self.refuse("an external entity")
        return 0

    def skipped(self, name: str, *rest: object) -> None:
        self.refuse(f"the entity {name[:40]!r}")


def parse_xml(data: bytes | str, draft: Draft, wanted: Wanted) -> Element:
    """The root element of a document, with what is ``wanted`` of the others.

    Raises ``ModelError`` when the document is not sound.

    Bytes may be in the encoding that their first line declares (UTF-8, UTF-16, Latin-1).
    """
    if len(data) > MAX_BYTES:
        refuse("TN103", f"the file is larger than {MAX_BYTES:,} bytes", draft.file)
    if not data.strip():
        refuse("TN102", "there is nothing in the file", draft.file)
    builder = _Builder(draft, wanted)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        message = f"the XML cannot be read: {expat.ErrorString(error.code)}"
        draft.stop("TN150", message, Place(error.lineno, error.offset + 1))
    except ModelError:  # of the builder
        raise
    except (LookupError, ValueError) as error:  # an encoding that Python does not have
        draft.stop("TN101", f"the encoding cannot be read: {str(error)[:100]}")
    assert builder.root is not None  # expat refuses a document without elements
    return builder.root


def escaped(text: str) -> str:
    """Text as it may stand in an element or between double quotes."""
    kept = "".join(c if c >= " " or c in "\t\n" else " " for c in text)
    for character, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        kept = kept.replace(character, name)
    return kept
