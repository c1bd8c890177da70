"""Files in, files out: what of the engine's own rate is left, and how much memory it takes.

    python benchmarks/throughput.py --write                everything, kept in docs/performance.md
    python benchmarks/throughput.py                        a million records: some minutes
    python benchmarks/throughput.py --stream 10000000      and ten million in one file
    python benchmarks/throughput.py --spark                and Spark in local mode
    python benchmarks/throughput.py --only io              reading and writing alone
    python benchmarks/throughput.py --small                every part in a minute, for trying out

Prints Markdown.  Each run of ``twitchnet score`` is a process of its own, so its seconds
hold everything from the first import on, and its memory is the largest it ever had.  The
engine's own rate is taken before, between and after, on records that are in memory; its
median is what the files are held against, so that a busy machine does them the same harm.
The share by the processor compares processor time, which others do not take away.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pyarrow import parquet

import twitchnet as tn
from twitchnet.batch.encoding.encode import Encoded
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring import posteriors as batch_posteriors
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate, write_batches
from twitchnet.batch.stream import make_scheme
from twitchnet.bench.networks import standin
from twitchnet.bench.report import load, machine
from twitchnet.engine.host.batch import BatchInput, BatchOutput
from twitchnet.engine.numpy.plan import BUDGET
from twitchnet.io.formats import write_model

CORES = os.cpu_count() or 1
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- throughput: begin -->", "<!-- throughput: end -->"
MOST = 100_000
"""Records that the engine alone is timed on; more give the same rate and take longer."""
LEGS_BUDGET = 5e6
"""Cells of a questionnaire: the widest in a thousand would take most of the time."""


@dataclass(frozen=True)
class Records:
    """Records of a model: its name for the command line, the Parquet file, their number, and
    the planned cells above which one of them is refused as too wide.
    """

    title: str
    model: str
    path: Path
    count: int
    budget: float = BUDGET


@dataclass(frozen=True)
class Run:
    """A process that has ended: by the clock, on the processor, and its largest memory."""

    seconds: float
    processor: float
    megabytes: float


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# The kernel counts the memory of the process that started it into that of a new process, so
# a process tells its own.
COMMAND = """
import atexit, runpy, sys
def tell():
    about = open("/proc/self/status").read()
    print("most:", about.partition("VmHWM:")[2].split()[0], file=sys.stderr)
