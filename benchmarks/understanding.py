"""What does understanding a diagnosis cost, in multiples of one posterior of the same record?

    python benchmarks/understanding.py                    twitchy_legs: tables on stdout
    python benchmarks/understanding.py --records 40 --single 5 --cells 1e8

Questionnaires are drawn from the model with the complaint present; 80 % of the contexts and
60 % of the findings are answered.  Records above ``--cells`` planned table cells are left
out, so that a run takes minutes.  Times are CPU seconds of all threads, one run, after the
kernels are loaded; a multiple is the sum over the records over the sum of their posteriors.  The
posterior itself is the mean of fifteen runs in a batch, the least of three for a single record.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

import twitchnet as tn
from twitchnet.batch.encoding.encode import Encoded
from twitchnet.batch.scoring.score import Scorer
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.inference import Engine
from twitchnet.engine.kernels import compiler
from twitchnet.errors import CapacityError
from twitchnet.model.sampling import Codes, hide, sample

SEED = 20_241_125
DRAWS, MANY_DRAWS = 200, 1000
BATCH_LIMITS = {"reasons, 3 for and 3 against": 60, f"intervals, {DRAWS} draws": 200}
"""The most that each may cost in a batch, in posteriors of the same records."""

BASES = 5
"""Runs before, between and after, whose mean is the posterior of a batch: one is noisy."""

Single = Callable[[Diagnosis], object]
SINGLE: dict[str, tuple[float | None, Single]] = {
    "explain all causes": (
        60,
        lambda dx: [dx.explain(name, decisive=False) for name in dx.network.ranked],
    ),
    "explain the leader, with open questions": (None, lambda dx: dx.explain()),
    "next questions, all that are open": (150, lambda dx: dx.next_questions(None)),
    f"uncertainty, {MANY_DRAWS:,} draws": (1000, lambda dx: dx.uncertainty(MANY_DRAWS)),
    "sensitivity of one cause, all numbers": (10, lambda dx: dx.sensitivity(rivals=0)),
    "the same with 3 rivals": (None, lambda dx: dx.sensitivity()),
}
"""What is asked of a single diagnosis, and the most that it may cost (None: not limited)."""


def questionnaires(model: tn.Model, count: int, most: float) -> tuple[Codes, int]:
    """The first ``count`` records of at most so many cells, and how many were left out."""
    network, rng = model.network, np.random.default_rng(SEED)
    given = {network.complaint: "present"} if network.complaint else {}
    codes = hide(sample(network, 4 * count, rng, given), network, rng=rng)
    light = tn.Model(network, budget=most).posteriors(codes, threads=1).status == "ok"
    chosen = np.flatnonzero(light)[:count]
    looked_at = int(chosen[-1]) + 1
    return codes[chosen], looked_at - len(chosen)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def batch_rows(model: tn.Model, codes: Codes) -> list[tuple[str, float, float | None]]:
    """(what, multiple, limit) for the columns of a batch."""
    encoded = Encoded(codes, np.empty((len(codes), 0), dtype=np.int8), (), {}, {})

    def scored(**told: int) -> float:
        scorer = Scorer(model._inference, details=False, **told)
        return seconds(lambda: scorer.score(encoded, threads=1, compiled=True))

    scored()  # touch everything once
    bases = [scored() for _ in range(BASES)]
    whole = []
    for told in ({"reasons": 3}, {"intervals": DRAWS}):
        whole.append(scored(**told))
        bases += [scored() for _ in range(BASES)]  # a machine that others use is not even
    base = sum(bases) / len(bases)
    found = [took - base for took in whole]
    print(f"posterior in a batch: {base / len(codes) * 1e3:.3g} ms")
    return [
        (what, took / base, limit)
        for (what, limit), took in zip(BATCH_LIMITS.items(), found, strict=True)
    ]


def single_rows(
    model: tn.Model, codes: Codes, engine: Engine, skip: Sequence[str] = ()
) -> list[tuple[str, float, float | None]]:
    """(what, multiple, limit) for single diagnoses, on one engine."""
    model = tn.Model(model.network, _engine=engine)
    names = [variable.name for variable in model.network.nodes]
    records = [
        {
            name: model.network.by_name[name].states[state]
            for name, state in zip(names, row, strict=True)
            if state >= 0
        }
        for row in codes.tolist()
    ]
    took = dict.fromkeys(SINGLE, 0.0)
    base = 0.0
    for record in records:
        answers = model.diagnose(record).answers
        posterior = partial(model._inference.beliefs, answers)
        base += min(seconds(posterior) for _ in range(3))
        for what, (_, ask) in SINGLE.items():
            if what not in skip:
                fresh = model.diagnose(record)  # no pass of another question is there yet
                took[what] += seconds(partial(ask, fresh))
    print(f"one posterior, {engine}: {base / len(records) * 1e3:.3g} ms")
    return [(what, took[what] / base, SINGLE[what][0]) for what in SINGLE if what not in skip]


def explained(model: tn.Model, codes: Codes, count: int) -> list[int]:
    """The first records of which the kernels can leave out any answer: some then are too wide."""
    model = tn.Model(model.network, _engine="compiled")
    names, found = model.network.nodes, []
    for i, row in enumerate(codes.tolist()):
        pairs = zip(names, row, strict=True)
        record = {v.name: v.states[state] for v, state in pairs if state >= 0}
        with suppress(CapacityError):
            model.diagnose(record).explain(decisive=False)
            found.append(i)
        if len(found) == count:
            print(f"single records: {i + 1 - count} are too wide without one of their answers")
            break
    return found


def table(title: str, rows: Iterable[tuple[str, float, float | None]]) -> None:
    """Prints rows as Markdown."""
    print(f"\n| {title} | posteriors | at most |\n| --- | ---: | ---: |")
    for what, multiple, limit in rows:
        print(f"| {what} | {multiple:.3g} | {'-' if limit is None else f'{limit:g}'} |")
    print(flush=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="twitchy_legs")
    parser.add_argument("--records", type=int, default=100, help="records of the batch")
    parser.add_argument("--single", type=int, default=10, help="single records among them")
    parser.add_argument("--cells", type=float, default=1e7, help="leave heavier records out")
    options = parser.parse_args()
    compiler.compiled()
    model = tn.load(options.model)
    codes, left_out = questionnaires(model, options.records, options.cells)
    answered = (codes >= 0).sum(axis=1).mean()
    print(
        f"{len(codes)} records, {answered:.0f} answers on average; {left_out} left out as heavier"
    )
    table(f"{options.model}, a batch", batch_rows(model, codes))
    some = codes[explained(model, codes, options.single)]
    table("single records, compiled kernels", single_rows(model, some, "compiled"))
    long_ones = [what for what in SINGLE if "draws" in what]
    table("single records, numpy path", single_rows(model, some, "numpy", long_ones))


if __name__ == "__main__":
    main()
