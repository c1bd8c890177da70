"""Drawings: what is in them, in which order, and that nothing of a model is markup."""

from __future__ import annotations

import re
import sys
from itertools import pairwise, permutations, product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from twitchnet.show.drawing import Drawing, Edge, Node
from twitchnet.show.layers import by_longest_path, crossings, sorted_layers

LEGS = tn.load("twitchy_legs")
NAME = {"svg": "http://www.w3.org/2000/svg"}


def record() -> tn.Diagnosis:
    return LEGS.diagnose(
        ["leg_twitching", "urge_to_move", "worse_at_night"], numbness=False, age_band="50-64"
    )


def slow_crossings(layers: list[list[str]], edges: list[tuple[str, str]]) -> int:
    place = {name: k for names in layers for k, name in enumerate(names)}
    pairs = [(place[a], place[b]) for a, b in edges]
    return sum(a < c and d < b for (a, b), (c, d) in product(pairs, pairs))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14, unique=True))
def test_crossings_are_counted_and_no_order_found_is_worse(pairs: list[tuple[int, int]]) -> None:
    edges = [(f"a{i}", f"b{j}") for i, j in pairs]
    layers = [[f"a{i}" for i in range(6)], [f"b{j}" for j in range(6)]]
    assert crossings(layers, edges) == slow_crossings(layers, edges)
    found = sorted_layers(layers, edges)
    assert [sorted(names) for names in found] == layers
    assert crossings(found, edges) <= crossings(layers, edges)


def test_a_ladder_is_drawn_without_crossings() -> None:
    names = ["a", "b", "c", "d"]
    for order in permutations(names):
        edges = [(name, name.upper()) for name in order]
        found = sorted_layers([names, [name.upper() for name in order]], edges)
        assert crossings(found, edges) == 0


def test_layers_by_longest_path() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    assert by_longest_path(["c", "b", "a", "d"], edges) == {"c": 2, "b": 1, "a": 0, "d": 0}


def test_a_diagnosis_draws_what_its_numbers_are() -> None:
    dx = record()
    drawing = dx.draw()
    nodes = {node.name: node for node in drawing.nodes}
    assert dx.leader is not None
    leader = nodes[dx.leader]
    assert leader.share == pytest.approx(dx.posterior[leader.name])
    assert leader.before == pytest.approx(dx[leader.name].prior)
    assert (nodes["urge_to_move"].answer, nodes["urge_to_move"].present) == ("yes", True)
    assert (nodes["numbness"].answer, nodes["numbness"].present) == ("no", False)
    assert nodes["age_band"].answer == "50-64"
    for edge in drawing.edges:
        share = dx.beliefs.responsibility.get((edge.source, edge.target))
        if share is not None:
            assert edge.weight == share
    assert LEGS.network.words.disclaimer in drawing.svg
    assert f"{leader.share:.0%}" in drawing.svg


def test_every_variable_of_a_model_is_in_its_drawing() -> None:
    for name in tn.models():
        model = tn.load(name)
        tree = ElementTree.fromstring(model.draw().svg)
        texts = {text.text for text in tree.findall(".//svg:text", NAME)}
        labels = [v.label or v.name for v in model.network.nodes]
        assert {label for label in labels if len(label) <= 40} <= texts
        tips = " ".join(
            title.text or "" for title in tree.iter("{http://www.w3.org/2000/svg}title")
        )
        assert all(label in tips for label in labels)


def test_boxes_do_not_overlap_and_lie_inside() -> None:
    for drawing in (LEGS.draw(), record().draw(), record().draw("restless_legs_syndrome")):
        tree = ElementTree.fromstring(drawing.svg)
        wide, high = (float(tree.get(side, "0")) for side in ("width", "height"))
        boxes = []
        for group in tree.findall("svg:g", NAME):
            box = group.find("svg:rect", NAME)
            assert box is not None
            x, y, w, h = (float(box.get(k, "0")) for k in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= wide
            assert y + h <= high
            assert all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in boxes)
            boxes.append((x, y, w, h))
        for path in tree.iter("{http://www.w3.org/2000/svg}path"):
            curves = [numbers(part) for part in path.get("d", "").split("H")]
            assert max(max(curve[-2::-2]) for curve in curves if len(curve) > 1) <= wide + 0.1


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?[0-9.]+", text)]


