"""How is a model saved, such that a small change is a small difference of files?"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from twitchnet.errors import ModelError
from twitchnet.io.formats import YAML, write_model
from twitchnet.io.model_file.patch import patched
from twitchnet.io.model_file.reader import parse_network
from twitchnet.io.model_file.writer import format_network
from twitchnet.model.network import Network


def save(network: Network, origin: Path | None, path: str | PathLike[str]) -> None:
    """Writes a network; where it is the file ``origin`` with other numbers, in its layout."""
    target = Path(path)
    if target.suffix.lower() in YAML and origin is not None and origin.suffix.lower() in YAML:
        text = _in_layout(network, origin)
        if text is not None:
            target.write_text(text, encoding="utf-8", newline="\n")
            return
    write_model(network, target)


def _in_layout(network: Network, origin: Path) -> str | None:
    """The text of ``origin`` with the numbers of the network; None when that is not the network."""
    try:
        text = origin.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        new = patched(text, parse_network(text), network)
        if new is None or format_network(parse_network(new)) != format_network(network):
            return None
    except (OSError, UnicodeDecodeError, ModelError):
        return None
    return new
