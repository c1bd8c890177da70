"""How does a network look when every node must be a table?

Most formats and libraries know nothing but conditional tables.  ``tabulated`` gives the
same network in that language, without ever writing out 2^parents cells:

* a local model whose table fits is written out;
* one that does not is *divorced*: a chain of hidden nodes takes in a few parents each and
  hands on the largest level so far (Olesen et al. 1989, *Applied Artificial Intelligence*
  3, "parent divorcing"; exact, since a maximum may be taken in any order);
* a descriptor's hidden producers become hidden nodes.

Tables are built by merging positive contributions, so a probability of 1e-12 keeps its
digits; ``1 - product`` would lose them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twitchnet.model.local import (
    Array,
    Cards,
    Descriptor,
    Independent,
    Leak,
    Link,
    NoisyOr,
    Table,
    larger,
    table_size,
)
from twitchnet.model.network import Network, Variable

CELLS = 2**12
"""Cells of one table before a node is divorced; larger tables cost other libraries more
time in one node than the hidden nodes cost them in all."""

HIDDEN = "hidden"
"""The ``group`` of the nodes that were added."""

Keep = Callable[[Variable], bool]


def _nothing(variable: Variable) -> bool:
    return False


def hidden(network: Network) -> tuple[str, ...]:
    """The names of the nodes that :func:`tabulated` added."""
    return tuple(v.name for v in network.variables if v.group == HIDDEN and v.kind == "context")


@dataclass(frozen=True, slots=True)
class _Part:
    """A leak or a link as levels: ``levels`` of shape ``(*cards of scope, levels)``."""

    scope: tuple[str, ...]
    levels: Array


class _Writer:
    """Rewrites one network, node by node."""

    def __init__(self, network: Network, cells: int, keep: Keep) -> None:
        self.cells = cells
        self.keep = keep
        self.cards = dict(network.cards)
        self.taken = {variable.name for variable in network.variables}
        self.out: dict[str, Variable] = {}

    def hide(self, name: str, label: str, states: tuple[str, ...], table: Table) -> str:
        """Adds a hidden node; its name is made unique."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        self.cards[name] = len(states)
        self.out[name] = Variable(name, "context", states, label, table, group=HIDDEN)
        return name

    def write(self, variable: Variable) -> None:
        """Adds one variable as a table, or as it is when it may be kept."""
        local = variable.local
        if local is None or isinstance(local, Table | Descriptor) or self.keep(variable):
            self.out[variable.name] = variable
            return
        parts = _parts(local)
        states = variable.states
        kept: list[_Part] = []
        count = 0
        for part in parts:
            trial = table_size(self.cards, _scope([*kept, part])) * len(states)
            if kept and trial > self.cells:
                count += 1
                levels = tuple(f"level{i}" for i in range(len(states)))
                names = ("absent", "present") if len(states) == 2 else levels
                scope, table = _merged(kept, self.cards)
                label = f"{variable.label}, part {count}"
                name = self.hide(f"{variable.name}__part{count}", label, names, Table(scope, table))
                kept = [_Part((name,), np.eye(len(states)))]
            kept.append(part)
        scope, table = _merged(kept, self.cards)
        if local.inverted:
            table = table[..., ::-1]
        self.out[variable.name] = replace(variable, local=Table(scope, table))


def _parts(local: Independent) -> list[_Part]:
    """The leak and the links, each with its levels on the last axis."""
    return [_Part(part.scope, local.levels(part)) for part in local.parts]


def _scope(parts: Sequence[_Part]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in parts for name in part.scope))


def _merged(parts: Sequence[_Part], cards: Cards) -> tuple[tuple[str, ...], Array]:
    """The table of the largest of the parts' levels, over all their parents."""
    scope = _scope(parts)
    result = _spread(parts[0], scope, cards)
    for part in parts[1:]:
        result = larger(result, _spread(part, scope, cards))
    whole = np.broadcast_to(result, (*(cards[name] for name in scope), result.shape[-1]))
    return scope, np.minimum(whole, 1.0)  # a sum of products may end a digit above 1


