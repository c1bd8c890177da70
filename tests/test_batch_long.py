"""A row per answer says what a row per record says, in files and in frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import parquet

import twitchnet as tn
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.files.long import widen
from twitchnet.batch.formats.opening import Chunk
from twitchnet.batch.formats.readers import open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference, details=False)
NAMES = ["leg_twitching", "Caffeine intake", "intense_exercise", "no such", None]
VALUES = ["yes", "no", "high", "low", "?", None]
Rows = list[tuple[int, str | None, str | None]]

answers = st.lists(st.tuples(st.sampled_from(NAMES[:3]), st.sampled_from(VALUES)), max_size=4)
anything = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)


def as_rows(records: list[list[tuple[str | None, str | None]]]) -> Rows:
    return [(i, name, value) for i, some in enumerate(records) for name, value in some]


def by_hand(rows: Rows) -> dict[int, dict[str, str | None] | str]:
    """The answers of each record, or the code of the first thing that is wrong with it."""
    names = {"leg_twitching", "caffeine_intake", "intense_exercise"}
    found: dict[int, dict[str, str | None] | str] = {}
    for record, said, value in rows:
        name = (said or "").lower().replace(" ", "_")
        mine = found.setdefault(record, {})
        if isinstance(mine, str):
            continue
        if name not in names:
            found[record] = "TN201"
        elif mine.setdefault(name, value) != value:
            found[record] = "TN204"
    return found


def told(chunks: list[Chunk]) -> dict[int, dict[str, str | None] | str]:
    """What was read, by the id that is one less than the number of the record."""
    found: dict[int, dict[str, str | None] | str] = {}
    for chunk in chunks:
        rows = chunk.frame.to_pylist()
        for number, row in zip(chunk.numbers.tolist(), rows, strict=True):
            found[number] = {name: value for name, value in row.items() if value is not None}
        found |= {reject.row: reject.code for reject in chunk.rejects}
    return found


@settings(max_examples=60)
@given(st.lists(anything, max_size=8), st.integers(1, 4))
def test_records_of_a_file_are_those_of_its_rows(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[list[tuple[str | None, str | None]]],
    size: int,
) -> None:
    rows = as_rows(records)
    path = tmp_path_factory.mktemp("long") / "r.parquet"
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (pa.int64(), pa.string(), pa.string())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    parquet.write_table(pa.table(arrays, names=["record_id", "variable", "value"]), path)
    expected = {}
    for number, (record, mine) in enumerate(by_hand(rows).items(), 1):
        if isinstance(mine, dict):
            kept = {name: value for name, value in mine.items() if value is not None}
            mine = {"record_id": record, **kept}  # type: ignore[dict-item]
        expected[number] = mine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twitchnet.batch.files.long.ANSWERS", 1)  # records go on from chunk to chunk
        chunks = list(widen(open_input([str(path)]), DEMO.network, {}).chunks(size))
    assert told(chunks) == expected
    assert all(len(chunk.numbers) == size for chunk in chunks[:-1] if chunk.rows > size)
    assert all(len(chunk.numbers) <= size for chunk in chunks)


@pytest.mark.parametrize("kind", ["plain", "pandas", "polars", "lazy", "pyarrow", "duckdb"])
def test_the_rows_of_a_frame_may_stand_anywhere(kind: str) -> None:
    rng = np.random.default_rng(5)
    records = [
        [(name, VALUES[rng.integers(4)]) for name in ("leg_twitching", "intense_exercise")]
        + [("caffeine_intake", ["low", "high", None][rng.integers(3)])]
        for _ in range(60)
    ]
    rows = [(f"p{i}", *answer) for i, *answer in as_rows(records)]  # type: ignore[misc]
    rng.shuffle(rows)
    data = dict(
        zip(("record_id", "variable", "value"), map(list, zip(*rows, strict=True)), strict=True)
    )
    order = list(dict.fromkeys(data["record_id"]))
    frame: Any = {
        "plain": lambda: data,
        "pandas": lambda: pd.DataFrame(data, index=np.arange(len(rows))[::-1]),
        "polars": lambda: pl.DataFrame(data),
        "lazy": lambda: pl.DataFrame(data).lazy(),
        "pyarrow": lambda: pa.table(data),
        "duckdb": lambda: pytest.importorskip("duckdb").from_arrow(pa.table(data)),
    }[kind]()
    scored = DEMO.score(frame, long_input=True, details=False)
    if kind not in ("plain", "duckdb"):
        assert type(scored) is type(frame)
    wide = [dict(records[int(name[1:])]) for name in order]
    names = ("leg_twitching", "intense_exercise", "caffeine_intake")
    expected = DEMO.score(
        {"record_id": order, **{name: [row[name] for row in wide] for name in names}},
        details=False,
    )
    if kind == "pandas":
        assert scored.index.tolist() == list(range(60))
    found = pl.DataFrame(
        scored.collect()
        if kind == "lazy"
        else scored.to_arrow_table()
        if kind == "duckdb"
        else scored
    )
    if kind == "duckdb":
        found = found.sort(pl.col("record_id").replace_strict(order, range(60)))
    assert found["record_id"].to_list() == order
    assert found["status"].to_list() == expected["status"].tolist()
    assert set(found["status"]) == {"ok", "bad value"}
    for name in DEMO.causes:
        assert np.array_equal(found[name].cast(float).to_numpy(), expected[name], equal_nan=True)


def test_what_is_wrong_with_a_record_of_a_frame() -> None:
    rows = [
        (7, "leg_twitching", "yes"), (8, "leg_twitchin", "yes"), (None, "leg_twitching", "no"),
        (9, "leg_twitching", "no"), (7, "q1", "high"), (9, "leg_twitching", "yes"),
        (10, "leg_twitching", "?"), (11, None, "yes"), (12, "leg_twitching", None),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["who", "variable", "value"]).astype({"who": "Int64"})
    names = {"who": "record_id", "q1": "caffeine_intake"}
    scored = DEMO.score(frame, long_input=True, names=names, details=False)
    assert scored["who"].dtype == "Int64"
    assert scored["who"].tolist() == [7, 8, pd.NA, 9, 10, 11, 12]
    assert scored["status"].tolist() == ["ok", *["bad value"] * 5, "ok"]
    single = DEMO.diagnose(leg_twitching=True, caffeine_intake="high")
    assert scored["muscle_fatigue"][0] == pytest.approx(single.posterior["muscle_fatigue"])
    with pytest.raises(tn.RecordError) as caught:
        DEMO.score(frame, long_input=True, names=names, on_error="raise")
    assert str(caught.value).splitlines() == [
        "TN201 leg_twitchin: row 1: the model has no such variable (did you mean 'leg_twitching'?)",
        "TN214 who: row 2: these rows have no id",
        "TN204 leg_twitching: row 3: answered as 'no' too",
        "TN202 leg_twitching: row 4: no state '?'; it has absent, present (say yes, no or unknown)",
        "TN201 row 5: the row names no variable",
    ]
    with pytest.raises(tn.RecordError, match="TN201 record_id: a long table needs this column"):
        DEMO.score(frame, long_input=True)
    assert "who" not in DEMO.score(frame, long_input=True, names=names, keep="none", top=1)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "arrow"])
def test_long_files_of_every_format(tmp_path: Path, suffix: str) -> None:
    rows = [
        (i // 3, ["leg_twitching", "q1", "q2"][i % 3], ["yes", "high", None][i % 3])
        for i in range(60)
    ]
    columns = dict(
        zip(("who", "variable", "value"), map(list, zip(*rows, strict=True)), strict=True)
    )
    table, path = pa.table(columns), tmp_path / f"r.{suffix}"
    if suffix == "csv":
        arrow_csv.write_csv(table, path)
    elif suffix == "parquet":
        parquet.write_table(table, path, row_group_size=7)
    elif suffix == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as file:
            file.write_table(table, 7)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    names = {"who": "record_id", "q1": "caffeine_intake", "q2": "intense_exercise"}
    wide = widen(open_input([str(path)]), DEMO.network, names)
    scheme = make_scheme(SCORER, wide.columns)
    out = tmp_path / "out.parquet"
    summary = score_files(Job(wide, scheme, str(out), "parquet", chunk=4))
    assert (summary.rows, summary.scored) == (20, 20)
    found = parquet.read_table(out)
    assert found.schema.field("who").type == (pa.string() if suffix == "csv" else pa.int64())
    assert [int(who) for who in found["who"].to_pylist()] == list(range(20))
    expected = DEMO.score({"leg_twitching": ["yes"], "caffeine_intake": ["high"]}, details=False)
    for name in DEMO.causes:
        assert found[name].to_pylist() == pytest.approx([expected[name][0]] * 20, rel=1e-12)


def test_rows_without_an_id_are_nobodys_answers(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "record_id,variable,value\n1,leg_twitching,yes\n,leg_twitching,no\n2,leg_twitching,no\n"
    )
    (chunk,) = widen(open_input([str(path)]), DEMO.network, {}).chunks(9)
    assert chunk.numbers.tolist() == [1, 3]
    assert [(r.row, r.code, r.reason) for r in chunk.rejects] == [
        (2, "TN214", "its rows have no id")
    ]


def test_every_record_belongs_to_its_file(tmp_path: Path) -> None:
    texts = {
        "a": "1,leg_twitching,yes\n2,nonsense,yes\n3,leg_twitching,?\n",
        "b": "4,nonsense,yes\n5,leg_twitching,?\n5,caffeine_intake,high\n",
        "c": "5,intense_exercise,yes\n6,leg_twitching,yes\n7,nonsense,yes\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(f"record_id,variable,value\n{text}")
    for size in (1, 2, 64):
        wide = widen(open_input([str(tmp_path / name) for name in "abc"], "csv"), DEMO.network, {})
        scheme = make_scheme(SCORER, wide.columns)
        summary = score_files(Job(wide, scheme, str(tmp_path / "o.csv"), "csv", chunk=size))
        assert (summary.rows, summary.scored) == (7, 2)
        rejects = arrow_csv.read_csv(tmp_path / "o.csv.rejects.csv").to_pylist()
        assert [(Path(r["file"]).name, r["row"], r["code"]) for r in rejects] == [
            ("a", 2, "TN201"), ("a", 3, "TN202"),
            ("b", 1, "TN201"),
            ("c", 1, "TN202"), ("c", 3, "TN201"),
        ]  # fmt: skip


def test_a_row_with_an_id_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    row = '{{"record_id": {}, "variable": "leg_twitching", "value": "yes", "note": {}}}\n'
    path.write_text(row.format(1, 2))
    wide = widen(open_input([str(path)]), DEMO.network, {})
    path.write_text("".join(row.format(i, note) for i, note in ((1, 2), (2.5, 3), (3, '"x"'))))
    (chunk,) = wide.chunks(9)
    assert chunk.frame["record_id"].to_pylist() == [1, 3]
    assert [(reject.row, reject.reason) for reject in chunk.rejects] == [
        (2, "'record_id' is int64 in the first rows, and here 2.5")
    ]
