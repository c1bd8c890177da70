"""Families of foreign files: what each says of its variables, and dialects of its programs.

Posteriors are computed by hand, in the comment beside each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import twitchnet as tn
from tests.oracle import enumerate_joint
from twitchnet.io.foreign.xdsl import parse_xdsl
from twitchnet.io.formats import lint_model
from twitchnet.model.network import Network


def enumerated(network: Network, record: dict[str, str], name: str, state: str) -> float:
    """The posterior of a state, by enumeration."""
    weights = {
        variable: [float(one == answer) for one in network.by_name[variable].states]
        for variable, answer in record.items()
    }
    marginal = enumerate_joint(network, weights).marginal[name]
    return marginal[network.by_name[name].states.index(state)] / sum(marginal)


# -- roles and baselines ------------------------------------------------------------------------

PUMP = """<smile version="1.0" id="Pump"><nodes>
<cpt id="age" diagtype="observation" ranked="true"><state id="old"/><state id="new"/>
  <probabilities>0.4 0.6</probabilities></cpt>
<cpt id="valve" diagtype="target"><state id="leaking" fault="true"/><state id="tight"/>
  <parents>age</parents><probabilities>0.05 0.95 0.01 0.99</probabilities></cpt>
<cpt id="flow"><state id="low"/><state id="high"/>
  <parents>valve</parents><probabilities>0.8 0.2 0.1 0.9</probabilities></cpt>
<cpt id="puddle" diagtype="observation" mandatory="true"><state id="seen"/>
  <state id="not_seen" default="true"/>
  <parents>valve</parents><probabilities>0.9 0.1 0.02 0.98</probabilities></cpt>
</nodes><extensions><genie version="1.0" app="GeNIe" name="Pump">
<node id="age"><name>Age</name></node>
<submodel id="Sub1"><name>Inside</name><node id="valve"><name>The valve</name></node></submodel>
</genie></extensions></smile>"""


def test_genies_roles_are_obeyed() -> None:
    network = parse_xdsl(PUMP)
    kinds = {variable.name: variable.kind for variable in network.variables}
    assert kinds == {"age": "context", "valve": "cause", "flow": "cause", "puddle": "finding"}
    assert network.ranked == ("valve",)
    valve, puddle = network.by_name["valve"], network.by_name["puddle"]
    assert valve.states == ("tight", "leaking")
    assert (valve.label, valve.group) == ("The valve", "Inside")
    assert (puddle.always_ask, network.by_name["age"].always_ask) == (True, False)
    assert network.notes == ("puddle: the default state 'not_seen' is no answer.",)
    (row,) = tn.Model(network).diagnose(puddle="seen").ranking
    leaking = 0.4 * 0.05 + 0.6 * 0.01
    right = leaking * 0.9 / (leaking * 0.9 + (1 - leaking) * 0.02)
    assert (row.cause, row.state) == ("valve", "leaking")
    assert row.posterior == pytest.approx(right, rel=1e-12)


def test_a_fault_that_is_the_neutral_state_of_a_noisy_child_keeps_the_numbers() -> None:
    text = """<smile version="1.0" id="n"><nodes>
    <cpt id="a" diagtype="target"><state id="x" /><state id="y" fault="true" />
      <probabilities>0.3 0.7</probabilities></cpt>
    <noisymax id="b" diagtype="observation"><state id="on" /><state id="off" />
      <parents>a</parents><strengths>0 1</strengths>
      <parameters>.8 .2  0 1  .1 .9</parameters></noisymax></nodes></smile>"""
    model = tn.Model(parse_xdsl(text))
    assert model.network.by_name["a"].states == ("x", "y")
    on_x, on_y = 1 - 0.2 * 0.9, 0.1  # by hand
    right = 0.7 * on_y / (0.7 * on_y + 0.3 * on_x)
    assert model.diagnose(b="on").posterior["a"] == pytest.approx(right, rel=1e-12)


SMOKING = """network n { }
variable smoker { type discrete [3] { daily, non_smoker, rarely }; }
variable lung { type discrete [2] { no, yes }; }
variable cough { type discrete [2] { yes, no }; }
probability ( smoker ) { table 0.2, 0.7, 0.1; }
probability ( lung | smoker ) { (daily) 0.9, 0.1; (non_smoker) 0.99, 0.01; (rarely) 0.97, 0.03; }
probability ( cough | lung, smoker ) {
  (no, daily) 0.3, 0.7; (no, non_smoker) 0.1, 0.9; (no, rarely) 0.2, 0.8;
  (yes, daily) 0.9, 0.1; (yes, non_smoker) 0.8, 0.2; (yes, rarely) 0.85, 0.15; }
