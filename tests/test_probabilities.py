"""A probability is in [0, 1] in every field, and has its digits however rare what it is about.

The oracle enumerates every world in rational arithmetic.  Numbers are drawn next to 0 and
next to 1, and causes have up to four states, some of them impossible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.oracle import Joint, enumerate_joint
from tests.strategies import networks, records
from tests.understanding import answers_of, weights_of, with_parameters
from twitchnet.batch.encoding.encode import encode_frame
from twitchnet.batch.scoring.posteriors import evaluate as evaluate_batch
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.batch.scoring.score import Scorer
from twitchnet.diagnosis.assess.validation import Evaluator
from twitchnet.diagnosis.care.management import _Scene
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.twin import coupled
from twitchnet.diagnosis.hypotheses import all_states, columns, possible_answers, suppose
from twitchnet.diagnosis.inference import Engine, Inference
from twitchnet.diagnosis.parameters import has_ranges
from twitchnet.engine.shares import ratio, within
from twitchnet.errors import TwitchnetError
from twitchnet.model.care import Effect, Watch
from twitchnet.model.language.query import parse_query
from twitchnet.model.local import Leak, Link, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Parameter, Variable

RELATIVE = 1e-9

NO_PROBABILITY = {
    "ask_cost", "base", "bayes_factor", "benefit", "bits", "cells", "conflict", "cost", "curve",
    "decibans", "derivative", "evoi", "explains", "gain", "gains", "log_evidence", "log_score",
    "needed", "part", "phi", "shift", "swing", "value",
}  # fmt: skip
"""Fields of results that hold other numbers; every other float is a probability."""

EXTREMES = (0.0, 1.0, 1e-11, 3e-11, 1e-17, 1 - 1e-11, 1 - 1e-15, 0.5)


def number(n: int) -> float:
    """One of the extremes, a power of ten as near to 0 or to 1, or anything between."""
    kind, share = n % 5, n / 1_000_003
    if kind == 0:
        return EXTREMES[n // 5 % len(EXTREMES)]
    small = float(10.0 ** (-13.0 * share))
    return {1: small, 2: 1.0 - small}.get(kind, share)


numbers = st.integers(0, 1_000_003).map(number)  # floats of hypothesis are round too often


def floats_of(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a result with the names of the fields that lead to it."""
    if isinstance(value, bool | int | str | None):
        return
    if isinstance(value, float | np.floating):
        yield path, float(value)
    elif isinstance(value, np.ndarray):
        for number in value.ravel().tolist():
            yield from floats_of(number, path)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from floats_of(one, f"{path}.{key}")
    elif isinstance(value, tuple | list):
        for one in value:
            yield from floats_of(one, path)
    elif is_dataclass(value):
        for one in fields(value):
            yield from floats_of(getattr(value, one.name), f"{path}.{one.name}")


def check(*results: object) -> None:
    """Every probability of some results lies in [0, 1], or there is none."""
    for result in results:
        for path, number in floats_of(result, type(result).__name__):
            if NO_PROBABILITY.isdisjoint(path.replace("_decibans", ".decibans").split(".")):
                assert math.isnan(number) or 0.0 <= number <= 1.0, (path, number)


def close(actual: float, expected: Fraction | float) -> bool:
    """Equal to 1e-9 of the value, however small; below 1e-290 there are fewer digits."""
    return abs(Fraction(actual) - Fraction(expected)) <= RELATIVE * abs(expected) + 1e-290


def exact(network: Network, answers: Answers) -> Joint:
    present = [name for name, state in answers.hard.items() if state]
    return enumerate_joint(network, weights_of(network, answers), present, Fraction)


@st.composite
def cases(draw: st.DrawFn, largest: int = 5) -> tuple[Network, Answers, Joint]:
    """A network of extreme numbers, and answers that are possible."""
    network = draw(networks(largest, numbers, (2, 2, 3, 4)))
    watches = tuple(Watch(name, 0.5, "soon", "watched") for name in network.ranked)
    network = Network(
        network.name, network.version, network.variables, complaint=network.complaint,
        targets=network.targets, watches=watches,
    )  # fmt: skip
    answers = answers_of(draw(records(network)))
    joint = exact(network, answers)
    assume(joint.evidence > 1e-200)
    return network, answers, joint


