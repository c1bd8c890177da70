"""A max node whose level is conditioned on: factors of its parts' nodes, lane by lane.

Which nodes those are is chosen in ``cutset.py``.  What is written here has signs, and may
cancel between lanes, so it is written with low parts (see ``lanes.Wide``), and last: what all
lanes share is the same in them to the bit.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, splat8, store8, wide, zero8
from twitchnet.engine.kernels.layout import (
    HIDDEN,
    N_CELLS,
    Packed,
    Scratch,
    put,
)
from twitchnet.engine.kernels.leaves import (
    fill_ones,
    guard,
    new_table,
    part_axes,
    read_part,
    take_cells,
    write_weights,
)


def add_conditioned_node(
    p: Packed,
    s: Scratch,
    v: int,
    live: int,
    base: int,
    raised: int,
    explains: bool,
) -> bool:
    """An observed max node whose level is conditioned on: each lane is one of its sums.

    P(evidence) is a sum of signed weights times P(at most that level), and a level's parts
    are independent factors.  Where the node is left out of a sum, it couples nothing.
    """
    card, mark = p.node.card[v], s.node.marked[v]
    write_weights(p, s, v, raised)
    cells = wide(s.cells)
    below, factor = zero8(cells), zero8(cells)
    for level in range(card):
        weight = load8(s.cells, raised + level)
        if level + 1 < card:
            weight = weight - load8(s.cells, raised + level + 1)
        below = below + load8(s.cells, base + level)
        factor = factor + below * weight * load8(s.cells, mark + level)
    start = s.table.start[0]
    store8(cells, start, load8(cells, start) * factor)
    guard(s, start, 1)
    for j in range(live):
        part = s.lists.live_parts[j]
        u = p.part.singleton[part]
        if u < 0 or s.node.fixed[u] != HIDDEN:
            if not add_conditioned_part(p, s, part, v, explains):
                return False
            continue
        start, states = s.table.start[1 + s.node.axis[u]], p.node.card[u]
        for state in range(states):
            below, sum_ = zero8(cells), zero8(cells)
            at = p.part.entry[part] + state
            if p.table[at] == 1.0:  # nothing is produced in most lowest states
                continue
            for level in range(card):
                below = below + splat8(p.table[at + level * states])
                sum_ = sum_ + below * load8(s.cells, mark + level)
            store8(cells, start + state, load8(cells, start + state) * sum_)
        guard(s, start, states)
    return True


def add_conditioned_part(p: Packed, s: Scratch, part: int, v: int, explains: bool) -> bool:
    """A part of several nodes, or of lanes, at the level of each lane.

    With ``explains``, a leaf is asked what the part produced.
    """
    axes, cells, card, mark = s.lists.axes, wide(s.cells), p.node.card[v], s.node.marked[v]
    n = part_axes(p, s, part, -1, axes)
    size = 1
    for k in range(n):
        size *= s.axis.card[axes[k]]
    t = 1 + axes[0]
    own = n > 1
    if own:
        t = new_table(s, size)
        if s.table.start[t] < 0:
            return False
        for k in range(n):
            put(s.table.scope[t], axes[k])
        fill_ones(s, s.table.start[t], size)
        if explains and p.part.target[part] >= 0:
            s.table.asked[t], s.lists.leaf[part] = 1, t
    start, kept = s.table.start[t], s.counts[N_CELLS]
    room = take_cells(s, size * card)
    if room < 0:
        return False
    for level in range(card):
        read_part(p, s, part, level, axes, n, -1, room + level * size)
    for i in range(size):
        below, sum_ = zero8(cells), zero8(cells)
        for level in range(card):
            below = below + load8(s.cells, room + level * size + i)
            sum_ = sum_ + below * load8(s.cells, mark + level)
        store8(cells, start + i, load8(cells, start + i) * sum_)
    s.counts[N_CELLS] = kept
    if not own:
        guard(s, start, size)
    return True
