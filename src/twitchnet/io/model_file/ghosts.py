"""What does a model file hold that could not be read, so that nobody should miss it?

A fault is reported where it stands, and not again at each place that needs what is wrong
there.  So everything that was cut out of a document (``validation.Cut``) leaves a ghost:
``variable:x``, ``source:x``, ``mechanism:x``, ``link:a->b``, ``rule:R1`` and so on, with
``*`` for the name where a whole section is lost.  ``check`` takes them into account.
"""

from __future__ import annotations

from collections.abc import Iterator

from twitchnet.io.model_file.validation import Cut
from twitchnet.io.yaml.document import Document, Keys
from twitchnet.model.checks.scope import SECTIONS

KINDS = {
    **dict.fromkeys(SECTIONS.values(), "variable"),
    "levels": "level",
    "sources": "source",
    "mechanisms": "mechanism",
    "rules": "rule",
    "watches": "watch",
    "options": "option",
    "coverage": "duplicate",
}
"""What the entries of each section are called in ghosts."""


def ghosts(document: Document, cut: Cut) -> Iterator[str]:
    """The ghosts of everything that was cut out of a document."""
    for keys, place in cut.items():
        section = str(keys[0]) if keys else ""
        kind = KINDS.get(section)
        if kind is None:
            # It may be a section by another name, and any of them.
            for name in _names(document, place):
                yield from (f"{one}:{name}" for one in KINDS.values())
        elif len(keys) == 1:
            yield f"{kind}:*"
        elif len(keys) == 2:
            yield f"{kind}:{keys[1]}"
        else:
            yield f"part:{keys[1]}"
            if kind == "mechanism" and keys[2] == "links":
                yield from _links(document, keys, place)
            elif kind == "variable" and keys[2] == "states":
                yield f"variable:{keys[1]}"


def _links(document: Document, keys: Keys, place: Keys) -> Iterator[str]:
    child = keys[1]
    links = [str(keys[3])] if len(keys) > 3 else _names(document, place)
    if not links:
        yield f"mechanism:{child}"
    yield from (f"link:{link.partition('=')[0]}->{child}" for link in links)


def _names(document: Document, keys: Keys) -> list[str]:
    raw = document.get(keys)
    return [str(name) for name in raw] if isinstance(raw, dict) else []
