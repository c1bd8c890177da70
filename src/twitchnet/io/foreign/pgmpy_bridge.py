"""To and from pgmpy.  Its import costs seconds and 400 MB, so it happens inside the calls.

``to_pgmpy`` writes out tables that fit and divorces parents where they do not (see
``tabular``); the hidden nodes are *latents* of the pgmpy model.  Posteriors agree.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np

from twitchnet.errors import ModelError, Problem, needs
from twitchnet.io.foreign.draft import Draft
from twitchnet.io.foreign.reading import NOWHERE
from twitchnet.io.foreign.tabular import CELLS, hidden, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network


def _pgmpy() -> tuple[Any, Any]:
    """The two classes that are needed: the network and its tables."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pgmpy's own dependencies deprecate
            from pgmpy.factors.discrete import TabularCPD
            from pgmpy.models import DiscreteBayesianNetwork
    except ImportError as error:
        raise needs("pgmpy", "pgmpy") from error
    return DiscreteBayesianNetwork, TabularCPD


def to_pgmpy(network: Network, cells: int = CELLS) -> Any:
    """The network as a ``pgmpy.models.DiscreteBayesianNetwork``.

    No table is larger than ``cells``, unless the network itself states it.  Nodes carry
    ``kind`` and ``label``.  Raises ``ImportError`` when pgmpy is not installed.
    """
    model_class, table_class = _pgmpy()
    flat = tabulated(network, cells)
    model = model_class()
    states = {variable.name: list(variable.states) for variable in flat.nodes}
    for variable in flat.nodes:
        model.add_node(variable.name)
        model.nodes[variable.name].update(kind=variable.kind, label=variable.label)
    model.latents = set(hidden(flat))
    tables = []
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        model.add_edges_from((parent, variable.name) for parent in local.parents)
        scope = (variable.name, *local.parents)
        tables.append(
            table_class(
                variable.name,
                variable.card,
                np.array(local.probabilities.reshape(-1, variable.card).T),
                evidence=list(local.parents) or None,
                evidence_card=[len(states[parent]) for parent in local.parents] or None,
                state_names={name: states[name] for name in scope},
            )
        )
    model.add_cpds(*tables)
    return model


def from_pgmpy(model: Any) -> Network:
    """The network of a pgmpy ``DiscreteBayesianNetwork``.

    Names and states become text.  The kind of a variable is its node attribute ``kind``,
    or follows from the graph as for files.  Raises ``ModelError`` when a node has no table.
    """
    draft = Draft("<pgmpy>")
    draft.name = str(getattr(model, "name", "") or "pgmpy")
    tables: dict[Hashable, Any] = {}
    missing = []
    for node in model.nodes():
        table = model.get_cpds(node)
        if table is None or not hasattr(table, "get_values"):
            missing.append(Problem("TN140", "has no table", str(node)[:80], draft.file))
        tables[node] = table
    if missing:
        raise ModelError(missing)
    for node, table in tables.items():
        attributes = model.nodes[node]
        draft.declare(
            str(node),
            [str(state) for state in table.state_names[node]],
            label=str(attributes.get("label") or node),
            kind=str(attributes.get("kind") or ""),
        )
    for node, table in tables.items():
        parents = list(table.variables[1:])
        values = np.moveaxis(np.asarray(table.values, dtype=np.float64), 0, -1)
        for axis, parent in enumerate(parents):
            # A table may list a parent's states in an order of its own.
            order = [table.state_names[parent].index(s) for s in tables[parent].state_names[parent]]
            values = np.take(values, order, axis=axis)
        if draft.room(str(node), [str(parent) for parent in parents], NOWHERE):
            draft.table(str(node), values.reshape(-1), NOWHERE)
    return draft.network()