atexit.register(tell)
sys.argv[0] = "twitchnet"
runpy.run_module("twitchnet", run_name="__main__")
"""


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
    told = said.decode().rpartition("most:")[2].strip()
    most = float(told) if told.isdecimal() else usage.ru_maxrss
    return Run(seconds, usage.ru_utime + usage.ru_stime, most / 1024)


def score(records: Records, source: Path, target: Path, *options: str) -> Run:
    """The command ``twitchnet score``."""
    target.unlink(missing_ok=True)
    asked = ("-m", records.model, "--budget", str(records.budget))
    words = ("score", str(source), "-o", str(target), *asked, *options)
    return run("-c", COMMAND, *words)


def draw(title: str, model: str, count: int, folder: Path, **options: Any) -> Records:
    """Simulated records in a Parquet file."""
    path = folder / f"{title.replace(' ', '-')}-{count}.parquet"
    budget = LEGS_BUDGET if model == "twitchy_legs" else BUDGET
    network = tn.load(model).network
    if not path.exists():
        write_batches(simulate(network, count, seed=1, **options), path, "parquet")
    return Records(title, model, path, count, budget)


def converted(path: Path, form: str) -> Path:
    """The same records in another format."""
    target = path.with_suffix(f".{form}")
    if not target.exists():
        with parquet.ParquetFile(path) as file:
            write_batches(file.iter_batches(65_536), target, form)
    return target


def engine(records: Records, details: bool, most: int) -> Callable[[], tuple[float, float]]:
    """A measurement of the engine alone, from codes to columns in memory.

    Records a second by the clock, and for each second of the processor.
    """
    model = tn.load(records.model, budget=records.budget)
    with parquet.ParquetFile(records.path) as file:
        codes = np.concatenate([model.encode(batch) for batch in file.iter_batches(65_536)])
    codes = codes[:most]
    scorer = Scorer(model._inference, details=details)
    none = np.full((len(codes), len(model.network.names("screen"))), -1, dtype=np.int8)
    model.posteriors(codes[:64])  # loads the kernels

    def rate() -> tuple[float, float]:
        start, busy = time.perf_counter(), time.process_time()
        if details:
            scorer.score(Encoded(codes, none, (), {}, {}))
        else:
            model.posteriors(codes)
        passed, worked = time.perf_counter() - start, time.process_time() - busy
        return len(codes) / passed, len(codes) / worked

    return rate


@dataclass(frozen=True)
class Cost:
    """What a run over so many records costs."""

    title: str
    count: int
    run: Run

    def row(self) -> list[str]:
        """Of the table of sizing."""
        each = self.run.processor / self.count
        hours = each * 1e9 / 3600
        return [
            self.title, f"{1 / each:,.0f}", f"{1e6 * each:,.0f}", f"{hours:,.0f}",
            f"{self.run.megabytes:,.0f}",
        ]  # fmt: skip


def throughput(
    records: Records, details: bool, folder: Path, costs: list[Cost]
) -> Iterator[list[str]]:
    """Rows of the table: both ways of files, between measurements of the engine."""
    rate = engine(records, details, MOST if records.budget == BUDGET else MOST // 10)
    source = converted(records.path, "csv")
    what = "all columns" if details else "`--lean`"
    rates, runs = [rate()], []
    for kind, path in (("CSV -> Parquet", source), ("Parquet -> Parquet", records.path)):
        done = score(records, path, folder / "out.parquet", *([] if details else ["--lean"]))
        runs.append((kind, done))
        rates.append(rate())
        say(f"{records.title} {kind} {what}: {records.count / done.seconds:,.0f}/s")
        say(f"  engine alone: {', '.join(f'{one:,.0f}/s' for one, _ in rates)}")
    own, work = (statistics.median(column) for column in zip(*rates, strict=True))
    for kind, done in runs:
        found, worked = records.count / done.seconds, records.count / done.processor
        yield [
            f"{records.title}, {kind}, {what}", f"{records.count:,}", f"{own:,.0f}",
            f"{found:,.0f}", f"{100 * found / own:.0f} %", f"{100 * worked / work:.0f} %",
            f"{done.megabytes:,.0f}",
        ]  # fmt: skip
        if kind == "Parquet -> Parquet":
            costs.append(Cost(f"{records.title}, {what}", records.count, done))


def one_core(records: Records, folder: Path) -> float:
    """The largest memory of a process with one thread, in MB."""
    return score(records, records.path, folder / "one.parquet", "--threads", "1").megabytes


def silent(program: Any, rows: BatchInput, wanted: Any, nodes: Any, *_: Any, **__: Any) -> Any:
    """In place of the engine: answers without a computation."""
    count = len(rows.codes)
    some = np.random.default_rng(count).random((count, len(nodes) + 1))
    return BatchOutput(
        some[:, 1:], np.empty((count, 0)), some[:, 0] - 9.0, np.zeros(count, np.int8),
        np.full(count, 100.0), np.zeros(count, np.int8),
    )  # fmt: skip


def input_and_output(records: Records, folder: Path) -> Iterator[list[str]]:
    """Rows of the table without the engine: microseconds on the processor for each record."""
    scorer = Scorer(tn.load(records.model)._inference)
    pairs = [("parquet", "parquet"), ("csv", "parquet"), ("csv", "csv"), ("jsonl", "jsonl")]
    for source, target in pairs:
        found = open_input([str(converted(records.path, source))])
        output = folder / f"silent.{target}"
        scheme = make_scheme(scorer, found.columns)
        job = Job(found, scheme, str(output), format_of(output.name))
        start = time.process_time()
        score_files(job)
        cost = (time.process_time() - start) / records.count
        yield [f"{records.title}, {source} -> {target}", f"{records.count:,}", f"{1e6 * cost:.1f}"]


def start_up(records: Records, folder: Path) -> list[str]:
    """A file of 40 rows without answers, beside the engine on such rows; medians of five."""
    few = draw(f"empty {records.title}", records.model, 40, folder, contexts=0.0, findings=0.0)
    code = (
        f"import numpy, twitchnet; m = twitchnet.load({records.model!r}); "
        "m.posteriors(numpy.full((40, len(m.network.nodes)), -1, numpy.int8))"
    )
    alone, found = [], []
    for _ in range(5):
        alone.append(run("-c", code).seconds)
        found.append(score(few, few.path, folder / "few.parquet").seconds)
    own, whole = statistics.median(alone), statistics.median(found)
    return [records.title, f"{own:.2f} s", f"{whole:.2f} s", f"{whole - own:.2f} s"]


def stream(records: Records, folder: Path) -> list[str]:
    """One long run."""
    done = score(records, records.path, folder / "long.parquet", "--lean")
    whole = parquet.ParquetFile(folder / "long.parquet").metadata.num_rows
    assert whole == records.count
    return [
        f"{whole:,}", f"{done.seconds:,.0f}", f"{whole / done.seconds:,.0f}",
        f"{done.megabytes:,.0f}",
    ]  # fmt: skip


SPARK = """
import json, os, resource, sys, time
from pyspark.sql import SparkSession
import pyarrow
import twitchnet
from twitchnet.batch.spark import score_spark

