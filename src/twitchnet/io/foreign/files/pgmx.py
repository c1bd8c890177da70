"""ProbModelXML (.pgmx), the format of OpenMarkov: chance variables with tables.

    ProbModelXML / ProbNet / Variables / Variable: States / State
                             Potentials / Potential: Variables / Variable, Values

The first variable of a potential is the child.  Values run through the child's states fastest,
then through those of the *first* parent.  Source: Arias et al. 2012, "The ProbModelXML format".
"""

from __future__ import annotations

import numpy as np

from twitchnet.io.foreign.draft import Draft
from twitchnet.io.foreign.files.safe_xml import Element, escaped, parse_xml
from twitchnet.io.foreign.table_order import list_in_order, read_in_order
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"
_READ = frozenset(
    (
        *("ProbNet", "Variables", "Variable", "States", "State", "Comment"),
        *("Potentials", "Potential", "Values", "AdditionalProperties"),
    )
)


def _wanted(parent: str, element: Element) -> bool:
    if element.tag == "Property":
        return element.attributes.get("name") == KIND
    return element.tag in _READ


def parse_pgmx(data: bytes | str, file: str = "<string>", drop_decisions: bool = False) -> Network:
    """The network of a ProbModelXML document.  Raises ``ModelError`` with every problem."""
    draft = Draft(file, drop_decisions)
    root = parse_xml(data, draft, _wanted)
    network = root.one("ProbNet")
    if root.tag != "ProbModelXML" or network is None:
        message = f"<ProbModelXML><ProbNet> is expected, found <{root.tag[:40]}>"
        draft.stop("TN150", message, root.place)
    for group in network.all("Variables"):
        for element in group.all("Variable"):
            _declare(element, draft)
    for group in network.all("Potentials"):
        for element in group.all("Potential"):
            _define(element, draft)
    return draft.network()


def _declare(element: Element, draft: Draft) -> None:
    said = element.attributes
    name, role, type_ = (said.get(key, "") for key in ("name", "role", "type"))
    if not name:
        draft.wrong("TN121", "<Variable> has no name", element.place)
        draft.nameless = True
        return
    if role.lower() not in ("chance", ""):
        draft.refuse(name, f"a {role[:40]} node", element.place)
    elif type_.lower() not in ("finitestates", "discretized", ""):
        draft.refuse(name, f"a {type_[:40]} variable", element.place)
    elif "timeSlice" in said:
        draft.refuse(name, "a variable of a network that unrolls in time", element.place)
    else:
        properties = element.one("AdditionalProperties")
        kept = properties.one("Property") if properties is not None else None
        states = element.one("States")
        comment = element.one("Comment")
        draft.declare(
            name,
            [s.attributes.get("name", "") for s in states.all("State")] if states else [],
            element.place,
            label="" if comment is None else comment.text.strip(),
            kind="" if kept is None else kept.attributes.get("value", ""),
        )


def _define(element: Element, draft: Draft) -> None:
    type_, role = (element.attributes.get(key, "") for key in ("type", "role"))
    group = element.one("Variables")
    names = [v.attributes.get("name", "") for v in group.all("Variable")] if group else []
    if not names:
        if not draft.refused:  # a utility has its own name elsewhere
            draft.wrong("TN121", "<Potential> has no variables", element.place)
        return
    name, *parents = names
    if role.lower() not in ("conditionalprobability", "joinprobability", "jointprobability", ""):
        if not draft.refused:  # else its node has been told
            draft.refuse(name, f"a potential of the role {role[:40]}", element.place)
        return
    if type_.lower() not in ("table", "uniform"):
        hint = "in OpenMarkov, convert the potential to a table"
        draft.refuse(name, f"a potential of the type {type_[:40] or 'none'}", element.place, hint)
        draft.attempted.add(name)
        return
    cells = draft.room(name, parents, element.place)
    if not cells:
        return
    shape = draft.cards((*parents, name))
    if type_.lower() == "uniform":
        draft.table(name, np.full(cells, 1.0 / shape[-1]), element.place)
        return
    numbers = draft.numbers(element.words("Values", cells), cells, element.place)
    draft.table(name, read_in_order(numbers, shape, "pyagrum"), element.place)


def format_pgmx(network: Network, cells: int = CELLS) -> str:
    """The network as ProbModelXML; what is not a table is written out or divorced."""
    flat = tabulated(network, cells)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ProbModelXML formatVersion="0.2.0">',
        '<ProbNet type="BayesianNetwork">',
        "<Variables>",
    ]
    for variable in flat.nodes:
        lines += [
            f'<Variable name="{escaped(variable.name)}" type="finiteStates" role="chance">',
            f"  <Comment>{escaped(variable.label)}</Comment>",
            "  <AdditionalProperties>",
            f'    <Property name="{KIND}" value="{variable.kind}" />',
            "  </AdditionalProperties>",
            "  <States>",
            *(f'    <State name="{escaped(state)}" />' for state in variable.states),
            "  </States>",
            "</Variable>",
        ]
    lines += ["</Variables>", "<Links>"]
    for variable in flat.nodes:
        for parent in flat.parents(variable.name):
            ends = (f'<Variable name="{escaped(name)}" />' for name in (parent, variable.name))
            lines.append(f'  <Link directed="true">{"".join(ends)}</Link>')
    lines += ["</Links>", "<Potentials>"]
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        names = (variable.name, *local.parents)
        scope = "".join(f'<Variable name="{escaped(name)}" />' for name in names)
        numbers = list_in_order(local.probabilities, "pyagrum").tolist()
        lines += [
            '<Potential type="Table" role="conditionalProbability">',
            f"  <Variables>{scope}</Variables>",
            f"  <Values>{' '.join(repr(value) for value in numbers)}</Values>",
            "</Potential>",
        ]
    lines += ["</Potentials>", "</ProbNet>", "</ProbModelXML>"]
    return "\n".join(lines) + "\n"
