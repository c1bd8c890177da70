"""Many records, one after the other: reduce, order, sweep up, sweep down.

The product of the scalars that are left on the way up is P(evidence).  On the way down, its
derivatives (reverse-mode differentiation; Darwiche 2003, JACM 50(3), section 4) give all
posteriors.  A record is first computed in doubles (``fast/sweep.py``), and again in
double-doubles where the answer does not agree with itself.  A record that these cannot answer
either is left to numpy, which subtracts nothing.

Eight lanes hold assignments of the conditioned nodes (``cutset.py``); if the tables do not fit
the workspace, there are more assignments in passes, which use the same tape.  Each record is
computed by itself, so that neither threads nor the order of rows can change a bit of an answer.
"""

from __future__ import annotations

from math import ldexp, log

import numpy as np

from twitchnet.engine.jit.lanes import (
    LANES,
    abs8,
    bare,
    bundle,
    forget_losses,
    in_double_doubles,
    load8,
    lost_any,
    pair8,
    store8,
    total8,
    zero8,
)
from twitchnet.engine.kernels.cutset import condition, condition_more, couple_less
from twitchnet.engine.kernels.fast.responsibility import add_responsibilities
from twitchnet.engine.kernels.fast.sweep import multiply_scalars, sweep, sweep_back
from twitchnet.engine.kernels.layout import (
    BUDGET,
    BY_LANE,
    BY_PASS,
    DOUBT,
    EXPLAINS,
    FORM,
    LIMIT,
    LOST,
    LOST_BITS,
    N_AXES,
    N_LANES,
    N_OPEN,
    N_PASSES,
    N_ROWS,
    N_SINGLETONS,
    N_TABLES,
    NO_LIMIT,
    OBSERVED,
    PLAN_ONLY,
    PLANNING,
    PRECISION,
    RANGE,
    RESULT,
    ROOM,
    STEPS,
    UNFIT,
    UNWANTED,
    Packed,
    Scratch,
    Task,
)
from twitchnet.engine.kernels.lookahead import LOOK_ABOVE, look_ahead
from twitchnet.engine.kernels.ordering import INFINITE, MOST_LOST, SEARCH_ABOVE, searches, spend
from twitchnet.engine.kernels.plan import name_order, planned, search
from twitchnet.engine.kernels.reduce import mark_fixed, mark_needed, reduce_evidence
from twitchnet.engine.program import Floats

FLOOR = 50.0  # posteriors below 1 / 50 may need a closer agreement, see ``agrees``; at less, errors
# of rare causes pass
LEAST, LEAST_DOUBLE_DOUBLE = 1e-15, 1e-30  # smallest relative error that is assumed, by form
SPREAD = 3e-12  # relative difference of two evaluations that is still believed: errors of 1.8e-10
# were seen at most, and of 3.4e-10 at twice as much; 1e-9 is promised
ROUNDING, ROUNDING_DOUBLE_DOUBLE = 2.0**-53, 2.0**-100  # relative, of a row in a lane; by form
MANY = 300  # axes up to which ``SPREAD`` keeps 1e-9 even if all roundings add up
UNSEEN = 1e-11  # share of P(evidence) that lanes may lose without a difference that shows it
OK, IMPOSSIBLE, TOO_WIDE, BAD_CODE = 0, 1, 2, 3
UNSURE = 4  # status of a form whose answer is not believed: the next form must answer
DOUBLE, DOUBLE_DOUBLE = 0, 1  # forms
MOST_LOST_DOUBLE_DOUBLE = 40  # see ``ordering.MOST_LOST``
MOST_DOUBT = 8 * 16  # 16ths of a bit, see ``is_doubtful``; at more, doubles are often in vain
MOST_PASSES = 2**16  # passes of one record; more would take hours within any budget
AT_HAND = 262144.0  # numbers that fast memory holds: passes are added until the tables fit it
BEYOND = 1e5  # times the budget: no search finds an order that is 1e5 times cheaper
LEEWAY = 1.3  # share of the budget kept for passes for fast memory; at 1 they could exceed it


