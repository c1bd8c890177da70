"""Plots of numbers: which of them an answer depends on, and whether probabilities come true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twitchnet.plot.axes import BLUE, GREY, ORANGE, axes_for, finish, percent_axis, row_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twitchnet.diagnosis.assess.evaluate import Evaluation
    from twitchnet.diagnosis.explain.sensitivity import Sensitivity


def tornado(sensitivity: Sensitivity, *, top: int = 10, ax: Axes | None = None) -> Axes:
    """How far each number moves the posterior over its range, the widest first.

    The ends of each range stand beside the bars; blue where the larger number makes the cause more
    probable, orange where less.
    """
    turns = sensitivity.turns[:top]
    ax = axes_for(ax, len(turns))
    places = row_labels(ax, [one.name.replace("_", " ") for one in turns], 48)
    for place, one in zip(places, turns, strict=True):
        colour = BLUE if one.at_high >= one.at_low else ORANGE
        ax.barh(place, one.at_high - one.at_low, left=one.at_low, color=colour)
        for at, number in ((one.at_low, one.low), (one.at_high, one.high)):
            side = "right" if at == min(one.at_low, one.at_high) else "left"
            ax.annotate(
                f"{number:.2g}", (at, place), (-3 if side == "right" else 3, 0), ha=side,
                va="center", textcoords="offset points", fontsize="small", color=GREY,
            )  # fmt: skip
    ax.use_sticky_edges = False
    ax.margins(x=0.1)
    ax.axvline(sensitivity.posterior, color="black", linewidth=1.0)
    percent_axis(ax.xaxis)
    return finish(ax, f"What {sensitivity.label} depends on", "probability over each range")


def sensitivity_function(
    sensitivity: Sensitivity, number: int = 0, *, ax: Axes | None = None
) -> Axes:
    """The posterior as a function of one number, ``sensitivity.turns[number]``.

    A quotient of two linear functions (Castillo, Gutierrez and Hadi 1997); the range is shaded.
    Raises ``ValueError`` where turning the number is no such function (several links at once).
    """
    turn = sensitivity.turns[number]
    if turn.curve is None:
        raise ValueError(f"{turn.name} is several numbers at once, which have no such function")
    ax = axes_for(ax, 8)
    x = np.linspace(0.0, 1.0, 201)
    a, b, c, d = turn.curve
    ax.plot(x, (a * x + b) / (c * x + d), color=BLUE)
    ax.axvspan(turn.low, turn.high, color=GREY, alpha=0.2, label="its range")
    ax.plot([turn.value], [sensitivity.posterior], "o", color=ORANGE, label="as it is set")
    ax.set_xlim(0.0, 1.0)
    percent_axis(ax.yaxis)
    ax.legend(frameon=False)
    return finish(ax, f"{sensitivity.label} by one number", turn.name, "probability")


def calibration(evaluation: Evaluation, cause: str = "", *, ax: Axes | None = None) -> Axes:
    """How often what was predicted came true, with 90 % intervals: ``evaluation.plot``."""
    found: Axes = evaluation.plot("reliability", cause, ax)
    return found
