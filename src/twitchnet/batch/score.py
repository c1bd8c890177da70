"""What is told of each record of a batch?

:class:`Scorer` joins encoding, inference and triage into columns of results, one row per
record, whatever becomes of it.  Frames and files are thin edges around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encode import Codes, Encoded
from twitchnet.batch.posteriors import (
    OK,
    SMALL,
    Progress,
    evaluate,
    make_rows,
    target_states,
    with_fixed,
)
from twitchnet.batch.urgency import by_rules, with_watches
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine import accelerate
from twitchnet.engine.batch import STATUS, BatchInput, BatchOutput
from twitchnet.engine.program import Floats
from twitchnet.model.care import URGENCIES

BAD_VALUE = "bad value"
"""The status of a record with a cell that names no state."""

STATUSES = ("ok", BAD_VALUE, "impossible", "too wide")
Column = NDArray[np.float64] | NDArray[np.object_]


@dataclass(frozen=True)
class Scores:
    """Results by name of column, each (records,); numbers are NaN and texts None where the
    record has none.  ``status`` is one of STATUSES.
    """

    columns: Mapping[str, Column]
    cells: Floats

    @property
    def status(self) -> NDArray[np.object_]:
        """What became of each record."""
        found: NDArray[np.object_] = self.columns["status"].astype(object)
        return found


class Scorer:
    """A model made ready to score batches.  Threads may share it.

    ``top`` replaces the posterior columns by the k most probable causes (``cause_1``,
    ``posterior_1`` ...); without ``details`` only posteriors, status and log evidence are
    computed, in one pass instead of up to four.
    """

    def __init__(self, inference: Inference, top: int | None = None, details: bool = True) -> None:
        if top is not None and top < 1:
            raise ValueError(f"top is a number of causes, at least 1, not {top}")
        self.inference = inference
        self.network = inference.network
        self.targets = target_states(self.network)
        self.top = None if top is None else min(top, len(self.targets))
        self.details = details
        self._singles: dict[tuple[int, int, bool], float] = {}

    @cached_property
    def target_columns(self) -> tuple[str, ...]:
        """The name of each posterior: the cause, or ``cause=state`` when it has several."""
        by_name = self.network.by_name
        return tuple(
            name if by_name[name].card == 2 else f"{name}={state}" for name, state in self.targets
        )

    @cached_property
    def schema(self) -> dict[str, type]:
        """Every column of the result in order: ``float`` or ``str``."""
        found: dict[str, type] = {}
        if self.top is None:
            found |= dict.fromkeys(self.target_columns, float)
        for rank in range(1, (self.top or 0) + 1):
            found |= {f"cause_{rank}": str, f"posterior_{rank}": float}
        found |= {"status": str, "log_evidence": float}
        if self.details:
            found |= {"conflict": float, "none_present": float, "unexplained": float}
            found |= {"urgency": str, "red_flags": str, "decided_by": str}
        return found

    def score(
        self,
        encoded: Encoded,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
        compiled: bool | None = None,
    ) -> Scores:
        """The results of a batch.

        ``progress`` is told the records done of the first pass, the longest.
        ``compiled`` is as in ``evaluate``.
        """
        codes = encoded.codes
        if compiled is None:
            compiled = len(codes) > SMALL or accelerate.is_compiled()
        good = ~encoded.bad_rows
        batch = _Batch(self, np.ascontiguousarray(codes[good]), threads, compiled)
        main = batch.run(batch.rows, self.targets, progress)
        ok = main.status == OK
        status = np.full(len(codes), BAD_VALUE, dtype=object)
        status[good] = np.array(STATUS, dtype=object)[main.status]
        columns: dict[str, Column] = {}
        if self.top is None:
            for i, name in enumerate(self.target_columns):
                columns[name] = _spread(main.probability[:, i], good)
        else:
            columns |= self._top(main.probability, batch.codes, ok, good)
        columns["status"] = status
        columns["log_evidence"] = _spread(main.log_evidence, good)
        if self.details:
            rows = np.flatnonzero(ok)
            for name, values in (
                ("conflict", self._conflict(batch.codes, main, compiled)),
                ("none_present", batch.ratio(rows, main, self._none)),
                ("unexplained", batch.ratio(rows, main, self._no_producer)),
            ):
                columns[name] = _spread(np.where(ok, values, np.nan), good)
            columns |= self._urgency(encoded, batch, main, good)
        cells = _spread(main.cells, good)
        return Scores({name: columns[name] for name in self.schema}, cells)

    def _top(
        self, probability: Floats, codes: Codes, ok: NDArray[np.bool_], good: NDArray[np.bool_]
    ) -> dict[str, Column]:
        """The most probable causes; answered ones have no rank, ties keep the model's order."""
        at = {variable.name: i for i, variable in enumerate(self.network.nodes)}
        given = codes[:, [at[name] for name, _ in self.targets]] >= 0
        ranked = np.where(given, -1.0, probability)
        order = np.argsort(-ranked, axis=1, kind="stable")[:, : self.top]
        names = np.array(self.target_columns, dtype=object)
        found: dict[str, Column] = {}
        for k in range(order.shape[1]):
            best = ranked[np.arange(len(order)), order[:, k]]
            there = ok & (best >= 0)
            cause = np.full(len(good), None, dtype=object)
            cause[np.flatnonzero(good)[there]] = names[order[there, k]]
            found[f"cause_{k + 1}"] = cause
            found[f"posterior_{k + 1}"] = _spread(np.where(there, best, np.nan), good)
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

        Above 0 when the answers do not belong together.  Source: Jensen, Chamberlain,
        Nordahl and Jensen 1991.
        """
        cards = np.array([variable.card for variable in self.network.nodes])
        start = np.cumsum(cards + 1) - cards  # each node has a place for unknown before its states
        flat = codes + start
        logs = np.zeros(int((cards + 1).sum()))
        for place in np.flatnonzero(np.bincount(flat.ravel(), minlength=len(logs))):
            node = int(np.searchsorted(start, place, side="right")) - 1
            if node >= 0 and place - start[node] < cards[node]:
                logs[place] = self._single(node, int(place - start[node]), compiled)
        total: Floats = logs[flat].sum(axis=1) - main.log_evidence
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
        self, encoded: Encoded, batch: _Batch, main: BatchOutput, good: NDArray[np.bool_]
    ) -> dict[str, Column]:
        """Rules for every record, also those without posteriors; watches where they can be."""
        network = self.network
        if not network.rules and not network.watches:
            return {name: np.full(len(good), None, dtype=object) for name in _URGENCY_COLUMNS}
        urgency = by_rules(network, encoded.codes, encoded.screens)
        posterior, failed = batch.watched(urgency.level[good], main)
        spread = {target: _spread(values, good) for target, values in posterior.items()}
        whole = with_watches(network, urgency, encoded.codes, spread)
        deciding = whole.deciding()
        unknown = np.zeros(len(good), dtype=np.bool_)
        unknown[good] = failed
        deciding[unknown] = [f"{text}; watches too wide" for text in deciding[unknown]]
        words = whole.words()
        unread = encoded.bad_rows & (whole.level <= 0)  # nothing alarming, but not all was read
        words[unread], deciding[unread] = None, "an answer could not be read"
        return dict(zip(_URGENCY_COLUMNS, (words, whole.flags(), deciding), strict=True))


_URGENCY_COLUMNS = ("urgency", "red_flags", "decided_by")


class _Batch:
    """The readable records of a batch, and the passes over them."""

    def __init__(self, scorer: Scorer, codes: Codes, threads: int | None, compiled: bool) -> None:
        self.scorer = scorer
        self.codes = codes
        self.rows = make_rows(scorer.inference, codes, {})
        self.threads = threads
        self.compiled = compiled

    def run(
        self,
        rows: BatchInput,
        columns: tuple[tuple[str, str], ...],
        progress: Progress | None = None,
        wanted: NDArray[np.int64] | None = None,
    ) -> BatchOutput:
        inference = self.scorer.inference
        return evaluate(
            inference,
            rows,
            inference.wanted if wanted is None else wanted,
            columns,
            threads=self.threads,
            progress=progress,
            compiled=self.compiled,
        )

    def ratio(self, at: NDArray[np.int64], main: BatchOutput, fixed: Mapping[int, int]) -> Floats:
        """P(fixed | answers) of the records ``at``, NaN elsewhere; 0 where an answer says no."""
        found = np.full(len(self.codes), np.nan)
        if not fixed:
            return found
        held = np.isin(self.rows.node_of, list(fixed))
        denied = np.any(self.codes[:, held] > 0, axis=1)[at]
        found[at] = 0.0
        at = at[~denied]
        rows = self.rows._replace(codes=self.codes[at], soft=self.rows.soft[at])
        out = self.run(with_fixed(rows, fixed), ())
        with np.errstate(invalid="ignore"):
            share = np.exp(np.minimum(out.log_evidence - main.log_evidence[at], 0.0))
        found[at] = share
        return found

    def watched(
        self, level: NDArray[np.int8], main: BatchOutput
    ) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
        """P(target | what watches may see) by target, and where that was too wide.

        Absent findings are left out of the answers, so it is another pass; records that
        have none, or whose urgency no watch can reach, are spared it.
        """
        scorer = self.scorer
        network = scorer.network
        failed = np.zeros(len(self.codes), dtype=np.bool_)
        if not network.watches or not len(self.codes):
            return {}, failed
        names = tuple(dict.fromkeys(w.target.partition("=")[0] for w in network.watches))
        columns = tuple(pair for pair in scorer.targets if pair[0] in names)
        places = [scorer.targets.index(pair) for pair in columns]
        finding = np.array([variable.kind == "finding" for variable in network.nodes])
        seen = np.where(finding & (self.codes == 0), np.int8(-1), self.codes)
        reach = max(URGENCIES.index(watch.urgency) for watch in network.watches)
        same = (seen == self.codes).all(axis=1)
        again = np.flatnonzero(~same & (level <= reach))
        probability = np.where(same[:, None], main.probability[:, places], np.nan)
        failed |= same & (level <= reach) & (main.status == STATUS.index("too wide"))
        if len(again):
            wanted = np.zeros_like(scorer.inference.wanted)
            wanted[[scorer.inference.lowered.index[name] for name in names]] = 1
            rows = self.rows._replace(codes=seen[again], soft=self.rows.soft[again])
            out = self.run(rows, columns, wanted=wanted)
            probability[again] = out.probability
            failed[again] = out.status == STATUS.index("too wide")
        found = {}
        for watch in network.watches:
            name, _, state = watch.target.partition("=")
            at = [i for i, pair in enumerate(columns) if pair[0] == name and state in ("", pair[1])]
            found[watch.target] = probability[:, at].sum(axis=1)
        return found, failed


def _spread(values: Any, good: NDArray[np.bool_]) -> Floats:
    """Numbers of the readable records among all records, NaN for the others."""
    found = np.full(len(good), np.nan)
    found[good] = values
    return found
