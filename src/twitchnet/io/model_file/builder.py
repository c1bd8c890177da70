"""How does the document of a model file become a Network?

Declares the variables, reads the mechanisms and the care, and lets ``model.checks``
judge the network; what check finds is put back to its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable

from twitchnet.errors import Problem
from twitchnet.io.model_file.care_reader import CareReader, levels_of, words_of
from twitchnet.io.model_file.ghosts import ghosts
from twitchnet.io.model_file.mechanisms import Built, MechanismReader
from twitchnet.io.model_file.numbers import Names, NumberReader, States
from twitchnet.io.model_file.report import Report
from twitchnet.io.model_file.schema import (
    CauseSpec,
    FindingSpec,
    ModelFile,
    ScreenSpec,
    VariableSpec,
)
from twitchnet.io.model_file.validation import Cut, validated
from twitchnet.io.yaml.document import Document, Keys
from twitchnet.model.checks.lint import linted
from twitchnet.model.checks.network import MAX_STATES, found
from twitchnet.model.checks.scope import SECTIONS, Found
from twitchnet.model.network import Kind, Network, Source, Variable


def built(
    document: Document, file: str, *, lints: bool = False
) -> tuple[Network | None, list[Problem]]:
    """The network, or None when there are errors, and the problems in file order.

    Warnings are among the problems when ``lints`` asks for them.
    """
    report = Report(document, file, lints=lints)
    if document.broken:
        return None, report.problems()
    spec, cut = validated(document.value, report, document.lost())
    if spec is None:
        return None, report.problems()
    builder = _Builder(document, report, spec, cut)
    network = builder.network()
    builder.put_back(found(network, builder.ghosts | builder.built.ghosts))
    if report.counts["error"]:
        return None, report.problems()
    if lints:
        builder.put_back(linted(network))
    return network, report.problems()


class _Builder:
    """Builds the network of one document."""

    def __init__(self, document: Document, report: Report, file: ModelFile, cut: Cut) -> None:
        self.document = document
        self.report = report
        self.file = file
        self.cut = cut
        self.built = Built()
        self.places: dict[str, str] = {}  # section of each variable
        self.specs: dict[str, VariableSpec] = {}
        self.unreadable: set[str] = set()
        for section in SECTIONS.values():
            self._declare(section)
        self.ghosts = frozenset(ghosts(document, cut)) | {
            f"variable:{name}" for name in self.unreadable
        }
        screens = frozenset(name for name, section in self.places.items() if section == "screens")
        states: dict[str, States] = {
            name: tuple(spec.states)
            for name, spec in self.specs.items()
            if name not in screens and name not in self.unreadable
        }
        names = Names(states, self.places, screens, frozenset(file.sources), self.ghosts)
        self.numbers = NumberReader(names, cut, report)

    def _declare(self, section: str) -> None:
        """Take in the variables of one section, also those that the schema cut out."""
        raw = self.document.get((section,))
        specs = getattr(self.file, section)
        for name in raw if isinstance(raw, dict) else ():
            keys: Keys = (section, name)
            if name in self.places:
                message = f"{name!r} is declared in {self.places[name]} already"
                self.report("TN118", keys, message, at_key=True)
                self.unreadable.add(name)
                continue
            self.places[name] = section
            spec = specs.get(name)
            if spec is None or (*keys, "states") in self.cut:
                self.unreadable.add(name)
                continue
            self.specs[name] = spec
            usable = 2 <= len(spec.states) <= MAX_STATES
            twice = len(set(spec.states)) < len(spec.states) or keys in self.cut
            if not usable or twice:
                self.unreadable.add(name)  # reported once, and not again at each use
            for index, state in enumerate(spec.states):
                if state.lower() == "unknown":
                    message = "a state cannot be called 'unknown', which means: no answer"
                    self.report("TN119", (*keys, "states", index), message)

    def network(self) -> Network:
        """The network, as far as it can be read."""
        file = self.file
        self._mechanisms()
        care = CareReader(self.numbers, self.cut)
        return Network(
            name=file.name,
            version=file.version,
            variables=tuple(self._variable(name, spec) for name, spec in self.specs.items()),
            title=file.title,
            description=file.description,
            population=file.population,
            window=file.window,
            limits=tuple(file.limits),
            reviewed=file.reviewed,
            notes=tuple(file.notes),
            complaint=file.complaint or "",
            targets=tuple(file.targets),
            sources=tuple(
                Source(key, source.kind, source.cite, source.confidence, source.url)
                for key, source in file.sources.items()
            ),
            parameters=tuple(self.built.parameters),
            rules=care.rules(file),
            watches=care.watches(file),
            options=care.options(file),
            coverage=care.coverage(file),
            extra=self._extra(),
            levels=levels_of(file),
            words=words_of(file),
        )

    def _mechanisms(self) -> None:
        reader = MechanismReader(self.numbers, self.cut)
        self.built = reader.built
        raw = self.document.get(("mechanisms",))
        for name in raw if isinstance(raw, dict) else ():
            keys: Keys = ("mechanisms", name)
            spec = self.file.mechanisms.get(name)
            known = self.numbers.known(name, keys, at_key=True)
            if spec is None or not known:
                self.built.ghosts.add(f"mechanism:{name}")
            else:
                reader.read(name, spec, raw[name], keys)

    def _variable(self, name: str, spec: VariableSpec) -> Variable:
        kinds: dict[str, Kind] = {section: kind for kind, section in SECTIONS.items()}
        return Variable(
            name=name,
            kind=kinds[self.places[name]],
            states=tuple(spec.states),
            label=spec.label,
            local=self.built.local.get(name),
            question=spec.question,
            description=spec.description,
            group=spec.group,
            severity=spec.severity if isinstance(spec, CauseSpec) else "",
            icd10=tuple(spec.icd10) if isinstance(spec, CauseSpec) else (),
            urgency=(spec.urgency or "") if isinstance(spec, FindingSpec | ScreenSpec) else "",
            red_flag=spec.red_flag if isinstance(spec, FindingSpec | ScreenSpec) else "",
            always_ask=spec.always_ask,
            ask_cost=spec.ask_cost,
            ask_if=spec.ask_if,
            synonyms=tuple(spec.synonyms),
            codes=tuple((name, code) for name, codes in spec.codes.items() for code in codes),
            person=spec.person,
        )

    def _extra(self) -> dict[str, str]:
        """The file's own extra texts, and the course of each cause."""
        courses = {
            f"causes.{name}.course": spec.course
            for name, spec in self.specs.items()
            if isinstance(spec, CauseSpec) and spec.course
        }
        return self.file.extra | courses

    def put_back(self, problems: Iterable[Found]) -> None:
        """Report what check found at its place in the file."""
        for problem in problems:
            keys = problem.keys
            if problem.parameter >= 0:
                keys = (*self.built.parameter_keys[problem.parameter], *keys)
            elif len(keys) == 4 and keys[0] == "mechanisms" and keys[2] == "links":
                keys = self.built.link_keys.get((str(keys[1]), str(keys[3])), keys)
            self.report(
                problem.code, keys, problem.message, problem.wrong, problem.choices,
                hint=problem.hint, at_key=problem.at_key, severity=problem.severity,
            )  # fmt: skip
