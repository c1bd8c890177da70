"""Models in code: mappings, the builder, changed models, saving, and a variable's page."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import twitchnet as tn
from tests.strategies import networks
from twitchnet.diagnosis.parameters import parameter_shifts
from twitchnet.io.model_file.writer import format_network
from twitchnet.lowering import lower
from twitchnet.model.edit import part_of, parts_of, with_numbers
from twitchnet.show.html import html
from twitchnet.show.text import text

MODELS = Path(__file__).parents[1] / "models"
README = Path(__file__).parents[1] / "README.md"


def lamp() -> tn.ModelBuilder:
    return (
        tn.ModelBuilder("lamp", title="Why does the lamp flicker?", complaint="flickers")
        .source("guess", "A guess, to be replaced", "judgement")
        .context("old_house", tn.Number(0.30, 0.20, 0.40, "guess"))
        .cause("loose_bulb", tn.Number(0.10, 0.05, 0.20, "guess"))
        .cause(
            "bad_wiring",
            tn.Number(0.01, 0.005, 0.03, "guess"),
            {"old_house": tn.Number(0.06, 0.02, 0.15, "guess")},
            severity="serious",
        )
        .finding(
            "flickers",
            tn.Number(0.01, 0.005, 0.02, "guess"),
            {
                "loose_bulb": tn.Number(0.60, 0.40, 0.80, "guess"),
                "bad_wiring": tn.Number(0.50, 0.30, 0.70, "guess"),
            },
        )
        .finding(
            "others_too",
            tn.Number(0.01, 0.005, 0.02, "guess"),
            {"bad_wiring": tn.Number(0.70, 0.50, 0.85, "guess")},
        )
    )


def test_the_builder_makes_the_model_of_the_file() -> None:
    readme = README.read_text(encoding="utf-8")
    start = readme.index("twitchnet: 1\nname: lamp")
    written = tn.loads(readme[start : readme.index("```", start)])
    built = lamp().model()
    said = {"flickers": True, "others_too": True}
    assert built.diagnose(said).posterior == written.diagnose(said).posterior
    assert len(built.network.parameters) == len(written.network.parameters)
    assert built.network.by_name["loose_bulb"].label == "Loose bulb"


def test_a_builder_s_mistakes_are_those_of_a_file() -> None:
    with pytest.raises(tn.ModelError, match=r"TN112 mechanisms\.flickers\.links\.loose_blub") as e:
        tn.ModelBuilder("lamp").cause("loose_bulb", 0.1).finding(
            "flickers", 0.1, {"loose_blub": 0.5}
        ).model()
    assert {(one.file, one.line) for one in e.value.problems} == {("", 0)}
    with pytest.raises(ValueError, match="'rain' is in causes already"):
        tn.ModelBuilder("yard").cause("rain", 0.1).cause("rain", 0.2)


def test_tables_and_rules_in_code() -> None:
    model = (
        tn.ModelBuilder("pump")
        .table("cause", "wear", ["none", "some", "much"], [0.7, 0.2, 0.1])
        .table(
            "finding",
            "noise",
            ["absent", "present"],
            [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]],
            ["wear"],
        )
        .rule("loud", "noise", "soon", "Have it looked at.")
        .model()
    )
    dx = model.diagnose(["noise"])
    assert dx.urgency == "soon"
    want = 0.1 * 0.9 / (0.7 * 0.1 + 0.2 * 0.5 + 0.1 * 0.9)
    assert dx["wear=much"].posterior == pytest.approx(want)


def test_a_mapping_may_hold_numpy() -> None:
    mapping: dict[str, Any] = {
        "twitchnet": 1,
        "name": "n",
        "version": "1",
        "causes": {"c": {"label": "C", "states": ("a", "b", "d")}},
        "sources": {"g": {"kind": "judgement", "cite": "A guess"}},
        "mechanisms": {"c": {"table": {"p": np.array([0.5, 0.25, 0.25]), "source": "g"}}},
    }
    assert tn.load(mapping).diagnose().posterior == {"c": 0.5}
    mapping["causes"]["c"]["label"] = object()
    with pytest.raises(tn.ModelError, match="TN122 not the values of a model file"):
        tn.load(mapping)
    with pytest.raises(tn.ModelError, match="TN121 the key 'name' is missing"):
        tn.load({"twitchnet": 1})


# -- numbers ----------------------------------------------------------------------------------


def test_one_number_is_changed_and_the_rest_is_not() -> None:
    old = lamp().model()
    new = old.with_numbers({"loose_bulb -> flickers": 0.7, "bad_wiring leak": 0.02})
    assert old.network.fingerprint == lamp().model().network.fingerprint
    arrays = new.variables["flickers"].arrays
    assert arrays["loose_bulb -> flickers"].tolist() == [0.0, 0.7]
    assert arrays["bad_wiring -> flickers"].tolist() == [0.0, 0.5]
    changes = {(one.node, one.part): one.after for one in old.diff(new).numbers}
    assert changes == {("flickers", "link:loose_bulb"): 0.7, ("bad_wiring", "leak"): 0.02}
    number = next(one for one in new.variables["flickers"].numbers if "loose" in one.part)
    assert (number.value, number.low, number.high) == (0.7, 0.4, 0.8)  # the range holds it


def test_a_range_moves_along_or_is_given() -> None:
    model = lamp().model().with_numbers({"flickers <- loose_bulb": 0.9})
    number = next(one for one in model.variables["flickers"].numbers if "loose" in one.part)

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    assert number.low < 0.9 < number.high
    assert logit(number.high) - logit(number.low) == pytest.approx(logit(0.8) - logit(0.4))
    change = {"p": 0.9, "range": [0.85, 0.95], "source": "guess"}
    model = lamp().model().with_numbers({"loose_bulb -> flickers": change})
    number = next(one for one in model.variables["flickers"].numbers if "loose" in one.part)
    assert (number.low, number.high, number.sources) == (0.85, 0.95, ("guess",))


@settings(max_examples=60, deadline=None)
@given(networks())
def test_every_number_has_a_name_and_takes_its_own_value(network: tn.Network) -> None:
    for part in parts_of(network):
        kind, _, parent = part.name.partition(":")
        text_ = f"{parent} -> {part.node}" if parent else f"{part.node} {kind}"
        assert part_of(network, text_) == part
        array = tn.Model(network).variables[part.node].arrays
        name = text_.removesuffix(" table")
        same = with_numbers(network, {text_: array[name].tolist()})
        assert same.fingerprint == network.fingerprint


def test_cells_that_share_a_range_move_as_they_do_in_a_sensitivity_analysis() -> None:
    network = tn.load("twitchy_legs").network
    parts: dict[tuple[str, str], int] = {}
    for one in network.parameters:
        parts[one.node, one.part] = parts.get((one.node, one.part), 0) + 1
    shared = [
        one
        for one in network.parameters
        if len(one.cells) > 1 and parts[one.node, one.part] == 1 and one.low < one.high
    ]
    assert len(shared) > 5
    turn = parameter_shifts(network, lower(network))
    for one in shared[:6]:
        kind, _, parent = one.part.partition(":")
        name = f"{parent} -> {one.node}" if parent else f"{one.node} {kind}"
        changed = with_numbers(network, {name: one.high})
        place = turn.parameters.index(one)
        shift = math.log(one.high / (1 - one.high)) - math.log(one.value / (1 - one.value))
        want = turn.one(place, shift)
        got = lower(changed).numbers
        assert got == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loose_blub -> flickers": 0.5}, r"TN115 .*did you mean 'loose_bulb -> flickers'"),
        ({"flickers": 1.5}, "TN122 flickers: the probability 1.5 is outside 0 to 1"),
        ({"flickers": "much"}, "TN122 flickers: a probability or a nested list"),
        ({"flickers": [0.1, 0.2]}, r"TN122 flickers: numbers of the shape \(\)"),
        ({"flickers": {"q": 0.1}}, "TN122 flickers: a number is a probability, or"),
        ({"flickers": {"p": 0.1, "range": 3}}, r"TN122 flickers: range is \[low, high\]"),
        ({"a": 0.1, "b": 0.2}, r"(?s)TN115 no number 'a'.*TN115 no number 'b'"),
    ],
)
def test_changes_that_are_wrong(changes: Any, message: str) -> None:
    with pytest.raises(tn.ModelError, match=message):
        lamp().model().with_numbers(changes)


# -- variables --------------------------------------------------------------------------------


def test_without_a_cause_is_the_model_in_which_it_never_happens() -> None:
    model = tn.load("twitchy_legs")
    less = model.without("benign_fasciculation")
    never = model.with_numbers({"benign_fasciculation": 0.0})
    for one in never.network.by_name["benign_fasciculation"].local.links:  # type: ignore[union-attr]
        never = never.with_numbers(
            {f"{one.parent} -> benign_fasciculation": np.zeros_like(one.strength)}
        )
    said = {"leg_twitching": True, "urge_to_move": True, "numbness": False}
    want = dict(never.diagnose(said).posterior)
    assert want.pop("benign_fasciculation") == 0.0
    assert less.diagnose(said).posterior == pytest.approx(want, abs=1e-12)


def test_rules_are_read_without_what_is_gone() -> None:
    model = tn.load("twitchy_legs").without("back_pain", "vision_disturbance")
    rules = {rule.name: rule.when for rule in model.network.rules}
    assert "back_pain" not in " ".join(rules.values())
    assert "R21" not in rules  # vision_disturbance alone
    assert rules["R02"] == (
        "bladder_bowel_change & (radiating_leg_pain | numbness | muscle_weakness | foot_drop)"
    )
    assert model.diagnose(saddle_numbness=True).urgency == "emergency"


def test_what_others_need_cannot_be_left_out() -> None:
    with pytest.raises(tn.ModelError, match="TN112 no variable named 'muscle_fatique'"):
        tn.load("demo").without("muscle_fatique")
    with pytest.raises(tn.ModelError, match="depend on 'age_band', which cannot be left out"):
        tn.load("twitchy_legs").without("age_band")


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tn.models())
def test_a_changed_number_is_a_changed_line(name: str, tmp_path: Path) -> None:
    model = tn.load(name)
    same = tmp_path / "same.yaml"
    model.save(same)
    original = (MODELS / f"{name}.yaml").read_text(encoding="utf-8")
    assert same.read_text(encoding="utf-8") == original
    cause = model.causes[-1]
    child = model.variables[cause].children[0]
    parameter = next(
        p for p in model.network.parameters if (p.node, p.part) == (child, f"link:{cause}")
    )
    new = round((parameter.value + parameter.high) / 2, 6)
    changed = model.with_numbers({f"{cause} -> {child}": new})
    path = tmp_path / "changed.yaml"
    changed.save(path)
    written = path.read_text(encoding="utf-8")
    pairs = zip(original.splitlines(), written.splitlines(), strict=True)
    (line,) = [new_line for old, new_line in pairs if old != new_line]
    assert cause in line
    assert str(new) in line
    assert format_network(tn.load(path).network) == format_network(changed.network)


def test_other_changes_are_written_in_the_canonical_order(tmp_path: Path) -> None:
    path = tmp_path / "less.yaml"
    model = tn.load("demo").without("muscle_fatigue")
    model.save(path)
    assert tn.load(path).network.fingerprint == model.network.fingerprint
    assert path.read_text(encoding="utf-8") == format_network(model.network)
    lamp().model().save(tmp_path / "lamp.bif")
    assert tn.load(tmp_path / "lamp.bif").diagnose(flickers=True).posterior == pytest.approx(
        lamp().model().diagnose(flickers=True).posterior
    )
    with pytest.raises(tn.ModelError, match="TN153"):
        model.save(tmp_path / "lamp.txt")


def test_a_file_that_changed_meanwhile_is_not_patched(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text((MODELS / "demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    model = tn.load(path)
    path.write_text("twitchnet: 1\nname: other\nversion: '1'\n", encoding="utf-8")
    model.save(path)
    assert tn.load(path).network.fingerprint == model.network.fingerprint


# -- a variable, and small things ---------------------------------------------------------------


def test_a_variable_says_what_it_is() -> None:
    model = tn.load("twitchy_legs")
    one = model.variables["restless_legs_syndrome"]
    assert (one.kind, one.states[0], one.label) == ("cause", "absent", "Restless legs syndrome")
    assert "iron_deficiency" in one.parents
    assert "urge_to_move" in one.children
    assert {source.key for source in one.sources} == {
        key for number in one.numbers for key in number.sources
    }
    assert all(not array.flags.writeable for array in one.arrays.values())
    for shown in (text(one.page()), html(one.page())):
        assert "Urge to move the legs" in shown
        assert one.sources[0].key in shown
    assert len(model.variables) == len(model.network.variables)
    assert "nobody" not in model.variables
    with pytest.raises(KeyError):
        model.variables["nobody"]
    assert str(model.variables["both_legs"])  # a screen question has no numbers


def test_small_things_of_a_diagnosis() -> None:
    model = tn.load("demo")
    dx = model.diagnose(["leg_twitching", "intense_exercise"])
    assert dx.posterior == model.diagnose(leg_twitching=True, intense_exercise=True).posterior
    assert len(dx) == len(dx.ranking) == 2
    assert [row.cause for row in dx] == [row.cause for row in dx.ranking]
    assert dx["muscle_fatigue"] == dx.ranking[0]
    with pytest.raises(KeyError):
        dx["nobody"]
    assert dx.urgency == dx.triage.urgency
    with pytest.raises(tn.RecordError, match="a mapping or a list of names"):
        model.diagnose("leg_twitching")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="TN201"):
        model.diagnose(["leg_twiching"])
    with pytest.raises(ValueError, match="TN121"):
        tn.loads("twitchnet: 1")


def test_results_pickle_at_any_time() -> None:
    dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
    assert dx.posterior
    assert dx.report
    results = [
        dx, dx.ranking, dx.triage, dx.management, dx.explain(), dx.uncertainty(5), dx.conflict(),
        dx.sensitivity(), dx.next_questions(), dx.combinations(), dx.what_if(caffeine_intake="low"),
        dx.benefits(), dx.joint(["muscle_fatigue"]), tn.load("demo").variables["muscle_fatigue"],
        tn.load("demo").plan({}), tn.load("demo").posteriors({"leg_twitching": ["yes"]}),
    ]  # fmt: skip
    for result in results:
        again = pickle.loads(pickle.dumps(result))
        assert type(again) is type(result)
    assert pickle.loads(pickle.dumps(dx)).posterior == dx.posterior
