"""The arrays that the kernels work on: each has one name and one meaning.

A group is indexed by what its docstring says, in the letters of ``program.py`` and A axes,
T tables (leaves first), W words of a mask.  Each group says who writes its arrays and until
when they are valid.  Single numbers have named places in ``counts``, and codes have named
values.  Cells are counted in eights: one number for each lane.

Compiled code knows each structure by one address (see ``lanes.bundle``), so that an additional
array costs nothing where a structure is passed on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twitchnet.engine.jit.lanes import BITS, LANES, WORD, lowest, single
from twitchnet.engine.program import Floats, Ints

# matrices: the compiler reads in the annotations how many axes an array has
IntRows = Ints
FloatRows = Floats
TINIEST = 2.0**-1074  # the smallest double above 0: no sum of probabilities is divided by less
# values of ``Parts.singleton``, beside a node
SEVERAL, NOBODY = -2, -1
# values of ``Nodes.fixed`` and ``Nodes.level_fixed``; fixed lane by lane from BY_LANE on
HIDDEN, OBSERVED, BY_LANE, BY_PASS = 0, 1, 2, 3
# values of ``Nodes.wanted``
UNWANTED, TARGET, COLUMN = 0, 1, 2
# values of ``Nodes.mass_kind``
CONSTANT, CUMULATIVE, SEPARATE = 0, 1, 2
# values of ``Axes.kind``
STATES, LEVELS = 0, 1
# values of ``Tables.form``: a leaf of entries as they are; of
# cumulative sums; of signs that say which sums make each state of a node
AS_WRITTEN, SUMMED, MEANING = 0, 1, 2
# places in ``counts``.  Written by ``reduce`` for each pass: numbers of axes, tables, cells,
# rows (leaves of at most one node), words of a mask, and open nodes; the exponent taken out
# of the leaves; whether one of them left the range of a double
N_AXES, N_TABLES, N_CELLS, N_ROWS, N_WORDS, N_OPEN, EXPONENT, LOST = range(8)
# by the order and the tape, until the next plan: leaves; singleton axes, which are eliminated
# first; whether all axes have two states; whether the tape is too short; whether products are
# kept for the way down; the most bits that an elimination by difference may lose, and their
# improbable findings in 16ths of a bit (see ``record.is_doubtful``)
N_LEAVES, N_SINGLETONS, ALL_BINARY, UNFIT, KEPT, LOST_BITS, DOUBT = range(8, 15)
# by ``record``, for the whole record: steps of planning; the form that answers; its limit; the
# assignments in lanes, and passes; the cell for P(evidence); whether responsibilities are wanted,
# or nothing but the plan
STEPS, FORM, LIMIT, N_LANES, N_PASSES, RESULT, EXPLAINS, PLAN_ONLY = range(15, 23)
N_COUNTS = 23
# values of counts[LIMIT], what a record that is too wide exceeds: nothing yet, the budget, the
# workspace, the limit on planning, the range of a double, or the digits of a double-double
NO_LIMIT, BUDGET, ROOM, PLANNING, RANGE, PRECISION = range(6)
# rows of ``masks``: axes of two states; axes of a product and of what was multiplied before
# (turns, both); turns that a table holds already
BINARY, UNION, SO_FAR, KNOWN = range(4)
N_MASKS = 4


class ProgramNodes(NamedTuple):
    """By node (V,).  Written by ``packing``; the last three depend on the numbers of a draw."""

    card: Ints  # number of states
    is_max: Ints  # 1: a noisy-max node
    flip: Ints  # 1: level i is state card - 1 - i
    part_first: Ints  # (V + 1,) its parts are part_first[v] .. part_first[v + 1]
    child_first: Ints  # (V + 1,) its children are child[child_first[v] : child_first[v + 1]]
    loose: Ints  # 1: couples nothing at its lowest level, see ``packing.loose_nodes``
    monotone: Ints  # 1: no state above the lowest makes anything less likely that follows
    surprise: Ints  # 16ths of a bit, see ``packing.surprise``


class ProgramParts(NamedTuple):
    """By part (P,).  Written by ``packing``; ``lost_bits`` depends on the numbers of a draw."""

    owner: Ints
    scope_first: Ints  # (P + 1,) its nodes are scope[scope_first[p] : scope_first[p + 1]]
    entry: Ints  # (P + 1,) its table is table[entry[p] : entry[p + 1]]
    target: Ints  # the target whose link this is, or -1
    singleton: Ints  # the only node of its scope, NOBODY, or SEVERAL
    lost_bits: Ints  # bits that a difference of its cumulative sums may lose


class PackedAt(NamedTuple):
    """Where the arrays of a ``Packed`` lie."""

    places: Ints


class Packed(NamedTuple):
    """A program as the kernels read it: read only."""

    node: ProgramNodes
    part: ProgramParts
    scope: Ints  # nodes of the scopes of the parts
    child: Ints  # nodes
    table: Floats  # (E,) entries of the parts
    at: PackedAt

    @classmethod
    def of(cls, *arrays: Any) -> Packed:
        """Arrays that lie in one piece each."""
        return cls._make((*arrays, PackedAt(places_of(arrays))))

    def with_numbers(
        self, table: Floats, lost_bits: Ints, monotone: Ints, surprise: Ints
    ) -> Packed:
        """The same network with other numbers."""
        other = self._replace(
            node=self.node._replace(monotone=monotone, surprise=surprise),
            part=self.part._replace(lost_bits=lost_bits),
            table=table,
        )
        places = self.at.places.copy()
        pairs = zip(arrays_of(self[:-1]), arrays_of(other[:-1]), strict=True)
        for i, (old, new) in enumerate(pairs):
            if new is not old:
                places[2 * i : 2 * i + 2] = place_of(new)
        return other._replace(at=PackedAt(places))

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy lies elsewhere."""
        return type(self).of, tuple(self[:-1])


