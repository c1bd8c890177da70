"""Numbers far outside the range of a double: every answer is right, at every size.

The oracles are sums by hand and plain enumeration in rational numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import twitchnet as tn
from tests.oracle import enumerate_joint
from tests.strategies import networks, records
from twitchnet.diagnosis.evidence import read_answers
from twitchnet.diagnosis.explain.sensitivity import number_gradient
from twitchnet.diagnosis.inference import Engine, Inference
from twitchnet.engine.numpy import ranged as numbers
from twitchnet.engine.numpy.ranged import Ranged, exact_range, plain, ranged
from twitchnet.engine.weights import balanced
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable

STATES = ("absent", "present")


def cause(name: str, prior: float) -> Variable:
    return Variable(name, "cause", STATES, "", Table((), np.array([1.0 - prior, prior])))


def finding(name: str, leak: float, **links: float) -> Variable:
    parts = tuple(Link(parent, (), np.array([0.0, p])) for parent, p in links.items())
    return Variable(name, "finding", STATES, "", NoisyOr(Leak((), np.array(leak)), parts))


def model(*variables: Variable, engine: Engine = "numpy") -> tn.Model:
    return tn.Model(Network("range", "1", variables), _engine=engine)


def log(value: Fraction) -> float:
    """The natural log of a rational number of any size."""
    return math.log(value.numerator) - math.log(value.denominator)


def star(leak: float, link: float, prior: float, present: int, absent: int) -> None:
    """One cause and its findings, against two sums of logs."""
    count = present + absent
    made = model(cause("c", prior), *(finding(f"f{i}", leak, c=link) for i in range(count)))
    found = made.diagnose({f"f{i}": i < present for i in range(count)})
    a, b, p, e = (Fraction(x) for x in (leak, link, prior, 0.0))
    e = a + (1 - a) * b
    without = (1 - p) * a**present * (1 - a) ** absent
    with_it = p * e**present * (1 - e) ** absent
    total = without + with_it
    assert found.log_evidence == pytest.approx(log(total), rel=1e-12)
    assert found.posterior["c"] == pytest.approx(float(with_it / total), rel=1e-9)
    share = float(with_it / total * b / e)
    assert found.ranking[0].explains == pytest.approx(present * share, rel=1e-9)


@pytest.mark.parametrize(("present", "absent"), [(600, 600), (170, 0), (2000, 0), (3, 1500)])
def test_one_cause_of_many_findings(present: int, absent: int) -> None:
    star(0.01, 0.5, 0.1, present, absent)


def test_one_cause_that_findings_hardly_speak_for() -> None:
    star(0.01, 0.001, 0.1, 170, 0)
    star(0.1, 0.02, 0.1, 400, 100)


def test_what_underflows_may_be_the_only_explanation_left() -> None:
    """1,200 findings speak for a cause by 1e800, and one more rules it out."""
    made = model(
        cause("c", 0.5),
        *(finding(f"f{i}", 0.125, c=0.5) for i in range(1200)),
        Variable("g", "finding", STATES, "", Table(("c",), np.array([[0.75, 0.25], [1.0, 0.0]]))),
    )
    found = made.diagnose({f"f{i}": True for i in range(1200)} | {"g": True})
    assert found.posterior["c"] == 0.0
    assert found.log_evidence == pytest.approx(math.log(0.125) * 1201, rel=1e-13)


@pytest.mark.parametrize("count", [1000, 1080, 3000])
def test_many_independent_parts_and_nothing_said(count: int) -> None:
    variables = [cause(f"c{i}", 0.1) for i in range(count)]
    variables += [finding(f"f{i}", 0.1, **{f"c{i}": 0.8}) for i in range(count)]
    found = model(*variables).diagnose({})
    assert found.log_evidence == pytest.approx(0.0, abs=1e-9)
    assert set(found.posterior.values()) == {0.1}


@pytest.mark.parametrize("count", [60, 72, 400])
def test_many_independent_parts_that_are_improbable(count: int) -> None:
    prior, link, leak = 1e-6, 0.5, 1.6e-5
    variables = [cause(f"c{i}", prior) for i in range(count)]
    variables += [finding(f"f{i}", leak, **{f"c{i}": link}) for i in range(count)]
    found = model(*variables).diagnose({f"f{i}": True for i in range(count)})
    e = leak + (1 - leak) * link
    p = (1 - prior) * leak + prior * e
    assert found.log_evidence == pytest.approx(count * math.log(p), rel=1e-12)
    assert_allclose(list(found.posterior.values()), prior * e / p, rtol=1e-9)


extremes = st.sampled_from([0.0, 1.0, 5e-324, 1e-200, 3e-150, 1e-17, 1 - 1e-16, 0.5, 0.1, 0.9])


@st.composite
def small(draw: st.DrawFn) -> tuple[list[float], list[list[float]], list[bool]]:
    """Priors of some causes, rows (leak, links) of findings, and which of these are present."""
    priors = draw(st.lists(extremes, min_size=1, max_size=3))
    row = st.lists(extremes, min_size=len(priors) + 1, max_size=len(priors) + 1)
    rows = draw(st.lists(row, min_size=1, max_size=6))
    return priors, rows, draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))


@settings(max_examples=400)
@given(small())
@example(([5e-324], [[0.0, 5e-324]], [True]))
def test_extreme_numbers_equal_rational_enumeration(
    drawn: tuple[list[float], list[list[float]], list[bool]],
) -> None:
    priors, rows, present = drawn
    names = [f"c{i}" for i in range(len(priors))]
    variables = [cause(name, prior) for name, prior in zip(names, priors, strict=True)]
    for i, (leak, *links) in enumerate(rows):
        variables.append(finding(f"f{i}", leak, **dict(zip(names, links, strict=True))))
    evidence = read_answers(
        Network("range", "1", tuple(variables)), {f"f{i}": on for i, on in enumerate(present)}
    )
    beliefs = model(*variables)._inference.beliefs(evidence)
    total, with_it = Fraction(0), [Fraction(0) for _ in names]
    for world in product((0, 1), repeat=len(names)):
        mass = Fraction(1)
        for prior, on in zip(priors, world, strict=True):
            mass *= Fraction(prior) if on else Fraction(1.0 - prior)
        for (leak, *links), seen in zip(rows, present, strict=True):
            silent = 1 - Fraction(leak)
            for link, on in zip(links, world, strict=True):
                silent *= 1 - Fraction(link) if on else 1
            mass *= 1 - silent if seen else silent
        total += mass
        for i, on in enumerate(world):
            with_it[i] += mass if on else 0
    if total == 0:
        assert beliefs.log_evidence == -math.inf
        return
    assert beliefs.log_evidence == pytest.approx(log(total), rel=1e-11, abs=1e-11)
    for name, mass in zip(names, with_it, strict=True):
        assert_allclose(beliefs.probability[name][1], float(mass / total), rtol=1e-9, atol=1e-300)


@settings(max_examples=60)
@given(st.data())
def test_numbers_with_exponents_give_what_plain_ones_give(data: st.DataObject) -> None:
    """Every path of the executor, with each entry's own exponent from the beginning."""
    network = data.draw(networks())
    rows = data.draw(records(network))
    hard = {
        n: row.index(1.0) for n, row in rows.items() if sorted(row)[:-1] == [0.0] * (len(row) - 1)
    }
    soft = {
        n: tn.Likelihood(dict(zip(network.by_name[n].states, row, strict=True)))
        for n, row in rows.items()
        if n not in hard
    }
    answers = read_answers(
        network, {n: network.by_name[n].states[state] for n, state in hard.items()} | soft
    )
    expected = enumerate_joint(network, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "_flags_work", lambda: False)
        inference = Inference(network, engine="numpy")
        beliefs = inference.beliefs(answers)
    if expected.evidence < 1e-280:
        return
    assert abs(beliefs.log_evidence - math.log(expected.evidence)) < 1e-9
    for name in network.ranked:
        want = np.array(expected.marginal[name]) / expected.evidence
        assert_allclose(beliefs.probability[name], want, rtol=1e-9, atol=1e-21)


