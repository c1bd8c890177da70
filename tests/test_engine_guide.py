"""docs/engine.md is true: its sums, its tables and its files; and the textbook algorithm that
it points to agrees with both engines.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.strategies import networks, records
from tests.test_exact import read
from tests.test_kernels import Kernels, same
from tests.variable_elimination import joint
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import LEFT_TO_NUMPY, LIMITS
from twitchnet.engine.kernels import record
from twitchnet.engine.kernels.layout import Scratch
from twitchnet.engine.numpy.merge import Table, merge
from twitchnet.engine.numpy.order import Structure
from twitchnet.engine.numpy.plan import Plan
from twitchnet.engine.numpy.reduce import Reduced
from twitchnet.engine.numpy.search import LOOK_AHEAD, _Search
from twitchnet.engine.numpy.sweep import _Run
from twitchnet.io.foreign.tabular import tabulated
from twitchnet.model.local import Descriptor
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
ANSWERS = {"squeal": 1, "vibration": 0}


def run_page() -> dict[str, object]:
    """What the blocks of the page define."""
    names: dict[str, object] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/engine.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def network() -> Network:
    found = run_page()["network"]
    assert isinstance(found, Network)
    return found


@pytest.fixture
def run() -> _Run:
    """The record of the page on numpy, swept up."""
    names = run_page()
    plan, factors = names["plan"], names["factors"]
    assert isinstance(plan, Plan)
    assert isinstance(factors, Reduced)
    one = _Run(factors, plan.order.steps, slice(None))
    one.upward()
    return one


def table(*head: str) -> dict[str, list[float]]:
    """Numbers of the page's table with this head, by the first column."""
    line = "| " + " | ".join(head)
    (after,) = [text for text in PAGE.split("\n\n") if text.startswith(line)]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in after.splitlines()[2:]]
    return {row[0]: [float(n) for n in row[-1].split(", ")] for row in rows} | {
        row[0]: [float(cell) for cell in row[-2:]] for row in rows if is_number(row[-2])
    }


def is_number(cell: str) -> bool:
    return re.fullmatch(r"-?[\d.]+", cell) is not None


def scaled(actual: object, expected: object) -> bool:
    """Equal but for a power of two: tables are rescaled."""
    ratio = np.ravel(actual) / np.ravel(expected)
    exponent = round(math.log2(ratio[0]))
    return bool(np.allclose(ratio, 2.0**exponent, rtol=1e-12, atol=0.0))


SUMS = re.findall(r"`([^`\n=]+) = (-?[\d.]+)`", PAGE)


@pytest.mark.parametrize(("left", "right"), SUMS, ids=[f"{a} = {b}" for a, b in SUMS])
def test_each_sum_of_the_page_is_right(left: str, right: str) -> None:
    """To the last digit that the page gives."""
    digits = len(right.partition(".")[2])
    assert re.fullmatch(r"(?:[-\d.+*/() ]|log2)+", left)
    assert f"{eval(left, {'log2': math.log2}):.{digits}f}" == right


def test_the_page_has_sums_for_every_stage() -> None:
    assert len(SUMS) >= 30


# -- numpy ----------------------------------------------------------------------------------------


def test_tables_of_the_way_up(run: _Run) -> None:
    expected = table("table", "by hand", "silent", "at most produced")
    belt, bearing = run.tables[7], run.tables[8]
    assert scaled(belt.values, expected["7, belt summed out"])
    assert scaled(bearing.values, expected["8, bearing summed out"])
    last = merge(run.closed[2].partial[-1], bearing, run.levels)
    assert scaled(last.values, expected["0 x 3 x 7 x 8"])
    assert math.isclose(np.ldexp(run.total.values.sum(), run.exponent), 0.172152)


def test_scores_of_the_first_choice() -> None:
    factors = run_page()["factors"]
    assert isinstance(factors, Reduced)
    found = _Search(Structure.of(factors))
    for axis, score in enumerate(("1.596", "1.596", "2.609")):  # belt, bearing, squeal
        found.price(found.start, axis)
        cost, removed = found.start.worth[axis]
        assert f"{cost - LOOK_AHEAD * removed:.3f}" == score
        assert f" = {score}`" in PAGE


@pytest.mark.parametrize(("order", "cells"), [((0, 1, 2), 24), ((2, 0, 1), 34)])
def test_costs_of_two_orders(order: tuple[int, ...], cells: int) -> None:
    factors = run_page()["factors"]
    assert isinstance(factors, Reduced)
    search = _Search(Structure.of(factors))
    state = search.start
    for axis in order:
        search.price(state, axis)
        mask = 0
        for operand in state.found[axis][2]:
            mask |= state.scopes[operand]
        search.close(state, axis, mask)
    assert state.cells == cells
    assert f" = {cells}`" in PAGE


def test_derivatives_of_the_way_down(run: _Run, monkeypatch: pytest.MonkeyPatch) -> None:
    by_axis: dict[int, object] = {}
    by_leaf: dict[int, np.ndarray] = {}
    unclose, responsibility_of = _Run.unclose, _Run.responsibility_of
    monkeypatch.setattr(
        _Run,
        "unclose",
        lambda self, closed, adjoint: (
            by_axis.setdefault(closed.step.axis, adjoint),
            unclose(self, closed, adjoint),
        )[1],
    )
    monkeypatch.setattr(
        _Run,
        "responsibility_of",
        lambda self, i, adjoint: (
            by_leaf.setdefault(i, self.as_leaf(i, adjoint)),
            responsibility_of(self, i, adjoint),
        )[1],
    )
    run.backward()
    expected = table("derivative by", "by hand", "silent", "at most produced")
    assert scaled(by_axis[0], expected["table 7"])
    assert scaled(by_axis[1], expected["table 8"])
    rows = expected["link to the belt, absent"], expected["link to the belt, present"]
    assert scaled(by_leaf[1][0], rows)


