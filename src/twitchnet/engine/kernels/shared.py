"""Many records on one schedule: eight of them in the lanes of a cell.

The schedule (``layout.Schedule``) eliminates all nodes in an order that holds for any evidence, so
a record costs no planning, and what it says enters as weights of states, 0 for those that it
excludes.  On the way up, each step sums the products of its cells into a *message*, and the sums
that are left are P(evidence).  On the way down, a message's share of the posterior divided by the
message is what each of its cells is multiplied by (Lauritzen and Spiegelhalter 1988, JRSS B 50(2),
157-224): nothing is ever subtracted, so no digits cancel.

Lanes never mix.  If a number leaves the range of a double, each record of the eight is computed
again with itself in all lanes, and is left to ``record.py`` if that does not help: an answer does
not depend on its neighbours.
"""

from __future__ import annotations

from math import frexp, ldexp, log

import numpy as np

from twitchnet.engine.jit.lanes import (
    LANES,
    bundle,
    forget_losses,
    load8,
    lost_any,
    max8,
    ratio8,
    splat8,
    store8,
)
from twitchnet.engine.kernels.layout import RecordLanes, Schedule, Task

OK, IMPOSSIBLE, TOO_WIDE, BAD_CODE = 0, 1, 2, 3  # as in ``record``
SMALL = 2.0**-64  # a message below it is scaled to about 1; much less, and its cells may underflow
LEAST = -1000  # exponent of a scale; 2 to the power of less has no inverse that is a double
LOG_2 = 0.6931471805599453


def weigh(g: Schedule, s: RecordLanes, task: Task, lane: int, row: int) -> bool:
    """Sets the weights of a lane to what a row says; False when a code is no state.

    A node with an answer takes no likelihoods.
    """
    for c in range(len(task.soft_of)):
        v = task.soft_of[c]
        if not np.isnan(task.soft[row, c, 0]):
            begin = g.weight_first[v]
            for state in range(g.weight_first[v + 1] - begin):
                s.weight[LANES * (begin + state) + lane] = task.soft[row, c, state]
    good = True
    for c in range(len(task.node_of)):
        code, v = int(task.codes[row, c]), task.node_of[c]
        if v >= 0 and code != -1:
            begin, end = g.weight_first[v], g.weight_first[v + 1]
            good = good and 0 <= code < end - begin
            for at in range(begin, end):
                s.weight[LANES * at + lane] = 1.0 if at == begin + code else 0.0
    return good


def product(g: Schedule, s: RecordLanes, cell: int, first: int, count: int) -> object:
    """The value of a cell: its number, the weight of its state, and the messages it takes in."""
    value = splat8(g.number[cell]) * load8(s.weight, g.state[cell])
    for i in range(first, first + count):
        value = value * load8(s.message, g.taken[i])
    return value


def sweep_up(g: Schedule, s: RecordLanes) -> None:
    """All messages; what was scaled is counted in ``exponent``, by lane."""
    for step in range(len(g.taken_first)):
        count, place = g.taken_count[step], g.taken_first[step]
        largest = splat8(0.0)
        for row in range(g.row_first[step], g.row_first[step + 1]):
            total = splat8(0.0)
            for cell in range(g.cell_first[row], g.cell_first[row + 1]):
                total = total + product(g, s, cell, place, count)
                place += count
            store8(s.message, row, total)
            store8(s.share, row, splat8(0.0))
            largest = max8(largest, total)
        store8(s.largest, 0, largest)
        small = False
        for lane in range(LANES):
            small = small or 0.0 < s.largest[lane] < SMALL
        if small:
            rescale(g, s, step)


