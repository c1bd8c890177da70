"""Families of foreign files: what each says of its variables, and dialects of its programs.

Posteriors are computed by hand, in the comment beside each.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import twitchnet as tn
from tests.oracle import enumerate_joint
from twitchnet.io.foreign.files.xdsl import parse_xdsl
from twitchnet.io.formats import convert, lint_model, read_model, write_model
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


def test_nodes_of_one_label_have_rows_that_differ() -> None:
    network = parse_xdsl(PUMP.replace("<name>Age</name>", "<name>The valve</name>"))
    labels = [variable.label for variable in network.variables]
    assert labels == ["The valve (age)", "The valve (valve)", "flow", "puddle"]


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


# -- dialects -----------------------------------------------------------------------------------

YARD = """network "Yard" { }
variable "gate" { type discrete[2] { "open" "shut" }; }
variable "dog" { type discrete[2] { "out" "in" }; }
probability ( "gate" ) { table 0.2 0.8 ; }
probability ( "dog" "gate" ) { table 0.7 0.1 0.3 0.9 ; }
"""
DIALECTS = {
    "JavaBayes, without bars and commas": YARD,
    "words between the blocks": YARD.replace("variable", "Here comes, at last, a\nvariable", 1),
    "all in the network block": """network unknown { property "size 2" ;
variable gate { type discrete [ 2 ] { open, shut }; }
variable dog { type discrete [ 2 ] { out, in }; }
probability ( gate ) { table 0.2, 0.8; }
probability ( dog | gate ) { (open) 0.7, 0.3; (shut) 0.1, 0.9; }
}""",
    "rows by default": """network n { }
