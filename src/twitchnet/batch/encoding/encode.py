"""Which state does each cell of a frame name?

Turns a frame into codes: int8 of shape (records, variables), the index of the state, -1
for unknown.  Values mean what they mean in ``Model.diagnose``, since
``diagnosis.answers`` reads each different value of a column once.  A cell that cannot be
read becomes unknown in the codes and is listed in :attr:`Encoded.bad`, so that its record
can be refused; nothing is dropped without a word.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.columns import Indices, Levels, open_source
from twitchnet.diagnosis.evidence import NO, YES, find_variable, is_unknown, state_of
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network, Variable

LOG = logging.getLogger(__name__)
Codes = NDArray[np.int8]

TRUTH = "true_"
"""Prefix of the columns in which a simulation keeps the true causes; they are no answers."""

MOST_HINTS = 50
"""Different bad values of a column that get a hint; looking for one takes 0.1 ms."""

WHOLE = re.compile(r"([0-9]{1,9})\.0?")
"""A whole number as tables with missing values write it: 1.0 for yes, 37.0 for an age."""

MOST_SHOWN = 20
"""Bad cells that an error lists before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell that names no state: ``row`` counts from 0, ``column`` is the caller's name."""

    row: int
    column: str
    value: object
    problem: Problem

    @property
    def code(self) -> str:
        """The stable code of the problem."""
        return self.problem.code

    @property
    def reason(self) -> str:
        """What is wrong, in words."""
        hint = f" ({self.problem.hint})" if self.problem.hint else ""
        return f"{self.problem.message}{hint}"


@dataclass(frozen=True, slots=True)
class BadColumn:
    """The bad cells of one column: ``rows`` (b,) and ``which`` (b,), an index into ``cells``."""

    name: str
    rows: Indices
    which: Indices
    cells: tuple[tuple[object, Problem], ...]


@dataclass(frozen=True)
class Encoded:
    """A frame as codes.

    ``codes`` (records, variables of ``network.nodes``) and ``screens`` (records, screen
    questions in file order) are int8; -1 unknown.  ``used`` maps the caller's columns to
    variables, ``other`` names the columns that are none, with the nearest name as a hint.
    """

    codes: Codes
    screens: Codes
    bad_columns: tuple[BadColumn, ...]
    used: Mapping[str, str]
    other: Mapping[str, str]

    @property
    def bad(self) -> Iterator[BadCell]:
        """Every bad cell, by row and then by column."""
        if not self.bad_columns:
            return
        rows = np.concatenate([column.rows for column in self.bad_columns])
        owner = np.repeat(
            np.arange(len(self.bad_columns)), [len(column.rows) for column in self.bad_columns]
        )
        which = np.concatenate([column.which for column in self.bad_columns])
        for i in np.lexsort((owner, rows)):
            column = self.bad_columns[owner[i]]
            value, problem = column.cells[which[i]]
            yield BadCell(int(rows[i]), column.name, value, problem)

    @property
    def bad_rows(self) -> NDArray[np.bool_]:
        """Whether a record has a bad cell, (records,)."""
        marked = np.zeros(len(self.codes), dtype=np.bool_)
        for column in self.bad_columns:
            marked[column.rows] = True
        return marked

    def refuse(self) -> None:
        """Raises ``RecordError`` when any cell is bad; the first ones are listed."""
        count = sum(len(column.rows) for column in self.bad_columns)
        if not count:
            return
        problems = [
            Problem(
                cell.code,
                f"row {cell.row}: {cell.problem.message}",
                cell.column,
                hint=cell.problem.hint,
            )
            for cell, _ in zip(self.bad, range(MOST_SHOWN), strict=False)
        ]
        if count > MOST_SHOWN:
            problems.append(Problem(problems[-1].code, f"and {count - MOST_SHOWN} cells more"))
        raise RecordError(problems)


