"""From parts of a program to leaves: factors over the hidden nodes.

Nodes that are fixed, in all lanes or lane by lane, are taken out of a part's table as it is
read.  A factor over a single node is multiplied into the row of that node, a number into
leaf 0; both are rescaled before they underflow.
"""

from __future__ import annotations

from math import ldexp

import numpy as np

from twitchnet.engine.jit.lanes import (
    LANES,
    Cell,
    abs8,
    double_doubles,
    largest8,
    load8,
    max8,
    splat8,
    store8,
)
from twitchnet.engine.kernels.layout import (
    AS_WRITTEN,
    BY_LANE,
    EXPONENT,
    HIDDEN,
    N_AXES,
    N_CELLS,
    N_TABLES,
    N_WORDS,
    NOBODY,
    OBSERVED,
    Packed,
    Scratch,
    list_axes,
    put,
)
from twitchnet.engine.program import Ints

# 2**-40: rows below are rescaled.  One elimination multiplies up to two dozen rows: at 2**-80
# their product could underflow.
TINY = 2.0**-40
# 2**-40 and 2**40: tables outside are rescaled (scalars always): further out, products of some
# tables would leave the range of a double, and the record would be computed again
SMALL, LARGE = 2.0**-40, 2.0**40
# 2**-20 and 16: a row is checked after a factor below the first, and after every 16 factors.
# At most 2**-320 can gather between two checks; with 2**-64 it would be 2**-1024.
FAR, OFTEN = 2.0**-20, 16


def new_axis(s: Scratch, node: int, card: int, kind: int) -> int:
    """A fresh axis; returns its number."""
    a = s.counts[N_AXES]
    s.counts[N_AXES] += 1
    s.axis.node[a] = node
    s.axis.card[a] = card
    s.axis.kind[a] = kind
    s.axis.terminal[a] = -1
    s.axis.flip[a] = 0
    return a


def take_cells(s: Scratch, size: int) -> int:
    """Reserves cells, and as many for their low parts, which are set to 0.

    Returns the first cell, or -1 if there is no room.
    """
    start, half = s.counts[N_CELLS], len(s.cells) // (2 * LANES)
    if start + size > half:
        return -1
    s.counts[N_CELLS] += size
    zero = splat8(0.0)
    for i in range(half + start, half + start + size):
        store8(s.cells, i, zero)
    return start


def new_table(s: Scratch, size: int) -> int:
    """A fresh table without axes, whose cells hold nothing yet; returns its number."""
    t = s.counts[N_TABLES]
    s.counts[N_TABLES] += 1
    s.table.start[t] = take_cells(s, size)
    s.table.size[t] = size
    s.table.traced[t] = 0
    s.table.level_axis[t] = -1
    s.table.form[t] = AS_WRITTEN
    s.table.pending[t] = 0
    for word in range(s.counts[N_WORDS]):
        s.table.scope[t, word] = 0
        s.table.turns[t, word] = 0
    return t


def size_over(s: Scratch, axes: Ints, n: int) -> int:
    """Cells of a table over the first ``n`` of some axes."""
    size = 1
    for k in range(n):
        size *= s.axis.card[axes[k]]
    return size


def table_over(s: Scratch, axes: Ints, n: int) -> int:
    """A fresh table over the first ``n`` of some axes; -1 if there is no room."""
    t = new_table(s, size_over(s, axes, n))
    for k in range(n):
        put(s.table.scope[t], axes[k])
    return t if s.table.start[t] >= 0 else -1


def hidden_in(p: Packed, s: Scratch, part: int) -> int:
    """Number of hidden nodes in the scope of a part."""
    hidden = 0
    for i in range(p.part.scope_first[part], p.part.scope_first[part + 1]):
        hidden += s.node.fixed[p.scope[i]] == HIDDEN
    return hidden


def fill_ones(s: Scratch, start: int, size: int) -> None:
    """Ones in freshly reserved cells."""
    one = splat8(1.0)
    for i in range(start, start + size):
        store8(s.cells, i, one)