def test_long_edges_run_beside_the_boxes_that_they_pass() -> None:
    """Where an edge is level, between its curves, no box of that layer is in its way."""
    words = "abcdefgh"
    edges = [(a, b) for i, a in enumerate(words) for b in words[i + 1 :: 2]]
    layer = by_longest_path(list(words), edges)
    nodes = tuple(Node(name, name.upper() * 9, layer[name]) for name in words)
    drawing = Drawing("dense", nodes, tuple(Edge(a, b, 0.5) for a, b in edges))
    passed = 0
    for one in (drawing, LEGS.draw()):
        tree = ElementTree.fromstring(one.svg)
        boxes = [
            [float(rect.get(key, "0")) for key in ("x", "y", "width", "height")]
            for group in tree.findall("svg:g", NAME)
            if (rect := group.find("svg:rect", NAME)) is not None
        ]
        for path in tree.iter("{http://www.w3.org/2000/svg}path"):
            curves = path.get("d", "").split("H")
            for before, after in pairwise(curves):
                *_, begin, level = numbers(before)
                end = numbers(after)[0]
                passed += 1
                for x, y, width, height in boxes:
                    aside = end <= x or begin >= x + width
                    assert aside or not y - 1 < level < y + height + 1
    assert passed > 20


def test_labels_fit_their_boxes() -> None:
    """In DejaVu Sans, which is wider than most fonts."""
    textpath = pytest.importorskip("matplotlib.textpath")
    font = pytest.importorskip("matplotlib.font_manager").FontProperties(family="DejaVu Sans")
    shouting = tn.Variable(
        "x", "cause", ("absent", "present"), "WWWMMM@@ OUTPUT", tn.Table((), [1, 0])
    )
    shown = tn.Model(tn.Network("loud", "1", (shouting,)))
    for drawing in (LEGS.draw(), record().draw(), shown.draw(), tn.load("network_slow").draw()):
        for group in ElementTree.fromstring(drawing.svg).findall("svg:g", NAME):
            box = group.find("svg:rect", NAME)
            assert box is not None
            texts = [text.text or "" for text in group.findall("svg:text", NAME)]
            wide = sum(
                textpath.TextPath((0, 0), t, 13, prop=font).get_extents().width for t in texts
            )
            assert wide + 14 <= float(box.get("width", "0")), texts


def test_what_a_model_says_is_never_markup() -> None:
    evil = "</title><script>alert(1)</script>&\x07"
    nodes = Node("a", evil, 0, answer=evil), Node("b", evil, 1, share=0.5, before=0.1)
    drawing = Drawing(evil, nodes, (Edge("a", "b", 0.5, evil),), (evil, evil), (evil,))
    for text in (drawing.svg, drawing._repr_html_()):
        assert "<script" not in text
    tree = ElementTree.fromstring(drawing.svg)
    assert {element.tag.split("}")[1] for element in tree.iter()} <= {
        "svg", "title", "rect", "text", "path", "g", "line",
    }  # fmt: skip


def test_the_same_network_is_the_same_bytes_and_text_holds_the_same_facts() -> None:
    assert record().draw().svg == record().draw().svg
    drawing = record().draw()
    text = str(drawing)
    for node in drawing.nodes:
        assert node.label in text
    assert "currentColor" in drawing._repr_html_()
    assert "currentColor" not in drawing.svg
    assert (
        repr(drawing) == f"<Drawing of {len(drawing.nodes)} nodes and {len(drawing.edges)} edges>"
    )


def test_a_network_without_roles_is_drawn_by_longest_path() -> None:
    a, b, c = (
        tn.Variable(name, "cause", ("absent", "present"), name, local)
        for name, local in (
            ("a", tn.Table((), [0.9, 0.1])),
            ("b", tn.Table(("a",), [[0.9, 0.1], [0.2, 0.8]])),
            ("c", tn.Table(("b",), [[0.7, 0.3], [0.4, 0.6]])),
        )
    )
    drawing = tn.Model(tn.Network("chain", "1", (a, b, c))).draw()
    assert [node.layer for node in drawing.nodes] == [0, 1, 2]
    assert [round(edge.weight, 9) for edge in drawing.edges] == [0.7, 0.3]


def test_names_that_are_wrong() -> None:
    with pytest.raises(tn.RecordError, match="did you mean 'restless_legs_syndrome'"):
        LEGS.draw("restless_leg_syndrome")
    with pytest.raises(tn.RecordError):
        record().draw("nothing")


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = record().draw()
    drawing.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg
    pytest.importorskip("resvg_py")
    drawing.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        drawing.save(tmp_path / "a.jpg")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ImportError, match=r"twitchnet\[draw\]"):
        drawing.save(tmp_path / "b.png")
