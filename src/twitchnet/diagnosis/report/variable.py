"""What does the model say of one variable?  Its words, its neighbours, and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.model.local import Array, Table
from twitchnet.model.network import Network, Parameter, Source, Variable
from twitchnet.show.page import Page

ROWS = 100  # of a table that is shown

Kind = Literal["context", "cause", "finding", "screen"]


@dataclass(frozen=True, slots=True)
class VariableInfo(Shown):
    """One variable of a model, as ``model.variables[name]`` gives it.

    ``states[0]`` is the baseline.  ``numbers`` are its numbers with their ranges, those that
    move together as one; ``arrays`` holds every number by the name that
    ``Model.with_numbers`` takes (``"muscle_fatigue -> leg_twitching"``), read-only, in the
    shape of the local model; ``sources`` are the sources of its numbers; ``codes`` pairs of a
    system and what the variable is called there.  ``rows`` is a table by rows, the states of the
    parents and the probabilities of the own states; it is empty for links, and for a table of more
    than 100 rows, which ``arrays`` holds.
    """

    name: str
    kind: Kind
    label: str
    states: tuple[str, ...]
    question: str
    description: str
    parents: tuple[str, ...]
    children: tuple[str, ...]
    numbers: tuple[Parameter, ...]
    arrays: Mapping[str, Array]
    sources: tuple[Source, ...]
    codes: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...] = ()

    def page(self) -> Page:
        """The variable as a page."""
        return self.sheet(
            self.label,
            lines(
                "What it is",
                self.description,
                f"{self.kind.capitalize()} {self.name}: {', '.join(self.states)}.",
                f"Asked: {self.question}" if self.question else "",
                f"Codes: {', '.join(code for _, code in self.codes)}." if self.codes else "",
            ),
            lines(
                "Neighbours",
                f"Depends on: {', '.join(map(self.called, self.parents))}." if self.parents else "",
                f"Changes: {', '.join(map(self.called, self.children))}." if self.children else "",
            ),
            table(
                "Table",
                " | ".join([*map(self.called, self.parents), *(f">{one}" for one in self.states)]),
                ((*given, *(percent(p) for p in shares)) for given, shares in self.rows),
            ),
            table("Numbers", "*number | >value | range | sources | note", self._rows()),
            table(
                "Sources",
                "key | kind | *where from",
                ((one.key, one.kind, f"{one.cite} {one.url}".strip()) for one in self.sources),
            ),
        )

    def _rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        for one in self.numbers:
            kind, _, parent = one.part.partition(":")
            name = f"{self.called(parent)} -> {self.label}" if parent else kind
            exact = one.low == one.high
            ends = "exact" if exact else f"{one.low:.3g} to {one.high:.3g}"
            yield name, f"{one.value:.3g}", ends, ", ".join(one.sources), one.note


class Variables(Mapping[str, VariableInfo]):
    """The variables of a network by name, in the order of the model."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __getitem__(self, name: str) -> VariableInfo:
        return _info(self._network, self._network.by_name[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._network.by_name)

    def __len__(self) -> int:
        return len(self._network.variables)

    def __repr__(self) -> str:
        return f"<{len(self)} variables of {self._network.name}>"


def _info(network: Network, variable: Variable) -> VariableInfo:
    numbers = tuple(one for one in network.parameters if one.node == variable.name)
    keys = {key for one in numbers for key in one.sources}
    info = VariableInfo(
        variable.name,
        variable.kind,
        variable.label or variable.name,
        variable.states,
        variable.question,
        variable.description,
        network.parents(variable.name),
        tuple(one.name for one in network.nodes if variable.name in network.parents(one.name)),
        numbers,
        dict(_arrays(variable)),
        tuple(source for source in network.sources if source.key in keys),
        variable.codes,
        tuple(_table_rows(network, variable)),
    )
    return info.signed_by(network)


def variable_page(variable: Variable) -> VariableInfo:
    """What a variable says by itself, without its network."""
    return VariableInfo(
        variable.name,
        variable.kind,
        variable.label or variable.name,
        variable.states,
        variable.question,
        variable.description,
        () if variable.local is None else tuple(dict.fromkeys(variable.local.parents)),
        (),
        (),
        dict(_arrays(variable)),
        (),
        variable.codes,
    )


def _table_rows(
    network: Network, variable: Variable
) -> Iterator[tuple[tuple[str, ...], tuple[float, ...]]]:
    local = variable.local
    if not isinstance(local, Table):
        return
    rows = local.probabilities.reshape(-1, variable.card)
    if len(rows) <= ROWS:
        states = (network.by_name[name].states for name in local.parents)
        for given, shares in zip(product(*states), rows.tolist(), strict=True):
            yield given, tuple(shares)


def _arrays(variable: Variable) -> Iterator[tuple[str, Array]]:
    local = variable.local
    if isinstance(local, Table):
        yield variable.name, local.probabilities
    elif local is not None:
        yield f"{variable.name} leak", local.leak.strength
        for link in local.links:
            yield f"{link.parent} -> {variable.name}", link.strength
