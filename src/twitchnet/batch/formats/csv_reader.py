"""How is CSV read, a chunk at a time, with every row accounted for, and resumed after any chunk?

The text is cut into blocks at ends of rows, and each block is parsed by Arrow.  A newline
with an even number of quotes before it ends a row, if every quote stands where quotes belong
(RFC 4180).  Where one does not (``5" pipe`` without quotes around it), Arrow reads the rest
of the file as one stream; a run is then resumed from there.

A quote that is never closed would silently make the rest of the file one cell.  So a row of our own
is added at the end: if it is not read as a row, a cell with an open quote has swallowed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.formats.columnar import one_batch
from twitchnet.batch.formats.csv_header import QUOTE, read_header
from twitchnet.batch.formats.opening import (
    BLOCK,
    LONGEST,
    Chunk,
    Cursor,
    Reject,
    guarded,
    guarded_batches,
    joined,
    open_measured,
    read_ahead,
    too_long,
    unreadable,
)
from twitchnet.batch.formats.recoding import not_text
from twitchnet.batch.stream import arrow
from twitchnet.errors import RecordError

PIECE = 1 << 22
"""Bytes parsed at once: smaller blocks cost more calls, larger ones memory."""

NEWLINE = b"\n"

END = "\x1eend of file\x1e"
"""The cell of the row that is added at the end; no file has such a cell."""


class _File(NamedTuple):
    """How a file is read: its columns in order, its separator, and its encoding ('' for UTF-8)."""

    path: str
    columns: Mapping[str, Any]
    between: str
    encoding: str


class _Part(NamedTuple):
    """Rows of one block: ``origin`` says where it begins, ``last`` is the number of its last
    row, refused rows included, ``share`` how much of the file is read before and after it.
    """

    batch: Any
    numbers: NDArray[np.int64]
    rejects: list[Reject]
    origin: Cursor
    last: int
    share: tuple[float, float] = (0.0, 0.0)


def csv_chunks(
    path: str, size: int, start: Cursor, columns: Mapping[str, Any], encoding: str = ""
) -> Iterator[Chunk]:
    """The rows after ``start``; a chunk ends where a multiple of ``size`` rows is accounted for."""
    pa = arrow()
    header = read_header(path, encoding)
    if not start.offset:
        start = start._replace(offset=header.begin)
    file = _File(path, {name: columns[name] for name in header.names}, header.between, encoding)
    waiting: list[_Part] = []

    def take(until: int) -> Chunk:
        """The rows up to a number, out of the waiting ones."""
        batches, numbers, rejects = [], [], []
        origin = waiting[-1].origin
        for part in waiting:
            due = int(np.searchsorted(part.numbers, until, side="right"))
            batches.append(part.batch.slice(0, due))
            numbers.append(part.numbers[:due])
            rejects += [reject for reject in part.rejects if reject.row <= until]
        part = waiting[-1]
        due = len(numbers[-1])
        rest = [reject for reject in part.rejects if reject.row > until]
        left = part._replace(batch=part.batch.slice(due), numbers=part.numbers[due:], rejects=rest)
        waiting[:] = [left] if until < part.last else []
        frame = batches[0] if len(batches) == 1 else one_batch(pa.Table.from_batches(batches))
        where = origin._replace(row=until)
        part_of = (until - origin.base) / max(part.last - origin.base, 1)
        share = part.share[0] + part_of * (part.share[1] - part.share[0])
        return Chunk(path, frame, np.concatenate(numbers), rejects, where, share)

    done = start.row
    for part in _parts(file, start):
        if part.last <= done:
            continue
        waiting.append(part)
        while waiting and waiting[-1].last >= done - done % size + size:
            done += size - done % size
            yield take(done)
    if waiting:
        yield take(waiting[-1].last)


def _parts(file: _File, start: Cursor) -> Iterator[_Part]:
    """The parsed blocks, without the rows up to ``start.row``."""
    for part in _blocks(file, start):
        fresh = int(np.searchsorted(part.numbers, start.row, side="right"))
        if fresh or part.origin.base < start.row:
            rejects = [reject for reject in part.rejects if reject.row > start.row]
            part = part._replace(
                batch=part.batch.slice(fresh), numbers=part.numbers[fresh:], rejects=rejects
            )
        yield part


def _blocks(file: _File, start: Cursor) -> Iterator[_Part]:
    """The parsed blocks from the byte ``start.offset`` on."""
    path, offset, base = file.path, start.offset, start.base
    begin = offset if path != "-" else 0
    stream, share = guarded(path, lambda: open_measured(path, begin, file.encoding))
    if path == "-":
        stream.read(offset)
    size, rest, read = PIECE, b"", share() if start.row else 0.0
    while True:
        block = rest + guarded(path, lambda: stream.read(size - len(rest)))  # noqa: B023
        is_last = len(block) < size
        cut = len(block) if is_last else row_end(block)
        if not cut:
            if is_last:
                return
            if size >= LONGEST:
                # a newline that ends no row stands between quotes
                raise (_never_closed if NEWLINE in block else too_long)(path, base + 1)
            rest, size = block, 2 * size  # a row that is longer than a block
            continue
        origin = Cursor(start.file, 0, offset, base)
        parser = _Parser(file, base)
        table = parser.table(block[:cut])
        hidden = parser.ragged or not _is_plain(table)  # quotes that did not stand around a cell
        if hidden and QUOTE in block and not quotes_belong(block[:cut], file.between.encode()):
            tail = joined(block, stream, NEWLINE + parser.last_row)
            for part in _stream(file, origin, tail):
                yield part._replace(share=(share(), share()))
            return
        if is_last and block.count(QUOTE) % 2:
            closed = _Parser(file, base)
            if not closed.ends(closed.table(block + NEWLINE + closed.last_row)):
                raise _never_closed(path, base + table.num_rows + len(parser.ragged))
        part = parser.part(table, origin, whole=True, is_text=block.isascii())
        yield part._replace(share=(read, read := share()))
        offset, base, rest = offset + cut, part.last, block[cut:]
        size = max(PIECE, len(rest) + 1)


def _never_closed(path: str, row: int) -> RecordError:
    message = f"row {row}: a quote is not closed, so the rest of the file is one cell"
    return unreadable(path, message, "is the file whole?")


def row_end(block: bytes) -> int:
    r"""The end of the last whole row, 0 when there is none.

    >>> row_end(b'a,"b\nc"\nd,"e\nf'), row_end(b'"a\nb')
    (8, 0)
    """
    cut = block.rfind(NEWLINE) + 1
    data = np.frombuffer(block, np.uint8)
    while cut and np.count_nonzero(data[:cut] == QUOTE[0]) % 2:
        cut = block.rfind(NEWLINE, 0, block.rfind(QUOTE, 0, cut)) + 1
    return cut


def _is_plain(table: Any) -> bool:
    """Whether no cell holds a quote, so that every quote of the text encloses a cell."""
    for column in table.columns:
        for chunk in column.chunks:
            data = chunk.buffers()[2]
            if data is not None and (np.frombuffer(data, np.uint8) == QUOTE[0]).any():
                return False
    return True


def quotes_belong(block: bytes, between: bytes) -> bool:
    r"""Whether each quote opens a cell, closes it, or is one of two quotes inside it.

    >>> quotes_belong(b'a,"b ""c"" d"\n', b","), quotes_belong(b'a,5" pipe\n', b",")
    (True, False)
    """
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == QUOTE[0])
    if len(quotes) % 2:
        return False
    edge = np.zeros(256, dtype=np.bool_)
    edge[list(between + b'\r\n"')] = True
    opening, closing = quotes[::2], quotes[1::2]
    before = opening[opening > 0] - 1
    after = closing[closing < len(data) - 1] + 1
    return bool(edge[data[before]].all() and edge[data[after]].all())


def _stream(file: _File, origin: Cursor, rest: Any) -> Iterator[_Part]:
    """The rest of a file as Arrow divides it; it ends in the row of our own."""
    pa, path = arrow(), file.path
    parser = _Parser(file, origin.base)
    ended = False
    with read_ahead(rest) as source:
        reader = guarded(path, lambda: parser.open(source))
        for batch in _batches(path, parser, reader):
            table = pa.Table.from_batches([batch])
            ended = parser.ends(table)
            part = parser.part(table.slice(0, len(table) - ended), origin)
            yield swallowed(path, part)
    if not ended:
        raise _never_closed(path, parser.seen + len(parser.ragged))
    if parser.ragged:
        yield parser.part(reader.schema.empty_table(), origin, whole=True)


def _batches(path: str, parser: _Parser, reader: Any) -> Iterator[Any]:
    """The batches of a reader, which takes no row that is longer than its block."""
    try:
        yield from guarded_batches(path, reader)
    except RecordError as error:
        if "straddling object" not in str(error):
            raise
        row = parser.seen + len(parser.ragged) + 1
        size = f"{BLOCK >> 20} MB"
        message = f"after row {row - 1}: a row of more than {size}, or a quote that is not closed"
        raise unreadable(path, message, "is the file whole?") from None


def swallowed(path: str, part: _Part) -> _Part:
    """Refuses cells of several lines with an odd quote in them.

    Such a cell may have been opened in one row and closed in another: ``"note`` without its
    second quote takes the rows up to the next quote with it.
    """
    import pyarrow.compute as compute

    bad: dict[int, Reject] = {}
    for name, column in zip(part.batch.schema.names, part.batch.columns, strict=True):
        lines = compute.match_substring(column, "\n")
        odd = compute.bit_wise_and(compute.count_substring(column, '"'), 1)
        both = compute.and_(lines, compute.equal(odd, 1)).fill_null(False)
        for i in np.flatnonzero(both.to_numpy(zero_copy_only=False)).tolist():
            text = column[i].as_py()
            message = f"a quote stands inside a cell of {text.count(chr(10)) + 1} lines"
            found = Reject(path, int(part.numbers[i]), "TN211", name, text[:200], message)
            bad.setdefault(i, found)
    batch, numbers = _without(bad, part.batch, part.numbers)
    rejects = sorted([*part.rejects, *bad.values()], key=_row)
    return part._replace(batch=batch, numbers=numbers, rejects=rejects)


class _Parser:
    """Parses text that follows ``base`` rows."""

    def __init__(self, file: _File, base: int) -> None:
        self.file = file
        self.base = base
        self.seen = base  # numbers given so far
        self.ragged: list[Reject] = []

    @property
    def last_row(self) -> bytes:
        """A row of our own, for the end."""
        return (self.file.between * (len(self.file.columns) - 1) + END).encode()

    def ends(self, table: Any) -> bool:
        """Whether the last row is the row of our own."""
        return bool(table.num_rows) and table.column(len(self.file.columns) - 1)[-1].as_py() == END

    def refuse(self, row: Any) -> str:
        """A row of too few or too many cells."""
        message = f"the row has {row.actual_columns} cells, the header {row.expected_columns}"
        number = self.base + row.number
        self.ragged.append(Reject(self.file.path, number, "TN211", "", row.text[:200], message))
        return "skip"

    def options(self, size: int) -> dict[str, Any]:
        """How Arrow parses."""
        from pyarrow import csv as arrow_csv

        return {
            # one thread: only then does the parser know the numbers of ragged rows
            "read_options": arrow_csv.ReadOptions(
                use_threads=False, block_size=size, column_names=list(self.file.columns)
            ),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.file.between,
                newlines_in_values=True,
                invalid_row_handler=self.refuse,
            ),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=dict(self.file.columns),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        }

    def table(self, block: bytes) -> Any:
        """A block of whole rows."""
        pa = arrow()
        from pyarrow import csv as arrow_csv

        if not block.strip(b"\r\n"):
            schema = pa.schema(list(self.file.columns.items()))
            return schema.empty_table()
        source = pa.BufferReader(block)
        options = self.options(len(block) + 1)
        return guarded(self.file.path, lambda: arrow_csv.read_csv(source, **options))

    def open(self, source: Any) -> Any:
        """A reader of batches."""
        from pyarrow import csv as arrow_csv

        return arrow_csv.open_csv(source, **self.options(BLOCK))

    def part(self, table: Any, origin: Cursor, whole: bool = False, is_text: bool = False) -> _Part:
        """Rows with their numbers, and the refused ones between them; ``whole``: after them too.

        ``is_text`` says that every byte is known to be text.
        """
        numbers = np.arange(self.seen + 1, self.seen + 1 + table.num_rows)
        due: list[Reject] = []
        while self.ragged and (whole or (len(numbers) and self.ragged[0].row <= numbers[-1])):
            due.append(self.ragged.pop(0))
            numbers[numbers >= due[-1].row] += 1
        self.seen += table.num_rows + len(due)
        clean = one_batch(table)
        bad: list[Reject] = []
        if not is_text:
            clean, numbers, bad = whole_text(self.file, clean, numbers)
        return _Part(clean, numbers, sorted([*due, *bad], key=_row), origin, self.seen)


def _row(reject: Reject) -> int:
    return reject.row


def whole_text(
    file: _File, batch: Any, numbers: NDArray[np.int64]
) -> tuple[Any, NDArray[np.int64], list[Reject]]:
    """The rows whose cells are text, and the others."""
    pa = arrow()
    message, hint = not_text(file.encoding)
    bad: dict[int, Reject] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            for i, cell in enumerate(column.view(pa.binary()).to_pylist()):
                try:
                    (cell or b"").decode()
                except UnicodeDecodeError:
                    text = cell.decode(errors="replace")[:200]
                    reason = f"{message} ({hint})"
                    found = Reject(file.path, int(numbers[i]), "TN215", name, text, reason)
                    bad.setdefault(i, found)
    return *_without(bad, batch, numbers), list(bad.values())


def _without(
    bad: Mapping[int, Reject], batch: Any, numbers: NDArray[np.int64]
) -> tuple[Any, NDArray[np.int64]]:
    """The other rows, and their numbers."""
    if not bad:
        return batch, numbers
    good = np.array([i not in bad for i in range(batch.num_rows)])
    return batch.filter(arrow().array(good)), numbers[good]
