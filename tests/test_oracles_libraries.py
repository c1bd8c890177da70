"""Exact answers from elsewhere: the stand-in network's, pyAgrum's, and 60 digits of mpmath.

mpmath enumerates the worlds of what is not observed, straight from the definitions of
``model/local``; it shares nothing with the engine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.libraries import pyagrum, to_pyagrum
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.model.local import Leak, Link, NoisyAnd, NoisyMax, NoisyMin, NoisyOr, Table
from twitchnet.model.network import Network, Variable

DATA = Path(__file__).parents[1] / "benchmarks" / "data"
STATES = ("absent", "present")
RELATIVE = 1e-9


# -- the stand-in network -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standin() -> Network:
    nodes = json.loads((DATA / "standin_network.json").read_text(encoding="utf-8"))
    variables = []
    for name, node in nodes.items():
        links = [
            Link(parent, (), np.array([0.0, weight]))
            for parent, weight in zip(node["parents"], node["weights"], strict=True)
        ]
        local = NoisyOr(Leak((), np.array(node["leak"])), tuple(links))
        variables.append(Variable(name, node["layer"], STATES, name, local))
    return Network("standin", "1", tuple(variables))


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(DATA / "standin_500.npz") as file:
        return dict(file)


def record(network: Network, codes: np.ndarray) -> dict[str, int]:
    names = [v.name for v in network.nodes]
    return {name: int(code) for name, code in zip(names, codes, strict=True) if code >= 0}


def test_the_stand_in_has_its_exact_answers(
    standin: Network, answers: dict[str, np.ndarray]
) -> None:
    inference = Inference(standin)
    positives = (answers["codes"][:, 40:] == 1).sum(axis=1)
    hardest = np.argsort(positives, kind="stable")[-4:]
    for row in [*range(0, 500, 6), *hardest]:
        beliefs = inference.beliefs(Answers(record(standin, answers["codes"][row])))
        posteriors = [beliefs.probability[name][1] for name in standin.names("cause")]
        np.testing.assert_allclose(posteriors, answers["posteriors"][row], rtol=RELATIVE)
        assert beliefs.log_evidence == pytest.approx(answers["log_evidence"][row], abs=RELATIVE)


def test_the_stand_in_agrees_with_pyagrum(standin: Network, answers: dict[str, np.ndarray]) -> None:
    for row in (0, 17, 250):
        hard = record(standin, answers["codes"][row])
        asked = {v.name for v in standin.nodes if v.kind != "finding" or v.name in hard}
        small = Network("s", "1", tuple(v for v in standin.nodes if v.name in asked))
        engine = pyagrum().LazyPropagation(to_pyagrum(small, 64))
        engine.setEvidence({name: STATES[state] for name, state in hard.items()})
        engine.makeInference()
        beliefs = Inference(standin).beliefs(Answers(hard))
        theirs = [engine.posterior(name)[1] for name in standin.names("cause")]
        ours = [beliefs.probability[name][1] for name in standin.names("cause")]
        np.testing.assert_allclose(ours, theirs, rtol=RELATIVE)
        assert beliefs.log_evidence == pytest.approx(math.log(engine.evidenceProbability()))


# -- rare evidence: 60 digits ---------------------------------------------------------------------


@dataclass
class Exact:
    """Sums over the worlds, with 60 digits."""

    evidence: object = 0
    state: dict[tuple[str, int], object] = field(default_factory=dict)
    produced: dict[str, object] = field(default_factory=dict)
    explains: dict[str, object] = field(default_factory=dict)


def level(part: Leak | Link, world: Mapping[str, int], graded: bool) -> list[object]:
    """What a leak or a link contributes in one world: the probability of each level."""
    index = tuple(world[name] for name in part.modifiers)
    if isinstance(part, Link):
        index += (world[part.parent],)
    cell = part.strength[index]
    if graded:
        return [mpf(float(value)) for value in cell]
    return [1 - mpf(float(cell)), mpf(float(cell))]


def chance(network: Network, name: str, world: Mapping[str, int]) -> list[object]:
    """P(each state of a node | its parents in this world)."""
    local = network.by_name[name].local
    if isinstance(local, Table):
        row = local.probabilities[tuple(world[parent] for parent in local.parents)]
        return [mpf(float(value)) for value in row]
    assert isinstance(local, NoisyOr | NoisyAnd | NoisyMax | NoisyMin)
    graded = isinstance(local, NoisyMax | NoisyMin)
    below = [mpf(1)] * network.by_name[name].card
    for part in (local.leak, *local.links):
        levels = level(part, world, graded)
        levels = levels[::-1] if isinstance(local, NoisyMin) else levels
        below = [b * sum(levels[: i + 1], mpf(0)) for i, b in enumerate(below)]
    row = [b - a for a, b in zip([mpf(0), *below], below, strict=False)]
    return row[::-1] if isinstance(local, NoisyAnd | NoisyMin) else row


def exact(network: Network, hard: Mapping[str, int]) -> Exact:
    """Every world of the hidden nodes; leaves that nobody observed are left out."""
    mp.dps = 60
    used = {parent for name in hard for parent in network.parents(name)}
    order = [n for n in network.topological if n in hard or n in used or network.ranked.count(n)]
    for name in reversed(network.topological):
        if name in order:
            order += [parent for parent in network.parents(name) if parent not in order]
    order = [name for name in network.topological if name in order]
    hidden = [name for name in order if name not in hard]
    found = Exact(mpf(0))
    for states in product(*(range(network.by_name[name].card) for name in hidden)):
        world = {**hard, **dict(zip(hidden, states, strict=True))}
        mass = mpf(1)
        for name in order:
            mass *= chance(network, name, world)[world[name]]
            if not mass:
                break
        if not mass:
            continue
        found.evidence += mass
        for name in network.ranked:
            key = (name, world[name])
            found.state[key] = found.state.get(key, mpf(0)) + mass
        credit(network, hard, world, mass, found)
    return found


def credit(
    network: Network, hard: Mapping[str, int], world: Mapping[str, int], mass: object, found: Exact
) -> None:
    """P(this link produced it | present, world) is its strength over the child's probability."""
    for name in hard:
        local = network.by_name[name].local
        if not isinstance(local, NoisyOr) or hard[name] == 0:
            continue
        present = chance(network, name, world)[1]
        for link in local.links:
            made = mass * level(link, world, False)[1] / present
            cause = link.parent
            found.explains[cause] = found.explains.get(cause, mpf(0)) + made
            if name == network.complaint:
                found.produced[cause] = found.produced.get(cause, mpf(0)) + made


