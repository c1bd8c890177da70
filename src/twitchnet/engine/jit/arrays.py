"""Bare arrays and bundles for the compiler.

A *bare array* is the address of an array's data and one length (of a matrix: of its rows),
instead of the nine numbers that numba keeps for any array.  Indices are never negative and
never checked.  A *bundle* is one address, at which those of several arrays, and of bundles in
it, lie: calls pass on this address alone.

Only ``machine.py`` and ``kernels/compiler.py`` import this, when kernels are first used.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import PrimitiveModel, StructModel, register_default
from numba.core.extending import lower_builtin, type_callable
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr

from twitchnet.engine.jit import lanes


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
