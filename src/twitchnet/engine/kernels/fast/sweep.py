"""Sums of products over signed leaves, one fused loop for each axis.

When every intensity axis is signed (see ``signs.py``), a record is an ordinary product of
tables, and eliminating an axis v takes one step:

    out[N] = sum over v of  P[v, ..] * M1[v, ..] * ... * Mm[v, ..]

P is the product of the small leaves over v, which grows by outer products, and the M are
*messages*: results of earlier axes (or large leaves).  Only ``out`` is stored.  On the way
down, P and its products with the messages are computed again, unless they are few, because
arithmetic is cheaper than memory.

The tape says which tables meet, and in which loops (``schedule.py``).

Signed sums may cancel, so the answer is kept only if it agrees with itself: every marginal is
evaluated at two places of the sweep, where its axis is eliminated and at the first table that
holds it, and each must sum to P(evidence).  A record whose evaluations differ by more than
``record.SPREAD`` is computed again in double-double cells, by the same functions.
"""

from __future__ import annotations

from math import ldexp

import numpy as np

from twitchnet.engine.jit.lanes import (
    BITS,
    Cell,
    abs8,
    largest8,
    load8,
    lowest,
    pair8,
    single,
    splat8,
    store8,
    zero8,
)
from twitchnet.engine.kernels.fast.joints import leave_joints, share_out, to_joint
from twitchnet.engine.kernels.fast.products import multiply, pull
from twitchnet.engine.kernels.fast.schedule import (
    ALONE,
    CLOSED_STEP,
    ENTRIES,
    LEFT_AT,
    LEFT_ONCE,
    LENGTH,
    MESSAGES,
    NODE_AT,
    OTHER_STEP,
    OUT_AT,
    PAIR,
    PAIRS,
    PLAIN,
    RIGHT_ONCE,
    ROW_HEAD,
    RUNS,
    SUM_OTHER,
    SUMMING,
    TABLE,
    V_LEFT,
    WEIGHTS,
)
from twitchnet.engine.kernels.layout import (
    EXPONENT,
    KEPT,
    N_LEAVES,
    N_SINGLETONS,
    N_TABLES,
    N_WORDS,
    SEPARATE,
    STATES,
    Scratch,
)
from twitchnet.engine.kernels.leaves import rescale, undo_rescale
from twitchnet.engine.program import Ints

SCALARS = 64  # scalars between two rescalings of their product: at 2,000 it could underflow


def grow(s: Scratch, row: int, at: int) -> None:
    """The product of the small leaves over the axis of a row, from cell ``at`` on."""
    cells, tape, place = s.cells, s.tape, s.row.first[row]
    card = s.turn.card[row - s.counts[N_LEAVES]]
    for state in range(card):
        store8(cells, at + state, load8(cells, tape[place + ALONE] + state))
    n = 1
    for i in range(tape[place + PAIRS]):
        pair = place + ROW_HEAD + PAIR * i
        length, sort = tape[pair + LENGTH], tape[pair + SUMMING]
        for state in range(card - 1, -1, -1):  # backward: in place
            source = at + state * n
            for j in range(length - 1, -1, -1):
                entry = (
                    tape[pair + ENTRIES]
                    + state * tape[pair + CLOSED_STEP]
                    + j * tape[pair + OTHER_STEP]
                )
                weight = load8(cells, entry)
                if sort != PLAIN:
                    steps, back = state, tape[pair + CLOSED_STEP]
                    if sort == SUM_OTHER:
                        steps, back = j, tape[pair + OTHER_STEP]
                    for _ in range(steps):
                        entry -= back
                        weight = load8(cells, entry) + weight
                to = at + (state * length + j) * n
                for k in range(n):
                    store8(cells, to + k, load8(cells, source + k) * weight)
        n *= length


