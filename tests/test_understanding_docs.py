"""docs/understanding.md: its example runs, and it names everything that can be asked."""

from __future__ import annotations

from pathlib import Path

from twitchnet.diagnosis.diagnosis import Diagnosis

PAGE = (Path(__file__).parents[1] / "docs" / "understanding.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    printed: list[str] = []
    exec(compile(code, "understanding.md", "exec"), {"print": lambda one: printed.append(str(one))})
    assert len(printed) == 7
    assert all("not a medical device" in " ".join(page.split()) for page in printed)


def test_every_question_is_explained() -> None:
    public = {
        name
        for name, value in vars(Diagnosis).items()
        if callable(value) and not name.startswith("_")
    }
    told = {name for name in public if f"dx.{name}(" in PAGE}
    assert public - told == {"signed", "to_dict", "to_frame"}
