"""What can be shown?  A page of plain rows, before it looks like anything.

:class:`Page` holds sections, a section holds blocks, a block holds strings.  Every
renderer (:mod:`text`, :mod:`html`, :mod:`markdown`) is a pure function of a page, so
they show the same facts; what differs is decoration.  No inference, no model and no
wording in here: whoever builds a page has already found the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "calm", "notice", "warning", "alarm"]
"""How loud a block is.  A tone is decoration: the words alone must say as much."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; ``lead`` is its first words, set apart from the rest."""

    text: str
    lead: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list, with notes below it."""

    text: str
    lead: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share (0 to 1) drawn as a bar, and the words that say the same.

    ``mark`` is drawn across the bar, such as the share before any answer, and ``ends`` as a line
    along it: an interval.  Both are decoration: other columns say them in words.
    """

    share: float
    text: str
    mark: float | None = None
    ends: tuple[float, float] | None = None


Cell = str | Bar


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column; ``wide`` columns take the room that the others leave."""

    head: str
    right: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells for {len(self.columns)} columns")


Block = Paragraph | Items | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: tuple[Block, ...]
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that is shown, in order."""

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    footer: str = ""


def clean(text: str) -> str:
    r"""One line without control characters, so that no label can move a cursor.

    A no-break space (as in 7 %) is kept.

    >>> clean("a\x1b[31m\n b")
    'a [31m b'
    """
    words = "".join(c if c.isprintable() or c == "\xa0" else " " for c in text).split(" ")
    return " ".join(word for word in words if word)
