"""What would the complaint have been, had something been different?  A twin network.

A second copy of what a change reaches stands beside the network, and both share every
accident: which leak acted, which link acted (Balke & Pearl 1994, "Probabilistic
evaluation of counterfactual queries").  So the accidents are inferred from what was
observed, and the copy is worked out with the same ones.

The accident behind each leak, link and table is one uniform number, and a state is the
interval of cumulated probability that it falls into.  When a parent changes, the same
number is read against the new probabilities: a link whose strength falls from w to w'
still acts with probability w'/w where it acted, and never where it did not.  (Any other
coupling with the same probabilities is possible; this one changes as little as can be.)

An effect keeps a present cause, or an acting link, with probability ``factor``, a coin of
its own.  The twin is a :class:`Network` again: a hidden *switch* for each leak and link of
what changes, and primed names for the copies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twitchnet.model.local import Array, Descriptor, Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable

PRIME = "'"
SWITCH = "<-"


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in the twin.

    ``causes[c]`` are pairs (factor, given): c stays present with the smallest factor whose
    ``given`` cause is present ('' always); ``contexts[x]`` is a state; ``links[parent,
    child]`` the share of its actions that a link keeps.
    """

    causes: Mapping[str, tuple[tuple[float, str], ...]] = field(default_factory=dict)
    contexts: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[tuple[str, str], float] = field(default_factory=dict)


def affected(network: Network, change: Change, outcome: str) -> frozenset[str]:
    """What is changed and what follows from it, as far as the outcome depends on it."""
    reached = {*change.causes, *change.contexts, *(child for _, child in change.links)}
    for name in network.topological:
        if any(parent in reached for parent in network.parents(name)):
            reached.add(name)
    needed = {outcome}
    for name in reversed(network.topological):
        if name in needed:
            needed.update(network.parents(name))
    return frozenset(reached & needed)


@dataclass(frozen=True, slots=True)
class Twin:
    """Both worlds in one network.

    The outcome is absent in the twin exactly when each of ``silent`` is: hidden switches,
    which fold away when they are observed.
    """

    network: Network
    silent: tuple[str, ...]


def twin_network(network: Network, change: Change, outcome: str) -> Twin | None:
    """The network and its twin; ``outcome + "'"`` is the outcome in the twin.

    None when the change does not reach the outcome.  Raises ``ValueError`` when it reaches
    a variable that is neither a table nor a noisy-OR.
    """
    reached = affected(network, change, outcome)
    if outcome not in reached:
        return None
    build = _Twin(network, change, reached, outcome)
    for name in network.topological:
        build.add(network.by_name[name])
    name, version = network.name, network.version
    both = Network(name, version, tuple(build.variables), targets=network.ranked)
    return Twin(both, build.silent or (build.prime[outcome],))


