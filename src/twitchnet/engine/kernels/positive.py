"""The positive form: the rows of a tape, upward and downward.

Upward, the rows merge tables and close axes until only scalars are left.  Downward, every
row is transposed once: a table times its derivative, summed over everything but one axis,
is the joint probability of that axis' states with the evidence.
"""

from __future__ import annotations

from math import ldexp

import numpy as np

from twitchnet.engine.jit.lanes import (
    Cell,
    abs8,
    largest8,
    load8,
    splat8,
    store8,
    total8,
    zero8,
)
from twitchnet.engine.kernels.layout import (
    AXIS,
    CARD,
    COUNT,
    CREDIT,
    EXPONENT,
    FIRST,
    FLIP,
    INNER_OF,
    KIND,
    LEVELS,
    MADE,
    MADE_BY,
    MARGINAL,
    N_LEAVES,
    N_TABLES,
    N_WORDS,
    NODE,
    OF,
    OWN,
    SCOPE,
    SECOND,
    SIZE,
    SPARE,
    START,
    STATES,
    TERM,
    TERMINAL,
    Scratch,
    list_axes,
)
from twitchnet.engine.kernels.leaves import rescale, stride_in, undo
from twitchnet.engine.kernels.merges import (
    count_from,
    count_on,
    fuse_inner,
    run_apply,
    run_merge,
    set_terms,
    strides,
)
from twitchnet.engine.kernels.ordering import (
    APPLY,
    DIAGONAL,
    MERGE,
    RENAME,
    START_LEVEL,
    SUM,
    WEIGH,
)
from twitchnet.engine.program import Floats, Ints

RUN = 64  # scalars that are multiplied before their product is rescaled


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
    for _ in range(count_from(digit, n_terms, outside)):
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
        count_on(digit, n_terms, outside)


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


def multiply_scalars(s: Scratch, result: int) -> int:
    """The product of all scalars, per lane, to cell ``result``; and each one's derivative.

    Returns the exponent that was taken out of the product, and so of the derivatives.
    """
    found, before = s.n[SPARE + 0], s.n[SPARE + 1]
    n = 1
    found[0] = 0
    for t in range(1, s.n[COUNT, N_TABLES]):
        if (t >= s.n[COUNT, N_LEAVES] or s.n[CREDIT, t] >= 0) and is_scalar(s, t):
            found[n] = t
            n += 1
    running, total = zero8(s.cells) + splat8(1.0), 0
    for i in range(n):  # prefix products, kept in the derivative's place
        start = s.n[START, found[i]]
        store8(s.adjoint, start, running)
        before[i] = total
        running = running * load8(s.cells, start)
        if i % RUN == RUN - 1:
            shift = exponent_of(running)
            running = running * splat8(ldexp(1.0, -int(shift)))
            total += shift
    store8(s.cells, result, running)
    running, after = zero8(s.cells) + splat8(1.0), 0
    for i in range(n - 1, -1, -1):
        start = s.n[START, found[i]]
        shift = before[i] + after - total
        value = load8(s.adjoint, start) * running
        if shift != 0:
            value = value * splat8(ldexp(1.0, int(shift)))
        store8(s.adjoint, start, value)
        running = running * load8(s.cells, start)
        if i % RUN == 0:
            shift = exponent_of(running)
            running = running * splat8(ldexp(1.0, -int(shift)))
            after += shift
    return int(total)


def exponent_of(cell: Cell) -> int:
    """The power of two nearest to the largest lane; 0 if all are 0."""
    largest = largest8(abs8(cell))
    return 0 if largest == 0.0 else int(np.floor(np.log2(largest) + 0.5))


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
        s.f[MARGINAL + 4 * state, v] += total8(sum_) * factor


def sweep_down(s: Scratch, wanted: Ints, accounts: Floats, factor: float) -> None:
    """Transposes the tape; adds to ``marginal`` and ``accounts``, times ``factor``."""
    for row in range(s.n[COUNT, N_TABLES] - 1, s.n[COUNT, N_LEAVES] - 1, -1):
        if s.n[MADE_BY, row] == MERGE:
            run_merge(s, row, False)
            continue
        if s.n[MADE_BY, row] == APPLY:
            run_apply(s, s.adjoint, row, False)
            continue
        undo(s, row)
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
        a, start, sum_ = s.n[OWN, t], s.n[START, t], splat8(0.0)
        if a < 0:  # its node's level is conditioned on
            for i in range(s.n[SIZE, t]):
                made = load8(s.cells, s.n[MADE, t] + i)
                sum_ = sum_ + made * load8(s.adjoint, start + i)
            accounts[c, s.n[OF, t]] += total8(sum_) * factor
            continue
        card, stride, n = s.n[CARD, a], stride_in(s, t, a), 0
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
