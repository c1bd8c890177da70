"""How is one record read from a file?

A record is a JSON object of answers by name: ``{"leg_twitching": true, "sex": "female"}``.
What ``twitchnet rank --json`` prints is read too: its ``answers`` are the record.
Only the file is judged here; whether the names and states exist is for the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twitchnet.errors import Problem, RecordError
from twitchnet.model.network import Network

CODE = "TN207"
# A record of a model with ten thousand variables has less; a data file by mistake has more.
MAX_BYTES = 4_000_000


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key given twice is refused, since one answer would be lost."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is answered twice")
    return result


def parse_record(text: str | bytes, file: str = "<string>") -> dict[str, object]:
    """The answers that a JSON text gives, by name.

    Raises ``RecordError`` when it is not UTF-8, not JSON, or not an object.

    >>> parse_record('{"leg_twitching": true, "sex": "female"}')
    {'leg_twitching': True, 'sex': 'female'}
    """

    def wrong(message: str, line: int = 0, column: int = 0, hint: str = "") -> RecordError:
        return RecordError([Problem(CODE, message, "", file, line, column, hint)])

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise wrong(f"the record is not UTF-8 text: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise wrong(f"the record is not JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise wrong("the record is nested too deep") from None
    except ValueError as error:
        raise wrong(str(error)) from None
    if isinstance(document, dict) and isinstance(document.get("answers"), dict):
        document = document["answers"]
    if not isinstance(document, dict):
        hint = 'write {"name": "state", ...}'
        raise wrong(f"a record is a JSON object, not {type(document).__name__}", hint=hint)
    return document


def read_record(path: Path) -> dict[str, object]:
    """The answers in a JSON file, by name.

    Raises ``RecordError`` when the file is not a record, ``OSError`` when it cannot be read.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        problem = Problem(CODE, f"the record is larger than {MAX_BYTES:,} bytes", "", str(path))
        raise RecordError([problem])
    return parse_record(content, str(path))


def write_record(path: Path, record: Mapping[str, object], network: Network) -> None:
    """Writes the answers of one record, with the model that asked for them.

    Raises ``OSError`` when the file cannot be written.
    """
    document = {
        "model": network.name,
        "version": network.version,
        "fingerprint": network.fingerprint,
        "answers": dict(record),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
