"""How good are a model's probabilities, where the truth is known?

Each record has answers and the truth about some causes.  Log score and Brier score are proper:
they are best for honest probabilities.  Areas say how well records with a cause are ranked
above others, whatever its probability; ``assess/scores.py`` defines them all.

- *log score*: the mean of -ln p(what was true), in nats; smaller is better;
- *Brier*: the mean squared distance of the probability from 0 or 1 (Brier 1950);
- *top k*: the share of records with a true cause in which one is among the first k, by
  posterior and by gain (see ``diagnosis.gain``).

A record that cannot be scored is counted, with the reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from twitchnet.diagnosis.assess.figures import Figure, draw
from twitchnet.diagnosis.assess.scores import (
    NO_CURVES,
    Bin,
    Ranked,
    Scores,
    areas,
    calibration,
    interval,
    parts_of_brier,
    resamples,
)
from twitchnet.diagnosis.evidence import Answers, is_unknown, read_answers, state_of
from twitchnet.diagnosis.gain import gains
from twitchnet.diagnosis.hypotheses import columns, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, table
from twitchnet.engine.program import Floats, Ints
from twitchnet.errors import CAPACITY_CODES, CapacityError, Problem, RecordError, needs
from twitchnet.model.network import Network
from twitchnet.show.page import Page

if TYPE_CHECKING:
    import pandas as pd

FLOOR = 1e-12
"""Probabilities of what was true count as at least this in the log score."""

DRAWS = 200
"""Draws of the bootstrap: enough for the first two digits of an interval's ends."""


