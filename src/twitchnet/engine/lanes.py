"""Eight numbers at a time: the smallest vocabulary that the kernels are written in.

A *cell* is eight float64, one per lane.  These few functions are all that a kernel
does with cells and bit masks; written here in numpy, they run as they are (the
kernels with the compiler off) and are replaced one by one when ``accelerate``
compiles, where a cell is one vector register.

Masks are sets of axes, ``BITS`` to an int64 word, so a network may
have any number of axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LANES = 8
BITS = 32  # axes to an int64 word: a shift finds the word, and no sign bit is ever met

Cell = Any  # eight float64: an array here, a register when compiled


def bare(array: np.ndarray) -> np.ndarray:
    """An array of which compiled code keeps the address and one length alone."""
    return array


def load8(cells: np.ndarray, cell: int) -> Cell:
    """The eight lanes of a cell."""
    return cells[LANES * cell : LANES * cell + LANES].copy()


def store8(cells: np.ndarray, cell: int, value: Cell) -> None:
    """Writes the eight lanes of a cell."""
    cells[LANES * cell : LANES * cell + LANES] = value


def splat8(value: float) -> Cell:
    """Eight times the same number."""
    return np.full(LANES, value)


def max8(first: Cell, second: Cell) -> Cell:
    """The larger number of each lane."""
    return np.maximum(first, second)


def abs8(value: Cell) -> Cell:
    """Absolute values."""
    return np.abs(value)


def total8(value: Cell) -> float:
    """The sum of the lanes, always in the same order."""
    return float(
        ((value[0] + value[1]) + (value[2] + value[3]))
        + ((value[4] + value[5]) + (value[6] + value[7]))
    )


def largest8(value: Cell) -> float:
    """The largest lane."""
    return float(value.max())


def popcount(word: int) -> int:
    """Number of set bits of a word."""
    return int(word).bit_count()


def lowest(word: int) -> int:
    """Position of the lowest set bit of a word that is not 0."""
    return (int(word) & -int(word)).bit_length() - 1


def highest(word: int) -> int:
    """Position of the highest set bit of a word that is not 0."""
    return int(word).bit_length() - 1
