"""A quick look at a block before the network is run: random, encrypted and compressed bytes are stored as they are.

Integer arithmetic alone, so that every machine decides alike.
"""

import numpy as np

SAMPLE_BYTES = 1 << 16
SHORTEST = 1 << 14  # below it, statistics are too noisy and the network is soon done anyway
MARGIN = (103, 100)  # of random bytes, about five standard deviations above the mean of each statistic


def is_incompressible(plain: bytes) -> bool:
    """True if the middle 64 KiB have no more equal bytes and no more equal pairs of bytes than random ones.

    Of n random bytes, the sum of squared counts of m equally likely values is near n * n / m + n.
    """
    if len(plain) < SHORTEST:
        return False
    middle = max(0, (len(plain) - SAMPLE_BYTES) // 2)
    sample = np.frombuffer(plain, np.uint8)[middle : middle + SAMPLE_BYTES].astype(np.int64)
    return _is_flat(sample, 1 << 8) and _is_flat(sample[:-1] << 8 | sample[1:], 1 << 16)


def _is_flat(values: np.ndarray[tuple[int], np.dtype[np.int64]], n_values: int) -> bool:
    counts, n = np.bincount(values, minlength=n_values), len(values)
    squares = int((counts * counts).sum())
    return squares * n_values * MARGIN[1] < (n * n + n * n_values) * MARGIN[0]
