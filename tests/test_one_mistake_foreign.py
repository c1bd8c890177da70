"""One mistake in a network file of another program is told once, where it is.

Each case replaces a piece of a small sound network.
"""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.errors import ModelError
from twitchnet.io.formats import convert, lint_model, read_model

FILES = {
    "bif": """\
network dog { property where = "here"; }
variable rain { type discrete [ 2 ] { no, yes }; }
variable wind { type discrete [ 3 ] { none, some, much }; }
variable wet { type discrete [ 2 ] { no, yes }; }
probability ( rain ) { table 0.8, 0.2; }
probability ( wind | rain ) {
  (no) 0.5, 0.3, 0.2;
  (yes) 0.2, 0.3, 0.5;
}
probability ( wet | rain, wind ) {
  default 0.9, 0.1;
  (yes, much) 0.3, 0.7;
}
""",
    "net": """\
net { name = "dog"; }
node rain { states = ("no" "yes"); label = "Rain"; }
node wind { states = ("none" "some" "much"); }
node wet { states = ("no" "yes"); }
potential (rain) { data = (.8 .2); }
potential (wind | rain) { data = ((.5 .3 .2) (.2 .3 .5)); }
potential (wet | rain wind) {
  data = (((.9 .1) (.9 .1) (.9 .1)) ((.9 .1) (.9 .1) (.3 .7)));
}
""",
    "xml": """\
<BIF><NETWORK><NAME>dog</NAME>
<VARIABLE TYPE="nature"><NAME>rain</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<VARIABLE><NAME>wind</NAME><OUTCOME>no</OUTCOME><OUTCOME>some</OUTCOME><OUTCOME>a</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>wet</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<DEFINITION><FOR>rain</FOR><TABLE>.8 .2</TABLE></DEFINITION>
<DEFINITION><FOR>wind</FOR><GIVEN>rain</GIVEN><TABLE>.5 .3 .2 .2 .3 .5</TABLE></DEFINITION>
<DEFINITION><FOR>wet</FOR><GIVEN>rain</GIVEN><GIVEN>wind</GIVEN>
<TABLE>.9 .1 .9 .1 .9 .1 .9 .1 .9 .1 .3 .7</TABLE></DEFINITION>
</NETWORK></BIF>
""",
    "xdsl": """\
<smile id="dog"><nodes>
<cpt id="rain"><state id="no"/><state id="yes"/><probabilities>.8 .2</probabilities></cpt>
<cpt id="wind"><state id="much"/><state id="some"/><state id="none"/><parents>rain</parents><probabilities>.2 .3 .5 .5 .3 .2</probabilities></cpt>
<noisymax id="wet"><state id="yes"/><state id="no"/><parents>rain wind</parents><strengths>1 0 0 1 2</strengths><parameters>.7 .3 0 1 .6 .4 .2 .8 0 1 .1 .9</parameters></noisymax>
<deterministic id="dry"><state id="no"/><state id="yes"/><parents>wet</parents><resultingstates>no yes</resultingstates></deterministic>
<cpt id="mud"><state id="no"/><state id="yes"/><parents>dry</parents><probabilities>.8 .2 .1 .9</probabilities></cpt>
</nodes></smile>
""",
    "uai": """\
BAYES 3
2 3 2
3
1 0
2 0 1
3 0 1 2
2 .8 .2
6 .5 .3 .2 .2 .3 .5
12 .9 .1 .9 .1 .9 .1 .9 .1 .9 .1 .3 .7
""",
}

