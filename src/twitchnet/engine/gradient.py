"""What does P(evidence) gain from each entry of the network's tables?  One reverse pass.

P(evidence) is a polynomial in the entries of the parts' tables, and linear in each part
(Darwiche 2003, JACM 50(3), section 4).  Its derivative by an entry is what the executor's
backward pass brings back to the leaf that holds the entry, provided that no leaf was made
of several parts.  So the evidence is sliced here without folding anything: every part is
a leaf of its own.  To learn which entry of ``part_table`` each number of a leaf is, the
same slicing is run once more on a program whose entries are their own indices.

The answers are those of ``reference.sweep``; a test compares them with finite differences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twitchnet.engine.order import Step
from twitchnet.engine.program import Evidence, Floats, Program
from twitchnet.engine.reference import _Run
from twitchnet.engine.sliced import Leaf, Sliced, _Slicer

Steps = tuple[Step, ...]


class _Unfolded(_Slicer):
    """Slices the evidence and keeps every part apart; ``Leaf.credit`` is the part."""

    def keep_part(self, p: int, axes: tuple[int, ...], values: Floats, own: int) -> None:
        """Adds a leaf that holds entries of part ``p`` and nothing else."""
        self.out.leaves.append(Leaf(axes, values, p, own))

    def node(self, node: int) -> None:
        """Adds the factors of one node; see ``_Slicer.node`` for the cases."""
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
        axis = self.count + node
        self.out.card[axis] = card
        for p in parts:
            axes, table = self.part(p)
            self.keep_part(p, (*axes, axis), np.moveaxis(table, 1, -1), axis)
        if internal:
            self.out.consumer[axis] = node
            if flip:
                self.out.flip.add(axis)
            self.out.leaves.append(Leaf((node,), weights))
        else:
            self.out.terminal[axis] = weights[:, ::-1] if flip else weights
        self.out.level_axes.add(axis)

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
            self.out.leaves.append(Leaf((), weights.sum(axis=1)))
            return
        place = sum(other < node for other in axes)
        scope = (*axes[:place], node, *axes[place:])
        self.keep_part(p, scope, np.moveaxis(table, 1, 1 + place), -1)
        self.out.leaves.append(Leaf((node,), weights))

    def sign(self) -> None:
        """Nothing: every level axis is merged by maximum."""


class _Adjoints(_Run):
    """A run whose credits are the derivatives by whole leaves."""

    def credited(self, i: int, adjoint: Floats) -> Floats:
        """The derivative of P(evidence) by every number of leaf ``i``."""
        return self.as_leaf(i, adjoint)


def unfold(program: Program, evidence: Evidence, lanes: tuple[int, ...]) -> Sliced:
    """The factors of one record with every part as a leaf of its own."""
    return _Unfolded(program, evidence, np.empty(0, dtype=np.int64), lanes).run()


def gradient(
    program: Program,
    evidence: Evidence,
    lanes: tuple[int, ...],
    find_order: Callable[[Sliced], Steps],
) -> tuple[float, float, Floats]:
    """The log of P(evidence), and its derivative by each entry: exp(scale) x (E,).

    Returns (log P, scale, derivative), so that nothing over- or underflows.
    ``find_order`` gives the steps for the sliced factors; all lanes run at once.  Entries
    that no state of the hidden variables can reach keep derivative 0, and so do nodes that
    the evidence says nothing about.  P = 0 gives ``-inf`` and zeros.
    """
    sliced = unfold(program, evidence, lanes)
    run = _Adjoints(sliced, find_order(sliced), slice(None))
    total = run.upward()
    result = np.zeros(len(program.part_table))
    if not total.any():
        return -np.inf, 0.0, result
    _, credit = run.backward(total)
    whole = float(total.sum())
    own = np.arange(len(program.part_table), dtype=np.float64)
    entries = unfold(program._replace(part_table=own), evidence, lanes).leaves
    for i, adjoint in credit.items():
        np.add.at(result, entries[i].values.astype(np.int64), adjoint)
    scale = run.exponent * float(np.log(2.0))
    return float(np.log(whole)) + scale, scale, result
