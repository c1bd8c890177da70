"""How are JSON Lines read, a chunk at a time, with every line accounted for?

A chunk of lines that are all plain (texts, numbers, true, false and null of the types that
the file began with) is parsed by Arrow at once.  Any other chunk is read line by line, and
lines that are not records are refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from twitchnet.batch.formats.opening import (
    BLOCK,
    LONGEST,
    Chunk,
    Columns,
    Cursor,
    Reject,
    guarded,
    open_measured,
    peek_text,
    too_long,
    unreadable,
)
from twitchnet.batch.formats.recoding import not_text
from twitchnet.batch.stream import arrow
from twitchnet.errors import nearest

PIECE = 1 << 20
"""Bytes read at once."""


MAX_DEPTH = 64
"""Levels of a record: Arrow reads and writes no deeper ones, and recursion to this depth is safe.
"""


def _read_line(line: bytes) -> dict[str, Any]:
    """One record.  Raises ``ValueError`` with what is wrong."""
    text = line.decode("utf-8-sig")
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if not isinstance(document, dict):
        raise ValueError(f"a record is a JSON object, not {type(document).__name__}")
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(document):
        raise ValueError(TOO_DEEP)
    if "\\u" in text:
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair is not UTF-8 text") from None
    return document


TOO_DEEP = f"the record nests more than {MAX_DEPTH} levels deep"


def _is_deep(document: object) -> bool:
    """Whether lists and mappings stand in more than ``MAX_DEPTH`` levels; level by level."""
    level = [document]
    for _ in range(MAX_DEPTH):
        inside: list[object] = []
        for one in level:
            inside += (
                one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            )
        level = [one for one in inside if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def json_columns(path: str, encoding: str = "") -> Columns:
    """Every key of the first block, with the type that its values have."""
    pa = arrow()
    values: dict[str, list[Any]] = {}
    head, is_text = peek_text(path, encoding), True
    lines = head.split(b"\n")
    if len(head) == BLOCK and len(lines) == 1:
        message = f"the first line is longer than {BLOCK >> 20} MB"
        raise unreadable(path, message, "write each record on a line of its own")
    for line in lines[:-1] if len(head) == BLOCK else lines:
        try:
            for name, value in _read_line(line).items():
                values.setdefault(name, []).append(value)
        except ValueError as error:  # reported when the line is read
            is_text &= not isinstance(error, UnicodeDecodeError)
    if not values and not is_text:
        message, hint = not_text(encoding)
        raise unreadable(path, f"no line is a JSON object; some are {message}", hint)
    if not values:
        raise unreadable(path, "no line is a JSON object", 'write {"name": "state", ...}')
    columns = []
    for name, cells in values.items():
        try:
            kind = pa.array(cells).type
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            kind = pa.string()  # values of several types: kept as JSON text
        columns.append((name, pa.string() if pa.types.is_null(kind) else kind))
    return columns, 0


def json_chunks(
    path: str,
    size: int,
    start: Cursor,
    columns: Mapping[str, Any],
    kept: Collection[str] = (),
    encoding: str = "",
) -> Iterator[Chunk]:
    """The lines after ``start``, ``size`` of them at a time; empty ones do not count.

    A line is refused when a value of a ``kept`` column is not of the type of ``columns``.
    """
    offset, row = start.offset, start.row
    stream, share = guarded(path, lambda: open_measured(path, offset, encoding))
    for lines, taken, read in _lines(path, size, stream, row):
        offset += taken
        frame = _at_once(lines, columns)
        numbers = np.arange(row + 1, row + 1 + len(lines))
        rejects: list[Reject] = []
        if frame is None:
            frame, numbers, rejects = _one_by_one(path, lines, numbers, columns, kept, encoding)
        row += len(lines)
        part = share() * min(offset / (start.offset + read), 1.0)
        yield Chunk(path, frame, numbers, rejects, Cursor(start.file, row, offset, row), part)


def _lines(path: str, size: int, stream: Any, row: int) -> Iterator[tuple[list[bytes], int, int]]:
    """Lines that are not empty, the bytes that they and the empty ones before take, and the
    bytes that are read so far.

    Raises ``RecordError`` for a line that is longer than ``LONGEST``; ``row`` lines came before.
    """
    waiting: list[bytes] = []
    taken, read, is_last = 0, 0, False
    rest: list[bytes] = []  # of a line, joined when it ends
    while not is_last:
        fresh = guarded(path, lambda: stream.read(PIECE))
        is_last = not fresh
        read += len(fresh)
        if fresh and b"\n" not in fresh:
            rest.append(fresh)
            if len(rest) * PIECE > LONGEST:
                raise too_long(path, row + len(waiting) + 1)
            continue
        *lines, last = b"".join([*rest, fresh]).split(b"\n")
        rest = [last]
        if is_last and last.strip():
            lines.append(last)
        for line in lines:
            taken += len(line) + 1
            if line.strip():
                waiting.append(line)
            if len(waiting) == size:
                yield waiting, taken, read
                row += size
                waiting, taken = [], 0
    if waiting:
        yield waiting, taken, read


def _at_once(lines: list[bytes], columns: Mapping[str, Any]) -> Any:
    """The lines as a record batch, or None when they must be looked at one by one."""
    pa = arrow()
    from pyarrow import json as arrow_json

    types = pa.types
    if not all(
        types.is_string(kind)
        or types.is_boolean(kind)
        or types.is_int64(kind)
        or types.is_float64(kind)
        for kind in columns.values()
    ):
        return None
    text = b"\n".join(lines) + b"\n"
    if b"\r" in text:
        text = text.replace(b"}\r\n", b"}\n")
    # A value that spans two lines, or two values on one, would otherwise pass unseen.
    if not text.startswith(b"{") or text.count(b"}\n{") != len(lines) - 1 or text[-2:] != b"}\n":
        return None
    options = arrow_json.ParseOptions(
        explicit_schema=pa.schema(list(columns.items())), unexpected_field_behavior="error"
    )
    try:
        table = arrow_json.read_json(
            pa.BufferReader(text),
            arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            options,
        )
        if table.num_rows != len(lines):
            return None
        table.validate(full=not text.isascii())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table.combine_chunks().to_batches()[0]


def _one_by_one(
    path: str,
    lines: list[bytes],
    numbers: Any,
    columns: Mapping[str, Any],
    kept: Collection[str],
    encoding: str,
) -> tuple[dict[str, list[Any]], Any, list[Reject]]:
    """The records among the lines as a mapping of lists, their numbers, and the others."""
    is_string = arrow().types.is_string
    typed = {name for name in kept if not is_string(columns[name])}
    rows: list[dict[str, Any]] = []
    good: list[int] = []
    rejects: list[Reject] = []
    for number, line in zip(numbers.tolist(), lines, strict=True):
        try:
            row = _read_line(line)
            strange = next((name for name in row if name not in columns), None)
            if strange is not None:
                hint = nearest(strange, columns)
                raise ValueError(f"no record before has the key {strange!r} {hint}".rstrip())
            for name, value in row.items():
                if name in typed or not isinstance(value, str | int | bool | float | None):
                    _check(name, value, columns[name])
        except ValueError as error:
            text = line[:200].decode(errors="replace").strip()
            code, reason = "TN211", str(error)
            if isinstance(error, UnicodeDecodeError):
                code, reason = "TN215", "{} ({})".format(*not_text(encoding))
            rejects.append(Reject(path, number, code, "", text, reason))
        else:
            rows.append(row)
            good.append(number)
    frame = {name: [row.get(name) for row in rows] for name in columns}
    return frame, np.array(good, dtype=np.int64), rejects


def _check(name: str, value: object, kind: Any) -> None:
    """Raises ``ValueError`` when a value is not of the type of its column."""
    pa = arrow()
    # Arrow would cut 2.5 to 2
    is_wrong = isinstance(value, float) and pa.types.is_integer(kind) and not value.is_integer()
    try:
        pa.array([value], type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        is_wrong = True
    if is_wrong:
        said = json.dumps(value, ensure_ascii=False)[:80]
        raise ValueError(f"{name!r} is {kind} in the first rows, and here {said}")
