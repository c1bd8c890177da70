"""What can go wrong on the way: each time a clear word, and every row accounted for."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import twitchnet as tn
from twitchnet.batch.formats.json_text import json_lines
from twitchnet.batch.simulate import simulate

DEMO = tn.load("demo")
TWITCHNET = [sys.executable, "-m", "twitchnet"]


def score(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """The command ``twitchnet score`` on the demo, ended."""
    arguments = [*TWITCHNET, "score", *map(str, words), "-m", "demo"]
    return subprocess.run(arguments, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def counts(said: str) -> tuple[int, int, int]:
    """Rows, scored and refused of a summary, whose parts add up."""
    whole = r"^ *([\d,]+) rows: ([\d,]+) scored, ([\d,]+) refused$"
    found = [
        *re.findall(whole, said, re.M)[0],
        *re.findall(r"^  ([\d,]+) .*\(TN\d+\)$", said, re.M),
    ]
    rows, scored, refused, *parts = (int(number.replace(",", "")) for number in found)
    assert rows == scored + refused
    assert refused == sum(parts)
    return rows, scored, refused


def is_interrupted(said: str, folder: Path) -> bool:
    """Whether a line tells where the rows of an interrupted run are, and what to do."""
    told = r"interrupted; --resume goes on after .*; [1-9][\d,]* rows are kept in (.*) \(remove it"
    found = re.match(told, said)
    return found is not None and found[1] == str(folder)


def lines(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_with_everything_wrong_at_once(tmp_path: Path) -> None:
    path, out = tmp_path / "r.csv", tmp_path / "out.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,leg_twitching,twitch_after_exercise,caffeine_intake,note\r\n"
        b'1,yes,,high,"two\r\nlines, and a "" quote"\r\n'
        b"2,0.37,,high,a number\r\n"
        b"3,yes\r\n"
        b"4,yes,,high,b,c\r\n"
        b"5,,,,\r\n"
        b"6,yes,,,caf\xe9\r\n"
        b"7,no,yes,,impossible\r\n"
        b"8,perhaps,7,,two cells\r\n"
        b"\r\n"
        b"9,NO,,Moderate,\xc3\xa9"
    )
    done = score(path, "-o", out)
    assert done.returncode == 3, done.stderr  # more than half of the rows are refused
    assert counts(done.stderr) == (9, 3, 6)
    assert [row["id"] for row in lines(out)] == ["1", "5", "9"]
    assert lines(out)[0]["note"] == 'two\r\nlines, and a " quote'
    refused = lines(tmp_path / "out.csv.rejects.csv")
    assert [(row["row"], row["code"], row["column"]) for row in refused] == [
        ("2", "TN202", "leg_twitching"),
        ("3", "TN211", ""),
        ("4", "TN211", ""),
        ("6", "TN215", "note"),
        ("7", "TN204", "twitch_after_exercise"),
        ("8", "TN202", "leg_twitching"),
    ]
    assert refused[-1]["more"] == "twitch_after_exercise=7 (TN202)"
    told = json.loads((tmp_path / "out.csv.meta.json").read_text())
    assert (told["rows"], told["scored"]) == (9, 3)
    strict = score(path, "-o", tmp_path / "strict.csv", "--strict")
    assert strict.returncode == 1
    assert strict.stderr.startswith(f"error: {path}: TN202 leg_twitching: row 2: no state '0.37'")
    assert not list(tmp_path.glob("strict*"))


def test_rows_of_nothing_but_unknowns_are_scored(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    said = [{}, {"leg_twitching": None}, {"leg_twitching": ""}, {"leg_twitching": "unknown"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    done = score(path, "-o", tmp_path / "out.jsonl")
    assert counts(done.stderr) == (4, 4, 0)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    for row in rows:
        assert row["log_evidence"] == pytest.approx(0.0, abs=1e-12)
        assert row["muscle_fatigue"] == pytest.approx(DEMO.diagnose({}).posterior["muscle_fatigue"])


def test_one_row_that_is_too_wide_stops_no_other(tmp_path: Path) -> None:
    names = DEMO.findings
    table = {name: ["no", "yes", "no"] for name in names}
    # three rows go one by one over numpy, whatever this process has loaded
    light, heavy = (DEMO.plan(dict.fromkeys(names, state)).cells for state in ("no", "yes"))
    parquet.write_table(pa.table({"id": [1, 2, 3], **table}), tmp_path / "r.parquet")
    # and kernels on disk, which take what is too wide for it, may share a schedule
    heavy = min(heavy, DEMO.plan({}, engine="batch").cells)
    budget = str((light + heavy) / 2)
    done = score(tmp_path / "r.parquet", "-o", tmp_path / "out.parquet", "--budget", budget)
    assert counts(done.stderr) == (3, 2, 1)
    assert "1 too wide (TN301)" in done.stderr
    assert parquet.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [1, 3]
    (line,) = lines(tmp_path / "out.parquet.rejects.csv")
    assert (line["row"], line["code"]) == ("2", "TN301")
    assert "table cells, more than the budget" in line["reason"]


@pytest.mark.parametrize("what", ["cut", "damaged", "cut gzip", "cut zstd"])
def test_files_that_are_not_whole(tmp_path: Path, what: str) -> None:
    table = pa.Table.from_batches(list(simulate(DEMO.network, 60_000, seed=1)))
    path = tmp_path / {"cut gzip": "r.jsonl.gz", "cut zstd": "r.jsonl.zst"}.get(what, "r.parquet")
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=10_000)
        data = bytearray(path.read_bytes())
        if what == "cut":
            data = data[: len(data) // 2]
        else:
            data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    else:
        text = b"".join(map(json_lines, table.to_batches()))
        data = (
            gzip.compress(text) if what == "cut gzip" else pa.compress(text, "zstd", asbytes=True)
        )
        data = data[: len(data) // 2]
    path.write_bytes(data)
    done = score(path, "-o", tmp_path / "out.csv")
    assert done.returncode == 1
    *told, error = done.stderr.splitlines()
    assert re.match(rf"error: {path}: TN210 cannot be read: .*is the file whole\?\)", error)
    assert not (tmp_path / "out.csv").exists()
    kept = tmp_path / "out.csv.partial"
    assert kept.exists() == (what == "damaged")  # the others end before the first chunk does
    assert len(told) == kept.exists()
    assert all(is_interrupted(line, kept) for line in told)


def test_a_hundred_thousand_columns_two_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    names = ["leg_twitching", *(f"q{i}" for i in range(100_000)), "q7"]
    path.write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    done = score(path, "-o", tmp_path / "out.csv", timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"error: {path}: TN212 q7: two columns are called 'q7'\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_pipe_that_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("leg_twitching\nyes\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*TWITCHNET, "score", str(tmp_path / "r.csv"), "-o", "-", "--output-format", "csv"],
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


@pytest.mark.slow
def test_two_runs_at_once_on_one_output(tmp_path: Path) -> None:
    path, out = tmp_path / "r.csv", tmp_path / "out.csv"
    path.write_text("leg_twitching\n" + "yes\nno\n" * 20_000)
    words = ["score", str(path), "-o", str(out), "-m", "demo", "--chunk", "16"]
    first = subprocess.Popen([*TWITCHNET, *words], stderr=subprocess.PIPE, text=True)
    entries = Path(f"{out}.partial") / "journal"
    while first.poll() is None and not entries.is_file():
        time.sleep(0.01)
    second = score(path, "-o", out)
    assert first.poll() is None
    assert second.returncode == 1
    assert second.stderr == f"error: TN221 another run is writing to {out} (wait for it)\n"
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    last = score(path, "-o", out, "--resume", "--chunk", "16")
    assert counts(last.stderr) == (40_000, 40_000, 0)
    assert len(lines(out)) == 40_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "suffix"), [("r.csv.gz", "csv"), ("r.jsonl", "jsonl"), ("r.parquet", "parquet")]
)
def test_ten_kills_at_random_moments_then_resume(tmp_path: Path, source: str, suffix: str) -> None:
    """The same bytes as an undisturbed run, whenever the kills come."""
    rows = [{"id": i, "leg_twitching": "yes" if i % 3 else f"bad {i}"} for i in range(4000)]
    path, rng = tmp_path / source, np.random.default_rng(len(source))
    table = pa.Table.from_pylist(rows)
    text = "id,leg_twitching\n" + "".join(f'{r["id"]},"{r["leg_twitching"]}"\n' for r in rows)
    if suffix == "parquet":
        parquet.write_table(table, path, row_group_size=300)
    elif suffix == "jsonl":
        path.write_bytes(json_lines(table.to_batches()[0]))
    else:
        path.write_bytes(gzip.compress(text.encode()))
    options = ["--chunk", "10", "--threads", "1"]  # 400 chunks: much time to be killed in
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    assert counts(score(path, "-o", whole, *options).stderr) == (4000, 2666, 1334)
    entries = Path(f"{out}.partial") / "journal"
    kills = 0
    while kills < 10:
        words = [*TWITCHNET, "score", str(path), "-o", str(out), "-m", "demo", *options, "--resume"]
        run = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        before = entries.stat().st_size if entries.is_file() else 0
        while run.poll() is None and (entries.stat().st_size if entries.is_file() else 0) == before:
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.01)))
        run.kill()
        _, said = run.communicate()
        assert run.returncode == -signal.SIGKILL, said
        assert not out.exists()
        kills += 1
    done = score(path, "-o", out, *options, "--resume")
    assert counts(done.stderr) == (4000, 2666, 1334)
    assert re.search(r"^[\d,]+ of the rows were done before$", done.stderr, re.M)
    for end in ("", ".rejects.csv"):
        assert Path(f"{out}{end}").read_bytes() == Path(f"{whole}{end}").read_bytes()
    assert not Path(f"{out}.partial").exists()
    assert os.listdir(tmp_path).count(out.name) == 1


OWN_FILES = ["unshare", "--user", "--map-root-user", "--mount"]
SMALL_DISK = """
set -e
mount -t tmpfs -o size=$SIZE none "$DISK"
set +e
"$PYTHON" -m twitchnet score "$IN" -o "$DISK/$OUT" -m demo --chunk 500; echo "ended $?"
ls "$DISK"
mount -o remount,size=40m "$DISK"
"$PYTHON" -m twitchnet score "$IN" -o "$DISK/$OUT" -m demo --chunk 500 --resume; echo "ended $?"
cp "$DISK/$OUT" "$DISK/$OUT.rejects.csv" "$KEPT"
"""


def may_mount() -> bool:
    """Whether a process without rights may have a file system of its own here."""
    try:
        words = [*OWN_FILES, "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(words, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="no file systems of one's own here")
@pytest.mark.parametrize(
    ("out", "size"), [("out.csv", "600k"), ("out.parquet", "600k"), ("out.parquet", "2900k")]
)
def test_a_disk_that_is_full(tmp_path: Path, out: str, size: str) -> None:
    """Also where there was room for every row, and then none for the file that holds them."""
    path, disk, kept = tmp_path / "r.csv", tmp_path / "disk", tmp_path / "kept"
    # ids that do not compress: the file takes a fifth of the room of the rows aside
    ids = (hashlib.sha256(str(i).encode()).hexdigest() for i in range(18_000))
    rows = (f"{name},{'yes' if i % 9 else '?'}\n" for i, name in enumerate(ids))
    path.write_text("id,leg_twitching\n" + "".join(rows))
    disk.mkdir()
    kept.mkdir()
    told = {"SIZE": size, "DISK": str(disk), "IN": str(path), "OUT": out, "KEPT": str(kept)}
    done = subprocess.run(
        [*OWN_FILES, "sh", "-c", SMALL_DISK], env={**os.environ, **told, "PYTHON": sys.executable},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["ended 1", f"{out}.partial", "ended 0"], done.stderr
    first, _, second = done.stderr.partition("No space left on device\n")
    told, error = first.splitlines()
    assert is_interrupted(told, disk / f"{out}.partial")
    assert error.startswith("error: [Errno 28] ")
    assert counts(second) == (18_000, 16_000, 2_000)
    before = re.findall(r"^([\d,]+) of the rows were done before$", second, re.M)
    assert (before == ["18,000"]) == (size == "2900k")
    score(path, "-o", tmp_path / out, "--chunk", "500")
    for name in (out, f"{out}.rejects.csv"):
        assert (kept / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_kill_before_the_run_has_begun(tmp_path: Path) -> None:
    path, out = tmp_path / "r.csv", tmp_path / "out.csv"
    path.write_text("leg_twitching\nyes\n")
    for left in ("lock", "state", "data"):
        (tmp_path / "out.csv.partial").mkdir()
        (tmp_path / "out.csv.partial" / left).write_text('{"half')
        done = score(path, "-o", out, "--resume")
        assert counts(done.stderr) == (1, 1, 0)
        assert [row["status"] for row in lines(out)] == ["ok"]
