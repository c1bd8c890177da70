"""In which order does a file list the numbers of a table?

The definitions of UAI and XDSL have the child's states fastest and then those of the last
parent.  Two programs write (and read) another order, in which every row may still add up to
1, so that nothing but the marks of its writer shows what a file means.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import numpy as np

from twitchnet.model.local import Array

TableOrder = Literal["definition", "pyagrum", "pgmpy"]
"""As the format defines it; pyAgrum 3.3: the child fastest, then the *first* parent; pgmpy
1.1, in UAI files: the first variable of the scope fastest, the child slowest."""


def _axes(variables: int, order: TableOrder) -> list[int]:
    """The axes of a table (*parents, child) from the slowest to the fastest."""
    axes = list(range(variables))
    if order == "pyagrum":
        return [*axes[-2::-1], axes[-1]]
    return axes[::-1] if order == "pgmpy" else axes


def read_in_order(numbers: Sequence[float], shape: Sequence[int], order: TableOrder) -> Array:
    """The numbers that a file lists, in the order of the definition.

    ``shape`` is (states of each parent, states of the child).  Numbers that are too few or too
    many for it are returned as they are: who takes the table says so.

    >>> read_in_order([0, 1, 2, 3, 4, 5, 6, 7], (2, 2, 2), "pyagrum")
    array([0., 1., 4., 5., 2., 3., 6., 7.])
    >>> read_in_order([0, 1, 2, 3], (2, 2), "pgmpy")
    array([0., 2., 1., 3.])
    """
    found = np.array(numbers, dtype=np.float64)
    if found.size != prod(shape):
        return found
    axes = _axes(len(shape), order)
    listed = found.reshape([shape[axis] for axis in axes])
    return np.moveaxis(listed, range(len(shape)), axes).reshape(-1)


def list_in_order(table: Array, order: TableOrder) -> Array:
    """The numbers of a table (*parents, child) as a file lists them.

    >>> list_in_order(np.arange(8.0).reshape(2, 2, 2), "pyagrum")
    array([0., 1., 4., 5., 2., 3., 6., 7.])
    """
    return table.transpose(_axes(table.ndim, order)).reshape(-1)
