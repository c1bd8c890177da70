"""What the commands share: their words as a model and answers, and JSON as they print it.

Everything but typer is imported inside the functions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from twitchnet.api import Model

DEFAULT_MODEL = "twitchy_legs"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """Prints a value as JSON, which has neither NaN nor infinities."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def answer(text: str) -> tuple[str, object]:
    """``name=state``, or ``name`` alone for yes."""
    name, equals, state = text.partition("=")
    if not name.strip():
        raise typer.BadParameter(f"{text!r} has no name; write name or name=state")
    return name.strip(), state if equals else True


def understood(
    words: Sequence[str] | None, model: str | None, record: Path | None
) -> tuple[Model, dict[str, object]]:
    """The model and the answers that the words and the file of a command mean."""
    import twitchnet
    from twitchnet.bundled import is_model
    from twitchnet.io.records import read_record

    given = list(words or [])
    if model is None and given and is_model(given[0]):
        model = given.pop(0)
    answers = read_record(record) if record else {}
    answers |= dict(answer(word) for word in given)
    return twitchnet.load(model or DEFAULT_MODEL), answers
