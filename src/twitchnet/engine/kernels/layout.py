"""What the kernels keep where: the rows of their arrays, by name.

Every row of ``Scratch.n`` is a list of its own, named here and nowhere else.

Letters: A axes, T tables (leaves first), W words of a mask; V, P, E as in ``program``.
Memory of the tables is counted in cells of eight lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twitchnet.engine.jit.lanes import BITS, WORD, lowest, single
from twitchnet.engine.program import Floats, Ints

TINIEST = 2.0**-1074
# rows of Packed.n: V_ by node, P_ by part
P_COUNT, V_CARD, V_MAX, V_FLIP, V_PARTS, V_CHILDREN = 0, 1, 2, 3, 4, 5
P_OWNER, P_SCOPE, P_ENTRY, P_CREDIT, SCOPE_NODE, CHILD, P_LONE, P_BITS = 6, 7, 8, 9, 10, 11, 12, 13
V_RISING, V_SURPRISE, V_LOOSE = 14, 15, 16
SEVERAL, NOBODY = -2, -1  # entries of P_LONE, which is the one node of a scope
# rows of Scratch.n by node: observed state or -1; 0 hidden, 1 observed, 2 conditioned in
# lanes, 3 conditioned in passes; needed; the axis of a hidden node; has likelihoods
HARD, FIXED, KEEP, LOCAL, IS_SOFT = 0, 1, 2, 3, 4
# by axis
NODE, CARD, KIND, TERMINAL, FLIP = 5, 6, 7, 8, 9
# by table: first cell, cells, whether it is a leaf whose link is asked what it produced, the
# exponent taken out, level axis of a leaf, mark
START, SIZE, ASKED, SCALE, OWN, HELD = 10, 11, 12, 13, 14, 15
# by table of the tape: where its row begins, and the axis that is closed
FIRST, AXIS = 16, 17
# single numbers, small lists, the state of each conditioned node by lane
COUNT, SPARE, LANE = 18, 19, 35
N_AXES, N_TABLES, N_CELLS, N_LEAVES, N_WORDS, EXPONENT = 0, 1, 2, 3, 4, 5  # entries of COUNT
# of the tape (see fast/schedule.py): turn of an axis; by turn: states, first table, first row
# that holds it; next table of the same turn; the tables of an axis
TURN, CARD_AT, HEAD, SEEN, NEXT, ITEM = range(43, 49)
# by node: cells that mark the lanes of its states; last turn of a leaf; of a level axis, see
# ``sign_levels``
MARKED, LATEST, BITS_LOST, SUMS = 49, 50, 51, 52
PLACE = 53  # by table of the tape: where its products lie
CUT = 54  # by observed max node: 2 when its level is conditioned on in lanes, 3 in passes
LEAKLESS = 55  # by hidden max node: nothing but its open parts may raise it
SILENT = 56  # by max node: observed at its lowest level
OPEN = 57  # the nodes that matter and are not observed
SURPRISE = 58  # of an observed node's level axis, see ``packing.surprise``
# where responsibilities are wanted, see fast/responsibility.py: by node whether it is a finding
# that was observed present, its masses by level, and what they are; by part its leaf, or -1
PRESENT, MASS, MASSES, LEAF = 59, 60, 61, 62
LONE = 63  # the lone axes, see ``ordering.order_by_degree``; the last row
CONSTANT, CUMULATIVE, SEPARATE = 0, 1, 2  # values of MASSES
SUMMED, MEANING = 7, 8  # values of HELD for leaves
KEPT, ALL_BINARY, UNFIT, FAINTEST, FORM, N_OPEN, DOUBT = range(6, 13)  # more entries of COUNT
LOST, STEPS, LIMIT = 15, 16, 17  # leaves that left the range; steps of planning; see ``LIMITS``
N_ROWS, N_LONE = 13, 14  # leaves up to N_ROWS are about one node each; number of lone axes
# what a record that is too wide meets: nothing yet, the budget, the workspace, the limit on
# planning, the range of a double, or the digits of a double-double
NO_LIMIT, BUDGET, ROOM, PLANNING, RANGE, PRECISION = range(6)
# kinds of axes
STATES, LEVELS = 0, 1
# rows of Scratch.m: 4 * table (or axis, or mask) + one of these
SCOPE, BACK, NEAR, ONE = 0, 1, 2, 3
# rows of Scratch.f: two by axis, then 4 * state + these by node
SCORE, SOFT, MARGINAL, AGAIN, FINER = 0, 2, 3, 4, 5


class Packed(NamedTuple):
    """A program in two arrays: ``n`` (17, V or P) and its entries ``table`` (E,).

    ``places`` (4,) is where they lie, see ``places_of``.
    """

    n: Ints
    table: Floats
    places: Ints

    @classmethod
    def of(cls, n: Ints, table: Floats) -> Packed:
        """Arrays that lie in one piece each."""
        return cls(n, table, places_of(n, table))

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy lies elsewhere."""
        return type(self).of, tuple(self[:-1])


class Scratch(NamedTuple):
    """The workspace of one thread; contents are meaningless between records.

    ``n`` (rows, V or A or T) integers, ``tape`` what to do (``fast/schedule.py``), ``m`` (4 T, W)
    masks of axes, ``f`` (2 + 4 card, V or A) numbers by node, ``cells`` and ``adjoint``
    (8 * cells) the tables and the derivatives of P(evidence) by each of their entries.
    ``places`` (12,) is where they lie.
    """

    n: Ints
    tape: Ints
    m: Ints
    f: Floats
    cells: Floats
    adjoint: Floats
    places: Ints

    @classmethod
    def of(cls, *arrays: Any) -> Scratch:
        """Arrays that lie in one piece each."""
        return cls._make((*arrays, places_of(*arrays)))

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy lies elsewhere."""
        return type(self).of, tuple(self[:-1])


def places_of(*arrays: Any) -> Ints:
    """The address of each array, and the length of its last axis (see ``lanes.bundle``)."""
    return np.array([(one.ctypes.data, one.shape[-1]) for one in arrays], dtype=np.int64).ravel()


def power(bits: int) -> float:
    """2 to the power of a number of bits; beyond 62, where nothing is ever stored, 2**62."""
    return float(single(min(bits, 62)))


def has(mask: Ints, row: int, axis: int) -> bool:
    """Whether an axis is in row ``row`` of an array of masks."""
    return bool((mask[row, axis >> WORD] >> (axis & (BITS - 1))) & 1 != 0)


def put(mask: Ints, row: int, axis: int) -> None:
    """Adds an axis to a mask."""
    mask[row, axis >> WORD] |= single(axis & (BITS - 1))


def drop(mask: Ints, row: int, axis: int) -> None:
    """Takes an axis out of a mask."""
    mask[row, axis >> WORD] &= ~single(axis & (BITS - 1))


def list_axes(s: Scratch, row: int, out: Ints) -> int:
    """Writes the axes of a mask to ``out``, ascending; returns how many."""
    n = 0
    for word in range(s.n[COUNT, N_WORDS]):
        rest = s.m[row, word]
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            out[n] = word * BITS + bit
            n += 1
    return n
