"""What does the YAML text say, and where does each piece stand?

One document becomes plain values (dict, list, str, int, float, bool, None) with a
place for every key and item.  Nothing of models in here.

How it works: libyaml's parser emits events, and one loop with an explicit stack
builds the values and their places; so nesting is bounded before it can hurt, and
duplicate keys, aliases, anchors, tags and further documents are refused where they
stand, all of them in one reading.  Plain scalars follow the core schema of YAML 1.2
(chapter 10.3): ``no``, ``on`` and ``18-34`` are text, ``012`` is the number 12.
Keys are always text.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from twitchnet.io.yaml.document import (
    Document,
    Flaw,
    Mark,
    Places,
    Spot,
    mark,
    pair,
    spot,
    unpaired,
)

MAX_BYTES = 5_000_000
"""A complete model of 120 variables takes 0.3 MB; a larger file is not a model."""

MAX_DEPTH = 40
"""A model needs about ten levels; below 40 no recursion over the values can fail."""

MAX_ENTRIES = 100_000
"""Entries of one list or mapping; a model has 20,000 variables at most."""

MAX_CONTAINERS = 300_000
"""Lists and mappings of one document; a model of 5 MB has half as many."""

MAX_PROBLEMS = 200
"""Problems after which the reading stops: a file with more is not nearly right."""

_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

# What to do about the messages of the YAML parser that authors meet most.
_CURES = {
    "mapping values are not allowed": 'put text that holds ": " in quotes, and check the indent',
    "did not find expected ',' or '}'": "a comma is missing or a brace is not closed",
    "did not find expected ',' or ']'": "a comma is missing or a bracket is not closed",
    "could not find expected ':'": "a key needs a colon and a space after it",
    "did not find expected key": "check the indent, and quotes inside quotes",
    "did not find expected '-' indicator": "check the indent",
    "unexpected end of stream": "a quote is not closed",
}


def read_file(path: str | os.PathLike[str]) -> Document:
    """The document in a file; a file that cannot be read is a flaw too."""
    try:
        with Path(path).open("rb") as stream:
            text = decode(stream.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        text = Flaw("TN100", Mark(0, 0), f"the file cannot be read: {reason}")
    return Document(flaws=[text], broken=True) if isinstance(text, Flaw) else read(text)


def decode(data: bytes) -> str | Flaw:
    """The text of a file, or what is wrong with its bytes."""
    if len(data) > MAX_BYTES:
        return Flaw("TN103", Mark(1, 1), f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        mark = Mark(before.count(b"\n") + 1, column)
        found = f"the byte 0x{data[error.start]:02x} here is not UTF-8 text"
        return Flaw("TN101", mark, found, "save the file as UTF-8")


def read(text: str) -> Document:
    """The document in ``text``; never raises for what is written in it."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        return _refused(text, "TN101", error.start, "a lone surrogate is not UTF-8 text")
    if len(data) > MAX_BYTES:
        return _refused(text, "TN103", 0, f"the text is larger than {MAX_BYTES // 1_000_000} MB")
    text = text.removeprefix("\ufeff")
    control = _CONTROL.search(text)
    if control:
        name = f"the control character U+{ord(control[0]):04X} is not allowed"
        return _refused(text, "TN105", control.start(), name)
    return _Composer(text).run()


def _refused(text: str, code: str, offset: int, message: str) -> Document:
    before = text[:offset]
    mark = Mark(before.count("\n") + 1, offset - before.rfind("\n"))
    return Document(flaws=[Flaw(code, mark, message)], broken=True)


_NO_KEY = object()
_HOLE = object()


class _Stop(Exception):
    """The rest of the text is not read."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open; ``key`` waits for its value."""

    container: Any
    places: Places
    key: Any = _NO_KEY
    key_spot: Spot = 0

    @property
    def wants_key(self) -> bool:
        return self.key is _NO_KEY and isinstance(self.container, dict)


