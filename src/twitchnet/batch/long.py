"""How is a long table read: a row per answer (record, variable, value) instead of per record?

The rows of a record stand together.  Each record becomes a row of a wide frame; what the
values mean is judged where wide input is judged.  A record is refused as a whole when one
of its rows names no variable, or says two things of one variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twitchnet.batch.opening import Chunk, Cursor, Reject
from twitchnet.batch.readers import Input
from twitchnet.diagnosis.answers import find_variable
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network

COLUMNS = ("record_id", "variable", "value")
"""Names of the three columns; further ones are not read."""


@dataclass(frozen=True)
class LongInput(Input):
    """Files with a row per answer, seen as wide input."""

    source: Input | None = None
    network: Network | None = None
    names: Mapping[str, str] | None = None

    def chunks(self, size: int, start: Cursor = Cursor()) -> Iterator[Chunk]:  # noqa: B008
        """All records, in order, at most ``size`` at a time; ``numbers`` count records.

        A chunk has no cursor, and reading begins with the first record: whether a record
        is in one piece can only be told by whoever has seen all before it.
        """
        assert self.source is not None
        widening = _Widening(self)
        for chunk in self.source.chunks(size):
            widening.add(chunk)
            while len(widening.done) >= size:
                yield widening.take(size)
        widening.close()
        while widening.done or widening.rejects:
            yield widening.take(size)


def widen(source: Input, network: Network, names: Mapping[str, str]) -> LongInput:
    """Long input as wide input.  Raises ``RecordError`` when a column is missing."""
    missing = [name for name in COLUMNS if name not in source.columns]
    if missing:
        raise RecordError(
            Problem("TN201", "a long table has this column", name, source.paths[0],
                    hint=nearest(name, source.columns))
            for name in missing
        )  # fmt: skip
    kind = source.columns["value"]
    columns = {variable.name: kind for variable in network.variables}
    columns = {COLUMNS[0]: source.columns[COLUMNS[0]], **columns}
    return LongInput(
        source.paths, source.format, columns, source=source, network=network, names=names
    )


class _Widening:
    """Records that are whole, and the one that is still open."""

    def __init__(self, long: LongInput) -> None:
        assert long.network is not None
        self.network = long.network
        self.columns = list(long.columns)
        self.names = dict(long.names or {})
        self.known: dict[str, str | None] = {}
        self.seen: set[object] = set()
        self.file = long.paths[0]
        self.count = 0  # records so far, the open one included
        self.open: dict[str, Any] | None = None
        self.problem: Reject | None = None
        self.done: list[tuple[int, dict[str, Any]]] = []
        self.rejects: list[Reject] = []

    def add(self, chunk: Chunk) -> None:
        """Reads the rows of a chunk; lines that could not be read are refused by themselves."""
        self.file = chunk.file
        self.rejects += chunk.rejects
        cells = [_cells(chunk.frame, name) for name in COLUMNS]
        for record, variable, value in zip(*cells, strict=True):
            if self.open is None or record != self.open[COLUMNS[0]]:
                self.close()
                self.count += 1
                self.open = {COLUMNS[0]: record}
                if record in self.seen:
                    self.refuse("TN214", "", record, "its rows do not stand together")
                self.seen.add(record)
            self.answer(self.open, str(variable), value)

    def answer(self, record: dict[str, Any], said: str, value: Any) -> None:
        if said not in self.known:
            self.known[said] = find_variable(self.network, self.names.get(said, said))
        name = self.known[said]
        if name is None:
            hint = nearest(said.lower(), [*self.network.by_name])
            self.refuse("TN201", said, value, f"the model has no such variable {hint}".rstrip())
        elif record.setdefault(name, value) != value:
            self.refuse("TN204", said, value, f"answered as {record[name]!r} too")

    def refuse(self, code: str, column: str, value: Any, reason: str) -> None:
        if self.problem is None:
            text = "" if value is None else str(value)[:200]
            self.problem = Reject(self.file, self.count, code, column, text, reason)

    def close(self) -> None:
        """The open record is whole."""
        if self.problem is not None:
            self.rejects.append(self.problem)
        elif self.open is not None:
            self.done.append((self.count, self.open))
        self.open = self.problem = None

    def take(self, size: int) -> Chunk:
        rows, self.done = self.done[:size], self.done[size:]
        rejects, self.rejects = self.rejects, []
        frame = {name: [row.get(name) for _, row in rows] for name in self.columns}
        numbers = np.array([number for number, _ in rows], dtype=np.int64)
        return Chunk(self.file, frame, numbers, rejects)


def _cells(frame: Any, name: str) -> list[Any]:
    if isinstance(frame, Mapping):
        found: list[Any] = frame[name]
        return found
    cells: list[Any] = frame.column(name).to_pylist()
    return cells