"""


def test_guesses_are_told_and_can_be_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "lung.bif"
    path.write_text(SMOKING, encoding="utf-8")
    told = [(one.path, one.message) for one in lint_model(path) if one.code == "TN189"]
    assert ("smoker", "role cause") in told
    assert ("smoker", "baseline daily, as its first state") in told
    assert ("cough", "baseline no, by name") in told
    plain = tn.load(path)
    said = tn.load(path, roles={"smoker": "context"}, baselines={"smoker": "non_smoker"})
    assert said.network.by_name["smoker"].states == ("non_smoker", "daily", "rarely")
    assert (said.causes, said.contexts) == (("lung",), ("smoker",))
    assert not any(guess[0] == "smoker" for guess in said.network.guesses)
    for record in ({"cough": "yes"}, {"cough": "no", "smoker": "rarely"}):
        right = enumerated(plain.network, record, "lung", "yes")
        assert said.diagnose(record).posterior["lung"] == pytest.approx(right, rel=1e-12)
    beside = tmp_path / "lung.bif.roles.yaml"
    beside.write_text("roles: {smoker: context}\nbaselines: {smoker: non_smoker}\n", "utf-8")
    assert tn.load(path).network.fingerprint == said.network.fingerprint
    assert "smoker" not in {one.path for one in lint_model(path)}
    # What the caller says goes before the file.
    assert tn.load(path, baselines={"smoker": "rarely"}).network.by_name["smoker"].states[0] == (
        "rarely"
    )


def test_wrong_roles_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lung.bif"
    path.write_text(SMOKING, encoding="utf-8")
    with pytest.raises(tn.ModelError) as caught:
        tn.load(path, roles={"lnug": "cause", "lung": "boss"}, baselines={"cough": "maybe"})
    assert [one.code for one in caught.value.problems] == ["TN112", "TN122", "TN113"]
    assert "did you mean 'lung'" in str(caught.value)
    for text in ("roles: [smoker]\n", "role: {smoker: cause}\n", "roles: {a: 1}\n", "roles: {"):
        (tmp_path / "lung.bif.roles.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(tn.ModelError, match=r"lung\.bif\.roles\.yaml"):
            tn.load(path)
    with pytest.raises(ValueError, match="of other programs"):
        tn.load("demo", roles={"muscle_fatigue": "context"})


def test_the_baseline_of_a_noisy_variable_stays(tmp_path: Path) -> None:
    path = tmp_path / "n.xdsl"
    path.write_text(
        """<smile version="1.0" id="n"><nodes>
    <cpt id="a"><state id="x" /><state id="y" /><probabilities>0.3 0.7</probabilities></cpt>
    <noisymax id="b"><state id="on" /><state id="off" /><parents>a</parents>
      <strengths>0 1</strengths><parameters>.8 .2  0 1  .1 .9</parameters></noisymax>
    </nodes></smile>""",
        encoding="utf-8",
    )
    for name, state in (("a", "x"), ("b", "on")):
        with pytest.raises(tn.ModelError, match="TN145"):
            tn.load(path, baselines={name: state})


# -- networks without ranges --------------------------------------------------------------------


def test_without_ranges_nothing_is_said_of_them(tmp_path: Path) -> None:
    path = tmp_path / "lung.bif"
    path.write_text(SMOKING, encoding="utf-8")
    dx = tn.load(path).diagnose(cough="yes")
    with pytest.raises(tn.ModelError, match="TN182 no number of this model has a range"):
        dx.uncertainty(20, rng=1)
    plain = dx.sensitivity("lung")
    assert plain.turns == ()
    assert "No number of this model has a range" in str(plain)


def test_an_assumed_range_moves_the_odds_of_each_number(tmp_path: Path) -> None:
    path = tmp_path / "lung.bif"
    path.write_text(SMOKING, encoding="utf-8")
    dx = tn.load(path, targets=["lung"]).diagnose(cough="yes", smoker="rarely")
    found = dx.sensitivity("lung", assumed=2)
    assert "odds up to 2 times lower or higher" in str(found)
    # P(lung, rarely) .03, cough .85 and .20: the odds of the three numbers twice and half as high
    turns = {(one.node, one.value): one for one in found.turns if one.swing > 1e-12}
    assert set(turns) == {("lung", 0.03), ("cough", 0.85), ("cough", 0.2)}

    def right(p: float, sick: float, well: float) -> float:
        return p * sick / (p * sick + (1 - p) * well)

    def twice(p: float, factor: float) -> float:
        odds = factor * p / (1 - p)
        return odds / (1 + odds)

    for factor, end in ((0.5, "at_low"), (2.0, "at_high")):
        expected = {
            ("lung", 0.03): right(twice(0.03, factor), 0.85, 0.2),
            ("cough", 0.85): right(0.03, twice(0.85, factor), 0.2),
            ("cough", 0.2): right(0.03, 0.85, twice(0.2, factor)),
        }
        for key, value in expected.items():
            assert getattr(turns[key], end) == pytest.approx(value, rel=1e-9)
    with pytest.raises(ValueError, match="factor above 1"):
        dx.sensitivity("lung", assumed=1.0)
