"""Where does a text format's next word stand, and is it the one that must come?

For the formats of blocks and semicolons (BIF, Hugin NET, UAI).  One regular expression
cuts the text into words, strings and single marks, without backtracking over more than one
word; nothing is looked up twice and nothing is kept, so reading takes time in proportion
to the text and no memory but the text's.
"""

from __future__ import annotations

import re
from typing import NoReturn

from twitchnet.io.foreign.draft import Draft
from twitchnet.io.foreign.reading import Place, read_number


class Lexer:
    """The tokens of a text, one at a time, with errors at their place.

    The next token is ``word``: a word, a string without its quotes, or one of the marks;
    ``kind`` says which (``word``, ``string``, ``mark``, or ``end``), ``start`` where it is.
    """

    def __init__(self, text: str, marks: str, comment: str, draft: Draft, opened: str = "") -> None:
        """``marks`` are single characters; ``comment`` and ``opened`` are patterns.

        ``opened`` is what begins a comment that is never closed.
        """
        self.text = text
        self.draft = draft
        quoted = re.escape(marks)
        never = "(?!)"
        string = r'(?P<string>"[^"]*")'
        skipped = rf"(?P<comment>{comment})|(?P<open>{opened or never})"
        self._token = re.compile(
            rf'\s*(?:{skipped}|{string}|(?P<mark>[{quoted}])|(?P<word>[^\s"{quoted}]+)|(?P<end>\Z))'
        ).match
        # What a skipped part may hold: marks in comments and strings do not count, and a
        # comment begins where a word could (not in http://).
        begins = rf'(?<![^\s"{quoted}])(?:{skipped})'
        self._part = re.compile(rf'{begins}|{string}|(?P<mark>[{quoted}])|(?P<quote>")').search
        self._end = 0
        self._known = (0, 1, 0)  # a place: its offset, line, and where the line starts
        self.word, self.kind, self.start = "", "", 0
        self._advance()

    def place(self, start: int) -> Place:
        """Line and column of a character; takes time for the text since the last place."""
        offset, line, first = self._known
        if start < offset:
            offset, line, first = 0, 1, 0
        count = self.text.count("\n", offset, start)
        if count:
            line += count
            first = self.text.rfind("\n", offset, start) + 1
        self._known = (start, line, first)
        return Place(line, start - first + 1)

    @property
    def here(self) -> Place:
        """The place of the next token."""
        return self.place(self.start)

    @property
    def done(self) -> bool:
        """Whether the text is at its end."""
        return self.kind == "end"

    def seek(self, offset: int) -> None:
        """Go to a token of which ``start`` was noted."""
        self._end = offset
        self._advance()

    def _advance(self) -> None:
        kind: str | None = "comment"
        while kind == "comment":
            match = self._token(self.text, self._end)
            if match is None:
                self._unclosed("a quote", self.text.index('"', self._end))
            self._end = match.end()
            kind = match.lastgroup
        assert match is not None
        assert kind is not None
        if kind == "open":
            self._unclosed("a comment", match.start(kind))
        self.kind, self.start = kind, match.start(kind)
        self.word = match[kind][1:-1] if kind == "string" else match[kind]

    def _unclosed(self, what: str, offset: int) -> NoReturn:
        self.draft.stop("TN150", f"{what} is not closed", self.place(offset))

    # -- one token ------------------------------------------------------------------

    def take(self) -> str:
        """The next token's text; the one after it is next."""
        word = self.word
        self._advance()
        return word

    def at(self, text: str) -> bool:
        """Whether the next token is this mark or this plain word."""
        return self.word == text and self.kind != "string"

    def maybe(self, text: str) -> bool:
        """Takes the next token if it is this mark or word."""
        if self.word == text and self.kind != "string":
            self._advance()
            return True
        return False

    def fail(self, expected: str) -> NoReturn:
        """Stops: something else stands here."""
        found = "the end of the file" if self.done else repr(self.word[:40])
        self.draft.stop("TN150", f"{expected} is expected, found {found}", self.here)

    def must(self, text: str) -> None:
        """Takes the next token, which has to be this mark or word."""
        if not self.maybe(text):
            self.fail(repr(text))

    def name(self, what: str = "a name") -> str:
        """The next token, which has to be a word or a string."""
        if self.kind in ("mark", "end"):
            self.fail(what)
        return self.take()

    def number(self, what: str) -> float:
        """The next token, which has to be a number; NaN when it is another word."""
        if self.kind in ("mark", "end"):
            self.fail(what)
        start, word = self.start, self.take()
        value = read_number(word)
        if value is None:
            return self.draft.not_a_number(word, self.place(start))
        return value

    # -- many tokens ----------------------------------------------------------------

    def names(self, closing: str, what: str, most: int) -> list[str]:
        """Names up to a mark, which is taken too, with or without commas between them."""
        found: list[str] = []
        while not self.maybe(closing):
            if len(found) >= most:
                self.draft.stop("TN148", f"more than {most:,} names in one list", self.here)
            found.append(self.name(what))
            self.maybe(",")
        return found

    def scope(self, what: str, most: int) -> tuple[str, list[str], Place]:
        """``( child | parents )``: the child, its parents, and the place of the child."""
        self.must("(")
        place = self.here
        child = self.name(f"the name of a {what}")
        if self.maybe(")"):
            return child, [], place
        if not self.maybe("|"):
            self.fail("'|' or ')'")
        return child, self.names(")", "the name of a parent", most), place

    def skip_to(self, mark: str) -> str:
        """The raw text up to a mark, which is taken too."""
        start = self.start
        end = self.text.find(mark, start)
        if end < 0:
            self.draft.stop("TN150", f"no {mark!r} follows", self.here)
        self.seek(end + 1)
        return self.text[start:end]

    def skip_past(self, marks: str, closing: str, opening: str = "") -> None:
        """Everything up to the mark ``closing``, which is taken too, at the depth of now.

        ``opening`` is the mark that goes one level deeper; none of ``marks`` may be met.
        """
        depth, at = 0, self.start
        while True:
            match = self._part(self.text, at)
            if match is None:
                self.seek(len(self.text))
                self.fail(repr(closing))
            at, kind, found = match.end(), match.lastgroup, match[0]
            if kind == "quote" or kind == "open":
                self._unclosed("a quote" if kind == "quote" else "a comment", match.start())
            if kind != "mark":
                continue
            if found == closing and not depth:
                self.seek(at)
                return
            if found in marks:
                self.seek(match.start())
                self.fail(repr(closing))
            depth += (found == opening) - (found == closing)
