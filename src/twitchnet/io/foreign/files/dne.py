"""The text format of Netica (.dne): nested blocks, a node with its table in each.

    document = "bnet" name "{" { "node" name "{" { key "=" value ";" } "}" ";" | other } "}" ";"
    keys     = kind, discrete, levels, states, numstates, parents, probs, functable, title

The innermost brackets of ``probs`` run through the node's states, the outermost through those
of the first parent; ``functable`` names a state for each row instead.  A continuous node that
is cut at ``levels`` has an interval for each state.  Source: Norsys, "DNET File Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np

from twitchnet.io.foreign.draft import MAX_VARIABLES, Draft
from twitchnet.io.foreign.files.lexer import Lexer
from twitchnet.io.foreign.reading import Place, decoded
from twitchnet.io.foreign.spelling import identifiers, respelled
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind:"  # begins the comment that keeps what a variable is
STATES = "states:"  # and the one that keeps states which Netica cannot spell
_WORDS = ("kind", "discrete", "levels", "states", "numstates", "parents", "title", "comment")
_TABLES = ("probs", "functable")
_REFUSED = {
    "DECISION": "a decision node",
    "UTILITY": "a utility node",
    "CONSTANT": "a constant node",
}


def parse_dne(data: bytes | str, file: str = "<string>", drop_decisions: bool = False) -> Network:
    """The network of a Netica text.  Raises ``ModelError`` with every problem.

    >>> text = "bnet yard { node rain { states = (no, yes); parents = (); probs = (.8, .2); }; };"
    >>> parse_dne(text).variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file, drop_decisions)
    text = decoded(data, file, draft.notes).replace('\\"', "''")
    comment = r"//[^\n]*|/\*(?s:.*?)\*/"
    return _Reader(Lexer(text, "{}(),=;", comment, draft, opened=r"/\*"), draft).network()


class _Reader:
    """Reads one document; tables are read last, when all nodes are known."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft
        self.tables: list[tuple[str, list[str], str, int, Place]] = []

    def network(self) -> Network:
        lexer, draft = self.lexer, self.draft
        lexer.must("bnet")
        draft.name = lexer.name("the name of the network")
        lexer.must("{")
        while not lexer.maybe("}"):
            if lexer.maybe("node"):
                self.node()
            else:
                self.skip()
        lexer.maybe(";")
        if not lexer.done:
            lexer.fail("the end of the file")
        for name, parents, key, start, place in self.tables:
            lexer.seek(start)
            cells = draft.room(name, parents, place)
            if cells and key == "probs":
                draft.table(name, self.numbers(cells), place)
            elif cells:
                self.deterministic(name, cells, place)
        return draft.network()

    def skip(self) -> None:
        """A statement or a block that is not read."""
        lexer = self.lexer
        depth = 0
        while depth or not lexer.maybe(";"):
            if lexer.done or (not depth and lexer.at("}")):
                lexer.fail("';'")
            if lexer.kind == "mark":
                depth += (lexer.word in "{(") - (lexer.word in "})")
                if depth < 0:
                    lexer.fail("';'")
            lexer.take()

    def node(self) -> None:
        """A node: its words now, the place of its table for later."""
        lexer, draft = self.lexer, self.draft
        place, name = lexer.here, lexer.name("the name of a node")
        given: dict[str, list[str]] = {}
        table: tuple[str, int] | None = None
        lexer.must("{")
        while not lexer.maybe("}"):
            start, key = lexer.start, lexer.name("a name or '}'")
            if not lexer.maybe("="):  # `visual V1 { ... };`
                self.skip()
            elif key in _WORDS:
                if key in given:
                    draft.stop("TN106", f"the key {key!r} is given twice", lexer.place(start))
                given[key] = self.words()
            else:
                if key in _TABLES and (table is None or key == "probs"):
                    table = key, lexer.start
                self.skip()
        lexer.maybe(";")
        kind = (given.get("kind") or ["NATURE"])[0].upper()
        if kind != "NATURE":
            draft.refuse(name, _REFUSED.get(kind, f"a {kind[:40]} node"), place)
            return
        states = self.states(given)
        if not states:
            continuous = (given.get("discrete") or ["TRUE"])[0].upper() == "FALSE"
            if continuous:
                draft.refuse(name, "a continuous node without levels", place)
                return
            draft.wrong("TN121", "the node has no states", place, name)
        kept = _kept(" ".join(given.get("comment", [])))
        draft.declare(
            name,
            respelled(states, kept[STATES]),
            place,
            label=" ".join(given.get("title", [])),
            kind=kept[KIND],
            readable=bool(states),
        )
        if table is not None:
            self.tables.append((name, given.get("parents", []), *table, place))

    def states(self, given: dict[str, list[str]]) -> list[str]:
        """The states by their names, their values, their intervals or their numbers."""
        if given.get("states"):
            return given["states"]
        levels = given.get("levels", [])
        if (given.get("discrete") or ["TRUE"])[0].upper() == "FALSE":
            return [f"{low}_to_{high}" for low, high in pairwise(levels)]
        if levels:
            return levels
        count = (given.get("numstates") or [""])[0]
        if count.isdecimal() and len(count) < 4:
            return [f"state{i}" for i in range(int(count))]
        return []

    def words(self) -> list[str]:
        """The words of a value without its brackets, up to a semicolon."""
        lexer = self.lexer
        found: list[str] = []
        while not lexer.maybe(";"):
            if lexer.kind == "mark" and lexer.word in "(),":
                lexer.take()
                continue
            found.append(lexer.name("a word or ';'"))
            if len(found) > MAX_VARIABLES:
                message = f"more than {MAX_VARIABLES:,} words in one value"
                self.draft.stop("TN148", message, lexer.here)
        return found

    def numbers(self, most: int) -> list[float]:
        """Numbers without their brackets, up to a semicolon or to one too many."""
        lexer = self.lexer
        found: list[float] = []
        while len(found) <= most and not lexer.maybe(";"):
            if lexer.kind == "mark" and lexer.word in "(),":
                lexer.take()
            else:
                found.append(lexer.number("a number or ';'"))
        return found

    def deterministic(self, name: str, cells: int, place: Place) -> None:
        """A table of 0 and 1 from the state of each row: by name, or ``#`` and its number."""
        draft = self.draft
        states = draft.variables[name].states
        index = {state: i for i, state in enumerate(states)}
        index |= {f"#{i}": i for i in range(len(states))}
        rows = cells // len(states)
        words = self.words()
        if len(words) != rows:
            draft.wrong("TN134", f"{rows} states are expected, found {len(words)}", place, name)
            return
        wrong = next((word for word in words if word not in index), None)
        if wrong is not None:
            draft.wrong("TN113", f"no state {wrong[:80]!r}", place, name)
            return
        table = np.zeros((rows, len(states)))
        table[np.arange(rows), [index[word] for word in words]] = 1.0
        draft.table(name, table.reshape(-1), place)


