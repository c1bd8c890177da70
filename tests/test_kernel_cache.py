"""Compiled code on disk: found only if usable, made anew if damaged, never run if not trusted.

A tiny kernel stands in for the real one, whose compilation takes long; all else is real.
"""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import compiler

TINY = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels import record as kernels
def tiny(first, second):
    return first + 2 * second
tiny.__module__ = "twitchnet.engine.kernels.record"
kernels.tiny = tiny
compiler._KERNELS = ()
compiler.ENTRIES = {"run_records": tiny}
compiler.arguments = lambda entry: (0, 0.0)
print(compiler.is_cached())
print(compiler.compiled()(1, 2.0))
"""


def tiny(first: int, second: float) -> float:
    return first + 2 * second


Fresh = Callable[[], tuple[bool, list[str]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``TWITCHNET_CACHE`` names; not there yet."""
    monkeypatch.setenv(cache_folder.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "_KERNELS", ())
    monkeypatch.setattr(compiler, "ENTRIES", {"run_records": tiny})
    monkeypatch.setattr(compiler, "arguments", lambda entry: (0, 0.0))
    monkeypatch.setattr(compiler, "_READY", {})
    compiler._version.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def fresh(home: Path, caplog: pytest.LogCaptureFixture) -> Fresh:
    """What a new process finds: whether kernels are on disk, and what it is told on use."""

    def run() -> tuple[bool, list[str]]:
        compiler._READY.clear()
        caplog.clear()
        cached = compiler.is_cached()
        kernel = compiler.compiled()
        assert kernel(1, 2.0) == 5.0
        assert sum(kernel.stats.cache_hits.values()) == (not caplog.messages)  # type: ignore[attr-defined]
        return cached, caplog.messages

    return run


def kernel_in(home: Path) -> Path:
    (path,) = home.rglob("*.kernel")
    return path


def seal(payload: bytes) -> bytes:
    return cache_folder.MAGIC + hashlib.sha256(payload).digest() + payload


def in_process(
    home: Path, code: str = TINY, before: Sequence[str] = (), **environment: str
) -> list[str]:
    """The lines that a new process prints; it must not be aborted."""
    words = [*before, sys.executable, "-c", code]
    environment = {**os.environ, cache_folder.VARIABLE: str(home), **environment}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


ONCE = "compiling the batch kernels; this happens once and takes some seconds"


def test_kernels_are_compiled_once(fresh: Fresh, home: Path) -> None:
    assert fresh() == (False, [ONCE])
    assert fresh() == (True, [])
    if hasattr(os, "getuid"):
        path = kernel_in(home)
        made = [path, *list(path.parents)[:3]]
        assert made[-1] == home
        assert [stat.S_IMODE(one.stat().st_mode) & 0o022 for one in made] == [0] * 4