class _Composer:
    """One loop over the events of the parser, with an explicit stack."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.document = Document()
        self.stack: list[_Frame] = []
        self.skipping = 0  # depth inside a key that is itself a list or a mapping
        self.containers = 0

    def flaw(self, code: str, place: Spot, message: str, hint: str = "") -> None:
        self.document.flaws.append(Flaw(code, mark(place), message, hint))
        if len(self.document.flaws) >= MAX_PROBLEMS:
            raise _Stop

    def run(self) -> Document:
        document = self.document
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self.text)
        try:
            self.events(loader)
            if document.value is None and not document.flaws:
                self.flaw("TN102", spot(1, 1), "the file is empty")
        except _Stop:
            document.broken = True
        except yaml.YAMLError as error:
            document.broken = True
            document.flaws.append(_syntax(error, self.text))
        finally:
            loader.dispose()
        document.broken = document.broken or document.value is None
        return document

    def events(self, loader: Any) -> None:
        documents = 0
        while True:
            event = loader.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent:
                self.open(event, {})
            elif kind is yaml.SequenceStartEvent:
                self.open(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.close()
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self.flaw("TN109", _spot(event), "a second document starts here")
                    return
            elif kind is yaml.StreamEndEvent:
                return

    def open(self, event: Any, container: Any) -> None:
        place = _spot(event)
        if len(self.stack) + self.skipping >= MAX_DEPTH:
            self.flaw("TN104", place, f"nested deeper than {MAX_DEPTH} levels")
            raise _Stop
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            self.flaw("TN148", place, f"more than {MAX_CONTAINERS:,} lists and mappings")
            raise _Stop
        if self.skipping:
            self.skipping += 1
            return
        self.decorations(event, place)
        if self.stack and self.stack[-1].wants_key:
            self.flaw("TN111", place, "a key must be one word, not a list or a mapping")
            self.skipping = 1
            return
        self.put(container, place)
        self.stack.append(_Frame(container, [] if isinstance(container, list) else {}))

    def close(self) -> None:
        if not self.skipping:
            self.stack.pop()
            return
        self.skipping -= 1
        if not self.skipping:
            self.stack[-1].key = _HOLE

    def alias(self, event: Any) -> None:
        place = _spot(event)
        name = str(event.anchor)[:80]
        self.flaw("TN107", place, f"the alias '*{name}' is not allowed", "write the value out")
        if self.skipping:
            return
        if self.stack and self.stack[-1].wants_key:
            self.stack[-1].key = _HOLE
        else:
            self.put(_HOLE, place)

    def decorations(self, event: Any, place: Spot) -> bool:
        """Refuse a tag or an anchor; True when there is a tag."""
        if event.anchor is not None:
            name = str(event.anchor)[:80]
            self.flaw("TN107", place, f"the anchor '&{name}' is not allowed", "remove it")
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")[:80]
            self.flaw("TN108", place, f"the tag {tag!r} is not allowed", "remove it")
        return event.tag is not None

    def scalar(self, event: Any) -> None:
        if self.skipping:
            return
        place = _spot(event)
        tagged = self.decorations(event, place)
        plain = event.implicit[0]
        if self.stack and self.stack[-1].wants_key:
            self.start_entry(event.value, place, plain)
        elif tagged:
            self.put(_HOLE, place)
        else:
            self.put(self.resolve(event.value, place) if plain else event.value, place)

    def start_entry(self, text: str, place: Spot, plain: bool) -> None:
        frame = self.stack[-1]
        places = frame.places
        assert isinstance(places, dict)
        frame.key, frame.key_spot = text, place
        if text in places:
            line = unpaired(places[text])[0].line
            here = line == mark(place).line
            first = "in this line" if here else f"the first is in line {line}"
            self.flaw("TN106", place, f"the key {text[:80]!r} is given twice; {first}")
            self.document.doubles.add((id(frame.container), text))
            frame.key = _HOLE
        elif not text:
            self.flaw("TN111", place, "a key is empty")
            frame.key = _HOLE
        elif plain and text == "<<":
            self.flaw("TN107", place, "the merge key '<<' is not allowed", "write the keys out")
            frame.key = _HOLE

    def put(self, value: Any, place: Spot) -> None:
        """Set ``value`` where the innermost open list or mapping waits for it."""
        if not self.stack:
            self.document.value = None if value is _HOLE else value
            self.document.start = mark(place)
            return
        frame = self.stack[-1]
        container, places, key = frame.container, frame.places, frame.key
        frame.key = _NO_KEY
        if key is _HOLE:
            self.document.refused.append(value)
            return
        if not places:
            self.document.places[id(container)] = places
        elif len(places) >= MAX_ENTRIES:
            message = f"more than {MAX_ENTRIES:,} entries in one list or mapping"
            self.flaw("TN148", place, message)
            raise _Stop
        if isinstance(places, list):
            key = len(places)
            places.append(pair(place, place))
            container.append(None if value is _HOLE else value)
        else:
            places[key] = pair(frame.key_spot, place)
            if value is not _HOLE:
                container[key] = value
        if value is _HOLE:
            self.document.holes.add((id(container), key))

    def resolve(self, text: str, place: Spot) -> Any:
        """A plain scalar by the core schema of YAML 1.2."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _NOT_FINITE.match(text):
            self.flaw("TN110", place, f"{text} cannot be used as a number")
            return _HOLE
        if _INT.match(text) and len(text) <= 18:
            return int(text)
        if _BASED.match(text) and len(text) <= 18:
            return int(text, 0)
        if _FLOAT.match(text):
            value = float(text)
            if math.isfinite(value):
                return value
            self.flaw("TN110", place, f"the number {text[:40]} is too large")
            return _HOLE
        return text


def _spot(event: Any) -> Spot:
    start = event.start_mark
    return spot(start.line + 1, start.column + 1)


def _syntax(error: yaml.YAMLError, text: str) -> Flaw:
    """The parser's own complaint, with a cure where one is known."""
    at = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = str(getattr(error, "context", None) or "")
    if at is None:
        return Flaw("TN105", Mark(1, 1), problem[:200])
    place = Mark(at.line + 1, at.column + 1)
    hint = next((cure for start, cure in _CURES.items() if start in problem), "")
    line = next(islice(StringIO(text, newline="\n"), at.line, None), "").rstrip("\n")
    character = line[at.column : at.column + 1]
    if character == "\t":
        hint = "indent with spaces, not with tabs"
    elif character in ("@", "`", "%") and character:
        hint = f"put text that starts with {character} in quotes"
    opened = getattr(error, "context_mark", None)
    message = f"{problem} {context}".strip()
    if opened is not None and opened.line != at.line:
        message += f" that starts in line {opened.line + 1}"
    return Flaw("TN105", place, message[:300], hint)
