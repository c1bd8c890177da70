"""What is true: variables, how they depend on each other, and where each number came from.

A :class:`Network` is a value: frozen, picklable, comparable by its fingerprint.
It knows nothing of files, plans or screens.  ``checks`` holds the rules that a
network must satisfy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from twitchnet.errors import ModelError
from twitchnet.model.care import CoverageItem, Option, Rule, Watch
from twitchnet.model.language.rules import names_read, parse
from twitchnet.model.local import Descriptor, LocalModel, Table
from twitchnet.model.words import GENERIC, NEUTRAL, Level, Words, place_of
from twitchnet.prompt import AtPrompt

Kind = Literal["context", "cause", "finding", "screen"]
SourceKind = Literal["page", "literature", "judgement"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: a page that was read, a publication, or a judgement."""

    key: str
    kind: SourceKind
    cite: str
    confidence: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One hand-set number, or cells that move together, with its range and sources.

    ``part`` is ``"leak"``, ``"table"`` or ``"link:<parent>"``; ``cells`` are flat
    (row-major) indices into that part's array.  ``low`` to ``high`` is the plausible
    range of ``value``, read as a central 90 % interval on the logit scale; several
    cells share it as one common shift of their logits.  A fixed number (a
    definition) has ``low == value == high``.
    """

    node: str
    part: str
    cells: tuple[int, ...]
    value: float
    low: float
    high: float
    sources: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Variable(AtPrompt):
    """One thing that can be asked or inferred, with the words that people read.

    A ``screen`` question has no ``local`` model: only rules read it.  ``states[0]``
    is the baseline (``absent`` for a binary variable).
    """

    name: str
    kind: Kind
    states: tuple[str, ...]
    label: str
    local: LocalModel | None = None
    question: str = ""
    description: str = ""
    group: str = ""
    severity: str = ""
    icd10: tuple[str, ...] = ()
    urgency: str = ""
    red_flag: str = ""
    always_ask: bool = False
    ask_cost: float = 1.0
    ask_if: str = ""
    synonyms: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()  # system and code, see ``checks.coded.SYSTEMS``
    person: str = ""  # the fact of a person that it holds: age, sex
    texts: tuple[str, ...] = ()  # the states as a foreign file spells them, () where they are alike

    @property
    def card(self) -> int:
        """The number of states."""
        return len(self.states)

    @property
    def is_binary(self) -> bool:
        """Whether yes and no are answers: exactly the states absent and present."""
        return self.states == ("absent", "present")


@dataclass(frozen=True, repr=False)
class Network(AtPrompt):
    """A diagnostic network: everything that one model file says.

    ``variables`` keep the order of the file.  ``targets`` are the variables that are
    ranked (the causes by default), ``complaint`` is the finding that brings a person
    to the tool, or ''.  ``levels`` are the levels of triage that the file declares, the
    least urgent first; ``triage_levels`` are those that hold.
    """

    name: str
    version: str
    variables: tuple[Variable, ...]
    title: str = ""
    description: str = ""
    population: str = ""
    window: str = ""
    limits: tuple[str, ...] = ()
    reviewed: str = ""
    notes: tuple[str, ...] = ()
    complaint: str = ""
    targets: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    rules: tuple[Rule, ...] = ()
    watches: tuple[Watch, ...] = ()
    options: tuple[Option, ...] = ()
    coverage: tuple[CoverageItem, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    words: Words = NEUTRAL
    guesses: tuple[tuple[str, str, str], ...] = ()  # of a reader: variable, role or baseline, which

    def __repr__(self) -> str:
        return f"<Network {self.counted}>"

    @property
    def counted(self) -> str:
        """Name, version and sizes, in one line."""
        counts = ", ".join(
            f"{len(self.names(kind))} {kind}s" for kind in ("context", "cause", "finding")
        )
        return f"{self.name} {self.version}: {counts}"

    @cached_property
    def by_name(self) -> dict[str, Variable]:
        """Variables by name."""
        return {variable.name: variable for variable in self.variables}

    @cached_property
    def nodes(self) -> tuple[Variable, ...]:
        """The variables that have a probability, in file order."""
        return tuple(variable for variable in self.variables if variable.local is not None)

    @cached_property
    def cards(self) -> dict[str, int]:
        """Number of states by name, of the nodes."""
        return {variable.name: variable.card for variable in self.nodes}

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Names of the variables of one kind, in file order."""
        return tuple(variable.name for variable in self.variables if variable.kind == kind)

    @cached_property
    def triage_levels(self) -> tuple[Level, ...]:
        """The levels of triage, the least urgent first; () in a model without triage.

        A model that uses levels and declares none has the four generic ones.
        """
        used = self.rules or self.watches or any(v.urgency for v in self.variables)
        return self.levels or (GENERIC if used else ())

    @cached_property
    def has_triage(self) -> bool:
        """Whether anything decides how urgent a record is: a rule or a watch."""
        return bool(self.rules or self.watches)

    def level(self, urgency: str) -> Level | None:
        """The level of that name; None for '', which a model without triage has."""
        return next((level for level in self.triage_levels if level.name == urgency), None)

    def level_of(self, urgency: str) -> int:
        """The place of a level in ``triage_levels``; 0 for '' in a model without triage."""
        return place_of(self.triage_levels, urgency)

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The targets, or the causes when the file names none."""
        return self.targets or self.names("cause")

    def parents(self, name: str) -> tuple[str, ...]:
        """The parents of a node; () for a root or a screen question."""
        local = self.by_name[name].local
        return () if local is None else local.parents

    @cached_property
    def spoken(self) -> dict[str, str]:
        """Variable by synonym, in lower case with underscores; a synonym of two is left out."""
        found: dict[str, str] = {}
        for variable in self.variables:
            for word in (variable.name, variable.label, *variable.synonyms):
                key = word.strip().lower().replace(" ", "_").replace("-", "_")
                found[key] = "" if found.get(key, variable.name) != variable.name else variable.name
        return {word: name for word, name in found.items() if name}

    @cached_property
    def read_by_care(self) -> frozenset[str]:
        """The names in the conditions of rules and options; a broken condition has none."""
        texts = [rule.when for rule in self.rules]
        for option in self.options:
            texts += (option.only_if, option.fine_if, option.caution_if)
        found: set[str] = set()
        for text in filter(None, texts):
            with suppress(ModelError):
                found.update(names_read(parse(text)))
        return frozenset(found)

    @cached_property
    def descriptors(self) -> dict[str, str]:
        """The finding that each descriptor describes, by descriptor."""
        return {
            variable.name: variable.local.of
            for variable in self.nodes
            if isinstance(variable.local, Descriptor)
        }

    @cached_property
    def topological(self) -> tuple[str, ...]:
        """Node names, roots first, then whose parents are all named; ties keep the file's order.

        Raises ``ValueError`` on a cycle (``check`` reports it in the words of the file).
        Kahn's algorithm, a generation at a time: the work grows with the arcs.
        """
        place = {variable.name: at for at, variable in enumerate(self.nodes)}
        missing = {name: len(set(self.parents(name))) for name in place}
        children: dict[str, list[str]] = {}
        for name in place:
            for parent in dict.fromkeys(self.parents(name)):
                children.setdefault(parent, []).append(name)
        done: list[str] = []
        ready = [name for name in place if not missing[name]]
        while ready:
            done += ready
            freed = []
            for child in (child for name in ready for child in children.get(name, ())):
                missing[child] -= 1
                if not missing[child]:
                    freed.append(child)
            ready = sorted(freed, key=place.__getitem__)
        if len(done) < len(place):
            named = set(done)
            raise ValueError(f"cycle through {next(n for n in place if n not in named)!r}")
        return tuple(done)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the ids, states and numbers in canonical order; words do not count."""
        digest = hashlib.sha256()
        for variable in sorted(self.nodes, key=lambda v: v.name):
            local = variable.local
            head: list[object] = [variable.name, variable.states, type(local).__name__]
            if isinstance(local, Table):
                parts = [(local.parents, local.probabilities)]
            else:
                assert local is not None
                head.append(local.of if isinstance(local, Descriptor) else "")
                parts = [(local.leak.modifiers, local.leak.strength)]
                parts += [
                    ((link.parent, *link.modifiers), link.strength)
                    for link in sorted(local.links, key=lambda link: link.parent)
                ]
            digest.update(json.dumps(head).encode())
            for names, array in parts:
                digest.update(json.dumps([names, array.shape]).encode())
                digest.update(array.astype("<f8").tobytes())
        digest.update(json.dumps([self.complaint, sorted(self.ranked)]).encode())
        return digest.hexdigest()
