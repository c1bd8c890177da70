"""The caller's kind of frame comes back, with its other columns as they were."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import twitchnet as tn

DEMO = tn.load("demo")
PLACE = [variable.name for variable in DEMO.network.nodes].index("leg_twitching")
WHEN = datetime.datetime(2026, 11, 25, 8, 30)


def test_pandas_keeps_index_types_and_nulls() -> None:
    frame = pd.DataFrame(
        {
            "id": pd.array([2**60 + 1, None, 3], dtype="Int64"),
            "group": pd.Categorical(["a", None, "a"], categories=["b", "a"], ordered=True),
            "when": pd.to_datetime([WHEN, None, WHEN]).tz_localize("Europe/Paris"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "note": pd.array(["x", None, ""], dtype="string"),
            "leg_twitching": [True, None, False],
        },
        index=pd.MultiIndex.from_tuples([("s", 1), ("s", 2), ("t", 1)], names=["site", "visit"]),
    )
    scored = DEMO.score(frame)
    others = [name for name in frame if name != "leg_twitching"]
    pd.testing.assert_frame_equal(scored[others], frame[others])
    assert scored["log_evidence"].dtype == np.float64
    whole = DEMO.score(frame, keep="all")
    pd.testing.assert_frame_equal(whole[list(frame)], frame)


@pytest.mark.parametrize(
    "values",
    [
        pd.array([True, None, False], dtype="boolean"),
        pd.array([1, None, 0], dtype="Int8"),
        pd.array([1, None, 0], dtype="UInt8"),
        pd.array([1.0, None, 0.0], dtype="Float32"),
        pd.array([1.0, np.nan, 0.0], dtype="float16"),
        pd.array(["yes", None, "no"], dtype="string"),
        pd.array(["yes", None, "no"], dtype="string[pyarrow]"),
        pd.array([True, None, False], dtype="bool[pyarrow]"),
        pd.array([1, None, 0], dtype="uint8[pyarrow]"),
        pd.Categorical(["present", None, "absent"], categories=["absent", "never", "present"]),
        pd.Categorical([True, None, False]),
        pd.arrays.SparseArray([1.0, np.nan, 0.0]),
        np.array([True, None, False], dtype=object),
        np.array([1, pd.NA, pd.NaT], dtype=object),
    ],
    ids=lambda values: str(getattr(values, "dtype", values)),
)
def test_answers_in_any_pandas_type(values: Any) -> None:
    codes = DEMO.encode(pd.DataFrame({"leg_twitching": values}))[:, PLACE]
    assert codes.tolist()[:2] == [1, -1]
    assert codes[2] == (-1 if values[2] is pd.NaT else 0)


@pytest.mark.parametrize(
    "series",
    [
        pl.Series([True, None, False]),
        pl.Series([1, None, 0], dtype=pl.UInt8),
        pl.Series([1.0, float("nan"), 0.0]),
        pl.Series(["present", None, "absent"], dtype=pl.Categorical),
        pl.Series(["present", None, "absent"], dtype=pl.Enum(["never", "present", "absent"])),
    ],
    ids=lambda series: str(series.dtype).partition("(")[0],
)
def test_answers_in_any_polars_type_and_as_arrow(series: pl.Series) -> None:
    frame = series.alias("leg_twitching").to_frame()
    assert DEMO.encode(frame)[:, PLACE].tolist() == [1, -1, 0]
    assert DEMO.encode(frame.lazy())[:, PLACE].tolist() == [1, -1, 0]
    assert DEMO.encode(frame.to_arrow())[:, PLACE].tolist() == [1, -1, 0]


def test_polars_keeps_types_and_nulls() -> None:
    frame = pl.DataFrame(
        {
            "id": pl.Series([2**63, None], dtype=pl.UInt64),
            "group": pl.Series(["a", None], dtype=pl.Enum(["b", "a"])),
            "when": pl.Series([WHEN, None]).dt.replace_time_zone("Europe/Paris"),
            "tags": [[1, 2], None],
            "leg_twitching": ["yes", None],
        }
    )
    kept = frame.drop("leg_twitching")
    assert DEMO.score(frame).select(kept.columns).equals(kept)
    assert DEMO.score(frame).schema | kept.schema == DEMO.score(frame).schema
    table = DEMO.score(frame.to_arrow())
    assert table.select(kept.columns).equals(kept.to_arrow())


class Batches:
    """Something that has the Arrow PyCapsule interface and nothing else."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self.batch.__arrow_c_array__(requested_schema)


