"""What is conditioned on?

A hidden node by its states, or an observed max node by its *level*: P(evidence) is a signed sum
over levels of P(at most that level).  In each term the node's parts are independent factors, and
the term of the highest level does without the node altogether (see ``signs.py`` for what the
signs may cost).  So the findings that most causes speak of do not couple them.

Eight assignments fill the lanes of a cell and cost nothing.  A record whose tables do not fit
the workspace, or fast memory, has more conditioned on, in passes: nodes that most cells of its
plan are about, so that each pass is that much smaller in the same order.
"""

from __future__ import annotations

from math import log2

from twitchnet.engine.jit.lanes import LANES
from twitchnet.engine.kernels.layout import (
    CARD,
    COUNT,
    CUT,
    FIXED,
    IS_SOFT,
    KEEP,
    KIND,
    LANE,
    N_AXES,
    N_LEAVES,
    N_TABLES,
    NODE,
    P_COUNT,
    P_CREDIT,
    P_LONE,
    P_SCOPE,
    SCOPE,
    SCOPE_NODE,
    SILENT,
    SIZE,
    SPARE,
    STATES,
    V_CARD,
    V_LOOSE,
    V_MAX,
    V_PARTS,
    Packed,
    Scratch,
    has,
)
from twitchnet.engine.kernels.ordering import FAINT, spend
from twitchnet.engine.kernels.signs import least_share
from twitchnet.engine.program import Ints

GROWTH = 0.12  # how much of a doubling of the work a doubling of passes may cost, where it is
MOST_GROWTH = 0.5  # for faster memory alone, and where tables do not fit otherwise
FEWEST_USES = 4  # an unknown modifier of fewer parts stays an ordinary variable


def count_uses(p: Packed, s: Scratch, uses: Ints, links: Ints) -> None:
    """How many parts each hidden node modifies or heads, and how many factors it couples.

    An observed max node, unless at its lowest level, counts like a node that its parts couple.
    """
    for v in range(p.n[P_COUNT, 0]):
        uses[v] = links[v] = 0
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0 or (s.n[SILENT, v] != 0 and p.n[V_LOOSE, v] != 0):
            continue
        heard = 1 - s.n[SILENT, v]
        counts = heard * p.n[V_MAX, v]
        if s.n[FIXED, v] != 1 or s.n[IS_SOFT, v] != 0 or s.n[CUT, v] != 0:
            counts = 0
        for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
            u = p.n[P_LONE, part]
            if u >= 0:
                hidden = 1 if s.n[FIXED, u] == 0 else 0
                links[v] += counts * hidden
                uses[u] += hidden if p.n[P_CREDIT, part] < 0 else 0
                links[u] += heard * hidden
                continue
            free = 0
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                free += s.n[FIXED, p.n[SCOPE_NODE, i]] == 0
            if free == 0:
                continue
            links[v] += counts
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                u = p.n[SCOPE_NODE, i]
                if s.n[FIXED, u] == 0:
                    uses[u] += free > 1 or p.n[P_CREDIT, part] < 0
                    links[u] += 1 if free > 1 else heard


def may_cut(p: Packed, s: Scratch, v: int) -> bool:
    """Whether the level of an observed node may be conditioned on: few digits may cancel."""
    return least_share(p, s, v) * 2.0**FAINT >= 2.0


def condition(p: Packed, s: Scratch, wanted: Ints, nodes: Ints) -> int:
    """Chooses the nodes of the lanes, at most 8 assignments; returns how many.

    Unknown modifiers come first (age and sex, typically), then what couples most factors, a
    hidden node by its states or an observed max node by its level: lanes cost nothing, so they
    are always filled.
    """
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, uses, links)
    n, lanes = 0, 1
    for sort in range(2):
        scores = uses if sort == 0 else links
        while lanes < LANES:
            best, most = -1, FEWEST_USES - 1 if sort == 0 else 1
            for v in range(p.n[P_COUNT, 0]):
                if scores[v] <= most:
                    continue
                if s.n[FIXED, v] >= 2 or s.n[CUT, v] != 0 or wanted[v] == 2:
                    continue
                if lanes * p.n[V_CARD, v] <= LANES:
                    best, most = v, scores[v]
            if best < 0:
                break
            if s.n[FIXED, best] == 1:
                if not may_cut(p, s, best):
                    links[best] = 0
                    continue
                s.n[CUT, best] = 2
            else:
                s.n[FIXED, best] = 2  # not to be chosen again
            nodes[n] = best
            n += 1
            lanes *= p.n[V_CARD, best]
    set_lanes(p, s, nodes, n)
    return n


