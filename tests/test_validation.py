"""twitchy_legs against its table of anchors: one test a row.

A row that is known to miss is a strict expected failure with the reason that the table
states: it turns red when it is met too.  Nothing here has a tolerance of its own.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.bundled import find_model
from twitchnet.diagnosis.assess.validation import Evaluator, Result, Validation, validate
from twitchnet.diagnosis.assess.validation_page import number, validation_page
from twitchnet.diagnosis.inference import Inference
from twitchnet.io.anchors_file import anchors_path, read_anchors
from twitchnet.model.anchors import Anchor
from twitchnet.model.language.query import Literal, Place, Probability, walk
from twitchnet.show.markdown import markdown

NETWORK = tn.load("twitchy_legs").network
ANCHORS = read_anchors(anchors_path(find_model("twitchy_legs")), NETWORK)
NAMES = {anchor.name for anchor in ANCHORS.rows}
PAGE = Path(__file__).parents[1] / "docs" / "validation.md"


@cache
def validated() -> Validation:
    """The whole table; about half a minute without compiled kernels, so worked out once."""
    return validate(Inference(NETWORK), ANCHORS)


@cache
def results() -> dict[str, Result]:
    return {result.anchor.name: result for result in validated()}


def rows() -> list[object]:
    """A test parameter for every row that has a band."""
    return [
        pytest.param(
            anchor,
            id=anchor.name,
            marks=[pytest.mark.xfail(reason=anchor.expected_failure, strict=True)]
            if anchor.expected_failure
            else [],
        )
        for anchor in ANCHORS.rows
        if anchor.band is not None
    ]


@pytest.mark.parametrize("anchor", rows())
def test_row(anchor: Anchor) -> None:
    value = results()[anchor.name].value
    assert anchor.band is not None
    assert anchor.band.holds(value), f"{anchor.text} is {number(value)}, not in {anchor.band}"


def test_rows_without_a_band_have_a_value() -> None:
    shown = [result for result in validated() if result.outcome == "shown"]
    assert {result.anchor.name for result in shown} == {"V41a", "V41b", "V41c", "V41d"}
    assert all(0.0 < result.value < 1.0 for result in shown)


def test_the_page_in_docs_is_made_from_the_table() -> None:
    page = markdown(validation_page(validated(), NETWORK))
    written = PAGE.read_text(encoding="utf-8")
    assert written == page, "make it anew: twitchnet validate --markdown > docs/validation.md"


# -- the table is complete ------------------------------------------------------------------------


def asked(pattern: str) -> set[int]:
    """The numbers of the published figures that are asked, or left out with a reason."""
    left_out = [name for group in ANCHORS.groups for name, _ in group.left_out]
    found = (re.match(pattern, name) for name in [*NAMES, *left_out])
    return {int(match[1]) for match in found if match}


def test_every_published_figure_is_asked_or_left_out_with_a_reason() -> None:
    assert asked(r"V(\d+)[a-e]?(/|$)") == set(range(1, 55))
    assert asked(r"D(\d+)[a-e]?(/|$)") == set(range(1, 11))


def test_every_cause_has_all_its_marginals() -> None:
    columns = ("all", "women", "men", "18-34", "35-49", "50-64", "65+")
    wanted = {f"causes/{cause}/{column}" for cause in NETWORK.ranked for column in columns}
    assert {name for name in NAMES if name.startswith("causes/")} == wanted


def test_every_finding_that_stands_by_itself_has_a_marginal() -> None:
    added = {"action_tremor"}  # not in the published list; R21
    wanted = set(NETWORK.names("finding")) - set(NETWORK.descriptors) - added
    assert {n.removeprefix("findings/") for n in NAMES if n.startswith("findings/")} == wanted


def test_the_table_reads_most_of_the_network() -> None:
    """Every cause is asked by a figure that is not a marginal of the table of causes."""
    names = {
        literal.name
        for anchor in ANCHORS.rows
        if not anchor.name.startswith("causes/")
        for part in walk(anchor.query)
        if isinstance(part, Probability)
        for literal in part.event
    }
    assert set(NETWORK.ranked) <= names


def test_no_two_rows_say_the_same() -> None:
    said = [(a.text, a.band, a.target) for a in ANCHORS.rows if not a.name.startswith("causes/")]
    assert len(set(said)) == len(said)


# -- the numbers are those that a user sees -------------------------------------------------------


def test_the_table_agrees_with_a_diagnosis() -> None:
    dx = tn.load("twitchy_legs").diagnose(leg_twitching=True)
    assert dx.posterior["hypnic_jerks"] == pytest.approx(results()["R2"].value, rel=1e-9)
    evaluator = Evaluator(Inference(NETWORK))
    for by in ("posterior", "explains"):
        for row in dx.ranked(by):
            assert evaluator.value(Place(row.cause, by, (Literal("leg_twitching"),))) == row.rank


def test_the_table_belongs_to_this_model() -> None:
    assert ANCHORS.model == NETWORK.name
    declared = {source.key for source in ANCHORS.sources}
    used = {key for anchor in ANCHORS.rows for key in anchor.sources}
    assert declared <= used, f"sources that nothing uses: {sorted(declared - used)}"
