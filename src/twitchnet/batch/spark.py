"""How is a Spark DataFrame scored?  By ``mapInArrow`` over the one function on record batches.

The model is broadcast, so it travels once per executor; each Python worker builds its
engine once and keeps it.  Kernels are compiled once per machine (``worker.prepare``).  Needs
pyspark 3.5 or newer, and Java; twitchnet is installed on the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from twitchnet.batch.frames import Keep
from twitchnet.batch.score import Scorer
from twitchnet.batch.stream import arrow, make_scheme, score_batches
from twitchnet.batch.worker import prepare
from twitchnet.diagnosis.inference import Inference
from twitchnet.errors import needs
from twitchnet.model.network import Network

_SCORERS: dict[tuple[object, ...], Scorer] = {}
"""What this Python worker has built already; tasks that follow reuse it."""


def score_spark(
    model: Any,
    frame: Any,
    *,
    top: int | None = None,
    names: Mapping[str, str] | None = None,
    keep: Keep = "other",
    prefix: str = "",
    details: bool = True,
    reasons: int = 0,
    intervals: int = 0,
    seed: int = 0,
    threads: int | None = None,
    cache: str = "",
) -> Any:
    """A Spark DataFrame with a row of results per row of ``frame``, evaluated when asked.

    ``threads`` are those of the engine in each task: by default the cores that Spark gives
    to a task (``spark.task.cpus``).  ``cache`` is the folder on the workers where compiled
    kernels are kept, as in ``worker.prepare``.  The other options are those of
    ``Model.score``; results are the same to the last bit.  Raises ``ImportError`` without
    pyspark or pyarrow, and what ``Model.score`` raises for columns that do not fit.
    """
    try:
        from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
    except ImportError:
        raise needs("pyspark", "spark") from None
    network, budget = model.network, model._inference.budget
    types = {field.name: field.type for field in to_arrow_schema(frame.schema)}
    told = {"reasons": reasons, "intervals": intervals, "seed": seed}
    scorer = Scorer(model._inference, top, details, **told)
    scheme = make_scheme(scorer, types, names=names, keep=keep, prefix=prefix)
    sent = _sent(frame, network)

    def task(batches: Iterable[Any]) -> Iterator[Any]:
        mine = scorer_of(sent(), budget, top, details, **told)
        prepare(cache)
        given = threads or _cores()
        scored = score_batches(mine, batches, names=names, keep=keep, prefix=prefix, threads=given)
        for batch in scored:  # Spark has no place for the metadata of a schema
            yield batch.replace_schema_metadata(None)

    return frame.mapInArrow(task, from_arrow_schema(arrow().schema(list(scheme.schema))))


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
    network: Network, budget: float, top: int | None, details: bool, **told: int
) -> Scorer:
    """The scorer of a model in this process, built when it is first asked for."""
    key = (network.fingerprint, budget, top, details, *sorted(told.items()))
    if key not in _SCORERS:
        _SCORERS[key] = Scorer(Inference(network, budget), top, details, **told)
    return _SCORERS[key]
