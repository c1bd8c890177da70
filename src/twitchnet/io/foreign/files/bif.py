"""The Bayesian Interchange Format (.bif): blocks of variables and probabilities.

    document    = { "network" [name] "{" properties "}" | variable | probability | word }
    variable    = "variable" name "{" "type discrete [" count "] {" states "}" ";" ... "}"
    probability = "probability (" child parents ")" "{" entries "}"
    entry       = "(" parent states ")" numbers ";" | "table" numbers ";" | "default" numbers ";"

Between words ``,`` and ``|`` are blanks, and words between the blocks say nothing.  Some programs
put all blocks inside that of the network; pgmpy writes states of several words without quotes,
which the commas between them and the announced count tell apart.

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

from twitchnet.io.foreign.draft import MAX_VARIABLES, Draft
from twitchnet.io.foreign.files.lexer import Lexer
from twitchnet.io.foreign.reading import Place, decoded
from twitchnet.io.foreign.spelling import identifiers, respelled
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

KIND = "kind"  # the property that keeps what a variable is
STATES = "states"  # and the one that keeps states which strict readers cannot spell
MAX_IDLE = 100_000  # words that say nothing
_BLOCK = re.compile(r"\bvariable\s[^;{}]{1,200}\{")
_MARKS = frozenset(';"')
_PLAIN = re.compile(r"[A-Za-z0-9_.+<>%-]+\Z")


def parse_bif(data: bytes | str, file: str = "<string>") -> Network:
    """The network of a BIF text.  Raises ``ModelError`` with every problem.

    >>> text = "variable rain {type discrete [2] {no, yes};} probability (rain) {table .8, .2;}"
    >>> parse_bif(text).variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file)
    comment = r"//[^\n]*|/\*(?s:.*?)\*/"
    lexer = Lexer(decoded(data, file), "{}()[]|,;", comment, draft, opened=r"/\*")
    return _Reader(lexer, draft).network()


class _Reader:
    """Reads one document; a probability that comes before its variables is read at the end."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft
        self.spelled: dict[str, list[str]] = {}
        self.later: list[int] = []  # where probabilities begin that wait for their variables
        self.named = False
        self.idle = 0
        self.inside = False  # the block of the network, which holds all others

    def network(self) -> Network:
        lexer = self.lexer
        while not lexer.done:
            if lexer.maybe("network"):
                self.head()
            elif lexer.maybe("variable"):
                self.variable()
            elif lexer.maybe("probability"):
                self.probability()
            elif self.inside and lexer.maybe("}"):
                self.inside = False
            elif self.inside and lexer.at("property"):
                self.words()
            elif lexer.kind == "mark" and lexer.word not in ";,|":
                lexer.fail("'network', 'variable' or 'probability'")
            else:
                self.skipped()
        if self.inside:
            lexer.fail("'}'")
        for start in self.later:
            lexer.seek(start)
            self.probability(last=True)
        for name, states in self.spelled.items():
            self.draft.variables[name].states = tuple(states)
        return self.draft.network()

    def head(self) -> None:
        """The name of the network, and the properties up to the first block or the end."""
        lexer = self.lexer
        if self.named:
            self.draft.stop("TN106", "there is a network block already", lexer.here)
        self.named = True
        if not lexer.at("{"):
            name = lexer.name()
            if name != "unknown":
                self.draft.name = name
        lexer.must("{")
        start = lexer.start
        lexer.skip_past("", "}", "{")
        if lexer.text.find("variable", start, lexer.start) < 0:
            return
        if not _BLOCK.search(lexer.text, start, lexer.start):
            return
        lexer.seek(start)
        while not lexer.maybe("}"):
            if lexer.at("variable") or lexer.at("probability"):
                self.inside = True
                return
            self.words()

    def words(self) -> None:
        """A property of the network, up to its semicolon or to the end of the block."""
        lexer = self.lexer
        while not lexer.maybe(";") and not lexer.at("}"):
            if lexer.done:
                lexer.fail("'}'")
            if lexer.maybe("{"):
                lexer.skip_past("", "}", "{")
            else:
                self.skipped()

    def skipped(self) -> None:
        """Takes a word that says nothing; a file with very many of them is no BIF."""
        self.idle += 1
        if self.idle > MAX_IDLE:
            self.draft.stop(
                "TN148", f"more than {MAX_IDLE:,} words outside blocks", self.lexer.here
            )
        self.lexer.take()

    def groups(self, closing: str, what: str) -> list[list[str]]:
        """Names up to a mark, which is taken too; those without a comma between them together."""
        lexer = self.lexer
        found: list[list[str]] = [[]]
        count = 0
        while not lexer.maybe(closing):
            if lexer.maybe(",") or lexer.maybe("|"):
                found.append([])
                continue
            count += 1
            if count > MAX_VARIABLES:
                self.draft.stop(
                    "TN148", f"more than {MAX_VARIABLES:,} names in one list", lexer.here
                )
            found[-1].append(lexer.name(what))
        return [group for group in found if group]

    def scope(self) -> tuple[str, list[str], Place]:
        """The child, its parents, and the place of the child."""
        lexer = self.lexer
        lexer.must("(")
        place = lexer.here
        child = lexer.name("the name of a variable")
        groups = self.groups(")", "the name of a parent")
        return child, [name for group in groups for name in group], place

    def variable(self) -> None:
        lexer, draft = self.lexer, self.draft
        place = lexer.here
        name = lexer.name("the name of a variable")
        lexer.must("{")
        states: list[str] | None = None
        problems = len(draft.problems)
        kept = dict.fromkeys((KIND, STATES), "")
        while not lexer.maybe("}"):
            if lexer.at("type"):
                if states is not None:
                    draft.stop("TN106", f"{name[:80]!r} has its type already", lexer.here)
                lexer.take()
                states = self.states(name)
            elif lexer.maybe("property"):
                key, _, value = lexer.skip_to(";").strip().strip('"').partition("=")
                if key.strip() in kept:
                    kept[key.strip()] = value.strip()
            else:
                lexer.fail("'type', 'property' or '}'")
        if states is None:
            draft.wrong("TN121", "the variable has no type", place, name)
        readable = len(draft.problems) == problems
        if draft.declare(name, states or [], place, kind=kept[KIND], readable=readable):
            self.spelled[name] = respelled(states or [], kept[STATES])

    def states(self, name: str) -> list[str]:
        lexer, draft = self.lexer, self.draft
        place = lexer.here
        if not lexer.maybe("discrete"):
            word = lexer.name("'discrete'")[:40]
            message = f"{name[:80]!r} is {word}; only discrete variables are read"
            draft.wrong("TN152", message, place, name)
            lexer.skip_to(";")
            return []
        count = ""
        if lexer.maybe("["):
            count = lexer.name("a number")
            lexer.must("]")
        lexer.must("{")
        groups = self.groups("}", "a state")
        states = _states(groups, len(groups) if count == str(len(groups)) else 0)
        lexer.must(";")
        if count and count != str(len(states)):
            message = f"{count[:20]} states are announced, {len(states)} are named"
            draft.wrong("TN147", message, place, name)
        return states

    def probability(self, *, last: bool = False) -> None:
        lexer, draft = self.lexer, self.draft
        start = lexer.start
        name, parents, place = self.scope()
        lexer.must("{")
        if not last and not draft.declared((name, *parents)):
            if len(self.later) >= 2 * MAX_VARIABLES:
                draft.stop("TN148", f"more than {MAX_VARIABLES:,} tables", place)
            self.later.append(start)
        else:
            cells = draft.room(name, parents, place)
            if cells and self.entries(_Rows(draft, name, parents, place)):
                return
        lexer.skip_past("", "}", "{")

    def entries(self, rows: _Rows) -> bool:
        """Reads the entries up to the closing brace; False in front of it after a fault."""
        lexer, draft, name = self.lexer, self.draft, rows.name
        while not lexer.at("}"):
            at = lexer.here
            if lexer.maybe("property"):
                lexer.skip_to(";")
                continue
            if lexer.maybe("table"):
                fault = rows.whole(self.numbers(rows.array.size), at)
            elif lexer.maybe("default"):
                fault = rows.default(self.numbers(rows.own))
            elif lexer.maybe("("):
                states = _states(self.groups(")", "a state"), len(rows.parents))
                fault = rows.row(states, self.numbers(rows.own))
            else:
                lexer.fail("'table', 'default', '(' or '}'")
            if fault is not None:
                draft.wrong(*fault, rows.table_at or at, name)
                return False
        lexer.take()
        rows.finish()
        return True

    def numbers(self, most: int) -> list[float]:
        """Numbers up to a semicolon, which is taken too; one too many stands for all others."""
        lexer = self.lexer
        found: list[float] = []
        while not lexer.maybe(";"):
            if lexer.maybe(",") or lexer.maybe("|"):
                continue
            found.append(lexer.number("a number or ';'"))
            if len(found) > most:
                lexer.skip_past("{}()[]|", ";")
                break
        return found


def _states(groups: list[list[str]], count: int) -> list[str]:
    """The states of a list: its words, or what stands between its commas if that is the count."""
    words = [word for group in groups for word in group]
    if len(words) != count == len(groups):
        return [" ".join(group) for group in groups]
    return words


Fault = tuple[str, str]
"""The code and the message of a problem."""


class _Rows:
    """The array of one probability block while its entries are read."""

    def __init__(self, draft: Draft, name: str, parents: list[str], place: Place) -> None:
        self.draft = draft
        self.name = name
        self.parents = parents
        self.place = place
        self.cards = draft.cards(parents)
        self.own = draft.cards([name])[0]
        self.positions = [
            {state: i for i, state in enumerate(draft.variables[parent].states)}
            for parent in parents
        ]
        self.array = np.zeros((prod(self.cards), self.own))
        self.given = np.zeros(len(self.array), dtype=bool)
        self.rest: list[float] | None = None  # what `default` says
        self.table_at: Place | None = None  # of `table`, which stands alone
        self.short: list[float] | None = None  # a `table` of another length

    def _wrong_length(self, numbers: list[float]) -> Fault | None:
        if len(numbers) == self.own:
            return None
        found = "more" if len(numbers) > self.own else len(numbers)
        return "TN134", f"{self.own} numbers are expected, found {found}"

    def whole(self, numbers: list[float], at: Place) -> Fault | None:
        """``table``: the child's states are outermost."""
        if self.table_at or self.rest is not None or self.given.any():
            return "TN125", "'table' stands beside other entries"
        self.table_at = at
        if len(numbers) != self.array.size:
            self.short = numbers
        else:
            self.array[:] = np.array(numbers).reshape(self.own, -1).T
        return None

    def default(self, numbers: list[float]) -> Fault | None:
        """``default``: the row that stands where no other does."""
        if self.table_at:
            return "TN125", "'table' stands beside other entries"
        if self.rest is not None:
            return "TN106", "a second default"
        self.rest = numbers
        return self._wrong_length(numbers)

    def row(self, states: list[str], numbers: list[float]) -> Fault | None:
        """The row for the parents in these states."""
        if self.table_at:
            return "TN125", "'table' stands beside other entries"
        fault = self._wrong_length(numbers)
        if fault is not None:
            return fault
        if len(states) != len(self.parents):
            message = f"{len(self.parents)} states of parents are expected, found {len(states)}"
            return "TN134", message
        index = 0
        for state, parent, card, position in zip(
            states, self.parents, self.cards, self.positions, strict=True
        ):
            if state not in position:
                return "TN113", f"no state {state[:80]!r} of {parent[:80]}"
            index = index * card + position[state]
        if self.given[index]:
            return "TN106", f"a second row for {', '.join(states)[:200]}"
        self.given[index] = True
        self.array[index] = numbers
        return None

    def finish(self) -> None:
        """Judges the whole array."""
        draft = self.draft
        count = int(self.given.sum())
        if not self.table_at and self.rest is not None:
            self.array[~self.given] = self.rest
        elif not self.table_at and count < len(self.given):
            first = np.unravel_index(int(np.argmin(self.given)), self.cards) if self.cards else ()
            said = ", ".join(
                draft.variables[parent].states[i]
                for parent, i in zip(self.parents, first, strict=True)
            )
            message = f"{len(self.given)} rows are expected, found {count}"
            message += f"; there is none for {said[:200]}" if said else ""
            draft.wrong("TN134", message, self.place, self.name)
            return
        numbers = self.array.reshape(-1) if self.short is None else self.short
        draft.table(self.name, numbers, self.place)


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
