"""How is a text of a small language read, and where is it refused?

The tokens of one text, and the steps of recursive descent that conditions (``rules``)
and queries (``query``) share.  Those modules hold the grammars; no variable, state or
meaning enters here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple, TypeVar

from twitchnet.errors import ModelError, Problem

T = TypeVar("T")

MAX_DEPTH = 20
"""How deep brackets may be nested; deeper ones could exhaust the stack of a reader of files."""


class Token(NamedTuple):
    """A piece of a text; ``kind`` is the group of the pattern that matched it, or "end"."""

    kind: str
    text: str
    start: int


class Parser:
    """Recursive descent over the tokens of one text; a language is a subclass.

    Its errors have the ``code`` and call a text a ``noun``; ``longest`` is in characters.  The
    named groups of ``pattern`` are the kinds of tokens: ``sign``, ``word`` and others.
    ``reserved`` words are no names.  An error is a ``ModelError`` with one problem: the first
    thing that cannot be read and, counted from 1, its place in ``column``.
    """

    code: ClassVar[str]
    noun: ClassVar[str]
    longest: ClassVar[int]
    pattern: ClassVar[re.Pattern[str]]
    reserved: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, text: str) -> None:
        most = self.longest
        if len(text) > most:
            raise self._error(f"the {self.noun} is longer than {most} characters", most)
        self.tokens = tuple(self._cut(text))
        self.next = self.depth = self.size = 0

    def _cut(self, text: str) -> Iterator[Token]:
        place, end = 0, len(text.rstrip())
        while place < end:
            match = self.pattern.match(text, place)
            if match is None or match.lastgroup is None:
                start = end - len(text[place:end].lstrip())
                raise self._error(f"{text[start]!r} cannot stand here", start)
            yield Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
            place = match.end()
        yield Token("end", "", end)

    def _error(self, message: str, start: int) -> ModelError:
        place = start + 1
        return ModelError([Problem(self.code, f"{message}, at character {place}", column=place)])

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.next]

    def refusal(self, message: str) -> ModelError:
        """The error that the next token causes."""
        found = repr(self.token.text[:60]) if self.token.text else "the end"
        return self._error(f"{message}, found {found}", self.token.start)

    def advance(self) -> str:
        """Takes the next token, whatever it is; its text."""
        text = self.token.text
        self.next += 1
        return text

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these signs or words."""
        return self.token.kind in ("sign", "word") and self.token.text in texts

    def take(self, text: str) -> bool:
        """Takes the next token if it is this sign or word."""
        found = self.at(text)
        self.next += found
        return found

    def demand(self, text: str) -> None:
        """Takes the next token, which has to be this sign or word."""
        if not self.take(text):
            raise self.refusal(f"expected {text!r}")

    def word(self, what: str) -> str:
        """Takes the next token, which has to be a word that is not reserved."""
        if self.token.kind != "word" or self.token.text in self.reserved:
            raise self.refusal(f"expected {what}")
        return self.advance()

    def count(self, most: int, what: str) -> None:
        """Counts one of the things that bound the size of a text."""
        self.size += 1
        if self.size > most:
            raise self.refusal(f"the {self.noun} has more than {most} {what}")

    def whole(self, item: Callable[[], T], more: str) -> T:
        """One item and nothing after it; ``more`` says what could go on."""
        found = item()
        if self.token.kind != "end":
            raise self.refusal(f"expected {more} or the end")
        return found

    def separated(self, sign: str, item: Callable[[], T]) -> tuple[T, ...]:
        """One item or more, with a sign or word between them."""
        found = [item()]
        while self.take(sign):
            found.append(item())
        return tuple(found)

    def bracketed(self, item: Callable[[], T]) -> T:
        """An item in brackets."""
        if self.depth == MAX_DEPTH and self.at("("):
            raise self.refusal(f"brackets are nested deeper than {MAX_DEPTH}")
        self.demand("(")
        self.depth += 1
        found = item()
        self.demand(")")
        self.depth -= 1
        return found
