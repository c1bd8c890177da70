"""The documentation is true: its examples run, its links lead somewhere, its picture is drawn
from a real report; and the library keeps the manners that it promises."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import logging
import re
import sys
import tomllib
from pathlib import Path

import pytest
from tools.picture import FOLDER, THEMES, WORDS, drawings, picture, report

import twitchnet as tn
from twitchnet.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "twitchnet"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "models").rglob("*.md")]
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_PYTHON = [page for page in PAGES if any(kind == "python" for kind, _ in blocks(page))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_examples_run_and_print_what_the_page_says(page: Path) -> None:
    """The blocks of a page are one program; a text block after one is what it prints.

    A block marked ``py`` is a sketch that needs what is not here, such as a cluster.
    """
    names: dict[str, object] = {}
    found = blocks(page)
    for (kind, code), (after, text) in zip(found, [*found[1:], ("", "")], strict=True):
        if kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, name(page), "exec"), names)
            if after == "text":
                assert printed.getvalue() == text


def test_the_readme_has_python_examples_with_what_they_print() -> None:
    kinds = [kind for kind, _ in blocks(ROOT / "README.md")]
    assert kinds.count("python") == kinds.count("text") == 3


def command_lines(page: Path) -> list[list[str]]:
    lines = [line for kind, text in blocks(page) if kind == "sh" for line in text.splitlines()]
    return [line.split() for line in lines]


def test_the_commands_of_the_readme_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the two that install and test; the model is the one that the page spells out."""
    monkeypatch.chdir(tmp_path)
    (model,) = [text for kind, text in blocks(ROOT / "README.md") if kind == "yaml"]
    Path("lamp.yaml").write_text(model, encoding="utf-8")
    done = []
    for program, *words in command_lines(ROOT / "README.md"):
        if program == "./run" and words != ["test"]:
            monkeypatch.setattr(sys, "argv", ["twitchnet", *words])
            with pytest.raises(SystemExit) as stop:
                main()
            out, err = capsys.readouterr()
            assert stop.value.code in (0, None), err
            done.append((words[0], out, err))
    assert [command for command, _, _ in done] == ["rank", "check", "rank"]
    assert "Restless legs syndrome" in done[0][1]
    assert "0 errors, 0 warnings" in done[1][2]
    assert re.search(r"1\. +Bad wiring", done[2][1])


def test_the_picture_is_that_of_the_first_command() -> None:
    assert f"./run rank {WORDS}\n" in README
    page = report()
    for theme in THEMES:
        drawn = FOLDER / f"ranking-{theme}.svg"
        assert drawn.read_text(encoding="utf-8") == picture(page, theme), "python tools/picture.py"
        assert f"docs/{drawn.name}" in README


def test_the_drawings_are_those_of_today() -> None:
    shown = (FOLDER / "pictures.md").read_text(encoding="utf-8")
    for name, svg in drawings().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == svg, "python tools/picture.py"
        assert f"]({name})" in shown


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = {a or b for a, b in LINK.findall(text)}
    files = {t.partition("#")[0] for t in targets if "://" not in t and not t.startswith("#")}
    assert {file for file in files if not (page.parent / file).exists()} == set()


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", head.lower()) for head in heads]
    return {head.strip().replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        assert anchor in anchors(page.parent / name if name else page), target


def test_every_page_is_in_the_index() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (FOLDER / "index.md").read_text("utf-8")))
    assert listed == {page.name for page in FOLDER.glob("*.md")} - {"index.md"}


def test_the_files_and_tests_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    for test in re.findall(r"`(test_\w+)`", text):
        assert f"def {test}(" in tests, test
    new = "src/twitchnet/io/foreign/files/tables.py"  # the file that the exercise adds
    named = set(re.findall(r"`([\w/]+\.(?:py|md))`", text)) - {new}
    folders = [ROOT, *(ROOT / name for name in ("tests", "src/twitchnet"))]
    folders += [path for path in PACKAGE.rglob("*") if path.is_dir()]
    assert {name for name in named if not any((one / name).is_file() for one in folders)} == set()
    rooms = re.findall(r"^\| `([\w/.]+)` \|", text, re.MULTILINE)
    assert {name for name in rooms if not any((one / name).exists() for one in folders)} == set()


