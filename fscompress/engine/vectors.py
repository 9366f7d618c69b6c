"""The loops of an LSTM as vectors of sixteen int32: scaled products, their moments, table indices, the new cell.

LLVM makes vectors of plain loops too, but of 64-bit numbers, because numba widens shifts and products: twice the
instructions.  Here even and odd elements go through one 64-bit product each, whose operands are plainly 32-bit numbers:
an x86 processor has an instruction for that (vpmuldq); other processors keep plain loops.
All arrays are contiguous, ``n`` is a multiple of SIZE and counts their elements.  Formulas and bounds: docs/INTEGER.md,
sections 4 and 5.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fscompress.engine import arithmetic as q
from fscompress.engine.tiles import FEATURES
from fscompress.intrinsics import INT16, INT32, INT64, address_of, arguments_of, call, load, procedure, splat, store

SIZE = 16
STEP = SIZE if "avx2" in FEATURES else 0  # elements of a vector, 0 where plain loops do all
ALIGN = 4

_V, _W, _H = ir.VectorType(INT32, SIZE), ir.VectorType(INT64, SIZE // 2), ir.VectorType(INT16, SIZE)
_UPPER = _V([i + SIZE if i % 2 else i + 1 for i in range(SIZE)])  # odd numbers of two vectors in turn
_IN_TURN = _V([i + SIZE if i % 2 else i for i in range(SIZE)])  # even ones of one, odd ones of the other


def _same(kind: Any, value: int) -> Any:
    return kind([value] * kind.count)


def _halves(builder: Any, vector: Any) -> tuple[Any, Any]:
    """Even and odd elements of int32 [16], sign-extended: int64 [8] each."""
    wide, half = builder.bitcast(vector, _W), _same(_W, 32)
    return builder.ashr(builder.shl(wide, half), half), builder.ashr(wide, half)


def _upper(builder: Any, even: Any, odd: Any) -> Any:
    """The upper halves of both in turn, int32 [16]."""
    return builder.shuffle_vector(builder.bitcast(even, _V), builder.bitcast(odd, _V), _UPPER)


def _firsts(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Addresses of the first elements of the arrays among the arguments, None for numbers."""
    pairs = zip(signature.args, arguments, strict=True)
    return [
        address_of(context, builder, kind, value, INT64(0)) if isinstance(kind, types.Array) else None
        for kind, value in pairs
    ]


def _passes(builder: Any, n: Any) -> Any:
    return cgutils.for_range(builder, builder.udiv(n, INT64(SIZE)))


def _load(builder: Any, first: Any, index: Any) -> Any:
    return load(builder, builder.add(first, builder.mul(index, INT64(4 * SIZE))), _V, ALIGN)


def _splat32(builder: Any, number: Any) -> Any:
    return splat(builder, builder.trunc(number, INT32), _V)


class _Sum:
    """A sum of int32, kept as those of lower halves (unsigned) and upper ones: each fits int32 for 2^14 numbers."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._parts = [cgutils.alloca_once_value(builder, _same(_V, 0)) for _ in range(2)]

    def add(self, numbers: Any) -> None:
        """Adds int32 [16]."""
        builder = self._builder
        halves = builder.and_(numbers, _same(_V, 0xFFFF)), builder.ashr(numbers, _same(_V, 16))
        for part, half in zip(self._parts, halves, strict=True):
            builder.store(builder.add(builder.load(part), half), part)

    def total(self) -> Any:
        """int64."""
        builder = self._builder
        reduced = (call(builder, f"vector.reduce.add.v{SIZE}i32", INT32, builder.load(part)) for part in self._parts)
        low, high = (builder.sext(part, INT64) for part in reduced)
        return builder.add(low, builder.shl(high, INT64(16)))


def _scale(with_row: bool) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        accumulator, offset, multiplier, row, x, _ = _firsts(context, builder, signature, arguments)
        total = _Sum(builder)
        with _passes(builder, arguments[5]) as loop:
            sums = builder.sub(_load(builder, accumulator, loop.index), _load(builder, offset, loop.index))
            (even, odd), (even_by, odd_by) = (
                _halves(builder, vector) for vector in (sums, _load(builder, multiplier, loop.index))
            )
            scaled = _upper(builder, builder.mul(even, even_by), builder.mul(odd, odd_by))
            if with_row:
                scaled = builder.add(scaled, _load(builder, row, loop.index))
            store(builder, scaled, builder.add(x, builder.mul(loop.index, INT64(4 * SIZE))), ALIGN)
            total.add(scaled)
        return total.total()

    @intrinsic
    def scale(_typing, accumulator, offset, multiplier, row, x, n):  # type: ignore[no-untyped-def]
        return types.int64(*arguments_of(accumulator, offset, multiplier, row, x, n)), code

    return scale


scale, scale_and_add = _scale(with_row=False), _scale(with_row=True)


@intrinsic
def total_of(_typing, x, n):  # type: ignore[no-untyped-def]
    """Sum of x (int32), int64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, _ = _firsts(context, builder, signature, arguments)
        total = _Sum(builder)
        with _passes(builder, arguments[1]) as loop:
            total.add(_load(builder, first, loop.index))
        return total.total()

    return types.int64(*arguments_of(x, n)), code


