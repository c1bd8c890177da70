"""How are Parquet and Arrow files read, from any row on?

Their cells have types, so no row is refused here: a file can be read as a whole or not at all.
Answers in Parquet are read as dictionaries: a cell is never made into a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twitchnet.batch.formats.opening import (
    BLOCK,
    COMPRESSED,
    STDIN,
    Chunk,
    Columns,
    Cursor,
    guarded,
    guarded_batches,
    open_bytes,
    unreadable,
)
from twitchnet.batch.stream import arrow

PAGES = 1 << 18
"""Bytes of a Parquet column that are read ahead; without a limit a whole row group is in memory."""


def parquet_columns(path: str) -> Columns:
    """Names and types of a Parquet file, and its rows."""
    arrow()
    from pyarrow import parquet

    if path == "-":
        raise unreadable("-", "Parquet cannot be read from a pipe", "give a file")
    with guarded(path, lambda: parquet.ParquetFile(path)) as file:
        return [(one.name, one.type) for one in file.schema_arrow], file.metadata.num_rows


def parquet_chunks(
    path: str, size: int, start: Cursor, needed: tuple[str, ...], words: frozenset[str]
) -> Iterator[Chunk]:
    """The rows after ``start``; row groups that lie before it are not opened.

    ``needed`` are the columns to read; of those, texts in ``words`` come as dictionaries.
    """
    pa = arrow()
    from pyarrow import parquet

    def read(file: Any) -> Iterator[Any]:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        before, first = 0, 0
        while first < len(groups) and before + groups[first] <= start.row:
            before, first = before + groups[first], first + 1
        batches = file.iter_batches(
            size,
            row_groups=range(first, len(groups)),
            columns=list(needed) if len(needed) < len(file.schema_arrow.names) else None,
            use_threads=False,
        )
        yield from _after(guarded_batches(path, batches), start.row - before)

    with guarded(path, lambda: parquet.ParquetFile(path)) as file:
        texts = [f.name for f in file.schema_arrow if pa.types.is_string(f.type)]
    options = {"read_dictionary": [n for n in texts if n in words], "buffer_size": PAGES}
    with guarded(path, lambda: parquet.ParquetFile(path, **options)) as file:
        yield from _numbered(path, read(file), size, start)


def _arrow_reader(path: str) -> Any:
    pa = arrow()
    if path == "-" or Path(path).suffix.lower() in COMPRESSED:
        return guarded(path, lambda: pa.ipc.open_stream(open_bytes(path)))
    with open(path, "rb") as file:
        is_file = file.read(6) == b"ARROW1"
    source = pa.memory_map(path)
    return guarded(path, lambda: (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source))


def arrow_columns(path: str) -> Columns:
    """Names and types of an Arrow file or stream, and the rows of a file."""
    if path == "-":
        STDIN.peek(BLOCK)
    reader, rows = _arrow_reader(path), 0
    if hasattr(reader, "num_record_batches"):
        from pyarrow import dataset

        # counted without the rows, which may be compressed
        rows = guarded(path, lambda: dataset.dataset(path, format="arrow").count_rows())
    return [(one.name, one.type) for one in reader.schema], rows


def arrow_chunks(
    path: str, size: int, start: Cursor, needed: tuple[str, ...], words: frozenset[str]
) -> Iterator[Chunk]:
    """The rows after ``start``; what lies before it is passed over in the mapped file."""
    reader = _arrow_reader(path)
    if hasattr(reader, "num_record_batches"):
        batches: Iterable[Any] = (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        batches = reader
    yield from _numbered(path, _after(guarded_batches(path, batches), start.row), size, start)


def _after(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """The batches without their first rows."""
    for batch in batches:
        if rows < batch.num_rows:
            yield batch.slice(rows) if rows else batch
        rows = max(rows - batch.num_rows, 0)


def _numbered(path: str, batches: Iterable[Any], size: int, start: Cursor) -> Iterator[Chunk]:
    seen = start.row
    for batch in rechunk(batches, size):
        numbers = np.arange(seen + 1, seen + 1 + batch.num_rows)
        seen += batch.num_rows
        yield Chunk(path, batch, numbers, [], start._replace(row=seen))


def rechunk(batches: Iterable[Any], size: int) -> Iterator[Any]:
    """The same rows in batches of ``size``, the last one shorter."""
    pa = arrow()
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        if not waiting and batch.num_rows == size:
            yield batch
            continue
        waiting.append(batch)
        count += batch.num_rows
        if count < size:
            continue
        table = pa.Table.from_batches(waiting)
        whole = count - count % size
        for begin in range(0, whole, size):
            yield one_batch(table.slice(begin, size))
        waiting, count = table.slice(whole).to_batches(), count - whole
    if count:
        yield one_batch(pa.Table.from_batches(waiting))


def one_batch(table: Any) -> Any:
    """A table as a single record batch."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else arrow().RecordBatch.from_pylist([], schema=table.schema)
