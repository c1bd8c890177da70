"""What are the two forms of the kernels worth?  Both on the same records, one core.

    python benchmarks/forms.py                  some minutes
    python benchmarks/forms.py --records 50

``double`` and ``double-double`` are the forms by themselves, ``as used`` is what the kernels
do: doubles, and double-doubles where those are not believed.  Processor time; a form is timed after
it ran once.  The error is the largest relative difference of any posterior above 1e-12 of the fast
form, where it is believed, to the wide one.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import twitchnet as tn
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.bench.networks import (
    questionnaires,
    rare,
    rare_records,
    standin,
    standin_records,
)
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import WORKSPACE, BatchOutput, task_of
from twitchnet.engine.host.packing import new_scratch, pack
from twitchnet.engine.jit import lanes
from twitchnet.engine.kernels import compiler, layout
from twitchnet.engine.kernels import record as kernels
from twitchnet.model.network import Network

BUDGET = 2e7  # planned cells; the widest records would take most of the time
DOUBLE, DOUBLE_DOUBLE, AS_USED = kernels.DOUBLE, kernels.DOUBLE_DOUBLE, 2


def compiled_forms() -> Any:
    """A compiled function: one record in a form, some times; its status and posteriors."""
    compiler.compiled()  # teaches the compiler the kernels and the bare arrays
    bundle, read_row, run_record = lanes.bundle, kernels.read_row, kernels.run_record
    bare, budget, target = lanes.bare, BUDGET, layout.TARGET
    double, double_double = DOUBLE, DOUBLE_DOUBLE

    @compiler.caller
    def run(
        packed: Any, scratch: Any, task: Any, row: int, form: int, copies: int, out: Any
    ) -> int:
        p, s, nothing, status = bundle(packed), bundle(scratch), bare(task.responsibility), 0
        for _ in range(copies):
            read_row(p, s, task, row)
            first, last = (double, double_double) if form > double_double else (form, form)
            status, _, _ = run_record(p, s, budget, nothing, first, last)
        for v in range(len(p.node.card)):
            for state in range(p.node.card[v]):
                out[state, v] = s.node.marginal[state, v] if task.wanted[v] == target else 0.0
        return status

    return run


def compare(title: str, network: Network, codes: Any, run: Any) -> str:
    """A row of the table."""
    inference = Inference(network)
    program = inference.lowered.program
    packed, scratch = pack(program), new_scratch(program, WORKSPACE)
    rows, none = make_rows(inference, codes, {}), np.zeros(0, dtype=np.int64)
    task = task_of(rows, inference.wanted_targets, none, none, BatchOutput.empty(len(codes), 0))
    shape = (int(program.card.max()), len(program.card))
    took, believed = np.full((len(codes), 3), np.nan), np.zeros((len(codes), 2), bool)
    error = 0.0
    for i in range(len(codes)):
        found = []
        for form in (DOUBLE, DOUBLE_DOUBLE, AS_USED):
            out = np.zeros(shape)
            given = packed.at, scratch.at, task, i, form
            start = time.thread_time()
            status = run(*given, 1, out)
            copies = max(1, min(20, int(0.002 / max(time.thread_time() - start, 1e-6))))
            start = time.thread_time()
            run(*given, copies, out)
            took[i, form] = (time.thread_time() - start) / copies
            found.append((status, out))
        if found[AS_USED][0] != kernels.OK:
            took[i] = np.nan
            continue
        believed[i] = [found[form][0] == kernels.OK for form in (DOUBLE, DOUBLE_DOUBLE)]
        if believed[i].all():
            rough, fine = found[DOUBLE][1], found[DOUBLE_DOUBLE][1]
            above = fine > 1e-12
            error = max(error, float((np.abs(rough - fine)[above] / fine[above]).max()))
    done = np.isfinite(took[:, AS_USED])
    each = 1e6 * took[done]
    means, medians = each.mean(axis=0), np.median(each, axis=0)
    shares = 100 * believed[done].mean(axis=0)
    return (
        f"| {title} | {done.sum()} | {shares[DOUBLE]:.0f} / {shares[DOUBLE_DOUBLE]:.0f} % "
        f"| {' / '.join(f'{x:,.0f}' for x in medians)} | {' / '.join(f'{x:,.0f}' for x in means)} "
        f"| {error:.0e} |"
    )


def main() -> None:
    """Prints one line per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=300)
    count = parser.parse_args().records
    rng = np.random.default_rng(20_241_126)
    legs, causes = tn.load("twitchy_legs").network, rare()
    run = compiled_forms()
    print("| records | finished | believed: double / double-double ", end="")
    print("| median us: double / double-double / as used | mean us | error: double |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for title, network, codes in (
        ("stand-in", standin(), standin_records(count, rng).codes),
        ("rare 300 x 400", causes, rare_records(causes, count, rng).codes),
        ("twitchy_legs, few", legs, questionnaires(legs, count, rng, "few").codes),
        ("twitchy_legs, typical", legs, questionnaires(legs, count, rng).codes),
        ("twitchy_legs, full", legs, questionnaires(legs, count, rng, "full").codes),
    ):
        print(compare(title, network, codes, run), flush=True)


if __name__ == "__main__":
    main()
