"""Answers: likelihoods from mappings (tests/test_cli.py goes through JSON and back)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.diagnosis.answers import read_answers

DEMO = tn.load("demo").network
WEIGHTS = {"present": 0.7, "absent": 0.2}


def test_a_mapping_is_a_likelihood() -> None:
    soft = read_answers(DEMO, {"leg_twitching": tn.Likelihood(WEIGHTS)})
    assert read_answers(DEMO, {"leg_twitching": WEIGHTS}) == soft
    assert soft.soft == {"leg_twitching": (0.2, 0.7)}
    assert read_answers(DEMO, soft.weights(DEMO)) == soft


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"presnt": 0.7}, r"TN202 leg_twitching: no state 'presnt' \(did you mean 'present'"),
        ({"likelihood": [0.2, 0.7]}, "TN202 leg_twitching: no state 'likelihood'"),
        ({"present": "much"}, "TN206 leg_twitching: weights must be numbers"),
        ({"present": True}, "TN206 leg_twitching: weights must be numbers"),
        ({"present": np.True_}, "TN206 leg_twitching: weights must be numbers"),
        ({"present": [0.7]}, "TN206 leg_twitching: weights must be numbers"),
        ({"present": None}, "TN206 leg_twitching: weights must be numbers"),
        ({"present": -0.1, "absent": 1}, "TN206 leg_twitching: weights must be finite, >= 0"),
        ({"present": float("nan")}, "TN206 leg_twitching: weights must be finite"),
        ({3: 0.5}, "TN202 leg_twitching: no state 3"),
        ({}, "TN206 leg_twitching: .*not all 0"),
    ],
)
def test_weights_that_are_wrong(weights: Any, message: str) -> None:
    with pytest.raises(tn.RecordError, match=message):
        read_answers(DEMO, {"leg_twitching": weights})
