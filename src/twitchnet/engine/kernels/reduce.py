"""What is left of a network once the evidence is in?  Plain loops over flat arrays.

``decode`` fixes the observed nodes in every part and writes what remains as *leaves*:

* a node without observed descendants that nobody asks about vanishes;
* an *absent* noisy-OR node is its parts' silent rows, one factor per parent;
* an observed parent folds into the *base* of its children (their leak);
* a max node with at most one part left is a plain table;
* any other max node becomes a *level axis* with its parts, and either a *terminal*
  (a weight per level: the evidence) or the node itself as *partner*.

Nodes that are *conditioned* on have one state per lane; they are fixed like observed
ones, lane by lane.  A max node whose level is conditioned on is factors of its parts' nodes.
Leaves that speak about a single node are multiplied into one row per node, and what speaks
about none into leaf 0.

Every level axis is signed (``signs.py``).  Where a link is asked what it produced, its leaf
says so, and its finding keeps a place for what the links of observed nodes produced
(``fast/responsibility.py``).
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import LANES, WORD, forget_losses, load8, lost_any, splat8, store8
from twitchnet.engine.kernels.cuts import add_cut_node
from twitchnet.engine.kernels.layout import (
    ASKED,
    CARD,
    CHILD,
    CONSTANT,
    COUNT,
    CUMULATIVE,
    CUT,
    EXPONENT,
    FAINTEST,
    FIXED,
    FLIP,
    HARD,
    HELD,
    IS_SOFT,
    KEEP,
    LEAF,
    LEAKLESS,
    LEVELS,
    LOCAL,
    LOST,
    MASS,
    MASSES,
    N_AXES,
    N_CELLS,
    N_OPEN,
    N_ROWS,
    N_TABLES,
    N_WORDS,
    NOBODY,
    OPEN,
    OWN,
    P_COUNT,
    P_CREDIT,
    P_ENTRY,
    P_LONE,
    P_SCOPE,
    PRESENT,
    SCOPE,
    SCOPE_NODE,
    SEVERAL,
    SILENT,
    SIZE,
    SPARE,
    START,
    STATES,
    SUMMED,
    SUMS,
    TERMINAL,
    UNFIT,
    V_CARD,
    V_CHILDREN,
    V_FLIP,
    V_MAX,
    V_PARTS,
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
    guard,
    mark_lanes,
    new_axis,
    new_table,
    part_axes,
    raise_cells,
    read_levels,
    read_part,
    reverse_axis,
    scale_scalar,
    soft_row,
    stride_in,
    take_cells,
    write_weights,
)
from twitchnet.engine.kernels.signs import accumulate, sign_levels
from twitchnet.engine.program import Ints


def mark_needed(p: Packed, s: Scratch, wanted: Ints) -> None:
    """Which nodes matter: the observed, the wanted, and their ancestors."""
    n = 0
    for v in range(p.n[P_COUNT, 0] - 1, -1, -1):
        keep = wanted[v] != 0 or s.n[HARD, v] >= 0 or s.n[IS_SOFT, v] != 0
        if not keep:
            for i in range(p.n[V_CHILDREN, v], p.n[V_CHILDREN, v + 1]):
                if s.n[KEEP, p.n[CHILD, i]] != 0:
                    keep = True
                    break
        s.n[KEEP, v] = 1 if keep else 0
        if keep and s.n[FIXED, v] != 1:
            s.n[OPEN, n] = v
            n += 1
    s.n[COUNT, N_OPEN] = n


def mark_fixed(p: Packed, s: Scratch) -> None:
    """Which nodes were observed, and which max nodes at their lowest level."""
    for v in range(p.n[P_COUNT, 0]):
        s.n[FIXED, v] = 1 if s.n[HARD, v] >= 0 else 0
        s.n[CUT, v] = 0
        lowest = (p.n[V_CARD, v] - 1) * p.n[V_FLIP, v]
        silent = s.n[HARD, v] == lowest and s.n[IS_SOFT, v] == 0 and p.n[V_MAX, v] != 0
        s.n[SILENT, v] = 1 if silent else 0


def add_silent(p: Packed, s: Scratch, v: int) -> bool:
    """The silent rows of all parts of a node; parts of one parent go the short way."""
    common = 1.0
    for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
        u, at = p.n[P_LONE, part], p.n[P_ENTRY, part]
        if u == SEVERAL:
            if add_factor(p, s, part, 0, -1) < 0:
                return False
        elif u == NOBODY or s.n[FIXED, u] == 1:
            entry = p.table[at + s.n[HARD, u]] if u >= 0 else p.table[at]
            if entry < FAR:
                scale_scalar(s, splat8(entry))
            else:
                common *= entry
                if common < FAR:
                    scale_scalar(s, splat8(common))
                    common = 1.0
        elif s.n[FIXED, u] >= 2:
            scale_scalar(s, entry8(p, s, at, u))
        else:
            t = 1 + s.n[LOCAL, u]
            start, least = s.n[START, t], 1.0
            first = 1 if p.table[at] == 1.0 else 0  # nothing is produced in most lowest states
            for state in range(first, p.n[V_CARD, u]):
                entry = p.table[at + state]
                least = min(least, entry)
                place = start + state
                store8(s.cells, place, load8(s.cells, place) * splat8(entry))
            s.n[HELD, t] += 1
            if least < FAR or s.n[HELD, t] >= OFTEN:
                s.n[HELD, t] = 0
                guard(s, start, s.n[SIZE, t])
    if common != 1.0:
        scale_scalar(s, splat8(common))
    return True


def add_max_node(p: Packed, s: Scratch, v: int, credit: bool) -> bool:
    """The leaves of a max node that was not observed silent; False when cells run out."""
    card = p.n[V_CARD, v]
    hidden = s.n[FIXED, v] == 0
    credit = credit and s.n[PRESENT, v] != 0
    mark = s.n[COUNT, N_CELLS]
    base = take_cells(s, card)
    raised = take_cells(s, card)
    if base < 0 or raised < 0:
        return False
    live = fold_fixed(p, s, v, credit, base, raised)
    if s.n[CUT, v] != 0:
        return add_cut_node(p, s, v, live, base, raised, credit)
    if hidden and live < 2:
        return add_plain_node(p, s, v, live, base, raised, mark)
    if live == 0:
        write_weights(p, s, v, raised)
        sum_ = splat8(0.0)
        for level in range(card):
            sum_ = sum_ + load8(s.cells, base + level) * load8(s.cells, raised + level)
        start = s.n[START, 0]
        store8(s.cells, start, load8(s.cells, start) * sum_)
        guard(s, start, 1)
        if credit:
            keep_share(s, v, base)
        else:
            s.n[COUNT, N_CELLS] = mark
        return True
    a = new_axis(s, v, card, LEVELS)
    s.n[FLIP, a] = 1 if p.n[V_FLIP, v] else 0
    leaf = new_table(s, card)
    if s.n[START, leaf] < 0:
        return False
    put(s.m, 4 * leaf + SCOPE, a)
    s.n[OWN, leaf] = a
    for level in range(card):
        store8(s.cells, s.n[START, leaf] + level, load8(s.cells, base + level))
    if hidden and s.n[IS_SOFT, v] != 0:
        soft_row(p, s, v)
    if not hidden:
        s.n[TERMINAL, a] = take_cells(s, card)
        if s.n[TERMINAL, a] < 0:
            return False
        write_weights(p, s, v, s.n[TERMINAL, a])
    live_parts = s.n[SPARE + 2]
    for j in range(live):
        part = live_parts[j]
        if not add_live_part(p, s, part, a):
            return False
        if credit and p.n[P_CREDIT, part] >= 0:
            s.n[LEAF, part] = s.n[COUNT, N_TABLES] - 1
            s.n[ASKED, s.n[LEAF, part]] = 1
    if not sign_levels(p, s, a, leaf, live):
        return False
    if credit:
        s.n[MASS, v], s.n[MASSES, v] = s.n[SUMS, a], CUMULATIVE
    return True


def keep_share(s: Scratch, v: int, base: int) -> None:
    """P(below the observed level) over P(that level) of a node about which nothing is open."""
    for lane in range(LANES):
        below, here = 0.0, s.cells[LANES * (base + s.n[HARD, v]) + lane]
        for level in range(s.n[HARD, v]):
            below += s.cells[LANES * (base + level) + lane]
        s.cells[LANES * base + lane] = below / here if here > 0.0 else 0.0
    s.n[MASS, v], s.n[MASSES, v] = base, CONSTANT


def fold_fixed(p: Packed, s: Scratch, v: int, credit: bool, base: int, raised: int) -> int:
    """Folds the parts of a max node whose nodes are fixed into ``card`` cells from ``base`` on.

    Returns how many parts are left, in SPARE + 2.
    """
    card = p.n[V_CARD, v]
    live_parts = s.n[SPARE + 2]
    live = 0
    below, above = 1.0, 0.0  # what the lanes share, of two levels
    for level in range(card):
        store8(s.cells, base + level, splat8(1.0 if level == 0 else 0.0))
    for part in range(p.n[V_PARTS, v], p.n[V_PARTS, v + 1]):
        u, at = p.n[P_LONE, part], p.n[P_ENTRY, part]
        if credit:
            s.n[LEAF, part] = -1
        free = u >= 0 and s.n[FIXED, u] == 0
        if u == SEVERAL:
            for i in range(p.n[P_SCOPE, part], p.n[P_SCOPE, part + 1]):
                if s.n[FIXED, p.n[SCOPE_NODE, i]] == 0:
                    free = True
        if free:
            live_parts[live] = part
            live += 1
        elif card == 2 and u == NOBODY:
            w0, w1 = p.table[at], p.table[at + 1]
            below, above = below * w0, above * (w0 + w1) + below * w1
        elif card == 2 and u != SEVERAL and s.n[FIXED, u] == 1:
            w0, w1 = p.table[at + s.n[HARD, u]], p.table[at + p.n[V_CARD, u] + s.n[HARD, u]]
            below, above = below * w0, above * (w0 + w1) + below * w1
        elif card == 2 and u != SEVERAL:
            share0, share1 = entry8(p, s, at, u), entry8(p, s, at + p.n[V_CARD, u], u)
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
    """A hidden max node with at most one part left: a row, or a table."""
    card, own = p.n[V_CARD, v], s.n[LOCAL, v]
    if live == 0:
        write_weights(p, s, v, raised)
        t = 1 + own
        for state in range(card):
            level = card - 1 - state if p.n[V_FLIP, v] else state
            i = s.n[START, t] + state
            weighted = load8(s.cells, base + level) * load8(s.cells, raised + level)
            store8(s.cells, i, load8(s.cells, i) * weighted)
        guard(s, s.n[START, t], card)
        s.n[COUNT, N_CELLS] = mark
        return True
    t = add_factor(p, s, s.n[SPARE + 2, 0], 0, own)
    if t < 0:
        return False
    start, size = s.n[START, t], s.n[SIZE, t]
    stride = stride_in(s, t, own)
    raise_cells(s, base, start, card, stride, size)
    if p.n[V_FLIP, v]:
        reverse_axis(s, start, card, stride, size)
    if s.n[IS_SOFT, v] != 0:
        soft_row(p, s, v)
    return True


def add_live_part(p: Packed, s: Scratch, part: int, a: int) -> bool:
    """A part with unknown nodes as a leaf over them and its owner's levels."""
    u, card = p.n[P_LONE, part], s.n[CARD, a]
    if u >= 0 and s.n[FIXED, u] == 0:
        states = p.n[V_CARD, u]
        t = new_table(s, states * card)
        if s.n[START, t] < 0:
            return False
        put(s.m, 4 * t + SCOPE, s.n[LOCAL, u])
        put(s.m, 4 * t + SCOPE, a)  # levels are innermost: their axis was made last
        s.n[OWN, t] = a
        place = s.n[START, t]
        for state in range(states):
            at = p.n[P_ENTRY, part] + state
            for level in range(card):
                store8(s.cells, place, splat8(p.table[at + level * states]))
                place += 1
        return True
    axes = s.n[SPARE + 0]
    n = part_axes(p, s, part, a, axes)
    size = 1
    for k in range(n):
        size *= s.n[CARD, axes[k]]
    t = new_table(s, size)
    if s.n[START, t] < 0:
        return False
    for k in range(n):
        put(s.m, 4 * t + SCOPE, axes[k])
    s.n[OWN, t] = a
    read_part(p, s, part, 0, axes, n, a, s.n[START, t])
    accumulate(s, t, a)
    s.n[HELD, t] = SUMMED
    return True


