"""What happens along one level axis when two tables merge?

A level says how far the parts merged so far have raised a max node.  Two contributions
merge by maximum; a contribution and a table that holds the axis *backward* (what the final
level leads to) merge by the transpose of that (``merge.py`` says why).  Both are sums of
products of one level of the first table and one level, or a running sum of levels, of the
second: the *terms* of the axis.  Nothing here subtracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from twitchnet.engine.numpy.ranged import empty, zeros
from twitchnet.engine.program import Floats, Ints

Case = Literal["none", "first", "second"]  # which table holds the axis backward
Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """The multiply-adds along one shared level axis: out[o] += first[i] * second[j].

    ``o``, ``i``, ``j`` (terms,) index the levels, None where that is all of them in order;
    in the table named by ``spread`` entry card + l - 1 is the sum of its levels 0 .. l.
    ``rows`` are the terms (o, i, j), and ``of_o``, ``of_i``, ``of_j`` the terms of each level.
    """

    rows: tuple[tuple[int, int, int], ...]
    spread: Case
    o: Ints | None
    i: Ints | None
    j: Ints | None
    of_o: Groups
    of_i: Groups
    of_j: Groups


@cache
def terms(card: int, case: Case) -> Terms:
    """The terms of an axis of ``card`` levels."""
    rows = []
    for level in range(card):
        up_to = card + level - 1 if level else 0
        rows.append((level, up_to, level) if case == "second" else (level, level, up_to))
        for higher in range(level + 1, card):
            rows.append((higher, level, higher) if case == "none" else (level, higher, higher))
    rows.sort()
    o, i, j = ([row[place] for row in rows] for place in range(3))
    spread: Case = "first" if case == "second" else "second"
    index = _index(o), _index(i), _index(j)
    return Terms(tuple(rows), spread, *index, _groups(o), _groups(i), _groups(j))


def _index(levels: list[int]) -> Ints | None:
    in_order = levels == list(range(len(levels)))
    return None if in_order else np.array(levels, dtype=np.int64)


def _groups(levels: list[int]) -> Groups:
    """The terms of each level."""
    return tuple(
        tuple(term for term, one in enumerate(levels) if one == level)
        for level in range(max(levels) + 1)
    )


def level_of(values: Floats, axis: int, level: int) -> Floats:
    """One level of an axis, kept as an axis of length 1 (a view)."""
    return values[(slice(None),) * axis + (slice(level, level + 1),)]


def levels_of(values: Floats, axis: int, sums: bool = False) -> list[Floats]:
    """Views of the levels of an axis; with ``sums`` then their running sums from level 1 on."""
    parts = [level_of(values, axis, level) for level in range(values.shape[axis])]
    if sums:
        so_far = parts[0]
        for part in parts[1:]:
            so_far = so_far + part
            parts = [*parts, so_far]
    return parts


def spread_levels(values: Floats, axis: int) -> Floats:
    """The levels of an axis, then their running sums from level 1 on, as one array."""
    card = values.shape[axis]
    out = empty((*values.shape[:axis], 2 * card - 1, *values.shape[axis + 1 :]), values)
    out[(slice(None),) * axis + (slice(card),)] = values
    so_far = level_of(out, axis, 0)
    for level in range(1, card):
        sum_ = level_of(out, axis, card + level - 1)
        np.add(so_far, level_of(out, axis, level), out=sum_)
        so_far = sum_
    return out


def opened(values: Floats, axis: int, sums: bool) -> list[Floats]:
    """Views of the levels to add derivatives to; with ``sums`` also zeros for running sums."""
    parts = levels_of(values, axis)
    return [*parts, *(zeros(parts[0].shape, parts[0]) for _ in parts[1:])] if sums else parts


def pass_on(parts: list[Floats], card: int) -> None:
    """The transpose of running sums, in place: each passes what it was asked to its levels."""
    for level in range(1, card):
        for below in range(level + 1):
            parts[below] += parts[card + level - 1]


def gathered(values: Floats, axis: int, card: int) -> Floats:
    """The transpose of :func:`spread_levels`; ``values`` are used up."""
    pass_on(levels_of(values, axis), card)
    return values[(slice(None),) * axis + (slice(0, card),)]


def pick(values: Floats, index: Ints | None, axis: int) -> Floats:
    """The entries of an axis by index; None is all of them."""
    return values if index is None else values.take(index, axis)


def sum_by(values: Floats, axis: int, groups: Groups, out: Floats | None = None) -> Floats:
    """Sums the entries of an axis by group, into ``out`` if it is given."""
    if len(groups) == values.shape[axis] and out is None:
        return values
    if out is None:
        out = empty((*values.shape[:axis], len(groups), *values.shape[axis + 1 :]), values)
    for level, group in enumerate(groups):
        into, first = level_of(out, axis, level), level_of(values, axis, group[0])
        if len(group) == 1:
            into[...] = first
            continue
        np.add(first, level_of(values, axis, group[1]), out=into)
        for term in group[2:]:
            into += level_of(values, axis, term)
    return out
