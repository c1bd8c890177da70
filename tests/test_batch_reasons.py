"""Reason codes and intervals of many records: those of single diagnoses, to the same numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import twitchnet as tn
from tests.narrow import budget_between
from tests.test_batch_files import job, run
from tests.test_understanding_explain import rivals
from tests.understanding import cases, diagnose, slow_posterior, with_parameters
from twitchnet.batch.encoding.encode import encode_frame
from twitchnet.batch.files.files import score_files
from twitchnet.batch.options import ScoreOptions
from twitchnet.batch.scoring import intervals as intervals_module
from twitchnet.batch.scoring import reasons as reasons_module
from twitchnet.batch.scoring.content import Content
from twitchnet.batch.scoring.passes import Batch, Meters
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate
from twitchnet.batch.stream import score_batches
from twitchnet.cli.main import app
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.explain import NEUTRAL, left_out_answers, weight
from twitchnet.diagnosis.hypotheses import columns
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.parameters import has_ranges
from twitchnet.engine.kernels import compiler
from twitchnet.model.network import Network
from twitchnet.model.sampling import hide, sample

DEMO = tn.load("demo")
LEGS = tn.load("twitchy_legs")
DEMO_RECORDS: list[dict[str, str]] = [
    {"leg_twitching": "yes", "caffeine_intake": "high"},
    {"leg_twitching": "yes", "caffeine_intake": "low", "intense_exercise": "yes"},
    {"leg_twitching": "no", "intense_exercise": "no"},
    {"leg_twitching": "yes", "muscle_fatigue": "no"},
    {},
    dict.fromkeys(DEMO.causes, "yes"),
]


@pytest.fixture(params=[False, True], ids=["numpy", "kernels"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways of computing a batch, whatever is loaded already."""
    monkeypatch.setattr(compiler, "is_compiled", lambda: request.param)
    monkeypatch.setattr(compiler, "is_cached", lambda: False)
    return bool(request.param)


def wide(records: list[dict[str, str]]) -> dict[str, list[str | None]]:
    names = sorted({name for record in records for name in record})
    return {name: [record.get(name) for record in records] for name in names}


def told(scored: Any, row: int, side: str, count: int) -> list[tuple[str, float]]:
    """The reasons of a record: (answer, decibans), as far as there are any."""
    found = [
        (scored[f"{side}_{k}"][row], scored[f"{side}_{k}_decibans"][row])
        for k in range(1, count + 1)
    ]
    given_ = [pair for pair in found if pair[0] is not None]
    assert all(math.isnan(pair[1]) for pair in found[len(given_) :])
    assert given_ == found[: len(given_)]
    return given_


def same_reasons(scored: Any, row: int, dx: Diagnosis, count: int = 3) -> int:
    """Checks the reasons of a record against its explanation; how many there are."""
    why = dx.explain(scored["leader"][row], decisive=False)
    number = 0
    for side, weights in (("for", why.supporting), ("against", why.opposing)):
        expected = {f"{one.answer}={one.state}": one.decibans for one in weights}
        found = told(scored, row, side, count)
        assert len(found) == min(count, len(expected))
        for name, decibans in found:
            assert decibans == pytest.approx(expected[name], rel=1e-7)
        sizes = [abs(decibans) for _, decibans in found]
        assert sizes == sorted(sizes, reverse=True)
        left = [abs(decibans) for name, decibans in expected.items() if name not in dict(found)]
        assert not left or max(left) <= sizes[-1] + 1e-7
        number += len(found)
    return number


def same_intervals(scored: Any, row: int, dx: Diagnosis, draws: int, seed: int) -> None:
    sure = dx.uncertainty(draws, rng=seed)
    for one in sure.intervals:
        assert scored[f"{one.cause}_low"][row] == pytest.approx(one.low, rel=1e-9)
        assert scored[f"{one.cause}_high"][row] == pytest.approx(one.high, rel=1e-9)
    if sure.intervals:
        first = next(one.cause for one in dx.ranking if not one.given)
        assert scored["leader"][row] == first
        assert scored["leader_first"][row] == sure[first].first


