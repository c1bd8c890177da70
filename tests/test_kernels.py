"""The batch kernels, compiled and as plain Python, against every oracle there is.

Enumeration and the numpy executor on random networks of every local model; 60 digits of
mpmath where evidence or causes are rare; the stand-in network's exact answers; closed
sums over the positive findings where 500 causes forbid enumeration.  What a row answers
may depend on nothing but that row, to the last bit.
"""

from __future__ import annotations

import copy
import hashlib
import math
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import twitchnet as tn
from tests.oracle import Joint, enumerate_joint
from tests.strategies import networks, records
from tests.test_exact import close, read
from tests.test_oracles_libraries import STATES, _layered, exact, rare_network
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.engine.host import batch as batch_module
from twitchnet.engine.host import packing as packing_module
from twitchnet.engine.host.batch import (
    LIMITS,
    STATUS,
    BatchInput,
    BatchOutput,
    run_batch,
    run_single,
    task_of,
)
from twitchnet.engine.host.packing import new_scratch, pack
from twitchnet.engine.jit.lanes import (
    BITS,
    DoubleDouble,
    above,
    highest,
    lowest,
    popcount,
    single,
    watching,
)
from twitchnet.engine.kernels import record as kernels_module
from twitchnet.engine.kernels import reduce as reduce_module
from twitchnet.engine.kernels.compiler import compiled as compiled_kernels
from twitchnet.engine.kernels.cutset import GROWTH
from twitchnet.engine.kernels.layout import N_PASSES, RESULT, Scratch, arrays_of
from twitchnet.engine.kernels.record import run_records
from twitchnet.errors import TwitchnetError
from twitchnet.model.local import Leak, Link, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Variable
from twitchnet.model.sampling import hide, sample

OK, IMPOSSIBLE, TOO_WIDE, BAD_CODE = range(len(STATUS))
DATA = Path(__file__).parents[1] / "benchmarks" / "data"
MIB = 2.0**20
both = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])


class Kernels:
    """A network whose records are answered by the kernels."""

    def __init__(self, network: Network) -> None:
        self.inference = Inference(network)
        self.lowered = self.inference.lowered
        self.program = self.lowered.program
        #: (node, state) of each column: every state of every target and producer
        self.columns = [
            (int(node), state)
            for node in self.inference.targets
            for state in range(int(self.program.card[node]))
        ]

    def rows(self, records: Sequence[Answers]) -> BatchInput:
        """Codes of all nodes, and likelihoods of those that any record has."""
        evidence = [self.inference.evidence(record) for record in records]
        hard = np.array([e.hard for e in evidence]).reshape(len(records), len(self.program.card))
        is_soft = np.array([e.is_soft for e in evidence]).reshape(hard.shape)
        soft_of = np.flatnonzero(is_soft.any(axis=0))
        card = int(self.program.card.max())
        soft = np.full((len(records), len(soft_of), card), np.nan)
        for i, e in enumerate(evidence):
            for j, node in enumerate(soft_of):
                if e.is_soft[node]:
                    soft[i, j] = np.ldexp(e.soft[node], e.soft_exponent[node])
        return BatchInput(hard.astype(np.int8), np.arange(hard.shape[1]), soft, soft_of)

    def run(self, rows: BatchInput | Sequence[Answers], **options: Any) -> BatchOutput:
        """``run_batch`` with small defaults; see there."""
        if not isinstance(rows, BatchInput):
            rows = self.rows(rows)
        defaults = {"budget": 1e9, "workspace": 4 * MIB, "threads": 1, "explain": True}
        nodes, states = np.array(self.columns, dtype=np.int64).reshape(-1, 2).T.copy()
        wanted = self.inference.wanted
        return run_batch(self.program, rows, wanted, nodes, states, **defaults | options)

    def column(self, name: str, state: int) -> int:
        """The place of a target's state in ``probability``."""
        return self.columns.index((self.lowered.index[name], state))


def same(first: BatchOutput, second: BatchOutput, rows: Any = slice(None)) -> None:
    """Equal to the last bit, NaN included; ``rows`` of the first."""
    for field in BatchOutput._fields:
        np.testing.assert_array_equal(
            getattr(first, field)[rows], getattr(second, field), err_msg=field
        )


# -- every local model: enumeration and the numpy executor -----------------------------------------


def equals_enumeration(kernels: Kernels, expected: Joint, out: BatchOutput, row: int) -> None:
    """One row of a batch against the sums over all worlds."""
    network = kernels.inference.network
    table = kernels.program.part_table
    if expected.evidence < 1e-280 and table[table > 0.0].min() < 1e-30:
        assert not out.log_evidence[row] > math.log(1e-270)
        return  # enumeration itself underflows
    if LIMITS[out.limits[row]] == "precision":  # sums that are 0, or lose too many digits
        assert expected.evidence == 0.0 or table[table > 0.0].min() < 1e-12
        return
    if expected.evidence == 0.0:
        assert STATUS[out.status[row]] == "impossible"
        assert out.log_evidence[row] == -math.inf
        assert np.isnan(out.probability[row]).all()
        return
    if expected.evidence < 1e-280:  # plain enumeration itself loses digits there
        return
    if LIMITS[out.limits[row]] == "range":  # numpy answers; never without numbers as extreme
        assert -np.log2(table[table > 0.0]).sum() > 900.0
        return
    assert STATUS[out.status[row]] == "ok"
    assert out.cells[row] >= 0.0  # 0 when everything was observed
    assert abs(out.log_evidence[row] - math.log(expected.evidence)) < 1e-9
    for name in network.ranked:
        for state, mass in enumerate(expected.marginal[name]):
            got = out.probability[row, kernels.column(name, state)]
            assert close(float(got), mass / expected.evidence), (name, state)
        if out.explains.shape[1] > 0:
            got = out.explains[row, kernels.lowered.index[name]]
            assert close(float(got), expected.explains[name] / expected.evidence), name
    for (of, parent), node in kernels.lowered.producer.items():
        if of == network.complaint and parent in expected.produced:
            got = out.probability[row, kernels.columns.index((node, 1))]
            assert close(float(got), expected.produced[parent] / expected.evidence), parent


def check_batch(data: st.DataObject, compiled: bool) -> None:
    """A random network, some random records in one batch, a random workspace."""
    network = data.draw(networks())
    drawn = data.draw(st.lists(records(network), min_size=1, max_size=3))
    workspace = data.draw(st.sampled_from([0.0, 2.0**12, MIB]))
    kernels = Kernels(network)
    read_rows = [read(rows) for rows in drawn]
    found = [answers for answers, _ in read_rows]
    out = kernels.run(found, compiled=compiled, workspace=workspace)
    alone = kernels.run(found, compiled=compiled, workspace=workspace, explain=False)
    wide = np.full(len(found), kernels_module.DOUBLE_DOUBLE, dtype=np.int8)
    finer = kernels.run(found, compiled=compiled, workspace=workspace, forms=wide)
    for i, (rows, (_, present)) in enumerate(zip(drawn, read_rows, strict=True)):
        expected = enumerate_joint(network, rows, present)
        equals_enumeration(kernels, expected, out, i)
        equals_enumeration(kernels, expected, alone, i)
        equals_enumeration(kernels, expected, finer, i)


