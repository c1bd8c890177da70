"""How are the numbers of a mechanism written, one line a link?

The inverse of ``numbers.py`` and ``mechanisms.py``: an array and the parameters
of its cells become ``{by: ..., p: ..., overall: ..., range: ..., source: ..., note: ...}``.
Cells that move together share the line's range; a cell with a range of its own is written
as a mapping in its place.  A number of which nothing is known gets the source ``unsourced``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchnet.errors import ModelError, Problem
from twitchnet.io.model_file.numbers import MAX_CELLS, MAX_MODIFIERS
from twitchnet.io.yaml.text import flow_map, flow_value, key_text
from twitchnet.model.local import Array, Descriptor, Link, NoisyOr, Parts, Table
from twitchnet.model.network import Network, Parameter, Variable

UNSOURCED = "unsourced"


class _Line(NamedTuple):
    """The cells of an array that one line speaks of, with their flat indices in it."""

    by: tuple[str, ...]
    values: Array
    cells: NDArray[np.intp]


class NumberWriter:
    """Writes the mechanisms of one network; ``unsourced`` tells whether that word was used."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.unsourced = False
        self.known: dict[tuple[str, str], list[Parameter]] = defaultdict(list)
        for parameter in network.parameters:
            self.known[parameter.node, parameter.part].append(parameter)
        self.cells_left = MAX_CELLS

    def mechanism(self, variable: Variable) -> list[str]:
        """The lines below ``mechanisms.<name>:``, indented by four."""
        local, name = variable.local, variable.name
        if isinstance(local, Table):
            return self.table(variable, local)
        assert local is not None
        if isinstance(local, Descriptor):
            lines = [f"    describes: {key_text(local.of)}"]
        else:
            lines = [] if isinstance(local, NoisyOr) else [f"    kind: {local.key}"]
        leak = self.line(name, "leak", local.leak.modifiers, local.leak.strength)
        graded = local.graded
        lines.append(f"    leak: {self.number(name, 'leak', leak, own=graded)}")
        rows: list[tuple[str, str]] = []
        for link in local.links:
            rows += self.link(variable, link)
        if rows:
            width = max(len(key) for key, _ in rows) + 1
            lines.append("    links:")
            lines += [f"      {f'{key}:':<{width}} {text}" for key, text in rows]
        return lines

    def link(self, variable: Variable, link: Link) -> list[tuple[str, str]]:
        """One line for each state of the parent that does something."""
        local, name = variable.local, variable.name
        assert isinstance(local, Parts)
        part = f"link:{link.parent}"
        if isinstance(local, Descriptor):
            states: tuple[str, ...] = ("absent", "present")
        else:
            states = self.network.by_name[link.parent].states
        whole = np.arange(link.strength.size).reshape(link.strength.shape)
        spoken = {cell for one in self.known[name, part] for cell in one.cells}
        rows: list[tuple[str, str]] = []
        graded, neutral = local.graded, local.neutral(variable.card)
        every = (slice(None),) * len(link.modifiers)
        first = 0 if local.baseline_acts else 1
        for state in range(first, len(states)):
            at: tuple[slice | int, ...] = (*every, state)
            values, index = link.strength[at], whole[at]
            spoken_of = np.delete(values, neutral, axis=-1) if graded else values
            needed = spoken_of.any() or spoken.intersection(index.reshape(-1).tolist())
            if needed or (not rows and state == len(states) - 1):
                key = link.parent
                if len(states) > 2 or state == 0:
                    key = f"{link.parent}={states[state]}"
                line = self.line(name, part, link.modifiers, values, index)
                rows.append((key_text(key), self.number(name, part, line, own=graded)))
        return rows

    def table(self, variable: Variable, table: Table) -> list[str]:
        """``table: {...}``, or one line for each state but the baseline."""
        name, values = variable.name, table.probabilities
        whole = np.arange(values.size).reshape(values.shape)
        parameters = self.known[name, "table"]
        rest = np.maximum(1.0 - values[..., 1:].sum(axis=-1), 0.0)
        exact = bool((values[..., 0] == rest).all())
        if exact and variable.card == 2:
            line = self.line(name, "table", table.parents, values[..., 1], whole[..., 1])
            return [f"    table: {self.number(name, 'table', line)}"]
        spread = any(len({cell % variable.card for cell in one.cells}) > 1 for one in parameters)
        if not exact or spread or len(parameters) < 2:
            line = self.line(name, "table", table.parents, values)
            return [f"    table: {self.number(name, 'table', line, own=True)}"]
        lines = ["    table:"]
        width = max(len(key_text(state)) for state in variable.states[1:]) + 1
        for i, state in enumerate(variable.states[1:], start=1):
            line = self.line(name, "table", table.parents, values[..., i], whole[..., i])
            text = self.number(name, "table", line)
            lines.append(f"      {f'{key_text(state)}:':<{width}} {text}")
        return lines

    # -- one line ---------------------------------------------------------------------

    def line(
        self, name: str, part: str, by: tuple[str, ...], values: Array,
        index: NDArray[np.intp] | None = None,
    ) -> _Line:  # fmt: skip
        """The cells of a line, refused when the reader could not take them."""
        self.cells_left -= values.size
        if len(by) > MAX_MODIFIERS or self.cells_left < 0:
            message = f"a table over {len(by)} variables is too large for a model file"
            raise ModelError([Problem("TN154", message, f"mechanisms.{name}.{part}")])
        if index is None:
            index = np.arange(values.size).reshape(values.shape)
        return _Line(by, values, index)

    def number(self, name: str, part: str, line: _Line, own: bool = False) -> str:
        """A number in flow style; ``own`` tells that the last axis is a distribution."""
        values = line.values.reshape(-1)
        at = {cell: i for i, cell in enumerate(line.cells.reshape(-1).tolist())}
        groups: list[tuple[Parameter, list[int]]] = []
        for parameter in self.known[name, part]:
            places = [at[cell] for cell in parameter.cells if cell in at]
            if places:
                groups.append((parameter, places))
        shared = self.shared(groups)
        single: dict[int, Parameter] = {}
        for parameter, places in groups:
            if parameter is not shared:
                single |= dict.fromkeys(places, parameter)
        inside = next((places for one, places in groups if one is shared), [])
        # The reader leaves out the baseline, and structural 0 and 1 among other values.
        moving = [
            i for i in range(len(values))
            if i not in single and not (own and i % line.values.shape[-1] == 0)
        ]  # fmt: skip
        same = len({values[i] for i in moving}) == 1
        nest: list[object] = []
        for i, value in enumerate(values.tolist()):
            if i in single:
                nest.append({"p": value} | _cell(single[i], value))
            elif shared and i in moving and i not in inside and (same or value not in (0.0, 1.0)):
                nest.append({"p": value, "fixed": True})
            elif groups and shared is None and i in moving:
                nest.append({"p": value, "fixed": True})  # beside cells that tell their own
            else:
                nest.append(value)
        p = self.nested(nest, line.by, line.values.shape)
        text: dict[str, object] = {"by": list(line.by)} if line.by else {}
        text["p"] = p
        if shared is not None:
            text |= _provenance(shared, *(values[i] for i in moving))
        elif not groups:
            self.unsourced = True
            text["source"] = UNSOURCED
        if text.keys() == {"p", "fixed"} and not line.values.shape:
            return flow_value(p)  # the short form, which the linter asks about
        return flow_map(text)

    def nested(self, cells: Sequence[object], by: Sequence[str], shape: tuple[int, ...]) -> object:
        """Flat cells by the states' names, in a list at the innermost level."""
        if not shape:
            return cells[0]
        step = len(cells) // shape[0]
        parts = [
            self.nested(cells[i * step : (i + 1) * step], by[1:], shape[1:])
            for i in range(shape[0])
        ]
        if len(shape) == 1:
            return parts
        return dict(zip(self.network.by_name[by[0]].states, parts, strict=True))

    def shared(self, groups: list[tuple[Parameter, list[int]]]) -> Parameter | None:
        """The parameter that the line's own range belongs to, if one can be told apart."""
        if not groups:
            return None
        if len(groups) > 1 and all(len(places) == 1 for _, places in groups):
            return None  # cells with ranges of their own
        # A line that is fixed cannot hold a cell with a range.
        moving = [group for group in groups if group[0].low < group[0].high]
        return max(moving or groups, key=lambda group: len(group[1]))[0]


def _cell(parameter: Parameter, value: float) -> dict[str, object]:
    """What a cell tells for itself; of cells that moved together it keeps a range it is in."""
    alone = parameter.low <= value <= parameter.high
    low, high = (parameter.low, parameter.high) if alone else (value, value)
    return _provenance(replace(parameter, value=value, low=low, high=high), value)


def _provenance(parameter: Parameter, *values: float) -> dict[str, object]:
    """``overall``, ``range``, ``source``, ``note`` and ``fixed`` of a parameter's line."""
    text: dict[str, object] = {}
    moves = parameter.low < parameter.high
    same = len(set(values)) == 1
    # As the reader has it: structural 0 and 1 among other values do not count.
    inner = [value for value in values if 0 < value < 1] or values
    told = values[0] if same else float(np.mean(inner))
    if parameter.value != told or (moves and not same):
        text["overall"] = parameter.value
    if moves:
        text["range"] = [parameter.low, parameter.high]
    elif parameter.sources != (UNSOURCED,):
        text["fixed"] = True
    if parameter.sources:
        sources = parameter.sources
        text["source"] = sources[0] if len(sources) == 1 else list(sources)
    if parameter.note:
        text["note"] = parameter.note
    return text
