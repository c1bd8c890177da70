"""A noisy-max node that is conditioned on by its level: factors over its parts, lane by lane.

``cutset.py`` chooses these nodes.  Their factors have signs and may cancel between lanes, so
they are written with low parts (``lanes.DoubleDouble``), and after all others: what lanes
share is then the same in them to the last bit.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import double_doubles, load8, splat8, store8, zero8
from twitchnet.engine.kernels.layout import (
    HIDDEN,
    N_CELLS,
    Packed,
    Scratch,
)
from twitchnet.engine.kernels.leaves import (
    fill_ones,
    part_axes,
    read_part,
    rescale_row,
    size_over,
    table_over,
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
    """Multiplies in the factors of an observed noisy-max node: one term of the sum in each lane.

    P(evidence) is a sum of signed weights times P(at most that level), and in each term the
    parts are independent factors.  In the term of the highest level they are all 1.
    """
    card, mark = p.node.card[v], s.node.marked[v]
    write_weights(p, s, v, raised)
    cells = double_doubles(s.cells)
    below, factor = zero8(cells), zero8(cells)
    for level in range(card):
        weight = load8(s.cells, raised + level)
        if level + 1 < card:
            weight = weight - load8(s.cells, raised + level + 1)
        below = below + load8(s.cells, base + level)
        factor = factor + below * weight * load8(s.cells, mark + level)
    start = s.table.start[0]
    store8(cells, start, load8(cells, start) * factor)
    rescale_row(s, start, 1)
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
            if p.table[at] == 1.0:  # most parents in their lowest state produce nothing
                continue
            for level in range(card):
                below = below + splat8(p.table[at + level * states])
                sum_ = sum_ + below * load8(s.cells, mark + level)
            store8(cells, start + state, load8(cells, start + state) * sum_)
        rescale_row(s, start, states)
    return True


def add_conditioned_part(p: Packed, s: Scratch, part: int, v: int, explains: bool) -> bool:
    """A part over several nodes, or over nodes that are fixed, at the level of each lane.

    With ``explains``, a leaf of its own is traced.
    """
    axes, cells, card, mark = (
        s.lists.axes,
        double_doubles(s.cells),
        p.node.card[v],
        s.node.marked[v],
    )
    n = part_axes(p, s, part, -1, axes)
    size, own = size_over(s, axes, n), n > 1
    t = 1 + axes[0]
    if own:
        t = table_over(s, axes, n)
        if t < 0:
            return False
        fill_ones(s, s.table.start[t], size)
        if explains and p.part.target[part] >= 0:
            s.table.traced[t], s.lists.leaf[part] = 1, t
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
        rescale_row(s, start, size)
    return True
