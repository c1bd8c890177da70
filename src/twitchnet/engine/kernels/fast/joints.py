"""Joint probabilities that a sweep leaves for the responsibilities.

They replace derivatives that nothing else reads.  A table's values times its derivatives,
summed over all other axes, are the joint probabilities of its axes with the evidence.  They
are left

* for a node, by state, in the place of its row of leaves;
* for a traced leaf, by entry, in the place of the leaf;
* for a finding that was observed present, by level, in the place of its ``sums``.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, store8
from twitchnet.engine.kernels.fast.schedule import (
    CLOSED_STEP,
    ENTRIES,
    LEAF,
    LENGTH,
    OTHER_STEP,
    PAIR,
    PAIRS,
    ROW_HEAD,
)
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
    """Leaves the joint probabilities of a row, from its product and the derivatives of that.

    Values lie from cell ``at`` on, ``block`` for each state of the eliminated axis; derivatives
    from ``given`` on, ``step`` apart.
    """
    card = s.turn.card[row - s.counts[N_LEAVES]]
    for state in range(card):
        place = at + state * block
        to_joint(s, place, place, given + state * step, block)
    share_out(s, row, at, block, card, 0)


def share_out(s: Scratch, row: int, at: int, block: int, card: int, first: int) -> None:
    """Sums joint probabilities over all axes of a row but those that are kept, and leaves them.

    They lie from cell ``at`` on, ``block`` for each of ``card`` entries of the eliminated axis,
    whose first is its level ``first``.  They are overwritten.
    """
    adjoint, tape, place, a = s.adjoint, s.tape, s.row.first[row], s.row.axis[row]
    for i in range(tape[place + PAIRS] - 1, -1, -1):
        pair = place + ROW_HEAD + PAIR * i
        length, closed, other = (
            tape[pair + LENGTH],
            tape[pair + CLOSED_STEP],
            tape[pair + OTHER_STEP],
        )
        leaf = tape[pair + LEAF]
        inner = block // length
        if s.table.traced[leaf] != 0:
            for state in range(card):
                for j in range(length):
                    cell = at + state * block + j * inner
                    sum_ = load8(adjoint, cell)
                    for k in range(cell + 1, cell + inner):
                        sum_ = sum_ + load8(adjoint, k)
                    store8(
                        adjoint, tape[pair + ENTRIES] + (first + state) * closed + j * other, sum_
                    )
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
