"""How is a column map read: which column answers which variable, and what do its words mean?

YAML or JSON.  A mapping of columns to variables, where ``""`` leaves a column alone:

    q17: leg_twitching
    notes: ""

or three parts, each of which may be left out:

    columns: {q17: leg_twitching, notes: ""}
    values:
      "yes": [ja, x]                     # of all columns
      unknown: ["-", k.A.]
      Sex: {m: male, w: female}          # of one column
    split:
      Symptoms: ";"                      # "tingling; numbness" answers two variables
      Signs: {by: ",", absent: [tingling, numbness]}   # absent where a cell does not name them
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twitchnet.errors import Problem, RecordError
from twitchnet.io.yaml.reader import read_file

PARTS = ("columns", "values", "split")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Variables by column, words by state or column, and what separates several answers."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)


def read_column_map(path: Path) -> ColumnMap:
    """The map in a file.  Raises ``RecordError`` with every problem of the file."""
    document = read_file(path)
    if document.flaws:
        raise RecordError(
            Problem(flaw.code, flaw.message, "", str(path), flaw.mark.line, flaw.mark.column)
            for flaw in document.flaws
        )
    found = document.value
    if isinstance(found, dict) and _texts(found):
        return ColumnMap({str(column): name for column, name in found.items()})
    if not isinstance(found, dict) or not set(found) <= set(PARTS):
        message = "a column map is a mapping of columns to names of variables"
        hint = f"write column: variable, or the parts {', '.join(PARTS)}"
        raise RecordError([Problem("TN213", message, "", str(path), hint=hint)])
    for part in PARTS:
        given = found.get(part) or {}
        if not isinstance(given, dict) or (part == "columns" and not _texts(given)):
            message = f"{part!r} is a mapping of columns"
            raise RecordError([Problem("TN213", message, "", str(path))])
    return ColumnMap(*(found.get(part) or {} for part in PARTS))


def _texts(given: dict[Any, Any]) -> bool:
    return all(isinstance(value, str) for value in given.values())


def write_column_map(path: Path, before: ColumnMap, found: dict[str, Any]) -> None:
    """Writes a map: what was said before, with what was found in a table on top.

    The values of each column stand as ``word: state``, the most frequent first.
    """
    from twitchnet.io.yaml.text import flow_value, key_text

    columns = {**found["columns"], **before.names}
    values: dict[str, Any] = dict(before.values)
    for column, own in found.get("values", {}).items():
        earlier = values.get(column, {})
        values[column] = {**earlier, **own} if isinstance(earlier, dict) else own
    text = ["columns:", *(f"  {key_text(c)}: {_word(v)}" for c, v in columns.items())]
    if values:
        text.append("values:")
    for key, given in values.items():
        if isinstance(given, dict):
            text.append(f"  {key_text(str(key))}:")
            text += [f"    {key_text(str(word))}: {_word(v)}" for word, v in given.items()]
        else:
            text.append(f"  {key_text(str(key))}: {flow_value(given)}")
    if before.split:
        text += ["split:", *(f"  {key_text(c)}: {flow_value(s)}" for c, s in before.split.items())]
    path.write_text("\n".join(text) + "\n", encoding="utf-8", newline="\n")


def _word(value: object) -> str:
    from twitchnet.io.yaml.text import flow_value

    return flow_value(value) if value else '""'
