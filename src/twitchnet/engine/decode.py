"""What is left of a network once the evidence is in?  Plain loops over flat arrays.

``decode`` fixes the observed nodes in every part and writes what remains as *leaves*:

* a node without observed descendants that nobody asks about vanishes;
* an *absent* noisy-OR node is its parts' silent rows, one factor per parent;
* an observed parent folds into the *base* of its children (their leak);
* a max node with at most one part left is a plain table;
* any other max node becomes a *level axis* with its parts, and either a *terminal*
  (a weight per level: the evidence) or the node itself as *partner*.

Nodes that are *conditioned* on have one state per lane; they are fixed like observed
ones, lane by lane.  Leaves that speak about a single node are multiplied into one
row per node, and what speaks about none into leaf 0.

A level axis may be *signed*: its leaves hold cumulative sums (U, U + E) that multiply
pointwise, and the difference is taken when the axis is closed.  Every entry of E is at
least b times U + E, where b is the base of the node, so closing the axis loses at most a
factor 2 / b of relative accuracy.  There are two forms of a record:

* positive (``kernels.py``): axes are signed while the product of 2 / b stays below
  ``SIGNED_LOSS``, which bounds the error for any evidence and any rare cause (at 1e5,
  chains of a hundred roundings stay near 1e-9 at the worst); all others are merged by
  maximum, without any subtraction;
* fast (``products.py``): every level axis is signed, and the answer is checked.

Letters: A axes, T tables (leaves first), W words of a mask; V, P, E as in ``program``.
Memory of the tables is counted in cells of eight lanes.
"""

from __future__ import annotations

import math
from math import ldexp
from typing import NamedTuple

import numpy as np

from twitchnet.engine.lanes import (
    BITS,
    LANES,
    Cell,
    abs8,
    largest8,
    load8,
    lowest,
    max8,
    splat8,
    store8,
)
from twitchnet.engine.program import Floats, Ints, Program

SIGNED_LOSS = 1e5
TINIEST = 2.0**-1074

# rows of Packed.n: V_ by node, P_ by part
P_COUNT, V_CARD, V_MAX, V_FLIP, V_PARTS, V_CHILDREN = 0, 1, 2, 3, 4, 5
P_OWNER, P_SCOPE, P_ENTRY, P_CREDIT, SCOPE_NODE, CHILD, P_LONE, P_BITS = 6, 7, 8, 9, 10, 11, 12, 13
V_RISING = 14
SEVERAL, NOBODY = -2, -1  # entries of P_LONE, which is the one node of a scope

# rows of Scratch.n by node: observed state or -1; 0 hidden, 1 observed, 2 conditioned in
# lanes, 3 conditioned in passes; needed; the axis of a hidden node; has likelihoods
HARD, FIXED, KEEP, LOCAL, IS_SOFT = 0, 1, 2, 3, 4
# by axis
NODE, CARD, KIND, PARTNER, TERMINAL, FLIP = 5, 6, 7, 8, 9, 10
# by table: first cell, cells, credited target, cells of its link, level axis of a leaf, mark
START, SIZE, CREDIT, MADE, OWN, HELD = 11, 12, 13, 14, 15, 16
# by table of the tape (see order.py)
MADE_BY, FIRST, SECOND, AXIS = 17, 18, 19, 20
# single numbers, small lists, the state of each conditioned node by lane, terms of a merge
COUNT, SPARE, LANE, INNER_OF, TERM = 21, 22, 38, 46, 49
N_AXES, N_TABLES, N_CELLS, N_LEAVES, N_WORDS, EXPONENT = 0, 1, 2, 3, 4, 5  # entries of COUNT
TINY = 2.0**-40  # rows that fall below are rescaled; a bucket may multiply two dozen of them
SMALL, LARGE = 2.0**-40, 2.0**40  # tables outside are rescaled, and scalars always
FAR, OFTEN = 2.0**-20, 16  # a row is looked at after a small factor, and after so many
TERMS_AXES = 64  # most axes of one table
# of the fast form (see products.py): turn of an axis; by turn: states, first table, first row
# that holds it; next table of the same turn; the tables of an axis
TURN, CARD_AT, HEAD, SEEN, NEXT, ITEM = range(241, 247)
# by node: cells that mark the lanes of its states; last turn of a leaf; of a level axis, see
# ``sign_levels``
MARKED, LATEST, BITS_LOST, SUMS = 247, 248, 249, 250
PLACE = 251  # by table of the tape: where its products lie
SUMMED, MEANING = 7, 8  # values of HELD for leaves of the fast form
KEPT, ALL_BINARY, UNFIT, FAINTEST = 6, 7, 8, 9  # more entries of COUNT

# kinds of axes
STATES, LEVELS, SIGNED = 0, 1, 2
# rows of Scratch.m: 4 * table (or axis, or mask) + one of these
SCOPE, BACK, NEAR, ONE = 0, 1, 2, 3
# rows of Scratch.f: two by axis, then 3 * state + these by node
SCORE, SOFT, MARGINAL, AGAIN = 0, 2, 3, 4


class Packed(NamedTuple):
    """A program in few arrays, since compiled calls pay for each: ``n`` (15, V or P) and its
    entries ``table`` (E,).
    """

    n: Ints
    table: Floats