def test_reasons_and_intervals_are_those_of_single_diagnoses(compiled: bool) -> None:
    scored = DEMO.score(wide(DEMO_RECORDS), reasons=3, intervals=60, seed=7)
    numbers = []
    for row, record in enumerate(DEMO_RECORDS[:-1]):
        dx = DEMO.diagnose(record)
        same_intervals(scored, row, dx, 60, 7)
        numbers.append(same_reasons(scored, row, dx))
        assert scored["reasons"][row] == "ok"
    assert numbers == [2, 3, 1, 2, 0]
    assert [scored[name][5] for name in ("leader", "reasons", "for_1")] == [None, None, None]
    assert math.isnan(scored["leader_first"][5])
    assert math.isnan(scored["muscle_fatigue_low"][5])
    assert math.isnan(scored["muscle_fatigue_low"][3])  # an answered cause is not uncertain
    assert not math.isnan(scored["stimulant_excess_low"][3])


def test_a_large_questionnaire_has_the_reasons_of_its_explanation() -> None:
    contexts = {name: LEGS.network.by_name[name].states[0] for name in LEGS.contexts}
    findings = dict.fromkeys(LEGS.findings[3:30], "no")
    yes = dict.fromkeys(("leg_twitching", "urge_to_move", "worse_at_night"), "yes")
    described = [n for n, of in LEGS.network.descriptors.items() if of == "leg_twitching"][:2]
    records = [
        {**contexts, **findings, **yes, described[0]: "yes"},
        {**contexts, **yes, described[0]: "yes", described[1]: "no"},
    ]
    scored = LEGS.score(wide(records), reasons=3, intervals=5, seed=2)
    for row, record in enumerate(records):
        dx = LEGS.diagnose(record)
        assert same_reasons(scored, row, dx) >= 4
        same_intervals(scored, row, dx, 5, 2)


@settings(max_examples=40)
@given(cases(5))
def test_reasons_equal_running_again_without_the_answer(case: tuple[Network, Answers]) -> None:
    network, answers = case[0], Answers(case[1].hard)
    scorer = Scorer(Inference(network), reasons=4)
    frame = {name: [state] for name, state in answers.states(network).items()} or {
        network.nodes[0].name: [None]
    }
    scored = scorer.score(encode_frame(network, frame), compiled=False).columns
    name, _, state = (scored["leader"][0] or "").partition("=")
    open_ones = [i for i, (one, _) in enumerate(columns(network)) if one not in answers.hard]
    assert bool(name) == bool(open_ones)
    assume(name)
    state_index = network.by_name[name].states.index(state) if state else 1
    before = slow_posterior(network, answers, name, state_index)
    assume(1e-9 < before < 1 - 1e-9)
    expected = {}
    for one, _, left in zip(*left_out_answers(network, answers), strict=True):
        without = slow_posterior(network, left, name, state_index)
        change = math.log10(before / (1 - before)) - math.log10(without / (1 - without))
        expected[f"{one}={network.by_name[one].states[answers.hard[one]]}"] = 10 * change
    found = dict(told(scored, 0, "for", 4)) | dict(told(scored, 0, "against", 4))
    for answer, decibans in found.items():
        assert decibans == pytest.approx(expected[answer], rel=1e-6, abs=1e-6)
    for sign in (1, -1):
        all_of_it = [v for v in expected.values() if sign * v >= NEUTRAL + 1e-6]
        assert len([v for v in found.values() if sign * v > 0]) >= min(4, len(all_of_it))


FORMS = range(2)
"""The forms of the kernels that reasons may begin with: double, double-double."""


def weights_by(form: int, inference: Inference, codes: Any, leader: Any) -> Any:
    """The weights of all answers (records, nodes), from one form on."""
    batch = Batch(inference, codes, 1, compiled=True)
    forms = np.full(len(codes), form, dtype=np.int8)
    weights, wide_ones = reasons_module._weights(batch, codes, leader, forms)
    assert not wide_ones.any()
    return weights


