"""How do local models become factors?

``lower`` turns a :class:`Network` into a :class:`Lowered`: the flat
:class:`Program` plus everything that has a name.  It is done once per network.

* a table is one part;
* a model of causal independence (noisy-OR, MAX, AND, MIN) has one part for the leak and
  one per link, each a distribution over the child's levels given one parent and its modifiers;
* the complaint, and every finding that has descriptors, gets a hidden *producer*
  per link (present with the probability of the link) and one for its leak; the
  finding is the OR of its producers, and a descriptor is a noisy-OR over them
  (Heckerman 1993 calls them the hidden mechanisms of causal independence).

No part ever spans more than one parent and its modifiers, so nothing here grows as
2^parents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twitchnet.engine.program import Floats, Ints, Program
from twitchnet.model.local import Array, Descriptor, Leak, Link, Table
from twitchnet.model.network import Network

CONSTANT, NUMBER, COMPLEMENT = 0, 1, 2


@dataclass(frozen=True)
class Lowered:
    """A program with the names of its nodes, and where its numbers came from.

    ``producer`` maps (finding, parent) to the hidden producer's node; the parent of
    the leak's producer is ''.  ``numbers`` is the vector of every number of the
    network's local models; ``number_first[node, part]`` is where the array of that
    part starts in it, and ``entry_number``/``entry_kind`` (E,) say how each entry of
    the program's tables follows from it.
    """

    program: Program
    names: tuple[str, ...]
    producer: dict[tuple[str, str], int]
    numbers: Floats
    number_first: dict[tuple[str, str], int]
    entry_number: Ints
    entry_kind: Ints

    @cached_property
    def index(self) -> dict[str, int]:
        """Node number by name; hidden producers have no name of their own."""
        return {name: node for node, name in enumerate(self.names) if name}

    def with_numbers(self, numbers: Floats) -> Program:
        """The same program with other numbers, for example a draw from their ranges."""
        table = self.tables(numbers)
        table.setflags(write=False)
        return self.program._replace(part_table=table)

    def tables(self, numbers: Floats) -> Floats:
        """The entries (..., E) of the program's tables for numbers (..., N)."""
        there = numbers[..., self.entry_number]
        entries: Floats = np.where(self.entry_kind == COMPLEMENT, 1.0 - there, there)
        constant = self.entry_kind == CONSTANT
        entries[..., constant] = self.program.part_table[constant]
        return entries


@dataclass
class _Part:
    """One part while it is being built: what it is over and where its entries come from."""

    owner: int
    scope: list[int]
    table: Array
    number: Ints
    kind: Ints
    target: int = -1


