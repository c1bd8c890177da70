"""Which state does each cell of a frame name?

A frame becomes codes: int8 of shape (records, variables), the index of the state, -1 for unknown.
Values mean what they mean in ``Model.diagnose``, since ``diagnosis.evidence`` reads each different
value of a column once.  A cell that cannot be read becomes unknown in the codes and is listed in
:attr:`Encoded.bad`, so that its record can be refused.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.columns import Indices, Levels, open_source
from twitchnet.batch.encoding.values import Splits, ValueMap, Values, key_of, splits_of
from twitchnet.diagnosis.evidence import NO, YES, find_variable, is_unknown, state_of
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network, Variable

LOG = logging.getLogger(__name__)
Codes = NDArray[np.int8]

TRUTH = "true_"
"""Prefix of the columns in which a simulation keeps the true causes; these are not answers."""

MOST_HINTS = 50
"""Different bad values of a column that get a hint: each hint takes 0.1 ms to find, and a column of
free text has a bad value in every row.
"""

MOST_SHOWN = 20
"""Bad cells that an error lists; the others are counted, so that the message stays short."""


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value of a column that is not understood: its code, how often it occurs, and a hint."""

    code: str
    column: str
    value: str
    count: int
    hint: str = ""


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

    def lenient(self, strict: Collection[str]) -> tuple[Encoded, NDArray[np.bool_]]:
        """The frame with unreadable cells taken as unknown, and the rows that have such cells.

        Cells of the variables in ``strict`` stay unreadable, and so do the cells of columns with
        several answers, which may name any variable.
        """
        kept = tuple(
            one
            for one in self.bad_columns
            if one.name not in self.used or self.used[one.name] in strict
        )
        left = np.zeros(len(self.codes), dtype=np.bool_)
        for column in self.bad_columns:
            if column not in kept:
                left[column.rows] = True
        return replace(self, bad_columns=kept), left

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What is not understood, by column and value, the most frequent first."""
        found = []
        for column in self.bad_columns:
            counts = np.bincount(column.which, minlength=len(column.cells)).tolist()
            for count, (value, problem) in zip(counts, column.cells, strict=True):
                text = str(value)[:80]
                found.append(Refusal(problem.code, column.name, text, count, problem.hint))
        return tuple(sorted(found, key=lambda one: (-one.count, one.column, one.value)))

    def problems(self) -> NDArray[np.object_]:
        """What is wrong with each record in words (records,), None for those that can be read."""
        words: list[list[str]] = [[] for _ in range(len(self.codes))]
        for column in self.bad_columns:
            texts = [
                f"{one.code} {column.name}: {str(value)[:80]!r}" for value, one in column.cells
            ]
            for row, which in zip(column.rows.tolist(), column.which.tolist(), strict=True):
                words[row].append(texts[which])
        return np.array(["; ".join(one) or None for one in words], dtype=object)

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


def encode(
    network: Network,
    frame: Any,
    names: Mapping[str, str] | None = None,
    values: Values = MappingProxyType({}),
    split: Splits = MappingProxyType({}),
) -> Codes:
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
    encoded = encode_frame(network, frame, names, values, split)
    encoded.refuse()
    return encoded.codes


def check_codes(network: Network, codes: NDArray[Any]) -> Codes:
    """Codes that the caller made, checked, as int8.

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


def encode_frame(
    network: Network,
    frame: Any,
    names: Mapping[str, str] | None = None,
    values: Values = MappingProxyType({}),
    split: Splits = MappingProxyType({}),
) -> Encoded:
    """Codes, bad cells and the columns that are not variables.

    ``names`` maps columns of the frame to variables (or synonyms), ``""`` to leave a column
    alone; other columns are found by name, label or synonym.  ``values`` and ``split`` are as
    in ``ScoreOptions``.  Raises ``RecordError`` when two columns answer one variable, when
    ``names`` names none, or when no column is a variable.
    """
    encoded = Encoder(network, names, values, split)(frame)
    near = [f"{name!r} ({hint})" for name, hint in encoded.other.items() if _misspelt(name, hint)]
    if near:
        message = f"columns that are not variables of the model and are not read: {', '.join(near)}"
        warnings.warn(message, UserWarning, stacklevel=4)
    return encoded