@pytest.mark.slow
def test_other_processes_load_what_is_sound_and_fits_their_processor(tmp_path: Path) -> None:
    home = tmp_path / "cache"
    assert in_process(home) == ["False", ONCE, "5.0"]
    assert in_process(home) == ["True", "5.0"]
    assert in_process(home, NUMBA_CPU_NAME="generic") == ["False", ONCE, "5.0"]
    assert in_process(home) == ["True", "5.0"]  # each its own
    for path in home.rglob("*.kernel"):
        path.write_bytes(path.read_bytes()[:-200])
    cached, line, result = in_process(home)
    assert (cached, result) == ("False", "5.0")
    assert line.endswith("is damaged")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut in its head": lambda whole: whole[:30],
    "cut": lambda whole: whole[: len(whole) // 2],
    "one byte": lambda whole: whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:],
    "garbage": lambda whole: os.urandom(5000),
    "zeros": lambda whole: bytes(len(whole)),
    "longer": lambda whole: whole + b"\0",
    "another format": lambda whole: b"twitchnet kernels 0\n" + whole[20:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_kernels_are_made_anew(fresh: Fresh, home: Path, damage: str) -> None:
    fresh()
    path = kernel_in(home)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    line = f"compiling the batch kernels anew, which takes some seconds: {path} is damaged"
    assert fresh() == (False, [line])
    assert fresh() == (True, [])


def test_what_is_sound_and_does_not_load_is_made_anew(fresh: Fresh, home: Path) -> None:
    fresh()
    path = kernel_in(home)
    path.write_bytes(seal(pickle.dumps((1, 2))))
    _, (line,) = fresh()
    assert line.endswith(f"{path} cannot be loaded (TypeError)")
    assert fresh() == (True, [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_what_is_no_file_is_replaced(fresh: Fresh, home: Path, tmp_path: Path) -> None:
    fresh()
    path = kernel_in(home)
    path.unlink()
    os.mkfifo(path)  # to open one would wait for a writer
    assert fresh()[0] is False
    assert fresh() == (True, [])
    os.replace(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    cached, (line,) = fresh()
    assert not cached
    assert "cannot be read" in line
    assert not path.is_symlink()
    assert fresh() == (True, [])


class Hostile:
    """What makes a file where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


PLACES = {"named": 2, "ours": 1, "version": 0}
unix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners and modes")


@unix
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_others_can_write_to_is_not_read(
    fresh: Fresh, home: Path, tmp_path: Path, place: str, mode: int
) -> None:
    fresh()
    path, trace = kernel_in(home), tmp_path / "trace"
    hostile = seal(pickle.dumps(Hostile(trace)))
    path.write_bytes(hostile)
    folder = path.parents[PLACES[place]]
    folder.chmod(mode)
    line = (
        "compiling the batch kernels in every process, which takes some seconds: "
        f"{folder} can be written by others; `chmod go-w {folder}`, or name a folder of your own "
        "in TWITCHNET_CACHE"
    )
    assert fresh() == (False, [line])
    assert not trace.exists()
    assert path.read_bytes() == hostile  # nothing is kept there either
    folder.chmod(0o755)
    fresh()
    assert trace.exists()  # it would have run


@unix
def test_a_file_that_others_can_write_to_is_not_read(
    fresh: Fresh, home: Path, tmp_path: Path
) -> None:
    fresh()
    path, trace = kernel_in(home), tmp_path / "trace"
    path.write_bytes(seal(pickle.dumps(Hostile(trace))))
    path.chmod(0o666)
    cached, (line,) = fresh()
    assert not cached
    assert line.endswith(f"{path} can be written by others")
    assert not trace.exists()
    assert fresh() == (True, [])


@unix
@pytest.mark.parametrize("place", PLACES)
def test_a_folder_of_another_user_is_not_read(
    fresh: Fresh, home: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh()
    folder = kernel_in(home).parents[PLACES[place]]
    other, inode = os.getuid() + 1, folder.stat().st_ino
    real = Path.stat

    def owned(self: Path, **more: Any) -> os.stat_result:
        about = real(self, **more)
        return os.stat_result((*about[:4], other, *about[5:])) if about.st_ino == inode else about

    monkeypatch.setattr(Path, "stat", owned)
    cached, (line,) = fresh()
    assert not cached
    assert f"{folder} belongs to another user; name a folder of your own" in line


@unix
def test_root_is_trusted_and_the_folder_of_all_caches_is_not_judged(
    fresh: Fresh, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = os.stat_result((0o40755, 1, 1, 1, 0, 0, 0, 0, 0, 0))
    assert cache_folder.distrust(rights) == ""
    caches = tmp_path / "caches"
    caches.mkdir()
    caches.chmod(0o775)  # a home with umask 002 has it so; what is beneath is ours alone
    monkeypatch.delenv(cache_folder.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    assert fresh() == (False, [ONCE])
    assert fresh() == (True, [])


def test_a_folder_that_cannot_be_written_is_told(
    fresh: Fresh, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_read(path: Any, mode: int) -> bool:
        return not mode & os.W_OK

    with monkeypatch.context() as patch:
        patch.setattr(os, "access", only_read)
        cached, (line,) = fresh()
        assert "in every process" in line
        assert line.endswith("cannot be written; name a folder of your own in TWITCHNET_CACHE")
    fresh()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", only_read)
        assert fresh() == (True, [])  # what is there is used, without a word
        kernel_in(home).write_bytes(b"")
        cached, (line,) = fresh()
        assert "is damaged, and " in line
        assert "cannot be written" in line
    monkeypatch.setenv(cache_folder.VARIABLE, str(kernel_in(home)))
    cached, (line,) = fresh()
    assert not cached
    assert "Not a directory" in line


AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Begins a process of root for which the modes of files hold."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users")
def test_kernels_in_a_folder_that_is_read_only_are_used(tmp_path: Path) -> None:
    """As in an image of a container that root has filled: nobody else writes there."""
    home = tmp_path / "cache"
    assert in_process(home) == ["False", ONCE, "5.0"]
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    made = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    before = AS_OTHERS if os.getuid() == 0 else ()
    look = f"import os; print(os.access({str(home)!r}, os.W_OK))"
    try:
        for folder in folders:
            folder.chmod(0o555)
        try:
            (writable,) = in_process(home, look, before)
        except (OSError, subprocess.CalledProcessError):
            writable = "as root"
        if writable != "False":
            pytest.skip(f"the modes of folders do not hold here: {writable}")
        assert in_process(home, before=before) == ["True", "5.0"]
        assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == made
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_full_disk_is_told(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    _, (_, line) = fresh()
    assert line.startswith("the compiled kernels are not kept: ")
    assert line.endswith("No space left on device")
    assert [path.name for path in compiler.cache_directory().iterdir()] == ["lock"]


def test_nobody_needs_a_home(fresh: Fresh, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(cache_folder.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    cached, (line,) = fresh()
    assert not cached
    assert "Could not determine home directory" in line


@pytest.mark.parametrize("what", ["numba", "llvmlite", "numpy", "Python", "sources"])
def test_files_of_another_installation_are_not_ours(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    fresh()
    compiler._version.cache_clear()
    with monkeypatch.context() as patch:
        if what == "Python":
            patch.setattr(sys, "version", "3.99.0")
        elif what == "sources":
            patch.setattr(compiler, "_SOURCES", compiler._SOURCES[1:])
        else:
            real = compiler.version
            patch.setattr(compiler, "version", lambda name: "0.1" if name == what else real(name))
        assert not compiler.is_cached()
        assert fresh() == (False, [ONCE])
    compiler._version.cache_clear()
    assert fresh() == (True, [])


def test_files_of_numba_are_not_ours(home: Path) -> None:
    folder = compiler.cache_directory() / "engine_3c0c42663019f512"
    folder.mkdir(parents=True)
    for name in ("kernels.run_records-371.py311.nbi", "kernels.run_records-371.py311.1.nbc"):
        (folder / name).touch()
    assert not compiler.is_cached()
