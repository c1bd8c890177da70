"""The wheel is complete: built, installed apart from the source tree, and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network by the backend that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package from the wheel alone; its dependencies come from outside."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--disable-pip-version-check", "--target", str(folder), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return folder


def run(folder: Path, *words: str) -> str:
    """What ``twitchnet`` prints when only the installed wheel provides it."""
    code = "import sys, twitchnet.cli.main as c; sys.argv[0] = 'twitchnet'; c.main()"
    # -P and a foreign working directory: the source tree must not help
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_wheel_holds_the_models_the_licence_and_the_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "models").iterdir():
        if path.is_file():
            assert f"twitchnet/models/{path.name}" in names
    assert "twitchnet/models/twitchy_legs.yaml" in names
    assert "twitchnet/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"twitchnet"}


def test_every_module_of_the_source_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    assert wanted - names == set()


def test_the_installed_package_is_the_one_from_the_wheel(installed: Path) -> None:
    code = "import twitchnet, twitchnet.bundled as b; print(b.find_model('twitchy_legs'))"
    environment = {"PYTHONPATH": str(installed), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, env=environment, cwd=installed, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == installed / "twitchnet" / "models" / "twitchy_legs.yaml"


def test_it_lists_the_bundled_models(installed: Path) -> None:
    names = [row["name"] for row in json.loads(run(installed, "models", "--json"))]
    assert names == sorted(path.stem for path in (ROOT / "models").glob("*.yaml"))


def test_it_ranks(installed: Path) -> None:
    document = json.loads(run(installed, "rank", "leg_twitching", "urge_to_move", "--json"))
    assert document["model"] == "twitchy_legs"
    assert document["ranking"][0]["rank"] == 1


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", text)[0] for text in requirements} - {"twitchnet"}


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    core, extras = text.split("## Extras")
    rows = re.findall(r"^\| ([\w-]+) \| .+ \| .+ \|$", core, re.MULTILINE)
    assert set(rows) - {"package", "---"} == _names(PROJECT["dependencies"])
    told: dict[str, set[str]] = {}
    extra = ""
    for first, packages in re.findall(r"^\| ?([\w-]*) \| (.+?) \|", extras, re.MULTILINE):
        if first not in ("extra", "---"):
            extra = first or extra
            told.setdefault(extra, set()).update(packages.split(", "))
    declared = {name: _names(row) for name, row in PROJECT["optional-dependencies"].items()}
    assert told.pop("dev") == {"everything above"}
    declared.pop("dev")
    assert told == declared


def test_the_versions_of_numba_that_are_tested_are_told() -> None:
    """`./run test` takes the oldest from pyproject.toml, and its pattern finds it there."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    oldest, newest = re.findall(r"numba (\d[\d.]*\d)", text)
    assert f"numba>={oldest}" in PROJECT["dependencies"]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert f"numba=={newest}" in pinned
    (found,) = re.findall(r"numba=\$\(sed -n '(.+)' pyproject.toml\)", (ROOT / "run").read_text())
    sed = ["sed", "-n", found, str(ROOT / "pyproject.toml")]
    assert subprocess.run(sed, capture_output=True, text=True).stdout == f"{oldest}\n"


def test_every_dependency_has_a_tested_version_and_nothing_else_is_named() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
    known = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in pinned}
    wanted = [*PROJECT["dependencies"]]
    for extra, row in PROJECT["optional-dependencies"].items():
        wanted += row if extra != "dev" else []
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in _names(wanted)} - known == set()
