"""The accuracy of every form and path, searched on random networks against exact arithmetic.

    python tools/accuracy.py                     20,000 believed records and more; some minutes
    python tools/accuracy.py --records 500       of each class

Every number of a model is a float64, so it is a rational number whose denominator is a power of
two, and sums of products of such numbers are computed here as whole numbers, without any rounding.
The oracle imports ``twitchnet.model`` alone.

Classes of networks: *clean* numbers (halves, certain links, equal leaks) round alike wherever they
meet, so a self-check may miss what they lose; *near-deterministic* ones cancel most; *random* ones
are spread over many orders of magnitude; *wide* findings have many causes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.scoring.rows import make_rows
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import LEFT_TO_NUMPY, LIMITS, STATUS, BatchOutput, run_batch
from twitchnet.model.local import Leak, Link, LocalModel, NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Variable

FORMS = ("double", "double-double", "left to numpy")
LEAST = 1e-12
"""Posteriors from which relative errors are counted."""

SHOWN = 3
"""Causes of a wide finding whose posteriors are compared."""


# --- The oracle: whole numbers over a power of two


@dataclass(frozen=True)
class Exact:
    """An array of rational numbers: ``whole / 2**shift``."""

    whole: NDArray[np.object_]
    shift: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "whole", np.asarray(self.whole, dtype=object))  # also a scalar

    @classmethod
    def of(cls, values: Any) -> Exact:
        """The exact values of float64 numbers."""
        array = np.asarray(values, dtype=np.float64)
        ratios = [float(x).as_integer_ratio() for x in array.ravel()]
        shift = max(d.bit_length() - 1 for _, d in ratios)
        whole = np.empty(len(ratios), dtype=object)
        whole[:] = [n << (shift - d.bit_length() + 1) for n, d in ratios]
        return cls(whole.reshape(array.shape), shift)

    def __mul__(self, other: Exact) -> Exact:
        return Exact(self.whole * other.whole, self.shift + other.shift)

    def complement(self) -> Exact:
        """One minus each number."""
        return Exact((1 << self.shift) - self.whole, self.shift)

    def at(self, index: Any) -> Exact:
        """A part of the array."""
        return Exact(self.whole[index], self.shift)


def placed(part: Leak | Link, values: Exact, scope: tuple[str, ...], last: int) -> Exact:
    """A part's numbers with one axis for each node of ``scope``, then ``last`` more axes."""
    names = (*part.modifiers, part.parent) if isinstance(part, Link) else part.modifiers
    order = sorted(range(len(names)), key=lambda i: scope.index(names[i]))
    whole = values.whole.transpose(*order, *range(len(names), values.whole.ndim))
    sizes = iter(whole.shape)
    shape = [next(sizes) if name in names else 1 for name in scope]
    return Exact(whole.reshape(*shape, *whole.shape[len(names) : len(names) + last]), values.shift)


def conditional(local: LocalModel, scope: tuple[str, ...]) -> Exact:
    """P(state | parents): one axis for each node of ``scope``, then the states."""
    if isinstance(local, Table):
        return Exact.of(local.probabilities)
    parts = [local.leak, *local.links]
    if isinstance(local, NoisyOr):
        silent = Exact.of(1.0)
        for part in parts:
            silent = silent * placed(part, Exact.of(part.strength).complement(), scope, 0)
        both = silent.whole, silent.complement().whole
        return Exact(np.stack(np.broadcast_arrays(*both), axis=-1), silent.shift)
    assert isinstance(local, NoisyMax)
    up_to = Exact.of(1.0)
    for part in parts:
        levels = placed(part, Exact.of(part.strength), scope, 1)
        up_to = up_to * Exact(np.cumsum(levels.whole, axis=-1), levels.shift)
    lower = np.concatenate([0 * up_to.whole[..., :1], up_to.whole[..., :-1]], axis=-1)
    return Exact(up_to.whole - lower, up_to.shift)