class _Builder:
    """Collects nodes and parts in topological order."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names: list[str] = []
        self.card: list[int] = []
        self.is_max: list[bool] = []
        self.flip: list[bool] = []
        self.index: dict[str, int] = {}
        self.producer: dict[tuple[str, str], int] = {}
        self.parts: list[_Part] = []
        self.chunks: list[Array] = []
        self.number_first: dict[tuple[str, str], int] = {}
        self.number_count = 0
        self.described = {
            variable.local.of
            for variable in network.nodes
            if isinstance(variable.local, Descriptor)
        }
        if network.complaint:
            self.described.add(network.complaint)

    def node(self, name: str, card: int, is_max: bool, flip: bool = False) -> int:
        """Adds a node; '' names a hidden producer."""
        self.names.append(name)
        self.card.append(card)
        self.is_max.append(is_max)
        self.flip.append(flip)
        if name:
            self.index[name] = len(self.names) - 1
        return len(self.names) - 1

    def take(self, name: str, part: str, array: Array) -> Ints:
        """Registers the numbers of one array; returns their indices, in the array's shape."""
        first = self.number_count
        self.number_first[name, part] = first
        self.chunks.append(array.reshape(-1))
        self.number_count += array.size
        return np.arange(first, first + array.size, dtype=np.int64).reshape(array.shape)

    def full(
        self, owner: int, scope: list[int], numbers: Ints, values: Array, target: int = -1
    ) -> None:
        """A part whose array already is a distribution over the owner's levels (last axis)."""
        table, number = np.moveaxis(values, -1, 0), np.moveaxis(numbers, -1, 0)
        kind = np.full(number.shape, NUMBER, dtype=np.int64)
        self.parts.append(_Part(owner, scope, table, number, kind, target))

    def binary(
        self, owner: int, scope: list[int], numbers: Ints, values: Array, target: int = -1
    ) -> None:
        """A part given by P(level 1): levels (1 - p, p)."""
        table, number = np.array([1.0 - values, values]), np.array([numbers, numbers])
        kind = np.empty(number.shape, dtype=np.int64)
        kind[0], kind[1] = COMPLEMENT, NUMBER
        self.parts.append(_Part(owner, scope, table, number, kind, target))

    def echo(self, owner: int, source: int, target: int) -> None:
        """A part that is produced exactly when its binary source is present."""
        zero = np.zeros((2, 2), dtype=np.int64)
        self.parts.append(_Part(owner, [source], np.eye(2), zero, zero, target))

    def ids(self, names: Sequence[str]) -> list[int]:
        """Node numbers of names."""
        return [self.index[name] for name in names]

    def add(self, name: str) -> None:
        """Adds one variable of the network, with its hidden producers if it has any."""
        variable = self.network.by_name[name]
        local = variable.local
        assert local is not None
        if isinstance(local, Table):
            owner = self.node(name, variable.card, is_max=False)
            rows = _whole(local.probabilities)
            self.full(owner, self.ids(local.parents), self.take(name, "table", rows), rows)
            return
        if local.graded:
            for block, (_, array) in local.blocks.items():
                local = local.with_block(block, _whole(array))
        parts: list[tuple[Leak | Link, str, Ints]] = [
            (local.leak, "", self.take(name, "leak", local.leak.strength))
        ]
        parts += [
            (link, link.parent, self.take(name, f"link:{link.parent}", link.strength))
            for link in local.links
        ]
        produced = name in self.described and local.produces
        if produced:
            for part, parent, numbers in parts:
                scope = self.ids(part.scope)
                self.producer[name, parent] = self.node("", 2, is_max=False)
                self.binary(self.producer[name, parent], scope, numbers, part.strength)
        owner = self.node(name, variable.card, is_max=True, flip=local.inverted)
        for part, parent, numbers in parts:
            target = self.index[parent] if parent else -1
            scope = self.ids(part.modifiers)
            if produced:
                self.echo(owner, self.producer[name, parent], target)
            elif isinstance(local, Descriptor):
                self.descriptor(owner, local.of, parent, scope, numbers, part.strength)
            elif local.graded:
                down = slice(None, None, -1 if local.inverted else 1)  # states to levels
                levels = part.strength[..., down]
                self.full(owner, self.ids(part.scope), numbers[..., down], levels, target)
            else:
                self.binary(owner, self.ids(part.scope), numbers, part.strength, target)

    def descriptor(
        self, owner: int, of: str, parent: str, scope: list[int], numbers: Ints, values: Array
    ) -> None:
        """The part of a descriptor that depends on one producer, or on the finding itself."""
        target = self.index[parent] if parent else -1
        if not parent:  # the leak: silent while the leak's producer is absent
            values = np.stack([np.zeros_like(values), values], axis=-1)
            numbers = np.stack([np.full_like(numbers, -1), numbers], axis=-1)
        source = self.index[of] if parent == of else self.producer[of, parent]
        self.binary(owner, [*scope, source], np.maximum(numbers, 0), values, target)
        part = self.parts[-1]
        part.kind[:, numbers < 0] = CONSTANT

    def build(self) -> Lowered:
        """The finished program."""
        for name in self.network.topological:
            self.add(name)
        parts = sorted(self.parts, key=lambda part: part.owner)  # stable: parts keep their order
        count = len(self.names)
        part_first = np.searchsorted([part.owner for part in parts], np.arange(count + 1))
        children: list[list[int]] = [[] for _ in range(count)]
        for part in parts:
            for node in part.scope:
                if children[node][-1:] != [part.owner]:  # owners ascend
                    children[node].append(part.owner)
        number = np.concatenate([part.number.reshape(-1) for part in parts])
        kind = np.concatenate([part.kind.reshape(-1) for part in parts])
        program = Program(
            card=_ints(self.card),
            is_max=np.array(self.is_max, dtype=np.bool_),
            flip=np.array(self.flip, dtype=np.bool_),
            part_first=_ints(part_first),
            part_owner=_ints([part.owner for part in parts]),
            scope_first=_starts([len(part.scope) for part in parts]),
            scope=_ints([node for part in parts for node in part.scope]),
            part_entry=_starts([part.table.size for part in parts]),
            part_table=np.concatenate([part.table.reshape(-1) for part in parts]),
            part_target=_ints([part.target for part in parts]),
            child_first=_starts([len(nodes) for nodes in children]),
            child=_ints([node for nodes in children for node in nodes]),
        )
        for array in (*program, number, kind):
            array.setflags(write=False)
        numbers = np.concatenate(self.chunks)
        numbers.setflags(write=False)
        return Lowered(
            program, tuple(self.names), self.producer, numbers, self.number_first, number, kind
        )


def _whole(rows: Array) -> Array:
    """Distributions (last axis) that sum to 1; those that do but for rounding stay as they are.

    Rows that are off by a millionth are accepted, and two passes that sum over different ones
    would contradict each other by as much.
    """
    total = rows.sum(axis=-1, keepdims=True)
    whole: Array = np.where(np.abs(total - 1.0) > 1e-12, rows / total, rows)
    return whole


def _ints(values: object) -> Ints:
    return np.array(values, dtype=np.int64)


def _starts(sizes: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def lower(network: Network) -> Lowered:
    """The program of a network; see the head of this file.

    Raises ``ValueError`` when the network has a cycle (``model.checks`` says where).
    """
    return _Builder(network).build()
