"""How are records read from files, a chunk at a time and with every row accounted for?

A :class:`Chunk` holds rows that could be read, with their numbers in the file, and the
rows that could not.  CSV (plain, gz, zst), Parquet, Arrow IPC and JSON Lines; several
files of the same columns are one input.  What the cells mean is not judged here.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.stream import arrow
from twitchnet.errors import Problem, RecordError, nearest

FORMATS = ("csv", "parquet", "arrow", "jsonl")
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow",
    ".feather": "arrow", ".ipc": "arrow", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}

BLOCK = 1 << 24
"""Bytes of text parsed at once; a header of 100,000 names must fit."""


class Reject(NamedTuple):
    """A row without a result: where it is, and the first thing that is wrong with it."""

    file: str
    row: int
    code: str
    column: str
    value: str
    reason: str
    more: str = ""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    ``frame`` is a record batch or a mapping of lists; ``numbers`` (rows,) are the rows'
    numbers in the file, from 1 and without the header; ``rejects`` are rows that could
    not be read; ``rows`` counts both.
    """

    file: str
    frame: Any
    numbers: NDArray[np.int64]
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the input that this chunk accounts for."""
        return len(self.numbers) + len(self.rejects)


@dataclass(frozen=True)
class Input:
    """One or more files of one format; ``-`` is standard input."""

    paths: tuple[str, ...]
    format: str
    columns: Mapping[str, Any]  # Arrow type by name
    total: int = 0  # rows, when the files say so

    def chunks(self, size: int) -> Iterator[Chunk]:
        """All rows, in order, at most ``size`` at a time."""
        for path in self.paths:
            yield from READERS[self.format](path, self.columns, size)


def format_of(path: str, given: str = "") -> str:
    """The format of a file, by its suffix unless it is given.

    >>> format_of("records.csv.gz")
    'csv'
    """
    if given:
        return given
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    found = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        what = "standard input has no suffix" if path == "-" else f"{path!r} has none of them"
        raise unreadable(
            "", f"the suffix says the format ({', '.join(SUFFIXES)}); {what}", "give --format"
        )
    return found


def unreadable(path: str, message: str, hint: str = "") -> RecordError:
    """The error for an input that cannot be read as a whole."""
    return RecordError([Problem("TN210", message, "", path, hint=hint)])


def find_inputs(patterns: Iterable[str]) -> tuple[str, ...]:
    """The files of paths and globs, each once; the files of a glob in order of their names."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern == "-" or Path(pattern).exists():
            found[pattern] = None
            continue
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise FileNotFoundError(f"no such file: {pattern}")
        found.update(dict.fromkeys(matches))
    return tuple(found)


def open_input(patterns: Iterable[str], given: str = "") -> Input:
    """The input that paths and globs name.

    Raises ``RecordError`` when a file cannot be read, when two columns have one name, or
    when files have different columns.
    """
    paths = find_inputs(patterns)
    formats = {format_of(path, given) for path in paths}
    if len(formats) != 1:
        raise unreadable("", f"the files have different formats: {', '.join(sorted(formats))}")
    form = formats.pop()
    if len(paths) > 1 and "-" in paths:
        raise unreadable("", "standard input cannot be one of several inputs")
    found = [COLUMNS[form](path) for path in paths]
    first = dict(found[0][0])
    for path, (columns, _) in zip(paths, found, strict=True):
        names = [name for name, _ in columns]
        twice = (
            sorted({name for name in names if names.count(name) > 1})[:5]
            if (len(set(names)) < len(names))
            else []
        )
        if twice:
            raise RecordError(
                [Problem("TN212", f"two columns are called {name!r}", name, path) for name in twice]
            )
        if form != "jsonl" and dict(columns) != first:
            odd = set(dict(columns).items()) ^ set(first.items())
            names = sorted({name for name, _ in odd})[:5]
            raise unreadable(path, f"other columns than {paths[0]}: {', '.join(names)}")
        if form == "jsonl":
            first |= {name: kind for name, kind in columns if name not in first}
    return Input(paths, form, first, sum(total for _, total in found))


def _open(path: str) -> Any:
    """A readable stream of bytes, decompressed by the suffix."""
    pa = arrow()
    if path == "-":
        return STDIN.stream()
    kind = COMPRESSED.get(Path(path).suffix.lower())
    stream = pa.OSFile(path, "rb")
    return pa.CompressedInputStream(stream, kind) if kind else stream


class _Stdin:
    """Standard input, whose first block is looked at and then read again."""

    def __init__(self) -> None:
        self.head = b""

    def peek(self, size: int) -> bytes:
        if not self.head:
            self.head = sys.stdin.buffer.read(size)
        return self.head

    def stream(self) -> Any:
        return arrow().PythonFile(io.BufferedReader(_Joined(self.head, sys.stdin.buffer)), "r")