def encode(network: Network, frame: Any) -> Codes:
    """Codes of a frame: int8 (records, variables in the order of ``network.nodes``).

    An array of integers passes straight through once its codes are checked.  Raises
    ``RecordError`` with the bad cells, or when no column is a variable of the model.

    >>> import twitchnet as tn
    >>> network = tn.load("demo").network
    >>> codes = encode(network, {"leg_twitching": ["yes", None, "NO"]})
    >>> codes[:, [variable.name for variable in network.nodes].index("leg_twitching")]
    array([ 1, -1,  0], dtype=int8)
    """
    if isinstance(frame, np.ndarray):
        return check_codes(network, frame)
    encoded = encode_frame(network, frame)
    encoded.refuse()
    return encoded.codes


def check_codes(network: Network, codes: NDArray[Any]) -> Codes:
    """Codes that somebody else made, as int8.

    Raises ``TypeError`` for another shape or type, ``RecordError`` with the codes that are
    not states.
    """
    nodes = network.nodes
    if codes.ndim != 2 or codes.shape[1] != len(nodes):
        raise TypeError(
            f"codes have the shape (records, {len(nodes)}), a column for each of "
            f"network.nodes; this array has {codes.shape}"
        )
    if codes.dtype.kind not in "iu":
        raise TypeError(f"codes are integers (-1 unknown, else a state), not {codes.dtype}")
    limits = np.array([variable.card for variable in nodes])
    if len(codes):
        wrong = (codes.min(axis=0) < -1) | (codes.max(axis=0) >= limits)
        if wrong.any():
            raise RecordError(_wrong_codes(nodes, codes, np.flatnonzero(wrong)))
    return np.ascontiguousarray(codes, dtype=np.int8)


def _wrong_codes(
    nodes: tuple[Variable, ...], codes: NDArray[Any], columns: Indices
) -> list[Problem]:
    problems = []
    for column in columns[:MOST_SHOWN]:
        variable, values = nodes[column], codes[:, column]
        rows = np.flatnonzero((values < -1) | (values >= variable.card))
        message = f"row {rows[0]}: no state {values[rows[0]]}; codes are -1 to {variable.card - 1}"
        more = f", and {len(rows) - 1} rows more" if len(rows) > 1 else ""
        problems.append(Problem("TN202", message + more, variable.name))
    return problems


def encode_frame(network: Network, frame: Any, names: Mapping[str, str] | None = None) -> Encoded:
    """Codes, bad cells and the columns that are no variables.

    ``names`` maps columns of the frame to variables (or synonyms), ``""`` to leave a
    column alone; other columns are found by name, label or synonym.  Raises
    ``RecordError`` when two columns answer one variable, when ``names`` names none, or
    when no column is a variable.
    """
    encoded = Encoder(network, names)(frame)
    tell_misspelt(encoded.other)
    return encoded


class Encoder:
    """A reader of frames, for one after the other: what a word means is looked up once.

    Raises what ``encode_frame`` raises.
    """

    def __init__(self, network: Network, names: Mapping[str, str] | None = None) -> None:
        self.network = network
        self.names = dict(names or {})
        self.nodes = {variable.name: i for i, variable in enumerate(network.nodes)}
        self.screens = {name: i for i, name in enumerate(network.names("screen"))}
        self.columns: tuple[str, ...] | None = None
        self.used: dict[str, str] = {}
        self.other: dict[str, str] = {}
        self.readers: dict[str, _Reader] = {}

    def __call__(self, frame: Any) -> Encoded:
        """The codes of a frame."""
        source = open_source(frame)
        if source.names != self.columns:
            self.used, self.other = match_columns(self.network, source.names, self.names)
            self.columns = source.names
        codes = np.full((source.rows, len(self.nodes)), -1, dtype=np.int8)
        answers = np.full((source.rows, len(self.screens)), -1, dtype=np.int8)
        bad = []
        for column, name in self.used.items():
            if name not in self.readers:
                self.readers[name] = _Reader(self.network.by_name[name])
            found, wrong = read_column(self.readers[name], source.levels(column))
            if name in self.nodes:
                codes[:, self.nodes[name]] = found
            else:
                answers[:, self.screens[name]] = found
            if wrong:
                bad.append(BadColumn(column, *wrong))
        return Encoded(codes, answers, tuple(bad), self.used, self.other)


