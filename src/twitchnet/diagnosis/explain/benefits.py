"""How likely is it that the complaint would be gone, had this person done this?

    benefit = P(the complaint would be absent | the record)

in the twin network of each option (``twin.py``): the accidents that explain the record are
kept, the causes, contexts and links that the option acts on are changed, and what follows
is worked out again.  It lies in [0, 1] and is exact.  ``low`` and ``high`` are the same
with every factor of the option at the end of its range.

The number is about *this* complaint and the causes in the model, and as good as the
factors: ``quality`` repeats what the model says about their evidence.  What the urgency asks
for comes before any option, and a level with ``no_options`` offers none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from twitchnet.diagnosis.care.triage import Triage
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.twin import Change, twin_network
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.shares import ratio
from twitchnet.errors import CapacityError
from twitchnet.model.care import Effect, Option, Urgency
from twitchnet.model.language.rules import holds, parse
from twitchnet.model.network import Network
from twitchnet.show.page import Page


@dataclass(frozen=True, slots=True)
class Benefit:
    """One option: the probability that it would have prevented the complaint.

    ``benefit`` is NaN where the exact answer would be too wide (more contexts answered help).

    ``low`` to ``high`` spans the ranges of its factors; ``qualities`` are those of its
    effects that apply, best known first in the order of the file; ``acts_on`` names what it
    changes.
    """

    option: str
    label: str
    benefit: float
    low: float
    high: float
    qualities: tuple[str, ...]
    acts_on: tuple[str, ...]
    expert: bool = False


@dataclass(frozen=True, slots=True)
class Benefits(Shown):
    """Options by benefit, after what the urgency asks for (``urgency``, ``first``).

    ``reason`` says why there are none: the level offers none, or nobody complains.
    """

    urgency: Urgency
    first: tuple[str, ...]
    options: tuple[Benefit, ...]
    reason: str = ""

    def page(self) -> Page:
        """The options as a table, below what comes first."""
        return self.sheet(
            self.words.helped,
            lines(f"First ({self.urgency.replace('_', ' ')})", *self.first),
            lines("No options", self.reason),
            table(
                f"Options by the probability that the {self.words.complaint.one} would be gone",
                "*option | >benefit | range | evidence | acts on",
                (
                    (
                        one.label,
                        "too wide" if math.isnan(one.benefit) else percent(one.benefit),
                        "" if math.isnan(one.low) else f"{percent(one.low)} to {percent(one.high)}",
                        ", ".join(one.qualities) or "-",
                        self._acts_on(one),
                    )
                    for one in self.options
                ),
                "With the accidents of this record kept; the ranges are those of the effects.",
            ),
        )

    def _acts_on(self, one: Benefit) -> str:
        """What an option acts on, in words, a link by its two ends."""
        named = [" on ".join(map(self.called, target.split(" -> "))) for target in one.acts_on]
        more = len(named) - ACTS_SHOWN
        return "; ".join([*named[:ACTS_SHOWN], *([f"{more} more"] if more > 0 else [])])


ACTS_SHOWN = 3
"""Targets of an option that the page names; the values hold all."""


def benefits(
    inference: Inference, answers: Answers, log_evidence: float, triaged: Triage
) -> Benefits:
    """The options of the model that fit the answers, largest benefit first.

    An option counts where its conditions on the answers hold.  Empty, with a reason, at a
    level that offers none and when the record does not report the complaint.
    """
    network = inference.network
    level, urgent = network.level(triaged.urgency), network.level_of(triaged.urgency) > 0
    first = tuple(one.reason for one in triaged.deciding) if urgent else ()
    if level and level.no_options:
        return Benefits(triaged.urgency, first, (), level.no_options)
    if not answers.hard.get(network.complaint):
        reason = f"the record does not report the {network.words.complaint.one}"
        return Benefits(triaged.urgency, first, (), reason)
    known = answers.states(network)
    found = []
    for option in network.options:
        effects = [
            one for one in option.effects if not one.only_if or _holds(network, one.only_if, known)
        ]
        if effects and _fits(network, option, known):
            found.append(_benefit(inference, answers, log_evidence, option, tuple(effects)))
    ordered = sorted(found, key=lambda one: (math.isnan(one.benefit), -one.benefit))
    return Benefits(triaged.urgency, first, tuple(ordered))


def _fits(network: Network, option: Option, known: Mapping[str, str]) -> bool:
    wanted = not option.only_if or _holds(network, option.only_if, known)
    return wanted and not (option.fine_if and _holds(network, option.fine_if, known))


def _holds(network: Network, condition: str, known: Mapping[str, str]) -> bool:
    return holds(parse(condition), known, {v.name: v.states[0] for v in network.variables})


def _benefit(
    inference: Inference,
    answers: Answers,
    log_evidence: float,
    option: Option,
    effects: tuple[Effect, ...],
) -> Benefit:
    acting = tuple(one for one in effects if not _idle(inference.network, answers, one))
    value, low, high = (
        relief(inference, answers, log_evidence, change_of(inference.network, acting, which))
        for which in ("factor", "high", "low")  # a high factor leaves much: a low benefit
    )
    acts_on = dict.fromkeys(f"{e.target} -> {e.child}" if e.child else e.target for e in effects)
    qualities = dict.fromkeys(e.quality for e in effects if e.quality)
    return Benefit(
        option.name,
        option.label,
        value,
        min(low, value),
        max(high, value),
        tuple(qualities),
        tuple(acts_on),
        option.expert,
    )


def _idle(network: Network, answers: Answers, effect: Effect) -> bool:
    """Whether the answers leave an effect nothing to change."""
    said = answers.hard.get(effect.target)
    if effect.kind == "context":
        return said == network.by_name[effect.target].states.index(effect.state)
    return said == 0


def change_of(network: Network, effects: tuple[Effect, ...], which: str = "factor") -> Change:
    """Effects as a change of the network; ``which`` is ``factor``, ``low`` or ``high``.

    What is there is kept with at most probability 1: a range that ends above 1 says that the
    option may do nothing, or harm, which no share of what is there can show.
    """
    causes: dict[str, tuple[tuple[float, str], ...]] = {}
    contexts: dict[str, int] = {}
    links: dict[tuple[str, str], float] = {}
    for one in effects:
        factor = min(float(getattr(one, which)), 1.0)
        if one.kind == "cause":
            causes[one.target] = (*causes.get(one.target, ()), (factor, one.given))
        elif one.kind == "context":
            contexts[one.target] = network.by_name[one.target].states.index(one.state)
        else:
            pair = one.target, one.child
            links[pair] = min(factor, links.get(pair, 1.0))
    return Change(causes, contexts, links)


def relief(inference: Inference, answers: Answers, log_evidence: float, change: Change) -> float:
    """P(the complaint would be absent | answers), the complaint being present in them.

    ``log_evidence`` is the natural log of P(answers), which is the same in the twin.  NaN
    where the twin is too wide to be exact.
    """
    network = inference.network
    twin = twin_network(network, change, network.complaint)
    if twin is None:
        return 0.0
    both = inference.of(twin.network)
    gone = answers.with_answers(dict.fromkeys(twin.silent, 0))
    try:
        return float(ratio(both.log_evidence(both.evidence(gone)), log_evidence))
    except CapacityError:
        return math.nan
