"""How sure is a diagnosis, when its numbers were set by hand?

Every number with a range becomes a distribution (``parameters.py``: logit-normal, low to high
its central 90 %), all numbers are drawn together, independently of each other, and the
whole network is solved exactly for each draw.  What comes out is an interval per cause,
the share of draws in which it ranks first, and its ranks.  The draws follow from ``rng``
alone: the same seed gives the same answer on any number of threads.

The interval says how far the *numbers* leave the answer open.  It does not cover what the
model leaves out.  Source for the method: Morgan & Henrion 1990, *Uncertainty*, chapter 8.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.gain import gains
from twitchnet.diagnosis.hypotheses import columns, runs_compiled
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, table
from twitchnet.diagnosis.parameters import refuse_without_ranges
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.host.batch import run_single
from twitchnet.engine.host.draws import BLOCK, pack_draws
from twitchnet.engine.kernels import compiler
from twitchnet.engine.kernels.layout import Packed
from twitchnet.engine.program import Floats
from twitchnet.model.network import Network
from twitchnet.show.page import Page
from twitchnet.show.progress import LONG, Meter


@dataclass(frozen=True, slots=True)
class Interval:
    """One cause over all draws.

    ``posterior`` follows from the numbers as they are set; ``low`` to ``high`` is the
    central part of the draws, ``median`` their middle.  ``leads`` is the share of draws in
    which the cause leads by gain, ``first`` that in which it is the most probable one;
    ``best`` to ``worst`` the central part of its ranks by probability.
    """

    cause: str
    state: str
    label: str
    posterior: float
    median: float
    low: float
    high: float
    leads: float
    first: float
    best: int
    worst: int


@dataclass(frozen=True, eq=False)
class Uncertainty(Shown):
    """Posteriors under draws of the numbers.

    ``intervals`` are ordered by posterior; ``draws`` (N, columns) are the posteriors of
    :func:`~twitchnet.diagnosis.hypotheses.columns`; ``mass`` is the part that intervals
    cover; ``lost`` counts draws in which the answers were impossible.
    """

    intervals: tuple[Interval, ...]
    draws: Floats
    mass: float
    lost: int = 0

    def __getitem__(self, cause: str) -> Interval:
        """The interval of a cause (of its first state that is not the baseline)."""
        for one in self.intervals:
            if one.cause == cause:
                return one
        raise KeyError(cause)

    def page(self) -> Page:
        """The intervals as a table."""
        share = percent(self.mass)
        return self.sheet(
            "How sure, as far as the numbers go",
            table(
                f"Causes over {len(self.draws):,} draws of the numbers",
                "*cause | >probability | range | >leads by gain | >most probable | ranks",
                (
                    (
                        one.label,
                        percent(one.posterior),
                        f"{percent(one.low)} to {percent(one.high)}",
                        percent(one.leads),
                        percent(one.first),
                        f"{one.best}-{one.worst}",
                    )
                    for one in self.intervals
                    if one.high >= LEAST_SHOWN
                ),
                f"Ranges and ranks hold {share} of the draws; causes below "
                f"{percent(LEAST_SHOWN)} are left out.",
            ),
            subtitle="What the ranges of the numbers leave open; not what the model leaves out.",
        )


LEAST_SHOWN = 0.02
"""A cause whose interval ends below is not worth a row."""


def drawn_numbers(inference: Inference, draws: int, rng: np.random.Generator) -> Floats:
    """``draws`` vectors of all numbers of the network, shape (draws, N).

    Raises ``ModelError`` when no number has a range.
    """
    refuse_without_ranges(inference.network)
    turn = inference.shifts
    return turn.turned(turn.draw(draws, rng))


def uncertainty(
    inference: Inference,
    answers: Answers,
    posterior: Floats,
    *,
    draws: int = 1000,
    rng: np.random.Generator | int = 0,
    mass: float = 0.9,
) -> Uncertainty:
    """Posteriors of every cause under ``draws`` draws of the numbers.

    ``posterior`` (columns,) are those of the numbers as they are set; ``rng`` is a seed or
    a generator.  Raises ``ValueError`` for fewer than one draw or a mass outside (0, 1),
    ``ModelError`` when no number has a range.
    """
    if draws < 1 or not 0.0 < mass < 1.0:
        raise ValueError("at least one draw, and a mass between 0 and 1")
    generator = np.random.default_rng(rng)
    numbers = drawn_numbers(inference, draws, generator)
    tables = inference.lowered.tables(numbers)
    solve = _compiled if runs_compiled(inference, answers, draws) else _read
    found = solve(inference, answers, tables)
    prior = solve(inference, Answers(), tables)
    return summarise(inference.network, posterior, found, prior, mass, set(answers.hard))


def _read(inference: Inference, answers: Answers, tables: Floats) -> Floats:
    """The posteriors (draws, columns) of a record for each row of ``tables`` (draws, E).

    NaN where the answers are impossible under these numbers.
    """
    program, places = inference.lowered.program, columns(inference.network)

    def solve(table: Floats) -> Floats:
        beliefs = inference.beliefs(answers, program._replace(part_table=table), explain=False)
        return np.array([beliefs.probability[name][state] for name, state in places])

    rows: list[Floats] = []
    with (
        ThreadPoolExecutor(min(os.cpu_count() or 1, len(tables))) as pool,
        Meter(len(tables), after=LONG, unit="draws") as meter,
    ):
        for row in pool.map(solve, tables):
            rows.append(row)
            meter(len(rows))
    return np.array(rows)


def _compiled(inference: Inference, answers: Answers, tables: Floats) -> Floats:
    """The same by the compiled kernels, with what draws have in common done once."""
    compiler.compiled()
    low, evidence = inference.lowered, inference.evidence(answers)
    places = columns(inference.network)
    nodes, states = [low.index[name] for name, _ in places], [state for _, state in places]
    wanted = inference.wanted_targets  # nothing but ranked causes: a tenth less work
    found = np.full((len(tables), len(places)), np.nan)

    def solve(draw: int, packed: Packed) -> None:
        single = run_single(
            low.program,
            evidence,
            wanted,
            inference.budget,
            inference.workspace,
            explain=False,
            packed=packed,
        )
        if single.status == "too wide":  # the other planner may still find a cheaper order
            found[draw] = _read(inference, answers, tables[draw : draw + 1])[0]
        elif single.status != "impossible":
            found[draw] = single.marginal[states, nodes]

    with (
        ThreadPoolExecutor(min(os.cpu_count() or 1, len(tables))) as pool,
        Meter(len(tables), after=LONG, unit="draws") as meter,
    ):
        for start in range(0, len(tables), BLOCK):
            draws = range(start, min(start + BLOCK, len(tables)))
            packed = pack_draws(low.program, tables[start : draws.stop])
            list(pool.map(solve, draws, packed))
            meter(draws.stop)
    return found


def summarise(
    network: Network, posterior: Floats, draws: Floats, prior: Floats, mass: float, given: set[str]
) -> Uncertainty:
    """Intervals of posteriors ``draws`` (N, columns), with the ``prior`` of each draw.

    ``given`` causes take no rank.
    """
    possible = ~np.isnan(draws).any(axis=1)
    kept, before = draws[possible], prior[possible]
    if not len(kept):
        raise ValueError("the answers are impossible under every draw of the numbers")
    tail = (1.0 - mass) / 2.0
    places = columns(network)
    ranked = np.array([name not in given for name, _ in places])
    order = np.argsort(-np.where(ranked, kept, -1.0), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(places) + 1)[None], axis=1)
    low, median, high = np.quantile(kept, [tail, 0.5, 1.0 - tail], axis=0)
    best = np.quantile(rank, tail, axis=0, method="inverted_cdf")
    worst = np.quantile(rank, 1.0 - tail, axis=0, method="inverted_cdf")
    gain = np.where(ranked, gains(kept, 1.0 - kept, before, 1.0 - before), -np.inf)
    lead = np.lexsort((-kept, -gain), axis=1)[:, 0]
    rows = [
        Interval(
            name,
            network.by_name[name].states[state],
            network.by_name[name].label or name,
            float(posterior[i]),
            float(median[i]),
            float(low[i]),
            float(high[i]),
            float((lead == i).mean()),
            float((rank[:, i] == 1).mean()),
            int(best[i]),
            int(worst[i]),
        )
        for i, (name, state) in enumerate(places)
        if ranked[i]
    ]
    rows.sort(key=lambda one: -one.posterior)
    return Uncertainty(tuple(rows), kept, mass, len(draws) - len(kept))
