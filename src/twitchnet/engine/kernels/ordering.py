"""The order in which axes are eliminated.  Plain loops over bit masks.

Two greedy orders on the graph of axes that share a table: by minimum degree (the axis
whose neighbours make the smallest table), which takes microseconds, and by weighted minimum
fill (the axis that makes the fewest new neighbours), which is slower, and is repeated with
perturbed scores while the work of the best order so far justifies it.

``fast/schedule.py`` writes the tape of an order, and counts its exact cost.

Everything is deterministic: ties go to the lowest axis, perturbation comes from a fixed
linear congruential sequence.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import BITS, lowest, popcount, single
from twitchnet.engine.kernels.layout import (
    BINARY,
    N_AXES,
    N_LEAVES,
    N_ROWS,
    N_SINGLETONS,
    N_WORDS,
    STATES,
    STEPS,
    Scratch,
    drop,
    list_axes,
    power,
    put,
)
from twitchnet.engine.program import Ints

# 1e5: multiply-adds, in cells, from which orders are searched.  Cheaper records are computed in
# less time than a search takes.
SEARCH_ABOVE = 1e5
WORK_PER_RUN = 2e5  # of work for each order that is tried: at half, 1-4 % less work is found
MOST_RUNS = 256  # orders for one plan: more find little, and take seconds on the widest records
MOST_LOST = 12  # bits that eliminating one axis by differences may lose: more cancel too often
NO_FILL = 0.5  # score of an axis that needs no fill edge: at 0, noise could not choose among them
NOISE = 2.0  # doublings of its score that a choice may overlook: 1.2 to 3.2 find much the same
INFINITE = 1e300  # work of a record for which no order was found
HOPELESS = 1e18  # cells of one table that end a search: no budget is as large
# 5e8: steps of planning for one form of a record, one or two nanoseconds each.  Loops over axes,
# tables and words of masks are counted, and not timed, so that all machines give the same answer.
MOST_STEPS = 5 * 10**8


def size_of(s: Scratch, mask: Ints) -> float:
    """Cells of a table over the axes of a mask (W,)."""
    n = 1.0
    for word in range(s.counts[N_WORDS]):
        m = mask[word]
        both = m & s.masks[BINARY, word]
        n *= power(popcount(both))
        rest = m & ~both
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            n *= float(s.axis.card[word * BITS + bit])
    return n


def mark_axes(s: Scratch) -> None:
    """Marks the axes of two states."""
    for word in range(s.counts[N_WORDS]):
        s.masks[BINARY, word] = 0
    for a in range(s.counts[N_AXES]):
        if s.axis.card[a] == 2:
            put(s.masks[BINARY], a)


def level_factor(s: Scratch, a: int, levels_first: float) -> float:
    """What the score of an axis is multiplied by: ``levels_first`` below 1 for intensity axes.

    Eliminated while only leaves hold them, they lose no digits.  Those that would lose too many
    otherwise are eliminated first at almost any price.
    """
    if s.axis.kind[a] == STATES or levels_first == 1.0:
        return 1.0
    return levels_first if s.axis.lost_bits[a] <= MOST_LOST else 0.01 * levels_first


def spend(s: Scratch, steps: int) -> bool:
    """Counts steps of planning; whether any are left."""
    s.counts[STEPS] += steps
    return bool(s.counts[STEPS] <= MOST_STEPS)


def couple_axes(s: Scratch, order: Ints, rest: Ints) -> int:
    """Finds the neighbours of each axis: the axes that share a leaf with it, and itself.

    Singleton axes, without any other, are eliminated first (counts[N_SINGLETONS]; most causes of
    a record of few findings are).  The others are listed in ``rest``; returns their number.
    """
    n, words = s.counts[N_AXES], s.counts[N_WORDS]
    axes, coupled = s.lists.axes, s.lists.coupled
    for a in range(n):
        coupled[a] = 0
        for word in range(words):
            s.axis.near[a, word] = 0
    for t in range(s.counts[N_ROWS], s.counts[N_LEAVES]):
        k = list_axes(s, s.table.scope[t], axes)
        for i in range(k):
            for word in range(words):
                s.axis.near[axes[i], word] |= s.table.scope[t, word]
            coupled[axes[i]] = 1
        s.counts[STEPS] += (k + 1) * words
    lone = count = 0
    for a in range(n):
        if coupled[a] == 0:
            order[lone] = s.lists.singletons[lone] = a
            lone += 1
        else:
            rest[count] = a
            count += 1
    s.counts[N_SINGLETONS] = lone
    return count


def join_neighbours(s: Scratch, best: int, axes: Ints) -> int:
    """Eliminates an axis from the graph: its neighbours become neighbours of each other."""
    k = list_axes(s, s.axis.near[best], axes)
    for i in range(k):
        a = axes[i]
        if a != best:
            for word in range(s.counts[N_WORDS]):
                s.axis.near[a, word] |= s.axis.near[best, word]
            drop(s.axis.near[a], best)
    return k


def take_out(rest: Ints, at: int, count: int) -> int:
    """Removes one entry of a list; returns how many are left."""
    for i in range(at, count - 1):
        rest[i] = rest[i + 1]
    return count - 1


def order_by_degree(s: Scratch, order: Ints, levels_first: float) -> float:
    """Minimum degree, weighted by the number of states and by ``level_factor``.

    Returns 0, or what ended the search: the cells of a table that is ``HOPELESS``, or
    ``INFINITE`` when no steps were left.
    """
    n, words = s.counts[N_AXES], s.counts[N_WORDS]
    axes, rest = s.lists.axes, s.lists.rest
    weight, factor = s.axis.weight, s.axis.factor
    count = couple_axes(s, order, rest)
    for i in range(count):
        a = rest[i]
        factor[a] = level_factor(s, a, levels_first)
        weight[a] = size_of(s, s.axis.near[a]) * factor[a]
    for step in range(n - count, n):
        at, least = 0, weight[rest[0]]
        for i in range(1, count):
            here = weight[rest[i]]
            at, least = (i, here) if here < least else (at, least)
        best = rest[at]
        if least > HOPELESS * factor[best]:
            return least / factor[best]
        count = take_out(rest, at, count)
        order[step] = best
        k = join_neighbours(s, best, axes)
        for i in range(k):
            weight[axes[i]] = size_of(s, s.axis.near[axes[i]]) * factor[axes[i]]
        if not spend(s, 2 * count + 3 * k * words):
            return INFINITE
    return 0.0


def fill_of(s: Scratch, a: int) -> float:
    """Fill edges of an axis, each weighted by the product of the states of its two ends.

    These are the pairs of its neighbours that eliminating it makes neighbours of each other.
    """
    words, fill = s.counts[N_WORDS], 0.0
    for word in range(words):
        rest = s.axis.near[a, word]
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            u, ends = word * BITS + bit, 0.0
            for other in range(words):
                missing = s.axis.near[a, other] & ~s.axis.near[u, other]
                binary = missing & s.masks[BINARY, other]
                ends += 2.0 * popcount(binary)
                missing ^= binary
                while missing != 0:
                    bit = lowest(missing)
                    missing ^= single(bit)
                    ends += float(s.axis.card[other * BITS + bit])
            fill += ends * s.axis.card[u]
            s.counts[STEPS] += 2 * words
    return 0.5 * fill


def meet(s: Scratch, first: Ints, second: Ints) -> bool:
    """Whether two masks have an axis in common."""
    common = 0
    for word in range(s.counts[N_WORDS]):
        common |= first[word] & second[word]
    return common != 0


def order_by_fill(s: Scratch, order: Ints, noise: float, seed: int) -> bool:
    """Weighted minimum fill (Kjaerulff 1990), perturbed; False if there is no order.

    Each score is multiplied by 2 to the power of up to ``noise``, drawn anew for every choice.
    """
    n = s.counts[N_AXES]
    axes, rest, fill = s.lists.axes, s.lists.rest, s.axis.weight
    count = couple_axes(s, order, rest)
    for i in range(count):
        fill[rest[i]] = fill_of(s, rest[i])
    state = seed * 7919 + 1
    for step in range(n - count, n):
        at, least = 0, INFINITE
        for i in range(count):
            here = fill[rest[i]] + NO_FILL
            if noise > 0.0:
                state = (state * 1103515245 + 12345) % 2147483648
                here *= 2.0 ** (noise * state / 2147483648.0)
            if here < least:
                at, least = i, here
        best = rest[at]
        if size_of(s, s.axis.near[best]) > HOPELESS or not spend(s, 8 * count):
            return False
        count = take_out(rest, at, count)
        order[step] = best
        join_neighbours(s, best, axes)
        for i in range(count):
            if meet(s, s.axis.near[best], s.axis.near[rest[i]]):
                fill[rest[i]] = fill_of(s, rest[i])
    return True


def searches(work: float) -> int:
    """How many orders by fill are worth trying for a plan of this much work."""
    return min(MOST_RUNS, 1 + int(min(work, 1e15) / WORK_PER_RUN))
