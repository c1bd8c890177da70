"""How does a record become posteriors?

:class:`Inference` owns the lowered network and computes the :class:`Beliefs` of a record: the
posteriors of the targets, and P(answers).  Everything that a diagnosis shows follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ldexp
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.parameters import ParameterShifts, parameter_shifts
from twitchnet.engine.host import readiness
from twitchnet.engine.numpy.plan import BUDGET, WORKSPACE, Plan, build_plan, evidence_arrays
from twitchnet.engine.numpy.reduce import Reduced
from twitchnet.engine.numpy.sweep import Sweep, sweep
from twitchnet.engine.program import Evidence, Floats, Ints, Program
from twitchnet.engine.shares import ACCURACY, normalised, others, within
from twitchnet.engine.weights import balanced
from twitchnet.errors import CapacityError, limit_of
from twitchnet.lowering import Lowered, lower
from twitchnet.model.network import Network

if TYPE_CHECKING:
    from twitchnet.engine.host.planning import CompiledPlan, SharedPlan
    from twitchnet.engine.kernels.layout import Schedule

T = TypeVar("T")
Engine = Literal["auto", "numpy", "compiled"]

HEAVY = 2e6
"""Planned cells of several records from which it pays to load the kernels from disk."""

MOST_AIMED = 16
"""Sets of targets whose priors are kept: more take memory with every new set that is asked for."""


@dataclass(frozen=True)
class Beliefs:
    """The posteriors of the targets given some answers.

    ``probability[name]`` is the posterior over the states of a target;
    ``produced[name]`` the posterior that it is producing the complaint (empty without a
    complaint); ``explains[name]`` the expected number of present findings that its links
    produced; ``log_evidence`` the natural log of P(answers), ``-inf`` when impossible
    (the posteriors are NaN then).  ``unexplained`` is P(no cause produced the complaint |
    answers), NaN where it would take another pass.
    """

    log_evidence: float
    probability: Mapping[str, Floats]
    produced: Mapping[str, float]
    explains: Mapping[str, float]
    responsibility: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unexplained: float = np.nan


@dataclass(frozen=True, eq=False, repr=False)
class Inference:
    """A network made ready for exact inference.  Immutable, so threads may share it.

    ``budget`` is the most table cells of a record, ``workspace`` the most bytes of its tables.
    ``engine`` chooses numpy, the compiled kernels, or (auto) the kernels once they are loaded.  One
    record never waits for them (``engine/host/readiness.py``); only what is too wide for numpy
    loads them, when they are on disk.

    What follows from these values is computed when it is first read, and kept.  Instances are
    compared by identity.
    """

    network: Network
    budget: float = BUDGET
    workspace: float = WORKSPACE
    engine: Engine = "auto"
    ready: Lowered | None = None
    """The lowered network, where it exists already; see ``lowered``."""
    _aimed: dict[tuple[str, ...], Inference] = field(default_factory=dict, init=False)

    def of(self, network: Network) -> Inference:
        """Another network, with the same limits and the same choice of engine."""
        return replace(self, network=network, ready=None)

    @property
    def batch_workspace(self) -> float:
        """Bytes of tables for each thread of a batch: 64 MiB, unless ``workspace`` was set."""
        from twitchnet.engine.host.batch import WORKSPACE as EACH

        return EACH if self.workspace == WORKSPACE else self.workspace

    @cached_property
    def lowered(self) -> Lowered:
        """The flat program and its names."""
        return self.ready or lower(self.network)

    @cached_property
    def shifts(self) -> ParameterShifts:
        """The numbers that have a range, and how they move."""
        return parameter_shifts(self.network, self.lowered)

    @cached_property
    def targets(self) -> Ints:
        """Nodes whose posteriors are wanted: the ranked variables and the complaint's producers."""
        low = self.lowered
        nodes = [low.index[name] for name in self.network.ranked]
        nodes += [
            node
            for (of, parent), node in low.producer.items()
            if of == self.network.complaint and parent
        ]
        return _fixed(np.array(nodes, dtype=np.int64))

    def aimed_at(self, targets: tuple[str, ...]) -> Inference:
        """The same network and numbers with other targets; kept, so that its prior is computed
        once.
        """
        found = self._aimed.get(targets)
        if found is None:
            network = replace(self.network, targets=targets)
            found = replace(self, network=network, ready=self.lowered)
            if len(self._aimed) >= MOST_AIMED:
                self._aimed.clear()
            self._aimed[targets] = found
        return found

    @cached_property
    def complaint(self) -> int:
        """The node of a complaint that has producers, or -1."""
        name = self.network.complaint
        has_producers = any(of == name for of, _ in self.lowered.producer)
        return self.lowered.index[name] if has_producers else -1

    @cached_property
    def prior(self) -> Beliefs:
        """Beliefs with nothing observed."""
        return self.beliefs(Answers())

    @cached_property
    def prior_shares(self) -> tuple[Floats, Floats]:
        """The prior of each state of each target except the baselines, in model order, and their
        complements; both (columns,).
        """
        rows = [self.prior.probability[name] for name in self.network.ranked]
        return (
            np.concatenate([row[1:] for row in rows]),
            np.concatenate([others(row)[1:] for row in rows]),
        )

    def evidence(self, answers: Answers) -> Evidence:
        """Answers as arrays over the nodes."""
        low = self.lowered
        evidence = evidence_arrays(low.program)
        for name, state in answers.hard.items():
            if name in low.index:
                evidence.hard[low.index[name]] = state
        for name, row in answers.soft.items():
            node = low.index[name]
            if sum(weight > 0 for weight in row) == 1 and max(row) == 1.0:
                evidence.hard[node] = int(np.argmax(row))
                continue
            evidence.is_soft[node] = True
            evidence.soft[node, : len(row)], evidence.soft_exponent[node] = balanced(np.array(row))
        return evidence

    def plan(self, evidence: Evidence) -> Plan:
        """The plan for some evidence on numpy.  Raises ``CapacityError`` above the budget."""
        return self._plan(self.lowered.program, evidence)[0]

    def compiled_plan(self, evidence: Evidence) -> CompiledPlan:
        """The plan of the kernels.  Raises ``CapacityError`` for what is too wide for them."""
        from twitchnet.engine.host.planning import plan_single

        return plan_single(
            self.lowered.program,
            evidence,
            self.wanted,
            self._node_names,
            self.budget,
            self.workspace,
        )

    @property
    def shared_plan(self) -> SharedPlan | None:
        """The plan that the records of a batch share, if they share one."""
        from twitchnet.engine.host.planning import plan_shared

        return None if self.schedule is None else plan_shared(self.schedule, self._node_names)

    @property
    def _node_names(self) -> list[str]:
        """The names of all nodes, hidden producers included."""
        names = list(self.lowered.names)
        for (finding, parent), node in self.lowered.producer.items():
            names[node] = names[node] or f"{finding} by {parent}"
        return names

    @cached_property
    def elimination(self) -> Schedule | None:
        """One elimination of all nodes for any answers; None where it is too large."""
        from twitchnet.engine.host.shared_schedule import shared_schedule

        return shared_schedule(self.lowered.program)

    @cached_property
    def schedule(self) -> Schedule | None:
        """What the records of a batch share on the kernels; None where each has a plan of its own.

        That of a record without answers stands for them all: answers seldom change its cost, where
        they do it is less, and a schedule must cost half as much.
        """
        from twitchnet.engine.host.shared_schedule import FEW_CELLS, MOST_BYTES

        found = self.elimination
        room = MOST_BYTES if self.workspace == WORKSPACE else self.workspace
        if found is None or found.cells > self.budget or found.bytes > room:
            return None
        if found.cells > FEW_CELLS:
            with suppress(CapacityError):
                own = self.compiled_plan(self.evidence(Answers())).cells
                return found if 2.0 * found.cells <= own else None
        return found

    def _plan(
        self, program: Program, evidence: Evidence, explain: bool = True
    ) -> tuple[Plan, Reduced]:
        """The plan and the factors that beliefs are computed from."""
        if not explain:
            ranked = np.flatnonzero(self.wanted_targets)
            return build_plan(program, evidence, ranked, self.budget, self.workspace, explain=False)
        return build_plan(
            program, evidence, self.targets, self.budget, self.workspace, self.complaint
        )

    def beliefs(
        self, answers: Answers, program: Program | None = None, *, explain: bool = True
    ) -> Beliefs:
        """Posteriors of every target.  ``program`` replaces the numbers of the network.

        Without ``explain`` only the posteriors are computed, which takes less time.
        """
        evidence = self.evidence(answers)
        numbers = program or self.lowered.program
        return self._whoever_can(
            lambda: self._compiled(numbers, evidence, explain=explain),
            lambda: self._on_numpy(numbers, evidence, explain=explain),
        )

    def log_evidence(self, evidence: Evidence) -> float:
        """The natural log of P(evidence), ``-inf`` when it is impossible."""
        program = self.lowered.program
        return self._whoever_can(
            lambda: self._compiled(program, evidence, down=False).log_evidence,
            lambda: self._on_numpy(program, evidence, down=False).log_evidence,
        )

    def _on_numpy(
        self, program: Program, evidence: Evidence, down: bool = True, explain: bool = True
    ) -> Beliefs:
        """Beliefs by numpy; without ``down`` P(evidence) alone."""
        if down:
            return self.beliefs_of(*self._plan(program, evidence, explain), evidence, explain)
        nothing = np.empty(0, dtype=np.int64)
        planned = build_plan(program, evidence, nothing, self.budget, self.workspace)
        return Beliefs(_log_total(_runs(*planned), evidence), {}, {}, {})

    def _whoever_can(self, by_kernels: Callable[[], T], by_numpy: Callable[[], T]) -> T:
        """The kernels if they are loaded, else numpy; the other engine takes what is too wide."""
        if self.engine == "compiled":
            return by_kernels()
        loaded = self.engine == "auto" and readiness.is_ready()
        if loaded:
            with suppress(CapacityError):
                return by_kernels()
        try:
            return by_numpy()
        except CapacityError:
            if loaded or self.engine == "numpy" or not readiness.is_on_disk():
                raise
        return by_kernels()

    @cached_property
    def wanted(self) -> Ints:
        """Per node (V,): 1 for ranked variables, 2 for the complaint's producers, 0 else."""
        wanted = np.zeros(len(self.lowered.program.card), dtype=np.int64)
        wanted[self.targets] = 2
        wanted[[self.lowered.index[name] for name in self.network.ranked]] = 1
        return _fixed(wanted)

    @cached_property
    def wanted_targets(self) -> Ints:
        """Per node (V,): 1 for ranked variables, 0 else."""
        return _fixed((self.wanted == 1).astype(np.int64))

    def _compiled(
        self, program: Program, evidence: Evidence, down: bool = True, explain: bool = True
    ) -> Beliefs:
        """Beliefs by the compiled kernels; without ``down`` P(evidence) alone."""
        from twitchnet.engine.host.batch import LEFT_TO_NUMPY, run_single

        low, network = self.lowered, self.network
        wanted = self.wanted if explain else self.wanted_targets
        single = run_single(
            program, evidence, wanted, self.budget, self.workspace, down, explain=explain
        )
        if single.limit in LEFT_TO_NUMPY:
            return self._on_numpy(program, evidence, down, explain)
        log_evidence = single.log_evidence + evidence.log_scale
        if single.status == "too wide":
            raise CapacityError(single.cells, self.budget, limit_of(single.limit))
        if single.status == "impossible" or not down:
            nan = {name: np.full(network.by_name[name].card, np.nan) for name in network.ranked}
            return Beliefs(log_evidence, nan, {}, {})
        by_node = single.marginal.T.copy()
        probability = {
            name: by_node[low.index[name], : network.by_name[name].card] for name in network.ranked
        }
        if not explain:
            return Beliefs(log_evidence, probability, {}, {})
        produced = {
            parent: float(single.marginal[1, node])
            for (of, parent), node in low.producer.items()
            if of == network.complaint and parent in probability
        }
        targets = np.flatnonzero(self.wanted_targets)
        of_targets = within(single.responsibility[targets], ACCURACY)
        rows, findings = np.nonzero(of_targets)
        found = targets[rows].tolist(), findings.tolist(), of_targets[rows, findings].tolist()
        shares = {
            (low.names[cause], low.names[finding]): value
            for cause, finding, value in zip(*found, strict=True)
        }
        explains = dict.fromkeys(network.ranked, 0.0)
        for (name, _), value in shares.items():
            explains[name] += value
        return Beliefs(log_evidence, probability, produced, explains, shares)

    def beliefs_of(
        self, plan: Plan, factors: Reduced, evidence: Evidence, explain: bool = True
    ) -> Beliefs:
        """Beliefs by numpy, from a plan and the factors of the evidence that it was made for."""
        low, network = self.lowered, self.network
        runs = _runs(plan, factors)
        log_evidence = _log_total(runs, evidence)
        if log_evidence == -np.inf:
            nan = {name: np.full(network.by_name[name].card, np.nan) for name in network.ranked}
            return Beliefs(log_evidence, nan, {}, {})
        scale = _scales(runs)
        total = sum(float(run.total.sum()) * by for (_, run), by in zip(runs, scale, strict=True))

        def marginal(node: int) -> Floats:
            result = np.zeros(int(low.program.card[node]))
            for (chunk, run), by in zip(runs, scale, strict=True):
                if node in factors.lanes:
                    states = factors.states[chunk, factors.lanes.index(node)]
                    np.add.at(result, states, run.total * by)
                elif node in run.marginal:
                    result += run.marginal[node].sum(axis=0) * by
            return normalised(result)

        def posterior(node: int) -> Floats:
            state = int(evidence.hard[node])
            if state < 0:
                return marginal(node)
            known: Floats = np.eye(int(low.program.card[node]))[state]
            return known

        probability = {name: posterior(low.index[name]) for name in network.ranked}
        if not explain:
            return Beliefs(log_evidence, probability, {}, {})
        produced = {
            parent: float(posterior(node)[1])
            for (of, parent), node in low.producer.items()
            if of == network.complaint and parent in probability
        }
        explains = dict.fromkeys(network.ranked, 0.0)
        shares: dict[tuple[str, str], float] = {}
        for (_, run), by in zip(runs, scale, strict=True):
            for i, joint in run.responsibility.items():
                leaf = factors.leaves[i]
                name, finding = low.names[leaf.target], low.names[leaf.own - factors.count]
                if name in explains:
                    share = float(joint.sum()) * by / total
                    shares[name, finding] = shares.get((name, finding), 0.0) + share
        for (name, finding), share in shares.items():
            shares[name, finding] = float(within(share))
            explains[name] += shares[name, finding]
        unexplained = np.nan
        if self.complaint in runs[0][1].marginal and evidence.hard[self.complaint] >= 0:
            unexplained = float(marginal(self.complaint)[0])
        return Beliefs(log_evidence, probability, produced, explains, shares, unexplained)


