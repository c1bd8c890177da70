"""What the kernels are given: a program as named arrays, and a workspace.

Nothing here is compiled.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.jit.lanes import BITS, LANES, kinds_of
from twitchnet.engine.kernels.layout import (
    N_COUNTS,
    N_MASKS,
    NOBODY,
    SEVERAL,
    TINIEST,
    Axes,
    Lists,
    Nodes,
    Packed,
    ProgramNodes,
    ProgramParts,
    RecordLanes,
    Schedule,
    Scratch,
    Tables,
    TapeRows,
    Turns,
)
from twitchnet.engine.program import Floats, Ints, Program


class Structure(NamedTuple):
    """What ``pack`` derives from a program without its numbers.

    ``groups`` are the parts whose tables have the same shape: their numbers (parts,), and the
    places of their entries (parts, levels, *states of the scope).  ``stages`` divide them so that
    parents come before children: a group, and which of its parts.
    """

    scope: Ints  # the program's own array: programs that share it differ in numbers alone
    packed: Packed  # with other numbers
    groups: list[tuple[Ints, Ints]]
    stages: list[tuple[int, Ints]]


EQUAL = 1.0 - 1e-14  # sums of levels that are equal but for rounding do not count as falling
MOST_MASKS = 2**29  # bytes of the masks of tables in a workspace, see ``serves``
MOST_LEAVES = 2**28  # bytes of a workspace for the tables of the program itself

_STRUCTURES: dict[int, Structure] = {}
MOST_STRUCTURES = 16


def structure_of(program: Program) -> Structure:
    """The structure of a program, kept for programs that differ from it in numbers alone."""
    found = _STRUCTURES.get(id(program.scope))
    if found is not None and found.scope is program.scope:
        return found
    node = ProgramNodes(
        card=program.card,
        is_max=program.is_max.astype(np.int64),
        flip=program.flip.astype(np.int64),
        part_first=program.part_first,
        child_first=program.child_first,
        loose=loose_nodes(program),
        monotone=program.card,  # this one, and what follows, depend on numbers
        surprise=program.card,
    )
    part = ProgramParts(
        owner=program.part_owner,
        scope_first=program.scope_first,
        entry=program.part_entry,
        target=program.part_target,
        singleton=singleton_scopes(program),
        lost_bits=program.part_owner,
    )
    arrays = (in_one_piece(one) for one in (*node, *part, program.scope, program.child))
    taken = list(arrays)
    packed = Packed.of(
        ProgramNodes(*taken[: len(node)]),
        ProgramParts(*taken[len(node) : -2]),
        *taken[-2:],
        in_one_piece(program.part_table),
    )
    groups = parts_by_shape(program)
    found = Structure(program.scope, packed, groups, stages_of(program, groups))
    if len(_STRUCTURES) >= MOST_STRUCTURES:
        _STRUCTURES.clear()
    _STRUCTURES[id(program.scope)] = found
    return found


def in_one_piece(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, contiguous."""
    return np.require(array, requirements="C")


def pack(program: Program) -> Packed:
    """The same program as the kernels read it."""
    structure = structure_of(program)
    tables = [program.part_table[places] for _, places in structure.groups]
    lost = np.zeros(len(program.part_owner), dtype=np.int64)
    for (parts, _), table in zip(structure.groups, tables, strict=True):
        lost[parts] = lost_bits(table)
    surprises = surprise(program, structure, [table[..., None] for table in tables])
    return structure.packed.with_numbers(
        in_one_piece(program.part_table),
        lost,
        monotone(program, structure, tables),
        in_one_piece(surprises[:, 0]),
    )


def singleton_scopes(program: Program) -> Ints:
    """The only node of each part's scope, or NOBODY.

    SEVERAL for scopes of more nodes, and where an earlier part of the owner has the same node.
    """
    lone = np.full(len(program.part_owner), NOBODY, dtype=np.int64)
    sizes = np.diff(program.scope_first)
    lone[sizes == 1] = program.scope[program.scope_first[:-1][sizes == 1]]
    pairs = program.part_owner * len(program.card) + lone
    first = np.zeros(len(lone), dtype=np.bool_)
    first[np.unique(pairs, return_index=True)[1]] = True
    lone[(sizes > 1) | ((sizes == 1) & ~first)] = SEVERAL
    return lone