def test_the_two_commands_of_the_readme_are_those_of_ci() -> None:
    assert "\n./run test\n" in README
    assert "./run test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_changelog_has_a_place_for_the_next_change_and_names_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(tn.__version__)


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


# -- manners ------------------------------------------------------------------------------


MODULES = sorted(PACKAGE.rglob("*.py"))


def calls(path: Path) -> set[str]:
    """The dotted names that a module calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


TALKS = {"print", "input", "sys.stdout.write", "sys.stderr.write", "logging.basicConfig"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_edges_talk_to_a_terminal(path: Path) -> None:
    # batch/files is a filter between streams when it is asked to be one
    edges = ("cli", "show/terminal", "show/progress", "batch/files")
    if not str(path.relative_to(PACKAGE)).startswith(edges):
        assert calls(path) & TALKS == set()


def test_the_library_logs_to_nobody_unless_asked() -> None:
    handlers = logging.getLogger("twitchnet").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]
    assert logging.getLogger("twitchnet").level == logging.NOTSET
    for path in MODULES:
        given = re.findall(r"getLogger\((.*?)\)", path.read_text(encoding="utf-8"))
        assert set(given) <= {"__name__"}, path


def test_diagnosing_and_scoring_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = tn.load("demo")
    dx = model.diagnose(leg_twitching=True)
    made = (str(dx), dx._repr_html_(), dx.to_dict(), model.card(), model.plan({}))
    made += (model.score({"leg_twitching": ["yes", "maybe"]}),)
    assert all(made)
    assert capfd.readouterr() == ("", "")


def test_every_output_says_which_model_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tn.load("demo")
    dx = model.diagnose(leg_twitching=True)

    def command(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["twitchnet", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO("stop\n"))
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    saved = tmp_path / "record.json"
    outputs = {
        "text": str(dx),
        "html": dx._repr_html_(),
        "card": model.card(),
        "rank": command("rank", "demo", "leg_twitching"),
        "ask": command("ask", "demo", "--save", str(saved)),
    }
    shown = (
        dx.explain("muscle_fatigue"),
        dx.uncertainty(draws=5),
        dx.sensitivity("muscle_fatigue"),
        dx.next_questions(),
        dx.combinations(),
        dx.conflict(),
        dx.what_if(caffeine_intake="high"),
        dx.benefits(),
    )
    for one in shown:
        outputs[type(one).__name__] = str(one)
        outputs[f"{type(one).__name__} html"] = one._repr_html_()
    for name in ("explain", "next"):
        outputs[name] = command(name, "demo", "leg_twitching")
    for output in outputs.values():
        assert model.version in output
        assert model.fingerprint[:12] in output
    documents = [
        dx.to_dict(),
        json.loads(command("rank", "demo", "leg_twitching", "--json")),
        json.loads(saved.read_text(encoding="utf-8")),
        next(row for row in json.loads(command("models", "--json")) if row["name"] == "demo"),
    ]
    for document in documents:
        assert document["version"] == model.version
        assert document["fingerprint"] == model.fingerprint
    graph = model.to_networkx().graph
    assert (graph["version"], graph["fingerprint"]) == (model.version, model.fingerprint)


def test_ask_ends_with_the_command_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for called, shown in ((None, "twitchnet"), ("./run", "./run")):
        monkeypatch.delenv("TWITCHNET_COMMAND", raising=False)
        if called:
            monkeypatch.setenv("TWITCHNET_COMMAND", called)
        monkeypatch.setattr(sys, "argv", ["twitchnet", "ask", "demo"])
        monkeypatch.setattr(sys, "stdin", io.StringIO("yes\nstop\n"))
        with pytest.raises(SystemExit):
            main()
        assert f"Again: {shown} rank demo leg_twitching\n" in capsys.readouterr().err
