"""The command line: stable JSON on stdout, messages on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import twitchnet as tn
from twitchnet.cli.main import app, main
from twitchnet.codes import CODES
from twitchnet.diagnosis.assess.cost import cost_warnings, planned_costs
from twitchnet.diagnosis.ranking import RankBy

ROOT = Path(__file__).resolve().parents[1]


class Outcome:
    """What one call of the command line did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Calls the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *words: str) -> Outcome:
        self.monkeypatch.setattr(sys, "argv", ["twitchnet", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = self.capsys.readouterr()
        assert isinstance(stop.value.code, int | None)
        return Outcome(stop.value.code or 0, out, err)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return Cli(capsys, monkeypatch)


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.code, done.out) == (0, f"twitchnet {tn.__version__}\n")


def test_help_names_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    assert "what the model must not be used for" in done.out
    for command in ("rank", "models", "check"):
        assert command in done.out
        assert cli(command, "--help").code == 0


COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    assert sections.keys() - COMMANDS.keys() == set()
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", sections[name]))
    declared = {option for option in options if option.startswith("-")} - {"--help"}
    assert declared - told == set()
    assert told - declared - {"--from", "--json"} == set()  # those two are named by others too


def test_rank_prints_the_diagnosis(cli: Cli) -> None:
    done = cli("rank", "demo", "leg_twitching", "intense_exercise=no")
    expected = tn.load("demo").diagnose({"leg_twitching": True, "intense_exercise": "no"})
    assert (done.code, done.out, done.err) == (0, f"{expected}\n", "")


def test_rank_json_is_the_dict_of_the_diagnosis(cli: Cli) -> None:
    done = cli("rank", "demo", "leg_twitching", "caffeine_intake=high", "--json")
    record = {"leg_twitching": True, "caffeine_intake": "high"}
    expected = tn.load("demo").diagnose(record).to_dict()
    assert (done.code, done.err) == (0, "")
    assert done.json == json.loads(json.dumps(expected))


def test_no_answer_at_all_ranks_by_the_priors(cli: Cli) -> None:
    document = cli("rank", "--json").json
    rows = document["ranking"]
    assert document["model"] == "twitchy_legs"
    assert [row["posterior"] for row in rows] == [row["prior"] for row in rows]


@pytest.mark.parametrize("by", ["posterior", "produced", "explains", "prior"])
@pytest.mark.parametrize("top", [1, 2])
def test_rank_by_and_top(cli: Cli, by: RankBy, top: int) -> None:
    # by the prior tired muscles lead, by the other three caffeine does
    words = ("rank", "demo", "leg_twitching", "caffeine_intake=high", "intense_exercise=no")
    record = {"leg_twitching": True, "caffeine_intake": "high", "intense_exercise": False}
    rows = tn.load("demo").diagnose(record).ranked(by)[:top]
    found = cli(*words, "--by", by, "--top", str(top), "--json").json["ranking"]
    assert [(row["rank"], row["cause"], row[by]) for row in found] == [
        (row.rank, row.cause, getattr(row, by)) for row in rows
    ]
    done = cli(*words, "--by", by, "--top", str(top))
    assert done.err.startswith("No hurry")  # the urgency is told, whatever the rows are
    lines = done.out.splitlines()
    assert len(lines) == 1 + top
    for line, row in zip(lines[1:], rows, strict=True):
        assert line.split()[0] == f"{row.rank}."
        assert row.label in line


@pytest.mark.parametrize("place", ["first word", "option", "path"])
def test_the_model_is_a_first_word_an_option_or_a_path(cli: Cli, place: str) -> None:
    finding = tn.load("demo").findings[0]
    words = {
        "first word": ("demo", finding),
        "option": ("--model", "demo", finding),
        "path": (str(ROOT / "models" / "demo.yaml"), finding),
    }[place]
    done = cli("rank", *words, "--json")
    assert (done.code, done.json["model"]) == (0, "demo")


def test_a_record_from_a_file_with_words_on_top(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(
        '{"leg_twitching": true, "caffeine_intake": "high", "intense_exercise": null}', "utf-8"
    )
    done = cli("rank", "demo", "--from", str(path), "caffeine_intake=low", "--json")
    assert done.json["answers"] == {"caffeine_intake": "low", "leg_twitching": "present"}


def test_what_rank_prints_is_a_record_that_rank_reads(cli: Cli, tmp_path: Path) -> None:
    first = cli("rank", "demo", "leg_twitching", "caffeine_intake=high", "--json")
    path = tmp_path / "saved.json"
    path.write_text(first.out, encoding="utf-8")
    assert cli("rank", "demo", "--from", str(path), "--json").out == first.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"saved.json:1:2: TN207 the record is not JSON"),
        (b"[1, 2]", r"TN207 a record is a JSON object, not list"),
        (b'{"a": 1, "a": 0}', r"TN207 'a' is answered twice"),
        (b'{"a": "\xff"}', r"TN207 the record is not UTF-8 text: byte 7"),
        (b"[" * 100_000, r"TN207 the record is nested too deep"),
        (b'{"leg_twiching": true}', r"TN201 leg_twiching: .*did you mean 'leg_twitching'"),
    ],
)
def test_a_broken_record_file_is_told(
    cli: Cli, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "saved.json"
    path.write_bytes(content)
    done = cli("rank", "--from", str(path))
    assert (done.code, done.out) == (1, "")
    assert re.search(message, done.err)
    assert "Traceback" not in done.err


def test_a_record_file_that_is_too_large_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b" " * 4_000_001)
    assert "TN207 the record is larger than 4,000,000 bytes" in cli("rank", "--from", str(path)).err


