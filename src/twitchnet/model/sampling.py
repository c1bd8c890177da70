"""What do records of a network look like?

Draws whole persons (or machines) from a network, hidden producers of described findings
included, and hides answers the way a questionnaire leaves them open.  For simulation and
for tests: nothing here computes a posterior.

A record is a row of codes: one column per node of ``network.nodes``, the index of the
state, or -1 for not answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.local import Descriptor, Leak, Link, Table
from twitchnet.model.network import Network, Variable

Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]

BLOCK = 1 << 16
"""Records drawn at once; all arrays of a block stay below 100 MB for 150 nodes."""

MOST_TRIES = 10_000
"""Draws per wanted record before a condition counts as too rare to be met by chance."""


def sample(
    network: Network,
    n: int,
    rng: np.random.Generator,
    given: Mapping[str, str] | None = None,
) -> Codes:
    """``n`` records, drawn independently: int8 of shape (n, len(network.nodes)).

    ``given`` maps names to states; records that disagree with it are drawn again, so the
    result has exactly the conditional distribution.  Raises ``RecordError`` for a name or
    state that the network does not have, ``ValueError`` when ``given`` is so rare that
    ``n`` records would take more than ``MOST_TRIES`` draws each.

    >>> import twitchnet as tn
    >>> network = tn.load("demo").network
    >>> codes = sample(network, 5, np.random.default_rng(1), {"leg_twitching": "present"})
    >>> codes.shape == (5, len(network.nodes))
    True
    """
    wanted = _wanted(network, given or {})
    kept: list[Codes] = []
    found = drawn = 0
    while found < n:
        if drawn > MOST_TRIES * n:
            raise ValueError(f"{found} of {drawn} records agree with {dict(given or {})}: too rare")
        rate = (found + 1) / (drawn + 1) if drawn else 1.0
        block = _block(network, min(BLOCK, max(64, round(1.1 * (n - found) / rate))), rng)
        agrees = np.ones(len(block), dtype=np.bool_)
        for column, state in wanted:
            agrees &= block[:, column] == state
        kept.append(block[agrees][: n - found])
        found += len(kept[-1])
        drawn += len(block)
    return np.concatenate(kept) if kept else np.empty((0, len(network.nodes)), dtype=np.int8)


def hide(
    codes: Codes,
    network: Network,
    *,
    contexts: float = 0.8,
    findings: float = 0.6,
    rng: np.random.Generator,
) -> Codes:
    """A copy in which only some questions are answered; -1 for the others.

    Each context is answered with probability ``contexts``, each finding with ``findings``,
    the complaint always, a cause never.
    """
    chance = {"context": contexts, "finding": findings}
    answered = np.array([chance.get(variable.kind, 0.0) for variable in network.nodes])
    if network.complaint:
        answered[[variable.name for variable in network.nodes].index(network.complaint)] = 1.0
    return np.where(rng.random(codes.shape) < answered, codes, np.int8(-1)).astype(np.int8)


def _wanted(network: Network, given: Mapping[str, str]) -> list[tuple[int, int]]:
    """(column, state) of every condition."""
    columns = {variable.name: i for i, variable in enumerate(network.nodes)}
    wanted, problems = [], []
    for name, state in given.items():
        if name not in columns:
            hint = nearest(name, columns)
            problems.append(Problem("TN201", "the model has no such variable", name, hint=hint))
            continue
        states = network.by_name[name].states
        if state in states:
            wanted.append((columns[name], states.index(state)))
            continue
        message = f"no state {state!r}; it has {', '.join(states)}"
        problems.append(Problem("TN202", message, name, hint=nearest(state, states)))
    if problems:
        raise RecordError(problems)
    return wanted


def _block(network: Network, n: int, rng: np.random.Generator) -> Codes:
    """``n`` records, parents before children."""
    drawing = _Drawing(network, n, rng)
    for name in network.topological:
        drawing.draw(network.by_name[name])
    return np.stack([drawing.states[variable.name] for variable in network.nodes], axis=1)


class _Drawing:
    """A block while it is drawn: the states so far, and who produced what."""

    def __init__(self, network: Network, n: int, rng: np.random.Generator) -> None:
        self.n = n
        self.rng = rng
        self.states: dict[str, Codes] = {}
        self.producing: dict[tuple[str, str], Flags] = {}  # (finding, parent or '')
        self.described = frozenset(network.descriptors.values())

    def draw(self, variable: Variable) -> None:
        """Adds one variable, whose parents have been drawn."""
        local, name = variable.local, variable.name
        assert local is not None
        if isinstance(local, Table):
            self.states[name] = self.level(self.rows(local.probabilities, local.parents))
        elif isinstance(local, Descriptor):
            self.states[name] = self.descriptor(local).astype(np.int8)
        elif local.graded:
            states = [self.level(rows) for _, rows in self.parts(local.leak, local.links)]
            self.states[name] = (np.min if local.inverted else np.max)(states, axis=0)
        else:
            fired = np.zeros(self.n, dtype=np.bool_)
            for parent, strength in self.parts(local.leak, local.links):
                fires = self.rng.random(self.n) < strength
                fired |= fires
                if name in self.described:
                    self.producing[name, parent] = fires
            present = ~fired if local.inverted else fired
            self.states[name] = present.astype(np.int8)

    def descriptor(self, local: Descriptor) -> Flags:
        """Whether any producer of the described finding brings the descriptor with it."""
        fired = self.producing[local.of, ""] & (
            self.rng.random(self.n) < local.leak.strength[self.at(local.leak.modifiers)]
        )
        for link in local.links:
            if link.parent == local.of:
                source = self.states[local.of].astype(np.bool_)
            else:
                source = self.producing[local.of, link.parent]
            strength = link.strength[(*self.at(link.modifiers), source.astype(np.intp))]
            fired |= self.rng.random(self.n) < strength
        return fired

    def parts(
        self, leak: Leak, links: tuple[Link, ...]
    ) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """(parent, strength in each record) of the leak, whose parent is '', and of each link.

        Strengths are of shape (n,), or (n, own card) in a graded model.
        """
        yield "", self.rows(leak.strength, leak.modifiers)
        for link in links:
            yield link.parent, self.rows(link.strength, (*link.modifiers, link.parent))

    def rows(self, table: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
        """Each record's entry of a table over ``names``; what is left of its axes stays."""
        return np.broadcast_to(table[self.at(names)], (self.n, *table.shape[len(names) :]))

    def at(self, names: tuple[str, ...]) -> tuple[NDArray[np.intp], ...]:
        """Index arrays (n,) that pick each record's entry of a table over ``names``."""
        return tuple(self.states[name].astype(np.intp) for name in names)

    def level(self, rows: NDArray[np.float64]) -> Codes:
        """One state per row of a table of distributions (n, card)."""
        below = np.cumsum(rows, axis=1)[:, :-1]
        return np.asarray((self.rng.random((self.n, 1)) >= below).sum(axis=1), dtype=np.int8)