def parents_of(local: LocalModel) -> tuple[str, ...]:
    """The nodes that a local model is conditioned on, in the order of a table's axes."""
    if isinstance(local, Table):
        return local.parents
    found: dict[str, None] = {}
    for part in (local.leak, *local.links):
        found |= dict.fromkeys(part.modifiers)
        if isinstance(part, Link):
            found[part.parent] = None
    return tuple(found)


class Oracle:
    """Exact answers of a small network by summing its joint distribution."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.tables = {}
        for node in network.nodes:
            assert node.local is not None
            scope = parents_of(node.local)
            self.tables[node.name] = (*scope, node.name), conditional(node.local, scope)

    def joint(self, hard: Mapping[str, int]) -> tuple[dict[str, list[int]], int, int]:
        """P(state, evidence) of each hidden node, and P(evidence), over 2**shift."""
        parents = {name for scope, _ in self.tables.values() for name in scope[:-1]}
        silent = {  # sums to exactly 1 when nothing is known of it
            node.name
            for node in self.network.nodes
            if isinstance(node.local, NoisyOr) and node.name not in {*hard, *parents}
        }
        hidden = [n.name for n in self.network.nodes if n.name not in {*hard, *silent}]
        grid = Exact(np.ones([1] * len(hidden), dtype=object), 0)
        for name, (scope, table) in self.tables.items():
            if name in silent:
                continue
            index = tuple(hard.get(n, slice(None)) for n in scope)
            free = [n for n in scope if n not in hard]
            order = sorted(range(len(free)), key=lambda i: hidden.index(free[i]))
            part = table.at(index)
            whole = part.whole.transpose(order)
            sizes = iter(whole.shape)
            shape = [next(sizes) if n in free else 1 for n in hidden]
            grid = grid * Exact(whole.reshape(shape), part.shift)
        marginal = {}
        for i, name in enumerate(hidden):
            rest = tuple(k for k in range(len(hidden)) if k != i)
            marginal[name] = list(grid.whole.sum(axis=rest))
        total = int(grid.whole.sum())
        return marginal, total, grid.shift


def log_of(whole: int, shift: int) -> float:
    """The natural log of whole / 2**shift."""
    extra = max(whole.bit_length() - 64, 0)
    return math.log(whole >> extra) + (extra - shift) * math.log(2.0)


# --- The networks


STATES = ("absent", "present")
Draw = Callable[[], float]


def numbers(kind: str, rng: np.random.Generator) -> dict[str, Draw]:
    """How priors, leaks and links are drawn."""
    equal = float(rng.choice([0.001, 0.00098, 0.003, 0.01, 0.0005]))

    def clean_leak() -> float:
        draws = (equal, equal, 2.0 ** -int(rng.integers(3, 12)), float(rng.choice([0.02, 0.1])))
        return float(rng.choice(draws))

    def clean_link() -> float:
        exact = 1.0, 1.0, 0.5, 1 - 2.0 ** -int(rng.integers(2, 40)), 2.0 ** -int(rng.integers(1, 9))
        return float(rng.choice(exact))

    def log_uniform(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def nearly() -> float:
        return float(rng.choice([1.0 - log_uniform(1e-12, 1e-2), log_uniform(1e-8, 1e-2)]))

    return {
        "clean": {
            "prior": lambda: float(rng.choice([0.5, 0.5, 0.25, 0.125, 2.0**-10, 2.0**-22])),
            "leak": clean_leak,
            "link": clean_link,
        },
        "near-deterministic": {
            "prior": lambda: float(rng.choice([log_uniform(1e-6, 0.5), 0.5, 1 - 1e-6])),
            "leak": lambda: log_uniform(2.0**-12, 0.05),
            "link": nearly,
        },
        "random": {
            "prior": lambda: log_uniform(1e-6, 0.5),
            "leak": lambda: log_uniform(1e-4, 0.2),
            "link": lambda: log_uniform(1e-3, 1.0),
        },
    }[kind]


def two_layers(kind: str, rng: np.random.Generator) -> Network:
    """Causes (some with a context, some with a cause before them), findings, some tests."""
    draw = numbers(kind, rng)
    causes, findings = int(rng.integers(3, 9)), int(rng.integers(3, 9))
    nodes: list[Variable] = []

    def noisy_or(parents: list[str], leak: float, modifier: str = "") -> NoisyOr:
        links = []
        for parent in parents:
            if modifier and rng.random() < 0.4:
                rows = np.array([[0.0, draw["link"]()], [0.0, draw["link"]()]])
                links.append(Link(parent, (modifier,), rows))
            else:
                links.append(Link(parent, (), np.array([0.0, draw["link"]()])))
        return NoisyOr(Leak((), np.array(leak)), tuple(links))

    context = ""
    if rng.random() < 0.4:
        context = "x"
        p = draw["prior"]()
        nodes.append(Variable("x", "context", STATES, "", Table((), np.array([1 - p, p]))))
    names = [f"c{i}" for i in range(causes)]
    for i, name in enumerate(names):
        p = draw["prior"]()
        local: LocalModel = Table((), np.array([1 - p, p]))
        if i and rng.random() < 0.15:
            local = noisy_or([names[int(rng.integers(i))]], p)
        elif context and rng.random() < 0.3:
            q = draw["prior"]()
            local = Table((context,), np.array([[1 - p, p], [1 - q, q]]))
        nodes.append(Variable(name, "cause", STATES, "", local))
    dense = rng.choice([0.4, 0.7, 1.0])
    for k in range(findings):
        parents = [name for name in names if rng.random() < dense] or names[:1]
        if rng.random() < 0.1:
            local = noisy_max(kind, parents, draw, rng)
            nodes.append(Variable(f"f{k}", "finding", ("no", "some", "much"), "", local))
            continue
        local = noisy_or(parents, draw["leak"](), context)
        nodes.append(Variable(f"f{k}", "finding", STATES, "", local))
    if rng.random() < 0.6:  # sensitive tests: their silence excludes, or nearly
        for name in names:
            if rng.random() < 0.8:
                local = noisy_or([name], float(rng.choice([0.0, 0.0, draw["leak"]()])))
                nodes.append(Variable(f"g_{name}", "finding", STATES, "", local))
    return Network(kind, "1", tuple(nodes), targets=tuple(names))


def noisy_max(kind: str, parents: list[str], draw: dict[str, Draw], rng: Any) -> NoisyMax:
    """A finding of three levels."""

    def row(p: float) -> list[float]:
        half = float(rng.choice([0.5, 0.25, 0.0]))
        return [1 - p, p * half, p - p * half]

    links = tuple(
        Link(parent, (), np.array([[1.0, 0.0, 0.0], row(draw["link"]())])) for parent in parents
    )
    return NoisyMax(Leak((), np.array(row(draw["leak"]()))), links)


def records(network: Network, count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Codes (count, nodes): findings mostly present, tests mostly silent, causes seldom known."""
    codes = np.full((count, len(network.nodes)), -1, dtype=np.int8)
    for row in range(count):
        present = rng.choice([0.5, 0.8, 1.0])
        for i, node in enumerate(network.nodes):
            name = node.name
            if name.startswith("f") and rng.random() < 0.95:
                codes[row, i] = rng.integers(1, node.card) if rng.random() < present else 0
            elif name.startswith("g") and rng.random() < 0.9:
                codes[row, i] = 0 if rng.random() < 0.9 else 1
            elif name[0] in "xc" and rng.random() < (0.5 if name == "x" else 0.05):
                codes[row, i] = rng.integers(2)
    return codes


