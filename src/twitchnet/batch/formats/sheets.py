"""How are the sheets of Excel and OpenDocument files read as tables of records?

A child process reads the sheet (``sheet_child`` says why) and sends it as an Arrow table, which is
kept here while its chunks are taken.  Rows are numbered as they stand in the sheet, below the
header, so that a blank row has a number and no record.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from twitchnet.batch.formats.columnar import one_batch
from twitchnet.batch.formats.opening import Chunk, Columns, Cursor, Reject, unreadable
from twitchnet.batch.stream import arrow
from twitchnet.errors import Problem, RecordError, needs

LOG = logging.getLogger(__name__)
CHILD = "import sys; sys.path[:] = {places!r}; from {room} import main; main({path!r}, {sheet!r})"
"""What the child process does."""


def sheet_columns(path: str, sheet: str) -> Columns:
    """Names and types of a sheet ('' for the first), and its rows."""
    table = _table(path, sheet)
    return [(one.name, one.type) for one in table.schema][:-2], len(table)


def sheet_chunks(path: str, size: int, start: Cursor, sheet: str) -> Iterator[Chunk]:
    """The rows after ``start``, of which those with merged cells are refused."""
    table = _table(path, sheet)
    numbers, merged = (table.column(i).to_numpy() for i in (-2, -1))
    records = table.select(table.column_names[:-2])
    for begin in range(start.row, len(table), size):
        part = slice(begin, begin + size)
        good = ~merged[part]
        rejects = [
            Reject(path, number, "TN211", "", "", MERGED)
            for number in numbers[part][~good].tolist()
        ]
        batch = one_batch(records.slice(begin, size))
        batch = batch if good.all() else batch.filter(arrow().array(good))
        end = min(begin + size, len(table))
        yield Chunk(
            path, batch, numbers[part][good].astype(np.int64), rejects,
            start._replace(row=end), end / len(table),
        )  # fmt: skip


MERGED = "a cell of the row is merged with others, so it is not known what it says"
"""The reason of a row."""


def _table(path: str, sheet: str) -> Any:
    if path == "-":
        raise unreadable("-", "a workbook cannot be read from a pipe", "give a file")
    stat = Path(path).stat()
    return _read(path, sheet, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


@lru_cache(maxsize=1)
def _read(path: str, sheet: str, stamp: tuple[int, ...]) -> Any:
    """The table of a sheet; the last one is kept for its chunks."""
    pa = arrow()
    from twitchnet.batch.formats.sheet_child import REFUSED, SHEETS

    if find_spec("python_calamine") is None:
        raise needs("python-calamine", "excel")
    if "python" not in Path(sys.executable or "").name.lower():
        hint = "save the sheet as CSV or Parquet"
        raise unreadable(path, "a workbook is read by a Python process, and none can start", hint)
    room = f"{__name__.rpartition('.')[0]}.sheet_child"
    child = CHILD.format(room=room, path=path, sheet=sheet, places=sys.path)
    done = subprocess.run(
        [sys.executable, "-c", child], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )  # fmt: skip
    if done.returncode == 0:
        table = pa.ipc.open_stream(done.stdout).read_all()
        table.validate(full=True)
        said = table.schema.metadata
        if refused := said.get(REFUSED):
            code, message, hint = json.loads(refused)
            raise RecordError([Problem(code, message, "", path, hint=hint)])
        first, *others = json.loads(said[SHEETS])
        if others and not sheet:
            LOG.warning(
                "%s: the sheet %r is read; --sheet names another of %s", path, first, others
            )
        return table.replace_schema_metadata(None)
    last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
    if done.returncode > 0 and "MemoryError" not in last:
        raise unreadable(path, f"cannot be read: {last}", "is the file whole?")
    message = "the sheet takes more memory or time than it may"
    raise RecordError([Problem("TN217", message, "", path, hint="save it as CSV or Parquet")])
