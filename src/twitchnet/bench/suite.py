"""What is measured, section by section.

``short`` takes some seconds and measures what does not depend on the machine too: planned
cost and accuracy.  ``full`` takes minutes, with every peer that is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np

from twitchnet.bench.networks import (
    STANDIN,
    Case,
    questionnaires,
    rare,
    rare_records,
    standin_records,
)
from twitchnet.bench.peers import Peer, available
from twitchnet.bench.report import Report, Section, load, machine, row
from twitchnet.bench.timing import OK, Comparison, Engine, compare, relative_error
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.numpy.plan import BUDGET
from twitchnet.model.network import Network

SEED = 20_240_601
BANDS = ((0, 4), (5, 8), (9, 12), (13, 16), (17, 999))
SHORT_BUDGET = 1e7  # cells; a short run leaves heavier records out
NUMPY_CELLS = 1e6  # records that numpy checks cost at most so much for the kernels
QUESTIONNAIRES = {"few": 10_000, "typical": 10_000, "full": 1_000}
Say = Callable[[str], object]


def cases(legs: Network, records: int, styles: Mapping[str, int] | None = None) -> Iterator[Case]:
    """The networks and record sets that are compared.

    ``styles`` are numbers of questionnaires by how they are answered, where they are others.
    """
    rng = np.random.default_rng(SEED)
    if STANDIN.is_file():
        yield standin_records(records, rng)
    yield rare_records(rare(), records, rng)
    for style in ("few", "typical", "full"):
        yield questionnaires(legs, (styles or {}).get(style, records), rng, style)


def accuracy(found: Sequence[Case], checked: int, budget: float = BUDGET) -> Section:
    """The kernels against the numpy executor, on the first records that numpy can do at ease."""
    rows, series = [], {}
    for case in found:
        engine, reference = Engine(case.network, budget), Inference(case.network, engine="numpy")
        out = engine.run(case.codes)
        worst, worst_log, done = 0.0, 0.0, 0
        light = np.flatnonzero((out.status == OK) & (out.cells <= NUMPY_CELLS))
        for i in light[:checked].tolist():
            beliefs = reference.beliefs(Answers(case.record(i)))
            states = [case.network.by_name[n].states.index(s) for n, s in engine.columns]
            theirs = [
                float(beliefs.probability[name][state])
                for (name, _), state in zip(engine.columns, states, strict=True)
            ]
            worst = max(worst, relative_error(out.probability[i], np.array(theirs)))
            worst_log = max(worst_log, abs(out.log_evidence[i] - beliefs.log_evidence))
            done += 1
        rows.append(row(case.name, [done, worst, worst_log]))
        series[case.name] = [done, worst, worst_log]
    note = (
        "Largest relative difference of any posterior above 1e-12, and of P(evidence), between "
        "the kernels and the numpy executor."
    )
    head = ("network, records", "checked", "posteriors", "P(evidence)")
    return Section("Accuracy", note, head, tuple(rows), series)


def cost(found: Sequence[Case], budget: float = BUDGET) -> Section:
    """Planned cells of the kernels: the same on every machine."""
    rows, series = [], {}
    for case in found:
        out = Engine(case.network, budget).run(case.codes)
        cells = out.cells
        values = [
            len(cells),
            float(np.median(case.positives)),
            float(np.median(cells)),
            float(np.percentile(cells, 90)),
            float(cells.max()),
            int((out.status == 2).sum()),
        ]
        rows.append(row(case.name, values))
        series[case.name] = values
    note = "Planned table cells per record (multiply-adds of the upward pass, all lanes)."
    head = ("network, records", "records", "positives", "median", "9 of 10 below", "most",
            "too wide")  # fmt: skip
    return Section("Planned cost", note, head, tuple(rows), series)


def speed(
    found: Sequence[Case],
    peers: Sequence[str],
    timeout: float,
    say: Say,
    budget: float = BUDGET,
) -> tuple[Section, Section, list[Comparison]]:
    """The same records here and elsewhere; and how much faster that is."""
    ours, theirs, all_results = [], [], []
    for case in found:
        say(f"{case.name}: {len(case.codes)} records, {', '.join(peers) or 'no peers'}")
        with ExitStack() as stack:
            asked = [stack.enter_context(Peer(n, case.network, timeout)) for n in peers]
            result = compare(case, asked, budget=budget)
            memory = {peer.name: peer.peak / 2**20 for peer in asked}
            stopped = {peer.name: ", ".join(dict.fromkeys(peer.reasons)) for peer in asked}
        all_results.append(result)
        micro, cells = result.ours[result.done] * 1e6, result.cells[result.done]
        ours.append(
            row(
                case.name,
                [
                    len(micro),
                    float((~result.done).sum()),
                    float(np.median(case.positives)),
                    float(np.median(cells)),
                    float(np.median(micro)),
                    float(micro.mean()),
                    float(np.percentile(micro, 99)),
                    float(micro.sum() / max(cells.sum(), 1.0) * 1e3),
                ],
            )
        )
        for name in peers:
            done = ~np.isnan(result.theirs[name]) & result.done
            milli = result.theirs[name][done] * 1e3
            values = [
                float(done.sum()),
                float(np.median(milli)) if done.any() else np.nan,
                float(milli.mean()) if done.any() else np.nan,
                float(np.median(result.ours[done])) * 1e3 if done.any() else np.nan,
                result.ratio(name) if done.any() else np.nan,
                result.error[name] if done.any() else np.nan,
                memory[name] if done.any() else np.nan,
            ]
            theirs.append((*row(f"{case.name}: {name}", values), stopped[name] or "-"))
    one_core = (
        "Processor time of one record on one core with a warm workspace, decoding and planning "
        "included; microseconds."
    )
    head = ("network, records", "records", "too wide", "positives", "cells, median", "median",
            "mean", "99 of 100 below", "ns per cell")  # fmt: skip
    first = Section("One core", one_core, head, tuple(ours))
    note = (
        "Each asked for the same records in one interleaved run, on one core, in milliseconds; "
        f"at most {timeout:g} s and 6 GB for a record. A peer is asked no more after three records "
        "that it did not finish; what stopped it is in the last column. The ratio is of summed "
        "times over the records that it finished, the difference the largest relative one of any "
        "posterior above 1e-12."
    )
    columns = ("network, records: peer", "finished", "their median", "their mean", "our median",
            "ratio", "difference", "their MB", "stopped by")  # fmt: skip
    return first, Section("Other libraries", note, columns, tuple(theirs)), all_results


def by_positives(results: Sequence[tuple[Case, Comparison]]) -> Section:
    """Time against the number of present findings."""
    rows, series = [], {}
    for case, result in results:
        for low, high in BANDS:
            chosen = (case.positives >= low) & (case.positives <= high) & result.done
            if not chosen.any():
                continue
            micro = result.ours[chosen] * 1e6
            band = f"{low}-{high}" if high < 999 else f"{low}+"
            values = [
                float(chosen.sum()),
                float(np.median(result.cells[chosen])),
                float(np.median(micro)),
                float(micro.mean()),
                float(np.percentile(micro, 99)),
            ]
            rows.append(row(f"{case.name}: {band}", values))
        series[f"{case.name}: cells"] = result.cells.tolist()
        series[f"{case.name}: seconds"] = result.ours.tolist()
        series[f"{case.name}: positives"] = case.positives.tolist()
    note = "Microseconds of one record on one core, by the number of present findings."
    head = ("network, records: positives", "records", "cells, median", "median", "mean",
            "99 of 100 below")  # fmt: skip
    return Section("By positives", note, head, tuple(rows), series)


def by_causes(counts: Sequence[int], records: int, peers: Sequence[str], say: Say) -> Section:
    """Rare-cause networks that grow."""
    rows: list[tuple[str, ...]] = []
    series: dict[str, list[float]] = {"causes": [], "ours": [], **{name: [] for name in peers}}
    for count in counts:
        say(f"{count} causes")
        network = rare(count, round(count * 4 / 3))
        case = rare_records(network, records, np.random.default_rng(SEED))
        with ExitStack() as stack:
            asked = [stack.enter_context(Peer(name, network)) for name in peers]
            result = compare(case, asked)
        values = [float(np.median(result.cells)), float(np.nanmedian(result.ours)) * 1e6]
        series["causes"].append(count)
        series["ours"].append(float(np.nanmean(result.ours)))
        for name in peers:
            done = result.theirs[name][~np.isnan(result.theirs[name])]
            values += [float(np.median(done)) * 1e3 if len(done) else np.nan, result.ratio(name)]
            series[name].append(float(done.mean()) if len(done) else np.nan)
        rows.append(row(str(count), values))
    head = ["causes", "cells, median", "us, median"]
    for name in peers:
        head += [f"{name}: ms, median", "ratio"]
    note = "Networks of rare causes with 4/3 as many findings; one core."
    return Section("By causes", note, tuple(head), tuple(rows), series)


def by_batch(case_of: Callable[[int], Case], sizes: Sequence[int], say: Say) -> Section:
    """Throughput of whole batches, by the clock on the wall, threads and workspaces included."""
    cores = os.cpu_count() or 1
    threads = sorted({1, 2, cores} & set(range(1, cores + 1)))
    rows = []
    series: dict[str, list[float]] = {"records": []}
    for size in sizes:
        say(f"a batch of {size:,}")
        case = case_of(size)
        engine = Engine(case.network)
        engine.run(case.codes[:1])
        rates = [
            size / engine.seconds(case.codes, count, 3 if size < 100_000 else 1)
            for count in threads
        ]
        series["records"].append(size)
        for count, rate in zip(threads, rates, strict=True):
            series.setdefault(f"{count} threads", []).append(rate)
        rows.append(row(f"{size:,}", rates))
    note = "Records a second, whole batches of codes in memory, by the clock on the wall."
    head = ("records", *(f"{n} thread{'s' if n > 1 else ''}" for n in threads))
    return Section(f"By records and threads: {case_of(1).name}", note, head, tuple(rows), series)


_CHILD = """
import sys, time
start = time.perf_counter()
import numpy as np
numpy = time.perf_counter() - start
from twitchnet.bench.networks import rare, rare_records
from twitchnet.bench.timing import Engine
case = rare_records(rare(30, 40), int(sys.argv[1]), np.random.default_rng(1))
engine = Engine(case.network)
ready = time.perf_counter()
engine.run(case.codes[:1])
first = time.perf_counter() - ready
engine.run(case.codes, threads=2)
import resource
print(numpy, first, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def start_up(records: int, cold: bool, say: Say) -> Section:
    """From a fresh process to the first answer of the kernels, and its memory at the peak."""
    rows = []

    def child(name: str, count: int, **environment: str) -> None:
        say(name)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(count)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        took = time.perf_counter() - start
        numpy, first, memory = (float(word) for word in done.stdout.split())
        rows.append(row(name, [numpy, first, took, memory]))

    if cold:
        with tempfile.TemporaryDirectory() as folder:
            child("cold: compiles", 1, TWITCHNET_CACHE=folder)
    child("warm: kernels on disk, 1 record", 1)
    child(f"warm, {records:,} records", records)
    note = (
        "Seconds from a fresh process: importing numpy, the first record of the kernels, the "
        "whole process; and the most memory it held, in MB. 30 rare causes."
    )
    return Section("Start and memory", note, ("start", "numpy", "first record", "process", "MB"),
                   tuple(rows))  # fmt: skip


def _batch_case(size: int) -> Case:
    rng = np.random.default_rng(SEED)
    few = standin_records(min(size, 20_000), rng) if STANDIN.is_file() else rare_records(
        rare(), min(size, 20_000), rng
    )  # fmt: skip
    codes = np.resize(few.codes, (size, few.codes.shape[1]))
    return Case(few.name, few.network, codes)


def short(legs: Network, say: Say = print) -> Report:
    """Some seconds: planned cost, accuracy, one core; no peers."""
    say("compiling or loading the kernels")
    found = [case for case in cases(legs, 60) if not case.name.endswith("full")]
    one_core, _, _ = speed(found, (), 1.0, say, SHORT_BUDGET)
    sections = (cost(found, SHORT_BUDGET), accuracy(found, 6, SHORT_BUDGET), one_core)
    return Report(machine() | {"load": load()}, sections)


def full(legs: Network, say: Say = print, most: int = 100_000) -> Report:
    """A quarter of an hour: every section, every peer that is installed."""
    about = machine() | {"load before": load()}
    names = available()
    fast = [name for name in names if name != "pgmpy"]
    many = list(cases(legs, 300, QUESTIONNAIRES))
    some = [case.head(300) for case in many]
    few = [case.head(60 if "," not in case.name else 20) for case in many]
    one_core, _, results = speed(many, (), 1.0, say)
    _, elsewhere, _ = speed(few, fast, 10.0, say)
    sections = [one_core, elsewhere]
    if "pgmpy" in names:
        _, slow, _ = speed([case.head(2) for case in few], ["pgmpy"], 20.0, say)
        sections[-1] = Section(
            elsewhere.title, elsewhere.note, elsewhere.head, elsewhere.rows + slow.rows
        )
    sections += [
        by_positives(list(zip(many, results, strict=True))),
        by_causes((10, 30, 100, 300, 500), 20, [n for n in fast if "expert" in n], say),
        by_batch(_batch_case, [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= most], say),
        start_up(100_000, True, say),
        cost(some),
        accuracy(some, 20),
    ]
    return Report(about | {"load after": load()}, tuple(sections))
