"""How urgent is it, and why?

Rules read the answers alone, never a posterior; unknown and absent answers fire nothing.
The watches are a second net: posteriors of serious causes, and of likely ones that guidance
wants to be seen, computed from the contexts and the *present* findings only
(``watch_answers``), so an absent finding lowers neither net.
A watch may raise the urgency and never lowers it.  Pure functions: inference is done by
the caller, words for the screen by ``show``.

A rule that would fire if an unanswered screen question were answered yes is *waiting*:
it raises nothing, but its sentence is shown and its questions are asked next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.pages import Shown, lines, table, worded
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import present
from twitchnet.model.care import Rule, Urgency
from twitchnet.model.language.rules import Condition, answers_read, holds, names_read, parse
from twitchnet.model.network import Network, Variable
from twitchnet.show.page import Page


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule, or a watch, that set an urgency: which, why, and what to do besides.

    ``because`` names the answers that satisfied it, in the order of the condition; for a
    watch it is the watched variable.
    """

    name: str
    urgency: Urgency
    reason: str
    because: tuple[str, ...]
    follow_up: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A rule that only unanswered screen questions hold back: ``ask`` names them."""

    name: str
    urgency: Urgency
    reason: str
    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Triage(Shown):
    """How urgent the answers are; ``urgency`` is '' in a model without rules and watches.

    ``fired`` holds rules and watches, most urgent first and in file order within a level,
    and is never empty when the model has a default rule.  ``red_flags`` are the present
    findings that have to be named whatever the posterior says.  ``waiting`` are rules of
    a higher level than ``urgency`` whose questions should be asked next.  ``unwatched``
    says that the posteriors of the watches were too wide to compute: rules spoke alone.
    """

    urgency: Urgency
    fired: tuple[Fired, ...]
    red_flags: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    unwatched: bool = False

    @property
    def deciding(self) -> tuple[Fired, ...]:
        """What fired at the final urgency: the reasons that a person reads first."""
        return tuple(one for one in self.fired if one.urgency == self.urgency)

    def page(self) -> Page:
        """The urgency, red flags, and what fired, most urgent first."""
        flags = ", ".join(map(self.called, self.red_flags)) or "none"
        unwatched = "The posteriors of serious causes were too wide to compute: rules spoke alone."
        return self.sheet(
            f"How urgent: {worded(self.urgency)}" if self.urgency else "How urgent",
            lines("Red flags", f"{flags}.", unwatched if self.unwatched else ""),
            table(
                "What speaks for it",
                "level | *why | because of",
                (
                    (
                        worded(one.urgency),
                        f"{one.reason} {one.follow_up}".strip(),
                        ", ".join(map(self.called, one.because)) or "-",
                    )
                    for one in self.fired
                ),
            ),
            table(
                "What should be asked next",
                "level | *why | ask",
                (
                    (worded(one.urgency), one.reason, ", ".join(map(self.called, one.ask)))
                    for one in self.waiting
                ),
            ),
        )


def triage(
    network: Network,
    answers: Mapping[str, str],
    watched: Mapping[str, float] | None = None,
) -> Triage:
    """The urgency of a record, with every rule and watch that fired.

    ``answers`` maps a variable to its state, hard answers only.  ``watched`` maps the
    targets of the watches (``cause`` or ``cause=state``) to posteriors given
    ``watch_answers``; without it the second net is off.  A target that the record itself
    answers is not watched: it is known.
    """
    baselines = {variable.name: variable.states[0] for variable in network.variables}
    fired = _fired_rules(network, answers, baselines)
    for watch in network.watches:
        probability = (watched or {}).get(watch.target, 0.0)
        cause = watch.target.partition("=")[0]
        if probability > watch.threshold and cause not in answers:
            reason = watch.sentence(network.by_name[cause].label, network.words.likely)
            fired.append(Fired(watch.target, watch.urgency, reason, (cause,), "", watch.sources))
    if not fired:
        fired = [_as_fired(rule, ()) for rule in network.rules if rule.default]
    fired.sort(key=lambda one: network.level_of(one.urgency), reverse=True)
    lowest = network.triage_levels[0].name if network.has_triage else ""
    urgency = fired[0].urgency if fired else lowest
    return Triage(
        urgency,
        tuple(fired),
        red_flags(network, answers),
        _waiting(network, answers, baselines, urgency),
    )


def red_flags(network: Network, answers: Mapping[str, str]) -> tuple[str, ...]:
    """The answered findings that are red flags, in the order of the model.

    A red flag is a finding, not in its baseline state, that the article or guidance names
    (``Variable.red_flag``).  Where the model says so of its level (``Level.red_flags``), it
    is one only if it is asked in every use: the level of numbness depends on its company,
    and it is a red flag in any.
    """
    return tuple(
        variable.name
        for variable in network.variables
        if is_red_flag(network, variable)
        and answers.get(variable.name, variable.states[0]) != variable.states[0]
    )


def is_red_flag(network: Network, variable: Variable) -> bool:
    """Whether a present finding is named whatever the posterior says."""
    quiet = {level.name for level in network.triage_levels if not level.red_flags}
    return bool(variable.red_flag) and (variable.always_ask or variable.urgency not in quiet)


def care_variables(network: Network) -> frozenset[str]:
    """The variables on which an urgency or a red flag may depend."""
    read = {name for rule in network.rules if rule.when for name in names_read(parse(rule.when))}
    flagged = {v.name for v in network.variables if v.red_flag or v.always_ask}
    return frozenset(read | flagged)


def watch_answers(network: Network, answers: Answers) -> Answers:
    """The answers that the watches may see: all but likelihoods and absent findings."""
    findings = set(network.names("finding"))
    hard = {name: state for name, state in answers.hard.items() if state or name not in findings}
    return Answers(hard)


def watched(network: Network, probability: Mapping[str, Floats]) -> dict[str, float]:
    """The posteriors that the watches read, by their targets.

    ``probability`` holds a row over the states of each ranked variable, given
    ``watch_answers``; a watch without a state reads all states but the baseline.
    """
    found = {}
    for watch in network.watches:
        name, _, state = watch.target.partition("=")
        row = probability.get(name)
        if row is not None:
            at = network.by_name[name].states.index(state) if state else 0
            found[watch.target] = float(row[at] if state else present(row))
    return found


def _as_fired(rule: Rule, because: tuple[str, ...]) -> Fired:
    return Fired(rule.name, rule.urgency, rule.reason, because, rule.follow_up, rule.sources)


def _fired_rules(
    network: Network, answers: Mapping[str, str], baselines: Mapping[str, str]
) -> list[Fired]:
    """The rules that fired, most urgent first.

    A rule that stands ``alone`` is silent when a rule of a higher level fired.
    """
    fired: list[Fired] = []
    highest = -1
    level_of = network.level_of
    for rule in sorted(network.rules, key=lambda one: level_of(one.urgency), reverse=True):
        level = level_of(rule.urgency)
        if not rule.when or (rule.alone and highest > level):
            continue
        condition = parse(rule.when)
        if holds(condition, answers, baselines):
            fired.append(_as_fired(rule, _met(condition, answers, baselines)))
            highest = max(highest, level)
    return fired


def _met(
    condition: Condition, answers: Mapping[str, str], baselines: Mapping[str, str]
) -> tuple[str, ...]:
    met = [one.name for one in answers_read(condition) if holds(one, answers, baselines)]
    return tuple(dict.fromkeys(met))


def _waiting(
    network: Network,
    answers: Mapping[str, str],
    baselines: Mapping[str, str],
    urgency: Urgency,
) -> tuple[Waiting, ...]:
    """Rules above the urgency that hold once unanswered screen questions are supposed."""
    open_screens = {name for name in network.names("screen") if name not in answers}
    found = []
    for rule in network.rules:
        if not rule.when or network.level_of(rule.urgency) <= network.level_of(urgency):
            continue
        condition = parse(rule.when)
        ask = tuple(name for name in names_read(condition) if name in open_screens)
        if (
            ask
            and holds(condition, answers, baselines, open_screens)
            and not holds(condition, {}, baselines, open_screens)
        ):
            found.append(Waiting(rule.name, rule.urgency, rule.reason, ask))
    return tuple(sorted(found, key=lambda one: network.level_of(one.urgency), reverse=True))
