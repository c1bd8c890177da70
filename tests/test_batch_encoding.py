"""Text in other encodings than UTF-8 is read like text in UTF-8, byte for byte."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.batch.formats import csv_reader, opening, recoding
from twitchnet.batch.formats.readers import open_input
from twitchnet.batch.formats.recoding import recoded
from twitchnet.engine.kernels import compiler

DEMO = tn.load("demo")
CSV = "größe;leg_twitching;note\r\n" + "".join(
    f'{i};{"yes" if i % 3 else "no"};"Müller; „{i}“ \n Straße €"\r\n' for i in range(40)
)
JSON = "".join(
    f'{{"größe": {i}, "leg_twitching": "yes", "note": "Müller € {i}"}}\n' for i in range(40)
)
ENCODINGS = [
    "cp1252",
    "iso8859-15",
    "utf-16",
    "utf-16-be",
    "utf-32",
    "utf-7",
    "gb18030",
    "utf-8-sig",
]


def scored(path: Path, encoding: str, **options: object) -> tuple[bytes, tn.Summary]:
    out = path.with_name("out.csv")
    files = tn.FileOptions(encoding=encoding, chunk=7, **options)  # type: ignore[arg-type]
    summary = DEMO.score_files(path, out, files=files, top=1)
    return out.read_bytes(), summary


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_results_are_those_of_the_same_text_in_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    compiler.compiled()  # one engine for both
    monkeypatch.setattr(recoding, "PIECE", 13)  # characters are cut at the ends of pieces
    monkeypatch.setattr(csv_reader, "PIECE", 64)
    found = []
    text = (JSON if name == "r.jsonl" else CSV).replace("„", '""').replace("“", '""')
    for code in ("utf-8", encoding):
        data = text.encode(code)
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        found.append(scored(tmp_path / name, "" if code == "utf-8" else code))
    assert found[0][0] == found[1][0]
    assert "Müller" in found[1][0].decode()
    assert (found[1][1].rows, found[1][1].scored) == (40, 40)


def test_reading_goes_on_after_any_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "PIECE", 64)
    (tmp_path / "r.csv").write_bytes(CSV.encode("cp1252"))
    found = open_input([str(tmp_path / "r.csv")], encoding="cp1252")
    chunks = list(found.chunks(3))
    for i, chunk in enumerate(chunks):
        assert chunk.cursor is not None
        rest = [one.frame.to_pylist() for one in found.chunks(3, chunk.cursor)]
        assert rest == [one.frame.to_pylist() for one in chunks[i + 1 :]]
    assert sum(chunk.rows for chunk in chunks) == 40
    assert found.state != open_input([str(tmp_path / "r.csv")], encoding="latin-1").state


def test_a_pipe_is_decoded_too() -> None:
    words = ["score", "-", "--format", "csv", "-m", "demo", "-o", "-", "--output-format", "csv"]
    done = subprocess.run(
        [sys.executable, "-m", "twitchnet", *words, "--encoding", "utf-16", "--top", "1"],
        input="name,leg_twitching\nJürgen,yes\n".encode("utf-16"), capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.decode().splitlines()[1].startswith('"Jürgen"')


def test_bytes_that_mean_nothing_are_refused_row_by_row(tmp_path: Path) -> None:
    """0x81 is no character of cp1252, and a cell that only looks like UTF-8 is none either."""
    (tmp_path / "r.csv").write_bytes(b"id,leg_twitching\n\x81,yes\n\xfc,yes\n\xc2\x81,yes\n")
    _, summary = scored(tmp_path / "r.csv", "cp1252")
    assert (summary.scored, summary.refused) == (1, {"TN215": 2})
    rejects = (tmp_path / "out.csv.rejects.csv").read_text(encoding="utf-8")
    assert "not cp1252 text (is it in another encoding?)" in rejects


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_the_cure_of_text_that_is_not_utf_8_is_an_encoding(tmp_path: Path, name: str) -> None:
    data = (JSON if name == "r.jsonl" else CSV).encode("cp1252")
    (tmp_path / name).write_bytes(data)
    with pytest.raises(tn.RecordError, match=r"TN210 .*such as --encoding cp1252"):
        scored(tmp_path / name, "")
    plain = {"r.csv": b"id,leg_twitching\n", "r.jsonl": b'{"id": "a", "leg_twitching": "no"}\n'}
    row = {"r.csv": b"J\xfcrgen,yes\n", "r.jsonl": b'{"id": "J\xfcrgen"}\n'}
    (tmp_path / name).write_bytes(plain[name] + row[name])
    _, summary = scored(tmp_path / name, "")
    assert summary.refused == {"TN215": 1}
    assert "not text in UTF-8, or in the --encoding" in str(summary)
    rejects = (tmp_path / "out.csv.rejects.csv").read_text(encoding="utf-8")
    assert "such as --encoding cp1252" in rejects


@pytest.mark.parametrize("name", ["nonsense", "hex", "rot13", "undefined", "idna", "a\0b"])
def test_an_encoding_that_is_none_of_text_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.csv").write_text("leg_twitching\nyes\n")
    with pytest.raises(tn.RecordError, match="TN210 no encoding of text is called"):
        scored(tmp_path / "r.csv", name)


def test_formats_with_an_encoding_of_their_own_take_none(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(tn.RecordError, match="leave out --encoding"):
        scored(path, "cp1252")


def test_utf_16_without_a_mark_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes("leg_twitching\nyes\n".encode("utf-16-le"))
    with pytest.raises(tn.RecordError, match=r"TN210 cannot be read: UTF-16 stream .* BOM"):
        scored(tmp_path / "r.csv", "utf-16")


def test_memory_does_not_grow_with_the_text() -> None:
    """The stream asks for one piece after another."""
    asked: list[int] = []

    class Source(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            asked.append(size)
            return b"\xfc" * size

    stream = recoded(Source(), "cp1252")
    for _ in range(5):
        assert stream.read(opening.BLOCK) == "ü".encode() * (opening.BLOCK // 2)
    assert set(asked) == {recoding.PIECE}
    assert len(asked) <= 5 * opening.BLOCK // (2 * recoding.PIECE) + 1
