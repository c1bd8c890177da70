"""How far is it?  One line on a terminal or in a notebook, rewritten in place.

Nothing is written to a pipe or a file.  A notebook rewrites a line as a terminal does, so the
line needs no widget and is seen in every front end.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

EVERY = 0.2  # seconds between two looks of the line; more often flickers
LONG = 2.0  # seconds after which a person wants to know that something is going on


def is_watched(stream: TextIO) -> bool:
    """Whether a person may be looking at a stream: a terminal, or the output of a notebook."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")


class Meter:
    """What is done, the rate, and the time that is left; call it with the count that is done.

    ``total`` 0 means that nobody knows, ``about`` that it is an estimate; ``before`` records
    were done by another run.  Without ``shown``, for the first ``after`` seconds, and where
    nobody is watching the stream, it stays silent.
    """

    def __init__(
        self,
        total: int = 0,
        *,
        shown: bool = True,
        stream: TextIO | None = None,
        after: float = 0.0,
        unit: str = "records",
    ) -> None:
        self.total, self.unit = total, unit
        self.about = False
        self.before = 0
        self.stream = stream or sys.stderr
        self.shown = shown and is_watched(self.stream)
        self.start = time.monotonic()
        self.last = self.start + max(after - EVERY, 0.0)
        self.width = 0

    def __call__(self, done: int) -> None:
        """Tells how many records are done."""
        now = time.monotonic()
        if self.shown and now - self.last >= EVERY:
            self.last = now
            seconds = now - self.start
            line = progress_line(done, self.total, seconds, self.before, self.about, self.unit)
            self._write(line)

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
    done: int,
    total: int,
    seconds: float,
    before: int = 0,
    about: bool = False,
    unit: str = "records",
) -> str:
    """The line after some seconds, in which all but ``before`` of the units were done.

    >>> progress_line(250_000, 1_000_000, 5.0)
    '250,000 of 1,000,000 records (25 %), 50,000 a second, 15 s left'
    >>> progress_line(250_000, 1_000_000, 5.0, before=200_000, about=True)
    '250,000 of about 1,000,000 records (25 %), 10,000 a second, 75 s left'
    """
    rate = (done - before) / seconds if seconds > 0 else 0.0
    speed = f"{rate:,.0f} a second"
    if not total:
        return f"{done:,} {unit}, {speed}"
    left = f", {duration(max(total - done, 0) / rate)} left" if rate > 0 else ""
    whole = f"about {total:,}" if about else f"{total:,}"
    return f"{done:,} of {whole} {unit} ({min(100 * done // total, 100)} %), {speed}{left}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(15), duration(200), duration(8000)
    ('15 s', '3 min', '2 h 13 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
