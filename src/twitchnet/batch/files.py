"""How do ten million records in files become results in a file, with nothing lost?

Chunks are read and encoded one ahead, scored on all cores, and written aside one behind; the
output appears under its name when it is whole.  Every row of the input is counted once: scored,
or refused with a line in the rejects file.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from twitchnet.batch.encode import Encoded, match_columns
from twitchnet.batch.interruption import Interruption
from twitchnet.batch.journal import Journal, Position, put
from twitchnet.batch.opening import Chunk, Cursor, Reject, unreadable
from twitchnet.batch.posteriors import SMALL
from twitchnet.batch.readers import Input, packing_of
from twitchnet.batch.rejects import REASONS, as_csv, refused
from twitchnet.batch.score import Scores
from twitchnet.batch.stream import Scheme, arrow, metadata
from twitchnet.batch.writers import finish, piece, pipe_end
from twitchnet.errors import Problem, RecordError
from twitchnet.show.progress import Meter, duration

CHUNK = 8192
"""Rows between two entries of the journal: a kill loses less than this."""

BEHIND = 2
"""Scored chunks that may wait for the disk; more cost memory."""

Told = Callable[[int], object]


@dataclass(frozen=True)
class Job:
    """What is scored into what.

    ``output`` is a file, or ``-`` for standard output.  ``rejects`` is a file; '' is
    ``OUT.rejects.csv``, and standard error where the output goes to a pipe.
    """

    input: Input
    scheme: Scheme
    output: str
    format: str
    rejects: str = ""
    chunk: int = CHUNK
    strict: bool = False
    resume: bool = False
    threads: int | None = None

    @property
    def rejects_path(self) -> Path | None:
        """Where refused rows are listed; None for standard error."""
        if self.rejects:
            return Path(self.rejects)
        return None if self.output == "-" else Path(f"{self.output}.rejects.csv")

    @property
    def wanted(self) -> Input:
        """The input, told which of its columns are used."""
        scheme = self.scheme
        names, network = tuple(self.input.columns), scheme.scorer.network
        used, _ = match_columns(network, names, scheme.names)
        return replace(self.input, answers=tuple(used), kept=scheme.kept)

    @property
    def state(self) -> dict[str, Any]:
        """What must be equal for a run to go on where another stopped."""
        scheme, scorer = self.scheme, self.scheme.scorer
        return {
            **metadata(scorer),
            **self.input.state,
            "output format": self.format,
            "columns": scheme.schema.names,
            "names": dict(scheme.names),
            "top": scorer.top,
            "long": scheme.long,
            "chunk": self.chunk,
            "budget": scorer.inference.budget,
        }


@dataclass(frozen=True)
class Summary:
    """What became of every row: ``rows`` = ``scored`` + all of ``refused`` (by code).

    ``before`` rows were done by an interrupted run; ``seconds`` are this run's.
    """

    rows: int
    scored: int
    refused: Mapping[str, int]
    seconds: float
    before: int = 0
    rejects: str = ""

    def __str__(self) -> str:
        lines = [f"{self.rows:,} rows: {self.scored:,} scored, {self.rows - self.scored:,} refused"]
        for code, count in sorted(self.refused.items()):
            lines.append(f"  {count:,} {REASONS.get(code, 'refused')} ({code})")
        if self.refused and self.rejects:
            lines.append(f"  listed in {self.rejects}")
        if self.before:
            lines.append(f"{self.before:,} of the rows were done before")
        rate = (self.rows - self.before) / self.seconds if self.seconds else 0.0
        lines.append(f"{duration(self.seconds)}, {rate:,.0f} rows/s")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys are stable."""
        return {
            "rows": self.rows,
            "scored": self.scored,
            "refused": dict(self.refused),
            "seconds": self.seconds,
            "rows_done_before": self.before,
        }


