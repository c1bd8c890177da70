"""Variable elimination as textbooks teach it: short, slow, and independent of the engines.

For readers of docs/engine.md.  There are no levels, signs, lanes or plans here: a noisy-OR is
written out as its full table, and each query eliminates every other variable anew.  The
algorithm is that of Zhang & Poole (1994) and of Dechter (1999, bucket elimination); chapter 9
of Koller & Friedman (2009) explains it, and section 9.4.3 the greedy orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from twitchnet.model.local import Array, Descriptor, Table
from twitchnet.model.network import Network, Variable


class Factor(NamedTuple):
    """A table with one named axis per variable."""

    names: tuple[str, ...]
    values: Array


def spread(factor: Factor, names: Sequence[str]) -> Array:
    """The values with their axes in the order of ``names``, of length 1 for a missing name."""
    own = [factor.names.index(name) for name in names if name in factor.names]
    missing = [i for i, name in enumerate(names) if name not in factor.names]
    return np.expand_dims(factor.values.transpose(own), missing)


def product(a: Factor, b: Factor) -> Factor:
    """One factor over the variables of both: entries multiply."""
    names = tuple(dict.fromkeys(a.names + b.names))
    return Factor(names, spread(a, names) * spread(b, names))


def conditional(variable: Variable) -> Factor:
    """P(variable | parents).  The maximum of independent parts: their P(at most x) multiply."""
    local, name = variable.local, variable.name
    if isinstance(local, Table):
        return Factor((*local.parents, name), local.probabilities)
    assert local is not None
    assert not isinstance(local, Descriptor)  # ``io.tabular.tabulated`` writes those out
    parts = []
    for part in local.parts:
        levels = part.strength
        if not local.graded:  # the probability of the upper one of two levels
            levels = np.stack([1.0 - levels, levels], axis=-1)
        elif local.inverted:
            levels = np.flip(levels, axis=-1)
        parts.append(Factor((*part.scope, name), levels.cumsum(axis=-1)))
    names, at_most = reduce(product, parts)
    values = np.diff(at_most, axis=names.index(name), prepend=0.0)
    return Factor(names, np.flip(values, names.index(name)) if local.inverted else values)


def observe(factor: Factor, name: str, state: int) -> Factor:
    """Hard evidence: the slice of a factor at one state."""
    if name not in factor.names:
        return factor
    values = factor.values.take(state, axis=factor.names.index(name))
    return Factor(tuple(other for other in factor.names if other != name), values)


def eliminate(factors: list[Factor], name: str) -> list[Factor]:
    """Multiplies all factors that mention a variable, and sums it out of the product."""
    names, values = reduce(product, [factor for factor in factors if name in factor.names])
    summed = values.sum(axis=names.index(name))
    rest = [factor for factor in factors if name not in factor.names]
    return [*rest, Factor(tuple(other for other in names if other != name), summed)]


def maximise(factors: list[Factor], name: str) -> list[Factor]:
    """The same with the largest entry instead of the sum."""
    names, values = reduce(product, [factor for factor in factors if name in factor.names])
    largest = values.max(axis=names.index(name))
    rest = [factor for factor in factors if name not in factor.names]
    return [*rest, Factor(tuple(other for other in names if other != name), largest)]


def degree(factors: list[Factor], name: str) -> int:
    """How many variables would meet in the product that eliminates this one."""
    return len({other for factor in factors if name in factor.names for other in factor.names})


def joint(network: Network, evidence: Mapping[str, int | Sequence[float]], target: str) -> Array:
    """P(state, evidence) for each state of a variable that was not observed.

    Evidence is a state (hard), or a likelihood for each state (virtual).
    """
    factors = [conditional(variable) for variable in network.nodes]
    left = {variable.name for variable in network.nodes} - {target}
    for name, said in evidence.items():
        if isinstance(said, int):
            factors = [observe(factor, name, said) for factor in factors]
            left.remove(name)
        else:
            factors.append(Factor((name,), np.array(said)))
    while left:
        name = min(sorted(left), key=lambda one: degree(factors, one))  # minimum degree
        factors = eliminate(factors, name)
        left.remove(name)
    return reduce(product, factors).values


def most_probable(network: Network, evidence: Mapping[str, int]) -> float:
    """The largest P(a state of every variable) among the states that agree with the evidence."""
    factors = [conditional(variable) for variable in network.nodes]
    for name, state in evidence.items():
        factors = [observe(factor, name, state) for factor in factors]
    left = {variable.name for variable in network.nodes} - evidence.keys()
    while left:
        name = min(sorted(left), key=lambda one: degree(factors, one))
        factors = maximise(factors, name)
        left.remove(name)
    return float(reduce(product, factors).values)
