"""What may be written where in a file of anchors?

The document as pydantic models, validated part by part by ``anchors_file``.  What names
mean is not decided here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from twitchnet.io.model_file.schema import Name, Sources, Text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BandSpec(_Part):
    """The values that are accepted: one of four forms, or none."""

    query: Text
    accept: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    above: float | None = None
    below: float | None = None
    tolerance: Annotated[float, Field(gt=0)] | None = None


class WordsSpec(_Part):
    """Where a figure comes from."""

    use: Literal["C", "I", "H", "D"]
    published: str = ""
    source: Sources
    note: str = ""


class RowSpec(BandSpec, WordsSpec):
    """One anchor."""

    target: float | None = None
    expected_failure: str = ""


class FailuresSpec(_Part):
    """Cells of a grid that are missed, and why."""

    cells: list[Text]
    reason: Text


class GridSpec(WordsSpec):
    """One query for many rows and columns."""

    columns: dict[str, Any]
    rows: dict[str, list[float]] | list[Name]
    expected_failures: list[FailuresSpec] = []


class GroupSpec(_Part):
    """Anchors that belong together."""

    title: Text
    description: str = ""
    rows: dict[str, Any] = {}
    grid: Any = None
    left_out: dict[str, Text] = {}


class FileSpec(_Part):
    """The whole file."""

    anchors: int
    model: Text
    title: Text
    description: str = ""
    sources: dict[Name, Any] = {}
    groups: dict[str, Any]
