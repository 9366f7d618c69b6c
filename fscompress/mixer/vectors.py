"""A row of weights against a lane's inputs, in whole vectors: the sum that predicts and the step that learns.

LLVM makes vectors of a plain loop too, but shorter ones, takes what is left of a row by four, and asks each time if
the arrays overlap: the mixer took a quarter more time.  Rows here are multiples of a vector, which LLVM splits where a
processor's are shorter; integers modulo 2^32 make the result the same everywhere.

Bounds: |input| <= 2847 < 2^12, |weight| < 2^23 (20 fraction bits), at most 113 inputs (31 contexts, 8 networks; 105
with the format's 4).  A product of the sum is (weight >> 5) * input < 2^18 * 2847 < 2^30, shifted by 8 below 2^22,
summed below 2^29.  A weight's step is input * error with |error| < 2^19, so below 2^31 - 2^13, and the 2^13 added for
rounding cannot overflow.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fscompress.intrinsics import (
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
from fscompress.mixer.layout import FINAL_WIDTH, VECTOR

WEIGHT_LIMIT = (1 << 23) - 1
WEIGHT_SHIFT, SUM_SHIFT = 5, 8  # (weight >> 5) * input >> 8
STEP_SHIFT = 14  # (input * error + 2^13) >> 14
ALIGN = 4


def _addresses(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Of the first weight and the first input."""
    (weights, weights_at, inputs, inputs_at), (weights_kind, _, inputs_kind, _) = arguments[:4], signature.args[:4]
    return (
        address_of(context, builder, weights_kind, weights, weights_at),
        address_of(context, builder, inputs_kind, inputs, inputs_at),
    )


def weighted_sum_of(size: int) -> Any:
    """A numba intrinsic (weights, weights_at, inputs, inputs_at, n) -> int32, the sum of ``n`` products.

    Both arrays are int32 and contiguous; n is a multiple of ``size``.
    """
    vector = ir.VectorType(INT32, size)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weight_at, input_at = _addresses(context, builder, signature, arguments)
        total = cgutils.alloca_once_value(builder, same(vector, 0))
        with cgutils.for_range(builder, builder.udiv(arguments[4], INT64(size))) as loop:
            offset = builder.mul(loop.index, INT64(4 * size))
            weight = load(builder, builder.add(weight_at, offset), vector, ALIGN)
            value = load(builder, builder.add(input_at, offset), vector, ALIGN)
            product = builder.mul(builder.ashr(weight, same(vector, WEIGHT_SHIFT)), value)
            product = builder.ashr(product, same(vector, SUM_SHIFT))
            builder.store(builder.add(builder.load(total), product), total)
        return reduced(builder, builder.load(total))

    @intrinsic
    def weighted_sum(_typing, weights, weights_at, inputs, inputs_at, n):  # type: ignore[no-untyped-def]
        return types.int32(*arguments_of(weights, weights_at, inputs, inputs_at, n)), code

    return weighted_sum


def descend_of(size: int) -> Any:
    """A numba intrinsic (weights, weights_at, inputs, inputs_at, n, error): one saturating gradient step."""
    vector = ir.VectorType(INT32, size)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weight_at, input_at = _addresses(context, builder, signature, arguments)
        n, error = arguments[4:]
        errors = splat(builder, builder.trunc(error, INT32), vector)
        with cgutils.for_range(builder, builder.udiv(n, INT64(size))) as loop:
            offset = builder.mul(loop.index, INT64(4 * size))
            place = builder.add(weight_at, offset)
            product = builder.mul(load(builder, builder.add(input_at, offset), vector, ALIGN), errors)
            rounded = builder.add(product, same(vector, 1 << (STEP_SHIFT - 1)))
            step = builder.ashr(rounded, same(vector, STEP_SHIFT))
            weight = builder.add(load(builder, place, vector, ALIGN), step)
            store(builder, clipped(builder, weight, -WEIGHT_LIMIT, WEIGHT_LIMIT), place, ALIGN)
        return context.get_dummy_value()

    @intrinsic
    def descend(_typing, weights, weights_at, inputs, inputs_at, n, error):  # type: ignore[no-untyped-def]
        return procedure(weights, weights_at, inputs, inputs_at, n, error), code

    return descend


sum_of_inputs, learn_from_inputs = weighted_sum_of(VECTOR), descend_of(VECTOR)
sum_of_sets, learn_from_sets = weighted_sum_of(FINAL_WIDTH), descend_of(FINAL_WIDTH)
