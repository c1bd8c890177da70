"""The tape of a record: which tables meet at which axis, and where their cells go.

It is written once for a plan, and read on the way up and on the way down (``sweep.py``).
Axes are numbered by their *turn*, in the order of elimination, and tables are laid out with
the earliest turn outermost.  So the axis that is eliminated is always the outermost axis of
its tables, and long-lived axes, which most tables share, are innermost: loops are long *runs*
over neighbouring axes that each operand either has or lacks.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import BITS, WORD, above, highest, lowest, popcount, single
from twitchnet.engine.kernels.layout import (
    ALL_BINARY,
    DOUBT,
    KEPT,
    KNOWN,
    LOST_BITS,
    MEANING,
    N_AXES,
    N_CELLS,
    N_LEAVES,
    N_ROWS,
    N_SINGLETONS,
    N_TABLES,
    N_WORDS,
    SO_FAR,
    STATES,
    STEPS,
    SUMMED,
    UNFIT,
    UNION,
    Scratch,
    drop,
    has,
    power,
    put,
)
from twitchnet.engine.program import Ints

MOST_KEPT = 8192.0  # cells of kept products: half a megabyte; more would leave the fast memory
# The tape.  The row of an axis: how many pairs and messages it has; the leaf over its axis alone;
# the weights of an intensity axis that is eliminated by levels (-1: by differences); the stride
# of its node (0: none).  Then the pairs; then the place of each message.
PAIRS, MESSAGES, ALONE, WEIGHTS, NODE_AT, ROW_HEAD = range(6)
# A pair: the first cell of its leaf; states of the other axis; the strides of the eliminated
# axis and of the other one; which levels to sum; the leaf.
ENTRIES, LENGTH, CLOSED_STEP, OTHER_STEP, SUMMING, LEAF, PAIR = range(7)
PLAIN, SUM_CLOSED, SUM_OTHER = 0, 1, 2  # values of SUMMING
# A message: its table; the stride of the eliminated axis in the product so far; where that product
# and the result lie among the products; whether each cell of the product, and of the table, gets
# one term; the number of runs without the eliminated axis.  Then its runs, that axis last.
TABLE, V_LEFT, LEFT_AT, OUT_AT, LEFT_ONCE, RIGHT_ONCE, RUNS, MESSAGE_HEAD = range(8)
# A run: its length, and its strides in the result, the product and the table.
RUN_LENGTH, OUT_STEP, LEFT_STEP, RIGHT_STEP, RUN = range(5)


def first_turn(s: Scratch, mask: Ints) -> int:
    """The earliest turn of a mask (W,), or -1 for none."""
    for word in range(s.counts[N_WORDS]):
        if mask[word] != 0:
            return word * BITS + lowest(mask[word])
    return -1


def cells_of(s: Scratch, mask: Ints) -> float:
    """Cells of a table over a mask (W,) of turns."""
    n = 1.0
    for word in range(s.counts[N_WORDS]):
        m = mask[word]
        if s.counts[ALL_BINARY] != 0:
            n *= power(popcount(m))
        else:
            while m != 0:
                bit = lowest(m)
                m ^= single(bit)
                n *= float(s.turn.card[word * BITS + bit])
    return n


def file_table(s: Scratch, t: int) -> None:
    """Files a table under the axis of its scope that is eliminated first."""
    turn = first_turn(s, s.table.turns[t])
    if turn >= 0:
        s.table.next[t] = s.turn.head[turn]
        s.turn.head[turn] = t


def name_turns(s: Scratch, order: Ints) -> None:
    """Numbers all axes by turn, and files the leaves under their first turns."""
    words = s.counts[N_WORDS]
    s.counts[STEPS] += s.counts[N_LEAVES] * words
    binary = 1
    lone = s.counts[N_SINGLETONS]
    for turn in range(s.counts[N_AXES]):
        a = order[turn]
        s.axis.turn[a] = turn
        s.turn.card[turn] = s.axis.card[a]
        s.turn.head[turn] = -1
        s.turn.seen[turn] = -1
        if s.axis.card[a] != 2:
            binary = 0
    s.counts[ALL_BINARY] = binary
    for word in range(words):
        s.masks[KNOWN, word] = 0
    for t in range(1, s.counts[N_LEAVES]):
        if t < s.counts[N_ROWS] and s.axis.turn[t - 1] < lone:
            continue
        for word in range(words):
            s.table.turns[t, word] = 0
        first, latest = s.counts[N_AXES], -1
        for word in range(words):
            rest = s.table.scope[t, word]
            while rest != 0:
                bit = lowest(rest)
                rest ^= single(bit)
                turn = s.axis.turn[word * BITS + bit]
                put(s.table.turns[t], turn)
                first, latest = min(first, turn), max(latest, turn)
        s.table.latest[t] = latest
        s.table.next[t] = s.turn.head[first]
        s.turn.head[first] = t


def leaf_stride(s: Scratch, t: int, turn: int, order: Ints) -> int:
    """The stride of an axis in a leaf, whose axes lie by number and not by turn; 0 for none."""
    if not has(s.table.turns[t], turn):
        return 0
    a = order[turn]
    stride = 1
    for word in range(a >> WORD, s.counts[N_WORDS]):
        rest = s.table.scope[t, word]
        if word == a >> WORD:
            rest &= above(a & (BITS - 1))
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            stride *= s.axis.card[word * BITS + bit]
    return stride


def sort_bucket(s: Scratch, turn: int, items: Ints) -> tuple[int, int, int]:
    """Sorts the tables of an axis; returns (leaf over it alone, end of the pairs, end).

    Pairs, leaves of two axes that each bring a new one, come first, the latest turn first; then
    all others by rising size.  The mask UNION becomes the axes of the pairs.
    """
    leaves = s.counts[N_LEAVES]
    for word in range(s.counts[N_WORDS]):
        s.masks[UNION, word] = 0
    put(s.masks[UNION], turn)
    alone, pairs, n = -1, 0, 0
    t = s.turn.head[turn]
    while t >= 0:
        k = n
        if t < leaves:
            other = s.table.latest[t]
            if other == turn:
                alone = t
                t = s.table.next[t]
                continue
            two = s.table.size[t] == s.turn.card[turn] * s.turn.card[other]
            if two and s.table.form[t] != SUMMED and not has(s.masks[UNION], other):
                put(s.masks[UNION], other)
                items[n] = items[pairs]  # the first of the others makes room
                k = pairs
                while k > 0 and s.table.latest[items[k - 1]] < other:
                    items[k] = items[k - 1]
                    k -= 1
                items[k] = t
                pairs += 1
                n += 1
                t = s.table.next[t]
                continue
        items[n] = t
        n += 1
        t = s.table.next[t]
    for i in range(pairs + 1, n):
        t = items[i]
        k = i
        while k > pairs and s.table.size[items[k - 1]] > s.table.size[t]:
            items[k] = items[k - 1]
            k -= 1
        items[k] = t
    return alone, pairs, n


def write_runs(s: Scratch, message: int, t: int, turn: int, order: Ints, last: bool) -> int:
    """Writes the runs of a product over SO_FAR times a table, over UNION; returns their end.

    The eliminated axis, which is the outermost, is a run of its own; the ``last`` product of an
    axis is summed over it.
    """
    tape = s.tape
    at = message + MESSAGE_HEAD
    leaf = t < s.counts[N_LEAVES]
    out = left = right = 1
    sort, count, left_once, right_once = -1, 0, 1, 1
    for word in range(s.counts[N_WORDS] - 1, -1, -1):
        rest, mine, its = s.masks[UNION, word], s.masks[SO_FAR, word], s.table.turns[t, word]
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
                tape[at + RUN_LENGTH] = s.turn.card[u]
                tape[at + OUT_STEP] = 0 if last else out
                tape[at + LEFT_STEP] = left
                tape[at + RIGHT_STEP] = stride
                break
            card = s.turn.card[u]
            left_once &= in_left
            right_once &= in_right
            if sort == 2 * in_left + in_right and not leaf:
                tape[at - RUN + RUN_LENGTH] *= card
            else:
                tape[at + RUN_LENGTH] = card
                tape[at + OUT_STEP] = out
                tape[at + LEFT_STEP] = left * in_left
                tape[at + RIGHT_STEP] = stride * in_right
                at += RUN
                count += 1
                sort = 2 * in_left + in_right
            out *= card
            if in_left != 0:
                left *= card
            if in_right != 0:
                right *= card
    tape[message + RUNS] = count
    tape[message + LEFT_ONCE], tape[message + RIGHT_ONCE] = left_once, right_once
    return at + RUN


def write_row(s: Scratch, row: int, order: Ints, at: int) -> tuple[int, float, float]:
    """Writes the tape of one axis from ``at`` on; leaves the axes of its result in UNION.

    Returns (end of the tape, or -1 when it is too short; multiply-adds; cells of the products).
    """
    tape, items, words = s.tape, s.lists.items, s.counts[N_WORDS]
    turn = row - s.counts[N_LEAVES]
    alone, pairs, n = sort_bucket(s, turn, items)
    s.counts[STEPS] += n * (8 + 4 * words) + n * n // 8
    message = 1 + MESSAGE_HEAD + 4 * (s.counts[N_AXES] - turn)  # at most: a run for each axis left
    if at + ROW_HEAD + PAIR * pairs + message * (n - pairs) > len(tape):
        return -1, 0.0, 0.0
    a = order[turn]
    levels = s.axis.kind[a] != STATES
    early = levels and n == pairs  # closed by levels, without a difference
    if levels and not early:
        s.counts[LOST_BITS] = max(s.counts[LOST_BITS], s.axis.lost_bits[a])
        s.counts[DOUBT] += s.axis.surprise[a]
    s.row.first[row] = at
    tape[at + MESSAGES] = n - pairs
    tape[at + ALONE] = s.axis.sums[a] if levels and not early else s.table.start[alone]
    tape[at + WEIGHTS] = -1
    tape[at + NODE_AT] = 0
    if early:
        tape[at + WEIGHTS] = s.axis.terminal[a] if s.axis.terminal[a] >= 0 else 0
    place, later, work = at + ROW_HEAD, 1, 0.0
    for i in range(pairs):
        leaf = items[i]
        u = s.table.latest[leaf]
        if early and s.table.form[leaf] == MEANING:
            tape[at + NODE_AT] = later
            continue
        later *= s.turn.card[u]
        work += float(later * s.turn.card[turn])
        outer = a < order[u]  # leaves lie by number of their axes, not by turn
        tape[place + ENTRIES] = s.table.start[leaf]
        tape[place + LENGTH] = s.turn.card[u]
        tape[place + CLOSED_STEP] = s.turn.card[u] if outer else 1
        tape[place + OTHER_STEP] = 1 if outer else s.turn.card[turn]
        tape[place + SUMMING] = PLAIN
        if s.table.level_axis[leaf] >= 0:
            tape[place + SUMMING] = SUM_CLOSED if s.table.level_axis[leaf] == a else SUM_OTHER
        tape[place + LEAF] = leaf
        place += PAIR
    tape[at + PAIRS] = (place - at - ROW_HEAD) // PAIR
    message = place + n - pairs
    size = cells_of(s, s.masks[UNION])
    if n == pairs:
        work += size  # summing it
    room = 0.0
    for i in range(pairs, n):
        t = items[i]
        tape[place] = message
        place += 1
        for word in range(words):
            s.masks[SO_FAR, word] = s.masks[UNION, word]
            s.masks[UNION, word] |= s.table.turns[t, word]
        tape[message + TABLE] = t
        tape[message + LEFT_AT] = int(min(room, 4e18))
        room += size
        tape[message + OUT_AT] = int(min(room, 4e18))
        message = write_runs(s, message, t, turn, order, i == n - 1)
        size = cells_of(s, s.masks[UNION])
        work += size
    drop(s.masks[UNION], turn)
    return message, work, room if n > pairs else size


def place_singletons(s: Scratch, order: Ints, stored: float) -> tuple[float, float]:
    """Places the results of the singleton axes, a sum each, which need no tape.

    Returns (work, cells stored).
    """
    work = 0.0
    for turn in range(s.counts[N_SINGLETONS]):
        row = s.counts[N_LEAVES] + turn
        s.row.axis[row] = order[turn]
        s.table.start[row], s.table.size[row] = int(stored), 1
        for word in range(s.counts[N_WORDS]):
            s.table.scope[row, word] = 0
        work += float(s.axis.card[order[turn]])
        stored += 1.0
    return work, stored


def write_buckets(s: Scratch, order: Ints) -> tuple[float, float]:
    """Writes the tape of an order, and places its tables; returns (work, cells stored).

    Row ``N_LEAVES + turn`` is the table that the elimination of an axis leaves.  Work is the
    multiply-adds of the way up, in cells.  Products are kept for the way down if they are few;
    otherwise all rows share one place.
    """
    name_turns(s, order)
    words, leaves = s.counts[N_WORDS], s.counts[N_LEAVES]
    lone, at = s.counts[N_SINGLETONS], 0
    work, stored = place_singletons(s, order, float(s.counts[N_CELLS]))
    room = most = 0.0
    s.counts[UNFIT] = s.counts[LOST_BITS] = s.counts[DOUBT] = 0
    for turn in range(lone, s.counts[N_AXES]):
        row = leaves + turn
        s.row.axis[row] = order[turn]
        at, cost, products = write_row(s, row, order, at)
        if at < 0:
            s.counts[UNFIT] = 1
            return work, stored
        work += cost
        s.row.place[row] = int(min(room, 4e18))
        room += products
        most = max(most, products)
        fresh = 0
        for word in range(words):
            s.table.scope[row, word] = s.table.turns[row, word] = s.masks[UNION, word]
            rest = s.masks[UNION, word] & ~s.masks[KNOWN, word]
            s.masks[KNOWN, word] |= rest
            while rest != 0:
                bit = lowest(rest)
                rest ^= single(bit)
                s.turn.seen[word * BITS + bit] = row
                fresh += 1
        s.row.fresh[row] = fresh
        size = cells_of(s, s.masks[UNION])
        s.table.size[row] = int(min(size, 4e18))
        s.table.start[row] = int(min(stored, 4e18))
        stored += size
        file_table(s, row)
    s.counts[N_TABLES] = leaves + s.counts[N_AXES]
    s.counts[KEPT] = 1 if room <= MOST_KEPT else 0
    for row in range(leaves + lone, s.counts[N_TABLES]):
        place = s.row.place[row] if s.counts[KEPT] != 0 else 0
        s.row.place[row] = int(min(stored, 4e18)) + place
    return work, stored + (room if s.counts[KEPT] != 0 else most)
