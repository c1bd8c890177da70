"""What is a variable while its foreign file is being read?

Plain values that a :class:`~twitchnet.io.foreign.draft.Draft` fills in: states in the order of the
file, a table or a noisy-MAX once its numbers are met, and what the file says of its role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twitchnet.io.foreign.reading import Place
from twitchnet.io.foreign.spelling import baseline
from twitchnet.model.local import Array
from twitchnet.model.network import Kind

KINDS: tuple[Kind, ...] = ("context", "cause", "finding")

OBSERVATION = "observation"
"""The kind of what a file calls observed: a context if it is a root with children, or a finding."""


@dataclass(slots=True)
class Declared:
    """A variable as the file has it."""

    states: tuple[str, ...]
    place: Place
    label: str
    kind: str
    readable: bool = True
    faults: tuple[int, ...] = ()  # states that the file marks as faults
    mandatory: bool = False
    group: str = ""
    parents: tuple[str, ...] = ()
    defined: Place | None = None
    table: Array | None = None  # (*parent cards, own card)
    noisy: Noisy | None = None

    def role(self, used: bool) -> Kind:
        """Its kind: what the file says, or a cause where anything may depend on it."""
        if self.kind == OBSERVATION:
            return "context" if used and not self.parents else "finding"
        guess: Kind = "cause" if used or not self.parents else "finding"
        return next((kind for kind in KINDS if kind == self.kind), guess)

    @property
    def sound(self) -> int:
        """The baseline: the first state that is no fault, or the one that is named so."""
        fine = [i for i in range(len(self.states)) if i not in self.faults]
        return fine[0] if self.faults and fine else baseline(self.states)


@dataclass(frozen=True, slots=True)
class Noisy:
    """A noisy-MAX as files have it: the *last* state of the child is its baseline.

    ``effects[i]`` of shape (cards of parent i, own card) is what each state of parent i does
    by itself; its state ``neutral[i]`` does nothing.
    """

    leak: Array
    effects: tuple[Array, ...]
    neutral: tuple[int, ...]


def _children(variables: Mapping[str, Declared]) -> dict[str, list[str]]:
    """Who depends on each variable."""
    children: dict[str, list[str]] = {name: [] for name in variables}
    for name, known in variables.items():
        for parent in known.parents:
            children[parent].append(name)
    return children


def dependents(variables: Mapping[str, Declared]) -> list[str]:
    """The variables without numbers, and whatever depends on one of them."""
    gone = [name for name, known in variables.items() if known.table is None is known.noisy]
    children = _children(variables)
    seen = set(gone)
    for name in gone:  # grows
        new = [child for child in dict.fromkeys(children[name]) if child not in seen]
        gone += new
        seen.update(new)
    return gone


def cycle(variables: Mapping[str, Declared]) -> list[str]:
    """One cycle from parent to child, its first variable again at the end; [] without any."""
    waiting = {name: len(set(known.parents)) for name, known in variables.items()}
    children = _children(variables)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        del waiting[name]
        for child in children[name]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if not waiting:
        return []
    path: dict[str, None] = {}
    step = next(iter(waiting))
    while step not in path:
        path[step] = None
        step = next(parent for parent in variables[step].parents if parent in waiting)
    trail = [*path, step]
    return trail[trail.index(step) :][::-1]
