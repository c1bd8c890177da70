"""How is one column of a caller's frame read, whatever library made the frame?

A :class:`Source` names its columns and gives each as :class:`Levels`: the different values that
occur, once each, and which of them every row has.  Answers are then read once per different value,
not once per cell.  Sources are frames of pandas, polars (eager and lazy) and pyarrow, every frame
that narwhals or the Arrow PyCapsule interface can read, and plain mappings of lists.  No model may
enter here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.diagnosis.evidence import in_range
from twitchnet.errors import needs

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Levels:
    """The different ``values`` of a column, and the place of each row's value in them, ``index``
    (rows,); -1 is null.
    """

    values: Sequence[object]
    index: Indices


@dataclass(frozen=True, slots=True)
class Source:
    """A frame to read: ``kind`` is pandas, polars, pyarrow or plain; ``lazy`` for a query.

    The frame of the kind ``levels`` is a mapping of columns that are read already.
    """

    frame: Any
    kind: str
    names: tuple[str, ...]
    rows: int
    lazy: bool = False

    def levels(self, name: str) -> Levels:
        """The values of one column."""
        if self.kind == "levels":
            found: Levels = self.frame[name]
            return found
        if self.kind == "plain":
            return _plain(self.frame[name])
        if self.kind == "pyarrow":
            return _arrow(self.frame.column(self.names.index(name)))
        column = self.frame[name]
        return _pandas(column) if self.kind == "pandas" else _polars(column)

    def take(self, rows: Indices, name: str) -> Source:
        """Some rows of one column, as a source of the same kind."""
        if self.kind == "pandas":
            picked = self.frame.iloc[rows][[name]].reset_index(drop=True)
        elif self.kind == "polars":
            picked = self.frame.select(name)[rows.tolist()]
        elif self.kind == "pyarrow":
            picked = self.frame.select([self.names.index(name)]).take(rows)
        else:
            values = self.frame[name]
            picked = {name: [values[row] for row in rows.tolist()]}
        return Source(picked, self.kind, (name,), len(rows), self.lazy)


def open_source(frame: Any) -> Source:
    """The source that a frame is.

    Raises ``TypeError`` for something that is not a frame, ``ImportError`` when a frame
    that is neither pandas nor polars needs pyarrow and it is missing.

    >>> open_source({"a": ["yes", "no"], "id": [1, 2]}).names
    ('a', 'id')
    """
    if isinstance(frame, Source):
        return frame
    if isinstance(frame, Mapping):
        return _open_mapping(frame)
    if isinstance(frame, _class("pandas", "DataFrame")):
        named = frame.set_axis([str(name) for name in frame.columns], axis="columns")
        return Source(named, "pandas", tuple(named.columns), len(named))
    if isinstance(frame, _class("polars", "LazyFrame")):
        read = frame.collect()
        return Source(read, "polars", tuple(read.columns), len(read), lazy=True)
    if isinstance(frame, _class("polars", "DataFrame")):
        return Source(frame, "polars", tuple(frame.columns), len(frame))
    table = _arrow_table(frame)
    return Source(table, "pyarrow", tuple(table.column_names), table.num_rows)


def _class(package: str, name: str) -> Any:
    """A class of a package, or () when the package is not loaded.

    Another thread may be importing the package just now; no frame can be of that class yet.
    """
    return getattr(sys.modules.get(package), name, ())


def _open_mapping(frame: Mapping[Any, Any]) -> Source:
    columns = {str(name): values for name, values in frame.items()}
    if not all(hasattr(values, "__len__") for values in columns.values()):
        raise TypeError("a mapping of columns has a sequence of values for each name")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise TypeError(f"the columns have different lengths: {sorted(lengths)}")
    return Source(columns, "plain", tuple(columns), lengths.pop() if lengths else 0)


def _arrow_table(frame: Any) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise needs("pyarrow") from None
    if isinstance(frame, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([frame])
    if isinstance(frame, pyarrow.Table):
        return frame
    import narwhals

    try:
        if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
            return pyarrow.table(frame)
        known: Any = narwhals.from_native(frame)
    except (TypeError, pyarrow.ArrowInvalid):  # invalid: one column instead of a table
        raise TypeError(
            f"cannot read a {type(frame).__name__} as a frame: give a pandas, polars or "
            "pyarrow frame, something with the Arrow PyCapsule interface, or a mapping of lists"
        ) from None
    if isinstance(known, narwhals.LazyFrame):
        return known.collect("pyarrow").to_native()
    return known.to_arrow()


def _plain(values: Any) -> Levels:
    """Any sequence; values that cannot be hashed count as different from all others."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    found: dict[object, int] = {}
    kept: list[object] = []
    index = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        key: object = (type(value), value)  # True, 1 and 1.0 would be one key
        try:
            at = found.setdefault(key, len(kept))
        except TypeError:
            at = len(kept)
        if at == len(kept):
            kept.append(in_range(value) if type(value) is int else value)
        index[row] = at
    return Levels(kept, index)


def _pandas(column: Any) -> Levels:
    import pandas

    try:
        index, values = pandas.factorize(column, use_na_sentinel=True)
    except TypeError:  # cells that cannot be hashed
        return _plain(column.tolist())
    kept = [in_range(value) if type(value) is int else value for value in values.tolist()]
    return Levels(kept, index.astype(np.int64))


def _polars(column: Any) -> Levels:
    if column.dtype.is_float():
        column = column.fill_nan(None)
    try:
        values = column.drop_nulls().unique(maintain_order=True)
        places = range(len(values))
        index = column.replace_strict(values, list(places), default=-1) if len(values) else None
    except Exception:  # nested or object columns have no order of values
        return _plain(column.to_list())
    if index is None:
        return Levels([], np.full(len(column), -1, dtype=np.int64))
    return Levels(values.to_list(), index.fill_null(-1).to_numpy().astype(np.int64))


def _arrow(column: Any) -> Levels:
    import pyarrow

    if pyarrow.types.is_null(column.type):
        return Levels([], np.full(len(column), -1, dtype=np.int64))
    try:
        encoded = column if pyarrow.types.is_dictionary(column.type) else column.dictionary_encode()
        whole = encoded.unify_dictionaries().combine_chunks()
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        return _plain(column.to_pylist())
    if isinstance(whole, pyarrow.ChunkedArray):
        whole = pyarrow.concat_arrays(whole.chunks) if whole.num_chunks else None
    if whole is None or len(whole) == 0:
        return Levels([], np.empty(0, dtype=np.int64))
    return Levels(whole.dictionary.to_pylist(), _places(whole.indices))


def _places(indices: Any) -> Indices:
    """Arrow indices as int64 (rows,), -1 for null; the indices of a dictionary may be unsigned."""
    if not indices.null_count:
        found: Indices = indices.to_numpy().astype(np.int64)
        return found
    bits, values = indices.buffers()
    start, stop = indices.offset, indices.offset + len(indices)
    there = np.unpackbits(np.frombuffer(bits, np.uint8), count=stop, bitorder="little")[start:]
    places = np.frombuffer(values, indices.type.to_pandas_dtype(), stop)[start:]
    found = places.astype(np.int64)
    found[there == 0] = -1
    return found
