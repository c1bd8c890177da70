"""Eight numbers at a time: the vocabulary that the kernels are written in.

A *cell* is eight float64, one for each lane.  These few functions are all that a kernel does
with cells and bit masks.  Written here in numpy, they run as they are (kernels as plain
Python); in compiled code, ``machine.py`` replaces them one by one, and a cell is a vector
register.  A *double-double* cell has twice the digits, in two registers.

Masks are sets of axes, 64 to an int64 word, its sign bit included, so a network may have any
number of axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LANES = 8
BITS, WORD = 64, 6  # bits of a word, and of the place of a bit in it

HALF = -(2**27)  # mask for the leading half of the digits of a float64

Cell = Any  # eight float64: an array here, a register when compiled; or a ``DoubleDouble`` one


class DoubleDoubleCells:
    """An array of double-double cells: high parts, and from its middle on low parts."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


class DoubleDouble:
    """A cell of twice the digits: each lane is the sum of a high and a low part.

    Products and sums as in Dekker (1971), Numer. Math. 18, 224-242; their error is about 2**-104
    of the operands.  Low parts are added to high parts only when a result is stored, so that sums
    that follow each other need not wait.
    """

    __array_ufunc__ = None  # numpy leaves products and sums with arrays to this class

    def __init__(self, high: np.ndarray, low: np.ndarray | None = None) -> None:
        self.high = high
        self.low = np.zeros(LANES) if low is None else low

    def __add__(self, other: Cell) -> DoubleDouble:
        a, b = self, other if isinstance(other, DoubleDouble) else DoubleDouble(other)
        sum_ = a.high + b.high
        back = sum_ - a.high
        rest = ((a.high - (sum_ - back)) + (b.high - back)) + (a.low + b.low)
        return DoubleDouble(sum_, rest)

    def __sub__(self, other: Cell) -> DoubleDouble:
        b = other if isinstance(other, DoubleDouble) else DoubleDouble(other)
        return self + DoubleDouble(-b.high, -b.low)

    def __mul__(self, other: Cell) -> DoubleDouble:
        a, b = self, other if isinstance(other, DoubleDouble) else DoubleDouble(other)
        product = a.high * b.high
        rest = lost_digits(a.high, b.high, product) + (a.high * b.low + a.low * b.high)
        return DoubleDouble(product, rest)

    def renewed(self) -> DoubleDouble:
        """The same number, with all digits that it can hold in the high part."""
        high = self.high + self.low
        return DoubleDouble(high, self.low - (high - self.high))


def lost_digits(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
    """``a * b - product``, from the halves of the digits (Dekker 1971, section 5)."""
    a_high, b_high = ((x.view(np.int64) & HALF).view(np.float64) for x in (a, b))
    a_low, b_low = a - a_high, b - b_high
    rest: np.ndarray = a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )
    return rest


class Losses:
    """Whether a product has left the range of a double since ``forget_losses``.

    Compiled code reads it from the processor, which remembers every result that underflowed with a
    loss of digits, or overflowed; in plain code numpy calls this object, see ``watching``.
    """

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, kind: str, flag: int) -> None:
        """Called by numpy."""
        self.seen = True


_LOSSES = Losses()


def watching() -> np.errstate:
    """Makes numpy report every result that leaves the range, for kernels as plain Python."""
    return np.errstate(under="call", over="call", invalid="ignore", call=_LOSSES)


def forget_losses() -> None:
    """Begins anew: nothing has left the range of a double."""
    _LOSSES.seen = False


def lost_any() -> bool:
    """Whether a result was too small or too large for a double since ``forget_losses``."""
    return _LOSSES.seen


def kinds_of(structure: Any) -> dict[str, str]:
    """The kind of each field of a named tuple as its annotation spells it, such as ``Ints``."""
    annotated = structure.__annotations__.items()
    return {name: str(getattr(kind, "__forward_arg__", kind)) for name, kind in annotated}


def bare(array: np.ndarray) -> np.ndarray:
    """An array; compiled code keeps only its address and one length."""
    return array


def bundle(structure: Any) -> Any:
    """Nested structures of arrays; compiled code keeps only one address.

    Plain code calls this with the structure, compiled code with its field ``at``.
    """
    return structure


def double_doubles(array: np.ndarray) -> Any:
    """The same array, read as double-double cells."""
    return DoubleDoubleCells(array)


def in_double_doubles(scratch: Any) -> Any:
    """The same workspace, read as double-double cells."""
    return scratch._replace(
        cells=double_doubles(scratch.cells), adjoint=double_doubles(scratch.adjoint)
    )


def load8(cells: Any, cell: int) -> Cell:
    """The eight lanes of a cell."""
    if isinstance(cells, DoubleDoubleCells):
        low = len(cells.array) // 2
        return DoubleDouble(load8(cells.array, cell), load8(cells.array[low:], cell))
    return cells[LANES * cell : LANES * cell + LANES].copy()


def store8(cells: Any, cell: int, value: Cell) -> None:
    """Writes the eight lanes of a cell."""
    if isinstance(cells, DoubleDoubleCells):
        low = len(cells.array) // 2
        value = value.renewed() if isinstance(value, DoubleDouble) else DoubleDouble(value)
        store8(cells.array, cell, value.high)
        store8(cells.array[low:], cell, value.low)
        return
    cells[LANES * cell : LANES * cell + LANES] = value


def zero8(cells: Any) -> Cell:
    """Zeros, of the same kind as the cells of an array."""
    return (
        DoubleDouble(np.zeros(LANES)) if isinstance(cells, DoubleDoubleCells) else np.zeros(LANES)
    )


def splat8(value: float) -> Cell:
    """Eight times the same number."""
    return np.full(LANES, value)


def max8(first: Cell, second: Cell) -> Cell:
    """The larger number of each lane."""
    return np.maximum(first, second)


def ratio8(first: Cell, second: Cell) -> Cell:
    """``first / second`` of each lane, 0 where the second is 0."""
    return np.divide(first, second, out=np.zeros(LANES), where=second != 0.0)


def abs8(value: Cell) -> Cell:
    """Absolute values; of a double-double cell those of its high part."""
    return np.abs(value.high if isinstance(value, DoubleDouble) else value)


def total8(value: Cell) -> float:
    """The sum of the lanes, always in the same order."""
    return float(
        ((value[0] + value[1]) + (value[2] + value[3]))
        + ((value[4] + value[5]) + (value[6] + value[7]))
    )


def pair8(value: Cell) -> tuple[float, float]:
    """The sum of the lanes in two parts; the low part is 0 but for double-doubles."""
    if not isinstance(value, DoubleDouble):
        return total8(value), 0.0
    while (half := len(value.high) // 2) > 0:
        upper = DoubleDouble(value.high[half:], value.low[half:])
        value = DoubleDouble(value.high[:half], value.low[:half]) + upper
    value = value.renewed()
    return float(value.high[0]), float(value.low[0])


def largest8(value: Cell) -> float:
    """The largest lane."""
    return float(value.max())


def single(bit: int) -> Any:
    """A word with one bit."""
    return np.int64(1) << np.int64(bit)


def above(bit: int) -> Any:
    """A word with all bits above one."""
    return np.int64(-2) << np.int64(bit)


def popcount(word: int) -> int:
    """Number of set bits of a word."""
    return (int(word) % 2**BITS).bit_count()


def lowest(word: int) -> int:
    """Position of the lowest set bit of a word that is not 0."""
    return (int(word) & -int(word)).bit_length() - 1


def highest(word: int) -> int:
    """Position of the highest set bit of a word that is not 0."""
    return (int(word) % 2**BITS).bit_length() - 1
