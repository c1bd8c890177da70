"""From evidence to factors: the first stage of a record.  Plain loops over flat arrays.

``reduce_evidence`` takes the evidence out of every part and writes what remains as *leaves*
(factors):

* a barren node, without observed descendants and not wanted, is left out;
* an *absent* noisy-OR node becomes the silent rows of its parts, one factor for each parent;
* an observed parent is folded into the *base* of its children (their leak);
* a noisy-max node with at most one open part becomes a plain table;
* any other noisy-max node becomes an *intensity axis* with a leaf for each open part, and
  either a *terminal* (the evidence as a weight for each level) or the node's own states.

Nodes that are *conditioned* on are fixed like observed ones, with a state of their own in
each lane.  A noisy-max node that is conditioned on by its level becomes factors over the
nodes of its parts (``levels.py``).  Factors over a single node are multiplied into one row
for each node, and those over none into leaf 0.

Every intensity axis is signed (``signs.py``).  Where responsibilities are wanted, leaves of
links and findings keep what ``fast/responsibility.py`` needs.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import LANES, WORD, forget_losses, load8, lost_any, splat8, store8
from twitchnet.engine.kernels.layout import (
    BY_LANE,
    CONSTANT,
    CUMULATIVE,
    EXPLAINS,
    EXPONENT,
    HIDDEN,
    LEVELS,
    LOST,
    LOST_BITS,
    N_AXES,
    N_CELLS,
    N_LANES,
    N_OPEN,
    N_ROWS,
    N_TABLES,
    N_WORDS,
    NOBODY,
    OBSERVED,
    SEVERAL,
    STATES,
    SUMMED,
    UNFIT,
    UNWANTED,
    Packed,
    Scratch,
    put,
)
from twitchnet.engine.kernels.leaves import (
    FAR,
    OFTEN,
    add_factor,
    entry8,
    fill_ones,
    hidden_in,
    mark_lanes,
    new_axis,
    new_table,
    part_axes,
    raise_cells,
    read_levels,
    read_part,
    rescale_row,
    reverse_axis,
    scale_scalar,
    soft_row,
    stride_in,
    table_over,
    take_cells,
    write_weights,
)
from twitchnet.engine.kernels.levels import add_conditioned_node
from twitchnet.engine.kernels.signs import accumulate, sign_levels


def mark_needed(p: Packed, s: Scratch) -> None:
    """Marks the nodes that are observed or wanted, and their ancestors; others are barren."""
    n = 0
    for v in range(len(p.node.card) - 1, -1, -1):
        keep = s.node.wanted[v] != UNWANTED or s.node.hard[v] >= 0 or s.node.is_soft[v] != 0
        if not keep:
            for i in range(p.node.child_first[v], p.node.child_first[v + 1]):
                if s.node.needed[p.child[i]] != 0:
                    keep = True
                    break
        s.node.needed[v] = 1 if keep else 0
        if keep and s.node.fixed[v] != OBSERVED:
            s.lists.open[n] = v
            n += 1
    s.counts[N_OPEN] = n


def mark_fixed(p: Packed, s: Scratch) -> None:
    """Marks the nodes that are observed, and the noisy-max nodes observed at their lowest level."""
    for v in range(len(p.node.card)):
        s.node.fixed[v] = OBSERVED if s.node.hard[v] >= 0 else HIDDEN
        s.node.level_fixed[v] = 0
        lowest = (p.node.card[v] - 1) * p.node.flip[v]
        silent = s.node.hard[v] == lowest and s.node.is_soft[v] == 0 and p.node.is_max[v] != 0
        s.node.silent[v] = 1 if silent else 0


def add_silent(p: Packed, s: Scratch, v: int) -> bool:
    """The silent rows of all parts of a node.

    A part over a single node takes a short way: its row is multiplied in where it lies.
    """
    common = 1.0
    for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
        u, at = p.part.singleton[part], p.part.entry[part]
        if u == SEVERAL:
            if add_factor(p, s, part, 0, -1) < 0:
                return False
        elif u == NOBODY or s.node.fixed[u] == OBSERVED:
            entry = p.table[at + s.node.hard[u]] if u >= 0 else p.table[at]
            if entry < FAR:
                scale_scalar(s, splat8(entry))
            else:
                common *= entry
                if common < FAR:
                    scale_scalar(s, splat8(common))
                    common = 1.0
        elif s.node.fixed[u] >= BY_LANE:
            scale_scalar(s, entry8(p, s, at, u))
        else:
            t = 1 + s.node.axis[u]
            start, least = s.table.start[t], 1.0
            first = (
                1 if p.table[at] == 1.0 else 0
            )  # most parents in their lowest state produce nothing
            for state in range(first, p.node.card[u]):
                entry = p.table[at + state]
                least = min(least, entry)
                place = start + state
                store8(s.cells, place, load8(s.cells, place) * splat8(entry))
            s.table.pending[t] += 1
            if least < FAR or s.table.pending[t] >= OFTEN:
                s.table.pending[t] = 0
                rescale_row(s, start, s.table.size[t])
    if common != 1.0:
        scale_scalar(s, splat8(common))
    return True


def add_max_node(p: Packed, s: Scratch, v: int) -> bool:
    """The leaves of a noisy-max node that is not observed silent.

    Returns False when there are too few cells.
    """
    card = p.node.card[v]
    hidden = s.node.fixed[v] == HIDDEN
    explains = s.counts[EXPLAINS] != 0 and s.node.present[v] != 0
    mark = s.counts[N_CELLS]
    base = take_cells(s, card)
    raised = take_cells(s, card)
    if base < 0 or raised < 0:
        return False
    live = fold_fixed(p, s, v, explains, base, raised)
    if s.node.level_fixed[v] != 0:
        return add_conditioned_node(p, s, v, live, base, raised, explains)
    if hidden and live < 2:
        return add_plain_node(p, s, v, live, base, raised, mark)
    if live == 0:
        write_weights(p, s, v, raised)
        sum_ = splat8(0.0)
        for level in range(card):
            sum_ = sum_ + load8(s.cells, base + level) * load8(s.cells, raised + level)
        start = s.table.start[0]
        store8(s.cells, start, load8(s.cells, start) * sum_)
        rescale_row(s, start, 1)
        if explains:
            keep_share(s, v, base)
        else:
            s.counts[N_CELLS] = mark
        return True
    a = new_axis(s, v, card, LEVELS)
    s.axis.flip[a] = 1 if p.node.flip[v] else 0
    leaf = new_table(s, card)
    if s.table.start[leaf] < 0:
        return False
    put(s.table.scope[leaf], a)
    s.table.level_axis[leaf] = a
    for level in range(card):
        store8(s.cells, s.table.start[leaf] + level, load8(s.cells, base + level))
    if hidden and s.node.is_soft[v] != 0:
        soft_row(p, s, v)
    if not hidden:
        s.axis.terminal[a] = take_cells(s, card)
        if s.axis.terminal[a] < 0:
            return False
        write_weights(p, s, v, s.axis.terminal[a])
    live_parts = s.lists.live_parts
    for j in range(live):
        part = live_parts[j]
        if not add_live_part(p, s, part, a):
            return False
        if explains and p.part.target[part] >= 0:
            s.lists.leaf[part] = s.counts[N_TABLES] - 1
            s.table.traced[s.lists.leaf[part]] = 1
    if not sign_levels(p, s, a, leaf, live):
        return False
    if explains:
        s.node.mass[v], s.node.mass_kind[v] = s.axis.sums[a], CUMULATIVE
    return True


def keep_share(s: Scratch, v: int, base: int) -> None:
    """Keeps P(below the observed level) / P(that level) of a node without open parts."""
    for lane in range(LANES):
        below, here = 0.0, s.cells[LANES * (base + s.node.hard[v]) + lane]
        for level in range(s.node.hard[v]):
            below += s.cells[LANES * (base + level) + lane]
        s.cells[LANES * base + lane] = below / here if here > 0.0 else 0.0
    s.node.mass[v], s.node.mass_kind[v] = base, CONSTANT


def fold_fixed(p: Packed, s: Scratch, v: int, explains: bool, base: int, raised: int) -> int:
    """Folds the parts without hidden nodes into ``card`` cells from ``base`` on.

    Returns the number of the other parts, which are listed in ``live_parts``.
    """
    card = p.node.card[v]
    live_parts = s.lists.live_parts
    live = 0
    below, above = 1.0, 0.0  # of two levels, the same in all lanes
    for level in range(card):
        store8(s.cells, base + level, splat8(1.0 if level == 0 else 0.0))
    for part in range(p.node.part_first[v], p.node.part_first[v + 1]):
        u, at = p.part.singleton[part], p.part.entry[part]
        if explains:
            s.lists.leaf[part] = -1
        if hidden_in(p, s, part) > 0:
            live_parts[live] = part
            live += 1
        elif card == 2 and u == NOBODY:
            w0, w1 = p.table[at], p.table[at + 1]
            below, above = below * w0, above * (w0 + w1) + below * w1
        elif card == 2 and u != SEVERAL and s.node.fixed[u] == OBSERVED:
            w0, w1 = p.table[at + s.node.hard[u]], p.table[at + p.node.card[u] + s.node.hard[u]]
            below, above = below * w0, above * (w0 + w1) + below * w1
        elif card == 2 and u != SEVERAL:
            share0, share1 = entry8(p, s, at, u), entry8(p, s, at + p.node.card[u], u)
            low, high = load8(s.cells, base), load8(s.cells, base + 1)
            store8(s.cells, base, low * share0)
            store8(s.cells, base + 1, high * (share0 + share1) + low * share1)
        else:
            read_levels(p, s, part, raised)
            raise_cells(s, base, raised, card, 1, card)
            for level in range(card):
                store8(s.cells, base + level, load8(s.cells, raised + level))
    if card == 2:
        low, high = load8(s.cells, base), load8(s.cells, base + 1)
        store8(s.cells, base, low * splat8(below))
        store8(s.cells, base + 1, high * splat8(below + above) + low * splat8(above))
    return live


def add_plain_node(
    p: Packed, s: Scratch, v: int, live: int, base: int, raised: int, mark: int
) -> bool:
    """A hidden noisy-max node with at most one open part: a row, or a table."""
    card, own = p.node.card[v], s.node.axis[v]
    if live == 0:
        write_weights(p, s, v, raised)
        t = 1 + own
        for state in range(card):
            level = card - 1 - state if p.node.flip[v] else state
            i = s.table.start[t] + state
            weighted = load8(s.cells, base + level) * load8(s.cells, raised + level)
            store8(s.cells, i, load8(s.cells, i) * weighted)
        rescale_row(s, s.table.start[t], card)
        s.counts[N_CELLS] = mark
        return True
    t = add_factor(p, s, s.lists.live_parts[0], 0, own)
    if t < 0:
        return False
    start, size = s.table.start[t], s.table.size[t]
    stride = stride_in(s, t, own)
    raise_cells(s, base, start, card, stride, size)
    if p.node.flip[v]:
        reverse_axis(s, start, card, stride, size)
    if s.node.is_soft[v] != 0:
        soft_row(p, s, v)
    return True


def add_live_part(p: Packed, s: Scratch, part: int, a: int) -> bool:
    """An open part as a leaf over its hidden nodes and the levels of its owner."""
    u, card = p.part.singleton[part], s.axis.card[a]
    if u >= 0 and s.node.fixed[u] == HIDDEN:
        states = p.node.card[u]
        t = new_table(s, states * card)
        if s.table.start[t] < 0:
            return False
        put(s.table.scope[t], s.node.axis[u])
        put(s.table.scope[t], a)  # levels are innermost: their axis was made last
        s.table.level_axis[t] = a
        place = s.table.start[t]
        for state in range(states):
            at = p.part.entry[part] + state
            for level in range(card):
                store8(s.cells, place, splat8(p.table[at + level * states]))
                place += 1
        return True
    axes = s.lists.axes
    n = part_axes(p, s, part, a, axes)
    t = table_over(s, axes, n)
    if t < 0:
        return False
    s.table.level_axis[t] = a
    read_part(p, s, part, 0, axes, n, a, s.table.start[t])
    accumulate(s, t, a)
    s.table.form[t] = SUMMED
    return True


def reduce_evidence(p: Packed, s: Scratch) -> bool:
    """Writes all leaves of one record; False when the workspace is too small for them.

    Reads ``hard``, ``is_soft``, ``soft``, ``fixed``, ``level_fixed``, ``lane`` and ``needed`` of
    the nodes; lanes from counts[N_LANES] on are 0.  Where counts[EXPLAINS] is set, the leaves of
    links to present findings are traced.
    """
    s.counts[N_AXES] = s.counts[N_TABLES] = s.counts[N_CELLS] = 0
    s.counts[UNFIT] = s.counts[LOST_BITS] = 0  # until there is a tape
    s.counts[EXPONENT] = s.counts[LOST] = 0
    forget_losses()
    most = 0  # axes there can be: hidden nodes, and levels of noisy-max nodes
    for v in range(len(p.node.card)):
        s.node.axis[v] = -1
        s.node.leakless[v] = 0
        s.node.present[v] = 0
        if s.node.needed[v] != 0:
            present = p.node.is_max[v] != 0 and p.node.flip[v] == 0 and s.node.hard[v] > 0
            s.node.present[v] = 1 if present else 0
            if s.node.fixed[v] == HIDDEN:
                s.node.axis[v] = new_axis(s, v, p.node.card[v], STATES)
                most += 1
            most += p.node.is_max[v] - s.node.silent[v]
    s.counts[N_WORDS] = (most >> WORD) + 1
    if not mark_lanes(p, s):
        return False
    scalar = new_table(s, 1)
    if s.table.start[scalar] < 0:
        return False
    for lane in range(LANES):
        s.cells[LANES * s.table.start[scalar] + lane] = 1.0 if lane < s.counts[N_LANES] else 0.0
    nodes = s.counts[N_AXES]
    s.counts[N_ROWS] = 1 + nodes
    for a in range(nodes):
        t = new_table(s, s.axis.card[a])
        if s.table.start[t] < 0:
            return False
        put(s.table.scope[t], a)
        fill_ones(s, s.table.start[t], s.axis.card[a])
    for v in range(len(p.node.card)):
        if s.node.needed[v] == 0:
            continue
        first = p.node.part_first[v]
        if not p.node.is_max[v]:
            own = s.node.axis[v] if s.node.fixed[v] == HIDDEN else -1
            row = -2 if s.node.fixed[v] >= BY_LANE else s.node.hard[v]
            if add_factor(p, s, first, row, own) < 0:
                return False
            if s.node.is_soft[v] != 0:
                soft_row(p, s, v)
            continue
        if s.node.level_fixed[v] != 0:
            continue
        if s.node.silent[v] != 0:
            if not add_silent(p, s, v):
                return False
        elif not add_max_node(p, s, v):
            return False
    for v in range(len(p.node.card)):  # last, so that all lanes agree to the bit on what they share
        if s.node.level_fixed[v] != 0 and not add_max_node(p, s, v):
            return False
    for t in range(1 + nodes):
        if s.table.pending[t] != 0:
            rescale_row(s, s.table.start[t], s.table.size[t])
            s.table.pending[t] = 0
    s.counts[LOST] = 1 if lost_any() else 0
    return True
