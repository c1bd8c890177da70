"""How good are some probabilities, given what came true?  Numbers alone, no model.

Predictions ``p`` (N,) have labels ``y`` (N,): 1 came true, 0 did not.

- Brier score and its parts, reliability - resolution + uncertainty (Murphy 1973, *J. Appl.
  Meteorol.* 12): they add up to the score of predictions that are moved to the mean of their bin.
- Calibration: among predictions near p, a share p should come true (Murphy & Winkler 1977); the
  interval of the share is Wilson's (1927, *JASA* 22).
- The area under the ROC curve, the chance that what came true had the larger prediction, ties
  counting half (Hanley & McNeil 1982, *Radiology* 143); average precision, the mean precision at
  the ranks of what came true.  Their intervals are percentiles of a bootstrap over records
  (Efron 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from twitchnet.engine.program import Floats, Ints

BINS = 10
"""Bins of a calibration table, equally wide."""

MASS = 0.9
"""What the intervals hold: the share of the bootstrap's draws, and Wilson's confidence."""

QUANTILE = 1.6448536269514722
"""The quantile of the standard normal distribution at (1 + MASS) / 2."""

POINTS = 200
"""Most points that are kept of a curve."""

AT_ONCE = 4_000_000
"""Weights of a bootstrap that are held at once: draws times records."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between ``low`` and ``high``: their number, mean, and the share that came true.

    ``observed_low`` and ``observed_high`` are the ends of the share's 90 % interval; NaN in an
    empty bin, as the share is.
    """

    low: float
    high: float
    count: int
    predicted: float
    observed: float
    observed_low: float = math.nan
    observed_high: float = math.nan


class Brier(NamedTuple):
    """The parts of a Brier score: ``reliability`` (0 is best), ``resolution``, ``uncertainty``."""

    reliability: float
    resolution: float
    uncertainty: float


class Curves(NamedTuple):
    """Points of the ROC curve and of precision over recall, from the largest prediction down.

    ``false_positive``, ``true_positive`` and ``precision`` (points,) are shares; recall is
    ``true_positive``.
    """

    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]
    precision: tuple[float, ...]


NO_CURVES = Curves((), (), ())


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one state of a cause (``cause`` '' for all together).

    ``count`` predictions, ``true`` of which came true; ``mean`` is the mean prediction and
    ``base`` the Brier score of always saying the share that came true, which is also the
    *uncertainty* of the decomposition, of which ``reliability`` and ``resolution`` are the other
    parts.  ``auc`` and ``average_precision`` with the ends of their 90 % intervals are of one
    cause; for all together they are the means over the causes that have both outcomes.
    ``bins`` are the calibration table and ``curves`` what is drawn.  What cannot be said, such as
    the area of a cause that nobody had, is NaN.
    """

    cause: str
    state: str
    count: int
    true: int
    mean: float
    log_score: float
    brier: float
    base: float
    reliability: float = math.nan
    resolution: float = math.nan
    auc: float = math.nan
    auc_low: float = math.nan
    auc_high: float = math.nan
    average_precision: float = math.nan
    average_precision_low: float = math.nan
    average_precision_high: float = math.nan
    bins: tuple[Bin, ...] = field(default=(), repr=False)
    curves: Curves = field(default=NO_CURVES, repr=False)


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
        low, high = wilson(observed, count)
        result.append(Bin(b / bins, (b + 1) / bins, count, predicted, observed, low, high))
    return tuple(result)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 90 % interval of a share of ``count`` trials.

    >>> [round(end, 4) for end in wilson(0.2, 10)]
    [0.0686, 0.4592]
    """
    if not count:
        return math.nan, math.nan
    square = QUANTILE**2 / count
    middle = (share + square / 2.0) / (1.0 + square)
    half = QUANTILE * math.sqrt(share * (1.0 - share) / count + square / (4.0 * count))
    half /= 1.0 + square
    return max(middle - half, 0.0), min(middle + half, 1.0)


def parts_of_brier(bins: tuple[Bin, ...]) -> Brier:
    """The parts of the Brier score of predictions at the means of their bins."""
    full = [one for one in bins if one.count]
    count = sum(one.count for one in full)
    base = sum(one.count * one.observed for one in full) / count
    return Brier(
        sum(one.count * (one.predicted - one.observed) ** 2 for one in full) / count,
        sum(one.count * (one.observed - base) ** 2 for one in full) / count,
        base * (1.0 - base),
    )


TIE = 1e-12
"""Predictions that differ by no more are equal: an exact posterior may be off by as much."""


class Ranked:
    """Predictions in descending order, together where they are equal but for rounding.

    Records that differ in what is irrelevant have the same posterior, and other last digits of it.
    """

    def __init__(self, p: Floats, y: Floats) -> None:
        self.order: Ints = np.argsort(-p, kind="stable")
        self.y = y[self.order]
        ordered = p[self.order]
        self.ends: Ints = np.flatnonzero(np.append(ordered[:-1] - ordered[1:] > TIE, True))

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """True and false positives (draws, thresholds) under weights (draws, N)."""
        of = weights[:, self.order]
        true = np.cumsum(of * self.y, axis=1)[:, self.ends]
        false = np.cumsum(of * (1.0 - self.y), axis=1)[:, self.ends]
        return true, false

    def curves(self) -> Curves:
        """Both curves, thinned."""
        true, false = (one[0] for one in self.counts(np.ones((1, len(self.y)))))
        some = np.unique(np.linspace(0, len(true) - 1, min(len(true), POINTS)).astype(np.int64))
        with np.errstate(invalid="ignore"):
            shares = false / false[-1], true / true[-1], true / (true + false)
        return Curves(*(tuple(one[some].tolist()) for one in shares))


def areas(true: Floats, false: Floats) -> tuple[Floats, Floats]:
    """The area under the ROC curve, and average precision, of each row of counts.

    NaN where nothing, or everything, came true.
    """
    zero = np.zeros_like(true[:, :1])
    recall, fall_out = np.hstack([zero, true]), np.hstack([zero, false])
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.diff(fall_out, axis=1) * (recall[:, 1:] + recall[:, :-1]) / 2.0
        roc = steps.sum(axis=1) / (true[:, -1] * false[:, -1])
        precision = np.nan_to_num(true / (true + false))
        average = (np.diff(recall, axis=1) * precision).sum(axis=1) / true[:, -1]
    roc[(true[:, -1] == 0) | (false[:, -1] == 0)] = np.nan
    return roc, average


def resamples(count: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each of ``count`` records is drawn in each of some draws, in blocks (some, N)."""
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // max(count, 1))
    for first in range(0, draws, step):
        some = min(step, draws - first)
        yield rng.multinomial(count, np.full(count, 1.0 / count), some).astype(np.float64)


def interval(values: Floats) -> tuple[float, float]:
    """The ends of what holds 90 % of some draws; NaN when too few of them say anything."""
    said = values[np.isfinite(values)]
    if len(said) < 2:
        return math.nan, math.nan
    low, high = np.quantile(said, [(1.0 - MASS) / 2.0, (1.0 + MASS) / 2.0])
    return float(low), float(high)
