"""Answers of which the posterior is given: Jeffrey's rule.

A :class:`Likelihood` says how well an observation fits each state, whatever else is known; the
posterior of the answer follows from it and from all other answers.  :class:`Jeffrey` says what
the posterior of the answer *shall be* once all answers are in; the likelihood follows:

    weight(s) = wanted(s) / P(s | other answers),

so that P(h | answers) = sum over s of wanted(s) P(h | s, other answers).  Where several
answers are given so, the weights are fitted in turn until all margins hold together
(iterative proportional fitting, which ends at the distribution nearest to the one without
them in the sense of Kullback and Leibler).

Sources: Jeffrey 1965, The Logic of Decision, chapter 11; Chan & Darwiche 2005, Artificial
Intelligence 163, section 4; Csiszar 1975, Annals of Probability 3.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.marginals import marginal
from twitchnet.engine.program import Floats
from twitchnet.errors import Problem, RecordError

CLOSE = 1e-12
"""Largest difference of a margin from the one that is wanted."""

MOST_ROUNDS = 500
"""Rounds of fitting; margins that are not met then contradict each other."""


def with_margins(
    inference: Inference, answers: Answers, margins: Mapping[str, tuple[float, ...]]
) -> Answers:
    """The answers with a likelihood for each margin, so that the posteriors are the margins.

    ``margins`` maps a variable to the wanted posterior of its states.  The weights are scaled
    such that P(answers) stays that of the other answers.  Raises ``RecordError`` when the other
    answers are impossible, rule out a state that shall be possible, or the margins contradict
    each other.
    """
    if not margins:
        return answers
    if inference.log_evidence(inference.evidence(answers)) == -np.inf:
        raise RecordError([Problem("TN205", "these answers cannot all hold")])
    wanted = {name: np.array(row) for name, row in margins.items()}
    weights = {name: np.ones(len(row)) for name, row in wanted.items()}
    for _ in range(MOST_ROUNDS):
        worst = 0.0
        for name, row in wanted.items():
            now = _posterior(inference, answers, weights, name)
            if ((row > 0.0) & (now == 0.0)).any():
                raise RecordError([_contradicted(inference, name, row, now)])
            worst = max(worst, float(np.abs(now - row).max()))
            weights[name] = weights[name] * np.divide(
                row, now, out=np.zeros_like(row), where=now > 0
            )
        if worst <= CLOSE:
            return _with_weights(answers, weights)
        if len(wanted) == 1:
            return _with_weights(answers, weights)
    message = "these posteriors contradict each other or the answers"
    raise RecordError([Problem("TN205", message, ", ".join(wanted))])


def _posterior(
    inference: Inference, answers: Answers, weights: Mapping[str, Floats], name: str
) -> Floats:
    row = marginal(inference, _with_weights(answers, weights), name)
    return np.array(list(row.values()))


def _with_weights(answers: Answers, weights: Mapping[str, Floats]) -> Answers:
    rows = {name: tuple(row.tolist()) for name, row in weights.items()}
    return Answers(answers.hard, {**answers.soft, **rows})


def _contradicted(inference: Inference, name: str, row: Floats, now: Floats) -> Problem:
    state = inference.network.by_name[name].states[int(np.argmax((row > 0.0) & (now == 0.0)))]
    return Problem("TN205", f"{state!r} shall be possible, but the other answers rule it out", name)