# --- Findings of many causes, by inclusion and exclusion


@dataclass(frozen=True)
class Wide:
    """Present findings of the same ``n`` independent causes: priors (n,), links (n, m), leaks (m,).

    P(all present) is the signed sum over sets of findings of P(none of the set is present), in
    which the causes are independent factors.
    """

    prior: NDArray[np.float64]
    link: NDArray[np.float64]
    leak: NDArray[np.float64]

    @classmethod
    def draw(cls, kind: str, n: int, m: int, rng: np.random.Generator) -> Wide:
        """Causes that are alike (clean), or not."""
        if kind == "clean":
            prior, link = 2.0 ** -int(rng.integers(2, 24)), float(rng.choice([0.01, 0.25, 0.75]))
            leak = float(rng.choice([0.001, 2.0**-9, 2e-5]))
            return cls(np.full(n, prior), np.full((n, m), link), np.full(m, leak))
        log = np.log
        return cls(
            np.exp(rng.uniform(log(1e-6), log(0.1), n)),
            np.exp(rng.uniform(log(1e-3), log(0.9), (n, m))),
            np.exp(rng.uniform(log(1e-5), log(0.1), m)),
        )

    def network(self) -> Network:
        """The network."""
        names = [f"c{i}" for i in range(len(self.prior))]
        nodes = [
            Variable(name, "cause", STATES, "", Table((), np.array([1 - p, p])))
            for name, p in zip(names, self.prior, strict=True)
        ]
        for k, leak in enumerate(self.leak):
            links = tuple(
                Link(name, (), np.array([0.0, w]))
                for name, w in zip(names, self.link[:, k], strict=True)
            )
            nodes.append(
                Variable(f"f{k}", "finding", STATES, "", NoisyOr(Leak((), np.array(leak)), links))
            )
        return Network("wide", "1", tuple(nodes))

    def exact(self) -> tuple[list[int], int, int]:
        """P(cause present, all present) of the first causes, P(all present), over 2**shift."""
        prior, absent = Exact.of(self.prior), Exact.of(1.0 - self.prior)  # as the network has them
        silent, leak = Exact.of(self.link).complement(), Exact.of(self.leak).complement()
        shown = range(min(SHOWN, len(self.prior)))
        findings = range(len(self.leak))
        terms: list[tuple[list[int], int]] = []  # numerators (shown causes, then all), and shifts
        for chosen in (s for r in range(len(self.leak) + 1) for s in combinations(findings, r)):
            sign = math.prod([-int(leak.whole[k]) for k in chosen])
            up = prior.whole * math.prod([silent.whole[:, k] for k in chosen])
            more = silent.shift * len(chosen) + prior.shift - absent.shift
            down = absent.whole * 2**more if more >= 0 else absent.whole
            up = up if more >= 0 else up * 2**-more
            both = list(up + down)
            shift = max(prior.shift + silent.shift * len(chosen), absent.shift) * len(both)
            beyond = product_of(both[len(shown) :])
            each = [
                sign * beyond * int(up[i]) * math.prod([both[j] for j in shown if j != i])
                for i in shown
            ]
            whole = sign * beyond * math.prod([both[i] for i in shown])
            terms.append(([*each, whole], shift + leak.shift * len(chosen)))
        most = max(shift for _, shift in terms)
        sums = [sum(t[i] << (most - shift) for t, shift in terms) for i in range(len(shown) + 1)]
        return sums[:-1], sums[-1], most

    def errors(self, form: int) -> tuple[int, float, float]:
        """The form that answered, and its errors of P(evidence) and of a posterior."""
        network = self.network()
        inference = Inference(network)
        codes = np.full((1, len(network.nodes)), -1, dtype=np.int8)
        codes[0, len(self.prior) :] = 1
        out, columns = run(inference, codes, form, SHOWN)
        answered, log_evidence = int(out.forms[0]), float(out.log_evidence[0])
        found = dict(zip(columns, out.probability[0].tolist(), strict=True))
        if LIMITS[out.limits[0]] in LEFT_TO_NUMPY:
            beliefs = Inference(network, engine="numpy").beliefs(
                Answers(hard_of(network, codes[0]))
            )
            answered, log_evidence = len(FORMS) - 1, beliefs.log_evidence
            found = {column: float(beliefs.probability[column[0]][1]) for column in columns}
        else:
            assert STATUS[out.status[0]] == "ok"
        joint, total, shift = self.exact()
        evidence = abs(math.expm1(log_evidence - log_of(total, shift)))
        marginal = {name: [0, joint[i]] for i, (name, _) in enumerate(columns)}
        return answered, evidence, worst_posterior(network, marginal, total, found)


