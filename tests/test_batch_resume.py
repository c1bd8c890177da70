"""A run goes on only where nothing that it can see has changed, and nothing is damaged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.batch.files import files, journal
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.files.identity import digest
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme
from twitchnet.model.care import Rule, Watch
from twitchnet.model.network import Network, Variable

DEMO = tn.load("demo")
COMPLAINT = DEMO.network.by_name["leg_twitching"]


def table(path: Path, rows: int = 300) -> Path:
    """A CSV file; every third row is refused."""
    lines = [f"{i},{'yes' if i % 3 else '?'}\n" for i in range(rows)]
    path.write_text("id,leg_twitching\n" + "".join(lines))
    return path


def job(folder: Path, network: Network = DEMO.network, out: str = "out.csv", **options: Any) -> Job:
    more = {"workspace": options.pop("workspace")} if "workspace" in options else {}
    inference = tn.Model(network, **more)._inference
    names = ("details", "reasons", "intervals", "seed", "names")
    scorer = Scorer(inference, **{k: options.pop(k) for k in names if k in options})
    found = open_input([str(folder / "r.csv")])
    scheme = make_scheme(scorer, found.columns)
    return Job(found, scheme, str(folder / out), format_of(out), **{"chunk": 64, **options})


def stop_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """Stops the run when some chunks are in the journal."""
    add = journal.Journal.add

    def failing(self: journal.Journal, *args: Any) -> None:
        if self.position.chunks == chunks:
            raise OSError(28, "No space left on device")
        add(self, *args)

    monkeypatch.setattr(journal.Journal, "add", failing)


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Path:
    """The folder of a run that stopped after two chunks."""
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(OSError, match="No space left"):
            score_files(job(folder, **options))
    return folder / f"{options.get('out', 'out.csv')}.partial"


def test_rejects_by_cell_go_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path / "r.csv")
    score_files(job(tmp_path, out="whole.csv", rejects_by="cell"))
    interrupted(tmp_path, monkeypatch, rejects_by="cell")
    with pytest.raises(tn.RecordError, match="differs in: rejects"):
        score_files(job(tmp_path, resume=True))
    score_files(job(tmp_path, resume=True, rejects_by="cell"))
    found = [(tmp_path / f"{name}.csv.rejects.csv").read_bytes() for name in ("whole", "out")]
    assert found[0] == found[1]
    assert found[0].count(b"TN202") == 100


def with_variable(**words: Any) -> Network:
    """The demo with other words at the complaint."""
    changed = [replace(v, **words) if v == COMPLAINT else v for v in DEMO.network.variables]
    return replace(DEMO.network, variables=tuple(changed))


def of_rules(name: str, value: Any) -> Network:
    return replace(DEMO.network, **{name: (*getattr(DEMO.network, name), value)})


CHANGES: dict[str, Network] = {
    "rules": of_rules("rules", Rule("R9", "leg_twitching", "soon", "because")),
    "watches": of_rules("watches", Watch("muscle_fatigue", 0.5, "soon", "because")),
    "label": with_variable(label="Twitching of the legs"),
    "synonyms": with_variable(synonyms=("id",)),
    "red flag": with_variable(red_flag="R1"),
    "notes": of_rules("notes", "another"),
    "title": replace(DEMO.network, title="Another"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_another_text_of_the_model_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its fingerprint is the same: that covers ids, states and numbers alone."""
    assert CHANGES[what].fingerprint == DEMO.network.fingerprint
    table(tmp_path / "r.csv")
    folder = interrupted(tmp_path, monkeypatch)
    names = {"id": ""} if what == "synonyms" else None
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(tn.RecordError, match=r"TN220 .* differs in: (names, )?text of the model"):
        score_files(job(tmp_path, CHANGES[what], resume=True, names=names))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert score_files(job(tmp_path, resume=True)).before == 128


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": {"id": ""}}, "names"),
        ({"details": False}, "columns, results"),
        ({"reasons": 1}, "columns, results"),
        ({"seed": 1}, "results"),
        ({"strict": True}, "strict"),
        ({"rejects": "other.csv"}, "rejects"),
        ({"workspace": 1e6}, "workspace"),
    ],
)
def test_other_options_are_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    table(tmp_path / "r.csv")
    interrupted(tmp_path, monkeypatch)
    with pytest.raises(tn.RecordError, match=rf"TN220 .* differs in: {said} \("):
        score_files(job(tmp_path, resume=True, **options))


def test_an_input_with_the_old_size_and_time_is_another_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(tmp_path / "r.csv")
    interrupted(tmp_path, monkeypatch)
    times = source.stat().st_atime_ns, source.stat().st_mtime_ns
    text = source.read_text()
    source.write_text(text.replace("yes", "no ", 1))  # the same inode, another ctime
    os.utime(source, ns=times)
    with pytest.raises(tn.RecordError, match=r"TN220 .* differs in: inputs"):
        score_files(job(tmp_path, resume=True))
    interrupted(tmp_path, monkeypatch)
    shutil.copy2(source, tmp_path / "copy")
    (tmp_path / "copy").replace(source)  # another inode
    assert source.stat().st_mtime_ns == times[1]
    with pytest.raises(tn.RecordError, match=r"TN220 .* differs in: inputs"):
        score_files(job(tmp_path, resume=True))


def test_a_digest_tells_apart_what_may_differ() -> None:
    values = [
        None, True, 1, 1.0, 0.0, -0.0, "", "1", b"".decode(), (), ("",), ((),), ("a", "b"),
        ("ab",), ("b", "a"), {"a": 1}, {"a": "1"}, {"a": 1, "b": 2}, {"b": 2, "a": 1},
        np.zeros(2), np.zeros(2, np.float32), np.zeros((1, 2)), np.array([0.0, -0.0]),
    ]  # fmt: skip
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(values) - 1  # '' is there twice
    assert digests == [digest(value) for value in values]
    with pytest.raises(TypeError, match="no digest of a set"):
        digest({1, 2})


