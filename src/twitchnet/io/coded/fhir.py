"""How is a model asked in FHIR, and how are the answers read back?

A model becomes a Questionnaire (R4 and R4B, which most systems run; R5 renamed the type of a
choice), in its own words and order: a question for each variable that is asked.  A
QuestionnaireResponse (R4, R4B and R5) answers by ``linkId``, the name of the variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from twitchnet.io.coded.person import Person
from twitchnet.model.network import Network, Variable

SYSTEMS = {
    "hpo": "http://human-phenotype-ontology.org",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
}
"""The name that FHIR has for a code system (terminology.hl7.org)."""

HEADINGS = {"context": "Background", "finding": "What was observed", "screen": "More questions"}
PLAIN = "Boolean", "Integer", "Decimal", "String", "Date", "DateTime"
"""Types of answers that are values by themselves."""

DEEPEST = 20
"""Nested groups of a response that are read; forms have three or four."""


def questionnaire(network: Network) -> dict[str, Any]:
    """A FHIR Questionnaire that asks the contexts, findings and screens of a model.

    >>> from twitchnet.model.network import Network, Variable
    >>> asked = Variable("rain", "finding", ("absent", "present"), "Rain", question="Does it rain?")
    >>> page = questionnaire(Network("yard", "1", (asked,)))
    >>> page["item"][0]["item"][0]["text"], page["item"][0]["item"][0]["type"]
    ('Does it rain?', 'boolean')
    """
    groups = []
    for kind, heading in HEADINGS.items():
        items = [_item(network, v) for v in network.variables if v.kind == kind and v.question]
        if items:
            groups.append(
                {"linkId": f"group-{kind}", "text": heading, "type": "group", "item": items}
            )
    page: dict[str, Any] = {
        "resourceType": "Questionnaire",
        "url": f"urn:uuid:{uuid5(NAMESPACE_OID, f'twitchnet {network.name}')}",
        "version": network.version,
        "name": "".join(part.capitalize() for part in network.name.split("_")),
        "title": network.title or network.name,
        "status": "draft",
        "subjectType": ["Patient"],
        "item": groups,
    }
    if network.words.disclaimer:
        page["description"] = network.words.disclaimer
    return page


def _item(network: Network, variable: Variable) -> dict[str, Any]:
    item: dict[str, Any] = {
        "linkId": variable.name,
        "text": variable.question,
        "type": "boolean" if variable.is_binary else "choice",
    }
    codes = [{"system": SYSTEMS[system], "code": code} for system, code in variable.codes]
    if codes:
        item["code"] = codes
    if not variable.is_binary:
        item["answerOption"] = [
            {"valueCoding": {"code": state, "display": state.replace("_", " ")}}
            for state in variable.states
        ]
    described = network.descriptors.get(variable.name)
    if described is not None and network.by_name[described].question:
        item["enableWhen"] = [{"question": described, "operator": "=", "answerBoolean": True}]
    return item


def is_response(document: Any) -> bool:
    """Whether a JSON document is a QuestionnaireResponse."""
    return isinstance(document, Mapping) and document.get("resourceType") == "QuestionnaireResponse"


def person_of(document: Mapping[str, Any]) -> Person:
    """The answers of a QuestionnaireResponse.

    Raises ``ValueError`` for a document that is not formed as one, or answers a question twice.

    >>> answer = {"linkId": "rain", "answer": [{"valueBoolean": True}]}
    >>> person_of({"resourceType": "QuestionnaireResponse", "id": "7", "item": [answer]}).answers
    {'rain': True}
    """
    answers: dict[str, object] = {}
    for name, value in _answers(document.get("item") or [], 0):
        if name in answers:
            raise ValueError(f"{name[:40]!r} is answered twice")
        answers[name] = value
    subject = document.get("subject")
    of = subject.get("reference") if isinstance(subject, Mapping) else ""
    return Person(str(document.get("id") or of or ""), answers=answers)


def _answers(items: Any, depth: int) -> Iterator[tuple[str, object]]:
    """Name and value of every answer of nested items."""
    if depth > DEEPEST:
        raise ValueError(f"items are nested more than {DEEPEST} deep")
    if not isinstance(items, list):
        raise ValueError("item is no JSON list")
    for item in items:
        if not isinstance(item, Mapping):
            raise ValueError("an item is no JSON object")
        given = item.get("answer") or []
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            raise ValueError("answer is no JSON list of objects")
        values = [value for one in given if (value := _value(one)) is not None]
        if len(values) > 1:
            raise ValueError(f"{str(item.get('linkId'))[:40]!r} has several answers")
        if values:
            yield str(item.get("linkId") or ""), values[0]
        yield from _answers(item.get("item") or [], depth + 1)
        for one in given:
            yield from _answers(one.get("item") or [], depth + 1)


def _value(answer: Mapping[str, Any]) -> object:
    """A boolean, a number, the code of a choice or a text; None for an answer without a value."""
    found = [answer.get(f"value{kind}") for kind in PLAIN]
    for kind, keys in (("Coding", ("code", "display")), ("Quantity", ("value",))):
        inside = answer.get(f"value{kind}")
        if isinstance(inside, Mapping):
            found += [inside.get(key) for key in keys]
    value = next((one for one in found if one is not None), None)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError("an answer is no boolean, number or text")
    return value
