"""What do the names in a network mean, and what is wrong with one that means nothing?

The shared ground of the modules that check: a broken rule as a value, and the look-up of
names that knows what a loader's file held but could not be read (its *ghosts*).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from twitchnet.errors import Severity
from twitchnet.model.local import Table
from twitchnet.model.network import Kind, Network

SECTIONS: dict[Kind, str] = {
    "context": "contexts",
    "cause": "causes",
    "finding": "findings",
    "screen": "screens",
}
"""Where the model file declares the variables of each kind."""

Key = str | int
Keys = tuple[Key, ...]
Ghosts = Collection[str]


class Found(NamedTuple):
    """One broken rule: the keys that lead to its place, and what is wrong.

    ``wrong`` and ``choices`` are for the hint at the nearest right name.  ``parameter``
    is the index of a parameter that ``keys`` are relative to, or -1.
    """

    code: str
    keys: Keys
    message: str
    wrong: str = ""
    choices: Collection[str] = ()
    hint: str = ""
    at_key: bool = False
    parameter: int = -1
    severity: Severity = "error"


class Scope:
    """What the names of a network mean; also judges one mechanism at a time."""

    def __init__(self, network: Network, ghosts: Ghosts = frozenset()) -> None:
        self.network = network
        self.ghosts = ghosts
        self.by_name = network.by_name
        self.cards = network.cards
        self.sources = {source.key for source in network.sources}
        self._acting: dict[str, frozenset[str]] = {}

    def lost(self, kind: str, name: str) -> bool:
        """Whether the file holds, or may hold, this but it could not be read."""
        return f"{kind}:{name}" in self.ghosts or f"{kind}:*" in self.ghosts

    def source(self, name: str, keys: Keys, parameter: int = -1) -> Iterator[Found]:
        """What is wrong with ``name`` as a source."""
        if name not in self.sources and not self.lost("source", name):
            message = f"no source {name[:80]!r} in sources"
            yield Found("TN114", keys, message, name, self.sources, parameter=parameter)

    def node(self, name: str, keys: Keys, *, at_key: bool = False) -> Iterator[Found]:
        """What is wrong with ``name`` as a variable that has a probability."""
        yield from self.variable(name, keys, at_key=at_key)
        variable = self.by_name.get(name)
        if variable is not None and variable.kind == "screen":
            message = f"{name!r} is a screen question, which has no probability"
            yield Found("TN141", keys, message, at_key=at_key)

    def variable(self, name: str, keys: Keys, *, at_key: bool = False) -> Iterator[Found]:
        """What is wrong with ``name`` as any variable."""
        if name not in self.by_name and not self.lost("variable", name):
            message = f"no variable named {name[:80]!r}"
            yield Found("TN112", keys, message, name, self.by_name, at_key=at_key)

    def state(self, name: str, state: str, keys: Keys) -> Iterator[Found]:
        """What is wrong with ``state`` of a variable."""
        variable = self.by_name.get(name)
        if variable is None or self.lost("variable", name):
            return
        if state not in variable.states:
            message = f"no state {state[:80]!r} of {name}"
            yield Found("TN113", keys, message, state, variable.states)

    def acting(self, child: str) -> frozenset[str]:
        """The parents that act on ``child``: those of its links, or of its table."""
        if child not in self._acting:
            variable = self.by_name.get(child)
            local = None if variable is None else variable.local
            if isinstance(local, Table):
                self._acting[child] = frozenset(local.parents)
            else:
                links = () if local is None else local.links
                self._acting[child] = frozenset(link.parent for link in links)
        return self._acting[child]

    def has_link(self, parent: str, child: str) -> bool:
        """Whether ``parent`` acts on ``child``, or might if the file could be read."""
        lost = self.lost
        return (
            parent in self.acting(child)
            or f"link:{parent}->{child}" in self.ghosts
            or lost("mechanism", child)
            or lost("variable", parent)
            or lost("variable", child)
        )
