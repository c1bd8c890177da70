"""How are names and states spelled, and which state is the baseline?

What is decided for every foreign file alike; ``foreign`` says it in words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_GRADED = frozenset({"no", "absent", "none"})
_EITHER_OR = _GRADED | {
    *("false", "off", "negative", "normal", "0", "n", "f", "never", "healthy", "ok", "good"),
    *("s0", "state0"),
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def spelled(names: Sequence[str]) -> dict[str, str]:
    """A name that records and rules can spell for each name, all different."""
    taken = {name for name in names if _NAME.match(name)}
    result = {}
    for name in names:
        word = name
        if name not in taken:
            word = re.sub(r"[^A-Za-z0-9_]+", "_", name)
            if not _NAME.match(word):
                word = f"v{word}" if word.strip("_") else "v"
            stem, count = word, 1
            while word in taken:
                count += 1
                word = f"{stem}_{count}"
            taken.add(word)
        result[name] = word
    return result


def spelled_states(states: Sequence[str]) -> tuple[str, ...]:
    """States without the characters that rules and answers give a meaning to."""
    result: list[str] = []
    for state in states:
        stem = re.sub(r"[\s=&|(),]+", "_", state) or "_"
        word, count = stem, 1
        while word in result or word.lower() == "unknown" or (word != state and word in states):
            count += 1
            word = f"{stem}_{count}"
        result.append(word)
    return tuple(result)


def identifiers(states: Sequence[str]) -> list[str]:
    """States as strict readers take them: letters, digits and _, a letter first, different."""
    result: list[str] = []
    for state in states:
        word = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in state)
        word = word if word[:1].isalpha() else f"s{word}"
        while word in result:
            word += "_"
        result.append(word)
    return result


def respelled(states: Sequence[str], kept: str) -> list[str]:
    """The states as they were before :func:`identifiers`, from the property that kept them."""
    words = kept.split()
    return words if len(words) == len(states) else list(states)


def baseline(states: Sequence[str]) -> int:
    """The state that is named like a baseline, or the first."""
    words = _EITHER_OR if len(states) == 2 else _GRADED
    found = [i for i, state in enumerate(states) if state.strip().lower() in words]
    return found[0] if len(found) == 1 else 0
