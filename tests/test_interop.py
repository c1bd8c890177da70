"""Other libraries as live oracles: the same networks in pgmpy and pyAgrum, by value and by file."""

from __future__ import annotations

import gzip
import math
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twitchnet as tn
from tests.libraries import pgmpy, pyagrum, to_pyagrum
from tests.strategies import networks
from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.errors import ModelError
from twitchnet.io.foreign.files.bif import format_bif, parse_bif
from twitchnet.io.foreign.files.net import parse_net
from twitchnet.io.foreign.files.xmlbif import parse_xmlbif
from twitchnet.io.foreign.networkx_bridge import to_networkx
from twitchnet.io.foreign.pgmpy_bridge import from_pgmpy, to_pgmpy
from twitchnet.io.foreign.tabular import hidden, tabulated
from twitchnet.io.formats import write_model
from twitchnet.io.model_file.reader import read_network
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable

MODELS = Path(__file__).parents[1] / "models"
LEAST = -500.0
"""log P(answers) below which products of the other libraries leave the range of a double."""
CLASSIC = ["asia", "cancer", "earthquake", "sachs", "survey", "child", "alarm"]


def posteriors(network: Network, hard: dict[str, int]) -> dict[str, np.ndarray] | None:
    """Ours, of every variable; None when the answers are impossible, or so to doubles."""
    every = Network(
        network.name, "1", network.variables, targets=tuple(v.name for v in network.nodes)
    )
    beliefs = Inference(every).beliefs(Answers(hard))
    if beliefs.log_evidence < LEAST:
        return None
    return {name: np.asarray(row) for name, row in beliefs.probability.items()}


def by_pgmpy(
    model: Any, network: Network, hard: dict[str, int], names: list[str]
) -> dict[str, np.ndarray]:
    evidence = {name: network.by_name[name].states[state] for name, state in hard.items()}
    engine = pgmpy().VariableElimination(model)
    found = {}
    for name in names:
        factor = engine.query([name], evidence=evidence, show_progress=False)
        order = [factor.state_names[name].index(state) for state in network.by_name[name].states]
        found[name] = factor.values[order]
    return found


def by_pyagrum(model: Any, network: Network, hard: dict[str, int]) -> dict[str, np.ndarray]:
    gum = pyagrum()
    engine = gum.LazyPropagation(model)
    engine.setEvidence({n: network.by_name[n].states[state] for n, state in hard.items()})
    engine.makeInference()
    return {
        v.name: np.array([
            engine.posterior(v.name)[{v.name: model.variable(v.name).index(state)}]
            for state in v.states
        ])
        for v in network.nodes if v.name not in hard
    }  # fmt: skip