# A base near the smallest float: 2 / base is infinite there, and above every bound as it should.
@pytest.mark.filterwarnings("ignore:overflow encountered in scalar divide:RuntimeWarning")
@settings(max_examples=150)
@given(st.data())
def test_plain_kernels_equal_enumeration(data: st.DataObject) -> None:
    check_batch(data, compiled=False)


@settings(max_examples=300)
@given(st.data())
def test_compiled_kernels_equal_enumeration(data: st.DataObject) -> None:
    check_batch(data, compiled=True)


def is_left_to_numpy(out: BatchOutput, row: int) -> bool:
    """Whether the kernels do not trust their own answer."""
    return LIMITS[out.limits[row]] in ("range", "precision")


def by_numpy(network: Network, record: Answers) -> Beliefs:
    """What numpy says."""
    return Inference(network, engine="numpy").beliefs(record)


def equals_numpy(network: Network, records: Sequence[Answers], **options: Any) -> BatchOutput:
    """A batch against the numpy executor; returns what the kernels said."""
    kernels = Kernels(network)
    out = kernels.run(records, **options)
    reference = Inference(network, engine="numpy")
    for i, record in enumerate(records):
        beliefs = reference.beliefs(record)
        if beliefs.log_evidence == -math.inf:
            assert out.status[i] == IMPOSSIBLE
            continue
        assert out.status[i] == OK
        assert out.log_evidence[i] == pytest.approx(beliefs.log_evidence, rel=1e-12, abs=1e-9)
        for name in network.ranked:
            for state, value in enumerate(beliefs.probability[name]):
                got = float(out.probability[i, kernels.column(name, state)])
                assert close(got, float(value)), (i, name, state)
            got = float(out.explains[i, kernels.lowered.index[name]])
            assert close(got, beliefs.explains[name]), (i, name)
        for name, value in beliefs.produced.items():
            node = kernels.lowered.producer[network.complaint, name]
            got = float(out.probability[i, kernels.columns.index((node, 1))])
            assert close(got, value), (i, name)
    return out


@settings(max_examples=100)
@given(st.data())
def test_both_executors_agree_on_who_produced_what(data: st.DataObject) -> None:
    """``responsibility``, which only single records have, and everything else."""
    network = data.draw(networks())
    answers, _ = read(data.draw(records(network)))
    first, second = Inference(network, engine="numpy"), Inference(network, engine="compiled")
    numpy, compiled = first.beliefs(answers), second.beliefs(answers)
    if numpy.log_evidence == -math.inf:
        assert compiled.log_evidence == -math.inf
        return
    if numpy.log_evidence < math.log(1e-280):
        return
    for pair in numpy.responsibility.keys() | compiled.responsibility.keys():
        assert close(compiled.responsibility.get(pair, 0.0), numpy.responsibility.get(pair, 0.0)), (
            pair
        )
    assert compiled.produced.keys() == numpy.produced.keys()
    for name, value in numpy.produced.items():
        assert close(compiled.produced[name], value), name


@pytest.fixture(scope="module")
def legs() -> Network:
    return tn.load("twitchy_legs").network


@pytest.fixture(scope="module")
def questionnaires(legs: Network) -> list[Answers]:
    """Answered like real ones; only those that numpy computes in a moment."""
    rng = np.random.default_rng(5)
    complaint = {legs.complaint: "present"}
    codes = hide(sample(legs, 120, rng, complaint), legs, rng=rng)
    names = [variable.name for variable in legs.nodes]
    return [
        Answers({name: int(code) for name, code in zip(names, row, strict=True) if code >= 0})
        for row in codes
    ]


def test_twitchy_legs_agrees_with_numpy(legs: Network, questionnaires: list[Answers]) -> None:
    cells = Kernels(legs).run(questionnaires, budget=3e6, workspace=64 * MIB).cells
    light = [record for record, price in zip(questionnaires, cells, strict=True) if price < 3e5]
    assert len(light) > 20
    chosen = light[:20]
    soft = replace(chosen[0], soft={"muscle_cramp": (0.2, 0.7), "sex": (0.5, 0.1)})
    soft = replace(soft, hard={n: s for n, s in soft.hard.items() if n not in soft.soft})
    given_cause = chosen[1].with_answers({"restless_legs_syndrome": 1, "dehydration": 0})
    equals_numpy(legs, [*chosen, soft, given_cause, Answers()], workspace=64 * MIB)


# -- digits ----------------------------------------------------------------------------------------


numbers = st.floats(-1e30, 1e30).filter(lambda x: x == 0.0 or abs(x) > 1e-30)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=6))
def test_wide_cells_have_twice_the_digits(pairs: list[tuple[float, float]]) -> None:
    wide, exact_, scale = DoubleDouble(np.zeros(1)), Fraction(0), Fraction(0)
    for a, b in pairs:
        wide = wide + DoubleDouble(np.array([a])) * DoubleDouble(np.array([b]))
        exact_ += Fraction(a) * Fraction(b)
        scale += abs(Fraction(a) * Fraction(b))
    stored = wide.renewed()
    for one in (wide, stored):
        got = Fraction(float(one.high[0])) + Fraction(float(one.low[0]))
        assert abs(got - exact_) <= scale * len(pairs) * Fraction(2) ** -100
    assert abs(stored.low[0]) <= 2.0**-52 * abs(stored.high[0])


