"""What changed between two models, and whom does it touch?

:func:`diff` compares numbers by their place (node, part, states of the parents), marginals
of the ranked causes, and, where records are given, the leader and the posteriors of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twitchnet.diagnosis.evidence import read_answers
from twitchnet.diagnosis.explain.sensitivity import dial_name
from twitchnet.diagnosis.gain import leading
from twitchnet.diagnosis.hypotheses import columns, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, said, table
from twitchnet.diagnosis.report.wording import percent
from twitchnet.errors import RecordError
from twitchnet.model.local import Table
from twitchnet.model.network import Network
from twitchnet.show.page import Page

SMALLEST = 0.0005
"""Changes of a marginal below a twentieth of a percent have no row on a page."""

SHOWN = 20
"""Rows of a table on a page; the values hold all."""

ROUNDING = 1e-12
"""Two marginals that differ by less are the same, computed in another order."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class NumberChange:
    """One number; ``before`` or ``after`` is None where the other model has it alone.

    ``at`` names the states of modifiers and parent, '' for a single number.
    """

    node: str
    part: str
    at: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class MarginalChange:
    """P(state of a ranked cause) with nothing observed, in both models."""

    cause: str
    state: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One record whose leader or posteriors differ; ``error`` where a model refuses it.

    ``largest`` is the largest change of a posterior, at ``cause``.
    """

    record: int
    leader_before: str
    leader_after: str
    cause: str
    largest: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Diff(Shown):
    """Everything that differs between two models."""

    before: str
    after: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    numbers: tuple[NumberChange, ...]
    marginals: tuple[MarginalChange, ...]
    records: tuple[RecordChange, ...]
    compared: int

    @property
    def same(self) -> bool:
        """Whether nothing that is computed differs."""
        return not (self.added or self.removed or self.numbers)

    @property
    def leaders(self) -> tuple[RecordChange, ...]:
        """The records whose leader changes."""
        return tuple(r for r in self.records if r.leader_before != r.leader_after)

    def page(self) -> Page:
        """The changes as tables, the largest first."""
        moved = sorted(self.marginals, key=lambda one: -abs(one.after - one.before))
        return self.sheet(
            f"{self.before} -> {self.after}",
            lines("Nothing that is computed differs", "Same variables, same numbers.")
            if self.same
            else None,
            lines(
                "Variables",
                f"Added: {', '.join(self.added)}." if self.added else "",
                f"Removed: {', '.join(self.removed)}." if self.removed else "",
            ),
            table(
                f"Numbers ({len(self.numbers)})",
                "*number | >before | >after",
                (
                    (
                        placed(one.node, one.part, one.at),
                        _told(one.before),
                        _told(one.after),
                    )
                    for one in self.numbers[:SHOWN]
                ),
            ),
            table(
                "Before any answer",
                "*cause | >before | >after",
                (
                    (said(one.cause, one.state), percent(one.before), percent(one.after))
                    for one in moved[:SHOWN]
                    if abs(one.after - one.before) >= SMALLEST
                ),
            ),
            table(
                f"Records whose leader changes ({len(self.leaders)} of {self.compared})",
                ">record | *before | after | >largest change",
                (
                    (
                        str(one.record),
                        one.leader_before,
                        one.error or one.leader_after,
                        f"{one.cause} {one.largest:+.3f}",
                    )
                    for one in self.leaders[:SHOWN]
                ),
            ),
        )


def placed(node: str, part: str, at: str) -> str:
    """A number in the words of the model file, with the states that it stands at.

    >>> placed("cramp", "link:coffee", "sex=female, coffee=high")
    'cramp <- coffee=high (sex=female)'
    >>> placed("sex", "table", "sex=female"), placed("cramp", "leak", "")
    ('sex=female', 'cramp leak')
    """
    name, states = dial_name(node, part), [one for one in at.split(", ") if one]
    head, _, last = name.rpartition(" ")
    own = [one for one in states if one.startswith(f"{last}=")]
    if own:
        name = f"{head} {own[-1]}".strip()
        states.remove(own[-1])
    name = name.removesuffix("=present") if head else name
    return f"{name} ({', '.join(states)})" if states else name


def diff(before: Inference, after: Inference, records: Sequence[Mapping[str, object]] = ()) -> Diff:
    """The difference of two models; ``records`` are diagnosed by both.

    Marginals cover what both models rank.  A record that a model refuses has its error.
    """
    old, new = _numbers(before.network), _numbers(after.network)
    numbers = tuple(
        NumberChange(*key, old.get(key), new.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    )
    was, now = before.network.by_name, after.network.by_name
    shared = [c for c in before.network.ranked if c in after.network.ranked]
    marginals = []
    for cause in shared:
        for state, label in enumerate(was[cause].states):
            if state and label in now[cause].states:
                place = now[cause].states.index(label)
                p = float(before.prior.probability[cause][state])
                q = float(after.prior.probability[cause][place])
                if abs(p - q) > ROUNDING:
                    marginals.append(MarginalChange(cause, label, p, q))
    one, other = _solve(before, records), _solve(after, records)
    changes = [_record(i, a, b) for i, (a, b) in enumerate(zip(one, other, strict=True), 1)]
    return Diff(
        f"{before.network.name} {before.network.version}",
        f"{after.network.name} {after.network.version}",
        tuple(name for name in now if name not in was),
        tuple(name for name in was if name not in now),
        numbers,
        tuple(marginals),
        tuple(change for change in changes if change is not None),
        len(records),
        words=after.network.words,
    )


def _numbers(network: Network) -> dict[Key, float]:
    """Every number by node, part and the states that it stands at."""
    found: dict[Key, float] = {}
    for variable in network.nodes:
        local = variable.local
        assert local is not None
        if isinstance(local, Table):
            parts = [("table", (*local.parents, variable.name), local.probabilities)]
        else:
            parts = [("leak", local.leak.modifiers, local.leak.strength)]
            for link in local.links:
                scope = (*link.modifiers, link.parent)
                parts.append((f"link:{link.parent}", scope, link.strength))
        for part, scope, array in parts:
            extra = array.ndim - len(scope)  # a noisy-MAX has its own states last
            names = (*scope, *[variable.name] * extra)
            for index, words in zip(
                itertools.product(*map(range, array.shape)), _states(network, names), strict=True
            ):
                found[variable.name, part, words] = float(array[index])
    return found


def _states(network: Network, names: Sequence[str]) -> Iterator[str]:
    rows = [[f"{name}={state}" for state in network.by_name[name].states] for name in names]
    return (", ".join(words) for words in itertools.product(*rows))


Solved = tuple[str, dict[str, float], str]


def _solve(inference: Inference, records: Sequence[Mapping[str, object]]) -> list[Solved]:
    """(leader by gain, posterior by cause, error) of each record."""
    network, places = inference.network, columns(inference.network)
    solved: list[Solved] = [("", {}, "")] * len(records)
    good = []
    for i, record in enumerate(records):
        try:
            good.append((i, read_answers(network, record)))
        except RecordError as error:
            solved[i] = ("", {}, str(error))
    found = suppose(inference, [answers for _, answers in good])
    for row, (i, answers) in enumerate(good):
        if found.log_evidence[row] == -float("inf"):
            solved[i] = ("", {}, "TN205 these answers cannot all hold")
            continue
        posterior = {
            _named(network, name, state): float(p)
            for (name, state), p in zip(places, found.posterior[row], strict=True)
            if name not in answers.hard
        }
        first = leading(inference, answers, found.posterior[row], found.rest[row])
        leader = "" if first < 0 else _named(network, *places[first])
        solved[i] = (leader, posterior, "")
    return solved


def _named(network: Network, name: str, state: int) -> str:
    return name if state == 1 else f"{name}={network.by_name[name].states[state]}"


def _record(number: int, before: Solved, after: Solved) -> RecordChange | None:
    """One record, None where nothing changed."""
    changes = {name: after[1][name] - p for name, p in before[1].items() if name in after[1]}
    cause = max(changes, key=lambda name: abs(changes[name]), default="")
    largest = changes.get(cause, 0.0)
    if before[0] == after[0] and largest == 0.0 and before[2] == after[2]:
        return None
    return RecordChange(number, before[0], after[0], cause, largest, after[2] or before[2])


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