class _Twin:
    """Collects the variables of both worlds in topological order."""

    def __init__(
        self, network: Network, change: Change, reached: frozenset[str], outcome: str
    ) -> None:
        self.network, self.change, self.reached = network, change, reached
        self.outcome = outcome
        self.silent: tuple[str, ...] = ()
        self.described = set(network.descriptors.values())
        self.variables: list[Variable] = []
        self.prime = {name: name for name in network.cards}  # the copy of each variable
        self.cards = dict(network.cards)
        self.switched: set[str] = set()

    def put(self, name: str, local: Table | NoisyOr | Descriptor, states: tuple[str, ...]) -> str:
        """Adds one variable; returns its name."""
        self.variables.append(Variable(name, "context", states, name, local))
        self.cards[name] = len(states)
        return name

    def add(self, variable: Variable) -> None:
        """Adds one variable of the network, and its copy where the twin differs."""
        name, local = variable.name, variable.local
        if isinstance(local, Descriptor):
            self.put(name, self.descriptor(local), variable.states)
            return
        if name not in self.reached:
            self.variables.append(variable)
            return
        if name in self.change.contexts:
            self.variables.append(variable)
            row = np.eye(variable.card)[self.change.contexts[name]]
            self.prime[name] = self.put(name + PRIME, Table((), row), variable.states)
            return
        upstream = any(parent in self.reached for parent in self.network.parents(name))
        recomputed = upstream or any(child == name for _, child in self.change.links)
        if not recomputed:
            self.variables.append(variable)
        elif isinstance(local, Table):
            self.variables.append(variable)
            self.prime[name] = self.copy(name, local.probabilities, local.parents, variable.states)
        elif isinstance(local, NoisyOr):
            self.noisy_or(variable, local)
        else:
            raise ValueError(f"{name!r} is neither a table nor a noisy-OR")
        if name in self.change.causes:
            self.weaken(name)

    def weaken(self, name: str) -> None:
        """A cause that stays present with a residual factor."""
        effects = self.change.causes[name]
        given = tuple(dict.fromkeys(cause for _, cause in effects if cause and cause != name))
        kept = np.ones((2, *(self.cards[cause] for cause in given)))
        for state in np.ndindex(kept.shape):
            present = {cause for cause, s in zip(given, state[1:], strict=True) if s}
            factors = [f for f, cause in effects if cause in ("", name) or cause in present]
            kept[state] = state[0] * min(factors, default=1.0)
        base = self.prime[name]
        table = Table((base, *given), np.stack([1.0 - kept, kept], axis=-1))
        states = self.network.by_name[name].states
        self.prime[name] = self.put(f"{base}{PRIME}", table, states)

    def noisy_or(self, variable: Variable, local: NoisyOr) -> None:
        """A noisy-OR with its switches laid open, and its copy."""
        name, binary = variable.name, ("absent", "present")
        here: list[str] = []
        there: list[str] = []
        parts: list[Leak | Link] = [local.leak, *local.links]
        if name != self.outcome and name not in self.described:
            # what is the same in both worlds is one accident
            same = [part for part in parts if not self.differs(part, name)]
            parts = [part for part in parts if self.differs(part, name)]
            is_same = any(part is local.leak for part in same)
            leak = local.leak if is_same else Leak((), np.array(0.0))
            pool = NoisyOr(leak, tuple(part for part in same if isinstance(part, Link)))
            here.append(self.put(f"{name}{SWITCH}{SWITCH}", pool, binary))
            there.append(here[0])
        for part in parts:
            parent = part.parent if isinstance(part, Link) else ""
            parents = (*part.modifiers, parent) if parent else part.modifiers
            table = np.stack([1.0 - part.strength, part.strength], axis=-1)
            switch = self.put(f"{name}{SWITCH}{parent}", Table(parents, table), binary)
            here.append(switch)
            copy = switch
            if any(self.prime[p] != p for p in parents):
                copy = self.copy(switch, table, parents, binary)
            factor = self.change.links.get((parent, name))
            if factor is not None:
                kept = np.array([[1.0, 0.0], [1.0 - factor, factor]])
                copy = self.put(f"{copy}{PRIME}", Table((copy,), kept), binary)
            there.append(copy)
        self.switched.add(name)
        if name == self.outcome:
            self.silent = tuple(there)
        self.put(name, _any_of(here), variable.states)
        self.prime[name] = self.put(name + PRIME, _any_of(there), variable.states)

    def differs(self, part: Leak | Link, child: str) -> bool:
        """Whether a leak or link acts differently in the twin."""
        parents = (*part.modifiers, part.parent) if isinstance(part, Link) else part.modifiers
        own = isinstance(part, Link) and (part.parent, child) in self.change.links
        return own or any(self.prime[p] != p for p in parents)

    def copy(self, name: str, table: Array, parents: Sequence[str], states: tuple[str, ...]) -> str:
        """The copy of a variable with a table: the same accident, read with changed parents."""
        moved = [p for p in parents if self.prime[p] != p]
        scope = (name, *parents, *(self.prime[p] for p in moved))
        cells = np.zeros((*(self.cards[one] for one in scope), len(states)))
        for index in np.ndindex(cells.shape[:-1]):
            before = table[index[1 : 1 + len(parents)]]
            now = dict(zip(moved, index[1 + len(parents) :], strict=True))
            place = zip(parents, index[1 : 1 + len(parents)], strict=True)
            after = table[tuple(now.get(p, state) for p, state in place)]
            cells[index] = coupled(before, after, index[0])
        return self.put(name + PRIME, Table(scope, cells), states)

    def descriptor(self, local: Descriptor) -> Descriptor:
        """A descriptor, whose producers are switches where those were laid open."""
        if local.of not in self.switched:
            return local
        leak, of = local.leak, f"{local.of}{SWITCH}"
        strength = np.stack([np.zeros_like(leak.strength), leak.strength], axis=-1)
        links = [
            link
            if link.parent == local.of
            else Link(of + link.parent, link.modifiers, link.strength)
            for link in local.links
        ]
        silent = Leak((), np.array(0.0))
        return Descriptor(silent, (*links, Link(of, leak.modifiers, strength)), local.of)


def _any_of(names: Sequence[str]) -> NoisyOr:
    """Present exactly when one of its parents is."""
    certain = np.array([0.0, 1.0])
    return NoisyOr(Leak((), np.array(0.0)), tuple(Link(name, (), certain) for name in names))


def coupled(before: Array, after: Array, state: int) -> Array:
    """The new state of what was in ``state``, when its distribution moves.

    Both distributions are cut out of one uniform number, states in order.  A state that had
    probability 0 stays what it is: nobody will ask.

    >>> coupled(np.array([0.5, 0.5]), np.array([0.8, 0.2]), 1).round(3).tolist()
    [0.6, 0.4]
    """
    if before[state] <= 0.0:
        stays: Array = np.eye(len(after))[state]
        return stays
    inside = np.array([_overlap(before, state, after, other) for other in range(len(after))])
    share: Array = inside / float(inside.sum())
    return share


def _overlap(before: Array, state: int, after: Array, other: int) -> float:
    """How much of one uniform number lies in ``state`` before and in ``other`` after.

    A place is measured from the end that is nearer, so that rare states keep their digits, and
    sums are rounded once.
    """
    if math.fsum(before[:state]) + before[state] / 2.0 > 0.5:  # counted from the top
        last, rank = len(before) - 1, len(after) - 1
        before, state, after, other = before[::-1], last - state, after[::-1], rank - other
    ends = (before[: state + 1], after[: other + 1])
    starts = (before[:state], after[:other])
    end, start = min(ends, key=math.fsum), max(starts, key=math.fsum)
    return max(math.fsum([*end, *-start]), 0.0)
