"""The problems of a model file as lines for a person: errors first, alike ones grouped.

Pure functions: what ``twitchnet check`` prints, without printing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twitchnet.codes import CODES
from twitchnet.errors import Problem, Severity

SHOWN = 3
"""Problems of one code that are listed each by itself; more of them are one group."""


def problem_lines(problems: Sequence[Problem], every: bool = False) -> Iterator[str]:
    r"""A line for each problem or group of problems, under a heading for each severity.

    Problems that share a code are a group when there are more than ``SHOWN`` of them:
    its count, the meaning of the code, and the first problem in full, except where
    ``every`` problem is asked for.

    >>> few = [Problem("TN136", "no source", path) for path in "ab"]
    >>> print(*problem_lines(few), sep="\n")
    2 errors
      TN136 a: no source
      TN136 b: no source
    >>> many = [Problem("TN136", "no source", file="m.yaml", line=9, column=1)] * 57
    >>> print(*problem_lines(many), sep="\n")
    57 errors
      57 times TN136 (A number without a source), first at line 9:
        m.yaml:9:1: TN136 no source
    """
    severities: tuple[Severity, ...] = ("error", "warning")
    for severity in severities:
        alike: dict[str, list[Problem]] = {}
        for problem in problems:
            if problem.severity == severity:
                alike.setdefault(problem.code, []).append(problem)
        count = sum(map(len, alike.values()))
        if count:
            yield f"{count} {severity}{'s' if count > 1 else ''}"
        for code, group in alike.items():
            if every or len(group) <= SHOWN:
                yield from (f"  {problem}" for problem in group)
                continue
            place = f", first at line {group[0].line}" if group[0].line else ", the first"
            yield f"  {len(group)} times {code} ({CODES[code].title}){place}:"
            yield f"    {group[0]}"
