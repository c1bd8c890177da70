"""How urgent is each record of a batch?

The same rules, watches and red flags as ``diagnosis.triage``, for arrays of codes: a
condition becomes one array of booleans.  A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes
from twitchnet.diagnosis.care.triage import is_red_flag
from twitchnet.engine.program import Floats
from twitchnet.model.network import Network
from twitchnet.model.rules import Answer, Condition, parse

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Urgency:
    """Urgency by record.

    ``level`` (records,) is a place in ``levels``, the names of the levels with the least
    urgent first; ``levels`` is () in a model without triage.  ``fired`` maps each rule or
    watch to its level and the records (records,) in which it fired, in file order, watches
    last; ``red_flags`` maps findings to the records in which they are present.
    """

    level: NDArray[np.int8]
    fired: Mapping[str, tuple[int, Flags]]
    red_flags: Mapping[str, Flags]
    levels: tuple[str, ...]

    def words(self) -> NDArray[np.object_]:
        """The urgency by name, (records,); None in a model without triage."""
        if not self.levels:
            return np.full(len(self.level), None, dtype=object)
        found: NDArray[np.object_] = np.array(self.levels, dtype=object)[self.level]
        return found

    def deciding(self) -> NDArray[np.object_]:
        """The rules and watches that set the urgency, joined by ``; ``."""
        return joined(
            {name: at & (self.level == level) for name, (level, at) in self.fired.items()},
            len(self.level),
        )

    def flags(self) -> NDArray[np.object_]:
        """The red flags that are present, joined by ``; ``."""
        return joined(self.red_flags, len(self.level))


def joined(flags: Mapping[str, Flags], count: int) -> NDArray[np.object_]:
    """For each record the names that hold, joined by ``; ``; each combination is made once."""
    found = np.full(count, "", dtype=object)
    names = list(flags)
    if not names or not count:
        return found
    table = np.stack([flags[name] for name in names], axis=1)
    rows = np.flatnonzero(table.any(axis=1))
    if len(rows):
        packed = np.packbits(table[rows], axis=1)
        keys = packed.view([("", packed.dtype)] * packed.shape[1]).ravel()
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        texts = np.empty(len(first), dtype=object)
        for i, row in enumerate(rows[first]):
            texts[i] = "; ".join(names[j] for j in np.flatnonzero(table[row]))
        found[rows] = texts[which.ravel()]
    return found


class _Answers:
    """Codes of every variable by name, screens included."""

    def __init__(self, network: Network, codes: Codes, screens: Codes) -> None:
        self.network = network
        self.count = len(codes)
        self.column = {v.name: codes[:, i] for i, v in enumerate(network.nodes)}
        self.column |= {name: screens[:, i] for i, name in enumerate(network.names("screen"))}

    def holds(self, condition: Condition) -> Flags:
        """Where the answers satisfy a condition, (records,)."""
        if isinstance(condition, Answer):
            codes = self.column.get(condition.name)
            if codes is None:
                return np.zeros(self.count, dtype=np.bool_)
            if not condition.state:
                return np.asarray(codes > 0, dtype=np.bool_)
            states = self.network.by_name[condition.name].states
            wanted = states.index(condition.state) if condition.state in states else -2
            return np.asarray(codes == wanted, dtype=np.bool_)
        met = sum(
            (self.holds(part).astype(np.int16) for part in condition.parts), start=np.int16(0)
        )
        return np.asarray(met >= condition.count, dtype=np.bool_)


def by_rules(network: Network, codes: Codes, screens: Codes) -> Urgency:
    """Urgency by the rules alone; ``screens`` (records, screen questions in file order)."""
    answers = _Answers(network, codes, screens)
    level = np.full(len(codes), -1, dtype=np.int8)
    fired: dict[str, tuple[int, Flags]] = {}
    order = sorted(network.rules, key=lambda rule: -network.level_of(rule.urgency))
    for rule in order:
        if not rule.when:
            continue
        own = network.level_of(rule.urgency)
        at = answers.holds(parse(rule.when))
        if rule.alone:
            at &= level <= own
        level = np.where(at & (level < 0), np.int8(own), level)
        fired[rule.name] = (own, at)
    flags = {
        variable.name: answers.column[variable.name] > 0
        for variable in network.variables
        if is_red_flag(network, variable)
    }
    levels = tuple(one.name for one in network.triage_levels) if network.has_triage else ()
    return Urgency(level, fired, flags, levels)


def with_watches(
    network: Network, urgency: Urgency, codes: Codes, posterior: Mapping[str, Floats]
) -> Urgency:
    """The same with the watches, and the default rule where nothing fired.

    ``posterior`` maps the targets of the watches to P(target | what watches may see),
    (records,), NaN where it was not computed.  A watch is silent where its target is
    answered.
    """
    level, fired = urgency.level.copy(), dict(urgency.fired)
    columns = {variable.name: i for i, variable in enumerate(network.nodes)}
    for watch in network.watches:
        if watch.target not in posterior:
            continue
        own = network.level_of(watch.urgency)
        with np.errstate(invalid="ignore"):
            at = posterior[watch.target] > watch.threshold
        at = at & (codes[:, columns[watch.target.partition("=")[0]]] < 0)
        level = np.where(at & (level < own), np.int8(own), level)
        fired[watch.target] = (own, at)
    silent = level < 0
    for rule in network.rules:
        if rule.default:
            own = network.level_of(rule.urgency)
            fired[rule.name] = (own, silent)
            level = np.where(silent, np.int8(own), level)
    return replace(urgency, level=np.maximum(level, 0), fired=fired)
