"""What are the posteriors of many records?

The fast path: codes in, arrays out, and a status per record instead of an error.  A batch
goes to the compiled kernels, which announce their first compilation through logging; a
small one never waits for a compiler and runs record by record on numpy.  What one of the two
cannot answer is left to the other, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes, check_codes
from twitchnet.diagnosis.inference import HEAVY, Inference
from twitchnet.engine.host.batch import (
    LEFT_TO_NUMPY,
    LIMITS,
    STATUS,
    BatchInput,
    BatchOutput,
    run_batch,
)
from twitchnet.engine.host.packing import serves
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Packed
from twitchnet.engine.numpy.plan import build_plan, evidence_arrays
from twitchnet.engine.program import Evidence, Floats, Ints, Program
from twitchnet.engine.weights import balanced
from twitchnet.errors import CapacityError, Problem, RecordError, nearest
from twitchnet.model.network import Network

SMALL = 32
"""Records up to which a batch does not load the kernels: about two seconds on numpy."""

Progress = Callable[[int], object]


class Meters:
    """One progress for several runs over the same ``count`` records.

    ``shares`` say how long each run takes; each tells the records that it has done.
    """

    def __init__(self, progress: Progress | None, count: int, shares: Sequence[float]) -> None:
        self.progress = progress
        self.count = count
        self.shares = shares

    def of(self, run: int) -> Progress | None:
        """What a run tells, when those before it are done."""
        progress = self.progress
        if progress is None:
            return None
        before, share, total = sum(self.shares[:run]), self.shares[run], sum(self.shares)
        count = max(self.count, 1)

        def told(done: int) -> object:
            return progress(int(self.count * (before + share * min(done / count, 1.0)) / total))

        return told


OK, IMPOSSIBLE, TOO_WIDE = (STATUS.index(name) for name in ("ok", "impossible", "too wide"))
BUDGET = LIMITS.index("budget")


@dataclass(frozen=True)
class Posteriors:
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


def target_states(network: Network) -> tuple[tuple[str, str], ...]:
    """(target, state) for every non-baseline state of every target, in order."""
    return tuple(
        (name, state) for name in network.ranked for state in network.by_name[name].states[1:]
    )


def posteriors(
    inference: Inference,
    codes: NDArray[Any],
    threads: int | None = None,
    progress: Progress | None = None,
    likelihood: Mapping[str, NDArray[Any]] | None = None,
) -> Posteriors:
    """Posteriors of every record of ``codes`` (records, ``network.nodes``).

    ``likelihood`` maps variables to arrays (records, states) of weights; a row of NaN
    is no evidence.  ``threads`` defaults to all cores; the answer does not depend on it.
    Raises ``RecordError`` for codes that are not states and for weights that cannot be
    used.
    """
    network = inference.network
    checked = check_codes(network, codes)
    columns = target_states(network)
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


def make_rows(
    inference: Inference, codes: Codes, likelihood: Mapping[str, NDArray[Any]]
) -> BatchInput:
    """The evidence of a batch, as the engine reads it."""
    low, network = inference.lowered, inference.network
    names = [variable.name for variable in network.nodes]
    card = int(low.program.card.max())
    soft = np.full((len(codes), len(likelihood), card), np.nan)
    problems = []
    for i, (name, given) in enumerate(likelihood.items()):
        if name not in names:
            hint = nearest(name, names)
            problems.append(Problem("TN201", "the model has no such variable", name, hint=hint))
            continue
        weights = np.asarray(given, dtype=np.float64)
        shape = (len(codes), network.by_name[name].card)
        if weights.shape != shape:
            message = f"weights have the shape {shape}, not {weights.shape}"
            problems.append(Problem("TN206", message, name))
            continue
        problems += _wrong_weights(name, weights, codes[:, names.index(name)])
        soft[:, i, : shape[1]] = weights
    if problems:
        raise RecordError(problems)
    node_of = np.array([low.index[name] for name in names], dtype=np.int64)
    soft_of = np.array([low.index[name] for name in likelihood], dtype=np.int64)
    return BatchInput(codes, node_of, soft, soft_of)


def _wrong_weights(name: str, weights: Floats, codes: Codes) -> list[Problem]:
    """What is wrong with the first likelihood that cannot be used."""
    given = ~np.isnan(weights).all(axis=1)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isfinite(weights) & (weights >= 0)).all(axis=1) | (weights.sum(axis=1) == 0)
    for rows, code, message in (
        (given & wrong, "TN206", "weights must be finite, >= 0 and not all 0"),
        (given & (codes >= 0), "TN204", "a likelihood and an answer for one variable"),
    ):
        if rows.any():
            return [Problem(code, f"row {np.flatnonzero(rows)[0]}: {message}", name)]
    return []


def with_fixed(rows: BatchInput, fixed: Mapping[int, int]) -> BatchInput:
    """The same records with the same further answer in all of them: node -> state."""
    nodes = rows.node_of.tolist()
    at = [nodes.index(node) for node in fixed if node in nodes]
    new = [node for node in fixed if node not in nodes]
    codes = np.empty((len(rows.codes), len(nodes) + len(new)), dtype=np.int8)
    codes[:, : len(nodes)] = rows.codes
    codes[:, at] = [fixed[nodes[i]] for i in at]
    codes[:, len(nodes) :] = [fixed[node] for node in new]
    node_of = np.concatenate([rows.node_of, np.array(new, dtype=np.int64)])
    return rows._replace(codes=codes, node_of=node_of)


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
    """One pass over a batch; P(evidence) alone when ``columns`` is empty.

    ``compiled`` says who computes: the kernels, numpy, or (None) whoever is quicker.  Their
    plans differ: what is too wide for the kernels is left to numpy, record by record, and what
    is too wide for numpy to kernels that are on disk.
    ``program`` replaces the numbers of the network, ``packed`` is what the kernels read of
    it, and ``forms`` (rows,) are the forms to begin with.
    """
    low, network, count = inference.lowered, inference.network, len(rows.codes)
    rows, log_scale = _balanced(rows)
    states = [network.by_name[name].states.index(state) for name, state in columns]

    def by_kernels(some: BatchInput, begin: NDArray[np.int8] | None, done: int) -> BatchOutput:
        """The same by the kernels, when ``done`` rows are."""
        return run_batch(
            program or low.program,
            some,
            wanted if columns else np.zeros_like(wanted),
            np.array([low.index[name] for name, _ in columns], dtype=np.int64),
            np.array(states, dtype=np.int64),
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
        found.log_evidence[:] += log_scale
        return found
    wide = np.flatnonzero(found.status == TOO_WIDE)
    if len(wide) and served and inference.engine != "numpy" and compiler.is_cached():
        rest = by_kernels(
            _some(rows, wide), None if forms is None else forms[wide], count - len(wide)
        )
        answered = (rest.status != TOO_WIDE) | (rest.limits == BUDGET)
        for name in BatchOutput._fields:
            getattr(found, name)[wide[answered]] = getattr(rest, name)[answered]
    elif len(wide) and progress is not None:
        progress(count)
    found.log_evidence[:] += log_scale
    return found


def _balanced(rows: BatchInput) -> tuple[BatchInput, Floats]:
    """Rows with likelihoods of a size near 1, and the log of what they were divided by."""
    soft, exponent = balanced(rows.soft)
    nodes = rows.node_of.tolist()
    for i, node in enumerate(rows.soft_of.tolist()):
        if node in nodes:  # an answer replaces a likelihood
            exponent[rows.codes[:, nodes.index(node)] >= 0, i] = 0
    return rows._replace(soft=soft), exponent.sum(axis=1) * np.log(2.0)


def _one_by_one(
    inference: Inference,
    rows: BatchInput,
    columns: tuple[tuple[str, str], ...],
    progress: Progress | None,
    program: Program | None = None,
    hurry: bool = True,
) -> BatchOutput | None:
    """A batch on numpy; None (in a ``hurry``) when a record is so heavy that cached kernels pay."""
    network, count = inference.network, len(rows.codes)
    at = [(name, network.by_name[name].states.index(state)) for name, state in columns]
    out = BatchOutput.empty(count, len(columns))
    numbers = program or inference.lowered.program
    ranked = np.flatnonzero(inference.wanted_targets)
    targets = ranked if columns else ranked[:0]
    for row in range(count):
        evidence = _evidence(inference, rows, row)
        try:
            plan, factors = build_plan(
                numbers, evidence, targets, inference.budget, inference.workspace, accounts=False
            )
        except CapacityError as error:
            out.status[row], out.cells[row] = TOO_WIDE, error.cells
            out.limits[row] = LIMITS.index(error.limit)
            continue
        out.cells[row] = plan.cells
        if hurry and plan.cells > HEAVY and compiler.is_cached():
            return None
        beliefs = inference._read(plan, factors, evidence, accounts=False)
        out.log_evidence[row] = beliefs.log_evidence
        if columns:
            out.probability[row] = [beliefs.probability[name][state] for name, state in at]
        if out.log_evidence[row] == -np.inf:
            out.status[row] = IMPOSSIBLE
        if progress is not None:
            progress(row + 1 - int((out.status == TOO_WIDE).sum()))
    return out


def _some(rows: BatchInput, at: Ints) -> BatchInput:
    """The records ``at``."""
    return rows._replace(codes=rows.codes[at], soft=rows.soft[at])


def _answer_wide(
    inference: Inference,
    rows: BatchInput,
    columns: tuple[tuple[str, str], ...],
    program: Program | None,
    out: BatchOutput,
) -> None:
    """Answers on numpy what is too wide for the kernels, equal records once.

    Where kernels alone are asked for, nothing but what their numbers cannot hold.
    A record that is too wide for both tells the limit of numpy, or the smaller planned cost
    where both know one.
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
    few = _some(rows, np.array([same[0] for same in alike.values()], dtype=np.int64))
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


def _evidence(inference: Inference, rows: BatchInput, row: int) -> Evidence:
    """One record of a batch as arrays over the nodes."""
    evidence = evidence_arrays(inference.lowered.program)
    evidence.hard[rows.node_of] = rows.codes[row]
    for node, weights in zip(rows.soft_of, rows.soft[row], strict=True):
        if not np.isnan(weights[0]) and evidence.hard[node] < 0:
            card = int(inference.lowered.program.card[node])
            evidence.is_soft[node] = True
            evidence.soft[node, :card] = weights[:card]
    return evidence
