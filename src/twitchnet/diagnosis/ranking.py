"""The rows of a ranking and their order."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Beliefs
from twitchnet.diagnosis.pages import HasPage, table, worded
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.program import Floats
from twitchnet.model.network import Network
from twitchnet.show.page import Bar, Page

RankBy = Literal["gain", "posterior", "produced", "explains", "prior"]


@dataclass(frozen=True, slots=True)
class RankedCause:
    """One row of a ranking: a state of a target that is not its baseline.

    ``posterior`` is P(this state | answers) and ``prior`` the same with nothing observed.  ``gain``
    is the information that the answers give about this state, in bits, negative when they speak
    against it (see ``diagnosis.gain``).  ``produced`` is P(present and producing the complaint |
    answers), NaN for a model without a complaint.  ``explains`` is the expected number of present
    findings that the cause's own links produced.  ``rank`` counts from 1 and is None for a cause
    that the record itself gives (``given``).
    """

    cause: str
    label: str
    prior: float
    posterior: float
    gain: float
    produced: float
    explains: float
    rank: int | None
    state: str = "present"
    given: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys are stable.  NaN becomes None."""
        values = asdict(self)
        order = ("rank", "cause", "label", "state", "prior", "posterior", "gain")
        found = {name: values.pop(name) for name in order} | values
        return {name: _plain(value) for name, value in found.items()}


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def rows_of(
    network: Network, answers: Answers, beliefs: Beliefs, prior: Beliefs, gains: Floats
) -> tuple[RankedCause, ...]:
    """A row for each (target, state) except the baselines, in model order and without ranks.

    ``gains`` (columns,) are those of ``diagnosis.gain`` in the same order.
    """
    rows = []
    gain = iter(gains.tolist())
    for name in network.ranked:
        variable = network.by_name[name]
        for state in range(1, variable.card):
            rows.append(
                RankedCause(
                    cause=name,
                    label=variable.label or name,
                    prior=float(prior.probability[name][state]),
                    posterior=float(beliefs.probability[name][state]),
                    gain=next(gain),
                    produced=beliefs.produced.get(name, math.nan),
                    explains=beliefs.explains[name],
                    rank=None,
                    state=variable.states[state],
                    given=name in answers.hard,
                )
            )
    return tuple(rows)


class Ranking(tuple[RankedCause, ...], HasPage):
    """The rows of a ranking, in order: a tuple that notebooks show as a table.

    ``sheet`` is an empty page of the model, '' where a ranking is made without one.
    """

    sheet: Page = Page("Ranking", ())

    def signed(self) -> Page:
        """Every row: what the answers point to, how probable it is, and what it was before."""
        rows = (
            (
                "" if row.rank is None else str(row.rank),
                f"{row.label}{'' if row.state == 'present' else f': {worded(row.state)}'}"
                f"{' (given)' if row.given else ''}",
                f"{row.gain:+.2f}",
                Bar(row.posterior, percent(row.posterior), row.prior),
                percent(row.prior),
                percent(row.produced),
                f"{row.explains:.1f}",
            )
            for row in self
        )
        heads = ">rank | cause | >gain, bits | posterior | >before | >produced | >explains"
        section = table("Causes", heads, rows)
        return replace(self.sheet, sections=() if section is None else (section,))

    def of(self, network: Network) -> Ranking:
        """The same, named after a model and with its disclaimer."""
        made_by = f"{network.name} {network.version}, fingerprint {network.fingerprint[:12]}."
        self.sheet = Page("Ranking", (), made_by, network.words.disclaimer)
        return self


def ranked(rows: Iterable[RankedCause], by: RankBy) -> Ranking:
    """The rows with their ranks, the largest value first; given causes come last, without one.

    Rows of equal value are ordered by posterior, then as given; NaN counts as 0.  Raises
    ``ValueError`` for another key.
    """
    if by not in get_args(RankBy):
        raise ValueError(f"cannot rank by {by!r}: choose {', '.join(get_args(RankBy))}")

    def key(row: RankedCause) -> tuple[bool, float, float]:
        value = float(getattr(row, by))
        return row.given, 0.0 if math.isnan(value) else -value, -row.posterior

    ordered = sorted(rows, key=key)
    return Ranking(
        row if row.given else replace(row, rank=place) for place, row in enumerate(ordered, 1)
    )
