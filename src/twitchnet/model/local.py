"""How does one variable depend on its parents?

Values only: each local model is a frozen dataclass over read-only arrays, says
who its parents are, and can write itself out as a full table for small tests.
No inference, no files, no provenance (that is ``network.Parameter``) in here.

Shapes are always ``(*modifier cards, parent card[, own card])`` in the order of
the names beside the array.  State 0 is the baseline of a variable: *absent* for a
binary one.  A *modifier* changes the strength of a leak or a link and produces
nothing by itself (age, sex, a gate).

Sources: noisy-OR, Pearl 1988, *Probabilistic Reasoning in Intelligent Systems*,
section 4.3.2, with Henrion's leak; noisy-MAX, Diez 1993, UAI; causal independence,
Heckerman 1993, UAI.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

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


@dataclass(frozen=True, slots=True)
class Leak:
    """What happens to a child when no parent produces it.

    ``strength`` is P(present) of shape ``(*modifier cards,)`` in a noisy-OR, the
    probability of being blocked in a noisy-AND, and a distribution over the
    child's states, shape ``(*modifier cards, own card)``, in a noisy-MAX.
    """

    modifiers: tuple[str, ...]
    strength: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", frozen(self.strength))


@dataclass(frozen=True, slots=True)
class Link:
    """What one parent does to a child, by itself.

    ``strength`` has shape ``(*modifier cards, parent card)``; entry 0 of the last
    axis is the parent's baseline and is 0 in a noisy-OR.  In a noisy-MAX a further
    axis holds the distribution over the child's states.
    """

    parent: str
    modifiers: tuple[str, ...]
    strength: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", frozen(self.strength))


@dataclass(frozen=True, slots=True)
class Table:
    """A full conditional table: ``probabilities`` of shape ``(*parent cards, own card)``."""

    parents: tuple[str, ...]
    probabilities: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", frozen(self.probabilities))

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, own card)``."""
        return self.probabilities


@dataclass(frozen=True, slots=True)
class _Independent:
    """The common part of the models in which each parent acts by itself."""

    leak: Leak
    links: tuple[Link, ...]

    @property
    def parts(self) -> tuple[Leak | Link, ...]:
        """The leak, then the links."""
        return (self.leak, *self.links)

    @property
    def parents(self) -> tuple[str, ...]:
        """The producing parents in link order, then the modifiers in order of use."""
        names = [link.parent for link in self.links]
        names += self.modifiers
        return tuple(dict.fromkeys(names))

    @property
    def modifiers(self) -> tuple[str, ...]:
        """Every modifier of the leak and the links, in order of use."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.modifiers))


def _silent(parts: Iterable[Leak | Link], values: Mapping[str, int]) -> tuple[float, float]:
    """The product of 1 - strength over the parts, at one setting of the parents, and the rest.

    The rest is the sum over the first part that acts: 1 less the product would keep no digits.
    """
    silent, acting = 1.0, 0.0
    for part in parts:
        index = tuple(values[name] for name in part.modifiers)
        if isinstance(part, Link):
            index += (values[part.parent],)
        strength = float(part.strength[index])
        acting += silent * strength
        silent *= 1.0 - strength
    return silent, acting


@dataclass(frozen=True, slots=True)
class NoisyOr(_Independent):
    """P(absent | parents) = (1 - leak) x product over the links of (1 - strength)."""

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, 2)``; exponential, for small tests."""
        parents = self.parents
        table = np.empty((*(cards[name] for name in parents), 2))
        for states in product(*(range(cards[name]) for name in parents)):
            table[states] = _silent(self.parts, dict(zip(parents, states, strict=True)))
        return table


@dataclass(frozen=True, slots=True)
class NoisyAnd(_Independent):
    """P(present | parents) = (1 - leak) x product over the links of (1 - strength).

    A link's strength is the probability that this state of the parent blocks the
    child; every state may block, so entry 0 need not be 0.
    """

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, 2)``; exponential, for small tests."""
        parents = self.parents
        table = np.empty((*(cards[name] for name in parents), 2))
        for states in product(*(range(cards[name]) for name in parents)):
            table[states] = _silent(self.parts, dict(zip(parents, states, strict=True)))[::-1]
        return table


@dataclass(frozen=True, slots=True)
class NoisyMax(_Independent):
    """The child is the largest of the leak's level and the levels its parents produce.

    ``leak.strength`` has shape ``(*modifier cards, own card)`` and each link's
    ``(*modifier cards, parent card, own card)``; the last axes are distributions.
    """

    def full_table(self, cards: Cards) -> Array:
        """P(child | parents), shape ``(*parent cards, own card)``; exponential."""
        parents = self.parents
        card = self.leak.strength.shape[-1]
        table = np.empty((*(cards[name] for name in parents), card))
        for states in product(*(range(cards[name]) for name in parents)):
            values = dict(zip(parents, states, strict=True))
            so_far = np.eye(card)[0]
            for part in self.parts:
                index = tuple(values[name] for name in part.modifiers)
                if isinstance(part, Link):
                    index += (values[part.parent],)
                level = part.strength[index]
                below = np.concatenate([[0.0], np.cumsum(level)[:-1]])
                so_far = np.cumsum(so_far) * level + so_far * below
            table[states] = so_far
        return table


@dataclass(frozen=True, slots=True)
class Descriptor(_Independent):
    """How a finding behaves, given what is producing it.

    ``of`` names the finding described, itself a noisy-OR.  Its parent ``c`` has a
    hidden *producer*, present with the probability of the link ``c -> of``; one more
    producer stands for the leak of ``of``.  The finding is the OR of its producers,
    and the descriptor is a noisy-OR over the same producers: a link's strength is
    P(descriptor | this parent is producing the finding), shape
    ``(*modifier cards, 2)``, and ``leak`` is P(descriptor | the leak of the finding
    is producing it).  A link from ``of`` itself acts whatever produces the finding.
    With no producer the descriptor is absent.
    """

    of: str

    @property
    def parents(self) -> tuple[str, ...]:
        """The finding described, the parents whose producers act, then the modifiers."""
        return (self.of, *dict.fromkeys([*(link.parent for link in self.links), *self.modifiers]))


LocalModel = Table | NoisyOr | NoisyMax | NoisyAnd | Descriptor


def table_size(cards: Cards, names: Iterable[str]) -> int:
    """The number of cells of a table over ``names``."""
    return prod(cards[name] for name in names)
