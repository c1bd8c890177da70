"""What the compiler is taught on import: cells of eight lanes, and bare arrays.

A *cell* is eight float64 in one vector register; it has the few operations of ``lanes.py``.

A *bare array* is the address of an array's data and one length (of a matrix: of its rows),
instead of the nine numbers that numba keeps for any array.  Indices are never negative and
never checked.  Calls pass three times fewer values, and the compiler has less to read.

Imported by ``accelerate.py`` alone, and by nobody before a batch is worth it.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import PrimitiveModel, StructModel, register_default
from numba.core.extending import intrinsic, lower_builtin, overload, type_callable

from twitchnet.engine import lanes

VECTOR = ir.VectorType(ir.DoubleType(), lanes.LANES)
UNDEFINED = ir.Constant(VECTOR, ir.Undefined)


class CellType(types.Type):  # type: ignore[misc, unused-ignore]
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__(name="Cell")


class BareType(types.Type):  # type: ignore[misc, unused-ignore]
    """An array of one or two axes that lies in one piece."""

    def __init__(self, dtype: Any, ndim: int) -> None:
        self.dtype, self.ndim = dtype, ndim
        super().__init__(name=f"Bare({dtype}, {ndim})")


CELL = CellType()


@register_default(CellType)
class CellModel(PrimitiveModel):  # type: ignore[misc, unused-ignore]
    """One vector register."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, VECTOR)


@register_default(BareType)
class BareModel(StructModel):  # type: ignore[misc, unused-ignore]
    """``data``, and ``length``: entries of a vector, or of each row of a matrix."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        members = [("data", types.CPointer(fe_type.dtype)), ("length", types.int64)]
        super().__init__(manager, fe_type, members)


def fields(context: Any, builder: Any, bare_type: Any, value: Any) -> Any:
    """A bare array's data and length by name."""
    return context.make_helper(builder, bare_type, value=value)


@intrinsic
def strip(typing_context: Any, array: Any) -> Any:
    """The bare array of an array; see ``lanes.bare``."""
    bare_type = BareType(array.dtype, array.ndim)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, args[0])
        result = context.make_helper(builder, bare_type)
        result.data = whole.data
        result.length = builder.extract_value(whole.shape, array.ndim - 1)
        return result._getvalue()

    return bare_type(array), generate


def index_types(array: Any, index: Any) -> tuple[Any, Any] | None:
    """The type of an entry (or row) of a bare array, and that of its index."""
    if not isinstance(array, BareType):
        return None
    if isinstance(index, types.Integer):
        row = array.dtype if array.ndim == 1 else BareType(array.dtype, 1)
        return row, types.int64
    if array.ndim == 2 and isinstance(index, types.BaseTuple) and len(index) == 2:
        return array.dtype, types.UniTuple(types.int64, 2)
    return None


@type_callable(operator.getitem)
def type_getitem(context: Any) -> Any:
    """``array[row]``, ``array[row, column]``."""

    def resolve(array: Any, index: Any) -> Any:
        found = index_types(array, index)
        return None if found is None else found[0](array, found[1])

    return resolve


@type_callable(operator.setitem)
def type_setitem(context: Any) -> Any:
    """The same on the left of an assignment."""

    def resolve(array: Any, index: Any, value: Any) -> Any:
        found = index_types(array, index)
        if found is None or isinstance(found[0], BareType):
            return None
        return types.void(array, found[1], array.dtype)

    return resolve


def address(context: Any, builder: Any, bare_type: Any, value: Any, index: Any) -> Any:
    """Where the entry, or the row, with an index begins."""
    array = fields(context, builder, bare_type, value)
    if bare_type.ndim == 2:
        row = index
        if isinstance(index.type, ir.ArrayType):
            row = builder.extract_value(index, 0)
        place = builder.mul(row, array.length)
        if isinstance(index.type, ir.ArrayType):
            place = builder.add(place, builder.extract_value(index, 1))
    else:
        place = index
    return builder.gep(array.data, [place])


