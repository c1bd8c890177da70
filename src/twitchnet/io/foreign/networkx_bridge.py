"""The network as a networkx graph, for drawing and for graph questions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from twitchnet.errors import needs
from twitchnet.model.local import Descriptor, Link, Table
from twitchnet.model.network import Network, Parameter

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(network: Network) -> nx.DiGraph[str]:
    """A graph with an edge from each parent to its child.

    Nodes carry ``kind``, ``label``, ``states``, ``group`` and ``severity``; screen questions
    are nodes without edges.  Edges carry

    * ``role``: ``link`` (the parent produces the child), ``modifier`` (it changes how
      strongly others do), ``table``, or ``describes`` (from a finding to its descriptor);
    * ``strength``: the largest probability with which the parent alone produces the child
      (blocks it, in a noisy-AND), None where there is no such number;
    * ``low``, ``high``: the range of that number when it has one of its own, else None;
    * ``sources``: the keys of its sources.

    Raises ``ImportError`` when networkx is not installed.
    """
    try:
        import networkx as nx
    except ImportError:
        raise needs("networkx", "networkx") from None
    graph: nx.DiGraph[str] = nx.DiGraph(
        name=network.name, version=network.version, fingerprint=network.fingerprint
    )
    for variable in network.variables:
        graph.add_node(
            variable.name,
            kind=variable.kind,
            label=variable.label,
            states=variable.states,
            group=variable.group,
            severity=variable.severity,
        )
    known: dict[tuple[str, str], list[Parameter]] = defaultdict(list)
    for parameter in network.parameters:
        known[parameter.node, parameter.part].append(parameter)
    for variable in network.nodes:
        local, child = variable.local, variable.name
        assert local is not None
        if isinstance(local, Table):
            sources = _sources(known[child, "table"])
            for parent in local.parents:
                graph.add_edge(parent, child, role="table", **_number(None, []), sources=sources)
            continue
        for name in local.modifiers:
            graph.add_edge(name, child, role="modifier", **_number(None, []), sources=())
        if isinstance(local, Descriptor):
            graph.add_edge(local.of, child, role="describes", **_number(None, []), sources=())
        for link in local.links:
            parameters = known[child, f"link:{link.parent}"]
            strength = _strength(link, local.graded)
            graph.add_edge(
                link.parent,
                child,
                role="link",
                **_number(strength, parameters),
                sources=_sources(parameters),
            )
    return graph


def _strength(link: Link, graded: bool) -> float:
    """The largest probability of an effect; in a noisy-MAX, of any level but the baseline."""
    return float((link.strength[..., 1:].sum(axis=-1) if graded else link.strength).max())


def _number(strength: float | None, parameters: list[Parameter]) -> dict[str, Any]:
    of = [one for one in parameters if one.value == strength and one.low < one.high]
    low, high = (of[0].low, of[0].high) if of else (None, None)
    return {"strength": strength, "low": low, "high": high}


def _sources(parameters: list[Parameter]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for one in parameters for source in one.sources))
