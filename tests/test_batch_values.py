"""Cells in the words of whoever made the table: values, splits, refusals that can be mended."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import twitchnet as tn
from twitchnet.batch.encoding.values import ValueMap, splits_of
from twitchnet.batch.files.files import Job, score_files
from twitchnet.batch.formats.readers import format_of, open_input
from twitchnet.batch.formats.writers import piece
from twitchnet.batch.match import proposed
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme
from twitchnet.cli.main import app
from twitchnet.io.column_map import ColumnMap, read_column_map, write_column_map

DEMO, LEGS = tn.load("demo"), tn.load("twitchy_legs")
NODES = [variable.name for variable in LEGS.network.nodes]


def states(codes: np.ndarray[Any, Any], name: str) -> list[int]:
    """The codes of a variable."""
    return [int(code) for code in codes[:, NODES.index(name)]]


def test_words_of_all_columns_and_of_one() -> None:
    frame = {
        "leg_twitching": ["ja", "JA ", "-", "yes"],
        "q2": ["m", "w", "ja", "k.A."],
        "caffeine_intake": ["viel", "VIEL", "high", "-"],
    }
    values = {
        "yes": ["ja"],
        "unknown": ["-", "k.A."],
        "q2": {"m": "male", "female": ["w"], "ja": "unknown"},
        "caffeine_intake": {"viel": "high"},
    }
    codes = LEGS.encode(frame, names={"q2": "sex"}, values=values)
    assert states(codes, "leg_twitching") == [1, 1, -1, 1]
    sexes = LEGS.network.by_name["sex"].states
    assert states(codes, "sex") == [sexes.index("male"), sexes.index("female"), -1, -1]
    high = LEGS.network.by_name["caffeine_intake"].states.index("high")
    assert states(codes, "caffeine_intake") == [high, high, high, -1]


def test_a_word_means_nothing_where_it_names_no_state() -> None:
    """``x`` is yes for questions of yes and no, and stays unreadable for a choice."""
    with pytest.raises(tn.RecordError, match=r"TN202 caffeine_intake: row 0: no state 'x'"):
        LEGS.encode({"leg_twitching": ["x"], "caffeine_intake": ["x"]}, values={"yes": ["x"]})


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow", "jsonl"])
@pytest.mark.parametrize("keep", ["other", "none"])
@pytest.mark.parametrize("alone", [False, True])
def test_files_with_a_column_of_several_answers(
    tmp_path: Path, suffix: str, keep: Literal["other", "none"], alone: bool
) -> None:
    """Such a column is read from every format, also where no other column answers."""
    table = pa.table(
        {
            "id": ["a", "b"],
            "Symptoms": ["twitch after exercise; leg twitching", None],
            **({} if alone else {"caffeine_intake": ["high", "low"]}),
        }
    )
    path, out = tmp_path / f"in.{suffix}", tmp_path / "out.parquet"
    form = format_of(path)
    path.write_bytes(
        b"".join(piece(form, batch, first=True) for batch in table.to_batches())
        if form in ("csv", "jsonl")
        else packed(form, table)
    )
    options = tn.ScoreOptions(split={"Symptoms": ";"}, keep=keep)
    found = open_input([str(path)])
    scheme = make_scheme(Scorer(DEMO._inference, options), found.columns)
    assert score_files(Job(found, scheme, str(out), "parquet")).scored == 2
    scored, expected = parquet.read_table(out), DEMO.score(table, options)
    assert scored.column_names == expected.drop_columns("problem").column_names
    assert scored["muscle_fatigue"].to_pylist() == expected["muscle_fatigue"].to_pylist()


def packed(form: str, table: pa.Table) -> bytes:
    """A Parquet or Arrow file of the table."""
    sink = io.BytesIO()
    if form == "parquet":
        parquet.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"yes": ["ja"], "no": ["ja"]}, "'ja' means 'yes' and 'no'"),
        ({"yes": 3}, "the words of a state are a list"),
        ({"leg_twiching": {"a": "yes"}}, "values are given for no such column"),
    ],
)
def test_a_wrong_map_is_an_error(values: Any, message: str) -> None:
    with pytest.raises(tn.RecordError, match=message):
        LEGS.encode({"leg_twitching": ["ja"]}, values=values)


def test_a_blank_of_a_map_says_nothing() -> None:
    assert ValueMap.of({"sex": {"d": "", "m": "male"}}).columns == {"sex": {"m": "male"}}


def test_a_column_of_several_answers() -> None:
    frame = {
        "Symptoms": ["tingling; Numbness", "", "numbness;", None, "prickling"],
        "numbness": ["no", "no", None, "no", None],
    }
    codes = LEGS.encode(
        frame,
        split={"Symptoms": tn.Split(";", absent=("tingling", "muscle_weakness"))},
        values={"Symptoms": {"prickling": "tingling"}},
    )
    assert states(codes, "tingling") == [1, -1, 0, -1, 1]
    assert states(codes, "muscle_weakness") == [0, -1, 0, -1, 0]
    assert states(codes, "numbness") == [1, 0, 1, 0, -1]  # what is named is present


def test_a_column_that_is_split_may_be_left_alone_by_name() -> None:
    """A written map leaves it alone, until a person adds the split."""
    frame = {"Symptoms": ["tingling"], "sex": ["female"]}
    names = LEGS.match(frame).to_map()["columns"]
    assert names["Symptoms"] == ""
    codes = LEGS.encode(frame, names=names, split={"Symptoms": ";"})
    assert states(codes, "tingling") == [1]
    with pytest.raises(tn.RecordError, match="TN201 Symptoms"):
        LEGS.encode(frame, names={"Symptoms": "tingling"}, split={"Symptoms": ";"})


def test_a_map_lists_the_words_of_a_split_column_one_by_one() -> None:
    frame = {"Symptoms": ["Kribbeln; numbness", "Krampf;Kribbeln; ", "tingling"], "id": "abc"}
    found = LEGS.match(frame, split={"Symptoms": ";"})
    assert [(one.value, one.count) for one in found.refusals] == [("Kribbeln", 2), ("Krampf", 1)]
    values = {"Symptoms": {"Kribbeln": "tingling", "Krampf": "unknown"}}
    scored = LEGS.score(frame, values=values, split={"Symptoms": ";"}, top=1)
    assert list(scored["status"]) == ["ok"] * 3


def test_a_split_cell_that_names_no_question_of_yes_or_no_is_refused() -> None:
    frame = {"Symptoms": ["tingling; hiccups", "tingling; sex", "tingling"]}
    scored = pd.DataFrame(LEGS.score(frame, split={"Symptoms": ";"}, top=1, on_error="unknown"))
    assert scored["status"].tolist() == ["bad value", "bad value", "ok"]
    assert [None if pd.isna(one) else one for one in scored["problem"]] == [
        "TN201 Symptoms: 'tingling; hiccups'", "TN202 Symptoms: 'tingling; sex'", None,
    ]  # fmt: skip


@pytest.mark.parametrize("given", [3, {"by": ";", "absnt": []}, "", {"absent": "tingling"}])
def test_a_wrong_split_is_an_error(given: Any) -> None:
    with pytest.raises(tn.RecordError, match="TN213 Symptoms: a split is"):
        splits_of({"Symptoms": given})


def test_unreadable_cells_may_be_unknown_but_not_where_a_red_flag_reads() -> None:
    flag = next(v.name for v in LEGS.network.variables if v.red_flag and v.is_binary)
    frame = pd.DataFrame(
        {
            "leg_twitching": ["yes", "yes", "yes", "yes"],
            "caffeine_intake": ["lots", "high", "high", "lots"],
            flag: ["no", "perhaps", "no", "perhaps"],
        }
    )
    scored = LEGS.score(frame, top=1, on_error="unknown")
    assert scored["status"].tolist() == ["partly read", "bad value", "ok", "bad value"]
    assert [None if pd.isna(one) else one for one in scored["problem"]] == [
        "TN202 caffeine_intake: 'lots'",
        f"TN202 {flag}: 'perhaps'",
        None,
        f"TN202 caffeine_intake: 'lots'; TN202 {flag}: 'perhaps'",
    ]
    without = LEGS.score(frame[["leg_twitching", flag]].iloc[:1], top=1)
    assert scored["posterior_1"][0] == without["posterior_1"][0]
    told = scored.attrs["not understood"]
    assert [(one["code"], one["column"], one["value"], one["count"]) for one in told] == [
        ("TN202", "caffeine_intake", "lots", 2), ("TN202", flag, "perhaps", 2),
    ]  # fmt: skip


def test_common_words_are_proposed_and_never_applied() -> None:
    by_name = LEGS.network.by_name
    assert [proposed(by_name["leg_twitching"], word) for word in ("ja", "Sí", "nein", "x")] == [
        "yes", "yes", "no", "yes",
    ]  # fmt: skip
    assert [proposed(by_name["sex"], word) for word in ("W", "homme", "-", "d", "ja")] == [
        "female", "male", "unknown", "", "",
    ]  # fmt: skip
    found = LEGS.match(
        {"sex": ["W", "W", "male"], "leg_twitching": ["ja", "yes", None], "id": "abc"}
    )
    assert (found.rows, found.good) == (3, 1)
    assert found.to_map() == {
        "columns": {"sex": "sex", "leg_twitching": "leg_twitching", "id": ""},
        "values": {"sex": {"W": "female"}, "leg_twitching": {"ja": "yes"}},
    }
    assert "1 of 3 rows can be read." in str(found)
    scored = LEGS.score({"sex": ["W"], "leg_twitching": ["yes"]}, top=1)
    assert list(scored["status"]) == ["bad value"]


def test_spellings_that_a_map_does_not_tell_apart_are_one_value() -> None:
    frame = {"leg_twitching": ["JA", "Ja", " ja ", "Ja", "nein"]}
    found = LEGS.match(frame)
    assert [(one.value, one.count) for one in found.refusals] == [("Ja", 4), ("nein", 1)]
    values = found.to_map()["values"]
    assert values == {"leg_twitching": {"Ja": "yes", "nein": "no"}}
    assert list(LEGS.score(frame, values=values, top=1)["status"]) == ["ok"] * 5


@pytest.mark.parametrize("cells", [[3.0, 2.5, None], ["3.0", "2.5", None], ["3,0", "2.5", ""]])
def test_a_map_of_numbers_fits_the_numbers_that_it_was_made_of(cells: list[object]) -> None:
    """Whole numbers with gaps are floats in pandas, and 3.0 in files."""
    frame = pd.DataFrame({"caffeine_intake": cells, "leg_twitching": ["yes"] * 3})
    values = LEGS.match(frame).to_map()["values"]["caffeine_intake"]
    assert len(values) == 2
    filled = {"caffeine_intake": dict.fromkeys(values, "high")}
    assert list(LEGS.score(frame, values=filled, top=1)["status"]) == ["ok"] * 3


def test_a_table_without_a_single_variable_gets_a_map_to_fill_in(tmp_path: Path) -> None:
    """A table in another language has no column that is known yet, and needs the map most."""
    path = tmp_path / "r.csv"
    path.write_text("Nr,Beinzucken\n1,ja\n", encoding="utf-8")
    said = tmp_path / "map.yaml"
    done = CliRunner().invoke(app, ["columns", str(path), "--write", str(said)])
    assert done.exit_code == 0, done.output
    assert "No column of 1 rows answers yet" in done.output
    assert read_column_map(said).names == {"Nr": "", "Beinzucken": ""}
    said.write_text(said.read_text().replace('Beinzucken: ""', "Beinzucken: leg_twitching"))
    done = CliRunner().invoke(app, ["columns", str(path), "--map", str(said)])
    assert "0 of 1 rows can be read" in done.output
    assert "'ja'" in done.output


def test_rows_that_cannot_be_looked_at_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"name,leg_twitching\nJ\xfcrgen,yes\n,yes\n1,2,3\n")
    done = CliRunner().invoke(app, ["columns", str(path)])
    assert "1 of 1 rows can be read" in done.output
    assert "1 rows are left out: not readable (TN211)" in done.output
    assert "1 rows are left out: not text in UTF-8, or in the --encoding" in done.output


def test_a_map_is_written_as_it_was_read(tmp_path: Path) -> None:
    before = ColumnMap(
        {"q 1": "leg_twitching", "notes": ""},
        {"yes": ["ja", "x"], "Sex": {"m": "male", "1": ""}},
        {"Signs": {"by": ";", "absent": ["tingling"]}, "More": ","},
    )
    path = tmp_path / "map.yaml"
    found = {"columns": {"Age": "age_band"}, "values": {"Sex": {"no": ""}, "Age": {"old": ""}}}
    write_column_map(path, before, found)
    again = read_column_map(path)
    assert again.names == {"Age": "age_band", "q 1": "leg_twitching", "notes": ""}
    assert again.values == {
        "yes": ["ja", "x"],
        "Sex": {"m": "male", "1": "", "no": ""},
        "Age": {"old": ""},
    }
    assert again.split == before.split


@pytest.mark.parametrize("text", ["[1]", "columns: [a]", "columns: {a: 1}", "cols: {a: {}}"])
def test_what_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(tn.RecordError, match="TN213"):
        read_column_map(tmp_path / "map.yaml")


YES_NO = ["ja", "nein", "x", "", "-", "?", "k.A.", "Y", "N", "1,0", "TRUE"]


def clinic(path: Path, rows: int) -> None:
    """A table as a clinic may export it: several languages, units, dashes, free text."""
    draw = random.Random(4)
    ages = ["43", "43.5", "43,5", "43 years", "35\N{EN DASH}49", "", "k.A."]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["No", "Leg Twitching", "Numbness ", "Age", "Sex", "caffeine intake"])
        for i in range(rows):
            row = [draw.choice(YES_NO), draw.choice(YES_NO), draw.choice(ages)]
            more = [draw.choice(["m", "f", "w", "d", ""]), draw.choice(["hoch", "3 cups", "high"])]
            writer.writerow([i, *row, *more])


def test_from_a_messy_table_to_scored_rows(tmp_path: Path) -> None:
    path, said, out = tmp_path / "clinic.csv", tmp_path / "map.yaml", tmp_path / "out.csv"
    clinic(path, 300)
    run = CliRunner().invoke
    done = run(app, ["score", str(path), "-o", str(out), "--top", "1"])
    assert done.exit_code == 3  # more than half of the rows are refused
    assert re.search(r"\n  Sex: ('[fmwd]' \d+(, )?){4}\n", done.output)
    assert "`twitchnet columns` writes a map" in done.output
    done = run(app, ["columns", str(path), "--write", str(said), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["alone"] == {"No": ""}
    text = said.read_text(encoding="utf-8")
    open_words = {
        'hoch: ""': "hoch: high",
        '"3 cups": ""': '"3 cups": moderate',
        'd: ""': "d: unknown",
    }
    for blank, filled in open_words.items():
        assert text.count(blank) == 1
        text = text.replace(blank, filled)
    assert '""' in text.partition("values:")[0]
    assert '""' not in text.partition("values:")[2]  # nothing else is open
    said.write_text(text, encoding="utf-8")
    done = run(app, ["score", str(path), "-o", str(out), "--map", str(said), "--top", "1"])
    assert done.exit_code == 0
    assert "300 rows: 300 scored, 0 refused" in done.output