def close(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, row in expected.items():
        np.testing.assert_allclose(actual[name], row, rtol=1e-9, atol=1e-13, err_msg=name)


# -- random and classic networks --------------------------------------------------------------


@settings(max_examples=12)
@given(data=st.data(), network=networks(largest=5), cells=st.sampled_from([8, 4096]))
def test_random_networks_agree_with_pgmpy(
    data: st.DataObject, network: Network, cells: int
) -> None:
    observed = data.draw(st.lists(st.sampled_from([v.name for v in network.nodes]), max_size=2))
    hard = {n: data.draw(st.integers(0, network.by_name[n].card - 1)) for n in observed}
    ours = posteriors(network, hard)
    if ours is None:
        return
    asked = [v.name for v in network.nodes if v.name not in hard]
    model = to_pgmpy(network, cells)
    assert model.check_model()
    assert model.latents == set(hidden(tabulated(network, cells)))
    close(ours, by_pgmpy(model, network, hard, asked))


@settings(max_examples=40)
@given(data=st.data(), network=networks())
def test_random_networks_agree_with_pyagrum(data: st.DataObject, network: Network) -> None:
    observed = data.draw(st.lists(st.sampled_from([v.name for v in network.nodes]), max_size=3))
    hard = {n: data.draw(st.integers(0, network.by_name[n].card - 1)) for n in observed}
    ours = posteriors(network, hard)
    if ours is not None:
        model = to_pyagrum(network)
        close(ours, by_pyagrum(model, network, hard))


@pytest.fixture(scope="module")
def classic() -> dict[str, tuple[bytes, Network]]:
    """Published networks as pgmpy ships them, read by our reader."""
    spec = find_spec("pgmpy")  # finding it does not import it
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "utils" / "example_models"
    if not folder.is_dir():
        pytest.skip("this pgmpy ships no example models")
    texts = {name: gzip.decompress((folder / f"{name}.bif.gz").read_bytes()) for name in CLASSIC}
    return {name: (text, parse_bif(text, f"{name}.bif")) for name, text in texts.items()}


def cases(network: Network, count: int) -> list[dict[str, int]]:
    """A few records: nothing, then states of every third variable that can occur together."""
    rng = np.random.default_rng(7)
    found: list[dict[str, int]] = [{}]
    while len(found) < count:
        world: dict[str, int] = {}
        for name in network.topological:
            local = network.by_name[name].local
            assert isinstance(local, Table)
            row = local.probabilities[tuple(world[parent] for parent in local.parents)]
            world[name] = int(rng.choice(len(row), p=row / row.sum()))
        found.append({name: world[name] for name in list(world)[:: 3 + len(found) % 3]})
    return found


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_networks_agree_with_pyagrum(
    name: str, classic: dict[str, tuple[bytes, Network]]
) -> None:
    network = classic[name][1]
    model = to_pyagrum(network)
    for hard in cases(network, 4):
        ours = posteriors(network, hard)
        assert ours is not None
        close(ours, by_pyagrum(model, network, hard))


@pytest.mark.parametrize("name", ["asia", "sachs", "alarm"])
def test_classic_networks_agree_with_pgmpy(
    name: str, classic: dict[str, tuple[bytes, Network]]
) -> None:
    text, network = classic[name]
    theirs = pgmpy().readers[".bif"](string=text.decode()).get_model()
    rounded = any(
        abs(table.get_values().sum(axis=0) - 1).max() > 1e-12 for table in theirs.get_cpds()
    )
    model = to_pgmpy(network) if rounded else theirs
    for hard in cases(network, 3):
        ours = posteriors(network, hard)
        assert ours is not None
        asked = [v.name for v in network.nodes if v.name not in hard][::4]
        close(ours, by_pgmpy(model, network, hard, asked))
    again = from_pgmpy(theirs)
    assert {v.name: v.states for v in again.nodes} == {v.name: v.states for v in network.nodes}
    for variable in network.nodes:
        mine, other = variable.local, again.by_name[variable.name].local
        assert isinstance(mine, Table)
        assert isinstance(other, Table)
        assert mine.parents == other.parents
        np.testing.assert_allclose(mine.probabilities, other.probabilities, rtol=1e-12)


# -- the complaint with all its parents ---------------------------------------------------------


def _about(network: Network, hard: dict[str, int], targets: list[str]) -> Network:
    """The network without what neither the answers nor the targets depend on."""
    graph = to_networkx(network)
    wanted = {*hard, *targets}
    wanted |= {above for name in list(wanted) for above in nx.ancestors(graph, name)}
    variables = tuple(v for v in network.nodes if v.name in wanted)
    return Network(
        network.name, "1", variables, complaint=network.complaint, targets=tuple(targets)
    )


def test_twitchy_legs_agrees_with_pyagrum() -> None:
    """26 parents of one finding, links that depend on modifiers, descriptors; all contexts told."""
    network = read_network(MODELS / "twitchy_legs.yaml")
    said = {
        "age_band": "50-64", "sex": "female", "pregnancy": "absent", "caffeine_intake": "high",
        "antidepressant_use": "present", "leg_twitching": "present", "urge_to_move": "present",
        "worse_at_night": "present", "numbness": "absent", "onset_after_new_medication": "absent",
        "twitch_jerking": "present",
    }  # fmt: skip
    hard = dict.fromkeys(network.names("context"), 0)
    hard |= {name: network.by_name[name].states.index(state) for name, state in said.items()}
    targets = ["restless_legs_syndrome", "medication_side_effect", "motor_neurone_disease"]
    small = _about(network, hard, targets)
    flat = tabulated(small, 64)
    assert len(hidden(flat)) > 20
    gum = pyagrum()
    engine = gum.LazyPropagation(to_pyagrum(flat))
    engine.setEvidence({n: network.by_name[n].states[state] for n, state in hard.items()})
    engine.setTargets(set(small.targets))
    engine.makeInference()
    beliefs = Inference(network).beliefs(Answers(hard))
    assert beliefs.log_evidence == pytest.approx(math.log(engine.evidenceProbability()), abs=1e-9)
    for name in small.targets:
        theirs = [engine.posterior(name)[i] for i in range(2)]
        np.testing.assert_allclose(beliefs.probability[name], theirs, rtol=1e-9)


def test_noisy_or_is_pyagrums_net_form_and_not_its_compound_form() -> None:
    gum = pyagrum()
    states = ("absent", "present")
    strengths, leak = [0.3, 0.6, 0.9], 0.2
    roots = [
        Variable(f"p{i}", "cause", states, "p", Table((), np.array([0.5, 0.5]))) for i in range(3)
    ]
    links = [Link(f"p{i}", (), np.array([0.0, w])) for i, w in enumerate(strengths)]
    child = Variable("x", "finding", states, "x", NoisyOr(Leak((), np.array(leak)), tuple(links)))
    network = Network("n", "1", (*roots, child), targets=("x",))
    forms = {}
    for form in ("addNoisyORNet", "addNoisyORCompound"):
        model = gum.BayesNet()
        node = getattr(model, form)(gum.LabelizedVariable("x", "x", 2), leak)
        for i, strength in enumerate(strengths):
            parent = model.add(gum.LabelizedVariable(f"p{i}", "p", 2))
            model.cpt(parent).fillWith([0.5, 0.5])
            model.addWeightedArc(parent, node, strength)
        forms[form] = by_pyagrum_numbers(model, "x")
    ours = posteriors(network, {})
    assert ours is not None
    np.testing.assert_allclose(ours["x"], forms["addNoisyORNet"], rtol=1e-6)  # it keeps float32
    assert abs(forms["addNoisyORCompound"][1] - ours["x"][1]) > 0.01


def by_pyagrum_numbers(model: Any, name: str) -> np.ndarray:
    gum = pyagrum()
    engine = gum.LazyPropagation(model)
    engine.makeInference()
    return np.array([engine.posterior(name)[i] for i in range(2)])


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".bif", ".bifxml", ".net"])
def test_pyagrum_reads_our_files_and_we_read_its(suffix: str, tmp_path: Path) -> None:
    gum = pyagrum()
    network = tabulated(read_network(MODELS / "demo.yaml"))
    path = tmp_path / f"ours{suffix}"
    write_model(network, path)
    model = gum.loadBN(str(path))
    hard = {"leg_twitching": 1, "caffeine_intake": 2}
    ours = posteriors(network, hard)
    assert ours is not None
    for name, row in by_pyagrum(model, network, hard).items():
        np.testing.assert_allclose(ours[name], row, rtol=1e-6)  # its readers keep float32
    gum.saveBN(model, str(tmp_path / f"theirs{suffix}"))
    parse = {".bif": parse_bif, ".bifxml": parse_xmlbif, ".net": parse_net}[suffix]
    again = parse((tmp_path / f"theirs{suffix}").read_bytes())
    theirs = posteriors(again, hard)
    assert theirs is not None
    for name, row in ours.items():
        np.testing.assert_allclose(theirs[name], row, atol=1e-5)  # six digits in its XML