class Encoder:
    """Reads one frame after another; the meaning of each word is looked up once.

    Raises what ``encode_frame`` raises; without ``answers`` a frame may have no variable at all.
    """

    def __init__(
        self,
        network: Network,
        names: Mapping[str, str] | None = None,
        values: Values = MappingProxyType({}),
        split: Splits = MappingProxyType({}),
        *,
        answers: bool = True,
    ) -> None:
        self.network = network
        self.answers = answers
        self.names = dict(names or {})
        self.values = ValueMap.of(values)
        self.split = splits_of(split)
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
            self.match(source.names)
        codes = np.full((source.rows, len(self.nodes)), -1, dtype=np.int8)
        answers = np.full((source.rows, len(self.screens)), -1, dtype=np.int8)
        bad = []
        for column, name in self.used.items():
            if name not in self.readers:
                words = self.values.words(column, name) if self.values else {}
                self.readers[name] = _Reader(self.network.by_name[name], words)
            found, wrong = read_column(self.readers[name], source.levels(column))
            if name in self.nodes:
                codes[:, self.nodes[name]] = found
            else:
                answers[:, self.screens[name]] = found
            if wrong:
                bad.append(BadColumn(column, *wrong))
        for column in self.split:
            wrong = self._read_split(column, source.levels(column), codes, answers)
            if wrong:
                bad.append(BadColumn(column, *wrong))
        return Encoded(codes, answers, tuple(bad), self.used, self.other)

    def match(self, columns: tuple[str, ...]) -> None:
        """Finds what each column of the next frames answers: ``used`` and ``other``."""
        plain_ones = tuple(column for column in columns if column not in self.split)
        missing = [column for column in self.split if column not in columns]
        if missing:
            hint = nearest(missing[0], columns)
            raise RecordError(
                [Problem("TN201", "the frame has no such column", missing[0], hint=hint)]
            )
        alone = self.answers and not self.split
        # a written map leaves a column alone that is split by hand
        names = {c: name for c, name in self.names.items() if name or c not in self.split}
        used, self.other = match_columns(self.network, plain_ones, names, alone)
        self.used = used
        self.values.refuse_unknown(columns, [*self.network.by_name])
        self.columns = columns

    def _read_split(
        self, column: str, levels: Levels, codes: Codes, answers: Codes
    ) -> tuple[Indices, Indices, tuple[tuple[object, Problem], ...]] | None:
        """Writes the answers of a split column into the codes; returns its bad cells."""
        split, words = self.split[column], self.values.words(column, column)
        absent = [_found(self.network, name, column) for name in split.absent]
        wrong: dict[int, tuple[object, Problem]] = {}
        which = np.full(len(levels.index), -1, dtype=np.int64)
        for i, value in enumerate(levels.values):
            if is_unknown(value) or words.get(key_of(value)) == "unknown":
                continue
            rows = np.flatnonzero(levels.index == i)
            names, problem = self._named(str(value), split.by, words, column)
            if problem:
                wrong[i] = (value, problem)
                which[rows] = len(wrong) - 1
                continue
            for name in dict.fromkeys([*names, *absent]):
                table, at = self._place(name, codes, answers)
                state = np.int8(name in names)  # present wins over the answer of another column
                table[rows, at] = np.maximum(table[rows, at], state)
        rows = np.flatnonzero(which >= 0)
        return (rows, which[rows], tuple(wrong.values())) if len(rows) else None

    def _place(self, name: str, codes: Codes, answers: Codes) -> tuple[Codes, int]:
        """The table and the column that hold the codes of a variable."""
        if name in self.nodes:
            return codes, self.nodes[name]
        return answers, self.screens[name]

    def _named(
        self, text: str, by: str, words: Mapping[str, str], column: str
    ) -> tuple[list[str], Problem | None]:
        """The variables that a cell with several answers names."""
        names = []
        for part in filter(None, (piece.strip() for piece in text.split(by))):
            wanted = words.get(key_of(part), part)
            if wanted == "unknown":
                continue
            name = find_variable(self.network, wanted)
            if name is None:
                hint = nearest(wanted.lower(), [*self.network.by_name, *self.network.spoken])
                return [], Problem("TN201", f"no variable {part[:80]!r}", column, hint=hint)
            if not self.network.by_name[name].is_binary:
                message = f"{part[:80]!r} names {name}, which is not a yes-or-no question"
                return [], Problem("TN202", message, column, hint="give it a column of its own")
            names.append(name)
        return names, None

    def parts_not_understood(self, column: str, text: str) -> list[str]:
        """The answers in a cell of a split column that name no variable of yes and no."""
        by, words = self.split[column].by, self.values.words(column, column)
        parts = [part.strip() for part in text.split(by)]
        return [part for part in parts if part and self._named(part, by, words, column)[1]]


