"""In which order a record is going to be computed.

A cheap record takes the first order by degree; a dear one is worth a search.
"""

from __future__ import annotations

import numpy as np

from twitchnet.engine.kernels.cutset import leaves_fit
from twitchnet.engine.kernels.fast.schedule import write_buckets
from twitchnet.engine.kernels.layout import (
    LEVELS,
    N_AXES,
    N_CELLS,
    N_LEAVES,
    N_SINGLETONS,
    N_TABLES,
    N_WORDS,
    STATES,
    STEPS,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.ordering import (
    MOST_LOST,
    NOISE,
    mark_axes,
    order_by_degree,
    order_by_fill,
    searches,
    spend,
)
from twitchnet.engine.kernels.reduce import reduce_evidence
from twitchnet.engine.program import Ints

HASTE = 0.6  # level axes are closed sooner by this, where that costs little
PLAIN_ABOVE, FAINT_ABOVE = 10_000.0, 1000.0  # work from which that may cost much; see ``urgency``
PLAIN_GAIN = 0.85  # and gain by which it does


def plan(s: Scratch, order: Ints, trial: Ints) -> tuple[float, float]:
    """An order by degree and its tape; returns (work, cells stored).

    Without an order there is nothing to store: the work is that of its widest table, or infinite.
    """
    hopeless = order_by_degree(s, order, HASTE)
    if hopeless > 0.0:
        return hopeless, -1.0
    work, stored = write_buckets(s, order)
    if work > (FAINT_ABOVE if has_faint(s) else PLAIN_ABOVE):
        if order_by_degree(s, trial, 1.0) > 0.0:
            return work, stored
        other, other_stored = write_buckets(s, trial)
        if other < PLAIN_GAIN * work:
            copy_order(s, trial, order)
            return other, other_stored
        return write_buckets(s, order)
    return work, stored


def has_faint(s: Scratch) -> bool:
    """Whether there are level axes that ordinary cells can only close without a difference."""
    for a in range(s.counts[N_AXES]):
        if s.axis.kind[a] == LEVELS and s.axis.lost_bits[a] > MOST_LOST:
            return True
    return False


def planned(p: Packed, s: Scratch, known: int) -> tuple[float, float]:
    """Leaves and plan of a record; infinite work if the workspace is too small for its leaves.

    Fewer than no cells are stored if there is no order, see ``plan``.

    The order of ``known`` axes (0: of none) is kept, if it was named before.
    """
    order, trial = s.lists.order, s.lists.trial
    s.counts[N_CELLS] = s.counts[N_TABLES] = s.counts[N_WORDS] = 0
    fits = leaves_fit(p, s) and reduce_evidence(p, s)
    s.counts[STEPS] += s.counts[N_CELLS] + s.counts[N_TABLES] * s.counts[N_WORDS]
    if not fits:
        s.counts[N_AXES] = 0
        return np.inf, np.inf
    s.counts[N_LEAVES] = s.counts[N_TABLES]
    mark_axes(s)
    if known > 0 and recall_order(s, order, trial, known):
        s.counts[N_SINGLETONS] = 0  # they had other numbers, and go the way of all others
        return write_buckets(s, order)
    return plan(s, order, trial)


def name_of(s: Scratch, a: int) -> int:
    """What an axis is called, whatever its number: its node, and whether it runs over levels."""
    return int(2 * s.axis.node[a] + (1 if s.axis.kind[a] != STATES else 0))


def name_order(s: Scratch, order: Ints) -> int:
    """Axes become names, which they have after the next decoding, too; returns how many."""
    n = int(s.counts[N_AXES])
    for turn in range(n):
        order[turn] = name_of(s, order[turn])
    return n


def recall_order(s: Scratch, order: Ints, axis_of: Ints, n: int) -> bool:
    """Names become axes again, without those that are no more; False if others came."""
    for i in range(n):
        axis_of[order[i]] = -1
    for a in range(s.counts[N_AXES]):
        axis_of[name_of(s, a)] = a
    k = 0
    for i in range(n):
        a = axis_of[order[i]]
        if a >= 0:
            order[k] = a
            k += 1
    return bool(k == s.counts[N_AXES])


def search(s: Scratch, work: float, passes: int) -> tuple[float, float]:
    """Orders by fill for a plan whose work is worth it; returns the better (work, stored)."""
    order, trial = s.lists.order, s.lists.trial
    for run in range(searches(work * passes)):
        if not spend(s, 0):
            break
        if order_by_fill(s, trial, NOISE if run > 0 else 0.0, run):
            other, _ = write_buckets(s, trial)
            if other < work:
                work = other
                copy_order(s, trial, order)
    return write_buckets(s, order)


def copy_order(s: Scratch, source: Ints, to: Ints) -> None:
    """One order over another."""
    for i in range(s.counts[N_AXES]):
        to[i] = source[i]