class Scratch(NamedTuple):
    """The workspace of one thread; contents are meaningless between records.

    ``n`` (rows, V or A or T) integers, ``tape`` what to do (see ``products.py``), ``m`` (4 T, W)
    masks of axes, ``f`` (2 + 3 card, V or A) numbers by node, ``cells`` and ``adjoint``
    (8 * cells) the tables and the derivatives of P(evidence) by each of their entries.
    """

    n: Ints
    tape: Ints
    m: Ints
    f: Floats
    cells: Floats
    adjoint: Floats


def has(mask: Ints, row: int, axis: int) -> bool:
    """Whether an axis is in row ``row`` of an array of masks."""
    return bool((mask[row, axis >> 5] >> (axis & 31)) & 1 != 0)


def put(mask: Ints, row: int, axis: int) -> None:
    """Adds an axis to a mask."""
    mask[row, axis >> 5] |= 1 << (axis & 31)


def drop(mask: Ints, row: int, axis: int) -> None:
    """Takes an axis out of a mask."""
    mask[row, axis >> 5] &= ~(1 << (axis & 31))


def list_axes(s: Scratch, row: int, out: Ints) -> int:
    """Writes the axes of a mask to ``out``, ascending; returns how many."""
    n = 0
    for word in range(s.n[COUNT, N_WORDS]):
        rest = s.m[row, word]
        while rest != 0:
            bit = lowest(rest)
            out[n] = word * BITS + bit
            n += 1
            rest &= rest - 1
    return n


def mark_needed(p: Packed, s: Scratch, wanted: Ints) -> None:
    """Which nodes matter: the observed, the wanted, and their ancestors."""
    for v in range(p.n[P_COUNT, 0] - 1, -1, -1):
        keep = wanted[v] != 0 or s.n[HARD, v] >= 0 or s.n[IS_SOFT, v] != 0
        if not keep:
            for i in range(p.n[V_CHILDREN, v], p.n[V_CHILDREN, v + 1]):
                if s.n[KEEP, p.n[CHILD, i]] != 0:
                    keep = True
                    break
        s.n[KEEP, v] = 1 if keep else 0


def new_axis(s: Scratch, node: int, card: int, kind: int) -> int:
    """A fresh axis."""
    a = s.n[COUNT, 0]
    s.n[COUNT, 0] += 1
    s.n[NODE, a] = node
    s.n[CARD, a] = card
    s.n[KIND, a] = kind
    s.n[PARTNER, a] = -1
    s.n[TERMINAL, a] = -1
    s.n[FLIP, a] = 0
    return a


def take_cells(s: Scratch, size: int) -> int:
    """Reserves cells; returns the first, or -1 when the workspace is full."""
    start = s.n[COUNT, 2]
    if LANES * (start + size) > len(s.cells):
        return -1
    s.n[COUNT, 2] += size
    return start


def new_table(s: Scratch, size: int) -> int:
    """A fresh table without axes; its cells are not initialised."""
    t = s.n[COUNT, 1]
    s.n[COUNT, 1] += 1
    s.n[START, t] = take_cells(s, size)
    s.n[SIZE, t] = size
    s.n[CREDIT, t] = -1
    s.n[MADE, t] = -1
    s.n[OWN, t] = -1
    s.n[HELD, t] = 0
    for word in range(s.n[COUNT, N_WORDS]):
        s.m[4 * t + SCOPE, word] = 0
        s.m[4 * t + BACK, word] = 0
    return t


def fill_ones(s: Scratch, start: int, size: int) -> None:
    """Ones in a run of cells."""
    one = splat8(1.0)
    for i in range(size):
        store8(s.cells, start + i, one)


def read_part(
    p: Packed, s: Scratch, part: int, row: int, axes: Ints, n: int, own: int, out: int
) -> None:
    """Writes part ``part`` with fixed nodes taken out to the cells from ``out`` on.

    ``axes[:n]`` are the axes of the result, ascending.  ``own`` is the axis that runs
    over the owner's levels (-1: none, then the level is ``row``, or lane by lane the
    owner's conditioned state when ``row`` is -2).
    """
    v = p.n[P_OWNER, part]
    first, last = p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]
    base = p.n[P_ENTRY, part]
    inner = 1
    for i in range(first, last):
        inner *= p.n[V_CARD, p.n[SCOPE_NODE, i]]
    # offsets: the same for all lanes, and per lane
    lane_offset = s.n[SPARE + 8]
    for lane in range(LANES):
        lane_offset[lane] = 0
    by_lane = False
    if own < 0:
        if row == -2:
            by_lane = True
            for lane in range(LANES):
                lane_offset[lane] = s.n[LANE + lane, v] * inner
        else:
            base += row * inner
    stride_of = s.n[SPARE + 9]  # by position among axes
    for k in range(n):
        stride_of[k] = inner if axes[k] == own else 0
    stride = inner
    for i in range(first, last):
        u = p.n[SCOPE_NODE, i]
        stride //= p.n[V_CARD, u]
        if s.n[FIXED, u] == 1:
            base += stride * s.n[HARD, u]
        elif s.n[FIXED, u] >= 2:
            by_lane = True
            for lane in range(LANES):
                lane_offset[lane] += stride * s.n[LANE + lane, u]
        else:
            for k in range(n):
                if axes[k] == s.n[LOCAL, u]:
                    stride_of[k] = stride
    size = 1
    for k in range(n):
        size *= s.n[CARD, axes[k]]
    digit = s.n[SPARE + 10]
    for k in range(n):
        digit[k] = 0
    at = base
    for i in range(size):
        if by_lane:
            for lane in range(LANES):
                s.cells[LANES * (out + i) + lane] = p.table[at + lane_offset[lane]]
        else:
            store8(s.cells, out + i, splat8(p.table[at]))
        for k in range(n - 1, -1, -1):
            digit[k] += 1
            at += stride_of[k]
            if digit[k] < s.n[CARD, axes[k]]:
                break
            at -= digit[k] * stride_of[k]
            digit[k] = 0


