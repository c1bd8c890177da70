"""The readable executor: one record, one plan, numpy.

Upward, the steps of the plan merge tables and close axes until only scalars are
left; their product is P(evidence).  Backward, every merge and every closing is
transposed once (reverse-mode differentiation; Darwiche 2003, JACM 50(3), section 4):
a table times its derivative, summed over everything but one axis, is the joint
probability of that axis' states with the evidence.

Tables are rescaled by powers of two, so P(evidence) may be far below the smallest
float64.  All lanes of a run share one scale.  A run in which some product still leaves the
range of a double is repeated with numbers that have an exponent each (see ``ranged.py``).

How the axes of a table are laid out decides how fast numpy is.  Within a run they are
numbered by *place*: level axes first, because large tables are split along them; then
the others as they are closed, so that those which stay longest, and which most tables
share, are together at the end; the lanes last.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp

import numpy as np

from twitchnet.engine.numpy.merge import Axes, Table, fold, merge, merge_adjoint
from twitchnet.engine.numpy.order import Step
from twitchnet.engine.numpy.ranged import Ranged, any_range, exact_range, plain, top_exponent, zeros
from twitchnet.engine.numpy.reduce import Reduced
from twitchnet.engine.program import Floats


@dataclass(frozen=True, slots=True)
class Sweep:
    """The result of one run, all values to be multiplied by 2**exponent.

    ``total`` (L,) is P(evidence) per lane; ``marginal[axis]`` (L, card) is
    P(state, evidence) of a wanted node that the run summed over; ``responsibility[i]`` (L,) is
    P(the link of leaf i produced its finding, evidence).
    """

    exponent: int
    total: Floats
    marginal: dict[int, Floats]
    responsibility: dict[int, Floats]


SMALL = -16  # exponent of a largest entry below which a table is rescaled
EVERY = 16  # merges in one step after which the table is looked at again


@dataclass(slots=True)
class _Closed:
    """What the backward pass needs of one step."""

    step: Step
    partial: list[Table]  # the operands merged so far, without the last merge
    scales: dict[int, int]  # the exponents taken out of some of them
    axes: Axes  # of the last merge, which was closed
    shape: tuple[int, ...]
    case: str
    scale: int
    other: int  # the place of the axis that came in, or -1


def _scaled(table: Table) -> tuple[Table, int]:
    """The table with a largest entry that is not small, and the exponent taken out."""
    values = table.values
    if isinstance(values, Ranged):
        return table, 0
    exponent = _exponent(values)
    if SMALL <= exponent <= 0:
        return table, 0
    return Table(table.axes, np.ldexp(values, -exponent), table.backward), exponent


def _exponent(values: Floats) -> int:
    """The exponent of the entry of largest size, 0 when all are 0."""
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    return frexp(largest)[1]


@dataclass(frozen=True, slots=True)
class _Product:
    """Some numbers per lane (L or 1,), all to be multiplied by 2**exponent."""

    values: Floats
    exponent: int = 0

    def times(self, values: Floats, exponent: int = 0) -> _Product:
        """The product with further numbers, of a size near 1."""
        product = self.values * values
        exponent += self.exponent
        if isinstance(product, Ranged):
            return _Product(product, exponent)
        size = _exponent(product)
        if SMALL <= size <= 1:
            return _Product(product, exponent)
        return _Product(np.ldexp(product, -size), exponent + size)

    def at(self, exponent: int) -> Floats:
        """The numbers to be multiplied by another 2**exponent."""
        by = self.exponent - exponent
        return np.ldexp(self.values, by) if by else self.values


class _Run:
    """One upward and one backward pass over the lanes of ``chunk``."""

    def __init__(self, reduced: Reduced, steps: tuple[Step, ...], chunk: slice) -> None:
        self.reduced, self.steps, self.chunk = reduced, steps, chunk
        self.exponent = reduced.exponent
        self.tables: dict[int, Table] = {}
        self.closed: list[_Closed] = []
        closing = {step.axis: i for i, step in enumerate(steps)}
        self.axis = sorted(closing, key=lambda a: (a not in reduced.level_axes, closing[a]))
        self.place = {axis: place for place, axis in enumerate(self.axis)}
        self.levels = frozenset(self.place[axis] for axis in reduced.level_axes)
        self.partners: dict[int, int] = {}
        for level, node in reduced.consumer.items():
            first, second = self.place[level], self.place[node]
            self.partners |= {first: second, second: first}

    def laid_out(self, axes: Axes, values: Floats) -> tuple[Axes, Floats]:
        """Values (L or 1, *cards of axes) of a leaf as a table of this run."""
        values = values[self.chunk] if len(values) > 1 else values
        order = sorted(range(len(axes)), key=lambda i: self.place[axes[i]])
        values = values.transpose(*(1 + i for i in order), 0)
        return tuple(self.place[axes[i]] for i in order), np.asanyarray(values, order="C")

    def as_leaf(self, i: int, values: Floats) -> Floats:
        """The transpose of :meth:`laid_out` for leaf ``i``."""
        places, axes = self.tables[i].axes, self.reduced.leaves[i].axes
        return values.transpose(len(axes), *(places.index(self.place[axis]) for axis in axes))

    def close(self, place: int, table: Table) -> tuple[Table, str, int]:
        """Closes an axis of a merged table: the table without it, how it was done, and the
        place of the axis that came in.
        """
        reduced, axis = self.reduced, self.axis[place]
        position = table.axes.index(place)
        other = self.partners.pop(place, -1)
        self.partners.pop(other, None)
        if axis in reduced.level_axes and other < 0:
            if place in table.backward:
                values = np.take(table.values, 0, axis=position)
                return _without(table, place, values), "start", -1
            weights = _along(self.weights(axis), position, table.values.ndim)
            values = _summed(table.values * weights, position)
            return _without(table, place, values), "terminal", -1
        if other < 0:
            return _without(table, place, _summed(table.values, position)), "sum", -1
        level_in = axis in reduced.level_axes
        values = self.flipped(table.values, place, other, position)
        if other not in table.axes:
            axes = tuple(sorted({*table.axes, other} - {place}))
            values = np.asanyarray(np.moveaxis(values, position, axes.index(other)), order="C")
            backward = table.backward if level_in else table.backward | {other}
            return Table(axes, values, backward), "rename", other
        axes = tuple(a for a in table.axes if a != place)
        if level_in:  # all contributions are in: the level is the node's state
            pair = np.moveaxis(values, (position, table.axes.index(other)), (-2, -1))
            diagonal = np.diagonal(pair, axis1=-2, axis2=-1)
            values = np.moveaxis(diagonal, -1, axes.index(other))
            return Table(axes, np.asanyarray(values, order="C"), table.backward), "diagonal", other
        # contributions from below the node's own closing: a function of the level so far
        pair = np.moveaxis(values, (table.axes.index(other), position), (-2, -1))
        card = pair.shape[-1]
        out = zeros(pair.shape[:-1], pair)
        for so_far in range(card):
            for level in range(card):
                out[..., so_far] += pair[..., level, max(level, so_far)]
        values = np.asanyarray(np.moveaxis(out, -1, axes.index(other)), order="C")
        return Table(axes, values, table.backward | {other}), "fold", other

    def flipped(self, values: Floats, place: int, other: int, position: int) -> Floats:
        """Reverses the closed axis of a flipped max node: states to levels, or back."""
        level = max(self.axis[place], self.axis[other])  # level axes are numbered after the nodes
        return np.flip(values, axis=position) if level in self.reduced.flip else values

    def weights(self, axis: int) -> Floats:
        """The terminal (card, L or 1) of a level axis on this run's lanes."""
        weights = self.reduced.terminal[axis]
        return (weights[self.chunk] if len(weights) > 1 else weights).T

    def upward(self) -> Floats:
        """P(evidence) per lane, scaled by 2**exponent; the largest is near 1."""
        for i, leaf in enumerate(self.reduced.leaves):
            table = Table(*self.laid_out(leaf.axes, leaf.values))
            if leaf.target < 0:  # responsibilities read their leaf as it is
                table, scale = _scaled(table)
                self.exponent += scale
            self.tables[i] = table
        fresh = len(self.tables)
        for step in self.steps:
            merged = self.tables[step.operands[0]]
            partial: list[Table] = []
            scales: dict[int, int] = {}
            for operand in step.operands[1:]:
                if len(partial) % EVERY == EVERY - 1:
                    merged, scales[len(partial)] = _scaled(merged)
                partial.append(merged)
                merged = merge(merged, self.tables[operand], self.levels)
            self.exponent += sum(scales.values())
            table, case, other = self.close(self.place[step.axis], merged)
            table, scale = _scaled(table)
            self.exponent += scale
            shape = merged.values.shape
            self.closed.append(
                _Closed(step, partial, scales, merged.axes, shape, case, scale, other)
            )
            self.tables[fresh] = table
            fresh += 1
        self.total = _Product(np.ones(len(self.reduced.states[self.chunk])))
        for i in self.scalars():
            self.total = self.total.times(self.tables[i].values)
        self.exponent += self.total.exponent
        return self.total.values

    def scalars(self) -> list[int]:
        """The tables without axes, whose product is P(evidence)."""
        return [i for i, table in self.tables.items() if not table.axes]

    def unclose(self, closed: _Closed, adjoint: Floats) -> Floats:
        """The transpose of :meth:`close`."""
        place, shape = self.place[closed.step.axis], closed.shape
        position = closed.axes.index(place)
        if closed.scale:
            adjoint = np.ldexp(adjoint, -closed.scale)
        if closed.case == "sum":
            return np.broadcast_to(np.expand_dims(adjoint, position), shape, subok=True)
        if closed.case == "terminal":
            weights = _along(self.weights(closed.step.axis), position, len(shape))
            return _narrow(np.expand_dims(adjoint, position) * weights, shape)
        if closed.case == "start":
            result = zeros(shape, adjoint)
            np.moveaxis(result, position, 0)[0] = adjoint
            return result
        other = closed.other
        axes = tuple(sorted({*closed.axes, other} - {place}))
        if closed.case == "rename":
            result = np.moveaxis(adjoint, axes.index(other), position)
            return self.flipped(result, place, other, position)
        first, second = position, closed.axes.index(other)
        back = np.moveaxis(adjoint, axes.index(other), -1)
        result = zeros(shape, back)
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
        return self.flipped(result, place, other, position)

    def asked(self) -> list[bool]:
        """Per table, whether anything that it was made of is wanted: a node or a responsibility."""
        wanted = [leaf.target >= 0 for leaf in self.reduced.leaves]
        for step in self.steps:
            below = any(wanted[operand] for operand in step.operands)
            wanted.append(below or step.axis in self.reduced.wanted)
        return wanted

    def of_scalars(self) -> dict[int, Floats]:
        """The derivative of P(evidence) by each table without axes: the product of all others."""
        scalars = self.scalars()
        one = _Product(np.ones(len(self.total.values)))
        prefix = [one]
        for i in scalars:
            prefix.append(prefix[-1].times(self.tables[i].values))
        adjoints: dict[int, Floats] = {}
        after = one
        for place in range(len(scalars) - 1, -1, -1):
            values = self.tables[scalars[place]].values
            others = prefix[place].times(after.values, after.exponent)
            adjoints[scalars[place]] = _narrow(others.at(self.total.exponent), values.shape)
            after = after.times(values)
        return adjoints

    def backward(self) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Marginals per node axis and credits per leaf; see :class:`Sweep`."""
        asked = self.asked()
        adjoints = self.of_scalars()
        marginal: dict[int, Floats] = {}
        fresh = len(self.tables)
        for closed in reversed(self.closed):
            fresh -= 1
            upper = adjoints.pop(fresh, None)
            if upper is None or not asked[fresh]:
                continue
            adjoint, operands = self.unclose(closed, upper), closed.step.operands
            for place in range(len(operands) - 1, 0, -1):
                operand = operands[place]
                adjoint, other = merge_adjoint(
                    closed.partial[place - 1],
                    self.tables[operand],
                    adjoint,
                    self.levels,
                    asked[operand],
                )
                if other is not None:
                    adjoints[operand] = other
                if scale := closed.scales.get(place - 1):
                    adjoint = np.ldexp(adjoint, -scale)
            adjoints[operands[0]] = adjoint
            if closed.step.axis in self.reduced.wanted:
                first = self.tables[operands[0]]  # each operand gives the same marginal
                position = first.axes.index(self.place[closed.step.axis])
                marginal[closed.step.axis] = _reduced(first.values * adjoint, position)
        responsibility: dict[int, Floats] = {}
        for i, leaf in enumerate(self.reduced.leaves):
            if leaf.target >= 0 and i in adjoints:
                responsibility[i] = self.responsibility_of(i, adjoints[i])
        return marginal, responsibility

    def responsibility_of(self, i: int, adjoint: Floats) -> Floats:
        """Joint probability that leaf i's link produced its finding, per lane."""
        leaf = self.reduced.leaves[i]
        adjoint = self.as_leaf(i, adjoint)
        position = leaf.axes.index(leaf.own) + 1
        made = leaf.values if leaf.levels is None else leaf.levels
        made = made[self.chunk] if len(made) > 1 else made
        if leaf.levels is not None:  # signed: a produced level counts in U + E only
            joint = np.take(made, 1, axis=position) * np.take(adjoint, 1, axis=position)
        else:
            joint = np.take(made * adjoint, range(1, made.shape[position]), axis=position)
        return joint.sum(axis=tuple(range(1, joint.ndim)))


