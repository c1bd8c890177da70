"""Which answers speak most for and against the leading cause of each record of a batch?

The weight of an answer a for the leading cause c is the one of ``diagnosis.explain``, the
log Bayes factor in decibans: odds of c given all answers, over the odds with a left out
(and with it its descriptors).  The two odds are ratios of P(c, answers) and
P(not c, answers), so each record is run with each answer left out and c set to each of its
states: upward passes alone, over a network in which the leader is known.  That takes a third
of the time of whole posteriors, and loses no digits where a posterior is all but 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encode import Codes
from twitchnet.batch.passes import Batch, Column
from twitchnet.batch.posteriors import OK, TOO_WIDE, Progress
from twitchnet.diagnosis.explain import NEUTRAL
from twitchnet.engine.program import Floats, Ints
from twitchnet.model.network import Network

ROWS = 1 << 15
"""Rows run at once; each takes its codes and a few numbers of memory."""

PASSES = 30
"""About what the reasons of a full questionnaire cost, in passes over the record."""

Texts = NDArray[np.object_]


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
    batch: Batch, at: Ints, leader: Ints, most: int, progress: Progress | None = None
) -> Reasons:
    """The ``most`` answers for and against the target states ``leader`` (columns of
    ``batch.targets``), for the records ``at`` of a batch.

    Answers below 1 dB are neutral and left out, as in ``Explanation``.  ``progress`` is told
    the records done.
    """
    network = batch.inference.network
    codes = batch.codes[at]
    weights = np.full(codes.shape, np.nan)
    wide = np.zeros(len(at), dtype=np.bool_)
    for some in _pieces((codes >= 0).sum(axis=1) + 1):
        weights[some], wide[some] = _weights(batch, codes[some], leader[some])
        if progress is not None:
            progress(some.stop)
    weights[wide] = np.nan
    status = np.where(wide, "too wide", "ok").astype(object)
    spoken_for = _strongest(network, codes, weights, most)
    against = _strongest(network, codes, -weights, most)
    return Reasons(status, *spoken_for, against[0], -against[1])


def _pieces(rows: Ints) -> Iterator[slice]:
    """Runs of records that make about ROWS rows together; ``rows`` (records,) are those of each."""
    start, total = 0, 0
    for record, count in enumerate(rows.tolist()):
        if total and total + count > ROWS:
            yield slice(start, record)
            start, total = record, 0
        total += count
    if total:
        yield slice(start, len(rows))


def _weights(batch: Batch, codes: Codes, leader: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """The weight of every answer in decibans (records, nodes), and which records were too wide."""
    network = batch.inference.network
    names = [variable.name for variable in network.nodes]
    record, place = np.nonzero(codes >= 0)
    left = codes[record]
    left[np.arange(len(record)), place] = -1
    for descriptor, of in network.descriptors.items():
        left[place == names.index(of), names.index(descriptor)] = -1
    whole = np.concatenate([codes, left])
    of_record = np.concatenate([np.arange(len(codes)), record])
    odds, failed = _log_odds(batch, whole, leader[of_record])
    wide = np.zeros(len(codes), dtype=np.bool_)
    wide[of_record[failed]] = True
    before, after = odds[len(codes) :], odds[: len(codes)][record]
    with np.errstate(invalid="ignore"):
        change = np.where(before == after, 0.0, after - before)
    found = np.full(codes.shape, np.nan)
    found[record, place] = 10.0 / np.log(10.0) * change
    return found, wide


def _log_odds(batch: Batch, codes: Codes, leader: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """The log odds of each row's target state (rows,), and which rows were too wide.

    One upward pass for each state of the target; no answer of a row is the target's.
    """
    network = batch.inference.network
    names = [variable.name for variable in network.nodes]
    node = np.array([names.index(name) for name, _ in batch.targets])[leader]
    wanted = [network.by_name[name].states.index(state) for name, state in batch.targets]
    state = np.array(wanted)[leader]
    card = np.array([network.nodes[i].card for i in node], dtype=np.int64)
    inside, outside = np.full(len(codes), -np.inf), np.full(len(codes), -np.inf)
    failed = np.zeros(len(codes), dtype=np.bool_)
    for s in range(int(card.max(initial=0))):
        at = np.flatnonzero(card > s)
        supposed = codes[at]
        supposed[np.arange(len(at)), node[at]] = s
        soft = np.empty((len(at), *batch.rows.soft.shape[1:]))
        out = batch.run(batch.rows._replace(codes=supposed, soft=soft), ())
        failed[at] |= out.status == TOO_WIDE
        value = np.where(out.status == OK, out.log_evidence, -np.inf)
        mine = state[at] == s
        inside[at[mine]] = value[mine]
        outside[at[~mine]] = np.logaddexp(outside[at[~mine]], value[~mine])
    with np.errstate(invalid="ignore"):
        return inside - outside, failed


def _strongest(network: Network, codes: Codes, weights: Floats, most: int) -> tuple[Texts, Floats]:
    """The ``most`` answers of at least ``NEUTRAL`` weight, largest first; ties by the model."""
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
