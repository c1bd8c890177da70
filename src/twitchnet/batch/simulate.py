"""Records drawn from a model, to try things on.

They are questionnaires with missing answers; on request the true causes stand in columns of their
own.  The same seed gives the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from twitchnet.batch.encoding.encode import TRUTH
from twitchnet.batch.files.journal import Journal
from twitchnet.batch.files.placing import check_place, is_stream, open_stream, put
from twitchnet.batch.formats.readers import packing_of
from twitchnet.batch.formats.writers import finish, packing, piece, pipe_end
from twitchnet.batch.scoring.posteriors import Progress
from twitchnet.batch.stream import arrow
from twitchnet.model.network import Network
from twitchnet.model.sampling import hide, sample

BLOCK = 65_536
"""Records drawn at once: with another number the same seed gives another file, since each block
draws after the last.
"""


def simulate(
    network: Network,
    n: int,
    *,
    seed: int = 0,
    given: Mapping[str, str] | None = None,
    contexts: float = 0.8,
    findings: float = 0.6,
    truth: bool = False,
) -> Iterator[Any]:
    """Record batches of ``n`` records: ``record_id`` from 1, an answer per column, null when
    not answered.

    ``contexts`` and ``findings`` are the shares that are answered, ``given`` the answers that all
    records have in common; with ``truth`` the columns ``true_<cause>`` hold the causes.  Raises
    ``RecordError`` for names or states that the network does not have.
    """
    pa = arrow()
    rng = np.random.default_rng(seed)
    asked = [i for i, v in enumerate(network.nodes) if v.kind in ("context", "finding")]
    causes = [i for i, v in enumerate(network.nodes) if v.name in network.ranked] if truth else []
    columns = [(network.nodes[i].name, i, False) for i in asked]
    columns += [(TRUTH + network.nodes[i].name, i, True) for i in causes]
    schema = pa.schema(
        [("record_id", pa.int64()), *((name, pa.string()) for name, _, _ in columns)],
        {
            "twitchnet.model": network.name,
            "twitchnet.fingerprint": network.fingerprint,
            "twitchnet.seed": str(seed),
        },
    )
    for start in range(0, n, BLOCK):
        whole = sample(network, min(BLOCK, n - start), rng, given)
        seen = hide(whole, network, contexts=contexts, findings=findings, rng=rng)
        arrays = [pa.array(np.arange(start + 1, start + 1 + len(whole)))]
        for _, i, true in columns:
            states = np.array([*network.nodes[i].states, None], dtype=object)
            codes = (whole if true else seen)[:, i]
            arrays.append(pa.array(states[codes], type=pa.string()))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def write_batches(
    batches: Iterator[Any], output: Path, form: str, progress: Progress | None = None
) -> int:
    """Writes batches to a file, which appears when it is whole; to standard output (``-``),
    a pipe or a device as they come.

    ``progress`` is called with the number of rows done; the number of rows is returned.
    """
    is_output = str(output) == "-"
    if is_output or is_stream(output):
        end = pipe_end(form, str(output))
        packed = "" if is_output else packing_of(str(output), form)
        with ExitStack() as stack:
            stream: BinaryIO = sys.stdout.buffer
            if not is_output:
                stream = stack.enter_context(open_stream(output))
            sink = stack.enter_context(packing(stream, packed)) if packed else stream
            rows = _write(batches, sink, form, progress)
            sink.write(end)
        return rows
    packed = packing_of(str(output), form)
    check_place(output)
    with Journal(output, {}, resume=False) as journal:
        data, final = journal.folder / "data", journal.folder / "final"
        with data.open("wb") as file:
            rows = _write(batches, file, form, progress)
        if packed or form in ("parquet", "arrow"):
            finish(form, data, final, packed=packed)
        put(final if final.exists() else data, output)
        journal.discard()
    return rows


def _write(batches: Iterator[Any], file: BinaryIO, form: str, progress: Progress | None) -> int:
    rows = 0
    for index, batch in enumerate(batches):
        file.write(piece(form, batch, first=index == 0))
        rows += batch.num_rows
        if progress is not None:
            progress(rows)
    return rows
