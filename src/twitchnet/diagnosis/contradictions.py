"""Which answers contradict each other?

Some contradictions are known from the structure of the network, before any pass; any other shows
as P(answers) = 0, and is narrowed down to answers that a person can correct.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.errors import Problem, RecordError
from twitchnet.model.network import Network

MOST_PAIRED = 12
"""Answers up to which each pair is tried by itself: 66 passes; pairs of more answers cost more."""


def refuse_contradictions(network: Network, answers: Answers, settled: Collection[str]) -> None:
    """Raises ``RecordError`` for answers that the structure rules out.

    These are answers to the variables in ``settled``, which an intervention has set, and a
    present descriptor of a finding that is absent.
    """
    problems = [
        Problem("TN204", "set by an intervention, so it cannot be observed", name)
        for name in (*answers.hard, *answers.soft)
        if name in settled
    ]
    for descriptor, of in network.descriptors.items():
        if answers.hard.get(descriptor, 0) > 0 and answers.hard.get(of) == 0:
            message = f"present, but {of!r}, which it describes, is absent"
            problems.append(Problem("TN204", message, descriptor, hint="correct one of the two"))
    if problems:
        raise RecordError(problems)


def contradiction(inference: Inference, answers: Answers) -> Problem:
    """The problem that names a smallest contradicting part of impossible answers.

    No answer of the part can be left out: without it the others are possible.
    """

    def possible(trial: Answers) -> bool:
        return inference.log_evidence(inference.evidence(trial)) > -float("inf")

    every = [*answers.hard, *answers.soft]
    names = every
    for pair in combinations(every, 2) if len(every) <= MOST_PAIRED else ():
        if not possible(answers.without(*(name for name in every if name not in pair))):
            names = list(pair)
            break
    kept = answers.without(*(name for name in every if name not in names))
    size = max(len(names) // 2, 1)  # of many answers, large groups are left out first
    while size:
        for first in range(0, len(names), size):
            shorter = kept.without(*names[first : first + size])
            if not possible(shorter):
                kept = shorter
        names = [*kept.hard, *kept.soft]
        size = min(size // 2, len(names) // 2) if size > 1 else 0
    parts = [f"{name} = {state}" for name, state in kept.states(inference.network).items()]
    parts += [f"{name} = likelihood {row}" for name, row in kept.soft.items()]
    return Problem(
        "TN205", f"these answers cannot all hold: {'; '.join(parts)}", hint="correct one of them"
    )
