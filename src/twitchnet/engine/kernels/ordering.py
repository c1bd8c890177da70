"""In which order are axes closed, and what does it cost?  Plain loops over bit masks.

Two greedy orders: by degree (close the axis whose neighbours make the smallest table),
which takes microseconds, and by price (close the axis whose merges cost least for what
they remove), which is better and slower, and is tried with perturbed ties as often as
the price of the best order so far makes worth while.

``fast/schedule.py`` turns an order into a tape, and knows its exact cost.

Everything is deterministic: ties go to the lowest axis, perturbation comes from a fixed
linear congruential sequence.
"""

from __future__ import annotations

from math import log2

from twitchnet.engine.jit.lanes import BITS, WORD, lowest, popcount, single
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
    SIZE,
    SPARE,
    STATES,
    STEPS,
    Scratch,
    drop,
    has,
    list_axes,
    power,
    put,
)
from twitchnet.engine.program import Ints

SEARCH_ABOVE = 1e5  # work; cheaper records are done before a better order would be found
WORK_PER_RUN = 2e5  # one more perturbed order per so much work
MOST_RUNS = 256
FAINT = 12  # most bits that closing one axis by differences may lose,
LOOK_AHEAD = 0.5  # how much a closed table's own size excuses its cost; 0 and 1 are 10-30 % worse
INFINITE = 1e300
HOPELESS = 1e18  # cells of one table beyond which no order is looked for: no budget is as large
# Planning of one form of a record, in steps of one or two nanoseconds: loops over axes, tables
# and words of masks are counted, and no clock is asked, so that all machines agree.
MOST_STEPS = 5 * 10**8
BINARY, UNION = 0, 1  # single masks


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


def merge_work(s: Scratch, i: int, j: int) -> float:
    """Multiply-adds, in cells, of multiplying tables over two masks."""
    n = 1.0
    for word in range(s.n[COUNT, N_WORDS]):
        union, binary = s.m[i, word] | s.m[j, word], s.m[4 * BINARY + ONE, word]
        n *= power(popcount(union & binary))
        rest = union & ~binary
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


def order_by_degree(s: Scratch, order: Ints, haste: float) -> float:
    """Minimum degree, weighted by the number of states, and by ``urgency``.

    Returns 0, or else what ended the search: the cells of a table that is ``HOPELESS``, or
    ``INFINITE`` when no steps were left.

    First come lone axes, that nothing couples to others, as most causes are in records of few
    findings; N_LONE says how many.
    """
    n, words = s.n[COUNT, N_AXES], s.n[COUNT, N_WORDS]
    axes, rest, coupled = s.n[SPARE + 0], s.n[SPARE + 1], s.n[SPARE + 2]
    weight, factor = s.f[SCORE + 0], s.f[SCORE + 1]
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
    step = count = 0
    for a in range(n):
        if coupled[a] == 0:
            order[step] = s.n[LONE, step] = a
            step += 1
        else:
            factor[a] = urgency(s, a, haste)
            weight[a] = size_of(s, 4 * a + NEAR) * factor[a]
            rest[count] = a
            count += 1
    s.n[COUNT, N_LONE] = step
    while step < n:
        at, least = 0, weight[rest[0]]
        for i in range(1, count):
            here = weight[rest[i]]
            at, least = (i, here) if here < least else (at, least)
        best = rest[at]
        if least > HOPELESS * factor[best]:
            return least / factor[best]
        count -= 1
        for i in range(at, count):
            rest[i] = rest[i + 1]
        order[step] = best
        step += 1
        k = list_axes(s, 4 * best + NEAR, axes)
        for i in range(k):
            a = axes[i]
            if a == best:
                continue
            for word in range(words):
                s.m[4 * a + NEAR, word] |= s.m[4 * best + NEAR, word]
            drop(s.m, 4 * a + NEAR, best)
            weight[a] = size_of(s, 4 * a + NEAR) * factor[a]
        if not spend(s, 2 * count + 3 * k * words):
            return INFINITE
    return 0.0


def gather(s: Scratch, a: int, alive: Ints, n_alive: int, out: Ints) -> int:
    """The live tables that hold an axis, smallest first; returns how many."""
    n = 0
    word, bit = a >> WORD, a & (BITS - 1)
    for i in range(n_alive):
        t = alive[i]
        if (s.m[4 * t + SCOPE, word] >> bit) & 1 != 0:
            k = n
            while k > 0 and s.n[SIZE, out[k - 1]] > s.n[SIZE, t]:
                out[k] = out[k - 1]
                k -= 1
            out[k] = t
            n += 1
    return n


