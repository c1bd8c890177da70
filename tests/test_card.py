"""The model card: made from the model, complete, and the one in docs is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

import twitchnet as tn
from twitchnet.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
CARD = ROOT / "docs" / "model.md"


@pytest.fixture(scope="module")
def card() -> str:
    return tn.load("twitchy_legs").card()


def test_the_card_in_docs_is_made_from_the_model(card: str) -> None:
    written = CARD.read_text(encoding="utf-8")
    assert written == card, "make it anew: twitchnet card > docs/model.md"


def test_everything_of_the_model_is_on_the_card(card: str) -> None:
    network = tn.load("twitchy_legs").network
    plain = card.replace("\\", "")
    for variable in network.variables:
        assert f"({variable.name})" in plain, variable.name
        assert variable.kind == "cause" or " ".join(variable.question.split()) in plain
    for part in (network.rules, network.watches):
        for one in part:
            assert " ".join(one.reason.split()) in plain
    for option in network.options:
        assert " ".join(option.advice.split()) in plain
    for text in (*network.limits, *network.notes, network.population, network.reviewed):
        assert " ".join(text.split()) in plain
    for source in network.sources:
        assert source.cite in plain
    assert network.fingerprint in plain


def test_tables_of_the_card_hold_together(card: str) -> None:
    width = 0
    for line in card.splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        assert cells == (width or cells), line[:120]
        width = cells


def test_the_command_prints_the_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["twitchnet", "card", "demo"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert capsys.readouterr().out == tn.load("demo").card()
