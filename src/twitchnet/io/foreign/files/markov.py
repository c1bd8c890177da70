"""Which variable is the child of each factor, when a Markov network is a Bayesian network?

Some programs write the conditional tables of a Bayesian network as factors of a UAI ``MARKOV``
file.  The network comes back when each factor is a conditional table of a child of its own, the
first or the last variable of its scope, and no variable depends on itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twitchnet.model.local import Array


class NotConditional(Exception):
    """The factor ``factor`` is no conditional table of a variable that no other factor has."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self.factor = factor


def children(
    scopes: Sequence[Sequence[int]], tables: Sequence[Array], rounding: float
) -> list[int]:
    """The child of each factor: as many factors as variables, tables of shape (states of scope).

    A convention that suits all factors (always the last, always the first) goes before a mixture.
    Raises :class:`NotConditional`.
    """
    possible = []
    for index, (scope, table) in enumerate(zip(scopes, tables, strict=True)):
        found = [
            scope[axis]
            for axis in (-1, 0)
            if np.all(np.abs(table.sum(axis=axis) - 1.0) <= rounding)
        ]
        if not found:
            raise NotConditional(index)
        possible.append(list(dict.fromkeys(found)))
    choices = []
    for axis in (-1, 0):
        chosen = [scope[axis] for scope in scopes]
        fits = all(child in some for child, some in zip(chosen, possible, strict=True))
        if fits and len(set(chosen)) == len(chosen):
            choices.append(chosen)
    choices.append([])
    for chosen in choices:
        chosen = chosen or _matched(possible)
        if _acyclic(scopes, chosen):
            return chosen
    return choices[0] or _matched(possible)


def _matched(possible: Sequence[Sequence[int]]) -> list[int]:
    """A child of its own for each factor: what has one choice takes it, until all have."""
    of: dict[int, set[int]] = {}  # the open factors that a variable may be the child of
    for factor, some in enumerate(possible):
        for variable in some:
            of.setdefault(variable, set()).add(factor)
    left = [list(some) for some in possible]
    chosen = [-1] * len(possible)
    waiting = [factor for factor, some in enumerate(left) if len(some) == 1]
    single = [variable for variable, factors in of.items() if len(factors) == 1]
    start = 0
    while True:
        if waiting:
            factor = waiting.pop()
            if chosen[factor] >= 0:
                continue
            if not left[factor]:
                raise NotConditional(factor)
            child = left[factor][0]
        elif single:
            child = single.pop()
            if len(of[child]) != 1:
                continue
            (factor,) = of[child]
        else:
            while start < len(chosen) and chosen[start] >= 0:
                start += 1
            if start == len(chosen):
                return chosen
            factor, child = start, left[start][0]
        chosen[factor] = child
        for variable in left[factor]:
            of[variable].discard(factor)
            if variable != child and len(of[variable]) == 1:
                single.append(variable)
        for other in sorted(of.pop(child)):
            left[other].remove(child)
            if not left[other]:
                raise NotConditional(other)
            waiting.append(other)
        of[child] = set()


def _acyclic(scopes: Sequence[Sequence[int]], chosen: Sequence[int]) -> bool:
    """Whether no variable depends on itself."""
    missing = [0] * len(chosen)
    depends: dict[int, list[int]] = {}
    for scope, child in zip(scopes, chosen, strict=True):
        missing[child] = len(scope) - 1
        for parent in scope:
            if parent != child:
                depends.setdefault(parent, []).append(child)
    ready = [variable for variable, count in enumerate(missing) if not count]
    done = 0
    while ready:
        done += 1
        for child in depends.get(ready.pop(), ()):
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return done == len(chosen)
