"""The command line: parse, call, print; no logic.

Results go to stdout (``--json`` is stable), messages for people to stderr.
Exit code 0: done; 1: the input is wrong; 2: the command is wrong.
Everything but typer is imported inside the commands, so that each pays for its own.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twitchnet.cli import batch as cli_batch
from twitchnet.cli import interview as cli_interview
from twitchnet.cli import understanding as cli_understanding
from twitchnet.cli.words import DEFAULT_MODEL, Json, print_json, understood
from twitchnet.errors import TwitchnetError

if TYPE_CHECKING:
    from twitchnet.diagnosis.ranking import RankedCause

app = typer.Typer(
    name="twitchnet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class By(StrEnum):
    """What a ranking is ordered by."""

    gain = "gain"
    posterior = "posterior"
    produced = "produced"
    explains = "explains"
    prior = "prior"


class WrittenBy(StrEnum):
    """Whose order the tables of a file have; see ``io.foreign.table_order``."""

    definition = "definition"
    pyagrum = "pyagrum"
    pgmpy = "pgmpy"


class ReadBy(StrEnum):
    """Who reads the tables of a file as they are written; pgmpy reads UAI otherwise again."""

    definition = "definition"
    pyagrum = "pyagrum"


def _version(wanted: bool) -> None:
    if wanted:
        from twitchnet import __version__

        typer.echo(f"twitchnet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Diagnostic Bayesian networks: exact, sourced, explained.

    The reports and the card of a model say what the model must not be used for.
    """


