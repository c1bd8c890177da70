"""How does a record batch become JSON Lines, without a Python object per cell?

Each column becomes a column of JSON texts, and the columns are joined row by row.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from twitchnet.batch.stream import arrow


def json_lines(batch: Any) -> bytes:
    r"""A line for each row of a record batch; a number that is not finite is null.

    >>> import pyarrow
    >>> json_lines(pyarrow.RecordBatch.from_pydict({"a": [1, None], "b": ['"', "x"]}))
    b'{"a": 1, "b": "\\""}\n{"a": null, "b": "x"}\n'
    """
    import pyarrow.compute as compute

    if not batch.num_rows:
        return b""
    pa = arrow()
    text = pa.large_string()
    parts: list[Any] = []
    for place, (field, column) in enumerate(zip(batch.schema, batch.columns, strict=True)):
        before = f"{', ' if place else '{'}{json.dumps(field.name, ensure_ascii=False)}: "
        parts += [pa.scalar(before, text), _texts(column).fill_null("null")]
    end = pa.scalar("}\n" if parts else "{}\n", text)
    lines = compute.binary_join_element_wise(*parts, end, pa.scalar("", text))
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int64)
    return bytes(memoryview(data)[ends[lines.offset] : ends[lines.offset + len(lines)]])


def _texts(column: Any) -> Any:
    """The JSON text of each cell, null where there is none."""
    pa = arrow()
    import pyarrow.compute as compute

    kind, text = column.type, pa.large_string()
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        finite = compute.if_else(compute.is_finite(column), column, None)
        return compute.cast(finite, text)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return compute.cast(column, text)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        encoded = column.dictionary_encode()
        said = [json.dumps(value, ensure_ascii=False) for value in encoded.dictionary.to_pylist()]
        return pa.array(said, text).take(encoded.indices)
    return pa.array([_text(value) for value in column.to_pylist()], text)


def _text(value: object) -> str | None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:  # somewhere inside; JSON has no such number
        return json.dumps(str(value), ensure_ascii=False)
