"""What can be done about it, in what order, and how well is each option supported?

An option acts on causes, contexts or links.  Its benefit is a score for ordering, not a
promised percentage (the personal effect of an option is another computation):

    benefit = sum over the leading causes c of
              produced(c) x given x max over the option's effects on c of (1 - factor)

``produced(c)`` is the posterior that c is present and producing the complaint, so the
share of the complaint that c accounts for is already in it; a cause without a link to the
complaint counts 0 and is reached through ``given``.  ``given`` is the posterior of
the cause that an effect depends on, 1 for most.  Several effects of one option on one
cause are one action and do not add up: the strongest counts.  Where an effect names no
cause, ``1 - factor`` follows from the network:

- a *context* set to a better state takes away its link to c: 1 - factor is the strength
  of that link now, less its strength in the better state;
- a *link* that keeps a share f: 1 - factor is its strength x (1 - f).

A link's strength is the least share of c's present cases that it produced, so both are
cautious.  A context or a link counts only when the record says that the context is not in
its better state (or that the link's parent is present); an unknown one counts with
nothing, and the option may still be offered for its effects on causes.

What the triage asks for comes first, whatever the benefits are, and a level with
``no_options`` offers nothing else.  Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from twitchnet.diagnosis.care.triage import Triage
from twitchnet.diagnosis.pages import Shown, lines
from twitchnet.model.care import Effect, Option, Urgency
from twitchnet.model.language.rules import holds, names_read, parse
from twitchnet.model.local import NoisyOr
from twitchnet.model.network import Network
from twitchnet.show.page import Item, Items, Page, Section

LEADING = 8
"""How many causes an option is offered for; more would list what hardly matters."""

SMALLEST = 0.005
"""Options with a smaller benefit are not listed; half a percent of the complaint."""


@dataclass(frozen=True, slots=True)
class Action:
    """What an option does to one cause: the effect that counts, and how much of the benefit.

    ``via`` names the context or the link's parent through which it acts, '' when it acts
    on the cause itself.  ``remaining`` is the share of the cause that is left, ``low`` to
    ``high`` its range (no range is known of an effect through a context).
    """

    cause: str
    benefit: float
    remaining: float
    low: float
    high: float
    quality: str
    via: str = ""
    given: str = ""
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One option that fits the answers.

    ``actions`` are its effects on the leading causes, largest benefit first; ``changes``
    the contexts that it would change, of those that the record reports.  ``caution`` is ''
    when the answers rule it out, and ``caution_applies`` says that they call for it.
    ``quality`` is that of the largest action.
    """

    option: str
    label: str
    advice: str
    benefit: float
    actions: tuple[Action, ...]
    changes: tuple[str, ...] = ()
    caution: str = ""
    caution_applies: bool = False
    expert: bool = False
    time_scale: str = ""
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Management(Shown):
    """What to do: first what the urgency asks for, then the options, largest benefit first.

    ``first`` holds the reasons that decide the urgency, to be read before any option; it is
    empty at the lowest level.  ``visit`` are the options of an expert that carry no effect
    of their own (to call the expert), offered above the lowest level.  ``options`` is empty
    at a level that offers none (``Level.no_options``).
    """

    urgency: Urgency
    first: tuple[str, ...]
    visit: tuple[Recommendation, ...]
    options: tuple[Recommendation, ...]

    def page(self) -> Page:
        """What comes first, and the options by benefit."""
        options = (*self.visit, *self.options)
        return self.sheet(
            "What can be done",
            lines("First", *self.first),
            Section("Options, the largest benefit first", (Items(tuple(map(self._item, options))),))
            if options
            else None,
            lines(
                "How to read it",
                "Benefit: the sum over the leading causes of the probability that a cause produces "
                "the complaint, times the share of it that the option takes away.",
            ),
        )

    def _item(self, one: Recommendation) -> Item:
        """An option: its benefit, what it acts on, how well that is supported, and cautions."""
        benefit = f"benefit {one.benefit:.2f}" if one.actions else ""
        acts = ", ".join(self.called(action.cause) for action in one.actions)
        notes = (
            f"Acts on: {acts}." if acts else "",
            f"Quality of the evidence: {one.quality}." if one.quality else "",
            f"Caution{' (applies here)' if one.caution_applies else ''}: {one.caution}"
            if one.caution
            else "",
        )
        return Item(
            benefit,
            f"{one.label}:" if benefit else one.label,
            tuple(note for note in notes if note),
        )


