"""In which order do the nodes of a layered drawing stand, so that few edges cross?

Each layer is sorted by the mean place of the neighbours in the layers beside it, forwards and
backwards in turn (the barycentre method; Sugiyama, Tagawa & Toda 1981, IEEE Trans. SMC 11(2)).
The order with the fewest crossings of all sweeps is kept.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

SWEEPS = 12  # more find no better order on networks of 120 nodes
MOST_PLACES = 3000  # of long edges in the layers that they pass: bounds time and height
PLACE = "\0"  # begins the name of such a place

Layers = list[list[str]]
Edges = Sequence[tuple[str, str]]


def sorted_layers(layers: Sequence[Sequence[str]], edges: Edges) -> Layers:
    """The nodes of each layer in order, from any first order.

    >>> edges = [("a", "y"), ("b", "x")]
    >>> crossings(sorted_layers([["a", "b"], ["x", "y"]], edges), edges)
    0
    """
    layer = {name: i for i, names in enumerate(layers) for name in names}
    beside: dict[str, list[str]] = {name: [] for name in layer}
    for a, b in edges:
        if layer[a] != layer[b]:
            beside[a].append(b)
            beside[b].append(a)
    found = [list(names) for names in layers]
    best, fewest = [list(names) for names in found], crossings(found, edges)
    for sweep in range(SWEEPS):
        places = range(len(found)) if sweep % 2 == 0 else reversed(range(len(found)))
        for i in places:
            earlier = sweep % 2 == 0
            at = _places(found)
            found[i] = sorted(found[i], key=lambda name: _mean(name, beside, layer, at, i, earlier))
        count = crossings(found, edges)
        if count < fewest:
            best, fewest = [list(names) for names in found], count
    return best


def _places(layers: Layers) -> dict[str, float]:
    """The place of each node, 0 to 1 from the top of its layer to its end."""
    return {name: (k + 0.5) / len(names) for names in layers for k, name in enumerate(names)}


def _mean(
    name: str,
    beside: Mapping[str, list[str]],
    layer: Mapping[str, int],
    at: Mapping[str, float],
    here: int,
    earlier: bool,
) -> float:
    """The mean place of the neighbours on one side, of all if there are none, or its own."""
    side = [n for n in beside[name] if (layer[n] < here) == earlier] or beside[name]
    return sum(at[n] for n in side) / len(side) if side else at[name]


def threads(edges: Edges, layer: Mapping[str, int]) -> list[list[str]]:
    """What each edge passes: its ends, and a place of its own in every layer between them.

    So a long edge runs beside the nodes that it passes, and not across them.  No name of a node
    begins like that of a place.  In a network with more than ``MOST_PLACES``, all edges are direct.

    >>> [[start, place, end]] = threads([("a", "c")], {"a": 0, "b": 1, "c": 2})
    >>> start, end
    ('a', 'c')
    """
    spans = [max(layer[b] - layer[a] - 1, 0) for a, b in edges]
    if sum(spans) > MOST_PLACES:
        spans = [0] * len(spans)
    return [
        [a, *(f"{PLACE}{i}:{k}" for k in range(span)), b]
        for i, ((a, b), span) in enumerate(zip(edges, spans, strict=True))
    ]


def crossings(layers: Layers, edges: Edges) -> int:
    """How many pairs of edges between layers that follow each other cross.

    >>> crossings([["a", "b"], ["x", "y"]], [("a", "y"), ("b", "x")])
    1
    """
    layer = {name: i for i, names in enumerate(layers) for name in names}
    place = {name: k for names in layers for k, name in enumerate(names)}
    total = 0
    for first, second in pairwise(range(len(layers))):
        ends = sorted(
            (place[a], place[b]) if layer[a] == first else (place[b], place[a])
            for a, b in edges
            if {layer[a], layer[b]} == {first, second}
        )
        seen: list[int] = []
        for _, end in ends:
            total += len(seen) - bisect_left(seen, end + 1)
            insort(seen, end)
    return total


def by_longest_path(names: Sequence[str], edges: Edges) -> dict[str, int]:
    """The layer of each node: one more than the last of its parents; edges have no cycle.

    >>> by_longest_path(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    parents: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        parents[b].append(a)
    layer: dict[str, int] = {}
    for name in names:
        waiting = [name]
        while waiting:
            one = waiting[-1]
            missing = [parent for parent in parents[one] if parent not in layer]
            if missing:
                waiting += missing
            else:
                waiting.pop()
                layer[one] = 1 + max((layer[parent] for parent in parents[one]), default=-1)
    return {name: layer[name] for name in names}
