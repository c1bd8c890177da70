"""One elimination of all nodes for any evidence: the schedule that the records of a batch share.

Its factors are the nodes' tables without the entries that are 0, as lists of assignments.  Each
step joins the factors of its node, as relations are joined in a database, and its message has an
assignment for each that is left when the node is dropped.  So what a table rules out costs
nothing, as in a compiled arithmetic circuit (Chavira and Darwiche 2008, AIJ 172, 772-799).

Nothing here is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, prod

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.kernels.layout import Schedule
from twitchnet.engine.program import Bools, Floats, Ints, Program

States = NDArray[np.int16]

MOST_CELLS, MOST_BYTES = 8_000_000, 2.0**28
"""Cells of a schedule, before those without use are left out, and bytes of a thread's workspace."""
FEW_CELLS = 100_000
"""Cells up to which a schedule is always taken: a plan alone takes as long."""
MOST_ENTRIES = 2**25
"""Numbers of all tables as lists, the states of their nodes included: 64 to 256 MB."""
MOST_NODES = 2000
"""Nodes of a network: the search for an order takes seconds for more."""
MOST_WORK = 1e8
"""Cells of the same elimination if no entry were 0, beyond which it is not tried."""
LEAST = np.finfo(np.float64).tiny
"""The smallest double with all its digits."""
RULES: tuple[Callable[[float, float], tuple[float, float]], ...] = (
    lambda fill, size: (fill, size),
    lambda fill, size: ((fill + 1.0) * size**0.25, size),
)
"""Two rules of an order, see ``greedy_order``; each is up to a half better for some networks."""


class UnfitError(Exception):
    """A schedule is too large, or its numbers leave the range of a double."""


@dataclass(frozen=True)
class Factor:
    """Assignments that are possible: ``states`` (n, nodes), a column for each node of ``scope``.

    ``number`` (n,) is the product of entries of tables; ``taken`` (n, messages) are rows of
    messages to multiply by.
    """

    scope: tuple[int, ...]
    states: States
    number: Floats
    taken: Ints

    def __len__(self) -> int:
        return len(self.number)

    def keys(self, scope: tuple[int, ...], card: Ints) -> Ints:
        """A number for each assignment of some nodes, the same for equal ones."""
        if sum(log(card[v]) for v in scope) > 62.0 * log(2.0):
            raise UnfitError
        key = np.zeros(len(self), dtype=np.int64)
        for v in scope:
            key = key * card[v] + self.states[:, self.scope.index(v)]
        return key


def joined(first: Factor, second: Factor, card: Ints) -> Factor:
    """Every pair of assignments that agree.  Raises ``UnfitError``."""
    common = tuple(v for v in first.scope if v in second.scope)
    fresh = [i for i, v in enumerate(second.scope) if v not in common]
    key = second.keys(common, card)
    order = np.argsort(key, kind="stable")
    begin, end = (
        np.searchsorted(key[order], first.keys(common, card), side) for side in ("left", "right")
    )
    count = end - begin
    if count.sum() > MOST_CELLS:
        raise UnfitError
    left = np.repeat(np.arange(len(first)), count)
    right = order[np.repeat(begin - np.cumsum(count) + count, count) + np.arange(len(left))]
    number = first.number[left] * second.number[right]
    if number.min(initial=1.0) < LEAST:
        raise UnfitError
    return Factor(
        (*first.scope, *(second.scope[i] for i in fresh)),
        np.hstack([first.states[left], second.states[right][:, fresh]]),
        number,
        np.hstack([first.taken[left], second.taken[right]]),
    )


def family(program: Program, node: int) -> tuple[int, ...]:
    """A node and its parents."""
    first, last = (program.scope_first[program.part_first[v]] for v in (node, node + 1))
    return (node, *sorted({int(u) for u in program.scope[first:last]}))


def numbers_of_tables(program: Program) -> float:
    """What all tables take as lists of assignments, if no entry is 0."""
    families = [family(program, v) for v in range(len(program.card))]
    return sum((len(nodes) + 2) * prod(float(program.card[v]) for v in nodes) for nodes in families)


def table_of(program: Program, node: int) -> Factor:
    """The table of a node, written out of its parts."""
    first, last = program.part_first[node], program.part_first[node + 1]
    inside = program.scope_first
    _, *parents = family(program, node)
    card = [int(program.card[v]) for v in (node, *parents)]
    table = None
    for part in range(first, last):
        scope = program.scope[inside[part] : inside[part + 1]].tolist()
        entries = program.part_table[program.part_entry[part] : program.part_entry[part + 1]]
        level = entries.reshape(card[0], *program.card[scope])
        level = level.transpose(0, *(1 + np.argsort(scope)))
        wide = [c if u in scope else 1 for u, c in zip(parents, card[1:], strict=True)]
        level = np.broadcast_to(level.reshape(card[0], *wide), card)
        table = level if table is None else larger(table, level)
    assert table is not None
    if program.flip[node]:
        table = table[::-1]
    where = np.nonzero(table > 0.0)
    states = np.stack(where, axis=1).astype(np.int16)
    nothing = np.empty((len(states), 0), dtype=np.int64)
    return Factor((node, *parents), states, table[where], nothing)


def larger(first: Floats, second: Floats) -> Floats:
    """The distribution of the larger of two levels (axis 0) that are independent.

    Sums of products: nothing is subtracted.
    """

    def below(table: Floats) -> Floats:
        return np.concatenate([np.zeros_like(table[:1]), np.cumsum(table, axis=0)[:-1]])

    found: Floats = first * (below(second) + second) + below(first) * second
    return found


