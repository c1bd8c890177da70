"""The reader of model files: what it builds, and what it says of each kind of broken file.

A case of ``BROKEN`` replaces a piece of BASE; ``^`` in the new piece marks the place that
the message must name, and is taken out before the text is read.
"""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twitchnet.codes import CODES
from twitchnet.errors import ModelError, Problem
from twitchnet.io.model_file import schema
from twitchnet.io.model_file.reader import lint, parse_network, read_network
from twitchnet.io.model_file.schema import schema_text
from twitchnet.io.model_file.writer import format_network
from twitchnet.io.yaml import reader as yaml_reader
from twitchnet.model.checks.network import check
from twitchnet.model.local import Descriptor, NoisyAnd, NoisyMax, NoisyMin, NoisyOr, Table
from twitchnet.model.network import Network, Parameter

MODELS = Path(__file__).parents[1] / "models"
DEMO = (MODELS / "demo.yaml").read_text(encoding="utf-8")

BASE = """\
twitchnet: 1
name: base
version: 1.0.0
complaint: cramps
sources:
  book: {kind: literature, cite: A book}
contexts:
  sex: {label: Sex, states: [female, male]}
  age: {label: Age, states: [18-34, 35-64, 65+]}
  pregnancy: {label: Pregnancy}
causes:
  fatigue: {label: Fatigue}
  salt_loss: {label: Loss of salt}
findings:
  cramps: {label: Cramps}
  night: {label: Cramps at night}
  pain: {label: Pain, states: [none, mild, severe]}
screens:
  fever: {label: Fever}
mechanisms:
  sex: {table: {p: {female: .51, male: .49}, fixed: true}}
  age: {table: {p: [.3, .5, .2], fixed: true}}
  pregnancy:
    table: {by: [sex, age], p: {female: [.06, .02, 0], male: [0, 0, 0]}, overall: .02, range: [.01, .04], source: book}
  fatigue:
    leak: {by: [age], p: [.1, .2, .3], overall: .2, range: [.1, .3], source: book}
    links:
      pregnancy: {p: .5, range: [.3, .7], source: book}
  salt_loss:
    leak: {p: .05, range: [.02, .1], source: book}
  cramps:
    leak: {p: .03, range: [.01, .08], source: book}
    links:
      fatigue: {p: .2, range: [.1, .3], source: book}
      salt_loss: {p: .6, range: [.4, .8], source: book}
  night:
    describes: cramps
    leak: {p: .2, range: [.1, .3], source: book}
    links:
      fatigue: {p: .7, range: [.5, .8], source: book}
  pain:
    kind: noisy_max
    leak: {p: [.9, .08, .02], source: book}
    links:
      cramps: {p: [.2, .5, .3], source: book}
rules:
  R1: {when: "cramps & fever", urgency: soon, reason: Have it seen., source: book}
watches:
  fatigue: {above: .5, urgency: routine, reason: It is likely.}
options:
  rest:
    label: Rest
    effects:
      - {cause: fatigue, factor: .5, range: [.3, .8], source: book}
      - {link: fatigue -> cramps, factor: .5}
coverage:
  1: {assertion: Fatigue cramps, by: ["link:fatigue->cramps"]}
"""


def spoiled(*changes: tuple[str, str]) -> tuple[str, list[tuple[int, int]]]:
    """BASE with pieces replaced, and the marked places, in order of the text."""
    text = BASE
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} is not once in the text"
        text = text.replace(old, new)
    return unmarked(text)


def unmarked(text: str) -> tuple[str, list[tuple[int, int]]]:
    lines = text.split("\n")
    places = []
    for number, line in enumerate(lines, start=1):
        while "^" in line:
            places.append((number, line.index("^") + 1))
            line = line.replace("^", "", 1)
        lines[number - 1] = line
    return "\n".join(lines), places


def problems_of(text: str, **how: str) -> tuple[Problem, ...]:
    with pytest.raises(ModelError) as caught:
        parse_network(text, **how)
    return caught.value.problems


