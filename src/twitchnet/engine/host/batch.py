"""Many records on all cores: blocks of rows, one workspace per thread.

Each record is computed by itself in a thread that owns its workspace, so the answer
does not depend on the number of threads or on the order of rows, to the last bit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.host.crew import CORES, Run, run_rows
from twitchnet.engine.host.packing import new_lanes, new_scratch, pack, serves
from twitchnet.engine.jit.lanes import LANES, watching
from twitchnet.engine.kernels import compiler, record, shared
from twitchnet.engine.kernels.layout import Packed, Schedule, Scratch, Task
from twitchnet.engine.program import Evidence, Floats, Ints, Program

WORKSPACE = 64 * 2**20  # bytes per thread; beyond the second-level cache more does not help

STATUS = ("ok", "impossible", "too wide", "bad code")
LIMITS = ("", "budget", "workspace", "planning", "range", "precision")
"""What a record that is too wide exceeds: the values of ``layout.LIMIT``, in order."""
LEFT_TO_NUMPY = ("range", "precision")
"""Limits of doubles and double-doubles, which numpy's path does not have."""

_SPARE: dict[tuple[float, ...], deque[Scratch]] = {}
MOST_SHAPES = 2
"""Programs whose workspaces are kept, one for each core; more would hold memory for nothing."""


@contextmanager
def workspace_for(program: Program, workspace: float) -> Iterator[Scratch]:
    """A workspace for one thread at a time, kept for the next caller.

    A new one costs as much as some records: the system clears every page on first use.  No lock is
    held, so that a process may fork at any time.
    """
    sizes = len(program.card), len(program.part_owner), len(program.part_table)
    key = (*sizes, int(program.card.max(initial=2)), int(program.card.sum()), workspace)
    if key not in _SPARE and len(_SPARE) >= MOST_SHAPES:
        _SPARE.clear()
    spare = _SPARE.setdefault(key, deque(maxlen=CORES))
    try:
        scratch = spare.pop()
    except IndexError:
        scratch = new_scratch(program, workspace)
    try:
        yield scratch
    finally:
        spare.append(scratch)


class BatchInput(NamedTuple):
    """``codes`` (N, C) int8: -1 unknown, else a state of the node ``node_of[c]``; ``soft``
    (N, S, card) likelihoods of the nodes ``soft_of``, NaN where there is none.
    """

    codes: NDArray[np.int8]
    node_of: Ints
    soft: Floats
    soft_of: Ints