def agree(network: Network, hard: Mapping[str, int]) -> tuple[float, float]:
    """Compares everything; returns log10 P(evidence) and the smallest posterior above 0."""
    wanted = exact(network, hard)
    beliefs = Inference(network).beliefs(Answers(hard))
    if wanted.evidence == 0:
        assert beliefs.log_evidence == -math.inf
        return -math.inf, math.nan
    log = float(mp.log(wanted.evidence))
    assert abs(beliefs.log_evidence - log) <= RELATIVE * max(1.0, abs(log) * 1e-3)
    graded = any(
        isinstance(network.by_name[n].local, NoisyMax | NoisyMin) and hard[n] for n in hard
    )
    smallest = math.inf
    for name in network.ranked:
        for state, ours in enumerate(beliefs.probability[name]):
            theirs = wanted.state.get((name, state), mpf(0)) / wanted.evidence
            assert ours == pytest.approx(float(theirs), rel=RELATIVE, abs=0), (name, state)
            smallest = min(smallest, float(theirs) or math.inf)
        if graded:  # what each level was produced by is left to tests/oracle.py
            continue
        theirs = wanted.explains.get(name, mpf(0)) / wanted.evidence
        assert beliefs.explains[name] == pytest.approx(float(theirs), rel=RELATIVE, abs=0)
        if name in beliefs.produced:
            theirs = wanted.produced.get(name, mpf(0)) / wanted.evidence
            assert beliefs.produced[name] == pytest.approx(float(theirs), rel=RELATIVE, abs=0)
    return log / math.log(10), smallest


