"""Models as code: what a change of numbers touches, and scores against the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import twitchnet as tn
from tests.understanding import binary, diagnose, noisy_or, root
from twitchnet.api import Model
from twitchnet.diagnosis.assess.diff import diff
from twitchnet.diagnosis.assess.evaluate import Evaluation, evaluate, labelled_records
from twitchnet.diagnosis.assess.scores import calibration
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample


def network(leak: float = 0.05, link: float = 0.7, version: str = "1") -> Network:
    return Network(
        "m", version,
        (
            binary("sport", "context", root(0.2)),
            binary("flu", "cause", noisy_or(leak)),
            binary("strain", "cause", noisy_or(0.06, sport=0.6)),
            binary("ache", "finding", noisy_or(0.01, flu=link, strain=0.7)),
        ),
        complaint="ache",
    )  # fmt: skip


def inference(made: Network) -> Inference:
    return Inference(made, engine="numpy")


RECORDS = [{"ache": True}, {"ache": True, "sport": "no"}, {"ache": False}, {"ache": "sore"}]


def test_a_model_equals_itself() -> None:
    found = diff(inference(network()), inference(network()), RECORDS)
    assert found.same
    assert found.numbers == found.marginals == found.records == ()
    assert "Nothing that is computed differs" in str(found)


def test_a_diff_names_numbers_marginals_and_records() -> None:
    old, new = network(), network(leak=0.30, link=0.8, version="2")
    found = diff(inference(old), inference(new), RECORDS)
    assert [(one.node, one.part, one.at, one.before, one.after) for one in found.numbers] == [
        ("flu", "leak", "", 0.05, 0.30),
        ("ache", "link:flu", "flu=present", 0.7, 0.8),
    ]
    assert [(one.cause, one.before, one.after) for one in found.marginals] == [
        ("flu", pytest.approx(0.05), pytest.approx(0.30))
    ]
    assert [one.record for one in found.leaders] == [
        i
        for i, record in enumerate(RECORDS[:3], 1)
        if Model(old).diagnose(record).leader != Model(new).diagnose(record).leader
    ]
    first = next(one for one in found.records if one.record == 1)
    before, after = (diagnose(n, Answers({"ache": 1})).posterior for n in (old, new))
    assert first.largest == pytest.approx(after[first.cause] - before[first.cause])
    assert abs(first.largest) == pytest.approx(max(abs(after[c] - before[c]) for c in before))
    assert found.compared == 4
    assert "flu leak" in str(found)


def test_added_and_removed_variables_are_named() -> None:
    old = network()
    new = replace(
        old, variables=(*old.variables, binary("fever", "finding", noisy_or(0.1, flu=0.5)))
    )
    found = diff(inference(old), inference(new), [{"ache": True}, {"fever": True}])
    assert found.added == ("fever",)
    assert found.removed == ()
    assert {(one.part, one.before) for one in found.numbers} == {("leak", None), ("link:flu", None)}
    assert [one.record for one in found.records] == [2]
    assert "TN201" in found.records[0].error
    back = diff(inference(new), inference(old))
    assert (back.added, back.removed) == ((), ("fever",))


def labelled() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    records: list[dict[str, object]] = [
        {"ache": True}, {"ache": False}, {"ache": True, "sport": True}, {"ache": True, "sport": "?"}
    ]  # fmt: skip
    truth: list[dict[str, object]] = [
        {"flu": True, "strain": False},
        {"flu": False, "strain": ""},
        {"flu": 0, "strain": 1},
        {"flu": 1},
    ]
    return records, truth


def assessed(
    made: Inference,
    records: list[dict[str, object]],
    truth: list[dict[str, object]],
    top: tuple[int, ...] = (1,),
) -> Evaluation:
    labelled = labelled_records(made.network, records, truth)
    return evaluate(made, labelled, top=top, draws=0)


def test_scores_are_their_definitions() -> None:
    records, truth = labelled()
    found = assessed(inference(network()), records, truth, top=(1, 2))
    pairs = []
    for answers, true in (
        ({"ache": 1}, {"flu": 1, "strain": 0}),
        ({"ache": 0}, {"flu": 0}),
        ({"ache": 1, "sport": 1}, {"flu": 0, "strain": 1}),
    ):
        posterior = diagnose(network(), Answers(answers)).posterior
        pairs += [(name, posterior[name], y) for name, y in true.items()]
    assert (found.records, found.refused) == (4, 1)
    assert found.total.count == len(pairs)
    assert found.total.brier == pytest.approx(np.mean([(p - y) ** 2 for _, p, y in pairs]))
    logs = [-math.log(p if y else 1 - p) for _, p, y in pairs]
    assert found.total.log_score == pytest.approx(np.mean(logs))
    flu = next(one for one in found.causes if one.cause == "flu")
    assert (flu.count, flu.true) == (3, 1)
    assert flu.brier == pytest.approx(np.mean([(p - y) ** 2 for c, p, y in pairs if c == "flu"]))
    assert flu.base == pytest.approx(1 / 3 * 2 / 3)
    leads = [
        diagnose(network(), Answers(answers)).leader == true
        for answers, true in (({"ache": 1}, "flu"), ({"ache": 1, "sport": 1}, "strain"))
    ]
    assert dict(found.top) == {1: pytest.approx(np.mean(leads)), 2: 1.0}
    assert "Calibration" in str(found)


def test_bins_hold_every_prediction_once() -> None:
    p, y = np.array([0.0, 0.05, 0.1, 0.55, 1.0, 0.3]), np.array([0, 1, 0, 1, 1, math.nan])
    found = calibration(p, y)
    assert sum(one.count for one in found) == 5
    assert [(one.count, one.observed) for one in (found[0], found[1], found[5], found[9])] == [
        (2, 0.5), (1, 0.0), (1, 1.0), (1, 1.0)
    ]  # fmt: skip
    assert found[0].predicted == pytest.approx(0.025)


def test_the_true_model_is_calibrated_and_beats_a_wrong_one() -> None:
    made = network()
    codes = sample(made, 4000, np.random.default_rng(2))
    names = [v.name for v in made.nodes]
    records = [{n: bool(row[names.index(n)]) for n in ("sport", "ache")} for row in codes]
    truth = [{n: bool(row[names.index(n)]) for n in ("flu", "strain")} for row in codes]
    found = assessed(inference(made), records, truth)
    for one in found.bins:
        if one.count > 200:
            spread = 4 * math.sqrt(one.predicted * (1 - one.predicted) / one.count)
            assert abs(one.observed - one.predicted) < spread
    wrong = assessed(inference(network(leak=0.4)), records, truth)
    assert found.total.log_score < wrong.total.log_score
    assert found.total.brier < min(wrong.total.brier, found.total.base)


def test_wrong_labels_are_refused() -> None:
    made = inference(network())
    with pytest.raises(tn.RecordError, match="TN201 ache"):
        assessed(made, [{}], [{"ache": True}])
    with pytest.raises(tn.RecordError, match="TN202 flu"):
        assessed(made, [{}], [{"flu": "maybe"}])
    with pytest.raises(ValueError, match="2 records"):
        assessed(made, [{}, {}], [{"flu": True}])
    with pytest.raises(ValueError, match="no record"):
        assessed(made, [{}], [{}])
