"""Which words say it?  Every sentence of a report, in one place, so that it can be reviewed.

No sentence here belongs to a field: levels, disclaimer, nouns and headings of advice are the
words of the model (``model/words.py``).

:func:`page_of` turns the facts of a :class:`~twitchnet.diagnosis.report.facts.Report` into a
page of plain rows.  Order of the page: how urgent it is and every red flag, whatever the
posterior says; then what fits best; then the numbers; then what to do.  Nothing is
computed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from twitchnet.diagnosis.report.facts import CauseRow, Flag, Report, Step, Urgent
from twitchnet.show.page import (
    Bar,
    Block,
    Column,
    Item,
    Items,
    Page,
    Paragraph,
    Section,
    Table,
)

UNWATCHED = (
    "these answers are too many to work out the probabilities of serious causes without the "
    "reassuring ones, so the rules alone decide how urgent it is."
)

ROWS = 10
"""Rows of the table; more would hide the top, and the rest is summed up in a line."""

FEWEST, TOLD, PROBABLE = 5, 0.02, 2
"""At least this many rows; beyond them only causes of at least this gain in bits, and the
two most probable ones."""

REASONS = 4
"""Answers named beside one cause."""

STEPS = 4
"""Options written out; the others are named in a line."""

MOST, LARGE_PART = 0.6, 0.35
"""Shares of the reported findings from which on a cause accounts for most, or a large part."""

SOME = 0.05
"""Expected findings from which on a cause is said to account for some."""

UNLIKELY = 0.1
"""A posterior below which a leading cause is called improbable all the same."""

UNTOUCHED = 0.05
"""Bits of gain below which the answers have hardly changed a probability."""

STANDS_OUT = 0.2
"""The probability of having produced a finding from which on a cause is named for it."""


def percent(share: float) -> str:
    r"""A probability for people: no false precision, and never a rounded 0 or 100.

    The space is one that does not break.

    >>> [percent(p).replace("\xa0", " ") for p in (0.0004, 0.0712, 0.912, 0.9999, 1.0)]
    ['<0.1 %', '7.1 %', '91 %', '>99 %', '100 %']
    """
    if math.isnan(share):
        return "-"
    if 0.0 < share < 0.001:
        number = "<0.1"
    elif 0.995 <= share < 1.0:
        number = ">99"
    else:
        number = f"{100 * share:.1f}" if 0.0 < share < 0.0995 else f"{100 * share:.0f}"
    return f"{number}\xa0%"


def page_of(report: Report) -> Page:
    """The page of a report."""
    about = [f"{report.model} {report.version}, fingerprint {report.fingerprint[:12]}."]
    about += [report.reviewed] if report.reviewed else []
    sections = [
        _urgency(report.urgent),
        _fit(report),
        causes_section(report),
        _none(report),
        _steps(report),
        _answers(report),
    ]
    return Page(
        title=report.title,
        subtitle=" ".join(about),
        sections=tuple(section for section in sections if section is not None),
        footer=report.words.disclaimer,
    )


def urgency_section(urgent: Urgent) -> Section:
    """How urgent it is and every red flag: the first section of every report."""
    level = urgent.level(urgent.urgency)
    heading = level.sentence if level else "Red flags"
    if level and urgent.unasked and urgent.is_lowest:
        before, colon, after = heading.partition(":")
        heading = f"{before}, as far as was asked{colon}{after}"
    flags = f"{_listed(urgent.red_flags)}." if urgent.red_flags else "none reported."
    blocks: list[Block] = [Paragraph(flags, "Red flags:")]
    deciding = [one for one in urgent.flags if one.urgency == urgent.urgency]
    others = [one for one in urgent.flags if one.urgency != urgent.urgency]
    if deciding:
        blocks.append(Items(tuple(_flag(one, "") for one in deciding)))
    if others:
        blocks.append(Paragraph("", "Also, less urgent:"))
        blocks.append(Items(tuple(_flag(one, f" ({_label(urgent, one)})") for one in others)))
    for one in urgent.waiting:
        what = _could(urgent, one)
        blocks.append(Paragraph(one.reason, f"Could {what}, depending on {_listed(one.because)}:"))
    if urgent.unasked:
        lead = "Should always be asked, and has no answer here:"
        blocks.append(Paragraph(f"{_listed(urgent.unasked)}.", lead))
    if urgent.unwatched:
        blocks.append(Paragraph(UNWATCHED, "Second net:"))
    return Section(heading, tuple(blocks), level.colour if level else "warning")


def _label(urgent: Urgent, one: Flag) -> str:
    """What the level of a rule is called inside a sentence."""
    level = urgent.level(one.urgency)
    return level.label if level else one.urgency


def _could(urgent: Urgent, one: Flag) -> str:
    """What a rule that waits for an answer could do to the urgency."""
    level = urgent.level(one.urgency)
    return (level.could if level else "") or f"become {_label(urgent, one)}"


def _urgency(urgent: Urgent | None) -> Section | None:
    return urgency_section(urgent) if urgent else None


def _flag(one: Flag, level: str) -> Item:
    """A reason; below it what to do besides, and which rule said so.

    A watch is not named by its cause: its sentence says what may be said.
    """
    if one.watch:
        why = f"Second net{level}: from all present answers together"
    elif one.because:
        why = f"Rule {one.name}{level}, because of {_listed(one.because)}"
    else:
        why = f"Rule {one.name}{level}: no other rule fired"
    return Item(one.reason, notes=(one.follow_up, why) if one.follow_up else (why,))


def _fit(report: Report) -> Section:
    """The leading explanation in words."""
    leader = report.leader
    if leader is None:
        text = f"The answers speak for no {report.words.cause.one} of the model, so the order "
        text += "below is by probability."
        return Section("What fits best", (Paragraph(text),))
    most = max(row.explains for row in report.rows)
    blocks: list[Block] = [Paragraph(_accounts(leader, report, most), leader.label)]
    blocks.append(Paragraph(f"{_chance(leader)} {report.about}".strip()))
    if report.unaccounted:
        left = _listed(
            f"{one.label} (rather {one.best}, {percent(one.share)})"
            if one.share >= STANDS_OUT
            else f"{one.label} (no {report.words.cause.one} stands out)"
            for one in report.unaccounted
        )
        blocks.append(Paragraph(f"{left}.", "It leaves open:"))
    top = max(
        (row for row in report.rows if not row.given), key=lambda row: row.posterior, default=leader
    )
    if top.posterior > leader.posterior and top.cause != leader.cause:
        changed = "hardly changed that" if abs(top.gain) < UNTOUCHED else "changed that less"
        text = (
            f"is more probable ({percent(top.posterior)}), but it was common before "
            f"({percent(top.prior)}) and the answers {changed}: what is often present need not be "
            f"what the answers are about."
        )
        blocks.append(Paragraph(text, top.label))
    return Section("What fits best", tuple(blocks))


def _chance(leader: CauseRow) -> str:
    """How probable the leader is, now and before; a rare one may still be improbable."""
    now, before = percent(leader.posterior), percent(leader.prior)
    if leader.posterior < UNLIKELY:
        times = leader.posterior / leader.prior if leader.prior > 0.0 else math.inf
        more = f"{times:.0f} times as probable" if 2.0 <= times < 1000.0 else "more probable"
        return f"It is {more} as before any answer ({before}), but still improbable: {now}."
    return f"Its probability is {now}, against {before} before any answer."


def _accounts(leader: CauseRow, report: Report, most: float) -> str:
    """What the leader accounts for, after its name; ``most`` is what any cause accounts for."""
    if leader.explains < SOME:
        return "is what the answers make most likely against what is usual."
    made = [reason for reason in leader.speaks if reason.kind == "accounts"]
    findings, cause = report.findings, report.words.cause.one
    share = leader.explains / max(findings, 1)
    first = leader.explains >= most
    how = f"more of what is reported than any other {cause}, though not for much"
    if share >= MOST:
        how = "most of what is reported"
    elif share >= LARGE_PART:
        how = "a large part of what is reported"
        how += f", more than any other {cause}" if first else ""
    elif not first:
        how = "a part of what is reported"
    parts: list[str] = []
    for word, reasons in (
        ("probably", [one for one in made if one.share >= 0.5]),
        ("perhaps", [one for one in made if one.share < 0.5]),
    ):
        if reasons:
            named = _listed(f"{one.label} ({percent(one.share)})" for one in reasons)
            parts.append(f"{word} produced {named}" if not parts else f"{word} {named}")
    text = f"accounts for {how}"
    text += f": it {', '.join(parts)}" if parts else ""
    if findings > 1:
        named = report.words.finding.many
        text += f"; in all {_number(leader.explains)} of the {findings} reported {named}"
    return f"{text}."


def causes_section(report: Report) -> Section:
    """The table of causes, and what its columns mean."""
    rows, words = shown(report), report.words
    table = Table(
        (
            Column("", right=True),
            Column(words.cause.one),
            Column("probability"),
            Column("before", right=True),
            Column("gain", right=True),
            Column("explains", right=True),
            Column("what speaks for it", wide=True),
        ),
        tuple(
            (
                "given" if row.given else f"{row.rank}.",
                row.label,
                Bar(row.posterior, percent(row.posterior), row.prior),
                percent(row.prior),
                _bits(row.gain),
                _number(row.explains),
                _speaks(row),
            )
            for row in rows
        ),
    )
    blocks: list[Block] = [table]
    rest = [row for row in report.rows if row not in rows]
    if rest:
        most = max(row.posterior for row in rest)
        blocks.append(
            Paragraph(
                f"{len(rest)} more {words.cause.of(len(rest))}: at most {percent(most)} each."
            )
        )
    blocks.append(
        Paragraph(
            f"Probability that the {words.cause.one} is present, with these answers and before "
            f"any; several {words.cause.many} may be present at once. Gain: how much the answers "
            f"tell about the {words.cause.one}, in bits, negative when they speak against it; the "
            f"order of the rows. Explains: how many of the reported {words.finding.many} it is "
            f"expected to have produced."
        )
    )
    return Section("What your answers point to", tuple(blocks))


def shown(report: Report) -> tuple[CauseRow, ...]:
    """The rows of the table: the first by gain, the most probable and what the record gives."""
    probable = sorted(report.rows, key=lambda row: -row.posterior)[:PROBABLE]
    result = []
    for row in report.rows:
        place = row.rank or 0
        if place <= FEWEST or (place <= ROWS and row.gain >= TOLD) or row in probable:
            result.append(row)
    return tuple(result)


def _speaks(row: CauseRow) -> str:
    if row.given:
        return "given by the answers" if row.present else "ruled out by the answers"
    names = [one.label for one in row.speaks]
    more = len(names) - REASONS
    if more > 0:
        names[REASONS:] = [f"{more} more"]
    return ", ".join(names)


def _none(report: Report) -> Section:
    """What the causes of the model leave open."""
    words, count = report.words, len({row.cause for row in report.rows})
    text = f"that none of the {count} {words.cause.many} is present."
    items = [Item(text, f"{percent(report.none_present)}:")]
    if not math.isnan(report.unexplained):
        text = f"that none of them produced the reported {words.finding.one} {report.complaint}."
        items.append(Item(text, f"{percent(report.unexplained)}:"))
    return Section("Probability of none of these", (Items(tuple(items)),))


def _steps(report: Report) -> Section | None:
    """What to do next: what the level of urgency advises, then the options."""
    blocks: list[Block] = []
    level = report.urgent.level(report.urgent.urgency) if report.urgent else None
    if level and level.advice:
        blocks.append(Paragraph(level.advice))
    if report.steps:
        blocks.append(Items(tuple(_step(one) for one in report.steps[:STEPS])))
    if report.steps[STEPS:]:
        blocks.append(Paragraph(f"{_listed(one.label for one in report.steps[STEPS:])}.", "Also:"))
    return Section(report.words.next_steps, tuple(blocks)) if blocks else None


def _step(step: Step) -> Item:
    notes = []
    if step.acts_on:
        names = list(step.acts_on[:REASONS])
        more = len(step.acts_on) - REASONS
        text = f"Acts on {_listed([*names, f'{more} more'] if more > 0 else names)}"
        text += f"; time: {step.time_scale}" if step.time_scale else ""
        text += f"; evidence: {step.quality}" if step.quality else ""
        notes.append(f"{text}.")
    if step.caution:
        notes.append(
            f"{'Caution, because of your answers' if step.warn else 'Caution'}: {step.caution}"
        )
    return Item(step.advice, f"{step.label}{':' if step.advice else '.'}", tuple(notes))


def _answers(report: Report) -> Section:
    """What was answered, so that a printed report can be checked."""
    yes = [one.label for one in report.answered if one.present and one.state == "present"]
    no = [one.label for one in report.answered if one.state == "absent"]
    other = [
        f"{one.label}: {one.state}"
        for one in report.answered
        if one.state not in ("present", "absent")
    ]
    blocks = [
        Paragraph(f"{', '.join(labels)}.", lead)
        for lead, labels in (("Yes:", yes), ("No:", no), ("Other:", other))
        if labels
    ]
    if not blocks:
        blocks = [Paragraph("Nothing was answered; every number is the one before any answer.")]
    return Section("The answers", tuple(blocks))


def _bits(value: float) -> str:
    """A signed gain; what rounds to nothing is 0.

    >>> _bits(0.734), _bits(-0.04), _bits(0.001)
    ('+0.73', '-0.04', '0')
    """
    return f"{value:+.2f}" if abs(value) >= 0.005 else "0"


def _number(value: float) -> str:
    """An expected number of findings."""
    return f"{value:.1f}" if value >= 0.05 else "0"


def plural(word: str, count: int) -> str:
    """The word, with an s unless there is one."""
    return word if count == 1 else f"{word}s"


def _listed(words: Iterable[str]) -> str:
    """A list in a sentence; entries that hold commas are set apart by semicolons.

    >>> _listed(["a", "b", "c"]), _listed(["a, or b", "c"])
    ('a, b and c', 'a, or b; c')
    """
    *first, last = words
    if any("," in word for word in (*first, last)):
        return "; ".join([*first, last])
    return f"{', '.join(first)} and {last}" if first else last
