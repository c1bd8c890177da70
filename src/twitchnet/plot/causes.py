"""Plots of causes: their order, what the answers changed, and how findings speak of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from twitchnet.plot.axes import (
    BLUE,
    GREY,
    ORANGE,
    axes_for,
    finish,
    percent_axis,
    row_labels,
    words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twitchnet.api import Model
    from twitchnet.diagnosis.diagnosis import Diagnosis
    from twitchnet.diagnosis.explain.uncertainty import Uncertainty
    from twitchnet.diagnosis.ranking import RankedCause


TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
"""Probabilities that are named on a scale of log odds."""


def _label(row: RankedCause) -> str:
    return row.label if row.state == "present" else f"{row.label}: {row.state.replace('_', ' ')}"


def ranking(
    dx: Diagnosis,
    by: Literal["gain", "posterior"] = "gain",
    *,
    top: int = 10,
    uncertainty: Uncertainty | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The first ``top`` causes by gain (in bits) or by posterior, as bars.

    Bars of posteriors have the prior as a mark; with an ``uncertainty`` (``dx.uncertainty()``) each
    has an interval.  Raises ``ImportError`` without matplotlib, ``ValueError`` for another ``by``.
    """
    if by not in ("gain", "posterior"):
        raise ValueError(f'a plot of the ranking is by "gain" or "posterior", not {by!r}')
    rows = dx.ranked(by)[:top]
    ax = axes_for(ax, len(rows))
    places = row_labels(ax, [_label(row) for row in rows])
    if by == "gain":
        gains = [row.gain for row in rows]
        ax.barh(places, gains, color=[BLUE if gain >= 0 else ORANGE for gain in gains])
        ax.axvline(0.0, color=GREY, linewidth=0.8)
        return finish(ax, "What the answers point to", "information gain of the answers (bits)")
    ax.barh(places, [row.posterior for row in rows], color=BLUE, label="with the answers")
    ax.plot([row.prior for row in rows], places, "|", color="black", ms=12, label="before")
    if uncertainty is not None:
        ends = {(one.cause, one.state): (one.low, one.high) for one in uncertainty.intervals}
        spans = np.array([ends[row.cause, row.state] for row in rows])
        ax.hlines(places, spans[:, 0], spans[:, 1], color=ORANGE, linewidth=2.5, label="interval")
    ax.set_xlim(0.0, 1.0)
    percent_axis(ax.xaxis)
    ax.legend(frameon=False, loc="lower right")
    return finish(ax, "How probable each cause is", "probability")


def prior_to_posterior(dx: Diagnosis, *, top: int = 10, ax: Axes | None = None) -> Axes:
    """An arrow from prior to posterior for each of the causes that the answers moved most.

    On a scale of log odds, on which an answer moves every probability alike.
    """
    rows = sorted(dx.ranking, key=lambda row: -abs(row.gain))[:top]
    ax = axes_for(ax, len(rows))
    ax.set_xscale("logit")
    low, high = 1.0, 0.0
    for place, row in zip(row_labels(ax, [_label(row) for row in rows]), rows, strict=True):
        before, after = (min(max(p, 1e-6), 1 - 1e-6) for p in (row.prior, row.posterior))
        colour = BLUE if after >= before else ORANGE
        ax.annotate(
            "", (after, place), (before, place), arrowprops={"arrowstyle": "->", "color": colour}
        )
        ax.plot([before], [place], "o", color=GREY, ms=4)
        ax.plot([after], [place], "o", color=colour, ms=6)
        low, high = min(low, before, after), max(high, before, after)
    ends = low / 1.5, 1.0 - (1.0 - high) / 1.5
    ax.set_xlim(*ends)
    ax.minorticks_off()
    ticks = [tick for tick in TICKS if ends[0] <= tick <= ends[1]]
    ax.set_xticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.grid(axis="x", alpha=0.3)
    return finish(ax, "From before the answers to after them", "probability (scale of log odds)")


def heat_map(model: Model, *, top: int = 30, ax: Axes | None = None) -> Axes:
    """How strongly causes produce findings: the largest strength of each link.

    Findings and causes are those with most links, at most ``top`` of each; links of tables are left
    out.
    """
    network = model.network
    strength = {
        (link.parent, v.name): float(np.max(link.strength))
        for v in network.nodes
        if v.kind == "finding" and v.local is not None
        for link in getattr(v.local, "links", ())
        if network.by_name[link.parent].kind == "cause"
    }
    causes, findings = (
        [name for name, _ in Counter(pair[i] for pair in strength).most_common(top)] for i in (0, 1)
    )
    ax = axes_for(ax, len(causes))
    values = np.array([[strength.get((c, f), np.nan) for f in findings] for c in causes])
    image = ax.imshow(values, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="P(the link alone makes the finding present)")
    ax.set_yticks(range(len(causes)), [words(network.by_name[n].label or n) for n in causes])
    labels = [words(network.by_name[n].label or n) for n in findings]
    ax.set_xticks(range(len(findings)), labels, rotation=90)
    return finish(ax, f"Causes and findings of {network.name}", "finding", "cause")