def rescale(g: Schedule, s: RecordLanes, step: int) -> None:
    """Multiplies the messages of a step, and the weights that they hold, by a power of two."""
    for lane in range(LANES):
        factor = 1.0
        if s.largest[lane] > 0.0:
            exponent = max(frexp(s.largest[lane])[1], LEAST)
            factor = ldexp(1.0, -exponent)
            s.exponent[lane] += exponent
        s.largest[lane] = factor
    factors = load8(s.largest, 0)
    for row in range(g.row_first[step], g.row_first[step + 1]):
        store8(s.message, row, load8(s.message, row) * factors)
    v = g.node[step]
    for at in range(g.weight_first[v], g.weight_first[v + 1]):
        store8(s.weight, at, load8(s.weight, at) * factors)


def sweep_down(g: Schedule, s: RecordLanes) -> None:
    """The posteriors of all nodes, in ``posterior``: steps from the last to the first."""
    for at in range(g.weight_first[len(g.weight_first) - 1]):
        store8(s.posterior, at, splat8(0.0))
    for i in range(len(g.root)):
        store8(s.share, g.root[i], splat8(1.0))
    for step in range(len(g.taken_first) - 1, -1, -1):
        count, place = g.taken_count[step], g.taken_first[step]
        for row in range(g.row_first[step], g.row_first[step + 1]):
            factor = ratio8(load8(s.share, row), load8(s.message, row))
            for cell in range(g.cell_first[row], g.cell_first[row + 1]):
                value = product(g, s, cell, place, count) * factor
                at = g.state[cell]
                store8(s.posterior, at, load8(s.posterior, at) + value)
                for i in range(place, place + count):
                    at = g.taken[i]
                    store8(s.share, at, load8(s.share, at) + value)
                place += count


def answer(g: Schedule, s: RecordLanes, task: Task, first: int, last: int, stride: int) -> bool:
    """Computes rows ``first + lane * stride``, the last one again beyond ``last``.

    Returns whether nothing left the range of a double; else no answers are written.
    """
    for at in range(g.weight_first[len(g.weight_first) - 1]):
        store8(s.weight, at, splat8(1.0))
    for lane in range(LANES):
        row = min(first + lane * stride, last - 1)
        s.exponent[lane] = 0
        task.status[row] = OK if weigh(g, s, task, lane, row) else BAD_CODE
    forget_losses()
    sweep_up(g, s)
    if len(task.column_node) > 0:
        sweep_down(g, s)
    if lost_any():
        return False
    for lane in range(LANES if stride > 0 else 1):
        write_row(g, s, task, lane, min(first + lane * stride, last - 1))
    return True


def write_row(g: Schedule, s: RecordLanes, task: Task, lane: int, row: int) -> None:
    """The answers of a lane: log P(evidence), and the posteriors of the columns."""
    logp = LOG_2 * s.exponent[lane]
    for i in range(len(g.root)):
        sum_ = s.message[LANES * g.root[i] + lane]
        logp += log(sum_) if sum_ > 0.0 else -np.inf
    if task.status[row] == OK and logp == -np.inf:
        task.status[row] = IMPOSSIBLE
    task.log_evidence[row] = logp if task.status[row] != BAD_CODE else np.nan
    for c in range(len(task.column_node)):
        v, total = task.column_node[c], 0.0
        for at in range(g.weight_first[v], g.weight_first[v + 1]):
            total += s.posterior[LANES * at + lane]
        at = g.weight_first[v] + task.column_state[c]
        share = s.posterior[LANES * at + lane] / total if total > 0.0 else np.nan
        task.probability[row, c] = share if task.status[row] == OK else np.nan


def run_shared(schedule: Schedule, lanes: RecordLanes, task: Task, first: int, last: int) -> None:
    """Rows ``first`` to ``last`` of a task, or fewer once it is halted.

    Compiled code is given ``schedule.at`` and ``lanes.at``.
    """
    g, s = bundle(schedule), bundle(lanes)
    for begin in range(first, last, LANES):
        if task.halt[0] != 0:
            return
        end = min(begin + LANES, last)
        if not answer(g, s, task, begin, end, 1):
            for row in range(begin, end):
                if not answer(g, s, task, row, row + 1, 0):
                    task.status[row] = TOO_WIDE
