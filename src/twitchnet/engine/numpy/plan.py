"""Network + what is answered -> Plan: the order of computation and its exact price.

A plan holds no numbers: only which axes are eliminated in which order, and what that costs.
It is made before the first large allocation, can be printed, and refuses what is too wide.
The factors that it was made for come beside it and are given to the sweep.

Unknown modifiers that touch many links (age and sex, typically) are conditioned on:
each of their assignments is a *lane*, all lanes run the same steps at once.  When the
tables of one lane would not fit the workspace, further nodes are conditioned on, and
lanes are run in passes; the work is the same, the memory is not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from twitchnet.engine.numpy.order import Order
from twitchnet.engine.numpy.reduce import Reduced, needed, reduce_evidence
from twitchnet.engine.numpy.search import EFFORT, find_order
from twitchnet.engine.program import Evidence, Ints, Program
from twitchnet.errors import CapacityError
from twitchnet.prompt import AtPrompt

BUDGET = 1e9  # multiply-adds of one record; about ten seconds on the numpy path
WORKSPACE = 256 * 2**20  # bytes of tables held at once on the numpy path
MOST_LANES = 8  # lanes chosen for speed; more only for memory
FEWEST_USES = 12  # a modifier of fewer links stays a variable: its lanes cost more than they save
COMPARE_ABOVE = 4e6  # work from which doing without lanes is looked at too
PLANNING = EFFORT  # tables looked at for one record, above which nothing else is tried
MOST_CONDITIONED = 24  # binary nodes conditioned on before a record is called too wide


@dataclass(frozen=True, slots=True, repr=False)
class Plan(AtPrompt):
    """How one record will be computed, and what that costs.

    ``factors`` are eliminated in ``order``, of whose axes ``level_axes`` are levels of max nodes;
    ``lanes`` are the assignments of the nodes conditioned on, of which ``lanes_per_pass`` run at
    once.  ``cells`` counts multiply-adds of the upward pass over all lanes (the backward pass
    costs about twice that); ``bytes`` is the memory of the tables held at once;
    ``passes`` is the number of runs that the lanes are split into.
    """

    order: Order
    factors: int
    level_axes: int
    lanes: int
    lanes_per_pass: int

    @property
    def passes(self) -> int:
        """Number of runs over ``lanes_per_pass`` lanes."""
        return -(-self.lanes // self.lanes_per_pass)

    @property
    def cells(self) -> float:
        """Planned multiply-adds of the upward pass."""
        return self.order.cells * self.lanes

    @property
    def bytes(self) -> float:
        """Planned bytes of tables at the peak of the upward and backward pass."""
        return 16.0 * self.order.stored * self.lanes_per_pass

    def __str__(self) -> str:
        return (
            f"Plan: {len(self.order.steps)} steps over {self.factors} factors, "
            f"{self.level_axes} level axes merged by maximum\n"
            f"  work     {self.cells:,.0f} cells in {self.lanes} lanes, {self.passes} passes\n"
            f"  widest   {self.order.largest:,.0f} cells\n"
            f"  memory   {self.bytes / 2**20:,.1f} MiB"
        )

    def __repr__(self) -> str:
        return f"<{self}>"


def modifier_lanes(program: Program, evidence: Evidence, targets: Ints) -> list[int]:
    """Unknown nodes that share a part with another parent, most used first, up to 8 lanes."""
    keep = needed(program, evidence, targets)
    uses: Counter[int] = Counter()
    scope, first = program.scope.tolist(), program.scope_first.tolist()
    hidden, target = (evidence.hard < 0).tolist(), program.part_target.tolist()
    for p, owner in enumerate(program.part_owner.tolist()):
        if keep[owner]:
            free = [node for node in scope[first[p] : first[p + 1]] if hidden[node]]
            if len(free) > 1 or target[p] < 0:
                uses.update(free)
    chosen: list[int] = []
    lanes = 1
    for node, count in sorted(uses.items(), key=lambda item: (-item[1], item[0])):
        if count < FEWEST_USES:
            break
        if lanes * int(program.card[node]) <= MOST_LANES:
            chosen.append(node)
            lanes *= int(program.card[node])
    return sorted(chosen)


def _most_shared(reduced: Reduced) -> int | None:
    """The node axis that most factors hold."""
    uses = Counter(axis for leaf in reduced.leaves for axis in leaf.axes if axis < reduced.count)
    ranked = sorted(uses.items(), key=lambda item: (-item[1], item[0]))
    return ranked[0][0] if ranked else None


def build_plan(
    program: Program,
    evidence: Evidence,
    targets: Ints,
    budget: float = BUDGET,
    workspace: float = WORKSPACE,
    apart: int = -1,
    explain: bool = True,
) -> tuple[Plan, Reduced]:
    """The plan of one record, and the factors that it is for.

    ``targets`` (T,) are the nodes whose posteriors are wanted, ``apart`` one whose links
    are kept apart from its leak; ``explain`` says whether it is asked which link produced
    what is present (a fifth more work); ``budget`` is in multiply-adds, ``workspace`` in bytes.
    Raises ``CapacityError`` when the record costs more than the budget, does not fit the
    workspace, or when planning it takes too long; nothing large has been allocated then.
    """
    lanes = modifier_lanes(program, evidence, targets)
    spent = 0.0
    for _ in range(MOST_CONDITIONED):
        reduced = reduce_evidence(program, evidence, targets, tuple(lanes), apart, explain)
        order, effort = find_order(reduced, budget)
        spent += effort
        count = len(reduced.states)
        if lanes and order.cells * count > COMPARE_ABOVE:
            plain = reduce_evidence(program, evidence, targets, (), apart, explain)
            other, effort = find_order(plain, budget, restarts=0)
            spent += effort
            if other.cells < order.cells * count and 16.0 * other.stored <= workspace:
                lanes, reduced, order, count = [], plain, other, 1
        if order.cells * count > budget:
            raise CapacityError(order.cells * count, budget)
        per_lane = 16.0 * order.stored
        if per_lane <= workspace:
            at_once = max(1, min(count, int(workspace // max(per_lane, 1.0))))
            levels = len(reduced.level_axes)
            return Plan(order, len(reduced.leaves), levels, count, at_once), reduced
        node = _most_shared(reduced)
        if node is None or count * int(program.card[node]) > 2**MOST_CONDITIONED:
            break
        if spent > PLANNING:
            raise CapacityError(order.cells * count, budget, "planning")
        lanes = sorted([*lanes, node])
    raise CapacityError(order.cells * count, budget, "workspace")


def evidence_arrays(program: Program) -> Evidence:
    """Evidence that says nothing yet; fill it in place."""
    count = len(program.card)
    return Evidence(
        np.full(count, -1, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.ones((count, int(program.card.max(initial=1)))),
        np.zeros(count, dtype=np.int64),
    )
