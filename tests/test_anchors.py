"""Queries, files of anchors and their evaluation, for any model."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.oracle import enumerate_joint
from tests.strategies import networks
from twitchnet.bundled import find_model
from twitchnet.cli.main import main
from twitchnet.diagnosis.assess.validation import Evaluator, Result, validate
from twitchnet.diagnosis.assess.validation_page import validation_page
from twitchnet.diagnosis.inference import Inference
from twitchnet.errors import ModelError
from twitchnet.io.anchors_file import anchors_path, parse_anchors, read_anchors
from twitchnet.model.anchors import Anchor, Band
from twitchnet.model.language.expressions import MAX_DEPTH
from twitchnet.model.language.query import (
    MAX_SIGNS,
    Level,
    Literal,
    Operation,
    Place,
    Probability,
    parse_query,
)
from twitchnet.model.network import Network
from twitchnet.show.markdown import markdown
from twitchnet.show.text import text

DEMO = tn.load("demo").network
FORMAT = (Path(__file__).parents[1] / "models" / "anchors" / "FORMAT.md").read_text("utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", FORMAT, re.DOTALL)[0]

# -- the text of a query --------------------------------------------------------------------------

A, B = Literal("a"), Literal("b")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("P(a)", Probability((A,))),
        ("P(a & b | not c)", Probability((A, B), (Literal("c", is_not=True),))),
        ("P(a or b)", Probability((A, B), (), is_any=True)),
        ("P(a | c=18-34)", Probability((A,), (Literal("c", ("18-34",)),))),
        ("P(a | c=65+ & b)", Probability((A,), (Literal("c", ("65+",)), B))),
        ("P(a | c={18-34, 65+})", Probability((A,), (Literal("c", ("18-34", "65+")),))),
        ("P(a | not c=low)", Probability((A,), (Literal("c", ("low",), is_not=True),))),
        ("P(a | only b)", Probability((A,), (Literal("b", only=True),))),
        ("rank(a)", Place("a", "posterior")),
        ("rank_explains(a | b)", Place("a", "explains", (B,))),
        ("urgency(a & b)", Level((A, B))),
        ("1.5e-3", 0.0015),
        ("1 - P(a)", Operation("-", (1.0, Probability((A,))))),
        ("1 - 2 - 3", Operation("-", (Operation("-", (1.0, 2.0)), 3.0))),
        ("1 + 2 * 3", Operation("+", (1.0, Operation("*", (2.0, 3.0))))),
        ("(1 + 2) * 3", Operation("*", (Operation("+", (1.0, 2.0)), 3.0))),
        ("odds(P(a))", Operation("odds", (Probability((A,)),))),
        ("min(1, 2)", Operation("min", (1.0, 2.0))),
    ],
)
def test_a_query_means(written: str, meant: object) -> None:
    assert parse_query(written) == meant
    assert parse_query(f"  {written.replace(' ', '  ')}\n") == meant


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "expected a number, .* found the end, at character 1$"),
        ("P(a", r"expected '\)', found the end, at character 4$"),
        ("P(a) P(b)", r"expected \+ - \* / or the end, found 'P', at character 6$"),
        ("P(a | b | c)", r"expected '\)', found '\|', at character 9$"),
        ("P(a & b or c)", r"expected '\)', found 'or', at character 9$"),
        ("P(not)", r"expected the name of a variable, found '\)', at character 6$"),
        ("P(min)", "expected the name of a variable, found 'min', at character 3$"),
        ("Q(a)", "expected a number, .* found 'Q', at character 1$"),
        ("a", "expected a number, .* found 'a'"),
        ("P(a=)", "'=' cannot stand here, at character 4$"),
        ("P(a ? b)", r"'\?' cannot stand here, at character 5$"),
        ("P(a) ;", "';' cannot stand here, at character 6$"),
        ("P(only a or b)", "no 'only' beside 'or'"),
        (
            "(" * (MAX_DEPTH + 1) + "1",
            rf"nested deeper than {MAX_DEPTH}, found '\(', at character {MAX_DEPTH + 1}$",
        ),
        ("+".join(["1"] * (MAX_SIGNS + 2)), f"more than {MAX_SIGNS} signs, found"),
        ("P(a)" + " " * 3000, "longer than 2000 characters"),
    ],
)
def test_what_no_query_means_is_refused_with_its_place(written: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        parse_query(written)
    assert [problem.code for problem in caught.value.problems] == ["TN401"]


# -- what a query is worth ------------------------------------------------------------------------


def rows(network: Network, literals: tuple[Literal, ...]) -> dict[str, list[float]]:
    """Literals as weights of 0 and 1, the plain way."""
    weights: dict[str, list[float]] = {}
    for one in literals:
        variable = network.by_name[one.name]
        named = [variable.states.index(state) for state in one.states] or range(1, variable.card)
        row = [float((i in named) != one.is_not) for i in range(variable.card)]
        old = weights.get(one.name, [1.0] * variable.card)
        weights[one.name] = [x * y for x, y in zip(row, old, strict=True)]
    return weights


@st.composite
def claims(draw: st.DrawFn, network: Network, least: int) -> tuple[Literal, ...]:
    found = []
    for _ in range(draw(st.integers(least, 3))):
        variable = draw(st.sampled_from(network.nodes))
        states = draw(st.lists(st.sampled_from(variable.states), max_size=2, unique=True))
        found.append(Literal(variable.name, tuple(states), draw(st.booleans())))
    return tuple(found)


@settings(max_examples=150)
@given(st.data())
def test_a_probability_equals_enumeration(data: st.DataObject) -> None:
    network = data.draw(networks(largest=5))
    event = data.draw(claims(network, 1))
    given_ = data.draw(claims(network, 0))
    query = Probability(event, given_, data.draw(st.booleans()))
    # the same inference many times: what is remembered must not depend on what came before
    ahead = [query] * data.draw(st.integers(0, 5))
    evaluator = Evaluator(Inference(network), ahead)
    evaluator.value(data.draw(st.sampled_from([query, Probability(given_ or event)])))
    value = evaluator.value(query)

    base = enumerate_joint(network, rows(network, given_)).evidence
    if query.is_any:
        turned = tuple(replace(one, is_not=not one.is_not) for one in event)
        both = base - enumerate_joint(network, rows(network, (*turned, *given_))).evidence
    else:
        both = enumerate_joint(network, rows(network, (*event, *given_))).evidence
    if base == 0.0:
        assert math.isnan(value)
    elif base > 1e-250:
        assert value == pytest.approx(both / base, rel=1e-9, abs=1e-10)


def worth(written: str) -> float:
    return Evaluator(Inference(DEMO)).value(parse_query(written))


def test_arithmetic() -> None:
    p, q = worth("P(leg_twitching)"), worth("P(muscle_fatigue)")
    assert 0 < p < q < 1
    assert worth("P(leg_twitching) - 2 * P(muscle_fatigue) / 3 + 1") == pytest.approx(
        p - 2 * q / 3 + 1
    )
    assert worth("odds(P(leg_twitching))") == pytest.approx(p / (1 - p))
    assert worth("min(P(leg_twitching), P(muscle_fatigue), .9)") == pytest.approx(p)


@pytest.mark.parametrize(
    "written",
    [
        "1 / 0",
        "odds(1)",
        "min(1, 1 / 0)",
        "P(leg_twitching | muscle_fatigue & not muscle_fatigue)",
        "P(leg_twitching | caffeine_intake={low, high} & caffeine_intake=moderate)",
        "P(muscle_fatigue | twitch_after_exercise & not leg_twitching)",
    ],
)
def test_what_has_no_value_is_not_a_number(written: str) -> None:
    assert math.isnan(worth(written))
    assert not Band(-math.inf, math.inf).holds(worth(written))


def test_an_event_against_what_is_given_has_probability_0() -> None:
    assert worth("P(muscle_fatigue | not muscle_fatigue)") == 0.0
    assert worth("P(muscle_fatigue & stimulant_excess | only muscle_fatigue)") == 0.0
    assert worth("P(muscle_fatigue | only muscle_fatigue)") == 1.0


def test_rank_is_the_place_in_the_ranking() -> None:
    dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
    for by, call in (("posterior", "rank"), ("explains", "rank_explains")):
        order = [row.cause for row in dx.ranked(by)]  # type: ignore[arg-type]
        for place, cause in enumerate(order, 1):
            assert worth(f"{call}({cause} | leg_twitching & caffeine_intake=high)") == place
    assert math.isnan(worth("rank(muscle_fatigue | muscle_fatigue)"))  # given, so not ranked


def test_urgency_is_that_of_the_triage() -> None:
    network = tn.load("twitchy_legs").network
    evaluator = Evaluator(Inference(network))
    home = "age_band=35-49 & sex=female & leg_twitching"
    for said, level in ((home, 0), (f"{home} & twitch_constant_weeks", 1)):
        assert evaluator.value(parse_query(f"urgency({said})")) == level
    assert evaluator.value(parse_query(f"urgency({home} & saddle_numbness)")) == 3


# -- bands and outcomes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("band", "inside", "outside"),
    [
        (Band(0.1, 0.2), (0.1, 0.15, 0.2), (0.0999, 0.2001)),
        (Band(low=1.0, strict=True), (1.0001, 1e9), (1.0, 0.0)),
        (Band(high=0.25, strict=True), (0.2499, -1.0), (0.25, 1.0)),
        (Band(1.0, 1.0), (1.0,), (2.0, 0.0)),
    ],
)
def test_a_band_holds(band: Band, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    assert all(band.holds(value) for value in inside)
    assert not any(band.holds(value) for value in (*outside, math.nan))


@pytest.mark.parametrize(
    ("band", "reason", "value", "outcome"),
    [
        (Band(0, 1), "", 0.5, "met"),
        (Band(0, 1), "", 2.0, "missed"),
        (Band(0, 1), "", math.nan, "missed"),
        (Band(0, 1), "known", 2.0, "missed as expected"),
        (Band(0, 1), "known", 0.5, "met against expectation"),
        (None, "", 2.0, "shown"),
    ],
)
def test_an_outcome(band: Band | None, reason: str, value: float, outcome: str) -> None:
    anchor = Anchor("x", "1", 1.0, band, "I", expected_failure=reason)
    assert Result(anchor, value).outcome == outcome


# -- the file -------------------------------------------------------------------------------------


def test_the_example_of_the_format_is_read_and_worked_out() -> None:
    anchors = parse_anchors(EXAMPLE, DEMO)
    assert [anchor.name for anchor in anchors.rows] == [
        "F1",
        "F2",
        "F3",
        "directions/muscle_fatigue",
        "directions/stimulant_excess",
    ]
    assert anchors.groups[0].left_out == (("F4", "the share of cats is no variable of the model"),)
    validation = validate(Inference(DEMO), anchors)
    assert validation.counts == {"met": 4, "missed as expected": 1}
    assert validation.surprises == ()
    (f2,) = (anchor for anchor in anchors.rows if anchor.name == "F2")
    assert f2.band is not None
    assert (f2.band.low, f2.band.high) == pytest.approx((0.35, 0.65))


def test_the_format_names_every_call() -> None:
    for call in ("P", "odds", "min", "rank", "rank_explains", "urgency", "only", "not", "or"):
        assert f'"{call}"' in FORMAT


def test_a_grid_with_targets() -> None:
    text = EXAMPLE.replace(
        'ratio: {query: "P({row} | leg_twitching) / P({row})", above: 1}\n'
        "      rows: [muscle_fatigue, stimulant_excess]",
        'all: {query: "P({row})", tolerance: .1}\n'
        '        high: {query: "P({row} | caffeine_intake=high)", tolerance: .2}\n'
        "      rows: {muscle_fatigue: [.1, .2]}\n"
        "      expected_failures: [{cells: [muscle_fatigue/high], reason: no coffee}]",
    )
    group = parse_anchors(text, DEMO).groups[1]
    assert group.columns == ("all", "high")
    first, second = group.anchors
    assert (first.name, first.target, first.expected_failure) == (
        "directions/muscle_fatigue/all",
        0.1,
        "",
    )
    assert (second.target, second.expected_failure) == (0.2, "no coffee")
    assert second.band == Band(0.2 - 0.2 * 0.2, 0.2 + 0.2 * 0.2)


F1 = next(line.strip() for line in EXAMPLE.splitlines() if line.strip().startswith("F1:"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("anchors: 1", "anchors: 2", r":1:10: TN124 anchors: the format version is 1, found 2"),
        ("anchors: 1", "anchors: one", "TN122 anchors: "),
        (
            "model: demo",
            "model: dmo",
            "TN402 model: the anchors are of the model 'dmo', not 'demo'",
        ),
        ("model: demo\n", "", "TN121 .*'model' is missing"),
        ("title: Figures", "titel: Figures", "TN120 groups.figures.titel: .*did you mean 'title'"),
        ("  survey:", "  judgement:", "TN118 sources.judgement: the model has a source"),
        ("kind: literature", "kind: rumour", "TN123 sources.survey.kind: one of"),
        ("use: I", "use: X", "TN123 groups.figures.rows.F1.use: one of C, I, H, D"),
        ("source: survey", "source: survy", "TN114 .*no source 'survy' .*did you mean 'survey'"),
        ("P(leg_twitching)", "P(leg_twiching)", "TN112 .*rows.F1.query: .*'leg_twitching'"),
        ("P(leg_twitching)", "P(leg_twitching", "TN401 .*rows.F1.query: expected '[)]'"),
        ("caffeine_intake=high", "caffeine_intake=hgh", "TN113 .*F3.query: .*did you mean 'high'"),
        ("P(leg_twitching)", "rank(leg_twitching)", "TN112 .*no target 'leg_twitching'"),
        ("P(leg_twitching)", "P(only leg_twitching)", "TN112 .*no target 'leg_twitching'"),
        ("accept: [.05, .20]", "accept: [.20, .05]", "TN131 .*accept: low is above high"),
        ("accept: [.05, .20]", "accept: [.40]", r"TN134 .*\[low, high\] is expected"),
        ("accept: [.05, .20]", "accept: [.1, .4], above: .1", "TN125 .*accept and above"),
        ("accept: [.05, .20]", "target: .3", "TN125 .*rows.F1: a target needs a tolerance"),
        ("accept: [.05, .20]", "tolerance: .3", "TN125 .*rows.F1: a tolerance needs a target"),
        ("tolerance: .30", "tolerance: -.30", "TN122 .*F2.tolerance"),
        ("above: .95, ", "", "TN125 .*rows.F3: an expected failure needs a band"),
        ("      F2:", "      F1:", "TN106 .*'F1'"),
        (F1, F1 + "\n      directions/muscle_fatigue: " + F1[4:], "TN118 .*already"),
        (
            "rows: [muscle_fatigue,",
            "rows: {muscle_fatigue: [.1, .2]}\n      #",
            "TN134 .*1 targets",
        ),
        (
            "use: D",
            "use: D\n      expected_failures: [{cells: [muscle_fatige], reason: x}]",
            "TN403 .*cells.0: no cell 'muscle_fatige' .*did you mean 'muscle_fatigue'",
        ),
        ("model: demo", "model: [demo", "TN105 "),
    ],
)
def test_a_broken_file_is_refused(old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(ModelError, match=message):
        parse_anchors(EXAMPLE.replace(old, new, 1), DEMO)


def test_all_problems_come_at_once() -> None:
    broken = EXAMPLE.replace("P(leg_twitching)", "P(leg_twiching)").replace("use: C", "use: X")
    with pytest.raises(ModelError) as caught:
        parse_anchors(broken, DEMO)
    assert [problem.code for problem in caught.value.problems] == ["TN112", "TN123"]
    assert [problem.line for problem in caught.value.problems] == [11, 12]


def test_a_screen_question_has_no_probability() -> None:
    network = tn.load("twitchy_legs").network
    screen = network.names("screen")[0]
    written = EXAMPLE.replace("model: demo", "model: twitchy_legs")
    written = written.replace("P(leg_twitching)", f"P(leg_twitching | {screen})", 1)
    with pytest.raises(ModelError, match=f"TN141 .*'{screen}' is a screen"):
        parse_anchors(written, network)
    parse_anchors(written.replace("P(leg_twitching |", "urgency(leg_twitching &", 1), network)


# -- the page and the command ---------------------------------------------------------------------


def test_the_page_says_what_is_missed_and_why() -> None:
    anchors = parse_anchors(EXAMPLE.replace("[.05, .20]", "[.90, .95]"), DEMO)
    page = validation_page(validate(Inference(DEMO), anchors), DEMO)
    for drawn in (text(page), markdown(page).replace("\\", "")):
        assert "missed, and nobody said why" in drawn
        assert "the survey asked in a coffee bar" in drawn
        assert "the share of cats is no variable of the model" in drawn
        assert "A survey of calves" in drawn
        assert "a tenth of people" in drawn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(find_model("demo"), tmp_path / "mine.yaml")
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "mine.yaml").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["twitchnet", "validate", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_the_command_prints_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(folder / "mine.yaml")
    code, out, _ = run(monkeypatch, capsys, model)
    assert code == 0
    assert "5 rows:" in out
    code, out, _ = run(monkeypatch, capsys, model, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["counts"] == {"met": 4, "missed as expected": 1}
    assert document["anchors"][0]["name"] == "F1"
    assert document["anchors"][0]["low"] == 0.05
    assert document["anchors"][2]["high"] is None
    code, out, _ = run(monkeypatch, capsys, model, "--markdown")
    anchors = read_anchors(anchors_path(model), DEMO)
    assert out == markdown(validation_page(validate(Inference(DEMO), anchors), DEMO))


@pytest.mark.parametrize(
    ("old", "new"), [("[.05, .20]", "[.90, .95]"), ("above: .95", "above: .05")]
)
def test_the_command_fails_on_a_surprise(
    old: str,
    new: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "anchors" / "mine.yaml").write_text(EXAMPLE.replace(old, new), encoding="utf-8")
    code, out, _ = run(monkeypatch, capsys, str(folder / "mine.yaml"), "--json")
    assert code == 1
    outcomes = {row["outcome"] for row in json.loads(out)["anchors"]}
    assert outcomes & {"missed", "met against expectation"}


def test_a_model_without_anchors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "demo")
    assert (code, out) == (1, "")
    assert "TN100" in err
    assert "no such file" in err
