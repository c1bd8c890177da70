"""A real Spark in local mode gives the results of one machine, to the last bit."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pyarrow as pa
import pytest

import twitchnet as tn
from twitchnet.batch.score import Scorer
from twitchnet.batch.simulate import simulate
from twitchnet.batch.spark import score_spark, scorer_of
from twitchnet.batch.stream import score_batches

DEMO = tn.load("demo")


def test_a_worker_builds_its_engine_once() -> None:
    first = scorer_of(DEMO.network, 1e9, None, True)
    assert scorer_of(DEMO.network, 1e9, None, True) is first
    assert scorer_of(DEMO.network, 1e9, 3, True) is not first
    assert scorer_of(DEMO.network, 1e9, None, True, reasons=3) is not first


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Spark's own
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    pyspark = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    table = pa.Table.from_batches(list(simulate(DEMO.network, 500, seed=9)))
    column = ["?", *table.column(1).to_pylist()[1:]]
    table = table.set_column(1, table.schema.names[1], pa.array(column))
    more = {"reasons": 2, "intervals": 9, "seed": 4}
    scorer = Scorer(DEMO._inference, **more)
    expected = pa.Table.from_batches(list(score_batches(scorer, table.to_batches())))
    spark = (
        pyspark.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        rows = [tuple(row.values()) for row in table.to_pylist()]
        frame = spark.createDataFrame(rows, table.schema.names).repartition(3)
        scored = score_spark(DEMO, frame, **more)
        assert scored.columns == expected.schema.names
        found = sorted((row.asDict() for row in scored.collect()), key=lambda r: r["record_id"])
    finally:
        spark.stop()
    assert found == expected.to_pylist()
    assert found[0]["status"] == "bad value"
    assert {row["reasons"] for row in found} == {None, "ok"}
    assert np.isfinite([row["log_evidence"] for row in found[1:]]).all()
