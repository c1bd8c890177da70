"""How is a column map read: which column of a table answers which variable?

YAML or JSON, a mapping of columns to variables; ``""`` leaves a column alone:

    q17: leg_twitching
    notes: ""
"""

from __future__ import annotations

from pathlib import Path

from twitchnet.errors import Problem, RecordError
from twitchnet.io.model_file.yaml_reader import read_file


def read_column_map(path: Path) -> dict[str, str]:
    """Variables by column.  Raises ``RecordError`` with every problem of the file."""
    document = read_file(path)
    if document.flaws:
        raise RecordError(
            Problem(flaw.code, flaw.message, "", str(path), flaw.mark.line, flaw.mark.column)
            for flaw in document.flaws
        )
    found = document.value
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        message = "a column map is a mapping of columns to names of variables"
        raise RecordError([Problem("TN213", message, "", str(path), hint="write column: variable")])
    return {str(column): str(name) for column, name in found.items()}
