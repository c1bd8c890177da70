"""Imports go one way: cli -> api -> batch -> diagnosis -> engine, lowering -> model.

Every import statement counts, also one inside a function or under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

import twitchnet

PACKAGE = Path(twitchnet.__file__).parent

# What each room may import.  Rooms to the right of an arrow include what those may import;
# `errors` and `codes` are open to all and import nothing.
ROOMS = {
    "cli": {"", "api", "batch", "bench", "bundled", "diagnosis", "io", "lowering", "model", "show"}
    | {"engine"},
    "api": {"batch", "bundled", "diagnosis", "engine", "io", "lowering", "model", "show"},
    "plot": {"api", "diagnosis", "model", "show"},
    "builder": {"api", "model"},
    "sklearn": {"api", "batch", "diagnosis", "model"},
    "bench": {"batch", "diagnosis", "engine", "io", "lowering", "model"},
    "batch": {"diagnosis", "engine", "io", "lowering", "model", "show"},
    "diagnosis": {"engine", "lowering", "model", "show"},
    "lowering": {"engine", "model"},
    "io": {"model"},
    "model": set(),
    "engine": set(),
    "show": set(),
    "bundled": set(),
    "errors": set(),
    "codes": set(),
    "prompt": set(),
}
# Inside the engine.  The two engines never import each other, and what is taught to the
# compiler knows nothing of what is compiled.
ENGINE = {
    "engine.numpy": {"engine"},
    "engine.jit": {"engine"},
    "engine.kernels": {"engine", "engine.jit"},
    "engine.host": {"engine", "engine.jit", "engine.kernels"},
    "engine": set(),
}
# A plan describes work and never does it: these import none of those that execute.
PLANS = {
    "lowering": {"engine.numpy", "engine.jit", "engine.kernels", "engine.host"},
    "engine.numpy.plan": {"engine.numpy.sweep", "engine.numpy.gradient", "engine.numpy.merge"},
    "engine.numpy.search": {"engine.numpy.sweep", "engine.numpy.gradient", "engine.numpy.merge"},
    "engine.kernels.plan": {"engine.kernels.fast.sweep", "engine.kernels.record"},
    "engine.kernels.fast.schedule": {"engine.kernels.fast.sweep", "engine.kernels.record"},
}
OPEN_TO_ALL = {"errors", "codes", "prompt"}
# The public page fetches names from these at first use; `python -m twitchnet` is the cli.
ROOMS[""] = {"plot", "api", "batch", "builder", "bundled", "diagnosis", "engine", "model"}
ROOMS["__main__"] = {"cli"}


def modules() -> dict[str, Path]:
    """Every module of the package by dotted name, without the package's own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def ours(source: str, package: str) -> set[str]:
    """Our modules that a source text imports, without the package's own name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = ["twitchnet", *(package.split(".") if package else [])]
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, *([base] if base else [])])
            # `from twitchnet.model import local` imports a module, not a name
            names = [
                f"{base}.{alias.name}"
                if f"{base}.{alias.name}".removeprefix("twitchnet.") in MODULES
                else base
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            if name == "twitchnet" or name.startswith("twitchnet."):
                found.add(name.removeprefix("twitchnet").removeprefix("."))
    return found


def imports(module: str) -> set[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return ours(path.read_text(encoding="utf-8"), package)


def room(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    here = room(module)
    assert here in ROOMS, f"{here!r} is a new room: give it a place in the one direction"
    allowed = ROOMS[here] | ({here} if here else set())
    if here not in OPEN_TO_ALL:
        allowed |= OPEN_TO_ALL
    assert {name for name in imports(module) if room(name) not in allowed} == set()


def engine_room(module: str) -> str:
    """The folder of the engine that a module lies in: ``engine.kernels`` of its subfolders."""
    folder = ".".join(module.split(".")[:2])
    return folder if folder in ENGINE else "engine"


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) == "engine"])
def test_a_folder_of_the_engine_imports_only_what_it_may(module: str) -> None:
    here = engine_room(module)
    found = {engine_room(name) for name in imports(module) if room(name) == "engine"}
    assert found <= ENGINE[here] | {here}


@pytest.mark.parametrize("module", PLANS)
def test_a_plan_never_runs_anything(module: str) -> None:
    assert module in MODULES
    wrong = {
        name
        for name in imports(module)
        if any(name == one or name.startswith(f"{one}.") for one in PLANS[module])
    }
    assert wrong == set()


def test_no_cycles_between_folders_side_by_side() -> None:
    """A folder that lies in another may use it, and the other way round; neighbours may not."""
    folders = {module: module.rpartition(".")[0] for module in MODULES}
    graph = nx.DiGraph(
        (folders[module], folders[name])
        for module in MODULES
        for name in imports(module)
        if folders[module].rpartition(".")[0] == folders[name].rpartition(".")[0] != ""
        and folders[module] != folders[name]
    )
    assert list(nx.simple_cycles(graph)) == []


def test_a_folder_can_be_looked_over() -> None:
    """At most about a dozen files: what lies in a folder is read at a glance."""
    files = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    assert {folder: count for folder, count in files.items() if count > 13} == {}


def test_no_cycles_between_modules() -> None:
    graph = nx.DiGraph(
        (module, name) for module in MODULES for name in imports(module) if name != module
    )
    graph.remove_nodes_from([""])  # the public page names everything, lazily
    assert list(nx.simple_cycles(graph)) == []


def test_only_the_command_line_needs_typer_and_only_files_need_yaml() -> None:
    places = {
        "typer": {"cli"},
        "networkx": {"api", "io"},
        "yaml": {"io"},
        "pydantic": {"io"},
    }
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                assert room(module) in places.get(top, {room(module)}), f"{module} imports {top}"


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import twitchnet.api", "show", {"api"}),
        ("import twitchnet", "show", {""}),
        ("from twitchnet.api import Model", "show", {"api"}),
        ("from twitchnet import cli", "show", {"cli"}),
        ("from ..errors import Problem", "show", {"errors"}),
        ("from . import text", "show", {"show.text"}),
        ("def f():\n    from twitchnet.cli.main import main", "show", {"cli.main"}),
        ("import twitchnettle, numpy", "show", set()),
    ],
)
def test_the_reader_of_imports_sees(source: str, package: str, expected: set[str]) -> None:
    assert ours(source, package) == expected
