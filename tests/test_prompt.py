"""What a notebook shows of each value: text and HTML of the same facts."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

import twitchnet as tn
from tests.test_report import HOSTILE, Seen, words
from twitchnet.batch.files.job import Summary

# Elements that JupyterLab keeps in the output of a notebook that is not trusted (the list of
# `Sanitizer` in @jupyterlab/apputils 4.7.6); it drops `style` elements and keeps `class`, `style`.
JUPYTERLAB = {
    "div", "h3", "h4", "li", "p", "section", "span", "strong", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
}  # fmt: skip
# Elements that GitHub keeps (github/markup, "GitHub Markup"); it drops `class` and `style`, too,
# and the tags of others but not what they hold.
GITHUB = JUPYTERLAB - {"section"}


@cache
def legs() -> tn.Diagnosis:
    return tn.load("twitchy_legs").diagnose(
        ["leg_twitching", "urge_to_move", "worse_at_night"], numbness=False, caffeine_intake="high"
    )


@cache
def demo() -> tn.Model:
    return tn.load("demo")


def posteriors() -> tn.Posteriors:
    return demo().posteriors({"leg_twitching": ["yes", "no", None]})


VALUES: dict[str, Callable[[], Any]] = {
    "Model": demo,
    "Network": lambda: demo().network,
    "Variable": lambda: demo().network.by_name["caffeine_intake"],
    "VariableInfo": lambda: demo().variables["leg_twitching"],
    "Diagnosis": legs,
    "Ranking": lambda: legs().ranking,
    "Triage": lambda: legs().triage,
    "Management": lambda: legs().management,
    "Explanation": lambda: legs().explain(),
    "Uncertainty": lambda: demo().diagnose(leg_twitching=True).uncertainty(20),
    "Sensitivity": lambda: demo().diagnose(leg_twitching=True).sensitivity(),
    "NextQuestions": lambda: legs().next_questions(3),
    "Combinations": lambda: demo().diagnose(leg_twitching=True).combinations(2),
    "Conflict": lambda: legs().conflict(),
    "WhatIf": lambda: legs().what_if(caffeine_intake="low"),
    "Benefits": lambda: legs().benefits(),
    "MostProbable": lambda: (
        demo().without("twitch_after_exercise").diagnose(leg_twitching=True).most_probable(2)
    ),
    "SideBySide": lambda: tn.side_by_side(
        demo().diagnose(leg_twitching=True), demo().diagnose(leg_twitching=False)
    ),
    "Diff": lambda: demo().diff(demo().without("stimulant_excess")),
    "Evaluation": lambda: demo().evaluate(
        {"leg_twitching": ["yes", "no"] * 5, "true_muscle_fatigue": ["yes", "no"] * 5}
    ),
    "Plan": lambda: demo().plan({}),
    "CompiledPlan": lambda: demo().plan({}, engine="compiled"),
    "SharedPlan": lambda: demo().plan({}, engine="batch"),
    "Posteriors": posteriors,
    "Summary": lambda: Summary(10, 8, {"TN201": 2}, 1.0, values={"age": {"old": 2}}),
}
# Values of a model file, options and inputs, errors: what code writes or catches.
WRITTEN = {
    "Descriptor", "FileOptions", "Jeffrey", "Leak", "Likelihood", "Link", "ModelBuilder",
    "NoisyAnd", "NoisyMax", "NoisyMin", "NoisyOr", "Number", "Parameter", "Problem", "RankedCause",
    "ScoreOptions", "Source", "Split", "Table",
}  # fmt: skip
ARRAYS = {"CodedRecords", "JointTable"}  # their `repr` is what there is to see


def bundle(value: Any) -> tuple[str, str]:
    found = value._repr_mimebundle_()
    return found["text/plain"], found["text/html"]


@pytest.mark.parametrize("name", VALUES)
def test_text_and_html_show_the_same_facts(name: str) -> None:
    value = VALUES[name]()
    text, html = bundle(value)
    assert words(text) == words("".join(Seen(html).words))
    assert sum(words(text).values()) > 5
    again = bundle(VALUES[name]())[1] if name != "Summary" else html
    assert html == again  # no random ids


@pytest.mark.parametrize("name", VALUES)
def test_front_ends_that_drop_styles_leave_a_page(name: str) -> None:
    seen = Seen(bundle(VALUES[name]())[1])
    assert seen.tags - {"style"} <= JUPYTERLAB
    assert seen.tags - {"style", "section"} <= GITHUB
    assert seen.attributes <= {"class", "style", "scope", "aria-hidden"}


def test_every_public_result_is_shown() -> None:
    classes = {name for name in tn.__all__ if inspect.isclass(getattr(tn, name))}
    errors = {name for name in classes if issubclass(getattr(tn, name), Exception)}
    assert classes - errors - WRITTEN - ARRAYS <= VALUES.keys()
    assert classes >= (WRITTEN | ARRAYS)


def test_what_others_wrote_is_escaped() -> None:
    network = demo().network
    hostile = replace(
        network,
        title=HOSTILE,
        variables=tuple(
            replace(v, label=HOSTILE, question=HOSTILE, description=HOSTILE)
            for v in network.variables
        ),
    )
    model = tn.Model(hostile)
    dx = model.diagnose(leg_twitching=True)
    for value in (model, hostile, hostile.nodes[0], dx.ranking, dx.triage, dx.management):
        html = bundle(value)[1]
        assert "<script" not in html.lower()
        assert Seen(html).attributes <= {"class", "style", "scope", "aria-hidden"}


def test_a_ranking_is_a_tuple_that_travels() -> None:
    ranking = demo().diagnose(leg_twitching=True).ranking
    assert isinstance(ranking, tuple)
    again = pickle.loads(pickle.dumps(ranking))
    assert again == ranking == tuple(ranking)
    assert bundle(again) == bundle(ranking)


def test_a_table_is_shown_by_rows() -> None:
    text = str(tn.Model(demo().network).variables["caffeine_intake"])
    for state, share in (("low", "50"), ("high", "15")):
        assert state in text, share


def test_pages_of_twitchy_legs_say_that_it_is_no_medical_device() -> None:
    dx = legs()
    for value in (dx.ranking, dx.triage, dx.management, dx.network):
        assert dx.network.words.disclaimer in " ".join(bundle(value)[0].split())
