"""The readable executor: one record, one plan, numpy.

Upward, the steps of the plan merge tables and close axes until only scalars are
left; their product is P(evidence).  Backward, every merge and every closing is
transposed once (reverse-mode differentiation; Darwiche 2003, JACM 50(3), section 4):
a table times its derivative, summed over everything but one axis, is the joint
probability of that axis' states with the evidence.

Tables are rescaled by powers of two, so P(evidence) may be far below the smallest
float64.  All lanes of a run share one scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from twitchnet.engine.axes import Table, merge, merge_adjoint
from twitchnet.engine.order import Step
from twitchnet.engine.program import Floats
from twitchnet.engine.sliced import Sliced


@dataclass(frozen=True, slots=True)
class Sweep:
    """The result of one run, all values to be multiplied by 2**exponent.

    ``total`` (L,) is P(evidence) per lane; ``marginal[axis]`` (L, card) is
    P(state, evidence) of a node that the run summed over; ``credit[i]`` (L,) is P(the
    link of leaf i produced its finding, evidence).
    """

    exponent: int
    total: Floats
    marginal: dict[int, Floats]
    credit: dict[int, Floats]


@dataclass(slots=True)
class _Closed:
    """What the backward pass needs of one step."""

    step: Step
    partial: list[Table]  # the operand(s) merged so far, first to last
    case: str
    scale: int
    other: int = -1


def _scaled(table: Table) -> tuple[Table, int]:
    """The table with its largest entry in [1/2, 1), and the exponent taken out."""
    largest = float(np.abs(table.values).max(initial=0.0))
    if largest == 0.0 or not np.isfinite(largest):
        return table, 0
    exponent = int(np.frexp(largest)[1])
    return Table(table.axes, np.ldexp(table.values, -exponent), table.backward), exponent


@dataclass(slots=True)
class _Run:
    """One upward and one backward pass."""

    sliced: Sliced
    chunk: slice
    tables: dict[int, Table] = field(default_factory=dict)
    closed: list[_Closed] = field(default_factory=list)
    exponent: int = 0
    partners: dict[int, int] = field(default_factory=dict)

    def close(self, axis: int, table: Table) -> tuple[Table, str, int]:
        """Closes ``axis`` of a merged table: the table without it, how it was done, and the
        axis that came in.
        """
        sliced = self.sliced
        position = table.axes.index(axis) + 1
        other = self.partners.pop(axis, -1)
        self.partners.pop(other, None)
        if axis in sliced.level_axes and other < 0:
            if axis in table.backward:
                values = np.take(table.values, 0, axis=position)
                return _without(table, axis, values), "start", -1
            weights = _along(self.weights(axis), position, table.values.ndim)
            values = (table.values * weights).sum(axis=position)
            return _without(table, axis, values), "terminal", -1
        if other < 0:
            return _without(table, axis, table.values.sum(axis=position)), "sum", -1
        level_in = axis in sliced.level_axes
        values = self.flipped(table.values, axis, other, position)
        if other not in table.axes:
            axes = tuple(sorted({*table.axes, other} - {axis}))
            values = np.moveaxis(values, position, axes.index(other) + 1)
            backward = table.backward if level_in else table.backward | {other}
            return Table(axes, values, backward), "rename", other
        if level_in:  # all contributions are in: the level is the node's state
            pair = np.moveaxis(values, (position, table.axes.index(other) + 1), (-2, -1))
            diagonal = np.diagonal(pair, axis1=-2, axis2=-1)
            axes = tuple(a for a in table.axes if a != axis)
            values = np.moveaxis(diagonal, -1, axes.index(other) + 1)
            return Table(axes, np.ascontiguousarray(values), table.backward), "diagonal", other
        # contributions from below the node's own closing: a function of the level so far
        pair = np.moveaxis(values, (table.axes.index(other) + 1, position), (-2, -1))
        card = pair.shape[-1]
        out = np.zeros(pair.shape[:-1])
        for so_far in range(card):
            for level in range(card):
                out[..., so_far] += pair[..., level, max(level, so_far)]
        axes = tuple(a for a in table.axes if a != axis)
        values = np.moveaxis(out, -1, axes.index(other) + 1)
        return Table(axes, values, table.backward | {other}), "fold", other

    def flipped(self, values: Floats, axis: int, other: int, position: int) -> Floats:
        """Reverses the closed axis of a flipped max node: states to levels, or back."""
        level = max(axis, other)  # level axes are numbered after the nodes
        return np.flip(values, axis=position) if level in self.sliced.flip else values

    def weights(self, axis: int) -> Floats:
        """The terminal of a level axis on this run's lanes."""
        weights = self.sliced.terminal[axis]
        return weights[self.chunk] if len(weights) > 1 else weights

    def upward(self, steps: tuple[Step, ...]) -> Floats:
        """P(evidence) per lane, scaled by 2**exponent."""
        self.partners = dict(self.sliced.consumer)
        self.partners |= {b: a for a, b in self.sliced.consumer.items()}
        levels = frozenset(self.sliced.level_axes)
        for i, leaf in enumerate(self.sliced.leaves):
            values = leaf.values[self.chunk] if len(leaf.values) > 1 else leaf.values
            table = Table(leaf.axes, values)
            if leaf.credit < 0:  # credits read their leaf as it is
                table, scale = _scaled(table)
                self.exponent += scale
            self.tables[i] = table
        fresh = len(self.tables)
        for step in steps:
            partial = [self.tables[step.operands[0]]]
            for operand in step.operands[1:]:
                partial.append(merge(partial[-1], self.tables[operand], levels))
            table, case, other = self.close(step.axis, partial[-1])
            table, scale = _scaled(table)
            self.exponent += scale
            self.closed.append(_Closed(step, partial, case, scale, other))
            self.tables[fresh] = table
            fresh += 1
        total = np.ones(len(self.sliced.states[self.chunk]))
        for i in self.scalars():
            total = total * self.tables[i].values
        return total

    def scalars(self) -> list[int]:
        """The tables without axes, whose product is P(evidence)."""
        return [i for i, table in self.tables.items() if not table.axes]

    def unclose(self, closed: _Closed, adjoint: Floats) -> Floats:
        """The transpose of :meth:`close`."""
        table, axis = closed.partial[-1], closed.step.axis
        position = table.axes.index(axis) + 1
        adjoint = np.ldexp(adjoint, -closed.scale)
        if closed.case == "sum":
            return np.broadcast_to(np.expand_dims(adjoint, position), table.values.shape)
        if closed.case == "terminal":
            weights = _along(self.weights(axis), position, table.values.ndim)
            full = np.expand_dims(adjoint, position) * weights
            return _narrow(full, table.values.shape)
        if closed.case == "start":
            result = np.zeros(table.values.shape)
            np.moveaxis(result, position, 0)[0] = adjoint
            return result
        other = closed.other
        axes = tuple(sorted({*table.axes, other} - {axis}))
        if closed.case == "rename":
            result = np.moveaxis(adjoint, axes.index(other) + 1, position)
            return self.flipped(result, axis, other, position)
        first, second = position, table.axes.index(other) + 1
        back = np.moveaxis(adjoint, axes.index(other) + 1, -1)
        result = np.zeros(table.values.shape)
        card = back.shape[-1]
        if closed.case == "diagonal":
            pair = np.moveaxis(result, (first, second), (-2, -1))
            for level in range(card):
                pair[..., level, level] = back[..., level]
        else:
            pair = np.moveaxis(result, (second, first), (-2, -1))
            for so_far in range(card):
                for level in range(card):
                    pair[..., level, max(level, so_far)] += back[..., so_far]
        return self.flipped(result, axis, other, position)

    def backward(self, total: Floats) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Marginals per node axis and credits per leaf; see :class:`Sweep`."""
        levels = frozenset(self.sliced.level_axes)
        adjoints: dict[int, Floats] = {}
        scalars = self.scalars()
        values = [np.broadcast_to(self.tables[i].values, total.shape) for i in scalars]
        before = np.ones_like(total)
        prefix = []
        for value in values:
            prefix.append(before)
            before = before * value
        after = np.ones_like(total)
        for place in range(len(scalars) - 1, -1, -1):
            table = self.tables[scalars[place]]
            adjoints[scalars[place]] = _narrow(prefix[place] * after, table.values.shape)
            after = after * values[place]
        marginal: dict[int, Floats] = {}
        leaves = len(self.sliced.leaves)
        fresh = len(self.tables) - 1
        for closed in reversed(self.closed):
            adjoint = self.unclose(closed, adjoints.pop(fresh))
            fresh -= 1
            axis, merged = closed.step.axis, closed.partial[-1]
            if axis < self.sliced.count:
                marginal[axis] = _reduce(merged.values * adjoint, merged.axes.index(axis) + 1)
            for place in range(len(closed.step.operands) - 1, 0, -1):
                operand = closed.step.operands[place]
                asked = operand >= leaves or self.sliced.leaves[operand].credit >= 0
                adjoint, other = merge_adjoint(
                    closed.partial[place - 1], self.tables[operand], adjoint, levels, asked
                )
                adjoints[operand] = other
            adjoints[closed.step.operands[0]] = adjoint
        credit: dict[int, Floats] = {}
        for i, leaf in enumerate(self.sliced.leaves):
            if leaf.credit >= 0 and i in adjoints:
                credit[i] = self.credited(i, adjoints[i])
        return marginal, credit

    def credited(self, i: int, adjoint: Floats) -> Floats:
        """Joint probability that leaf i's link produced its finding, per lane."""
        leaf = self.sliced.leaves[i]
        position = leaf.axes.index(leaf.own) + 1
        made = leaf.values if leaf.levels is None else leaf.levels
        made = made[self.chunk] if len(made) > 1 else made
        if leaf.levels is not None:  # signed: a produced level counts in U + E only
            joint = np.take(made, 1, axis=position) * np.take(adjoint, 1, axis=position)
        else:
            joint = np.take(made * adjoint, range(1, made.shape[position]), axis=position)
        return joint.sum(axis=tuple(range(1, joint.ndim)))


def _without(table: Table, axis: int, values: Floats) -> Table:
    return Table(tuple(a for a in table.axes if a != axis), values, table.backward - {axis})


def _along(weights: Floats, position: int, ndim: int) -> Floats:
    """(L or 1, card) weights shaped to multiply along one axis."""
    return weights.reshape(len(weights), *[1] * (position - 1), -1, *[1] * (ndim - position - 1))


def _narrow(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums over lanes where the target has only one."""
    return values if values.shape[0] == shape[0] else values.sum(axis=0, keepdims=True)


def _reduce(values: Floats, position: int) -> Floats:
    """Sums over every axis but the lanes and one."""
    return values.sum(axis=tuple(i for i in range(1, values.ndim) if i != position))


def sweep(sliced: Sliced, steps: tuple[Step, ...], chunk: slice = slice(None)) -> Sweep:
    """Runs a plan's steps on the lanes of ``chunk``; see :class:`Sweep`.

    Memory is what the plan says: every merged table is kept for the backward pass.
    """
    run = _Run(sliced, chunk, exponent=sliced.exponent)
    total = run.upward(steps)
    if not total.any():
        return Sweep(0, total, {}, {})
    marginal, credit = run.backward(total)
    return Sweep(run.exponent, total, marginal, credit)
