"""Thousands of spoiled files of each format: is each one loaded or refused, soon and in bounds?

    python tools/mutants.py --each 3000 --seed 1      a table; exit code 1 when one fails
    python tools/mutants.py --each 3000 --keep DIR    and the files that failed, in DIR

The seeds are small networks in ``tools/seeds``: one of each format that uses every feature of it
(``well.bif``), and others as the programs that write the format have them.  A mutant is a seed with one to three edits: bytes flipped, pieces left out, doubled or
exchanged, extreme numbers, deep nests, lines of another format, a truncated end.  Mutant i
of a format depends on the seed of the run and on i alone.

A mutant passes when it is refused with a ``ModelError`` that reads well (a known code, a
place, one line a problem), or is loaded, ``check`` finds no error, and what is written as a
model file is read again as the same network; all within TIME and MEMORY.  Each format runs
in a process of its own, under a limit of address space, so that neither a hang nor a crash
ends the run.
"""

# ruff: noqa: E501 - lists of junk

from __future__ import annotations

import argparse
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import NamedTuple

SEEDS = Path(__file__).parent / "seeds"
FORMATS = ("yaml", "bif", "net", "uai", "xml", "xdsl", "dne", "pgmx", "anchors")

TIME = 2.0
"""Seconds of processor time that one mutant may take."""

MEMORY = 500
"""Megabytes that one mutant may take above what the program needs itself."""

LARGEST = 2_000_000
"""Bytes of a mutant."""

SHOWN = 10
"""Failures of each format that are printed."""

DEATHS = 20
"""A format is given up when so many of its mutants end the process."""

HANG = 30.0
"""Seconds after which a mutant is given up."""

_PIECE = re.compile(rb"[A-Za-z_]\w*|[-+]?[\d.]+(?:[eE][-+]?\d+)?|\s+|.", re.DOTALL)
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_NUMBERS = (
    *(b"1e400", b"-1e400", b"1e-400", b"-0", b"-0.0", b"nan", b".nan", b".inf", b"-inf", b"Infinity"),
    *(b"99999999999999999999", b"-1", b"2", b"128", b"0.1.2", b"1_0", b"0x1F", b"1e", b"+-1", b"5e-324"),
    *(b"9" * 400, b"9" * 5000, b"0." + b"3" * 3000, "\u0663".encode(), "\u00bd".encode(), b"1e+99999999"),
)  # fmt: skip
_NESTS = (
    b"(",
    b"[",
    b"{",
    b"{a: ",
    b"- ",
    b"<a>",
    b"<cpt>",
    b"((",
    b'"',
    b"/*",
    b"<!--",
    b"&#x41;",
)
_JUNK = (
    *(b"\x00", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u2028".encode(), b"\r", b"\t"),
    *(b"*x", b"&x", b"!!python/object:os.system", b"<<: *x", b"%YAML 1.1\n---\n", b"...\n", b"<![CDATA["),
    *(b"<!DOCTYPE x [<!ENTITY y 'z'>]>", b"&y;", b"<?xml encoding='utf-16'?>", b"//", b"%", b"#", b"|", b","),
    *(b"unknown", b"__class__", b"=", b";", b"'", b"\\", b"\x1b[2J", b"\xf0\x9f\x98\x80", b"e\xcc\x81"),
)  # fmt: skip


def seeds_of(kind: str) -> list[Path]:
    """The sound files of one format."""
    if kind in ("anchors", "yaml"):
        return [SEEDS / ("anchors.yaml" if kind == "anchors" else "well.yaml")]
    return sorted(SEEDS.glob(f"*.{kind}"), key=lambda path: (path.stem != "well", path.name))


def seed_of(kind: str) -> bytes:
    """The first of the sound files that mutants of one format are made of."""
    return seeds_of(kind)[0].read_bytes()


def mutant(kind: str, seed: int, index: int) -> bytes:
    """The file of one mutant.

    >>> mutant("bif", 1, 0) == mutant("bif", 1, 0) != mutant("bif", 1, 1)
    True
    """
    rng = random.Random(f"{kind}/{seed}/{index}")
    data = rng.choice(seeds_of(kind)).read_bytes()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = _edited(data, rng)[:LARGEST]
    return data


def _span(data: bytes, rng: random.Random, most: int) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, most))


def _edited(data: bytes, rng: random.Random) -> bytes:
    """One edit, chosen at random."""
    edit = rng.choice(
        (_flip, _without, _doubled, _swapped, _number, _replaced, _nest, _cut, _spliced, _junk, _many)
    )  # fmt: skip
    return edit(data, rng) if data else data


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _without(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng, rng.choice((1, 4, 40, 400)))
    return data[:start] + data[end:]


def _doubled(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng, rng.choice((2, 20, 200, 1000)))
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 50)) + data[end:]


def _swapped(data: bytes, rng: random.Random) -> bytes:
    pieces = _PIECE.findall(data)
    one, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
    pieces[one], pieces[other] = pieces[other], pieces[one]
    return b"".join(pieces)


