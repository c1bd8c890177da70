"""What is most probably the whole story: a state of every variable at once?

The most probable explanations over *all* variables (MPE).  ``combinations`` ranks sets of causes
and sums over everything else; here nothing is summed, so every variable that was not answered
takes a state.  The best story need not hold the most probable causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.errors import CapacityError
from twitchnet.show.page import Page


@dataclass(frozen=True, slots=True)
class Story:
    """A state of every variable: ``probability`` is that of all of them, given the answers.

    ``log_joint`` is the natural log of P(all of them, answers).
    """

    states: Mapping[str, str]
    probability: float
    log_joint: float


@dataclass(frozen=True, slots=True)
class MostProbable(Shown):
    """The most probable explanations over all variables, the best first.

    ``answered`` are the variables with an answer, ``baselines`` the usual state of each.
    """

    stories: tuple[Story, ...]
    answered: frozenset[str]
    baselines: Mapping[str, str]

    def page(self) -> Page:
        """What is not as usual in each story, apart from the answers."""
        return self.sheet(
            "The most probable explanations over all variables",
            table(
                "Together with the answers",
                ">probability | *not as usual",
                ((percent(one.probability), self._unusual(one)) for one in self.stories),
                "Each row is one state of every variable; those that are not named are as usual.",
            ),
        )

    def _unusual(self, story: Story) -> str:
        names = [
            self.said(name, state)
            for name, state in story.states.items()
            if name not in self.answered and state != self.baselines[name]
        ]
        return ", ".join(names) or "nothing"


def most_probable(
    inference: Inference, answers: Answers, k: int, log_evidence: float
) -> MostProbable:
    """The ``k`` most probable explanations; fewer where fewer are possible.

    Raises ``ValueError`` for a ``k`` below 1 and for a network with descriptors, whose hidden
    causes are no variables, and ``CapacityError`` where no elimination for any answers fits.
    """
    from twitchnet.engine.host.best_worlds import best_worlds

    if k < 1:
        raise ValueError(f"k is a number of explanations, at least 1, not {k}")
    network = inference.network
    if network.descriptors:
        name = next(iter(network.descriptors))
        raise ValueError(f"{name} describes a finding by hidden causes, which have no states here")
    if network.complaint:  # its links have hidden producers
        inference = inference.of(replace(network, complaint=""))
    low = inference.lowered
    if inference.elimination is None:
        raise CapacityError(float("nan"), inference.budget, "planning")
    evidence = inference.evidence(answers)
    stories = []
    for world in best_worlds(inference.elimination, evidence, k):
        joint = world.log_probability + evidence.log_scale
        states = {v.name: v.states[world.states[low.index[v.name]]] for v in network.nodes}
        stories.append(Story(states, exp(min(joint - log_evidence, 0.0)), joint))
    baselines = {v.name: v.states[0] for v in network.nodes}
    answered = frozenset(answers.hard) & baselines.keys()
    return MostProbable(tuple(stories), answered, baselines)
