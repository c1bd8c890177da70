"""Words of a model: levels, disclaimer and nouns are those of its file, and of no other field."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.api import Model
from twitchnet.cli.main import main
from twitchnet.diagnosis.report.facts import Report
from twitchnet.diagnosis.report.wording import page_of
from twitchnet.errors import ModelError
from twitchnet.io.model_file.reader import parse_network
from twitchnet.io.model_file.writer import format_network
from twitchnet.model.words import GENERIC, Noun, Words
from twitchnet.show.html import html
from twitchnet.show.page import Page
from twitchnet.show.text import text

GOLDEN = Path(__file__).parent / "golden" / "twitchy_legs_urgency.txt"

LEVELS: dict[str, dict[str, object]] = {
    "self_care": {"leg_twitching": True, "intense_exercise": True},
    "routine": {"leg_twitching": True, "numbness": True, "age_band": "65+"},
    "soon": {"leg_twitching": True, "muscle_weakness": True},
    "emergency": {"leg_twitching": True, "saddle_numbness": True, "numbness": True},
}
"""One record for each level of ``twitchy_legs``; the middle two have rules that wait."""


def shown_of(report: Report) -> str:
    """What a report says in the words of its model: the urgency, the advice, the end."""
    page = page_of(report)
    kept = [page.sections[0], *[one for one in page.sections if one.heading == "What to do next"]]
    return text(Page("", tuple(kept), "", page.footer))


def test_twitchy_legs_speaks_as_it_did_when_its_words_were_in_the_code() -> None:
    """The golden file was written by the version before the words moved to the model file."""
    model = tn.load("twitchy_legs")
    found = [f"## {level}\n\n{shown_of(model.diagnose(r).report)}" for level, r in LEVELS.items()]
    assert "\n".join(found) == GOLDEN.read_text(encoding="utf-8")
    for level, record in LEVELS.items():
        assert model.diagnose(record).triage.urgency == level


def test_colours_of_twitchy_legs() -> None:
    model = tn.load("twitchy_legs")
    tones = ("calm", "notice", "warning", "alarm")
    for tone, record in zip(tones, LEVELS.values(), strict=True):
        page = page_of(model.diagnose(record).report)
        assert page.sections[0].tone == tone
        assert f"tn-{tone}" in html(Page("", page.sections[:1]))


def test_twitchy_legs_says_on_every_page_that_it_is_no_medical_device() -> None:
    model = tn.load("twitchy_legs")
    sentence = "An educational instrument, not a medical device: it does not replace a clinician."
    dx = model.diagnose(LEVELS["soon"])
    pages = (dx, dx.explain("benign_fasciculation"), dx.next_questions(), dx.benefits(),
             dx.what_if({"numbness": True}), dx.sensitivity("benign_fasciculation"),
             dx.combinations(), model.diff(model))  # fmt: skip
    for page in pages:
        assert str(page).rstrip().endswith(sentence), type(page)
    assert model.card().rstrip().endswith(f"*{sentence}*")
    assert dx.to_dict()["disclaimer"] == sentence


LAMP = """
twitchnet: 1
name: lamp
version: "1"
title: A lamp that does not light
disclaimer: Pull the plug first.
words: {complaint: fault, cause: [defect, defects], finding: sign, context: circumstance}
levels:
  later: {label: later, sentence: "Later: when there is time", colour: calm}
  unplug:
    label: unplug
    sentence: "Unplug: pull the plug now"
    colour: alarm
    could: mean that the plug has to be pulled
    advice: Pull the plug before anything else.
    no_options: nothing is tried on a lamp under current
complaint: dark
contexts:
  old: {label: Old lamp, question: "Is the lamp old?"}
causes:
  bulb: {label: Broken bulb}
  cable: {label: Loose cable, care: {level: unplug, above: .9}}
findings:
  dark: {label: Dark, question: "Is it dark?"}
  flicker: {label: Flicker, question: "Does it flicker?"}
  spark: {label: Spark, question: "Does it spark?", red_flag: guidance, urgency: unplug}
screens:
  wet: {label: Wet, question: "Is it wet?"}
mechanisms:
  old: {table: .3}
  bulb: {leak: .1, links: {old: .4}}
  cable: {leak: .05}
  dark: {leak: .01, links: {bulb: .95, cable: .6}}
  flicker: {leak: .02, links: {cable: .7}}
  spark: {leak: .001, links: {cable: .2}}
rules:
  R1: {when: spark, urgency: unplug, reason: Sparks burn.}
  R2: {when: flicker & wet, urgency: unplug, reason: Water conducts.}
  R0: {default: true, urgency: later, reason: A dark lamp hurts nobody.}
options:
  new_bulb: {label: Put in a new bulb, effects: [{cause: bulb, factor: .02, range: [.01, .1]}]}
  call: {label: Call an electrician, expert: true}
"""

SWITCH = """
twitchnet: 1
name: switch
version: "1"
complaint: dead
causes:
  port: {label: Broken port}
