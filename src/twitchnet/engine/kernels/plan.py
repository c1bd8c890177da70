"""The plan of a record: its leaves, the order of elimination, the tape, and their cost.

A cheap record takes the first order by minimum degree; for an expensive one, more are tried.
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
    spend,
)
from twitchnet.engine.kernels.reduce import reduce_evidence
from twitchnet.engine.program import Ints

# 0.6: factor of the scores of intensity axes; at 1, more records need double-doubles
LEVELS_FIRST = 0.6
# 10,000 and 1,000: work above which an order without that factor is tried as well, the second if
# an intensity axis may lose many digits; lower, cheap records are ordered twice
PLAIN_ABOVE, LOSSY_ABOVE = 10_000.0, 1000.0
PLAIN_GAIN = 0.85  # share of the work below which that order is taken; at 1, digits for nothing


def plan(s: Scratch, order: Ints, trial: Ints) -> tuple[float, float]:
    """An order by degree and its tape; returns (work, cells stored).

    If there is no order, the work is that of its widest table, or infinite, and -1 cells are
    stored.
    """
    hopeless = order_by_degree(s, order, LEVELS_FIRST)
    if hopeless > 0.0:
        return hopeless, -1.0
    work, stored = write_buckets(s, order)
    if work > (LOSSY_ABOVE if has_lossy_level(s) else PLAIN_ABOVE):
        if order_by_degree(s, trial, 1.0) > 0.0:
            return work, stored
        other, other_stored = write_buckets(s, trial)
        if other < PLAIN_GAIN * work:
            copy_order(s, trial, order)
            return other, other_stored
        return write_buckets(s, order)
    return work, stored


def has_lossy_level(s: Scratch) -> bool:
    """Whether an intensity axis would lose too many digits of a double by a difference."""
    for a in range(s.counts[N_AXES]):
        if s.axis.kind[a] == LEVELS and s.axis.lost_bits[a] > MOST_LOST:
            return True
    return False


def planned(p: Packed, s: Scratch, known: int) -> tuple[float, float]:
    """Leaves and plan of a record; returns (work, cells stored).

    The work is infinite if the workspace is too small for the leaves; -1 cells are stored if
    there is no order (see ``plan``).  If ``known`` is not 0, the order of that many axes, named by
    ``name_order``, is kept.
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
        s.counts[N_SINGLETONS] = 0  # singleton axes are treated like all others
        return write_buckets(s, order)
    return plan(s, order, trial)


def name_of(s: Scratch, a: int) -> int:
    """An axis' name, the same in every pass: its node, and whether it runs over levels."""
    return int(2 * s.axis.node[a] + (1 if s.axis.kind[a] != STATES else 0))


def name_order(s: Scratch, order: Ints) -> int:
    """Replaces axes by their names, which stay when evidence is reduced again.

    Returns their number.
    """
    n = int(s.counts[N_AXES])
    for turn in range(n):
        order[turn] = name_of(s, order[turn])
    return n


def recall_order(s: Scratch, order: Ints, axis_of: Ints, n: int) -> bool:
    """Replaces names by axes again, without those that are gone; False if there are new ones."""
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


def search(s: Scratch, work: float, runs: int) -> tuple[float, float]:
    """Tries a number of orders by fill; returns the best (work, cells stored).

    An order that is kept from an earlier plan does not begin with the singleton axes; those that
    are found here do.
    """
    order, trial = s.lists.order, s.lists.trial
    singletons = s.counts[N_SINGLETONS]
    for run in range(runs):
        if not spend(s, 0):
            break
        if order_by_fill(s, trial, NOISE if run > 0 else 0.0, run):
            other, _ = write_buckets(s, trial)
            if other < work:
                work, singletons = other, s.counts[N_SINGLETONS]
                copy_order(s, trial, order)
    s.counts[N_SINGLETONS] = singletons
    return write_buckets(s, order)


def copy_order(s: Scratch, source: Ints, to: Ints) -> None:
    """Copies one order over another."""
    for i in range(s.counts[N_AXES]):
        to[i] = source[i]
