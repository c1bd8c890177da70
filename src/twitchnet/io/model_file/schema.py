"""What may be written where in a model file?

The document as pydantic models: keys, types, choices and their descriptions, and the
JSON Schema for editors that is exported from them.  What names mean to each other
(is there such a variable?) is not decided here but in ``model_file`` and ``check``.
Importing this module imports pydantic (about 0.1 s); only the loader does.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from twitchnet.model.local import KINDS
from twitchnet.model.words import Colour

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
Urgency = Annotated[str, Field(pattern=NAME, description="a level of `levels`")]
Phrase = Annotated[str, Field(min_length=1, max_length=60)]
Sentence = Annotated[str, Field(max_length=600)]
Condition = Annotated[str, Field(description="names, name=state, &, |, ( ), at_least(k, ...)")]

_NEST = {
    "description": "a probability, a cell {p, range, source}, or nested lists and mappings of "
    "them over the states of the variables in `by`",
    "anyOf": [{"type": "number"}, {"type": "array"}, {"type": "object"}],
}
Nest = Annotated[Any, WithJsonSchema(_NEST)]
Sources = Annotated[Texts, Field(description="one key of `sources`, or several")]


class LevelSpec(_Part):
    """One level of triage; the order of the file is the order, the least urgent first."""

    label: Phrase = Field(description="what the level is called inside a sentence")
    sentence: Annotated[Sentence, Field(min_length=1, description="the heading of a report")]
    colour: Colour = "plain"
    could: Sentence = Field(
        default="",
        description="what follows 'Could' where a rule waits for an answer; 'become' and the "
        "label when left out",
    )
    advice: Sentence = Field(default="", description="the first sentence of what to do next")
    no_options: Sentence = Field(
        default="", description="why no option is offered at this level; offered when left out"
    )
    red_flags: bool = Field(
        default=True,
        description="false: a finding of this level is a red flag only if it is always asked",
    )


Noun = Annotated[
    list[Phrase],
    Field(min_length=1, max_length=2),
    BeforeValidator(_listed, json_schema_input_type=str | list[Phrase]),
]


class WordsSpec(_Part):
    """What pages say in the words of the field; neutral words where a key is left out.

    A noun is ``[singular, plural]``, or a singular whose plural ends in s.
    """

    complaint: Noun | None = Field(default=None, description="what brings people to the model")
    finding: Noun | None = Field(default=None, description="what can be seen")
    cause: Noun | None = Field(default=None, description="what is looked for")
    context: Noun | None = Field(default=None, description="exposure and background")
    likely: Phrase | None = Field(
        default=None, description="what begins the sentence of a likely cause with a `care`"
    )
    next_steps: Phrase | None = Field(default=None, description="heading of a report")
    helped: Phrase | None = Field(default=None, description="heading of the page of benefits")
    options: Phrase | None = Field(default=None, description="heading of the model card")


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
        default_factory=lambda: ["absent", "present"],
        description="the first state is the baseline",
        json_schema_extra={"default": ["absent", "present"]},
    )
    question: str = Field(default="", description="what to ask, in plain words")
    description: str = ""
    group: str = ""
    synonyms: list[Text] = Field(default_factory=list)
    codes: dict[Literal["hpo", "icd10", "loinc", "snomed"], Texts] = Field(
        default_factory=dict, description="what other systems call it: a code, or several"
    )
    person: Literal["", "age", "sex"] = Field(
        default="", description="the fact of a person that it holds, for records of other systems"
    )
    always_ask: bool = False
    ask_cost: Annotated[float, Field(ge=0)] = 1.0
    ask_if: Condition = ""


class ContextSpec(VariableSpec):
    """What a person can report about exposure and background."""


class CareSpec(_Part):
    """The level at which published guidance wants a likely cause to be seen."""

    level: Urgency
    above: Annotated[float, Field(gt=0, lt=1, description="the posterior from which it holds")]
    source: Sources = Field(default_factory=list)
    reason: str = Field(default="", description="a sentence that follows the name of the cause")


class CauseSpec(VariableSpec):
    """What may be behind the complaint."""

    severity: Literal["", "not_serious", "treatable", "serious", "emergency"] = ""
    icd10: list[Text] = Field(default_factory=list)
    course: str = ""
    care: CareSpec | None = None


class FindingSpec(VariableSpec):
    """What can be seen or felt."""

    urgency: Urgency | None = Field(default=None, description="its level by itself")
    red_flag: Literal["", "article", "guidance"] = ""


class ScreenSpec(VariableSpec):
    """A question without a probability, which only rules read."""

    urgency: Urgency | None = Field(default=None, description="its level by itself")
    red_flag: Literal["", "article", "guidance"] = ""


class CellSpec(_Part):
    """One number with its own range and source."""

    p: Annotated[float, Field(description="a probability")]
    range: Range | None = Field(default=None, description="[low, high], central 90 %")
    source: Sources = Field(default_factory=list)
    note: str = ""
    fixed: bool = Field(default=False, description="a definition, without range and source")


class NumberSpec(_Part):
    """A probability, or a table of probabilities over the states of `by`."""

    by: Names = Field(default_factory=list, description="the variables that `p` is nested over")
    p: Nest
    overall: float | None = Field(
        default=None, description="the value that `range` belongs to, when the cells differ"
    )
    range: Range | None = Field(default=None, description="[low, high], central 90 %")
    source: Sources = Field(default_factory=list)
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

    kind: Literal["", "table", *KINDS] = ""  # type: ignore[valid-type]
    describes: Name | None = Field(default=None, description="the finding that this one describes")
    gate: Names = Field(
        default_factory=list, description="when one of these is in its baseline state, nothing acts"
    )
    table: Table | None = None
    leak: Number | None = None
    links: dict[str, Number] = Field(default_factory=dict)
    note: str = ""


class RuleSpec(_Part):
    """A red-flag rule on the answers."""

    when: Condition = ""
    urgency: Urgency
    reason: Text
    source: Sources = Field(default_factory=list)
    follow_up: str = ""
    alone: bool = False
    default: bool = False


class WatchSpec(_Part):
    """A rule on a posterior."""

    above: Annotated[float, Field(gt=0, lt=1)]
    urgency: Urgency
    reason: Text
    source: Sources = Field(default_factory=list)


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
    source: Sources = Field(default_factory=list)
    note: str = ""


class OptionSpec(_Part):
    """A thing that a person can do."""

    label: Text
    advice: str = ""
    only_if: Condition = ""
    fine_if: Annotated[str, Field(description="when this holds there is nothing to change")] = ""
    caution_if: Condition = ""
    caution: str = ""
    expert: bool = Field(default=False, description="to be done with an expert")
    clinician: bool = Field(default=False, description="the same: an older spelling of `expert`")
    time_scale: str = ""
    source: Sources = Field(default_factory=list)
    effects: list[EffectSpec] = Field(default_factory=list)


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
    limits: Texts = Field(default_factory=list)
    notes: Texts = Field(default_factory=list)
    disclaimer: Annotated[str, Field(max_length=2000)] = ""
    words: WordsSpec = Field(default_factory=WordsSpec)
    levels: dict[Name, LevelSpec] = Field(default_factory=dict)
    complaint: Name | None = None
    targets: Names = Field(default_factory=list)
    sources: dict[Name, SourceSpec] = Field(default_factory=dict)
    contexts: dict[Name, ContextSpec] = Field(default_factory=dict)
    causes: dict[Name, CauseSpec] = Field(default_factory=dict)
    findings: dict[Name, FindingSpec] = Field(default_factory=dict)
    screens: dict[Name, ScreenSpec] = Field(default_factory=dict)
    mechanisms: dict[Name, MechanismSpec] = Field(default_factory=dict)
    rules: dict[Name, RuleSpec] = Field(default_factory=dict)
    watches: dict[str, WatchSpec] = Field(default_factory=dict)
    options: dict[Name, OptionSpec] = Field(default_factory=dict)
    coverage: dict[Annotated[str, Field(pattern="^[0-9]+$")], CoverageSpec] = Field(
        default_factory=dict
    )
    extra: dict[str, str] = Field(
        default_factory=dict, description="any text that tools of yours read"
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model file, for editors."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema.update(_untitled(ModelFile.model_json_schema()))
    return schema


def schema_text() -> str:
    """The text of ``models/model.schema.json``, which a test compares with the file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes from the keys; they say nothing new."""
    if isinstance(schema, dict):
        return {
            key: _untitled(part)
            for key, part in schema.items()
            if key != "title" or isinstance(part, dict)
        }
    return [_untitled(part) for part in schema] if isinstance(schema, list) else schema
