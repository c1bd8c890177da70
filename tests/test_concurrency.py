"""Nothing about how, where or in which order it is asked changes an answer.

Pickles, threads, hash seeds, and the order of variables, links, parents, modifiers, states
and answers.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.strategies import networks, records
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.errors import CapacityError, ModelError, Problem, RecordError
from twitchnet.model.local import Descriptor, Leak, Link, LocalModel, NoisyMax, NoisyMin, Table
from twitchnet.model.network import Network

RECORD: dict[str, object] = {
    "leg_twitching": True,
    "twitch_after_exercise": tn.Likelihood({"present": 0.7, "absent": 0.2}),
    "caffeine_intake": "high",
}


@pytest.fixture(scope="module")
def legs() -> tn.Model:
    return tn.load("twitchy_legs")


def leg_records(model: tn.Model) -> list[dict[str, object]]:
    """Records that take 0.1 to 0.3 s each: contexts told, or age and sex alone."""
    told: dict[str, object] = dict.fromkeys(model.contexts, "absent")
    told |= {"age_band": "50-64", "sex": "female", "caffeine_intake": "high"}
    return [
        told | {"leg_twitching": True, "urge_to_move": True, "twitch_jerking": False},
        told | {"leg_twitching": True, "muscle_cramp": True, "antidepressant_use": True},
        {"muscle_weakness": True, "foot_drop": True, "age_band": "65+", "sex": "male"},
    ]


# -- pickles ------------------------------------------------------------------------------------


def facts(diagnosis: Diagnosis) -> object:
    """Everything that a diagnosis tells, digit for digit."""
    return repr(diagnosis.to_dict())


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_model_survives_pickling(protocol: int) -> None:
    model = tn.load("demo", budget=1e7, workspace=2**22)
    again = pickle.loads(pickle.dumps(model, protocol))
    assert again.fingerprint == model.fingerprint
    assert facts(again.diagnose(RECORD)) == facts(model.diagnose(RECORD))
    assert repr(again) == repr(model)
    with pytest.raises(CapacityError, match="the budget is 1"):
        pickle.loads(pickle.dumps(tn.load("demo", budget=1.0))).diagnose(RECORD)


def test_a_used_model_pickles_small() -> None:
    """Plans and caches are built anew, not carried."""
    fresh = pickle.dumps(tn.load("demo"))
    used = tn.load("demo")
    used.diagnose(RECORD)
    assert abs(len(pickle.dumps(used)) - len(fresh)) < 1000


def test_a_diagnosis_survives_pickling() -> None:
    diagnosis = tn.load("demo").diagnose(RECORD)
    again = pickle.loads(pickle.dumps(diagnosis))
    assert facts(again) == facts(diagnosis)
    assert str(again) == str(diagnosis)
    assert again.ranking == diagnosis.ranking


def test_values_and_errors_survive_pickling() -> None:
    problem = Problem("TN101", "wrong", "a.b", "f.yaml", 3, 4, hint="try c")
    for error in (ModelError([problem]), RecordError([problem, problem])):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.problems) == (
            type(error), str(error), error.problems,
        )  # fmt: skip
    wide = pickle.loads(pickle.dumps(CapacityError(2e12, 1e9)))
    assert (wide.cells, wide.budget, str(wide)) == (2e12, 1e9, str(CapacityError(2e12, 1e9)))
    likelihood = tn.Likelihood({"present": 0.7})
    assert pickle.loads(pickle.dumps(likelihood)) == likelihood


# -- threads ------------------------------------------------------------------------------------


def test_threads_that_share_a_cold_model_agree_with_one_thread(legs: tn.Model) -> None:
    records = leg_records(legs)
    expected = [facts(legs.diagnose(record)) for record in records]
    cold = tn.load("twitchy_legs")
    start = Barrier(4)

    def work(worker: int) -> list[object]:
        start.wait(timeout=30)  # all of them meet the lazily built parts at once
        order = [(i + worker) % len(records) for i in range(len(records))]
        found = {i: facts(cold.diagnose(records[i])) for i in order}
        return [found[i] for i in range(len(records))]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    assert results == [expected] * 4


def test_threads_that_share_a_diagnosis_agree() -> None:
    model = tn.load("demo")
    expected = facts(model.diagnose(RECORD))
    for _ in range(10):
        shared = model.diagnose(RECORD)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(facts, [shared] * 4)) == {expected}


def test_a_diagnosis_leaves_nothing_behind_in_the_model(legs: tn.Model) -> None:
    records = leg_records(legs)
    before = [facts(legs.diagnose(record)) for record in records]
    with pytest.raises(RecordError):
        legs.diagnose({"leg_twitching": False, "twitch_jerking": True})
    after = [facts(legs.diagnose(record)) for record in reversed(records)]
    assert after[::-1] == before


# -- hash seeds -----------------------------------------------------------------------------------

SCRIPT = """
import hashlib, sys
import twitchnet as tn
from twitchnet.io.formats import FORMATS, format_model
from twitchnet.io.foreign.networkx_bridge import to_networkx
for name in ("demo", "twitchy_legs"):
    model = tn.load(name)
    texts = [model.fingerprint, repr(list(to_networkx(model.network).edges(data=True)))]
    texts += [format_model(model.network, suffix) for suffix in (".yaml", *FORMATS)]
    record = {"leg_twitching": True, "caffeine_intake": "high", "intense_exercise": "yes"}
    diagnosis = model.diagnose(record)
    texts += [repr(diagnosis.to_dict()), str(diagnosis), str(model.plan(record))]
    try:
        model.diagnose({"leg_twiching": 1, "caffeine": "hi", "intense_exercise": "perhaps"})
    except tn.RecordError as error:
        texts.append(str(error))
    print(*(hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts))
