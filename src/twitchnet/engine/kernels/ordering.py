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
    BITS_LOST,
    CARD,
    COUNT,
    KIND,
    LONE,
    N_AXES,
    N_LEAVES,
    N_LONE,
    N_ROWS,
    N_WORDS,
    NEAR,
    ONE,
    SCOPE,
    SCORE,
    SPARE,
    STATES,
    STEPS,
    Scratch,
    drop,
    list_axes,
    power,
    put,
)
from twitchnet.engine.program import Ints

SEARCH_ABOVE = 1e5  # work; cheaper records are done before a better order would be found
WORK_PER_RUN = 2e5  # one more perturbed order per so much work
MOST_RUNS = 256
FAINT = 12  # most bits that closing one axis by differences may lose,
NO_FILL = 0.5  # score of an axis that needs no fill edge: at 0, noise could not choose among them
NOISE = 2.0  # doublings of its score that a choice may overlook: 1.2 to 3.2 find much the same
INFINITE = 1e300
HOPELESS = 1e18  # cells of one table beyond which no order is looked for: no budget is as large
# Planning of one form of a record, in steps of one or two nanoseconds: loops over axes, tables
# and words of masks are counted, and no clock is asked, so that all machines agree.
MOST_STEPS = 5 * 10**8
BINARY = 0  # a single mask


def size_of(s: Scratch, row: int) -> float:
    """Cells of a table over the axes of a mask."""
    n = 1.0
    for word in range(s.n[COUNT, N_WORDS]):
        m = s.m[row, word]
        both = m & s.m[4 * BINARY + ONE, word]
        n *= power(popcount(both))
        rest = m & ~both
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            n *= float(s.n[CARD, word * BITS + bit])
    return n


def mark_axes(s: Scratch) -> None:
    """Which axes are binary."""
    for word in range(s.n[COUNT, N_WORDS]):
        s.m[4 * BINARY + ONE, word] = 0
    for a in range(s.n[COUNT, N_AXES]):
        if s.n[CARD, a] == 2:
            put(s.m, 4 * BINARY + ONE, a)


def urgency(s: Scratch, a: int, haste: float) -> float:
    """What the price of closing an axis is multiplied with: ``haste`` below 1 for axes of levels.

    The fast form closes them without loss while there are only leaves about them; those that
    it could not close otherwise go first at almost any price.
    """
    if s.n[KIND, a] == STATES or haste == 1.0:
        return 1.0
    return haste if s.n[BITS_LOST, a] <= FAINT else 0.01 * haste


def spend(s: Scratch, steps: int) -> bool:
    """Counts steps of planning; whether there are any left."""
    s.n[COUNT, STEPS] += steps
    return bool(s.n[COUNT, STEPS] <= MOST_STEPS)


def couple_axes(s: Scratch, order: Ints, rest: Ints) -> int:
    """The neighbours of each axis: the axes that share a leaf with it, and itself.

    Axes without any are eliminated first (N_LONE of them, as most causes of records with few
    findings); the others are listed in ``rest``.  Returns how many others there are.
    """
    n, words = s.n[COUNT, N_AXES], s.n[COUNT, N_WORDS]
    axes, coupled = s.n[SPARE + 0], s.n[SPARE + 2]
    for a in range(n):
        coupled[a] = 0
        for word in range(words):
            s.m[4 * a + NEAR, word] = 0
    for t in range(s.n[COUNT, N_ROWS], s.n[COUNT, N_LEAVES]):
        k = list_axes(s, 4 * t + SCOPE, axes)
        for i in range(k):
            for word in range(words):
                s.m[4 * axes[i] + NEAR, word] |= s.m[4 * t + SCOPE, word]
            coupled[axes[i]] = 1
        s.n[COUNT, STEPS] += (k + 1) * words
    lone = count = 0
    for a in range(n):
        if coupled[a] == 0:
            order[lone] = s.n[LONE, lone] = a
            lone += 1
        else:
            rest[count] = a
            count += 1
    s.n[COUNT, N_LONE] = lone
    return count