variable gate { type discrete [ 2 ] { open, shut }; }
variable dog { type discrete [ 2 ] { out, in }; }
probability ( gate ) { default 0.2, 0.8; }
probability ( dog | gate ) { (open) 0.7, 0.3; default 0.1, 0.9; }""",
}


def yard(path: Path) -> float:
    """P(gate = open | dog = out)."""
    model = tn.load(path, baselines={"gate": "shut"})
    return model.diagnose(dog="out").posterior["gate"]


RIGHT = 0.2 * 0.7 / (0.2 * 0.7 + 0.8 * 0.1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_of_bif(dialect: str, tmp_path: Path) -> None:
    path = tmp_path / "yard.bif"
    path.write_text(DIALECTS[dialect], encoding="utf-8")
    assert yard(path) == pytest.approx(RIGHT, rel=1e-12)


def test_a_network_block_that_is_not_closed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "yard.bif"
    path.write_text(DIALECTS["all in the network block"].rstrip("}"), encoding="utf-8")
    with pytest.raises(tn.ModelError, match=r"yard\.bif:6:1: TN150 '}' is expected"):
        tn.load(path)


def test_a_file_of_words_is_no_bif(tmp_path: Path) -> None:
    path = tmp_path / "yard.bif"
    path.write_text("word " * 200_000, encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN148 more than 100,000 words outside blocks"):
        tn.load(path)


def test_states_of_several_words_in_bif(tmp_path: Path) -> None:
    path = tmp_path / "yard.bif"
    text = DIALECTS["rows by default"].replace("open", "wide open").replace("shut", "tightly shut")
    path.write_text(text, encoding="utf-8")
    model = tn.load(path, baselines={"gate": "tightly shut"})
    assert model.network.by_name["gate"].texts == ("tightly shut", "wide open")
    assert model.diagnose(dog="out").posterior["gate"] == pytest.approx(RIGHT, rel=1e-12)
    assert model.diagnose(gate="wide open").posterior["gate"] == 1.0


XMLBIF_02 = """<?xml version="1.0"?>
<BIF><NETWORK><NAME>Yard</NAME>
<VARIABLE><NAME>gate</NAME><TYPE>discrete</TYPE><VALUE>open</VALUE><VALUE>shut</VALUE></VARIABLE>
<VARIABLE><NAME>dog</NAME><TYPE>discrete</TYPE><VALUE>out</VALUE><VALUE>in</VALUE></VARIABLE>
<PROBABILITY><FOR>gate</FOR><TABLE>0.2 0.8</TABLE></PROBABILITY>
<PROBABILITY><FOR>dog</FOR><GIVEN>gate</GIVEN><TABLE>0.7 0.1 0.3 0.9</TABLE></PROBABILITY>
</NETWORK></BIF>"""


def test_xmlbif_02_has_the_child_slowest(tmp_path: Path) -> None:
    path = tmp_path / "yard.xml"
    path.write_text(XMLBIF_02, encoding="utf-8")
    assert yard(path) == pytest.approx(RIGHT, rel=1e-12)
    path.write_text(XMLBIF_02.replace(">discrete<", ">continuous<", 1), encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN152 gate: a continuous node cannot be read"):
        tn.load(path)


def test_bif_text_in_an_xml_file_gets_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "yard.xml"
    path.write_text(YARD, encoding="utf-8")
    with pytest.raises(
        tn.ModelError, match=r"TN150 this is BIF text, not XML \(call the file \.bif"
    ):
        tn.load(path)


def test_files_in_gzip(tmp_path: Path) -> None:
    path = tmp_path / "yard.bif.gz"
    path.write_bytes(gzip.compress(YARD.encode()))
    assert yard(path) == pytest.approx(RIGHT, rel=1e-12)
    demo = tn.load("demo")
    for suffix in (".yaml", ".xdsl", ".net"):
        packed = tmp_path / f"demo{suffix}.gz"
        write_model(demo.network, packed)
        again = tn.load(packed)
        assert again.diagnose(leg_twitching="present").posterior == pytest.approx(
            demo.diagnose(leg_twitching="present").posterior, rel=1e-12
        )
    path.write_bytes(gzip.compress(YARD.encode())[:40])
    with pytest.raises(tn.ModelError, match="TN100 the gzip file cannot be unpacked"):
        tn.load(path)
    path.write_bytes(gzip.compress(b" " * 70_000_000))  # 70 KB that would be 70 MB
    with pytest.raises(tn.ModelError, match="TN103"):
        tn.load(path)


HUGIN = """net { }
node gate { label = "Grön grind"; states = ("open" "shut"); }
node dog { states = ("out" "in"); }
potential (gate) { data = (0.2 0.8); }
potential (dog | gate) { data = ((0.7 0.3) (0.1 0.9)); }
"""


def test_hugin_files_of_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "yard.net"
    path.write_bytes(HUGIN.encode("latin-1"))
    assert yard(path) == pytest.approx(RIGHT, rel=1e-12)
    network = tn.load(path).network
    assert network.by_name["gate"].label == "Grön grind"
    assert network.notes == ("The file is not UTF-8, so it was read as Windows-1252 (Latin-1).",)
    path.write_bytes(HUGIN.encode("latin-1").replace(b"\xf6", b"\x81", 1))
    with pytest.raises(tn.ModelError, match="TN101 byte 0x81 is not UTF-8"):
        tn.load(path)


SAMIAM = """net
{
  propagationenginegenerator1791944048146838126L = "edu.ucla.belief.approx.Generator@1d98a";
  node_size = (130.0 55.0);
}
node gate
{
  states = ("open" "shut" );
  position = (120 -160);
  excludepolicy = "include whole CPT";
  ismapvariable = "false";
  ID = "gate";
  label = "gate";
  diagnosistype = "AUXILIARY";
}
node dog
{
  states = ("out" "in" );
  ID = "dog";
}
potential ( gate | )
{
  data = ( 0.2 0.8 );
}
potential ( dog | gate )
{
  data = (( 0.7 0.3 )
          ( 0.1 0.9 ));
}
"""
CLASS = """class Yard {
  inputs = ();
  outputs = (dog);
  node_size = (80 40);
  node gate { states = ("open" "shut"); }
  node dog { states = ("out" "in"); }
  potential (gate) { data = (0.2 0.8); }
  potential (dog | gate) { data = ((0.7 0.3) (0.1 0.9)); }
}
"""


@pytest.mark.parametrize("text", [SAMIAM, CLASS], ids=["SamIam", "one class"])
def test_dialects_of_hugin(text: str, tmp_path: Path) -> None:
    path = tmp_path / "yard.net"
    path.write_text(text, encoding="utf-8")
    assert yard(path) == pytest.approx(RIGHT, rel=1e-12)


def test_instances_of_classes_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "yard.net"
    path.write_text(CLASS.replace("node gate", "instance old : Fence ();\nnode gate"), "utf-8")
    with pytest.raises(tn.ModelError, match="TN152 old: an instance of an object-oriented class"):
        tn.load(path)
    path.write_text(CLASS + CLASS.replace("Yard", "Fence"), encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN152 a second class, 'Fence'"):
        tn.load(path)


def test_variables_of_one_state_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pump.net"
    path.write_text(
        """net { }
