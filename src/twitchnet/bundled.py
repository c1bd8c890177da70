"""Which models come with twitchnet, and where are they?

A bundled model is one ``.yaml`` file whose stem is its name.  In an installed package
the files lie beside this one, in ``twitchnet/models``; in a source tree (and so in an
editable install) they lie in ``models`` at its root.  Nothing is read here.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from twitchnet.errors import nearest

# What a model file may end in.  The command line takes a first word that ends so as the
# model; the loader chooses the reader by it.
SUFFIXES = (
    *(".yaml", ".yml", ".bif", ".xml", ".bifxml"),
    *(".uai", ".xdsl", ".net", ".dne", ".pgmx"),
)

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE / "models", _HERE.parents[1] / "models")


def _files() -> dict[str, Path]:
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def models() -> list[str]:
    """Names of the models that come with twitchnet, in alphabetical order.

    >>> "twitchy_legs" in models()
    True
    """
    return list(_files())


def is_model(text: str) -> bool:
    """Whether a word names a model: a bundled one, or a file by its suffix.

    >>> is_model("twitchy_legs"), is_model("pump.yaml"), is_model("leg_twitching")
    (True, True, False)
    """
    return text.lower().removesuffix(".gz").endswith(SUFFIXES) or text in _files()


def find_model(source: str | PathLike[str]) -> Path:
    """The file of a model: a bundled name, or the path of a file that exists.

    Raises ``FileNotFoundError``, which names the nearest bundled model, for neither.

    >>> find_model("twitchy_legs").name
    'twitchy_legs.yaml'
    """
    files = _files()
    if isinstance(source, str) and source in files:
        return files[source]
    path = Path(source)
    if path.is_file():
        return path
    text = str(source)
    if path.is_dir():
        raise FileNotFoundError(f"{text!r} is a folder; a model is a file")
    hint = nearest(text, files) or f"bundled models: {', '.join(files) or 'none'}"
    raise FileNotFoundError(f"no bundled model and no file {text[:200]!r} ({hint})")
