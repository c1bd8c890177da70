"""Scoring of Arrow record batches: the function that files and clusters share.

``score_batches`` maps an iterator of record batches to an iterator of record batches, row
for row.  :class:`Scheme` is the fixed part: which columns are answers, which stay, and the
schema of what comes out (docs/batch.md lists it).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Encoded, Encoder, tell_misspelt
from twitchnet.batch.frames import arrow_array, refuse_same_names
from twitchnet.batch.scoring.posteriors import Progress
from twitchnet.batch.scoring.score import Scorer, Scores
from twitchnet.errors import needs


def arrow() -> Any:
    """The package pyarrow.  Raises ``ImportError`` with what to do when it is missing."""
    try:
        import pyarrow
    except ImportError:
        raise needs("pyarrow") from None
    return pyarrow


@dataclass(frozen=True)
class Scheme:
    """How batches of one schema are scored.

    ``answers`` are the columns that are read as answers, ``kept`` those that stay, and
    ``types`` the Arrow types of all columns of the input; ``long`` gives a row per record and
    rank (``Content.long``) instead of a row per record, and needs a ``top``.
    """

    scorer: Scorer
    answers: tuple[str, ...]
    kept: tuple[str, ...]
    types: Mapping[str, Any]
    long: bool = False

    @property
    def schema(self) -> Any:
        """The Arrow schema of the output, with model and fingerprint in its metadata."""
        pa, prefix = arrow(), self.scorer.options.prefix
        fields = [pa.field(name, self.types[name]) for name in self.kept]
        if self.long and not self.kept:
            fields = [pa.field("record", pa.int64())]
        if self.long:
            fields += [pa.field(prefix + "rank", pa.int32())]
        kinds = {float: pa.float64(), str: pa.string()}
        content = self.scorer.content
        own = content.long if self.long else content.schema
        fields += [pa.field(prefix + name, kinds[kind]) for name, kind in own.items()]
        return pa.schema(fields, metadata(self.scorer))

    @cached_property
    def _encoder(self) -> Encoder:
        return _encoder_of(self.scorer)

    def encode(self, frame: Any) -> Encoded:
        """Codes of a batch, or of a mapping of lists; not for several threads at once."""
        return self._encoder(frame)

    def rows(
        self, kept: Mapping[str, Any], scores: Scores, at: NDArray[np.int64], numbers: Any = None
    ) -> Any:
        """The record batch of the records ``at``; ``kept`` holds the columns that stay.

        ``numbers`` (records,) are the column ``record`` of long output without kept columns.
        """
        pa = arrow()
        if self.long:
            return self._long_rows(kept, scores, at, numbers)
        whole = len(at) == len(scores.cells)
        arrays = [kept[name] if whole else kept[name].take(pa.array(at)) for name in self.kept]
        arrays += [
            arrow_array(values if whole else values[at]) for values in scores.columns.values()
        ]
        return pa.RecordBatch.from_arrays([_plain_array(one) for one in arrays], schema=self.schema)

    def _long_rows(
        self, kept: Mapping[str, Any], scores: Scores, at: NDArray[np.int64], numbers: Any
    ) -> Any:
        pa = arrow()
        ranks = range(1, (self.scorer.top or 0) + 1)

        def by_rank(name: str) -> NDArray[Any]:
            """A column of long output, (records, ranks); a value of the record as a whole stands at
            the first rank.
            """
            if name in _RANKED:
                return np.stack([scores.columns[f"{name}_{rank}"][at] for rank in ranks], axis=1)
            first = scores.columns[name][at]
            nothing = None if first.dtype == object else np.nan
            found: NDArray[Any] = np.full((len(at), len(ranks)), nothing, dtype=first.dtype)
            found[:, 0] = first
            return found

        there = ~np.isnan(by_rank("posterior").astype(np.float64))
        record, rank = np.nonzero(there)
        arrays = [kept[name].take(pa.array(at[record])) for name in self.kept]
        if not self.kept:
            arrays = [pa.array(np.asarray(numbers)[at[record]])]
        arrays += [pa.array((rank + 1).astype(np.int32))]
        arrays += [arrow_array(by_rank(name)[there]) for name in self.scorer.content.long]
        return pa.RecordBatch.from_arrays([_plain_array(one) for one in arrays], schema=self.schema)


_RANKED = ("cause", "posterior", "gain", "low", "high", "first")
"""The columns of long output that have one value for each rank."""


def _plain_array(array: Any) -> Any:
    """A column without a dictionary."""
    return array.dictionary_decode() if hasattr(array, "dictionary") else array


def metadata(scorer: Scorer) -> dict[str, str]:
    """The metadata of the output: the model, and the draws, that made it."""
    # not imported: the public module stands above this room
    version = sys.modules[__name__.partition(".")[0]].__version__
    network, options = scorer.network, scorer.options
    drawn = {"twitchnet.draws": str(options.intervals), "twitchnet.seed": str(options.seed)}
    return {
        "twitchnet.version": str(version),
        "twitchnet.model": network.name,
        "twitchnet.model_version": network.version,
        "twitchnet.fingerprint": network.fingerprint,
        **(drawn if options.intervals else {}),
    }


def _encoder_of(scorer: Scorer) -> Encoder:
    options = scorer.options
    return Encoder(scorer.network, options.names, options.values, options.split)


def make_scheme(scorer: Scorer, columns: Mapping[str, Any], *, long: bool = False) -> Scheme:
    """The scheme for an input whose ``columns`` map names to Arrow types.

    Raises ``RecordError`` when the columns do not fit the model, ``ValueError`` when a
    column that stays has the name of a result.
    """
    encoder, keep = _encoder_of(scorer), scorer.options.keep
    encoder.match(tuple(columns))
    tell_misspelt(encoder.other)
    kept = {"all": tuple(columns), "other": tuple(encoder.other), "none": ()}[keep]
    pa = arrow()
    # A stream of appended messages has no place for dictionaries: their values are written.
    types = {
        name: kind.value_type if pa.types.is_dictionary(kind) else kind
        for name, kind in columns.items()
    }
    scheme = Scheme(scorer, (*encoder.used, *encoder.split), kept, types, long)
    own = scheme.schema.names[len(kept) :]
    refuse_same_names(kept, own)
    return scheme


def score_batches(
    scorer: Scorer,
    batches: Iterable[Any],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """Scored record batches, one for each that comes in and row for row.

    Every row comes back; a row that cannot be scored has a ``status`` that says why, and null
    results.  All batches have the schema of the first one.
    """
    scheme: Scheme | None = None
    for batch in batches:
        if scheme is None:
            columns = {field.name: field.type for field in batch.schema}
            scheme = make_scheme(scorer, columns)
        encoded = scheme.encode(batch)
        # A stream has the same bits whatever the size of its batches: kernels only.
        scores = scorer.score(encoded, threads=threads, progress=progress, compiled=True)
        kept = {name: batch.column(name) for name in scheme.kept}
        yield scheme.rows(kept, scores, np.arange(len(encoded.codes)))