def chain_work(s: Scratch, tables: Ints, n: int, downward: bool) -> float:
    """Work of merging a list of tables from either end; their union is left in UNION."""
    words = s.n[COUNT, N_WORDS]
    first = tables[n - 1] if downward else tables[0]
    for word in range(words):
        s.m[4 * UNION + ONE, word] = s.m[4 * first + SCOPE, word]
    work = 0.0
    for i in range(1, n):
        t = tables[n - 1 - i] if downward else tables[i]
        work += merge_work(s, 4 * UNION + ONE, 4 * t + SCOPE)
        for word in range(words):
            s.m[4 * UNION + ONE, word] |= s.m[4 * t + SCOPE, word]
    return work


def order_by_price(
    s: Scratch, order: Ints, haste: float, noise: float, seed: int, limit: float
) -> float:
    """Closes the axis that costs least for what it removes; returns the work, or -1 above
    ``limit``.  Lone axes, found before, come first again.

    Uses rows of ``scope`` and ``table`` beyond the leaves as room of its own.
    """
    n, words = s.n[COUNT, N_AXES], s.n[COUNT, N_WORDS]
    alive, found, axes, stale = s.n[SPARE + 4], s.n[SPARE + 5], s.n[SPARE + 0], s.n[SPARE + 7]
    price, rank = s.f[SCORE + 0], s.f[SCORE + 1]
    n_alive = 0
    for t in range(1, s.n[COUNT, N_LEAVES]):
        alive[n_alive] = t
        n_alive += 1
        s.n[SIZE, t] = int(size_of(s, 4 * t + SCOPE))
    for a in range(n):
        stale[a] = 1
        rank[a] = 0.0
    state = seed * 7919 + 1
    total = 0.0
    fresh = s.n[COUNT, N_LEAVES]
    for step in range(s.n[COUNT, N_LONE]):
        order[step] = s.n[LONE, step]
        stale[order[step]] = 2
    for step in range(s.n[COUNT, N_LONE], n):
        best = -1
        for a in range(n):
            if stale[a] == 2:
                continue
            if stale[a] == 1:
                k = gather(s, a, alive, n_alive, found)
                s.n[COUNT, STEPS] += n_alive + 4 * k * words + k * k // 4
                down = chain_work(s, found, k, True)
                up = chain_work(s, found, k, False)
                removed = 1.0
                for i in range(k):
                    removed += float(s.n[SIZE, found[i]])
                price[a] = min(up, down) + size_of(s, 4 * UNION + ONE)
                state = (state * 1103515245 + 12345) % 2147483648
                rank[a] = log2(price[a]) - LOOK_AHEAD * log2(removed) + noise * state / 2147483648.0
                rank[a] += log2(urgency(s, a, haste))
                stale[a] = 0
            if best < 0 or rank[a] < rank[best]:
                best = a
        order[step] = best
        total += price[best]
        if total > limit or not spend(s, 2 * n + n_alive):
            return -1.0
        stale[best] = 2
        t = fresh + step
        for word in range(words):
            s.m[4 * t + SCOPE, word] = 0
        kept = 0
        for i in range(n_alive):
            u = alive[i]
            if has(s.m, 4 * u + SCOPE, best):
                for word in range(words):
                    s.m[4 * t + SCOPE, word] |= s.m[4 * u + SCOPE, word]
            else:
                alive[kept] = u
                kept += 1
        drop(s.m, 4 * t + SCOPE, best)
        s.n[SIZE, t] = int(min(size_of(s, 4 * t + SCOPE), 4e18))
        alive[kept] = t
        n_alive = kept + 1
        k = list_axes(s, 4 * t + SCOPE, axes)
        for i in range(k):
            if stale[axes[i]] == 0:
                stale[axes[i]] = 1
    return total


def searches(work: float) -> int:
    """How many orders by price are worth trying for so much work."""
    return min(MOST_RUNS, 1 + int(min(work, 1e15) / WORK_PER_RUN))


def noise_of(run: int) -> float:
    """How many doublings of cost a choice may overlook: none the first time, fewer find little."""
    if run == 0:
        return 0.0
    return 2.4 if run % 2 == 1 else 1.6