class Nodes(NamedTuple):
    """By node (V,), of one record.

    ``hard``, ``is_soft``, ``wanted`` and ``soft`` are written by ``record.read_row``; ``fixed``,
    ``level_fixed``, ``silent`` and ``needed`` by ``reduce.py`` and ``cutset.py`` for a record,
    ``lane`` by ``cutset.py`` and for each pass; all others by ``reduce.py`` for each pass,
    ``mass_kind`` also by ``sweep.py``.  Posteriors are written by ``sweep.py`` and ``record.py``,
    and are valid until the next record.
    """

    hard: Ints  # observed state or -1
    is_soft: Ints  # 1: has virtual evidence
    wanted: Ints  # TARGET, COLUMN (reported, but no target) or UNWANTED
    fixed: Ints  # HIDDEN, OBSERVED, BY_LANE, BY_PASS
    level_fixed: (
        Ints  # of an observed noisy-max node conditioned on by its level: BY_LANE, BY_PASS; 0
    )
    silent: Ints  # 1: a noisy-max node that was observed at its lowest level
    needed: Ints  # 0: a barren node
    axis: Ints  # of a hidden node, or -1
    marked: Ints  # first of the cells that mark the lanes of each state or level
    leakless: Ints  # 1: a noisy-max node that nothing but its open parts can raise
    present: Ints  # 1: a finding that was observed present
    mass: Ints  # first cell of its masses by level, see fast/responsibility.py
    mass_kind: Ints  # CONSTANT, CUMULATIVE, SEPARATE
    lane: IntRows  # (8, V) the state, or level, of a conditioned node in each lane
    soft: FloatRows  # (card, V) likelihood of each state
    marginal: FloatRows  # (card, V) joint probability with the evidence; at the end the posterior
    again: FloatRows  # (card, V) the same, evaluated elsewhere
    finer: FloatRows  # (card, V) again - marginal, of what these two cannot hold


class Axes(NamedTuple):
    """By axis (A,).

    Written by ``reduce`` and ``signs.py`` for each pass; ``turn`` by the tape, and the last three
    by ``ordering.py`` while it looks for one order.
    """

    node: Ints
    card: Ints
    kind: Ints  # STATES or LEVELS
    flip: Ints  # 1: levels run against the states of the node
    terminal: Ints  # first cell of the weights of an observed node's levels, or -1
    lost_bits: Ints  # bits that eliminating it by differences may lose
    sums: Ints  # first cell of its base as weighed cumulative sums
    surprise: Ints  # of its node, if observed
    turn: Ints  # when it is eliminated
    weight: Floats  # score in a greedy choice
    factor: Floats  # what ``weight`` was multiplied by
    near: IntRows  # (A, W) axes that share a table with it, and itself


