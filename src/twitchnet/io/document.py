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


class Places(NamedTuple):
    """Where a key and its value start."""

    key: Mark
    value: Mark


@dataclass(slots=True)
class Document:
    """The values of one document, with their places.

    ``holes`` are the entries that could not be read (an alias, a tag, a number that is
    not finite); they are left out of ``value``.  ``flaws`` are in the order of the text;
    ``broken`` says that the text could not be read to its end.
    """

    value: Any = None
    start: Mark = START
    flaws: list[Flaw] = field(default_factory=list)
    holes: set[tuple[int, Key]] = field(default_factory=set)
    broken: bool = False
    places: dict[int, dict[Key, Places]] = field(default_factory=dict)
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
            places = self.places[id(container)][key]
            hole = (id(container), key) in self.holes
        if places is None:
            return (), self.start, hole
        lacking = len(path) < len(keys) and isinstance(value, dict | list)
        at_key = at_key or lacking
        return tuple(path), places.key if at_key else places.value, hole

    def get(self, keys: Keys) -> Any:
        """The value at ``keys``, or None."""
        count = 0
        value = self.value
        for container, key in self.steps(keys):
            count += 1
            value = container.get(key) if isinstance(container, dict) else container[key]
        return value if count == len(keys) else None
