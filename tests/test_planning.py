"""Planning: large sparse networks in linear effort, and a limit that counts work, not seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from numpy.testing import assert_allclose

import twitchnet as tn
from tests.test_range import STATES, cause, finding, model
from twitchnet.bench.networks import questionnaires
from twitchnet.diagnosis.evidence import read_answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.numpy import plan as build
from twitchnet.engine.numpy import search
from twitchnet.engine.numpy.reduce import reduce_evidence
from twitchnet.engine.numpy.search import find_order
from twitchnet.errors import CapacityError
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable


def follows(name: str, parents: list[str], seed: int) -> Variable:
    """A cause with a table of its own."""
    p = np.random.default_rng(seed).uniform(0.1, 0.9, (2,) * len(parents))
    return Variable(name, "cause", STATES, "", Table(tuple(parents), np.stack([1.0 - p, p], -1)))


def chain(count: int) -> list[Variable]:
    first = cause("c0", 0.25)
    return [first, *(follows(f"c{i}", [f"c{i - 1}"], i) for i in range(1, count))]


def tree(count: int) -> list[Variable]:
    first = cause("c0", 0.25)
    return [first, *(follows(f"c{i}", [f"c{(i - 1) // 2}"], i) for i in range(1, count))]


def parts(count: int) -> list[Variable]:
    return [cause(f"c{i}", 0.1) for i in range(count)]


def star(count: int) -> list[Variable]:
    return [cause("c", 0.1), *(finding(f"f{i}", 0.1, c=0.5) for i in range(count))]


def inward(count: int) -> list[Variable]:
    causes = [f"c{i}" for i in range(count)]
    return [
        *(cause(name, 0.001) for name in causes),
        finding("f", 0.01, **dict.fromkeys(causes, 0.5)),
    ]


def tangle(count: int) -> list[Variable]:
    rng = Random(1)
    return [
        follows(f"c{i}", [f"c{j}" for j in rng.sample(range(i), min(i, 3))], i)
        for i in range(count)
    ]


def effort(variables: list[Variable], answers: dict[str, bool]) -> float:
    inference = Inference(Network("large", "1", tuple(variables)))
    evidence = inference.evidence(read_answers(inference.network, answers))
    reduced = reduce_evidence(inference.lowered.program, evidence, inference.targets)
    return find_order(reduced, 1e9)[1]


@pytest.mark.parametrize("make", [chain, tree, parts, star, inward])
def test_effort_of_sparse_networks_is_linear(make: object) -> None:
    def tried(count: int) -> float:
        variables = make(count)  # type: ignore[operator]
        present = {v.name: True for v in variables if v.kind == "finding"}
        return effort(variables, present)

    few, many = tried(500), tried(2000)
    assert many < 6 * few
    assert many * 10 < search.EFFORT  # 20,000 nodes


def test_a_long_chain() -> None:
    """P(last) and P(first | last) by two recursions."""
    count = 3000
    variables = chain(count)
    ahead, back = np.array([0.75, 0.25]), np.array([0.0, 1.0])
    for variable in variables[1:]:
        assert isinstance(variable.local, Table)
        ahead = ahead @ variable.local.probabilities
    for variable in variables[:0:-1]:
        assert isinstance(variable.local, Table)
        back = variable.local.probabilities @ back
    found = model(*variables).diagnose({f"c{count - 1}": True})
    assert found.log_evidence == pytest.approx(math.log(ahead[1]), rel=1e-12)
    assert found.posterior["c0"] == pytest.approx(0.25 * back[1] / ahead[1], rel=1e-9)


def test_a_long_chain_in_which_all_is_seen() -> None:
    """The forward recursion, with its scales as logs: P is about 1e-1500."""
    count, leak, link = 1500, 0.01, 0.25
    variables = chain(count) + [finding(f"f{i}", leak, **{f"c{i}": link}) for i in range(count)]
    seen = np.array([leak, leak + (1 - leak) * link])
    ahead, total = np.array([0.75, 0.25]) * seen, 0.0
    for variable in variables[1:count]:
        assert isinstance(variable.local, Table)
        total += math.log(ahead.sum())
        ahead = ahead / ahead.sum() @ variable.local.probabilities * seen
    total += math.log(ahead.sum())
    found = model(*variables).diagnose({f"f{i}": True for i in range(count)})
    assert found.log_evidence == pytest.approx(total, rel=1e-12)
    assert found.posterior[f"c{count - 1}"] == pytest.approx(ahead[1] / ahead.sum(), rel=1e-9)


@pytest.mark.parametrize("count", [1100, 5000])
def test_a_finding_of_many_causes(count: int) -> None:
    made = model(*inward(count))
    silent = math.log(0.99) + count * math.log1p(-0.001 * 0.5)
    absent = made.diagnose(f=False)
    assert absent.log_evidence == pytest.approx(silent, rel=1e-11)
    assert absent.posterior["c7"] == pytest.approx(0.0005 / 0.9995, rel=1e-9)
    present = made.diagnose(f=True)
    assert present.log_evidence == pytest.approx(math.log(-math.expm1(silent)), rel=1e-9)
    both = 0.001 * (1 - 0.5 * math.exp(silent - math.log1p(-0.0005)))
    assert present.posterior["c7"] == pytest.approx(both / -math.expm1(silent), rel=1e-9)
    assert made.diagnose({}).posterior["c7"] == pytest.approx(0.001, rel=1e-12)


def test_planning_ends_after_so_many_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(*tangle(400))
    monkeypatch.setattr(search, "EFFORT", 2e4)
    search._found.cache_clear()
    told = []
    for _ in range(2):  # found anew, and kept
        with pytest.raises(CapacityError, match=r"TN303 .*limit on planning") as error:
            made.diagnose({})
        told.append((error.value.cells, error.value.limit))
    assert told[0] == told[1]
    assert told[0][1] == "planning"
    assert told[0][0] > 0.0
    search._found.cache_clear()
    assert made.posteriors({"c0": [None]}).status.tolist() == ["too wide"]
    search._found.cache_clear()


def test_orders_that_are_tried_for_more_memory_count_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network("range", "1", tuple(tangle(24)))
    needs = tn.Model(network).plan({}).bytes
    made = tn.Model(network, workspace=needs / 3)
    assert made.plan({}).lanes > 2
    monkeypatch.setattr(build, "PLANNING", 10.0)
    with pytest.raises(CapacityError, match="TN303"):
        made.plan({})


def test_lanes_that_differ_by_more_than_a_double_holds() -> None:
    """Two lanes 1e-500 apart, in one run and in a pass each."""
    rows = np.array([0.01, 0.1])
    variables = [
        Variable("s", "context", STATES, "", Table((), np.array([0.5, 0.5]))),
        Variable("c", "cause", STATES, "", Table(("s",), np.array([[0.75, 0.25], [0.5, 0.5]]))),
    ]
    for i in range(500):
        link = Link("c", ("s",), np.array([[0.0, 0.25], [0.0, 0.5]]))
        variables.append(
            Variable(f"f{i}", "finding", STATES, "", NoisyOr(Leak(("s",), rows), (link,)))
        )
    inference = Inference(Network("lanes", "1", tuple(variables)))
    answers = read_answers(inference.network, {f"f{i}": True for i in range(500)})
    evidence = inference.evidence(answers)
    plan, factors = inference._plan(inference.lowered.program, evidence)
    assert factors.lanes == (0, 1)
    logs = {}
    for s, prior, link in ((0, 0.25, 0.25), (1, 0.5, 0.5)):
        leak = float(rows[s])
        logs[s, 0] = math.log(0.5 * (1 - prior)) + 500 * math.log(leak)
        logs[s, 1] = math.log(0.5 * prior) + 500 * math.log(leak + (1 - leak) * link)
    total = np.logaddexp.reduce(list(logs.values()))
    for tried in (plan, replace(plan, lanes_per_pass=1)):
        beliefs = inference.beliefs_of(tried, factors, evidence)
        assert beliefs.log_evidence == pytest.approx(total, rel=1e-12)
        assert_allclose(beliefs.probability["c"], [0.0, 1.0], atol=1e-12)
        share = 0.5 / (0.1 + 0.9 * 0.5)
        assert beliefs.explains["c"] == pytest.approx(500 * share, rel=1e-9)


def test_the_contradiction_among_many_answers() -> None:
    variables = [*star(300), cause("d", 1.0), finding("g", 1.0, d=0.5)]
    made = model(*variables)
    record = {f"f{i}": i % 2 == 0 for i in range(300)} | {"g": False}
    with pytest.raises(tn.RecordError, match="cannot all hold: g = absent"):
        made.diagnose(record)


def typical(count: int) -> tuple[tn.Model, np.ndarray]:
    legs = tn.load("twitchy_legs")
    return legs, questionnaires(legs.network, count, np.random.default_rng(5)).codes


def test_a_compiled_plan_is_the_one_that_runs() -> None:
    """Its cells are those that a batch reports; nothing is computed for it."""
    legs, codes = typical(40)
    ran = legs.posteriors(codes).cells
    for row, cells in zip(codes, ran, strict=True):
        assert legs.plan(record_of(legs.network, row), engine="compiled").cells == cells


@pytest.mark.usefixtures("own_plans")
@pytest.mark.parametrize("make", [chain, tree, star, inward])
def test_compiled_plans_of_other_networks(make: Callable[[int], list[Variable]]) -> None:
    made = tn.Model(Network("made", "1", tuple(make(12))))
    name = made.network.nodes[-1].name
    plan = made.plan({name: "present"}, engine="compiled")
    assert plan.cells == made.posteriors({name: ["present"] * 40}).cells[0]
    assert len(set(plan.order)) == len(plan.order)
    assert plan.lanes <= 8
    assert plan.passes == 1
    assert not plan.in_passes


def test_what_a_compiled_plan_says() -> None:
    demo = tn.load("demo")
    plan = demo.plan(leg_twitching=True, engine="compiled")
    named = set(plan.order) | set(plan.conditioned)
    assert "level of leg_twitching" in named
    assert {"muscle_fatigue", "stimulant_excess"} <= named | set(plan.conditioned)
    assert f"{plan.cells:,.0f} cells" in str(plan)
    assert str(plan) in repr(plan)


def test_a_compiled_plan_of_what_is_too_wide() -> None:
    legs, codes = typical(1)
    narrow = tn.Model(legs.network, budget=1000)
    with pytest.raises(CapacityError) as refused:
        narrow.plan(record_of(legs.network, codes[0]), engine="compiled")
    assert refused.value.limit == "budget"
    with pytest.raises(ValueError, match='engine is "numpy", "compiled" or "batch"'):
        legs.plan({}, engine="fortran")  # type: ignore[call-overload]


def record_of(network: Network, row: np.ndarray) -> dict[str, str]:
    pairs = zip(network.nodes, row.tolist(), strict=True)
    return {node.name: node.states[code] for node, code in pairs if code >= 0}