def test_tables_without_a_difference() -> None:
    expected = table("table", "by hand", "U", "E")
    level = frozenset({0})

    def row(name: str) -> Table:
        return Table((0,), np.array(expected[name])[:, None])

    both = merge(row("7, belt summed out"), row("8, bearing summed out"), level)
    assert np.allclose(both.values[:, 0], expected["7 and 8"], rtol=1e-12)
    leak = Table((0,), np.array([[0.9], [0.1]]))
    found = merge(both, leak, level).values[:, 0]
    assert np.allclose(found, expected["and the leak"], rtol=1e-12)


# -- kernels ---------------------------------------------------------------------------------------


def swept(network: Network, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The cells (., 8) of the kernels' workspace after the record of the page."""
    seen: list[Scratch] = []
    sweep = record.sweep
    monkeypatch.setattr(record, "sweep", lambda s: (seen.append(s), sweep(s))[1])
    kernels = Kernels(network)
    out = kernels.run([Answers(ANSWERS)], compiled=False, explain=False)
    assert math.isclose(float(out.log_evidence[0]), math.log(0.172152), rel_tol=1e-12)
    cells: np.ndarray = seen[0].cells.reshape(-1, 8)
    return cells


def test_lanes_of_the_page(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = swept(network, monkeypatch)[:, :2]
    expected = table("factor", "lane 0: silent", "lane 1: at most produced")
    assert len(expected) == 8
    for name, lanes in expected.items():
        assert np.isclose(cells, lanes, rtol=1e-12, atol=0.0).all(axis=1).any(), name


def test_messages_of_the_page(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """With lanes off, each row of the tape leaves what the page says."""
    monkeypatch.setattr(record, "condition", lambda *_: 1)
    cells = swept(network, monkeypatch)[:, 0]
    expected = table("turn", "axis", "factors about it", "message", "result, over the next axis")
    assert list(expected) == ["0", "1", "2"]
    for numbers in expected.values():
        places = np.lib.stride_tricks.sliding_window_view(cells, len(numbers))
        shifts = 2.0 ** np.arange(-4, 5)  # tables are rescaled
        assert any(
            np.isclose(places, shift * np.array(numbers), rtol=1e-12, atol=0.0).all(axis=1).any()
            for shift in shifts
        ), numbers


def test_plain_and_compiled_kernels_give_the_same_bits() -> None:
    """Which a port can be held to as well."""
    network = tn.load("demo").network
    codes = sample(network, 40, np.random.default_rng(1))
    names = network.names("finding")
    places = [i for i, variable in enumerate(network.nodes) if variable.name in names]
    rows = [Answers(dict(zip(names, row[places].tolist(), strict=True))) for row in codes]
    kernels = Kernels(network)
    plain, compiled = (kernels.run(rows, compiled=one, explain=False) for one in (False, True))
    same(plain, compiled)


# -- the textbook's algorithm ----------------------------------------------------------------------


def test_the_textbook_answers_the_record_of_the_page(network: Network) -> None:
    belt, bearing = (joint(network, ANSWERS, name) for name in ("belt", "bearing"))
    np.testing.assert_allclose(belt, [0.09432, 0.077832], rtol=1e-12)
    np.testing.assert_allclose(bearing, [0.13608, 0.036072], rtol=1e-12)
    out = Kernels(network).run([Answers(ANSWERS)], compiled=False)
    np.testing.assert_allclose(out.probability[0], [*belt, *bearing] / belt.sum(), rtol=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "kernels"])
@settings(max_examples=100)
@given(data=st.data())
def test_the_textbook_agrees_with_both_engines(engine: str, data: st.DataObject) -> None:
    network = data.draw(networks())
    said = data.draw(records(network))
    answers, _ = read(said)
    flat = network
    if any(isinstance(variable.local, Descriptor) for variable in network.nodes):
        flat = tabulated(network)  # hidden producers become variables
    for name in network.ranked:
        if name in answers.hard:
            continue
        expected = joint(flat, {**answers.soft, **answers.hard}, name)
        if engine == "numpy":
            beliefs = Inference(network).beliefs(answers)
            log_evidence, posterior = beliefs.log_evidence, beliefs.probability[name]
        else:
            kernels = Kernels(network)
            out = kernels.run([answers], compiled=False, explain=False)
            if LIMITS[out.limits[0]] in LEFT_TO_NUMPY:  # numbers such as 1e-305
                continue
            columns = [kernels.column(name, state) for state in range(len(expected))]
            log_evidence, posterior = out.log_evidence[0], out.probability[0, columns]
        # full tables of a noisy-OR subtract, so rare evidence has few digits there
        assert abs(math.exp(log_evidence) - expected.sum()) < 1e-12
        if expected.sum() > 1e-5:
            np.testing.assert_allclose(posterior, expected / expected.sum(), atol=1e-9)


# -- what it points to -----------------------------------------------------------------------------


def test_every_file_that_the_page_names_is_there() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("src/**/*.py")}
    found |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/*.py")}
    named = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert {name for name in named if not any(f"/{f}".endswith(f"/{name}") for f in found)} == set()


def test_every_file_of_the_engine_is_on_the_page() -> None:
    files = {path.name for path in ROOT.glob("src/twitchnet/engine/**/*.py")}
    files -= {"__init__.py"}
    assert {name for name in files if not re.search(rf"[`/]{re.escape(name)}`", PAGE)} == set()
