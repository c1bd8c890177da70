"""What did the record say?

Turns a mapping of names to answers into :class:`Answers`, or raises ``RecordError``
with every problem at once.  Only what is said is kept: a key left out, ``None``, NaN,
``""`` and ``"unknown"`` all mean unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from math import inf, isfinite, isnan
from numbers import Real
from types import MappingProxyType
from typing import Any

from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network, Variable

YES = frozenset({"yes", "y", "true", "1", "present"})
NO = frozenset({"no", "n", "false", "0", "absent"})
_BAND = re.compile(r"(\d+)(?:\s*-\s*(\d+)|(\+))")
_NUMBER = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{0,9}))?\s*([a-z/]*)\.?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ t]\d\d:\d\d.*)?", re.IGNORECASE)
_YEARS = frozenset({"y", "yr", "yrs", "year", "years", "yo", "y/o", "j", "jahr", "jahre"}) | {
    "an", "ans", "ano", "anos", "año", "años", "anno", "anni",
}  # fmt: skip
"""Words behind a number that say what a band of ages is in anyhow."""
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘－", "-"))
UNKNOWN = frozenset({"", "unknown", "not sure", "nan", "none", "null", "na", "n/a"})


class Likelihood:
    """Likelihood (virtual) evidence: how probable the observation is under each state.

    Weights are finite, at least 0 and not all 0; a state left out has weight 0.
    ``log_evidence`` uses them as they are.  Source: Pearl 1988, section 2.2.2.

    >>> Likelihood({"present": 0.7, "absent": 0.2}).weights["present"]
    0.7
    """

    __slots__ = ("weights",)

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights: Mapping[str, float] = MappingProxyType(dict(weights))

    def __repr__(self) -> str:
        return f"Likelihood({dict(self.weights)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Likelihood) and dict(self.weights) == dict(other.weights)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.weights.items())))

    def __reduce__(self) -> tuple[type, tuple[dict[str, float]]]:
        return Likelihood, (dict(self.weights),)


class Jeffrey:
    """Evidence by Jeffrey's rule: what the posterior of the answer shall be.

    Probabilities of the states, which add up to 1; a state left out has probability 0.  Use it
    where somebody has judged the answer in the light of everything that the record says ("with
    all I know, 80 % present"); use :class:`Likelihood` where an observation was made that fits
    one state better than another, and let the record decide (``docs/understanding.md``).

    >>> Jeffrey({"present": 0.8, "absent": 0.2}).posterior["present"]
    0.8
    """

    __slots__ = ("posterior",)

    def __init__(self, posterior: Mapping[str, float]) -> None:
        self.posterior: Mapping[str, float] = MappingProxyType(dict(posterior))

    def __repr__(self) -> str:
        return f"Jeffrey({dict(self.posterior)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Jeffrey) and dict(self.posterior) == dict(other.posterior)

    def __hash__(self) -> int:
        return hash(("jeffrey", *sorted(self.posterior.items())))

    def __reduce__(self) -> tuple[type, tuple[dict[str, float]]]:
        return Jeffrey, (dict(self.posterior),)


@dataclass(frozen=True)
class Answers:
    """The validated answers of one record: state indices and likelihood rows by name.

    ``hard`` holds answers to screen questions too; they have no probability.
    """

    hard: Mapping[str, int] = field(default_factory=dict)
    soft: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def weights(self, network: Network) -> dict[str, dict[str, float]]:
        """Likelihoods by name of variable and of state, as ``read_answers`` reads them."""
        return {
            name: dict(zip(network.by_name[name].states, row, strict=True))
            for name, row in self.soft.items()
        }

    def states(self, network: Network) -> dict[str, str]:
        """Hard answers by name of state, in the order of the model."""
        return {
            variable.name: variable.states[self.hard[variable.name]]
            for variable in network.variables
            if variable.name in self.hard
        }

    def without(self, *names: str) -> Answers:
        """These answers with some left out."""
        return Answers(
            {name: state for name, state in self.hard.items() if name not in names},
            {name: row for name, row in self.soft.items() if name not in names},
        )

    def with_answers(self, hard: Mapping[str, int]) -> Answers:
        """These answers with some added or replaced."""
        soft = {name: row for name, row in self.soft.items() if name not in hard}
        return Answers({**self.hard, **hard}, soft)


def is_unknown(value: object) -> bool:
    """Whether an answer says nothing."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().lower() in UNKNOWN
    return (isinstance(value, float) and isnan(value)) or type(value).__name__ in (
        "NAType",
        "NaTType",
    )


def plain(value: object) -> object:
    r"""An answer without what its type or its typing adds: bytes, decimals, dashes, blanks.

    A whole number beyond the range of a double is infinite.

    >>> plain("18 \u2013 34"), plain(b"yes"), plain(" a\xa0 b")
    ('18 - 34', 'yes', 'a b')
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return " ".join(value.translate(_DASHES).split())
    if isinstance(value, Decimal) and value.is_finite():
        return float(value)
    return in_range(value) if isinstance(value, int) and not _is_bool(value) else value


def in_range(number: Any) -> Any:
    """A number, or infinity for a whole number that no double holds."""
    try:
        float(number)
    except OverflowError:
        return inf if number > 0 else -inf
    return number


def state_of(variable: Variable, value: object) -> int | Problem:
    """The state that an answer names, or what is wrong with it.

    Case, blanks and the kind of dashes do not matter.  A whole number names a state that is
    spelled in digits; a number falls into a band, with decimals and "years" behind it if need be.
    """
    if value in variable.texts:
        return variable.texts.index(str(value))
    value = plain(value)
    text = value if isinstance(value, str) else ""
    if text in variable.states:
        return variable.states.index(text)
    lowered = [state.translate(_DASHES).lower() for state in variable.states]
    for spelled in (text.lower(), text.lower().replace(" - ", "-")):
        if spelled in lowered:
            return lowered.index(spelled)
    digits = _digits(value)
    if digits in variable.states:
        return variable.states.index(digits)
    band = band_of(variable.states, value)
    if band is not None:
        return band
    word = str(value).lower() if _is_bool(value) else digits or text.lower()
    if word in YES or word in NO:
        if variable.is_binary or _says_no_or_yes(lowered):
            return int(word in YES)
        return Problem(
            "TN203",
            f"{value!r} answers a yes-or-no question; this one has the states "
            f"{', '.join(variable.states)}",
            variable.name,
        )
    states = ", ".join(variable.states)
    hint = nearest(text.lower(), variable.states)
    if not hint and variable.is_binary and variable.states == ("absent", "present"):
        hint = "say yes, no or unknown"
    if isinstance(value, date) or _DATE.fullmatch(text):
        hint = "this is a date: spreadsheets make dates of words such as 10-12"
    return Problem(
        "TN202", f"no state {str(value)[:80]!r}; it has {states}", variable.name, hint=hint
    )


def band_of(states: Sequence[str], value: object) -> int | None:
    """The place of the band that a plain number falls in, when every state is a band.

    >>> band_of(("18-34", "35-49", "50+"), 42), band_of(("18-34", "50+"), 42)
    (1, None)
    >>> band_of(("18-34", "35-49"), "34,9 years")
    0
    """
    number = _number(value)
    bands = [_BAND.fullmatch(state.translate(_DASHES).strip()) for state in states]
    if number is None or not all(bands):
        return None
    for place, band in enumerate(bands):  # 34.6 is still 34: bands of whole numbers follow closely
        if band and int(band[1]) <= number and (band[3] or number < int(band[2]) + 1):
            return place
    return None


def _number(value: object, units: frozenset[str] = _YEARS) -> float | None:
    """A number that is not negative, as a number or as text ("43", "43,5", "43 years")."""
    if isinstance(value, Real) and not _is_bool(value):
        return float(value) if 0.0 <= float(value) < 1e9 else None
    match = _NUMBER.fullmatch(value.lower()) if isinstance(value, str) else None
    if match is None or (match[3] and match[3] not in units):
        return None
    return float(f"{match[1]}.{match[2] or 0}")


def _digits(value: object) -> str:
    """A whole number as digits ('2' for 2, 2.0, "2.0" and "2,0"), '' for anything else."""
    number = _number(value, frozenset())
    return str(int(number)) if number is not None and number.is_integer() else ""


def _is_bool(value: object) -> bool:
    """Whether a value is True or False, numpy's too."""
    return type(value).__name__ in ("bool", "bool_")


def _says_no_or_yes(states: list[str]) -> bool:
    """Whether two states are another spelling of absent and present, as in foreign files."""
    return len(states) == 2 and states[0] in NO and states[1] in YES


def _likelihood(variable: Variable, weights: Mapping[Any, Any]) -> tuple[float, ...] | Problem:
    """A row of weights over the states; a mapping from a file may hold anything."""
    strange = [state for state in weights if state not in variable.states]
    if strange:
        hint = nearest(str(strange[0]), variable.states)
        return Problem("TN202", f"no state {strange[0]!r}", variable.name, hint=hint)
    if variable.local is None:
        return Problem("TN206", "a screen question takes no likelihood", variable.name)
    given = [weights.get(state, 0.0) for state in variable.states]
    if not all(isinstance(weight, Real) and not _is_bool(weight) for weight in given):
        return Problem("TN206", f"weights must be numbers: {dict(weights)!r:.120}", variable.name)
    row = tuple(float(in_range(weight)) for weight in given)
    if not all(isfinite(weight) and weight >= 0 for weight in row) or not any(row):
        return Problem("TN206", f"weights must be finite, >= 0 and not all 0: {row}", variable.name)
    return row


def _margin(variable: Variable, answer: Jeffrey) -> tuple[float, ...] | Problem:
    """The wanted posterior of the states."""
    row = _likelihood(variable, answer.posterior)
    if not isinstance(row, Problem) and abs(sum(row) - 1.0) > 1e-9:
        message = f"the posterior of Jeffrey's rule must add up to 1, not to {sum(row):.6g}"
        return Problem("TN206", message, variable.name)
    return row


def find_variable(network: Network, name: str) -> str | None:
    """The variable that a name or a synonym means; case, spaces and hyphens do not matter."""
    if name in network.by_name:
        return name
    return network.spoken.get(_spoken(name))


def _spoken(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def read_answers(
    network: Network,
    record: Mapping[str, object],
    margins: dict[str, tuple[float, ...]] | None = None,
) -> Answers:
    """The answers of a record.  Raises ``RecordError`` with every problem at once.

    A mapping of states to weights is read as a :class:`Likelihood`, so that a record in
    JSON can hold one.  A :class:`Jeffrey` answer needs the posteriors of all others, so it is
    put into ``margins``, and is a problem where there are none.
    """
    hard: dict[str, int] = {}
    soft: dict[str, tuple[float, ...]] = {}
    problems: list[Problem] = []
    said: dict[str, str] = {}
    for key, value in record.items():
        name = find_variable(network, str(key))
        if name is None:
            hint = nearest(_spoken(str(key)), [*network.by_name, *network.spoken])
            problems.append(
                Problem("TN201", "the model has no such variable", str(key)[:80], hint=hint)
            )
            continue
        variable = network.by_name[name]
        plain = type(value) is str and value in variable.states and value not in UNKNOWN
        if not plain and is_unknown(value):
            continue
        if name in said:
            problems.append(Problem("TN204", f"answered twice, as {said[name]!r} too", key))
            continue
        said[name] = key
        if plain:
            hard[name] = variable.states.index(str(value))
            continue
        if isinstance(value, Jeffrey):
            margin = _margin(variable, value)
            if isinstance(margin, Problem):
                problems.append(margin)
            elif margins is None:
                message = "Jeffrey's rule is for the answers of `diagnose`"
                problems.append(Problem("TN206", message, name, hint="give a Likelihood"))
            else:
                margins[name] = margin
            continue
        if isinstance(value, Likelihood | Mapping):
            weights = value.weights if isinstance(value, Likelihood) else value
            row = _likelihood(variable, weights)
            if isinstance(row, Problem):
                problems.append(row)
            else:
                soft[name] = row
            continue
        state = state_of(variable, value)
        if isinstance(state, Problem):
            problems.append(state)
        else:
            hard[name] = state
    if problems:
        raise RecordError(problems)
    return Answers(hard, soft)
