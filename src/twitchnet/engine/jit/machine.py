"""Cells of eight lanes for the compiler: their types and instructions.

A *cell* is eight float64 in one vector register; it has the few operations of ``lanes.py``.
Whether a result left the range of a double is read from the processor's status register.

Only ``kernels/compiler.py`` imports this, when kernels are first used.
"""

from __future__ import annotations

import operator
import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import PrimitiveModel, StructModel, register_default
from numba.core.extending import lower_builtin, type_callable

from twitchnet.engine.jit import lanes
from twitchnet.engine.jit.arrays import address, fields, tag, teach

VECTOR = ir.VectorType(ir.DoubleType(), lanes.LANES)
UNDEFINED = ir.Constant(VECTOR, ir.Undefined)
ZERO = ir.Constant(VECTOR, [0.0] * lanes.LANES)


class CellType(types.Type):  # type: ignore[misc, unused-ignore]
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__(name="Cell")


class DoubleDoubleType(types.Type):  # type: ignore[misc, unused-ignore]
    """Eight sums of two float64."""

    def __init__(self) -> None:
        super().__init__(name="Wide")


CELL, DOUBLE_DOUBLE = CellType(), DoubleDoubleType()


@register_default(CellType)
class CellModel(PrimitiveModel):  # type: ignore[misc, unused-ignore]
    """One vector register."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, VECTOR)


@register_default(DoubleDoubleType)
class DoubleDoubleModel(StructModel):  # type: ignore[misc, unused-ignore]
    """Two vector registers."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("high", CELL), ("low", CELL)])


def add_cells(builder: Any, first: Any, second: Any) -> Any:
    """Sums by lane; cells are pairs of vectors, the low one None for a cell of doubles.

    The first low part comes last, so that a running sum waits as little as possible.
    """
    if first[1] is None and second[1] is None:
        return builder.fadd(first[0], second[0]), None
    sum_ = builder.fadd(first[0], second[0])
    back = builder.fsub(sum_, first[0])
    rest = builder.fadd(
        builder.fsub(first[0], builder.fsub(sum_, back)), builder.fsub(second[0], back)
    )
    for low in (second[1], first[1]):
        if low is not None:
            rest = builder.fadd(rest, low)
    return sum_, rest


def subtract_cells(builder: Any, first: Any, second: Any) -> Any:
    """Differences by lane."""
    if first[1] is None and second[1] is None:
        return builder.fsub(first[0], second[0]), None
    negative = [None if part is None else builder.fneg(part) for part in second]
    return add_cells(builder, first, negative)


def multiply_cells(builder: Any, first: Any, second: Any) -> Any:
    """Products by lane; pairs of vectors as above."""
    product = builder.fmul(first[0], second[0])
    if first[1] is None and second[1] is None:
        return product, None
    rest = fused(builder, first[0], second[0], builder.fneg(product))
    if second[1] is not None:
        rest = fused(builder, first[0], second[1], rest)
    if first[1] is not None:
        rest = fused(builder, first[1], second[0], rest)
    return product, rest


def fused(builder: Any, first: Any, second: Any, third: Any) -> Any:
    """``first * second + third``, rounded once."""
    shape = ir.FunctionType(VECTOR, [VECTOR] * 3)
    name = f"llvm.fma.v{lanes.LANES}f64"
    return builder.call(builder.module.declare_intrinsic(name, fnty=shape), [first, second, third])


def renew(builder: Any, high: Any, rest: Any) -> Any:
    """A high part that holds all digits it can, and what is left."""
    sum_ = builder.fadd(high, rest)
    return sum_, builder.fsub(rest, builder.fsub(sum_, high))


def parts_of(context: Any, builder: Any, cell_type: Any, value: Any) -> Any:
    """High and low vector of a cell; no low one of an ordinary cell."""
    if cell_type == CELL:
        return value, None
    both = context.make_helper(builder, DOUBLE_DOUBLE, value=value)
    return both.high, both.low


def cell_of(context: Any, builder: Any, high: Any, low: Any) -> Any:
    """The cell of a high and a low vector, or None."""
    if low is None:
        return high
    both = context.make_helper(builder, DOUBLE_DOUBLE)
    both.high, both.low = high, low
    return both._getvalue()


for operation, rule in (
    (operator.add, add_cells),
    (operator.mul, multiply_cells),
    (operator.sub, subtract_cells),
):

    def type_cells(context: Any) -> Any:
        """Cells go with cells; one double-double cell makes the result one."""

        def resolve(first: Any, second: Any) -> Any:
            if first not in (CELL, DOUBLE_DOUBLE) or second not in (CELL, DOUBLE_DOUBLE):
                return None
            return (CELL if first == second == CELL else DOUBLE_DOUBLE)(first, second)

        return resolve

    def lower_cells(context: Any, builder: Any, signature: Any, args: Any, rule: Any = rule) -> Any:
        """A few instructions for all lanes."""
        first, second = (
            parts_of(context, builder, kind, value)
            for kind, value in zip(signature.args, args, strict=True)
        )
        return cell_of(context, builder, *rule(builder, first, second))

    type_callable(operation)(type_cells)
    for kinds in (
        (CELL, CELL),
        (CELL, DOUBLE_DOUBLE),
        (DOUBLE_DOUBLE, CELL),
        (DOUBLE_DOUBLE, DOUBLE_DOUBLE),
    ):
        lower_builtin(operation, *kinds)(lower_cells)