def logs(rng: np.random.Generator, low: float, high: float, size: int) -> np.ndarray:
    """Log-uniform numbers."""
    return np.exp(rng.uniform(math.log(low), math.log(high), size))


def rare_network(
    seed: int, causes: int, findings: int, leak: tuple[float, float], parents: int
) -> Network:
    """Causes of prior 1e-9 to 1e-3 and noisy-OR findings; the first finding is the complaint."""
    rng = np.random.default_rng(seed)
    variables = []
    for i, prior in enumerate(logs(rng, 1e-9, 1e-3, causes)):
        table = Table((), np.array([1.0 - prior, prior]))
        variables.append(Variable(f"c{i}", "cause", STATES, f"c{i}", table))
    for j in range(findings):
        chosen = sorted(rng.choice(causes, parents, replace=False).tolist())
        strengths = rng.uniform(0.01, 0.99, parents)
        strengths[rng.random(parents) < 0.1] = 1.0
        strengths[rng.random(parents) < 0.1] = 0.0
        strengths[rng.random(parents) < 0.2] = 1e-7
        links = tuple(
            Link(f"c{i}", (), np.array([0.0, strength]))
            for i, strength in zip(chosen, strengths, strict=True)
        )
        local = NoisyOr(Leak((), np.array(logs(rng, *leak, 1)[0])), links)
        variables.append(Variable(f"f{j}", "finding", STATES, f"f{j}", local))
    return Network("rare", "1", tuple(variables), complaint="f0")


@pytest.mark.parametrize("seed", range(6))
def test_rare_causes_keep_their_digits(seed: int) -> None:
    network = rare_network(seed, causes=7, findings=10, leak=(1e-6, 0.2), parents=4)
    rng = np.random.default_rng(100 + seed)
    hard = {f"f{j}": int(rng.random() < 0.6) for j in range(10)} | {"f0": 1}
    agree(network, hard)


def test_evidence_of_1e_minus_12_and_posteriors_of_1e_minus_12() -> None:
    network = rare_network(40, causes=7, findings=8, leak=(1e-3, 0.1), parents=3)
    hard = {f"f{j}": int(j < 6) for j in range(8)}
    log10, smallest = agree(network, hard)
    assert log10 < -8
    hard |= dict.fromkeys(["f6", "f7"], 0)
    causes = {f"c{i}": 0 for i in range(5)}
    agree(network, hard | causes)
    quiet = rare_network(41, causes=7, findings=8, leak=(1e-3, 0.1), parents=4)
    _, smallest = agree(quiet, {f"f{j}": 0 for j in range(8)})
    assert smallest < 1e-9


@pytest.mark.parametrize(("count", "below"), [(60, -100), (130, -300), (220, -500)])
def test_evidence_far_below_the_smallest_float(count: int, below: float) -> None:
    """Many rare findings whose causes are rarer still."""
    network = rare_network(7, causes=6, findings=count, leak=(1e-9, 1e-3), parents=1)
    log10, _ = agree(network, {f"f{j}": 1 for j in range(count)} | {"c0": 0, "c1": 0})
    assert log10 < below


def test_coupled_evidence_below_1e_minus_300() -> None:
    network = rare_network(8, causes=6, findings=110, leak=(1e-12, 1e-6), parents=2)
    hard = {f"f{j}": 1 for j in range(110)} | {"c0": 0, "c1": 0, "c2": 0}
    log10, _ = agree(network, hard)
    assert log10 < -300


