"""Large and hostile files: loaded or refused in time and memory that grow with their size.

Each file is read in a process of its own, which reports the processor time of the load and
the most memory that it took; quadratic work would take minutes, and a value kept for each
word gigabytes.  Time is counted in units of a loop that runs in the same process before and after,
since machines differ, and so do hours of one machine.  Measured on 2 idle cores, the costliest file
took 41 units, and the costliest refused one 9.4; the bounds are half as much again.
"""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_model_file import problems_of
from twitchnet.errors import nearest, nearest_name
from twitchnet.io.model_file.reader import parse_network

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the most memory of a process is told by Linux"
)

UNITS, REFUSED, MEGABYTES = 60.0, 15.0, 300.0

LOAD = """
import re, sys, time
import twitchnet as tn
from twitchnet.errors import ModelError
def unit():
    begin, kept = time.process_time(), {}
    for i in range(200_000):
        kept[str(i % 5000)] = i
    return 5.0 * (time.process_time() - begin)
before = unit()
begin = time.process_time()
try:
    told = f"loaded {len(tn.load(sys.argv[1]).network.nodes)}"
except ModelError as error:
    told = str(error.problems[0]).removeprefix(sys.argv[1])
seconds = time.process_time() - begin
# Not ru_maxrss, which a process inherits from the one that started it.
status = open("/proc/self/status", encoding="ascii").read()
units = 2.0 * seconds / (before + unit())
print(units, int(re.search(r"VmHWM:\\s+([0-9]+)", status)[1]) / 1024, told)
"""


