"""How does a mechanism of the file become a local model?

The lines of one parent (``caffeine_intake=high``, ``caffeine_intake=moderate``) are put
into one array, gates become modifiers, the baseline state takes the rest, and each number
leaves a ``Parameter`` that says which cells it set.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.io.model_file.numbers import Group, NumberReader, Reading, States, widened
from twitchnet.io.model_file.schema import MechanismSpec, NumberSpec
from twitchnet.io.yaml.document import Keys
from twitchnet.model.local import (
    KINDS,
    Array,
    Descriptor,
    Leak,
    Link,
    LocalModel,
    NoisyOr,
    Parts,
    Table,
)
from twitchnet.model.network import Parameter


@dataclass(slots=True)
class Built:
    """What the mechanisms of a file became.

    ``parameter_keys`` leads from each parameter to its place and ``link_keys`` from
    (child, parent).  ``ghosts`` are what stands in the file but could not be read:
    ``link:a->b`` and ``mechanism:x``; nobody should complain that they are missing.
    """

    local: dict[str, LocalModel] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    parameter_keys: list[Keys] = field(default_factory=list)
    link_keys: dict[tuple[str, str], Keys] = field(default_factory=dict)
    ghosts: set[str] = field(default_factory=set)


class _Line(NamedTuple):
    """One reading and the slots of the array that it fills (states of the parent, say)."""

    slots: tuple[int, ...]
    reading: Reading
    keys: Keys


class _TooLarge(Exception):
    """The cells of the file are used up; reported already."""


class MechanismReader:
    """Reads the mechanisms of one file into ``built``; ``cut`` is what the schema cut out."""

    def __init__(self, numbers: NumberReader, cut: Collection[Keys]) -> None:
        self.numbers = numbers
        self.report = numbers.report
        self.cut = cut
        self.built = Built()

    def read(self, name: str, spec: MechanismSpec, raw: dict[str, Any], keys: Keys) -> None:
        """Build the local model of ``name``, or report why it cannot be built."""
        local: LocalModel | None = None
        try:
            if any((*keys, key) in self.cut for key in ("kind", "table", "describes")):
                pass  # what is left is another mechanism than the one that was meant
            elif spec.table is not None or spec.kind == "table":
                local = self._table(name, spec, raw, keys)
            else:
                local = self._independent(name, spec, raw, keys)
        except _TooLarge:
            pass
        if local is None:
            self.built.ghosts.add(f"mechanism:{name}")
        else:
            self.built.local[name] = local

    def _superfluous(self, keys: Keys, what: str, there: dict[str, object]) -> None:
        for key, value in there.items():
            if value:
                self.report("TN125", (*keys, key), f"{what} has no key {key!r}", at_key=True)

    def _missing(self, keys: Keys, key: str, message: str) -> None:
        if (*keys, key) not in self.cut:
            self.report("TN121", (*keys, key), message)

    # -- tables -------------------------------------------------------------------

    def _table(
        self, name: str, spec: MechanismSpec, raw: dict[str, Any], keys: Keys
    ) -> Table | None:
        self._superfluous(keys, "a table", {
            "leak": spec.leak, "links": spec.links, "gate": spec.gate,
            "describes": spec.describes, "kind": spec.kind not in ("", "table"),
        })  # fmt: skip
        states = self.numbers.states[name]
        at = (*keys, "table")
        if spec.table is None:
            self._missing(keys, "table", "a table needs the key 'table'")
            return None
        if isinstance(spec.table, dict):
            lines = self._state_lines(name, spec.table, raw["table"], at)
        elif len(states) > 2 or _is_distribution(spec.table, states):
            reading = self.numbers.read(spec.table, raw["table"], at, own=states)
            by, array = self._assembled(name, "table", [_Line((), reading, at)], own=states)
            return Table(by, array)
        else:
            lines = [_Line((1,), self.numbers.read(spec.table, raw["table"], at), at)]
        by, array = self._assembled(name, "table", lines, slots=len(states))
        rest = 1.0 - array.sum(axis=-1)
        if (rest < -1e-9).any():
            first = tuple(int(i) for i in np.argwhere(rest < -1e-9)[0])
            cell = self.numbers.cell_name(by, first)
            message = f"the states add up to {1 - rest[first]:.6g}, which is above 1{cell}"
            self.report("TN133", at, message, at_key=True)
            return None
        array[..., 0] = np.maximum(rest, 0.0)
        return Table(by, array)

    def _state_lines(
        self, name: str, lines: dict[str, NumberSpec], raw: dict[str, Any], keys: Keys
    ) -> list[_Line]:
        """One line for each state but the baseline, which takes the rest."""
        states = self.numbers.states[name]
        found = []
        for state, line in lines.items():
            at = (*keys, state)
            if state not in states:
                message = f"no state {state[:80]!r} of {name}"
                self.report("TN113", at, message, state, states, at_key=True)
            elif state == states[0]:
                message = f"{state!r} is the baseline of {name} and takes the rest"
                self.report("TN125", at, message, hint="leave this line out", at_key=True)
            else:
                found.append(
                    _Line((states.index(state),), self.numbers.read(line, raw[state], at), at)
                )
        missing = [s for s in states[1:] if s not in lines and (*keys, s) not in self.cut]
        if missing:
            self.report("TN134", keys, f"no line for {', '.join(missing)}", at_key=True)
        return found

    # -- models in which each parent acts by itself ---------------------------------

    def _independent(
        self, name: str, spec: MechanismSpec, raw: dict[str, Any], keys: Keys
    ) -> LocalModel | None:
        states = self.numbers.states[name]
        model = Descriptor if spec.describes else KINDS[spec.kind or NoisyOr.key]
        self._superfluous(keys, f"a {model.key}", {
            "kind": spec.describes and spec.kind,
            "gate": spec.gate if not model.gated else (),
        })  # fmt: skip
        if not model.graded and len(states) != 2:
            message = f"a {model.key} needs two states, {name} has {len(states)}"
            self.report("TN146", keys, message, hint="use kind: noisy_max, or a table", at_key=True)
            return None
        own = states if model.graded else ()
        gates = self.numbers.known_by(spec.gate, (*keys, "gate")) if model.gated else ()
        leak = self._leak(name, spec, raw, keys, gates, own)
        links = self._links(name, model, spec, raw, keys, gates, own)
        if spec.describes is None:
            return KINDS[model.key](leak, links)
        if not self.numbers.known(spec.describes, (*keys, "describes")):
            return None
        return Descriptor(leak, links, spec.describes)

    def _leak(
        self, name: str, spec: MechanismSpec, raw: dict[str, Any], keys: Keys,
        gates: Sequence[str], own: States,
    ) -> Leak:  # fmt: skip
        at = (*keys, "leak")
        if spec.leak is None:
            self._missing(keys, "leak", "a mechanism needs the key 'leak' (or 'table')")
            reading = self.numbers.stand_in(own)
        else:
            reading = self.numbers.read(spec.leak, raw["leak"], at, own=own)
        return Leak(*self._assembled(name, "leak", [_Line((), reading, at)], gates, own=own))

    def _links(
        self, name: str, model: type[Parts], spec: MechanismSpec, raw: dict[str, Any], keys: Keys,
        gates: Sequence[str], own: States,
    ) -> tuple[Link, ...]:  # fmt: skip
        """One link for each parent, from one or several lines."""
        lines: dict[str, list[_Line]] = {}
        for key, number in spec.links.items():
            at = (*keys, "links", key)
            parent = key.partition("=")[0]
            known = self.numbers.known(parent, at, at_key=True)
            slots = self._slots(key, parent, model, lines.get(parent, ()), at) if known else ()
            reading = self.numbers.read(number, raw["links"][key], at, own=own)  # tells its faults
            if parent in reading.by:
                self.report("TN125", (*at, "by"), f"{parent!r} modifies its own link")
            elif slots:
                self.built.link_keys.setdefault((name, parent), at)
                lines.setdefault(parent, []).append(_Line(slots, reading, at))
                continue
            self.built.ghosts.add(f"link:{parent}->{name}")
        links = []
        for parent, parts in lines.items():
            slots_ = 2 if model is Descriptor else len(self.numbers.states[parent])
            # The strength in the parent's baseline is 0, so it need not be its own gate.
            others = [gate for gate in gates if gate != parent]
            part = f"link:{parent}"
            neutral = max(len(own) - 1, 0) if model.inverted else 0
            filled = self._assembled(name, part, parts, others, own, slots_, neutral)
            links.append(Link(parent, *filled))
        return tuple(links)

    def _slots(
        self, key: str, parent: str, model: type[Parts], before: Sequence[_Line], keys: Keys
    ) -> tuple[int, ...]:
        """The indices of the parent's states that a line speaks of; () after a fault."""
        states = self.numbers.states[parent]
        state = key.partition("=")[2]
        if "=" not in key:
            slots = tuple(range(1, 2 if model is Descriptor else len(states)))
        elif model is Descriptor:
            message = "a descriptor is linked to a producer, which has no states"
            self.report("TN125", keys, message, hint=f"write {parent!r} alone", at_key=True)
            return ()
        elif state not in states:
            message = f"no state {state[:80]!r} of {parent}"
            self.report("TN113", keys, message, state, states, at_key=True)
            return ()
        elif state == states[0] and not model.baseline_acts:
            message = f"{state!r} is the baseline of {parent}, which produces nothing"
            self.report("TN145", keys, message, at_key=True)
            return ()
        else:
            slots = (states.index(state),)
        twice = [slot for line in before for slot in line.slots if slot in slots]
        if twice:
            message = f"there is a link from {parent}={states[twice[0]]} already"
            self.report("TN145", keys, message, at_key=True)
            return ()
        return slots

    # -- arrays ---------------------------------------------------------------------

    def _assembled(
        self, node: str, part: str, lines: Sequence[_Line], gates: Sequence[str] = (),
        own: States = (), slots: int = 0, neutral: int = 0,
    ) -> tuple[tuple[str, ...], Array]:  # fmt: skip
        """The modifiers and the array of one part, whose parameters are recorded.

        Axes: the modifiers of all lines and the gates, then ``slots`` (if any) that the
        lines fill, then the variable's own states (if any).  Slots that no line fills are
        0, or name the ``neutral`` state for sure.
        """
        names = tuple(dict.fromkeys([n for line in lines for n in line.reading.by] + [*gates]))
        cards = [len(self.numbers.states[name]) for name in names]
        shape = cards + [slots] * (slots > 0) + [len(own)] * bool(own)
        if not self.numbers.allocate(shape, lines[0].keys if lines else ()):
            raise _TooLarge
        array = np.zeros(shape)
        if not names and not own:  # plain numbers, which most leaks and links are
            for line in lines:
                cells = list(line.slots) if slots else [0]
                array.flat[cells] = line.reading.array
                for group in line.reading.groups:
                    self._record(node, part, group, cells)
            return names, array
        if own:
            array[..., neutral] = 1.0
        closed = np.zeros(shape, dtype=bool)
        for gate in gates:
            closed[(slice(None),) * names.index(gate) + (0,)] = True
        for line in lines:
            values = widened(line.reading.array, line.reading.by, names, cards)
            for index in _indices(line.slots, slots > 0, bool(own)):
                array[index] = values
        array[closed] = 0.0
        flat = np.arange(array.size).reshape(shape)
        for line in lines:
            reading = line.reading
            # Which cell of the array came from which cell of the reading.
            source = np.arange(reading.array.size).reshape(reading.array.shape)
            wide = widened(source, reading.by, names, cards)
            places = _indices(line.slots, slots > 0, bool(own))
            into = np.concatenate([flat[index][~closed[index]] for index in places])
            out_of = np.concatenate([wide[~closed[index]] for index in places])
            order = np.argsort(out_of, kind="stable")
            into, out_of = into[order], out_of[order]
            for group in reading.groups:
                self._record(node, part, group, _members(into, out_of, group.cells))
        return names, array

    def _record(self, node: str, part: str, group: Group, cells: list[int]) -> None:
        if not cells:
            return
        self.built.parameter_keys.append(group.keys)
        self.built.parameters.append(
            Parameter(
                node=node,
                part=part,
                cells=tuple(cells),
                value=group.value,
                low=group.low,
                high=group.high,
                sources=group.sources,
                note=group.note,
            )
        )