def diagnosis(network: Network, answers: Answers, engine: Engine = "numpy") -> Diagnosis:
    inference = Inference(network, engine=engine)
    return Diagnosis(network, answers, inference.beliefs(answers), inference)


ENGINES: list[Engine] = ["numpy", "compiled"]


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=150)
@given(case=cases())
def test_a_diagnosis_has_the_digits_of_rational_sums(
    engine: Engine, case: tuple[Network, Answers, Joint]
) -> None:
    network, answers, joint = case
    dx = diagnosis(network, answers, engine)
    check(dx.ranking, dx.posterior, dx.beliefs, dx.to_dict(), dx.management)
    whole = joint.evidence
    for name in network.ranked:
        masses = joint.marginal[name]
        assert close(dx.posterior[name], sum(masses[1:]) / whole)
        for state, mass in enumerate(masses):
            assert close(dx.beliefs.probability[name][state], mass / whole)
        assert close(dx.beliefs.explains[name], joint.explains[name] / whole)
        if name in dx.beliefs.produced:
            assert close(dx.beliefs.produced[name], joint.produced[name] / whole)
    assert 0.0 <= dx.none_present <= 1.0
    assert close(dx.none_present, joint.none_present / whole)
    if network.complaint:
        assert 0.0 <= dx.unexplained <= 1.0
        assert close(dx.unexplained, joint.unexplained / whole)
    for (cause, finding), share in dx.beliefs.responsibility.items():
        assert close(share, joint.responsibility.get((cause, finding), 0) / whole)
        assert 0.0 <= share <= 1.0


def supposed_states(network: Network, joint: Joint) -> dict[tuple[str, int], Fraction]:
    """The posteriors of every state of every target."""
    return {
        (name, state): Fraction(mass) / Fraction(joint.evidence)
        for name in network.ranked
        for state, mass in enumerate(joint.marginal[name])
    }


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=40)
@given(case=cases(4))
def test_possible_answers_have_the_digits_of_rational_sums(
    engine: Engine, case: tuple[Network, Answers, Joint]
) -> None:
    """No state of a question, and no cause, is what is left of the others."""
    network, answers, joint = case
    dx = diagnosis(network, answers, engine)
    known = {*answers.hard, *answers.soft}
    open_ones = [v.name for v in network.nodes if v.name not in known]
    now = suppose(dx.inference, [answers])
    possible = possible_answers(dx.inference, answers, now, open_ones)
    check(possible, now)
    for r, (name, state) in enumerate(possible.answer):
        then = exact(network, answers.with_answers({name: state}))
        assert close(possible.probability[r], then.evidence / joint.evidence)
        if then.evidence > 1e-290 * joint.evidence:
            wanted = supposed_states(network, then)
            for c, place in enumerate(all_states(network)):
                assert close(possible.then.states[r, c], wanted[place])
            for c, (cause, at) in enumerate(columns(network)):
                assert close(possible.then.rest[r, c], 1 - wanted[cause, at])


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=40)
@given(case=cases(4))
def test_reasons_and_decisive_answers_weigh_what_rational_odds_do(
    engine: Engine, case: tuple[Network, Answers, Joint]
) -> None:
    network, answers, joint = case
    dx = diagnosis(network, answers, engine)
    cause = network.ranked[0]
    if cause in answers.hard:
        return
    why = dx.explain(cause)
    check(why)

    def odds(said: Answers) -> tuple[Fraction, Fraction]:
        found = exact(network, said)
        mine = Fraction(found.marginal[cause][1])
        return mine / found.evidence, (found.evidence - mine) / found.evidence

    def decibans(after: tuple[Fraction, Fraction], before: tuple[Fraction, Fraction]) -> float:
        logs = [
            math.inf if not q else -math.inf if not p else log10(p) - log10(q)
            for p, q in (after, before)
        ]
        return 0.0 if logs[0] == logs[1] else 10.0 * (logs[0] - logs[1])

    now = odds(answers)
    for one in why.weights:
        left = odds(answers.without(one.answer, *one.together))
        assert close(one.without, left[0])
        assert one.decibans == pytest.approx(decibans(now, left), abs=1e-7)
    for found in why.decisive:
        state = network.by_name[found.answer].states.index(found.state)
        said = answers.with_answers({found.answer: state})
        then = odds(said)
        assert close(found.probability, exact(network, said).evidence / joint.evidence)
        assert close(found.posterior, then[0])
        assert found.decibans == pytest.approx(decibans(then, now), abs=1e-7)