node site { states = ("here"); }
node pump { states = ("ok" "broken"); }
node noise { states = ("no" "yes"); }
potential (site) { data = (1); }
potential (pump | site) { data = ((0.9 0.1)); }
potential (noise | pump site) { data = (((0.8 0.2)) ((0.3 0.7))); }
""",
        encoding="utf-8",
    )
    model = tn.load(path)
    assert [variable.name for variable in model.network.variables] == ["pump", "noise"]
    assert model.network.notes == ("site has one state, here, and was left out.",)
    right = 0.1 * 0.7 / (0.1 * 0.7 + 0.9 * 0.2)
    assert model.diagnose(noise="yes").posterior["pump"] == pytest.approx(right, rel=1e-12)
    path.write_text('node site { states = ("here"); } potential (site) { data = (1); }', "utf-8")
    with pytest.raises(tn.ModelError, match="TN102 there is no variable of two or more states"):
        tn.load(path)


# -- Netica and OpenMarkov ----------------------------------------------------------------------

NETICA = r"""// ~->[DNET-1]->~

// File created by someone at Norsys using Netica 5.02.

bnet Alarm_net {
autoupdate = TRUE;
comment = "He said \"hello\"; then { left";
whenchanged = 1160002344;

visual V1 {
    defdispform = BELIEFBARS;
    nodefont = font {shape= "Arial"; size= 10;};
    pagesize = (600, 800);
    };

node gate {
    kind = NATURE;
    discrete = TRUE;
    chance = CHANCE;
    states = (open, shut);
    parents = ();
    probs =
        // open         shut
          (0.2,         0.8);
    numcases = 1;
    title = "The gate";
    visual V1 {
        center = (276, 108);
        height = 1;
        };
    };

node wind {
    kind = NATURE;
    discrete = FALSE;
    chance = CHANCE;
    levels = (0, 5, 20, 90);
    parents = ();
    probs = (0.5, 0.3, 0.2);
    };

node dog {
    kind = NATURE;
    discrete = TRUE;
    chance = CHANCE;
    states = (out, in);
    parents = (gate, wind);
    probs =
        // out          in           // gate wind
        (((0.7,         0.3),        // open 0 to 5
          (0.6,         0.4),
          (0.5,         0.5)),
         ((0.1,         0.9),
          (0.2,         0.8),
          (0.3,         0.7)));
    };

node trouble {
    kind = NATURE;
    discrete = TRUE;
    chance = DETERMIN;
    states = (yes, no);
    parents = (dog, gate);
    functable = ((yes, #0), (no, #1));
    };
ElimOrder = (gate, dog);
};
"""


def test_netica_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "yard.dne"
    path.write_text(NETICA, encoding="utf-8")
    model = tn.load(path, baselines={"gate": "shut"})
    network = model.network
    assert network.name == "Alarm_net"
    assert network.by_name["gate"].label == "The gate"
    assert network.by_name["wind"].states == ("0_to_5", "5_to_20", "20_to_90")
    out_open, out_shut = 0.5 * 0.7 + 0.3 * 0.6 + 0.2 * 0.5, 0.5 * 0.1 + 0.3 * 0.2 + 0.2 * 0.3
    right = 0.2 * out_open / (0.2 * out_open + 0.8 * out_shut)
    assert model.diagnose(dog="out").posterior["gate"] == pytest.approx(right, rel=1e-12)
    assert model.diagnose(trouble="yes").posterior["gate"] == pytest.approx(right, rel=1e-12)
    right = 0.2 * 0.6 / (0.2 * 0.6 + 0.8 * 0.2)
    record = {"dog": "out", "wind": "5_to_20"}
    assert model.diagnose(record).posterior["gate"] == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("kind = NATURE", "kind = DECISION", "TN152 gate: a decision node"),
        ("levels = (0, 5, 20, 90);", "", "TN152 wind: a continuous node without levels"),
        ("(0.2,         0.8)", "(0.2, 0.7)", "TN133 gate"),
        ("(yes, #0)", "(yes, #7)", "TN113 trouble: no state '#7'"),
        ("(gate, wind);", "(gate, wnid);", "TN112 dog: no variable named 'wnid'"),
        ("(0.5, 0.3, 0.2)", "(0.5, 0.3, 0.2, 0)", "TN134 wind"),
        ("bnet", "bent", "TN150 'bnet' is expected"),
        ("ElimOrder = (gate, dog);", "ElimOrder = (gate, dog;", "TN150"),
    ],
)
def test_netica_files_that_are_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "yard.dne"
    path.write_text(NETICA.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(tn.ModelError, match=told.replace("(", r"\(")):
        tn.load(path)


OPENMARKOV = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<ProbModelXML formatVersion="0.2.0">
  <ProbNet type="BayesianNetwork">
    <DecisionCriteria><Criterion name="---" unit="---"/></DecisionCriteria>
    <Properties/>
    <Variables>
      <Variable name="gate" role="chance" type="finiteStates">
        <Coordinates x="200" y="100"/>
        <States><State name="open"/><State name="shut"/></States>
      </Variable>
      <Variable name="rain" role="chance" type="finiteStates">
        <States><State name="no"/><State name="some"/><State name="much"/></States>
      </Variable>
      <Variable name="dog" role="chance" type="finiteStates">
        <States><State name="out"/><State name="in"/></States>
      </Variable>
    </Variables>
    <Links>
      <Link directed="true"><Variable name="gate"/><Variable name="dog"/></Link>
      <Link directed="true"><Variable name="rain"/><Variable name="dog"/></Link>
    </Links>
    <Potentials>
      <Potential role="conditionalProbability" type="Table">
        <Variables><Variable name="gate"/></Variables><Values>0.2 0.8</Values>
      </Potential>
      <Potential role="conditionalProbability" type="Uniform">
        <Variables><Variable name="rain"/></Variables>
      </Potential>
      <Potential role="conditionalProbability" type="Table">
        <Variables><Variable name="dog"/><Variable name="gate"/><Variable name="rain"/></Variables>
        <Values>0.7 0.3 0.1 0.9 0.6 0.4 0.2 0.8 0.5 0.5 0.3 0.7</Values>
      </Potential>
    </Potentials>
  </ProbNet>
</ProbModelXML>
"""


def test_openmarkov_has_the_first_parent_faster(tmp_path: Path) -> None:
    path = tmp_path / "yard.pgmx"
    path.write_text(OPENMARKOV, encoding="utf-8")
    model = tn.load(path, baselines={"gate": "shut"})
    for rain, out_open, out_shut in (("no", 0.7, 0.1), ("some", 0.6, 0.2), ("much", 0.5, 0.3)):
        right = 0.2 * out_open / (0.2 * out_open + 0.8 * out_shut)
        found = model.diagnose(dog="out", rain=rain).posterior["gate"]
        assert found == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('role="chance"', 'role="decision"', "TN152 gate: a decision node"),
        ('type="finiteStates"', 'type="numeric"', "TN152 gate: a numeric variable"),
        ('type="finiteStates"', 'type="finiteStates" timeSlice="0"', "TN152 gate: .* in time"),
        ('type="Table"', 'type="ICIModel"', "TN152 gate: a potential of the type ICIModel"),
        ("0.2 0.8", "0.2 0.7", "TN133 gate"),
        ("<ProbNet", "<Net", "TN150"),
    ],
)
def test_openmarkov_files_that_are_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "yard.pgmx"
    text = OPENMARKOV.replace(old, new, 1)
    if old == "<ProbNet":
        text = text.replace("</ProbNet", "</Net")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(tn.ModelError, match=told):
        tn.load(path)


