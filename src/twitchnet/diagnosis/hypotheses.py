"""What would the posteriors be, if the answers were these?  Many hypothetical records at once.

Explanations, questions, what-if and conflict all ask about records that differ from one
another in an answer or two.  :func:`suppose` runs them as one batch of the compiled
kernels where those are loaded (or the work pays for loading them), and one by one
otherwise.  The answers are the same either way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twitchnet.diagnosis.answers import Answers
from twitchnet.diagnosis.inference import HEAVY, Inference, kernels_are_loaded
from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.engine.weights import balanced
from twitchnet.errors import CapacityError, limit_of
from twitchnet.model.network import Network

WORTH_COMPILING = 5e8
"""Planned cells from which compiling the kernels (half a minute) is quicker than numpy."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """What each of N hypothetical records would say.

    ``log_evidence`` (N,) is the natural log of P(answers), ``-inf`` when impossible;
    ``posterior`` (N, columns) are the posteriors of :func:`columns`, NaN when impossible
    (or (N, 0) when nobody asked for them).
    """

    log_evidence: Floats
    posterior: Floats


def columns(network: Network) -> tuple[tuple[str, int], ...]:
    """(target, state) of each column of posteriors: every state but the baseline."""
    return tuple(
        (name, state) for name in network.ranked for state in range(1, network.by_name[name].card)
    )


def suppose(
    inference: Inference,
    records: Sequence[Answers],
    *,
    posteriors: bool = True,
    program: Program | None = None,
) -> Supposed:
    """Posteriors of every record.  ``program`` replaces the numbers of the network.

    What is too wide for the kernels' plan is tried with that of numpy, which may be cheaper.
    Raises ``CapacityError`` when one of them is too wide for both.
    """
    if not records:
        width = len(columns(inference.network)) if posteriors else 0
        return Supposed(np.zeros(0), np.zeros((0, width)))
    if runs_compiled(inference, records[0], len(records)):
        return _batch(inference, records, posteriors, program or inference.lowered.program)
    return _one_by_one(inference, records, posteriors, program)


def runs_compiled(inference: Inference, answers: Answers, count: int) -> bool:
    """Whether ``count`` records like this one are computed by the compiled kernels."""
    evidence = inference.evidence(answers)
    if inference.engine != "auto":
        return inference.engine == "compiled"
    if kernels_are_loaded():
        return True
    from twitchnet.engine.kernels import compiler

    try:
        cells = count * inference.plan(evidence).cells
    except CapacityError:
        return compiler.is_cached()
    return cells > WORTH_COMPILING or (cells > HEAVY and compiler.is_cached())


def _one_by_one(
    inference: Inference, records: Sequence[Answers], posteriors: bool, program: Program | None
) -> Supposed:
    """The same, a record at a time."""
    places = columns(inference.network)
    log_evidence = np.zeros(len(records))
    posterior = np.full((len(records), len(places) if posteriors else 0), np.nan)
    for i, answers in enumerate(records):
        if not posteriors and program is None:
            log_evidence[i] = inference.log_evidence(inference.evidence(answers))
            continue
        beliefs = inference.beliefs(answers, program, accounts=False)
        log_evidence[i] = beliefs.log_evidence
        if posteriors:
            posterior[i] = [beliefs.probability[name][state] for name, state in places]
    return Supposed(log_evidence, posterior)


def _batch(
    inference: Inference, records: Sequence[Answers], posteriors: bool, program: Program
) -> Supposed:
    """The same by one run of the compiled kernels."""
    from twitchnet.engine.host.batch import LIMITS, STATUS, BatchInput, run_batch

    low, network = inference.lowered, inference.network
    names = [name for name in low.index if any(name in one.hard for one in records)]
    soft_names = [name for name in low.index if any(name in one.soft for one in records)]
    codes = np.full((len(records), len(names)), -1, dtype=np.int8)
    widest = int(low.program.card.max(initial=1))
    soft = np.full((len(records), len(soft_names), widest), np.nan)
    exponent = np.zeros((len(records), len(soft_names)))
    for i, one in enumerate(records):
        codes[i] = [one.hard.get(name, -1) for name in names]
        for j, name in enumerate(soft_names):
            if name in one.soft:
                row = one.soft[name]
                soft[i, j, : len(row)], exponent[i, j] = balanced(np.array(row))
    places = columns(network) if posteriors else ()
    out = run_batch(
        program,
        BatchInput(codes, _nodes(low.index, names), soft, _nodes(low.index, soft_names)),
        inference.wanted_targets if posteriors else np.zeros_like(inference.wanted),
        _nodes(low.index, [name for name, _ in places]),
        np.array([state for _, state in places], dtype=np.int64),
        budget=inference.budget,
        workspace=inference.workspace,
        posteriors=posteriors,
    )
    out.log_evidence[:] += exponent.sum(axis=1) * np.log(2.0)
    wide = np.flatnonzero(out.status == STATUS.index("too wide"))
    if len(wide):
        if inference.engine == "compiled":
            limit = limit_of(LIMITS[out.limits[wide[0]]])
            raise CapacityError(float(out.cells[wide[0]]), inference.budget, limit)
        given = None if program is low.program else program
        rest = _one_by_one(inference, [records[i] for i in wide.tolist()], posteriors, given)
        out.log_evidence[wide], out.probability[wide] = rest.log_evidence, rest.posterior
    return Supposed(out.log_evidence, out.probability)


def _nodes(index: dict[str, int], names: Sequence[str]) -> Ints:
    return np.array([index[name] for name in names], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Possible:
    """What each possible answer to some open questions would do.

    Row r supposes ``answer[r] = (name, state)``: ``probability[r]`` is its predictive
    probability, ``posterior[r]`` (columns,) what the targets would then be (NaN where the
    answer is impossible).  Exact, not sampled.
    """

    answer: tuple[tuple[str, int], ...]
    probability: Floats
    posterior: Floats

    def rows(self, name: str) -> list[int]:
        """The rows of one question, in the order of its states."""
        return [i for i, (other, _) in enumerate(self.answer) if other == name]


def possible_answers(
    inference: Inference, answers: Answers, now: Supposed, names: Sequence[str]
) -> Possible:
    """Every answer to each of ``names``, none of which is answered yet.

    One state of each question needs no pass of its own: P(c, e) is the sum over the
    answers, so the most expensive one (the last state; a present finding couples its
    parents, an absent one does not) follows by subtraction.  ``now`` is the row of the
    answers as they are.
    """
    by_name, places = inference.network.by_name, columns(inference.network)
    asked = [(name, state) for name in names for state in range(by_name[name].card)]
    supposed = [a for a in asked if a[1] < by_name[a[0]].card - 1]
    found = suppose(inference, [answers.with_answers({name: state}) for name, state in supposed])
    chance = np.exp(found.log_evidence - now.log_evidence[0])
    joint = np.where(chance[:, None] > 0.0, chance[:, None] * found.posterior, 0.0)
    probability, posterior = np.zeros(len(asked)), np.full((len(asked), len(places)), np.nan)
    place = {answer: i for i, answer in enumerate(supposed)}
    for r, (name, state) in enumerate(asked):
        rows = [place[name, s] for s in range(by_name[name].card - 1)]
        if (name, state) in place:
            here, both = chance[place[name, state]], joint[place[name, state]]
        else:
            here, both = 1.0 - chance[rows].sum(), now.posterior[0] - joint[rows].sum(axis=0)
            if here < LEAST_LEFT:  # subtraction would leave noise: its own pass
                own = suppose(inference, [answers.with_answers({name: state})])
                here = math.exp(own.log_evidence[0] - now.log_evidence[0])
                both = here * own.posterior[0]
        probability[r] = min(max(here, 0.0), 1.0)
        if here > 0.0:
            posterior[r] = np.clip(both / here, 0.0, 1.0)
    return Possible(tuple(asked), probability, posterior)


LEAST_LEFT = 1e-6
"""A remainder below this has lost six digits of sixteen, and gets a pass of its own."""
