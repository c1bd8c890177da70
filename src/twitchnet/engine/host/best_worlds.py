"""Which states of all nodes together are most probable, given the evidence?

The k most probable explanations over all variables (MPE; Pearl 1988, chapter 5), by dynamic
programming on a schedule: its sums become the k largest of their terms (Flerova, Marinescu and
Dechter 2016, JAIR 55, section 3), and how each came about is followed back from the roots.
Values are logarithms, so nothing leaves the range of a double.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twitchnet.engine.kernels.layout import Schedule
from twitchnet.engine.program import Evidence, Floats, Ints


class World(NamedTuple):
    """A state of each node (V,), and the natural log of P(these states, evidence)."""

    log_probability: float
    states: Ints


class Best(NamedTuple):
    """The best values of some cells or rows, (n, k), the largest first, and how they came about.

    ``cell`` (n, k) is where a value of a row is from; ``rank`` (n, k, messages) is which of the
    best values of each message a value of a cell, or of the cell of a row, took.
    """

    value: Floats
    cell: Ints
    rank: Ints


def weights_of(schedule: Schedule, evidence: Evidence) -> Floats:
    """The log weight of each state of each node."""
    first = schedule.weight_first
    weight = np.zeros(int(first[-1]))
    with np.errstate(divide="ignore"):
        for v in range(len(first) - 1):
            here = slice(first[v], first[v + 1])
            if evidence.hard[v] >= 0:
                weight[here] = -np.inf
                weight[first[v] + evidence.hard[v]] = 0.0
            elif evidence.is_soft[v]:
                weight[here] = np.log(evidence.soft[v, : first[v + 1] - first[v]])
    return weight


def with_message(best: Best, message: Floats, k: int) -> Best:
    """The k best sums of a value and of one of the values (n, k) of a message."""
    count = message.shape[1]
    sums = (best.value[:, :, None] + message[:, None, :]).reshape(len(message), -1)
    at = np.argsort(-sums, axis=1, kind="stable")[:, :k]
    rank = np.take_along_axis(best.rank, (at // count)[:, :, None], axis=1)
    rank = np.concatenate([rank, (at % count)[:, :, None]], axis=2)
    return Best(np.take_along_axis(sums, at, axis=1), best.cell, rank)


def best_of_rows(cells: Best, row: Ints, k: int) -> Best:
    """The k best values of each row, of the cells (n,) that are its terms; rows ascend from 0."""
    width = cells.value.shape[1]
    value, rows = cells.value.ravel(), np.repeat(row, width)
    at = np.lexsort((-value, rows))
    first = np.searchsorted(rows, np.arange(row[-1] + 1))
    place = np.arange(len(at)) - first[rows[at]]
    at, place = at[place < k], place[place < k]
    shape = int(row[-1]) + 1, min(k, int(place.max()) + 1)
    found = Best(
        np.full(shape, -np.inf),
        np.zeros(shape, dtype=np.int64),
        np.zeros((*shape, cells.rank.shape[2]), dtype=np.int64),
    )
    found.value[rows[at], place] = value[at]
    found.cell[rows[at], place] = at // width
    found.rank[rows[at], place] = cells.rank.reshape(len(value), -1)[at]
    return found


def best_worlds(schedule: Schedule, evidence: Evidence, k: int) -> list[World]:
    """The ``k`` most probable worlds, the best first; fewer where fewer are possible."""
    g, weight = schedule, weights_of(schedule, evidence)
    logs = np.log(g.number) + weight[g.state]
    row_of_cell = np.repeat(np.arange(len(g.cell_first) - 1), np.diff(g.cell_first))
    values = np.full((len(g.cell_first) - 1, 1), -np.inf)  # of all rows; widens as needed
    steps: list[Best] = []
    for step in range(len(g.node)):
        first, last = g.row_first[step], g.row_first[step + 1]
        cells = slice(g.cell_first[first], g.cell_first[last])
        taken = _taken(g, step)
        best = Best(
            logs[cells, None],
            np.zeros((len(taken), 1), dtype=np.int64),
            np.zeros((len(taken), 1, 0), dtype=np.int64),
        )
        for rows in taken.T:
            best = with_message(best, values[rows], k)
        best = best_of_rows(best, row_of_cell[cells] - first, k)
        if best.value.shape[1] > values.shape[1]:
            wider = np.full((len(values), best.value.shape[1]), -np.inf)
            wider[:, : values.shape[1]] = values
            values = wider
        values[first:last, : best.value.shape[1]] = best.value
        steps.append(best)
    whole = Best(
        np.zeros((1, 1)), np.zeros((1, 1), dtype=np.int64), np.zeros((1, 1, 0), dtype=np.int64)
    )
    for row in g.root:
        whole = with_message(whole, values[row][None], k)
    return [
        World(float(value), _states(g, steps, whole.rank[0, i]))
        for i, value in enumerate(whole.value[0])
        if value > -np.inf
    ]


def _taken(g: Schedule, step: int) -> Ints:
    """The rows of messages (cells, messages) that the cells of a step are multiplied by."""
    cells = int(g.cell_first[g.row_first[step + 1]] - g.cell_first[g.row_first[step]])
    first, count = int(g.taken_first[step]), int(g.taken_count[step])
    return g.taken[first : first + cells * count].reshape(cells, count)


def _states(g: Schedule, steps: list[Best], ranks: Ints) -> Ints:
    """The states that a value of the roots came from."""
    step_of_row = np.repeat(np.arange(len(g.node)), np.diff(g.row_first))
    states = np.zeros(len(g.node), dtype=np.int64)
    queue = list(zip(g.root.tolist(), ranks.tolist(), strict=True))
    while queue:
        row, rank = queue.pop()
        step = int(step_of_row[row])
        best, here = steps[step], row - int(g.row_first[step])
        cell = int(best.cell[here, rank])
        at = int(g.cell_first[g.row_first[step]]) + cell
        node = int(g.node[step])
        states[node] = g.state[at] - g.weight_first[node]
        queue += zip(_taken(g, step)[cell].tolist(), best.rank[here, rank].tolist(), strict=True)
    return states
