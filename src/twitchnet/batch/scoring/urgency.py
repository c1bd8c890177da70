"""The columns ``urgency``, ``red_flags`` and ``decided_by``: how urgent is each record?

The same rules, watches and red flags as ``diagnosis.triage``, for arrays of codes: a
condition becomes one array of booleans.  A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes, Encoded
from twitchnet.batch.scoring.content import URGENCY
from twitchnet.batch.scoring.passes import Batch, Column, placed
from twitchnet.batch.scoring.posteriors import TOO_WIDE
from twitchnet.diagnosis.care.triage import is_red_flag
from twitchnet.engine.host.batch import BatchOutput
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import within
from twitchnet.model.language.rules import Answer, Condition, parse
from twitchnet.model.network import Network

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


def urgency_columns(encoded: Encoded, batch: Batch, main: BatchOutput) -> dict[str, Column]:
    """The three columns of every record, also of those that could not be read.

    Rules read the answers that there are.  Watches read the posteriors of ``batch``, the
    records that could be read.
    """
    network, count = batch.inference.network, len(encoded.codes)
    flagged = any(variable.red_flag for variable in network.variables)
    if not network.has_triage and not flagged:
        return {name: np.full(count, None, dtype=object) for name in URGENCY}
    unread = encoded.bad_rows
    at = np.flatnonzero(~unread)
    ruled = by_rules(network, encoded.codes, encoded.screens)
    posterior, failed = watched(batch, main, ruled.level[at])
    whole = with_watches(network, ruled, encoded.codes, placed(posterior, at, count))
    words, deciding = whole.words(), whole.deciding()
    deciding[at[failed]] = [f"{text}; watches too wide" for text in deciding[at[failed]]]
    calm = unread & (whole.level <= 0)  # nothing alarming, but not all was read
    words[calm], deciding[calm] = None, "an answer could not be read"
    return dict(zip(URGENCY, (words, whole.flags(), deciding), strict=True))


def watched(
    batch: Batch, main: BatchOutput, level: NDArray[np.int8]
) -> tuple[dict[str, Floats], Flags]:
    """P(target | the answers that watches read) by target, and where that was too wide.

    Watches do not read absent findings.  Records that have some take another pass, unless no
    watch can raise their ``level`` (records,), which is the one by rules.
    """
    network = batch.inference.network
    if not network.watches or not len(batch):
        return {}, np.zeros(len(batch), dtype=np.bool_)
    names = tuple(dict.fromkeys(w.target.partition("=")[0] for w in network.watches))
    columns = tuple(pair for pair in batch.targets if pair[0] in names)
    places = [batch.targets.index(pair) for pair in columns]
    finding = np.array([variable.kind == "finding" for variable in network.nodes])
    seen = np.where(finding & (batch.codes == 0), np.int8(-1), batch.codes)
    reachable = level <= max(network.level_of(watch.urgency) for watch in network.watches)
    same = (seen == batch.codes).all(axis=1)
    probability = np.where(same[:, None], main.probability[:, places], np.nan)
    failed = same & reachable & (main.status == TOO_WIDE)
    again = np.flatnonzero(~same & reachable)
    if len(again):
        wanted = np.zeros_like(batch.inference.wanted)
        wanted[[batch.inference.lowered.index[name] for name in names]] = 1
        rows = batch.with_codes(seen[again])
        out = batch.run(rows, columns, wanted=wanted, forms=main.forms[again])
        probability[again] = out.probability
        failed[again] = out.status == TOO_WIDE
    found = {}
    for watch in network.watches:
        name, _, state = watch.target.partition("=")
        at = [i for i, pair in enumerate(columns) if pair[0] == name and state in ("", pair[1])]
        found[watch.target] = within(probability[:, at].sum(axis=1))
    return found, failed
