"""Each local model says the same by its full table as by its definition, factor by factor."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import enumerate_joint
from tests.strategies import networks
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.model.local import Descriptor, Table
from twitchnet.model.network import Network, Variable


def given_parents(network: Network, name: str) -> Network:
    """The variable alone, with its parents as roots of equal chances, as the one target."""
    local = network.by_name[name].local
    assert local is not None
    roots = [
        Variable(p, "context", v.states, p, Table((), np.full(v.card, 1.0 / v.card)))
        for p in local.parents
        for v in [network.by_name[p]]
    ]
    child = network.by_name[name]
    return Network("one", "1", (*roots, child), targets=(name,))


@settings(max_examples=60)
@given(st.data())
def test_full_table_equals_enumeration_and_the_factors(data: st.DataObject) -> None:
    network = data.draw(networks(4))
    for variable in network.nodes:
        local = variable.local
        if local is None or isinstance(local, Descriptor):
            continue
        table = local.full_table(network.cards)
        alone = given_parents(network, variable.name)
        inference = Inference(alone)
        for states in product(*(range(network.cards[p]) for p in local.parents)):
            hard = dict(zip(local.parents, states, strict=True))
            rows = {
                p: tuple(float(i == s) for i in range(network.cards[p])) for p, s in hard.items()
            }
            joint = enumerate_joint(alone, rows)
            expected = np.array(joint.marginal[variable.name]) / joint.evidence
            np.testing.assert_allclose(table[states], expected, rtol=1e-12, atol=1e-15)
            beliefs = inference.beliefs(Answers(hard))
            np.testing.assert_allclose(
                beliefs.probability[variable.name], expected, rtol=1e-12, atol=1e-15
            )
