"""Text that is no table of records is told as what it is, in one line with a code."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv

import twitchnet as tn
from twitchnet.batch.files.files import Job, Summary, score_files
from twitchnet.batch.formats import csv_reader, json_reader, opening
from twitchnet.batch.formats.opening import Chunk, joined, read_ahead
from twitchnet.batch.formats.readers import Input, format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme
from twitchnet.io.records import parse_record

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference, details=False)


def rows(found: Input, size: int = 2) -> list[dict[str, Any]]:
    """The rows that could be read; from every chunk on the same ones follow."""
    chunks = list(found.chunks(size))
    for i, chunk in enumerate(chunks):
        assert chunk.cursor is not None
        after = list(found.chunks(size, chunk.cursor))
        assert list(map(cells, after)) == list(map(cells, chunks[i + 1 :]))
    return [row for chunk in chunks for row in cells(chunk)]


def cells(chunk: Chunk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chunk.frame.to_pylist()
    return found


@pytest.mark.parametrize("piece", [4, 1 << 22])
@pytest.mark.parametrize(
    ("name", "head", "between"),
    [
        ("r.csv", b"sep=;\r\n", ";"),
        ("r.csv", b"\xef\xbb\xbfSEP=|\n", "|"),
        ("r.csv", b"sep=,\n", ","),
        ("r.csv", b"sep=\t\n", "\t"),
        ("r.tsv", b"sep=;\n", ";"),
        ("r.csv.gz", b"sep=;\n", ";"),
    ],
)
def test_a_first_line_may_say_what_stands_between_cells(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    head: bytes,
    between: str,
    piece: int,
) -> None:
    """Also where the header has a comma: that line is there to say so."""
    monkeypatch.setattr(csv_reader, "PIECE", piece)
    lines = [["id", "leg_twitching", '"a, b|c"'], ["1", "yes", "x"], ["2", "no", '"1,5;|"'], ["3"]]
    text = head + "".join(f"{between.join(line)}\n" for line in lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = open_input([str(tmp_path / name)])
    assert rows(found) == [
        {"id": "1", "leg_twitching": "yes", "a, b|c": "x"},
        {"id": "2", "leg_twitching": "no", "a, b|c": "1,5;|"},
    ]
    assert [reject.row for chunk in found.chunks(9) for reject in chunk.rejects] == [3]


HEADER = "id,leg_twitching,note\n"
READ = {
    "sep=:": (b"sep=:\nid:leg_twitching\n", r"says that ':' stands between cells \(separate them"),
    "sep=": (b"sep=\nid,leg_twitching\n", "says that '' stands between cells"),
    "sep=; and commas": (
        b"sep=;\nid,leg_twitching\n1,yes\n", r"says that ';' stands .*, the header has none",
    ),
    "an open header": (b'id,"leg_twitching\n1,yes\n', "a quote in the header is not closed"),
    "a long one": (b'id,"leg_twitching\n' + b"1,yes\n" * 50_000, "a quote in the header is not"),
    "one closed later": (
        b'id,"leg_twitching,note\n1,"yes",\n2,no,\n', "a quote in the header is not closed",
    ),
    "a header without an end": (b"x" * 200_000, "the header cannot be read: field larger than"),
    "UTF-16": (HEADER.encode("utf-16"), r"UTF-16 text \(give --encoding utf-16, or save "),
    "UTF-16 without a mark": (HEADER.encode("utf-16-le"), "this is UTF-16 text"),
    "UTF-16, big end first": (HEADER.encode("utf-16-be"), "this is UTF-16 text"),
    "UTF-32": (HEADER.encode("utf-32"), "this is UTF-32 text"),
    "UTF-32 without a mark": (HEADER.encode("utf-32-be"), "this is UTF-32 text"),
    "Excel": (b"PK\x03\x04\x14\0\x06\0", "this is an Excel or zip file, not text"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel file, not text"),
    "Parquet": (b"PAR1\x15\x04\x15\0", "this is a Parquet file, not text"),
    "gzip": (gzip.compress(HEADER.encode(), mtime=0), "this is compressed by gzip, not text"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz"])
@pytest.mark.parametrize("what", READ)
def test_what_is_no_csv_is_told_as_what_it_is(tmp_path: Path, what: str, name: str) -> None:
    text, said = READ[what]
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with pytest.raises(tn.RecordError, match=rf"{name}: TN210 .*{said}") as caught:
        open_input([str(tmp_path / name)])
    assert len(str(caught.value).splitlines()) == 1


def test_letters_that_begin_other_files_may_name_a_column(tmp_path: Path) -> None:
    for name in ("PAR1", "ARROW1", "sep", "PK"):
        (tmp_path / "r.csv").write_text(f"{name},leg_twitching\n1,yes\n")
        assert rows(open_input([str(tmp_path / "r.csv")])) == [{name: "1", "leg_twitching": "yes"}]


def test_a_name_of_two_lines_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('"id\nof it",leg_twitching\n1,yes\n')
    (row,) = rows(open_input([str(tmp_path / "r.csv")]))
    assert row == {"id\nof it": "1", "leg_twitching": "yes"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_json_lines_of_another_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "r.jsonl").write_bytes('{"leg_twitching": true}\n'.encode(encoding))
    with pytest.raises(
        tn.RecordError, match=r"r.jsonl: TN210 this is UTF-(16|32) text \(give --encoding utf-\1"
    ):
        open_input([str(tmp_path / "r.jsonl")])


def test_a_row_that_is_too_long_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a quote before it or without one: only an open quote is called one."""
    for reader in (csv_reader, json_reader):
        monkeypatch.setattr(reader, "PIECE", 64)
        monkeypatch.setattr(reader, "LONGEST", 1024)
    path = tmp_path / "r.csv"
    for cell in ("x" * 5000, '"' + "x" * 5000 + '"'):
        path.write_text(f"{HEADER}1,yes,a\n2,no,{cell}\n3,no,\n")
        chunks = open_input([str(path)]).chunks(1)
        assert cells(next(chunks))[0]["id"] == "1"
        with pytest.raises(tn.RecordError, match=r"r.csv: TN210 row 2 is longer than 256 MB \(is"):
            next(chunks)
    path.write_text(HEADER + '1,yes,a\n2,no,"x\n' + "3,no,\n" * 5000)
    with pytest.raises(tn.RecordError, match="TN210 row 2: a quote is not closed"):
        list(open_input([str(path)]).chunks(1))
    path = tmp_path / "r.jsonl"
    lines = [{"leg_twitching": True, "id": i} for i in range(4)]
    long = json.dumps({"leg_twitching": "x" * 5000})
    path.write_text("\n".join([*map(json.dumps, lines), long, json.dumps(lines[0])]))
    with pytest.raises(tn.RecordError, match=r"r.jsonl: TN210 row 5 is longer than 256 MB \(is"):
        list(open_input([str(path)]).chunks(3))
    monkeypatch.setattr(json_reader, "LONGEST", 1 << 20)
    found = open_input([str(path)])
    assert [chunk.rows for chunk in found.chunks(4)] == [4, 2]  # pieces are put together again


