"""What to do about it: rules, watches on posteriors, management options and coverage, as values.

The grammar of rule conditions and its evaluation live in ``language``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Urgency = str
"""The name of a level of triage; '' in a model without triage.  See ``words.Level``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A red-flag rule: when the answers satisfy ``when``, the urgency is at least this.

    ``alone`` rules fire only when no rule of a higher level fired; ``default`` is the
    rule that holds when nothing fired.
    """

    name: str
    when: str
    urgency: Urgency
    reason: str
    sources: tuple[str, ...] = ()
    follow_up: str = ""
    alone: bool = False
    default: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """The second net: a posterior above ``threshold`` raises the urgency to at least this.

    ``likely`` marks the ``care`` of a cause: the level at which published guidance wants it
    seen.  Its sentence names the cause, and ``reason``, which may be empty, follows.
    """

    target: str
    threshold: float
    urgency: Urgency
    reason: str
    sources: tuple[str, ...] = ()
    likely: bool = False

    def sentence(self, label: str, likely: str) -> str:
        """What a person reads when it fires.

        ``label`` is the label of the target and ``likely`` the model's ``words.likely``.
        """
        if not self.likely:
            return self.reason
        return f"{likely}: {label}. {self.reason}".strip()


@dataclass(frozen=True, slots=True)
class Effect:
    """What an option does to a cause, a context or a link.

    ``factor`` is the share that remains (1 no effect, 0 removed) with its range.
    ``kind`` is ``cause`` (target stays present with this factor), ``context`` (target
    is set to ``state``) or ``link`` (the link ``target -> child`` keeps this factor).
    ``only_if`` is a condition on the answers; ``given`` names a cause whose posterior
    weighs the effect (iron helps restless legs as far as iron is low), '' for none.
    """

    kind: Literal["cause", "context", "link"]
    target: str
    factor: float = 0.0
    low: float = 0.0
    high: float = 0.0
    child: str = ""
    state: str = ""
    quality: str = ""
    only_if: str = ""
    sources: tuple[str, ...] = ()
    note: str = ""
    given: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A thing a person can do, with its effects and cautions.

    Conditions read answers: the option is offered while ``only_if`` holds ('' always) and
    not when ``fine_if`` holds (there is nothing to change).  ``caution`` is shown unless
    the answers rule ``caution_if`` out.  ``expert`` marks what an expert does; such an option
    without effects is what the rules ask for: to call the expert.
    """

    name: str
    label: str
    effects: tuple[Effect, ...]
    advice: str = ""
    only_if: str = ""
    caution_if: str = ""
    caution: str = ""
    expert: bool = False
    time_scale: str = ""
    fine_if: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CoverageItem:
    """One assertion of the article that the model encodes, and what encodes it.

    ``targets`` are references, in the words of ``checks.coverage``: ``node:x``, ``link:a->b``,
    ``rule:R01``, ``option:x``, ``text:option.x`` (shown to people), ``duplicate:n``, ...
    """

    number: int
    assertion: str
    targets: tuple[str, ...]
    text_only: bool = False
