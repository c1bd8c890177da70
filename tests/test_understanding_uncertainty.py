"""How sure: draws, intervals, derivatives and flips against doing it the long way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.understanding import binary, cases, diagnose, noisy_or, root, with_parameters
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.sensitivity import Flip, Turn, number_gradient
from twitchnet.diagnosis.hypotheses import columns
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.parameters import NINETY, ParameterShifts, parameter_shifts
from twitchnet.engine.host.draws import BLOCK, pack_draws
from twitchnet.engine.host.packing import pack
from twitchnet.engine.kernels.layout import arrays_of
from twitchnet.engine.numpy import gradient as gradient_module
from twitchnet.model.local import Table
from twitchnet.model.network import Network, Parameter, Variable


def small() -> Network:
    parts = [("cold", "table", 1, 0.3), ("flu", "leak", 0, 0.02), ("strain", "leak", 0, 0.03)]
    parts += [("flu", "link:cold", 1, 0.3), ("ache", "link:flu", 1, 0.7), ("ache", "leak", 0, 0.01)]
    return Network(
        "small", "1",
        (
            binary("cold", "context", root(0.3)),
            binary("flu", "cause", noisy_or(0.02, cold=0.3)),
            binary("strain", "cause", noisy_or(0.03)),
            binary("ache", "finding", noisy_or(0.01, flu=0.7, strain=0.7)),
        ),
        complaint="ache",
        parameters=tuple(Parameter(n, p, (c,), v, v / 2, min(v * 2, 0.9)) for n, p, c, v in parts),
    )  # fmt: skip


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def shift_to(parameter: Parameter, value: float) -> float:
    """The shift of logits that takes a parameter's reference value to another one."""
    return logit(value) - logit(parameter.value)


def test_a_dial_is_logit_normal_with_its_range_as_central_90_percent() -> None:
    network = small()
    turn = parameter_shifts(network, Inference(network).lowered)
    drawn = turn.draw(20000, np.random.default_rng(5))
    for d, one in enumerate(turn.parameters):
        values = np.array([logit(one.value)]) + drawn[:, d]
        assert np.quantile(values, 0.05) == pytest.approx(logit(one.low), abs=0.05)
        assert np.quantile(values, 0.95) == pytest.approx(logit(one.high), abs=0.05)
    assert abs(NINETY - 1.6448536) < 1e-6


def test_cells_of_a_dial_share_a_shift_and_rows_still_sum_to_one() -> None:
    table = Table(("a",), np.array([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]]))
    network = Network(
        "rows", "1",
        (binary("a", "context", root(0.4)), Variable("b", "cause", ("x", "y", "z"), "b", table)),
        parameters=(
            Parameter("b", "table", (1, 4), 0.2, 0.1, 0.4),
            Parameter("b", "table", (2, 5), 0.1, 0.05, 0.2),
        ),
    )  # fmt: skip
    low = Inference(network).lowered
    turn = parameter_shifts(network, low)
    start = low.number_first["b", "table"]
    rows = turn.turned(np.array([0.7, -0.4]))[start : start + 6].reshape(2, 3)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    for place, before, shift in ((0, 0.3, 0.7), (1, 0.1, 0.7)):
        assert logit(rows[place, 1]) == pytest.approx(logit(before) + shift)
    assert logit(rows[0, 2]) == pytest.approx(logit(0.2) - 0.4)
    assert rows[1, 2] == 0.0
    crowded = turn.turned(np.array([9.0, 9.0]))[start : start + 6].reshape(2, 3)
    np.testing.assert_allclose(crowded.sum(axis=1), 1.0)
    assert crowded.min() >= 0.0
    np.testing.assert_array_equal(turn.overflows(np.array([9.0, 9.0])), [True, True])
    assert not turn.overflows(np.array([0.1, 0.1])).any()