def set_lanes(p: Packed, s: Scratch, nodes: Ints, n: int) -> None:
    """Conditions on some nodes and no others: one assignment to a lane."""
    for v in range(p.n[P_COUNT, 0]):
        if s.n[FIXED, v] == 2:
            s.n[FIXED, v] = 0
        s.n[CUT, v] = 0
    digit = 1
    for k in range(n):
        v = nodes[k]
        s.n[CUT if s.n[FIXED, v] == 1 else FIXED, v] = 2
        for lane in range(LANES):
            s.n[LANE + lane, v] = lane // digit % p.n[V_CARD, v]
        digit *= p.n[V_CARD, v]


def lanes_of(p: Packed, nodes: Ints, n: int) -> int:
    """Number of assignments of some nodes."""
    lanes = 1
    for k in range(n):
        lanes *= p.n[V_CARD, nodes[k]]
    return lanes


def condition_more(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    order: Ints,
    enough: float,
    better: float,
) -> int:
    """Conditions, in passes, on the nodes that most cells of a plan are about.

    Until it would take ``enough`` of its cells, or ``better`` where passes cost little, if its
    order is kept.  Returns the number of passes: 1 if there is nothing worth it.
    """
    leaves, tables = s.n[COUNT, N_LEAVES], s.n[COUNT, N_TABLES]
    passes, whole = 1, 0.0
    for t in range(leaves, tables):
        whole += float(s.n[SIZE, t])
    size = whole
    while size > better * whole and spend(s, s.n[COUNT, N_AXES] * (tables - leaves)):
        best, least, left = -1, GROWTH if size <= enough * whole else MOST_GROWTH, size
        for turn in range(s.n[COUNT, N_AXES]):
            a = order[turn]
            v, card = s.n[NODE, a], float(s.n[CARD, a])
            if wanted[v] == 2 or s.n[CUT, v] != 0 or s.n[FIXED, v] >= 2:
                continue
            if s.n[KIND, a] != STATES and (
                s.n[FIXED, v] == 0 or s.n[IS_SOFT, v] != 0 or not may_cut(p, s, v)
            ):
                continue
            held = 0.0
            for t in range(leaves, tables):
                if has(s.m, 4 * t + SCOPE, turn):  # tables of the tape list their axes by turn
                    held += float(s.n[SIZE, t])
            after = size - held + held / card
            growth = log2(card * after / size) / log2(card)
            if growth < least:
                best, least, left = turn, growth, after
        if best < 0:
            break
        a, size = order[best], left
        v = s.n[NODE, a]
        condition_in_passes(s, v)
        passes *= s.n[CARD, a]
        for t in range(leaves, tables):
            if has(s.m, 4 * t + SCOPE, best):
                s.n[SIZE, t] //= s.n[CARD, a]
    return passes


def leaves_fit(p: Packed, s: Scratch) -> bool:
    """Whether the workspace holds the leaves, by their sizes alone: none has been written yet.

    Only a program with more entries than there are cells is looked at.
    """
    room, size = len(s.cells) // (2 * LANES), 0
    if len(p.table) <= room:
        return True
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0:
            continue
        levels = s.n[FIXED, v] == 0 if p.n[V_MAX, v] == 0 else s.n[SILENT, v] + s.n[CUT, v] == 0
        for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
            axes, cells = (1, p.n[V_CARD, v]) if levels else (0, 1)
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                u = p.n[SCOPE_NODE, i]
                if s.n[FIXED, u] == 0:
                    axes, cells = axes + 1, cells * p.n[V_CARD, u]
            if axes > 1:
                size += cells
        if size > room:
            return False
    return True


def couple_less(p: Packed, s: Scratch, wanted: Ints) -> int:
    """Conditions, in passes, on the node that couples most factors; returns the passes, or 1."""
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, uses, links)
    while True:
        best = -1
        for v in range(p.n[P_COUNT, 0]):
            free = s.n[KEEP, v] != 0 and s.n[CUT, v] == 0 and wanted[v] != 2
            free = free and (s.n[FIXED, v] == 0 or (s.n[FIXED, v] == 1 and links[v] > 0))
            if free and (best < 0 or links[v] > links[best]):
                best = v
        if best < 0:
            return 1
        if s.n[FIXED, best] == 0 or may_cut(p, s, best):
            condition_in_passes(s, best)
            return int(p.n[V_CARD, best])
        links[best] = 0


def condition_in_passes(s: Scratch, v: int) -> None:
    """Conditions on a node, or on the level of an observed one: on the first, to begin with."""
    s.n[CUT if s.n[FIXED, v] == 1 else FIXED, v] = 3
    for lane in range(LANES):
        s.n[LANE + lane, v] = 0