def decode(p: Packed, s: Scratch, lanes_used: int, credit: bool) -> bool:
    """All leaves of one record; False when the workspace is too small for them.

    Expects ``hard``, ``fixed``, ``lane_state``, ``soft``, ``is_soft`` and ``keep`` of
    ``s``.  Lanes from ``lanes_used`` on count nothing.  With ``credit`` the links to present
    findings are asked what they produced.
    """
    s.n[COUNT, 0] = s.n[COUNT, 1] = s.n[COUNT, 2] = 0
    s.n[COUNT, UNFIT] = s.n[COUNT, FAINTEST] = 0  # what a tape of this record finds, if any
    s.n[COUNT, EXPONENT] = s.n[COUNT, LOST] = 0
    forget_losses()
    most = 0  # axes that there can be: hidden nodes, and the levels of max nodes
    for v in range(p.n[P_COUNT, 0]):
        s.n[LOCAL, v] = -1
        s.n[LEAKLESS, v] = 0
        s.n[PRESENT, v] = 0
        if s.n[KEEP, v] != 0:
            present = p.n[V_MAX, v] != 0 and p.n[V_FLIP, v] == 0 and s.n[HARD, v] > 0
            s.n[PRESENT, v] = 1 if present else 0
            if s.n[FIXED, v] == 0:
                s.n[LOCAL, v] = new_axis(s, v, p.n[V_CARD, v], STATES)
                most += 1
            most += p.n[V_MAX, v] - s.n[SILENT, v]
    s.n[COUNT, N_WORDS] = (most >> WORD) + 1
    if not mark_lanes(p, s):
        return False
    scalar = new_table(s, 1)
    if s.n[START, scalar] < 0:
        return False
    for lane in range(LANES):
        s.cells[LANES * s.n[START, scalar] + lane] = 1.0 if lane < lanes_used else 0.0
    nodes = s.n[COUNT, N_AXES]
    s.n[COUNT, N_ROWS] = 1 + nodes
    for a in range(nodes):
        t = new_table(s, s.n[CARD, a])
        if s.n[START, t] < 0:
            return False
        put(s.m, 4 * t + SCOPE, a)
        fill_ones(s, s.n[START, t], s.n[CARD, a])
    for v in range(p.n[P_COUNT, 0]):
        if s.n[KEEP, v] == 0:
            continue
        first = p.n[V_PARTS, v]
        if not p.n[V_MAX, v]:
            own = s.n[LOCAL, v] if s.n[FIXED, v] == 0 else -1
            row = -2 if s.n[FIXED, v] >= 2 else s.n[HARD, v]
            if add_factor(p, s, first, row, own) < 0:
                return False
            if s.n[IS_SOFT, v] != 0:
                soft_row(p, s, v)
            continue
        if s.n[CUT, v] != 0:
            continue
        if s.n[SILENT, v] != 0:
            if not add_silent(p, s, v):
                return False
        elif not add_max_node(p, s, v, credit):
            return False
    for v in range(p.n[P_COUNT, 0]):  # last: what all lanes share is the same in them to the bit
        if s.n[CUT, v] != 0 and not add_max_node(p, s, v, credit):
            return False
    for t in range(1 + nodes):
        if s.n[HELD, t] != 0:
            guard(s, s.n[START, t], s.n[SIZE, t])
            s.n[HELD, t] = 0
    s.n[COUNT, LOST] = 1 if lost_any() else 0
    return True
