"""Cutset conditioning: which nodes are conditioned on, in lanes and in passes.

A hidden node is conditioned on by its states, an observed noisy-max node by its *level*:
P(evidence) is a signed sum over levels of P(at most that level).  In each term the node's
parts are independent factors, and in the term of the highest level they are all 1 (see
``signs.py`` for what the signs may cost).  So a finding of many causes does not couple them.

Eight assignments fill the lanes of a cell and cost nothing.  A record whose tables do not fit
the workspace, or fast memory, is conditioned on further nodes in passes: those that most
cells of its plan depend on, so that each pass is smaller by almost their number of states.
"""

from __future__ import annotations

from math import log2

from twitchnet.engine.jit.lanes import LANES
from twitchnet.engine.kernels.layout import (
    BY_LANE,
    BY_PASS,
    COLUMN,
    HIDDEN,
    N_AXES,
    N_LEAVES,
    N_TABLES,
    OBSERVED,
    STATES,
    Packed,
    Scratch,
    has,
)
from twitchnet.engine.kernels.leaves import hidden_in
from twitchnet.engine.kernels.ordering import MOST_LOST, spend
from twitchnet.engine.kernels.signs import least_share
from twitchnet.engine.program import Ints

# 0.12 and 0.5: doublings of the work that a doubling of the passes may cost, if it is only for
# fast memory, and if tables do not fit the workspace.  At more, passes cost what memory saves.
GROWTH, MOST_GROWTH = 0.12, 0.5
FEWEST_USES = 4  # parts: an unknown modifier of fewer leaves its lanes to nodes that couple more


def count_uses(p: Packed, s: Scratch, uses: Ints, links: Ints) -> None:
    """Counts the parts that each hidden node modifies or heads, and the factors that it couples.

    An observed noisy-max node above its lowest level counts like a node that its parts couple.
    """
    for v in range(len(p.node.card)):
        uses[v] = links[v] = 0
    for v in range(len(p.node.card)):
        if s.node.needed[v] == 0 or (s.node.silent[v] != 0 and p.node.loose[v] != 0):
            continue
        heard = 1 - s.node.silent[v]
        counts = heard * p.node.is_max[v]
        if s.node.fixed[v] != OBSERVED or s.node.is_soft[v] != 0 or s.node.level_fixed[v] != 0:
            counts = 0
        for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
            u = p.part.singleton[part]
            if u >= 0:
                hidden = 1 if s.node.fixed[u] == HIDDEN else 0
                links[v] += counts * hidden
                uses[u] += hidden if p.part.target[part] < 0 else 0
                links[u] += heard * hidden
                continue
            free = hidden_in(p, s, part)
            if free == 0:
                continue
            links[v] += counts
            for i in range(p.part.scope_first[part], p.part.scope_first[part + 1]):
                u = p.scope[i]
                if s.node.fixed[u] == HIDDEN:
                    uses[u] += free > 1 or p.part.target[part] < 0
                    links[u] += 1 if free > 1 else heard


def may_condition(s: Scratch, v: int) -> bool:
    """Whether a node is neither conditioned on already nor one that must stay a variable."""
    fixed = s.node.fixed[v] >= BY_LANE or s.node.level_fixed[v] != 0
    return not fixed and s.node.wanted[v] != COLUMN


def may_fix_level(p: Packed, s: Scratch, v: int) -> bool:
    """Whether few enough digits can cancel to condition on the level of an observed node."""
    return least_share(p, s, v) * 2.0**MOST_LOST >= 2.0


def condition(p: Packed, s: Scratch) -> int:
    """Chooses the nodes of the lanes; returns the number of their assignments, at most 8.

    Unknown modifiers come first (age and sex, typically), then the nodes that couple most
    factors, hidden ones by their states and observed noisy-max nodes by their level.  Lanes cost
    nothing, so as many as possible are used.
    """
    uses, links, nodes = s.lists.uses, s.lists.links, s.lists.lane_nodes
    count_uses(p, s, uses, links)
    n, lanes = 0, 1
    for sort in range(2):
        scores = uses if sort == 0 else links
        while lanes < LANES:
            best, most = -1, FEWEST_USES - 1 if sort == 0 else 1
            for v in range(len(p.node.card)):
                if scores[v] <= most:
                    continue
                if not may_condition(s, v):
                    continue
                if lanes * p.node.card[v] <= LANES:
                    best, most = v, scores[v]
            if best < 0:
                break
            if s.node.fixed[best] == OBSERVED:
                if not may_fix_level(p, s, best):
                    links[best] = 0
                    continue
                s.node.level_fixed[best] = BY_LANE
            else:
                s.node.fixed[best] = BY_LANE  # so that it is not chosen again
            nodes[n] = best
            n += 1
            lanes *= p.node.card[best]
    set_lanes(p, s, nodes, n)
    return lanes


