"""Every assertion of the article is encoded, and a broken reference is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import twitchnet as tn
from twitchnet.cli.main import app
from twitchnet.model.care import CoverageItem
from twitchnet.model.checks.coverage import Coverage, coverage, strength, unresolved

MODEL = tn.load("twitchy_legs")
NETWORK = MODEL.network
ITEMS = {item.number: item for item in NETWORK.coverage}

# Mechanism or framing that nothing can compute: the only assertions in words alone, with
# words that the text must hold.
TEXT_ONLY = {
    13: "nerve signals go on firing",
    18: "Magnesium helps muscles to relax and nerves to work",
    20: "Potassium keeps the electrical activity of muscles right",
    22: "Calcium is needed for muscles to contract and relax",
    47: "salts (electrolytes) that muscles need to work",
    115: "gain comfort and mobility",
}
# Partly framing: they have an object and need words too.
IN_WORDS_TOO = {
    4: "treating it lessens or ends the twitching",
    60: "nerves that are on alert react to less",
    66: "raise the activity of nerves and the excitability of muscles",
    73: "changes how nerves and muscles signal",
    89: "can rule out serious conditions",
    94: "Tight clothes restrict circulation",
    100: "bananas",
    102: "hot weather and after activity",
    103: "Deep breathing, meditation or yoga lower muscle tension",
}


def words_of(number: int) -> str:
    """Every text that an assertion's references point to."""
    found = []
    for target in ITEMS[number].targets:
        kind, _, rest = target.partition(":")
        place, _, name = rest.partition(".")
        if kind == "text" and place == "option":
            found += [option.advice for option in NETWORK.options if option.name == name]
        elif kind == "text" and place == "variable":
            found.append(NETWORK.by_name[name].description)
        elif kind == "text":
            found += [rule.reason for rule in NETWORK.rules if rule.name == name]
    return "\n".join(found)


# -- the twitchy-legs model -----------------------------------------------------------


def test_every_assertion_of_the_article_is_encoded() -> None:
    found = coverage(NETWORK)
    assert found.broken == {}
    assert sorted(ITEMS) == list(range(1, 116))
    assert found.duplicates == (7, 112, 113)
    assert (found.total, found.distinct) == (115, 112)
    assert set(found.text_only) == set(TEXT_ONLY)
    assert len(found.encoded) == 106
    assert str(found) == ("115 assertions, 112 distinct: 106 encoded, 6 in words only, 0 broken")


@pytest.mark.parametrize("number", [*TEXT_ONLY, *IN_WORDS_TOO])
def test_the_words_say_it(number: int) -> None:
    assert {**TEXT_ONLY, **IN_WORDS_TOO}[number] in words_of(number)


@pytest.mark.parametrize(
    ("number", "answers"),
    [
        (13, {"intense_exercise": 1, "twitch_after_exercise": 1}),
        (
            18,
            {"heavy_alcohol": 1, "gut_malabsorption": 1, "twitch_elsewhere": 1, "muscle_cramp": 1},
        ),
        (
            20,
            {"heavy_alcohol": 1, "gut_malabsorption": 1, "twitch_elsewhere": 1, "muscle_cramp": 1},
        ),
        (
            22,
            {"heavy_alcohol": 1, "gut_malabsorption": 1, "twitch_elsewhere": 1, "muscle_cramp": 1},
        ),
        (47, {"low_fluid_intake": 1, "thirst": 1}),
        (115, {"prolonged_sitting": 1, "no_stretching": 1}),
    ],
)
def test_a_person_is_really_shown_the_words(number: int, answers: dict[str, object]) -> None:
    dx = MODEL.diagnose({"leg_twitching": 1, "age_band": "35-49", "sex": "female", **answers})
    shown = "\n".join(one.advice for one in dx.management.options)
    assert TEXT_ONLY[number] in shown


def test_only_mechanism_and_framing_are_in_words_alone() -> None:
    for number, item in ITEMS.items():
        assert item.assertion, number
        only_words = all(target.startswith("text:") for target in item.targets)
        assert only_words == (number in TEXT_ONLY), number


# -- references -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference",
    [
        "node:leg_twitching",
        "node:caffeine_intake=high",
        "screen:daily_impact",
        "link:intense_exercise->muscle_fatigue",
        "link:caffeine_intake=high->stimulant_excess",
        "link:muscle_fatigue->twitch_after_exercise",
        "link:age_band->diuretic_use",
        "link:age_band->nocturnal_leg_cramps",
        "no_link:intense_exercise->stress_anxiety",
        "group:restless_legs_syndrome=neurological",
        "rule:R22",
        "watch:cauda_equina_syndrome",
        "option:see_clinician",
        "option:comfortable_clothing->tight_clothing",
        "option:medication_review->potassium_deficiency",
        "text:variable.leg_twitching",
        "text:option.stretching",
        "text:rule.R01",
        "duplicate:2",
    ],
)
def test_a_reference_holds(reference: str) -> None:
    assert unresolved(NETWORK, reference) == ""


