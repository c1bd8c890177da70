"""What is left of a network once the evidence is in?

Reduction fixes the observed nodes in every part, before anything is planned:

* a node without observed descendants that nobody asks about vanishes;
* an *absent* noisy-OR node is its parts' silent rows, one factor per parent;
* an observed parent folds into the leak (the *base*) of its children;
* a max node with at most one part left is a plain table;
* what remains of any other max node is a level axis with its parts, and either a
  *terminal* (a weight per level: the evidence) or the node itself as *consumer*.

Nodes that a plan conditions on are reduced too, once per lane.

Of one max node that is observed present it may be asked what its links did *apart* from
its leak.  Its level axis then holds the links alone and ends in an axis of the node itself,
whose marginal is the answer; a leaf over the two says what the leak has to add.

A level axis may be *signed*: its tables are kept as cumulative sums (U, U + E) that
multiply pointwise, and the difference is taken when the axis is closed.  That is
cheaper, and safe where the base b of the node is not small: every entry of E is at
least b times U + E, so closing the axis loses at most a factor 2 / b of relative
accuracy, for any evidence and any rare cause.  ``SIGNED_LOSS`` bounds the product of
these factors, and ``SIGNED_ROUNDINGS`` that product times the number of factors of these
axes, so that 1e-9 holds even if all roundings add up.  All other level axes are merged by
maximum, without subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from twitchnet.engine.numpy.merge import Axes
from twitchnet.engine.numpy.ranged import Ranged, any_range, exact_range, plain, ranged
from twitchnet.engine.program import Evidence, Floats, Ints, Program

SIGNED_LOSS = 1e5
SIGNED_ROUNDINGS = 9e6
"""Most roundings times loss: 1e-9 over half a unit of the last place, if all of them add up."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A factor before any elimination: ``values`` of shape (L or 1, *cards of axes).

    ``target`` is the target whose link this is, in a finding observed present, or -1;
    ``own`` is the level axis of the finding.
    """

    axes: Axes
    values: Floats
    target: int = -1
    own: int = -1
    levels: Floats | None = None  # the levels of a signed leaf, before they were cumulated


@dataclass(slots=True)
class Reduced:
    """The factors of one record.  Axis v is node v; axis V + v is the level axis of node v."""

    count: int  # V
    lanes: tuple[int, ...]
    states: Ints  # (L, number of lane nodes): the assignment of each lane
    wanted: frozenset[int] = frozenset()  # the nodes whose marginals are asked for
    card: dict[int, int] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    level_axes: set[int] = field(default_factory=set)
    terminal: dict[int, Floats] = field(default_factory=dict)  # (L or 1, card)
    consumer: dict[int, int] = field(default_factory=dict)  # level axis -> node axis
    flip: set[int] = field(default_factory=set)
    exponent: int = 0  # every number of the record is to be multiplied by 2**exponent

    def ranged(self) -> Reduced:
        """The same factors in numbers that do not leave their range."""
        leaves = [
            replace(
                leaf,
                values=ranged(leaf.values),
                levels=None if leaf.levels is None else ranged(leaf.levels),
            )
            for leaf in self.leaves
        ]
        terminal = {axis: ranged(weights) for axis, weights in self.terminal.items()}
        return replace(self, leaves=leaves, terminal=terminal)


def needed(program: Program, evidence: Evidence, targets: Ints) -> np.ndarray:
    """Which nodes matter: the observed, the targets, and their ancestors."""
    keep = (evidence.hard >= 0) | evidence.is_soft
    keep[targets] = True
    for node in range(len(program.card) - 1, -1, -1):
        children = program.child[program.child_first[node] : program.child_first[node + 1]]
        keep[node] = keep[node] or bool(keep[children].any())
    return keep


class _Reducer:
    """Builds a :class:`Reduced`; one pass over the parts of the needed nodes."""

    def __init__(
        self,
        program: Program,
        evidence: Evidence,
        targets: Ints,
        lanes: tuple[int, ...],
        apart: int = -1,
        explain: bool = True,
    ) -> None:
        self.program, self.evidence, self.apart = program, evidence, apart
        self.explain = explain
        self.count = len(program.card)
        self.keep = needed(program, evidence, targets)
        self.wanted = frozenset(targets.tolist())
        count = int(np.prod([program.card[node] for node in lanes], dtype=np.int64))
        grids = np.indices([program.card[node] for node in lanes]).reshape(len(lanes), count)
        self.lane_of = {node: grids[i] for i, node in enumerate(lanes)}
        asked = self.wanted | {apart}
        self.out = Reduced(self.count, lanes, np.ascontiguousarray(grids.T), asked)
        self.unary: dict[int, Floats] = {}
        self.scalar: Floats = np.ones(1)
        self.hard: list[int] = evidence.hard.tolist()
        self.card: list[int] = program.card.tolist()
        self.scope: list[int] = program.scope.tolist()
        self.first: list[int] = program.scope_first.tolist()

    def part(self, p: int) -> tuple[Axes, Floats]:
        """Part ``p`` with observed and lane nodes fixed: its axes, and (L or 1, levels, ...)."""
        program = self.program
        owner = int(program.part_owner[p])
        scope = self.scope[self.first[p] : self.first[p + 1]]
        shape = [self.card[node] for node in (owner, *scope)]
        table = program.part_table[program.part_entry[p] : program.part_entry[p + 1]].reshape(shape)
        lane_nodes = [node for node in scope if node in self.lane_of]
        if lane_nodes:
            table = np.moveaxis(
                table, [1 + scope.index(node) for node in lane_nodes], range(len(lane_nodes))
            )[tuple(self.lane_of[node] for node in lane_nodes)]
            scope = [node for node in scope if node not in self.lane_of]
        else:
            table = table[None]
        table = table[(slice(None), slice(None), *(self.fixed(node) for node in scope))]
        free = [node for node in scope if self.hard[node] < 0]
        order = sorted(range(len(free)), key=free.__getitem__)
        if order != list(range(len(free))):
            table = table.transpose(0, 1, *(2 + i for i in order))
            free = [free[i] for i in order]
        return tuple(free), table

    def fixed(self, node: int) -> int | slice:
        """The index along a scope node: its observed state, or all of them."""
        state = self.hard[node]
        return state if state >= 0 else slice(None)

    def multiply(self, axes: Axes, values: Floats, target: int = -1, own: int = -1) -> None:
        """Adds a factor; a factor of one node only is folded into one row per node."""
        if len(axes) == 1 and target < 0 and axes[0] < self.count:
            known = self.unary.get(axes[0])
            row = values if known is None else known * values
            self.unary[axes[0]] = self.rescaled(row)
        elif not axes and target < 0:
            self.scalar = self.rescaled(self.scalar * values)
        else:
            self.out.leaves.append(Leaf(axes, values, target, own))

    def rescaled(self, row: Floats) -> Floats:
        """A row with its exponent taken out when it has become small."""
        if isinstance(row, Ranged):
            return row
        largest = float(row.max(initial=0.0))
        if largest == 0.0 or largest > 1e-60:
            return row
        exponent = int(np.frexp(largest)[1])
        self.out.exponent += exponent
        return np.ldexp(row, -exponent)

    def node(self, node: int) -> None:
        """Adds the factors of one node."""
        program, evidence = self.program, self.evidence
        parts = range(int(program.part_first[node]), int(program.part_first[node + 1]))
        state = self.hard[node]
        soft = evidence.soft[node, : program.card[node]][None] if evidence.is_soft[node] else None
        lane = self.lane_of.get(node)
        hidden = state < 0 and lane is None
        if not program.is_max[node]:
            self.table(node, parts[0], soft)
            return
        card, flip = int(program.card[node]), bool(program.flip[node])
        if state >= 0:
            weights = np.eye(card)[state][None]
        elif lane is not None:
            weights = np.eye(card)[lane]
        else:
            weights = np.ones((1, card))
        if soft is not None:
            weights = weights * soft
        if flip:
            weights = weights[:, ::-1]
        children = program.child[program.child_first[node] : program.child_first[node + 1]]
        internal = hidden and (node in self.wanted or bool(self.keep[children].any()))
        if not internal and state >= 0 and soft is None and weights[0, 0]:
            for p in parts:
                axes, table = self.part(p)
                self.multiply(axes, table[:, 0])
            return
        present = state > 0 and not flip
        base: Floats = np.eye(card)[0][None]
        live: list[tuple[int, Axes, Floats]] = []
        for p in parts:
            axes, table = self.part(p)
            if axes or self.target_of(p, present) >= 0:
                live.append((p, axes, table))
            else:
                base = _raise(base, table)
        if node == self.apart and present and soft is None and len(live) > 1:
            leak = [one for one in live if program.part_target[one[0]] < 0]
            if len(leak) == 1:
                live.remove(leak[0])
                self.level_axis(node, base, live, present)
                self.out.card[node], self.out.consumer[self.count + node] = card, node
                self.insert(node, leak[0][1], _completed(leak[0][2], weights))
                return
        self.max_node(node, base, live, weights, internal, present)

    def table(self, node: int, p: int, soft: Floats | None) -> None:
        """A table node: one factor over the node and what is free of its parents."""
        axes, table = self.part(p)
        lane, state = self.lane_of.get(node), self.hard[node]
        if soft is not None:
            table = table * soft.reshape(1, -1, *[1] * len(axes))
        if state >= 0:
            self.multiply(axes, table[:, state])
        elif lane is not None:
            rows = np.arange(len(lane))
            self.multiply(axes, table[rows if len(table) > 1 else np.zeros_like(rows), lane])
        else:
            self.insert(node, axes, table)

    def insert(self, axis: int, axes: Axes, table: Floats, target: int = -1) -> None:
        """Adds a factor whose axis 1 is ``axis``, moved to its place in ascending order."""
        place = sum(other < axis for other in axes)
        values = np.moveaxis(table, 1, 1 + place)
        self.multiply((*axes[:place], axis, *axes[place:]), values, target, axis)

    def max_node(
        self,
        node: int,
        base: Floats,
        live: list[tuple[int, Axes, Floats]],
        weights: Floats,
        internal: bool,
        present: bool,
    ) -> None:
        """A max node that was not observed silent: a table, a row, or a level axis."""
        flip = bool(self.program.flip[node])
        if internal and len(live) < 2:
            axes, table = (live[0][1], _raise(base, live[0][2])) if live else ((), base)
            table = table * weights.reshape(*weights.shape, *[1] * len(axes))
            self.insert(node, axes, table[:, ::-1] if flip else table)
            return
        axis = self.count + node
        if not live:
            self.multiply((), (base * weights).sum(axis=1))
            return
        self.level_axis(node, base, live, present)
        if internal:
            self.out.consumer[axis] = node
            if flip:
                self.out.flip.add(axis)
            self.multiply((node,), weights[:, ::-1] if flip else weights)
        else:
            self.out.terminal[axis] = weights

    def level_axis(
        self, node: int, base: Floats, live: list[tuple[int, Axes, Floats]], present: bool
    ) -> None:
        """The level axis of a max node with its base and its live parts."""
        axis = self.count + node
        self.out.card[axis] = base.shape[1]
        self.out.level_axes.add(axis)
        self.out.leaves.append(Leaf((axis,), base, -1, axis))
        for p, axes, table in live:
            target = self.target_of(p, present)
            self.out.leaves.append(Leaf((*axes, axis), np.moveaxis(table, 1, -1), target, axis))

    def target_of(self, p: int, present: bool) -> int:
        """The target whose responsibility for its finding is asked of part ``p``, or -1."""
        target = int(self.program.part_target[p])
        return target if present and self.explain and target in self.wanted else -1

    def sign(self) -> None:
        """Turns the level axes with large bases into signed ones; see the head of this file."""
        uses = dict.fromkeys(sorted(self.out.level_axes), 0)
        loss: dict[int, float] = {}  # of the base, the first leaf of its axis
        for leaf in self.out.leaves:
            if leaf.own in uses:
                uses[leaf.own] += 1
                if leaf.own not in loss and self.out.card[leaf.own] == 2:
                    share = plain(leaf.values[:, 1] / leaf.values.sum(axis=1))
                    smallest = float(share.min())
                    loss[leaf.own] = 2.0 / smallest if smallest > 0 else np.inf
        product, roundings, chosen = 1.0, 0, set()
        for axis in sorted(loss, key=lambda axis: -uses[axis]):
            most = min(SIGNED_LOSS, SIGNED_ROUNDINGS / (roundings + uses[axis]))
            if product * loss[axis] <= most:
                product *= loss[axis]
                roundings += uses[axis]
                chosen.add(axis)
        for i, leaf in enumerate(self.out.leaves):
            if leaf.own in chosen:
                values = np.cumsum(leaf.values, axis=1 + leaf.axes.index(leaf.own))
                self.out.leaves[i] = Leaf(leaf.axes, values, leaf.target, leaf.own, leaf.values)
        for axis in sorted(chosen):
            self.out.level_axes.discard(axis)
            if axis in self.out.consumer:
                node = self.out.consumer.pop(axis)
                levels = np.array([[1.0, -1.0], [0.0, 1.0]])  # (cumulative level, level)
                levels = levels[:, ::-1] if axis in self.out.flip else levels
                self.out.leaves.append(Leaf((node, axis), levels.T[None]))
            else:
                weights = self.out.terminal.pop(axis)
                row = np.stack([weights[:, 0] - weights[:, 1], weights[:, 1]], axis=1)
                self.out.leaves.append(Leaf((axis,), row))

    def run(self) -> Reduced:
        """All needed nodes, then the folded rows."""
        out = self.out
        for node in range(self.count):
            if self.keep[node]:
                if self.hard[node] < 0 and node not in self.lane_of:
                    out.card[node] = int(self.program.card[node])
                self.node(node)
        self.sign()
        out.leaves.append(Leaf((), self.scalar))
        self.absorb()
        return out

    def absorb(self) -> None:
        """Multiplies each folded row into the first factor over its node."""
        for i, leaf in enumerate(self.out.leaves):
            if leaf.target >= 0 or leaf.levels is not None:
                continue
            values = leaf.values
            for place, axis in enumerate(leaf.axes):
                row = self.unary.pop(axis, None)
                if row is not None:
                    shape = [1] * values.ndim
                    shape[0], shape[1 + place] = row.shape
                    values = values * row.reshape(shape)
            if values is not leaf.values:
                self.out.leaves[i] = Leaf(leaf.axes, values, leaf.target, leaf.own)
        for axis in sorted(self.unary):
            self.out.leaves.append(Leaf((axis,), self.unary[axis]))


def _raise(base: Floats, table: Floats) -> Floats:
    """The maximum of an independent base (L or 1, levels) and a part (L or 1, levels, ...)."""
    rest = [1] * (table.ndim - 2)
    low, high = np.cumsum(base, axis=1), np.cumsum(table, axis=1)
    before = np.concatenate([np.zeros_like(high[:, :1]), high[:, :-1]], axis=1)
    return low.reshape(*low.shape, *rest) * table + base.reshape(*base.shape, *rest) * before


def _completed(table: Floats, weights: Floats) -> Floats:
    """What a last part (L or 1, levels, ...) makes of each level so far, weighed (1, levels)."""
    levels = range(table.shape[1])
    rows = [
        sum(weights[0, max(so_far, own)] * table[:, own] for own in levels) for so_far in levels
    ]
    return np.stack(rows, axis=1)


def reduce_evidence(
    program: Program,
    evidence: Evidence,
    targets: Ints,
    lanes: tuple[int, ...] = (),
    apart: int = -1,
    explain: bool = True,
) -> Reduced:
    """The factors of one record, conditioned on ``lanes`` (nodes that are not observed).

    ``targets`` (T,) are the nodes whose posteriors are wanted; ``apart`` is a node whose
    links are to be kept apart from its leak, or -1 (see the head of this file).  Without
    ``explain`` the links of a finding are not kept apart, and more is folded together.  Nothing
    larger than a part times the number of lanes is allocated.
    """
    try:
        with exact_range():
            return _Reducer(program, evidence, targets, lanes, apart, explain).run()
    except FloatingPointError:
        program = program._replace(part_table=ranged(program.part_table))
        with any_range():
            return _Reducer(program, evidence, targets, lanes, apart, explain).run().ranged()
