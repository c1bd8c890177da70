"""What if: other answers, interventions, and counterfactuals against response functions."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.libraries import pgmpy
from tests.understanding import binary, cases, diagnose, noisy_or, root, slow_posterior
from twitchnet.api import Model
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.benefits import change_of, relief
from twitchnet.diagnosis.explain.twin import Change, twin_network
from twitchnet.diagnosis.explain.whatif import changed
from twitchnet.model.care import Effect, Option, Rule
from twitchnet.model.local import Descriptor, Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable
from twitchnet.model.surgery import intervened


@settings(max_examples=30)
@given(cases(4))
def test_single_changes_equal_enumeration(case: tuple[Network, Answers]) -> None:
    network, answers = case
    dx = diagnose(network, answers)
    for one in dx.single_changes():
        variable = network.by_name[one.answer]
        state = variable.states.index(one.state) if one.state else -1
        if state < 0:
            new = changed(network, answers, {one.answer: -1})
        else:
            new = changed(network, answers, {one.answer: state})
        for cause, p in one.posterior.items():
            expected = slow_posterior(network, new, cause, 1)
            if not math.isnan(p) and (math.isnan(one.probability) or one.probability > 1e-6):
                assert p == pytest.approx(expected, abs=1e-7)


def test_what_if_sets_two_diagnoses_side_by_side() -> None:
    model = tn.load("demo")
    dx = model.diagnose(leg_twitching=True, caffeine_intake="high")
    found = dx.what_if({"caffeine_intake": "unknown"}, intense_exercise=True)
    after = model.diagnose(leg_twitching=True, intense_exercise=True)
    for row in found.rows:
        assert row.before == dx.posterior[row.cause]
        assert row.after == pytest.approx(after.posterior[row.cause])
    assert found.changes == {"intense_exercise": "present", "caffeine_intake": ""}
    assert found.bayes_factor == pytest.approx(math.exp(after.log_evidence - dx.log_evidence))
    words = " ".join(str(found).split())
    labels = {v.name: v.label for v in model.network.variables}
    for name, state in (("caffeine_intake", "unknown"), ("intense_exercise", "yes")):
        assert f"{labels[name]}: {state}" in words
        assert name not in words
    assert "Urgency: self care, as before." in words
    with pytest.raises(tn.RecordError, match="TN201"):
        dx.what_if(nonsense=True)


def test_an_absent_finding_takes_its_descriptor_with_it() -> None:
    dx = tn.load("demo").diagnose(leg_twitching=True, twitch_after_exercise=True)
    found = dx.what_if(leg_twitching=False)
    assert found.rows[0].after < found.rows[0].before
    with pytest.raises(tn.RecordError, match="TN205"):
        dx.what_if(leg_twitching=False, twitch_after_exercise=True)


def garden() -> Network:
    """Two contexts, two causes in a row, two findings."""
    return Network(
        "garden", "1",
        (
            binary("sun", "context", root(0.4)),
            binary("dry", "cause", noisy_or(0.1, sun=0.5)),
            binary("wilt", "cause", noisy_or(0.05, dry=0.6, sun=0.1)),
            binary("droop", "finding", noisy_or(0.02, wilt=0.7, dry=0.2)),
            binary("brown", "finding", noisy_or(0.03, wilt=0.5, sun=0.2)),
        ),
        complaint="droop",
    )  # fmt: skip


def test_intervening_cuts_the_arcs_above_and_keeps_those_below() -> None:
    model = Model(garden())
    done = model.intervene({"dry": True})
    seen = model.diagnose(dry=True)
    prior = model.diagnose()
    assert done.diagnose().posterior["wilt"] > prior.posterior["wilt"]
    sun = done.diagnose(sun=True).log_evidence
    assert math.exp(sun) == pytest.approx(0.4)  # seeing dry would have raised it
    assert math.exp(model.diagnose(sun=True, dry=True).log_evidence - seen.log_evidence) > 0.6


@pytest.mark.parametrize("setting", [{"dry": 1}, {"dry": 0}, {"wilt": 1}, {"sun": 0, "wilt": 0}])
def test_interventions_equal_the_truncated_product(setting: Mapping[str, int]) -> None:
    network = garden()
    done = intervened(network, setting)
    expected: dict[tuple[int, ...], float] = {}
    names = [v.name for v in network.nodes]
    for states in product((0, 1), repeat=len(names)):
        world = dict(zip(names, states, strict=True))
        mass = 1.0
        for variable in network.nodes:
            if variable.name in setting:
                mass *= float(world[variable.name] == setting[variable.name])
                continue
            assert variable.local is not None
            table = variable.local.full_table(network.cards)
            index = tuple(world[p] for p in network.parents(variable.name))
            mass *= float(table[(*index, world[variable.name])])
        expected[states] = mass
    for name in ("wilt", "dry"):
        place = names.index(name)
        p = sum(mass for states, mass in expected.items() if states[place] and states[3])
        total = sum(mass for states, mass in expected.items() if states[3])
        found = diagnose(done, Answers({"droop": 1})).posterior[name]
        assert found == pytest.approx(p / total)


def test_interventions_equal_those_of_pgmpy() -> None:
    library = pgmpy()
    model = Model(garden())
    graph = model.to_pgmpy()
    done = graph.do(["dry"])
    assert not done.get_parents("dry")
    for evidence in ({"sun": "present"}, {}):  # not downstream of the setting
        found = library.VariableElimination(done).query(
            ["wilt"], evidence={**evidence, "dry": "present"}, show_progress=False
        )
        p = float(found.get_value(wilt="present"))
        assert model.intervene({"dry": True}).diagnose(evidence).posterior["wilt"] == pytest.approx(
            p
        )


def test_what_is_set_cannot_be_observed_and_some_things_cannot_be_set() -> None:
    done = Model(garden()).intervene({"dry": True})
    for model in (done, pickle.loads(pickle.dumps(done)), done.intervene({"sun": False})):
        with pytest.raises(tn.RecordError, match=r"TN204 dry: set by an intervention"):
            model.diagnose(dry=True)
    with pytest.raises(tn.RecordError, match=r"TN201"):
        done.intervene({"dri": True})
    with pytest.raises(tn.ModelError, match=r"others describe"):
        tn.load("demo").intervene({"leg_twitching": True})


# ------------------------------------------------------------------ counterfactuals

Cut = list[float]


def cuts(tables: list[np.ndarray]) -> Cut:
    """The places where some row of cumulated probabilities cuts the unit interval."""
    found = {0.0, 1.0}
    for table in tables:
        found.update(float(x) for x in np.cumsum(table, axis=-1)[..., :-1].reshape(-1))
    return sorted(min(max(x, 0.0), 1.0) for x in found)


def place(row: np.ndarray, u: float) -> int:
    return min(int((np.cumsum(row) <= u).sum()), len(row) - 1)


def slow_relief(network: Network, answers: Answers, change: Change) -> float:
    """By response functions (Balke & Pearl 1994): every accident is a uniform number, and only
    the interval between two cuts that it falls into matters.  Both worlds are then worked
    out in plain loops."""
    accidents: list[tuple[str, str]] = []
    spans: list[list[tuple[float, float]]] = []  # (middle, width)
    for name in network.topological:
        local = network.by_name[name].local
        parts: list[tuple[str, np.ndarray]] = []
        if isinstance(local, Table):
            parts = [("", local.probabilities)]
        elif isinstance(local, NoisyOr | Descriptor):
            for part in (local.leak, *local.links):
                key = part.parent if isinstance(part, Link) else "leak"
                parts.append((key, np.stack([1 - part.strength, part.strength], axis=-1)))
        for key, table in parts:
            edges = cuts([table])
            accidents.append((name, key))
            spans.append([((a + b) / 2, b - a) for a, b in pairwise(edges) if b > a])
    coins = [("cause", c) for c in change.causes] + [("link", pair) for pair in change.links]
    coin_spans = []
    for sort, key in coins:
        factors = [f for f, _ in change.causes[key]] if sort == "cause" else [change.links[key]]
        edges = sorted({0.0, 1.0, *factors})
        coin_spans.append([((a + b) / 2, b - a) for a, b in pairwise(edges)])

    def world(
        u: Mapping[tuple[str, str], float],
        coin: Mapping[object, float],
        real: Mapping[str, int] | None,
    ) -> dict[str, int]:
        states: dict[str, int] = {}
        made: dict[tuple[str, str], int] = {}
        for name in network.topological:
            local = network.by_name[name].local
            if isinstance(local, Table):
                states[name] = place(
                    local.probabilities[tuple(states[p] for p in local.parents)], u[name, ""]
                )
            else:
                assert isinstance(local, NoisyOr | Descriptor)
                level = 0
                for part in (local.leak, *local.links):
                    key = part.parent if isinstance(part, Link) else "leak"
                    index = tuple(states[m] for m in part.modifiers)
                    if isinstance(local, Descriptor):
                        source = states[local.of] if key == local.of else made[local.of, key]
                        p = (
                            float(part.strength[(*index, source)])
                            if key != "leak"
                            else float(part.strength[index]) * source
                        )
                    else:
                        p = float(
                            part.strength[(*index, states[key])]
                            if key != "leak"
                            else part.strength[index]
                        )
                    acts = int(u[name, key] >= 1 - p) if p > 0 else 0
                    if real is not None and (key, name) in change.links:
                        acts = acts and int(coin["link", (key, name)] < change.links[key, name])
                    made[name, key] = acts
                    level = max(level, acts)
                states[name] = level
            if real is not None:
                if name in change.contexts:
                    states[name] = change.contexts[name]
                if name in change.causes and states[name]:
                    kept = [f for f, g in change.causes[name] if not g or real[g]]
                    states[name] = int(coin["cause", name] < min(kept, default=1.0))
        return states

    total = gone = 0.0
    for numbers in product(*spans):
        u = {key: middle for key, (middle, _) in zip(accidents, numbers, strict=True)}
        mass = math.prod(width for _, width in numbers)
        real = world(u, {}, None)
        if any(real[name] != state for name, state in answers.hard.items()):
            continue
        for name, row in answers.soft.items():
            mass *= row[real[name]]
        total += mass
        for flips in product(*coin_spans):
            coin = {key: middle for key, (middle, _) in zip(coins, flips, strict=True)}
            if world(u, coin, real)[network.complaint] == 0:
                gone += mass * math.prod(width for _, width in flips)
    return gone / total


def patch() -> Network:
    """A graded context, a cause that causes a cause, a modifier, and a described complaint."""
    sips = Variable(
        "sips", "context", ("low", "some", "high"), "sips", Table((), np.array([0.5, 0.3, 0.2]))
    )
    jitter = NoisyOr(
        Leak(("age",), np.array([0.05, 0.1])),
        (Link("sips", ("age",), np.array([[0.0, 0.2, 0.5], [0.0, 0.3, 0.6]])),),
    )
    twitch = Descriptor(
        Leak((), np.array(0.3)), (Link("jitter", (), np.array([0.0, 0.8])),), "shake"
    )
    return Network(
        "patch", "1",
        (
            binary("age", "context", root(0.3)),
            sips,
            binary("jitter", "cause", jitter),
            binary("tired", "cause", noisy_or(0.2, jitter=0.4)),
            binary("shake", "finding", noisy_or(0.04, jitter=0.5, tired=0.3)),
            binary("fine_shake", "finding", twitch),
        ),
        complaint="shake",
    )  # fmt: skip


CHANGES = {
    "cause": Change(causes={"jitter": ((0.25, ""),)}),
    "cause below": Change(causes={"tired": ((0.5, ""),)}),
    "given": Change(causes={"tired": ((0.2, "jitter"), (0.7, ""))}),
    "context": Change(contexts={"sips": 0}),
    "context to another state": Change(contexts={"sips": 1}),
    "modifier": Change(contexts={"age": 0}),
    "link": Change(links={("sips", "jitter"): 0.3}),
    "link to the complaint": Change(links={("tired", "shake"): 0.4}),
    "all": Change({"jitter": ((0.5, ""),)}, {"sips": 0}, {("tired", "shake"): 0.5}),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "record",
    [{"shake": 1, "fine_shake": 1}, {"shake": 1, "sips": 2, "age": 1}, {"shake": 1, "tired": 1}],
)  # fmt: skip
def test_relief_equals_response_functions(name: str, record: dict[str, int]) -> None:
    network, answers = patch(), Answers(record)
    dx = diagnose(network, answers)
    found = relief(dx.inference, answers, dx.log_evidence, CHANGES[name])
    assert found == pytest.approx(slow_relief(network, answers, CHANGES[name]), abs=1e-12)


@settings(max_examples=25)
@given(st.lists(st.floats(0.01, 0.99), min_size=6, max_size=6), st.floats(0, 1))
def test_relief_holds_for_any_numbers(p: list[float], factor: float) -> None:
    network = replace(
        patch(),
        variables=(
            binary("age", "context", root(p[0])),
            binary("jitter", "cause", noisy_or(p[1], age=p[2])),
            binary("shake", "finding", noisy_or(p[3], jitter=p[4], age=p[5])),
        ),
    )
    answers = Answers({"shake": 1})
    dx = diagnose(network, answers)
    for change in (
        Change(causes={"jitter": ((factor, ""),)}),
        Change(contexts={"age": 0}),
        Change(contexts={"age": 1}),
    ):
        found = relief(dx.inference, answers, dx.log_evidence, change)
        assert found == pytest.approx(slow_relief(network, answers, change), abs=1e-9)
        assert 0.0 <= found <= 1.0


def test_the_twin_has_the_same_evidence_and_nothing_to_say_when_out_of_reach() -> None:
    network = patch()
    twin = twin_network(network, CHANGES["all"], "shake")
    assert twin is not None
    answers = Answers({"shake": 1, "fine_shake": 1, "age": 0})
    assert diagnose(twin.network, answers).log_evidence == pytest.approx(
        diagnose(network, answers).log_evidence
    )
    assert twin_network(garden(), Change(contexts={"sun": 0}), "sun") is not None
    assert twin_network(garden(), Change(causes={"wilt": ((0.5, ""),)}), "sun") is None


def test_options_are_ranked_by_their_benefit_and_urgency_comes_first() -> None:
    effects = {
        "drink": Effect("context", "sips", state="low"),
        "rest": Effect("cause", "tired", 0.3, 0.1, 0.6, quality="high"),
        "never": Effect("cause", "tired", 0.3, 0.1, 0.6),
    }
    options = tuple(
        Option(name, name, (effect,), only_if="age" if name == "never" else "")
        for name, effect in effects.items()
    )
    rules = (
        Rule("R1", "fine_shake", "emergency", "Fine shaking."),
        Rule("R9", "", "self_care", "Nothing.", default=True),
    )
    network = replace(patch(), options=options, rules=rules)
    dx = diagnose(network, Answers({"shake": 1, "age": 0}))
    found = dx.benefits()
    by_name = {one.option: one for one in found.options}
    assert set(by_name) == {"drink", "rest"}
    assert [one.benefit for one in found.options] == sorted(
        (one.benefit for one in found.options), reverse=True
    )
    for name, one in by_name.items():
        change = change_of(network, (effects[name],))
        assert one.benefit == pytest.approx(slow_relief(network, dx.answers, change))
        assert one.low <= one.benefit <= one.high
    assert by_name["rest"].low < by_name["rest"].benefit < by_name["rest"].high
    assert by_name["rest"].qualities == ("high",)
    assert "rest" in str(found)
    urgent = diagnose(network, Answers({"shake": 1, "fine_shake": 1})).benefits()
    assert urgent.options == ()
    assert urgent.first == ("Fine shaking.",)
    assert "emergency" in urgent.reason
    assert diagnose(network, Answers({"age": 1})).benefits().reason


def test_what_the_answers_leave_nothing_to_change_has_no_benefit() -> None:
    effect = Effect("context", "sips", state="low")
    network = replace(patch(), options=(Option("drink", "drink", (effect,)),))
    assert diagnose(network, Answers({"shake": 1, "sips": 0})).benefits().options[0].benefit == 0.0


def test_a_range_that_ends_above_one_leaves_what_is_there() -> None:
    effect = Effect("cause", "tired", factor=0.9, low=0.7, high=1.04, quality="low")
    assert change_of(patch(), (effect,), "high").causes == {"tired": ((1.0, ""),)}
    network = replace(patch(), options=(Option("tablet", "tablet", (effect,)),))
    dx = diagnose(network, Answers({"shake": 1}))
    (one,) = dx.benefits().options
    assert one.low == pytest.approx(0.0, abs=1e-12)
    assert one.benefit == pytest.approx(
        slow_relief(network, dx.answers, change_of(network, (effect,)))
    )
    assert one.benefit < one.high
