"""What all plots share: Axes, colours, and words that matplotlib takes for no formula."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from twitchnet.errors import needs
from twitchnet.show.page import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#666666"
WIDTH = 34  # letters of a label in one line
ROW, MARGIN = 0.32, 1.3  # inches of a row, and of title and axis


def axes_for(ax: Axes | None, rows: int) -> Axes:
    """The given Axes, or new ones that are high enough for ``rows`` rows.

    Raises ``ImportError`` without matplotlib.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise needs("matplotlib", "plot") from None
    _, made = pyplot.subplots(figsize=(8.0, MARGIN + ROW * max(rows, 4)), layout="constrained")
    return made


def words(text: str, width: int = WIDTH) -> str:
    """A text in lines of at most ``width`` letters, whose dollars begin no formula."""
    return fill(clean(text), width).replace("$", r"\$")


def row_labels(ax: Axes, labels: Sequence[str], width: int = WIDTH) -> list[int]:
    """Names of rows, the first on top; returns their places."""
    places = list(range(len(labels)))
    ax.set_yticks(places, [words(label, width) for label in labels])
    ax.set_ylim(len(labels) - 0.4, -0.6)
    return places


def finish(ax: Axes, title: str, x: str, y: str = "") -> Axes:
    """Title, axes with their units, and a frame that leaves room for the data."""
    ax.set_title(words(title, 60), loc="left")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def percent_axis(axis: Any) -> None:
    """Ticks of probabilities as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
