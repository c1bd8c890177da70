"""How fast and how exact are batches of the networks of the bnlearn repository?

    python benchmarks/networks.py
    python benchmarks/networks.py alarm hepar2 --records 200 --write

For each network, records are drawn with 60 % of its leaves answered, and all marginals are
computed by ``Model.posteriors`` and by two engines of pyAgrum, one thread each, in turns of a few
records; ours are those of a turn again and again, as part of a batch of 2,000 where that is quick.
pyAgrum is given the tables in double precision, since its readers keep single; reading its tables
is not timed.  A network is left after ``--seconds`` of each engine, with the records that were
done by then.  Times are processor time per record, by the median of the turns; the ratio is of
summed times, to the faster engine.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import twitchnet as tn
from twitchnet.bench.peers import fill
from twitchnet.io.formats import read_model
from twitchnet.model.network import Network
from twitchnet.model.sampling import sample

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- networks: begin -->\n", "<!-- networks: end -->"
ENGINES = ("LazyPropagation", "ShaferShenoyInference")
SHARE = 0.6  # of the leaves that are answered
TURN, COPIES = 8, 250  # records of a turn, and how often ours are repeated
HEAVY_TURN, HEAVY_COPIES = 2, 20  # from 1e5 cells on; a batch of 32 records would be left to numpy
HEAD = """\
| network | nodes | plan of a batch | cells | planning s | us a record | pyAgrum us | ratio | records | largest difference: posterior | log P |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""  # noqa: E501


@dataclass
class Peer:
    """An engine of pyAgrum, and its seconds by turn."""

    engine: Any
    names: Sequence[str]
    seconds: list[float] = field(default_factory=list)

    def run(self, records: Sequence[dict[str, int]]) -> list[tuple[list[Any], float]]:
        """The tables of all variables and P(evidence), of each record."""
        begin, found = time.process_time(), []
        for record in records:
            self.engine.setEvidence(record)
            self.engine.makeInference()
            tables = [self.engine.posterior(name) for name in self.names]
            found.append((tables, self.engine.evidenceProbability()))
        self.seconds.append(time.process_time() - begin)
        return found


def repository() -> dict[str, Path]:
    """The files of the networks, which come with pgmpy."""
    folder = Path(str(import_module("pgmpy").__file__)).parent / "utils" / "example_models"
    return {path.name.removesuffix(".bif.gz"): path for path in sorted(folder.glob("?*.bif.gz"))}


def questionnaires(network: Network, count: int) -> Any:
    """Drawn records (count, nodes) with some of the leaves answered."""
    rng = np.random.default_rng(7)
    parents = {name for v in network.nodes if v.local for name in v.local.parents}
    leaf = np.array([v.name not in parents for v in network.nodes])
    asked = leaf & (rng.random((count, len(leaf))) < SHARE)
    return np.where(asked, sample(network, count, rng), -1).astype(np.int8)


def pyagrum(network: Network) -> list[Peer]:
    """Its engines for a network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gum = import_module("pyagrum")
    gum.setNumberOfThreads(1)
    model = fill(gum, network)
    names = [v.name for v in network.nodes]
    return [Peer(getattr(gum, engine)(model), names) for engine in ENGINES]


def row(name: str, path: Path, count: int, limit: float) -> str:
    """The row of a network."""
    network = read_model(path)
    network = replace(network, targets=tuple(v.name for v in network.nodes))
    model, codes = tn.Model(network), questionnaires(network, count)
    begin = time.process_time()
    try:
        said = zip(network.nodes, codes[0], strict=True)
        record = {v.name: v.states[code] for v, code in said if code >= 0}
        plan = model.plan(record, engine="batch")
        how, cells = ("shared" if isinstance(plan, tn.SharedPlan) else "own"), plan.cells
    except tn.CapacityError as error:
        how, cells = "refused", error.cells
    planning = time.process_time() - begin
    head = f"| {name} | {len(network.nodes)} | {how} | {cells:,.0f} | {planning:.1f} |"
    if how == "refused":
        return f"{head} | | | | | |\n"
    turn, copies = (TURN, COPIES) if cells < 1e5 else (HEAVY_TURN, HEAVY_COPIES)
    model.posteriors(np.repeat(codes[:1], 40, axis=0), threads=1)  # loads the kernels
    ours, peers, done = [], pyagrum(network), 0
    worst = worst_log = 0.0
    while done < count and (not done or max(sum(peer.seconds) for peer in peers) < limit):
        block = codes[done : done + turn]
        begin = time.process_time()
        found = model.posteriors(np.tile(block, (copies, 1)), threads=1)
        ours.append((time.process_time() - begin) / copies)
        records = [
            {
                v.name: int(code)
                for v, code in zip(network.nodes, codes_of, strict=True)
                if code >= 0
            }
            for codes_of in block
        ]
        for peer in peers:
            answers = peer.run(records)
        for i, (tables, probability) in enumerate(answers):
            by_name = {v.name: t.toarray() for v, t in zip(network.nodes, tables, strict=True)}
            right = [by_name[n][network.by_name[n].states.index(s)] for n, s in found.columns]
            worst = max(worst, float(np.abs(found.probability[i] - right).max()))
            worst_log = max(worst_log, abs(found.log_evidence[i] - np.log(probability)))
        done += len(block)
    best = min(peers, key=lambda peer: sum(peer.seconds))
    size = [len(codes[i : i + turn]) for i in range(0, done, turn)]
    own, theirs = (
        1e6 * statistics.median(t / n for t, n in zip(seconds, size, strict=True))
        for seconds in (ours, best.seconds)
    )
    ratio = sum(best.seconds) / sum(ours)
    figures = f"{own:,.1f} | {theirs:,.0f} | {ratio:,.0f} | {done} | {worst:.0e} | {worst_log:.0e}"
    return f"{head} {figures} |\n"


def main() -> None:
    """Prints the table, or writes it into the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("networks", nargs="*", help="all by default")
    options.add_argument("--records", type=int, default=200)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    chosen = options.parse_args()
    files, table = repository(), HEAD
    print(HEAD, end="", flush=True)
    for name in chosen.networks or files:
        line = row(name, files[name], chosen.records, chosen.seconds)
        print(line, end="", flush=True)
        table += line
    if chosen.write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
