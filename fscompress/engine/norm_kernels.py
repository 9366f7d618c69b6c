"""Layer normalisation into table indices, and the scaling of products before it; see ``kernels.py``.

Vectors (``vectors.py``) take what is whole of an array, plain loops the rest, which is all of it where there are none.
"""

import math

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.vectors import STEP, normalise, scale, scale_and_add
from fscompress.intrinsics import leading_zeros
from fscompress.jit import kernel

NORM_BITS, NORM_ROOT_SHIFT, NORM_RECIPROCAL = q.NORM_BITS, q.NORM_ROOT_SHIFT, q.NORM_RECIPROCAL
HALF_UNIT = np.int64(1 << 31)
TABLE_HALF, TABLE_LAST, ZERO = np.int32(q.TABLE_HALF), np.int32(q.TABLE_SIZE - 1), np.int32(0)


@kernel
def whole_vectors(n):
    """How many of n elements vectors take."""
    return n // STEP * STEP if STEP else 0


@kernel
def integer_root(v):
    """floor(sqrt(v)), int64, 0 <= v < 2**60; the float is only a guess that the integer comparisons correct.

    Rounding v and its root to 53 bits moves the root by less than one.
    """
    root = np.int64(math.sqrt(np.float64(v)))
    root -= np.int64(root * root > v)
    return root + np.int64((root + 1) * (root + 1) <= v)


@kernel
def scale_into(accumulator, offset, multiplier, row, x):
    """x = (accumulator - offset) * multiplier >> 32 for one row, plus ``row`` where it is not empty; |x| < 2^24.

    All int32 [H].  Returns the sum of x and the sum of its squares, int64.
    """
    whole = whole_vectors(x.shape[0])
    if row.shape[0]:
        total, squares = scale_and_add(accumulator, offset, multiplier, x, whole, row)
    else:
        total, squares = scale(accumulator, offset, multiplier, x, whole)
    for j in range(whole, x.shape[0]):
        a = np.int64(np.int32(accumulator[j] - offset[j]))
        x[j] = np.int32((a * np.int64(multiplier[j])) >> 32)
        if row.shape[0]:
            x[j] = np.int32(x[j] + row[j])
        total += np.int64(x[j])
        squares += np.int64(x[j]) * np.int64(x[j])
    return total, squares


@kernel
def centred(total, squares, size):
    """Mean (floored) of so many numbers, and the sum of squared differences from it, of ``total`` and ``squares``.

    Of 4096 numbers below 2^24 the squares are below 2^60, and twice the mean times the sum below 2^61.
    """
    mean = total // size
    return np.int32(mean), squares - np.int64(2) * mean * total + size * mean * mean


@kernel
def reciprocal_of(squares, size, epsilon):
    """How far differences are shifted left, then right, and the reciprocal that they are multiplied by."""
    root = integer_root((squares // size + epsilon) << NORM_ROOT_SHIFT)
    bits = 64 - leading_zeros(root)
    left, right = np.int32(max(NORM_BITS - bits, 0)), np.int32(max(bits - NORM_BITS, 0))
    return left, right, np.int64(np.int32((np.int64(1) << NORM_RECIPROCAL) // (root << left >> right)))


@kernel
def normalise_into(x, mean, divided, gain, bias, index):
    """Table indices uint16 [H], saturated to 0..8191, of x (int32 [H]); ``divided`` is what ``reciprocal_of`` gives."""
    left, right, reciprocal = divided
    whole = whole_vectors(x.shape[0])
    normalise(x, mean, left, right, reciprocal, gain, bias, index, whole)
    for j in range(whole, x.shape[0]):
        d = np.int64(np.int32(np.int32(np.int32(x[j] - mean) << left) >> right))
        n = np.int64(np.int32((d * reciprocal) >> 32))
        y = np.int32(np.int32((n * np.int64(gain[j]) + HALF_UNIT) >> 32) + bias[j])
        index[j] = np.uint16(min(max(np.int32(y + TABLE_HALF), ZERO), TABLE_LAST))


@kernel
def norm_gates_into(x, moments0, moments1, moments2, moments3, epsilon, gain, bias, index):
    """Layer normalisation of each quarter of x (int32 [4H]) into table indices uint16 [4H].

    ``moments0`` to ``moments3``: sum and sum of squares of each.  Side by side, since a root and a division are long
    waits.
    """
    a = x.shape[0] // 4
    b, c, d = 2 * a, 3 * a, 4 * a
    mean0, sum0 = centred(moments0[0], moments0[1], a)
    mean1, sum1 = centred(moments1[0], moments1[1], a)
    mean2, sum2 = centred(moments2[0], moments2[1], a)
    mean3, sum3 = centred(moments3[0], moments3[1], a)
    divided0, divided1 = reciprocal_of(sum0, a, epsilon[0]), reciprocal_of(sum1, a, epsilon[1])
    divided2, divided3 = reciprocal_of(sum2, a, epsilon[2]), reciprocal_of(sum3, a, epsilon[3])
    normalise_into(x[:a], mean0, divided0, gain[:a], bias[:a], index[:a])
    normalise_into(x[a:b], mean1, divided1, gain[a:b], bias[a:b], index[a:b])
    normalise_into(x[b:c], mean2, divided2, gain[b:c], bias[b:c], index[b:c])
    normalise_into(x[c:d], mean3, divided3, gain[c:d], bias[c:d], index[c:d])


@kernel
def gates_into(accumulator, offset, multiplier, row, epsilon, gain, bias, x, index):
    """Table indices uint16 [4H] of an LSTM's gates from one lane's products.

    ``accumulator``, ``offset``, ``multiplier``, ``row`` (or none) and the scratch x are int32 [4H].
    """
    a = x.shape[0] // 4
    b, c, d = 2 * a, 3 * a, 4 * a
    moments0 = scale_into(accumulator[:a], offset[:a], multiplier[:a], row[:a], x[:a])
    moments1 = scale_into(accumulator[a:b], offset[a:b], multiplier[a:b], row[a:b], x[a:b])
    moments2 = scale_into(accumulator[b:c], offset[b:c], multiplier[b:c], row[b:c], x[b:c])
    moments3 = scale_into(accumulator[c:d], offset[c:d], multiplier[c:d], row[c:d], x[c:d])
    norm_gates_into(x, moments0, moments1, moments2, moments3, epsilon, gain, bias, index)
