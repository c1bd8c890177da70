"""Draws the pictures of docs/plots.md.

    python tools/plots.py            writes docs/plots/*.svg
    python tools/plots.py DIR png    writes PNG files into another folder, to look at

Every function of ``twitchnet.plot`` has one picture.  The same versions of twitchnet and matplotlib
give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import twitchnet as tn
from twitchnet.model.sampling import sample

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "plots"
RECORD = {
    "leg_twitching": True, "urge_to_move": True, "worse_at_night": True, "numbness": False,
    "caffeine_intake": "high", "age_band": "50-64", "sex": "female",
}  # fmt: skip


def plots() -> dict[str, Callable[[], Any]]:
    """A picture for each function, by its name."""
    model = tn.load("twitchy_legs")
    dx = model.diagnose(RECORD)
    sensitivity = dx.sensitivity(dx.leader)
    numbers = [i for i, one in enumerate(sensitivity.turns) if one.curve is not None]
    demo = tn.load("demo")
    codes = sample(demo.network, 2000, np.random.default_rng(1))
    names = [v.name for v in demo.network.nodes]
    frame = {
        name: [demo.network.by_name[name].states[code] for code in codes[:, i]]
        for i, name in enumerate(names)
    }
    truth = {f"true_{name}": frame.pop(name) for name in demo.causes}
    legs = sample(model.network, 300, np.random.default_rng(2), {"leg_twitching": "present"})
    asked = {
        v.name: [v.states[code] for code in legs[:, i]]
        for i, v in enumerate(model.network.nodes)
        if v.kind != "cause" and (v.kind == "context" or v.always_ask)
    }
    scored = model.score(asked)
    draw = tn.plot
    return {
        "ranking": lambda: draw.ranking(dx),
        "posterior": lambda: draw.ranking(dx, "posterior", uncertainty=dx.uncertainty(200)),
        "prior_to_posterior": lambda: draw.prior_to_posterior(dx),
        "waterfall": lambda: draw.waterfall(dx.explain(dx.leader)),
        "next_questions": lambda: draw.next_questions(dx.next_questions(8)),
        "tornado": lambda: draw.tornado(sensitivity),
        "sensitivity_function": lambda: draw.sensitivity_function(sensitivity, numbers[0]),
        "calibration": lambda: draw.calibration(demo.evaluate({**frame, **truth})),
        "heat_map": lambda: draw.heat_map(model, top=26),
        "leaders": lambda: draw.leaders(model, scored),
        "urgencies": lambda: draw.urgencies(model, scored),
    }


def main(folder: Path, suffix: str) -> None:
    """Draws all of them."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams.update({"svg.hashsalt": "twitchnet", "svg.fonttype": "path", "font.size": 9})
    folder.mkdir(exist_ok=True)
    for name, draw in plots().items():
        figure = draw().figure
        if name == "heat_map":
            figure.set_size_inches(11, 9)
        figure.savefig(
            folder / f"{name}.{suffix}", metadata={"Date": None} if suffix == "svg" else None
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]) if given else FOLDER, given[1] if len(given) > 1 else "svg")
