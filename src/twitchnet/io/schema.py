"""What may be written where in a model file?

The document as pydantic models: keys, types, choices and their descriptions, and the
JSON Schema for editors that is exported from them.  What names mean to each other
(is there such a variable?) is not decided here but in ``model_file`` and ``check``.

``validated`` reports every problem of a document in one go and returns what is left
when the faulty parts are cut out, so that the rest can be checked in the same run.
Importing this module imports pydantic (about 0.1 s); only the loader does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from twitchnet.io.report import Report
from twitchnet.io.yaml_reader import Key, Keys
from twitchnet.model.care import Urgency

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,79}$"
STATE = r"^[^\s=&|(),]{1,60}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _spelled(value: Any) -> Any:
    """The short form of a number, ``.03`` for ``{p: .03}``."""
    return {"p": value} if isinstance(value, int | float) else value


Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=NAME)]
Texts = Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
Names = Annotated[list[Name], BeforeValidator(_listed, json_schema_input_type=str | list[Name])]
States = list[Annotated[str, Field(pattern=STATE)]]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]
Condition = Annotated[str, Field(description="names, name=state, &, |, ( ), at_least(k, ...)")]

_NEST = {
    "description": "a probability, a cell {p, range, source}, or nested lists and mappings of "
    "them over the states of the variables in `by`",
    "anyOf": [{"type": "number"}, {"type": "array"}, {"type": "object"}],
}
Nest = Annotated[Any, WithJsonSchema(_NEST)]
Sources = Annotated[Texts, Field(description="one key of `sources`, or several")]


class SourceSpec(_Part):
    """Where numbers come from."""

    kind: Literal["page", "literature", "judgement"]
    cite: Text
    confidence: str = ""
    url: str = ""


class VariableSpec(_Part):
    """What every variable has."""

    label: Text
    states: States = Field(
        default=["absent", "present"], description="the first state is the baseline"
    )
    question: str = Field(default="", description="what to ask, in plain words")
    description: str = ""
    group: str = ""
    synonyms: list[Text] = []
    always_ask: bool = False
    ask_cost: Annotated[float, Field(ge=0)] = 1.0
    ask_if: Condition = ""


class ContextSpec(VariableSpec):
    """What a person can report about exposure and background."""


class CauseSpec(VariableSpec):
    """What may be behind the complaint."""

    severity: Literal["", "not_serious", "treatable", "serious", "emergency"] = ""
    icd10: list[Text] = []
    course: str = ""


class FindingSpec(VariableSpec):
    """What can be seen or felt."""

    urgency: Literal["", "self_care", "routine", "soon", "emergency"] = ""
    red_flag: Literal["", "article", "guidance"] = ""


class ScreenSpec(VariableSpec):
    """A question without a probability, which only rules read."""

    urgency: Literal["", "self_care", "routine", "soon", "emergency"] = ""
    red_flag: Literal["", "article", "guidance"] = ""


class CellSpec(_Part):
    """One number with its own range and source."""

    p: Annotated[float, Field(description="a probability")]
    range: Range | None = Field(default=None, description="[low, high], central 90 %")
    source: Sources = []
    note: str = ""
    fixed: bool = Field(default=False, description="a definition, without range and source")


class NumberSpec(_Part):
    """A probability, or a table of probabilities over the states of `by`."""

    by: Names = Field(default=[], description="the variables that `p` is nested over")
    p: Nest
    overall: float | None = Field(
        default=None, description="the value that `range` belongs to, when the cells differ"
    )
    range: Range | None = Field(default=None, description="[low, high], central 90 %")
    source: Sources = []
    note: str = ""
    fixed: bool = Field(default=False, description="a definition, without range and source")


Number = Annotated[NumberSpec, BeforeValidator(_spelled, json_schema_input_type=float | NumberSpec)]
_NUMBER_KEYS = frozenset(NumberSpec.model_fields)


def _table_form(value: Any) -> str:
    """Whether a table is one number or one line for each state."""
    if isinstance(value, dict) and not _NUMBER_KEYS.intersection(value):
        return "<by state>"
    return "<whole>"


Table = Annotated[
    Union[  # noqa: UP007 - `|` does not take Annotated members with forward use
        Annotated[Number, Tag("<whole>")],
        Annotated[dict[str, Number], Tag("<by state>")],
    ],
    Discriminator(_table_form),
]


class MechanismSpec(_Part):
    """How a variable depends on its parents."""

    kind: Literal["", "table", "noisy_or", "noisy_max", "noisy_and"] = ""
    describes: Name | None = Field(default=None, description="the finding that this one describes")
    gate: Names = Field(
        default=[], description="when one of these is in its baseline state, nothing acts"
    )
    table: Table | None = None
    leak: Number | None = None
    links: dict[str, Number] = {}
    note: str = ""


class RuleSpec(_Part):
    """A red-flag rule on the answers."""

    when: Condition = ""
    urgency: Urgency
    reason: Text
    source: Sources = []
    follow_up: str = ""
    alone: bool = False
    default: bool = False


class WatchSpec(_Part):
    """A rule on a posterior."""

    above: Annotated[float, Field(gt=0, lt=1)]
    urgency: Urgency
    reason: Text
    source: Sources = []


class EffectSpec(_Part):
    """What an option does; one of `cause`, `context` and `link`."""

    cause: Name | None = None
    context: Name | None = None
    link: str | None = Field(default=None, description="parent -> child")
    state: str | None = None
    factor: float | None = Field(default=None, description="the share that remains")
    range: Range | None = None
    quality: str = ""
    only_if: Condition = ""
    given: Name | None = Field(
        default=None, description="a cause whose posterior weighs the effect"
    )
    source: Sources = []
    note: str = ""


class OptionSpec(_Part):
    """A thing that a person can do."""

    label: Text
    advice: str = ""
    only_if: Condition = ""
    fine_if: Annotated[str, Field(description="when this holds there is nothing to change")] = ""
    caution_if: Condition = ""
    caution: str = ""
    clinician: bool = False
    time_scale: str = ""
    source: Sources = []
    effects: list[EffectSpec] = []


class CoverageSpec(_Part):
    """An assertion of the article, and what encodes it."""

    assertion: Text
    by: Texts
    text_only: bool = False


class ModelFile(_Part):
    """A twitchnet model file."""

    twitchnet: Literal[1] = Field(description="the version of this format")
    name: Name
    version: Text
    title: str = ""
    description: str = ""
    population: str = ""
    window: str = ""
    reviewed: str = ""
    limits: Texts = []
    notes: Texts = []
    complaint: Name | None = None
    targets: Names = []
    sources: dict[Name, SourceSpec] = {}
    contexts: dict[Name, ContextSpec] = {}
    causes: dict[Name, CauseSpec] = {}
    findings: dict[Name, FindingSpec] = {}
    screens: dict[Name, ScreenSpec] = {}
    mechanisms: dict[Name, MechanismSpec] = {}
    rules: dict[Name, RuleSpec] = {}
    watches: dict[str, WatchSpec] = {}
    options: dict[Name, OptionSpec] = {}
    coverage: dict[Annotated[str, Field(pattern="^[0-9]+$")], CoverageSpec] = {}
    extra: dict[str, str] = Field(default={}, description="any text that tools of yours read")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model file, for editors."""
    schema = ModelFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


