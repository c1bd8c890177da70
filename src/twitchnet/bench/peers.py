"""How do other libraries answer the same records?  All optional, imported in their process only.

* ``pyAgrum plain``: what a good user gets.  Parents divorced in chains of at most four, in
  one common order; LazyPropagation with the causes as targets.
* ``pyAgrum expert``: chains of at most six, ShaferShenoy, and every absent noisy-OR finding
  folded by hand into soft evidence on its parents (exact, since P(absent) is a product).
* ``pgmpy``: VariableElimination, one query per cause.

Each runs in a process of its own with bounded memory and time, on one thread, and measures
itself: its time is the processor's while it sets evidence and reads all posteriors, without
building the network or talking to us.
"""

from __future__ import annotations

import math
import multiprocessing
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.io.foreign.tabular import tabulated
from twitchnet.model.local import Link, NoisyOr, Table
from twitchnet.model.network import Network

Floats = NDArray[np.float64]
Record = Mapping[str, int]
Solver = Callable[[Record], tuple[Floats, float]]

PLAIN_CELLS = 2**5  # four binary parents and the node itself
EXPERT_CELLS = 2**7  # six
MEMORY = 6 * 2**30  # bytes of address space for a peer
START_UP = 300.0  # seconds until a peer must be ready
MOST_FAILURES = 3  # records that a peer may not finish before it is asked no more


def common_order(network: Network) -> Network:
    """The network with the links of every node in one order, that of the file."""
    place = {variable.name: i for i, variable in enumerate(network.nodes)}
    variables = []
    for variable in network.nodes:
        local = variable.local
        if not isinstance(local, Table):
            assert local is not None
            links = tuple(sorted(local.links, key=lambda link: place[link.parent]))
            local = replace(local, links=links)
        variables.append(replace(variable, local=local))
    return replace(network, variables=tuple(variables), rules=(), watches=(), options=())


def to_pyagrum(network: Network, cells: int) -> Any:
    """The network in pyAgrum, no table larger than ``cells`` unless the model states it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyAgrum does not survive its own import's warnings
        gum: Any = import_module("pyagrum")  # Any: its own types are incomplete

    gum.setNumberOfThreads(1)
    return gum, fill(gum, tabulated(common_order(network), cells))


def fill(gum: Any, network: Network) -> Any:
    """A network of tables in pyAgrum, table by table (its readers of files keep float32)."""
    model = gum.BayesNet()
    for variable in network.nodes:
        model.add(gum.LabelizedVariable(variable.name, variable.name, list(variable.states)))
    for variable in network.nodes:
        local = variable.local
        assert isinstance(local, Table)
        for parent in local.parents:
            model.addArc(parent, variable.name)
        table = model.cpt(variable.name)
        ours = (*local.parents, variable.name)
        axes = [ours.index(name) for name in table.names[::-1]]  # its first runs fastest
        table.fillWith(local.probabilities.transpose(axes).reshape(-1).tolist())
    return model


def fold(network: Network, record: Record) -> tuple[dict[str, int], dict[str, Floats], float]:
    """(hard, soft, log factor): absent findings as soft evidence on their parents.

    A finding is left as it is when it is described or describes, or when the strength of
    one of its links depends on something unknown.
    """
    hard, log = dict(record), 0.0
    soft: dict[str, Floats] = {}
    described = set(network.descriptors.values()) | {network.complaint}
    for name, state in record.items():
        local = network.by_name[name].local
        if state != 0 or not isinstance(local, NoisyOr) or name in described:
            continue
        if any(modifier not in record for modifier in local.modifiers) or not local.links:
            continue
        if network.by_name[name].kind != "finding":
            continue
        del hard[name]
        for part in local.parts:
            silent = 1.0 - part.strength[tuple(record[m] for m in part.modifiers)]
            if not isinstance(part, Link):
                log += math.log(silent)
            elif part.parent in record:
                log += math.log(silent[record[part.parent]])
            else:
                soft[part.parent] = silent * soft.get(part.parent, np.ones(1))
    return hard, soft, log


def pyagrum_plain(network: Network) -> Solver:
    """What a good user of pyAgrum writes."""
    gum, model = to_pyagrum(network, PLAIN_CELLS)
    engine = gum.LazyPropagation(model)
    return _pyagrum(network, engine, lambda record: (dict(record), {}, 0.0))


def pyagrum_expert(network: Network) -> Solver:
    """What an expert of pyAgrum can get."""
    gum, model = to_pyagrum(network, EXPERT_CELLS)
    engine = gum.ShaferShenoyInference(model)
    return _pyagrum(network, engine, lambda record: fold(network, record))


def _pyagrum(
    network: Network,
    engine: Any,
    prepare: Callable[[Record], tuple[dict[str, int], dict[str, Floats], float]],
) -> Solver:
    engine.setTargets(set(network.ranked))
    columns = [(n, s) for n in network.ranked for s in range(1, network.by_name[n].card)]

    def solve(record: Record) -> tuple[Floats, float]:
        hard, soft, log = prepare(record)
        engine.setEvidence({**hard, **{name: row.tolist() for name, row in soft.items()}})
        engine.makeInference()
        tables = {name: engine.posterior(name) for name in network.ranked}
        posterior = np.array([tables[name][state] for name, state in columns])
        return posterior, math.log(engine.evidenceProbability()) + log

    return solve


def pgmpy_elimination(network: Network) -> Solver:
    """VariableElimination with the order that it chooses by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pgmpy.inference import VariableElimination

        from twitchnet.io.foreign.pgmpy_bridge import to_pgmpy

    engine = VariableElimination(to_pgmpy(common_order(network), PLAIN_CELLS))
    states = {variable.name: variable.states for variable in network.nodes}

    def solve(record: Record) -> tuple[Floats, float]:
        evidence = {name: states[name][state] for name, state in record.items()}
        posterior: list[float] = []
        for name in network.ranked:
            table = engine.query([name], evidence=evidence, show_progress=False)
            posterior += [table.get_value(**{name: state}) for state in states[name][1:]]
        return np.array(posterior), math.nan

    return solve


