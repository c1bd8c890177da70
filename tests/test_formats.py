"""Foreign formats and our own writer: round trips, fixtures by hand, broken and hostile files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.strategies import networks
from twitchnet import bundled
from twitchnet.cli.main import convert as convert_command
from twitchnet.codes import CODES
from twitchnet.errors import ModelError, Problem, RecordError
from twitchnet.io.foreign.draft import MAX_CELLS
from twitchnet.io.foreign.files.bif import format_bif, parse_bif
from twitchnet.io.foreign.files.dne import format_dne, parse_dne
from twitchnet.io.foreign.files.net import format_net, parse_net
from twitchnet.io.foreign.files.pgmx import format_pgmx, parse_pgmx
from twitchnet.io.foreign.files.uai import format_uai, parse_uai
from twitchnet.io.foreign.files.xdsl import format_xdsl, parse_xdsl
from twitchnet.io.foreign.files.xmlbif import format_xmlbif, parse_xmlbif
from twitchnet.io.foreign.tabular import hidden, tabulated
from twitchnet.io.formats import FORMATS, YAML, convert, lint_model, read_model, write_model
from twitchnet.io.model_file import writer as model_writer
from twitchnet.io.model_file.reader import parse_network, read_network
from twitchnet.io.model_file.writer import format_network
from twitchnet.io.yaml import reader as yaml_reader
from twitchnet.io.yaml.reader import read
from twitchnet.io.yaml.text import block_text, flow_text
from twitchnet.model.checks.network import check
from twitchnet.model.local import Leak, Link, LocalModel, NoisyAnd, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Parameter, Source, Variable

MODELS = Path(__file__).parents[1] / "models"
Parse = Callable[..., Network]
READERS: dict[str, Parse] = {
    "bif": parse_bif,
    "dne": parse_dne,
    "net": parse_net,
    "pgmx": parse_pgmx,
    "uai": parse_uai,
    "xdsl": parse_xdsl,
    "xmlbif": parse_xmlbif,
}


def numbers(local: LocalModel | None) -> list[object]:
    """Every number of a local model, with the names it is about."""
    if isinstance(local, Table):
        return [local.parents, local.probabilities.tolist()]
    assert local is not None
    parts: list[object] = [type(local), local.leak.modifiers, local.leak.strength.tolist()]
    for link in local.links:
        parts += [link.parent, link.modifiers, link.strength.tolist()]
    return parts


def same(actual: Network, expected: Network) -> None:
    """Equal variables, states, kinds and numbers, digit for digit."""
    assert {v.name: (v.states, v.kind) for v in actual.nodes} == {
        v.name: (v.states, v.kind) for v in expected.nodes
    }
    for variable in expected.nodes:
        assert numbers(actual.by_name[variable.name].local) == numbers(variable.local)


# -- round trips ------------------------------------------------------------------------------


@settings(max_examples=60)
@given(networks(), st.sampled_from([8, 4096]))
def test_named_formats_round_trip_digit_for_digit(network: Network, cells: int) -> None:
    flat = tabulated(network, cells)
    same(parse_bif(format_bif(network, cells)), flat)
    same(parse_net(format_net(network, cells)), flat)
    same(parse_xmlbif(format_xmlbif(network, cells)), flat)
    same(parse_dne(format_dne(network, cells)), flat)
    same(parse_pgmx(format_pgmx(network, cells)), flat)


@settings(max_examples=60)
@given(networks())
def test_uai_keeps_everything_but_names(network: Network) -> None:
    flat, again = tabulated(network), parse_uai(format_uai(network))
    index = {variable.name: f"v{i}" for i, variable in enumerate(flat.nodes)}
    for variable in flat.nodes:
        local, other = variable.local, again.by_name[index[variable.name]].local
        assert isinstance(local, Table)
        assert isinstance(other, Table)
        assert other.parents == tuple(index[parent] for parent in local.parents)
        assert other.probabilities.tolist() == local.probabilities.tolist()


def _plain(network: Network) -> Network:
    """The network as GeNIe holds it: noisy nodes without modifiers, tables otherwise."""

    def keep(variable: Variable) -> bool:
        return isinstance(variable.local, NoisyOr | NoisyMax) and not variable.local.modifiers

    return tabulated(network, keep=keep)


@settings(max_examples=60)
@given(networks())
def test_xdsl_keeps_noisy_nodes_as_they_are(network: Network) -> None:
    plain, again = _plain(network), parse_xdsl(format_xdsl(network))
    graded_pairs = {
        v.name
        for v in plain.nodes
        if isinstance(v.local, NoisyMax) and v.card == 2  # with two states it is a noisy-OR
    }
    for variable in plain.nodes:
        other = again.by_name[variable.name]
        assert other.states == variable.states
        if variable.name in graded_pairs:
            assert isinstance(other.local, NoisyOr)
            assert isinstance(variable.local, NoisyMax)
            for link, twin in zip(variable.local.links, other.local.links, strict=True):
                assert twin.strength.tolist() == link.strength[..., 1].tolist()
        else:
            assert numbers(other.local) == numbers(variable.local)


@settings(max_examples=150)
@given(networks())
def test_the_model_file_round_trips_to_an_equal_fingerprint(network: Network) -> None:
    text = format_network(network)
    again = parse_network(text)
    assert again.fingerprint == network.fingerprint
    same(again, network)
    assert format_network(again) == text


@pytest.mark.parametrize("name", ["demo", "twitchy_legs"])
def test_bundled_models_round_trip_with_words_and_provenance(name: str, tmp_path: Path) -> None:
    network = read_network(MODELS / f"{name}.yaml")
    write_model(network, tmp_path / "again.yaml")
    again = read_network(tmp_path / "again.yaml")
    assert again.fingerprint == network.fingerprint
    same(again, network)

    def words(variable: Variable) -> list[object]:
        return [
            getattr(variable, field) for field in Variable.__dataclass_fields__ if field != "local"
        ]

    assert [words(v) for v in again.variables] == [words(v) for v in network.variables]
    assert sorted(map(repr, again.parameters)) == sorted(map(repr, network.parameters))
    fields = set(Network.__dataclass_fields__) - {"variables", "parameters"}
    for field in sorted(fields):
        assert getattr(again, field) == getattr(network, field), field
    assert format_network(again) == format_network(network)


def test_one_line_per_link() -> None:
    network = read_network(MODELS / "twitchy_legs.yaml")
    links = sum(
        len(v.local.links) for v in network.nodes if v.local and not isinstance(v.local, Table)
    )
    lines = [line for line in format_network(network).splitlines() if ": {" in line or "p:" in line]
    assert len(lines) >= links
    assert all(len(line) < 2000 for line in lines)


def test_cells_with_ranges_of_their_own_are_written_in_their_place() -> None:
    leak = Leak(("a",), np.array([0.1, 0.2]))
    cells = (
        Parameter("b", "leak", (0,), 0.1, 0.05, 0.2, ("s",), "first"),
        Parameter("b", "leak", (1,), 0.2, 0.1, 0.4, ("s",)),
    )
    states = ("absent", "present")
    network = Network(
        "n",
        "1",
        (
            Variable("a", "context", states, "A", Table((), np.array([0.5, 0.5]))),
            Variable("b", "cause", states, "B", NoisyOr(leak, ())),
        ),
        sources=(Source("s", "judgement", "A guess"),),
        parameters=cells,
    )
    text = format_network(network)
    assert "leak: {by: [a], p: [{p: 0.1, range: [0.05, 0.2], source: s, note: first}, {p" in text
    assert parse_network(text).parameters[-2:] == cells


def test_a_network_too_large_for_a_model_file_is_refused_by_name() -> None:
    states = ("absent", "present")
    parents = tuple(f"p{i}" for i in range(13))
    variables = [
        Variable(name, "cause", states, name, Table((), np.array([0.5, 0.5]))) for name in parents
    ]
    table = Table(parents, np.full((2,) * 14, 0.5))
    wide = Network("n", "1", (*variables, Variable("x", "finding", states, "x", table)))
    with pytest.raises(ModelError, match=r"TN154 mechanisms\.x\.table: a table over 13"):
        format_network(wide)


def test_a_model_file_that_the_reader_would_refuse_is_not_written() -> None:
    """Tables with a hundred thousand rows of short numbers are below 5 MB, but many lists."""
    assert (model_writer.MAX_BYTES, model_writer.MAX_CONTAINERS) == (
        yaml_reader.MAX_BYTES, yaml_reader.MAX_CONTAINERS,
    )  # fmt: skip
    parents = tuple("abcdefghijkl")
    states = ("a", "b")
    roots = [Variable(n, "cause", states, n, Table((), np.array([1.0, 0.0]))) for n in parents]
    table = Table(parents, np.broadcast_to([1.0, 0.0], (2,) * 13))
    leaves = [Variable(f"x{i}", "finding", states, "x", table) for i in range(90)]
    network = Network("n", "1", (*roots, *leaves))
    with pytest.raises(ModelError, match=r"TN154 the text has more than the 300,000 lists"):
        format_network(network)
    few = replace(network, variables=(*roots, *leaves[:50]))
    assert parse_network(format_network(few)).fingerprint == few.fingerprint


@given(st.text(max_size=300))
def test_any_text_is_read_back_from_yaml(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    document = read(f"a: {block_text(text, 2)}\nb: [{flow_text(text)}]\n")
    assert document.flaws == []
    assert document.value == {"a": text, "b": [text]}


@pytest.mark.parametrize("text", ["no", "1e3", ".5", "0x1F", "2001-02-03", "~", "a: b", "a #b", ""])
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    assert block_text(text, 0) == flow_text(text) == f'"{text}"'


SUFFIXES = [*YAML[:1], *FORMATS]


@pytest.mark.parametrize(("source", "target"), list(product(SUFFIXES, SUFFIXES)))
def test_every_format_converts_to_every_other(source: str, target: str, tmp_path: Path) -> None:
    demo = read_network(MODELS / "demo.yaml")
    first, second = tmp_path / f"a{source}", tmp_path / f"b{target}"
    write_model(demo, first)
    done = convert(first, second)
    assert (done.source, done.target) == (str(first), str(second))
    again = read_model(second)
    assert len(again.nodes) == len(tabulated(done.network).nodes) or target in (".yaml", ".xdsl")
    if ".uai" not in (source, target):
        assert {v.name for v in demo.nodes} <= {v.name for v in again.nodes}


def test_every_list_of_formats_is_complete() -> None:
    every = {*YAML, *FORMATS}
    assert set(bundled.SUFFIXES) == every
    assert set(READERS) == set(FORMATS.values())  # broken and hostile files
    page = (MODELS.parent / "docs" / "formats.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\.\w+)`", page.partition("## Writing")[0])) == every
    for text in (convert_command.__doc__, tn.load.__doc__, CODES["TN153"].cure):
        assert text is not None
        assert set(re.findall(r"\.[a-z]+\b", text)) >= every - {".yml"}


def test_convert_says_what_is_lost(tmp_path: Path) -> None:
    done = convert(MODELS / "twitchy_legs.yaml", tmp_path / "legs.bif")
    assert "hidden nodes were added" in str(done)
    assert "screen questions" in str(done)
    assert "no place for sources, ranges, rules, watches, options, coverage" in str(done)
    assert convert(MODELS / "demo.yaml", tmp_path / "d.yaml").notes == ()


def test_a_target_that_cannot_be_written_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "old.bif").write_text("network x {", encoding="utf-8")
    target = tmp_path / "new.bif"
    target.write_text("as it was", encoding="utf-8")
    with pytest.raises(ModelError, match="TN150"):
        convert(tmp_path / "old.bif", target)
    assert target.read_text(encoding="utf-8") == "as it was"


def test_suffixes_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"TN153 no format has the suffix '.biff' \(did you mean"):
        read_model(tmp_path / "a.biff")
    with pytest.raises(ModelError, match="TN153 the file has no suffix"):
        convert(MODELS / "demo.yaml", tmp_path / "a")
    with pytest.raises(ModelError, match=r"TN100 the file cannot be read"):
        read_model(tmp_path / "nothing.bif")


def test_the_command_converts_and_the_other_commands_take_the_result(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "twitchnet", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    target = str(tmp_path / "demo.xdsl")
    done = run("convert", "demo", target)
    assert (done.returncode, done.stdout) == (0, "")
    assert "6 variables" in done.stderr
    assert "the format has no place for sources, ranges, rules, options" in done.stderr
    assert run("check", target).returncode == 0
    assert "Tired muscles" in run("rank", target, "leg_twitching=present").stdout
    (tmp_path / "bad.net").write_text("node x", encoding="utf-8")
    broken = run("check", str(tmp_path / "bad.net"))
    assert broken.returncode == 1
    assert "TN150 '{' is expected" in broken.stdout
    assert run("convert", "demo", str(tmp_path / "x.doc")).returncode == 1


# -- tables from local models -------------------------------------------------------------------


@settings(max_examples=60)
@given(networks(), st.sampled_from([1, 8, 32]))
def test_no_table_is_larger_than_asked_for(network: Network, cells: int) -> None:
    flat = tabulated(network, cells)
    assert check(flat) == []
    own = max(
        [1, *(_widest(v.local, flat.cards, v.card) for v in network.nodes)]
    )  # a single link, or a table of the network's own, may be wider
    for variable in flat.nodes:
        assert isinstance(variable.local, Table)
        assert variable.local.probabilities.size <= max(cells, own)


def _widest(local: LocalModel | None, cards: dict[str, int], card: int) -> int:
    if isinstance(local, Table):
        return local.probabilities.size
    assert local is not None
    sizes = [part.strength.size for part in (local.leak, *local.links)]
    # with the node and the hidden node handed on; a producer of a descriptor has two states
    return max(2, *sizes) * card * card


@pytest.mark.parametrize("kind", [NoisyOr, NoisyAnd])
def test_a_divorced_node_equals_its_full_table(kind: type[NoisyOr] | type[NoisyAnd]) -> None:
    states = ("absent", "present")
    parents = [f"p{i}" for i in range(6)]
    strengths = [0.3, 1e-9, 0.0, 1.0, 0.7, 1e-12]
    roots = [
        Variable(name, "cause", states, name, Table((), np.array([0.5, 0.5]))) for name in parents
    ]
    links = [Link(p, (), np.array([0.0, w])) for p, w in zip(parents, strengths, strict=True)]
    local = kind(Leak((), np.array(1e-10)), tuple(links))
    network = Network("n", "1", (*roots, Variable("x", "finding", states, "x", local)))
    flat = tabulated(network, 8)
    assert len(hidden(flat)) == 4
    wanted = local.full_table(network.cards)
    for world in product((0, 1), repeat=6):
        values = dict(zip(parents, world, strict=True))
        row = np.ones(1)
        for name in [*hidden(flat), "x"]:  # push the distribution along the chain
            table = flat.by_name[name].local
            assert isinstance(table, Table)
            index = tuple(values.get(p, slice(None)) for p in table.parents)
            row = row @ np.atleast_2d(table.probabilities[index])
        np.testing.assert_allclose(row, wanted[world], rtol=1e-9, atol=1e-15)


# -- fixtures by hand ---------------------------------------------------------------------------

BIF = """
// a comment
network "dog problem" { property author = "someone"; }
variable family-out { type discrete [2] { true, false }; property position = (1, 2); }
variable "light-on" { type discrete[2] {true false}; }
variable bark { type discrete [ 3 ] { none, some, "a lot" }; }
probability ( family-out ) { table .15 .85; }
/* the child's states are outermost */
probability ( "light-on" | family-out ) { table .6 .05 .4 .95; }
probability ( bark | family-out, "light-on" ) {
  default .2, .3, .5;
  (true, false) 0.7, 0.2, 0.1;
}
"""


def test_bif_by_hand() -> None:
    network = parse_bif(BIF, "dog.bif")
    assert [v.name for v in network.variables] == ["family_out", "light_on", "bark"]
    assert [v.label for v in network.variables] == ["family-out", "light-on", "bark"]
    assert [v.kind for v in network.variables] == ["cause", "cause", "finding"]
    # `false` is a baseline and comes first; of three states only no, absent and none do
    assert network.by_name["family_out"].states == ("false", "true")
    assert network.by_name["bark"].states == ("none", "some", "a_lot")
    assert numbers(network.by_name["family_out"].local) == [(), [0.85, 0.15]]
    assert numbers(network.by_name["light_on"].local) == [
        ("family_out",),
        [[0.95, 0.05], [0.4, 0.6]],
    ]
    assert numbers(network.by_name["bark"].local) == [
        ("family_out", "light_on"),
        [[[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], [[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]]],
    ]
    assert network.title == "dog problem"
    assert check(network) == []


XMLBIF = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- a document type that only declares elements is harmless -->
<!DOCTYPE BIF [ <!ELEMENT BIF ( NETWORK )*> <!ATTLIST BIF VERSION CDATA #REQUIRED> ]>
<BIF VERSION="0.3"><NETWORK><NAME>Dog</NAME>
<VARIABLE TYPE="nature"><NAME>a</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>b</NAME>
  <OUTCOME>low</OUTCOME><OUTCOME>mid</OUTCOME><OUTCOME>high</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>c</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<DEFINITION><FOR>a</FOR><TABLE>0.9 0.1</TABLE></DEFINITION>
<DEFINITION><FOR>b</FOR><TABLE>0.2 <!-- here too --> 0.3 0.5</TABLE></DEFINITION>
<DEFINITION><FOR>c</FOR><GIVEN>a</GIVEN><GIVEN>b</GIVEN>
  <TABLE>.1 .9 .2 .8 .3 .7 .4 .6 .5 .5 .6 .4</TABLE></DEFINITION>
</NETWORK></BIF>"""

