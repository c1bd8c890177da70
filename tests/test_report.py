"""Reports: the same facts as text, HTML and Markdown, red flags first, nobody's text is markup."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from twitchnet.api import Model
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.report.facts import Flag, Report, Urgent
from twitchnet.diagnosis.report.wording import page_of, percent
from twitchnet.io.model_file.reader import parse_network
from twitchnet.model.words import GENERIC, Level
from twitchnet.show import html as html_module
from twitchnet.show.html import DARK_PLACES, LIGHT_PLACES, PALETTE, STYLE, TONES, document
from twitchnet.show.markdown import markdown
from twitchnet.show.page import Bar, Column, Item, Items, Page, Paragraph, Section, Table
from twitchnet.show.terminal import coloured, drawable, echo, painted
from twitchnet.show.text import Line, bar, lines, text

PUMP = """
twitchnet: 1
name: pump
version: 0.3.0
title: What ails the pump
reviewed: No engineer has reviewed this model.
disclaimer: A pump is not a toy.
complaint: noise
contexts:
  load: {label: Load, states: [low, high], question: "How heavy is the load?"}
causes:
  bearing: {label: Worn bearing, description: A bearing that runs dry.}
  cavitation: {label: Cavitation, question: "Does it cavitate?"}
  dust: {label: Dust, question: "Is it dusty?"}
findings:
  noise: {label: Noise, question: "Is it loud?"}
  heat: {label: Heat, red_flag: guidance, urgency: soon, always_ask: true}
  smoke: {label: Smoke, red_flag: guidance, urgency: emergency, always_ask: true}
  smell: {label: Smell, question: "Does it smell?"}
screens:
  sparks: {label: Sparks, question: "Do you see sparks?", ask_if: heat}
mechanisms:
  load: {table: {p: {low: .7, high: .3}, fixed: true}}
  bearing: {leak: .02, links: {load=high: .10}}
  cavitation: {leak: .05}
  dust: {leak: .60}
  noise: {leak: .05, links: {bearing: .8, cavitation: .6, dust: .05}}
  heat: {leak: .01, links: {bearing: .5}}
  smoke: {leak: .0001, links: {bearing: .0002}}
  smell: {leak: .20}
rules:
  P1: {when: smoke, urgency: emergency, reason: Smoke comes before fire.}
  P2: {when: heat, urgency: soon, reason: Heat wears it out., follow_up: Let it cool down.}
  P3: {when: heat & sparks, urgency: emergency, reason: Sparks near heat burn.}
  P4: {when: noise & heat, urgency: routine, reason: Loud and hot is worn.}
  P0: {default: true, urgency: self_care, reason: Pumps hum.}
watches:
  cavitation: {above: 0.9, urgency: soon, reason: It eats itself.}
options:
  look: {label: Have it looked at, advice: Call the workshop., clinician: true}
  grease:
    label: Grease it
    advice: Use the right grease.
    caution: Not while it runs.
    time_scale: hours
    effects: [{cause: bearing, factor: .5, range: [.3, .8], quality: low}]
"""

HOSTILE = "<script>alert(1)</script> \"q\" 'a' &amp; <b>x</b> `c` |p| \x1b[31m _u_"

RECORDS: dict[str, dict[str, object]] = {
    "nothing": {},
    "context": {"load": "high"},
    "quiet": {"noise": True},
    "hot": {"noise": True, "heat": True, "load": "high", "smell": True},
    "fire": {"smoke": True, "noise": False, "heat": False},
    "known": {"noise": True, "dust": True, "cavitation": False},
    "unsure": {"noise": tn.Likelihood({"present": 0.7, "absent": 0.2}), "smell": True},
}


@pytest.fixture(scope="module")
def pump() -> Model:
    return Model(parse_network(PUMP))


@pytest.fixture(scope="module")
def legs() -> tn.Diagnosis:
    record = {"leg_twitching": True, "urge_to_move": True, "worse_at_night": True, "fatigue": True}
    more = {"caffeine_intake": "high", "progression": "hours_days", "persistent_pain": True}
    return tn.load("twitchy_legs").diagnose({**record, **more})


class Seen(HTMLParser):
    """What a reader of HTML sees, and the tags and attributes that make it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.unseen = 0
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.unseen += tag == "style"
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag == "style"
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.words.append(data)


