"""Which columns does a result have?  Names and types alone, in one place.

``docs/batch.md`` says what each column means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from twitchnet.batch.options import ScoreOptions

URGENCY = ("urgency", "red_flags", "decided_by")
SIDES = ("for", "against")


@dataclass(frozen=True)
class Content:
    """The result columns of a model whose posterior columns are ``targets``.

    Raises ``ValueError`` for a target that has the name of another column.
    """

    targets: tuple[str, ...]
    options: ScoreOptions = field(default_factory=ScoreOptions)

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(n for n, _ in self._all()).items() if count > 1]
        if twice:
            raise ValueError(f"two result columns of one name: {', '.join(twice)}")

    @property
    def top(self) -> int | None:
        """How many causes are named, None for a column of each."""
        wanted = self.options.top
        return None if wanted is None else min(wanted, len(self.targets))

    @property
    def is_by_gain(self) -> bool:
        """Whether the leading causes are those by gain."""
        return self.options.by == "gain"

    @property
    def schema(self) -> dict[str, type]:
        """Every column of the result in order: ``float`` or ``str``."""
        return dict(self._all())

    @property
    def long(self) -> dict[str, type]:
        """The columns of a result of a row per record and rank, after ``rank``.

        The columns of the record as a whole are filled in the row of its first rank.
        """
        found: dict[str, type] = {"cause": str, "posterior": float}
        if self.is_by_gain:
            found |= {"gain": float}
        if self.options.intervals:
            found |= {"low": float, "high": float, "first": float}
        return found | dict(self._record()) | dict(self._reasons())

    def _all(self) -> Iterator[tuple[str, type]]:
        if self.top is None:
            yield from ((name, float) for name in self.targets)
        for rank in range(1, (self.top or 0) + 1):
            yield f"cause_{rank}", str
            yield f"posterior_{rank}", float
            if self.is_by_gain:
                yield f"gain_{rank}", float
            if self.options.intervals:
                yield from ((f"{part}_{rank}", float) for part in ("low", "high", "first"))
        yield from self._record()
        if self.top is None and (self.options.intervals or self.options.reasons):
            yield "leader", str
        if self.top is None and self.options.intervals:
            yield "leader_first", float
            for name in self.targets:
                yield f"{name}_low", float
                yield f"{name}_high", float
        yield from self._reasons()

    def _record(self) -> Iterator[tuple[str, type]]:
        """The columns of a record as a whole."""
        yield "status", str
        yield "log_evidence", float
        if self.options.details:
            yield from ((name, float) for name in ("conflict", "none_present", "unexplained"))
            yield from ((name, str) for name in URGENCY)

    def _reasons(self) -> Iterator[tuple[str, type]]:
        if self.options.reasons:
            yield "reasons", str
        for side in SIDES:
            for k in range(1, self.options.reasons + 1):
                yield f"{side}_{k}", str
                yield f"{side}_{k}_decibans", float
