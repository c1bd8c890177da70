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
            | "urgency" , "(" , given , ")" ;                its place, 0 the lowest
    event   = literal , { "or" , literal } | given ;
    given   = literal , { "&" , literal } ;
    literal = [ "not" ] , name , [ "=" , ( state | "{" , state , { "," , state } , "}" ) ]
            | "only" , name ;

A name alone means *present* (any state but the baseline), ``not`` its baseline, and braces
one of several states.  ``only x`` means: x and no other target of the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from twitchnet.model.language.expressions import Parser

MAX_SIGNS = 50
"""How much arithmetic one query may hold."""


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
    """How urgent the answers are: the place of the level, 0 for the least urgent."""

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
    parser = _Parser(text)
    return parser.whole(parser.query, "+ - * /")


_CALLS: dict[str, Callable[[_Parser], Query]] = {
    "P": lambda parser: parser.probability(),
    "odds": lambda parser: Operation("odds", (parser.query(),)),
    "min": lambda parser: Operation("min", parser.separated(",", parser.query)),
    "rank": lambda parser: parser.place("posterior"),
    "rank_explains": lambda parser: parser.place("explains"),
    "urgency": lambda parser: Level(parser.all_of()),
}


class _Parser(Parser):
    """A method per line of the grammar."""

    code, noun, longest = "TN401", "query", 2000
    pattern = re.compile(
        r"\s*(?:(?P<sign>[&|(),*/+-])|=(?P<state>\{[^{}]*\}|[^\s&|(),={}]+)"
        r"|(?P<word>[A-Za-z_]\w*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?))"
    )
    reserved = frozenset((*_CALLS, "not", "or", "only"))

    def query(self) -> Query:
        return self.operations("+-", self.term)

    def term(self) -> Query:
        return self.operations("*/", self.factor)

    def operations(self, signs: str, part: Callable[[], Query]) -> Query:
        result = part()
        while self.at(*signs):
            self.count(MAX_SIGNS, "signs")
            result = Operation(self.advance(), (result, part()))
        return result

    def factor(self) -> Query:
        if self.token.kind == "number":
            return float(self.advance())
        if self.at("("):
            return self.bracketed(self.query)
        if not self.at(*_CALLS):
            raise self.refusal("expected a number, '(' or one of " + ", ".join(_CALLS))
        call = _CALLS[self.advance()]
        return self.bracketed(lambda: call(self))

    def probability(self) -> Query:
        event = self.all_of()
        is_any = len(event) == 1 and self.take("or")
        if is_any:
            event += self.separated("or", self.literal)
            if any(literal.only for literal in event):
                raise self.refusal("expected no 'only' beside 'or'")
        return Probability(event, self.given(), is_any)

    def place(self, by: OneOf["posterior", "explains"]) -> Query:
        return Place(self.name(), by, self.given())

    def given(self) -> tuple[Literal, ...]:
        return self.all_of() if self.take("|") else ()

    def all_of(self) -> tuple[Literal, ...]:
        return self.separated("&", self.literal)

    def literal(self) -> Literal:
        if self.take("only"):
            return Literal(self.name(), only=True)
        is_not, name = self.take("not"), self.name()
        if self.token.kind != "state":
            return Literal(name, is_not=is_not)
        states = self.advance().strip("{}").split(",")
        return Literal(name, tuple(state.strip() for state in states), is_not)

    def name(self) -> str:
        return self.word("the name of a variable")