def words(source: str) -> Counter[str]:
    """Words, without what is drawn: bars, rules, bullets and marks."""
    source = re.sub(r"[█▏▎▍▌▋▊▉─]", " ", source)
    found = Counter(source.split())
    for mark in ("-", "!", "!!"):
        del found[mark]
    return found


def facts(value: object) -> Iterator[str]:
    """Every string of a page, but the names of tones."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from facts(item)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name != "tone":
                yield from facts(getattr(value, field.name))


@pytest.mark.parametrize("name", RECORDS)
def test_text_html_and_markdown_show_the_same_facts(pump: Model, name: str) -> None:
    dx = pump.diagnose(RECORDS[name])
    page = page_of(dx.report)
    expected = words(" ".join(facts(page)))
    assert sum(expected.values()) > 60
    assert words(str(dx)) == expected
    assert words(text(page, 60)) == expected
    assert words("".join(Seen(dx._repr_html_()).words)) == expected
    plain = re.sub(
        r"\\(.)", r"\1", re.sub(r"^#+ |\*\*|^\*|\*$|\||---:?", " ", markdown(page), flags=re.M)
    )
    assert words(plain) == expected


def test_the_shipped_model_too(legs: tn.Diagnosis) -> None:
    expected = words(" ".join(facts(page_of(legs.report))))
    assert words(str(legs)) == expected
    assert words("".join(Seen(legs._repr_html_()).words)) == expected
    assert max(map(len, str(legs).splitlines())) <= 100
    assert "hours_days" not in str(legs)


def hostile_model() -> Model:
    """The pump with every text of the file replaced."""
    network = parse_network(PUMP)
    texts = {"label": HOSTILE, "question": HOSTILE, "description": HOSTILE}
    return Model(
        replace(
            network,
            title=HOSTILE,
            reviewed=HOSTILE,
            variables=tuple(replace(v, **texts) for v in network.variables),
            rules=tuple(replace(r, reason=HOSTILE, follow_up=HOSTILE) for r in network.rules),
            options=tuple(
                replace(o, label=HOSTILE, advice=HOSTILE, caution=HOSTILE, time_scale=HOSTILE)
                for o in network.options
            ),
        )
    )


@pytest.mark.parametrize("name", ["hot", "fire"])
def test_text_of_a_model_is_never_markup(name: str) -> None:
    dx = hostile_model().diagnose(RECORDS[name])
    seen = Seen(document(page_of(dx.report)))
    assert seen.tags <= {
        "html", "head", "meta", "title", "body", "style", "div", "h3", "h4", "p", "section",
        "strong", "ul", "li", "span", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert seen.attributes <= {
        "lang", "charset", "name", "content", "class", "scope", "style", "aria-hidden",
    }  # fmt: skip
    assert "<script>alert(1)</script>" in "".join(seen.words)
    assert "\x1b" not in str(dx)
    assert "<script" not in markdown(page_of(dx.report)).replace("\\<script", "")


@pytest.mark.parametrize("name", RECORDS)
def test_urgency_and_red_flags_come_first(pump: Model, name: str) -> None:
    dx = pump.diagnose(RECORDS[name])
    first = page_of(dx.report).sections[0]
    assert (
        first.heading.partition(":")[0]
        in {
            "nothing": "No hurry, as far as was asked",
            "context": "No hurry, as far as was asked",
            "quiet": "No hurry, as far as was asked",
            "hot": "Soon",
            "fire": "Emergency",
            "known": "No hurry, as far as was asked",
            "unsure": "No hurry, as far as was asked",
        }[name]
    )
    flags = {"hot": "Heat.", "fire": "Smoke."}.get(name, "none reported.")
    assert first.blocks[0] == Paragraph(flags, "Red flags:")


def test_a_red_flag_leads_although_no_cause_fits_it(pump: Model) -> None:
    dx = pump.diagnose(smoke=True)
    assert dx.posterior["bearing"] < 0.15 < dx.posterior["dust"]
    shown = str(dx)
    assert shown.index("Red flags: Smoke.") < shown.index("Smoke comes before fire.")
    assert shown.index("Smoke comes before fire.") < shown.index("Dust")
    assert "Act now, before anything else is tried." in shown
    assert "Grease it" not in shown


@pytest.mark.parametrize("level", GENERIC, ids=lambda level: level.name)
def test_every_level_has_its_words_and_tone(pump: Model, level: Level) -> None:
    flag = Flag("X1", level.name, "A reason of its own.", ("Heat",), "And then?")
    urgent = Urgent(level.name, (flag,), ("Heat",), (), ())
    page = page_of(replace(pump.diagnose().report, urgent=urgent))
    section = page.sections[0]
    assert section.heading == level.sentence
    assert section.tone == level.colour in TONES
    shown = text(Page("", (section,)))
    for words_of in ("A reason of its own.", "And then?", "Rule X1, because of Heat"):
        assert words_of in shown


def test_what_could_raise_the_urgency_is_said(pump: Model) -> None:
    hot = str(pump.diagnose(heat=True, smoke=False))
    assert "Could be an emergency, depending on Sparks: Sparks near heat burn." in hot
    assert "Sparks near heat" not in str(pump.diagnose(heat=True, smoke=False, sparks=False))


def test_open_safety_questions_are_named_until_they_are_answered(pump: Model) -> None:
    assert pump.diagnose(noise=True).report.urgent.unasked == ("Heat", "Smoke")  # type: ignore[union-attr]
    answered = pump.diagnose(noise=True, heat=False, smoke=False)
    assert answered.report.urgent.unasked == ()  # type: ignore[union-attr]
    assert page_of(answered.report).sections[0].heading == GENERIC[0].sentence


def test_a_watch_is_told_without_the_name_of_its_cause(legs: tn.Diagnosis) -> None:
    urgent = legs.report.urgent
    assert urgent is not None
    watch = Flag(
        "motor_neurone_disease", "soon", "Be seen.", ("Motor neurone disease",), watch=True
    )
    page = page_of(replace(legs.report, urgent=replace(urgent, flags=(watch,))))
    shown = text(Page("", page.sections[:1]))
    assert "Be seen." in shown
    assert "otor" not in shown


def test_the_leader_is_the_cause_that_the_answers_point_to(pump: Model) -> None:
    report = pump.diagnose(noise=True).report
    assert report.leader is not None
    leader, probable = report.leader, max(report.rows, key=lambda row: row.posterior)
    assert (leader.cause, report.rows[0].cause, probable.cause) == ("bearing", "bearing", "dust")
    assert leader.gain == max(row.gain for row in report.rows)
    shown = text(page_of(report))
    fit = shown[shown.index("What fits best") : shown.index("What your answers point to")]
    assert fit.index("Worn bearing accounts for") < fit.index("Dust is more probable")
    assert percent(leader.posterior).replace("\xa0", " ") in fit
    assert percent(probable.posterior).replace("\xa0", " ") in fit


def test_a_rare_leader_is_called_improbable(pump: Model) -> None:
    report = pump.diagnose(noise=True).report
    assert report.leader is not None
    rare = replace(report.leader, posterior=0.02, prior=0.001)
    shown = " ".join(text(page_of(replace(report, leader=rare))).split())
    assert "It is 20 times as probable as before any answer (0.1 %), but still improbable" in shown


def test_speaks_for_and_leaves_open(pump: Model) -> None:
    dx = pump.diagnose(RECORDS["hot"])
    leader = dx.report.leader
    assert leader is not None
    assert leader.cause == "bearing"
    accounts = {r.name: r.share for r in leader.speaks if r.kind == "accounts"}
    assert accounts == {
        finding: dx.beliefs.responsibility["bearing", finding] for finding in ("noise", "heat")
    }
    assert [r.label for r in leader.speaks if r.kind == "brings"] == ["Load: high"]
    assert [one.label for one in dx.report.unaccounted] == ["Smell"]
    assert math.isclose(sum(accounts.values()), leader.explains)


def test_a_low_context_brings_nothing(pump: Model) -> None:
    rows = {row.cause: row for row in pump.diagnose(load="low").report.rows}
    assert rows["bearing"].speaks == ()


def test_known_causes_are_shown_as_given(pump: Model) -> None:
    report = pump.diagnose(RECORDS["known"]).report
    rows = {row.cause: row for row in report.rows}
    assert (rows["dust"].rank, rows["dust"].present, rows["dust"].given) == (None, True, True)
    assert (rows["cavitation"].present, rows["cavitation"].given) == (False, True)
    shown = text(page_of(report))
    assert "given by the answers" in shown
    assert "ruled out by the answers" in shown


def test_none_of_these_has_both_numbers(pump: Model) -> None:
    dx = pump.diagnose(noise=True)
    section = next(s for s in page_of(dx.report).sections if s.heading.endswith("none of these"))
    assert isinstance(section.blocks[0], Items)
    leads = [item.lead for item in section.blocks[0].items]
    assert leads == [f"{percent(dx.none_present)}:", f"{percent(dx.unexplained)}:"]
    assert math.isnan(pump.diagnose(noise=False).report.unexplained)


def test_steps_follow_the_management(pump: Model) -> None:
    dx = pump.diagnose(RECORDS["hot"])
    assert [step.label for step in dx.report.steps] == ["Have it looked at", "Grease it"]
    shown = str(dx)
    for part in ("Use the right grease.", "Acts on Worn bearing; time: hours; evidence: low.",
                 "Caution: Not while it runs."):  # fmt: skip
        assert part in shown


def test_a_report_says_what_it_is(pump: Model) -> None:
    shown = str(pump.diagnose(noise=True))
    assert shown.splitlines()[-1] == "A pump is not a toy."
    assert pump.version in shown.splitlines()[1]
    assert pump.fingerprint[:12] in shown.splitlines()[1]
    assert "No engineer has reviewed this model." in shown


def test_every_field_of_a_row_is_in_the_data(pump: Model) -> None:
    dx = pump.diagnose(noise=True)
    names = {field.name for field in fields(tn.RankedCause)}
    assert set(dx.to_dict()["ranking"][0]) == names
    assert set(dx.to_frame().columns) == names


def test_a_model_without_rules_has_no_urgency(pump: Model) -> None:
    bare = Model(replace(pump.network, rules=(), watches=(), options=()))
    report: Report = bare.diagnose(noise=True).report
    assert report.urgent is None
    assert page_of(report).sections[0].heading == "What fits best"


def test_a_report_costs_one_pass_more(pump: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    monkeypatch.setattr("twitchnet.engine.host.readiness.is_ready", lambda: False)

    def count(name: str) -> None:
        original = vars(Inference)[name]

        def counted(self: Inference, *args: object) -> object:
            calls[name] += 1
            return original(self, *args)

        monkeypatch.setattr(Inference, name, counted)

    count("beliefs")
    count("log_evidence")
    pump.diagnose()  # the prior is computed once per model
    str(pump.diagnose(noise=True))
    calls.clear()
    dx = pump.diagnose(noise=True, heat=True)
    str(dx), dx._repr_html_(), dx.report
    assert calls == {"beliefs": 1, "log_evidence": 1}


@given(st.floats(0.0, 1.0))
def test_a_percentage_is_never_rounded_to_certainty(share: float) -> None:
    shown = percent(share).replace("\xa0", " ")
    assert (shown == "0 %") == (share == 0.0)
    assert (shown == "100 %") == (share == 1.0)
    number = float(re.sub(r"[<>% ]", "", shown))
    assert abs(number - 100 * share) <= (1.0 if ">" in shown else 0.501)


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.1, section 1.4.3)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [("ink", "ground", 7.0), ("faint", "ground", 4.5), ("bar", "track", 3.0)]
    + [(f"{tone}-ink", f"{tone}-ground", 4.5) for tone in TONES],
)
def test_colours_can_be_read(theme: int, ink: str, ground: str, least: float) -> None:
    pair = sorted(luminance(PALETTE[name][theme]) + 0.05 for name in (ink, ground))
    assert pair[1] / pair[0] >= least


def test_light_and_dark_follow_the_reader_and_the_theme() -> None:
    light, dark = (html_module._palette(theme) for theme in (0, 1))
    assert f".tn-page{{{light}}}" in STYLE
    assert f"@media (prefers-color-scheme:dark){{.tn-page{{{dark}}}}}" in STYLE
    after = STYLE.index("@media (prefers-color-scheme")
    for places, colours in ((LIGHT_PLACES, light), (DARK_PLACES, dark)):
        rule = f"{','.join(f'{place} .tn-page' for place in places)}{{{colours}}}"
        assert STYLE.index(rule) > after
    used = set(re.findall(r"var\(--tn-([a-z-]+)\)", STYLE))
    assert used == set(PALETTE)


def test_html_is_the_same_bytes_and_has_no_ids(pump: Model) -> None:
    one, other = (Model(parse_network(PUMP)).diagnose(RECORDS["hot"]) for _ in range(2))
    assert one._repr_html_() == other._repr_html_()
    seen = Seen(one._repr_html_())
    assert "id" not in seen.attributes
    assert not seen.tags & {"script", "link", "img"}
    assert "http" not in one._repr_html_()


TABLE = Table(
    (Column("", right=True), Column("cause"), Column("p"), Column("why", wide=True)),
    (("1.", "rust", Bar(0.5, "50 %"), "one two three four five six seven eight nine ten"),),
)


def test_a_wide_column_stands_beside_or_below() -> None:
    page = Page("", (Section("", (TABLE,)),))
    beside = text(page, 80).splitlines()
    assert beside[0].split() == ["cause", "p", "why"]
    assert beside[1].startswith("  1.  rust   ██████       50 %  one two")
    below = text(page, 40).splitlines()
    assert below[0].split() == ["cause", "p"]
    assert below[1].strip() == "why"
    assert below[3].startswith("      one two")
    assert max(map(len, below)) <= 40


def test_text_can_do_without_anything_but_ascii(pump: Model) -> None:
    shown = text(page_of(pump.diagnose(RECORDS["hot"]).report), plain=True)
    assert shown.isascii()
    assert "####" in shown


@given(st.floats(allow_nan=False), st.integers(1, 30))
def test_a_bar_has_its_width(share: float, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) == len(bar(share, width, plain=True)) == width
    assert (drawn == "█" * width) >= (share >= 1)


def test_a_row_needs_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table((Column("a"),), (("x", "y"),))


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


LOUD = Page("T", (Section("Now", (Items((Item("a", "b", ("c",)),)),), "alarm"),))


def test_colours_are_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    file, screen = io.StringIO(), Screen()
    echo(LOUD, file)
    echo(LOUD, screen)
    assert file.getvalue() == text(LOUD) + "\n"
    assert "\x1b[31;1m!! Now" in screen.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).split() == file.getvalue().split()
    assert not coloured(screen, {"NO_COLOR": "1"})
    assert not coloured(screen, {"TERM": "dumb"})


def test_a_stream_that_cannot_draw_gets_ascii() -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    assert not drawable(narrow)
    echo(Page("", (Section("Now", (TABLE,)),)), narrow)
    narrow.seek(0)
    assert narrow.read().isascii()


def test_every_line_has_a_role() -> None:
    roles = [line.role for line in lines(LOUD)]
    assert roles == ["title", "body", "heading", "body", "faint"]
    assert painted(Line("", "heading", "alarm")) == ""
