"""Which passes does a batch need, and over which of its records?

:class:`Batch` is the readable records of a batch with the ways of running them again:
something fixed in all of them, only what watches may see.  It computes and names nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes
from twitchnet.batch.scoring.posteriors import (
    Progress,
    evaluate,
    make_rows,
    target_states,
    with_fixed,
)
from twitchnet.diagnosis.hypotheses import WORTH_COMPILING
from twitchnet.diagnosis.inference import HEAVY, Inference
from twitchnet.engine.host.batch import STATUS, BatchInput, BatchOutput
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Packed
from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.engine.shares import ratio, within

Column = NDArray[np.float64] | NDArray[np.object_]


class Batch:
    """The readable records of a batch, ``codes`` (records, ``network.nodes``)."""

    def __init__(
        self, inference: Inference, codes: Codes, threads: int | None, compiled: bool
    ) -> None:
        self.inference = inference
        self.targets = target_states(inference.network)
        self.codes = codes
        self.rows = make_rows(inference, codes, {})
        self.threads = threads
        self.compiled = compiled

    def with_codes(self, codes: Codes) -> BatchInput:
        """Rows for the engine; they need not be those of the records."""
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
        """One pass over ``rows``; P(evidence) alone when there are no ``columns``.

        ``program``, ``packed`` and ``forms`` are as in ``evaluate``.
        """
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
        """P(fixed | answers) of the records ``at``, NaN elsewhere; 0 where an answer says no."""
        found = np.full(len(self.codes), np.nan)
        if not fixed:
            return found
        held = np.isin(self.rows.node_of, list(fixed))
        denied = np.any(self.codes[:, held] > 0, axis=1)[at]
        found[at] = 0.0
        at = at[~denied]
        out = self.run(with_fixed(self.with_codes(self.codes[at]), fixed), (), forms=main.forms[at])
        found[at] = ratio(out.log_evidence, main.log_evidence[at])
        return found

    def watched(
        self, level: NDArray[np.int8], main: BatchOutput
    ) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
        """P(target | what watches may see) by target, and where that was too wide.

        Absent findings are left out of the answers, so it is another pass; records that
        have none, or whose urgency no watch can reach, are spared it.
        """
        network = self.inference.network
        failed = np.zeros(len(self.codes), dtype=np.bool_)
        if not network.watches or not len(self.codes):
            return {}, failed
        names = tuple(dict.fromkeys(w.target.partition("=")[0] for w in network.watches))
        columns = tuple(pair for pair in self.targets if pair[0] in names)
        places = [self.targets.index(pair) for pair in columns]
        finding = np.array([variable.kind == "finding" for variable in network.nodes])
        seen = np.where(finding & (self.codes == 0), np.int8(-1), self.codes)
        reach = max(network.level_of(watch.urgency) for watch in network.watches)
        same = (seen == self.codes).all(axis=1)
        again = np.flatnonzero(~same & (level <= reach))
        probability = np.where(same[:, None], main.probability[:, places], np.nan)
        failed |= same & (level <= reach) & (main.status == STATUS.index("too wide"))
        if len(again):
            wanted = np.zeros_like(self.inference.wanted)
            wanted[[self.inference.lowered.index[name] for name in names]] = 1
            out = self.run(
                self.with_codes(seen[again]), columns, wanted=wanted, forms=main.forms[again]
            )
            probability[again] = out.probability
            failed[again] = out.status == STATUS.index("too wide")
        found = {}
        for watch in network.watches:
            name, _, state = watch.target.partition("=")
            at = [i for i, pair in enumerate(columns) if pair[0] == name and state in ("", pair[1])]
            found[watch.target] = within(probability[:, at].sum(axis=1))
        return found, failed


def spread(values: Any, good: NDArray[np.bool_]) -> Floats:
    """Numbers of the readable records among all records, NaN for the others."""
    found = np.full(len(good), np.nan)
    found[good] = values
    return found


def placed(
    columns: Mapping[str, Column], good: NDArray[np.bool_], at: Ints | None = None
) -> dict[str, Column]:
    """Columns of the readable records ``at`` (all of them for None) among all records.

    The other records have NaN or None.
    """
    rows = np.flatnonzero(good)
    rows = rows if at is None else rows[at]
    found: dict[str, Column] = {}
    for name, values in columns.items():
        whole: Any = np.full(len(good), None if values.dtype == object else np.nan, values.dtype)
        whole[rows] = values
        found[name] = whole
    return found


def pays(cells: float) -> bool:
    """Whether so many planned cells are quicker by kernels that are not loaded yet."""
    return cells > WORTH_COMPILING or (cells > HEAVY and compiler.is_cached())
