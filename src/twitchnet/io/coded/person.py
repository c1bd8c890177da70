"""What does a coded document say of one person, and what does that answer?

A present term answers every variable that has its code, or the code of a term above it: limb
fasciculations are fasciculations.  A term above a code says nothing of it.  An excluded term
excludes all terms below it, so a variable is absent when each of its codes, or a term above
that, is excluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from twitchnet.io.coded.ontology import Ontology
from twitchnet.model.network import Network

CONTRADICTION = "present and excluded"
"""The answer of a variable of which a document says both; no state is called so."""


@dataclass(frozen=True)
class Person:
    """One document: terms by id with their names, answers by variable, and facts.

    ``facts`` are the age in years and the sex, by the names that ``person`` of a variable has.
    ``other`` lists in words what the document says beside that.
    """

    id: str
    present: Mapping[str, str] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    other: tuple[str, ...] = ()


class Matcher:
    """Turns persons into answers to the variables of one network."""

    def __init__(self, network: Network, ontology: Ontology) -> None:
        self.network = network
        self.current = ontology.current
        self.implied = cache(ontology.implied)
        self.codes: dict[str, tuple[str, ...]] = {}
        for variable in network.variables:
            mine = tuple(ontology.current(c) for system, c in variable.codes if system == "hpo")
            if mine:
                self.codes[variable.name] = mine

    def answers(self, person: Person) -> tuple[dict[str, object], tuple[str, ...]]:
        """The answers of a person by variable, and in words what answered nothing."""
        shown = {term: self.implied(term) for term in person.present}
        known = frozenset().union(*shown.values())
        denied = frozenset(map(self.current, person.excluded))
        used: set[str] = set()
        found: dict[str, object] = {}
        for name, codes in self.codes.items():
            is_present = not known.isdisjoint(codes)
            above = [self.implied(code) & denied for code in codes]
            is_absent = all(above)
            if is_present or is_absent:
                found[name] = "present" if not is_absent else "absent"
            if is_present and is_absent:
                found[name] = CONTRADICTION
            used.update(term for term, up in shown.items() if not up.isdisjoint(codes))
            used.update(*above)
        for variable in self.network.variables:
            if variable.person in person.facts:
                found[variable.name] = person.facts[variable.person]
        named = {variable.name for variable in self.network.variables}
        found |= {name: value for name, value in person.answers.items() if name in named}
        others = [f"{t} {n}".strip() for t, n in person.present.items() if t not in used]
        others += [
            f"no {t} {n}".strip() for t, n in person.excluded.items() if self.current(t) not in used
        ]
        others += [f"{n}={v}" for n, v in person.answers.items() if n not in named]
        return found, (*others, *person.other)
