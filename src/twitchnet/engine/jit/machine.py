"""Types and instructions for the compiler: cells of eight lanes, bare arrays, bundles.

A *cell* is eight float64 in one vector register; it has the few operations of ``lanes.py``.
Whether a result left the range of a double is read from the processor's status register.

A *bare array* is the address of an array's data and one length (of a matrix: of its rows),
instead of the nine numbers that numba keeps for any array.  Indices are never negative and
never checked.  A *bundle* is one address, at which those of several arrays, and of bundles in
it, lie: calls pass on this address alone.

Only ``kernels/compiler.py`` imports this, when kernels are first used.
"""

from __future__ import annotations

import operator
import platform
import sys
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import PrimitiveModel, StructModel, register_default
from numba.core.extending import lower_builtin, type_callable
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr

from twitchnet.engine.jit import lanes

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


class BareType(types.Type):  # type: ignore[misc, unused-ignore]
    """An array of one or two axes that lies in one piece; its cells may be double-doubles."""

    def __init__(self, dtype: Any, ndim: int, double_double: bool = False) -> None:
        self.dtype, self.ndim, self.double_double = dtype, ndim, double_double
        super().__init__(name=f"Bare({dtype}, {ndim}, {double_double})")


class BundleType(types.Type):  # type: ignore[misc, unused-ignore]
    """Bare arrays, and bundles of them, by name; their addresses and lengths lie in one place.

    ``members`` are (name, type, number of arrays before it).
    """

    def __init__(self, name: str, members: tuple[tuple[str, Any, int], ...], size: int) -> None:
        self.members, self.size = members, size
        self.by_name = {name: (kind, place) for name, kind, place in members}
        super().__init__(name=name)


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


@register_default(BareType)
class BareModel(StructModel):  # type: ignore[misc, unused-ignore]
    """``data``, and ``length``: entries of a vector, or of each row of a matrix."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        members = [("data", types.CPointer(fe_type.dtype)), ("length", types.int64)]
        super().__init__(manager, fe_type, members)


@register_default(BundleType)
class BundleModel(PrimitiveModel):  # type: ignore[misc, unused-ignore]
    """The address of the first address."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, ir.IntType(64).as_pointer())


def fields(context: Any, builder: Any, bare_type: Any, value: Any) -> Any:
    """A bare array's data and length by name."""
    return context.make_helper(builder, bare_type, value=value)


def teach(function: Any, resolve: Any) -> Any:
    """Registers what is decorated as the instructions for a function of ``lanes``.

    ``resolve`` takes the types of the same arguments and returns a signature.
    """

    def register(generate: Any) -> Any:
        type_callable(function)(lambda context: resolve)
        lower_builtin(function, types.VarArg(types.Any))(generate)
        return generate

    return register


