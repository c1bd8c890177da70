"""How the compiler is asked to work on the kernels once, and not once per caller.

Numba compiles every function for itself: what it calls is linked in, all of it is
optimised, and machine code is made of it, so that a helper five calls deep goes through
the optimiser six times.  The helpers of the kernels are never called from outside, so
they are compiled as *pieces*: checked and translated, and then left alone until the
kernel that is called from outside takes them in.  Only passes that plain loops need are
run.  The result is the same code in about a third of the time (docs/performance.md).

Imported by ``accelerate.py`` alone, and by nobody before a batch is worth it.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode


class Piece(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """Code that is linked into its callers and never run by itself."""

    @property
    def codegen(self) -> Any:
        """What is asked to set a function's environment, which pieces have no use for."""
        return NoEnvironment

    def _optimize_final_module(self) -> None:
        """The caller's module is optimised with this one in it."""

    def _finalize_final_module(self) -> None:
        self._finalized = True  # without machine code

    def get_pointer_to_function(self, name: str) -> int:
        """No function of a piece has an address."""
        self._ensure_finalized()
        return 0


class NoEnvironment:
    """Stands in for the code generator of a piece."""

    @staticmethod
    def set_env(name: str, environment: Any) -> None:
        """Pieces raise no exceptions, so nothing reads it."""


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerPiece(NativeLowering):  # type: ignore[misc, unused-ignore]
    """Lowering into a ``Piece``."""

    _name = "lower_piece"

    def run_pass(self, state: Any) -> bool:
        """Numba makes an ordinary library where there is none."""
        state.library = Piece(state.targetctx.codegen(), state.func_id.func_qualname)
        return bool(super().run_pass(state))


class PieceCompiler(CompilerBase):  # type: ignore[misc, unused-ignore]
    """The passes that plain loops over typed arrays need."""

    def define_pipelines(self) -> list[Any]:
        """One pipeline; there is no other mode to fall back to."""
        manager = PassManager("piece")
        for step in (
            TranslateByteCode,
            FixupArgs,
            IRProcessing,
            ReconstructSSA,
            NopythonTypeInference,
            PreLowerStripPhis,
            IRLegalization,
            AnnotateTypes,
            LowerPiece,
            NoPythonBackend,
        ):
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]
