"""Every model of causal independence, from its lines in a file to converted tables.

The tests run over the registry ``KINDS``: a new model is tested when it is there.  Posteriors of
both engines against enumeration are in ``test_exact.py`` and ``test_kernels.py``.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.io.formats import write_model
from twitchnet.model.local import KINDS, Independent
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample

N = 40_000


def text(kind: str) -> str:
    """A model of two causes and one child of the kind, whose strengths depend on a context."""
    model = KINDS[kind]
    states = "[low, mid, high]" if model.graded else "[absent, present]"

    def number(*values: float) -> str:
        """One distribution, or one probability, with its range."""
        told = f"[{', '.join(f'{v:.2f}' for v in values)}]" if model.graded else f"{values[1]:.2f}"
        range_ = "range: [.05, .95], overall: .3" if model.graded else "range: [.05, .95]"
        return f"{{p: {told}, {range_}, source: s}}"

    by_place = ", ".join(
        f"{place}: {[0.1, share, 0.9 - share] if model.graded else share}"
        for place, share in (("in", 0.3), ("out", 0.6))
    )
    also = f"      b=absent: {number(0.5, 0.3, 0.2)}\n" if model.baseline_acts else ""
    return (
        "twitchnet: 1\nname: one\nversion: v\nsources: {s: {kind: judgement, cite: c}}\n"
        "contexts:\n  place: {label: Place, states: [in, out]}\n"
        "causes:\n  a: {label: A}\n  b: {label: B}\n"
        f"findings:\n  child: {{label: Child, states: {states}}}\n"
        "mechanisms:\n"
        "  place: {table: {p: .4, fixed: true}}\n"
        "  a: {table: {p: .3, range: [.1, .5], source: s}}\n"
        "  b: {table: {p: .2, range: [.1, .5], source: s}}\n"
        f"  child:\n    kind: {kind}\n    leak: {number(0.6, 0.3, 0.1)}\n    links:\n"
        f"      a: {{by: place, p: {{{by_place}}}, range: [.05, .95], overall: .45, source: s}}\n"
        f"{also}      b: {number(0.2, 0.5, 0.3)}\n"
    )


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def network(kind: str) -> Network:
    found = tn.loads(text(kind)).network
    assert type(found.by_name["child"].local) is KINDS[kind]
    return found


def by_hand(network: Network) -> np.ndarray:
    """P(child | place, a, b) by the words of the definition: a level for each part, in loops."""
    local = network.by_name["child"].local
    assert isinstance(local, Independent)
    card = network.cards["child"]
    table = np.zeros((2, 2, 2, card))
    for place, a, b in product(range(2), repeat=3):
        world = {"place": place, "a": a, "b": b}
        rows = []
        for part in local.parts:
            p = part.strength[tuple(world[name] for name in part.scope)]
            if local.graded:
                rows.append(p.tolist())
            else:
                acts = 0 if local.inverted else 1
                rows.append([float(p) if s == acts else 1.0 - float(p) for s in range(2)])
        for states in product(range(card), repeat=len(rows)):
            chance = float(np.prod([row[s] for row, s in zip(rows, states, strict=True)]))
            table[place, a, b, min(states) if local.inverted else max(states)] += chance
    return table


def test_the_full_table_follows_the_definition(network: Network) -> None:
    local = network.by_name["child"].local
    assert isinstance(local, Independent)
    table = np.moveaxis(
        local.full_table(network.cards),
        [local.parents.index(name) for name in ("place", "a", "b")],
        [0, 1, 2],
    )
    np.testing.assert_allclose(table, by_hand(network), rtol=0, atol=1e-15)


def test_a_saved_model_is_the_same(kind: str, tmp_path: Path) -> None:
    model = tn.loads(text(kind))
    model.save(tmp_path / "one.yaml")
    again = tn.load(tmp_path / "one.yaml")
    assert again.fingerprint == model.fingerprint
    assert again.network.parameters == model.network.parameters


def test_draws_are_those_of_the_table(network: Network) -> None:
    codes = sample(network, N, np.random.default_rng(5))
    at = {variable.name: i for i, variable in enumerate(network.nodes)}
    table = by_hand(network)
    for place, a, b in product(range(2), repeat=3):
        rows = (
            (codes[:, at["place"]] == place) & (codes[:, at["a"]] == a) & (codes[:, at["b"]] == b)
        )
        drawn = codes[rows][:, at["child"]]
        for state, p in enumerate(table[place, a, b]):
            error = 4.5 * np.sqrt(p * (1 - p) / rows.sum()) + 1e-12
            assert abs(np.mean(drawn == state) - p) <= error


def wanted(network: Network, state: int) -> dict[str, float]:
    """P(cause | child = state), by sums over the table of the definition."""
    table = by_hand(network)
    chance = {"place": 0.4, "a": 0.3, "b": 0.2}
    mass = {"a": 0.0, "b": 0.0, "": 0.0}
    for place, a, b in product(range(2), repeat=3):
        world = {"place": place, "a": a, "b": b}
        p = np.prod([chance[n] if on else 1.0 - chance[n] for n, on in world.items()])
        for name, on in (*world.items(), ("", 1)):
            if on and name in mass:
                mass[name] += float(p * table[place, a, b, state])
    return {name: mass[name] / mass[""] for name in ("a", "b")}


def test_posteriors_alone_and_in_a_batch(kind: str) -> None:
    model = tn.loads(text(kind))
    states = model.network.by_name["child"].states
    scored = model.score({"child": list(states)})
    for i, state in enumerate(states):
        alone = model.diagnose({"child": state}).posterior
        for cause, p in wanted(model.network, i).items():
            assert alone[cause] == pytest.approx(p, rel=1e-12)
            assert scored[cause][i] == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("suffix", ["bif", "xdsl", "net"])
def test_a_converted_model_says_the_same(kind: str, suffix: str, tmp_path: Path) -> None:
    model = tn.loads(text(kind))
    write_model(model.network, tmp_path / f"one.{suffix}")
    other = tn.load(tmp_path / f"one.{suffix}")
    for i, state in enumerate(model.network.by_name["child"].states):
        found = other.diagnose({"child": state}, targets=["a", "b"])
        for cause, p in wanted(model.network, i).items():
            assert found.marginal(cause)["present"] == pytest.approx(p, rel=1e-9)


def test_numbers_can_be_changed(kind: str, network: Network) -> None:
    local = network.by_name["child"].local
    assert isinstance(local, Independent)
    model = tn.loads(text(kind))
    card = network.cards["child"]
    whole = [[0.0] * card, [0.0] * card]
    for row in whole:
        row[local.neutral(card)] = 1.0
    nested = whole if local.graded else [0.0, 0.0]
    changed = model.with_numbers({"b -> child": nested}).network.by_name["child"].local
    assert isinstance(changed, Independent)
    assert changed.blocks["link:b"].array.tolist() == nested
    without = model.without("b").network.by_name["child"].local
    assert isinstance(without, Independent)
    cards = network.cards
    silent = np.take(changed.full_table(cards), 1, axis=changed.parents.index("b"))
    np.testing.assert_allclose(silent, without.full_table(cards), rtol=0, atol=1e-15)
