"""When compiled kernels are ready, and which calls wait for them.

A single record never waits: numpy answers it until the kernels are loaded.  They are loaded by
:func:`warm_up`, which compiles in a child process, or with the first batch.  Once they are on
disk, a process that has answered ``SOON`` single records loads them in a thread beside its
work (:func:`one_more`), so that a web service is fast after its first answers.

Every diagnosis imports this module: it may import neither numba nor the kernels before they
are needed.
"""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

LOG = logging.getLogger(__name__)

SOON = 3
"""3 single records, after which a process looks for kernels on disk.  To load them takes half a
second of processor time, which fewer records would not repay."""

AGAIN = 100
"""100 single records between further looks, since other processes may have compiled meanwhile."""

CHILD = "import sys; sys.path[:] = {path!r}; from twitchnet.engine.kernels import compiler as c; "
CHILD += "c.compiled()"

_asked = itertools.count(1)
_lock = threading.Lock()
_workers: list[threading.Thread] = []  # the last one that was started


def is_ready() -> bool:
    """Whether compiled kernels are loaded; asking does not import what belongs to them."""
    module = sys.modules.get("twitchnet.engine.kernels.compiler")
    is_compiled = getattr(module, "is_compiled", None)  # another thread may be importing it
    return is_compiled is not None and bool(is_compiled())


def is_on_disk() -> bool:
    """Whether compiled kernels can be loaded, which takes half a second."""
    from twitchnet.engine.kernels import compiler

    return compiler.is_cached()


def one_more() -> None:
    """Counts one more single record of this process, and has the kernels loaded in time."""
    count = next(_asked)
    if (count == SOON or count % AGAIN == 0) and not is_ready():
        _beside(_load, daemon=False)


def warm_up(*, background: bool = False) -> None:
    """Compiles the kernels in a child process, unless they lie on disk, and loads them.

    With ``background`` nothing is waited for: until the kernels are there, numpy answers, and
    the child goes on when this process ends.  Where no child can be started, or nothing can be
    kept on disk, this process compiles, in a thread if need be.

    >>> warm_up()  # doctest: +SKIP
    """
    if background:
        _beside(_make_and_load, daemon=True)
    else:
        _make()
        _load(compile_here=True)


def _beside(task: Callable[[], object], *, daemon: bool) -> None:
    """Runs a task in a thread, unless one is running; a daemon ends with the process."""
    with _lock:
        if not any(one.is_alive() and one is not threading.current_thread() for one in _workers):
            _workers[:] = [threading.Thread(target=task, name="twitchnet kernels", daemon=daemon)]
            with suppress(RuntimeError):  # the process is ending
                _workers[0].start()


def _make_and_load() -> None:
    _make(apart=True)
    # a thread that loads code must not be cut off by the end of the process
    _beside(partial(_load, compile_here=True), daemon=False)


def _load(compile_here: bool = False) -> None:
    """Loads the kernels that lie on disk."""
    if not is_ready() and (compile_here or is_on_disk()):
        from twitchnet.engine.kernels import compiler

        compiler.compiled()


def _make(apart: bool = False) -> None:
    """Compiles in a child process, where that helps; ``apart`` from the terminal's Ctrl-C."""
    if is_ready() or is_on_disk() or not _keeps():
        return
    LOG.info("compiling the batch kernels in a child process, which takes some seconds")
    nowhere = subprocess.DEVNULL
    subprocess.run(
        [sys.executable, "-c", CHILD.format(path=sys.path)],
        stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False, start_new_session=apart,
    )  # fmt: skip


def _keeps() -> bool:
    """Whether a child's kernels would be found: there is a folder for them, and a Python."""
    from twitchnet.engine.jit import cache_folder
    from twitchnet.engine.kernels import compiler

    try:
        kept = not cache_folder.unwritable(compiler.cache_directory())
    except (OSError, RuntimeError, ImportError):
        return False
    return kept and "python" in Path(sys.executable or "").name.lower()  # not a server that embeds
