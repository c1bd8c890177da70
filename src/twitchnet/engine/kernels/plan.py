"""In which order a record is going to be computed.

A cheap record takes the first order by degree; a dear one is worth a search.
"""

from __future__ import annotations

import numpy as np

from twitchnet.engine.kernels.cutset import leaves_fit
from twitchnet.engine.kernels.fast.schedule import write_buckets
from twitchnet.engine.kernels.layout import (
    BITS_LOST,
    COUNT,
    KIND,
    LEVELS,
    N_AXES,
    N_CELLS,
    N_LEAVES,
    N_LONE,
    N_TABLES,
    N_WORDS,
    NODE,
    SPARE,
    STATES,
    STEPS,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.ordering import (
    FAINT,
    NOISE,
    mark_axes,
    order_by_degree,
    order_by_fill,
    searches,
    spend,
)
from twitchnet.engine.kernels.reduce import decode
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
    for a in range(s.n[COUNT, N_AXES]):
        if s.n[KIND, a] == LEVELS and s.n[BITS_LOST, a] > FAINT:
            return True
    return False


def planned(p: Packed, s: Scratch, lanes: int, credit: bool, known: int) -> tuple[float, float]:
    """Leaves and plan of a record; infinite work if the workspace is too small for its leaves.

    Fewer than no cells are stored if there is no order, see ``plan``.

    The order of ``known`` axes (0: of none) is kept, if it was named before.
    """
    order, trial = s.n[SPARE + 14], s.n[SPARE + 15]
    s.n[COUNT, N_CELLS] = s.n[COUNT, N_TABLES] = s.n[COUNT, N_WORDS] = 0
    fits = leaves_fit(p, s) and decode(p, s, lanes, credit)
    s.n[COUNT, STEPS] += s.n[COUNT, N_CELLS] + s.n[COUNT, N_TABLES] * s.n[COUNT, N_WORDS]
    if not fits:
        s.n[COUNT, N_AXES] = 0
        return np.inf, np.inf
    s.n[COUNT, N_LEAVES] = s.n[COUNT, N_TABLES]
    mark_axes(s)
    if known > 0 and recall_order(s, order, trial, known):
        s.n[COUNT, N_LONE] = 0  # they had other numbers, and go the way of all others
        return write_buckets(s, order)
    return plan(s, order, trial)


def name_of(s: Scratch, a: int) -> int:
    """What an axis is called, whatever its number: its node, and whether it runs over levels."""
    return int(2 * s.n[NODE, a] + (1 if s.n[KIND, a] != STATES else 0))


def name_order(s: Scratch, order: Ints) -> int:
    """Axes become names, which they have after the next decoding, too; returns how many."""
    n = int(s.n[COUNT, N_AXES])
    for turn in range(n):
        order[turn] = name_of(s, order[turn])
    return n


def recall_order(s: Scratch, order: Ints, axis_of: Ints, n: int) -> bool:
    """Names become axes again, without those that are no more; False if others came."""
    for i in range(n):
        axis_of[order[i]] = -1
    for a in range(s.n[COUNT, N_AXES]):
        axis_of[name_of(s, a)] = a
    k = 0
    for i in range(n):
        a = axis_of[order[i]]
        if a >= 0:
            order[k] = a
            k += 1
    return bool(k == s.n[COUNT, N_AXES])


def search(s: Scratch, order: Ints, trial: Ints, work: float, passes: int) -> tuple[float, float]:
    """Orders by fill for a plan whose work is worth it; returns the better (work, stored)."""
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
    for i in range(s.n[COUNT, N_AXES]):
        to[i] = source[i]
