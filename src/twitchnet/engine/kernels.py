"""Many records, one after the other: decode, order, sweep up, sweep down.

Upward, the rows of a tape merge tables and close axes until only scalars are left;
their product is P(evidence).  Downward, every row is transposed once (reverse-mode
differentiation; Darwiche 2003, JACM 50(3), section 4): a table times its derivative,
summed over everything but one axis, is the joint probability of that axis' states
with the evidence.

The algebra (what merging by maximum means, and why nothing cancels) is explained at
the head of ``axes.py``.  Here every merge is one loop over *terms*: triples (o, t, u)
with ``out[o] += first[t] * second[u]``; along a shared level axis one operand is first
*spread* by the cumulative sums of its levels.

Lanes are eight assignments of a few nodes that the record is conditioned on; if eight
are not enough to fit the workspace, more nodes are conditioned on in passes that
reuse the tape.  Each record is computed by itself, so neither threads nor the order of
rows can change a bit of its answer.
"""

from __future__ import annotations

from math import ldexp, log

import numpy as np

from twitchnet.engine.decode import (
    AGAIN,
    AXIS,
    BACK,
    CARD,
    COUNT,
    CREDIT,
    EXPONENT,
    FIRST,
    FIXED,
    FLIP,
    HARD,
    HELD,
    INNER_OF,
    IS_SOFT,
    KEEP,
    KIND,
    LANE,
    LEVELS,
    MADE,
    MADE_BY,
    MARGINAL,
    N_AXES,
    N_LEAVES,
    N_TABLES,
    N_WORDS,
    NODE,
    OWN,
    P_COUNT,
    P_CREDIT,
    P_SCOPE,
    SCOPE,
    SCOPE_NODE,
    SECOND,
    SIZE,
    SOFT,
    SPARE,
    START,
    STATES,
    TERM,
    TERMINAL,
    UNFIT,
    V_CARD,
    V_FLIP,
    V_MAX,
    V_PARTS,
    V_RISING,
    Packed,
    Scratch,
    decode,
    has,
    list_axes,
    mark_needed,
    rescale,
    stride_in,
)
from twitchnet.engine.lanes import LANES, bare, load8, splat8, store8, total8
from twitchnet.engine.products import FLOOR, LEAST, SPREAD, sweep, sweep_back, write_buckets
from twitchnet.engine.program import Floats, Ints
from twitchnet.engine.tape import (
    APPLY,
    DIAGONAL,
    INFINITE,
    MERGE,
    RENAME,
    SEARCH_ABOVE,
    START_LEVEL,
    SUM,
    WEIGH,
    mark_axes,
    noise_of,
    order_by_degree,
    order_by_price,
    plan_tape,
    searches,
    write_tape,
)

OK, IMPOSSIBLE, TOO_WIDE, BAD_CODE = 0, 1, 2, 3
UNSURE = 4  # of the fast form: the positive form must answer
INNER = 64  # terms of the innermost loop; enough to hide the odometer around it
MOST_PASSES = 2**16
HASTE = 0.6  # level axes are closed sooner by this, where that costs little
PLAIN_ABOVE, PLAIN_GAIN = 1000.0, 0.85


def strides(s: Scratch, t: int, axes: Ints, n: int, spread_of: Ints, out: Ints) -> None:
    """Stride in table ``t`` of each of the axes, 0 where it has none, with some axes spread."""
    stride = 1
    for k in range(n - 1, -1, -1):
        out[k] = 0
        if has(s.m, 4 * t + SCOPE, axes[k]):
            card = s.n[CARD, axes[k]]
            out[k] = stride
            stride *= 2 * card - 1 if spread_of[k] != 0 else card


def spread_out(
    s: Scratch,
    values: Floats,
    t: int,
    axes: Ints,
    n: int,
    spread_of: Ints,
    stride: Ints,
    out: int,
    up: bool,
) -> None:
    """Copies a table to the cells from ``out`` on, with cumulative sums along spread axes.

    With ``up`` false, the transpose: gathers derivatives from there into the table.
    """
    digit, limit = s.n[SPARE + 11], s.n[SPARE + 12]
    total = 1
    for k in range(n):
        if stride[k] != 0 and spread_of[k] != 0:
            total *= 2 * s.n[CARD, axes[k]] - 1
        elif stride[k] != 0:
            total *= s.n[CARD, axes[k]]
    if up:
        copy_spread(s, values, t, axes, n, stride, out, True)
    first, last, step = 0, n, 1
    if not up:
        first, last, step = n - 1, -1, -1
    for k in range(first, last, step):
        if spread_of[k] == 0 or stride[k] == 0:
            continue
        card = s.n[CARD, axes[k]]
        size = 1
        for j in range(n):
            digit[j] = 0
            limit[j] = 1
            if stride[j] != 0 and j != k:
                wide = spread_of[j] != 0 and j < k
                limit[j] = 2 * s.n[CARD, axes[j]] - 1 if wide else s.n[CARD, axes[j]]
                size *= limit[j]
        at = out
        for _ in range(size):
            if up:
                sum_ = load8(values, at)
                for level in range(1, card):
                    sum_ = sum_ + load8(values, at + level * stride[k])
                    store8(values, at + (card + level - 1) * stride[k], sum_)
            else:
                sum_ = splat8(0.0)
                for level in range(card - 1, 0, -1):
                    sum_ = sum_ + load8(values, at + (card + level - 1) * stride[k])
                    place = at + level * stride[k]
                    store8(values, place, load8(values, place) + sum_)
                store8(values, at, load8(values, at) + sum_)
            for j in range(n - 1, -1, -1):
                if limit[j] == 1:
                    continue
                digit[j] += 1
                at += stride[j]
                if digit[j] < limit[j]:
                    break
                at -= digit[j] * stride[j]
                digit[j] = 0
    if not up:
        copy_spread(s, values, t, axes, n, stride, out, False)


