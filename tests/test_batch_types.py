"""Columns that stay: an output holds them, or their text; none stops a run half way."""

from __future__ import annotations

import base64
import csv
import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import twitchnet as tn
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.files.long import widen
from twitchnet.batch.formats.fitting import held
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme

DEMO = tn.load("demo")
SCORER = Scorer(DEMO._inference, details=False)
OUTPUTS = ("out.csv", "out.jsonl", "out.parquet", "out.arrow")
SOME = uuid.UUID(int=7)


def nested(levels: int) -> Any:
    """Lists in lists."""
    column = pa.array([[1]])
    for _ in range(levels):
        column = pa.ListArray.from_arrays([0, 1], column)
    return pa.concat_arrays([column] * 3)


def extension(kind: Any, values: Any) -> Any:
    return pa.ExtensionArray.from_storage(kind, values)


def text(value: Any) -> Any:
    """What stands for a value where the format has no place for it."""
    return value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False)


# Three cells each: the second row is refused, so that rows must be picked out.
WORDS = pa.array(["é", "x", None])
CODED = WORDS.dictionary_encode()
COLUMNS: dict[str, tuple[Any, Any]] = {  # column, what JSON says of its first cell
    "list": (pa.array([[1, None], [2], None]), [1, None]),
    "large_list": (pa.array([["a"], [], None], pa.large_list(pa.string())), ["a"]),
    "fixed_list": (pa.array([[1], [2], None], pa.list_(pa.int64(), 1)), [1]),
    "list_view": (pa.array([[1], [2], None], pa.list_view(pa.int64())), [1]),
    "views_in_a_list": (pa.array([["a"], [], None], pa.list_(pa.string_view())), ["a"]),
    "struct": (pa.array([{"x": 0.5, "y": [True]}, {}, None]), {"x": 0.5, "y": [True]}),
    "not_finite": (pa.array([{"x": float("nan")}, {}, None]), {"x": None}),
    "map": (pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())), [["a", 1]]),
    "empty_struct": (pa.array([{}, {}, None], pa.struct([])), {}),
    "string_view": (WORDS.cast(pa.string_view()), "é"),
    "large_string": (WORDS.cast(pa.large_string()), "é"),
    "binary": (pa.array([b"\xff", b"a", None]), base64.b64encode(b"\xff").decode()),
    "binary_view": (pa.array([b"\xff", b"a", None], pa.binary_view()), "/w=="),
    "fixed_binary": (pa.array([b"\xff", b"a", None], pa.binary(1)), "/w=="),
    "uuid": (pa.array([SOME.bytes] * 3, pa.uuid()), str(SOME)),
    "bool8": (extension(pa.bool8(), pa.array([1, 0, None], pa.int8())), True),
    "json": (extension(pa.json_(), pa.array(["[1]", "2", None])), "[1]"),
    "tensor": (
        extension(
            pa.fixed_shape_tensor(pa.int64(), [1]),
            pa.array([[1], [2], [3]], pa.list_(pa.int64(), 1)),
        ),
        [1],
    ),
    "opaque": (extension(pa.opaque(pa.int32(), "a", "b"), pa.array([1, 2, 3], pa.int32())), 1),
    "runs": (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["é", None])), "é"),
    "runs_of_lists": (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([[1], None])), [1]),
    "sparse_union": (
        pa.UnionArray.from_sparse(
            pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
        ),
        1,
    ),
    "dense_union": (
        pa.UnionArray.from_dense(
            pa.array([1, 0, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()),
            [pa.array([1, 2]), pa.array([[1]])],
        ),
        [1],
    ),
    "dictionary_of_lists": (
        pa.DictionaryArray.from_arrays(pa.array([0, 0, None], pa.int32()), pa.array([[1]])), [1],
    ),
    "dictionary_in_a_list": (pa.ListArray.from_arrays([0, 1, 2, 3], CODED), ["é"]),
    "dictionary_in_a_struct": (pa.StructArray.from_arrays([CODED], ["x"]), {"x": "é"}),
    "decimal": (pa.array([decimal.Decimal("1.50"), None, None], pa.decimal128(5, 2)), "1.50"),
    "interval": (
        pa.array([pa.MonthDayNano([1, 2, 3]), None, None]),
        "MonthDayNano(months=1, days=2, nanoseconds=3)",
    ),
    "nanoseconds": (pa.array([1, 2, None], pa.time64("ns")), "00:00:00.000000001"),
    "nanoseconds_in_a_list": (
        pa.ListArray.from_arrays([0, 1, 2, 3], pa.array([1, 2, None], pa.time64("ns"))),
        ["00:00:00.000000001"],
    ),
    "far": (pa.array([10**7, 1, None], pa.date32()), "29349-01-26"),
    "far_in_a_list": (
        pa.ListArray.from_arrays([0, 1, 2, 3], pa.array([10**7, 1, None], pa.date32())),
        ["29349-01-26"],
    ),
    "day": (pa.array([datetime.date(2020, 1, 2), None, None]), "2020-01-02"),
    "deep": (nested(30), None),
    "deeper": (nested(62), None),
    "half": (pa.array([0.5, None, None], pa.float16()), 0.5),
    "null": (pa.nulls(3), None),
    "big": (pa.array([2**64 - 1, 1, None], pa.uint64()), 2**64 - 1),
}  # fmt: skip
COLUMNS = {
    name: (column, column[0].as_py() if "deep" in name else said)
    for name, (column, said) in COLUMNS.items()
}


