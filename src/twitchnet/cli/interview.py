"""The command ``ask``: parse, call, print; no logic."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twitchnet.cli.words import DEFAULT_MODEL, understood

if TYPE_CHECKING:
    from twitchnet.diagnosis.report.facts import Report


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(ask)


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] NAME[=STATE] ...",
            help="Answers that are known already, as `rank` reads them.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help=f"Name or file.  [default: {DEFAULT_MODEL}]")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--from", help="A JSON file of answers that are known already.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep the answers, for `rank --from`.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Ask every question that is open; stop for nothing.")
    ] = False,
) -> None:
    """Ask the questions one by one, and end with the report.

    The complaint comes first, then what a red flag depends on, then what tells most.  It is
    enough when no further answer is likely to change the leading cause or the urgency.
    Answers are yes, no, a choice, or Enter to skip; back, show, help and stop work at any
    time.  Questions go to stderr, the report to stdout.
    """
    from twitchnet.bundled import is_model
    from twitchnet.diagnosis.evidence import read_answers
    from twitchnet.diagnosis.interview.conversation import closing_page, command_line, converse
    from twitchnet.diagnosis.interview.interview import Interview
    from twitchnet.io.records import write_record
    from twitchnet.show.terminal import ask as read_line
    from twitchnet.show.terminal import echo

    if save and not save.parent.is_dir():
        raise typer.BadParameter(f"{str(save.parent)!r} is not a folder", param_hint="--save")
    loaded, answers = understood(words, model, record)
    given = read_answers(loaded.network, answers)
    soft = given.weights(loaded.network)  # kept; an answer in words replaces one

    def report(said: Mapping[str, str]) -> Report:
        return loaded.diagnose({**soft, **said}).report

    adviser = loaded.best_order()
    interview = converse(
        Interview(loaded.network, given.states(loaded.network), order=adviser),
        read_line,
        lambda page: echo(page, sys.stderr),
        report,
        None if every else lambda talk: adviser.enough(talk.answers, talk.open),
    )
    echo(closing_page(interview, report))
    if save:
        write_record(save, {**soft, **interview.record}, loaded.network)
    start = ["--from", str(record)] if record and soft else []  # no words say a likelihood
    again = ["--from", str(save)] if save else [*start, *command_line(interview.record)]
    called = os.environ.get("TWITCHNET_COMMAND", "twitchnet")  # ./run says how it was called
    name = model or next(filter(is_model, (words or [])[:1]), DEFAULT_MODEL)
    typer.echo(f"Again: {shlex.join([called, 'rank', name, *again])}", err=True)
