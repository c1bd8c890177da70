"""Samples follow the network: every local model, hidden producers, conditions, hiding."""

from __future__ import annotations

import numpy as np
import pytest

import twitchnet as tn
from tests.oracle import enumerate_joint
from twitchnet.errors import RecordError
from twitchnet.model.local import Descriptor, Leak, Link, NoisyAnd, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Variable
from twitchnet.model.sampling import hide, sample

YES = ("absent", "present")
LEVELS = ("none", "some", "much")


def links(*parts: tuple[str, list[float]]) -> tuple[Link, ...]:
    return tuple(Link(parent, (), np.array(strength)) for parent, strength in parts)


# One network with every local model, a modifier, a gate, a parent with three states and
# descriptors of each kind; small enough for the oracle.
NETWORK = Network(
    "all_kinds",
    "1",
    (
        Variable("dose", "context", LEVELS, "dose", Table((), np.array([0.5, 0.3, 0.2]))),
        Variable("old", "context", YES, "old", Table((), np.array([0.6, 0.4]))),
        Variable(
            "cause",
            "cause",
            YES,
            "cause",
            NoisyOr(
                Leak(("old",), np.array([0.1, 0.3])),
                (Link("dose", ("old",), np.array([[0.0, 0.2, 0.6], [0.0, 0.5, 0.9]])),),
            ),
        ),
        Variable(
            "grade",
            "cause",
            LEVELS,
            "grade",
            NoisyMax(
                Leak((), np.array([0.7, 0.2, 0.1])),
                links(("cause", [[1.0, 0.0, 0.0], [0.3, 0.3, 0.4]])),  # type: ignore[list-item]
            ),
        ),
        Variable(
            "both",
            "cause",
            YES,
            "both",
            NoisyAnd(Leak((), np.array(0.1)), links(("cause", [0.8, 0.1]), ("old", [0.3, 0.0]))),
        ),
        Variable(
            "sign",
            "finding",
            YES,
            "sign",
            NoisyOr(
                Leak((), np.array(0.05)),
                links(("cause", [0.0, 0.6]), ("both", [0.0, 0.5])),
            ),
        ),
        Variable(
            "how",
            "finding",
            YES,
            "how",
            Descriptor(
                Leak((), np.array(0.4)),
                links(("cause", [0.0, 0.9]), ("sign", [0.0, 0.1])),
                "sign",
            ),
        ),
    ),
    complaint="sign",
)
COLUMN = {variable.name: i for i, variable in enumerate(NETWORK.nodes)}
N = 40_000


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return sample(NETWORK, N, np.random.default_rng(7))


def within_noise(found: float, expected: float, n: int) -> bool:
    """Five standard errors: the seed is fixed, so it passes for good or not at all."""
    return abs(found - expected) <= 5 * np.sqrt(expected * (1 - expected) / n) + 1e-12


def test_shape_and_codes(codes: np.ndarray) -> None:
    assert codes.shape == (N, len(NETWORK.nodes))
    assert codes.dtype == np.int8
    cards = [variable.card for variable in NETWORK.nodes]
    assert (codes.min(axis=0) == 0).all()
    assert (codes.max(axis=0) == np.array(cards) - 1).all()


@pytest.mark.parametrize("first", [v.name for v in NETWORK.nodes])
@pytest.mark.parametrize("second", [v.name for v in NETWORK.nodes])
def test_every_pair_is_as_likely_as_it_should_be(
    codes: np.ndarray, first: str, second: str
) -> None:
    one, two = NETWORK.by_name[first], NETWORK.by_name[second]
    for i in range(one.card):
        for j in range(two.card):
            if first == second and i != j:
                continue
            weights = {
                first: [float(state == i) for state in range(one.card)],
                second: [float(state == j) for state in range(two.card)],
            }
            expected = enumerate_joint(NETWORK, weights).evidence
            found = np.mean((codes[:, COLUMN[first]] == i) & (codes[:, COLUMN[second]] == j))
            assert within_noise(float(found), expected, N), (first, i, second, j)