def test_anything_with_the_arrow_interface_gives_a_table() -> None:
    batch = pa.RecordBatch.from_pydict({"id": [7, 8], "leg_twitching": ["yes", None]})
    scored = DEMO.score(Batches(batch))
    assert isinstance(scored, pa.Table)
    assert scored.equals(DEMO.score(pa.table(batch)))


@pytest.mark.parametrize(
    "column", [pd.Series(["yes"]), pl.Series(["yes"]), pa.array(["yes"])], ids=["pd", "pl", "pa"]
)
def test_one_column_is_no_frame(column: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot read a \w+ as a frame: give a pandas"):
        DEMO.score(column)


def test_a_frame_of_narwhals_comes_back() -> None:
    narwhals = pytest.importorskip("narwhals")
    data = {"id": [7, 8], "leg_twitching": ["yes", None]}
    for native in (pd.DataFrame(data), pl.DataFrame(data), pl.LazyFrame(data), pa.table(data)):
        scored = DEMO.score(narwhals.from_native(native), top=1)
        assert type(scored) is type(narwhals.from_native(native))
        assert type(scored.to_native()) is type(native)
        assert scored.lazy().collect()["id"].to_list() == [7, 8]


def test_a_duckdb_relation_comes_back_in_its_connection() -> None:
    duckdb = pytest.importorskip("duckdb")
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE records AS SELECT * FROM (VALUES (1, 'yes', 'high'), (2, NULL, 'moderate'),"
        " (3, '?', NULL)) t(id, leg_twitching, caffeine_intake)"
    )
    relation = database.table("records")
    scored = DEMO.score(relation, top=1)
    assert type(scored) is type(relation)
    assert scored.project("id, status").order("id").fetchall() == [
        (1, "ok"), (2, "ok"), (3, "bad value"),
    ]  # fmt: skip
    expected = DEMO.score(relation.to_arrow_table(), top=1)
    assert scored.to_arrow_table().to_pylist() == expected.to_pylist()
    scored.create("scored")  # a table of the same database
    joined = database.sql("SELECT count(*) FROM records JOIN scored USING (id)")
    assert joined.fetchall() == [(3,)]
    assert DEMO.score(database.table("records"), top=1).columns == expected.column_names
    assert DEMO.score(database.sql("SELECT * FROM records LIMIT 0"), top=1).fetchall() == []
    assert sorted(database.execute("SHOW TABLES").fetchall()) == [("records",), ("scored",)]


def test_an_arrow_table_keeps_what_its_schema_says() -> None:
    level = pl.Series("level", ["b", None, "a"], dtype=pl.Enum(["a", "b"]))
    table = pl.DataFrame([level]).to_arrow()
    field = pa.field("id", pa.int32(), nullable=False, metadata={"unit": "none"})
    schema = pa.schema([field, table.schema.field("level"), pa.field("leg_twitching", pa.bool_())])
    columns = [pa.array([1, 2, 3], pa.int32()), table["level"], pa.array([True, None, False])]
    given = pa.table(columns, schema=schema.with_metadata({"study": "s1"}))
    scored = DEMO.score(given)
    assert scored.schema.metadata == {b"study": b"s1"}
    assert scored.schema.field("id").equals(field, check_metadata=True)
    kept = scored.schema.field("level")
    assert kept.equals(table.schema.field("level"), check_metadata=True)
    assert pl.from_arrow(scored.select(["level"]))["level"].dtype == level.dtype  # type: ignore[index, call-overload]


@pytest.mark.parametrize("keep", ["all", "other", "none"])
def test_an_arrow_table_of_pandas_goes_back_to_pandas(keep: Any) -> None:
    frame = pd.DataFrame(
        {"leg_twitching": [1, 0], "id": [5, 6]}, index=pd.Index([7, 8], name="row")
    )
    scored = DEMO.score(pa.Table.from_pandas(frame), keep=keep).to_pandas()
    assert len(scored) == 2
    if keep != "none":
        assert scored.index.tolist() == [7, 8]
        assert scored["id"].tolist() == [5, 6]
