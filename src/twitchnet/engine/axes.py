"""What does it mean to merge two tables, and to close an axis?

A table has one axis per variable it still speaks about, after a leading lane axis.
Axes are numbered; the axes of a table are always in ascending order.  An axis is
*pointwise* (the states of a node: tables multiply entry by entry) or a *level* axis
(how far the parts merged so far have raised a max node):

* two tables that hold contributions to the same max node merge by maximum:
  ``out[o] = sum of A[i] B[j] over max(i, j) = o``;
* a table that already holds what the node's final level leads to (the axis is
  *backward* in it) is a function of the level so far, and a contribution acts on it
  by the transpose: ``out[p] = sum of A[i] B[max(i, p)]``.

For two levels this is E = E1 (E2 + U2) + U1 E2 and U = U1 U2 with U unexplained, E
explained: sums of products of non-negative numbers, so nothing cancels, however rare
the cause.  The transpose makes it free of any order of elimination: a node may be
closed before or after its parents.

Cost: ``card (card + 1) / 2`` multiply-adds per shared level axis, ``card`` per shared
pointwise axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from twitchnet.engine.program import Floats, Ints

Axes = tuple[int, ...]
AT_ONCE = 1 << 16  # numbers of one vectorised merge; larger ones are split along a level axis


@dataclass(frozen=True, slots=True)
class Table:
    """``values`` of shape (L or 1, *cards of axes); ``backward`` are the axes held backward."""

    axes: Axes
    values: Floats
    backward: frozenset[int] = frozenset()


def union(first: Axes, second: Axes) -> Axes:
    """The axes of a merge, in ascending order."""
    return tuple(sorted({*first, *second}))


def spread(table: Table, axes: Axes) -> Floats:
    """A view with one axis per entry of ``axes``, of length 1 where the table has none."""
    sizes = iter(table.values.shape[1:])
    return table.values.reshape(
        table.values.shape[0], *(next(sizes) if axis in table.axes else 1 for axis in axes)
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    """The multiply-adds along one shared level axis: out[o] += first[i] * second[j].

    ``o``, ``i``, ``j`` (terms,) index the levels; in the table named by ``spread`` entry
    card + l - 1 is the sum of its levels 0 .. l.
    """

    o: Ints
    i: Ints
    j: Ints
    spread: str


@cache
def _terms(card: int, case: str) -> _Terms:
    """The terms of an axis; ``case`` says which table holds it backward: none, first, second."""
    rows = []
    for level in range(card):
        up_to = card + level - 1 if level else 0
        rows.append((level, up_to, level) if case == "second" else (level, level, up_to))
        for higher in range(level + 1, card):
            rows.append((higher, level, higher) if case == "none" else (level, higher, higher))
    o, i, j = np.array(sorted(rows), dtype=np.int64).T
    return _Terms(o, i, j, "first" if case == "second" else "second")


def _level(values: Floats, axis: int, level: int) -> Floats:
    """One level of an axis, kept as an axis of length 1 (a view)."""
    return values[(slice(None),) * axis + (slice(level, level + 1),)]


def _spread(values: Floats, axis: int) -> Floats:
    """The levels of an axis, then their running sums from level 1 on."""
    sums = [_level(values, axis, 0)]
    for level in range(1, values.shape[axis]):
        sums.append(sums[-1] + _level(values, axis, level))
    return np.concatenate([values, *sums[1:]], axis)


def _gather(values: Floats, axis: int, card: int) -> Floats:
    """The transpose of :func:`_spread`."""
    levels: list[Floats] = []
    reach: Floats | None = None  # what the running sums that contain this level ask of it
    for level in range(card - 1, -1, -1):
        if level:
            own = _level(values, axis, card + level - 1)
            reach = own if reach is None else reach + own
        here = _level(values, axis, level)
        levels.append(here if reach is None else here + reach)
    return np.concatenate(levels[::-1], axis)


def _sum_by(values: Floats, axis: int, group: Ints) -> Floats:
    """Sums entries of an axis by group; the groups are 0 .. n, none empty."""
    if len(group) == group.max() + 1 and (np.diff(group) == 1).all():
        return values
    sums: list[Floats | None] = [None] * (int(group.max()) + 1)
    for place, into in enumerate(group.tolist()):
        known, here = sums[into], _level(values, axis, place)
        sums[into] = here if known is None else known + here
    return np.concatenate([part for part in sums if part is not None], axis)


Cases = list[tuple[int, str]]


def _expand(a: Floats, b: Floats, cases: Cases) -> tuple[Floats, Floats]:
    """Both tables with one entry per term along every shared level axis."""
    for position, case in cases:
        terms = _terms(a.shape[position], case)
        a = np.take(_spread(a, position) if terms.spread == "first" else a, terms.i, position)
        b = np.take(_spread(b, position) if terms.spread == "second" else b, terms.j, position)
    return a, b


def _merge(a: Floats, b: Floats, cases: Cases) -> Floats:
    """The merge of two arrays that broadcast; see the head of this file."""
    count = float(np.prod(np.broadcast_shapes(a.shape, b.shape), dtype=float))
    for position, _ in cases:
        count *= (a.shape[position] + 1) / 2
    if count > AT_ONCE and cases:
        position, case = cases[0]
        terms = _terms(a.shape[position], case)
        whole: list[Floats | None] = [None] * a.shape[position]
        a = _spread(a, position) if terms.spread == "first" else a
        b = _spread(b, position) if terms.spread == "second" else b
        for o, i, j in zip(terms.o, terms.i, terms.j, strict=True):
            term = _merge(np.take(a, [i], position), np.take(b, [j], position), cases[1:])
            known = whole[o]
            whole[o] = term if known is None else known + term
        return np.concatenate([part for part in whole if part is not None], position)
    cards = [a.shape[position] for position, _ in cases]
    a, b = _expand(a, b, cases)
    out = a * b
    for (position, case), card in zip(cases, cards, strict=True):
        out = _sum_by(out, position, _terms(card, case).o)
    return out


def _adjoint(a: Floats, b: Floats, out: Floats, cases: Cases, both: bool) -> tuple[Floats, Floats]:
    """The transpose of :func:`_merge`: derivatives of ``a`` and (if ``both``) of ``b``."""
    count = float(out.size)
    for position, _ in cases:
        count *= (a.shape[position] + 1) / 2
    if count > AT_ONCE and cases:
        position, case = cases[0]
        card = a.shape[position]
        terms = _terms(card, case)
        wide_a = _spread(a, position) if terms.spread == "first" else a
        wide_b = _spread(b, position) if terms.spread == "second" else b
        a_out, b_out = np.zeros(wide_a.shape), np.zeros(wide_b.shape)
        for o, i, j in zip(terms.o, terms.i, terms.j, strict=True):
            part = _adjoint(
                np.take(wide_a, [i], position),
                np.take(wide_b, [j], position),
                np.take(out, [o], position),
                cases[1:],
                both,
            )
            np.moveaxis(a_out, position, 0)[i] += np.take(part[0], 0, position)
            if both:
                np.moveaxis(b_out, position, 0)[j] += np.take(part[1], 0, position)
        if terms.spread == "first":
            return _gather(a_out, position, card), b_out
        return a_out, _gather(b_out, position, card)
    shapes = a.shape, b.shape
    wide_a, wide_b = _expand(a, b, cases)
    for position, case in cases:
        out = np.take(out, _terms(a.shape[position], case).o, position)
    a_out = _fold(out * wide_b, wide_a.shape)
    b_out = _fold(out * wide_a, wide_b.shape) if both else np.zeros(shapes[1])
    for position, case in cases:
        card = shapes[0][position]
        terms = _terms(card, case)
        a_out = _sum_by(a_out, position, terms.i)
        if terms.spread == "first":
            a_out = _gather(a_out, position, card)
        if both:
            b_out = _sum_by(b_out, position, terms.j)
            if terms.spread == "second":
                b_out = _gather(b_out, position, card)
    return a_out, b_out


def _cases(
    first: Table, second: Table, axes: Axes, level_axes: frozenset[int]
) -> list[tuple[int, str]]:
    """The shared level axes as (position among ``axes`` plus the lane axis, case)."""
    shared = [axis for axis in axes if axis in first.axes and axis in second.axes]
    return [
        (
            axes.index(axis) + 1,
            "first" if axis in first.backward else "second" if axis in second.backward else "none",
        )
        for axis in shared
        if axis in level_axes
    ]


def merge(first: Table, second: Table, level_axes: frozenset[int]) -> Table:
    """The table over the union of the axes; see the head of this file."""
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    cases = _cases(first, second, axes, level_axes)
    return Table(axes, _merge(a, b, cases), first.backward | second.backward)


def _fold(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums ``values`` over the axes along which a table of ``shape`` was broadcast."""
    over = tuple(i for i, size in enumerate(shape) if size == 1 and values.shape[i] != 1)
    return values.sum(axis=over, keepdims=True) if over else values


def merge_adjoint(
    first: Table, second: Table, adjoint: Floats, level_axes: frozenset[int], both: bool = True
) -> tuple[Floats, Floats]:
    """Derivatives with respect to the operands of a merge, given the one of its result.

    The second is left at 0 unless ``both``.
    """
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    cases = _cases(first, second, axes, level_axes)
    a_out, b_out = _adjoint(a, b, adjoint, cases, both)
    return a_out.reshape(first.values.shape), b_out.reshape(second.values.shape)
