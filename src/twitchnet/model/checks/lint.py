"""What is allowed in a network, but probably not meant?

Warnings, never errors.  Lints that need the text of a file (a number without a range)
are found by its reader; the planned cost by ``diagnosis.cost``, where there is a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twitchnet.model.checks.scope import SECTIONS, Found
from twitchnet.model.local import NoisyOr
from twitchnet.model.network import Network

WEAK = 0.25
"""A link that multiplies its child's probability by less than 1.25 is called weak."""

_WORD = re.compile(r"[A-Za-z]\w*")


def linted(network: Network) -> Iterator[Found]:
    """Every warning about a sound network."""
    for one in (*_unused_sources(network), *_weak_links(network), *_unused_variables(network)):
        yield one._replace(severity="warning", at_key=True)


def _unused_sources(network: Network) -> Iterator[Found]:
    used = {source for one in network.parameters for source in one.sources}
    used |= {source for rule in network.rules for source in rule.sources}
    used |= {source for watch in network.watches for source in watch.sources}
    used |= {source for option in network.options for source in option.sources}
    used |= {s for option in network.options for effect in option.effects for s in effect.sources}
    for source in network.sources:
        if source.key not in used:
            yield Found("TN180", ("sources", source.key), "nothing uses this source")


def _weak_links(network: Network) -> Iterator[Found]:
    """Links that hardly change what the leak does anyway."""
    for node in network.nodes:
        if not isinstance(node.local, NoisyOr):
            continue
        leak = float(node.local.leak.strength.mean())
        for link in node.local.links:
            added = (1.0 - leak) * float(link.strength.max())
            if added < WEAK * leak:
                message = f"adds at most {added:.3g} to the leak's {leak:.3g}"
                yield Found("TN183", ("mechanisms", node.name, "links", link.parent), message)


def _unused_variables(network: Network) -> Iterator[Found]:
    read = {network.complaint, *network.targets}
    for variable in network.variables:
        read.update(_WORD.findall(variable.ask_if))
    for rule in network.rules:
        read.update(_WORD.findall(rule.when))
    for watch in network.watches:
        read.add(watch.target.partition("=")[0])
    for option in network.options:
        read.update(_WORD.findall(f"{option.only_if} {option.fine_if} {option.caution_if}"))
        for effect in option.effects:
            read.update([effect.target, effect.child, effect.given, *_WORD.findall(effect.only_if)])
    parents = {node.name: network.parents(node.name) for node in network.nodes}
    with_children = {parent for names in parents.values() for parent in names}
    seen_in_findings = _ancestors_of_findings(network, parents)
    for variable in network.variables:
        keys = (SECTIONS[variable.kind], variable.name)
        name = variable.name
        if variable.kind == "cause":
            if name not in seen_in_findings:
                yield Found("TN185", keys, "no finding depends on this cause")
        elif not (name in read or name in with_children or
                  (variable.kind == "finding" and parents.get(name))):  # fmt: skip
            yield Found("TN184", keys, "nothing uses this variable")
        if variable.kind != "cause" and not variable.question:
            yield Found("TN187", keys, "there is no question to ask")


def _ancestors_of_findings(network: Network, parents: dict[str, tuple[str, ...]]) -> set[str]:
    waiting = [variable.name for variable in network.nodes if variable.kind == "finding"]
    seen: set[str] = set()
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen
