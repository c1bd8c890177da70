"""Which question comes next in an interview, and when is it enough?

An interview asks for both after every reply, so one look ahead serves both and is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import possible_answers, runs_compiled, suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.interview.questions import CAUSES, NextQuestion, Standing, look_ahead
from twitchnet.errors import CapacityError
from twitchnet.model.network import Network

PATIENCE = 1e8
"""Planned cells of a look ahead on the numpy path, about ten seconds."""

LIKELY = 0.2
"""Probability that one more answer changes the leader or the urgency, below which an interview
stops.  Smaller: longer interviews that more often end with the leader of the full
questionnaire (``benchmarks/interview.py`` measures both)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen from some answers: the open questions with their values."""

    standing: Standing
    rows: tuple[NextQuestion, ...]

    @property
    def change(self) -> float:
        """The largest probability that one more answer changes the leader or the urgency."""
        return max((self.standing.changed_by(one) for one in self.rows), default=0.0)


@dataclass(slots=True)
class Adviser:
    """An ``Order`` for an interview that also knows when to stop.

    Where the answers so far are impossible or too wide, and where a person would have to wait
    (``PATIENCE``), the questions come in the order of the file and nothing stops early.
    """

    inference: Inference
    about: str = CAUSES
    _last: tuple[object, Look | None] = field(default=(None, None), init=False)

    def __call__(self, network: Network, known: Mapping[str, str], questions: Sequence[str]) -> str:
        """The most telling of the open questions, the first of equals."""
        look = self.look(known, questions)
        if look is None:
            return questions[0]
        return max(look.rows, key=lambda one: -1.0 if math.isnan(one.value) else one.value).name

    def enough(self, known: Mapping[str, str], questions: Sequence[str]) -> str:
        """Why it is enough, '' when it is not.

        ``questions`` are the open ones; nothing that a red flag depends on may be among them.
        """
        look = self.look(known, questions)
        if look is None or look.change >= LIKELY:
            return ""
        if look.change == 0.0:
            return "no further answer, by itself, can change the leader or the urgency"
        chance = f"{100.0 * look.change:.0f} %"
        return (
            "no further answer, by itself, changes the leader or the urgency with more than "
            f"{chance} probability"
        )

    def look(self, known: Mapping[str, str], questions: Sequence[str]) -> Look | None:
        """The look ahead from some answers; None where there is none in time."""
        key = (tuple(known.items()), tuple(questions))
        if self._last[0] != key:
            self._last = key, self._looked(known, questions)
        return self._last[1]

    def _looked(self, known: Mapping[str, str], questions: Sequence[str]) -> Look | None:
        inference, by_name = self.inference, self.inference.network.by_name
        answers = Answers({name: by_name[name].states.index(s) for name, s in known.items()})
        nodes = [name for name in questions if by_name[name].local is not None]
        try:
            if not self._is_quick(answers, len(nodes)):
                return None
            now = suppose(inference, [answers])
            if now.log_evidence[0] == -math.inf:
                return None
            possible = possible_answers(inference, answers, now, nodes)
        except CapacityError:
            return None
        rows = tuple(
            look_ahead(inference, known, answers, now, possible, name, False, self.about)
            for name in questions
        )
        return Look(Standing.of(inference, known, answers, now), rows)

    def _is_quick(self, answers: Answers, count: int) -> bool:
        """Whether looking at this many questions takes no longer than a person waits."""
        inference = self.inference
        if runs_compiled(inference, answers, count):
            return True
        return count * inference.plan(inference.evidence(answers)).cells < PATIENCE
