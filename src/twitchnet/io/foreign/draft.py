"""What do the readers of foreign formats have in common?

A reader finds variables and tables in a text; a :class:`Draft` takes them in, judges
each (names, states, sizes, sums) at its place in the file, and makes the network.  It
knows no format.

What foreign files do not say is decided here, the same way for all of them:

* *kind*: a variable that nothing depends on is a finding, any other is a cause (a file
  that twitchnet wrote says the kind itself);
* *baseline*: the first state is the baseline, unless a later one is named like one
  (``no``, ``absent``, ``normal`` ...), or the file marks other states as faults; that state is
  then moved to the front;
* *names*: what a record or a command line could not spell is replaced by ``_``; the
  label keeps the name as it was, and one that several variables share says which of them;
* a row of a table that misses 1 by a rounding error is scaled to 1;
* a variable of one state is a constant, which is left out, with a note.

What was read otherwise than the definition of the format says is a *note* of the network; a
kind or a baseline that no word of the file stated is one of its *guesses*.

A fault is reported once: what depends on a variable that cannot be read is not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import nan, prod
from pathlib import PurePath
from typing import NoReturn

import numpy as np

from twitchnet.errors import ModelError, Problem, nearest_name
from twitchnet.io.foreign.declared import KINDS, Declared, Noisy, cycle, dependents
from twitchnet.io.foreign.reading import NOWHERE, Place, looks_like_a_number, read_number
from twitchnet.io.foreign.spelling import baseline, spelled, spelled_states
from twitchnet.io.foreign.tabular import merged
from twitchnet.model.local import Array, Leak, Link, LocalModel, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Variable

MAX_CELLS = 8_000_000
"""Cells of all tables of one file, 64 MB; the largest of the usual networks has 0.6e6."""

MAX_VARIABLES = 20_000
MAX_PARENTS = 30  # of one table; numpy has 64 axes at most
MAX_STATES = 127  # states are kept as int8 in batches
MAX_PROBLEMS = 200  # a file with more is not nearly right
MAX_COMPARISONS = 50_000  # of names, for hints; about half a second

MAX_EXPANDED = 2**16
"""Cells of a noisy-MAX that has to be written out as a table."""

ROUNDING = 1e-2
"""A row that misses 1 by more than this is wrong, not rounded."""


class Draft:
    """A network while its file is being read; ``problems`` gather what is wrong with it."""

    def __init__(self, file: str, drop_decisions: bool = False) -> None:
        self.file = file
        self.drop_decisions = drop_decisions
        self.name = PurePath(file).name.partition(".")[0]
        self.variables: dict[str, Declared] = {}
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.targets: list[str] = []  # what the file says is ranked
        self.attempted: set[str] = set()  # a table that cannot be read is not missing
        self.refused: set[str] = set()  # nodes of kinds that cannot be read
        self.nameless = False  # a variable has lost its name, so any may be meant
        self.cells = MAX_CELLS
        self.comparisons = MAX_COMPARISONS

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
        raise ModelError(sorted(self.problems, key=lambda p: (p.line, p.column)))

    def not_a_number(self, word: str, place: Place) -> float:
        """Reports a word that stands where a number must; NaN."""
        if looks_like_a_number(word):
            self.wrong("TN110", f"{word[:40]} is not a finite number", place)
        else:
            self.wrong("TN122", f"a number is expected, found {word[:40]!r}", place)
        return nan

    def numbers(self, words: Sequence[str], most: int, place: Place) -> list[float]:
        """The numbers that words spell; faults are reported and read as NaN.

        A word after the first ``most`` is one too many, whatever it says, and NaN too.
        """
        found = []
        for word in words[:most]:
            value = read_number(word)
            found.append(self.not_a_number(word, place) if value is None else value)
        return found + [nan] * (len(words) > most)

    # -- what the file declares ------------------------------------------------------

    def declare(
        self,
        name: str,
        states: Sequence[str],
        place: Place = NOWHERE,
        *,
        label: str = "",
        kind: str = "",
        readable: bool = True,
        faults: Sequence[int] = (),
        mandatory: bool = False,
        group: str = "",
    ) -> bool:
        """A variable with its states, in the order of the file; whether it is a new one.

        One that is not ``readable`` has been reported already.
        ``faults`` are the states that the file marks as faults; ``mandatory`` says that it is
        asked always.
        """
        if name in self.variables:
            self.wrong("TN118", f"{name[:80]!r} is declared twice", place)
            self.variables[name].readable = False
            return False
        if len(self.variables) >= MAX_VARIABLES:
            self.stop("TN148", f"more than {MAX_VARIABLES:,} variables", place)
        if readable and not 1 <= len(states) <= MAX_STATES:
            message = f"1 to {MAX_STATES} states are expected, found {len(states)}"
            self.wrong("TN147", message, place, name)
            readable = False
        elif readable and len(set(states)) < len(states):
            twice = next(state for i, state in enumerate(states) if state in states[:i])
            self.wrong("TN147", f"the state {twice[:80]!r} is named twice", place, name)
            readable = False
        known = Declared(tuple(states), place, label or name, kind, readable)
        known.faults, known.mandatory, known.group = tuple(faults), mandatory, group
        self.variables[name] = known
        return True

    def refuse(self, name: str, what: str, place: Place, hint: str = "") -> None:
        """A node of a kind that cannot be read, or a decision or utility that is left out."""
        self.refused.add(name)
        if "decision" in what or "utility" in what:
            if self.drop_decisions:
                return
            hint = "`twitchnet convert --drop-decisions` keeps what does not depend on it"
        self.wrong("TN152", f"{what} cannot be read", place, name, hint)

    def declared(self, names: Iterable[str]) -> bool:
        """Whether all names have been met, so that nothing has to wait for them."""
        return all(name in self.variables or name in self.refused for name in names)

    def known(self, names: Iterable[str], place: Place, path: str = "") -> bool:
        """Whether all names can be used; the first that is not declared is reported."""
        usable = True
        for name in names:
            known = self.variables.get(name)
            if known is None and name not in self.refused and not self.nameless:
                near = self._near(name)
                hint = f"did you mean {near[:80]!r}?" if near else ""
                self.wrong("TN112", f"no variable named {name[:80]!r}", place, path, hint)
                if name == path:
                    self.attempted.add(near)  # it may be the one whose table this is
                return False
            usable = usable and known is not None and known.readable
        return usable

    def _near(self, name: str) -> str:
        """The variable that may be meant; '' when none is near, or many were compared."""
        if len(self.variables) > self.comparisons:
            return ""
        self.comparisons -= len(self.variables)
        return nearest_name(name, self.variables)

    def cards(self, names: Iterable[str]) -> tuple[int, ...]:
        """The numbers of states of declared variables."""
        return tuple(len(self.variables[name].states) for name in names)

    def opened(self, name: str, parents: Sequence[str], place: Place) -> bool:
        """Whether the numbers of ``name`` given ``parents`` may stand here."""
        self.attempted.add(name)
        if not self.known((name, *parents), place, name):
            return False
        if self.variables[name].defined is not None:
            self.wrong("TN118", "has its table already", place, name)
            return False
        self.variables[name].defined = place
        self.variables[name].parents = tuple(parents)
        if name in parents:
            self.wrong("TN117", "depends on itself", place, name)
            return False
        if len(set(parents)) < len(parents):
            seen: set[str] = set()
            twice = next(p for p in parents if p in seen or seen.add(p))  # type: ignore[func-returns-value]
            self.wrong("TN118", f"depends on {twice[:80]!r} twice", place, name)
            return False
        return True

    def room(self, name: str, parents: Sequence[str], place: Place) -> int:
        """The cells of the table of ``name``, before any is read; 0 when none may stand here.

        Stops when the file has too many.
        """
        if len(parents) > MAX_PARENTS:  # before the product, which would be huge
            hint = f"at most {MAX_PARENTS}"
            self.stop("TN148", f"a table over {len(parents):,} parents is too large", place, hint)
        if not self.opened(name, parents, place):
            return 0
        cells = prod(self.cards((*parents, name)))
        if cells > self.cells:
            self.stop("TN148", f"a table of {cells:,} cells is too large", place)
        self.cells -= cells
        return cells

    def table(self, name: str, numbers: Sequence[float] | Array, place: Place) -> None:
        """The numbers that :meth:`room` was made for, row-major over (*parents, own states).

        They need not be all, nor the right ones: whoever reads them stops one after the last.
        """
        shape = self.cards((*self.variables[name].parents, name))
        if len(numbers) != prod(shape):
            self.wrong("TN134", self.sizes(name, len(numbers)), place, name)
            return
        values = np.array(numbers, dtype=np.float64).reshape(shape)
        if self.distributions(values, name, self.variables[name].parents, place):
            self.variables[name].table = values

    def sizes(self, name: str, count: int) -> str:
        """In words: how many numbers the table of ``name`` has, and how many were found."""
        shape = self.cards((*self.variables[name].parents, name))
        found = "more" if count > prod(shape) else count
        sizes = " x ".join(str(card) for card in shape)
        return f"{prod(shape)} numbers ({sizes}) are expected, found {found}"

    def distributions(self, values: Array, name: str, parents: Sequence[str], place: Place) -> bool:
        """Whether the last axis holds distributions; rounding errors are mended in place.

        A NaN stands for a number that could not be read, which has been reported.
        """
        if np.isnan(values).any():
            if not self.problems:
                self.wrong("TN110", "a probability is not a number", place, name)
            return False
        wrong = ~((values >= 0) & (values <= 1 + ROUNDING))
        if wrong.any():
            value = float(values[wrong][0])
            self.wrong("TN130", f"{value:g} is not a probability", place, name)
            return False
        total = values.sum(axis=-1)
        far = np.abs(total - 1.0) > ROUNDING * (1.0 + 1e-9)  # .33 three times misses by .01
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
        """A noisy-MAX, in the file's order of states; see :class:`Noisy`."""
        fine = self.distributions(leak, name, (), place)
        for parent, effect in zip(parents, effects, strict=True):
            fine = self.distributions(effect, name, (parent,), place) and fine
        if fine:
            self.variables[name].noisy = Noisy(leak, tuple(effects), tuple(neutral))

    # -- the network ------------------------------------------------------------------

    def network(self) -> Network:
        """The network.  Raises ``ModelError`` with every problem of the file."""
        for name, known in self.variables.items():
            if known.readable and name not in self.attempted and not self.nameless:
                self.wrong("TN140", "has no table", known.place, name)
        if self.drop_decisions and not self.problems:
            self._without_dependents()
        if not self.variables and not self.problems:
            self.wrong("TN102", "there is no variable in the file")
        if not self.problems:
            self._refuse_cycles()
        if self.problems:
            raise ModelError(sorted(self.problems, key=lambda p: (p.line, p.column)))
        self._without_constants()
        names = spelled(list(self.variables))
        orders = self._orders()
        used = {parent for known in self.variables.values() for parent in known.parents}
        variables = []
        shown = Counter(known.label for known in self.variables.values())
        for name, known in self.variables.items():
            texts = tuple(known.states[i] for i in orders[name])
            variables.append(
                Variable(
                    name=names[name],
                    kind=known.role(name in used),
                    states=(states := spelled_states(texts)),
                    label=known.label if shown[known.label] == 1 else f"{known.label} ({name})",
                    texts=() if states == texts else texts,
                    group=known.group,
                    always_ask=known.mandatory,
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
            notes=tuple(self.notes),
            targets=tuple(names[name] for name in self.targets),
            guesses=self._guesses(names, variables),
        )

    def _without_dependents(self) -> None:
        """Leaves out what depends on a decision; the rest stands by itself, and its numbers too."""
        if not self.refused:
            return
        gone = dependents(self.variables)
        for name in gone:
            del self.variables[name]
        self.targets = [name for name in self.targets if name in self.variables]
        self.notes.append(
            f"Decisions and utilities were left out: {_listed(sorted(self.refused))}."
        )
        if gone:
            self.notes.append(f"So was what depends on them: {_listed(gone)}.")

    def _without_constants(self) -> None:
        """Leaves out the variables of one state; a table loses their axes, and no number."""
        constant = {name for name, known in self.variables.items() if len(known.states) == 1}
        if not constant:
            return
        for name in [name for name in self.variables if name in constant]:
            (state,) = self.variables[name].states
            self.notes.append(f"{name[:80]} has one state, {state[:60]}, and was left out.")
        kept = {}
        for name, known in self.variables.items():
            if name in constant:
                continue
            stay = [i for i, parent in enumerate(known.parents) if parent not in constant]
            if known.noisy is not None and len(stay) < len(known.parents):
                message = "a noisy node with a parent of one state cannot be read"
                self.wrong("TN152", message, known.defined or NOWHERE, name)
            elif known.table is not None:
                shape = [*(known.table.shape[i] for i in stay), len(known.states)]
                known.table = known.table.reshape(shape)
                known.parents = tuple(known.parents[i] for i in stay)
            kept[name] = known
        self.variables = kept
        self.targets = [name for name in self.targets if name in kept]
        if not kept:
            self.wrong("TN102", "there is no variable of two or more states in the file")
        if self.problems:
            raise ModelError(self.problems)

    def _guesses(
        self, names: dict[str, str], variables: Sequence[Variable]
    ) -> tuple[tuple[str, str, str], ...]:
        """What no word of the file stated: the kinds and the baselines of its variables."""
        guesses: list[tuple[str, str, str]] = []
        for (name, known), variable in zip(self.variables.items(), variables, strict=True):
            if not known.kind:
                guesses.append((names[name], "role", variable.kind))
            if not (known.kind in KINDS or known.faults or known.noisy is not None):
                how = "as its first state" if not baseline(known.states) else "by name"
                guesses.append((names[name], "baseline", f"{variable.states[0]}, {how}"))
        return tuple(guesses)

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
                first = known.sound if known.faults else neutral.get(name, known.sound)
                order.insert(0, order.pop(first))
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
        loop = cycle(self.variables)
        if loop:
            words = " -> ".join(name[:40] for name in loop[:12])
            words += " ..." if len(loop) > 12 else ""
            place = self.variables[loop[0]].defined or NOWHERE
            self.wrong("TN117", f"a cycle: {words}", place, loop[0])


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(name[:40] for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
