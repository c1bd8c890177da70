"""What do the words in the cells of a table mean, where they are not those of the model?

A :class:`ValueMap` translates cells before they are read: for all columns (``"yes": ["ja", "x"]``,
``"unknown": ["-", "k.A."]``), or for one (``"Sex": {"m": "male", "w": "female"}``).  A column of
several answers (``"tingling; numbness"``) is split into variables.  Nothing is translated unless it
is asked for.  Of the model, only the names of variables are known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from twitchnet.diagnosis.evidence import plain
from twitchnet.errors import Problem, RecordError, nearest

Words = str | Sequence[object]
Values = Mapping[str, Words | Mapping[str, Words]]
"""By state, the words of all columns; by column, a mapping of words to states, or of states
to lists of words."""


_WHOLE = re.compile(r"(-?[0-9]{1,15})[.,]0{1,15}")
"""A whole number as a column of numbers with gaps writes it."""


@dataclass(frozen=True, slots=True)
class Split:
    """A column that answers several variables: the text between the answers, and which variables an
    answered cell denies.

    The variables that a cell names are present, also where a column of their own says no.
    Of the variables in ``absent``, those that a cell does not name are absent; all others stay
    unknown, and so does everything in an empty cell.
    """

    by: str = ";"
    absent: tuple[str, ...] = ()


Splits = Mapping[str, str | Split | Mapping[str, object]]
"""By column: the text between the answers, a :class:`Split`, or a mapping of its fields."""


@dataclass(frozen=True)
class ValueMap:
    """The meaning of words: ``everywhere``, and by ``columns``, each from a word to a state.

    Case, blanks around a word and the kind of dash make no difference.
    """

    everywhere: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Values) -> ValueMap:
        """The map of the option ``values``.

        Raises ``RecordError`` for a mapping of another shape, and for a word with two meanings.

        >>> ValueMap.of({"yes": ["ja", "X"], "Sex": {"m": "male"}}).everywhere
        {'ja': 'yes', 'x': 'yes'}
        """
        everywhere: dict[str, str] = {}
        columns: dict[str, dict[str, str]] = {}
        for key, given in values.items():
            if isinstance(given, Mapping):
                own = columns.setdefault(str(key), {})
                for word, state in _pairs(given, str(key)):
                    _add(own, word, state, str(key))
            else:
                for word in _listed(given, str(key)):
                    _add(everywhere, word, str(key), str(key))
        return cls(everywhere, columns)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.columns)

    def words(self, column: str, variable: str) -> Mapping[str, str]:
        """The words of a column, by its name or that of its variable."""
        own = {**self.columns.get(variable, {}), **self.columns.get(column, {})}
        return {**self.everywhere, **own}

    def refuse_unknown(self, columns: Sequence[str], variables: Sequence[str]) -> None:
        """Raises ``RecordError`` for a column of the map that a table does not have."""
        known = {*columns, *variables}
        problems = [
            Problem(
                "TN201", "values are given for no such column", name, hint=nearest(name, columns)
            )
            for name in self.columns
            if name not in known
        ]
        if problems:
            raise RecordError(problems)


def key_of(value: object) -> str:
    """A cell in the form in which words are compared.

    >>> key_of(" K.A. "), key_of(1.0), key_of("1,0")
    ('k.a.', '1', '1')
    """
    text = str(plain(value)).lower()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _pairs(given: Mapping[str, Words], where: str) -> Iterator[tuple[object, str]]:
    """(word, state) of the mapping of one column, whichever way round it is written."""
    for key, value in given.items():
        if isinstance(value, str):
            if value:  # '' is a blank of a map that is not filled in yet
                yield key, value
        else:
            for word in _listed(value, where):
                yield word, str(key)


def _listed(words: object, where: str) -> Sequence[object]:
    if isinstance(words, str):
        return [words]
    if not isinstance(words, Sequence) or isinstance(words, bytes):
        message = "the words of a state are a list; those of a column map words to states"
        raise RecordError([Problem("TN213", message, where)])
    return words


def _add(words: dict[str, str], word: object, state: str, where: str) -> None:
    key = key_of(word)
    if words.setdefault(key, state) != state:
        message = f"{word!r} means {words[key]!r} and {state!r}"
        raise RecordError([Problem("TN213", message, where)])


def splits_of(splits: Splits) -> dict[str, Split]:
    """The splits by column.  Raises ``RecordError`` for a value that is none.

    >>> splits_of({"Symptoms": ",", "Signs": {"by": "/", "absent": ["tingling"]}})["Signs"]
    Split(by='/', absent=('tingling',))
    """
    return {column: _split_of(one, column) for column, one in splits.items()}


def _split_of(given: str | Split | Mapping[str, object], column: str) -> Split:
    if isinstance(given, Mapping):
        by, absent = given.get("by", ";"), given.get("absent", ())
        known = set(given) <= {"by", "absent"}
        if known and isinstance(by, str) and isinstance(absent, list | tuple):
            return _split_of(Split(by, tuple(str(name) for name in absent)), column)
    found = Split(by=given) if isinstance(given, str) else given
    if not isinstance(found, Split) or not found.by:
        message = "a split is the text between the answers, or by: and absent: (a list)"
        raise RecordError([Problem("TN213", message, column)])
    return found