def loaded(path: Path) -> tuple[float, float, str]:
    """Units of time and megabytes of a load, and what came of it."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    units, megabytes, told = done.stdout.split(" ", 2)
    return float(units), float(megabytes), told.strip()


HEAD = "twitchnet: 1\nname: h\nversion: v\nsources: {s: {kind: judgement, cite: c}}\n"
P30 = [f"p{i}" for i in range(30_000)]
P20 = P30[:19_999]
BIF = "variable x {type discrete [2] {a, b};%s}\nprobability (x) {table .5 .5;}\n"
NET = 'net {}\nnode x {states = ("a" "b");%s}\npotential (x) {data = (.5 .5);}\n'
XDSL = '<smile><nodes><cpt id="x"><state id="a"/><state id="b"/><probabilities>.5 .5</probabilities>%s</cpt></nodes></smile>'
STATES = '<state id="a"/><state id="b"/>'
UNKNOWN = ", ".join(f"{a}{b}: 1" for a in "abcd" for b in "abcdef")


def bif(names: list[str]) -> str:
    return "".join(f"variable {name} {{type discrete [2] {{a, b}};}}\n" for name in names)


def causes(count: int, mechanism: Callable[[int], str]) -> str:
    lines = ["causes:", *(f"  c{i}: {{label: C}}" for i in range(count))]
    lines += ["mechanisms:", *(f"  c{i}: {mechanism(i)}" for i in range(count))]
    return HEAD + "\n".join(lines) + "\n"


def links(count: int) -> str:
    found = ", ".join(f"c{i}: .2" for i in range(count))
    return (
        causes(count, lambda i: "{leak: .01}").replace(HEAD, HEAD + "findings: {f: {label: F}}\n")
        + f"  f: {{leak: .01, links: {{{found}}}}}\n"
    )


def noisy(count: int) -> str:
    nodes = "".join(
        f'<cpt id="c{i}">{STATES}<probabilities>.1 .9</probabilities></cpt>' for i in range(count)
    )
    parents = " ".join(f"c{i}" for i in range(count))
    return (
        f'<smile><nodes>{nodes}<noisymax id="f">{STATES}<parents>{parents}</parents>'
        f"<strengths>{'0 1 ' * count}</strengths><parameters>{'.2 .8 0 1 ' * count}.01 .99</parameters>"
        "</noisymax></nodes></smile>"
    )


SCREENS = "screens:\n" + "".join(f"  s{i}: {{label: S}}\n" for i in range(2000)) + "rules:\n" + "".join(
    f"  r{i}: {{when: '{' | '.join(f's{(7 * i + j) % 2000}' for j in range(190))}', urgency: soon, reason: r}}\n" for i in range(500)
) + "coverage:\n" + "".join(f"  {i}: {{assertion: a, by: 'screen:s{i}'}}\n" for i in range(2000))  # fmt: skip
EFFECTS = "options:\n" + "".join(
    f"  o{i}: {{label: x, effects: [{', '.join(f'{{link: c{(200 * i + j) % 3000}->f, factor: .5}}' for j in range(200))}]}}\n" for i in range(300)
)  # fmt: skip

# Suffix, the text, what is told (of a file that is loaded: its variables).
FILES: dict[str, tuple[str, Callable[[], str], str]] = {
    # tables of many parents: the size is known before the product of cardinalities is
    "bif, 30,000 parents": ("bif", lambda: bif(P20) + f"probability (p0 | {', '.join(P30)}) {{default .5 .5;}}", "TN148"),
    "bif, 19,998 parents, a table": ("bif", lambda: bif(P20) + f"probability (p0 | {', '.join(P20[1:])}) {{table .5 .5;}}", "TN148"),
    "net, 19,998 parents": ("net", lambda: "".join(f'node {name} {{states = ("a" "b");}}' for name in P20) + f"potential (p0 | {' '.join(P20[1:])}) {{data = (.5 .5);}}", "TN148"),
    "xml, 30,000 parents": ("xml", lambda: f"<BIF><NETWORK>{''.join(f'<VARIABLE><NAME>{n}</NAME><OUTCOME>a</OUTCOME><OUTCOME>b</OUTCOME></VARIABLE>' for n in P20)}<DEFINITION><FOR>p0</FOR>{''.join(f'<GIVEN>{n}</GIVEN>' for n in P30)}<TABLE>.5 .5</TABLE></DEFINITION></NETWORK></BIF>", "TN148"),
    "xdsl, 19,998 parents": ("xdsl", lambda: f'<smile><nodes>{"".join(f"<cpt id=%r>{STATES}<probabilities>.5 .5</probabilities></cpt>" % n for n in P20[1:])}<cpt id="x">{STATES}<parents>{" ".join(P20[1:])}</parents><probabilities>.5 .5</probabilities></cpt></nodes></smile>', "TN148"),
    "uai, 19,999 parents": ("uai", lambda: f"BAYES 20000 {'2 ' * 20_000}20000 {''.join(f'1 {i} ' for i in range(19_999))}20000 {' '.join(map(str, range(20_000)))}", "TN148"),
    "yaml, 15,000 parents": ("yaml", lambda: causes(15_000, lambda i: f"{{table: {{by: [{', '.join(f'c{j}' for j in range(1, 15_000))}], p: .5}}}}" if not i else "{leak: .1}"), "TN148"),
    # much of what is not read
    "xml elements": ("xml", lambda: f"<BIF><NETWORK>{'<a/>' * 2_000_000}</NETWORK></BIF>", "TN148"),
    "xdsl elements": ("xdsl", lambda: f"<smile><nodes>{'<a/>' * 2_000_000}</nodes></smile>", "TN148"),
    "bif properties": ("bif", lambda: BIF % "".join(f"property p{i} = 1;\n" for i in range(1_150_000)), "loaded 1"),
    "bif head": ("bif", lambda: f"network x {{{'property a = b; ' * 1_400_000}}}" + BIF % "", "loaded 1"),
    "net properties": ("net", lambda: NET % "".join(f"p{i} = 1;\n" for i in range(1_750_000)), "loaded 1"),
    "net lines": ("net", lambda: NET % ("\n" * 22_000_000), "loaded 1"),
    "xdsl properties": ("xdsl", lambda: XDSL % "".join(f'<property id="p{i}">1</property>' for i in range(700_000)), "loaded 1"),
    "xml properties": ("xml", lambda: f"<BIF><NETWORK><VARIABLE><NAME>x</NAME><OUTCOME>a</OUTCOME><OUTCOME>b</OUTCOME>{'<PROPERTY>p = 1</PROPERTY>' * 800_000}</VARIABLE><DEFINITION><FOR>x</FOR><TABLE>.5 .5</TABLE></DEFINITION></NETWORK></BIF>", "loaded 1"),
    "yaml keys": ("yaml", lambda: HEAD + "".join(f"k{i}: 1\n" for i in range(450_000)), "TN148"),
    "yaml keys, spread": ("yaml", lambda: HEAD + "causes:\n" + "".join(f"  k{i}: {{label: x, {UNKNOWN}}}\n" for i in range(20_000)), "TN120"),
    "yaml keys of effects": ("yaml", lambda: HEAD + "causes: {x: {label: x}}\nmechanisms: {x: {leak: .1}}\noptions:\n  o:\n    label: x\n    effects:\n" + f"      - {{{UNKNOWN}}}\n" * 25_000, "TN148"),
    "yaml empty lists": ("yaml", lambda: HEAD + f"extra: [{'[' + '[],' * 90_000 + '],'}{'[' + '[],' * 90_000 + '],'}{'[' + '[],' * 90_000 + '],'}{'[' + '[],' * 90_000 + '],'}]", "TN148"),
    # much of what is read
    "bif numbers": ("bif", lambda: "variable x {type discrete [2] {a, b};}\nprobability (x) {table " + "1 " * 11_000_000 + ";}", "TN134"),
    "bif defaults": ("bif", lambda: "variable x {type discrete [2] {a, b};}\nprobability (x) {" + "default 1 0;\n" * 1_700_000 + "}", "TN106"),
    "bif states": ("bif", lambda: "variable x {type discrete [2] {" + "a " * 11_000_000 + "};}", "TN148"),
    "bif tables": ("bif", lambda: "probability(x){}\n" * 1_300_000, "TN148"),
    "bif comments never closed": ("bif", lambda: "network x {" + "/* " * 7_000_000 + "}", "TN150"),
    "net numbers": ("net", lambda: 'node x {states = ("a" "b");}\npotential (x) {data = (' + "1 " * 11_000_000 + ");}", "TN134"),
    "xdsl numbers": ("xdsl", lambda: XDSL.replace(".5 .5", "1 " * 11_000_000) % "", "TN134"),
    "xdsl parents": ("xdsl", lambda: XDSL % f"<parents>{'x ' * 11_000_000}</parents>", "TN148"),
    "uai numbers": ("uai", lambda: "BAYES 1 2 1 1 0 7000000 " + "1 " * 7_000_000, "TN134"),
    "uai scopes": ("uai", lambda: f"BAYES 20000 {'2 ' * 20_000}20000 " + ("200 " + " ".join(map(str, range(200))) + " ") * 20_000, "TN148"),
    # networks of the largest size
    "yaml links": ("yaml", lambda: links(5000), "loaded 5001"),
    "xdsl links": ("xdsl", lambda: noisy(15_000), "loaded 15001"),
    "yaml chain": ("yaml", lambda: causes(20_000, lambda i: f"{{leak: .01, links: {{c{i - 1}: .5}}}}" if i else "{leak: .01}"), "loaded 20000"),
    "names alike": ("bif", lambda: "".join(f"variable a-{chr(0x4E00 + i)} {{type discrete [2] {{no, yes}};}}\nprobability (a-{chr(0x4E00 + i)}) {{table .9, .1;}}\n" for i in range(19_000)), "loaded 19000"),
    "misspelt names": ("yaml", lambda: causes(19_000, lambda i: "{leak: .1}").replace("c1", "x" * 70 + "1") + "  f: {leak: .1, links: {" + ", ".join(f"{'y' + 'x' * 69}{i}: .1" for i in range(500)) + "}}\n", "TN112"),
    "screens in coverage": ("yaml", lambda: causes(1, lambda i: "{leak: .1}") + SCREENS, "loaded 1"),
    "effects on links": ("yaml", lambda: links(3000) + EFFECTS, "loaded 3001"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_large_file_is_read_or_refused_in_bounds(name: str, tmp_path: Path) -> None:
    suffix, text, expected = FILES[name]
    path = tmp_path / f"large.{suffix}"
    path.write_text(text(), encoding="utf-8")
    units, megabytes, told = loaded(path)
    assert told.startswith(expected) or f" {expected} " in f" {told}", told
    assert units < (REFUSED if suffix != "yaml" and told.endswith("(at most 30)") else UNITS)
    assert megabytes < MEGABYTES


def test_a_file_above_the_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A sparse file of 8 GB takes no disk, and no memory either."""
    for suffix in ("yaml", "bif", "xml"):
        path = tmp_path / f"huge.{suffix}"
        with path.open("wb") as stream:
            stream.truncate(8_000_000_000)
        _, megabytes, told = loaded(path)
        assert "TN103" in told
        assert megabytes < MEGABYTES