@settings(max_examples=40)
@given(cases(5))
def test_many_draws_are_packed_as_each_by_itself(case: tuple[Network, Answers]) -> None:
    network = with_parameters(case[0])
    low = Inference(network).lowered
    turn = parameter_shifts(network, low)
    shifts = 3.0 * turn.draw(BLOCK + 3, np.random.default_rng(2))
    numbers = turn.turned(shifts)
    packed = list(pack_draws(low.program, low.tables(numbers)))
    assert len(packed) == BLOCK + 3
    for i in (0, 5, BLOCK - 1, BLOCK + 2):
        np.testing.assert_array_equal(numbers[i], turn.turned(shifts[i]))
        alone = pack(low.with_numbers(numbers[i]))
        for ours, theirs in zip(arrays_of(packed[i][:-1]), arrays_of(alone[:-1]), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_kernels_solve_the_same_draws_as_numpy() -> None:
    dx = diagnose(small(), Answers({"ache": 1}))
    slow = dx.uncertainty(BLOCK + 9, rng=5).draws
    dx = diagnose(small(), Answers({"ache": 1}), "compiled")
    np.testing.assert_allclose(dx.uncertainty(BLOCK + 9, rng=5).draws, slow, rtol=1e-11)


def test_draws_follow_the_seed_and_solve_the_drawn_network() -> None:
    dx = diagnose(small(), Answers({"ache": 1}))
    once, again, other = (dx.uncertainty(40, rng=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once.draws, again.draws)
    assert not np.array_equal(once.draws, other.draws)
    turn = parameter_shifts(dx.network, dx.inference.lowered)
    shifts = turn.draw(40, np.random.default_rng(3))
    for i in (0, 7, 39):
        program = dx.inference.lowered.with_numbers(turn.turned(shifts[i]))
        expected = dx.inference.beliefs(dx.answers, program).probability["flu"][1]
        assert once.draws[i, 0] == pytest.approx(float(expected), rel=1e-12)


def test_intervals_and_ranks_are_those_of_the_draws() -> None:
    dx = diagnose(small(), Answers({"ache": 1}))
    found = dx.uncertainty(200, rng=1, mass=0.8)
    flu = found["flu"]
    assert (flu.low, flu.high) == tuple(np.quantile(found.draws[:, 0], [0.1, 0.9]))
    assert flu.first == pytest.approx((found.draws[:, 0] > found.draws[:, 1]).mean())
    assert sum(one.first for one in found.intervals) == pytest.approx(1.0)
    assert 1 <= flu.best <= flu.worst <= 2
    assert 0 < flu.first < 1
    assert f"{flu.label}" in str(found)
    with pytest.raises(ValueError, match="at least one draw"):
        dx.uncertainty(0)


def test_without_ranges_uncertainty_is_refused() -> None:
    network = small()
    fixed = Network("fixed", "1", network.variables, complaint="ache")
    with pytest.raises(tn.ModelError, match="TN182 no number of this model has a range"):
        diagnose(fixed, Answers({"ache": 1})).uncertainty(5)


@settings(max_examples=60)
@given(cases(4))
def test_the_gradient_equals_finite_differences(case: tuple[Network, object]) -> None:
    network, answers = case
    assert isinstance(answers, Answers)
    inference = diagnose(network, answers).inference
    ((log_evidence, scale, slope),) = number_gradient(inference, answers)
    slope = slope * math.exp(scale - log_evidence)
    assert log_evidence == pytest.approx(inference.beliefs(answers).log_evidence, abs=1e-9)
    low, step = inference.lowered, 1e-3
    for (node, part), first in low.number_first.items():
        variable = network.by_name[node]
        array = low.numbers[first : first + part_size(variable, part)]
        card = variable.card if variable.local and variable.local.graded else 0
        for cell, value in enumerate(array):
            rest = first + cell - cell % card if card else -1
            room = low.numbers[rest] if card else 1.0
            if (card and cell % card == 0) or not (step < value < 1 - step and step < room):
                continue
            ends = []
            for sign in (1.0, -1.0):
                numbers = low.numbers.copy()
                numbers[first + cell] += sign * step
                if card:  # a row must sum to 1
                    numbers[rest] -= sign * step
                found = inference.beliefs(answers, low.with_numbers(numbers)).log_evidence
                ends.append(math.exp(found - log_evidence))
            # P is linear in one number, so any step would do
            expected = slope[first + cell] - (slope[rest] if card else 0.0)
            found_slope = (ends[0] - ends[1]) / (2 * step)
            assert expected == pytest.approx(found_slope, rel=1e-6, abs=1e-8)


@settings(max_examples=60)
@given(cases(5), st.data())
def test_a_split_gradient_is_that_of_every_state(
    case: tuple[Network, Answers], data: st.DataObject
) -> None:
    network, answers = with_parameters(case[0]), case[1]
    inference = diagnose(network, answers).inference
    open_ones = [v.name for v in network.nodes if v.name not in {*answers.hard, *answers.soft}]
    assume(open_ones)
    name = data.draw(st.sampled_from(open_ones))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_module, "TOGETHER", data.draw(st.sampled_from([1, 2, 8])))
        patch.setattr(gradient_module, "AT_ONCE", data.draw(st.sampled_from([0.0, 1e9])))
        split = number_gradient(inference, answers, name)
    ((log_p, scale, whole),) = number_gradient(inference, answers)
    assert np.logaddexp.reduce([one[0] for one in split]) == pytest.approx(log_p, abs=1e-12)
    found = [math.exp(one[1] - log_p) * one[2] for one in split]
    turn = inference.shifts  # states of a node that nobody asked about matter as a whole only
    slopes = [turn.along(one, turn.tangent()) for one in (sum(found), whole)]
    np.testing.assert_allclose(slopes[0], math.exp(scale - log_p) * slopes[1], rtol=1e-9, atol=1e-9)
    for state, slope in enumerate(found):
        ((_, scale, expected),) = number_gradient(inference, answers.with_answers({name: state}))
        expected = math.exp(scale - log_p) * expected
        np.testing.assert_allclose(
            slope, expected, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(expected).max())
        )


