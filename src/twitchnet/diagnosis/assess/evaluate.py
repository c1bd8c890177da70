"""How good are a model's probabilities, where the truth is known?

Each record has answers and the truth about some causes.  The scores are proper, so that
they are best for honest probabilities:

- *log score*: the mean of -ln p(what was true), in nats; smaller is better;
- *Brier*: the mean squared distance of the probability from 0 or 1 (Brier 1950);
- *calibration*: among predictions near p, a share p should come true; ``bins`` are the
  table, and what a reliability diagram draws (Murphy & Winkler 1977);
- *top k*: the share of records with a true cause in which one is among the first k, by
  posterior and by gain (see ``diagnosis.gain``).

A record that the model refuses, or finds impossible, is counted and not scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twitchnet.diagnosis.evidence import Answers, is_unknown, read_answers, state_of
from twitchnet.diagnosis.gain import gains
from twitchnet.diagnosis.hypotheses import columns, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.report.pages import Shown, table
from twitchnet.engine.program import Floats
from twitchnet.errors import Problem, RecordError
from twitchnet.show.page import Page

FLOOR = 1e-12
"""Probabilities of what was true count as at least this in the log score."""

BINS = 10
"""Bins of the calibration table, equally wide."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between ``low`` and ``high``: their number, mean, and how many came true."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one state of a cause (``cause`` '' for all together).

    ``count`` predictions, ``true`` of which came true; ``mean`` is the mean prediction and
    ``base`` the Brier score of always saying the share that came true.
    """

    cause: str
    state: str
    count: int
    true: int
    mean: float
    log_score: float
    brier: float
    base: float


@dataclass(frozen=True, slots=True)
class Evaluation(Shown):
    """Scores over all labelled records: together, per cause, calibration and top k.

    ``refused`` records could not be scored.
    """

    records: int
    refused: int
    total: Scores
    causes: tuple[Scores, ...]
    bins: tuple[Bin, ...]
    top: tuple[tuple[int, float], ...]
    top_by_gain: tuple[tuple[int, float], ...]

    def page(self) -> Page:
        """Scores and calibration as tables."""
        head = "*cause | >n | >true | >predicted | >log score | >Brier | >constant"
        return self.sheet(
            f"Evaluation over {self.records - self.refused:,} records",
            table("Scores", head, map(_row, (self.total, *self.causes))),
            table(
                "Calibration",
                "predicted | >n | >mean prediction | >came true",
                (
                    (
                        f"{one.low:.1f} to {one.high:.1f}",
                        str(one.count),
                        f"{one.predicted:.3f}",
                        f"{one.observed:.3f}",
                    )
                    for one in self.bins
                    if one.count
                ),
            ),
            table(
                "A true cause among the first",
                ">k | >by gain | >by posterior",
                (
                    (str(k), f"{by_gain:.3f}", f"{share:.3f}")
                    for (k, share), (_, by_gain) in zip(self.top, self.top_by_gain, strict=True)
                ),
            ),
            subtitle=f"{self.refused} records could not be scored." if self.refused else "",
        )


def _row(one: Scores) -> tuple[str, ...]:
    name = one.cause if one.state in ("", "present") else f"{one.cause}={one.state}"
    numbers = (one.mean, one.log_score, one.brier, one.base)
    return (name or "all", str(one.count), str(one.true), *(f"{x:.4f}" for x in numbers))


def evaluate(
    inference: Inference,
    records: Sequence[Mapping[str, object]],
    truth: Sequence[Mapping[str, object]],
    *,
    top: Sequence[int] = (1, 3, 5),
) -> Evaluation:
    """Scores of the posteriors against the truth.

    ``truth[i]`` maps ranked causes to their true states; a cause that is left out, or
    unknown, is not scored in that record.  Causes in ``records`` would be evidence: leave
    them out.  Raises ``RecordError`` for a name or state of the truth that the model does not
    rank, ``ValueError`` when the two differ in length or nothing can be scored.
    """
    if len(records) != len(truth):
        raise ValueError(f"{len(records)} records, but the truth about {len(truth)}")
    network, places = inference.network, columns(inference.network)
    labels = np.full((len(records), len(places)), np.nan)
    for i, row in enumerate(truth):
        for name, state in _truth(inference, row).items():
            for column, (cause, at) in enumerate(places):
                if cause == name:
                    labels[i, column] = float(at == state)
    read, rows = [], []
    for i, record in enumerate(records):
        try:
            read.append(read_answers(network, record))
            rows.append(i)
        except RecordError:
            continue
    log_evidence, posterior, rest = _posteriors(inference, read)
    good = np.isfinite(log_evidence)
    p, q, y = posterior[good], rest[good], labels[rows][good]
    if not len(p) or np.isnan(y).all():
        raise ValueError("no record can be scored")
    causes = tuple(
        _scores(name, network.by_name[name].states[state], p[:, i], q[:, i], y[:, i])
        for i, (name, state) in enumerate(places)
        if not np.isnan(y[:, i]).all()
    )
    total = _scores("", "", p.reshape(-1), q.reshape(-1), y.reshape(-1))
    return Evaluation(
        len(records),
        len(records) - len(p),
        total,
        causes,
        calibration(p.reshape(-1), y.reshape(-1)),
        tuple((k, _top(p, y, k)) for k in top),
        tuple((k, _top(gains(p, q, *inference.prior_shares), y, k)) for k in top),
    )


def _posteriors(inference: Inference, records: Sequence[Answers]) -> tuple[Floats, Floats, Floats]:
    """The log of P (N,), posteriors and their complements (N, columns).

    Equal records are solved once.
    """
    keys = [(frozenset(one.hard.items()), frozenset(one.soft.items())) for one in records]
    first = dict(zip(keys, records, strict=True))
    place = {key: i for i, key in enumerate(first)}
    found = suppose(inference, list(first.values()))
    rows = np.array([place[key] for key in keys], dtype=np.int64)
    return found.log_evidence[rows], found.posterior[rows], found.rest[rows]


def _truth(inference: Inference, row: Mapping[str, object]) -> dict[str, int]:
    """The true states of the ranked causes of one record."""
    network, found, problems = inference.network, {}, []
    for name, value in row.items():
        if is_unknown(value):
            continue
        if name not in network.ranked:
            problems.append(Problem("TN201", "the truth names what the model does not rank", name))
            continue
        state = state_of(network.by_name[name], value)
        if isinstance(state, Problem):
            problems.append(state)
        else:
            found[name] = state
    if problems:
        raise RecordError(problems)
    return found


def _scores(cause: str, state: str, p: Floats, q: Floats, y: Floats) -> Scores:
    """The scores of predictions ``p`` with complements ``q``."""
    known = ~np.isnan(y)
    p, q, y = p[known], q[known], y[known]
    right, wrong = np.where(y == 1.0, p, q), np.where(y == 1.0, q, p)
    share = float(y.mean())
    return Scores(
        cause,
        state,
        len(y),
        int(y.sum()),
        float(p.mean()),
        float(-_logs(right, wrong).mean()),
        float((wrong**2).mean()),
        share * (1.0 - share),
    )


def _logs(right: Floats, wrong: Floats) -> Floats:
    """Natural logs of probabilities ``right``, from their complements where they are near 1."""
    logs: Floats = np.log(np.maximum(right, FLOOR))
    return np.where(wrong < 0.5, np.log1p(-np.minimum(wrong, 0.5)), logs)


def calibration(p: Floats, y: Floats, bins: int = BINS) -> tuple[Bin, ...]:
    """The calibration table: predictions ``p`` in equal bins, and the share that came true."""
    known = ~np.isnan(y)
    p, y = p[known], y[known]
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    result = []
    for b in range(bins):
        mine = place == b
        count = int(mine.sum())
        predicted = float(p[mine].mean()) if count else math.nan
        observed = float(y[mine].mean()) if count else math.nan
        result.append(Bin(b / bins, (b + 1) / bins, count, predicted, observed))
    return tuple(result)


def _top(score: Floats, y: Floats, k: int) -> float:
    """The share of records with a true cause in which one is among the first k by a score."""
    has = (y == 1.0).any(axis=1)
    if not has.any():
        return math.nan
    order = np.argsort(-score[has], axis=1, kind="stable")[:, :k]
    hit = np.take_along_axis(y[has], order, axis=1) == 1.0
    return float(hit.any(axis=1).mean())
