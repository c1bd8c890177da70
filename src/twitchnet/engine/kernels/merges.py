"""Products of two tables of the positive form, and their transposes.

Every merge is one loop over *terms*: triples (o, t, u) with ``out[o] += first[t] *
second[u]``; along a shared level axis one operand is first *spread* by the cumulative sums
of its levels.  What merging by maximum means, and why nothing cancels, is explained at the
head of ``axes.py``.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, splat8, store8
from twitchnet.engine.kernels.layout import (
    BACK,
    CARD,
    COUNT,
    CREDIT,
    FIRST,
    HELD,
    INNER_OF,
    KIND,
    LEVELS,
    N_LEAVES,
    SCOPE,
    SECOND,
    SIZE,
    SPARE,
    START,
    TERM,
    Scratch,
    has,
    list_axes,
)
from twitchnet.engine.program import Floats, Ints

INNER = 64  # terms of the innermost loop; enough to hide the odometer around it


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


def count_from(digit: Ints, limit: Ints, n: int) -> int:
    """Sets ``n`` digits to 0; returns how many numbers they can show."""
    total = 1
    for k in range(n):
        digit[k] = 0
        total *= limit[k]
    return total


def count_on(digit: Ints, limit: Ints, n: int) -> None:
    """The next number, the last digit running fastest."""
    for k in range(n - 1, -1, -1):
        digit[k] += 1
        if digit[k] < limit[k]:
            break
        digit[k] = 0


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
    for _ in range(count_from(digit, n_terms, outside)):
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
        count_on(digit, n_terms, outside)
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
    t_at, l_at = s.n[START, t], s.n[START, leaf]
    pull = backward == up
    for _ in range(count_from(digit, n_terms, outside)):
        o, x = t_at, l_at
        for k in range(outside):
            o += s.n[TERM + 64 * 0 + k, digit[k]]
            x += s.n[TERM + 64 * 1 + k, digit[k]]
        if t_step == 0:
            scale_terms(values, s.cells, s.n, o, x, inner)
        else:
            raise_terms(values, s.cells, s.n, o, x, inner, t_step, l_step, pull)
        count_on(digit, n_terms, outside)


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