@teach(lanes.bare, lambda array: BareType(array.dtype, array.ndim)(array))
def strip(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The address of an array, and one length."""
    whole = context.make_array(signature.args[0])(context, builder, args[0])
    result = context.make_helper(builder, signature.return_type)
    result.data = whole.data
    result.length = builder.extract_value(whole.shape, signature.args[0].ndim - 1)
    return result._getvalue()


_BUNDLES: dict[type, BundleType] = {}  # by the class of the field ``at``
_DOUBLE_DOUBLES: dict[str, BundleType] = {}  # with double-double cells, by name of the same without


_KINDS = {
    "Ints": (types.int64, 1),
    "IntRows": (types.int64, 2),
    "Floats": (types.float64, 1),
    "FloatRows": (types.float64, 2),
}


def learn(structure: type) -> None:
    """Registers a structure of arrays; its last field, ``at``, stands for it in kernels."""
    names = vars(sys.modules[structure.__module__])
    at = names[lanes.kinds_of(structure)["at"]]
    _BUNDLES[at], double_double = bundle_type(structure, False), bundle_type(structure, True)
    _DOUBLE_DOUBLES[_BUNDLES[at].name] = double_double


def bundle_type(structure: type, double_double: bool) -> BundleType:
    """The type of a structure of arrays; ``double_double``: with double-double cells."""
    names = vars(sys.modules[structure.__module__])
    members, size = [], 0
    for name, annotation in lanes.kinds_of(structure).items():
        if name == "at":
            continue
        if annotation in _KINDS:
            kind: Any = BareType(
                *_KINDS[annotation], double_double and name in ("cells", "adjoint")
            )
        else:
            kind = bundle_type(names[annotation], False)
        members.append((name, kind, size))
        size += kind.size if isinstance(kind, BundleType) else 1
    return BundleType(f"{structure.__name__}({double_double})", tuple(members), size)


@teach(lanes.bundle, lambda at: _BUNDLES[at.instance_class](at))
def tie(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Where the places begin."""
    kind = signature.args[0]
    places = builder.extract_value(args[0], 0)
    return context.make_array(kind.types[0])(context, builder, places).data


@infer_getattr
class BundleAttribute(AttributeTemplate):  # type: ignore[misc, unused-ignore]
    """``bundle.name``."""

    key = BundleType

    def generic_resolve(self, bundle: Any, name: str) -> Any:
        """The type of an array, or of a bundle in it."""
        return bundle.by_name[name][0] if name in bundle.by_name else None


@lower_getattr_generic(BundleType)
def take(context: Any, builder: Any, bundle: Any, value: Any, name: str) -> Any:
    """The address and length of an array, which never change; or where an inner bundle begins."""
    kind, at = bundle.by_name[name]
    first = builder.gep(value, [ir.Constant(ir.IntType(64), 2 * at)])
    if isinstance(kind, BundleType):
        return first
    array = context.make_helper(builder, kind)
    for offset, field in enumerate(("data", "length")):
        pointer = getattr(array, field).type.as_pointer()
        place = builder.gep(first, [ir.Constant(ir.IntType(64), offset)])
        word = builder.load(builder.bitcast(place, pointer))
        word.set_metadata("invariant.load", builder.module.add_metadata([]))
        setattr(array, field, word)
    return array._getvalue()


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


def tag(builder: Any, access: Any, kind: Any) -> Any:
    """Declares that a load or store of an integer never meets a number, and vice versa."""
    module = builder.module
    root = module.add_metadata([ir.MetaDataString(module, "kernels")])
    nothing = ir.Constant(ir.IntType(64), 0)
    name = ir.MetaDataString(module, "integer" if isinstance(kind, types.Integer) else "number")
    node = module.add_metadata([name, root, nothing])
    access.set_metadata("tbaa", module.add_metadata([node, node, nothing]))
    return access


@lower_builtin(operator.getitem, BareType, types.Any)
def lower_getitem(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Loads an entry, or narrows a matrix to a row."""
    place = address(context, builder, signature.args[0], args[0], args[1])
    if not isinstance(signature.return_type, BareType):
        return tag(builder, builder.load(place), signature.args[0].dtype)
    row = context.make_helper(builder, signature.return_type)
    row.data = place
    row.length = fields(context, builder, signature.args[0], args[0]).length
    return row._getvalue()


@lower_builtin(operator.setitem, BareType, types.Any, types.Any)
def lower_setitem(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Stores an entry."""
    place = address(context, builder, signature.args[0], args[0], args[1])
    tag(builder, builder.store(args[2], place), signature.args[0].dtype)
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


@teach(lanes.double_doubles, lambda array: BareType(array.dtype, array.ndim, True)(array))
def widen_array(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The same address and length."""
    return args[0]


def widened(scratch: Any) -> Any:
    """The type of a bundle whose cells are double-doubles."""
    return _DOUBLE_DOUBLES[scratch.name]


@teach(lanes.in_double_doubles, lambda scratch: widened(scratch)(scratch))
def widen_cells(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The same address."""
    return args[0]


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
