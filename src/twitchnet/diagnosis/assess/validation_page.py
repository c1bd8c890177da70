"""How is a validated table of anchors laid out?

Plain rows for ``show``: the same page is printed by ``twitchnet validate`` and kept as
docs/validation.md.  No number is worked out here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from twitchnet.diagnosis.assess.validation import Outcome, Result, Validation
from twitchnet.model.anchors import USES, Band, Group
from twitchnet.model.network import Network
from twitchnet.show.page import Block, Column, Item, Items, Page, Paragraph, Section, Table

OUTCOMES: dict[Outcome, str] = {
    "met": "met",
    "missed as expected": "missed, with a reason that is stated below",
    "shown": "shown without a band, so not judged",
    "missed": "missed, and nobody said why",
    "met against expectation": "met, although a reason for missing it is stated",
}


def validation_page(validation: Validation, network: Network) -> Page:
    """Counts, one table per group with what is missed and why, and the sources."""
    anchors = validation.anchors
    results = {result.anchor.name: result for result in validation}
    sections = [_summary(validation)]
    for group in anchors.groups:
        rows = [results[anchor.name] for anchor in group.anchors]
        sections.append(_section(group, rows))
    sections.append(_sources(validation, network))
    subtitle = f"{network.name} {network.version}. {network.reviewed}".strip()
    return Page(anchors.title, tuple(sections), subtitle)


def number(value: float) -> str:
    """A number with three significant figures; small ones as a power of ten.

    >>> number(0.12345), number(7.1e-05), number(120.0), number(float("nan"))
    ('0.123', '7.1e-05', '120', 'none')
    """
    if math.isnan(value):
        return "none"
    value = float(f"{value:.9g}")  # so that no last bit decides how a half is rounded
    return str(int(value)) if value.is_integer() and abs(value) < 1e6 else f"{value:.3g}"


def band_words(band: Band | None) -> str:
    """A band in words.

    >>> band_words(Band(1.0, 3.5)), band_words(Band(high=0.25, strict=True)), band_words(None)
    ('1-3.5', 'below 0.25', '')
    """
    if band is None:
        return ""
    if math.isinf(band.low):
        return f"{'below' if band.strict else 'at most'} {number(band.high)}"
    if math.isinf(band.high):
        return f"{'above' if band.strict else 'at least'} {number(band.low)}"
    if band.low == band.high:
        return number(band.low)
    return f"{number(band.low)}-{number(band.high)}"


def _summary(validation: Validation) -> Section:
    results = validation.results
    counts = validation.counts
    lines = [
        Item(words, f"{counts[outcome]}")
        for outcome, words in OUTCOMES.items()
        if outcome in counts
    ]
    uses = []
    for use, words in USES.items():
        of_use = [result for result in results if result.anchor.use == use]
        met = sum(result.outcome == "met" for result in of_use)
        if of_use:
            uses.append((use, words, str(len(of_use)), str(met)))
    columns = (
        Column("use"),
        Column("meaning", wide=True),
        Column("rows", right=True),
        Column("met", right=True),
    )
    blocks: list[Block] = [Paragraph(validation.anchors.description)]
    blocks += [Paragraph(f"{len(results)} rows:"), Items(tuple(lines)), Table(columns, tuple(uses))]
    return Section("Summary", tuple(blocks))


def _section(group: Group, rows: Sequence[Result]) -> Section:
    blocks: list[Block] = [Paragraph(group.description)] if group.description else []
    if rows:
        blocks.append(_grid(group, rows) if group.columns else _table(rows))
    blocks += _reasons(
        "Missed, and why:", [(r.anchor.name, r.anchor.expected_failure) for r in rows]
    )
    blocks += _reasons(
        "Notes:", [(r.anchor.name, r.anchor.note) for r in rows if not group.columns]
    )
    blocks += _reasons("Not asked:", list(group.left_out))
    return Section(group.title, tuple(blocks))


def _table(rows: Sequence[Result]) -> Table:
    """One line per anchor."""
    columns = (
        Column("id"),
        Column("use"),
        Column("accepted", right=True),
        Column("model", right=True),
        Column("outcome"),
        Column("query, published figure [sources]", wide=True),
    )
    return Table(
        columns,
        tuple(
            (
                result.anchor.name,
                result.anchor.use,
                band_words(result.anchor.band),
                number(result.value),
                result.outcome,
                _words(result),
            )
            for result in rows
        ),
    )


def _words(result: Result) -> str:
    anchor = result.anchor
    published = f": {anchor.published}" if anchor.published else ""
    return f"{anchor.text}{published} [{', '.join(anchor.sources)}]"


def _grid(group: Group, rows: Sequence[Result]) -> Table:
    """One line per row of the grid; a cell is the model's value beside what is accepted."""
    columns = (Column(""), *(Column(name, right=True) for name in group.columns))
    width = len(group.columns)
    lines = []
    for first in range(0, len(rows), width):
        line = rows[first : first + width]
        name = line[0].anchor.name.removeprefix(f"{group.name}/")
        head = name.removesuffix(f"/{group.columns[0]}") if width > 1 else name
        lines.append((head, *(_cell(result) for result in line)))
    return Table(columns, tuple(lines))


def _cell(result: Result) -> str:
    anchor = result.anchor
    wanted = band_words(anchor.band) if math.isnan(anchor.target) else number(anchor.target)
    outcome = "" if result.outcome == "met" else f" {result.outcome}"
    return f"{number(result.value)} ({wanted}){outcome}"


def _reasons(lead: str, reasons: Sequence[tuple[str, str]]) -> list[Block]:
    """What is said of several anchors in the same words is said once."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        if reason:
            names.setdefault(reason, []).append(name)
    items = [Item(reason, f"{', '.join(of)}:") for reason, of in names.items()]
    return [Paragraph(lead), Items(tuple(items))] if items else []


def _sources(validation: Validation, network: Network) -> Section:
    used = {key for result in validation for key in result.anchor.sources}
    known = [*network.sources, *validation.anchors.sources]
    found = sorted((source.key, source.cite) for source in known if source.key in used)
    return Section("Sources", (Items(tuple(Item(cite, f"{key}:") for key, cite in found)),))
