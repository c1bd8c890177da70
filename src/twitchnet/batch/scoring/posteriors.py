"""What are the posteriors of many records?

Codes come in, arrays go out, and a record that cannot be computed has a status instead of an
error.  The compiled kernels compute a batch; they announce their first compilation through
logging.  A small batch does not wait for a compiler: numpy computes it record by record.  What
one of the two engines cannot answer is left to the other, here and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import check_codes
from twitchnet.batch.scoring.rows import evidence_of, make_rows, only, without_scale
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.diagnosis.inference import HEAVY, Inference
from twitchnet.diagnosis.pages import HasPage, table, worded
from twitchnet.engine.host.batch import (
    LEFT_TO_NUMPY,
    LIMITS,
    STATUS,
    BatchInput,
    BatchOutput,
    run_batch,
    run_shared_batch,
)
from twitchnet.engine.host.packing import serves
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Packed
from twitchnet.engine.numpy.plan import build_plan
from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.errors import CapacityError
from twitchnet.show.page import Bar, Page

SMALL = 32
"""Records of a batch for which the kernels are not loaded: numpy takes about two seconds."""

LEADERS = 10
"""States that the page of a batch names."""

Progress = Callable[[int], object]
"""Called with the number of records that are done."""

OK, IMPOSSIBLE, TOO_WIDE = (STATUS.index(name) for name in ("ok", "impossible", "too wide"))
BUDGET = LIMITS.index("budget")


@dataclass(frozen=True)
class Posteriors(HasPage):
    """Posteriors of a batch.

    ``probability`` (records, len(columns)) float64, NaN unless the status is ``ok``;
    ``columns`` (target, state) pairs, ``Model.target_states``; ``log_evidence``
    (records,) the natural log of P(answers), ``-inf`` when impossible and NaN when not
    computed; ``status`` (records,) is ``ok``, ``impossible`` or ``too wide``; ``cells``
    (records,) the planned cost in table cells, NaN where planning ended before it was known;
    ``limit`` (records,) is what a record that is too wide exceeds: ``budget``, ``workspace``
    or ``planning``, and empty for all others (``CapacityError`` says what helps).
    """

    probability: Floats
    log_evidence: Floats
    status: NDArray[np.str_]
    cells: Floats
    columns: tuple[tuple[str, str], ...]
    limit: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.status)

    def signed(self) -> Page:
        """What became of the records, and which column is the most probable one how often."""
        answered = self.status == "ok"
        counts = Counter(self.status.tolist())
        of_limit = Counter(limit for limit in self.limit.tolist() if limit)
        best = self.probability[answered].argmax(axis=1).tolist() if self.columns else []
        sections = (
            table(
                "Records",
                "*status | >records",
                [(name, f"{count:,}") for name, count in counts.most_common()]
                + [(f"too wide: {name}", f"{count:,}") for name, count in of_limit.most_common()],
            ),
            table(
                "Most probable",
                "*state | records",
                (
                    (
                        f"{self.columns[i][0]}: {worded(self.columns[i][1])}",
                        Bar(count / answered.sum(), f"{count:,}"),
                    )
                    for i, count in Counter(best).most_common(LEADERS)
                ),
            ),
        )
        return Page(f"Posteriors of {len(self):,} records", tuple(s for s in sections if s))


def posteriors(
    inference: Inference,
    codes: NDArray[Any],
    threads: int | None = None,
    progress: Progress | None = None,
    likelihood: Mapping[str, NDArray[Any]] | None = None,
) -> Posteriors:
    """Posteriors of every record of ``codes`` (records, ``network.nodes``).

    ``likelihood`` maps variables to arrays (records, states) of weights; a row of NaN
    is not evidence.  ``threads`` defaults to all cores; the answer does not depend on it.
    Raises ``RecordError`` for codes that are not states and for weights that cannot be
    used.
    """
    checked = check_codes(inference.network, codes)
    columns = target_states(inference.network)
    out = evaluate(
        inference,
        make_rows(inference, checked, likelihood or {}),
        inference.wanted,
        columns,
        threads=threads,
        progress=progress,
    )
    status = np.array(STATUS)[out.status]
    limit = np.array(LIMITS)[out.limits]
    return Posteriors(out.probability, out.log_evidence, status, out.cells, columns, limit)


def evaluate(
    inference: Inference,
    rows: BatchInput,
    wanted: Ints,
    columns: tuple[tuple[str, str], ...],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    compiled: bool | None = None,
    program: Program | None = None,
    packed: Packed | None = None,
    forms: NDArray[np.int8] | None = None,
) -> BatchOutput:
    """One pass over a batch: the probability of ``columns``, or of the evidence alone for ().

    ``wanted`` (V,) marks the nodes of the columns as ``Inference.wanted`` does.  ``compiled``
    chooses the engine: the kernels, numpy, or (None) the quicker one.  Their plans differ, so
    numpy computes, record by record, what is too wide for the kernels; kernels that are on
    disk compute what is too wide for numpy.
    ``program`` replaces the numbers of the network, ``packed`` is the same program as the
    kernels read it, and ``forms`` (rows,) are the forms of the kernels to begin with.

    The kernels compute all records on one schedule where that costs less than a plan for each
    (``Inference.schedule``).
    """
    low, network, count = inference.lowered, inference.network, len(rows.codes)
    rows, log_scale = without_scale(rows)
    states = [network.by_name[name].states.index(state) for name, state in columns]
    of_columns = (
        np.array([low.index[name] for name, _ in columns], dtype=np.int64),
        np.array(states, dtype=np.int64),
    )

    def by_kernels(some: BatchInput, begin: NDArray[np.int8] | None, done: int) -> BatchOutput:
        """The pass over some rows by the kernels, after ``done`` others."""
        if program is not None or packed is not None or inference.schedule is None:
            return by_plans(some, begin, done)
        found = run_shared_batch(
            inference.schedule,
            some,
            *of_columns,
            threads=threads,
            progress=None if progress is None else lambda more: progress(done + more),
        )
        beyond = np.flatnonzero(found.status == TOO_WIDE)
        if len(beyond):
            copy_rows(by_plans(only(some, beyond), None, count - len(beyond)), found, beyond)
        return found

    def by_plans(some: BatchInput, begin: NDArray[np.int8] | None, done: int) -> BatchOutput:
        """The same, with a plan for each record."""
        return run_batch(
            program or low.program,
            some,
            wanted if columns else np.zeros_like(wanted),
            *of_columns,
            budget=inference.budget,
            workspace=inference.batch_workspace,
            threads=threads,
            posteriors=bool(columns),
            progress=None if progress is None else lambda more: progress(done + more),
            packed=packed,
            forms=begin,
        )

    served = serves(program or low.program)
    if compiled is None:
        compiled = count > SMALL or compiler.is_compiled()
    found = None
    if not (compiled and served):
        found = _one_by_one(inference, rows, columns, progress, program, hurry=served)
    if found is None:
        found = by_kernels(rows, forms, 0)
        _answer_wide(inference, rows, columns, program, found)
    elif len(wide := np.flatnonzero(found.status == TOO_WIDE)):
        if served and inference.engine != "numpy" and compiler.is_cached():
            begin = None if forms is None else forms[wide]
            rest = by_kernels(only(rows, wide), begin, count - len(wide))
            answered = (rest.status != TOO_WIDE) | (rest.limits == BUDGET)
            copy_rows(rest, found, wide[answered], answered)
        elif progress is not None:
            progress(count)
    found.log_evidence[:] += log_scale
    return found


def copy_rows(
    source: BatchOutput, target: BatchOutput, at: Ints, of: NDArray[Any] | slice = slice(None)
) -> None:
    """Puts the rows ``of`` one output to the rows ``at`` of another."""
    for name in BatchOutput._fields:
        getattr(target, name)[at] = getattr(source, name)[of]


def _one_by_one(
    inference: Inference,
    rows: BatchInput,
    columns: tuple[tuple[str, str], ...],
    progress: Progress | None,
    program: Program | None = None,
    hurry: bool = True,
) -> BatchOutput | None:
    """A batch by numpy; in a ``hurry`` None, once a record is heavy enough for kernels on disk."""
    network, count = inference.network, len(rows.codes)
    at = [(name, network.by_name[name].states.index(state)) for name, state in columns]
    out = BatchOutput.empty(count, len(columns))
    numbers = program or inference.lowered.program
    ranked = np.flatnonzero(inference.wanted_targets)
    targets = ranked if columns else ranked[:0]
    for row in range(count):
        evidence = evidence_of(inference, rows, row)
        try:
            plan, factors = build_plan(
                numbers,
                evidence,
                targets,
                inference.budget,
                inference.workspace,
                explain=False,
            )
        except CapacityError as error:
            out.status[row], out.cells[row] = TOO_WIDE, error.cells
            out.limits[row] = LIMITS.index(error.limit)
            continue
        out.cells[row] = plan.cells
        if hurry and plan.cells > HEAVY and compiler.is_cached():
            return None
        beliefs = inference.beliefs_of(plan, factors, evidence, explain=False)
        out.log_evidence[row] = beliefs.log_evidence
        if columns:
            out.probability[row] = [beliefs.probability[name][state] for name, state in at]
        if out.log_evidence[row] == -np.inf:
            out.status[row] = IMPOSSIBLE
        if progress is not None:
            progress(row + 1 - int((out.status == TOO_WIDE).sum()))
    return out


def _answer_wide(
    inference: Inference,
    rows: BatchInput,
    columns: tuple[tuple[str, str], ...],
    program: Program | None,
    out: BatchOutput,
) -> None:
    """Computes by numpy what is too wide for the kernels, equal records once.

    Under ``engine="compiled"`` only the records that leave the range or the precision of the
    kernels' numbers.  A record that is too wide for both engines has the limit of numpy, with
    the smaller planned cost where both know one.
    """
    refused = out.status == TOO_WIDE
    if inference.engine == "compiled":
        refused &= np.isin(np.array(LIMITS)[out.limits], LEFT_TO_NUMPY)
    wide = np.flatnonzero(refused)
    if not len(wide):
        return
    alike: dict[tuple[bytes, bytes], list[int]] = {}
    for row in wide.tolist():
        alike.setdefault((rows.codes[row].tobytes(), rows.soft[row].tobytes()), []).append(row)
    few = only(rows, np.array([same[0] for same in alike.values()], dtype=np.int64))
    rest = _one_by_one(inference, few, columns, None, program, hurry=False)
    if rest is None:
        return
    for i, same in enumerate(alike.values()):
        least = min(float(rest.cells[i]), float(out.cells[same[0]]))
        if rest.status[i] == TOO_WIDE and out.limits[same[0]] == BUDGET != rest.limits[i]:
            continue
        for name in ("probability", "log_evidence", "status", "cells", "limits"):
            getattr(out, name)[same] = getattr(rest, name)[i]
        if rest.status[i] == TOO_WIDE and rest.limits[i] == BUDGET and least > 0.0:
            out.cells[same] = least
