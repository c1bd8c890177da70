"""What does the record mean?  The answer of ``Model.diagnose``.

A :class:`Diagnosis` is a value: the answers of a record and the posteriors that follow from them.
Everything else is computed when it is asked for; attributes are kept.  The computations, with their
formulas and sources, are in the modules that its methods call (``docs/understanding.md`` is the
overview); the methods import them, so that a ranking does not wait for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from twitchnet.diagnosis.care.management import Management, manage
from twitchnet.diagnosis.care.triage import Triage, triage, watch_answers, watched
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.gain import gains, leading
from twitchnet.diagnosis.hypotheses import columns
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.diagnosis.pages import HasPage
from twitchnet.diagnosis.ranking import RankBy, Ranking, ranked, rows_of
from twitchnet.diagnosis.ranking import RankedCause as RankedCause
from twitchnet.diagnosis.report.facts import Report
from twitchnet.diagnosis.report.report import build_report
from twitchnet.diagnosis.report.wording import page_of
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import others, present
from twitchnet.errors import CapacityError, Problem, RecordError, needs
from twitchnet.model.network import Network
from twitchnet.show.page import Page

if TYPE_CHECKING:
    import pandas as pd

    from twitchnet.diagnosis.explain.benefits import Benefits
    from twitchnet.diagnosis.explain.conflict import Conflict
    from twitchnet.diagnosis.explain.explain import Explanation, LeftOut
    from twitchnet.diagnosis.explain.joint import Combinations
    from twitchnet.diagnosis.explain.sensitivity import Sensitivity
    from twitchnet.diagnosis.explain.uncertainty import Uncertainty
    from twitchnet.diagnosis.explain.whatif import SingleChange, WhatIf
    from twitchnet.diagnosis.explain.worlds import MostProbable
    from twitchnet.diagnosis.interview.questions import NextQuestions
    from twitchnet.diagnosis.marginals import JointTable
    from twitchnet.show.drawing import Drawing


DRAWN = 6
"""Causes that a drawing of a diagnosis holds in any case, the first by gain."""


@dataclass(frozen=True, repr=False)
class Diagnosis(HasPage):
    """Exact posteriors of every cause of the model, given the answers of one record."""

    network: Network
    answers: Answers
    beliefs: Beliefs
    inference: Inference

    @cached_property
    def posterior(self) -> Mapping[str, float]:
        """P(not in the baseline state | answers) by cause, in the order of the model."""
        return MappingProxyType(
            {name: float(present(row)) for name, row in self.beliefs.probability.items()}
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the four fields: what follows from them is computed again."""
        return type(self), (self.network, self.answers, self.beliefs, self.inference)

    def __len__(self) -> int:
        """The number of rows of the ranking."""
        return len(self._rows)

    def __iter__(self) -> Iterator[RankedCause]:
        """The rows of the ranking."""
        return iter(self.ranking)

    def __getitem__(self, cause: str) -> RankedCause:
        """The row of a cause, or of one of its states (``"wear=much"``), ranked by posterior.

        >>> import twitchnet as tn
        >>> tn.load("demo").diagnose(leg_twitching=True)["muscle_fatigue"].rank
        1
        """
        name, _, state = cause.partition("=")
        for row in self.ranking:
            if row.cause == name and state in ("", row.state):
                return row
        raise KeyError(cause)

    @property
    def urgency(self) -> str:
        """The level of urgency: the id that rules and watches set."""
        return self.triage.urgency

    @property
    def log_evidence(self) -> float:
        """The natural log of P(answers); likelihood weights are used as given."""
        return self.beliefs.log_evidence

    @cached_property
    def ranking(self) -> Ranking:
        """Rows by posterior, most probable first; given causes come last, without a rank."""
        return self.ranked("posterior")

    def ranked(self, by: RankBy = "posterior") -> Ranking:
        """The rows ordered by ``gain``, ``posterior``, ``produced``, ``explains`` or ``prior``.

        By ``gain`` the cause that the answers point to comes first.  Rows of equal gain are
        ordered by posterior; other ties keep the order of the model.  Raises ``ValueError``
        for another key.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
        >>> dx.ranked(by="gain")[0].cause
        'stimulant_excess'
        """
        return ranked(self._rows, by).of(self.network)

    @cached_property
    def _rows(self) -> tuple[RankedCause, ...]:
        prior = self.inference.prior
        return rows_of(self.network, self.answers, self.beliefs, prior, self.gains)

    @property
    def leader(self) -> str:
        """The cause that the answers point to, first by gain; '' when all causes are given."""
        first = leading(self.inference, self.answers, self.columns, self.rest)
        return columns(self.network)[first][0] if first >= 0 else ""

    @cached_property
    def gains(self) -> Floats:
        """The gain of every (target, state) except the baselines, in bits, in model order."""
        return gains(self.columns, self.rest, *self.inference.prior_shares)

    @cached_property
    def columns(self) -> Floats:
        """The posterior of every (target, state) except the baselines, in model order."""
        probability = self.beliefs.probability
        return np.array([probability[name][state] for name, state in columns(self.network)])

    @cached_property
    def rest(self) -> Floats:
        """The complements of ``columns``: each target in any other state."""
        rows = [others(self.beliefs.probability[name])[1:] for name in self.network.ranked]
        return np.concatenate(rows)

    def marginal(self, name: str) -> Mapping[str, float]:
        """P(state | answers) of each state of any variable, by state.

        Exact, also for a variable that nothing depends on; one pass for each state, none for
        a target.  Raises ``RecordError`` for an unknown name or a screen question.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(intense_exercise=True)
        >>> round(dx.marginal("leg_twitching")["present"], 4)
        0.144
        """
        from twitchnet.diagnosis.marginals import marginal, node_of

        variable = node_of(self.network, name)
        if variable.name in self.beliefs.probability:
            row = self.beliefs.probability[variable.name].tolist()
            return dict(zip(variable.states, row, strict=True))
        return marginal(self.inference, self.answers, variable.name)

    def joint(self, names: Sequence[str]) -> JointTable:
        """The exact joint table P(names | answers) of a few variables, one pass for each cell.

        At most 4,096 cells.  Raises ``RecordError`` for an unknown name or a screen question.

        >>> import twitchnet as tn
        >>> table = tn.load("demo").diagnose().joint(["muscle_fatigue", "leg_twitching"])
        >>> table.probability.shape, round(float(table.probability.sum()), 12)
        ((2, 2), 1.0)
        >>> table["present", "present"] > table["present", "absent"]
        False
        """
        from twitchnet.diagnosis.marginals import joint_table

        return joint_table(self.inference, self.answers, names)

    @cached_property
    def none_present(self) -> float:
        """P(every cause is in its baseline state | answers)."""
        from twitchnet.diagnosis.marginals import none_present

        return none_present(self.inference, self.answers, self.log_evidence)

    @cached_property
    def unexplained(self) -> float:
        """P(no cause produced the complaint | answers), NaN for a model without a complaint."""
        from twitchnet.diagnosis.marginals import no_producer

        if not self.network.complaint or not math.isnan(self.beliefs.unexplained):
            return self.beliefs.unexplained
        return no_producer(self.inference, self.answers, self.log_evidence)

    @cached_property
    def triage(self) -> Triage:
        """How urgent the answers are and why; absent findings never lower it.

        Costs another pass when the record has absent findings or likelihoods and the model
        watches posteriors.  When that pass is too wide, the rules decide alone, and
        ``Triage.unwatched`` says so.
        """
        said = self.answers.states(self.network)
        seen = watch_answers(self.network, self.answers)
        beliefs = self.beliefs
        targets = {watch.target.partition("=")[0] for watch in self.network.watches}
        inference = self.inference
        if not targets <= set(beliefs.probability):  # others are ranked, these are watched
            inference = inference.aimed_at(tuple(sorted(targets)))
        if targets and (seen != self.answers or inference is not self.inference):
            try:
                beliefs = inference.beliefs(seen)
            except CapacityError:
                rules_alone = replace(triage(self.network, said), unwatched=True)
                return rules_alone.signed_by(self.network)
        found = triage(self.network, said, watched(self.network, beliefs.probability))
        return found.signed_by(self.network)

    @cached_property
    def management(self) -> Management:
        """The options that fit, in order; those that the urgency asks for come first."""
        said, produced = self.answers.states(self.network), self.beliefs.produced
        found = manage(self.network, said, self.posterior, produced, self.triage)
        return found.signed_by(self.network)

    @cached_property
    def report(self) -> Report:
        """The facts of the report that ``str`` and notebooks show, as plain values."""
        complains = self.answers.hard.get(self.network.complaint, 0) > 0
        return build_report(
            self.network,
            self.answers,
            self.ranked("gain"),
            self.beliefs.responsibility,
            self.triage,
            self.management,
            self.none_present,
            self.unexplained if complains else math.nan,
        )

    @cached_property
    def left_out(self) -> LeftOut:
        """The posteriors with each answer left out in turn; one pass per answer."""
        from twitchnet.diagnosis.explain.explain import leave_out

        return leave_out(self.inference, self.answers)

    def draw(self, around: str = "") -> Drawing:
        """The part of the network that matters for this diagnosis, or the neighbours of a variable.

        Boxes are filled by probability, with a mark where it was before; edges to findings are as
        wide as they probably produced them.  Raises ``RecordError`` for a wrong name.

        >>> import twitchnet as tn
        >>> tn.load("demo").diagnose(leg_twitching=True).draw()
        <Drawing of 3 nodes and 2 edges>
        """
        from twitchnet.diagnosis.report.drawing import draw_diagnosis

        leaders = [row.cause for row in self.ranked(by="gain")[:DRAWN] if row.gain > 0.0]
        return draw_diagnosis(self.inference, self.answers, self.beliefs, leaders, around)

    def explain(
        self, cause: str | None = None, state: str = "", *, decisive: bool = True
    ) -> Explanation:
        """Why a cause (the leader by gain, when none is named) has its posterior.

        ``decisive`` adds the open questions whose answers would change it most, at one pass for
        each open question next to the cause.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
        >>> [one.answer for one in dx.explain("stimulant_excess").supporting]
        ['caffeine_intake', 'leg_twitching']
        """
        from twitchnet.diagnosis.explain.explain import explain

        name = self.leader if cause is None else cause
        responsibility = self.beliefs.responsibility
        left = self.left_out
        why = explain(
            self.inference, self.answers, left, responsibility, name, state, decisive=decisive
        )
        return why.signed_by(self.network)

    def uncertainty(
        self, draws: int = 1000, rng: np.random.Generator | int = 0, mass: float = 0.9
    ) -> Uncertainty:
        """Intervals of every posterior, from the ranges of the hand-set numbers.

        The same ``rng`` (a seed, or a generator) gives the same answer.  Raises ``ModelError``
        when no number of the model has a range.

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
        self,
        cause: str | None = None,
        state: str = "",
        *,
        rivals: int = 3,
        assumed: float | None = None,
    ) -> Sensitivity:
        """Which numbers the posterior of a cause (the leader by gain) depends on.

        Only numbers with a range are looked at.  ``assumed=2`` gives each number that has none
        a range by assumption, odds up to twice as low or high: for networks of other programs.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> dx.sensitivity("muscle_fatigue").turns[0].name
        'leg_twitching leak'
        """
        from twitchnet.diagnosis.explain.sensitivity import sensitivity

        name = self.leader if cause is None else cause
        found = sensitivity(
            self.inference, self.answers, self.columns, name, state, rivals=rivals, assumed=assumed
        )
        return found.signed_by(self.network)

    def next_questions(self, k: int | None = 5, about: str = "causes") -> NextQuestions:
        """The ``k`` most informative open questions, safety first, and whether to stop.

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
        """This diagnosis beside the one with some answers changed; ``"unknown"`` takes an answer
        back.

        Raises ``RecordError`` for wrong names or states and for impossible answers.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True)
        >>> one = dx.what_if(caffeine_intake="high").rows[1]
        >>> one.cause, one.after > one.before
        ('stimulant_excess', True)
        """
        from twitchnet.diagnosis.explain.whatif import answers_after

        new, told = answers_after(self.network, self.answers, {**(changes or {}), **answers})
        beliefs = self.inference.beliefs(new)
        if beliefs.log_evidence == -math.inf:
            words = ", ".join(f"{name} = {s}" for name, s in new.states(self.network).items())
            raise RecordError([Problem("TN205", f"these answers cannot all hold: {words}")])
        return self.compare(replace(self, answers=new, beliefs=beliefs), told)

    def compare(self, other: Diagnosis, changes: Mapping[str, object] | None = None) -> WhatIf:
        """What moves from this diagnosis to another one of the same causes.

        ``changes`` are named in the title: by default the answers that differ, as the other
        diagnosis has them.  Raises ``ValueError`` for a diagnosis that ranks other causes.

        >>> import twitchnet as tn
        >>> model = tn.load("demo")
        >>> calm = model.diagnose(leg_twitching=True)
        >>> found = calm.compare(model.diagnose(leg_twitching=True, caffeine_intake="high"))
        >>> found.changes, max(found.rows, key=lambda row: row.after - row.before).cause
        ({'caffeine_intake': 'high'}, 'stimulant_excess')
        """
        from twitchnet.diagnosis.explain.whatif import compare

        if {(row.cause, row.state) for row in self.ranking} != {
            (row.cause, row.state) for row in other.ranking
        }:
            raise ValueError("the two diagnoses do not rank the same causes")
        if changes is None:
            now, then = (one.answers.states(self.network) for one in (self, other))
            names = [v.name for v in self.network.variables if now.get(v.name) != then.get(v.name)]
            changes = {name: then.get(name, "") for name in names}
        log_ratio = other.beliefs.log_evidence - self.beliefs.log_evidence
        return compare(
            {name: "present" if state is True else str(state) for name, state in changes.items()},
            self.ranking,
            other.ranking,
            (self.triage.urgency, other.triage.urgency),
            math.exp(min(log_ratio, 700.0)),
        ).signed_by(self.network)

    def single_changes(self) -> tuple[SingleChange, ...]:
        """Every change of one answer, with the posteriors of the causes after it.

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

    def most_probable(self, k: int = 1) -> MostProbable:
        """The ``k`` most probable explanations over all variables, a state for each of them.

        ``combinations`` ranks sets of causes whatever the rest may be; here every variable takes a
        state.  Raises ``ValueError`` for a model with descriptors, whose hidden causes have no
        states, and ``CapacityError`` where findings have too many parents: it needs one
        elimination that holds for any answers (MPE; Pearl 1988, chapter 5).

        >>> import twitchnet as tn
        >>> model = tn.load("demo").without("twitch_after_exercise")
        >>> (story,) = model.diagnose(leg_twitching=True).most_probable().stories
        >>> story.states["leg_twitching"]
        'present'
        """
        from twitchnet.diagnosis.explain.worlds import most_probable

        log_evidence = self.beliefs.log_evidence
        found = most_probable(self.inference, self.answers, k, log_evidence)
        return found.signed_by(self.network)

    def conflict(self, records: int = 0, rng: np.random.Generator | int = 0) -> Conflict:
        """Whether the answers fit together, and which do not.

        ``records`` is a number of records to simulate, which show how usual P(answers) is; 1000 are
        enough for most models.  The same ``rng`` gives the same answer.

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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys are stable.  NaN becomes None."""
        return {
            "model": self.network.name,
            "version": self.network.version,
            "fingerprint": self.network.fingerprint,
            "answers": self.answers.states(self.network) | self.answers.weights(self.network),
            "urgency": self.triage.urgency or None,
            "red_flags": list(self.triage.red_flags),
            "decided_by": [one.name for one in self.triage.deciding],
            "log_evidence": self.log_evidence,
            "none_present": self.none_present,
            "unexplained": None if math.isnan(self.unexplained) else self.unexplained,
            "ranking": [row.to_dict() for row in self.ranking],
            "disclaimer": self.network.words.disclaimer,
        }

    def to_frame(self) -> pd.DataFrame:
        """The ranking as a pandas DataFrame, one row per cause (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise needs("pandas") from None
        return pandas.DataFrame([asdict(row) for row in self.ranking])

    def __repr__(self) -> str:
        network, count = self.network, len(self.answers.hard) + len(self.answers.soft)
        first = ", ".join(f"{row.cause} {row.posterior:.3g}" for row in self.ranking[:3])
        return f"<Diagnosis by {network.name} {network.version}, {count} answers: {first}>"

    def signed(self) -> Page:
        """The page of the report."""
        return page_of(self.report)