def grow_levels(s: Scratch, row: int, at: int) -> int:
    """The maximum of all leaves over an intensity axis that no message holds, from ``at`` on.

    Returns the number of cells of a level.
    """
    cells, tape, place = s.cells, s.tape, s.row.first[row]
    card, pairs = s.turn.card[row - s.counts[N_LEAVES]], tape[place + PAIRS]
    block = 1
    for i in range(pairs):
        block *= tape[place + ROW_HEAD + PAIR * i + LENGTH]
    for level in range(card):
        store8(cells, at + level * block, load8(cells, tape[place + ALONE] + level))
    n = 1
    for i in range(pairs):
        pair = place + ROW_HEAD + PAIR * i
        length, step = tape[pair + LENGTH], tape[pair + CLOSED_STEP]
        for j in range(length - 1, -1, -1):  # backward: in place
            leaf, to = tape[pair + ENTRIES] + j * tape[pair + OTHER_STEP], at + j * n
            for k in range(n):
                below = made = zero8(cells)  # mass below a level: of the product, of the leaf
                for level in range(card):
                    weight = load8(cells, leaf + level * step)
                    here = load8(cells, at + level * block + k)
                    made = made + weight
                    store8(cells, to + level * block + k, made * here + weight * below)
                    below = below + here
        n *= length
    return int(block)


