"""Signed level axes: cumulative sums that multiply pointwise.

Leaves of a signed axis hold (U, U + E), and the difference is taken when it is closed.
Every entry of E is at least b times U + E, where b is the base of the node, so closing the
axis loses at most a factor 2 / b of relative accuracy.  The positive form signs axes while
the product of 2 / b stays below ``SIGNED_LOSS``, which bounds the error for any evidence
and any rare cause (at 1e5, chains of a hundred roundings stay near 1e-9 at the worst).  The
fast form signs them all, and checks its answer.
"""

from __future__ import annotations

import numpy as np

from twitchnet.engine.lanes import LANES, load8, splat8, store8
from twitchnet.engine.layout import (
    BITS_LOST,
    CARD,
    COUNT,
    CREDIT,
    FLIP,
    HELD,
    KIND,
    LEVELS,
    MADE,
    MEANING,
    N_TABLES,
    OWN,
    P_BITS,
    PARTNER,
    SCOPE,
    SIGNED,
    SIZE,
    SPARE,
    START,
    SUMS,
    TERMINAL,
    Packed,
    Scratch,
    put,
)
from twitchnet.engine.leaves import new_table, stride_in, take_cells

SIGNED_LOSS = 1e5


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
