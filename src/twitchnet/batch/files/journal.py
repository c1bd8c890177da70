"""Where did a run stop, and may it go on?

A run writes into the folder ``OUT.partial`` and renames when everything is there:

    state.json     model, inputs and options; a run with others may not continue this one
    data, rejects  the output so far
    journal        a line per complete chunk: the sizes of data and rejects after it
    lock           held while a process writes

After a kill, ``data`` and ``rejects`` are cut to the last line of the journal.  Each line
ends in a checksum of all lines up to it, and holds those of both files; a run whose folder
does not agree with them does not go on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from zlib import crc32

from twitchnet.batch.files.placing import partial_folder, put
from twitchnet.errors import Problem, RecordError

try:
    import fcntl
except ImportError:  # Windows has no flock; a second run on the same output is not refused there
    fcntl = None  # type: ignore[assignment, unused-ignore]

READ = 1 << 20
"""Bytes that are checked at once."""


@dataclass
class Position:
    """How far a run has come: whole chunks, rows by outcome, bytes of both files.

    ``values`` counts what was not understood, by column and value.  ``data_sum`` and
    ``rejects_sum`` are CRC-32 sums of these bytes.  ``cursor`` is where reading goes on, as
    ``opening.Cursor``; empty when it cannot.
    """

    chunks: int = 0
    rows: int = 0
    scored: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    data: int = 0
    rejects: int = 0
    data_sum: int = 0
    rejects_sum: int = 0
    cursor: list[int] = field(default_factory=list)
    whole: bool = False


class Journal:
    """The folder of a run; a context manager that holds its lock.

    Raises ``RecordError`` when another run is writing to the same output, or when
    ``resume`` finds the folder of a different run, or a part of it missing or damaged.
    """

    def __init__(self, output: Path, state: Mapping[str, Any], resume: bool) -> None:
        self.output = output
        self.folder = partial_folder(output)
        self.state = json.loads(json.dumps(state))  # as it is read again
        self.resume = resume
        self.position = Position()
        self._sum = 0  # of the lines of the journal
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Self:
        # private: the output that is replaced may have a restrictive mode
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                message = f"another run is writing to {self.output}"
                raise RecordError([Problem("TN221", message, hint="wait for it")]) from None
        try:
            kept = self.folder / "state.json"
            if self.resume and kept.is_file():
                self._check(kept)
                self._read()
            else:
                for name in ("state.json", "data", "rejects", "journal", "final"):
                    (self.folder / name).unlink(missing_ok=True)
                aside = self.folder / "state"
                aside.write_text(json.dumps(self.state, indent=2), encoding="utf-8")
                put(aside, kept)
            for name in ("data", "rejects"):
                self._open(name)
            self._files.append((self.folder / "journal").open("ab"))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for file in self._files:
            file.close()
        self._files.clear()
        self._lock.close()

    def cannot_go_on(self, message: str, hint: str = "") -> RecordError:
        """The error for a folder that no run can go on from."""
        hint = hint or "start again without --resume"
        message = f"the interrupted run of {self.output} cannot go on: {message}"
        return RecordError([Problem("TN220", message, hint=hint)])

    def _check(self, path: Path) -> None:
        """Raises ``RecordError`` when the run that was interrupted is not this one."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            kept = None
        if not isinstance(kept, dict):
            raise self.cannot_go_on(f"{path} is damaged")
        differ = [key for key in {**kept, **self.state} if kept.get(key) != self.state.get(key)]
        if differ:
            message = (
                f"the interrupted run of {self.output} differs in: {', '.join(sorted(differ))}"
            )
            hint = "run it with the same model, inputs and options, or without --resume"
            raise RecordError([Problem("TN220", message, hint=hint)])

    def _read(self) -> None:
        """Goes to the position of the last complete line."""
        path = self.folder / "journal"
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        good = 0
        for line in lines[:-1]:  # what follows the last newline was not written whole
            content, _, said = line.rpartition(b" ")
            self._sum = crc32(content, self._sum)
            try:
                if int(said, 16) != self._sum:
                    raise ValueError("another sum")
                self.position = Position(**json.loads(content))
            except (ValueError, TypeError, RecursionError):
                raise self.cannot_go_on(f"{path} is damaged") from None
            good += len(line) + 1
        if path.is_file():
            os.truncate(path, good)

    def _open(self, name: str) -> None:
        """Opens ``data`` or ``rejects`` for appending, cut to its size at the position."""
        path, size = self.folder / name, self.size(name)
        if self.position.whole and not path.exists():
            return  # it may have its final name already
        if size:
            self.compare(name, path, cut=True)
        path.touch()
        os.truncate(path, size)
        self._files.append(path.open("ab"))

    def size(self, name: str) -> int:
        """Bytes of ``data`` or ``rejects`` at the position."""
        return self.position.data if name == "data" else self.position.rejects

    def compare(self, name: str, path: Path, cut: bool = False) -> None:
        """Raises ``RecordError`` unless a file holds the bytes that were written as ``name``.

        With ``cut`` more bytes may follow these.
        """
        left, found = self.size(name), 0
        if not path.is_file():
            raise self.cannot_go_on(f"{path} is missing")
        if path.stat().st_size < left:
            raise self.cannot_go_on(f"{path} is shorter than it was")
        is_longer = path.stat().st_size > left and not cut
        with path.open("rb") as file:
            while left and (part := file.read(min(left, READ))):
                found, left = crc32(part, found), left - len(part)
        position = self.position
        if is_longer or found != (position.data_sum if name == "data" else position.rejects_sum):
            raise self.cannot_go_on(f"{path} is not what was written")

    def add(self, data: bytes, rejects: bytes, position: Position) -> None:
        """Adds a whole chunk.  After this returns, a kill does not lose it."""
        for file, content in zip(self._files, (data, rejects), strict=False):
            if content:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        position.data = self.position.data + len(data)
        position.rejects = self.position.rejects + len(rejects)
        position.data_sum = crc32(data, self.position.data_sum)
        position.rejects_sum = crc32(rejects, self.position.rejects_sum)
        line = json.dumps(asdict(position)).encode()
        self._sum = crc32(line, self._sum)
        self._files[-1].write(b"%s %08x\n" % (line, self._sum))
        self._files[-1].flush()
        os.fsync(self._files[-1].fileno())
        self.position = position

    def discard(self) -> None:
        """Removes the folder and all files in it; what a kill leaves of it cannot be mistaken for a
        run.
        """
        self._close()
        (self.folder / "state.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