def scale_all(values: Floats, rows: int, factor: float) -> None:
    """Multiplies a square matrix in place; 0 clears it."""
    for i in range(rows):
        for j in range(rows):
            values[i, j] = 0.0 if factor == 0.0 else values[i, j] * factor


def run_record(
    p: Packed, s: Scratch, budget: float, responsibility: Floats, first: int, last: int
) -> tuple[int, float, float]:
    """One record, whose evidence is in ``hard``, ``soft`` and ``is_soft``.

    Returns (status, planned cells, log P(evidence)).  Leaves posteriors in ``marginal``, in
    ``responsibility`` what ``Task`` says, in counts[FORM] the form that answered, and in
    counts[LIMIT] what a record that is too wide exceeds.  Planned cells count single numbers:
    multiply-adds times eight lanes times passes.

    With counts[PLAN_ONLY] the plan is left in the workspace, and log P is 0.

    Forms from ``first`` to ``last`` are tried until one can be trusted: DOUBLE, and then
    DOUBLE_DOUBLE, which takes the same plan where it fits.  A record that neither answers is too
    wide, for its RANGE or PRECISION, or a tape that is too short.
    """
    ready, status, cells, logp = False, UNSURE, 0.0, 0.0
    s.counts[LIMIT] = NO_LIMIT
    for form in range(first, last + 1):
        s.counts[FORM] = form
        again = ready and form == DOUBLE_DOUBLE
        again = again and 2 * LANES * (s.counts[RESULT] + 2) <= len(s.cells)
        if not again:
            status, cells = settle(p, s, budget, form)
            ready = status == OK
        if ready and s.counts[FORM] != form:
            status = UNSURE
        elif ready and s.counts[PLAN_ONLY] != 0:
            return OK, cells, 0.0
        elif ready:
            status, logp = evaluate(p, s, responsibility, form, again)
        if status != UNSURE:
            return status, cells, logp
    return TOO_WIDE, cells, logp


def evaluate(
    p: Packed, s: Scratch, responsibility: Floats, form: int, again: bool
) -> tuple[int, float]:
    """Runs a plan of ``settle``, or runs it ``again``; returns (status, log P)."""
    result, passes, nodes = s.counts[RESULT], s.counts[N_PASSES], len(p.node.card)
    explains, void = s.counts[EXPLAINS] != 0, True
    if explains:
        scale_all(responsibility, nodes, 0.0)
    scale_marginals(p, s, 0.0)
    double_double = in_double_doubles(s)
    tables, total, bulk, top = s.counts[N_TABLES], 0.0, 0.0, 0
    lost = s.counts[LOST] != 0
    forget_losses()
    for index in range(passes):
        if index > 0 or (again and passes > 1):
            lost = lost or lost_any()
            next_pass(p, s, index)
            lost_bits = s.counts[LOST_BITS]
            reduce_evidence(p, s)
            lost = lost or s.counts[LOST] != 0
            s.counts[N_TABLES] = tables  # leaves lie where they lay: the tape holds
            s.counts[LOST_BITS] = lost_bits
            forget_losses()
        if form == DOUBLE:
            exponent, here = sweep_up(s, result)
        else:
            exponent, here = sweep_up(double_double, result)
        lanes_apart = total8(abs8(load8(s.cells, result)))
        if lanes_apart == 0.0:
            void = void and is_void(p, s)
            continue
        if bulk == 0.0:
            top = exponent
        factor = 1.0
        if exponent > top:
            shrink = ldexp(1.0, max(top - exponent, -2000))
            total *= shrink
            bulk *= shrink
            if explains:
                scale_all(responsibility, nodes, shrink)
            scale_marginals(p, s, shrink)
            top = exponent
        else:
            factor = ldexp(1.0, max(exponent - top, -2000))
        total += here * factor
        bulk += lanes_apart * factor
        if form == DOUBLE:
            sweep_down(p, s, responsibility, factor)
        else:
            sweep_down(p, double_double, responsibility, factor)
    s.counts[LIMIT] = NO_LIMIT
    if lost or lost_any():
        s.counts[LIMIT] = RANGE
        return UNSURE, 0.0
    if bulk == 0.0 and void:
        return IMPOSSIBLE, -np.inf
    if not agrees(p, s, total, bulk, form):
        s.counts[LIMIT] = PRECISION
        return UNSURE, 0.0
    normalise(p, s)
    if explains:
        for v in range(nodes):
            if s.node.needed[v] != 0 and s.node.present[v] != 0:
                for u in range(nodes):
                    responsibility[u, v] /= total
    return OK, log(total) + top * log(2.0)