def cell_addresses(context: Any, builder: Any, bare_type: Any, value: Any, cell: Any) -> Any:
    """Where a cell lies among numbers, and where its low part does."""
    place = builder.mul(cell, ir.Constant(cell.type, lanes.LANES))
    places = [place]
    if bare_type.double_double:
        length = fields(context, builder, bare_type, value).length
        places.append(builder.add(place, builder.ashr(length, ir.Constant(length.type, 1))))
    return [
        builder.bitcast(address(context, builder, bare_type, value, at), VECTOR.as_pointer())
        for at in places
    ]


def kind_of(cells: Any) -> Any:
    """The type of an array's cells."""
    return DOUBLE_DOUBLE if cells.double_double else CELL


@teach(lanes.load8, lambda cells, cell: kind_of(cells)(cells, types.int64))
def load(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """One or two vectors."""
    parts = [
        tag(builder, builder.load(place), types.float64)
        for place in cell_addresses(context, builder, signature.args[0], *args)
    ]
    for part in parts:
        part.align = 8
    return cell_of(context, builder, parts[0], parts[1] if len(parts) > 1 else None)


@teach(lanes.store8, lambda cells, cell, value: types.void(cells, types.int64, value))
def store(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """One or two vectors; an ordinary cell among double-doubles has zeros as its low part."""
    parts = parts_of(context, builder, signature.args[2], args[2])
    if parts[1] is not None:
        parts = renew(builder, *parts)
    places = cell_addresses(context, builder, signature.args[0], args[0], args[1])
    for part, place in zip(parts, places, strict=False):
        stored = builder.store(ZERO if part is None else part, place)
        tag(builder, stored, types.float64).align = 8
    return context.get_dummy_value()


@teach(lanes.zero8, lambda cells: kind_of(cells)(cells))
def zero(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """One or two vectors of zeros."""
    return cell_of(context, builder, ZERO, ZERO if signature.return_type == DOUBLE_DOUBLE else None)


@teach(lanes.splat8, lambda value: CELL(types.float64))
def splat(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """One number in all lanes."""
    one = builder.insert_element(UNDEFINED, args[0], ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes.LANES), [0] * lanes.LANES)
    return builder.shuffle_vector(one, UNDEFINED, mask)


def larger(builder: Any, first: Any, second: Any) -> Any:
    """The larger of two numbers, or of each lane."""
    return builder.select(builder.fcmp_ordered(">", first, second), first, second)


@teach(lanes.max8, lambda first, second: CELL(CELL, CELL))
def maximum(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The larger number of each lane."""
    return larger(builder, args[0], args[1])


@teach(lanes.ratio8, lambda first, second: CELL(CELL, CELL))
def quotient(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Divides by 1 where the divisor is 0, and takes 0 there."""
    void = builder.fcmp_ordered("==", args[1], ZERO)
    ones = ir.Constant(VECTOR, [1.0] * lanes.LANES)
    divided = builder.fdiv(args[0], builder.select(void, ones, args[1]))
    return builder.select(void, ZERO, divided)


@teach(lanes.abs8, lambda value: CELL(value))
def absolute(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Without signs; high parts of double-double cells."""
    high = parts_of(context, builder, signature.args[0], args[0])[0]
    shape = ir.FunctionType(VECTOR, [VECTOR])
    name = f"llvm.fabs.v{lanes.LANES}f64"
    return builder.call(builder.module.declare_intrinsic(name, fnty=shape), [high])


def lanes_of(builder: Any, vector: Any) -> list[Any]:
    """The numbers of a vector."""
    return [
        builder.extract_element(vector, ir.Constant(ir.IntType(64), lane))
        for lane in range(vector.type.count)
    ]


@teach(lanes.largest8, lambda value: types.float64(CELL))
def largest(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The largest lane."""
    first, *others = lanes_of(builder, args[0])
    for other in others:
        first = larger(builder, first, other)
    return first


def some_lanes(builder: Any, vector: Any, first: int, count: int) -> Any:
    """A shorter vector, of some lanes that follow each other."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(first, first + count)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def add_lanes(builder: Any, vector: Any) -> Any:
    """The sum of neighbours, of neighbouring pairs, and of both halves."""
    sums = lanes_of(builder, vector)
    while len(sums) > 1:
        sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]


@teach(lanes.total8, lambda value: types.float64(CELL))
def total(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The sum of the lanes."""
    return add_lanes(builder, args[0])


@teach(lanes.pair8, lambda value: types.UniTuple(types.float64, 2)(value))
def total_pair(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The sum of the lanes in two parts."""
    nothing = ir.Constant(ir.DoubleType(), 0.0)
    high, low = parts_of(context, builder, signature.args[0], args[0])
    if low is None:
        return context.make_tuple(
            builder, signature.return_type, (add_lanes(builder, high), nothing)
        )
    half = lanes.LANES // 2
    while half > 0:
        lower, upper = (
            tuple(some_lanes(builder, part, first, half) for part in (high, low))
            for first in (0, half)
        )
        high, low = add_cells(builder, lower, upper)
        half //= 2
    sums = tuple(lanes_of(builder, part)[0] for part in renew(builder, high, low))
    return context.make_tuple(builder, signature.return_type, sums)


def last_bit(builder: Any, word: Any) -> Any:
    """The position of the highest set bit: zeros above it, from the other end."""
    leading = builder.ctlz(word, ir.Constant(ir.IntType(1), 0))
    return builder.sub(ir.Constant(ir.IntType(64), 63), leading)


for function, instruction in (
    (lanes.single, lambda builder, bit: builder.shl(ir.Constant(ir.IntType(64), 1), bit)),
    (lanes.above, lambda builder, bit: builder.shl(ir.Constant(ir.IntType(64), -2), bit)),
    (lanes.popcount, lambda builder, word: builder.ctpop(word)),
    (lanes.lowest, lambda builder, word: builder.cttz(word, ir.Constant(ir.IntType(1), 0))),
    (lanes.highest, last_bit),
):

    @teach(function, lambda word: types.int64(types.int64))
    def lower_bits(
        context: Any, builder: Any, signature: Any, args: Any, emit: Any = instruction
    ) -> Any:
        """One instruction on a word."""
        return emit(builder, args[0])


class Status:
    """Where a processor remembers results that left the range: x86 and ARM, both of 64 bits.

    ``lost`` are the bits of a result that underflowed with a loss of digits, or overflowed.
    On any other processor every record counts as lost, and is answered by numpy.
    """

    kind = platform.machine().lower()
    x86 = kind in ("x86_64", "amd64")
    arm = kind in ("aarch64", "arm64")
    lost = 0b11000 if x86 else 0b01100


def call_status(builder: Any, name: str, place: Any) -> None:
    """Loads the register of x86 from a place in memory, or stores it there."""
    pointer = ir.IntType(8).as_pointer()
    shape = ir.FunctionType(ir.VoidType(), [pointer])
    function = builder.module.globals.get(name) or ir.Function(builder.module, shape, name)
    builder.call(function, [builder.bitcast(place, pointer)])


def read_status(context: Any, builder: Any) -> Any:
    """The bits of ``Status.lost`` that are set, as an integer of 32 bits."""
    word = ir.IntType(32)
    if Status.x86:
        place = cgutils.alloca_once(builder, word)
        call_status(builder, "llvm.x86.sse.stmxcsr", place)
        whole = builder.load(place)
    elif Status.arm:
        shape = ir.FunctionType(ir.IntType(64), [])
        read = ir.InlineAsm(shape, "mrs $0, fpsr", "=r,~{memory}", side_effect=True)
        whole = builder.trunc(builder.call(read, []), word)
    else:
        whole = ir.Constant(word, Status.lost)
    return builder.and_(whole, ir.Constant(word, Status.lost))


@teach(lanes.lost_any, lambda: types.boolean())
def ask_status(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Whether one of the bits is set."""
    return builder.icmp_unsigned(
        "!=", read_status(context, builder), ir.Constant(ir.IntType(32), 0)
    )


@teach(lanes.forget_losses, lambda: types.void())
def clear_status(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Clears them, and leaves everything else that the register holds."""
    word = ir.IntType(32)
    if Status.x86:
        place = cgutils.alloca_once(builder, word)
        call_status(builder, "llvm.x86.sse.stmxcsr", place)
        kept = builder.and_(builder.load(place), ir.Constant(word, ~Status.lost & 0xFFFFFFFF))
        builder.store(kept, place)
        call_status(builder, "llvm.x86.sse.ldmxcsr", place)
    elif Status.arm:
        wide_word = ir.IntType(64)
        read = ir.InlineAsm(
            ir.FunctionType(wide_word, []), "mrs $0, fpsr", "=r,~{memory}", side_effect=True
        )
        write = ir.InlineAsm(
            ir.FunctionType(ir.VoidType(), [wide_word]), "msr fpsr, $0", "r,~{memory}",
            side_effect=True,
        )  # fmt: skip
        kept = builder.and_(builder.call(read, []), ir.Constant(wide_word, ~Status.lost))
        builder.call(write, [kept])
    return context.get_dummy_value()
