"""How are files of Phenopackets and of FHIR answers read?

A file is JSON: one document, or a list of them.  It is bounded in bytes, and what is wrong with
one document is said of that document alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twitchnet.errors import Problem, RecordError
from twitchnet.io.coded import fhir, phenopackets
from twitchnet.io.coded.person import Person

MOST_BYTES = 50_000_000
"""Bytes of one file: a phenopacket has some thousand, a cohort of ten thousand has fewer."""

CODE = "TN226"


def read_persons(path: Path) -> Iterator[Person | Problem]:
    """The persons of a file; a problem in the place of a document that cannot be read."""
    for place, document in enumerate(_documents(path)):
        try:
            if fhir.is_response(document):
                yield fhir.person_of(document)
            elif phenopackets.is_phenopacket(document):
                yield from phenopackets.persons_of(document)
            else:
                raise ValueError("this is neither a Phenopacket nor a QuestionnaireResponse")
        except (ValueError, OverflowError) as error:
            yield Problem(CODE, f"document {place + 1}: {error}", "", str(path))


def _documents(path: Path) -> list[Any]:
    """The documents of a file.  Raises ``RecordError`` for what is not JSON, ``OSError``."""
    with path.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _unreadable(path, f"the file has more than {MOST_BYTES:,} bytes")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"the file is not UTF-8 text: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"the file is not JSON: {error.msg}", error.lineno) from None
    except (RecursionError, ValueError):
        raise _unreadable(path, "the file is nested too deep, or holds a number too long") from None
    return found if isinstance(found, list) else [found]


def _unreadable(path: Path, message: str, line: int = 0) -> RecordError:
    return RecordError([Problem(CODE, message, "", str(path), line)])
