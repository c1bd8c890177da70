"""Which smallest sets of answers satisfy a condition?  For tests of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, product

from twitchnet.model.language.rules import Answer, Condition


def minimal_sets(
    condition: Condition, baselines: Mapping[str, str]
) -> tuple[tuple[Answer, ...], ...]:
    """The smallest sets of answers that satisfy the condition: leave one out and it fails.

    Sorted, without contradictions (two states of one variable).
    """
    found = [
        tuple(Answer(*item) for item in sorted(one.items())) for one in _sets(condition, baselines)
    ]
    return tuple(sorted(found, key=lambda answers: (len(answers), str(answers))))


def _sets(condition: Condition, baselines: Mapping[str, str]) -> list[dict[str, str]]:
    if isinstance(condition, Answer):
        return [{condition.name: condition.state}]
    within = [_sets(part, baselines) for part in condition.parts]
    found: list[dict[str, str]] = []
    for chosen in combinations(within, condition.count):
        for sets in product(*chosen):
            both = _union(sets, baselines)
            if both is not None:
                found.append(both)
    found.sort(key=len)
    kept: list[dict[str, str]] = []
    for one in found:
        if not any(_implies(one, other, baselines) for other in kept):
            kept = [other for other in kept if not _implies(other, one, baselines)] + [one]
    return kept


def _union(
    sets: Iterable[Mapping[str, str]], baselines: Mapping[str, str]
) -> dict[str, str] | None:
    """All the answers together; None when they contradict each other."""
    result: dict[str, str] = {}
    for name, state in (item for one in sets for item in one.items()):
        had = result.setdefault(name, state)
        if _covers(had, state, name, baselines):
            result[name] = state
        elif not _covers(state, had, name, baselines):
            return None
    return result


def _implies(
    one: Mapping[str, str], other: Mapping[str, str], baselines: Mapping[str, str]
) -> bool:
    """Whether whoever gives the answers ``one`` also gives the answers ``other``."""
    return all(
        name in one and _covers(state, one[name], name, baselines) for name, state in other.items()
    )


def _covers(wide: str, narrow: str, name: str, baselines: Mapping[str, str]) -> bool:
    """Whether the state ``narrow`` is one that ``wide`` accepts ('' is all but the baseline)."""
    return wide == narrow or (not wide and narrow != baselines.get(name, "absent"))
