"""How do ten million records in files become results in a file, with nothing lost?

While one chunk is scored on all cores, the next one is read and encoded, and the one before is
written to a folder beside the output.  The output gets its name when it is complete.  Every row of
the input is counted once: scored, or refused with a line in the rejects file.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Encoded
from twitchnet.batch.files.interruption import Interruption
from twitchnet.batch.files.job import Job as Job
from twitchnet.batch.files.job import Summary as Summary
from twitchnet.batch.files.journal import Journal, Position
from twitchnet.batch.files.placing import check_place, is_stream, open_stream, put, real_place
from twitchnet.batch.files.rejects import HEADERS, BadCellLine, as_csv, by_cell, refused
from twitchnet.batch.formats.fitting import fit, fitted
from twitchnet.batch.formats.opening import Chunk, Cursor, Reject, unreadable
from twitchnet.batch.formats.readers import Input, packing_of
from twitchnet.batch.formats.writers import finish, packing, piece, pipe_end
from twitchnet.batch.scoring.posteriors import SMALL, Progress
from twitchnet.batch.scoring.score import Scores
from twitchnet.batch.stream import arrow, metadata
from twitchnet.errors import Problem, RecordError, TwitchnetError
from twitchnet.show.progress import Meter

BEHIND = 2
"""Scored chunks that may wait for the disk: bounds the memory."""


def score_files(job: Job, progress: Progress | None = None) -> Summary:
    """Scores the input into the output.

    Raises ``RecordError`` when the input cannot be read, at the first refused row when
    ``strict``, and for a run that cannot go on; ``OSError`` when nothing can be written.
    """
    start = time.monotonic()
    job = replace(job, scheme=fit(job.scheme, job.format))
    if job.is_streamed:
        position = _to_stream(job, progress)
        return _summary(job, position, start, 0)
    _refuse_to_replace(job)
    if job.resume and "-" in job.input.paths:
        raise unreadable("-", "a pipe cannot be read again, so its run cannot be resumed")
    output = Path(job.output)
    packed = packing_of(job.output, job.format)
    for path in filter(None, (output, job.rejects_path)):
        check_place(path)
    state = job.state if "-" not in job.input.paths else {}
    with Journal(output, state, job.resume) as journal:
        before = journal.position.rows
        try:
            if not journal.position.whole:
                _to_journal(job, journal, progress)
            summary = _summary(job, journal.position, start, before)
            _name(job, journal, summary, packed)
        except _Refused as stop:
            journal.discard()
            raise _strict(stop.reject) from None
        except BaseException as error:
            cannot_go_on = isinstance(error, RecordError) and error.problems[0].code == "TN220"
            if not journal.position.chunks:
                journal.discard()
            elif not cannot_go_on:
                error.add_note(_left(job, journal))
            raise
        journal.discard()
    return summary


def _to_journal(job: Job, journal: Journal, progress: Progress | None) -> None:
    """Scores the chunks that are not scored yet."""

    def store(data: bytes, rejects: list[Reject], lines: Lines, after: Position) -> None:
        header = () if journal.position.chunks else HEADERS[job.rejects_by]
        journal.add(data, as_csv(lines, header), after)

    _run(job, journal.position, store, progress)
    journal.add(b"", b"", replace(journal.position, whole=True))


def _left(job: Job, journal: Journal) -> str:
    """What an interrupted run leaves behind, and what can be done with it."""
    kept = f"{journal.position.rows:,} rows are kept in {journal.folder}"
    if "-" in job.input.paths:
        return (
            f"interrupted; {kept}, but a pipe cannot be read again: remove the folder, start again"
        )
    return (
        "interrupted; --resume goes on after the last whole chunk of the same input; "
        f"{kept} (remove it, or run without --resume, to start again)"
    )


def _refuse_to_replace(job: Job) -> None:
    """Raises ``RecordError`` when a file that is written would take the place of another."""
    output = Path(job.output)
    written = [] if job.is_streamed else [output, Path(f"{output}.meta.json")]
    written += [job.rejects_path] if job.rejects_path else []
    inputs = [Path(path) for path in job.input.paths if path != "-"]
    taken = {real_place(path): "an input of this run" for path in inputs}
    for path in written:
        if is_stream(path):
            continue
        place = real_place(path)
        if place in taken:
            message = f"{path} is {taken[place]}"
            raise RecordError([Problem("TN222", message, hint="write to another file")])
        taken[place] = "written by this run already"


def _name(job: Job, journal: Journal, summary: Summary, packed: str) -> None:
    """Gives everything its final name, the output last, compressed as ``packed`` says.

    After a kill some files have their names already; they must hold what this run has written.
    """
    output, rejects = Path(job.output), job.rejects_path
    data, listed, final = (journal.folder / name for name in ("data", "rejects", "final"))
    is_text = job.format in ("csv", "jsonl")
    is_named = is_text and not packed and not data.exists()
    if is_named:
        journal.compare("data", output)
    elif not data.exists():
        raise journal.cannot_go_on(f"{data} is missing")
    elif packed or not is_text:
        finish(job.format, data, final, job.input.columns, packed)
    if rejects is not None and listed.exists():
        if summary.refused:
            put(listed, rejects)
        else:
            listed.unlink()
            if not is_stream(rejects):
                real_place(rejects).unlink(missing_ok=True)  # of an earlier run
    elif rejects is not None and summary.refused and not is_stream(rejects):
        journal.compare("rejects", rejects)
    if is_text:  # text has no place for metadata
        about = journal.folder / "about"
        facts = metadata(job.scheme.scorer) | summary.to_dict()
        about.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        put(about, Path(f"{job.output}.meta.json"))
    if not is_named:
        put(final if packed or not is_text else data, output)


def _to_stream(job: Job, progress: Progress | None) -> Position:
    """Writes rows as they come, and refused rows to their file or to standard error."""
    end = pipe_end(job.format, job.output)
    if job.resume:
        message = f"what was written to {_place_of(job)} cannot be continued"
        hint = "write to a file, or run it without --resume"
        raise RecordError([Problem("TN220", message, hint=hint)])
    _refuse_to_replace(job)
    path, packed = job.rejects_path, ""
    if path:
        check_place(path)
    with ExitStack() as stack:
        stream: BinaryIO = sys.stdout.buffer
        if job.output != "-":
            packed = packing_of(job.output, job.format)
            stream = stack.enter_context(open_stream(Path(job.output)))
        sink = stack.enter_context(packing(stream, packed)) if packed else stream
        listed: BinaryIO | None = None
        if path:
            opened = open_stream(path) if is_stream(path) else path.open("wb")
            listed = stack.enter_context(opened)

        def store(data: bytes, rejects: list[Reject], lines: Lines, after: Position) -> None:
            sink.write(data)
            sink.flush()
            if listed:
                listed.write(as_csv(lines, HEADERS[job.rejects_by] if after.chunks == 1 else ()))
            else:
                for reject in rejects:
                    sys.stderr.write(f"refused: {_problem(reject)}\n")

        try:
            position = _run(job, Position(), store, progress)
        except _Refused as stop:
            raise _strict(stop.reject) from None
        sink.write(end)
    return position


def _place_of(job: Job) -> str:
    return "standard output" if job.output == "-" else job.output


def _summary(job: Job, position: Position, start: float, before: int) -> Summary:
    refused_rows = sum(position.refused.values())
    assert position.rows == position.scored + refused_rows, "a row was lost"
    seconds = time.monotonic() - start
    rejects = str(job.rejects_path or "")
    return Summary(
        position.rows, position.scored, position.refused, seconds, before, rejects, position.values
    )


def _problem(reject: Reject) -> Problem:
    message = f"row {reject.row}: {reject.reason}"
    return Problem(reject.code, message, reject.column, reject.file)


def _strict(reject: Reject) -> RecordError:
    return RecordError([_problem(reject)])


class _Refused(Exception):
    """A row was refused in a run that stops at the first refused row."""

    def __init__(self, reject: Reject) -> None:
        self.reject = reject


Lines = Sequence[Reject] | Sequence[BadCellLine]
Store = Callable[[bytes, list[Reject], Lines, Position], None]
"""Stores a chunk: its bytes, its refused rows, the lines about these, and the position after it."""


def _run(job: Job, done: Position, store: Store, progress: Progress | None) -> Position:
    """Scores all chunks after ``done``; returns the position at the end.

    A chunk is read while the one before it is scored, and stored while the one after it is scored.
    """
    writing = _Writing(job, done, store)
    if isinstance(progress, Meter):
        progress.before = done.rows
    with (
        ThreadPoolExecutor(1, "twitchnet-write") as pool,
        Interruption() as asked,
        closing(_ahead(_encoded(job, done))) as coming,
    ):
        waiting: deque[Future[None]] = deque()
        index, rows = done.chunks, done.rows
        for chunk, encoded in coming:
            scores = job.scheme.scorer.score(
                encoded,
                threads=job.threads,
                progress=_shifted(progress, rows, asked),
                # only an input of one small chunk may be left to numpy
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
        store(piece(job.format, empty, first=True), [], [], Position(chunks=1))
        return Position(chunks=1)
    return writing.position


class _Writing:
    """Stores the chunks of a run in order; after an error it stores no more, so that no chunk is
    skipped.
    """

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
        data = self._piece(chunk, scores, ok, first=before.chunks == 0)
        counts = dict(before.refused)
        for reject in rejects:
            counts[reject.code] = counts.get(reject.code, 0) + 1
        cursor = list(chunk.cursor) if chunk.cursor else []
        after = Position(
            before.chunks + 1, before.rows + chunk.rows, before.scored + len(ok), counts,
            _with_values(before.values, encoded), cursor=cursor,
        )  # fmt: skip
        by_row = job.rejects_by == "row"
        self.store(data, rejects, rejects if by_row else by_cell(rejects, chunk, encoded), after)
        self.position = after
        self.failed = False

    def _piece(self, chunk: Chunk, scores: Scores, ok: NDArray[np.int64], first: bool) -> bytes:
        """The bytes of the scored rows of a chunk."""
        scheme, form = self.job.scheme, self.job.format
        try:
            kept = {
                name: fitted(chunk.column(name, kind), kind)
                for name, kind in ((name, scheme.types[name]) for name in scheme.kept)
            }
            return piece(form, scheme.rows(kept, scores, ok, chunk.numbers), first)
        except TwitchnetError:
            raise
        except (arrow().ArrowException, ValueError, OverflowError) as error:
            message = f"{form} cannot hold a value of these rows: {str(error)[:200]}"
            hint = "write Parquet or Arrow, or leave the columns out: --keep none"
            raise RecordError([Problem("TN224", message, "", chunk.file, hint=hint)]) from None


MOST_VALUES = 1000
"""Different values that are counted in one run: bounds the memory, also for columns of free text.
"""


def _with_values(
    before: Mapping[str, Mapping[str, int]], encoded: Encoded
) -> dict[str, dict[str, int]]:
    """What was not understood so far, with the cells of one more chunk."""
    counts = {column: dict(values) for column, values in before.items()}
    size = sum(map(len, counts.values()))
    for one in encoded.refusals:
        own = counts.setdefault(one.column, {})
        if one.value in own or size < MOST_VALUES:
            size += one.value not in own
            own[one.value] = own.get(one.value, 0) + one.count
    return counts


def _estimate(found: Input, chunk: Chunk, rows: int) -> int:
    """About how many rows the input has, when ``rows`` end with a chunk; 0 for a pipe."""
    if not chunk.share:
        return 0
    sizes = [Path(path).stat().st_size for path in found.paths]
    at = found.paths.index(chunk.file)
    read = sum(sizes[:at]) + chunk.share * sizes[at]
    digits = len(str(rows)) - 2
    return max(int(round(rows * sum(sizes) / read, -digits)), rows)


def _shifted(progress: Progress | None, before: int, asked: Interruption) -> Progress:
    def report(done: int) -> None:
        asked.check()
        if progress is not None:
            progress(before + done)

    return report


def _encoded(job: Job, done: Position) -> Generator[tuple[Chunk, Encoded], None, None]:
    start = Cursor(*done.cursor) if done.cursor else Cursor()
    skip = 0 if done.cursor else done.chunks
    for index, chunk in enumerate(job.wanted.chunks(job.chunk, start)):
        if index >= skip:
            yield chunk, job.scheme.encode(chunk.frame)


def _ahead(
    items: Generator[tuple[Chunk, Encoded], None, None],
) -> Generator[tuple[Chunk, Encoded], None, None]:
    """The same items, each made while the one before it is in use."""
    try:
        with ThreadPoolExecutor(1, "twitchnet-read") as pool:
            coming = pool.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = pool.submit(next, items, None)
                yield item
    finally:
        items.close()  # with what reads ahead of it