def product_of(whole: list[int]) -> int:
    """The product of whole numbers, by halves."""
    while len(whole) > 1:
        whole = [math.prod(whole[i : i + 2]) for i in range(0, len(whole), 2)]
    return whole[0]


# --- The search


@dataclass
class Worst:
    """The largest errors of one form, path and class."""

    count: int = 0
    evidence: float = 0.0
    posterior: float = 0.0
    over: int = 0  # records off by more than 1e-10
    seed: int = -1

    def add(self, evidence: float, posterior: float, seed: int) -> None:
        """One more record."""
        self.count += 1
        self.over += max(evidence, posterior) > 1e-10
        if max(evidence, posterior) > max(self.evidence, self.posterior):
            self.seed = seed
        self.evidence = max(self.evidence, evidence)
        self.posterior = max(self.posterior, posterior)


def run(
    inference: Inference, codes: NDArray[np.int8], form: int, most: int | None = None
) -> tuple[BatchOutput, tuple[tuple[str, str], ...]]:
    """Posteriors of the first targets by the kernels, beginning with a form."""
    network, low = inference.network, inference.lowered
    columns = target_states(network)[:most]
    states = [network.by_name[name].states.index(state) for name, state in columns]
    out = run_batch(
        low.program,
        make_rows(inference, codes, {}),
        inference.wanted_targets,
        np.array([low.index[name] for name, _ in columns], dtype=np.int64),
        np.array(states, dtype=np.int64),
        budget=inference.budget,
        workspace=inference.batch_workspace,
        threads=1,
        forms=np.full(len(codes), form, dtype=np.int8),
    )
    return out, columns


