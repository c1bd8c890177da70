"""How do the hand-set numbers of a network move within their ranges?

The cells of one :class:`~twitchnet.model.network.Parameter` move together, by one common shift
of their logits.  The range low to high of its reference value is a central 90 % interval on
the logit scale, so each parameter has a normal distribution of shifts.
A cell of exactly 0 or 1 (an impossibility, a certainty) does not move.  In a row of a
table, what the moved states gain or lose is taken from the baseline state.

Arrays: D parameters with a range, C cells of all of them, N numbers of the network
(``Lowered.numbers``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from twitchnet.engine.program import Bools, Floats, Ints
from twitchnet.errors import ModelError, Problem
from twitchnet.lowering import Lowered
from twitchnet.model.network import Network, Parameter

NINETY = 1.6448536269514722
"""The 95th percentile of the standard normal: a central 90 % interval ends there."""

EDGE = 1e-9
"""A range that reaches 0 or 1 has no logit there; it is read as ending this far inside."""


@dataclass(frozen=True)
class ParameterShifts:
    """The numbers of a network that have a range, and how they move.

    ``cell`` (C,) indexes the numbers and ``of`` (C,) the parameters; ``middle`` and ``spread``
    (D,) are mean and standard deviation of the shift.  ``row_first``, ``row_card`` and
    ``row_rest`` (R,) are the rows whose state ``row_rest`` takes what is left.
    """

    parameters: tuple[Parameter, ...]
    numbers: Floats
    cell: Ints
    of: Ints
    middle: Floats
    spread: Floats
    row_first: Ints
    row_card: Ints
    row_rest: Ints

    def turned(self, shifts: Floats) -> Floats:
        """The numbers (..., N) after each parameter is shifted by ``shifts`` (..., D) in logits.

        What no shift moves stays what it is, to the last bit.
        """
        numbers = np.broadcast_to(self.numbers, (*shifts.shape[:-1], len(self.numbers))).copy()
        before = self.numbers[self.cell]
        free = (before > 0.0) & (before < 1.0)
        p = before[free]
        odds = p / (1.0 - p) * np.exp(np.clip(shifts[..., self.of[free]], -700.0, 700.0))
        turned = np.where(np.isinf(odds), 1.0, odds / (1.0 + odds))
        still = shifts[..., self.of[free]] == 0.0
        numbers[..., self.cell[free]] = np.where(still, p, turned)
        for card in np.unique(self.row_card).tolist():
            mine = self.row_card == card
            first, rest = self.row_first[mine], self.row_rest[mine]
            before = self.numbers[first[:, None] + np.arange(card)]  # (rows, card)
            row = numbers[..., first[:, None] + np.arange(card)]  # (..., rows, card)
            still = (row == before).all(axis=-1, keepdims=True)
            row[..., np.arange(len(rest)), rest] = 0.0
            taken = row.sum(axis=-1)
            row /= np.maximum(taken, 1.0)[..., None]
            row[..., np.arange(len(rest)), rest] = 1.0 - np.minimum(taken, 1.0)
            numbers[..., first[:, None] + np.arange(card)] = np.where(still, before, row)
        return numbers

    @cached_property
    def rest(self) -> Ints:
        """(C,) the number that takes what each cell gains or loses, -1 for none."""
        rest = np.full(len(self.cell), -1, dtype=np.int64)
        for first, card, state in zip(self.row_first, self.row_card, self.row_rest, strict=True):
            rest[(self.cell >= first) & (self.cell < first + card)] = first + state
        return rest

    def moved(self, shifts: Floats) -> Floats:
        """(C,) how far each cell moves when each parameter is shifted by ``shifts`` (D,)."""
        p = self.numbers[self.cell]
        free = (p > 0.0) & (p < 1.0)
        odds = np.where(free, p, 0.5) / (1.0 - np.where(free, p, 0.5)) * np.exp(shifts[self.of])
        return np.where(free, odds / (1.0 + odds) - p, 0.0)

    def tangent(self) -> Floats:
        """(C,) derivative of each cell by the reference value of its parameter."""
        p = self.numbers[self.cell]
        value = np.array([one.value for one in self.parameters])[self.of]
        inside = (value > 0.0) & (value < 1.0)
        safe = np.where(inside, value, 0.5)
        slope = np.where(self.alone[self.of], 1.0, p * (1.0 - p) / (safe * (1.0 - safe)))
        return np.where(inside, slope, 0.0)

    @cached_property
    def alone(self) -> Bools:
        """(D,) whether a parameter has a single cell."""
        alone: Bools = np.bincount(self.of, minlength=len(self.parameters)) == 1
        return alone

    def along(self, slope: Floats, moved: Floats) -> Floats:
        """(D,) what a linear function of the numbers gains when the cells of each parameter move.

        ``slope`` (N,) is its gradient and ``moved`` (C,) how far the cells go; each parameter
        is taken by itself, and what it takes from a baseline state counts.
        """
        per_cell = slope[self.cell] - np.where(self.rest >= 0, slope[self.rest], 0.0)
        total: Floats = np.bincount(self.of, per_cell * moved, len(self.parameters))  # type: ignore[assignment]
        return total

    def overflows(self, shifts: Floats) -> Bools:
        """(D,) whether a row would have to sum to more than 1."""
        pair, parameter, rest = self.taking
        here = self.rest >= 0
        gained = np.bincount(pair, self.moved(shifts)[here], len(parameter))
        result = np.zeros(len(self.parameters), dtype=np.bool_)
        result[parameter[gained > self.numbers[rest]]] = True
        return result

    @cached_property
    def taking(self) -> tuple[Ints, Ints, Ints]:
        """Which parameters take from which baseline states.

        The pair of each cell that takes from one, and the parameter and the number of each pair.
        """
        here = self.rest >= 0
        code, pair = np.unique(
            self.of[here] * len(self.numbers) + self.rest[here], return_inverse=True
        )
        return pair, code // len(self.numbers), code % len(self.numbers)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """``count`` independent draws of all shifts, shape (count, D)."""
        return self.middle + self.spread * rng.standard_normal((count, len(self.parameters)))

    def one(self, parameter: int, shift: float) -> Floats:
        """The numbers after one parameter is shifted."""
        shifts = np.zeros(len(self.parameters))
        shifts[parameter] = shift
        return self.turned(shifts)

    def emptied(self, parameter: int) -> Floats:
        """The numbers when the only cell of a parameter is 0; its baseline state takes the rest."""
        numbers = self.numbers.copy()
        (at,) = np.flatnonzero(self.of == parameter).tolist()
        if self.rest[at] >= 0:
            numbers[self.rest[at]] += numbers[self.cell[at]]
        numbers[self.cell[at]] = 0.0
        return numbers


def parameter_shifts(network: Network, lowered: Lowered) -> ParameterShifts:
    """The shifts of the parameters that have a range (low below high)."""
    chosen = tuple(one for one in network.parameters if one.low < one.high)
    cell: list[int] = []
    of: list[int] = []
    rows: dict[int, tuple[int, set[int]]] = {}
    for d, one in enumerate(chosen):
        start = lowered.number_first[one.node, one.part]
        local = network.by_name[one.node].local
        card = network.by_name[one.node].card if local and local.graded else 0
        for flat in one.cells:
            cell.append(start + flat)
            of.append(d)
            if card:
                first = start + flat - flat % card
                rows.setdefault(first, (card, set()))[1].add(flat % card)
    kept = {
        first: (card, min(set(range(card)) - moved))
        for first, (card, moved) in sorted(rows.items())
        if len(moved) < card
    }
    low = np.array([_logit(one.low) for one in chosen])
    high = np.array([_logit(one.high) for one in chosen])
    value = np.array([_logit(one.value) for one in chosen])
    return ParameterShifts(
        chosen,
        lowered.numbers,
        np.array(cell, dtype=np.int64),
        np.array(of, dtype=np.int64),
        (low + high) / 2.0 - value,
        (high - low) / (2.0 * NINETY),
        np.array(list(kept), dtype=np.int64),
        np.array([card for card, _ in kept.values()], dtype=np.int64),
        np.array([rest for _, rest in kept.values()], dtype=np.int64),
    )


def _logit(p: float) -> float:
    p = min(max(p, EDGE), 1.0 - EDGE)
    return math.log(p) - math.log1p(-p)


def has_ranges(network: Network) -> bool:
    """Whether any number of the network may move."""
    return any(one.low < one.high for one in network.parameters)


def refuse_without_ranges(network: Network) -> None:
    """Raises ``ModelError`` where no number has a range, so that nothing can be said of them."""
    if not has_ranges(network):
        message = "no number of this model has a range, so how sure an answer is cannot be said"
        hint = "ranges belong to the model file: convert to .yaml and add them"
        raise ModelError([Problem("TN182", message, hint=hint)])


def with_assumed_ranges(network: Network, factor: float) -> Network:
    """The network in which each number without a range has one by assumption.

    Its odds may be ``factor`` times lower or higher.  Each cell moves by itself; in a row of a
    table the baseline state takes what the others gain or lose.  Numbers that are 0 or 1, and
    those that the model calls fixed, stay.  Raises ``ValueError`` for a factor of 1 or less.
    """
    if not 1.0 < factor < math.inf:
        raise ValueError("the odds must be assumed to vary by a factor above 1")
    known = {(one.node, one.part, cell) for one in network.parameters for cell in one.cells}
    assumed = []
    for node in network.nodes:
        assert node.local is not None
        for part, block in node.local.blocks.items():
            for cell, value in enumerate(np.ravel(block.array).tolist()):
                rest = node.local.graded and cell % node.card == 0
                if rest or not 0.0 < value < 1.0 or (node.name, part, cell) in known:
                    continue
                odds = value / (1.0 - value)
                low, high = (
                    x / (1.0 + x) if math.isfinite(x) else 1.0
                    for x in (odds / factor, odds * factor)
                )
                assumed.append(Parameter(node.name, part, (cell,), value, low, high))
    return replace(network, parameters=(*network.parameters, *assumed))