class BatchOutput(NamedTuple):
    """``probability`` (N, columns), ``explains`` (N, V or 0), ``log_evidence`` (N,), ``status``
    (N,) an index into STATUS, ``cells`` (N,) the planned cost (NaN where it is not known),
    ``forms`` (N,) the form of the kernels that answered, ``limits`` (N,) an index into LIMITS.
    """

    probability: Floats
    explains: Floats
    log_evidence: Floats
    status: NDArray[np.int8]
    cells: Floats
    forms: NDArray[np.int8]
    limits: NDArray[np.int8]

    @classmethod
    def empty(cls, count: int, columns: int, explained: int = 0) -> BatchOutput:
        """Room for ``count`` rows, to be tried in doubles first."""
        return cls(
            np.full((count, columns), np.nan),
            np.full((count, explained), np.nan),
            np.full(count, np.nan),
            np.zeros(count, dtype=np.int8),
            np.zeros(count),
            np.zeros(count, dtype=np.int8),
            np.zeros(count, dtype=np.int8),
        )

    def refuse(self) -> None:
        """Marks all rows as too wide: the program is larger than the kernels serve."""
        self.status[:], self.limits[:] = STATUS.index("too wide"), LIMITS.index("planning")
        self.cells[:] = np.nan


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous and writable, because kernels are compiled for no other layout."""
    return np.require(array, requirements=["C", "W"])


def task_of(
    rows: BatchInput,
    wanted: Ints,
    column_node: Ints,
    column_state: Ints,
    out: BatchOutput,
    explain: bool = False,
    halt: Ints | None = None,
    plan_only: bool = False,
) -> Task:
    """What a thread is to compute of some rows; ``explain`` as in ``run_batch``."""
    nodes = len(wanted) if explain else 0
    return Task(
        wanted=_plain(wanted),
        codes=_plain(rows.codes),
        node_of=_plain(rows.node_of),
        soft=_plain(rows.soft),
        soft_of=_plain(rows.soft_of),
        column_node=_plain(column_node),
        column_state=_plain(column_state),
        responsibility=np.zeros((nodes, nodes)),
        halt=np.zeros(1, dtype=np.int64) if halt is None else halt,
        plan_only=np.full(1, plan_only, dtype=np.int64),
        **out._asdict(),
    )


_LOCAL = threading.local()


def packed_once(program: Program) -> Packed:
    """``pack``, remembered for the last program of a thread: it takes as long as some records."""
    if getattr(_LOCAL, "program", None) is not program:
        _LOCAL.packed, _LOCAL.program = pack(program), program
    packed: Packed = _LOCAL.packed
    return packed


def run_batch(
    program: Program,
    rows: BatchInput,
    wanted: Ints,
    column_node: Ints,
    column_state: Ints,
    *,
    budget: float,
    workspace: float = WORKSPACE,
    threads: int | None = None,
    explain: bool = False,
    posteriors: bool = True,
    progress: Callable[[int], object] | None = None,
    compiled: bool = True,
    packed: Packed | None = None,
    forms: NDArray[np.int8] | None = None,
) -> BatchOutput:
    """Posteriors of every row.

    ``wanted`` (V,) is 1 for targets, 2 for other nodes with a column, 0 else;
    ``column_node`` and ``column_state`` (columns,) name the states that are reported.
    ``progress`` is called with the number of rows done, from the calling thread.
    ``compiled=False`` runs the same kernels as plain Python (for tests).  ``packed`` are the
    numbers, when they are not those of ``program`` (see ``draws.py``).  ``forms`` (N,) are those
    that answered much the same rows: an earlier one would be tried for nothing.
    """
    count, nodes = len(rows.codes), len(program.card)
    out = BatchOutput.empty(count, len(column_node), nodes if explain else 0)
    if forms is not None:
        out.forms[:] = forms
    if not serves(program):
        out.refuse()
        return out
    run: Callable[..., Any] = compiler.compiled() if compiled else record.run_records
    columns = slice(None if posteriors else 0)
    halt = np.zeros(1, dtype=np.int64)  # looked at before each record
    packed = packed or packed_once(program)

    @contextmanager
    def start() -> Iterator[Run]:
        task = task_of(
            rows, wanted, column_node[columns], column_state[columns], out, explain, halt
        )
        plain = nullcontext() if compiled else watching()
        with plain, workspace_for(program, workspace) as scratch:
            where = (packed.at, scratch.at) if compiled else (packed, scratch)
            yield lambda first, last: run(*where, task, float(budget), first, last)

    run_rows(start, count, halt, threads=threads, progress=progress)
    return out


def run_shared_batch(
    schedule: Schedule,
    rows: BatchInput,
    column_node: Ints,
    column_state: Ints,
    *,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
    compiled: bool = True,
) -> BatchOutput:
    """Posteriors of every row by one schedule; arguments are those of ``run_batch``.

    The status of rows whose numbers leave the range of a double is "too wide": ``run_batch``
    answers them.
    """
    count = len(rows.codes)
    out = BatchOutput.empty(count, len(column_node))
    run: Callable[..., Any] = compiler.compiled("run_shared") if compiled else shared.run_shared
    halt = np.zeros(1, dtype=np.int64)

    @contextmanager
    def start() -> Iterator[Run]:
        task = task_of(rows, column_node, column_node, column_state, out, halt=halt)
        lanes = new_lanes(schedule)
        where = (schedule.at, lanes.at) if compiled else (schedule, lanes)
        with nullcontext() if compiled else watching():
            yield lambda first, last: run(*where, task, first, last)

    run_rows(start, count, halt, threads=threads, progress=progress, multiple=LANES)
    out.cells[:] = schedule.cells
    out.limits[out.status == STATUS.index("too wide")] = LIMITS.index("range")
    return out


def one_row(evidence: Evidence) -> BatchInput:
    """The evidence of one record as a batch."""
    soft_of = np.flatnonzero(evidence.is_soft).astype(np.int64)
    node_of = np.flatnonzero(evidence.hard >= 0).astype(np.int64)
    codes = evidence.hard[node_of].astype(np.int8)[None]
    return BatchInput(codes, node_of, evidence.soft[soft_of][None], soft_of)


class Single(NamedTuple):
    """One record: ``marginal`` (card, V) of the wanted nodes, ``responsibility`` (V, V) see
    ``Task``; ``limit`` is one of LIMITS.
    """

    status: str
    limit: str
    cells: float
    log_evidence: float
    marginal: Floats
    responsibility: Floats


@lru_cache(maxsize=4)
def _every_state(columns: int, nodes: int) -> tuple[Ints, Ints]:
    """State and node of each of ``columns * nodes`` columns."""
    states, of_nodes = np.indices((columns, nodes)).reshape(2, -1).copy()
    return states, of_nodes


def run_single(
    program: Program,
    evidence: Evidence,
    wanted: Ints,
    budget: float,
    workspace: float = WORKSPACE,
    down: bool = True,
    explain: bool = True,
    packed: Packed | None = None,
) -> Single:
    """One record by the compiled kernels.

    ``responsibility`` is empty without ``down`` or ``explain``: posteriors alone take less time.
    ``packed`` are the numbers, when they are not those of ``program`` (see ``draws.py``).
    """
    if not serves(program):
        nothing = np.zeros((0, 0))
        return Single("too wide", "planning", np.nan, np.nan, nothing, nothing)
    packed = packed or packed_once(program)
    nodes, columns = len(program.card), int(program.card.max())
    column_state, column_node = _every_state(columns, nodes)
    if not down:
        column_state = column_node = column_node[:0]
    rows = one_row(evidence)
    out = BatchOutput.empty(1, columns * nodes)
    task = task_of(rows, wanted, column_node, column_state, out, down and explain)
    with workspace_for(program, workspace) as scratch:
        compiler.compiled()(packed.at, scratch.at, task, float(budget), 0, 1)
    return Single(
        STATUS[out.status[0]],
        LIMITS[out.limits[0]],
        float(out.cells[0]),
        float(out.log_evidence[0]),
        out.probability.reshape(columns, nodes),
        task.responsibility,
    )
