"""From the codes of a batch to its columns of results: one row per record, whatever becomes of it.

:meth:`Scorer.score` is the path of a record (docs/batch.md, "The path of a record"): a main
pass over the records that could be read, then one call for each group of derived columns.
Frames and files are thin edges around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Encoded
from twitchnet.batch.options import ScoreKeywords, ScoreOptions, options_of
from twitchnet.batch.scoring.content import Content
from twitchnet.batch.scoring.details import AnswerPriors, details
from twitchnet.batch.scoring.intervals import drawn_tables
from twitchnet.batch.scoring.leaders import of_the_leaders
from twitchnet.batch.scoring.passes import Batch, Meters, pays, placed
from twitchnet.batch.scoring.passes import Column as Column
from twitchnet.batch.scoring.posteriors import OK, SMALL, Progress
from twitchnet.batch.scoring.reasons import PASSES
from twitchnet.batch.scoring.urgency import urgency_columns
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import STATUS, BatchOutput
from twitchnet.engine.kernels import compiler
from twitchnet.engine.program import Floats

BAD_VALUE = "bad value"
"""The status of a record with a cell that names no state."""


@dataclass(frozen=True)
class Scores:
    """Results by name of column, each (records,); numbers are NaN and texts None where the
    record has none.  ``status`` is "ok", "bad value", "impossible" or "too wide"; ``cells``
    (records,) are the planned costs; ``limits`` (records,) index ``LIMITS`` and say which limit
    a record that is too wide exceeds.
    """

    columns: Mapping[str, Column]
    cells: Floats
    limits: NDArray[np.int8]

    @property
    def status(self) -> NDArray[np.object_]:
        """What became of each record."""
        found: NDArray[np.object_] = self.columns["status"].astype(object)
        return found


class Scorer:
    """A model made ready to score batches with some options.  Threads may share it.

    A record costs one pass, with details up to four; reasons cost 50 to 120 passes more, and
    intervals one for each draw.  Raises ``ValueError`` for options that are wrong, and for a
    model in which a cause has the name of another column.
    """

    def __init__(
        self,
        inference: Inference,
        options: ScoreOptions | None = None,
        **keywords: Unpack[ScoreKeywords],
    ) -> None:
        self.options = options_of(options, keywords)
        self.inference = inference
        self.network = inference.network
        self.targets = target_states(self.network)
        self.content = Content(self.target_columns, self.options)
        self.top = self.content.top
        self._priors = AnswerPriors()

    @cached_property
    def target_columns(self) -> tuple[str, ...]:
        """The name of each posterior: the cause, or ``cause=state`` when it has several."""
        by_name = self.network.by_name
        return tuple(
            name if by_name[name].card == 2 else f"{name}={state}" for name, state in self.targets
        )

    @property
    def schema(self) -> dict[str, type]:
        """Every column of the result in order: ``float`` or ``str``."""
        return self.content.schema

    def score(
        self,
        encoded: Encoded,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
        compiled: bool | None = None,
    ) -> Scores:
        """The results of a batch.

        ``progress`` is called with the number of records done; a record that still lacks some
        passes counts in part.  ``compiled`` is as in ``evaluate``.
        """
        count, at = len(encoded.codes), np.flatnonzero(~encoded.bad_rows)
        if compiled is None:
            compiled = count > SMALL or compiler.is_compiled()
        batch = Batch(self.inference, encoded.codes[at], threads, compiled)
        meters = Meters(progress, len(batch), (1, *self._passes))
        main = batch.run(batch.rows, batch.targets, meters.of(0))
        columns = self._of_the_pass(main)
        if self.options.details:
            columns |= details(batch, main, self._priors)
        if self.top or sum(self._passes):
            quick = self._hurried(batch, main)
            columns |= of_the_leaders(quick, main, self.content, self._drawn, meters)
        columns = placed(columns, at, count)
        columns["status"][encoded.bad_rows] = BAD_VALUE
        if self.options.details:
            columns |= urgency_columns(encoded, batch, main)
        whole = placed({"cells": main.cells, "limits": main.limits}, at, count)
        return Scores({name: columns[name] for name in self.schema}, **whole)

    def _of_the_pass(self, main: BatchOutput) -> dict[str, Column]:
        """The columns that are results of the main pass themselves."""
        columns: dict[str, Column] = dict(zip(self.target_columns, main.probability.T, strict=True))
        columns["status"] = np.array(STATUS, dtype=object)[main.status]
        columns["log_evidence"] = main.log_evidence
        return columns

    def _hurried(self, batch: Batch, main: BatchOutput) -> Batch:
        """The batch for intervals and reasons: by the kernels where so much work pays for them."""
        cells = float(main.cells[main.status == OK].sum()) * sum(self._passes)
        return replace(batch, compiled=batch.compiled or pays(cells))

    @property
    def _passes(self) -> tuple[int, int]:
        """About how many passes go into intervals, and into reasons."""
        return self.options.intervals, PASSES if self.options.reasons else 0

    @cached_property
    def _drawn(self) -> Floats | None:
        """The tables of the draws, (draws, entries); None without intervals."""
        draws = self.options.intervals
        return drawn_tables(self.inference, draws, self.options.seed) if draws else None
