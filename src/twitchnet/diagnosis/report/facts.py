"""What are the facts of a report?  Plain values in labels that people read, nothing else.

``report.py`` gathers them from a diagnosis, ``wording.py`` makes sentences of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twitchnet.model.care import Urgency
from twitchnet.model.words import GENERIC, NEUTRAL, Level, Words, place_of


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer in words; ``present`` when it is not the variable's baseline."""

    name: str
    label: str
    state: str
    present: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Reason:
    """An answer that speaks for a cause.

    ``share`` is P(the cause produced this finding | answers) for a finding that the
    cause accounts for, and the strength of the link for what brings the cause about.
    """

    name: str
    label: str
    share: float
    kind: Literal["accounts", "brings"]


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One row of the report's table; see :class:`RankedCause` for the numbers."""

    rank: int | None
    cause: str
    label: str
    posterior: float
    prior: float
    gain: float
    explains: float
    given: bool
    present: bool  # given as present, or not given at all
    speaks: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Unaccounted:
    """A present finding that the leading explanation leaves open.

    ``best`` is the label of the cause that most probably produced it, '' when there is
    none, and ``share`` its probability.
    """

    label: str
    best: str
    share: float


@dataclass(frozen=True, slots=True)
class Flag:
    """A rule that fired, a watch that was crossed, or a rule that waits for an answer.

    ``because`` are the answers behind it, or for a rule that waits the open questions.
    """

    name: str
    urgency: Urgency
    reason: str
    because: tuple[str, ...]
    follow_up: str = ""
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Urgent:
    """How urgent it is and why, in labels; ``unasked`` are always-ask questions left open.

    ``unwatched`` says that the second net, on posteriors, was too wide to compute.  ``levels``
    are the levels of the model, the least urgent first.
    """

    urgency: Urgency
    flags: tuple[Flag, ...]
    red_flags: tuple[str, ...]
    waiting: tuple[Flag, ...]
    unasked: tuple[str, ...]
    unwatched: bool = False
    levels: tuple[Level, ...] = GENERIC

    @property
    def is_lowest(self) -> bool:
        """Whether the urgency is the lowest level of the model."""
        return place_of(self.levels, self.urgency) == 0

    def level(self, urgency: Urgency) -> Level | None:
        """The words of a level; None for '', which a model without triage has."""
        return next((level for level in self.levels if level.name == urgency), None)


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: what it acts on, most first, how sure that is, and what to mind.

    ``warn`` says that the answers call for the caution.
    """

    label: str
    advice: str
    acts_on: tuple[str, ...]
    time_scale: str
    quality: str
    caution: str
    warn: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The facts of a report.

    ``urgent`` is None for a model without rules, and ``words`` are those of the model.

    ``rows`` hold every ranked cause, first the one that the answers point to (by gain).
    ``leader`` is the first row that the record does not give (None when the answers speak for
    no cause), and ``unaccounted`` the present findings that it leaves open.  ``none_present``
    and ``unexplained`` are as in the diagnosis; ``unexplained`` is NaN unless the complaint is
    reported.
    """

    title: str
    model: str
    version: str
    fingerprint: str
    reviewed: str
    complaint: str
    answered: tuple[Answered, ...]
    findings: int
    rows: tuple[CauseRow, ...]
    leader: CauseRow | None
    about: str
    unaccounted: tuple[Unaccounted, ...]
    none_present: float
    unexplained: float
    urgent: Urgent | None = None
    steps: tuple[Step, ...] = ()
    words: Words = NEUTRAL
