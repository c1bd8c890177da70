"""The page of a model: all its variables, the same facts as text and HTML, nothing as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

import twitchnet as tn
from twitchnet.api import Model
from twitchnet.diagnosis.report import overview as overview_module


def words(text: str) -> list[str]:
    """The words of a text in alphabetical order: columns may wrap."""
    return sorted(re.findall(r"[^\W_]+", text.lower()))


def seen(html: str) -> str:
    """What is left of HTML without its style and its tags."""
    return unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", html)))


@pytest.mark.parametrize("name", ["demo", "twitchy_legs"])
def test_text_and_html_say_the_same(name: str) -> None:
    bundle = tn.load(name).overview()._repr_mimebundle_()
    assert words(seen(bundle["text/html"])) == words(bundle["text/plain"])


def test_each_row_holds_the_neighbours_that_the_network_counts() -> None:
    model = tn.load("twitchy_legs")
    sections = model.overview().page().sections[1:]
    rows = {row[1]: row for section in sections for row in section.blocks[0].rows}  # type: ignore[union-attr]
    assert set(rows) == set(model.variables)
    for name, info in model.variables.items():
        neighbours = len(set(info.parents)), len(info.children)
        expected = (info.label, ", ".join(info.states), *neighbours)
        label, _, states, parents, children = rows[name]
        assert (label, states, int(str(parents)), int(str(children))) == expected


def test_labels_are_never_markup() -> None:
    network = tn.load("demo").network
    evil = tuple(replace(v, label="<script>alert(1)</script>") for v in network.variables)
    html = Model(replace(network, variables=evil)).overview()._repr_mimebundle_()["text/html"]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_long_list_says_how_many_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_module, "ROWS", 1)
    model = tn.load("demo")
    shown = str(model.overview())
    assert f"{len(model.causes) - 1} more are not shown." in shown
    assert model.causes[1] not in shown