def merged(local: Independent, cards: Cards) -> tuple[tuple[str, ...], Array]:
    """The parents of a local model and its table over them; 2^parents cells."""
    scope, table = _merged(_parts(local), cards)
    return scope, table[..., ::-1] if local.inverted else table


def _spread(part: _Part, scope: tuple[str, ...], cards: Cards) -> Array:
    """A part's levels with one axis for each name of ``scope``, of length 1 if unused."""
    order = sorted(range(len(part.scope)), key=lambda axis: scope.index(part.scope[axis]))
    levels = part.levels.transpose(*order, len(order))
    shape = [cards[name] if name in part.scope else 1 for name in scope]
    return levels.reshape(*shape, levels.shape[-1])


def _opened(network: Network, keep: Keep) -> Network:
    """The network with the producers that descriptors speak of as nodes of their own."""
    wanted: dict[str, dict[str, None]] = {}
    for variable in network.nodes:
        local = variable.local
        if isinstance(local, Descriptor) and not keep(variable):
            parents = wanted.setdefault(local.of, {})
            parents.update(dict.fromkeys(["", *(link.parent for link in local.links)]))
            parents.pop(local.of, None)
    if not wanted:
        return network
    taken = {variable.name for variable in network.variables}
    producer: dict[tuple[str, str], str] = {}
    added: dict[str, list[Variable]] = {}

    def produce(finding: Variable, part: Leak | Link, parent: str) -> Link:
        """A hidden producer of a finding, and the finding's sure link from it."""
        name = f"{finding.name}__by__{parent or 'leak'}"
        while name in taken:
            name += "_"
        taken.add(name)
        producer[finding.name, parent] = name
        scope = part.modifiers + ((parent,) if parent else ())
        table = Table(scope, np.stack([1.0 - part.strength, part.strength], axis=-1))
        label = f"{finding.label} from {parent or 'something else'}"
        added.setdefault(finding.name, []).append(
            Variable(name, "context", ("absent", "present"), label, table, group=HIDDEN)
        )
        return Link(name, (), np.array([0.0, 1.0]))

    def finding_of(variable: Variable, local: NoisyOr) -> Variable:
        sure = [produce(variable, local.leak, "")]
        for link in local.links:
            named = link.parent in wanted[variable.name]
            sure.append(produce(variable, link, link.parent) if named else link)
        return replace(variable, local=NoisyOr(Leak((), np.array(0.0)), tuple(sure)))

    def descriptor_of(variable: Variable, local: Descriptor) -> Variable:
        strength = local.leak.strength
        by_leak = np.stack([np.zeros_like(strength), strength], axis=-1)
        links = [Link(producer[local.of, ""], local.leak.modifiers, by_leak)]
        for link in local.links:
            source = local.of if link.parent == local.of else producer[local.of, link.parent]
            links.append(Link(source, link.modifiers, link.strength))
        return replace(variable, local=NoisyOr(Leak((), np.array(0.0)), tuple(links)))

    changed: dict[str, Variable] = {}
    for name in network.topological:
        variable, local = network.by_name[name], network.by_name[name].local
        if name in wanted and isinstance(local, NoisyOr):
            changed[name] = finding_of(variable, local)
        elif isinstance(local, Descriptor) and not keep(variable):
            changed[name] = descriptor_of(variable, local)
    variables: list[Variable] = []
    for variable in network.variables:
        variables += [*added.get(variable.name, ()), changed.get(variable.name, variable)]
    return replace(network, variables=tuple(variables), parameters=())


def tabulated(network: Network, cells: int = CELLS, keep: Keep = _nothing) -> Network:
    """The same network with tables only, parents before children, hidden nodes included.

    ``cells`` bounds the tables that are written out (a table of the model's own is kept
    whatever its size); ``keep`` says which local models stay as they are.  Screen
    questions, which have no probability, are left out.
    """
    opened = _opened(network, keep)
    writer = _Writer(opened, cells, keep)
    for name in opened.topological:
        writer.write(opened.by_name[name])
    return replace(
        opened,
        variables=tuple(writer.out.values()),
        complaint="",
        targets=network.ranked,
        parameters=(),
        rules=(),
        watches=(),
        options=(),
        coverage=(),
    )
