"""Many records, one after the other: decode, order, sweep up, sweep down.

The product of the scalars that are left upward is P(evidence); downward, its derivatives
(reverse-mode differentiation; Darwiche 2003, JACM 50(3), section 4) give all posteriors.
A record is first tried in doubles (``fast/sweep.py``); where that does not agree with itself,
the same is run in cells of twice the digits; and what not even those answer is left to numpy,
which subtracts nothing.

Lanes are eight assignments of what the record is conditioned on (``cutset.py``); if eight
are not enough to fit the workspace, there are more in passes that reuse the tape.  Each record
is computed by itself, so neither threads nor the order of rows can change a bit of its answer.
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
    load8,
    lost_any,
    pair8,
    store8,
    total8,
    widen,
    zero8,
)
from twitchnet.engine.kernels.cutset import condition, condition_more, couple_less, lanes_of
from twitchnet.engine.kernels.fast.responsibility import add_responsibilities
from twitchnet.engine.kernels.fast.sweep import multiply_scalars, sweep, sweep_back
from twitchnet.engine.kernels.layout import (
    AGAIN,
    BUDGET,
    COUNT,
    CUT,
    DOUBT,
    FAINTEST,
    FINER,
    FIXED,
    FORM,
    HARD,
    IS_SOFT,
    KEEP,
    LANE,
    LEAKLESS,
    LIMIT,
    LOST,
    MARGINAL,
    MARKED,
    N_AXES,
    N_LONE,
    N_OPEN,
    N_ROWS,
    N_TABLES,
    NO_LIMIT,
    OPEN,
    P_COUNT,
    PLANNING,
    PRECISION,
    PRESENT,
    RANGE,
    ROOM,
    SIZE,
    SOFT,
    SPARE,
    START,
    STEPS,
    UNFIT,
    V_CARD,
    V_RISING,
    V_SURPRISE,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.ordering import FAINT, INFINITE, SEARCH_ABOVE, spend
from twitchnet.engine.kernels.plan import name_order, planned, search
from twitchnet.engine.kernels.reduce import decode, mark_fixed, mark_needed
from twitchnet.engine.program import Floats, Ints

FLOOR = 50.0  # posteriors below 1 / FLOOR may need a closer agreement; see ``agrees``
LEAST, LEAST_WIDE = 1e-15, 1e-30  # and the smallest that is assumed, by kind of cells
SPREAD = 3e-12  # relative difference of two evaluations that is still believed
ROUNDING, ROUNDING_WIDE = 2.0**-53, 2.0**-100  # relative, of what a row or leaf 0 holds of a lane
MANY = 300  # axes up to which ``SPREAD`` keeps 1e-9 even if all roundings add up
UNSEEN = 1e-11  # most of P(evidence) that lanes may lose where no two evaluations differ
OK, IMPOSSIBLE, TOO_WIDE, BAD_CODE = 0, 1, 2, 3
UNSURE = 4  # of a form: the next one must answer
FAST, WIDE = 0, 1
FAINT_WIDE = 40  # see ``ordering.FAINT``
MOST_DOUBT = 8 * 16  # 16ths of a bit; see ``is_doubtful``
MOST_PASSES = 2**16
AT_HAND = 262144.0  # numbers of all tables that fast memory holds, and of their derivatives
BEYOND = 1e5  # times the budget: no search finds an order that is cheaper by so much
LEEWAY = 1.3  # to the budget, for passes that are for faster memory alone


def scale_all(values: Floats, factor: float) -> None:
    """Multiplies a matrix in place."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[i, j] *= factor


