"""Which columns does a result have?  Names and types alone, in one place.

``docs/batch.md`` says what each of them means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

URGENCY = ("urgency", "red_flags", "decided_by")
SIDES = ("for", "against")


@dataclass(frozen=True)
class Content:
    """What is told of each record.  ``targets`` are the names of the posterior columns.

    ``top`` replaces them by the k most probable ones; ``details`` adds how well the record
    fits and how urgent it is; ``reasons`` so many answers for and against the leading cause;
    ``intervals`` the ends of the posteriors over so many draws of the numbers, which follow
    from ``seed``.  Raises ``ValueError`` for numbers that are too small, and for a target
    that has the name of another column.
    """

    targets: tuple[str, ...]
    top: int | None = None
    details: bool = True
    reasons: int = 0
    intervals: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise ValueError(f"top is a number of causes, at least 1, not {self.top}")
        for name in ("reasons", "intervals", "seed"):
            if (number := getattr(self, name)) < 0:
                raise ValueError(f"{name} is a number, at least 0, not {number}")
        if self.top is not None and self.top > len(self.targets):
            object.__setattr__(self, "top", len(self.targets))
        twice = [name for name, count in Counter(n for n, _ in self._all()).items() if count > 1]
        if twice:
            raise ValueError(f"two result columns of one name: {', '.join(twice)}")

    @property
    def schema(self) -> dict[str, type]:
        """Every column of the result in order: ``float`` or ``str``."""
        return dict(self._all())

    @property
    def long(self) -> dict[str, type]:
        """The columns of a result of a row per record and rank, after ``rank``.

        What is told of the record as a whole stands in the row of its first rank.
        """
        found: dict[str, type] = {"cause": str, "posterior": float}
        if self.intervals:
            found |= {"low": float, "high": float, "first": float}
        return found | dict(self._record()) | dict(self._reasons())

    def _all(self) -> Iterator[tuple[str, type]]:
        if self.top is None:
            yield from ((name, float) for name in self.targets)
        for rank in range(1, (self.top or 0) + 1):
            yield f"cause_{rank}", str
            yield f"posterior_{rank}", float
            if self.intervals:
                yield from ((f"{part}_{rank}", float) for part in ("low", "high", "first"))
        yield from self._record()
        if self.top is None and (self.intervals or self.reasons):
            yield "leader", str
        if self.top is None and self.intervals:
            yield "leader_first", float
            for name in self.targets:
                yield f"{name}_low", float
                yield f"{name}_high", float
        yield from self._reasons()

    def _record(self) -> Iterator[tuple[str, type]]:
        """What is told of a record as a whole."""
        yield "status", str
        yield "log_evidence", float
        if self.details:
            yield from ((name, float) for name in ("conflict", "none_present", "unexplained"))
            yield from ((name, str) for name in URGENCY)

    def _reasons(self) -> Iterator[tuple[str, type]]:
        if self.reasons:
            yield "reasons", str
        for side in SIDES:
            for k in range(1, self.reasons + 1):
                yield f"{side}_{k}", str
                yield f"{side}_{k}_decibans", float
