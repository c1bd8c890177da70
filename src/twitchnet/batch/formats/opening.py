"""How is a file of records opened, and what is a chunk of it?

A :class:`Chunk` holds rows that could be read, with their numbers in the file, the rows
that could not, and the :class:`Cursor` at which the next chunk begins.  What the cells mean
is not judged here.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.formats.json_text import cell_text
from twitchnet.batch.formats.recoding import recoded, recoded_head
from twitchnet.batch.stream import arrow
from twitchnet.errors import Problem, RecordError

T = TypeVar("T")

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}

MARKS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""The first bytes of compressed text: a pipe has no suffix."""

BLOCK = 1 << 24
"""Bytes of text that are looked at first: a longer header cannot be read; 100,000 names fit."""

LONGEST = 1 << 28
"""Bytes of a row of text; a longer one is not read into memory."""

KINDS = {
    b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file", b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file", b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}  # fmt: skip
"""The first bytes of files that are not text, whatever their names are."""

Columns = tuple[list[tuple[str, Any]], int]
"""Names and Arrow types of a file, and its rows when it says how many."""


class Cursor(NamedTuple):
    """A place between two chunks.

    ``row`` rows of the file number ``file`` come before it; reading may begin at the byte
    ``offset`` (of the text, when the file is compressed), where ``base`` rows were before.
    """

    file: int = 0
    row: int = 0
    offset: int = 0
    base: int = 0


class Reject(NamedTuple):
    """A row without a result: its place, its first fault, and its urgency by the rules."""

    file: str
    row: int
    code: str
    column: str
    value: str
    reason: str
    more: str = ""
    urgency: str = ""
    red_flags: str = ""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    ``frame`` is a record batch or a mapping of lists; ``numbers`` (rows,) are the rows'
    numbers in the file, from 1 and without the header; ``rejects`` are rows that could
    not be read; ``rows`` counts both.  ``cursor`` is None when reading cannot begin there.
    ``share`` of the file, 0 to 1, is read when the chunk is; 0 when unknown.
    """

    file: str
    frame: Any
    numbers: NDArray[np.int64]
    rejects: list[Reject] = field(default_factory=list)
    cursor: Cursor | None = None
    share: float = 0.0

    def column(self, name: str, kind: Any) -> Any:
        """A column as an Arrow array; lists become one of the Arrow type ``kind``.

        Raises ``RecordError`` when a value is of another type.
        """
        if not isinstance(self.frame, Mapping):
            return self.frame.column(name)
        pa, values = arrow(), self.frame[name]
        if pa.types.is_string(kind):
            values = [cell_text(value) for value in values]
        try:
            return pa.array(values, type=kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            message = f"column {name!r} is {kind} in the first rows and not in later ones: {error}"
            raise unreadable(self.file, message) from None

    @property
    def rows(self) -> int:
        """Rows of the input that this chunk accounts for."""
        return len(self.numbers) + len(self.rejects)


def unreadable(path: str, message: str, hint: str = "") -> RecordError:
    """The error for an input that cannot be read as a whole."""
    return RecordError([Problem("TN210", message, "", path, hint=hint)])


def guarded(path: str, call: Callable[[], T]) -> T:
    """The result of a call; Arrow's errors about the file become ours."""
    pa = arrow()
    try:
        return call()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        said = str(error).partition("\n")[0][:300]
        raise unreadable(path, f"cannot be read: {said}", "is the file whole?") from None


def guarded_batches(path: str, batches: Iterable[Any]) -> Iterator[Any]:
    """The same batches; Arrow's errors about the file become ours."""
    iterator = iter(batches)
    while (batch := guarded(path, lambda: next(iterator, None))) is not None:
        yield batch


def open_bytes(path: str, offset: int = 0) -> Any:
    """A readable stream of bytes, decompressed by the suffix, from ``offset`` on."""
    return open_measured(path, offset)[0]


def open_measured(
    path: str, offset: int = 0, encoding: str = ""
) -> tuple[Any, Callable[[], float]]:
    """The stream of ``open_bytes``, and a look at the share of the file that is read.

    With an ``encoding`` the stream is that text in UTF-8, and so is ``offset``.
    """
    pa = arrow()
    if path == "-":
        stream = STDIN.stream()
        return recoded(stream, encoding) if encoding else stream, lambda: 0.0
    kind = COMPRESSED.get(Path(path).suffix.lower())
    stream = pa.OSFile(path, "rb")
    size = max(stream.size(), 1)

    def share() -> float:
        return 1.0 if stream.closed else float(stream.tell()) / size

    if kind is None and not encoding:
        stream.seek(offset)
        return stream, share
    text = pa.CompressedInputStream(stream, kind) if kind else stream
    if encoding:
        text = recoded(text, encoding)
    while offset > 0 and (passed := len(text.read(min(offset, BLOCK)))):
        offset -= passed
    return text, share