def elimination_order(scopes: list[tuple[int, ...]], card: Ints) -> list[int]:
    """The cheapest of a few greedy orders.  Raises ``UnfitError`` above ``MOST_WORK`` cells."""
    tried = [greedy_order(scopes, card, rule) for rule in RULES]
    work, order = min(tried, key=lambda one: one[0])
    if work > MOST_WORK:
        raise UnfitError
    return order


def greedy_order(
    scopes: list[tuple[int, ...]], card: Ints, rule: Callable[[float, float], tuple[float, float]]
) -> tuple[float, list[int]]:
    """The cells of an order, and the order: the node that costs least by a rule comes first.

    A rule is given the fill of a node (the product of the states of each two neighbours that it
    would couple, summed) and the cells of its table.
    """
    near: list[set[int]] = [set() for _ in card]
    for scope in scopes:
        for v in scope:
            near[v].update(u for u in scope if u != v)
    states = [float(c) for c in card]

    def score(v: int) -> tuple[float, float, int]:
        around = list(near[v])
        fill = sum(
            states[a] * states[b]
            for i, a in enumerate(around)
            for b in around[i + 1 :]
            if b not in near[a]
        )
        return (*rule(fill, states[v] * prod(states[u] for u in around)), v)

    scores = {v: score(v) for v in range(len(card))}
    order: list[int] = []
    work = 0.0
    while scores and work <= MOST_WORK:
        v = min(scores.values())[2]
        work += states[v] * prod(states[u] for u in near[v])
        order.append(v)
        del scores[v]
        changed = set(near[v])
        for u in near[v]:
            near[u] |= near[v]
            near[u] -= {u, v}
            changed |= near[u]
        for u in changed & scores.keys():
            scores[u] = score(u)
    return work, order


def shared_schedule(program: Program) -> Schedule | None:
    """The schedule of a program; None where one is too large, or beyond the range of a double."""
    if len(program.card) > MOST_NODES or numbers_of_tables(program) > MOST_ENTRIES:
        return None
    try:
        return _schedule(program)
    except UnfitError:
        return None


@dataclass(frozen=True)
class Step:
    """The elimination of a node: its cells, sorted by row, and the row (n,) that each is part of.

    ``states`` (n,) are those of the node.
    """

    node: int
    states: States
    number: Floats
    taken: Ints
    row: Ints

    def only(self, cells: Bools, row_of: Ints) -> Step:
        """Some of the cells, with other numbers of the rows."""
        return Step(
            self.node,
            self.states[cells],
            self.number[cells],
            row_of[self.taken[cells]],
            row_of[self.row[cells]],
        )


def eliminated(product: Factor, node: int, card: Ints, rows: int) -> tuple[Step, Factor]:
    """The step of a node whose factors are joined, and its message; ``rows`` are there already."""
    left = tuple(v for v in product.scope if v != node)
    key = product.keys((*left, node), card)
    at = np.argsort(key)
    outer = key[at] // card[node]
    begins = np.diff(outer, prepend=-1) != 0
    step = Step(
        node,
        product.states[at, product.scope.index(node)],
        product.number[at],
        product.taken[at],
        rows + np.cumsum(begins) - 1,
    )
    first = at[begins]
    columns = [product.scope.index(v) for v in left]
    message = Factor(
        left,
        product.states[first][:, columns],
        np.ones(len(first)),
        rows + np.arange(len(first))[:, None],
    )
    return step, message


def _schedule(program: Program) -> Schedule:
    factors = [table_of(program, v) for v in range(len(program.card))]
    steps: list[Step] = []
    roots: list[int] = []
    rows = cells = 0
    for node in elimination_order([one.scope for one in factors], program.card):
        here = sorted((one for one in factors if node in one.scope), key=len)
        product = here[0]
        for other in here[1:]:
            product = joined(product, other, program.card)
        cells += len(product)
        if len(product) == 0 or cells > MOST_CELLS:
            raise UnfitError
        step, message = eliminated(product, node, program.card, rows)
        factors = [one for one in factors if node not in one.scope]
        if message.scope:
            factors.append(message)
        else:
            roots.append(rows)
        rows += len(message)
        steps.append(step)
    return _flat(without_dead_ends(steps, roots, rows), program.card)


def without_dead_ends(steps: list[Step], roots: list[int], rows: int) -> list[Step]:
    """The steps without the rows that no later step takes in; roots have rows as before."""
    needed = np.zeros(rows, dtype=np.bool_)
    needed[roots] = True
    kept = []
    for step in reversed(steps):
        here = needed[step.row]
        needed[step.taken[here]] = True
        kept.append(here)
    row_of = np.cumsum(needed) - 1
    return [step.only(here, row_of) for step, here in zip(steps, reversed(kept), strict=True)]


def _flat(steps: list[Step], card: Ints) -> Schedule:
    """The steps as flat arrays; a row that no step takes in is a factor of P(evidence)."""
    weight_first = np.concatenate([[0], np.cumsum(card)])
    of_cell = np.concatenate([step.row for step in steps])
    rows = int(of_cell[-1]) + 1
    taken = np.concatenate([step.taken.ravel() for step in steps])
    roots = np.ones(rows, dtype=np.bool_)
    roots[taken] = False
    arrays = (
        [step.node for step in steps],
        [0, *(step.row[-1] + 1 for step in steps)],
        np.searchsorted(of_cell, np.arange(rows + 1)),
        np.concatenate([step.number for step in steps]),
        np.concatenate([weight_first[step.node] + step.states for step in steps]),
        [step.taken.shape[1] for step in steps],
        np.cumsum([0, *(step.taken.size for step in steps[:-1])]),
        taken,
        np.flatnonzero(roots),
        weight_first,
    )
    kinds = [np.float64 if name == "number" else np.int64 for name in Schedule._fields]
    pairs = zip(arrays, kinds, strict=False)
    return Schedule.of(*(np.ascontiguousarray(one, dtype=kind) for one, kind in pairs))
