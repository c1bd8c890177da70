"""Records on one schedule: the answers of enumeration, of textbook elimination, and of plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests import variable_elimination
from tests.oracle import enumerate_joint
from tests.strategies import networks, records
from tests.test_kernels import Kernels, both, equals_enumeration, read, same
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host import shared_schedule as scheduling
from twitchnet.engine.host.batch import LIMITS, STATUS, BatchInput, BatchOutput, run_shared_batch
from twitchnet.engine.host.shared_schedule import shared_schedule
from twitchnet.io.formats import read_model
from twitchnet.model.local import Table
from twitchnet.model.network import Kind, Network, Variable


class Shared(Kernels):
    """A network whose records share a schedule."""

    def run(self, rows: BatchInput | Sequence[Answers], **options: Any) -> BatchOutput:
        schedule = shared_schedule(self.program)
        assert schedule is not None
        if not isinstance(rows, BatchInput):
            rows = self.rows(rows)
        nodes, states = np.array(self.columns, dtype=np.int64).reshape(-1, 2).T.copy()
        return run_shared_batch(schedule, rows, nodes, states, **{"threads": 1} | options)


def check_batch(data: st.DataObject, compiled: bool) -> None:
    network = data.draw(networks())
    drawn = data.draw(st.lists(records(network), min_size=1, max_size=11))
    kernels = Shared(network)
    if shared_schedule(kernels.program) is None:  # products beyond the range of a double
        table = kernels.program.part_table
        assert table[table > 0.0].min() < 1e-30
        return
    read_rows = [read(rows) for rows in drawn]
    out = kernels.run([answers for answers, _ in read_rows], compiled=compiled)
    for i, (rows, (_, present)) in enumerate(zip(drawn, read_rows, strict=True)):
        equals_enumeration(kernels, enumerate_joint(network, rows, present), out, i)


@settings(max_examples=60)
@given(st.data())
def test_plain_kernels_equal_enumeration(data: st.DataObject) -> None:
    check_batch(data, compiled=False)


@settings(max_examples=200)
@given(st.data())
def test_compiled_kernels_equal_enumeration(data: st.DataObject) -> None:
    check_batch(data, compiled=True)


def bnlearn(name: str) -> Network:
    """A network of the bnlearn repository, from the files that come with pgmpy."""
    package = pytest.importorskip("pgmpy")
    folder = Path(package.__file__).parent / "utils" / "example_models"
    return read_model(folder / f"{name}.bif.gz")


def drawn(kernels: Kernels, count: int, share: float) -> BatchInput:
    """Possible records of a network of tables: a ``share`` of the leaves is answered."""
    program, rng = kernels.program, np.random.default_rng(1)
    nodes = len(program.card)
    world = np.zeros((nodes, count), dtype=np.int64)
    for v in range(nodes):
        scope = program.scope[program.scope_first[v] : program.scope_first[v + 1]]
        entries = program.part_table[program.part_entry[v] : program.part_entry[v + 1]]
        table = entries.reshape(program.card[v], *program.card[scope])
        below = np.cumsum(table[(slice(None), *world[scope])].reshape(program.card[v], -1), axis=0)
        world[v] = (rng.random(count) * below[-1] >= below).sum(axis=0)
    leaf = np.diff(program.child_first) == 0
    asked = (rng.random(world.shape) < share) & leaf[:, None]
    codes = np.where(asked, world, -1).T.astype(np.int8)
    return BatchInput(codes, np.arange(nodes), np.empty((count, 0, 1)), np.empty(0, np.int64))


@pytest.mark.parametrize("name", ["asia", "cancer", "earthquake", "survey", "sachs", "child"])
def test_small_networks_equal_textbook_elimination(name: str) -> None:
    kernels = Shared(bnlearn(name))
    rows = drawn(kernels, 9, 0.6)
    out = kernels.run(rows)
    network = kernels.inference.network
    for row in range(9):
        names = {kernels.lowered.names[v]: int(c) for v, c in enumerate(rows.codes[row]) if c >= 0}
        for target in network.ranked:
            right = variable_elimination.joint(network, names, target)
            assert out.log_evidence[row] == pytest.approx(math.log(right.sum()), abs=1e-12)
            first = kernels.column(target, 0)
            found = out.probability[row, first : first + len(right)]
            np.testing.assert_allclose(found, right / right.sum(), rtol=1e-12)


@pytest.mark.parametrize("name", ["alarm", "hepar2", "win95pts", "insurance", "hailfinder"])
def test_networks_of_the_repository_equal_plans_of_their_own(name: str) -> None:
    kernels = Shared(bnlearn(name))
    rows = drawn(kernels, 41, 0.6)
    out = kernels.run(rows)
    own = Kernels.run(kernels, rows, explain=False)
    assert (out.status == own.status).all()
    np.testing.assert_allclose(out.log_evidence, own.log_evidence, atol=1e-11)
    np.testing.assert_allclose(out.probability, own.probability, atol=1e-11)


def test_what_tables_rule_out_costs_nothing() -> None:
    """In `water`, nine in ten entries are 0: its schedule has a hundredth of the cells."""
    schedule = shared_schedule(Shared(bnlearn("water")).program)
    assert schedule is not None
    assert schedule.cells < 60_000
    assert (schedule.number > 0.0).all()
    taken = np.bincount(schedule.taken, minlength=len(schedule.cell_first) - 1)
    assert (np.flatnonzero(taken == 0) == np.sort(schedule.root)).all()  # no dead ends


def chain(first: float, other: float, length: int = 2) -> Network:
    """A chain: P(yes) is ``first`` at its head and after a no, ``other`` after a yes."""
    rows = np.array([[1.0 - first, first], [1.0 - other, other]])
    kinds: list[Kind] = ["context", *["cause"] * (length - 2), "finding"]  # type: ignore[list-item]
    locals_ = [Table((), rows[0]), *(Table((f"v{i}",), rows) for i in range(length - 1))]
    nodes = [
        Variable(f"v{i}", kind, ("no", "yes"), f"v{i}", local)
        for i, (kind, local) in enumerate(zip(kinds, locals_, strict=True))
    ]
    return Network("chain", "1", tuple(nodes))


@both
def test_evidence_far_below_the_smallest_float(compiled: bool) -> None:
    """Each message is scaled, so 400 answers of .001 do not underflow."""
    kernels = Shared(chain(1e-3, 1e-3, length=400))
    codes = np.ones((3, 400), dtype=np.int8)
    codes[1, ::2] = -1
    codes[2, :] = -1
    rows = BatchInput(codes, np.arange(400), np.empty((3, 0, 1)), np.empty(0, np.int64))
    out = kernels.run(rows, compiled=compiled)
    assert (out.status == 0).all()
    expected = [400 * math.log(1e-3), 200 * math.log(1e-3), 0.0]
    np.testing.assert_allclose(out.log_evidence, expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(
        out.probability[1, kernels.column("v2", 1)], 1e-3, rtol=1e-12
    )  # an unanswered one between answered ones, which do not depend on it


@both
def test_a_number_beyond_the_range_leaves_its_neighbours_alone(compiled: bool) -> None:
    """1e-300 times 1e-120 is no double: that record is left to a plan of its own."""
    kernels = Shared(chain(1e-120, 0.5))
    codes = np.array([[0, 0], [-1, 1], [-1, 1]], dtype=np.int8)
    soft = np.array([[[np.nan, np.nan]], [[0.0, 1e-300]], [[np.nan, np.nan]]])
    rows = BatchInput(codes, np.arange(2), soft, np.array([0]))
    out = kernels.run(rows, compiled=compiled)
    others = rows._replace(codes=codes[[0, 2]], soft=soft[[0, 2]])
    same(out, kernels.run(others, compiled=compiled), [0, 2])
    assert [STATUS[i] for i in out.status] == ["ok", "too wide", "ok"]
    assert LIMITS[out.limits[1]] == "range"


def test_tables_whose_products_are_no_doubles_have_no_schedule() -> None:
    inference = Inference(chain(1e-200, 1e-200, length=3))
    assert inference.schedule is None
    model = tn.Model(inference.network)
    found = model.posteriors(np.ones((40, 3), dtype=np.int8))
    np.testing.assert_allclose(found.log_evidence, 3 * math.log(1e-200), rtol=1e-12)


@both
def test_bad_codes_and_impossible_rows_are_a_status(compiled: bool) -> None:
    kernels = Shared(chain(0.0, 0.5))
    codes = np.array([[0, 0], [1, 0], [0, 2], [-2, 0], [-1, -1]], dtype=np.int8)
    rows = BatchInput(codes, np.arange(2), np.empty((5, 0, 1)), np.empty(0, np.int64))
    out = kernels.run(rows, compiled=compiled)
    assert [STATUS[i] for i in out.status] == ["ok", "impossible", "bad code", "bad code", "ok"]
    assert out.log_evidence[1] == -math.inf
    assert np.isnan(out.probability[1:4]).all()


def test_threads_and_the_order_of_rows_change_no_bit() -> None:
    kernels = Shared(bnlearn("alarm"))
    rows = drawn(kernels, 1001, 0.5)
    out = kernels.run(rows)
    same(out, kernels.run(rows, threads=3))
    order = np.random.default_rng(2).permutation(1001)
    same(out, kernels.run(rows._replace(codes=rows.codes[order].copy())), order)


def test_likelihoods_are_weights_and_an_answer_comes_before_them() -> None:
    kernels = Shared(chain(0.3, 0.6))
    soft = np.array([[[0.2, 0.5]], [[0.2, 0.5]], [[np.nan, np.nan]]])
    codes = np.array([[-1, -1], [-1, 1], [-1, 1]], dtype=np.int8)
    out = kernels.run(BatchInput(codes, np.arange(2), soft, np.array([1])))
    # P(v1 = yes) = .7 * .3 + .3 * .6
    assert out.log_evidence[0] == pytest.approx(math.log(0.61 * 0.2 + 0.39 * 0.5), rel=1e-14)
    assert out.log_evidence[1] == out.log_evidence[2] == pytest.approx(math.log(0.39), rel=1e-14)


def test_a_batch_takes_it_where_it_costs_less() -> None:
    legs = tn.load("twitchy_legs")
    assert Inference(legs.network).schedule is None  # findings with 26 parents
    alarm = bnlearn("alarm")
    inference = Inference(alarm)
    assert inference.schedule is not None
    assert Inference(alarm, budget=100).schedule is None
    assert Inference(alarm, workspace=1e3).schedule is None
    codes = drawn(Shared(alarm), 40, 0.6).codes
    order = [inference.lowered.index[v.name] for v in alarm.nodes]
    found = tn.Model(alarm).posteriors(codes[:, order])
    assert (found.cells == inference.schedule.cells).all()


def test_a_network_without_order_that_fits_is_left_to_plans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = Shared(bnlearn("alarm")).program
    for name, value in (("MOST_WORK", 100.0), ("MOST_CELLS", 100), ("MOST_ENTRIES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(scheduling, name, value)
            assert shared_schedule(program) is None


def test_the_plan_of_a_batch_says_what_is_shared_and_why() -> None:
    model = tn.Model(bnlearn("alarm"))
    plan = model.plan({}, engine="batch")
    assert isinstance(plan, tn.SharedPlan)
    assert sorted(plan.order) == sorted(v.name for v in model.network.nodes)
    assert plan.cells == model.posteriors(model.encode({"hr": ["low"] * 40})).cells[0]
    assert f"work     {plan.cells:,.0f} cells" in str(plan)
    assert "less than a plan for each" in str(plan)
    legs = tn.load("twitchy_legs")
    assert isinstance(legs.plan(leg_twitching=True, engine="batch"), tn.CompiledPlan)
