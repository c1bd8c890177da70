"""Small workbooks, written by hand: no writer of Excel files is needed to test a reader."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DAY_0 = date(1899, 12, 30)

TYPES = (
    f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
STYLES = (  # the second style is a date
    f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/>'
    "</cellXfs></styleSheet>"
)


def letters(column: int) -> str:
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(65 + last)


def cell(row: int, column: int, value: object) -> str:
    """A cell of a sheet, both places counted from 0; a text that begins with # is an error."""
    place = f"{letters(column)}{row + 1}"
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, date):
        return f'<c r="{place}" s="1"><v>{(value - DAY_0).days}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    text = str(value)
    if text.startswith("#"):
        return f'<c r="{place}" t="e"><v>{text}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def rows(table: Iterable[Sequence[object]]) -> str:
    """The rows of a sheet; None is no cell."""
    found = []
    for i, row in enumerate(table):
        cells = "".join(cell(i, k, value) for k, value in enumerate(row) if value is not None)
        found.append(f'<row r="{i + 1}">{cells}</row>')
    return "".join(found)


def write_workbook(
    path: Path, sheets: Mapping[str, str | Iterable[Sequence[object]]], merged: str = ""
) -> Path:
    """Writes sheets, each a table or the text of its rows; ``merged`` holds for all of them."""
    inside = [content if isinstance(content, str) else rows(content) for content in sheets.values()]
    named = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" r:id="r{i}"/>'
        for i, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="r{i}" Type="{OFFICE}/worksheet" Target="worksheets/{i}.xml"/>'
        for i in range(1, len(inside) + 1)
    )
    related += f'<Relationship Id="s" Type="{OFFICE}/styles" Target="styles.xml"/>'
    whole = f'<Relationship Id="w" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    relations = f'<Relationships xmlns="{PACKAGE}/relationships">'
    last = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", TYPES)
        file.writestr("_rels/.rels", f"{relations}{whole}</Relationships>")
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>',
        )
        file.writestr("xl/_rels/workbook.xml.rels", f"{relations}{related}</Relationships>")
        file.writestr("xl/styles.xml", STYLES)
        for i, content in enumerate(inside, 1):
            file.writestr(
                f"xl/worksheets/{i}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{content}</sheetData>{last}</worksheet>',
            )
    return path
