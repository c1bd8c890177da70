"""The Hugin format (.net): nodes with their states, potentials with nested numbers.

    document  = [ "net" "{" assignments "}" ] { node | potential }
    node      = [ "discrete" ] "node" name "{" assignments "}"
    potential = "potential" "(" child [ "|" parents ] ")" "{" [ "data" "=" nested numbers ";" ] "}"

The innermost brackets run through the child's states, the outermost through those of the
first parent.  A potential without data is uniform.  One class of an object-oriented network
without instances of others is read as the network that it is.  Older files are written in
Latin-1.  Source: the Hugin API reference manual, chapter "The NET language".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from twitchnet.io.foreign.draft import MAX_VARIABLES, Draft
from twitchnet.io.foreign.files.lexer import Lexer
from twitchnet.io.foreign.reading import decoded
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"
MAX_DEPTH = 64  # brackets around numbers: one for each parent

Item = TypeVar("Item")

_EXPRESSIONS = ("model_nodes", "model_data", "samples_per_interval")
_REFUSED = {
    "decision": "a decision node",
    "utility": "a utility node",
    "continuous": "a continuous node",
    "instance": "an instance of an object-oriented class",
    "function": "a function node",
    "interval": "an interval node",
}


def parse_net(data: bytes | str, file: str = "<string>", drop_decisions: bool = False) -> Network:
    """The network of a Hugin text.  Raises ``ModelError`` with every problem.

    >>> text = 'net {} node rain {states = ("no" "yes");} potential (rain) {data = (.8 .2);}'
    >>> parse_net(text).variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file, drop_decisions)
    text = decoded(data, file, draft.notes)
    return _Reader(Lexer(text, "{}()|=;", r"%[^\n]*", draft), draft).network()


class _Reader:
    """Reads one document; a potential that comes before its nodes is read at the end."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft
        self.later: list[int] = []  # where potentials begin that wait for their nodes
        self.named = False
        self.classes = self.inside = False

    def network(self) -> Network:
        lexer, draft = self.lexer, self.draft
        while not lexer.done:
            if lexer.at("net"):
                self.head()
            elif lexer.maybe("potential"):
                self.potential()
            elif lexer.maybe("discrete") or lexer.at("node"):
                lexer.must("node")
                self.node()
            elif lexer.maybe("class"):
                self.class_()
            elif self.inside and lexer.maybe("}"):
                self.inside = False
            elif self.inside and lexer.kind == "word" and lexer.word not in _REFUSED:
                lexer.take()
                lexer.must("=")
                lexer.skip_past("{}|=", ";")
            elif lexer.kind != "string" and lexer.word in _REFUSED:
                self.refused(_REFUSED[lexer.word])
            else:
                lexer.fail("'net', 'node' or 'potential'")
        if self.inside:
            lexer.fail("'}'")
        for start in self.later:
            lexer.seek(start)
            self.potential(last=True)
        return draft.network()

    def class_(self) -> None:
        """The head of the only class of an object-oriented network."""
        lexer, draft = self.lexer, self.draft
        place, name = lexer.here, lexer.name("the name of a class")
        if self.classes or self.named:
            message = f"a second class, {name[:80]!r}, cannot be read"
            draft.stop("TN152", message, place, "save the network as one that is flat")
        self.classes = self.inside = True
        draft.name = name
        lexer.must("{")

    def head(self) -> None:
        lexer, draft = self.lexer, self.draft
        if self.named:
            draft.stop("TN106", "there is a net block already", lexer.here)
        self.named = True
        lexer.take()
        lexer.must("{")
        given = self.texts(("name",))
        draft.name = (given.get("name") or [draft.name])[0] or draft.name

    def refused(self, what: str) -> None:
        """A node of another kind, which is passed over."""
        lexer, draft = self.lexer, self.draft
        place = lexer.here
        if lexer.take() == "instance":
            name = lexer.name("the name of an instance")
            hint = "save the network as one that is flat"
            draft.stop("TN152", f"{name[:80]}: {what} cannot be read", place, hint)
        lexer.maybe("node")
        draft.refuse(lexer.name("the name of a node"), what, place)
        lexer.must("{")
        lexer.skip_past("", "}", "{")

    def keys(self, wanted: tuple[str, ...]) -> Iterator[str]:
        """The ``wanted`` keys up to the closing brace, each at its value; others are skipped."""
        lexer = self.lexer
        seen: set[str] = set()
        while not lexer.maybe("}"):
            start = lexer.start
            key = lexer.name("a name or '}'")
            lexer.must("=")
            if key not in wanted:
                lexer.skip_past("{}|=", ";")
                continue
            if key in seen:
                self.draft.stop("TN106", f"the key {key!r} is given twice", lexer.place(start))
            seen.add(key)
            yield key

    def texts(self, wanted: tuple[str, ...]) -> dict[str, list[str]]:
        """``key = value;`` up to the closing brace; a value is flattened to its words."""
        given: dict[str, list[str]] = {}
        for key in self.keys(wanted):
            place = self.lexer.here
            given[key] = list(self.value(self.lexer.name, MAX_VARIABLES))
            if len(given[key]) > MAX_VARIABLES:
                message = f"more than {MAX_VARIABLES:,} words in one value"
                self.draft.stop("TN148", message, place)
        return given

    def value(self, read: Callable[[str], Item], most: int) -> Iterator[Item]:
        """The items of a value without its brackets, up to a semicolon or to one too many."""
        lexer = self.lexer
        depth = count = 0
        while count <= most and (depth or not lexer.at(";")):
            if lexer.maybe("("):
                depth += 1
                if depth > MAX_DEPTH:
                    self.draft.stop("TN104", f"more than {MAX_DEPTH} open brackets", lexer.here)
            elif depth and lexer.maybe(")"):
                depth -= 1
            else:
                yield read("a value")
                count += 1
        if count > most:
            lexer.skip_past("{}|=", ";")
        else:
            lexer.must(";")

    def node(self) -> None:
        place = self.lexer.here
        name = self.lexer.name("the name of a node")
        self.lexer.must("{")
        given = self.texts(("states", "label", KIND))
        states = given.get("states")
        if states is None:
            self.draft.wrong("TN121", "the node has no states", place, name)
        label = " ".join(given.get("label", []))
        kind = " ".join(given.get(KIND, []))
        readable = states is not None
        self.draft.declare(name, states or [], place, label=label, kind=kind, readable=readable)

    def potential(self, *, last: bool = False) -> None:
        lexer, draft = self.lexer, self.draft
        start = lexer.start
        name, parents, place = lexer.scope("node", MAX_VARIABLES)
        lexer.must("{")
        cells = 0
        if last or draft.declared((name, *parents)):
            cells = draft.room(name, parents, place)
        elif len(self.later) >= 2 * MAX_VARIABLES:
            draft.stop("TN148", f"more than {MAX_VARIABLES:,} potentials", place)
        else:
            self.later.append(start)
        if not cells:
            lexer.skip_past("", "}", "{")
            return
        uniform = True
        for key in self.keys(("data", *_EXPRESSIONS)):
            if key in _EXPRESSIONS:
                message = f"a table given by an expression ({key}) cannot be read"
                draft.stop("TN152", message, place, hint="save the network with its tables")
            draft.table(name, list(self.value(lexer.number, cells)), place)
            uniform = False
        if uniform:
            draft.table(name, np.full(cells, 1.0 / draft.cards([name])[0]), place)


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
