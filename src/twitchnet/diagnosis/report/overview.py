"""What is in a model?  Its purpose and its variables, as the page that a notebook shows.

Nothing is inferred here: the page says what the network holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.model.network import Kind, Network
from twitchnet.show.page import Page, Section

ROWS = 200  # of one kind of variable: a notebook cell with thousands of rows is slow to scroll


@dataclass(frozen=True, slots=True)
class Overview(Shown):
    """A model at a glance: what it is for, and its variables by kind.

    >>> import twitchnet as tn
    >>> page = overview(tn.load("demo").network).page()
    >>> [section.heading for section in page.sections]
    ['What it is', 'Contexts', 'Causes', 'Findings']
    """

    network: Network

    def page(self) -> Page:
        """The model as a page."""
        network = self.network
        # a set: the parents of a node may hold a name twice
        arcs = {(parent, one.name) for one in network.nodes for parent in network.parents(one.name)}
        children = Counter(parent for parent, _ in arcs)
        return self.sheet(
            network.title or network.name,
            lines(
                "What it is",
                network.description,
                f"Population: {network.population}" if network.population else "",
                f"Window: {network.window}" if network.window else "",
                network.reviewed,
                f"{network.counted}.",
            ),
            self._section("Contexts", "context", children),
            self._section("Causes", "cause", children),
            self._section("Findings", "finding", children),
            self._section("Questions of rules alone", "screen", children),
        )

    def _section(self, heading: str, kind: Kind, children: Counter[str]) -> Section | None:
        names = self.network.names(kind)
        left_out = len(names) - ROWS
        rows = (
            (
                self.called(name),
                name,
                ", ".join(self.network.by_name[name].states),
                str(len(set(self.network.parents(name)))),
                str(children[name]),
            )
            for name in names[:ROWS]
        )
        note = f"{left_out:,} more are not shown." if left_out > 0 else ""
        return table(heading, "*label | name | states | >parents | >children", rows, note)


def overview(network: Network) -> Overview:
    """The page of a network, signed by it."""
    return Overview(network).signed_by(network)
