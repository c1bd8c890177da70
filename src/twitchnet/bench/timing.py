"""How long does a record take here, and how long elsewhere?

:class:`Engine` runs the batch kernels.  :func:`compare` puts the same records to the
engine and to its peers in turn, block by block in one run, so that whatever else the
machine does meets all of them alike; only sums over the same records are divided.  Both
sides count processor time on one core (others may be using the machine); throughput of
whole batches is by the clock on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.scoring.posteriors import evaluate
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.bench.networks import Case
from twitchnet.bench.peers import Peer
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import STATUS, WORKSPACE, BatchOutput, task_of
from twitchnet.engine.host.packing import new_scratch, pack
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Scratch
from twitchnet.engine.numpy.plan import BUDGET
from twitchnet.model.network import Network
from twitchnet.model.sampling import Codes

Floats = NDArray[np.float64]
OK, IMPOSSIBLE = STATUS.index("ok"), STATUS.index("impossible")
SHORT = 1e-3  # seconds; a record that takes less is measured many times in a row
COPIES = 20
LONG = 0.5  # seconds; beside such a record the first touch of its memory is nothing


class Engine:
    """A network made ready for batches of codes, one column per node of the network."""

    def __init__(self, network: Network, budget: float = BUDGET) -> None:
        self.network = network
        self.budget = budget
        # only the kernels: numpy does not answer what is too wide for them
        self.inference = Inference(network, budget, engine="compiled")
        low = self.inference.lowered
        self.program = low.program
        self.columns = target_states(network)
        states = [network.by_name[name].states.index(state) for name, state in self.columns]
        self.column_node = np.array([low.index[name] for name, _ in self.columns], dtype=np.int64)
        self.column_state = np.array(states, dtype=np.int64)
        self.wanted = np.zeros(len(self.program.card), dtype=np.int64)
        self.wanted[self.column_node] = 1

    @cached_property
    def _scratch(self) -> Scratch:
        """The workspace of ``each``, kept."""
        return new_scratch(self.program, WORKSPACE)

    def run(self, codes: Codes, threads: int = 1) -> BatchOutput:
        """Posteriors of the causes and P(evidence) of every row."""
        rows = make_rows(self.inference, codes, {})
        return evaluate(
            self.inference, rows, self.wanted, self.columns, threads=threads, compiled=True
        )

    def seconds(self, codes: Codes, threads: int = 1, repeats: int = 3) -> float:
        """The median time of a whole batch, threads and workspaces included."""
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            self.run(codes, threads)
            times.append(time.perf_counter() - start)
        return float(np.median(times))

    def each(self, codes: Codes) -> tuple[Floats, BatchOutput]:
        """Seconds of every single record on one core with a warm workspace, and the answers.

        The workspace is kept between calls and each record is measured after it ran once:
        in a batch, too, memory is touched for the first time only once.  A short record is
        computed many times in a row, as in a batch of its like.
        """
        run, packed, scratch = compiler.compiled(), pack(self.program), self._scratch
        took, parts = np.zeros(len(codes)), []

        def once(copies: int, row: int) -> tuple[float, BatchOutput]:
            repeated = np.repeat(codes[row : row + 1], copies, axis=0)
            rows = make_rows(self.inference, repeated, {})
            out = BatchOutput.empty(copies, len(self.column_node))
            task = task_of(rows, self.wanted, self.column_node, self.column_state, out)
            start = time.thread_time()
            run(packed.at, scratch.at, task, self.budget, 0, copies)
            return time.thread_time() - start, out

        for row in range(len(codes)):
            first, out = once(1, row)
            copies = COPIES if first < SHORT else 1
            took[row] = once(copies, row)[0] / copies if first < LONG else first
            parts.append(out)
        return took, BatchOutput(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass
class Comparison:
    """The same records here and elsewhere: seconds, NaN for a record that was not finished."""

    ours: Floats
    cells: Floats  # the planned cost, also of records that were too wide
    theirs: dict[str, Floats] = field(default_factory=dict)
    error: dict[str, float] = field(default_factory=dict)  # largest relative, of any posterior

    def ratio(self, peer: str) -> float:
        """Summed time of a peer over ours, on the records that the peer finished."""
        done = ~np.isnan(self.theirs[peer]) & ~np.isnan(self.ours)
        return (
            float(self.theirs[peer][done].sum() / self.ours[done].sum()) if done.any() else np.nan
        )

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which records the engine answered; the others were above its budget."""
        return ~np.isnan(self.ours)


def relative_error(ours: Floats, theirs: Floats, floor: float = 1e-12) -> float:
    """The largest relative difference of posteriors above ``floor``."""
    seen = theirs > floor
    return float(np.max(np.abs(ours[seen] / theirs[seen] - 1.0), initial=0.0))


def compare(
    case: Case, peers: Sequence[Peer], block: int = 10, budget: float = BUDGET
) -> Comparison:
    """All records through the engine and through every peer, a block at a time."""
    engine = Engine(case.network, budget)
    engine.run(case.codes[:1])
    count = len(case.codes)
    result = Comparison(np.zeros(count), np.zeros(count))
    for peer in peers:
        result.theirs[peer.name] = np.full(count, np.nan)
        result.error[peer.name] = 0.0
    for first in range(0, count, block):
        rows = range(first, min(first + block, count))
        took, out = engine.each(case.codes[rows.start : rows.stop])
        finished = (out.status == OK) | (out.status == IMPOSSIBLE)
        result.ours[rows.start : rows.stop] = np.where(finished, took, np.nan)
        result.cells[rows.start : rows.stop] = out.cells
        for peer in peers:
            for row in rows:
                answer = peer.ask(case.record(row))
                if answer is None:
                    continue
                result.theirs[peer.name][row] = answer.seconds
                if out.status[row - first] == OK:
                    error = relative_error(out.probability[row - first], answer.posterior)
                    result.error[peer.name] = max(result.error[peer.name], error)
    return result
