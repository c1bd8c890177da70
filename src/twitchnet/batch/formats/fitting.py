"""Which columns of an input can an output hold, and how are the others written?

A type is tried with the writer of the output before the first row is scored.  What it cannot
hold is written as text: texts as they are, bytes in base64, all else as JSON.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from twitchnet.batch.formats.json_text import cell_text, python_values
from twitchnet.batch.formats.writers import parquet_holds, piece
from twitchnet.batch.stream import Scheme, arrow


def fit(scheme: Scheme, form: str) -> Scheme:
    """The scheme with types of kept columns that a format holds."""
    types = dict(scheme.types)
    return replace(scheme, types=types | {name: held(form, types[name]) for name in scheme.kept})


@lru_cache(maxsize=1024)
def held(form: str, kind: Any) -> Any:
    """The type that a column has in an output: its own, that of its values, or text.

    >>> import pyarrow
    >>> held("csv", pyarrow.list_(pyarrow.int8())), held("parquet", pyarrow.uuid())
    (DataType(string), UuidType(extension<arrow.uuid>))
    """
    kind = plain_type(kind)
    return kind if _holds(form, kind) else arrow().string()


def plain_type(kind: Any) -> Any:
    """The type of the values of a dictionary, of runs or of views."""
    pa = arrow()
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _holds(form: str, kind: Any) -> bool:
    """Whether one null of a type can be picked out, written, and read again."""
    pa = arrow()
    if form == "csv" and _is_binary(kind):
        return False  # it depends on the bytes
    try:
        column = pa.nulls(1, kind).take(pa.array([0]))
        batch = pa.RecordBatch.from_arrays([column], ["x"])
        data = piece(form, batch, first=True)
        if form in ("arrow", "parquet"):
            pa.ipc.open_stream(data).read_all()
    except (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError):
        return False
    return form != "parquet" or parquet_holds(kind)


def _is_binary(kind: Any) -> bool:
    types = arrow().types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def fitted(column: Any, kind: Any) -> Any:
    """A column as one of the type ``held``.

    Raises an error of Arrow, ``ValueError`` or ``OverflowError`` for a value that is not text.
    """
    pa = arrow()
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    if pa.types.is_dictionary(column.type):
        return fitted(column.dictionary_decode(), kind)
    if pa.types.is_run_end_encoded(column.type):
        import pyarrow.compute as compute

        return fitted(compute.run_end_decode(column), kind)
    if plain_type(column.type) == kind:
        return column.cast(kind)
    return pa.array([cell_text(value) for value in python_values(column)], pa.string())
