"""The most probable explanations over all variables: against every world, and against pgmpy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests import variable_elimination
from tests.libraries import pgmpy
from tests.oracle import enumerate_joint
from tests.strategies import networks, records
from tests.test_kernels import read
from tests.test_shared import bnlearn
from twitchnet.diagnosis.explain.worlds import most_probable
from twitchnet.diagnosis.inference import Inference
from twitchnet.model.network import Network


def every_world(network: Network, rows: dict[str, tuple[float, ...]]) -> list[float]:
    """P(world, answers) of every world, the largest first."""
    names = [v.name for v in network.nodes]
    found = []
    for states in itertools.product(*(range(v.card) for v in network.nodes)):
        world = dict(zip(names, states, strict=True))
        weight = math.prod(rows[name][world[name]] for name in rows)
        if weight > 0.0:
            found.append(weight * probability(network, world))
    return sorted(found, reverse=True)


def probability(network: Network, world: dict[str, int]) -> float:
    """P(a state of every variable)."""
    fixed = {
        name: tuple(float(i == state) for i in range(network.by_name[name].card))
        for name, state in world.items()
    }
    return enumerate_joint(network, fixed).evidence


@settings(max_examples=40)
@given(st.data())
def test_the_best_worlds_are_those_of_enumeration(data: st.DataObject) -> None:
    network = data.draw(networks(largest=5).filter(lambda n: not n.descriptors))
    rows = data.draw(records(network))
    answers, _ = read(rows)
    inference = Inference(replace(network, complaint=""))
    if inference.elimination is None:  # numbers whose products are no doubles
        return
    right = [p for p in every_world(network, rows) if p > 1e-290][:4]
    found = most_probable(inference, answers, 4, 0.0).stories
    assert len(found) >= len(right)
    for story, expected in zip(found, right, strict=False):
        assert story.log_joint == pytest.approx(math.log(expected), abs=1e-9)
        world = {n: network.by_name[n].states.index(s) for n, s in story.states.items()}
        weight = math.prod(rows[name][world[name]] for name in rows)
        own = weight * probability(network, world)
        assert own == pytest.approx(expected, rel=1e-9)  # the states are those of the value
    assert len({tuple(story.states.items()) for story in found}) == len(found)


@pytest.mark.parametrize("name", ["asia", "sachs", "child", "alarm", "win95pts"])
def test_the_best_world_is_that_of_textbook_elimination(name: str) -> None:
    network = bnlearn(name)
    parents = {p for v in network.nodes if v.local for p in v.local.parents}
    leaves = [v for v in network.nodes if v.name not in parents]
    record = {v.name: v.states[-1] for v in leaves[:2]}
    dx = tn.Model(network).diagnose(record)
    best, second, third = dx.most_probable(3).stories
    right = variable_elimination.most_probable(network, {v.name: v.card - 1 for v in leaves[:2]})
    assert best.log_joint == pytest.approx(math.log(right), abs=1e-9)
    assert best.log_joint >= second.log_joint >= third.log_joint
    assert best.probability == pytest.approx(math.exp(best.log_joint - dx.log_evidence))
    for story in (best, second, third):
        assert log_joint(network, story.states) == pytest.approx(story.log_joint, abs=1e-9)


@pytest.mark.parametrize("name", ["asia", "sachs"])
def test_the_best_world_is_that_of_pgmpy(name: str) -> None:
    """Its variables are named: without them, pgmpy 1.1.2 ignores the evidence."""
    network = bnlearn(name)
    model = tn.Model(network)
    first, last = network.nodes[0], network.nodes[-1]
    record = {first.name: first.states[-1], last.name: last.states[-1]}
    (best,) = model.diagnose(record).most_probable().stories
    others = [v.name for v in network.nodes if v.name not in record]
    engine = pgmpy().VariableElimination(model.to_pgmpy())
    assert best.states == engine.map_query(others, record, show_progress=False) | record


def log_joint(network: Network, states: Mapping[str, str]) -> float:
    """The natural log of P(a state of every variable), table by table."""
    codes = np.array([[v.states.index(states[v.name]) for v in network.nodes]], dtype=np.int8)
    return float(tn.Model(network).posteriors(codes).log_evidence[0])


def test_what_it_says_and_what_it_refuses() -> None:
    demo = tn.load("demo")
    with pytest.raises(ValueError, match="twitch_after_exercise describes a finding by hidden"):
        demo.diagnose(leg_twitching=True).most_probable()
    dx = demo.without("twitch_after_exercise").diagnose(leg_twitching=True)
    found = dx.most_probable(2)
    assert isinstance(found, tn.MostProbable)
    assert "Tired muscles" in str(found)
    assert "twitch" not in str(found).lower()  # it was answered
    with pytest.raises(ValueError, match="at least 1"):
        dx.most_probable(0)
    legs = tn.load("twitchy_legs")
    legs = legs.without(*legs.network.descriptors)
    with pytest.raises(tn.CapacityError):  # findings with 26 parents
        legs.diagnose(leg_twitching=True).most_probable()
