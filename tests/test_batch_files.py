"""Files in, files out: every row has one outcome, whatever happens on the way."""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import feather, parquet

import twitchnet as tn
from tests.narrow import budget_between
from twitchnet.batch.files import journal
from twitchnet.batch.files.files import Job, Summary, score_files
from twitchnet.batch.files.long import widen
from twitchnet.batch.formats import readers
from twitchnet.batch.formats.opening import Chunk
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.simulate import simulate, write_batches
from twitchnet.batch.stream import make_scheme, score_batches

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference)
TABLE = pa.Table.from_batches(list(simulate(DEMO.network, 300, seed=5)))
TABLE = TABLE.append_column("weight", pa.array(np.arange(300) / 7, mask=np.arange(300) == 4))


def job(
    folder: Path, *inputs: str | Path, out: str = "out.csv", top: int | None = None, **options: Any
) -> Job:
    """A job on files, with small chunks."""
    found = open_input([str(path) for path in inputs], options.pop("format", ""))
    more = {k: options.pop(k) for k in ("names", "keep") if k in options}
    own = Scorer(DEMO._inference, top=top, **more) if top or more else SCORER
    scheme = make_scheme(options.pop("scorer", own), found.columns, long=options.pop("long", False))
    output = str(folder / out) if out != "-" else out
    return Job(
        found, scheme, output, options.pop("form", "") or format_of(out), **{"chunk": 64, **options}
    )


def run(folder: Path, *inputs: str | Path, **options: Any) -> Summary:
    summary = score_files(job(folder, *inputs, **options))
    assert summary.rows == summary.scored + sum(summary.refused.values())
    assert sorted(path.name for path in folder.glob("*.partial")) == []
    return summary


