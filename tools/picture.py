"""The pictures of the README and of docs/pictures.md, drawn from real reports and networks.

    python tools/picture.py      writes docs/ranking-*.svg and docs/drawing-*.svg

The words, numbers and colours are those of the report in a notebook; nothing is typed in
by hand.  A test draws it again and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import twitchnet as tn
from twitchnet.diagnosis.report.wording import page_of
from twitchnet.show.html import PALETTE
from twitchnet.show.page import Bar, Cell, Page, Table

# The first command of the README.
WORDS = "leg_twitching urge_to_move worse_at_night numbness=no caffeine_intake=high"
FOLDER = Path(__file__).resolve().parents[1] / "docs"
THEMES = ("light", "dark")

ROWS = 7
WIDTH, MARGIN, ROW = 960, 28, 30
# x of each column: rank, cause, bar, probability, before, gain, explains, what speaks for it
RANK, CAUSE, BAR, SHARE, BEFORE, GAIN, EXPLAINS, SPEAKS = 46, 56, 330, 482, 538, 590, 650, 672
BAR_WIDTH = 106
LETTERS = 43  # of the last column, before it is cut


def report() -> Page:
    """The report on the words of the command, by the bundled model."""
    record = dict(word.split("=") if "=" in word else (word, "yes") for word in WORDS.split())
    return page_of(tn.load("twitchy_legs").diagnose(record).report)


def picture(page: Page, theme: str) -> str:
    """The SVG of the first rows of a report's table, under its urgency."""
    colour = {name: pair[THEMES.index(theme)] for name, pair in PALETTE.items()}
    urgency = page.sections[0]
    table = next(
        block for section in page.sections for block in section.blocks if isinstance(block, Table)
    )
    rows = table.rows[:ROWS]
    top = 168
    height = top + ROW * len(rows) + 52
    title = f"{page.title}: {_words(rows[0][1])} {_words(rows[0][2])}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8" '
        f'fill="{colour["ground"]}" stroke="{colour["line"]}"/>',
        _text(MARGIN, 36, page.title, colour["ink"], 18, weight=600),
        _text(MARGIN, 58, f"twitchnet rank {WORDS}", colour["faint"], 12, mono=True),
        f'<rect x="{MARGIN}" y="74" width="{WIDTH - 2 * MARGIN}" height="36" rx="4" '
        f'fill="{colour[f"{urgency.tone}-ground"]}"/>',
        f'<rect x="{MARGIN}" y="74" width="4" height="36" '
        f'fill="{colour[f"{urgency.tone}-edge"]}"/>',
        _text(MARGIN + 16, 97, urgency.heading, colour[f"{urgency.tone}-ink"], 14, weight=600),
        *_heads(table, top - 28, colour),
    ]
    for number, row in enumerate(rows):
        lines += _row(row, top + ROW * number, colour)
    lines += [_text(MARGIN, height - 20, page.footer, colour["faint"], 12), "</svg>"]
    return "\n".join(lines) + "\n"


def _heads(table: Table, y: int, colour: dict[str, str]) -> Iterator[str]:
    places = (RANK, CAUSE, BAR, BEFORE, GAIN, EXPLAINS, SPEAKS)
    for x, column in zip(places, table.columns, strict=True):
        yield _text(x, y, column.head, colour["faint"], 12, end=column.right)
    yield _rule(y + 10, colour["line"])


def _row(row: tuple[Cell, ...], y: int, colour: dict[str, str]) -> Iterator[str]:
    rank, cause, share, before, gain, explains, speaks = row
    assert isinstance(share, Bar)
    ink, faint = colour["ink"], colour["faint"]
    yield _text(RANK, y + 4, _words(rank), faint, 14, end=True)
    yield _text(CAUSE, y + 4, _words(cause), ink, 14)
    for width, name in ((BAR_WIDTH, "track"), (round(BAR_WIDTH * share.share), "bar")):
        yield (
            f'<rect x="{BAR}" y="{y - 6}" width="{width}" height="10" rx="2" '
            f'fill="{colour[name]}"/>'
        )
    yield _text(SHARE, y + 4, share.text, ink, 14, end=True, weight=600)
    yield _text(BEFORE, y + 4, _words(before), faint, 14, end=True)
    yield _text(GAIN, y + 4, _words(gain), ink, 14, end=True)
    yield _text(EXPLAINS, y + 4, _words(explains), ink, 14, end=True)
    yield _text(SPEAKS, y + 4, _cut(_words(speaks)), faint, 12)
    yield _rule(y + 14, colour["line"])


def _words(cell: Cell) -> str:
    return cell.text if isinstance(cell, Bar) else cell


def _cut(text: str) -> str:
    """A list that fits its column; how many are left out is said."""
    names = text.split(", ")
    kept = list(names)
    while len(", ".join(kept)) > (LETTERS if len(kept) == len(names) else LETTERS - 4):
        kept.pop()
    left = len(names) - len(kept)
    return ", ".join(kept) + (f" +{left}" if left else "")


def _rule(y: int, colour: str) -> str:
    return f'<path d="M{MARGIN} {y}H{WIDTH - MARGIN}" stroke="{colour}"/>'


def _text(
    x: int,
    y: int,
    words: str,
    colour: str,
    size: int,
    *,
    weight: int = 400,
    end: bool = False,
    mono: bool = False,
) -> str:
    looks = f'x="{x}" y="{y}" font-size="{size}" fill="{colour}"'
    looks += f' font-weight="{weight}"' if weight != 400 else ""
    looks += ' text-anchor="end"' if end else ""
    looks += ' font-family="ui-monospace, Menlo, Consolas, monospace"' if mono else ""
    return f"<text {looks}>{escape(words)}</text>"


def drawings() -> dict[str, str]:
    """The pictures of docs/pictures.md, by the names of their files."""
    asked = ["leg_twitching", "urge_to_move", "worse_at_night"]
    dx = tn.load("twitchy_legs").diagnose(asked, numbness=False, caffeine_intake="high")
    return {
        "drawing-diagnosis.svg": dx.draw().svg,
        "drawing-cause.svg": dx.draw("restless_legs_syndrome").svg,
        "drawing-demo.svg": tn.load("demo").draw().svg,
    }


def main() -> None:
    """Writes all pictures."""
    for name, svg in drawings().items():
        (FOLDER / name).write_text(svg, encoding="utf-8")
    page = report()
    for theme in THEMES:
        path = FOLDER / f"ranking-{theme}.svg"
        path.write_text(picture(page, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
