"""A table that is a noisy-OR becomes one, exactly; what is nearly one stays a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import twitchnet as tn
from tests.oracle import enumerate_joint
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.io.formats import write_model
from twitchnet.model.checks.network import check
from twitchnet.model.local import Leak, Link, NoisyAnd, NoisyOr, Table
from twitchnet.model.network import Network, Parameter, Variable
from twitchnet.model.recovery import noisy_or_of, recovered

BINARY = ("absent", "present")


def random_network(seed: int, scale: float, expand: bool = True) -> Network:
    """Four causes, one of three states, and three findings of three parents each, as tables."""
    rng = np.random.default_rng(seed)
    states = [BINARY, BINARY, BINARY, ("none", "mild", "severe")]
    variables = []
    for number, names in enumerate(states):
        rare = scale * rng.uniform(0.1, 1.0, len(names) - 1) / len(names)
        prior = np.array([1.0 - rare.sum(), *rare])
        variables.append(Variable(f"c{number}", "cause", names, f"c{number}", Table((), prior)))
    cards = {variable.name: variable.card for variable in variables}
    for number in range(3):
        parents = [f"c{index}" for index in rng.permutation(4)[:3]]
        links = tuple(
            Link(parent, (), np.array([0.0, *rng.uniform(0.0, 1.0, cards[parent] - 1)]))
            for parent in parents
        )
        leak = 0.0 if number == 0 else scale * rng.uniform(0.01, 0.5)
        local = NoisyOr(Leak((), leak), links)
        table = Table(local.parents, local.full_table(cards))
        name = f"f{number}"
        variables.append(Variable(name, "finding", BINARY, name, table if expand else local))
    targets = tuple(f"c{number}" for number in range(4))
    return Network("random", "1", tuple(variables), targets=targets)


@pytest.mark.parametrize("scale", [0.5, 1e-6])
@pytest.mark.parametrize("seed", range(12))
def test_written_out_noisy_ors_are_recovered_with_the_same_posteriors(
    seed: int, scale: float
) -> None:
    tables = random_network(seed, scale)
    network = recovered(tables)
    assert [type(network.by_name[f"f{n}"].local) for n in range(3)] == [NoisyOr] * 3
    assert not [problem for problem in check(network) if problem.severity == "error"]
    hard = {"f0": 1, "f1": 1, "f2": seed % 2}
    weights = {name: (1.0 - state, float(state)) for name, state in hard.items()}
    expected = enumerate_joint(tables, weights)
    beliefs = Inference(network).beliefs(Answers(hard, {}))
    assert beliefs.log_evidence == pytest.approx(np.log(expected.evidence), abs=1e-9)
    for name in network.targets:
        share = np.array(expected.marginal[name]) / expected.evidence
        np.testing.assert_allclose(beliefs.probability[name], share, rtol=1e-9)


def moved(table: Table, cell: tuple[int, ...], present: float) -> Table:
    values = table.probabilities.copy()
    values[cell] = [1.0 - present, present]
    return Table(table.parents, values)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_off_by_a_millionth_stays_a_table(seed: int) -> None:
    table = random_network(seed, 0.5).by_name["f1"].local
    assert isinstance(table, Table)
    every = (1, 1, 1)
    for change in (1e-6, -1e-6):
        assert noisy_or_of(moved(table, every, table.probabilities[every][1] + change)) is None


def test_a_rare_probability_must_agree_in_its_own_digits() -> None:
    local = NoisyOr(Leak((), 0.0), tuple(Link(p, (), np.array([0, 1e-10])) for p in "ab"))
    table = Table(("a", "b"), local.full_table({"a": 2, "b": 2}))
    assert noisy_or_of(table) is not None
    assert noisy_or_of(moved(table, (1, 1), 1e-10)) is None


def test_a_finding_that_is_never_absent_is_left() -> None:
    values = np.zeros((2, 2, 2))
    values[..., 1] = 1.0
    assert noisy_or_of(Table(("a", "b"), values)) is None


def test_other_tables_are_left() -> None:
    links = tuple(Link(p, (), np.array([0.1, 0.9])) for p in "ab")
    both = NoisyAnd(Leak((), 0.0), links).full_table({"a": 2, "b": 2})
    assert noisy_or_of(Table(("a", "b"), both)) is None
    assert noisy_or_of(Table(("a",), np.array([[0.9, 0.1], [0.5, 0.5]]))) is None


def test_numbers_with_a_range_are_left() -> None:
    tables = random_network(0, 0.5)
    ranged = replace(tables, parameters=(Parameter("f1", "table", (0,), 0.5, 0.4, 0.6),))
    network = recovered(ranged)
    assert isinstance(network.by_name["f1"].local, Table)
    assert isinstance(network.by_name["f2"].local, NoisyOr)


def test_load_recovers_on_request(tmp_path: Path) -> None:
    path = tmp_path / "random.bif"
    write_model(random_network(3, 0.5), path)
    as_read, found = tn.load(path), tn.load(path, recover=True)
    assert not any(isinstance(v.local, NoisyOr) for v in as_read.network.nodes)
    assert sum(isinstance(v.local, NoisyOr) for v in found.network.nodes) == 3
    expected = as_read.diagnose({"f0": True, "f2": False}).posterior
    actual = found.diagnose({"f0": True, "f2": False}).posterior
    assert dict(actual) == pytest.approx(dict(expected), rel=1e-9)
