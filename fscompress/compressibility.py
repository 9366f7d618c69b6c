"""A quick look at a block before the network is run: random, encrypted and compressed bytes are stored as they are.

Integer arithmetic alone, so that every machine decides alike.
"""

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES = 1 << 16
SHORTEST = 1 << 14  # below it, statistics are too noisy and the network is soon done anyway
N_SAMPLES = 16  # of a block that is longer than one
MARGIN = (103, 100)  # of random bytes, about five standard deviations above the mean of each statistic


def is_incompressible(plain: bytes) -> bool:
    """True if samples of the block have no more equal bytes and no more equal pairs of bytes than random ones.

    A block longer than 64 KiB has 16 samples of so many bytes, from its beginning to its end.  The first or the last
    may be otherwise: many compressed files have a header or an index.
    """
    if len(plain) < SHORTEST:
        return False
    last = len(plain) - SAMPLE_BYTES
    if last <= 0:
        return _is_random(plain, 0)
    inner = (last * i // (N_SAMPLES - 1) for i in range(1, N_SAMPLES - 1))
    return all(_is_random(plain, start) for start in inner) and any(_is_random(plain, start) for start in (0, last))


def _is_random(plain: bytes, start: int) -> bool:
    """Of n random bytes, the sum of squared counts of m equally likely values is near n * n / m + n."""
    sample = np.frombuffer(plain, np.uint8)[start : start + SAMPLE_BYTES].astype(np.int64)
    return _is_flat(sample, 1 << 8) and _is_flat(sample[:-1] << 8 | sample[1:], 1 << 16)


def _is_flat(values: NDArray[np.int64], n_values: int) -> bool:
    counts, n = np.bincount(values, minlength=n_values), len(values)
    squares = int((counts * counts).sum())
    return squares * n_values * MARGIN[1] < (n * n + n * n_values) * MARGIN[0]
