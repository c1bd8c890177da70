"""Other libraries for tests, imported when they are asked for.

pytest turns warnings into errors here; what these libraries warn of while they are being
imported is theirs, and is ignored by its words.  (pyAgrum does not survive the error.)
"""

from __future__ import annotations

import warnings
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

from twitchnet.bench.peers import fill
from twitchnet.io.foreign.tabular import CELLS, tabulated
from twitchnet.model.network import Network


@cache
def pyagrum() -> ModuleType:
    """pyAgrum, 0.1 s."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "builtin type [Ss]wig", DeprecationWarning)
        import pyagrum as gum
    return gum


@cache
def pgmpy() -> SimpleNamespace:
    """What the tests use of pgmpy; 2 to 5 s and 400 MB."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`pgmpy.estimators.StructureScore`", FutureWarning)
        from pgmpy.inference import VariableElimination
        from pgmpy.readwrite import BIFReader, NETReader, XDSLReader, XMLBIFReader
    return SimpleNamespace(
        VariableElimination=VariableElimination,
        readers={".bif": BIFReader, ".xml": XMLBIFReader, ".net": NETReader, ".xdsl": XDSLReader},
    )


def to_pyagrum(network: Network, cells: int = CELLS) -> Any:
    """The network in pyAgrum, built table by table."""
    return fill(pyagrum(), tabulated(network, cells))
