"""What if the answers were others?

:func:`compare` sets two rankings side by side.  :func:`single_changes` goes through every
change of one answer: what is open is answered in every way, what is answered is answered
otherwise or taken back.  (What if something were *done* is another question:
``model/surgery.py`` before the evidence, ``twin.py`` after it.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twitchnet.diagnosis.evidence import Answers, find_variable, read_answers
from twitchnet.diagnosis.gain import leading
from twitchnet.diagnosis.hypotheses import Supposed, columns, possible_answers, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, table, worded
from twitchnet.diagnosis.ranking import RankedCause
from twitchnet.diagnosis.report.wording import percent
from twitchnet.model.care import Urgency
from twitchnet.model.network import Network
from twitchnet.show.page import Page

SMALLEST = 0.005
"""Changes of a posterior below half a percent have no row on a page."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One cause before and after; a rank is None where the record gives the cause."""

    cause: str
    state: str
    label: str
    before: float
    after: float
    rank_before: int | None
    rank_after: int | None


@dataclass(frozen=True, slots=True)
class WhatIf(Shown):
    """Two diagnoses side by side: ``changes`` maps answers to states, '' where taken back.

    ``bayes_factor`` is P(answers after) / P(answers before).
    """

    changes: Mapping[str, str]
    rows: tuple[Moved, ...]
    urgency_before: Urgency
    urgency_after: Urgency
    bayes_factor: float

    def page(self) -> Page:
        """The causes that move, largest change first."""
        words = ", ".join(
            f"{self.called(name)}: {worded(state or 'unknown')}"
            for name, state in self.changes.items()
        )
        moved = sorted(self.rows, key=lambda one: -abs(one.after - one.before))
        return self.sheet(
            f"What if: {words}",
            table(
                "Causes that move",
                "*cause | >now | >then | rank",
                (
                    (
                        one.label,
                        percent(one.before),
                        percent(one.after),
                        f"{one.rank_before or 'given'} -> {one.rank_after or 'given'}",
                    )
                    for one in moved
                    if abs(one.after - one.before) >= SMALLEST
                ),
            ),
            subtitle=f"Urgency: {self._urgency()}." if self.urgency_before else "",
        )

    def _urgency(self) -> str:
        before, after = worded(self.urgency_before), worded(self.urgency_after)
        return f"{before}, as before" if before == after else f"{after} instead of {before}"


@dataclass(frozen=True, slots=True)
class SingleChange:
    """One answer changed: ``state`` is '' where it is taken back.

    ``leader`` would lead by gain.  ``probability`` of an open answer is its predictive
    probability, NaN for a change of what is answered; ``posterior`` holds the first state of
    each cause that is not its baseline.
    """

    answer: str
    before: str
    state: str
    probability: float
    leader: str
    posterior: Mapping[str, float]


def compare(
    changes: Mapping[str, str],
    before: Sequence[RankedCause],
    after: Sequence[RankedCause],
    urgencies: tuple[Urgency, Urgency],
    bayes_factor: float,
) -> WhatIf:
    """Two rankings side by side, in the order of the first."""
    then = {(row.cause, row.state): row for row in after}
    rows = []
    for row in before:
        other = then[row.cause, row.state]
        both = row.posterior, other.posterior, row.rank, other.rank
        rows.append(Moved(row.cause, row.state, row.label, *both))
    return WhatIf(dict(changes), tuple(rows), *urgencies, bayes_factor)


def single_changes(inference: Inference, answers: Answers) -> tuple[SingleChange, ...]:
    """Every change of one answer, in the order of the model; impossible ones are left out.

    A likelihood can only be taken back.  Taking back a finding takes back its descriptors.
    """
    network = inference.network
    now = suppose(inference, [answers])
    known = {*answers.hard, *answers.soft}
    free = [v.name for v in network.nodes if v.name not in known and v.kind != "cause"]
    possible = possible_answers(inference, answers, now, free)
    result = [
        _change(inference, answers, name, state, float(p), possible.then.take(slice(r, r + 1)))
        for r, ((name, state), p) in enumerate(
            zip(possible.answer, possible.probability, strict=True)
        )
        if p > 0.0
    ]
    said_names = [v.name for v in network.nodes if v.name in known]
    pairs = [
        (name, state)
        for name in said_names
        for state in (-1, *range(network.by_name[name].card if name in answers.hard else 0))
        if state < 0 or answers.hard[name] != state
    ]
    others = suppose(inference, [changed(network, answers, {n: s}) for n, s in pairs])
    result += [
        _change(inference, answers, name, state, math.nan, others.take(slice(i, i + 1)))
        for i, (name, state) in enumerate(pairs)
        if others.log_evidence[i] > -math.inf
    ]
    order = {v.name: i for i, v in enumerate(network.nodes)}
    return tuple(sorted(result, key=lambda one: order[one.answer]))


def answers_after(
    network: Network, answers: Answers, said: Mapping[str, object]
) -> tuple[Answers, dict[str, str]]:
    """The answers after changes as a record spells them, and the changes: '' is taken back.

    Unknown takes an answer back.  Raises ``RecordError`` for wrong names or states.
    """
    read = read_answers(network, said)
    names = [find_variable(network, name) or name for name in said]
    back = {name: -1 for name in names if name not in read.hard and name not in read.soft}
    new = changed(network, answers, {**read.hard, **back}).without(*read.soft)
    new = Answers(new.hard, {**new.soft, **read.soft})
    states = new.states(network)
    told = {name: states.get(name, "likelihood") for name in (*read.hard, *read.soft)}
    return new, {**told, **dict.fromkeys(back, "")}


def changed(network: Network, answers: Answers, changes: Mapping[str, int]) -> Answers:
    """The answers with some changed; -1 takes one back.

    A finding that is absent or taken back takes its present descriptors with it.
    """
    gone = [name for name, state in changes.items() if state < 0]
    unsaid = {name for name, state in changes.items() if state <= 0}
    gone += [
        one
        for one, of in network.descriptors.items()
        if of in unsaid and one not in changes and (of in gone or answers.hard.get(one, 0) > 0)
    ]
    kept = {name: state for name, state in changes.items() if state >= 0}
    return answers.without(*gone).with_answers(kept)


def _change(
    inference: Inference, answers: Answers, name: str, state: int, chance: float, then: Supposed
) -> SingleChange:
    network, row = inference.network, then.posterior[0]
    variable = network.by_name[name]
    before = variable.states[answers.hard[name]] if name in answers.hard else ""
    places = columns(network)
    best = leading(inference, answers, row, then.rest[0])
    return SingleChange(
        name,
        before,
        variable.states[state] if state >= 0 else "",
        chance,
        places[best][0] if best >= 0 else "",
        {cause: float(row[i]) for i, (cause, at) in enumerate(places) if at == 1},
    )
