"""The Hugin format (.net): nodes with their states, potentials with nested numbers.

    document  = [ "net" "{" assignments "}" ] { node | potential }
    node      = [ "discrete" ] "node" name "{" assignments "}"
    potential = "potential" "(" child [ "|" parents ] ")" "{" [ "data" "=" nested numbers ";" ] "}"

The innermost brackets run through the child's states, the outermost through those of the
first parent.  A potential without data is uniform.  Source: the Hugin API reference
manual, chapter "The NET language".
"""

from __future__ import annotations

import numpy as np

from twitchnet.io.foreign import Draft, Place, decoded, number
from twitchnet.io.lexer import Lexer
from twitchnet.io.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"
MAX_DEPTH = 64  # brackets around numbers: one for each parent

_REFUSED = {
    "decision": "a decision node",
    "utility": "a utility node",
    "continuous": "a continuous node",
    "class": "an object-oriented class",
    "function": "a function node",
    "interval": "an interval node",
}


def parse_net(data: bytes | str, file: str = "<string>") -> Network:
    """The network of a Hugin text.  Raises ``ModelError`` with every problem.

    >>> text = 'net {} node rain {states = ("no" "yes");} potential (rain) {data = (.8 .2);}'
    >>> parse_net(text).variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file)
    return _Reader(Lexer(decoded(data, file), "{}()|=;", r"%[^\n]*", draft), draft).network()


class _Reader:
    """Reads one document; potentials are judged when all nodes are known."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft
        self.potentials: list[tuple[str, list[str], list[str] | None, list[Place], Place]] = []

    def network(self) -> Network:
        lexer, draft = self.lexer, self.draft
        while not lexer.done:
            if lexer.maybe("net"):
                lexer.must("{")
                given, _ = self.assignments()
                draft.name = (given.get("name") or [draft.name])[0] or draft.name
            elif lexer.maybe("potential"):
                self.potential()
            elif lexer.maybe("discrete") or lexer.at("node"):
                lexer.must("node")
                self.node()
            elif lexer.next.text in _REFUSED:
                draft.stop("TN152", f"{_REFUSED[lexer.next.text]} cannot be read", lexer.here)
            else:
                lexer.fail("'net', 'node' or 'potential'")
        for name, parents, data, places, place in self.potentials:
            self.define(name, parents, data, places, place)
        return draft.network()

    def assignments(self) -> tuple[dict[str, list[str]], dict[str, list[Place]]]:
        """``key = value;`` up to the closing brace; a value is flattened to its words."""
        lexer = self.lexer
        values: dict[str, list[str]] = {}
        places: dict[str, list[Place]] = {}
        while not lexer.maybe("}"):
            key = lexer.name("a name or '}'")
            lexer.must("=")
            words, spots = [], []
            depth = 0
            while depth or not lexer.at(";"):
                if lexer.maybe("("):
                    depth += 1
                    if depth > MAX_DEPTH:
                        self.draft.stop("TN104", f"more than {MAX_DEPTH} open brackets", lexer.here)
                elif depth and lexer.maybe(")"):
                    depth -= 1
                else:
                    spots.append(lexer.here)
                    words.append(lexer.name("a value"))
            lexer.must(";")
            values[key], places[key] = words, spots
        return values, places

    def node(self) -> None:
        place = self.lexer.here
        name = self.lexer.name("the name of a node")
        self.lexer.must("{")
        given, _ = self.assignments()
        states = given.get("states")
        if states is None:
            self.draft.wrong("TN121", "the node has no states", place, name)
            states = ["absent", "present"]
        label = " ".join(given.get("label", []))
        kind = " ".join(given.get(KIND, []))
        self.draft.declare(name, states, place, label=label, kind=kind)

    def potential(self) -> None:
        lexer = self.lexer
        lexer.must("(")
        place = lexer.here
        name = lexer.name("the name of a node")
        parents = []
        bar = lexer.maybe("|")
        while not lexer.maybe(")"):
            if not bar:
                lexer.fail("'|' or ')'")
            parents.append(lexer.name("the name of a parent"))
        lexer.must("{")
        given, places = self.assignments()
        for key in ("model_nodes", "model_data", "samples_per_interval"):
            if key in given:
                message = f"a table given by an expression ({key}) cannot be read"
                self.draft.stop("TN152", message, place, hint="save the network with its tables")
        self.potentials.append((name, parents, given.get("data"), places.get("data", []), place))

    def define(
        self, name: str, parents: list[str], data: list[str] | None, places: list[Place],
        place: Place,
    ) -> None:  # fmt: skip
        draft = self.draft
        if data is None:
            if draft.known((name, *parents), place, name):
                cells, own = draft.check_size(name, parents, place), draft.cards([name])[0]
                draft.table(name, parents, np.full(cells, 1.0 / own), place)
            return
        numbers = [number(word, draft, spot) for word, spot in zip(data, places, strict=True)]
        draft.table(name, parents, numbers, place)


def _string(text: str) -> str:
    return '"' + text.replace('"', "'").replace("\n", " ") + '"'


def _nested(numbers: list[object] | float) -> str:
    if isinstance(numbers, list):
        return "(" + " ".join(_nested(part) for part in numbers) + ")"  # type: ignore[arg-type]
    return repr(float(numbers))


def format_net(network: Network, cells: int = CELLS) -> str:
    """The network as Hugin text; what is not a table is written out or divorced."""
    flat = tabulated(network, cells)
    lines = ["net", "{", f"  name = {_string(network.name)};", "}"]
    for variable in flat.nodes:
        states = " ".join(_string(state) for state in variable.states)
        lines += [
            f"node {variable.name}",
            "{",
            f"  states = ({states});",
            f"  label = {_string(variable.label)};",
            f"  {KIND} = {_string(variable.kind)};",
            "}",
        ]
    for variable in flat.nodes:
        assert isinstance(variable.local, Table)
        parents = variable.local.parents
        given = f" | {' '.join(parents)}" if parents else ""
        data = _nested(variable.local.probabilities.tolist())
        lines += [f"potential ({variable.name}{given})", "{", f"  data = {data};", "}"]
    return "\n".join(lines) + "\n"