def read_part(
    p: Packed, s: Scratch, part: int, row: int, axes: Ints, n: int, own: int, out: int
) -> None:
    """Writes a part, with the fixed nodes taken out, to the cells from ``out`` on.

    ``axes[:n]`` are the axes of the result, ascending.  ``own`` is the axis of the owner's levels
    or states.  If it is -1, one level is read: ``row``, or, if ``row`` is -2, the owner's
    conditioned state in each lane.
    """
    v = p.part.owner[part]
    first, last = p.part.scope_first[part], p.part.scope_first[part + 1]
    base = p.part.entry[part]
    inner = 1
    for i in range(first, last):
        inner *= p.node.card[p.scope[i]]
    # offsets: the same for all lanes, and per lane
    lane_offset = s.lists.lane_offset
    for lane in range(LANES):
        lane_offset[lane] = 0
    by_lane = False
    if own < 0:
        if row == -2:
            by_lane = True
            for lane in range(LANES):
                lane_offset[lane] = s.node.lane[lane, v] * inner
        else:
            base += row * inner
    stride_of = s.lists.strides  # by position among axes
    for k in range(n):
        stride_of[k] = inner if axes[k] == own else 0
    stride = inner
    for i in range(first, last):
        u = p.scope[i]
        stride //= p.node.card[u]
        if s.node.fixed[u] == OBSERVED:
            base += stride * s.node.hard[u]
        elif s.node.fixed[u] >= BY_LANE:
            by_lane = True
            for lane in range(LANES):
                lane_offset[lane] += stride * s.node.lane[lane, u]
        else:
            for k in range(n):
                if axes[k] == s.node.axis[u]:
                    stride_of[k] = stride
    digit = s.lists.digits
    for k in range(n):
        digit[k] = 0
    at = base
    for i in range(size_over(s, axes, n)):
        if by_lane:
            for lane in range(LANES):
                s.cells[LANES * (out + i) + lane] = p.table[at + lane_offset[lane]]
        else:
            store8(s.cells, out + i, splat8(p.table[at]))
        for k in range(n - 1, -1, -1):
            digit[k] += 1
            at += stride_of[k]
            if digit[k] < s.axis.card[axes[k]]:
                break
            at -= digit[k] * stride_of[k]
            digit[k] = 0


def part_axes(p: Packed, s: Scratch, part: int, own: int, out: Ints) -> int:
    """The axes of a part, and ``own`` if not -1, ascending; returns their number."""
    n = 0
    if own >= 0:
        out[0] = own
        n = 1
    for i in range(p.part.scope_first[part], p.part.scope_first[part + 1]):
        u = p.scope[i]
        if s.node.fixed[u] == HIDDEN:
            a = s.node.axis[u]
            k = n
            while k > 0 and out[k - 1] > a:
                out[k] = out[k - 1]
                k -= 1
            out[k] = a
            n += 1
    return n


def rescale_row(s: Scratch, start: int, size: int) -> None:
    """Rescales cells that have become small; the exponent is added to counts[EXPONENT]."""
    top = splat8(0.0)
    for i in range(start, start + size):
        top = max8(top, abs8(load8(s.cells, i)))
    largest = largest8(top)
    if largest >= TINY or largest == 0.0:
        return
    exponent = max(int(np.floor(np.log2(largest))), -1000)
    cells, factor = double_doubles(s.cells), splat8(ldexp(1.0, -exponent))
    for i in range(start, start + size):
        store8(cells, i, load8(cells, i) * factor)
    s.counts[EXPONENT] += exponent


def rescale(s: Scratch, row: int) -> int:
    """Scales a table so that its largest entry is near 1, unless that is needless.

    Returns the exponent that was taken out.
    """
    start, size = s.table.start[row], s.table.size[row]
    top = splat8(0.0)
    for i in range(size):
        top = max8(top, abs8(load8(s.cells, start + i)))
    largest = largest8(top)
    s.table.exponent[row] = 0
    if largest == 0.0 or 0.71 < largest < 1.41 or (size > 1 and SMALL < largest < LARGE):
        return 0
    exponent = min(max(int(np.floor(np.log2(largest) + 0.5)), -1000), 1000)
    factor = splat8(ldexp(1.0, -exponent))
    for i in range(size):
        store8(s.cells, start + i, load8(s.cells, start + i) * factor)
    s.table.exponent[row] = exponent
    return exponent


def undo_rescale(s: Scratch, row: int) -> None:
    """Derivatives by a rescaled table become derivatives by the table before that."""
    exponent = s.table.exponent[row]
    if exponent != 0:
        back = splat8(ldexp(1.0, -int(exponent)))
        for i in range(s.table.start[row], s.table.start[row] + s.table.size[row]):
            store8(s.adjoint, i, load8(s.adjoint, i) * back)


def multiply_row(s: Scratch, into: int, start: int) -> None:
    """Multiplies the cells from ``start`` on into a table of the same shape."""
    first = s.table.start[into]
    for i in range(s.table.size[into]):
        store8(s.cells, first + i, load8(s.cells, first + i) * load8(s.cells, start + i))
    rescale_row(s, first, s.table.size[into])