def part_axes(p: Packed, s: Scratch, part: int, own: int, out: Ints) -> int:
    """The axes of part ``part`` (and ``own`` if not -1), ascending; returns how many."""
    n = 0
    if own >= 0:
        out[0] = own
        n = 1
    for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
        u = p.n[SCOPE_NODE, i]
        if s.n[FIXED, u] == 0:
            a = s.n[LOCAL, u]
            k = n
            while k > 0 and out[k - 1] > a:
                out[k] = out[k - 1]
                k -= 1
            out[k] = a
            n += 1
    return n


def guard(s: Scratch, start: int, size: int) -> None:
    """Rescales a row that has become small; the exponent is kept in COUNT."""
    top = splat8(0.0)
    for i in range(size):
        top = max8(top, load8(s.cells, start + i))
    largest = largest8(top)
    if largest >= TINY or largest == 0.0:
        return
    exponent = max(int(np.floor(np.log2(largest))), -1000)
    factor = splat8(ldexp(1.0, -exponent))
    for i in range(size):
        store8(s.cells, start + i, load8(s.cells, start + i) * factor)
    s.n[COUNT, EXPONENT] += exponent


def rescale(s: Scratch, row: int) -> int:
    """Brings the largest entry of a table near 1 when it is far off; returns the exponent."""
    start, size = s.n[START, row], s.n[SIZE, row]
    top = splat8(0.0)
    for i in range(size):
        top = max8(top, abs8(load8(s.cells, start + i)))
    largest = largest8(top)
    s.n[MADE, row] = 0
    if largest == 0.0 or (size > 1 and SMALL < largest < LARGE):
        return 0
    exponent = min(max(int(np.floor(np.log2(largest) + 0.5)), -1000), 1000)
    factor = splat8(ldexp(1.0, -exponent))
    for i in range(size):
        store8(s.cells, start + i, load8(s.cells, start + i) * factor)
    s.n[MADE, row] = exponent
    return exponent


def multiply_row(s: Scratch, into: int, start: int) -> None:
    """Multiplies the cells from ``start`` on into a table of the same shape."""
    first = s.n[START, into]
    for i in range(s.n[SIZE, into]):
        store8(s.cells, first + i, load8(s.cells, first + i) * load8(s.cells, start + i))
    guard(s, first, s.n[SIZE, into])


def add_factor(p: Packed, s: Scratch, part: int, row: int, own: int) -> int:
    """A part as a leaf; folded into a row or into leaf 0 when it speaks of one node or none.

    Returns the table it went to.
    """
    axes = s.n[SPARE + 0]
    n = part_axes(p, s, part, own, axes)
    size = 1
    for k in range(n):
        size *= s.n[CARD, axes[k]]
    if n <= 1:
        t = 0 if n == 0 else 1 + axes[0]
        mark = s.n[COUNT, 2]
        start = take_cells(s, size)
        if start < 0:
            return -1
        read_part(p, s, part, row, axes, n, own, start)
        multiply_row(s, t, start)
        s.n[COUNT, 2] = mark
        return t
    t = new_table(s, size)
    if s.n[START, t] < 0:
        return -1
    for k in range(n):
        put(s.m, 4 * t + SCOPE, axes[k])
    read_part(p, s, part, row, axes, n, own, s.n[START, t])
    return t


def is_silent(p: Packed, s: Scratch, v: int) -> bool:
    """Whether a max node was observed at its lowest level."""
    silent = p.n[V_CARD, v] - 1 if p.n[V_FLIP, v] != 0 else 0
    return s.n[FIXED, v] == 1 and s.n[HARD, v] == silent and s.n[IS_SOFT, v] == 0


def entry8(p: Packed, s: Scratch, at: int, u: int) -> Cell:
    """The entry of each lane in a row of a table over the states of a fixed node (-1: none)."""
    if u < 0:
        return splat8(p.table[at])
    if s.n[FIXED, u] == 1:
        return splat8(p.table[at + s.n[HARD, u]])
    mark = s.n[MARKED, u]
    sum_ = load8(s.cells, mark) * splat8(p.table[at])
    for state in range(1, p.n[V_CARD, u]):
        sum_ = sum_ + load8(s.cells, mark + state) * splat8(p.table[at + state])
    return sum_


def mark_lanes(p: Packed, s: Scratch) -> bool:
    """For each state of each conditioned node, a cell of ones in its lanes; see ``entry8``."""
    for v in range(p.n[P_COUNT, 0]):
        if s.n[FIXED, v] >= 2:
            card = p.n[V_CARD, v]
            first = s.n[MARKED, v] = take_cells(s, card)
            if first < 0:
                return False
            for lane in range(LANES):
                for state in range(card):
                    hit = s.n[LANE + lane, v] == state
                    s.cells[LANES * (first + state) + lane] = 1.0 if hit else 0.0
    return True