# Code, the piece of BASE, what replaces it (with the place marked), a part of the message
# (hint included).
BROKEN = {
    # the text
    "two keys alike": ("TN106", "  cramps: {label: Cramps}", "  cramps: {label: Cramps}\n  ^cramps: {label: C}", "line 15"),
    "two keys alike in one line": ("TN106", "{label: Fatigue}", "{label: Fatigue, ^label: F}", "'label'"),
    "an anchor": ("TN107", "{label: Fatigue}", "^&a {label: Fatigue}", "'&a'"),
    "an alias": ("TN107", "reason: Have it seen.", "reason: ^*text", "write the value out"),
    "a merge key": ("TN107", "{label: Fatigue}", "{label: Fatigue, ^<<: {group: x}}", "<<"),
    "a tag": ("TN108", "version: 1.0.0", "version: ^!!str 1.0.0", "!!str"),
    "a private tag": ("TN108", "{p: .03, range: [.01, .08], source: book}", "^!number {p: .03, source: book}", "!number"),
    "a second document": ("TN109", "rules:", "^---\nrules:", "second document"),
    "not a number": ("TN110", "{p: .2, range: [.1, .3], source: book}\n      salt", "{p: ^.nan, range: [.1, .3], source: book}\n      salt", ".nan"),
    "infinite": ("TN110", "above: .5", "above: ^.inf", ".inf"),
    "too large a number": ("TN110", "above: .5", "above: ^1e999", "too large"),
    "a list as key": ("TN111", "  fever: {label: Fever}", "  ^[a, b]: {label: Fever}\n  fever: {label: Fever}", "one word"),
    "an empty key": ("TN111", "{label: Fatigue}", "{label: Fatigue, ^'': 3}", "empty"),
    "a tab": ("TN105", "  salt_loss: {label: Loss of salt}", "^\tsalt_loss: {label: Loss of salt}", "spaces, not with tabs"),
    "a colon too many": ("TN105", "assertion: Fatigue cramps", "assertion: Fatigue^: cramps", ""),
    "a brace not closed": ("TN105", "{label: Fatigue}\n  salt_loss:", "{label: Fatigue\n  salt_loss^: ", "not closed"),
    "a control character": ("TN105", "reason: It is", "reason: It^\x07 is", "U+0007"),
    # names
    "unknown parent": ("TN112", "      pregnancy: {p", "      ^pregancy: {p", "no variable named 'pregancy' (did you mean 'pregnancy'?)"),
    "unknown modifier": ("TN112", "{by: [age], p: [.1", "{by: [^agee], p: [.1", "did you mean 'age'?"),
    "unknown mechanism": ("TN112", "  salt_loss:\n    leak", "  salt_loss: {table: {p: .1, fixed: true}}\n  ^salt_los:\n    leak", "did you mean 'salt_loss'?"),
    "unknown complaint": ("TN112", "complaint: cramps", "complaint: ^cramp", "did you mean 'cramps'?"),
    "unknown target": ("TN112", "complaint: cramps", "complaint: cramps\ntargets: [fatigue, ^fatige]", "did you mean 'fatigue'?"),
    "unknown name in a rule": ("TN112", '{when: "cramps & fever"', '{when: ^"cramps & feever"', "did you mean 'fever'?"),
    "unknown name in a question": ("TN112", "{label: Cramps at night}", "{label: N, ask_if: ^crampz}", "did you mean 'cramps'?"),
    "unknown cause of an effect": ("TN112", "{cause: fatigue, f", "{cause: ^fatique, f", "did you mean 'fatigue'?"),
    "unknown watch": ("TN112", "  fatigue: {above", "  ^fatige: {above", "did you mean 'fatigue'?"),
    "unknown finding described": ("TN112", "describes: cramps", "describes: ^crampss", "did you mean 'cramps'?"),
    "unknown gate": ("TN112", "  salt_loss:\n    leak", "  salt_loss:\n    gate: ^heat\n    leak", "no variable named 'heat'"),
    "unknown state of a cell": ("TN113", "male: [0, 0, 0]}", "^mael: [0, 0, 0]}", "did you mean 'male'?"),
    "unknown state of a parent": ("TN113", "      pregnancy: {p", "      ^age=65: {p", "did you mean '65+'?"),
    "a state like no other": ("TN113", "male: [0, 0, 0]}", "^x: [0, 0, 0]}", "(one of female, male)"),
    "unknown state in a rule": ("TN113", '"cramps & fever"', '^"cramps & age=66+"', "did you mean '65+'?"),
    "unknown state of a distribution": ("TN113", "female: .51, male: .49", "^femal: .51, male: .49", "did you mean 'female'?"),
    "unknown state of a line": ("TN113", "{p: [.3, .5, .2], fixed: true}", "{35-64: {p: .5, fixed: true}, 65+: {p: .2, fixed: true}, ^66+: {p: .1, fixed: true}}", "did you mean '65+'?"),
    "unknown source": ("TN114", "links:\n      pregnancy: {p: .5, range: [.3, .7], source: book}", "links:\n      pregnancy: {p: .5, range: [.3, .7], source: [book, ^bok]}", "did you mean 'book'?"),
    "unknown source of a rule": ("TN114", "seen., source: book", "seen., source: ^buch", "no source 'buch'"),
    "unknown link": ("TN115", "link: fatigue -> cramps", "link: ^fatigue -> pain", "no link fatigue -> pain"),
    "a link without an arrow": ("TN115", "link: fatigue -> cramps", "link: ^fatigue", "parent -> child"),
    "unknown reference": ("TN116", '["link:fatigue->cramps"]', '[^"rule:R9"]', "no such rule"),
    "a cycle": ("TN117", "    leak: {p: .05, range: [.02, .1], source: book}\n", "    leak: {p: .05, range: [.02, .1], source: book}\n    links: {^cramps: {p: .1, range: [.05, .2], source: book}}\n", "a cycle: salt_loss -> cramps -> salt_loss"),
    "its own parent": ("TN117", "      fatigue: {p: .2", "      ^cramps: {p: .1, range: [.05, .2], source: book}\n      fatigue: {p: .2", "cramps -> cramps"),
    "declared in two sections": ("TN118", "  cramps: {label: Cramps}", "  cramps: {label: Cramps}\n  ^sex: {label: Sex}", "in contexts already"),
    "not a name": ("TN119", "  fever: {label: Fever}", "  ^high fever: {label: Fever}\n  fever: {label: Fever}", "'high fever' is not a name"),
    "not a state": ("TN119", "[female, male]", "[female, ^male or other]", "no spaces"),
    "a state called unknown": ("TN119", "[none, mild, severe]", "[none, ^Unknown, severe]", "no answer"),
    # the shape of the document
    "unknown key": ("TN120", "{label: Fatigue}", "{^lable: Fatigue, label: Fatigue}", "did you mean 'label'?"),
    "unknown key of a link": ("TN120", "{p: .5, range", "{p: .5, ^rnage: [.1, .6], range", "did you mean 'range'?"),
    "unknown key at the top": ("TN120", "watches:", "^wotches: {}\nwatches:", "did you mean 'watches'?"),
    "unknown key of an effect": ("TN120", "{link: fatigue", "{^faktor: .5, link: fatigue", "did you mean 'factor'?"),
    "unknown key of a cell": ("TN120", "p: [.1, .2, .3], overall", "p: [.1, .2, {p: .3, ^rage: [.1, .4]}], overall", "did you mean 'range'?"),
    "missing label": ("TN121", "  fatigue: {label: Fatigue}", "  ^fatigue: {group: x}", "'label'"),
    "missing version": ("TN121", "twitchnet: 1\nname: base\nversion: 1.0.0", "^twitchnet: 1\nname: base", "'version'"),
    "missing p": ("TN121", "pregnancy: {p: .5, range", "^pregnancy: {range", "'p'"),
    "missing leak": ("TN121", "  salt_loss:\n    leak: {p: .05, range: [.02, .1], source: book}", "  ^salt_loss: {note: none}", "leak"),
    "missing condition": ("TN121", '{when: "cramps & fever", u', "{u", "no 'when'"),
    "missing factor": ("TN121", "{link: fatigue -> cramps, factor: .5}", "^{link: fatigue -> cramps}", "factor"),
    "a number for text": ("TN122", "version: 1.0.0", "version: ^1.0", "put it in quotes"),
    "true for text": ("TN122", "{label: Fever}", "{label: ^true}", "text is expected, found true"),
    "text for a number": ("TN122", "above: .5", "above: ^half", "a number is expected, found the text 'half'"),
    "text for a probability": ("TN122", "{p: .03, range", "{p: ^rare, range", "found the text 'rare'"),
    "a list for a mapping": ("TN122", "  fever: {label: Fever}", "  fever: ^[Fever]", "a mapping (key: value) is expected, found a list"),
    "nothing": ("TN122", "{label: Fever}", "{label: ^}", "text is expected, found nothing"),
    "a range of one": ("TN134", "range: [.3, .8]", "range: ^[.3]", "[low, high]"),
    "an urgency that is none": ("TN123", "urgency: soon", "urgency: ^son", "did you mean 'soon'?"),
    "a kind that is none": ("TN123", "kind: noisy_max", "kind: ^noisy_maxx", "did you mean 'noisy_max'?"),
    "another format version": ("TN124", "twitchnet: 1", "twitchnet: ^2", "the format version is 1"),
    "table and leak": ("TN125", "  sex: {table", "  sex: {^leak: .3, table", "a table has no key 'leak'"),
    "a line for the baseline": ("TN125", "{p: [.3, .5, .2], fixed: true}", "{35-64: {p: .5, fixed: true}, 65+: {p: .2, fixed: true}, ^18-34: {p: .3, fixed: true}}", "leave this line out"),
    "a state of a producer": ("TN125", "      fatigue: {p: .7", "      ^fatigue=present: {p: .7", "write 'fatigue' alone"),
    "a state for a cause": ("TN125", "- {cause: fatigue, f", "- {cause: fatigue, ^state: absent, f", "not a state"),
    "a condition by default": ("TN125", '{when: "cramps & fever", u', '{^when: "cramps & fever", default: true, u', "nothing fired"),
    "a gated descriptor": ("TN125", "describes: cramps", "describes: cramps\n    ^gate: age", "'gate'"),
    "a cause and a link": ("TN125", "- {link: fatigue", "- ^{cause: fatigue, link: fatigue", "found cause and link"),
    "a parent that modifies itself": ("TN125", "pregnancy: {p: .5, r", "pregnancy: {by: ^[pregnancy], p: [.1, .5], overall: .3, r", "its own link"),
    "a modifier twice": ("TN125", "{by: [age], p: [.1", "{by: [age, ^age], p: [.1", "named twice"),
    # numbers
    "above 1": ("TN130", "{p: .5, range", "{p: ^1.5, range", "write 0.015 for 1.5 %"),
    "below 0": ("TN130", "[.1, .2, .3]", "[.1, ^-.2, .3]", "outside 0 to 1"),
    "a range above 1": ("TN130", "range: [.3, .7]", "range: ^[.3, 7]", "outside 0 to 1"),
    "low above the value": ("TN131", "range: [.3, .7]", "range: ^[.6, .7]", "0.5 is outside its range [0.6, 0.7]"),
    "low above high": ("TN131", "range: [.3, .7]", "range: ^[.7, .3]", "above its high end"),
    "overall outside its range": ("TN131", "range: [.1, .3], source: book}\n    links:\n      pregnancy", "range: ^[.25, .3], source: book}\n    links:\n      pregnancy", "0.2 is outside"),
    "a factor outside its range": ("TN131", "factor: .5, range: [.3, .8]", "factor: .5, range: ^[.6, .8]", "the factor 0.5"),
    "a range down to 0": ("TN132", "range: [.3, .7]", "range: ^[0, .7]", "write .0005"),
    "more than a whole": ("TN133", "p: [.3, .5, .2]", "p: ^[.3, .5, .3]", "add up to 1.1, not to 1"),
    "less than a whole": ("TN133", "p: [.2, .5, .3]", "p: ^[.2, .5, .2]", "add up to 0.9"),
    "states above a whole": ("TN133", "  age: {table: {p: [.3, .5, .2], fixed: true}}", "  age: {^table: {35-64: {p: .7, fixed: true}, 65+: {p: .6, fixed: true}}}", "add up to 1.3"),
    "too few entries": ("TN134", "p: [.1, .2, .3]", "p: ^[.1, .2]", "3 entries over age (18-34, 35-64, 65+) are expected, found 2"),
    "too many entries": ("TN134", "female: [.06, .02, 0]", "female: ^[.06, .02, 0, 0]", "found 4"),
    "a state left out": ("TN134", "p: {female: [.06, .02, 0], male: [0, 0, 0]}", "p: ^{female: [.06, .02, 0]}", "no entry for male"),
    "one number for a table": ("TN134", "p: [.1, .2, .3]", "p: ^.2", "a list or mapping over age"),
    "no line for a state": ("TN134", "  age: {table: {p: [.3, .5, .2], fixed: true}}", "  age: {^table: {65+: {p: .6, fixed: true}}}", "no line for 35-64"),
    "a shared range without overall": ("TN135", "p: [.1, .2, .3], overall: .2, range", "p: [.1, .2, .3], ^range", "overall"),
    "no source": ("TN136", "pregnancy: {p: .5, range: [.3, .7], source: book}", "pregnancy: ^{p: .5, range: [.3, .7]}", "a judgement is a source too"),
    "a factor above 1": ("TN137", "cramps, factor: .5", "cramps, factor: ^1.5", "outside 0 to 1"),
    "a fixed number with a range": ("TN125", "p: [.3, .5, .2], fixed: true", "p: [.3, .5, .2], fixed: true, ^range: [.1, .2]", "no range"),
    # structure
    "no mechanism": ("TN140", "  salt_loss:\n    leak: {p: .05, range: [.02, .1], source: book}\n", "", "'salt_loss' has no mechanism"),
    "a mechanism of a screen": ("TN141", "  salt_loss:\n    leak", "  ^fever: {table: {p: .1, fixed: true}}\n  salt_loss:\n    leak", "screen question"),
    "a screen as parent": ("TN141", "      fatigue: {p: .2", "      ^fever: {p: .1, range: [.05, .2], source: book}\n      fatigue: {p: .2", "no probability"),
    "a descriptor of a table": ("TN142", "describes: cramps", "describes: ^pregnancy", "not a noisy-OR"),
    "a descriptor of a descriptor": ("TN143", "  pain:\n    kind: noisy_max\n    leak: {p: [.9, .08, .02], source: book}\n    links:\n      cramps: {p: [.2, .5, .3], source: book}", "  pain: {table: {p: [.9, .08, .02], fixed: true}}\n  worst: {describes: ^night, leak: {p: .1, range: [.05, .2], source: book}}", "describe 'cramps'"),
    "a descriptor of no producer": ("TN144", "      fatigue: {p: .7", "      ^pregnancy: {p: .7", "pregnancy does not produce cramps"),
    "a link from the baseline": ("TN145", "      pregnancy: {p: .5", "      ^age=18-34: {p: .5", "baseline"),
    "a link twice": ("TN145", "      pregnancy: {p: .5", "      age: {p: .5, range: [.3, .7], source: book}\n      ^age=65+: {p: .5", "already"),
    "three states in a noisy-OR": ("TN146", "    kind: noisy_max\n", "", "noisy_max, or a table"),
    "one state": ("TN147", "states: [none, mild, severe]", "states: ^[none]", "this one has 1"),
    "a state twice": ("TN147", "[none, mild, severe]", "[none, mild, ^none]", "named twice"),
    "a condition that is none": ("TN160", '"cramps & fever"', '^"cramps & (fever"', "')'"),
    "two default rules": ("TN161", "  R1: {when", "  R2: {default: true, urgency: soon, reason: R}\n  R3: {^default: true, urgency: soon, reason: R}\n  R1: {when", "already"),
    "a context as cause": ("TN162", "{cause: fatigue, f", "{cause: ^pregnancy, f", "is a context, not a cause"),
    "a cause as complaint": ("TN162", "complaint: cramps", "complaint: ^fatigue", "is a cause"),
}  # fmt: skip

