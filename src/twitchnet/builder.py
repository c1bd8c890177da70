"""A model in code, for those who do not want a file.

    lamp = ModelBuilder("lamp", complaint="flickers")
    lamp.context("old_house", 0.30)
    lamp.cause("loose_bulb", 0.10)
    lamp.cause("bad_wiring", 0.01, {"old_house": 0.06})
    lamp.finding("flickers", 0.01, {"loose_bulb": 0.60, "bad_wiring": 0.50})
    model = lamp.model()

A builder writes the mapping that a model file spells (``models/FORMAT.md``), and the model is
read from it, so a mistake is the same ``ModelError`` as in a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from typing import Self

    from twitchnet.api import Model
    from twitchnet.model.network import SourceKind


UNSOURCED = "unsourced"
"""The source of numbers that name none."""


@dataclass(frozen=True, slots=True)
class Number:
    """A probability with its plausible range (central 90 %) and its source.

    >>> Number(0.06, 0.02, 0.15, "survey").low
    0.02
    """

    p: float
    low: float
    high: float
    source: str | Sequence[str] = ()
    note: str = ""


Probability: TypeAlias = "float | Number"
Links: TypeAlias = "Mapping[str, Number | float]"
NO_LINKS: Links = MappingProxyType({})
Nested: TypeAlias = "float | Sequence[Nested]"


class ModelBuilder:
    """Collects variables with their numbers, and makes a :class:`~twitchnet.Model` of them.

    ``complaint`` is the finding that brings a person to the model, '' for none.  Every method
    returns the builder; keywords that are not named are keys of a variable in a model file
    (``label``, ``question``, ``states``, ``synonyms`` ...).

    >>> yard = ModelBuilder("yard").cause("rain", 0.2).finding("wet", 0.1, {"rain": 0.9})
    >>> round(yard.model().diagnose(wet=True).posterior["rain"], 4)
    0.6947
    """

    def __init__(
        self, name: str, *, version: str = "0.1.0", title: str = "", complaint: str = ""
    ) -> None:
        self._head: dict[str, object] = {"twitchnet": 1, "name": name, "version": version}
        if title:
            self._head["title"] = title
        if complaint:
            self._head["complaint"] = complaint
        self._parts: dict[str, dict[str, Any]] = {}

    def source(self, key: str, cite: str, kind: SourceKind = "literature") -> Self:
        """A source that numbers name: a ``literature``, a ``page`` or a ``judgement``."""
        return self._add("sources", key, {"kind": kind, "cite": cite})

    def context(
        self,
        name: str,
        p: Probability,
        links: Links = NO_LINKS,
        **words: Any,
    ) -> Self:
        """Background that a person can report, present with probability ``p``."""
        return self._variable("contexts", name, p, links, words)

    def cause(
        self,
        name: str,
        p: Probability,
        links: Links = NO_LINKS,
        **words: Any,
    ) -> Self:
        """A cause: present with probability ``p`` by itself, and by each of its ``links``."""
        return self._variable("causes", name, p, links, words)

    def finding(
        self,
        name: str,
        p: Probability,
        links: Links = NO_LINKS,
        **words: Any,
    ) -> Self:
        """Something that can be seen: ``p`` without any cause, ``links`` by each cause alone."""
        return self._variable("findings", name, p, links, words)

    def table(
        self,
        kind: str,
        name: str,
        states: Sequence[str],
        probabilities: Nested,
        parents: Sequence[str] = (),
        *,
        source: str | Sequence[str] = (),
        **words: Any,
    ) -> Self:
        """A variable of any states with a full table.

        ``kind`` is ``"context"``, ``"cause"`` or ``"finding"``; the first state is the baseline;
        ``probabilities`` are nested over the states of the ``parents`` and then the own states.
        """
        self._words(f"{kind}s", name, {"states": [*states], **words})
        table = {"by": [*parents], "p": probabilities, "source": self._sources(source)}
        return self._add("mechanisms", name, {"table": table})

    def rule(self, name: str, when: str, urgency: str, reason: str, **words: Any) -> Self:
        """A rule of urgency: when the answers satisfy ``when``, it is at least ``urgency``."""
        return self._add(
            "rules", name, {"when": when, "urgency": urgency, "reason": reason, **words}
        )

    def mapping(self) -> dict[str, object]:
        """The keys of the model file so far; ``tn.load`` takes it."""
        return {**self._head, **self._parts}

    def model(self) -> Model:
        """The model.  Raises ``ModelError`` with every problem at once."""
        from twitchnet.api import load

        return load(self.mapping())

    def _variable(
        self,
        section: str,
        name: str,
        p: Probability,
        links: Links,
        words: Mapping[str, Any],
    ) -> Self:
        self._words(section, name, words)
        mechanism: dict[str, object] = {"leak": self._spelled(p)}
        if links:
            mechanism["links"] = {parent: self._spelled(one) for parent, one in links.items()}
        return self._add("mechanisms", name, mechanism)

    def _words(self, section: str, name: str, words: Mapping[str, Any]) -> None:
        label = name.replace("_", " ").capitalize()
        self._add(section, name, {"label": label, **words})

    def _add(self, section: str, name: str, entry: Mapping[str, Any]) -> Self:
        entries = self._parts.setdefault(section, {})
        if name in entries:
            raise ValueError(f"{name!r} is in {section} already")
        entries[name] = dict(entry)
        return self

    def _spelled(self, number: Probability) -> object:
        """A number as a model file spells it."""
        if not isinstance(number, Number):
            return number
        note = {"note": number.note} if number.note else {}
        ends = [number.low, number.high]
        return {"p": number.p, "range": ends, "source": self._sources(number.source), **note}

    def _sources(self, keys: str | Sequence[str]) -> str | list[str]:
        """The keys of sources; a number that names none rests on an honest entry that says so."""
        if not keys and UNSOURCED not in self._parts.get("sources", {}):
            self.source(UNSOURCED, "No source is stated", "judgement")
        return keys if isinstance(keys, str) and keys else [*keys] or UNSOURCED
