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
    from twitchnet import plot
    from twitchnet.api import Model, load, loads, read_evidence, read_records
    from twitchnet.batch.encoding.values import Split
    from twitchnet.batch.files.coded import CodedRecords
    from twitchnet.batch.files.job import Summary
    from twitchnet.batch.files.making import FileOptions
    from twitchnet.batch.options import ScoreOptions
    from twitchnet.batch.scoring.posteriors import Posteriors
    from twitchnet.builder import ModelBuilder, Number
    from twitchnet.bundled import models
    from twitchnet.diagnosis.assess.diff import Diff
    from twitchnet.diagnosis.assess.evaluate import Evaluation
    from twitchnet.diagnosis.care.management import Management
    from twitchnet.diagnosis.care.triage import Triage
    from twitchnet.diagnosis.diagnosis import Diagnosis
    from twitchnet.diagnosis.evidence import Jeffrey, Likelihood
    from twitchnet.diagnosis.explain.benefits import Benefits
    from twitchnet.diagnosis.explain.conflict import Conflict
    from twitchnet.diagnosis.explain.explain import Explanation
    from twitchnet.diagnosis.explain.joint import Combinations
    from twitchnet.diagnosis.explain.sensitivity import Sensitivity
    from twitchnet.diagnosis.explain.sidebyside import SideBySide, side_by_side
    from twitchnet.diagnosis.explain.uncertainty import Uncertainty
    from twitchnet.diagnosis.explain.whatif import WhatIf
    from twitchnet.diagnosis.explain.worlds import MostProbable
    from twitchnet.diagnosis.interview.questions import NextQuestions
    from twitchnet.diagnosis.marginals import JointTable
    from twitchnet.diagnosis.ranking import RankedCause
    from twitchnet.diagnosis.report.variable import VariableInfo
    from twitchnet.engine.host.planning import CompiledPlan, SharedPlan
    from twitchnet.engine.host.readiness import warm_up
    from twitchnet.engine.numpy.plan import Plan
    from twitchnet.errors import CapacityError, ModelError, Problem, RecordError, TwitchnetError
    from twitchnet.model.local import (
        Descriptor,
        Leak,
        Link,
        NoisyAnd,
        NoisyMax,
        NoisyMin,
        NoisyOr,
        Table,
    )
    from twitchnet.model.network import Network, Parameter, Source, Variable

__version__ = "0.1.0"

__all__ = [
    "Benefits",
    "CapacityError",
    "CodedRecords",
    "Combinations",
    "CompiledPlan",
    "Conflict",
    "Descriptor",
    "Diagnosis",
    "Diff",
    "Evaluation",
    "Explanation",
    "FileOptions",
    "Jeffrey",
    "JointTable",
    "Leak",
    "Likelihood",
    "Link",
    "Management",
    "Model",
    "ModelBuilder",
    "ModelError",
    "MostProbable",
    "Network",
    "NextQuestions",
    "NoisyAnd",
    "NoisyMax",
    "NoisyMin",
    "NoisyOr",
    "Number",
    "Parameter",
    "Plan",
    "Posteriors",
    "Problem",
    "RankedCause",
    "RecordError",
    "ScoreOptions",
    "Sensitivity",
    "SharedPlan",
    "SideBySide",
    "Source",
    "Split",
    "Summary",
    "Table",
    "Triage",
    "TwitchnetError",
    "Uncertainty",
    "Variable",
    "VariableInfo",
    "WhatIf",
    "__version__",
    "load",
    "loads",
    "models",
    "plot",
    "read_evidence",
    "read_records",
    "side_by_side",
    "warm_up",
]

# Where each name lives; tests/test_public_api.py keeps this equal to the imports above.
_HOMES = {
    "Benefits": "diagnosis.explain.benefits",
    "CapacityError": "errors",
    "CodedRecords": "batch.files.coded",
    "Combinations": "diagnosis.explain.joint",
    "MostProbable": "diagnosis.explain.worlds",
    "CompiledPlan": "engine.host.planning",
    "Conflict": "diagnosis.explain.conflict",
    "Descriptor": "model.local",
    "Diagnosis": "diagnosis.diagnosis",
    "Diff": "diagnosis.assess.diff",
    "Evaluation": "diagnosis.assess.evaluate",
    "Explanation": "diagnosis.explain.explain",
    "Jeffrey": "diagnosis.evidence",
    "JointTable": "diagnosis.marginals",
    "Leak": "model.local",
    "Likelihood": "diagnosis.evidence",
    "Link": "model.local",
    "Management": "diagnosis.care.management",
    "Model": "api",
    "ModelBuilder": "builder",
    "ModelError": "errors",
    "Network": "model.network",
    "NextQuestions": "diagnosis.interview.questions",
    "NoisyAnd": "model.local",
    "NoisyMax": "model.local",
    "NoisyMin": "model.local",
    "NoisyOr": "model.local",
    "Number": "builder",
    "Parameter": "model.network",
    "Plan": "engine.numpy.plan",
    "Posteriors": "batch.scoring.posteriors",
    "Problem": "errors",
    "RankedCause": "diagnosis.ranking",
    "RecordError": "errors",
    "FileOptions": "batch.files.making",
    "ScoreOptions": "batch.options",
    "Summary": "batch.files.job",
    "Split": "batch.encoding.values",
    "Sensitivity": "diagnosis.explain.sensitivity",
    "SharedPlan": "engine.host.planning",
    "SideBySide": "diagnosis.explain.sidebyside",
    "Source": "model.network",
    "Table": "model.local",
    "Triage": "diagnosis.care.triage",
    "TwitchnetError": "errors",
    "Uncertainty": "diagnosis.explain.uncertainty",
    "Variable": "model.network",
    "VariableInfo": "diagnosis.report.variable",
    "WhatIf": "diagnosis.explain.whatif",
    "load": "api",
    "loads": "api",
    "read_evidence": "api",
    "read_records": "api",
    "side_by_side": "diagnosis.explain.sidebyside",
    "models": "bundled",
    "warm_up": "engine.host.readiness",
}

# A library is silent unless its user sets up logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    """The public name, from its room, at first use (PEP 562)."""
    if name == "plot":
        return import_module(f"{__name__}.plot")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
