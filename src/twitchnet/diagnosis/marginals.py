"""Exact probabilities of a few variables given the answers: tables, and that all are absent.

Each cell of a table is one upward pass of the engine, P(answers, cell); the table is these
masses over their sum.  Any node may be asked for, also one that nothing depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import log, prod
from typing import TYPE_CHECKING

import numpy as np

from twitchnet.diagnosis.evidence import Answers, find_variable
from twitchnet.diagnosis.hypotheses import suppose
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import normalised, ratio
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network, Variable

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 4096
"""Cells of a joint table: each costs one pass."""


@dataclass(frozen=True, slots=True)
class JointTable:
    """P(variables | answers), exact.

    ``names`` are the variables, ``states[i]`` the states of variable i, and ``probability`` the
    table, one axis for each variable in that order; it is read-only and sums to 1.
    """

    names: tuple[str, ...]
    states: tuple[tuple[str, ...], ...]
    probability: Floats

    def __getitem__(self, states: str | tuple[str, ...]) -> float:
        """The probability of one state of each variable, in the order of ``names``.

        Raises ``KeyError`` for a state that a variable does not have.
        """
        wanted = (states,) if isinstance(states, str) else states
        if len(wanted) != len(self.names):
            raise KeyError(f"{len(self.names)} states are expected, one of each of {self.names}")
        place = []
        for name, own, state in zip(self.names, self.states, wanted, strict=True):
            if state not in own:
                raise KeyError(f"{name} has no state {state!r}; it has {', '.join(own)}")
            place.append(own.index(state))
        return float(self.probability[tuple(place)])

    def to_frame(self) -> pd.DataFrame:
        """A row for each cell: a column for each variable, and ``probability`` (needs pandas)."""
        import pandas

        rows = [*product(*self.states)]
        frame = pandas.DataFrame(rows, columns=[*self.names])
        return frame.assign(probability=self.probability.reshape(-1))


def node_of(network: Network, name: str) -> Variable:
    """The variable of a name or synonym that has a probability.

    Raises ``RecordError`` when there is none.
    """
    found = find_variable(network, name)
    if found is None:
        hint = nearest(name, network.by_name)
        raise RecordError(
            [Problem("TN201", "the model has no such variable", name[:80], hint=hint)]
        )
    variable = network.by_name[found]
    if variable.local is None:
        message = "a screen question has no probability: only rules read it"
        raise RecordError([Problem("TN206", message, found)])
    return variable


def joint_table(inference: Inference, answers: Answers, names: Sequence[str]) -> JointTable:
    """The exact joint table of some variables given the answers.

    Raises ``RecordError`` for a name that is wrong, named twice, or a screen question,
    ``ValueError`` for no name or more than ``MOST_CELLS`` cells, ``CapacityError`` when a
    pass is too wide.
    """
    variables = [node_of(inference.network, name) for name in names]
    unique = {variable.name for variable in variables}
    if not variables or len(unique) < len(variables):
        raise ValueError(f"name one variable or several different ones, not {[*names]}")
    shape = tuple(variable.card for variable in variables)
    if prod(shape) > MOST_CELLS:
        raise ValueError(f"a table of {prod(shape):,} cells, at most {MOST_CELLS:,} are computed")
    masses = np.zeros(shape)
    open_ones = [v for v in variables if v.name not in answers.hard]
    cells = [*product(*(range(v.card) for v in open_ones))]
    supposed = [
        answers.with_answers({v.name: s for v, s in zip(open_ones, cell, strict=True)})
        for cell in cells
    ]
    logs = suppose(inference, supposed, posteriors=False).log_evidence
    weights = np.array([_weight(answers, open_ones, cell) for cell in cells])
    logs = logs + weights
    values = np.exp(logs - logs.max())
    for cell, value in zip(cells, values.tolist(), strict=True):
        states = dict(zip((v.name for v in open_ones), cell, strict=True))
        place = tuple(states.get(v.name, answers.hard.get(v.name, 0)) for v in variables)
        masses[place] = value
    table = normalised(masses.reshape(-1)).reshape(shape)
    table.setflags(write=False)
    return JointTable(tuple(v.name for v in variables), tuple(v.states for v in variables), table)


def _weight(answers: Answers, variables: Iterable[Variable], cell: Iterable[int]) -> float:
    """The log of the likelihoods that a hard state replaces."""
    total = 0.0
    for variable, state in zip(variables, cell, strict=True):
        row = answers.soft.get(variable.name)
        if row is not None:
            total += log(row[state]) if row[state] > 0.0 else -np.inf
    return total


def marginal(inference: Inference, answers: Answers, name: str) -> Mapping[str, float]:
    """P(each state of a variable | answers), by state."""
    table = joint_table(inference, answers, [name])
    return dict(zip(table.states[0], table.probability.tolist(), strict=True))


def none_present(inference: Inference, answers: Answers, log_evidence: float) -> float:
    """P(every target is in its baseline state | answers): one pass.

    ``log_evidence`` is the natural log of P(answers).
    """
    network = inference.network
    if any(answers.hard.get(name, 0) > 0 for name in network.ranked):
        return 0.0
    absent = dict.fromkeys(network.ranked, 0)
    evidence = inference.evidence(answers.with_answers(absent))
    replaced = _weight(answers, map(network.by_name.__getitem__, absent), absent.values())
    return float(ratio(inference.log_evidence(evidence) + replaced, log_evidence))


def no_producer(inference: Inference, answers: Answers, log_evidence: float) -> float:
    """P(no cause produced the complaint | answers): one pass.

    ``log_evidence`` is the natural log of P(answers).
    """
    evidence = inference.evidence(answers)
    for (of, parent), node in inference.lowered.producer.items():
        if of == inference.network.complaint and parent:
            evidence.hard[node] = 0
    return float(ratio(inference.log_evidence(evidence), log_evidence))