def _number(data: bytes, rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(_NUMBERS) + data[match.end() :]


def _replaced(data: bytes, rng: random.Random) -> bytes:
    pieces = _PIECE.findall(data)
    pieces[rng.randrange(len(pieces))] = rng.choice((*pieces, b"x" * rng.choice((61, 81, 20_000))))
    return b"".join(pieces)


def _nest(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_NESTS) * rng.choice((1, 3, 39, 70, 5000, 100_000)) + data[at:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _spliced(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    other = seed_of(rng.choice(FORMATS)).splitlines(keepends=True) if rng.random() < 0.3 else lines
    at = rng.randrange(len(lines) + 1)
    lines[at : at + rng.randint(0, 2)] = rng.choices(other, k=rng.randint(1, 4))
    return b"".join(lines)


def _junk(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_JUNK) + data[at:]


def _many(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at] *= min(rng.choice((2, 130, 3000)), LARGEST // len(lines[at]) + 1)
    return b"".join(lines)


# -- judging one, in the child -----------------------------------------------------------------


def judged(kind: str, path: Path) -> str:
    """``loaded``, ``refused``, or in what way a file fails."""
    from twitchnet.codes import CODES
    from twitchnet.errors import ModelError

    try:
        _read(kind, path)
    except ModelError as error:
        for problem in error.problems:
            text = str(problem)
            if problem.code not in CODES or not problem.file or len(text) > 1500 or "\n" in text:
                return f"a problem that does not read well: {text[:200]!r}"
        return "refused" if error.problems else "refused without a word"
    except Exception as error:  # whatever it is, it is a failure
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "loaded"


def _read(kind: str, path: Path) -> None:
    import twitchnet as tn
    from twitchnet.errors import ModelError
    from twitchnet.io.formats import format_model, lint_model
    from twitchnet.io.model_file.reader import parse_network

    if kind == "anchors":
        from twitchnet.io.anchors_file import read_anchors

        read_anchors(path, tn.load(SEEDS / "well.yaml").network)
        return
    network = tn.load(path).network
    errors = [str(problem) for problem in lint_model(path) if problem.severity == "error"]
    assert not errors, f"loaded, but check says {errors[0]}"
    try:
        text = format_model(network, ".yaml")
    except ModelError as error:
        if error.problems[0].code == "TN154":
            return  # the model file cannot hold it
        raise
    try:
        again = parse_network(text)
    except ModelError as error:
        raise AssertionError(f"written as a model file, but: {error.problems[0]}") from None
    assert again.fingerprint == network.fingerprint, "written as a model file, but not the same"


def _child(kind: str, seed: int, first: int, last: int) -> None:
    """Judge mutants and print a line for each: index, seconds, megabytes, outcome."""
    import twitchnet.io.formats
    import twitchnet.io.model_file.builder
    import twitchnet.io.yaml.reader  # noqa: F401 - what is imported once is no mutant's memory

    warnings.simplefilter("error")
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + 2 * MEMORY * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    base = before = _most()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"mutant.{'yaml' if kind == 'anchors' else kind}"
        for index in range(first, last):
            path.write_bytes(mutant(kind, seed, index))
            begin = time.process_time()
            outcome = judged(kind, path)
            seconds = time.process_time() - begin
            most = _most()
            taken = most - base if most > before else 0.0
            before = most
            print(index, f"{seconds:.3f}", f"{taken:.0f}", outcome.replace("\n", " "), flush=True)


def _most() -> float:
    """The most memory of this process so far, in megabytes.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


# -- running all of them -----------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of one mutant; ``megabytes`` is 0 when an earlier one took more."""

    index: int
    seconds: float
    megabytes: float
    what: str

    @property
    def failed(self) -> bool:
        """Whether it is neither loaded nor refused within its bounds."""
        slow = self.seconds > TIME or self.megabytes > MEMORY
        return slow or self.what not in ("loaded", "refused")


def outcomes(kind: str, seed: int, each: int) -> Iterator[Outcome]:
    """The outcomes of all mutants of one format, in order; a dead process is begun anew."""
    first = deaths = 0
    while first < each and deaths < DEATHS:
        words = [sys.executable, __file__, "--child", kind, str(seed), str(first), str(each)]
        with subprocess.Popen(words, stdout=PIPE, stderr=DEVNULL, text=True, bufsize=1) as child:
            assert child.stdout is not None
            while first < each:
                ready, _, _ = select.select([child.stdout], [], [], HANG)
                line = child.stdout.readline() if ready else ""
                if not line:
                    child.kill()
                    why = "the process died" if ready else f"no answer in {HANG:.0f} s"
                    yield Outcome(first, 0.0 if ready else HANG, 0.0, why)
                    first += 1
                    deaths += 1
                    break
                index, seconds, megabytes, what = line.rstrip("\n").split(" ", 3)
                yield Outcome(int(index), float(seconds), float(megabytes), what)
                first += 1


def main() -> int:
    """Run the mutants of every format and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--each", type=int, default=100, help="mutants of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=FORMATS)
    parser.add_argument("--keep", type=Path, help="a folder for the files that failed")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, seed, first, last = options.child
        _child(kind, int(seed), int(first), int(last))
        return 0
    failures: list[tuple[str, Outcome]] = []
    print(
        f"{'format':8} {'mutants':>8} {'loaded':>8} {'refused':>8} {'failed':>8}  slowest  memory"
    )
    for kind in options.formats:
        found = list(outcomes(kind, options.seed, options.each))
        wrong = [one for one in found if one.failed]
        failures += [(kind, one) for one in wrong]
        counts = [sum(one.what == what for one in found) for what in ("loaded", "refused")]
        slowest = max((one.seconds for one in found), default=0.0)
        most = max((one.megabytes for one in found), default=0.0)
        print(
            f"{kind:8} {len(found):8,} {counts[0]:8,} {counts[1]:8,} {len(wrong):8,}"
            f"  {slowest:5.2f} s {most:4.0f} MB",
            flush=True,
        )
    shown: Counter[str] = Counter()
    for kind, one in failures:
        shown[kind] += 1
        if shown[kind] <= SHOWN:
            print(f"{kind} {one.index}: {one.what} ({one.seconds:.2f} s, {one.megabytes:.0f} MB)")
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            suffix = "yaml" if kind == "anchors" else kind
            kept = options.keep / f"{kind}-{options.seed}-{one.index}.{suffix}"
            kept.write_bytes(mutant(kind, options.seed, one.index))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
