"""The format of the UAI inference competitions (.uai), Bayesian networks only.

    "BAYES"  variables  cards ...  factors  { size scope ... }  { entries numbers ... }

The last variable of a scope is the child and runs fastest, then the parents from last to
first.  Variables and states have no names, so they get ``v0``, ``v1`` ... and, with two
states, ``absent`` and ``present``.  Source: the UAI 2014 inference competition, "Model
file format".
"""

from __future__ import annotations

import re

from twitchnet.errors import ModelError
from twitchnet.io.foreign.draft import MAX_CELLS, MAX_PARENTS, MAX_STATES, MAX_VARIABLES, Draft
from twitchnet.io.foreign.lexer import Lexer
from twitchnet.io.foreign.reading import Place, decoded
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

_COUNT = re.compile(r"\d{1,9}\Z")


def parse_uai(data: bytes | str, file: str = "<string>") -> Network:
    """The network of a UAI text.  Raises ``ModelError`` with every problem.

    >>> parse_uai("BAYES 1 2 1 1 0 2 .8 .2").variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file)
    return _Reader(Lexer(decoded(data, file), "\x00", r"[#%][^\n]*", draft), draft).network()


class _Reader:
    """Reads one document from its first word to its last."""

    def __init__(self, lexer: Lexer, draft: Draft) -> None:
        self.lexer = lexer
        self.draft = draft

    def count(self, what: str, most: int) -> int:
        """A whole number from 0 to ``most``."""
        place = self.lexer.here
        word = self.lexer.name(what)
        if not _COUNT.match(word):
            self.draft.stop("TN150", f"{what} is expected, found {word[:40]!r}", place)
        if int(word) > most:
            self.draft.stop("TN148", f"{what}: {word}, at most {most:,}", place)
        return int(word)

    def network(self) -> Network:
        lexer, draft = self.lexer, self.draft
        place = lexer.here
        kind = lexer.name("'BAYES'")
        if kind.upper() == "MARKOV":
            draft.stop("TN152", "a Markov network has no parents and children", place)
        if kind.upper() != "BAYES":
            draft.stop("TN150", f"'BAYES' is expected, found {kind[:40]!r}", place)
        variables = self.count("the number of variables", MAX_VARIABLES)
        for i in range(variables):
            place = lexer.here
            card = self.count("a number of states", MAX_CELLS)
            if card > MAX_STATES:
                draft.stop("TN147", f"{card:,} states, at most {MAX_STATES}", place)
            states = ["absent", "present"] if card == 2 else [f"s{k}" for k in range(card)]
            draft.declare(f"v{i}", states, place)
        factors = self.count("the number of factors", MAX_VARIABLES)
        if factors != variables:
            message = f"a Bayesian network has one factor a variable, found {factors}"
            draft.stop("TN134", message, place)
        scopes: list[tuple[list[str], Place]] = []
        for _ in range(factors):
            place = lexer.here
            size = self.count("the size of a scope", variables)
            if size == 0:
                draft.stop("TN134", "a factor without variables has no child", place)
            if size > MAX_PARENTS + 1:
                message = f"a table over {size - 1:,} parents is too large"
                draft.stop("TN148", message, place, f"at most {MAX_PARENTS}")
            last = variables - 1
            scope = [f"v{self.count('the number of a variable', last)}" for _ in range(size)]
            scopes.append((scope, place))
        for scope, place in scopes:
            self.table(scope, place)
        if not lexer.done:
            lexer.fail("the end of the file")
        return draft.network()

    def table(self, scope: list[str], place: Place) -> None:
        """The table of the last of ``scope``; after a fault nothing that follows is sure."""
        lexer, draft, name = self.lexer, self.draft, scope[-1]
        cells = draft.room(name, scope[:-1], place)
        if draft.problems:
            raise ModelError(draft.problems)
        here = lexer.here
        entries = self.count("the number of entries", MAX_CELLS)
        if entries != cells:
            draft.stop("TN134", f"{name}: {draft.sizes(name, entries)}", here)
        draft.table(name, [lexer.number("a number") for _ in range(cells)], place)


def format_uai(network: Network, cells: int = CELLS) -> str:
    """The network as UAI text, without names; other local models become tables."""
    flat = tabulated(network, cells)
    index = {variable.name: str(i) for i, variable in enumerate(flat.nodes)}
    lines = ["BAYES", str(len(index)), " ".join(str(v.card) for v in flat.nodes), str(len(index))]
    tables = []
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        scope = [index[name] for name in (*local.parents, variable.name)]
        lines.append(" ".join([str(len(scope)), *scope]))
        tables += ["", str(local.probabilities.size)]
        for row in local.probabilities.reshape(-1, variable.card).tolist():
            tables.append(" ".join(repr(value) for value in row))
    return "\n".join(lines + tables) + "\n"
