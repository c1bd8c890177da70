"""Targets of any kind, marginals, joint tables and Jeffrey's rule, against enumeration."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.oracle import enumerate_joint
from tests.strategies import networks, records
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.jeffrey import with_margins
from twitchnet.diagnosis.marginals import joint_table, marginal
from twitchnet.model.care import Watch
from twitchnet.model.network import Network

WET = """network n { }
variable rain { type discrete [2] { no, yes }; }
variable wet { type discrete [2] { no, yes }; }
probability ( rain ) { table 0.8, 0.2; }
probability ( wet | rain ) { (no) 0.9, 0.1; (yes) 0.2, 0.8; }
"""


def answers_of(rows: dict[str, tuple[float, ...]]) -> Answers:
    hard = {name: row.index(1.0) for name, row in rows.items() if sorted(row)[-2:] == [0.0, 1.0]}
    return Answers(hard, {name: row for name, row in rows.items() if name not in hard})


def mass(network: Network, rows: dict[str, tuple[float, ...]], cell: dict[str, int]) -> float:
    """P(rows, cell) by enumeration."""
    weights = dict(rows)
    for name, state in cell.items():
        own = rows.get(name, (1.0,) * network.by_name[name].card)
        weights[name] = tuple(w if i == state else 0.0 for i, w in enumerate(own))
    return enumerate_joint(network, weights).evidence


@settings(max_examples=100)
@given(st.data())
def test_joint_tables_and_marginals_equal_enumeration(data: st.DataObject) -> None:
    network = data.draw(networks(largest=5))
    rows = data.draw(records(network))
    names = data.draw(
        st.lists(
            st.sampled_from([v.name for v in network.nodes]), min_size=1, max_size=2, unique=True
        )
    )
    total = enumerate_joint(network, rows).evidence
    assume(total > 1e-200)
    inference, answers = Inference(network), answers_of(rows)
    table = joint_table(inference, answers, names)
    for cell in product(*(range(network.by_name[name].card) for name in names)):
        want = mass(network, rows, dict(zip(names, cell, strict=True))) / total
        assert math.isclose(table.probability[cell], want, rel_tol=1e-9, abs_tol=1e-12)
    by_state = marginal(inference, answers, names[0])
    assert list(by_state) == list(network.by_name[names[0]].states)
    assert math.isclose(sum(by_state.values()), 1.0, rel_tol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_jeffreys_rule_equals_its_definition(data: st.DataObject) -> None:
    """P(h | answers) = sum over s of wanted(s) P(h | s, other answers)."""
    network = data.draw(networks(largest=5))
    rows = data.draw(records(network))
    name = data.draw(st.sampled_from([v.name for v in network.nodes]))
    rows.pop(name, None)
    card = network.by_name[name].card
    raw = np.array(data.draw(st.lists(st.floats(0.05, 1.0), min_size=card, max_size=card)))
    wanted = raw / raw.sum()
    given_state = [mass(network, rows, {name: state}) for state in range(card)]
    assume(min(given_state) > 1e-100)
    inference = Inference(network)
    found = with_margins(inference, answers_of(rows), {name: tuple(wanted)})
    beliefs = inference.beliefs(found)
    other = next(iter(network.ranked))
    for state in range(network.by_name[other].card):
        want = sum(
            wanted[s] * mass(network, rows, {other: state, name: s}) / given_state[s]
            for s in range(card)
            if other != name or s == state
        )
        assert math.isclose(beliefs.probability[other][state], want, rel_tol=1e-8, abs_tol=1e-11)
    alone = inference.log_evidence(inference.evidence(answers_of(rows)))
    assert math.isclose(beliefs.log_evidence, alone, rel_tol=1e-9, abs_tol=1e-9)


def test_several_margins_hold_together() -> None:
    model = tn.load("demo")
    dx = model.diagnose(
        leg_twitching=tn.Jeffrey({"present": 0.7, "absent": 0.3}),
        intense_exercise=tn.Jeffrey({"present": 0.6, "absent": 0.4}),
    )
    assert dx.marginal("leg_twitching")["present"] == pytest.approx(0.7, abs=1e-11)
    assert dx.marginal("intense_exercise")["present"] == pytest.approx(0.6, abs=1e-11)
    assert model.diagnose(dx.to_dict()["answers"]).posterior == dx.posterior


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"present": 0.7}, "TN206 leg_twitching: the posterior .* add up to 1, not to 0.7"),
        ({"presnt": 1.0}, "TN202 leg_twitching: no state 'presnt'"),
        ({"present": -1.0, "absent": 2.0}, "TN206 leg_twitching: weights must be finite, >= 0"),
    ],
)
def test_posteriors_that_are_wrong(answer: dict[str, float], message: str) -> None:
    with pytest.raises(tn.RecordError, match=message):
        tn.load("demo").diagnose(leg_twitching=tn.Jeffrey(answer))


def test_a_margin_that_the_answers_rule_out(tmp_path: Path) -> None:
    path = tmp_path / "w.bif"
    path.write_text(WET.replace("(no) 0.9, 0.1", "(no) 1, 0"), encoding="utf-8")
    with pytest.raises(tn.RecordError, match="TN205 rain: 'no' shall be possible"):
        tn.load(path).diagnose(wet=True, rain=tn.Jeffrey({"no": 0.5, "yes": 0.5}))
    with pytest.raises(tn.RecordError, match="TN206 wet: Jeffrey's rule is for"):
        tn.load(path).diagnose().what_if(wet=tn.Jeffrey({"no": 0.5, "yes": 0.5}))


def test_a_finding_that_nothing_depends_on_can_be_ranked(tmp_path: Path) -> None:
    path = tmp_path / "w.bif"
    path.write_text(WET, encoding="utf-8")
    model = tn.load(path)
    assert model.diagnose().marginal("wet")["yes"] == pytest.approx(0.24, abs=1e-15)
    aimed = model.diagnose(targets=["wet"])
    assert [row.cause for row in aimed.ranking] == ["wet"]
    assert aimed.posterior == {"wet": pytest.approx(0.24, abs=1e-15)}
    loaded = tn.load(path, targets=["wet"])
    assert loaded.diagnose(rain=True).posterior == {"wet": pytest.approx(0.8, abs=1e-15)}
    assert pickle.loads(pickle.dumps(loaded)).network.ranked == ("wet",)
    with pytest.raises(tn.ModelError):
        tn.load(path, targets=["wett"])
    with pytest.raises(tn.RecordError, match=r"TN201 wett: .*did you mean 'wet'"):
        model.diagnose(targets=["wett"])
    with pytest.raises(ValueError, match="a list of one or more names"):
        model.diagnose(targets="wet")


def test_other_targets_do_not_lower_the_urgency() -> None:
    """The watches read their own posteriors, whatever is ranked."""
    network = tn.load("demo").network
    watch = Watch("muscle_fatigue", 0.1, "soon", "It should be seen.")
    model = tn.Model(replace(network, watches=(watch,)))
    answers = {"leg_twitching": True, "intense_exercise": True}
    assert model.diagnose(answers).triage.urgency == "soon"
    assert model.diagnose(answers, targets=["leg_twitching"]).triage.urgency == "soon"


def test_a_joint_table_is_read_by_states_and_as_a_frame() -> None:
    table = tn.load("demo").diagnose().joint(["leg_twitching", "muscle_fatigue"])
    assert not table.probability.flags.writeable
    frame = table.to_frame()
    assert list(frame.columns) == ["leg_twitching", "muscle_fatigue", "probability"]
    both = frame.query("leg_twitching == 'present' and muscle_fatigue == 'present'")
    assert both["probability"].item() == table["present", "present"]
    with pytest.raises(KeyError, match="muscle_fatigue has no state 'no'"):
        table["present", "no"]
    with pytest.raises(KeyError, match="2 states are expected"):
        table["present"]


def test_tables_that_cannot_be_had() -> None:
    dx = tn.load("twitchy_legs").diagnose()
    with pytest.raises(ValueError, match="cells, at most 4,096"):
        dx.joint(list(dx.network.names("cause")[:13]))
    with pytest.raises(ValueError, match="several different"):
        dx.joint(["muscle_fatigue", "muscle_fatigue"])
    with pytest.raises(tn.RecordError, match=r"TN206 .*screen question"):
        dx.marginal(dx.network.names("screen")[0])
