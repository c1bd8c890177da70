"""Figures of an evaluation, drawn with matplotlib into Axes that the caller may give."""

from __future__ import annotations

from typing import Any, Literal, get_args

from twitchnet.diagnosis.assess.scores import Scores
from twitchnet.errors import needs

Figure = Literal["reliability", "roc", "precision_recall"]

BLUE, GREY = "#0072b2", "#595959"  # of Okabe & Ito (2008): told apart without red and green


def draw(one: Scores, figure: Figure, label: str, ax: Any) -> Any:
    """One figure of a cause, or of all together; see ``Evaluation.plot``."""
    names = get_args(Figure)
    if figure not in names:
        raise ValueError(f"a figure is one of {', '.join(names)}, not {figure!r}")
    if figure != "reliability" and not one.curves.true_positive:
        raise ValueError("a curve is of one cause, of which some records had it and some had not")
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            raise needs("matplotlib", "plot") from None
        _, ax = pyplot.subplots(figsize=(4.6, 4.4), layout="constrained")
    {"reliability": _reliability, "roc": _roc, "precision_recall": _precision}[figure](one, ax)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set_title(f"{ax.get_title()}: {label}")
    return ax


def _reliability(one: Scores, ax: Any) -> None:
    full = [each for each in one.bins if each.count]
    x, y = [each.predicted for each in full], [each.observed for each in full]
    low = [each.observed - each.observed_low for each in full]
    high = [each.observed_high - each.observed for each in full]
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    ax.errorbar(x, y, yerr=[low, high], color=BLUE, marker="o", capsize=3, linewidth=1)
    ax.set(title="Reliability", xlabel="mean prediction", ylabel="share that came true (90 %)")


def _roc(one: Scores, ax: Any) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    x, y = (0.0, *one.curves.false_positive), (0.0, *one.curves.true_positive)
    ax.plot(x, y, color=BLUE, label=f"area {one.auc:.3f}")
    ax.legend(loc="lower right")
    ax.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")


def _precision(one: Scores, ax: Any) -> None:
    ax.axhline(one.true / one.count, color=GREY, linestyle="--", linewidth=1)
    label = f"average precision {one.average_precision:.3f}"
    ax.step(one.curves.true_positive, one.curves.precision, where="pre", color=BLUE, label=label)
    ax.legend(loc="upper right")
    ax.set(title="Precision and recall", xlabel="recall", ylabel="precision")