def parameter_of(turn: ParameterShifts, one: Turn | Flip) -> int:
    """The parameter that a result is about."""
    keys = [(p.node, p.part, p.cells) for p in turn.parameters]
    return keys.index((one.node, one.part, one.cells))


def part_size(variable: Variable, part: str) -> int:
    local = variable.local
    if isinstance(local, Table):
        return local.probabilities.size
    assert local is not None
    if part == "leak":
        return local.leak.strength.size
    return next(link.strength.size for link in local.links if f"link:{link.parent}" == part)


@settings(max_examples=40)
@given(cases(4))
def test_turns_and_curves_equal_solving_the_changed_network(case: tuple[Network, object]) -> None:
    plain, answers = case
    assert isinstance(answers, Answers)
    network = with_parameters(plain)
    dx = diagnose(network, answers)
    name, state = columns(network)[0]
    found = dx.sensitivity(name, network.by_name[name].states[state])
    turn = parameter_shifts(network, dx.inference.lowered)

    def solved(d: int, value: float) -> float:
        numbers = turn.one(d, shift_to(turn.parameters[d], value))
        beliefs = dx.inference.beliefs(answers, dx.inference.lowered.with_numbers(numbers))
        return float(beliefs.probability[name][state])

    for one in found.turns[:6]:
        d = parameter_of(turn, one)
        assert one.at_high == pytest.approx(solved(d, one.high), abs=1e-8, nan_ok=True)
        assert one.at_low == pytest.approx(solved(d, one.low), abs=1e-8, nan_ok=True)
        assert one.curve is not None
        a, b, c, e = one.curve
        assert (a * one.low + b) / (c * one.low + e) == pytest.approx(one.at_low, abs=1e-8)


def test_a_derivative_is_the_slope_of_the_posterior() -> None:
    dx = diagnose(small(), Answers({"ache": 1}))
    turn = parameter_shifts(dx.network, dx.inference.lowered)
    for one in dx.sensitivity("flu").turns:
        d = parameter_of(turn, one)
        ends = []
        for value in (one.value + 1e-5, one.value - 1e-5):
            numbers = turn.one(d, shift_to(turn.parameters[d], value))
            program = dx.inference.lowered.with_numbers(numbers)
            ends.append(float(dx.inference.beliefs(dx.answers, program).probability["flu"][1]))
        assert one.derivative == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_flips_are_where_two_causes_are_equal() -> None:
    dx = diagnose(small(), Answers({"ache": 1}))
    found = dx.sensitivity("flu")
    assert dx.leader == "flu"
    assert {one.name for one in found.flips} >= {"flu <- cold", "cold", "strain leak"}
    turn = parameter_shifts(dx.network, dx.inference.lowered)
    for one in found.flips:
        d = parameter_of(turn, one)
        numbers = turn.one(d, shift_to(turn.parameters[d], one.needed))
        beliefs = dx.inference.beliefs(dx.answers, dx.inference.lowered.with_numbers(numbers))
        both = beliefs.probability["flu"][1], beliefs.probability["strain"][1]
        assert float(both[0]) == pytest.approx(float(both[1]), abs=1e-9)
        own = turn.parameters[d]
        assert one.plausible == (own.low <= one.needed <= own.high)
    assert [abs(one.shift) for one in found.flips] == sorted(abs(one.shift) for one in found.flips)


def test_pages_name_the_numbers() -> None:
    words = str(diagnose(small(), Answers({"ache": 1})).sensitivity("flu"))
    for part in ("strain leak", "0.03", "another cause first"):
        assert part in words


def test_the_large_model_has_derivatives_too() -> None:
    model = tn.load("twitchy_legs")
    answers = {name: model.network.by_name[name].states[0] for name in model.contexts}
    dx = model.diagnose(answers, leg_twitching=True, urge_to_move=True)
    found = dx.sensitivity("restless_legs_syndrome", rivals=0)
    low, inference = dx.inference.lowered, dx.inference
    one = found.turns[0]
    parameter = next(
        p for p in model.network.parameters if (p.node, p.part) == (one.node, one.part)
    )
    turn = parameter_shifts(model.network, low)
    ends = []
    for sign in (1.0, -1.0):
        shift = shift_to(parameter, one.value + sign * 1e-5)
        numbers = turn.one(turn.parameters.index(parameter), shift)
        beliefs = inference.beliefs(dx.answers, low.with_numbers(numbers))
        ends.append(float(beliefs.probability["restless_legs_syndrome"][1]))
    assert one.derivative == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4)
