"""XMLBIF 0.3 (.xml, .bifxml): the Bayesian Interchange Format as XML.

    BIF / NETWORK / { VARIABLE: NAME, OUTCOME ..., PROPERTY ...
                      DEFINITION: FOR, GIVEN ..., TABLE }

A table runs through the states of FOR fastest, then through those of the last GIVEN.  Version
0.2 has VALUE for OUTCOME, PROBABILITY for DEFINITION, TYPE as an element, and the table of BIF:
the states of FOR slowest.
Source: Cozman 1998, "The Interchange Format for Bayesian Networks", versions 0.2 and 0.3.
"""

from __future__ import annotations

import re

import numpy as np

from twitchnet.io.foreign.draft import Draft
from twitchnet.io.foreign.files.safe_xml import Element, escaped, parse_xml
from twitchnet.io.foreign.reading import Place
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"
_OLD = ("VALUE", "PROBABILITY", "TYPE")  # of version 0.2
_READ = frozenset(
    ("NETWORK", "NAME", "VARIABLE", "OUTCOME", "PROPERTY", "DEFINITION", "FOR", "GIVEN", "TABLE")
) | frozenset(_OLD)
_BIF = re.compile(r"\s*(?:network|variable|probability)\b")


def _wanted(parent: str, element: Element) -> bool:
    if element.tag == "PROPERTY":
        return element.text.partition("=")[0].strip() in (KIND, "description")
    return element.tag in _READ


def parse_xmlbif(
    data: bytes | str, file: str = "<string>", drop_decisions: bool = False
) -> Network:
    """The network of an XMLBIF document.  Raises ``ModelError`` with every problem."""
    draft = Draft(file, drop_decisions)
    begin = data[:1000]
    if _BIF.match(begin if isinstance(begin, str) else begin.decode("latin-1")):
        draft.stop("TN150", "this is BIF text, not XML", Place(1, 1), "call the file .bif")
    root = parse_xml(data, draft, _wanted)
    network = root.one("NETWORK")
    if root.tag != "BIF" or network is None:
        draft.stop("TN150", f"<BIF><NETWORK> is expected, found <{root.tag[:40]}>", root.place)
    named = network.one("NAME")
    if named is not None and named.text.strip():
        draft.name = named.text.strip()
    for element in network.all("VARIABLE"):
        _declare(element, draft)
    for element in network.children:
        if element.tag in ("DEFINITION", "PROBABILITY"):
            _define(element, draft)
    return draft.network()


def _declare(element: Element, draft: Draft) -> None:
    old = element.one("TYPE")
    type_ = element.attributes.get("TYPE", "nature" if old is None else old.text.strip())
    name = _text(element, "NAME", draft)
    if type_ not in ("nature", "discrete"):
        draft.refuse(name, f"a {type_[:40]} node", element.place)
        return
    properties: dict[str, str] = {}
    for part in element.all("PROPERTY"):
        key, _, value = part.text.partition("=")
        properties[key.strip()] = value.strip()
    draft.declare(
        name,
        [part.text.strip() for part in element.children if part.tag in ("OUTCOME", "VALUE")],
        element.place,
        label=properties.get("description", ""),
        kind=properties.get(KIND, ""),
    )


def _define(element: Element, draft: Draft) -> None:
    name = _text(element, "FOR", draft)
    parents = [part.text.strip() for part in element.all("GIVEN")]
    table = element.one("TABLE")
    if len(element.all("FOR")) != 1 or table is None:
        draft.wrong("TN121", "a definition has one FOR and one TABLE", element.place, name)
        draft.attempted.add(name)
        return
    cells = draft.room(name, parents, element.place)
    if cells:
        numbers = draft.numbers(element.words("TABLE", cells), cells, table.place)
        if element.tag == "PROBABILITY" and len(numbers) == cells:
            own = draft.cards([name])[0]
            draft.table(name, np.array(numbers).reshape(own, -1).T.reshape(-1), element.place)
        else:
            draft.table(name, numbers, element.place)


def _text(element: Element, tag: str, draft: Draft) -> str:
    child = element.one(tag)
    text = "" if child is None else child.text.strip()
    if not text:
        draft.stop("TN121", f"<{element.tag}> has no <{tag}>", element.place)
    return text


def format_xmlbif(network: Network, cells: int = CELLS) -> str:
    """The network as XMLBIF; what is not a table is written out or divorced."""
    flat = tabulated(network, cells)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<BIF VERSION="0.3">',
        "<NETWORK>",
        f"<NAME>{escaped(network.name)}</NAME>",
    ]
    for variable in flat.nodes:
        lines.append('<VARIABLE TYPE="nature">')
        lines.append(f"  <NAME>{escaped(variable.name)}</NAME>")
        lines += [f"  <OUTCOME>{escaped(state)}</OUTCOME>" for state in variable.states]
        lines.append(f"  <PROPERTY>{KIND} = {variable.kind}</PROPERTY>")
        lines.append(f"  <PROPERTY>description = {escaped(variable.label)}</PROPERTY>")
        lines.append("</VARIABLE>")
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        lines.append("<DEFINITION>")
        lines.append(f"  <FOR>{escaped(variable.name)}</FOR>")
        lines += [f"  <GIVEN>{escaped(parent)}</GIVEN>" for parent in local.parents]
        rows = local.probabilities.reshape(-1, variable.card).tolist()
        lines.append("  <TABLE>")
        lines += ["    " + " ".join(repr(value) for value in row) for row in rows]
        lines += ["  </TABLE>", "</DEFINITION>"]
    lines += ["</NETWORK>", "</BIF>"]
    return "\n".join(lines) + "\n"