NET = """% Hugin
net { node_size = (80 40); name = "Dog"; }
node a { states = ("no" "yes"); label = "Out"; position = (10 20); }
discrete node b { states = ("low" "mid" "high"); }
node c { states = ("no" "yes"); }
potential (a) { data = (0.9 0.1); }
potential (b) { data = (0.2 0.3 0.5); % low mid high
}
potential (c | a b) { data = (((.1 .9) (.2 .8) (.3 .7)) ((.4 .6) (.5 .5) (.6 .4))); }
"""

UAI = """BAYES
3
2 3 2
3
1 0
1 1
3 0 1 2

2 0.9 0.1
3 0.2 0.3 0.5
12 .1 .9 .2 .8 .3 .7
   .4 .6 .5 .5 .6 .4
"""

XDSL = """<?xml version="1.0" encoding="UTF-8"?>
<smile version="1.0" id="Dog"><nodes>
<cpt id="a"><state id="no" /><state id="yes" /><probabilities>0.9 0.1</probabilities></cpt>
<cpt id="b"><state id="low" /><state id="mid" /><state id="high" />
  <probabilities>0.2 0.3 0.5</probabilities></cpt>
<cpt id="c"><state id="no" /><state id="yes" /><parents>a b</parents>
  <probabilities>.1 .9 .2 .8 .3 .7 .4 .6 .5 .5 .6 .4</probabilities></cpt>
</nodes><extensions><genie><submodel><node id="c"><name>Bark</name></node></submodel></genie>
</extensions></smile>"""


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse_xmlbif, XMLBIF), (parse_net, NET), (parse_uai, UAI), (parse_xdsl, XDSL)],
)
def test_the_order_of_the_numbers_by_hand(parse: Parse, text: str) -> None:
    network = parse(text)
    a, b, c = network.nodes
    assert numbers(a.local) == [(), [0.9, 0.1]]
    assert numbers(b.local) == [(), [0.2, 0.3, 0.5]]
    rows = [[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], [[0.4, 0.6], [0.5, 0.5], [0.6, 0.4]]]
    assert numbers(c.local) == [(a.name, b.name), rows]
    assert (c.kind, a.kind) == ("finding", "cause")
    assert parse(text.encode()).fingerprint == network.fingerprint