source, model, target = sys.argv[1:]
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.memory", "2g")
    .config("spark.sql.files.maxPartitionBytes", "2m")  # a task for each row group
    .getOrCreate()
)
frame, model = session.read.parquet(source), twitchnet.load(model)
score_spark(model, frame.limit(100), details=False).collect()  # starts the workers
start = time.perf_counter()
scored = score_spark(model, frame, details=False)
scored.write.mode("overwrite").option("parquet.enable.dictionary", "false").parquet(target)
seconds = time.perf_counter() - start

def memory(batches):
    for _ in batches:
        pass
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield pyarrow.RecordBatch.from_pydict({"megabytes": [most]})

workers = session.range(100).repartition(8).mapInArrow(memory, "megabytes double").collect()
session.stop()
print(json.dumps({"seconds": seconds, "megabytes": max(row[0] for row in workers)}))
"""


def spark_rate(records: Records, folder: Path) -> list[str]:
    """Spark with two cores beside one machine, Parquet to Parquet: who is quicker, what differs."""
    environment = {
        **os.environ, "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip
    words = [str(records.path), records.model, str(folder / "spark")]
    rates, theirs = [], []
    for part in range(3):  # one machine, Spark, one machine
        if part == 1:
            done = subprocess.run(
                [sys.executable, "-c", SPARK, *words],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            theirs = json.loads(done.stdout.splitlines()[-1])
            say(f"Spark: {records.count / theirs['seconds']:,.0f}/s")
        else:
            done = score(records, records.path, folder / "out.parquet", "--lean")
            rates.append(records.count / done.seconds)
            say(f"one machine: {rates[-1]:,.0f}/s")
    own, found = statistics.median(rates), records.count / theirs["seconds"]
    return [
        f"{records.count:,}", f"{own:,.0f}", f"{found:,.0f}", f"{100 * found / own:.0f} %",
        str(differing(folder / "out.parquet", folder / "spark")), f"{theirs['megabytes']:,.0f}",
    ]  # fmt: skip


def differing(one: Path, other: Path) -> int:
    """Cells that are not the same to the last bit."""
    ours, theirs = (parquet.read_table(path).sort_by("record_id") for path in (one, other))
    assert ours.column_names == theirs.column_names
    count = 0
    for name in ours.column_names:
        mine, his = ours[name].combine_chunks(), theirs[name].combine_chunks()
        if not mine.equals(his):
            count += sum(a != b for a, b in zip(mine.to_pylist(), his.to_pylist(), strict=True))
    return count


class Page:
    """What is printed, and kept when asked."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        self.parts.append(text)
        print(text, flush=True)
        print()

    def table(self, head: str, rows: Iterable[list[str]]) -> None:
        names = head.split(" | ")
        lines = [f"| {head} |", f"| --- |{' ---: |' * (len(names) - 1)}"]
        self.say("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))

    def write(self) -> None:
        """Puts it between its marks in docs/performance.md."""
        page = PAGE.read_text(encoding="utf-8")
        before, mark, rest = page.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not mark or not end:
            raise SystemExit(f"{PAGE} has no marks {BEGIN} and {END}")
        text = "\n\n".join(self.parts)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def has_spark() -> bool:
    """Whether pyspark is installed, and Java."""
    return find_spec("pyspark") is not None and shutil.which("java") is not None


PARTS = ("start", "files", "stream", "spark", "sizing", "io")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records of the stand-in")
    parser.add_argument("--all-columns", type=int, default=1_000_000, help="of them, all columns")
    parser.add_argument("--legs", type=int, default=100_000, help="of twitchy_legs")
    parser.add_argument("--legs-all", type=int, default=20_000, help="of them, all columns")
    parser.add_argument("--stream", type=int, default=0, help="records of one long run")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--folder", type=Path, help="keep the files there")
    parser.add_argument("--small", action="store_true", help="few records, every part")
    parser.add_argument("--write", action="store_true", help="every part, kept in the docs")
    given = parser.parse_args()
    if given.write:
        given.stream, given.spark = given.stream or 10_000_000, has_spark()
    if given.small:
        given.rows, given.all_columns, given.legs, given.legs_all = 20_000, 5_000, 500, 100
        given.stream, given.spark = 40_000, has_spark()
    with TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        page = measure(given, folder)
    if given.write and not given.only:
        page.write()


def measure(given: argparse.Namespace, folder: Path) -> Page:
    def is_wanted(*parts: str) -> bool:
        return given.only is None or given.only in parts

    page, costs = Page(), []
    model = folder / "standin.yaml"
    write_model(standin(), model)
    about = ", ".join(f"{name} {value}" for name, value in machine().items())
    page.say(f"{about}; one-minute load before: {load()}")
    stand = draw("stand-in", str(model), given.rows, folder)
    asked = {"given": {"leg_twitching": "present"}}
    if is_wanted("start"):
        legs = Records("twitchy_legs", "twitchy_legs", folder, 0)
        rows = (start_up(records, folder) for records in (stand, legs))
        page.table("a file of 40 rows | engine alone | twitchnet score | beyond", rows)
    if is_wanted("files", "sizing"):
        every = [
            (stand, False),
            (draw("stand-in", str(model), given.all_columns, folder), True),
            (draw("twitchy_legs", "twitchy_legs", given.legs, folder, **asked), False),
            (draw("twitchy_legs", "twitchy_legs", given.legs_all, folder, **asked), True),
        ]
        head = "way | records | engine, records/s | files, records/s | share by the clock"
        head += " | by the processor | MB"
        rows = (throughput(one, all_of_it, folder, costs) for one, all_of_it in every)
        page.table(head, chain.from_iterable(rows))
    if given.stream and is_wanted("stream"):
        long = draw("stand-in", str(model), given.stream, folder)
        page.table("records | seconds | records/s | MB", [stream(long, folder)])
    if given.spark and is_wanted("spark"):
        head = "records | one machine, records/s | Spark, records/s | share | cells that differ"
        page.table(f"{head} | MB of a worker", [spark_rate(stand, folder)])
    if is_wanted("files", "sizing"):
        head = "Parquet -> Parquet | records/s of a core | µs of a core | core-hours per 10⁹ | MB"
        page.table(head, [cost.row() for cost in costs])
        few = [(one, all_of_it) for one, all_of_it in every if all_of_it]
        memory = ", ".join(f"{one.title} {one_core(one, folder):,.0f} MB" for one, _ in few)
        page.say(f"A process with one thread: {memory}.")
    if is_wanted("io"):
        batch_posteriors.run_batch = silent
        head = "engine left out | records | µs of a core for each record"
        few = draw("stand-in", str(model), given.all_columns, folder)
        page.table(head, input_and_output(few, folder))
    return page


if __name__ == "__main__":
    main()
