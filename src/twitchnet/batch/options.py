"""Every option of scoring a batch, in one place.

``Model.score``, ``Model.score_batches``, Spark and the command take these options; a new one is
a field of :class:`ScoreOptions`, a key of :class:`ScoreKeywords`, and an option of the
command.  ``docs/batch.md`` says what each means and costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import index
from typing import Any, Literal, TypedDict, get_args

from twitchnet.batch.encoding.values import Splits, Values

Keep = Literal["other", "all", "none"]
By = Literal["posterior", "gain"]

MOST = {"reasons": 1000, "intervals": 100_000}
"""The largest number of reasons, each of which is four columns, and of draws, each of which holds
all numbers of the model: bounds memory and time.
"""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options of scoring, as one value.

    ``top`` replaces the posterior of each cause by the first causes (``cause_1``, ``posterior_1``,
    ...), in the order ``by``: ``"posterior"``, or ``"gain"`` (the causes that the answers point to,
    with ``gain_1``, ...).  Without ``details`` only posteriors, status and log evidence are
    computed.  ``reasons`` is the number of answers that are listed for and against the leading
    cause; ``intervals`` the number of draws of the numbers from which the ends of each posterior
    are taken, and ``seed`` the seed of these draws.  ``names`` maps columns to variables; ``keep``
    says which columns of the input stay, ``prefix`` is put before the names of results.  ``values``
    gives the meaning of words in cells (``{"yes": ["ja", "x"], "Sex": {"m": "male"}}``); ``split``
    names the columns that hold several answers, and the text between these.  Raises ``ValueError``.

    >>> ScoreOptions(top=3, by="gain").top
    3
    """

    top: int | None = None
    by: By = "posterior"
    details: bool = True
    reasons: int = 0
    intervals: int = 0
    seed: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    keep: Keep = "other"
    prefix: str = ""
    values: Values = field(default_factory=dict)
    split: Splits = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.top is not None:
            self._check_number("top", 1, "a number of causes, at least 1")
        for name in ("reasons", "intervals", "seed"):
            self._check_number(name, 0, "a number, at least 0")
        for name, most in MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} is at most {most:,}, not {getattr(self, name):,}")
        for name, choices in (("by", get_args(By)), ("keep", get_args(Keep))):
            if getattr(self, name) not in choices:
                words = ", ".join(f'"{choice}"' for choice in choices)
                raise ValueError(f"{name} is one of {words}, not {getattr(self, name)!r}")
        for name in ("names", "values", "split"):
            if not isinstance(getattr(self, name), Mapping):
                raise ValueError(f"{name} is a mapping, not {getattr(self, name)!r}")

    def _check_number(self, name: str, least: int, what: str) -> None:
        """Keeps a whole number, of numpy too, as ``int``.  Raises ``ValueError`` for others."""
        value = getattr(self, name)
        try:
            number = index(value)
        except TypeError:
            number = least - 1
        if isinstance(value, bool) or number < least:
            raise ValueError(f"{name} is {what}, not {value!r}")
        object.__setattr__(self, name, number)


class ScoreKeywords(TypedDict, total=False):
    """The fields of :class:`ScoreOptions` as keywords of a call."""

    top: int | None
    by: By
    details: bool
    reasons: int
    intervals: int
    seed: int
    names: Mapping[str, str] | None
    keep: Keep
    prefix: str
    values: Values | None
    split: Splits | None


def options_of(options: ScoreOptions | None, keywords: ScoreKeywords) -> ScoreOptions:
    """The options, with the keywords on top.

    >>> options_of(ScoreOptions(top=3), {"by": "gain"})
    ScoreOptions(top=3, by='gain', details=True, reasons=0, intervals=0, seed=0, names={}, ...)
    """
    unknown = set(keywords) - set(ScoreKeywords.__annotations__)
    if unknown:
        raise TypeError(f"no option of scoring is called {', '.join(sorted(unknown))}")
    given: dict[str, Any] = dict(keywords)
    for name in ("names", "values", "split"):
        if given.get(name, {}) is None:
            given[name] = {}
    return replace(options or ScoreOptions(), **given)