def _without(table: Table, place: int, values: Floats) -> Table:
    return Table(tuple(a for a in table.axes if a != place), values, table.backward - {place})


def _along(weights: Floats, position: int, ndim: int) -> Floats:
    """(card, L or 1) weights shaped to multiply along one axis."""
    shape = [1] * ndim
    shape[position], shape[-1] = weights.shape
    return weights.reshape(shape)


def _summed(values: Floats, position: int) -> Floats:
    """Sums over one axis."""
    shape = list(values.shape)
    shape[position] = 1
    return fold(values, tuple(shape)).squeeze(position)


def _narrow(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums over lanes where the target has only one."""
    return values if values.shape[-1] == shape[-1] else values.sum(axis=-1, keepdims=True)


def _reduced(values: Floats, position: int) -> Floats:
    """(L, card): sums over every axis but the lanes and one."""
    shape = [1] * values.ndim
    shape[position], shape[-1] = values.shape[position], values.shape[-1]
    return fold(values, tuple(shape)).reshape(values.shape[position], values.shape[-1]).T


def sweep(reduced: Reduced, steps: tuple[Step, ...], chunk: slice = slice(None)) -> Sweep:
    """Runs a plan's steps on the lanes of ``chunk``; see :class:`Sweep`.

    Memory is what the plan says: merged tables are kept for the backward pass.  Without
    anything wanted there is no backward pass.
    """
    try:
        with exact_range():
            return _swept(_Run(reduced, steps, chunk))
    except FloatingPointError:
        with any_range():
            return _swept(_Run(reduced.ranged(), steps, chunk))


def _swept(run: _Run) -> Sweep:
    values = run.upward()
    more = top_exponent(values) if isinstance(values, Ranged) else 0
    total = plain(values, more)
    if not total.any():
        return Sweep(0, total, {}, {})
    marginal, responsibility = run.backward() if any(run.asked()) else ({}, {})
    return Sweep(
        run.exponent + more,
        total,
        {axis: plain(one, more) for axis, one in marginal.items()},
        {leaf: plain(one, more) for leaf, one in responsibility.items()},
    )
