"""The rules of a network, on values that no file could hold as well as on sound ones."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import networks
from twitchnet.codes import CODES
from twitchnet.io.model_file.reader import parse_network
from twitchnet.model.care import CoverageItem, Effect, Option, Rule, Watch
from twitchnet.model.checks.lint import linted
from twitchnet.model.checks.network import check, found
from twitchnet.model.local import (
    Descriptor,
    Leak,
    Link,
    LocalModel,
    NoisyAnd,
    NoisyMax,
    NoisyOr,
    Table,
)
from twitchnet.model.network import Kind, Network, Parameter, Source, Variable

BINARY = ("absent", "present")
LEAK = Leak((), 0.1)


def variable(
    name: str, kind: Kind, local: LocalModel | None, states: tuple[str, ...] = BINARY
) -> Variable:
    return Variable(name, kind, states, name.title(), local)


def base() -> Network:
    """One variable of each local model."""
    return Network(
        name="base",
        version="1",
        variables=(
            variable("age", "context", Table((), [0.5, 0.3, 0.2]), ("young", "middle", "old")),
            variable(
                "strain", "cause", NoisyOr(Leak(("age",), [0.1, 0.2, 0.3]), (Link("age", (), [0, 0.1, 0.2]),))
            ),
            variable("twitch", "finding", NoisyOr(LEAK, (Link("strain", (), [0, 0.4]),))),
            variable("flutter", "finding", Descriptor(LEAK, (Link("strain", (), [0, 0.7]),), "twitch")),
            variable(
                "pain",
                "finding",
                NoisyMax(Leak((), [0.9, 0.1, 0]), (Link("twitch", (), [[1, 0, 0], [0.2, 0.3, 0.5]]),)),
                ("none", "mild", "severe"),
            ),
            variable("ease", "finding", NoisyAnd(LEAK, (Link("strain", (), [0.9, 0.2]),))),
            variable("fever", "screen", None),
        ),
        complaint="twitch",
        sources=(Source("book", "page", "A book"),),
        parameters=(Parameter("strain", "link:age", (1,), 0.1, 0.05, 0.2, ("book",)),),
        rules=(Rule("R1", "twitch & fever", "soon", "Why"),),
        watches=(Watch("strain=present", 0.5, "soon", "Why"),),
        options=(Option("rest", "Rest", (Effect("cause", "strain", 0.5, 0.4, 0.6),)),),
        coverage=(CoverageItem(1, "Strain twitches", ("link:strain->twitch",)),),
    )  # fmt: skip


def with_local(name: str, local: LocalModel | None, **changes: Any) -> Network:
    """The base with another local model of one variable."""
    network = base()
    variables = tuple(
        replace(v, local=local, **changes) if v.name == name else v for v in network.variables
    )
    return replace(network, variables=variables)


def test_the_base_is_sound() -> None:
    assert check(base()) == []


def or_(*links: Link, leak: Leak = LEAK) -> NoisyOr:
    return NoisyOr(leak, links)


def with_effect(effect: Effect) -> Network:
    return replace(base(), options=(Option("rest", "Rest", (effect,)),))


def with_parameter(**changes: Any) -> Network:
    return replace(base(), parameters=(replace(base().parameters[0], **changes),))


def with_variable(**changes: Any) -> Network:
    """The base with the last variable, a screen, changed."""
    network = base()
    return replace(
        network, variables=(*network.variables[:-1], replace(network.variables[-1], **changes))
    )


# Code, path and a part of the message of the one problem of each broken network.
BROKEN: dict[str, tuple[str, str, str, Callable[[], Network]]] = {
    "unknown parent": ("TN112", "mechanisms.twitch.links.strian", "did you mean 'strain'?", lambda: with_local("twitch", or_(Link("strian", (), [0, 0.4]), Link("strain", (), [0, 0.4])))),
    "unknown modifier": ("TN112", "mechanisms.ease.leak.by.0", "did you mean 'age'?", lambda: with_local("ease", NoisyAnd(Leak(("agee",), [0.1, 0.1]), ()))),
    "unknown parent of a table": ("TN112", "mechanisms.ease.table.by.0", "'sex'", lambda: with_local("ease", Table(("sex",), [[0.5, 0.5]]))),
    "unknown finding": ("TN112", "mechanisms.flutter.describes", "'itch'", lambda: with_local("flutter", Descriptor(LEAK, (), "itch"))),
    "a screen as parent": ("TN141", "mechanisms.ease.links.fever", "screen", lambda: with_local("ease", NoisyAnd(LEAK, (Link("fever", (), [0.1, 0.2]),)))),
    "a screen with a mechanism": ("TN141", "mechanisms.fever", "screen", lambda: with_local("fever", Table((), [0.5, 0.5]))),
    "no mechanism": ("TN140", "findings.ease", "'ease'", lambda: with_local("ease", None)),
    "a cycle": ("TN117", "mechanisms.strain.links.twitch", "a cycle: strain -> twitch -> strain", lambda: replace(with_local("strain", or_(Link("twitch", (), [0, 0.1]))), parameters=())),
    "a cycle through a table": ("TN117", "mechanisms.strain.table.by", "strain -> twitch -> strain", lambda: replace(with_local("strain", Table(("twitch",), [[0.5, 0.5]] * 2)), parameters=())),
    "a cycle through a descriptor": ("TN117", "mechanisms.strain.links.flutter", "strain -> twitch -> flutter -> strain", lambda: replace(with_local("strain", or_(Link("flutter", (), [0, 0.1]))), parameters=())),
    "its own modifier": ("TN117", "mechanisms.ease", "ease -> ease", lambda: with_local("ease", NoisyAnd(Leak(("ease",), [0.1, 0.2]), ()))),
    "two links of a parent": ("TN145", "mechanisms.twitch.links.strain", "already", lambda: with_local("twitch", or_(*[Link("strain", (), [0, 0.4])] * 2))),
    "a parent that modifies its link": ("TN125", "mechanisms.twitch.links.strain", "its own link", lambda: with_local("twitch", or_(Link("strain", ("strain",), [[0, 0.4]] * 2)))),
    "a modifier twice": ("TN125", "mechanisms.ease.leak.by.1", "twice", lambda: with_local("ease", NoisyAnd(Leak(("age", "age"), np.full((3, 3), 0.1)), ()))),
    "an active baseline": ("TN145", "mechanisms.twitch.links.strain", "baseline", lambda: with_local("twitch", or_(Link("strain", (), [0.1, 0.4])))),
    "an active baseline in a noisy-MAX": ("TN145", "mechanisms.pain.links.twitch", "baseline", lambda: with_local("pain", NoisyMax(Leak((), [1, 0, 0]), (Link("twitch", (), [[0.9, 0.1, 0], [0.2, 0.3, 0.5]]),)))),
    "a leak of the wrong shape": ("TN134", "mechanisms.strain.leak", "(2,) where (3,)", lambda: with_local("strain", or_(Link("age", (), [0, 0.1, 0.2]), leak=Leak(("age",), [0.1, 0.2])))),
    "a link of the wrong shape": ("TN134", "mechanisms.twitch.links.strain", "(3,) where (2,)", lambda: with_local("twitch", or_(Link("strain", (), [0, 0.4, 0.5])))),
    "a table of the wrong shape": ("TN134", "mechanisms.age.table", "(2,) where (3,)", lambda: with_local("age", Table((), [0.5, 0.5]))),
    "not a number": ("TN110", "mechanisms.ease.leak", "finite", lambda: with_local("ease", NoisyAnd(Leak((), np.nan), ()))),
    "infinite": ("TN110", "mechanisms.age.table", "finite", lambda: with_local("age", Table((), [np.inf, 0, 0]))),
    "below 0": ("TN130", "mechanisms.ease.leak", "-0.1 is not", lambda: with_local("ease", NoisyAnd(Leak((), -0.1), ()))),
    "above 1": ("TN130", "mechanisms.twitch.links.strain", "1.5 is not", lambda: with_local("twitch", or_(Link("strain", (), [0, 1.5])))),
    "a row that is no distribution": ("TN133", "mechanisms.age.table", "0.9, not to 1", lambda: with_local("age", Table((), [0.5, 0.2, 0.2]))),
    "a level that is no distribution": ("TN133", "mechanisms.pain.leak", "0.9, not to 1", lambda: with_local("pain", NoisyMax(Leak((), [0.9, 0, 0]), ()))),
    "three states in a noisy-OR": ("TN146", "mechanisms.pain", "NoisyOr needs two states", lambda: with_local("pain", or_())),
    "a descriptor of a table": ("TN142", "mechanisms.flutter.describes", "not a noisy-OR", lambda: with_local("flutter", Descriptor(LEAK, (), "age"))),
    "a descriptor of a descriptor": ("TN143", "mechanisms.ease.describes", "describe 'twitch'", lambda: with_local("ease", Descriptor(LEAK, (), "flutter"))),
    "a descriptor of no producer": ("TN144", "mechanisms.flutter.links.age", "does not produce", lambda: with_local("flutter", Descriptor(LEAK, (Link("age", (), [0, 0.7]),), "twitch"))),
    "a name twice": ("TN118", "findings.ease", "declared twice", lambda: replace(base(), variables=(*base().variables, base().by_name["ease"]))),
    "a name with spaces": ("TN119", "screens.high fever", "not a name", lambda: replace(with_variable(name="high fever"), rules=())),
    "one state": ("TN147", "screens.fever.states", "has 1", lambda: with_variable(states=("absent",))),
    "too many states": ("TN147", "screens.fever.states", "has 128", lambda: with_variable(states=tuple(map(str, range(128))))),
    "a state twice": ("TN147", "screens.fever.states.1", "twice", lambda: with_variable(states=("a", "a"))),
    "a state without a name": ("TN119", "screens.fever.states.1", "no name", lambda: with_variable(states=("a", ""))),
    "a parameter of no node": ("TN149", "mechanisms.strian.leak", "no part", lambda: with_parameter(node="strian", part="leak")),
    "a parameter of no part": ("TN149", "mechanisms.strain.links.fever", "no part", lambda: with_parameter(part="link:fever")),
    "a parameter of no cells": ("TN149", "mechanisms.strain.links.age", "among the 3", lambda: with_parameter(cells=())),
    "cells beyond the array": ("TN149", "mechanisms.strain.links.age", "among the 3", lambda: with_parameter(cells=(1, 3))),
    "a value outside its range": ("TN131", "mechanisms.strain.links.age.range", "outside its range", lambda: with_parameter(value=0.3)),
    "a range that is not a number": ("TN131", "mechanisms.strain.links.age.range", "nan", lambda: with_parameter(low=np.nan)),
    "a range down to 0": ("TN132", "mechanisms.strain.links.age.range", "logit", lambda: with_parameter(low=0.0)),
    "an unknown source": ("TN114", "mechanisms.strain.links.age", "did you mean 'book'?", lambda: with_parameter(sources=("boook",))),
    "an unknown complaint": ("TN112", "complaint", "did you mean 'twitch'?", lambda: replace(base(), complaint="twich")),
    "a cause as complaint": ("TN162", "complaint", "is a cause", lambda: replace(base(), complaint="strain")),
    "an unknown target": ("TN112", "targets.1", "'strian'", lambda: replace(base(), targets=("strain", "strian"))),
    "a target twice": ("TN118", "targets.1", "already", lambda: replace(base(), targets=("strain", "strain"))),
    "a source twice": ("TN118", "sources.book", "twice", lambda: replace(base(), sources=base().sources * 2)),
    "a rule on an unknown name": ("TN112", "rules.R1.when", "did you mean 'fever'?", lambda: replace(base(), rules=(Rule("R1", "fevr", "soon", "Why"),))),
    "a rule on an unknown state": ("TN113", "rules.R1.when", "no state 'very_old' of age", lambda: replace(base(), rules=(Rule("R1", "age=very_old", "soon", "Why"),))),
    "a rule that cannot be read": ("TN160", "rules.R1.when", "character 8", lambda: replace(base(), rules=(Rule("R1", "fever &", "soon", "Why"),))),
    "an unknown source of a rule": ("TN114", "rules.R1.source.0", "'b'", lambda: replace(base(), rules=(Rule("R1", "fever", "soon", "Why", ("b",)),))),
    "two defaults": ("TN161", "rules.R3.default", "already", lambda: replace(base(), rules=(Rule("R2", "", "soon", "Why", default=True), Rule("R3", "", "soon", "Why", default=True)))),
    "a watch on a screen": ("TN141", "watches.fever", "screen", lambda: replace(base(), watches=(Watch("fever", 0.5, "soon", "Why"),))),
    "a watch on an unknown state": ("TN113", "watches.strain=presnt", "did you mean 'present'?", lambda: replace(base(), watches=(Watch("strain=presnt", 0.5, "soon", "Why"),))),
    "an effect on a finding": ("TN162", "options.rest.effects.0.cause", "is a finding", lambda: with_effect(Effect("cause", "twitch", 0.5, 0.4, 0.6))),
    "an effect on an unknown link": ("TN115", "options.rest.effects.0.link", "no link age -> twitch", lambda: with_effect(Effect("link", "age", 0.5, 0.4, 0.6, "twitch"))),
    "an effect on a link of an unknown name": ("TN112", "options.rest.effects.0.link", "did you mean 'age'?", lambda: with_effect(Effect("link", "agee", 0.5, 0.4, 0.6, "twitch"))),
    "an effect to an unknown state": ("TN113", "options.rest.effects.0.state", "'new'", lambda: with_effect(Effect("context", "age", state="new"))),
    "a factor above 1": ("TN137", "options.rest.effects.0.factor", "1.5", lambda: with_effect(Effect("cause", "strain", 1.5, 1.5, 1.5))),
    "a factor outside its range": ("TN131", "options.rest.effects.0.range", "outside", lambda: with_effect(Effect("cause", "strain", 0.5, 0.6, 0.7))),
    "a factor that doubles": ("TN137", "options.rest.effects.0.range", "above 2", lambda: with_effect(Effect("cause", "strain", 0.5, 0.4, 2.5))),
    "a weight that is no cause": ("TN162", "options.rest.effects.0.given", "is a context", lambda: with_effect(Effect("cause", "strain", 0.5, 0.4, 0.6, given="age"))),
    "a reference to nothing": ("TN116", "coverage.1.by.0", "no such link", lambda: replace(base(), coverage=(CoverageItem(1, "A", ("link:strain->pain",)),))),
    "an assertion twice": ("TN118", "coverage.1", "already", lambda: replace(base(), coverage=base().coverage * 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    code, path, words, make = BROKEN[name]
    found = check(make())
    assert [(p.code, p.path) for p in found] == [(code, path)]
    assert words in str(found[0])
    assert code in CODES


def test_a_descriptor_may_follow_its_finding() -> None:
    link = Link("twitch", ("age",), [[0, 0.7], [0, 0.8], [0, 0.9]])
    assert check(with_local("flutter", Descriptor(LEAK, (link,), "twitch"))) == []


def test_all_at_once() -> None:
    network = with_local("twitch", or_(Link("strian", (), [0, 0.4]), leak=Leak((), 1.5)))
    network = replace(network, complaint="twich", targets=("age", "nobody"))
    assert [p.code for p in check(network)] == [
        "TN130",
        "TN112",
        "TN144",
        "TN112",
        "TN112",
        "TN116",
    ]


@given(networks())
def test_random_networks_are_sound(network: Network) -> None:
    assert check(network) == []


def test_cycles_are_found_once_each() -> None:
    def causes(arcs: dict[str, str]) -> Network:
        return Network(
            "n", "1",
            tuple(variable(c, "cause", or_(Link(p, (), [0, 0.1]))) for c, p in arcs.items()),
        )  # fmt: skip

    two = check(causes({"a": "b", "b": "a", "c": "d", "d": "c", "e": "a", "f": "e"}))
    assert [p.message for p in two] == ["a cycle: a -> b -> a", "a cycle: c -> d -> c"]
    (long,) = check(causes({f"v{i}": f"v{(i + 1) % 30}" for i in range(30)}))
    assert long.message.count("->") == 12
    assert "..." in long.message


def test_a_ghost_is_not_missed() -> None:
    """What a file holds but could not be read is not reported as missing."""
    network = with_effect(Effect("link", "age", 0.5, 0.4, 0.6, "twitch"))
    assert [f.code for f in found(network)] == ["TN115"]
    assert found(network, {"link:age->twitch"}) == []
    assert [f.code for f in found(with_local("ease", None))] == ["TN140"]
    assert found(with_local("ease", None), {"mechanism:ease"}) == []


def test_lints() -> None:
    assert {f.code for f in linted(base())} == {"TN187"}
    weak = with_local("twitch", or_(Link("strain", (), [0, 0.4]), Link("age", (), [0, 0.02, 0.01])))
    assert [f.keys for f in linted(weak) if f.code == "TN183"] == [
        ("mechanisms", "twitch", "links", "age")
    ]
    assert all(f.severity == "warning" for f in linted(weak))


def test_a_network_of_a_file_is_the_network_of_its_values() -> None:
    """Two ways to the same value: by hand, and from a file."""
    network = parse_network(
        "{twitchnet: 1, name: n, version: '1', contexts: {a: {label: A}}, causes: {b: {label: B}},"
        "mechanisms: {a: {table: {p: .3, fixed: true}},"
        "b: {leak: {p: .1, fixed: true}, links: {a: {p: .5, fixed: true}}}}}"
    )
    by_hand = Network(
        "n", "1",
        (
            variable("a", "context", Table((), [0.7, 0.3])),
            variable("b", "cause", or_(Link("a", (), [0, 0.5]))),
        ),
    )  # fmt: skip
    assert network.fingerprint == by_hand.fingerprint
