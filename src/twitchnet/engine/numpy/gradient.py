"""What does P(evidence) gain from each entry of the network's tables?  Reverse passes.

P(evidence) is a polynomial in the entries of the parts' tables, and linear in each part
(Darwiche 2003, JACM 50(3), section 4).  Its derivative by an entry is what the executor's
backward pass brings back to the leaf that holds the entry, provided that it is known how
the leaf was made.  So the evidence is reduced here on the *places* of the entries, which
gives for every number of a leaf its place in ``part_table``.

Most parts of a record are over a single node, a single level axis, or nothing that is
left.  Those of one axis are a *group*: one leaf, their product (or their maximum, for a
level axis).  The derivative by one part of a group is the derivative by the leaf times the
product of all other parts, which comes from products of those before and those after, so
that nothing is divided.  All groups of one shape are computed together.

The evidence may be *split* by the state of a hidden node, which is then a lane: P(state,
evidence) and its derivatives come out for every state, of one reduction and one order.

The answers are those of ``sweep.sweep``; a test compares them with finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twitchnet.engine.numpy.order import Order
from twitchnet.engine.numpy.ranged import (
    Ranged,
    any_range,
    empty,
    exact_range,
    plain,
    ranged,
    top_exponent,
)
from twitchnet.engine.numpy.reduce import Leaf, Reduced, _Reducer
from twitchnet.engine.numpy.sweep import _Run
from twitchnet.engine.program import Evidence, Floats, Ints, Program

TOGETHER = 8
"""Parts in one group.  With more, products of very small entries could underflow."""

STEEP = 900
"""The exponent of the largest derivatives, when P(evidence) is smaller by as much."""

LOG_2 = float(np.log(2.0))

NOWHERE = -1
"""The place of what is no entry of a part: likelihoods."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A part over one axis, or over none: values and places, (L or 1, card or 1)."""

    values: Floats
    places: Ints


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the rows of a group are over, and how they combine.

    ``axes`` is one axis or none; ``by_level`` says that they are levels, of which the
    largest counts, and ``flip`` that the axis numbers them downwards.
    """

    axes: tuple[int, ...]
    by_level: bool = False
    flip: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """Some rows of one kind: a leaf of the record."""

    kind: _Kind
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Factors of which it is known where their numbers come from.

    Leaves ``0 .. len(places)`` of ``reduced`` hold one part each: ``places[i]`` are those of its
    numbers, in the shape of the leaf.  The next leaves are the ``groups`` in order, and
    what follows are constants.
    """

    reduced: Reduced
    places: tuple[Ints, ...]
    groups: tuple[_Group, ...]