def test_the_wide_form_answers_where_ordinary_cells_lose_too_many_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More exact than is promised; the compiled kernels do the same."""
    network = rare_network(0, causes=7, findings=10, leak=(1e-6, 0.2), parents=4)
    hard = {f"f{j}": 1 for j in range(10)}
    judge, told = kernels_module.agrees, []

    def agrees(*arguments: Any) -> bool:
        told.append((arguments[-1], judge(*arguments)))
        return told[-1][1]

    monkeypatch.setattr(kernels_module, "agrees", agrees)
    monkeypatch.setattr(kernels_module, "MOST_DOUBT", 10**6)  # of the plain kernels: tries both
    wanted, kernels = exact(network, hard), Kernels(network)
    for compiled in (False, True):
        out = kernels.run([Answers(hard)], compiled=compiled, explain=False)
        for (name, state), mass in wanted.state.items():
            ours = float(out.probability[0, kernels.column(name, state)])
            assert ours == pytest.approx(float(mass / wanted.evidence), rel=1e-13), (name, state)
    assert told == [(kernels_module.DOUBLE, False), (kernels_module.DOUBLE_DOUBLE, True)]


@both
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_nothing_but_a_rare_cause(strength: float, compiled: bool) -> None:
    """P(v) = P(at most v) - P(not v) would have no digits left, and both evaluations agree."""
    leak = NoisyOr(Leak((), np.array(1e-9)), ())
    above = (Link("rare", (), np.array([0.0, strength])), Link("other", (), np.zeros(2)))
    variables = (
        Variable("rare", "context", STATES, "", leak),
        Variable("other", "context", STATES, "", Table((), np.array([0.5, 0.5]))),
        Variable("v", "cause", STATES, "", NoisyOr(Leak((), np.array(0.0)), above)),
    )
    kernels = Kernels(Network("rare", "1", variables, complaint="", targets=("v",)))
    out = kernels.run([Answers({})], compiled=compiled, explain=False)
    assert out.probability[0, kernels.column("v", 1)] == pytest.approx(1e-9 * strength, rel=1e-12)


# -- which link produced which finding -------------------------------------------------------------


def plain_responsibility(kernels: Kernels, record: Answers, form: int, workspace: float) -> Any:
    """(status, ``responsibility``) of one record by the kernels as plain Python."""
    program, rows = kernels.program, kernels.rows([record])
    packed, scratch = pack(program), new_scratch(program, workspace)
    none = np.zeros(0, dtype=np.int64)
    wanted, out = kernels.inference.wanted, BatchOutput.empty(1, 0)
    task = task_of(rows, wanted, none, none, out, explain=True)
    with watching():
        kernels_module.read_row(packed, scratch, task, 0)
        status, _, _ = kernels_module.run_record(
            packed, scratch, 1e9, task.responsibility, form, kernels_module.DOUBLE_DOUBLE
        )
    return status, task.responsibility


def names_links(kernels: Kernels, responsibility: Any, expected: Joint) -> None:
    """Every entry of ``responsibility`` against enumeration."""
    low = kernels.lowered
    for name in kernels.inference.network.ranked:
        for finding, node in low.index.items():
            want = expected.responsibility.get((name, finding), 0.0) / expected.evidence
            assert close(float(responsibility[low.index[name], node]), want), (name, finding)


@pytest.mark.parametrize("form", [kernels_module.DOUBLE, kernels_module.DOUBLE_DOUBLE])
@settings(max_examples=100)
@given(st.data())
def test_links_of_every_local_model_equal_enumeration(form: int, data: st.DataObject) -> None:
    network = data.draw(networks())
    rows = data.draw(records(network))
    answers, present = read(rows)
    expected = enumerate_joint(network, rows, present)
    kernels = Kernels(network)
    status, responsibility = plain_responsibility(
        kernels, answers, form, data.draw(st.sampled_from([0.0, MIB]))
    )
    if status == OK and expected.evidence > 1e-280:
        names_links(kernels, responsibility, expected)
    else:
        table = kernels.program.part_table
        assert expected.evidence < 1e-280 or table[table > 0.0].min() < 1e-12


def mixed(link: float, found: tuple[str, ...]) -> Network:
    """Findings of every sort whose causes and modifiers several ways of computing meet at."""
    table = Table((), np.array([0.7, 0.3]))
    three = Table((), np.array([0.5, 0.3, 0.2]))
    variables = [Variable("m", "context", ("a", "b", "c"), "", three)]
    variables += [Variable(f"c{i}", "cause", STATES, "", table) for i in range(4)]
    modified_link = np.array([[0.0, link], [0.0, 0.2], [0.0, 0.9]])
    for j in range(3):
        links = tuple(Link(f"c{i}", (), np.array([0.0, link / (1 + i + j)])) for i in range(3))
        one = Link("c3", ("m",), modified_link)
        local = NoisyOr(Leak((), np.array([0.01, 0.2, 1e-9][j])), (*links, one))
        variables.append(Variable(f"f{j}", "finding", STATES, "", local))
    weak = np.array([[1.0, 0.0, 0.0], [0.9 - link, link, 0.1]])
    for j in range(2):
        leak = Leak((), np.array([[0.9, 0.06, 0.04], [1.0 - 2e-9, 1e-9, 1e-9]][j]))
        graded = NoisyMax(leak, tuple(Link(f"c{i}", (), weak) for i in range(j, j + 3)))
        variables.append(Variable(f"g{j}", "finding", ("none", "some", "much"), "", graded))
    kept = [v for v in variables if v.kind != "finding" or v.name in found]
    return Network("mixed", "1", tuple(kept))


@cache
def mixed_joint(link: float, hard: tuple[tuple[str, int], ...], found: tuple[str, ...]) -> Joint:
    """What enumeration says of ``mixed``."""
    network = mixed(link, found)
    rows = {n: tuple(np.eye(network.by_name[n].card)[s]) for n, s in hard}
    return enumerate_joint(network, rows, list(found))


@pytest.mark.parametrize("link", [0.4, 1e-9])
@pytest.mark.parametrize(
    "known",
    [{}, {"c0": 1}, {"c0": 1, "c1": 0}, {f"c{i}": i % 2 for i in range(4)}, {"m": 2, "c3": 1}],
    ids=lambda known: ",".join(known) or "nothing",
)
@pytest.mark.parametrize("workspace", [0.0, MIB])
@pytest.mark.parametrize("form", [kernels_module.DOUBLE, kernels_module.DOUBLE_DOUBLE])
def test_links_however_their_finding_is_closed(
    link: float, known: Mapping[str, int], workspace: float, form: int
) -> None:
    """Lanes, passes, differences, levels, observed causes and hidden modifiers."""
    for found in ({"f0": 1}, {"f0": 1, "f1": 1, "f2": 1}, {"g0": 2}, {"g0": 1, "g1": 2, "f1": 1}):
        kernels = Kernels(mixed(link, tuple(found)))
        hard = dict(known) | found
        expected = mixed_joint(link, tuple(hard.items()), tuple(found))
        status, responsibility = plain_responsibility(kernels, Answers(hard), form, workspace)
        assert status == OK
        names_links(kernels, responsibility, expected)


@pytest.mark.parametrize("beyond", [1e-10, -1e-10, 1e-6])
def test_who_produced_what_is_a_probability(beyond: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 0 and 1 by less than is promised of a pass, and never told so."""
    network = leaves(2, 0.1, 0.5, 0.0)
    inference = Inference(network, engine="compiled")
    cause, finding = (inference.lowered.index[name] for name in ("c0", "f0"))

    def answer(*arguments: Any, **options: Any) -> Any:
        single = run_single(*arguments, **options)
        single.responsibility[cause, finding] = 1.0 + beyond if beyond > 0.0 else beyond
        return single

    monkeypatch.setattr(batch_module, "run_single", answer)
    if beyond > 1e-9:
        with pytest.raises(TwitchnetError):
            inference.beliefs(Answers({"f0": 1}))
        return
    assert inference.beliefs(Answers({"f0": 1})).explains["c0"] == (1.0 if beyond > 0.0 else 0.0)


def test_who_produced_what_is_no_reason_to_refuse(legs: Network) -> None:
    """What a score can be told for a budget, a diagnosis can."""
    rng = np.random.default_rng(20)
    codes = hide(sample(legs, 60, rng, {legs.complaint: "present"}), legs, rng=rng)
    kernels = Kernels(legs)
    names = [kernels.lowered.index[variable.name] for variable in legs.nodes]
    none = np.empty(0, dtype=np.int64)
    rows = BatchInput(codes, np.array(names), np.empty((len(codes), 0, 2)), none)
    alone = kernels.run(rows, budget=2e6, workspace=64 * MIB, explain=False)
    whole = kernels.run(rows, budget=2e6, workspace=64 * MIB)
    np.testing.assert_array_equal(whole.status, alone.status)
    np.testing.assert_array_equal(whole.cells, alone.cells)
    np.testing.assert_array_equal(whole.probability, alone.probability)
    assert {OK, TOO_WIDE} == set(alone.status.tolist())


