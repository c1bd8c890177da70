"""The Bayesian Interchange Format (.bif): blocks of variables and probabilities.

    document    = { "network" [name] "{" properties "}" | variable | probability }
    variable    = "variable" name "{" "type discrete [" count "] {" states "}" ";" ... "}"
    probability = "probability (" child [ "|" parents ] ")" "{" entries "}"
    entry       = "(" parent states ")" numbers ";" | "table" numbers ";" | "default" numbers ";"

A ``table`` of a variable with parents runs through the child's states first and the last
parent's states fastest, as JavaBayes wrote it.  Source: the Interchange Format for
Bayesian Networks, version 0.15.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from twitchnet.io.foreign import Draft, Place, decoded, number
from twitchnet.io.lexer import Lexer
from twitchnet.io.spelling import identifiers, respelled
from twitchnet.io.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"  # the property that keeps what a variable is
STATES = "states"  # and the one that keeps states which strict readers cannot spell
_MARKS = frozenset(';"')
_PLAIN = re.compile(r"[A-Za-z0-9_.+<>%-]+\Z")


def parse_bif(data: bytes | str, file: str = "<string>") -> Network:
    """The network of a BIF text.  Raises ``ModelError`` with every problem.

    >>> text = "variable rain {type discrete [2] {no, yes};} probability (rain) {table .8, .2;}"
    >>> parse_bif(text).variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file)
    text = decoded(data, file)
    return _Reader(Lexer(text, "{}()[]|,;", r"//[^\n]*|/\*(?s:.*?)\*/", draft), draft).network()


