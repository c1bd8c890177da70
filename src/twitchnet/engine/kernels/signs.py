"""Signed intensity axes: cumulative sums, which multiply pointwise.

Leaves of a signed axis hold (U, U + E), and the difference is taken when the axis is
eliminated.  Every entry of E is at least b times U + E, where b is the base of the node, so
the difference loses at most a factor 2 / b of relative accuracy: ``lost_bits``.  The answer
is checked (see ``record.py``).
"""

from __future__ import annotations

import numpy as np

from twitchnet.engine.jit.lanes import LANES, double_doubles, load8, splat8, store8, zero8
from twitchnet.engine.kernels.layout import (
    HIDDEN,
    MEANING,
    OBSERVED,
    Packed,
    Scratch,
    put,
)
from twitchnet.engine.kernels.leaves import new_table, stride_in, take_cells


def least_share(p: Packed, s: Scratch, v: int) -> float:
    """A lower bound of P(level) / P(at most that level) of a noisy-max node.

    Over all levels above 0, from its parts without hidden nodes; 0 if they make one impossible.
    """
    least = 1.0
    for level in range(1, p.node.card[v]):
        most = 0.0
        for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
            most = max(most, share_of(p, s, part, level))
        least = min(least, most)
    return least


def share_of(p: Packed, s: Scratch, part: int, level: int) -> float:
    """The smallest P(level) / P(at most that level) of one part, over the states of its nodes.

    It is 0 if a node is hidden.
    """
    first, last = p.part.scope_first[part], p.part.scope_first[part + 1]
    places, least = 1, 1.0
    for i in range(first, last):
        u = p.scope[i]
        if s.node.fixed[u] == HIDDEN:
            return 0.0
        places *= p.node.card[u]
    for place in range(places):
        rest, possible = place, True
        for i in range(last - 1, first - 1, -1):
            u = p.scope[i]
            if s.node.fixed[u] == OBSERVED and rest % p.node.card[u] != s.node.hard[u]:
                possible = False
            rest //= p.node.card[u]
        if possible:
            below, at = 0.0, p.part.entry[part] + place
            for lower in range(level):
                below += p.table[at + lower * places]
            here = p.table[at + level * places]
            if here == 0.0:
                return 0.0
            least = min(least, here / (here + below))
    return least


def sign_levels(p: Packed, s: Scratch, a: int, base: int, live: int) -> bool:
    """Prepares an intensity axis; the tape decides how it is eliminated.

    The leaves of its parts over one node keep their levels.  Cells from ``sums`` on hold the
    base as weighed cumulative sums; ``lost_bits`` is what eliminating it by differences may cost.
    """
    card, start = s.axis.card[a], s.table.start[base]
    bits, leakless = lost_bits(s, start, card), False
    for i in range(LANES * (start + 1), LANES * (start + card)):
        if s.cells[i] == 0.0:
            leakless = True
    if leakless:  # a level that only the links can make
        for j in range(live):
            bits = max(bits, p.part.lost_bits[s.lists.live_parts[j]])
        s.node.leakless[s.axis.node[a]] = 1
    s.axis.lost_bits[a] = bits
    s.axis.surprise[a] = p.node.surprise[s.axis.node[a]] if s.axis.terminal[a] >= 0 else 0
    first = s.axis.sums[a] = take_cells(s, card)
    if first < 0:
        return False
    cells = double_doubles(s.cells)
    sum_ = zero8(cells)
    for level in range(card):
        sum_ = sum_ + load8(s.cells, start + level)
        store8(cells, first + level, sum_)
    if s.axis.terminal[a] >= 0:
        weigh_sums(s, first, s.axis.terminal[a], card)
        return True
    return add_meaning(s, a)


def lost_bits(s: Scratch, start: int, card: int) -> int:
    """Bits of the smallest ratio of a level's mass to the mass up to it; zeros do not count."""
    smallest = 1.0
    for lane in range(LANES):
        below = s.cells[LANES * start + lane]
        for level in range(1, card):
            here = s.cells[LANES * (start + level) + lane]
            if here > 0.0:
                smallest = min(smallest, here / (here + below))
            below += here
    return 1 - int(np.floor(np.log2(smallest)))


def accumulate(s: Scratch, t: int, a: int) -> None:
    """In place: a leaf's levels become cumulative sums."""
    card, stride = s.axis.card[a], stride_in(s, t, a)
    start, cells = s.table.start[t], double_doubles(s.cells)
    for o in range(s.table.size[t] // (card * stride)):
        for i in range(stride):
            place = start + o * card * stride + i
            sum_ = zero8(cells)
            for level in range(card):
                sum_ = sum_ + load8(s.cells, place + level * stride)
                store8(cells, place + level * stride, sum_)


def weigh_sums(s: Scratch, start: int, weights: int, card: int) -> None:
    """Weights w of levels become weights w[i] - w[i + 1] of cumulative sums."""
    cells = double_doubles(s.cells)
    for level in range(card):
        weight = load8(s.cells, weights + level)
        if level + 1 < card:
            weight = weight - load8(s.cells, weights + level + 1)
        store8(cells, start + level, load8(cells, start + level) * weight)


def add_meaning(s: Scratch, a: int) -> bool:
    """A leaf of signs that says which cumulative sums make each state of the axis' own node."""
    card = s.axis.card[a]
    node = s.node.axis[s.axis.node[a]]  # the node's axis comes before its intensity axis
    t = new_table(s, card * card)
    if s.table.start[t] < 0:
        return False
    put(s.table.scope[t], node)
    put(s.table.scope[t], a)
    s.table.form[t] = MEANING
    start = s.table.start[t]
    for state in range(card):
        level = card - 1 - state if s.axis.flip[a] != 0 else state
        for j in range(card):
            entry = 1.0 if j == level else (-1.0 if j == level - 1 else 0.0)
            store8(s.cells, start + state * card + j, splat8(entry))
    return True
