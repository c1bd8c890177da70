"""How a record is going to be computed: an order, and nodes to condition on.

Both are looked for as long as the record is worth it.  A cheap record takes the first order
and the nodes that couple most factors.  A dear one is planned once without any lanes, which
shows what its tables are made of, and then with those nodes that take most away from them.
"""

from __future__ import annotations

from math import log2

import numpy as np

from twitchnet.engine.buckets import write_buckets
from twitchnet.engine.conditioning import lanes_of, set_lanes
from twitchnet.engine.decode import decode
from twitchnet.engine.lanes import LANES
from twitchnet.engine.layout import (
    BACK,
    CARD,
    CARD_AT,
    COUNT,
    KIND,
    N_AXES,
    N_LEAVES,
    N_TABLES,
    NODE,
    SCOPE,
    SCORE,
    SIZE,
    SPARE,
    STATES,
    UNFIT,
    V_CARD,
    Packed,
    Scratch,
    list_axes,
)
from twitchnet.engine.program import Ints
from twitchnet.engine.tape import (
    INFINITE,
    mark_axes,
    noise_of,
    order_by_degree,
    order_by_price,
    searches,
    size_of,
    write_tape,
)

CHOOSE_ABOVE = 20.0  # work, by the square of the number of axes, which a plan costs
CHOOSE_GAIN = 0.85  # other lanes may lose more digits, and send more records to the positive form
HASTE = 0.6  # level axes are closed sooner by this, where that costs little
PLAIN_ABOVE, PLAIN_GAIN = 1000.0, 0.85  # work from which, and gain by which, it costs much


def plan(s: Scratch, order: Ints, trial: Ints, products: bool) -> tuple[float, float]:
    """An order by degree and the tape of its form; returns (work, cells stored)."""
    mark_axes(s)
    if not products:
        for t in range(s.n[COUNT, N_LEAVES]):
            s.n[SIZE, t] = int(size_of(s, 4 * t + SCOPE))
    order_by_degree(s, order, HASTE if products else 1.0)
    work, stored = write(s, order, products)
    if products and work > PLAIN_ABOVE:
        order_by_degree(s, trial, 1.0)
        other, other_stored = write(s, trial, products)
        if other < PLAIN_GAIN * work:
            copy_order(s, trial, order)
            return other, other_stored
        return write(s, order, products)
    return work, stored


def planned(
    p: Packed, s: Scratch, wanted: Ints, lanes: int, credit: bool, products: bool
) -> tuple[float, float]:
    """Leaves and plan of a record; infinite work if the workspace is too small for its leaves."""
    if not decode(p, s, wanted, lanes, credit, products):
        s.n[COUNT, N_AXES] = 0
        return np.inf, np.inf
    s.n[COUNT, N_LEAVES] = s.n[COUNT, N_TABLES]
    return plan(s, s.n[SPARE + 14], s.n[SPARE + 15], products)


def search(
    s: Scratch, order: Ints, trial: Ints, work: float, products: bool
) -> tuple[float, float]:
    """Orders by price for a plan whose work is worth it; returns the better (work, stored)."""
    limit = INFINITE
    for run in range(searches(work)):
        found = order_by_price(s, trial, HASTE if products else 1.0, noise_of(run), run, limit)
        if found < 0.0:
            continue
        limit = min(limit, 1.2 * found)  # prices are close to the work, not equal to it
        other, _ = write(s, trial, products)
        if other < work:
            work = other
            copy_order(s, trial, order)
    return write(s, order, products)


def write(s: Scratch, order: Ints, products: bool) -> tuple[float, float]:
    """The tape of an order; returns (work, cells stored)."""
    if products:
        return write_buckets(s, order)
    work, stored, _ = write_tape(s, order)
    return work, stored


def copy_order(s: Scratch, source: Ints, to: Ints) -> None:
    """One order over another."""
    for i in range(s.n[COUNT, N_AXES]):
        to[i] = source[i]


