"""How is a batch computed again, with something fixed, left out or replaced?

:class:`Batch` holds the records that could be read, the engine that computes them and the
number of threads.  Each derived column takes a batch and its main pass and asks for further
passes.  No column is named here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes
from twitchnet.batch.scoring.posteriors import Progress, evaluate
from twitchnet.batch.scoring.rows import make_rows, with_fixed
from twitchnet.diagnosis.hypotheses import WORTH_COMPILING, target_states
from twitchnet.diagnosis.inference import HEAVY, Inference
from twitchnet.engine.host.batch import BatchInput, BatchOutput
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Packed
from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.engine.shares import ratio

Column = NDArray[np.float64] | NDArray[np.object_]


@dataclass(frozen=True)
class Batch:
    """Records that can be read, ``codes`` (records, ``network.nodes``), and who computes them.

    ``threads`` and ``compiled`` are as in ``evaluate``.
    """

    inference: Inference
    codes: Codes
    threads: int | None
    compiled: bool

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """The columns of the main pass: (target, state)."""
        return target_states(self.inference.network)

    @cached_property
    def rows(self) -> BatchInput:
        """The records as the engine reads them."""
        return make_rows(self.inference, self.codes, {})

    def with_codes(self, codes: Codes) -> BatchInput:
        """Other codes as the engine reads them; any number of rows."""
        return self.rows._replace(
            codes=codes, soft=np.empty((len(codes), *self.rows.soft.shape[1:]))
        )

    def run(
        self,
        rows: BatchInput,
        columns: tuple[tuple[str, str], ...],
        progress: Progress | None = None,
        wanted: Ints | None = None,
        program: Program | None = None,
        packed: Packed | None = None,
        forms: NDArray[np.int8] | None = None,
    ) -> BatchOutput:
        """One pass over ``rows``: :func:`evaluate` with the engine and threads of the batch."""
        return evaluate(
            self.inference,
            rows,
            self.inference.wanted if wanted is None else wanted,
            columns,
            threads=self.threads,
            progress=progress,
            compiled=self.compiled,
            program=program,
            packed=packed,
            forms=forms,
        )

    def ratio(self, at: Ints, main: BatchOutput, fixed: Mapping[int, int]) -> Floats:
        """P(fixed | answers) of the records ``at``, NaN for the others and for nothing fixed.

        ``fixed`` maps nodes to their baselines, so it is 0 where a record answers otherwise.
        """
        found = np.full(len(self), np.nan)
        if not fixed:
            return found
        held = np.isin(self.rows.node_of, list(fixed))
        denied = np.any(self.codes[:, held] > 0, axis=1)[at]
        found[at] = 0.0
        at = at[~denied]
        out = self.run(with_fixed(self.with_codes(self.codes[at]), fixed), (), forms=main.forms[at])
        found[at] = ratio(out.log_evidence, main.log_evidence[at])
        return found


class Meters:
    """One progress for several runs over the same ``count`` records.

    ``shares`` are the relative times of the runs; each run reports the records it has done.
    """

    def __init__(self, progress: Progress | None, count: int, shares: Sequence[float]) -> None:
        self.progress = progress
        self.count = count
        self.shares = shares

    def of(self, run: int) -> Progress | None:
        """The progress of one run, when those before it are done."""
        progress = self.progress
        if progress is None:
            return None
        before, share, total = sum(self.shares[:run]), self.shares[run], sum(self.shares)
        count = max(self.count, 1)

        def report(done: int) -> object:
            return progress(int(self.count * (before + share * min(done / count, 1.0)) / total))

        return report


def placed(columns: Mapping[str, NDArray[Any]], at: Ints, count: int) -> dict[str, Any]:
    """Columns of the records ``at`` among ``count`` records; the others have NaN, None or 0."""
    found: dict[str, Any] = {}
    for name, values in columns.items():
        nothing = {"O": None, "f": np.nan}.get(values.dtype.kind, 0)
        found[name] = np.full(count, nothing, values.dtype)
        found[name][at] = values
    return found


def pays(cells: float) -> bool:
    """Whether kernels that are not loaded yet are quicker for this many planned cells."""
    return cells > WORTH_COMPILING or (cells > HEAVY and compiler.is_cached())
