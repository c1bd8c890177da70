"""What does the record mean?  The answer of ``Model.diagnose``.

A :class:`Diagnosis` is a value: rows, numbers and the answers they follow from.  What
costs another pass (``none_present``, ``unexplained``) is computed when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from twitchnet.diagnosis.care.management import Management, manage
from twitchnet.diagnosis.care.triage import Triage, triage, watch_answers, watched
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Beliefs, Inference
from twitchnet.diagnosis.ranking import RankedCause as RankedCause
from twitchnet.diagnosis.report.facts import Report
from twitchnet.diagnosis.report.report import build_report
from twitchnet.diagnosis.report.wording import page_of
from twitchnet.diagnosis.understanding import Understanding
from twitchnet.engine.shares import present, ratio
from twitchnet.errors import CapacityError, needs
from twitchnet.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

    from twitchnet.diagnosis.marginals import JointTable

RankBy = Literal["gain", "posterior", "produced", "explains", "prior"]


@dataclass(frozen=True, repr=False)
class Diagnosis(Understanding):
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
        """What follows from the record is computed again, not stored."""
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
    def ranking(self) -> tuple[RankedCause, ...]:
        """Rows by posterior, most probable first; given causes come last, without a rank."""
        return self.ranked("posterior")

    def ranked(self, by: RankBy = "posterior") -> tuple[RankedCause, ...]:
        """The rows ordered by ``gain``, ``posterior``, ``produced``, ``explains`` or ``prior``.

        By ``gain`` the cause that the answers point to comes first.  Rows of equal gain are
        ordered by posterior; other ties keep the order of the model.  Raises ``ValueError``
        for another key.

        >>> import twitchnet as tn
        >>> dx = tn.load("demo").diagnose(leg_twitching=True, caffeine_intake="high")
        >>> dx.ranked(by="gain")[0].cause
        'stimulant_excess'
        """
        if by not in get_args(RankBy):
            raise ValueError(f"cannot rank by {by!r}: choose {', '.join(get_args(RankBy))}")
        rows = self._rows

        def key(row: RankedCause) -> tuple[bool, float, float]:
            value = float(getattr(row, by))
            return row.given, 0.0 if math.isnan(value) else -value, -row.posterior

        ordered = sorted(rows, key=key)
        result, rank = [], 0
        for row in ordered:
            rank += not row.given
            result.append(_with_rank(row, None if row.given else rank))
        return tuple(result)

    @cached_property
    def _rows(self) -> tuple[RankedCause, ...]:
        rows = []
        prior = self.inference.prior
        gain = iter(self.gains.tolist())
        for name in self.network.ranked:
            variable = self.network.by_name[name]
            for state in range(1, variable.card):
                rows.append(
                    RankedCause(
                        cause=name,
                        label=variable.label or name,
                        prior=float(prior.probability[name][state]),
                        posterior=float(self.beliefs.probability[name][state]),
                        gain=next(gain),
                        produced=self.beliefs.produced.get(name, math.nan),
                        explains=self.beliefs.explains[name],
                        rank=None,
                        state=variable.states[state],
                        given=name in self.answers.hard,
                    )
                )
        return tuple(rows)

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
        evidence = self.inference.evidence(self.answers)
        index = self.inference.lowered.index
        for name in self.network.ranked:
            if self.answers.hard.get(name, 0) > 0:
                return 0.0
            evidence.hard[index[name]] = 0
            evidence.is_soft[index[name]] = False
        joint = self.inference.log_evidence(evidence)
        for name in self.network.ranked:
            if name in self.answers.soft:  # hard zero replaced the likelihood: put its weight back
                joint += (
                    math.log(self.answers.soft[name][0])
                    if self.answers.soft[name][0]
                    else -math.inf
                )
        return float(ratio(joint, self.log_evidence))

    @cached_property
    def unexplained(self) -> float:
        """P(no cause produced the complaint | answers), NaN for a model without a complaint."""
        if not self.network.complaint or not math.isnan(self.beliefs.unexplained):
            return self.beliefs.unexplained
        evidence = self.inference.evidence(self.answers)
        for (of, parent), node in self.inference.lowered.producer.items():
            if of == self.network.complaint and parent:
                evidence.hard[node] = 0
        return float(ratio(self.inference.log_evidence(evidence), self.log_evidence))

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
            "unexplained": _json(self.unexplained),
            "ranking": [
                {
                    "rank": row.rank,
                    "cause": row.cause,
                    "label": row.label,
                    "state": row.state,
                    "prior": row.prior,
                    "posterior": row.posterior,
                    "gain": row.gain,
                    "produced": _json(row.produced),
                    "explains": row.explains,
                    "given": row.given,
                }
                for row in self.ranking
            ],
            "disclaimer": self.network.words.disclaimer,
        }

    def to_frame(self) -> pd.DataFrame:
        """The ranking as a pandas DataFrame, one row per cause (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise needs("pandas") from None
        return pandas.DataFrame([_as_dict(row) for row in self.ranking])

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
                return replace(triage(self.network, said), unwatched=True)
        return triage(self.network, said, watched(self.network, beliefs.probability))

    @cached_property
    def management(self) -> Management:
        """What can be done, in order; what the urgency asks for comes first."""
        said, produced = self.answers.states(self.network), self.beliefs.produced
        return manage(self.network, said, self.posterior, produced, self.triage)

    @cached_property
    def report(self) -> Report:
        """The facts of the report that ``str`` and notebooks show, as plain values."""
        complains = self.answers.hard.get(self.network.complaint, 0) > 0
        return build_report(
            self.network,
            self.answers,
            self.ranked("gain"),
            self.beliefs.accounts,
            self.triage,
            self.management,
            self.none_present,
            self.unexplained if complains else math.nan,
        )

    def __repr__(self) -> str:
        network, count = self.network, len(self.answers.hard) + len(self.answers.soft)
        first = ", ".join(f"{row.cause} {row.posterior:.3g}" for row in self.ranking[:3])
        return f"<Diagnosis by {network.name} {network.version}, {count} answers: {first}>"

    def __str__(self) -> str:
        from twitchnet.show.text import text

        return text(page_of(self.report))

    def _repr_html_(self) -> str:
        from twitchnet.show.html import html

        return html(page_of(self.report))


def _as_dict(row: RankedCause) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RankedCause.__slots__}


def _with_rank(row: RankedCause, rank: int | None) -> RankedCause:
    return RankedCause(**{**_as_dict(row), "rank": rank})


def _json(value: float) -> float | None:
    return None if math.isnan(value) else value