@lower_builtin(operator.getitem, BareType, types.Any)
def lower_getitem(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Loads an entry, or narrows a matrix to a row."""
    place = address(context, builder, signature.args[0], args[0], args[1])
    if not isinstance(signature.return_type, BareType):
        return builder.load(place)
    row = context.make_helper(builder, signature.return_type)
    row.data = place
    row.length = fields(context, builder, signature.args[0], args[0]).length
    return row._getvalue()


@lower_builtin(operator.setitem, BareType, types.Any, types.Any)
def lower_setitem(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Stores an entry."""
    builder.store(args[2], address(context, builder, signature.args[0], args[0], args[1]))
    return context.get_dummy_value()


@type_callable(len)
def type_length(context: Any) -> Any:
    """``len(array)`` of a vector."""

    def resolve(array: Any) -> Any:
        return types.int64(array) if isinstance(array, BareType) and array.ndim == 1 else None

    return resolve


@lower_builtin(len, BareType)
def lower_length(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Number of entries."""
    return fields(context, builder, signature.args[0], args[0]).length


for operation, instruction in (
    (operator.add, "fadd"),
    (operator.mul, "fmul"),
    (operator.sub, "fsub"),
):

    def type_cells(context: Any) -> Any:
        """Cells go with cells."""

        def resolve(first: Any, second: Any) -> Any:
            both = isinstance(first, CellType) and isinstance(second, CellType)
            return CELL if both else None

        return resolve

    def lower_cells(
        context: Any, builder: Any, signature: Any, args: Any, name: str = instruction
    ) -> Any:
        """One instruction for all lanes."""
        return getattr(builder, name)(args[0], args[1])

    type_callable(operation)(type_cells)
    lower_builtin(operation, CellType, CellType)(lower_cells)


def cell_address(context: Any, builder: Any, bare_type: Any, value: Any, cell: Any) -> Any:
    """Where a cell lies among numbers."""
    start = builder.mul(cell, ir.Constant(cell.type, lanes.LANES))
    place = address(context, builder, bare_type, value, start)
    return builder.bitcast(place, VECTOR.as_pointer())


@intrinsic
def load(typing_context: Any, cells: Any, cell: Any) -> Any:
    """See ``lanes.load8``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(cell_address(context, builder, signature.args[0], args[0], args[1]))
        value.align = 8
        return value

    return CELL(cells, types.int64), generate


@intrinsic
def store(typing_context: Any, cells: Any, cell: Any, value: Any) -> Any:
    """See ``lanes.store8``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cell_address(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], place).align = 8
        return context.get_dummy_value()

    return types.void(cells, types.int64, CELL), generate


@intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """See ``lanes.splat8``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = builder.insert_element(UNDEFINED, args[0], ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes.LANES), [0] * lanes.LANES)
        return builder.shuffle_vector(one, UNDEFINED, mask)

    return CELL(types.float64), generate


@intrinsic
def lane(typing_context: Any, value: Any, index: Any) -> Any:
    """The number in one lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(args[0], args[1])

    return types.float64(CELL, types.int64), generate


@intrinsic
def larger(typing_context: Any, first: Any, second: Any) -> Any:
    """See ``lanes.max8``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wins = builder.fcmp_ordered(">", args[0], args[1])
        return builder.select(wins, args[0], args[1])

    return CELL(CELL, CELL), generate


@intrinsic
def count_bits(typing_context: Any, word: Any) -> Any:
    """See ``lanes.popcount``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), generate


@intrinsic
def first_bit(typing_context: Any, word: Any) -> Any:
    """See ``lanes.lowest``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


@intrinsic
def last_bit(typing_context: Any, word: Any) -> Any:
    """See ``lanes.highest``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        leading = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 63), leading)

    return types.int64(types.int64), generate


@overload(lanes.total8)
def total(value: Any) -> Any:
    """The sum of the lanes."""

    def sum_lanes(value: Any) -> Any:
        return ((lane(value, 0) + lane(value, 1)) + (lane(value, 2) + lane(value, 3))) + (
            (lane(value, 4) + lane(value, 5)) + (lane(value, 6) + lane(value, 7))
        )

    return sum_lanes


@overload(lanes.largest8)
def largest(value: Any) -> Any:
    """The largest lane."""

    def over_lanes(value: Any) -> Any:
        result = lane(value, 0)
        for index in range(1, lanes.LANES):
            result = max(result, lane(value, index))
        return result

    return over_lanes


overload(lanes.bare)(lambda array: lambda array: strip(array))
overload(lanes.load8)(lambda cells, cell: lambda cells, cell: load(cells, cell))
overload(lanes.store8)(
    lambda cells, cell, value: lambda cells, cell, value: store(cells, cell, value)
)
overload(lanes.splat8)(lambda value: lambda value: splat(value))
overload(lanes.max8)(lambda first, second: lambda first, second: larger(first, second))
overload(lanes.abs8)(lambda value: lambda value: larger(value, splat(0.0) - value))
overload(lanes.popcount)(lambda word: lambda word: count_bits(word))
overload(lanes.lowest)(lambda word: lambda word: first_bit(word))
overload(lanes.highest)(lambda word: lambda word: last_bit(word))