def score_files(job: Job, progress: Told | None = None) -> Summary:
    """Scores the input into the output.

    Raises ``RecordError`` when the input cannot be read, at the first refused row when
    ``strict``, and for a run that cannot go on; ``OSError`` when nothing can be written.
    """
    start = time.monotonic()
    _refuse_to_replace(job)
    if job.output == "-":
        position = _to_pipe(job, sys.stdout.buffer, progress)
        return _summary(job, position, start, 0)
    if job.resume and "-" in job.input.paths:
        raise unreadable("-", "a pipe cannot be read again, so its run cannot be resumed")
    output = Path(job.output)
    packed = packing_of(job.output, job.format)
    for path in filter(None, (output, job.rejects_path)):
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no such folder: {path.parent}")
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
    state = job.state if "-" not in job.input.paths else {}
    with Journal(output, state, job.resume) as journal:
        before = journal.position.rows
        if not journal.position.whole:

            def store(data: bytes, rejects: list[Reject], after: Position) -> None:
                lines = as_csv(rejects, header=not journal.position.chunks)
                journal.add(data, lines, after)

            try:
                _run(job, journal.position, store, progress)
            except _Refused as stop:
                journal.discard()
                raise _strict(stop.reject) from None
            journal.add(b"", b"", replace(journal.position, whole=True))
        summary = _summary(job, journal.position, start, before)
        _name(job, journal, summary, packed)
        journal.discard()
    return summary


def _refuse_to_replace(job: Job) -> None:
    """Raises ``RecordError`` when a file that is written would take the place of another."""
    output = Path(job.output)
    written = [] if job.output == "-" else [output, Path(f"{output}.meta.json")]
    written += [job.rejects_path] if job.rejects_path else []
    inputs = [Path(path) for path in job.input.paths if path != "-"]
    taken = {path.resolve(): "an input of this run" for path in inputs}
    for path in written:
        place = path.resolve()
        if place in taken:
            message = f"{path} is {taken[place]}"
            raise RecordError([Problem("TN222", message, hint="write to another file")])
        taken[place] = "written by this run already"


def _name(job: Job, journal: Journal, summary: Summary, packed: str) -> None:
    """Gives everything its final name, the output last, compressed as ``packed`` says."""
    output, rejects = Path(job.output), job.rejects_path
    data, listed, final = (journal.folder / name for name in ("data", "rejects", "final"))
    if data.exists():
        finish(job.format, data, final, job.input.columns, packed)
    if rejects is not None and listed.exists():
        if summary.refused:
            put(listed, rejects)
        else:
            listed.unlink()
            rejects.unlink(missing_ok=True)  # of an earlier run
    if job.format in ("csv", "jsonl"):  # they have no place for it themselves
        about = journal.folder / "about"
        told = metadata(job.scheme.scorer) | summary.to_dict()
        about.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        put(about, Path(f"{job.output}.meta.json"))
    if final.exists():  # also when a run was killed between the two
        put(final, output)
    data.unlink(missing_ok=True)


def _to_pipe(job: Job, stream: BinaryIO, progress: Told | None) -> Position:
    """Writes to standard output, and refused rows to their file or to standard error."""
    end = pipe_end(job.format)
    path = job.rejects_path
    listed = path.open("wb") if path else None

    def store(data: bytes, rejects: list[Reject], after: Position) -> None:
        stream.write(data)
        stream.flush()
        if listed:
            listed.write(as_csv(rejects, header=after.chunks == 1))
        else:
            for reject in rejects:
                sys.stderr.write(f"refused: {_problem(reject)}\n")

    try:
        position = _run(job, Position(), store, progress)
        stream.write(end)
    except _Refused as stop:
        raise _strict(stop.reject) from None
    finally:
        if listed:
            listed.close()
    return position


def _summary(job: Job, position: Position, start: float, before: int) -> Summary:
    refused_rows = sum(position.refused.values())
    assert position.rows == position.scored + refused_rows, "a row was lost"
    seconds = time.monotonic() - start
    rejects = str(job.rejects_path or "")
    return Summary(position.rows, position.scored, position.refused, seconds, before, rejects)


def _problem(reject: Reject) -> Problem:
    message = f"row {reject.row}: {reject.reason}"
    return Problem(reject.code, message, reject.column, reject.file)


def _strict(reject: Reject) -> RecordError:
    return RecordError([_problem(reject)])


class _Refused(Exception):
    """A row was refused in a run that stops at the first."""

    def __init__(self, reject: Reject) -> None:
        self.reject = reject


