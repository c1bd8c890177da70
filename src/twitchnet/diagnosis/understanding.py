"""What can be asked of a diagnosis, besides its ranking?  Short ways to every computation.

:class:`Understanding` is the part of :class:`~twitchnet.diagnosis.diagnosis.Diagnosis` that
explains it.  It delegates and computes nothing; the formulas and their sources stand at
the heads of the modules that it calls, and in ``docs/understanding.md``.  Those modules are
imported inside the methods, so that a ranking pays for none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from twitchnet.diagnosis.evidence import Answers, find_variable, read_answers
from twitchnet.diagnosis.gain import gains, leading
from twitchnet.diagnosis.hypotheses import columns
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import others
from twitchnet.errors import Problem, RecordError
from twitchnet.model.network import Network

if TYPE_CHECKING:
    from twitchnet.diagnosis.care.triage import Triage
    from twitchnet.diagnosis.explain.benefits import Benefits
    from twitchnet.diagnosis.explain.conflict import Conflict
    from twitchnet.diagnosis.explain.explain import Explanation, LeftOut
    from twitchnet.diagnosis.explain.joint import Combinations
    from twitchnet.diagnosis.explain.sensitivity import Sensitivity
    from twitchnet.diagnosis.explain.uncertainty import Uncertainty
    from twitchnet.diagnosis.explain.whatif import SingleChange, WhatIf
    from twitchnet.diagnosis.interview.questions import NextQuestions
    from twitchnet.diagnosis.ranking import RankedCause


class Understanding:
    """The questions that a diagnosis answers about itself."""

    network: Network
    answers: Answers
    beliefs: Beliefs
    inference: Inference

    if TYPE_CHECKING:

        @property
        def triage(self) -> Triage:
            """How urgent the answers are and why."""

        @property
        def ranking(self) -> tuple[RankedCause, ...]:
            """Rows by posterior."""

        @property
        def none_present(self) -> float:
            """P(no cause of the model | answers)."""

        @property
        def unexplained(self) -> float:
            """P(no cause produced the complaint | answers)."""

    @property
    def leader(self) -> str:
        """The cause that the answers point to: first by gain, '' when the record gives them all."""
        first = leading(self.inference, self.answers, self.columns, self.rest)
        return columns(self.network)[first][0] if first >= 0 else ""

    @cached_property
    def gains(self) -> Floats:
        """What the answers tell about every (target, state) but the baselines, in signed bits."""
        return gains(self.columns, self.rest, *self.inference.prior_shares)

    @cached_property
    def columns(self) -> Floats:
        """The posterior of every (target, state) but the baselines, in model order."""
        probability = self.beliefs.probability
        return np.array([probability[name][state] for name, state in columns(self.network)])

    @cached_property
    def rest(self) -> Floats:
        """The complements of ``columns``: each target in any other state."""
        rows = [others(self.beliefs.probability[name])[1:] for name in self.network.ranked]
        return np.concatenate(rows)

    @cached_property
    def left_out(self) -> LeftOut:
        """The posteriors with each answer left out in turn; one pass per answer."""
        from twitchnet.diagnosis.explain.explain import leave_out

        return leave_out(self.inference, self.answers)

    def explain(
        self, cause: str | None = None, state: str = "", *, decisive: bool = True
    ) -> Explanation:
        """Why a cause (the leader by gain, when none is named) has its posterior.

        ``decisive`` adds what nobody has answered yet and would matter, at one pass per open
        question next to the cause.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
        >>> [one.answer for one in dx.explain("stimulant_excess").supporting]
        ['caffeine_intake', 'leg_twitching']
        """
        from twitchnet.diagnosis.explain.explain import explain

        name = self.leader if cause is None else cause
        accounts = self.beliefs.accounts
        left = self.left_out
        why = explain(self.inference, self.answers, left, accounts, name, state, decisive=decisive)
        return why.signed_by(self.network)

    def uncertainty(
        self, draws: int = 1000, rng: np.random.Generator | int = 0, mass: float = 0.9
    ) -> Uncertainty:
        """Intervals of every posterior, from the ranges of the hand-set numbers.

        The same ``rng`` (a seed, or a generator) gives the same answer.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> one = dx.uncertainty(draws=20, rng=1)["muscle_fatigue"]
        >>> one.low < one.posterior < one.high
        True
        """
        from twitchnet.diagnosis.explain.uncertainty import uncertainty

        return uncertainty(
            self.inference, self.answers, self.columns, draws=draws, rng=rng, mass=mass
        ).signed_by(self.network)

    def sensitivity(
        self, cause: str | None = None, state: str = "", *, rivals: int = 3
    ) -> Sensitivity:
        """Which numbers the posterior of a cause (the leader by gain) depends on.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> dx.sensitivity("muscle_fatigue").turns[0].name
        'leg_twitching leak'
        """
        from twitchnet.diagnosis.explain.sensitivity import sensitivity

        name = self.leader if cause is None else cause
        found = sensitivity(self.inference, self.answers, self.columns, name, state, rivals=rivals)
        return found.signed_by(self.network)

    def next_questions(self, k: int | None = 5, about: str = "causes") -> NextQuestions:
        """The ``k`` most telling open questions, safety first, and whether to stop.

        ``about`` is ``"causes"``, ``"leader"`` (which answer would most probably put another
        cause first by gain), ``"urgency"`` or the name of a cause.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> dx.next_questions().questions[0].name
        'intense_exercise'
        """
        from twitchnet.diagnosis.interview.questions import next_questions

        return next_questions(self.inference, self.answers, k, about).signed_by(self.network)

    def benefits(self) -> Benefits:
        """For each option, the probability that the complaint would be gone had it been done.

        A counterfactual about this record; see ``twin.py``.  Costs about three passes per option.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True, intense_exercise=True)
        >>> [one.option for one in dx.benefits().options]
        ['rest', 'less_caffeine']
        """
        from twitchnet.diagnosis.explain.benefits import benefits

        found = benefits(self.inference, self.answers, self.beliefs.log_evidence, self.triage)
        return found.signed_by(self.network)

    def what_if(self, changes: Mapping[str, object] | None = None, /, **answers: object) -> WhatIf:
        """This diagnosis beside the one with some answers changed; unknown takes one back.

        Raises ``RecordError`` for wrong names or states and for impossible answers.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> one = dx.what_if(caffeine_intake="high").rows[1]
        >>> one.cause, one.after > one.before
        ('stimulant_excess', True)
        """
        from twitchnet.diagnosis.explain.whatif import changed

        said = {**(changes or {}), **answers}
        read = read_answers(self.network, said)
        names = [find_variable(self.network, name) or name for name in said]
        back = {n: -1 for n in names if n not in read.hard and n not in read.soft}
        new = changed(self.network, self.answers, {**read.hard, **back}).without(*read.soft)
        new = Answers(new.hard, {**new.soft, **read.soft})
        beliefs = self.inference.beliefs(new)
        if beliefs.log_evidence == -math.inf:
            words = ", ".join(
                f"{name} = {state}" for name, state in new.states(self.network).items()
            )
            raise RecordError([Problem("TN205", f"these answers cannot all hold: {words}")])
        after = replace(self, answers=new, beliefs=beliefs)  # type: ignore[type-var]
        states = new.states(self.network)
        told = {name: states.get(name, "likelihood") for name in (*read.hard, *read.soft)}
        return self.beside(after, {**told, **dict.fromkeys(back, "")})

    def beside(self, other: Understanding, changes: Mapping[str, object]) -> WhatIf:
        """This diagnosis beside another one of the same causes; ``changes`` are for the title."""
        from twitchnet.diagnosis.explain.whatif import compare

        log_ratio = other.beliefs.log_evidence - self.beliefs.log_evidence
        return compare(
            {name: "present" if state is True else str(state) for name, state in changes.items()},
            self.ranking,
            other.ranking,
            (self.triage.urgency, other.triage.urgency),
            math.exp(min(log_ratio, 700.0)),
        ).signed_by(self.network)

    def single_changes(self) -> tuple[SingleChange, ...]:
        """Every change of one answer, and what the causes would then be.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> [one.state for one in dx.single_changes() if one.answer == "caffeine_intake"]
        ['low', 'moderate', 'high']
        """
        from twitchnet.diagnosis.explain.whatif import single_changes

        return single_changes(self.inference, self.answers)

    def combinations(self, k: int = 5) -> Combinations:
        """The ``k`` most probable sets of causes, the smallest that explain, and dependences.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> [one.present for one in dx.combinations(2).explanations]
        [(('muscle_fatigue', 'present'),), ()]
        """
        from twitchnet.diagnosis.explain.joint import combinations_of

        return combinations_of(self.inference, self.answers, self.columns, k).signed_by(
            self.network
        )

    def conflict(self, records: int = 0, rng: np.random.Generator | int = 0) -> Conflict:
        """Whether the answers fit together, and which do not.

        With ``records``, so many are simulated to say how usual P(answers) is (1000 are
        enough for most); the same ``rng`` gives the same answer.

        >>> import twitchnet as tn
        >>> tn.load("demo").diagnose(leg_twitching=True, intense_exercise=True).conflict().fits
        True
        """
        from twitchnet.diagnosis.explain.conflict import conflict, tail

        log_evidence = self.beliefs.log_evidence
        found = None
        if records:
            found = tail(self.inference, self.answers, log_evidence, records=records, rng=rng)
        none, unexplained = self.none_present, self.unexplained
        fit = conflict(self.inference, self.answers, self.left_out, none, unexplained, found)
        return fit.signed_by(self.network)
