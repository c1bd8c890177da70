"""Which rules must a network satisfy, and which of them does this one break?

``check`` judges a :class:`Network` value, wherever it came from: names and states, shapes
and numbers, parents and cycles, parameters, and (in ``care``) rules, options and
coverage.  It reports all problems at once, in the words of the model file
(``mechanisms.cramps.links.pregnancy``), never raises, and works in time proportional to
the size of the network.  A loader passes as ``ghosts`` what its file holds but it could
not read (``variable:x``, ``source:x``, ``mechanism:x``, ``link:a->b``, ``rule:R01``,
``option:x``; ``source:*`` for any source), so that nothing is reported only because
something else was.
"""

from __future__ import annotations

from collections.abc import Iterator

from twitchnet.errors import Problem, nearest
from twitchnet.model.checks.care import check_care
from twitchnet.model.checks.coded import check_codes
from twitchnet.model.checks.local import check_mechanism
from twitchnet.model.checks.scope import SECTIONS, Found, Ghosts, Keys, Scope
from twitchnet.model.local import LocalModel, Table
from twitchnet.model.network import Network

MAX_VARIABLES = 20_000
MAX_COMPARISONS = 50_000  # of names, for hints; about half a second
MAX_STEPS = 1_000_000  # of the walks along cycles
MAX_STATES = 127  # records are coded as int8, -1 for unknown


def check(network: Network) -> list[Problem]:
    """Every rule that the network breaks; [] when it is sound."""
    problems = []
    comparisons = MAX_COMPARISONS
    for one in found(network):
        hint = one.hint
        if not hint and one.wrong and len(one.choices) <= comparisons:
            comparisons -= len(one.choices)
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
    if len(network.variables) > MAX_VARIABLES:
        message = f"{len(network.variables)} variables, at most {MAX_VARIABLES} are allowed"
        return [Found("TN148", (), message)]
    scope = Scope(network, ghosts)
    readable = all(not ghost.startswith("variable:") for ghost in ghosts)
    if readable and all(variable.kind == "screen" for variable in network.variables):
        hint = "declare causes and findings, and their mechanisms"
        return [Found("TN102", (), "there is no variable in the model", hint=hint)]
    problems = list(_variables(network))
    for variable in network.variables:
        problems += check_mechanism(variable, scope)
    problems += _cycles(network)
    problems += _parameters(network, scope)
    problems += _head(network, scope)
    return problems + list(check_care(network, scope)) + list(check_codes(network))


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
        if len(set(states)) == len(states) and all(states):
            continue
        for index, state in enumerate(states):
            if state in states[:index]:
                yield Found("TN147", (*at, index), f"the state {state!r} is named twice")
            elif not state:
                yield Found("TN119", (*at, index), "a state has no name")


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
    place = {name: index for index, name in enumerate(parents)}
    ready = [name for name, count in waiting.items() if not count]
    steps = MAX_STEPS
    for start in parents:
        # Take away whatever has all its parents; what stays lies on a cycle.
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
            steps -= len(parents[step])
            step = next(parent for parent in parents[step] if parent in waiting)
        trail = list(path)
        cycle = _turned(trail[trail.index(step) :][::-1], place)
        shown = cycle if len(cycle) <= 12 else [*cycle[:6], "...", *cycle[-5:]]
        message = f"a cycle: {' -> '.join([*shown, cycle[0]])}"
        yield Found("TN117", _arc_keys(network, cycle[-1], cycle[0]), message, at_key=True)
        if steps < 0:
            return  # enough cycles to cut for now
        ready += cycle


def _turned(cycle: list[str], place: dict[str, int]) -> list[str]:
    """The cycle so turned that its last arc goes back furthest in the file."""
    back = [
        place[parent] - place[child]
        for parent, child in zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    ]
    last = back.index(max(back)) + 1
    return cycle[last:] + cycle[:last]


def _arc_keys(network: Network, parent: str, child: str) -> Keys:
    """Where the file says that ``child`` depends on ``parent``."""
    local = network.by_name[child].local
    keys: Keys = ("mechanisms", child)
    if isinstance(local, Table):
        return (*keys, "table", "by")
    if local is not None and any(link.parent == parent for link in local.links):
        return (*keys, "links", parent)
    return (*keys, "describes") if getattr(local, "of", None) == parent else keys


def _sizes(local: LocalModel) -> dict[str, int]:
    """The size of each array that a parameter's cells may point into, by its part."""
    return {name: block.array.size for name, block in local.blocks.items()}


def _parameters(network: Network, scope: Scope) -> Iterator[Found]:
    """Ranges, and that the cells of each parameter exist."""
    sizes: dict[str, dict[str, int]] = {}
    for index, one in enumerate(network.parameters):
        variable = network.by_name.get(one.node)
        if one.node not in sizes:
            local = None if variable is None else variable.local
            sizes[one.node] = {} if local is None else _sizes(local)
        size = sizes[one.node].get(one.part, -1)
        if size < 0:
            if variable is not None and variable.local is None:
                continue
            yield Found("TN149", (), f"no part {one.part!r} of {one.node!r}", parameter=index)
        elif not one.cells or min(one.cells) < 0 or max(one.cells) >= size:
            message = f"the cells are not among the {size} of this part"
            yield Found("TN149", (), message, parameter=index)
        for source in one.sources:
            yield from scope.source(source, (), index)
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
        known = variable is not None and not scope.lost("variable", network.complaint)
        if not wrong and known and variable is not None and variable.kind != "finding":
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