EXTRA = {
    "a descriptor of a descriptor": ("  night: {label: Cramps at night}", "  night: {label: Cramps at night}\n  worst: {label: Worst}"),
    "no mechanism": ("  salt_loss: {label", "  ^salt_loss: {label"),
    "missing condition": ("  R1:", "  ^R1:"),
    "three states in a noisy-OR": ("  pain:\n", "  ^pain:\n"),
}  # fmt: skip


def changes_of(name: str) -> list[tuple[str, str]]:
    _, old, new, _ = BROKEN[name]
    return [(old, new)] + ([EXTRA[name]] if name in EXTRA else [])


def test_base_is_sound() -> None:
    network = parse_network(BASE)
    assert network.names("finding") == ("cramps", "night", "pain")


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    code, *_, words = BROKEN[name]
    text, places = spoiled(*changes_of(name))
    found = [p for p in problems_of(text, file="x.yaml") if p.code == code]
    assert len(places) == 1
    assert [(p.line, p.column) for p in found] == places
    assert words in str(found[0])
    assert str(found[0]).startswith(f"x.yaml:{places[0][0]}:{places[0][1]}: {code} ")
    assert code in CODES


@pytest.mark.parametrize("name", BROKEN)
def test_one_fault_is_one_problem(name: str) -> None:
    """What could not be read is not missed again somewhere else."""
    text, _ = spoiled(*changes_of(name))
    codes = [problem.code for problem in problems_of(text)]
    assert codes == [BROKEN[name][0]]