# Format, code of the one problem, the piece that is replaced, what replaces it.
MISTAKES = [
    ("bif", "TN147", "[ 3 ] { none, some, much }", "[ 3 ] { none, some }"),
    ("bif", "TN147", "[ 3 ] { none, some, much }", "{ }"),
    ("bif", "TN147", "{ none, some, much }", "{ none, some, some }"),
    ("bif", "TN121", "variable rain { type discrete [ 2 ] { no, yes }; }", "variable rain { }"),
    ("bif", "TN152", "variable rain { type discrete [ 2 ] { no, yes }; }", "variable rain { type continuous; }"),
    ("bif", "TN118", "variable wet {", "variable wind { type discrete [2] {a, b}; }\nvariable wet {"),
    ("bif", "TN112", "probability ( wind | rain )", "probability ( wnid | rain )"),
    ("bif", "TN112", "probability ( wind | rain )", "probability ( wind | rian )"),
    ("bif", "TN140", "probability ( rain ) { table 0.8, 0.2; }\n", ""),
    ("bif", "TN118", "probability ( rain ) {", "probability ( rain ) { table 1, 0; }\nprobability ( rain ) {"),
    ("bif", "TN122", "table 0.8, 0.2", "table 0.8, o.2"),
    ("bif", "TN110", "table 0.8, 0.2", "table 0.8, nan"),
    ("bif", "TN134", "table 0.8, 0.2", "table 0.8"),
    ("bif", "TN134", "table 0.8, 0.2", "table 0.8, 0.1, 0.1"),
    ("bif", "TN133", "table 0.8, 0.2", "table 0.8, 0.3"),
    ("bif", "TN113", "(yes) 0.2", "(yess) 0.2"),
    ("bif", "TN134", "  (no) 0.5, 0.3, 0.2;\n", ""),
    ("bif", "TN106", "(yes) 0.2", "(no) 0.2"),
    ("bif", "TN106", "default 0.9, 0.1;", "default 0.9, 0.1; default 0.8, 0.2;"),
    ("bif", "TN106", "network dog {", "network cat { }\nnetwork dog {"),
    ("bif", "TN106", "variable wind {", "variable wind { type discrete { a, b };"),
    ("net", "TN147", '("none" "some" "much")', "()"),
    ("net", "TN121", 'states = ("none" "some" "much"); ', ""),
    ("net", "TN152", 'node wind { states = ("none" "some" "much"); }', 'decision wind { states = ("none" "some"); }'),
    ("net", "TN152", "node wet {", "utility joy { }\npotential (joy | rain) { data = (1 2); }\nnode wet {"),
    ("net", "TN118", "node wet {", 'node wind { states = ("a" "b"); }\nnode wet {'),
    ("net", "TN112", "potential (wind |", "potential (wnid |"),
    ("net", "TN112", "(wind | rain)", "(wind | rian)"),
    ("net", "TN106", "data = (.8 .2);", "data = (.8 .2); data = (.7 .3);"),
    ("net", "TN122", "(.8 .2)", "(.8 .2x)"),
    ("net", "TN134", "(.8 .2)", "(.8 .1 .1)"),
    ("xml", "TN147", "<OUTCOME>some</OUTCOME>", "<OUTCOME>no</OUTCOME>"),
    ("xml", "TN147", "<OUTCOME>no</OUTCOME><OUTCOME>some</OUTCOME><OUTCOME>a</OUTCOME>", ""),
    ("xml", "TN152", '<VARIABLE TYPE="nature"><NAME>rain', '<VARIABLE TYPE="decision"><NAME>rain'),
    ("xml", "TN118", "<VARIABLE><NAME>wind", "<VARIABLE><NAME>rain</NAME></VARIABLE><VARIABLE><NAME>wind"),
    ("xml", "TN112", "<FOR>wind</FOR>", "<FOR>wnid</FOR>"),
    ("xml", "TN112", "<FOR>wind</FOR><GIVEN>rain", "<FOR>wind</FOR><GIVEN>rian"),
    ("xml", "TN121", "<TABLE>.8 .2</TABLE>", "<TABEL>.8 .2</TABEL>"),
    ("xml", "TN122", "<TABLE>.8 .2</TABLE>", "<TABLE>.8 ,2</TABLE>"),
    ("xdsl", "TN152", "<deterministic id", "<equation/><deterministic id"),
    ("xdsl", "TN152", "</nodes>", "<utility id=\"joy\"><parents>wet</parents></utility></nodes>"),
    ("xdsl", "TN152", "</nodes>", '<decision id="coat"/></nodes>'),
    ("xdsl", "TN121", 'cpt id="wind"', "cpt"),
    ("xdsl", "TN147", '<state id="some"/>', '<state id="much"/>'),
    ("xdsl", "TN112", "<parents>rain wind", "<parents>rian wind"),
    ("xdsl", "TN118", '<cpt id="wind"', '<cpt id="rain"/><cpt id="wind"'),
    ("xdsl", "TN122", ">.8 .2<", ">.8 x<"),
    ("xdsl", "TN134", ".1 .9</para", ".1</para"),
    ("xdsl", "TN110", ".1 .9</para", ".1 inf</para"),
    ("xdsl", "TN134", "1 0 0 1 2", "1 0 0 1"),
    ("xdsl", "TN145", ".7 .3 0 1 .6", ".7 .3 .1 .9 .6"),
    ("xdsl", "TN113", ">no yes<", ">no maybe<"),
    ("xdsl", "TN134", ">no yes<", ">no<"),
    ("uai", "TN147", "2 3 2", "2 300 2"),
    ("uai", "TN148", "2 0 1\n", "2 0 7\n"),
    ("uai", "TN134", "6 .5", "5 .5"),
    ("uai", "TN122", "2 .8 .2", "2 .8 ,2"),
    ("uai", "TN117", "2 0 1\n", "2 1 1\n"),
]  # fmt: skip


