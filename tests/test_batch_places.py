"""What stands where an output goes is followed, replaced, or written to; never lost."""

from __future__ import annotations

import gzip
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import twitchnet as tn
from twitchnet.batch.files import journal, placing
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate, write_batches
from twitchnet.batch.stream import make_scheme

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such files")

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference, details=False)
TWITCHNET = [sys.executable, "-m", "twitchnet"]


def job(folder: Path, output: str, **options: Any) -> Job:
    """Three rows, of which one is refused."""
    source = folder / "r.csv"
    source.write_text("id,leg_twitching\n1,yes\n2,?\n3,no\n")
    found = open_input([str(source)])
    scheme = make_scheme(SCORER, found.columns)
    form = options.pop("form", "") or format_of(output)
    return Job(found, scheme, str(folder / output), form, **options)


def ids(path: Path) -> list[str]:
    return [line.split(",")[0].strip('"') for line in path.read_text().splitlines()][1:]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_links_are_followed(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "rows.csv").write_text("old")
    (tmp_path / "out.csv").symlink_to("there/rows.csv")
    (tmp_path / "again.csv").symlink_to("out.csv")
    (tmp_path / "again.csv.rejects.csv").symlink_to("there/refused.csv")  # not made yet
    (tmp_path / "again.csv.meta.json").symlink_to("there/about.json")
    score_files(job(tmp_path, "again.csv"))
    assert ids(there / "rows.csv") == ["1", "3"]
    assert "no state '?'" in (there / "refused.csv").read_text()
    assert '"rows": 3' in (there / "about.json").read_text()
    links = ["again.csv", "again.csv.meta.json", "again.csv.rejects.csv", "out.csv"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink()) == links
    assert sorted(path.name for path in there.iterdir()) == [
        "about.json",
        "refused.csv",
        "rows.csv",
    ]
    write_batches(simulate(DEMO.network, 5), tmp_path / "out.csv", "csv")
    assert (tmp_path / "out.csv").is_symlink()
    assert len(ids(there / "rows.csv")) == 5


def test_a_list_of_rejects_that_is_not_needed_goes_and_its_link_stays(tmp_path: Path) -> None:
    (tmp_path / "listed").write_text("of an earlier run")
    (tmp_path / "out.csv.rejects.csv").symlink_to("listed")
    one = job(tmp_path, "out.csv")
    (tmp_path / "r.csv").write_text("id,leg_twitching\n1,yes\n")
    score_files(one)
    assert (tmp_path / "out.csv.rejects.csv").is_symlink()
    assert not (tmp_path / "listed").exists()


