"""How does a mass become a probability that is never below 0 or above 1?

Every posterior is a ratio of two sums, and log loss, ``log1p`` and the validators of other
libraries raise on 1.0000000000000002.  The rules, for whoever makes a probability:

* The states of a node are divided by the sum of their own masses.  A sum of floats that are
  not negative is never smaller than one of them, so no ratio exceeds 1.
* A complement is the sum of the masses of the other states, never ``1 - p``: the difference
  keeps none of the digits of 3e-17, and falls below 0.
* What two passes say about one record may contradict by as much as they are off.  Only that
  is cut off; more is an error of ours, and is raised instead of being hidden.
"""

from __future__ import annotations

import numpy as np

from twitchnet.engine.program import Floats
from twitchnet.errors import TwitchnetError

ROUNDING = 1e-12
"""What sums of one pass may differ by; thousands of terms add up to less."""

ACCURACY = 1e-9
"""The relative error that is promised of every pass, so that of a ratio of two."""


def within(values: Floats | float, leeway: float = ROUNDING) -> Floats:
    """Probabilities (any shape) without what rounding has put outside of [0, 1]; NaN stays.

    Raises ``TwitchnetError`` for what is further outside than ``leeway``.

    >>> within(np.array([-1e-17, 0.5, 1.0000000000000002])).tolist()
    [0.0, 0.5, 1.0]
    """
    given = np.asarray(values, dtype=np.float64)
    outside = (given < -leeway) | (given > 1.0 + leeway)
    if outside.any():
        worst = float(np.atleast_1d(given)[np.atleast_1d(outside)][0])
        raise TwitchnetError(
            f"TN390 a probability came out as {worst!r}: an error of twitchnet, "
            "please report the model and the record"
        )
    return np.clip(given, 0.0, 1.0)


def normalised(masses: Floats) -> Floats:
    """The masses (..., states) over their sums; NaN where all are 0.

    Raises ``TwitchnetError`` where one is negative by more than rounding.

    >>> normalised(np.array([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    with np.errstate(invalid="ignore"):
        return within(masses / masses.sum(axis=-1, keepdims=True))


def others(states: Floats) -> Floats:
    """For each state of a node (..., states), the probability that it is in another one.

    ``states`` are the probabilities of all of them.

    >>> others(np.array([1.0, 3e-17])).tolist()
    [3e-17, 1.0]
    """
    count = states.shape[-1]
    rest = [np.delete(states, i, axis=-1).sum(axis=-1) for i in range(count)]
    return within(np.stack(rest, axis=-1))


def present(states: Floats) -> Floats:
    """The probability (...) of any state but the first; ``states`` are those of all.

    >>> float(present(np.array([1.0, 2e-17, 1e-17])))
    3e-17
    """
    return within(states[..., 1:].sum(axis=-1))


def ratio(log_part: Floats | float, log_whole: Floats | float) -> Floats:
    """exp(log_part - log_whole), a probability; NaN where the whole is impossible.

    Raises ``TwitchnetError`` where the part is larger than the whole by more than two passes
    may differ.

    >>> float(ratio(-1.0, -1.0 - 1e-15))
    1.0
    """
    part, whole = np.asarray(log_part, dtype=np.float64), np.asarray(log_whole, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return within(np.exp(part - whole), ACCURACY)
