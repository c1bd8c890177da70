"""How long does one diagnosis take on the readable numpy path, and how much memory?

    python benchmarks/diagnose.py            a table on stdout
    python benchmarks/diagnose.py --peers    beside pyAgrum and pgmpy, where they finish
    python benchmarks/diagnose.py --compiled single records by the compiled kernels

Records are sampled from ``twitchy_legs`` with the complaint; age, sex, 80 % of the other
contexts and 60 % of the findings are answered.  Those with exactly 5 and exactly 12
present findings are taken as they come, whatever they cost.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import twitchnet as tn
from twitchnet.bench.networks import Case, questionnaires
from twitchnet.bench.peers import Peer, available, peak_memory
from twitchnet.bench.report import number
from twitchnet.diagnosis.evidence import read_answers
from twitchnet.engine.host.batch import run_single
from twitchnet.errors import CapacityError
from twitchnet.model.network import Network
from twitchnet.model.sampling import hide, sample

SEED = 20_240_602
RECORDS = 15
KNOWN = ("age_band", "sex")


def records(network: Network, positives: int) -> Case:
    """The first records with so many present findings."""
    rng = np.random.default_rng(SEED)
    people = sample(network, 4000, rng, {network.complaint: "present"})
    codes = hide(people, network, rng=rng)
    for name in KNOWN:
        column = [variable.name for variable in network.nodes].index(name)
        codes[:, column] = people[:, column]
    case = Case("", network, codes)
    return Case(f"{positives} positives", network, codes[case.positives == positives][:RECORDS])


def measure(positives: int, peers: list[str]) -> None:
    """Prints a row for us and for each peer."""
    model = tn.Model(tn.load("twitchy_legs").network, _engine="numpy")
    names = {variable.name: variable.states for variable in model.network.nodes}
    case = records(model.network, positives)
    model.diagnose({})
    took = []
    for i in range(len(case.codes)):
        record = {name: names[name][state] for name, state in case.record(i).items()}
        start = time.process_time()
        try:
            dx = model.diagnose(record)
        except CapacityError:
            continue
        _ = dx.ranking
        took.append(time.process_time() - start)
    show(f"twitchnet, numpy: {case.name}", took, len(case.codes), peak_memory())
    for name in peers:
        with Peer(name, model.network, timeout=20.0) as peer:
            answers = [peer.ask(case.record(i)) for i in range(len(case.codes))]
            done = [answer.seconds for answer in answers if answer]
            why = ", ".join(dict.fromkeys(peer.reasons))
            show(f"{name}: {case.name}", done, len(case.codes), peer.peak, why)


def show(name: str, took: list[float], asked: int, peak: int, why: str = "") -> None:
    median = number(statistics.median(took) * 1e3) if took else "-"
    most = number(max(took) * 1e3) if took else "-"
    memory = number(peak / 2**20) if took else "-"
    print(
        f"| {name} | {len(took)} of {asked} | {median} | {most} | {memory} | {why or '-'} |",
        flush=True,
    )


def children() -> float:
    """Seconds of processor time that ended processes of ours have taken."""
    times = os.times()
    return times.children_user + times.children_system


def fresh_shell(runs: int = 5) -> None:
    """Seconds and memory of ``twitchnet rank`` in a process of its own, no kernels on disk.

    By the clock, and below it the processor time, which other work on the machine leaves alone.
    """
    words = ["rank", "leg_twitching", "urge_to_move", "worse_at_night", "numbness=no",
             "caffeine_intake=high"]  # fmt: skip
    code = (
        "import sys, twitchnet.cli.main as c\n"
        f"c.app({words!r}, standalone_mode=False)\n"
        "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')), end='')\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        took, busy, peak = [], [], 0
        for _ in range(runs):
            start, before = time.perf_counter(), children()
            done = subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "TWITCHNET_CACHE": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            took.append(time.perf_counter() - start)
            busy.append(children() - before)
            peak = max(peak, int(done.stdout.splitlines()[-1].split()[1]) * 1024)
    show("fresh shell: twitchnet rank", took, runs, peak)
    show("the same, processor time", busy, runs, peak)


def compiled_records(count: int = 60, most: float = 1e6) -> None:
    """From dict to ``Diagnosis`` where the kernels are loaded, beside 250 us + 2 ns per cell.

    Full questionnaires of up to ``most`` planned cells, each the median of 15 times.
    """
    model = tn.load("twitchy_legs")
    codes = questionnaires(model.network, count, np.random.default_rng(SEED)).codes
    case = Case("single records", model.network, codes)
    model.posteriors(codes[:1])  # loads the kernels
    inference, names = model._inference, {v.name: v.states for v in model.network.nodes}
    took, aims = [], []
    for i in range(count):
        record = {name: names[name][state] for name, state in case.record(i).items()}
        evidence = inference.evidence(read_answers(model.network, record))
        program, workspace = inference.lowered.program, inference.workspace
        cells = run_single(program, evidence, inference.wanted, most, workspace).cells
        if cells > most:
            continue
        times = []
        for _ in range(15):
            start = time.process_time()
            model.diagnose(record)
            times.append(time.process_time() - start)
        took.append(statistics.median(times))
        aims.append(250e-6 + 2e-9 * cells)
    within = sum(t <= aim for t, aim in zip(took, aims, strict=True))
    print(
        f"{len(took)} records: median {1e6 * statistics.median(took):,.0f} us, the aim "
        f"{1e6 * statistics.median(aims):,.0f} us; {within} within their own aim, "
        f"summed ratio {sum(took) / sum(aims):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true", help="ask pyAgrum and pgmpy too")
    parser.add_argument("--compiled", action="store_true", help="single records by the kernels")
    parser.add_argument("--positives", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.positives:  # in a process of its own, for its peak memory
        measure(given.positives, available() if given.peers else [])
        return
    if given.compiled:
        compiled_records()
        return
    print("| what | finished | median, ms | most, ms | MB at the peak | stopped by |")
    print("| --- | ---: | ---: | ---: | ---: | --- |", flush=True)
    for positives in (5, 12):
        words = [sys.executable, str(Path(__file__)), "--positives", str(positives)]
        subprocess.run([*words, *(["--peers"] if given.peers else [])], check=True)
    fresh_shell()


if __name__ == "__main__":
    main()