def compare(
    network: Network, codes: NDArray[np.int8], inference: Inference, form: int = 0
) -> Iterator[tuple[int, int, float, float]]:
    """(row, form, error of P(evidence), largest relative error of a posterior) by the kernels.

    The last form is numpy, for what they leave to it.  Impossible records are left out.
    """
    out, columns = run(inference, codes, form)
    oracle = Oracle(network)
    for row in range(len(codes)):
        hard = hard_of(network, codes[row])
        marginal, total, shift = oracle.joint(hard)
        status = STATUS[out.status[row]]
        if LIMITS[out.limits[row]] in LEFT_TO_NUMPY:
            for _, evidence, posterior in by_numpy(network, codes[row : row + 1]):
                yield row, len(FORMS) - 1, evidence, posterior
            continue
        if total == 0:
            assert status == "impossible", (network, hard)
            continue
        assert status == "ok", (network, hard, status)
        evidence = abs(math.expm1(out.log_evidence[row] - log_of(total, shift)))
        found = {
            column: float(out.probability[row, c])
            for c, column in enumerate(columns)
            if column[0] in marginal
        }
        yield row, int(out.forms[row]), evidence, worst_posterior(network, marginal, total, found)


def hard_of(network: Network, codes: NDArray[np.int8]) -> dict[str, int]:
    """The answers of one row."""
    return {node.name: int(codes[i]) for i, node in enumerate(network.nodes) if codes[i] >= 0}