def test_yes_and_no_answer_a_foreign_no_or_yes() -> None:
    model = tn.Model(parse_net(NET))
    expected = model.diagnose({"c": "yes"}).posterior
    assert model.diagnose({"c": True}).posterior == expected
    assert model.diagnose({"c": "present"}).posterior == expected
    assert model.diagnose({"c": 1}).posterior == expected
    with pytest.raises(RecordError, match=r"TN203.*low, mid, high"):
        model.diagnose({"b": True})


def test_genie_shows_names_and_hugin_labels() -> None:
    assert parse_xdsl(XDSL).by_name["c"].label == "Bark"
    assert parse_net(NET).by_name["a"].label == "Out"
    assert parse_net(NET).name == parse_xdsl(XDSL).name == parse_xmlbif(XMLBIF).name == "Dog"


NOISY = """<smile version="1.0" id="pump"><nodes>
<cpt id="wear"><state id="high" /><state id="low" /><state id="none" />
  <probabilities>0.1 0.2 0.7</probabilities></cpt>
<cpt id="leak"><state id="yes" /><state id="no" /><probabilities>0.05 0.95</probabilities></cpt>
<deterministic id="old"><state id="yes" /><state id="no" />
  <parents>wear</parents><resultingstates>yes no no</resultingstates></deterministic>
<noisymax id="noise"><state id="loud" /><state id="soft" /><state id="quiet" />
  <parents>wear leak</parents><strengths>0 1 2 0 1</strengths>
  <parameters>.5 .3 .2  .1 .4 .5  0 0 1   .2 .2 .6  0 0 1   .01 .04 .95</parameters></noisymax>
<noisymax id="alarm"><state id="on" /><state id="off" />
  <parents>wear</parents><strengths>1 0 2</strengths>
  <parameters>.3 .7  .8 .2  0 1  .02 .98</parameters></noisymax>
</nodes></smile>"""


