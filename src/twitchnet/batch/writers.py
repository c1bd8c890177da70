"""How do scored batches become bytes of a file that can be continued after a kill?

Text (CSV, JSON Lines) is appended as it will stand.  Parquet and Arrow files end in a
footer, so their rows are kept aside as an Arrow stream, whose messages can be appended,
and turned into the file at the end.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

from twitchnet.batch.stream import arrow

ROW_GROUP = 131_072
"""Rows of a Parquet row group; the file does not depend on the chunks that made it."""


def piece(form: str, batch: Any, first: bool) -> bytes:
    """The bytes that a batch adds; the ``first`` one brings the header."""
    if form == "csv":
        from pyarrow import csv

        text = io.BytesIO()
        csv.write_csv(batch, text, csv.WriteOptions(include_header=first))
        return text.getvalue()
    if form == "jsonl":
        return "".join(_line(row) for row in batch.to_pylist()).encode()
    head = batch.schema.serialize().to_pybytes() if first else b""
    return bytes(head + batch.serialize().to_pybytes())


def _line(row: dict[str, Any]) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    except ValueError:  # a kept number that is not finite; JSON has none
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        return json.dumps(finite, ensure_ascii=False, default=str) + "\n"


def finish(form: str, data: Path, target: Path) -> None:
    """Makes the output ``target`` from the rows aside in ``data``."""
    if form not in ("parquet", "arrow"):
        data.rename(target)
        return
    pa = arrow()
    with pa.OSFile(str(data), "rb") as source, pa.ipc.open_stream(source) as stream:
        if form == "arrow":
            with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, stream.schema) as file:
                for batch in stream:
                    file.write_batch(batch)
            return
        from pyarrow import parquet

        waiting: list[Any] = []
        with parquet.ParquetWriter(
            str(target),
            stream.schema,
            compression="zstd",
            # posteriors hardly repeat: a dictionary of them costs time and saves nothing
            use_dictionary=[f.name for f in stream.schema if not pa.types.is_floating(f.type)],
        ) as file:
            for batch in stream:
                waiting.append(batch)
                if sum(one.num_rows for one in waiting) >= ROW_GROUP:
                    table = pa.Table.from_batches(waiting)
                    file.write_table(table.slice(0, ROW_GROUP), ROW_GROUP)
                    waiting = table.slice(ROW_GROUP).to_batches()
            while waiting:
                table = pa.Table.from_batches(waiting)
                file.write_table(table.slice(0, ROW_GROUP), ROW_GROUP)
                waiting = table.slice(ROW_GROUP).to_batches()
