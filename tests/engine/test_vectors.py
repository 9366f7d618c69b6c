"""What the kernels give to vectors, and the rest that plain loops take, against Python's integers at their bounds."""

import numpy as np
import pytest

from fscompress.engine import arithmetic as q
from fscompress.engine.kernels import new_cell_into
from fscompress.engine.norm_kernels import centred, scale_into

SIZES = pytest.mark.parametrize("size", [1, 15, 16, 17, 40, 256])
LARGEST = (1 << 31) - 1


def strained(size: int, bound: int, seed: int) -> np.ndarray:
    """int32 [size] within -bound..bound, ends included."""
    values = np.random.default_rng(seed).integers(-bound, bound, size, endpoint=True).astype(np.int32)
    values[: size // 3] = bound
    values[: size // 5] = -bound
    return values


@pytest.mark.parametrize("with_row", [False, True])
@pytest.mark.parametrize(("sums", "factors"), [(1 << 30, 1 << 24), (1 << 23, LARGEST)])
@SIZES
def test_scaled_products_and_their_moments(size: int, sums: int, factors: int, with_row: bool) -> None:
    accumulator, offset = strained(size, sums, 1), strained(size, sums - 1, 2)
    multiplier, row = strained(size, factors, 3), strained(size if with_row else 0, (1 << 23) - 1, 4)
    x = np.zeros(size, np.int32)
    total, squares = scale_into(accumulator, offset, multiplier, row, x)
    expected = [(int(a) - int(o)) * int(m) >> 32 for a, o, m in zip(accumulator, offset, multiplier, strict=True)]
    if with_row:
        expected = [value + int(r) for value, r in zip(expected, row, strict=True)]
    assert x.tolist() == expected
    assert total == sum(expected)
    assert squares == sum(value**2 for value in expected)


def test_moments_of_the_largest_cells() -> None:
    """4096 numbers of one sign at the bound."""
    size, bound = 4096, (1 << 24) - 1
    for sign in (1, -1):
        row, zero = np.full(size, sign * bound, np.int32), np.zeros(size, np.int32)
        total, squares = scale_into(zero, zero, zero, row, np.zeros(size, np.int32))
        assert (total, squares) == (sign * size * bound, size * bound**2)
        assert centred(total, squares, size) == (sign * bound, 0)


@SIZES
def test_the_new_cell_saturates(size: int) -> None:
    rng = np.random.default_rng(size)
    sigmoid = rng.integers(0, 1 << 15, q.TABLE_SIZE).astype(np.int16)
    tanh = rng.integers(-LARGEST >> 16, LARGEST >> 16, q.TABLE_SIZE, endpoint=True).astype(np.int16)
    sigmoid[:8], tanh[:8] = LARGEST >> 16, [LARGEST >> 16, -(LARGEST >> 16)] * 4
    f, i, g = (rng.choice([*range(8), 4096, 8191], size).astype(np.uint16) for _ in range(3))
    c, new = strained(size, q.X_MAX, 5), np.zeros(size, np.int32)
    said = [table[index].view(np.uint16) for table, index in ((sigmoid, f), (sigmoid, i), (tanh, g))]
    total, squares = new_cell_into(*said, c, new)
    parts = zip(sigmoid[f].tolist(), c.tolist(), sigmoid[i].tolist(), tanh[g].tolist(), strict=True)
    wide = [(opened * cell + 2 * write * shown + (1 << 14)) >> 15 for opened, cell, write, shown in parts]
    assert new.tolist() == [min(max(value, -q.X_MAX), q.X_MAX) for value in wide]
    assert (total, squares) == (sum(new.tolist()), sum(value**2 for value in new.tolist()))