def _kept(comment: str) -> dict[str, str]:
    """What the comment of a file that twitchnet wrote keeps: ``kind:cause states:a b``."""
    kept = dict.fromkeys((KIND, STATES), "")
    if comment.startswith(KIND):
        kind, _, states = comment.partition(STATES)
        kept = {KIND: kind.removeprefix(KIND).strip(), STATES: states.strip()}
    return kept


def _string(text: str) -> str:
    return '"' + text.replace('"', "'").replace("\\", "/").replace("\n", " ") + '"'


def _rows(values: Sequence[float], shape: Sequence[int]) -> str:
    """Numbers in brackets, one pair for each axis."""
    if len(shape) == 1:
        return "(" + ", ".join(repr(float(value)) for value in values) + ")"
    step = prod(shape[1:])
    parts = [_rows(values[i : i + step], shape[1:]) for i in range(0, len(values), step)]
    return "(" + ",\n    ".join(parts) + ")"


def format_dne(network: Network, cells: int = CELLS) -> str:
    """The network as Netica text; what is not a table is written out or divorced."""
    flat = tabulated(network, cells)
    lines = ["// ~->[DNET-1]->~", f"bnet {identifiers([network.name])[0]} {{"]
    for name in flat.topological:
        variable = flat.by_name[name]
        local = variable.local
        assert isinstance(local, Table)
        ids = identifiers(variable.states)
        kept = f"{KIND}{variable.kind}"
        if tuple(ids) != variable.states:
            kept += f" {STATES}{' '.join(variable.states)}"
        table = _rows(local.probabilities.reshape(-1).tolist(), local.probabilities.shape)
        lines += [
            f"node {name} {{",
            "  kind = NATURE;",
            "  discrete = TRUE;",
            f"  states = ({', '.join(ids)});",
            f"  parents = ({', '.join(local.parents)});",
            f"  probs = {table};",
            f"  title = {_string(variable.label)};",
            f"  comment = {_string(kept)};",
            "};",
        ]
    return "\n".join([*lines, "};"]) + "\n"
