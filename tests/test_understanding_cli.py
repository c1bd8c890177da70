"""The commands that explain: what they print is what the library says."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

import twitchnet as tn
from tests.test_cli import Cli, cli
from twitchnet.cli.understanding import plain

__all__ = ["cli"]  # the fixture

WORDS = ("demo", "leg_twitching", "caffeine_intake=high")
RECORD = {"leg_twitching": True, "caffeine_intake": "high"}


def dx() -> tn.Diagnosis:
    return tn.load("demo").diagnose(RECORD)


def test_explain_prints_the_explanation(cli: Cli) -> None:
    done = cli("explain", *WORDS)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{dx().explain()}\n"
    found = cli("explain", *WORDS, "--cause", "muscle_fatigue", "--json").json["explanation"]
    expected = dx().explain("muscle_fatigue")
    assert found["posterior"] == expected.posterior
    assert [one["decibans"] for one in found["weights"]] == [w.decibans for w in expected.weights]


def test_explain_adds_what_is_asked_for(cli: Cli) -> None:
    extra = ("--numbers", "--together", "2", "--fit", "--records", "20", "--seed", "3")
    found = cli("explain", *WORDS, *extra, "--json").json
    assert list(found) == ["explanation", "sensitivity", "combinations", "conflict"]
    assert found["conflict"]["tail"] == plain(dx().conflict(20, rng=3).tail)
    assert len(found["combinations"]["explanations"]) == 2
    out = cli("explain", *WORDS, *extra).out
    for heading in ("Why", "depends on", "Which combination", "Does the record fit?"):
        assert heading in out


def test_next_lists_the_questions(cli: Cli) -> None:
    found = cli("next", *WORDS, "--about", "muscle_fatigue", "--top", "1", "--json").json["next"]
    expected = dx().next_questions(1, "muscle_fatigue")
    assert [one["name"] for one in found["questions"]] == [expected.questions[0].name]
    assert found["questions"][0]["bits"] == expected.questions[0].bits
    assert cli("next", *WORDS).out == f"{dx().next_questions()}\n"
    assert cli("next", *WORDS, "--about", "weather").code == 1


def test_what_if_compares(cli: Cli) -> None:
    found = cli("what-if", *WORDS, "--change", "caffeine_intake=low", "--json").json["what_if"]
    after = tn.load("demo").diagnose(RECORD | {"caffeine_intake": "low"}).posterior
    assert {row["cause"]: row["after"] for row in found["rows"]} == pytest.approx(dict(after))
    assert cli("what-if", *WORDS, "--options").out == f"{dx().benefits()}\n"
    found = cli("what-if", *WORDS, "--set", "muscle_fatigue", "--json").json["set"]
    done = tn.load("demo").intervene({"muscle_fatigue": True}).diagnose(RECORD).posterior
    assert {row["cause"]: row["after"] for row in found["rows"]} == pytest.approx(dict(done))
    assert cli("what-if", *WORDS).code == 2


def test_rank_gives_intervals(cli: Cli) -> None:
    found = cli("rank", *WORDS, "--intervals", "30", "--seed", "4", "--json").json
    expected = dx().uncertainty(30, rng=4).intervals
    assert [(row["cause"], row["low"]) for row in found["intervals"]] == [
        (one.cause, one.low) for one in expected
    ]
    assert "30 draws" in cli("rank", *WORDS, "--intervals", "30").out


def test_diff_and_evaluate_read_tables(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "labelled.csv"
    rows = [("id", "leg_twitching", "true_muscle_fatigue"), ("a", "yes", "1"), ("b", "no", "0")]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    done = cli("evaluate", "demo", str(path), "--json")
    model = tn.load("demo")
    p, q = (model.diagnose(leg_twitching=x).posterior["muscle_fatigue"] for x in (True, False))
    assert done.json["evaluation"]["total"]["brier"] == pytest.approx(((1 - p) ** 2 + q**2) / 2)
    assert "id" in done.err
    text = (Path(__file__).parents[1] / "models" / "demo.yaml").read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("leak: {p: .05,", "leak: {p: .09,", 1), encoding="utf-8")
    records = tmp_path / "records.csv"
    records.write_text("leg_twitching\nyes\n", encoding="utf-8")
    found = cli("diff", "demo", str(other), str(records), "--json").json["diff"]
    assert [(one["node"], one["before"], one["after"]) for one in found["numbers"]] == [
        ("muscle_fatigue", 0.05, 0.09)
    ]
    assert len(found["records"]) == 1
    assert cli("evaluate", "demo", str(records)).code == 2


def test_json_has_no_numbers_that_json_has_not() -> None:
    assert plain({"a": math.nan, "b": (math.inf, -math.inf, 1.5)}) == {
        "a": None,
        "b": ["inf", "-inf", 1.5],
    }