def loose_nodes(program: Program) -> Ints:
    """1 for a node that couples nothing at its lowest level: its parts are links of targets."""
    lone = singleton_scopes(program)
    loose = np.ones(len(program.card), dtype=np.int64)
    loose[program.part_owner[(lone == SEVERAL) | ((lone >= 0) & (program.part_target < 0))]] = 0
    return loose


def parts_by_shape(program: Program) -> list[tuple[Ints, Ints]]:
    """The groups of a ``Structure``."""
    card, scope = program.card.tolist(), program.scope.tolist()
    owner, first = program.part_owner.tolist(), program.scope_first.tolist()
    found: dict[tuple[int, ...], list[int]] = {}
    for part, node in enumerate(owner):
        nodes = scope[first[part] : first[part + 1]]
        found.setdefault((card[node], *(card[u] for u in nodes)), []).append(part)
    return [
        (
            np.array(parts, dtype=np.int64),
            (program.part_entry[parts][:, None] + np.arange(math.prod(shape))).reshape(-1, *shape),
        )
        for shape, parts in found.items()
    ]


def stages_of(program: Program, groups: list[tuple[Ints, Ints]]) -> list[tuple[int, Ints]]:
    """The stages of a ``Structure``."""
    depth = np.zeros(len(program.card), dtype=np.int64)
    owners = np.repeat(program.part_owner, np.diff(program.scope_first))
    for owner, node in zip(owners.tolist(), program.scope.tolist(), strict=True):
        depth[owner] = max(depth[owner], depth[node] + 1)  # parents come before children
    return [
        (group, members)
        for level in range(int(depth.max(initial=0)) + 1)
        for group, (parts, _) in enumerate(groups)
        if len(members := np.flatnonzero(depth[program.part_owner[parts]] == level))
    ]


def surprise(program: Program, structure: Structure, tables: list[Floats]) -> Ints:
    """(V, D) the bits that a node's P(above its lowest level) is short of one half, in 16ths.

    As if parents were independent; ``tables`` are by group (parts, levels, *states, D) of D
    draws.
    """
    nodes, draws = len(program.card), tables[0].shape[-1] if tables else 1
    below = np.ones((nodes, int(program.card.max(initial=1)), draws))  # P(at most a level)
    for group, members in structure.stages:
        parts, table = structure.groups[group][0][members], tables[group][members]
        for i in range(table.ndim - 4, -1, -1):  # the last node of the scopes first
            u = program.scope[program.scope_first[parts] + i]
            states = range(table.shape[-2])
            prior = np.diff(below[u, : len(states)], axis=1, prepend=0.0)
            prior = np.where(program.flip[u, None, None], prior[:, ::-1], prior)
            shape = (len(parts), *(1,) * (table.ndim - 3), draws)
            terms = [table[..., k, :] * prior[:, k].reshape(shape) for k in states]
            table = np.add.reduce(terms)
        owners = program.part_owner[parts]
        sums = np.cumsum(table, axis=1)
        sums /= np.maximum(sums[:, -1:], TINIEST)  # or rounding doubles with each generation
        np.multiply.at(below[:, : table.shape[1]], owners, sums)
    bits = -1.0 - np.log2(np.maximum(1.0 - below[:, 0], TINIEST))
    found: Ints = np.rint(16.0 * np.maximum(bits, 0.0)).astype(np.int64)
    return found


def lost_bits(tables: Floats) -> Ints:
    """``signs.lost_bits`` of each of some tables (parts, levels, ...)."""
    share = (tables / np.maximum(np.cumsum(tables, axis=1), TINIEST))[:, 1:]
    least = np.where(share > 0.0, share, 1.0).reshape(len(tables), -1).min(axis=1, initial=1.0)
    return 1 - np.floor(np.log2(least)).astype(np.int64)