def add_silent(p: Packed, s: Scratch, v: int) -> bool:
    """The silent rows of all parts of a node; parts of one parent go the short way."""
    common = 1.0
    for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
        u, at = p.n[P_LONE, part], p.n[P_ENTRY, part]
        if u == SEVERAL:
            if add_factor(p, s, part, 0, -1) < 0:
                return False
        elif u == NOBODY or s.n[FIXED, u] == 1:
            entry = p.table[at + s.n[HARD, u]] if u >= 0 else p.table[at]
            if entry < FAR:
                scale_scalar(s, splat8(entry))
            else:
                common *= entry
                if common < FAR:
                    scale_scalar(s, splat8(common))
                    common = 1.0
        elif s.n[FIXED, u] >= 2:
            scale_scalar(s, entry8(p, s, at, u))
        else:
            t = 1 + s.n[LOCAL, u]
            start, least = s.n[START, t], 1.0
            for state in range(p.n[V_CARD, u]):
                entry = p.table[at + state]
                if entry != 1.0:
                    least = min(least, entry)
                    place = start + state
                    store8(s.cells, place, load8(s.cells, place) * splat8(entry))
            s.n[HELD, t] += 1
            if least < FAR or s.n[HELD, t] >= OFTEN:
                s.n[HELD, t] = 0
                guard(s, start, s.n[SIZE, t])
    if common != 1.0:
        scale_scalar(s, splat8(common))
    return True


def scale_scalar(s: Scratch, factor: Cell) -> None:
    """Multiplies leaf 0, which speaks about no node."""
    start = s.n[START, 0]
    store8(s.cells, start, load8(s.cells, start) * factor)
    guard(s, start, 1)


def raise_cells(s: Scratch, base: int, start: int, card: int, stride: int, size: int) -> None:
    """In place: the maximum of an independent base and a table's axis of levels.

    ``base`` is the first of ``card`` cells; the axis has the given stride in the table.
    """
    outer = size // (card * stride)
    for o in range(outer):
        for i in range(stride):
            place = start + o * card * stride + i
            below = splat8(0.0)  # the table's mass below this level
            low = splat8(0.0)  # the base's mass up to this level
            for level in range(card):
                b = load8(s.cells, base + level)
                low = low + b
                here = load8(s.cells, place + level * stride)
                store8(s.cells, place + level * stride, low * here + b * below)
                below = below + here


def stride_in(s: Scratch, t: int, a: int) -> int:
    """The stride of axis ``a`` in table ``t``, in cells."""
    axes = s.n[SPARE + 1]
    n = list_axes(s, 4 * t + SCOPE, axes)
    stride = 1
    for k in range(n - 1, -1, -1):
        if axes[k] == a:
            return stride
        stride *= s.n[CARD, axes[k]]
    return -1


def write_weights(p: Packed, s: Scratch, v: int, start: int) -> None:
    """The weight of each level of a max node: its evidence, per lane."""
    card = p.n[V_CARD, v]
    for level in range(card):
        state = card - 1 - level if p.n[V_FLIP, v] else level
        soft = s.f[SOFT + 3 * state, v] if s.n[IS_SOFT, v] != 0 else 1.0
        if s.n[FIXED, v] == 1:
            store8(s.cells, start + level, splat8(soft if s.n[HARD, v] == state else 0.0))
        elif s.n[FIXED, v] >= 2:
            for lane in range(LANES):
                hit = s.n[LANE + lane, v] == state
                s.cells[LANES * (start + level) + lane] = soft if hit else 0.0
        else:
            store8(s.cells, start + level, splat8(soft))


def soft_row(p: Packed, s: Scratch, v: int) -> None:
    """Multiplies the likelihood of a table node in: a row, or a number per lane."""
    if s.n[FIXED, v] == 0:
        t = 1 + s.n[LOCAL, v]
        for state in range(p.n[V_CARD, v]):
            i = s.n[START, t] + state
            store8(s.cells, i, load8(s.cells, i) * splat8(s.f[SOFT + 3 * state, v]))
    else:
        for lane in range(LANES):
            state = s.n[HARD, v] if s.n[FIXED, v] == 1 else s.n[LANE + lane, v]
            s.cells[LANES * s.n[START, 0] + lane] *= s.f[SOFT + 3 * state, v]


def add_max_node(p: Packed, s: Scratch, v: int, wanted: Ints, credit: bool, products: bool) -> bool:
    """The leaves of a max node that was not observed silent; False when cells run out."""
    card = p.n[V_CARD, v]
    hidden = s.n[FIXED, v] == 0
    present = credit and s.n[FIXED, v] == 1 and s.n[HARD, v] > 0 and not p.n[V_FLIP, v]
    mark = s.n[COUNT, N_CELLS]
    base = take_cells(s, card)
    raised = take_cells(s, card)
    if base < 0 or raised < 0:
        return False
    live, varies = fold_fixed(p, s, v, wanted, present, base, raised)
    if hidden and live < 2:
        return add_plain_node(p, s, v, live, base, raised, mark)
    if live == 0:
        write_weights(p, s, v, raised)
        sum_ = splat8(0.0)
        for level in range(card):
            sum_ = sum_ + load8(s.cells, base + level) * load8(s.cells, raised + level)
        start = s.n[START, 0]
        store8(s.cells, start, load8(s.cells, start) * sum_)
        guard(s, start, 1)
        s.n[COUNT, N_CELLS] = mark
        return True
    a = new_axis(s, v, card, LEVELS)
    s.n[FLIP, a] = 1 if p.n[V_FLIP, v] else 0
    leaf = new_table(s, card)
    if s.n[START, leaf] < 0:
        return False
    put(s.m, 4 * leaf + SCOPE, a)
    s.n[OWN, leaf] = a
    s.n[HELD, leaf] = varies
    for level in range(card):
        store8(s.cells, s.n[START, leaf] + level, load8(s.cells, base + level))
    if hidden:
        s.n[PARTNER, a] = s.n[LOCAL, v]
        s.n[PARTNER, s.n[LOCAL, v]] = a
        if s.n[IS_SOFT, v] != 0:
            soft_row(p, s, v)
    else:
        s.n[TERMINAL, a] = take_cells(s, card)
        if s.n[TERMINAL, a] < 0:
            return False
        write_weights(p, s, v, s.n[TERMINAL, a])
    live_parts = s.n[SPARE + 2]
    for j in range(live):
        part = live_parts[j]
        if not add_live_part(p, s, part, a, products):
            return False
        if present and p.n[P_CREDIT, part] >= 0 and wanted[p.n[P_CREDIT, part]] == 1:
            s.n[CREDIT, s.n[COUNT, N_TABLES] - 1] = p.n[P_CREDIT, part]
    return not products or sign_levels(p, s, a, leaf, live)


