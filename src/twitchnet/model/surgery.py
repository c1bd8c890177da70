"""What does a network become when somebody sets a variable, instead of seeing it?

``do(x = state)`` cuts x off from its parents and its leak and keeps its children (Pearl
2009, *Causality*, section 3.2): the result is a network again, and evidence comes after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from twitchnet.errors import ModelError, Problem
from twitchnet.model.local import Table
from twitchnet.model.network import Network


def intervened(network: Network, settings: Mapping[str, int]) -> Network:
    """The network after each variable of ``settings`` is set to a state (its index).

    Numbers, options and coverage that spoke of the cut arcs go with them.  Raises
    ``ModelError`` for a screen question (it has no probability) and for a finding with
    descriptors (they say how its producers behave, and there are none left).
    """
    described = set(network.descriptors.values())
    problems = []
    for name in settings:
        if network.by_name[name].local is None:
            problems.append(Problem("TN206", "a screen question cannot be set", name))
        elif name in described:
            message = "a finding that others describe cannot be set: nothing would produce it"
            problems.append(Problem("TN206", message, name))
    if problems:
        raise ModelError(problems)
    variables = tuple(
        replace(one, local=Table((), np.eye(one.card)[settings[one.name]]))
        if one.name in settings
        else one
        for one in network.variables
    )
    options = tuple(
        replace(option, effects=tuple(e for e in option.effects if e.child not in settings))
        for option in network.options
    )
    return replace(
        network,
        variables=variables,
        parameters=tuple(one for one in network.parameters if one.node not in settings),
        options=options,
        coverage=(),
    )
