"""Files in, files out: what of the engine's own rate is left, and how much memory it takes.

    python benchmarks/throughput.py                        a million records: some minutes
    python benchmarks/throughput.py --stream 10000000      and ten million in one file
    python benchmarks/throughput.py --spark                and Spark in local mode
    python benchmarks/throughput.py --only io              reading and writing alone

Prints Markdown.  Each run of ``twitchnet score`` is a process of its own, so its seconds
hold everything from the first import on, and its memory is the largest it ever had.  The
engine's own rate is taken before and after, on the same records in memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pyarrow import parquet

import twitchnet as tn
from twitchnet.batch import posteriors as batch_posteriors
from twitchnet.batch.encode import Encoded
from twitchnet.batch.files import Job, score_files
from twitchnet.batch.readers import format_of, open_input
from twitchnet.batch.score import Scorer
from twitchnet.batch.simulate import simulate, write_batches
from twitchnet.batch.stream import make_scheme
from twitchnet.bench.networks import standin
from twitchnet.bench.report import load, machine
from twitchnet.engine.batch import BatchInput, BatchOutput
from twitchnet.io.model_writer import write_network

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Records:
    """Records of a model: its name for the command line, the Parquet file, their number."""

    title: str
    model: str
    path: Path
    count: int


@dataclass(frozen=True)
class Run:
    """A process that has ended: by the clock, on the processor, and its largest memory."""

    seconds: float
    processor: float
    megabytes: float


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(*words: str) -> Run:
    """A Python process with these arguments."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(said.decode())
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def score(records: Records, source: Path, target: Path, *options: str) -> Run:
    """The command ``twitchnet score``."""
    target.unlink(missing_ok=True)
    words = ("score", str(source), "-o", str(target), "-m", records.model, *options)
    return run("-m", "twitchnet", *words)


def draw(title: str, model: str, count: int, folder: Path, **options: Any) -> Records:
    """Simulated records in a Parquet file."""
    path = folder / f"{title.replace(' ', '-')}-{count}.parquet"
    network = tn.load(model).network
    if not path.exists():
        write_batches(simulate(network, count, seed=1, **options), path, "parquet")
    return Records(title, model, path, count)


def as_csv(path: Path) -> Path:
    """The same records as CSV."""
    target = path.with_suffix(".csv")
    if not target.exists():
        with parquet.ParquetFile(path) as file:
            write_batches(file.iter_batches(65_536), target, "csv")
    return target


def engine(records: Records, details: bool, most: int) -> Callable[[], float]:
    """A measurement of the engine alone: records a second, from codes to columns in memory."""
    model = tn.load(records.model)
    with parquet.ParquetFile(records.path) as file:
        codes = np.concatenate([model.encode(batch) for batch in file.iter_batches(65_536)])
    codes = codes[:most]
    scorer = Scorer(model._inference, None, details)
    none = np.full((len(codes), len(model.network.names("screen"))), -1, dtype=np.int8)
    model.posteriors(codes[:64])  # loads the kernels

    def rate() -> float:
        start = time.perf_counter()
        if details:
            scorer.score(Encoded(codes, none, (), {}, {}))
        else:
            model.posteriors(codes)
        return len(codes) / (time.perf_counter() - start)

    return rate


def throughput(records: Records, details: bool, folder: Path, most: int) -> Iterator[list[str]]:
    """Rows of the table: each way of files between two measurements of the engine."""
    rate = engine(records, details, most)
    source = as_csv(records.path)
    before = rate()
    for kind, path, name in (
        ("CSV -> Parquet", source, "out.parquet"),
        ("Parquet -> Parquet", records.path, "out.parquet"),
    ):
        done = score(records, path, folder / name, *([] if details else ["--lean"]))
        after = rate()
        own = 2.0 / (1.0 / before + 1.0 / after)
        before, found = after, records.count / done.seconds
        what = "all columns" if details else "--lean"
        say(f"{records.title} {kind} {what}: {found:,.0f}/s, engine {own:,.0f}/s")
        yield [
            f"{records.title}, {kind}, {what}", f"{records.count:,}", f"{own:,.0f}",
            f"{found:,.0f}", f"{100 * found / own:.0f} %", f"{done.megabytes:,.0f}",
        ]  # fmt: skip


def silent(program: Any, rows: BatchInput, wanted: Any, nodes: Any, *_: Any, **__: Any) -> Any:
    """In place of the engine: answers without a computation."""
    count = len(rows.codes)
    some = np.random.default_rng(count).random((count, len(nodes) + 1))
    return BatchOutput(
        some[:, 1:], np.empty((count, 0)), some[:, 0] - 9.0, np.zeros(count, np.int8),
        np.full(count, 100.0),
    )  # fmt: skip