def fold_fixed(
    p: Packed, s: Scratch, v: int, wanted: Ints, present: bool, base: int, raised: int
) -> tuple[int, int]:
    """Folds the parts of a max node whose nodes are fixed into ``card`` cells from ``base`` on.

    Returns how many parts are left, in SPARE + 2, and whether the base varies by pass.
    """
    card = p.n[V_CARD, v]
    live_parts = s.n[SPARE + 2]
    live = varies = 0
    for level in range(card):
        store8(s.cells, base + level, splat8(1.0 if level == 0 else 0.0))
    for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
        u, at, c = p.n[P_LONE, part], p.n[P_ENTRY, part], p.n[P_CREDIT, part]
        free = u >= 0 and s.n[FIXED, u] == 0
        if u == SEVERAL:
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                if s.n[FIXED, p.n[SCOPE_NODE, i]] == 0:
                    free = True
                elif s.n[FIXED, p.n[SCOPE_NODE, i]] == 3:
                    varies = 1
        elif u >= 0 and s.n[FIXED, u] == 3:
            varies = 1
        if free or (present and c >= 0 and wanted[c] == 1):
            live_parts[live] = part
            live += 1
        elif card == 2 and u != SEVERAL:
            states = 1
            if u >= 0:
                states = p.n[V_CARD, u]
                if s.n[FIXED, u] == 1 and p.table[at + states + s.n[HARD, u]] == 0.0:
                    continue  # a parent that produces nothing
            w0, w1 = entry8(p, s, at, u), entry8(p, s, at + states, u)
            low, high = load8(s.cells, base), load8(s.cells, base + 1)
            store8(s.cells, base, low * w0)
            store8(s.cells, base + 1, high * (w0 + w1) + low * w1)
        else:
            read_levels(p, s, part, raised)
            raise_cells(s, base, raised, card, 1, card)
            for level in range(card):
                store8(s.cells, base + level, load8(s.cells, raised + level))
    return live, varies


def add_plain_node(
    p: Packed, s: Scratch, v: int, live: int, base: int, raised: int, mark: int
) -> bool:
    """A hidden max node with at most one part left: a row, or a table."""
    card, own = p.n[V_CARD, v], s.n[LOCAL, v]
    if live == 0:
        write_weights(p, s, v, raised)
        t = 1 + own
        for state in range(card):
            level = card - 1 - state if p.n[V_FLIP, v] else state
            i = s.n[START, t] + state
            weighted = load8(s.cells, base + level) * load8(s.cells, raised + level)
            store8(s.cells, i, load8(s.cells, i) * weighted)
        s.n[COUNT, N_CELLS] = mark
        return True
    t = add_factor(p, s, s.n[SPARE + 2, 0], 0, own)
    if t < 0:
        return False
    start, size = s.n[START, t], s.n[SIZE, t]
    stride = stride_in(s, t, own)
    raise_cells(s, base, start, card, stride, size)
    if p.n[V_FLIP, v]:
        reverse_axis(s, start, card, stride, size)
    if s.n[IS_SOFT, v] != 0:
        soft_row(p, s, v)
    return True


def add_live_part(p: Packed, s: Scratch, part: int, a: int, products: bool) -> bool:
    """A part with unknown nodes as a leaf over them and its owner's levels."""
    u, card = p.n[P_LONE, part], s.n[CARD, a]
    if u >= 0 and s.n[FIXED, u] == 0:
        states = p.n[V_CARD, u]
        t = new_table(s, states * card)
        if s.n[START, t] < 0:
            return False
        put(s.m, 4 * t + SCOPE, s.n[LOCAL, u])
        put(s.m, 4 * t + SCOPE, a)  # levels are innermost: their axis was made last
        s.n[OWN, t] = a
        place = s.n[START, t]
        for state in range(states):
            at = p.n[P_ENTRY, part] + state
            for level in range(card):
                store8(s.cells, place, splat8(p.table[at + level * states]))
                place += 1
        return True
    axes = s.n[SPARE + 0]
    n = part_axes(p, s, part, a, axes)
    size = 1
    for k in range(n):
        size *= s.n[CARD, axes[k]]
    t = new_table(s, size)
    if s.n[START, t] < 0:
        return False
    for k in range(n):
        put(s.m, 4 * t + SCOPE, axes[k])
    s.n[OWN, t] = a
    read_part(p, s, part, 0, axes, n, a, s.n[START, t])
    if products:
        accumulate(s, t, a)
        s.n[HELD, t] = SUMMED
    return True


