"""What should a model come out as, and how sure is it that it should?

Values: an :class:`Anchor` is one figure that a model is compared with, :class:`Anchors` a
table of them.  Where they are read from is ``io.anchors_file``'s business, what they are
worth in a model ``diagnosis.validation``'s.

An anchor is evidence only as far as the figure was not used to build the model; ``use``
says which it is.  No band is ever chosen by looking at the answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from twitchnet.model.language.query import Query
from twitchnet.model.network import Source

Use = Literal["C", "I", "H", "D"]

USES: dict[Use, str] = {
    "C": "the figure was used to set a number: agreement shows that the arithmetic is right",
    "I": "the figure was not used: agreement is evidence",
    "H": "half used: one of several figures, or a loose guide",
    "D": "a direction that the article or common sense asserts; no figure is needed",
}


@dataclass(frozen=True, slots=True)
class Band:
    """The values that are accepted: from ``low`` to ``high``.

    Both ends belong to it, unless it is ``strict``.
    """

    low: float = -math.inf
    high: float = math.inf
    strict: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value is accepted; NaN never is.

        >>> Band(1.0, strict=True).holds(1.0), Band(1.0).holds(1.0)
        (False, True)
        """
        if self.strict:
            return self.low < value < self.high
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Anchor:
    """One figure that the model is compared with.

    ``text`` is the query as it is written.  ``target`` is the value that the band lies
    around, NaN when only a band is known.  ``band`` is None for a figure that is shown and
    not judged.  ``expected_failure`` says why the model misses it, '' when it should not.
    """

    name: str
    text: str
    query: Query
    band: Band | None
    use: Use
    target: float = math.nan
    published: str = ""
    sources: tuple[str, ...] = ()
    expected_failure: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Anchors that belong together.

    A *grid* holds one query for many rows and columns; ``columns`` are the names of its
    columns, and its anchors are called ``row/column`` (or ``row``, when there is one column
    only), row by row.  ``left_out`` says of a figure why it is not asked.
    """

    name: str
    title: str
    anchors: tuple[Anchor, ...]
    description: str = ""
    columns: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Anchors:
    """The whole table of one model."""

    model: str
    title: str
    groups: tuple[Group, ...]
    description: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def rows(self) -> tuple[Anchor, ...]:
        """Every anchor, in order."""
        return tuple(anchor for group in self.groups for anchor in group.anchors)
