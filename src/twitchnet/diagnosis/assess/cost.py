"""What will a model's answers cost, before anybody has asked?

Planned table cells of two records that every user meets: nothing answered, and the
complaint alone.  Planning computes nothing, so a model that is too wide is found out by
its author, in a second, not by its users.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.numpy.plan import BUDGET
from twitchnet.errors import CapacityError, Problem
from twitchnet.model.network import Network

HIGH = 1e8
"""Cells from which a complaint alone is called costly: about a second on the numpy path, and
each further present finding multiplies it."""


class Cost(NamedTuple):
    """The planned multiply-adds of a record; ``record`` says in words which one."""

    record: str
    cells: float
    over_budget: bool = False

    def __str__(self) -> str:
        if math.isinf(self.cells):
            return f"{self.record}: more cells than planning could count, above the budget"
        wide = ", above the budget" if self.over_budget else ""
        return f"{self.record}: {self.cells:,.0f} cells{wide}"


def planned_costs(network: Network, budget: float = BUDGET) -> tuple[Cost, ...]:
    """The cost of the prior and, where there is one, of the complaint alone.

    >>> import twitchnet as tn
    >>> print(*planned_costs(tn.load("demo").network), sep="; ")
    nothing answered: 26 cells; leg_twitching alone: 59 cells
    """
    inference = Inference(network, budget)
    records = {"nothing answered": Answers()}
    if network.complaint:
        records[f"{network.complaint} alone"] = Answers({network.complaint: 1})
    found = []
    for name, answers in records.items():
        try:
            found.append(Cost(name, inference.plan(inference.evidence(answers)).cells))
        except CapacityError as error:
            cells = math.inf if math.isnan(error.cells) else error.cells
            found.append(Cost(name, cells, over_budget=True))
    return tuple(found)


def cost_warnings(costs: tuple[Cost, ...], file: str = "", high: float = HIGH) -> list[Problem]:
    """One warning, of the costliest record, when a model is costly to answer."""
    worst = max(costs, key=lambda cost: cost.cells)
    if worst.cells <= high:
        return []
    message = f"{worst}; from {high:,.0f} on, fuller records may be too wide to answer exactly"
    return [Problem("TN186", message, file=file, severity="warning")]