def write(folder: Path, column: Any) -> None:
    """An Arrow file with the column; the answer of its second row is refused."""
    table = pa.table([pa.array(["yes", "?", "no"]), column], names=["leg_twitching", "kept"])
    with (
        pa.OSFile(str(folder / "r.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as file,
    ):
        file.write_table(table)


def score(folder: Path, out: str) -> Path:
    """Scores the file in chunks that are not those it was written in."""
    found = open_input([str(folder / "r.arrow")])
    scheme = make_scheme(SCORER, found.columns)
    summary = score_files(Job(found, scheme, str(folder / out), format_of(out), chunk=2))
    assert (summary.rows, summary.scored) == (3, 2)
    return folder / out


def first_cell(path: Path) -> Any:
    """What stands in the first row of an output; text of CSV stays text."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.DictReader(file))["kept"]
    if path.suffix == ".jsonl":
        return json.loads(path.read_text(encoding="utf-8").splitlines()[0])["kept"]
    read = parquet.read_table if path.suffix == ".parquet" else feather.read_table
    return read(path)["kept"][0].as_py()


def told(value: Any) -> Any:
    """A Python value as JSON says it."""
    if isinstance(value, dict):
        return {key: told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, tuple) and not hasattr(value, "_fields") and type(value) is tuple:
        return [told(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_type_has_a_place_in_every_output(tmp_path: Path, name: str, out: str) -> None:
    column, said = COLUMNS[name]
    write(tmp_path, column)
    path = score(tmp_path, out)
    if "far" in name and path.suffix in (".parquet", ".arrow"):
        read = parquet.read_table if path.suffix == ".parquet" else feather.read_table
        assert read(path)["kept"].slice(0, 1).equals(pa.chunked_array([column.slice(0, 1)]))
        return  # Python has no such times
    found = first_cell(path)
    kind = held(format_of(out), column.type)
    if out == "out.csv":
        if name in ("decimal", "far", "day", "nanoseconds", "half", "big"):  # of Arrow's writer
            assert found == str(said)
        else:
            assert found == (text(said) or "")
    elif out == "out.jsonl":
        assert found == (text(said) if pa.types.is_string(kind) else said)
    elif pa.types.is_string(kind):
        assert found == text(said)
    else:
        assert "nanoseconds" in name or told(found) == said
        assert (parquet.read_schema(tmp_path / out) if "parquet" in out else
                pa.ipc.open_file(tmp_path / out).schema).field("kept").type == kind  # fmt: skip


def test_what_is_written_as_text() -> None:
    """The others keep their types."""
    told = {
        form: {name for name, (column, _) in COLUMNS.items()
               if pa.types.is_string(held(form, column.type))}
        for form in ("csv", "parquet", "arrow")
    }  # fmt: skip
    texts = {"string_view", "runs"}  # anyway
    nested = {"dictionary_in_a_list", "dictionary_in_a_struct", "views_in_a_list"}
    assert told["arrow"] == texts | nested
    unions = {"sparse_union", "dense_union"}
    assert told["parquet"] == texts | nested | unions | {"empty_struct", "interval", "deeper"}
    kept = {"large_string", "decimal", "nanoseconds", "far", "day", "half", "null", "big"}
    assert told["csv"] == set(COLUMNS) - kept


def test_a_value_that_no_text_holds_is_told(tmp_path: Path) -> None:
    write(tmp_path, pa.array([1, 2, 3], pa.timestamp("us", "Nowhere/None")))
    for out in ("out.csv", "out.jsonl"):
        with pytest.raises(tn.RecordError, match=r"TN224 .* cannot hold .*Nowhere.*--keep none"):
            score(tmp_path, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.arrow"]


@pytest.mark.parametrize("name", ["list", "string_view", "uuid", "runs", "struct", "map"])
def test_the_ids_of_long_tables_may_be_of_any_type(tmp_path: Path, name: str) -> None:
    column, said = COLUMNS[name]
    ids = pa.concat_arrays([column.slice(0, 1), column.slice(0, 1)])
    said_twice = pa.array(["leg_twitching", "caffeine_intake"])
    values = pa.array(["yes", "high"]).cast(pa.string_view())
    table = pa.table([ids, said_twice, values], names=["record_id", "variable", "value"])
    feather.write_feather(table, tmp_path / "r.arrow", "uncompressed")
    wide = widen(open_input([str(tmp_path / "r.arrow")]), DEMO.network, {})
    scheme = make_scheme(SCORER, wide.columns)
    assert score_files(Job(wide, scheme, str(tmp_path / "out.jsonl"), "jsonl")).scored == 1
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert row["record_id"] == text(said)
    expected = DEMO.score({"leg_twitching": ["yes"], "caffeine_intake": ["high"]}, details=False)
    assert row["log_evidence"] == pytest.approx(expected["log_evidence"][0], rel=1e-12)