def normalise(p: Packed, s: Scratch) -> None:
    """Joint probabilities of the wanted nodes become posteriors."""
    for v in range(len(p.node.card)):
        if s.node.wanted[v] == UNWANTED:
            continue
        sum_ = 0.0  # of its own masses: over any other sum, a posterior may exceed 1
        for state in range(p.node.card[v]):
            sum_ += s.node.marginal[state, v]
        for state in range(p.node.card[v]):
            if s.node.fixed[v] == OBSERVED:
                s.node.marginal[state, v] = 1.0 if state == s.node.hard[v] else 0.0
            else:
                s.node.marginal[state, v] /= sum_


def sweep_up(s: Scratch, result: int) -> tuple[int, float]:
    """All axes eliminated: the exponent that was taken out, and what is left of P(evidence)."""
    exponent = sweep(s)
    exponent += multiply_scalars(s, result)
    here, _ = pair8(load8(s.cells, result))
    return exponent, here


def is_void(p: Packed, s: Scratch) -> bool:
    """Whether a pass that is 0 in all lanes proves that the evidence is impossible.

    It does if no sum of numbers with signs made the 0.
    """
    differences = s.counts[LOST_BITS]  # 0 where no axis is eliminated by a difference
    for v in range(len(p.node.card)):
        differences += s.node.level_fixed[v]
    if differences == 0:
        return True
    for t in range(s.counts[N_ROWS]):  # products of probabilities over at most one node
        sum_ = zero8(s.cells)
        for i in range(s.table.start[t], s.table.start[t] + s.table.size[t]):
            sum_ = sum_ + abs8(load8(s.cells, i))
        if total8(sum_) == 0.0:
            return True
    return False


def sweep_down(p: Packed, s: Scratch, responsibility: Floats, factor: float) -> None:
    """All marginals, twice, and what each link produced."""
    result, explains = s.counts[RESULT], s.counts[EXPLAINS] != 0
    store8(s.cells, result + 1, load8(s.cells, result))
    sweep_back(s, s.lists.order, result + 1, factor, explains)
    if explains:
        add_responsibilities(p, s, responsibility, result, factor)
    add_conditioned(p, s, result, False, factor)
    add_conditioned(p, s, result + 1, True, factor)


def scale_marginals(p: Packed, s: Scratch, factor: float) -> None:
    """Multiplies both evaluations of all marginals by a factor; 0 clears them."""
    for i in range(s.counts[N_OPEN]):
        v = s.lists.open[i]
        for state in range(p.node.card[v]):
            if factor == 0.0:
                s.node.marginal[state, v] = s.node.again[state, v] = s.node.finer[state, v] = 0.0
            else:
                s.node.marginal[state, v] *= factor
                s.node.again[state, v] *= factor
                s.node.finer[state, v] *= factor


def next_pass(p: Packed, s: Scratch, index: int) -> None:
    """Gives the nodes that are conditioned on in passes the assignment of a pass."""
    for v in range(len(p.node.card)):
        if s.node.fixed[v] == BY_PASS or s.node.level_fixed[v] == BY_PASS:
            for lane in range(LANES):
                s.node.lane[lane, v] = index % p.node.card[v]
            index //= p.node.card[v]


