"""How is a frame with a row per answer scored: record, variable and value instead of columns?

A frame is in memory, so the rows of a record may stand anywhere; records come back in the
order in which they first appear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from twitchnet.batch.columns import Indices, Levels, Source
from twitchnet.batch.encode import BadColumn, Encoded, encode_frame
from twitchnet.batch.widening import COLUMNS, Flaw, Widener, column_of
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network


def widen_frame(
    network: Network, source: Source, names: Mapping[str, str]
) -> tuple[Encoded, Source]:
    """The records of a long frame, and a frame with the id of each.

    ``names`` maps what is said to variables, and columns to the three that a long table has.
    Raises ``RecordError`` when one of these is missing.
    """
    columns = dict.fromkeys(source.names)
    parts = [column_of(columns, names, name) for name in COLUMNS]
    if not all(parts):
        raise RecordError(
            Problem("TN201", "a long frame has this column", name, hint=nearest(name, columns))
            for name, part in zip(COLUMNS, parts, strict=True)
            if not part
        )
    ids, said, values = (source.levels(part) for part in parts)
    record, first = _records(ids)
    wide = Widener(network, names)(record, len(first), said, values)
    whole = Source(wide.levels, "levels", tuple(wide.levels), len(first))
    encoded = encode_frame(network, whole)
    flaws = dict(wide.flaws)
    for one in np.flatnonzero(ids.index[first] < 0).tolist():
        flaws[one] = Flaw("TN214", parts[0], None, "these rows have no id")
    bad = [*_as_columns(flaws), *encoded.bad_columns]
    return replace(encoded, bad_columns=tuple(bad), other={}), source.take(first, parts[0])


def _records(ids: Levels) -> tuple[Indices, Indices]:
    """The record of each row, numbered as they appear, and the first row of each record."""
    _, first, which = np.unique(ids.index, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[which.ravel()], first[order]


def _as_columns(flaws: Mapping[int, Flaw]) -> list[BadColumn]:
    """Records that are refused, as bad cells of the columns that they speak of."""
    by_column: dict[str, list[tuple[int, Flaw]]] = {}
    for record, flaw in flaws.items():
        by_column.setdefault(flaw.column, []).append((record, flaw))
    return [
        BadColumn(
            column,
            np.array([record for record, _ in some], dtype=np.int64),
            np.arange(len(some)),
            tuple((flaw.value, Problem(flaw.code, flaw.reason, column)) for _, flaw in some),
        )
        for column, some in by_column.items()
    ]