def run_record(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    budget: float,
    accounts: Floats,
    first: int,
    last: int,
) -> tuple[int, float, float]:
    """One record, whose evidence is in ``hard``, ``soft`` and ``is_soft``.

    Returns (status, planned cells, log P(evidence)).  Leaves posteriors in the MARGINAL rows of
    ``f``; in ``accounts`` (V, V; or empty) the probability that the link from a target (row)
    produced a present finding (column); and in LIMIT what a record that is too wide exceeds.
    Planned cells count single numbers: multiply-adds times eight lanes times passes.

    Forms from ``first`` to ``last`` are tried until one is to be trusted: FAST, and WIDE, which
    takes the same plan where it fits.  A record that neither answers is too wide, for its
    RANGE or PRECISION, or a tape that is too short.
    """
    ready, status, cells, logp = False, UNSURE, 0.0, 0.0
    s.n[COUNT, LIMIT] = NO_LIMIT
    result = lanes = passes = 0
    for form in range(first, last + 1):
        s.n[COUNT, FORM] = form
        again = form == WIDE and ready and 2 * LANES * (result + 2) <= len(s.cells)
        if not again:
            status, cells, result, lanes, passes = settle(
                p, s, wanted, budget, len(accounts) > 0, form
            )
            ready = status == OK
        if ready and s.n[COUNT, FORM] != form:
            status = UNSURE
        elif ready:
            status, logp = evaluate(p, s, wanted, accounts, form, result, lanes, passes, again)
        if status != UNSURE:
            return status, cells, logp
    return TOO_WIDE, cells, logp


def evaluate(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    accounts: Floats,
    form: int,
    result: int,
    lanes: int,
    passes: int,
    again: bool,
) -> tuple[int, float]:
    """Runs a plan of ``settle``, or runs it ``again``; returns (status, log P)."""
    order, credit, void = s.n[SPARE + 14], len(accounts) > 0, True
    accounts[:, :] = 0.0
    scale_marginals(p, s, 0.0)
    double = widen(s)
    tables, total, bulk, top = s.n[COUNT, N_TABLES], 0.0, 0.0, 0
    lost = s.n[COUNT, LOST] != 0
    forget_losses()
    for index in range(passes):
        if index > 0 or (again and passes > 1):
            lost = lost or lost_any()
            next_pass(p, s, index)
            faintest = s.n[COUNT, FAINTEST]
            decode(p, s, lanes, credit)
            lost = lost or s.n[COUNT, LOST] != 0
            s.n[COUNT, N_TABLES] = tables  # leaves lie where they lay: the tape holds
            s.n[COUNT, FAINTEST] = faintest
            forget_losses()
        if form == FAST:
            exponent, here = sweep_fast(s, result)
        else:
            exponent, here = sweep_fast(double, result)
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
            scale_all(accounts, shrink)
            scale_marginals(p, s, shrink)
            top = exponent
        else:
            factor = ldexp(1.0, max(exponent - top, -2000))
        total += here * factor
        bulk += lanes_apart * factor
        if form == FAST:
            sweep_fast_back(p, s, wanted, accounts, order, result, factor)
        else:
            sweep_fast_back(p, double, wanted, accounts, order, result, factor)
    s.n[COUNT, LIMIT] = NO_LIMIT
    if lost or lost_any():
        s.n[COUNT, LIMIT] = RANGE
        return UNSURE, 0.0
    if bulk == 0.0 and void:
        return IMPOSSIBLE, -np.inf
    if not agrees(p, s, wanted, total, bulk, form):
        s.n[COUNT, LIMIT] = PRECISION
        return UNSURE, 0.0
    for v in range(p.n[P_COUNT, 0]):
        if wanted[v] == 0:
            continue
        sum_ = 0.0  # of its own masses: over any other sum, a posterior may exceed 1
        for state in range(p.n[V_CARD, v]):
            sum_ += s.f[MARGINAL + 4 * state, v]
        for state in range(p.n[V_CARD, v]):
            if s.n[FIXED, v] == 1:
                s.f[MARGINAL + 4 * state, v] = 1.0 if state == s.n[HARD, v] else 0.0
            else:
                s.f[MARGINAL + 4 * state, v] /= sum_
    if credit:
        for v in range(p.n[P_COUNT, 0]):
            if s.n[KEEP, v] != 0 and s.n[PRESENT, v] != 0:
                for u in range(p.n[P_COUNT, 0]):
                    accounts[u, v] /= total
    return OK, log(total) + top * log(2.0)