@settings(max_examples=40)
@given(cases(5), st.data())
def test_every_form_gives_the_same_weights(
    case: tuple[Network, Answers], data: st.DataObject
) -> None:
    network, answers = case[0], Answers(case[1].hard)
    open_ones = [i for i, (one, _) in enumerate(columns(network)) if one not in answers.hard]
    assume(open_ones)
    leader = data.draw(st.sampled_from(open_ones))
    name, state = columns(network)[leader]
    before = slow_posterior(network, answers, name, state)
    assume(1e-6 < before < 1 - 1e-6)
    codes = np.array([[answers.hard.get(v.name, -1) for v in network.nodes]], dtype=np.int8)
    expected = np.full(codes.shape, np.nan)
    for one, _, left in zip(*left_out_answers(network, answers), strict=True):
        without = slow_posterior(network, left, name, state)
        change = math.log10(before / (1 - before)) - math.log10(without / (1 - without))
        expected[0, [v.name for v in network.nodes].index(one)] = 10 * change
    for form in FORMS:
        found = weights_by(form, Inference(network), codes, np.array([leader]))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def test_what_is_described_goes_with_its_descriptors_whatever_it_is() -> None:
    network = rivals()
    variables = tuple(
        replace(variable, kind="context") if variable.name == "ache" else variable
        for variable in network.variables
    )
    network = replace(network, variables=variables, complaint="")
    answers = Answers({"ache": 1, "shivering_ache": 1, "cold": 0})
    codes = np.array([[answers.hard.get(v.name, -1) for v in network.nodes]], dtype=np.int8)
    names = [v.name for v in network.nodes]
    leader = columns(network).index(("flu", 1))

    def odds(network: Network, left: Answers) -> tuple[float, float]:
        return tuple(slow_posterior(network, left, "flu", state) for state in (1, 0))  # type: ignore[return-value]

    before = odds(network, answers)
    for form in FORMS:
        found = weights_by(form, Inference(network), codes, np.array([leader]))
        for one, _, left in zip(*left_out_answers(network, answers), strict=True):
            expected = weight(before, odds(network, left))
            assert found[0, names.index(one)] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_every_form_agrees_on_questionnaires() -> None:
    inference = LEGS._inference
    rng = np.random.default_rng(6)
    codes = hide(sample(LEGS.network, 6, rng, {"leg_twitching": "present"}), LEGS.network, rng=rng)
    out = LEGS.posteriors(codes)
    codes, probability = codes[out.cells < 3e6], out.probability[out.cells < 3e6]
    assert len(codes) >= 2
    leader = probability.argmax(axis=1)
    fast, wide_ones = (weights_by(form, inference, codes, leader) for form in FORMS)
    assert np.nanmax(np.abs(wide_ones)) > 5.0
    np.testing.assert_allclose(fast, wide_ones, rtol=0, atol=1e-8)


@settings(max_examples=25)
@given(cases(4))
def test_intervals_equal_those_of_the_single_record(case: tuple[Network, Answers]) -> None:
    network, answers = with_parameters(case[0]), Answers(case[1].hard)
    dx = diagnose(network, answers)
    assume(dx.log_evidence > -math.inf and has_ranges(network))
    scorer = Scorer(Inference(network), intervals=12, seed=4)
    frame = {name: [state] for name, state in answers.states(network).items()} or {
        network.nodes[0].name: [None]
    }
    scored = scorer.score(encode_frame(network, frame), compiled=False).columns
    sure = dx.uncertainty(12, rng=4)
    for one in sure.intervals:
        name = one.cause if network.by_name[one.cause].card == 2 else f"{one.cause}={one.state}"
        assert scored[f"{name}_low"][0] == pytest.approx(one.low, rel=1e-9, abs=1e-12)
        assert scored[f"{name}_high"][0] == pytest.approx(one.high, rel=1e-9, abs=1e-12)
        if name == scored["leader"][0]:
            assert scored["leader_first"][0] == one.first


TABLE = pa.Table.from_batches(list(simulate(DEMO.network, 150, seed=8)))