def test_every_problem_of_a_record_is_told_at_once(cli: Cli) -> None:
    done = cli("rank", "leg_twiching", "caffeine_intake=hihg", "sex=yes")
    assert (done.code, done.out) == (1, "")
    assert "did you mean 'leg_twitching'?" in done.err
    assert "did you mean 'high'?" in done.err
    assert "female, male" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rank", "--model", "twichy_legs"), "did you mean 'twitchy_legs'?"),
        (("rank", "no_such_file.yaml", "x"), "no bundled model and no file 'no_such_file.yaml'"),
        (("rank", "--model", "."), "'.' is a folder; a model is a file"),
        (("rank", "--from", "no_such_record.json"), "no_such_record.json"),
        (("check", "no_such_file.yaml"), "no bundled model and no file"),
    ],
)
def test_a_file_that_is_not_there_is_told(cli: Cli, words: Sequence[str], message: str) -> None:
    done = cli(*words)
    assert (done.code, done.out) == (1, "")
    assert message in done.err


@pytest.mark.parametrize(
    "words",
    [("rnak",), ("rank", "--top", "0"), ("rank", "--by", "luck"), ("rank", "=no"), ("check",)],
)
def test_a_wrong_command_ends_with_2(cli: Cli, words: Sequence[str]) -> None:
    done = cli(*words)
    assert (done.code, done.out) == (2, "")
    assert "Usage" in done.err


def test_models_lists_every_bundled_model(cli: Cli) -> None:
    rows = cli("models", "--json").json
    assert [row["name"] for row in rows] == tn.models()
    text = cli("models").out
    for row in rows:
        assert row["fingerprint"] == tn.load(row["name"]).fingerprint
        assert re.search(rf"^{row['name']} .* {row['causes']} ", text, re.MULTILINE)


@pytest.mark.parametrize("name", tn.models())
def test_check_finds_no_error_in_a_bundled_model(cli: Cli, name: str) -> None:
    done = cli("check", name)
    assert done.code == 0
    assert f"{name}: 0 errors" in done.err


def test_likelihoods_survive_json(cli: Cli, tmp_path: Path) -> None:
    unsure = tn.Likelihood({"present": 0.7, "absent": 0.2})
    first = tn.load("demo").diagnose(leg_twitching=unsure, caffeine_intake="high")
    record = tmp_path / "record.json"
    record.write_text(json.dumps(first.to_dict()), encoding="utf-8")
    assert first.to_dict()["answers"]["leg_twitching"] == {"absent": 0.2, "present": 0.7}
    assert cli("rank", "demo", "--from", str(record), "--json").json == first.to_dict()