def test_processor_tells_of_every_product_that_loses_digits() -> None:
    for count in (1, 3, 4, 7, 8, 17, 1000):
        for place in {0, count // 2, count - 1}:
            for value in (1e-200, 1e200):
                values = np.ones(count)
                values[place] = value
                with pytest.raises(FloatingPointError), exact_range():
                    np.multiply(values, values)
                with pytest.raises(FloatingPointError), exact_range():
                    np.ldexp(values / 3.0, 400 if value > 1 else -500)
    with exact_range():  # what is exact, is no loss
        assert (np.array([5e-324]) * 1.0)[0] == 5e-324


def test_arithmetic_of_numbers_with_exponents() -> None:
    rng = np.random.default_rng(7)
    a, b = rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (3, 4))
    a[0, 0] = b[1, 2] = 0.0
    x, y = ranged(a), ranged(b)
    assert isinstance(x, Ranged)
    for got, want in ((x * y, a * b), (x + b, a + b), (a - y, a - b), (x / 2.0, a / 2.0)):
        assert_allclose(plain(got), want, rtol=1e-15, atol=1e-16)
    assert_allclose(plain(x.sum(axis=(0, 1))), a.sum(), rtol=1e-14)
    assert_allclose(plain(np.cumsum(x, axis=1)), np.cumsum(a, axis=1), rtol=1e-14)
    tiny = ranged(np.array([1e-200])) * 1e-200
    assert plain(tiny)[0] == 0.0
    assert plain(tiny * 1e300 * 1e100)[0] == pytest.approx(1.0)
    with pytest.raises(TypeError):
        np.exp(x)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("weight", [2.0**power for power in (-1073, -1000, -530, 530, 1022)])
