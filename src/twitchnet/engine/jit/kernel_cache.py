"""Loading a compiled kernel from disk, and keeping it there.

It replaces numba's own cache, which unpickles an index before it knows whose it is, and hands
object code to the linker as it finds it: a truncated file ends the process.  Here a kernel is
one file; its name depends on the processor and the types of the arguments, its folder on the
sources and libraries (``compiler.cache_directory``).

Only ``kernels/compiler.py`` imports this, when kernels are first used.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from pathlib import Path
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps
from numba.core.typing.typeof import Purpose, typeof

from twitchnet.engine.jit import cache_folder
from twitchnet.engine.jit.cache_folder import UnusableError

LOG = logging.getLogger(__name__)
LASTS = "which takes some seconds"


def kernel_file(folder: Path, signature: tuple[Any, ...], codegen: Any) -> Path:
    """The file of a kernel for arguments of some types, on this processor as numba sees it."""
    key = repr((codegen.magic_tuple(), str(signature)))
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}{cache_folder.SUFFIX}"


def is_kept(folder: Path, arguments: tuple[Any, ...]) -> bool:
    """Whether a trusted folder holds a sound kernel for such arguments and this processor."""
    signature = tuple(typeof(value, Purpose.argument) for value in arguments)
    try:
        cache_folder.read(kernel_file(folder, signature, cpu_target.target_context.codegen()))
    except (FileNotFoundError, UnusableError):
        return False
    return True


class KernelCache(NullCache):  # type: ignore[misc, unused-ignore]
    """Loads and keeps kernels in a folder, and logs in one line why it compiles.

    Without a folder nothing is loaded or kept, and ``reason`` says why there is none.
    """

    def __init__(self, folder: Path | None, reason: str = "") -> None:
        self.folder, self.reason = folder, reason

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for a signature; None when it has to be compiled."""
        target_context.refresh()
        if self.folder is None:
            _tell_unkept(self.reason)
            return None
        if reason := cache_folder.untrusted(self.folder):
            _tell_unkept(reason)
            return None
        path, flaw = kernel_file(self.folder, sig, target_context.codegen()), ""
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(cache_folder.read(path)))
        except FileNotFoundError:
            pass
        except UnusableError as error:
            flaw = f"{path} {error}"
        except Exception as error:  # unpickling raises anything; a new kernel is always right
            flaw = f"{path} cannot be loaded ({type(error).__name__})"
        if reason := cache_folder.unwritable(self.folder):
            _tell_unkept(f"{flaw}, and {reason}" if flaw else reason)
        elif flaw:
            LOG.warning("compiling the batch kernels anew, %s: %s", LASTS, flaw)
        else:
            LOG.warning("compiling the batch kernels; this happens once and takes some seconds")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled, where it may be kept."""
        if self.folder is None or cache_folder.unwritable(self.folder):
            return
        if data.library.has_dynamic_globals:  # addresses of this process
            return
        path = kernel_file(self.folder, sig, data.codegen)
        try:
            cache_folder.write(path, dumps(data._reduce()))
        except OSError as error:
            LOG.warning("the compiled kernels are not kept: %s: %s", path, error.strerror)


def _tell_unkept(reason: str) -> None:
    LOG.warning("compiling the batch kernels in every process, %s: %s", LASTS, reason)
