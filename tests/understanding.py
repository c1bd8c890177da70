"""Small networks and slow computations for the tests of explanations and what-ifs."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle import Joint, enumerate_joint
from tests.strategies import networks, records
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Engine, Inference
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Parameter, Variable

STATES = ("absent", "present")


def binary(name: str, kind: str, local: object, **words: object) -> Variable:
    return Variable(name, kind, STATES, name, local, **words)  # type: ignore[arg-type]


def noisy_or(leak: float, **links: float) -> NoisyOr:
    made = tuple(Link(parent, (), np.array([0.0, p])) for parent, p in links.items())
    return NoisyOr(Leak((), np.array(leak)), made)


def root(p: float) -> Table:
    return Table((), np.array([1.0 - p, p]))


def weights_of(network: Network, answers: Answers) -> dict[str, tuple[float, ...]]:
    hard = {
        name: tuple(float(i == state) for i in range(network.by_name[name].card))
        for name, state in answers.hard.items()
    }
    return {**hard, **answers.soft}


def joint_of(network: Network, answers: Answers) -> Joint:
    present = [name for name, state in answers.hard.items() if state]
    return enumerate_joint(network, weights_of(network, answers), present)


def slow_posterior(network: Network, answers: Answers, name: str, state: int) -> float:
    joint = joint_of(network, answers)
    return joint.marginal[name][state] / joint.evidence if joint.evidence > 0 else math.nan


def diagnose(network: Network, answers: Answers, engine: Engine = "numpy") -> Diagnosis:
    inference = Inference(network, engine=engine)
    return Diagnosis(network, answers, inference.beliefs(answers), inference)


def answers_of(rows: dict[str, tuple[float, ...]]) -> Answers:
    hard = {
        n: row.index(1.0) for n, row in rows.items() if sorted(row)[:-1] == [0.0] * (len(row) - 1)
    }
    return Answers(hard, {n: row for n, row in rows.items() if n not in hard})


@st.composite
def cases(draw: st.DrawFn, largest: int = 5) -> tuple[Network, Answers]:
    """A random network and answers that are not next to impossible."""
    network = draw(networks(largest))
    answers = answers_of(draw(records(network)))
    assume(joint_of(network, answers).evidence > 1e-9)
    return network, answers


def with_parameters(network: Network) -> Network:
    """The network with a range on every number that can move: each cell by itself."""
    found = []
    for variable in network.nodes:
        local = variable.local
        assert local is not None
        card = variable.card if local.graded else 0
        for part, (_, array) in local.blocks.items():
            for cell, value in enumerate(array.reshape(-1)):
                if 0.01 < value < 0.9 and not (card and cell % card == 0):
                    low, high = value / 1.5, min(value * 1.05, 0.95)
                    found.append(Parameter(variable.name, part, (cell,), float(value), low, high))
    return Network(
        network.name, network.version, network.variables, complaint=network.complaint,
        targets=network.targets, parameters=tuple(found),
    )  # fmt: skip
