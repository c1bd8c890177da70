"""Where do the problems of one file gather, each with its place?

A :class:`Report` knows the document, so whoever finds a problem says only which keys
lead to it.  It also finds the nearest right names, within a budget: a hostile file
must not buy hours of comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from twitchnet.errors import Problem, Severity, nearest_name
from twitchnet.io.yaml.document import Document, Keys

MAX_PROBLEMS = 1000
"""More errors, or more warnings, than this are counted, not kept."""

MAX_MESSAGE = 400

MAX_LISTED = 6
"""So few states are listed when none is near."""

_COMPARISONS = 20_000
"""Names compared for hints in one file; about 0.2 s."""


class Report:
    """The problems of one document, in the order of its text."""

    def __init__(self, document: Document, file: str, *, lints: bool = False) -> None:
        self.document = document
        self.file = file
        self.lints = lints  # otherwise no warning is kept
        self.counts: Counter[Severity] = Counter()
        self._problems: list[Problem] = []
        self._seen: set[tuple[str, str, int, int]] = set()
        self._comparisons = _COMPARISONS
        for flaw in document.flaws:
            self._keep(Problem(flaw.code, flaw.message, "", file, *flaw.mark, hint=flaw.hint))

    def __call__(
        self,
        code: str,
        keys: Keys,
        message: str,
        wrong: str = "",
        choices: Collection[str] = (),
        *,
        hint: str = "",
        at_key: bool = False,
        severity: Severity = "error",
    ) -> None:
        """Add a problem at ``keys``; ``wrong`` is looked for among ``choices`` for a hint."""
        if severity == "warning" and not self.lints:
            return
        path, mark, hole = self.document.find(keys, at_key=at_key)
        if hole:
            return  # what stands here could not be read, and that has been said
        self._keep(
            Problem(
                code=code,
                message=message[:MAX_MESSAGE],
                path=".".join(str(key)[:80] for key in path),
                file=self.file,
                line=mark.line,
                column=mark.column,
                hint=hint or self.suggested(wrong, choices) or _listed(code, choices),
                severity=severity,
            )
        )

    def meant(self, wrong: str, choices: Collection[str]) -> str:
        """The nearest of the right names, or '' when none is near or too many were compared."""
        if not wrong or not choices or len(choices) > self._comparisons:
            return ""
        self._comparisons -= len(choices)
        return nearest_name(wrong, choices)

    def suggested(self, wrong: str, choices: Collection[str]) -> str:
        """The hint that names it."""
        name = self.meant(wrong, choices)
        return f"did you mean {name[:80]!r}?" if name else ""

    @property
    def full(self) -> bool:
        """Whether no further error would be listed."""
        return self.counts["error"] >= MAX_PROBLEMS

    def skip(self, errors: int) -> None:
        """Count errors that would not be listed."""
        self.counts["error"] += errors

    def _keep(self, problem: Problem) -> None:
        same = (problem.code, problem.message, problem.line, problem.column)
        if same in self._seen:
            return
        self.counts[problem.severity] += 1
        if self.counts[problem.severity] <= MAX_PROBLEMS:
            self._seen.add(same)
            self._problems.append(problem)

    def problems(self) -> list[Problem]:
        """The problems in the order of the text."""
        kept = sorted(self._problems, key=lambda problem: (problem.line, problem.column))
        severities: tuple[Severity, ...] = ("error", "warning")
        for severity in severities:
            more = self.counts[severity] - MAX_PROBLEMS
            if more > 0:
                message = f"{more} more {severity}s are not listed"
                kept.append(Problem("TN148", message, file=self.file, severity=severity))
        return kept


def _listed(code: str, choices: Collection[str]) -> str:
    """The states of a variable, when one that it does not have is like none of them."""
    listed = code == "TN113" and 0 < len(choices) <= MAX_LISTED
    return f"one of {', '.join(choices)}" if listed else ""