# -- 60 digits -------------------------------------------------------------------------------------


def equals_mpmath(network: Network, hard: Mapping[str, int], compiled: bool) -> float:
    """One record against every world in 60 digits; returns log10 of P(evidence)."""
    wanted = exact(network, hard)
    kernels = Kernels(network)
    out = kernels.run([Answers(hard)], compiled=compiled)
    fast = kernels.run([Answers(hard)], compiled=compiled, explain=False)
    if wanted.evidence == 0:
        for found in (out, fast):
            assert found.status[0] == IMPOSSIBLE or is_left_to_numpy(found, 0)
        assert by_numpy(network, Answers(hard)).log_evidence == -math.inf
        return -math.inf
    log = float(mp.log(wanted.evidence))
    for found in (out, fast):
        if is_left_to_numpy(found, 0):
            assert log < -100.0
            continue
        assert found.status[0] == OK
        assert abs(found.log_evidence[0] - log) <= 1e-9 * max(1.0, abs(log) * 1e-3)
        for (name, state), mass in wanted.state.items():
            theirs = float(mass / wanted.evidence)
            ours = float(found.probability[0, kernels.column(name, state)])
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-30), (name, state)
    numpy = by_numpy(network, Answers(hard))
    for name, mass in wanted.explains.items():
        ours = numpy.explains[name]
        if out.status[0] == OK:
            ours = float(out.explains[0, kernels.lowered.index[name]])
        assert ours == pytest.approx(float(mass / wanted.evidence), rel=1e-9, abs=1e-30), name
    return log / math.log(10)


@both
@pytest.mark.parametrize("seed", range(6))
def test_rare_causes_keep_their_digits(seed: int, compiled: bool) -> None:
    network = rare_network(seed, causes=7, findings=10, leak=(1e-6, 0.2), parents=4)
    rng = np.random.default_rng(200 + seed)
    hard = {f"f{j}": int(rng.random() < 0.6) for j in range(10)} | {"f0": 1}
    equals_mpmath(network, hard, compiled)
    equals_mpmath(network, hard | {"c1": 1, "c2": 0}, compiled)


@both
@pytest.mark.parametrize(
    ("count", "parents", "leak", "below"),
    [
        (60, 1, (1e-9, 1e-3), -100),
        (220, 1, (1e-9, 1e-3), -500),
        (150, 2, (1e-12, 1e-6), -300),
    ],
)
def test_evidence_far_below_the_smallest_float(
    count: int, parents: int, leak: tuple[float, float], below: float, compiled: bool
) -> None:
    network = rare_network(7, causes=6, findings=count, leak=leak, parents=parents)
    hard = {f"f{j}": 1 for j in range(count)} | {"c0": 0, "c1": 0}
    assert equals_mpmath(network, hard, compiled) < below


def leaves(count: int, prior: float, link: float, leak: float) -> Network:
    """Separate pairs of a cause and its finding; every number the same."""
    table = Table((), np.array([1.0 - prior, prior]))
    local = [NoisyOr(Leak((), np.array(leak)), (Link(f"c{i}", (), np.array([0.0, link])),))
             for i in range(count)]  # fmt: skip
    causes = [Variable(f"c{i}", "cause", STATES, "", table) for i in range(count)]
    findings = [Variable(f"f{i}", "finding", STATES, "", local[i]) for i in range(count)]
    return Network("leaves", "1", (*causes, *findings))


@both
def test_a_product_of_many_small_numbers_does_not_underflow(compiled: bool) -> None:
    """Observed roots, separate parts of a network, absent findings of one cause."""
    network = leaves(150, 1e-4, 0.5, 1e-9)
    present = 1e-9 + 1e-4 * 0.5 * (1 - 1e-9)
    kernels = Kernels(network)
    roots = {f"c{i}": 1 for i in range(150)}
    pairs = {f"f{i}": 1 for i in range(150)}
    out = kernels.run([Answers(roots), Answers(pairs)], compiled=compiled)
    assert out.status.tolist() == [OK, OK]
    np.testing.assert_allclose(out.log_evidence, 150 * np.log([1e-4, present]), rtol=1e-12)
    posterior = 1e-4 * (0.5 + 0.5 * 1e-9) / present
    columns = [kernels.column(f"c{i}", 1) for i in range(150)]
    np.testing.assert_allclose(out.probability[1, columns], posterior, rtol=1e-9)
    silent = [
        Variable(f"f{i}", "finding", STATES, "",
                 NoisyOr(Leak((), np.array(0.0)), (Link("c", (), np.array([0.0, strength])),)))
        for i, strength in enumerate([1 - 1e-6] * 100)
    ]  # fmt: skip
    cause = Variable("c", "cause", STATES, "", Table((), np.array([0.0, 1.0])))
    hard = {f"f{i}": 0 for i in range(100)}
    one = Kernels(Network("one", "1", (cause, *silent))).run([Answers(hard)], compiled=compiled)
    weight = 1.0 - (1 - 1e-6)
    assert one.log_evidence[0] == pytest.approx(100 * math.log(weight), rel=1e-12)
    assert one.probability[0].tolist() == [0.0, 1.0]


@both
@pytest.mark.parametrize("seed", range(3))
def test_certain_links_and_impossible_leaks(seed: int, compiled: bool) -> None:
    """Links of exactly 0 and 1 and leaks of 0: every finding must be produced by a cause."""
    rng = np.random.default_rng(seed)
    network = rare_network(seed + 50, causes=6, findings=6, leak=(1e-3, 0.1), parents=3)
    variables = []
    for variable in network.nodes:
        local = variable.local
        if isinstance(local, NoisyOr):
            links = tuple(
                replace(link, strength=np.array([0.0, float(rng.random() < 0.6)]))
                for link in local.links
            )
            local = NoisyOr(Leak((), np.array(0.0)), links)
        variables.append(replace(variable, local=local))
    certain = replace(network, variables=tuple(variables))
    equals_mpmath(certain, {"f0": 1, "f1": 1, "f2": 0}, compiled)
    equals_mpmath(certain, {f"f{j}": 1 for j in range(6)}, compiled)
    equals_mpmath(certain, {"f0": 1, "c0": 0, "c1": 1}, compiled)
    equals_mpmath(certain, {f"f{j}": 1 for j in range(6)} | dict.fromkeys(causes_of(certain), 0),
                  compiled)  # fmt: skip


def causes_of(network: Network) -> tuple[str, ...]:
    return network.names("cause")


@both
@pytest.mark.parametrize("seed", range(4))
def test_rare_everything_with_modifiers_and_arcs_between_causes(seed: int, compiled: bool) -> None:
    network = _layered(seed)
    for hard in (
        {f"f{j}": 1 for j in range(5)},
        {"f0": 1, "f1": 0, "f2": 1, "age": 2},
        {"f0": 1, "f3": 1, "f4": 1, "c4": 0},
    ):
        equals_mpmath(network, hard, compiled)