@pytest.mark.parametrize("suffix", [".bif", ".xml", ".net", ".xdsl"])
def test_pgmpy_reads_our_files(suffix: str, tmp_path: Path) -> None:
    network = tabulated(read_network(MODELS / "demo.yaml"))
    write_model(network, tmp_path / f"ours{suffix}")
    model = pgmpy().readers[suffix](str(tmp_path / f"ours{suffix}")).get_model()
    asked = ["muscle_fatigue", "stimulant_excess"]
    hard = {"leg_twitching": 1, "caffeine_intake": 2}
    ours = posteriors(network, hard)
    assert ours is not None
    close(ours, by_pgmpy(model, network, hard, asked))


# -- the bridges themselves -----------------------------------------------------------------------


def test_a_network_comes_back_from_pgmpy_as_it_went() -> None:
    network = tabulated(read_network(MODELS / "demo.yaml"))
    again = from_pgmpy(to_pgmpy(network))
    assert format_bif(again).splitlines()[2:] == format_bif(network).splitlines()[2:]
    assert [v.label for v in again.variables] == [v.label for v in network.variables]


def test_from_pgmpy_names_a_node_without_a_table() -> None:
    model = to_pgmpy(read_network(MODELS / "demo.yaml"))
    model.remove_cpds("muscle_fatigue")
    with pytest.raises(ModelError, match="TN140 muscle_fatigue: has no table"):
        from_pgmpy(model)