def test_chunks_threads_and_order_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"reasons": 2, "intervals": 15, "seed": 3, "keep": "none"}
    frame = TABLE.to_pandas()
    first = DEMO.score(frame, threads=1, **options)
    assert first["for_1"].notna().any()
    again = DEMO.score(frame.iloc[::-1], threads=3, **options).iloc[::-1]
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    monkeypatch.setattr(reasons_module, "ROWS", 9)
    monkeypatch.setattr(intervals_module, "HELD", 15 * 2 * 7)
    pd.testing.assert_frame_equal(first, DEMO.score(frame, **options), check_exact=True)
    scorer = Scorer(DEMO._inference, reasons=2, intervals=15, seed=3, keep="none")
    batches = score_batches(scorer, TABLE.to_batches(max_chunksize=40))
    assert pa.Table.from_batches(list(batches)).equals(
        pa.Table.from_pandas(first, schema=pa.schema(list(batches_schema(scorer))))
    )
    other = DEMO.score(frame, **{**options, "seed": 4})
    assert not first["muscle_fatigue_low"].equals(other["muscle_fatigue_low"])


def batches_schema(scorer: Scorer) -> list[pa.Field]:
    kinds = {float: pa.float64(), str: pa.string()}
    return [pa.field(name, kinds[kind]) for name, kind in scorer.schema.items()]


def test_records_without_a_result_have_none(compiled: bool) -> None:
    descriptor, of = next(iter(LEGS.network.descriptors.items()))
    frame = {of: ["no", "yes", "no"], descriptor: ["yes", "perhaps", "no"]}
    scored = LEGS.score(frame, reasons=1, intervals=2)
    assert list(scored["status"]) == ["impossible", "bad value", "ok"]
    content = Content(LEGS.causes, ScoreOptions(reasons=1, intervals=2))
    own = [name for name in content.schema if name in scored]
    extra = [name for name in own if name not in Content(LEGS.causes).schema]
    assert extra[:2] == ["leader", "leader_first"]
    assert len(extra) == 2 + 2 * len(LEGS.causes) + 5
    for name in extra:
        assert pd.isna(scored[name][0])
        assert pd.isna(scored[name][1])
    for name in ("leader", "leader_first", "reasons", f"{LEGS.causes[0]}_high"):
        assert not pd.isna(scored[name][2])


@pytest.mark.usefixtures("own_plans")
def test_reasons_that_are_too_wide_say_so() -> None:
    frame = {name: ["no", "yes"] for name in DEMO.findings}
    model = tn.Model(DEMO.network, budget=budget_between(DEMO, frame))
    scored = model.score(frame, reasons=1, intervals=3)
    assert list(scored["status"]) == ["ok", "too wide"]
    assert scored["reasons"][1] is None
    assert math.isnan(scored["leader_first"][1])


def test_a_left_out_finding_may_make_a_record_too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        {"leg_twitching": "yes", "caffeine_intake": "high"},
        {"leg_twitching": "yes", "intense_exercise": "yes"},
    ]
    scorer = Scorer(DEMO._inference, reasons=1)
    names = [v.name for v in DEMO.network.nodes]
    coffee, twitching = names.index("caffeine_intake"), names.index("leg_twitching")
    run_ = reasons_module.Batch.run

    def narrow(self: Any, rows: Any, places: Any, *more: Any, **options: Any) -> Any:
        """As if no record with its context and without its finding could be computed."""
        out = run_(self, rows, places, *more, **options)
        if len({name for name, _ in places}) == 1:
            out.status[(rows.codes[:, coffee] >= 0) & (rows.codes[:, twitching] < 0)] = 2
        return out

    monkeypatch.setattr(reasons_module.Batch, "run", narrow)
    scored = scorer.score(encode_frame(DEMO.network, wide(records))).columns
    assert list(scored["reasons"]) == ["too wide", "ok"]
    assert scored["for_1"][0] is None
    assert math.isnan(scored["for_1_decibans"][0])
    assert scored["leader"][0] == "stimulant_excess"
    assert scored["for_1"][1] == "intense_exercise=present"