@intrinsic
def squares_about(_typing, x, mean, n):  # type: ignore[no-untyped-def]
    """Sum of (x - mean)^2, int64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, _, _ = _firsts(context, builder, signature, arguments)
        mean, sums = _splat32(builder, arguments[1]), cgutils.alloca_once_value(builder, _same(_W, 0))
        with _passes(builder, arguments[2]) as loop:
            for half in _halves(builder, builder.sub(_load(builder, first, loop.index), mean)):
                builder.store(builder.add(builder.load(sums), builder.mul(half, half)), sums)
        return call(builder, f"vector.reduce.add.v{SIZE // 2}i64", INT64, builder.load(sums))

    return types.int64(*arguments_of(x, mean, n)), code


@intrinsic
def normalise(_typing, x, mean, left, right, reciprocal, gain, bias, index, n):  # type: ignore[no-untyped-def]
    """Table indices uint16, saturated to 0..8191: ((x - mean) << left >> right) * reciprocal, gain and bias."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, _, _, _, _, gain, bias, index, _ = _firsts(context, builder, signature, arguments)
        mean, left, right, reciprocal = (_splat32(builder, number) for number in arguments[1:5])
        by, _ = _halves(builder, reciprocal)  # the odd half is the same, but LLVM does not see that it has 32 bits
        with _passes(builder, arguments[8]) as loop:
            d = builder.sub(_load(builder, x, loop.index), mean)
            d = builder.ashr(builder.shl(d, left), right)
            gains, products = _halves(builder, _load(builder, gain, loop.index)), []
            for half, gain_here in zip(_halves(builder, d), gains, strict=True):
                n = builder.ashr(builder.mul(half, by), _same(_W, 32))
                products.append(builder.add(builder.mul(n, gain_here), _same(_W, 1 << 31)))
            y = builder.add(_upper(builder, *products), _load(builder, bias, loop.index))
            y = builder.add(y, _same(_V, q.TABLE_HALF))
            y = call(builder, f"smax.v{SIZE}i32", _V, y, _same(_V, 0))
            y = call(builder, f"smin.v{SIZE}i32", _V, y, _same(_V, q.TABLE_SIZE - 1))
            place = builder.add(index, builder.mul(loop.index, INT64(2 * SIZE)))
            store(builder, builder.trunc(y, _H), place, 2)
        return context.get_dummy_value()

    return procedure(x, mean, left, right, reciprocal, gain, bias, index, n), code


@intrinsic
def new_cell(_typing, opened, write, shown, c, new, n):  # type: ignore[no-untyped-def]
    """new = opened * c + write * shown, saturated; opened, write and shown are Q15, c and new Q16, all int32.

    The sum is below 2^40, and below 2^25 when shifted, so that only its product needs 64 bits.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *read, new, _ = _firsts(context, builder, signature, arguments)
        half, limit = _same(_W, 1 << (q.PROBABILITY_Q - 1)), q.X_MAX
        with _passes(builder, arguments[5]) as loop:
            parts = [_halves(builder, _load(builder, first, loop.index)) for first in read]
            sums = []
            for opened, write, shown, c in zip(*parts, strict=True):
                written = builder.shl(builder.mul(write, shown), _same(_W, 1))
                sums.append(builder.add(builder.add(builder.mul(opened, c), written), half))
            even = builder.lshr(sums[0], _same(_W, q.PROBABILITY_Q))
            odd = builder.shl(sums[1], _same(_W, 32 - q.PROBABILITY_Q))
            wide = builder.shuffle_vector(builder.bitcast(even, _V), builder.bitcast(odd, _V), _IN_TURN)
            wide = call(builder, f"smax.v{SIZE}i32", _V, wide, _same(_V, -limit))
            wide = call(builder, f"smin.v{SIZE}i32", _V, wide, _same(_V, limit))
            store(builder, wide, builder.add(new, builder.mul(loop.index, INT64(4 * SIZE))), ALIGN)
        return context.get_dummy_value()

    return procedure(opened, write, shown, c, new, n), code
