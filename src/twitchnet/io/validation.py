"""Does a document follow the schema, and if not, what is wrong in plain words?

``validated`` reports every problem of a document in one go and returns what is left
when the faulty parts are cut out, so that the rest can be checked in the same run.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from twitchnet.io.document import Key, Keys
from twitchnet.io.report import Report
from twitchnet.io.schema import (
    CauseSpec,
    ContextSpec,
    CoverageSpec,
    EffectSpec,
    FindingSpec,
    MechanismSpec,
    ModelFile,
    NumberSpec,
    OptionSpec,
    RuleSpec,
    ScreenSpec,
    SourceSpec,
    WatchSpec,
)

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
            while keys and isinstance(keys[-1], int):
                keys = keys[:-1]  # a list goes whole, since its order has a meaning
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
    """Take the parts out of ``raw``."""
    for keys in cut:
        parents, container = _where(raw, keys[:-1])
        if len(parents) == len(keys) - 1 and isinstance(container, dict):
            container.pop(keys[-1], None)
