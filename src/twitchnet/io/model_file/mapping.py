"""How does a mapping in code become a network?  As the model file that it spells.

A mapping is written as JSON, which is YAML, and read like any other text, so that its limits,
rules and messages are those of a model file.  It has no lines, so problems name the path
(``mechanisms.rain.leak``) alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from twitchnet.errors import ModelError, Problem
from twitchnet.io.model_file.reader import parse_network
from twitchnet.model.network import Network


def network_of(mapping: Mapping[str, object]) -> Network:
    """The network of a mapping with the keys of a model file (``models/FORMAT.md``).

    numpy numbers and arrays may stand for numbers and lists.  Raises ``ModelError`` with every
    problem.

    >>> rain = {"causes": {"rain": {"label": "Rain"}}, "mechanisms": {"rain": {"table": 0.2}}}
    >>> network_of({"twitchnet": 1, "name": "yard", "version": "1", **rain}).names("cause")
    ('rain',)
    """
    try:
        text = json.dumps(mapping, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError([Problem("TN122", f"not the values of a model file: {error}")]) from None
    try:
        return parse_network(text, "")
    except ModelError as error:
        raise ModelError(replace(one, line=0, column=0) for one in error.problems) from None


def _plain(value: object) -> object:
    """What JSON has no word for: mappings of other kinds, and numpy's numbers and arrays."""
    if isinstance(value, Mapping):
        return dict(value)
    plain = getattr(value, "tolist", None)
    if plain is None:
        raise TypeError(f"a {type(value).__name__} cannot stand in a model file")
    return plain()
