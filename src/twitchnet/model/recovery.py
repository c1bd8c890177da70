"""Which tables of a network are noisy-ORs that were written out?

Programs without causal independence write a noisy-OR as a full table.  ``recovered`` turns it
back into the leak and the links that it was made of, so that nothing grows with the number of
parents any more.  Only what is read from the table itself counts: no name, no format.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twitchnet.model.local import Leak, Link, NoisyOr, Table, frozen
from twitchnet.model.network import Network

TOLERANCE = 1e-9
"""By how much a probability may differ from that of the noisy-OR, as a share of itself."""


def recovered(network: Network) -> Network:
    """The network in which each finding or cause whose table is a noisy-OR is one.

    Tables of a single parent and tables whose numbers have ranges are left as they are; so is
    a network in which nothing is found.

    >>> import twitchnet as tn
    >>> network = tn.load("demo").network
    >>> recovered(network) is network
    True
    """
    ranged = {parameter.node for parameter in network.parameters}
    found = {}
    for variable in network.nodes:
        if isinstance(variable.local, Table) and variable.kind != "context":
            local = noisy_or_of(variable.local) if variable.name not in ranged else None
            if local is not None:
                found[variable.name] = replace(variable, local=local)
    if not found:
        return network
    variables = tuple(found.get(variable.name, variable) for variable in network.variables)
    return replace(network, variables=variables)


def noisy_or_of(table: Table) -> NoisyOr | None:
    """The noisy-OR, with or without a leak, that a table of two or more parents is, or None.

    State 0 of every variable is its baseline.  Each probability of the noisy-OR, of absent and
    of present, is within ``TOLERANCE`` of the table's, as a share of it: a rare finding keeps
    its digits.

    >>> strengths = NoisyOr(
    ...     Leak((), 0.1), (Link("a", (), [0, 0.5]), Link("b", (), [0, 0.8]))
    ... )
    >>> table = Table(("a", "b"), strengths.full_table({"a": 2, "b": 2}))
    >>> noisy_or_of(table).links[1].strength.round(6).tolist()
    [0.0, 0.8]
    """
    cells = table.probabilities
    count = len(table.parents)
    if count < 2 or cells.shape[-1] != 2:
        return None
    silent, leak = (float(p) for p in cells[(0,) * count])
    if silent <= 0.0:
        return None
    links: list[Link] = []
    rest = (0,) * (count - 1)
    absent, present = np.array(silent), np.array(leak)
    for axis, parent in enumerate(table.parents):
        alone = np.moveaxis(cells, axis, -1)[(*rest, 1)]
        strength = (alone - leak) / silent
        # a link that does nothing may come out of a division as a rounding below 0
        strength[np.abs(strength) <= 4 * np.finfo(float).eps * max(leak / silent, 1.0)] = 0.0
        if strength.min() < 0.0 or strength.max() > 1.0:
            return None
        links.append(Link(parent, (), strength))
        # a sum of products without a minus, as in ``local.larger``
        present = present[..., None] + absent[..., None] * strength
        absent = absent[..., None] * (1.0 - strength)
    rebuilt = np.stack([absent, present], axis=-1)
    if (np.abs(rebuilt - cells) > TOLERANCE * cells).any():
        return None
    return NoisyOr(Leak((), frozen(leak)), tuple(links))