def log10(p: Fraction) -> float:
    """The decimal logarithm, exact also where p is next to 1."""
    return math.log1p(-float(1 - p)) / math.log(10.0) if p > 0.5 else math.log10(p)


@settings(max_examples=40)
@given(case=cases(4))
def test_whatever_is_asked_of_a_diagnosis_is_a_probability(
    case: tuple[Network, Answers, Joint],
) -> None:
    network, answers, joint = case
    network = with_parameters(network)
    dx = diagnosis(network, answers)
    results = [dx.next_questions(None), dx.single_changes(), dx.combinations(3), dx.conflict(5)]
    if dx.leader:
        results += [dx.explain(), dx.sensitivity()]
        if dx.inference.shifts.parameters:
            results.append(dx.uncertainty(draws=5))
    check(*results, dx.triage, dx.benefits())
    found = dx.combinations(3)
    for one in found.explanations:
        states = {name: network.by_name[name].states.index(state) for name, state in one.present}
        world = answers.with_answers(
            {n: states.get(n, 0) for n in network.ranked if n not in answers.hard}
        )
        weights = {n: row[world.hard[n]] for n, row in answers.soft.items() if n in world.hard}
        mass = exact(network, world).evidence * math.prod(map(Fraction, weights.values()))
        assert close(one.probability, mass / joint.evidence)
    for pair in found.dependences:
        assert pair.phi == pytest.approx(phi(network, answers, pair.first, pair.second), abs=1e-9)


@settings(max_examples=40)
@given(case=cases(4))
def test_bits_are_those_of_fifty_digits(case: tuple[Network, Answers, Joint]) -> None:
    network, answers, _ = case
    assume(network.ranked[0] not in answers.hard)
    check_bits(network, answers)


def test_bits_about_a_rare_cause_are_those_of_fifty_digits() -> None:
    for share in (1e-11, 3e-13, 1.0 - 1e-11):
        check_bits(rare(share, f=0.5, g=1e-3), Answers())
        check_bits(rare(share / 2, share / 2, f=0.5, g=1e-3), Answers({"f": 1}))


def check_bits(network: Network, answers: Answers) -> None:
    """Bits are right to 1e-9 of the entropy that they are taken from."""
    cause, joint = network.ranked[0], exact(network, answers)
    now = exact_entropy(joint, cause)
    for one in diagnosis(network, answers).next_questions(None, cause).questions:
        if one.name == cause:
            continue
        left = Decimal(0)
        for state in range(network.by_name[one.name].card):
            then = exact(network, answers.with_answers({one.name: state}))
            if then.evidence:
                chance = Fraction(then.evidence) / joint.evidence
                left += decimal(chance) * exact_entropy(then, cause)
        assert abs(Decimal(one.bits) - (now - left)) <= now * Decimal(RELATIVE)


def decimal(share: Fraction) -> Decimal:
    with localcontext(prec=50):
        return Decimal(share.numerator) / Decimal(share.denominator)


def exact_entropy(joint: Joint, name: str) -> Decimal:
    """The entropy of a variable in bits."""
    with localcontext(prec=50):
        shares = [decimal(Fraction(mass) / joint.evidence) for mass in joint.marginal[name]]
        return sum((-p * p.ln() for p in shares if p), Decimal(0)) / Decimal(2).ln()


def phi(network: Network, answers: Answers, first: str, second: str) -> float:
    """The phi coefficient of two causes in their first state above the baseline."""
    joint = exact(network, answers)
    p, q = (Fraction(joint.marginal[name][1]) / joint.evidence for name in (first, second))
    rows = weights_of(network, answers)
    rows[first] = tuple(w * (i == 1) for i, w in enumerate(rows.get(first, (1.0,) * 4)))
    with_first = enumerate_joint(network, rows, (), Fraction)
    both = Fraction(with_first.marginal[second][1]) / joint.evidence
    spread = math.sqrt(p * (1 - p)) * math.sqrt(q * (1 - q))
    return float((both - p * q) / Fraction(spread))


