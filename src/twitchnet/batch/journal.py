"""Where did a run stop, and may it go on?

A run writes into the folder ``OUT.partial`` and renames when everything is there:

    state.json     what the run is: model, inputs, options; another one may not go on
    data, rejects  what is written so far
    journal        a line per whole chunk: how far data and rejects had come by then
    lock           held while a process writes

After a kill, ``data`` and ``rejects`` are cut to the last line of the journal.
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

from twitchnet.errors import Problem, RecordError

try:
    import fcntl
except ImportError:  # Windows has no flock; two runs are not told apart there
    fcntl = None  # type: ignore[assignment, unused-ignore]


@dataclass
class Position:
    """How far a run has come: whole chunks, rows by outcome, bytes of both files.

    ``cursor`` is where reading goes on, as ``opening.Cursor``; empty when it cannot.
    """

    chunks: int = 0
    rows: int = 0
    scored: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    data: int = 0
    rejects: int = 0
    cursor: list[int] = field(default_factory=list)
    whole: bool = False


class Journal:
    """The folder of a run; a context manager that holds its lock.

    Raises ``RecordError`` when another run is writing to the same output, or when
    ``resume`` finds the folder of a different run.
    """

    def __init__(self, output: Path, state: Mapping[str, Any], resume: bool) -> None:
        self.output = output
        self.folder = output.with_name(output.name + ".partial")
        self.state = dict(state)
        self.resume = resume
        self.position = Position()
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
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
                self._check(json.loads(kept.read_text(encoding="utf-8")))
                self._read()
            else:
                for name in ("state.json", "data", "rejects", "journal", "final"):
                    (self.folder / name).unlink(missing_ok=True)
                aside = self.folder / "state"
                aside.write_text(json.dumps(self.state, indent=2), encoding="utf-8")
                put(aside, kept)
            for name, size in (("data", self.position.data), ("rejects", self.position.rejects)):
                path = self.folder / name
                if not (self.position.whole and not path.exists()):
                    path.touch()
                    os.truncate(path, size)
                    self._files.append(path.open("ab"))
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

    def _check(self, kept: Mapping[str, Any]) -> None:
        differ = [key for key in {**kept, **self.state} if kept.get(key) != self.state.get(key)]
        if differ:
            message = (
                f"the interrupted run of {self.output} differs in: {', '.join(sorted(differ))}"
            )
            hint = "run it with the same model, inputs and options, or without --resume"
            raise RecordError([Problem("TN220", message, hint=hint)])

    def _read(self) -> None:
        path = self.folder / "journal"
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        good = 0
        for line in lines[:-1]:  # what follows the last newline was not written whole
            self.position = Position(**json.loads(line))
            good += len(line) + 1
        if path.is_file():
            os.truncate(path, good)

    def add(self, data: bytes, rejects: bytes, position: Position) -> None:
        """Adds a whole chunk.  After this returns, a kill does not lose it."""
        for file, content in zip(self._files, (data, rejects), strict=False):
            if content:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        position.data = self.position.data + len(data)
        position.rejects = self.position.rejects + len(rejects)
        self._files[-1].write(json.dumps(asdict(position)).encode() + b"\n")
        self._files[-1].flush()
        os.fsync(self._files[-1].fileno())
        self.position = position

    def discard(self) -> None:
        """Removes the folder and everything in it."""
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)


def put(source: Path, target: Path) -> None:
    """Gives a whole file its final name, on disk before it is named."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
    if hasattr(os, "O_DIRECTORY"):  # the name, too, is on disk
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
