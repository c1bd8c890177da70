"""How do scored batches become bytes of a file that can be resumed after a kill?

Text (CSV, JSON Lines) is appended in its final form.  Parquet and Arrow files end in a footer, so
their rows are kept aside as an Arrow stream, whose messages can be appended, and turned into the
file at the end.
"""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from twitchnet.batch.formats.json_text import json_lines
from twitchnet.batch.formats.opening import unreadable
from twitchnet.batch.stream import arrow

ROW_GROUP = 131_072
"""Rows of a Parquet row group; the file does not depend on the chunks that made it."""

COPIED = 1 << 20
"""Bytes that are compressed at once."""

PACKING = 6
"""Level of gzip: 9 takes four times as long and saves 1 % more."""


def piece(form: str, batch: Any, first: bool) -> bytes:
    """The bytes that a batch adds; the ``first`` one brings the header."""
    if form == "csv":
        from pyarrow import csv

        text = io.BytesIO()
        csv.write_csv(batch, text, csv.WriteOptions(include_header=first))
        return text.getvalue()
    if form == "jsonl":
        return json_lines(batch)
    head = batch.schema.serialize().to_pybytes() if first else b""
    return bytes(head + batch.serialize().to_pybytes())


def pipe_end(form: str, path: str = "-") -> bytes:
    """The bytes after the last piece in a pipe.  Raises ``RecordError`` for Parquet."""
    if form == "parquet":
        raise unreadable(path, "Parquet cannot be written to a pipe", "use --output-format arrow")
    return b"\xff\xff\xff\xff\0\0\0\0" if form == "arrow" else b""


def finish(
    form: str,
    data: Path,
    target: Path,
    types: Mapping[str, Any] | None = None,
    packed: str = "",
) -> None:
    """Makes the output ``target`` from the rows aside in ``data``.

    ``types`` are those of the input: texts that were dictionaries are so again in Parquet.
    Text is compressed, ``packed`` by ``gzip`` or ``zstd``, always to the same bytes; text that
    is not needs no finish.
    """
    pa = arrow()
    if form not in ("parquet", "arrow"):
        with data.open("rb") as source, target.open("wb") as raw, packing(raw, packed) as sink:
            shutil.copyfileobj(source, sink, COPIED)
        return
    with pa.OSFile(str(data), "rb") as source, pa.ipc.open_stream(source) as stream:
        if form == "arrow":
            with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, stream.schema) as file:
                for batch in stream:
                    file.write_batch(batch)
            return
        from pyarrow import parquet

        schema = _with_dictionaries(stream.schema, types or {})
        waiting: list[Any] = []
        count = 0
        with parquet.ParquetWriter(
            str(target),
            schema,
            compression="zstd",
            # posteriors hardly repeat: a dictionary of them costs time and saves nothing
            use_dictionary=[f.name for f in schema if not pa.types.is_floating(f.type)],
        ) as file:
            for batch in stream:
                waiting.append(batch)
                count += batch.num_rows
                if count >= ROW_GROUP:
                    table = pa.Table.from_batches(waiting)
                    file.write_table(_as(table.slice(0, ROW_GROUP), schema), ROW_GROUP)
                    waiting = table.slice(ROW_GROUP).to_batches()
                    count -= ROW_GROUP
            while waiting:
                table = pa.Table.from_batches(waiting)
                file.write_table(_as(table.slice(0, ROW_GROUP), schema), ROW_GROUP)
                waiting = table.slice(ROW_GROUP).to_batches()


def packing(raw: Any, kind: str) -> Any:
    """A stream that compresses what it is given, by ``gzip`` or ``zstd``, into another one."""
    if kind == "gzip":  # without a name and a time in it
        return gzip.GzipFile("", "wb", PACKING, raw, mtime=0)
    return arrow().CompressedOutputStream(raw, kind)


@lru_cache(maxsize=1024)
def parquet_holds(kind: Any) -> bool:
    """Whether one null of a type can be written to a Parquet file and read again."""
    pa = arrow()
    from pyarrow import parquet

    try:
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table({"x": pa.nulls(1, kind)}), sink)
        parquet.read_table(pa.BufferReader(sink.getvalue()))
    except (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError):
        return False
    return True


def _with_dictionaries(schema: Any, types: Mapping[str, Any]) -> Any:
    """A schema with the dictionaries of ``types``; the order of ordered ones is not kept."""
    pa = arrow()
    for i, field in enumerate(schema):
        kind = types.get(field.name)
        if kind is None or not pa.types.is_dictionary(kind) or kind.ordered:
            continue
        if kind.value_type == field.type and parquet_holds(pa.dictionary(pa.int32(), field.type)):
            schema = schema.set(i, field.with_type(pa.dictionary(pa.int32(), field.type)))
    return schema


def _as(table: Any, schema: Any) -> Any:
    """The table with the columns that are dictionaries in ``schema``."""
    columns = [
        column.dictionary_encode() if column.type != field.type else column
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return arrow().Table.from_arrays(columns, schema=schema)
