"""The path of a record is the line of calls that docs/batch.md lists."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType

import pytest

import twitchnet as tn

PAGE = (Path(__file__).parents[1] / "docs" / "batch.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## The path of a record")[1].split("\n## ")[0]
LISTED = re.findall(r"^\d+\. `([\w.]+)` \(`([\w/]+)\.py`\)", SECTION, re.MULTILINE)
DERIVED = ("details", "leaders", "urgency")

Call = tuple[str, str, str, str]
"""Module and function of the caller, module and function that is called."""


def traced(**options: object) -> list[Call]:
    """The calls between functions of ``twitchnet.batch`` while a frame is scored."""
    calls: list[Call] = []

    def place(frame: FrameType | None) -> tuple[str, str]:
        name = frame.f_globals.get("__name__", "") if frame else ""
        if frame is None or not name.startswith("twitchnet.batch."):
            return "", ""
        return name.removeprefix("twitchnet.batch."), frame.f_code.co_qualname

    def seen(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and place(frame)[0]:
            calls.append((*place(frame.f_back), *place(frame)))

    model = tn.load("twitchy_legs")
    frame = {"leg_twitching": ["yes", "no"], "caffeine_intake": ["high", None]}
    model.score(frame, **options)  # whatever is imported or kept is so before
    sys.setprofile(seen)
    try:
        model.score(frame, **options)
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return traced(top=2, reasons=1, intervals=2)


def test_the_list_is_the_order_of_the_calls(calls: list[Call]) -> None:
    assert len(LISTED) == 10
    first = list(dict.fromkeys((name, module.replace("/", ".")) for _, _, module, name in calls))
    wanted = [
        (f"{name}.__init__" if name == "Scorer" else name, module.replace("/", "."))
        for name, module in LISTED
    ]
    assert [one for one in first if one in wanted] == wanted


def test_each_group_of_columns_is_one_call(calls: list[Call]) -> None:
    """``Scorer.score`` goes into each module of derived columns once, and they do not meet."""
    entered = [
        module.removeprefix("scoring.")
        for caller, by, module, _ in calls
        if (caller, by) == ("scoring.score", "Scorer.score")
        and module.removeprefix("scoring.") in DERIVED
    ]
    assert entered == list(DERIVED)
    for caller, _, module, name in calls:
        if caller.removeprefix("scoring.") in DERIVED:
            assert module == caller or module.removeprefix("scoring.") not in DERIVED, name


def test_no_call_climbs_back(calls: list[Call]) -> None:
    """What the scorer calls never calls the scorer or the frames; only progress is reported up."""
    above = {"frames": 0, "scoring.score": 1} | {f"scoring.{name}": 2 for name in DERIVED}
    above |= {"scoring.intervals": 3, "scoring.reasons": 3}
    above |= {"scoring.passes": 4, "scoring.posteriors": 5, "scoring.rows": 6}
    for caller, by, module, name in calls:
        if caller in above and module in above and not name.startswith("Meters."):
            assert above[module] >= above[caller], (caller, by, module, name)


def test_a_lean_score_has_no_other_passes() -> None:
    passes = [name for _, _, module, name in traced(details=False) if name == "evaluate"]
    assert len(passes) == 1