SOLVERS: dict[str, tuple[str, Callable[[Network], Solver]]] = {
    "pyAgrum expert": ("pyagrum", pyagrum_expert),
    "pyAgrum plain": ("pyagrum", pyagrum_plain),
    "pgmpy": ("pgmpy", pgmpy_elimination),
}


def available() -> list[str]:
    """The peers whose libraries are installed."""
    return [name for name, (library, _) in SOLVERS.items() if find_spec(library)]


@dataclass(frozen=True)
class Answer:
    """What a peer said of one record: ``posterior`` (columns,) as the engine orders them."""

    seconds: float
    posterior: Floats
    log_evidence: float


class Peer:
    """A library in a process of its own, that may fail without taking us with it.

    ``timeout`` is in seconds per record.  Use it as a context manager, or ``close`` it.
    """

    def __init__(self, name: str, network: Network, timeout: float = 30.0) -> None:
        self.name = name
        self.network = network
        self.timeout = timeout
        self.failures = 0
        self.reasons: list[str] = []  # of the failures: time, memory, or the error's own words
        self.peak = 0  # bytes
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = self._pipe = None

    def ask(self, record: Record) -> Answer | None:
        """The posteriors, or None when the peer ran out of time or memory."""
        if self.failures >= MOST_FAILURES:
            return None
        reason = "ended"  # the process is gone and left no word
        try:
            pipe = self._pipe or self._start()
            pipe.send(dict(record))
            if pipe.poll(self.timeout):
                reply = pipe.recv()
                if not isinstance(reply, str):
                    seconds, posterior, log_evidence, self.peak = reply
                    return Answer(seconds, posterior, log_evidence)
                reason = reply
            else:
                reason = "time"
        except (EOFError, OSError):
            pass
        self.failures += 1
        self.reasons.append(reason)
        self.close()
        return None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self.name, self.network), daemon=True
        )
        self._process.start()
        theirs.close()
        if not self._pipe.poll(START_UP):
            raise EOFError
        self._pipe.recv()
        return self._pipe


def peak_memory() -> int:
    """The most memory that this process ever held, in bytes; 0 where nobody counts."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve(pipe: Connection, name: str, network: Network) -> None:
    """The peer's process: answers records until the pipe is closed."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except ImportError:
        pass
    warnings.simplefilter("ignore")
    solve = SOLVERS[name][1](network)
    pipe.send("ready")
    while True:
        try:
            record = pipe.recv()
        except EOFError:
            return
        start = time.process_time()
        try:
            posterior, log_evidence = solve(record)
        except Exception as error:  # whatever goes wrong over there, it was not answered
            memory = isinstance(error, MemoryError) or "bad_alloc" in str(error)
            pipe.send("memory" if memory else f"{type(error).__name__}: {error}")
            continue
        pipe.send((time.process_time() - start, posterior, log_evidence, peak_memory()))
