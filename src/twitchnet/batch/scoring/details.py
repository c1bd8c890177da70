"""The columns ``conflict``, ``none_present`` and ``unexplained``: how the answers fit the model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from twitchnet.batch.scoring.passes import Batch, Column
from twitchnet.batch.scoring.posteriors import OK, evaluate
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import BatchOutput
from twitchnet.engine.program import Floats


@dataclass(frozen=True)
class AnswerPriors:
    """The natural log of P(answer) for single answers, kept once a batch has needed them."""

    _known: dict[tuple[int, bool], Floats] = field(default_factory=dict)

    def of(self, batch: Batch, node: int) -> Floats:
        """Log P(state) of each state of ``network.nodes[node]``; the last entry, 0, is unknown."""
        key, inference = (node, batch.compiled), batch.inference
        if key not in self._known:
            nodes = inference.network.nodes
            logs = np.zeros(nodes[node].card + 1)
            for state in range(nodes[node].card):  # one by one: a heavy one alone is heavy
                codes = np.full((1, len(nodes)), -1, dtype=np.int8)
                codes[0, node] = state
                row = batch.with_codes(codes)
                out = evaluate(inference, row, inference.wanted, (), compiled=batch.compiled)
                logs[state] = out.log_evidence[0]
            self._known[key] = logs
        return self._known[key]


def details(batch: Batch, main: BatchOutput, priors: AnswerPriors) -> dict[str, Column]:
    """The three columns of the records of a batch, NaN where the main pass has no result."""
    at = np.flatnonzero(main.status == OK)
    return {
        "conflict": conflict(batch, main, priors),
        "none_present": batch.ratio(at, main, _every_target(batch.inference)),
        "unexplained": batch.ratio(at, main, _every_producer(batch.inference)),
    }


def conflict(batch: Batch, main: BatchOutput, priors: AnswerPriors) -> Floats:
    """The conflict measure (records,): sum of log P(answer) - log P(answers), NaN where the main
    pass has no result.

    Above 0 when the answers do not belong together.  Each answer is held against its
    probability among everybody; ``diagnosis.conflict`` holds findings against theirs among
    those with the same contexts, for a pass per answer.  Source: Jensen, Chamberlain, Nordahl
    and Jensen 1991.
    """
    at = np.flatnonzero(main.status == OK)  # an impossible answer would be infinite minus infinite
    codes = batch.codes[at]
    total: Floats = np.full(len(batch.codes), np.nan)
    total[at] = -main.log_evidence[at]
    for node in np.flatnonzero((codes >= 0).any(axis=0)).tolist():
        total[at] += priors.of(batch, node)[codes[:, node]]
    return total


def _every_target(inference: Inference) -> dict[int, int]:
    """Every target in its baseline state, by node."""
    return {inference.lowered.index[name]: 0 for name in inference.network.ranked}


def _every_producer(inference: Inference) -> dict[int, int]:
    """No cause produces the complaint, by node; empty when the model has no complaint."""
    complaint = inference.network.complaint
    return {
        node: 0
        for (of, parent), node in inference.lowered.producer.items()
        if complaint and of == complaint and parent
    }
