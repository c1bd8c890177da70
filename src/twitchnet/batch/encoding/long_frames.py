"""How is a frame with a row per answer scored: record, variable and value instead of columns?

A frame is in memory, so the rows of a record may stand anywhere; records come back in the
order in which they first appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from twitchnet.batch.encoding.columns import Indices, Levels, Source
from twitchnet.batch.encoding.encode import BadCell, BadColumn, Encoded, encode_frame
from twitchnet.batch.encoding.values import Values
from twitchnet.batch.encoding.widening import Widener, parts_of
from twitchnet.errors import Problem
from twitchnet.model.network import Network


def widen_frame(
    network: Network,
    source: Source,
    names: Mapping[str, str],
    meanings: Values = MappingProxyType({}),
) -> tuple[Encoded, Source]:
    """The records of a long frame, and a frame with the id of each.

    ``names`` maps other names to variables, and other columns to the three columns of a long table;
    ``meanings`` gives the meaning of words, by variable.  Raises ``RecordError`` when one of the
    three is missing.
    """
    parts = parts_of(dict.fromkeys(source.names), names)
    ids, said, values = (source.levels(part) for part in parts)
    record, first = _records(ids)
    wide = Widener(network, names)(record, len(first), said, values)
    whole = Source(wide.levels, "levels", tuple(wide.levels), len(first))
    encoded = encode_frame(network, whole, values=meanings)
    flaws = dict(wide.flaws)
    for one in np.flatnonzero(ids.index[first] < 0).tolist():
        problem = Problem("TN214", "these rows have no id", parts[0])
        flaws[one] = BadCell(one, parts[0], None, problem)
    bad = [*_as_columns(flaws.values()), *encoded.bad_columns]
    return replace(encoded, bad_columns=tuple(bad), other={}), source.take(first, parts[0])


def _records(ids: Levels) -> tuple[Indices, Indices]:
    """The record of each row, numbered as they appear, and the first row of each record."""
    _, first, which = np.unique(ids.index, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[which.ravel()], first[order]


def _as_columns(flaws: Iterable[BadCell]) -> list[BadColumn]:
    """Bad cells grouped by column."""
    by_column: dict[str, list[BadCell]] = {}
    for flaw in flaws:
        by_column.setdefault(flaw.column, []).append(flaw)
    return [
        BadColumn(
            column,
            np.array([flaw.row for flaw in some], dtype=np.int64),
            np.arange(len(some)),
            tuple((flaw.value, flaw.problem) for flaw in some),
        )
        for column, some in by_column.items()
    ]