def test_a_descriptor_knows_what_produced_its_finding(codes: np.ndarray) -> None:
    """With the cause present and something else producing, the descriptor is rarer."""
    cause, sign, how = (codes[:, COLUMN[name]] == 1 for name in ("cause", "sign", "how"))
    assert not how[~sign].any()
    weights = {"cause": [0.0, 1.0], "sign": [0.0, 1.0]}
    both = enumerate_joint(NETWORK, weights | {"how": [0.0, 1.0]}).evidence
    expected = both / enumerate_joint(NETWORK, weights).evidence
    among = cause & sign
    assert within_noise(float(how[among].mean()), expected, int(among.sum()))
    assert expected < 0.9  # what a gate over every present cause would give at least


def test_conditions_are_met_exactly() -> None:
    given = {"sign": "present", "dose": "much"}
    codes = sample(NETWORK, 20_000, np.random.default_rng(3), given)
    assert len(codes) == 20_000
    assert (codes[:, COLUMN["sign"]] == 1).all()
    assert (codes[:, COLUMN["dose"]] == 2).all()
    weights = {"sign": [0.0, 1.0], "dose": [0.0, 0.0, 1.0]}
    joint = enumerate_joint(NETWORK, weights)
    for name in ("cause", "both", "how"):
        expected = joint.marginal[name][1] / joint.evidence
        assert within_noise(float(codes[:, COLUMN[name]].mean()), expected, len(codes)), name


def test_the_same_seed_gives_the_same_records() -> None:
    first, again, other = (
        sample(NETWORK, 500, np.random.default_rng(seed), {"sign": "present"}) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_no_records() -> None:
    assert sample(NETWORK, 0, np.random.default_rng(1)).shape == (0, len(NETWORK.nodes))


def test_unknown_names_and_states_are_refused_together() -> None:
    with pytest.raises(RecordError, match="did you mean 'cause'") as caught:
        sample(NETWORK, 1, np.random.default_rng(1), {"cuase": "present", "dose": "lots"})
    assert [problem.code for problem in caught.value.problems] == ["TN201", "TN202"]


def test_a_condition_that_never_holds_is_refused() -> None:
    rare = NoisyOr(Leak((), np.array(0.0)), ())
    network = Network("rare", "1", (Variable("never", "cause", YES, "never", rare),))
    with pytest.raises(ValueError, match="too rare"):
        sample(network, 1, np.random.default_rng(1), {"never": "present"})


# -- hiding ---------------------------------------------------------------------------------------


def test_hiding_leaves_the_shares_that_are_asked_for(codes: np.ndarray) -> None:
    hidden = hide(codes, NETWORK, contexts=0.8, findings=0.6, rng=np.random.default_rng(5))
    answered = hidden >= 0
    assert (hidden[answered] == codes[answered]).all()
    share = {name: float(answered[:, column].mean()) for name, column in COLUMN.items()}
    assert share["sign"] == 1.0  # the complaint
    assert share["cause"] == share["grade"] == share["both"] == 0.0
    for name, expected in (("dose", 0.8), ("old", 0.8), ("how", 0.6)):
        assert within_noise(share[name], expected, N), name
    both = float((answered[:, COLUMN["dose"]] & answered[:, COLUMN["old"]]).mean())
    assert within_noise(both, 0.64, N)


def test_hiding_changes_nothing_in_place(codes: np.ndarray) -> None:
    before = codes.copy()
    hidden = hide(codes, NETWORK, contexts=0.0, findings=0.0, rng=np.random.default_rng(5))
    assert (codes == before).all()
    assert (hidden >= 0).sum() == len(codes)


# -- the real model -------------------------------------------------------------------------------


def test_twitchy_legs_comes_out_as_its_exact_marginals() -> None:
    model = tn.load("twitchy_legs")
    network = model.network
    codes = sample(network, N, np.random.default_rng(11))
    prior = model.diagnose().posterior
    column = {variable.name: i for i, variable in enumerate(network.nodes)}
    for name, expected in prior.items():
        assert within_noise(float((codes[:, column[name]] > 0).mean()), expected, N), name
    twitching = codes[:, column["leg_twitching"]] == 1
    for name in network.descriptors:
        assert not (codes[~twitching, column[name]] == 1).any(), name
