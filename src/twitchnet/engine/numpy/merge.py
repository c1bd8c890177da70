"""What does it mean to merge two tables?

A table has one axis for each variable that it is over, and the lane axis last.  Axes
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
pointwise axis.  Small tables are merged at once, with one entry per term along every
shared level axis; large ones are split along these axes into views, so that nothing is
copied and what is computed together stays in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twitchnet.engine.numpy.levels import (
    Case,
    gathered,
    level_of,
    levels_of,
    opened,
    pass_on,
    pick,
    spread_levels,
    sum_by,
    terms,
)
from twitchnet.engine.numpy.ranged import empty, zeros
from twitchnet.engine.program import Floats

Axes = tuple[int, ...]
Cases = list[tuple[int, Case]]  # the shared level axes of a merge: (position, case)
AT_ONCE = 1 << 17  # terms merged at once (1 MB); with more they leave the cache


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


def fold(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums ``values`` over the axes along which a table of ``shape`` was broadcast.

    One axis after the other, first axes first: halves of a large block add at full speed,
    where a reduction over scattered short axes is ten times slower.
    """
    for axis, size in enumerate(shape):
        if size == 1 and values.shape[axis] != 1:
            levels = levels_of(values, axis)
            values = levels[0] + levels[1]
            for level in levels[2:]:
                values += level
    return values


def _at_once(size: int, cases: Cases) -> bool:
    return size * 1.5 ** len(cases) <= AT_ONCE


def _expand(a: Floats, b: Floats, cases: Cases) -> tuple[Floats, Floats]:
    """Both tables with one entry per term along every shared level axis."""
    for position, case in cases:
        along = terms(a.shape[position], case)
        if along.spread == "first":
            a = spread_levels(a, position)
        else:
            b = spread_levels(b, position)
        a, b = pick(a, along.i, position), pick(b, along.j, position)
    return a, b


def _merge(a: Floats, b: Floats, cases: Cases, out: Floats) -> None:
    """Writes the merge of two arrays that broadcast into ``out``; see the head of this file."""
    if not cases:
        np.multiply(a, b, out=out)
        return
    along = [terms(a.shape[position], case) for position, case in cases]
    if _at_once(out.size, cases):
        a, b = _expand(a, b, cases)
        product = a * b
        for (position, _), one in zip(cases[:-1], along[:-1], strict=True):
            product = sum_by(product, position, one.of_o)
        sum_by(product, cases[-1][0], along[-1].of_o, out)
        return
    position, rest = cases[0][0], cases[1:]
    firsts = levels_of(a, position, along[0].spread == "first")
    seconds = levels_of(b, position, along[0].spread == "second")
    last = -1
    for o, i, j in along[0].rows:
        into = level_of(out, position, o)
        if o != last:
            _merge(firsts[i], seconds[j], rest, into)
        else:
            term = empty(into.shape, into)
            _merge(firsts[i], seconds[j], rest, term)
            into += term
        last = o


def _adjoint(
    a: Floats, b: Floats, out: Floats, cases: Cases, a_out: Floats, b_out: Floats | None
) -> None:
    """The transpose of :func:`_merge`: adds the derivatives to ``a_out`` and ``b_out``."""
    if _at_once(out.size, cases) or not cases:
        _adjoint_at_once(a, b, out, cases, a_out, b_out)
        return
    (position, case), rest = cases[0], cases[1:]
    card = a.shape[position]
    along = terms(card, case)
    on_first, on_second = along.spread == "first", along.spread == "second"
    firsts, seconds = levels_of(a, position, on_first), levels_of(b, position, on_second)
    outs = levels_of(out, position)
    a_outs = opened(a_out, position, on_first)
    b_outs = opened(b_out, position, on_second) if b_out is not None else None
    for o, i, j in along.rows:
        _adjoint(firsts[i], seconds[j], outs[o], rest, a_outs[i], b_outs[j] if b_outs else None)
    if on_first:
        pass_on(a_outs, card)
    elif b_outs is not None:
        pass_on(b_outs, card)


def _adjoint_at_once(
    a: Floats, b: Floats, out: Floats, cases: Cases, a_out: Floats, b_out: Floats | None
) -> None:
    """:func:`_adjoint`, vectorised over the terms of all level axes."""
    along = [terms(a.shape[position], case) for position, case in cases]
    wide_a, wide_b = _expand(a, b, cases)
    for (position, _), one in zip(cases, along, strict=True):
        out = pick(out, one.o, position)
    a_part = fold(out * wide_b, wide_a.shape)
    b_part = fold(out * wide_a, wide_b.shape) if b_out is not None else None
    for (position, _), one in zip(cases, along, strict=True):
        a_part = sum_by(a_part, position, one.of_i)
        if one.spread == "first":
            a_part = gathered(a_part, position, a.shape[position])
        if b_part is not None:
            b_part = sum_by(b_part, position, one.of_j)
            if one.spread == "second":
                b_part = gathered(b_part, position, b.shape[position])
    a_out += a_part
    if b_out is not None and b_part is not None:
        b_out += b_part


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
    out = empty(np.broadcast_shapes(a.shape, b.shape), a)
    _merge(a, b, _cases(first, second, axes, level_axes), out)
    return Table(axes, out, first.backward | second.backward)


def merge_adjoint(
    first: Table, second: Table, adjoint: Floats, level_axes: frozenset[int], both: bool = True
) -> tuple[Floats, Floats | None]:
    """Derivatives with respect to the operands of a merge, given the one of its result.

    The second is None unless ``both``.
    """
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    a_out = zeros(a.shape, a)
    b_out = zeros(b.shape, b) if both else None
    _adjoint(a, b, adjoint, _cases(first, second, axes, level_axes), a_out, b_out)
    if b_out is not None:
        b_out = b_out.reshape(second.values.shape)
    return a_out.reshape(first.values.shape), b_out
