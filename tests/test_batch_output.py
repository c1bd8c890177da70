"""An output has its name when it is whole, and takes the place of nothing that is needed."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import Result
from pyarrow import csv
from typer.testing import CliRunner

import twitchnet as tn
from twitchnet.batch.files import files, journal
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate, write_batches
from twitchnet.batch.stream import make_scheme
from twitchnet.cli.main import app
from twitchnet.show.progress import Meter

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference, details=False)


def table(path: Path, rows: int = 300) -> Path:
    """A CSV file; every third row is refused."""
    lines = [f"{i},{'yes' if i % 3 else '?'}\n" for i in range(rows)]
    path.write_text("id,leg_twitching\n" + "".join(lines))
    return path


def job(source: Path, output: Path, **options: Any) -> Job:
    found = open_input([str(source)])
    scheme = make_scheme(SCORER, found.columns)
    return Job(found, scheme, str(output), format_of(output.name), chunk=64, **options)


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.zst", "jsonl.gz", "jsonl.zst"])
def test_text_is_compressed_as_its_name_says(tmp_path: Path, suffix: str) -> None:
    source = table(tmp_path / "r.csv")
    plain, packed = tmp_path / f"out.{suffix.partition('.')[0]}", tmp_path / f"packed.{suffix}"
    score_files(job(source, plain))
    score_files(job(source, packed))
    with pa.input_stream(str(packed)) as stream:
        assert stream.read() == plain.read_bytes()
    first = packed.read_bytes()
    assert len(first) < len(plain.read_bytes())
    assert open_input([str(packed)]).columns["id"] == pa.string()  # it is read again
    packed.unlink()
    score_files(job(source, packed))
    assert packed.read_bytes() == first  # no name and no time of day in it
    batches = simulate(DEMO.network, 50)
    assert write_batches(batches, tmp_path / f"drawn.{suffix}", format_of(f"x.{suffix}")) == 50
    assert open_input([str(tmp_path / f"drawn.{suffix}")]).columns["leg_twitching"] == pa.string()


@pytest.mark.parametrize("name", ["out.parquet.gz", "out.arrow.zst"])
def test_formats_that_compress_themselves(tmp_path: Path, name: str) -> None:
    with pytest.raises(tn.RecordError, match=f"TN210 .* compressed as a whole: .*{name}"):
        score_files(job(table(tmp_path / "r.csv"), tmp_path / name))
    with pytest.raises(tn.RecordError, match=r"TN210 .* compressed as a whole"):
        write_batches(simulate(DEMO.network, 5), tmp_path / name, format_of(name))
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_no_input_is_replaced(tmp_path: Path) -> None:
    source = table(tmp_path / "r.csv")
    before = source.read_bytes()
    (tmp_path / "link.csv").symlink_to(source)
    for output, rejects in (
        ("r.csv", ""), ("link.csv", ""), ("out.csv", "r.csv"), ("out.csv", "out.csv"),
        ("out.csv", "out.csv.meta.json"),
    ):  # fmt: skip
        options = {"rejects": str(tmp_path / rejects)} if rejects else {}
        with pytest.raises(tn.RecordError, match=r"TN222 .*(input of|written by) this run"):
            score_files(job(source, tmp_path / output, **options))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder.csv is a folder"):
        score_files(job(source, tmp_path / "folder.csv"))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        score_files(job(source, tmp_path / "out.csv", rejects=str(tmp_path / "none" / "r.csv")))
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "link.csv", "r.csv"]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.gz", "out.parquet", "out.arrow"])
@pytest.mark.parametrize("puts", [0, 1, 2])
def test_a_kill_while_files_get_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, puts: int
) -> None:
    """Everything was scored, and some of the files had their names already."""
    source, output, whole = table(tmp_path / "r.csv"), tmp_path / name, tmp_path / f"whole_{name}"
    score_files(job(source, whole))
    put, done = files.put, []

    def killed(*paths: Path) -> None:
        if len(done) == puts:
            raise KeyboardInterrupt
        done.append(paths)
        put(*paths)

    expected = puts < 2 or name.endswith((".csv", ".gz"))  # the others have no file beside them
    with monkeypatch.context() as patch:
        patch.setattr(files, "put", killed)
        if expected:
            with pytest.raises(KeyboardInterrupt):
                score_files(job(source, output))
            assert not output.exists()
        else:
            score_files(job(source, output))
    summary = score_files(job(source, output, resume=True))
    assert (summary.rows, summary.before) == (300, 300 if expected else 0)
    for end in ("", ".rejects.csv"):
        mine, theirs = Path(f"{output}{end}"), Path(f"{whole}{end}")
        assert mine.read_bytes() == theirs.read_bytes()
    assert not Path(f"{output}.partial").exists()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda b: pa.compress(b, "zstd", True)])
def test_a_pipe_may_be_compressed(pack: Any) -> None:
    text = b"id,leg_twitching\n" + b"".join(b"%d,yes\n" % i for i in range(60_000))
    words = ["score", "-", "--format", "csv", "-m", "demo", "--lean", "-o", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "twitchnet", *words, "--output-format", "jsonl"],
        input=bytes(pack(text)), capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [
        str(i) for i in range(60_000)
    ]


def test_a_compressed_pipe_that_ends_too_soon() -> None:
    text = gzip.compress(b"id,leg_twitching\n" + b"".join(b"%d,yes\n" % i for i in range(9000)))
    words = ["score", "-", "--format", "csv", "-m", "demo", "-o", "-", "--output-format", "csv"]
    done = subprocess.run(
        [sys.executable, "-m", "twitchnet", *words],
        input=text[: len(text) // 2], capture_output=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: -: TN210 cannot be read: ")
    assert done.stderr.rstrip().endswith(b"(is the file whole?)")


def test_what_a_path_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "r.parquet").mkdir()
    with pytest.raises(IsADirectoryError, match=r"r.parquet is a folder: give its files, such as"):
        open_input([str(tmp_path / "r.parquet")])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")  # what a shell makes of <(command)
        with pytest.raises(tn.RecordError, match=r"TN210 a pipe with a name cannot .* give -\)"):
            open_input([str(tmp_path / "pipe.csv")])
    words = [sys.executable, "-m", "twitchnet", "simulate", "-o", "-"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("a pipe has no suffix (give --output-format)\n")


class Terminal(io.StringIO):
    """A terminal that keeps what it is told."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl", "r.arrow", "r.parquet"])
