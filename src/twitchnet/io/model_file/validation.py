"""Does a document follow the schema, and if not, what is wrong in plain words?

``validated`` reports every problem of a document in one go and returns what is left
when the faulty parts are cut out, so that the rest can be checked in the same run.
The parts are validated one by one, so that a file full of faults needs no more memory
than its worst part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from twitchnet.io.model_file.report import Report
from twitchnet.io.model_file.schema import (
    CareSpec,
    CauseSpec,
    ContextSpec,
    CoverageSpec,
    EffectSpec,
    FindingSpec,
    LevelSpec,
    MechanismSpec,
    ModelFile,
    Name,
    Number,
    NumberSpec,
    OptionSpec,
    RuleSpec,
    ScreenSpec,
    SourceSpec,
    WatchSpec,
    WordsSpec,
)
from twitchnet.io.yaml.document import Key, Keys

MAX_PART = 50_000
"""Entries of one variable, rule or other part, without its links and nested numbers."""

Cut = dict[Keys, Keys]
"""What the file holds and nobody can use, by its keys; the values are where it stands.

The two differ where a key is misspelt: ``(causes, rain, states)`` may stand at
``(causes, rain, stats)``.
"""

_SECTIONS: dict[str, type[BaseModel]] = {
    "levels": LevelSpec,
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
    if keys[:1] == ("words",):
        return list(WordsSpec.model_fields)
    if len(keys) < 2:
        return list(ModelFile.model_fields)
    if len(keys) == 2:
        return list(_SECTIONS[str(keys[0])].model_fields)
    inner: dict[str, type[BaseModel]] = {"options": EffectSpec, "causes": CareSpec}
    return list(inner.get(str(keys[0]), NumberSpec).model_fields)


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


class Fault(NamedTuple):
    """The keys of the part that is wrong, and of the key that was meant if one is misspelt."""

    keys: Keys
    meant: Keys = ()


def describe_errors(
    errors: Iterable[ErrorDetails],
    raw: Any,
    prefix: Keys,
    part: type[BaseModel],
    report: Report,
    lost: Collection[Keys] = (),
) -> list[Fault]:
    """Report the errors of pydantic in our words.

    A key that is misspelt, or among those that are ``lost``, is not missing too.
    """
    ordered = sorted(errors, key=lambda error: error["type"] != "extra_forbidden")
    faults: list[Fault] = []
    meant: set[Keys] = set()
    for error in ordered:
        keys = (*prefix, *_where(raw, error["loc"])[0])
        absent = (*keys, *error["loc"][-1:])
        if error["type"] == "missing" and (absent in meant or absent in lost):
            faults.append(Fault(keys))
            continue
        faults.append(_describe(error, raw, prefix, part, report))
        meant.add(faults[-1].meant)
    return faults


def _describe(
    error: ErrorDetails, raw: Any, prefix: Keys, part: type[BaseModel], report: Report
) -> Fault:
    """Report one error of pydantic."""
    inner, value = _where(raw, error["loc"])
    keys = (*prefix, *inner)
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    if kind == "missing":
        report("TN121", (*keys, loc[-1]), f"the key {loc[-1]!r} is missing")
    elif kind == "extra_forbidden":
        choices = known_keys(keys[:-1]) if part is ModelFile else list(part.model_fields)
        return _unknown_key(keys, choices, _where(raw, loc[:-1])[1], report)
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
        report("TN119", keys, _not_a_name(str(value), len(keys) > 1 and keys[-2] == "states"))
    elif kind == "string_too_long":
        most = context["max_length"]
        report("TN122", keys, f"the text has {len(value)} characters; {most} are allowed")
    elif kind == "string_too_short":
        report("TN121", keys, "the text is empty")
    elif kind in ("too_short", "too_long"):
        if keys[:1] == ("words",):
            report("TN122", keys, f"[singular, plural] is expected, found {len(value)} entries")
        else:
            report("TN134", keys, f"[low, high] is expected, found {len(value)} entries")
    elif kind in _EXPECTED:
        message = f"{_EXPECTED[kind]} is expected, found {described(value)}"
        quote = kind == "string_type" and isinstance(value, bool | int | float)
        report("TN122", keys, message, hint="put it in quotes" if quote else "")
    else:
        report("TN122", keys, f"{error['msg'][:1].lower()}{error['msg'][1:]}")
    return Fault(keys)


def _unknown_key(keys: Keys, choices: list[str], there: Collection[str], report: Report) -> Fault:
    """Report a key that the format does not have here."""
    wrong = str(keys[-1])
    near = report.meant(wrong, choices)
    hint = f"did you mean {near[:80]!r}?" if near else ""
    report("TN120", keys, f"no key {wrong[:80]!r} here", hint=hint, at_key=True)
    return Fault(keys, (*keys[:-1], near) if near and near not in there else ())


def _not_a_name(text: str, state: bool) -> str:
    """What is wrong with a name or a state."""
    longest = 60 if state else 80
    if len(text) > longest:
        return f"{text[:40]!r}... has {len(text)} characters; {longest} are allowed"
    form = "have no spaces and none of = & | ( ) ," if state else "are letters, digits and _"
    return f"{text!r} is not a name: names {form}"


def validated(raw: Any, report: Report, lost: Iterable[Keys]) -> tuple[ModelFile | None, Cut]:
    """The document as a ``ModelFile``, and what nobody can use.

    Every fault is reported.  A faulty part is cut out of the document, and a part from
    which something required is missing is cut out whole, until the rest is valid; None
    when nothing is left.  ``lost`` are the entries that the text itself could not give.
    """
    reader = _Validator(report, {keys: keys for keys in lost})
    return reader.file(raw), reader.cut


@lru_cache
def _adapter(section: str) -> TypeAdapter[Any]:
    """What validates ``{name: entry}`` of one section, or of the links of a mechanism."""
    key: Any = Name
    if section == "coverage":
        key = Annotated[str, Field(pattern="^[0-9]+$")]
    elif section in ("watches", "extra", "links"):
        key = str
    part: Any = {"extra": str, "links": Number}.get(section) or _SECTIONS[section]
    return TypeAdapter(dict[key, part])


class _Validator:
    """Validates one document part by part."""

    def __init__(self, report: Report, cut: Cut) -> None:
        self.report = report
        self.cut = cut

    def file(self, raw: Any) -> ModelFile | None:
        """The whole file."""
        if not isinstance(raw, dict):
            message = f"a mapping (key: value) is expected, found {described(raw)}"
            self.report("TN122", (), message)
            return None
        sections = (*_SECTIONS, "extra")
        head = {key: value for key, value in raw.items() if key in ModelFile.model_fields}
        for key in raw:
            if key not in head:
                self._take(_unknown_key((key,), list(ModelFile.model_fields), raw, self.report))
        parts = {key: self._section(key, head.pop(key)) for key in sections if key in head}
        defaults = {"twitchnet": 1, "name": "unnamed", "version": "0"}
        whole = self._valid(ModelFile.model_validate, head, (), defaults)
        return None if whole is None else whole.model_copy(update=parts)

    def _section(self, section: str, raw: Any) -> dict[str, Any]:
        """The valid entries of one section."""
        if not isinstance(raw, dict):
            message = f"a mapping (key: value) is expected, found {described(raw)}"
            self.report("TN122", (section,), message)
            self.cut[section,] = (section,)
            return {}
        found: dict[str, Any] = {}
        for name, entry in raw.items():
            links = entry.get("links") if section == "mechanisms" and _is_dict(entry) else None
            if isinstance(links, dict):
                entry = {key: value for key, value in entry.items() if key != "links"}
            adapter = _adapter(section)
            valid = self._valid(adapter.validate_python, {name: entry}, (section,), {}) or {}
            if isinstance(links, dict) and name in valid:
                update = {"links": self._links(links, (section, name, "links"))}
                valid[name] = valid[name].model_copy(update=update)
            found |= valid
        return found

    def _links(self, raw: dict[str, Any], keys: Keys) -> dict[str, NumberSpec]:
        """The valid links of a mechanism."""
        check = _adapter("links").validate_python
        found: dict[str, NumberSpec] = {}
        for parent, number in raw.items():
            found |= self._valid(check, {parent: number}, keys, {}) or {}
        return found

    def _valid(self, check: Any, raw: dict[str, Any], prefix: Keys, defaults: Any) -> Any:
        """What is left of ``raw`` when its faulty parts are cut out; None when nothing is."""
        whole: Keys = (*prefix, *raw) if prefix else ()
        if _entries(raw) > MAX_PART:
            message = f"more than {MAX_PART:,} entries in one part"
            self.report("TN148", whole, message, at_key=True)
            self.cut[whole] = whole
            return None
        for turn in range(8):
            try:
                return check(raw)
            except ValidationError as found:
                if self.report.full:
                    self.report.skip(found.error_count() * (turn == 0))
                    self.cut[whole] = whole
                    return None
                errors = found.errors(include_url=False)
            if turn == 0:
                faults = describe_errors(errors, raw, prefix, ModelFile, self.report, self.cut)
            else:
                faults = [Fault((*prefix, *_where(raw, error["loc"])[0])) for error in errors]
            raw = _copied(raw)
            for fault in faults:
                keys = self._take(fault)
                if len(keys) > len(prefix):
                    _cut_out(raw, keys[len(prefix) :])
            raw = defaults | raw
        return None

    def _take(self, fault: Fault) -> Keys:
        """Note what is cut out: a list goes whole, since its order has a meaning."""
        keys = fault.keys
        while keys and isinstance(keys[-1], int):
            keys = keys[:-1]
        if keys:
            self.cut[keys] = keys
        if fault.meant:
            self.cut.setdefault(fault.meant, keys)
        return keys


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _entries(raw: Any) -> int:
    """The entries of a part and of what it holds, without nested numbers (``p``)."""
    if isinstance(raw, dict):
        return len(raw) + sum(
            _entries(value)
            for key, value in raw.items()
            if key != "p" and value.__class__ in _NESTS
        )
    return len(raw) + sum(_entries(value) for value in raw if value.__class__ in _NESTS)


_NESTS = (dict, list)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _cut_out(raw: Any, keys: Keys) -> None:
    """Take one part out of ``raw``."""
    parents, container = _where(raw, keys[:-1])
    if len(parents) == len(keys) - 1 and isinstance(container, dict):
        container.pop(keys[-1], None)