@settings(max_examples=60)
@given(case=cases(4), more=st.data())
def test_scores_of_an_evaluation_have_the_digits_of_rational_sums(
    case: tuple[Network, Answers, Joint], more: st.DataObject
) -> None:
    network, answers, joint = case
    free = [name for name in network.ranked if name not in answers.hard]
    assume(free)
    truth = {name: more.draw(st.integers(0, network.by_name[name].card - 1)) for name in free}
    said = {name: network.by_name[name].states[state] for name, state in truth.items()}
    record: dict[str, object] = {**answers.states(network)}
    for name, row in answers.soft.items():
        states = network.by_name[name].states
        record[name] = tn.Likelihood(dict(zip(states, row, strict=True)))
    found = tn.Model(network).evaluate([record], [said])
    check(found)
    posterior = supposed_states(network, joint)
    for one in found.causes:
        at = network.by_name[one.cause].states.index(one.state)
        p, y = posterior[one.cause, at], truth[one.cause] == at
        assert close(one.mean, p)
        assert close(one.brier, (1 - p) ** 2 if y else p**2)
        right = max(p if y else 1 - p, Fraction(1e-12))
        assert one.log_score == pytest.approx(-log10(right) * math.log(10.0), rel=1e-9, abs=0.0)


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "kernels"])
@settings(max_examples=60)
@given(case=cases())
def test_columns_of_a_batch_have_the_digits_of_rational_sums(
    compiled: bool, case: tuple[Network, Answers, Joint]
) -> None:
    network, answers, _ = case
    rows = [Answers(answers.hard), Answers()]
    model = tn.Model(with_parameters(network))
    frame = {
        v.name: [None if (at := one.hard.get(v.name)) is None else v.states[at] for one in rows]
        for v in network.nodes
    }
    draws = 3 if has_ranges(model.network) else 0
    scorer = Scorer(model._inference, reasons=2, intervals=draws)
    scored = scorer.score(encode_frame(network, frame), compiled=compiled)
    check({name: [v for v in values if v is not None] for name, values in scored.columns.items()})
    found = evaluate_batch(
        model._inference,
        make_rows(model._inference, model.encode(frame), {}),
        model._inference.wanted,
        model.target_states,
        compiled=compiled,
    )
    for row, one in enumerate(rows):
        joint = exact(network, one)
        if not joint.evidence:
            continue
        states = supposed_states(network, joint)
        for c, (name, state) in enumerate(model.target_states):
            wanted = states[name, network.by_name[name].states.index(state)]
            assert close(found.probability[row, c], wanted)
            assert 0.0 <= found.probability[row, c] <= 1.0
        for column, mass in (
            ("none_present", joint.none_present),
            ("unexplained", joint.unexplained),
        ):
            value = scored.columns[column][row]
            assert math.isnan(value) or close(value, Fraction(mass) / joint.evidence)


def test_what_no_pass_differs_by_is_an_error_and_nothing_is_cut_off() -> None:
    assert within(1.0 + 1e-13) == 1.0
    assert ratio(-5.0 + 1e-12, -5.0) == 1.0
    for wrong in (lambda: within(1.0 + 1e-11), lambda: within(-1e-11), lambda: ratio(0.1, 0.0)):
        with pytest.raises(TwitchnetError, match="TN390"):
            wrong()
    assert np.isnan(ratio(-math.inf, -math.inf))


def rare(*shares: float, **links: float) -> Network:
    """One cause with a state for each share above its baseline, and its findings with a leak."""
    states = ("absent", "mild", "severe")[: len(shares) + 1]
    cause = Table((), np.array([1.0 - sum(shares), *shares]))
    leak = Leak((), np.array(1e-9))
    findings = []
    for name, link in links.items():
        strength = np.array([0.0, *[link] * len(shares)])
        local = NoisyOr(leak, (Link("c", (), strength),))
        findings.append(Variable(name, "finding", ("absent", "present"), name, local))
    return Network(
        "rare", "1", (Variable("c", "cause", states, "c", cause), *findings), targets=("c",)
    )


