"""The tape of a record: which tables meet at which axis, and where their cells go.

Written once for a record, and read on the way up and on the way down (``sweep.py``).
Axes are named by their *turn*, the place at which they are closed, and tables are laid
out with the earliest turn outermost.  So the axis that is closed is always the outermost
one of its tables, and axes that live long, which most tables share, are innermost: loops
are long *runs* over neighbouring axes that all operands have, or lack, alike.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import BITS, WORD, above, highest, lowest, popcount, single
from twitchnet.engine.kernels.layout import (
    ALL_BINARY,
    AXIS,
    BACK,
    BITS_LOST,
    CARD,
    CARD_AT,
    COUNT,
    DOUBT,
    FAINTEST,
    FIRST,
    HEAD,
    HELD,
    ITEM,
    KEPT,
    KIND,
    LATEST,
    MEANING,
    N_AXES,
    N_CELLS,
    N_LEAVES,
    N_LONE,
    N_ROWS,
    N_TABLES,
    N_WORDS,
    NEXT,
    OWN,
    PLACE,
    SCOPE,
    SEEN,
    SIZE,
    START,
    STATES,
    STEPS,
    SUMMED,
    SUMS,
    SURPRISE,
    TERMINAL,
    TURN,
    UNFIT,
    Scratch,
    drop,
    has,
    power,
    put,
)
from twitchnet.engine.program import Ints

MOST_KEPT = 8192.0  # cells of products: half a megabyte, well within the second-level cache
UNION, SO_FAR, KNOWN = 23, 27, 31  # rows of Scratch.m: single masks, beside those of ordering.py
# The tape.  A row: its counts, the leaf about its axis alone, the weights of a level axis that
# is closed by levels (-1: by differences), the stride of its node (0: none); then the pairs;
# then the place of each message.
PAIRS, MESSAGES, ALONE, WEIGHTS, NODE_AT, ROW_HEAD = 0, 1, 2, 3, 4, 5
# numbers of a pair: start, states of the other axis, strides, which levels to sum, leaf
PAIR = 6
PLAIN, SUM_CLOSED, SUM_OTHER = 0, 1, 2
# a message: its table; the stride of the closed axis in the product so far; where that product and
# the result lie among the products; whether each cell of the product, and of the table, has one
# term; number of runs without the closed axis; then four numbers for each run, the closed axis
# last: length, and strides in the result, the product and the table
TABLE, V_LEFT, LEFT_AT, OUT_AT, LEFT_ONCE, RIGHT_ONCE, RUNS, MESSAGE_HEAD = range(8)


def first_turn(s: Scratch, row: int) -> int:
    """The earliest turn of a mask, or -1 for none."""
    for word in range(s.n[COUNT, N_WORDS]):
        if s.m[row, word] != 0:
            return word * BITS + lowest(s.m[row, word])
    return -1


def cells_of(s: Scratch, row: int) -> float:
    """Cells of a table over a mask of turns."""
    n = 1.0
    for word in range(s.n[COUNT, N_WORDS]):
        m = s.m[row, word]
        if s.n[COUNT, ALL_BINARY] != 0:
            n *= power(popcount(m))
        else:
            while m != 0:
                bit = lowest(m)
                m ^= single(bit)
                n *= float(s.n[CARD_AT, word * BITS + bit])
    return n


def file_table(s: Scratch, t: int) -> None:
    """Puts a table among those of the axis that is closed first."""
    turn = first_turn(s, 4 * t + BACK)
    if turn >= 0:
        s.n[NEXT, t] = s.n[HEAD, turn]
        s.n[HEAD, turn] = t


def name_turns(s: Scratch, order: Ints) -> None:
    """Turns of all axes, and the leaves filed by them."""
    words = s.n[COUNT, N_WORDS]
    s.n[COUNT, STEPS] += s.n[COUNT, N_LEAVES] * words
    binary = 1
    lone = s.n[COUNT, N_LONE]
    for turn in range(s.n[COUNT, N_AXES]):
        a = order[turn]
        s.n[TURN, a] = turn
        s.n[CARD_AT, turn] = s.n[CARD, a]
        s.n[HEAD, turn] = -1
        s.n[SEEN, turn] = -1
        if s.n[CARD, a] != 2:
            binary = 0
    s.n[COUNT, ALL_BINARY] = binary
    for word in range(words):
        s.m[KNOWN, word] = 0
    for t in range(1, s.n[COUNT, N_LEAVES]):
        if t < s.n[COUNT, N_ROWS] and s.n[TURN, t - 1] < lone:
            continue
        for word in range(words):
            s.m[4 * t + BACK, word] = 0
        first, latest = s.n[COUNT, N_AXES], -1
        for word in range(words):
            rest = s.m[4 * t + SCOPE, word]
            while rest != 0:
                bit = lowest(rest)
                rest ^= single(bit)
                turn = s.n[TURN, word * BITS + bit]
                put(s.m, 4 * t + BACK, turn)
                first, latest = min(first, turn), max(latest, turn)
        s.n[LATEST, t] = latest
        s.n[NEXT, t] = s.n[HEAD, first]
        s.n[HEAD, first] = t


def leaf_stride(s: Scratch, t: int, turn: int, order: Ints) -> int:
    """The stride of an axis in a leaf, whose axes lie by number and not by turn; 0 for none."""
    if not has(s.m, 4 * t + BACK, turn):
        return 0
    a = order[turn]
    stride = 1
    for word in range(a >> WORD, s.n[COUNT, N_WORDS]):
        rest = s.m[4 * t + SCOPE, word]
        if word == a >> WORD:
            rest &= above(a & (BITS - 1))
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            stride *= s.n[CARD, word * BITS + bit]
    return stride


def sort_bucket(s: Scratch, turn: int, items: Ints) -> tuple[int, int, int]:
    """The tables of an axis by sort: returns (leaf about it alone, end of pairs, end).

    Pairs, leaves of two axes that bring a new one each, come first, latest turn first; then
    all others by rising size.  UNION becomes the axes of the pairs.
    """
    leaves = s.n[COUNT, N_LEAVES]
    for word in range(s.n[COUNT, N_WORDS]):
        s.m[UNION, word] = 0
    put(s.m, UNION, turn)
    alone, pairs, n = -1, 0, 0
    t = s.n[HEAD, turn]
    while t >= 0:
        k = n
        if t < leaves:
            other = s.n[LATEST, t]
            if other == turn:
                alone = t
                t = s.n[NEXT, t]
                continue
            two = s.n[SIZE, t] == s.n[CARD_AT, turn] * s.n[CARD_AT, other]
            if two and s.n[HELD, t] != SUMMED and not has(s.m, UNION, other):
                put(s.m, UNION, other)
                items[n] = items[pairs]  # the first of the others makes room
                k = pairs
                while k > 0 and s.n[LATEST, items[k - 1]] < other:
                    items[k] = items[k - 1]
                    k -= 1
                items[k] = t
                pairs += 1
                n += 1
                t = s.n[NEXT, t]
                continue
        items[n] = t
        n += 1
        t = s.n[NEXT, t]
    for i in range(pairs + 1, n):
        t = items[i]
        k = i
        while k > pairs and s.n[SIZE, items[k - 1]] > s.n[SIZE, t]:
            items[k] = items[k - 1]
            k -= 1
        items[k] = t
    return alone, pairs, n


def write_runs(s: Scratch, message: int, t: int, turn: int, order: Ints, last: bool) -> int:
    """The runs of a product over SO_FAR times a table, over UNION; returns their end.

    The axis that is closed, the outermost one, is a run of its own; the ``last`` product of an
    axis is summed over it.
    """
    tape = s.tape
    at = message + MESSAGE_HEAD
    leaf = t < s.n[COUNT, N_LEAVES]
    out = left = right = 1
    sort, count, left_once, right_once = -1, 0, 1, 1
    for word in range(s.n[COUNT, N_WORDS] - 1, -1, -1):
        rest, mine, its = s.m[UNION, word], s.m[SO_FAR, word], s.m[4 * t + BACK, word]
        while rest != 0:
            bit = highest(rest)
            rest ^= single(bit)
            u = word * BITS + bit
            in_left, in_right = (mine >> bit) & 1, (its >> bit) & 1
            stride = right
            if leaf and in_right != 0:
                stride = leaf_stride(s, t, u, order)
            if u == turn:
                tape[message + V_LEFT] = left
                tape[at] = s.n[CARD_AT, u]
                tape[at + 1] = 0 if last else out
                tape[at + 2] = left
                tape[at + 3] = stride
                break
            card = s.n[CARD_AT, u]
            left_once &= in_left
            right_once &= in_right
            if sort == 2 * in_left + in_right and not leaf:
                tape[at - 4] *= card
            else:
                tape[at] = card
                tape[at + 1] = out
                tape[at + 2] = left * in_left
                tape[at + 3] = stride * in_right
                at += 4
                count += 1
                sort = 2 * in_left + in_right
            out *= card
            if in_left != 0:
                left *= card
            if in_right != 0:
                right *= card
    tape[message + RUNS] = count
    tape[message + LEFT_ONCE], tape[message + RIGHT_ONCE] = left_once, right_once
    return at + 4


def write_row(s: Scratch, row: int, order: Ints, at: int) -> tuple[int, float, float]:
    """The tape of one axis from ``at`` on; its result's axes are left in UNION.

    Returns (end of the tape, or -1 when it is too short; multiply-adds; cells of the products).
    """
    tape, items, words = s.tape, s.n[ITEM], s.n[COUNT, N_WORDS]
    turn = row - s.n[COUNT, N_LEAVES]
    alone, pairs, n = sort_bucket(s, turn, items)
    s.n[COUNT, STEPS] += n * (8 + 4 * words) + n * n // 8
    message = (
        1 + MESSAGE_HEAD + 4 * (s.n[COUNT, N_AXES] - turn)
    )  # at most: a run for each axis left
    if at + ROW_HEAD + PAIR * pairs + message * (n - pairs) > len(tape):
        return -1, 0.0, 0.0
    a = order[turn]
    levels = s.n[KIND, a] != STATES
    early = levels and n == pairs  # closed by levels, without a difference
    if levels and not early:
        s.n[COUNT, FAINTEST] = max(s.n[COUNT, FAINTEST], s.n[BITS_LOST, a])
        s.n[COUNT, DOUBT] += s.n[SURPRISE, a]
    s.n[FIRST, row] = at
    tape[at + MESSAGES] = n - pairs
    tape[at + ALONE] = s.n[SUMS, a] if levels and not early else s.n[START, alone]
    tape[at + WEIGHTS] = -1
    tape[at + NODE_AT] = 0
    if early:
        tape[at + WEIGHTS] = s.n[TERMINAL, a] if s.n[TERMINAL, a] >= 0 else 0
    place, later, work = at + ROW_HEAD, 1, 0.0
    for i in range(pairs):
        leaf = items[i]
        u = s.n[LATEST, leaf]
        if early and s.n[HELD, leaf] == MEANING:
            tape[at + NODE_AT] = later
            continue
        later *= s.n[CARD_AT, u]
        work += float(later * s.n[CARD_AT, turn])
        outer = a < order[u]  # leaves lie by number of their axes, not by turn
        tape[place] = s.n[START, leaf]
        tape[place + 1] = s.n[CARD_AT, u]
        tape[place + 2] = s.n[CARD_AT, u] if outer else 1
        tape[place + 3] = 1 if outer else s.n[CARD_AT, turn]
        tape[place + 4] = PLAIN
        if s.n[OWN, leaf] >= 0:
            tape[place + 4] = SUM_CLOSED if s.n[OWN, leaf] == a else SUM_OTHER
        tape[place + 5] = leaf
        place += PAIR
    tape[at + PAIRS] = (place - at - ROW_HEAD) // PAIR
    message = place + n - pairs
    size = cells_of(s, UNION)
    if n == pairs:
        work += size  # summing it
    room = 0.0
    for i in range(pairs, n):
        t = items[i]
        tape[place] = message
        place += 1
        for word in range(words):
            s.m[SO_FAR, word] = s.m[UNION, word]
            s.m[UNION, word] |= s.m[4 * t + BACK, word]
        tape[message + TABLE] = t
        tape[message + LEFT_AT] = int(min(room, 4e18))
        room += size
        tape[message + OUT_AT] = int(min(room, 4e18))
        message = write_runs(s, message, t, turn, order, i == n - 1)
        size = cells_of(s, UNION)
        work += size
    drop(s.m, UNION, turn)
    return message, work, room if n > pairs else size


def place_lone(s: Scratch, order: Ints, stored: float) -> tuple[float, float]:
    """Rows of the lone axes, which need no tape: a sum each; returns (work, cells stored)."""
    work = 0.0
    for turn in range(s.n[COUNT, N_LONE]):
        row = s.n[COUNT, N_LEAVES] + turn
        s.n[AXIS, row] = order[turn]
        s.n[START, row], s.n[SIZE, row] = int(stored), 1
        for word in range(s.n[COUNT, N_WORDS]):
            s.m[4 * row + SCOPE, word] = 0
        work += float(s.n[CARD, order[turn]])
        stored += 1.0
    return work, stored


def write_buckets(s: Scratch, order: Ints) -> tuple[float, float]:
    """The tape of an order, and where its tables go; returns (work, cells stored).

    Row ``N_LEAVES + turn`` is the table that closing an axis leaves.  Work is the
    multiply-adds of the way up, in cells.  Few products are kept for the way down, many
    share one place.
    """
    name_turns(s, order)
    words, leaves = s.n[COUNT, N_WORDS], s.n[COUNT, N_LEAVES]
    lone, at = s.n[COUNT, N_LONE], 0
    work, stored = place_lone(s, order, float(s.n[COUNT, N_CELLS]))
    room = most = 0.0
    s.n[COUNT, UNFIT] = s.n[COUNT, FAINTEST] = s.n[COUNT, DOUBT] = 0
    for turn in range(lone, s.n[COUNT, N_AXES]):
        row = leaves + turn
        s.n[AXIS, row] = order[turn]
        at, cost, products = write_row(s, row, order, at)
        if at < 0:
            s.n[COUNT, UNFIT] = 1
            return work, stored
        work += cost
        s.n[PLACE, row] = int(min(room, 4e18))
        room += products
        most = max(most, products)
        fresh = 0
        for word in range(words):
            s.m[4 * row + SCOPE, word] = s.m[4 * row + BACK, word] = s.m[UNION, word]
            rest = s.m[UNION, word] & ~s.m[KNOWN, word]
            s.m[KNOWN, word] |= rest
            while rest != 0:
                bit = lowest(rest)
                rest ^= single(bit)
                s.n[SEEN, word * BITS + bit] = row
                fresh += 1
        s.n[HELD, row] = fresh
        size = cells_of(s, UNION)
        s.n[SIZE, row] = int(min(size, 4e18))
        s.n[START, row] = int(min(stored, 4e18))
        stored += size
        file_table(s, row)
    s.n[COUNT, N_TABLES] = leaves + s.n[COUNT, N_AXES]
    s.n[COUNT, KEPT] = 1 if room <= MOST_KEPT else 0
    for row in range(leaves + lone, s.n[COUNT, N_TABLES]):
        place = s.n[PLACE, row] if s.n[COUNT, KEPT] != 0 else 0
        s.n[PLACE, row] = int(min(stored, 4e18)) + place
    return work, stored + (room if s.n[COUNT, KEPT] != 0 else most)
