"""Why has a row no result?  A line for each refused row, or for each of its bad cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from twitchnet.batch.encoding.encode import BadCell, Encoded
from twitchnet.batch.formats.opening import Chunk, Reject
from twitchnet.batch.scoring.score import BAD_VALUE, Scores
from twitchnet.codes import CODES
from twitchnet.engine.host.batch import LIMITS
from twitchnet.errors import CAPACITY_CODES, Limit, limit_of
from twitchnet.model.network import Network

REASONS = {
    "TN201": "no such variable",
    "TN202": "no such state",
    "TN203": "yes or no where states belong",
    "TN204": "contradicting answers",
    "TN205": "impossible together",
    "TN211": "not readable",
    "TN215": "not text in UTF-8, or in the --encoding that is given",
    "TN214": "in pieces or without an id",
    "TN301": "too wide",
    "TN302": "too wide",
    "TN303": "too wide",
}
"""Short words of the summary, by code."""

WIDE: dict[Limit, str] = {
    "budget": "needs {cells:.3g} table cells, more than the budget (--budget)",
    "workspace": "its tables do not fit the workspace; answer more, or leave out findings",
    "planning": "planning ended without an order; answer more, or leave out findings",
}
"""The reason of a record that is too wide, by the limit that it exceeds."""


class BadCellLine(NamedTuple):
    """A bad cell of a refused row, or such a row without one: what it says and what to do.

    ``record_id`` is the row's value in a column of that name, or of the name ``id``.
    """

    file: str
    row: int
    record_id: str
    code: str
    column: str
    value: str
    message: str
    cure: str
    urgency: str = ""
    red_flags: str = ""


By = Literal["row", "cell"]
HEADERS: dict[By, tuple[str, ...]] = {"row": Reject._fields, "cell": BadCellLine._fields}
"""The columns of a rejects file, by what has a line."""

IDS = "record_id", "id"
"""Names of columns that identify a record, in any case."""

TOLD = "urgency", "red_flags"  # whatever the posteriors


def refused(network: Network, chunk: Chunk, encoded: Encoded, scores: Scores) -> list[Reject]:
    """The rows of a chunk that have no result, in order of their numbers."""
    cells = _by_row(encoded)
    status = scores.status
    found = list(chunk.rejects)
    for row in np.flatnonzero(status != "ok").tolist():
        number = int(chunk.numbers[row])
        if status[row] == BAD_VALUE:
            first, *more = cells[row]
            also = "; ".join(f"{cell.column}={str(cell.value)[:80]} ({cell.code})" for cell in more)
            reject = bad_cell(chunk.file, number, first, also)
        elif status[row] == "impossible":
            reject = _impossible(network, chunk.file, number, encoded, row)
        else:
            limit = limit_of(LIMITS[scores.limits[row]])
            reason = WIDE[limit].format(cells=float(scores.cells[row]))
            reject = Reject(chunk.file, number, CAPACITY_CODES[limit], "", "", reason)
        urgency, red_flags = (
            str(scores.columns[name][row] or "") if name in scores.columns else "" for name in TOLD
        )
        found.append(reject._replace(urgency=urgency, red_flags=red_flags))
    return sorted(found, key=lambda reject: reject.row)


def _by_row(encoded: Encoded) -> dict[int, list[BadCell]]:
    """The bad cells of each row of a frame that has some."""
    cells: dict[int, list[BadCell]] = {}
    for cell in encoded.bad:
        cells.setdefault(cell.row, []).append(cell)
    return cells


def by_cell(rejects: Iterable[Reject], chunk: Chunk, encoded: Encoded) -> list[BadCellLine]:
    """The lines of refused rows, one for each bad cell."""
    places = {number: row for row, number in enumerate(chunk.numbers.tolist())}
    cells, ids = _by_row(encoded), _ids(chunk)
    found = []
    for one in rejects:
        row = places.get(one.row, -1)
        own = [
            (cell.code, cell.column, _value(cell), cell.problem.message, cell.problem.hint)
            for cell in cells.get(row, ())
        ] or [(one.code, one.column, one.value, one.reason, "")]
        name = "" if row < 0 or ids is None else str(ids[row] if ids[row] is not None else "")
        for code, column, value, message, cure in own:
            cure = cure or CODES[code].cure
            line = BadCellLine(one.file, one.row, name, code, column, value, message, cure)
            found.append(line._replace(urgency=one.urgency, red_flags=one.red_flags))
    return found


def id_column(names: Iterable[str]) -> str | None:
    """The column that identifies a record; None when there is none.

    >>> id_column(["name", "ID"])
    'ID'
    """
    columns = {name.lower(): name for name in names}
    return next((columns[one] for one in IDS if one in columns), None)


def _ids(chunk: Chunk) -> list[object] | None:
    """What identifies the rows of a chunk that could be read; None without such a column."""
    is_plain = isinstance(chunk.frame, Mapping)
    name = id_column(chunk.frame if is_plain else chunk.frame.schema.names)
    if name is None:
        return None
    return list(chunk.frame[name] if is_plain else chunk.frame.column(name).to_pylist())


def bad_cell(file: str, number: int, cell: BadCell, more: str = "") -> Reject:
    """The line of a row with a bad cell; ``more`` lists the other bad cells of the row."""
    return Reject(file, number, cell.code, cell.column, _value(cell), cell.reason, more)


def _value(cell: BadCell) -> str:
    return "" if cell.value is None else str(cell.value)[:200]


def _impossible(network: Network, file: str, number: int, encoded: Encoded, row: int) -> Reject:
    """The line of an impossible record; it names a contradiction between a finding and its
    descriptor.
    """
    at = {variable.name: i for i, variable in enumerate(network.nodes)}
    codes = encoded.codes[row]
    for descriptor, of in network.descriptors.items():
        if codes[at[descriptor]] > 0 and codes[at[of]] == 0:
            state = network.by_name[descriptor].states[codes[at[descriptor]]]
            reason = f"present, but {of!r}, which it describes, is absent"
            return Reject(file, number, "TN204", descriptor, state, reason)
    reason = "these answers cannot all hold: together they have probability 0"
    return Reject(file, number, "TN205", "", "", reason)


def as_csv(rejects: Iterable[tuple[object, ...]], header: Iterable[str] = ()) -> bytes:
    """Lines of a rejects file, behind its header if there is one.

    >>> as_csv([Reject("a.csv", 3, "TN202", "sex", "x", "no such state")]).decode().split(",")[:3]
    ['a.csv', '3', 'TN202']
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows(rejects)
    return text.getvalue().encode()