def copy_spread(
    s: Scratch, values: Floats, t: int, axes: Ints, n: int, stride: Ints, out: int, up: bool
) -> None:
    """Copies between a table and its place among spread cells."""
    digit = s.n[SPARE + 11]
    for k in range(n):
        digit[k] = 0
    at = out
    start = s.n[START, t]
    for i in range(s.n[SIZE, t]):
        if up:
            store8(values, at, load8(values, start + i))
        else:
            store8(values, start + i, load8(values, at))
        for k in range(n - 1, -1, -1):
            if stride[k] == 0:
                continue
            digit[k] += 1
            at += stride[k]
            if digit[k] < s.n[CARD, axes[k]]:
                break
            at -= digit[k] * stride[k]
            digit[k] = 0


def set_terms(s: Scratch, k: int, n: int, o: int, t: int, u: int) -> int:
    """Writes one term of axis ``k``; returns the next free place."""
    s.n[TERM + 64 * 0 + k, n] = o
    s.n[TERM + 64 * 1 + k, n] = t
    s.n[TERM + 64 * 2 + k, n] = u
    return n + 1


def level_terms(
    s: Scratch, k: int, card: int, so: int, st: int, su: int, second: bool, back: bool
) -> int:
    """The terms of a shared level axis as axis ``k``; returns how many.

    ``second`` says which operand is spread, ``back`` that the first holds it backward.
    """
    m = 0
    for i in range(card):
        up_to = card + i - 1 if i > 0 else 0
        m = set_terms(s, k, m, so * i, st * (i if second else up_to), su * (up_to if second else i))
        for j in range(i + 1, card):
            if second and not back:
                m = set_terms(s, k, m, so * j, st * i, su * j)
            else:
                m = set_terms(s, k, m, so * i, st * j, su * j)
    return m


def fuse_inner(s: Scratch, n_terms: Ints, n: int) -> tuple[int, int]:
    """Multiplies out the innermost axes; returns (axes left outside, inner terms)."""
    inner = 1
    s.n[INNER_OF + 0, 0] = s.n[INNER_OF + 1, 0] = s.n[INNER_OF + 2, 0] = 0
    while n > 0 and inner * n_terms[n - 1] <= INNER:
        n -= 1
        m = n_terms[n]
        for j in range(m - 1, -1, -1):  # the old terms are overwritten last
            for i in range(inner):
                for x in range(3):
                    s.n[INNER_OF + x, j * inner + i] = (
                        s.n[INNER_OF + x, i] + s.n[TERM + 64 * x + n, j]
                    )
        inner *= m
    return n, inner


def run_merge(s: Scratch, row: int, up: bool) -> None:
    """A merge, or (``up`` false) its transpose: derivatives of both operands."""
    t, u = s.n[FIRST, row], s.n[SECOND, row]
    axes, out_stride, t_stride, u_stride = (
        s.n[SPARE + 0],
        s.n[SPARE + 1],
        s.n[SPARE + 2],
        s.n[SPARE + 3],
    )
    t_spread, u_spread, n_terms = s.n[SPARE + 4], s.n[SPARE + 5], s.n[SPARE + 6]
    n = list_axes(s, 4 * row + SCOPE, axes)
    any_t = any_u = 0
    for k in range(n):
        a = axes[k]
        t_spread[k] = u_spread[k] = 0
        if s.n[KIND, a] == LEVELS and has(s.m, 4 * t + SCOPE, a) and has(s.m, 4 * u + SCOPE, a):
            if has(s.m, 4 * u + BACK, a):
                t_spread[k] = any_t = 1
            else:
                u_spread[k] = any_u = 1
    no_spread = s.n[SPARE + 7]
    for k in range(n):
        no_spread[k] = 0
    strides(s, row, axes, n, no_spread, out_stride)
    strides(s, t, axes, n, t_spread, t_stride)
    strides(s, u, axes, n, u_spread, u_stride)
    room = s.n[HELD, 0]
    t_at, u_at = s.n[START, t], s.n[START, u]
    t_size, u_size = s.n[SIZE, t], s.n[SIZE, u]
    if any_t != 0:
        t_at = room
        for k in range(n):
            if t_spread[k] != 0:
                t_size = t_size // s.n[CARD, axes[k]] * (2 * s.n[CARD, axes[k]] - 1)
        room += t_size
        spread_out(s, s.cells, t, axes, n, t_spread, t_stride, t_at, True)
    if any_u != 0:
        u_at = room
        for k in range(n):
            if u_spread[k] != 0:
                u_size = u_size // s.n[CARD, axes[k]] * (2 * s.n[CARD, axes[k]] - 1)
        spread_out(s, s.cells, u, axes, n, u_spread, u_stride, u_at, True)
    q = 0  # shared level axes outermost: successive terms then go to different cells
    for k in range(n):
        if u_spread[k] != 0 or t_spread[k] != 0:
            n_terms[q] = level_terms(
                s, q, s.n[CARD, axes[k]], out_stride[k], t_stride[k], u_stride[k],
                u_spread[k] != 0, has(s.m, 4 * t + BACK, axes[k]),
            )  # fmt: skip
            q += 1
    for k in range(n):
        if u_spread[k] == 0 and t_spread[k] == 0:
            m = 0
            for i in range(s.n[CARD, axes[k]]):
                m = set_terms(s, q, m, out_stride[k] * i, t_stride[k] * i, u_stride[k] * i)
            n_terms[q] = m
            q += 1
    outside, inner = fuse_inner(s, n_terms, n)
    start = s.n[START, row]
    zero = splat8(0.0)
    both = u >= s.n[COUNT, N_LEAVES] or s.n[CREDIT, u] >= 0  # else nobody asks for u's derivative
    adding = any_t != 0 or any_u != 0
    if up and adding:
        for i in range(s.n[SIZE, row]):
            store8(s.cells, start + i, zero)
    if not up:
        for i in range(t_size):
            store8(s.adjoint, t_at + i, zero)
        for i in range(u_size if both else 0):
            store8(s.adjoint, u_at + i, zero)
    digit = s.n[SPARE + 13]
    outer = 1
    for k in range(outside):
        digit[k] = 0
        outer *= n_terms[k]
    for _ in range(outer):
        o, x, y = start, t_at, u_at
        for k in range(outside):
            o += s.n[TERM + 64 * 0 + k, digit[k]]
            x += s.n[TERM + 64 * 1 + k, digit[k]]
            y += s.n[TERM + 64 * 2 + k, digit[k]]
        if not up:
            if both:
                transpose_terms(s, o, x, y, inner)
            else:
                transpose_first(s, o, x, y, inner)
        elif adding:
            add_terms(s, o, x, y, inner)
        else:
            multiply_terms(s, o, x, y, inner)
        for k in range(outside - 1, -1, -1):
            digit[k] += 1
            if digit[k] < n_terms[k]:
                break
            digit[k] = 0
    if not up:
        if any_t != 0:
            spread_out(s, s.adjoint, t, axes, n, t_spread, t_stride, t_at, False)
        if any_u != 0 and both:
            spread_out(s, s.adjoint, u, axes, n, u_spread, u_stride, u_at, False)


