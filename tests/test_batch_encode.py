"""Frames become codes: by the rules of single records, for every kind of frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from twitchnet.batch.encoding.encode import MOST_HINTS, Encoder, check_codes, encode, encode_frame
from twitchnet.diagnosis.evidence import is_unknown, state_of
from twitchnet.model.local import Table
from twitchnet.model.network import Network, Variable

NETWORK = tn.load("demo").network
NODES = [variable.name for variable in NETWORK.nodes]
DATA = {
    "id": ["a", "b", "c", "d"],
    "leg_twitching": ["yes", "No", None, " PRESENT "],
    "caffeine_intake": ["high", "", "Moderate", "unknown"],
    "intense_exercise": [True, False, None, True],
}
EXPECTED = {
    "leg_twitching": [1, 0, -1, 1],
    "caffeine_intake": [2, -1, 1, -1],
    "intense_exercise": [1, 0, -1, 1],
}


class Capsule:
    """Something that has the Arrow PyCapsule interface and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def unsigned(array: pa.Array) -> pa.Array:
    """As polars writes categories: indices that cannot hold -1."""
    encoded = array.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.uint8()), encoded.dictionary)


KINDS = {
    "plain": lambda data: data,
    "pandas": pd.DataFrame,
    "pandas object": lambda data: pd.DataFrame(data, dtype=object),
    "pandas category": lambda data: pd.DataFrame(data).astype("category"),
    "pandas nullable": lambda data: pd.DataFrame(data).convert_dtypes(),
    "pandas arrow": lambda data: pd.DataFrame(data).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "polars lazy": lambda data: pl.DataFrame(data).lazy(),
    "polars category": lambda data: pl.DataFrame(data).with_columns(
        pl.col("caffeine_intake").cast(pl.Categorical)
    ),
    "polars object": lambda data: pl.DataFrame(
        [pl.Series(name, values, dtype=pl.Object) for name, values in data.items()]
    ),
    "arrow": pa.table,
    "arrow batch": lambda data: pa.RecordBatch.from_pydict(data),
    "arrow dictionary": lambda data: pa.table(
        {name: pa.array(values).dictionary_encode() for name, values in data.items()}
    ),
    "arrow unsigned dictionary": lambda data: pa.table(
        {name: unsigned(pa.array(values)) for name, values in data.items()}
    ),
    "arrow sliced": lambda data: pa.table(
        {
            name: pa.array([values[1], *values] if values else []).dictionary_encode()
            for name, values in data.items()
        }
    ).slice(1),
    "arrow chunks": lambda data: pa.concat_tables(
        [pa.table(data).slice(0, 1), pa.table(data).slice(1)]
    ),
    "capsule": lambda data: Capsule(pa.table(data)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame(kind: str) -> None:
    encoded = encode_frame(NETWORK, KINDS[kind](DATA))
    assert encoded.codes.dtype == np.int8
    assert encoded.codes.shape == (4, len(NODES))
    for i, name in enumerate(NODES):
        assert encoded.codes[:, i].tolist() == EXPECTED.get(name, [-1] * 4), name
    assert list(encoded.other) == ["id"]
    assert list(encoded.bad) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "polars object"])
def test_no_rows(kind: str) -> None:
    empty: dict[str, list[str]] = {name: [] for name in DATA}
    assert encode(NETWORK, KINDS[kind](empty)).shape == (0, len(NODES))


VARIABLES = [
    Variable("b", "finding", ("absent", "present"), "B", Table((), np.array([0.5, 0.5]))),
    Variable("m", "finding", ("none", "A", "a", "1"), "M", Table((), np.full(4, 0.25))),
    Variable("n", "finding", ("no", "yes"), "N", Table((), np.array([0.5, 0.5]))),
]
SMALL = Network("small", "1", tuple(VARIABLES))
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.0, 1.0, 0.5, math.nan, math.inf]),
    st.sampled_from(["yes", "N", "TRUE", "0", "1", "a", "A", "None", " present", "NA", "n/a", ""]),
    st.text(max_size=3),
)


@given(st.lists(values, max_size=8), st.sampled_from([0, 1, 2]))
def test_values_mean_what_they_mean_in_a_single_record(cells: list[object], which: int) -> None:
    variable = VARIABLES[which]
    encoded = encode_frame(SMALL, {variable.name: cells})
    bad = {cell.row: cell for cell in encoded.bad}
    for row, value in enumerate(cells):
        state = -1 if is_unknown(value) else state_of(variable, value)
        if isinstance(state, tn.Problem):
            assert bad.pop(row).problem == state
            state = -1
        assert encoded.codes[row, which] == state
    assert bad == {}


def test_whole_numbers_may_have_a_point_in_text() -> None:
    """A column of numbers with gaps becomes 1.0 and 0.0 on its way through CSV."""
    frame = {"leg_twitching": ["1.0", "0.0", " 1. ", "1.5", "2.0", "1e0"]}
    encoded = encode_frame(NETWORK, frame)
    place = [variable.name for variable in NETWORK.nodes].index("leg_twitching")
    assert encoded.codes[:, place].tolist() == [1, 0, 1, -1, -1, -1]
    assert [(cell.row, cell.value) for cell in encoded.bad] == [(3, "1.5"), (4, "2.0"), (5, "1e0")]
    legs = tn.load("twitchy_legs")
    same = [legs.encode({"age_band": [age]}).tolist() for age in (37, 37.0, "37", "37.0")]
    assert same == [same[0]] * 4
    assert legs.encode({"age_band": ["37.0"]}).max() == 1