def _fixed(array: Ints) -> Ints:
    """The array, read-only from now on."""
    array.flags.writeable = False
    return array


def _runs(plan: Plan, factors: Reduced) -> list[tuple[slice, Sweep]]:
    """One sweep per pass, with the lanes that it covers."""
    result = []
    for start in range(0, plan.lanes, plan.lanes_per_pass):
        chunk = slice(start, start + plan.lanes_per_pass)
        result.append((chunk, sweep(factors, plan.order.steps, chunk)))
    return result


def _top(runs: list[tuple[slice, Sweep]]) -> int:
    """The largest exponent of the passes whose evidence is possible."""
    return max((run.exponent for _, run in runs if run.total.any()), default=0)


def _scales(runs: list[tuple[slice, Sweep]]) -> list[float]:
    """The factor of each pass that brings all passes to one scale."""
    top = _top(runs)
    return [ldexp(1.0, min(run.exponent - top, 0)) for _, run in runs]


def _log_total(runs: list[tuple[slice, Sweep]], evidence: Evidence) -> float:
    """The natural log of P(evidence), the sum over all passes."""
    scaled = zip(runs, _scales(runs), strict=True)
    total = sum(float(run.total.sum()) * by for (_, run), by in scaled)
    if total <= 0.0:
        return -float("inf")
    return float(np.log(total) + _top(runs) * np.log(2.0) + evidence.log_scale)
