"""Which answers speak most for and against the leading cause of each record of a batch?

The weight of an answer a for the leading cause c is the one of ``diagnosis.explain``, the
log Bayes factor in decibans: odds of c given all answers, over the odds with a left out
(and with it its descriptors).  Both odds are ratios of P(c = s, answers) for the states s.
With each answer left out in turn, these come from one of two sources (``Way``):

* c set to each of its states, and upward passes alone, over a network in which the leader
  is known;
* one pass down again, of which only the marginal of c is wanted.

No state is ever the rest of the others, so no digits are lost where a posterior is all but
1.  Which source is quicker differs tenfold between records, and little between the answers
that are left out of one; so the planned cells of the whole record decide for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encode import Codes
from twitchnet.batch.passes import Batch, Column
from twitchnet.batch.posteriors import OK, TOO_WIDE, Progress
from twitchnet.diagnosis.explain import NEUTRAL
from twitchnet.engine.batch import BatchOutput
from twitchnet.engine.program import Floats, Ints
from twitchnet.model.network import Network

ROWS = 1 << 15
"""Rows run at once; each takes its codes and a few numbers of memory."""

PASSES = 50
"""What the reasons of a record count for beside a pass over it: in the progress, and where
kernels that are not loaded yet may pay.  Measured: 57 to 116, as kernels and records differ.
"""

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
    batch: Batch,
    at: Ints,
    leader: Ints,
    cells: Floats,
    most: int,
    progress: Progress | None = None,
) -> Reasons:
    """The ``most`` answers for and against the target states ``leader`` (columns of
    ``batch.targets``), for the records ``at`` of a batch.

    ``cells`` are those planned for the posteriors of these records.  Answers below 1 dB are
    neutral and left out, as in ``Explanation``.  ``progress`` is told the records done.
    """
    network = batch.inference.network
    codes = batch.codes[at]
    weights = np.full(codes.shape, np.nan)
    wide = np.zeros(len(at), dtype=np.bool_)
    for some in _pieces((codes >= 0).sum(axis=1) + 1):
        weights[some], wide[some] = _weights(batch, codes[some], leader[some], cells[some])
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


def _weights(
    batch: Batch, codes: Codes, leader: Ints, cells: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """The weight of every answer in decibans (records, nodes), and which records were too wide."""
    network = batch.inference.network
    names = [variable.name for variable in network.nodes]
    record, place = np.nonzero(codes >= 0)
    left = codes[record]
    left[np.arange(len(record)), place] = -1
    for descriptor, of in network.descriptors.items():
        left[place == names.index(of), names.index(descriptor)] = -1
    states = _States.of(batch, leader)
    whole, way = _chosen(batch, codes, states, cells)
    rows = states.take(record)
    parts = np.full((len(left), states.most), -np.inf)
    failed = np.zeros(len(left), dtype=np.bool_)
    free = (way[record] == Way.FREE).any(axis=1)
    failed[free] = _free(batch, left, rows, np.flatnonzero(free), parts)
    for s in range(states.most):
        for kind in (Way.UP, Way.CHECKED):
            at = np.flatnonzero((way[record, s] == kind) & (rows.card > s) & ~free)
            out = _clamped(batch, left[at], rows.place[at], s, checked=kind == Way.CHECKED)
            failed[at] |= out.status == TOO_WIDE
            parts[at, s] = np.where(out.status == OK, out.log_evidence, -np.inf)
    wide = (way == Way.NONE).any(axis=1)
    wide[record[failed]] = True
    before, after = rows.log_odds(parts), states.log_odds(whole)[record]
    with np.errstate(invalid="ignore"):
        change = np.where(before == after, 0.0, after - before)
    found = np.full(codes.shape, np.nan)
    found[record, place] = 10.0 / np.log(10.0) * change
    return found, wide


class Way(IntEnum):
    """Where P(c = s, answers) comes from, for the leading cause c.

    ``UP``: c is set, one upward pass; ``CHECKED``: the same in the fast form of the kernels,
    which goes down again to check itself; ``FREE``: the marginal of c, all states at once;
    ``NONE``: each is too wide.
    """

    NONE = -1
    UP = 0
    CHECKED = 1
    FREE = 2


AGAIN = 2.5
"""How much longer a cell takes in the fast form, down again, than on the way up alone.

