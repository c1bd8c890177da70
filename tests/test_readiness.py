"""Nobody who asks a single record waits for compiled kernels; they come beside the work."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.diagnosis import hypotheses
from twitchnet.diagnosis.evidence import Answers
from twitchnet.engine.host import readiness
from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import compiler
from twitchnet.show.progress import Meter, is_watched

ANSWERS = {"leg_twitching": True}


@pytest.fixture
def unready(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A process without kernels; the list tells what was done to have some."""
    done: list[str] = []
    monkeypatch.setattr(readiness, "_asked", count(1))
    monkeypatch.setattr(readiness, "_workers", [])
    monkeypatch.setattr(readiness, "is_ready", lambda: "compiled" in done)
    monkeypatch.setattr(compiler, "compiled", lambda: done.append("compiled"))
    monkeypatch.setattr(compiler, "is_cached", lambda: "on disk" in done)
    monkeypatch.setattr(subprocess, "run", lambda *words, **more: done.extend(["child", "on disk"]))
    return done


def wait() -> None:
    for thread in readiness._workers:
        thread.join()


def test_the_third_record_loads_what_is_on_disk(unready: list[str]) -> None:
    unready.append("on disk")
    model = tn.load("demo")
    for _ in range(readiness.SOON - 1):
        model.diagnose(ANSWERS)
    wait()
    assert unready == ["on disk"]
    readiness.one_more()  # what the third one calls first
    wait()
    assert unready == ["on disk", "compiled"]


def test_records_never_compile_and_look_again_later(unready: list[str]) -> None:
    for _ in range(readiness.AGAIN - 1):
        readiness.one_more()
    wait()
    assert unready == []
    unready.append("on disk")  # by another process
    readiness.one_more()
    wait()
    assert unready == ["on disk", "compiled"]


def test_questions_about_one_record_never_compile(
    unready: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypotheses, "HEAVY", 0.0)  # the work would be worth it
    dx = tn.load("demo").diagnose(ANSWERS)
    dx.explain()
    dx.uncertainty(draws=5)
    dx.next_questions(2)
    dx.sensitivity()
    wait()
    assert unready == []
    unready.append("on disk")
    assert hypotheses.runs_compiled(dx.inference, Answers(), 5)  # half a second of loading


def test_long_work_begins_on_numpy_while_a_child_compiles(
    unready: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypotheses, "WORTH_COMPILING", 0.0)
    dx = tn.load("demo").diagnose(ANSWERS)
    assert not hypotheses.runs_compiled(dx.inference, Answers(), 5)
    deadline = time.monotonic() + 30
    while "compiled" not in unready and time.monotonic() < deadline:
        wait()
    assert unready == ["child", "on disk", "compiled"]


def test_warm_up_compiles_in_a_child_once(unready: list[str]) -> None:
    tn.warm_up()
    assert unready == ["child", "on disk", "compiled"]
    tn.load("demo").warm_up()
    assert unready == ["child", "on disk", "compiled"]


def test_warm_up_in_the_background_returns_and_then_loads(unready: list[str]) -> None:
    tn.warm_up(background=True)
    deadline = time.monotonic() + 30
    while "compiled" not in unready and time.monotonic() < deadline:
        wait()
    assert unready == ["child", "on disk", "compiled"]


def test_where_nothing_is_kept_this_process_compiles(
    unready: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder, "unwritable", lambda folder: "it cannot be written")
    tn.warm_up()
    assert unready == ["compiled"]
    unready.clear()
    monkeypatch.setattr(cache_folder, "unwritable", lambda folder: "")
    monkeypatch.setattr(sys, "executable", "/usr/sbin/a-server-that-embeds")
    tn.warm_up()
    assert unready == ["compiled"]


CHILD = """
import sys, time
from twitchnet.engine.jit import cache_folder
from twitchnet.engine.kernels import compiler
with cache_folder.one_at_a_time(compiler.cache_directory()):
    print("inside", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_dead_process_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache_folder.VARIABLE, str(tmp_path))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert child.stdout
    assert child.stdout.readline() == "inside\n"
    folder = compiler.cache_directory()
    handle = os.open(folder / "lock", os.O_RDWR)
    assert not cache_folder._locked(handle)
    child.kill()
    child.communicate()
    assert cache_folder._locked(handle)
    os.close(handle)


class Notebook(io.StringIO):
    """What a notebook has in the place of stderr."""

    __module__ = "ipykernel.iostream"


def test_progress_is_seen_in_notebooks_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stream = Notebook()
    assert is_watched(stream)
    assert not is_watched(io.StringIO())
    with Meter(8, stream=stream, after=2.0, unit="draws") as meter:
        now[0] += 1.9
        meter(1)
        assert stream.getvalue() == ""
        now[0] += 0.2
        meter(2)
        assert "2 of 8 draws (25 %)" in stream.getvalue()
    assert stream.getvalue().rpartition("\r")[0].endswith(" " * 10)  # and wiped