def test_the_facade_speaks_pgmpy_and_networkx() -> None:
    model = tn.load("demo")
    again = tn.Model.from_pgmpy(model.to_pgmpy())
    record = {"leg_twitching": True, "twitch_after_exercise": True}
    ours, theirs = model.diagnose(record), again.diagnose(record)
    for cause in model.causes:
        assert theirs.posterior[cause] == pytest.approx(ours.posterior[cause], rel=1e-12)
    assert theirs.log_evidence == pytest.approx(ours.log_evidence, abs=1e-12)
    assert model.to_networkx().graph["fingerprint"] == model.fingerprint


@pytest.mark.parametrize(("package", "ask"), [("networkx", to_networkx), ("pgmpy", to_pgmpy)])
def test_a_package_that_is_missing_is_named_with_its_extra(
    package: str, ask: Callable[[Network], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [package, "pgmpy.factors.discrete", "pgmpy.models"]:
        monkeypatch.setitem(sys.modules, name, None)
    wanted = f"this needs {package}, which is not installed: pip install 'twitchnet[{package}]'"
    with pytest.raises(ImportError, match=f"^{re.escape(wanted)}$"):
        ask(read_network(MODELS / "demo.yaml"))


def test_the_graph_has_every_arc_with_its_meaning() -> None:
    network = read_network(MODELS / "twitchy_legs.yaml")
    graph = to_networkx(network)
    assert list(graph.nodes) == [v.name for v in network.variables]
    assert set(graph.edges) == {(p, v.name) for v in network.nodes for p in network.parents(v.name)}
    assert nx.is_directed_acyclic_graph(graph)
    for first, second in pairwise(network.topological):
        assert not graph.has_edge(second, first)
    link = graph.edges["iron_deficiency", "restless_legs_syndrome"]
    assert link["role"] == "link"
    assert link["low"] < link["strength"] < link["high"]
    assert set(link["sources"]) <= {source.key for source in network.sources}
    assert graph.edges["sex", "pregnancy"]["role"] == "table"
    assert graph.edges["leg_twitching", "twitch_jerking"]["role"] == "describes"
    assert graph.edges["age_band", "restless_legs_syndrome"]["role"] == "modifier"
    assert graph.nodes["cauda_equina_syndrome"]["kind"] == "cause"
    assert graph.nodes["fever"] == {
        "kind": "screen", "label": "Fever", "states": ("absent", "present"),
        "group": "", "severity": "",
    }  # fmt: skip


def asymmetric() -> Network:
    """Three variables of which no order of the tables but the right one gives the same."""
    rows = np.array([[0.01, 0.02], [0.11, 0.12], [0.21, 0.22]])
    table = Table(("a", "b"), np.stack([1.0 - rows, rows], axis=-1))
    return Network(
        "n",
        "1",
        (
            Variable("a", "cause", ("x", "y", "z"), "a", Table((), [0.6, 0.2, 0.2])),
            Variable("b", "cause", ("n", "p"), "b", Table((), [0.9, 0.1])),
            Variable("c", "finding", ("lo", "hi"), "c", table),
        ),
    )


@pytest.mark.parametrize("suffix", [".xdsl", ".uai", ".net", ".bif", ".bifxml"])
def test_files_that_pyagrum_writes_mean_what_it_meant(suffix: str, tmp_path: Path) -> None:
    network = asymmetric()
    path = str(tmp_path / f"n{suffix}")
    pyagrum().saveBN(to_pyagrum(network), path)
    found = tn.load(path).network
    variables = sorted(found.nodes, key=lambda v: (v.card != 3, v.kind == "finding"))
    a, b, c = (variable.name for variable in variables)
    local = found.by_name[c].local
    assert isinstance(local, Table)
    axes = [local.parents.index(name) for name in (a, b)]
    right = network.by_name["c"].local
    assert isinstance(right, Table)
    assert local.probabilities[..., 1].transpose(axes) == pytest.approx(
        right.probabilities[..., 1], abs=1e-6
    )


@pytest.mark.parametrize("suffix", [".xdsl", ".uai"])
def test_pyagrum_reads_files_that_are_written_for_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"n{suffix}"
    write_model(asymmetric(), path, "pyagrum")
    read = pyagrum().loadBN(str(path))
    name = "c" if suffix == ".xdsl" else "2"
    parents = ("a", "b") if suffix == ".xdsl" else ("0", "1")
    table = read.cpt(name)
    for i, row in enumerate([[0.01, 0.02], [0.11, 0.12], [0.21, 0.22]]):
        for j, value in enumerate(row):
            found = table[{parents[0]: i, parents[1]: j}]
            assert found[1] == pytest.approx(value, abs=1e-6)


def test_files_that_pgmpy_writes_as_uai_mean_what_it_meant(tmp_path: Path) -> None:
    pgmpy()
    from pgmpy.readwrite import UAIWriter

    path = tmp_path / "n.uai"
    UAIWriter(to_pgmpy(asymmetric())).write(str(path))
    found = tn.load(path).network
    (c,) = found.names("finding")
    local = found.by_name[c].local
    assert isinstance(local, Table)
    cards = [found.cards[parent] for parent in local.parents]
    rows = local.probabilities[..., 1].transpose([cards.index(3), cards.index(2)])
    assert rows == pytest.approx(np.array([[0.01, 0.02], [0.11, 0.12], [0.21, 0.22]]), abs=1e-12)


def test_bif_files_that_pgmpy_saves_with_states_of_several_words(tmp_path: Path) -> None:
    pgmpy()
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteBayesianNetwork

    names = {"gate": ["wide open", "tightly shut"], "dog": ["out", "in"]}
    theirs = DiscreteBayesianNetwork([("gate", "dog")])
    theirs.add_cpds(
        TabularCPD("gate", 2, [[0.2], [0.8]], state_names=names),
        TabularCPD("dog", 2, [[0.7, 0.1], [0.3, 0.9]], ["gate"], [2], state_names=names),
    )
    theirs.save(str(tmp_path / "yard.bif"))
    query = VariableElimination(theirs).query(["gate"], {"dog": "out"}, show_progress=False)
    model = tn.load(tmp_path / "yard.bif", baselines={"gate": "tightly shut"})
    found = model.diagnose(dog="out").posterior["gate"]
    assert found == pytest.approx(query.get_value(gate="wide open"), rel=1e-9)
    theirs.save(str(tmp_path / "yard.xml"))  # BIF again
    with pytest.raises(ModelError, match=r"call the file \.bif"):
        tn.load(tmp_path / "yard.xml")


def test_files_of_the_bnlearn_repository_in_gzip() -> None:
    pgmpy()
    import pgmpy as package
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    folder = Path(package.__file__).parent / "utils" / "example_models"
    for name in ("asia", "sachs", "child"):
        path = folder / f"{name}.bif.gz"
        text = gzip.decompress(path.read_bytes()).decode()
        network_of_theirs = BIFReader(string=text).get_model()
        for table in network_of_theirs.get_cpds():
            table.normalize(inplace=True)  # rows of six digits, which twitchnet scales to 1
        theirs = VariableElimination(network_of_theirs)
        model = tn.load(path)
        network = model.network
        (finding, *_) = network.names("finding")
        variable = network.by_name[finding]
        record = {finding: (variable.texts or variable.states)[-1]}
        marginal = model.diagnose(record).marginal(network.ranked[0])
        cause = network.by_name[network.ranked[0]]
        query = theirs.query([cause.name], record, show_progress=False)
        for state, text_of_state in zip(cause.states, cause.texts or cause.states, strict=True):
            right = query.get_value(**{cause.name: text_of_state})
            assert marginal[state] == pytest.approx(right, rel=1e-9)
