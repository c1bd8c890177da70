"""Which link produced which finding?

The responsibility of a link for a finding that was observed present, at level k, is
P(the link produced something, evidence).  With the link's levels p, its sums U = p[0] up to level
k - 1 and k, ``below`` and ``upto``, and the joint probabilities of its parents' states with

* the evidence, A, and
* the evidence, but with the finding below level k, B,

both of which hold the link's own factor, it is the sum over the states of

    A (upto - p[0]) / upto + B (p[k] / upto) (p[0] / below).

Nothing is subtracted: ``upto - p[0]`` is a sum of levels.  A finding that is closed by differences
has cumulative masses: ``upto`` k, which is A + B, and -B.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, pair8, splat8, zero8
from twitchnet.engine.kernels.layout import (
    CONSTANT,
    CUMULATIVE,
    CUT,
    FIXED,
    HARD,
    KEEP,
    LEAF,
    LOCAL,
    MARKED,
    MASS,
    MASSES,
    P_COUNT,
    P_CREDIT,
    P_ENTRY,
    P_SCOPE,
    PRESENT,
    SCOPE_NODE,
    START,
    V_CARD,
    V_PARTS,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.leaves import stride_in
from twitchnet.engine.program import Floats, Ints


def add_responsibilities(
    p: Packed, s: Scratch, wanted: Ints, accounts: Floats, result: int, factor: float
) -> None:
    """Adds those of all links of targets, times ``factor``, to ``accounts``.

    After ``sweep_back``, which leaves the masses; P(evidence) by lane is in cell ``result``.
    """
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0 or s.n[PRESENT, v] == 0:
            continue
        for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
            target = p.n[P_CREDIT, part]
            if target >= 0 and wanted[target] == 1:
                accounts[target, v] += responsibility(p, s, v, part, result) * factor


def responsibility(p: Packed, s: Scratch, v: int, part: int, result: int) -> float:
    """That of one part for its owner, times P(evidence): a sum over the states of its nodes."""
    places = 1
    for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
        places *= p.n[V_CARD, p.n[SCOPE_NODE, i]]
    sum_ = 0.0
    for place in range(places):
        whole, more = shares(p, p.n[P_ENTRY, part] + place, places, s.n[HARD, v])
        if whole > 0.0:
            here, below = masses(p, s, v, part, place, result)
            sum_ += here * whole + below * more
    return sum_


def shares(p: Packed, at: int, step: int, level: int) -> tuple[float, float]:
    """What A and B are multiplied by, see above, from the levels of a part."""
    silent = p.table[at]
    made = 0.0
    for lower in range(1, level):
        made += p.table[at + lower * step]
    below, here = silent + made, p.table[at + level * step]
    upto = below + here
    if upto == 0.0:
        return 0.0, 0.0
    return (made + here) / upto, here / upto * (silent / below) if below > 0.0 else 0.0


def masses(
    p: Packed, s: Scratch, v: int, part: int, place: int, result: int
) -> tuple[float, float]:
    """A and B, see above, at the states of a part's nodes that ``place`` stands for."""
    leaf, level, kind = s.n[LEAF, part], s.n[HARD, v], s.n[MASSES, v]
    mark = zero8(s.cells) + splat8(1.0)  # the lanes that have these states
    start = -1
    if leaf >= 0:
        start = s.n[START, leaf]
    for i in range(p.n[P_SCOPE, part + 1] - 1, p.n[P_SCOPE, part] - 1, -1):
        u = p.n[SCOPE_NODE, i]
        state = place % p.n[V_CARD, u]
        place //= p.n[V_CARD, u]
        if s.n[FIXED, u] == 1:
            if state != s.n[HARD, u]:
                return 0.0, 0.0
        elif s.n[FIXED, u] >= 2:
            mark = mark * load8(s.cells, s.n[MARKED, u] + state)
        elif leaf >= 0:
            start += state * stride_in(s, leaf, s.n[LOCAL, u])
        else:
            start = s.n[START, 1 + s.n[LOCAL, u]] + state
    if s.n[CUT, v] != 0:  # one level to a lane
        kind = CUMULATIVE
        mark = mark * (load8(s.adjoint, start) if start >= 0 else load8(s.cells, result))
        below = mark * load8(s.cells, s.n[MARKED, v] + level - 1)
        here = mark * load8(s.cells, s.n[MARKED, v] + level)
    elif kind == CONSTANT:  # a factor of P(evidence)
        here = mark * load8(s.cells, result)
        below = here * load8(s.cells, s.n[MASS, v])
    else:
        if start < 0:
            start = s.n[MASS, v]
        below = mark * load8(s.adjoint, start + level - 1)
        here = mark * load8(s.adjoint, start + level)
    if kind == CUMULATIVE:
        high, _ = pair8(here + below)
        low, _ = pair8(below)
        return high, -low
    high, _ = pair8(here)
    low, _ = pair8(below)
    return high, low
