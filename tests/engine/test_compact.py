"""Compact cells: what is packed is unpacked, and factors are multiplied as docs/INTEGER.md section 2.3 says."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fscompress.engine import arithmetic as q
from fscompress.engine.compact import expand_cell, multiply_factors, pack_sparse, unpack_sparse
from fscompress.engine.model_file import parse_model
from fscompress.engine.spec import BLOCK_ROWS
from fscompress.errors import ModelFileError, UnsupportedVersionError
from tests.golden.make_recurrent import golden_data, golden_model
from tests.helpers import noise

MATRICES = arrays.arrays(
    np.int8, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.sampled_from([0, -63, 5])
)
TOP = q.MULTIPLIER_MAX


@given(matrix=MATRICES)
def test_sparse_matrices_come_back(matrix: np.ndarray) -> None:
    mask, values = pack_sparse(matrix)
    assert (mask.dtype, values.dtype, len(values)) == (np.uint8, np.int8, np.count_nonzero(matrix))
    assert np.array_equal(unpack_sparse("m", mask, values, matrix.shape), matrix)


@given(matrix=MATRICES, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_bit_that_flips_is_noticed(matrix: np.ndarray, at: int, bit: int) -> None:
    mask, values = pack_sparse(matrix)
    mask.reshape(-1)[at % mask.size] ^= 1 << bit
    with pytest.raises(ModelFileError, match=r"M09|M10"):
        unpack_sparse("m", mask, values, matrix.shape)


def test_bits_by_hand() -> None:
    mask, values = np.array([[0b1000_0000, 0b0100_0000], [0b0000_0001, 0]], np.uint8), np.array([3, -4, 5], np.int8)
    expected = np.zeros((2, 10), np.int8)
    expected[0, 0], expected[0, 9], expected[1, 7] = 3, -4, 5
    assert np.array_equal(unpack_sparse("m", mask, values, (2, 10)), expected)


def product(left: np.ndarray, right: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The rule in Python's own integers."""
    sums = left.astype(object) @ right.astype(object)
    return np.clip((sums * factor.astype(object)[:, None] + (1 << 31)) >> 32, -63, 63).astype(np.int8)


@settings(max_examples=30)
@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 9)), seed=st.integers(0, 99))
def test_factors_are_multiplied_exactly(shape: tuple[int, int, int], seed: int) -> None:
    rows, rank, columns = shape
    rng = np.random.default_rng(seed)
    left, right = (rng.integers(-128, 128, size).astype(np.int8) for size in ((rows, rank), (rank, columns)))
    factor = np.minimum(2 ** rng.uniform(0, 31, rows), TOP).astype(np.int32)
    assert np.array_equal(multiply_factors(left, right, factor), product(left, right, factor))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("factor", [1, 63, 64, TOP])
def test_factors_at_their_bounds(sign: int, factor: int) -> None:
    """The largest rank and values; 2^26 * 63 is the last product below the clip, and halves are rounded up."""
    left = np.full((1, q.MAX_SIZE), -128, np.int8)
    right = np.full((q.MAX_SIZE, 2), -128 * sign if sign == 1 else 127, np.int8)
    found = multiply_factors(left, right, np.array([factor], np.int32))
    assert np.array_equal(found, product(left, right, np.array([factor], np.int32)))


def test_rows_are_multiplied_in_blocks() -> None:
    rng = np.random.default_rng(1)
    left = rng.integers(-128, 128, (2 * BLOCK_ROWS + 3, 3)).astype(np.int8)
    right, factor = rng.integers(-128, 128, (3, 2)).astype(np.int8), np.full(len(left), 1 << 23, np.int32)
    assert np.array_equal(multiply_factors(left, right, factor), product(left, right, factor))


def test_columns_of_the_byte_come_first() -> None:
    tensors = {
        "cell.0.left": np.array([[1], [2]], np.int8),
        "cell.0.right": np.array([[10, 20, 30]], np.int8),
        "cell.0.factor": np.full(2, 1 << 30, np.int32),
        "cell.0.input.factor": np.full(2, 1 << 31 - 1, np.int32),
    }
    found = expand_cell(tensors, "cell.0.", 2, {"input.weight": 1, "weight": 2})
    assert found["cell.0.input.weight"].tolist() == [[3], [5]]
    assert found["cell.0.weight"].tolist() == [[5, 8], [10, 15]]


@pytest.mark.parametrize("name", ["sparse", "low-rank", "sparse-factors"])
def test_damaged_bytes_never_end_otherwise(name: str) -> None:
    """One byte changed, in the header or anywhere: refused, or another model within its bounds."""
    data, known = golden_data(name), golden_model(name).id
    header = 8 + int.from_bytes(data[:8], "little")
    positions = np.random.default_rng(5).integers(0, [[header], [len(data)]], (2, 60)).ravel()
    for at, value in zip(positions, noise(len(positions), 6), strict=True):
        changed = bytearray(data)
        changed[at] ^= value or 1
        with suppress(ModelFileError, UnsupportedVersionError):
            assert parse_model(bytes(changed)).id != known
