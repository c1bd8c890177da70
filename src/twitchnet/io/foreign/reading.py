"""How are the bytes, the places and the numbers of a foreign file read?

What comes before anything is known of a network, the same way for all formats.
"""

from __future__ import annotations

import re
from math import isfinite, nan
from typing import NamedTuple, NoReturn

from twitchnet.errors import ModelError, Problem

MAX_BYTES = 64_000_000
"""Ten times the largest of the usual published networks; a larger file is refused unread."""

_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?(nan|inf|infinity)\Z", re.IGNORECASE)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d]")
"""Bytes that no text of Windows-1252 has."""


class Place(NamedTuple):
    """A place in a file; line and column count from 1, 0 is unknown."""

    line: int = 0
    column: int = 0


NOWHERE = Place()


def decoded(data: bytes | str, file: str, notes: list[str] | None = None) -> str:
    """The text of a file.  Raises ``ModelError`` when it is empty, too large or not UTF-8.

    With ``notes``, a file that is not UTF-8 but could be of Windows-1252, which holds Latin-1, is
    read so, and a note says it.
    """
    if len(data) > MAX_BYTES:
        refuse("TN103", f"the file is larger than {MAX_BYTES:,} bytes", file)
    text = data if isinstance(data, str) else ""
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if notes is not None and not _NO_TEXT.search(data):
                notes.append("The file is not UTF-8, so it was read as Windows-1252 (Latin-1).")
                return data.decode("cp1252")
            before = data[: error.start]
            column = error.start - (before.rfind(b"\n") + 1) + 1
            place = Place(before.count(b"\n") + 1, column)
            refuse("TN101", f"byte {data[error.start]:#04x} is not UTF-8", file, place)
    if not text.strip():
        refuse("TN102", "there is nothing in the file", file)
    return text


def refuse(code: str, message: str, file: str, place: Place = NOWHERE, hint: str = "") -> NoReturn:
    """Raises ``ModelError`` with one problem."""
    raise ModelError([Problem(code, message, "", file, *place, hint=hint)])


def read_number(word: str) -> float | None:
    """The finite number that a word spells, or None.

    >>> read_number("1e-3"), read_number("1_000"), read_number("1e999")
    (0.001, None, None)
    """
    value = float(word) if _NUMBER.match(word) else nan
    return value if isfinite(value) else None


def looks_like_a_number(word: str) -> bool:
    """Whether a word is a number of any kind, also NaN, infinite or too large to hold."""
    return bool(_NUMBER.match(word) or _NOT_FINITE.match(word))