def test_the_remaining_time_is_known_for_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Text does not say how many rows it has: that is judged by the bytes that are read."""
    monkeypatch.setattr("twitchnet.show.progress.EVERY", 0.0)
    source = tmp_path / name
    write_batches(simulate(DEMO.network, 5000, seed=1), source, format_of(name))
    terminal = Terminal()
    with Meter(open_input([str(source)]).total, stream=terminal) as meter:
        score_files(job(source, tmp_path / "out.parquet"), meter)
    said = re.findall(r"([\d,]+) of (about )?([\d,]+) records [^\r]* left", terminal.getvalue())
    numbers = [(int(a.replace(",", "")), about, int(b.replace(",", ""))) for a, about, b in said]
    late = [total for done, _, total in numbers if done > 2500]
    assert late
    assert all(4000 <= total <= 6500 for total in late), numbers
    exact = name in ("r.arrow", "r.parquet")
    assert {about for _, about, _ in numbers} == {"" if exact else "about "}
    if exact:
        assert set(late) == {5000}


def test_a_resumed_run_counts_its_own_records_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = table(tmp_path / "r.csv"), tmp_path / "out.csv"
    add = journal.Journal.add

    def stopped(self: journal.Journal, *words: Any) -> None:
        if self.position.chunks == 3:
            raise OSError(28, "No space left on device")
        add(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", stopped)
        with pytest.raises(OSError, match="No space"):
            score_files(job(source, output))
    meter = Meter(stream=Terminal())
    summary = score_files(job(source, output, resume=True), meter)
    assert meter.before == summary.before == 192


def test_simulated_records_in_a_pipe(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "twitchnet", "simulate", "-n", "7", "-m", "demo", "-o", "-"]
    expected = next(simulate(DEMO.network, 7))
    for form in ("csv", "arrow", "parquet"):
        done = subprocess.run(
            [*words, "--output-format", form], capture_output=True, cwd=tmp_path, timeout=60
        )
        if form == "parquet":
            assert done.returncode == 1
            assert b"TN210 Parquet cannot be written to a pipe" in done.stderr
            assert done.stdout == b""
        elif form == "arrow":
            assert pa.ipc.open_stream(done.stdout).read_all().equals(pa.table(expected))
            assert done.stdout.endswith(b"\xff\xff\xff\xff\0\0\0\0")
        else:
            assert len(done.stdout.splitlines()) == 8
            assert done.stderr == b"7 records in standard output\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["map.yaml", "map.json"])
def test_a_column_map(tmp_path: Path, name: str) -> None:
    source, long = tmp_path / "r.csv", tmp_path / "long.csv"
    source.write_text("id,q17,Caffeine intake\n1,yes,?\n2,no,\n")
    long.write_text("id,what,value\n1,q17,yes\n2,q17,no\n2,q18,high\n3,q19,yes\n")

    def score(source: Path, names: dict[str, str] | list[str], *words: str) -> Result:
        if name == "map.json":
            (tmp_path / name).write_text(json.dumps(names))
        elif isinstance(names, dict):
            (tmp_path / name).write_text("".join(f'{k}: "{v}"\n' for k, v in names.items()))
        else:
            (tmp_path / name).write_text("".join(f"- {one}\n" for one in names))
        given = ["score", str(source), "-m", "demo", "-o", str(tmp_path / "out.csv")]
        return CliRunner().invoke(app, [*given, "--map", str(tmp_path / name), *words])

    done = score(source, {"q17": "leg_twitching", "Caffeine intake": ""})
    assert done.exit_code == 0, done.output
    assert "2 rows: 2 scored, 0 refused" in done.stderr
    scored = csv.read_csv(tmp_path / "out.csv")
    assert scored.column_names[:2] == ["id", "Caffeine intake"]
    expected = DEMO.score({"leg_twitching": ["yes", "no"]})["muscle_fatigue"].tolist()
    assert scored["muscle_fatigue"].to_pylist() == pytest.approx(expected, rel=1e-12)
    parts = {"id": "record_id", "what": "variable"}
    names = {"q17": "leg_twitching", "q18": "caffeine_intake", "q19": "leg_twiching"}
    done = score(long, parts | names, "--long-input")
    assert "3 rows: 2 scored, 1 refused" in done.stderr
    (refused,) = csv.read_csv(tmp_path / "out.csv.rejects.csv").to_pylist()
    assert (refused["row"], refused["column"]) == (3, "q19")
    assert refused["reason"].startswith("mapped to 'leg_twiching', which is not a variable")
    for wrong, message in (
        (["q17"], "TN213 a column map is a mapping of columns to names of variables"),
        ({"q18": "leg_twitching"}, "TN201 q18: the frame has no such column"),
        ({"q17": "leg_twiching"}, "TN201 q17: mapped to 'leg_twiching', which is not a variable"),
    ):
        with pytest.raises(tn.RecordError, match=message):
            raise score(source, wrong).exception or AssertionError("no error")
