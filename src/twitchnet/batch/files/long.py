"""How are files with a row per answer read (record, variable, value) instead of per record?

The rows of a record stand together.  Each record becomes a row of a wide frame, whose values are
read like those of wide input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.columns import Levels, open_source
from twitchnet.batch.encoding.encode import BadCell
from twitchnet.batch.encoding.widening import Wide, Widener, parts_of
from twitchnet.batch.files.rejects import bad_cell
from twitchnet.batch.formats.columnar import one_batch
from twitchnet.batch.formats.fitting import fitted, plain_type
from twitchnet.batch.formats.opening import Chunk, Cursor, Reject
from twitchnet.batch.formats.readers import Input
from twitchnet.batch.stream import arrow
from twitchnet.errors import Problem
from twitchnet.model.network import Network

ANSWERS = 16
"""Rows that are read at once, for each record of a chunk."""


@dataclass(frozen=True, kw_only=True)
class LongInput(Input):
    """Files with a row per answer, seen as wide input.

    ``parts`` are the columns with the record, the variable and the value.
    """

    source: Input
    network: Network
    names: Mapping[str, str]
    parts: tuple[str, str, str]

    @property
    def state(self) -> dict[str, Any]:
        """The state of wide input, and the meaning of the names."""
        return {**super().state, "names of long input": dict(self.names)}

    def chunks(self, size: int, start: Cursor = Cursor()) -> Iterator[Chunk]:  # noqa: B008
        """All records, in order, at most ``size`` at a time; ``numbers`` count records.

        A record that goes on in the next file counts as one of that file.

        A chunk has no cursor, and reading begins with the first record: only a reader of all
        earlier records knows that none of them appears again.
        """
        widening = _Widening(self)
        waiting = _Waiting(self.paths[0])
        for chunk in self.source.chunks(size * ANSWERS):
            if chunk.file != waiting.file:
                if not widening.goes_on(chunk):
                    waiting.add(*widening.close())
                yield from waiting.rest(size)
                waiting.file = widening.file = chunk.file
                widening.count = 0
            waiting.share = chunk.share
            waiting.rejects += chunk.rejects
            waiting.add(*widening.add(chunk))
            while waiting.count >= size:
                yield waiting.take(size)
        waiting.add(*widening.close())
        yield from waiting.rest(size)


def widen(source: Input, network: Network, names: Mapping[str, str]) -> LongInput:
    """Long input as wide input.  Raises ``RecordError`` when a column is missing.

    ``names`` maps other names to variables, and other columns to the three columns of a long table.
    """
    parts = parts_of(source.columns, names, source.paths[0])
    record, _, value = parts
    kind = plain_type(_scalar_type(source.columns[value]))
    columns = {name.name: kind for name in network.variables if name.name != record}
    columns = {record: _scalar_type(source.columns[record]), **columns}
    source = replace(source, answers=(), kept=parts)
    return LongInput(
        source.paths, source.format, columns, encoding=source.encoding, sheet=source.sheet,
        source=source, network=network, names=names, parts=parts,
    )  # fmt: skip


def _scalar_type(kind: Any) -> Any:
    """The type as which a column is read; values of nested types are read as their text."""
    pa, plain = arrow(), plain_type(kind)
    if pa.types.is_nested(plain) or isinstance(plain, pa.BaseExtensionType):
        return pa.string()
    is_coded = pa.types.is_dictionary(kind) and kind.value_type == plain
    return kind if is_coded else plain


class _Waiting:
    """Records that are whole and wait for their chunk."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.share = 0.0
        self.batches: list[Any] = []
        self.numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.rejects: list[Reject] = []

    @property
    def count(self) -> int:
        return len(self.numbers)

    def add(self, batch: Any, numbers: NDArray[np.int64], rejects: list[Reject]) -> None:
        self.batches.append(batch)
        self.numbers = np.concatenate([self.numbers, numbers])
        self.rejects += rejects

    def take(self, size: int) -> Chunk:
        table = arrow().Table.from_batches(self.batches).unify_dictionaries()
        self.batches = table.slice(size).to_batches()
        numbers, self.numbers = self.numbers[:size], self.numbers[size:]
        rejects, self.rejects = self.rejects, []
        return Chunk(self.file, one_batch(table.slice(0, size)), numbers, rejects, None, self.share)

    def rest(self, size: int) -> Iterator[Chunk]:
        """All that waits."""
        while self.count or self.rejects:
            yield self.take(size)