def set_lanes(p: Packed, s: Scratch, nodes: Ints, n: int) -> None:
    """Conditions on some nodes in lanes and on no others: each lane has one assignment."""
    for v in range(len(p.node.card)):
        if s.node.fixed[v] == BY_LANE:
            s.node.fixed[v] = HIDDEN
        s.node.level_fixed[v] = 0
    digit = 1
    for k in range(n):
        v = nodes[k]
        if s.node.fixed[v] == OBSERVED:
            s.node.level_fixed[v] = BY_LANE
        else:
            s.node.fixed[v] = BY_LANE
        for lane in range(LANES):
            s.node.lane[lane, v] = lane // digit % p.node.card[v]
        digit *= p.node.card[v]


def condition_more(p: Packed, s: Scratch, enough: float, better: float) -> int:
    """Conditions, in passes, on the nodes that most cells of a plan depend on.

    Continues until a pass has the share ``enough`` of the cells, or, where passes cost little,
    the share ``better``.  Returns the number of passes: 1 if none is worth its cost.
    """
    order, leaves, tables = s.lists.order, s.counts[N_LEAVES], s.counts[N_TABLES]
    passes, whole = 1, 0.0
    for t in range(leaves, tables):
        whole += float(s.table.size[t])
    size = whole
    while size > better * whole and spend(s, s.counts[N_AXES] * (tables - leaves)):
        best, least, left = -1, GROWTH if size <= enough * whole else MOST_GROWTH, size
        for turn in range(s.counts[N_AXES]):
            a = order[turn]
            card = float(s.axis.card[a])
            if not may_hold(p, s, a):
                continue
            held = cells_with(s, turn)
            after = size - held + held / card
            growth = log2(card * after / size) / log2(card)
            if growth < least:
                best, least, left = turn, growth, after
        if best < 0:
            break
        a, size = order[best], left
        v = s.axis.node[a]
        condition_in_passes(s, v)
        passes *= s.axis.card[a]
        for t in range(leaves, tables):
            if has(s.table.scope[t], best):
                s.table.size[t] //= s.axis.card[a]
    return passes


def may_hold(p: Packed, s: Scratch, a: int) -> bool:
    """Whether the node of an axis may be conditioned on, by what the axis runs over."""
    v = s.axis.node[a]
    if not may_condition(s, v):
        return False
    observed = s.node.fixed[v] != HIDDEN and s.node.is_soft[v] == 0
    return bool(s.axis.kind[a] == STATES or (observed and may_fix_level(p, s, v)))


def cells_with(s: Scratch, turn: int) -> float:
    """Cells of the plan's results that hold the axis of a turn."""
    held = 0.0
    for t in range(s.counts[N_LEAVES], s.counts[N_TABLES]):
        if has(s.table.scope[t], turn):  # results list their axes by turn
            held += float(s.table.size[t])
    return held


def leaves_fit(p: Packed, s: Scratch) -> bool:
    """Whether the workspace holds the leaves, judged by their sizes before any is written.

    Only a program with more entries than the workspace has cells is checked.
    """
    room, size = len(s.cells) // (2 * LANES), 0
    if len(p.table) <= room:
        return True
    for v in range(len(p.node.card)):
        if s.node.needed[v] == 0:
            continue
        levels = (
            s.node.fixed[v] == HIDDEN
            if p.node.is_max[v] == 0
            else s.node.silent[v] + s.node.level_fixed[v] == 0
        )
        for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
            axes, cells = (1, p.node.card[v]) if levels else (0, 1)
            for i in range(p.part.scope_first[part], p.part.scope_first[part + 1]):
                u = p.scope[i]
                if s.node.fixed[u] == HIDDEN:
                    axes, cells = axes + 1, cells * p.node.card[u]
            if axes > 1:
                size += cells
        if size > room:
            return False
    return True


def couple_less(p: Packed, s: Scratch) -> int:
    """Conditions, in passes, on the node that couples most factors; returns the passes, or 1."""
    uses, links = s.lists.uses, s.lists.links
    count_uses(p, s, uses, links)
    while True:
        best = -1
        for v in range(len(p.node.card)):
            free = s.node.needed[v] != 0 and may_condition(s, v)
            free = free and (s.node.fixed[v] == HIDDEN or links[v] > 0)
            if free and (best < 0 or links[v] > links[best]):
                best = v
        if best < 0:
            return 1
        if s.node.fixed[best] == HIDDEN or may_fix_level(p, s, best):
            condition_in_passes(s, best)
            return int(p.node.card[best])
        links[best] = 0


def condition_in_passes(s: Scratch, v: int) -> None:
    """Conditions on a node, or on the level of an observed one, beginning with the first."""
    if s.node.fixed[v] == OBSERVED:
        s.node.level_fixed[v] = BY_PASS
    else:
        s.node.fixed[v] = BY_PASS
    for lane in range(LANES):
        s.node.lane[lane, v] = 0
