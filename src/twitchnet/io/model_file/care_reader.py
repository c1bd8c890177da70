"""How do the words, levels, rules, watches, options and coverage of the file become values?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from twitchnet.io.model_file.numbers import NumberReader
from twitchnet.io.model_file.schema import EffectSpec, ModelFile, WordsSpec
from twitchnet.io.yaml.document import Keys
from twitchnet.model.care import CoverageItem, Effect, Option, Rule, Watch
from twitchnet.model.words import NEUTRAL, Level, Noun, Words


def levels_of(file: ModelFile) -> tuple[Level, ...]:
    """The levels of triage, in the order of the file."""
    return tuple(
        Level(
            name,
            spec.label,
            spec.sentence,
            spec.colour,
            spec.could,
            spec.advice,
            spec.no_options,
            spec.red_flags,
        )
        for name, spec in file.levels.items()
    )


def words_of(file: ModelFile) -> Words:
    """The words of the model; neutral ones where the file says nothing."""
    spec = file.words
    said: dict[str, Any] = {key: getattr(spec, key) for key in WordsSpec.model_fields}
    found: dict[str, Any] = {
        key: _noun(value) if isinstance(value, list) else value for key, value in said.items()
    }
    return replace(
        NEUTRAL,
        disclaimer=file.disclaimer,
        **{key: value for key, value in found.items() if value is not None},
    )


def _noun(forms: list[str]) -> Noun:
    return Noun(forms[0], forms[1] if len(forms) > 1 else f"{forms[0]}s")


class CareReader:
    """Reads what to do about it; names and conditions are judged by ``model.checks``."""

    def __init__(self, numbers: NumberReader, cut: Collection[Keys]) -> None:
        self.numbers = numbers
        self.cut = cut  # what the schema cut out: reported already
        self.report = numbers.report

    def rules(self, file: ModelFile) -> tuple[Rule, ...]:
        """The red-flag rules."""
        found = []
        for name, spec in file.rules.items():
            keys: Keys = ("rules", name)
            lost = (*keys, "when") in self.cut or (*keys, "default") in self.cut
            if not spec.when and not spec.default and not lost:
                self.report("TN121", (*keys, "when"), "the rule has no 'when', nor 'default: true'")
            if spec.when and spec.default:
                message = "a default rule has no 'when': it holds when nothing fired"
                self.report("TN125", (*keys, "when"), message, at_key=True)
            sources = self.numbers.known_sources(spec.source, keys)
            found.append(
                Rule(
                    name,
                    spec.when,
                    spec.urgency,
                    spec.reason,
                    sources,
                    spec.follow_up,
                    spec.alone,
                    spec.default,
                )
            )
        return tuple(found)

    def watches(self, file: ModelFile) -> tuple[Watch, ...]:
        """The rules on posteriors: the watches, then the care of the causes."""
        watches = [
            Watch(
                target,
                spec.above,
                spec.urgency,
                spec.reason,
                self.numbers.known_sources(spec.source, ("watches", target)),
            )
            for target, spec in file.watches.items()
        ]
        for name, cause in file.causes.items():
            if cause.care is not None:
                care = cause.care
                sources = self.numbers.known_sources(care.source, ("causes", name, "care"))
                watches.append(
                    Watch(name, care.above, care.level, care.reason, sources, likely=True)
                )
        return tuple(watches)

    def options(self, file: ModelFile) -> tuple[Option, ...]:
        """What a person can do."""
        found = []
        for name, spec in file.options.items():
            effects = []
            for index, part in enumerate(spec.effects):
                effect = self._effect(part, ("options", name, "effects", index))
                if effect is not None:
                    effects.append(effect)
            found.append(
                Option(
                    name,
                    spec.label,
                    tuple(effects),
                    spec.advice,
                    spec.only_if,
                    spec.caution_if,
                    spec.caution,
                    spec.expert or spec.clinician,
                    spec.time_scale,
                    spec.fine_if,
                    self.numbers.known_sources(spec.source, ("options", name)),
                )
            )
        return tuple(found)

    def _effect(self, spec: EffectSpec, keys: Keys) -> Effect | None:
        kinds = [kind for kind in ("cause", "context", "link") if getattr(spec, kind) is not None]
        if any((*keys, kind) in self.cut for kind in ("cause", "context", "link")):
            return None
        if len(kinds) != 1:
            found = f"found {' and '.join(kinds)}" if kinds else "found none of them"
            self.report("TN125", keys, f"one of cause, context and link is expected, {found}")
            return None
        kind = kinds[0]
        needed, other = ("state", "factor") if kind == "context" else ("factor", "state")
        if getattr(spec, other) is not None:
            message = f"an effect on a {kind} has a {needed}, not a {other}"
            self.report("TN125", (*keys, other), message, at_key=True)
        if getattr(spec, needed) is None:
            if (*keys, needed) not in self.cut:
                self.report("TN121", (*keys, needed), f"an effect on a {kind} needs a {needed}")
            return None
        low = high = factor = spec.factor or 0.0
        if spec.range is not None:
            low, high = spec.range
        sources = self.numbers.known_sources(spec.source, keys)
        words = (spec.quality, spec.only_if, sources, spec.note, spec.given or "")
        if spec.context is not None:
            return Effect("context", spec.context, 0.0, 0.0, 0.0, "", spec.state or "", *words)
        if spec.cause is not None:
            return Effect("cause", spec.cause, factor, low, high, "", "", *words)
        parent, arrow, child = (spec.link or "").partition("->")
        if not arrow:
            message = f"'parent -> child' is expected, found {(spec.link or '')[:80]!r}"
            self.report("TN115", (*keys, "link"), message)
            return None
        return Effect("link", parent.strip(), factor, low, high, child.strip(), "", *words)

    def coverage(self, file: ModelFile) -> tuple[CoverageItem, ...]:
        """What the model says of each assertion of the article."""
        return tuple(
            CoverageItem(int(number[:9]), spec.assertion, tuple(spec.by), spec.text_only)
            for number, spec in file.coverage.items()
        )
