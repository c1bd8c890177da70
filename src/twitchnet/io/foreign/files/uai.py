"""The format of the UAI inference competitions (.uai), Bayesian networks only.

    "BAYES"  variables  cards ...  factors  { size scope ... }  { entries numbers ... }  [evidence]

The last variable of a scope is the child and runs fastest, then the parents from last to
first.  Variables and states have no names, so they get ``v0``, ``v1`` ... and, with two
states, ``absent`` and ``present``.  Source: the UAI 2014 inference competition, "Model
file format".

Two programs write another order.  pyAgrum has the first parent fastest after the child, and
names the child in a comment behind each scope.  pgmpy has the first variable of the scope
fastest and the child slowest, so that the rows of the definition do not add up to 1.  Both
are recognised by these marks and read as they were meant, with a note.

A ``MARKOV`` file whose factors are the conditional tables of a Bayesian network is read as that
network (``markov``).  Evidence at the end of a file is no part of the network.
"""

from __future__ import annotations

import re
from math import prod

import numpy as np

from twitchnet.errors import ModelError
from twitchnet.io.foreign.draft import (
    MAX_CELLS,
    MAX_PARENTS,
    MAX_STATES,
    MAX_VARIABLES,
    ROUNDING,
    Draft,
)
from twitchnet.io.foreign.files.lexer import Lexer
from twitchnet.io.foreign.files.markov import NotConditional, children
from twitchnet.io.foreign.reading import Place, decoded
from twitchnet.io.foreign.table_order import TableOrder, list_in_order, read_in_order
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.local import Table
from twitchnet.model.network import Network

_COUNT = re.compile(r"\d{1,9}\Z")
_NAMED_SCOPE = re.compile(r"^[ \t]*\d[\d \t]*#[^\n]*$", re.MULTILINE)
"""A scope with the name of its child in a comment behind it, as pyAgrum writes it."""


def parse_uai(
    data: bytes | str, file: str = "<string>", order: TableOrder | None = None
) -> Network:
    """The network of a UAI text.  Raises ``ModelError`` with every problem.

    ``order`` says in which order the file lists the numbers of a table; None recognises it.

    >>> parse_uai("BAYES 1 2 1 1 0 2 .8 .2").variables[0].local.probabilities.tolist()
    [0.8, 0.2]
    """
    draft = Draft(file)
    text = decoded(data, file)
    comment = r"[#%][^\n]*|(?m:^c(?:[ \t][^\n]*)?$)"
    return _Reader(text, Lexer(text, "\x00", comment, draft), draft, order).network()


