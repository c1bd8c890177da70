"""How is a value spelled in YAML, so that every reader reads it back the same?

Plain where that is safe under YAML 1.2 and 1.1 alike, in double quotes elsewhere, folded
(``>-``) where a text is long.  Nothing of models in here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from textwrap import wrap

WIDTH = 96

_NUMBER = re.compile(
    r"[-+]?(0o[0-7]+|0x[0-9a-f]+|0b[01]+|(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?"
    r"|\.inf|\.nan)\Z",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", ""})
_FLOW = re.compile(r"[A-Za-z0-9_(][A-Za-z0-9_ .()/'+=&|<>%-]*\Z")
_BLOCK = re.compile(r"[A-Za-z0-9_(][A-Za-z0-9_ .,;()/'+=&|<>%!?-]*\Z")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_=+.<>%-]*\Z")
_FOLDABLE = re.compile(r"[^\s](?:[ \x21-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*[^\s])?\Z")


def _plain(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether text may stand without quotes and stays text."""
    return (
        pattern.match(text) is not None
        and text.lower() not in _WORDS
        and not _NUMBER.match(text)
        and not _DATE.match(text)
        and not text.endswith(" ")
    )


def _quoted(text: str) -> str:
    """Text in double quotes; whatever YAML does not print is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if _printable(c) else _escape(c) for c in quoted)


def _printable(c: str) -> bool:
    return " " <= c <= "~" or "\xa0" <= c <= "\ud7ff" or "\ue000" <= c < "\ufeff" or c > "\uffff"


def _escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def flow_text(text: str) -> str:
    """Text inside ``[...]`` and ``{...}``."""
    return text if _plain(text, _FLOW) else _quoted(text)


def key_text(text: str) -> str:
    """A key."""
    return text if _plain(text, _KEY) else _quoted(text)


def block_text(text: str, indent: int) -> str:
    """Text after ``key: ``, folded onto further lines when it is long."""
    words = text.split(" ")
    foldable = _FOLDABLE.match(text) and "" not in words
    if len(text) + indent > WIDTH and foldable:
        pad = " " * indent
        return ">-\n" + "\n".join(
            pad + line
            for line in wrap(text, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
        )
    return text if _plain(text, _BLOCK) else _quoted(text)


def number_text(value: float) -> str:
    """The shortest decimal that is read back as the same number."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def flow_value(value: object) -> str:
    """A value in flow style: text, number, bool, list or mapping."""
    if isinstance(value, str):
        return flow_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Mapping):
        return flow_map(value)
    assert isinstance(value, Iterable)
    return f"[{', '.join(flow_value(part) for part in value)}]"


def flow_map(values: Mapping[str, object]) -> str:
    """``{key: value, ...}``."""
    parts = [f"{key_text(key)}: {flow_value(value)}" for key, value in values.items()]
    return "{" + ", ".join(parts) + "}"
