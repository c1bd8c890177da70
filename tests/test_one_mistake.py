"""One mistake in a model file is told once, where it is, and not again at each use of it.

Every key of BASE is misspelt, every value is one that the text cannot give, and every
entry is given twice: what depends on it elsewhere in the file is not complained of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from tests.test_model_file import BASE, problems_of
from twitchnet.io.model_file import schema

KINDS = [one for one in vars(schema).values() if isinstance(one, type)]
PARTS = [one for one in KINDS if issubclass(one, BaseModel)]
PART_KEYS = {key for part in PARTS for key in part.model_fields}


def _entries(
    node: yaml.Node, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Every entry of the document: its path, its key and its value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            at = (*path, str(key.value))
            yield ".".join(at), key, value
            yield from _entries(value, at)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _entries(item, (*path, str(index)))


ENTRIES = list(_entries(yaml.compose(BASE, Loader=yaml.SafeLoader)))
KEYS = [(path, key) for path, key, _ in ENTRIES if key.value in PART_KEYS]
VALUES = [(path, key, value) for path, key, value in ENTRIES]


def _ids(entries: list[tuple[str, yaml.Node, yaml.Node]]) -> list[str]:
    return [entry[0] for entry in entries]


def _told(text: str) -> list[str]:
    return [str(problem) for problem in problems_of(text)]


@pytest.mark.parametrize(("path", "key"), KEYS, ids=[path for path, _ in KEYS])
def test_a_misspelt_key(path: str, key: yaml.Node) -> None:
    end = key.end_mark.index
    told = _told(BASE[:end] + "x" + BASE[end:])
    assert len(told) == 1, "\n".join(told)
    place = f"<string>:{key.start_mark.line + 1}:{key.start_mark.column + 1}: TN120 "
    assert told[0].startswith(place)
    assert "did you mean" in told[0]


def _with(key: yaml.Node, value: yaml.Node, text: str) -> str:
    """BASE with one value replaced."""
    start, end = value.start_mark.index, value.end_mark.index
    if not isinstance(value, yaml.ScalarNode) and not value.flow_style:
        start = key.end_mark.index + 1
        text = f" {text}\n" + " " * (0 if end == len(BASE) else value.end_mark.column)
    return BASE[:start] + text + BASE[end:]


@pytest.mark.parametrize(("path", "key", "value"), VALUES, ids=_ids(VALUES))
@pytest.mark.parametrize("text", ["*there", "!tag x", ".inf"])
def test_a_value_that_the_text_cannot_give(
    path: str, key: yaml.Node, value: yaml.Node, text: str
) -> None:
    told = _told(_with(key, value, text))
    assert len(told) == 1, "\n".join(told)
    assert re.search("TN10[78]|TN110", told[0])


# What may be what it is replaced with here, or left empty.
FREE = re.compile(r"twitchnet|.*\.fixed|complaint|.*\.range|.*\.describes|.*pregnancy\.table")


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [entry for entry in VALUES if not FREE.fullmatch(entry[0])],
    ids=[path for path, _, _ in VALUES if not FREE.fullmatch(path)],
)
@pytest.mark.parametrize("text", ["[[]]", "~", "true"])
def test_a_value_of_the_wrong_kind(path: str, key: yaml.Node, value: yaml.Node, text: str) -> None:
    told = problems_of(_with(key, value, text))
    assert len(told) == 1, "\n".join(map(str, told))
    assert told[0].line == key.start_mark.line + 1


@pytest.mark.parametrize(("path", "key", "value"), VALUES, ids=_ids(VALUES))
def test_an_entry_twice(path: str, key: yaml.Node, value: yaml.Node) -> None:
    """The second says something else; whatever depends on either is not judged."""
    if isinstance(value, yaml.MappingNode) and not value.flow_style:
        at = key.start_mark.index
        again = f"{key.value}: {{}}\n" + " " * key.start_mark.column
    else:
        at = key.start_mark.index
        inside = "{" in BASE[:at].rsplit("\n", 1)[-1]
        again = f"{key.value}: 3" + (", " if inside else "\n" + " " * key.start_mark.column)
    told = [line for line in _told(BASE[:at] + again + BASE[at:]) if "TN106" not in line]
    assert all(f":{key.start_mark.line + 1}:" in line for line in told), "\n".join(told)