def test_a_digest_holds_every_field_of_a_variable() -> None:
    seen = {digest(COMPLAINT)}
    for name in Variable.__dataclass_fields__:
        seen.add(digest(replace(COMPLAINT, **{name: ("another", 1)})))
    assert len(seen) == 1 + len(Variable.__dataclass_fields__)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 40)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def nested(path: Path) -> None:
    path.write_bytes(b"[" * 50_000 + b"\n")


def renumber(path: Path) -> None:
    """A line that reads well and says something else."""
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"rows": 128', b'"rows": 127'))
    assert path.read_bytes() != data


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


Damage = Callable[[Path], None]


@pytest.mark.parametrize("out", ["out.csv", "out.parquet", "out.jsonl.gz"])
@pytest.mark.parametrize("part", ["state.json", "data", "rejects", "journal"])
@pytest.mark.parametrize("damage", [Path.unlink, cut, flip, nothing, nested, zeros])
def test_a_damaged_folder_is_told_or_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, part: str, damage: Damage
) -> None:
    """Whatever is lost of it, the output is that of an undisturbed run, or none."""
    table(tmp_path / "r.csv")
    score_files(job(tmp_path, out=f"whole_{out}"))
    folder = interrupted(tmp_path, monkeypatch, out=out)
    damage(folder / part)
    try:
        score_files(job(tmp_path, out=out, resume=True))
    except tn.RecordError as error:
        (problem,) = error.problems
        assert problem.code == "TN220"
        assert "without --resume" in problem.hint
        assert not (tmp_path / out).exists()
        score_files(job(tmp_path, out=out))
    for end in ("", ".rejects.csv"):
        mine, whole = tmp_path / f"{out}{end}", tmp_path / f"whole_{out}{end}"
        assert mine.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("part", "damage", "said"),
    [
        ("data", Path.unlink, "data is missing"),
        ("data", cut, "data is shorter than it was"),
        ("data", flip, "data is not what was written"),
        ("rejects", zeros, "rejects is not what was written"),
        ("journal", flip, "journal is damaged"),
        ("journal", nested, "journal is damaged"),
        ("journal", renumber, "journal is damaged"),
        ("state.json", nested, "state.json is damaged"),
        ("state.json", zeros, "state.json is damaged"),
    ],
)
def test_what_is_damaged_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, damage: Damage, said: str
) -> None:
    table(tmp_path / "r.csv")
    folder = interrupted(tmp_path, monkeypatch)
    damage(folder / part)
    with pytest.raises(tn.RecordError, match=rf"TN220 .* cannot go on: .*{said} \(start again"):
        score_files(job(tmp_path, resume=True))


@pytest.mark.parametrize("out", ["out.csv", "out.csv.gz", "out.arrow"])
@pytest.mark.parametrize("lost", ["data", "rejects", "final"])
def test_a_part_that_is_lost_while_files_get_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, lost: str
) -> None:
    """An older output or list of rejects is never taken for the one that is lost."""
    table(tmp_path / "r.csv")
    score_files(job(tmp_path, out=f"whole_{out}"))
    for end in ("", ".rejects.csv"):
        (tmp_path / f"{out}{end}").write_text("of an earlier run")

    def killed(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            score_files(job(tmp_path, out=out))
    (tmp_path / f"{out}.partial" / lost).unlink(missing_ok=True)
    if lost == "final":  # it is made again
        assert score_files(job(tmp_path, out=out, resume=True)).before == 300
        assert (tmp_path / out).read_bytes() == (tmp_path / f"whole_{out}").read_bytes()
        return
    with pytest.raises(tn.RecordError, match=r"TN220 .* cannot go on: ") as caught:
        score_files(job(tmp_path, out=out, resume=True))
    assert not hasattr(caught.value, "__notes__")  # of going on all the same
    assert (tmp_path / out).read_text() == "of an earlier run"


def test_a_run_of_nothing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path / "r.csv")
    stop_after(monkeypatch, 0)
    with pytest.raises(OSError, match="No space left") as caught:
        score_files(job(tmp_path))
    assert not hasattr(caught.value, "__notes__")
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["rules", "data"])
def test_a_kill_then_another_model_or_a_shorter_file(tmp_path: Path, change: str) -> None:
    table(tmp_path / "r.csv", rows=20_000)
    source = tmp_path / "demo.yaml"
    from twitchnet.bundled import find_model

    text = Path(str(find_model("demo"))).read_text(encoding="utf-8")
    source.write_text(text, encoding="utf-8")
    words = ["score", "r.csv", "-o", "out.csv", "-m", "demo.yaml", "--chunk", "16"]
    command = [sys.executable, "-m", "twitchnet", *words]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    entries = tmp_path / "out.csv.partial" / "journal"
    while run.poll() is None and not (entries.is_file() and entries.stat().st_size):
        time.sleep(0.005)
    run.kill()
    run.communicate()
    assert run.returncode == -signal.SIGKILL
    if change == "rules":
        label = json.dumps(COMPLAINT.label)
        changed = text.replace(f"label: {COMPLAINT.label}", f'label: {label[:-1]}!"', 1)
        assert changed != text
        source.write_text(changed, encoding="utf-8")
    else:
        os.truncate(tmp_path / "out.csv.partial" / "data", 100)
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("error: TN220 the interrupted run of out.csv ")
    assert ("text of the model" in said) == (change == "rules")
    assert not (tmp_path / "out.csv").exists()
