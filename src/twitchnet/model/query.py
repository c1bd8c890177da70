"""What can be asked of a model, in one line of text?

The small language of a table of anchors (``model.anchors``) and its parser.  Values
only: what a query is worth is worked out in ``diagnosis.validation``.

    query   = term , { ("+" | "-") , term } ;
    term    = factor , { ("*" | "/") , factor } ;
    factor  = number | "(" , query , ")" | call ;
    call    = "P" , "(" , event , [ "|" , given ] , ")"      a probability
            | "odds" , "(" , query , ")"                     p / (1 - p)
            | "min" , "(" , query , { "," , query } , ")"
            | "rank" , "(" , name , [ "|" , given ] , ")"    its place by posterior, from 1
            | "rank_explains" , "(" , name , [ "|" , given ] , ")"
            | "urgency" , "(" , given , ")" ;                0 self_care ... 3 emergency
    event   = literal , { "or" , literal } | given ;
    given   = literal , { "&" , literal } ;
    literal = [ "not" ] , name , [ "=" , ( state | "{" , state , { "," , state } , "}" ) ]
            | "only" , name ;

A name alone means *present* (any state but the baseline), ``not`` its baseline, and braces
one of several states.  ``only x`` means: x and no other target of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from twitchnet.errors import ModelError, Problem

MAX_LENGTH = 2000
MAX_DEPTH = 20
MAX_SIGNS = 50
"""Bounds of one query; a deeper one could exhaust the stack of a reader of files."""

_TOKEN = re.compile(
    r"\s*(?:(?P<sign>[&|(),*/+-])|=(?P<state>\{[^{}]*\}|[^\s&|(),={}]+)"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?))"
)
_WORDS = frozenset(("P", "odds", "min", "rank", "rank_explains", "urgency", "not", "or", "only"))


@dataclass(frozen=True, slots=True)
class Literal:
    """One thing that holds: ``name`` is in one of ``states``.

    ``states`` () is any state but the baseline; ``is_not`` turns it round.  ``only`` means
    that no other target of the model is present.
    """

    name: str
    states: tuple[str, ...] = ()
    is_not: bool = False
    only: bool = False


@dataclass(frozen=True, slots=True)
class Probability:
    """P(event | given): all of the literals of ``event`` hold, or any of them."""

    event: tuple[Literal, ...]
    given: tuple[Literal, ...] = ()
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The rank of a target among the targets that are not given, from 1."""

    name: str
    by: OneOf["posterior", "explains"]
    given: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """How urgent the answers are: 0 self_care, 1 routine, 2 soon, 3 emergency."""

    given: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic over other queries; ``sign`` is one of + - * / odds min."""

    sign: str
    parts: tuple[Query, ...]


Query = float | Probability | Place | Level | Operation


def walk(query: Query) -> Iterator[Query]:
    """A query and every query inside it, in the order of its text."""
    yield query
    if isinstance(query, Operation):
        for part in query.parts:
            yield from walk(part)


def parse_query(text: str) -> Query:
    """The query that a text means.

    Raises ``ModelError`` with one problem: the first thing that cannot be read and, counted
    from 1, its place in ``column``.  Whether the names exist is the caller's business.

    >>> parse_query("P(cramp | age=65+ & not sport)").given[1]
    Literal(name='sport', states=(), is_not=True, only=False)
    >>> parse_query("P(a) / P(b)").sign
    '/'
    """
    if len(text) > MAX_LENGTH:
        raise _refused(f"the query is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(text).whole()


def _refused(message: str, start: int) -> ModelError:
    place = start + 1
    return ModelError([Problem("TN401", f"{message}, at character {place}", column=place)])


class _Parser:
    """Recursive descent over the tokens (kind, text, place) of one text, of bounded depth."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            kind = match.lastgroup if match else None
            if match is None or kind is None:
                start = end - len(text[place:end].lstrip())
                raise _refused(f"{text[start]!r} cannot stand here", start)
            self.tokens.append((kind, match[kind], match.start(kind)))
            place = match.end()
        self.tokens.append(("end", "", end))
        self.next = 0
        self.depth = 0
        self.signs = 0

    def refusal(self, expected: str) -> ModelError:
        _, token, start = self.tokens[self.next]
        found = repr(token[:60]) if token else "the end"
        return _refused(f"expected {expected}, found {found}", start)

    def take(self, token: str) -> bool:
        kind, found, _ = self.tokens[self.next]
        taken = found == token and kind in ("sign", "word")
        self.next += taken
        return taken

    def demand(self, token: str) -> None:
        if not self.take(token):
            raise self.refusal(repr(token))

    def whole(self) -> Query:
        query = self.query()
        if self.tokens[self.next][0] != "end":
            raise self.refusal("+ - * / or the end")
        return query

    def sign(self, choices: str) -> str:
        kind, token, _ = self.tokens[self.next]
        if kind != "sign" or token not in choices:
            return ""
        self.signs += 1
        if self.signs > MAX_SIGNS:
            raise self.refusal(f"at most {MAX_SIGNS} signs")
        self.next += 1
        return token

    def query(self) -> Query:
        result = self.term()
        while sign := self.sign("+-"):
            result = Operation(sign, (result, self.term()))
        return result

    def term(self) -> Query:
        result = self.factor()
        while sign := self.sign("*/"):
            result = Operation(sign, (result, self.factor()))
        return result

    def factor(self) -> Query:
        kind, token, _ = self.tokens[self.next]
        if kind == "number":
            self.next += 1
            return float(token)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refusal(f"brackets that are nested at most {MAX_DEPTH} deep")
        if kind == "sign" and token == "(":
            self.next += 1
            result = self.query()
        elif kind == "word" and token in _CALLS:
            self.next += 1
            self.demand("(")
            result = _CALLS[token](self)
        else:
            raise self.refusal("a number, '(' or one of " + ", ".join(_CALLS))
        self.demand(")")
        self.depth -= 1
        return result

    def probability(self) -> Query:
        first = self.literal()
        event = [first]
        is_any = self.tokens[self.next][1] == "or"
        while self.take("or" if is_any else "&"):
            event.append(self.literal())
        if is_any and any(literal.only for literal in event):
            raise self.refusal("no 'only' beside 'or'")
        return Probability(tuple(event), self.given(), is_any)

    def odds(self) -> Query:
        return Operation("odds", (self.query(),))

    def least(self) -> Query:
        parts = [self.query()]
        while self.take(","):
            parts.append(self.query())
        return Operation("min", tuple(parts))

    def rank(self) -> Query:
        return Place(self.word(), "posterior", self.given())

    def rank_explains(self) -> Query:
        return Place(self.word(), "explains", self.given())

    def urgency(self) -> Query:
        return Level(self.all_of())

    def given(self) -> tuple[Literal, ...]:
        return self.all_of() if self.take("|") else ()

    def all_of(self) -> tuple[Literal, ...]:
        found = [self.literal()]
        while self.take("&"):
            found.append(self.literal())
        return tuple(found)

    def literal(self) -> Literal:
        if self.take("only"):
            return Literal(self.word(), only=True)
        is_not = self.take("not")
        name = self.word()
        kind, token, _ = self.tokens[self.next]
        if kind != "state":
            return Literal(name, is_not=is_not)
        self.next += 1
        states = tuple(state.strip() for state in token.strip("{}").split(","))
        return Literal(name, states, is_not)

    def word(self) -> str:
        kind, token, _ = self.tokens[self.next]
        if kind != "word" or token in _WORDS:
            raise self.refusal("the name of a variable")
        self.next += 1
        return token


_CALLS = {
    "P": _Parser.probability,
    "odds": _Parser.odds,
    "min": _Parser.least,
    "rank": _Parser.rank,
    "rank_explains": _Parser.rank_explains,
    "urgency": _Parser.urgency,
}