def test_all_problems_at_once_in_file_order() -> None:
    """Of the text, the schema, the numbers and the structure, in one list."""
    text, places = spoiled(
        ("version: 1.0.0", "version: ^1.0"),
        ("complaint: cramps", "complaint: ^cramp"),
        ("{label: Fatigue}", "{label: Fatigue, ^label: F}"),
        ("{label: Loss of salt}", "{label: Loss of salt, ^icd: [E87]}"),
        ("p: [.1, .2, .3]", "p: ^[.1, .2]"),
        ("range: [.3, .7], source: book}", "range: [.3, .7], source: ^bok}"),
        ("range: [.01, .08]", "range: ^[.04, .08]"),
        ("describes: cramps", "describes: ^pain"),
        ("p: [.2, .5, .3]", "p: ^[.2, .5, .2]"),
        ("{above: .5", "{^abov: .5"),
        ("factor: .5, range: [.3, .8]", "factor: ^x, range: [.3, .8]"),
    )
    found = problems_of(text)
    assert [(p.line, p.column) for p in found] == places
    codes = "TN122 TN112 TN106 TN120 TN134 TN114 TN131 TN142 TN133 TN120 TN122"
    assert " ".join(p.code for p in found) == codes


def test_many_problems_are_counted() -> None:
    text = BASE + "extra:\n" + "".join(f"  k{i}: {i}\n" for i in range(1500))
    found = problems_of(text)
    assert len(found) == 1001
    assert str(found[-1]) == "<string>: TN148 500 more errors are not listed"


