"""How does one variable depend on its parents?

Values only: each local model is a frozen dataclass over read-only arrays.  No inference, no
files, no provenance (that is ``network.Parameter``) in here.  ``KINDS`` is the registry of the
models of causal independence: a new one is a module here and a line there, and is then read
from model files, checked, drawn, compiled, explained, written and converted
(docs/extending.md).

Shapes are always ``(*modifier cards, parent card[, own card])`` in the order of the names
beside the array.  State 0 is the baseline of a variable: *absent* for a binary one.  A
*modifier* changes the strength of a leak or a link and does nothing by itself (age, sex, a
gate).
"""

from __future__ import annotations

from twitchnet.model.local.base import (
    Array,
    Block,
    Cards,
    Independent,
    Leak,
    Link,
    Parts,
    Table,
    frozen,
    larger,
    table_size,
)
from twitchnet.model.local.descriptor import Descriptor
from twitchnet.model.local.noisy_and import NoisyAnd
from twitchnet.model.local.noisy_max import NoisyMax
from twitchnet.model.local.noisy_min import NoisyMin
from twitchnet.model.local.noisy_or import NoisyOr

KINDS: dict[str, type[Independent]] = {
    model.key: model for model in (NoisyOr, NoisyMax, NoisyAnd, NoisyMin)
}
"""The models of causal independence, by their names in a model file."""

LocalModel = Table | Independent | Descriptor

__all__ = [
    "KINDS",
    "Array",
    "Block",
    "Cards",
    "Descriptor",
    "Independent",
    "Leak",
    "Link",
    "LocalModel",
    "NoisyAnd",
    "NoisyMax",
    "NoisyMin",
    "NoisyOr",
    "Parts",
    "Table",
    "frozen",
    "larger",
    "table_size",
]
