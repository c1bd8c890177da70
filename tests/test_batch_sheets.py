"""Sheets of workbooks as tables of records: the same answers as the same table elsewhere."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import twitchnet as tn
from tests.sheets import cell, write_workbook
from twitchnet.batch.formats import sheet_child, sheets
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.cli.main import app

DEMO = tn.load("demo")
TABLE: list[list[object]] = [
    ["id", "leg_twitching", "caffeine_intake", "weight", "seen", "mixed"],
    [1, True, "high", 70.5, date(2026, 1, 5), 18],
    [2, 0, None, 80, None, "18-34"],
    [],
    [3, "maybe", "none", None, date(2026, 1, 7), date(2026, 12, 10)],
    [4, "YES", date(2026, 12, 10), 0.5, date(2026, 1, 8), True],
]


def rejects(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_cells_mean_what_they_mean_elsewhere(tmp_path: Path) -> None:
    path, out = write_workbook(tmp_path / "r.xlsx", {"a": TABLE}), tmp_path / "out.parquet"
    summary = DEMO.score_files(path, out, top=1)
    assert (summary.rows, summary.scored, summary.refused) == (4, 2, {"TN202": 2})
    scored = parquet.read_table(out)
    plain = {"leg_twitching": [True, 0], "caffeine_intake": ["high", None]}
    expected = DEMO.score(plain, top=1)["posterior_1"]
    assert scored["posterior_1"].to_pylist() == pytest.approx(expected.tolist(), rel=1e-12)
    kinds = {
        name: str(scored.schema.field(name).type) for name in ("id", "weight", "seen", "mixed")
    }
    assert kinds == {"id": "int64", "weight": "double", "seen": "date32[day]", "mixed": "string"}
    assert scored["seen"].to_pylist() == [date(2026, 1, 5), None]
    assert scored["mixed"].to_pylist() == ["18", "18-34"]


def test_rows_have_the_numbers_of_the_sheet_and_dates_are_told(tmp_path: Path) -> None:
    path, out = write_workbook(tmp_path / "r.xlsx", {"a": TABLE}), tmp_path / "out.csv"
    DEMO.score_files(path, out, files=tn.FileOptions(chunk=1), top=1)
    bad, dated = rejects(tmp_path / "out.csv.rejects.csv")
    assert (bad["row"], bad["column"], bad["value"]) == ("4", "leg_twitching", "maybe")
    assert (dated["row"], dated["value"]) == ("5", "2026-12-10")
    assert "this is a date: spreadsheets make dates of words" in dated["reason"]


def test_reading_goes_on_after_any_chunk(tmp_path: Path) -> None:
    found = open_input([str(write_workbook(tmp_path / "r.xlsx", {"a": TABLE}))])
    chunks = list(found.chunks(1))
    assert [chunk.numbers.tolist() for chunk in chunks] == [[1], [2], [4], [5]]
    for i, chunk in enumerate(chunks):
        assert chunk.cursor is not None
        rest = [one.frame.to_pylist() for one in found.chunks(1, chunk.cursor)]
        assert rest == [one.frame.to_pylist() for one in chunks[i + 1 :]]
    assert (found.total, chunks[-1].share) == (4, 1.0)


def test_the_first_sheet_or_the_one_that_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = [["leg_twitching", "true_stimulant_excess"], ["yes", "yes"], ["no", "no"]]
    path = write_workbook(tmp_path / "r.xlsx", {"Patienten <1>": other, "b": TABLE})
    assert list(open_input([str(path)], sheet="b").columns) == TABLE[0]
    assert not caplog.messages
    assert list(open_input([str(path)]).columns) == other[0]
    (told,) = caplog.messages
    assert "the sheet 'Patienten <1>' is read; --sheet names another of ['b']" in told
    with pytest.raises(tn.RecordError, match=r"TN218 no sheet 'c'; it has 'Patienten <1>', 'b'"):
        open_input([str(path)], sheet="c")
    out = str(tmp_path / "out.csv")
    for words, said in (
        (["score", str(path), "-o", out, "-m", "demo", "--sheet", "b"], "4 rows: 2 scored"),
        (["columns", str(path), "-m", "demo", "--sheet", "b"], "2 of 4 rows can be read"),
        (["evaluate", "demo", str(path), "--draws", "0"], "2 records"),
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert said in done.output


def test_other_formats_have_no_sheets_and_workbooks_are_not_written(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("leg_twitching\nyes\n")
    with pytest.raises(tn.RecordError, match="csv has no sheets"):
        open_input([str(tmp_path / "r.csv")], sheet="a")
    with pytest.raises(tn.RecordError, match="workbooks are read, not written"):
        DEMO.score_files(tmp_path / "r.csv", tmp_path / "out.xlsx")
    assert [format_of(f"r.{end}") for end in ("XLSX", "xls", "xlsb", "ods")] == ["excel"] * 4


@pytest.mark.parametrize(
    ("table", "merged", "said"),
    [
        ([], "", "TN210 the sheet is empty"),
        (
            [["Clinic"], ["id", "leg_twitching"], [1, "yes"]],
            "A1:B1",
            "TN210 the first row has merg",
        ),
        ([["id", "leg_twitching", "id"], [1, "yes", 2]], "", "TN212 two columns are called 'id'"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(
    tmp_path: Path, table: Any, merged: str, said: str
) -> None:
    path = write_workbook(tmp_path / "r.xlsx", {"a": table}, merged)
    with pytest.raises(tn.RecordError, match=said):
        open_input([str(path)])


def test_rows_with_merged_cells_are_refused(tmp_path: Path) -> None:
    """Only the first cell of a merged one has a value, and the others would be unknown."""
    table = [["id", "leg_twitching"], *([i, "yes" if i in (1, 4) else None] for i in range(1, 5))]
    path = write_workbook(tmp_path / "r.xlsx", {"a": table}, "B2:B4")
    summary = DEMO.score_files(path, tmp_path / "out.csv", top=1)
    assert (summary.scored, summary.refused) == (2, {"TN211": 2})
    found = rejects(tmp_path / "out.csv.rejects.csv")
    assert [row["row"] for row in found] == ["2", "3"]
    assert "merged" in found[0]["reason"]


def test_a_table_may_begin_anywhere_and_lack_names(tmp_path: Path) -> None:
    table = [[], [None, None, "id", None, "leg_twitching"], [None, None, 7, "x", "#N/A"]]
    found = open_input([str(write_workbook(tmp_path / "r.xlsx", {"a": table}))])
    assert [chunk.frame.to_pylist() for chunk in found.chunks(9)] == [
        [{"id": 7, "column D": "x", "leg_twitching": None}]
    ]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04junk", b"<html><table></table></html>"])
def test_what_is_no_workbook_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.xls").write_bytes(data)
    with pytest.raises(tn.RecordError, match=r"r.xls: TN210 cannot be read: .*whole workbook"):
        open_input([str(tmp_path / "r.xls")])


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "r.xls", {"a": TABLE})
    assert list(open_input([str(path)]).columns) == TABLE[0]
    named = path.rename(tmp_path / "r.csv")
    with pytest.raises(tn.RecordError, match="this is an Excel or zip file"):
        open_input([str(named)])
    assert list(open_input([str(named)], "excel").columns) == TABLE[0]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no such limits")
def test_a_small_file_cannot_take_all_memory(tmp_path: Path) -> None:
    """Two cells in opposite corners are a rectangle of 17 billion."""
    far = f'<row r="1">{cell(0, 0, "id")}</row><row r="1048576">{cell(1048575, 16383, "x")}</row>'
    path = write_workbook(tmp_path / "r.xlsx", {"a": far})
    start = time.monotonic()
    with pytest.raises(tn.RecordError, match="TN217 the sheet takes more memory or time"):
        open_input([str(path)])
    assert time.monotonic() - start < 60


def test_the_number_of_cells_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "r.xlsx", {"a": TABLE})
    monkeypatch.setattr(sheet_child, "MOST_CELLS", 36)
    assert len(sheet_child.read(str(path), "")) == 4
    monkeypatch.setattr(sheet_child, "MOST_CELLS", 35)
    with pytest.raises(sheet_child.Refused, match="the sheet has 36 cells, more than 35"):
        sheet_child.read(str(path), "")


def test_long_columns_have_one_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells become Arrow arrays piece by piece, and the last piece may be of another type."""
    monkeypatch.setattr(sheet_child, "ROWS", 2)
    rows: list[list[object]] = [["i", "f", "t", "n"]]
    rows += [[float(i), i / 2, float(i) if i < 4 else "x", ""] for i in range(6)]
    found = sheet_child.table_of(rows, set())
    assert found["i"].to_pylist() == list(range(6))
    assert found["f"].to_pylist() == [i / 2 for i in range(6)]
    assert found["t"].to_pylist() == ["0", "1", "2", "3", "x", "x"]
    assert found["n"].to_pylist() == [None] * 6


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "r.xlsx", {"a": TABLE})
    assert open_input([str(path)]).total == 4
    write_workbook(path, {"a": [*TABLE, [5, "yes"]]})
    assert open_input([str(path)]).total == 5


def test_without_the_reader_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_workbook(tmp_path / "r.xlsx", {"a": [["id", "leg_twitching"], [1, "yes"]]})
    monkeypatch.setattr(sheets, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"needs python-calamine.* pip install 'twitchnet\[excel\]"
    ):
        DEMO.score_files(path, tmp_path / "out.csv")
    for words in (
        ["score", str(path), "-o", str(tmp_path / "out.csv"), "-m", "demo"],
        ["columns", str(path), "-m", "demo"],
        ["evaluate", "demo", str(path)],
    ):
        done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert "pip install 'twitchnet[excel]'" in done.output


def test_the_child_knows_no_model() -> None:
    """It needs pyarrow and the reader alone, so it starts at once."""
    code = (
        "import sys, twitchnet.batch.formats.sheet_child as _;"
        "print([n for n in sys.modules if n.startswith('twitchnet.') and 'batch' not in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
