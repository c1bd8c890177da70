"""How are numbers kept that leave the range of a double?

A :class:`Ranged` array holds pairs: a number is ``m * 2**e`` with 0.5 <= abs(m) < 1, so its
entries may differ by any factor.  It is an array of a structured dtype, so whatever only
moves entries (transposing, taking, joining) is numpy's own; multiplying, adding, subtracting,
dividing and summing are defined here.  It costs about ten times what plain numbers cost.

So a computation runs on plain numbers first, under :func:`exact_range`, where the
floating-point unit reports every product that was too small or too large to be kept exactly.
Only then is it repeated with ``Ranged`` numbers.  A number that underflows unseen may decide
the answer: a later factor may be 0 for all that is larger.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from twitchnet.engine.program import Floats

Shifts = NDArray[np.int32]
PAIR = np.dtype([("m", np.float64), ("e", np.int32)], align=True)
LOWEST = -(1 << 29)  # the exponent of zero where it counts: below all others


@cache
def _flags_work() -> bool:
    """Whether numpy reports underflow here; WebAssembly has no such flags."""
    small = np.full(8, 1e-200)
    try:
        with np.errstate(under="raise"):
            np.multiply(small, small)
    except FloatingPointError:
        return True
    return False


def exact_range() -> AbstractContextManager[None]:
    """A context in which a product that leaves the range raises ``FloatingPointError``.

    It raises that at once where the processor cannot tell.
    """
    if not _flags_work():
        raise FloatingPointError("this processor does not tell of underflow")
    return cast(
        AbstractContextManager[None], np.errstate(under="raise", over="raise", invalid="raise")
    )


def any_range() -> AbstractContextManager[None]:
    """A context for ``Ranged`` numbers: what is far below the sum it is added to may vanish."""
    return cast(AbstractContextManager[None], np.errstate(under="ignore", over="ignore"))


class Ranged(np.ndarray[Any, np.dtype[Any]]):
    """An array of pairs ``m * 2**e``; see the head of this file."""

    __array_priority__ = 1.0  # so that joined arrays are of this class too

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **how: Any
    ) -> Any:
        operation = _OPERATIONS.get((ufunc, method))
        if operation is None:
            return NotImplemented
        m, e = operation(*inputs, how.get("axis", 0), how.get("keepdims", False))
        if out is not None:
            plain = out[0].view(np.ndarray)
            plain["m"], plain["e"] = m, e
            return out[0]
        return _joined(m, e)


def _joined(m: Floats, e: Shifts) -> Ranged:
    pairs = np.empty(np.shape(m), PAIR)
    pairs["m"], pairs["e"] = m, e
    return pairs.view(Ranged)


def _parts(values: Any) -> tuple[Floats, Shifts]:
    """Mantissas and exponents of ``Ranged`` or plain numbers; those of zeros are any."""
    if isinstance(values, Ranged):
        pairs = values.view(np.ndarray)
        return pairs["m"], pairs["e"]
    m, e = np.frexp(np.asarray(values, dtype=np.float64))
    return m, e


def _ordered(values: Any) -> tuple[Floats, Shifts]:
    """The same with exponents that zeros have below all others."""
    m, e = _parts(values)
    return m, np.where(m == 0.0, LOWEST, e)


def _normal(m: Floats, e: Shifts) -> tuple[Floats, Shifts]:
    m, more = np.frexp(m)
    return m, e + more


def _multiply(a: Any, b: Any, *_: Any) -> tuple[Floats, Shifts]:
    (m, e), (n, f) = _parts(a), _parts(b)
    return _normal(m * n, e + f)


def _divide(a: Any, b: Any, *_: Any) -> tuple[Floats, Shifts]:
    (m, e), (n, f) = _parts(a), _parts(b)
    return _normal(m / n, e - f)


def _add(a: Any, b: Any, *_: Any) -> tuple[Floats, Shifts]:
    (m, e), (n, f) = _ordered(a), _ordered(b)
    top = np.maximum(e, f)
    return _normal(np.ldexp(m, e - top) + np.ldexp(n, f - top), top)


def _subtract(a: Any, b: Any, *_: Any) -> tuple[Floats, Shifts]:
    n, f = _parts(b)
    return _add(a, _joined(-n, f))


def _sum(a: Any, axis: Any, keepdims: bool) -> tuple[Floats, Shifts]:
    m, e = _ordered(a)
    top = e.max(axis=axis, keepdims=True, initial=LOWEST)
    total = np.ldexp(m, e - top).sum(axis=axis, keepdims=keepdims)
    return _normal(total, top.reshape(np.shape(total)))


def _cumulate(a: Any, axis: Any, _: bool) -> tuple[Floats, Shifts]:
    levels = np.moveaxis(a, axis, 0)
    sums = [levels[0]]
    for level in levels[1:]:
        sums.append(sums[-1] + level)
    return _parts(np.stack(sums, axis=axis))


_OPERATIONS: dict[tuple[Any, str], Callable[..., tuple[Floats, Shifts]]] = {
    (np.multiply, "__call__"): _multiply,
    (np.divide, "__call__"): _divide,
    (np.add, "__call__"): _add,
    (np.subtract, "__call__"): _subtract,
    (np.add, "reduce"): _sum,
    (np.add, "accumulate"): _cumulate,
}


def ranged(values: Floats) -> Floats:
    """The same numbers as a :class:`Ranged` array, which stands wherever ``Floats`` do."""
    return values if isinstance(values, Ranged) else cast(Floats, _joined(*_parts(values)))


def plain(values: Floats, exponent: int = 0) -> Floats:
    """``values / 2**exponent`` as plain numbers; what is out of range becomes 0 or infinite."""
    if not isinstance(values, Ranged):
        return values
    m, e = _parts(values)
    with any_range():
        return np.ldexp(m, np.where(m == 0.0, 0, e - exponent))


def top_exponent(values: Floats) -> int:
    """The exponent of the entry of largest size, 0 when all are 0."""
    m, e = _ordered(values)
    return int(e.max(initial=LOWEST)) if m.any() else 0


def zeros(shape: tuple[int, ...], like: Floats) -> Floats:
    """Zeros of the kind of another array."""
    return _alike(np.zeros(shape, like.dtype), like)


def empty(shape: tuple[int, ...], like: Floats) -> Floats:
    """Room for numbers of the kind of another array."""
    return _alike(np.empty(shape, like.dtype), like)


def _alike(made: Floats, like: Floats) -> Floats:
    return made.view(Ranged) if isinstance(like, Ranged) else made