def test_genies_noisy_max_by_hand() -> None:
    network = parse_xdsl(NOISY)
    assert network.by_name["noise"].states == ("quiet", "soft", "loud")
    assert network.by_name["wear"].states == ("none", "high", "low")  # the neutral one in front
    noise = network.by_name["noise"].local
    assert isinstance(noise, NoisyMax)
    assert noise.leak.strength.tolist() == [0.95, 0.04, 0.01]
    assert noise.links[0].strength.tolist() == [[1, 0, 0], [0.2, 0.3, 0.5], [0.5, 0.4, 0.1]]
    alarm = network.by_name["alarm"].local
    assert isinstance(alarm, NoisyOr)
    # strengths "1 0 2": the first column is the one of the parent's second state (low)
    assert alarm.links[0].strength.tolist() == [0.0, 0.8, 0.3]
    assert float(alarm.leak.strength) == 0.02
    # P(at most soft | wear high, leak yes) = .95 + .04, times .2 + .3, times .6 + .2
    row = noise.full_table(network.cards)[1, 1]
    assert row[:2].sum() == pytest.approx(0.99 * 0.5 * 0.8, rel=1e-12)
    assert numbers(network.by_name["old"].local) == [("wear",), [[1, 0], [0, 1], [1, 0]]]
    assert check(network) == []


