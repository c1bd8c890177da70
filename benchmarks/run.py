"""Everything that is measured, as docs/benchmarks.md and its plots.

    python benchmarks/run.py                 a quarter of an hour; writes into docs/
    python benchmarks/run.py --most 1000000  batches of up to a million records too

It needs `pip install -e '.[benchmarks]'`.

The measuring itself is ``twitchnet.bench``, which ``twitchnet bench`` runs without plots.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import twitchnet as tn
from twitchnet.bench.report import Section, markdown
from twitchnet.bench.suite import full

POINTS = 300  # of each case that a plot shows
DOCS = Path(__file__).parents[1] / "docs"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def plotting() -> Any:
    """matplotlib without a screen, whose SVG does not change from run to run."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "twitchnet", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, name: str) -> str:
    figure.tight_layout()
    figure.savefig(DOCS / name, metadata={"Date": None})
    return f"![{name.removesuffix('.svg').replace('-', ' ')}]({name})"


def plot_cells(section: Section) -> str:
    """Time against planned cells, one point per record."""
    pyplot = plotting()
    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    names = [key.removesuffix(": cells") for key in section.series if key.endswith(": cells")]
    for name in names:
        seconds = [1e6 * s for s in section.series[f"{name}: seconds"][:POINTS]]
        axes.loglog(section.series[f"{name}: cells"][:POINTS], seconds, ".", ms=3, label=name)
    axes.set(xlabel="planned cells", ylabel="microseconds on one core")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    return save(figure, "benchmarks-cells.svg")


def plot_causes(section: Section) -> str:
    """Time against the number of causes, here and elsewhere."""
    pyplot = plotting()
    figure, axes = pyplot.subplots(figsize=(6, 3.6))
    causes = section.series["causes"]
    for name, seconds in section.series.items():
        if name != "causes":
            label = "twitchnet" if name == "ours" else name
            axes.loglog(causes, [1e3 * s for s in seconds], "o-", label=label)
    axes.set(xlabel="causes", ylabel="milliseconds per record, mean, one core")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    return save(figure, "benchmarks-causes.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="records of the largest batch")
    most = parser.parse_args().most
    plotting()  # a missing package is missed before the measuring, not after it
    report = full(tn.load("twitchy_legs").network, say, most)
    pictures = [
        plot_cells(report.section("By positives")),
        plot_causes(report.section("By causes")),
    ]
    note = "Made by `python benchmarks/run.py`; `twitchnet bench` prints the same tables."
    page = markdown(report).replace("# Benchmarks\n", f"# Benchmarks\n\n{note}\n", 1)
    (DOCS / "benchmarks.md").write_text(page + "\n" + "\n\n".join(pictures) + "\n", "utf-8")


if __name__ == "__main__":
    main()
