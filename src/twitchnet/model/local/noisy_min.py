"""The noisy-MIN: the smallest of the states that the parts allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twitchnet.model.local.base import Independent


@dataclass(frozen=True, slots=True)
class NoisyMin(Independent):
    """The child is the smallest of the leak's state and the states its parents allow.

    Shapes are those of the noisy-MAX.  Every state of a parent may limit the child; one without
    a number allows the child's last state (Diez & Druzdzel 2006, the dual of
    the noisy-MAX).
    """

    key: ClassVar[str] = "noisy_min"
    graded: ClassVar[bool] = True
    inverted: ClassVar[bool] = True
    baseline_acts: ClassVar[bool] = True