def multiply_terms(s: Scratch, o: int, x: int, y: int, n: int) -> None:
    """Out = first * second, where each cell of out has one term."""
    for i in range(n):
        product = load8(s.cells, x + s.n[INNER_OF + 1, i]) * load8(
            s.cells, y + s.n[INNER_OF + 2, i]
        )
        store8(s.cells, o + s.n[INNER_OF + 0, i], product)


def add_terms(s: Scratch, o: int, x: int, y: int, n: int) -> None:
    """Out += first * second."""
    for i in range(n):
        place = o + s.n[INNER_OF + 0, i]
        product = load8(s.cells, x + s.n[INNER_OF + 1, i]) * load8(
            s.cells, y + s.n[INNER_OF + 2, i]
        )
        store8(s.cells, place, load8(s.cells, place) + product)


def transpose_terms(s: Scratch, o: int, x: int, y: int, n: int) -> None:
    """D first += d out * second, d second += d out * first."""
    for i in range(n):
        given = load8(s.adjoint, o + s.n[INNER_OF + 0, i])
        first, second = x + s.n[INNER_OF + 1, i], y + s.n[INNER_OF + 2, i]
        store8(s.adjoint, first, load8(s.adjoint, first) + given * load8(s.cells, second))
        store8(s.adjoint, second, load8(s.adjoint, second) + given * load8(s.cells, first))


def transpose_first(s: Scratch, o: int, x: int, y: int, n: int) -> None:
    """D first += d out * second."""
    for i in range(n):
        given = load8(s.adjoint, o + s.n[INNER_OF + 0, i])
        first, second = x + s.n[INNER_OF + 1, i], y + s.n[INNER_OF + 2, i]
        store8(s.adjoint, first, load8(s.adjoint, first) + given * load8(s.cells, second))


def run_apply(s: Scratch, values: Floats, row: int, up: bool) -> None:
    """Multiplies a leaf into a table in place, or (``up`` false) the transpose of that.

    Along a shared level axis the table's levels (U, E) become (U w0, E (w0 + w1) + U w1)
    with the leaf's (w0, w1), or the transpose where the table holds the axis backward.
    """
    t, leaf = s.n[FIRST, row], s.n[SECOND, row]
    axes, t_stride, l_stride, none = s.n[SPARE + 0], s.n[SPARE + 1], s.n[SPARE + 2], s.n[SPARE + 7]
    n_terms = s.n[SPARE + 6]
    n = list_axes(s, 4 * t + SCOPE, axes)
    for k in range(n):
        none[k] = 0
    strides(s, t, axes, n, none, t_stride)
    strides(s, leaf, axes, n, none, l_stride)
    if apply_short(s, values, t, leaf, axes, n, t_stride, l_stride, up):
        return
    t_step = l_step = 0
    backward = False
    for k in range(n):
        a = axes[k]
        m = s.n[CARD, a]
        if s.n[KIND, a] == LEVELS and l_stride[k] != 0:
            t_step, l_step = t_stride[k], l_stride[k]
            backward = has(s.m, 4 * t + BACK, a)
            m = 1
        for i in range(m):
            set_terms(s, k, i, t_stride[k] * i, l_stride[k] * i, 0)
        n_terms[k] = m
    outside, inner = fuse_inner(s, n_terms, n)
    digit = s.n[SPARE + 13]
    outer = 1
    for k in range(outside):
        digit[k] = 0
        outer *= n_terms[k]
    t_at, l_at = s.n[START, t], s.n[START, leaf]
    pull = backward == up
    for _ in range(outer):
        o, x = t_at, l_at
        for k in range(outside):
            o += s.n[TERM + 64 * 0 + k, digit[k]]
            x += s.n[TERM + 64 * 1 + k, digit[k]]
        if t_step == 0:
            scale_terms(values, s.cells, s.n, o, x, inner)
        else:
            raise_terms(values, s.cells, s.n, o, x, inner, t_step, l_step, pull)
        for k in range(outside - 1, -1, -1):
            digit[k] += 1
            if digit[k] < n_terms[k]:
                break
            digit[k] = 0


