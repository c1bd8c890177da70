"""The noisy-MAX: the largest of the states that the parts bring about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twitchnet.model.local.base import Independent


@dataclass(frozen=True, slots=True)
class NoisyMax(Independent):
    """The child is the largest of the leak's state and the states its parents bring about.

    ``leak.strength`` has shape ``(*modifier cards, own card)`` and each link's
    ``(*modifier cards, parent card, own card)``; the last axes are distributions.  A parent in
    its baseline brings about the child's first state (Diez 1993, UAI).
    """

    key: ClassVar[str] = "noisy_max"
    graded: ClassVar[bool] = True