# -- files --------------------------------------------------------------------------------


def code_of(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_network(path)
    assert len(caught.value.problems) == 1
    return str(caught.value.problems[0]).removeprefix(f"{path}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ":1:1: TN102 the file is empty"),
        (b"# nothing but words\n", ":1:1: TN102 the file is empty"),
        (b"~\n", ":1:1: TN102 the file is empty"),
        ("\ufeff".encode() + b"# only a byte order mark", ":1:1: TN102 the file is empty"),
        (b"name: x\ntitle: d\xe9j\xe0\n", ":2:9: TN101 the byte 0xe9 here is not UTF-8 text (save the file as UTF-8)"),
        ("name: x".encode("utf-16"), ":1:1: TN101 the byte 0xff here is not UTF-8 text (save the file as UTF-8)"),
        (b"a" * 5_000_001, ":1:1: TN103 the file is larger than 5 MB"),
        (b"[" * 100 + b"]" * 100, ":1:41: TN104 nested deeper than 40 levels"),
        (b"- " * 100, ":1:81: TN104 nested deeper than 40 levels"),
        (b"- a list\n", ":1:1: TN122 a mapping (key: value) is expected, found a list"),
        (b"one word", ":1:1: TN122 a mapping (key: value) is expected, found the text 'one word'"),
    ],
)  # fmt: skip
def test_files_that_are_no_model(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    assert code_of(path) == expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert (
        code_of(tmp_path / "none.yaml")
        == ": TN100 the file cannot be read: no such file or directory"
    )
    assert code_of(tmp_path) == ": TN100 the file cannot be read: is a directory"


def test_a_lone_surrogate_is_not_text() -> None:
    (problem,) = problems_of("name: x\ntitle: a\ud800b\n")
    assert (problem.code, problem.line, problem.column) == ("TN101", 2, 9)


def test_the_slow_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libyaml the places and the values are the same."""
    fast = yaml_reader.read(BASE)
    monkeypatch.delattr(yaml_reader.yaml, "CSafeLoader")
    slow = yaml_reader.read(BASE)
    assert slow.value == fast.value
    for keys in [("name",), ("sources", "book", "cite"), ("mechanisms", "pain", "leak", "p", 2)]:
        assert slow.find(keys) == fast.find(keys)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("off", "off"),
        ("18-34", "18-34"), ("65+", "65+"), ("1:30", "1:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"),
        ("012", 12), ("0o17", 15), ("0x1F", 31), ("-3", -3), ("+3", 3),
        (".5", 0.5), ("1.", 1.0), ("1e-3", 0.001), ("-.5E2", -50.0), ("12345678901234567890", 12345678901234567890.0),
        ("true", True), ("FALSE", False), ("tRue", "tRue"), ("null", None), ("~", None), ("Null", None),
        ("'5'", "5"), ('"true"', "true"), (".", "."), ("-", [None]), ("e5", "e5"), ("1.0.0", "1.0.0"),
    ],
)  # fmt: skip
def test_scalars_of_yaml_1_2(text: str, value: object) -> None:
    document = yaml_reader.read(f"a: {text}" if text != "-" else "a:\n-")
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


def test_keys_are_text() -> None:
    assert yaml_reader.read("{1: a, true: b, null: c, no: d}").value == {
        "1": "a", "true": "b", "null": "c", "no": "d",
    }  # fmt: skip


# -- what is built --------------------------------------------------------------------------


def parameters(network: Network, node: str, part: str) -> list[Parameter]:
    return [p for p in network.parameters if (p.node, p.part) == (node, part)]


def test_base_is_built() -> None:
    network = parse_network(BASE)
    assert network.cards == {"sex": 2, "age": 3, "pregnancy": 2, "fatigue": 2, "salt_loss": 2,
                             "cramps": 2, "night": 2, "pain": 3}  # fmt: skip
    local = {node.name: node.local for node in network.nodes}
    pregnancy = local["pregnancy"]
    assert isinstance(pregnancy, Table)
    assert pregnancy.parents == ("sex", "age")
    np.testing.assert_allclose(pregnancy.probabilities[..., 1], [[0.06, 0.02, 0], [0, 0, 0]])
    np.testing.assert_allclose(pregnancy.probabilities.sum(axis=-1), 1.0)
    # The two cells that can move share one range; the impossible ones do not move.
    assert parameters(network, "pregnancy", "table") == [
        Parameter("pregnancy", "table", (1, 3), 0.02, 0.01, 0.04, ("book",))
    ]
    fatigue = local["fatigue"]
    assert isinstance(fatigue, NoisyOr)
    assert fatigue.leak.modifiers == ("age",)
    assert fatigue.leak.strength.tolist() == [0.1, 0.2, 0.3]
    assert [(link.parent, link.strength.tolist()) for link in fatigue.links] == [
        ("pregnancy", [0.0, 0.5])
    ]
    assert parameters(network, "fatigue", "link:pregnancy") == [
        Parameter("fatigue", "link:pregnancy", (1,), 0.5, 0.3, 0.7, ("book",))
    ]
    night = local["night"]
    assert isinstance(night, Descriptor)
    assert (night.of, night.links[0].strength.tolist()) == ("cramps", [0.0, 0.7])
    pain = local["pain"]
    assert isinstance(pain, NoisyMax)
    assert pain.links[0].strength.tolist() == [[1.0, 0.0, 0.0], [0.2, 0.5, 0.3]]
    assert network.by_name["fever"].local is None
    rest = network.options[0]
    assert [(e.kind, e.target, e.child, e.low, e.high) for e in rest.effects] == [
        ("cause", "fatigue", "", 0.3, 0.8),
        ("link", "fatigue", "cramps", 0.5, 0.5),
    ]
    assert (network.rules[0].when, network.watches[0].threshold) == ("cramps & fever", 0.5)


def mechanism(text: str, name: str = "x") -> Network:
    """A network with these mechanisms beside a few roots."""
    return parse_network(
        "{twitchnet: 1, name: n, version: v, sources: {s: {kind: page, cite: c}},"
        "contexts: {a: {label: A}, b: {label: B, states: [lo, mid, hi]}},"
        "causes: {x: {label: X}, y: {label: Y, states: [none, some, much]}},"
        "mechanisms: {a: {table: {p: .5, fixed: true}}, b: {table: {p: [.5, .3, .2], fixed: true}},"
        + text + "}}"
    )  # fmt: skip


Y = "y: {table: {p: [.8, .1, .1], fixed: true}}"


def test_a_gate_closes_leak_and_links() -> None:
    network = mechanism(
        "x: {gate: b, leak: {p: .2, range: [.1, .3], source: s},"
        " links: {a: {p: .4, range: [.2, .6], source: s}}}, " + Y
    )
    local = network.by_name["x"].local
    assert isinstance(local, NoisyOr)
    assert (local.leak.modifiers, local.leak.strength.tolist()) == (("b",), [0, 0.2, 0.2])
    assert (local.links[0].modifiers, local.links[0].strength.tolist()) == (
        ("b",), [[0, 0], [0, 0.4], [0, 0.4]],
    )  # fmt: skip
    assert parameters(network, "x", "leak")[0].cells == (1, 2)
    assert parameters(network, "x", "link:a")[0].cells == (3, 5)


def test_lines_of_one_parent_are_one_link() -> None:
    network = mechanism(
        "x: {leak: {p: .1, fixed: true}, links: {"
        "b=hi: {by: a, p: {absent: .3, present: {p: .6, range: [.5, .7], source: s}}, source: s},"
        "b=mid: {p: .2, range: [.1, .3], source: s}}}, " + Y
    )
    local = network.by_name["x"].local
    assert isinstance(local, NoisyOr)
    (link,) = local.links
    assert (link.parent, link.modifiers) == ("b", ("a",))
    assert link.strength.tolist() == [[0, 0.2, 0.3], [0, 0.2, 0.6]]
    assert [(p.cells, p.value, p.low, p.high) for p in parameters(network, "x", "link:b")] == [
        ((5,), 0.6, 0.5, 0.7),
        ((2,), 0.3, 0.3, 0.3),
        ((1, 4), 0.2, 0.1, 0.3),
    ]


def test_a_bare_parent_means_every_state_but_the_baseline() -> None:
    network = mechanism(
        "x: {leak: {p: .1, fixed: true}, links: {b: {p: .2, range: [.1, .3], source: s}}}, " + Y
    )
    local = network.by_name["x"].local
    assert isinstance(local, NoisyOr)
    assert local.links[0].strength.tolist() == [0, 0.2, 0.2]
    assert parameters(network, "x", "link:b")[0].cells == (1, 2)


def test_noisy_and() -> None:
    network = mechanism(
        "x: {kind: noisy_and, leak: {p: .05, fixed: true}, links: {"
        "a=absent: {p: .95, fixed: true}, a: {p: .1, fixed: true}}}, " + Y
    )
    local = network.by_name["x"].local
    assert isinstance(local, NoisyAnd)
    assert local.links[0].strength.tolist() == [0.95, 0.1]


def test_states_of_a_table_line_by_line() -> None:
    network = mechanism(
        "x: {table: {p: .1, fixed: true}}, y: {table: {"
        "much: {by: [b, a], p: [[.1, .2], [.1, .2], [.3, .4]], source: s},"
        "some: {by: a, p: {absent: .2, present: .3}, overall: .25, range: [.1, .4], source: s}}}"
    )
    local = network.by_name["y"].local
    assert isinstance(local, Table)
    assert local.parents == ("b", "a")
    np.testing.assert_allclose(
        local.probabilities.reshape(6, 3),
        [[.7, .2, .1], [.5, .3, .2], [.7, .2, .1], [.5, .3, .2], [.5, .2, .3], [.3, .3, .4]],
    )  # fmt: skip
    some = [p for p in parameters(network, "y", "table") if p.low < p.high]
    assert [(p.cells, p.value) for p in some] == [((1, 4, 7, 10, 13, 16), 0.25)]


def test_a_distribution_may_leave_the_baseline_out() -> None:
    given = mechanism("x: {table: {p: {absent: .9, present: .1}, fixed: true}}, " + Y)
    left_out = mechanism(
        "x: {table: {p: {present: .1}, fixed: true}}, y: {table: {p: {much: .1, some: .1}, fixed: true}}"
    )
    assert given.fingerprint == left_out.fingerprint


def test_short_numbers_are_linted_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text, places = unmarked(BASE.replace("{p: .03, range: [.01, .08], source: book}", "^.03"))
    path.write_text(text, encoding="utf-8")
    assert read_network(path).by_name["cramps"].local is not None
    found = {p.code: (p.line, p.column) for p in lint(path) if p.code in ("TN181", "TN182")}
    assert found["TN181"] == places[0]


# -- lints ----------------------------------------------------------------------------------

LINTS = {
    "TN180": ("  book: {kind", "  ^unread: {kind: page, cite: P}\n  book: {kind", "nothing uses this source"),
    "TN181": ("{p: .05, range: [.02, .1], source: book}", "^.05", "without a source"),
    "TN182": ("{p: .05, range: [.02, .1], source: book}", "^{p: .05, source: book}", "without a range"),
    "TN183": ("      fatigue: {p: .2, range: [.1, .3]", "      ^fatigue: {p: .001, range: [.0005, .3]", "adds at most 0.00097"),
    "TN184": ('when: "cramps & fever"', "when: cramps", "nothing uses this variable"),
    "TN185": ("      salt_loss: {p: .6, range: [.4, .8], source: book}\n", "", "no finding depends"),
    "TN187": ("{label: Cramps}", "{label: Cramps}", "there is no question"),
}  # fmt: skip


def test_a_link_from_nowhere_is_read_all_the_same() -> None:
    """Its parent is unknown; the faults of its number are told in the same run."""
    link = "pregnancy: {p: .5, range: [.3, .7], source: book}"
    assert link in BASE
    text = BASE.replace(link, "pregancy: {p: .5, range: [.7, .3], source: bok}", 1)
    assert {problem.code for problem in problems_of(text)} >= {"TN112", "TN114", "TN131"}


@pytest.mark.parametrize("code", LINTS)
def test_lints(code: str, tmp_path: Path) -> None:
    old, new, words = LINTS[code]
    text, places = unmarked(BASE.replace(old, new, 1))
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    found = [p for p in lint(path) if p.code == code]
    assert {p.severity for p in found} == {"warning"}
    assert any(words in p.message for p in found)
    if places:
        assert places[0] in [(p.line, p.column) for p in found]
    read_network(path)


def test_lints_of_base(tmp_path: Path) -> None:
    """Each lint is silent where nothing is wrong: BASE has questions and ranges missing only."""
    path = tmp_path / "x.yaml"
    path.write_text(BASE, encoding="utf-8")
    assert {p.code for p in lint(path)} == {"TN182", "TN187"}
    assert lint(MODELS / "demo.yaml") == []


# -- the bundled files ------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_models_are_sound(path: Path) -> None:
    assert [str(p) for p in lint(path) if p.severity == "error"] == []
    network = read_network(path)
    assert network.name == path.stem
    assert parse_network(path.read_text(encoding="utf-8")).fingerprint == network.fingerprint


def test_the_json_schema_is_that_of_the_reader() -> None:
    """Write it with: python -c "from twitchnet.io.model_file.schema import schema_text as t; print(t(), end='')" """
    assert (MODELS / "model.schema.json").read_text(encoding="utf-8") == schema_text()


FORMAT = (MODELS / "FORMAT.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", FORMAT, flags=re.M | re.S)
PARTS = [
    part
    for part in vars(schema).values()
    if isinstance(part, type) and issubclass(part, schema._Part)
]
KEYS = sorted({key for part in PARTS for key in part.model_fields})


def test_the_examples_of_the_format_are_a_model(tmp_path: Path) -> None:
    path = tmp_path / "pump.yaml"
    path.write_text("".join(EXAMPLES), encoding="utf-8")
    assert [str(problem) for problem in lint(path)] == []
    kinds = {type(node.local) for node in read_network(path).nodes}
    assert kinds == {Table, NoisyOr, NoisyMax, NoisyMin, NoisyAnd, Descriptor}
    assert len(EXAMPLES) >= 10


def test_each_key_is_documented() -> None:
    assert sorted(key for key in KEYS if f"`{key}`" not in FORMAT) == []


def test_the_message_that_the_format_shows_is_real() -> None:
    text, _ = spoiled(("      pregnancy: {p", "      pregancy: {p"))
    shown = re.search(r"TN112 mechanisms[.]cramps[.](.*)", FORMAT)
    assert shown
    assert shown[1] in str(problems_of(text)[0])


def test_reading_is_lazy() -> None:
    """Neither the YAML parser nor pydantic is imported before a file is read."""
    code = (
        "import sys, twitchnet.io.model_file.reader, twitchnet.model.checks.network\n"
        "print([m for m in ('yaml', 'pydantic', 'networkx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# -- hostile files ------------------------------------------------------------------------------

HEAD = "twitchnet: 1\nname: h\nversion: v\nsources: {s: {kind: judgement, cite: c}}\n"
ONE = HEAD + "causes: {v: {label: x}}\nmechanisms: {v: {leak: .1}}\n"


def causes(links: list[tuple[str, str]], count: int) -> str:
    """So many causes, and links (parent, child), one for each child at most."""
    parent = {child: name for name, child in links}
    lines = [f"  v{i}: {{label: x}}" for i in range(count)] + ["mechanisms:"]
    for i in range(count):
        link = (
            f", links: {{{parent[f'v{i}']}: {{p: .1, fixed: true}}}}" if f"v{i}" in parent else ""
        )
        lines.append(f"  v{i}: {{leak: {{p: .1, fixed: true}}{link}}}")
    return HEAD + "causes:\n" + "\n".join(lines) + "\n"


def nested(item: str, count: int, depth: int) -> str:
    return item if not depth else "[" + ", ".join([nested(item, count, depth - 1)] * count) + "]"


TEN = ", ".join(f"s{i}" for i in range(10))
HUNDRED = ", ".join(f"s{i}" for i in range(100))
AXES = "contexts:\n" + "".join(f"  c{i}: {{label: x, states: [{TEN}]}}\n" for i in range(4))
WIDE = "contexts:\n" + "".join(f"  c{i}: {{label: x, states: [{HUNDRED}]}}\n" for i in range(12))
ALL = ", ".join(f"c{i}" for i in range(12))

HOSTILE = {
    "a long chain, children first": (causes([(f"v{i + 1}", f"v{i}") for i in range(3999)], 4000), ""),
    "a long cycle": (causes([(f"v{(i + 1) % 4000}", f"v{i}") for i in range(4000)], 4000), "TN117"),
    "many cycles": (causes([(f"v{i ^ 1}", f"v{i}") for i in range(4000)], 4000), "TN117"),
    "too many variables": (causes([], 20_001), "TN148"),
    "many unknown parents": (causes([(f"w{i}", f"v{i}") for i in range(4000)], 4000), "TN112"),
    "many unknown keys": (HEAD + "".join(f"k{i}: 1\n" for i in range(50_000)), "TN120"),
    "many states": (HEAD + f"causes: {{v: {{label: x, states: [{'a, ' * 40_000}b]}}}}", "TN147"),
    "many gates": (HEAD + WIDE + f"causes: {{v: {{label: x}}}}\nmechanisms: {{v: {{gate: [{ALL}], leak: .1}}}}", "TN148"),
    "many cells of their own": (HEAD + AXES + "causes: {v: {label: x}}\nmechanisms: {v: {leak: {by: [c0, c1, c2, c3], p: " + nested("{p: .1, source: s}", 10, 4) + "}}}", "TN140"),
    "many rules": (ONE + "rules:\n" + "".join(f"  r{i}: {{when: a, urgency: soon, reason: r}}\n" for i in range(20_000)), "TN148"),
    "much coverage": (ONE + "coverage:\n" + "".join(f"  {i}: {{assertion: a, by: duplicate:1}}\n" for i in range(20_000)), "TN148"),
    "many references": (ONE + "coverage: {1: {assertion: a, by: [" + "rule:r, " * 100_000 + "rule:s]}}", "TN148"),
    "many targets": (ONE + "targets: [" + ", ".join(f"t{i}" for i in range(40_000)) + "]", "TN112"),
    "a deep condition": (HEAD + "causes: {v: {label: x, ask_if: '" + "(" * 500_000 + "'}}", "TN160"),
    "brackets": ("[" * 1_000_000, "TN105"),
    "dashes": ("- " * 1_000_000, "TN104"),
    "braces": ("{a: " * 1_000_000, "TN104"),
    "an open quote": ("a: '" + "x" * 4_000_000, "TN105"),
    "a long number": (HEAD + "x: " + "9" * 4_000_000, "TN110"),
    "many anchors": ("".join(f"k{i}: &a{i} 1\n" for i in range(100_000)), "TN107"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon(name: str) -> None:
    """Each takes a second or two; with quadratic work it would be minutes."""
    text, code = HOSTILE[name]
    begin = time.process_time()
    if code:
        assert code in {problem.code for problem in problems_of(text)}
    else:
        parse_network(text)
    assert time.process_time() - begin < 20


# -- fuzz ---------------------------------------------------------------------------------------


def reads_or_refuses(text: str) -> None:
    """Nothing but ``ModelError`` is raised, with codes that are known, in file order."""
    try:
        assert check(parse_network(text)) == []
    except ModelError as error:
        problems = error.problems
        places = [(p.line, p.column) for p in problems]
        in_order = places == sorted(places)
        known = {p.code for p in problems} <= set(CODES)
        if not (problems and in_order and known):
            raise


@given(st.text(max_size=200))
@example("a: \ud800")
@example("%YAML 1.1\n---\na: 1")
@example("? - a\n: b")
@example("!<tag:x> {*a : &b [c]}")
def test_any_text(text: str) -> None:
    reads_or_refuses(text)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(KEYS) | st.text(max_size=5),
        inner, max_size=6,
    ), max_leaves=25,
))  # fmt: skip
def test_any_document(document: object) -> None:
    """Documents of any shape, with and without the keys of the format (JSON is YAML)."""
    reads_or_refuses(json.dumps(document))


JUNK = ["", "*a", "&a ", "!x ", ".nan", "-1", "2", "1e400", "\t", "[", "}", ": ", "null", "\x00"]
PIECES = re.findall(r"[\w.+]+|[^\w\s]|\n *|\s", BASE)


@settings(max_examples=300)
@given(st.data())
def test_mutations_of_a_model(data: st.DataObject) -> None:
    """Pieces of BASE left out, doubled, exchanged for others, or for junk."""
    pieces = list(PIECES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        other = data.draw(st.sampled_from(PIECES))
        junk = data.draw(st.sampled_from(JUNK))
        pieces[at] = data.draw(st.sampled_from(["", pieces[at] * 2, other, junk]))
    reads_or_refuses("".join(pieces))


CARED = """twitchnet: 1
name: pump
version: "1"
sources: {guide: {kind: judgement, cite: "A guide"}}
causes:
  wear: {label: Wear, care: {level: routine, above: .3, reason: It takes a week., source: guide}}
  dust: {label: Dust, care: {level: soon, above: .5}}
findings:
  noise: {label: Noise, question: "Noise?"}
mechanisms:
  wear: {leak: .1}
  dust: {leak: .1}
  noise: {leak: .1, links: {wear: .5, dust: .5}}
"""


def test_the_care_of_a_cause_is_a_watch_and_is_written_back() -> None:
    network = parse_network(CARED)
    wear, dust = network.watches
    assert (wear.threshold, wear.urgency, wear.sources) == (0.3, "routine", ("guide",))
    assert wear.sentence("Wear", "Likely") == "Likely: Wear. It takes a week."
    assert dust.sentence("Dust", "Likely") == "Likely: Dust."
    assert parse_network(format_network(network)).watches == network.watches


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("above: .3", "above: 1.3", "causes.wear.care.above"),
        ("level: soon", "level: sooon", "TN123 causes.dust.care.level"),
        ("above: .5", "abov: .5", "TN120 causes.dust.care.abov: .*above"),
        ("source: guide", "source: gide", "TN114 causes.wear.care.source: .*guide"),
        (
            "mechanisms:",
            "watches: {dust: {above: .2, urgency: soon, reason: r}}\nmechanisms:",
            "TN118 causes.dust.care: this cause is watched already",
        ),
    ],
)
def test_care_that_is_wrong(old: str, new: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        parse_network(CARED.replace(old, new))
