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
    suppose,
)
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.interview.interview import Interview
from twitchnet.diagnosis.pages import Shown, lines, table, worded
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import others
from twitchnet.errors import Problem, RecordError, nearest
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
    """The open questions, best first, and whether asking may stop (``stop``, ``reason``).

    ``change`` is the largest probability, over the open questions, that the answer to one of
    them changes the leader or the urgency.
    """

    about: str
    questions: tuple[NextQuestion, ...]
    stop: bool
    reason: str
    change: float

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
        look_ahead(inference, known, answers, now, possible, name, name in safety, about)
        for name in names
    ]
    order = {name: i for i, name in enumerate(names)}

    def place(one: NextQuestion) -> tuple[int, float]:
        return (order[one.name], 0.0) if one.safety else (len(names), -_known(one.value))

    rows.sort(key=place)
    standing = Standing.of(inference, known, answers, now)
    stop, reason = _enough(standing, rows)
    change = max((standing.changed_by(one) for one in rows), default=0.0)
    return NextQuestions(about, tuple(rows[:k]), stop, reason, change)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def look_ahead(
    inference: Inference,
    known: Mapping[str, str],
    answers: Answers,
    now: Supposed,
    possible: Possible,
    name: str,
    safety: bool,
    about: str,
) -> NextQuestion:
    """An open question with its value and what each answer to it would do."""
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What the answers so far come to: the leader by gain, and the urgency by the rules."""

    leader: str
    urgency: Urgency

    @classmethod
    def of(
        cls, inference: Inference, known: Mapping[str, str], answers: Answers, now: Supposed
    ) -> Standing:
        """Of some answers, with their posteriors ``now`` (one record)."""
        first = leading(inference, answers, now.posterior[0], now.rest[0])
        leader = columns(inference.network)[first][0] if first >= 0 else ""
        return cls(leader, triage(inference.network, known).urgency)

    def changed_by(self, one: NextQuestion) -> float:
        """The probability that the answer to a question changes it.

        An answer without a probability (of a question that only rules read) counts as 0 here,
        and an impossible one changes nothing.
        """
        return math.fsum(
            effect.probability for effect in one.effects if self._changes(effect, possible=True)
        )

    def _changes(self, effect: Effect, possible: bool = False) -> bool:
        if effect.probability <= 0.0 or (possible and math.isnan(effect.probability)):
            return False
        return effect.urgency != self.urgency or (
            bool(effect.leader) and effect.leader != self.leader
        )

    def could_change_by(self, one: NextQuestion) -> bool:
        """Whether any answer to a question changes it."""
        return any(self._changes(effect) for effect in one.effects)


def _enough(standing: Standing, rows: Sequence[NextQuestion]) -> tuple[bool, str]:
    """Whether to stop, and why."""
    if not rows:
        return True, "every question is answered"
    if any(one.safety for one in rows):
        return False, "a question that a red flag depends on is open"
    able = [one for one in rows if standing.could_change_by(one)]
    if not able:
        return True, "no further answer, by itself, can change the leader or the urgency"
    best = max((_known(one.bits) for one in rows), default=0.0)
    if best < LEAST_BITS:
        return True, f"no question is expected to tell more than {LEAST_BITS:g} bits"
    count = len(able)
    return False, f"the answer to {count} of the questions could change the leader or the urgency"
