"""How does a page reach a terminal, and a line come back from it?

The one place that looks at the stream: how wide it is, which characters it can take and
whether colours are wanted (a terminal, and neither ``NO_COLOR`` nor a dumb one).
Colours only repeat what the words say.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

from twitchnet.show.page import Page, Tone
from twitchnet.show.text import WIDTH, Line, lines

NARROWEST = 40
_TONES: dict[Tone, str] = {
    "alarm": "31",
    "warning": "33",
    "notice": "34",
    "calm": "32",
    "plain": "",
}


def echo(page: Page, stream: TextIO | None = None) -> None:
    """Writes a page to a stream, standard output by default, and ends it with a line break."""
    out = stream or sys.stdout
    colours = coloured(out, os.environ)
    for line in lines(page, width(out), plain=not drawable(out)):
        out.write(f"{painted(line) if colours else line.text}\n")
    out.flush()


def ask(prompt: str, stream: TextIO | None = None) -> str:
    """One line from standard input, after a prompt on a stream (standard error by default).

    Raises ``EOFError`` when there are no more.
    """
    out = stream or sys.stderr
    out.write(prompt)
    out.flush()
    line = sys.stdin.readline()
    if not line:
        out.write("\n")
        raise EOFError
    return line


def width(stream: TextIO) -> int:
    """Columns to write: those of the terminal, within bounds; a file gets the usual width."""
    if not stream.isatty():
        return WIDTH
    return max(NARROWEST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def drawable(stream: TextIO) -> bool:
    """Whether bars and rules can be written in the stream's encoding."""
    try:
        "─█▏".encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def coloured(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour: a capable terminal, and nobody has said no (no-color.org)."""
    if not stream.isatty() or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return os.name != "nt" or "WT_SESSION" in environment


def painted(line: Line) -> str:
    """A line in the colour of its tone and the weight of its role, as ANSI sequences."""
    codes = [_TONES[line.tone]] if line.role in ("heading", "lead") else []
    codes += ["1"] if line.role in ("title", "heading", "lead") else []
    codes += ["2"] if line.role in ("faint", "head") else []
    codes = [code for code in codes if code]
    return f"\x1b[{';'.join(codes)}m{line.text}\x1b[0m" if codes and line.text else line.text
