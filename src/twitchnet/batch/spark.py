"""How is a Spark DataFrame scored?  By ``mapInArrow`` over the one function on record batches.

The model is broadcast, so it travels once per executor; each Python worker builds its
engine once and keeps it.  Kernels are compiled once per machine (``worker.prepare``).  Needs
pyspark 3.5 or newer, and Java; twitchnet is installed on the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Unpack

from twitchnet.batch.options import ScoreKeywords, ScoreOptions, options_of
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import arrow, make_scheme, score_batches
from twitchnet.batch.worker import prepare
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.numpy.plan import WORKSPACE
from twitchnet.errors import Problem, RecordError, needs
from twitchnet.model.network import Network

_SCORERS: dict[tuple[object, ...], Scorer] = {}
"""The scorers that this Python worker has built; later tasks reuse them."""


def score_spark(
    model: Any,
    frame: Any,
    options: ScoreOptions | None = None,
    *,
    threads: int | None = None,
    cache: str = "",
    **keywords: Unpack[ScoreKeywords],
) -> Any:
    """A Spark DataFrame with a row of results per row of ``frame``, evaluated when asked.

    ``threads`` is the number of threads of each task, by default the cores that Spark gives to a
    task (``spark.task.cpus``).  ``cache`` is the folder on the workers where compiled kernels are
    kept, as in ``worker.prepare``.  The other options are those of ``Model.score``; results are the
    same to the last bit.  Raises ``ImportError`` without pyspark or pyarrow, and what
    ``Model.score`` raises for columns that do not fit.
    """
    try:
        from pyspark.sql import types
    except ImportError:
        raise needs("pyspark", "spark") from None
    inference = model._inference
    network, budget, workspace = model.network, inference.budget, inference.workspace
    _refuse_columns(frame.schema)
    chosen = options_of(options, keywords)
    scorer = Scorer(inference, chosen)
    columns = list(frame.columns)
    # Only names count here; each task sees the Arrow types that Spark sends it.
    untyped = dict.fromkeys(columns, arrow().null())
    scheme = make_scheme(scorer, untyped)
    returned = types.StructType([frame.schema[name] for name in scheme.kept])
    for one in list(scheme.schema)[len(scheme.kept) :]:
        returned.add(one.name, "string" if one.type == arrow().string() else "double")
    sent = _sent(frame, network)

    def task(batches: Iterable[Any]) -> Iterator[Any]:
        mine = scorer_of(sent(), budget, chosen, workspace)
        prepare(cache)
        given = threads or _cores()
        named = (batch.rename_columns(columns) for batch in batches)
        for batch in score_batches(mine, named, threads=given):
            # Spark has no place for the metadata of a schema.
            yield batch.replace_schema_metadata(None)

    # mapInArrow asks for columns by name and takes a dot in a name for a field of a struct.
    plain = frame.toDF(*(f"column_{place}" for place in range(len(columns))))
    return plain.mapInArrow(task, returned)


def _refuse_columns(schema: Any) -> None:
    """Raises ``RecordError`` for columns that Spark cannot send to Python, or that share a name."""
    names = [field.name for field in schema.fields]
    problems = [
        Problem("TN212", f"two columns are called {name!r}", name)
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for field in schema.fields:
        if found := _unsendable(field.dataType):
            message = f"Spark sends no {found} to Python"
            hint = "cast the column to a string, or drop it before scoring"
            problems.append(Problem("TN216", message, field.name, hint=hint))
    if problems:
        raise RecordError(problems)


def _unsendable(kind: Any) -> str:
    """The part of a Spark type that Spark cannot send to Python as Arrow, or ''."""
    from pyspark.sql import types

    inner: list[Any] = []
    if isinstance(kind, types.StructType):
        if len(set(kind.names)) < len(kind.names):
            return "struct with two fields of one name"
        inner = [field.dataType for field in kind.fields]
    elif isinstance(kind, types.ArrayType):
        inner = [kind.elementType]
    elif isinstance(kind, types.MapType):
        inner = [kind.keyType, kind.valueType]
    elif kind.simpleString().startswith("interval") and not isinstance(
        kind, types.DayTimeIntervalType
    ):
        return "interval of years or months"
    return next(filter(None, map(_unsendable, inner)), "")


def _sent(frame: Any, network: Network) -> Callable[[], Network]:
    """How a worker gets the network: once per executor, or with each task.

    Spark Connect has no broadcasts; a network is some hundred kilobytes.
    """
    try:
        context = frame.sparkSession.sparkContext
    except AttributeError:
        return lambda: network
    broadcast = context.broadcast(network)
    return lambda: broadcast.value


def _cores() -> int:
    """The cores that Spark gives to the task of this process."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return max(1, int(context.cpus())) if context is not None else 1


def scorer_of(
    network: Network, budget: float, options: ScoreOptions, workspace: float = WORKSPACE
) -> Scorer:
    """The scorer of a model in this process, built when it is first asked for."""
    key = (network.fingerprint, budget, workspace, repr(options))
    if key not in _SCORERS:
        _SCORERS[key] = Scorer(Inference(network, budget, workspace), options)
    return _SCORERS[key]
