"""Which answer would tell most, and when is it enough?

The value of a question is its expected information in bits, per unit of its ask cost:

- about *one cause*: the mutual information of the answer and the cause, given what is known;
- about the *causes*: the sum of those over all ranked causes, which is how much the answer
  is expected to lower the sum of their entropies (the causes are judged one by one; it is
  not the information about their joint state);
- about the *leader*: the mutual information of the answer and the cause that leads by gain
  after it (see ``diagnosis.gain``), which is the entropy of that cause, since an answer decides
  it; it is 0 where no answer puts another cause first;
- about the *urgency*: the mutual information of the answer and the urgency that the rules
  would set, which is the entropy of that urgency, since an answer decides it.

Expectations run over every possible answer with its exact predictive probability; nothing
is sampled.  The look ahead is one question (*myopic*; Heckerman, Breese & Rommelse 1995,
CACM 38(3)).  Questions for safety come first whatever they tell about causes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twitchnet.diagnosis.care.triage import triage
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.gain import leading
from twitchnet.diagnosis.hypotheses import (
    Possible,
    Supposed,
    all_states,
    columns,
    possible_answers,
    runs_compiled,
    suppose,
)
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.interview.interview import Interview, Order
from twitchnet.diagnosis.report.pages import Shown, lines, table, worded
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.kernels import compiler
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import others
from twitchnet.errors import CapacityError, Problem, RecordError, nearest
from twitchnet.model.care import Urgency
from twitchnet.model.network import Network
from twitchnet.show.page import Page

CAUSES, LEADER, URGENCY = "causes", "leader", "urgency"

LEAST_BITS = 0.01
"""Expected bits below which no further question is worth a person's time."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one answer to a question would do.

    ``probability`` is its predictive probability (NaN for a question without one);
    ``leader`` would rank first by gain, with ``posterior``.
    """

    state: str
    probability: float
    leader: str
    posterior: float
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class NextQuestion:
    """A question with its value.

    ``bits`` is the expected information (NaN for a question without a probability),
    ``value`` the bits per unit of ``cost``; ``safety`` says that it comes first because a
    red flag depends on it.
    """

    name: str
    question: str
    bits: float
    cost: float
    value: float
    safety: bool
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class NextQuestions(Shown):
    """The open questions, best first, and whether asking may stop (``stop``, ``reason``)."""

    about: str
    questions: tuple[NextQuestion, ...]
    stop: bool
    reason: str

    def page(self) -> Page:
        """The questions as a table."""
        return self.sheet(
            "What to ask next",
            lines("Enough?", f"{'Yes' if self.stop else 'No'}: {self.reason}."),
            table(
                f"Questions by what they tell about {self.called(self.about)}",
                "*question, and what each answer would make of the leading cause | >bits | >cost",
                (
                    (
                        f"{one.question}{' (safety first)' if one.safety else ''}"
                        f"{self._effects(one)}",
                        "-" if math.isnan(one.bits) else f"{one.bits:.3f}",
                        f"{one.cost:g}",
                    )
                    for one in self.questions
                ),
                "Bits: the information to expect from the answer.",
            ),
        )

    def _effects(self, one: NextQuestion) -> str:
        """What each answer would do, in words; '' for a question without a probability."""
        told = [effect for effect in one.effects if not math.isnan(effect.probability)]
        if not told:
            return ""
        leaders = {effect.leader for effect in told}
        head = f" {self.called(told[0].leader)}:" if len(leaders) == 1 else ""
        parts = [
            f"{percent(effect.posterior) if head else self._leading(effect)} if "
            f"{worded(effect.state)} ({percent(effect.probability)})"
            for effect in told
        ]
        return f"{head} {'; '.join(parts)}."

    def _leading(self, effect: Effect) -> str:
        return f"{self.called(effect.leader)} {percent(effect.posterior)}"


def next_questions(
    inference: Inference, answers: Answers, k: int | None = 5, about: str = CAUSES
) -> NextQuestions:
    """The ``k`` best open questions (all for None), those of safety first.

    ``about`` is ``"causes"``, ``"leader"``, ``"urgency"`` or the name of a ranked cause.  Raises
    ``RecordError`` for another name, ``CapacityError`` when a hypothetical record is too
    wide.
    """
    network = inference.network
    if about not in (CAUSES, LEADER, URGENCY, *network.ranked):
        hint = nearest(about, [CAUSES, LEADER, URGENCY, *network.ranked])
        message = "neither causes, leader, urgency nor a cause"
        raise RecordError([Problem("TN201", message, about, hint=hint)])
    known = answers.states(network)
    talk = Interview(network, known)
    names = [name for name in talk.open if name not in answers.soft]
    safety = {name for name in talk.safety if name in names}
    nodes = [name for name in names if network.by_name[name].local is not None]
    now = suppose(inference, [answers])
    possible = possible_answers(inference, answers, now, nodes)
    rows = [
        _question(inference, known, answers, now, possible, name, name in safety, about)
        for name in names
    ]
    order = {name: i for i, name in enumerate(names)}

    def place(one: NextQuestion) -> tuple[int, float]:
        return (order[one.name], 0.0) if one.safety else (len(names), -_known(one.value))

    rows.sort(key=place)
    stop, reason = _enough(inference, known, answers, now, rows)
    return NextQuestions(about, tuple(rows[:k]), stop, reason)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _question(
    inference: Inference,
    known: Mapping[str, str],
    answers: Answers,
    now: Supposed,
    possible: Possible,
    name: str,
    safety: bool,
    about: str,
) -> NextQuestion:
    network = inference.network
    variable = network.by_name[name]
    urgencies = [triage(network, {**known, name: state}).urgency for state in variable.states]
    places = possible.rows(name)
    effects = []
    for state, label in enumerate(variable.states):
        chance, leader, top = math.nan, "", math.nan
        if places:
            chance = float(possible.probability[places[state]])
            posterior, rest = possible.posterior[places[state]], possible.then.rest[places[state]]
            first = leading(inference, answers, posterior, rest) if chance > 0.0 else -1
            if first >= 0:
                leader, top = columns(network)[first][0], float(posterior[first])
        effects.append(Effect(label, chance, leader, top, urgencies[state]))
    bits = math.nan
    if places:
        chances = possible.probability[places]
        bits = (
            _decided_bits(urgencies, chances)
            if about == URGENCY
            else _decided_bits([effect.leader for effect in effects], chances)
            if about == LEADER
            else math.fsum(
                information(network, cause, now.states[0], chances, possible.then.states[places])
                for cause in (network.ranked if about == CAUSES else (about,))
                if cause not in (*answers.hard, name)
            )
        )
    cost = variable.ask_cost
    value = bits / cost if cost > 0 else math.inf
    words = variable.question or variable.label or name
    return NextQuestion(name, words, bits, cost, value, safety, tuple(effects))


def information(network: Network, cause: str, now: Floats, chances: Floats, then: Floats) -> float:
    """The mutual information in bits of an answer and a cause.

    ``now`` (states,) are the posteriors of ``all_states``, ``then`` (A, states) those after
    each answer, ``chances`` (A,) the probabilities of the answers.
    """
    mine = [i for i, (name, _) in enumerate(all_states(network)) if name == cause]
    gain = entropy(now[mine])
    for chance, row in zip(chances, then, strict=True):
        if chance > 0.0:
            gain -= float(chance) * entropy(row[mine])
    return max(gain, 0.0)  # rounding may leave -1e-17


def entropy(posterior: Floats) -> float:
    """The entropy in bits of a variable with these probabilities of all its states.

    >>> import numpy as np
    >>> entropy(np.array([0.5, 0.5])), entropy(np.array([1.0, 0.0]))
    (1.0, 0.0)
    """
    pairs = zip(posterior.tolist(), others(posterior).tolist(), strict=True)
    nats = (-p * (math.log(p) if p < 0.5 else math.log1p(-rest)) for p, rest in pairs if p > 0.0)
    return math.fsum(nats) / math.log(2.0) + 0.0


def _decided_bits(outcomes: Sequence[str], chances: Floats) -> float:
    """The entropy in bits of what an answer decides: the outcome of each, and its probability."""
    share: dict[str, float] = {}
    for outcome, chance in zip(outcomes, chances, strict=True):
        share[outcome] = share.get(outcome, 0.0) + float(chance)
    return math.fsum(-p * math.log2(p) for p in share.values() if p > 0.0) + 0.0


def _enough(
    inference: Inference,
    known: Mapping[str, str],
    answers: Answers,
    now: Supposed,
    rows: Sequence[NextQuestion],
) -> tuple[bool, str]:
    """Whether to stop, and why."""
    if not rows:
        return True, "every question is answered"
    if any(one.safety for one in rows):
        return False, "a question that a red flag depends on is open"
    network = inference.network
    first = leading(inference, answers, now.posterior[0], now.rest[0])
    leader = columns(network)[first][0] if first >= 0 else ""
    urgency = triage(network, known).urgency
    able = [
        one.name
        for one in rows
        for effect in one.effects
        if (effect.leader and effect.leader != leader)
        or (effect.urgency != urgency and not effect.probability <= 0.0)
    ]
    if not able:
        return True, "no further answer, by itself, can change the leader or the urgency"
    best = max((_known(one.bits) for one in rows), default=0.0)
    if best < LEAST_BITS:
        return True, f"no question is expected to tell more than {LEAST_BITS:g} bits"
    count = len(dict.fromkeys(able))
    return False, f"the answer to {count} of the questions could change the leader or the urgency"


def best_order(inference: Inference, about: str = CAUSES) -> Order:
    """An order for an ``Interview``: the most telling question first.

    Falls back to the order of the file where the answers so far are impossible or too wide,
    and where a person would have to wait (``PATIENCE``).
    """

    def order(network: Network, known: Mapping[str, str], questions: Sequence[str]) -> str:
        by_name = network.by_name
        answers = Answers({name: by_name[name].states.index(s) for name, s in known.items()})
        nodes = [name for name in questions if by_name[name].local is not None]
        try:
            if not _is_quick(inference, answers, len(nodes)):
                return questions[0]
            now = suppose(inference, [answers])
            if now.log_evidence[0] == -math.inf:
                return questions[0]
            possible = possible_answers(inference, answers, now, nodes)
        except CapacityError:
            return questions[0]
        rows = [
            _question(inference, known, answers, now, possible, name, False, about)
            for name in questions
        ]
        return max(rows, key=lambda one: _known(one.value)).name  # the first of equals

    return order


PATIENCE = 1e8
"""Planned cells of a look ahead on the numpy path, about ten seconds."""


def _is_quick(inference: Inference, answers: Answers, count: int) -> bool:
    """Whether looking at so many questions takes no longer than a person waits."""
    if runs_compiled(inference, answers, count):
        return compiler.is_compiled() or compiler.is_cached()
    return count * inference.plan(inference.evidence(answers)).cells < PATIENCE
