"""Does the record fit the model?

The *conflict* of findings e1 ... en, given the contexts (and causes) that are answered, is

    conf(e) = log [ P(e1) ... P(en) / P(e) ]

(Jensen, Chamberlain, Nordahl & Jensen 1991, "Analysis in HUGIN of data conflict").  Findings
that come from one course of events support each other, so P(e) is larger than the product
and conf is negative; a positive value says that they are stranger together than apart: a
mistake in the record, or a case that the model does not know.
A descriptor goes with its finding.  It is *traced* to answers by
leaving each out (``part``: log [ P(ei) P(the rest) / P(e) ]) and to pairs.  A rare cause can
explain a conflict away: ``resolved_by`` names those whose weight log [P(c|e) / P(c)] is at
least the conflict.

How unusual a P(e) is can only be said among records of the same kind: ``tail`` draws whole
records from the model, keeps the answers to the same questions, and counts how often P is
as small as here.  Where the record reports the complaint, so do all of those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.explain import LeftOut
from twitchnet.diagnosis.hypotheses import columns, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample
from twitchnet.show.page import Page

PAIRS = 6
"""Answers of the largest part whose pairs are looked at: 15 passes."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one answer, or a pair of them, adds to the conflict (natural logs)."""

    answers: tuple[str, ...]
    part: float


@dataclass(frozen=True, slots=True)
class Tail:
    """How usual P(answers) is: the share of ``records`` simulated ones with P as small.

    ``low`` to ``high`` is the 95 % interval (Wilson) that the number of records leaves.
    """

    probability: float
    low: float
    high: float
    records: int


@dataclass(frozen=True, slots=True)
class Conflict(Shown):
    """The conflict of a record, in natural logs, with its parts largest first.

    ``none_present`` is P(no cause | answers), ``unexplained`` P(no cause produced the
    complaint), NaN without a complaint.
    """

    conflict: float
    log_evidence: float
    parts: tuple[Part, ...]
    pairs: tuple[Part, ...]
    resolved_by: tuple[str, ...]
    none_present: float
    unexplained: float
    tail: Tail | None = None

    @property
    def fits(self) -> bool:
        """Whether the answers are no stranger together than apart, or a rare cause explains it."""
        return self.conflict <= 0.0 or bool(self.resolved_by)

    def page(self) -> Page:
        """The verdict, and where it comes from."""
        verdict = "The answers support each other" if self.conflict <= 0 else "The answers conflict"
        by = ", ".join(map(self.called, self.resolved_by))
        tail = self.tail
        return self.sheet(
            "Does the record fit?",
            lines(
                "Verdict",
                f"{verdict}: {self.conflict:+.2f} (above 0: stranger together than apart).",
                f"A rare cause would explain the conflict: {by}."
                if self.conflict > 0 and by
                else "",
                f"{tail.probability:.3f} of {tail.records:,} simulated records with the same "
                f"questions are as improbable ({tail.low:.3f} to {tail.high:.3f})."
                if tail
                else "",
            ),
            table(
                "Where it comes from",
                "*answer | >part",
                (
                    (" + ".join(map(self.called, one.answers)), f"{one.part:+.2f}")
                    for one in (*self.parts, *self.pairs)
                    if abs(one.part) >= LEAST_PART
                ),
            ),
        )


LEAST_PART = 0.05
"""A smaller part has no row: it multiplies nothing by more than 1.05."""


