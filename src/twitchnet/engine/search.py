"""In which order are axes best closed?

Greedy elimination on bit masks: close the axis whose merges cost least for what they
remove, again and again.  Runs with perturbed ties follow only as far as the first is
expensive; they start where tables begin to be large, because before that one order is as
good as another.

The last orders are kept by structure: records that differ in absent findings alone share
theirs.  All is deterministic: ties go to the lowest axis, perturbation comes from a fixed
linear congruential sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, log2

from twitchnet.engine.order import Order, Step, Structure
from twitchnet.engine.sliced import Sliced

RESTART_EVERY = 1.2e6  # work that takes about six times as long as one more order
NOISE = 1.6, 3.2  # how many doublings of cost a perturbed choice may overlook; 0.8 finds little
RESTART_FROM = 64.0  # cells of a table; smaller ones are closed alike in all orders
LOOK_AHEAD = 0.5  # how much a closed table's own size excuses its cost; 0 and 1 are 10-30 % worse
KEPT = 64  # orders, of some 20 kB each


@dataclass(slots=True)
class _State:
    """Tables that are left, and what was done so far.

    Axes are bits.  ``scopes`` and ``sizes`` are by table, ``holders`` lists the tables of an
    axis; ``worth`` the two parts of its score, the first a lower bound until ``found`` holds
    the merges that would close it: their cost, the cells that they keep, and their order.
    """

    scopes: dict[int, int]
    sizes: dict[int, float]
    holders: dict[int, list[int]]
    partner: dict[int, int]
    found: dict[int, tuple[float, float, list[int]]] = field(default_factory=dict)
    worth: dict[int, tuple[float, float]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    fresh: int = 0
    cells: float = 0.0
    stored: float = 0.0
    largest: float = 0.0

    def copy(self) -> _State:
        """A state that may go another way; lists of holders are never changed in place."""
        return _State(
            dict(self.scopes),
            dict(self.sizes),
            dict(self.holders),
            dict(self.partner),
            dict(self.found),
            dict(self.worth),
            list(self.steps),
            self.fresh,
            self.cells,
            self.stored,
            self.largest,
        )


class _Search:
    """Greedy runs over one structure."""

    def __init__(self, structure: Structure) -> None:
        self.axes = structure.axes
        bit = {axis: 1 << i for i, axis in enumerate(self.axes)}
        self.levels = sum(bit[axis] for axis in self.axes if axis in structure.levels)
        self.wide = [  # axes of more than two states, beside what a binary axis counts
            (1 << i, card / 2, (card + 1) / 3) for i, card in enumerate(structure.card) if card != 2
        ]
        scopes = dict(enumerate(sum(bit[axis] for axis in one) for one in structure.scopes))
        sizes = {table: self.size(mask) for table, mask in scopes.items()}
        holders: dict[int, list[int]] = {one: [] for one in bit.values()}
        for table, mask in scopes.items():
            for one in _bits(mask):
                holders[one].append(table)
        # a level axis and its consumer are neighbours: closing one brings the other in
        pairs = [(bit[level], bit[node]) for level, node in structure.consumer]
        partner = dict(pairs) | {node: level for level, node in pairs}
        self.start = _State(scopes, sizes, holders, partner, fresh=len(scopes))
        for one in holders:
            self.look(self.start, one)

    def size(self, mask: int) -> float:
        """Cells of a table over ``mask``."""
        result = float(1 << mask.bit_count())
        for bit, more, _ in self.wide:
            if mask & bit:
                result *= more
        return result

    def merges(self, state: _State, tables: list[int]) -> tuple[float, float, list[int]]:
        """The cheaper of merging small or large tables first: (cost, cells, order)."""
        scopes = state.scopes
        ascending = sorted(tables, key=lambda t: (scopes[t].bit_count(), t))
        best: tuple[float, float, list[int]] = (inf, inf, ascending)
        for order in (ascending, ascending[::-1]):
            mask, cost, cells = scopes[order[0]], 0.0, 0.0
            for table in order[1:]:
                scope = scopes[table]
                shared = mask & scope & self.levels
                mask |= scope
                size = self.size(mask)
                cells += size
                work = size * 1.5 ** shared.bit_count()
                for bit, _, more in self.wide:
                    if shared & bit:
                        work *= more
                cost += work
            if cost < best[0]:
                best = (cost, cells, order)
            if len(order) < 3:
                break
        return best

    def look(self, state: _State, bit: int) -> None:
        """What closing an axis would cost now, at least, and what it would remove."""
        tables = state.holders[bit]
        partner = state.partner.get(bit, 0)
        mask, removed = partner, 1.0
        for table in tables:
            mask |= state.scopes[table]
            removed += state.sizes[table]
        least = self.size(mask) * (2.0 if len(tables) > 1 and not partner else 1.0)
        state.found.pop(bit, None)
        state.worth[bit] = log2(least), log2(removed)

    def price(self, state: _State, bit: int) -> None:
        """What closing an axis would cost now."""
        cost, _, order = state.found[bit] = self.merges(state, state.holders[bit])
        mask = state.partner.get(bit, 0)
        for table in order:
            mask |= state.scopes[table]
        state.worth[bit] = log2(cost + self.size(mask)), state.worth[bit][1]

    def run(self, state: _State, seed: int, limit: float, until: float = inf) -> Order | None:
        """Goes on to the end: an order, or None when it costs more than ``limit``.

        Stops before the first table of more than ``until`` cells, with None.  An axis is
        priced only when its lower bound is the lowest score.
        """
        strength, random = 0.0 if seed == 0 else NOISE[seed % len(NOISE)], seed * 7919 + 1
        noise: dict[int, float] = {}
        score: dict[int, float] = {}

        def judge(bit: int) -> None:
            cost, removed = state.worth[bit]
            score[bit] = cost - LOOK_AHEAD * removed + noise[bit]

        def perturb(bit: int) -> None:
            nonlocal random
            random = (random * 1103515245 + 12345) % 2147483648
            noise[bit] = strength * random / 2147483648
            judge(bit)

        for bit in state.worth:
            perturb(bit)
        while score:
            _, bit = min(zip(score.values(), score, strict=True))
            if bit not in state.found:
                self.price(state, bit)
                judge(bit)
                continue
            mask = 0
            for table in state.found[bit][2]:
                mask |= state.scopes[table]
            if self.size(mask) > until:
                return None
            changed = self.close(state, bit, mask)
            if state.cells > limit:
                return None
            del score[bit]
            for other in changed:
                self.look(state, other)
                perturb(other)
        return Order(tuple(state.steps), state.cells, state.largest, state.stored)

    def close(self, state: _State, bit: int, mask: int) -> list[int]:
        """Closes an axis whose tables have the union ``mask``; the axes to look at again."""
        cost, kept, order = state.found.pop(bit)
        del state.holders[bit], state.worth[bit]
        out = mask & ~bit
        if bit in state.partner:
            other = state.partner.pop(bit)
            state.partner.pop(other, None)
            out |= other
        size, left = self.size(mask), self.size(out)
        state.cells += cost + size
        state.stored += kept + left
        state.largest = max(state.largest, size)
        state.steps.append(Step(self.axes[bit.bit_length() - 1], tuple(order)))
        gone = set(order)
        for table in order:
            del state.scopes[table], state.sizes[table]
        changed = [other for other in _bits(mask | out) if other in state.worth]
        for other in changed:
            holders = [table for table in state.holders[other] if table not in gone]
            state.holders[other] = [*holders, state.fresh] if other & out else holders
        state.scopes[state.fresh], state.sizes[state.fresh] = out, left
        state.fresh += 1
        return changed


def _bits(mask: int) -> list[int]:
    """The single bits of a mask, lowest first."""
    bits = []
    while mask:
        low = mask & -mask
        bits.append(low)
        mask ^= low
    return bits


@lru_cache(maxsize=KEPT)
def _found(structure: Structure, restarts: int) -> Order:
    search = _Search(structure)
    state = search.start
    if order := search.run(state, 0, inf, until=RESTART_FROM):
        return order
    best = search.run(state.copy(), 0, inf)
    assert best is not None
    worth = int(best.cells * structure.lanes / RESTART_EVERY)
    for seed in range(1, min(restarts, worth) + 1):
        best = search.run(state.copy(), seed, best.cells) or best
    return best


def find_order(sliced: Sliced, restarts: int = 24) -> Order:
    """The cheapest of up to ``1 + restarts`` greedy orders of one record.

    Ten more orders save about a fifth of the work, and twenty more a quarter, so each is
    looked for only when the work of all lanes is worth it.
    """
    return _found(Structure.of(sliced), restarts)
