"""What does a process on a cluster need before it scores?  Kernels, compiled once per machine.

Spark, Ray and Dask start several Python processes on a machine, often as a user without a home.
Each would compile the kernels for itself, which takes a minute and hundreds of megabytes.  Here the
kernels are kept in a folder that all processes of one user share, and one process compiles while
the others wait.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import compiler

LOG = logging.getLogger(__name__)


def prepare(cache: str = "") -> None:
    """Loads the kernels into this process, compiled by one process of the machine.

    ``cache`` is the folder in which they are kept.  By default it is the folder of
    ``TWITCHNET_CACHE``, else of the user's caches, and where that cannot be written a private
    folder among the temporary files.  Only the first call in a process has an effect.
    """
    if compiler.is_compiled():
        return
    place_cache(cache)
    compiler.compiled()  # of several processes one compiles


def place_cache(cache: str = "") -> None:
    """Sets ``TWITCHNET_CACHE`` to the folder of the kernels, where that is needed."""
    if cache:
        os.environ[cache_folder.VARIABLE] = cache
    if (reason := _unusable()) and not compiler.is_cached():
        private = str(_private_folder())
        LOG.warning("compiled kernels are kept in %s: %s", private, reason)
        os.environ[cache_folder.VARIABLE] = private


def _unusable() -> str:
    """Why this process cannot keep kernels where they are kept by default; empty if it can."""
    try:
        return cache_folder.unwritable(compiler.cache_directory())
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        return str(error)


def _private_folder() -> Path:
    """A folder that this user alone may write to, since the code in it is run."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"twitchnet-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()  # any user can put a link here
        if stat.S_ISDIR(about.st_mode) and not cache_folder.distrust(about):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="twitchnet-"))
