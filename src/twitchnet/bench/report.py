"""What was measured, and on what: values and their Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Section:
    """One table: texts in ``rows``, the numbers behind them in ``series`` for plots."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    series: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """Everything that one run measured."""

    machine: dict[str, str]
    sections: tuple[Section, ...]

    def section(self, title: str) -> Section:
        """A section by its title."""
        return next(section for section in self.sections if section.title == title)


def machine() -> dict[str, str]:
    """The machine and the versions of what is compared."""
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }
    for name in ("twitchnet", "numpy", "numba", "pyagrum", "pgmpy"):
        try:
            about[name] = version(name)
        except PackageNotFoundError:
            about[name] = "not installed"
    return about


def _processor() -> str:
    """The model of the processor and its widest vectors."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    flags = found.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2") if name in flags), "")
    return f"{found.get('model name', platform.machine())} {vectors}".strip()


def load() -> str:
    """How busy the machine is with other things."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def markdown(report: Report) -> str:
    """The report as a page."""
    lines = ["# Benchmarks", ""]
    lines += [f"- {name}: {value}" for name, value in report.machine.items()]
    for section in report.sections:
        lines += ["", f"## {section.title}", "", section.note, ""]
        lines += ["| " + " | ".join(section.head) + " |"]
        lines += ["| --- |" + " ---: |" * (len(section.head) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in section.rows]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Three digits, readable from 1e-9 to 1e12; a dash for NaN."""
    if np.isnan(value):
        return "-"
    if value == round(value) and abs(value) < 1e5:
        return f"{value:,.0f}"
    if 0.01 <= abs(value) < 1e5:
        digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
        return f"{value:,.{digits}f}"
    return f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def row(name: str, values: Sequence[float]) -> tuple[str, ...]:
    """A row of a table."""
    return (name, *(number(value) for value in values))
