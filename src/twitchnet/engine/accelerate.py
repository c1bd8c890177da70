"""The one owner of the compiler: flags, the eight-lane type, where compiled code is cached.

Nothing else imports numba, and nothing imports it before a batch is worth it:
:func:`compiled` does, once per process.  Kernels stay plain Python functions; their
helpers are registered so that compiled code may call them by the same names.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from twitchnet.engine import decode, kernels, lanes, products, tape

LOG = logging.getLogger(__name__)
FLAGS = {"nogil": True, "error_model": "numpy", "boundscheck": False, "_nrt": False}
# No fastmath: it would allow reordering, and answers would differ between machines.

_SOURCES = (lanes, decode, tape, products, kernels)
_LOCK = threading.Lock()
_READY: list[Callable[..., Any]] = []  # the compiled kernel, once it is there


def cache_directory() -> Path:
    """Where compiled code is kept: one folder per version of the kernels' sources.

    ``TWITCHNET_CACHE`` names another parent folder.
    """
    digest = hashlib.sha256()
    for path in (*(module.__file__ for module in _SOURCES), __file__):
        assert path is not None
        digest.update(Path(path).read_bytes())
    home = os.environ.get("TWITCHNET_CACHE") or os.environ.get("XDG_CACHE_HOME")
    root = Path(home) if home else Path.home() / ".cache"
    return root / "twitchnet" / digest.hexdigest()[:16]


def is_compiled() -> bool:
    """Whether compiled kernels are already loaded in this process."""
    return bool(_READY)


def is_cached() -> bool:
    """Whether compiled kernels lie on disk, so that loading them takes no compiler."""
    try:
        return any(cache_directory().rglob("*.nbi"))
    except (OSError, RuntimeError):  # no readable folder, or no home at all
        return False


def compiled() -> Callable[..., Any]:
    """The compiled twin of ``kernels.run_records``.

    The first call on a machine compiles for some seconds and says so in the log; later
    processes read the cache.
    """
    with _LOCK:
        if not _READY:
            _READY.append(_compile())
        return _READY[0]


def _compile() -> Callable[..., Any]:
    """Registers the kernels with numba; the code itself is made, or read, at the first call."""
    import numba

    if not is_cached():
        LOG.warning("compiling the batch kernels; this happens once and takes some seconds")
    _register_lanes()
    for module in (decode, tape, products, kernels):
        for function in _functions(module):
            if function is not kernels.run_records:
                numba.extending.register_jitable(**FLAGS)(function)
    before = numba.config.CACHE_DIR
    try:
        folder = cache_directory()
        folder.mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)
        return numba.njit(cache=os.access(folder, os.W_OK), **FLAGS)(kernels.run_records)
    except (OSError, RuntimeError):
        return numba.njit(**FLAGS)(kernels.run_records)
    finally:
        numba.config.CACHE_DIR = before  # the caller's own kernels keep their folder


def _functions(module: ModuleType) -> list[FunctionType]:
    """The kernel functions that a module defines."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, FunctionType)
        and value.__module__ == module.__name__
        and value not in decode.HOST_ONLY
    ]


def _register_lanes() -> None:
    """Teaches the compiler what a cell is: eight doubles in one register."""
    import operator

    from llvmlite import ir
    from numba.core import types
    from numba.core.datamodel import PrimitiveModel, register_default
    from numba.core.extending import intrinsic, lower_builtin, overload, type_callable

    vector = ir.VectorType(ir.DoubleType(), lanes.LANES)

    class CellType(types.Type):
        def __init__(self) -> None:
            super().__init__(name="Cell8")

    cell_type = CellType()

    @register_default(CellType)
    class CellModel(PrimitiveModel):  # type: ignore[misc, unused-ignore]
        def __init__(self, manager: Any, fe_type: Any) -> None:
            super().__init__(manager, fe_type, vector)

    def pointer(context: Any, builder: Any, array_type: Any, array: Any, cell: Any) -> Any:
        data = context.make_array(array_type)(context, builder, array).data
        start = builder.mul(cell, ir.Constant(cell.type, lanes.LANES))
        return builder.bitcast(builder.gep(data, [start]), vector.as_pointer())

    @intrinsic
    def load(typing_context: Any, cells: Any, cell: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = builder.load(pointer(context, builder, signature.args[0], args[0], args[1]))
            value.align = 8
            return value

        return cell_type(cells, types.int64), generate

    @intrinsic
    def store(typing_context: Any, cells: Any, cell: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = pointer(context, builder, signature.args[0], args[0], args[1])
            builder.store(args[2], place).align = 8
            return context.get_dummy_value()

        return types.void(cells, types.int64, cell_type), generate

    @intrinsic
    def splat(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0)
            )
            mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes.LANES), [0] * lanes.LANES)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

        return cell_type(types.float64), generate

    @intrinsic
    def lane(typing_context: Any, value: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.extract_element(args[0], args[1])

        return types.float64(cell_type, types.int64), generate

    @intrinsic
    def larger(typing_context: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wins = builder.fcmp_ordered(">", args[0], args[1])
            return builder.select(wins, args[0], args[1])

        return cell_type(cell_type, cell_type), generate

    @intrinsic
    def count_bits(typing_context: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.ctpop(args[0])

        return types.int64(types.int64), generate

    @intrinsic
    def first_bit(typing_context: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.int64), generate

    @intrinsic
    def last_bit(typing_context: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            leading = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))
            return builder.sub(ir.Constant(ir.IntType(64), 63), leading)

        return types.int64(types.int64), generate

    for operation, instruction in (
        (operator.add, "fadd"),
        (operator.mul, "fmul"),
        (operator.sub, "fsub"),
    ):

        def typed(context: Any) -> Any:
            def resolve(first: Any, second: Any) -> Any:
                both = isinstance(first, CellType) and isinstance(second, CellType)
                return cell_type if both else None

            return resolve

        type_callable(operation)(typed)

        def lowered(
            context: Any, builder: Any, signature: Any, args: Any, name: str = instruction
        ) -> Any:
            return getattr(builder, name)(args[0], args[1])

        lower_builtin(operation, cell_type, cell_type)(lowered)

    overload(lanes.load8, inline="never")(lambda cells, cell: lambda cells, cell: load(cells, cell))
    overload(lanes.store8)(
        lambda cells, cell, value: lambda cells, cell, value: store(cells, cell, value)
    )
    overload(lanes.splat8)(lambda value: lambda value: splat(value))
    overload(lanes.max8)(lambda first, second: lambda first, second: larger(first, second))
    overload(lanes.abs8)(lambda value: lambda value: larger(value, splat(0.0) - value))

    def total(value: Any) -> Any:
        def sum_lanes(value: Any) -> Any:
            return ((lane(value, 0) + lane(value, 1)) + (lane(value, 2) + lane(value, 3))) + (
                (lane(value, 4) + lane(value, 5)) + (lane(value, 6) + lane(value, 7))
            )

        return sum_lanes

    def largest(value: Any) -> Any:
        def over_lanes(value: Any) -> Any:
            result = lane(value, 0)
            for index in range(1, lanes.LANES):
                result = max(result, lane(value, index))
            return result

        return over_lanes

    overload(lanes.total8)(total)
    overload(lanes.largest8)(largest)
    overload(lanes.popcount)(lambda word: lambda word: count_bits(word))
    overload(lanes.lowest)(lambda word: lambda word: first_bit(word))
    overload(lanes.highest)(lambda word: lambda word: last_bit(word))