def peek(path: str, encoding: str = "") -> bytes:
    """The first block of a text file."""
    try:
        if path == "-":
            head = STDIN.peek(BLOCK)
            return recoded_head(head, encoding)[:BLOCK] if encoding else head
        return bytes(open_measured(path, 0, encoding)[0].read(BLOCK))
    except OSError as error:
        if path != "-" and not Path(path).is_file():
            raise
        raise unreadable(path, f"cannot be read: {error}", "is the file whole?") from None


def peek_text(path: str, encoding: str = "") -> bytes:
    """The first block of a text file, as UTF-8.  Raises ``RecordError`` for one that is not text in
    its encoding as a whole, and says what it is.
    """
    head = peek(path, encoding)
    for mark, kind in KINDS.items():
        # letters alone may be the name of a column
        if head.startswith(mark) and (not mark.isalnum() or b"\0" in head[:BLOCK]):
            hint = "give a text file, or a suffix or --format that says what it is"
            raise unreadable(path, f"this is {kind}, not text", hint)
    if wide := _wide_text(head):
        hint = f"give --encoding {wide.lower()}, or save the file as UTF-8"
        raise unreadable(path, f"this is {wide} text", hint)
    return head


def _wide_text(head: bytes) -> str:
    """The name of an encoding of two or four bytes a character, '' for another one.

    It is known by its byte order mark, else by its zero bytes: CSV and JSON both begin with two
    ASCII letters.
    """
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    zeros = [byte == 0 for byte in head[:4]]
    if zeros in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32"
    return "UTF-16" if zeros in ([False, True, False, True], [True, False, True, False]) else ""


def too_long(path: str, row: int) -> RecordError:
    """The error for a row that does not end."""
    message = f"row {row} is longer than {LONGEST >> 20} MB"
    return unreadable(path, message, "is it a file of rows, each on a line of its own?")


class _Stdin:
    """Standard input, whose first block is looked at and then read again."""

    def __init__(self) -> None:
        self.head = b""
        self.rest: Any = None

    def peek(self, size: int) -> bytes:
        if self.rest is None:
            self.rest = _unpacked(sys.stdin.buffer)
            self.head = guarded("-", lambda: bytes(self.rest.read(size)))
        return self.head

    def stream(self) -> Any:
        return arrow().PythonFile(joined(self.head, self.rest), "r")


def _unpacked(pipe: Any) -> Any:
    """The text of a pipe, decompressed when it begins as compressed text does."""
    pa = arrow()
    mark = pipe.read(4)
    whole = joined(mark, pipe)
    kind = next((kind for start, kind in MARKS.items() if mark.startswith(start)), "")
    return pa.CompressedInputStream(pa.PythonFile(whole, "r"), kind) if kind else whole


class _Joined(io.RawIOBase):
    """Bytes, then the rest of a stream, then bytes."""

    def __init__(self, head: bytes, rest: Any, tail: bytes) -> None:
        self.parts = [io.BytesIO(head), rest, io.BytesIO(tail)]
        self.reading = threading.Lock()
        self.ended = threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self.reading:
            while self.parts:
                data = self.parts[0].read(len(buffer))
                if data:
                    buffer[: len(data)] = data
                    return len(data)
                self.parts.pop(0)
        self.ended.set()
        return 0


def joined(head: bytes, rest: Any, tail: bytes = b"") -> io.BufferedReader:
    """A stream of bytes that gives ``head``, then ``rest``, then ``tail``."""
    return io.BufferedReader(_Joined(head, rest, tail), BLOCK)


@contextmanager
def read_ahead(stream: io.BufferedReader) -> Iterator[Any]:
    """A stream of ``joined`` for a reader of Arrow that reads ahead in a thread of its own.

    At the end its last read is waited for, and a further one meets the end of the stream: a
    thread that calls Python while the process ends aborts it, or hangs it.
    """
    raw = stream.raw
    assert isinstance(raw, _Joined)
    try:
        yield arrow().PythonFile(stream, "r")
    finally:
        if raw.reading.acquire(timeout=PATIENCE):
            raw.parts.clear()
            raw.reading.release()
        raw.ended.wait(SOON)


PATIENCE = 5.0
"""Seconds until a pending read is abandoned: a pipe may have no writer."""

SOON = 0.1
"""Seconds that an active reader has to reach the end of the stream; any other has stopped by
itself.
"""


STDIN = _Stdin()