def conflict(
    inference: Inference,
    answers: Answers,
    left: LeftOut,
    none_present: float,
    unexplained: float,
    found_tail: Tail | None = None,
) -> Conflict:
    """The conflict of the answers; ``left`` holds each left out in turn."""
    network = inference.network
    names = [n for n in left.names if network.by_name[n].kind == "finding"]
    groups = [_group(network, answers, name) for name in names]
    heads = [(name, g) for name, g in zip(names, groups, strict=True) if g is not None]
    single = [_only(answers, group) for _, group in heads]
    context = [n for n in left.names if network.by_name[n].kind != "finding"]
    background = _only(answers, tuple(context))
    given = suppose(inference, [background], posteriors=False).log_evidence[0]
    alone = suppose(inference, [_join(background, one) for one in single], posteriors=False)
    log_alone = alone.log_evidence - given
    log_all = float(left.now.log_evidence[0] - given)
    total = float(log_alone.sum()) - log_all
    parts = []
    for i, (name, group) in enumerate(heads):
        rest = float(left.rows.log_evidence[left.names.index(name)] - given)
        parts.append(Part(group, float(log_alone[i]) + rest - log_all))
    order = sorted(range(len(parts)), key=lambda i: -parts[i].part)
    couples = list(combinations(sorted(order[:PAIRS]), 2))
    joined = suppose(
        inference,
        [_join(_join(background, single[i]), single[j]) for i, j in couples],
        posteriors=False,
    )
    pairs = [
        Part(
            (heads[i][0], heads[j][0]),
            float(log_alone[i] + log_alone[j] - (joined.log_evidence[k] - given)),
        )
        for k, (i, j) in enumerate(couples)
    ]
    return Conflict(
        total,
        float(left.now.log_evidence[0]),
        tuple(parts[i] for i in order),
        tuple(sorted((p for p in pairs if p.part > 0), key=lambda p: -p.part)),
        _resolved(inference, answers, left, background, total),
        none_present,
        unexplained,
        found_tail,
    )


def _group(network: Network, answers: Answers, name: str) -> tuple[str, ...] | None:
    """A finding with its answered descriptors; None for a descriptor that goes with another."""
    of = network.descriptors.get(name)
    known = {*answers.hard, *answers.soft}
    if of in known:
        return None
    return (name, *(d for d, f in network.descriptors.items() if f == name and d in known))


def _only(answers: Answers, names: Sequence[str]) -> Answers:
    return Answers(
        {name: state for name, state in answers.hard.items() if name in names},
        {name: row for name, row in answers.soft.items() if name in names},
    )


def _join(one: Answers, other: Answers) -> Answers:
    return Answers({**one.hard, **other.hard}, {**one.soft, **other.soft})


def _resolved(
    inference: Inference, answers: Answers, left: LeftOut, background: Answers, total: float
) -> tuple[str, ...]:
    """Causes that the findings make so much likelier that the conflict is a rare case."""
    if total <= 0:
        return ()
    before = suppose(inference, [background]).posterior[0]
    now = left.now.posterior[0]
    gains = {
        name: math.log(now[i] / before[i])
        for i, (name, _) in enumerate(columns(inference.network))
        if name not in answers.hard and now[i] > 0 and before[i] > 0
    }
    found = [name for name, gain in gains.items() if gain >= total]
    return tuple(sorted(found, key=lambda name: -gains[name]))


def tail(
    inference: Inference,
    answers: Answers,
    log_evidence: float,
    *,
    records: int = 1000,
    rng: np.random.Generator | int = 0,
) -> Tail:
    """Where P(answers) stands among simulated records with answers to the same questions.

    Likelihoods are left out of the comparison.  The same ``rng`` gives the same answer.
    Raises ``ValueError`` without a single record.
    """
    if records < 1:
        raise ValueError("at least one simulated record")
    network = inference.network
    if answers.soft:
        hard = Answers(answers.hard)
        log_evidence = float(suppose(inference, [hard], posteriors=False).log_evidence[0])
    places = {variable.name: i for i, variable in enumerate(network.nodes)}
    asked = [name for name in places if name in answers.hard]
    given = {}
    if answers.hard.get(network.complaint):
        variable = network.by_name[network.complaint]
        given = {network.complaint: variable.states[answers.hard[network.complaint]]}
    codes = sample(network, records, np.random.default_rng(rng), given)
    drawn = [Answers({name: int(row[places[name]]) for name in asked}) for row in codes]
    unlike = list({tuple(one.hard.values()): one for one in drawn}.values())
    found = suppose(inference, unlike, posteriors=False).log_evidence
    logs = {tuple(one.hard.values()): value for one, value in zip(unlike, found, strict=True)}
    most = log_evidence + ROUNDING
    as_small = sum(bool(logs[tuple(one.hard.values())] <= most) for one in drawn)
    return Tail(as_small / records, *wilson(as_small, records), records)


ROUNDING = 1e-9
"""Equal records may differ in the last bits of log P."""


def wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of a share (Wilson 1927).

    >>> [round(x, 3) for x in wilson(0, 1000)]
    [0.0, 0.004]
    """
    p, square = count / total, z * z / total
    middle = (p + square / 2) / (1 + square)
    half = math.sqrt(square * p * (1 - p) + square * square / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)