# -- UAI ----------------------------------------------------------------------------------------

# rain (v0, 3 states), sprinkler (v1) given rain, wet (v2) given both
RAIN, SPRINKLER = [0.5, 0.3, 0.2], [[0.6, 0.4], [0.8, 0.2], [0.9, 0.1]]
WET = [[[0.95, 0.05], [0.3, 0.7]], [[0.4, 0.6], [0.2, 0.8]], [[0.1, 0.9], [0.05, 0.95]]]


def uai_text(head: str, first: bool) -> str:
    """The three tables as UAI, the child first or last in its scope."""
    tables = {(0,): np.array(RAIN), (0, 1): np.array(SPRINKLER), (0, 1, 2): np.array(WET)}
    scopes, numbers = [], []
    for scope, table in tables.items():
        order = (scope[-1], *scope[:-1]) if first else scope
        turned = np.moveaxis(table, -1, 0) if first else table
        scopes.append(" ".join(map(str, (len(order), *order))))
        numbers.append(f"{turned.size} " + " ".join(map(str, turned.ravel().tolist())))
    return "\n".join([head, "3", "3 2 2", "3", *scopes, *numbers])


@pytest.mark.parametrize("first", [False, True])
def test_markov_files_of_conditional_tables(first: bool, tmp_path: Path) -> None:
    book, markov = tmp_path / "book.uai", tmp_path / "markov.uai"
    book.write_text(uai_text("BAYES", first=False), encoding="utf-8")
    markov.write_text(uai_text("MARKOV", first=first), encoding="utf-8")
    one, other = tn.load(book), tn.load(markov)
    assert other.network.fingerprint == one.network.fingerprint
    assert "Markov" in other.network.notes[0]
    right = enumerated(one.network, {"v2": "present"}, "v0", "s2")
    assert other.diagnose(v2="present").ranking
    assert other.diagnose(v2="present").marginal("v0")["s2"] == pytest.approx(right, rel=1e-12)