def test_a_parent_that_cannot_please_two_children_makes_a_table() -> None:
    text = NOISY.replace("<strengths>1 0 2</strengths>", "<strengths>2 1 0</strengths>")
    alarm = parse_xdsl(text).by_name["alarm"].local
    assert isinstance(alarm, Table)  # its neutral state is `high`, that of noise is `none`
    assert alarm.probabilities[:, 1] == pytest.approx([1 - 0.98 * 0.7, 0.02, 1 - 0.98 * 0.2])


def test_states_that_genie_cannot_spell_come_back() -> None:
    states = ("18-34", "35+", "unknown_")
    network = Network(
        "n",
        "1",
        (
            Variable("age", "context", states, "Age & <more>", Table((), np.array([.2, .3, .5]))),
            Variable(
                "x", "finding", ("absent", "present"), 'a "b"',
                NoisyOr(Leak((), np.array(0.1)), (Link("age", (), np.array([0.0, 0.5, 0.25])),)),
            ),
        ),
    )  # fmt: skip
    text = format_xdsl(network)
    assert '<state id="s18_34" />' in text
    same(parse_xdsl(text), network)
    assert parse_xdsl(text).by_name["age"].label == "Age & <more>"


def test_bif_keeps_to_plain_words_and_restores_the_states() -> None:
    states = ("18-34", "35+")
    variable = Variable("age", "context", states, "age", Table((), np.array([0.25, 0.75])))
    text = format_bif(Network("n", "1", (variable,)))
    assert "type discrete [ 2 ] { s18_34, s35_ };" in text
    assert "property states = 18-34 35+;" in text
    same(parse_bif(text), Network("n", "1", (variable,)))


def test_rounded_rows_are_scaled_and_far_ones_refused() -> None:
    text = "BAYES 1 3 1 1 0 3 .333 .333 .333"
    (variable,) = parse_uai(text).nodes
    assert isinstance(variable.local, Table)
    assert variable.local.probabilities.sum() == pytest.approx(1.0, abs=1e-15)
    with pytest.raises(ModelError, match=r"TN133 v0: the probabilities add up to 0.9, not to 1"):
        parse_uai("BAYES 1 3 1 1 0 3 .3 .3 .3")


def test_names_that_cannot_be_spelled_are_replaced_and_stay_different() -> None:
    text = """variable a-b {type discrete [2] {"<= 5", "> 5"};}
    variable a_b {type discrete [2] {x=1, x&1};} variable 1st {type discrete [2] {a, Unknown};}
    probability (a-b) {table 1 0;} probability (a_b) {table 1 0;} probability (1st) {table 1 0;}"""
    network = parse_bif(text)
    assert [v.name for v in network.variables] == ["a_b_2", "a_b", "v1st"]
    assert [v.states for v in network.variables] == [
        ("<_5", ">_5"), ("x_1", "x_1_2"), ("a", "Unknown_2"),
    ]  # fmt: skip
    assert parse_network(format_network(network)).fingerprint == network.fingerprint


# -- broken files -------------------------------------------------------------------------------

