"""Why is this cause likely, or not?  The weight of every answer, by leaving it out.

The weight of an answer a for a cause c is the log Bayes factor

    10 log10 [ odds(c | all answers) / odds(c | all answers but a) ]    (decibans)

(Good 1985, "Weight of evidence: a brief survey"; Madigan, Mosurski & Almond 1997,
"Graphical explanation in belief networks").  It is exact and needs one pass per answer,
which serves every cause at once.  Leaving out a finding leaves out its descriptors too:
a twitching that nobody reported cannot jerk.

Weights are of single answers given all others.  They do not add up to the weight of all
answers together: two answers that say the same share what they say.

An answer can speak against a cause only because it speaks for another one: the other
cause takes the credit for what both could have produced (*explaining away*, Pearl 1988).
``through`` names that cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import Possible, Supposed, columns, possible_answers, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.local import Descriptor, Table
from twitchnet.model.network import Network
from twitchnet.show.page import Page

NEUTRAL = 1.0
"""Decibans; Good calls one the smallest change of odds that a person notices."""

DECISIVE = 5.0
"""Decibans from which an answer that is not there yet would be worth having (odds x 3)."""

Responsibility = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Weight:
    """What one answer says about a cause.

    ``decibans`` is positive for, negative against, infinite when the answer alone decides;
    ``without`` the posterior when it is left out, with the descriptors in ``together``.
    ``credit`` is P(the cause's own link produced this finding), 0 for another answer;
    ``rival`` the cause with the most credit for it, '' for none, and ``rival_credit`` its share.
    ``through`` is the cause that this answer speaks for, when that is how it speaks against.
    """

    answer: str
    state: str
    decibans: float
    without: float
    together: tuple[str, ...] = ()
    credit: float = 0.0
    rival: str = ""
    rival_credit: float = 0.0
    through: str = ""


@dataclass(frozen=True, slots=True)
class Decisive:
    """An answer that nobody has given yet, and what it would do to the cause."""

    answer: str
    state: str
    probability: float
    posterior: float
    decibans: float


@dataclass(frozen=True, slots=True)
class Explanation(Shown):
    """Why one state of a cause has its posterior.

    ``supporting`` and ``opposing`` hold the strongest answers first; ``decisive`` the
    unanswered ones, strongest first.
    """

    cause: str
    state: str
    label: str
    prior: float
    posterior: float
    weights: tuple[Weight, ...]
    decisive: tuple[Decisive, ...] = ()

    @property
    def supporting(self) -> tuple[Weight, ...]:
        """Answers that speak for the cause."""
        found = [one for one in self.weights if one.decibans >= NEUTRAL]
        return tuple(sorted(found, key=lambda one: -one.decibans))

    @property
    def opposing(self) -> tuple[Weight, ...]:
        """Answers that speak against the cause."""
        found = [one for one in self.weights if one.decibans <= -NEUTRAL]
        return tuple(sorted(found, key=lambda one: one.decibans))

    @property
    def neutral(self) -> tuple[Weight, ...]:
        """Answers that say next to nothing about it, in the order of the model."""
        return tuple(one for one in self.weights if abs(one.decibans) < NEUTRAL)

    def page(self) -> Page:
        """Why, as tables: for, against, and what would be worth knowing."""
        head = "*answer | >weight | without it | what produced it"
        close = f"Below {NEUTRAL:g} dB either way: "
        return self.sheet(
            f"Why {self.label}: {percent(self.posterior)}",
            table("Speaks for it", head, map(self._row, self.supporting)),
            table("Speaks against it", head, map(self._row, self.opposing)),
            lines(
                "Says next to nothing",
                close + ", ".join(self.said(one.answer, one.state) for one in self.neutral) + "."
                if self.neutral
                else "",
            ),
            table(
                "Not answered, and would matter",
                "*answer | >weight | it would be | how likely the answer is",
                (
                    (
                        self.said(one.answer, one.state),
                        f"{one.decibans:+.1f} dB",
                        percent(one.posterior),
                        percent(one.probability),
                    )
                    for one in self.decisive
                ),
            ),
            lines(
                "How to read it",
                "10 dB multiply the odds by 10, 3 dB by 2. Each weight is of one answer, given all "
                "the others; weights do not add up.",
            ),
            subtitle=f"Before any answer {percent(self.prior)}.",
        )

    def _row(self, one: Weight) -> tuple[str, ...]:
        """A weight in words."""
        answer = self.said(one.answer, one.state)
        if one.together:
            answer += f" (with {', '.join(map(self.called, one.together))})"
        by = ""
        if one.through:
            by = f"takes the credit: {self.called(one.through)}"
        elif one.credit or one.rival:
            by = f"this {percent(one.credit)}"
            by += f", {self.called(one.rival)} {percent(one.rival_credit)}" if one.rival else ""
        return answer, f"{one.decibans:+.1f} dB", percent(one.without), by


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The posteriors with each answer left out in turn.

    ``names[i]`` is the answer, ``together[i]`` what went with it, and row i of ``rows``
    what is left; ``now`` is the single row of all answers.
    """

    names: tuple[str, ...]
    together: tuple[tuple[str, ...], ...]
    rows: Supposed
    now: Supposed


Odds = tuple[float, float]
"""The probabilities that a hypothesis holds and that it does not.

The second is no ``1 - p`` of the first, which keeps no digits where p is all but 1.
"""


def weight(with_it: Odds, without: Odds) -> float:
    """The log Bayes factor in decibans between two odds of one hypothesis.

    >>> weight((0.5, 0.5), (0.5, 0.5)), round(weight((0.9, 0.1), (0.5, 0.5)), 2)
    (0.0, 9.54)
    """
    if math.isnan(with_it[0]) or math.isnan(without[0]):
        return math.nan
    now, before = _log10_odds(*with_it), _log10_odds(*without)
    return 0.0 if now == before else 10.0 * (now - before)


def _log10_odds(p: float, rest: float) -> float:
    if p <= 0.0:
        return -math.inf
    return math.inf if rest <= 0.0 else math.log10(p) - math.log10(rest)


def _odds(one: Supposed, row: int, column: int) -> Odds:
    return float(one.posterior[row, column]), float(one.rest[row, column])


def leave_out(inference: Inference, answers: Answers) -> LeftOut:
    """Every answer left out in turn, as one batch.  Screens have no probability and no row."""
    names, together, records = left_out_answers(inference.network, answers)
    found = suppose(inference, [answers, *records])
    return LeftOut(names, together, found.take(slice(1, None)), found.take(slice(1)))


def left_out_answers(
    network: Network, answers: Answers
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[Answers, ...]]:
    """The answers that can be left out, what goes with each, and what is left without it."""
    names = [v.name for v in network.nodes if v.name in answers.hard or v.name in answers.soft]
    together = [
        tuple(d for d, of in network.descriptors.items() if of == name and d in names)
        for name in names
    ]
    left = [answers.without(name, *more) for name, more in zip(names, together, strict=True)]
    return tuple(names), tuple(together), tuple(left)


def column_of(network: Network, cause: str, state: str = "") -> int:
    """The column of a state of a target ('' for the first that is not the baseline).

    Raises ``RecordError`` for a name or a state that is not ranked.
    """
    if cause not in network.ranked:
        hint = nearest(cause, network.ranked)
        raise RecordError([Problem("TN201", "not one of the ranked causes", cause, hint=hint)])
    states = network.by_name[cause].states
    if state and state not in states[1:]:
        hint = nearest(state, states[1:])
        raise RecordError([Problem("TN202", f"no state {state!r} to rank", cause, hint=hint)])
    return columns(network).index((cause, states.index(state) if state else 1))


def explain(
    inference: Inference,
    answers: Answers,
    left: LeftOut,
    responsibility: Responsibility,
    cause: str,
    state: str = "",
    *,
    decisive: bool = True,
) -> Explanation:
    """Why a cause has its posterior; ``left`` comes from :func:`leave_out`.

    ``responsibility[cause, finding]`` is P(the cause's link produced this present finding).
    ``decisive`` adds the open questions next to the cause, one pass for each.
    """
    network = inference.network
    column = column_of(network, cause, state)
    at = columns(network)[column][1]
    variable = network.by_name[cause]
    shares = _by_finding(responsibility)
    weights = tuple(
        _weigh(network, answers, left, shares.get(name, {}), i, column, cause)
        for i, name in enumerate(left.names)
        if name != cause
    )
    found: tuple[Decisive, ...] = ()
    if decisive and cause not in answers.hard:
        known = {*answers.hard, *answers.soft}
        names = [name for name in neighbours(network, cause) if name not in known]
        possible = possible_answers(inference, answers, left.now, names, cause)
        found = _decisive(network, possible, column, _odds(left.now, 0, column))
    return Explanation(
        cause,
        variable.states[at],
        variable.label or cause,
        float(inference.prior.probability[cause][at]),
        float(left.now.posterior[0, column]),
        weights,
        found,
    )


def neighbours(network: Network, cause: str) -> tuple[str, ...]:
    """What can be asked that the cause brings about or is brought about by, in model order.

    Descriptors count where a producer of the cause acts on them; other causes do not: they
    are never asked about.
    """
    near = {*network.parents(cause)}
    for variable in network.nodes:
        if cause in network.parents(variable.name):
            near.add(variable.name)
    return tuple(v.name for v in network.nodes if v.name in near and v.kind != "cause")


def _state_said(network: Network, answers: Answers, name: str) -> str:
    if name in answers.hard:
        return network.by_name[name].states[answers.hard[name]]
    return "likelihood"


def _weigh(
    network: Network,
    answers: Answers,
    left: LeftOut,
    shares: Mapping[str, float],
    i: int,
    column: int,
    cause: str,
) -> Weight:
    """The weight of answer ``i``; ``shares`` are those of each cause in having produced it."""
    name = left.names[i]
    without = float(left.rows.posterior[i, column])
    decibans = weight(_odds(left.now, 0, column), _odds(left.rows, i, column))
    rivals = [c for c in shares if c != cause]
    rival = max(rivals, key=lambda c: shares[c], default="")
    return Weight(
        name,
        _state_said(network, answers, name),
        decibans,
        without,
        left.together[i],
        shares.get(cause, 0.0),
        rival,
        shares.get(rival, 0.0),
        _through(network, answers, left, i, cause) if decibans <= -NEUTRAL else "",
    )


def _by_finding(responsibility: Responsibility) -> dict[str, dict[str, float]]:
    """The share of each cause in each finding."""
    found: dict[str, dict[str, float]] = {}
    for (cause, finding), share in responsibility.items():
        found.setdefault(finding, {})[cause] = share
    return found


def _through(network: Network, answers: Answers, left: LeftOut, i: int, cause: str) -> str:
    """The cause that an answer speaks for, and that shares a present finding with ours.

    Only where the answer itself has no arc with ours: then all that it says about ours it
    says through others.
    """
    name = left.names[i]
    if name in network.parents(cause) or cause in network.parents(name):
        return ""
    shared = [
        variable.name
        for variable in network.nodes
        if answers.hard.get(variable.name, 0) > 0 and cause in _producers(network, variable.name)
    ]
    change = left.now.posterior[0] - left.rows.posterior[i]
    best, gain = "", 0.0
    for column, (other, _) in enumerate(columns(network)):
        joins = any(other in _producers(network, finding) for finding in shared)
        if other not in (cause, name) and joins and change[column] > gain:
            best, gain = other, float(change[column])
    return best


def _producers(network: Network, name: str) -> tuple[str, ...]:
    """The parents that produce a variable by links of their own."""
    local = network.by_name[name].local
    if local is None or isinstance(local, Table | Descriptor):
        return () if local is None else network.parents(name)
    return tuple(link.parent for link in local.links)


def _decisive(network: Network, possible: Possible, column: int, now: Odds) -> tuple[Decisive, ...]:
    found = []
    for r, (name, state) in enumerate(possible.answer):
        then = float(possible.posterior[r, column])
        if possible.probability[r] <= 0.0 or math.isnan(then):
            continue
        size = weight(_odds(possible.then, r, column), now)
        if abs(size) >= DECISIVE:
            answer = network.by_name[name].states[state]
            found.append(Decisive(name, answer, float(possible.probability[r]), then, size))
    return tuple(sorted(found, key=lambda one: -abs(one.decibans)))
