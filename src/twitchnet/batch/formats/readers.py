"""How are records read from files, a chunk at a time and with every row accounted for?

CSV (plain, gz, zst), Parquet, Arrow IPC, JSON Lines and sheets of workbooks; several files of the
same columns are one input.  What the cells mean is not judged here.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twitchnet.batch.formats.columnar import (
    arrow_chunks,
    arrow_columns,
    parquet_chunks,
    parquet_columns,
)
from twitchnet.batch.formats.csv_header import csv_columns
from twitchnet.batch.formats.csv_reader import csv_chunks
from twitchnet.batch.formats.json_reader import json_chunks, json_columns
from twitchnet.batch.formats.opening import COMPRESSED, Chunk, Columns, Cursor, unreadable
from twitchnet.batch.formats.recoding import check_encoding
from twitchnet.batch.formats.sheets import sheet_chunks, sheet_columns
from twitchnet.errors import Problem, RecordError

SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow",
    ".feather": "arrow", ".ipc": "arrow", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
}  # fmt: skip
TEXTS = "csv", "jsonl"
"""Formats of text, which may be in an encoding of its own."""


@dataclass(frozen=True)
class Input:
    """One or more files of one format; ``-`` is standard input.

    ``answers`` are the columns that will be read as answers, and ``kept`` those that stay;
    None: unknown.  Parquet leaves the others alone; JSON Lines has one type in kept ones.  Text is
    in an ``encoding``, '' for UTF-8; of a workbook a ``sheet`` is read, '' for the first.
    """

    paths: tuple[str, ...]
    format: str
    columns: Mapping[str, Any]  # Arrow type by name
    total: int = 0  # rows, when the files say so
    answers: tuple[str, ...] | None = None
    kept: tuple[str, ...] = ()
    encoding: str = ""
    sheet: str = ""

    @property
    def state(self) -> dict[str, Any]:
        """What must be equal for a run to go on where another stopped."""
        stamps = [_stamp(path) for path in self.paths]
        return {
            "inputs": stamps,
            "input format": self.format,
            "encoding": self.encoding,
            "sheet": self.sheet,
        }

    def chunks(self, size: int, start: Cursor = Cursor()) -> Iterator[Chunk]:  # noqa: B008
        """All rows after ``start``, in order, at most ``size`` at a time.

        A chunk ends at the end of a file, or where a multiple of ``size`` rows of the file
        is accounted for.
        """
        for place, path in enumerate(self.paths):
            if place >= start.file:
                cursor = start if place == start.file else Cursor(place)
                yield from self._chunks(path, size, cursor)

    def _chunks(self, path: str, size: int, start: Cursor) -> Iterator[Chunk]:
        if self.format == "csv":
            return csv_chunks(path, size, start, self.columns, self.encoding)
        if self.format == "jsonl":
            return json_chunks(path, size, start, self.columns, self.kept, self.encoding)
        if self.format == "excel":
            return sheet_chunks(path, size, start, self.sheet)
        reader = parquet_chunks if self.format == "parquet" else arrow_chunks
        answers = frozenset(self.answers or ())
        needed = answers | frozenset(self.kept)
        names = tuple(n for n in self.columns if self.answers is None or n in needed)
        return reader(path, size, start, names, answers - frozenset(self.kept))


def _stamp(path: str) -> list[object]:
    """A file as it is now: path, bytes, inode, times of the last changes.

    A file that was written anew with the old size and the old time has another inode, or
    another time of its last change of state (ctime), which no program can set.
    """
    stat = Path(path).stat()
    return [path, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]


def format_of(path: str, given: str = "", option: str = "--format") -> str:
    """The format of a file, by its suffix unless it is given with an ``option``.

    >>> format_of("records.csv.gz")
    'csv'
    """
    if given:
        found: str | None = given
    else:
        suffixes = [suffix.lower() for suffix in Path(path).suffixes]
        if suffixes and suffixes[-1] in COMPRESSED:
            suffixes.pop()
        found = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        what = "a pipe has no suffix" if path == "-" else f"{path!r} has none of them"
        message = f"the suffix says the format ({', '.join(SUFFIXES)}); {what}"
        raise unreadable("", message, f"give {option}")
    if found == "excel" and option != "--format":
        raise unreadable("", "workbooks are read, not written", "write CSV or Parquet")
    return found


def packing_of(path: str, form: str) -> str:
    """The compression of an output, by its suffix: gzip, zstd, or '' for none.

    Raises ``RecordError`` for a format that compresses itself.
    """
    packed = COMPRESSED.get(Path(path).suffix.lower(), "")
    if packed and form not in ("csv", "jsonl"):
        hint = f"leave {Path(path).suffix} out of the name"
        raise unreadable("", f"{form} is not compressed as a whole: {path}", hint)
    return packed


def find_inputs(patterns: Iterable[str]) -> tuple[str, ...]:
    """The files of paths and globs, each once; the files of a glob in order of their names."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if Path(pattern).is_dir():
            some = Path(pattern) / "*.parquet"
            raise IsADirectoryError(f"{pattern} is a folder: give its files, such as '{some}'")
        if Path(pattern).is_fifo():
            hint = "send it to standard input and give -"
            raise unreadable(pattern, "a pipe with a name cannot be read", hint)
        if pattern == "-" or Path(pattern).exists():
            found[pattern] = None
            continue
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise FileNotFoundError(f"no such file: {pattern}")
        found.update(dict.fromkeys(matches))
    return tuple(found)


