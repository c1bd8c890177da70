"""What was read from a text, and where does each piece of it stand?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Key = str | int
Keys = tuple[Key, ...]


class Mark(NamedTuple):
    """A place in the text; line and column count from 1."""

    line: int
    column: int


START = Mark(1, 1)


class Flaw(NamedTuple):
    """One thing wrong with the text itself."""

    code: str
    mark: Mark
    message: str
    hint: str = ""


Spot = int
"""A place as one number, since a document has half a million: the line, then the column."""

_BITS = 24  # a document has fewer characters than 2 ** 24


def spot(line: int, column: int) -> Spot:
    """The place of a line and a column, which count from 1."""
    return line << _BITS | column


def mark(place: Spot) -> Mark:
    """The line and the column of a place."""
    return Mark(place >> _BITS, place & (1 << _BITS) - 1)


def pair(key: Spot, value: Spot) -> int:
    """Where a key and its value start, as one number."""
    return key << 2 * _BITS | value


def unpaired(places: int) -> tuple[Mark, Mark]:
    """Where a key and its value start."""
    return mark(places >> 2 * _BITS), mark(places & (1 << 2 * _BITS) - 1)


Places = dict[Key, int] | list[int]
"""The :func:`pair` of each entry of a mapping, or of each item of a list."""


@dataclass(slots=True)
class Document:
    """The values of one document, with their places.

    ``holes`` are the entries that could not be read (an alias, a tag, a number that is
    not finite); they are left out of ``value``.  ``doubles`` are the keys that are given
    twice, whose first value is kept.  ``flaws`` are in the order of the text; ``broken``
    says that the text could not be read to its end.  ``places`` are those of every list
    and mapping that is not empty, by its identity.
    """

    value: Any = None
    start: Mark = START
    flaws: list[Flaw] = field(default_factory=list)
    holes: set[tuple[int, Key]] = field(default_factory=set)
    doubles: set[tuple[int, Key]] = field(default_factory=set)
    broken: bool = False
    places: dict[int, Places] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)  # kept alive: places go by identity

    def steps(self, keys: Keys) -> Iterator[tuple[Any, Key]]:
        """The containers and keys on the way into the document, as far as it exists."""
        value = self.value
        for key in keys:
            if isinstance(value, dict):
                if key not in value and (id(value), key) not in self.holes:
                    return
                yield value, key
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
                yield value, key
                value = value[key]
            else:
                return

    def find(self, keys: Keys, *, at_key: bool = False) -> tuple[Keys, Mark, bool]:
        """The part of ``keys`` that exists, where it starts, and whether it is a hole.

        The place is that of the value, or of the key when asked for or when a mapping or
        list does not have the next key.  (One name may stand for a list of one, whose item
        0 is then the name itself.)
        """
        path: list[Key] = []
        places = None
        hole = False
        value = self.value
        for container, key in self.steps(keys):
            value = container.get(key) if isinstance(container, dict) else container[key]
            path.append(key)
            places = self.places[id(container)][key]  # type: ignore[index]
            hole = (id(container), key) in self.holes
        if places is None:
            return (), self.start, hole
        lacking = len(path) < len(keys) and isinstance(value, dict | list)
        key_mark, value_mark = unpaired(places)
        return tuple(path), key_mark if at_key or lacking else value_mark, hole

    def get(self, keys: Keys) -> Any:
        """The value at ``keys``, or None."""
        count = 0
        value = self.value
        for container, key in self.steps(keys):
            count += 1
            value = container.get(key) if isinstance(container, dict) else container[key]
        return value if count == len(keys) else None

    def lost(self) -> list[Keys]:
        """The entries of which the text holds more than ``value``: holes and doubles."""
        marked = self.holes | self.doubles
        found: list[Keys] = []
        waiting: list[tuple[Keys, Any]] = [((), self.value)] if marked else []
        while waiting:
            keys, value = waiting.pop()
            entries = self.places.get(id(value), ())
            for key in range(len(entries)) if isinstance(entries, list) else entries:
                if (id(value), key) in marked:
                    found.append((*keys, key))
                item = value.get(key) if isinstance(value, dict) else value[key]
                if isinstance(item, dict | list):
                    waiting.append(((*keys, key), item))
        return found
