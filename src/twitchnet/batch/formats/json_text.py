"""How does a record batch become JSON Lines, without a Python object per cell?

Each column becomes a column of JSON texts, and the columns are joined row by row.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
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
    return pa.array([json_text(value) for value in python_values(column)], text)


def python_values(column: Any) -> list[Any]:
    """The cells as Python values; those of times that Python cannot hold as texts.

    Raises an error of Arrow, ``ValueError`` or ``OverflowError`` for what is neither.
    """
    kind = column.type
    try:
        return list(_cast(column, _without_times(kind, nanoseconds=True)).to_pylist())
    except (OverflowError, ValueError):  # a year after 9999
        return list(_cast(column, _without_times(kind)).to_pylist())


def _cast(column: Any, kind: Any) -> Any:
    return column if column.type == kind else column.cast(kind)


def _without_times(kind: Any, nanoseconds: bool = False) -> Any:
    """A type with texts for its times, or only for those that Python cuts to microseconds."""
    pa = arrow()
    types = pa.types
    if types.is_time64(kind) if nanoseconds else types.is_temporal(kind):
        return pa.string() if not nanoseconds or kind.unit == "ns" else kind
    if types.is_struct(kind):
        return pa.struct([one.with_type(_without_times(one.type, nanoseconds)) for one in kind])
    if types.is_map(kind):
        key, item = (_without_times(one, nanoseconds) for one in (kind.key_type, kind.item_type))
        return pa.map_(key, item)
    if types.is_list(kind) or types.is_large_list(kind):
        make = pa.list_ if types.is_list(kind) else pa.large_list
        field = kind.value_field
        return make(field.with_type(_without_times(field.type, nanoseconds)))
    return kind


def cell_text(value: object) -> str | None:
    """A cell as text: a text as it is, bytes in base64, a list or mapping as JSON.

    >>> cell_text("a"), cell_text([1, "a"]), cell_text(b"a")
    ('a', '[1, "a"]', 'YQ==')
    """
    plain = _plain(value)
    return plain if isinstance(plain, str) else json_text(plain)


def json_text(value: object) -> str | None:
    """The JSON of a value, None where there is none; a number that is not finite is null."""
    plain = _plain(value)
    return None if plain is None else json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    """A value of Python as one of JSON."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list) or type(value) is tuple:
        return [_plain(item) for item in value]
    return str(value)
