"""Several diagnoses beside each other: what was answered, how urgent it is, and what fits.

``Diagnosis.compare`` says what moves between two; here each diagnosis has a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twitchnet.diagnosis.pages import Shown, table, worded
from twitchnet.diagnosis.report.wording import percent
from twitchnet.show.page import Bar, Cell, Page

if TYPE_CHECKING:
    from twitchnet.diagnosis.diagnosis import Diagnosis

LEADERS = 5
"""Causes of each diagnosis, by gain, that have a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A cause, its prior, and its posterior in each diagnosis."""

    cause: str
    state: str
    label: str
    prior: float
    posteriors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SideBySide(Shown):
    """Diagnoses by one model, a column each.

    ``answers`` maps each variable that they do not all say alike to its state in each, '' where it
    was not answered; ``rows`` are the causes that lead one of them.
    """

    names: tuple[str, ...]
    answers: dict[str, tuple[str, ...]]
    urgencies: tuple[str, ...]
    leaders: tuple[str, ...]
    rows: tuple[Row, ...]

    def page(self) -> Page:
        """Tables with a column for each diagnosis."""
        heads = " | ".join(name.replace("|", "/") for name in self.names)
        return self.sheet(
            "Side by side",
            table(
                "Answers that differ",
                f"*answer | {heads}",
                (
                    (self.called(name), *(worded(state) if state else "unknown" for state in said))
                    for name, said in self.answers.items()
                ),
            ),
            table(
                "What they come to",
                f"what | {heads}",
                (
                    *([("urgency", *map(worded, self.urgencies))] if any(self.urgencies) else ()),
                    ("leads by gain", *(self.called(name) or "-" for name in self.leaders)),
                ),
            ),
            table("Causes", f"cause | >before any answer | {heads}", self._cells()),
        )

    def _cells(self) -> Iterator[tuple[Cell, ...]]:
        for row in self.rows:
            bars = (Bar(p, percent(p), row.prior) for p in row.posteriors)
            yield row.label, percent(row.prior), *bars


def side_by_side(*diagnoses: Diagnosis, names: Sequence[str] = ()) -> SideBySide:
    """Diagnoses of one model beside each other, as a page in text and HTML.

    ``names`` are heads of the columns, A, B, C, ... by default.  Raises ``ValueError`` for fewer
    than two diagnoses, for diagnoses of different models, and for a wrong number of names.

    >>> import twitchnet as tn
    >>> model = tn.load("demo")
    >>> both = tn.side_by_side(
    ...     model.diagnose(leg_twitching=True, caffeine_intake="high"),
    ...     model.diagnose(leg_twitching=True, intense_exercise=True),
    ...     names=["after coffee", "after sport"],
    ... )
    >>> both.leaders
    ('stimulant_excess', 'muscle_fatigue')
    """
    if len(diagnoses) < 2:
        raise ValueError(f"two diagnoses or more stand side by side, not {len(diagnoses)}")
    network = diagnoses[0].network
    if any(one.network.fingerprint != network.fingerprint for one in diagnoses):
        raise ValueError("diagnoses of different models do not stand side by side; see Model.diff")
    heads = tuple(names) or tuple(_letter(i) for i in range(len(diagnoses)))
    if len(heads) != len(diagnoses):
        raise ValueError(f"{len(heads)} names for {len(diagnoses)} diagnoses")
    said = [one.answers.states(network) for one in diagnoses]
    answers = {
        v.name: states
        for v in network.variables
        if len(set(states := tuple(answered.get(v.name, "") for answered in said))) > 1
    }
    wanted = {(row.cause, row.state) for one in diagnoses for row in one.ranked("gain")[:LEADERS]}
    by_pair = [{(row.cause, row.state): row for row in one.ranking} for one in diagnoses]
    rows = [
        Row(row.cause, row.state, row.label, row.prior, tuple(d[pair].posterior for d in by_pair))
        for pair, row in by_pair[0].items()
        if pair in wanted
    ]
    found = SideBySide(
        heads,
        answers,
        tuple(one.urgency for one in diagnoses),
        tuple(one.leader for one in diagnoses),
        tuple(sorted(rows, key=lambda row: -max(row.posteriors))),
    )
    return found.signed_by(network)


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
