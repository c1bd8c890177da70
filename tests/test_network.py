"""The network as a value: its topological order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from twitchnet.model.network import Network, Variable


def network(parents: dict[str, list[str]]) -> Network:
    def variable(name: str) -> Variable:
        local: Any = SimpleNamespace(parents=tuple(parents[name]))
        return Variable(name, "cause", ("absent", "present"), name, local)

    return Network("x", "1", tuple(variable(name) for name in parents))


def generation(parents: dict[str, list[str]], name: str) -> int:
    """Arcs on the longest way from a root, in plain recursion."""
    return max((1 + generation(parents, parent) for parent in parents[name]), default=0)


@given(st.data())
def test_a_generation_at_a_time_in_the_order_of_the_file(data: st.DataObject) -> None:
    names = data.draw(st.permutations("abcdefg"))
    before: dict[str, list[str]] = {
        name: data.draw(st.lists(st.sampled_from(names[:at]), unique=True, max_size=3))
        if at
        else []
        for at, name in enumerate(names)
    }
    parents = {name: before[name] for name in data.draw(st.permutations(names))}
    expected = sorted(parents, key=lambda name: generation(parents, name))  # stable
    assert network(parents).topological == tuple(expected)


@pytest.mark.parametrize(
    ("parents", "through"),
    [
        ({"a": ["b"], "b": ["a"], "c": []}, "a"),
        ({"c": [], "b": ["b", "c"]}, "b"),
        ({"c": [], "d": ["a"], "a": ["b"], "b": ["a"]}, "d"),
    ],
)
def test_a_cycle_is_an_error(parents: dict[str, list[str]], through: str) -> None:
    with pytest.raises(ValueError, match=f"cycle through '{through}'"):
        _ = network(parents).topological


def test_a_long_chain_is_ordered_without_looking_at_every_pair() -> None:
    """A quadratic search takes minutes here."""
    count = 20_000
    chain = {f"v{at}": [f"v{at + 1}"] if at + 1 < count else [] for at in range(count)}
    assert network(chain).topological == tuple(reversed(chain))


def test_what_a_prompt_shows_is_short() -> None:
    model = tn.load("demo")
    dx = model.diagnose(leg_twitching=True)
    assert repr(model) == "<Model demo 1.0.0: 2 contexts, 2 causes, 2 findings>"
    assert repr(model.network) == "<Network demo 1.0.0: 2 contexts, 2 causes, 2 findings>"
    assert repr(dx).startswith("<Diagnosis by demo 1.0.0, 1 answers: muscle_fatigue 0.")
    assert str(model.plan({})) in repr(model.plan({}))
    assert max(len(repr(one)) for one in (model, model.network, dx, model.plan({}))) < 300
