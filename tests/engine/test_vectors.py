"""What the kernels give to vectors, and the rest that plain loops take, against Python's integers at their bounds."""

import numpy as np
import pytest

from fscompress.engine import arithmetic as q
from fscompress.engine.kernels import new_cell_into
from fscompress.engine.norm_kernels import total_into

SIZES = pytest.mark.parametrize("size", [1, 15, 16, 17, 40, 256])
LARGEST = (1 << 31) - 1


def strained(size: int, bound: int, seed: int) -> np.ndarray:
    """int32 [size] within -bound..bound, ends included."""
    values = np.random.default_rng(seed).integers(-bound, bound, size, endpoint=True).astype(np.int32)
    values[: size // 3] = bound
    values[: size // 5] = -bound
    return values


@pytest.mark.parametrize("with_row", [False, True])
@SIZES
def test_scaled_products_and_their_sum(size: int, with_row: bool) -> None:
    accumulator, offset = strained(size, 1 << 30, 1), strained(size, (1 << 30) - 1, 2)
    multiplier, row = strained(size, LARGEST, 3), strained(size if with_row else 0, 1 << 29, 4)
    x = np.zeros(size, np.int32)
    total = total_into(accumulator, offset, multiplier, row, x)
    expected = [(int(a) - int(o)) * int(m) >> 32 for a, o, m in zip(accumulator, offset, multiplier, strict=True)]
    if with_row:
        expected = [value + int(r) for value, r in zip(expected, row, strict=True)]
    assert x.tolist() == expected
    assert total == sum(expected)


@SIZES
def test_the_new_cell_saturates(size: int) -> None:
    rng = np.random.default_rng(size)
    sigmoid = rng.integers(0, 1 << 15, q.TABLE_SIZE).astype(np.int16)
    tanh = rng.integers(-LARGEST >> 16, LARGEST >> 16, q.TABLE_SIZE, endpoint=True).astype(np.int16)
    sigmoid[:8], tanh[:8] = LARGEST >> 16, [LARGEST >> 16, -(LARGEST >> 16)] * 4
    f, i, g = (rng.choice([*range(8), 4096, 8191], size).astype(np.uint16) for _ in range(3))
    c, new = strained(size, q.X_MAX, 5), np.zeros(size, np.int32)
    new_cell_into(f, i, g, sigmoid, tanh, c, new, np.zeros(3 * size, np.int32))
    parts = zip(sigmoid[f].tolist(), c.tolist(), sigmoid[i].tolist(), tanh[g].tolist(), strict=True)
    wide = [(opened * cell + 2 * write * shown + (1 << 14)) >> 15 for opened, cell, write, shown in parts]
    assert new.tolist() == [min(max(value, -q.X_MAX), q.X_MAX) for value in wide]
