"""Many draws of the numbers of one program, packed together for the kernels.

Besides the tables, three arrays depend on the numbers: how many digits a signed link may lose
(``lost_bits``), which nodes only make things likelier (``monotone``) and how improbable each is
(``surprise``); see ``packing.py``.  For one program they take about as long as a cheap record;
for a block of draws, which numpy computes along its innermost axis, a few percent of that.  The
result equals ``packing.pack`` for each draw, to the last bit.

Letters: D draws, the last axis of every table here; V, P, E as in ``program``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.host.packing import EQUAL, Structure, in_one_piece, structure_of, surprise
from twitchnet.engine.kernels.layout import TINIEST, Packed
from twitchnet.engine.program import Floats, Ints, Program

BLOCK = 64
"""Draws packed at once: a few megabytes for a network of a thousand parts."""

Flags = NDArray[np.bool_]


def pack_draws(program: Program, tables: Floats) -> Iterator[Packed]:
    """``program`` with each row of ``tables`` (D, E) as its numbers, packed, in order."""
    structure = structure_of(program)
    for start in range(0, len(tables), BLOCK):
        block = tables[start : start + BLOCK]
        entries = np.ascontiguousarray(block.T)
        groups = [entries[places] for _, places in structure.groups]
        lost = np.zeros((len(program.part_owner), len(block)), dtype=np.int64)
        for (parts, _), table in zip(structure.groups, groups, strict=True):
            lost[parts] = _lost_bits(table)
        monotone = _monotone(program, structure, groups)
        surprises = surprise(program, structure, groups)
        by_draw = [
            np.ascontiguousarray(one.T) for one in (lost, monotone.astype(np.int64), surprises)
        ]
        for numbers, *others in zip(block, *by_draw, strict=True):
            yield structure.packed.with_numbers(in_one_piece(numbers), *others)


def _lost_bits(tables: Floats) -> Ints:
    """(parts, D) ``packing.lost_bits`` of each draw of some tables (parts, levels, ..., D)."""
    share = (tables / np.maximum(np.cumsum(tables, axis=1), TINIEST))[:, 1:]
    among = tuple(range(1, share.ndim - 1))
    least = np.where(share > 0.0, share, 1.0).min(axis=among, initial=1.0)
    found: Ints = 1 - np.floor(np.log2(least)).astype(np.int64)
    return found


def _monotone(program: Program, structure: Structure, groups: list[Floats]) -> Flags:
    """(V, D) ``packing.monotone`` of each draw; ``groups`` hold tables (parts, levels, ..., D)."""
    draws = groups[0].shape[-1]
    falls = np.zeros((len(program.scope), draws), dtype=np.bool_)
    for (parts, _), table in zip(structure.groups, groups, strict=True):
        above = table[:, ::-1].cumsum(axis=1)
        for axis in range(2, table.ndim - 1):
            less = above < above.take([0], axis=axis) * EQUAL
            falls[program.scope_first[parts] + axis - 2] = less.any(
                axis=tuple(range(1, table.ndim - 1))
            )
    good = np.ones((len(program.card), draws), dtype=np.bool_)
    if falls.any() or program.flip.any():
        rises = ~falls
        owners = np.repeat(program.part_owner, np.diff(program.scope_first)).tolist()
        flipped, scope = program.flip.tolist(), program.scope.tolist()
        for i in range(len(owners) - 1, -1, -1):  # children come after parents
            node, owner = good[scope[i]], owners[i]
            if flipped[owner]:
                node[:] = False
            else:
                node &= rises[i]
                node &= good[owner]
    return good
