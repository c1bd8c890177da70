"""Do the rules, watches, options, questions and coverage of a network name what exists?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from twitchnet.errors import ModelError
from twitchnet.model.care import Effect
from twitchnet.model.checks.coverage import unresolved
from twitchnet.model.checks.scope import SECTIONS, Found, Keys, Scope
from twitchnet.model.language.rules import answers_read, parse
from twitchnet.model.network import Network

MAX_FACTOR = 2.0
"""A factor above 1 says that an option may harm; above 2 it is a slip."""

MAX_RULES = 500  # of rules, of watches and of options
MAX_LEVELS = 20
MAX_REFERENCES = 2_000

MAX_COMPARISONS = 50_000
"""A wrong reference is compared with every name: the most comparisons of a check."""

_WORD = re.compile(r"[A-Za-z]\w*")


def check_care(network: Network, scope: Scope) -> Iterator[Found]:
    """Every broken rule of what to do about it."""
    limits = {"levels": MAX_LEVELS, "coverage": MAX_REFERENCES}
    for part in ("levels", "rules", "watches", "options", "coverage"):
        count = len(getattr(network, part))
        most = limits.get(part, MAX_RULES)
        if count > most:
            message = f"{count} {part}, at most {most} are allowed"
            yield Found("TN148", (part,), message, at_key=True)
            return
    for variable in network.variables:
        keys = (SECTIONS[variable.kind], variable.name, "ask_if")
        yield from _condition(variable.ask_if, scope, keys)
        if variable.urgency:
            yield from _level(variable.urgency, scope, (*keys[:2], "urgency"))
    defaults = 0
    for rule in network.rules:
        at: Keys = ("rules", rule.name)
        yield from _condition(rule.when, scope, (*at, "when"))
        yield from _level(rule.urgency, scope, (*at, "urgency"))
        yield from _sources(rule.sources, scope, at)
        defaults += rule.default
        if rule.default and defaults > 1:
            message = "there is a default rule already"
            yield Found("TN161", (*at, "default"), message, at_key=True)
    watched: set[str] = set()
    for watch in network.watches:
        name, equals, state = watch.target.partition("=")
        at = ("causes", name, "care") if watch.likely else ("watches", watch.target)
        if watch.target in watched:
            yield Found("TN118", at, "this cause is watched already", at_key=True)
        watched.add(watch.target)
        yield from _level(watch.urgency, scope, (*at, "level" if watch.likely else "urgency"))
        yield from _sources(watch.sources, scope, at)
        yield from scope.node(name, at, at_key=True)
        if equals:
            yield from scope.state(name, state, at)
    for option in network.options:
        at = ("options", option.name)
        yield from _condition(option.only_if, scope, (*at, "only_if"))
        yield from _condition(option.fine_if, scope, (*at, "fine_if"))
        yield from _condition(option.caution_if, scope, (*at, "caution_if"))
        yield from _sources(option.sources, scope, at)
        for index, effect in enumerate(option.effects):
            yield from _effect(effect, scope, (*at, "effects", index))
    yield from _coverage(network, scope)


def _level(name: str, scope: Scope, keys: Keys) -> Iterator[Found]:
    """What is wrong with ``name`` as a level of triage; '' is what could not be read."""
    names = [level.name for level in scope.network.triage_levels]
    if name and name not in names and not scope.lost("level", name):
        message = f"one of {', '.join(names)} is expected, found the text {name[:40]!r}"
        yield Found("TN123", keys, message, name, names)


def _sources(names: tuple[str, ...], scope: Scope, keys: Keys) -> Iterator[Found]:
    for index, name in enumerate(names):
        yield from scope.source(name, (*keys, "source", index))


def _condition(text: str, scope: Scope, keys: Keys) -> Iterator[Found]:
    """Grammar, names and states of a condition; '' is none."""
    if not text:
        return
    try:
        condition = parse(text)
    except ModelError as error:
        for problem in error.problems:
            yield Found(problem.code, keys, problem.message, hint=problem.hint)
        return
    for answer in answers_read(condition):
        yield from scope.variable(answer.name, keys)
        if answer.state:
            yield from scope.state(answer.name, answer.state, keys)


def _effect(effect: Effect, scope: Scope, keys: Keys) -> Iterator[Found]:
    yield from _condition(effect.only_if, scope, (*keys, "only_if"))
    yield from _sources(effect.sources, scope, keys)
    if effect.given:
        yield from _cause(effect.given, "cause", scope, (*keys, "given"))
    at = (*keys, effect.kind)
    if effect.kind == "link":
        if not scope.has_link(effect.target, effect.child):
            wrong = list(scope.node(effect.target, at)) + list(scope.node(effect.child, at))
            message = f"no link {effect.target} -> {effect.child}"
            yield from wrong or [Found("TN115", at, message)]
    else:
        yield from _cause(effect.target, effect.kind, scope, at)
    if effect.kind == "context":
        yield from scope.state(effect.target, effect.state, (*keys, "state"))
        return
    low, factor, high = effect.low, effect.factor, effect.high
    if not 0 <= factor <= 1:
        yield Found("TN137", (*keys, "factor"), f"the factor {factor:g} is outside 0 to 1")
    elif not 0 <= low <= factor <= high:
        message = f"the factor {factor:g} is outside its range [{low:g}, {high:g}]"
        yield Found("TN131", (*keys, "range"), message)
    elif high > MAX_FACTOR:
        message = f"the high end {high:g} of a factor is above {MAX_FACTOR:g}"
        yield Found("TN137", (*keys, "range"), message)


def _cause(name: str, kind: str, scope: Scope, keys: Keys) -> Iterator[Found]:
    """What is wrong with ``name`` as a cause or a context."""
    yield from scope.node(name, keys)
    variable = scope.by_name.get(name)
    right = variable is None or variable.kind in (kind, "screen")
    if variable is not None and not right and not scope.lost("variable", name):
        yield Found("TN162", keys, f"{name!r} is a {variable.kind}, not a {kind}")


def _words(reference: str) -> list[str]:
    """The names in a reference, without the word before its colon."""
    return _WORD.findall(reference.partition(":")[2])


def _coverage(network: Network, scope: Scope) -> Iterator[Found]:
    """References of the coverage list, except to what the file could not be read to hold."""
    if any(ghost.endswith(":*") for ghost in scope.ghosts):
        return
    hidden = {name for ghost in scope.ghosts for name in _words(ghost)}
    budget = MAX_COMPARISONS
    count = 0
    seen: set[int] = set()
    for item in network.coverage:
        keys: Keys = ("coverage", str(item.number))
        if item.number in seen:
            message = f"there is an assertion {item.number} already"
            yield Found("TN118", keys, message, at_key=True)
        seen.add(item.number)
        for index, reference in enumerate(item.targets):
            count += 1
            if count > MAX_REFERENCES:
                message = f"more than {MAX_REFERENCES} references"
                yield Found("TN148", ("coverage",), message, at_key=True)
                return
            if reference in scope.ghosts or hidden.intersection(_words(reference)):
                continue
            try:
                flaw = unresolved(network, reference)
            except (ModelError, IndexError, ValueError):
                continue  # a condition or an array of the network is broken: reported there
            if flaw:
                yield Found("TN116", (*keys, "by", index), flaw)
                budget -= len(network.variables)
                if budget < 0:
                    return
