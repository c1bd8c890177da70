"""Scores of many records: the numbers of single diagnoses, one status per record."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.narrow import budget_between
from tests.test_oracles_libraries import rare_network
from twitchnet.batch.encoding.encode import encode_frame
from twitchnet.batch.scoring import posteriors as batch_posteriors
from twitchnet.batch.scoring.posteriors import evaluate, posteriors
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.scoring.urgency import by_rules, joined, with_watches
from twitchnet.diagnosis.care.triage import triage
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import runs_compiled, target_states
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.kernels import compiler
from twitchnet.model.sampling import hide, sample

DEMO = tn.load("demo")
LEGS = tn.load("twitchy_legs")


@pytest.fixture(params=[False, True], ids=["numpy", "kernels"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways of computing a batch, whatever is loaded already."""
    monkeypatch.setattr(compiler, "is_compiled", lambda: request.param)
    monkeypatch.setattr(compiler, "is_cached", lambda: False)
    return bool(request.param)


def some_records(model: tn.Model, count: int, seed: int = 3) -> list[dict[str, str]]:
    network, rng = model.network, np.random.default_rng(seed)
    codes = hide(sample(network, count, rng), network, rng=rng)
    return [
        {
            variable.name: variable.states[state]
            for variable, state in zip(network.nodes, row, strict=True)
            if state >= 0
        }
        for row in codes.tolist()
    ]


def test_scores_are_those_of_single_diagnoses(compiled: bool) -> None:
    records = [*some_records(DEMO, 12), {}, {"muscle_fatigue": "present", "leg_twitching": "no"}]
    frame = pl.DataFrame(records, infer_schema_length=None)
    scored = DEMO.score(frame)
    assert len(scored) == len(records)
    for row, record in zip(scored.iter_rows(named=True), records, strict=True):
        dx = DEMO.diagnose(record)
        assert row["status"] == "ok"
        assert row["log_evidence"] == pytest.approx(dx.log_evidence, rel=1e-12, abs=1e-12)
        for one in dx.ranking:
            assert row[one.cause] == pytest.approx(one.posterior, rel=1e-9)
        assert row["none_present"] == pytest.approx(dx.none_present, rel=1e-9)
        assert row["unexplained"] == pytest.approx(dx.unexplained, rel=1e-9)
        assert row["urgency"] == dx.triage.urgency
        assert row["decided_by"] == "; ".join(fired.name for fired in dx.triage.deciding)
        parts = sum(DEMO.diagnose({name: state}).log_evidence for name, state in record.items())
        assert row["conflict"] == pytest.approx(parts - dx.log_evidence, abs=1e-9)


def test_conflict_is_that_of_a_single_record_where_both_ask_the_same(compiled: bool) -> None:
    """Without contexts; with them the single record asks among people of the same contexts."""
    findings = [name for name in LEGS.findings if name not in LEGS.network.descriptors]
    record = {"leg_twitching": "yes", findings[1]: "yes", findings[2]: "no", findings[3]: "yes"}
    scored = LEGS.score({name: [said] for name, said in record.items()})
    assert scored["conflict"][0] == pytest.approx(LEGS.diagnose(record).conflict().conflict)
    record |= {"age_band": "65+", "sex": "male"}
    scored = LEGS.score({name: [said] for name, said in record.items()})
    other = LEGS.diagnose(record).conflict().conflict
    assert abs(scored["conflict"][0] - other) > 1e-3


def test_posteriors_take_codes_or_a_frame(compiled: bool) -> None:
    records = some_records(DEMO, 5)
    frame = pd.DataFrame(records)
    found = DEMO.posteriors(DEMO.encode(frame))
    assert found.columns == DEMO.target_states
    assert len(found) == 5
    assert np.array_equal(found.probability, DEMO.posteriors(frame).probability)
    assert (found.cells > 0).all()
    for row, record in enumerate(records):
        dx = DEMO.diagnose(record)
        assert found.probability[row] == pytest.approx(list(dx.posterior.values()), rel=1e-9)


