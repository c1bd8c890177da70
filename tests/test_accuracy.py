"""Answers that are believed are right, and right answers grow no worse with the network's size.

``tools/accuracy.py`` is the search; its oracle computes with whole numbers, without rounding.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from tools.accuracy import (
    STATES,
    Oracle,
    Wide,
    compare,
    grow,
    hard_of,
    log_of,
    records,
    search,
    two_layers,
    worst_posterior,
)

import twitchnet as tn
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.packing import pack
from twitchnet.lowering import lower
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable

KINDS = "clean", "near-deterministic", "random"
BELIEVED = 1e-10


def excluded_causes(count: int, leaks: tuple[float, ...], sensitivity: float) -> Network:
    """Findings that follow from each cause for certain, and a silent test for each cause.

    Nothing rounds but the products of the leaks, which all evaluations of a record share.
    """
    nodes = [
        Variable(f"c{i}", "cause", STATES, "", Table((), np.array([0.5, 0.5])))
        for i in range(count)
    ]
    for k, leak in enumerate(leaks):
        links = tuple(Link(f"c{i}", (), np.array([0.0, 1.0])) for i in range(count))
        local = NoisyOr(Leak((), np.array(leak)), links)
        nodes.append(Variable(f"f{k}", "finding", STATES, "", local))
    for i in range(count):
        strength = sensitivity if i == 0 else 1.0
        local = NoisyOr(Leak((), np.array(0.0)), (Link(f"c{i}", (), np.array([0.0, strength])),))
        nodes.append(Variable(f"g{i}", "finding", STATES, "", local))
    return Network("excluded", "1", tuple(nodes))


@pytest.mark.parametrize(
    ("count", "leaks", "sensitivity"),
    [
        (4, (0.001,) * 3, 1.0),
        (6, (0.001,) * 3, 1.0),
        (5, (0.001,) * 3, 1 - 2.0**-29),
        (5, (0.00098, 0.00099, 0.001), 1 - 2.0**-29),
        (6, (0.00098,) * 3, 1 - 2.0**-29),
    ],
)
def test_what_lanes_round_alike_is_not_believed(
    count: int, leaks: tuple[float, ...], sensitivity: float
) -> None:
    network = excluded_causes(count, leaks, sensitivity)
    codes = np.full((1, len(network.nodes)), -1, dtype=np.int8)
    for i, node in enumerate(network.nodes):
        if node.kind == "finding":
            codes[0, i] = 1 if node.name.startswith("f") else 0
    for _, _, evidence, posterior in compare(network, codes, Inference(network)):
        assert evidence < BELIEVED
        assert posterior < BELIEVED


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_finds_no_believed_record_that_is_wrong(kind: str) -> None:
    found = search(kind, 400, seed=20_261)
    assert sum(worst.count for name, worst in found.items() if name != "numpy") >= 400
    for worst in found.values():
        assert worst.evidence < BELIEVED
        assert worst.posterior < BELIEVED


@pytest.mark.parametrize("kind", ["clean", "random"])
@pytest.mark.parametrize("parents", [30, 300, 2000])
def test_errors_do_not_grow_with_the_number_of_parents(kind: str, parents: int) -> None:
    for worst in grow(kind, parents, seed=5, networks=2).values():
        assert worst.evidence < BELIEVED
        assert worst.posterior < BELIEVED


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize(("parents", "prior"), [(2000, 2.0**-22), (5000, 2.0**-20)])
def test_many_rare_causes_of_one_improbable_finding(form: int, parents: int, prior: float) -> None:
    wide = Wide(np.full(parents, prior), np.full((parents, 1), 0.01), np.array([2e-5]))
    _, evidence, posterior = wide.errors(form)
    assert evidence < BELIEVED
    assert posterior < BELIEVED


@pytest.mark.parametrize("parents", [200, 5000])
def test_many_rare_causes_on_numpy(parents: int) -> None:
    wide = Wide(np.full(parents, 2.0**-22), np.full((parents, 1), 0.01), np.array([2e-5]))
    network = wide.network()
    answers = tn.Model(network).diagnose({"f0": "present"})
    joint, total, shift = wide.exact()
    assert abs(math.expm1(answers.log_evidence - log_of(total, shift))) < BELIEVED
    assert answers.posterior["c0"] == pytest.approx(joint[0] / total, rel=BELIEVED)


def test_the_oracle_equals_sums_by_hand() -> None:
    network = Network(
        "lamp",
        "1",
        (
            Variable("bulb", "cause", STATES, "", Table((), np.array([0.75, 0.25]))),
            Variable(
                "dark",
                "finding",
                STATES,
                "",
                NoisyOr(Leak((), np.array(0.5)), (Link("bulb", (), np.array([0.0, 0.5])),)),
            ),
        ),
    )
    marginal, total, shift = Oracle(network).joint({"dark": 1})
    assert total / 2**shift == 0.75 * 0.5 + 0.25 * 0.75
    assert marginal["bulb"] == [2 * marginal["bulb"][1], marginal["bulb"][1]]
    assert worst_posterior(network, marginal, total, {("bulb", "present"): 0.25}) == pytest.approx(
        0.25
    )


def test_the_search_asks_about_present_findings() -> None:
    network = two_layers("clean", np.random.default_rng(3))
    codes = records(network, 5, np.random.default_rng(4))
    assert all(any(state > 0 for state in hard_of(network, row).values()) for row in codes)


@pytest.mark.parametrize(("least", "rises"), [(1e-17, 0), (3e-17, 1), (4e-17, 1)])
def test_a_fall_counts_however_small_it_is(least: float, rises: int) -> None:
    rows = np.array([[1.0, 3e-17], [1.0, least]])
    network = Network(
        "fall",
        "1",
        (
            Variable("p", "cause", STATES, "", Table((), np.array([0.5, 0.5]))),
            Variable("c", "cause", STATES, "", Table(("p",), rows)),
        ),
    )
    assert pack(lower(network).program).node.monotone[0] == rises
