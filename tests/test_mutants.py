"""A few of the spoiled files of ``tools/mutants.py``, and what the many found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tools.mutants import FORMATS, SEEDS, Outcome, judged, mutant, seed_of, seeds_of

from twitchnet.errors import ModelError
from twitchnet.io.anchors_file import parse_anchors
from twitchnet.io.foreign.files.bif import parse_bif
from twitchnet.io.foreign.files.xdsl import parse_xdsl
from twitchnet.io.formats import read_model
from twitchnet.io.model_file.reader import parse_network, read_network
from twitchnet.io.model_file.writer import format_network
from twitchnet.model.local import Descriptor, NoisyAnd, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Parameter

TOOL = Path(__file__).parents[1] / "tools" / "mutants.py"


EVERY_SEED = [(kind, seed) for kind in FORMATS for seed in seeds_of(kind)]


@pytest.mark.parametrize(("kind", "seed"), EVERY_SEED, ids=lambda one: getattr(one, "name", one))
def test_the_seeds_are_sound(kind: str, seed: Path) -> None:
    assert judged(kind, seed) == "loaded"


def test_the_seeds_have_every_kind_of_mechanism() -> None:
    kinds = {type(node.local) for node in read_network(SEEDS / "well.yaml").nodes}
    assert kinds == {Table, NoisyOr, NoisyMax, NoisyAnd, Descriptor}
    kinds = {type(node.local) for node in read_model(SEEDS / "well.xdsl").nodes}
    assert kinds == {Table, NoisyOr, NoisyMax}


def test_forty_mutants_of_each_format_are_loaded_or_refused() -> None:
    words = [sys.executable, str(TOOL), "--each", "40", "--seed", "2024"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(row[0], row[1], row[4]) for row in rows] == [(kind, "40", "0") for kind in FORMATS]
    assert all(int(row[3]) > 20 for row in rows)
    assert sum(int(row[2]) for row in rows) > 20


def test_what_counts_as_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "x.bif"
    path.write_bytes(seed_of("net"))
    assert judged("bif", path) == "refused"
    assert judged("bif", tmp_path / "none.bif").startswith("FileNotFoundError")
    assert not Outcome(0, 1.9, 400, "loaded").failed
    assert Outcome(0, 2.1, 400, "loaded").failed
    assert Outcome(0, 1.9, 600, "refused").failed
    assert Outcome(0, 0.1, 1, "the process died").failed
    assert mutant("bif", 1, 0) == mutant("bif", 1, 0) != mutant("bif", 2, 0)


# -- what they found ------------------------------------------------------------------------------


def test_a_count_of_states_with_very_many_digits_is_told() -> None:
    text = f"variable x {{ type discrete [{'9' * 5000}] {{ a, b }}; }}"
    with pytest.raises(ModelError, match=r"TN147 x: 9+ states are announced, 2 are named"):
        parse_bif(text)


def _leak(text: str) -> Network:
    """The seed with another leak of a cause that depends on a season of three states."""
    seed = seed_of("yaml").decode()
    start = seed.index("{by: [season], p: {winter: .01")
    return parse_network(seed[:start] + text + seed[seed.index("\n", start) :])


CELLS = [
    # a fixed number, a structural zero and a cell with its own range
    "{by: [season], p: [.01, 0, {p: .3, range: [.1, .6], source: guess}], source: guess}",
    "{by: [season], p: [0, 0, {p: .3, range: [.1, .6], source: guess}], source: guess}",
    "{by: [season], p: [.01, .02, {p: .3, range: [.1, .6], source: guess}], source: guess}",
    "{by: [season], p: [.01, 5e-324, {p: .3, range: [.1, .6], source: guess}], source: guess}",
]


@pytest.mark.parametrize("text", CELLS)
def test_cells_of_every_kind_in_one_line_are_written_so_that_they_are_read(text: str) -> None:
    network = _leak(text)
    again = parse_network(format_network(network))
    assert again.fingerprint == network.fingerprint
    moving = [p for p in network.parameters if p.node == "dry_spring" and p.low < p.high]
    assert [p for p in again.parameters if p.node == "dry_spring" and p.low < p.high] == moving
    assert moving == [Parameter("dry_spring", "leak", (2,), 0.3, 0.1, 0.6, ("guess",))]


def test_a_structural_zero_does_not_count_in_the_value_of_a_line() -> None:
    network = _leak("{by: [season], p: [.01, 0, .03], source: guess}")
    (parameter,) = (p for p in network.parameters if p.node == "dry_spring" and p.part == "leak")
    assert parameter == Parameter("dry_spring", "leak", (0, 2), 0.02, 0.02, 0.02, ("guess",))


def test_a_cell_of_a_range_that_others_share_keeps_its_number() -> None:
    """Two ranges over several cells each, which no line can hold, made by hand."""
    network = _leak("{by: [season], p: [.1, .2, .3], fixed: true}")
    ranges = (
        Parameter("dry_spring", "leak", (0, 1), 0.15, 0.12, 0.4, ("guess",)),
        Parameter("dry_spring", "leak", (2,), 0.3, 0.1, 0.6, ("guess",)),
    )
    others = tuple(p for p in network.parameters if (p.node, p.part) != ("dry_spring", "leak"))
    for first, second in (ranges, ranges[::-1]):
        made = replace(network, parameters=(*others, first, second))
        assert parse_network(format_network(made)).fingerprint == network.fingerprint


def test_a_name_of_several_lines_is_told_in_one() -> None:
    with pytest.raises(ModelError, match=r"TN112 dry\\n: no variable named 'dry\\n'"):
        parse_bif('variable x {type discrete {a, b};}\nprobability ("dry\n") {table 1 0;}')


def test_a_group_of_anchors_that_is_text_is_told() -> None:
    network = read_network(SEEDS / "well.yaml")
    text = "{anchors: 1, model: well, title: t, groups: {a: text}}"
    with pytest.raises(ModelError, match=r"TN122 groups\.a: a mapping \(key: value\) is expected"):
        parse_anchors(text, network)


def test_the_weakest_state_of_a_noisy_parent_produces_nothing_at_all() -> None:
    text = seed_of("xdsl").decode().replace(".8 .2 0 1 .02 .98", ".8 .2 5e-324 1 .02 .98")
    with pytest.raises(ModelError, match=r"TN145 no_water: the weakest state of 'wear'"):
        parse_xdsl(text)


def test_a_long_name_of_an_encoding_is_not_told_to_its_end() -> None:
    head = f"<?xml version='1.0' encoding='UTF{'9' * 5000}'?><smile/>"
    with pytest.raises(ModelError) as caught:
        parse_xdsl(head.encode())
    assert len(str(caught.value)) < 300


def test_a_problem_that_check_finds_in_a_foreign_file_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twitchnet.io.foreign.files import xdsl

    def unsound(data: bytes, file: str, order: None) -> Network:
        network = read_network(SEEDS / "well.yaml")
        node = replace(network.nodes[0], local=Table((), np.array([0.5, 0.2, 0.2])))
        return replace(network, variables=(node, *network.variables[1:]))

    monkeypatch.setattr(xdsl, "parse_xdsl", unsound)
    path = tmp_path / "a.xdsl"
    path.write_text("<smile/>", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert {problem.file for problem in caught.value.problems} == {str(path)}
