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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from twitchnet.engine.program import Floats

Axes = tuple[int, ...]


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


def _levels(values: Floats, axis: int, level: int, case: str) -> tuple[slice, Floats]:
    """How the other table acts along one shared level axis, when the first is at ``level``.

    Returns the levels of the result that are reached, and the second table there.
    ``case`` says which of the two holds the axis backward: none, "first" or "second".
    """

    def part(start: int, stop: int) -> Floats:
        index = [slice(None)] * values.ndim
        index[axis] = slice(start, stop)
        return values[tuple(index)]

    card = values.shape[axis]
    if case == "second":  # first contributes `level`: out[p] = second[max(level, p)]
        top = part(level, level + 1)
        return slice(0, card), np.concatenate([np.repeat(top, level, axis), part(level, card)], axis)
    up_to = part(0, level + 1).sum(axis=axis, keepdims=True)
    if case == "first":  # out[p] = sum of second[j] over max(j, p) = level
        top = part(level, level + 1)
        return slice(0, level + 1), np.concatenate([np.repeat(top, level, axis), up_to], axis)
    return slice(level, card), np.concatenate([up_to, part(level + 1, card)], axis)


def _levels_transposed(values: Floats, axis: int, level: int, card: int, case: str) -> Floats:
    """The transpose of :func:`_levels`: from the reached levels back to the second table."""
    shape = list(values.shape)
    shape[axis] = card
    result = np.zeros(shape)
    target = np.moveaxis(result, axis, 0)
    source = np.moveaxis(values, axis, 0)
    if case == "second":
        target[level] = source[: level + 1].sum(axis=0)
        target[level + 1 :] = source[level + 1 :]
    elif case == "first":
        target[: level + 1] = source[level]
        target[level] += source[:level].sum(axis=0)
    else:
        target[: level + 1] = source[0]
        target[level + 1 :] = source[1:]
    return result


def _cases(first: Table, second: Table, axes: Axes, level_axes: frozenset[int]) -> list[tuple[int, str]]:
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


Term = tuple[tuple[slice, ...], tuple[slice, ...], list[tuple[int, int, str]]]


def _terms(cases: Sequence[tuple[int, str]], shape: Sequence[int]) -> Iterator[Term]:
    """One term per setting of the shared level axes: index into the first table and the levels."""
    for levels in product(*(range(shape[position]) for position, _ in cases)):
        index = [slice(None)] * len(shape)
        for (position, _), level in zip(cases, levels, strict=True):
            index[position] = slice(level, level + 1)
        steps = [(p, level, case) for (p, case), level in zip(cases, levels, strict=True)]
        yield tuple(index), tuple([slice(None)] * len(shape)), steps


def merge(first: Table, second: Table, level_axes: frozenset[int]) -> Table:
    """The table over the union of the axes; see the head of this file."""
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    cases = _cases(first, second, axes, level_axes)
    backward = first.backward | second.backward
    if not cases:
        return Table(axes, a * b, backward)
    shape = np.broadcast_shapes(a.shape, b.shape)
    out = np.zeros(shape)
    for index, out_index, steps in _terms(cases, shape):
        acted, place = b, list(out_index)
        for position, level, case in steps:
            place[position], acted = _levels(acted, position, level, case)
        out[tuple(place)] += a[index] * acted
    return Table(axes, out, backward)


def _fold(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Sums ``values`` over the axes along which a table of ``shape`` was broadcast."""
    over = tuple(i for i, size in enumerate(shape) if size == 1 and values.shape[i] != 1)
    return values.sum(axis=over, keepdims=True) if over else values


def merge_adjoint(
    first: Table, second: Table, adjoint: Floats, level_axes: frozenset[int]
) -> tuple[Floats, Floats]:
    """Derivatives with respect to both operands, given the one of their merge."""
    axes = union(first.axes, second.axes)
    a, b = spread(first, axes), spread(second, axes)
    cases = _cases(first, second, axes, level_axes)
    if not cases:
        return (
            _fold(adjoint * b, a.shape).reshape(first.values.shape),
            _fold(adjoint * a, b.shape).reshape(second.values.shape),
        )
    a_adjoint, b_adjoint = np.zeros(a.shape), np.zeros(b.shape)
    for index, out_index, steps in _terms(cases, adjoint.shape):
        acted, place = b, list(out_index)
        sizes = []
        for position, level, case in steps:
            sizes.append(acted.shape[position])
            place[position], acted = _levels(acted, position, level, case)
        here = adjoint[tuple(place)]
        a_adjoint[index] += _fold(here * acted, a[index].shape)
        back = here * a[index]
        for (position, level, case), size in zip(reversed(steps), reversed(sizes), strict=True):
            back = _levels_transposed(back, position, level, size, case)
        b_adjoint += _fold(back, b.shape)
    return a_adjoint.reshape(first.values.shape), b_adjoint.reshape(second.values.shape)
