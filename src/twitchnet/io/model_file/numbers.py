"""How does a number, or a nest of numbers over states, become an array with provenance?

``{by: [sex, age_band], p: {female: [.06, .02, 0, 0], male: [0, 0, 0, 0]}}`` is read to an
array of shape (2, 4).  Every fault is reported at its own place, and a harmless value
stands in for what could not be read, so that the rest is checked in the same run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from twitchnet.io.model_file.report import Report
from twitchnet.io.model_file.schema import CellSpec, NumberSpec
from twitchnet.io.model_file.validation import describe_errors, described
from twitchnet.io.yaml.document import Keys
from twitchnet.model.local import Array

STAND_IN = 0.5
"""The probability that stands for one that could not be read."""

MAX_MODIFIERS = 12
"""Variables that one number may depend on; the array has an axis for each."""

MAX_CELLS = 2_000_000
"""Cells of all arrays of a file together, before the first is allocated."""

States = tuple[str, ...]


@dataclass(slots=True)
class Group:
    """Cells that share one range and its sources; ``cells`` are flat indices of the array."""

    cells: NDArray[np.intp]
    value: float
    low: float
    high: float
    sources: tuple[str, ...]
    note: str
    keys: Keys


@dataclass(slots=True)
class Reading:
    """An array over the states of ``by`` (and the variable's own states, if asked for)."""

    by: tuple[str, ...]
    array: Array
    groups: list[Group] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Names:
    """What may be named in a file; ``ghosts`` are what could not be read (see there)."""

    states: Mapping[str, States]  # of the variables that have a probability and readable states
    declared: Collection[str]  # every name, readable or not
    screens: Collection[str]
    sources: Collection[str]
    ghosts: Collection[str]

    def lost(self, kind: str, name: str) -> bool:
        """Whether the file holds, or may hold, this but it could not be read."""
        return f"{kind}:{name}" in self.ghosts or f"{kind}:*" in self.ghosts


class NumberReader:
    """Reads the numbers of one file; ``cut`` is what the schema cut out of it."""

    def __init__(self, names: Names, cut: Collection[Keys], report: Report) -> None:
        self.names = names
        self.states = names.states
        self.cut = cut
        self.report = report
        self.cells_left = MAX_CELLS

    # -- names --------------------------------------------------------------------

    def known(self, name: str, keys: Keys, *, at_key: bool = False) -> bool:
        """Whether ``name`` may stand among the parents here; reported if not."""
        if name in self.states:
            return True
        if self.names.lost("variable", name):
            return False  # its fault is reported where it is declared
        if name in self.names.screens:
            message = f"{name!r} is a screen question, which has no probability"
            self.report("TN141", keys, message, at_key=at_key)
        else:
            message = f"no variable named {name!r}"
            self.report("TN112", keys, message, name, self.names.declared, at_key=at_key)
        return False

    def known_by(self, names: Sequence[str], keys: Keys) -> tuple[str, ...]:
        """The usable names of a ``by`` or ``gate`` list, each once."""
        usable: dict[str, None] = {}
        for index, name in enumerate(names):
            if name in usable:
                self.report("TN125", (*keys, index), f"{name!r} is named twice")
            elif self.known(name, (*keys, index)):
                usable[name] = None
        return tuple(usable)

    def known_sources(self, names: Sequence[str], keys: Keys) -> tuple[str, ...]:
        """The declared sources among ``names``; the others are reported."""
        sources = self.names.sources
        for index, name in enumerate(names):
            if name not in sources and not self.names.lost("source", name):
                message = f"no source {name[:80]!r} in sources"
                self.report("TN114", (*keys, "source", index), message, name, sources)
        return tuple(dict.fromkeys(name for name in names if name in sources))

    def allocate(self, shape: Sequence[int], keys: Keys) -> bool:
        """Take the cells of an array out of the file's budget."""
        if len(shape) > MAX_MODIFIERS + 2:  # before the product, which would be huge
            message = f"a table over {len(shape)} variables is too large"
            hint = f"a number may depend on {MAX_MODIFIERS} variables"
            self.report("TN148", keys, message, hint=hint, at_key=True)
            return False
        cells = prod(shape)
        if cells > self.cells_left:
            message = f"a table of {cells:,} cells over {len(shape)} variables is too large"
            self.report("TN148", keys, message, at_key=True)
            return False
        self.cells_left -= cells
        return True

    # -- numbers ------------------------------------------------------------------

    def read(self, spec: NumberSpec, raw: Any, keys: Keys, own: States = ()) -> Reading:
        """The numbers at ``keys``; with ``own``, distributions over those states."""
        if (*keys, "by") in self.cut:
            return self.stand_in(own)
        by = self.known_by(spec.by, (*keys, "by"))
        shape = [len(self.states[name]) for name in by] + ([len(own)] if own else [])
        short = not isinstance(raw, dict)
        at = keys if short else (*keys, "p")
        reading = self.stand_in(own)
        shared: NDArray[np.bool_] | None = None
        if len(by) == len(spec.by) and self.allocate(shape, keys):
            array = Reading(by, np.full(shape, np.nan))
            shared = self._fill(array, spec, at, own)
            if shared is not None:
                reading = array
        self._shared_group(spec, reading, shared, keys, short)
        return reading

    def _fill(
        self, reading: Reading, spec: NumberSpec, keys: Keys, own: States
    ) -> NDArray[np.bool_] | None:
        """Set the array of ``reading``; which cells share one range, or None after a fault."""
        shared = np.zeros(reading.array.shape, dtype=bool)
        sound = True
        for index, value, place in self._leaves(spec.p, reading.by, own, keys):
            if index is None:
                sound = False
                continue
            if isinstance(value, dict):
                found = self._cell(value, index, place, spec, reading)
            else:
                found = self._probability(value, place)
                shared[index] = True
            sound = sound and found is not None
            if found is not None:
                reading.array[index] = found
        if sound and own:
            sound = self._complete(reading.array, reading.by, keys)
            # The baseline takes the rest, so its number is nobody's to move.
            shared[..., 0] = False
            reading.groups = [g for g in reading.groups if g.cells[0] % len(own)]
        return shared if sound else None

    def stand_in(self, own: States = ()) -> Reading:
        """What stands for numbers that could not be read."""
        array = np.zeros(len(own)) if own else np.array(STAND_IN)
        if own:
            array[0] = 1.0
        return Reading((), array)

    def _leaves(
        self, nest: Any, by: Sequence[str], own: States, keys: Keys
    ) -> Iterator[tuple[tuple[int, ...] | None, Any, Keys]]:
        """Index, value and keys of each number of a nest; index None after a fault."""
        axes = [(name, self.states[name]) for name in by]
        if own:
            axes.append(("", own))
        stack: list[tuple[tuple[int, ...], Any, Keys]] = [((), nest, keys)]
        while stack:
            index, value, place = stack.pop()
            if len(index) == len(axes):
                yield index, value, place
                continue
            name, states = axes[len(index)]
            items = self._items(value, name, states, place)
            if items is None:
                yield None, None, place
                continue
            for position, key in reversed(items):
                stack.append(((*index, position), value[key], (*place, key)))

    def _items(
        self, value: Any, name: str, states: States, keys: Keys
    ) -> list[tuple[int, Any]] | None:
        """State index and key of each entry of one level, or None when it does not fit."""
        over = f"over {name} ({', '.join(states)})" if name else f"over {', '.join(states)}"
        if isinstance(value, list):
            if len(value) == len(states):
                return [(index, index) for index in range(len(states))]
            message = f"{len(states)} entries {over} are expected, found {len(value)}"
            self.report("TN134", keys, message)
            return None
        if not isinstance(value, dict):
            message = f"a list or mapping {over} is expected, found {described(value)}"
            self.report("TN134", keys, message)
            return None
        position = {state: index for index, state in enumerate(states)}
        strange = [key for key in value if key not in position]
        for key in strange:
            message = f"no state {key[:80]!r} of {name}" if name else f"no state {key[:80]!r}"
            self.report("TN113", (*keys, key), message, key, states, at_key=True)
        # In a distribution the baseline may be left out: it takes the rest.
        needed = states if name else states[1:]
        missing = [state for state in needed if state not in value]
        unsaid = [state for state in missing if (*keys, state) not in self.cut]
        if unsaid and not strange:
            self.report("TN134", keys, f"no entry for {', '.join(unsaid)} {over}")
        if missing or strange:
            return None
        return [(position[key], key) for key in value]

    def _probability(self, value: Any, keys: Keys) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.report("TN122", keys, f"a probability is expected, found {described(value)}")
            return None
        if not 0 <= value <= 1:
            hint = f"write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
            message = f"{value:g} is not a probability: it is outside 0 to 1"
            self.report("TN130", keys, message, hint=hint)
            return None
        return float(value)

    def _cell(
        self,
        raw: dict[str, Any],
        index: tuple[int, ...],
        keys: Keys,
        spec: NumberSpec,
        reading: Reading,
    ) -> float | None:
        """A number with its own range and source; None after a fault."""
        try:
            cell = CellSpec.model_validate(raw)
        except ValidationError as found:
            errors = found.errors(include_url=False)
            describe_errors(errors, raw, keys, CellSpec, self.report)
            return None
        fixed = cell.fixed or spec.fixed
        value = self._probability(cell.p, (*keys, "p"))
        point, low, high = self.range(cell.range, value, keys, fixed=fixed)
        sources = self.known_sources(cell.source, keys)
        self._complain(cell.range, cell.source or spec.source, fixed, keys)
        if not cell.source:
            sources = tuple(name for name in spec.source if name in self.names.sources)
        shape = reading.array.shape
        flat = np.array([np.ravel_multi_index(index, shape) if shape else 0], dtype=np.intp)
        reading.groups.append(Group(flat, point, low, high, sources, cell.note, keys))
        return value

    def _shared_group(
        self,
        spec: NumberSpec,
        reading: Reading,
        shared: NDArray[np.bool_] | None,
        keys: Keys,
        short: bool,
    ) -> None:
        """The cells without a range of their own, which move together."""
        sources = self.known_sources(spec.source, keys)
        if shared is not None and not shared.any():
            return
        value, same = None, True
        if shared is not None:
            values = reading.array[shared]
            same = bool((values == values[0]).all())
            value = float(values[0] if same else values.mean())
        if spec.overall is not None:
            value = self._probability(spec.overall, (*keys, "overall"))
        elif (
            spec.range is not None
            and not same
            and not (spec.fixed or (*keys, "overall") in self.cut)
        ):
            message = "the cells differ: `overall` must say which value the range belongs to"
            self.report("TN135", (*keys, "range"), message, at_key=True)
        point, low, high = self.range(spec.range, value, keys, fixed=spec.fixed)
        self._complain(spec.range, spec.source, spec.fixed, keys, short=short)
        if shared is None:
            return
        if not same:
            # 0 and 1 are structural among others: no shift of logits moves them.
            shared &= (reading.array > 0) & (reading.array < 1)
            if spec.overall is None and shared.any():
                point = low = high = float(reading.array[shared].mean())
        cells = np.flatnonzero(shared)
        if cells.size:
            reading.groups.append(Group(cells, point, low, high, sources, spec.note, keys))

    def range(
        self, range_: list[float] | None, value: float | None, keys: Keys, *, fixed: bool
    ) -> tuple[float, float, float]:
        """Value, low and high, all the same when there is no usable range."""
        if value is None:
            return STAND_IN, STAND_IN, STAND_IN
        if range_ is None:
            return value, value, value
        low, high = range_
        at = (*keys, "range")
        if fixed:
            self.report("TN125", at, "a fixed number has no range", at_key=True)
        elif not 0 <= low <= 1 or not 0 <= high <= 1:
            self.report("TN130", at, f"the range [{low:g}, {high:g}] is outside 0 to 1")
        elif not low <= value <= high:
            message = f"the value {value:g} is outside its range [{low:g}, {high:g}]"
            if low > high:
                message = f"the low end {low:g} of the range is above its high end {high:g}"
            self.report("TN131", at, message)
        elif low == 0 or high == 1:
            end = "0; write .0005" if low == 0 else "1; write .9995"
            self.report("TN132", at, f"a range on the logit scale cannot touch {end} or the like")
        else:
            return value, low, high
        return value, value, value

    def _complain(
        self, range_: object, sources: Sequence[str], fixed: bool, keys: Keys, short: bool = False
    ) -> None:
        """Lints of provenance; a missing source is an error in the long form."""
        if fixed or (*keys, "fixed") in self.cut:
            return
        if (*keys, "source") in self.cut:
            pass
        elif not sources and short:
            self.report("TN181", keys, "a number without a source", severity="warning")
        elif not sources:
            hint = "a judgement is a source too; a definition is `fixed: true`"
            self.report("TN136", keys, "a number without a source", hint=hint)
        if range_ is None and (*keys, "range") not in self.cut:
            self.report("TN182", keys, "a number without a range", severity="warning")

    def _complete(self, array: Array, by: Sequence[str], keys: Keys) -> bool:
        """Give the baseline the rest of each distribution; whether they are whole."""
        rest = 1.0 - array[..., 1:].sum(axis=-1)
        given = ~np.isnan(array[..., 0])
        total = np.where(given, array[..., 0], 0.0) + 1.0 - rest
        wrong = np.where(given, np.abs(total - 1.0) > 1e-6, rest < -1e-9)
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            cell = self.cell_name(by, first)
            message = f"the probabilities add up to {total[first]:.6g}, not to 1{cell}"
            self.report("TN133", keys, message)
            return False
        exact = given & (np.abs(total - 1.0) < 1e-12)
        array[..., 0] = np.where(exact, array[..., 0], np.maximum(rest, 0.0))
        return True

    def cell_name(self, by: Sequence[str], index: Sequence[int]) -> str:
        """', for sex=female, age_band=65+', or '' for a single number."""
        parts = [f"{n}={self.states[n][i]}" for n, i in zip(by, index, strict=True)]
        return f", for {', '.join(parts)}" if parts else ""


def widened(
    array: NDArray[Any], by: Sequence[str], names: Sequence[str], cards: Sequence[int]
) -> NDArray[Any]:
    """``array`` over ``by`` (and perhaps further axes) as a view over ``names``."""
    extra = array.ndim - len(by)
    order = sorted(range(len(by)), key=lambda axis: names.index(by[axis]))
    array = array.transpose(*order, *range(len(by), array.ndim))
    index = tuple(slice(None) if name in by else None for name in names)
    array = array[(*index, *[slice(None)] * extra)]
    return np.broadcast_to(array, (*cards, *array.shape[len(names) :]))
