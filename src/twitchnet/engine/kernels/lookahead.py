"""Which nodes should the lanes hold?  A search by the cost of whole plans.

``cutset.condition`` chooses by what the nodes couple, which costs next to nothing.  For an
expensive record, exchanges are planned too: a node of the lanes for one that most cells of the
plan depend on, or such a node beside the others where lanes are free.  An exchange is kept if
its plan is cheaper.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import LANES
from twitchnet.engine.kernels.cutset import cells_with, may_hold, set_lanes
from twitchnet.engine.kernels.layout import N_AXES, N_LANES, Packed, Scratch
from twitchnet.engine.kernels.ordering import INFINITE, spend
from twitchnet.engine.kernels.plan import planned, search
from twitchnet.engine.program import Ints

# 4e5: multiply-adds, in cells, from which exchanges are tried.  At half, 1-4 % less work is found
# on questionnaires, and those of few answers take a sixth longer.
LOOK_ABOVE = 4e5
WORK_PER_TRIAL = 1e5  # of work for each exchange that is tried; see above for half of it
MOST_TRIALS = 32  # exchanges for one record: 64 and 256 find no cheaper plans
CANDIDATES = 3  # nodes that are tried in each place: 4 find as much
GAIN = 0.9  # share of the work below which an exchange is kept: at 0.97, 5-9 % more work


def look_ahead(p: Packed, s: Scratch, work: float) -> tuple[float, float]:
    """Exchanges nodes of the lanes while plans become cheaper; returns (work, cells stored)."""
    nodes, candidates = s.lists.lane_nodes, s.lists.candidates
    n = count_nodes(p, s)
    trials = min(MOST_TRIALS, int(work / WORK_PER_TRIAL))
    best = plan_lanes(p, s, n)
    count, at = rank_candidates(p, s, candidates), 0
    while at < count * (n + 1) and trials > 0 and spend(s, 0):
        v, place = candidates[at // (n + 1)], at % (n + 1)
        at += 1
        before = nodes[place]
        nodes[place] = v
        length = max(n, place + 1)
        if assignments(p, nodes, length) <= LANES:
            trials -= 1
            here = plan_lanes(p, s, length)
            if here < GAIN * best:
                best, n, count, at = here, length, rank_candidates(p, s, candidates), 0
                continue
        nodes[place] = before
    s.counts[N_LANES] = assignments(p, nodes, n)
    set_lanes(p, s, nodes, n)
    return planned(p, s, 0)


def plan_lanes(p: Packed, s: Scratch, n: int) -> float:
    """The work of a plan with the first ``n`` lane nodes; ``INFINITE`` if there is none.

    It is that of the better of two orders: judged by orders of degree alone, 19 of 3,000 plans
    became costlier by the exchanges, one of them five times.
    """
    set_lanes(p, s, s.lists.lane_nodes, n)
    work, stored = planned(p, s, 0)
    if stored < 0.0 or not work < INFINITE:
        return INFINITE
    work, _ = search(s, work, 1)
    return work


def count_nodes(p: Packed, s: Scratch) -> int:
    """The number of nodes in the lanes."""
    n = 0
    while assignments(p, s.lists.lane_nodes, n) < s.counts[N_LANES]:
        n += 1
    return n


def assignments(p: Packed, nodes: Ints, n: int) -> int:
    """The number of assignments of the first ``n`` nodes."""
    product = 1
    for i in range(n):
        product *= p.node.card[nodes[i]]
    return product


def rank_candidates(p: Packed, s: Scratch, best: Ints) -> int:
    """Lists the nodes without which most cells of the plan would be gone; returns how many."""
    gone, n = s.axis.weight, 0
    for turn in range(s.counts[N_AXES]):
        a = s.lists.order[turn]
        gone[a] = 0.0
        if may_hold(p, s, a):
            gone[a] = cells_with(s, turn) * (1.0 - 1.0 / s.axis.card[a])
    for _ in range(CANDIDATES):
        most, top = 0.0, -1
        for a in range(s.counts[N_AXES]):
            if gone[a] > most:
                most, top = gone[a], a
        if top < 0:
            break
        best[n] = s.axis.node[top]
        gone[top] = 0.0
        n += 1
    return n