def test_likelihoods(compiled: bool) -> None:
    weights = np.array([[0.2, 0.7], [np.nan, np.nan], [0.0, 1.0]])
    frame = {"caffeine_intake": ["high", "high", None]}
    found = DEMO.posteriors(frame, likelihood={"leg_twitching": weights})
    soft = {"leg_twitching": tn.Likelihood({"absent": 0.2, "present": 0.7})}
    for row, record in enumerate(
        [{"caffeine_intake": "high"} | soft, {"caffeine_intake": "high"}, {"leg_twitching": True}]
    ):
        dx = DEMO.diagnose(record)
        assert found.log_evidence[row] == pytest.approx(dx.log_evidence, rel=1e-12)
        assert found.probability[row] == pytest.approx(list(dx.posterior.values()), rel=1e-9)


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        ({"leg": [[1, 1]]}, "TN201"),
        ({"leg_twitching": [[1, 1, 1]]}, r"TN206 leg_twitching: weights have the shape \(1, 2\)"),
        ({"leg_twitching": [[-1, 1]]}, "TN206 leg_twitching: row 0"),
        ({"leg_twitching": [[0, 0]]}, "TN206 leg_twitching: row 0"),
        ({"leg_twitching": [[1, math.nan]]}, "TN206 leg_twitching: row 0"),
        ({"caffeine_intake": [[1, 1, 1]]}, "TN204 caffeine_intake: row 0"),
    ],
)
def test_likelihoods_that_cannot_be_used(likelihood: dict[str, Any], message: str) -> None:
    arrays = {name: np.array(weights) for name, weights in likelihood.items()}
    with pytest.raises(tn.RecordError, match=message):
        DEMO.posteriors({"caffeine_intake": ["high"]}, likelihood=arrays)


def test_a_small_batch_never_asks_for_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(entry: str = "run_records") -> None:
        raise AssertionError("asked for the compiler")

    monkeypatch.setattr(compiler, "is_compiled", lambda: False)
    monkeypatch.setattr(compiler, "compiled", refuse)
    assert len(DEMO.posteriors({"leg_twitching": ["yes"] * 3})) == 3
    monkeypatch.setattr(batch_posteriors, "SMALL", 2)
    with pytest.raises(AssertionError, match="asked for the compiler"):
        DEMO.posteriors({"leg_twitching": ["yes"] * 3})


def test_heavy_records_take_kernels_that_are_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = DEMO.encode({"leg_twitching": ["yes"]})
    rows = make_rows(DEMO._inference, codes, {})
    monkeypatch.setattr(compiler, "is_cached", lambda: True)
    monkeypatch.setattr(batch_posteriors, "HEAVY", 0)
    assert batch_posteriors._one_by_one(DEMO._inference, rows, (), None) is None


@pytest.mark.usefixtures("own_plans")
def test_too_wide_is_a_status(compiled: bool) -> None:
    frame = {name: ["no", "yes"] for name in DEMO.findings}
    model = tn.Model(DEMO.network, budget=budget_between(DEMO, frame))
    scored = model.score(frame)
    assert scored["status"].tolist() == ["ok", "too wide"]
    assert math.isnan(scored["log_evidence"][1])
    assert math.isnan(scored[model.causes[0]][1])
    assert scored["urgency"][1] is not None
    with pytest.raises(tn.CapacityError):
        model.score(frame, on_error="raise")


def numpy_is_too_wide() -> tuple[tn.Model, dict[str, int]]:
    """A model and a record that the kernels can answer within the budget, and numpy cannot."""
    network = rare_network(1, causes=16, findings=14, leak=(1e-3, 0.1), parents=10)
    record = {f"f{j}": 1 for j in range(14)}
    by_numpy = tn.Model(network).plan(record).cells
    (by_kernels,) = tn.Model(network).posteriors(pd.DataFrame([record] * 33)).cells[:1]
    assert by_kernels < by_numpy / 3
    return tn.Model(network, budget=by_numpy / 2), record


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_small_batch_leaves_what_is_too_wide_to_kernels_on_disk(
    monkeypatch: pytest.MonkeyPatch, on_disk: bool
) -> None:
    model, record = numpy_is_too_wide()
    frame = pd.DataFrame([record, record | dict.fromkeys(list(record)[2:], 0)])
    large = model.score(pd.concat([frame] * 17))
    monkeypatch.setattr(compiler, "is_compiled", lambda: False)
    monkeypatch.setattr(compiler, "is_cached", lambda: on_disk)
    done: list[int] = []
    small = model.posteriors(frame, progress=done.append)
    assert done[-1] == 2
    if on_disk:
        assert small.status.tolist() == ["ok", "ok"]
        np.testing.assert_allclose(
            small.log_evidence, large["log_evidence"][:2], rtol=1e-12, atol=1e-9
        )
    else:
        assert small.status.tolist() == ["too wide", "ok"]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_diagnosis_too_wide_for_numpy_takes_kernels_that_are_on_disk(
    monkeypatch: pytest.MonkeyPatch, on_disk: bool
) -> None:
    model, record = numpy_is_too_wide()
    monkeypatch.setattr(compiler, "is_compiled", lambda: False)
    monkeypatch.setattr(compiler, "is_cached", lambda: on_disk)
    if not on_disk:
        with pytest.raises(tn.CapacityError):
            model.diagnose(record)
        return
    exact = tn.Model(model.network).diagnose(record)
    assert model.diagnose(record).posterior == pytest.approx(dict(exact.posterior), rel=1e-9)
    inference = model._inference
    assert runs_compiled(inference, Answers(record), 2)
    found = inference.log_evidence(inference.evidence(Answers(record)))
    assert found == pytest.approx(exact.log_evidence, abs=1e-9)