def test_red_flags_are_shown_where_no_ranking_is_possible(cli: Cli) -> None:
    done = cli("rank", "saddle_numbness", "twitch_jerking", "leg_twitching=no", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.index("Emergency") < done.err.index("TN204")
    done = cli("rank", "saddle_numbness", "twitch_jerkng")
    assert done.err.startswith("error: TN201")


def test_check_tells_the_planned_cost(cli: Cli) -> None:
    done = cli("check", "demo")
    costs = [line for line in done.err.splitlines() if line.startswith("planned cost")]
    model = tn.load("demo")
    assert costs == [
        f"planned cost, nothing answered: {model.plan({}).cells:,.0f} cells",
        f"planned cost, leg_twitching alone: {model.plan(leg_twitching=True).cells:,.0f} cells",
    ]
    assert "TN186" not in done.out


def test_a_model_that_is_costly_to_answer_is_warned_of() -> None:
    costs = planned_costs(tn.load("demo").network)
    assert cost_warnings(costs) == []
    tight = planned_costs(tn.load("demo").network, budget=50.0)
    assert [cost.over_budget for cost in tight] == [False, True]
    (warning,) = cost_warnings(tight, "demo.yaml", high=costs[0].cells)
    assert str(warning).startswith("demo.yaml: TN186 leg_twitching alone: ")
    assert warning.severity == "warning"


def test_check_prints_the_problems_of_a_broken_model(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("twitchnet: 1\nname: broken\nmechanism: {}\n", encoding="utf-8")
    done = cli("check", str(path))
    assert done.code == 1
    assert re.search(r"^  .*broken\.yaml:3:1: TN\d+ ", done.out, re.MULTILINE)
    rows = cli("check", str(path), "--json").json
    assert {row["line"] for row in rows if row["path"] == "mechanism"} == {3}
    assert {row["severity"] for row in rows} <= {"error", "warning"}


def test_check_puts_errors_first_and_groups_what_is_alike(cli: Cli, tmp_path: Path) -> None:
    findings = "".join(f"  f{i}: {{label: F{i}, question: F?}}\n" for i in range(6))
    leaks = "".join(f"  f{i}: {{leak: .1}}\n" for i in range(6))
    sound = f"twitchnet: 1\nname: plain\nversion: 1.0.0\nfindings:\n{findings}mechanisms:\n{leaks}"
    path = tmp_path / "plain.yaml"
    path.write_text(sound, encoding="utf-8")
    rows = cli("check", str(path), "--json").json
    alike = [row for row in rows if row["code"] == "TN181"]
    assert len(alike) == 6
    assert {row["severity"] for row in rows} == {"warning"}
    done = cli("check", str(path))
    assert done.code == 0
    assert f"6 times TN181 ({CODES['TN181'].title}), first at line {alike[0]['line']}:" in done.out
    assert done.out.count("TN181") == 2
    assert cli("check", str(path), "--all").out.count("TN181") == 6
    assert cli("check", str(path), "--strict").code == 1
    assert cli("check", str(path), "--errors-only").out == ""
    assert cli("check", str(path), "--errors-only", "--strict").code == 1

    path.write_text(sound.replace("f3: {leak: .1}", "f3: {leak: 1.1}"), encoding="utf-8")
    broken = cli("check", str(path)).out
    assert broken.index("1 error\n") < broken.index("TN130") < broken.index(" warnings\n")
    assert "TN181" not in cli("check", str(path), "--errors-only").out
    assert {row["severity"] for row in cli("check", str(path), "--errors-only", "--json").json} == {
        "error"
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")
def test_a_fresh_process_ranks_in_little_memory_and_loads_nothing_idle() -> None:
    # The high-water mark of /proc starts at 0 in a new program; getrusage inherits ours.
    code = (
        "import sys, twitchnet.cli.main as c\n"
        "words = ['rank', 'leg_twitching', 'urge_to_move', 'numbness=no']\n"
        "c.app(words, standalone_mode=False)\n"
        "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')), end='')\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, peak, loaded = done.stdout.splitlines()
    assert int(peak.split()[1]) < 150 * 1024
    idle = {"numba", "pandas", "polars", "pyarrow", "matplotlib", "pgmpy", "scipy", "networkx"}
    assert set(loaded.split()) & idle == set()


def test_python_m_twitchnet_is_the_same_command() -> None:
    command = [sys.executable, "-m", "twitchnet", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"twitchnet {tn.__version__}\n"


def test_what_the_library_logs_is_a_note_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each column; and nobody listens afterwards."""
    people = tmp_path / "people.csv"
    people.write_text("id,leg_twitching,urge_to_mov\n1,yes,no\n", encoding="utf-8")
    words = ["twitchnet", "score", str(people), "-o", str(tmp_path / "out.csv")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert told == [
        "note: column 'urge_to_mov' is not a variable of the model and is not read: "
        "did you mean 'urge_to_move'?"
    ]
    assert [type(one) for one in logging.getLogger("twitchnet").handlers] == [logging.NullHandler]
