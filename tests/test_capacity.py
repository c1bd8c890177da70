"""Sizes: what one path can answer the other must not refuse, and what is refused says why."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.batch.encoding.encode import encode_frame
from twitchnet.batch.files.rejects import REASONS, refused
from twitchnet.batch.formats.opening import Chunk
from twitchnet.batch.scoring.rows import make_rows
from twitchnet.batch.scoring.score import Scorer
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.engine.host import batch as batch_module
from twitchnet.engine.host import packing
from twitchnet.engine.host.batch import LIMITS, STATUS, BatchInput, BatchOutput, run_batch, task_of
from twitchnet.engine.kernels import compiler, ordering
from twitchnet.engine.kernels.layout import STEPS
from twitchnet.engine.numpy import plan as numpy_plan
from twitchnet.errors import CapacityError
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable

STATES = ("absent", "present")


def cause(name: str, prior: float) -> Variable:
    return Variable(name, "cause", STATES, "", Table((), np.array([1.0 - prior, prior])))


def finding(name: str, leak: float, links: dict[str, float]) -> Variable:
    found = tuple(Link(parent, (), np.array([0.0, p])) for parent, p in links.items())
    return Variable(name, "finding", STATES, "", NoisyOr(Leak((), np.array(leak)), found))


def chain(count: int, card: int) -> tuple[tn.Model, Any]:
    """A chain of variables of ``card`` states, and the matrix of its steps."""
    states = tuple(f"s{i}" for i in range(card))
    step = np.full((card, card), 0.01 / (card - 1))
    np.fill_diagonal(step, 0.99)
    step /= step.sum(axis=1, keepdims=True)
    first = Variable("x0", "cause", states, "", Table((), np.full(card, 1.0 / card)))
    rest = [
        Variable(f"x{i}", "cause", states, "", Table((f"x{i - 1}",), step)) for i in range(1, count)
    ]
    return tn.Model(Network("chain", "1", (first, *rest))), step


def by_kernels(model: tn.Model, records: BatchInput | list[dict[str, int]], **more: Any) -> Any:
    """The kernels alone, without numpy."""
    inference = model._inference
    if isinstance(records, list):
        names = [variable.name for variable in model.network.nodes]
        codes = np.array([[one.get(name, -1) for name in names] for one in records], dtype=np.int8)
        records = make_rows(inference, codes, {})
    columns = target_states(model.network)
    nodes = np.array([inference.lowered.index[name] for name, _ in columns])
    by_name = model.network.by_name
    states = np.array([by_name[name].states.index(state) for name, state in columns])
    return run_batch(
        inference.lowered.program, records, inference.wanted, nodes, states, budget=1e9, **more
    )


# -- many states -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "card"), [(20, 127), (300, 40)])
def test_a_chain_of_many_states_is_answered_in_a_batch(count: int, card: int) -> None:
    model, step = chain(count, card)
    found = model.posteriors({f"x{count - 1}": ["s3"] * 40})
    assert set(found.status) == {"ok"}
    assert set(found.limit) == {""}
    likelihood = np.linalg.matrix_power(step, count - 1)[:, 3]
    np.testing.assert_allclose(found.log_evidence, math.log(likelihood.mean()), rtol=1e-11)
    places = [found.columns.index(("x0", f"s{i}")) for i in range(1, card)]
    posterior = likelihood[1:] / likelihood.sum()
    np.testing.assert_allclose(found.probability[0, places], posterior, rtol=1e-10)
    assert set(by_kernels(model, [{f"x{count - 1}": 3}]).status) == {0}  # and by the kernels


def sparse(count: int, most: int, seed: int) -> tn.Model:
    """A network in which a variable has one or two of the three before it as parents."""
    rng = np.random.default_rng(seed)
    variables: list[Variable] = []
    for i in range(count):
        card = int(rng.integers(2, most + 1))
        near = np.arange(max(0, i - 3), i)
        parents = np.sort(rng.choice(near, min(len(near), int(rng.integers(1, 3))), replace=False))
        names = tuple(f"x{j}" for j in parents.tolist())
        shape = tuple(len(variables[j].states) for j in parents.tolist())
        table = rng.dirichlet(np.ones(card), size=shape)
        states = tuple(f"s{k}" for k in range(card))
        variables.append(Variable(f"x{i}", "cause", states, "", Table(names, table)))
    return tn.Model(Network("sparse", "1", tuple(variables)))


def log_probability(model: tn.Model, record: dict[str, int]) -> float:
    """Log P(record) by eliminating variables in the order of the file, in plain einsum."""
    names = [variable.name for variable in model.network.nodes]
    factors: list[tuple[tuple[int, ...], Any]] = []
    for variable in model.network.nodes:
        table, axes = variable.local.probabilities, []
        for place, name in reversed([*enumerate((*variable.local.parents, variable.name))]):
            if name in record:
                table = np.take(table, record[name], axis=place)
            else:
                axes.append(names.index(name))
        factors.append((tuple(reversed(axes)), table))
    total = 0.0
    for i in range(len(names)):
        mine = [factor for factor in factors if i in factor[0]]
        if not mine:
            continue
        factors = [factor for factor in factors if i not in factor[0]]
        axes = sorted({axis for scope, _ in mine for axis in scope} - {i})
        own = {axis: k for k, axis in enumerate([i, *axes])}
        operands = [x for scope, table in mine for x in (table, [own[axis] for axis in scope])]
        table = np.einsum(*operands, [own[axis] for axis in axes], optimize=True)
        total += math.log(table.max())
        factors.append((tuple(axes), table / table.max()))
    return total + sum(math.log(table) for _, table in factors)


@pytest.mark.parametrize(("count", "most"), [(35, 60), (413, 21)])
def test_networks_of_many_states_are_answered_in_a_batch(count: int, most: int) -> None:
    model = sparse(count, most, seed=1)
    rng = np.random.default_rng(2)
    codes = np.full((3, count), -1, dtype=np.int8)
    for row in codes:
        for j in rng.choice(count, count // 5, replace=False):
            row[j] = rng.integers(0, len(model.network.nodes[j].states))
    found = model.posteriors(np.tile(codes, (11, 1)))
    assert set(found.status) == {"ok"}
    for i, row in enumerate(codes):
        record = {f"x{j}": int(state) for j, state in enumerate(row) if state >= 0}
        assert found.log_evidence[i] == pytest.approx(log_probability(model, record), rel=1e-10)


# -- what is left to numpy -------------------------------------------------------------------------


def demo_rows(count: int) -> tuple[tn.Model, Any]:
    model = tn.load("demo")
    rng = np.random.default_rng(5)
    cards = [len(variable.states) for variable in model.network.nodes]
    codes = np.array([[rng.integers(-1, card) for card in cards] for _ in range(count)])
    return model, codes.astype(np.int8)


def refuse_some(monkeypatch: pytest.MonkeyPatch, limit: str) -> list[int]:
    """Kernels that answer the rows with an even number only."""
    real, counts = batch_module.run_batch, []

    def run(program: Any, rows: BatchInput, *args: Any, **options: Any) -> BatchOutput:
        out = real(program, rows, *args, **options)
        counts.append(len(rows.codes))
        out.status[1::2], out.limits[1::2] = STATUS.index("too wide"), LIMITS.index(limit)
        out.probability[1::2] = out.log_evidence[1::2] = np.nan
        return out

    monkeypatch.setattr("twitchnet.batch.scoring.posteriors.run_batch", run)
    return counts


@pytest.mark.usefixtures("own_plans")
@pytest.mark.parametrize("limit", LIMITS[1:])
def test_a_batch_leaves_to_numpy_what_the_kernels_refuse(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    model, codes = demo_rows(60)
    whole = model.posteriors(codes)
    refuse_some(monkeypatch, limit)
    again = model.posteriors(codes)
    np.testing.assert_array_equal(again.status, whole.status)
    assert set(again.limit) == {""}
    np.testing.assert_allclose(again.log_evidence, whole.log_evidence, rtol=1e-10)
    np.testing.assert_allclose(again.probability, whole.probability, rtol=1e-9, atol=1e-15)
    for threads in (1, 2):
        more = model.posteriors(codes[::-1], threads=threads)
        refused = np.isin(np.arange(60), np.arange(1, 60, 2)) & np.isin(
            np.arange(59, -1, -1), np.arange(1, 60, 2)
        )
        np.testing.assert_array_equal(more.status, whole.status[::-1])
        np.testing.assert_array_equal(more.probability[refused], again.probability[::-1][refused])


@pytest.mark.usefixtures("own_plans")
def test_equal_records_are_left_to_numpy_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, codes = demo_rows(1)
    refuse_some(monkeypatch, "range")
    planned = []
    real = numpy_plan.build_plan
    monkeypatch.setattr(
        "twitchnet.batch.scoring.posteriors.build_plan",
        lambda *a, **k: planned.append(1) or real(*a, **k),
    )
    found = model.posteriors(np.tile(codes, (50, 1)))
    assert len(planned) == 1
    assert len(set(found.log_evidence)) <= 2


@pytest.mark.usefixtures("own_plans")
def test_a_program_that_the_kernels_do_not_serve_is_left_to_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, codes = demo_rows(40)
    whole = model.posteriors(codes)
    monkeypatch.setattr(packing, "MOST_MASKS", 0)
    monkeypatch.setattr(batch_module, "new_scratch", None)  # no memory is taken
    again = model.posteriors(codes)
    np.testing.assert_array_equal(again.status, whole.status)
    np.testing.assert_allclose(again.probability, whole.probability, rtol=1e-9, atol=1e-15)
    out = by_kernels(model, [{}])
    assert (STATUS[out.status[0]], LIMITS[out.limits[0]]) == ("too wide", "planning")


def test_twenty_thousand_variables_are_more_than_the_kernels_serve() -> None:
    """Masks of their axes would take gigabytes a thread."""
    model = tn.load("demo")
    program = model._inference.lowered.program
    assert packing.serves(program)
    many = program._replace(card=np.full(20_000, 2), part_owner=np.zeros(20_000, dtype=np.int64))
    assert not packing.serves(many)


# -- what is refused says why ----------------------------------------------------------------------


def dense(count: int) -> tn.Model:
    """Every one of ``count`` causes makes every one of as many findings."""
    causes = [cause(f"c{i}", 0.1) for i in range(count)]
    links = {one.name: 0.3 for one in causes}
    findings = [finding(f"f{i}", 0.01, links) for i in range(count)]
    return tn.Model(Network("dense", "1", (*causes, *findings)))


def test_the_limit_of_a_record_is_told() -> None:
    model = dense(40)
    found = model.posteriors({f"f{i}": ["present"] * 40 for i in range(40)})
    assert set(found.status) == {"too wide"}
    assert set(found.limit) == {"budget"}
    assert (found.cells > 1e9).all()


def test_no_search_for_what_no_budget_allows() -> None:
    """Refused by the first order: planning takes few steps, on every record alike."""
    model = dense(90)
    program = model._inference.lowered.program
    wide = {f"f{i}": 1 for i in range(80)}
    out = by_kernels(model, [wide, wide])
    assert [LIMITS[limit] for limit in out.limits] == ["budget", "budget"]
    scratch = packing.new_scratch(program, 2.0**20)
    codes = np.array([[wide.get(node.name, -1) for node in model.network.nodes]], dtype=np.int8)
    rows = make_rows(model._inference, codes, {})
    one = BatchOutput.empty(1, 0)
    none = np.zeros(0, dtype=np.int64)
    packed = packing.pack(program)
    task = task_of(rows, model._inference.wanted, none, none, one)
    compiler.compiled()(packed.at, scratch.at, task, 1e9, 0, 1)
    assert scratch.counts[STEPS] < 1e7


def test_planning_ends_after_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense(6)
    record = [{f"f{i}": 1 for i in range(6)}]
    whole = by_kernels(model, record, compiled=False)
    assert STATUS[whole.status[0]] == "ok"
    monkeypatch.setattr(ordering, "MOST_STEPS", 10)
    out = by_kernels(model, record, compiled=False)
    assert (STATUS[out.status[0]], LIMITS[out.limits[0]]) == ("too wide", "planning")
    assert np.isnan(out.cells[0])


CASES = [
    ("budget", "TN301", "the budget is 1e\\+09; .*`--budget`", "needs 2e+09 table cells"),
    ("workspace", "TN302", "fit the workspace; .*`workspace` of tn.load", "fit the workspace"),
    ("planning", "TN303", "limit on planning", "planning ended without an order"),
]


@pytest.mark.parametrize(("limit", "code", "words", "reason"), CASES)
def test_errors_and_rejects_name_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: str, code: str, words: str, reason: str
) -> None:
    model = dense(3)
    out = BatchOutput.empty(1, 3)
    out.status[:], out.limits[:], out.cells[:] = STATUS.index("too wide"), LIMITS.index(limit), 2e9
    monkeypatch.setattr("twitchnet.batch.scoring.passes.evaluate", lambda *args, **options: out)
    with pytest.raises(CapacityError, match=f"{code} .*{words}") as caught:
        model.score({"f0": ["present"]}, on_error="raise", details=False)
    assert (caught.value.limit, caught.value.code) == (limit, code)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.limit) == (str(caught.value), limit)
    encoded = encode_frame(model.network, {"f0": ["present"]})
    scores = Scorer(model._inference, details=False).score(encoded)
    chunk = Chunk("a.csv", {}, np.array([7]))
    (reject,) = refused(model.network, chunk, encoded, scores)
    assert (reject.row, reject.code) == (7, code)
    assert reason in reject.reason
    assert REASONS[code] == "too wide"


# -- the range of a double -------------------------------------------------------------------------


def star(count: int, leak: float, link: float, prior: float) -> tn.Model:
    findings = [finding(f"f{i}", leak, {"c": link}) for i in range(count)]
    return tn.Model(Network("star", "1", (cause("c", prior), *findings)))


def by_hand(
    count: int, present: int, leak: float, link: float, prior: float
) -> tuple[float, float]:
    """Log P(record) and P(c | record) of a star."""
    shown = leak + (1.0 - leak) * link
    without = math.log1p(-prior) + present * math.log(leak) + (count - present) * math.log1p(-leak)
    with_it = math.log(prior) + present * math.log(shown) + (count - present) * math.log1p(-shown)
    total = float(np.logaddexp(without, with_it))
    return total, math.exp(with_it - total)


@pytest.mark.parametrize(
    ("count", "every"), [(100, 2), (300, 2), (500, 2), (900, 10**9), (2000, 10**9)]
)
def test_a_star_in_a_batch_is_right_by_hand(count: int, every: int) -> None:
    """Half of its findings present, or none: kernels hand on what leaves the range."""
    model = star(count, 0.01, 0.5, 0.1)
    present = [i % every == 1 for i in range(count)]
    found = model.posteriors({f"f{i}": [there] * 40 for i, there in enumerate(present)})
    log_p, posterior = by_hand(count, sum(present), 0.01, 0.5, 0.1)
    assert found.status[0] == "ok"
    assert found.log_evidence[0] == pytest.approx(log_p, rel=1e-12)
    assert found.probability[0, 0] == pytest.approx(posterior, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("count", [1080, 1600])
@pytest.mark.parametrize("present", [False, True])
def test_a_thousand_independent_pairs(count: int, present: bool) -> None:
    """The product of their scalars leaves the range, and is rescaled on the way."""
    causes = [cause(f"c{i}", 0.1) for i in range(count)]
    findings = [finding(f"f{i}", 0.1, {f"c{i}": 0.8}) for i in range(count)]
    model = tn.Model(Network("pairs", "1", (*causes, *findings)))
    out = by_kernels(model, [{f"f{i}": 1 for i in range(count)} if present else {}])
    shown = 0.1 + 0.9 * 0.8
    log_p = math.log(0.9 * 0.1 + 0.1 * shown) if present else 0.0
    assert STATUS[out.status[0]] == "ok"
    assert out.log_evidence[0] == pytest.approx(count * log_p, rel=1e-12)
    posterior = 0.1 * shown / math.exp(log_p) if present else 0.1
    np.testing.assert_allclose(out.probability[0], posterior, rtol=1e-9)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_underflowed_is_not_called_impossible(compiled: bool) -> None:
    """P(c, f) is 1e-400: c and what excludes its absence are both possible."""
    variables = (cause("c", 1e-200), finding("f", 0.0, {"c": 1e-200}))
    out = by_kernels(tn.Model(Network("tiny", "1", variables)), [{"f": 1}], compiled=compiled)
    assert (STATUS[out.status[0]], LIMITS[out.limits[0]]) == ("too wide", "range")
    fine = (cause("c", 1e-100), finding("f", 0.0, {"c": 1e-100}))
    out = by_kernels(tn.Model(Network("tiny", "1", fine)), [{"f": 1}], compiled=compiled)
    assert out.log_evidence[0] == pytest.approx(math.log(1e-200), rel=1e-12)
    assert out.probability[0, 0] == 1.0


def test_a_state_that_underflowed_before_the_others_became_impossible() -> None:
    """1,200 absent findings make c unlikely by 1e-361; then one finding makes its absence 0."""
    many = [finding(f"f{i}", 0.0, {"c": 0.5}) for i in range(1200)]
    last = finding("g", 0.0, {"c": 0.5})
    model = tn.Model(Network("turn", "1", (cause("c", 0.1), *many, last)))
    record = {f"f{i}": 0 for i in range(1200)} | {"g": 1}
    out = by_kernels(model, [record])
    assert (STATUS[out.status[0]], LIMITS[out.limits[0]]) == ("too wide", "range")


def test_a_contradiction_is_impossible_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    model = star(3, 0.0, 0.5, 0.1)
    monkeypatch.setattr("twitchnet.batch.scoring.posteriors._one_by_one", None)
    found = model.posteriors({"c": ["absent"] * 40, "f0": ["present"] * 40})
    assert set(found.status) == {"impossible"}


def test_rows_of_likelihoods_multiply_within_the_range() -> None:
    """Forty weights of 1e-150 about one cause, and about what is answered: rescaled each time."""
    count, small = 40, 1e-150
    model = star(count, 0.1, 0.5, 0.1)
    weights = {f"f{i}": np.tile([small, 3 * small], (40, 1)) for i in range(count)}
    found = model.posteriors({"c": ["present"] * 20 + [None] * 20}, likelihood=weights)
    shown = 0.1 + 0.9 * 0.5
    with_it = count * math.log(1.0 - shown + 3.0 * shown) + math.log(0.1)
    without = count * math.log(0.9 + 0.3) + math.log(0.9)
    scale = count * math.log(small)
    both = float(np.logaddexp(with_it, without))
    assert set(found.status) == {"ok"}
    np.testing.assert_allclose(found.log_evidence[:20], with_it + scale, rtol=1e-12)
    np.testing.assert_allclose(found.log_evidence[20:], both + scale, rtol=1e-12)
    np.testing.assert_allclose(found.probability[20:, 0], math.exp(with_it - both), rtol=1e-9)
