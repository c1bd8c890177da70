"""A job of scoring files, and the summary of what became of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from twitchnet.batch.files.identity import digest
from twitchnet.batch.files.placing import is_stream
from twitchnet.batch.files.rejects import REASONS, By, id_column
from twitchnet.batch.formats.readers import Input
from twitchnet.batch.stream import Scheme, metadata
from twitchnet.diagnosis.pages import HasPage, lines
from twitchnet.show.page import Page
from twitchnet.show.progress import duration

CHUNK = 8192
"""Rows of a chunk, which is an entry of the journal: a kill loses more rows with larger chunks, and
smaller ones cost time.
"""


@dataclass(frozen=True)
class Job:
    """An input, how it is scored, and where the results go.

    ``output`` is a file, a pipe, a device, or ``-`` for standard output.  ``rejects`` is a file, a
    pipe or a device; '' stands for ``OUT.rejects.csv``, and for standard error where the output is
    not a file.  It has a line for each refused row, or for each bad cell (``rejects_by``).
    """

    input: Input
    scheme: Scheme
    output: str
    format: str
    rejects: str = ""
    chunk: int = CHUNK
    strict: bool = False
    resume: bool = False
    threads: int | None = None
    rejects_by: By = "row"

    @property
    def rejects_path(self) -> Path | None:
        """Where refused rows are listed; None for standard error."""
        if self.rejects:
            return Path(self.rejects)
        return None if self.is_streamed else Path(f"{self.output}.rejects.csv")

    @property
    def is_streamed(self) -> bool:
        """Whether rows are written as they come: to standard output, a pipe or a device."""
        return self.output == "-" or is_stream(Path(self.output))

    @property
    def wanted(self) -> Input:
        """The input, restricted to the columns that are used."""
        answers = self.scheme.answers
        if self.rejects_by == "cell" and (name := id_column(self.input.columns)):
            answers += (name,)
        return replace(self.input, answers=answers, kept=self.scheme.kept)

    @property
    def state(self) -> dict[str, Any]:
        """What must be equal for a run to go on where another stopped."""
        scheme, scorer = self.scheme, self.scheme.scorer
        return {
            **metadata(scorer),
            "text of the model": digest(scorer.network),
            **self.input.state,
            "output format": self.format,
            "columns": [[field.name, str(field.type)] for field in scheme.schema],
            "names": dict(scorer.options.names),
            "results": {
                "targets": scorer.target_columns,
                **asdict(replace(scorer.options, names={}, keep="other", prefix="")),
            },
            "long": scheme.long,
            "chunk": self.chunk,
            "strict": self.strict,
            "rejects": [str(self.rejects_path), self.rejects_by],
            "budget": scorer.inference.budget,
            "workspace": scorer.inference.workspace,
        }


SHOWN = 8
"""Values of one column in the text of a summary; ``values`` holds all of them."""


@dataclass(frozen=True)
class Summary(HasPage):
    """What became of every row: ``rows`` = ``scored`` + all of ``refused`` (by code).

    ``values`` counts what was not understood, by column and value.  ``before`` rows were done
    by an interrupted run; ``seconds`` are this run's.
    """

    rows: int
    scored: int
    refused: Mapping[str, int]
    seconds: float
    before: int = 0
    rejects: str = ""
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.rows:,} rows: {self.scored:,} scored, {self.rows - self.scored:,} refused"]
        for code, count in sorted(self.refused.items()):
            lines.append(f"  {count:,} {REASONS.get(code, 'refused')} ({code})")
        for column, counts in self.values.items():
            common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            said = ", ".join(f"{value!r} {count:,}" for value, count in common[:SHOWN])
            more = f" and {len(common) - SHOWN} more values" if len(common) > SHOWN else ""
            lines.append(f"  {column}: {said}{more}")
        if self.values:
            lines.append("  `twitchnet columns` writes a map that says what these values mean")
        if self.refused and self.rejects:
            lines.append(f"  listed in {self.rejects}")
        if self.before:
            lines.append(f"{self.before:,} of the rows were done before")
        rate = (self.rows - self.before) / self.seconds if self.seconds else 0.0
        lines.append(f"{duration(self.seconds)}, {rate:,.0f} rows/s")
        return "\n".join(lines)

    def signed(self) -> Page:
        """The same lines as the text."""
        first, *rest = str(self).splitlines()
        section = lines("", *rest)
        return Page(first, () if section is None else (section,))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the keys are stable."""
        return {
            "rows": self.rows,
            "scored": self.scored,
            "refused": dict(self.refused),
            "values": {column: dict(counts) for column, counts in self.values.items()},
            "seconds": self.seconds,
            "rows_done_before": self.before,
        }