def sweep_fast(s: Scratch, result: int) -> tuple[int, float]:
    """All axes closed: the exponent that was taken out, and what is left of P(evidence)."""
    exponent = sweep(s)
    exponent += multiply_scalars(s, result)
    here, _ = pair8(load8(s.cells, result))
    return exponent, here


def is_void(p: Packed, s: Scratch) -> bool:
    """Whether a pass that is 0 in all lanes is impossible: no sum of numbers with signs made it."""
    differences = s.n[COUNT, FAINTEST]  # 0 where no axis is closed by a difference
    for v in range(p.n[P_COUNT, 0]):
        differences += s.n[CUT, v]
    if differences == 0:
        return True
    for t in range(s.n[COUNT, N_ROWS]):  # products of probabilities of nothing or of one node
        sum_ = zero8(s.cells)
        for i in range(s.n[START, t], s.n[START, t] + s.n[SIZE, t]):
            sum_ = sum_ + abs8(load8(s.cells, i))
        if total8(sum_) == 0.0:
            return True
    return False


def sweep_fast_back(
    p: Packed,
    s: Scratch,
    wanted: Ints,
    accounts: Floats,
    order: Ints,
    result: int,
    factor: float,
) -> None:
    """All marginals, twice, and what each link produced."""
    store8(s.cells, result + 1, load8(s.cells, result))
    sweep_back(s, order, result + 1, factor, len(accounts) > 0)
    if len(accounts) > 0:
        add_responsibilities(p, s, wanted, accounts, result, factor)
    add_conditioned(p, s, result, False, factor)
    add_conditioned(p, s, result + 1, True, factor)


def scale_marginals(p: Packed, s: Scratch, factor: float) -> None:
    """Both evaluations of all marginals, times a factor; 0 clears them."""
    for i in range(s.n[COUNT, N_OPEN]):
        v = s.n[OPEN, i]
        for state in range(p.n[V_CARD, v]):
            at = 4 * state
            if factor == 0.0:
                s.f[MARGINAL + at, v] = s.f[AGAIN + at, v] = s.f[FINER + at, v] = 0.0
            else:
                s.f[MARGINAL + at, v] *= factor
                s.f[AGAIN + at, v] *= factor
                s.f[FINER + at, v] *= factor


def next_pass(p: Packed, s: Scratch, index: int) -> None:
    """The assignment of a pass to the nodes that are conditioned on in passes."""
    for v in range(p.n[P_COUNT, 0]):
        if s.n[FIXED, v] == 3 or s.n[CUT, v] == 3:
            for lane in range(LANES):
                s.n[LANE + lane, v] = index % p.n[V_CARD, v]
            index //= p.n[V_CARD, v]