def _members(
    into: NDArray[np.intp], out_of: NDArray[np.intp], cells: NDArray[np.intp]
) -> list[int]:
    """The cells ``into`` that came out of ``cells``; both arrays are sorted by ``out_of``."""
    first = np.searchsorted(out_of, cells, side="left")
    last = np.searchsorted(out_of, cells, side="right")
    members = [into[start:end] for start, end in zip(first, last, strict=True)]
    found: list[int] = np.sort(np.concatenate(members)).tolist()
    return found


def _indices(slots: tuple[int, ...], slotted: bool, own: bool) -> list[tuple[Any, ...]]:
    """Where a reading goes in an array: everywhere, or at each of its slots."""
    if not slotted:
        return [(...,)]
    return [(..., slot, slice(None)) if own else (..., slot) for slot in slots]


def _is_distribution(number: NumberSpec, states: States) -> bool:
    """Whether a table of a two-state variable gives both states, not P(second state).

    The first cell that is either a number or one entry for each state tells.
    """
    waiting: list[tuple[int, Any]] = [(len(number.by), number.p)]
    nested = False
    while waiting:
        depth, nest = waiting.pop()
        if isinstance(nest, list | dict) and depth:
            items = list(nest.values()) if isinstance(nest, dict) else nest
            waiting += [(depth - 1, item) for item in reversed(items)]
        elif isinstance(nest, dict):
            return "p" not in nest or set(nest) <= set(states)  # else it is a cell
        elif isinstance(nest, list) and len(nest) == len(states):
            return True
        elif not isinstance(nest, list):
            return False
        else:
            nested = True  # of the wrong length; others may tell more
    return nested
