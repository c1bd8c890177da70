"""From parts of a program to leaves: tables over what the evidence leaves open.

Nodes that are fixed, or fixed lane by lane, are taken out of a part's table as it is read.
What speaks about a single node is multiplied into its row, what speaks about none into
leaf 0; both are rescaled before they underflow.
"""

from __future__ import annotations

from math import ldexp

import numpy as np

from twitchnet.engine.jit.lanes import (
    LANES,
    Cell,
    abs8,
    largest8,
    load8,
    max8,
    splat8,
    store8,
    wide,
)
from twitchnet.engine.kernels.layout import (
    ASKED,
    BACK,
    CARD,
    COUNT,
    CUT,
    EXPONENT,
    FIXED,
    FLIP,
    HARD,
    HELD,
    IS_SOFT,
    KIND,
    LANE,
    LOCAL,
    MARKED,
    N_CELLS,
    N_WORDS,
    NOBODY,
    NODE,
    OWN,
    P_COUNT,
    P_ENTRY,
    P_LONE,
    P_OWNER,
    P_SCOPE,
    SCALE,
    SCOPE,
    SCOPE_NODE,
    SIZE,
    SOFT,
    SPARE,
    START,
    TERMINAL,
    V_CARD,
    V_FLIP,
    Packed,
    Scratch,
    list_axes,
    put,
)
from twitchnet.engine.program import Ints

TINY = 2.0**-40  # rows that fall below are rescaled; a bucket may multiply two dozen of them
SMALL, LARGE = 2.0**-40, 2.0**40  # tables outside are rescaled, and scalars always
FAR, OFTEN = 2.0**-20, 16  # a row is looked at after a small factor, and after so many


def new_axis(s: Scratch, node: int, card: int, kind: int) -> int:
    """A fresh axis."""
    a = s.n[COUNT, 0]
    s.n[COUNT, 0] += 1
    s.n[NODE, a] = node
    s.n[CARD, a] = card
    s.n[KIND, a] = kind
    s.n[TERMINAL, a] = -1
    s.n[FLIP, a] = 0
    return a


def take_cells(s: Scratch, size: int) -> int:
    """Reserves cells, and as many for their low parts; returns the first, or -1 for no room.

    Low parts are 0 to begin with.
    """
    start, half = s.n[COUNT, N_CELLS], len(s.cells) // (2 * LANES)
    if start + size > half:
        return -1
    s.n[COUNT, N_CELLS] += size
    zero = splat8(0.0)
    for i in range(half + start, half + start + size):
        store8(s.cells, i, zero)
    return start


def new_table(s: Scratch, size: int) -> int:
    """A fresh table without axes; its cells are not initialised."""
    t = s.n[COUNT, 1]
    s.n[COUNT, 1] += 1
    s.n[START, t] = take_cells(s, size)
    s.n[SIZE, t] = size
    s.n[ASKED, t] = 0
    s.n[OWN, t] = -1
    s.n[HELD, t] = 0
    for word in range(s.n[COUNT, N_WORDS]):
        s.m[4 * t + SCOPE, word] = 0
        s.m[4 * t + BACK, word] = 0
    return t


def fill_ones(s: Scratch, start: int, size: int) -> None:
    """Ones in a run of cells that were just reserved."""
    one = splat8(1.0)
    for i in range(start, start + size):
        store8(s.cells, i, one)


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
    for i in range(start, start + size):
        top = max8(top, abs8(load8(s.cells, i)))
    largest = largest8(top)
    if largest >= TINY or largest == 0.0:
        return
    exponent = max(int(np.floor(np.log2(largest))), -1000)
    cells, factor = wide(s.cells), splat8(ldexp(1.0, -exponent))
    for i in range(start, start + size):
        store8(cells, i, load8(cells, i) * factor)
    s.n[COUNT, EXPONENT] += exponent


def rescale(s: Scratch, row: int) -> int:
    """Brings the largest entry of a table near 1 when it is far off; returns the exponent."""
    start, size = s.n[START, row], s.n[SIZE, row]
    top = splat8(0.0)
    for i in range(size):
        top = max8(top, abs8(load8(s.cells, start + i)))
    largest = largest8(top)
    s.n[SCALE, row] = 0
    if largest == 0.0 or 0.71 < largest < 1.41 or (size > 1 and SMALL < largest < LARGE):
        return 0
    exponent = min(max(int(np.floor(np.log2(largest) + 0.5)), -1000), 1000)
    factor = splat8(ldexp(1.0, -exponent))
    for i in range(size):
        store8(s.cells, start + i, load8(s.cells, start + i) * factor)
    s.n[SCALE, row] = exponent
    return exponent


def undo(s: Scratch, row: int) -> None:
    """Derivatives by a table before ``rescale``."""
    exponent = s.n[SCALE, row]
    if exponent != 0:
        back = splat8(ldexp(1.0, -int(exponent)))
        for i in range(s.n[START, row], s.n[START, row] + s.n[SIZE, row]):
            store8(s.adjoint, i, load8(s.adjoint, i) * back)


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
    if own >= 0 and p.n[P_LONE, part] == NOBODY:  # a root
        start, states, at = s.n[START, 1 + own], s.n[CARD, own], p.n[P_ENTRY, part]
        for state in range(states):
            entry = splat8(p.table[at + state])
            store8(s.cells, start + state, load8(s.cells, start + state) * entry)
        guard(s, start, states)
        return int(1 + own)
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
    """For each state or level that is conditioned on, a cell of ones in its lanes."""
    for v in range(p.n[P_COUNT, 0]):
        if s.n[FIXED, v] >= 2 or s.n[CUT, v] != 0:
            card = p.n[V_CARD, v]
            first = s.n[MARKED, v] = take_cells(s, card)
            if first < 0:
                return False
            for lane in range(LANES):
                for state in range(card):
                    hit = s.n[LANE + lane, v] == state
                    s.cells[LANES * (first + state) + lane] = 1.0 if hit else 0.0
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
        soft = s.f[SOFT + 4 * state, v] if s.n[IS_SOFT, v] != 0 else 1.0
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
            store8(s.cells, i, load8(s.cells, i) * splat8(s.f[SOFT + 4 * state, v]))
        guard(s, s.n[START, t], s.n[SIZE, t])
    else:
        for lane in range(LANES):
            state = s.n[HARD, v] if s.n[FIXED, v] == 1 else s.n[LANE + lane, v]
            s.cells[LANES * s.n[START, 0] + lane] *= s.f[SOFT + 4 * state, v]
        guard(s, s.n[START, 0], 1)


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