class _Reader:
    """Reads one document; probabilities are judged when all variables are known."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft
        self.spelled: dict[str, list[str]] = {}
        self.tables: list[tuple[str, list[str], list[_Entry], Place]] = []

    def network(self) -> Network:
        lexer = self.lexer
        while not lexer.done:
            if lexer.maybe("network"):
                self.head()
            elif lexer.maybe("variable"):
                self.variable()
            elif lexer.maybe("probability"):
                self.probability()
            else:
                lexer.fail("'network', 'variable' or 'probability'")
        for name, parents, entries, place in self.tables:
            self.define(name, parents, entries, place)
        for name, states in self.spelled.items():
            self.draft.variables[name].states = tuple(states)
        return self.draft.network()

    def head(self) -> None:
        if not self.lexer.at("{"):
            name = self.lexer.name()
            if name != "unknown":
                self.draft.name = name
        self.lexer.must("{")
        self.lexer.skip_block("{", "}")

    def variable(self) -> None:
        lexer = self.lexer
        place = lexer.here
        name = lexer.name("the name of a variable")
        lexer.must("{")
        states: list[str] | None = None
        kept = dict.fromkeys((KIND, STATES), "")
        while not lexer.maybe("}"):
            if lexer.maybe("type"):
                states = self.states(name)
            elif lexer.maybe("property"):
                key, _, value = lexer.skip_to(";").strip().strip('"').partition("=")
                if key.strip() in kept:
                    kept[key.strip()] = value.strip()
            else:
                lexer.fail("'type', 'property' or '}'")
        if states is None:
            self.draft.wrong("TN121", "the variable has no type", place, name)
            states = ["absent", "present"]
        self.draft.declare(name, states, place, kind=kept[KIND])
        self.spelled[name] = respelled(states, kept[STATES])

    def states(self, name: str) -> list[str]:
        lexer = self.lexer
        place = lexer.here
        if not lexer.maybe("discrete"):
            word = lexer.name("'discrete'")
            self.draft.stop("TN152", f"{name!r} is {word}; only discrete variables are read", place)
        count = ""
        if lexer.maybe("["):
            count = lexer.name("a number")
            lexer.must("]")
        lexer.must("{")
        states = []
        while not lexer.maybe("}"):
            states.append(lexer.name("a state"))
            lexer.maybe(",")
        lexer.must(";")
        if count and count != str(len(states)):
            message = f"{count[:20]} states are announced, {len(states)} are named"
            self.draft.wrong("TN147", message, place, name)
        return states

    def probability(self) -> None:
        lexer = self.lexer
        lexer.must("(")
        place = lexer.here
        name = lexer.name("the name of a variable")
        parents = []
        bar = lexer.maybe("|")
        while not lexer.maybe(")"):
            if not bar:
                lexer.fail("'|' or ')'")
            parents.append(lexer.name("the name of a parent"))
            lexer.maybe(",")
        lexer.must("{")
        entries: list[_Entry] = []
        while not lexer.maybe("}"):
            at = lexer.here
            if lexer.maybe("property"):
                lexer.skip_to(";")
            elif lexer.maybe("table"):
                entries.append(_Entry("table", (), self.numbers(), at))
            elif lexer.maybe("default"):
                entries.append(_Entry("default", (), self.numbers(), at))
            elif lexer.maybe("("):
                states = []
                while not lexer.maybe(")"):
                    states.append(lexer.name("a state"))
                    lexer.maybe(",")
                entries.append(_Entry("row", tuple(states), self.numbers(), at))
            else:
                lexer.fail("'table', 'default', '(' or '}'")
        self.tables.append((name, parents, entries, place))

    def numbers(self) -> list[float]:
        lexer = self.lexer
        found: list[float] = []
        while not lexer.maybe(";"):
            place = lexer.here
            found.append(number(lexer.name("a number or ';'"), self.draft, place))
            lexer.maybe(",")
        return found

    def define(self, name: str, parents: list[str], entries: list[_Entry], place: Place) -> None:
        """Puts the entries of one probability block into one array."""
        draft = self.draft
        draft.attempted.add(name)
        if not draft.known((name, *parents), place, name):
            return
        own, cards = draft.cards([name])[0], draft.cards(parents)
        whole = [entry for entry in entries if entry.kind == "table"]
        if whole and len(entries) == 1:
            numbers = whole[0].numbers
            if parents and len(numbers) == own * prod(cards):
                numbers = np.array(numbers).reshape(own, -1).T.reshape(-1).tolist()
            draft.table(name, parents, numbers, place)
            return
        if whole:
            draft.wrong("TN125", "'table' stands beside other entries", whole[0].place, name)
            return
        rows = prod(cards) if draft.check_size(name, parents, place) else 0
        default = any(entry.kind == "default" for entry in entries)
        if len(entries) < rows and not default:  # a small file must not ask for a large array
            draft.wrong("TN134", f"{rows} rows are expected, found {len(entries)}", place, name)
            return
        array = np.full((*cards, own), np.nan)
        if self.rows(name, parents, entries, array):
            draft.table(name, parents, array.reshape(-1), place)

    def rows(self, name: str, parents: list[str], entries: list[_Entry], array: np.ndarray) -> bool:
        """Fills the rows of ``array``; the default goes where nothing else is."""
        draft = self.draft
        positions = [
            {state: i for i, state in enumerate(draft.variables[parent].states)}
            for parent in parents
        ]
        default: _Entry | None = None
        for entry in entries:
            if len(entry.numbers) != array.shape[-1]:
                message = f"{array.shape[-1]} numbers are expected, found {len(entry.numbers)}"
                draft.wrong("TN134", message, entry.place, name)
                return False
            if entry.kind == "default":
                default = entry
                continue
            if len(entry.states) != len(parents):
                message = f"{len(parents)} states of parents are expected"
                draft.wrong("TN134", f"{message}, found {len(entry.states)}", entry.place, name)
                return False
            for parent, states, state in zip(parents, positions, entry.states, strict=True):
                if state not in states:
                    draft.wrong("TN113", f"no state {state[:80]!r} of {parent}", entry.place, name)
                    return False
            index = tuple(s[state] for s, state in zip(positions, entry.states, strict=True))
            if not np.isnan(array[index][0]):
                said = ", ".join(entry.states)
                draft.wrong("TN106", f"a second row for {said[:200]}", entry.place, name)
                return False
            array[index] = entry.numbers
        missing = np.isnan(array[..., 0])
        if default is not None:
            array[missing] = default.numbers
        elif missing.any():
            first = np.argwhere(missing)[0]
            said = ", ".join(
                draft.variables[parent].states[i] for parent, i in zip(parents, first, strict=True)
            )
            place = entries[0].place
            draft.wrong("TN134", f"no row for {said[:200]}", place, name)
            return False
        return True


class _Entry:
    """One line of a probability block."""

    __slots__ = ("kind", "numbers", "place", "states")

    def __init__(
        self, kind: str, states: tuple[str, ...], numbers: list[float], place: Place
    ) -> None:
        self.kind = kind
        self.states = states
        self.numbers = numbers
        self.place = place


def _word(text: str) -> str:
    return text if _PLAIN.match(text) else '"' + text.replace('"', "'") + '"'


def _words(texts: Sequence[str]) -> str:
    return ", ".join(_word(text) for text in texts)


def _numbers(row: Sequence[float]) -> str:
    return ", ".join(repr(float(value)) for value in row)


def format_bif(network: Network, cells: int = CELLS) -> str:
    """The network as BIF text; what is not a table is written out or divorced."""
    flat = tabulated(network, cells)
    lines = [f"network {_word(network.name)} {{", "}"]
    spelled: dict[str, list[str]] = {}
    for variable in flat.nodes:
        ids = spelled[variable.name] = identifiers(variable.states)
        lines.append(f"variable {_word(variable.name)} {{")
        lines.append(f"  type discrete [ {variable.card} ] {{ {_words(ids)} }};")
        if tuple(ids) != variable.states and not _MARKS.intersection("".join(variable.states)):
            lines.append(f"  property {STATES} = {' '.join(variable.states)};")
        lines.append(f"  property {KIND} = {variable.kind};")
        lines.append("}")
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        given = f" | {_words(local.parents)}" if local.parents else ""
        lines.append(f"probability ( {_word(variable.name)}{given} ) {{")
        if not local.parents:
            lines.append(f"  table {_numbers(local.probabilities.tolist())};")
        else:
            states = [spelled[parent] for parent in local.parents]
            rows = local.probabilities.reshape(-1, variable.card).tolist()
            for names, row in zip(product(*states), rows, strict=True):
                lines.append(f"  ({_words(names)}) {_numbers(row)};")
        lines.append("}")
    return "\n".join(lines) + "\n"
