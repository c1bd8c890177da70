"""What may exist at the path of an output, and how does a complete file take its place?

    nothing, a file     the new file takes its name in one step and keeps the old file's mode
    a symbolic link     is followed: the file that it names is replaced, the link stays
    a pipe, a device    is written to as the rows come, and never replaced
    anything else       a folder, a socket, a disk: refused

``/dev/stdout`` and its like name a file that this process holds open, whatever that is; they
are written to through it, so that ``>>`` appends.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from twitchnet.errors import Problem, RecordError

LINKS = 40
"""Symbolic links that are followed; the system follows no more either."""


def real_place(path: Path) -> Path:
    """The path that remains when all symbolic links are followed; it need not exist."""
    return Path(os.path.realpath(path))


def partial_folder(output: Path) -> Path:
    """The folder of an unfinished run: beside the file that remains when links are followed."""
    place = real_place(output) if output.is_symlink() else output
    return place.with_name(place.name + ".partial")


def check_place(path: Path) -> None:
    """Raises ``OSError`` or ``RecordError`` where no output can be written."""
    if is_stream(path):
        return
    place = real_place(path)
    if not place.parent.is_dir():
        raise FileNotFoundError(f"no such folder: {place.parent}")
    about = _about(path)
    if about is None or stat.S_ISREG(about.st_mode):
        return
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(f"{path} is a folder")
    what = "a socket" if stat.S_ISSOCK(about.st_mode) else "a disk"
    hint = "write to a file, or to standard output with -"
    raise RecordError([Problem("TN223", f"{path} is {what}", hint=hint)])


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe, a device of characters, or an open file of this process."""
    if _descriptor(path) is not None:
        return True
    about = _about(path)
    return about is not None and (stat.S_ISFIFO(about.st_mode) or stat.S_ISCHR(about.st_mode))


def open_stream(path: Path) -> BinaryIO:
    """A place for which ``is_stream`` holds, to write to."""
    number = _descriptor(path)
    return path.open("wb") if number is None else os.fdopen(os.dup(number), "wb")


def _about(path: Path) -> os.stat_result | None:
    """The kind of what is at a path, links followed; None for nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path such as ``/dev/stdout`` stands for."""
    at = os.path.abspath(path)
    for _ in range(LINKS):
        folder, name = os.path.split(at)
        at = os.path.join(os.path.realpath(folder), name)
        if found := re.fullmatch(rf"/proc/{os.getpid()}/(?:task/\d+/)?fd/(\d+)", at):
            return int(found[1])
        if not os.path.islink(at):
            return None
        at = os.path.join(os.path.dirname(at), os.readlink(at))
    return None


def put(source: Path, target: Path) -> None:
    """Gives a whole file its final name, on disk before it is named.

    A symbolic link is followed, and the mode of a file that is replaced is kept; a pipe or a
    device gets the bytes instead.
    """
    if is_stream(target):
        with source.open("rb") as file, open_stream(target) as sink:
            shutil.copyfileobj(file, sink)
        source.unlink()
        return
    target = real_place(target)
    _sync(source, target)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)  # a name in another file system
    if hasattr(os, "O_DIRECTORY"):  # the name, too, is on disk
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy(source: Path, target: Path) -> None:
    """Copies a file into another file system; the copy gets its name when it is complete."""
    aside = target.with_name(f"{target.name}.copied")
    try:
        shutil.copyfile(source, aside)
        _sync(aside, target)
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    source.unlink()


def _sync(source: Path, target: Path) -> None:
    """Brings a file to disk, with the owner and mode of what it will replace."""
    about = _about(target)
    with source.open("rb") as file:
        if about is not None:
            # only root may give files away, and Windows has no such call
            with suppress(OSError, AttributeError):
                os.chown(source, about.st_uid, about.st_gid)
            os.chmod(source, stat.S_IMODE(about.st_mode))
        os.fsync(file.fileno())
