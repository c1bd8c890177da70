"""How does a scored frame come back as the caller's kind, with its own columns kept?

No inference happens here: :class:`Scores` are put beside the columns of the caller.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal, get_args

import numpy as np

from twitchnet.batch.encoding.columns import Source, open_source
from twitchnet.batch.encoding.encode import encode_frame
from twitchnet.batch.encoding.long_frames import widen_frame
from twitchnet.batch.scoring.posteriors import Progress
from twitchnet.batch.scoring.score import Column, Scorer, Scores
from twitchnet.diagnosis.care.triage import care_variables
from twitchnet.engine.host.batch import LIMITS
from twitchnet.errors import CapacityError, Problem, RecordError, limit_of
from twitchnet.show.progress import Meter

OnError = Literal["status", "raise", "unknown"]

PARTLY = "partly read"
"""The status of a record that was scored although a cell of it could not be read."""


def score_frame(
    scorer: Scorer,
    frame: Any,
    *,
    on_error: OnError = "status",
    threads: int | None = None,
    progress: bool | Progress = False,
    long_input: bool = False,
) -> Any:
    """A frame of the caller's kind, one row per record, in the same order.

    ``long_input`` reads a row per answer, with the columns ``record_id``, ``variable`` and
    ``value``; of these the first one stays.  With details, ``problem`` says which cells of a record
    could not be read.  ``on_error="unknown"`` takes such cells as unknown and keeps the record,
    except for answers that a rule or a red flag reads.  Raises ``ValueError`` when a column that
    stays has the name of a result, ``RecordError`` with ``on_error="raise"`` for the first
    problems.
    """
    if on_error not in get_args(OnError):
        raise ValueError(f'on_error is "status", "raise" or "unknown", not {on_error!r}')
    names, keep, prefix = scorer.options.names, scorer.options.keep, scorer.options.prefix
    native = _native(frame)
    source = open_source(native)
    if long_input:
        encoded, source = widen_frame(scorer.network, source, names, scorer.options.values)
        kept = list(source.names)
        native = source.frame if source.kind == "pandas" else native
    else:
        options = scorer.options
        encoded = encode_frame(scorer.network, source, names, options.values, options.split)
        kept = [name for name in source.names if keep == "all" or name in encoded.other]
    if keep == "none":
        kept = []
    own = [*scorer.schema, *(["problem"] if scorer.options.details else [])]
    refuse_same_names(kept, [prefix + name for name in own])
    if on_error == "raise":
        encoded.refuse()
    problems, refusals = encoded.problems() if scorer.options.details else None, encoded.refusals
    left = np.zeros(len(encoded.codes), dtype=np.bool_)
    if on_error == "unknown":
        encoded, left = encoded.lenient(care_variables(scorer.network))
    with Meter(source.rows, shown=progress is True) as meter:
        report = progress if callable(progress) else meter
        scores = scorer.score(encoded, threads=threads, progress=report)
    if on_error == "raise":
        refuse_records(scores, scorer.inference.budget)
    columns = {prefix + name: values for name, values in scores.columns.items()}
    status = columns[f"{prefix}status"]
    columns[f"{prefix}status"] = np.where(left & (status == "ok"), PARTLY, status)
    if problems is not None:
        columns[f"{prefix}problem"] = problems
    scored = attach(source, native, kept, columns)
    if source.kind == "pandas":
        scored.attrs["not understood"] = [asdict(one) for one in refusals]
    if frame is _native(frame):
        return scored
    import narwhals

    return narwhals.from_native(scored)


def _native(frame: Any) -> Any:
    """The native frame inside a frame of narwhals; any other frame as it is."""
    narwhals = sys.modules.get("narwhals")
    if narwhals is None or not isinstance(frame, narwhals.DataFrame | narwhals.LazyFrame):
        return frame
    return frame.to_native()


def refuse_same_names(kept: Iterable[str], results: Iterable[str]) -> None:
    """Raises ``ValueError`` when a kept column would be written twice."""
    kept = list(kept)
    both = [name for name in results if name in kept]
    if both:
        raise ValueError(
            f"the frame has a column of the same name as a result: {', '.join(both)}; "
            "rename it, leave it out, or give the results a prefix"
        )


def refuse_records(scores: Scores, budget: float) -> None:
    """Raises for the first record that has no result."""
    for row, said in enumerate(scores.status.tolist()):
        if said == "too wide":
            limit = limit_of(LIMITS[scores.limits[row]])
            raise CapacityError(float(scores.cells[row]), budget, limit)
        if said == "impossible":
            message = "these answers cannot all hold: they have probability 0"
            raise RecordError([Problem("TN205", f"row {row}: {message}")])


def attach(source: Source, frame: Any, kept: list[str], columns: Mapping[str, Column]) -> Any:
    """The kept columns and the results, as a frame of the caller's kind."""
    if source.kind == "plain":
        return {name: source.frame[name] for name in kept} | dict(columns)
    if source.kind == "pandas":
        import pandas

        places = [source.names.index(name) for name in kept]
        results = pandas.DataFrame(dict(columns), index=frame.index)
        return pandas.concat([frame.iloc[:, places], results], axis="columns")
    if source.kind == "polars":
        import polars

        new = [_polars(polars, name, values) for name, values in columns.items()]
        scored = source.frame.select(kept)
        scored = scored.with_columns(new) if kept else polars.DataFrame(new)
        return scored.lazy() if source.lazy else scored
    import pyarrow

    places = [source.names.index(name) for name in kept]
    results = {name: arrow_array(values) for name, values in columns.items()}
    before = source.frame.schema
    fields = [before.field(i) for i in places]
    fields += [pyarrow.field(name, values.type) for name, values in results.items()]
    schema = pyarrow.schema(fields, before.metadata)
    arrays = [*(source.frame.column(i) for i in places), *results.values()]
    table = pyarrow.table(arrays, schema=schema)
    duckdb = sys.modules.get("duckdb")
    if duckdb is not None and isinstance(frame, duckdb.DuckDBPyRelation):
        return _relation(frame, table)
    if isinstance(frame, pyarrow.RecordBatch):
        return table.combine_chunks().to_batches()[0] if len(table) else _empty(table.schema)
    return table


def _relation(relation: Any, scored: Any) -> Any:
    """A relation over the table ``scored``, in the connection of another relation."""
    # DuckDB finds a table by the name of a local variable, if it has no table of that name.
    twitchnet_scored_rows = scored  # noqa: F841  (read by DuckDB)
    return relation.query("twitchnet_before", "SELECT * FROM twitchnet_scored_rows")


def _polars(polars: Any, name: str, values: Column) -> Any:
    if values.dtype == object:
        return polars.Series(name, values.tolist(), dtype=polars.String)
    return polars.Series(name, values).fill_nan(None)


def arrow_array(values: Column) -> Any:
    """A column of results as an Arrow array; NaN and None become null."""
    import pyarrow

    if values.dtype == object:
        return pyarrow.array(values, type=pyarrow.string())
    return pyarrow.array(values, type=pyarrow.float64(), mask=np.isnan(values))


def _empty(schema: Any) -> Any:
    import pyarrow

    return pyarrow.RecordBatch.from_pylist([], schema=schema)
