"""What does a Phenopacket say?  GA4GH Phenopackets, version 2 and 1, as JSON.

Of a phenopacket the phenotypic features are read, and of its subject age and sex.  A feature that
is ``excluded`` (``negated`` in version 1) was looked for and not found; one with a ``resolution``
is over, and answers nothing.  Keys may be in camel case or, as Protobuf also writes them, with
underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from twitchnet.io.coded.person import Person

DURATION = re.compile(
    r"P(?:(\d+(?:\.\d+)?)Y)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T.*)?\Z"
)
SEXES = {"FEMALE": "female", "MALE": "male", 1: "female", 2: "male"}
"""Sex of a subject, as a word or as Protobuf's number; others answer nothing."""


def is_phenopacket(document: Any) -> bool:
    """Whether a JSON document looks like a phenopacket, a family or a cohort."""
    keys = {"phenotypicFeatures", "phenotypic_features", "subject", "proband", "members"}
    return isinstance(document, Mapping) and not keys.isdisjoint(document)


def persons_of(document: Mapping[str, Any]) -> Iterator[Person]:
    """The subject of a phenopacket, the proband of a family, or the members of a cohort.

    Raises ``ValueError`` for a document that is not formed as a phenopacket.

    >>> feature = {"type": {"id": "HP:0002380"}, "excluded": True}
    >>> [one] = persons_of({"id": "a", "subject": {"sex": "MALE"}, "phenotypicFeatures": [feature]})
    >>> dict(one.excluded), dict(one.facts)
    ({'HP:0002380': ''}, {'sex': 'male'})
    """
    if "members" in document:
        for member in _list(document, "members"):
            yield _person(_mapping(member, "a member"))
    elif "proband" in document:
        yield _person(_mapping(document["proband"], "proband"))
    else:
        yield _person(document)


def _person(packet: Mapping[str, Any]) -> Person:
    subject = _mapping(packet.get("subject") or {}, "subject")
    present: dict[str, str] = {}
    excluded: dict[str, str] = {}
    other: list[str] = []
    for one in _list(packet, "phenotypicFeatures"):
        feature = _mapping(one, "a phenotypic feature")
        kind = _mapping(feature.get("type") or {}, "type of a phenotypic feature")
        term, name = str(kind.get("id") or ""), str(kind.get("label") or "")
        if not term:
            raise ValueError("a phenotypic feature has no type.id")
        if feature.get("resolution"):
            other.append(f"{term} {name} (resolved)")
            continue
        gone = _flag(feature, "excluded") or _flag(feature, "negated")
        (excluded if gone else present)[term] = name
    for one in _list(packet, "diseases"):
        disease = _mapping(one, "a disease")
        named = _mapping(disease.get("term") or {}, "term of a disease")
        negation = "no " if _flag(disease, "excluded") else ""
        other.append(f"{negation}{named.get('id', '')} {named.get('label', '')}".strip())
    facts: dict[str, object] = {}
    said = subject.get("sex", "")
    if isinstance(said, str | int) and said in SEXES:
        facts["sex"] = SEXES[said]
    age = _age(subject)
    if isinstance(age, float):
        facts["age"] = age
    elif age:
        other.append(age)
    return Person(
        str(packet.get("id") or subject.get("id") or ""), present, excluded, {}, facts, tuple(other)
    )


def _age(subject: Mapping[str, Any]) -> float | str:
    """Years at the last encounter; in words what is no single age; '' for none."""
    at = _get(subject, "timeAtLastEncounter") or _get(subject, "ageAtCollection") or {}
    at = _mapping(at, "age")
    if "timestamp" in at and (born := _get(subject, "dateOfBirth")):
        days = _day(at["timestamp"]) - _day(born)
        return days.days / 365.2425
    age = at.get("age")
    if isinstance(age, Mapping):
        age = _get(age, "iso8601duration")
    if isinstance(age, str):
        return years(age)
    if between := _get(at, "ageRange"):
        both = _mapping(between, "ageRange")
        ends = (
            _get(_mapping(both.get(end) or {}, end), "iso8601duration") for end in ("start", "end")
        )
        return f"age {' to '.join(map(str, ends))}"
    return ""


def years(duration: str) -> float:
    """The years of an ISO 8601 duration.  Raises ``ValueError`` for what is none.

    >>> years("P43Y6M")
    43.5
    """
    match = DURATION.match(duration)
    if match is None or not any(match.groups()):
        raise ValueError(f"{duration[:40]!r} is no age, such as P43Y6M")
    y, m, w, d = (float(part or 0.0) for part in match.groups())
    return y + m / 12.0 + (7.0 * w + d) / 365.2425


def _day(text: object) -> date:
    """The day of a timestamp.  Raises ``ValueError``."""
    return date.fromisoformat(str(text)[:10])


def _get(of: Mapping[str, Any], key: str) -> Any:
    """The value of a key in camel case, or with underscores."""
    return of.get(key, of.get(re.sub(r"([A-Z])", lambda m: f"_{m[1].lower()}", key)))


def _flag(of: Mapping[str, Any], key: str) -> bool:
    """A boolean, false where it is left out."""
    value = of.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is no boolean")
    return value


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is no JSON object")
    return value


def _list(of: Mapping[str, Any], key: str) -> list[Any]:
    found = _get(of, key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"{key} is no JSON list")
    return found
