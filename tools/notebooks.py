"""Runs the notebooks, so that what they show is what the library says today.

    python tools/notebooks.py            runs each of them and writes its outputs into it
    python tools/notebooks.py --check    writes nothing; exit code 1 and the differences
                                         when a notebook fails or shows something else

What is kept is what a reader sees.  Times, versions and identities of the run are left
out, so that a notebook changes when its text or its results change, and only then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SECONDS = 300  # for one cell; a notebook that needs a tenth of it is too slow to read


def executed(path: Path) -> Any:
    """The notebook with the outputs of a run in a fresh kernel."""
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,  # else the halves of a print depend on the clock
    )
    client.execute()
    for cell in book.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not is_wiped(output)]
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return book


def is_wiped(output: Any) -> bool:
    """Whether an output is a line of progress, which a slow machine shows and then wipes."""
    text = str(output.get("text", ""))
    return output.get("name") == "stderr" and not text.rpartition("\r")[2].strip()


def shown(book: Any) -> Iterator[str]:
    """What a reader sees of the outputs, line by line, cell by cell.

    The HTML of a dataframe is its library's own and changes with its version: its text counts.
    """
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            yield f"[{cell.id}]"
            data = output.get("data", {})
            yield from str(output.get("text", "")).splitlines()
            yield from str(data.get("text/plain", "")).splitlines()
            if "dataframe" not in data.get("text/html", ""):
                yield from str(data.get("text/html", "")).splitlines()


def main(words: list[str]) -> int:
    """Runs every notebook; the exit code."""
    differs = 0
    for path in sorted(FOLDER.glob("*.ipynb")):
        try:
            book = executed(path)
        except CellExecutionError as error:
            sys.stdout.write(f"{path.name}: {error}\n")
            differs = 1
            continue
        if "--check" in words:
            kept = shown(nbformat.read(path, as_version=4))
            lines = list(unified_diff([*kept], [*shown(book)], f"{path.name}", "today", n=0))
            sys.stdout.writelines(f"{line.rstrip()}\n" for line in lines)
            differs = differs or bool(lines)
        else:
            nbformat.write(book, path)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
