"""How far is it?  One line on a terminal, rewritten in place; nothing in a pipe or a file."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

EVERY = 0.2  # seconds between two looks of the line; more often flickers


class Meter:
    """Records done, the rate, and the time that is left; call it with the records done.

    ``total`` 0 means that nobody knows, ``about`` that it is an estimate; ``before`` records
    were done by another run.  Without ``shown``, or when the stream is no terminal, it stays
    silent.
    """

    def __init__(self, total: int = 0, *, shown: bool = True, stream: TextIO | None = None) -> None:
        self.total = total
        self.about = False
        self.before = 0
        self.stream = stream or sys.stderr
        self.shown = shown and self.stream.isatty()
        self.start = self.last = time.monotonic()
        self.width = 0

    def __call__(self, done: int) -> None:
        """Tells how many records are done."""
        now = time.monotonic()
        if self.shown and now - self.last >= EVERY:
            self.last = now
            seconds = now - self.start
            self._write(progress_line(done, self.total, seconds, self.before, self.about))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.width:
            self._write("")
            self.stream.write("\r")
            self.stream.flush()

    def _write(self, line: str) -> None:
        self.stream.write("\r" + line.ljust(self.width))
        self.stream.flush()
        self.width = max(self.width, len(line))


def progress_line(
    done: int, total: int, seconds: float, before: int = 0, about: bool = False
) -> str:
    """The line after some seconds, in which all but ``before`` of the records were done.

    >>> progress_line(250_000, 1_000_000, 5.0)
    '250,000 of 1,000,000 records (25 %), 50,000 a second, 15 s left'
    >>> progress_line(250_000, 1_000_000, 5.0, before=200_000, about=True)
    '250,000 of about 1,000,000 records (25 %), 10,000 a second, 75 s left'
    """
    rate = (done - before) / seconds if seconds > 0 else 0.0
    speed = f"{rate:,.0f} a second"
    if not total:
        return f"{done:,} records, {speed}"
    left = f", {duration(max(total - done, 0) / rate)} left" if rate > 0 else ""
    whole = f"about {total:,}" if about else f"{total:,}"
    return f"{done:,} of {whole} records ({min(100 * done // total, 100)} %), {speed}{left}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(15), duration(200), duration(8000)
    ('15 s', '3 min', '2 h 13 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
