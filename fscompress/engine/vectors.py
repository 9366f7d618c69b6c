"""The loops of an LSTM as vectors of sixteen int32: scaled products, their moments, table indices, the new cell.

LLVM makes vectors of plain loops too, but of 64-bit numbers, because numba widens shifts and products: twice the
instructions.  Here even and odd elements go through one 64-bit product each, whose operands are plainly 32-bit numbers:
an x86 processor has an instruction for that (vpmuldq); other processors keep plain loops.
All arrays are contiguous, ``n`` is a multiple of SIZE and counts their elements.  Formulas and bounds: docs/INTEGER.md,
sections 4 and 5.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fscompress.engine import arithmetic as q
from fscompress.engine.tiles import FEATURES
from fscompress.intrinsics import (
    INT16,
    INT32,
    INT64,
    address_of,
    arguments_of,
    clipped,
    load,
    procedure,
    reduced,
    same,
    splat,
    store,
)

SIZE = 16
STEP = SIZE if "avx2" in FEATURES else 0  # elements of a vector, 0 where plain loops do all
ALIGN = 4

_V, _W, _H = ir.VectorType(INT32, SIZE), ir.VectorType(INT64, SIZE // 2), ir.VectorType(INT16, SIZE)
_UPPER = _V([i + SIZE if i % 2 else i + 1 for i in range(SIZE)])  # odd numbers of two vectors in turn
_IN_TURN = _V([i + SIZE if i % 2 else i for i in range(SIZE)])  # even ones of one, odd ones of the other


def _halves(builder: Any, vector: Any) -> tuple[Any, Any]:
    """Even and odd elements of int32 [16], sign-extended: int64 [8] each."""
    wide, half = builder.bitcast(vector, _W), same(_W, 32)
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


def _place(builder: Any, first: Any, index: Any, size: int = 4) -> Any:
    """Address of the vector of that number, whose elements have ``size`` bytes."""
    return builder.add(first, builder.mul(index, INT64(size * SIZE)))


def _load(builder: Any, first: Any, index: Any) -> Any:
    return load(builder, _place(builder, first, index), _V, ALIGN)


def _load_short(builder: Any, first: Any, index: Any) -> Any:
    """The vector of that number of an int16 array, sign-extended."""
    return builder.sext(load(builder, _place(builder, first, index, 2), _H, 2), _V)


def _splat32(builder: Any, number: Any) -> Any:
    return splat(builder, builder.trunc(number, INT32), _V)


class _Moments:
    """Sum and sum of squares of at most 4096 int32 of less than 2^24.

    The sums of vectors in turn go to two places: so no element is the sum of more than 128 numbers, and fits.
    """

    kind = types.UniTuple(types.int64, 2)

    def __init__(self, context: Any, builder: Any) -> None:
        self._context, self._builder = context, builder
        self._sums = [cgutils.alloca_once_value(builder, same(_V, 0)) for _ in range(2)]
        self._squares = cgutils.alloca_once_value(builder, same(_W, 0))

    def over(self, n: Any, make: Callable[[Any], Any]) -> Any:
        """Both, int64, of the vectors int32 [16] that ``make`` gives for each number of a vector among n elements."""
        builder = self._builder
        vectors = builder.udiv(n, INT64(SIZE))
        with cgutils.for_range(builder, builder.lshr(vectors, INT64(1))) as loop:
            first = builder.shl(loop.index, INT64(1))
            self._add(make(first), 0)
            self._add(make(builder.add(first, INT64(1))), 1)
        with builder.if_then(builder.trunc(vectors, ir.IntType(1))):
            self._add(make(builder.sub(vectors, INT64(1))), 0)
        sums = (builder.sext(builder.load(part), ir.VectorType(INT64, SIZE)) for part in self._sums)
        totals = reduced(builder, builder.add(*sums)), reduced(builder, builder.load(self._squares))
        return self._context.make_tuple(builder, self.kind, totals)

    def _add(self, numbers: Any, place: int) -> None:
        builder = self._builder
        builder.store(builder.add(builder.load(self._sums[place]), numbers), self._sums[place])
        for half in _halves(builder, numbers):
            builder.store(builder.add(builder.load(self._squares), builder.mul(half, half)), self._squares)


def _scaled(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    accumulator, offset, multiplier, x, _, *rows = _firsts(context, builder, signature, arguments)

    def make(index: Any) -> Any:
        sums = builder.sub(_load(builder, accumulator, index), _load(builder, offset, index))
        (even, odd), (even_by, odd_by) = (
            _halves(builder, vector) for vector in (sums, _load(builder, multiplier, index))
        )
        scaled = _upper(builder, builder.mul(even, even_by), builder.mul(odd, odd_by))
        for row in rows:
            scaled = builder.add(scaled, _load(builder, row, index))
        store(builder, scaled, _place(builder, x, index), ALIGN)
        return scaled

    return _Moments(context, builder).over(arguments[4], make)


@intrinsic
def scale(_typing, accumulator, offset, multiplier, x, n):  # type: ignore[no-untyped-def]
    """x = (accumulator - offset) * multiplier >> 32, all int32, |x| < 2^24; sum of x and of its squares, int64."""
    return _Moments.kind(*arguments_of(accumulator, offset, multiplier, x, n)), _scaled


@intrinsic
def scale_and_add(_typing, accumulator, offset, multiplier, x, n, row):  # type: ignore[no-untyped-def]
    """As ``scale``, with ``row`` (int32) added to x before the sums."""
    return _Moments.kind(*arguments_of(accumulator, offset, multiplier, x, n, row)), _scaled


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
                n = builder.ashr(builder.mul(half, by), same(_W, 32))
                products.append(builder.add(builder.mul(n, gain_here), same(_W, 1 << 31)))
            y = builder.add(_upper(builder, *products), _load(builder, bias, loop.index))
            y = builder.add(y, same(_V, q.TABLE_HALF))
            y = clipped(builder, y, 0, q.TABLE_SIZE - 1)
            store(builder, builder.trunc(y, _H), _place(builder, index, loop.index, 2), 2)
        return context.get_dummy_value()

    return procedure(x, mean, left, right, reciprocal, gain, bias, index, n), code


@intrinsic
def new_cell(_typing, opened, write, shown, c, new, n):  # type: ignore[no-untyped-def]
    """new = opened * c + write * shown, saturated; opened, write and shown are Q15 int16, c and new Q16 int32.

    The sum is below 2^40, and below 2^25 when shifted, so that only its product needs 64 bits.  Gives the sum of new
    and that of its squares, int64.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *gates, c, new, _ = _firsts(context, builder, signature, arguments)
        half = same(_W, 1 << (q.PROBABILITY_Q - 1))

        def make(index: Any) -> Any:
            found = [_load_short(builder, first, index) for first in gates]
            parts = [_halves(builder, each) for each in (*found, _load(builder, c, index))]
            sums = []
            for opened, write, shown, old in zip(*parts, strict=True):
                written = builder.shl(builder.mul(write, shown), same(_W, 1))
                sums.append(builder.add(builder.add(builder.mul(opened, old), written), half))
            even = builder.lshr(sums[0], same(_W, q.PROBABILITY_Q))
            odd = builder.shl(sums[1], same(_W, 32 - q.PROBABILITY_Q))
            wide = builder.shuffle_vector(builder.bitcast(even, _V), builder.bitcast(odd, _V), _IN_TURN)
            wide = clipped(builder, wide, -q.X_MAX, q.X_MAX)
            store(builder, wide, _place(builder, new, index), ALIGN)
            return wide

        return _Moments(context, builder).over(arguments[5], make)

    return _Moments.kind(*arguments_of(opened, write, shown, c, new, n)), code


@intrinsic
def look_up_vectors(_typing, table, index, out, n):  # type: ignore[no-untyped-def]
    """out = table[index]: int16 by uint16, to int32, or to 16 bits, which may be the place of ``index``.

    Four indices are loaded at once and sixteen entries stored: half the time of one by one where a processor stores one
    number a cycle.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, index, out, _ = _firsts(context, builder, signature, arguments)
        wide, bits = signature.args[2].dtype.bitwidth == 32, INT64(0xFFFF)
        with _passes(builder, arguments[3]) as loop:
            place, found = _place(builder, index, loop.index, 2), _H(ir.Undefined)
            for i in range(SIZE):
                if i % 4 == 0:
                    four = load(builder, builder.add(place, INT64(2 * i)), INT64, 2)
                one = builder.and_(builder.lshr(four, INT64(16 * (i % 4))), bits)
                entry = load(builder, builder.add(table, builder.shl(one, INT64(1))), INT16, 2)
                found = builder.insert_element(found, entry, INT32(i))
            found = builder.sext(found, _V) if wide else found
            store(builder, found, _place(builder, out, loop.index, 4 if wide else 2), 2)
        return context.get_dummy_value()

    return procedure(table, index, out, n), code
