"""Why: every weight of evidence is that of the record without the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

import twitchnet as tn
from tests.understanding import binary, cases, diagnose, noisy_or, root, slow_posterior
from twitchnet.cli.understanding import plain
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.explain import neighbours, weight
from twitchnet.diagnosis.hypotheses import columns, possible_answers, suppose
from twitchnet.diagnosis.inference import Engine, Inference
from twitchnet.engine.numpy import sweep as numpy_sweep
from twitchnet.model.network import Network


def decibans(with_it: float, without: float) -> float:
    """The definition, where it is finite."""
    return 10 * math.log10(with_it / (1 - with_it) / (without / (1 - without)))


@settings(max_examples=80)
@given(cases())
def test_weights_equal_leaving_out_by_enumeration(case: tuple[Network, Answers]) -> None:
    network, answers = case
    dx = diagnose(network, answers)
    for name, state in columns(network):
        found = dx.explain(name, network.by_name[name].states[state], decisive=False)
        assert found.posterior == pytest.approx(
            slow_posterior(network, answers, name, state), abs=1e-9
        )
        for one in found.weights:
            left = answers.without(one.answer, *one.together)
            expected = slow_posterior(network, left, name, state)
            assert one.without == pytest.approx(expected, abs=1e-9)
            if 1e-6 < expected < 1 - 1e-6 and 1e-6 < found.posterior < 1 - 1e-6:
                assert one.decibans == pytest.approx(decibans(found.posterior, expected), abs=1e-4)


@settings(max_examples=60)
@given(cases())
def test_possible_answers_equal_enumeration(case: tuple[Network, Answers]) -> None:
    network, answers = case
    inference = diagnose(network, answers).inference
    names = [v.name for v in network.nodes if v.name not in (*answers.hard, *answers.soft)]
    possible = possible_answers(inference, answers, suppose(inference, [answers]), names)
    for r, (name, state) in enumerate(possible.answer):
        chance = slow_posterior(network, answers, name, state)
        assert possible.probability[r] == pytest.approx(chance, abs=1e-9)
        if chance > 1e-6:
            more = answers.with_answers({name: state})
            expected = [slow_posterior(network, more, *place) for place in columns(network)]
            np.testing.assert_allclose(possible.posterior[r], expected, atol=1e-7)


def rivals() -> Network:
    """Two causes of one finding, each with a context of its own, and a descriptor."""
    from twitchnet.model.local import Descriptor, Leak, Link

    hops = Descriptor(Leak((), np.array(0.1)), (Link("flu", (), np.array([0.0, 0.8])),), "ache")
    return Network(
        "rivals", "1",
        (
            binary("cold", "context", root(0.3)),
            binary("sport", "context", root(0.2)),
            binary("flu", "cause", noisy_or(0.02, cold=0.3)),
            binary("strain", "cause", noisy_or(0.03, sport=0.6)),
            binary("ache", "finding", noisy_or(0.01, flu=0.7, strain=0.7)),
            binary("shivering_ache", "finding", hops),
        ),
        complaint="ache",
    )  # fmt: skip


def test_another_cause_that_takes_the_credit_is_named() -> None:
    dx = diagnose(rivals(), Answers({"sport": 1, "ache": 1}))
    found = {one.answer: one for one in dx.explain("flu").weights}
    assert found["sport"].decibans < -1
    assert found["sport"].through == "strain"
    assert found["ache"].decibans > 1
    assert found["ache"].through == ""
    assert found["ache"].rival == "strain"
    assert found["ache"].rival_credit > found["ache"].credit > 0


def test_explaining_away_vanishes_once_the_rival_is_known() -> None:
    for known in (0, 1):
        dx = diagnose(rivals(), Answers({"sport": 1, "ache": 1, "strain": known}))
        found = {one.answer: one for one in dx.explain("flu").weights}
        assert found["sport"].decibans == pytest.approx(0.0, abs=1e-9)


def test_leaving_out_a_finding_leaves_out_its_descriptor() -> None:
    dx = diagnose(rivals(), Answers({"ache": 1, "shivering_ache": 1}))
    found = {one.answer: one for one in dx.explain("flu").weights}
    assert found["ache"].together == ("shivering_ache",)
    prior = diagnose(rivals(), Answers()).posterior["flu"]
    assert found["ache"].without == pytest.approx(prior)


def test_open_questions_that_would_matter() -> None:
    dx = diagnose(rivals(), Answers({"ache": 1}))
    found = {(one.answer, one.state): one for one in dx.explain("flu").decisive}
    assert ("shivering_ache", "present") in found
    one = found["shivering_ache", "present"]
    more = Answers({"ache": 1, "shivering_ache": 1})
    assert one.posterior == pytest.approx(slow_posterior(rivals(), more, "flu", 1))
    assert one.probability == pytest.approx(
        slow_posterior(rivals(), Answers({"ache": 1}), "shivering_ache", 1)
    )
    assert {name for name, _ in found} <= set(neighbours(rivals(), "flu"))


def test_weights_of_certainties_are_infinite_and_of_nothing_zero() -> None:
    even = 0.5, 0.5
    assert weight((1.0, 0.0), even) == math.inf
    assert weight((0.0, 1.0), even) == -math.inf
    assert weight((0.3, 0.7), (0.3, 0.7)) == 0.0


def test_names_that_are_not_causes_are_refused() -> None:
    dx = diagnose(rivals(), Answers({"ache": 1}))
    with pytest.raises(tn.RecordError, match=r"TN201.*fly.*did you mean 'flu'"):
        dx.explain("fly")
    with pytest.raises(tn.RecordError, match=r"TN202.*mild"):
        dx.explain("flu", "mild")


def test_text_and_html_name_the_same_answers() -> None:
    found = diagnose(rivals(), Answers({"sport": 1, "ache": 1})).explain("flu")
    for words in (str(found), found._repr_html_()):
        for part in ("flu", "ache", "sport", "takes the credit: strain"):
            assert part in " ".join(words.split())
        assert "medical" not in words  # the network declares no disclaimer


def test_pages_speak_in_labels_and_json_in_names() -> None:
    model = tn.load("twitchy_legs")
    labels = {v.name: v.label for v in model.network.variables}
    dx = model.diagnose(leg_twitching=True, urge_to_move=True, worse_at_night=True, numbness=False)
    pages = (
        dx.explain(),
        dx.next_questions(),
        dx.combinations(2),
        dx.conflict(),
        dx.what_if(numbness=True),
    )
    for one in pages:
        words = " ".join(str(one).split())
        assert not [name for name in labels if "_" in name and name in words]
        assert "labels" not in plain(one)
    why = " ".join(str(pages[0]).split())
    assert f"{labels['numbness']}: no" in why
    assert f"{labels['urge_to_move']}: yes" not in why
    assert labels["urge_to_move"] in why
    assert {one["answer"] for one in plain(pages[0])["weights"]} >= {"urge_to_move", "numbness"}
    question = " ".join(str(pages[1]).split())
    assert f"{labels[dx.leader]}:" in question
    assert "% if yes (" in question


@settings(max_examples=40)
@given(cases(5))
def test_posteriors_without_accounts_are_the_same(case: tuple[Network, Answers]) -> None:
    network, answers = case
    engines: tuple[Engine, ...] = ("numpy", "compiled")
    for engine in engines:
        inference = Inference(network, engine=engine)
        full = inference.beliefs(answers)
        plain_ones = inference.beliefs(answers, explain=False)
        assert plain_ones.log_evidence == pytest.approx(full.log_evidence, abs=1e-10)
        assert not plain_ones.responsibility
        for name in network.ranked:
            expected = [
                slow_posterior(network, answers, name, s)
                for s in range(len(full.probability[name]))
            ]
            np.testing.assert_allclose(
                plain_ones.probability[name], expected, rtol=1e-8, atol=1e-10
            )
            np.testing.assert_allclose(full.probability[name], expected, rtol=1e-8, atol=1e-10)


def test_a_pass_for_the_evidence_alone_goes_up_only(monkeypatch: pytest.MonkeyPatch) -> None:
    dx = diagnose(rivals(), Answers({"sport": 1, "ache": 1}))
    monkeypatch.setattr(numpy_sweep._Run, "backward", lambda *_: pytest.fail("went down"))
    evidence = dx.inference.evidence(dx.answers)
    assert dx.inference.log_evidence(evidence) == pytest.approx(dx.log_evidence, abs=1e-12)


@pytest.fixture(scope="module")
def story() -> Diagnosis:
    """A record of the large model with its contexts answered, so that passes are quick."""
    model = tn.load("twitchy_legs")
    answers: dict[str, object] = {
        name: model.network.by_name[name].states[0] for name in model.contexts
    }
    answers |= {
        "age_band": "50-64",
        "sex": "female",
        "leg_twitching": True,
        "urge_to_move": True,
        "numbness": False,
    }
    return model.diagnose(answers)


def test_the_large_model_agrees_with_running_again(story: Diagnosis) -> None:
    found = {
        one.answer: one for one in story.explain("restless_legs_syndrome", decisive=False).weights
    }
    for name in ("urge_to_move", "numbness", "sex"):
        left = story.answers.without(name, *found[name].together)
        again = story.inference.beliefs(left).probability["restless_legs_syndrome"][1]
        assert found[name].without == pytest.approx(float(again), rel=1e-9)
    assert found["urge_to_move"].decibans > 5


def test_what_is_too_wide_for_the_kernels_is_tried_by_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from twitchnet.engine.host import batch

    inference = Inference(tn.load("demo").network)
    records = [Answers({"leg_twitching": 1}), Answers({"leg_twitching": 0}), Answers({})]
    expected = suppose(inference, records)
    run_batch = batch.run_batch

    def refuse_the_second(*args: object, **options: object) -> batch.BatchOutput:
        out = run_batch(*args, **options)  # type: ignore[arg-type]
        out.status[1] = batch.STATUS.index("too wide")
        out.probability[1], out.log_evidence[1] = np.nan, np.nan
        return out

    monkeypatch.setattr(batch, "run_batch", refuse_the_second)
    monkeypatch.setattr("twitchnet.diagnosis.hypotheses.runs_compiled", lambda *_: True)
    found = suppose(inference, records)
    np.testing.assert_allclose(found.posterior, expected.posterior, rtol=1e-9)
    np.testing.assert_allclose(found.log_evidence, expected.log_evidence, rtol=1e-9)


def test_hypothetical_records_have_the_workspace_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from twitchnet.engine.host import batch

    inference = Inference(tn.load("demo").network, workspace=2.0**21)
    run_batch, told = batch.run_batch, []

    def watched(*args: object, **options: object) -> batch.BatchOutput:
        told.append(options["workspace"])
        return run_batch(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "run_batch", watched)
    monkeypatch.setattr("twitchnet.diagnosis.hypotheses.runs_compiled", lambda *_: True)
    suppose(inference, [Answers({"leg_twitching": 1})])
    assert told == [2.0**21]
