"""What a child process does that reads one sheet of a workbook: cells in, an Arrow stream out.

python-calamine keeps the whole rectangle from the first to the last cell in memory, 32 bytes a
cell, before any of it can be looked at: two cells in opposite corners of a small file ask for half
a terabyte.  So the memory and the time of this process are limited, and where the reader is
stopped, the caller lives on.  No model may enter here.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

MEMORY = 4 << 30
"""Bytes of memory of the process, where the system keeps such limits (Linux does)."""

SECONDS = 900
"""Seconds of processor time."""

MOST_CELLS = 50_000_000
"""Cells of a sheet, blank ones too."""

ROWS = 8192
"""Rows that become Arrow arrays at once."""

KINDS = {
    str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64(), date: pa.date32(),
    datetime: pa.timestamp("us"), time: pa.time64("us"), timedelta: pa.duration("us"),
}  # fmt: skip
"""The Arrow types of columns whose cells are of one type."""

WIDER = {frozenset({int, float}): float, frozenset({date, datetime}): datetime}
"""The type of all cells of a column whose cells have two."""


def main(path: str, sheet: str) -> None:
    """Writes the sheet to standard output; a refusal is the metadata of an empty table."""
    _limit()
    try:
        table = read(path, sheet)
    except Refused as refused:
        table = pa.table({}).replace_schema_metadata({REFUSED: json.dumps(refused.args)})
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


def _limit() -> None:
    """Sets the limits of this process, where the system has them and none is stricter."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"RLIMIT_DATA": MEMORY, "RLIMIT_CPU": SECONDS, "RLIMIT_CORE": 0}
    for name, most in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (most, most))


class Refused(Exception):
    """A sheet that is not read: the code, what is wrong, and what to do."""


def read(path: str, sheet: str) -> Any:
    """The records of a sheet, the first one for ''.

    The first row that is not blank is the header; blank rows are left out.  The column ``NUMBER``
    counts rows below the header, and ``MERGED`` says whether a cell of the row belongs to a merged
    cell that begins elsewhere.  Raises ``Refused``.
    """
    from python_calamine import CalamineError, PasswordError, load_workbook

    try:
        # by its content: an export of another program may have the wrong suffix
        with open(path, "rb") as file, load_workbook(file) as book:
            names = book.sheet_names
            if sheet and sheet not in names:
                has = ", ".join(map(repr, names))[:500]
                raise Refused("TN218", f"no sheet {sheet!r}; it has {has}", "")
            if not names:
                raise Refused("TN210", "the workbook has no sheet", "")
            found = book.get_sheet_by_name(sheet or names[0])
    except PasswordError:
        raise Refused("TN210", "it is locked by a password", "save it without one") from None
    except (CalamineError, OSError) as error:
        said = str(error).partition("\n")[0][:300]
        hint = "is it a whole workbook, and no text or web page under such a name?"
        raise Refused("TN210", f"cannot be read: {said}", hint) from None
    below, right = found.end or (-1, -1)
    cells = (below + 1) * (right + 1)
    if cells > MOST_CELLS:
        message = f"the sheet has {cells:,} cells, more than {MOST_CELLS:,}"
        raise Refused("TN217", message, "save it as CSV or Parquet")
    left = found.start[1] if found.start else 0  # columns that are blank up to the end
    table = table_of(found.iter_rows(), _merged(found.merged_cell_ranges or ()), left)
    return table.replace_schema_metadata({SHEETS: json.dumps(names)})


