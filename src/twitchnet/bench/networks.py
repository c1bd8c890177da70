"""Which networks and records are measured?  All seeded, so that everyone measures the same.

* ``standin``: the network of benchmarks/data, 18 contexts, 22 causes, 40 findings;
* ``rare``: many rare causes with a few findings each, of any size;
* ``questionnaires``: answers to a model that has a complaint, sampled from the model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable
from twitchnet.model.sampling import Codes, hide, sample

STATES = ("absent", "present")
FINDINGS_OF_A_CAUSE = 8
Style = Literal["typical", "full", "few"]

# In a source tree (and an editable install) the data lie in benchmarks/data.
STANDIN = Path(__file__).resolve().parents[3] / "benchmarks" / "data" / "standin_network.json"


@dataclass(frozen=True)
class Case:
    """A network and the records that are put to it: ``codes`` (N, nodes), -1 unknown."""

    name: str
    network: Network
    codes: Codes

    def record(self, row: int) -> dict[str, int]:
        """The answers of one row: state index by name."""
        nodes = self.network.nodes
        return {
            nodes[column].name: int(self.codes[row, column])
            for column in np.flatnonzero(self.codes[row] >= 0)
        }

    @property
    def positives(self) -> NDArray[np.int64]:
        """The number of present findings of each record (N,)."""
        findings = [variable.kind == "finding" for variable in self.network.nodes]
        return np.asarray((self.codes[:, findings] > 0).sum(axis=1), dtype=np.int64)

    def head(self, count: int) -> Case:
        """The first ``count`` records."""
        return Case(self.name, self.network, self.codes[:count].copy())


def standin(path: Path = STANDIN) -> Network:
    """The stand-in network from its file.  Raises ``FileNotFoundError`` outside a source tree."""
    nodes = json.loads(path.read_text(encoding="utf-8"))
    variables = []
    for name, node in nodes.items():
        links = tuple(
            Link(parent, (), np.array([0.0, weight]))
            for parent, weight in zip(node["parents"], node["weights"], strict=True)
        )
        local = NoisyOr(Leak((), np.array(node["leak"])), links)
        variables.append(Variable(name, node["layer"], STATES, name, local))
    return Network("standin", "1", tuple(variables))


def standin_records(count: int, rng: np.random.Generator) -> Case:
    """Records of the stand-in: contexts answered 80 %, findings 60 %, causes never."""
    network = standin()
    return Case("stand-in", network, hide(sample(network, count, rng), network, rng=rng))


def _log_uniform(
    rng: np.random.Generator, low: float, high: float, size: int
) -> NDArray[np.float64]:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def rare(causes: int = 300, findings: int = 400, seed: int = 1) -> Network:
    """Rare causes (prior 1e-6 to 1e-3), each with about eight findings; some findings are common
    to many causes.

    >>> len(rare(10, 14).nodes)
    24
    """
    rng = np.random.default_rng(seed)
    popular = 1.0 / np.arange(1, findings + 1) ** 0.7
    popular /= popular.sum()
    producing: list[list[Link]] = [[] for _ in range(findings)]
    variables = []
    for i, prior in enumerate(_log_uniform(rng, 1e-6, 1e-3, causes)):
        name = f"cause_{i:03}"
        table = Table((), np.array([1.0 - prior, prior]))
        variables.append(Variable(name, "cause", STATES, name, table))
        count = min(findings, 1 + int(rng.poisson(FINDINGS_OF_A_CAUSE - 1)))
        for j in rng.choice(findings, count, replace=False, p=popular):
            producing[j].append(Link(name, (), np.array([0.0, rng.uniform(0.05, 0.95)])))
    for j, leak in enumerate(_log_uniform(rng, 1e-4, 3e-2, findings)):
        name = f"finding_{j:03}"
        local = NoisyOr(Leak((), np.array(leak)), tuple(producing[j]))
        variables.append(Variable(name, "finding", STATES, name, local))
    return Network(f"rare_{causes}", "1", tuple(variables))


def rare_records(network: Network, count: int, rng: np.random.Generator) -> Case:
    """Somebody with one cause for certain (any, equally often), others by chance; 60 % answered."""
    causes, findings = network.names("cause"), network.names("finding")
    prior = np.zeros(len(causes))
    for i, name in enumerate(causes):
        local = network.by_name[name].local
        assert isinstance(local, Table)
        prior[i] = local.probabilities[1]
    silent, leak = np.zeros((len(causes), len(findings))), np.zeros(len(findings))
    for j, name in enumerate(findings):
        local = network.by_name[name].local
        assert isinstance(local, NoisyOr)
        leak[j] = local.leak.strength
        for link in local.links:
            silent[causes.index(link.parent), j] = np.log1p(-link.strength[1])
    present = rng.random((count, len(causes))) < prior
    present[np.arange(count), rng.integers(len(causes), size=count)] = True
    absent = (1.0 - leak) * np.exp(present @ silent)
    found = rng.random(absent.shape) >= absent
    codes = np.concatenate([present, found], axis=1).astype(np.int8)
    return Case(f"rare {len(causes)} x {len(findings)}", network, hide(codes, network, rng=rng))


def questionnaires(
    network: Network, count: int, rng: np.random.Generator, style: Style = "typical"
) -> Case:
    """Persons with the complaint.

    ``typical``: 80 % of contexts and 60 % of findings answered; ``full``: all of them;
    ``few``: the complaint and five more.
    """
    given = {network.complaint: network.by_name[network.complaint].states[1]}
    people = sample(network, count, rng, given)
    if style == "typical":
        codes = hide(people, network, rng=rng)
    else:
        codes = hide(people, network, contexts=1.0, findings=1.0, rng=rng)
    if style == "few":
        names = [variable.name for variable in network.nodes]
        complaint = names.index(network.complaint)
        asked = np.flatnonzero((codes[:1] >= 0).any(axis=0))
        asked = asked[asked != complaint]
        rank = rng.random((count, len(asked))).argsort(axis=1).argsort(axis=1)
        codes[:, asked] = np.where(rank < 5, codes[:, asked], np.int8(-1))
    return Case(f"{network.name}, {style}", network, codes)
