"""Rows on all cores: blocks of them, each taken by the next thread that is free."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from twitchnet.engine.program import Ints

CORES = os.cpu_count() or 1
FEWEST_ROWS = 32  # rows for each thread: to start one takes as long as a few records
MOST_ROWS, SHARES = 256, 8  # rows of a call at most; calls of each thread at least, for balance

Run = Callable[[int, int], object]
"""Computes rows from the first to the last."""


def run_rows(
    start: Callable[[], AbstractContextManager[Run]],
    count: int,
    halt: Ints,
    *,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
    multiple: int = 1,
) -> None:
    """Runs ``count`` rows; each thread enters a ``start()`` of its own, with its workspace.

    A block has a ``multiple`` of rows.  ``progress`` is called with the number of rows done, from
    the calling thread.  ``halt[0]`` is set, and all threads have ended, when this returns or
    raises; the first error of a thread is raised.
    """
    workers = max(1, min(threads or CORES, -(-count // FEWEST_ROWS)))
    lock, place = threading.Lock(), 0
    failures: list[BaseException] = []

    def work() -> None:
        nonlocal place
        try:
            with start() as run:
                while halt[0] == 0:
                    with lock:
                        first = place
                        rows = min(MOST_ROWS, max(1, (count - first) // (SHARES * workers)))
                        place += -(-rows // multiple) * multiple
                        last = min(place, count)
                    if first >= count:
                        return
                    run(first, last)
        except BaseException as error:
            failures.append(error)
            halt[0] = 1

    crew = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    try:
        for thread in crew:
            thread.start()
        for thread in crew:
            while thread.is_alive():
                thread.join(0.1)
                if progress is not None:
                    progress(min(place, count))
    finally:
        halt[0] = 1
        for thread in crew:
            thread.join()
    if failures:
        raise failures[0]
    if progress is not None:
        progress(count)  # a crew that is quick has not been seen at work
