"""Plots of scored records: which causes lead, and how urgent the records are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from twitchnet.plot.axes import BLUE, axes_for, finish, row_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twitchnet.api import Model
    from twitchnet.model.network import Network


def leaders(model: Model, scored: Any, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """How often each cause is the most probable one in a result of ``model.score``."""
    network = model.network
    columns = [name for name in scored if str(name).partition("=")[0] in network.ranked]
    values = np.array([np.asarray(scored[name], dtype=float) for name in columns]).reshape(
        len(columns), -1
    )
    answered = ~np.isnan(values).all(axis=0)
    best = np.nanargmax(values[:, answered], axis=0).tolist()
    rows = [(said(network, str(columns[i])), count) for i, count in Counter(best).most_common(top)]
    unanswered = int((~answered).sum())
    if unanswered:
        rows.append(("(no result)", unanswered))
    return _counted(rows, "The most probable cause", len(answered), ax)


def said(network: Network, column: str) -> str:
    """A column of posteriors in words."""
    name, _, state = column.partition("=")
    label = network.by_name[name].label or name
    return f"{label}: {state.replace('_', ' ')}" if state else label


def urgencies(model: Model, scored: Any, *, ax: Axes | None = None) -> Axes:
    """How many records there are of each urgency, the most urgent on top.

    Raises ``ValueError`` for a model without urgency.
    """
    levels = model.network.triage_levels
    if not model.network.has_triage:
        raise ValueError(f"{model.name} has no rules and no watches, so its records no urgency")
    counts = Counter(_values(scored, "urgency"))
    rows = [(level.label or level.name, counts[level.name]) for level in reversed(levels)]
    return _counted(rows, "How urgent the records are", sum(counts.values()), ax)


def _values(scored: Any, column: str) -> list[Any]:
    """A column of any frame or mapping, with None for what is missing."""
    return [None if value is None or value != value else value for value in scored[column]]


def _counted(rows: list[tuple[str, int]], title: str, records: int, ax: Axes | None) -> Axes:
    ax = axes_for(ax, len(rows))
    places = row_labels(ax, [name for name, _ in rows])
    ax.barh(places, [count for _, count in rows], color=BLUE)
    for place, (_, count) in zip(places, rows, strict=True):
        ax.annotate(f"{count:,}", (count, place), (4, 0), textcoords="offset points", va="center")
    ax.margins(x=0.12)
    return finish(ax, f"{title} ({records:,} records)", "records")
