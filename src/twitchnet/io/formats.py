"""Which reader and which writer does a file need?

One table of formats by suffix; every reader gives a :class:`Network` that ``check`` has
judged, every writer takes any network, so each format converts to each other.  What a
format cannot hold is said by :func:`convert`, not dropped without a word.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path
from typing import Literal, get_args

from twitchnet.errors import ModelError, Problem, nearest
from twitchnet.io.foreign.reading import MAX_BYTES
from twitchnet.io.foreign.roles import Roles, roles_beside, with_roles
from twitchnet.io.foreign.table_order import TableOrder
from twitchnet.io.foreign.tabular import CELLS, hidden
from twitchnet.model.checks.network import check
from twitchnet.model.local import Table
from twitchnet.model.network import Network

FORMATS = {
    ".bif": "bif",
    ".xml": "xmlbif",
    ".bifxml": "xmlbif",
    ".uai": "uai",
    ".xdsl": "xdsl",
    ".net": "net",
    ".dne": "dne",
    ".pgmx": "pgmx",
}
"""The module ``x`` of ``foreign.files`` that has ``parse_x`` and ``format_x``, by suffix."""

YAML = (".yaml", ".yml")
GZIP = ".gz"  # may follow each of them

DECIDING = (".xml", ".bifxml", ".xdsl", ".net", ".dne", ".pgmx")
"""Formats that may hold decisions and utilities."""

ORDERED = (".uai", ".xdsl")
"""Formats of which some programs write the tables in another order than the definition's."""


def _is_gzip(path: str | PathLike[str]) -> bool:
    return Path(path).suffix.lower() == GZIP


def _bytes(path: str | PathLike[str]) -> bytes:
    """The bytes of a file, at most one more than a reader takes; a ``.gz`` file is unpacked."""
    try:
        with Path(path).open("rb") as stream:
            if not _is_gzip(path):
                return stream.read(MAX_BYTES + 1)
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return unpacked.read(MAX_BYTES + 1)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        message = f"the gzip file cannot be unpacked: {error}"
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
    raise ModelError([Problem("TN100", message, file=fspath(path))])


def _suffix(path: str | PathLike[str]) -> str:
    """The suffix of a file, without that of gzip.  Raises ``ModelError`` when no format has it."""
    suffix = (Path(path).with_suffix("") if _is_gzip(path) else Path(path)).suffix.lower()
    if suffix not in FORMATS and suffix not in YAML:
        every = ", ".join([*YAML, *FORMATS])
        hint = nearest(suffix, [*YAML, *FORMATS]) or f"formats: {every}"
        message = f"no format has the suffix {suffix!r}" if suffix else "the file has no suffix"
        raise ModelError([Problem("TN153", message, file=fspath(path), hint=hint)])
    return suffix


def _function(suffix: str, verb: str) -> Callable[..., object]:
    module = FORMATS[suffix]
    found: Callable[..., object] = getattr(
        import_module(f"twitchnet.io.foreign.files.{module}"), f"{verb}_{module}"
    )
    return found


def read_model(
    path: str | PathLike[str],
    order: TableOrder | None = None,
    roles: Roles | None = None,
    drop_decisions: bool = False,
) -> Network:
    """The network in a file of any known format, chosen by its suffix.

    ``order`` says in which order a ``.uai`` or ``.xdsl`` file lists the numbers of a table
    (see ``foreign.table_order``); None recognises it.  ``roles`` says what its variables are,
    before the small file beside it (see ``foreign.roles``).  ``drop_decisions`` leaves out
    decisions and utilities, and what depends on them, which are refused otherwise.  Raises
    ``ModelError`` with every problem of the file, ``ValueError`` for an order where the format
    leaves none open, and for roles of a model file, which states them itself.
    """
    suffix, file = _suffix(path), fspath(path)
    if order and suffix not in ORDERED:
        raise ValueError(f"order= is for {' and '.join(ORDERED)} files, not for {suffix}")
    if order and order not in get_args(TableOrder):
        raise ValueError(f"order must be one of {', '.join(get_args(TableOrder))}, not {order!r}")
    if suffix in YAML:
        from twitchnet.io.model_file.reader import read_network

        if roles is not None:
            raise ValueError("roles= and baselines= are for networks of other programs")
        if _is_gzip(path):
            from twitchnet.io.foreign.reading import decoded
            from twitchnet.io.model_file.reader import parse_network

            return parse_network(decoded(_bytes(path), file), file)
        return read_network(path)
    data = _bytes(path)
    parse = _function(suffix, "parse")
    options: dict[str, object] = {"order": order} if suffix in ORDERED else {}
    if drop_decisions and suffix in DECIDING:
        options["drop_decisions"] = True
    network = parse(data, file, **options)
    assert isinstance(network, Network)
    network = with_roles(network, (roles or Roles()).over(roles_beside(Path(path))), file)
    problems = [problem for problem in check(network) if problem.severity == "error"]
    if problems:
        raise ModelError(replace(problem, file=file) for problem in problems)
    return network


