"""What is a variable, and which of its states is the baseline, when a person says so?

Readers take roles and baselines from the file where it states them and guess the others
(``draft``).  Whoever knows better says it in ``load(..., roles=, baselines=)``, or for good in a
small file beside the network, ``pump.xdsl.roles.yaml``:

    roles: {smoker: context, lung: cause}
    baselines: {smoker: non_smoker}

A baseline is the first state of a variable; to name another one turns its tables, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from twitchnet.errors import ModelError, Problem, nearest
from twitchnet.io.foreign.declared import KINDS
from twitchnet.io.yaml.reader import read_file
from twitchnet.model.local import Table
from twitchnet.model.network import Network, Variable

PARTS = ("roles", "baselines")
SUFFIX = ".roles.yaml"


@dataclass(frozen=True, slots=True)
class Roles:
    """A kind (context, cause, finding) and a baseline for some variables, by name."""

    roles: Mapping[str, str] = field(default_factory=dict)
    baselines: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: Roles) -> Roles:
        """These, and those of ``other`` for what these do not name."""
        return Roles({**other.roles, **self.roles}, {**other.baselines, **self.baselines})


def roles_beside(path: Path) -> Roles:
    """The roles in the small file beside a network; none when there is no such file.

    Raises ``ModelError`` when it is not two mappings of names.
    """
    file = path.with_name(path.name + SUFFIX)
    if not file.is_file():
        return Roles()
    document = read_file(file)
    if document.flaws:
        raise ModelError(
            Problem(flaw.code, flaw.message, "", str(file), flaw.mark.line, flaw.mark.column)
            for flaw in document.flaws
        )
    found = document.value
    if not isinstance(found, dict) or not set(found) <= set(PARTS):
        message = f"a file of roles has the parts {' and '.join(PARTS)}"
        raise ModelError([Problem("TN122", message, "", str(file))])
    for part, given in found.items():
        if not isinstance(given, dict) or not all(isinstance(word, str) for word in given.values()):
            message = "a mapping of variables to words is expected"
            raise ModelError([Problem("TN122", message, part, str(file))])
    return Roles(found.get("roles", {}), found.get("baselines", {}))


def with_roles(network: Network, given: Roles, file: str = "") -> Network:
    """The network with these kinds and baselines; what was said is no guess any more.

    A variable whose role is said leaves or enters the ranking with it.  Raises ``ModelError``
    with every name that is wrong.
    """
    problems = [*_wrong_roles(network, given.roles), *_wrong_states(network, given.baselines)]
    if problems:
        raise ModelError(replace(problem, file=file) for problem in problems)
    front = {
        name: state
        for name, word in given.baselines.items()
        if (state := _state(network.by_name[name], word))
    }
    variables = tuple(
        replace(
            _turned(network, variable, front),
            kind=given.roles.get(variable.name, variable.kind),  # type: ignore[arg-type]
        )
        for variable in network.variables
    )
    targets = [name for name in network.targets if given.roles.get(name, "cause") == "cause"]
    if network.targets:
        targets += [n for n, r in given.roles.items() if r == "cause" and n not in targets]
    said = {"role": given.roles, "baseline": given.baselines}
    guesses = tuple(guess for guess in network.guesses if guess[0] not in said[guess[1]])
    return replace(network, variables=variables, targets=tuple(targets), guesses=guesses)


def _wrong_roles(network: Network, roles: Mapping[str, str]) -> list[Problem]:
    problems = []
    for name, role in roles.items():
        if name not in network.by_name:
            problems.append(_unknown(network, name))
        elif role not in KINDS:
            hint = f"one of {', '.join(KINDS)}"
            problems.append(Problem("TN122", f"{role[:40]!r} is not a role", name, hint=hint))
    return problems


def _wrong_states(network: Network, baselines: Mapping[str, str]) -> list[Problem]:
    problems = []
    for name, word in baselines.items():
        variable = network.by_name.get(name)
        if variable is None:
            problems.append(_unknown(network, name))
            continue
        state = _state(variable, word)
        if state < 0:
            hint = f"its states are {', '.join(variable.states[:12])}"
            problems.append(Problem("TN113", f"no state {word[:60]!r}", name, hint=hint))
        elif state and _tied(network, name):
            message = "a noisy-OR or noisy-MAX fixes the baseline of this variable"
            problems.append(Problem("TN145", message, name))
    return problems


def _unknown(network: Network, name: str) -> Problem:
    hint = nearest(name, network.by_name)
    return Problem("TN112", f"no variable named {name[:80]!r}", "", hint=hint)


def _state(variable: Variable, word: str) -> int:
    """The place of a state, by its name or its text in the file; -1 for none."""
    for words in (variable.states, variable.texts):
        if word in words:
            return words.index(word)
    return -1


def _tied(network: Network, name: str) -> bool:
    """Whether a mechanism that is not a table says which state does nothing."""
    return any(
        not isinstance(node.local, Table) and name in (node.name, *network.parents(node.name))
        for node in network.nodes
    )


def _turned(network: Network, variable: Variable, front: Mapping[str, int]) -> Variable:
    """A variable with the states of its own and of its parents in their new order."""

    def order(name: str) -> list[int]:
        places = list(range(network.by_name[name].card))
        places.insert(0, places.pop(front.get(name, 0)))
        return places

    local = variable.local
    if isinstance(local, Table) and not front.keys().isdisjoint((variable.name, *local.parents)):
        axes = np.ix_(*(order(parent) for parent in local.parents), order(variable.name))
        local = Table(local.parents, local.probabilities[axes])
    own = order(variable.name)
    states = tuple(variable.states[i] for i in own)
    texts = tuple(variable.texts[i] for i in own) if variable.texts else ()
    return replace(variable, states=states, texts=texts, local=local)
