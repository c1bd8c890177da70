"""Are the codes of other systems, and the facts of a person, at one variable each, and formed?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twitchnet.model.checks.scope import SECTIONS, Found
from twitchnet.model.network import Network, Variable

SYSTEMS = {
    "hpo": ("HP:0000000", re.compile(r"HP:[0-9]{7}\Z")),
    "icd10": ("G25.8", re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?\Z")),
    "loinc": ("46098-0", re.compile(r"[0-9]{1,7}-[0-9]\Z")),
    "snomed": ("279079003", re.compile(r"[1-9][0-9]{5,17}\Z")),
}
"""Each system with an example of a code, and the form of all of them."""

SEXES = {"female", "male"}
MOST_CODES = 20  # of one variable


def check_codes(network: Network) -> Iterator[Found]:
    """Every code that is not formed as its system's are, or that two variables have."""
    seen: dict[tuple[str, str], str] = {}
    for variable in network.variables:
        keys = (SECTIONS[variable.kind], variable.name)
        if len(variable.codes) > MOST_CODES:
            message = f"{len(variable.codes)} codes, at most {MOST_CODES} are allowed"
            yield Found("TN148", (*keys, "codes"), message, at_key=True)
            continue
        for system, code in variable.codes:
            at = (*keys, "codes", system)
            example, form = SYSTEMS[system]
            if form.match(code) is None:
                yield Found("TN163", at, f"{code!r} is no code of {system}, such as {example}")
            elif (other := seen.setdefault((system, code), variable.name)) != variable.name:
                yield Found("TN163", at, f"{other!r} has the code {code} already")
            elif system == "hpo" and not variable.is_binary:
                yield Found("TN163", at, "a term is present or absent, and this variable is not")
    yield from _persons(network)


def _persons(network: Network) -> Iterator[Found]:
    held: dict[str, str] = {}
    for variable in network.variables:
        if not variable.person:
            continue
        at = (SECTIONS[variable.kind], variable.name, "person")
        if (other := held.setdefault(variable.person, variable.name)) != variable.name:
            yield Found("TN163", at, f"{other!r} holds the {variable.person} already")
        elif not _fits(variable):
            yield Found("TN163", at, f"the states are none of a person's {variable.person}")


def _fits(variable: Variable) -> bool:
    """Whether the states are bands of numbers, or hold both sexes."""
    if variable.person == "sex":
        return set(variable.states) >= SEXES
    return any(character.isdigit() for state in variable.states for character in state)
