"""How do results look in a notebook?  Plain rows in, one self-contained piece of HTML out.

Everything that comes from a model or a record is escaped.  No script, no outside
resource and no random id, so the same page is the same bytes and notebooks diff well.
Without its style (GitHub removes it) the page is still headings, lists and a table.

Colours are CSS variables with a light and a dark palette.  The reader's system chooses
(``prefers-color-scheme``), and a notebook or documentation theme that says which it is
overrules the system.  The page paints its own ground, so it is readable on any other.
"""

from __future__ import annotations

from html import escape

from twitchnet.show.page import (
    Bar,
    Block,
    Cell,
    Column,
    Item,
    Items,
    Page,
    Paragraph,
    Section,
    Table,
    Tone,
    clean,
)

# name: (light, dark).  Ink on ground has a contrast of at least 7, faint and tones 4.5.
PALETTE = {
    "ground": ("#ffffff", "#16191d"),
    "ink": ("#1f2328", "#e3e6ea"),
    "faint": ("#59636e", "#9aa4ae"),
    "line": ("#d5dce3", "#343b43"),
    "bar": ("#3f74b0", "#6ba3dd"),
    "track": ("#e8edf2", "#262d34"),
    "alarm-ground": ("#fdecea", "#3a1513"),
    "alarm-edge": ("#c62828", "#ff6b5e"),
    "alarm-ink": ("#8c1d18", "#ffb4ac"),
    "warning-ground": ("#fff4e0", "#33260c"),
    "warning-edge": ("#b26a00", "#e0a030"),
    "warning-ink": ("#6b4000", "#ffd991"),
    "notice-ground": ("#eaf2fb", "#12263a"),
    "notice-edge": ("#2f6fb2", "#5aa0e0"),
    "notice-ink": ("#1b4a7a", "#b3d6f7"),
    "calm-ground": ("#eaf6ee", "#12291b"),
    "calm-edge": ("#2e7d4f", "#4fae77"),
    "calm-ink": ("#1d5636", "#b2e2c4"),
}
TONES: tuple[Tone, ...] = ("calm", "notice", "warning", "alarm")

# How JupyterLab, VS Code and common documentation themes say that they are light or dark.
LIGHT_PLACES = ('[data-jp-theme-light="true"]', "body.vscode-light", 'html[data-theme="light"]')
DARK_PLACES = ('[data-jp-theme-light="false"]', "body.vscode-dark", 'html[data-theme="dark"]')

_LAYOUT = """
.tn-page{background:var(--tn-ground);color:var(--tn-ink);border:1px solid var(--tn-line);
border-radius:8px;padding:1rem 1.25rem;max-width:62rem;box-sizing:border-box;line-height:1.45;
font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:14px;text-align:left}
.tn-page .tn-title{font-size:1.25em;font-weight:600;line-height:1.3;margin:0;color:inherit}
.tn-page .tn-sub,.tn-page .tn-foot{color:var(--tn-faint);font-size:.86em;margin:.2rem 0 0}
.tn-page .tn-foot{border-top:1px solid var(--tn-line);margin-top:1.1rem;padding-top:.5rem}
.tn-page .tn-section{margin:1.1rem 0 0}
.tn-page .tn-heading{font-size:1em;font-weight:600;line-height:1.3;margin:0 0 .35rem;color:inherit}
.tn-page p{margin:.3rem 0;color:inherit}
.tn-page ul{margin:.3rem 0;padding:0 0 0 1.2rem;list-style:disc}
.tn-page li{margin:.25rem 0;color:inherit}
.tn-page .tn-note{color:var(--tn-faint);font-size:.9em;display:block}
.tn-page .tn-scroll{overflow-x:auto}
.tn-page table.tn-table{border-collapse:collapse;border:0;margin:.3rem 0;width:100%;
table-layout:auto;font-size:1em;color:inherit}
.tn-page table.tn-table thead tr th{color:var(--tn-faint);font-weight:500;font-size:.86em;
background:none;border:0;border-bottom:1px solid var(--tn-line);padding:.25rem .6rem .25rem 0;
text-align:left;vertical-align:bottom;white-space:nowrap}
.tn-page table.tn-table tbody tr,.tn-page table.tn-table tbody tr:hover{background:none}
.tn-page table.tn-table tbody tr td{border:0;border-bottom:1px solid var(--tn-line);
padding:.32rem .6rem .32rem 0;text-align:left;vertical-align:top;max-width:none}
.tn-page table.tn-table tbody tr td.tn-right,.tn-page table.tn-table tbody tr td.tn-drawn{
white-space:nowrap}
.tn-page table.tn-table tbody tr:last-child td{border-bottom:0}
.tn-page table.tn-table tr td.tn-right,.tn-page table.tn-table thead tr th.tn-right{
text-align:right;font-variant-numeric:tabular-nums}
.tn-page table.tn-table tbody tr td.tn-wide{min-width:9rem}
.tn-page .tn-bar{display:inline-block;width:7rem;height:.6em;border-radius:2px;margin-right:.55rem;
background:var(--tn-track);overflow:hidden;vertical-align:baseline;position:relative}
.tn-page .tn-fill{display:block;height:100%;background:var(--tn-bar)}
.tn-page .tn-mark,.tn-page .tn-ends{position:absolute;background:var(--tn-ink)}
.tn-page .tn-mark{top:0;bottom:0;width:2px;margin-left:-1px}
.tn-page .tn-ends{top:calc(50% - 1px);height:2px}
@media (max-width:40rem){.tn-page .tn-bar{width:2rem}}
.tn-page .tn-value{display:inline-block;min-width:3.6em;text-align:right;
font-variant-numeric:tabular-nums}
""".strip().replace("\n", "")


