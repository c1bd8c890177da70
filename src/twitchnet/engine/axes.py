"""What does it mean to merge two tables?

A table has one axis per variable it still speaks about, and the lane axis last.  Axes
are numbered; the axes of a table are always in ascending order.  An axis is *pointwise*
(the states of a node: tables multiply entry by entry) or a *level* axis (how far the
parts merged so far have raised a max node):

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
pointwise axis.  Large tables are split along their shared level axes into views, so the
arithmetic is on blocks of the pointwise axes; nothing is copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from twitchnet.engine.program import Floats, Ints

Axes = tuple[int, ...]
AT_ONCE = 1 << 17  # terms of one vectorised merge; larger ones are split along a level axis


@dataclass(frozen=True, slots=True)
class Table:
    """``values`` of shape (*cards of axes, L or 1); ``backward`` are the axes held backward."""

    axes: Axes
    values: Floats
    backward: frozenset[int] = frozenset()


def union(first: Axes, second: Axes) -> Axes:
    """The axes of a merge, in ascending order."""
    return tuple(sorted({*first, *second}))


def spread(table: Table, axes: Axes) -> Floats:
    """A view with one axis per entry of ``axes``, of length 1 where the table has none."""
    sizes = iter(table.values.shape)
    own = set(table.axes)
    return table.values.reshape(*(next(sizes) if axis in own else 1 for axis in axes), next(sizes))


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
    rows: tuple[tuple[int, int, int], ...]  # the same as numbers, for loops


@cache
def _terms(card: int, case: str) -> _Terms:
    """The terms of an axis; ``case`` says which table holds it backward: none, first, second."""
    rows = []
    for level in range(card):
        up_to = card + level - 1 if level else 0
        rows.append((level, up_to, level) if case == "second" else (level, level, up_to))
        for higher in range(level + 1, card):
            rows.append((higher, level, higher) if case == "none" else (level, higher, higher))
    rows.sort()
    o, i, j = np.array(rows, dtype=np.int64).T
    return _Terms(o, i, j, "first" if case == "second" else "second", tuple(rows))


def _level(values: Floats, axis: int, level: int) -> Floats:
    """One level of an axis, kept as an axis of length 1 (a view)."""
    return values[(slice(None),) * axis + (slice(level, level + 1),)]


def _levels(values: Floats, axis: int, sums: bool = False) -> list[Floats]:
    """Views of the levels of an axis; with ``sums`` then their running sums from level 1 on."""
    parts = [_level(values, axis, level) for level in range(values.shape[axis])]
    if sums:
        so_far = parts[0]
        for part in parts[1:]:
            so_far = so_far + part
            parts = [*parts, so_far]
    return parts


def _spread(values: Floats, axis: int) -> Floats:
    """The levels of an axis, then their running sums from level 1 on, as one array."""
    return np.concatenate(_levels(values, axis, sums=True), axis)


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


def _merge(a: Floats, b: Floats, cases: Cases, out: Floats) -> None:
    """Writes the merge of two arrays that broadcast into ``out``; see the head of this file."""
    if not cases:
        np.multiply(a, b, out=out)
        return
    if out.size * 1.5 ** len(cases) <= AT_ONCE:
        cards = [a.shape[position] for position, _ in cases]
        a, b = _expand(a, b, cases)
        product = a * b
        for (position, case), card in zip(cases, cards, strict=True):
            product = _sum_by(product, position, _terms(card, case).o)
        out[...] = product
        return
    (position, case), rest = cases[0], cases[1:]
    terms = _terms(a.shape[position], case)
    firsts = _levels(a, position, terms.spread == "first")
    seconds = _levels(b, position, terms.spread == "second")
    last = -1
    for o, i, j in terms.rows:
        into = _level(out, position, o)
        if o != last:
            _merge(firsts[i], seconds[j], rest, into)
        else:
            term = np.empty(into.shape)
            _merge(firsts[i], seconds[j], rest, term)
            into += term
        last = o


def _adjoint(
    a: Floats, b: Floats, out: Floats, cases: Cases, a_out: Floats, b_out: Floats | None
) -> None:
    """The transpose of :func:`_merge`: adds the derivatives of ``a`` and of ``b``."""
    if not cases:
        a_out += fold(out * b, a_out.shape)
        if b_out is not None:
            b_out += fold(out * a, b_out.shape)
        return
    if out.size * 1.5 ** len(cases) <= AT_ONCE:
        _adjoint_at_once(a, b, out, cases, a_out, b_out)
        return
    (position, case), rest = cases[0], cases[1:]
    card = a.shape[position]
    terms = _terms(card, case)
    first_spread, second_spread = terms.spread == "first", terms.spread == "second"
    firsts, seconds = _levels(a, position, first_spread), _levels(b, position, second_spread)
    outs = _levels(out, position)
    a_outs = _open(a_out, position, first_spread)
    b_outs = _open(b_out, position, second_spread) if b_out is not None else None
    for o, i, j in terms.rows:
        _adjoint(firsts[i], seconds[j], outs[o], rest, a_outs[i], b_outs[j] if b_outs else None)
    if first_spread:
        _reach(a_outs, card)
    elif b_outs is not None:
        _reach(b_outs, card)


def _open(values: Floats, axis: int, sums: bool) -> list[Floats]:
    """Views of the levels to add derivatives to; with ``sums`` also zeros for running sums."""
    parts = _levels(values, axis)
    return [*parts, *(np.zeros(parts[0].shape) for _ in parts[1:])] if sums else parts


def _reach(parts: list[Floats], card: int) -> None:
    """The transpose of running sums, in place: each passes what it was asked to its levels."""
    for level in range(1, card):
        for below in range(level + 1):
            parts[below] += parts[card + level - 1]


def _adjoint_at_once(
    a: Floats, b: Floats, out: Floats, cases: Cases, a_out: Floats, b_out: Floats | None
) -> None:
    """:func:`_adjoint` for small tables, vectorised over the terms of all level axes."""
    cards = [a.shape[position] for position, _ in cases]
    wide_a, wide_b = _expand(a, b, cases)
    for (position, case), card in zip(cases, cards, strict=True):
        out = np.take(out, _terms(card, case).o, position)
    a_part = fold(out * wide_b, wide_a.shape)
    b_part = fold(out * wide_a, wide_b.shape) if b_out is not None else None
    for (position, case), card in zip(cases, cards, strict=True):
        terms = _terms(card, case)
        a_part = _sum_by(a_part, position, terms.i)
        if terms.spread == "first":
            a_part = _gather(a_part, position, card)
        if b_part is not None:
            b_part = _sum_by(b_part, position, terms.j)
            if terms.spread == "second":
                b_part = _gather(b_part, position, card)
    a_out += a_part
    if b_out is not None and b_part is not None:
        b_out += b_part


def _gather(values: Floats, axis: int, card: int) -> Floats:
    """The transpose of :func:`_spread`."""
    parts = [part.copy() for part in _levels(values, axis)]
    _reach(parts, card)
    return np.concatenate(parts[:card], axis)


def _cases(first: Table, second: Table, axes: Axes, level_axes: frozenset[int]) -> Cases:
    """The shared level axes as (position among ``axes``, case)."""
    return [
        (
            position,
            "first" if axis in first.backward else "second" if axis in second.backward else "none",
        )
        for position, axis in enumerate(axes)
        if axis in level_axes and axis in first.axes and axis in second.axes
    ]


def merge(first: Table, second: Table, level_axes: frozenset[int]) -> Table:
    """The table over the union of the axes; see the head of this file."""
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    _merge(a, b, _cases(first, second, axes, level_axes), out)
    return Table(axes, out, first.backward | second.backward)


def fold(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums ``values`` over the axes along which a table of ``shape`` was broadcast.

    One axis after the other, first axes first: halves of a large block add at full speed,
    where a reduction over scattered short axes is ten times slower.
    """
    for axis, size in enumerate(shape):
        if size == 1 and values.shape[axis] != 1:
            levels = _levels(values, axis)
            values = levels[0] + levels[1]
            for level in levels[2:]:
                values += level
    return values


def merge_adjoint(
    first: Table, second: Table, adjoint: Floats, level_axes: frozenset[int], both: bool = True
) -> tuple[Floats, Floats | None]:
    """Derivatives with respect to the operands of a merge, given the one of its result.

    The second is None unless ``both``.
    """
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    a_out = np.zeros(a.shape)
    b_out = np.zeros(b.shape) if both else None
    _adjoint(a, b, adjoint, _cases(first, second, axes, level_axes), a_out, b_out)
    if b_out is not None:
        b_out = b_out.reshape(second.values.shape)
    return a_out.reshape(first.values.shape), b_out