@pytest.mark.parametrize(
    ("reference", "flaw"),
    [
        ("leg_twitching", "is not a reference"),
        ("nodes:leg_twitching", "is not a reference"),
        ("node:leg_twiching", "did you mean 'leg_twitching'"),
        ("node:caffeine_intake=huge", "no state 'huge'"),
        ("node:daily_impact", "a screen question has no probability"),
        ("screen:leg_twitching", "no such screen question"),
        ("link:intense_exercise", "expected parent->child"),
        ("link:intense_exercise->muscle_fatige", "did you mean 'muscle_fatigue'"),
        ("link:intense_exercise->stress_anxiety", "no such link"),
        ("link:caffeine_intake=low->stimulant_excess", "the link never acts"),
        ("link:caffeine_intake=huge->stimulant_excess", "has no state 'huge'"),
        ("no_link:intense_exercise->muscle_fatigue", "there is a link"),
        ("no_link:intense_exercise->nothing", "no variable 'nothing'"),
        ("group:restless_legs_syndrome=muscle", "its group is 'neurological'"),
        ("group:restless_legs_syndrome", "expected a variable and its group"),
        ("rule:R99", "no such rule"),
        ("watch:muscle_fatigue", "no such watch"),
        ("option:run", "no such option"),
        ("option:stretching->hyperthyroidism", "does not act on 'hyperthyroidism'"),
        ("text:option.run", "there are no such words"),
        ("text:rule.R99", "there are no such words"),
        ("text:variable.nothing", "text stands in"),
        ("text:leg_twitching", "text stands in"),
        ("duplicate:999", "no such assertion"),
        ("duplicate:7", "it repeats a repetition"),
    ],
)
def test_a_broken_reference_says_why(reference: str, flaw: str) -> None:
    assert flaw in unresolved(NETWORK, reference)


def test_a_screen_that_nothing_reads_is_not_encoded() -> None:
    silent = replace(NETWORK, rules=(), options=())
    assert "no rule and no option" in unresolved(silent, "screen:daily_impact")


def test_words_that_are_empty_do_not_count() -> None:
    options = tuple(replace(option, advice=" ") for option in NETWORK.options)
    found = coverage(replace(NETWORK, options=options))
    assert set(TEXT_ONLY) & set(found.broken) == set(TEXT_ONLY)


@pytest.mark.parametrize("gone", ["R20", "R22", "R11"])
def test_a_rule_that_goes_is_missed(gone: str) -> None:
    rules = tuple(rule for rule in NETWORK.rules if rule.name != gone)
    found = coverage(replace(NETWORK, rules=rules))
    named = {n for n, item in ITEMS.items() if f"rule:{gone}" in item.targets}
    assert named
    assert named <= set(found.broken)


def test_the_four_kinds_of_assertion() -> None:
    items = (
        CoverageItem(1, "has a node", ("node:leg_twitching", "text:rule.R01")),
        CoverageItem(2, "words", ("text:rule.R01",), text_only=True),
        CoverageItem(3, "again", ("duplicate:1",)),
        CoverageItem(4, "nothing", ()),
        CoverageItem(5, "words that are not called so", ("text:rule.R01",)),
        CoverageItem(6, "called words and is not", ("rule:R01",), text_only=True),
        CoverageItem(7, "broken", ("rule:R01", "rule:R99")),
    )
    found = coverage(replace(NETWORK, coverage=items))
    assert (found.encoded, found.text_only, found.duplicates) == ((1,), (2,), (3,))
    assert set(found.broken) == {4, 5, 6, 7}
    assert found.broken[4] == ("nothing encodes it",)
    assert found.broken[7] == ("rule:R99: no such rule",)
    assert (found.total, found.distinct) == (7, 6)
    assert "4 broken\n  4: nothing encodes it" in str(found)
    assert isinstance(found, Coverage)


def test_strength_of_a_link() -> None:
    assert strength(NETWORK, "intense_exercise", "muscle_fatigue") == 0.5
    assert strength(NETWORK, "caffeine_intake", "stimulant_excess", "moderate") == 0.04
    assert strength(NETWORK, "muscle_fatigue", "intense_exercise") is None
    assert strength(NETWORK, "leg_twitching", "daily_impact") is None


# -- the command ----------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        app(list(words), standalone_mode=True)
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_command_lists_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "coverage").splitlines()
    assert len(lines) == 2 * 115 + 1
    assert lines[-1] == str(coverage(NETWORK))
    assert lines[33].strip() == "link:magnesium_deficiency->leg_twitching"


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "coverage", "--json"))
    assert (told["total"], told["distinct"], told["broken"]) == (115, 112, {})
    assert told["encoded"] + told["text_only"] == 112
    assert told["assertions"][16] == {
        "number": 17,
        "assertion": "magnesium deficiency may cause it",
        "by": ["link:magnesium_deficiency->leg_twitching"],
    }