Store = Callable[[bytes, list[Reject], Position], None]
"""What becomes of a chunk: its bytes, its refused rows, and the position after it."""


def _run(job: Job, done: Position, store: Store, progress: Told | None) -> Position:
    """Scores all chunks after ``done``; the position at the end.

    A chunk is read while the one before is scored, and stored while the next one is.
    """
    writing = _Writing(job, done, store)
    if isinstance(progress, Meter):
        progress.before = done.rows
    with ThreadPoolExecutor(1, "twitchnet-write") as pool, Interruption() as asked:
        waiting: deque[Future[None]] = deque()
        index, rows = done.chunks, done.rows
        for chunk, encoded in _ahead(_encoded(job, done)):
            scores = job.scheme.scorer.score(
                encoded,
                threads=job.threads,
                progress=_shifted(progress, rows, asked),
                # only an input of one small chunk may do without the kernels
                compiled=True if index or len(chunk.numbers) > SMALL else None,
            )
            waiting.append(pool.submit(writing.add, chunk, encoded, scores))
            index, rows = index + 1, rows + chunk.rows
            if isinstance(progress, Meter) and not job.input.total:
                progress.total, progress.about = _estimate(job.input, chunk, rows), True
            if len(waiting) > BEHIND:
                waiting.popleft().result()
            asked.check()
        for one in waiting:
            one.result()
    if writing.position.chunks == 0:
        empty = arrow().RecordBatch.from_pylist([], schema=job.scheme.schema)
        store(piece(job.format, empty, first=True), [], Position(chunks=1))
        return Position(chunks=1)
    return writing.position


class _Writing:
    """What is stored of a run; after an error nothing more is, so no chunk is skipped."""

    def __init__(self, job: Job, done: Position, store: Store) -> None:
        self.job = job
        self.position = done
        self.store = store
        self.failed = False

    def add(self, chunk: Chunk, encoded: Encoded, scores: Scores) -> None:
        if self.failed:
            return
        self.failed = True
        job, before = self.job, self.position
        rejects = refused(job.scheme.scorer.network, chunk, encoded, scores)
        if job.strict and rejects:
            raise _Refused(rejects[0])
        ok = np.flatnonzero(scores.status == "ok")
        kept = {name: chunk.column(name, job.scheme.types[name]) for name in job.scheme.kept}
        batch = job.scheme.rows(kept, scores, ok, chunk.numbers)
        counts = dict(before.refused)
        for reject in rejects:
            counts[reject.code] = counts.get(reject.code, 0) + 1
        cursor = list(chunk.cursor) if chunk.cursor else []
        after = Position(
            before.chunks + 1, before.rows + chunk.rows, before.scored + len(ok), counts,
            cursor=cursor,
        )  # fmt: skip
        self.store(piece(job.format, batch, first=before.chunks == 0), rejects, after)
        self.position = after
        self.failed = False


def _estimate(found: Input, chunk: Chunk, rows: int) -> int:
    """About how many rows the input has, when ``rows`` end with a chunk; 0 for a pipe."""
    if not chunk.share:
        return 0
    sizes = [Path(path).stat().st_size for path in found.paths]
    at = found.paths.index(chunk.file)
    read = sum(sizes[:at]) + chunk.share * sizes[at]
    digits = len(str(rows)) - 2
    return max(int(round(rows * sum(sizes) / read, -digits)), rows)


def _shifted(progress: Told | None, before: int, asked: Interruption) -> Told:
    def told(done: int) -> None:
        asked.check()
        if progress is not None:
            progress(before + done)

    return told


def _encoded(job: Job, done: Position) -> Iterator[tuple[Chunk, Encoded]]:
    start = Cursor(*done.cursor) if done.cursor else Cursor()
    skip = 0 if done.cursor else done.chunks
    for index, chunk in enumerate(job.wanted.chunks(job.chunk, start)):
        if index >= skip:
            yield chunk, job.scheme.encode(chunk.frame)


def _ahead(items: Iterator[tuple[Chunk, Encoded]]) -> Iterator[tuple[Chunk, Encoded]]:
    """The same items, each made while the one before is in use."""
    with ThreadPoolExecutor(1, "twitchnet-read") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
