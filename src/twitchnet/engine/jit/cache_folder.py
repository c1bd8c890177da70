"""Where compiled code is kept on disk, and whether what lies there may be run.

Loading compiled code means unpickling it and running it, so this module decides what is
loaded.  Two rules hold, and every reader and writer of the cache goes through them:

* A folder or a file is used only if it belongs to this user or to root, and nobody else can
  write to it.  What is not trusted is never opened for reading.
* A file begins with a digest of its payload, so damage is found before anything is unpickled.

Of several processes that need the same code one compiles, and the others wait for it
(:func:`one_at_a_time`).

numba may not enter here: these questions are asked before anybody decides to load it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: each process compiles, and the last one is kept
    fcntl = None  # type: ignore[assignment, unused-ignore]

VARIABLE = "TWITCHNET_CACHE"
MAGIC = b"twitchnet kernels 1\n"
SUFFIX = ".kernel"
LARGEST = 1 << 28  # bytes that are read; a kernel has one to two million
PATIENCE = 120.0  # seconds to wait for another process: one that compiles for longer has stopped
LOOK = 0.1  # seconds between two looks at a lock


class UnusableError(Exception):
    """A file of compiled code is there but is not loaded; the text continues its name."""


def parent_folder() -> Path:
    """The folder that ``TWITCHNET_CACHE`` names, else that of the user's caches.

    Raises ``RuntimeError`` for a user without a home.
    """
    named = os.environ.get(VARIABLE) or os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path.home() / ".cache"


def distrust(about: os.stat_result) -> str:
    """Why a folder or a file is not trusted; empty if it is.

    Windows has neither owners nor modes of this kind: everything is trusted there.
    """
    if not hasattr(os, "getuid"):
        return ""
    if about.st_uid not in (os.getuid(), 0):
        return "belongs to another user"
    return "can be written by others" if about.st_mode & 0o022 else ""


def untrusted(folder: Path) -> str:
    """The line that says why nothing in a cache folder is loaded; empty if it may be.

    ``folder`` is ``PARENT/twitchnet/VERSION``.  The parent counts where ``TWITCHNET_CACHE``
    names it; that of all caches of a user is not ours to judge.  What is missing is trusted.
    """
    ours = [folder.parent, folder]
    if os.environ.get(VARIABLE):
        ours.insert(0, folder.parent.parent)
    for one in ours:
        try:
            about = one.stat()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{one} cannot be read ({error.strerror}); {_cure()}"
        if found := distrust(about):
            fix = f"`chmod go-w {one}`, or " if found == "can be written by others" else ""
            return f"{one} {found}; {fix}{_cure()}"
    return ""


def unwritable(folder: Path) -> str:
    """The line that says why nothing can be written to a cache folder; empty if it can be.

    Makes the folder, writable for this user alone.
    """
    try:
        folder.parent.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.parent.mkdir(mode=0o755, exist_ok=True)
        folder.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        return f"{folder} cannot be made ({error.strerror}); {_cure()}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} cannot be written; {_cure()}"
    return untrusted(folder)


def _cure() -> str:
    return f"name a folder of your own in {VARIABLE}"


def read(path: Path) -> bytes:
    """The payload of a file.

    Raises ``FileNotFoundError``, and ``UnusableError`` for what is not trusted or damaged.
    """
    try:
        # The file that is judged is the file that is read; a pipe in its place blocks nobody.
        handle = os.open(path, os.O_RDONLY | _flags("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        try:
            content = _judged(handle)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnusableError(f"cannot be read ({error.strerror})") from error
    start = len(MAGIC) + hashlib.sha256().digest_size
    if content[:start] != MAGIC + hashlib.sha256(payload := content[start:]).digest():
        raise UnusableError("is damaged")
    return payload


def _judged(handle: int) -> bytes:
    """The content of an open file that is trusted.  Raises ``UnusableError`` for any other."""
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
        raise UnusableError("is damaged")
    if found := distrust(about):
        raise UnusableError(found)
    with open(handle, "rb", closefd=False) as file:
        return file.read(LARGEST)


def _flags(*names: str) -> int:
    """Flags of ``os.open``, of which each system has some."""
    return sum(getattr(os, name, 0) for name in names)


def write(path: Path, payload: bytes) -> None:
    """Puts a file in its place as a whole, so that no reader sees a part.  Raises ``OSError``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
    try:
        with open(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(payload).digest() + payload)
        os.chmod(name, 0o644)  # of a shared folder, other users read
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Only one process that uses this folder is inside; the others find what it has made.

    The system frees the lock of a process that ends, however it ends.  Where there is no lock
    to be had (a folder that cannot be written, a file system without locks), nobody waits.
    """
    if unwritable(folder):
        yield
        return
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | _flags("O_NOFOLLOW"), 0o600)
    except OSError:
        yield
        return
    try:
        end = time.monotonic() + PATIENCE
        while not _locked(handle) and time.monotonic() < end:
            time.sleep(LOOK)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock is ours, or there are no locks on this file system."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
