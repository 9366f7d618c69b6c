"""The range decoder inside kernels: it reads the very words that ``BinaryEncoder`` (constriction) writes.

A kernel that predicts a bit can so decode it at once; a call to constriction for every few lanes costs more than the
mixing of a whole byte.  ``tests/coder/`` holds it against constriction's own decoder and against plain integers.
"""

import numpy as np

from fscompress.jit import kernel

POINT, RANGE, READ, BROKEN = range(4)  # the decoder's state: offset within the interval, its length, words read
u64 = np.uint64
FULL, HALF_BITS, PRECISION, P1_PARTS = u64(0xFFFFFFFFFFFFFFFF), u64(32), u64(24), u64(8)
SHORT = u64(1 << 32)


@kernel
def decode_bit(state, words, p1):
    """The next bit, whose p1 is 1..65535; ``state`` uint64 [4], ``words`` uint32 [n], zeros behind them.

    docs/INTEGER.md, "Coder": of the interval's range, cut into 2**24 parts, the first (65536 - p1) * 256 are a zero's.
    A point beyond all parts sets BROKEN: no encoder's words lead there.
    """
    scale = state[RANGE] >> PRECISION
    ones = scale * (u64(p1) << P1_PARTS)
    zeros = (scale << PRECISION) - ones
    bit = 0
    if state[POINT] >= zeros:
        bit = 1
        state[POINT] -= zeros
        state[RANGE] = ones
        if state[POINT] >= ones:
            state[BROKEN] = u64(1)
    else:
        state[RANGE] = zeros
    if state[RANGE] < SHORT:
        state[RANGE] <<= HALF_BITS
        state[POINT] <<= HALF_BITS
        at = np.int64(state[READ])
        if at < words.shape[0]:
            state[POINT] |= u64(words[at])
        state[READ] += u64(1)
    return bit
