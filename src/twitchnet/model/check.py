"""Which rules must a network satisfy, and which of them does this one break?

``check`` judges a :class:`Network` value, wherever it came from: names and states, shapes
and numbers, parents and cycles, parameters, and (in ``check_care``) rules, options and
coverage.  It reports all problems at once, in the words of the model file
(``mechanisms.cramps.links.pregnancy``), never raises, and works in time proportional to
the size of the network.  A loader passes as ``ghosts`` what its file holds but it could
not read (``variable:x``, ``mechanism:x``, ``link:a->b``, ``rule:R01``, ``option:x``), so
that nothing is reported only because something else was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from twitchnet.errors import Problem, Severity, nearest
from twitchnet.model.local import (
    Array,
    Descriptor,
    LocalModel,
    NoisyAnd,
    NoisyMax,
    NoisyOr,
    Table,
)
from twitchnet.model.network import Kind, Network, Variable

SECTIONS: dict[Kind, str] = {
    "context": "contexts",
    "cause": "causes",
    "finding": "findings",
    "screen": "screens",
}
"""Where the model file declares the variables of each kind."""

MAX_VARIABLES = 20_000
MAX_STATES = 127  # records are coded as int8, -1 for unknown
MAX_LOCAL_CELLS = 10_000_000
SUM_TOLERANCE = 1e-6

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


def check(network: Network) -> list[Problem]:
    """Every rule that the network breaks; [] when it is sound."""
    problems = []
    hints = 50  # nearest names cost time in proportion to the names
    for one in found(network):
        hint = one.hint
        if not hint and one.wrong and hints:
            hints -= 1
            hint = nearest(one.wrong, one.choices)
        keys = one.keys
        if one.parameter >= 0:
            keys = (*part_keys(network, one.parameter), *keys)
        path = ".".join(str(key) for key in keys)
        problems.append(Problem(one.code, one.message, path, hint=hint, severity=one.severity))
    return problems


def part_keys(network: Network, index: int) -> Keys:
    """Where the file would hold a parameter: ``mechanisms, x, links, y``."""
    parameter = network.parameters[index]
    kind, _, parent = parameter.part.partition(":")
    return ("mechanisms", parameter.node, *(("links", parent) if kind == "link" else (kind,)))


def found(network: Network, ghosts: Ghosts = frozenset()) -> list[Found]:
    """Every rule that the network breaks, as keys and words."""
    from twitchnet.model.check_care import check_care

    if len(network.variables) > MAX_VARIABLES:
        message = f"{len(network.variables)} variables, at most {MAX_VARIABLES} are allowed"
        return [Found("TN148", (), message)]
    problems = list(_variables(network))
    scope = Scope(network, ghosts)
    for variable in network.variables:
        problems += scope.mechanism(variable)
    problems += _cycles(network)
    problems += _parameters(network)
    problems += _head(network, scope)
    return problems + list(check_care(network, scope))


def _variables(network: Network) -> Iterator[Found]:
    """Names and states."""
    seen: set[str] = set()
    for variable in network.variables:
        keys = (SECTIONS[variable.kind], variable.name)
        if variable.name in seen:
            yield Found("TN118", keys, f"{variable.name!r} is declared twice", at_key=True)
        seen.add(variable.name)
        if not variable.name or any(c in "=&|()," or c.isspace() for c in variable.name):
            yield Found("TN119", keys, f"{variable.name!r} is not a name", at_key=True)
        states = variable.states
        at = (*keys, "states")
        if not 2 <= len(states) <= MAX_STATES:
            message = f"a variable has 2 to {MAX_STATES} states, this one has {len(states)}"
            yield Found("TN147", at, message)
            continue
        for index, state in enumerate(states):
            if state in states[:index]:
                yield Found("TN147", (*at, index), f"the state {state!r} is named twice")
            elif not state:
                yield Found("TN119", (*at, index), "a state has no name")


class Scope:
    """What the names of a network mean; also judges one mechanism at a time."""

    def __init__(self, network: Network, ghosts: Ghosts = frozenset()) -> None:
        self.network = network
        self.ghosts = ghosts
        self.by_name = network.by_name
        self.cards = network.cards
        self.sources = {source.key for source in network.sources}

    def node(self, name: str, keys: Keys, *, at_key: bool = False) -> Iterator[Found]:
        """What is wrong with ``name`` as a variable that has a probability."""
        yield from self.variable(name, keys, at_key=at_key)
        variable = self.by_name.get(name)
        if variable is not None and variable.kind == "screen":
            message = f"{name!r} is a screen question, which has no probability"
            yield Found("TN141", keys, message, at_key=at_key)

    def variable(self, name: str, keys: Keys, *, at_key: bool = False) -> Iterator[Found]:
        """What is wrong with ``name`` as any variable."""
        if name not in self.by_name and f"variable:{name}" not in self.ghosts:
            message = f"no variable named {name[:80]!r}"
            yield Found("TN112", keys, message, name, self.by_name, at_key=at_key)

    def state(self, name: str, state: str, keys: Keys) -> Iterator[Found]:
        """What is wrong with ``state`` of a variable."""
        variable = self.by_name.get(name)
        if variable is None or f"variable:{name}" in self.ghosts:
            return
        if state not in variable.states:
            message = f"no state {state[:80]!r} of {name}"
            yield Found("TN113", keys, message, state, variable.states)

    def has_link(self, parent: str, child: str) -> bool:
        """Whether ``parent`` acts on ``child``, or might if the file could be read."""
        variable = self.by_name.get(child)
        local = None if variable is None else variable.local
        if isinstance(local, Table):
            acts = parent in local.parents
        else:
            acts = local is not None and any(link.parent == parent for link in local.links)
        ghosts = (
            f"link:{parent}->{child}", f"mechanism:{child}",
            f"variable:{parent}", f"variable:{child}",
        )  # fmt: skip
        return acts or any(ghost in self.ghosts for ghost in ghosts)

    # -- mechanisms -----------------------------------------------------------------

    def mechanism(self, variable: Variable) -> Iterator[Found]:
        """What is wrong with the local model of a variable."""
        local, name = variable.local, variable.name
        if local is None:
            missing = variable.kind != "screen" and f"mechanism:{name}" not in self.ghosts
            if missing:
                keys = (SECTIONS[variable.kind], name)
                message = f"{name!r} has no mechanism"
                yield Found("TN140", keys, message, hint=f"add mechanisms.{name}", at_key=True)
            return
        keys = ("mechanisms", name)
        if variable.kind == "screen":
            message = f"{name!r} is a screen question, which has no mechanism"
            yield Found("TN141", keys, message, at_key=True)
            return
        if isinstance(local, Table):
            yield from self._array(
                local.probabilities, local.parents, [variable.card], (*keys, "table"), rows=True
            )
            return
        if not isinstance(local, NoisyMax) and variable.card != 2:
            message = f"{type(local).__name__} needs two states, {name} has {variable.card}"
            yield Found("TN146", keys, message, at_key=True)
            return
        own = [variable.card] if isinstance(local, NoisyMax) else []
        yield from self._array(
            local.leak.strength, local.leak.modifiers, own, (*keys, "leak"), rows=bool(own)
        )
        yield from self._links(local, own, keys)
        if isinstance(local, Descriptor):
            yield from self._descriptor(local, keys)

    def _links(
        self, local: NoisyOr | NoisyAnd | NoisyMax | Descriptor, own: list[int], keys: Keys
    ) -> Iterator[Found]:
        seen: set[str] = set()
        for link in local.links:
            at = (*keys, "links", link.parent)
            if link.parent in seen:
                yield Found("TN145", at, f"{link.parent} has a link already", at_key=True)
            seen.add(link.parent)
            if link.parent in link.modifiers:
                yield Found("TN125", at, f"{link.parent!r} modifies its own link", at_key=True)
            wrong = list(self.node(link.parent, at, at_key=True))
            yield from wrong
            if wrong or link.parent not in self.cards:
                continue
            card = 2 if isinstance(local, Descriptor) else self.cards[link.parent]
            before = len(wrong)
            wrong += self._array(link.strength, link.modifiers, [card, *own], at, rows=bool(own))
            yield from wrong[before:]
            if wrong or isinstance(local, NoisyAnd):
                continue
            baseline = link.strength[..., 0, 1:] if own else link.strength[..., 0]
            if baseline.any():
                message = f"the baseline of {link.parent} produces something"
                yield Found("TN145", at, message, at_key=True)

    def _descriptor(self, local: Descriptor, keys: Keys) -> Iterator[Found]:
        at = (*keys, "describes")
        wrong = list(self.node(local.of, at))
        yield from wrong
        finding = self.by_name.get(local.of)
        if wrong or finding is None or finding.local is None:
            return
        if isinstance(finding.local, Descriptor):
            hint = f"describe {finding.local.of!r}"
            yield Found("TN143", at, f"{local.of!r} is itself a descriptor", hint=hint)
        elif not isinstance(finding.local, NoisyOr):
            yield Found("TN142", at, f"{local.of!r} is not a noisy-OR")
        else:
            producers = {link.parent for link in finding.local.links}
            for link in local.links:
                known = link.parent in producers or self.has_link(link.parent, local.of)
                if link.parent in self.by_name and not known:
                    message = f"{link.parent} does not produce {local.of}"
                    yield Found(
                        "TN144", (*keys, "links", link.parent), message, link.parent, producers,
                        at_key=True,
                    )  # fmt: skip

    def _array(
        self, array: Array, names: tuple[str, ...], further: list[int], keys: Keys, *, rows: bool
    ) -> Iterator[Found]:
        """Shape and numbers of an array over ``names`` and then ``further`` cards."""
        wrong = False
        for index, name in enumerate(names):
            for problem in self.node(name, (*keys, "by", index)):
                wrong = True
                yield problem
            if name in names[:index]:
                wrong = True
                yield Found("TN125", (*keys, "by", index), f"{name!r} is named twice")
        if wrong or any(name not in self.cards for name in names):
            return
        shape = (*(self.cards[name] for name in names), *further)
        if array.shape != shape:
            message = f"an array of shape {array.shape} where {shape} is expected"
            yield Found("TN134", keys, message, at_key=True)
        elif array.size > MAX_LOCAL_CELLS:
            message = f"{array.size:,} cells, at most {MAX_LOCAL_CELLS:,} are allowed"
            yield Found("TN148", keys, message, at_key=True)
        elif not np.isfinite(array).all():
            yield Found("TN110", keys, "a probability is not a finite number", at_key=True)
        elif array.size and (array.min() < 0 or array.max() > 1):
            value = array.min() if array.min() < 0 else array.max()
            message = f"{value:.6g} is not a probability: it is outside 0 to 1"
            yield Found("TN130", keys, message, at_key=True)
        elif rows:
            total = array.sum(axis=-1)
            off = np.abs(total - 1.0)
            if off.max() > SUM_TOLERANCE:
                worst = total[np.unravel_index(off.argmax(), off.shape)]
                message = f"the probabilities of a row add up to {worst:.6g}, not to 1"
                yield Found("TN133", keys, message, at_key=True)


def _cycles(network: Network) -> Iterator[Found]:
    """One problem for each cycle that has to be cut, spelled out from parent to child."""
    parents = {
        node.name: [p for p in node.local.parents if p in network.cards]
        for node in network.nodes
        if node.local is not None
    }
    children: dict[str, list[str]] = {name: [] for name in parents}
    waiting = {name: len(names) for name, names in parents.items()}
    for name, names in parents.items():
        for parent in names:
            children[parent].append(name)
    ready = [name for name, count in waiting.items() if not count]
    for start in parents:
        # Take away whatever has all its parents; what stays hangs on a cycle.
        while ready:
            name = ready.pop()
            if waiting.pop(name, None) is None:
                continue
            for child in children[name]:
                if child in waiting:
                    waiting[child] -= 1
                    if not waiting[child]:
                        ready.append(child)
        if start not in waiting:
            continue
        path: dict[str, None] = {}
        step = start
        while step not in path:
            path[step] = None
            step = next(parent for parent in parents[step] if parent in waiting)
        trail = list(path)
        cycle = trail[trail.index(step) :][::-1]
        shown = cycle if len(cycle) <= 12 else [*cycle[:6], "...", *cycle[-5:]]
        message = f"a cycle: {' -> '.join([*shown, cycle[0]])}"
        yield Found("TN117", _arc_keys(network, cycle[-1], cycle[0]), message, at_key=True)
        ready += cycle


def _arc_keys(network: Network, parent: str, child: str) -> Keys:
    """Where the file says that ``child`` depends on ``parent``."""
    local = network.by_name[child].local
    keys: Keys = ("mechanisms", child)
    if isinstance(local, Table):
        return (*keys, "table", "by")
    if local is not None and any(link.parent == parent for link in local.links):
        return (*keys, "links", parent)
    return (*keys, "describes") if getattr(local, "of", None) == parent else keys


def _part(local: LocalModel | None, part: str) -> Array | None:
    """The array that a parameter's cells point into."""
    if isinstance(local, Table):
        return local.probabilities if part == "table" else None
    if local is None:
        return None
    if part == "leak":
        return local.leak.strength
    for link in local.links:
        if part == f"link:{link.parent}":
            return link.strength
    return None


