"""What can go wrong, and whose fault it is.

    TwitchnetError
    |-- ModelError      the model is wrong: every problem of the file at once
    |-- RecordError     the record is wrong: every problem of the record at once
    `-- CapacityError   nobody's fault: the exact answer is too wide for one of the limits

The first two are ``ValueError`` too, so code that knows nothing of twitchnet catches them.  The
root itself is raised for an error of ours: an answer that cannot be right.

Each problem carries a stable code (``TN101`` ...), a place, and what to do.  The
table of codes is ``twitchnet.codes.CODES``; a page of the documentation is made from it.
This module imports nothing of ours, so every room may raise from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Severity = Literal["error", "warning"]
Limit = Literal["budget", "workspace", "planning"]
"""What a record that is too wide would exceed."""


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
        text = "".join(parts)
        # A name of a file may hold anything; it is one line, and nothing that a terminal obeys.
        return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    printed = character.isprintable()
    return character if printed else character.encode("unicode_escape").decode("ascii")


class TwitchnetError(Exception):
    """The root of every error that twitchnet raises on purpose."""


class _ProblemsError(TwitchnetError):
    """An error that lists problems, one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type, tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class ModelError(_ProblemsError, ValueError):
    """The model is wrong.  ``problems`` holds every one of them, in file order."""


class RecordError(_ProblemsError, ValueError):
    """The record is wrong.  ``problems`` holds every one of them."""


class CapacityError(TwitchnetError):
    """The exact answer costs more than one of the limits allows.

    ``limit`` says which: the ``budget`` of table cells, the ``workspace`` that holds the
    tables, or the work of ``planning`` an order.  ``code`` is TN301, TN302 or TN303.
    ``cells`` is the planned cost (of planning: so far, or NaN when nothing is known) and
    ``budget`` the most that is allowed, both in table cells.  No large table has been allocated
    when this is raised.
    """

    def __init__(self, cells: float, budget: float, limit: Limit = "budget") -> None:
        self.cells = cells
        self.budget = budget
        self.limit: Limit = limit
        self.code = CAPACITY_CODES[limit]
        super().__init__(f"{self.code} {too_wide(cells, budget, limit)}; {CURES[limit]}")

    def __reduce__(self) -> tuple[type, tuple[float, float, Limit]]:
        return type(self), (self.cells, self.budget, self.limit)


CAPACITY_CODES: dict[Limit, str] = {"budget": "TN301", "workspace": "TN302", "planning": "TN303"}
"""The code of a record that is too wide, by the limit that it meets."""

CURES: dict[Limit, str] = {
    "budget": "answer more contexts, leave out findings, or raise the budget "
    "(`budget` of tn.load, `--budget`)",
    "workspace": "answer more contexts, leave out findings, or enlarge the workspace "
    "(`workspace` of tn.load)",
    "planning": "answer more contexts, or leave out findings",
}
"""What helps, by limit; that of planning is fixed."""


def limit_of(name: str) -> Limit:
    """A limit by its name; planning for whatever else ended the search for an answer."""
    return next((limit for limit in CURES if limit == name), "planning")


def too_wide(cells: float, budget: float, limit: Limit) -> str:
    """Why a record has no exact answer, in one clause that names the limit.

    >>> too_wide(3.2e9, 1e9, "budget")
    'the exact answer needs 3.2e+09 table cells, the budget is 1e+09'
    """
    if limit == "workspace":
        return "the tables of the exact answer do not fit the workspace"
    if limit == "planning":
        so_far = f", of which what was planned needs {cells:.3g} table cells" if cells > 0 else ""
        return f"no order of computation was found within the limit on planning{so_far}"
    return f"the exact answer needs {cells:.3g} table cells, the budget is {budget:.3g}"


def needs(package: str, extra: str = "frames") -> ImportError:
    """The error for a package that is not installed, with what to do."""
    return ImportError(
        f"this needs {package}, which is not installed: pip install 'twitchnet[{extra}]'"
    )


_ALIKE = 0.65  # 0.6, the default of difflib, hears "incontinence" in "nonsense"
_COMPARED = 100  # names that are compared letter by letter


def nearest_name(name: str, names: Iterable[str]) -> str:
    """The right name that is nearest to a wrong one, or '' when none is like it.

    The letters that two names share, whatever their order, bound their likeness from
    above; only the names with the highest bounds are compared letter by letter, so that
    twenty thousand long names take well below a second.
    """
    matcher = SequenceMatcher()
    matcher.set_seq2(name[:200])
    likely: list[tuple[float, str]] = []
    for other in names:
        matcher.set_seq1(other[:200])
        if matcher.real_quick_ratio() >= _ALIKE:
            bound = matcher.quick_ratio()
            if bound >= _ALIKE:
                likely.append((-bound, other))
    best, found = _ALIKE, ""
    for bound, other in sorted(likely)[:_COMPARED]:
        if -bound < best:
            break
        matcher.set_seq1(other[:200])
        likeness = matcher.ratio()
        if likeness > best or (not found and likeness == best):
            best, found = likeness, other
    return found


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that names the right name nearest to a wrong one, or ''.

    >>> nearest("leg_twiching", ["leg_twitching", "back_pain"])
    "did you mean 'leg_twitching'?"
    """
    found = nearest_name(name, names)
    return f"did you mean {found[:80]!r}?" if found else ""
