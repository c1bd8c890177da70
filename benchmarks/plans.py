"""How good are the plans of the kernels?  Planned cells against the best of many restarts.

    python benchmarks/plans.py                    200 records of twitchy_legs, 1,000 restarts
    python benchmarks/plans.py --records 20 --restarts 100

Every restart searches an order of its own by weighted minimum fill, with other noise, and the
cheapest counts; the choice of conditioned nodes is that of the engine.
Nothing is computed, only planned, so the figures do not depend on the machine.  Takes some
minutes.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

import twitchnet as tn
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.bench.networks import questionnaires, standin, standin_records
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import WORKSPACE, BatchOutput, task_of
from twitchnet.engine.host.packing import new_scratch, pack
from twitchnet.engine.jit import lanes
from twitchnet.engine.kernels import compiler, layout, ordering
from twitchnet.engine.kernels import record as kernels
from twitchnet.engine.kernels.fast import schedule
from twitchnet.model.network import Network

NOISES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


def compiled_search() -> Any:
    """A compiled function: the engine's cells for a record, and those of the best restart."""
    compiler.compiled()  # teaches the compiler the kernels and the bare arrays
    bundle, read_row, settle = lanes.bundle, kernels.read_row, kernels.settle
    by_fill, write = ordering.order_by_fill, schedule.write_buckets
    ok, form, width = kernels.OK, kernels.DOUBLE_DOUBLE, float(lanes.LANES)
    passes, steps, noises, budget = layout.N_PASSES, layout.STEPS, NOISES, math.inf

    @compiler.caller
    def cells_of(
        packed: Any, scratch: Any, task: Any, row: int, restarts: int
    ) -> tuple[float, float]:
        p, s = bundle(packed), bundle(scratch)
        read_row(p, s, task, row)
        status, cells = settle(p, s, budget, form)
        if status != ok:
            return np.nan, np.nan
        best, trial, scale = cells, s.lists.trial, width * s.counts[passes]
        for run in range(restarts):
            s.counts[steps] = 0  # each restart has as many as the engine's search
            if by_fill(s, trial, noises[run % len(noises)], 1000 + run):
                found, _ = write(s, trial)
                best = min(best, found * scale)
        return cells, best

    return cells_of


def compare(network: Network, codes: Any, restarts: int, search: Any) -> Any:
    """The engine's planned cells and the best found (records, 2), for records that fit."""
    inference = Inference(network)
    program = inference.lowered.program
    packed, scratch = pack(program), new_scratch(program, WORKSPACE)
    rows, none = make_rows(inference, codes, {}), np.zeros(0, dtype=np.int64)
    task = task_of(rows, inference.wanted_targets, none, none, BatchOutput.empty(len(codes), 0))
    both = np.array(
        [search(packed.at, scratch.at, task, row, restarts) for row in range(len(codes))]
    )
    return both[np.isfinite(both).all(axis=1)]


def main() -> None:
    """Prints one line per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--restarts", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(20_241_125)
    legs, stand_in = tn.load("twitchy_legs").network, standin()
    search = compiled_search()
    cases = [
        ("twitchy_legs, typical", legs, questionnaires(legs, options.records, rng).codes),
        ("twitchy_legs, full", legs, questionnaires(legs, options.records, rng, "full").codes),
        ("stand-in", stand_in, standin_records(options.records, rng).codes),
    ]
    print("| case | records | median cells | summed ratio | median ratio | largest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, network, codes in cases:
        both = compare(network, codes, options.restarts, search)
        ratio = both[:, 0] / both[:, 1]
        print(
            f"| {name} | {len(both)} | {np.median(both[:, 0]):.2g} "
            f"| {both[:, 0].sum() / both[:, 1].sum():.3f} | {np.median(ratio):.3f} "
            f"| {ratio.max():.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
