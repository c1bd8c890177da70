"""Files are read the same from any chunk on, whatever stands in them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from twitchnet.batch.formats import csv_reader, json_reader
from twitchnet.batch.formats.json_text import json_lines
from twitchnet.batch.formats.opening import Chunk, Cursor, Reject
from twitchnet.batch.formats.readers import Input, open_input
from twitchnet.errors import RecordError

Rows = list[tuple[int, dict[str, Any]]]


def rows_of(chunks: list[Chunk]) -> Rows:
    """Numbers and cells of the rows that could be read."""
    found = []
    for chunk in chunks:
        frame = chunk.frame
        if isinstance(frame, pa.RecordBatch):
            frame = frame.to_pydict()
        cells = [dict(zip(frame, row, strict=True)) for row in zip(*frame.values(), strict=True)]
        found += list(zip(chunk.numbers.tolist(), cells, strict=True))
    return found


def told(chunks: list[Chunk]) -> list[list[Any]]:
    """Everything that a run reads of the chunks."""
    return [[rows_of([chunk]), chunk.rejects, chunk.cursor] for chunk in chunks]


def same_from_any_chunk(found: Input, size: int) -> list[Chunk]:
    """All chunks; each of them is a place from which the same ones follow."""
    whole = list(found.chunks(size))
    for i, chunk in enumerate(whole):
        assert chunk.cursor is not None
        cursor = Cursor(*json.loads(json.dumps(chunk.cursor)))  # as a journal keeps it
        after = [[rows, rejects, last[:2]] for rows, rejects, last in told(whole[i + 1 :])]
        found_after = told(list(found.chunks(size, cursor)))
        assert [[rows, rejects, last[:2]] for rows, rejects, last in found_after] == after
    assert all(chunk.rows == size for chunk in whole[:-1] if chunk.file == whole[-1].file)
    return whole


bits = st.sampled_from(["a", '"', ",", "\n", "\r\n", " ", "é"])
cells = st.lists(bits, max_size=4).map("".join)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=12)


@settings(max_examples=150)
@given(tables, st.integers(1, 5), st.sampled_from([8, 64, 1 << 22]), st.booleans())
def test_csv_is_what_the_csv_module_reads(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    size: int,
    piece: int,
    quoted: bool,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=quoting)
        writer.writerows([["id", "leg_twitching", "x"], *table])
    with path.open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "PIECE", piece)
        found = rows_of(same_from_any_chunk(open_input([str(path)]), size))
    assert [number for number, _ in found] == list(range(1, len(expected) + 1))
    assert [{n: v or "" for n, v in row.items()} for _, row in found] == expected


def outcome(call: Callable[[], list[Chunk]]) -> tuple[Rows, list[Reject]] | str:
    """Rows and refused rows, or that a quote is open at the end."""
    try:
        chunks = call()
    except RecordError as error:
        return str(error)
    return rows_of(chunks), [reject for chunk in chunks for reject in chunk.rejects]


@settings(max_examples=300)
@example('a"\n"\na', 1)  # the quotes are in rows that are refused; the last one is open
@example('"a\n"b"', 1)  # opened in one row and closed in the next
@given(st.lists(bits, max_size=40).map("".join), st.integers(1, 4))
def test_any_text_is_cut_as_arrow_cuts_it(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int
) -> None:
    """Also where quotes stand where none belong."""
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    path.write_text("id,leg_twitching\n" + text, newline="")
    found = open_input([str(path)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "swallowed", lambda path, part: part)  # its own test
        whole = outcome(lambda: list(found.chunks(1000)))
        patch.setattr(csv_reader, "PIECE", 4)
        assert outcome(lambda: same_from_any_chunk(found, size)) == whole
    if isinstance(whole, str):
        assert "a quote is not closed" in whole
        assert '"' in text


@pytest.mark.parametrize("piece", [8, 1 << 22])
@pytest.mark.parametrize("before", ["", '0,no,5" pipe\n'])
def test_a_quote_that_is_never_closed_takes_no_row_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, before: str
) -> None:
    monkeypatch.setattr(csv_reader, "PIECE", piece)
    path, end = tmp_path / "r.csv", 2 if before else 1
    path.write_text(f'id,leg_twitching,note\n{before}1,yes,"open\n2,no,x\n3,no,y\n')
    with pytest.raises(RecordError, match=f"TN210 row {end}: a quote is not closed, so the rest"):
        list(open_input([str(path)]).chunks(2))
    path.write_text(f'id,leg_twitching,note\n{before}1,yes,"open\n2,no,"x"\n3,no,y\n')
    chunks = same_from_any_chunk(open_input([str(path)]), 9)
    assert [row["id"] for _, row in rows_of(chunks)] == (["0", "3"] if before else ["3"])
    (reject,) = (reject for chunk in chunks for reject in chunk.rejects)
    assert (reject.row, reject.column) == (end, "note")
    assert reject.reason == "a quote stands inside a cell of 2 lines"


def test_a_row_without_an_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_reader, "PIECE", 64)
    monkeypatch.setattr(csv_reader, "LONGEST", 1024)
    path = tmp_path / "r.csv"
    path.write_text('id,leg_twitching\n1,yes\n"2,no\n' + "3,no\n" * 1000)
    chunks = open_input([str(path)]).chunks(1)
    assert rows_of([next(chunks)]) == [(1, {"id": "1", "leg_twitching": "yes"})]
    with pytest.raises(RecordError, match="row 2: a quote is not closed"):
        next(chunks)


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("r.csv", "id;leg_twitching;note", '1;yes;"a, b; c"'),
        ("r.csv", "id\tleg_twitching\tnote", "1\tyes\ta, b; c"),
        ("r.csv", "id|leg_twitching|note", "1|yes|a, b; c"),
        ("r.csv", 'id,leg_twitching,"note"', '1,yes,"a, b; c"'),
        ("r.tsv", "id\tleg_twitching\tnote", "1\tyes\ta, b; c"),
    ],
)
def test_what_stands_between_cells(tmp_path: Path, name: str, header: str, row: str) -> None:
    path = tmp_path / name
    path.write_text(f"{header}\n{row}\n")
    chunks = same_from_any_chunk(open_input([str(path)]), 1)
    assert [row for _, row in rows_of(chunks)] == [
        {"id": "1", "leg_twitching": "yes", "note": "a, b; c"}
    ]


def test_rows_are_numbered_past_blank_lines_and_ragged_rows(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("id,leg_twitching\n1,yes\n\n2\n3,no\n\n\n4,1,2\n5,yes\n6\n7\n")
    for piece in (6, 1 << 22):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_reader, "PIECE", piece)
            for size in (1, 2, 3, 100):
                chunks = same_from_any_chunk(open_input([str(path)]), size)
                assert [(n, row["id"]) for n, row in rows_of(chunks)] == [
                    (1, "1"), (3, "3"), (5, "5"),
                ]  # fmt: skip
                refused = [(r.row, r.value) for chunk in chunks for r in chunk.rejects]
                assert refused == [(2, "2"), (4, "4,1,2"), (6, "6"), (7, "7")]


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl", "r.jsonl.gz", "r.parquet"])
def test_a_run_goes_on_without_reading_what_it_has_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ids = [f"{i:06}" for i in range(2000)]
    table = pa.table({"id": ids, "leg_twitching": ["yes", "no"] * 1000})
    path = tmp_path / name
    if ".csv" in name:
        data = "".join(["id,leg_twitching\n", *(f"{i},yes\n" for i in ids)]).encode()
    else:
        data = json_lines(table.to_batches()[0])
    if name.endswith("parquet"):
        parquet.write_table(table, path, row_group_size=100)
    else:
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    monkeypatch.setattr(csv_reader, "PIECE", 1000)
    found = open_input([str(path)])
    chunks = same_from_any_chunk(found, 500)
    assert len(rows_of(chunks)) == 2000
    last = chunks[-2].cursor
    assert last is not None
    assert last.row == 1500
    if name in ("r.csv", "r.jsonl"):
        assert last.offset > len(data) // 2
        head = data[: data.index(b"\n") + 1]
        path.write_bytes(head + b"?" * (last.offset - len(head)) + data[last.offset :])
        assert told(list(found.chunks(500, last))) == told(chunks[-1:])


def test_files_may_order_their_columns_as_they_like(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,leg_twitching\n1,yes\n")
    (tmp_path / "b.csv").write_text("leg_twitching,id\nno,2\n")
    chunks = list(open_input([str(tmp_path / "*.csv")]).chunks(9))
    assert [row for _, row in rows_of(chunks)] == [
        {"id": "1", "leg_twitching": "yes"}, {"leg_twitching": "no", "id": "2"},
    ]  # fmt: skip
    assert [chunk.cursor[:2] for chunk in chunks if chunk.cursor] == [(0, 1), (1, 1)]


LINES = [
    b'{"id": 1, "leg_twitching": "yes", "w": 0.5, "b": true}',
    b'{"id": 2, "leg_twitching": "no", "w": 3, "b": null}',
    b'{"b": false}',
    b'{"id": 4, "id": 5}',
    b'{"id": 1} {"id": 2}',
    b'{"id":',
    b"3}",
    b'{"w": 1.5, "leg_twitching": "\\u00e9 \\" \\\\"}',
    b'{"id": "text"}',
    b'{"leg_twitching": "\xff"}',
    b'{"new": 1}',
    b'{"id": 12345678901234567890}',
    b"[1]",
    b"  ",
    b"",
]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(LINES), max_size=8), st.integers(1, 4), st.booleans())
def test_json_lines_at_once_and_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, windows: bool
) -> None:
    """Arrow's parser and Python's agree, on rows and on what is refused."""
    path = tmp_path_factory.mktemp("json") / "r.jsonl"
    path.write_bytes((b"\r\n" if windows else b"\n").join([LINES[0], *lines]))
    found = Input((str(path),), "jsonl", {
        "id": pa.int64(), "leg_twitching": pa.string(), "w": pa.float64(), "b": pa.bool_(),
    })  # fmt: skip
    quick = same_from_any_chunk(found, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "_at_once", lambda *_: None)
        slow = list(found.chunks(size))
    assert told(quick) == told(slow)


def test_plain_json_lines_are_parsed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\n".join([LINES[0], LINES[1], LINES[2]] * 9) + b"\n")
    monkeypatch.setattr(json_reader, "_one_by_one", None)  # would raise
    assert len(rows_of(list(open_input([str(path)]).chunks(10)))) == 27


def test_json_lines_are_what_the_json_module_reads() -> None:
    table = pa.table(
        {
            "text": ['"\\\n\t\x01é', None, "", "plain"],
            "float": [1e-7, float("nan"), 1.0, 1 / 3],
            "half": pa.array([0.5, None, 1.5, float("inf")], pa.float32()),
            "int": [2**63 - 1, -1, None, 0],
            "flag": [True, None, False, True],
            "when": pa.array([0, None, 1, 2], pa.timestamp("us")),
            "tags": [["a"], None, [], ["b", None]],
            "odd": [{"x": float("nan")}, {"x": 1.0}, None, {"x": None}],
            "category": pa.array(["u", None, "v", "u"]).dictionary_encode().cast(pa.string()),
        }
    )
    rows = [json.loads(line) for line in json_lines(table.to_batches()[0]).splitlines()]
    expected = table.to_pylist()
    for row, want in zip(rows, expected, strict=True):
        for name in ("text", "int", "flag", "tags", "category"):
            assert row[name] == want[name]
        assert row["when"] == (None if want["when"] is None else str(want["when"]))
    assert [row["float"] for row in rows] == [1e-7, None, 1.0, 1 / 3]
    assert [row["half"] for row in rows] == [0.5, None, 1.5, None]
    assert [row["odd"] for row in rows[1:]] == [{"x": 1.0}, None, {"x": None}]
    sliced = table.to_batches()[0].slice(2, 1)
    assert json.loads(json_lines(sliced)) == rows[2]
    assert json_lines(table.to_batches()[0].slice(0, 0)) == b""
    assert io.BytesIO(json_lines(table.to_batches()[0])).readline().endswith(b"}\n")
