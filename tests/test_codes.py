"""The table of codes: complete, used, and on its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import twitchnet
from twitchnet.codes import CODES, page

PACKAGE = Path(twitchnet.__file__).parent
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "codes.py"
}
GIVEN = re.compile(r"\bTN\d{3}\b")


def test_codes_are_in_order_and_complete() -> None:
    assert list(CODES) == sorted(CODES)
    for code in CODES.values():
        assert all(part.strip() == part and part for part in code)
        assert code.cure.endswith(".")
        assert code.explanation.endswith(".")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_code_that_is_given_is_in_the_table(path: Path) -> None:
    assert set(GIVEN.findall(SOURCES[path])) <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_given(code: str) -> None:
    """A code that no module gives is a promise that nobody keeps."""
    assert any(code in text for text in SOURCES.values())


def test_the_page_is_that_of_the_table() -> None:
    """Write it with: python -c "from twitchnet.codes import page; print(page(), end='')" """
    written = PACKAGE.parents[1] / "docs" / "codes.md"
    assert written.read_text(encoding="utf-8") == page()
