"""How does a network look?  Layers of boxes and the curves between them, as SVG.

A box holds a label, a bar for a probability with a mark where it was before, and the answer if
there is one.  Text comes from models and records and is escaped.  Nothing but the standard library
draws, and the same network is the same bytes.

In a notebook, ink is the colour of the text around it, so that it is readable on a light and on a
dark ground; a file has a white ground of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from os import PathLike, fspath
from pathlib import Path

from twitchnet.show.layers import PLACE, sorted_layers, threads
from twitchnet.show.page import clean

BOX, GAP = 24, 6  # height of a box, and between boxes
THREAD = 9  # height of the place of an edge that passes a layer
BETWEEN = 110  # width between layers, in which edges run
MARGIN, TITLE, HEAD, NOTE = 12, 26, 24, 18
MANY = 100  # edges from which all are thin, so that each can be followed
SIZE = 13  # of letters
LETTER = 0.54 * SIZE  # mean width of a letter in common sans-serif fonts
WIDEST = 40  # letters of a label; longer ones end in an ellipsis, and whole in the tooltip
BAR, PRESENT, ABSENT = "#0072b2", "#d55e00", "#8a8a8a"
# of Okabe & Ito (2008): a probability, an answer that is present, one that is absent
Place = tuple[float, float, float]
"""Left, middle and width of a box."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Node:
    """A box: ``share`` is a probability 0 to 1 and ``before`` what it was, None for none.

    ``answer`` is what was observed, '' for nothing; ``present`` says whether that is more than the
    baseline.
    """

    name: str
    label: str
    layer: int
    share: float | None = None
    before: float | None = None
    answer: str = ""
    present: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A curve from one box to another; ``weight`` 0 to 1 is its strength, ``title`` says it."""

    source: str
    target: str
    weight: float
    title: str = ""


@dataclass(frozen=True, repr=False)
class Drawing:
    """A network, or a part of it, drawn in layers.

    ``svg`` is the picture as text; a notebook shows it, and :meth:`save` writes a file.

    >>> rain = Node("rain", "Rain", 0, share=0.4)
    >>> wet = Node("wet", "Wet grass", 1, answer="yes", present=True)
    >>> Drawing("Yard", (rain, wet), (Edge("rain", "wet", 0.9),)).svg[:4]
    '<svg'
    """

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    heads: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def svg(self) -> str:
        """The picture with a white ground, for a file."""
        return _svg(self, "#1f2328", "#ffffff")

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{_svg(self, "currentColor", "")}</div>'

    def __str__(self) -> str:
        """The nodes and edges as lines of text."""
        called = {node.name: node.label for node in self.nodes}
        lines = [self.title]
        for node in self.nodes:
            shown = "" if node.share is None else f" {node.share:.0%}"
            lines.append(f"  {node.label}{shown}{f': {node.answer}' if node.answer else ''}")
        lines += [f"  {called[e.source]} -> {called[e.target]}  {e.title}" for e in self.edges]
        return "\n".join(line.rstrip() for line in [*lines, *self.notes])

    def __repr__(self) -> str:
        return f"<Drawing of {len(self.nodes)} nodes and {len(self.edges)} edges>"

    def save(self, path: str | PathLike[str], *, scale: float = 2.0) -> None:
        """Writes the picture: ``.svg``, or ``.png`` with ``scale`` pixels to a unit.

        PNG needs ``pip install 'twitchnet[draw]'``.  Raises ``ValueError`` for another suffix,
        ``ImportError`` without that package, ``OSError`` when the file cannot be written.
        """
        file = Path(fspath(path))
        if file.suffix.lower() == ".svg":
            file.write_text(self.svg, encoding="utf-8")
        elif file.suffix.lower() == ".png":
            file.write_bytes(_png(self.svg, scale))
        else:
            raise ValueError(f"a drawing is saved as .svg or .png, not {file.suffix!r}")


def _png(svg: str, scale: float) -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise ImportError(
            "PNG needs resvg_py, which is not installed: pip install 'twitchnet[draw]'"
        ) from None
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=max(1, round(scale))))


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1].rstrip()}…"


def _worded(node: Node) -> str:
    """The label of a box and what stands behind it."""
    said = f": {node.answer}" if node.answer else ""
    return _short(clean(node.label)) + _short(clean(said))


def _number(share: float | None) -> str:
    if share is None:
        return ""
    return f"{share:.0%}" if share >= 0.095 or share == 0.0 else f"{100 * share:.1g}%"


def _svg(drawing: Drawing, ink: str, ground: str) -> str:
    """The picture, with the colour of text and of the ground ('' for none)."""
    nodes = {node.name: node for node in drawing.nodes}
    layer = {node.name: node.layer for node in drawing.nodes}
    passed = threads([(edge.source, edge.target) for edge in drawing.edges], layer)
    layers: list[list[str]] = [[] for _ in range(1 + max(layer.values(), default=0))]
    for name, i in layer.items():
        layers[i].append(name)
    for chain in passed:
        for k, name in enumerate(chain[1:-1], 1):
            layers[layer[chain[0]] + k].append(name)
    order = sorted_layers(layers, [link for chain in passed for link in pairwise(chain)])
    top = MARGIN + TITLE + (HEAD if drawing.heads else 0)
    tallest = max(sum(map(_height, names)) for names in order)
    place: dict[str, Place] = {}
    left = float(MARGIN)
    heads = []
    for i, names in enumerate(order):
        width = max((_width(nodes[name]) for name in names if name in nodes), default=0.0)
        y = top + (tallest - sum(map(_height, names))) / 2
        if names and i < len(drawing.heads):
            heads.append(_text(left, MARGIN + TITLE + 12, drawing.heads[i], "font-weight='600'"))
        for name in names:
            place[name] = left, y + _height(name) / 2, width
            y += _height(name)
        left += width + BETWEEN if names else 0.0
    texts = [drawing.title, *drawing.notes]
    width = max(left, 2 * MARGIN + 1.15 * LETTER * max(map(len, texts)))
    height = top + tallest + MARGIN + NOTE * len(drawing.notes)
    widest = 4.4 if len(drawing.edges) <= MANY else 1.6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" font-size="{SIZE}" '
        f'font-family="{FONT}" fill="{ink}" style="max-width:100%;height:auto">',
        f"<title>{escape(clean(drawing.title))}</title>",
        f'<rect width="100%" height="100%" fill="{ground}"/>' if ground else "",
        _text(MARGIN, MARGIN + 12, drawing.title, "font-weight='600'"),
        *heads,
        *(
            _curve(edge, [place[name] for name in chain], ink, widest)
            for edge, chain in sorted(
                zip(drawing.edges, passed, strict=True), key=lambda one: one[0].weight
            )
        ),
        *(_box(node, *place[name], ink) for name, node in nodes.items()),
    ]
    for k, note in enumerate(drawing.notes):
        parts.append(_text(MARGIN, top + tallest + NOTE * (k + 0.8), note, "fill-opacity='.8'"))
    return "".join([*parts, "</svg>"])


def _height(name: str) -> int:
    """The height of a box, or of the place of an edge that passes by, with the gap below."""
    return THREAD if name.startswith(PLACE) else BOX + GAP


def _width(node: Node) -> float:
    """The width of a box: of its letters, wide and narrow ones, and its number."""
    letters = sum(map(_letter, _worded(node)))
    return max(90.0, letters + 22 + (40 if node.share is not None else 0))


def _letter(letter: str) -> float:
    """A width that a letter does not exceed in common sans-serif fonts."""
    if letter in "ijlftr.,:;'|!()[] -":
        return 0.42 * SIZE
    if letter in "mwMW@%" or ord(letter) > 0x2FF:
        return 1.05 * SIZE
    return (0.8 if letter.isupper() else 0.64) * SIZE


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(clean(text))}</text>'


def _box(node: Node, x: float, y: float, width: float, ink: str) -> str:
    """A box, with its tooltip."""
    up = y - BOX / 2
    edge = (PRESENT if node.present else ABSENT) if node.answer else ink
    absent = bool(node.answer) and not node.present
    strong = 'stroke-width="2"' if node.answer else 'stroke-width="1" stroke-opacity=".45"'
    dashes = ' stroke-dasharray="4 3"' if absent else ""
    frame = f'x="{x:.1f}" y="{up:.1f}" width="{width:.1f}" height="{BOX}" rx="4"'
    inside = [f'<rect {frame} fill="none" stroke="{edge}" {strong}{dashes}/>']
    if node.share is not None:
        inside.append(
            f'<rect x="{x:.1f}" y="{up:.1f}" width="{width * node.share:.1f}" height="{BOX}" '
            f'rx="4" fill="{BAR}" fill-opacity=".3"/>'
        )
        if node.before is not None:
            mark = x + width * node.before
            inside.append(
                f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{up:.1f}" y2="{up + BOX:.1f}" '
                f'stroke="{ink}" stroke-width="1.5" stroke-dasharray="3 2"/>'
            )
        inside.append(_text(x + width - 8, y + 4.5, _number(node.share), "text-anchor='end'"))
    inside.append(_text(x + 8, y + 4.5, _worded(node)))
    said = [node.label, node.name, node.answer]
    if node.share is not None:
        before = "" if node.before is None else f", before {node.before:.3g}"
        said.append(f"probability {node.share:.3g}{before}")
    tooltip = escape(clean("; ".join(filter(None, said))))
    return f"<g><title>{tooltip}</title>{''.join(inside)}</g>"


def _curve(edge: Edge, places: Sequence[Place], ink: str, widest: float) -> str:
    """A curve past the places of an edge, wider the stronger it is.

    One to the same layer, or back, goes around the right side of the boxes.
    """
    x, y, width = places[0]
    at = x + width
    path = f"M{at:.1f} {y:.1f}"
    for to_x, to_y, to_width in places[1:]:
        if to_x > at:
            end, bend = to_x, (to_x - at) / 2
            turns = f"{at + bend:.1f} {y:.1f} {end - bend:.1f} {to_y:.1f}"
        else:
            end = to_x + to_width
            far = max(at, end) + min(28 + abs(to_y - y) / 12, BETWEEN - 20)
            turns = f"{far:.1f} {y:.1f} {far:.1f} {to_y:.1f}"
        path += f"C{turns} {end:.1f} {to_y:.1f}"
        at, y = to_x + to_width, to_y
        if (to_x, to_y, to_width) != places[-1]:
            path += f"H{at:.1f}"
    weight = min(max(edge.weight, 0.0), 1.0)
    return (
        f'<path d="{path}" fill="none" stroke="{ink}" '
        f'stroke-width="{0.6 + widest * weight:.2f}" '
        f'stroke-opacity="{0.15 + 0.45 * weight:.2f}">'
        f"<title>{escape(clean(edge.title))}</title></path>"
    )
