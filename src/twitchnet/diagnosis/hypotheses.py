"""What would the posteriors be, if the answers were these?  Many hypothetical records at once.

Explanations, questions, what-if and conflict all ask about records that differ from one
another in an answer or two.  :func:`suppose` runs them as one batch of the compiled
kernels where those are loaded (or lie on disk, and the work pays for loading them), and one by one
otherwise.  The answers are the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import HEAVY, Inference
from twitchnet.engine.host import readiness
from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.engine.shares import normalised, others, ratio
from twitchnet.engine.weights import balanced
from twitchnet.errors import CapacityError
from twitchnet.model.network import Network
from twitchnet.show.progress import LONG, Meter

WORTH_COMPILING = 5e8
"""Planned cells from which compiling the kernels (some ten seconds) is quicker than numpy."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """What each of N hypothetical records would say.

    ``log_evidence`` (N,) is the natural log of P(answers), ``-inf`` when impossible;
    ``states`` (N, states) are the posteriors of :func:`all_states`; ``posterior`` (N, columns)
    those of :func:`columns`, and ``rest`` (N, columns) the probabilities that the target is
    in another state.  NaN when impossible; (N, 0) when nobody asked for them.
    """

    log_evidence: Floats
    states: Floats
    posterior: Floats
    rest: Floats

    def take(self, some: slice) -> Supposed:
        """The records ``some``."""
        return Supposed(
            self.log_evidence[some], self.states[some], self.posterior[some], self.rest[some]
        )


def columns(network: Network) -> tuple[tuple[str, int], ...]:
    """(target, state) of each column of posteriors: every state but the baseline."""
    return tuple((name, state) for name, state in all_states(network) if state)


def target_states(network: Network) -> tuple[tuple[str, str], ...]:
    """(target, state) for every non-baseline state of every target, in order."""
    return tuple(
        (name, state) for name in network.ranked for state in network.by_name[name].states[1:]
    )


def all_states(network: Network) -> tuple[tuple[str, int], ...]:
    """(target, state) of every state of every target, the states of one beside each other."""
    return tuple(
        (name, state) for name in network.ranked for state in range(network.by_name[name].card)
    )


def supposed(network: Network, log_evidence: Floats, states: Floats) -> Supposed:
    """Posteriors of records, from those of every state of every target (N, states)."""
    each = _by_target(network, states)
    posterior = [of_target[:, 1:] for of_target in each]
    rest = [others(of_target)[:, 1:] for of_target in each]
    return Supposed(
        log_evidence, states, np.concatenate(posterior, axis=1), np.concatenate(rest, axis=1)
    )


def _by_target(network: Network, states: Floats) -> list[Floats]:
    """The parts (..., states of a target) of posteriors (..., states of all targets)."""
    cards = [network.by_name[name].card for name in network.ranked]
    return np.split(states, np.cumsum(cards)[:-1], axis=-1)


def _nothing_asked(log_evidence: Floats) -> Supposed:
    """Records whose posteriors nobody asked for."""
    none = np.zeros((len(log_evidence), 0))
    return Supposed(log_evidence, none, none, none)


def suppose(
    inference: Inference,
    records: Sequence[Answers],
    *,
    posteriors: bool = True,
    program: Program | None = None,
    too_wide: dict[int, CapacityError] | None = None,
) -> Supposed:
    """Posteriors of every record.  ``program`` replaces the numbers of the network.

    What is too wide for the kernels' plan is tried with that of numpy, which may be cheaper.  A
    record that is too wide for both is NaN and told in ``too_wide``, by its place; where there is
    none, the ``CapacityError`` is raised.
    """
    with Meter(len(records), after=LONG) as meter:
        if not records:
            log_evidence, states = np.zeros(0), np.zeros((0, len(all_states(inference.network))))
        elif runs_compiled(inference, records[0], len(records)):
            numbers = program or inference.lowered.program
            log_evidence, states = _batch(inference, records, posteriors, numbers, meter, too_wide)
        else:
            log_evidence, states = _one_by_one(
                inference, records, posteriors, program, meter, too_wide
            )
    if not posteriors:
        return _nothing_asked(log_evidence)
    return supposed(inference.network, log_evidence, states)


def runs_compiled(inference: Inference, answers: Answers, count: int) -> bool:
    """Whether ``count`` records like this one are computed by the compiled kernels.

    Nobody waits for the compiler: where it pays, kernels are compiled beside the work, and the
    records that are left then run on them.
    """
    evidence = inference.evidence(answers)
    if inference.engine != "auto":
        return inference.engine == "compiled"
    if readiness.is_ready():
        return True
    try:
        cells = count * inference.plan(evidence).cells
    except CapacityError:
        return readiness.is_on_disk()
    if cells > HEAVY and readiness.is_on_disk():
        return True
    if cells > WORTH_COMPILING:
        readiness.warm_up(background=True)
    return False


def _one_by_one(
    inference: Inference,
    records: Sequence[Answers],
    posteriors: bool,
    program: Program | None,
    progress: Callable[[int], object],
    too_wide: dict[int, CapacityError] | None,
) -> tuple[Floats, Floats]:
    """Log P (N,) and posteriors (N, states) of :func:`all_states`, a record at a time."""
    places = all_states(inference.network)
    log_evidence = np.full(len(records), np.nan)
    states = np.full((len(records), len(places) if posteriors else 0), np.nan)
    for i, answers in enumerate(records):
        progress(i)
        try:
            if not posteriors and program is None:
                log_evidence[i] = inference.log_evidence(inference.evidence(answers))
                continue
            beliefs = inference.beliefs(answers, program, explain=False)
        except CapacityError as error:
            if too_wide is None:
                raise
            too_wide[i] = error
            continue
        log_evidence[i] = beliefs.log_evidence
        if posteriors:
            states[i] = [beliefs.probability[name][state] for name, state in places]
    return log_evidence, states


def _batch(
    inference: Inference,
    records: Sequence[Answers],
    posteriors: bool,
    program: Program,
    progress: Callable[[int], object],
    too_wide: dict[int, CapacityError] | None,
) -> tuple[Floats, Floats]:
    """The same by one run of the compiled kernels."""
    from twitchnet.engine.host.batch import STATUS, BatchInput, run_batch

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
    places = all_states(network) if posteriors else ()
    out = run_batch(
        program,
        BatchInput(codes, _nodes(low.index, names), soft, _nodes(low.index, soft_names)),
        inference.wanted_targets if posteriors else np.zeros_like(inference.wanted),
        _nodes(low.index, [name for name, _ in places]),
        np.array([state for _, state in places], dtype=np.int64),
        budget=inference.budget,
        workspace=inference.workspace,
        posteriors=posteriors,
        progress=progress,
    )
    out.log_evidence[:] += exponent.sum(axis=1) * np.log(2.0)
    wide = np.flatnonzero(out.status == STATUS.index("too wide"))
    if len(wide):
        given = None if program is low.program else program
        rest = [records[i] for i in wide.tolist()]
        told: dict[int, CapacityError] = {}
        report = None if too_wide is None else told
        again = _one_by_one(inference, rest, posteriors, given, progress, report)
        out.log_evidence[wide], out.probability[wide] = again
        if too_wide is not None:
            too_wide.update({int(wide[i]): error for i, error in told.items()})
    return out.log_evidence, out.probability


def _nodes(index: dict[str, int], names: Sequence[str]) -> Ints:
    return np.array([index[name] for name in names], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Possible:
    """What each possible answer to some open questions would do.

    Row r supposes ``answer[r] = (name, state)``: ``probability[r]`` is its predictive
    probability, and row r of ``then`` what the targets would then be (NaN where the answer is
    impossible).  Exact, not sampled.
    """

    answer: tuple[tuple[str, int], ...]
    probability: Floats
    then: Supposed

    @property
    def posterior(self) -> Floats:
        """(rows, columns) what the targets would then be."""
        return self.then.posterior

    def rows(self, name: str) -> list[int]:
        """The rows of one question, in the order of its states."""
        return [i for i, (other, _) in enumerate(self.answer) if other == name]


def possible_answers(
    inference: Inference, answers: Answers, now: Supposed, names: Sequence[str], about: str = ""
) -> Possible:
    """Every answer to each of ``names``, none of which is answered yet.

    P(c, e) is the sum over the answers, so the most expensive one (the last state; a present
    finding couples its parents, an absent one does not) follows by subtraction where that
    keeps the digits (``KEPT``), and has a pass of its own elsewhere.  ``now`` is the row of the
    answers as they are; ``about`` names the one target whose posteriors are wanted.
    """
    network = inference.network
    places = all_states(network)
    mine = np.array([about in ("", name) for name, _ in places], dtype=np.bool_)
    asked = [(name, state) for name in names for state in range(network.by_name[name].card)]
    cards = [network.by_name[name].card for name in names]
    ends = np.cumsum(cards).tolist()
    groups = [list(range(end - card, end)) for end, card in zip(ends, cards, strict=True)]
    chance, states = np.zeros(len(asked)), np.full((len(asked), len(places)), np.nan)

    def run(rows: list[int]) -> None:
        """A pass for each of some rows."""
        found = suppose(inference, [answers.with_answers(dict([asked[r]])) for r in rows])
        chance[rows] = ratio(found.log_evidence, now.log_evidence[0])
        states[rows] = found.states

    run([r for group in groups for r in group[:-1]])
    costly = []
    for *rest, last in groups:
        joint = np.where(chance[rest, None] > 0.0, chance[rest, None] * states[rest], 0.0)
        left = now.states[0] - joint.sum(axis=0)
        chance[last] = 1.0 - chance[rest].sum()
        keeps = (left >= KEPT * now.states[0])[mine].all() and chance[last] >= KEPT
        if keeps:
            of_targets = _by_target(network, np.where(mine, left, np.nan))
            states[last] = np.concatenate([normalised(masses) for masses in of_targets])
        else:
            costly.append(last)
    run(costly)
    for group in groups:
        chance[group] = normalised(chance[group])
    states[~(chance > 0.0)] = np.nan
    with np.errstate(divide="ignore"):
        log_evidence = np.log(chance) + now.log_evidence[0]
    return Possible(tuple(asked), chance, supposed(network, log_evidence, states))


KEPT = 1.0 / 64.0
"""The least share that a difference keeps of what it is taken from: it loses six bits.

Evaluations are believed to 3e-12 of each other, so what is left is right to 4e-10.
"""
