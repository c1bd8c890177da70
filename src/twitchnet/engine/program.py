"""The flat arrays that every computation runs on, and the letters of their axes.

No names and no strings may enter the engine; ``lowering.py`` turns a network into a
:class:`Program` and keeps the names on its side.

Letters, fixed here for the whole engine:

    V  nodes, numbered parents before children (hidden producers are nodes too)
    P  parts: what one leak, one link or one whole table contributes to its owner
    E  entries of the parts' tables
    L  lanes: assignments of the nodes that a plan conditions on

A node is a table node or a noisy-max node.  A *table* node has one part, its table.  A
*noisy-max* node is the largest of the levels that its parts produce independently: a noisy-OR
has two levels, (silent, produced), and is *present* when any part produced it.  A noisy-AND is
a noisy-OR of blockers with its states reversed (``flip``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Program(NamedTuple):
    """A network as flat read-only arrays.

    ``part_table[part_entry[p]:part_entry[p + 1]]`` is the row-major table of part ``p``, with the
    owner's levels as first axis and then the nodes of its scope.  ``lowering.py`` knows which of
    the network's numbers each entry is.
    """

    card: Ints  # (V,) number of states
    is_max: Bools  # (V,)
    flip: Bools  # (V,) level i is state card - 1 - i
    part_first: Ints  # (V + 1,) parts of node v: part_first[v] .. part_first[v + 1]
    part_owner: Ints  # (P,)
    scope_first: Ints  # (P + 1,) scope of part p: scope[scope_first[p] : scope_first[p + 1]]
    scope: Ints  # nodes other than the owner
    part_entry: Ints  # (P + 1,)
    part_table: Floats  # (E,)
    part_target: Ints  # (P,) the target whose link this is (for ``explains``), or -1
    child_first: Ints  # (V + 1,) children of node v in the graph of the parts
    child: Ints


class Evidence(NamedTuple):
    """What one record says, as arrays over the nodes: hard and virtual evidence.

    ``hard[v]`` is a state or -1; ``soft[v]`` is a row of likelihoods over the states, used where
    ``is_soft[v]``, and to be multiplied by ``2**soft_exponent[v]``.
    """

    hard: Ints  # (V,)
    is_soft: Bools  # (V,)
    soft: Floats  # (V, largest card)
    soft_exponent: Ints  # (V,)

    @property
    def log_scale(self) -> float:
        """The natural log of the powers of two that P(evidence) is to be multiplied by."""
        return float(self.soft_exponent[self.is_soft].sum() * np.log(2.0))