def is_dear(s: Scratch, work: float) -> bool:
    """Whether choosing lanes anew, which takes two plans or three, is likely to pay."""
    return work > CHOOSE_ABOVE * float(s.n[COUNT, N_AXES]) ** 2


def choose_lanes(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    nodes: Ints,
    n: int,
    work: float,
    credit: bool,
    products: bool,
) -> tuple[int, float, float]:
    """Replaces the ``n`` nodes of the lanes where others make a plan of less than ``work``.

    Returns (number of nodes, work, cells stored) of the new plan, which has been made; or the
    old number and zeros, when leaves and plan have to be made anew.
    """
    others = s.n[SPARE + 11]
    set_lanes(p, s, nodes, 0)
    planned(p, s, wanted, 1, credit, products)
    m = pick_lanes(p, s, wanted, others, products)
    if not same_nodes(nodes, n, others, m):
        set_lanes(p, s, others, m)
        found, stored = planned(p, s, wanted, lanes_of(p, others, m), credit, products)
        if found < CHOOSE_GAIN * work and s.n[COUNT, UNFIT] == 0:
            for k in range(m):
                nodes[k] = others[k]
            return m, found, stored
    set_lanes(p, s, nodes, n)
    return n, 0.0, 0.0


def same_nodes(nodes: Ints, n: int, others: Ints, m: int) -> bool:
    """Whether two lists have the same nodes."""
    shared = 0
    for k in range(m):
        for i in range(n):
            if nodes[i] == others[k]:
                shared += 1
    return shared == n and n == m


def pick_lanes(p: Packed, s: Scratch, wanted: Ints, nodes: Ints, products: bool) -> int:
    """The nodes that take most work away from the plan at hand, at most 8 assignments.

    A node of c states that is conditioned on divides every table that holds it by c, and
    takes log2(c) of the three bits that the lanes have.
    """
    axes, score = s.n[SPARE + 0], s.f[SCORE + 0]
    n, lanes = 0, 1
    while lanes < LANES and s.n[COUNT, N_AXES] > 0:
        for a in range(s.n[COUNT, N_AXES]):
            score[a] = 0.0
        for row in range(s.n[COUNT, N_LEAVES], s.n[COUNT, N_TABLES]):
            count, cells = axes_of(s, row, axes, products)
            for i in range(count):
                v = s.n[NODE, axes[i]]
                for k in range(n):
                    if nodes[k] == v and s.n[KIND, axes[i]] == STATES:
                        cells /= float(s.n[CARD, axes[i]])
            for i in range(count):
                score[axes[i]] += cells
        best, top = -1, 0.0
        for a in range(s.n[COUNT, N_AXES]):
            v, card = s.n[NODE, a], s.n[CARD, a]
            if s.n[KIND, a] != STATES or wanted[v] == 2 or lanes * card > LANES:
                continue
            taken = False
            for k in range(n):
                taken = taken or nodes[k] == v
            gain = score[a] * (1.0 - 1.0 / card) / log2(float(card)) if card > 1 else 0.0
            if not taken and gain > top:
                best, top = v, gain
        if best < 0:
            break
        nodes[n] = best
        n += 1
        lanes *= p.n[V_CARD, best]
    return n


def axes_of(s: Scratch, row: int, axes: Ints, products: bool) -> tuple[int, float]:
    """The axes of the table that a row of the tape was made from, and its cells."""
    if not products:
        return list_axes(s, 4 * row + SCOPE, axes), float(s.n[SIZE, row])
    order, turn = s.n[SPARE + 14], row - s.n[COUNT, N_LEAVES]
    n = list_axes(s, 4 * row + BACK, axes)
    axes[n] = turn
    for i in range(n + 1):
        axes[i] = order[axes[i]]
    return n + 1, float(s.n[SIZE, row]) * s.n[CARD_AT, turn]
