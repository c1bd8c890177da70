"""In which order are axes best closed?

Greedy elimination on bit masks: close the axis whose merges cost least for what they
remove, again and again.  Runs with perturbed ties follow only as far as the first is
expensive; they start where tables begin to be large, because before that one order is as
good as another.

The last orders are kept by structure: records that differ in absent findings alone share
theirs.  All is deterministic: ties go to the lowest axis, perturbation comes from a fixed
linear congruential sequence, and the effort that a search may take is a count of tables
looked at, never of seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappop, heappush
from math import inf, log2

from twitchnet.engine.numpy.order import Order, Step, Structure
from twitchnet.engine.numpy.reduce import Reduced
from twitchnet.errors import CapacityError

RESTART_EVERY = 1.2e6  # work that takes about six times as long as one more order
NOISE = 1.6, 3.2  # how many doublings of cost a perturbed choice may overlook; 0.8 finds little
RESTART_FROM = 64.0  # cells of a table; smaller ones are closed alike in all orders
LOOK_AHEAD = 0.5  # how much a closed table's own size excuses its cost; 0 and 1 are 10-30 % worse
KEPT = 64  # orders, of some 20 kB each
MOST = 1e300  # cells of a table, and work of a step, from which they are no longer distinguished
HUB = 256  # tables of an axis from which it is looked at again only when half of them are gone
EFFORT = 3e6  # tables looked at in one search, about a second; no affordable order needs that many


@dataclass(slots=True)
class _State:
    """Tables that are left, and what was done so far.

    Axes are numbered from 0, and bits of masks.  ``scopes`` and ``sizes`` are by table,
    ``holders`` the tables of an axis, in order; ``worth`` the two parts of its score, the first
    a lower bound until ``found`` holds the merges that would close it: their cost, the cells
    that they keep, and their order.  ``looked`` is how many tables it had when last looked at.
    """

    scopes: dict[int, int]
    sizes: dict[int, float]
    holders: dict[int, dict[int, None]]
    partner: dict[int, int]
    found: dict[int, tuple[float, float, list[int]]] = field(default_factory=dict)
    worth: dict[int, tuple[float, float]] = field(default_factory=dict)
    looked: dict[int, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    fresh: int = 0
    cells: float = 0.0
    stored: float = 0.0
    largest: float = 0.0

    def copy(self) -> _State:
        """A state that may go another way."""
        return _State(
            dict(self.scopes),
            dict(self.sizes),
            {axis: dict(tables) for axis, tables in self.holders.items()},
            dict(self.partner),
            dict(self.found),
            dict(self.worth),
            dict(self.looked),
            list(self.steps),
            self.fresh,
            self.cells,
            self.stored,
            self.largest,
        )


class _Stopped(Exception):
    """The search has taken all the effort that it may."""


class _Search:
    """Greedy runs over one structure."""

    def __init__(self, structure: Structure) -> None:
        self.axes = structure.axes
        index = {axis: i for i, axis in enumerate(self.axes)}
        self.levels = _mask(index[axis] for axis in sorted(structure.levels) if axis in index)
        # axes of more than two states, beside what a binary axis counts
        self.wide = {
            i: (card / 2, (card + 1) / 3) for i, card in enumerate(structure.card) if card != 2
        }
        self.wide_mask = _mask(self.wide)
        self.effort = 0.0
        self.each = 1.0 + len(self.axes) / 10_000  # long masks take longer
        holders: dict[int, dict[int, None]] = {i: {} for i in range(len(self.axes))}
        for table, scope in enumerate(structure.scopes):
            for axis in scope:
                holders[index[axis]][table] = None
        scopes = {
            table: _mask(index[axis] for axis in scope)
            for table, scope in enumerate(structure.scopes)
        }
        sizes = {table: self.size(mask) for table, mask in scopes.items()}
        # a level axis and its consumer are neighbours: closing one brings the other in
        pairs = [(index[level], index[node]) for level, node in structure.consumer]
        partner = dict(pairs) | {node: level for level, node in pairs}
        self.start = _State(scopes, sizes, holders, partner, fresh=len(scopes))
        for axis in holders:
            self.look(self.start, axis)

    def size(self, mask: int) -> float:
        """Cells of a table over ``mask``."""
        count = mask.bit_count()
        result = float(1 << count) if count < 996 else MOST
        if wide := mask & self.wide_mask:
            for axis in _bits(wide):
                result *= self.wide[axis][0]
        return result if result < MOST else MOST

    def merges(self, state: _State, tables: Iterable[int]) -> tuple[float, float, list[int]]:
        """The cheaper of merging small or large tables first: (cost, cells, order)."""
        scopes = state.scopes
        ascending = sorted(tables, key=lambda t: (scopes[t].bit_count(), t))
        self.effort += 4 * len(ascending) * self.each
        best: tuple[float, float, list[int]] = (inf, inf, ascending)
        for order in (ascending, ascending[::-1]):
            mask, cost, cells = scopes[order[0]], 0.0, 0.0
            for table in order[1:]:
                scope = scopes[table]
                shared = mask & scope & self.levels
                mask |= scope
                size = self.size(mask)
                cells += size
                work = size
                if shared:
                    work *= 1.5 ** min(shared.bit_count(), 500)
                    for axis in _bits(shared & self.wide_mask):
                        work *= self.wide[axis][1]
                cost += work
            if cost < best[0]:
                best = (cost, cells, order)
            if len(order) < 3:
                break
        return min(best[0], MOST), min(best[1], MOST), best[2]

    def look(self, state: _State, axis: int) -> None:
        """What closing an axis would cost now, at least, and what it would remove."""
        state.found.pop(axis, None)
        tables = state.holders[axis]
        if len(tables) > HUB and 2 * len(tables) > state.looked.get(axis, 0) > 0:
            return
        state.looked[axis] = len(tables)
        self.effort += (4 + len(tables)) * self.each
        partner = 1 << state.partner[axis] if axis in state.partner else 0
        mask, removed = partner, 1.0
        for table in tables:
            mask |= state.scopes[table]
            removed += state.sizes[table]
        least = self.size(mask) * (2.0 if len(tables) > 1 and not partner else 1.0)
        state.worth[axis] = log2(least), log2(removed)

    def price(self, state: _State, axis: int) -> None:
        """What closing an axis would cost now."""
        cost, _, order = state.found[axis] = self.merges(state, state.holders[axis])
        mask = 1 << state.partner[axis] if axis in state.partner else 0
        for table in order:
            mask |= state.scopes[table]
        state.worth[axis] = log2(cost + self.size(mask)), state.worth[axis][1]

    def run(self, state: _State, seed: int, limit: float, until: float = inf) -> Order | None:
        """Goes on to the end: an order, or None when it costs more than ``limit``.

        Stops before the first table of more than ``until`` cells, with None.  An axis is
        priced only when its lower bound is the lowest score.  Raises ``_Stopped`` when all
        runs together have taken ``EFFORT``.
        """
        strength, random = 0.0 if seed == 0 else NOISE[seed % len(NOISE)], seed * 7919 + 1
        noise: dict[int, float] = {}
        score: dict[int, float] = {}
        queue: list[tuple[float, int]] = []  # what is no longer the score of its axis is skipped

        def judge(axis: int) -> None:
            cost, removed = state.worth[axis]
            score[axis] = now = cost - LOOK_AHEAD * removed + noise[axis]
            heappush(queue, (now, axis))

        def perturb(axis: int) -> None:
            nonlocal random
            random = (random * 1103515245 + 12345) % 2147483648
            noise[axis] = strength * random / 2147483648
            judge(axis)

        for axis in state.worth:
            perturb(axis)
        while score:
            now, axis = queue[0]
            if score.get(axis) != now:
                heappop(queue)
                continue
            if self.effort > EFFORT:
                raise _Stopped
            if axis not in state.found:
                self.price(state, axis)
                judge(axis)
                continue
            mask = 0
            for table in state.found[axis][2]:
                mask |= state.scopes[table]
            if self.size(mask) > until:
                return None
            changed = self.close(state, axis, mask)
            if state.cells > limit:
                return None
            del score[axis]
            for other in changed:
                self.look(state, other)
                perturb(other)
        return Order(tuple(state.steps), state.cells, state.largest, state.stored)

    def close(self, state: _State, axis: int, mask: int) -> list[int]:
        """Closes an axis whose tables have the union ``mask``; the axes to look at again."""
        cost, kept, order = state.found.pop(axis)
        del state.holders[axis], state.worth[axis]
        out = mask & ~(1 << axis)
        if axis in state.partner:
            other = state.partner.pop(axis)
            state.partner.pop(other, None)
            out |= 1 << other
        size, left = self.size(mask), self.size(out)
        state.cells += cost + size
        state.stored += kept + left
        state.largest = max(state.largest, size)
        state.steps.append(Step(self.axes[axis], tuple(order)))
        for table in order:
            del state.scopes[table], state.sizes[table]
        changed = [other for other in _bits(mask | out) if other in state.worth]
        for other in changed:
            holders = state.holders[other]
            for table in order:
                holders.pop(table, None)
            if out >> other & 1:
                holders[state.fresh] = None
        state.scopes[state.fresh], state.sizes[state.fresh] = out, left
        state.fresh += 1
        return changed


def _mask(axes: Iterable[int]) -> int:
    """The bits of some axes."""
    mask = 0
    for axis in axes:
        mask |= 1 << axis
    return mask


def _bits(mask: int) -> list[int]:
    """The axes of a mask, lowest first."""
    axes = []
    while mask:
        low = mask & -mask
        axes.append(low.bit_length() - 1)
        mask ^= low
    return axes


@dataclass(frozen=True, slots=True)
class _Found:
    """An order, or None when the search was stopped; then ``cells`` is the cost so far."""

    order: Order | None
    cells: float
    effort: float


@lru_cache(maxsize=KEPT)
def _found(structure: Structure, restarts: int) -> _Found:
    search = _Search(structure)
    state, best = search.start, None
    try:
        best = search.run(state, 0, inf, until=RESTART_FROM)
        if best is None:
            state = search.start.copy()
            best = search.run(state, 0, inf)
            assert best is not None
            worth = int(best.cells * structure.lanes / RESTART_EVERY)
            for seed in range(1, min(restarts, worth) + 1):
                best = search.run(search.start.copy(), seed, best.cells) or best
    except _Stopped:
        pass
    return _Found(best, best.cells if best else state.cells, search.effort)


def find_order(reduced: Reduced, budget: float, restarts: int = 24) -> tuple[Order, float]:
    """The cheapest of up to ``1 + restarts`` greedy orders of one record, and the effort.

    Ten more orders save about a fifth of the work, and twenty more a quarter, so each is
    looked for only when the work of all lanes is worth it.  The effort is the number of tables
    looked at, the same whether the order was kept or not.  Raises ``CapacityError``, of the
    limit on planning, when the first order is not found within ``EFFORT``; ``budget`` is part
    of its message.
    """
    found = _found(Structure.of(reduced), restarts)
    if found.order is None:
        raise CapacityError(found.cells * len(reduced.states), budget, "planning")
    return found.order, found.effort
