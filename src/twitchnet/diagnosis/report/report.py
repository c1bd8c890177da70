"""What does a person need to know of a diagnosis?  The facts of a report, without its words.

:func:`build_report` gathers them into a :class:`Report`: what was answered, every ranked
cause with the answers that speak for it, who accounts for the findings, and what nobody
accounts for.  ``wording.py`` turns a report into sentences, ``show`` into text or HTML.
Nothing is computed here that would need another pass over the network, except
``none_present`` and ``unexplained``, which the diagnosis computes once.

*Speaks for* a cause: a present finding that its link probably produced (the posterior
of that link being active), and an answered context, cause or finding that by itself
brings the cause about (the strength of its link).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from twitchnet.diagnosis.care.management import Management
from twitchnet.diagnosis.care.triage import Triage, triage
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.ranking import RankedCause
from twitchnet.diagnosis.report.facts import (
    Answered,
    CauseRow,
    Flag,
    Reason,
    Report,
    Step,
    Unaccounted,
    Urgent,
)
from twitchnet.model.local import Leak, Link, Table
from twitchnet.model.network import Network, Variable

SPEAKS = 0.10
"""A finding speaks for a cause that produced it with at least this probability."""

BRINGS = 0.25
"""A context speaks for a cause when its link is at least this share of the prior."""


Responsibility = Mapping[tuple[str, str], float]


def build_report(
    network: Network,
    answers: Answers,
    ranking: Sequence[RankedCause],
    responsibility: Responsibility,
    triage: Triage,
    management: Management,
    none_present: float,
    unexplained: float,
) -> Report:
    """The facts of a report; the arguments are what a diagnosis of the same names holds.

    ``responsibility[cause, finding]`` is P(the cause's link produced this present finding);
    ``unexplained`` is NaN where nobody complains.
    """
    answered = tuple(_answered(network, answers))
    rows = tuple(_rows(network, answers, ranking, responsibility))
    present = [a for a in answered if a.present and a.kind == "finding"]
    leader = next((row for row in rows if not row.given and row.gain > 0.0), None)
    complaint = network.by_name.get(network.complaint)
    return Report(
        title=network.title or network.name,
        model=network.name,
        version=network.version,
        fingerprint=network.fingerprint,
        reviewed=network.reviewed,
        complaint=_label(complaint) if complaint else "",
        answered=answered,
        findings=len(present),
        rows=rows,
        leader=leader,
        about=_about(network, leader.cause) if leader else "",
        unaccounted=tuple(_unaccounted(rows, responsibility, leader, present)) if leader else (),
        none_present=none_present,
        unexplained=unexplained,
        urgent=urgent_of(network, answers, triage),
        steps=tuple(_steps(network, management)),
        words=network.words,
    )


def urgent_of(network: Network, answers: Answers, triage: Triage) -> Urgent | None:
    """The urgency in labels; needs no posterior but the ones that triage has seen."""
    if not network.rules and not network.watches and not triage.red_flags:
        return None
    said = {one.name: one for one in _answered(network, answers)}
    watched = {watch.target for watch in network.watches}

    def label(name: str) -> str:
        variable = network.by_name[name]
        answer = said.get(name)
        if answer is None or variable.is_binary:
            return _label(variable)
        return f"{_label(variable)}: {answer.state}"

    return Urgent(
        urgency=triage.urgency,
        flags=tuple(
            Flag(
                one.name,
                one.urgency,
                one.reason,
                tuple(label(name) for name in one.because),
                one.follow_up,
                one.name in watched,
            )
            for one in triage.fired
        ),
        red_flags=tuple(label(name) for name in triage.red_flags),
        waiting=tuple(
            Flag(one.name, one.urgency, one.reason, tuple(label(name) for name in one.ask))
            for one in triage.waiting
        ),
        unasked=tuple(
            _label(variable)
            for variable in network.variables
            if variable.always_ask and variable.name not in said
        ),
        unwatched=triage.unwatched,
        levels=network.triage_levels,
    )


def urgent_by_rules(network: Network, answers: Answers) -> Urgent | None:
    """The urgency by the rules alone, where no posterior is at hand."""
    return urgent_of(network, answers, triage(network, answers.states(network)))


def spoken(state: str) -> str:
    """A state as people read and type it.

    >>> spoken("hours_days")
    'hours days'
    """
    return " ".join(state.replace("_", " ").split())


def _label(variable: Variable) -> str:
    return variable.label or variable.name


def _about(network: Network, name: str) -> str:
    """What a cause is and how it goes on, in the words of the model file."""
    texts = (network.by_name[name].description, network.extra.get(f"causes.{name}.course", ""))
    return " ".join(text.strip() for text in texts if text)


def _answered(network: Network, answers: Answers) -> Iterator[Answered]:
    """Every answer in the order of the model; a likelihood is named as one."""
    for variable in network.variables:
        name = variable.name
        if name in answers.hard:
            state = answers.hard[name]
            said = spoken(variable.states[state])
            yield Answered(name, _label(variable), said, state > 0, variable.kind)
        elif name in answers.soft:
            yield Answered(name, _label(variable), "uncertain", False, variable.kind)


def _rows(
    network: Network,
    answers: Answers,
    ranking: Sequence[RankedCause],
    responsibility: Responsibility,
) -> Iterator[CauseRow]:
    for row in ranking:
        variable = network.by_name[row.cause]
        given = answers.hard.get(row.cause)
        speaks = [*_accounted(network, responsibility, row), *_brings(network, answers, row)]
        yield CauseRow(
            rank=row.rank,
            cause=row.cause,
            label=row.label if variable.card == 2 else f"{row.label}: {spoken(row.state)}",
            posterior=row.posterior,
            prior=row.prior,
            gain=row.gain,
            explains=row.explains,
            given=row.given,
            present=given is None or variable.states[given] == row.state,
            speaks=tuple(speaks),
        )


def _accounted(network: Network, responsibility: Responsibility, row: RankedCause) -> list[Reason]:
    """Present findings that the cause may have produced, most probable first."""
    found = [
        Reason(finding, _label(network.by_name[finding]), share, "accounts")
        for (cause, finding), share in responsibility.items()
        if cause == row.cause and share >= SPEAKS
    ]
    return sorted(found, key=lambda reason: -reason.share)


def _brings(network: Network, answers: Answers, row: RankedCause) -> list[Reason]:
    """Answers that by themselves bring the cause about, strongest first."""
    local = network.by_name[row.cause].local
    if local is None or isinstance(local, Table):
        return []
    found = []
    for link in local.links:
        state = answers.hard.get(link.parent, 0)
        strength = _strength(link, answers.hard, row.state, network.by_name[row.cause].states)
        if state > 0 and strength >= BRINGS * row.prior:
            parent = network.by_name[link.parent]
            label = _label(parent)
            if not parent.is_binary:
                label = f"{label}: {spoken(parent.states[state])}"
            found.append(Reason(link.parent, label, strength, "brings"))
    return sorted(found, key=lambda reason: -reason.share)


def _strength(
    part: Leak | Link, hard: Mapping[str, int], state: str, states: Sequence[str]
) -> float:
    """The largest strength of a link that its answered modifiers and parent allow."""
    names = (*part.modifiers, part.parent) if isinstance(part, Link) else part.modifiers
    values = part.strength[tuple(hard.get(name, slice(None)) for name in names)]
    if part.strength.ndim > len(names):  # noisy-MAX: a distribution over the child's states
        values = values[..., states.index(state)]
    return float(values.max())


def _unaccounted(
    rows: Sequence[CauseRow],
    responsibility: Responsibility,
    leader: CauseRow,
    present: Sequence[Answered],
) -> Iterator[Unaccounted]:
    """Present findings that another cause more probably produced, or hardly any did."""
    labels = {row.cause: row.label for row in rows}
    for answer in present:
        shares = {cause: share for (cause, f), share in responsibility.items() if f == answer.name}
        best = max(shares, key=lambda cause: shares[cause], default="")
        most = shares.get(best, 0.0)
        own = shares.get(leader.cause, 0.0)
        if own < 0.5 and (best != leader.cause or most < SPEAKS):
            yield Unaccounted(answer.label, labels.get(best, ""), most)


def _steps(network: Network, management: Management) -> Iterator[Step]:
    """What to do, in order: the expert first, then the options by benefit."""
    for one in (*management.visit, *management.options):
        yield Step(
            label=one.label,
            advice=one.advice,
            acts_on=tuple(_label(network.by_name[action.cause]) for action in one.actions),
            time_scale=one.time_scale,
            quality=one.quality,
            caution=one.caution,
            warn=one.caution_applies,
        )
