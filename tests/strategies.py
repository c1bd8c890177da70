"""Random networks and records for property tests, of every local model."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twitchnet.model.local import (
    Descriptor,
    Leak,
    Link,
    LocalModel,
    NoisyAnd,
    NoisyMax,
    NoisyMin,
    NoisyOr,
    Table,
    table_size,
)
from twitchnet.model.network import Network, Variable

probabilities = st.one_of(
    st.floats(0.0, 1.0, allow_subnormal=False),  # below 2e-308 there are few digits, or one
    st.sampled_from([0.0, 1.0, 0.5, 1e-9, 1e-6, 1 - 1e-6]),
    st.floats(1e-9, 1e-3),
)


Numbers = st.SearchStrategy[float]


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], numbers: Numbers = probabilities) -> np.ndarray:
    size = int(np.prod(shape, dtype=int))
    return np.array(draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)


@st.composite
def distributions(
    draw: st.DrawFn, shape: tuple[int, ...], numbers: Numbers = probabilities
) -> np.ndarray:
    """Rows that sum to 1 along the last axis."""
    values = draw(arrays(shape, numbers))
    values[values.sum(axis=-1) == 0.0] = 1.0
    return values / values.sum(axis=-1, keepdims=True)


@st.composite
def local_models(
    draw: st.DrawFn,
    name: str,
    card: int,
    earlier: list[Variable],
    complaint: str,
    numbers: Numbers = probabilities,
) -> LocalModel:
    cards = {v.name: v.card for v in earlier}
    names = [v.name for v in earlier]
    kinds = ["table", "max", "min"] + (["or", "or", "or", "and"] if card == 2 else [])
    kind = draw(st.sampled_from(kinds))
    parents = draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
    if kind == "table":
        shape = (*(cards[p] for p in parents), card)
        return Table(tuple(parents), draw(distributions(shape, numbers)))
    free = [n for n in names if n not in parents]
    pool = draw(st.lists(st.sampled_from(free), max_size=1, unique=True)) if free else []
    links = []
    graded = kind in ("max", "min")
    tail = (card,) if graded else ()
    make = distributions if graded else arrays

    def modifiers() -> tuple[str, ...]:
        return tuple(pool) if draw(st.booleans()) else ()

    for parent in parents:
        mods = modifiers()
        value = draw(make((*(cards[m] for m in mods), cards[parent], *tail), numbers))
        if kind == "or":
            value[..., 0] = 0.0
        if kind == "max":
            value[..., 0, :] = np.eye(card)[0]
        links.append(Link(parent, mods, value))
    mods = modifiers()
    leak = Leak(mods, draw(make((*(cards[m] for m in mods), *tail), numbers)))
    model = {"or": NoisyOr, "and": NoisyAnd, "max": NoisyMax, "min": NoisyMin}[kind]
    return model(leak, tuple(links))


@st.composite
def networks(
    draw: st.DrawFn,
    largest: int = 6,
    numbers: Numbers = probabilities,
    cards: tuple[int, ...] = (2, 2, 2, 3),
) -> Network:
    """A network of 2 to ``largest`` variables, small enough to enumerate with its mechanisms."""
    count = draw(st.integers(2, largest))
    variables: list[Variable] = []
    for i in range(count):
        card = draw(st.sampled_from(cards))
        states = ("absent", "present") if card == 2 else ("low", "mid", "high", "top")[:card]
        kind = draw(st.sampled_from(["context", "cause", "finding"]))
        name = f"v{i}"
        local = draw(local_models(name, card, variables, "", numbers))
        variables.append(Variable(name, kind, states, name, local))
    targets = [v.name for v in variables if v.kind == "cause"] or [variables[0].name]
    complaints = [v.name for v in variables if isinstance(v.local, NoisyOr) and v.kind == "finding"]
    complaint = draw(st.sampled_from(["", *complaints])) if complaints else ""
    if complaint and draw(st.booleans()):
        local = next(v.local for v in variables if v.name == complaint)
        assert isinstance(local, NoisyOr)
        for j in range(draw(st.integers(1, 2))):
            chosen = [link.parent for link in local.links if draw(st.booleans())]
            if draw(st.booleans()):
                chosen.append(complaint)
            links = tuple(Link(p, (), np.array([0.0, draw(numbers)])) for p in chosen)
            leak = Leak((), np.array(draw(numbers)))
            variables.append(
                Variable(
                    f"d{j}",
                    "finding",
                    ("absent", "present"),
                    f"d{j}",
                    Descriptor(leak, links, complaint),
                )
            )
    return Network("random", "1", tuple(variables), complaint=complaint, targets=tuple(targets))


@st.composite
def records(draw: st.DrawFn, network: Network) -> dict[str, tuple[float, ...]]:
    """A weight row per observed variable: hard answers and likelihoods."""
    rows: dict[str, tuple[float, ...]] = {}
    for variable in network.nodes:
        what = draw(st.sampled_from(["unknown", "hard", "hard", "soft"]))
        if what == "hard":
            state = draw(st.integers(0, variable.card - 1))
            rows[variable.name] = tuple(float(i == state) for i in range(variable.card))
        elif what == "soft":
            row = draw(
                st.lists(st.floats(0.01, 1.0), min_size=variable.card, max_size=variable.card)
            )
            rows[variable.name] = tuple(row)
    return rows


__all__ = ["networks", "records", "table_size"]
