"""The public page: light to import, complete, typed."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api as mypy

import twitchnet as tn

HEAVY = (
    "IPython",
    "matplotlib",
    "narwhals",
    "networkx",
    "numba",
    "numpy",
    "pandas",
    "pgmpy",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "typer",
    "yaml",
)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after some code."""
    return set(
        python(f"{code}\nimport sys; print(*{{m.partition('.')[0] for m in sys.modules}})").split()
    )


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import twitchnet") & set(HEAVY) == set()


def test_a_single_answer_needs_no_compiler_no_frames_and_no_graph_library() -> None:
    code = "import twitchnet as tn\nstr(tn.load('demo').diagnose({}))"
    wanted = {"numpy", "yaml"}
    assert wanted <= loaded_after(code)
    assert loaded_after(code) & set(HEAVY) <= wanted | {"pydantic"}


def test_all_equals_what_can_be_imported() -> None:
    for name in tn.__all__:
        assert getattr(tn, name) is not None
    assert tn.__all__ == sorted(tn.__all__)
    assert dir(tn) == sorted(tn.__all__)
    public = {name for name in vars(tn) if not name.startswith("_")}
    machinery = {"annotations", "logging", "import_module", "TYPE_CHECKING"}
    modules = {name for name in public if f"twitchnet.{name}" in sys.modules}
    assert public - machinery - modules == set(tn.__all__) - {"__version__", "plot"}


def test_the_table_of_homes_equals_the_typed_imports() -> None:
    assert tn.__file__
    tree = ast.parse(Path(tn.__file__).read_text(encoding="utf-8"))
    typed = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twitchnet."):
            for alias in node.names:
                typed[alias.name] = (node.module or "").removeprefix("twitchnet.")
    assert typed == tn._HOMES
    assert sorted([*tn._HOMES, "__version__", "plot"]) == tn.__all__  # plot is a module


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'twitchnet' has no attribute 'laod'"):
        _ = tn.laod  # type: ignore[attr-defined]


def test_the_package_stays_silent() -> None:
    code = "import logging, twitchnet; logging.getLogger('twitchnet.x').warning('!')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_errors_have_one_root_and_survive_pickling() -> None:
    problem = tn.Problem("TN201", "no such variable", "x", hint="did you mean 'y'?")
    for error in (tn.ModelError([problem]), tn.RecordError([problem]), tn.CapacityError(2e9, 1e9)):
        assert isinstance(error, tn.TwitchnetError)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)


CLIENT = """
from collections.abc import Mapping
from typing import Any, assert_type

import polars as pl
import twitchnet as tn

model = tn.load("twitchy_legs")
assert_type(model, tn.Model)
assert_type(tn.models(), list[str])
assert_type(model.causes, tuple[str, ...])
assert_type(model.network, tn.Network)
dx = model.diagnose({"leg_twitching": True, "caffeine_intake": "high", "cramp": None})
assert_type(dx, tn.Diagnosis)
soft = model.diagnose({"leg_twitching": tn.Likelihood({"present": 0.7, "absent": 0.2})})
assert_type(dx.posterior, Mapping[str, float])
assert_type(dx.log_evidence, float)
for row in dx.ranking:
    assert_type(row, tn.RankedCause)
    assert_type(row.posterior, float)
    assert_type(row.rank, int | None)
try:
    model.diagnose({"x": 1})
except tn.RecordError as error:
    assert_type(error.problems, tuple[tn.Problem, ...])
frame = pl.DataFrame({"leg_twitching": ["yes"]})
assert_type(model.score(frame, top=3), pl.DataFrame)
assert_type(model.score(frame.lazy(), tn.ScoreOptions(top=3)), pl.LazyFrame)
assert_type(model.score({"leg_twitching": ["yes"]}), dict[str, Any])
done = model.score_files("in.csv", "out.csv", files=tn.FileOptions(strict=True), top=3)
assert_type(done, tn.Summary)
assert_type(done.values, Mapping[str, Mapping[str, int]])
"""


def type_check(folder: Path, code: str) -> tuple[str, int]:
    path = folder / "client.py"
    path.write_text(code, encoding="utf-8")
    arguments = ["--strict", "--config-file=", f"--cache-dir={folder}", str(path)]
    out, err, status = mypy.run([*arguments, "--follow-imports=silent"])
    return out + err, status


def test_a_program_that_uses_the_package_is_typed(tmp_path: Path) -> None:
    assert type_check(tmp_path, CLIENT) == ("Success: no issues found in 1 source file\n", 0)
    wrong, status = type_check(tmp_path, "import twitchnet as tn\ntn.load(3)\ntn.laod('x')\n")
    assert status == 1
    assert wrong.count("error:") == 2
