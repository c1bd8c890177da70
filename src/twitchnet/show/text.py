"""How do results look in a terminal?  Plain rows in, plain text out."""

from __future__ import annotations

from collections.abc import Sequence


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], left: str = "") -> str:
    """Rows of text under a head, columns two spaces apart.

    ``left`` has one letter per column, ``l`` where it is aligned to the left.

    >>> print(columns(["cause", "posterior"], [["cramp", "0.5"]], "lr"))
    cause  posterior
    cramp        0.5
    """
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if left[i : i + 1] == "l" else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
