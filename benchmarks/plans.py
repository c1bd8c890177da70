"""How good are the plans of the kernels?  Planned cells against the best of many restarts.

    python benchmarks/plans.py                    200 records of twitchy_legs, 1,000 restarts
    python benchmarks/plans.py --records 20 --restarts 100

Every restart searches an order of its own by price, with other noise, and the cheapest
counts; the choice of conditioned nodes is that of the engine.  Nothing is computed, only
planned, so the figures do not depend on the machine.  Takes some minutes.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import twitchnet as tn
from twitchnet.batch.posteriors import make_rows
from twitchnet.bench.networks import questionnaires, standin, standin_records
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine import (
    accelerate,
    buckets,
    conditioning,
    decode,
    lanes,
    layout,
    planning,
    tape,
)
from twitchnet.engine.batch import WORKSPACE
from twitchnet.engine.layout import Packed, Scratch
from twitchnet.engine.packing import new_scratch, pack
from twitchnet.model.network import Network

NOISES = (0.1, 0.2, 0.4, 0.8, 1.6)


def compiled_search() -> Any:
    """A compiled function: the engine's work for one record, and that of the best restart."""
    import numba

    accelerate.compiled()  # teaches the compiler the kernels and the bare arrays
    bare, plan, condition = lanes.bare, planning.plan, conditioning.condition
    mark_needed, fill, by_price = decode.mark_needed, decode.decode, tape.order_by_price
    is_dear, choose, search = planning.is_dear, planning.choose_lanes, planning.search
    write, search_above, lanes_of = buckets.write_buckets, tape.SEARCH_ABOVE, conditioning.lanes_of
    count_row, fixed, hard, is_soft = layout.COUNT, layout.FIXED, layout.HARD, layout.IS_SOFT
    n_leaves, n_tables, spare = layout.N_LEAVES, layout.N_TABLES, layout.SPARE
    nodes_row, haste = layout.P_COUNT, planning.HASTE
    noises = NOISES

    @numba.njit(**accelerate.FLAGS)
    def work_of(
        packed: Any, scratch: Any, asked: Any, node_of: Any, codes: Any, restarts: int
    ) -> tuple[float, float]:
        p = Packed(bare(packed.n), bare(packed.table))
        s = Scratch(
            bare(scratch.n), bare(scratch.tape), bare(scratch.m),
            bare(scratch.f), bare(scratch.cells), bare(scratch.adjoint),
        )  # fmt: skip
        wanted = bare(asked)
        for v in range(p.n[nodes_row, 0]):
            s.n[hard, v] = -1
            s.n[is_soft, v] = 0
        for c in range(len(node_of)):
            if codes[c] >= 0:
                s.n[hard, node_of[c]] = codes[c]
        for v in range(p.n[nodes_row, 0]):
            s.n[fixed, v] = 1 if s.n[hard, v] >= 0 else 0
        mark_needed(p, s, wanted)
        order, trial, nodes = s.n[spare + 14], s.n[spare + 15], s.n[spare + 12]
        n = condition(p, s, wanted, nodes)
        work, chosen = 0.0, False
        while work == 0.0:
            if not fill(p, s, wanted, lanes_of(p, nodes, n), False, True):
                return np.nan, np.nan
            s.n[count_row, n_leaves] = s.n[count_row, n_tables]
            work, _ = plan(s, order, trial, True)
            if not chosen and is_dear(s, work):
                chosen = True
                n, work, _ = choose(p, s, wanted, nodes, n, work, False, True)
        if work > search_above:
            work, _ = search(s, order, trial, work, True)
        best = work
        for run in range(restarts):
            noise = noises[run % len(noises)]
            if by_price(s, trial, haste, noise, 1000 + run, 2.0 * best) >= 0.0:
                found, _ = write(s, trial)
                best = min(best, found)
        return work, best

    return work_of


def compare(network: Network, codes: Any, restarts: int, search: Any) -> Any:
    """The engine's planned cells and the best found (records, 2), for records that fit."""
    inference = Inference(network)
    program, scratch = inference.lowered.program, new_scratch(inference.lowered.program, WORKSPACE)
    packed, rows = pack(program), make_rows(inference, codes, {})
    node_of = np.ascontiguousarray(rows.node_of)
    found = [
        search(
            packed, scratch, inference.wanted_targets, node_of, np.ascontiguousarray(row), restarts
        )
        for row in rows.codes
    ]
    both = np.array(found) * lanes.LANES
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