def match_columns(
    network: Network, columns: tuple[str, ...], names: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Variables by column, and hints by column for those that are no variables."""
    problems = [
        Problem("TN201", "the frame has no such column", column, hint=nearest(column, columns))
        for column in names
        if column not in columns
    ]
    used: dict[str, str] = {}
    other: dict[str, str] = {}
    owner: dict[str, str] = {}
    known = [*network.by_name, *network.spoken]
    for column in columns:
        wanted = names.get(column, column)
        name = find_variable(network, wanted) if wanted else None
        if name is None:
            other[column] = nearest(wanted.lower(), known) if len(other) < MOST_HINTS else ""
            if column in names and wanted:
                message = f"mapped to {wanted!r}, which is no variable of the model"
                problems.append(Problem("TN201", message, column, hint=other[column]))
        elif name in owner:
            message = f"answers {name!r}, as column {owner[name]!r} does"
            problems.append(Problem("TN204", message, column, hint="keep one of the two"))
        else:
            used[column], owner[name] = name, column
    if not used and not problems:
        say = "names, or --map, says which column answers which variable"
        hint = next((hint for hint in other.values() if hint), say)
        problems.append(Problem("TN201", "no column is a variable of the model", hint=hint))
    if problems:
        raise RecordError(problems)
    return used, other


def tell_misspelt(other: Mapping[str, str]) -> None:
    """Logs the columns whose names are nearly those of variables; see ``match_columns``."""
    for column, hint in other.items():
        if hint and not column.startswith(TRUTH):
            LOG.warning("column %r is no variable of the model and is not read: %s", column, hint)


def read_column(
    read: _Reader, levels: Levels
) -> tuple[Codes, tuple[Indices, Indices, tuple[tuple[object, Problem], ...]] | None]:
    """Codes of one column (rows,), and its bad cells as ``BadColumn`` holds them."""
    read.bad = 0  # what is told of a frame does not depend on those before
    table = np.full(len(levels.values) + 1, -1, dtype=np.int8)  # the last one is for -1
    wrong: dict[int, tuple[object, Problem]] = {}
    for i, value in enumerate(levels.values):
        state = read(value)
        if isinstance(state, Problem):
            wrong[i] = (value, state)
        else:
            table[i] = state
    codes = table[levels.index]
    if not wrong:
        return codes, None
    place = np.full(len(table), -1, dtype=np.int64)
    place[list(wrong)] = np.arange(len(wrong))
    which = place[levels.index]
    rows = np.flatnonzero(which >= 0)
    return codes, ((rows, which[rows], tuple(wrong.values())) if len(rows) else None)


class _Reader:
    """Reads the different values of one column; after many bad ones without hints."""

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        self.states = {state: i for i, state in enumerate(variable.states)}
        self.words: dict[str, int] = {}
        for word in (*variable.states, *sorted(YES), *sorted(NO)):
            state = state_of(variable, word.lower())
            if not isinstance(state, Problem):
                self.words[word.lower()] = state
        self.bad = 0

    def __call__(self, value: object) -> int | Problem:
        if is_unknown(value):
            return -1
        if isinstance(value, str):
            text = value.strip()
            state = self.states.get(text, self.words.get(text.lower()))
            if state is not None:
                return state
            if number := WHOLE.fullmatch(text):
                found = state_of(self.variable, number[1])
                if not isinstance(found, Problem):
                    return found
        if self.bad >= MOST_HINTS and value not in (0, 1):
            states = ", ".join(self.variable.states)
            return Problem(
                "TN202", f"no state {str(value)[:80]!r}; it has {states}", self.variable.name
            )
        found = state_of(self.variable, value)
        self.bad += isinstance(found, Problem)
        return found
