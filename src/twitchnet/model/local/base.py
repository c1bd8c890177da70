"""What do all local models have in common?

A :class:`Table` says everything; a model of :class:`Parts` says what the leak and each parent
do by themselves.  An :class:`Independent` model is one of the family of causal independence:
every part gives a level, and the largest level is that of the child.  Its members differ in
five facts, which are class attributes; who reads, checks, draws, lowers, writes or converts a
model reads the facts and knows no member by name.

Sources: causal independence, Heckerman 1993, UAI; the family of noisy-OR, AND, MAX and MIN,
Diez & Druzdzel 2006, *Canonical probabilistic models for knowledge engineering*, CISIAD-06-01.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from math import prod
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cards = Mapping[str, int]


def frozen(values: object) -> Array:
    """A read-only float64 copy of ``values``, without a negative zero."""
    array = np.array(values, dtype=np.float64)
    array += 0.0
    array.setflags(write=False)
    return array


def table_size(cards: Cards, names: Iterable[str]) -> int:
    """The number of cells of a table over ``names``."""
    return prod(cards[name] for name in names)


class Block(NamedTuple):
    """One array of numbers of a local model: ``array`` over the states of ``scope``, and what
    further axes its model has.
    """

    scope: tuple[str, ...]
    array: Array


@dataclass(frozen=True, slots=True)
class Leak:
    """What happens to a child when no parent acts.

    ``strength`` is the probability of acting, shape ``(*modifier cards,)``, or a distribution
    over the child's states, shape ``(*modifier cards, own card)``, in a graded model.
    """

    modifiers: tuple[str, ...]
    strength: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", frozen(self.strength))

    @property
    def scope(self) -> tuple[str, ...]:
        """The variables over which ``strength`` is given."""
        return self.modifiers


@dataclass(frozen=True, slots=True)
class Link:
    """What one parent does to a child, by itself.

    ``strength`` has shape ``(*modifier cards, parent card)``, and a further axis, the
    distribution over the child's states, in a graded model.  Entry 0 of the parent's axis is
    its baseline, which does nothing unless ``baseline_acts`` says otherwise.
    """

    parent: str
    modifiers: tuple[str, ...]
    strength: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", frozen(self.strength))

    @property
    def scope(self) -> tuple[str, ...]:
        """The variables over which ``strength`` is given."""
        return (*self.modifiers, self.parent)


@dataclass(frozen=True, slots=True)
class Table:
    """A full conditional table: ``probabilities`` of shape ``(*parent cards, own card)``."""

    parents: tuple[str, ...]
    probabilities: Array

    graded: ClassVar[bool] = True
    produces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", frozen(self.probabilities))

    @property
    def blocks(self) -> dict[str, Block]:
        """The table, by the name that ``Parameter.part`` gives it."""
        return {"table": Block(self.parents, self.probabilities)}

    def with_block(self, name: str, array: Array) -> Table:
        """The same with other numbers."""
        return replace(self, probabilities=array)

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, own card)``."""
        return self.probabilities


@dataclass(frozen=True, slots=True)
class Parts:
    """A local model of a leak and of links, of which each acts by itself."""

    leak: Leak
    links: tuple[Link, ...]

    key: ClassVar[str] = ""
    """What the model file calls it."""
    graded: ClassVar[bool] = False
    """Whether a strength is a distribution over the child's states; else it is the probability
    that the part acts, and the child has two states."""
    inverted: ClassVar[bool] = False
    """Whether levels are the child's states counted down from the last one."""
    baseline_acts: ClassVar[bool] = False
    """Whether a parent may act in its first state, too."""
    gated: ClassVar[bool] = False
    """Whether the key ``gate`` of the model file may close it."""
    produces: ClassVar[bool] = False
    """Whether its parts can be hidden producers, which a descriptor asks about."""

    @property
    def parts(self) -> tuple[Leak | Link, ...]:
        """The leak, then the links."""
        return (self.leak, *self.links)

    @property
    def parents(self) -> tuple[str, ...]:
        """The parents that act, in link order, then the modifiers in order of use."""
        return tuple(dict.fromkeys([*(link.parent for link in self.links), *self.modifiers]))

    @property
    def modifiers(self) -> tuple[str, ...]:
        """Every modifier of the leak and the links, in order of use."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.modifiers))

    @property
    def blocks(self) -> dict[str, Block]:
        """The arrays, by the names that ``Parameter.part`` gives them; of links to one parent
        the first.
        """
        found = {"leak": Block(self.leak.scope, self.leak.strength)}
        for link in self.links:
            found.setdefault(f"link:{link.parent}", Block(link.scope, link.strength))
        return found

    def with_block(self, name: str, array: Array) -> Self:
        """The same with other numbers in one array."""
        if name == "leak":
            return replace(self, leak=replace(self.leak, strength=array))
        parent = name.partition(":")[2]
        links = tuple(replace(x, strength=array) if x.parent == parent else x for x in self.links)
        return replace(self, links=links)

    def neutral(self, card: int) -> int:
        """The state that a graded part names when it does nothing: that of level 0."""
        return card - 1 if self.inverted else 0


@dataclass(frozen=True, slots=True)
class Independent(Parts):
    """A model in which the child has the largest of the levels that its parts give."""

    def levels(self, part: Leak | Link) -> Array:
        """The distribution of the level that a part gives, on the last axis."""
        if not self.graded:
            return np.stack([1.0 - part.strength, part.strength], axis=-1)
        return part.strength[..., ::-1] if self.inverted else part.strength

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, own card)``; exponential, for small tests."""
        levels = [self.levels(part) for part in self.parts]
        table = np.empty((*(cards[name] for name in self.parents), levels[0].shape[-1]))
        for states in product(*(range(cards[name]) for name in self.parents)):
            at = dict(zip(self.parents, states, strict=True))
            rows = [
                array[tuple(at[name] for name in part.scope)]
                for part, array in zip(self.parts, levels, strict=True)
            ]
            table[states] = reduce(larger, rows)
        return table[..., ::-1] if self.inverted else table


def larger(first: Array, second: Array) -> Array:
    """The distribution, on the last axis, of the larger of two independent levels.

    It is a sum of products without a minus, so that rare levels keep their digits.
    """
    below = np.cumsum(first, axis=-1)
    strictly = np.concatenate([np.zeros_like(second[..., :1]), np.cumsum(second, -1)[..., :-1]], -1)
    result: Array = below * second + first * strictly
    return result