def manage(
    network: Network,
    answers: Mapping[str, str],
    posterior: Mapping[str, float],
    produced: Mapping[str, float],
    triaged: Triage,
    *,
    leading: int = LEADING,
    smallest: float = SMALLEST,
) -> Management:
    """The options that fit a record, ordered by benefit (see the head of this module).

    ``answers`` maps a variable to its state, hard answers only; ``posterior`` and
    ``produced`` map a cause to a probability (in a model without a complaint ``produced``
    is empty, and the posterior is used).  At most ``leading`` causes count; options below
    ``smallest`` are left out.  Ties keep the order of the file.
    """
    scene = _Scene(network, answers, posterior)
    weight = {cause: produced.get(cause, 0.0) for cause in posterior} if produced else posterior
    order = sorted(weight, key=lambda cause: -weight[cause])[:leading]
    counted = {cause: weight[cause] for cause in order if weight[cause] > 0}
    level = network.level(triaged.urgency)
    offers = level is None or not level.no_options
    found = [
        scene.recommend(option, counted)
        for option in network.options
        if option.effects and scene.fits(option) and offers
    ]
    urgent = network.level_of(triaged.urgency) > 0
    return Management(
        triaged.urgency,
        tuple(one.reason for one in triaged.deciding) if urgent else (),
        tuple(
            scene.recommend(option, {})
            for option in network.options
            if urgent and option.expert and not option.effects and scene.fits(option)
        ),
        tuple(
            sorted((one for one in found if one.benefit >= smallest), key=lambda one: -one.benefit)
        ),
    )


class _Scene:
    """The answers of one record, seen through one network."""

    def __init__(
        self, network: Network, answers: Mapping[str, str], posterior: Mapping[str, float]
    ) -> None:
        self.network = network
        self.answers = answers
        self.posterior = posterior
        self.baselines = {variable.name: variable.states[0] for variable in network.variables}

    def holds(self, condition: str) -> bool:
        return holds(parse(condition), self.answers, self.baselines)

    def ruled_out(self, condition: str) -> bool:
        """Whether the condition fails however the open questions are answered."""
        read = parse(condition)
        unanswered = [name for name in names_read(read) if name not in self.answers]
        return not holds(read, self.answers, self.baselines, unanswered)

    def fits(self, option: Option) -> bool:
        """Whether there is something to do: wanted, and not already fine."""
        wanted = not option.only_if or self.holds(option.only_if)
        return wanted and not (option.fine_if and self.holds(option.fine_if))

    def recommend(self, option: Option, weight: Mapping[str, float]) -> Recommendation:
        """The option with its benefit on the causes of ``weight``."""
        best: dict[str, Action] = {}
        for effect in option.effects:
            if effect.only_if and not self.holds(effect.only_if):
                continue
            for action in self.actions(effect, weight):
                if action.cause not in best or action.benefit > best[action.cause].benefit:
                    best[action.cause] = action
        actions = sorted(best.values(), key=lambda one: -one.benefit)
        shown = bool(option.caution) and not (
            option.caution_if and self.ruled_out(option.caution_if)
        )
        return Recommendation(
            option.name,
            option.label,
            option.advice,
            math.fsum(one.benefit for one in actions),
            tuple(actions),
            tuple(e.target for e in option.effects if e.kind == "context" and self.to_change(e)),
            option.caution if shown else "",
            shown and bool(option.caution_if) and self.holds(option.caution_if),
            option.expert,
            option.time_scale,
            actions[0].quality if actions else "",
        )

    def to_change(self, effect: Effect) -> bool:
        """Whether the record says that a context is in another state than the better one."""
        return self.answers.get(effect.target, effect.state) != effect.state

    def actions(self, effect: Effect, weight: Mapping[str, float]) -> Iterable[Action]:
        """What an effect does to each of the causes that count."""
        if effect.kind == "cause":
            if effect.target in weight:
                given = self.posterior.get(effect.given, 0.0) if effect.given else 1.0
                share = weight[effect.target] * given
                taken = 1.0 - effect.factor
                yield _action(effect, effect.target, share * taken, *_range(effect))
        elif effect.kind == "link":
            state = self.answers.get(effect.target)
            if effect.child in weight and state is not None:
                link = self.strength(effect.target, state, effect.child)
                left, low, high = (1.0 - link * (1.0 - factor) for factor in _range(effect))
                taken = weight[effect.child] * (link * (1.0 - effect.factor))
                yield _action(effect, effect.child, taken, left, low, high, effect.target)
        elif self.to_change(effect):
            for cause, share in weight.items():
                now = self.strength(effect.target, self.answers[effect.target], cause)
                taken = now - self.strength(effect.target, effect.state, cause)
                if taken > 0.0:
                    left = 1.0 - taken
                    yield _action(effect, cause, share * taken, left, left, left, effect.target)

    def strength(self, parent: str, state: str, child: str) -> float:
        """The strength of a noisy-OR link in a state of its parent; 0 when there is none.

        An unanswered modifier counts with the weakest of its states: no more than is sure.
        """
        local = self.network.by_name[child].local
        if not isinstance(local, NoisyOr):
            return 0.0
        for link in local.links:
            if link.parent == parent:
                array = link.strength[..., self.network.by_name[parent].states.index(state)]
                for name in link.modifiers:
                    said = self.answers.get(name)
                    states = self.network.by_name[name].states
                    array = array.min(axis=0) if said is None else array[states.index(said)]
                return float(array)
        return 0.0


def _range(effect: Effect) -> tuple[float, float, float]:
    """The factor of an effect and the ends of its range."""
    return effect.factor, effect.low, effect.high


def _action(
    effect: Effect, cause: str, taken: float, left: float, low: float, high: float, via: str = ""
) -> Action:
    """An effect that leaves the part ``left`` of a cause, and takes ``taken`` of the complaint."""
    words = (effect.quality, via, effect.given, effect.sources, effect.note)
    return Action(cause, max(taken, 0.0), left, low, high, *words)
