"""What is told of each record of a batch?

:class:`Scorer` joins encoding, inference and triage into columns of results, one row per
record, whatever becomes of it.  Frames and files are thin edges around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes, Encoded
from twitchnet.batch.options import ScoreKeywords, ScoreOptions, options_of
from twitchnet.batch.scoring.content import URGENCY, Content
from twitchnet.batch.scoring.intervals import drawn_tables, intervals
from twitchnet.batch.scoring.passes import Batch, pays, placed, spread
from twitchnet.batch.scoring.passes import Column as Column
from twitchnet.batch.scoring.posteriors import (
    OK,
    SMALL,
    Meters,
    Progress,
    evaluate,
    make_rows,
    target_states,
)
from twitchnet.batch.scoring.reasons import PASSES, reasons
from twitchnet.batch.scoring.urgency import by_rules, with_watches
from twitchnet.diagnosis.gain import gains
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import STATUS, BatchOutput
from twitchnet.engine.kernels import compiler
from twitchnet.engine.program import Floats, Ints

BAD_VALUE = "bad value"
"""The status of a record with a cell that names no state."""


@dataclass(frozen=True)
class Scores:
    """Results by name of column, each (records,); numbers are NaN and texts None where the
    record has none.  ``status`` is "ok", "bad value", "impossible" or "too wide"; ``limits``
    (records,) index ``LIMITS``, what a record that is too wide exceeds.
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
        self._singles: dict[tuple[int, int, bool], float] = {}

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

        ``progress`` is told the records done, those that still lack a pass in part.
        ``compiled`` is as in ``evaluate``.
        """
        codes = encoded.codes
        if compiled is None:
            compiled = len(codes) > SMALL or compiler.is_compiled()
        good = ~encoded.bad_rows
        batch = Batch(self.inference, np.ascontiguousarray(codes[good]), threads, compiled)
        told = Meters(progress, len(batch.codes), (1, *self._passes))
        main = batch.run(batch.rows, self.targets, told.of(0))
        ok = main.status == OK
        status = np.full(len(codes), BAD_VALUE, dtype=object)
        status[good] = np.array(STATUS, dtype=object)[main.status]
        columns: dict[str, Column] = {}
        for i, name in enumerate(self.target_columns):
            columns[name] = spread(main.probability[:, i], good)
        columns["status"] = status
        columns["log_evidence"] = spread(main.log_evidence, good)
        if self.options.details:
            rows = np.flatnonzero(ok)
            for name, values in (
                ("conflict", self._conflict(batch.codes, main, compiled)),
                ("none_present", batch.ratio(rows, main, self._none)),
                ("unexplained", batch.ratio(rows, main, self._no_producer)),
            ):
                columns[name] = spread(np.where(ok, values, np.nan), good)
            columns |= self._urgency(encoded, batch, main, good)
        if self.top or sum(self._passes):
            batch.compiled = compiled or pays(float(main.cells[ok].sum()) * sum(self._passes))
            columns |= self._of_the_leaders(batch, main, good, told)
        cells = spread(main.cells, good)
        limits = np.zeros(len(codes), dtype=np.int8)
        limits[good] = main.limits
        return Scores({name: columns[name] for name in self.schema}, cells, limits)

    def _of_the_leaders(
        self, batch: Batch, main: BatchOutput, good: NDArray[np.bool_], told: Meters
    ) -> dict[str, Column]:
        """The leading causes, how sure they are, and what speaks for and against the first."""
        content, ok = self.content, main.status == OK
        gain = self._gains(main.probability) if content.is_by_gain else None
        order, there = self._order(main.probability, gain, batch.codes, ok)
        columns = placed(self._top(main.probability, gain, order, there), good)
        if self.options.intervals:
            at = np.flatnonzero(ok)
            ends = intervals(batch, at, self._drawn, main.forms[at], told.of(1))
            columns |= placed(ends.columns(content, order[at]), good, at)
        if self.options.reasons:
            at = np.flatnonzero(there[:, 0])
            most = self.options.reasons
            why = reasons(batch, at, order[at, 0], main.forms[at], most, told.of(2))
            columns |= placed(why.columns(), good, at)
        return columns

    @property
    def _passes(self) -> tuple[int, int]:
        """About how many passes go into intervals, and into reasons."""
        return self.options.intervals, PASSES if self.options.reasons else 0

    @cached_property
    def _drawn(self) -> Floats:
        return drawn_tables(self.inference, self.options.intervals, self.options.seed)

    def _gains(self, probability: Floats) -> Floats:
        """What the answers tell about each target (records, targets), in signed bits."""
        return gains(probability, 1.0 - probability, *self.inference.prior_shares)

    def _order(
        self, probability: Floats, gain: Floats | None, codes: Codes, ok: NDArray[np.bool_]
    ) -> tuple[Ints, NDArray[np.bool_]]:
        """The targets of each record (records, ranks), the first one leading, and which count.

        They are ordered by ``gain`` where there is one, then by probability, then as in the
        model.  Answered ones have no rank.
        """
        at = {variable.name: i for i, variable in enumerate(self.network.nodes)}
        given = codes[:, [at[name] for name, _ in self.targets]] >= 0
        ranked = np.where(given, -1.0, probability)
        keys = [-ranked] if gain is None else [-ranked, np.where(given, np.inf, -gain)]
        order = np.lexsort(keys, axis=1)[:, : self.top or 1]
        return order, ok[:, None] & (np.take_along_axis(ranked, order, axis=1) >= 0)

    def _top(
        self, probability: Floats, gain: Floats | None, order: Ints, there: NDArray[np.bool_]
    ) -> dict[str, Column]:
        """The leading causes, their posteriors, and their gains where these order them."""
        cause = np.array(self.target_columns, dtype=object)[order]
        cause[~there] = None
        best = np.where(there, np.take_along_axis(probability, order, axis=1), np.nan)
        if self.top is None:
            return {"leader": cause[:, 0]}
        found: dict[str, Column] = {}
        for k in range(self.top):
            found |= {f"cause_{k + 1}": cause[:, k], f"posterior_{k + 1}": best[:, k]}
        if gain is not None:
            bits = np.where(there, np.take_along_axis(gain, order, axis=1), np.nan)
            found |= {f"gain_{k + 1}": bits[:, k] for k in range(self.top)}
        return found

    @cached_property
    def _none(self) -> dict[int, int]:
        """Every cause in its baseline state, by node."""
        return {self.inference.lowered.index[name]: 0 for name in self.network.ranked}

    @cached_property
    def _no_producer(self) -> dict[int, int]:
        """No cause produces the complaint, by node; empty when the model has no complaint."""
        complaint = self.network.complaint
        return {
            node: 0
            for (of, parent), node in self.inference.lowered.producer.items()
            if complaint and of == complaint and parent
        }

    def _conflict(self, codes: Codes, main: BatchOutput, compiled: bool) -> Floats:
        """The conflict measure: sum of log P(answer) - log P(answers).

        Above 0 when the answers do not belong together.  Each answer is held against its
        probability among everybody; ``diagnosis.conflict`` holds findings against theirs
        among those with the same contexts, for a pass per answer.  Source: Jensen,
        Chamberlain, Nordahl and Jensen 1991.
        """
        total: Floats = -main.log_evidence
        for node, variable in enumerate(self.network.nodes):
            said = codes[:, node]
            if (said >= 0).any():
                logs = [self._single(node, state, compiled) for state in range(variable.card)]
                total += np.array([*logs, 0.0])[said]  # the last one is for unknown, -1
        return total

    def _single(self, node: int, state: int, compiled: bool) -> float:
        """The natural log of the prior of one answer, remembered."""
        key = (node, state, compiled)
        if key not in self._singles:
            codes = np.full((1, len(self.network.nodes)), -1, dtype=np.int8)
            codes[0, node] = state
            rows = make_rows(self.inference, codes, {})
            out = evaluate(self.inference, rows, self.inference.wanted, (), compiled=compiled)
            self._singles[key] = float(out.log_evidence[0])
        return self._singles[key]

    def _urgency(
        self, encoded: Encoded, batch: Batch, main: BatchOutput, good: NDArray[np.bool_]
    ) -> dict[str, Column]:
        """Rules for every record, also those without posteriors; watches where they can be."""
        network = self.network
        flagged = any(variable.red_flag for variable in network.variables)
        if not network.has_triage and not flagged:
            return {name: np.full(len(good), None, dtype=object) for name in URGENCY}
        urgency = by_rules(network, encoded.codes, encoded.screens)
        posterior, failed = batch.watched(urgency.level[good], main)
        seen = {target: spread(values, good) for target, values in posterior.items()}
        whole = with_watches(network, urgency, encoded.codes, seen)
        deciding = whole.deciding()
        unknown = np.zeros(len(good), dtype=np.bool_)
        unknown[good] = failed
        deciding[unknown] = [f"{text}; watches too wide" for text in deciding[unknown]]
        words = whole.words()
        unread = encoded.bad_rows & (whole.level <= 0)  # nothing alarming, but not all was read
        words[unread], deciding[unread] = None, "an answer could not be read"
        return dict(zip(URGENCY, (words, whole.flags(), deciding), strict=True))
