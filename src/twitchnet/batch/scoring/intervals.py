"""How uncertain are the posteriors of each record, given the ranges of the numbers?

The draws are those of ``diagnosis.uncertainty``: every hand-set number is drawn from its range, all
numbers together.  All records have the same draws, so that an interval follows from the seed and
the record alone.  Each draw is a row of table entries; the engine runs many records with it, then
with the next.  Memory is bounded by the records that are held at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.scoring.content import Content
from twitchnet.batch.scoring.passes import Batch, Column
from twitchnet.batch.scoring.posteriors import IMPOSSIBLE, OK, Progress
from twitchnet.diagnosis.explain.uncertainty import drawn_numbers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.draws import pack_draws
from twitchnet.engine.program import Floats, Ints

MASS = 0.9
"""The central part of the draws that an interval holds, as in ``Diagnosis.uncertainty``."""

Flags = NDArray[np.bool_]
Forms = NDArray[np.int8]

HELD = 1 << 23
"""Posteriors held at once, draws x records x columns (64 MiB): bounds the memory."""


@dataclass(frozen=True)
class Intervals:
    """Intervals of some records, all (records, columns of ``batch.targets``).

    ``low`` to ``high`` holds the central part of the draws; ``first`` is the share of draws
    in which the column ranks first.  NaN for answered causes, and where no draw, or not
    every draw, could be computed.
    """

    low: Floats
    high: Floats
    first: Floats

    def columns(self, content: Content, order: Ints) -> dict[str, Column]:
        """The columns of ``Content``, (records,) each.

        ``order`` (records, ranks) are the targets, most probable first.
        """
        first = np.take_along_axis(self.first, order, axis=1)
        if content.top is None:
            found: dict[str, Column] = {"leader_first": first[:, 0]}
            for i, name in enumerate(content.targets):
                found |= {f"{name}_low": self.low[:, i], f"{name}_high": self.high[:, i]}
            return found
        low, high = (np.take_along_axis(part, order, axis=1) for part in (self.low, self.high))
        return {
            f"{name}_{k + 1}": part[:, k]
            for name, part in (("low", low), ("high", high), ("first", first))
            for k in range(order.shape[1])
        }


def drawn_tables(inference: Inference, draws: int, seed: int) -> Floats:
    """The entries of the program's tables under ``draws`` draws of the numbers, (draws, E)."""
    numbers = drawn_numbers(inference, draws, np.random.default_rng(seed))
    return inference.lowered.tables(numbers)


def intervals(
    batch: Batch, at: Ints, tables: Floats, forms: Forms, progress: Progress | None = None
) -> Intervals:
    """Intervals of the records ``at`` of a batch over ``tables``, a row for each draw.

    ``forms`` (records,) are the forms of the kernels that answered these records in the main pass.
    ``progress`` is called with the number of records done, which counts finished draws.
    """
    shape = (len(at), len(batch.targets))
    found = Intervals(*(np.full(shape, np.nan) for _ in range(3)))
    names = [variable.name for variable in batch.inference.network.nodes]
    place = [names.index(name) for name, _ in batch.targets]
    step = max(1, HELD // (len(tables) * max(1, shape[1])))
    for start in range(0, len(at), step):
        some = slice(start, min(start + step, len(at)))
        posterior, failed = _drawn(batch, at[some], tables, forms[some], start, progress)
        given = batch.codes[at[some]][:, place] >= 0
        _summarise(found, some, posterior, given, failed)
    return found


def _drawn(
    batch: Batch,
    at: Ints,
    tables: Floats,
    forms: Forms,
    done: int,
    progress: Progress | None,
) -> tuple[Floats, Ints]:
    """Posteriors (draws, records, columns), NaN where the answers are impossible under a draw.

    The second value counts, by record, the draws that could not be computed.
    """
    rows = batch.with_codes(batch.codes[at])
    posterior = np.full((len(tables), len(at), len(batch.targets)), np.nan)
    failed = np.zeros(len(at), dtype=np.int64)
    wanted = batch.inference.wanted_targets
    program = batch.inference.lowered.program
    for draw, packed in enumerate(pack_draws(program, tables)):
        own = program._replace(part_table=tables[draw])
        out = batch.run(rows, batch.targets, wanted=wanted, program=own, packed=packed, forms=forms)
        posterior[draw] = out.probability
        failed += (out.status != OK) & (out.status != IMPOSSIBLE)
        if progress is not None:
            progress(done + len(at) * (draw + 1) // len(tables))
    return posterior, failed


def _summarise(
    found: Intervals, some: slice, posterior: Floats, given: Flags, failed: Ints
) -> None:
    """Writes the intervals of the records ``some``; see ``diagnosis.uncertainty.summarise``."""
    tail = (1.0 - MASS) / 2.0
    kept = np.logical_not(np.isnan(posterior).any(axis=2))
    every = np.flatnonzero(kept.all(axis=0))
    parts = [(every, posterior[:, every])]
    for record in np.flatnonzero(~kept.all(axis=0) & kept.any(axis=0) & (failed == 0)).tolist():
        parts.append((np.array([record]), posterior[kept[:, record], record][:, None]))
    for records, draws in parts:
        if not len(records):
            continue
        ends = np.quantile(draws, [tail, 1.0 - tail], axis=0)
        free = ~given[records]
        leader = np.argmax(np.where(free, draws, -1.0), axis=2)
        first = np.stack([(leader == c).mean(axis=0) for c in range(draws.shape[2])], axis=1)
        for values, into in ((ends[0], found.low), (ends[1], found.high), (first, found.first)):
            into[some][records] = np.where(free, values, np.nan)
