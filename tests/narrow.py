"""Budgets that a light record keeps and a heavy one does not, whoever computes."""

from __future__ import annotations

from typing import Any

import twitchnet as tn
from twitchnet.batch.scoring.posteriors import _one_by_one
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.diagnosis.hypotheses import target_states


def budget_between(model: tn.Model, frame: Any) -> float:
    """The mean of numpy's planned cells for two records; kernels plan more, in eight lanes."""
    rows = make_rows(model._inference, model.encode(frame), {})
    found = _one_by_one(model._inference, rows, target_states(model.network), None, hurry=False)
    assert found is not None
    light, heavy = found.cells.tolist()
    assert light < heavy
    return float((light + heavy) / 2)