class _Unfolder(_Reducer):
    """Reduces by the evidence and keeps every part apart, or in a group."""

    def __init__(
        self, program: Program, evidence: Evidence, targets: Ints, lanes: tuple[int, ...]
    ) -> None:
        own = np.arange(len(program.part_table), dtype=np.float64)
        super().__init__(program._replace(part_table=own), evidence, targets, lanes)
        self.numbers = program.part_table
        self.places: list[Ints] = []
        self.rows: dict[_Kind, list[_Row]] = {}

    def unfolded(self) -> Unfolded:
        """The factors, with what they were made of."""
        reduced = self.run()
        groups: list[_Group] = []
        constants, reduced.leaves = reduced.leaves[len(self.places) :], self.out.leaves
        del reduced.leaves[len(self.places) :]
        for kind, rows in self.rows.items():
            most = len(rows) if kind.by_level else TOGETHER  # levels sum to 1 and stay large
            for first in range(0, len(rows), most):
                groups.append(_Group(kind, tuple(rows[first : first + most])))
                reduced.leaves.append(_leaf(groups[-1]))
        reduced.leaves += constants
        if isinstance(self.numbers, Ranged):
            reduced = reduced.ranged()
        return Unfolded(reduced, tuple(self.places), tuple(groups))

    def keep_part(self, p: int, axes: tuple[int, ...], table: Floats, own: int) -> None:
        """Adds a leaf that holds entries of part ``p`` and nothing else, or a row of a group."""
        places = table.astype(np.int64)
        values = self.numbers[places]
        if len(axes) > 1:
            self.out.leaves.append(Leaf(axes, values, p, own))
            self.places.append(places)
        else:
            shape = (len(values), -1)
            kind = _Kind(axes, bool(axes) and axes[0] in self.out.level_axes)
            self.keep_row(kind, values.reshape(shape), places.reshape(shape))

    def keep_row(self, kind: _Kind, values: Floats, places: Ints | None = None) -> None:
        """Adds a row to the group of its kind; likelihoods have no places."""
        nowhere = np.full(values.shape, NOWHERE)
        values = ranged(values) if isinstance(self.numbers, Ranged) else values
        self.rows.setdefault(kind, []).append(_Row(values, nowhere if places is None else places))

    def node(self, node: int) -> None:
        """Adds the factors of one node; see ``_Reducer.node`` for the cases."""
        program, evidence = self.program, self.evidence
        parts = range(int(program.part_first[node]), int(program.part_first[node + 1]))
        card, state, lane = int(program.card[node]), self.hard[node], self.lane_of.get(node)
        weights = np.ones((1, card))
        if state >= 0:
            weights = np.eye(card)[state][None]
        elif lane is not None:
            weights = np.eye(card)[lane]
        if evidence.is_soft[node]:
            weights = weights * evidence.soft[node, :card][None]
        hidden = state < 0 and lane is None
        if not program.is_max[node]:
            self.table_node(node, parts[0], weights)
            return
        flip = bool(program.flip[node])
        children = program.child[program.child_first[node] : program.child_first[node + 1]]
        internal = hidden and (node in self.wanted or bool(self.keep[children].any()))
        if state >= 0 and state == (card - 1 if flip else 0):
            for p in parts:  # every part is silent
                axes, table = self.part(p)
                self.keep_part(p, axes, table[:, 0], -1)
            return
        found = [(p, *self.part(p)) for p in parts]
        if internal and not any(axes for _, axes, _ in found):  # no parent is hidden
            for _, _, table in found:
                places = table.astype(np.int64)
                self.keep_row(_Kind((node,), True, flip), self.numbers[places], places)
            self.keep_row(_Kind((node,)), weights)
            return
        axis = self.count + node
        self.out.card[axis] = card
        self.out.level_axes.add(axis)
        for p, axes, table in found:
            self.keep_part(p, (*axes, axis), np.moveaxis(table, 1, -1), axis)
        if internal:
            self.out.consumer[axis] = node
            if flip:
                self.out.flip.add(axis)
            self.keep_row(_Kind((node,)), weights)
        else:
            self.out.terminal[axis] = weights[:, ::-1] if flip else weights

    def table_node(self, node: int, p: int, weights: Floats) -> None:
        """One leaf for the table, one for likelihoods."""
        axes, table = self.part(p)
        lane, state = self.lane_of.get(node), self.hard[node]
        if state >= 0:
            self.keep_part(p, axes, table[:, state], -1)
            return
        if lane is not None:
            rows = np.arange(len(lane))
            picked = table[rows if len(table) > 1 else np.zeros_like(rows), lane]
            self.keep_part(p, axes, picked, -1)
            self.keep_row(_Kind(()), weights.sum(axis=1, keepdims=True))
            return
        place = sum(other < node for other in axes)
        scope = (*axes[:place], node, *axes[place:])
        self.keep_part(p, scope, np.moveaxis(table, 1, 1 + place), -1)
        self.keep_row(_Kind((node,)), weights)

    def sign(self) -> None:
        """Nothing: every level axis is merged by maximum."""


class _Adjoints(_Run):
    """A run whose credits are the derivatives by whole leaves."""

    def responsibility_of(self, i: int, adjoint: Floats) -> Floats:
        """The derivative of P(evidence) by every number of leaf ``i``."""
        return self.as_leaf(i, adjoint)