# -- validation -----------------------------------------------------------------------

_SECTIONS: dict[str, type[BaseModel]] = {
    "sources": SourceSpec,
    "contexts": ContextSpec,
    "causes": CauseSpec,
    "findings": FindingSpec,
    "screens": ScreenSpec,
    "mechanisms": MechanismSpec,
    "rules": RuleSpec,
    "watches": WatchSpec,
    "options": OptionSpec,
    "coverage": CoverageSpec,
}


def known_keys(keys: Keys) -> list[str]:
    """The keys that the format has in the mapping at ``keys``."""
    if len(keys) < 2:
        return list(ModelFile.model_fields)
    if len(keys) == 2:
        return list(_SECTIONS[str(keys[0])].model_fields)
    return list((EffectSpec if keys[0] == "options" else NumberSpec).model_fields)


def described(value: Any) -> str:
    """A value in words: 'the number 3', 'a list', 'nothing'."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value!r}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}" if value else "empty text"
    return "a list" if isinstance(value, list) else "a mapping"


_EXPECTED = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}


def _where(raw: Any, loc: tuple[Key, ...]) -> tuple[list[Key], Any]:
    """The keys of ``loc`` that exist in ``raw`` (pydantic adds others), and the value there."""
    keys: list[Key] = []
    for key in loc:
        inside = isinstance(raw, dict) and key in raw
        if inside or (isinstance(raw, list) and isinstance(key, int) and key < len(raw)):
            raw = raw[key]
            keys.append(key)
    return keys, raw


def describe_error(
    error: ErrorDetails, raw: Any, prefix: Keys, part: type[BaseModel], report: Report
) -> Keys:
    """Report one error of pydantic in our words; the keys of the part that is wrong."""
    inner, value = _where(raw, error["loc"])
    keys = (*prefix, *inner)
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    if kind == "missing":
        report("TN121", (*keys, loc[-1]), f"the key {loc[-1]!r} is missing")
    elif kind == "extra_forbidden":
        wrong = str(keys[-1])
        choices = known_keys(keys[:-1]) if part is ModelFile else list(part.model_fields)
        report("TN120", keys, f"no key {wrong[:80]!r} here", wrong, choices, at_key=True)
    elif loc and loc[-1] == "[key]":
        form = "a whole number" if keys[0] == "coverage" else "a name (letters, digits and _)"
        report("TN119", keys, f"{str(keys[-1])[:80]!r} is not {form}", at_key=True)
    elif kind == "literal_error" and keys == ("twitchnet",):
        report("TN124", keys, f"the format version is 1, found {described(value)}")
    elif kind == "literal_error":
        words = [word for word in re.findall(r"'([^']*)'", context["expected"]) if word]
        message = f"one of {', '.join(words)} is expected, found {described(value)}"
        report("TN123", keys, message, str(value), words)
    elif kind == "string_pattern_mismatch":
        states = len(keys) > 1 and keys[-2] == "states"
        form = "have no spaces and none of = & | ( ) ," if states else "are letters, digits and _"
        report("TN119", keys, f"{str(value)[:80]!r} is not a name: names {form}")
    elif kind == "string_too_short":
        report("TN121", keys, "the text is empty")
    elif kind in ("too_short", "too_long"):
        report("TN134", keys, f"[low, high] is expected, found {len(value)} entries")
    elif kind in _EXPECTED:
        message = f"{_EXPECTED[kind]} is expected, found {described(value)}"
        quote = kind == "string_type" and isinstance(value, bool | int | float)
        report("TN122", keys, message, hint="put it in quotes" if quote else "")
    else:
        report("TN122", keys, f"{error['msg'][:1].lower()}{error['msg'][1:]}")
    return keys


def validated(raw: Any, report: Report) -> tuple[ModelFile | None, list[Keys]]:
    """The document as a ``ModelFile``, and the keys of the parts that were cut out.

    Every fault is reported.  A faulty part is cut out of the document, and a part from
    which something required is missing is cut out whole, until the rest is valid; None
    when nothing is left.
    """
    cut: list[Keys] = []
    for turn in range(8):
        try:
            return ModelFile.model_validate(raw), cut
        except ValidationError as found:
            errors = found.errors(include_url=False)
        if not isinstance(raw, dict):
            describe_error(errors[0], raw, (), ModelFile, report)
            return None, cut
        for error in errors:
            keys = tuple(_where(raw, error["loc"])[0])
            if turn == 0:
                describe_error(error, raw, (), ModelFile, report)
            if keys:
                cut.append(keys)
        raw = _copied(raw)
        _cut_out(raw, cut)
        raw = {"twitchnet": 1, "name": "unnamed", "version": "0"} | raw
    return None, cut


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _cut_out(raw: Any, cut: list[Keys]) -> None:
    """Take the parts out of ``raw``; a list goes whole, since its order has a meaning."""
    for keys in cut:
        while isinstance(keys[-1], int):
            keys = keys[:-1]
        parents, container = _where(raw, keys[:-1])
        if len(parents) == len(keys) - 1 and isinstance(container, dict):
            container.pop(keys[-1], None)