class _Widening:
    """Reads rows; the rows of the last record wait for the next call."""

    def __init__(self, long: LongInput) -> None:
        self.long = long
        types = long.source.columns
        self.schema = arrow().schema([(name, _scalar_type(types[name])) for name in long.parts])
        self.widener = Widener(long.network, long.names)
        self.seen: set[object] = set()
        self.file = long.paths[0]
        self.count = 0  # records of the file so far
        self.open = self.schema.empty_table()

    def add(self, chunk: Chunk) -> tuple[Any, NDArray[np.int64], list[Reject]]:
        """The records that end in a chunk, with their numbers, and the refused ones."""
        table = arrow().concat_tables([self.open, self._table(chunk)])
        starts = _starts(open_source(table).levels(self.long.parts[0]))
        cut = int(starts[-1]) if len(starts) else 0
        self.open = table.slice(cut)
        return self._records(table.slice(0, cut), starts[:-1])

    def goes_on(self, chunk: Chunk) -> bool:
        """Whether a chunk begins with further rows of the last record."""
        ids, before = self._table(chunk).column(0), self.open.column(0)
        return bool(len(ids) and len(before)) and ids[0].as_py() == before[0].as_py()

    def close(self) -> tuple[Any, NDArray[np.int64], list[Reject]]:
        """The last record."""
        table, self.open = self.open, self.schema.empty_table()
        return self._records(table, np.zeros(min(len(table), 1), dtype=np.int64))

    def _table(self, chunk: Chunk) -> Any:
        """The three columns of a chunk."""
        columns = [fitted(chunk.column(one.name, one.type), one.type) for one in self.schema]
        return arrow().table(columns, names=self.schema.names).cast(self.schema)

    def _records(
        self, table: Any, starts: NDArray[np.int64]
    ) -> tuple[Any, NDArray[np.int64], list[Reject]]:
        """Whole records as a batch; ``starts`` are their first rows."""
        pa = arrow()
        count = len(starts)
        first = np.zeros(len(table), dtype=np.int64)
        first[starts] = 1
        source = open_source(table)
        _, variable, value = (source.levels(name) for name in self.long.parts)
        wide = self.widener(np.cumsum(first) - 1, count, variable, value)
        ids = table.column(0).take(pa.array(starts)).combine_chunks()
        numbers = np.arange(self.count + 1, self.count + 1 + count)
        self.count += count
        rejects = self._rejects(ids.to_pylist(), numbers, wide)
        refused = {reject.row for reject in rejects}
        good = np.array([number not in refused for number in numbers.tolist()], dtype=np.bool_)
        arrays = [ids]
        for name in self.long.columns:
            if name != self.long.parts[0]:
                arrays.append(_dictionary(wide.levels[name], self.schema.field(2).type))
        batch = pa.RecordBatch.from_arrays(arrays, names=list(self.long.columns))
        return batch.filter(pa.array(good)), numbers[good], rejects

    def _rejects(self, ids: list[Any], numbers: NDArray[np.int64], wide: Wide) -> list[Reject]:
        found = []
        for i, (record, number) in enumerate(zip(ids, numbers.tolist(), strict=True)):
            flaw = wide.flaws.get(i)
            if record is None:
                flaw = BadCell(i, "", record, Problem("TN214", "its rows have no id"))
            elif record in self.seen:
                flaw = BadCell(i, "", record, Problem("TN214", "its rows do not stand together"))
            if flaw is not None:
                found.append(bad_cell(self.file, number, flaw))
            self.seen.add(record)
        return found


def _starts(ids: Levels) -> NDArray[np.int64]:
    """The rows at which a record begins."""
    if not len(ids.index):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], ids.index[1:] != ids.index[:-1]]))


def _dictionary(levels: Levels, kind: Any) -> Any:
    pa = arrow()
    index = pa.array(levels.index.astype(np.int32), mask=levels.index < 0)
    return pa.DictionaryArray.from_arrays(index, pa.array(levels.values, type=plain_type(kind)))
