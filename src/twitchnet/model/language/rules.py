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
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from twitchnet.model.language.expressions import Parser

MAX_PARTS = 200
"""How many names and brackets one condition may hold."""

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
    parser = _Parser(text)
    return parser.whole(parser.condition, "& or |")


class _Parser(Parser):
    """A method per line of the grammar."""

    code, noun, longest = "TN160", "condition", 4000
    pattern = re.compile(r"\s*(?:(?P<sign>[&|(),=])|(?P<word>[^\s&|(),=]+))")

    def condition(self) -> Condition:
        return _joined(1, self.separated("|", self.term))

    def term(self) -> Condition:
        parts = self.separated("&", self.part)
        return _joined(len(parts), parts)

    def part(self) -> Condition:
        self.count(MAX_PARTS, "parts")
        if self.at("("):
            return self.bracketed(self.condition)
        name = self.word("a name or '('")
        if name == "at_least" and self.at("("):
            return self.at_least()
        return Answer(name, self.word("a state") if self.take("=") else "")

    def at_least(self) -> Condition:
        start = self.next + 1
        number, parts = self.bracketed(self.number_and_parts)
        count = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
        if not 1 <= count <= len(parts):
            self.next = start
            most = max(len(parts), 1)
            raise self.refusal(f"at_least needs a number from 1 to {most}, the parts after it")
        return _joined(count, parts)

    def number_and_parts(self) -> tuple[str, tuple[Condition, ...]]:
        number = self.word("a number")
        return number, self.separated(",", self.condition) if self.take(",") else ()


def _joined(count: int, parts: tuple[Condition, ...]) -> Condition:
    return parts[0] if len(parts) == 1 else AtLeast(count, parts)


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
