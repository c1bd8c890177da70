"""What does Ctrl-C do to a run?  It stops at a place where nothing is half done.

Python raises ``KeyboardInterrupt`` between any two steps of the main thread, so also between
two that belong together.  Here the first Ctrl-C is only noted, and raised where the run asks
for it, a few times a second; a second one is raised at once.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """A context in which Ctrl-C waits for :meth:`check`.

    It does nothing where other code handles or ignores the signal, and in a thread that
    is not the main one: Python sends no signals there.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raises ``KeyboardInterrupt`` when Ctrl-C was pressed."""
        if self.is_asked:
            raise KeyboardInterrupt
