"""How does a table fit a model?  What each column would answer, and what is not understood.

:func:`match` looks at a frame (or at files, chunk by chunk) and scores nothing.  Its result prints
as tables, and ``to_map`` proposes a column map that is complete except for the values that cannot
be guessed: these are left as '' for a person to fill in.  A small dictionary of words for yes, no,
unknown, female and male in four languages is proposed there and never applied without being asked
for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twitchnet.batch.encoding.columns import open_source
from twitchnet.batch.encoding.encode import TRUTH, Encoder, Refusal
from twitchnet.batch.encoding.values import Splits, Values, key_of
from twitchnet.diagnosis.pages import Shown, table
from twitchnet.model.network import Network, Variable
from twitchnet.show.page import Page

WORDS: Mapping[str, frozenset[str]] = {
    "yes": frozenset({"x", "ja", "oui", "si", "sí", "vrai", "wahr", "j", "o", "s"}),
    "no": frozenset({"nein", "non", "falsch", "faux", "nicht"}),
    "unknown": frozenset({"-", "--", "?", "??", ".", "k.a.", "k. a.", "ka", "keine angabe"})
    | {"keine angaben", "unbekannt", "unbek."}
    | {"inconnu", "desconocido", "don't know", "dont know", "not asked", "missing", "n.r."},
    "female": frozenset(
        {"f", "w", "weiblich", "weibl.", "frau", "femme", "féminin", "mujer", "femenino"}
    ),
    "male": frozenset(
        {"m", "männlich", "männl.", "mann", "homme", "masculin", "hombre", "masculino", "h"}
    ),
}
"""Common words of tables, by the state that they may mean; proposed for variables that have this
state.
"""

MOST_VALUES = 1000
"""Different values that are counted, of all columns together: bounds the memory."""


@dataclass(frozen=True, slots=True)
class Match(Shown):
    """How a table fits a model.

    ``answers`` maps columns to variables; ``alone`` are the columns that are left alone, with the
    name of a variable that may be meant, or ''; ``refusals`` count the values that are not
    understood, by column, most frequent first (case and blanks around a value make no difference);
    ``rows`` is the number of rows that were looked at,
    and ``good`` the number without such a value; ``proposals`` maps (column, value) to the state
    that a value may mean.
    """

    answers: Mapping[str, str]
    alone: Mapping[str, str]
    refusals: tuple[Refusal, ...]
    rows: int
    good: int
    proposals: Mapping[tuple[str, str], str]

    def page(self) -> Page:
        """The match as tables."""
        whole = f"{self.good:,} of {self.rows:,} rows can be read."
        if not self.answers:
            whole = f"No column of {self.rows:,} rows answers yet: a map says which do (--write)."
        return self.sheet(
            "How the table fits the model",
            table(
                "Columns that answer",
                "column | *variable",
                ((column, self.called(name)) for column, name in self.answers.items()),
            ),
            table(
                "Columns that are left alone",
                "column | *nearest variable",
                ((column, hint or "-") for column, hint in self.alone.items()),
            ),
            table(
                "Values that are not understood",
                "column | value | >rows | *proposal",
                (
                    (
                        one.column,
                        repr(one.value),
                        f"{one.count:,}",
                        self.proposals.get((one.column, one.value), "") or one.hint or "-",
                    )
                    for one in self.refusals
                ),
            ),
            subtitle=whole,
        )

    def to_map(self) -> dict[str, Any]:
        """A column map: every column, and every value that is not understood, '' where open."""
        values: dict[str, dict[str, str]] = {}
        for one in self.refusals:
            own = values.setdefault(one.column, {})
            own[one.value] = self.proposals.get((one.column, one.value), "")
        columns = {**self.answers, **dict.fromkeys(self.alone, "")}
        return {"columns": columns, **({"values": values} if values else {})}


def match(
    network: Network,
    frames: Iterable[Any],
    names: Mapping[str, str],
    values: Values,
    split: Splits,
) -> Match:
    """How the frames of one table fit a network."""
    encoder = Encoder(network, names, values, split, answers=False)
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], Refusal] = {}  # of values that are one word in a map
    rows = good = 0
    for frame in frames:
        encoded = encoder(open_source(frame))
        rows += len(encoded.codes)
        good += len(encoded.codes) - int(encoded.bad_rows.sum())
        for one in encoded.refusals:
            is_split = one.column in encoder.split
            words = encoder.parts_not_understood(one.column, one.value) if is_split else [one.value]
            for word in words:
                key = (one.column, key_of(word))
                if key in counts or len(counts) < MOST_VALUES:
                    counts[key] = counts.get(key, 0) + one.count
                    first.setdefault(key, replace(one, value=word.strip()))
    found = [replace(one, count=counts[key]) for key, one in first.items()]
    place = {column: i for i, column in enumerate(encoder.used)}
    found.sort(key=lambda one: (place.get(one.column, len(place)), -one.count, one.value))
    proposals = {
        (one.column, one.value): proposal
        for one in found
        if one.column in encoder.used
        and (proposal := proposed(network.by_name[encoder.used[one.column]], one.value))
    }
    answers = dict(encoder.used)
    alone = {c: "" if c.startswith(TRUTH) else hint for c, hint in encoder.other.items()}
    return Match(answers, alone, tuple(found), rows, good, proposals).signed_by(network)


def proposed(variable: Variable, value: str) -> str:
    """What a common word may mean for a variable, '' when nothing is likely.

    >>> sex = Variable("sex", "context", ("female", "male"), "Sex")
    >>> proposed(sex, "W"), proposed(sex, "k.A."), proposed(sex, "d")
    ('female', 'unknown', '')
    """
    word = key_of(value)
    for state, words in WORDS.items():
        fits = (
            state == "unknown"
            or state in variable.states
            or (state in ("yes", "no") and variable.is_binary)
        )
        if fits and word in words:
            return state
    return ""