def apply_short(
    s: Scratch,
    values: Floats,
    t: int,
    leaf: int,
    axes: Ints,
    n: int,
    t_stride: Ints,
    l_stride: Ints,
    up: bool,
) -> bool:
    """A leaf of one or two axes: plain nested loops, its entries kept in registers."""
    first = second = -1
    for k in range(n):
        if l_stride[k] != 0:
            if first < 0:
                first = k
            elif second < 0:
                second = k
            else:
                return False
    if first < 0:
        return False
    start, size, l_at = s.n[START, t], s.n[SIZE, t], s.n[START, leaf]
    a_card, a_stride, a_leaf = s.n[CARD, axes[first]], t_stride[first], l_stride[first]
    b_card, b_stride, b_leaf = 1, 1, 0
    if second >= 0:
        b_card, b_stride, b_leaf = s.n[CARD, axes[second]], t_stride[second], l_stride[second]
    a_level = s.n[KIND, axes[first]] == LEVELS
    b_level = second >= 0 and s.n[KIND, axes[second]] == LEVELS
    step = leaf_step = 0
    level = first
    if a_level:
        step, leaf_step = a_stride, a_leaf
    elif b_level:
        step, leaf_step, level = b_stride, b_leaf, second
    pull = (step != 0) and has(s.m, 4 * t + BACK, axes[level]) == up
    high = size // (a_card * a_stride)
    middle = a_stride // (b_card * b_stride) if second >= 0 else a_stride
    low = b_stride if second >= 0 else 1
    if second < 0:
        middle, low = 1, a_stride
    for i in range(1 if a_level else a_card):
        for j in range(1 if b_level else b_card):
            entry = l_at + i * a_leaf + j * b_leaf
            w0 = load8(s.cells, entry)
            w1 = load8(s.cells, entry + leaf_step)
            both = w0 + w1
            for h in range(high):
                for m in range(middle):
                    place = (
                        start + (h * a_card + i) * a_stride + m * b_card * b_stride + j * b_stride
                    )
                    if step == 0:
                        for k in range(place, place + low):
                            store8(values, k, load8(values, k) * w0)
                    elif pull:
                        for k in range(place, place + low):
                            u, e = load8(values, k), load8(values, k + step)
                            store8(values, k, u * w0 + e * w1)
                            store8(values, k + step, e * both)
                    else:
                        for k in range(place, place + low):
                            u, e = load8(values, k), load8(values, k + step)
                            store8(values, k, u * w0)
                            store8(values, k + step, e * both + u * w1)
    return True


def scale_terms(values: Floats, cells: Floats, n: Ints, o: int, x: int, count: int) -> None:
    """Values *= leaf."""
    for i in range(count):
        place = o + n[INNER_OF, i]
        store8(values, place, load8(values, place) * load8(cells, x + n[INNER_OF + 1, i]))


def raise_terms(
    values: Floats,
    cells: Floats,
    n: Ints,
    o: int,
    x: int,
    count: int,
    t_step: int,
    l_step: int,
    pull: bool,
) -> None:
    """The leaf acts on two levels of the table; ``pull`` is the transpose."""
    for i in range(count):
        low, leaf = o + n[INNER_OF, i], x + n[INNER_OF + 1, i]
        w0, w1 = load8(cells, leaf), load8(cells, leaf + l_step)
        u, e = load8(values, low), load8(values, low + t_step)
        if pull:
            store8(values, low, u * w0 + e * w1)
            store8(values, low + t_step, e * (w0 + w1))
        else:
            store8(values, low, u * w0)
            store8(values, low + t_step, e * (w0 + w1) + u * w1)