def eliminate_levels(s: Scratch, row: int, at: int) -> None:
    """Eliminates an intensity axis that no message holds: by maximum, without differences.

    The result is the weighted sum of its levels, or its levels as the states of its node.
    """
    cells, tape, place, out = s.cells, s.tape, s.row.first[row], s.table.start[row]
    card, weights = s.turn.card[row - s.counts[N_LEAVES]], tape[place + WEIGHTS]
    n = block = grow_levels(s, row, at)
    stride = tape[place + NODE_AT]
    if stride == 0:
        for k in range(n):
            sum_ = load8(cells, weights) * load8(cells, at + k)
            for level in range(1, card):
                sum_ = sum_ + load8(cells, weights + level) * load8(cells, at + level * block + k)
            store8(cells, out + k, sum_)
        return
    flip = s.axis.flip[s.row.axis[row]] != 0
    for k in range(n):
        for level in range(card):
            state = card - 1 - level if flip else level
            to = out + (k // stride * card + state) * stride + k % stride
            store8(cells, to, load8(cells, at + level * block + k))


def message_of(s: Scratch, row: int, i: int) -> int:
    """Where on the tape message ``i`` of a row is."""
    place = s.row.first[row]
    return int(s.tape[place + ROW_HEAD + PAIR * s.tape[place + PAIRS] + i])


def build(s: Scratch, row: int, at: int) -> None:
    """The products of all leaves and messages of an axis but the last, from ``at`` on."""
    tape = s.tape
    grow(s, row, at)
    for i in range(tape[s.row.first[row] + MESSAGES] - 1):
        m = message_of(s, row, i)
        right = s.table.start[tape[m + TABLE]]
        multiply(s, m, tape[m + RUNS] + 1, 1, at + tape[m + OUT_AT], at + tape[m + LEFT_AT], right)


def leaf_of(s: Scratch, row: int) -> int:
    """The first cell of the leaf over a singleton axis, from its row."""
    return int(s.table.start[1 + s.row.axis[row]])


def sweep(s: Scratch) -> int:
    """Eliminates all axes; returns the exponent that was taken out of the tables."""
    exponent = int(s.counts[EXPONENT])
    leaves = s.counts[N_LEAVES]
    for row in range(leaves, leaves + s.counts[N_SINGLETONS]):
        start, sum_ = leaf_of(s, row), zero8(s.cells)
        for state in range(s.turn.card[row - leaves]):
            sum_ = sum_ + load8(s.cells, start + state)
        store8(s.cells, s.table.start[row], sum_)
        exponent += rescale(s, row)
    for row in range(leaves + s.counts[N_SINGLETONS], s.counts[N_TABLES]):
        at = s.row.place[row]
        card, out = s.turn.card[row - leaves], s.table.start[row]
        count = s.tape[s.row.first[row] + MESSAGES]
        if s.tape[s.row.first[row] + WEIGHTS] >= 0:
            eliminate_levels(s, row, at)
            exponent += rescale(s, row)
            continue
        build(s, row, at)
        if count > 0:
            m = message_of(s, row, count - 1)
            left = at + s.tape[m + LEFT_AT]
            right = s.table.start[s.tape[m + TABLE]]
            multiply(s, m, s.tape[m + RUNS], card, out, left, right)
        else:
            size = s.table.size[row]
            for i in range(size):
                sum_ = load8(s.cells, at + i)
                for state in range(1, card):
                    sum_ = sum_ + load8(s.cells, at + state * size + i)
                store8(s.cells, out + i, sum_)
        exponent += rescale(s, row)
    return exponent


def sweep_back(s: Scratch, order: Ints, check: int, factor: float, explains: bool) -> None:
    """Derivatives of P(evidence), from the last axis to the first.

    Adds the joint probabilities of the states of all nodes with the evidence, times ``factor``, to
    ``marginal`` where their axes are eliminated, and to ``again`` at the first table that holds
    them; nodes that are not wanted help to judge the record, too.  The sum over the states of the
    first coupled node that is eliminated is left in cell ``check``, by lane.  A singleton axis
    would check nothing, so these come before.  ``explains`` leaves what ``responsibility.py``
    reads.
    """
    tape, leaves, kept = s.tape, s.counts[N_LEAVES], s.counts[KEPT] != 0
    lone = s.counts[N_SINGLETONS]
    for row in range(leaves, leaves + lone):
        undo_rescale(s, row)
        add_joint(s, s.row.axis[row], leaf_of(s, row), s.table.start[row], 1, 0, check, factor)
        if explains:
            for i in range(leaf_of(s, row), leaf_of(s, row) + s.turn.card[row - leaves]):
                to_joint(s, i, i, s.table.start[row], 1)
    for row in range(s.counts[N_TABLES] - 1, leaves + lone - 1, -1):
        turn, at = row - leaves, s.row.place[row]
        card, a = s.turn.card[turn], order[turn]
        if s.row.fresh[row] != 0:
            add_again(s, row, order, factor)
        undo_rescale(s, row)
        is_node = s.axis.kind[a] == STATES
        leaves_joint = explains and (is_node or s.node.present[s.axis.node[a]] != 0)
        count = tape[s.row.first[row] + MESSAGES]
        if count == 0:
            if is_node:
                if not kept:
                    grow(s, row, at)
                add_joint(s, a, at, s.table.start[row], s.table.size[row], 0, check, factor)
                if explains:
                    leave_joints(s, row, at, s.table.start[row], s.table.size[row], 0)
            elif leaves_joint:
                leave_levels(s, row, at, kept)
            continue
        if not kept:
            build(s, row, at)
        out = s.table.start[row]
        for i in range(count - 1, -1, -1):
            m = message_of(s, row, i)
            t, left = tape[m + TABLE], at + tape[m + LEFT_AT]
            want_left, want_right = is_node or leaves_joint or i > 0, t >= leaves
            if explains and t < leaves:
                want_right = s.table.traced[t] != 0
            if want_left and tape[m + LEFT_ONCE] == 0:
                clear(s, left, card * tape[m + V_LEFT])
            if want_right and tape[m + RIGHT_ONCE] == 0:
                clear(s, s.table.start[t], s.table.size[t])
            pull(s, m, out, left, s.table.start[t], want_left, want_right)
            out = left
            if want_right and t < leaves:
                to_joint(s, s.table.start[t], s.table.start[t], s.table.start[t], s.table.size[t])
        block = tape[message_of(s, row, 0) + V_LEFT]
        if is_node:
            add_joint(s, a, at, at, block, block, check, factor)
        if leaves_joint:
            leave_joints(s, row, at, at, block, block)


def leave_levels(s: Scratch, row: int, at: int, kept: bool) -> None:
    """Leaves the joint probabilities of a row that ``eliminate_levels`` made (``joints.py``)."""
    cells, v, start = s.cells, s.axis.node[s.row.axis[row]], s.table.start[row]
    level = s.node.hard[v]
    block = s.table.size[row] if kept else grow_levels(s, row, at)
    for i in range(block):
        below = load8(cells, at + i)
        for lower in range(1, level):
            below = below + load8(cells, at + lower * block + i)
        given, here = load8(s.adjoint, start + i), load8(cells, at + level * block + i)
        store8(s.adjoint, at + i, below * given)
        store8(s.adjoint, at + block + i, here * given)
    s.node.mass_kind[v] = SEPARATE
    share_out(s, row, at, block, 2, level - 1)


def clear(s: Scratch, start: int, size: int) -> None:
    """Sets the derivatives by a run of cells to 0."""
    zero = zero8(s.adjoint)
    for i in range(start, start + size):
        store8(s.adjoint, i, zero)


def add_joint(
    s: Scratch, a: int, left: int, given: int, block: int, step: int, check: int, factor: float
) -> None:
    """Adds the joint probability of each state of an eliminated axis.

    Values lie from cell ``left`` on, ``block`` for each state; derivatives from ``given`` on,
    ``step`` apart.
    """
    v = s.axis.node[a]
    all_states = zero8(s.cells)
    for state in range(s.axis.card[a]):
        sum_ = zero8(s.cells)
        for i in range(block):
            value = load8(s.cells, left + state * block + i)
            sum_ = sum_ + value * load8(s.adjoint, given + state * step + i)
        here, finer = pair8(sum_)
        s.node.marginal[state, v] += here * factor
        s.node.finer[state, v] -= finer * factor
        if s.turn.seen[s.axis.turn[a]] < 0:  # in no table before
            s.node.again[state, v] += here * factor
            s.node.finer[state, v] += finer * factor
        all_states = all_states + sum_
    store8(s.cells, check, all_states)


def add_again(s: Scratch, row: int, order: Ints, factor: float) -> None:
    """The same for the axes that this table is the first to hold."""
    start, size = s.table.start[row], s.table.size[row]
    stride = size
    for word in range(s.counts[N_WORDS]):
        rest = s.table.turns[row, word]
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            turn = word * BITS + bit
            card = s.turn.card[turn]
            stride //= card  # axes lie by turn, the earliest outermost
            a = order[turn]
            if s.turn.seen[turn] != row or s.axis.kind[a] != STATES:
                continue
            for state in range(card):
                sum_ = zero8(s.cells)
                for o in range(size // (card * stride)):
                    first = start + (o * card + state) * stride
                    for i in range(first, first + stride):
                        sum_ = sum_ + load8(s.cells, i) * load8(s.adjoint, i)
                here, finer = pair8(sum_)
                s.node.again[state, s.axis.node[a]] += here * factor
                s.node.finer[state, s.axis.node[a]] += finer * factor


def is_scalar(s: Scratch, t: int) -> bool:
    """Whether a table has no axes."""
    axes = 0
    for word in range(s.counts[N_WORDS]):
        axes |= s.table.scope[t, word]
    return axes == 0


def multiply_scalars(s: Scratch, result: int) -> int:
    """The product of all scalars, by lane, in cell ``result``; and the derivative of each.

    Returns the exponent that was taken out of the product, and so of the derivatives.
    """
    found, before = s.lists.scalars, s.lists.exponents
    n = 1
    found[0] = 0
    for t in range(s.counts[N_LEAVES], s.counts[N_TABLES]):
        if is_scalar(s, t):
            found[n] = t
            n += 1
    running, total = zero8(s.cells) + splat8(1.0), 0
    for i in range(n):  # prefix products, kept in the derivative's place
        start = s.table.start[found[i]]
        store8(s.adjoint, start, running)
        before[i] = total
        running = running * load8(s.cells, start)
        if i % SCALARS == SCALARS - 1:
            shift = exponent_of(running)
            running = running * splat8(ldexp(1.0, -int(shift)))
            total += shift
    store8(s.cells, result, running)
    running, after = zero8(s.cells) + splat8(1.0), 0
    for i in range(n - 1, -1, -1):
        start = s.table.start[found[i]]
        shift = before[i] + after - total
        value = load8(s.adjoint, start) * running
        if shift != 0:
            value = value * splat8(ldexp(1.0, int(shift)))
        store8(s.adjoint, start, value)
        running = running * load8(s.cells, start)
        if i % SCALARS == 0:
            shift = exponent_of(running)
            running = running * splat8(ldexp(1.0, -int(shift)))
            after += shift
    return int(total)


def exponent_of(cell: Cell) -> int:
    """The power of two nearest to the largest lane; 0 if all lanes are 0."""
    largest = largest8(abs8(cell))
    return 0 if largest == 0.0 else int(np.floor(np.log2(largest) + 0.5))