def input_and_output(records: Records, folder: Path) -> Iterator[list[str]]:
    """Rows of the table without the engine: microseconds on the processor for each record."""
    scorer = Scorer(tn.load(records.model)._inference)
    every = {"csv": as_csv(records.path), "parquet": records.path}
    json = records.path.with_suffix(".jsonl")
    if not json.exists():
        with parquet.ParquetFile(records.path) as file:
            write_batches(file.iter_batches(65_536), json, "jsonl")
    every["jsonl"] = json
    pairs = [("parquet", "parquet"), ("csv", "parquet"), ("csv", "csv"), ("jsonl", "jsonl")]
    for source, target in pairs:
        found = open_input([str(every[source])])
        output = folder / f"silent.{target}"
        scheme = make_scheme(scorer, found.columns)
        job = Job(found, scheme, str(output), format_of(output.name))
        start = time.process_time()
        score_files(job)
        cost = (time.process_time() - start) / records.count
        yield [f"{records.title}, {source} -> {target}", f"{records.count:,}", f"{1e6 * cost:.1f}"]


def start_up(records: Records, folder: Path) -> list[str]:
    """A file of 40 rows, beside the engine on 40 rows."""
    few = draw(records.title, records.model, 40, folder)
    code = (
        f"import numpy, twitchnet; m = twitchnet.load({records.model!r}); "
        "m.posteriors(numpy.full((40, len(m.network.nodes)), -1, numpy.int8))"
    )
    alone = min(run("-c", code).seconds for _ in range(3))
    found = min(score(few, few.path, folder / "few.parquet").seconds for _ in range(3))
    return [f"{alone:.2f} s", f"{found:.2f} s", f"{found - alone:.2f} s"]


def spark_rate(records: Records, folder: Path) -> tuple[float, int]:
    """Records a second of Spark with two cores, Parquet to Parquet, and rows that differ."""
    from pyspark.sql import SparkSession

    from twitchnet.batch.spark import score_spark

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .getOrCreate()
    )
    target = folder / "spark"
    try:
        frame = spark.read.parquet(str(records.path))
        model = tn.load(records.model)
        score_spark(model, frame.limit(100), details=False).collect()  # starts the workers
        start = time.perf_counter()
        scored = score_spark(model, frame, details=False)
        scored.write.mode("overwrite").parquet(str(target))
        seconds = time.perf_counter() - start
    finally:
        spark.stop()
    theirs = parquet.read_table(target).sort_by("record_id")
    ours = parquet.read_table(folder / "out.parquet").sort_by("record_id")
    differ = sum(
        not ours.column(name).combine_chunks().equals(theirs.column(name).combine_chunks())
        for name in ours.column_names
    )
    return records.count / seconds, differ


def table(head: str, rows: Iterable[list[str]]) -> None:
    names = head.split(" | ")
    print(f"| {head} |\n| --- |{' ---: |' * (len(names) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records of the stand-in")
    parser.add_argument("--legs", type=int, default=100_000, help="of twitchy_legs")
    parser.add_argument("--legs-engine", type=int, default=100_000, help="of them, engine alone")
    parser.add_argument("--stream", type=int, default=0, help="records of one long run")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--only", choices=["io", "files", "start", "stream", "spark"])
    parser.add_argument("--folder", type=Path, help="keep the files there")
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measure(given, folder)


def measure(given: argparse.Namespace, folder: Path) -> None:
    def is_wanted(part: str) -> bool:
        return given.only in (None, part)

    model = folder / "standin.yaml"
    write_network(standin(), model)
    print(", ".join(f"{name} {value}" for name, value in machine().items()) + f"; {load()}\n")
    stand = draw("stand-in", str(model), given.rows, folder)
    if is_wanted("start"):
        table("engine alone | twitchnet score | beyond", [start_up(stand, folder)])
    if is_wanted("files"):
        legs = draw(
            "twitchy_legs", "twitchy_legs", given.legs, folder, given={"leg_twitching": "present"}
        )
        rows = (
            row
            for records, details, most in (
                (stand, False, given.rows),
                (stand, True, given.rows),
                (legs, False, given.legs_engine),
                (legs, True, given.legs_engine),
            )
            for row in throughput(records, details, folder, most)
        )
        table("way | records | engine, records/s | files, records/s | share | MB", rows)
    if given.stream and is_wanted("stream"):
        long = draw("stand-in", str(model), given.stream, folder)
        done = score(long, long.path, folder / "long.parquet", "--lean")
        whole = parquet.ParquetFile(folder / "long.parquet").metadata.num_rows
        assert whole == given.stream
        row = [f"{whole:,}", f"{done.seconds:,.0f}", f"{whole / done.seconds:,.0f}"]
        table("records | seconds | records/s | MB", [[*row, f"{done.megabytes:,.0f}"]])
    if given.spark and is_wanted("spark"):
        own = stand.count / score(stand, stand.path, folder / "out.parquet", "--lean").seconds
        rate, differ = spark_rate(stand, folder)
        row = [f"{stand.count:,}", f"{own:,.0f}", f"{rate:,.0f}", f"{100 * rate / own:.0f} %"]
        table("records | one machine | Spark | share | columns that differ", [[*row, str(differ)]])
    if is_wanted("io"):
        batch_posteriors.run_batch = silent
        head = "way | records | microseconds a record, on the processor"
        table(head, input_and_output(stand, folder))


if __name__ == "__main__":
    main()
