"""Integer tables of the mixer, made by integer arithmetic alone (no libm), so they are the same on every machine.

A probability ``p`` is 16 bits (1..65535).  ``stretch(p) = ln(p / (65536 - p))`` has 8 fraction bits and lies in
-STRETCH_LIMIT..STRETCH_LIMIT; ``squash`` is its inverse.  Kernels see the arrays as compile-time constants.
"""

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

STRETCH_LIMIT = 2847  # 256 * ln(65535) = 2839.1: from there on squash is 65535
SSE_STEP = 178  # 32 steps of 178 cover -2848..2848
SSE_NODES = 33
MAX_LENGTH = 400  # of a counted match
_ONE = 1 << 60
_E_STEP = 1157433911791679357  # e_step(), which a test recomputes


def e_step() -> int:
    """floor(2^60 * e^(1/256)) by the exponential series with 40 guard bits."""
    term = total = 1 << 100
    for k in range(1, 40):
        term //= 256 * k
        total += term
    return total >> 40


def _squash_table() -> Int32s:
    """int32 [2 * STRETCH_LIMIT + 1]: probability of a one for stretch -STRETCH_LIMIT..STRETCH_LIMIT, in 1..65535."""
    values, value = [], _ONE  # e^(k / 256) * 2^60, each product floored
    for _ in range(STRETCH_LIMIT + 1):
        values.append(min(65535, 65536 * value // (value + _ONE)))
        value = value * _E_STEP >> 60
    half = np.array(values, dtype=np.int32)
    return np.concatenate((65536 - half[:0:-1], half)).astype(np.int32)


def _stretch_table(squash: Int32s) -> NDArray[np.int16]:
    """int16 [65536]: the x >= 0 whose squash is nearest to p >= 32768 (the smaller of two); odd about 32768."""
    p = np.arange(32768, 65536)
    upper = squash[STRETCH_LIMIT:]
    right = np.searchsorted(upper, p).clip(0, STRETCH_LIMIT)
    left = (right - 1).clip(0)
    x = np.where(p - upper[left] <= upper[right] - p, left, right)
    table = np.zeros(65536, dtype=np.int16)
    table[32768:] = x
    table[1:32768] = -x[:0:-1]
    table[0] = table[1]
    return table


def _length_buckets() -> Int32s:
    """int32 [MAX_LENGTH + 1]: bucket 0..23 of a match length; 24..31 are kept for a match that has missed."""
    edges = np.array([20, 24, 32, 48, 64, 128, 256])
    lengths = np.arange(MAX_LENGTH + 1)
    return np.where(lengths < 16, lengths, 16 + np.searchsorted(edges, lengths, side="right")).astype(np.int32)


def _byte_classes() -> Int64s:
    """int64 [256]: 0 control, 1 space, 2 digit, 3 lower, 4 upper, 5 not ASCII, 6 sentence mark or quote, 7 the rest."""
    classes = np.full(256, 7)
    classes[:32], classes[32], classes[128:] = 0, 1, 5
    for name, value in (("0123456789", 2), (".,;:!?'\"", 6)):
        classes[list(name.encode())] = value
    classes[97:123], classes[65:91] = 3, 4
    return classes.astype(np.int64)


def history_probability(history: int) -> int:
    """First guess, 16 bits, for a register of up to 7 bits under a leading one: counted with rate 2 / (2n + 3)."""
    p = 32768
    for n, k in enumerate(range(history.bit_length() - 2, -1, -1)):
        p += ((65535 if history >> k & 1 else 0) - p) * 2 // (2 * n + 3)
    return p


SQUASH = _squash_table()
STRETCH = _stretch_table(SQUASH)
RATE = (131072 // (2 * np.arange(1024) + 3)).astype(np.int32)  # 65536 / (n + 1.5), at most 43690
CONFIDENCE = (256 * (2 * np.arange(64) + 1) // (2 * np.arange(64) + 2)).astype(np.int32)  # of a slot seen n times
LENGTH_BUCKET = _length_buckets()
BYTE_CLASS = _byte_classes()
COUNT_CLASS = (np.searchsorted(np.array([10, 20, 40]), np.arange(64), side="right") << 8).astype(np.int64)
BIT_CLASS = np.array([0, 1, 1, 2, 2, 3, 3, 3], dtype=np.int64)
