"""Is this still the same run?  A digest of everything that a run can see of a value.

The fingerprint of a network covers what is computed: ids, states and numbers.  A run also
writes what rules, watches, labels and synonyms say, so its journal keeps this digest instead.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """SHA-256 of a dataclass, mapping, sequence, array or plain value, with all it contains.

    Names of fields, types, order and every digit count.  Raises ``TypeError`` for a value of
    another kind.

    >>> digest({"a": (1, 2.0)}) == digest({"a": (1, 2)})
    False
    """
    found = hashlib.sha256()
    for part in _parts(value):
        found.update(b"%d:" % len(part) + part)  # with its length, no two sequences read alike
    return found.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    yield type(value).__name__.encode()
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        yield str(len(fields)).encode()
        for field in fields:
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield str(len(value)).encode()
        for key, item in value.items():
            yield from _parts(key)
            yield from _parts(item)
    elif isinstance(value, tuple | list):
        yield str(len(value)).encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, np.ndarray):
        yield value.dtype.str.encode()
        yield str(value.shape).encode()
        yield value.tobytes()
    elif isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
    elif value is None or isinstance(value, bool | int | float):
        yield repr(value).encode()
    else:
        raise TypeError(f"no digest of a {type(value).__name__}")
