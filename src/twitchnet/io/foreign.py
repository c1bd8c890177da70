"""What do the readers of foreign formats have in common?

A reader finds variables and tables in a text; a :class:`Draft` takes them in, judges
each (names, states, sizes, sums) at its place in the file, and makes the network.  It
knows no format.

What foreign files do not say is decided here, the same way for all of them:

* *kind*: a variable that nothing depends on is a finding, any other is a cause (a file
  that twitchnet wrote says the kind itself);
* *baseline*: the first state is the baseline, unless a later one is named like one
  (``no``, ``absent``, ``normal`` ...); that state is then moved to the front;
* *names*: what a record or a command line could not spell is replaced by ``_``; the
  label keeps the name as it was;
* a row of a table that misses 1 by a rounding error is scaled to 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import PurePath
from typing import NamedTuple, NoReturn

import numpy as np

from twitchnet.errors import ModelError, Problem, nearest
from twitchnet.io.spelling import baseline, spelled, spelled_states
from twitchnet.io.tabular import merged
from twitchnet.model.local import Array, Leak, Link, LocalModel, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Kind, Network, Variable

MAX_BYTES = 64_000_000
"""Ten times the largest of the usual published networks; a larger file is refused unread."""

MAX_CELLS = 8_000_000
"""Cells of all tables of one file, 64 MB; the largest of the usual networks has 0.6e6."""

MAX_VARIABLES = 20_000
MAX_PARENTS = 30  # of one table; numpy has 64 axes at most
MAX_STATES = 127  # states are kept as int8 in batches
MAX_PROBLEMS = 200  # a file with more is not nearly right

MAX_EXPANDED = 2**16
"""Cells of a noisy-MAX that has to be written out as a table."""

ROUNDING = 1e-2
"""A row that misses 1 by more than this is wrong, not rounded."""

KINDS: tuple[Kind, ...] = ("context", "cause", "finding")

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?(nan|inf|infinity)\Z", re.IGNORECASE)


class Place(NamedTuple):
    """A place in a file; line and column count from 1, 0 is unknown."""

    line: int = 0
    column: int = 0


NOWHERE = Place()


@dataclass(slots=True)
class _Declared:
    """A variable as the file has it."""

    states: tuple[str, ...]
    place: Place
    label: str
    kind: str
    parents: tuple[str, ...] = ()
    defined: Place | None = None
    table: Array | None = None  # (*parent cards, own card)
    noisy: _Noisy | None = None


@dataclass(frozen=True, slots=True)
class _Noisy:
    """A noisy-MAX as files have it: the *last* state of the child is its baseline.

    ``effects[i]`` of shape (cards of parent i, own card) is what each state of parent i does
    by itself; its state ``neutral[i]`` does nothing.
    """

    leak: Array
    effects: tuple[Array, ...]
    neutral: tuple[int, ...]


def decoded(data: bytes | str, file: str) -> str:
    """The text of a file.  Raises ``ModelError`` when it is empty, too large or not UTF-8."""
    if len(data) > MAX_BYTES:
        refuse("TN103", f"{len(data):,} characters; the limit is {MAX_BYTES:,}", file)
    text = data if isinstance(data, str) else ""
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start]
            column = error.start - (before.rfind(b"\n") + 1) + 1
            place = Place(before.count(b"\n") + 1, column)
            refuse("TN101", f"byte {data[error.start]:#04x} is not UTF-8", file, place)
    if not text.strip():
        refuse("TN102", "there is nothing in the file", file)
    return text


def refuse(code: str, message: str, file: str, place: Place = NOWHERE, hint: str = "") -> NoReturn:
    """Raises ``ModelError`` with one problem."""
    raise ModelError([Problem(code, message, "", file, *place, hint=hint)])


class Draft:
    """A network while its file is being read; ``problems`` gather what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.name = PurePath(file).name.partition(".")[0]
        self.variables: dict[str, _Declared] = {}
        self.problems: list[Problem] = []
        self.attempted: set[str] = set()  # a table that cannot be read is not missing
        self.cells = MAX_CELLS

    # -- problems -----------------------------------------------------------------

    def wrong(
        self, code: str, message: str, place: Place = NOWHERE, path: str = "", hint: str = ""
    ) -> None:
        """Adds a problem; the reading ends when there are very many."""
        self.problems.append(Problem(code, message, path[:80], self.file, *place, hint=hint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise ModelError(self.problems)

    def stop(self, code: str, message: str, place: Place = NOWHERE, hint: str = "") -> NoReturn:
        """Adds a problem after which nothing more can be read."""
        self.problems.append(Problem(code, message, "", self.file, *place, hint=hint))
        raise ModelError(self.problems)

    # -- what the file declares ------------------------------------------------------

    def declare(
        self,
        name: str,
        states: Sequence[str],
        place: Place = NOWHERE,
        *,
        label: str = "",
        kind: str = "",
    ) -> None:
        """A variable with its states, in the order of the file."""
        if name in self.variables:
            self.wrong("TN118", f"{name[:80]!r} is declared twice", place)
            return
        if len(self.variables) >= MAX_VARIABLES:
            self.stop("TN148", f"more than {MAX_VARIABLES:,} variables", place)
        if not 2 <= len(states) <= MAX_STATES:
            message = f"2 to {MAX_STATES} states are expected, found {len(states)}"
            self.wrong("TN147", message, place, name)
        elif len(set(states)) < len(states):
            twice = next(state for i, state in enumerate(states) if state in states[:i])
            self.wrong("TN147", f"the state {twice[:80]!r} is named twice", place, name)
        self.variables[name] = _Declared(tuple(states), place, label or name, kind)

    def known(self, names: Iterable[str], place: Place, path: str = "") -> bool:
        """Whether all names are declared; the first that is not is reported."""
        for name in names:
            if name not in self.variables:
                hint = nearest(name, self.variables) if len(self.variables) < 500 else ""
                self.wrong("TN112", f"no variable named {name[:80]!r}", place, path, hint)
                return False
        return True

    def cards(self, names: Iterable[str]) -> tuple[int, ...]:
        """The numbers of states of declared variables."""
        return tuple(len(self.variables[name].states) for name in names)

    def opened(self, name: str, parents: Sequence[str], place: Place) -> bool:
        """Whether a table of ``name`` given ``parents`` may stand here."""
        if not self.known((name, *parents), place, name):
            return False
        if self.variables[name].defined is not None:
            self.wrong("TN118", "has its table already", place, name)
            return False
        self.variables[name].defined = place
        self.variables[name].parents = tuple(parents)
        twice = [p for i, p in enumerate(parents) if p in parents[:i] or p == name]
        if twice:
            if twice[0] == name:
                self.wrong("TN117", "depends on itself", place, name)
            else:
                self.wrong("TN118", f"depends on {twice[0]!r} twice", place, name)
            return False
        return True

    def check_size(self, name: str, parents: Sequence[str], place: Place) -> int:
        """The cells of a table that may be allocated; stops when the file has too many."""
        if len(parents) > MAX_PARENTS:
            self.stop("TN148", f"a table over {len(parents)} parents is too large", place)
        cells = prod(self.cards((*parents, name)))
        if cells > self.cells:
            self.stop("TN148", f"a table of {cells:,} cells is too large", place)
        return cells

    def table(
        self, name: str, parents: Sequence[str], numbers: Sequence[float] | Array, place: Place
    ) -> None:
        """The table of a variable: row-major over (*parents, own states)."""
        self.attempted.add(name)
        if not self.opened(name, parents, place):
            return
        cells = self.check_size(name, parents, place)
        self.cells -= cells
        if len(numbers) != cells:
            shape = " x ".join(str(card) for card in self.cards((*parents, name)))
            message = f"{cells} numbers ({shape}) are expected, found {len(numbers)}"
            self.wrong("TN134", message, place, name)
            return
        values = np.array(numbers, dtype=np.float64).reshape(self.cards((*parents, name)))
        if self.distributions(values, name, parents, place):
            self.variables[name].table = values

    def distributions(self, values: Array, name: str, parents: Sequence[str], place: Place) -> bool:
        """Whether the last axis holds distributions; rounding errors are mended in place."""
        wrong = ~((values >= 0) & (values <= 1 + ROUNDING))
        if wrong.any():
            value = float(values[wrong][0])
            self.wrong("TN130", f"{value:g} is not a probability", place, name)
            return False
        total = values.sum(axis=-1)
        far = np.abs(total - 1.0) > ROUNDING
        if far.any():
            first = tuple(int(i) for i in np.argwhere(far)[0])
            said = ", ".join(
                f"{parent}={self.variables[parent].states[i]}"
                for parent, i in zip(parents, first, strict=False)
            )
            where = f", for {said[:200]}" if said else ""
            message = f"the probabilities add up to {total[first]:.6g}, not to 1{where}"
            self.wrong("TN133", message, place, name)
            return False
        rounded = np.abs(total - 1.0) > 1e-12
        values[rounded] /= total[rounded][..., None]
        np.minimum(values, 1.0, out=values)
        return True

    def noisy_max(
        self,
        name: str,
        parents: Sequence[str],
        leak: Array,
        effects: Sequence[Array],
        neutral: Sequence[int],
        place: Place,
    ) -> None:
        """A noisy-MAX, in the file's order of states; see :class:`_Noisy`."""
        fine = self.distributions(leak, name, (), place)
        for parent, effect in zip(parents, effects, strict=True):
            fine = self.distributions(effect, name, (parent,), place) and fine
        if fine:
            self.variables[name].noisy = _Noisy(leak, tuple(effects), tuple(neutral))

    # -- the network ------------------------------------------------------------------

    def network(self) -> Network:
        """The network.  Raises ``ModelError`` with every problem of the file."""
        for name, known in self.variables.items():
            if known.defined is None and name not in self.attempted:
                self.wrong("TN140", "has no table", known.place, name)
        if not self.variables and not self.problems:
            self.wrong("TN102", "there is no variable in the file")
        if not self.problems:
            self._refuse_cycles()
        if self.problems:
            raise ModelError(sorted(self.problems, key=lambda p: (p.line, p.column)))
        names = spelled(list(self.variables))
        orders = self._orders()
        used = {parent for known in self.variables.values() for parent in known.parents}
        variables = []
        for name, known in self.variables.items():
            kind: Kind = "cause" if name in used or not known.parents else "finding"
            variables.append(
                Variable(
                    name=names[name],
                    kind=next((k for k in KINDS if k == known.kind), kind),
                    states=spelled_states([known.states[i] for i in orders[name]]),
                    label=known.label,
                    local=self._local(name, names, orders),
                )
            )
        if self.problems:
            raise ModelError(self.problems)
        return Network(
            name=spelled([self.name])[self.name],
            version="0",
            title=self.name,
            variables=tuple(variables),
            description=f"Read from {PurePath(self.file).name}.",
        )

    def _orders(self) -> dict[str, list[int]]:
        """The order of each variable's states, the baseline in front."""
        orders = {}
        neutral: dict[str, int] = {}
        for known in self.variables.values():
            if known.noisy is not None:
                for parent, state in zip(known.parents, known.noisy.neutral, strict=True):
                    neutral.setdefault(parent, state)
        for name, known in self.variables.items():
            order = list(range(len(known.states)))
            if known.noisy is not None:
                order.reverse()
            else:
                order.insert(0, order.pop(neutral.get(name, baseline(known.states))))
            orders[name] = order
        return orders

    def _local(self, name: str, names: dict[str, str], orders: dict[str, list[int]]) -> LocalModel:
        """The local model in the network's names and orders of states."""
        known = self.variables[name]
        parents = tuple(names[parent] for parent in known.parents)
        if known.noisy is None:
            assert known.table is not None
            axes = np.ix_(*(orders[parent] for parent in known.parents), orders[name])
            return Table(parents, known.table[axes])
        noisy, own = known.noisy, orders[name]
        links = [
            Link(new, (), effect[np.ix_(orders[old], own)])
            for old, new, effect in zip(known.parents, parents, noisy.effects, strict=True)
        ]
        graded = NoisyMax(Leak((), noisy.leak[own]), tuple(links))
        sound = all(link.strength[0, 0] == 1.0 for link in links)
        if not sound:  # a parent has a baseline of its own, or of another child
            cards = dict(zip(parents, self.cards(known.parents), strict=True))
            if prod(cards.values()) * len(own) > MAX_EXPANDED:
                message = "some parents have another baseline here than elsewhere"
                self.wrong("TN152", message, known.defined or NOWHERE, name)
            else:
                return Table(*merged(graded, cards))
        if len(own) > 2:
            return graded
        return NoisyOr(
            Leak((), noisy.leak[own][1]),
            tuple(Link(link.parent, (), link.strength[:, 1]) for link in links),
        )

    def _refuse_cycles(self) -> None:
        """Names one cycle, if there is any."""
        waiting = {name: len(set(known.parents)) for name, known in self.variables.items()}
        children: dict[str, list[str]] = {name: [] for name in self.variables}
        for name, known in self.variables.items():
            for parent in known.parents:
                children[parent].append(name)
        ready = [name for name, count in waiting.items() if count == 0]
        while ready:
            name = ready.pop()
            del waiting[name]
            for child in children[name]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        if not waiting:
            return
        path = [next(iter(waiting))]
        while path[-1] not in path[:-1]:
            path.append(next(p for p in self.variables[path[-1]].parents if p in waiting))
        loop = path[path.index(path[-1]) :][::-1]
        words = " -> ".join(name[:40] for name in loop[:12]) + (" ..." if len(loop) > 12 else "")
        place = self.variables[loop[0]].defined or NOWHERE
        self.wrong("TN117", f"a cycle: {words}", place, loop[0])


def number(text: str, draft: Draft, place: Place) -> float:
    """The number that a word spells; a fault is reported and read as 0."""
    if _NUMBER.match(text):
        value = float(text)
        if value != float("inf"):
            return value
    elif not _NOT_FINITE.match(text):
        draft.wrong("TN122", f"a number is expected, found {text[:40]!r}", place)
        return 0.0
    draft.wrong("TN110", f"{text[:40]} is not a finite number", place)
    return 0.0
