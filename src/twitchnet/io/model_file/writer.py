"""How is a network written as a model file?

Canonically: the keys in the order of ``models/FORMAT.md``, one line a link, numbers with
all their digits and no more, so that equal networks give equal files and a changed number
is one changed line.  Reading the text again gives a network with the same fingerprint.
A gate is written as what it means: a modifier with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from twitchnet.errors import ModelError, Problem
from twitchnet.io.model_file.number_writer import UNSOURCED, NumberWriter
from twitchnet.io.yaml.text import block_text, flow_map, flow_value, key_text
from twitchnet.model.care import Effect, Option
from twitchnet.model.checks.scope import SECTIONS
from twitchnet.model.network import Network, Variable
from twitchnet.model.words import NEUTRAL, Level, Noun

MAX_BYTES, MAX_CONTAINERS = 5_000_000, 300_000  # what the reader takes; ``io.yaml.reader`` says why

Plain = Mapping[str, object]


def format_network(network: Network) -> str:
    """The text of a model file that holds the network.

    Raises ``ModelError`` (TN154) when the format cannot hold it: a table over more parents
    than a line can nest, or a text larger than the reader takes.

    >>> from twitchnet.io.model_file.reader import parse_network
    >>> text = '''
    ... twitchnet: 1
    ... name: coin
    ... version: '1'
    ... causes: {rain: {label: Rain}}
    ... mechanisms: {rain: {table: .25}}
    ... '''
    >>> print(format_network(parse_network(text)))
    twitchnet: 1
    name: coin
    version: "1"
    <BLANKLINE>
    causes:
      rain:
        label: Rain
    <BLANKLINE>
    mechanisms:
      rain:
        table: 0.25
    <BLANKLINE>
    """
    text = _Writer(network).text()
    if len(text.encode()) > MAX_BYTES:
        message = f"the text is larger than the {MAX_BYTES:,} bytes of a model file"
        raise ModelError([Problem("TN154", message)])
    if text.count("[") + text.count("{") + text.count(":\n") > MAX_CONTAINERS:
        message = f"the text has more than the {MAX_CONTAINERS:,} lists of a model file"
        raise ModelError([Problem("TN154", message)])
    return text


def _sparse(**values: object) -> dict[str, object]:
    """The values that say something, in order."""
    return {key: value for key, value in values.items() if value not in ("", (), None, False)}


def _listed(names: tuple[str, ...]) -> object:
    """One name stands alone, several in a list."""
    return names[0] if len(names) == 1 else names


class _Writer:
    """Collects the lines of one file."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.lines: list[str] = []
        self.numbers = NumberWriter(network)
        sections = list(SECTIONS)
        self.ordered = sorted(network.variables, key=lambda v: sections.index(v.kind))

    def text(self) -> str:
        self.head()
        mechanisms = self.mechanisms()
        self.section("words", self.words())
        self.section("levels", self.levels())
        self.section("sources", self.sources())
        for kind, section in SECTIONS.items():
            self.section(section, self.variables(v for v in self.ordered if v.kind == kind))
        self.section("mechanisms", mechanisms)
        self.section("rules", self.rules())
        self.section("watches", self.watches())
        self.section("options", self.options())
        self.section("coverage", self.coverage())
        extra = {k: v for k, v in self.network.extra.items() if not self.is_course(k)}
        self.section("extra", (f"  {key_text(k)}: {block_text(v, 4)}" for k, v in extra.items()))
        return "\n".join(self.lines) + "\n"

    def section(self, name: str, lines: Iterable[str]) -> None:
        """A top-level key, after an empty line; left out when it is empty."""
        found = list(lines)
        if found:
            self.lines += ["", f"{name}:", *found]

    def entry(self, indent: int, values: Plain) -> list[str]:
        """``key: value`` lines; lists of texts are in flow style."""
        pad = " " * indent
        return [
            f"{pad}{key_text(key)}: "
            + (block_text(value, indent + 2) if isinstance(value, str) else flow_value(value))
            for key, value in values.items()
        ]

    # -- words ----------------------------------------------------------------------

    def head(self) -> None:
        network = self.network
        self.lines.append("twitchnet: 1")
        self.lines += self.entry(0, {"name": network.name, "version": network.version or "0"})
        words = ("title", "description", "population", "window", "reviewed")
        self.lines += self.entry(0, _sparse(**{word: getattr(network, word) for word in words}))
        self.lines += self.entry(0, _sparse(disclaimer=network.words.disclaimer))
        for key in ("limits", "notes"):
            texts = getattr(network, key)
            if texts:
                self.lines.append(f"{key}:")
                self.lines += [f"  - {block_text(text, 4)}" for text in texts]
        targets = () if network.targets == network.names("cause") else network.targets
        self.lines += self.entry(0, _sparse(complaint=network.complaint, targets=targets))

    def words(self) -> Iterable[str]:
        """The words that differ from the neutral ones."""
        for key in (one.name for one in fields(NEUTRAL) if one.name != "disclaimer"):
            value = getattr(self.network.words, key)
            if value != getattr(NEUTRAL, key):
                if isinstance(value, Noun):
                    value = (value.one, value.many)
                yield f"  {key_text(key)}: {flow_value(value)}"

    def levels(self) -> Iterable[str]:
        for level in self.network.levels:
            yield f"  {key_text(level.name)}:"
            yield from self.entry(4, self.level(level))

    def level(self, level: Level) -> Plain:
        values = _sparse(
            label=level.label, sentence=level.sentence,
            colour="" if level.colour == "plain" else level.colour, could=level.could,
            advice=level.advice, no_options=level.no_options,
        )  # fmt: skip
        return values if level.red_flags else {**values, "red_flags": False}

    def sources(self) -> Iterable[str]:
        keys = [source.key for source in self.network.sources]
        for source in self.network.sources:
            values = _sparse(
                kind=source.kind, cite=source.cite, url=source.url, confidence=source.confidence
            )
            yield f"  {key_text(source.key)}: {flow_map(values)}"
        if self.numbers.unsourced and UNSOURCED not in keys:
            values = {"kind": "judgement", "cite": "No source is stated"}
            yield f"  {UNSOURCED}: {flow_map(values)}"

    def is_course(self, key: str) -> bool:
        parts = key.split(".")
        return len(parts) == 3 and parts[::2] == ["causes", "course"] and parts[1] in (
            self.network.names("cause")
        )  # fmt: skip

    def variables(self, variables: Iterable[Variable]) -> Iterable[str]:
        care = {watch.target: watch for watch in self.network.watches if watch.likely}
        for v in variables:
            yield f"  {key_text(v.name)}:"
            course = self.network.extra.get(f"causes.{v.name}.course", "")
            values = _sparse(
                label=v.label or v.name,
                states=() if v.is_binary else v.states,
                question=v.question,
                description=v.description,
                group=v.group,
                severity=v.severity,
                icd10=v.icd10,
                course=course if v.kind == "cause" else "",
                urgency=v.urgency,
                red_flag=v.red_flag,
                always_ask=v.always_ask,
                ask_cost=None if v.ask_cost == 1.0 else v.ask_cost,
                ask_if=v.ask_if,
                synonyms=v.synonyms,
                person=v.person,
            )
            yield from self.entry(4, values)
            if v.codes:
                systems = dict.fromkeys(system for system, _ in v.codes)
                codes = {s: [code for of, code in v.codes if of == s] for s in systems}
                yield f"    codes: {flow_map(codes)}"
            if v.name in care:
                watch = care[v.name]
                care_values = _sparse(
                    level=watch.urgency, above=watch.threshold, reason=watch.reason,
                    source=_listed(watch.sources),
                )  # fmt: skip
                yield f"    care: {flow_map(care_values)}"

    # -- numbers --------------------------------------------------------------------

    def mechanisms(self) -> list[str]:
        lines = []
        for variable in self.ordered:
            if variable.local is None:
                continue
            lines.append(f"  {key_text(variable.name)}:")
            lines += self.numbers.mechanism(variable)
        return lines

    # -- care -----------------------------------------------------------------------

    def rules(self) -> Iterable[str]:
        for rule in self.network.rules:
            yield f"  {key_text(rule.name)}:"
            yield from self.entry(4, _sparse(
                when=rule.when, default=rule.default, urgency=rule.urgency, alone=rule.alone,
                reason=rule.reason, source=_listed(rule.sources), follow_up=rule.follow_up,
            ))  # fmt: skip

    def watches(self) -> Iterable[str]:
        for watch in (one for one in self.network.watches if not one.likely):
            values = _sparse(
                above=watch.threshold, urgency=watch.urgency, reason=watch.reason,
                source=_listed(watch.sources),
            )  # fmt: skip
            yield f"  {key_text(watch.target)}: {flow_map(values)}"

    def options(self) -> Iterable[str]:
        for option in self.network.options:
            yield f"  {key_text(option.name)}:"
            yield from self.entry(4, self.option(option))
            if option.effects:
                yield "    effects:"
                yield from (f"      - {flow_map(self.effect(one))}" for one in option.effects)

    def option(self, option: Option) -> Plain:
        return _sparse(
            label=option.label, advice=option.advice, only_if=option.only_if,
            fine_if=option.fine_if, caution_if=option.caution_if, caution=option.caution,
            expert=option.expert, time_scale=option.time_scale,
            source=_listed(option.sources),
        )  # fmt: skip

    def effect(self, effect: Effect) -> Plain:
        """An effect on a context sets a state; on a cause or a link it leaves a share."""
        target = f"{effect.target} -> {effect.child}" if effect.kind == "link" else effect.target
        values: dict[str, object] = {effect.kind: target}
        if effect.kind == "context":
            values["state"] = effect.state
        else:
            values["factor"] = effect.factor
            if (effect.low, effect.high) != (effect.factor, effect.factor):
                values["range"] = [effect.low, effect.high]
        return values | _sparse(
            quality=effect.quality, only_if=effect.only_if, given=effect.given,
            source=_listed(effect.sources), note=effect.note,
        )  # fmt: skip

    def coverage(self) -> Iterable[str]:
        for item in self.network.coverage:
            values = _sparse(assertion=item.assertion, by=item.targets, text_only=item.text_only)
            yield f"  {item.number}: {flow_map(values)}"
