"""Which columns does a CSV file have, what separates its cells, and where do its rows begin?"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from twitchnet.batch.formats.opening import Columns, peek_text, unreadable
from twitchnet.batch.formats.recoding import not_text
from twitchnet.batch.stream import arrow

QUOTE = b'"'

BETWEEN = ",;\t|"
"""The separators of cells."""

SAID = re.compile(rb"sep=([^\r\n]*)\r?\n", re.IGNORECASE)
"""The line before the header in which Excel states the separator."""


class Header(NamedTuple):
    """The names of the columns, the bytes up to the first row, and the separator."""

    names: list[str]
    begin: int
    between: str


def csv_columns(path: str, encoding: str = "") -> Columns:
    """Names of the header, all of them text, and no count."""
    names = read_header(path, encoding).names
    if not names:
        raise unreadable(path, "the file is empty: a CSV file begins with the names of its columns")
    if any("\0" in name or any("\udc80" <= c <= "\udcff" for c in name) for name in names):
        message, hint = not_text(encoding)
        raise unreadable(path, f"the header is {message}", hint)
    return [(name, arrow().string()) for name in names], 0


def read_header(path: str, encoding: str = "") -> Header:
    """The first row, after a line such as ``sep=;`` if there is one.

    Cells are separated as that line says; without it by tabs in ``.tsv``, else by commas, and
    by semicolons, tabs or bars in a file whose first row has these and no comma.
    """
    head = peek_text(path, encoding)
    begin = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    either = "\t" if ".tsv" in Path(path).name.lower() else BETWEEN
    if said := SAID.match(head, begin):
        begin, either = said.end(), said[1].decode(errors="replace")
        if len(either) != 1 or either not in BETWEEN:
            message = f"the first line says that {either[:20]!r} stands between cells"
            hint = "separate them with a comma, a semicolon, a tab or a bar"
            raise unreadable(path, message, hint)
    # the header ends before the first cell that is not UTF-8, or the header is not UTF-8
    whole = head[begin:].decode("utf-8", errors="surrogateescape")
    found = []
    for between in either:
        names, read = _first_row(path, whole, between)
        found.append(Header(names, begin + read, between))
        if len(names) > 1:
            return found[-1]
    if said and any(between in name for name in found[0].names for between in BETWEEN):
        message = f"the first line says that {either!r} stands between cells, the header has none"
        raise unreadable(path, message, "correct that line, or remove it")
    return found[0]


def _first_row(path: str, whole: str, between: str) -> tuple[list[str], int]:
    """The cells of the first row, and its bytes.  Raises ``RecordError`` for an open quote."""
    text = io.StringIO(whole, newline="")
    try:
        names = next(csv.reader(text, delimiter=between), [])
        is_open = _is_open(whole[: text.tell()], between)
    except csv.Error as error:
        is_open = QUOTE.decode() in whole and "field limit" in str(error)
        if not is_open:
            raise unreadable(path, f"the header cannot be read: {error}") from None
    if is_open:
        message = "a quote in the header is not closed, so the rest of the file is one name"
        raise unreadable(path, message, "is the file whole?")
    return names, len(whole[: text.tell()].encode("utf-8", errors="surrogateescape"))


def _is_open(row: str, between: str) -> bool:
    """Whether a quote of a row is open at its end, or was closed inside a later line."""
    try:
        next(csv.reader(io.StringIO(row, newline=""), delimiter=between, strict=True), None)
    except csv.Error as error:
        return "unexpected end" in str(error) or "\n" in row.rstrip()
    return False
