"""What a sweep leaves of the joint probabilities that responsibilities are made of.

They take the place of derivatives that nobody reads: a table's value times its derivative, summed
over everything else, is the joint probability of its axes with the evidence.  It is left

* for a node, by state, where its row of leaves is;
* for an asked leaf, by its entries, where the leaf is;
* for a finding that was observed present, by level, where its SUMS are.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, store8
from twitchnet.engine.kernels.fast.schedule import PAIR, PAIRS, ROW_HEAD
from twitchnet.engine.kernels.layout import (
    N_LEAVES,
    STATES,
    Scratch,
)


def to_joint(s: Scratch, to: int, left: int, given: int, size: int) -> None:
    """Values from cell ``left`` on times derivatives from ``given`` on."""
    for i in range(size):
        store8(s.adjoint, to + i, load8(s.cells, left + i) * load8(s.adjoint, given + i))


def leave_joints(s: Scratch, row: int, at: int, given: int, block: int, step: int) -> None:
    """The masses of a row, from its product and the derivatives of that.

    Values from cell ``at`` on, ``block`` for each state of the closed axis; derivatives from
    ``given`` on, ``step`` apart.
    """
    card = s.turn.card[row - s.counts[N_LEAVES]]
    for state in range(card):
        place = at + state * block
        to_joint(s, place, place, given + state * step, block)
    share_out(s, row, at, block, card, 0)


def share_out(s: Scratch, row: int, at: int, block: int, card: int, first: int) -> None:
    """Sums joint probabilities over all axes of a row but some, and leaves them.

    They lie from cell ``at`` on, ``block`` for each of ``card`` entries of the closed axis, of
    which the first is its level ``first``; and are overwritten.
    """
    adjoint, tape, place, a = s.adjoint, s.tape, s.row.first[row], s.row.axis[row]
    for i in range(tape[place + PAIRS] - 1, -1, -1):
        pair = place + ROW_HEAD + PAIR * i
        length, closed, other = tape[pair + 1], tape[pair + 2], tape[pair + 3]
        leaf = tape[pair + 5]
        inner = block // length
        if s.table.asked[leaf] != 0:
            for state in range(card):
                for j in range(length):
                    cell = at + state * block + j * inner
                    sum_ = load8(adjoint, cell)
                    for k in range(cell + 1, cell + inner):
                        sum_ = sum_ + load8(adjoint, k)
                    store8(adjoint, tape[pair] + (first + state) * closed + j * other, sum_)
        for state in range(card):
            for k in range(inner):
                cell = at + state * block + k
                sum_ = load8(adjoint, cell)
                for j in range(1, length):
                    sum_ = sum_ + load8(adjoint, cell + j * inner)
                store8(adjoint, at + state * inner + k, sum_)
        block = inner
    to = s.table.start[1 + a] if s.axis.kind[a] == STATES else s.axis.sums[a]
    for state in range(card):
        store8(adjoint, to + first + state, load8(adjoint, at + state))
