"""What size have the weights of a likelihood?

Only their ratios matter to a posterior, so a row of weights enters an engine times a power
of two, which changes no digit, and P(evidence) gets the exponent back.  Both engines read
rows from here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.program import Floats, Ints

LOWEST, HIGHEST = -1021, 1024  # exponents of doubles with all their digits, as frexp has them


def balanced(rows: Floats) -> tuple[Floats, Ints]:
    """Rows (..., states) divided by ``2**exponent``, and the exponents (...).

    The largest weight of a row is then in [0.5, 1), unless the smallest would lose digits:
    a row of 1e300 and 1e-300 keeps the largest as high as that takes.  Rows of NaN stay.
    """
    high, low = _exponents(rows)
    exponent = np.minimum(high, low - LOWEST)
    exponent = np.where(exponent < high - HIGHEST, 0, exponent)  # it fits as it is, or not at all
    return np.ldexp(rows, -exponent[..., None]), exponent.astype(np.int64)


def _exponents(rows: Floats) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Exponents of the largest and of the smallest positive weight of each row, 0 for NaN."""
    positive = rows > 0.0
    exponent = np.frexp(np.where(positive, rows, 1.0))[1]
    high = np.where(positive, exponent, -2000).max(axis=-1, initial=-2000)
    low = np.where(positive, exponent, 2000).min(axis=-1, initial=2000)
    some = positive.any(axis=-1)
    return np.where(some, high, 0), np.where(some, low, 0)