@pytest.mark.parametrize("seed", range(4))
def test_certain_links_and_impossible_leaks(seed: int) -> None:
    """Links of exactly 0 and 1 and leaks of 0: every finding must be produced by a cause."""
    rng = np.random.default_rng(seed)
    network = rare_network(seed + 50, causes=6, findings=6, leak=(1e-3, 0.1), parents=3)
    variables = []
    for variable in network.nodes:
        local = variable.local
        if isinstance(local, NoisyOr):
            links = tuple(
                Link(link.parent, (), np.array([0.0, float(rng.random() < 0.6)]))
                for link in local.links
            )
            local = NoisyOr(Leak((), np.array(0.0)), links)
        variables.append(Variable(variable.name, variable.kind, STATES, variable.label, local))
    certain = Network("certain", "1", tuple(variables), complaint="f0")
    agree(certain, {"f0": 1, "f1": 1, "f2": 0})
    agree(certain, {f"f{j}": 1 for j in range(6)})
    agree(certain, {"f0": 1, "c0": 0, "c1": 1})


def _layered(seed: int) -> Network:
    """Contexts with states, leaks over modifiers, causes of causes, every local model; all rare."""
    rng = np.random.default_rng(seed)
    three = ("low", "mid", "high")

    def rare(*shape: int) -> np.ndarray:
        return np.exp(rng.uniform(math.log(1e-9), math.log(1e-2), shape))

    def levels(*shape: int) -> np.ndarray:
        above = rare(*shape, 2)
        return np.concatenate([1 - above.sum(axis=-1, keepdims=True), above], axis=-1)

    def graded(*shape: int) -> np.ndarray:
        value = levels(*shape)
        value[..., 0, :] = (1.0, 0.0, 0.0)
        return value

    def strength(*shape: int) -> np.ndarray:
        value = np.where(rng.random(shape) < 0.5, rare(*shape), rng.random(shape))
        value[..., 0] = 0.0
        return value

    table = Table((), np.array([0.5, 0.5 - 1e-7, 1e-7]))
    c0 = NoisyOr(Leak(("age",), rare(3)), ())
    c1 = NoisyOr(Leak((), rare()), (Link("c0", ("age",), strength(3, 2)),))
    c2 = NoisyMax(Leak((), levels()), (Link("c0", (), graded(2)), Link("c1", (), graded(2))))
    c3 = NoisyAnd(
        Leak((), np.array(0.3)),
        (Link("c1", (), np.array([1 - 1e-6, 0.1])), Link("age", (), np.array([0.5, 0.0, 1.0]))),
    )
    links_c4 = (Link("c2", (), strength(3)), Link("c3", (), strength(2)))
    c4 = NoisyOr(Leak(("age",), rare(3)), links_c4)
    variables = [
        Variable("age", "context", three, "age", table),
        Variable("c0", "cause", STATES, "c0", c0),
        Variable("c1", "cause", STATES, "c1", c1),
        Variable("c2", "cause", three, "c2", c2),
        Variable("c3", "cause", STATES, "c3", c3),
        Variable("c4", "cause", STATES, "c4", c4),
    ]
    for j in range(5):
        links = []
        for name in rng.permutation(["c0", "c1", "c2", "c3", "c4"])[:3].tolist():
            modifiers = ("age",) if rng.random() < 0.4 else ()
            shape = [3] * len(modifiers) + [3 if name == "c2" else 2]
            links.append(Link(name, modifiers, strength(*shape)))
        local = NoisyOr(Leak((), rare()), tuple(links))
        variables.append(Variable(f"f{j}", "finding", STATES, f"f{j}", local))
    return Network("layered", "1", tuple(variables), complaint="f0")


@pytest.mark.parametrize("seed", range(8))
def test_rare_everything_with_modifiers_and_arcs_between_causes(seed: int) -> None:
    network = _layered(seed)
    agree(network, {f"f{j}": 1 for j in range(5)})
    agree(network, {"f0": 1, "f1": 0, "f2": 1, "age": 2})
    agree(network, {"f0": 1, "f3": 1, "f4": 1, "c4": 0})
    agree(network, {"c2": 2, "f0": 0, "f1": 1})