@app.command()
def rank(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] NAME[=STATE] ...",
            help="Answers: NAME alone means yes; a first word that is a model is the model.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help=f"Name or file.  [default: {DEFAULT_MODEL}]")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--from", help="A JSON file of answers; words on the line go on top."),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(help="Order of the rows.  [default: gain; with --json posterior]"),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show this many rows.")] = None,
    intervals: Annotated[
        int, typer.Option(min=0, help="Draw the numbers from their ranges so often: intervals.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Rank the causes, given some answers.

    Example: twitchnet rank leg_twitching urge_to_move worse_at_night numbness=no
    """
    from twitchnet.diagnosis.evidence import read_answers
    from twitchnet.diagnosis.report.report import urgent_by_rules
    from twitchnet.diagnosis.report.wording import page_of, urgency_section
    from twitchnet.show.page import Page
    from twitchnet.show.terminal import echo

    loaded, answers = understood(words, model, record)
    read = read_answers(loaded.network, answers)
    try:
        diagnosis = loaded.diagnose(answers)
    except TwitchnetError:  # no ranking, but red flags are shown whatever happens
        if urgent := urgent_by_rules(loaded.network, read):
            echo(Page("", (urgency_section(urgent),)), sys.stderr)
        raise
    by = by or (By.posterior if as_json else By.gain)
    rows = diagnosis.ranked(by.value)[:top]
    sure = diagnosis.uncertainty(intervals, rng=seed) if intervals else None
    if as_json:
        document = diagnosis.to_dict()
        found = {(row["cause"], row["state"]): row for row in document["ranking"]}
        ordered = [found[row.cause, row.state] | {"rank": row.rank} for row in rows]
        document |= {"ranking": ordered}
        if sure:
            document["intervals"] = cli_understanding.plain(sure.intervals)
        print_json(document)
    elif by is By.gain and top is None:
        echo(page_of(diagnosis.report))
    else:
        if diagnosis.report.urgent:  # red flags come first, whatever the rows are
            echo(Page("", (urgency_section(diagnosis.report.urgent),)), sys.stderr)
        typer.echo(_table(rows))
    if sure and not as_json:
        echo(sure.page())


def _table(rows: Sequence[RankedCause]) -> str:
    from twitchnet.show.text import columns

    head = ["", "cause", "posterior", "prior", "gain", "produced", "explains"]
    cells = [
        [
            "given" if row.rank is None else f"{row.rank}.",
            row.label,
            f"{row.posterior:.4f}",
            f"{row.prior:.4f}",
            f"{row.gain:+.3f}" if row.gain else "0",
            "-" if row.produced != row.produced else f"{row.produced:.4f}",  # NaN
            f"{row.explains:.2f}",
        ]
        for row in rows
    ]
    return columns(head, cells, "rl")


@app.command()
def card(
    model: Annotated[str, typer.Argument(help="Name or file.")] = DEFAULT_MODEL,
) -> None:
    """Print the model card, as Markdown: what the model holds, its limits and its sources."""
    import twitchnet

    typer.echo(twitchnet.load(model).card(), nl=False)


@app.command()
def questionnaire(
    model: Annotated[str, typer.Argument(help="Name or file.")] = DEFAULT_MODEL,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file.  [default: standard output]")
    ] = None,
) -> None:
    """Print the questions of a model as a FHIR Questionnaire (R4); `score` reads the responses."""
    import json

    import twitchnet

    page = twitchnet.load(model).questionnaire()
    text = json.dumps(page, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@app.command()
def coverage(
    model: Annotated[str, typer.Argument(help="Name or file.")] = DEFAULT_MODEL,
    as_json: Json = False,
) -> None:
    """Count the assertions of the model's article, and list what encodes each."""
    import twitchnet
    from twitchnet.model.checks.coverage import coverage as count

    network = twitchnet.load(model).network
    counted = count(network)
    if as_json:
        print_json(counted.to_dict(network.coverage))
        return
    for item in network.coverage:
        typer.echo(f"{item.number:>4}  {item.assertion}")
        typer.echo(f"      {', '.join(item.targets)}")
    typer.echo(str(counted))


@app.command()
def models(as_json: Json = False) -> None:
    """List the models that come with twitchnet."""
    import twitchnet
    from twitchnet.show.text import columns

    rows: list[dict[str, Any]] = []
    for name in twitchnet.models():
        model = twitchnet.load(name)
        row: dict[str, Any] = {"name": name, "version": model.version, "title": model.network.title}
        row |= {"contexts": len(model.contexts), "causes": len(model.causes)}
        row |= {"findings": len(model.findings), "fingerprint": model.fingerprint}
        rows.append(row)
    if as_json:
        print_json(rows)
    else:
        head = ["name", "version", "contexts", "causes", "findings", "title"]
        typer.echo(columns(head, [[str(row[key]) for key in head] for row in rows], "llrrrl"))


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A model file, or a bundled name.")],
    errors_only: Annotated[
        bool, typer.Option("--errors-only", help="Leave the warnings out.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings too.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List each problem of a group.")] = False,
    as_json: Json = False,
) -> None:
    """Check a model file: print errors, then warnings, each with its place and its cure.

    Problems of one kind are grouped when there are more than three; `--all` lists each.
    Exit code 1 when there is an error; warnings alone leave it at 0, except with `--strict`.
    The planned cost of an answer, in table cells, goes to stderr.
    """
    from dataclasses import asdict

    from twitchnet.bundled import find_model
    from twitchnet.cli.problems import problem_lines
    from twitchnet.diagnosis.assess.cost import cost_warnings, planned_costs
    from twitchnet.diagnosis.report.wording import plural
    from twitchnet.io.formats import lint_model, read_model

    path = find_model(file)
    problems = lint_model(path)
    errors = sum(problem.severity == "error" for problem in problems)
    costs = () if errors else planned_costs(read_model(path))
    problems += cost_warnings(costs, str(path)) if costs else []
    warnings = len(problems) - errors
    shown = [one for one in problems if one.severity == "error" or not errors_only]
    if as_json:
        print_json([asdict(problem) for problem in shown])
    else:
        for line in problem_lines(shown, every):
            typer.echo(line)
        for cost in costs:
            typer.echo(f"planned cost, {cost}", err=True)
        counts = f"{errors} {plural('error', errors)}, {warnings} {plural('warning', warnings)}"
        typer.echo(f"{file}: {counts}", err=True)
    raise typer.Exit(1 if errors or (strict and warnings) else 0)


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A model file, or a bundled name.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    order: Annotated[
        WrittenBy | None,
        typer.Option(help="The order of the tables of IN, where its reader may not see it."),
    ] = None,
    reader: Annotated[
        ReadBy, typer.Option("--for", help="Who shall read OUT (.uai, .xdsl).")
    ] = ReadBy.definition,
    drop_decisions: Annotated[
        bool,
        typer.Option(
            "--drop-decisions", help="Leave out decisions, utilities and what needs them."
        ),
    ] = False,
) -> None:
    """Convert a model between formats, by the suffixes of the files.

    Formats: .yaml, .bif, .xml, .bifxml (XMLBIF), .uai, .xdsl (GeNIe), .net (Hugin),
    .dne (Netica), .pgmx (OpenMarkov); .gz may follow each of them.
    What the format of OUT cannot hold is said on stderr.  --order and --for matter for .uai
    and .xdsl, of which some programs write and read the tables in an order of their own.
    """
    from twitchnet.bundled import find_model
    from twitchnet.io.formats import ORDERED
    from twitchnet.io.formats import convert as convert_file

    path = find_model(source)
    if order and not path.name.lower().removesuffix(".gz").endswith(ORDERED):
        raise typer.BadParameter(f"only for {' and '.join(ORDERED)}", param_hint="--order")
    done = convert_file(path, target, order.value if order else None, reader.value, drop_decisions)
    typer.echo(str(done), err=True)