def lint_model(path: str | PathLike[str]) -> list[Problem]:
    """Every problem of a file of any known format, and every warning."""
    try:
        if _suffix(path) in YAML and not _is_gzip(path):
            from twitchnet.io.model_file.reader import lint

            return lint(path)
        network = read_model(path)
    except ModelError as error:
        return list(error.problems)
    file = fspath(path)
    told = [Problem("TN188", note, file=file, severity="warning") for note in network.notes]
    return told + [_guessed(guess, file) for guess in network.guesses]


def _guessed(guess: tuple[str, str, str], file: str) -> Problem:
    """What a reader had to guess, and how to say otherwise."""
    name, what, which = guess
    word = "STATE" if what == "baseline" else "context"
    hint = f"say otherwise with {what}s: {{{name}: {word}}} in {Path(file).name}.roles.yaml"
    return Problem("TN189", f"{what} {which}", name, file, hint=hint, severity="warning")


def format_model(
    network: Network, suffix: str, cells: int = CELLS, order: TableOrder = "definition"
) -> str:
    """The text of a file of the format that ``suffix`` (``.bif`` ...) names.

    ``order`` matters where programs differ in the order of the tables (``.uai``, ``.xdsl``).
    """
    if _suffix(f"model{suffix}") in YAML:
        from twitchnet.io.model_file.writer import format_network

        return format_network(network)
    written = _function(suffix.lower(), "format")
    text = written(network, cells, order) if suffix in ORDERED else written(network, cells)
    assert isinstance(text, str)
    return text


def write_model(
    network: Network, path: str | PathLike[str], order: TableOrder = "definition"
) -> None:
    """Writes the network in the format that the suffix of ``path`` names."""
    text = format_model(network, _suffix(path), order=order)
    data = text.encode("utf-8")
    Path(path).write_bytes(gzip.compress(data, mtime=0) if _is_gzip(path) else data)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What ``convert`` did: both files, the network read, and what was changed or lost."""

    source: str
    target: str
    network: Network
    notes: tuple[str, ...]

    def __str__(self) -> str:
        counts = f"{len(self.network.nodes)} variables"
        lines = [f"{self.source} -> {self.target}: {counts}", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    order: TableOrder | None = None,
    reader: Literal["definition", "pyagrum"] = "definition",
    drop_decisions: bool = False,
) -> Conversion:
    """Reads one file and writes another; the suffixes say the formats.

    ``order`` and ``drop_decisions`` are of the source (see ``read_model``); ``reader`` says for
    which program's order of tables the target is written.  The names and states of a ``.uai``
    file, which has none, are written beside it (``x.uai.names.tsv``).  Raises ``ModelError`` when
    the source is wrong or a suffix is unknown; the target is then not touched.
    """
    suffix = _suffix(target)
    network = read_model(source, order, drop_decisions=drop_decisions)
    write_model(network, target, reader)
    notes = () if suffix in YAML else _lost(network, suffix, reader)
    if suffix == ".uai":
        names = Path(f"{fspath(target)}.names.tsv")
        names.write_text(_names(network), encoding="utf-8", newline="\n")
        notes += (f"the format has no names: {names.name} says which variable has which number",)
    if _suffix(source) not in YAML:
        notes += network.notes
    return Conversion(fspath(source), fspath(target), network, notes)


def _names(network: Network) -> str:
    """A line for each variable of a UAI file: its number, its name, and its states."""
    from twitchnet.io.foreign.tabular import tabulated

    rows = [
        "\t".join([str(number), variable.name, *variable.states])
        for number, variable in enumerate(tabulated(network).nodes)
    ]
    return "\n".join(["number\tname\tstates", *rows]) + "\n"


def _lost(network: Network, suffix: str, reader: TableOrder) -> tuple[str, ...]:
    """What a foreign format does not keep, in words."""
    from twitchnet.io.foreign.tabular import tabulated

    notes = []
    written = sum(not isinstance(variable.local, Table) for variable in network.nodes)
    if written and suffix == ".xdsl" and reader == "definition":
        notes.append("noisy-OR and noisy-MAX nodes without modifiers are kept as they are")
    elif written:
        notes.append(f"{written} causal mechanisms were written out as tables")
    if suffix == ".xdsl":
        from twitchnet.io.foreign.files.xdsl import kept_noisy

        added = len(hidden(tabulated(network, keep=kept_noisy(reader))))
    else:
        added = len(hidden(tabulated(network)))
    if added:
        notes.append(f"{added} hidden nodes were added, to keep every table small")
    screens = len(network.names("screen"))
    if screens:
        notes.append(f"{screens} screen questions, which have no probability, were left out")
    parts = {
        "sources": network.sources,
        "ranges": network.parameters,
        "rules": network.rules,
        "watches": network.watches,
        "options": network.options,
        "coverage": network.coverage,
    }
    lost = [name for name, values in parts.items() if values]
    if lost:
        notes.append(f"the format has no place for {', '.join(lost)}")
    if suffix in ORDERED and reader == "definition":
        notes.append("pyAgrum reads the tables of this format in another order: --for pyagrum")
    return tuple(notes)