class _Joined(io.RawIOBase):
    """Bytes, then the rest of a stream."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self.head = io.BytesIO(head)
        self.rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.head.read(len(buffer)) or self.rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


STDIN = _Stdin()


def _peek(path: str) -> bytes:
    """The first block of a text file."""
    if path == "-":
        return STDIN.peek(BLOCK)
    try:
        return bytes(_open(path).read(BLOCK))
    except OSError as error:
        if not Path(path).is_file():
            raise
        raise unreadable(path, f"cannot be read: {error}", "is the file whole?") from None


Columns = tuple[list[tuple[str, Any]], int]


# --- CSV ------------------------------------------------------------------------------------


def _csv_columns(path: str) -> Columns:
    """Names of the header, all of them text, and no count."""
    head = _peek(path)
    try:
        # the header ends before the first cell that is not UTF-8 or the header is not UTF-8
        text = head.decode("utf-8-sig", errors="surrogateescape")
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path)), [])
    except csv.Error as error:
        raise unreadable(path, f"the header cannot be read: {error}") from None
    if not names:
        raise unreadable(path, "the file is empty: a CSV file begins with the names of its columns")
    if any("\0" in name or any("\udc80" <= c <= "\udcff" for c in name) for name in names):
        raise unreadable(path, "the header is not UTF-8 text", "save the file as UTF-8")
    return [(name, arrow().string()) for name in names], 0


def _delimiter(path: str) -> str:
    return "\t" if ".tsv" in Path(path).name.lower() else ","


def _csv_chunks(path: str, columns: Mapping[str, Any], size: int) -> Iterator[Chunk]:
    arrow()
    from pyarrow import csv as arrow_csv

    ragged: list[Reject] = []

    def refuse(row: Any) -> str:
        message = f"the row has {row.actual_columns} cells, the header {row.expected_columns}"
        ragged.append(Reject(path, row.number - 1, "TN211", "", row.text[:200], message))
        return "skip"

    reader = _guarded(
        path,
        lambda: arrow_csv.open_csv(
            _open(path),
            # one thread: only then does the parser know the numbers of ragged rows
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK),
            parse_options=arrow_csv.ParseOptions(
                delimiter=_delimiter(path), newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict(columns),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        ),
    )
    seen = 0  # rows of the file so far, ragged ones included
    for batch in _rechunk(_guarded_batches(path, reader), size):
        numbers = np.arange(seen + 1, seen + 1 + batch.num_rows)
        due: list[Reject] = []
        while ragged and ragged[0].row <= (numbers[-1] if len(numbers) else seen):
            due.append(ragged.pop(0))
            numbers[numbers >= due[-1].row] += 1
        seen += batch.num_rows + len(due)
        clean, numbers, bad = _whole_text(path, batch, numbers)
        yield Chunk(path, clean, numbers, sorted([*due, *bad], key=lambda reject: reject.row))
    if ragged:
        yield Chunk(path, {name: [] for name in columns}, np.empty(0, dtype=np.int64), ragged)


def _whole_text(
    path: str, batch: Any, numbers: NDArray[np.int64]
) -> tuple[Any, NDArray[np.int64], list[Reject]]:
    """The rows whose cells are UTF-8, and the others."""
    pa = arrow()
    bad: dict[int, Reject] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            for i, cell in enumerate(column.view(pa.binary()).to_pylist()):
                try:
                    (cell or b"").decode()
                except UnicodeDecodeError:
                    text = cell.decode(errors="replace")[:200]
                    found = Reject(path, int(numbers[i]), "TN211", name, text, "not UTF-8 text")
                    bad.setdefault(i, found)
    if not bad:
        return batch, numbers, []
    good = np.array([i not in bad for i in range(batch.num_rows)])
    return batch.filter(pa.array(good)), numbers[good], list(bad.values())


def _rechunk(batches: Iterable[Any], size: int) -> Iterator[Any]:
    """The same rows in batches of ``size``, the last one shorter."""
    pa = arrow()
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count < size:
            continue
        table = pa.Table.from_batches(waiting)
        whole = count - count % size
        for start in range(0, whole, size):
            yield _batch(table.slice(start, size))
        waiting, count = table.slice(whole).to_batches(), count - whole
    if count:
        yield _batch(pa.Table.from_batches(waiting))


def _batch(table: Any) -> Any:
    return table.combine_chunks().to_batches()[0]


def _guarded(path: str, call: Any) -> Any:
    """The result of a call; Arrow's errors about the file become ours."""
    pa = arrow()
    try:
        return call()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        said = str(error).partition("\n")[0][:300]
        raise unreadable(path, f"cannot be read: {said}", "is the file whole?") from None


def _guarded_batches(path: str, batches: Iterable[Any]) -> Iterator[Any]:
    iterator = iter(batches)
    while (batch := _guarded(path, lambda: next(iterator, None))) is not None:
        yield batch


