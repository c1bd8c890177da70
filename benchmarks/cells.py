"""What do exact answers to full questionnaires cost, in planned table cells?

    python benchmarks/cells.py                 1,000 sampled records: a table on stdout
    python benchmarks/cells.py --write         the same, kept in docs/performance.md
    python benchmarks/cells.py --records 50 --model demo

Records are drawn from the model with the complaint present; 80 % of the contexts and
60 % of the findings are answered, no cause is.  Nothing is computed, only planned, so the
table does not depend on the machine.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import twitchnet as tn
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import BatchInput, run_batch
from twitchnet.engine.numpy.plan import BUDGET
from twitchnet.errors import CapacityError
from twitchnet.model.network import Network
from twitchnet.model.sampling import Codes, hide, sample

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- cells: begin -->", "<!-- cells: end -->"
SEED = 20_240_601
SMALL_BUDGET = 1e5  # cells; the kernels still plan records of 1e5 times as many
BANDS = ((0, 4), (5, 8), (9, 12), (13, 16), (17, 99))


@dataclass(frozen=True, slots=True)
class Cost:
    """The planned cost of one record.

    ``cells`` are multiply-adds of the upward pass on the readable path, ``kernel_cells``
    those of the compiled kernels' own plan (NaN where it was not asked for).
    """

    positives: int
    cells: float
    kernel_cells: float = math.nan


def questionnaires(network: Network, count: int, seed: int = SEED) -> Codes:
    """Sampled records with some answers left out."""
    rng = np.random.default_rng(seed)
    given = {}
    if network.complaint:
        given[network.complaint] = network.by_name[network.complaint].states[1]
    return hide(sample(network, count, rng, given), network, rng=rng)


def answers_of(network: Network, row: Codes) -> Answers:
    """A row of codes as answers."""
    pairs = zip(network.nodes, row.tolist(), strict=True)
    return Answers({variable.name: state for variable, state in pairs if state >= 0})


def costs(network: Network, codes: Codes, *, kernels: bool = False) -> list[Cost]:
    """The planned cost of each record, without a budget."""
    inference = Inference(network, budget=math.inf)
    findings = [i for i, variable in enumerate(network.nodes) if variable.kind == "finding"]
    positives = (codes[:, findings] > 0).sum(axis=1).tolist()
    planned = [planned_cells(inference, row) for row in codes]
    compiled = kernel_cells(inference, codes) if kernels else [math.nan] * len(codes)
    return [Cost(*row) for row in zip(positives, planned, compiled, strict=True)]


def planned_cells(inference: Inference, row: Codes) -> float:
    """What the readable path plans, also where its tables would never fit the workspace."""
    try:
        return inference.plan(inference.evidence(answers_of(inference.network, row))).cells
    except CapacityError as error:
        return error.cells


def kernel_cells(inference: Inference, codes: Codes) -> list[float]:
    """What the compiled kernels plan; a small budget keeps them from computing what is expensive.

    With a budget of 0 they would not search for better orders either.
    """
    lowered = inference.lowered
    nodes = np.array([lowered.index[v.name] for v in inference.network.nodes], dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    rows = BatchInput(np.ascontiguousarray(codes), nodes, np.empty((len(codes), 0, 2)), none)
    out = run_batch(
        lowered.program,
        rows,
        inference.wanted_targets,
        none,
        none,
        budget=SMALL_BUDGET,
        posteriors=True,
    )
    cells: list[float] = out.cells.tolist()
    return cells


def spelled(cells: float) -> str:
    """A cost with two figures."""
    return "-" if math.isnan(cells) else f"{cells:.1e}".replace("e+0", "e").replace("e+", "e")


def shares(values: Sequence[float]) -> list[str]:
    """Median, the value that a tenth of the records exceed, and the largest."""
    return [spelled(float(np.quantile(values, q))) for q in (0.5, 0.9, 1.0)]


def table(found: Iterable[Cost]) -> str:
    """The costs by number of positive findings, as Markdown."""
    found = list(found)
    lines = [
        "| positive findings | records | numpy: median | 9 of 10 below | largest "
        "| kernels: median | 9 of 10 below | largest | over the budget |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for low, high in (*BANDS, (0, 99)):
        of = [cost for cost in found if low <= cost.positives <= high]
        if not of:
            continue
        name = "all" if (low, high) == (0, 99) else f"{low}-{high}" if high < 99 else f"{low}+"
        over = sum(cost.cells > BUDGET for cost in of)
        cells = [*shares([c.cells for c in of]), *shares([c.kernel_cells for c in of])]
        lines.append(f"| {name} | {len(of)} | {' | '.join(cells)} | {over} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Puts the table between its marks in docs/performance.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{PAGE} has no marks {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--model", default="twitchy_legs")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--no-kernels", action="store_true", help="leave the kernels' plan out")
    parser.add_argument("--write", action="store_true", help="keep the table in the docs")
    asked = parser.parse_args()
    network = tn.load(asked.model).network
    codes = questionnaires(network, asked.records, asked.seed)
    text = table(costs(network, codes, kernels=not asked.no_kernels))
    print(text)
    if asked.write:
        write(text)


if __name__ == "__main__":
    main()
