"""Does the model come out where published figures say it should?

``validate`` works out every anchor of a table exactly and judges it; ``validation_page``
lays the table out.  Nothing here knows a particular model, and nothing is tuned: a figure
that is missed stays in the table as missed, with its reason.

Many anchors share their evidence, so an :class:`Evaluator` remembers every inference.
Two identities keep their number small: P(f present, g) = P(g) - P(f absent, g), because
an absent finding couples nothing; and P(c, g) = P(c | g) P(g), because one pass over g
gives every target at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import KEPT
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.engine.shares import ACCURACY, within
from twitchnet.model.anchors import Anchor, Anchors
from twitchnet.model.language.query import Level, Operation, Place, Probability, Query, walk
from twitchnet.model.language.query import Literal as Claim

Outcome = Literal["met", "missed", "missed as expected", "met against expectation", "shown"]

WORTH_A_PASS = 4
"""Targets asked of one piece of evidence from which one full pass is the cheaper way."""

Claims = tuple[tuple[str, tuple[int, ...]], ...]
"""What is supposed: (name, allowed states), sorted; the key of everything remembered."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an anchor is worth in the model, and what that means.

    ``value`` is NaN where the model gives none (a condition that is impossible in it).
    """

    anchor: Anchor
    value: float

    @property
    def is_met(self) -> bool:
        """Whether the value lies in the band; True without one."""
        return self.anchor.band is None or self.anchor.band.holds(self.value)

    @property
    def outcome(self) -> Outcome:
        """The judgement in words; an anchor without a band is only shown."""
        if self.anchor.band is None:
            return "shown"
        if self.anchor.expected_failure:
            return "met against expectation" if self.is_met else "missed as expected"
        return "met" if self.is_met else "missed"


@dataclass(frozen=True, slots=True)
class Validation:
    """A table of anchors with the answers of one model, in the order of the table."""

    anchors: Anchors
    results: tuple[Result, ...]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @property
    def surprises(self) -> tuple[Result, ...]:
        """Results that nobody announced: missed, or met against expectation."""
        surprising = ("missed", "met against expectation")
        return tuple(result for result in self.results if result.outcome in surprising)

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many results have each outcome."""
        return dict(Counter(result.outcome for result in self.results))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys are stable.  What is not finite becomes None."""
        return {
            "model": self.anchors.model,
            "counts": self.counts,
            "anchors": [_as_dict(result) for result in self.results],
        }


def validate(inference: Inference, anchors: Anchors) -> Validation:
    """Every anchor of a table, worked out in the network of ``inference``.

    The names and states of the queries must exist in it (the reader of the file checks
    them).  Raises ``CapacityError`` when one is too wide to answer exactly.
    """
    evaluator = Evaluator(inference, (anchor.query for anchor in anchors.rows))
    results = [Result(anchor, evaluator.value(anchor.query)) for anchor in anchors.rows]
    return Validation(anchors, tuple(results))


class Evaluator:
    """Works out queries over one network, and remembers each inference.

    ``ahead`` are the queries that will come: where many targets are asked of the same
    evidence, one pass answers them all.
    """

    def __init__(self, inference: Inference, ahead: Iterable[Query] = ()) -> None:
        self.inference = inference
        self.network = inference.network
        self.targets = frozenset(self.network.ranked)
        self.findings = frozenset(self.network.names("finding"))
        self._masses: dict[Claims, float] = {(): 1.0}
        self._beliefs: dict[Claims, Beliefs] = {}
        counts: Counter[Claims] = Counter()
        for query in ahead:
            for part in walk(query):
                if isinstance(part, Probability) and len(part.event) == 1:
                    given = self.claims(part.given)
                    if given is not None and part.event[0].name in self.targets:
                        counts[given] += 1
        self.popular = {given for given, count in counts.items() if count >= WORTH_A_PASS}

    def value(self, query: Query) -> float:
        """What a query is worth; NaN when it divides by 0 or supposes the impossible."""
        if isinstance(query, Operation):
            if query.sign == "odds" and isinstance(query.parts[0], Probability):
                return self.odds(query.parts[0])
            return _calculated(query.sign, [self.value(part) for part in query.parts])
        if isinstance(query, Probability):
            return self.probability(query)
        if isinstance(query, Place):
            rows = self.diagnosis(query.given).ranked(query.by)
            places = [row.rank for row in rows if row.cause == query.name and row.rank]
            return float(min(places, default=math.nan))
        if isinstance(query, Level):
            return float(self.network.level_of(self.diagnosis(query.given).triage.urgency))
        return query

    def probability(self, query: Probability) -> float:
        """P(event | given)."""
        given = self.mass(self.claims(query.given))
        if not given > 0:
            return math.nan
        if not query.is_any:
            both = self.mass(self.claims((*query.event, *query.given)))
            return float(within(both / given, ACCURACY))
        none = self.mass(self.claims((*map(_turned, query.event), *query.given)))
        if given - none >= KEPT * given:
            return float(within((given - none) / given, ACCURACY))
        total, before = 0.0, list(query.given)  # the first that holds is each one in turn
        for one in query.event:
            total += self.mass(self.claims((one, *before)))
            before.append(_turned(one))
        return float(within(total / given, ACCURACY))

    def odds(self, query: Probability) -> float:
        """P(event | given) over P(not event | given)."""
        p = self.probability(query)
        if 1.0 - p >= KEPT or math.isnan(p):
            return p / (1.0 - p)
        parts = [other for one in query.event for other in self.spelt_out(one)]
        against = replace(query, event=tuple(map(_turned, parts)), is_any=not query.is_any)
        return _divided(p, self.probability(against))

    def spelt_out(self, one: Claim) -> tuple[Claim, ...]:
        """A claim without "only": its target is present and no other is."""
        if not one.only:
            return (one,)
        rest = [name for name in self.network.ranked if name != one.name]
        return (replace(one, only=False), *(Claim(name, is_not=True) for name in rest))

    def diagnosis(self, given: tuple[Claim, ...]) -> Diagnosis:
        """The diagnosis of a record; its inference is shared with the probabilities."""
        claims = self.claims(given) or ()
        return Diagnosis(self.network, self.answers(claims), self.beliefs(claims), self.inference)

    def claims(self, literals: Iterable[Claim]) -> Claims | None:
        """The allowed states by name, or None when two literals contradict each other."""
        allowed: dict[str, set[int]] = {}

        def claim(name: str, states: set[int]) -> None:
            allowed[name] = allowed.get(name, set(range(self.network.by_name[name].card))) & states

        for one in literals:
            variable = self.network.by_name[one.name]
            states = {variable.states.index(state) for state in one.states}
            states = states or set(range(1, variable.card))
            claim(one.name, set(range(variable.card)) - states if one.is_not else states)
            if one.only:
                for name in self.network.ranked:
                    if name != one.name:
                        claim(name, {0})
        if not all(allowed.values()):
            return None
        return tuple(sorted((name, tuple(sorted(states))) for name, states in allowed.items()))

    def answers(self, claims: Claims) -> Answers:
        """Claims as answers: one state is hard evidence, several are a likelihood of 0 and 1."""
        hard = {name: states[0] for name, states in claims if len(states) == 1}
        soft = {
            name: tuple(float(i in states) for i in range(self.network.by_name[name].card))
            for name, states in claims
            if len(states) > 1
        }
        return Answers(hard, soft)

    def beliefs(self, claims: Claims) -> Beliefs:
        """Every target's posterior, by one full pass."""
        if claims not in self._beliefs:
            found = self.inference.beliefs(self.answers(claims))
            self._beliefs[claims] = found
            self._masses[claims] = math.exp(found.log_evidence)
        return self._beliefs[claims]

    def mass(self, claims: Claims | None) -> float:
        """P(claims): the probability that each name is in one of its allowed states."""
        if claims is None:
            return 0.0
        if claims not in self._masses:
            self._masses[claims] = self._mass(claims)
        return self._masses[claims]

    def _mass(self, claims: Claims) -> float:
        seen = [name for name, _ in claims if name in self.findings]
        asked = [name for name, _ in claims if name in self.targets]
        if len(seen) == 1 and dict(claims)[seen[0]] == (1,) and not self._is_wide(seen[0]):
            rest = tuple(claim for claim in claims if claim[0] != seen[0])
            absent = tuple(sorted((*rest, (seen[0], (0,)))))
            present = self.mass(rest) - self.mass(absent)
            if present >= KEPT * self.mass(rest):
                return present
        for name in asked[:1]:
            rest = tuple(claim for claim in claims if claim[0] != name)
            if len(asked) == 1 and (seen or rest in self.popular):
                row = self.beliefs(rest).probability[name]
                if not self.mass(rest):
                    return 0.0
                return self.mass(rest) * float(sum(row[state] for state in dict(claims)[name]))
        evidence = self.inference.evidence(self.answers(claims))
        return math.exp(self.inference.log_evidence(evidence))

    def _is_wide(self, finding: str) -> bool:
        """Whether an absent finding couples too: it has states between, or describes another."""
        return self.network.by_name[finding].card > 2 or finding in self.network.descriptors


def _turned(one: Claim) -> Claim:
    """The claim that holds where this one does not."""
    return replace(one, is_not=not one.is_not)


def _calculated(sign: str, values: list[float]) -> float:
    """Arithmetic that gives NaN instead of an error."""
    if sign == "min":
        return math.nan if any(math.isnan(value) for value in values) else min(values)
    if sign == "odds":
        return _divided(values[0], 1.0 - values[0])
    first, second = values
    if sign == "/":
        return _divided(first, second)
    return {"+": first + second, "-": first - second, "*": first * second}[sign]


def _divided(first: float, second: float) -> float:
    return first / second if second else math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _as_dict(result: Result) -> dict[str, Any]:
    anchor, band = result.anchor, result.anchor.band
    return {
        "name": anchor.name,
        "query": anchor.text,
        "published": anchor.published,
        "use": anchor.use,
        "target": _finite(anchor.target),
        "low": None if band is None else _finite(band.low),
        "high": None if band is None else _finite(band.high),
        "value": _finite(result.value),
        "outcome": result.outcome,
        "expected_failure": anchor.expected_failure,
        "note": anchor.note,
        "sources": list(anchor.sources),
    }