def test_bad_cells_are_all_told_in_order() -> None:
    frame = {
        "caffeine_intake": ["hihg", "high", "yes"],
        "leg_twitching": ["perhaps", 2, "no"],
        "id": [1, 2, 3],
    }
    encoded = encode_frame(NETWORK, pa.table({**frame, "leg_twitching": ["perhaps", "2", "no"]}))
    told = [(cell.row, cell.column, cell.value, cell.code) for cell in encoded.bad]
    assert told == [
        (0, "caffeine_intake", "hihg", "TN202"),
        (0, "leg_twitching", "perhaps", "TN202"),
        (1, "leg_twitching", "2", "TN202"),
        (2, "caffeine_intake", "yes", "TN203"),
    ]
    assert "did you mean 'high'" in next(encoded.bad).reason
    assert encoded.bad_rows.tolist() == [True, True, True]
    assert encoded.codes[1, NODES.index("caffeine_intake")] == 2
    with pytest.raises(tn.RecordError, match="row 2: 'yes' answers a yes-or-no question") as error:
        encode(NETWORK, frame)
    assert len(error.value.problems) == 4


def test_a_column_of_numbers_is_told_without_delay() -> None:
    cells = [f"{i / 7:.5f}" for i in range(8, 20_008)]
    encoded = encode_frame(NETWORK, {"leg_twitching": cells})
    assert sum(1 for _ in encoded.bad) == 20_000
    assert [cell.code for cell in encoded.bad][MOST_HINTS + 1] == "TN202"
    with pytest.raises(tn.RecordError, match="and 19980 cells more"):
        encoded.refuse()


def test_names_are_found_as_in_a_record_and_by_a_map() -> None:
    label = NETWORK.by_name["leg_twitching"].label
    assert encode_frame(NETWORK, {label.upper(): [1]}).used == {label.upper(): "leg_twitching"}
    mapped = encode_frame(
        NETWORK, {"q1": [1], "leg_twitching": ["?"]}, {"q1": "leg_twitching", "leg_twitching": ""}
    )
    assert mapped.used == {"q1": "leg_twitching"}
    assert mapped.codes[0, NODES.index("leg_twitching")] == 1


@pytest.mark.parametrize(
    ("frame", "names", "message"),
    [
        ({"leg_twiching": [1]}, {}, "TN201 no column is a variable.*did you mean 'leg_twitching'"),
        ({"q17": [1]}, {}, r"TN201 no column is a variable of the model \(names, or --map, says"),
        ({"leg_twitching": [1], "leg-twitching": [1]}, {}, "TN204 leg-twitching: answers"),
        ({"q": [1]}, {"q": "leg_twiching"}, "TN201 q: mapped to .*did you mean 'leg_twitching'"),
        ({"leg_twitching": [1]}, {"q": "sex"}, "TN201 q: the frame has no such column"),
    ],
)
def test_columns_that_cannot_be_right(
    frame: dict[str, Any], names: dict[str, str], message: str
) -> None:
    with pytest.raises(tn.RecordError, match=message):
        encode_frame(NETWORK, frame, names)


def test_misspelled_columns_are_one_warning() -> None:
    frame = {"leg_twitching": [1], "caffeine_intak": ["high"], "id": [7], "intense_exercize": [0]}
    with pytest.warns(UserWarning, match="not variables") as told:
        tn.load("demo").score(frame)
    assert [str(one.message) for one in told] == [
        "columns that are not variables of the model and are not read: 'caffeine_intak' (did you "
        "mean 'caffeine_intake'?), 'intense_exercize' (did you mean 'intense_exercise'?)"
    ]
    assert told[0].filename == __file__


def test_screens_are_read_apart() -> None:
    network = tn.load("twitchy_legs").network
    name = network.names("screen")[0]
    state = network.by_name[name].states[1]
    encoded = encode_frame(network, {name: [None, state]})
    assert encoded.screens[:, 0].tolist() == [-1, 1]
    assert (encoded.codes == -1).all()


def test_codes_pass_straight_through() -> None:
    codes = np.zeros((3, len(NODES)), dtype=np.int64)
    assert encode(NETWORK, codes).dtype == np.int8
    same = np.ascontiguousarray(codes, dtype=np.int8)
    assert check_codes(NETWORK, same) is same
    codes[2, 0] = 9
    with pytest.raises(tn.RecordError, match="row 2: no state 9; codes are -1 to"):
        check_codes(NETWORK, codes)
    with pytest.raises(TypeError, match="this array has"):
        check_codes(NETWORK, codes[:, 1:])
    with pytest.raises(TypeError, match="not float64"):
        check_codes(NETWORK, codes.astype(float))


@pytest.mark.parametrize("frame", [3, "text", [1, 2], {"a": [1], "b": [1, 2]}, {"a": 1}])
def test_what_is_no_frame(frame: object) -> None:
    with pytest.raises(TypeError):
        encode_frame(NETWORK, frame)


def test_an_encoder_keeps_nothing_of_the_frames_before() -> None:
    """A run that is resumed tells the same of a chunk as one that read all before it."""
    network = tn.load("demo").network
    encoder = Encoder(network)
    strange = {"leg_twitching": [f"strange {i}" for i in range(2 * MOST_HINTS)]}
    encoder(strange)
    for frame in ({"leg_twitching": ["yess", "yes"]}, {"caffeine_intake": ["hihg"]}):
        again, first = encoder(frame), encode_frame(network, frame)
        assert [*again.bad] == [*first.bad]
        assert np.array_equal(again.codes, first.codes)
        assert (again.used, again.other) == (first.used, first.other)