def test_only_the_ratio_of_weights_matters(weight: float, compiled: bool) -> None:
    made = model(
        *(cause(name, 0.1) for name in "ab"),
        *(finding(f"f{i}", 0.1, a=0.5, b=0.25) for i in range(3)),
        engine="compiled" if compiled else "numpy",
    )
    names = ["a", "f0", "f1", "f2"]
    one = made.diagnose({n: tn.Likelihood({"absent": 1.0, "present": 2.0}) for n in names})
    other = made.diagnose(
        {n: tn.Likelihood({"absent": weight, "present": 2 * weight}) for n in names}
    )
    assert dict(other.posterior) == dict(one.posterior)
    assert other.log_evidence - 4 * math.log(weight) == pytest.approx(one.log_evidence, abs=1e-10)
    rows = made.posteriors(
        {"b": [None] * 40},
        likelihood={n: np.tile([weight, 2 * weight], (40, 1)) for n in names},
    )
    assert set(rows.status) == {"ok"}
    assert_allclose(rows.probability[0], list(one.posterior.values()), rtol=1e-12)
    assert_allclose(rows.log_evidence, other.log_evidence, rtol=1e-13)


@pytest.mark.parametrize("compiled", [False, True])
def test_weights_that_are_far_apart(compiled: bool) -> None:
    """The finding rules out what the large weight speaks for."""
    made = model(
        cause("c", 0.5),
        Variable("g", "finding", STATES, "", Table(("c",), np.array([[0.5, 0.5], [1.0, 0.0]]))),
        *(finding(f"f{i}", 0.5, c=0.5) for i in range(3)),
        engine="auto" if compiled else "numpy",
    )
    weights = {"c": (1e-300, 1e300), "f0": (5e-324, 1e300), "f1": (1.0, 1e-320)}
    soft = {n: tn.Likelihood(dict(zip(STATES, row, strict=True))) for n, row in weights.items()}
    found = made.diagnose({**soft, "g": True})
    total = Fraction(1, 2) * Fraction(1, 2) * Fraction(1e-300)
    for name in ("f0", "f1"):
        total *= sum(Fraction(w) for w in weights[name]) / 2
    assert found.posterior["c"] == 0.0
    assert found.log_evidence == pytest.approx(log(total), rel=1e-13)
    rows = made.posteriors(
        {"g": ["present"] * 40},
        likelihood={n: np.tile(row, (40, 1)) for n, row in weights.items()},
    )
    assert set(rows.status) == {"ok"}
    assert_allclose(rows.log_evidence, log(total), rtol=1e-13)


@given(
    st.lists(
        st.floats(0.0, 1.7e308, exclude_max=True).filter(lambda x: x == 0.0 or x > 1e-320),
        min_size=1,
        max_size=4,
    )
)
def test_rows_of_weights_lose_no_digit(row: list[float]) -> None:
    rows, exponent = balanced(np.array([row, [np.nan] * len(row)]))
    assert [Fraction(x) * Fraction(2) ** int(exponent[0]) for x in rows[0]] == [*map(Fraction, row)]
    assert np.isnan(rows[1]).all()
    assert exponent[1] == 0
    low = min((x for x in row if x), default=0.0)
    if low and max(row) / 2.0**900 < low:
        assert 0.5 <= rows[0].max() < 1.0


def test_slopes_of_an_improbable_record() -> None:
    """dP / dleak of a star, by hand."""
    count, leak, link = 800, 0.01, 0.25
    variables = [cause("c", 0.5), *(finding(f"f{i}", leak, c=link) for i in range(count))]
    inference = Inference(Network("range", "1", tuple(variables)))
    answers = read_answers(inference.network, {f"f{i}": True for i in range(count)})
    ((log_p, scale, slope),) = number_gradient(inference, answers)
    a, b = Fraction(leak), Fraction(link)
    e = a + (1 - a) * b
    total = (a**count + e**count) / 2
    by_leak = (a ** (count - 1) + e ** (count - 1) * (1 - b)) / 2
    assert log_p == pytest.approx(log(total), rel=1e-13)
    at = inference.lowered.number_first["f0", "leak"]
    assert slope[at] * math.exp(scale - log_p) == pytest.approx(float(by_leak / total), rel=1e-9)
