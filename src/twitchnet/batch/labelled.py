"""How is a table of records with the truth about them read?

The truth stands in columns of its own: ``true_CAUSE``, as ``simulate`` writes them, or whatever
a mapping of columns to causes names.  All else is read as by ``score``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from twitchnet.batch.encoding.columns import open_source
from twitchnet.batch.encoding.encode import TRUTH, BadCell, Encoded, Encoder
from twitchnet.batch.encoding.values import Splits, Values
from twitchnet.diagnosis.assess.evaluate import Labelled, Unscored
from twitchnet.diagnosis.evidence import Answers
from twitchnet.errors import Problem, RecordError, nearest
from twitchnet.model.network import Network


def labelled_frames(
    network: Network,
    frames: Iterable[Any],
    truth: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    values: Values | None = None,
    split: Splits | None = None,
) -> Labelled:
    """The records of frames of the same columns.

    ``truth`` maps columns to causes; without it these are the columns ``true_CAUSE``.
    ``names``, ``values`` and ``split`` are those of ``score``.  Raises ``RecordError`` for a
    column that does not fit and for a truth that cannot be read, ``ValueError`` without truth.
    """
    parts, rows, unscored, first = [], [], [], 0
    answers: list[Answers] = []
    readers: tuple[Encoder, Encoder] | None = None
    for frame in frames:
        source = open_source(frame)
        if readers is None:
            readers = _readers(network, source.names, truth, names or {}, values or {}, split or {})
        said, true = readers[0](source), readers[1](source)
        true.refuse()
        bad: dict[int, BadCell] = {}
        for cell in said.bad:
            bad.setdefault(cell.row, cell)
        good = [row for row in range(len(said.codes)) if row not in bad]
        unscored += [
            Unscored(first + row, cell.code, f"{cell.column}: {cell.reason}")
            for row, cell in sorted(bad.items())
        ]
        rows += [first + row for row in good]
        answers += _answers(network, said, good)
        parts.append(_true(network, true)[good])
        first += len(said.codes)
    whole = np.concatenate(parts or [np.zeros((0, len(network.ranked)), dtype=np.int64)])
    left_out = tuple(c for c in readers[0].other if c not in readers[1].used) if readers else ()
    kept = np.array(rows, dtype=np.int64)
    return Labelled(first, kept, tuple(answers), whole, tuple(unscored), left_out)


def _readers(
    network: Network,
    columns: tuple[str, ...],
    truth: Mapping[str, str] | None,
    names: Mapping[str, str],
    values: Values,
    split: Splits,
) -> tuple[Encoder, Encoder]:
    """The readers of the answers and of the truth."""
    if truth is None:
        truth = {c: c.removeprefix(TRUTH) for c in columns if c.startswith(TRUTH)}
    if not truth:
        hint = "name the columns in truth={column: cause}"
        raise ValueError(f"no column holds the truth ({TRUTH}CAUSE); {hint}")
    problems = [
        Problem("TN201", f"{cause!r} is not ranked by the model", column,
                hint=nearest(cause, network.ranked))
        for column, cause in truth.items()
        if cause not in network.ranked
    ]  # fmt: skip
    if problems:
        raise RecordError(problems)
    leave = dict.fromkeys(truth, "")
    others = {column: "" for column in columns if column not in truth and column not in split}
    own = {key: words for key, words in values.items() if not _is_of(key, words, truth)}
    answers = Encoder(network, {**names, **leave}, own, split)
    return answers, Encoder(network, {**others, **truth}, _general(values, truth))


def _is_of(key: str, words: object, columns: Mapping[str, str]) -> bool:
    """Whether the words of a map are those of one of some columns."""
    return isinstance(words, Mapping) and key in columns


def _general(values: Values, columns: Mapping[str, str]) -> Values:
    """The words of all columns, and those of some columns."""
    return {
        key: words
        for key, words in values.items()
        if not isinstance(words, Mapping) or _is_of(key, words, columns)
    }


def _answers(network: Network, said: Encoded, rows: list[int]) -> list[Answers]:
    """The answers of some rows."""
    nodes = [variable.name for variable in network.nodes]
    screens = list(network.names("screen"))
    found = []
    for row in rows:
        hard = {nodes[i]: int(said.codes[row, i]) for i in np.flatnonzero(said.codes[row] >= 0)}
        asked = np.flatnonzero(said.screens[row] >= 0)
        hard |= {screens[i]: int(said.screens[row, i]) for i in asked}
        found.append(Answers(hard))
    return found


def _true(network: Network, true: Encoded) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The true states (N, ranked), -1 unknown."""
    at = {variable.name: i for i, variable in enumerate(network.nodes)}
    return true.codes[:, [at[name] for name in network.ranked]].astype(np.int64)