def settle(
    p: Packed, s: Scratch, wanted: Ints, budget: float, credit: bool, form: int
) -> tuple[int, float, int, int, int]:
    """Leaves and tape of a record, conditioned on until its tables fit the workspace.

    Returns (OK, TOO_WIDE or UNSURE; planned cells, the cell for P(evidence), lanes, passes);
    the order is left in SPARE + 14, and in FORM the form that the plan is for: WIDE instead of
    FAST where that would be in vain.
    """
    order, trial, nodes = s.n[SPARE + 14], s.n[SPARE + 15], s.n[SPARE + 12]
    s.n[COUNT, STEPS] = 0
    room = float(len(s.cells) // 2 if form == WIDE else len(s.cells))
    near = min(room, 0.5 * AT_HAND if form == WIDE else AT_HAND)
    faintest = FAINT_WIDE if form == WIDE else FAINT
    mark_fixed(p, s)
    mark_needed(p, s, wanted)
    n = condition(p, s, wanted, nodes)
    lanes, passes, known = lanes_of(p, nodes, n), 1, 0
    while True:
        work, stored = planned(p, s, lanes, credit, known)
        fits = work < np.inf
        if stored < 0.0:
            known_cells = work * LANES * passes
            hopeless = work < INFINITE and known_cells > budget
            s.n[COUNT, LIMIT] = BUDGET if hopeless else PLANNING
            return TOO_WIDE, known_cells if hopeless else np.nan, 0, lanes, passes
        if form == FAST and fits and is_doubtful(p, s):
            form = s.n[COUNT, FORM] = WIDE
            room, near, faintest = 0.5 * room, 0.5 * near, FAINT_WIDE
        if fits and SEARCH_ABOVE < work * passes <= BEYOND * budget:
            work, stored = search(s, order, trial, work, passes)
        if s.n[COUNT, UNFIT] != 0 or s.n[COUNT, FAINTEST] > faintest:
            s.n[COUNT, LIMIT] = ROOM if s.n[COUNT, UNFIT] != 0 else PRECISION
            return UNSURE, np.nan, 0, lanes, passes
        cells, size = (work if fits else np.nan) * LANES * passes, LANES * (stored + 2.0)
        if fits and cells > budget:
            s.n[COUNT, LIMIT] = BUDGET
            return TOO_WIDE, cells, 0, lanes, passes
        if fits and size <= near:
            return OK, cells, int(stored), lanes, passes
        more = 1
        if fits:
            goal = near if cells * LEEWAY <= budget else room
            more = condition_more(p, s, wanted, order, room / size, goal / size)
            if more == 1 and size <= room:
                return OK, cells, int(stored), lanes, passes
            known = name_order(s, order)
        if more == 1:
            more, known = couple_less(p, s, wanted), 0
        passes *= more
        if more == 1 or passes > MOST_PASSES or not spend(s, 0):
            s.n[COUNT, LIMIT] = ROOM if more == 1 or passes > MOST_PASSES else PLANNING
            return TOO_WIDE, cells, 0, lanes, passes


def is_doubtful(p: Packed, s: Scratch) -> bool:
    """Whether the fast form would be in vain: its digits go where improbable findings are present.

    Each that is closed by a difference, or conditioned on, costs about the bits by which its
    probability is short of one half.
    """
    doubt = s.n[COUNT, DOUBT]
    for v in range(p.n[P_COUNT, 0]):
        if s.n[CUT, v] != 0:
            doubt += p.n[V_SURPRISE, v]
    return bool(doubt > MOST_DOUBT)


def add_conditioned(p: Packed, s: Scratch, cell: int, again: bool, factor: float) -> None:
    """Adds P(evidence) by lane, in a cell, to the states that conditioned nodes have there."""
    for i in range(s.n[COUNT, N_OPEN]):
        v = s.n[OPEN, i]
        if s.n[FIXED, v] >= 2:
            for state in range(p.n[V_CARD, v]):
                here, finer = pair8(load8(s.cells, cell) * load8(s.cells, s.n[MARKED, v] + state))
                if again:
                    s.f[AGAIN + 4 * state, v] += here * factor
                    s.f[FINER + 4 * state, v] += finer * factor
                else:
                    s.f[MARGINAL + 4 * state, v] += here * factor
                    s.f[FINER + 4 * state, v] -= finer * factor


def agrees(p: Packed, s: Scratch, wanted: Ints, total: float, bulk: float, form: int) -> bool:
    """Whether all evaluations of the same probabilities are close enough to be believed.

    Their largest relative difference stands for the relative error of P(evidence).  States
    above the lowest of a *rising* node with a leak cancel less than the rest of the sum, and
    share it; for others it is an absolute error, which a small posterior does not survive.
    """
    if not total > 0.0:
        return False
    spread, smallest = LEAST_WIDE if form == WIDE else LEAST, 1.0
    for i in range(s.n[COUNT, N_OPEN]):
        v = s.n[OPEN, i]
        sum_ = 0.0
        for state in range(p.n[V_CARD, v]):
            once, again = s.f[MARGINAL + 4 * state, v], s.f[AGAIN + 4 * state, v]
            sum_ += once
            if once == 0.0 and again == 0.0:
                continue
            if not once > 0.0:
                return False
            spread = max(spread, abs((again - once) + s.f[FINER + 4 * state, v]) / once)
            lesser = state == 0 or p.n[V_RISING, v] == 0 or s.n[LEAKLESS, v] != 0
            if wanted[v] != 0 and lesser:
                smallest = min(smallest, once / total)
        if not abs(sum_ - total) <= SPREAD * total:
            return False
        if form == FAST:
            spread = max(spread, abs(sum_ - total) / total)
    rounding = ROUNDING_WIDE if form == WIDE else ROUNDING
    unseen = s.n[COUNT, N_ROWS] * rounding * bulk / total
    coupled = s.n[COUNT, N_AXES] - s.n[COUNT, N_LONE]
    nearness = min(1.0, FLOOR * smallest)
    return (
        spread <= SPREAD * min(1.0, MANY / max(coupled, 1)) * nearness
        and unseen <= UNSEEN * nearness
    )


def read_row(
    p: Packed,
    s: Scratch,
    node_of: Ints,
    codes: np.ndarray,
    soft_of: Ints,
    soft: Floats,
    row: int,
) -> bool:
    """Takes the evidence of a row, see ``run_records``; False when a code is no state."""
    good = True
    for v in range(p.n[P_COUNT, 0]):
        s.n[HARD, v] = -1
        s.n[IS_SOFT, v] = 0
    for c in range(len(node_of)):
        code = int(codes[row, c])
        v = node_of[c]
        if v >= 0 and code != -1:
            if code < -1 or code >= p.n[V_CARD, v]:
                good = False
            else:
                s.n[HARD, v] = code
    for c in range(len(soft_of)):
        v = soft_of[c]
        if not np.isnan(soft[row, c, 0]) and s.n[HARD, v] < 0:
            s.n[IS_SOFT, v] = 1
            for state in range(p.n[V_CARD, v]):
                s.f[SOFT + 4 * state, v] = soft[row, c, state]
    return good


def run_records(
    packed: Packed,
    scratch: Scratch,
    wanted: Ints,
    budget: float,
    accounts: Floats,
    down: bool,
    node_of: Ints,
    codes: np.ndarray,
    soft_of: Ints,
    soft: Floats,
    column_node: Ints,
    column_state: Ints,
    first: int,
    last: int,
    probability: Floats,
    explains: Floats,
    log_evidence: Floats,
    status: np.ndarray,
    cells: Floats,
    forms: np.ndarray,
    limits: np.ndarray,
    halt: Ints,
) -> None:
    """Rows ``first`` to ``last`` of a batch, or fewer once ``halt[0]`` is not 0.

    ``codes`` (N, C) int8 with ``node_of`` (C,) the node of each column; ``soft``
    (N, S, card) likelihoods of the nodes ``soft_of`` (S,), NaN for none; columns of
    ``probability`` are the states ``column_state`` of the nodes ``column_node``;
    ``explains`` (N, V) and ``accounts`` (V, V) are empty unless wanted; ``forms`` (N,) is the
    form to begin with, and then that which answered; ``limits`` (N,) what is exceeded by a
    record that is too wide.
    """
    p, s, wanted = bundle(packed), bundle(scratch), bare(wanted)
    for row in range(first, last):
        if halt[0] != 0:
            return
        if not read_row(p, s, node_of, codes, soft_of, soft, row):
            status[row] = BAD_CODE
            log_evidence[row] = np.nan
            for c in range(len(column_node)):
                probability[row, c] = np.nan
            continue
        state_, planned, logp = run_record(p, s, wanted, budget, accounts, forms[row], WIDE)
        forms[row] = s.n[COUNT, FORM]
        limits[row] = s.n[COUNT, LIMIT]
        status[row] = state_
        cells[row] = planned
        log_evidence[row] = logp if state_ != TOO_WIDE else np.nan
        for c in range(len(column_node)):
            good = state_ == OK and down
            probability[row, c] = (
                s.f[MARGINAL + 4 * column_state[c], column_node[c]] if good else np.nan
            )
        for v in range(explains.shape[1]):
            explains[row, v] = np.sum(accounts[v]) if state_ == OK else np.nan
