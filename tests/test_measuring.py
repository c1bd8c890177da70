"""Scores against scikit-learn's, frames with the truth in them, and the classifier."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import metrics
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from typer.testing import CliRunner

import twitchnet as tn
from twitchnet.batch.labelled import labelled_frames
from twitchnet.cli.main import app
from twitchnet.diagnosis import hypotheses
from twitchnet.diagnosis.assess import evaluate as assess
from twitchnet.diagnosis.assess.scores import Ranked, areas, calibration, parts_of_brier, wilson
from twitchnet.model.sampling import sample
from twitchnet.sklearn import DiagnosticClassifier

DEMO = tn.load("demo")
CAUSES = DEMO.network.ranked


def drawn(count: int, seed: int = 3) -> pd.DataFrame:
    """Records of the demo with the truth, drawn from it."""
    codes = sample(DEMO.network, count, np.random.default_rng(seed))
    frame = {}
    for variable, column in zip(DEMO.network.nodes, codes.T, strict=True):
        name = f"true_{variable.name}" if variable.name in CAUSES else variable.name
        frame[name] = [variable.states[state] for state in column]
    return pd.DataFrame(frame)


FRAME = drawn(400)


def posteriors() -> pd.DataFrame:
    answers = FRAME[[name for name in FRAME if not name.startswith("true_")]]
    return DEMO.score(answers, details=False)


def present(cause: str) -> np.ndarray:
    return (FRAME[f"true_{cause}"] != DEMO.network.by_name[cause].states[0]).to_numpy()


def test_each_cause_is_scored_as_scikit_learn_scores_it() -> None:
    found, p = DEMO.evaluate(FRAME), posteriors()
    assert (found.records, found.refused) == (400, 0)
    aucs = []
    for cause in CAUSES:
        one, y, q = found[cause], present(cause), p[cause].to_numpy()
        assert (one.count, one.true) == (400, y.sum())
        assert one.log_score == pytest.approx(metrics.log_loss(y, q), rel=1e-12)
        assert one.brier == pytest.approx(metrics.brier_score_loss(y, q), rel=1e-12)
        assert one.auc == pytest.approx(metrics.roc_auc_score(y, q), rel=1e-12)
        wanted = metrics.average_precision_score(y, q)
        assert one.average_precision == pytest.approx(wanted, rel=1e-12)
        assert one.auc_low <= one.auc <= one.auc_high
        assert one.average_precision_low < one.average_precision_high
        assert one.base == pytest.approx(y.mean() * (1 - y.mean()))
        aucs.append(one.auc)
    assert found.total.auc == pytest.approx(np.mean(aucs))
    assert found.total.auc_low < found.total.auc < found.total.auc_high


def test_ties_count_half_and_curves_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    p, y = rng.integers(0, 6, 60) / 6.0, (rng.random(60) < 0.4).astype(float)
    ranked = Ranked(p, y)
    auc, average = areas(*ranked.counts(np.ones((1, 60))))
    assert auc[0] == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-13)
    assert average[0] == pytest.approx(metrics.average_precision_score(y, p), rel=1e-13)
    fall_out, recall, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    curves = ranked.curves()
    np.testing.assert_allclose(curves.false_positive, fall_out[1:], atol=1e-15)
    np.testing.assert_allclose(curves.true_positive, recall[1:], atol=1e-15)
    precision, _, _ = metrics.precision_recall_curve(y, p)
    np.testing.assert_allclose(curves.precision, precision[:-1][::-1], atol=1e-15)


def test_weights_are_repetitions() -> None:
    """A record that the bootstrap draws twice counts twice."""
    rng = np.random.default_rng(4)
    p, y = rng.random(30), (rng.random(30) < 0.5).astype(float)
    times = rng.integers(0, 3, 30)
    found = areas(*Ranked(p, y).counts(times[None].astype(float)))
    again = np.repeat(p, times), np.repeat(y, times)
    whole = areas(*Ranked(*again).counts(np.ones((1, times.sum()))))
    np.testing.assert_allclose(found, whole, rtol=1e-13)


def test_the_interval_of_an_area_covers_what_it_estimates() -> None:
    """90 of 100 do, where the answers of all records are drawn from the model itself."""
    truth = DEMO.evaluate(drawn(20_000, 77), draws=0)["muscle_fatigue"].auc
    hits = 0
    for seed in range(40):
        one = DEMO.evaluate(drawn(300, 1000 + seed), draws=100, seed=seed)["muscle_fatigue"]
        hits += one.auc_low <= truth <= one.auc_high
    assert 30 <= hits <= 40  # 3.5 deviations of a binomial of .9


def test_the_parts_of_the_brier_score_add_up() -> None:
    rng = np.random.default_rng(6)
    middles = (rng.integers(0, 10, 500) + 0.5) / 10.0  # one value in each bin
    y = (rng.random(500) < middles**1.5).astype(float)
    bins = calibration(middles, y)
    parts = parts_of_brier(bins)
    brier = float(((middles - y) ** 2).mean())
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(brier)


@pytest.mark.parametrize(("share", "count"), [(0.0, 5), (0.2, 10), (1.0, 300), (0.5, 1)])
def test_wilson_solves_its_equation(share: float, count: int) -> None:
    """Its ends are the shares p at which the observed one is 1.645 deviations away."""
    for p in wilson(share, count):
        if 0.0 < p < 1.0:
            z = abs(share - p) / math.sqrt(p * (1.0 - p) / count)
            assert z == pytest.approx(1.6448536269514722)


KINDS = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "plain": lambda frame: frame.to_dict("list"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_any_kind_and_records_say_the_same(kind: str) -> None:
    some = FRAME.head(60)
    found = DEMO.evaluate(KINDS[kind](some))
    rows = some.to_dict("records")
    records = [{k: v for k, v in row.items() if not k.startswith("true_")} for row in rows]
    truth = [{c: row[f"true_{c}"] for c in CAUSES} for row in rows]
    assert DEMO.evaluate(records, truth) == found


def test_the_truth_in_columns_of_other_names_and_words() -> None:
    frame = {
        "q1": ["ja", "nein", "ja", "?"],
        "label": ["MF", "-", "unsure", "MF"],
        "note": ["a", "b", "c", "d"],
    }
    found = DEMO.evaluate(
        frame,
        {"label": "muscle_fatigue"},
        names={"q1": "leg_twitching"},
        values={
            "yes": ["ja"],
            "no": ["nein"],
            "label": {"MF": "yes", "-": "no", "unsure": "unknown"},
        },
    )
    assert (found.records, found.refused, found.total.count, found.total.true) == (4, 1, 2, 1)
    (one,) = found.unscored
    assert (one.row, one.code) == (3, "TN202")
    assert "q1: no state '?'" in one.reason
    assert "Not scored" in str(found)


@pytest.mark.parametrize(
    ("frame", "truth", "message"),
    [
        ({"leg_twitching": [1]}, None, "no column holds the truth"),
        ({"leg_twitching": [1], "x": [1]}, {"x": "leg_twitching"}, "TN201 x: .*not ranked"),
        ({"leg_twitching": [1], "true_muscle_fatige": [1]}, None, "did you mean 'muscle_fatigue'"),
        ({"leg_twitching": [1], "true_muscle_fatigue": ["maybe"]}, None, "TN202"),
        ({"leg_twitching": [1], "true_muscle_fatigue": [None]}, None, "no record can be scored"),
    ],
)
def test_a_truth_that_cannot_be_read_is_an_error(frame: Any, truth: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DEMO.evaluate(frame, truth)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_impossible_and_too_wide_records_are_told_and_the_others_scored(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is computed again for the sake of a record that is too wide."""
    seen: list[int] = []
    suppose = assess.suppose

    def counting(inference: Any, records: Any, **more: Any) -> Any:
        seen.append(len(records))
        return suppose(inference, records, **more)

    monkeypatch.setattr(assess, "suppose", counting)
    monkeypatch.setattr(hypotheses, "runs_compiled", lambda *words: engine == "compiled")
    legs = tn.load("twitchy_legs")
    descriptor, of = next(iter(legs.network.descriptors.items()))
    wide = [name for name in legs.network.names("finding") if name not in legs.network.descriptors]
    records: list[dict[str, object]] = [
        {of: True}, {of: False, descriptor: True}, dict.fromkeys(wide, True), {of: False},
    ]  # fmt: skip
    cause = legs.network.ranked[0]
    found = legs.evaluate(records, [{cause: True}, {cause: False}, {cause: True}, {cause: False}])
    told = {one.row: one.code for one in found.unscored}
    assert found.total.count == 2
    assert told == {1: "TN205", 2: "TN301"}
    assert seen == [4]


