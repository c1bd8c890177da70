"""How each kernel function is compiled once, instead of once for each caller.

Numba compiles every function by itself: what it calls is linked in, all of it is optimised,
and machine code is made of it, so that a helper five calls deep goes through the optimiser six
times.  The helpers of the kernels are never called from outside, so they are compiled as
*pieces*: type-checked and translated, and then left alone until they are linked into the
kernel that is called from outside.  Only the passes that plain loops need are run, and loops
stay as they are written: cells are vectors already, most other loops are short, and unrolled
they are more code that takes longer (docs/performance.md).

Only ``kernels/compiler.py`` imports this, when kernels are first used.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core import ir
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import FunctionPass, PassManager, register_pass
from numba.core.typed_passes import (
    AnnotateTypes,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
)
from numba.core.untyped_passes import FixupArgs, TranslateByteCode


def optimizer(codegen: Any, level: int) -> Any:
    """Optimisation at a level, without unrolling or vectorising loops."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_unrolling = tuning.loop_vectorization = tuning.slp_vectorization = False
    return llvm.create_pass_builder(codegen._tm, tuning)


class Kernel(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """Code that is called from outside, with its pieces in it."""

    _linking_libraries: list[Any]

    def _optimize_functions(self, ll_module: Any) -> None:
        """Optimises each function lightly first, which keeps what is linked small."""
        ll_module.data_layout = self._codegen._data_layout
        builder = optimizer(self._codegen, 1)
        manager = builder.getFunctionPassManager()
        for function in ll_module.functions:
            if not function.is_declaration:
                manager.run(function, builder)

    def _optimize_final_module(self) -> None:
        builder = optimizer(self._codegen, 3)
        builder.getModulePassManager().run(self._final_module, builder)

    def finalize(self) -> None:
        """Links all pieces, with those that pieces call, each once."""
        found = dict.fromkeys(self._linking_libraries)
        for library in (queue := list(found)):
            for other in library._linking_libraries:
                if other not in found:
                    found[other] = None
                    queue.append(other)
        self._linking_libraries = queue
        super().finalize()


class Piece(Kernel):  # type: ignore[misc, unused-ignore]
    """Code that is linked into its callers and never run by itself."""

    @property
    def codegen(self) -> Any:
        """Stands in for the code generator, which would set a function's environment."""
        return NoEnvironment

    def finalize(self) -> None:
        """Neither links, nor optimises further, nor makes machine code."""
        self._raise_if_finalized()
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.linkage = "linkonce_odr"  # dropped where all calls of it were inlined
        self._shared_module, self._finalized = self._final_module, True

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
    library: type[Kernel] = Piece

    def run_pass(self, state: Any) -> bool:
        """Numba makes an ordinary library where there is none."""
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerKernel(LowerPiece):
    """Lowering into a ``Kernel``."""

    _name = "lower_kernel"
    library = Kernel


@register_pass(mutates_CFG=True, analysis_only=False)
class InferTypes(NopythonTypeInference):  # type: ignore[misc, unused-ignore]
    """Infers the result of each function for the same types only once.

    Numba tries every rule for an operator at every place where the operator stands.
    """

    _name = "infer_types"

    def run_pass(self, state: Any) -> bool:
        """Remembers during the outermost function's inference, which contains all others."""
        context, known = state.typingctx, dict[Any, Any]()
        if "resolve_function_type" in vars(context):
            return bool(super().run_pass(state))
        resolve = context.resolve_function_type

        def remember(function: Any, args: Any, kws: Any) -> Any:
            key = function, tuple(args), tuple(dict(kws).items())
            if key not in known:
                found = resolve(function, args, kws)
                if found is None:
                    return None
                known[key] = found
            return known[key]

        context.resolve_function_type = remember
        try:
            return bool(super().run_pass(state))
        finally:
            del context.resolve_function_type


@register_pass(mutates_CFG=False, analysis_only=False)
class NameConstants(FunctionPass):  # type: ignore[misc, unused-ignore]
    """Numbers of a module become constants, which may be assigned to variables again and again.

    Numba lets a global number lock the type of a variable; without that, the kernels need no
    static single assignment, which would take a tenth of the compilation.
    """

    _name = "name_constants"

    def __init__(self) -> None:
        """Has no state."""
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Replaces them in every assignment."""
        for block in state.func_ir.blocks.values():
            for assign in block.find_insts(ir.Assign):
                value = assign.value
                if isinstance(value, ir.Global) and type(value.value) in (int, float):
                    assign.value = ir.Const(value.value, value.loc, use_literal_type=False)
        return True


class PieceCompiler(CompilerBase):  # type: ignore[misc, unused-ignore]
    """The passes that plain loops over typed arrays need."""

    lowering: type[LowerPiece] = LowerPiece

    def define_pipelines(self) -> list[Any]:
        """One pipeline; there is no other mode to fall back to."""
        manager = PassManager("kernels")
        for step in (
            TranslateByteCode,
            FixupArgs,
            NameConstants,
            InferTypes,
            AnnotateTypes,
            self.lowering,
            NoPythonBackend,
        ):
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]


class KernelCompiler(PieceCompiler):
    """The same passes for the function that is called from outside."""

    lowering = LowerKernel
