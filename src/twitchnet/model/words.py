"""The words that belong to a model: its levels of triage, its disclaimer and its nouns.

A program that diagnoses lamps must not speak of patients.  So every sentence that belongs to
a field comes from the model file, and what stands here is neutral: it is used where a model
says nothing.  Words are values without behaviour; they are no part of the fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Colour = Literal["plain", "calm", "notice", "warning", "alarm"]
"""The roles of colour that a level can have.  The pages map each to a light and a dark pair."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of triage.  The levels of a model stand in order, the least urgent first.

    ``label`` names the level inside a sentence and ``sentence`` is the heading of a report.
    ``could`` completes "Could ..." for a rule that waits for an answer.  ``advice`` is the
    first sentence of what to do next.  ``no_options`` is the reason why no option is offered
    at this level; '' offers them.  ``red_flags`` says whether a finding of this level that is
    a red flag is named in every report, also where it is not always asked.
    """

    name: str
    label: str
    sentence: str
    colour: Colour = "plain"
    could: str = ""
    advice: str = ""
    no_options: str = ""
    red_flags: bool = True


GENERIC: tuple[Level, ...] = (
    Level("self_care", "no hurry", "No hurry: nothing here is pressing", "calm", red_flags=False),
    Level("routine", "routine", "Routine: have it looked at", "notice", red_flags=False),
    Level("soon", "soon", "Soon: have it looked at within days", "warning"),
    Level(
        "emergency",
        "emergency",
        "Emergency: act now",
        "alarm",
        "be an emergency",
        "Act now, before anything else is tried.",
        "in an emergency nothing else is tried first",
    ),
)
"""The levels of a model that has rules and declares none: four names, in neutral words."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun of a field: for one thing, and for several."""

    one: str
    many: str

    @property
    def a(self) -> str:
        """The noun after its article.

        >>> Noun("cause", "causes").a, Noun("outage", "outages").a
        ('a cause', 'an outage')
        """
        return f"{'an' if self.one[:1].lower() in 'aeiou' else 'a'} {self.one}"

    def of(self, count: int) -> str:
        """The form that follows a number.

        >>> Noun("cause", "causes").of(1), Noun("cause", "causes").of(0)
        ('cause', 'causes')
        """
        return self.one if count == 1 else self.many


@dataclass(frozen=True, slots=True)
class Words:
    """What a model says in its own words; the defaults belong to no field.

    ``likely`` begins the sentence about a likely cause that carries a ``care``.  ``next_steps``,
    ``helped`` and ``options`` are the headings of advice in the report, on the page of
    benefits and in the model card.
    """

    disclaimer: str = ""
    complaint: Noun = Noun("main finding", "main findings")
    finding: Noun = Noun("finding", "findings")
    cause: Noun = Noun("cause", "causes")
    context: Noun = Noun("context", "contexts")
    likely: str = "A likely cause that needs attention"
    next_steps: str = "What to do next"
    helped: str = "What would have helped"
    options: str = "What can be done"


NEUTRAL = Words()


def capital(words: str) -> str:
    """The words with a capital first letter; the rest stays as it is.

    >>> capital("causes"), capital("DNS errors")
    ('Causes', 'DNS errors')
    """
    return words[:1].upper() + words[1:]


def place_of(levels: Sequence[Level], name: str) -> int:
    """The place of a level in the order of the model, 0 for the least urgent and for ''."""
    return next((place for place, level in enumerate(levels) if level.name == name), 0)
