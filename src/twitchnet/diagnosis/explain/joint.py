"""Which causes together?

The most probable *joint explanations* are full assignments of the ranked causes, with all
else summed out (marginal MAP).  They are found by best-first branch and bound: a node is a
partial assignment with its exact probability, which bounds that of everything below it; so
does its product with the largest probability of a state of any open cause.  Nodes of one
tree exclude each other, so at most 1/p of them are at least p likely, and the search ends
soon after the k best.  Every probability comes from one exact pass; nothing is sampled.

A *cover* is a set of causes such that each present finding has a link from one of them;
the smallest covers are the parsimonious explanations of Reggia, Nau & Wang 1983 ("Diagnostic
expert systems based on a set covering model").  Among those of equal size the order is by
the probability that all of the set are present.

Two causes *depend* on each other given the answers as the phi coefficient says: negative
where one explains the other away, positive where one brings the other.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import all_states, columns, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import ACCURACY, ratio, within
from twitchnet.model.local import Descriptor, Leak, Link, Table
from twitchnet.model.network import Network
from twitchnet.show.page import Page

MOST_PASSES = 20_000
"""Passes after which the search gives up and says so."""

BATCH = 32
"""Nodes opened at once, so that the compiled kernels have a batch to work on."""

LARGEST_COVER = 4
"""Causes in a cover; more would be a list, not an explanation."""


@dataclass(frozen=True, slots=True)
class JointExplanation:
    """One assignment of all ranked causes: ``present`` maps a cause to its state."""

    present: tuple[tuple[str, str], ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Cover:
    """Causes that together can have produced every present finding.

    ``probability`` is that of all of them being present, ``only`` that they are and no
    other cause is.
    """

    causes: tuple[str, ...]
    probability: float
    only: float


@dataclass(frozen=True, slots=True)
class Dependence:
    """How two causes depend on each other given the answers: phi in [-1, 1]."""

    first: str
    second: str
    both: float
    phi: float


@dataclass(frozen=True, slots=True)
class Combinations(Shown):
    """The most probable joint explanations and what goes with them.

    ``exact`` is False when the search gave up: every explanation that is not listed is then
    at most ``unseen`` probable.
    """

    explanations: tuple[JointExplanation, ...]
    covers: tuple[Cover, ...]
    dependences: tuple[Dependence, ...]
    exact: bool
    unseen: float

    def page(self) -> Page:
        """Explanations, covers and dependences as tables."""
        return self.sheet(
            "Which combination",
            table(
                "Most probable sets of causes (all others absent)",
                ">probability | *causes",
                (
                    (
                        percent(one.probability),
                        ", ".join(self.said(*pair) for pair in one.present) or "none of them",
                    )
                    for one in self.explanations
                ),
                ""
                if self.exact
                else f"The search gave up; any other is at most {percent(self.unseen)} probable.",
            ),
            table(
                "Smallest sets that can have produced every reported finding",
                "*causes | >all present | >and no other",
                (
                    (
                        " + ".join(map(self.called, one.causes)),
                        percent(one.probability),
                        percent(one.only),
                    )
                    for one in self.covers
                ),
            ),
            table(
                "Causes that depend on each other, given the answers",
                "*pair | >both | >phi",
                (
                    (
                        f"{self.called(one.first)} + {self.called(one.second)}",
                        percent(one.both),
                        f"{one.phi:+.2f}",
                    )
                    for one in self.dependences
                ),
                "Negative: each makes the other less needed. Positive: they come together.",
            ),
            lines(
                "How to read it", "A set may be improbable and still the best: there are many sets."
            ),
        )


def combinations_of(
    inference: Inference, answers: Answers, posterior: Floats, k: int
) -> Combinations:
    """The ``k`` best explanations, the covers and the strongest dependences.

    Raises ``ValueError`` when k is less than 1.
    """
    if k < 1:
        raise ValueError("at least one explanation")
    found, unseen = best_explanations(inference, answers, k)
    return Combinations(
        found,
        covers(inference, answers, posterior)[:k],
        dependences(inference, answers, posterior)[:k],
        unseen == 0.0,
        unseen,
    )


def best_explanations(
    inference: Inference, answers: Answers, k: int, most: int = MOST_PASSES
) -> tuple[tuple[JointExplanation, ...], float]:
    """The k most probable assignments, and a bound on all others when the search gave up.

    The bound is 0 when the answer is exact.
    """
    network = inference.network
    free = [name for name in network.ranked if name not in answers.hard]
    now = suppose(inference, [answers])
    start = float(now.log_evidence[0])
    heap: list[tuple[float, int, float, dict[str, int], Floats]] = []
    heapq.heappush(heap, (-1.0, 0, 1.0, {}, now.states[0]))
    found: list[JointExplanation] = []
    count, passes = 1, 1
    while heap and len(found) < k:
        opened: list[tuple[dict[str, int], str]] = []
        while heap and len(opened) < BATCH:
            bound, _, p, fixed, row = heap[0]
            if len(fixed) == len(free):
                if opened:  # children may be more probable than this one: open them first
                    break
                heapq.heappop(heap)
                found.append(_explanation(network, answers, fixed, p))
                if len(found) == k:
                    return tuple(found), 0.0
                continue
            if passes > most:
                return tuple(found), -bound
            heapq.heappop(heap)
            opened.append((fixed, _most_open(network, free, fixed, row)[0]))
        children = [
            {**fixed, name: state}
            for fixed, name in opened
            for state in range(network.by_name[name].card)
        ]
        weights = np.array([_log_factor(answers, one) for one in children])
        tried = suppose(inference, [answers.with_answers(one) for one in children])
        passes += len(children)
        chance = ratio(weights + tried.log_evidence, start).tolist()
        for i, (one, p) in enumerate(zip(children, chance, strict=True)):
            if p > 0.0:
                left = 1.0
                if len(one) < len(free):
                    left = _most_open(network, free, one, tried.states[i])[1]
                heapq.heappush(heap, (-p * left, count, p, one, tried.states[i]))
                count += 1
    return tuple(found), 0.0


def _log_factor(answers: Answers, fixed: dict[str, int]) -> float:
    """The natural log of the likelihoods that hard assignments replaced."""
    weights = [answers.soft[name][state] for name, state in fixed.items() if name in answers.soft]
    return -math.inf if 0.0 in weights else math.fsum(map(math.log, weights))


def _most_open(
    network: Network, free: Sequence[str], fixed: dict[str, int], row: Floats
) -> tuple[str, float]:
    """The cause whose most probable state is least sure, and how probable that state is.

    ``row`` (states,) are the probabilities of ``all_states``.
    """
    surest = dict.fromkeys(network.ranked, 0.0)
    for (name, _), p in zip(all_states(network), row.tolist(), strict=True):
        surest[name] = max(surest[name], p)
    open_ones = {name: surest[name] for name in free if name not in fixed}
    best = min(open_ones, key=lambda name: open_ones[name])
    return best, min(open_ones[best] + 1e-12, 1.0)  # rounding must not cut off the best


def _explanation(
    network: Network, answers: Answers, fixed: dict[str, int], p: float
) -> JointExplanation:
    states = {name: answers.hard.get(name, fixed.get(name, 0)) for name in network.ranked}
    present = tuple(
        (name, network.by_name[name].states[state]) for name, state in states.items() if state
    )
    return JointExplanation(present, p)


def covers(inference: Inference, answers: Answers, posterior: Floats) -> tuple[Cover, ...]:
    """The smallest sets of causes that can have produced every present finding.

    A cause counts that can be present and has a link of any strength to the finding.  Empty
    without a present finding, or when no set of up to four causes will do.
    """
    network = inference.network
    places = [(i, name) for i, (name, state) in enumerate(columns(network)) if state == 1]
    able = [name for i, name in places if posterior[i] > 0.0]
    present = [v.name for v in network.nodes if v.kind == "finding" and answers.hard.get(v.name, 0)]
    makers = {name: {c for c in able if c in _makers(network, name)} for name in present}
    wanted = [makers[name] for name in present if makers[name]]
    useful = [c for c in able if any(c in one for one in wanted)]
    if not wanted or len(wanted) < len(present):
        return ()
    for size in range(1, LARGEST_COVER + 1):
        sets = [s for s in combinations(useful, size) if all(one & {*s} for one in wanted)]
        if sets:
            break
    else:
        return ()
    start = suppose(inference, [answers], posteriors=False).log_evidence[0]
    free = [name for name in network.ranked if name not in answers.hard]
    # a set of multi-state causes: state 1 stands for being present
    with_all = [{c: 1 for c in s if c in free} for s in sets]
    alone = [{c: int(c in s) for c in free} for s in sets]
    tried = suppose(
        inference, [answers.with_answers(one) for one in (*with_all, *alone)], posteriors=False
    )
    weights = np.array([_log_factor(answers, one) for one in (*with_all, *alone)])
    p = ratio(weights + tried.log_evidence, start)
    result = [Cover(s, float(p[i]), float(p[len(sets) + i])) for i, s in enumerate(sets)]
    return tuple(sorted(result, key=lambda one: -one.probability))


def _makers(network: Network, finding: str) -> set[str]:
    """The parents with a link that can produce the finding."""
    local = network.by_name[finding].local
    if local is None or isinstance(local, Table):
        return set(network.parents(finding))
    parts: tuple[Leak | Link, ...] = local.links
    if isinstance(local, Descriptor) and any(link.parent == local.of for link in local.links):
        return _makers(network, local.of)
    return {part.parent for part in parts if isinstance(part, Link) and part.strength.any()}


def dependences(
    inference: Inference, answers: Answers, posterior: Floats
) -> tuple[Dependence, ...]:
    """Every pair of ranked causes, strongest dependence first; one pass per cause."""
    network = inference.network
    places = columns(network)
    now = suppose(inference, [answers]).rest[0]
    free = [
        i
        for i, (name, state) in enumerate(places)
        if state == 1 and name not in answers.hard and posterior[i] > 0.0 and now[i] > 0.0
    ]
    tried = suppose(inference, [answers.with_answers({places[i][0]: 1}) for i in free])
    result = []
    for a, i in enumerate(free):
        for b, j in enumerate(free[a + 1 :], a + 1):
            p, q = float(posterior[i]), float(posterior[j])
            both = p * float(tried.posterior[a, j])
            first, second = p * float(tried.rest[a, j]), q * float(tried.rest[b, i])
            phi = _phi(both, first, second, (p, float(now[i])), (q, float(now[j])))
            result.append(Dependence(places[i][0], places[j][0], both, phi))
    return tuple(sorted(result, key=lambda one: -abs(one.phi)))


def _phi(
    both: float, first: float, second: float, p: tuple[float, float], q: tuple[float, float]
) -> float:
    """The phi coefficient of two events.

    ``both``, ``first`` and ``second`` are the probabilities of both and of one alone, ``p`` and
    ``q`` those that either holds and does not.  P(both) - P(first) P(second) is the same as
    P(both) P(neither) - P(first alone) P(second alone), which keeps its digits where both
    events are all but certain.
    """
    neither = max(p[1] - second if p[1] < q[1] else q[1] - first, 0.0)
    spread = math.sqrt(p[0] * p[1]) * math.sqrt(q[0] * q[1])
    phi = (both * neither - first * second) / spread
    return math.copysign(float(within(abs(phi), ACCURACY)), phi)
