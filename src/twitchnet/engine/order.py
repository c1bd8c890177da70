"""In which order are axes closed, and what does it cost?

Greedy elimination on bit masks: close the axis whose merges cost least for what they
remove, again and again.  The cost is exact before anything is allocated: the number
of multiply-adds of every merge (see ``axes.py``), the largest table and the sum of
all tables.  Runs with perturbed ties follow only as far as the first is expensive.

The order is deterministic: ties go to the lowest axis, perturbation comes from a
fixed linear congruential sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log2

from twitchnet.engine.sliced import Sliced

RESTART_EVERY = 2e7  # work that takes about ten times as long as one more order
LOOK_AHEAD = 0.5  # how much a closed table's own size excuses its cost; 0 and 1 are 10-30 % worse


@dataclass(frozen=True, slots=True)
class Step:
    """Close ``axis``: merge the tables ``operands`` from left to right, then close.

    Tables are numbered: leaves first, then one per step in order.
    """

    axis: int
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Steps with their exact cost per lane."""

    steps: tuple[Step, ...]
    cells: float  # multiply-adds
    largest: float  # cells of the largest table
    stored: float  # cells of all tables together


class _Search:
    """One greedy run."""

    def __init__(self, sliced: Sliced) -> None:
        axes = sorted({axis for leaf in sliced.leaves for axis in leaf.axes})
        self.bit = {axis: 1 << i for i, axis in enumerate(axes)}
        self.axes = axes
        self.levels = sum(self.bit[axis] for axis in axes if axis in sliced.level_axes)
        self.wide = [  # axes of more than two states, beside what a binary axis counts
            (self.bit[axis], sliced.card[axis] / 2, (sliced.card[axis] + 1) / 3)
            for axis in axes
            if sliced.card[axis] != 2
        ]
        self.scopes = [sum(self.bit[axis] for axis in leaf.axes) for leaf in sliced.leaves]
        # a level axis and its consumer are neighbours: closing one brings the other in
        self.partner = {}
        for level, node in sliced.consumer.items():
            self.partner[self.bit[level]] = self.bit[node]
            self.partner[self.bit[node]] = self.bit[level]

    def size(self, mask: int) -> float:
        """Cells of a table over ``mask``."""
        result = float(1 << mask.bit_count())
        for bit, more, _ in self.wide:
            if mask & bit:
                result *= more
        return result

    def work(self, first: int, second: int) -> float:
        """Multiply-adds of merging tables over two masks."""
        shared = first & second & self.levels
        result = self.size(first | second) * 1.5 ** shared.bit_count()
        for bit, _, more in self.wide:
            if shared & bit:
                result *= more
        return result

    def merges(self, tables: list[int], scopes: dict[int, int]) -> tuple[float, float, list[int]]:
        """The cheaper of merging small or large tables first: (cost, cells, order)."""
        ascending = sorted(tables, key=lambda t: (scopes[t].bit_count(), t))
        best: tuple[float, float, list[int]] = (inf, inf, ascending)
        for order in (ascending, ascending[::-1]):
            mask, cost, cells = scopes[order[0]], 0.0, 0.0
            for table in order[1:]:
                cost += self.work(mask, scopes[table])
                mask |= scopes[table]
                cells += self.size(mask)
            if cost < best[0]:
                best = (cost, cells, order)
            if len(order) < 3:
                break
        return best

    def run(self, seed: int, limit: float) -> Order | None:
        """One order, or None when it costs more than ``limit``."""
        scopes = dict(enumerate(self.scopes))
        holders: dict[int, list[int]] = {self.bit[axis]: [] for axis in self.axes}
        for table, mask in scopes.items():
            for bit in _bits(mask):
                holders[bit].append(table)
        partner = dict(self.partner)
        noise, state = 0.0 if seed == 0 else (0.4, 0.8, 1.6)[seed % 3], seed * 7919 + 1
        score: dict[int, float] = {}
        found: dict[int, tuple[float, float, list[int]]] = {}

        def look(bit: int) -> None:
            nonlocal state
            cost, _, order = found[bit] = self.merges(holders[bit], scopes)
            mask = 0
            removed = 1.0
            for table in order:
                mask |= scopes[table]
                removed += self.size(scopes[table])
            total = cost + self.size(mask | partner.get(bit, 0))
            state = (state * 1103515245 + 12345) % 2147483648
            score[bit] = log2(total) - LOOK_AHEAD * log2(removed) + noise * state / 2147483648

        for bit in holders:
            look(bit)
        steps: list[Step] = []
        cells = stored = largest = 0.0
        fresh = len(self.scopes)
        while score:
            bit = min(score, key=lambda b: (score[b], b))
            cost, kept, order = found[bit]
            mask = 0
            for table in order:
                mask |= scopes.pop(table)
            out = mask & ~bit
            if bit in partner:
                other = partner.pop(bit)
                partner.pop(other, None)
                out |= other
            size = self.size(mask)
            cells += cost + size
            stored += kept + self.size(out)
            largest = max(largest, size)
            if cells > limit:
                return None
            steps.append(Step(self.axes[bit.bit_length() - 1], tuple(order)))
            gone = set(order)
            for other in _bits(mask):
                holders[other] = [table for table in holders[other] if table not in gone]
            del holders[bit], score[bit], found[bit]
            scopes[fresh] = out
            for other in _bits(out):
                holders[other].append(fresh)
            fresh += 1
            for other in _bits(mask | out):
                if other in score:
                    look(other)
        return Order(tuple(steps), cells, largest, stored)


def _bits(mask: int) -> list[int]:
    """The single bits of a mask, lowest first."""
    bits = []
    while mask:
        low = mask & -mask
        bits.append(low)
        mask ^= low
    return bits


def find_order(sliced: Sliced, restarts: int = 12) -> Order:
    """The cheapest of up to ``1 + restarts`` greedy orders of one record.

    Another order saves a few per cent of the work, so each is looked for only when the work
    of all lanes is worth it.
    """
    search = _Search(sliced)
    best = search.run(0, inf)
    assert best is not None
    worth = int(best.cells * len(sliced.states) / RESTART_EVERY)
    for seed in range(1, min(restarts, worth) + 1):
        best = search.run(seed, best.cells) or best
    return best