def read_levels(p: Packed, s: Scratch, part: int, out: int) -> None:
    """The levels of a part whose scope is fixed, to the cells from ``out`` on."""
    v = p.n[P_OWNER, part]
    card = p.n[V_CARD, v]
    for level in range(card):
        read_part(p, s, part, level, s.n[SPARE + 0], 0, -1, out + level)


def reverse_axis(s: Scratch, start: int, card: int, stride: int, size: int) -> None:
    """In place: levels of a flipped node become its states."""
    outer = size // (card * stride)
    for o in range(outer):
        for i in range(stride):
            place = start + o * card * stride + i
            for level in range(card // 2):
                low, high = place + level * stride, place + (card - 1 - level) * stride
                kept = load8(s.cells, low)
                store8(s.cells, low, load8(s.cells, high))
                store8(s.cells, high, kept)


def decode(
    p: Packed, s: Scratch, wanted: Ints, lanes_used: int, credit: bool, products: bool
) -> bool:
    """All leaves of one record; False when the workspace is too small for them.

    Expects ``hard``, ``fixed``, ``lane_state``, ``soft``, ``is_soft`` and ``keep`` of
    ``s``.  ``wanted`` (V,) is 1 for targets, 2 for producers, 0 else; lanes from
    ``lanes_used`` on count nothing.  ``credit`` keeps the links of targets to present findings
    as leaves of their own.  With ``products`` all level axes become signed, or UNFIT in COUNT
    is set and the result is False.
    """
    s.n[COUNT, 0] = s.n[COUNT, 1] = s.n[COUNT, 2] = 0
    s.n[COUNT, UNFIT] = 0
    s.n[COUNT, EXPONENT] = 0
    most = 0  # axes that there can be: hidden nodes, and the levels of max nodes
    for v in range(p.n[P_COUNT, 0]):
        s.n[LOCAL, v] = -1
        if s.n[KEEP, v] != 0:
            if s.n[FIXED, v] == 0:
                s.n[LOCAL, v] = new_axis(s, v, p.n[V_CARD, v], STATES)
                most += 1
            if p.n[V_MAX, v] != 0 and not is_silent(p, s, v):
                most += 1
    s.n[COUNT, N_WORDS] = (most >> 5) + 1
    if not mark_lanes(p, s):
        return False
    scalar = new_table(s, 1)
    if s.n[START, scalar] < 0:
        return False
    for lane in range(LANES):
        s.cells[LANES * s.n[START, scalar] + lane] = 1.0 if lane < lanes_used else 0.0
    nodes = s.n[COUNT, N_AXES]
    for a in range(nodes):
        t = new_table(s, s.n[CARD, a])
        if s.n[START, t] < 0:
            return False
        put(s.m, 4 * t + SCOPE, a)
        fill_ones(s, s.n[START, t], s.n[CARD, a])
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0:
            continue
        first = p.n[V_PARTS, v]
        if not p.n[V_MAX, v]:
            own = s.n[LOCAL, v] if s.n[FIXED, v] == 0 else -1
            row = -2 if s.n[FIXED, v] >= 2 else s.n[HARD, v]
            if add_factor(p, s, first, row, own) < 0:
                return False
            if s.n[IS_SOFT, v] != 0:
                soft_row(p, s, v)
            continue
        if is_silent(p, s, v):
            if not add_silent(p, s, v):
                return False
        elif not add_max_node(p, s, v, wanted, credit, products):
            return False
    for t in range(1 + nodes):
        if s.n[HELD, t] != 0:
            guard(s, s.n[START, t], s.n[SIZE, t])
            s.n[HELD, t] = 0
    return products or sign(s)


def base_bound(s: Scratch, t: int) -> float:
    """The smallest P(level 1) of a base over the lanes; 0 when it may differ between passes."""
    if s.n[HELD, t] != 0:
        return 0.0
    smallest = 1.0
    for lane in range(LANES):
        smallest = min(smallest, s.cells[LANES * (s.n[START, t] + 1) + lane])
    return smallest


def sign(s: Scratch) -> bool:
    """Makes the level axes with large bases signed; see the head of this file.

    Axes with most leaves come first, while the product of 2 / base stays in bounds.
    """
    uses = s.n[SPARE + 3]
    for a in range(s.n[COUNT, 0]):
        uses[a] = 0
    for t in range(1, s.n[COUNT, 1]):
        if s.n[OWN, t] >= 0:
            uses[s.n[OWN, t]] += 1
    allowed = SIGNED_LOSS
    while True:
        best = -1
        for t in range(1, s.n[COUNT, 1]):
            a = s.n[OWN, t]
            if a < 0 or uses[a] <= 0 or s.n[CARD, a] != 2 or s.n[KIND, a] != LEVELS:
                continue
            if best < 0 or uses[a] > uses[s.n[OWN, best]]:
                best = t
        if best < 0:
            break
        a = s.n[OWN, best]
        uses[a] = 0
        base = base_bound(s, best)
        if base > 0.0 and 2.0 / base <= allowed:
            allowed /= 2.0 / base
            if not make_signed(s, a, best):
                return False
    return True


def sign_levels(p: Packed, s: Scratch, a: int, base: int, live: int) -> bool:
    """Readies a level axis for the fast form, which decides later how it is closed.

    Its leaves of two axes keep their levels.  Cells from SUMS on are the base as cumulative
    sums, weighed; BITS_LOST is what closing it by differences may cost, in bits.
    """
    s.n[KIND, a] = SIGNED
    card, start = s.n[CARD, a], s.n[START, base]
    bits = lost_bits(s, start, card)
    for lane in range(LANES):
        if s.cells[LANES * (start + card - 1) + lane] == 0.0:  # nothing but its links
            for j in range(live):
                bits = max(bits, p.n[P_BITS, s.n[SPARE + 2, j]])
            break
    s.n[BITS_LOST, a] = bits
    first = s.n[SUMS, a] = take_cells(s, card)
    if first < 0:
        return False
    sum_ = splat8(0.0)
    for level in range(card):
        sum_ = sum_ + load8(s.cells, start + level)
        store8(s.cells, first + level, sum_)
    if s.n[TERMINAL, a] >= 0:
        weigh_sums(s, first, s.n[TERMINAL, a], card)
        return True
    return add_meaning(s, a)


def lost_bits(s: Scratch, start: int, card: int) -> int:
    """Bits of the smallest entry above level 0 over what lies below it; zeros do not count."""
    smallest = 1.0
    for lane in range(LANES):
        below = s.cells[LANES * start + lane]
        for level in range(1, card):
            here = s.cells[LANES * (start + level) + lane]
            if here > 0.0:
                smallest = min(smallest, here / (here + below))
            below += here
    return 1 - int(np.floor(np.log2(smallest)))


def make_signed(s: Scratch, a: int, base: int) -> bool:
    """Turns a binary level axis into cumulative sums that multiply pointwise."""
    s.n[KIND, a] = SIGNED
    last = s.n[COUNT, N_TABLES]
    for t in range(base, last):
        if s.n[OWN, t] != a:
            continue
        if s.n[CREDIT, t] >= 0:  # keep E: U + E - U would lose digits of a weak link
            stride = stride_in(s, t, a)
            first = s.n[MADE, t] = take_cells(s, s.n[SIZE, t] // 2)
            if first < 0:
                return False
            for i in range(s.n[SIZE, t] // 2):
                place = s.n[START, t] + (2 * (i // stride) + 1) * stride + i % stride
                store8(s.cells, first + i, load8(s.cells, place))
        accumulate(s, t, a)
    return settle(s, a, base)


def accumulate(s: Scratch, t: int, a: int) -> None:
    """In place: a leaf's levels become cumulative sums."""
    card, stride = s.n[CARD, a], stride_in(s, t, a)
    start = s.n[START, t]
    for o in range(s.n[SIZE, t] // (card * stride)):
        for i in range(stride):
            place = start + o * card * stride + i
            sum_ = load8(s.cells, place)
            for _ in range(1, card):
                place += stride
                sum_ = sum_ + load8(s.cells, place)
                store8(s.cells, place, sum_)


def settle(s: Scratch, a: int, base: int) -> bool:
    """What the levels of a signed axis mean: a weight, or the states of its node."""
    if s.n[TERMINAL, a] >= 0:
        weigh_sums(s, s.n[START, base], s.n[TERMINAL, a], s.n[CARD, a])
        s.n[TERMINAL, a] = -1
        return True
    return add_meaning(s, a)


def weigh_sums(s: Scratch, start: int, weights: int, card: int) -> None:
    """A weight w of levels is w[i] - w[i + 1] of cumulative sums."""
    for level in range(card):
        weight = load8(s.cells, weights + level)
        if level + 1 < card:
            weight = weight - load8(s.cells, weights + level + 1)
        store8(s.cells, start + level, load8(s.cells, start + level) * weight)


def add_meaning(s: Scratch, a: int) -> bool:
    """A leaf that says which cumulative sums make each state of an axis' own node."""
    card = s.n[CARD, a]
    node = s.n[PARTNER, a]  # the node's axis comes before its level axis
    s.n[PARTNER, a] = s.n[PARTNER, node] = -1
    t = new_table(s, card * card)
    if s.n[START, t] < 0:
        return False
    put(s.m, 4 * t + SCOPE, node)
    put(s.m, 4 * t + SCOPE, a)
    s.n[HELD, t] = MEANING
    start = s.n[START, t]
    for state in range(card):
        level = card - 1 - state if s.n[FLIP, a] != 0 else state
        for j in range(card):
            entry = 1.0 if j == level else (-1.0 if j == level - 1 else 0.0)
            store8(s.cells, start + state * card + j, splat8(entry))
    return True


class Structure(NamedTuple):
    """What ``pack`` makes of a program whatever its numbers are.

    ``groups`` are the parts of one shape of table: their numbers (parts,), and the places of
    their entries (parts, levels, *states of the scope).
    """

    scope: Ints  # the program's own array: programs that share it differ in numbers alone
    n: Ints
    groups: list[tuple[Ints, Ints]]


_STRUCTURES: dict[int, Structure] = {}
MOST_STRUCTURES = 16


def structure_of(program: Program) -> Structure:
    """The structure of a program, kept for the next one that differs in its numbers alone."""
    found = _STRUCTURES.get(id(program.scope))
    if found is not None and found.scope is program.scope:
        return found
    rows = (
        np.array([len(program.card)]),
        program.card,
        program.is_max,
        program.flip,
        program.part_first,
        program.child_first,
        program.part_owner,
        program.scope_first,
        program.part_entry,
        program.part_credit,
        program.scope,
        program.child,
        lone_nodes(program),
        program.part_owner,  # the last two depend on numbers: room for them
        program.card,
    )
    n = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    for i, row in enumerate(rows):
        n[i, : len(row)] = row
    found = Structure(program.scope, n, parts_by_shape(program))
    if len(_STRUCTURES) >= MOST_STRUCTURES:
        _STRUCTURES.clear()
    _STRUCTURES[id(program.scope)] = found
    return found


def pack(program: Program) -> Packed:
    """The same program as two arrays."""
    structure = structure_of(program)
    tables = [program.part_table[places] for _, places in structure.groups]
    n = structure.n.copy()
    for (parts, _), table in zip(structure.groups, tables, strict=True):
        n[P_BITS, parts] = part_bits(table)
    n[V_RISING, : len(program.card)] = rising(program, structure, tables)
    return Packed(n, np.require(program.part_table, requirements=["C", "W"]))


def lone_nodes(program: Program) -> Ints:
    """The only node of each part's scope, or NOBODY; SEVERAL also for a node's second part."""
    lone = np.full(len(program.part_owner), NOBODY, dtype=np.int64)
    sizes = np.diff(program.scope_first)
    lone[sizes == 1] = program.scope[program.scope_first[:-1][sizes == 1]]
    pairs = program.part_owner * len(program.card) + lone
    first = np.zeros(len(lone), dtype=np.bool_)
    first[np.unique(pairs, return_index=True)[1]] = True
    lone[(sizes > 1) | ((sizes == 1) & ~first)] = SEVERAL
    return lone


def parts_by_shape(program: Program) -> list[tuple[Ints, Ints]]:
    """The groups of a ``Structure``."""
    card, scope = program.card.tolist(), program.scope.tolist()
    owner, first = program.part_owner.tolist(), program.scope_first.tolist()
    found: dict[tuple[int, ...], list[int]] = {}
    for part, node in enumerate(owner):
        nodes = scope[first[part] : first[part + 1]]
        found.setdefault((card[node], *(card[u] for u in nodes)), []).append(part)
    return [
        (
            np.array(parts, dtype=np.int64),
            (program.part_entry[parts][:, None] + np.arange(math.prod(shape))).reshape(-1, *shape),
        )
        for shape, parts in found.items()
    ]


def part_bits(tables: Floats) -> Ints:
    """``lost_bits`` of each of some tables (parts, levels, ...)."""
    share = (tables / np.maximum(np.cumsum(tables, axis=1), TINIEST))[:, 1:]
    least = np.where(share > 0.0, share, 1.0).reshape(len(tables), -1).min(axis=1, initial=1.0)
    return 1 - np.floor(np.log2(least)).astype(np.int64)


def rising(program: Program, structure: Structure, tables: list[Floats]) -> Ints:
    """Which nodes, in any state above the lowest, make nothing less likely that follows."""
    falls = np.zeros(len(program.scope), dtype=np.bool_)
    for (parts, _), table in zip(structure.groups, tables, strict=True):
        above = table[:, ::-1].cumsum(axis=1)
        for axis in range(2, table.ndim):
            low = above.take([0], axis=axis)
            less = np.any(above < low - 1e-15, axis=tuple(range(1, table.ndim)))
            falls[program.scope_first[parts] + axis - 2] = less
    good = np.ones(len(program.card), dtype=np.int64)
    owners = np.repeat(program.part_owner, np.diff(program.scope_first))
    if falls.any() or program.flip.any():
        for i in range(len(owners) - 1, -1, -1):  # children come after parents
            if falls[i] or program.flip[owners[i]] or not good[owners[i]]:
                good[program.scope[i]] = 0
    return good


def aligned(count: int, line: int) -> Floats:
    """Zeros that start on a cache line, ``line`` lines into a page.

    A cell is one line: off the line every access would touch two, and with tables and
    derivatives at the same place of a page, reads would wait for unrelated writes.
    """
    raw = np.zeros(count + 512)
    shift = (line * 64 - raw.ctypes.data) % 4096 // 8
    return raw[shift : shift + count]


def new_scratch(program: Program, workspace: float) -> Scratch:
    """The workspace of one thread: ``workspace`` bytes for tables and their derivatives."""
    nodes, parts = len(program.card), len(program.part_owner)
    card = int(program.card.max(initial=2))
    axes = 2 * nodes + 1
    tables = 4 * (parts + 4 * nodes + 8)
    terms = max(64, card * (card + 1) // 2)
    cells = max(int(workspace) // (16 * LANES), 4 * (parts + 4 * nodes))
    return Scratch(
        n=np.zeros((PLACE + 1, max(tables, 64 + terms)), dtype=np.int64),
        tape=np.zeros(64 * tables, dtype=np.int64),
        m=np.zeros((4 * tables, axes // BITS + 1), dtype=np.int64),
        f=np.zeros((2 + 3 * card, axes)),
        cells=aligned(LANES * cells, 0),
        adjoint=aligned(LANES * cells, 29),
    )


HOST_ONLY = (
    pack,
    lone_nodes,
    parts_by_shape,
    part_bits,
    rising,
    aligned,
    new_scratch,
)  # never compiled
