"""The commands that explain: ``explain``, ``next``, ``what-if``, ``diff``, ``evaluate``.

Parse, call, print; no logic.  Everything but typer is imported inside the commands.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twitchnet.cli.words import DEFAULT_MODEL, Json, answer, print_json, understood

if TYPE_CHECKING:
    from twitchnet.api import Model
    from twitchnet.diagnosis.diagnosis import Diagnosis
    from twitchnet.diagnosis.pages import Shown

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL] NAME[=STATE] ...",
        help="Answers, as `rank` reads them.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None, typer.Option("--model", "-m", help=f"Name or file.  [default: {DEFAULT_MODEL}]")
]
Record = Annotated[Path | None, typer.Option("--from", help="A JSON file of answers.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same answer.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(explain)
    app.command(name="next")(next_question)
    app.command()(what_if)
    app.command()(diff)
    app.command()(evaluate)


def explain(
    words: Words = None,
    model: ModelName = None,
    record: Record = None,
    cause: Annotated[str | None, typer.Option(help="NAME or NAME=STATE; else the leader.")] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Which numbers it depends on.")
    ] = False,
    together: Annotated[int, typer.Option(min=0, help="Number of most probable sets.")] = 0,
    fit: Annotated[bool, typer.Option("--fit", help="Whether the answers fit together.")] = False,
    records: Annotated[int, typer.Option(min=0, help="With --fit: records simulated.")] = 0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say why a cause is likely or not: the weight of each answer, in decibans.

    Example: twitchnet explain leg_twitching urge_to_move --cause restless_legs_syndrome
    """
    diagnosis = diagnosed(words, model, record)[1]
    name, _, state = (cause or diagnosis.leader).partition("=")
    shown: dict[str, Shown] = {"explanation": diagnosis.explain(name, state)}
    if numbers:
        shown["sensitivity"] = diagnosis.sensitivity(name, state)
    if together:
        shown["combinations"] = diagnosis.combinations(together)
    if fit:
        shown["conflict"] = diagnosis.conflict(records, rng=seed)
    _show(shown, as_json)


def next_question(
    words: Words = None,
    model: ModelName = None,
    record: Record = None,
    about: Annotated[str, typer.Option(help="causes, urgency, or one cause.")] = "causes",
    top: Annotated[int, typer.Option(min=1, help="Number of questions shown.")] = 5,
    as_json: Json = False,
) -> None:
    """Say which question would tell most per unit of its cost, and whether to stop.

    Example: twitchnet next leg_twitching sex=female --about restless_legs_syndrome
    """
    diagnosis = diagnosed(words, model, record)[1]
    _show({"next": diagnosis.next_questions(top, about)}, as_json)


def what_if(
    words: Words = None,
    model: ModelName = None,
    record: Record = None,
    change: Annotated[
        list[str] | None, typer.Option(help="NAME=STATE answered otherwise; repeat for more.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=STATE set, not seen: do(NAME=STATE).")
    ] = None,
    help_: Annotated[
        bool, typer.Option("--options", help="What each option would have done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare with other answers, with something set, or with an option taken.

    Example: twitchnet what-if leg_twitching sex=female --change urge_to_move=yes
    """
    loaded, diagnosis = diagnosed(words, model, record)
    shown: dict[str, Shown] = {}
    if change:
        shown["what_if"] = diagnosis.what_if(dict(answer(one) for one in change))
    if set_:
        settings = dict(answer(one) for one in set_)
        said = {
            **diagnosis.answers.states(diagnosis.network),
            **dict.fromkeys(settings, "unknown"),
        }
        done = loaded.intervene(settings).diagnose(said)
        shown["set"] = diagnosis.compare(done, settings)
    if help_:
        shown["options"] = diagnosis.benefits()
    if not shown:
        raise typer.BadParameter("one of --change, --set and --options is needed")
    _show(shown, as_json)


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A model: name or file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The other model.")],
    records: Annotated[
        Path | None, typer.Argument(metavar="RECORDS", help="A CSV file of records.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two models: numbers, marginals, and the records whose leader changes."""
    import twitchnet

    rows = read_rows(records) if records else []
    one, other = twitchnet.load(before), twitchnet.load(after)
    _show({"diff": one.diff(other, rows)}, as_json)


def evaluate(
    model: Annotated[str, typer.Argument(help="Name or file.")],
    labelled: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED ...", help="Files or globs; columns true_CAUSE are the truth."
        ),
    ],
    map_: Annotated[
        Path | None, typer.Option("--map", help="A map of columns and words, as for `score`.")
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Of text that is not UTF-8, such as cp1252.", show_default=False)
    ] = "",
    sheet: Annotated[
        str, typer.Option(help="The sheet of a workbook.  [default: the first]", show_default=False)
    ] = "",
    draws: Annotated[
        int, typer.Option(min=0, help="Draws of the intervals of areas; 0 for none.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The draws of the intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Score a model where the truth is known: log score, Brier, calibration, areas, top k.

    `twitchnet simulate --truth` writes such files.
    """
    import twitchnet
    from twitchnet.batch.formats.readers import open_input
    from twitchnet.batch.labelled import labelled_frames
    from twitchnet.diagnosis.assess.evaluate import Unscored, evaluate
    from twitchnet.errors import TwitchnetError
    from twitchnet.io.column_map import ColumnMap, read_column_map

    loaded = twitchnet.load(model)
    said = read_column_map(map_) if map_ else ColumnMap()
    refused: list[Unscored] = []

    def frames() -> Iterator[Any]:
        for chunk in open_input(labelled, "", encoding, sheet).chunks(CHUNK):
            refused.extend(Unscored(one.row - 1, one.code, one.reason) for one in chunk.rejects)
            yield chunk.frame

    try:
        read = labelled_frames(loaded.network, frames(), None, said.names, said.values, said.split)
        if read.left_out:
            typer.echo(f"not in the model, left out: {', '.join(read.left_out)}", err=True)
        read = replace(read, count=read.count + len(refused), unscored=(*read.unscored, *refused))
        found = evaluate(loaded._inference, read, draws=draws, seed=seed)
    except TwitchnetError:
        raise
    except (ValueError, ImportError) as error:
        raise typer.BadParameter(str(error), param_hint="LABELLED") from None
    _show({"evaluation": found.signed_by(loaded.network)}, as_json)


CHUNK = 8192
"""Rows of a labelled file that are read at once."""


def diagnosed(
    words: Sequence[str] | None, model: str | None, record: Path | None
) -> tuple[Model, Diagnosis]:
    """The model and the diagnosis that the words of a command mean."""
    loaded, answers = understood(words, model, record)
    return loaded, loaded.diagnose(answers)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column; a column without a head is left out."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [
            {name: value or "" for name, value in row.items() if name}
            for row in csv.DictReader(stream)
        ]


def plain(value: Any) -> Any:
    """A result as JSON has it: NaN becomes None, an infinity its name."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain({name: one for name, one in asdict(value).items() if name != "labels"})
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _show(results: Mapping[str, Shown], as_json: bool) -> None:
    from twitchnet.show.terminal import echo

    if as_json:
        document = {name: plain(one) for name, one in results.items()}
        print_json(document)
        return
    for one in results.values():
        echo(one.signed())
