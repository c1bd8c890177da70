"""The columns of the leading causes: names, posteriors, gains; then intervals and reasons.

Leading are the first causes by posterior or by gain (``ScoreOptions.by``).  A cause that the
record answers has no rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.scoring.content import Content
from twitchnet.batch.scoring.intervals import intervals
from twitchnet.batch.scoring.passes import Batch, Column, Meters, placed
from twitchnet.batch.scoring.posteriors import OK
from twitchnet.batch.scoring.reasons import reasons
from twitchnet.diagnosis.gain import gains
from twitchnet.engine.host.batch import BatchOutput
from twitchnet.engine.program import Floats, Ints


@dataclass(frozen=True)
class Leaders:
    """The targets of some records in order, the first one leading; all (records, ranks).

    ``order`` are columns of ``Batch.targets``; ``exists`` says which ranks a record has;
    ``posterior`` and ``gain`` are those of the target, NaN where the rank does not exist.
    """

    order: Ints
    exists: NDArray[np.bool_]
    posterior: Floats
    gain: Floats

    def columns(self, content: Content) -> dict[str, Column]:
        """The columns of ``Content``, (records,) each."""
        cause = np.array(content.targets, dtype=object)[self.order]
        cause[~self.exists] = None
        if content.top is None:
            return {"leader": cause[:, 0]}
        found: dict[str, Column] = {}
        for k in range(content.top):
            found[f"cause_{k + 1}"] = cause[:, k]
            found[f"posterior_{k + 1}"] = self.posterior[:, k]
            if content.is_by_gain:
                found[f"gain_{k + 1}"] = self.gain[:, k]
        return found


def leaders(batch: Batch, main: BatchOutput, content: Content) -> Leaders:
    """The leaders of a batch: by gain or posterior, then by posterior, then in model order."""
    nodes = [variable.name for variable in batch.inference.network.nodes]
    given = batch.codes[:, [nodes.index(name) for name, _ in batch.targets]] >= 0
    posterior = np.where(given, -1.0, main.probability)
    keys, gain = [-posterior], np.full(posterior.shape, np.nan)
    if content.is_by_gain:
        prior = batch.inference.prior_shares
        gain = gains(main.probability, 1.0 - main.probability, *prior)
        keys.append(np.where(given, np.inf, -gain))
    order = np.lexsort(keys, axis=1)[:, : content.top or 1]
    found = np.take_along_axis(posterior, order, axis=1)
    exists = (main.status == OK)[:, None] & (found >= 0)
    bits = np.take_along_axis(gain, order, axis=1)
    return Leaders(order, exists, *(np.where(exists, one, np.nan) for one in (found, bits)))


def of_the_leaders(
    batch: Batch, main: BatchOutput, content: Content, drawn: Floats | None, meters: Meters
) -> dict[str, Column]:
    """All columns that depend on which cause leads.

    ``drawn`` are the tables of the draws (``drawn_tables``) where intervals are asked for.
    Intervals are run 1 of ``meters``, reasons run 2.
    """
    lead = leaders(batch, main, content)
    columns = lead.columns(content)
    if drawn is not None:
        at = np.flatnonzero(main.status == OK)
        ends = intervals(batch, at, drawn, main.forms[at], meters.of(1))
        columns |= placed(ends.columns(content, lead.order[at]), at, len(batch))
    if content.options.reasons:
        at, most = np.flatnonzero(lead.exists[:, 0]), content.options.reasons
        why = reasons(batch, at, lead.order[at, 0], main.forms[at], most, meters.of(2))
        columns |= placed(why.columns(), at, len(batch))
    return columns