def test_impossible_and_unreadable_records_have_a_status(compiled: bool) -> None:
    descriptor, of = next(iter(LEGS.network.descriptors.items()))
    frame = pd.DataFrame(
        {"id": [1, 2, 3], descriptor: ["yes", "perhaps", "no"], of: ["no", "yes", "no"]},
        index=["x", "y", "z"],
    )
    scored = LEGS.score(frame, top=2)
    assert scored.index.tolist() == ["x", "y", "z"]
    assert scored["id"].tolist() == [1, 2, 3]
    assert scored["status"].tolist() == ["impossible", "bad value", "ok"]
    assert pd.isna(scored["urgency"].iloc[1])  # not "no hurry": one answer was not understood
    assert scored["decided_by"].iloc[1] == "an answer could not be read"
    assert scored["log_evidence"].iloc[0] == -math.inf
    assert (
        scored[["posterior_1", "unexplained", "none_present", "conflict"]].isna().sum().eq(2).all()
    )
    assert scored["cause_1"].isna().tolist() == [True, True, False]
    with pytest.raises(tn.RecordError, match="row 1: no state 'perhaps'"):
        LEGS.score(frame, on_error="raise")
    with pytest.raises(tn.RecordError, match="TN205 row 0"):
        LEGS.score(frame.drop(index="y"), on_error="raise")
    assert set(scored["status"]) <= {"ok", "bad value", "impossible", "too wide"}


def test_top_names_the_most_probable_causes_that_are_not_given(compiled: bool) -> None:
    record = {"leg_twitching": "yes", "muscle_fatigue": "yes"}
    scored = DEMO.score({name: [state] for name, state in record.items()}, top=99)
    rows = [row for row in DEMO.diagnose(record).ranking if not row.given]
    for rank, row in enumerate(rows, start=1):
        assert scored[f"cause_{rank}"][0] == row.cause
        assert scored[f"posterior_{rank}"][0] == pytest.approx(row.posterior, rel=1e-9)
    last = len(DEMO.causes)
    assert scored[f"cause_{last}"][0] is None
    assert math.isnan(scored[f"posterior_{last}"][0])
    with pytest.raises(ValueError, match="at least 1"):
        DEMO.score({"leg_twitching": ["yes"]}, top=0)


FRAME = {"id": ["a", "b", "c"], "leg_twitching": ["yes", "?", None]}
KINDS = {
    "pandas": (pd.DataFrame, lambda x: x.to_dict("list")),
    "polars": (pl.DataFrame, lambda x: x.to_dict(as_series=False)),
    "lazy": (
        lambda data: pl.DataFrame(data).lazy(),
        lambda x: x.collect().to_dict(as_series=False),
    ),
    "arrow": (pa.table, lambda x: x.to_pydict()),
    "batch": (lambda data: pa.RecordBatch.from_pydict(data), lambda x: x.to_pydict()),
    "plain": (dict, dict),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_kind_comes_back(kind: str) -> None:
    make, read = KINDS[kind]
    frame = make(FRAME)
    scored = DEMO.score(frame)
    assert type(scored) is type(frame)
    columns = read(scored)
    assert list(columns) == ["id", *Scorer(DEMO._inference).schema, "problem"]
    assert list(columns["id"]) == ["a", "b", "c"]
    assert list(columns["status"]) == ["ok", "bad value", "ok"]
    missing = columns[DEMO.causes[0]][1]
    assert math.isnan(missing) if kind in ("pandas", "plain") else missing is None
    empty = DEMO.score(make({name: [] for name in FRAME}))
    assert list(read(empty)) == list(columns)
    assert len(read(empty)["id"]) == 0


def test_columns_that_stay(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"status": [1], "leg_twitching": ["yes"]})
    with pytest.raises(ValueError, match="same name as a result: status"):
        DEMO.score(frame)
    scored = DEMO.score(frame, prefix="p_", details=False)
    assert list(scored) == [
        "status", *(f"p_{cause}" for cause in DEMO.causes), "p_status", "p_log_evidence",
    ]  # fmt: skip
    assert "leg_twitching" in DEMO.score(frame, prefix="p_", keep="all")
    assert "status" not in DEMO.score(pl.DataFrame(frame.to_dict("list")), prefix="p_", keep="none")
    assert "p" in DEMO.score({"p": ["yes"]}, names={"p": "leg_twitching"}, keep="all")
    for wrong in ({"keep": "some"}, {"on_error": "drop"}):
        with pytest.raises(ValueError, match=r"not '(some|drop)'"):
            DEMO.score(frame, **wrong)


