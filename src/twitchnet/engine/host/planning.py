"""How would the kernels compute a record, and what would that cost?

The kernels make the plan as they always do, stop before anything is computed, and leave it in
their workspace, from which it is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twitchnet.engine.host.batch import (
    LIMITS,
    STATUS,
    WORKSPACE,
    BatchOutput,
    one_row,
    packed_once,
    task_of,
    workspace_for,
)
from twitchnet.engine.host.packing import serves
from twitchnet.engine.jit.lanes import LANES
from twitchnet.engine.kernels import compiler, record
from twitchnet.engine.kernels.layout import (
    BY_LANE,
    BY_PASS,
    FORM,
    N_AXES,
    N_LANES,
    N_LEAVES,
    N_PASSES,
    N_TABLES,
    RESULT,
    STATES,
    Schedule,
    Scratch,
)
from twitchnet.engine.program import Evidence, Ints, Program
from twitchnet.errors import CapacityError, limit_of
from twitchnet.prompt import AtPrompt

FORMS = "double", "double-double"
"""The arithmetic of a record, see docs/how-it-works.md: the forms of the kernels, in order."""


@dataclass(frozen=True, slots=True, repr=False)
class CompiledPlan(AtPrompt):
    """How the kernels will compute one record, and what that costs.

    ``order`` names the axes in the order of elimination: a variable, ``FINDING by CAUSE`` for a
    hidden producer, or ``level of NAME`` for an intensity axis.  ``conditioned`` names the nodes
    of the lanes and ``in_passes`` those of the passes, in the same way; ``lanes`` and ``passes``
    count their assignments.  ``cells`` counts the multiply-adds of the upward pass over all lanes
    and passes, those of unused lanes too; ``largest`` the cells of the largest table of a lane;
    ``bytes`` is the memory of the tables of a pass, and of their derivatives.  ``form`` is the
    arithmetic that is tried first.
    """

    order: tuple[str, ...]
    factors: int
    conditioned: tuple[str, ...]
    in_passes: tuple[str, ...]
    lanes: int
    passes: int
    cells: float
    largest: float
    bytes: float
    form: str

    def __str__(self) -> str:
        given = ", ".join((*self.conditioned, *self.in_passes)) or "nothing"
        return (
            f"Plan of the kernels: {len(self.order)} steps over {self.factors} factors\n"
            f"  work     {self.cells:,.0f} cells in {self.lanes} lanes, {self.passes} passes\n"
            f"  given    {given}\n"
            f"  widest   {self.largest:,.0f} cells\n"
            f"  memory   {self.bytes / 2**20:,.1f} MiB\n"
            f"  digits   {self.form}"
        )

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True)
class SharedPlan(AtPrompt):
    """What all records of a batch share: one elimination that holds for any answers.

    ``order`` are the nodes in the order of their elimination; ``cells`` are multiply-adds of the
    upward pass for each record; ``bytes`` is the memory of a thread, for eight records at a time.
    """

    order: tuple[str, ...]
    cells: float
    bytes: float

    def __str__(self) -> str:
        return (
            f"Plan of a batch: {len(self.order)} steps, the same for every record\n"
            f"  work     {self.cells:,.0f} cells, of eight records at a time\n"
            f"  memory   {self.bytes / 2**20:,.1f} MiB\n"
            "  why      it costs less than a plan for each record"
        )

    def __repr__(self) -> str:
        return f"<{self}>"


def plan_shared(schedule: Schedule, names: Sequence[str]) -> SharedPlan:
    """The plan that a schedule is; ``names`` (V,) are those of the nodes."""
    order = tuple(names[v] for v in schedule.node.tolist())
    return SharedPlan(order, schedule.cells, schedule.bytes)


def plan_single(
    program: Program,
    evidence: Evidence,
    wanted: Ints,
    names: Sequence[str],
    budget: float,
    workspace: float = WORKSPACE,
    compiled: bool = True,
) -> CompiledPlan:
    """The plan of the kernels for one record; ``wanted`` is as in ``run_batch``.

    ``names`` (V,) are those of the nodes.  Raises ``CapacityError`` for a record that is too wide
    for the kernels.  ``compiled=False`` runs them as plain Python (for tests).
    """
    if not serves(program):
        raise CapacityError(np.nan, budget, "planning")
    none, out = np.empty(0, dtype=np.int64), BatchOutput.empty(1, 0)
    task = task_of(one_row(evidence), wanted, none, none, out, plan_only=True)
    packed = packed_once(program)
    with workspace_for(program, workspace) as scratch:
        if compiled:
            compiler.compiled()(packed.at, scratch.at, task, float(budget), 0, 1)
        else:
            record.run_records(packed, scratch, task, float(budget), 0, 1)
        if STATUS[out.status[0]] == "too wide":
            raise CapacityError(float(out.cells[0]), budget, limit_of(LIMITS[out.limits[0]]))
        return _read(scratch, names, float(out.cells[0]))


def _read(s: Scratch, names: Sequence[str], cells: float) -> CompiledPlan:
    """The plan that a workspace holds."""
    counts = s.counts
    results = s.table.size[counts[N_LEAVES] : counts[N_TABLES]]

    def name(node: int, of_levels: bool) -> str:
        return f"level of {names[node]}" if of_levels else names[node]

    def given(how: int) -> tuple[str, ...]:
        nodes = range(len(names))
        states = (name(v, False) for v in nodes if s.node.fixed[v] == how)
        levels = (name(v, True) for v in nodes if s.node.level_fixed[v] == how)
        return (*states, *levels)

    order = s.lists.order[: counts[N_AXES]].tolist()
    return CompiledPlan(
        order=tuple(name(s.axis.node[a], s.axis.kind[a] != STATES) for a in order),
        factors=int(counts[N_LEAVES]),
        conditioned=given(BY_LANE),
        in_passes=given(BY_PASS),
        lanes=int(counts[N_LANES]),
        passes=int(counts[N_PASSES]),
        cells=cells,
        largest=float(results.max(initial=1)),
        bytes=16.0 * LANES * float(counts[RESULT] + 2),
        form=FORMS[counts[FORM]],
    )