def _leaf(group: _Group) -> Leaf:
    """The leaf of a group."""
    kind = group.kind
    values = group.rows[0].values
    for row in group.rows[1:]:
        values = _raised(values, row.values) if kind.by_level else values * row.values
    values = values[:, ::-1] if kind.flip else values
    return Leaf(kind.axes, values if kind.axes else values[:, 0], 0)


def _raised(first: Floats, second: Floats) -> Floats:
    """The maximum of two independent levels, (..., levels)."""
    low, high = np.cumsum(first, axis=-1), np.cumsum(second, axis=-1)
    before = np.concatenate([np.zeros_like(high[..., :1]), high[..., :-1]], axis=-1)
    merged: Floats = low * second + first * before
    return merged


def _lowered(rest: Floats, adjoint: Floats) -> Floats:
    """The derivative by one of two levels, given the other and the derivative by their maximum.

    Level j of it counts ``adjoint[max(j, r)]`` for every level r of ``rest``.
    """
    up_to = np.cumsum(rest, axis=-1)
    above = np.cumsum((rest * adjoint)[..., ::-1], axis=-1)[..., ::-1]
    beyond = np.concatenate([above[..., 1:], np.zeros_like(above[..., :1])], axis=-1)
    found: Floats = up_to * adjoint + beyond
    return found


AT_ONCE = 4e6
"""Work up to which all states of a split run at once: calls then cost more than numbers.

At 2e5, records of a million cells take half as long again.
"""


def gradient(
    program: Program,
    evidence: Evidence,
    lanes: tuple[int, ...],
    find_order: Callable[[Reduced], Order],
    split: int = -1,
) -> list[tuple[float, float, Floats]]:
    """The log of P(evidence), and its derivative by each entry: exp(scale) x (E,).

    One triple (log P, scale, derivative), so that nothing over- or underflows; with
    ``split``, a hidden node, one for P(state, evidence) of each of its states.
    ``find_order`` gives the steps for the reduced factors; all lanes of a state run at once.
    Entries that no state of the hidden variables can reach keep derivative 0, and so do
    nodes that the evidence says nothing about.  P = 0 gives ``-inf``.
    """
    try:
        with exact_range():
            return _gradient(program, evidence, lanes, find_order, split)
    except FloatingPointError:
        program = program._replace(part_table=ranged(program.part_table))
        with any_range():
            return _gradient(program, evidence, lanes, find_order, split)


def _gradient(
    program: Program,
    evidence: Evidence,
    lanes: tuple[int, ...],
    find_order: Callable[[Reduced], Order],
    split: int,
) -> list[tuple[float, float, Floats]]:
    """:func:`gradient` in the numbers of ``program``, plain or ranged."""
    targets = np.array([split] if split >= 0 else [], dtype=np.int64)
    if split >= 0:
        lanes = (split, *(node for node in lanes if node != split))
    factors = _Unfolder(program, evidence, targets, lanes).unfolded()
    order = find_order(factors.reduced)
    lane_count = len(factors.reduced.states)
    count = int(program.card[split]) if split >= 0 else 1
    size = lane_count // count
    chunks = [slice(i * size, (i + 1) * size) for i in range(count)]
    entries = len(program.part_table)
    if count > 1 and order.cells * lane_count <= AT_ONCE:
        leaves = factors.reduced.leaves
        for i, leaf in enumerate(leaves):  # so that no derivative is summed over the states
            shape = lane_count, *leaf.values.shape[1:]
            values = np.broadcast_to(leaf.values, shape, subok=True)
            leaves[i] = Leaf(leaf.axes, values, leaf.target, leaf.own)
        return _of_lanes(factors, order, slice(None), chunks, entries)
    return [_of_lanes(factors, order, chunk, [slice(None)], entries)[0] for chunk in chunks]


