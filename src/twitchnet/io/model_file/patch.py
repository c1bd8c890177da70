"""How is a model file saved such that nothing but its changed numbers changes?

The numbers are replaced where they stand in the text, so comments, order and layout stay, and a
changed number is a changed line.  Whoever calls compares the network of the new text with
the one that is to be saved; what cannot be done in place is then written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twitchnet.io.yaml.document import Document, Keys
from twitchnet.io.yaml.reader import read
from twitchnet.model.network import Network, Parameter

_SCALAR = re.compile(r"[-+.0-9eE]+")


def patched(text: str, before: Network, after: Network) -> str | None:
    """The text of ``before`` with the numbers of ``after``; None when it has no such places."""
    if len(before.parameters) != len(after.parameters):
        return None
    document = read(text)
    lines = text.splitlines(keepends=True)
    places: list[tuple[int, int, float]] = []
    for old, new in zip(before.parameters, after.parameters, strict=True):
        if (old.node, old.part, old.cells) != (new.node, new.part, new.cells):
            return None
        places += _places(document, old, new)
    for line, column, value in sorted(places, reverse=True):
        row = lines[line - 1]
        scalar = _SCALAR.match(row, column - 1)
        if scalar is None:
            return None
        lines[line - 1] = f"{row[: column - 1]}{value!r}{row[scalar.end() :]}"
    return "".join(lines)


def _places(document: Document, old: Parameter, new: Parameter) -> Iterator[tuple[int, int, float]]:
    """Line, column and new value of each scalar of a number that changes."""
    kind, _, parent = old.part.partition(":")
    keys: Keys = ("mechanisms", old.node, *(("links", parent) if parent else (kind,)))
    ends: tuple[tuple[Keys, float, float], ...] = (
        ((*keys, "range", 0), old.low, new.low),
        ((*keys, "range", 1), old.high, new.high),
    )
    short = isinstance(document.get(keys), int | float)
    for at, was, value in (((*keys, *(() if short else ("p",))), old.value, new.value), *ends):
        if was != value and document.get(at) == was:
            mark = document.find(at)[1]
            yield mark.line, mark.column, value