def test_a_first_line_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "BLOCK", 1000)
    monkeypatch.setattr(opening, "BLOCK", 1000)
    (tmp_path / "r.jsonl").write_text('{"leg_twitching": "' + "x" * 5000 + '"}\n')
    with pytest.raises(tn.RecordError, match="TN210 the first line is longer than"):
        open_input([str(tmp_path / "r.jsonl")])


class Slow(io.BytesIO):
    """A disk that takes its time, and is told apart from one that rests."""

    is_busy = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.is_busy = True
        time.sleep(0.3)
        self.is_busy = False
        return super().read(size)


def test_nothing_is_read_ahead_of_an_error() -> None:
    disk = Slow(b"2,x\n" * 20_000_000)
    stream = joined(b'a,b\n1,"open\n', disk)
    options = arrow_csv.ReadOptions(use_threads=False, block_size=1 << 23)
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    with pytest.raises(pa.ArrowInvalid, match="straddling"), read_ahead(stream) as source:
        list(arrow_csv.open_csv(source, read_options=options, parse_options=parse))
    for _ in range(8):
        assert not disk.is_busy
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
def test_an_error_after_a_stray_quote_ends_the_process(tmp_path: Path, strict: bool) -> None:
    """Arrow reads ahead in a thread; one that called Python at the end aborted or hung it."""
    text = HEADER + '0,no,5" pipe\n'
    text += "1,maybe,x\n" * 200_000 if strict else '1,yes,"open\n'
    (tmp_path / "r.csv").write_text(text + "2,no,xxxxxxxxxxxxxxxxx\n" * 3_000_000)
    words = ["score", "r.csv", "-m", "demo", "--lean", "-o", "out.csv", *["--strict"] * strict]
    done = subprocess.run(
        [sys.executable, "-m", "twitchnet", *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    said = "TN202 leg_twitching: row 2" if strict else "TN210 .*a quote (that )?is not closed"
    (line,) = done.stderr.splitlines()
    assert re.match(f"error: r.csv: {said}", line)


def nested(levels: int, before: str = "[", after: str = "]", inside: str = "") -> str:
    return before * levels + inside + after * levels


def score(folder: Path, lines: list[str], out: str = "out.jsonl") -> Summary:
    (folder / "r.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = open_input([str(folder / "r.jsonl")])
    scheme = make_scheme(SCORER, found.columns)
    return score_files(Job(found, scheme, str(folder / out), format_of(out)))


@pytest.mark.parametrize("levels", [64, 900, 50_000, 1_000_000])
@pytest.mark.parametrize("key", ["leg_twitching", "id", "other"])
def test_a_line_that_nests_deep_is_refused_like_any_other(
    tmp_path: Path, levels: int, key: str
) -> None:
    good = '{"leg_twitching": true, "id": [1]}'
    lines = [good, f'{{"{key}": {nested(levels)}}}', good, f'{{"{key}": {nested(levels)[:-1]}']
    lines += [f'{{"{key}": {nested(levels, chr(123) + chr(34) + "a" + chr(34) + ":", "}", "1")}}}']
    summary = score(tmp_path, [*lines, good])
    assert (summary.rows, summary.scored, summary.refused) == (6, 3, {"TN211": 3})
    listed = (tmp_path / "out.jsonl.rejects.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[1] for line in listed[1:]] == ["2", "4", "5"]
    assert all("the record nests more than 64 levels deep" in listed[i] for i in (1, 3))


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet", "out.arrow"])
def test_a_line_that_nests_as_deep_as_allowed(tmp_path: Path, out: str) -> None:
    deep = nested(63, inside="1")
    assert score(tmp_path, [f'{{"leg_twitching": true, "id": {deep}}}'], out).scored == 1
    if out == "out.jsonl":
        assert json.loads((tmp_path / out).read_text())["id"] == json.loads(deep)
    if out == "out.csv":
        assert deep in (tmp_path / out).read_text()


def test_text_that_is_no_unicode_and_numbers_that_are_long(tmp_path: Path) -> None:
    big = 10**40
    lines = [
        f'{{"leg_twitching": true, "id": {big}}}',
        '{"id": "\\ud800"}',
        '{"id": "\\ud83d\\ude00"}',
    ]
    lines += ['{"leg_twitching": "\\udfff"}', '{"leg_twitching": 1, "id": 7}', '{"\\udc00": 1}']
    summary = score(tmp_path, lines)
    assert summary.refused == {"TN211": 3}
    found = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found == [str(big), "\N{GRINNING FACE}", "7"]


@pytest.mark.parametrize("levels", [100, 900, 50_000])
def test_json_is_read_in_other_places(tmp_path: Path, levels: int) -> None:
    """A record file and a column map; each ends in one line."""
    for text in (nested(levels), f'{{"leg_twitching": {nested(levels)}}}'):
        with pytest.raises(tn.RecordError, match="TN20"):
            DEMO.diagnose(parse_record(text))
        path = tmp_path / "map.json"
        path.write_text(text)
        (tmp_path / "r.csv").write_text("leg_twitching\nyes\n")
        words = ["score", "r.csv", "-m", "demo", "-o", "out.csv", "--map", "map.json"]
        done = subprocess.run(
            [sys.executable, "-m", "twitchnet", *words],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.startswith("error: map.json:1:")
        assert len(done.stderr.splitlines()) == 1