def _parameters(network: Network) -> Iterator[Found]:
    """Ranges, and that each parameter speaks of cells that exist."""
    sources = {source.key for source in network.sources}
    arrays: dict[tuple[str, str], int] = {}
    for index, one in enumerate(network.parameters):
        where = (one.node, one.part)
        if where not in arrays:
            variable = network.by_name.get(one.node)
            array = None if variable is None else _part(variable.local, one.part)
            arrays[where] = -1 if array is None else array.size
        size = arrays[where]
        if size < 0:
            if where[0] in network.by_name and network.by_name[where[0]].local is None:
                continue
            yield Found("TN149", (), f"no part {one.part!r} of {one.node!r}", parameter=index)
        elif not one.cells or min(one.cells) < 0 or max(one.cells) >= size:
            message = f"the cells are not among the {size} of this part"
            yield Found("TN149", (), message, parameter=index)
        for source in one.sources:
            if source not in sources:
                message = f"no source {source[:80]!r} in sources"
                yield Found("TN114", (), message, source, sources, parameter=index)
        low, value, high = one.low, one.value, one.high
        if not 0 <= low <= value <= high <= 1:
            message = f"the value {value:g} is outside its range [{low:g}, {high:g}]"
            yield Found("TN131", ("range",), message, parameter=index)
        elif low < high and (low == 0 or high == 1):
            message = "a range on the logit scale cannot touch 0 or 1"
            yield Found("TN132", ("range",), message, parameter=index)


def _head(network: Network, scope: Scope) -> Iterator[Found]:
    """The complaint, the targets and the sources."""
    if network.complaint:
        wrong = list(scope.node(network.complaint, ("complaint",)))
        yield from wrong
        variable = network.by_name.get(network.complaint)
        if not wrong and variable is not None and variable.kind != "finding":
            message = f"the complaint is a finding, {variable.name!r} is a {variable.kind}"
            yield Found("TN162", ("complaint",), message)
    seen: set[str] = set()
    for index, target in enumerate(network.targets):
        yield from scope.node(target, ("targets", index))
        if target in seen:
            yield Found("TN118", ("targets", index), f"{target!r} is a target already")
        seen.add(target)
    seen = set()
    for source in network.sources:
        if source.key in seen:
            yield Found("TN118", ("sources", source.key), f"{source.key!r} is declared twice")
        seen.add(source.key)