VAR = "variable x {type discrete [2] {a, b};}\n"
NODE = 'node x {states = ("a" "b");}\n'
CPT = '<smile><nodes>\n<cpt id="x"><state id="a"/><state id="b"/>'
END = "</cpt>\n</nodes></smile>"
BROKEN = [
    ("bif", "", "TN102", 0, "nothing in the file"),
    ("bif", b"network \xff {}", "TN101", 1, "byte 0xff"),
    ("bif", "network x {", "TN150", 1, "'}' is expected, found the end"),
    ("bif", "variable x [", "TN150", 1, "'{' is expected, found '\\['"),
    ("bif", VAR + "nonsense (", "TN150", 2, "'network', 'variable' or 'probability'"),
    ("bif", 'network "x', "TN150", 1, "a quote is not closed"),
    ("bif", "variable x {type continuous;}", "TN152", 1, "'x' is continuous"),
    ("bif", "variable x {}\n", "TN121", 1, "no type"),
    ("bif", "variable x {type discrete [3] {a, b};}", "TN147", 1, "3 states are announced"),
    ("bif", "variable x {type discrete [1] {};}", "TN147", 1, "1 states are announced, 0"),
    ("bif", "variable x {type discrete [2] {a, a};}", "TN147", 1, "'a' is named twice"),
    ("bif", VAR + VAR, "TN118", 2, "'x' is declared twice"),
    ("bif", VAR, "TN140", 1, "x: has no table"),
    ("bif", VAR + "probability (y) {table 1 0;}", "TN112", 2, "no variable named 'y'"),
    ("bif", VAR + "probability (x | y) {table 1 0;}", "TN112", 2, "no variable named 'y'"),
    ("bif", VAR + "probability (x) {table 1 0 0;}", "TN134", 2, r"2 numbers \(2\) are expected"),
    ("bif", VAR + "probability (x) {table .5 .6;}", "TN133", 2, "add up to 1.1"),
    ("bif", VAR + "probability (x) {table -.5 1.5;}", "TN130", 2, "-0.5 is not a probability"),
    ("bif", VAR + "probability (x) {table nan 1;}", "TN110", 2, "nan is not a finite number"),
    ("bif", VAR + "probability (x) {table 1e999 1;}", "TN110", 2, "not a finite number"),
    ("bif", VAR + "probability (x) {table o 1;}", "TN122", 2, "a number is expected, found 'o'"),
    ("bif", VAR + "probability (x | x) {(a) 1 0; (b) 1 0;}", "TN117", 2, "depends on itself"),
    ("bif", VAR + "probability (x) {table 1 0;}\n" * 2, "TN118", 3, "has its table already"),
    ("bif", BIF.replace("(true, false)", "(true, maybe)"), "TN113", 12, "no state 'maybe'"),
    ("bif", BIF.replace("(true, false)", "(true)"), "TN134", 12, "2 states of parents"),
    ("bif", BIF.replace("  default .2, .3, .5;\n", ""), "TN134", 10, "4 rows are expected"),
    ("bif", BIF.replace("default .2, .3, .5", "table .2 .3"), "TN125", 11, "beside other entries"),
    (
        "bif",
        VAR + VAR.replace("x", "y") + "probability (x | y) {default 1 0;}\n"
        "probability (y | x) {default 1 0;}",
        "TN117", 3, "a cycle: x -> y -> x",
    ),
    ("net", "net {", "TN150", 1, "a name or '}' is expected"),
    ("net", NODE + "utility u {}", "TN152", 2, "a utility node cannot be read"),
    ("net", "continuous node y {}", "TN152", 1, "a continuous node"),
    ("net", "node x {label = \"X\";}", "TN121", 1, "the node has no states"),
    ("net", NODE + "potential (x) {data = (.5 .6);}", "TN133", 2, "add up to 1.1"),
    ("net", NODE + "potential (x) {data = (.5 .5;}", "TN150", 2, "a value is expected, found ';'"),
    ("net", NODE + "potential (x) {model_nodes = (); }", "TN152", 2, "given by an expression"),
    ("net", NODE + f"potential (x) {{data = {'(' * 99}", "TN104", 2, "open brackets"),
    ("uai", "MARKOV 1 2 1 1 0 2 .5 .6", "TN152", 1, "over v0 is no conditional table"),
    ("uai", "BAYESIAN 1", "TN150", 1, "'BAYES' is expected"),
    ("uai", "BAYES x", "TN150", 1, "the number of variables is expected, found 'x'"),
    ("uai", "BAYES 99999999", "TN148", 1, "at most 20,000"),
    ("uai", "BAYES 1 2 2", "TN134", 1, "one factor a variable, found 2"),
    ("uai", "BAYES 1 2 1 1 7", "TN148", 1, "the number of a variable: 7"),
    ("uai", "BAYES 1 2 1 0", "TN134", 1, "has no child"),
    ("uai", "BAYES 1 2 1 1 0\n2 .5", "TN150", 2, "a number is expected, found the end"),
    ("uai", "BAYES 1 200 1 1 0 0", "TN147", 1, "200 states, at most 127"),
    ("uai", UAI + "1", "TN150", 13, "the end of the file is expected, found '1'"),
    ("xmlbif", "<BIF>", "TN150", 1, "the XML cannot be read: no element found"),
    ("xmlbif", "<x/>", "TN150", 1, "<BIF><NETWORK> is expected, found <x>"),
    ("xmlbif", XMLBIF.replace("<FOR>a</FOR>", ""), "TN121", 9, "<DEFINITION> has no <FOR>"),
    ("xmlbif", XMLBIF.replace('TYPE="nature"', 'TYPE="utility"', 1), "TN152", 5, "a utility node"),
    ("xmlbif", XMLBIF.replace("0.9 0.1", "0.9"), "TN134", 9, "2 numbers"),
    ("xdsl", "<BIF/>", "TN150", 1, "<smile><nodes> is expected, found <BIF>"),
    ("xdsl", "", "TN102", 0, "nothing in the file"),
    ("xdsl", '<smile><nodes>\n<noisyadder id="n"/></nodes></smile>', "TN152", 2, "noisy-adder"),
    ("xdsl", '<smile><nodes>\n<decision id="d"/></nodes></smile>', "TN152", 2, "d: a decision"),
    ("xdsl", "<smile><nodes><cpt/></nodes></smile>", "TN121", 1, "<cpt> has no id"),
    ("xdsl", f"{CPT}<probabilities>1</probabilities>{END}", "TN134", 2, "x: 2 numbers"),
    ("xdsl", f"{CPT}<parents>y</parents>{END}", "TN112", 2, "no variable named 'y'"),
    ("xdsl", NOISY.replace("0 1 2 0 1", "0 1 1 0 1"), "TN134", 7, "strengths do not name each"),
    ("xdsl", NOISY.replace(".01 .04 .95<", ".01 .04<"), "TN134", 7, "18 parameters are expected"),
    ("xdsl", NOISY.replace("0 0 1   .2", "0 .1 .9 .2"), "TN145", 7, "the weakest state of 'wear'"),
    ("xdsl", NOISY.replace("yes no no<", "yes no maybe<"), "TN113", 5, "no state 'maybe'"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "code", "line", "match"), BROKEN)
