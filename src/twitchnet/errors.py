"""What can go wrong, and whose fault it is.

    TwitchnetError
    |-- ModelError      the model is wrong: every problem of the file at once
    |-- RecordError     the record is wrong: every problem of the record at once
    `-- CapacityError   nobody's fault: the exact answer is too wide for the budget

Each problem carries a stable code (``TN101`` ...), a place, and what to do.  The
table of codes is ``twitchnet.codes.CODES``; a page of the documentation is made from it.
This module imports nothing of ours, so every room may raise from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it is, what it is, and what to do about it.

    ``path`` is the way into the document (``mechanisms.fatigue.leak``) or the
    name of a variable of a record; ``line`` and ``column`` count from 1 and are 0
    when there is no file.  ``hint`` names the nearest right name, or the cure.
    """

    code: str
    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}"
        parts = [f"{place}: " if place else "", f"{self.code} "]
        parts.append(f"{self.path}: " if self.path else "")
        parts.append(self.message)
        if self.hint:
            parts.append(f" ({self.hint})")
        return "".join(parts)


class TwitchnetError(Exception):
    """The root of every error that twitchnet raises on purpose."""


class _ProblemsError(TwitchnetError):
    """An error that lists problems, one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type, tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class ModelError(_ProblemsError):
    """The model is wrong.  ``problems`` holds every one of them, in file order."""


class RecordError(_ProblemsError):
    """The record is wrong.  ``problems`` holds every one of them."""


class CapacityError(TwitchnetError):
    """The exact answer needs more table cells than the budget allows.

    ``cells`` is the planned cost and ``budget`` the limit, both in table cells;
    nothing has been allocated when this is raised.
    """

    def __init__(self, cells: float, budget: float) -> None:
        self.cells = cells
        self.budget = budget
        super().__init__(
            f"TN301 the exact answer needs {cells:.3g} table cells, the budget is {budget:.3g}; "
            "answer more contexts, leave out findings, or raise the budget (of tn.load)"
        )

    def __reduce__(self) -> tuple[type, tuple[float, float]]:
        return type(self), (self.cells, self.budget)


def needs(package: str, extra: str = "frames") -> ImportError:
    """The error for a package that is not installed, with what to do."""
    return ImportError(
        f"this needs {package}, which is not installed: pip install 'twitchnet[{extra}]'"
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that names the right name nearest to a wrong one, or ''.

    >>> nearest("leg_twiching", ["leg_twitching", "back_pain"])
    "did you mean 'leg_twitching'?"
    """
    # 0.6, the default, hears "incontinence" in "nonsense"; 2 of 3 letters must be right
    found = get_close_matches(name[:200], list(names), n=1, cutoff=0.65)
    return f"did you mean {found[0]!r}?" if found else ""
