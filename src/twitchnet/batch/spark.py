"""How is a Spark DataFrame scored?  By ``mapInArrow`` over the one function on record batches.

The model is broadcast, so it travels once per executor; each Python worker builds its
engine once and keeps it.  Needs pyspark 3.5 or newer, and Java; twitchnet is installed on
the workers.  Kernels are compiled once per machine when ``TWITCHNET_CACHE`` names a folder
that its workers share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from twitchnet.batch.columns import needs
from twitchnet.batch.score import Scorer
from twitchnet.batch.stream import Keep, arrow, make_scheme, score_batches
from twitchnet.diagnosis.inference import Inference
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
    threads: int = 1,
) -> Any:
    """A Spark DataFrame with a row of results per row of ``frame``, evaluated when asked.

    ``threads`` are those of the engine in each task: what ``spark.task.cpus`` says.  The
    other options are those of ``Model.score``; results are the same to the last bit.
    """
    try:
        from pyspark.sql.pandas.types import (  # type: ignore[import-not-found, unused-ignore]
            from_arrow_schema,
            to_arrow_schema,
        )
    except ImportError:
        raise needs("pyspark", "spark") from None
    network, budget = model.network, model._inference.budget
    types = {field.name: field.type for field in to_arrow_schema(frame.schema)}
    told = {"reasons": reasons, "intervals": intervals, "seed": seed}
    scorer = Scorer(model._inference, top, details, **told)
    scheme = make_scheme(scorer, types, names=names, keep=keep, prefix=prefix)
    sent = frame.sparkSession.sparkContext.broadcast(network)

    def task(batches: Iterable[Any]) -> Iterator[Any]:
        mine = scorer_of(sent.value, budget, top, details, **told)
        scored = score_batches(
            mine, batches, names=names, keep=keep, prefix=prefix, threads=threads
        )
        for batch in scored:  # Spark has no place for the metadata of a schema
            yield batch.replace_schema_metadata(None)

    return frame.mapInArrow(task, from_arrow_schema(arrow().schema(list(scheme.schema))))


def scorer_of(
    network: Network, budget: float, top: int | None, details: bool, **told: int
) -> Scorer:
    """The scorer of a model in this process, built when it is first asked for."""
    key = (network.fingerprint, budget, top, details, *sorted(told.items()))
    if key not in _SCORERS:
        _SCORERS[key] = Scorer(Inference(network, budget), top, details, **told)
    return _SCORERS[key]
