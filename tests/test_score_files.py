"""Files from Python: the same bytes as the command, and the summary as a value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import twitchnet as tn
from twitchnet.cli.main import app
from twitchnet.engine.kernels import compiler

DEMO = tn.load("demo")
ROWS = "q1,caffeine_intake,id\nyes,high,a\nno,none,b\nmaybe,high,c\n,,d\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "r.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path / "r.csv"


@pytest.mark.parametrize(
    ("options", "files", "words"),
    [
        (tn.ScoreOptions(), tn.FileOptions(), ""),
        (tn.ScoreOptions(top=2, by="gain"), tn.FileOptions(chunk=1), "--top 2 --by gain --chunk 1"),
        (tn.ScoreOptions(reasons=1), tn.FileOptions(threads=1), "--reasons 1 --threads 1"),
        (tn.ScoreOptions(), tn.FileOptions(long=True), "--long"),
        (tn.ScoreOptions(), tn.FileOptions(rejects_by="cell"), "--rejects-by cell"),
    ],
)
def test_it_writes_what_the_command_writes(
    path: Path, options: tn.ScoreOptions, files: tn.FileOptions, words: str
) -> None:
    compiler.compiled()  # one engine for both
    said = path.with_name("map.yaml")
    said.write_text("q1: leg_twitching\n", encoding="utf-8")
    by_command, by_us = path.with_name("a.csv"), path.with_name("b.csv")
    line = ["score", str(path), "-o", str(by_command), "-m", "demo", "--map", str(said)]
    assert CliRunner().invoke(app, [*line, *words.split()]).exit_code == 0
    summary = DEMO.score_files(path, by_us, replace(options, names={"q1": "leg_twitching"}), files)
    assert by_us.read_bytes() == by_command.read_bytes()
    assert (summary.rows, summary.scored, summary.refused) == (4, 3, {"TN202": 1})
    assert summary.values == {"q1": {"maybe": 1}}
    rejects = [one.with_name(f"{one.name}.rejects.csv").read_text() for one in (by_command, by_us)]
    assert rejects[0] == rejects[1]


def test_keywords_progress_and_several_inputs(path: Path) -> None:
    seen: list[int] = []
    more = path.with_name("s.csv")
    more.write_text(ROWS, encoding="utf-8")
    done = DEMO.score_files(
        [path, str(more)],
        path.with_name("out.parquet"),
        files=tn.FileOptions(rejects=path.with_name("bad.csv")),
        names={"q1": "leg_twitching"},
        details=False,
        progress=seen.append,
    )
    assert done.rows == 8
    assert seen
    assert max(seen) <= 8
    assert path.with_name("bad.csv").read_text(encoding="utf-8").count(",TN202,") == 2


def test_what_does_not_fit_is_an_error(path: Path) -> None:
    out = path.with_name("out.csv")
    with pytest.raises(tn.RecordError, match="no such column"):
        DEMO.score_files(path, out, names={"q2": "leg_twitching"})
    with pytest.raises(tn.RecordError, match="the suffix says the format"):
        DEMO.score_files(path, path.with_name("out.xyz"))
    with pytest.raises(ValueError, match="chunk"):
        tn.FileOptions(chunk=0)
    with pytest.raises(TypeError, match="no option of scoring is called topp"):
        DEMO.score_files(path, out, topp=1)  # type: ignore[call-arg]
    assert not out.exists()