def test_an_interrupted_run_is_found_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "out.csv").symlink_to("there/rows.csv")
    add = journal.Journal.add

    def failing(self: journal.Journal, *words: Any) -> None:
        if self.position.chunks == 2:
            raise OSError(28, "No space left on device")
        add(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", failing)
        with pytest.raises(OSError, match="No space left") as caught:
            score_files(job(tmp_path, "out.csv", chunk=1))
    (note,) = caught.value.__notes__
    assert f"2 rows are kept in {tmp_path}/there/rows.csv.partial (remove it" in note
    job(tmp_path, "out.csv")  # writes the input anew
    with pytest.raises(tn.RecordError, match="differs in: inputs"):
        score_files(job(tmp_path, "out.csv", chunk=1, resume=True))


def test_a_link_to_itself_and_a_link_to_an_input(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "input.csv").symlink_to("r.csv")
    (tmp_path / "nowhere.csv").symlink_to("none/rows.csv")
    with pytest.raises(OSError, match="symbolic links"):
        score_files(job(tmp_path, "loop.csv"))
    with pytest.raises(tn.RecordError, match=r"TN222 .* is an input"):
        score_files(job(tmp_path, "input.csv"))
    with pytest.raises(FileNotFoundError, match=r"no such folder: .*none"):
        score_files(job(tmp_path, "nowhere.csv"))
    assert all((tmp_path / f"{name}.csv").is_symlink() for name in ("loop", "input", "nowhere"))


@pytest.mark.parametrize("out", ["out.csv", "out.csv.gz", "out.parquet", "out.arrow"])
@pytest.mark.parametrize("before", [0o600, 0o640, 0o664, 0o444])
def test_the_mode_of_a_file_that_is_replaced_is_kept(tmp_path: Path, out: str, before: int) -> None:
    for end in ("", ".rejects.csv"):
        (tmp_path / f"{out}{end}").write_text("old")
        (tmp_path / f"{out}{end}").chmod(before)
    score_files(job(tmp_path, out))
    for end in ("", ".rejects.csv"):
        assert mode(tmp_path / f"{out}{end}") == before
        assert (tmp_path / f"{out}{end}").read_bytes()[:3] != b"old"
    (tmp_path / "fresh").write_text("")
    score_files(job(tmp_path, f"fresh_{out}"))
    assert mode(tmp_path / f"fresh_{out}") == mode(tmp_path / "fresh")


def test_what_a_private_file_will_hold_is_private_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    add = journal.Journal.add

    def looking(self: journal.Journal, *words: Any) -> None:
        seen.append(mode(self.folder))
        add(self, *words)

    monkeypatch.setattr(journal.Journal, "add", looking)
    score_files(job(tmp_path, "out.csv"))
    assert set(seen) == {0o700}


def test_a_name_in_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename cannot go there; a copy may be cut short, and gets the name when it is whole."""
    replace = Path.replace

    def elsewhere(self: Path, target: Path) -> Path:
        if ".partial" in str(self.parent):
            raise OSError(18, "Invalid cross-device link")
        return replace(self, target)

    source = tmp_path / "x.partial" / "data"
    source.parent.mkdir()
    source.write_text("new")
    (tmp_path / "out").write_text("old")
    (tmp_path / "out").chmod(0o640)
    monkeypatch.setattr(Path, "replace", elsewhere)
    with monkeypatch.context() as patch:
        patch.setattr(placing, "_sync", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            placing.put(source, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    placing.put(source, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "new"
    assert mode(tmp_path / "out") == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.partial"]
    assert not source.exists()


def through(pipe: Path, call: Callable[[], object]) -> bytes:
    """What somebody reads from a pipe with a name while a call writes to it."""
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    try:
        call()
    finally:
        reader.join(30)
    assert pipe.is_fifo()
    return found[0]


def test_a_pipe_with_a_name_is_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = through(tmp_path / "p.csv", lambda: score_files(job(tmp_path, "p.csv")))
    assert [line.split(b",")[0] for line in data.splitlines()] == [b'"id"', b'"1"', b'"3"']
    assert "refused: " in capsys.readouterr().err
    packed = through(tmp_path / "p.csv.gz", lambda: score_files(job(tmp_path, "p.csv.gz")))
    assert gzip.decompress(packed) == data
    packed = through(tmp_path / "p.csv.zst", lambda: score_files(job(tmp_path, "p.csv.zst")))
    assert pa.input_stream(pa.BufferReader(packed), compression="zstd").read() == data
    rows = through(tmp_path / "p.arrow", lambda: score_files(job(tmp_path, "p.arrow")))
    assert pa.ipc.open_stream(rows).read_all()["id"].to_pylist() == ["1", "3"]
    listed = through(
        tmp_path / "p.rejects",
        lambda: score_files(job(tmp_path, "o.csv", rejects=str(tmp_path / "p.rejects"))),
    )
    assert b"TN202" in listed
    batches = simulate(DEMO.network, 4)
    drawn = through(tmp_path / "d.csv", lambda: write_batches(batches, tmp_path / "d.csv", "csv"))
    assert len(drawn.splitlines()) == 5
    left = {path.name for path in tmp_path.iterdir() if not path.is_fifo()}
    assert left == {"r.csv", "o.csv", "o.csv.meta.json"}


def test_what_is_refused_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.csv")
    with pytest.raises(tn.RecordError, match=r"TN210 Parquet cannot .*--output-format arrow"):
        score_files(job(tmp_path, "p.csv", form="parquet"))
    with pytest.raises(tn.RecordError, match=r"TN220 .* cannot be continued \(write to a file"):
        score_files(job(tmp_path, "p.csv", resume=True))
    assert (tmp_path / "p.csv").is_fifo()


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s.csv")
        with pytest.raises(tn.RecordError, match=r"TN223 .*s.csv is a socket \(write to a file"):
            score_files(job(tmp_path, "s.csv"))
        with pytest.raises(tn.RecordError, match="TN223"):
            score_files(job(tmp_path, "o.csv", rejects="s.csv"))
        with pytest.raises(tn.RecordError, match="TN223"):
            write_batches(simulate(DEMO.network, 4), Path("s.csv"), "csv")
        assert stat.S_ISSOCK(Path("s.csv").stat().st_mode)


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    """A terminal of the test's own: nobody may replace one, so a mistake breaks no machine."""
    source = tmp_path / "r.csv"
    source.write_text("id,leg_twitching\n1,yes\n2,?\n")
    words = [*TWITCHNET, "score", "r.csv", "-m", "demo", "--lean", "--output-format", "csv", "-o"]
    ours, theirs = os.openpty()
    try:
        name = os.ttyname(theirs)
        done = subprocess.run([*words, name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "2 rows: 1 scored, 1 refused" in done.stderr
        assert "refused: r.csv: TN202 leg_twitching: row 2" in done.stderr
        header, row = os.read(ours, 4096).decode().splitlines()
        assert (header.split(",")[0], row.split(",")[0]) == ('"id"', '"1"')
        listed = [*words, "out.csv", "--rejects", name]
        done = subprocess.run(listed, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert b"TN202" in os.read(ours, 4096)
        source.write_text("id,leg_twitching\n1,yes\n")  # nothing to list, nothing to remove
        done = subprocess.run(listed, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert stat.S_ISCHR(os.stat(name).st_mode)
    finally:
        os.close(ours)
        os.close(theirs)
    left = {"r.csv", "out.csv", "out.csv.meta.json"}
    assert {path.name for path in tmp_path.iterdir()} == left


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no such folder")
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_an_open_file_is_appended_to(tmp_path: Path, path: str) -> None:
    (tmp_path / "r.csv").write_text("id,leg_twitching\n1,yes\n")
    (tmp_path / "link").symlink_to("/dev/stdout")
    log = tmp_path / "log"
    log.write_text("what stood here\n")
    words = [*TWITCHNET, "score", "r.csv", "-m", "demo", "--output-format", "csv", "-o", path]
    with log.open("a") as file:  # as the shell's >> does
        done = subprocess.run(words, cwd=tmp_path, stdout=file, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    first, header, row = log.read_text().splitlines()
    assert first == "what stood here"
    assert (header.split(",")[0], row.split(",")[0]) == ('"id"', '"1"')
    piped = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert piped.stdout.splitlines() == [header, row]
    assert {one.name for one in tmp_path.iterdir()} == {"r.csv", "link", "log"}