def add_factor(p: Packed, s: Scratch, part: int, row: int, own: int) -> int:
    """A part as a leaf, or multiplied into a row or leaf 0 if it has at most one axis.

    Returns the table that it went to, or -1 if there is no room.
    """
    if own >= 0 and p.part.singleton[part] == NOBODY:  # a root
        start, states, at = s.table.start[1 + own], s.axis.card[own], p.part.entry[part]
        for state in range(states):
            entry = splat8(p.table[at + state])
            store8(s.cells, start + state, load8(s.cells, start + state) * entry)
        rescale_row(s, start, states)
        return int(1 + own)
    axes = s.lists.axes
    n = part_axes(p, s, part, own, axes)
    if n <= 1:
        t = 0 if n == 0 else 1 + axes[0]
        mark = s.counts[N_CELLS]
        start = take_cells(s, size_over(s, axes, n))
        if start < 0:
            return -1
        read_part(p, s, part, row, axes, n, own, start)
        multiply_row(s, t, start)
        s.counts[N_CELLS] = mark
        return t
    t = table_over(s, axes, n)
    if t >= 0:
        read_part(p, s, part, row, axes, n, own, s.table.start[t])
    return t


def entry8(p: Packed, s: Scratch, at: int, u: int) -> Cell:
    """The entry of each lane in a row of a table over the states of a fixed node ``u``.

    If ``u`` is -1, all lanes have the one entry of the row.
    """
    if u < 0:
        return splat8(p.table[at])
    if s.node.fixed[u] == OBSERVED:
        return splat8(p.table[at + s.node.hard[u]])
    mark = s.node.marked[u]
    sum_ = load8(s.cells, mark) * splat8(p.table[at])
    for state in range(1, p.node.card[u]):
        sum_ = sum_ + load8(s.cells, mark + state) * splat8(p.table[at + state])
    return sum_


def mark_lanes(p: Packed, s: Scratch) -> bool:
    """For each state or level that is conditioned on, a cell with 1 in its lanes, 0 in others."""
    for v in range(len(p.node.card)):
        if s.node.fixed[v] >= BY_LANE or s.node.level_fixed[v] != 0:
            card = p.node.card[v]
            first = s.node.marked[v] = take_cells(s, card)
            if first < 0:
                return False
            for lane in range(LANES):
                for state in range(card):
                    hit = s.node.lane[lane, v] == state
                    s.cells[LANES * (first + state) + lane] = 1.0 if hit else 0.0
    return True


def scale_scalar(s: Scratch, factor: Cell) -> None:
    """Multiplies leaf 0, which has no axes."""
    start = s.table.start[0]
    store8(s.cells, start, load8(s.cells, start) * factor)
    rescale_row(s, start, 1)


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
    """The stride of axis ``a`` in table ``t``, in cells; -1 if it is not in the table."""
    axes = s.lists.axes_of
    n = list_axes(s, s.table.scope[t], axes)
    stride = 1
    for k in range(n - 1, -1, -1):
        if axes[k] == a:
            return stride
        stride *= s.axis.card[axes[k]]
    return -1


def write_weights(p: Packed, s: Scratch, v: int, start: int) -> None:
    """The weight of each level of a noisy-max node, which is its evidence, by lane."""
    card = p.node.card[v]
    for level in range(card):
        state = card - 1 - level if p.node.flip[v] else level
        soft = s.node.soft[state, v] if s.node.is_soft[v] != 0 else 1.0
        if s.node.fixed[v] == OBSERVED:
            store8(s.cells, start + level, splat8(soft if s.node.hard[v] == state else 0.0))
        elif s.node.fixed[v] >= BY_LANE:
            for lane in range(LANES):
                hit = s.node.lane[lane, v] == state
                s.cells[LANES * (start + level) + lane] = soft if hit else 0.0
        else:
            store8(s.cells, start + level, splat8(soft))


def soft_row(p: Packed, s: Scratch, v: int) -> None:
    """Multiplies the virtual evidence of a node into its row, or into leaf 0 by lane."""
    if s.node.fixed[v] == HIDDEN:
        t = 1 + s.node.axis[v]
        for state in range(p.node.card[v]):
            i = s.table.start[t] + state
            store8(s.cells, i, load8(s.cells, i) * splat8(s.node.soft[state, v]))
        rescale_row(s, s.table.start[t], s.table.size[t])
    else:
        for lane in range(LANES):
            state = s.node.hard[v] if s.node.fixed[v] == OBSERVED else s.node.lane[lane, v]
            s.cells[LANES * s.table.start[0] + lane] *= s.node.soft[state, v]
        rescale_row(s, s.table.start[0], 1)


def read_levels(p: Packed, s: Scratch, part: int, out: int) -> None:
    """The levels of a part without hidden nodes, to the cells from ``out`` on."""
    v = p.part.owner[part]
    card = p.node.card[v]
    for level in range(card):
        read_part(p, s, part, level, s.lists.axes, 0, -1, out + level)


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
