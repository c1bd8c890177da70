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
from twitchnet.engine.host.batch import WORKSPACE
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
    bare, bundle, read_row = lanes.bare, lanes.bundle, kernels.read_row
    settle, by_fill, write = kernels.settle, ordering.order_by_fill, schedule.write_buckets
    ok, spare, width = kernels.OK, layout.SPARE, float(lanes.LANES)
    wide, count, steps = kernels.WIDE, layout.COUNT, layout.STEPS
    noises, budget = NOISES, math.inf

    @compiler.caller
    def cells_of(
        packed: Any, scratch: Any, asked: Any, node_of: Any, codes: Any, soft_of: Any, soft: Any,
        row: int, restarts: int,
    ) -> tuple[float, float]:  # fmt: skip
        p, s = bundle(packed), bundle(scratch)
        read_row(p, s, node_of, codes, soft_of, soft, row)
        status, cells, _, _, passes = settle(p, s, bare(asked), budget, False, wide)
        if status != ok:
            return np.nan, np.nan
        best, trial, scale = cells, s.n[spare + 15], width * passes
        for run in range(restarts):
            s.n[count, steps] = 0  # each restart has as many as the engine's search
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
    rows = make_rows(inference, codes, {})
    given = rows.node_of, rows.codes, rows.soft_of, rows.soft
    both = np.array([
        search(packed, scratch, inference.wanted_targets, *given, row, restarts)
        for row in range(len(codes))
    ])  # fmt: skip
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
