"""How is an evidence file of the UAI competitions read?

    count { variable state }                          since 2012: one record
    records { count { variable state } ... }          before: as many records as it says

Variables and states are counted from 0, in the order of the ``.uai`` file.  A file that could be of
both styles is read as one record.
"""

from __future__ import annotations

import re
from os import PathLike, fspath
from pathlib import Path

from twitchnet.errors import Problem, RecordError
from twitchnet.model.network import Network

MAX_BYTES = 16_000_000
_COUNT = re.compile(r"\d{1,9}\Z")


def read_evidence_file(path: str | PathLike[str], network: Network) -> list[dict[str, str]]:
    """The records of an evidence file: states by name, ``{"v3": "present"}``.

    Raises ``RecordError`` when the file is not evidence of either style about this network.
    """
    file = fspath(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(f"the file cannot be read: {error.strerror or error}", file) from error
    if len(data) > MAX_BYTES:
        raise _wrong(f"the file is larger than {MAX_BYTES:,} bytes", file)
    words = data.decode("utf-8", "replace").split()
    wrong = next((word for word in words if not _COUNT.match(word)), None)
    if wrong is not None:
        raise _wrong(f"a whole number is expected, found {wrong[:40]!r}", file)
    numbers = [int(word) for word in words]
    records = _records(numbers)
    if records is None:
        raise _wrong("the counts of the file do not fit its numbers", file)
    return [_named(record, network, file) for record in records]


def _records(numbers: list[int]) -> list[list[tuple[int, int]]] | None:
    """The pairs of each record; None when the numbers are of neither style."""
    if not numbers:
        return None
    if len(numbers) == 1 + 2 * numbers[0]:
        return [list(zip(numbers[1::2], numbers[2::2], strict=True))]
    records, at = [], 1
    while at < len(numbers):
        end = at + 1 + 2 * numbers[at]
        if end > len(numbers):
            return None
        records.append(list(zip(numbers[at + 1 : end : 2], numbers[at + 2 : end : 2], strict=True)))
        at = end
    return records if len(records) == numbers[0] else None


def _named(pairs: list[tuple[int, int]], network: Network, file: str) -> dict[str, str]:
    """A record with names for numbers, as the reader of ``.uai`` files gives them."""
    record: dict[str, str] = {}
    problems = []
    for variable, state in pairs:
        name = f"v{variable}"
        known = network.by_name.get(name)
        word = f"s{state}"
        if known is not None and set(known.states) == {"absent", "present"} and state < 2:
            word = ("absent", "present")[state]
        if known is None:
            problems.append(Problem("TN201", f"no variable {variable}", name, file))
        elif word not in known.states:
            problems.append(Problem("TN202", f"no state {state}", name, file))
        elif record.get(name, word) != word:
            problems.append(Problem("TN207", "is in two states", name, file))
        record[name] = word
    if problems:
        raise RecordError(problems)
    return record


def _wrong(message: str, file: str) -> RecordError:
    return RecordError([Problem("TN207", message, "", file)])
