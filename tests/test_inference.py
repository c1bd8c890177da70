"""An ``Inference`` is a value: nothing in it changes, and what it keeps has a limit."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

import twitchnet as tn
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import MOST_AIMED, Inference

NETWORK = tn.load("demo").network


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Inference)])
def test_no_field_can_be_set(name: str) -> None:
    inference = Inference(NETWORK)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(inference, name, getattr(inference, name))


@pytest.mark.parametrize("name", ["targets", "wanted", "wanted_targets"])
def test_arrays_are_read_only(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(Inference(NETWORK), name)[0] = 0


def test_relatives_keep_the_limits_and_the_engine() -> None:
    inference = Inference(NETWORK, 1e6, 2.0**20, "numpy")
    other = dataclasses.replace(NETWORK, name="other")
    for one in (inference.of(other), inference.aimed_at(("leg_twitching",))):
        assert (one.budget, one.workspace, one.engine) == (1e6, 2.0**20, "numpy")
    assert inference.of(other).lowered is not inference.lowered
    assert inference.of(other).network is other


def test_other_targets_share_the_numbers_and_are_kept() -> None:
    inference = Inference(NETWORK)
    aimed = inference.aimed_at(("leg_twitching",))
    assert aimed.lowered is inference.lowered
    assert inference.aimed_at(("leg_twitching",)) is aimed
    assert list(aimed.prior.probability) == ["leg_twitching"]


def test_only_some_sets_of_targets_are_kept() -> None:
    inference = Inference(NETWORK)
    names = [variable.name for variable in NETWORK.nodes]
    for i in range(3 * MOST_AIMED):
        targets = (names[i % len(names)],) * (1 + i // len(names))
        assert inference.aimed_at(targets).network.targets == targets
        assert len(inference._aimed) <= MOST_AIMED


def test_the_engine_of_a_model_is_chosen_when_it_is_built() -> None:
    model = tn.Model(NETWORK, _engine="numpy")
    for one in (
        model,
        pickle.loads(pickle.dumps(model)),
        model.without("twitch_after_exercise"),
        model.intervene({"muscle_fatigue": True}),
    ):
        assert one._inference.engine == "numpy"
        with pytest.raises(dataclasses.FrozenInstanceError):
            one._inference.engine = "compiled"  # type: ignore[misc]


def test_an_inference_pickles() -> None:
    inference = Inference(NETWORK, 1e6)
    again = pickle.loads(pickle.dumps(inference))
    assert again.budget == 1e6
    assert again.beliefs(Answers()).log_evidence == inference.prior.log_evidence
