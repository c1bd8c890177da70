"""How do rows of (record, variable, value) become a column per variable?

This works on arrays, for files and frames alike.  The record and the variable of a row give a cell
of a table, and the cell holds the index of the value.  The values are read afterwards, like those
of wide input.  A record is refused as a whole when one of its rows names no variable, or when two
rows give different values for one variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.columns import Indices, Levels
from twitchnet.batch.encoding.encode import BadCell
from twitchnet.diagnosis.evidence import find_variable
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network

COLUMNS = ("record_id", "variable", "value")
"""Names of the three columns; further ones are not read."""

Cells = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Wide:
    """``levels`` by variable, (records,) each; ``flaws`` holds the first fault of each record that
    has one.
    """

    levels: Mapping[str, Levels]
    flaws: Mapping[int, BadCell]


@dataclass
class Widener:
    """Reads long tables; the variable of each name is looked up once.

    ``names`` maps other names to variables.
    """

    network: Network
    names: Mapping[str, str]
    known: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = [variable.name for variable in self.network.variables]
        self.place = {name: i for i, name in enumerate(self.variables)}

    def __call__(self, record: Indices, count: int, said: Levels, values: Levels) -> Wide:
        """The ``count`` records of some rows; ``record`` (rows,) is the record of each row,
        ``said`` the name of its variable, and ``values`` its value.
        """
        which = np.array([self._variable(name) for name in said.values] + [-1], dtype=np.int64)
        place = which[said.index]
        value = (values.index + 1).astype(np.int32)  # 0 is null
        cells = np.full((count, len(self.variables)), -1, dtype=np.int32)
        at = np.flatnonzero(place >= 0)[::-1]
        cells[record[at], place[at]] = value[at]  # backwards, so that the first value stays
        wrong = place < 0
        wrong |= cells[record, place] != value
        flaws: dict[int, BadCell] = {}
        for row in np.flatnonzero(wrong).tolist():
            one = int(record[row])
            if one not in flaws:
                first = int(cells[one, place[row]]) if place[row] >= 0 else 0
                flaws[one] = BadCell(one, *self._flaw(said, values, row, first))
        return Wide(self._levels(cells, values), flaws)

    def _variable(self, said: object) -> int:
        name = str(said)
        if name not in self.known:
            found = find_variable(self.network, self.names.get(name, name))
            self.known[name] = self.place[found] if found is not None else -1
        return self.known[name]

    def _flaw(
        self, said: Levels, values: Levels, row: int, first: int
    ) -> tuple[str, object, Problem]:
        """The name and the value in a row, and what is wrong with them."""
        name = str(said.values[said.index[row]]) if said.index[row] >= 0 else ""
        value = values.values[values.index[row]] if values.index[row] >= 0 else None
        if not name:
            return name, value, Problem("TN201", "the row names no variable")
        if self.known[name] < 0:
            wanted = self.names.get(name, name)
            hint = nearest(wanted.lower(), self.variables)
            message = "the model has no such variable"
            if wanted != name:
                message = f"mapped to {wanted!r}, which is not a variable of the model"
            return name, value, Problem("TN201", message, name, hint=hint)
        before = values.values[first - 1] if first > 0 else None
        return name, value, Problem("TN204", f"answered as {before!r} too", name)

    def _levels(self, cells: Cells, values: Levels) -> dict[str, Levels]:
        """The different values of each variable."""
        found = {}
        for place, name in enumerate(self.variables):
            column = cells[:, place]
            used = np.unique(column[column > 0])
            new = np.full(len(values.values) + 1, -1, dtype=np.int64)
            new[used] = np.arange(len(used))
            index = np.where(column > 0, new[column], -1)
            found[name] = Levels([values.values[i - 1] for i in used.tolist()], index)
        return found


def parts_of(
    columns: Mapping[str, object], names: Mapping[str, str], file: str = ""
) -> tuple[str, str, str]:
    """The columns with the record, the variable and the value; ``names`` may map other columns to
    them.

    Raises ``RecordError`` when one is missing.
    """
    record, variable, value = (
        next((column for column in names if names[column] == name and column in columns), name)
        for name in COLUMNS
    )
    missing = [part for part in (record, variable, value) if part not in columns]
    if missing:
        message = "a long table needs this column, or one that is mapped to it"
        raise RecordError(
            Problem("TN201", message, name, file, hint=nearest(name, columns)) for name in missing
        )
    return record, variable, value