def _found(network: Network, name: str, column: str) -> str:
    """A variable by name or synonym.  Raises ``RecordError`` for none."""
    found = find_variable(network, name)
    if found is None:
        hint = nearest(name, network.by_name)
        raise RecordError([Problem("TN201", f"no variable {name[:80]!r}", column, hint=hint)])
    return found


def match_columns(
    network: Network, columns: tuple[str, ...], names: Mapping[str, str], alone: bool = True
) -> tuple[dict[str, str], dict[str, str]]:
    """Variables by column, and hints by column for the columns that are not variables.

    Raises ``RecordError``; also for columns without a single variable, unless other columns answer
    (``alone`` is false then).
    """
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
            has_hint = wanted and len(other) < MOST_HINTS
            other[column] = nearest(wanted.lower(), known) if has_hint else ""
            if column in names and wanted:
                message = f"mapped to {wanted!r}, which is not a variable of the model"
                problems.append(Problem("TN201", message, column, hint=other[column]))
        elif name in owner:
            message = f"answers {name!r}, as column {owner[name]!r} does"
            problems.append(Problem("TN204", message, column, hint="keep one of the two"))
        else:
            used[column], owner[name] = name, column
    if alone and not used and not problems:
        say = "names, or --map, says which column answers which variable"
        hint = next((hint for hint in other.values() if hint), say)
        problems.append(Problem("TN201", "no column is a variable of the model", hint=hint))
    if problems:
        raise RecordError(problems)
    return used, other


def _misspelt(column: str, hint: str) -> bool:
    """Whether a column that is not read may have been meant as a variable."""
    return bool(hint) and not column.startswith(TRUTH)


def tell_misspelt(other: Mapping[str, str]) -> None:
    """Logs the columns whose names are nearly those of variables; see ``match_columns``."""
    for column, hint in other.items():
        if _misspelt(column, hint):
            LOG.warning(
                "column %r is not a variable of the model and is not read: %s", column, hint
            )


def read_column(
    read: _Reader, levels: Levels
) -> tuple[Codes, tuple[Indices, Indices, tuple[tuple[object, Problem], ...]] | None]:
    """Codes of one column (rows,), and its bad cells as ``BadColumn`` holds them."""
    read.bad = 0  # the hints for a frame do not depend on the frames before it
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
    """Reads the values of one column; after ``MOST_HINTS`` bad values it gives no more hints."""

    def __init__(self, variable: Variable, words: Mapping[str, str] | None = None) -> None:
        self.variable = variable
        self.meaning = words or {}  # what words of the caller mean, by ``key_of``
        self.states = {state: i for i, state in enumerate(variable.states)}
        self.words: dict[str, int] = {}
        for word in (*variable.states, *sorted(YES), *sorted(NO)):
            state = state_of(variable, word.lower())
            if not isinstance(state, Problem):
                self.words[word.lower()] = state
        self.bad = 0

    def __call__(self, value: object) -> int | Problem:
        if self.meaning and (meant := self.meaning.get(key_of(value))) is not None:
            state = self._plain(meant)
            if not isinstance(state, Problem):
                return state  # a word of all columns may mean nothing to this variable
        return self._plain(value)

    def _plain(self, value: object) -> int | Problem:
        """The state of a cell in the words of the model."""
        if is_unknown(value):
            return -1
        if isinstance(value, str):
            text = value.strip()
            state = self.states.get(text, self.words.get(text.lower()))
            if state is not None:
                return state
        if self.bad >= MOST_HINTS and value not in (0, 1):
            states = ", ".join(self.variable.states)
            return Problem(
                "TN202", f"no state {str(value)[:80]!r}; it has {states}", self.variable.name
            )
        found = state_of(self.variable, value)
        self.bad += isinstance(found, Problem)
        return found