def monotone(program: Program, structure: Structure, tables: list[Floats]) -> Ints:
    """1 for nodes of which no state above the lowest makes anything less likely that follows."""
    falls = np.zeros(len(program.scope), dtype=np.bool_)
    for (parts, _), table in zip(structure.groups, tables, strict=True):
        above = table[:, ::-1].cumsum(axis=1)
        for axis in range(2, table.ndim):
            low = above.take([0], axis=axis)
            less = np.any(above < low * EQUAL, axis=tuple(range(1, table.ndim)))
            falls[program.scope_first[parts] + axis - 2] = less
    good = np.ones(len(program.card), dtype=np.int64)
    owners = np.repeat(program.part_owner, np.diff(program.scope_first))
    if falls.any() or program.flip.any():
        for i in range(len(owners) - 1, -1, -1):  # children come after parents
            if falls[i] or program.flip[owners[i]] or not good[owners[i]]:
                good[program.scope[i]] = 0
    return good


def aligned(count: int, line: int) -> Floats:
    """Zeros that start on a cache line, ``line`` lines into a page.

    A cell is one line: off the line every access would touch two, and with tables and
    derivatives at the same place of a page, reads would wait for unrelated writes.
    """
    raw = np.zeros(count + 512)
    shift = (line * 64 - raw.ctypes.data) % 4096 // 8
    return raw[shift : shift + count]


def most_tables(program: Program) -> int:
    """Tables that one record may have."""
    return 4 * (len(program.part_owner) + 4 * len(program.card) + 8)


def most_words(program: Program) -> int:
    """Words of a mask of all axes."""
    return (2 * len(program.card) + 1) // BITS + 1


def serves(program: Program) -> bool:
    """Whether the kernels answer for a program at all: masks grow with the square of its size.

    About 6,500 variables with two parts each is the largest network; numpy answers beyond.  A
    record uses a tenth of this memory, or less.
    """
    return 2 * most_tables(program) * most_words(program) * 8 <= MOST_MASKS


def new_scratch(program: Program, workspace: float) -> Scratch:
    """The workspace of one thread: ``workspace`` bytes for tables and their derivatives.

    It is larger, up to ``MOST_LEAVES`` bytes, for a program whose own tables are.  The system only
    takes memory that is used.
    """
    nodes, parts = len(program.card), len(program.part_owner)
    card = int(program.card.max(initial=2))
    axes, tables = 2 * nodes + 1, most_tables(program)
    entries = len(program.part_table) + int(program.card.sum())
    leaves = min(2 * entries, MOST_LEAVES // (32 * LANES))
    half = max(int(workspace) // (32 * LANES), 4 * (parts + 4 * nodes), leaves)
    cells = 2 * (half + (13 - half) % 64)  # low parts lie at another place of a page than high ones
    words = most_words(program)

    def masks(count: int) -> Ints:
        return np.zeros((count, words), dtype=np.int64)

    def by_state() -> Floats:
        return np.zeros((card, nodes))

    return Scratch.of(
        rows(
            Nodes,
            nodes,
            lane=np.zeros((LANES, nodes), dtype=np.int64),
            soft=by_state(),
            marginal=by_state(),
            again=by_state(),
            finer=by_state(),
        ),
        rows(Axes, axes, near=masks(axes)),
        rows(Tables, tables, scope=masks(tables), turns=masks(tables)),
        rows(TapeRows, tables),
        rows(Turns, axes),
        rows(Lists, tables),
        np.zeros(N_COUNTS, dtype=np.int64),
        masks(N_MASKS),
        np.zeros(64 * tables, dtype=np.int64),
        aligned(LANES * cells, 0),
        aligned(LANES * cells, 29),
    )


def new_lanes(schedule: Schedule) -> RecordLanes:
    """The workspace of one thread for a schedule."""
    weights, rows = int(schedule.weight_first[-1]), len(schedule.cell_first) - 1
    return RecordLanes.of(
        aligned(LANES * weights, 0),
        aligned(LANES * weights, 7),
        aligned(LANES * rows, 13),
        aligned(LANES * rows, 29),
        aligned(LANES, 0),
        np.zeros(LANES, dtype=np.int64),
    )


def rows(group: Any, size: int, **others: NDArray[Any]) -> Any:
    """A group of arrays (size,) of zeros, except for those that are given."""
    kinds = {"Ints": np.int64, "Floats": np.float64}
    return group(
        **{
            name: others[name] if name in others else np.zeros(size, dtype=kinds[kind])
            for name, kind in kinds_of(group).items()
        }
    )
