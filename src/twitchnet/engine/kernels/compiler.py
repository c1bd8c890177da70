"""The one owner of the compiler: its flags, and where compiled code is cached.

Nothing else imports numba, and this module imports it only when :func:`compiled` is first
called.  Kernels stay plain Python functions; their helpers are registered so that compiled
code may call them by the same names.
"""

from __future__ import annotations

import gc
import hashlib
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import (
    cutset,
    layout,
    leaves,
    levels,
    lookahead,
    ordering,
    plan,
    record,
    reduce,
    shared,
    signs,
)
from twitchnet.engine.kernels.fast import joints, products, responsibility, schedule, sweep
from twitchnet.engine.kernels.layout import (
    LanesAt,
    Packed,
    PackedAt,
    RecordLanes,
    Schedule,
    ScheduleAt,
    Scratch,
    ScratchAt,
    Task,
)

FLAGS = {"nogil": True, "error_model": "numpy", "boundscheck": False, "_nrt": False}
# No fastmath: it would allow reordering, and answers would differ between machines.
INNER_FLAGS = {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # of what only kernels call: no code for calls from Python

_KERNELS = (
    layout, leaves, signs, levels, reduce, ordering, schedule, joints, products, sweep,
    responsibility, cutset, plan, lookahead, record, shared,
)  # fmt: skip
ENTRIES: dict[str, Callable[..., Any]] = {
    "run_records": record.run_records,
    "run_shared": shared.run_shared,
}
"""The kernels that are called from outside."""
_REGISTERED: set[object] = set()  # functions and structures that numba has been told of
_SOURCES = "kernels", "kernels/fast", "jit"  # folders beside this one
_LOCK = threading.Lock()
_READY: dict[str, Callable[..., Any]] = {}  # by the names of ``ENTRIES``, once compiled


@cache
def _version() -> str:
    """A digest of what compiled code depends on, except the processor: sources and libraries."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        for path in sorted((Path(__file__).parents[1] / name).glob("*.py")):
            digest.update(path.read_bytes())
    versions = [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    digest.update(repr((sys.implementation.cache_tag, sys.version, versions)).encode())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Where compiled code is kept: one folder per version of the kernels and their compiler.

    ``TWITCHNET_CACHE`` names another parent folder.  Raises ``RuntimeError`` for a user
    without a home, ``OSError`` or ``ImportError`` where sources or compiler are not installed.
    """
    return cache_folder.parent_folder() / "twitchnet" / _version()


def is_compiled() -> bool:
    """Whether compiled kernels are already loaded in this process."""
    return "run_records" in _READY


def is_cached(entry: str = "run_records") -> bool:
    """Whether this process can load a kernel from disk, without the compiler.

    numba, which knows the processor, is imported only if there are files for this installation.
    """
    try:
        folder = cache_directory()
        if cache_folder.untrusted(folder) or not any(folder.glob(f"*{cache_folder.SUFFIX}")):
            return False
        from twitchnet.engine.jit.kernel_cache import is_kept

        return is_kept(folder, arguments(entry))
    except (OSError, RuntimeError, ImportError):  # no readable folder, no home, no compiler
        return False


def compiled(entry: str = "run_records") -> Callable[..., Any]:
    """The compiled twin of a kernel that is called from outside.

    ``run_records`` takes ``packed.at`` and ``scratch.at``, ``run_shared`` takes ``schedule.at``
    and ``lanes.at``.  The first call on a machine compiles for some seconds and says so in the
    log; later processes read the cache.  Of several processes one compiles, and the others wait.
    """
    with _LOCK:
        if entry not in _READY:
            with nullcontext() if is_cached(entry) else _alone():
                _READY[entry] = _compile(entry)
        return _READY[entry]


def _alone() -> AbstractContextManager[None]:
    """Keeps other processes from compiling the same kernels meanwhile."""
    try:
        return cache_folder.one_at_a_time(cache_directory())
    except (OSError, RuntimeError, ImportError):  # there is no folder: nobody shares anything
        return nullcontext()


def _register() -> None:
    """Tells numba, once, which functions kernels may call, and which structures they take."""
    import numba

    from twitchnet.engine.jit import arrays, machine  # noqa: F401
    from twitchnet.engine.jit.pieces import PieceCompiler

    structures = Packed, Scratch, Schedule, RecordLanes
    for module in _KERNELS:
        for function in _functions(module):
            if function not in _REGISTERED and function.__name__ not in ENTRIES:
                _REGISTERED.add(function)
                numba.extending.register_jitable(
                    pipeline_class=PieceCompiler, **INNER_FLAGS, **FLAGS
                )(function)
    if not _REGISTERED.issuperset(structures):
        _REGISTERED.update(structures)
        for structure in structures:
            arrays.learn(structure)


def _compile(entry: str) -> Callable[..., Any]:
    """Compiles or loads a kernel by a call without rows."""
    import numba

    collects = gc.isenabled()
    gc.disable()  # the compiler makes many small objects and keeps most of them
    try:
        _register()
        run = caller(ENTRIES[entry])
        if not numba.config.DISABLE_JIT:
            run._cache = _kernel_cache()
        run(*arguments(entry))
    finally:
        if collects:
            if gc.get_freeze_count() == 0:
                gc.freeze()  # or the next collection would look at all of it
                gc.unfreeze()
            gc.enable()
    return run  # type: ignore[no-any-return, unused-ignore]


def _kernel_cache() -> Any:
    """The cache of kernels, which may be without a folder."""
    from twitchnet.engine.jit.kernel_cache import KernelCache

    try:
        return KernelCache(cache_directory())
    except (OSError, RuntimeError, ImportError) as error:
        return KernelCache(None, str(error))


def caller(function: Callable[..., Any]) -> Any:
    """A compiled function that may call kernels; they must be registered before."""
    import numba

    from twitchnet.engine.jit.pieces import KernelCompiler

    return numba.njit(pipeline_class=KernelCompiler, **FLAGS)(function)


def arguments(entry: str) -> tuple[Any, ...]:
    """Arguments of a kernel for an empty batch; only their types matter."""
    i1, b1, f1, f2 = np.zeros(1, np.int64), np.zeros(1, np.int8), np.zeros(1), np.zeros((1, 1))
    task = Task(
        wanted=i1, codes=b1[None], node_of=i1, soft=f2[None], soft_of=i1, column_node=i1,
        column_state=i1, probability=f2, explains=f2, responsibility=f2, log_evidence=f1,
        status=b1, cells=f1, forms=b1, limits=b1, halt=i1, plan_only=i1,
    )  # fmt: skip
    if entry == "run_shared":
        return ScheduleAt(i1), LanesAt(i1), task, 0, 0
    return PackedAt(i1), ScratchAt(i1), task, 0.0, 0, 0


def _functions(module: ModuleType) -> list[FunctionType]:
    """The kernel functions that a module defines."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    ]
