"""Which part of a network is drawn, and how strong are its edges?

Of a model the edges are as wide as their links are strong.  Of a diagnosis, a link to a finding
that is present is as wide as it is responsible for it: the probability that it produced it; other
links are thin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.diagnosis.report.report import spoken
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.local import Table
from twitchnet.model.network import Network
from twitchnet.show.drawing import Drawing, Edge, Node
from twitchnet.show.layers import by_longest_path

PRODUCED = 0.2
"""Responsibility from which a diagnosis draws a cause that does not lead."""

FAINT = 0.05
"""Weight of an edge of a diagnosis that is responsible for nothing."""

KINDS = "context", "cause", "finding"


def draw_network(network: Network, around: str = "") -> Drawing:
    """A whole network, or one variable with its parents and children."""
    edges = [edge for edge in _edges(network) if around in ("", edge.source, edge.target)]
    names = {name for edge in edges for name in (edge.source, edge.target)}
    names = {variable.name for variable in network.nodes} if not around else names | {around}
    title = network.title or network.name
    if around:
        title = f"{_checked(network, around)} in {network.name}"
    note = "An edge is as wide as its link is strong."
    return _drawn(network, title, names, edges, {}, {}, note)


def draw_diagnosis(
    inference: Inference,
    answers: Answers,
    beliefs: Beliefs,
    leaders: Sequence[str],
    around: str = "",
) -> Drawing:
    """The part of a network that matters for a diagnosis, or one variable and its neighbours.

    That part are the ``leaders``, the answers that they are linked to, and the causes that
    probably produced what was observed.
    """
    network, shares = inference.network, beliefs.responsibility
    answered = {**answers.hard, **dict.fromkeys(answers.soft, -1)}
    if around:
        _checked(network, around)
        chosen = {around}
    else:
        chosen = {*leaders, *(cause for (cause, _), share in shares.items() if share >= PRODUCED)}
        chosen &= set(network.by_name)
    edges = []
    for edge in _edges(network):
        ends = {edge.source, edge.target}
        if ends & chosen and (around or ends <= chosen | set(answered)):
            share = shares.get((edge.source, edge.target))
            said = "" if share is None else f"produced it with probability {share:.3g}; "
            weight = FAINT if share is None else share
            edges.append(Edge(edge.source, edge.target, weight, said + edge.title))
    names = chosen | {name for edge in edges for name in (edge.source, edge.target)}
    names |= {n for n in answered if not around and network.by_name[n].local is not None}
    nodes = {}
    before = inference.prior.probability
    for name, row in beliefs.probability.items():
        if name in names and name not in answered:
            prior = float(before[name][1:].sum()) if name in before else None
            nodes[name] = float(row[1:].sum()), prior
    title = f"{network.title or network.name}: what the answers point to"
    if around:
        title = f"{network.by_name[around].label or around}, given the answers"
    note = (
        "Bar: probability now; dashed mark: before. Edge to a finding: how probably it produced it."
    )
    words = {name: (_said(network, name, state), state) for name, state in answered.items()}
    return _drawn(network, title, names, edges, nodes, words, note)


def _checked(network: Network, name: str) -> str:
    """The label of a variable.  Raises ``RecordError`` for a name that the model does not have."""
    if name not in network.by_name or network.by_name[name].local is None:
        known = [variable.name for variable in network.nodes]
        message = "no variable with this name is in the network"
        raise RecordError([Problem("TN201", message, str(name)[:80], hint=nearest(name, known))])
    return network.by_name[name].label or name


def _said(network: Network, name: str, state: int) -> str:
    variable = network.by_name[name]
    if state < 0:
        return "a likelihood"
    if variable.is_binary:
        return "yes" if state else "no"
    return spoken(variable.states[state])


def _drawn(
    network: Network,
    title: str,
    names: Iterable[str],
    edges: Iterable[Edge],
    shares: Mapping[str, tuple[float, float | None]],
    answers: Mapping[str, tuple[str, int]],
    note: str,
) -> Drawing:
    """The nodes in layers: contexts, causes, findings; by longest path where these say little.

    ``shares`` are probabilities now and before, ``answers`` the words and the state of an answer.
    """
    wanted = set(names)
    kept = [variable for variable in network.nodes if variable.name in wanted]
    drawn = [edge for edge in edges if edge.source in wanted and edge.target in wanted]
    layer = {v.name: KINDS.index(v.kind) for v in kept}
    plain = sum(layer[edge.source] < layer[edge.target] for edge in drawn)
    heads: tuple[str, ...] = tuple(getattr(network.words, kind).many.capitalize() for kind in KINDS)
    if 2 * plain < len(drawn):
        pairs = [(edge.source, edge.target) for edge in drawn]
        layer, heads = by_longest_path([v.name for v in kept], pairs), ()
    used = sorted(set(layer.values()))  # without the layers that are empty
    heads = tuple(heads[i] for i in used) if heads else ()
    place_of = {one: place for place, one in enumerate(used)}
    nodes = []
    for v in kept:
        now, before = shares.get(v.name, (None, None))
        answer, state = answers.get(v.name, ("", 0))
        label, place = v.label or v.name, place_of[layer[v.name]]
        nodes.append(Node(v.name, label, place, now, before, answer, state != 0))
    notes = tuple(filter(None, (note, network.words.disclaimer)))
    return Drawing(title, tuple(nodes), tuple(drawn), heads, notes)


def _edges(network: Network) -> Iterable[Edge]:
    """Every dependence, as wide as its strongest link; of a table, as its largest difference."""
    for variable in network.nodes:
        local = variable.local
        strength: dict[str, float] = {}
        if isinstance(local, Table):
            for axis, parent in enumerate(local.parents):
                strength[parent] = float(np.ptp(local.probabilities, axis=axis).max())
        elif local is not None:
            for parent in network.parents(variable.name):
                strength[parent] = 0.0
            for link in local.links:
                values = np.asarray(link.strength)
                strength[link.parent] = float(values.max(initial=0.0))
        for parent, weight in strength.items():
            if parent in network.by_name and parent != variable.name:
                yield Edge(parent, variable.name, weight, f"strength {weight:.3g}")