def test_an_answered_context_is_never_left_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [dict.fromkeys(DEMO.findings, "yes") | {"caffeine_intake": "high"}]
    at = [v.name for v in DEMO.network.nodes].index("caffeine_intake")
    run_, seen = reasons_module.Batch.run, []

    def watched(self: Any, rows: Any, *more: Any, **options: Any) -> Any:
        seen.append(rows.codes[:, at].copy())
        return run_(self, rows, *more, **options)

    monkeypatch.setattr(reasons_module.Batch, "run", watched)
    scored = DEMO.score(wide(records), reasons=3)
    assert same_reasons(scored, 0, DEMO.diagnose(records[0])) > 1
    assert set(np.concatenate(seen).tolist()) == {0, 1, 2}


def test_draws_in_which_the_answers_are_impossible_are_left_out() -> None:
    low = DEMO._inference.lowered
    numbers = low.numbers.copy()
    numbers[low.number_first["leg_twitching", "leak"]] = 0.0
    for name in DEMO.causes:
        numbers[low.number_first["leg_twitching", f"link:{name}"] :][:2] = 0.0
    never = low.tables(numbers)
    scorer = Scorer(DEMO._inference, intervals=4, seed=1)
    drawn = scorer._drawn
    frame = encode_frame(DEMO.network, wide([{"leg_twitching": "yes"}, {"leg_twitching": "no"}]))
    before = scorer.score(frame, compiled=False).columns
    scorer.__dict__["_drawn"] = np.vstack([drawn, never])
    after = scorer.score(frame, compiled=False).columns
    for name in ("muscle_fatigue_low", "muscle_fatigue_high", "leader_first"):
        assert after[name][0] == before[name][0]
    assert after["muscle_fatigue_low"][1] != before["muscle_fatigue_low"][1]
    scorer.__dict__["_drawn"] = never[None]
    nothing = scorer.score(frame, compiled=False).columns
    assert math.isnan(nothing["muscle_fatigue_low"][0])
    assert nothing["status"][0] == "ok"