def _palette(which: int) -> str:
    return "".join(f"--tn-{name}:{pair[which]};" for name, pair in PALETTE.items())


def _style() -> str:
    light, dark = _palette(0), _palette(1)
    themed = [
        f"{','.join(f'{place} .tn-page' for place in places)}{{{colours}}}"
        for places, colours in ((LIGHT_PLACES, light), (DARK_PLACES, dark))
    ]
    boxes = [
        f".tn-page .tn-{tone}{{background:var(--tn-{tone}-ground);color:var(--tn-{tone}-ink);"
        f"border-left:4px solid var(--tn-{tone}-edge);border-radius:4px;padding:.6rem .9rem}}"
        f".tn-page .tn-{tone} .tn-note{{color:inherit}}"
        for tone in TONES
    ]
    return "".join(
        [
            f".tn-page{{{light}}}",
            f"@media (prefers-color-scheme:dark){{.tn-page{{{dark}}}}}",
            *themed,
            _LAYOUT,
            *boxes,
        ]
    )


STYLE = f"<style>{_style()}</style>"


def html(page: Page) -> str:
    """A page as HTML that brings its own style.

    >>> from twitchnet.show.page import Page, Paragraph, Section
    >>> page = Page("Pump", (Section("Now", (Paragraph("a < b"),)),))
    >>> html(page).endswith('<p>a &lt; b</p></section></div>')
    True
    """
    parts = [_tag("h3", "tn-title", page.title), _tag("p", "tn-sub", page.subtitle)]
    parts += [_section(section) for section in page.sections]
    parts.append(_tag("p", "tn-foot", page.footer))
    return f'{STYLE}<div class="tn-page">{"".join(parts)}</div>'


def document(page: Page) -> str:
    """A page as a whole HTML file, for a browser.

    >>> from twitchnet.show.page import Page
    >>> document(Page("Pump", ()))[:15]
    '<!DOCTYPE html>'
    """
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{_safe(page.title)}</title></head><body>{html(page)}</body></html>\n"
    )


def _tag(tag: str, kind: str, text: str) -> str:
    """An element with a class, or nothing when there is no text."""
    return f'<{tag} class="{kind}">{_safe(text)}</{tag}>' if text else ""


def _safe(text: str) -> str:
    return escape(clean(text))


def _led(lead: str, text: str) -> str:
    words = [f"<strong>{_safe(lead)}</strong>" if lead else "", _safe(text)]
    return " ".join(word for word in words if word)


def _section(section: Section) -> str:
    tone = f" tn-{section.tone}" if section.tone in TONES else ""
    body = "".join(_block(block) for block in section.blocks)
    heading = _tag("h4", "tn-heading", section.heading)
    return f'<section class="tn-section{tone}">{heading}{body}</section>'


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        tone = f' class="tn-{block.tone}"' if block.tone in TONES else ""
        return f"<p{tone}>{_led(block.lead, block.text)}</p>"
    if isinstance(block, Items):
        return f"<ul>{''.join(_item(item) for item in block.items)}</ul>"
    return _table(block)


def _item(item: Item) -> str:
    notes = "".join(f' <span class="tn-note">{_safe(note)}</span>' for note in item.notes)
    return f"<li>{_led(item.lead, item.text)}{notes}</li>"


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_kind(column)}>{_safe(column.head)}</th>' for column in table.columns
    )
    rows = "".join(f"<tr>{''.join(map(_cell, row, table.columns))}</tr>" for row in table.rows)
    return (
        f'<div class="tn-scroll"><table class="tn-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _kind(column: Column) -> str:
    """Class and side of a cell; a notebook that is not trusted drops the style sheet."""
    names = [name for name, on in (("tn-right", column.right), ("tn-wide", column.wide)) if on]
    kind = f' class="{" ".join(names)}"' if names else ""
    return f'{kind} style="text-align:{"right" if column.right else "left"}"'


def _cell(cell: Cell, column: Column) -> str:
    if not isinstance(cell, Bar):
        return f"<td{_kind(column)}>{_safe(cell)}</td>"
    fill = f'<span class="tn-fill" style="width:{_place(cell.share)}"></span>'
    if cell.ends is not None:
        low, high = cell.ends
        fill += (
            f'<span class="tn-ends" style="left:{_place(low)};width:{_place(high - low)}"></span>'
        )
    if cell.mark is not None:
        fill += f'<span class="tn-mark" style="left:{_place(cell.mark)}"></span>'
    return (
        f'<td class="tn-drawn"><span class="tn-bar" aria-hidden="true">{fill}</span>'
        f'<span class="tn-value">{_safe(cell.text)}</span></td>'
    )


def _place(share: float) -> str:
    """A share of the width of a bar."""
    return f"{100 * min(max(share, 0.0), 1.0):.1f}%"
