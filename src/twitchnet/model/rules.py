"""When do the answers satisfy a condition?

The small language of rules and options, its parser, and what a parsed condition means.
Answers only: no posterior, no file and no urgency may enter here.

    condition = term , { "|" , term } ;
    term      = part , { "&" , part } ;
    part      = "(" , condition , ")"
              | "at_least" , "(" , number , "," , condition , { "," , condition } , ")"
              | name , [ "=" , state ] ;

``&`` binds before ``|``.  ``name`` alone means any state but the baseline: *present* for
a binary variable.  An unknown answer satisfies nothing, and there is no negation, so
more answers never make a condition false.  ``&`` and ``|`` are *at least all* and *at
least one* of their parts, so a parsed condition has two kinds of node only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from types import MappingProxyType

from twitchnet.errors import ModelError, Problem

MAX_LENGTH = 4000
MAX_PARTS = 200
MAX_DEPTH = 20
"""Bounds of one condition; a deeper one could exhaust the stack of a reader of files."""

MAX_SETS = 20_000

_TOKEN = re.compile(r"\s*(?:([&|(),=])|([^\s&|(),=]+))")
_ABSENT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer ``name = state``; ``state`` '' is any state but the baseline."""

    name: str
    state: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.state}" if self.state else self.name


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least ``count`` of the parts hold: all of them is ``&``, one of them is ``|``."""

    count: int
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        if self.count == len(self.parts):
            return " & ".join(_grouped(part) for part in self.parts)
        if self.count == 1:
            return " | ".join(str(part) for part in self.parts)
        return f"at_least({self.count}, {', '.join(str(part) for part in self.parts)})"


Condition = Answer | AtLeast


def _grouped(part: Condition) -> str:
    either = isinstance(part, AtLeast) and part.count == 1 < len(part.parts)
    return f"({part})" if either else str(part)


@lru_cache(maxsize=4096)
def parse(text: str) -> Condition:
    """The condition that a text means; conditions are values, so it is cached.

    Raises ``ModelError`` with one problem: the first thing that cannot be read, its
    place in the message and, counted from 1, in ``column``.  Whether the names exist is
    ``check``'s business.

    >>> parse("numbness & (back_pain | age_band=65+)")
    AtLeast(count=2, parts=(Answer(name='numbness', state=''), AtLeast(count=1, ...
    >>> print(parse("a&(b|c)"))
    a & (b | c)
    """
    if len(text) > MAX_LENGTH:
        raise _refused(f"the condition is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(text).whole()


def _refused(message: str, start: int) -> ModelError:
    place = start + 1
    return ModelError([Problem("TN160", f"{message}, at character {place}", column=place)])


class _Parser:
    """Recursive descent over the tokens of one text, with a bound on depth and size."""

    def __init__(self, text: str) -> None:
        self.tokens = [
            (match[1] or match[2], match.start(match.lastindex or 0), bool(match[2]))
            for match in _TOKEN.finditer(text)
        ]
        self.tokens.append(("", len(text.rstrip()), False))
        self.next = 0
        self.read = 0

    def whole(self) -> Condition:
        condition = self.condition(0)
        if self.tokens[self.next][0]:
            raise self.refusal("expected & or | or the end")
        return condition

    def refusal(self, expected: str) -> ModelError:
        token, start, _ = self.tokens[self.next]
        found = repr(token[:60]) if token else "the end"
        return _refused(f"{expected}, found {found}", start)

    def take(self, token: str) -> bool:
        found = self.tokens[self.next][0] == token
        self.next += found
        return found

    def demand(self, token: str) -> None:
        if not self.take(token):
            raise self.refusal(f"expected {token!r}")

    def word(self, what: str) -> str:
        token, _, is_word = self.tokens[self.next]
        if not is_word:
            raise self.refusal(f"expected {what}")
        self.next += 1
        return token

    def condition(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise self.refusal(f"brackets are nested deeper than {MAX_DEPTH}")
        parts = [self.term(depth)]
        while self.take("|"):
            parts.append(self.term(depth))
        return parts[0] if len(parts) == 1 else AtLeast(1, tuple(parts))

    def term(self, depth: int) -> Condition:
        parts = [self.part(depth)]
        while self.take("&"):
            parts.append(self.part(depth))
        return parts[0] if len(parts) == 1 else AtLeast(len(parts), tuple(parts))

    def part(self, depth: int) -> Condition:
        self.read += 1
        if self.read > MAX_PARTS:
            raise self.refusal(f"the condition has more than {MAX_PARTS} parts")
        if self.take("("):
            condition = self.condition(depth + 1)
            self.demand(")")
            return condition
        name = self.word("a name or '('")
        if name == "at_least" and self.take("("):
            return self.at_least(depth)
        return Answer(name, self.word("a state") if self.take("=") else "")

    def at_least(self, depth: int) -> Condition:
        at = self.next
        number = self.word("a number")
        count = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
        parts = []
        while self.take(","):
            parts.append(self.condition(depth + 1))
        self.demand(")")
        if not 1 <= count <= len(parts):
            self.next = at
            most = max(len(parts), 1)
            raise self.refusal(f"at_least needs a number from 1 to {most}, the parts after it")
        return parts[0] if len(parts) == 1 else AtLeast(count, tuple(parts))


def holds(
    condition: Condition,
    answers: Mapping[str, str],
    baselines: Mapping[str, str] = _ABSENT,
    supposed: Collection[str] = (),
) -> bool:
    """Whether the answers (state by name) satisfy the condition.

    ``baselines`` names the baseline of variables that are not absent/present.  Every
    answer about a name in ``supposed`` is taken to hold.

    >>> holds(parse("at_least(2, a, b, c=high)"), {"a": "present", "b": "absent", "c": "high"})
    True
    """
    if isinstance(condition, Answer):
        if condition.name in supposed:
            return True
        said = answers.get(condition.name)
        if said is None or not condition.state:
            return said is not None and said != baselines.get(condition.name, "absent")
        return said == condition.state
    met = 0
    for part in condition.parts:
        met += holds(part, answers, baselines, supposed)
    return met >= condition.count


def answers_read(condition: Condition) -> tuple[Answer, ...]:
    """Every answer that the condition asks about, each once, in order of appearance."""
    if isinstance(condition, Answer):
        return (condition,)
    return tuple(dict.fromkeys(a for part in condition.parts for a in answers_read(part)))


def names_read(condition: Condition) -> tuple[str, ...]:
    """Every variable that the condition reads, in order of appearance.

    >>> names_read(parse("b & (a | b=high)"))
    ('b', 'a')
    """
    return tuple(dict.fromkeys(answer.name for answer in answers_read(condition)))


def minimal_sets(
    condition: Condition, baselines: Mapping[str, str] = _ABSENT
) -> tuple[tuple[Answer, ...], ...]:
    """The smallest sets of answers that satisfy the condition: leave one out and it fails.

    Sorted, without contradictions (two states of one variable).  Raises ``ValueError``
    above ``MAX_SETS`` sets.

    >>> for answers in minimal_sets(parse("a & (b | c)")): print(*answers)
    a b
    a c
    """
    found = [
        tuple(Answer(*item) for item in sorted(one.items())) for one in _sets(condition, baselines)
    ]
    return tuple(sorted(found, key=lambda answers: (len(answers), str(answers))))


def _sets(condition: Condition, baselines: Mapping[str, str]) -> list[dict[str, str]]:
    if isinstance(condition, Answer):
        return [{condition.name: condition.state}]
    within = [_sets(part, baselines) for part in condition.parts]
    found: list[dict[str, str]] = []
    for chosen in combinations(within, condition.count):
        for sets in product(*chosen):
            both = _union(sets, baselines)
            if both is not None:
                found.append(both)
            if len(found) > MAX_SETS:
                raise ValueError(f"more than {MAX_SETS} sets of answers satisfy {condition}")
    found.sort(key=len)
    kept: list[dict[str, str]] = []
    for one in found:
        if not any(_implies(one, other, baselines) for other in kept):
            kept = [other for other in kept if not _implies(other, one, baselines)] + [one]
    return kept


def _union(
    sets: Iterable[Mapping[str, str]], baselines: Mapping[str, str]
) -> dict[str, str] | None:
    """All the answers together; None when they contradict each other."""
    result: dict[str, str] = {}
    for name, state in (item for one in sets for item in one.items()):
        had = result.setdefault(name, state)
        if _covers(had, state, name, baselines):
            result[name] = state
        elif not _covers(state, had, name, baselines):
            return None
    return result


def _implies(
    one: Mapping[str, str], other: Mapping[str, str], baselines: Mapping[str, str]
) -> bool:
    """Whether whoever gives the answers ``one`` also gives the answers ``other``."""
    return all(
        name in one and _covers(state, one[name], name, baselines) for name, state in other.items()
    )


def _covers(wide: str, narrow: str, name: str, baselines: Mapping[str, str]) -> bool:
    """Whether the state ``narrow`` is one that ``wide`` accepts ('' is all but the baseline)."""
    return wide == narrow or (not wide and narrow != baselines.get(name, "absent"))