def test_markov_files_with_children_in_mixed_places(tmp_path: Path) -> None:
    path = tmp_path / "m.uai"
    # P(a), P(b | a) with the child first, P(c | b) with the child last
    path.write_text(
        "MARKOV 3 2 2 2 3 1 0 2 1 0 2 1 2 2 .8 .2 4 .9 .3 .1 .7 4 .6 .4 .25 .75", encoding="utf-8"
    )
    model = tn.load(path)
    assert model.network.parents("v1") == ("v0",)
    assert model.network.parents("v2") == ("v1",)
    b = 0.8 * 0.1 + 0.2 * 0.7
    assert model.diagnose({}).marginal("v1")["present"] == pytest.approx(b, rel=1e-12)


def test_markov_files_that_are_no_bayesian_networks(tmp_path: Path) -> None:
    path = tmp_path / "m.uai"
    path.write_text("MARKOV 2 2 2 2 1 0 2 0 1 2 .8 .2 4 1.9 .3 .1 .7", encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN152 the factor over v0 v1 is no conditional table"):
        tn.load(path)
    # Two tables of v0, none of v1.
    path.write_text("MARKOV 2 2 2 2 1 0 1 0 2 .8 .2 2 .5 .5", encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN152 the factor over v0 is no"):
        tn.load(path)


def test_a_chain_of_deterministic_or_tables_as_markov(tmp_path: Path) -> None:
    """Forty roots, or-ed one after the other: P(any) = 1 - .99 ** 40."""
    roots = 40
    scopes = [f"1 {i}" for i in range(roots)]
    tables = ["2 .99 .01"] * roots
    before = 0
    for i in range(1, roots):
        new = roots + i - 1
        scopes.append(f"3 {new} {before} {i}")
        tables.append("8 1 0 0 0 0 1 1 1")  # the child slowest
        before = new
    count = 2 * roots - 1
    text = ["MARKOV", str(count), " ".join(["2"] * count), str(count), *scopes, *tables]
    path = tmp_path / "or.uai"
    path.write_text("\n".join(text), encoding="utf-8")
    model = tn.load(path)
    dx = model.diagnose({f"v{before}": "present"})
    right = 0.01 / (1 - 0.99**roots)
    assert dx.posterior["v7"] == pytest.approx(right, rel=1e-9)


def test_evidence_of_both_styles(tmp_path: Path) -> None:
    path, evidence = tmp_path / "a.uai", tmp_path / "a.uai.evid"
    path.write_text(uai_text("BAYES", first=False), encoding="utf-8")
    model = tn.load(path)
    evidence.write_text("2 0 2 2 1\n", encoding="utf-8")
    assert tn.read_evidence(evidence, model) == [{"v0": "s2", "v2": "present"}]
    evidence.write_text("2\n1 0 1\n2 0 2 1 0\n", encoding="utf-8")
    assert tn.read_evidence(evidence, model) == [{"v0": "s1"}, {"v0": "s2", "v1": "absent"}]
    evidence.write_text("0", encoding="utf-8")
    assert tn.read_evidence(evidence, model) == [{}]
    wrong = {
        "2 0 2 9 1": "TN201",
        "1 0 3": "TN202",
        "2 0 1 0 2": "TN207",
        "1 0 1 1": "TN207",
        "1 0 x": "TN207",
        "": "TN207",
    }
    for text, code in wrong.items():
        evidence.write_text(text, encoding="utf-8")
        with pytest.raises(tn.RecordError, match=code):
            tn.read_evidence(evidence, model)


def test_evidence_at_the_end_of_a_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.uai"
    path.write_text(uai_text("BAYES", first=False) + "\n1 2 1\n", encoding="utf-8")
    (note,) = tn.load(path).network.notes
    assert note.startswith("The evidence at the end")
    for tail in ("1 2 7", "1 2", "2 1 0", "x", "1 2 1 1"):
        path.write_text(uai_text("BAYES", first=False) + f"\n{tail}\n", encoding="utf-8")
        with pytest.raises(tn.ModelError, match="TN150 the end of the file is expected"):
            tn.load(path)


# -- decisions and utilities --------------------------------------------------------------------

INFLUENCE = {
    "xdsl": """<smile version="1.0" id="N"><nodes>
<cpt id="rain"><state id="yes"/><state id="no"/><probabilities>0.3 0.7</probabilities></cpt>
<decision id="coat"><state id="take"/><state id="leave"/></decision>
<cpt id="wet"><state id="yes"/><state id="no"/><parents>rain</parents>
  <probabilities>0.9 0.1 0.2 0.8</probabilities></cpt>
<cpt id="warm"><state id="yes"/><state id="no"/><parents>coat</parents>
  <probabilities>0.9 0.1 0.2 0.8</probabilities></cpt>
<cpt id="glad"><state id="yes"/><state id="no"/><parents>wet warm</parents>
  <probabilities>0.9 0.1 0.2 0.8 0.9 0.1 0.2 0.8</probabilities></cpt>
<utility id="joy"><parents>rain coat</parents><utilities>1 0 0 1</utilities></utility>
</nodes></smile>""",
    "net": """net { }
node rain { states = ("yes" "no"); }
decision coat { states = ("take" "leave"); }
node wet { states = ("yes" "no"); }
node warm { states = ("yes" "no"); }
node glad { states = ("yes" "no"); }
utility joy { }
potential (rain) { data = (0.3 0.7); }
potential (wet | rain) { data = ((0.9 0.1) (0.2 0.8)); }
potential (warm | coat) { data = ((0.9 0.1) (0.2 0.8)); }
potential (glad | wet warm) { data = (((0.9 0.1) (0.2 0.8)) ((0.9 0.1) (0.2 0.8))); }
potential (joy | rain coat) { data = ((1 0) (0 1)); }
""",
}


@pytest.mark.parametrize("suffix", INFLUENCE)
def test_the_chance_part_of_a_decision_network_stands_by_itself(
    suffix: str, tmp_path: Path
) -> None:
    path, target = tmp_path / f"coat.{suffix}", tmp_path / "coat.bif"
    path.write_text(INFLUENCE[suffix], encoding="utf-8")
    with pytest.raises(tn.ModelError) as caught:
        read_model(path)
    assert [(one.code, one.path) for one in caught.value.problems] == [
        ("TN152", "coat"),
        ("TN152", "joy"),
    ]
    done = convert(path, target, drop_decisions=True)
    assert "Decisions and utilities were left out: coat, joy." in str(done)
    assert "So was what depends on them: warm, glad." in str(done)
    model = tn.load(target, baselines={"rain": "no"})
    assert [variable.name for variable in model.network.variables] == ["rain", "wet"]
    right = 0.3 * 0.9 / (0.3 * 0.9 + 0.7 * 0.2)
    assert model.diagnose(wet="yes").posterior["rain"] == pytest.approx(right, rel=1e-12)


def test_a_mistake_in_a_decision_network_is_still_told(tmp_path: Path) -> None:
    path = tmp_path / "coat.net"
    path.write_text(INFLUENCE["net"].replace("(0.3 0.7)", "(0.3 0.6)"), encoding="utf-8")
    with pytest.raises(tn.ModelError, match="TN133 rain"):
        read_model(path, drop_decisions=True)
