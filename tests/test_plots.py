"""Plots: each is drawn from what the text says, and their page and script know the same ones."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twitchnet as tn
from twitchnet.plot import axes

ROOT = Path(__file__).parents[1]
mpl = pytest.importorskip("matplotlib")
mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Any:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="module")
def pictures() -> dict[str, Any]:
    import importlib.util

    spec = importlib.util.spec_from_file_location("plots_script", ROOT / "tools" / "plots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.plots())


def test_every_function_has_a_picture_on_the_page(pictures: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "plots.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"\(plots/(\w+)\.svg\)", page))
    assert drawn == pictures.keys() == {p.stem for p in (ROOT / "docs" / "plots").glob("*.svg")}
    assert {name for name in tn.plot.__all__ if f"tn.plot.{name}(" not in page} == set()


def test_every_plot_has_a_title_named_axes_and_no_clipped_label(pictures: dict[str, Any]) -> None:
    for name, draw in pictures.items():
        ax = draw()
        ax.figure.canvas.draw()
        assert ax.get_title() or ax.get_title("left"), name
        assert ax.get_xlabel(), name
        frame = ax.figure.bbox
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
                if label.get_text() and min(limits) <= at <= max(limits):
                    box = label.get_window_extent()
                    assert box.x0 >= frame.x0 - 1, (name, label.get_text())
                    assert box.y0 >= frame.y0 - 1, (name, label.get_text())


def overlaps(ax: Any) -> list[tuple[str, str]]:
    """Pairs of neighbouring labels of rows that touch."""
    ax.figure.canvas.draw()
    boxes = [(one.get_text(), one.get_window_extent()) for one in ax.get_yticklabels()]
    return [(a, b) for (a, x), (b, y) in itertools.pairwise(boxes) if a and b and x.overlaps(y)]


def test_labels_of_rows_do_not_overlap(pictures: dict[str, Any]) -> None:
    for name in ("ranking", "posterior", "waterfall", "next_questions", "tornado", "leaders"):
        assert overlaps(pictures[name]()) == [], name


def test_bars_are_what_the_diagnosis_says() -> None:
    dx = tn.load("twitchy_legs").diagnose(leg_twitching=True, caffeine_intake="high")
    ax = tn.plot.ranking(dx, top=5)
    assert [bar.get_width() for bar in ax.patches] == [row.gain for row in dx.ranked("gain")[:5]]
    ax = tn.plot.ranking(dx, "posterior", top=5)
    assert [bar.get_width() for bar in ax.patches] == [r.posterior for r in dx.ranking[:5]]
    assert ax.lines[0].get_xdata().tolist() == [row.prior for row in dx.ranking[:5]]
    with pytest.raises(ValueError, match='by "gain" or "posterior"'):
        tn.plot.ranking(dx, "name")  # type: ignore[arg-type]


def test_a_waterfall_ends_at_the_posterior() -> None:
    dx = tn.load("twitchy_legs").diagnose(leg_twitching=True, caffeine_intake="high", numbness=True)
    explanation = dx.explain("stimulant_excess")
    ax = tn.plot.waterfall(explanation)
    bars = ax.patches
    for one, following in itertools.pairwise(bars):
        assert one.get_x() + one.get_width() == pytest.approx(following.get_x())
    end = bars[-1].get_x() + bars[-1].get_width()
    odds = explanation.posterior / (1.0 - explanation.posterior)
    assert end == pytest.approx(10.0 * np.log10(odds))


def test_a_sensitivity_function_goes_through_what_is_set() -> None:
    found = tn.load("demo").diagnose(leg_twitching=True).sensitivity("muscle_fatigue")
    place = next(i for i, one in enumerate(found.turns) if one.curve is not None)
    ax = tn.plot.sensitivity_function(found, place)
    line, point = ax.lines
    at = float(np.interp(found.turns[place].value, line.get_xdata(), line.get_ydata()))
    assert at == pytest.approx(found.posterior, abs=1e-3)
    assert point.get_ydata()[0] == found.posterior


def test_batches_are_counted() -> None:
    model = tn.load("demo")
    scored = model.score({"leg_twitching": ["yes", "no", "yes"], "intense_exercise": ["yes"] * 3})
    ax = tn.plot.leaders(model, scored)
    assert sum(bar.get_width() for bar in ax.patches) == 3
    ax = tn.plot.urgencies(model, scored)
    assert sum(bar.get_width() for bar in ax.patches) == 3


def test_given_axes_are_used() -> None:
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    assert tn.plot.ranking(tn.load("demo").diagnose(leg_twitching=True), ax=ax) is ax


def test_words_from_a_model_are_no_formulas() -> None:
    model = tn.load("demo")
    labels = tuple(
        replace(v, label=f"$\\frac{{{v.name}$ <b>") if v.kind == "cause" else v
        for v in model.network.variables
    )
    hostile = tn.Model(replace(model.network, variables=labels))
    ax = tn.plot.ranking(hostile.diagnose(leg_twitching=True))
    ax.figure.canvas.draw()  # raises for a formula that cannot be read
    assert all(r"\$" in label.get_text() for label in ax.get_yticklabels())


# Machado, Oliveira and Fernandes (2009), IEEE TVCG 15, 1291-1298: severity 1.0, on linear RGB
DEFICIENCIES = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def lab(colour: str, matrix: list[list[float]]) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen with a deficiency."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0.0, 1.0)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(xyz @ seen / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_that_stand_side_by_side_can_be_told_apart(deficiency: str) -> None:
    matrix = DEFICIENCIES[deficiency]
    for one, other in itertools.combinations((axes.BLUE, axes.ORANGE, axes.GREY, "#000000"), 2):
        distance = np.linalg.norm(lab(one, matrix) - lab(other, matrix))
        assert distance > 20.0, (one, other)  # 2 is just seen; 10 is seen at a glance