def close_short(s: Scratch, row: int, t: int, a: int, kind: int, up: bool) -> None:
    """Sums an axis out, weighs it by its terminal, or takes its start level: plain loops."""
    out_at, in_at, weights = s.n[START, row], s.n[START, t], s.n[TERMINAL, a]
    card, stride, size = s.n[CARD, a], stride_in(s, t, a), s.n[SIZE, t]
    for h in range(size // (card * stride)):
        for i in range(stride):
            o, x = out_at + h * stride + i, in_at + h * card * stride + i
            if up and kind == START_LEVEL:
                store8(s.cells, o, load8(s.cells, x))
            elif up:
                sum_ = splat8(0.0)
                for state in range(card):
                    value = load8(s.cells, x + state * stride)
                    if kind == WEIGH:
                        value = value * load8(s.cells, weights + state)
                    sum_ = sum_ + value
                store8(s.cells, o, sum_)
            else:
                given = load8(s.adjoint, o)
                for state in range(card):
                    value = given
                    if kind == WEIGH:
                        value = given * load8(s.cells, weights + state)
                    elif kind == START_LEVEL and state > 0:
                        value = splat8(0.0)
                    store8(s.adjoint, x + state * stride, value)


def run_close(s: Scratch, row: int, up: bool) -> None:
    """Closes an axis of a table, or (``up`` false) the transpose of that."""
    kind, t = s.n[MADE_BY, row], s.n[FIRST, row]
    other, a = s.n[SECOND, row], s.n[AXIS, row]
    if kind in (SUM, WEIGH, START_LEVEL):
        close_short(s, row, t, a, kind, up)
        return
    axes, out_stride, in_stride, none = (
        s.n[SPARE + 0],
        s.n[SPARE + 1],
        s.n[SPARE + 2],
        s.n[SPARE + 7],
    )
    n_terms = s.n[SPARE + 6]
    n = list_axes(s, 4 * t + SCOPE, axes)
    if kind == RENAME:  # room for the axis that comes in
        k = n
        while k > 0 and axes[k - 1] > other:
            axes[k] = axes[k - 1]
            k -= 1
        axes[k] = other
        n += 1
    for k in range(n):
        none[k] = 0
    strides(s, row, axes, n, none, out_stride)
    strides(s, t, axes, n, none, in_stride)
    card = s.n[CARD, a]
    at = to = 0
    for k in range(n):
        if axes[k] == a:
            at = k
        if axes[k] == other:
            to = k
    level_axis = a if s.n[KIND, a] == LEVELS else other
    flip = level_axis >= 0 and s.n[FLIP, level_axis] != 0
    for k in range(n):
        m = 0
        if k == at:
            for i in range(card):
                j = card - 1 - i if flip else i  # the other axis' index of this state or level
                if kind == RENAME:
                    m = set_terms(s, k, m, out_stride[to] * j, in_stride[at] * i, 0)
                elif kind == DIAGONAL:  # a level, with its node in the table
                    m = set_terms(
                        s, k, m, out_stride[to] * j, in_stride[at] * i + in_stride[to] * j, 0
                    )
                else:  # FOLD: a node at level j after raising; i is its state
                    for so_far in range(j + 1):
                        for level in range(j + 1):
                            if max(so_far, level) == j:
                                m = set_terms(
                                    s,
                                    k,
                                    m,
                                    out_stride[to] * so_far,
                                    in_stride[at] * i + in_stride[to] * level,
                                    0,
                                )
        elif k == to and other >= 0:
            m = set_terms(s, k, m, 0, 0, 0)
        else:
            for i in range(s.n[CARD, axes[k]]):
                m = set_terms(s, k, m, out_stride[k] * i, in_stride[k] * i, 0)
        n_terms[k] = m
    outside, inner = fuse_inner(s, n_terms, n)
    out_at, in_at = s.n[START, row], s.n[START, t]
    zero = splat8(0.0)
    if up:
        for i in range(s.n[SIZE, row]):
            store8(s.cells, out_at + i, zero)
    else:
        for i in range(s.n[SIZE, t]):
            store8(s.adjoint, in_at + i, zero)
    digit = s.n[SPARE + 13]
    outer = 1
    for k in range(outside):
        digit[k] = 0
        outer *= n_terms[k]
    for _ in range(outer):
        o, x = out_at, in_at
        for k in range(outside):
            o += s.n[TERM + 64 * 0 + k, digit[k]]
            x += s.n[TERM + 64 * 1 + k, digit[k]]
        for i in range(inner):
            big, small = x + s.n[INNER_OF + 1, i], o + s.n[INNER_OF + 0, i]
            source = load8(s.cells, big) if up else load8(s.adjoint, small)
            if up:
                store8(s.cells, small, load8(s.cells, small) + source)
            else:
                store8(s.adjoint, big, load8(s.adjoint, big) + source)
        for k in range(outside - 1, -1, -1):
            digit[k] += 1
            if digit[k] < n_terms[k]:
                break
            digit[k] = 0


def sweep_up(s: Scratch) -> int:
    """Runs the tape; returns the exponent that was taken out of all tables."""
    exponent = int(s.n[COUNT, EXPONENT])
    for row in range(s.n[COUNT, N_LEAVES], s.n[COUNT, N_TABLES]):
        if s.n[MADE_BY, row] == MERGE:
            run_merge(s, row, True)
        elif s.n[MADE_BY, row] == APPLY:
            run_apply(s, s.cells, row, True)
        else:
            run_close(s, row, True)
            exponent += rescale(s, row)
    return exponent


def is_scalar(s: Scratch, t: int) -> bool:
    """Whether a table has no axes."""
    axes = 0
    for word in range(s.n[COUNT, N_WORDS]):
        axes |= s.m[4 * t + SCOPE, word]
    return axes == 0


def multiply_scalars(s: Scratch, result: int) -> None:
    """The product of all scalars, per lane, to cell ``result``; and each one's derivative."""
    found = s.n[SPARE + 0]
    n = 1
    found[0] = 0
    for t in range(s.n[COUNT, N_LEAVES], s.n[COUNT, N_TABLES]):
        if is_scalar(s, t):
            found[n] = t
            n += 1
    running = splat8(1.0)
    for i in range(n):  # prefix products, kept in the derivative's place
        start = s.n[START, found[i]]
        store8(s.adjoint, start, running)
        running = running * load8(s.cells, start)
    store8(s.cells, result, running)
    running = splat8(1.0)
    for i in range(n - 1, -1, -1):
        start = s.n[START, found[i]]
        store8(s.adjoint, start, load8(s.adjoint, start) * running)
        running = running * load8(s.cells, start)


def add_marginal(s: Scratch, t: int, a: int, factor: float) -> None:
    """Adds the joint probability of each state of a node axis that is about to be closed."""
    start, size = s.n[START, t], s.n[SIZE, t]
    card, stride = s.n[CARD, a], stride_in(s, t, a)
    v = s.n[NODE, a]
    for state in range(card):
        sum_ = splat8(0.0)
        for o in range(size // (card * stride)):
            first = start + (o * card + state) * stride
            for i in range(stride):
                sum_ = sum_ + load8(s.cells, first + i) * load8(s.adjoint, first + i)
        s.f[MARGINAL + 3 * state, v] += total8(sum_) * factor


def sweep_down(s: Scratch, wanted: Ints, accounts: Floats, factor: float) -> None:
    """Transposes the tape; adds to ``marginal`` and ``accounts``, times ``factor``."""
    for row in range(s.n[COUNT, N_TABLES] - 1, s.n[COUNT, N_LEAVES] - 1, -1):
        if s.n[MADE_BY, row] == MERGE:
            run_merge(s, row, False)
            continue
        if s.n[MADE_BY, row] == APPLY:
            run_apply(s, s.adjoint, row, False)
            continue
        exponent = s.n[MADE, row]
        if exponent != 0:
            back = splat8(ldexp(1.0, -int(exponent)))
            for i in range(s.n[SIZE, row]):
                place = s.n[START, row] + i
                store8(s.adjoint, place, load8(s.adjoint, place) * back)
        run_close(s, row, False)
        a = s.n[AXIS, row]
        if s.n[KIND, a] == STATES and wanted[s.n[NODE, a]] != 0:
            add_marginal(s, s.n[FIRST, row], a, factor)
    if len(accounts) == 0:
        return
    for t in range(1, s.n[COUNT, N_LEAVES]):
        c = s.n[CREDIT, t]
        if c < 0:
            continue
        a = s.n[OWN, t]
        start, card, stride = s.n[START, t], s.n[CARD, a], stride_in(s, t, a)
        sum_ = splat8(0.0)
        n = 0
        for o in range(s.n[SIZE, t] // (card * stride)):
            for i in range(stride):
                place = start + o * card * stride + i
                if s.n[MADE, t] >= 0:  # signed: a produced level counts in U + E only
                    made = load8(s.cells, s.n[MADE, t] + n)
                    n += 1
                    sum_ = sum_ + made * load8(s.adjoint, place + stride)
                else:
                    for level in range(1, card):
                        at = place + level * stride
                        sum_ = sum_ + load8(s.cells, at) * load8(s.adjoint, at)
        accounts[c, s.n[NODE, a]] += total8(sum_) * factor


def count_uses(p: Packed, s: Scratch, wanted: Ints, uses: Ints, links: Ints) -> None:
    """How many parts each hidden node modifies or heads, and how many factors it couples."""
    for v in range(p.n[P_COUNT, 0]):
        uses[v] = links[v] = 0
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0:
            continue
        silent = s.n[FIXED, v] == 1 and p.n[V_MAX, v] and s.n[IS_SOFT, v] == 0
        if silent:
            silent = s.n[HARD, v] == (p.n[V_CARD, v] - 1 if p.n[V_FLIP, v] else 0)
        for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
            free = 0
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                if s.n[FIXED, p.n[SCOPE_NODE, i]] == 0:
                    free += 1
            if free == 0:
                continue
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                u = p.n[SCOPE_NODE, i]
                if s.n[FIXED, u] == 0:
                    if free > 1 or p.n[P_CREDIT, part] < 0:
                        uses[u] += 1
                    if not silent or free > 1:
                        links[u] += 1


FEWEST_USES = 4  # an unknown modifier of fewer parts stays an ordinary variable


def condition(p: Packed, s: Scratch, wanted: Ints, nodes: Ints) -> int:
    """Chooses the nodes of the lanes, at most 8 assignments; returns how many.

    Unknown modifiers come first (age and sex, typically), then the binary nodes that
    couple most factors: lanes cost nothing, so they are always filled.
    """
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, wanted, uses, links)
    n, lanes = 0, 1
    for sort in range(2):
        scores = uses if sort == 0 else links
        while True:
            best = -1
            for v in range(p.n[P_COUNT, 0]):
                if s.n[KEEP, v] == 0 or s.n[FIXED, v] != 0 or wanted[v] == 2:
                    continue
                if lanes * p.n[V_CARD, v] > LANES:
                    continue
                least = FEWEST_USES if sort == 0 else 2
                if scores[v] >= least and (best < 0 or scores[v] > scores[best]):
                    best = v
            if best < 0:
                break
            s.n[FIXED, best] = 2
            nodes[n] = best
            n += 1
            lanes *= p.n[V_CARD, best]
    digit = 1
    for k in range(n):
        v = nodes[k]
        for lane in range(LANES):
            s.n[LANE + lane, v] = lane // digit % p.n[V_CARD, v]
        digit *= p.n[V_CARD, v]
    return n


def condition_more(p: Packed, s: Scratch, wanted: Ints) -> int:
    """The hidden node that couples most factors, or -1."""
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, wanted, uses, links)
    best = -1
    for v in range(p.n[P_COUNT, 0]):
        free = s.n[KEEP, v] != 0 and s.n[FIXED, v] == 0 and wanted[v] != 2
        if free and (best < 0 or links[v] > links[best]):
            best = v
    return best


def scale_all(values: Floats, factor: float) -> None:
    """Multiplies a matrix in place."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[i, j] *= factor


def run_record(
    p: Packed, s: Scratch, wanted: Ints, budget: float, accounts: Floats, down: bool
) -> tuple[int, float, float]:
    """One record, whose evidence is in ``hard``, ``soft`` and ``is_soft``.

    Returns (status, planned cells, log P(evidence)) and leaves posteriors in the
    MARGINAL rows of ``f``, and in ``accounts`` (V, V; or empty) the probability that the
    link from a target (row) produced a present finding (column).  Planned cells count
    single numbers: multiply-adds times eight lanes times passes.

    Posteriors alone are first tried in the fast form (``products.py``).
    """
    if down and len(accounts) == 0:
        status, cells, logp = run_form(p, s, wanted, budget, accounts, True, True)
        if status != UNSURE:
            return status, cells, logp
    return run_form(p, s, wanted, budget, accounts, down, False)


def run_form(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    budget: float,
    accounts: Floats,
    down: bool,
    products: bool,
) -> tuple[int, float, float]:
    """A record in one of the two forms; UNSURE when the fast one is not to be trusted."""
    order, trial, nodes = s.n[SPARE + 14], s.n[SPARE + 15], s.n[SPARE + 12]
    for v in range(p.n[P_COUNT, 0]):
        s.n[FIXED, v] = 1 if s.n[HARD, v] >= 0 else 0
    mark_needed(p, s, wanted)
    n = condition(p, s, wanted, nodes)
    lanes = 1
    for k in range(n):
        lanes *= p.n[V_CARD, nodes[k]]
    passes = 1
    while True:
        fits = decode(p, s, wanted, lanes, len(accounts) > 0, products)
        if s.n[COUNT, UNFIT] != 0:
            return UNSURE, 0.0, 0.0
        s.n[COUNT, N_LEAVES] = s.n[COUNT, N_TABLES]
        work = stored = 0.0
        if fits:
            work, stored = plan(s, order, trial, products)
            if s.n[COUNT, UNFIT] != 0:
                return UNSURE, 0.0, 0.0
            if work * LANES * passes > budget:
                return TOO_WIDE, work * LANES * passes, 0.0
            if LANES * (stored + 2.0) <= len(s.cells):
                break
        v = condition_more(p, s, wanted)
        if v < 0 or passes * p.n[V_CARD, v] > MOST_PASSES:
            return TOO_WIDE, max(work, 1.0) * LANES * passes, 0.0
        s.n[FIXED, v] = 3
        passes *= p.n[V_CARD, v]
        for lane in range(LANES):
            s.n[LANE + lane, v] = 0
    cells = work * LANES * passes
    accounts[:, :] = 0.0
    for v in range(p.n[P_COUNT, 0]):
        for state in range(p.n[V_CARD, v]):
            s.f[MARGINAL + 3 * state, v] = s.f[AGAIN + 3 * state, v] = 0.0
    total, top = 0.0, 0
    result = int(stored)
    for index in range(passes):
        if index > 0:
            rest = index
            for v in range(p.n[P_COUNT, 0]):
                if s.n[FIXED, v] == 3:
                    for lane in range(LANES):
                        s.n[LANE + lane, v] = rest % p.n[V_CARD, v]
                    rest //= p.n[V_CARD, v]
            decode(p, s, wanted, lanes, len(accounts) > 0, products)
            if s.n[COUNT, UNFIT] != 0:
                return UNSURE, 0.0, 0.0
            s.n[COUNT, N_LEAVES] = s.n[COUNT, N_TABLES]
            if products:
                write_buckets(s, order)
            else:
                write_tape(s, order)
        exponent = sweep(s) if products else sweep_up(s)
        multiply_scalars(s, result)
        here = total8(load8(s.cells, result))
        if products and not here >= 0.0:
            return UNSURE, 0.0, 0.0
        if not here > 0.0:
            continue
        if total == 0.0:
            top = exponent
        factor = 1.0
        if exponent > top:
            shrink = ldexp(1.0, max(top - exponent, -2000))
            total *= shrink
            scale_all(accounts, shrink)
            for v in range(p.n[P_COUNT, 0]):
                for state in range(p.n[V_CARD, v]):
                    s.f[MARGINAL + 3 * state, v] *= shrink
                    s.f[AGAIN + 3 * state, v] *= shrink
            top = exponent
        else:
            factor = ldexp(1.0, max(exponent - top, -2000))
        total += here * factor
        if down:
            if products:
                store8(s.cells, result + 1, load8(s.cells, result))
                sweep_back(s, order, result + 1, factor)
            else:
                sweep_down(s, wanted, accounts, factor)
            add_conditioned(p, s, lanes, result, MARGINAL, factor)
            if products:
                add_conditioned(p, s, lanes, result + 1, AGAIN, factor)
    if products and not agrees(p, s, wanted, total):
        return UNSURE, 0.0, 0.0
    if total == 0.0:
        return IMPOSSIBLE, cells, -np.inf
    for v in range(p.n[P_COUNT, 0]):
        if wanted[v] == 0:
            continue
        for state in range(p.n[V_CARD, v]):
            if s.n[FIXED, v] == 1:
                s.f[MARGINAL + 3 * state, v] = 1.0 if state == s.n[HARD, v] else 0.0
            else:
                s.f[MARGINAL + 3 * state, v] /= total
    if total != 1.0:
        for i in range(accounts.shape[0]):
            for j in range(accounts.shape[1]):
                accounts[i, j] /= total
    return OK, cells, log(total) + top * log(2.0)


def plan(s: Scratch, order: Ints, trial: Ints, products: bool) -> tuple[float, float]:
    """An order and the tape of its form; returns (work, cells stored)."""
    if not products:
        work, stored, _ = plan_tape(s, order, trial)
        return work, stored
    mark_axes(s)
    order_by_degree(s, order, HASTE)
    work, stored = write_buckets(s, order)
    if work > PLAIN_ABOVE:
        order_by_degree(s, trial, 1.0)
        trial_work, stored = write_buckets(s, trial)
        if trial_work < PLAIN_GAIN * work:
            work = trial_work
            for i in range(s.n[COUNT, N_AXES]):
                order[i] = trial[i]
        else:
            work, stored = write_buckets(s, order)
    if work > SEARCH_ABOVE:
        limit = INFINITE
        for run in range(searches(work)):
            found = order_by_price(s, trial, HASTE, noise_of(run), run, limit)
            if found < 0.0:
                continue
            limit = min(limit, 1.2 * found)
            trial_work, _ = write_buckets(s, trial)
            if trial_work < work:
                work = trial_work
                for i in range(s.n[COUNT, N_AXES]):
                    order[i] = trial[i]
        work, stored = write_buckets(s, order)
    return work, stored


def add_conditioned(p: Packed, s: Scratch, lanes: int, cell: int, row: int, factor: float) -> None:
    """Adds P(evidence) by lane, in a cell, to the states that conditioned nodes have there."""
    for v in range(p.n[P_COUNT, 0]):
        if s.n[FIXED, v] >= 2:
            for lane in range(lanes):
                state = s.n[LANE + lane, v]
                s.f[row + 3 * state, v] += s.cells[LANES * cell + lane] * factor


def agrees(p: Packed, s: Scratch, wanted: Ints, total: float) -> bool:
    """Whether all evaluations of the same probabilities are close enough to be believed.

    Their largest relative difference stands for the relative error of P(evidence).  States
    above the lowest of a *rising* node cancel less than the rest of the sum, and share it;
    for any other state it is an absolute error, which a small posterior does not survive.
    """
    if not total > 0.0:
        return False
    spread, smallest = LEAST, 1.0
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0 or s.n[FIXED, v] == 1:
            continue
        sum_ = 0.0
        for state in range(p.n[V_CARD, v]):
            once, again = s.f[MARGINAL + 3 * state, v], s.f[AGAIN + 3 * state, v]
            sum_ += once
            if once == 0.0 and again == 0.0:
                continue
            if not once > 0.0:
                return False
            spread = max(spread, abs(once - again) / once)
            if wanted[v] != 0 and (state == 0 or p.n[V_RISING, v] == 0):
                smallest = min(smallest, once / total)
        spread = max(spread, abs(sum_ - total) / total)
    return spread <= SPREAD * min(1.0, FLOOR * smallest)


def run_records(
    packed: Packed,
    scratch: Scratch,
    wanted: Ints,
    budget: float,
    accounts: Floats,
    down: bool,
    node_of: Ints,
    codes: np.ndarray,
    soft_of: Ints,
    soft: Floats,
    column_node: Ints,
    column_state: Ints,
    first: int,
    last: int,
    probability: Floats,
    explains: Floats,
    log_evidence: Floats,
    status: np.ndarray,
    cells: Floats,
) -> None:
    """Rows ``first`` to ``last`` of a batch.

    ``codes`` (N, C) int8 with ``node_of`` (C,) the node of each column; ``soft``
    (N, S, card) likelihoods of the nodes ``soft_of`` (S,), NaN for none; columns of
    ``probability`` are the states ``column_state`` of the nodes ``column_node``;
    ``explains`` (N, V) and ``accounts`` (V, V) are empty unless wanted.
    """
    p = Packed(bare(packed.n), bare(packed.table))
    s = Scratch(
        bare(scratch.n), bare(scratch.tape), bare(scratch.m),
        bare(scratch.f), bare(scratch.cells), bare(scratch.adjoint),
    )  # fmt: skip
    wanted = bare(wanted)
    for row in range(first, last):
        bad = False
        for v in range(p.n[P_COUNT, 0]):
            s.n[HARD, v] = -1
            s.n[IS_SOFT, v] = 0
        for c in range(len(node_of)):
            code = int(codes[row, c])
            v = node_of[c]
            if v >= 0 and code != -1:
                if code < -1 or code >= p.n[V_CARD, v]:
                    bad = True
                else:
                    s.n[HARD, v] = code
        for c in range(len(soft_of)):
            v = soft_of[c]
            if not np.isnan(soft[row, c, 0]) and s.n[HARD, v] < 0:
                s.n[IS_SOFT, v] = 1
                for state in range(p.n[V_CARD, v]):
                    s.f[SOFT + 3 * state, v] = soft[row, c, state]
        if bad:
            status[row] = BAD_CODE
            log_evidence[row] = np.nan
            for c in range(len(column_node)):
                probability[row, c] = np.nan
            continue
        state_, planned, logp = run_record(p, s, wanted, budget, accounts, down)
        status[row] = state_
        cells[row] = planned
        log_evidence[row] = logp if state_ != TOO_WIDE else np.nan
        for c in range(len(column_node)):
            good = state_ == OK and down
            probability[row, c] = (
                s.f[MARGINAL + 3 * column_state[c], column_node[c]] if good else np.nan
            )
        for v in range(explains.shape[1]):
            explains[row, v] = np.sum(accounts[v]) if state_ == OK else np.nan
