"""What is an order of closing axes, and what does it depend on?

An :class:`Order` is the list of steps that an executor runs, with their exact price before
anything is allocated: the number of multiply-adds of every merge (see ``merge.py``), the
largest table and the sum of all tables.  It depends on a :class:`Structure`: which axes
the factors of a record hold, never on their numbers.  ``search.py`` looks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from twitchnet.engine.numpy.reduce import Reduced


@dataclass(frozen=True, slots=True)
class Step:
    """Close ``axis``: merge the tables ``operands`` from left to right, then close.

    Tables are numbered: leaves first, then one per step in order.
    """

    axis: int
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Steps with their exact cost per lane."""

    steps: tuple[Step, ...]
    cells: float  # multiply-adds
    largest: float  # cells of the largest table
    stored: float  # cells of all tables together


class Structure(NamedTuple):
    """What an order depends on: axes by ascending number, and the axes of each factor."""

    axes: tuple[int, ...]
    card: tuple[int, ...]
    scopes: tuple[tuple[int, ...], ...]
    levels: frozenset[int]
    consumer: tuple[tuple[int, int], ...]
    lanes: int

    @classmethod
    def of(cls, reduced: Reduced) -> Structure:
        """The structure of a record's factors."""
        axes = tuple(sorted({axis for leaf in reduced.leaves for axis in leaf.axes}))
        return cls(
            axes,
            tuple(reduced.card[axis] for axis in axes),
            tuple(leaf.axes for leaf in reduced.leaves),
            frozenset(reduced.level_axes),
            tuple(sorted(reduced.consumer.items())),
            len(reduced.states),
        )
