"""How do results look in a terminal?  Plain rows in, plain text out.

:func:`lines` says of every line what it is, so that a command line may colour it;
:func:`text` is the same without colours.  Nothing is wider than ``width`` unless a
single word or the narrow columns of a table are.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from twitchnet.show.page import (
    Bar,
    Block,
    Cell,
    Items,
    Page,
    Paragraph,
    Section,
    Table,
    Tone,
    clean,
)

Role = Literal["title", "heading", "head", "lead", "body", "faint"]

WIDTH = 100
BAR = 12  # characters; an eighth of a character is the smallest step
BESIDE = 36  # room that a wide column needs to stand beside the others
EIGHTHS = " ▏▎▍▌▋▊▉"
MARKS: dict[Tone, str] = {"alarm": "!! ", "warning": "! "}


class Line(NamedTuple):
    """One line of text, what it is and how loud it is."""

    text: str
    role: Role
    tone: Tone


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], left: str = "") -> str:
    """Rows of text under a head, columns two spaces apart.

    ``left`` has one letter per column, ``l`` where it is aligned to the left.

    >>> print(columns(["cause", "posterior"], [["cramp", "0.5"]], "lr"))
    cause  posterior
    cramp        0.5
    """
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if left[i : i + 1] == "l" else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def text(page: Page, width: int = WIDTH, *, plain: bool = False) -> str:
    """A page as text.  ``plain`` uses ASCII for what is drawn (bars, rules).

    >>> from twitchnet.show.page import Page, Paragraph, Section
    >>> print(text(Page("Pump", (Section("Now", (Paragraph("Stop it."),)),)), 20))
    Pump
    <BLANKLINE>
    Now ────────────────
      Stop it.
    """
    return "\n".join(line.text for line in lines(page, width, plain=plain))


def lines(page: Page, width: int = WIDTH, *, plain: bool = False) -> Iterator[Line]:
    """The lines of a page, each with its role and tone."""
    for line in _lines(page, width, plain):
        yield line._replace(text=line.text.replace("\xa0", " "))


def _lines(page: Page, width: int, plain: bool) -> Iterator[Line]:
    for line in _wrapped(page.title, "", width):
        yield Line(line, "title", "plain")
    for line in _wrapped(page.subtitle, "", width):
        yield Line(line, "faint", "plain")
    for place, section in enumerate(page.sections):
        if place or page.title:
            yield Line("", "body", "plain")
        yield from _section(section, width, plain)
    if page.footer:
        yield Line("", "body", "plain")
        for line in _wrapped(page.footer, "", width):
            yield Line(line, "faint", "plain")


def _section(section: Section, width: int, plain: bool) -> Iterator[Line]:
    if section.heading:
        heading = MARKS.get(section.tone, "") + clean(section.heading)
        rule = ("-" if plain else "─") * (width - len(heading) - 1)
        yield Line(f"{heading} {rule}".rstrip(), "heading", section.tone)
    for block in section.blocks:
        yield from _block(block, section.tone, width, plain)


def _block(block: Block, tone: Tone, width: int, plain: bool) -> Iterator[Line]:
    if isinstance(block, Paragraph):
        loud = tone if block.tone == "plain" else block.tone
        mark = MARKS.get(block.tone, "")
        words = f"{mark}{block.lead} {block.text}".strip()
        for line in _wrapped(words, "  ", width):
            yield Line(line, "lead" if block.lead and not block.text else "body", loud)
    elif isinstance(block, Items):
        for item in block.items:
            words = f"{item.lead} {item.text}".strip()
            for line in _wrapped(words, "    ", width, "  - "):
                yield Line(line, "body", tone)
            for note in item.notes:
                for line in _wrapped(note, "    ", width):
                    yield Line(line, "faint", tone)
    else:
        yield from _table(block, width, plain)


def _wrapped(words: str, indent: str, width: int, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        clean(words),
        max(width, len(indent) + 20),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _drawn(cell: Cell, plain: bool) -> str:
    """A cell in one line; a bar stands before its words."""
    return (
        f"{bar(cell.share, plain=plain)} {clean(cell.text)}"
        if isinstance(cell, Bar)
        else clean(cell)
    )


def bar(share: float, width: int = BAR, *, plain: bool = False) -> str:
    """A share of 0 to 1 as a bar of ``width`` characters.

    >>> bar(0.5, 4), bar(0.5, 4, plain=True)
    ('██  ', '##..')
    """
    share = min(max(share, 0.0), 1.0)
    if plain:
        full = round(share * width)
        return "#" * full + "." * (width - full)
    full, rest = divmod(round(share * width * 8), 8)
    drawn = "█" * full + (EIGHTHS[rest] if rest else "")
    return drawn.ljust(width)


def _table(table: Table, width: int, plain: bool) -> Iterator[Line]:
    """A line per row; wide columns stand beside the others where there is room, else below."""
    cells = [[_drawn(cell, plain) for cell in row] for row in table.rows]
    for i in range(len(table.columns)):  # words beside bars are aligned among themselves
        if any(isinstance(row[i], Bar) for row in table.rows):
            most = max(len(row[i]) for row in cells)
            for row in cells:
                row[i] = row[i][:BAR] + row[i][BAR:].strip().rjust(most - BAR)
    heads = [clean(column.head) for column in table.columns]
    narrow = [i for i, column in enumerate(table.columns) if not column.wide]
    wide = [i for i, column in enumerate(table.columns) if column.wide]
    widths = {i: max(len(heads[i]), *(len(row[i]) for row in cells), 0) for i in narrow}
    taken = 2 + sum(widths.values()) + 2 * len(narrow)
    beside = len(wide) == 1 and width - taken >= BESIDE
    at = 2 + widths[narrow[0]] + 2 if narrow and table.columns[narrow[0]].right else 4
    for row in [heads, *cells]:
        role: Role = "head" if row is heads else "body"
        drawn = "  ".join(
            row[i].rjust(widths[i]) if table.columns[i].right else row[i].ljust(widths[i])
            for i in narrow
        )
        if beside:
            first, *rest = _wrapped(row[wide[0]], "", width - taken) or [""]
            yield Line(f"  {drawn}  {first}".rstrip(), role, "plain")
            for line in rest:
                yield Line(" " * taken + line, role, "plain")
            continue
        yield Line(f"  {drawn}".rstrip(), role, "plain")
        for i in wide:
            for line in _wrapped(row[i], " " * at, width):
                yield Line(line, "head" if row is heads else "faint", "plain")