class Tables(NamedTuple):
    """By table (T,): leaves first, then the results of all turns.

    ``start`` and ``size`` are written with the table; of a leaf, all but the last three are
    written by ``reduce``.  The last three are written by the tape.
    """

    start: Ints  # first cell
    size: Ints  # cells
    traced: Ints  # 1: a leaf whose link is asked what it produced
    exponent: Ints  # the power of two that was taken out; by ``sweep``
    level_axis: Ints  # of a leaf that holds the levels of a part, or -1
    form: Ints  # AS_WRITTEN, SUMMED or MEANING
    pending: Ints  # of a row: factors since it was last rescaled
    scope: IntRows  # (T, W) axes by number (leaves), by turn (results)
    turns: IntRows  # (T, W) the same by turn
    latest: Ints  # of a leaf: its last turn
    next: Ints  # the next table of the same turn, or -1


class TapeRows(NamedTuple):
    """By table (T,) that an elimination leaves: written with the tape, valid as long."""

    axis: Ints  # that is eliminated
    first: Ints  # where its row of the tape begins
    place: Ints  # first cell of its products
    fresh: Ints  # axes that no table held before


class Turns(NamedTuple):
    """By turn (A,): written with the tape, valid as long."""

    card: Ints  # states of the axis
    head: Ints  # first table of this turn, or -1
    seen: Ints  # the first result that holds the axis, or -1


class Lists(NamedTuple):
    """Lists of one function and what it calls, but for the first seven.

    ``order`` and ``singletons`` are valid as long as the tape, ``open`` and ``leaf`` for a pass,
    ``lane_nodes`` and ``candidates`` for a record, ``live_parts`` for one max node.
    """

    order: Ints  # (A,) axes by turn
    singletons: Ints  # (A,) axes that share no table
    open: Ints  # (V,) nodes that are needed and not observed
    leaf: Ints  # (P,) the leaf of a part that is asked, or -1
    lane_nodes: Ints  # (V,) nodes that are conditioned on in lanes
    candidates: Ints  # (V,) nodes that may take their place
    live_parts: Ints  # (P,) parts of a noisy-max node that hold a hidden node
    trial: Ints  # (A,) an order that is tried
    axes: Ints  # (A,) of a table, or neighbours of an axis
    axes_of: Ints  # (A,) the same in ``leaves.stride_in``
    rest: Ints  # (A,) axes that are not eliminated yet
    coupled: Ints  # (A,) 1: shares a table with another axis
    items: Ints  # (T,) the tables of a turn
    uses: Ints  # (V,) parts that a node modifies or heads
    links: Ints  # (V,) factors that a node couples
    scalars: Ints  # (T,) tables without axes
    exponents: Ints  # (T,) before each of them
    lane_offset: Ints  # (8,) entries of a part, by lane
    strides: Ints  # (A,) in the table of a part
    digits: Ints  # (A,) place in the table of a part
    run_digits: Ints  # (A,) place in the outer runs of a product


class ScratchAt(NamedTuple):
    """Where the arrays of a ``Scratch`` lie."""

    places: Ints


