"""twitchnet: diagnostic Bayesian networks, computed exactly, every number sourced.

    import twitchnet as tn

    model = tn.load("twitchy_legs")  # a bundled name, or the path of a model file
    dx = model.diagnose({"leg_twitching": True, "urge_to_move": True})
    print(dx)

This page is the whole public API.  Importing it loads nothing else: each name is
fetched from its room when it is first used.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twitchnet.api import Model, load
    from twitchnet.bundled import models
    from twitchnet.diagnosis.diagnosis import Diagnosis
    from twitchnet.diagnosis.evidence import Jeffrey, Likelihood
    from twitchnet.diagnosis.marginals import JointTable
    from twitchnet.diagnosis.ranking import RankedCause
    from twitchnet.errors import (
        CapacityError,
        ModelError,
        Problem,
        RecordError,
        TwitchnetError,
    )
    from twitchnet.model.network import Network

__version__ = "0.1.0"

__all__ = [
    "CapacityError",
    "Diagnosis",
    "Jeffrey",
    "JointTable",
    "Likelihood",
    "Model",
    "ModelError",
    "Network",
    "Problem",
    "RankedCause",
    "RecordError",
    "TwitchnetError",
    "__version__",
    "load",
    "models",
]

# Where each name lives; tests/test_public_api.py keeps this equal to the imports above.
_HOMES = {
    "CapacityError": "errors",
    "Diagnosis": "diagnosis.diagnosis",
    "Jeffrey": "diagnosis.evidence",
    "JointTable": "diagnosis.marginals",
    "Likelihood": "diagnosis.evidence",
    "Model": "api",
    "ModelError": "errors",
    "Network": "model.network",
    "Problem": "errors",
    "RankedCause": "diagnosis.ranking",
    "RecordError": "errors",
    "TwitchnetError": "errors",
    "load": "api",
    "models": "bundled",
}

# A library is silent unless its user sets up logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    """The public name, from its room, at first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
