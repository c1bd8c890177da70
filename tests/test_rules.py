"""The language of conditions: grammar, meaning, bounds, and what satisfies it."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.minimal_sets import minimal_sets
from twitchnet.errors import ModelError
from twitchnet.model.language import rules
from twitchnet.model.language.expressions import MAX_DEPTH
from twitchnet.model.language.rules import Answer, AtLeast, Condition, holds, parse

NAMES = ["a", "b", "c", "d", "age"]
STATES = {"age": ["young", "middle", "65+"]}
BASELINES = {"age": "young"}


def states(name: str) -> list[str]:
    return STATES.get(name, ["absent", "present"])


answers = st.sampled_from(NAMES).flatmap(
    lambda name: st.builds(Answer, st.just(name), st.sampled_from(["", *states(name)]))
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    answers,
    lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda parts: st.integers(1, len(parts)).map(lambda k: AtLeast(k, tuple(parts)))
    ),
    max_leaves=6,
)
records = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(states(name)) for name in NAMES}
)


# -- grammar --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Answer("a")),
        ("  age=65+ ", Answer("age", "65+")),
        ("a & b", AtLeast(2, (Answer("a"), Answer("b")))),
        ("a|b&c", AtLeast(1, (Answer("a"), AtLeast(2, (Answer("b"), Answer("c")))))),
        ("(a|b)&c", AtLeast(2, (AtLeast(1, (Answer("a"), Answer("b"))), Answer("c")))),
        ("((a))", Answer("a")),
        (
            "at_least(2, a, b=18-34, c | d)",
            AtLeast(
                2,
                (
                    Answer("a"),
                    Answer("b", "18-34"),
                    AtLeast(1, (Answer("c"), Answer("d"))),
                ),
            ),
        ),
        ("at_least(1, a)", Answer("a")),
        ("at_least & a", AtLeast(2, (Answer("at_least"), Answer("a")))),
    ],
)
def test_reads(text: str, expected: Condition) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "expected a name or '(', found the end"),
        ("a &", 4, "expected a name or '(', found the end"),
        ("a & | b", 5, "expected a name or '(', found '|'"),
        ("a b", 3, "expected & or | or the end, found 'b'"),
        ("(a | b", 7, "expected ')', found the end"),
        ("a)", 2, "expected & or | or the end, found ')'"),
        ("a=", 3, "expected a state, found the end"),
        ("a=&", 3, "expected a state, found '&'"),
        ("a = b = c", 7, "expected & or | or the end, found '='"),
        ("at_least(, a)", 10, "expected a number, found ','"),
        (
            "at_least(x, a)",
            10,
            "at_least needs a number from 1 to 1, the parts after it, found 'x'",
        ),
        ("at_least(0, a)", 10, "at_least needs a number"),
        ("at_least(3, a, b)", 10, "at_least needs a number from 1 to 2"),
        ("at_least(2)", 10, "at_least needs a number"),
        ("at_least(٢, a, b)", 10, "at_least needs a number"),
        ("at_least(1, a", 14, "expected ')'"),
    ],
)
def test_says_where_it_cannot_be_read(text: str, column: int, message: str) -> None:
    with pytest.raises(
        ModelError, match=f"TN160 {re.escape(message)}.*at character {column}"
    ) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.code == "TN160"
    assert problem.column == column


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 5000 + "a" + ")" * 5000, "longer than"),
        ("(" * 30 + "a" + ")" * 30, "nested deeper than 20"),
        ("at_least(1," * 30 + "a" + ")" * 30, "nested deeper than 20"),
        ("|".join(["a"] * 300), "more than 200 parts"),
    ],
)
def test_is_bounded(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse(text)


def test_the_largest_condition_that_is_allowed_is_read() -> None:
    nested = "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH
    assert parse(nested) == Answer("a")
    wide = " | ".join(["a"] * rules.MAX_PARTS)
    assert len(rules.answers_read(parse(wide))) == 1


# -- meaning --------------------------------------------------------------------------


@given(conditions, records)
def test_text_and_value_mean_the_same(condition: Condition, record: dict[str, str]) -> None:
    again = parse(str(condition))
    assert holds(again, record, BASELINES) == holds(condition, record, BASELINES)


def test_a_name_alone_is_any_state_but_the_baseline() -> None:
    condition = parse("age")
    assert holds(condition, {"age": "65+"}, BASELINES)
    assert holds(condition, {"age": "middle"}, BASELINES)
    assert not holds(condition, {"age": "young"}, BASELINES)
    assert not holds(condition, {}, BASELINES)
    assert not holds(parse("a"), {"a": "absent"})


def test_a_state_can_be_asked_for_the_baseline_too() -> None:
    assert holds(parse("a=absent"), {"a": "absent"})
    assert not holds(parse("a=absent"), {})


@given(conditions, records, st.sampled_from(NAMES), st.data())
def test_another_answer_never_makes_it_false(
    condition: Condition, record: dict[str, str], name: str, data: st.DataObject
) -> None:
    more = {name: data.draw(st.sampled_from(states(name))), **record}
    assert holds(condition, more, BASELINES) or not holds(condition, record, BASELINES)


@given(conditions, records, st.sets(st.sampled_from(NAMES)))
def test_supposing_answers_never_makes_it_false(
    condition: Condition, record: dict[str, str], supposed: set[str]
) -> None:
    assert holds(condition, record, BASELINES, supposed) or not holds(condition, record, BASELINES)


def test_names_are_read_once_in_order() -> None:
    condition = parse("b=x & (a | at_least(2, c, b, b=x))")
    assert rules.names_read(condition) == ("b", "a", "c")
    assert rules.answers_read(condition) == (
        Answer("b", "x"),
        Answer("a"),
        Answer("c"),
        Answer("b"),
    )


# -- what satisfies it ----------------------------------------------------------------


def given_by(answer: Answer, record: dict[str, str]) -> bool:
    return holds(answer, record, BASELINES)


def everything() -> list[dict[str, str]]:
    choices = product(*([None, *states(name)] for name in NAMES))
    return [
        {name: state for name, state in zip(NAMES, chosen, strict=True) if state is not None}
        for chosen in choices
    ]


EVERYTHING = everything()


@given(conditions)
def test_it_holds_exactly_when_one_minimal_set_is_answered(condition: Condition) -> None:
    sets = minimal_sets(condition, BASELINES)
    for one in sets:
        for left_out in one:
            rest = [answer for answer in one if answer != left_out]
            assert not any(set(other) <= set(rest) for other in sets)
    for record in EVERYTHING:
        met = any(all(given_by(answer, record) for answer in one) for one in sets)
        assert met == holds(condition, record, BASELINES)


def test_minimal_sets_of_a_threshold() -> None:
    sets = minimal_sets(parse("at_least(2, a | b, c, age=65+)"), {})
    assert [" ".join(map(str, one)) for one in sets] == [
        "a age=65+",
        "a c",
        "age=65+ b",
        "age=65+ c",
        "b c",
    ]


def test_minimal_sets_leave_out_what_implies_another() -> None:
    assert minimal_sets(parse("a | a & b | age=65+ & age"), {}) == (
        (Answer("a"),),
        (Answer("age", "65+"),),
    )
    assert minimal_sets(parse("age=65+ & age=middle"), BASELINES) == ()
    assert minimal_sets(parse("age & age=young"), BASELINES) == ()