class _Reader:
    """Reads one document from its first word to its last."""

    def __init__(self, text: str, lexer: Lexer, draft: Draft, order: TableOrder | None) -> None:
        self.text = text
        self.lexer = lexer
        self.draft = draft
        self.order = order
        self.left = MAX_CELLS  # of the factors of a Markov network

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
        if kind.upper() not in ("BAYES", "MARKOV"):
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
        if kind.upper() == "MARKOV":
            self.markov(scopes)
        else:
            self.bayes(scopes)
        return draft.network()

    def bayes(self, scopes: list[tuple[list[str], Place]]) -> None:
        """The tables of a Bayesian network: the last of each scope is the child."""
        draft = self.draft
        tables = [self.numbers(scope, place) for scope, place in scopes]
        self.evidence()
        shapes = [draft.cards(scope) for scope, _ in scopes]
        order = self.order or self.recognised(tables, shapes)
        for (scope, place), numbers, shape in zip(scopes, tables, shapes, strict=True):
            draft.table(scope[-1], read_in_order(numbers, shape, order), place)

    def markov(self, scopes: list[tuple[list[str], Place]]) -> None:
        """The factors of a Markov network, where each is a conditional table."""
        draft = self.draft
        tables = []
        for scope, place in scopes:
            shape = draft.cards(scope)
            if prod(shape) > self.left:
                draft.stop("TN148", f"a table of {prod(shape):,} cells is too large", place)
            self.left -= prod(shape)
            numbers = self.entries(prod(shape), scope[-1])
            tables.append(np.array(numbers).reshape(shape))
        self.evidence()
        indices = [[int(name[1:]) for name in scope] for scope, _ in scopes]
        try:
            found = children(indices, tables, ROUNDING * (1 + 1e-9))
        except NotConditional as error:
            scope, place = scopes[error.factor]
            message = f"the factor over {' '.join(scope[:8])} is no conditional table"
            hint = "only Markov networks that are Bayesian networks are read"
            draft.stop("TN152", message, place, hint)
        for (scope, place), index, table, child in zip(scopes, indices, tables, found, strict=True):
            axis = index.index(child)
            name, parents = scope[axis], [*scope[:axis], *scope[axis + 1 :]]
            if draft.room(name, parents, place):
                draft.table(name, np.moveaxis(table, axis, -1).reshape(-1), place)
        draft.notes.append(
            "The factors of this Markov network are conditional tables, so it was read as the "
            "Bayesian network that they make up."
        )

    def evidence(self) -> None:
        """The end of the file, or evidence that was appended to it."""
        lexer, draft = self.lexer, self.draft
        if lexer.kind == "end":
            return
        start = lexer.start
        count = self.optional(len(draft.variables))
        for _ in range(count if count >= 0 else 0):
            variable = self.optional(len(draft.variables) - 1)
            if variable < 0 or self.optional(draft.cards([f"v{variable}"])[0] - 1) < 0:
                count = -1
                break
        if count < 0 or lexer.kind != "end":
            lexer.seek(start)
            lexer.fail("the end of the file")
        draft.notes.append("The evidence at the end of the file is no part of the network.")

    def optional(self, most: int) -> int:
        """A whole number from 0 to ``most``; -1 when something else stands here."""
        word = self.lexer.word
        if self.lexer.done or not _COUNT.match(word) or int(word) > most:
            return -1
        self.lexer.take()
        return int(word)

    def recognised(self, tables: list[list[float]], shapes: list[tuple[int, ...]]) -> TableOrder:
        """The order in which the numbers of the tables were written, by the marks of its writer."""
        named = len(_NAMED_SCOPE.findall(self.text)) == len(tables)
        if named and any(len(shape) > 2 for shape in shapes):
            self.draft.notes.append(
                "The scopes name their variables as pyAgrum writes them, so the tables were "
                "read with the first parent fastest after the child; order='definition' reads "
                "the last parent fastest."
            )
            return "pyagrum"
        if not _all_add_up(tables, shapes, "definition") and _all_add_up(tables, shapes, "pgmpy"):
            self.draft.notes.append(
                "The rows add up to 1 only with the child slowest, as pgmpy writes tables, so "
                "they were read in that order."
            )
            return "pgmpy"
        return "definition"

    def numbers(self, scope: list[str], place: Place) -> list[float]:
        """The table of the last of ``scope``; after a fault nothing that follows is sure."""
        draft, name = self.draft, scope[-1]
        cells = draft.room(name, scope[:-1], place)
        if draft.problems:
            raise ModelError(draft.problems)
        return self.entries(cells, name)

    def entries(self, cells: int, name: str) -> list[float]:
        """The numbers of a table, behind their count."""
        lexer, draft = self.lexer, self.draft
        here = lexer.here
        entries = self.count("the number of entries", MAX_CELLS)
        if entries != cells:
            draft.stop("TN134", f"{name}: {cells} numbers are expected, found {entries}", here)
        return [lexer.number("a number") for _ in range(cells)]


def _all_add_up(
    tables: list[list[float]], shapes: list[tuple[int, ...]], order: TableOrder
) -> bool:
    """Whether each row of each table adds up to 1, give or take a rounding."""
    for numbers, shape in zip(tables, shapes, strict=True):
        sums = read_in_order(numbers, shape, order).reshape(-1, shape[-1]).sum(axis=1)
        if not np.all(np.abs(sums - 1.0) <= ROUNDING):
            return False
    return True


def format_uai(network: Network, cells: int = CELLS, order: TableOrder = "definition") -> str:
    """The network as UAI text, without names; other local models become tables.

    With the order of pyAgrum the name of each child stands behind its scope, as pyAgrum has
    it, so that the file shows how it is meant.  No number has an exponent: pgmpy reads none.
    """
    flat = tabulated(network, cells)
    index = {variable.name: str(i) for i, variable in enumerate(flat.nodes)}
    lines = ["BAYES", str(len(index)), " ".join(str(v.card) for v in flat.nodes), str(len(index))]
    tables = []
    for variable in flat.nodes:
        local = variable.local
        assert isinstance(local, Table)
        scope = [index[name] for name in (*local.parents, variable.name)]
        name = f"   # {variable.name}" if order == "pyagrum" else ""
        lines.append(" ".join([str(len(scope)), *scope]) + name)
        tables += ["", str(local.probabilities.size)]
        for row in list_in_order(local.probabilities, order).reshape(-1, variable.card):
            tables.append(" ".join(np.format_float_positional(value, trim="0") for value in row))
    return "\n".join(lines + tables) + "\n"
