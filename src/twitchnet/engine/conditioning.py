"""What is conditioned on?

A hidden node by its states, or an observed max node by its *level*: P(evidence) is a signed sum
over levels of P(at most that level).  In each term the node's parts are independent factors, and
the term of the highest level does without the node altogether (see ``signs.py`` for what the
signs may cost).  So the findings that most causes speak of do not couple them.

Eight assignments fill the lanes of a cell and cost nothing.  A record whose tables do not
fit the workspace has more conditioned on, in passes.
"""

from __future__ import annotations

from twitchnet.engine.lanes import LANES
from twitchnet.engine.layout import (
    CUT,
    FIXED,
    IS_SOFT,
    KEEP,
    LANE,
    P_COUNT,
    P_CREDIT,
    P_LONE,
    P_SCOPE,
    SCOPE_NODE,
    SILENT,
    SPARE,
    V_CARD,
    V_MAX,
    V_PARTS,
    Packed,
    Scratch,
)
from twitchnet.engine.program import Ints
from twitchnet.engine.signs import SIGNED_LOSS, least_share
from twitchnet.engine.tape import FAINT

FEWEST_USES = 4  # an unknown modifier of fewer parts stays an ordinary variable


def count_uses(p: Packed, s: Scratch, uses: Ints, links: Ints) -> None:
    """How many parts each hidden node modifies or heads, and how many factors it couples.

    An observed max node, unless at its lowest level, counts like a node that its parts couple.
    """
    for v in range(p.n[P_COUNT, 0]):
        uses[v] = links[v] = 0
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0:
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


def cut_share(p: Packed, s: Scratch, v: int, credit: bool, products: bool, loss: float) -> float:
    """``least_share`` of a node whose level may be conditioned on; 0 if it may not.

    ``loss`` is the factor of accuracy that others may cost already, in the positive form.
    """
    if credit and p.n[V_CARD, v] != 2:
        return 0.0
    share = least_share(p, s, v)
    return share if 2.0 * loss <= share * (2.0**FAINT if products else SIGNED_LOSS) else 0.0


def condition(
    p: Packed, s: Scratch, wanted: Ints, nodes: Ints, credit: bool, products: bool
) -> int:
    """Chooses the nodes of the lanes, at most 8 assignments; returns how many.

    Unknown modifiers come first (age and sex, typically), then what couples most factors, a
    hidden node by its states or an observed max node by its level: lanes cost nothing, so they
    are always filled.
    """
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, uses, links)
    n, lanes, loss = 0, 1, 1.0
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
                share = cut_share(p, s, best, credit, products, loss)
                if share == 0.0:
                    links[best] = 0
                    continue
                loss *= 1.0 if products else 2.0 / share
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


def condition_more(p: Packed, s: Scratch, wanted: Ints, credit: bool, products: bool) -> int:
    """The node that couples most factors, or -1."""
    uses, links = s.n[SPARE + 0], s.n[SPARE + 1]
    count_uses(p, s, uses, links)
    loss = 1.0
    for v in range(p.n[P_COUNT, 0]):
        if s.n[CUT, v] != 0 and not products:
            loss *= 2.0 / least_share(p, s, v)
    while True:
        best = -1
        for v in range(p.n[P_COUNT, 0]):
            free = s.n[KEEP, v] != 0 and s.n[CUT, v] == 0 and wanted[v] != 2
            free = free and (s.n[FIXED, v] == 0 or (s.n[FIXED, v] == 1 and links[v] > 0))
            if free and (best < 0 or links[v] > links[best]):
                best = v
        if best < 0 or s.n[FIXED, best] == 0 or cut_share(p, s, best, credit, products, loss) > 0.0:
            return best
        links[best] = 0
