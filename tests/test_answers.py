"""Answers: likelihoods from mappings (tests/test_cli.py goes through JSON and back)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.diagnosis.evidence import read_answers, state_of
from twitchnet.model.network import Variable

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


AGES = Variable("age_band", "context", ("18-34", "35-49", "50-64", "65+"), "Age")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        *[(18, 0), ("34", 0), (35.0, 1), (np.int64(64), 2), (65, 3), (" 101 ", 3), ("35-49", 1)],
        *[(42.5, 1), ("34,9", 0), ("43 years", 1), ("43 J.", 1), ("35–49", 1), ("50 – 64", 2)],
        *[(Decimal("64.2"), 2), (b"18-34", 0)],
    ],
)
def test_a_plain_number_falls_in_its_band(value: object, place: int) -> None:
    assert state_of(AGES, value) == place


@pytest.mark.parametrize(
    "value", [17, 0, 1, True, "42 m", "4 2", "-42", "4²", float("inf"), "1" * 99]
)
def test_a_number_in_no_band_is_no_answer(value: object) -> None:
    found = state_of(AGES, value)
    assert isinstance(found, tn.Problem)
    assert found.code in ("TN202", "TN203")


def test_a_state_that_is_none_is_told_what_to_say() -> None:
    with pytest.raises(tn.RecordError, match=r"no state 'maybe'.*say yes, no or unknown"):
        read_answers(DEMO, {"leg_twitching": "maybe"})


COUNTS = Variable("count", "finding", ("0", "1", "2"), "Count")


@pytest.mark.parametrize("value", [2, 2.0, "2", "2.0", "2,0", np.int8(2), Decimal(2), b"2"])
def test_a_whole_number_names_a_state_in_digits(value: object) -> None:
    assert state_of(COUNTS, value) == 2


@pytest.mark.parametrize("value", [Decimal("1"), Decimal("1.0"), b"yes", " Y ", "1,0", "1.0"])
def test_other_types_of_yes(value: object) -> None:
    assert state_of(DEMO.by_name["leg_twitching"], value) == 1


def test_the_text_of_a_file_names_its_state() -> None:
    texts = ("(0, 20]", "(20, 40]")
    pressure = Variable("bp", "context", ("_0_20]", "_20_40]"), "BP", texts=texts)
    assert state_of(pressure, "(20, 40]") == 1