def test_columns_of_two_names_and_of_many_states() -> None:
    network = LEGS.network
    assert Scorer(LEGS._inference).target_columns == LEGS.causes
    states = tn.Network(**{**vars_of(DEMO.network), "targets": ("caffeine_intake",)})
    names = list(tn.Model(states).score({"leg_twitching": ["yes"]}, details=False))
    assert names == ["caffeine_intake=moderate", "caffeine_intake=high", "status", "log_evidence"]
    assert target_states(network) == LEGS.target_states


def vars_of(network: tn.Network) -> dict[str, Any]:
    return {name: getattr(network, name) for name in network.__dataclass_fields__}


def test_progress_and_threads_do_not_change_a_bit() -> None:
    records = pd.DataFrame(some_records(DEMO, 100))
    told: list[int] = []
    first = DEMO.score(records, threads=1, progress=told.append)
    assert told[-1] == 100
    pd.testing.assert_frame_equal(first, DEMO.score(records, threads=4), check_exact=True)
    turned = DEMO.score(records.iloc[::-1, ::-1]).iloc[::-1]
    pd.testing.assert_frame_equal(first, turned, check_exact=True)


answers = st.dictionaries(
    st.sampled_from([v.name for v in LEGS.network.variables]), st.integers(0, 7), max_size=25
)