def test_broken_files_say_where_and_what(
    kind: str, data: str | bytes, code: str, line: int, match: str
) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        READERS[kind](data, f"broken.{kind}")
    told = [(problem.code, problem.line) for problem in caught.value.problems]
    assert (code, line) in told
    assert {problem.file for problem in caught.value.problems} == {f"broken.{kind}"}


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = VAR + "probability (y) {table 1 0;}\nprobability (x) {table .5 .6;}\n" + VAR
    with pytest.raises(ModelError) as caught:
        parse_bif(text, "x.bif")
    assert [(p.code, p.line) for p in caught.value.problems] == [
        ("TN112", 2), ("TN133", 3), ("TN118", 4),
    ]  # fmt: skip


# -- hostile files ------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    ("document_type", "code"),
    [
        (f'<!DOCTYPE BIF [<!ENTITY l0 "ha">{LAUGHS}]>', "TN151"),
        ('<!DOCTYPE BIF [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "TN151"),
        ('<!DOCTYPE BIF [<!ENTITY % p SYSTEM "http://localhost/x"> %p;]>', "TN151"),
        ('<!DOCTYPE BIF SYSTEM "http://localhost/bif.dtd">', "TN151"),
        ('<!DOCTYPE BIF PUBLIC "a" "http://localhost/bif.dtd">', "TN151"),
    ],
)
@pytest.mark.parametrize("parse", [parse_xmlbif, parse_xdsl])
def test_entities_and_external_types_are_refused(
    document_type: str, code: str, parse: Parse
) -> None:
    text = f'<?xml version="1.0"?>\n{document_type}<BIF><NETWORK>&l9;</NETWORK></BIF>'
    with pytest.raises(ModelError, match=f"{code}.*refused"):
        parse(text)


def test_an_entity_that_nothing_declares_is_refused() -> None:
    with pytest.raises(ModelError, match=r"TN150.*undefined entity"):
        parse_xmlbif("<BIF><NETWORK>&nothing;</NETWORK></BIF>")


def test_deep_xml_is_refused() -> None:
    with pytest.raises(ModelError, match="TN104"):
        parse_xdsl("<smile><nodes>" + "<a>" * 1_000_000)


def test_an_encoding_that_is_not_known_is_refused() -> None:
    with pytest.raises(ModelError, match=r"TN1(01|50)"):
        parse_xdsl(b'<?xml version="1.0" encoding="x-no-such"?><smile/>')


def _parents(count: int) -> str:
    names = [f"p{i}" for i in range(count)]
    declared = "".join(f"variable {n} {{type discrete [2] {{a, b}};}}\n" for n in [*names, "x"])
    return declared + f"probability (x | {', '.join(names)}) "


@pytest.mark.parametrize("count", [25, 30, 31, 5000])
@pytest.mark.parametrize("body", ["{default .5 .5;}", "{table .5;}", "{(a) .5 .5;}"])
def test_a_small_file_cannot_ask_for_a_large_table(count: int, body: str) -> None:
    with pytest.raises(ModelError, match="TN148"):
        parse_bif(_parents(count) + body)


def test_many_uniform_potentials_share_one_budget() -> None:
    def chain(letter: str) -> str:
        """20 nodes, each with all earlier ones as parents: 2 ** 21 cells."""
        names = [f"{letter}{i}" for i in range(20)]
        text = "".join(f'node {name} {{states = ("a" "b");}}\n' for name in names)
        return text + "".join(
            f"potential ({name} | {' '.join(names[:i])}) {{}}\n" for i, name in enumerate(names)
        )

    assert len(parse_net(chain("a")).nodes) == 20
    assert MAX_CELLS < 4 * 2**21
    with pytest.raises(ModelError, match="TN148"):
        parse_net("".join(chain(letter) for letter in "abcd"))


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(READERS)),
    st.sampled_from([BIF, NET, UAI, XDSL, NOISY, XMLBIF]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 40), st.text(max_size=8)), max_size=4),
)
def test_mangled_files_are_read_or_refused_never_worse(
    kind: str, text: str, edits: list[tuple[int, int, str]]
) -> None:
    for at, gone, new in edits:
        at %= len(text) + 1
        text = text[:at] + new + text[at + gone :]
    network, problems = _read(READERS[kind], text)
    if network is None:
        assert {problem.code[:3] for problem in problems} == {"TN1"}
    else:
        assert check(network) == []


def _read(parse: Parse, text: str) -> tuple[Network | None, tuple[Problem, ...]]:
    try:
        return parse(text), ()
    except ModelError as error:
        return None, error.problems


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused(kind: str, data: bytes) -> None:
    with pytest.raises(ModelError):
        READERS[kind](data)


# -- the order of tables that a program has of its own ------------------------------------------

