"""The order by gain: the measure against 400 digits, and the orders that follow from it."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.strategies import networks, records
from tests.test_marginals import answers_of
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.gain import NOISE, gains
from twitchnet.diagnosis.inference import Inference
from twitchnet.show.html import html
from twitchnet.show.text import text


def by_definition(p: float, q: float) -> float:
    """p log2(p/q) + (1-p) log2((1-p)/(1-q)) with the sign of p - q, in 400 digits."""
    with localcontext() as context:
        context.prec = 400
        one, p_, q_ = Decimal(1), Decimal(p), Decimal(q)
        nats = Decimal(0)
        for a, b in ((p_, q_), (one - p_, one - q_)):
            nats += a * (a / b).ln() if a else 0
        return float(nats / Decimal(2).ln()) * (1 if p >= q else -1)


def gain(p: float, q: float) -> float:
    rest, prior_rest = float(1 - Decimal(p)), float(1 - Decimal(q))
    return float(gains(np.array(p), np.array(rest), np.array(q), np.array(prior_rest)))


UNIT = st.one_of(
    st.floats(1e-300, 1.0, exclude_max=True),
    st.floats(-300.0, -0.01).map(lambda e: 10.0**e),
    st.floats(-15.0, -1.0).map(lambda e: 1.0 - 10.0**e),
)


@settings(max_examples=300, deadline=None)
@given(UNIT, UNIT)
def test_the_gain_is_the_signed_divergence(p: float, q: float) -> None:
    want = by_definition(p, q)
    if abs(want) > 2 * NOISE:
        assert gain(p, q) == pytest.approx(want, rel=1e-12)


@settings(max_examples=300, deadline=None)
@given(UNIT, st.floats(-9.0, -1.0), st.sampled_from([-1.0, 1.0]))
def test_small_changes_keep_their_digits(q: float, exponent: float, sign: float) -> None:
    p = q + sign * 10.0**exponent * min(q, 1.0 - q)
    want = by_definition(p, q)
    if abs(want) > 2 * NOISE:
        # the change itself is a difference of doubles, exact where the complements are exact
        assert gain(p, q) == pytest.approx(want, rel=1e-6)


def test_the_edges() -> None:
    assert [gain(0.0, 0.0), gain(1.0, 1.0), gain(0.3, 0.3)] == [0.0, 0.0, 0.0]
    assert gain(1.0, 0.25) == pytest.approx(2.0)
    assert gain(0.0, 0.75) == pytest.approx(-2.0)
    assert math.isnan(float(gains(*(np.array(x) for x in (math.nan, math.nan, 0.3, 0.7)))))
    assert gain(0.3 + 1e-12, 0.3) == 0.0


@settings(max_examples=80)
@given(st.data())
def test_the_order_by_gain(data: st.DataObject) -> None:
    network = data.draw(networks())
    inference = Inference(network)
    answers = answers_of(data.draw(records(network)))
    beliefs = inference.beliefs(answers)
    if beliefs.log_evidence == -math.inf:
        return
    dx = Diagnosis(network, answers, beliefs, inference)
    rows = [row for row in dx.ranked("gain") if not row.given]
    keys = [(-row.gain, -row.posterior) for row in rows]
    assert keys == sorted(keys)
    assert {(row.cause, row.state) for row in rows} == {
        (row.cause, row.state) for row in dx.ranking if not row.given
    }
    for row in rows:
        if abs(row.posterior - row.prior) > 1e-9:
            assert (row.gain > 0) == (row.posterior > row.prior)
        if 1e-12 < row.posterior < 1 - 1e-12 and 1e-12 < row.prior < 1 - 1e-12:
            want = by_definition(row.posterior, row.prior)
            assert row.gain == pytest.approx(want, rel=1e-6, abs=1e-12)
    assert dx.leader == (rows[0].cause if rows else "")


def test_with_nothing_answered_the_order_is_by_probability() -> None:
    for name in tn.models():
        dx = tn.load(name).diagnose()
        assert {row.gain for row in dx.ranking} == {0.0}
        assert dx.ranked("gain") == dx.ranking
        assert dx.report.leader is None
        assert "speak for no cause" in text_of(dx)


def text_of(dx: Diagnosis) -> str:
    return " ".join(str(dx).split())


def test_what_the_answers_do_not_touch_has_no_gain() -> None:
    dx = tn.load("demo").diagnose(caffeine_intake="high")
    gain_of = {row.cause: row.gain for row in dx.ranking}
    assert gain_of["muscle_fatigue"] == 0.0
    assert gain_of["stimulant_excess"] > 0.0


def test_the_report_and_the_command_open_with_the_order_by_gain() -> None:
    model = tn.load("twitchy_legs")
    said = {"leg_twitching": True, "muscle_weakness": True, "muscle_wasting": True}
    dx = model.diagnose(said, age_band="65+")
    by_gain, by_posterior = dx.ranked("gain")[0], dx.ranking[0]
    assert by_gain.cause != by_posterior.cause
    assert dx.report.rows[0].cause == dx.report.leader.cause == by_gain.cause  # type: ignore[union-attr]
    page = text_of(dx)
    table = page[page.index("What your answers point to") :]
    assert table.index(by_gain.label) < table.index(by_posterior.label)
    assert f"{by_gain.gain:+.2f}" in table
    assert f"{by_posterior.label} is more probable" in page
    assert f"{by_gain.gain:+.2f}" in dx._repr_html_()


def test_json_holds_the_gain_and_stays_by_posterior() -> None:
    dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
    rows = dx.to_dict()["ranking"]
    assert [row["cause"] for row in rows] == [row.cause for row in dx.ranking]
    assert [row["gain"] for row in rows] == [row.gain for row in dx.ranking]


def test_questions_about_the_leader() -> None:
    """The value is the entropy of the cause that would lead; by hand from every answer."""
    dx = tn.load("demo").diagnose(leg_twitching=True)
    for one in dx.next_questions(None, about="leader").questions:
        if math.isnan(one.bits):
            continue
        share: dict[str, float] = {}
        for effect in one.effects:
            leader = dx.what_if({one.name: effect.state})
            then = tn.load("demo").diagnose(leg_twitching=True, **{one.name: effect.state})
            assert then.leader == effect.leader, leader
            share[effect.leader] = share.get(effect.leader, 0.0) + effect.probability
        want = -sum(p * math.log2(p) for p in share.values() if p > 0)
        assert one.bits == pytest.approx(want, abs=1e-9)


def test_how_often_the_leader_by_gain_leads() -> None:
    dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
    sure = dx.uncertainty(200, rng=3)
    assert sum(one.leads for one in sure.intervals) == pytest.approx(1.0)
    assert sure[dx.leader].leads == max(one.leads for one in sure.intervals)
    assert "leads by gain" in str(sure)


def test_top_k_by_both_orders() -> None:
    model = tn.load("demo")
    answers = [{"leg_twitching": True, "caffeine_intake": "high"}] * 4
    found = model.evaluate(answers, [{"stimulant_excess": True, "muscle_fatigue": False}] * 4)
    dx = model.diagnose(answers[0])
    assert dict(found.top_by_gain)[1] == float(dx.ranked("gain")[0].cause == "stimulant_excess")
    assert dict(found.top)[1] == float(dx.ranking[0].cause == "stimulant_excess")
    assert "by gain" in text(found.page())
    assert "by gain" in html(found.page())
