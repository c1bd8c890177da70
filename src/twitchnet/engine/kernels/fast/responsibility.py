"""The responsibility of each link for each finding: which link produced which finding.

The responsibility of a link for a finding that was observed present, at level k, is
P(the link produced something, evidence).  Let p be the link's levels, U = p[0] + ... its
cumulative sums up to level k - 1 (``below``) and up to k (``upto``), and let the joint
probabilities of its parents' states be

* A with the evidence, and
* B with the evidence, but with the finding below level k.

Both contain the link's own factor.  The responsibility is the sum over the states of

    A (upto - p[0]) / upto + B (p[k] / upto) (p[0] / below).

Nothing is subtracted: ``upto - p[0]`` is a sum of levels.  A finding that is eliminated by
differences has cumulative masses: A + B up to level k, and -B.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, pair8, splat8, zero8
from twitchnet.engine.kernels.layout import (
    BY_LANE,
    CONSTANT,
    CUMULATIVE,
    OBSERVED,
    TARGET,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.leaves import stride_in
from twitchnet.engine.program import Floats


def add_responsibilities(p: Packed, s: Scratch, totals: Floats, result: int, factor: float) -> None:
    """Adds the responsibilities of the links of all targets, times ``factor``, to ``totals``.

    Called after ``sweep_back``, which leaves the joint probabilities; P(evidence) by lane is in
    cell ``result``.
    """
    for v in range(len(p.node.card)):
        if s.node.needed[v] == 0 or s.node.present[v] == 0:
            continue
        for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
            target = p.part.target[part]
            if target >= 0 and s.node.wanted[target] == TARGET:
                totals[target, v] += responsibility(p, s, v, part, result) * factor


def responsibility(p: Packed, s: Scratch, v: int, part: int, result: int) -> float:
    """That of one part for its owner, times P(evidence): a sum over the states of its nodes."""
    places = 1
    for i in range(p.part.scope_first[part], p.part.scope_first[part + 1]):
        places *= p.node.card[p.scope[i]]
    sum_ = 0.0
    for place in range(places):
        whole, more = shares(p, p.part.entry[part] + place, places, s.node.hard[v])
        if whole > 0.0:
            here, below = masses(p, s, v, part, place, result)
            sum_ += here * whole + below * more
    return sum_


def shares(p: Packed, at: int, step: int, level: int) -> tuple[float, float]:
    """The factors of A and B (see the head of this file), from the levels of a part."""
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
    """A and B (see the head of this file) at the states of the nodes that ``place`` encodes."""
    leaf, level, kind = s.lists.leaf[part], s.node.hard[v], s.node.mass_kind[v]
    mark = zero8(s.cells) + splat8(1.0)  # 1 in the lanes that have these states
    start = -1
    if leaf >= 0:
        start = s.table.start[leaf]
    for i in range(p.part.scope_first[part + 1] - 1, p.part.scope_first[part] - 1, -1):
        u = p.scope[i]
        state = place % p.node.card[u]
        place //= p.node.card[u]
        if s.node.fixed[u] == OBSERVED:
            if state != s.node.hard[u]:
                return 0.0, 0.0
        elif s.node.fixed[u] >= BY_LANE:
            mark = mark * load8(s.cells, s.node.marked[u] + state)
        elif leaf >= 0:
            start += state * stride_in(s, leaf, s.node.axis[u])
        else:
            start = s.table.start[1 + s.node.axis[u]] + state
    if s.node.level_fixed[v] != 0:  # each lane has one level
        kind = CUMULATIVE
        mark = mark * (load8(s.adjoint, start) if start >= 0 else load8(s.cells, result))
        below = mark * load8(s.cells, s.node.marked[v] + level - 1)
        here = mark * load8(s.cells, s.node.marked[v] + level)
    elif kind == CONSTANT:  # a factor of P(evidence)
        here = mark * load8(s.cells, result)
        below = here * load8(s.cells, s.node.mass[v])
    else:
        if start < 0:
            start = s.node.mass[v]
        below = mark * load8(s.adjoint, start + level - 1)
        here = mark * load8(s.adjoint, start + level)
    if kind == CUMULATIVE:
        high, _ = pair8(here + below)
        low, _ = pair8(below)
        return high, -low
    high, _ = pair8(here)
    low, _ = pair8(below)
    return high, low