# --- Parquet and Arrow ----------------------------------------------------------------------


def _parquet_columns(path: str) -> Columns:
    arrow()
    from pyarrow import parquet

    if path == "-":
        raise unreadable("-", "Parquet cannot be read from a pipe", "give a file")
    with _guarded(path, lambda: parquet.ParquetFile(path)) as file:
        return [(one.name, one.type) for one in file.schema_arrow], file.metadata.num_rows


def _parquet_chunks(path: str, columns: Mapping[str, Any], size: int) -> Iterator[Chunk]:
    from pyarrow import parquet

    with _guarded(path, lambda: parquet.ParquetFile(path)) as file:
        batches = file.iter_batches(size, use_threads=False)
        yield from _numbered(path, _guarded_batches(path, batches), size)


def _arrow_reader(path: str) -> Any:
    pa = arrow()
    if path == "-" or Path(path).suffix.lower() in COMPRESSED:
        return _guarded(path, lambda: pa.ipc.open_stream(_open(path)))
    with open(path, "rb") as file:
        is_file = file.read(6) == b"ARROW1"
    source = pa.memory_map(path)
    return _guarded(path, lambda: (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source))


def _arrow_columns(path: str) -> Columns:
    if path == "-":
        STDIN.peek(BLOCK)
    return [(one.name, one.type) for one in _arrow_reader(path).schema], 0


def _arrow_chunks(path: str, columns: Mapping[str, Any], size: int) -> Iterator[Chunk]:
    reader = _arrow_reader(path)
    if hasattr(reader, "num_record_batches"):
        batches: Iterable[Any] = (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        batches = reader
    yield from _numbered(path, _guarded_batches(path, batches), size)


def _numbered(path: str, batches: Iterable[Any], size: int) -> Iterator[Chunk]:
    seen = 0
    for batch in _rechunk(batches, size):
        yield Chunk(path, batch, np.arange(seen + 1, seen + 1 + batch.num_rows))
        seen += batch.num_rows


# --- JSON Lines -----------------------------------------------------------------------------


def _read_line(line: bytes) -> dict[str, Any]:
    """One record.  Raises ``ValueError`` with what is wrong."""
    document = json.loads(line.decode("utf-8-sig"))
    if not isinstance(document, dict):
        raise ValueError(f"a record is a JSON object, not {type(document).__name__}")
    return document


def _json_columns(path: str) -> Columns:
    """Every key of the first block, with the type that its values have."""
    pa = arrow()
    values: dict[str, list[Any]] = {}
    head = _peek(path)
    lines = head.split(b"\n")
    for line in lines[:-1] if len(head) == BLOCK else lines:
        try:
            for name, value in _read_line(line).items():
                values.setdefault(name, []).append(value)
        except ValueError:  # told when the line is read
            continue
    if not values:
        raise unreadable(path, "no line is a JSON object", 'write {"name": "state", ...}')
    columns = []
    for name, cells in values.items():
        try:
            kind = pa.array(cells).type
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            kind = pa.string()  # values of several types: kept as JSON text
        columns.append((name, pa.string() if pa.types.is_null(kind) else kind))
    return columns, 0


def _json_chunks(path: str, columns: Mapping[str, Any], size: int) -> Iterator[Chunk]:
    pa = arrow()
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []

    def chunk() -> Chunk:
        frame = {name: [row.get(name) for row in rows] for name in columns}
        found = Chunk(path, frame, np.array(numbers, dtype=np.int64), list(rejects))
        rows.clear()
        numbers.clear()
        rejects.clear()
        return found

    stream = _guarded(path, lambda: io.BufferedReader(_Joined(b"", _open(path)), BLOCK))
    number = 0
    while line := _guarded(path, stream.readline):
        if not line.strip():
            continue
        number += 1
        try:
            row = _read_line(line)
            strange = next((name for name in row if name not in columns), None)
            if strange is not None:
                hint = nearest(strange, columns)
                raise ValueError(f"no record before has the key {strange!r} {hint}".rstrip())
            for name, value in row.items():
                if not isinstance(value, str | int | bool | float | None):
                    pa.array([value], type=columns[name])
        except (ValueError, pa.ArrowTypeError) as error:
            text = line[:200].decode(errors="replace").strip()
            rejects.append(Reject(path, number, "TN211", "", text, str(error)))
        else:
            rows.append(row)
            numbers.append(number)
        if len(rows) + len(rejects) == size:
            yield chunk()
    if rows or rejects:
        yield chunk()


COLUMNS = {
    "csv": _csv_columns,
    "parquet": _parquet_columns,
    "arrow": _arrow_columns,
    "jsonl": _json_columns,
}
READERS = {
    "csv": _csv_chunks,
    "parquet": _parquet_chunks,
    "arrow": _arrow_chunks,
    "jsonl": _json_chunks,
}
