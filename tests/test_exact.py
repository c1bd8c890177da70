"""Exact inference equals plain enumeration, on random networks of every local model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import enumerate_joint
from tests.strategies import networks, records
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference

RELATIVE = 1e-9


def read(rows: dict[str, tuple[float, ...]]) -> tuple[Answers, list[str]]:
    hard = {
        n: row.index(1.0) for n, row in rows.items() if sorted(row)[:-1] == [0.0] * (len(row) - 1)
    }
    soft = {n: row for n, row in rows.items() if n not in hard}
    return Answers(hard, soft), [n for n, state in hard.items() if state > 0]


def close(actual: float, expected: float, floor: float = 1e-12) -> bool:
    return abs(actual - expected) <= RELATIVE * max(abs(expected), floor)


@settings(max_examples=400)
@given(st.data())
def test_posteriors_equal_enumeration(data: st.DataObject) -> None:
    network = data.draw(networks())
    rows = data.draw(records(network))
    answers, present = read(rows)
    expected = enumerate_joint(network, rows, present)
    beliefs = Inference(network).beliefs(answers)
    if expected.evidence == 0.0 and not expected.underflowed:
        assert beliefs.log_evidence == -math.inf
        return
    if expected.evidence < 1e-280:  # plain enumeration itself loses digits there
        return
    assert abs(beliefs.log_evidence - math.log(expected.evidence)) < 1e-9
    for name in network.ranked:
        for state, mass in enumerate(expected.marginal[name]):
            want = mass / expected.evidence
            assert close(float(beliefs.probability[name][state]), want), (name, state)
        assert close(beliefs.explains[name], expected.explains[name] / expected.evidence)
        for finding in present:
            want = expected.responsibility.get((name, finding), 0.0) / expected.evidence
            assert close(beliefs.responsibility.get((name, finding), 0.0), want), (name, finding)
        if name in beliefs.produced:
            assert close(beliefs.produced[name], expected.produced[name] / expected.evidence)


@settings(max_examples=300)
@given(st.data())
def test_nothing_present_and_nothing_explained_equal_enumeration(data: st.DataObject) -> None:
    """P(unexplained) comes from the same pass where the complaint is present, else from its own."""
    network = data.draw(networks())
    answers, present = read(data.draw(records(network)))
    rows = {name: tuple(np.eye(network.by_name[name].card)[s]) for name, s in answers.hard.items()}
    expected = enumerate_joint(network, rows | dict(answers.soft), present)
    if expected.evidence < 1e-280:
        return
    inference = Inference(network)
    dx = Diagnosis(network, answers, inference.beliefs(answers), inference)
    assert close(dx.none_present, expected.none_present / expected.evidence)
    if not network.complaint:
        return
    assert close(dx.unexplained, expected.unexplained / expected.evidence)
    if network.complaint in present:
        again = replace(dx, beliefs=replace(dx.beliefs, unexplained=math.nan))
        assert close(again.unexplained, expected.unexplained / expected.evidence)


@settings(max_examples=60)
@given(st.data())
def test_passes_do_not_change_the_answer(data: st.DataObject) -> None:
    network = data.draw(networks())
    answers, _ = read(data.draw(records(network)))
    whole = Inference(network).beliefs(answers)
    split = Inference(network, workspace=256.0).beliefs(answers)
    assert whole.log_evidence == split.log_evidence or math.isclose(
        whole.log_evidence, split.log_evidence, rel_tol=1e-12, abs_tol=1e-12
    )
    if whole.log_evidence > -math.inf:
        for name in network.ranked:
            np.testing.assert_allclose(
                split.probability[name], whole.probability[name], rtol=1e-9, atol=1e-13
            )
