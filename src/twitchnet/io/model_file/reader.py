"""How does a model file become a Network, and what is wrong with it?

    text -> values with places (``io.yaml``) -> schema -> numbers, mechanisms -> Network
         -> check

Every step reports into one ``Report`` and goes on with what is still readable, so one
run shows all problems, in the order of the file.  The spec of the format is
``models/FORMAT.md``.  The YAML parser and pydantic are imported when the first file is
read, not before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from twitchnet.errors import ModelError, Problem
from twitchnet.model.network import Network

if TYPE_CHECKING:
    from twitchnet.io.yaml.document import Document


def read_network(path: str | os.PathLike[str]) -> Network:
    """The network in a model file.

    Raises ``ModelError`` with every problem of the file.
    """
    return _network(_document(path), os.fspath(path))


def parse_network(text: str, file: str = "<string>") -> Network:
    """The network in the text of a model file; ``file`` is the name used in messages.

    Raises ``ModelError`` with every problem of the text.

    >>> parse_network("twitchnet: 1")
    Traceback (most recent call last):
    twitchnet.errors.ModelError: <string>:1:1: TN121 the key 'name' is missing
    <string>:1:1: TN121 the key 'version' is missing
    <string>:1:1: TN102 there is no variable in the model (declare causes and findings, ...)
    """
    from twitchnet.io.yaml.reader import read

    return _network(read(text), file)


def lint(path: str | os.PathLike[str]) -> list[Problem]:
    """Every problem and every warning of a model file, in the order of the file."""
    from twitchnet.io.model_file.builder import built

    return built(_document(path), os.fspath(path), lints=True)[1]


def _network(document: Document, file: str) -> Network:
    from twitchnet.io.model_file.builder import built

    network, problems = built(document, file)
    if network is None:
        raise ModelError(problems)
    return network


def _document(path: str | os.PathLike[str]) -> Document:
    from twitchnet.io.yaml.reader import read_file

    return read_file(path)