def settle(p: Packed, s: Scratch, budget: float, form: int) -> tuple[int, float]:
    """Leaves and tape of a record, conditioned on until its tables fit the workspace.

    Returns (OK, TOO_WIDE or UNSURE; planned cells).  In ``counts`` are left the cell for
    P(evidence), lanes and passes, and as FORM the form that the plan is for: DOUBLE_DOUBLE
    instead of DOUBLE where that would be in vain.
    """
    order = s.lists.order
    s.counts[STEPS] = 0
    double_double = form == DOUBLE_DOUBLE
    room = float(len(s.cells) // 2 if double_double else len(s.cells))
    near = min(room, 0.5 * AT_HAND if double_double else AT_HAND)
    most_lost = MOST_LOST_DOUBLE_DOUBLE if double_double else MOST_LOST
    mark_fixed(p, s)
    mark_needed(p, s)
    s.counts[N_LANES] = condition(p, s)
    passes, known = 1, 0
    while True:
        work, stored = planned(p, s, known)
        fits = work < np.inf
        if stored < 0.0:
            known_cells = work * LANES * passes
            hopeless = work < INFINITE and known_cells > budget
            s.counts[LIMIT] = BUDGET if hopeless else PLANNING
            return TOO_WIDE, known_cells if hopeless else np.nan
        if form == DOUBLE and fits and is_doubtful(p, s):
            form = s.counts[FORM] = DOUBLE_DOUBLE
            room, near, most_lost = 0.5 * room, 0.5 * near, MOST_LOST_DOUBLE_DOUBLE
        if fits and passes == 1 and LOOK_ABOVE < work <= BEYOND * budget:
            work, stored = look_ahead(p, s, work)
        if fits and SEARCH_ABOVE < work * passes <= BEYOND * budget:
            work, stored = search(s, work, searches(work * passes))
        if s.counts[UNFIT] != 0 or s.counts[LOST_BITS] > most_lost:
            s.counts[LIMIT] = ROOM if s.counts[UNFIT] != 0 else PRECISION
            return UNSURE, np.nan
        cells, size = (work if fits else np.nan) * LANES * passes, LANES * (stored + 2.0)
        if fits and cells > budget:
            s.counts[LIMIT] = BUDGET
            return TOO_WIDE, cells
        s.counts[N_PASSES] = passes
        if fits and size <= near:
            s.counts[RESULT] = int(stored)
            return OK, cells
        more = 1
        if fits:
            goal = near if cells * LEEWAY <= budget else room
            more = condition_more(p, s, room / size, goal / size)
            if more == 1 and size <= room:
                s.counts[RESULT] = int(stored)
                return OK, cells
            known = name_order(s, order)
        if more == 1:
            more, known = couple_less(p, s), 0
        passes *= more
        if more == 1 or passes > MOST_PASSES or not spend(s, 0):
            s.counts[LIMIT] = ROOM if more == 1 or passes > MOST_PASSES else PLANNING
            return TOO_WIDE, cells


def is_doubtful(p: Packed, s: Scratch) -> bool:
    """Whether doubles would be in vain: their digits are lost to improbable findings.

    Each finding whose axis is eliminated by a difference, or that is conditioned on, costs about
    the bits by which its probability is short of one half.
    """
    doubt = s.counts[DOUBT]
    for v in range(len(p.node.card)):
        if s.node.level_fixed[v] != 0:
            doubt += p.node.surprise[v]
    return bool(doubt > MOST_DOUBT)


def add_conditioned(p: Packed, s: Scratch, cell: int, again: bool, factor: float) -> None:
    """Adds P(evidence) by lane, in a cell, to the states that conditioned nodes have there."""
    for i in range(s.counts[N_OPEN]):
        v = s.lists.open[i]
        if s.node.fixed[v] >= BY_LANE:
            for state in range(p.node.card[v]):
                here, finer = pair8(load8(s.cells, cell) * load8(s.cells, s.node.marked[v] + state))
                if again:
                    s.node.again[state, v] += here * factor
                    s.node.finer[state, v] += finer * factor
                else:
                    s.node.marginal[state, v] += here * factor
                    s.node.finer[state, v] -= finer * factor


def agrees(p: Packed, s: Scratch, total: float, bulk: float, form: int) -> bool:
    """Whether all evaluations of the same probabilities are close enough to be believed.

    Their largest relative difference stands for the relative error of P(evidence).  States
    above the lowest of a *monotone* node with a leak cancel less than the rest of the sum, and
    share it; for others it is an absolute error, which a small posterior does not survive.
    """
    if not total > 0.0:
        return False
    spread, smallest = LEAST_DOUBLE_DOUBLE if form == DOUBLE_DOUBLE else LEAST, 1.0
    for i in range(s.counts[N_OPEN]):
        v = s.lists.open[i]
        sum_ = 0.0
        for state in range(p.node.card[v]):
            once, again = s.node.marginal[state, v], s.node.again[state, v]
            sum_ += once
            if once == 0.0 and again == 0.0:
                continue
            if not once > 0.0:
                return False
            spread = max(spread, abs((again - once) + s.node.finer[state, v]) / once)
            lesser = state == 0 or p.node.monotone[v] == 0 or s.node.leakless[v] != 0
            if s.node.wanted[v] != UNWANTED and lesser:
                smallest = min(smallest, once / total)
        if not abs(sum_ - total) <= SPREAD * total:
            return False
        if form == DOUBLE:
            spread = max(spread, abs(sum_ - total) / total)
    rounding = ROUNDING_DOUBLE_DOUBLE if form == DOUBLE_DOUBLE else ROUNDING
    unseen = s.counts[N_ROWS] * rounding * bulk / total
    coupled = s.counts[N_AXES] - s.counts[N_SINGLETONS]
    nearness = min(1.0, FLOOR * smallest)
    return (
        spread <= SPREAD * min(1.0, MANY / max(coupled, 1)) * nearness
        and unseen <= UNSEEN * nearness
    )


def read_row(p: Packed, s: Scratch, task: Task, row: int) -> bool:
    """Takes the evidence of a row, and what is wanted; False when a code is no state."""
    good = True
    s.counts[EXPLAINS] = 1 if len(task.responsibility) > 0 else 0
    s.counts[PLAN_ONLY] = task.plan_only[0]
    for v in range(len(p.node.card)):
        s.node.wanted[v] = task.wanted[v]
        s.node.hard[v] = -1
        s.node.is_soft[v] = 0
    for c in range(len(task.node_of)):
        code = int(task.codes[row, c])
        v = task.node_of[c]
        if v >= 0 and code != -1:
            if code < -1 or code >= p.node.card[v]:
                good = False
            else:
                s.node.hard[v] = code
    for c in range(len(task.soft_of)):
        v = task.soft_of[c]
        if not np.isnan(task.soft[row, c, 0]) and s.node.hard[v] < 0:
            s.node.is_soft[v] = 1
            for state in range(p.node.card[v]):
                s.node.soft[state, v] = task.soft[row, c, state]
    return good


def run_records(
    packed: Packed, scratch: Scratch, task: Task, budget: float, first: int, last: int
) -> None:
    """Rows ``first`` to ``last`` of a task, or fewer once it is halted.

    ``budget`` is in planned cells.  Compiled code is given ``packed.at`` and ``scratch.at``.
    """
    p, s, responsibility = bundle(packed), bundle(scratch), bare(task.responsibility)
    for row in range(first, last):
        if task.halt[0] != 0:
            return
        status, planned, logp = BAD_CODE, task.cells[row], np.nan
        if read_row(p, s, task, row):
            form = task.forms[row]
            status, planned, logp = run_record(p, s, budget, responsibility, form, DOUBLE_DOUBLE)
            task.forms[row] = s.counts[FORM]
            task.limits[row] = s.counts[LIMIT]
        task.status[row] = status
        task.cells[row] = planned
        task.log_evidence[row] = logp if status != TOO_WIDE else np.nan
        for c in range(len(task.column_node)):
            state, v = task.column_state[c], task.column_node[c]
            task.probability[row, c] = s.node.marginal[state, v] if status == OK else np.nan
        for v in range(task.explains.shape[1]):
            sum_ = 0.0
            for u in range(len(p.node.card)):
                sum_ += responsibility[v, u]
            task.explains[row, v] = sum_ if status == OK else np.nan
