"""A real Spark in local mode gives the results of one machine, to the last bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import twitchnet as tn
from twitchnet.batch import spark, worker
from twitchnet.batch.options import ScoreOptions
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate
from twitchnet.batch.spark import score_spark, scorer_of
from twitchnet.batch.stream import score_batches
from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import compiler

DEMO = tn.load("demo")


def test_a_worker_builds_its_engine_once() -> None:
    first = scorer_of(DEMO.network, 1e9, ScoreOptions())
    assert scorer_of(DEMO.network, 1e9, ScoreOptions()) is first
    assert scorer_of(DEMO.network, 1e9, ScoreOptions(top=3)) is not first
    assert scorer_of(DEMO.network, 1e9, ScoreOptions(reasons=3)) is not first
    narrow = scorer_of(DEMO.network, 1e9, ScoreOptions(), 2.0**20)
    assert narrow.inference.workspace == 2.0**20


def test_the_model_is_broadcast_where_spark_can() -> None:
    sent: list[Any] = []

    def broadcast(value: Any) -> SimpleNamespace:
        sent.append(value)
        return SimpleNamespace(value=value)

    classic = SimpleNamespace(sparkContext=SimpleNamespace(broadcast=broadcast))
    assert spark._sent(SimpleNamespace(sparkSession=classic), DEMO.network)() is DEMO.network
    assert sent == [DEMO.network]
    connect = SimpleNamespace(sparkSession=SimpleNamespace())  # Spark Connect has no broadcasts
    assert spark._sent(connect, DEMO.network)() is DEMO.network
    assert len(sent) == 1


def test_kernels_are_kept_where_the_worker_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    file = tmp_path / "a file"  # nobody may make a folder in it, root neither
    file.touch()

    def placed(cache: str = "", **environment: str) -> str:
        for name in ("TWITCHNET_CACHE", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        worker.place_cache(cache)
        return os.environ.get("TWITCHNET_CACHE", "")

    home, other = str(tmp_path / "home"), str(tmp_path / "other")
    assert placed(HOME=home) == ""  # the user's own caches are good
    assert placed(HOME=home, TWITCHNET_CACHE=other) == other
    assert placed(other, HOME=str(file)) == other
    assert not caplog.messages
    private = placed(HOME=str(file))
    (line,) = caplog.messages
    assert line.startswith(f"compiled kernels are kept in {private}: {file}")
    assert Path(private).parent == tmp_path / "tmp"
    assert placed(TWITCHNET_CACHE=str(file / "x")) == private  # as the next process does
    if hasattr(os, "getuid"):
        assert Path(private).stat().st_mode & 0o077 == 0
        Path(private).chmod(0o777)  # others may write there: what they put there is not run
        assert placed(HOME=str(file)) != private
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        caplog.clear()
        assert placed(str(shared), HOME=home) not in (str(shared), private)
        assert placed(HOME=home, TWITCHNET_CACHE=str(shared)) not in (str(shared), private)
        assert all(f"{shared} can be written by others" in line for line in caplog.messages)
        assert len(caplog.messages) == 2


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no modes")
def test_no_lock_is_made_where_others_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITCHNET_CACHE", str(tmp_path))
    folder = compiler.cache_directory()
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    precious = tmp_path / "precious"
    precious.write_text("to keep")
    (folder / "lock").symlink_to(precious)
    with cache_folder.one_at_a_time(folder):
        assert precious.read_text() == "to keep"


def test_one_process_of_a_machine_compiles(tmp_path: Path) -> None:
    """The others wait for it, and find the kernels on disk."""
    code = (
        "import os, sys, time, pathlib\n"
        "from twitchnet.engine.jit.cache_folder import one_at_a_time\n"
        "from twitchnet.engine.kernels import compiler\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "with one_at_a_time(compiler.cache_directory()):\n"
        "    others = [p.name for p in place.glob('inside*')]\n"
        "    mine = place / f'inside{os.getpid()}'\n"
        "    mine.touch(); time.sleep(0.3); mine.unlink()\n"
        "print(len(others))\n"
    )
    environment = {**os.environ, "TWITCHNET_CACHE": str(tmp_path / "cache")}
    words = [sys.executable, "-c", code, str(tmp_path)]
    runs = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    start = time.monotonic()
    assert [run.communicate()[0] for run in runs] == ["0\n"] * 3
    assert time.monotonic() - start > 0.6 or sys.platform == "win32"


def test_a_worker_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worker.prepare()
    assert compiler.is_compiled()
    monkeypatch.setattr(worker, "place_cache", None)  # would raise
    worker.prepare()


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A Spark of two cores that gives both to each task."""
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        session = (
            sql.SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.task.cpus", "2")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "70")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Spark's own
def test_spark_gives_the_same_bits(session: Any, tmp_path: Path) -> None:
    table = pa.Table.from_batches(list(simulate(DEMO.network, 500, seed=9)))
    column = ["?", *table.column(1).to_pylist()[1:]]
    table = table.set_column(1, table.schema.names[1], pa.array(column))
    more = {"reasons": 2, "intervals": 9, "seed": 4}
    scorer = Scorer(DEMO._inference, **more)
    expected = pa.Table.from_batches(list(score_batches(scorer, table.to_batches())))
    rows = [tuple(row.values()) for row in table.to_pylist()]
    frame = session.createDataFrame(rows, table.schema.names).repartition(3)
    scored = score_spark(DEMO, frame, **more)
    assert scored.columns == expected.schema.names
    found = sorted((row.asDict() for row in scored.collect()), key=lambda r: r["record_id"])
    assert found == expected.to_pylist()
    assert found[0]["status"] == "bad value"
    assert {row["reasons"] for row in found} == {None, "ok"}
    assert np.isfinite([row["log_evidence"] for row in found[1:]]).all()
    # and through files, with other columns kept and names mapped
    place = str(tmp_path / "records")
    frame.withColumnRenamed("leg_twitching", "q1").write.parquet(place)
    names = {"q1": "leg_twitching"}
    again = score_spark(DEMO, session.read.parquet(place), top=1, names=names, prefix="t_")
    assert again.columns[:3] == ["record_id", "t_cause_1", "t_posterior_1"]
    best = {row["record_id"]: row["t_posterior_1"] for row in again.collect()}
    whole = DEMO.score(table, top=1).to_pylist()
    assert best == {row["record_id"]: row["posterior_1"] for row in whole}


OF_A_CLINIC = {
    "stamp": "timestamp'2024-03-10 02:30:00.123456'",  # an hour that New York does not have
    "old": "timestamp'1850-01-01 00:00:00'",
    "clock": "timestamp_ntz'2024-03-10 02:30:00'",
    "day": "date'1912-02-29'",
    "price": "cast(1.10 as decimal(38, 18))",
    "scan": "X'00ff'",
    "whole": "array(1Y, 2Y)",
    "visits": "array(timestamp'2024-01-01 00:00:00', null)",
    "doses": "map(date'2024-01-01', 1.5F, date'2024-01-02', null)",
    "ward": "named_struct('n', 1S, 'since', timestamp'2024-01-01 00:00:00')",
    "nested": "array(named_struct('m', map('k', array(1.5D)), 'd', timestamp_ntz'2024-01-01'))",
    "stay": "interval '1 02:03:04' day to second",
    "nights": "interval '3' day",
    "nothing": "null",
    "alive": "true",
    "a.b": "1L",
    "a`b": "'x'",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_columns_of_every_type_pass_through_spark(session: Any, zone: str) -> None:
    session.conf.set("spark.sql.session.timeZone", zone)
    written = [f"{text} as `{name.replace('`', '``')}`" for name, text in OF_A_CLINIC.items()]
    there = session.sql("select 'a' as id, 'present' as leg_twitching").selectExpr("*", *written)
    frame = there.unionByName(session.sql("select 'b' as id"), allowMissingColumns=True)
    scored = score_spark(DEMO, frame)
    kept = ["id", *OF_A_CLINIC]
    assert scored.columns[: len(kept)] == kept
    assert scored.schema.fields[: len(kept)] == [frame.schema[name] for name in kept]
    given = {row["id"]: row for row in frame.collect()}
    found = {row["id"]: row for row in scored.collect()}
    assert {row["status"] for row in found.values()} == {"ok"}
    assert [[found[i][name] for name in kept] for i in "ab"] == [
        [given[i][name] for name in kept] for i in "ab"
    ]
    texts = [f"cast(`{name}` as string)" for name in ("stamp", "old", "clock", "ward", "stay")]
    first = [one.where("id = 'a'").selectExpr(*texts).collect() for one in (scored, frame)]
    assert first[0] == first[1]


def test_columns_that_spark_cannot_send_are_refused_before_it_starts() -> None:
    types = pytest.importorskip("pyspark.sql.types")
    months = types.YearMonthIntervalType()
    twice = types.StructType().add("x", "integer").add("x", "integer")
    schema = (
        types.StructType()
        .add("leg_twitching", "string")
        .add("age", months)
        .add("ages", types.ArrayType(types.MapType(types.StringType(), months)))
        .add("pair", twice)
        .add("stay", types.DayTimeIntervalType())
        .add("leg_twitching", "integer")
    )
    with pytest.raises(tn.RecordError) as caught:
        score_spark(DEMO, SimpleNamespace(schema=schema, columns=schema.names))
    assert [(one.code, one.path) for one in caught.value.problems] == [
        ("TN212", "leg_twitching"),
        ("TN216", "age"),
        ("TN216", "ages"),
        ("TN216", "pair"),
    ]
    assert all("drop it" in one.hint for one in caught.value.problems[1:])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_engine_has_the_cores_of_its_task(session: Any, tmp_path: Path) -> None:
    cache = str(tmp_path / "kernels")

    def told(batches: Any) -> Iterator[Any]:
        worker.place_cache(cache)
        for _ in batches:
            about = {"cores": spark._cores(), "cache": os.environ["TWITCHNET_CACHE"]}
            yield pa.RecordBatch.from_pydict({"told": [json.dumps(about)]})

    (row,) = session.range(1).repartition(1).mapInArrow(told, "told string").collect()
    assert json.loads(row["told"]) == {"cores": 2, "cache": cache}
    assert spark._cores() == 1  # no task here
