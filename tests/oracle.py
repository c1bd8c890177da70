"""The independent oracle: plain enumeration of the joint distribution, in plain loops.

It imports ``twitchnet.model`` and nothing else of ours, and follows the definitions of
``model/local`` word by word, hidden producers included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from twitchnet.model.local import (
    Descriptor,
    Leak,
    Link,
    NoisyAnd,
    NoisyMax,
    NoisyMin,
    NoisyOr,
    Table,
)
from twitchnet.model.network import Network

Weights = Mapping[str, Sequence[float]]


@dataclass
class Joint:
    """Sums over the joint distribution, weighted by the evidence.

    ``underflowed`` says that a possible world was too rare to be told from an impossible one.
    """

    evidence: float = 0.0
    marginal: dict[str, list[float]] = field(default_factory=dict)
    produced: dict[str, float] = field(default_factory=dict)
    explains: dict[str, float] = field(default_factory=dict)
    responsibility: dict[tuple[str, str], float] = field(default_factory=dict)
    none_present: float = 0.0
    unexplained: float = 0.0
    underflowed: bool = False


def strength(part: Leak | Link, world: Mapping[str, int]) -> object:
    index = tuple(world[name] for name in part.modifiers)
    if isinstance(part, Link):
        index += (world[part.parent],)
    return part.strength[index]


def enumerate_joint(
    network: Network,
    weights: Weights,
    present: Sequence[str] = (),
    number: Callable[[float], float] = float,
) -> Joint:
    """Every world of a small network.

    ``weights`` gives a weight per state for observed variables; ``present`` names the
    findings observed in a state other than the baseline (for ``explains``).  ``number`` makes what
    is computed with of a float: ``Fraction`` gives sums without rounding.
    """
    names = list(network.topological)
    described = {v.local.of for v in network.nodes if isinstance(v.local, Descriptor)}
    if network.complaint:
        described.add(network.complaint)
    described = {n for n in described if isinstance(network.by_name[n].local, NoisyOr)}
    none = number(0.0)
    result = Joint(
        evidence=none,
        marginal={n: [none] * network.by_name[n].card for n in names},
        produced=dict.fromkeys(network.ranked, none),
        explains=dict.fromkeys(network.ranked, none),
        none_present=none,
        unexplained=none,
    )

    def times(*factors: float) -> float:
        mass = math.prod(factors[1:], start=factors[0])
        result.underflowed |= mass == 0.0 and all(factors)
        return mass

    def switches(child: str) -> list[Leak | Link]:
        local = network.by_name[child].local
        assert local is not None
        assert not isinstance(local, Table)
        return [local.leak, *local.links]

    def visit(
        at: int, world: dict[str, int], mechanisms: dict[str, list[int]], mass: float
    ) -> None:
        """Adds the worlds that extend this one; mechanisms hold each part's level."""
        if mass == 0.0:
            return
        if at == len(names):
            count(world, mechanisms, mass)
            return
        name = names[at]
        variable = network.by_name[name]
        local = variable.local
        row = [number(weight) for weight in weights.get(name, [1.0] * variable.card)]
        if isinstance(local, Table):
            cells = local.probabilities[tuple(world[parent] for parent in local.parents)]
            for state in range(variable.card):
                visit(
                    at + 1,
                    world | {name: state},
                    mechanisms,
                    times(mass, number(float(cells[state])), row[state]),
                )
            return
        parts = switches(name)
        chances: list[list[float]] = []
        for part in parts:
            if isinstance(local, Descriptor):
                source = part.parent if isinstance(part, Link) else ""
                index = tuple(world[m] for m in part.modifiers)
                if source == local.of:
                    on = world[local.of] == 1
                else:
                    of_parts = switches(local.of)
                    keys = [p.parent if isinstance(p, Link) else "" for p in of_parts]
                    on = mechanisms[local.of][keys.index(source)] == 1
                p = number(0.0)
                if isinstance(part, Link):
                    p = number(float(part.strength[(*index, int(on))]))
                elif on:
                    p = number(float(part.strength[index]))
                chances.append([1 - p, p])
            elif isinstance(local, NoisyMax | NoisyMin):
                levels_of = strength(part, world)
                chances.append([number(float(x)) for x in levels_of])  # type: ignore[attr-defined]
                if isinstance(local, NoisyMin):
                    chances[-1].reverse()  # level 0 is the last state
            else:
                p = number(float(strength(part, world)))  # type: ignore[arg-type]
                chances.append([1 - p, p])
        for levels in product(*(range(len(chance)) for chance in chances)):
            chance = number(1.0)
            for level, options in zip(levels, chances, strict=True):
                chance = times(chance, options[level])
            state = max(levels)
            if isinstance(local, NoisyAnd | NoisyMin):
                state = variable.card - 1 - state
            visit(
                at + 1,
                world | {name: state},
                mechanisms | {name: list(levels)},
                times(mass, chance, row[state]),
            )

    def count(world: dict[str, int], mechanisms: dict[str, list[int]], mass: float) -> None:
        result.evidence += mass
        for name, state in world.items():
            result.marginal[name][state] += mass
        if all(world[name] == 0 for name in network.ranked):
            result.none_present += mass
        made_by_cause = False
        for name, levels in mechanisms.items():
            parts = switches(name)
            for part, level in zip(parts, levels, strict=True):
                lowers = isinstance(network.by_name[name].local, NoisyAnd | NoisyMin)
                if not isinstance(part, Link) or level == 0 or lowers:
                    continue  # what takes a child towards its baseline explains nothing
                if name == network.complaint:
                    made_by_cause = True
                    if part.parent in result.produced:
                        result.produced[part.parent] += mass
                if name in present and part.parent in result.explains:
                    result.explains[part.parent] += mass
                    pair = part.parent, name
                    result.responsibility[pair] = result.responsibility.get(pair, none) + mass
        if not made_by_cause:
            result.unexplained += mass

    visit(0, {}, {}, number(1.0))
    return result