def test_a_rare_cause_of_three_states_is_summed_not_left_over() -> None:
    network = rare(1e-17, 2e-17, f=0.5)
    watched = Network(
        "rare", "1", network.variables, targets=("c",), watches=(Watch("c", 1e-30, "soon", "r"),)
    )
    dx = diagnosis(watched, Answers())
    assert close(dx.posterior["c"], Fraction(1e-17) + Fraction(2e-17))
    assert dx.triage.fired[0].name == "c"
    impossible = diagnosis(rare(0.0, 0.0, f=0.5), Answers())
    assert impossible.posterior["c"] == 0.0


def test_a_number_that_takes_nearly_all_away_leaves_its_digits() -> None:
    """P(c, f) = .01 (1 - (1 - l)(1 - t)) and P(not c, f) = .99 l, with l = 1e-9."""
    network = rare(0.01, f=0.9)
    parameter = Parameter("f", "link:c", (1,), 0.9, 1e-9, 0.95)
    network = Network("rare", "1", network.variables, targets=("c",), parameters=(parameter,))
    (turn,) = diagnosis(network, Answers({"f": 1})).sensitivity("c").turns
    prior, leak, now = Fraction(0.01), Fraction(1e-9), Fraction(0.9)

    def masses(t: Fraction) -> tuple[Fraction, Fraction]:
        with_c = prior * (1 - (1 - leak) * (1 - t))
        return with_c, with_c + (1 - prior) * leak

    with_c, whole = masses(Fraction(1e-9))
    assert close(turn.at_low, with_c / whole)
    _, b, _, d = turn.curve or ()
    assert close(b, masses(Fraction(0))[0] / masses(now)[1])
    assert close(d, masses(Fraction(0))[1] / masses(now)[1])
    slope = prior * (1 - leak)
    with_c, whole = masses(now)
    assert close(turn.derivative, slope * (whole - with_c) / whole**2)


def test_a_switch_is_read_anew_with_its_digits_at_either_end() -> None:
    """Where a link acted with w and would act with v, it still does with v / w."""
    for w, v in ((3e-12, 1e-12), (1 - 1e-12, 1 - 3e-12), (0.5, 1e-13)):
        before, after = np.array([1 - w, w]), np.array([1 - v, v])
        assert close(coupled(before, after, 1)[1], Fraction(v) / Fraction(w))
    stays = coupled(np.array([1 - 3e-12, 3e-12]), np.array([1 - 1e-12, 1e-12]), 1)
    assert close(stays[0], Fraction(2e-12) / Fraction(3e-12))


def test_any_of_rare_events_and_odds_of_certain_ones_have_their_digits() -> None:
    evaluator = Evaluator(Inference(rare(1e-13, f=0.25, g=0.5)))
    c, leak = Fraction(1e-13), Fraction(1e-9)

    def silent(link: float) -> Fraction:
        return (1 - leak) * (1 - Fraction(link))

    none = c * silent(0.25) * silent(0.5) + (1 - c) * (1 - leak) ** 2
    value = evaluator.value(parse_query("P(f or g)"))
    assert close(value, 1 - none)
    assert close(evaluator.value(parse_query("odds(P(not f & not g))")), none / (1 - none))
    assert close(evaluator.value(parse_query("odds(P(f or g))")), (1 - none) / none)
    present = c * (1 - silent(0.25)) + (1 - c) * leak
    assert close(evaluator.value(parse_query("P(f)")), present)
    assert close(
        evaluator.value(parse_query("odds(P(only c | f))")),
        c * (1 - silent(0.25)) / ((1 - c) * leak),
    )


def test_the_benefit_of_a_weak_link_has_its_digits() -> None:
    """The share of a link of 1e-13 that an option takes away is no 1 - (1 - share)."""
    network = rare(0.25, f=1e-13)
    effect = Effect("link", "c", factor=0.25, low=0.1, high=0.5, child="f")
    scene = _Scene(network, {"c": "mild"}, {"f": 1.0})
    (action,) = scene.actions(effect, {"f": 1.0})
    assert close(action.benefit, Fraction(1e-13) * Fraction(0.75))