@settings(max_examples=60)
@given(st.lists(answers, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_urgency_is_that_of_triage(records: list[dict[str, int]], random: Any) -> None:
    network = LEGS.network
    said = [
        {n: network.by_name[n].states[i % network.by_name[n].card] for n, i in record.items()}
        for record in records
    ]
    names = sorted({name for record in said for name in record}) or ["leg_twitching"]
    frame = {name: [record.get(name) for record in said] for name in names}
    encoded = encode_frame(network, frame)
    posterior = {
        watch.target: np.array([random.choice([0.0, watch.threshold, 1.0]) for _ in said])
        for watch in network.watches
    }
    found = with_watches(
        network, by_rules(network, encoded.codes, encoded.screens), encoded.codes, posterior
    )
    for row, record in enumerate(said):
        watched = {target: float(values[row]) for target, values in posterior.items()}
        expected = triage(network, record, watched)
        assert found.words()[row] == expected.urgency
        assert found.flags()[row] == "; ".join(expected.red_flags)
        assert set(found.deciding()[row].split("; ")) == {one.name for one in expected.deciding}


def test_watches_see_what_they_see_in_a_single_record(compiled: bool) -> None:
    records = [
        {"leg_twitching": "yes", "numbness": "no", "weakness": "no"},
        {"leg_twitching": "yes", "weakness": "yes", "cramps": "no"},
        {"leg_twitching": "no"},
    ]
    known = [{k: v for k, v in record.items() if k in LEGS.network.by_name} for record in records]
    names = sorted({name for record in known for name in record})
    scored = LEGS.score({name: [record.get(name) for record in known] for name in names})
    for row, record in enumerate(known):
        expected = LEGS.diagnose(record).triage
        assert scored["urgency"][row] == expected.urgency
        assert set(scored["decided_by"][row].split("; ")) == {f.name for f in expected.deciding}
        assert scored["red_flags"][row] == "; ".join(expected.red_flags)


def test_joined_names() -> None:
    flags = {"a": np.array([True, False, True]), "b": np.array([False, False, True])}
    assert joined(flags, 3).tolist() == ["a", "", "a; b"]
    assert joined({}, 2).tolist() == ["", ""]


def test_evaluate_upward_only_equals_the_whole_pass(compiled: bool) -> None:
    inference = Inference(DEMO.network)
    codes = DEMO.encode(pd.DataFrame(some_records(DEMO, 4)))
    rows = make_rows(inference, codes, {})
    up = evaluate(inference, rows, inference.wanted, (), compiled=compiled)
    assert up.probability.shape == (4, 0)
    assert up.log_evidence == pytest.approx(posteriors(inference, codes).log_evidence, rel=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_leaders_by_gain_are_those_of_a_single_record(compiled: bool) -> None:
    from twitchnet.batch.scoring.score import Scorer

    frame = {
        "leg_twitching": ["yes", "yes", "yes", ""],
        "urge_to_move": ["yes", "", "", ""],
        "muscle_weakness": ["", "yes", "", ""],
        "stress_anxiety": ["", "", "yes", ""],
    }
    scorer = Scorer(LEGS._inference, top=4, by="gain", details=False)
    scored = scorer.score(encode_frame(LEGS.network, frame), compiled=compiled).columns
    for row in range(4):
        said = {name: values[row] for name, values in frame.items() if values[row]}
        want = [one for one in LEGS.diagnose(said).ranked("gain") if not one.given][:4]
        for k, one in enumerate(want, start=1):
            assert scored[f"cause_{k}"][row] == one.cause
            assert scored[f"posterior_{k}"][row] == pytest.approx(one.posterior, rel=1e-9)
            assert scored[f"gain_{k}"][row] == pytest.approx(one.gain, rel=1e-6, abs=1e-12)


def test_options_are_one_value_or_keywords() -> None:
    frame = {"leg_twitching": ["yes"], "id": [1]}
    options = tn.ScoreOptions(top=1, by="gain", details=False, prefix="p_")
    as_value = DEMO.score(frame, options)
    as_words = DEMO.score(frame, top=1, by="gain", details=False, prefix="p_")
    assert as_value == as_words
    assert list(as_value) == [
        "id", "p_cause_1", "p_posterior_1", "p_gain_1", "p_status", "p_log_evidence",
    ]  # fmt: skip
    assert list(DEMO.score(frame, options, prefix=""))[1] == "cause_1"
    with pytest.raises(ValueError, match='by is one of "posterior", "gain", not \'luck\''):
        DEMO.score(frame, by="luck")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no option of scoring is called tpo"):
        DEMO.score(frame, tpo=1)  # type: ignore[call-arg]


def test_keywords_are_the_fields_of_the_options() -> None:
    import dataclasses

    from twitchnet.batch.options import ScoreKeywords, ScoreOptions

    assert list(ScoreKeywords.__annotations__) == [f.name for f in dataclasses.fields(ScoreOptions)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"top": 0}, "top is a number of causes, at least 1, not 0"),
        ({"top": 2.5}, "top is a number of causes, at least 1, not 2.5"),
        ({"top": True}, "top is a number of causes, at least 1, not True"),
        ({"reasons": "3"}, "reasons is a number, at least 0, not '3'"),
        ({"seed": -1}, "seed is a number, at least 0, not -1"),
        ({"reasons": 10**9}, "reasons is at most 1,000, not 1,000,000,000"),
        ({"intervals": 10**9}, "intervals is at most 100,000, not 1,000,000,000"),
        ({"names": ["a"]}, r"names is a mapping, not \['a'\]"),
        ({"values": "yes"}, "values is a mapping, not 'yes'"),
        ({"keep": "some"}, 'keep is one of "other", "all", "none", not \'some\''),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DEMO.score({"leg_twitching": ["yes"]}, **wrong)


def test_options_take_numbers_of_numpy_and_none_for_no_mapping() -> None:
    options = tn.ScoreOptions(top=np.int64(2), seed=np.uint8(3))
    assert (type(options.top), type(options.seed)) == (int, int)
    frame = {"leg_twitching": ["yes"]}
    scored = DEMO.score(frame, options, names=None, values=None, split=None)
    assert scored["cause_1"][0] == DEMO.score(frame, top=2)["cause_1"][0]


def test_an_answer_of_prior_0_is_impossible_without_a_warning(compiled: bool) -> None:
    """Its conflict would be infinite minus infinite."""
    model = tn.ModelBuilder("yard").cause("rain", 0.2).finding("snow", 0.0).finding("wet", 0.1)
    frame = pd.DataFrame({"snow": ["yes", "no", "yes"], "wet": ["yes", "yes", "maybe"]})
    scored = model.model().score(frame)
    assert scored["status"].tolist() == ["impossible", "ok", "bad value"]
    assert scored["conflict"].isna().tolist() == [True, False, True]
    assert scored["conflict"][1] == pytest.approx(0.0)  # independent answers