@dataclass(frozen=True, slots=True)
class Unscored:
    """A record that was not scored: its place, from 0, the code of the reason, and the reason."""

    row: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation(Shown):
    """Scores over all labelled records: together, per cause, calibration and top k.

    ``refused`` records could not be scored; ``unscored`` says which and why.
    """

    records: int
    refused: int
    total: Scores
    causes: tuple[Scores, ...]
    bins: tuple[Bin, ...]
    top: tuple[tuple[int, float], ...]
    top_by_gain: tuple[tuple[int, float], ...]
    unscored: tuple[Unscored, ...] = ()

    def page(self) -> Page:
        """Scores and calibration as tables."""
        head = "*cause | >n | >true | >predicted | >log score | >Brier | >constant | >reliability"
        return self.sheet(
            f"Evaluation over {self.records - self.refused:,} records",
            table("Scores", head, map(self._row, (self.total, *self.causes))),
            table(
                "Told apart",
                "*cause | >area under ROC | 90 % | >average precision | 90 %",
                (self._areas(one) for one in (self.total, *self.causes) if one.auc == one.auc),
            ),
            table(
                "Calibration",
                "predicted | >n | >mean prediction | >came true | 90 %",
                (
                    (
                        f"{one.low:.1f} to {one.high:.1f}",
                        str(one.count),
                        f"{one.predicted:.3f}",
                        f"{one.observed:.3f}",
                        f"{one.observed_low:.3f} to {one.observed_high:.3f}",
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
            table(
                "Not scored",
                "*reason | code | >records",
                (
                    (reason, code, f"{count:,}")
                    for (reason, code), count in Counter(
                        (one.reason, one.code) for one in self.unscored
                    ).most_common(10)
                ),
            ),
            subtitle=f"{self.refused} records could not be scored." if self.refused else "",
        )

    def _name(self, one: Scores) -> str:
        return self.said(one.cause, one.state) if one.cause else "all"

    def _row(self, one: Scores) -> tuple[str, ...]:
        numbers = (one.mean, one.log_score, one.brier, one.base, one.reliability)
        return (self._name(one), str(one.count), str(one.true), *(f"{x:.4f}" for x in numbers))

    def _areas(self, one: Scores) -> tuple[str, ...]:
        area, precision = f"{one.auc:.3f}", f"{one.average_precision:.3f}"
        return (
            self._name(one),
            area,
            _ends(one.auc_low, one.auc_high),
            precision,
            _ends(one.average_precision_low, one.average_precision_high),
        )

    def __getitem__(self, cause: str) -> Scores:
        """The scores of a cause (the first of its states), or of ``""`` for all together."""
        if not cause:
            return self.total
        return next(one for one in self.causes if one.cause == cause)

    def to_frame(self) -> pd.DataFrame:
        """A row for all together and one for each cause, without bins and curves (pandas)."""
        try:
            import pandas
        except ImportError:
            raise needs("pandas") from None
        rows = [asdict(one) for one in (self.total, *self.causes)]
        return pandas.DataFrame(rows).drop(columns=["bins", "curves"])

    def plot(self, figure: Figure = "reliability", cause: str = "", ax: Any = None) -> Any:
        """Draws one figure into matplotlib Axes, new ones when none are given, and returns them.

        ``"reliability"`` is the calibration with its intervals, of a ``cause`` or of all
        together; ``"roc"`` and ``"precision_recall"`` are curves of one cause.  Raises
        ``ImportError`` without matplotlib (the extra ``plot``), ``ValueError`` for a curve of all.
        """
        label = self.called(cause) if cause else "all causes"
        return draw(self[cause], figure, label, ax)


def _ends(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}" if low == low else "-"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Records with the truth: ``truth`` (N, ranked) is the true state of each cause, -1 unknown.

    ``rows`` (N,) are the places of the records among all ``count``; the others are ``unscored``.
    ``left_out`` are columns that are neither answers nor truth.
    """

    count: int
    rows: Ints
    answers: tuple[Answers, ...]
    truth: Ints
    unscored: tuple[Unscored, ...] = ()
    left_out: tuple[str, ...] = ()


def labelled_records(
    network: Network,
    records: Sequence[Mapping[str, object]],
    truth: Sequence[Mapping[str, object]],
) -> Labelled:
    """Mappings with the truth about each.

    Raises ``RecordError`` for a name or state of the truth that the model does not rank,
    ``ValueError`` when the two differ in length.
    """
    if len(records) != len(truth):
        raise ValueError(f"{len(records)} records, but the truth about {len(truth)}")
    true = np.full((len(records), len(network.ranked)), -1, dtype=np.int64)
    place = {name: i for i, name in enumerate(network.ranked)}
    for i, row in enumerate(truth):
        for name, state in _truth(network, row).items():
            true[i, place[name]] = state
    read, rows, unscored = [], [], []
    for i, record in enumerate(records):
        try:
            read.append(read_answers(network, record))
            rows.append(i)
        except RecordError as error:
            unscored.append(Unscored(i, error.problems[0].code, error.problems[0].message))
    kept = np.array(rows, dtype=np.int64)
    return Labelled(len(records), kept, tuple(read), true[kept], tuple(unscored))


def evaluate(
    inference: Inference,
    labelled: Labelled,
    *,
    top: Sequence[int] = (1, 3, 5),
    draws: int = DRAWS,
    seed: int = 0,
) -> Evaluation:
    """Scores of the posteriors against the truth.

    A cause whose truth is unknown is not scored in that record.  Causes among the answers are
    evidence: leave them out.  ``draws`` of a bootstrap, which follow from ``seed``, give the
    intervals of areas (0 for none).  Raises ``ValueError`` when nothing can be scored.
    """
    network, places = inference.network, columns(inference.network)
    unscored = list(labelled.unscored)
    log_evidence, p, q = _posteriors(inference, labelled, unscored)
    good = np.isfinite(log_evidence)
    p, q, truth = p[good], q[good], labelled.truth[good]
    at = {name: i for i, name in enumerate(network.ranked)}
    y = np.full(p.shape, np.nan)
    for column, (name, state) in enumerate(places):
        true = truth[:, at[name]]
        y[:, column] = np.where(true < 0, np.nan, true == state)
    if not len(p) or np.isnan(y).all():
        raise ValueError("no record can be scored")
    some = [i for i in range(len(places)) if not np.isnan(y[:, i]).all()]
    found = [_scores(*_named(network, places[i]), p[:, i], q[:, i], y[:, i]) for i in some]
    ranked = {i: Ranked(p[known, i], y[known, i]) for i in some for known in [~np.isnan(y[:, i])]}
    drawn = _bootstrap(ranked, y, draws, seed)
    causes = tuple(
        _with_areas(one, ranked[i], drawn[i]) for one, i in zip(found, some, strict=True)
    )
    total = _mean_areas(_scores("", "", p.reshape(-1), q.reshape(-1), y.reshape(-1)), causes, drawn)
    return Evaluation(
        labelled.count,
        labelled.count - len(p),
        total,
        causes,
        total.bins,
        tuple((k, _top(p, y, k)) for k in top),
        tuple((k, _top(gains(p, q, *inference.prior_shares), y, k)) for k in top),
        tuple(sorted(unscored, key=lambda one: one.row)),
    )


def _named(network: Network, place: tuple[str, int]) -> tuple[str, str]:
    name, state = place
    return name, network.by_name[name].states[state]


def _posteriors(
    inference: Inference, labelled: Labelled, unscored: list[Unscored]
) -> tuple[Floats, Floats, Floats]:
    """The log of P (N,), posteriors and their complements (N, columns).

    Equal records are solved once.  What cannot be scored is NaN, and told in ``unscored``.
    """
    records = labelled.answers
    keys = [(frozenset(one.hard.items()), frozenset(one.soft.items())) for one in records]
    first = dict(zip(keys, records, strict=True))
    place = {key: i for i, key in enumerate(first)}
    limits: dict[int, CapacityError] = {}
    found = suppose(inference, list(first.values()), too_wide=limits)
    rows = np.array([place[key] for key in keys], dtype=np.int64)
    for row, i in zip(labelled.rows.tolist(), rows.tolist(), strict=True):
        if i in limits:
            code = CAPACITY_CODES[limits[i].limit]
            unscored.append(Unscored(row, code, "the record is too wide"))
        elif found.log_evidence[i] == -math.inf:
            unscored.append(Unscored(row, "TN205", "these answers cannot all hold"))
    return found.log_evidence[rows], found.posterior[rows], found.rest[rows]


def _truth(network: Network, row: Mapping[str, object]) -> dict[str, int]:
    """The true states of the ranked causes of one record."""
    found, problems = {}, []
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
    bins = calibration(p, y)
    parts = parts_of_brier(bins)
    return Scores(
        cause,
        state,
        len(y),
        int(y.sum()),
        float(p.mean()),
        float(-_logs(right, wrong).mean()),
        float((wrong**2).mean()),
        share * (1.0 - share),
        parts.reliability,
        parts.resolution,
        bins=bins,
    )


def _bootstrap(
    ranked: Mapping[int, Ranked], y: Floats, draws: int, seed: int
) -> dict[int, tuple[Floats, Floats]]:
    """Areas and average precisions of each column, (draws,) each, over the same draws."""
    blocks: dict[int, list[tuple[Floats, Floats]]] = {i: [] for i in ranked}
    for weights in resamples(len(y), draws, seed):
        for i, one in ranked.items():
            blocks[i].append(areas(*one.counts(weights[:, ~np.isnan(y[:, i])])))
    nothing = np.full(1, np.nan)
    return {
        i: (
            np.concatenate([auc for auc, _ in some] or [nothing]),
            np.concatenate([average for _, average in some] or [nothing]),
        )
        for i, some in blocks.items()
    }


def _with_areas(one: Scores, ranked: Ranked, drawn: tuple[Floats, Floats]) -> Scores:
    auc, average = areas(*ranked.counts(np.ones((1, one.count))))
    both = 0 < one.true < one.count
    return replace(
        one,
        auc=float(auc[0]),
        average_precision=float(average[0]) if one.true else math.nan,
        curves=ranked.curves() if both else NO_CURVES,
        **_intervals(*(drawn if both else (np.full(1, np.nan),) * 2)),
    )


def _mean_areas(
    total: Scores, causes: tuple[Scores, ...], drawn: Mapping[int, tuple[Floats, Floats]]
) -> Scores:
    """The scores of all together, with the means over the causes of both outcomes."""
    both = [0 < one.true < one.count for one in causes]
    if not any(both):
        return total
    used = [one for one, is_used in zip(causes, both, strict=True) if is_used]
    rows = [pair for pair, is_used in zip(drawn.values(), both, strict=True) if is_used]
    return replace(
        total,
        auc=float(np.mean([one.auc for one in used])),
        average_precision=float(np.mean([one.average_precision for one in used])),
        **_intervals(*(np.mean([pair[k] for pair in rows], axis=0) for k in range(2))),
    )


def _intervals(auc: Floats, average: Floats) -> dict[str, Any]:
    (a, b), (c, d) = interval(auc), interval(average)
    return {
        "auc_low": a, "auc_high": b,
        "average_precision_low": c, "average_precision_high": d,
    }  # fmt: skip


def _logs(right: Floats, wrong: Floats) -> Floats:
    """Natural logs of probabilities ``right``, from their complements where they are near 1."""
    logs: Floats = np.log(np.maximum(right, FLOOR))
    return np.where(wrong < 0.5, np.log1p(-np.minimum(wrong, 0.5)), logs)


def _top(score: Floats, y: Floats, k: int) -> float:
    """The share of records with a true cause in which one is among the first k by a score."""
    has = (y == 1.0).any(axis=1)
    if not has.any():
        return math.nan
    order = np.argsort(-score[has], axis=1, kind="stable")[:, :k]
    hit = np.take_along_axis(y[has], order, axis=1) == 1.0
    return float(hit.any(axis=1).mean())
