"""Which combination, and does the record fit: against brute force and the definitions."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings

from tests.understanding import binary, cases, diagnose, joint_of, noisy_or, root
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.conflict import tail, wilson
from twitchnet.diagnosis.explain.joint import best_explanations, covers, dependences
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample


def brute_force(
    network: Network, answers: Answers
) -> list[tuple[tuple[tuple[str, str], ...], float]]:
    """Every assignment of the ranked causes with its probability, by enumeration."""
    total = joint_of(network, answers).evidence
    free = [name for name in network.ranked if name not in answers.hard]
    found = []
    for states in product(*(range(network.by_name[name].card) for name in free)):
        fixed = dict(zip(free, states, strict=True))
        weight = math.prod(answers.soft[n][s] for n, s in fixed.items() if n in answers.soft)
        mass = joint_of(network, answers.with_answers(fixed)).evidence * weight / total
        every = {**{n: answers.hard[n] for n in network.ranked if n in answers.hard}, **fixed}
        present = tuple(
            (name, network.by_name[name].states[every[name]])
            for name in network.ranked
            if every[name]
        )
        found.append((present, mass))
    return sorted(found, key=lambda one: -one[1])


@settings(max_examples=40)
@given(cases(5))
def test_the_best_explanations_equal_brute_force(case: tuple[Network, Answers]) -> None:
    network, answers = case
    expected = brute_force(network, answers)
    found, unseen = best_explanations(diagnose(network, answers).inference, answers, 3)
    assert unseen == 0.0
    wanted = [(present, p) for present, p in expected if p > 1e-9][:3]
    assert len(found) >= len(wanted)
    masses = dict(expected)
    for one, (_, p) in zip(found, wanted, strict=False):
        assert one.probability == pytest.approx(p, abs=1e-9)
        assert masses[one.present] == pytest.approx(one.probability, abs=1e-9)
    assert len({one.present for one in found}) == len(found)


def yard(count: int = 6) -> Network:
    """Many causes of two findings, one of them bringing another."""
    causes = [binary(f"c{i}", "cause", noisy_or(0.05 + 0.04 * i)) for i in range(count - 1)]
    causes.append(binary(f"c{count - 1}", "cause", noisy_or(0.02, c0=0.5)))
    return Network(
        "yard", "1",
        (
            *causes,
            binary("hum", "finding", noisy_or(0.01, **{f"c{i}": 0.5 for i in range(0, count, 2)})),
            binary("buzz", "finding", noisy_or(0.01, **{f"c{i}": 0.4 for i in range(1, count, 2)})),
        ),
        complaint="hum",
    )  # fmt: skip


def test_a_search_that_gives_up_bounds_what_it_has_not_seen() -> None:
    network, answers = yard(), Answers({"hum": 1, "buzz": 1})
    inference = diagnose(network, answers).inference
    whole, unseen = best_explanations(inference, answers, 5)
    assert unseen == 0.0
    for one, (present, p) in zip(whole, brute_force(network, answers), strict=False):
        assert (one.present, one.probability) == (present, pytest.approx(p))
    some, bound = best_explanations(inference, answers, 5, most=10)
    assert len(some) < 5
    seen = {one.present for one in some}
    rest = [p for present, p in brute_force(network, answers) if present not in seen]
    assert max(rest) <= bound <= 1.0


def test_covers_are_the_smallest_sets_that_reach_every_finding() -> None:
    network, answers = yard(), Answers({"hum": 1, "buzz": 1})
    dx = diagnose(network, answers)
    found = covers(dx.inference, answers, dx.columns)
    evens, odds = ("c0", "c2", "c4"), ("c1", "c3", "c5")
    assert {frozenset(one.causes) for one in found} == {
        frozenset(pair) for pair in product(evens, odds)
    }
    total = joint_of(network, answers).evidence
    for one in found:
        both = answers.with_answers(dict.fromkeys(one.causes, 1))
        assert one.probability == pytest.approx(joint_of(network, both).evidence / total)
        alone = answers.with_answers({f"c{i}": int(f"c{i}" in one.causes) for i in range(6)})
        assert one.only == pytest.approx(joint_of(network, alone).evidence / total)
    assert [one.probability for one in found] == sorted(
        (o.probability for o in found), reverse=True
    )
    single = covers(dx.inference, Answers({"hum": 1}), dx.columns)
    assert {one.causes for one in single} == {(name,) for name in evens}
    assert covers(dx.inference, Answers({"hum": 0}), dx.columns) == ()


def test_dependence_equals_its_definition() -> None:
    network, answers = yard(), Answers({"hum": 1})
    dx = diagnose(network, answers)
    total = joint_of(network, answers).evidence
    found = {
        frozenset((one.first, one.second)): one
        for one in dependences(dx.inference, answers, dx.columns)
    }
    for a, b in combinations([f"c{i}" for i in range(6)], 2):
        one = found[frozenset((a, b))]
        both = joint_of(network, answers.with_answers({a: 1, b: 1})).evidence / total
        p, q = dx.posterior[a], dx.posterior[b]
        assert one.both == pytest.approx(both)
        assert one.phi == pytest.approx((both - p * q) / math.sqrt(p * (1 - p) * q * (1 - q)))
    assert found[frozenset(("c0", "c2"))].phi < 0  # rivals for the hum
    assert found[frozenset(("c0", "c5"))].phi > 0  # one brings the other
    words = str(dx.combinations(3))
    for part in ("Most probable sets", "Smallest sets", "phi"):
        assert part in words


# ------------------------------------------------------------------ conflict


def pair_of_courses() -> Network:
    """Two illnesses that never look alike, and a rare one that looks like both."""
    return Network(
        "courses", "1",
        (
            binary("winter", "context", root(0.3)),
            binary("cold", "cause", noisy_or(0.05, winter=0.3)),
            binary("burn", "cause", noisy_or(0.05)),
            binary("rare", "cause", noisy_or(0.0002)),
            binary("cough", "finding", noisy_or(0.002, cold=0.8, rare=0.9)),
            binary("sneeze", "finding", noisy_or(0.002, cold=0.8)),
            binary("blister", "finding", noisy_or(0.001, burn=0.7, rare=0.9)),
        ),
        complaint="cough",
    )  # fmt: skip


def slow_log(network: Network, hard: dict[str, int]) -> float:
    return math.log(joint_of(network, Answers(hard)).evidence)


@pytest.mark.parametrize(
    "record",
    [
        {"cough": 1, "sneeze": 1},
        {"cough": 1, "blister": 1},
        {"cough": 1, "sneeze": 0, "blister": 1, "winter": 0},
    ],
)  # fmt: skip
def test_the_conflict_is_its_definition(record: dict[str, int]) -> None:
    network = pair_of_courses()
    found = diagnose(network, Answers(record)).conflict()
    given_part = {n: s for n, s in record.items() if n == "winter"}
    findings = {n: s for n, s in record.items() if n != "winter"}
    base = slow_log(network, given_part)
    alone = {n: slow_log(network, {**given_part, n: s}) - base for n, s in findings.items()}
    whole = slow_log(network, record) - base
    assert found.conflict == pytest.approx(sum(alone.values()) - whole)
    for one in found.parts:
        (name,) = one.answers
        rest = slow_log(network, {n: s for n, s in record.items() if n != name}) - base
        assert one.part == pytest.approx(alone[name] + rest - whole)
    for one in found.pairs:
        a, b = one.answers
        both = slow_log(network, {**given_part, a: findings[a], b: findings[b]}) - base
        assert one.part == pytest.approx(alone[a] + alone[b] - both)
        assert one.part > 0
    assert found.none_present == diagnose(network, Answers(record)).none_present


def test_findings_of_one_course_fit_and_of_two_conflict_unless_a_rare_cause_explains() -> None:
    network = pair_of_courses()
    fitting = diagnose(network, Answers({"cough": 1, "sneeze": 1})).conflict()
    assert fitting.conflict < 0
    assert fitting.fits
    strange = diagnose(network, Answers({"cough": 0, "sneeze": 1, "winter": 0})).conflict()
    assert strange.conflict > 0
    assert strange.parts[0].part > 0
    before, now = (
        diagnose(network, Answers(hard)).posterior
        for hard in ({"winter": 0}, {"cough": 0, "sneeze": 1, "winter": 0})
    )
    enough = {
        c for c in ("cold", "burn", "rare") if math.log(now[c] / before[c]) >= strange.conflict
    }
    assert set(strange.resolved_by) == enough == {"cold"}
    assert strange.fits
    for words in (str(strange), strange._repr_html_()):
        assert "conflict" in words


def test_the_tail_is_the_share_of_records_as_improbable() -> None:
    network = pair_of_courses()
    answers = Answers({"cough": 1, "sneeze": 0, "blister": 1})
    dx = diagnose(network, answers)
    found = tail(dx.inference, answers, dx.log_evidence, records=400, rng=7)
    again = tail(dx.inference, answers, dx.log_evidence, records=400, rng=7)
    assert found == again
    codes = sample(network, 400, np.random.default_rng(7), {"cough": "present"})
    places = [[v.name for v in network.nodes].index(name) for name in answers.hard]
    drawn = Counter(tuple(int(x) for x in row[places]) for row in codes)
    here = joint_of(network, answers).evidence
    count = 0
    for states, times in drawn.items():
        other = Answers(dict(zip(answers.hard, states, strict=True)))
        count += times * (joint_of(network, other).evidence <= here * (1 + 1e-9))
    assert found.probability == count / 400
    assert found.low <= found.probability <= found.high
    assert dx.conflict(records=50).tail is not None
    with pytest.raises(ValueError, match="at least one"):
        tail(dx.inference, answers, 0.0, records=0)


def test_a_usual_record_has_a_large_tail() -> None:
    network = pair_of_courses()
    dx = diagnose(network, Answers({"cough": 0, "sneeze": 0, "blister": 0}))
    assert tail(dx.inference, dx.answers, dx.log_evidence, records=200).probability == 1.0


def test_wilson_holds_the_share() -> None:
    low, high = wilson(30, 100)
    assert (round(low, 3), round(high, 3)) == (0.219, 0.396)
