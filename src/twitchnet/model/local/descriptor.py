"""The descriptor: how a finding behaves, given what is producing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from twitchnet.model.local.base import Parts


@dataclass(frozen=True, slots=True)
class Descriptor(Parts):
    """How a finding behaves, given what is producing it.

    ``of`` names the finding described, itself a noisy-OR.  Its parent ``c`` has a hidden
    *producer*, present with the probability of the link ``c -> of``; one more producer stands
    for the leak of ``of``.  The finding is the OR of its producers, and the descriptor is a
    noisy-OR over the same producers: a link's strength is P(descriptor | this parent is
    producing the finding), shape ``(*modifier cards, 2)``, and ``leak`` is P(descriptor | the
    leak of the finding is producing it).  A link from ``of`` itself acts whatever produces the
    finding.  With no producer the descriptor is absent.
    """

    of: str

    key: ClassVar[str] = "descriptor"

    @property
    def parents(self) -> tuple[str, ...]:
        """The finding described, the parents whose producers act, then the modifiers."""
        acting = (link.parent for link in self.links)
        return tuple(dict.fromkeys([self.of, *acting, *self.modifiers]))