Measured: 1.8 to 2.2 ns against 0.6 to 0.7.  With less than 2 the fast form is chosen for
records in which it fails, at twice the time of the slower way; 4 is 5 % slower than 2.5.
"""


@dataclass(frozen=True)
class _States:
    """The leading cause of some rows: its column of codes, its number of states, and ours.

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
        """The log odds (rows,) of our state, from log P(state, answers) (rows, states)."""
        rows, rest = np.arange(len(parts)), parts.copy()
        rest[rows, self.state] = -np.inf
        with np.errstate(invalid="ignore"):
            odds: Floats = parts[rows, self.state] - np.logaddexp.reduce(rest, axis=1)
        return odds


def _chosen(
    batch: Batch, codes: Codes, states: _States, cells: Floats
) -> tuple[Floats, NDArray[np.int8]]:
    """Log P(c = s, answers) of whole records, (records, states), and the way for each state.

    ``cells`` (records,) were planned for all posteriors of the record in the fast form.
    """
    shape = (len(codes), states.most)
    whole, way = np.full(shape, -np.inf), np.zeros(shape, dtype=np.int8)
    price = np.zeros(shape)
    for s in range(states.most):
        at = np.flatnonzero(states.card > s)
        up = _clamped(batch, codes[at], states.place[at], s)
        whole[at, s] = np.where(up.status == OK, up.log_evidence, -np.inf)
        price[at, s] = np.where(up.status == TOO_WIDE, np.inf, up.cells)
        if batch.compiled:
            again = _clamped(batch, codes[at], states.place[at], s, checked=True)
            checked = np.where(again.status == TOO_WIDE, np.inf, AGAIN * again.cells)
            way[at, s] = np.where(checked < price[at, s], Way.CHECKED, Way.UP)
            price[at, s] = np.minimum(price[at, s], checked)
    if batch.compiled:
        way[AGAIN * cells < price.sum(axis=1)] = Way.FREE
    way[np.isinf(price) & (way != Way.FREE)] = Way.NONE
    lost = np.flatnonzero(np.isinf(price).any(axis=1) & (way == Way.FREE).any(axis=1))
    _free(batch, codes, states, lost, whole)
    return whole, way


def _clamped(
    batch: Batch, codes: Codes, place: Ints, state: int, checked: bool = False
) -> BatchOutput:
    """An upward pass over rows in which the leading cause, not answered in any, has a state."""
    supposed = codes.copy()
    supposed[np.arange(len(codes)), place] = state
    return batch.run(batch.with_codes(supposed), (), checked=checked)


def _free(
    batch: Batch, codes: Codes, states: _States, at: Ints, parts: Floats
) -> NDArray[np.bool_]:
    """Writes log P(c = s | answers) of the rows ``at``; returns which of them were too wide.

    That is log P(c = s, answers) but for what is the same in all states.
    """
    nodes, low = batch.inference.network.nodes, batch.inference.lowered
    failed = np.zeros(len(at), dtype=np.bool_)
    for place in np.unique(states.place[at]).tolist():
        mine = states.place[at] == place
        variable, wanted = nodes[place], np.zeros_like(batch.inference.wanted)
        wanted[low.index[variable.name]] = 1
        columns = tuple((variable.name, state) for state in variable.states)
        out = batch.run(batch.with_codes(codes[at[mine]]), columns, wanted=wanted)
        failed[mine] = out.status == TOO_WIDE
        with np.errstate(divide="ignore"):
            values = np.log(np.where(np.isnan(out.probability), 0.0, out.probability))
        parts[at[mine], : variable.card] = values
    return failed


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
