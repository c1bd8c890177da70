"""How does a page look in a repository?  Plain rows in, Markdown out (tables as on GitHub).

Used for generated documents, which are compared with the file in CI, so the text
depends on the page alone.
"""

from __future__ import annotations

import re

from twitchnet.show.page import Bar, Block, Cell, Items, Page, Paragraph, Section, Table, clean

# An underscore within a word is no markup, so names and addresses stay as they are.
_SPECIAL = re.compile(r"([\\`*{}\[\]<>|#~$]|(?<!\w)_|_(?!\w))")


def markdown(page: Page) -> str:
    r"""A page as Markdown, ending in a newline.

    >>> from twitchnet.show.page import Page, Paragraph, Section
    >>> print(markdown(Page("Pump", (Section("Now", (Paragraph("Stop *it*."),)),))))
    # Pump
    <BLANKLINE>
    ## Now
    <BLANKLINE>
    Stop \*it\*.
    <BLANKLINE>
    """
    parts = [f"# {escaped(page.title)}"]
    if page.subtitle:
        parts.append(escaped(page.subtitle))
    for section in page.sections:
        parts += _section(section)
    if page.footer:
        parts.append(f"*{escaped(page.footer)}*")
    return "\n\n".join(parts).replace("\xa0", " ") + "\n"


def escaped(text: str) -> str:
    r"""Text in which nothing is markup.

    >>> escaped("a_b <b>")
    'a_b \\<b\\>'
    """
    return _SPECIAL.sub(r"\\\1", clean(text))


def _section(section: Section) -> list[str]:
    heading = [f"## {escaped(section.heading)}"] if section.heading else []
    return [*heading, *(_block(block) for block in section.blocks)]


def _led(lead: str, text: str) -> str:
    words = [f"**{escaped(lead)}**" if lead else "", escaped(text)]
    return " ".join(word for word in words if word)


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _led(block.lead, block.text)
    if isinstance(block, Items):
        return "\n".join(
            "\n".join([f"- {_led(item.lead, item.text)}", *(f"  {escaped(n)}" for n in item.notes)])
            for item in block.items
        )
    return _table(block)


def _table(table: Table) -> str:
    rows = [
        [escaped(column.head) for column in table.columns],
        ["---:" if column.right else "---" for column in table.columns],
        *([_cell(cell) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(cell: Cell) -> str:
    return escaped(cell.text if isinstance(cell, Bar) else cell)
