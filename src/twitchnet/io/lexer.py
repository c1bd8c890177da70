"""Where does a text format's next word stand, and is it the one that must come?

For the formats of blocks and semicolons (BIF, Hugin NET).  One regular expression cuts
the text into words, strings and single marks, without backtracking over more than one
word; nothing is looked up twice, so reading takes time in proportion to the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from twitchnet.io.foreign import Draft, Place


class Token(NamedTuple):
    """A word, a string without its quotes, or one of the marks; '' at the end."""

    text: str
    start: int
    is_mark: bool = False
    is_string: bool = False


class Lexer:
    """The tokens of a text, one at a time, with errors at their place."""

    def __init__(self, text: str, marks: str, comment: str, draft: Draft) -> None:
        """``marks`` are single characters; ``comment`` is a pattern."""
        self.text = text
        self.draft = draft
        quoted = re.escape(marks)
        self._pattern = re.compile(
            rf'\s+|{comment}|(?P<string>"[^"]*")|(?P<mark>[{quoted}])|(?P<word>[^\s"{quoted}]+)'
        )
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._tokens = self._cut()
        self.next = next(self._tokens)
        self.last = self.next

    def place(self, start: int) -> Place:
        """Line and column of a character."""
        line = bisect_right(self._lines, start)
        return Place(line, start - self._lines[line - 1] + 1)

    @property
    def here(self) -> Place:
        """The place of the next token."""
        return self.place(self.next.start)

    def _cut(self, start: int = 0) -> Iterator[Token]:
        at = start
        while at < len(self.text):
            match = self._pattern.match(self.text, at)
            if match is None:
                self.draft.stop("TN150", "a quote is not closed", self.place(at))
            at = match.end()
            kind = match.lastgroup
            if kind == "string":
                yield Token(match.group()[1:-1], match.start(), is_string=True)
            elif kind is not None:
                yield Token(match.group(), match.start(), is_mark=kind == "mark")
        while True:
            yield Token("", len(self.text), is_mark=True)

    @property
    def done(self) -> bool:
        """Whether the text is at its end."""
        return self.next.start >= len(self.text)

    def take(self) -> Token:
        """The next token."""
        self.last, self.next = self.next, next(self._tokens)
        return self.last

    def at(self, text: str) -> bool:
        """Whether the next token is this mark or this plain word."""
        return self.next.text == text and not self.next.is_string and not self.done

    def maybe(self, text: str) -> bool:
        """Takes the next token if it is this mark or word."""
        if self.at(text):
            self.take()
            return True
        return False

    def fail(self, expected: str) -> NoReturn:
        """Stops: something else stands here."""
        found = "the end of the file" if self.done else repr(self.next.text[:40])
        self.draft.stop("TN150", f"{expected} is expected, found {found}", self.here)

    def must(self, text: str) -> Token:
        """The next token, which has to be this mark or word."""
        if not self.at(text):
            self.fail(repr(text))
        return self.take()

    def name(self, what: str = "a name") -> str:
        """The next token, which has to be a word or a string."""
        if self.next.is_mark:
            self.fail(what)
        return self.take().text

    def skip_to(self, mark: str) -> str:
        """The raw text up to a mark, which is taken too."""
        start = self.next.start
        end = self.text.find(mark, start)
        if end < 0:
            self.draft.stop("TN150", f"no {mark!r} follows", self.here)
        self._tokens = self._cut(end + 1)
        self.take()
        return self.text[start:end]

    def skip_block(self, opening: str, closing: str) -> None:
        """Everything up to the mark that closes a block that is open already."""
        depth = 1
        while depth:
            if self.done:
                self.fail(repr(closing))
            depth += self.at(opening) - self.at(closing)
            self.take()