def worst_posterior(
    network: Network,
    marginal: Mapping[str, list[int]],
    total: int,
    found: Mapping[tuple[str, str], float],
) -> float:
    """The largest relative error of the posteriors above ``LEAST``."""
    worst = 0.0
    for (name, state), value in found.items():
        whole = marginal[name][network.by_name[name].states.index(state)]
        exact = whole / total
        if exact > LEAST:
            worst = max(worst, abs(value - exact) / exact)
        elif not value <= 2 * LEAST:
            worst = max(worst, value)
    return worst


def by_numpy(network: Network, codes: NDArray[np.int8]) -> Iterator[tuple[int, float, float]]:
    """(row, error of P(evidence), largest relative error of a posterior) by the numpy engine."""
    inference, oracle = Inference(network, engine="numpy"), Oracle(network)
    for row in range(len(codes)):
        hard = hard_of(network, codes[row])
        marginal, total, shift = oracle.joint(hard)
        beliefs = inference.beliefs(Answers(hard=hard))
        if total == 0:
            assert beliefs.log_evidence == -math.inf
            continue
        evidence = abs(math.expm1(beliefs.log_evidence - log_of(total, shift)))
        found = {
            (name, state): float(beliefs.probability[name][i])
            for name in network.ranked
            if name in marginal
            for i, state in enumerate(network.by_name[name].states)
            if i
        }
        yield row, evidence, worst_posterior(network, marginal, total, found)


def search(
    kind: str, count: int, seed: int, each: int = 20, numpy_share: float = 0.1
) -> dict[str, Worst]:
    """``count`` records of one class, some of each network; worst errors by path and form."""
    found: dict[str, Worst] = {}
    done, number = 0, 0
    while done < count:
        number += 1
        rng = np.random.default_rng([seed, number])
        network = two_layers(kind, rng)
        codes = records(network, each, rng)
        inference = Inference(network)
        for _, form, evidence, posterior in compare(network, codes, inference):
            done += 1
            found.setdefault(f"kernels, {FORMS[form]}", Worst()).add(evidence, posterior, number)
        if rng.random() < numpy_share:
            for _, evidence, posterior in by_numpy(network, codes[:10]):
                found.setdefault("numpy", Worst()).add(evidence, posterior, number)
    return found


def grow(kind: str, parents: int, seed: int, networks: int) -> dict[str, Worst]:
    """Findings of many causes, begun in each form; worst errors by the form that answered."""
    found: dict[str, Worst] = {}
    for number in range(networks):
        rng = np.random.default_rng([seed, parents, number])
        wide = Wide.draw(kind, parents, int(rng.integers(1, 4 if parents > 500 else 6)), rng)
        for form in range(len(FORMS) - 1):
            answered, evidence, posterior = wide.errors(form)
            worst = found.setdefault(f"kernels, {FORMS[answered]}", Worst())
            worst.add(evidence, posterior, number)
    return found


def main() -> None:
    """Prints the tables of docs/performance.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=25_000, help="of each class")
    parser.add_argument("--wide", type=int, default=6, help="networks of each number of causes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| networks | path and form | records | largest error of P(evidence) | of a posterior |")
    print("| --- | --- | ---: | ---: | ---: |")
    for kind in ("clean", "near-deterministic", "random"):
        print_rows(kind, search(kind, options.records, options.seed))
    for parents in (30, 300, 2000, 5000):
        for kind in ("clean", "random"):
            title = f"{kind}, findings of {parents:,} causes"
            print_rows(title, grow(kind, parents, options.seed, options.wide))


def print_rows(title: str, found: dict[str, Worst]) -> None:
    """Rows of the table; records off by more than 1e-10 are named apart."""
    for name, worst in sorted(found.items()):
        print(
            f"| {title} | {name} | {worst.count:,} | {worst.evidence:.0e} "
            f"| {worst.posterior:.0e} |",
            flush=True,
        )
        if worst.over:
            print(f"  {worst.over} over 1e-10, worst: network {worst.seed}", file=sys.stderr)


if __name__ == "__main__":
    main()