class Scratch(NamedTuple):
    """The workspace of one thread: meaningless between records."""

    node: Nodes
    axis: Axes
    table: Tables
    row: TapeRows
    turn: Turns
    lists: Lists
    counts: Ints  # (N_COUNTS,) single numbers, see above
    masks: IntRows  # (N_MASKS, W) single masks, see above
    tape: Ints  # what to do, see fast/schedule.py
    cells: Floats  # entries of the tables; low parts of double-doubles in the second half
    adjoint: Floats  # derivatives of P(evidence) by each of them, or joint probabilities
    at: ScratchAt

    @classmethod
    def of(cls, *arrays: Any) -> Scratch:
        """Arrays that lie in one piece each."""
        return cls._make((*arrays, ScratchAt(places_of(arrays))))

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy lies elsewhere."""
        return type(self).of, tuple(self[:-1])


class Task(NamedTuple):
    """What rows to compute, and where the answers go; N rows, C, S and ``columns`` columns."""

    wanted: Ints  # (V,) see ``Nodes.wanted``
    codes: np.ndarray  # (N, C) int8, a state or -1
    node_of: Ints  # (C,) the node of each column, or -1
    soft: Floats  # (N, S, card) likelihoods, NaN for none
    soft_of: Ints  # (S,) their nodes
    column_node: Ints  # (columns,) nodes
    column_state: Ints  # (columns,) and states whose posteriors are reported
    probability: Floats  # (N, columns) posteriors
    explains: Floats  # (N, V) sums of ``responsibility``, or (N, 0)
    responsibility: Floats  # (V, V) of the last row: P(the target's link produced the finding)
    log_evidence: Floats  # (N,)
    status: np.ndarray  # (N,) int8
    cells: Floats  # (N,) planned multiply-adds
    forms: np.ndarray  # (N,) int8, the form to begin with; then that which answered
    limits: np.ndarray  # (N,) int8, what a row that is too wide exceeds
    halt: Ints  # (1,) not 0: stop before the next row
    plan_only: Ints  # (1,) not 0: plans are made and not run


class ScheduleAt(NamedTuple):
    """Where the arrays of a ``Schedule`` lie."""

    places: Ints


class Schedule(NamedTuple):
    """One elimination for any evidence: read only.  Written by ``host/shared_schedule.py``.

    Step k of K eliminates a node; its message has the rows row_first[k] .. row_first[k + 1], and
    row r sums the cells cell_first[r] .. cell_first[r + 1].  Cells that no evidence makes possible
    are left out, and so are rows without cells.
    """

    node: Ints  # (K,) the node of a step
    row_first: Ints  # (K + 1,)
    cell_first: Ints  # (rows + 1,)
    number: Floats  # by cell, the product of the entries of tables
    state: Ints  # by cell, the weight of the state of the step's node
    taken_count: Ints  # (K,) messages that each cell of a step is multiplied by
    taken_first: Ints  # (K,) where those of its first cell stand in ``taken``
    taken: Ints  # their rows, cell by cell
    root: Ints  # rows whose sums are factors of P(evidence)
    weight_first: Ints  # (V + 1,) node v has the weights weight_first[v] .. weight_first[v + 1]
    at: ScheduleAt

    @classmethod
    def of(cls, *arrays: Any) -> Schedule:
        """Arrays that lie in one piece each."""
        return cls._make((*arrays, ScheduleAt(places_of(arrays))))

    @property
    def cells(self) -> float:
        """The cost of a record in multiply-adds of the upward pass."""
        return float(len(self.number))

    @property
    def bytes(self) -> float:
        """The workspace of a thread: messages and their shares, of eight records."""
        return 16.0 * LANES * len(self.cell_first)


class LanesAt(NamedTuple):
    """Where the arrays of a ``RecordLanes`` lie."""

    places: Ints


class RecordLanes(NamedTuple):
    """The workspace of a schedule for one thread: eight records, meaningless between them."""

    weight: Floats  # a cell for each weight: 0 for states that the evidence excludes
    posterior: Floats  # a cell for each weight
    message: Floats  # a cell for each row
    share: Floats  # a cell for each row: its part of the posterior
    largest: Floats  # one cell, of the step at hand
    exponent: Ints  # (LANES,) powers of two that were taken out of the messages
    at: LanesAt

    @classmethod
    def of(cls, *arrays: Any) -> RecordLanes:
        """Arrays that lie in one piece each."""
        return cls._make((*arrays, LanesAt(places_of(arrays))))


def arrays_of(structure: Any) -> list[np.ndarray]:
    """All arrays of nested structures, in order."""
    found: list[np.ndarray] = []
    for one in structure:
        found += [one] if isinstance(one, np.ndarray) else arrays_of(one)
    return found


def place_of(array: np.ndarray) -> tuple[int, int]:
    """The address of an array, and the length of its last axis (see ``lanes.bundle``)."""
    return array.__array_interface__["data"][0], array.shape[-1]


def places_of(structure: Any) -> Ints:
    """Where the arrays of nested structures lie."""
    return np.array([place_of(one) for one in arrays_of(structure)], dtype=np.int64).ravel()


def power(bits: int) -> float:
    """2 to the power of a number of bits; beyond 62, where nothing is ever stored, 2**62."""
    return float(single(min(bits, 62)))


def has(mask: Ints, axis: int) -> bool:
    """Whether an axis is in a mask (W,)."""
    return bool((mask[axis >> WORD] >> (axis & (BITS - 1))) & 1 != 0)


def put(mask: Ints, axis: int) -> None:
    """Adds an axis to a mask (W,)."""
    mask[axis >> WORD] |= single(axis & (BITS - 1))


def drop(mask: Ints, axis: int) -> None:
    """Takes an axis out of a mask (W,)."""
    mask[axis >> WORD] &= ~single(axis & (BITS - 1))


def list_axes(s: Scratch, mask: Ints, out: Ints) -> int:
    """Writes the axes of a mask (W,) to ``out``, ascending; returns how many."""
    n = 0
    for word in range(s.counts[N_WORDS]):
        rest = mask[word]
        while rest != 0:
            bit = lowest(rest)
            rest ^= single(bit)
            out[n] = word * BITS + bit
            n += 1
    return n
