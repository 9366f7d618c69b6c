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
def divide_into(numbers, size, epsilon):
    """``numbers`` int64 [4] of ``size`` values: their sum and sum of squares become what ``normalise_by`` takes."""
    mean, squares = centred(numbers[0], numbers[1], size)
    left, right, reciprocal = reciprocal_of(squares, size, epsilon)
    numbers[0], numbers[1], numbers[2], numbers[3] = mean, left, right, reciprocal


@kernel
def normalise_by(x, numbers, gain, bias, index):
    """``normalise_into`` by what ``divide_into`` has left in ``numbers``."""
    divided = np.int32(numbers[1]), np.int32(numbers[2]), numbers[3]
    normalise_into(x, np.int32(numbers[0]), divided, gain, bias, index)


@kernel
def gates_into(accumulator, offset, multiplier, row, epsilon, gain, bias, x, index, numbers):
    """Table indices uint16 [GH] of G gates of an LSTM from one lane's products, each gate normalised by itself.

    ``accumulator``, ``offset``, ``multiplier``, ``row`` (or none), ``gain`` and ``bias`` are int32 [GH], ``epsilon``
    int64 [G]; x (int32 [GH]) and ``numbers`` (int64 [G, 4]) are scratch.  Roots and divisions of all gates come
    together, since each is a long wait.
    """
    n = epsilon.shape[0]
    size = x.shape[0] // n
    for gate in range(n):
        a, b = gate * size, (gate + 1) * size
        total, squares = scale_into(accumulator[a:b], offset[a:b], multiplier[a:b], row[a:b], x[a:b])
        numbers[gate, 0], numbers[gate, 1] = total, squares
    for gate in range(n):
        divide_into(numbers[gate], size, epsilon[gate])
    for gate in range(n):
        a, b = gate * size, (gate + 1) * size
        normalise_by(x[a:b], numbers[gate], gain[a:b], bias[a:b], index[a:b])
