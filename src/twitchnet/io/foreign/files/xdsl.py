"""The format of GeNIe and SMILE (.xdsl): tables, noisy-MAX nodes, deterministic nodes.

    smile / nodes / { cpt: state ..., parents, probabilities
                      noisymax: state ..., parents, strengths, parameters
                      deterministic: state ..., parents, resultingstates }
          / extensions / genie / node: name

Tables run through the node's states fastest, then through those of the last parent.
pyAgrum, which names itself as the ``app`` of the file, writes the first parent fastest; such
a file is read as it was meant, with a note.

A noisy-MAX has, for each parent, one column for each of its states in the order of
``strengths``, then one column for the leak; the last state of the node and the last
column of each parent are their baselines (the node's states go from the strongest down).
The numbers are those of Diez, "this parent alone, no leak", as in our noisy-MAX, so they
need no conversion; GeNIe shows Henrion's compound form on request.
Diagnostic roles are those of GeNIe: a node with ``diagtype`` target is a cause that is ranked,
one with observation is asked about (always, if ``mandatory``), any other node of such a file is a
cause that is not ranked.  The states marked ``fault`` are those that are looked for, so the
first state without that mark is the baseline.  Submodels become groups.  A default state is no
answer: it is told in a note.
Source: SMILE programmer's manual, "noisy-MAX nodes", "diagnosis", "XDSL file format".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from twitchnet.io.foreign.declared import OBSERVATION
from twitchnet.io.foreign.draft import MAX_VARIABLES, Draft
from twitchnet.io.foreign.files.safe_xml import Element, escaped, parse_xml
from twitchnet.io.foreign.spelling import identifiers, respelled
from twitchnet.io.foreign.table_order import TableOrder, list_in_order, read_in_order
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import NoisyMax, NoisyOr, Table
from twitchnet.model.network import Network, Variable

KIND = "kind"
STATES = "states"  # keeps states that GeNIe cannot spell
_REFUSED = {
    "noisyadder": "a noisy-adder node",
    "decision": "a decision node",
    "utility": "a utility node",
    "mau": "a multi-attribute utility node",
    "equation": "an equation node",
    "demorgan": "a DeMorgan node",
    "cast": "a CAST node",
}

_INDEX = re.compile(r"[0-9]{1,3}\Z")
_READ = frozenset(
    [
        "nodes",
        "cpt",
        "noisymax",
        "deterministic",
        "state",
        "parents",
        "probabilities",
        "parameters",
        "strengths",
        "resultingstates",
        "dynamic",
        "extensions",
        "genie",
        "submodel",
        "node",
        "name",
    ]
)


def _wanted(parent: str, element: Element) -> bool:
    if element.tag == "property":
        return element.attributes.get("id") in (KIND, STATES)
    return element.tag in _READ or parent == "nodes"


def parse_xdsl(
    data: bytes | str,
    file: str = "<string>",
    order: TableOrder | None = None,
    drop_decisions: bool = False,
) -> Network:
    """The network of an XDSL document.  Raises ``ModelError`` with every problem.

    ``order`` says in which order the file lists the numbers of a table; None takes that of
    the program that wrote the file.
    """
    draft = Draft(file, drop_decisions)
    root = parse_xml(data, draft, _wanted)
    nodes = root.one("nodes")
    if root.tag != "smile" or nodes is None:
        draft.stop("TN150", f"<smile><nodes> is expected, found <{root.tag[:40]}>", root.place)
    draft.name = root.attributes.get("id") or draft.name
    shown = _shown(root)
    roles = any("diagtype" in element.attributes for element in nodes.children)
    if root.one("dynamic") is not None:
        draft.wrong("TN152", "a network that unrolls in time cannot be read", root.place)
    known = []
    for element in nodes.children:
        name = element.attributes.get("id", "")
        if element.tag not in ("cpt", "noisymax", "deterministic"):
            what = _REFUSED.get(element.tag, f"<{element.tag[:40]}>")
            hint = "in GeNIe, change the type of the node to a general chance node"
            draft.refuse(name, what, element.place, hint)
        elif not name:
            draft.wrong("TN121", f"<{element.tag}> has no id", element.place)
            draft.nameless = True
        else:
            _declare(element, name, shown.get(name, (name, "")), roles, draft)
            known.append((element, name))
    order = order or _order(root, known, draft)
    for element, name in known:
        _define(element, name, draft, order)
    return draft.network()


def _order(root: Element, known: Sequence[tuple[Element, str]], draft: Draft) -> TableOrder:
    """The order in which the program that wrote the file lists the numbers of a table."""
    apps = [genie.attributes.get("app", "") for e in root.all("extensions") for genie in e.children]
    if not any("agrum" in app.lower() for app in apps):
        return "definition"
    if any(len(element.words("parents", 2)) > 1 for element, _ in known if element.tag == "cpt"):
        draft.notes.append(
            f"The file was written by {apps[0][:40]}, so its tables were read with the first "
            "parent fastest after the child; order='definition' reads the last parent fastest."
        )
    return "pyagrum"


def _shown(root: Element) -> dict[str, tuple[str, str]]:
    """The name that GeNIe shows and the submodel that holds the node, by id."""
    found: dict[str, tuple[str, str]] = {}
    waiting = [(element, "") for element in root.all("extensions")]
    while waiting:
        element, group = waiting.pop()
        named = element.one("name")
        if element.tag == "node" and named is not None:
            found[element.attributes.get("id", "")] = (named.text.strip(), group)
        if element.tag == "submodel":
            group = named.text.strip() if named is not None else element.attributes.get("id", "")
        waiting += [(child, group) for child in element.children]
    return found


def _declare(
    element: Element, name: str, shown: tuple[str, str], roles: bool, draft: Draft
) -> None:
    marks = [state.attributes for state in element.all("state")]
    properties = {p.attributes.get("id", ""): p.text.strip() for p in element.all("property")}
    states = respelled([mark.get("id", "") for mark in marks], properties.get(STATES, ""))
    kind, said = properties.get(KIND, ""), element.attributes
    if roles and not kind:
        kind = OBSERVATION if said.get("diagtype") == "observation" else "cause"
    new = draft.declare(
        name,
        states,
        element.place,
        label=shown[0],
        kind=kind,
        faults=[i for i, mark in enumerate(marks) if mark.get("fault") == "true"],
        mandatory=said.get("diagtype") == "observation" and said.get("mandatory") == "true",
        group=shown[1],
    )
    if new and said.get("diagtype") == "target":
        draft.targets.append(name)
    for state, mark in zip(states, marks, strict=True):
        if mark.get("default") == "true":
            draft.notes.append(f"{name[:80]}: the default state {state[:60]!r} is no answer.")


def _define(element: Element, name: str, draft: Draft, order: TableOrder) -> None:
    place = element.place
    parents = element.words("parents", MAX_VARIABLES)
    if len(parents) > MAX_VARIABLES:
        draft.stop("TN148", f"more than {MAX_VARIABLES:,} parents", place)
    if element.tag == "noisymax":
        if draft.opened(name, parents, place):
            _noisy(element, name, parents, draft)
        return
    cells = draft.room(name, parents, place)
    if cells and element.tag == "cpt":
        words = element.words("probabilities", cells)
        numbers = draft.numbers(words, cells, place)
        draft.table(name, read_in_order(numbers, draft.cards((*parents, name)), order), place)
    elif cells:
        _deterministic(element, name, cells, draft)


def _deterministic(element: Element, name: str, cells: int, draft: Draft) -> None:
    """A table of 0 and 1: the state of the node for each row."""
    states = element.all("state")
    index = {state.attributes.get("id", ""): i for i, state in enumerate(states)}
    rows = cells // len(states)
    words = element.words("resultingstates", rows)
    if len(words) != rows:
        found = "more" if len(words) > rows else len(words)
        message = f"{rows} resulting states are expected, found {found}"
        draft.wrong("TN134", message, element.place, name)
        return
    table = np.zeros((rows, len(states)))
    for row, word in enumerate(words):
        if word not in index:
            draft.wrong("TN113", f"no state {word[:80]!r}", element.place, name)
            return
        table[row, index[word]] = 1.0
    draft.table(name, table.reshape(-1), element.place)


def _noisy(element: Element, name: str, parents: Sequence[str], draft: Draft) -> None:
    own, cards = draft.cards([name])[0], draft.cards(parents)
    cells = own * (sum(cards) + 1)
    words = element.words("parameters", cells)
    if len(words) != cells:
        found = "more" if len(words) > cells else len(words)
        message = f"{cells} parameters are expected, found {found}"
        draft.wrong("TN134", message, element.place, name)
        return
    values = np.array(draft.numbers(words, cells, element.place))
    if np.isnan(values).any():
        return
    words = element.words("strengths", sum(cards))
    if len(words) != sum(cards):
        found = "more" if len(words) > sum(cards) else len(words)
        message = f"{sum(cards)} strengths are expected, found {found}"
        draft.wrong("TN134", message, element.place, name)
        return
    strengths = [int(word) if _INDEX.match(word) else -1 for word in words]
    columns = values.reshape(-1, own)
    effects, neutral, at = [], [], 0
    for parent, card in zip(parents, cards, strict=True):
        order = strengths[at : at + card]
        if sorted(order) != list(range(card)):
            message = f"strengths do not name each state of {parent!r} once"
            draft.wrong("TN134", message, element.place, name)
            return
        effect = np.empty((card, own))
        effect[order] = columns[at : at + card]
        if effect[order[-1], :-1].any() or effect[order[-1], -1] != 1.0:
            message = f"the weakest state of {parent!r} must produce nothing: 0 ... 0 1"
            draft.wrong("TN145", message, element.place, name)
            return
        effects.append(effect)
        neutral.append(order[-1])
        at += card
    draft.noisy_max(name, parents, columns[at], effects, neutral, element.place)


# -- writing ------------------------------------------------------------------------------


def is_noisy(variable: Variable) -> bool:
    """Whether GeNIe has this local model as it is."""
    return isinstance(variable.local, NoisyOr | NoisyMax) and not variable.local.modifiers


def _reversed(variable: Variable) -> bool:
    """Whether the file has the states from the strongest down."""
    return is_noisy(variable)


def _numbers(values: object) -> str:
    return " ".join(repr(float(value)) for value in np.asarray(values).reshape(-1))


def kept_noisy(order: TableOrder) -> Callable[[Variable], bool]:
    """Which local models are written as they are."""
    return is_noisy if order == "definition" else lambda variable: False


def _app(order: TableOrder) -> str:
    """The program that the file names as its writer: readers take the order from it."""
    return "twitchnet, for aGrUM" if order == "pyagrum" else "twitchnet"


def format_xdsl(network: Network, cells: int = CELLS, order: TableOrder = "definition") -> str:
    """The network as XDSL; noisy-OR and noisy-MAX without modifiers stay what they are.

    In the order of pyAgrum, which reads no noisy nodes, they are written out.
    """
    flat = tabulated(network, cells, kept_noisy(order))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<smile version="1.0" id="{escaped(network.name)}" numsamples="10000">',
        "  <nodes>",
    ]
    for name in flat.topological:
        variable = flat.by_name[name]
        local = variable.local
        tag = "cpt" if isinstance(local, Table) else "noisymax"
        step = -1 if _reversed(variable) else 1
        lines.append(f'    <{tag} id="{escaped(name)}">')
        ids = identifiers(variable.states)
        lines += [f'      <state id="{escaped(state)}" />' for state in ids[::step]]
        if isinstance(local, Table):
            lines += _table(flat, local, order)
        else:
            lines += _columns(flat, variable)
        if tuple(ids) != variable.states:
            states = escaped(" ".join(variable.states[::step]))
            lines.append(f'      <property id="{STATES}">{states}</property>')
        lines.append(f'      <property id="{KIND}">{variable.kind}</property>')
        lines.append(f"    </{tag}>")
    lines += ["  </nodes>", "  <extensions>"]
    name = escaped(network.name)
    lines.append(f'    <genie version="1.0" app="{_app(order)}" name="{name}">')
    for i, variable in enumerate(flat.nodes):
        x, y = 40 + 160 * (i % 8), 40 + 100 * (i // 8)
        lines += [
            f'      <node id="{escaped(variable.name)}">',
            f"        <name>{escaped(variable.label)}</name>",
            '        <interior color="e5f6f7" />',
            '        <outline color="000080" />',
            '        <font color="000000" name="Arial" size="8" />',
            f"        <position>{x} {y} {x + 120} {y + 60}</position>",
            "      </node>",
        ]
    lines += ["    </genie>", "  </extensions>", "</smile>"]
    return "\n".join(lines) + "\n"


def _table(network: Network, local: Table, order: TableOrder) -> list[str]:
    values = local.probabilities
    for axis, parent in enumerate(local.parents):
        if _reversed(network.by_name[parent]):
            values = np.flip(values, axis)
    lines = [f"      <parents>{' '.join(local.parents)}</parents>"] if local.parents else []
    numbers = _numbers(list_in_order(values, order))
    return [*lines, f"      <probabilities>{numbers}</probabilities>"]


def _columns(network: Network, variable: Variable) -> list[str]:
    """Parents, strengths and parameters of a noisy-OR or noisy-MAX."""
    local = variable.local
    assert isinstance(local, NoisyOr | NoisyMax)
    parents = [link.parent for link in local.links]
    strengths: list[int] = []
    columns: list[object] = []
    for link in local.links:
        # From the last state, the strongest, down to our first, the baseline.
        card = network.cards[link.parent]
        place = range(card) if _reversed(network.by_name[link.parent]) else range(card - 1, -1, -1)
        strengths += place
        columns += list(_levels(link.strength, local)[::-1, ::-1])
    columns.append(_levels(local.leak.strength, local)[::-1])
    lines = []
    if parents:
        lines.append(f"      <parents>{' '.join(parents)}</parents>")
        lines.append(f"      <strengths>{' '.join(map(str, strengths))}</strengths>")
    return [*lines, f"      <parameters>{_numbers(np.array(columns))}</parameters>"]


def _levels(strength: np.ndarray, local: NoisyOr | NoisyMax) -> np.ndarray:
    """Distributions over the node's states on the last axis."""
    if isinstance(local, NoisyMax):
        return strength
    return np.stack([1.0 - strength, strength], axis=-1)