def test_a_hint_names_the_nearest_of_many() -> None:
    names = ["x" * 70 + str(i) for i in range(19_000)]
    assert nearest_name("y" + "x" * 69 + "1234", names) == "x" * 70 + "1234"
    assert nearest_name("nonsense", ["incontinence"]) == ""
    assert nearest_name("ab", []) == nearest_name("", ["ab"]) == ""
    assert nearest("leg_twiching", ["leg_twitching"]) == "did you mean 'leg_twitching'?"


def test_a_problem_is_one_line_that_a_terminal_can_show() -> None:
    text = (
        HEAD
        + 'causes: {x: {label: x}}\nmechanisms: {x: {leak: .1, links: {"a\\n\\x1b[2J\\u202Eb": .1}}}\n'
    )
    (problem,) = problems_of(text)
    assert "links.a\\n\\x1b[2J\\u202eb: no variable" in str(problem)
    assert str(problem).isprintable()
    long = problems_of(text.replace("a\\n", "q" * 100_000))
    assert len(str(long[0])) < 600


def test_there_is_no_negative_zero() -> None:
    text = HEAD + "causes: {x: {label: x}}\nmechanisms: {x: {leak: %s}}\n"
    assert parse_network(text % "-0.0").fingerprint == parse_network(text % "0").fingerprint
