"""What next: information against enumeration, the order of questions, and when to stop."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

import twitchnet as tn
from tests.understanding import binary, cases, diagnose, joint_of, noisy_or, root, slow_posterior
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.interview.adviser import Adviser
from twitchnet.diagnosis.interview.interview import Interview
from twitchnet.model.care import Rule
from twitchnet.model.network import Network, Variable


def bits(shares: list[float]) -> float:
    return sum(-p * math.log2(p) for p in shares if p > 0)


def slow_information(network: Network, answers: Answers, question: str, cause: str) -> float:
    """The mutual information from the joint distribution of the two, by its definition."""
    card, own = network.by_name[question].card, network.by_name[cause].card
    mass = joint_of(network, answers).evidence
    table = [
        [
            joint_of(network, answers.with_answers({question: a, cause: c})).evidence / mass
            for c in range(own)
        ]
        for a in range(card)
    ]
    total = 0.0
    for row in table:
        for c, p in enumerate(row):
            if p > 0:
                total += p * math.log2(p / (sum(row) * sum(other[c] for other in table)))
    return total


@settings(max_examples=40)
@given(cases(4))
def test_information_equals_its_definition_by_enumeration(case: tuple[Network, Answers]) -> None:
    network, answers = case
    # a likelihood on a cause would be replaced by the slow computation's hard answer
    answers = Answers(
        answers.hard, {n: r for n, r in answers.soft.items() if n not in network.ranked}
    )
    dx = diagnose(network, answers)
    for one in dx.next_questions(k=None, about="causes").questions:
        expected = sum(
            slow_information(network, answers, one.name, cause)
            for cause in network.ranked
            if cause not in (*answers.hard, one.name)
        )
        assert one.bits == pytest.approx(expected, abs=1e-7)
        for effect in one.effects:
            state = network.by_name[one.name].states.index(effect.state)
            chance = slow_posterior(network, answers, one.name, state)
            assert effect.probability == pytest.approx(chance, abs=1e-9)


def network(**changes: object) -> Network:
    variables = (
        binary("sport", "context", root(0.2), ask_cost=1.0),
        binary("flu", "cause", noisy_or(0.05)),
        binary("strain", "cause", noisy_or(0.06, sport=0.6)),
        binary("ache", "finding", noisy_or(0.01, flu=0.7, strain=0.7)),
        binary("fever", "finding", noisy_or(0.01, flu=0.8), ask_cost=4.0, urgency="soon"),
        binary("faint", "finding", noisy_or(0.001, flu=0.01), always_ask=True),
    )
    rules = (
        Rule("R1", "faint", "emergency", "Fainting."),
        Rule("R2", "fever", "soon", "Fever."),
        Rule("R9", "", "self_care", "Nothing.", default=True),
    )
    return replace(Network("q", "1", variables, complaint="ache", rules=rules), **changes)


def test_safety_comes_first_then_value_per_cost() -> None:
    found = diagnose(network(), Answers({"ache": 1})).next_questions(k=None)
    names = [one.name for one in found.questions]
    assert names[0] == "faint"
    assert found.questions[0].safety
    assert not found.stop
    assert "red flag" in found.reason
    rest = found.questions[1:]
    assert [one.value for one in rest] == sorted((one.value for one in rest), reverse=True)
    assert {one.name: one.cost for one in rest} == {"fever": 4.0, "sport": 1.0}
    for one in rest:
        assert one.value == pytest.approx(one.bits / one.cost)


def test_information_about_the_urgency_is_the_entropy_of_what_the_rules_would_say() -> None:
    dx = diagnose(network(), Answers({"ache": 1, "faint": 0}))
    found = {one.name: one for one in dx.next_questions(k=None, about="urgency").questions}
    p = slow_posterior(dx.network, dx.answers, "fever", 1)
    assert found["fever"].bits == pytest.approx(bits([p, 1 - p]), abs=1e-9)
    assert found["sport"].bits == 0.0
    assert [effect.urgency for effect in found["fever"].effects] == ["self_care", "soon"]


def test_one_cause_alone_may_be_asked_about() -> None:
    dx = diagnose(network(), Answers({"ache": 1, "faint": 0}))
    for one in dx.next_questions(k=None, about="flu").questions:
        assert one.bits == pytest.approx(
            slow_information(dx.network, dx.answers, one.name, "flu"), abs=1e-9
        )
    with pytest.raises(tn.RecordError, match=r"TN201.*did you mean 'flu'"):
        dx.next_questions(about="flo")


def test_asking_stops_with_a_reason() -> None:
    everything = Answers({"ache": 1, "faint": 0, "fever": 0, "sport": 1})
    done = diagnose(network(), everything).next_questions()
    assert (done.stop, done.reason) == (True, "every question is answered")
    dx = diagnose(network(), Answers({"ache": 1, "faint": 0, "fever": 0}))
    assert dx.leader == "strain"
    settled = dx.next_questions()
    for state in (0, 1):  # whatever the answer, the leader stays
        assert diagnose(network(), dx.answers.with_answers({"sport": state})).leader == "strain"
    assert settled.stop
    assert "can change the leader" in settled.reason
    open_still = diagnose(network(), Answers({"ache": 1, "faint": 0})).next_questions()
    assert not open_still.stop


def test_a_screen_has_no_bits_but_its_rule_can_keep_the_asking_open() -> None:
    screen = Variable("worse_daily", "screen", ("absent", "present"), "Worse?", ask_if="ache")
    plain = network()
    asked = replace(
        plain,
        variables=(*plain.variables, screen),
        rules=(*plain.rules, Rule("R3", "ache & worse_daily", "soon", "Getting worse.")),
    )
    found = diagnose(
        asked, Answers({"ache": 1, "faint": 0, "sport": 1, "fever": 0})
    ).next_questions()
    assert found.questions[0].name == "worse_daily"
    assert math.isnan(found.questions[0].bits)
    assert not found.stop


def test_the_interview_asks_the_most_telling_question() -> None:
    plain = network()
    inference = diagnose(plain, Answers()).inference
    talk = Interview(plain, {"ache": "present", "faint": "absent"}, order=Adviser(inference))
    expected = diagnose(plain, Answers({"ache": 1, "faint": 0})).next_questions(k=1).questions[0]
    assert talk.question is not None
    assert talk.question.name == expected.name
    assert Interview(plain, {"ache": "present"}, order=Adviser(inference)).open[0] == "faint"


def test_an_impossible_interview_falls_back_to_the_file() -> None:
    sure = replace(
        network(), variables=(binary("sport", "context", root(0.0)), *network().variables[1:])
    )
    order = Adviser(diagnose(sure, Answers()).inference)
    assert order(sure, {"sport": "present"}, ("fever", "faint")) == "fever"


def test_text_and_html_show_the_questions() -> None:
    found = diagnose(network(), Answers({"ache": 1, "faint": 0})).next_questions()
    for words in (str(found), found._repr_html_()):
        assert "fever" in words
        assert "Enough?" in words