@app.command()
def validate(
    model: Annotated[str, typer.Argument(help="Name or file.")] = DEFAULT_MODEL,
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, as kept in docs/validation.md.")
    ] = False,
) -> None:
    """Compare a model with its table of published figures, which may take half a minute.

    Exit code 1 when a row is missed that should be met, or the other way round.
    """
    import twitchnet
    from twitchnet.bundled import find_model
    from twitchnet.diagnosis.assess.validation import validate as judged
    from twitchnet.diagnosis.assess.validation_page import validation_page
    from twitchnet.diagnosis.inference import Inference
    from twitchnet.io.anchors_file import anchors_path, read_anchors
    from twitchnet.show.markdown import markdown
    from twitchnet.show.terminal import echo

    network = twitchnet.load(model).network
    anchors = read_anchors(anchors_path(find_model(model)), network)
    validation = judged(Inference(network), anchors)
    if as_json:
        print_json(validation.to_dict())
    elif as_markdown:
        typer.echo(markdown(validation_page(validation, network)), nl=False)
    else:
        echo(validation_page(validation, network))
    raise typer.Exit(1 if validation.surprises else 0)


cli_batch.register(app)
cli_interview.register(app)
cli_understanding.register(app)


@app.command()
def bench(
    is_short: Annotated[
        bool,
        typer.Option("--short", help="Some seconds, this engine alone; else a quarter of an hour."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the page here, not on stdout.")
    ] = None,
) -> None:
    """Measure the engine, beside the other libraries that are installed; prints Markdown."""
    import twitchnet
    from twitchnet.bench.report import markdown
    from twitchnet.bench.suite import full, short

    legs = twitchnet.load(DEFAULT_MODEL).network
    measure = short if is_short else full
    page = markdown(measure(legs, lambda line: typer.echo(line, err=True)))
    if output:
        output.write_text(page, encoding="utf-8")
    else:
        typer.echo(page, nl=False)


class Notes(logging.Handler):
    """What the library logs, as lines for people."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line on stderr."""
        typer.echo(f"note: {record.getMessage()}", err=True)


@app.command(name="warm-up")
def warm_up() -> None:
    """Compile the kernels of batches now, so that nothing waits for them later."""
    import twitchnet
    from twitchnet.engine.kernels import compiler

    twitchnet.warm_up()
    try:
        typer.echo(f"compiled kernels are in {compiler.cache_directory()}", err=True)
    except (OSError, RuntimeError) as error:
        typer.echo(f"compiled kernels are not kept: {error}", err=True)


def main() -> None:
    """Runs the command line; our own errors end in a message, not in a traceback."""
    log, notes = logging.getLogger(__name__).parent, Notes(logging.WARNING)
    assert log is not None  # that of the package
    log.addHandler(notes)
    try:
        app()
    except (TwitchnetError, OSError) as error:
        for line in str(error).splitlines():  # a problem is a line
            typer.echo(f"error: {line}", err=True)
        if isinstance(error, OSError):  # what stdout did not take is not tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    finally:
        log.removeHandler(notes)