def _is_open(kind: Any) -> bool:
    """Whether a column has no type yet: it is new, or no row of its file has a value."""
    return kind is None or str(kind) == "null"


def open_input(
    patterns: Iterable[str], given: str = "", encoding: str = "", sheet: str = ""
) -> Input:
    """The input that paths and globs name, in a ``given`` format, ``encoding`` or ``sheet``.

    A column without a value in one file (Arrow's type null) has its type from the others.
    Raises ``RecordError`` when a file cannot be read, when two columns have one name, or
    when files have different columns or types.
    """
    paths = find_inputs(patterns)
    formats = {format_of(path, given) for path in paths}
    if len(formats) != 1:
        raise unreadable("", f"the files have different formats: {', '.join(sorted(formats))}")
    form = formats.pop()
    if encoding:
        _check_encoding(form, encoding)
    if len(paths) > 1 and "-" in paths:
        raise unreadable("", "standard input cannot be one of several inputs")
    if sheet and form != "excel":
        raise unreadable("", f"{form} has no sheets", "leave out --sheet")
    found = [_columns(path, form, encoding, sheet) for path in paths]
    first = dict(found[0][0])
    for path, (columns, _) in zip(paths, found, strict=True):
        names = [name for name, _ in columns]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)[:5]
        if twice:
            raise RecordError(
                [Problem("TN212", f"two columns are called {name!r}", name, path) for name in twice]
            )
        if form != "jsonl" and set(names) != set(first):
            odd = sorted(set(names) ^ set(first))[:5]
            raise unreadable(path, f"other columns than {paths[0]}: {', '.join(odd)}")
        first |= {name: kind for name, kind in columns if _is_open(first.get(name))}
        types = {name: kind for name, kind in columns if not _is_open(kind)}
        other = [name for name, kind in types.items() if form != "jsonl" and kind != first[name]]
        if other:
            said = ", ".join(f"{n} ({types[n]} instead of {first[n]})" for n in sorted(other)[:5])
            raise unreadable(path, f"other types of columns than {paths[0]}: {said}")
    total = sum(rows for _, rows in found)
    return Input(paths, form, first, total, encoding=encoding, sheet=sheet)


def _columns(path: str, form: str, encoding: str, sheet: str) -> Columns:
    """Names and types of a file, and its rows when it says how many."""
    if form in TEXTS:
        return (csv_columns if form == "csv" else json_columns)(path, encoding)
    if form == "excel":
        return sheet_columns(path, sheet)
    return (parquet_columns if form == "parquet" else arrow_columns)(path)


def _check_encoding(form: str, encoding: str) -> None:
    """Raises ``RecordError`` for an encoding that does not exist, or of a format without text."""
    if form not in TEXTS:
        raise unreadable("", f"{form} says itself how its text is encoded", "leave out --encoding")
    check_encoding(encoding)