def join_neighbours(s: Scratch, best: int, axes: Ints) -> int:
    """Eliminates an axis from the graph: its neighbours become each other's; returns how many."""
    k = list_axes(s, 4 * best + NEAR, axes)
    for i in range(k):
        a = axes[i]
        if a != best:
            for word in range(s.n[COUNT, N_WORDS]):
                s.m[4 * a + NEAR, word] |= s.m[4 * best + NEAR, word]
            drop(s.m, 4 * a + NEAR, best)
    return k


def take_out(rest: Ints, at: int, count: int) -> int:
    """Removes one entry of a list; returns how many are left."""
    for i in range(at, count - 1):
        rest[i] = rest[i + 1]
    return count - 1


def order_by_degree(s: Scratch, order: Ints, haste: float) -> float:
    """Minimum degree, weighted by the number of states, and by ``urgency``.

    Returns 0, or else what ended the search: the cells of a table that is ``HOPELESS``, or
    ``INFINITE`` when no steps were left.
    """
    n, words = s.n[COUNT, N_AXES], s.n[COUNT, N_WORDS]
    axes, rest = s.n[SPARE + 0], s.n[SPARE + 1]
    weight, factor = s.f[SCORE + 0], s.f[SCORE + 1]
    count = couple_axes(s, order, rest)
    for i in range(count):
        a = rest[i]
        factor[a] = urgency(s, a, haste)
        weight[a] = size_of(s, 4 * a + NEAR) * factor[a]
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
            weight[axes[i]] = size_of(s, 4 * axes[i] + NEAR) * factor[axes[i]]
        if not spend(s, 2 * count + 3 * k * words):
            return INFINITE
    return 0.0


def fill_of(s: Scratch, a: int) -> float:
    """Fill edges of an axis, each weighted by the product of the states of its two ends.

    These are the pairs of its neighbours that eliminating it makes neighbours of each other.
    """
    words, fill = s.n[COUNT, N_WORDS], 0.0
    for word in range(words):
        rest = s.m[4 * a + NEAR, word]
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            u, ends = word * BITS + bit, 0.0
            for other in range(words):
                missing = s.m[4 * a + NEAR, other] & ~s.m[4 * u + NEAR, other]
                binary = missing & s.m[4 * BINARY + ONE, other]
                ends += 2.0 * popcount(binary)
                missing ^= binary
                while missing != 0:
                    bit = lowest(missing)
                    missing ^= single(bit)
                    ends += float(s.n[CARD, other * BITS + bit])
            fill += ends * s.n[CARD, u]
            s.n[COUNT, STEPS] += 2 * words
    return 0.5 * fill


def meet(s: Scratch, i: int, j: int) -> bool:
    """Whether two masks have an axis in common."""
    common = 0
    for word in range(s.n[COUNT, N_WORDS]):
        common |= s.m[i, word] & s.m[j, word]
    return common != 0


def order_by_fill(s: Scratch, order: Ints, noise: float, seed: int) -> bool:
    """Weighted minimum fill (Kjaerulff 1990), perturbed; False if there is no order.

    Each score is multiplied by 2 to the power of up to ``noise``, drawn anew for every choice.
    """
    n = s.n[COUNT, N_AXES]
    axes, rest, fill = s.n[SPARE + 0], s.n[SPARE + 1], s.f[SCORE + 0]
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
        if size_of(s, 4 * best + NEAR) > HOPELESS or not spend(s, 8 * count):
            return False
        count = take_out(rest, at, count)
        order[step] = best
        join_neighbours(s, best, axes)
        for i in range(count):
            if meet(s, 4 * best + NEAR, 4 * rest[i] + NEAR):
                fill[rest[i]] = fill_of(s, rest[i])
    return True


def searches(work: float) -> int:
    """How many orders by fill are worth trying for so much work."""
    return min(MOST_RUNS, 1 + int(min(work, 1e15) / WORK_PER_RUN))