AGRUM_XDSL = """<?xml version="1.0" ?>
<smile version="1.0" id="bn"><nodes>
<cpt id="b"><state id="n" /><state id="p" /><probabilities>0.9 0.1</probabilities></cpt>
<cpt id="a"><state id="x" /><state id="y" /><state id="z" />
  <probabilities>0.6 0.2 0.2</probabilities></cpt>
<cpt id="c"><state id="lo" /><state id="hi" /><parents>a b</parents>
  <probabilities>0.99 0.01 0.89 0.11 0.79 0.21 0.98 0.02 0.88 0.12 0.78 0.22</probabilities></cpt>
</nodes><extensions><genie version="1.0" app="aGrUM 3.3.1" name="bn"></genie></extensions></smile>
"""
AGRUM_UAI = """BAYES
3
3 2 2
3
1 0   # a
3 0 2 1   # c
1 2   # b

3
  0.6 0.2 0.2
12
  0.99 0.01
  0.89 0.11
  0.79 0.21
  0.98 0.02
  0.88 0.12
  0.78 0.22
2
  0.9 0.1
"""
PGMPY_UAI = """BAYES
3
2 2 3
3
1 2
1 0
3 0 2 1

3
0.6 0.2 0.2
2
0.9 0.1
12
0.99 0.98 0.89 0.88 0.79 0.78 0.01 0.02 0.11 0.12 0.21 0.22"""
# P(c = hi | a, b) of the network that both programs wrote, for a = x, y, z and b = n, p
WRITTEN = [[0.01, 0.02], [0.11, 0.12], [0.21, 0.22]]


@pytest.mark.parametrize(
    ("parse", "text", "c", "ab"),
    [
        (parse_xdsl, AGRUM_XDSL, "c", ("a", "b")),
        (parse_uai, AGRUM_UAI, "v1", ("v0", "v2")),
        (parse_uai, PGMPY_UAI, "v1", ("v2", "v0")),
    ],
)
def test_a_table_means_what_its_writer_meant(
    parse: Parse, text: str, c: str, ab: tuple[str, str]
) -> None:
    network = parse(text)
    local = network.by_name[c].local
    assert isinstance(local, Table)
    axes = [local.parents.index(name) for name in ab]
    assert local.probabilities[..., 1].transpose(axes).tolist() == WRITTEN
    assert len(network.notes) == 1
    by_the_book = parse(text, order="definition") if parse is not parse_uai or "#" in text else None
    if by_the_book is not None:
        assert by_the_book.fingerprint != network.fingerprint
        assert by_the_book.notes == ()


def test_a_comment_behind_one_scope_is_no_sign_of_a_program() -> None:
    text = AGRUM_UAI.replace("   # a", "")
    assert parse_uai(text).notes == ()
    assert parse_uai(text).fingerprint == parse_uai(AGRUM_UAI, order="definition").fingerprint


def test_check_tells_and_load_takes_the_order_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.uai"
    path.write_text(AGRUM_UAI, encoding="utf-8")
    warning, *guesses = lint_model(path)
    assert {problem.code for problem in guesses} == {"TN189"}
    assert (warning.code, warning.severity) == ("TN188", "warning")
    assert "pyAgrum" in warning.message
    asked = tn.load(path, order="definition").network
    assert asked.fingerprint == parse_uai(AGRUM_UAI, order="definition").fingerprint
    with pytest.raises(ValueError, match=r"\.uai and \.xdsl"):
        tn.load("demo", order="pyagrum")
    with pytest.raises(ValueError, match="must be one of"):
        tn.load(path, order="genie")  # type: ignore[arg-type]


@settings(max_examples=30)
@given(networks())
def test_files_for_pyagrum_are_read_back_by_their_marks(network: Network) -> None:
    flat = tabulated(network)
    same(parse_xdsl(format_xdsl(network, order="pyagrum")), flat)
    back = parse_uai(format_uai(network, order="pyagrum"))
    straight = parse_uai(format_uai(network))
    assert back.fingerprint == straight.fingerprint


def test_uai_comments_and_tiny_numbers() -> None:
    text = "c made by hand\nBAYES\nc sizes\n1 2 1 1 0\nc\n2 0.999999999 0.000000001"
    (variable,) = parse_uai(text).nodes
    assert numbers(variable.local) == [(), [0.999999999, 1e-9]]
    written = format_uai(
        Network("n", "1", (replace(variable, local=Table((), [1 - 5e-324, 5e-324])),))
    )
    assert "e" not in written.split("\n", 1)[1]
    assert numbers(parse_uai(written).nodes[0].local) == [(), [1.0, 5e-324]]


def test_convert_to_uai_writes_names_and_states_beside_it(tmp_path: Path) -> None:
    done = convert(bundled.find_model("demo"), tmp_path / "demo.uai")
    assert "demo.uai.names.tsv" in str(done)
    assert "--for pyagrum" in str(done)
    head, *rows = (tmp_path / "demo.uai.names.tsv").read_text(encoding="utf-8").splitlines()
    assert head.split("\t") == ["number", "name", "states"]
    read = read_model(tmp_path / "demo.uai")
    assert len(rows) == len(read.nodes)
    for row, variable in zip(rows, read.nodes, strict=True):
        number, name, *states = row.split("\t")
        assert f"v{number}" == variable.name
        assert len(states) == variable.card
        known = tn.load("demo").network.by_name.get(name)
        assert known is None or tuple(states) == known.states
    done = convert(bundled.find_model("demo"), tmp_path / "a.xdsl", reader="pyagrum")
    assert "noisymax" not in (tmp_path / "a.xdsl").read_text(encoding="utf-8")
    assert "--for" not in str(done)


def test_thirds_with_two_digits_are_scaled() -> None:
    (variable,) = parse_uai("BAYES 1 3 1 1 0 3 .33 .33 .33").nodes
    assert isinstance(variable.local, Table)
    assert variable.local.probabilities.tolist() == pytest.approx([1 / 3] * 3, abs=1e-15)
