"""Plots of answers: what each says about a cause, and what the next would be worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from twitchnet.plot.axes import BLUE, GREY, ORANGE, axes_for, finish, row_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twitchnet.diagnosis.explain.explain import Explanation
    from twitchnet.diagnosis.interview.questions import NextQuestions


def waterfall(explanation: Explanation, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """The weight of evidence of each answer for a cause, from the prior odds to the posterior's.

    Weights are in decibans (ten times the base-10 log of a factor of the odds), each of one answer
    given all others; so they need not add up, and what is left is a bar of its own.  Answers that
    decide alone have an infinite weight and are left out.
    """
    ends = [_decibans(p) for p in (explanation.prior, explanation.posterior)]
    told = [one for one in explanation.weights if math.isfinite(one.decibans)]
    told = sorted(told, key=lambda one: -abs(one.decibans))[:top]
    steps = [(explanation.said(one.answer, one.state), one.decibans) for one in told]
    steps.append(("together, beyond each alone", ends[1] - ends[0] - sum(d for _, d in steps)))
    labels = ["before the answers", *(name for name, _ in steps), "with the answers"]
    ax = axes_for(ax, len(labels))
    places = row_labels(ax, labels)
    at = ends[0]
    ax.plot([at], [0], "D", color=GREY)
    for place, (_, decibans) in zip(places[1:], steps, strict=False):
        ax.barh(place, decibans, left=at, color=BLUE if decibans >= 0 else ORANGE)
        ax.annotate(
            f"{decibans:+.1f}", (at + decibans, place), (4 if decibans >= 0 else -4, 0),
            textcoords="offset points", va="center", ha="left" if decibans >= 0 else "right",
        )  # fmt: skip
        at += decibans
    ax.plot([ends[1]], [places[-1]], "D", color="black")
    ax.use_sticky_edges = False
    ax.margins(x=0.12)
    return finish(ax, f"Why {explanation.label}", "log odds of the cause (decibans)")


def _decibans(probability: float) -> float:
    kept = min(max(probability, 1e-12), 1 - 1e-12)
    return 10.0 * math.log10(kept / (1.0 - kept))


def next_questions(found: NextQuestions, *, ax: Axes | None = None) -> Axes:
    """The expected information of each open question; questions of safety come first, marked."""
    ax = axes_for(ax, len(found.questions))
    labels = [
        f"{found.called(one.name)}{' (safety)' if one.safety else ''}" for one in found.questions
    ]
    places = row_labels(ax, labels)
    bits = [0.0 if math.isnan(one.bits) else one.bits for one in found.questions]
    ax.barh(places, bits, color=[ORANGE if one.safety else BLUE for one in found.questions])
    about = found.called(found.about)
    return finish(ax, f"What to ask next about {about}", "expected information (bits)")