@pytest.mark.parametrize("suffix", FILES)
def test_the_files_are_sound(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"dog.{suffix}"
    path.write_text(FILES[suffix], encoding="utf-8")
    assert {problem.code for problem in lint_model(path)} <= {"TN189"}  # guesses
    assert len(read_model(path).nodes) == 3 + 2 * (suffix == "xdsl")


@pytest.mark.parametrize(("suffix", "code", "old", "new"), MISTAKES)
def test_one_mistake_is_one_problem(
    suffix: str, code: str, old: str, new: str, tmp_path: Path
) -> None:
    text = FILES[suffix]
    assert text.count(old) == 1
    path = tmp_path / f"dog.{suffix}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    told = lint_model(path)
    assert [problem.code for problem in told] == [code], "\n".join(map(str, told))


def test_a_table_may_come_before_its_variables(tmp_path: Path) -> None:
    for suffix, start in (("bif", "variable"), ("net", "node")):
        lines = FILES[suffix].splitlines(keepends=True)
        first = [line for line in lines if line.startswith(start)]
        rest = [line for line in lines if not line.startswith(start)]
        one, other = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
        one.write_text(FILES[suffix], encoding="utf-8")
        other.write_text("".join(rest + first), encoding="utf-8")
        assert read_model(one).fingerprint == read_model(other).fingerprint


LONG = "q" * 61
NAMES = {
    "a long state": f"variable a {{ type discrete [2] {{ {LONG}, n }}; }}\nprobability (a) {{ table .4, .6; }}",
    "long states alike": f"variable a {{ type discrete [3] {{ {LONG}, {LONG}r, {'q' * 60} }}; }}\nprobability (a) {{ table .4, .1, .5; }}",
    "states called unknown": "variable a { type discrete [2] { UNknown, unknown }; }\nprobability (a) { table .4, .6; }",
    "a long name": f"variable {LONG * 2} {{ type discrete [2] {{ y, n }}; }}\nprobability ({LONG * 2}) {{ table .4, .6; }}",
    "long names alike": "".join(f"variable {LONG * 2}{x} {{ type discrete [2] {{ y, n }}; }}\nprobability ({LONG * 2}{x}) {{ table .4, .6; }}\n" for x in "abc"),
    "a long network": f"network {LONG * 2} {{ }}\nvariable a {{ type discrete [2] {{ y, n }}; }}\nprobability (a) {{ table .4, .6; }}",
    "letters of every kind": 'variable "ä b" { type discrete [2] { "é\x01", "# : \' {" }; }\nprobability ("ä b") { table .4, .6; }',
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".yaml", ".bif", ".net", ".xml", ".xdsl"])
def test_what_another_program_may_spell_is_converted_to_what_check_accepts(
    name: str, suffix: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.bif", tmp_path / f"b{suffix}"
    source.write_text(NAMES[name], encoding="utf-8")
    convert(source, target)
    assert [str(p) for p in lint_model(target) if p.severity == "error"] == []
    before, after = tn.load(source), tn.load(target)
    assert after.diagnose({}).posterior == before.diagnose({}).posterior
    first = before.network.variables[0]
    record = {first.name: first.states[-1]}
    assert after.diagnose(record).log_evidence == before.diagnose(record).log_evidence


def test_a_file_without_variables_is_refused(tmp_path: Path) -> None:
    empty = {
        "yaml": "twitchnet: 1\nname: x\nversion: '1'\n",
        "yml": "{twitchnet: 1, name: x, version: '1', screens: {fever: {label: Fever}}}",
        "bif": "network x { }\n",
        "net": "net { }\n",
        "xml": "<BIF><NETWORK/></BIF>",
        "bifxml": "<BIF><NETWORK><NAME>x</NAME></NETWORK></BIF>",
        "xdsl": "<smile><nodes/></smile>",
        "uai": "BAYES 0 0",
    }
    for suffix, text in empty.items():
        path = tmp_path / f"empty.{suffix}"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ModelError, match="TN102 there is no variable in the"):
            tn.load(path)