"""


def test_the_hash_seed_changes_nothing() -> None:
    outputs = set()
    for seed in ("0", "1", "4294967295"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1


# -- orders ---------------------------------------------------------------------------------------


class Shuffle:
    """The same network with everything in another order that may be in any order."""

    def __init__(self, network: Network, random: Random) -> None:
        self.random = random
        self.network = network
        #: where each state went; the baseline stays, and so do the levels of a noisy-MAX or MIN
        self.states: dict[str, list[int]] = {}
        for variable in network.nodes:
            order = list(range(variable.card))
            if not isinstance(variable.local, NoisyMax | NoisyMin):
                order[1:] = random.sample(order[1:], len(order) - 1)
            self.states[variable.name] = order

    def shuffled(self) -> Network:
        variables = [
            replace(
                v,
                states=tuple(v.states[i] for i in self.states[v.name]),
                local=self.local(v.name, v.local),
            )
            for v in self.network.nodes
        ]
        self.random.shuffle(variables)
        targets = list(self.network.ranked)
        self.random.shuffle(targets)
        return replace(self.network, variables=tuple(variables), targets=tuple(targets))

    def array(
        self, array: np.ndarray, names: tuple[str, ...], further: list[list[int]]
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Axes in another order, states of each in theirs; ``further`` are the last axes."""
        orders = [self.states[name] for name in names] + further
        if orders:
            array = array[np.ix_(*orders)]
        axes = self.random.sample(range(len(names)), len(names))
        rest = range(len(names), len(orders))
        return tuple(names[i] for i in axes), array.transpose(*axes, *rest)

    def local(self, name: str, local: LocalModel | None) -> LocalModel:
        own = [self.states[name]] if isinstance(local, NoisyMax | NoisyMin | Table) else []
        if isinstance(local, Table):
            return Table(*self.array(local.probabilities, local.parents, own))
        assert local is not None
        links = []
        for link in local.links:
            produced = isinstance(local, Descriptor)
            parent = [0, 1] if produced else self.states[link.parent]
            names, strength = self.array(link.strength, link.modifiers, [parent, *own])
            links.append(Link(link.parent, names, strength))
        self.random.shuffle(links)
        return replace(
            local,
            leak=Leak(*self.array(local.leak.strength, local.leak.modifiers, own)),
            links=tuple(links),
        )

    def row(self, name: str, row: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(row[i] for i in self.states[name])


def answered(rows: dict[str, tuple[float, ...]]) -> Answers:
    hard = {n: row.index(1.0) for n, row in rows.items() if sorted(row)[-2:] == [0.0, 1.0]}
    return Answers(hard, {n: row for n, row in rows.items() if n not in hard})


@settings(max_examples=150)
@given(st.data(), networks(), st.randoms(use_true_random=False))
def test_no_order_changes_an_answer(data: st.DataObject, network: Network, random: Random) -> None:
    rows = data.draw(records(network))
    shuffle = Shuffle(network, random)
    names = random.sample(list(rows), len(rows))
    other = shuffle.shuffled()
    first = Inference(network).beliefs(answered(rows))
    second = Inference(other).beliefs(answered({n: shuffle.row(n, rows[n]) for n in names}))
    if first.log_evidence == -math.inf:
        assert second.log_evidence == -math.inf
        return
    assert second.log_evidence == pytest.approx(first.log_evidence, abs=1e-9)
    for name in network.ranked:
        moved = np.asarray(first.probability[name])[shuffle.states[name]]
        np.testing.assert_allclose(second.probability[name], moved, rtol=1e-9, atol=1e-300)
        assert second.explains[name] == pytest.approx(first.explains[name], rel=1e-9, abs=1e-300)
    assert second.produced.keys() == first.produced.keys()
    for name, value in first.produced.items():
        assert second.produced[name] == pytest.approx(value, rel=1e-9, abs=1e-300)


def test_no_order_changes_twitchy_legs(legs: tn.Model) -> None:
    shuffle = Shuffle(legs.network, Random(1))
    other = replace(shuffle.shuffled(), parameters=(), rules=(), watches=(), options=())
    other = replace(other, coverage=(), extra={})
    for record in leg_records(legs):
        first = legs.diagnose(record)
        second = tn.Model(other).diagnose(dict(reversed(record.items())))
        assert second.log_evidence == pytest.approx(first.log_evidence, abs=1e-9)
        for cause, value in first.posterior.items():
            assert second.posterior[cause] == pytest.approx(value, rel=1e-9), cause
        assert second.none_present == pytest.approx(first.none_present, rel=1e-9)
        assert second.unexplained == pytest.approx(first.unexplained, rel=1e-9)


@given(networks(largest=4), st.randoms(use_true_random=False))
def test_the_fingerprint_does_not_depend_on_the_order_of_variables_and_links(
    network: Network, random: Random
) -> None:
    variables = list(network.variables)
    random.shuffle(variables)
    for i, variable in enumerate(variables):
        local = variable.local
        if not isinstance(local, Table):
            assert local is not None
            links = list(local.links)
            random.shuffle(links)
            variables[i] = replace(variable, local=replace(local, links=tuple(links)))
    assert replace(network, variables=tuple(variables)).fingerprint == network.fingerprint
