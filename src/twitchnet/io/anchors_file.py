"""How does a file of anchors become values, and what is wrong with it?

    text -> values with places (``io.yaml``) -> schema -> queries, bands -> Anchors

One run shows every problem, each with its place.  ``models/anchors/FORMAT.md`` is the spec.
The file of a model stands in a folder ``anchors`` beside the model's file, under the same
stem and with the suffix ``.yaml``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from twitchnet.errors import ModelError
from twitchnet.io.anchors_schema import (
    BandSpec,
    FileSpec,
    GridSpec,
    GroupSpec,
    RowSpec,
    WordsSpec,
)
from twitchnet.io.model_file.report import Report
from twitchnet.io.model_file.schema import SourceSpec
from twitchnet.io.model_file.validation import describe_errors
from twitchnet.io.yaml.document import Document, Keys
from twitchnet.io.yaml.reader import read, read_file
from twitchnet.model.anchors import Anchor, Anchors, Band, Group
from twitchnet.model.language.query import Level, Place, Probability, Query, parse_query, walk
from twitchnet.model.language.query import Literal as Claim
from twitchnet.model.network import Network, Source

Spec = TypeVar("Spec", bound=BaseModel)


def anchors_path(model: str | os.PathLike[str]) -> Path:
    """The file of anchors that belongs to a model's file; it need not exist.

    >>> anchors_path("models/pump.yaml").as_posix()
    'models/anchors/pump.yaml'
    """
    path = Path(model)
    return path.parent / "anchors" / f"{path.stem}.yaml"


def read_anchors(path: str | os.PathLike[str], network: Network) -> Anchors:
    """The anchors in a file, checked against the network that they are about.

    Raises ``ModelError`` with every problem of the file.
    """
    return _anchors(read_file(path), os.fspath(path), network)


def parse_anchors(text: str, network: Network, file: str = "<string>") -> Anchors:
    """The anchors in a text; ``file`` is the name used in messages.

    Raises ``ModelError`` with every problem of the text.
    """
    return _anchors(read(text), file, network)


def _anchors(document: Document, file: str, network: Network) -> Anchors:
    report = Report(document, file)
    found = None if document.broken else _Reader(report, network).table(document.value)
    if found is None or report.counts["error"]:
        raise ModelError(report.problems())
    return found


class _Reader:
    """Reads one document; every fault goes into the report, and reading goes on."""

    def __init__(self, report: Report, network: Network) -> None:
        self.report = report
        self.network = network
        self.known = {source.key for source in network.sources}
        self.names: set[str] = set()

    def checked(self, spec: type[Spec], raw: Any, keys: Keys) -> Spec | None:
        """A part that follows its schema, or None once its faults are reported."""
        try:
            return spec.model_validate(raw)
        except ValidationError as error:
            describe_errors(error.errors(include_url=False), raw, keys, spec, self.report)
            return None

    def table(self, raw: Any) -> Anchors | None:
        spec = self.checked(FileSpec, raw, ())
        if spec is None:
            return None
        if spec.anchors != 1:
            self.report("TN124", ("anchors",), f"the format version is 1, found {spec.anchors}")
        if spec.model != self.network.name:
            message = f"the anchors are of the model {spec.model[:80]!r}, not {self.network.name!r}"
            self.report("TN402", ("model",), message)
        sources = []
        for key, value in spec.sources.items():
            keys: Keys = ("sources", key)
            if key in self.known:
                self.report("TN118", keys, "the model has a source of this name", at_key=True)
            source = self.checked(SourceSpec, value, keys)
            if source is not None:
                cite = (source.kind, source.cite, source.confidence, source.url)
                sources.append(Source(key, *cite))
            self.known.add(key)
        groups = tuple(self.group(name, value) for name, value in spec.groups.items())
        words = (spec.model, spec.title)
        return Anchors(*words, groups, spec.description, tuple(sources))

    def group(self, name: str, raw: Any) -> Group:
        keys: Keys = ("groups", name)
        spec = self.checked(GroupSpec, raw, keys)
        if spec is None:
            return Group(name, "", ())
        anchors = []
        for row, value in spec.rows.items():
            anchor = self.row(row, value, (*keys, "rows", row))
            anchors += [anchor] if anchor else []
        columns: tuple[str, ...] = ()
        if spec.grid is not None:
            grid = self.checked(GridSpec, spec.grid, (*keys, "grid"))
            if grid is not None:
                columns = tuple(grid.columns)
                anchors += self.grid(name, grid, (*keys, "grid"))
        left_out = tuple(spec.left_out.items())
        return Group(name, spec.title, tuple(anchors), spec.description, columns, left_out)

    def row(self, name: str, raw: Any, keys: Keys) -> Anchor | None:
        spec = self.checked(RowSpec, raw, keys)
        if spec is None:
            return None
        self.take(name, keys)
        return self.anchor(name, spec, spec.target, spec, spec.expected_failure, keys)

    def grid(self, group: str, spec: GridSpec, keys: Keys) -> Iterator[Anchor]:
        """The anchors of a grid, row by row."""
        reasons: dict[str, str] = {}
        known = dict.fromkeys(self.cells(spec))
        for index, failure in enumerate(spec.expected_failures):
            place: Keys = (*keys, "expected_failures", index, "cells")
            reasons |= dict.fromkeys(failure.cells, failure.reason)
            for at, cell in enumerate(failure.cells):
                if cell not in known:
                    self.report("TN403", (*place, at), f"no cell {cell[:80]!r}", cell, known)
        columns = {
            name: self.checked(BandSpec, raw, (*keys, "columns", name))
            for name, raw in spec.columns.items()
        }
        for row, targets in self.rows(spec, keys):
            for (column, band), target in zip(columns.items(), targets, strict=True):
                if band is None:
                    continue
                cell = f"{row}/{column}" if len(columns) > 1 else row
                name = f"{group}/{cell}"
                self.take(name, (*keys, "rows"))
                filled = band.model_copy(update={"query": band.query.replace("{row}", row)})
                reason = reasons.get(cell, "")
                yield self.anchor(name, filled, target, spec, reason, (*keys, "columns", column))

    def rows(self, spec: GridSpec, keys: Keys) -> Iterator[tuple[str, list[float | None]]]:
        """Each row with one target per column; a grid of names alone has none."""
        if not isinstance(spec.rows, dict):
            for row in spec.rows:
                yield row, [None for _ in spec.columns]
            return
        for row, targets in spec.rows.items():
            if len(targets) != len(spec.columns):
                message = f"{len(spec.columns)} targets are expected, found {len(targets)}"
                self.report("TN134", (*keys, "rows", row), message)
                continue
            yield row, [*targets]

    def cells(self, spec: GridSpec) -> list[str]:
        several = len(spec.columns) > 1
        return [
            f"{row}/{column}" if several else row for row in spec.rows for column in spec.columns
        ]

    def take(self, name: str, keys: Keys) -> None:
        if name in self.names:
            self.report("TN118", keys, f"there is an anchor {name[:80]!r} already", at_key=True)
        self.names.add(name)

    def anchor(
        self,
        name: str,
        spec: BandSpec,
        target: float | None,
        words: WordsSpec,
        failure: str,
        keys: Keys,
    ) -> Anchor:
        band = self.band(spec, target, keys)
        if failure and band is None:
            self.report("TN125", keys, "an expected failure needs a band that it misses")
        for index, key in enumerate(words.source):
            if key not in self.known:
                place: Keys = (*keys, "source", index)
                self.report("TN114", place, f"no source {key[:80]!r}", key, self.known)
        return Anchor(
            name=name,
            text=spec.query,
            query=self.query(spec.query, (*keys, "query")),
            band=band,
            use=words.use,
            target=math.nan if target is None else target,
            published=words.published,
            sources=tuple(words.source),
            expected_failure=failure,
            note=words.note,
        )

    def band(self, spec: BandSpec, target: float | None, keys: Keys) -> Band | None:
        forms: Mapping[str, object] = {
            "accept": spec.accept,
            "above": spec.above,
            "below": spec.below,
            "tolerance": spec.tolerance,
        }
        given = [form for form, value in forms.items() if value is not None]
        if len(given) > 1:
            message = f"one of {', '.join(forms)} is expected, found {' and '.join(given)}"
            self.report("TN125", keys, message)
        if (target is None) == (spec.tolerance is not None):
            has, lacks = (
                ("target", "tolerance") if spec.tolerance is None else ("tolerance", "target")
            )
            self.report("TN125", keys, f"a {has} needs a {lacks}")
            return None
        if spec.tolerance is not None and target is not None:
            reach = abs(target) * spec.tolerance
            return Band(target - reach, target + reach)
        if spec.accept is not None:
            low, high = spec.accept
            band = Band(-math.inf if low is None else low, math.inf if high is None else high)
            if band.low > band.high:
                self.report("TN131", (*keys, "accept"), "low is above high")
            return band
        if spec.above is not None:
            return Band(low=spec.above, strict=True)
        return Band(high=spec.below, strict=True) if spec.below is not None else None

    def query(self, text: str, keys: Keys) -> Query:
        """The query of a row; 0 when it cannot be read, which has been reported then."""
        try:
            query = parse_query(text)
        except ModelError as error:
            self.report("TN401", keys, error.problems[0].message)
            return 0.0
        for part in walk(query):
            if isinstance(part, Probability):
                self.claims((*part.event, *part.given), keys, asks=True)
            elif isinstance(part, Place):
                self.target(part.name, keys)
                self.claims(part.given, keys)
            elif isinstance(part, Level):
                self.claims(part.given, keys)
        return query

    def target(self, name: str, keys: Keys) -> None:
        ranked = self.network.ranked
        if name not in ranked:
            self.report("TN112", keys, f"no target {name[:80]!r}", name, ranked)

    def claims(self, literals: tuple[Claim, ...], keys: Keys, *, asks: bool = False) -> None:
        """Report names and states that the network does not have."""
        for one in literals:
            variable = self.network.by_name.get(one.name)
            if variable is None:
                names = self.network.by_name
                self.report("TN112", keys, f"no variable {one.name[:80]!r}", one.name, names)
                continue
            if asks and variable.local is None:
                self.report("TN141", keys, f"{one.name!r} is a screen: it has no probability")
            if one.only:
                self.target(one.name, keys)
            for state in one.states:
                if state not in variable.states:
                    message = f"{one.name!r} has no state {state[:80]!r}"
                    self.report("TN113", keys, message, state, variable.states)