def _merged(ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> set[int]:
    """The rows, from 0, with a cell that belongs to a merged cell and is not its first."""
    rows: set[int] = set()
    for (first, left), (last, right) in ranges:
        rows |= set(range(first + (left == right), last + 1))
    return rows


REFUSED = b"refused"
"""The key of a refusal in the metadata of a table."""

SHEETS = b"sheets"
"""The key of the names of all sheets."""

NUMBER, MERGED = "\x1enumber", "\x1emerged"
"""Columns beside those of the sheet, under names that no sheet has."""


def table_of(rows: Iterable[Sequence[Any]], merged: set[int], left: int = 0) -> Any:
    """Rows of cells as a table; ``left`` columns of the sheet stand before them.

    >>> found = table_of([["", ""], ["id", "x"], ["a", 1.0], ["", ""], ["b", True]], set())
    >>> found["x"].to_pylist(), found[NUMBER].to_pylist()
    (['1', 'true'], [1, 3])
    """
    header: list[str] = []
    columns: list[_Column] = []
    numbers: list[int] = []
    marks: list[bool] = []
    begin = 0
    for place, row in enumerate(rows):
        if all(value == "" for value in row):
            continue
        if not columns and place in merged:
            message = "the first row has merged cells, so it does not name the columns"
            raise Refused("TN210", message, "remove what stands above the names of the columns")
        if not columns:
            header, begin = [_text(value) for value in row], place
            columns = [_Column() for _ in row]
            continue
        numbers.append(place - begin)
        marks.append(place in merged)
        for column, value in zip(columns, row, strict=True):
            column.add(value)
    if not columns:
        raise Refused("TN210", "the sheet is empty: its first row names the columns", "")
    named = {}
    twice = []
    for i, (name, column) in enumerate(zip(header, columns, strict=True)):
        if name or column.has_cells:
            name = name or f"column {_letters(left + i)}"
            twice += [name] if name in named else []
            named[name] = column.whole()
    if twice:
        raise Refused("TN212", f"two columns are called {twice[0]!r}", "")
    named[NUMBER], named[MERGED] = pa.array(numbers, pa.int64()), pa.array(marks, pa.bool_())
    return pa.table(named)


class _Column:
    """The cells of a column: Arrow arrays of one kind each, and the last ones as they came."""

    def __init__(self) -> None:
        self.parts: list[tuple[type, Any]] = []
        self.last: list[Any] = []

    @property
    def kinds(self) -> set[type]:
        return {kind for kind, _ in self.parts if kind is not type(None)}

    @property
    def has_cells(self) -> bool:
        """Whether a cell is not blank."""
        return bool(self.kinds) or any(value is not None for value in self.last)

    def add(self, value: Any) -> None:
        self.last.append(None if value == "" else value)
        if len(self.last) == ROWS:
            self._close()

    def _close(self) -> None:
        kind = _kind({type(value) for value in self.last if value is not None})
        if kind is float and all(value is None or _is_whole(value) for value in self.last):
            kind = int
        self.parts.append((kind, _array(self.last, kind)))
        self.last = []

    def whole(self) -> Any:
        """All cells as one column."""
        self._close()
        kind = _kind(self.kinds)
        wanted = KINDS.get(kind, pa.string())
        arrays = []
        for own, array in self.parts:
            if kind is str and own is not str:
                array = _array(array.to_pylist(), str)
            arrays.append(array.cast(wanted))
        return pa.chunked_array(arrays, wanted)


def _kind(kinds: set[type]) -> type:
    """The type that holds cells of several: that of all, else text; NoneType for none."""
    if len(kinds) < 2:
        return next(iter(kinds), type(None))
    return WIDER.get(frozenset(kinds), str)


def _is_whole(value: float) -> bool:
    return math.isfinite(value) and value == int(value) and abs(value) < 2**53


def _array(values: Sequence[Any], kind: type) -> Any:
    if kind is str:
        return pa.array([None if value is None else _text(value) for value in values], pa.string())
    if kind is int:
        return pa.array([None if value is None else int(value) for value in values], pa.int64())
    if kind is datetime:  # midnight comes as a date
        values = [_moment(value) if type(value) is date else value for value in values]
    return pa.array(values, KINDS.get(kind, pa.null()))


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _text(value: Any) -> str:
    """A cell as text.

    >>> _text(18.0), _text(0.5), _text(True), _text(date(2026, 10, 12))
    ('18', '0.5', 'true', '2026-10-12')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and _is_whole(value):
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def _letters(column: int) -> str:
    """The letters of a column, counted from 0.

    >>> _letters(0), _letters(27)
    ('A', 'AB')
    """
    before, last = divmod(column, 26)
    return (_letters(before - 1) if before else "") + chr(65 + last)