def _of_lanes(
    factors: Unfolded, order: Order, chunk: slice, parts: list[slice], entries: int
) -> list[tuple[float, float, Floats]]:
    """:func:`gradient` over the lanes of ``chunk``, for each of some ``parts`` of them."""
    run = _Adjoints(factors.reduced, order.steps, chunk)
    total = run.upward()
    _, responsibility = run.backward()
    places: list[Ints] = []  # (L or 1, numbers) each
    slopes: list[Floats] = []

    def add(at: Ints, slope: Floats) -> None:
        at = at[chunk] if len(at) > 1 else at
        places.append(at.reshape(len(at), -1))
        slopes.append(slope.reshape(len(slope), -1))

    for i, at in enumerate(factors.places):
        if i in responsibility:
            add(at, responsibility[i])
    first = len(factors.places)
    alike: dict[tuple[bool, bool, tuple[int, ...], int], list[int]] = {}
    for g, group in enumerate(factors.groups):
        if first + g in responsibility:
            adjoint = responsibility[first + g]
            shape = adjoint.shape if group.kind.axes else (*adjoint.shape, 1)
            sort = (group.kind.by_level, group.kind.flip, shape, len(group.rows))
            alike.setdefault(sort, []).append(g)
    for (by_level, flip, shape, _), members in alike.items():
        adjoint = np.stack([responsibility[first + g].reshape(shape) for g in members])
        adjoint = adjoint[..., ::-1] if flip else adjoint
        groups = [factors.groups[g].rows for g in members]
        for k, slope in enumerate(_by_rows(groups, adjoint, chunk, by_level)):
            for rows, own in zip(groups, slope, strict=True):
                add(rows[k].places, own)
    found = []
    for part in parts:
        some = [
            (p[0], s[part].sum(axis=0)) if len(p) == 1 else (p[part].ravel(), s[part].ravel())
            for p, s in zip(places, slopes, strict=True)
        ]
        size, top = _exponents(total[part], [slope for _, slope in some])
        where = np.concatenate([np.zeros(0, dtype=np.int64), *(p for p, _ in some)])
        value = np.concatenate([np.zeros(0), *(plain(s, top) for _, s in some)])
        entry = where != NOWHERE
        result: Floats = np.bincount(where[entry], value[entry], entries)  # type: ignore[assignment]
        with np.errstate(divide="ignore"):
            log_total = float(np.log(plain(total[part], size).sum()))
        found.append(
            (log_total + (run.exponent + size) * LOG_2, (run.exponent + top) * LOG_2, result)
        )
    return found


def _exponents(total: Floats, slopes: list[Floats]) -> tuple[int, int]:
    """The exponents of P(evidence) and of its derivatives: 0 for plain numbers."""
    if not isinstance(total, Ranged):
        return 0, 0
    size = top_exponent(total)
    steepest = max((top_exponent(slope) for slope in slopes), default=size)
    return size, max(size, steepest - STEEP) if total.view(np.ndarray)["m"].any() else steepest


def _by_rows(
    groups: list[tuple[_Row, ...]], adjoint: Floats, chunk: slice, by_level: bool
) -> list[Floats]:
    """For each row of alike groups, the derivative by it: (groups, L or 1, card).

    ``adjoint`` (groups, L or 1, card) are the derivatives by the leaves of the groups.
    """
    stacked = []
    for k in range(len(groups[0])):
        rows = [group[k].values for group in groups]
        own = empty(adjoint.shape, adjoint)
        for i, row in enumerate(rows):
            own[i] = row[chunk] if len(row) > 1 else row
        stacked.append(own)
    merge = _raised if by_level else np.multiply
    neutral = np.ones(adjoint.shape)  # what changes nothing
    if by_level:
        neutral[..., 1:] = 0.0
    if isinstance(adjoint, Ranged):
        neutral = ranged(neutral)
    before, after = [neutral], [neutral]
    for row in stacked[:-1]:
        before.append(merge(before[-1], row))
    for row in stacked[:0:-1]:
        after.append(merge(after[-1], row))
    others = [merge(x, y) for x, y in zip(before, reversed(after), strict=True)]
    return [_lowered(rest, adjoint) if by_level else rest * adjoint for rest in others]
