"""How does a result become a page?  The common part of all of them.

A result that people read inherits :class:`Shown` and says what its ``page`` is; text and
HTML follow.  Helpers turn plain rows into tables with a one-line description of columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from twitchnet.model.network import Network
from twitchnet.model.words import NEUTRAL, Words
from twitchnet.prompt import Bundle
from twitchnet.show.page import Block, Cell, Column, Page, Paragraph, Section, Table


class HasPage:
    """Something with a page: ``str`` is its text, and notebooks get its HTML."""

    __slots__ = ()

    def signed(self) -> Page:
        """The page as it is shown."""
        raise NotImplementedError

    def bundle(self) -> Bundle:
        """Text and HTML of the page, by media type."""
        return {"text/plain": str(self), "text/html": self._repr_html_()}

    def __str__(self) -> str:
        from twitchnet.show.text import text

        return text(self.signed())

    def _repr_html_(self) -> str:
        from twitchnet.show.html import html

        return html(self.signed())

    def _repr_mimebundle_(self, **wanted: object) -> Bundle:
        """Text and HTML for notebooks; the fields stay what ``repr`` shows."""
        return self.bundle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(HasPage):
    """A result with a page of its own.

    ``made_by`` names the model with its version and fingerprint, '' where the page names
    its models itself.  ``labels`` are the words for its variables: fields hold names, for
    programs and for the next command, and the page says words.  ``words`` are those of the
    model: its disclaimer stands below every page.
    """

    made_by: str = field(default="", compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    words: Words = field(default=NEUTRAL, repr=False, compare=False)

    def signed_by(self, network: Network) -> Self:
        """The same, saying which model it comes from, in the words of that model."""
        model = f"{network.name} {network.version}, fingerprint {network.fingerprint[:12]}."
        labels = {variable.name: variable.label or variable.name for variable in network.variables}
        return replace(self, made_by=model, labels=labels, words=network.words)

    def called(self, name: str) -> str:
        """A variable in words."""
        return self.labels.get(name, name)

    def said(self, name: str, state: str) -> str:
        """An answer in words: the label alone for yes."""
        return self.called(name) if state == "present" else f"{self.called(name)}: {worded(state)}"

    def signed(self) -> Page:
        """The page with the model named below its title."""
        page = self.page()
        return replace(page, subtitle=f"{self.made_by} {page.subtitle}".strip())

    def page(self) -> Page:
        """The result as plain rows."""
        raise NotImplementedError

    def sheet(self, title: str, *sections: Section | None, subtitle: str = "") -> Page:
        """A page of the sections that there are, with the disclaimer of the model below."""
        kept = tuple(section for section in sections if section is not None)
        return Page(title, kept, subtitle, self.words.disclaimer)


def table(
    heading: str, columns: str, rows: Iterable[tuple[Cell, ...]], note: str = ""
) -> Section | None:
    """A section with a table, None without rows.

    ``columns`` are heads separated by ``|``; a head that begins with ``>`` is aligned to
    the right, one that begins with ``*`` takes the room that is left.
    """
    made = tuple(rows)
    if not made:
        return None
    heads = [head.strip() for head in columns.split("|")]
    parts = tuple(Column(h.lstrip(">*"), h.startswith(">"), h.startswith("*")) for h in heads)
    blocks: tuple[Block, ...] = (Table(parts, made),)
    return Section(heading, (*blocks, Paragraph(note)) if note else blocks)


def lines(heading: str, *texts: str) -> Section | None:
    """A section of sentences, None without any."""
    kept = tuple(Paragraph(text) for text in texts if text)
    return Section(heading, kept) if kept else None


def worded(state: str) -> str:
    """A state as people say it.

    >>> worded("absent"), worded("hours_days")
    ('no', 'hours days')
    """
    return {"absent": "no", "present": "yes"}.get(state, state.replace("_", " "))


def said(answer: str, state: str) -> str:
    """An answer in the words of the command line: the name alone for yes.

    >>> said("numbness", "absent"), said("numbness", "present")
    ('numbness=absent', 'numbness')
    """
    return answer if state == "present" else f"{answer}={state}"