def test_columns_of_each_shape() -> None:
    one = Content(("a", "b"), ScoreOptions(details=False, reasons=1, intervals=5))
    assert list(one.schema) == [
        "a", "b", "status", "log_evidence", "leader", "leader_first", "a_low", "a_high", "b_low",
        "b_high", "reasons", "for_1", "for_1_decibans", "against_1", "against_1_decibans",
    ]  # fmt: skip
    best = Content(("a", "b"), ScoreOptions(top=1, details=False, intervals=5))
    assert list(best.schema) == [
        "cause_1", "posterior_1", "low_1", "high_1", "first_1", "status", "log_evidence",
    ]  # fmt: skip
    assert list(best.long) == [
        "cause", "posterior", "low", "high", "first", "status", "log_evidence",
    ]  # fmt: skip
    assert list(Content(("a", "b"), ScoreOptions(reasons=1)).long)[2:] == [
        "status", "log_evidence", "conflict", "none_present", "unexplained",
        "urgency", "red_flags", "decided_by", *list(one.schema)[-5:],
    ]  # fmt: skip
    assert {one.schema[name] for name in ("leader", "reasons", "for_1", "against_1")} == {str}
    assert one.schema["for_1_decibans"] is one.schema["a_low"] is float
    for wrong in ({"reasons": -1}, {"intervals": -1}, {"seed": -1}, {"top": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is a number"):
            Content(("a",), ScoreOptions(**wrong))
    Content(("a", "a_low"))
    with pytest.raises(ValueError, match="two result columns of one name: a_low"):
        Content(("a", "a_low"), ScoreOptions(intervals=2))


def test_top_has_the_intervals_of_each_rank() -> None:
    frame = wide(DEMO_RECORDS)
    whole = DEMO.score(frame, intervals=20)
    best = DEMO.score(frame, intervals=20, top=2)
    for row in range(5):
        assert best["first_1"][row] == whole["leader_first"][row]
        for rank in (1, 2):
            cause = best[f"cause_{rank}"][row]
            for end in ("low", "high"):
                found = best[f"{end}_{rank}"][row]
                assert math.isnan(found) if cause is None else found == whole[f"{cause}_{end}"][row]


def files_scorer(**options: Any) -> Scorer:
    return Scorer(DEMO._inference, **{"reasons": 2, "intervals": 10, "seed": 5, **options})


def test_long_output_has_reasons_beside_the_leader(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(TABLE, path)
    one = job(tmp_path, path, out="long.parquet", scorer=files_scorer(top=2), long=True)
    score_files(one)
    rows = pq.read_table(tmp_path / "long.parquet").to_pylist()
    best = DEMO.score(TABLE, top=2, reasons=2, intervals=10, seed=5).to_pylist()
    assert len(rows) == 2 * len(best)
    for row, expected in zip(rows[::2], best, strict=True):
        assert row["rank"] == 1
        for name in ("cause", "posterior", "low", "high", "first"):
            assert row[name] == expected[f"{name}_1"]
        for name in ("reasons", "for_1", "for_2_decibans", "against_1"):
            assert row[name] == expected[name]
    for row, expected in zip(rows[1::2], best, strict=True):
        assert (row["low"], row["first"]) == (expected["low_2"], expected["first_2"])
        assert row["reasons"] is row["for_1"] is row["against_2_decibans"] is None


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
def test_an_interrupted_run_goes_on_to_the_same_result(
    tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(TABLE, path)
    run(tmp_path, path, out=f"whole-{out}", scorer=files_scorer())
    stop = iter([False, True])
    score = Scorer.score

    def interrupted(self: Scorer, *args: Any, **options: Any) -> Any:
        if next(stop, False):
            raise KeyboardInterrupt
        return score(self, *args, **options)

    monkeypatch.setattr(Scorer, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, path, out=out, scorer=files_scorer())
    for other in (files_scorer(seed=6), files_scorer(intervals=11), files_scorer(reasons=1)):
        with pytest.raises(tn.RecordError, match="TN220"):
            run(tmp_path, path, out=out, resume=True, scorer=other)
    summary = run(tmp_path, path, out=out, resume=True, scorer=files_scorer())
    assert summary.before == 64
    whole, again = ((tmp_path / name).read_bytes() for name in (f"whole-{out}", out))
    if out.endswith("parquet"):
        tables = [pq.read_table(tmp_path / name) for name in (f"whole-{out}", out)]
        assert tables[0].equals(tables[1], check_metadata=True)
        assert tables[0].schema.metadata[b"twitchnet.draws"] == b"10"
        assert tables[0].schema.metadata[b"twitchnet.seed"] == b"5"
    else:
        assert whole == again


def test_the_command_line_has_both(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(TABLE.slice(0, 5), path)
    out = tmp_path / "out.parquet"
    words = ["score", str(path), "-o", str(out), "-m", "demo"]
    done = CliRunner().invoke(app, [*words, "--reasons", "2", "--intervals", "6", "--seed", "3"])
    assert done.exit_code == 0, done.output
    expected = DEMO.score(TABLE.slice(0, 5), reasons=2, intervals=6, seed=3)
    found = pq.read_table(out)
    assert found.schema.names == expected.drop_columns("problem").schema.names
    assert found["for_1"].to_pylist() == expected["for_1"].to_pylist()
    assert np.allclose(found["leader_first"], expected["leader_first"])


def test_progress_counts_all_passes() -> None:
    steps: list[int] = []
    DEMO.score(TABLE, reasons=1, intervals=4, progress=steps.append)
    assert steps == sorted(steps)
    assert steps[-1] == 150
    assert any(0 < step < 150 for step in steps)
    meters = Meters(steps.append, 100, (1, 3))
    first, second = meters.of(0), meters.of(1)
    assert first is not None
    assert second is not None
    first(100)
    second(50)
    assert steps[-2:] == [25, 62]
    assert Meters(None, 5, (1,)).of(0) is None