def write(table: pa.Table, path: Path) -> Path:
    """The table as a file of the format that the suffix says."""
    name = path.name
    if ".csv" in name:
        text = io.BytesIO()
        arrow_csv.write_csv(table, text)
        data = text.getvalue()
        if name.endswith(".gz"):
            data = gzip.compress(data)
        elif name.endswith(".zst"):
            data = pa.compress(data, "zstd", asbytes=True)
        path.write_bytes(data)
    elif name.endswith(".parquet"):
        parquet.write_table(table, path, row_group_size=50)
    elif name.endswith(".arrow"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table, 77)
    elif name.endswith(".ipc"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as file:
            file.write_table(table)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an output; the texts of CSV become numbers where they are."""
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".arrow":
        return feather.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return arrow_csv.read_csv(path).to_pylist()


EXPECTED = DEMO.score(TABLE).drop_columns("problem").to_pylist()  # a file has rejects instead


def close(rows: list[dict[str, Any]], expected: list[dict[str, Any]], kept: bool = True) -> None:
    assert len(rows) == len(expected)
    for row, want in zip(rows, expected, strict=True):
        assert list(row) == list(want)
        for name, value in want.items():
            if isinstance(value, float) and row[name] is not None:
                assert float(row[name]) == pytest.approx(value, rel=1e-12, abs=1e-300), name
            elif kept or name not in ("record_id", "weight"):
                assert (row[name] or None) == (value or None), name


INPUTS = ("r.csv", "r.csv.gz", "r.csv.zst", "r.parquet", "r.arrow", "r.ipc", "r.jsonl")
OUTPUTS = ("out.csv", "out.jsonl", "out.parquet", "out.arrow")


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("out", OUTPUTS)
def test_every_format_in_and_out(tmp_path: Path, name: str, out: str) -> None:
    summary = run(tmp_path, write(TABLE, tmp_path / name), out=out)
    assert (summary.rows, summary.scored, summary.refused) == (300, 300, {})
    close(read(tmp_path / out), EXPECTED, kept=".csv" not in name)
    left = {name, out} | ({f"{out}.meta.json"} if out in ("out.csv", "out.jsonl") else set())
    assert {path.name for path in tmp_path.iterdir()} == left


def test_types_and_nulls_of_other_columns_survive(tmp_path: Path) -> None:
    table = TABLE.append_column("when", pa.array([None, *range(299)], pa.timestamp("us")))
    table = table.append_column("kind", pa.array(["a", None, "b"] * 100).dictionary_encode())
    answers = table.column("leg_twitching").dictionary_encode()  # categories are answers too
    place = table.schema.get_field_index("leg_twitching")
    table = table.set_column(place, "leg_twitching", answers)
    run(tmp_path, write(table, tmp_path / "r.parquet"), out="out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet")
    close(found.drop(["when", "kind"]).to_pylist(), EXPECTED)
    assert found.select(["record_id", "weight", "when"]).equals(
        table.select(["record_id", "weight", "when"])
    )
    assert found["kind"].to_pylist() == ["a", None, "b"] * 100
    assert found["kind"].type == table["kind"].type
    for name in ("out.arrow", "out.jsonl", "out.csv"):  # there as their values
        run(tmp_path, tmp_path / "r.parquet", out=name)
        assert [row["kind"] or None for row in read(tmp_path / name)] == ["a", None, "b"] * 100


@pytest.mark.parametrize("out", OUTPUTS)
def test_the_model_is_told_in_the_output(tmp_path: Path, out: str) -> None:
    run(tmp_path, write(TABLE, tmp_path / "r.parquet"), out=out)
    path = tmp_path / out
    if out.endswith("parquet"):
        told = parquet.read_schema(path).metadata
    elif out.endswith("arrow"):
        told = pa.ipc.open_file(path).schema.metadata
    else:
        told = json.loads((tmp_path / f"{out}.meta.json").read_text())
        assert told["rows"] == 300
    told = {str(k, "utf-8") if isinstance(k, bytes) else k: v for k, v in told.items()}
    fingerprint = told["twitchnet.fingerprint"]
    assert fingerprint in (DEMO.fingerprint, DEMO.fingerprint.encode())
    assert {"twitchnet.model", "twitchnet.model_version", "twitchnet.version"} <= set(told)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_column_without_a_value_has_any_type(
    tmp_path: Path, suffix: str, order: tuple[str, str]
) -> None:
    """pandas stores a column of None alone with Arrow's type null."""
    whole = TABLE.slice(0, 6)
    empty = TABLE.slice(6, 6)
    for name in ("weight", "leg_twitching"):
        nothing = pa.nulls(len(empty))
        empty = empty.set_column(empty.schema.get_field_index(name), name, nothing)
    write(whole, tmp_path / f"a{suffix}")
    write(empty, tmp_path / f"b{suffix}")
    paths = [tmp_path / f"{name}{suffix}" for name in order]
    assert run(tmp_path, *paths, out="out.parquet").scored == 12
    rows = parquet.read_table(tmp_path / "out.parquet")
    assert rows.schema.field("weight").type == TABLE.schema.field("weight").type
    assert rows["weight"].null_count == whole["weight"].null_count + 6


def test_several_files_and_globs_are_one_input(tmp_path: Path) -> None:
    for i in range(3):
        write(TABLE.slice(100 * i, 100), tmp_path / f"r{i}.parquet")
    assert run(tmp_path, tmp_path / "r?.parquet", out="all.csv").rows == 300
    run(tmp_path, write(TABLE, tmp_path / "whole.parquet"), out="out.csv")
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    write(TABLE.drop(["weight"]), tmp_path / "r3.parquet")
    with pytest.raises(tn.RecordError, match=r"r3.parquet: TN210 other columns .*: weight"):
        open_input([str(tmp_path / "r*.parquet")])
    weight = TABLE.schema.get_field_index("weight")
    texts = TABLE["weight"].cast(pa.string())
    write(TABLE.set_column(weight, "weight", texts), tmp_path / "r3.parquet")
    with pytest.raises(tn.RecordError, match=r"other types .* weight \(string instead of \w+\)"):
        open_input([str(tmp_path / "r*.parquet")])
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none"):
        open_input([str(tmp_path / "none*.csv")])
    with pytest.raises(tn.RecordError, match="different formats"):
        open_input([str(tmp_path / "r0.parquet"), str(tmp_path / "out.csv")])
    with pytest.raises(tn.RecordError, match="TN210 the suffix says the format"):
        open_input([str(tmp_path / "out.csv.meta.json")])


def test_long_output(tmp_path: Path) -> None:
    path = write(TABLE.select(["leg_twitching", "record_id"]), tmp_path / "r.parquet")
    run(tmp_path, path, out="out.parquet", top=2, long=True)
    rows = read(tmp_path / "out.parquet")
    best = DEMO.score(TABLE.select(["leg_twitching"]), top=2).drop_columns("problem").to_pylist()
    told = [name for name in best[0] if not name.startswith(("cause_", "posterior_"))]
    assert {"status", "log_evidence", "conflict", "none_present", "urgency"} < set(told)
    assert list(rows[0]) == ["record_id", "rank", "cause", "posterior", *told]
    assert [row["rank"] for row in rows] == [1, 2] * 300
    for name in told:  # of the record as a whole
        assert [row[name] for row in rows[::2]] == [row[name] for row in best]
        assert {row[name] for row in rows[1::2]} == {None}
    assert [row["cause"] for row in rows[::2]] == [row["cause_1"] for row in best]
    assert [row["posterior"] for row in rows[1::2]] == [row["posterior_2"] for row in best]
    run(tmp_path, path, out="bare.parquet", top=1, long=True, keep="none")
    assert [row["record"] for row in read(tmp_path / "bare.parquet")] == list(range(1, 301))


BAD = """record_id,leg_twitching,caffeine_intake,note
1,yes,high,fine
2,perhaps,0.37,two bad cells
3,no
4,yes,,"a note
on two lines"
5,,,all unknown
6,yes,high,one,too many
7,maybe,high,
"""


def rejects(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_refused_row_keeps_its_red_flags(tmp_path: Path) -> None:
    path = tmp_path / "flags.csv"
    path.write_text(
        "saddle_numbness,bladder_bowel_change,urge_to_move\nyes,yes,maybe\n,,maybe\nyes,no,\n"
    )
    scorer = Scorer(tn.load("twitchy_legs")._inference, top=1)
    run(tmp_path, path, scorer=scorer)
    flagged, plain = rejects(tmp_path / "out.csv.rejects.csv")
    assert flagged["urgency"] == "emergency"
    assert flagged["red_flags"] == "saddle_numbness; bladder_bowel_change"
    assert (plain["urgency"], plain["red_flags"]) == ("", "")


def test_every_bad_row_is_a_line_of_the_rejects(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"\xef\xbb\xbf" + BAD.encode() + b"8,yes,\xff,not text\n9,no,,last\n\n")
    summary = run(tmp_path, path, chunk=2)
    assert summary.refused == {"TN202": 2, "TN211": 2, "TN215": 1}
    assert (summary.rows, summary.scored) == (9, 4)
    found = rejects(tmp_path / "out.csv.rejects.csv")
    assert [(row["row"], row["code"], row["column"], row["value"]) for row in found] == [
        ("2", "TN202", "leg_twitching", "perhaps"),
        ("3", "TN211", "", "3,no"),
        ("6", "TN211", "", "6,yes,high,one,too many"),
        ("7", "TN202", "leg_twitching", "maybe"),
        ("8", "TN215", "caffeine_intake", "\ufffd"),
    ]
    assert found[0]["more"] == "caffeine_intake=0.37 (TN202)"
    assert found[1]["reason"] == "the row has 2 cells, the header 4"
    assert {row["file"] for row in found} == {str(path)}
    rows = read(tmp_path / "out.csv")
    assert [row["record_id"] for row in rows] == [1, 4, 5, 9]
    assert rows[1]["note"] == "a note\non two lines"
    assert str(summary).splitlines()[:8] == [
        "9 rows: 4 scored, 5 refused",
        "  2 no such state (TN202)",
        "  2 not readable (TN211)",
        "  1 not text in UTF-8, or in the --encoding that is given (TN215)",
        "  caffeine_intake: '0.37' 1",
        "  leg_twitching: 'maybe' 1, 'perhaps' 1",
        "  `twitchnet columns` writes a map that says what these values mean",
        f"  listed in {tmp_path / 'out.csv.rejects.csv'}",
    ]
    good = tmp_path / "good.csv"
    good.write_text("leg_twitching\nyes\n")
    run(tmp_path, good)
    assert not (tmp_path / "out.csv.rejects.csv").exists()  # those were of another run


@pytest.mark.parametrize("keep", ["other", "none"])
@pytest.mark.parametrize("name", ["bad.csv", "bad.parquet", "bad.jsonl"])
def test_rejects_by_cell_have_a_line_for_every_bad_cell(
    tmp_path: Path, name: str, keep: str
) -> None:
    """Their counts are those of the summary, and they name the record, kept or not."""
    columns = {
        "ID": [11, 12, 13, 14],
        "leg_twitching": ["yes", "perhaps", "no", "no"],
        "caffeine_intake": ["high", "0.37", "none", "much"],
        "twitch_after_exercise": [None, None, "yes", None],
    }
    table, path = pa.table(columns), tmp_path / name
    if name.endswith("csv"):
        arrow_csv.write_csv(table, path)
    elif name.endswith("parquet"):
        parquet.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    summary = run(tmp_path, path, chunk=2, rejects_by="cell", keep=keep)
    found = rejects(tmp_path / "out.csv.rejects.csv")
    assert [tuple(row.values())[1:6] for row in found] == [
        ("2", "12", "TN202", "leg_twitching", "perhaps"),
        ("2", "12", "TN202", "caffeine_intake", "0.37"),
        ("3", "13", "TN204", "twitch_after_exercise", "present"),
        ("4", "14", "TN202", "caffeine_intake", "much"),
    ]
    assert list(found[0])[-4:] == ["message", "cure", "urgency", "red_flags"]
    assert found[0]["message"] == "no state 'perhaps'; it has absent, present"
    assert all(row["cure"] for row in found)
    counts = [
        sum((row["column"], row["value"]) == (column, value) for row in found)
        for column, values in summary.values.items()
        for value in values
    ]
    assert counts == [count for values in summary.values.values() for count in values.values()]


def test_rejects_by_cell_list_rows_that_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    summary = run(tmp_path, tmp_path / "bad.csv", chunk=3, rejects_by="cell")
    found = rejects(tmp_path / "out.csv.rejects.csv")
    assert [(row["row"], row["record_id"], row["code"]) for row in found] == [
        ("2", "2", "TN202"), ("2", "2", "TN202"), ("3", "", "TN211"), ("6", "", "TN211"),
        ("7", "7", "TN202"),
    ]  # fmt: skip
    assert summary.refused == {"TN202": 2, "TN211": 2}  # rows, not cells


def test_strict_stops_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    with pytest.raises(tn.RecordError, match=r"bad.csv: TN202 leg_twitching: row 2: no state"):
        run(tmp_path, tmp_path / "bad.csv", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.usefixtures("own_plans")
def test_impossible_and_too_wide_rows(tmp_path: Path) -> None:
    legs = tn.load("twitchy_legs")
    descriptor, of = next(iter(legs.network.descriptors.items()))
    (tmp_path / "r.csv").write_text(f"{of},{descriptor}\nno,yes\nno,no\n")
    assert run(tmp_path, tmp_path / "r.csv", scorer=Scorer(legs._inference)).refused == {"TN204": 1}
    line = rejects(tmp_path / "out.csv.rejects.csv")[0]
    assert line["reason"] == f"present, but {of!r}, which it describes, is absent"
    names = DEMO.findings
    (tmp_path / "w.csv").write_text(
        "\n".join([",".join(names), *(",".join([said] * len(names)) for said in ("no", "yes"))])
    )
    budget = budget_between(DEMO, {name: ["no", "yes"] for name in names})
    narrow = Scorer(tn.Model(DEMO.network, budget=budget)._inference)
    assert run(tmp_path, tmp_path / "w.csv", scorer=narrow).refused == {"TN301": 1}
    assert rejects(tmp_path / "out.csv.rejects.csv")[0]["row"] == "2"


def test_json_lines_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = ['{"id": 1, "leg_twitching": true, "tags": [1]}', "{", "[1]", ""]
    lines += ['{"leg_twitching": 2, "id": "x"}', '{"id": 3.5, "leg_twitching": null}']
    path.write_text("\n".join(lines))
    summary = run(tmp_path, path, out="out.jsonl")
    assert summary.refused == {"TN202": 1, "TN211": 2}
    rows = read(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["1", "3.5"]  # of several types: JSON text
    assert rows[0]["tags"] == [1]


def test_json_values_of_another_type_than_their_column(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"id": 1, "leg_twitching": "yes"}\n' * 2)
    later = job(tmp_path, path)  # has seen these two alone
    with path.open("a") as file:
        for value in ('"x"', "2.5", "true", "12345678901234567890", "null", "7"):
            file.write(f'{{"id": {value}, "leg_twitching": true}}\n')
    summary = score_files(later)
    assert (summary.rows, summary.refused) == (8, {"TN211": 4})
    assert [row["id"] for row in read(tmp_path / "out.csv")] == [1, 1, None, 7]
    reasons = [row["reason"] for row in rejects(tmp_path / "out.csv.rejects.csv")]
    assert reasons[:2] == [
        "'id' is int64 in the first rows, and here \"x\"",
        "'id' is int64 in the first rows, and here 2.5",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", b"", "the file is empty"),
        ("r.csv", "leg_twitching,x\nyes,1\n".encode("utf-16"), "TN210 this is UTF-16 text"),
        ("r.csv", b"leg_twitching,\xff\nyes,1\n", "TN210 the header is not UTF-8"),
        ("r.csv", b"leg_twitching,a,a\nyes,1,2\n", "TN212 a: two columns are called 'a'"),
        ("r.csv", b"leg_twitching,leg twitching\nyes,1\n", "TN204 leg twitching: answers"),
        ("r.csv", b"id,x\n1,2\n", "TN201 no column is a variable"),
        (
            "r.csv.gz",
            gzip.compress(b"leg_twitching\n" + b"yes\n" * 9, mtime=0)[:20],
            "cannot be read",
        ),
        ("r.parquet", b"PAR1 and no footer", "TN210 cannot be read"),
        ("r.arrow", b"ARROW1 and no footer", "TN210 cannot be read"),
        ("r.jsonl", b"nothing", "no line is a JSON object"),
    ],
)
def test_inputs_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(tn.RecordError, match=message):
        run(tmp_path, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_input_that_ends_too_soon_gives_no_output(tmp_path: Path) -> None:
    big = pa.concat_tables([TABLE] * 400)
    whole = write(big, tmp_path / "r.csv.gz").read_bytes()
    (tmp_path / "r.csv.gz").write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(
        tn.RecordError, match=r"r.csv.gz: TN210 cannot be read: .*is the file whole"
    ):
        run(tmp_path, tmp_path / "r.csv.gz", chunk=8192)
    assert not (tmp_path / "out.csv").exists()


def test_a_header_alone_and_no_rows(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,leg_twitching\n")
    for out in OUTPUTS:
        assert run(tmp_path, tmp_path / "r.csv", out=out).rows == 0
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0
    assert (tmp_path / "out.csv").read_text().startswith('"id","')


def test_a_hundred_thousand_columns(tmp_path: Path) -> None:
    names = [f"q{i}" for i in range(100_000)]
    cells = ["1"] * 100_000
    path = tmp_path / "r.csv"
    path.write_text(",".join(["leg_twitching", *names]) + "\n" + ",".join(["yes", *cells]) + "\n")
    started = time.monotonic()
    assert run(tmp_path, path, keep="none").scored == 1
    assert time.monotonic() - started < 60


def test_another_run_writes_to_the_same_output(tmp_path: Path) -> None:
    path = write(TABLE, tmp_path / "r.csv")
    mine = job(tmp_path, path)
    with (
        journal.Journal(Path(mine.output), mine.state, False),
        pytest.raises(tn.RecordError, match="TN221 another run is writing to"),
    ):
        score_files(mine)
    run(tmp_path, path)


def stop_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """Makes the run fail once some chunks are in the journal."""
    add = journal.Journal.add

    def failing(self: journal.Journal, *args: Any) -> None:
        if self.position.chunks == chunks:
            self._files[0].write(b"half a chunk")
            raise OSError(28, "No space left on device")
        add(self, *args)

    monkeypatch.setattr(journal.Journal, "add", failing)


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_a_full_disk_then_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, chunks: int
) -> None:
    path = tmp_path / "r.csv"
    path.write_text(BAD + "".join(f"{i},{'yes' if i % 3 else '?'},,\n" for i in range(10, 300)))
    run(tmp_path, path, out=f"whole_{out}")
    with monkeypatch.context() as patch:
        stop_after(patch, chunks)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path, path, out=out)
    assert not (tmp_path / out).exists()
    summary = run(tmp_path, path, out=out, resume=True)
    assert summary.before == 64 * chunks  # two ragged rows among them
    assert summary.rows == 297
    same = [out, f"{out}.rejects.csv"]
    for name in same:
        assert (tmp_path / name).read_bytes() == (tmp_path / f"whole_{name}").read_bytes()


def test_a_different_run_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(TABLE, tmp_path / "r.csv")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path, path)
    other = Scorer(tn.load("twitchy_legs")._inference)
    with pytest.raises(tn.RecordError, match=r"TN220 .* differs in: .*twitchnet.fingerprint"):
        run(tmp_path, path, resume=True, scorer=other)
    with pytest.raises(tn.RecordError, match="differs in: chunk"):
        run(tmp_path, path, resume=True, chunk=65)
    with monkeypatch.context() as patch:
        patch.setattr(readers, "_stamp", lambda path: [path, 0, 0])
        with pytest.raises(tn.RecordError, match="differs in: inputs"):
            run(tmp_path, path, resume=True)
    assert run(tmp_path, path, resume=True).before == 128
    assert run(tmp_path, path).before == 0


def test_standard_input_and_output() -> None:
    text = "record_id,leg_twitching\n1,yes\n2,?\n"
    words = ["score", "-", "--format", "csv", "-m", "demo", "-o", "-", "--output-format"]
    twitchnet = [sys.executable, "-m", "twitchnet", *words]
    done = subprocess.run([*twitchnet, "jsonl"], input=text, capture_output=True, text=True)
    assert done.returncode == 0
    assert [json.loads(line)["record_id"] for line in done.stdout.splitlines()] == ["1"]
    assert "refused: -: TN202 leg_twitching: row 2: no state '?'" in done.stderr
    assert "2 rows: 1 scored, 1 refused" in done.stderr
    done_bytes = subprocess.run([*twitchnet, "arrow"], input=text.encode(), capture_output=True)
    assert pa.ipc.open_stream(done_bytes.stdout).read_all()["status"].to_pylist() == ["ok"]
    wrong = subprocess.run([*twitchnet, "parquet"], input=text, capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "Parquet cannot be written to a pipe" in wrong.stderr


def test_batches_in_batches_out_row_for_row() -> None:
    table = TABLE.set_column(
        1, TABLE.schema.names[1], pa.array(["?", *TABLE.column(1).to_pylist()[1:]])
    )
    batches = list(score_batches(SCORER, table.to_batches(max_chunksize=70)))
    assert [batch.num_rows for batch in batches] == [70, 70, 70, 70, 20]
    assert {batch.schema.names[-1] for batch in batches} == {"decided_by"}
    rows = pa.Table.from_batches(batches)
    assert rows["status"].to_pylist() == ["bad value"] + ["ok"] * 299
    again = pa.Table.from_batches(list(score_batches(SCORER, table.to_batches(max_chunksize=999))))
    assert again.equals(rows)
    assert rows.schema.metadata[b"twitchnet.fingerprint"] == DEMO.fingerprint.encode()
    assert list(score_batches(SCORER, [])) == []


def test_a_row_that_is_lost_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(TABLE, tmp_path / "r.csv")
    rows = Chunk.rows.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(Chunk, "rows", property(lambda self: rows(self) + 1))
    with pytest.raises(AssertionError, match="a row was lost"):
        score_files(job(tmp_path, path))


def test_simulated_records(tmp_path: Path) -> None:
    given = {"leg_twitching": "present"}
    first = list(simulate(DEMO.network, 500, seed=1, given=given, contexts=0.5, truth=True))
    table = pa.Table.from_batches(first)
    assert table.equals(
        pa.Table.from_batches(
            list(simulate(DEMO.network, 500, seed=1, given=given, contexts=0.5, truth=True))
        )
    )
    assert table["record_id"].to_pylist() == list(range(1, 501))
    assert set(table["leg_twitching"].to_pylist()) == {"present"}
    assert [name for name in table.schema.names if name.startswith("true_")] == [
        f"true_{cause}" for cause in DEMO.causes
    ]
    missing = table[DEMO.contexts[0]].null_count / 500
    assert 0.4 < missing < 0.6
    assert table[f"true_{DEMO.causes[0]}"].null_count == 0
    for name in ("a.parquet", "a.csv", "a.jsonl", "a.arrow"):
        assert write_batches(iter(first), tmp_path / name, format_of(name)) == 500
        assert len(read(tmp_path / name)) == 500
    with pytest.raises(tn.RecordError, match="TN201"):
        list(simulate(DEMO.network, 5, given={"leg": "present"}))


def test_true_causes_are_not_answers(caplog: pytest.LogCaptureFixture) -> None:
    batch = next(simulate(DEMO.network, 40, truth=True))
    with caplog.at_level(logging.WARNING, "twitchnet"):
        scored = DEMO.score(pl.from_arrow(batch))
    assert "true_muscle_fatigue" in scored.columns
    assert caplog.records == []


def test_posteriors_are_calibrated_on_simulated_records() -> None:
    batch = next(
        simulate(DEMO.network, 4000, seed=2, given={"leg_twitching": "present"}, truth=True)
    )
    scored = DEMO.score(batch, details=False)
    for cause in DEMO.causes:
        truth = np.array(batch.column(f"true_{cause}").to_pylist()) == "present"
        expected = np.array(scored.column(cause).to_pylist())
        spread = np.sqrt((expected * (1 - expected)).sum())
        assert abs(truth.sum() - expected.sum()) < 4.5 * spread + 1


def test_the_job_of_a_resumed_run_knows_its_input(tmp_path: Path) -> None:
    path = write(TABLE, tmp_path / "r.parquet")
    one = job(tmp_path, path)
    assert one.state == replace(one, threads=2, resume=True).state
    assert one.input.total == 300


LONG = """record_id,variable,value
a,leg_twitching,yes
a,Caffeine intake,high
b,leg_twitchin,yes
c,leg_twitching,no
c,leg_twitching,yes
d,leg_twitching,perhaps
e,urge,yes
e,leg_twitching,
a,leg_twitching,no
f,leg_twitching,yes,more
f,leg_twitching,yes
"""


def test_long_input(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(LONG)
    wide = widen(open_input([str(path)]), DEMO.network, {"urge": "intense_exercise"})
    scheme = make_scheme(SCORER, wide.columns)
    for size in (1, 3, 64):
        summary = score_files(Job(wide, scheme, str(tmp_path / "out.jsonl"), "jsonl", chunk=size))
        assert summary.refused == {"TN201": 1, "TN202": 1, "TN204": 1, "TN211": 1, "TN214": 1}
        assert (summary.rows, summary.scored) == (8, 3)
        rows = read(tmp_path / "out.jsonl")
        assert [row["record_id"] for row in rows] == ["a", "e", "f"]
        frame = {"leg_twitching": ["yes"], "caffeine_intake": ["high"]}
        expected = DEMO.score(frame, details=False)["log_evidence"][0]
        assert rows[0]["log_evidence"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(tn.RecordError, match="TN201 value: a long table needs this column"):
        widen(open_input([str(write(TABLE.select([0, 1]), tmp_path / "r.csv"))]), DEMO.network, {})


def test_long_input_is_not_resumed_with_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.csv"
    path.write_text(LONG)

    def job(names: dict[str, str], **options: Any) -> Job:
        wide = widen(open_input([str(path)]), DEMO.network, names)
        scheme = make_scheme(SCORER, wide.columns)
        return Job(wide, scheme, str(tmp_path / "out.csv"), "csv", chunk=2, **options)

    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(OSError, match="No space left"):
            score_files(job({"urge": "intense_exercise"}))
    with pytest.raises(tn.RecordError, match=r"TN220 .* differs in: names of long input"):
        score_files(job({"urge": "leg_twitching"}, resume=True))
    assert score_files(job({"urge": "intense_exercise"}, resume=True)).rows == 8


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "twitchnet", *words], stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.slow
def test_ctrl_c_stops_promptly_and_resume_goes_on(tmp_path: Path) -> None:
    path, out, whole = tmp_path / "r.csv", tmp_path / "out.csv", tmp_path / "whole.csv"
    path.write_text("leg_twitching\n" + "yes\nno\n" * 20_000)
    words = ("score", str(path), "-m", "demo", "--chunk", "64")
    run_on = start(*words, "-o", str(out))
    entries = tmp_path / "out.csv.partial" / "journal"
    while run_on.poll() is None and not (entries.is_file() and entries.stat().st_size):
        time.sleep(0.01)
    run_on.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, said = run_on.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert run_on.returncode == 130
    assert "Traceback" not in said
    assert "--resume goes on after the last whole chunk" in said
    assert not out.exists()
    assert start(*words, "-o", str(out), "--resume").communicate()[1].startswith("40,000 rows")
    start(*words, "-o", str(whole)).communicate()
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limits of processes")
def test_no_more_room_for_the_output(tmp_path: Path) -> None:
    import resource

    path, out, whole = tmp_path / "r.csv", tmp_path / "out.parquet", tmp_path / "whole.parquet"
    path.write_text("leg_twitching\n" + "yes\nno\n" * 5_000)
    words = ("score", str(path), "-m", "demo", "--chunk", "500")

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "pycache")}
    full = start(*words, "-o", str(out), preexec_fn=small, env=environment)
    _, said = full.communicate()
    assert full.returncode == 1
    assert "File too large" in said
    assert not out.exists()
    _, said = start(*words, "-o", str(out), "--resume").communicate()
    assert "10,000 rows: 10,000 scored" in said
    assert " of the rows were done before" in said
    start(*words, "-o", str(whole)).communicate()
    assert parquet.read_table(out).equals(parquet.read_table(whole), check_metadata=True)
