"""How much information do the answers give about a cause, and do they speak for or against it?

The *gain* of a cause is the Kullback-Leibler divergence of its posterior p from its prior q,
in bits, with the sign of p - q:

    gain = sign(p - q) [ p log2(p / q) + (1 - p) log2((1 - p) / (1 - q)) ]

The prior is the one with nothing answered.  The gain is 0 for a cause whose probability the answers
do not change, however probable it is, and large for a rare cause that became likely, so the order
by gain begins with the cause that the answers point to.  Sources: Kullback & Leibler 1951, *Ann.
Math. Stat.* 22; Good 1950, *Probability and the Weighing of Evidence*; Itti & Baldi 2009, *Vision
Research* 49 (Bayesian surprise).
"""

from __future__ import annotations

import math

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import columns
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.program import Floats

NOISE = 1e-15
"""Bits below which a gain is 0: two passes differ by rounding, and a gain as small as this has no
meaning.
"""

_SERIES = 0.1
"""Relative changes up to which the series of ``_divergence`` is used: logarithms are as accurate
for larger ones.
"""


def gains(posterior: Floats, rest: Floats, prior: Floats, prior_rest: Floats) -> Floats:
    """The signed information gain in bits, for arrays of one shape (or that broadcast).

    ``rest`` and ``prior_rest`` are the complements, separate arguments so that probabilities near 1
    keep their digits.  NaN stays NaN.

    >>> bits = gains(np.array([0.5, 0.1]), np.array([0.5, 0.9]), np.array(0.1), np.array(0.9))
    >>> bits.round(9).tolist()
    [0.736965594, 0.0]
    """
    change = np.where(prior < 0.5, posterior - prior, prior_rest - rest)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = _part(prior, change) + _part(prior_rest, -change)
    bits = np.sign(change) * nats / math.log(2.0)
    return np.where(np.abs(bits) < NOISE, 0.0, bits)


def _part(prior: Floats, change: Floats) -> Floats:
    """The mass p ln(p / q) - (p - q) with p - q = ``change``: never negative; 0 where q is 0."""
    after = np.maximum(prior + change, 0.0)
    logs = np.log(np.where(after > 0.0, after, 1.0)) - np.log(np.where(prior > 0.0, prior, 1.0))
    far = after * logs - change
    close = np.abs(change) <= _SERIES * prior
    nothing = np.zeros(np.broadcast(change, prior).shape)
    small = np.divide(change, prior, out=nothing, where=close & (prior > 0.0))
    return np.where(close, prior * _divergence(small), np.where(prior > 0.0, far, 0.0))


def _divergence(x: Floats) -> Floats:
    """(1 + x) ln(1 + x) - x for small x: its power series, whose terms do not cancel."""
    found = np.zeros_like(x)
    for k in range(17, 1, -1):  # x^2/2 - x^3/6 + x^4/12 - ..., by Horner
        found = (-1.0) ** k / (k * (k - 1)) + x * found
    return x * x * found


def leading(inference: Inference, answers: Answers, posterior: Floats, rest: Floats) -> int:
    """The column of the leading cause: first by gain, then by posterior, then in model order.

    ``posterior`` (columns,) are those of :func:`~twitchnet.diagnosis.hypotheses.columns`, and
    ``rest`` their complements.  A cause that the record gives does not lead; -1 where it gives
    all of them.
    """
    gain = gains(posterior, rest, *inference.prior_shares)
    places = columns(inference.network)
    free = [i for i, (name, _) in enumerate(places) if name not in answers.hard]
    return max(free, key=lambda i: (gain[i], posterior[i], -i), default=-1)