def test_frames_of_scores_and_data() -> None:
    found = DEMO.evaluate(FRAME.head(80), draws=20)
    frame = found.to_frame()
    assert list(frame["cause"]) == ["", *(one.cause for one in found.causes)]
    assert frame["auc"][1] == found.causes[0].auc
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)  # NaN is not equal to itself


def test_figures_show_the_numbers(tmp_path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot

    found = DEMO.evaluate(FRAME)
    ax = found.plot("reliability")
    (dots,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
    full = [one for one in found.bins if one.count]
    np.testing.assert_allclose(dots.get_xdata().astype(float), [one.predicted for one in full])
    np.testing.assert_allclose(dots.get_ydata().astype(float), [one.observed for one in full])
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    _, mine = pyplot.subplots()
    assert found.plot("roc", "muscle_fatigue", mine) is mine
    assert f"{found['muscle_fatigue'].auc:.3f}" in mine.get_legend().get_texts()[0].get_text()
    assert found.called("muscle_fatigue") in mine.get_title()
    found.plot("precision_recall", "muscle_fatigue").figure.savefig(tmp_path / "x.png")
    with pytest.raises(ValueError, match="a curve is of one cause"):
        found.plot("roc")
    with pytest.raises(ValueError, match="a figure is one of"):
        found.plot("tornado")  # type: ignore[arg-type]
    pyplot.close("all")


def test_the_command_reads_files_and_maps(tmp_path: Path) -> None:
    path, said = tmp_path / "r.csv", tmp_path / "map.yaml"
    path.write_text(
        "q1,true_muscle_fatigue,id\nja,1,a\nno,0,b\n?,1,c\nno,0,d,e\n", encoding="utf-8"
    )
    said.write_text("columns: {q1: leg_twitching}\nvalues: {'yes': [ja]}\n", encoding="utf-8")
    words = ["evaluate", "demo", str(path), "--map", str(said), "--draws", "0"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "not in the model, left out: id" in done.output
    assert "2 records could not be scored" in done.output
    assert "TN211" in done.output
    assert "TN202" in done.output
    FRAME.to_parquet(tmp_path / "f.parquet")
    done = CliRunner().invoke(app, ["evaluate", "demo", str(tmp_path / "f.parquet"), "--json"])
    assert f'"auc": {DEMO.evaluate(FRAME).total.auc}' in done.stdout


# -- scikit-learn -----------------------------------------------------------------------------


def test_the_classifier_gives_what_score_gives() -> None:
    model = DiagnosticClassifier(DEMO).fit(FRAME)
    p = posteriors()
    found = model.predict_proba(FRAME)
    np.testing.assert_array_equal(found, p[list(model.classes_)].to_numpy())
    np.testing.assert_array_equal(model.predict(FRAME), found > 0.5)
    by_gain = DiagnosticClassifier(DEMO, by="gain", threshold=0.1).fit(FRAME)
    dx = DEMO.diagnose(FRAME.iloc[0].drop([f"true_{c}" for c in CAUSES]).to_dict())
    gain = by_gain.decision_function(FRAME.head(1))[0]
    for name, value in zip(by_gain.classes_, gain, strict=True):
        assert value == pytest.approx(dx[name].gain, abs=1e-12)
    np.testing.assert_array_equal(by_gain.predict(FRAME.head(1))[0], gain > 0.1)


def test_metrics_of_scikit_learn_take_it() -> None:
    model = DiagnosticClassifier(DEMO).fit(FRAME)
    y, p, found = model.truth(FRAME), model.predict_proba(FRAME), DEMO.evaluate(FRAME)
    assert metrics.roc_auc_score(y, p, average="macro") == pytest.approx(found.total.auc)
    wanted = metrics.average_precision_score(y, p, average="macro")
    assert wanted == pytest.approx(found.total.average_precision)
    assert metrics.label_ranking_average_precision_score(y, p) > 0.5
    assert 0.0 <= model.score(FRAME, y) <= 1.0


def test_pipelines_cross_validation_and_search() -> None:
    def without_truth(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[[name for name in frame if not name.startswith("true_")]]

    model = DiagnosticClassifier(DEMO).fit(FRAME)
    y = model.truth(FRAME)
    line = make_pipeline(FunctionTransformer(without_truth), DiagnosticClassifier(DEMO))
    crossed = cross_val_predict(line, FRAME, y, cv=4, method="predict_proba")
    np.testing.assert_array_equal(crossed, model.predict_proba(FRAME))  # nothing is learnt
    grid = {"by": ["posterior", "gain"], "threshold": [0.1, 0.5]}
    search = GridSearchCV(DiagnosticClassifier(DEMO), grid, scoring="f1_micro", cv=2)
    search.set_params(error_score="raise").fit(FRAME, y)
    assert search.best_params_["by"] in grid["by"]
    assert len(search.cv_results_["params"]) == 4


def test_it_clones_and_pickles_and_refuses_what_does_not_fit() -> None:
    model = DiagnosticClassifier("demo", options=tn.ScoreOptions(names={"q1": "leg_twitching"}))
    assert clone(model).get_params()["options"] == model.options
    fitted = model.fit({"q1": ["yes"]})
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        again.predict_proba({"q1": [1]}), fitted.predict_proba({"q1": [1]})
    )
    with pytest.raises(ValueError, match="the truth has the shape"):
        DiagnosticClassifier("demo").fit(FRAME, np.zeros(len(FRAME)))
    with pytest.raises(ValueError, match="by is"):
        DiagnosticClassifier("demo", by="odds").fit(FRAME)  # type: ignore[arg-type]
    with pytest.raises(tn.RecordError, match="no column is a variable"):
        DiagnosticClassifier("demo").fit({"x": [1]})


ARRAYS = [
    "check_classifier_data_not_an_array",
    "check_classifier_multioutput",
    "check_classifiers_classes",
    "check_classifiers_multilabel_output_format_decision_function",
    "check_classifiers_multilabel_output_format_predict",
    "check_classifiers_multilabel_output_format_predict_proba",
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_classifiers_train",
    "check_complex_data",
    "check_decision_proba_consistency",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimators_dtypes",
    "check_estimators_empty_data_messages",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit1d",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_supervised_y_2d",
    "check_supervised_y_no_nan",
]
"""Checks of scikit-learn that fit arrays of random numbers; answers are columns by name."""


def test_the_checks_of_scikit_learn_that_apply_pass() -> None:
    reasons = dict.fromkeys(ARRAYS, "answers are columns by name")
    found = check_estimator(
        DiagnosticClassifier("demo"), expected_failed_checks=reasons, on_fail=None, on_skip=None
    )
    status = {one["check_name"]: one["status"] for one in found}
    assert {name for name, one in status.items() if one == "failed"} == set()
    assert sum(one == "passed" for one in status.values()) >= 12


def test_averages_of_scikit_learn_over_several_columns_are_not_those_of_each() -> None:
    """What docs/measuring.md warns of."""
    y, sure = np.array([[1, 0], [0, 1], [1, 1], [0, 0]]), np.full((4, 2), 1.0)
    with pytest.warns(UserWarning, match="do not sum to one"):
        assert metrics.log_loss(y, sure) < 1e-9  # half of it is wrong
    half = np.full((2, 2), 0.5)
    each = [metrics.brier_score_loss(y[:2, k], half[:, k]) for k in range(2)]
    assert metrics.brier_score_loss(y[:2], half) == pytest.approx(sum(each) / 2)


def test_labelled_frames_of_a_file_are_one_table() -> None:
    whole = labelled_frames(DEMO.network, [FRAME])
    parts = labelled_frames(DEMO.network, [FRAME.iloc[:150], FRAME.iloc[150:]])
    assert parts.answers == whole.answers
    np.testing.assert_array_equal(parts.truth, whole.truth)
    np.testing.assert_array_equal(parts.rows, whole.rows)
