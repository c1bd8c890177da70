"""Which answers speak most for and against the leading cause of each record of a batch?

The weight of an answer a for the leading cause c is the one of ``diagnosis.explain``, the log Bayes
factor in decibans: odds of c given all answers, over the odds with a left out (and with it its
descriptors).  Both odds are ratios of P(c = s, answers) for the states s; no state is computed as 1
minus the others, so no digits are lost where a posterior is close to 1.

A record without one of its findings is cheaper than the whole record.  A record without one of its
contexts, or without an answered cause, may cost a hundred times as much, because an unknown node
couples everything that it acts on.  So such an answer is not left out; it is set to each of its
other states in turn.  P(c = s, answers without it) is the sum over all of its states, and the term
of the answered state is known already.

The marginal of c is P(c = s, answers) over P(answers), so each of these records takes one pass,
which computes nothing else.  The kernels begin it with the form that answered the whole record (see
``engine.kernels``): an earlier form would only fail again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes
from twitchnet.batch.scoring.passes import Batch, Column
from twitchnet.batch.scoring.posteriors import OK, TOO_WIDE, Progress
from twitchnet.diagnosis.explain.explain import NEUTRAL
from twitchnet.engine.program import Floats, Ints
from twitchnet.model.network import Network

ROWS = 1 << 15
"""Rows run at once: bounds the memory, which is the codes and a few numbers for each row."""

PASSES = 50
"""Passes for which the reasons of a record count, in the progress and in the decision whether to
load the kernels.  Measured: 45 on questionnaires.
"""

Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]
Forms = NDArray[np.int8]


@dataclass(frozen=True)
class Reasons:
    """Reason codes of some records, strongest first.

    ``status`` (records,) is ``ok`` or ``too wide``; ``said`` (records, k) are the answers as
    ``name=state`` (None where there are fewer) and ``decibans`` (records, k) their weights,
    NaN likewise; both for the answers that speak for the cause and those against it.
    """

    status: Texts
    said_for: Texts
    decibans_for: Floats
    said_against: Texts
    decibans_against: Floats

    def columns(self) -> dict[str, Column]:
        """The columns of ``Content``, (records,) each."""
        found: dict[str, Column] = {"reasons": self.status}
        for side, said, weight in (
            ("for", self.said_for, self.decibans_for),
            ("against", self.said_against, self.decibans_against),
        ):
            for k in range(said.shape[1]):
                found |= {f"{side}_{k + 1}": said[:, k], f"{side}_{k + 1}_decibans": weight[:, k]}
        return found


def reasons(
    batch: Batch,
    at: Ints,
    leader: Ints,
    forms: Forms,
    most: int,
    progress: Progress | None = None,
) -> Reasons:
    """The ``most`` answers for and against the target states ``leader`` (columns of
    ``batch.targets``), for the records ``at`` of a batch.

    ``forms`` (records,) are the forms of the kernels that answered these records.  Answers below 1
    dB are neutral and left out, as in ``Explanation``.  ``progress`` is called with the number of
    records done.
    """
    network = batch.inference.network
    codes = batch.codes[at]
    weights = np.full(codes.shape, np.nan)
    wide = np.zeros(len(at), dtype=np.bool_)
    for some in _pieces((codes >= 0).sum(axis=1) + 1):
        weights[some], wide[some] = _weights(batch, codes[some], leader[some], forms[some])
        if progress is not None:
            progress(some.stop)
    weights[wide] = np.nan
    status = np.where(wide, "too wide", "ok").astype(object)
    spoken_for = _strongest(network, codes, weights, most)
    against = _strongest(network, codes, -weights, most)
    return Reasons(status, *spoken_for, against[0], -against[1])


def _pieces(rows: Ints) -> Iterator[slice]:
    """Runs of records that make about ROWS rows together; ``rows`` (records,) counts the rows of
    each record.
    """
    start, total = 0, 0
    for record, count in enumerate(rows.tolist()):
        if total and total + count > ROWS:
            yield slice(start, record)
            start, total = record, 0
        total += count
    if total:
        yield slice(start, len(rows))


def _weights(batch: Batch, codes: Codes, leader: Ints, forms: Forms) -> tuple[Floats, Flags]:
    """The weight of every answer in decibans (records, nodes), and which records were too wide."""
    record, place = np.nonzero(codes >= 0)
    answer, others, summed = _without(batch.inference.network, codes[record], place)
    states = _States.of(batch, leader)
    whole, wide = _parts(batch, codes, states, forms)
    of = record[answer]
    parts, failed = _parts(batch, others, states.take(of), forms[of])
    wide[of[failed]] = True
    left = np.where(summed[:, None], whole[record], -np.inf)
    np.logaddexp.at(left, answer, parts)
    before, after = states.take(record).log_odds(left), states.log_odds(whole)[record]
    with np.errstate(invalid="ignore"):
        change = np.where(before == after, 0.0, after - before)
    found = np.full(codes.shape, np.nan)
    found[record, place] = 10.0 / np.log(10.0) * change
    return found, wide


def _without(network: Network, codes: Codes, place: Ints) -> tuple[Ints, Codes, Flags]:
    """The records that add up to each row of ``codes`` without its answer to the node ``place``
    (rows,).

    Returned are the row and the codes of each such record; and for each row whether the row itself,
    with its answer, is a further term of the sum.
    """
    names = [variable.name for variable in network.nodes]
    described = network.descriptors.values()
    summed = np.array([v.kind != "finding" and v.name not in described for v in network.nodes])
    summed = summed[place]
    card = np.array([variable.card for variable in network.nodes])[place]
    count = np.where(summed, card - 1, 1)
    answer = np.repeat(np.arange(len(codes)), count)
    turn = np.arange(len(answer)) - (np.cumsum(count) - count)[answer]
    said = codes[np.arange(len(codes)), place][answer]
    others = codes[answer]
    other = np.where(summed[answer], turn + (turn >= said), -1)
    others[np.arange(len(answer)), place[answer]] = other
    for descriptor, of in network.descriptors.items():
        others[place[answer] == names.index(of), names.index(descriptor)] = -1
    return answer, others, summed


@dataclass(frozen=True)
class _States:
    """The leading cause of some rows: its column of codes, its number of states, and the state that
    leads.

    ``place``, ``card`` and ``state`` (rows,); ``most`` is the largest number of states.
    """

    place: Ints
    card: Ints
    state: Ints
    most: int

    @classmethod
    def of(cls, batch: Batch, leader: Ints) -> _States:
        """The leaders ``leader`` (columns of ``batch.targets``) of some records."""
        network = batch.inference.network
        names = [variable.name for variable in network.nodes]
        place = np.array([names.index(name) for name, _ in batch.targets])[leader]
        card = np.array([variable.card for variable in network.nodes])
        state = [network.by_name[name].states.index(state) for name, state in batch.targets]
        return cls(place, card[place], np.array(state)[leader], int(card[place].max(initial=0)))

    def take(self, at: Ints) -> _States:
        """The rows ``at``."""
        return _States(self.place[at], self.card[at], self.state[at], self.most)

    def log_odds(self, parts: Floats) -> Floats:
        """The log odds (rows,) of the leading state, from log P(state, answers) (rows, states)."""
        rows, rest = np.arange(len(parts)), parts.copy()
        rest[rows, self.state] = -np.inf
        with np.errstate(invalid="ignore"):
            odds: Floats = parts[rows, self.state] - np.logaddexp.reduce(rest, axis=1)
        return odds


def _parts(batch: Batch, codes: Codes, states: _States, forms: Forms) -> tuple[Floats, Flags]:
    """Log P(c = s, answers) (rows, states), and which rows were too wide."""
    nodes, low = batch.inference.network.nodes, batch.inference.lowered
    parts = np.full((len(codes), states.most), -np.inf)
    wide = np.zeros(len(codes), dtype=np.bool_)
    for place in np.unique(states.place).tolist():
        at = np.flatnonzero(states.place == place)
        variable, wanted = nodes[place], np.zeros_like(batch.inference.wanted)
        wanted[low.index[variable.name]] = 1
        columns = tuple((variable.name, state) for state in variable.states)
        out = batch.run(batch.with_codes(codes[at]), columns, wanted=wanted, forms=forms[at])
        wide[at] = out.status == TOO_WIDE
        good = out.status == OK
        with np.errstate(divide="ignore"):
            marginal = np.log(out.probability[good])
        parts[at[good], : variable.card] = out.log_evidence[good, None] + marginal
    return parts, wide


def _strongest(network: Network, codes: Codes, weights: Floats, most: int) -> tuple[Texts, Floats]:
    """The ``most`` answers of at least ``NEUTRAL`` weight, largest first; ties in model order."""
    kept = np.where(weights >= NEUTRAL, weights, -1.0)
    order = np.argsort(-kept, axis=1, kind="stable")[:, :most]
    records = np.arange(len(codes))[:, None]
    weight = kept[records, order]
    there = weight >= NEUTRAL
    said: Texts = np.full((len(codes), most), None, dtype=object)
    decibans = np.full((len(codes), most), np.nan)
    record, k = np.nonzero(there)  # fewer than ``most`` columns in a network of few nodes
    place = order[record, k]
    said[record, k] = _words(network)[place, codes[record, place]]
    decibans[record, k] = weight[record, k]
    return said, decibans


def _words(network: Network) -> Texts:
    """``name=state`` for every answer, (nodes, states)."""
    words = np.full((len(network.nodes), max(v.card for v in network.nodes)), None, dtype=object)
    for i, variable in enumerate(network.nodes):
        words[i, : variable.card] = [f"{variable.name}={state}" for state in variable.states]
    return words