def rough_chain(excess: float, length: int = 6) -> Network:
    """A cause and findings in a row, whose tables are off by what the check lets pass."""
    rows = np.array([[0.5, 0.5 + excess], [0.25, 0.75 + excess]])
    variables = [Variable("c", "cause", ("no", "yes"), "c", Table((), rows[0]))]
    for i in range(length):
        parent = f"f{i - 1}" if i else "c"
        local = Table((parent,), rows)
        variables.append(Variable(f"f{i}", "finding", ("no", "yes"), f"f{i}", local))
    return Network("rough", "1", tuple(variables), targets=("c",))


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_sum_to_one_but_for_a_millionth_are_divided_by_their_sum(engine: Engine) -> None:
    dx = diagnosis(rough_chain(9e-7), Answers(), engine)
    now = suppose(dx.inference, [dx.answers])
    possible = possible_answers(dx.inference, dx.answers, now, ["f5"])
    check(possible)
    asked = suppose(dx.inference, [Answers({"f5": state}) for state in (0, 1)])
    assert np.exp(asked.log_evidence).sum() == pytest.approx(1.0, abs=1e-12)
    assert dx.inference.lowered.numbers.max() < 0.75 + 9e-7


def test_what_no_dial_turns_stays_to_the_bit() -> None:
    states = ("none", "mild", "severe")
    rows = np.array([[1e-13, 0.3, 0.7 - 1e-13], [0.2, 0.3, 0.5]])
    cause = Variable("c", "cause", states, "c", Table(("x",), rows))
    context = Variable("x", "context", ("no", "yes"), "x", Table((), np.array([0.5, 0.5])))
    parameters = tuple(
        Parameter("c", "table", (cell,), rows.flat[cell], 0.2, 0.4) for cell in (1, 4)
    )
    network = Network("n", "1", (context, cause), targets=("c",), parameters=parameters)
    shifts = Inference(network).shifts
    turned = shifts.one(1, 0.5)
    assert turned[shifts.numbers != turned].size == 2
    assert 1e-13 in turned


def test_full_tables_keep_the_digits_of_rare_levels() -> None:
    strength = np.array([0.0, 3e-17])
    table = NoisyOr(Leak((), np.array(1e-17)), (Link("c", (), strength),)).full_table({"c": 2})
    assert table[1, 1] == pytest.approx(4e-17, rel=1e-12, abs=0.0)
    rows = np.array([[1.0, 0.0, 0.0], [1.0 - 2e-13, 1e-13, 1e-13]])
    leak = Leak((), np.array([1.0, 2e-17, 1e-17]))
    levels = NoisyMax(leak, (Link("c", (), rows),)).full_table({"c": 2})
    assert levels[0] == pytest.approx([1.0, 2e-17, 1e-17], rel=1e-12, abs=0.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_sums_in_another_order_do_not_exceed_one(engine: Engine) -> None:
    """Six causes and eight findings of random numbers: too many to enumerate, enough to round."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        network = random_stars(rng)
        inference = Inference(network, engine=engine)
        names = network.names("finding")
        said = [
            Answers({name: int(rng.random() < 0.5) for name in names if rng.random() < 0.7})
            for _ in range(5)
        ]
        found = suppose(inference, said)
        check(found)
        for answers in said:
            beliefs = inference.beliefs(answers)
            if beliefs.log_evidence > -math.inf:
                dx = Diagnosis(network, answers, beliefs, inference)
                check(dx.posterior, beliefs, dx.to_dict())


def random_stars(rng: np.random.Generator, causes: int = 6, findings: int = 8) -> Network:
    """Causes of two to four states, and findings with a leak and up to four of them."""

    def draw(*shape: int) -> np.ndarray:
        return np.vectorize(number)(rng.integers(0, 1_000_003, shape))

    variables = []
    for i in range(causes):
        row = draw(int(rng.choice([2, 2, 3, 4]))) + 1e-300
        states = ("none", "mild", "severe", "grave")[: len(row)]
        variables.append(Variable(f"c{i}", "cause", states, f"c{i}", Table((), row / row.sum())))
    for j in range(findings):
        links = []
        for i in rng.choice(causes, size=int(rng.integers(1, 5)), replace=False):
            strength = draw(variables[i].card)
            strength[0] = 0.0
            links.append(Link(f"c{i}", (), strength))
        local = NoisyOr(Leak((), draw()), tuple(links))
        variables.append(Variable(f"f{j}", "finding", ("absent", "present"), f"f{j}", local))
    targets = tuple(f"c{i}" for i in range(causes))
    return Network("stars", "1", tuple(variables), targets=targets, complaint="f0")
