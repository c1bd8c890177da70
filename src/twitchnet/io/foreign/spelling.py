"""How are names and states spelled, and which state is the baseline?

What is decided for every foreign file alike; ``foreign`` says it in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_GRADED = frozenset({"no", "absent", "none"})
_EITHER_OR = _GRADED | {
    *("false", "off", "negative", "normal", "0", "n", "f", "never", "healthy", "ok", "good"),
    *("s0", "state0"),
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_STATE = re.compile(r"[^\s=&|(),]{1,60}\Z")
_NOT_WORD = re.compile("[^A-Za-z0-9_]")


MAX_NAME, MAX_STATE = 80, 60
"""Characters of a name and of a state in a model file, which any network can become."""


class _Fresh:
    """Words that are not taken yet: the same stem counts on, so each takes a step or two."""

    def __init__(self, taken: Iterable[str], most: int) -> None:
        self.taken = set(taken)
        self.most = most
        self.counts: dict[str, int] = {}

    def take(self, stem: str) -> str:
        """The stem, or the stem with the next number that makes it new."""
        stem = word = stem[: self.most]
        count = self.counts.get(stem, 1)
        while word in self.taken:
            count += 1
            tail = f"_{count}"
            word = stem[: self.most - len(tail)] + tail
        self.counts[stem] = count
        self.taken.add(word)
        return word


def spelled(names: Sequence[str]) -> dict[str, str]:
    """A name that records, rules and model files can spell for each name, all different."""
    kept = {name for name in names if _NAME.match(name) and len(name) <= MAX_NAME}
    fresh = _Fresh(kept, MAX_NAME)
    result = {}
    for name in names:
        word = name
        if name not in kept:
            word = re.sub(r"[^A-Za-z0-9_]+", "_", name)
            if not _NAME.match(word):
                word = f"v{word}" if word.strip("_") else "v"
            word = fresh.take(word)
        result[name] = word
    return result


def spelled_states(states: Sequence[str]) -> tuple[str, ...]:
    """States without the characters that rules and answers give a meaning to, not too long."""
    kept = {state for state in states if _STATE.match(state) and state.lower() != "unknown"}
    if len(kept) == len(states):
        return tuple(states)
    fresh = _Fresh({*kept, *(state for state in states if state.lower() == "unknown")}, MAX_STATE)
    return tuple(
        state if state in kept else fresh.take(re.sub(r"[\s=&|(),]+", "_", state) or "_")
        for state in states
    )


def identifiers(states: Sequence[str]) -> list[str]:
    """States as strict readers take them: letters, digits and _, a letter first, different."""
    result: dict[str, None] = {}
    for state in states:
        word = _NOT_WORD.sub("_", state)
        word = word if word[:1].isalpha() else f"s{word}"
        while word in result:
            word += "_"
        result[word] = None
    return list(result)


def respelled(states: Sequence[str], kept: str) -> list[str]:
    """The states as they were before :func:`identifiers`, from the property that kept them."""
    words = kept.split()
    return words if len(words) == len(states) else list(states)


def baseline(states: Sequence[str]) -> int:
    """The state that is named like a baseline, or the first."""
    words = _EITHER_OR if len(states) == 2 else _GRADED
    found = [i for i, state in enumerate(states) if state.strip().lower() in words]
    return found[0] if len(found) == 1 else 0
