"""The noisy-AND: present unless a part blocks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twitchnet.model.local.base import Independent


@dataclass(frozen=True, slots=True)
class NoisyAnd(Independent):
    """P(present | parents) = (1 - leak) x product over the links of (1 - strength).

    A link's strength is the probability that this state of the parent blocks the child; every
    state may block, so entry 0 need not be 0.
    """

    key: ClassVar[str] = "noisy_and"
    inverted: ClassVar[bool] = True
    baseline_acts: ClassVar[bool] = True