findings:
  dead: {label: Dead link, question: "Is the link dead?"}
  smoke: {label: Smoke, question: "Does it smoke?", red_flag: guidance}
mechanisms:
  port: {leak: .1}
  dead: {leak: .02, links: {port: .9}}
  smoke: {leak: .001, links: {port: .01}}
options:
  swap: {label: Use another port, effects: [{cause: port, factor: .1, range: [.05, .2]}]}
"""

MEDICAL = (
    "clinic|medic|doctor|physician|nurse|hospital|patient|symptom|disease|illness|health|"
    "diagnosed|treatment|therap|emergenc|self.care|routine|home measures|appointment|weeks|"
    "icd.?10|complain|at home|be seen|person"
)
"""Parts of words that belong to medicine."""


def medical(shown: str) -> list[str]:
    return re.findall(MEDICAL, shown, flags=re.I)


@pytest.fixture(scope="module")
def lamp() -> Model:
    return Model(parse_network(LAMP))


RECORDS: tuple[dict[str, object], ...] = (
    {},
    {"dark": True},
    {"dark": True, "flicker": True},
    {"dark": False, "old": True},
    {"spark": True, "dark": True, "flicker": False},
)


@pytest.mark.parametrize("source", [LAMP, SWITCH], ids=["lamp", "switch"])
def test_a_model_of_another_field_holds_no_medical_word(source: str) -> None:
    model = Model(parse_network(source))
    cause = model.network.names("cause")[0]
    known = model.network.by_name
    change = "dark" if "dark" in known else "smoke"
    shown = [model.card()]
    for whole in RECORDS:
        record = {name: state for name, state in whole.items() if name in known}
        dx = model.diagnose(record)
        results = (dx.explain(cause), dx.next_questions(), dx.next_questions(about="urgency"),
                   dx.benefits(), dx.what_if({change: True}),
                   dx.sensitivity(cause), dx.combinations(),
                   dx.conflict(), model.diff(model))  # fmt: skip
        if any(one.low < one.high for one in model.network.parameters):
            results += (dx.uncertainty(5, rng=1),)  # type: ignore[assignment]
        for result in (dx, *results):
            shown += [str(result), result._repr_html_()]
        shown += [
            json.dumps(dx.to_dict()),
            repr(dx.triage),
            repr(dx.management),
            repr(dx.benefits()),
        ]
    assert medical("\n".join(shown)) == []


@pytest.mark.parametrize("source", [LAMP, SWITCH], ids=["lamp", "switch"])
def test_the_command_line_holds_no_medical_word(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(source, encoding="utf-8")
    first = "dark" if source is LAMP else "dead"
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\nhelp\nshow\nyes\nstop\n"))
    file = str(path)
    for command in (
        ["rank", "-m", file, first],
        ["rank", "-m", file, first, "--json"],
        ["rank", "-m", file, first, "--top", "1"],
        ["check", file],
        ["card", file],
        ["ask", file],
        ["next", file, first],
        ["explain", file, first],
        ["what-if", file, first],
    ):
        monkeypatch.setattr("sys.argv", ["twitchnet", *command])
        with contextlib.suppress(SystemExit):
            main()
    seen = capsys.readouterr()
    assert medical((seen.out + seen.err).replace(file, "")) == []
    assert seen.out


def test_a_batch_holds_the_levels_of_the_model(lamp: Model) -> None:
    frame = {"dark": ["yes", "yes"], "spark": ["no", "yes"]}
    columns = lamp.score(frame)
    assert list(columns["urgency"]) == ["later", "unplug"]
    assert list(columns["red_flags"]) == ["", "spark"]
    assert medical(" ".join(columns)) == []


def test_a_model_without_triage_has_no_urgency_and_shows_its_red_flags() -> None:
    model = Model(parse_network(SWITCH))
    dx = model.diagnose(smoke=True)
    assert dx.triage.urgency == ""
    assert dx.to_dict()["urgency"] is None
    section = page_of(dx.report).sections[0]
    assert (section.heading, section.tone) == ("Red flags", "warning")
    assert "Smoke" in text(Page("", (section,)))
    assert page_of(model.diagnose(dead=True).report).sections[0].heading == "What fits best"
    columns = model.score({"smoke": ["yes", "no"]})
    assert list(columns["urgency"]) == [None, None]
    assert list(columns["red_flags"]) == ["smoke", ""]


def test_the_lamp_speaks_its_own_words(lamp: Model) -> None:
    shown = str(lamp.diagnose(dark=True, flicker=True))
    for part in (
        "Later: when there is time",
        "Could mean that the plug has to be pulled, depending on Wet: Water conducts.",
        "Probability that the defect is present",
        "of the 2 reported signs",
        "Pull the plug first.",
    ):
        assert part in " ".join(shown.split())
    sparks = lamp.diagnose(dark=True, spark=True)
    shown = str(sparks)
    assert "Unplug: pull the plug now" in shown
    assert "Pull the plug before anything else." in shown
    assert "Call an electrician" in shown
    assert "Put in a new bulb" not in shown
    assert "nothing is tried on a lamp under current" in str(sparks.benefits())
    assert "that the fault would be gone" in str(lamp.diagnose(dark=True).benefits())


def test_an_absent_finding_never_lowers_the_level(lamp: Model) -> None:
    network = lamp.network
    for record in RECORDS:
        before = network.level_of(lamp.diagnose(record).triage.urgency)
        for name in network.names("finding"):
            if name not in record:
                after = lamp.diagnose({**record, name: False}).triage.urgency
                assert network.level_of(after) >= before


def test_words_and_levels_are_written_back_and_leave_the_fingerprint(lamp: Model) -> None:
    network = lamp.network
    again = parse_network(format_network(network))
    assert (again.words, again.levels) == (network.words, network.levels)
    assert network.words.cause == Noun("defect", "defects")
    assert network.words.finding == Noun("sign", "signs")
    legs = tn.load("twitchy_legs").network
    again = parse_network(format_network(legs))
    assert (again.words, again.levels) == (legs.words, legs.levels)
    bare = replace(network, words=Words(), levels=())
    assert bare.fingerprint == network.fingerprint


def test_a_model_that_uses_levels_and_declares_none_has_the_generic_ones() -> None:
    rules = "rules: {A: {when: dead, urgency: soon, reason: r}}\n"
    network = parse_network(SWITCH + rules)
    assert network.levels == ()
    assert network.triage_levels == GENERIC
    assert Model(network).diagnose(dead=True).triage.urgency == "soon"
    assert parse_network(SWITCH).triage_levels == ()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("when: spark, urgency: unplug", "when: spark, urgency: unplugg",
         r"TN123 rules\.R1\.urgency: one of later, unplug is expected.*did you mean 'unplug'"),
        ("when: spark, urgency: unplug", "when: spark, urgency: soon",
         r"TN123 rules\.R1\.urgency: one of later, unplug is expected"),
        ("level: unplug", "level: unplg", r"TN123 causes\.cable\.care\.level: .*'unplug'"),
        ("guidance, urgency: unplug", "guidance, urgency: latr",
         r"TN123 findings\.spark\.urgency: .*'later'"),
        ("colour: alarm", "colour: alrm", r"TN123 levels\.unplug\.colour: .*'alarm'"),
        ("colour: alarm", "color: alarm", r"TN120 levels\.unplug\.color: .*'colour'"),
        ("{complaint: fault,", "{complaynt: fault,", r"TN120 words\.complaynt: .*'complaint'"),
        ("[defect, defects]", "[a, b, c]", r"TN122 words\.cause: \[singular, plural\]"),
        ("[defect, defects]", "[]", r"TN122 words\.cause: \[singular, plural\]"),
        ("complaint: fault,", "complaint: " + "x" * 61 + ",",
         r"TN122 words\.complaint.*61 characters; 60 are allowed"),
        ("label: later, ", "", r"TN121 levels\.later: the key 'label' is missing"),
        ("disclaimer: Pull the plug first.", "disclaimer: " + "x" * 2001,
         r"TN122 disclaimer: the text has 2001 characters; 2000 are allowed"),
        ("levels:\n", "levels:\n" + "".join(
            f"  l{i}: {{label: l, sentence: s}}\n" for i in range(19)),
         r"TN148 levels: 21 levels, at most 20 are allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_words_is_said_at_its_line(old: str, new: str, problem: str) -> None:
    assert LAMP.count(old) == 1
    with pytest.raises(ModelError) as caught:
        parse_network(LAMP.replace(old, new))
    found = [str(one) for one in caught.value.problems]
    assert len(found) == 1, found
    assert re.search(problem, found[0]), found
    assert caught.value.problems[0].line > 0


@pytest.mark.parametrize(
    ("old", "new"),
    [("  unplug:\n    label", "  unplug: 5\n  other:\n    label"), ("levels:\n", "level:\n")],
)
def test_a_level_that_cannot_be_read_is_not_missed_where_it_is_used(old: str, new: str) -> None:
    assert LAMP.count(old) == 1
    with pytest.raises(ModelError) as caught:
        parse_network(LAMP.replace(old, new))
    assert [one.code for one in caught.value.problems] in (["TN122"], ["TN120"])


def test_the_text_of_a_level_is_never_markup() -> None:
    hostile = "<script>alert(1)</script> \x1b[31m"
    network = parse_network(LAMP)
    levels = tuple(
        replace(one, sentence=hostile, label=hostile, advice=hostile) for one in network.levels
    )
    words = replace(network.words, disclaimer=hostile, cause=Noun(hostile, hostile))
    dx = Model(replace(network, levels=levels, words=words)).diagnose(spark=True)
    assert "<script" not in dx._repr_html_()
    assert "\x1b" not in str(dx)