# -- large networks --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standin() -> Kernels:
    from twitchnet.bench.networks import standin as read_standin

    return Kernels(read_standin(DATA / "standin_network.json"))


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(DATA / "standin_500.npz") as file:
        return dict(file)


def standin_rows(standin: Kernels, codes: np.ndarray) -> BatchInput:
    names = [variable.name for variable in standin.inference.network.nodes]
    node_of = np.array([standin.lowered.index[name] for name in names])
    none = np.empty(0, dtype=np.int64)
    return BatchInput(codes, node_of, np.empty((len(codes), 0, 2)), none)


def test_the_stand_in_has_its_exact_answers(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    out = standin.run(standin_rows(standin, answers["codes"]), explain=False)
    assert (out.status == OK).all()
    assert np.abs(out.log_evidence - answers["log_evidence"]).max() < 1e-9
    columns = [standin.column(name, 1) for name in causes_of(standin.inference.network)]
    np.testing.assert_allclose(out.probability[:, columns], answers["posteriors"], rtol=1e-9)


def test_plain_kernels_know_the_stand_in_too(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    positives = (answers["codes"][:, 40:] == 1).sum(axis=1)
    light = np.argsort(positives, kind="stable")[:100:20]
    out = standin.run(standin_rows(standin, answers["codes"][light]), compiled=False)
    columns = [standin.column(name, 1) for name in causes_of(standin.inference.network)]
    expected = answers["posteriors"][light]
    np.testing.assert_allclose(out.probability[:, columns], expected, rtol=1e-9)


def sums_over_positives(network: Network, hard: Mapping[str, int]) -> tuple[Any, dict[str, Any]]:
    """P(evidence) and the posteriors of a two-layer noisy-OR network, in 60 digits.

    Inclusion and exclusion over the present findings (Heckerman 1989, "A tractable inference
    algorithm for diagnosing multiple diseases", UAI): nothing of the engine's way.
    """
    mp.dps = 60
    causes = causes_of(network)
    prior = {c: mpf(float(network.by_name[c].local.probabilities[1])) for c in causes}  # type: ignore[union-attr]
    silent: dict[str, dict[str, Any]] = {}
    leak: dict[str, Any] = {}
    for name in hard:
        local = network.by_name[name].local
        assert isinstance(local, NoisyOr)
        leak[name] = 1 - mpf(float(local.leak.strength))
        silent[name] = {link.parent: 1 - mpf(float(link.strength[1])) for link in local.links}
    absent = [name for name, state in hard.items() if state == 0]
    present = [name for name, state in hard.items() if state == 1]
    touched = sorted({cause for name in hard for cause in silent[name]})
    total, joint = mpf(0), dict.fromkeys(touched, mpf(0))
    for size in range(len(present) + 1):
        for chosen in combinations(present, size):
            mass = mpf((-1) ** size)
            ratio = {}
            for name in (*absent, *chosen):
                mass *= leak[name]
            for cause in touched:
                weight = prior[cause]
                for name in (*absent, *chosen):
                    if cause in silent[name]:
                        weight *= silent[name][cause]
                both_states = 1 - prior[cause] + weight
                mass *= both_states
                ratio[cause] = weight / both_states
            total += mass
            for cause in touched:
                joint[cause] += mass * ratio[cause]
    return total, {c: joint[c] / total if c in joint else prior[c] for c in causes}


def test_five_hundred_causes() -> None:
    from twitchnet.bench.networks import rare

    network = rare(causes=500, findings=600, seed=3)
    kernels = Kernels(network)
    assert len(kernels.program.card) == 1100
    findings = network.names("finding")
    rng = np.random.default_rng(1)
    records = []
    for positives in (0, 3, 6):
        asked = rng.choice(findings, 12 + positives, replace=False).tolist()
        records.append({name: int(i < positives) for i, name in enumerate(asked)})
    out = kernels.run([Answers(hard) for hard in records], workspace=16 * MIB)
    assert (out.status == OK).all()
    for i, hard in enumerate(records):
        total, posterior = sums_over_positives(network, hard)
        assert out.log_evidence[i] == pytest.approx(float(mp.log(total)), rel=1e-12, abs=1e-9)
        ours = [out.probability[i, kernels.column(c, 1)] for c in posterior]
        theirs = [float(value) for value in posterior.values()]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    many = sorted(findings)[:100]
    sampled = Answers({name: int(i % 5 == 0) for i, name in enumerate(many)})
    out = equals_numpy(network, [sampled], workspace=64 * MIB)
    assert out.status[0] == OK


def test_a_level_that_only_weak_links_make_costs_their_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its leak is 0, though that of another level is not: 1e-9 would drown in a cumulative sum."""
    weak = np.array([[1.0, 0.0, 0.0], [0.4 - 1e-9, 1e-9, 0.6]])
    names = [f"c{i}" for i in range(3)]
    leak, half = Leak((), np.array([0.63, 0.0, 0.37])), Table((), np.array([0.5, 0.5]))
    graded = NoisyMax(leak, tuple(Link(c, (), weak) for c in names))
    causes = [Variable(c, "cause", STATES, "", half) for c in names]
    finding = Variable("g", "finding", ("none", "some", "much"), "", graded)
    network, lost = Network("graded", "1", (*causes, finding)), []
    sign_levels = reduce_module.sign_levels

    def listen(p: Any, s: Any, a: int, *others: Any) -> bool:
        done = sign_levels(p, s, a, *others)
        lost.append(s.axis.lost_bits[a])
        return done

    monkeypatch.setattr(reduce_module, "sign_levels", listen)
    kernels = Kernels(network)
    out = kernels.run([Answers({"g": 1})], compiled=False, explain=False)
    assert set(lost) == {30}  # 2**-30 is just below 1e-9
    expected = enumerate_joint(network, {"g": (0.0, 1.0, 0.0)})
    for cause in names:
        found = out.probability[0, kernels.column(cause, 1)]
        assert found == pytest.approx(expected.marginal[cause][1] / expected.evidence, rel=1e-12)


@both
def test_what_nothing_couples_is_a_sum(compiled: bool) -> None:
    """Beside a present finding's causes, all others: one cell for each of their states."""
    from twitchnet.bench.networks import rare

    network = rare(causes=90, findings=120, seed=5)
    kernels = Kernels(network)
    hard = {v.name: 0 for v in network.variables if v.kind == "finding"}
    cells = []
    for present in ([], list(hard)[:1]):
        record = hard | dict.fromkeys(present, 1)
        out = kernels.run([Answers(record)], compiled=compiled, explain=False)
        total, joint = sums_over_positives(network, record)
        assert out.status[0] == OK
        assert out.log_evidence[0] == pytest.approx(float(mp.log(total)), rel=1e-13)
        for cause, expected in joint.items():
            found = out.probability[0, kernels.column(cause, 1)]
            assert found == pytest.approx(float(expected), rel=1e-11)
        cells.append(out.cells[0])
    assert cells[0] == 8 * 2 * 90
    assert cells[1] < 2 * cells[0]


# -- passes, budgets, statuses ---------------------------------------------------------------------


def dense(causes: int, findings: int, parents: int, seed: int = 1) -> Network:
    """A two-layer network whose present findings couple most causes."""
    return rare_network(seed, causes, findings, (1e-3, 0.1), parents)


@both
def test_passes_do_not_change_the_answer(compiled: bool) -> None:
    network = dense(causes=11, findings=9, parents=7)
    record = [Answers({f"f{j}": 1 for j in range(9)})]
    kernels = Kernels(network)
    whole = kernels.run(record, compiled=compiled)
    split = kernels.run(record, compiled=compiled, workspace=0.0)
    assert whole.status[0] == split.status[0] == OK
    assert split.cells[0] > whole.cells[0]  # it really took passes
    np.testing.assert_allclose(split.log_evidence, whole.log_evidence, rtol=0, atol=1e-12)
    np.testing.assert_allclose(split.probability, whole.probability, rtol=1e-10)
    np.testing.assert_allclose(split.explains, whole.explains, rtol=1e-10)


def test_passes_that_cost_little_are_taken_for_fast_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By their order the tables become as many times fewer as there are passes, almost."""
    kernels, record = Kernels(dense(24, 20, 6)), [Answers({f"f{j}": 1 for j in range(15)})]
    settle, plans = kernels_module.settle, []

    def listen(*arguments: Any) -> Any:
        found, counts = settle(*arguments), arguments[1].counts
        plans.append((found[1], int(counts[RESULT]), int(counts[N_PASSES])))
        return found

    monkeypatch.setattr(kernels_module, "settle", listen)
    whole = kernels.run(record, compiled=False, explain=False)
    monkeypatch.setattr(kernels_module, "AT_HAND", 4000.0)
    split = kernels.run(record, compiled=False, explain=False)
    tight = kernels.run(record, compiled=False, explain=False, budget=float(whole.cells[0]))
    (before, many, one), (after, few, passes), (*_, undivided) = plans
    assert undivided == 1  # passes might cost more than there is
    assert tight.status[0] == OK
    assert one == 1
    assert passes >= 2
    assert few < many
    assert after <= before * passes**GROWTH * 1.1
    np.testing.assert_allclose(split.log_evidence, whole.log_evidence, rtol=0, atol=1e-12)
    np.testing.assert_allclose(split.probability, whole.probability, rtol=1e-10)


@both
def test_levels_may_be_conditioned_on_in_passes(compiled: bool) -> None:
    """A sum of passes has signs, too; whichever comes first."""
    network = dense(causes=11, findings=12, parents=9)
    kernels = Kernels(network)
    for absent in range(2):
        record = [Answers({f"f{j}": int(j != absent) for j in range(12)})]
        whole = kernels.run(record, compiled=compiled)
        split = kernels.run(record, compiled=compiled, workspace=0.0)
        assert split.cells[0] > whole.cells[0]  # it really took passes
        np.testing.assert_allclose(split.log_evidence, whole.log_evidence, rtol=0, atol=1e-11)
        np.testing.assert_allclose(split.probability, whole.probability, rtol=1e-10)
        np.testing.assert_allclose(split.explains, whole.explains, rtol=1e-10)


def modified() -> Network:
    """Links that three unknown modifiers with many states change."""
    rng = np.random.default_rng(2)
    states = tuple(f"s{i}" for i in range(6))
    table = Table((), np.full(6, 1 / 6))
    variables = [Variable(f"m{i}", "context", states, "", table) for i in range(3)]
    prior = Table((), np.array([0.9, 0.1]))
    variables += [Variable(f"c{i}", "cause", STATES, "", prior) for i in range(3)]
    names = ("m0", "m1", "m2")
    strength = rng.random((3, 6, 6, 6, 2))
    strength[..., 0] = 0.0
    links = tuple(Link(f"c{i}", names, strength[i]) for i in range(3))
    leak = Leak(names, rng.random((6, 6, 6)) * 0.1)
    variables.append(Variable("f0", "finding", STATES, "", NoisyOr(leak, links)))
    return Network("modified", "1", tuple(variables), complaint="f0")


@both
def test_passes_when_not_even_the_factors_fit(
    monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    monkeypatch.setattr(packing_module, "MOST_LEAVES", 0)
    network = modified()
    record = {"f0": (0.0, 1.0)}
    kernels = Kernels(network)
    out = kernels.run([Answers({"f0": 1})], compiled=compiled, workspace=0.0)
    equals_enumeration(kernels, enumerate_joint(network, record, ["f0"]), out, 0)


def test_a_record_above_the_budget_is_told_its_price(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    rows = standin_rows(standin, answers["codes"])
    whole = standin.run(rows)
    budget = float(np.median(whole.cells))
    out = standin.run(rows, budget=budget)
    wide = out.status == TOO_WIDE
    np.testing.assert_array_equal(wide, whole.cells > budget)
    assert np.isnan(out.log_evidence[wide]).all()
    assert np.isnan(out.probability[wide]).all()
    assert np.isnan(out.explains[wide]).all()
    assert (out.cells[wide] > budget).all()  # the estimate
    same(whole, BatchOutput(*(field[~wide] for field in out)), ~wide)


def test_one_hopeless_record_does_not_hold_up_a_batch(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    network = dense(causes=120, findings=120, parents=60)
    hopeless = Answers({f"f{j}": 1 for j in range(120)})
    light = Answers({"f0": 1, "f1": 0})
    kernels = Kernels(network)
    alone = kernels.run([light])
    start = time.process_time()
    out = kernels.run([light, hopeless, light], workspace=MIB)
    took = time.process_time() - start
    assert out.status.tolist() == [OK, TOO_WIDE, OK]
    assert out.cells[1] > 1e9
    np.testing.assert_array_equal(out.probability[[0, 2]], alone.probability[[0, 0]])
    assert took < 6.0  # computing it would take longer than the universe has been there


@both
@pytest.mark.parametrize("code", [-128, -2, 2, 3, 127])
def test_a_code_that_is_no_state_is_a_status(code: int, compiled: bool) -> None:
    network = leaves(3, 0.1, 0.5, 0.01)
    kernels = Kernels(network)
    codes = np.full((3, 6), -1, dtype=np.int8)
    codes[:, 3] = 1
    codes[1, 4] = code
    rows = kernels.rows([Answers()] * 3)._replace(codes=codes)
    out = kernels.run(rows, compiled=compiled)
    assert out.status.tolist() == [OK, BAD_CODE, OK]
    assert np.isnan(out.log_evidence[1])
    assert np.isnan(out.probability[1]).all()
    assert np.isnan(out.explains[1]).all()
    np.testing.assert_array_equal(out.probability[0], out.probability[2])
    assert not np.isnan(out.probability[0]).any()


@both
def test_impossible_rows_leave_the_others_alone(compiled: bool) -> None:
    network = leaves(2, 0.1, 0.5, 0.0)
    kernels = Kernels(network)
    fine = Answers({"f0": 1})
    contradiction = Answers({"f0": 1, "c0": 0})
    nothing_fits = Answers({"c0": 0}, {"f0": (0.0, 0.3)})
    out = kernels.run([fine, contradiction, fine, nothing_fits, fine], compiled=compiled)
    assert out.status.tolist() == [OK, IMPOSSIBLE, OK, IMPOSSIBLE, OK]
    assert (out.log_evidence[[1, 3]] == -math.inf).all()
    assert np.isnan(out.probability[[1, 3]]).all()
    for row in (2, 4):
        np.testing.assert_array_equal(out.probability[row], out.probability[0])
        np.testing.assert_array_equal(out.explains[row], out.explains[0])


@both
def test_numbers_near_the_smallest_float_are_never_nan(compiled: bool) -> None:
    """A neighbour in the same block must not inherit an infinity either."""
    network = leaves(2, 2.3e-308, 0.5, 0.0)
    kernels = Kernels(network)
    records = [Answers({"f0": 1}), Answers({"f1": 0}), Answers({"c0": 1, "f1": 1})]
    out = kernels.run(records, compiled=compiled)
    answered = out.status == OK
    assert {LIMITS[limit] for limit in out.limits[~answered]} <= {"range"}
    np.testing.assert_array_equal(
        out.probability[1], kernels.run(records[1:2], compiled=compiled).probability[0]
    )
    for row in out.probability[answered], out.explains[answered]:
        assert np.isfinite(row).all()
    model = tn.Model(kernels.inference.network)
    answers = {"f0": [True, None, None], "f1": [None, False, True], "c0": [None, None, True]}
    whole = model.posteriors({name: states * 11 for name, states in answers.items()})
    assert set(whole.status) == {"ok"}
    assert whole.probability[0, whole.columns.index(("c0", "present"))] == pytest.approx(1.0)


@both
def test_likelihoods_and_codes_in_one_batch(compiled: bool) -> None:
    """NaN stands for no likelihood; rows without one do not see their neighbours'."""
    network = leaves(3, 0.1, 0.5, 0.01)
    soft = Answers({"f1": 0}, {"f0": (0.2, 0.9), "c2": (3.0, 0.5)})
    records = [Answers({"f0": 1}), soft, Answers({"f1": 0})]
    out = equals_numpy(network, records, compiled=compiled)
    alone = Kernels(network).run(records[:1], compiled=compiled)
    np.testing.assert_array_equal(alone.probability[0], out.probability[0])


@both
def test_an_empty_batch(compiled: bool) -> None:
    kernels = Kernels(leaves(2, 0.1, 0.5, 0.01))
    out = kernels.run(kernels.rows([]), compiled=compiled, threads=3)
    assert out.probability.shape == (0, 4)
    assert out.status.shape == (0,)


def test_without_posteriors_only_the_evidence_is_computed(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    rows = standin_rows(standin, answers["codes"][:50])
    out = standin.run(rows, posteriors=False, explain=False)
    assert np.abs(out.log_evidence - answers["log_evidence"][:50]).max() < 1e-9
    assert np.isnan(out.probability).all()


def test_a_model_settles_the_workspace_of_its_batches() -> None:
    network = dense(causes=11, findings=12, parents=9)
    codes = np.full((600, len(network.nodes)), -1, dtype=np.int8)
    codes[:, 11:] = 1
    usual = tn.Model(network).posteriors(codes)
    small = tn.Model(network, workspace=1.0).posteriors(codes)  # never less than it needs
    assert small.cells[0] > usual.cells[0]  # in passes
    np.testing.assert_allclose(small.probability, usual.probability, rtol=1e-10)


def test_layouts_and_kinds_of_numbers_are_compiled_once(standin: Kernels) -> None:
    """A second signature would mean a second wait for the compiler, in somebody's batch."""
    rows = standin.rows([Answers({})] * 2)
    backward = rows._replace(codes=rows.codes[:, ::-1], node_of=rows.node_of[::-1])
    backward.codes.flags.writeable = False
    standin.run(backward, budget=10**9)
    other = standin.program._replace(part_table=standin.program.part_table.copy())
    evidence = standin.inference.evidence(Answers({}))
    run_single(other, evidence, standin.inference.wanted, 10**9, 4 * MIB)
    assert len(compiled_kernels().signatures) == 1  # type: ignore[attr-defined]


def test_an_interrupt_stops_all_threads(standin: Kernels, answers: dict[str, np.ndarray]) -> None:
    rows = standin_rows(standin, np.tile(answers["codes"], (400, 1)))
    seen: list[int] = []

    def interrupt(done: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        standin.run(rows, explain=False, threads=2, progress=interrupt)
    assert len(seen) == 1
    assert seen[0] < len(rows.codes) / 2


@both
@pytest.mark.parametrize("explain", [False, True])
def test_what_a_workspace_held_before_changes_nothing(
    compiled: bool, explain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dirty = False

    @contextmanager
    def workspace_for(program: Any, workspace: float) -> Iterator[Any]:
        scratch = new_scratch(program, workspace)
        if dirty:
            for array in arrays_of(scratch[:-1]):
                array[:] = 99 if array.dtype == np.int64 else np.nan
        yield scratch

    monkeypatch.setattr(batch_module, "workspace_for", workspace_for)
    for network in (modified(), rare_network(0, 7, 10, (1e-6, 0.2), 4), dense(11, 12, 9)):
        kernels = Kernels(network)
        names = [v.name for v in network.nodes if v.kind == "finding"]
        rows = kernels.rows([Answers(dict.fromkeys(names[:k], 1)) for k in range(len(names) + 1)])
        options = {"compiled": compiled, "explain": explain, "workspace": 0.0}
        dirty = False
        clean = kernels.run(rows, **options)
        dirty = True
        same(clean, kernels.run(rows, **options))


@both
def test_a_halt_is_seen_before_the_next_record(compiled: bool, standin: Kernels) -> None:
    """So an interrupt waits for one record of each thread, however many a block has."""
    rows, program = standin.rows([Answers({})] * 3), standin.program
    none, out = np.zeros(0, dtype=np.int64), BatchOutput.empty(3, 0)
    out.status[:] = 9
    packed, scratch = pack(program), new_scratch(program, 4 * MIB)
    where = (packed.at, scratch.at) if compiled else (packed, scratch)
    run = compiled_kernels() if compiled else run_records
    for halt in (1, 0):
        wanted = standin.inference.wanted
        task = task_of(rows, wanted, none, none, out, halt=np.array([halt]))
        run(*where, task, 1e9, 0, 3)
        assert (out.status == (9 if halt else 0)).all()


# -- the same to the last bit ----------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(
    standin: Kernels, answers: dict[str, np.ndarray], threads: int
) -> None:
    rows = standin_rows(standin, answers["codes"])
    same(standin.run(rows), standin.run(rows, threads=threads))


def test_the_order_of_rows_changes_nothing(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    rows = standin_rows(standin, answers["codes"])
    order = np.random.default_rng(1).permutation(len(rows.codes))
    moved = rows._replace(codes=np.ascontiguousarray(rows.codes[order]))
    same(standin.run(rows), standin.run(moved, threads=2), order)


def test_the_order_of_columns_changes_nothing(
    standin: Kernels, answers: dict[str, np.ndarray]
) -> None:
    rows = standin_rows(standin, answers["codes"][:200])
    order = np.random.default_rng(2).permutation(rows.codes.shape[1])
    moved = rows._replace(
        codes=np.ascontiguousarray(rows.codes[:, order]), node_of=rows.node_of[order]
    )
    same(standin.run(rows), standin.run(moved))


def test_neither_threads_nor_order_change_twitchy_legs(
    legs: Network, questionnaires: list[Answers]
) -> None:
    kernels = Kernels(legs)
    soft = questionnaires[0].without("age_band")
    soft = replace(soft, soft={"age_band": (0.4, 0.3, 0.2, 0.1)})
    rows = kernels.rows([*questionnaires, soft])
    options = {"budget": 2e6, "workspace": 16 * MIB}
    first = kernels.run(rows, **options)
    assert {OK, TOO_WIDE} == set(first.status)
    order = np.random.default_rng(3).permutation(len(rows.codes))
    moved = rows._replace(
        codes=np.ascontiguousarray(rows.codes[order]), soft=np.ascontiguousarray(rows.soft[order])
    )
    for threads in (1, 2, 3):
        same(first, kernels.run(moved, threads=threads, **options), order)


HASHES = """
import hashlib, sys
sys.path.insert(0, ".")
from tests.test_kernels import digest
print(digest())
"""


def digest() -> str:
    """What some records get, in few characters."""
    network = rare_network(3, causes=12, findings=14, leak=(1e-3, 0.1), parents=5)
    rng = np.random.default_rng(4)
    records = [
        Answers({f"f{j}": int(state) for j, state in enumerate(rng.integers(0, 2, 14))})
        for _ in range(100)
    ]
    kernels = Kernels(network)
    out = kernels.run(records, threads=2)
    names = repr([kernels.lowered.names[node] for node, _ in kernels.columns])
    return hashlib.sha256(names.encode() + b"".join(field.tobytes() for field in out)).hexdigest()


def test_the_hash_seed_changes_nothing() -> None:
    here = digest()
    for seed in ("0", "4294967295"):
        done = subprocess.run(
            [sys.executable, "-c", HASHES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == here


def mask_facts(bit: int) -> tuple[int, int, int, int, int, int]:
    """What words with a bit are said to hold."""
    word = single(bit)
    both = word | single(0)
    return (
        popcount(word), lowest(word), highest(word),
        popcount(above(bit)), lowest(both), highest(both),
    )  # fmt: skip


@both
def test_masks_use_every_bit_of_a_word(compiled: bool) -> None:
    """The sign bit, too."""
    facts = mask_facts
    if compiled:
        compiled_kernels()
        facts = pytest.importorskip("numba").njit(mask_facts)
    for bit in range(BITS):
        assert facts(bit) == (1, bit, bit, BITS - 1 - bit, 0, bit)


def test_records_of_improbable_findings_begin_with_the_wide_form(
    standin: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the plan that there is; its answer is that of the fast form, where that is believed."""
    settle, plans = kernels_module.settle, []

    def listen(*arguments: Any) -> Any:
        plans.append(arguments[-1])
        return settle(*arguments)

    rows = standin.rows([Answers({}), Answers({f"find{j}": 1 for j in range(1, 7)})])
    fast = standin.run(rows, compiled=False, explain=False)
    monkeypatch.setattr(kernels_module, "MOST_DOUBT", 0)
    monkeypatch.setattr(kernels_module, "settle", listen)
    wide = standin.run(rows, compiled=False, explain=False)
    assert list(fast.forms) == [kernels_module.DOUBLE] * 2
    assert list(wide.forms) == [kernels_module.DOUBLE, kernels_module.DOUBLE_DOUBLE]
    assert plans == [kernels_module.DOUBLE] * 2
    np.testing.assert_allclose(wide.probability, fast.probability, rtol=1e-11)


def test_surprise_is_what_a_finding_is_short_of_one_half() -> None:
    """Exactly so where its parents are independent."""
    network = rare_network(3, 6, 5, (1e-5, 0.6), 4)
    kernels = Kernels(network)
    packed = pack(kernels.program)
    for j in range(5):
        bits = -1.0 - float(mp.log(exact(network, {f"f{j}": 1}).evidence, 2))
        told = packed.node.surprise[kernels.lowered.index[f"f{j}"]]
        assert abs(told / 16 - max(bits, 0.0)) <= 0.5 / 16 + 1e-9
    assert len(set(packed.node.surprise.tolist())) > 5


def test_copies_of_a_workspace_know_where_they_lie(standin: Kernels) -> None:
    for whole in (pack(standin.program), new_scratch(standin.program, 0.0)):
        for other in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
            pairs = zip(arrays_of(other[:-1]), arrays_of(whole[:-1]), strict=True)
            for i, (array, old) in enumerate(pairs):
                np.testing.assert_array_equal(array, old)
                assert other.at.places[2 * i] == array.ctypes.data != old.ctypes.data
                assert other.at.places[2 * i + 1] == array.shape[-1]


def test_a_tape_that_is_too_short_is_not_written_beyond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a record is left to numpy."""
    kernels = Kernels(dense(11, 12, 9))
    names = [v.name for v in kernels.inference.network.nodes if v.kind == "finding"]
    rows = kernels.rows([Answers(dict.fromkeys(names[:6], 1))])
    scratch = new_scratch(kernels.program, 2.0**20)

    @contextmanager
    def workspace_for(program: Any, workspace: float) -> Iterator[Any]:
        yield Scratch.of(*scratch._replace(tape=scratch.tape[: room[0]].copy())[:-1])

    monkeypatch.setattr(batch_module, "workspace_for", workspace_for)
    room, answered = [len(scratch.tape)], []
    whole = kernels.run(rows, compiled=False, explain=False)
    for room[0] in (0, 7, 100, 200, 300, 400, 500, 700, 1000, 2000):
        out = kernels.run(rows, compiled=False, explain=False)
        answered.append(bool(out.status[0] == OK))
        if not answered[-1]:
            assert LIMITS[out.limits[0]] == "workspace"
            continue
        np.testing.assert_allclose(out.probability, whole.probability, rtol=1e-9)
    assert answered == sorted(answered)
    assert set(answered) == {False, True}


def test_an_order_that_is_searched_again_for_more_passes() -> None:
    """An order that is kept from the plan before does not begin with the singleton axes.

    This record of twitchy_legs gave P = 1.76 P(answers) for a part of what it sums over.
    """
    network = tn.load("twitchy_legs").network
    rng = np.random.default_rng(1)
    row = hide(sample(network, 400, rng), network, rng=rng)[235]
    nodes = network.nodes
    answers = Answers({nodes[i].name: int(row[i]) for i in np.flatnonzero(row >= 0)})
    inference = Inference(network)
    evidence = inference.evidence(answers)
    for (of, parent), node in inference.lowered.producer.items():
        if of == network.complaint and parent:
            evidence.hard[node] = 0
    program = inference.lowered.program
    wanted = inference._on_numpy(program, evidence, down=False).log_evidence
    found = inference._compiled(program, evidence, down=False).log_evidence
    assert found == pytest.approx(wanted, abs=1e-10)
