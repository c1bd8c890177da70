"""The notebooks run, and show what they are stored with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from twitchnet.engine.jit import cache_folder

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_each_notebook_shows_what_it_shows_when_it_is_run(tmp_path: Path) -> None:
    """Renew them with: python tools/notebooks.py"""
    assert NOTEBOOKS
    command = [sys.executable, str(ROOT / "tools" / "notebooks.py"), "--check"]
    own = {"HOME": str(tmp_path), "JUPYTER_PLATFORM_DIRS": "1", "IPYTHONDIR": str(tmp_path)}
    own["TWITCHNET_CACHE"] = str(cache_folder.parent_folder())  # or kernels are compiled again
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_text_that_diffs_well(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert all(re.fullmatch(r"[a-z][a-z-]+", cell.id) for cell in book.cells), "ids are words"
    assert all(cell.metadata == {} for cell in book.cells)
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]
    assert not [o for cell in code for o in cell.outputs if o.get("name") == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_with_a_title_and_tells_no_path_of_a_machine(path: Path) -> None:
    book = json.loads(path.read_text(encoding="utf-8"))
    assert "".join(book["cells"][0]["source"]).startswith("# ")
    assert str(Path.home()) not in path.read_text(encoding="utf-8")
    assert not re.search(r"/(tmp|home|Users)/", path.read_text(encoding="utf-8"))
