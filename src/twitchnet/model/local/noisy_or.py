"""The noisy-OR: present when at least one part acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twitchnet.model.local.base import Independent


@dataclass(frozen=True, slots=True)
class NoisyOr(Independent):
    """P(absent | parents) = (1 - leak) x product over the links of (1 - strength).

    Pearl 1988, *Probabilistic Reasoning in Intelligent Systems*, section 4.3.2, with Henrion's
    leak.
    """

    key: ClassVar[str] = "noisy_or"
    gated: ClassVar[bool] = True
    produces: ClassVar[bool] = True
