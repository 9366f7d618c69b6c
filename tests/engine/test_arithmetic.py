"""The integer root and the layer normalisation, in both engines, against Python's own unbounded integers."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fscompress.engine import arithmetic as q
from fscompress.engine import kernels, norm_kernels
from fscompress.engine import reference_cells as reference

Array = npt.NDArray[Any]
TOP = (1 << 31) - 1
near_squares = st.builds(lambda root, step: root * root + step, st.integers(0, (1 << 30) - 1), st.integers(-1, 1))
roots = (st.integers(0, (1 << 60) - 1) | near_squares).filter(lambda v: 0 <= v < 1 << 60)


@settings(deadline=None, max_examples=500)
@given(roots)
def test_integer_root(v: int) -> None:
    assert int(norm_kernels.integer_root(v)) == math.isqrt(v)
    assert reference.integer_root(np.array([v], np.int64)).tolist() == [math.isqrt(v)]


@pytest.mark.parametrize("v", [0, 1, 2, 3, 4, (1 << 52) - 1, 1 << 52, (1 << 54) + 1, (2**30 - 1) ** 2, (1 << 60) - 1])
def test_integer_root_at_the_edges(v: int) -> None:
    assert int(norm_kernels.integer_root(v)) == math.isqrt(v)
    assert reference.integer_root(np.array([v], np.int64)).tolist() == [math.isqrt(v)]


def exact_layer_norm(x: list[int], epsilon: int, gain: list[int], bias: list[int]) -> list[int]:
    """The definition, with every bound that the contract claims."""
    mean = sum(x) // len(x)
    deviations = [value - mean for value in x]
    squares = sum(d * d for d in deviations)
    assert squares < 1 << 63
    variance = squares // len(x) + epsilon
    assert variance << q.NORM_ROOT_SHIFT < 1 << 60
    root = math.isqrt(variance << q.NORM_ROOT_SHIFT)
    up = q.NORM_BITS - root.bit_length()
    left, right = max(up, 0), max(-up, 0)
    reciprocal = (1 << q.NORM_RECIPROCAL) // (root << left >> right)
    assert 1 << 29 < reciprocal <= 1 << 30
    out = []
    for d, g, b in zip(deviations, gain, bias, strict=True):
        assert abs(d << left) < 1 << 31
        n = (d << left >> right) * reciprocal >> q.PRODUCT_SHIFT
        assert abs(n) < 1 << 23
        y = (n * g + (1 << 31) >> 32) + b
        assert abs(y) < 1 << 22
        out.append(y)
    return out


def compare(x: Array, epsilon: int, gain: Array, bias: Array) -> None:
    expected = exact_layer_norm(x.tolist(), epsilon, gain.tolist(), bias.tolist())
    wide = [array.astype(np.int64) for array in (x, gain, bias)]
    assert reference.layer_norm(wide[0], np.int64(epsilon), wide[1], wide[2]).tolist() == expected
    index = np.zeros(len(x), np.uint16)
    moments = np.int64(x.sum()), np.int64((x.astype(np.int64) ** 2).sum())
    mean, squares = norm_kernels.centred(*moments, len(x))
    divided = norm_kernels.reciprocal_of(squares, len(x), np.int64(epsilon))
    narrow = x.astype(np.int32), gain.astype(np.int32), bias.astype(np.int32)
    norm_kernels.normalise_into(narrow[0], mean, divided, *narrow[1:], index)
    assert index.tolist() == [min(max(y + q.TABLE_HALF, 0), q.TABLE_SIZE - 1) for y in expected]


def rows(size: int) -> dict[str, Array]:
    """Inputs that strain one step or another."""
    rng = np.random.default_rng(size)
    outlier = np.full(size, -q.X_MAX)
    outlier[0] = q.X_MAX
    return {
        "zeros": np.zeros(size, np.int64),
        "largest": np.full(size, q.X_MAX),
        "smallest": np.full(size, -q.X_MAX),
        "halves": np.where(np.arange(size) % 2, q.X_MAX, -q.X_MAX),
        "outlier": outlier,
        "small outlier": np.arange(size) // max(size - 1, 1),
        "near zero": rng.integers(-1, 2, size),
        "uniform": rng.integers(-q.X_MAX, q.X_MAX, size, endpoint=True),
        "normal": (rng.standard_normal(size) * 40000).astype(np.int64),
    }


@pytest.mark.parametrize("epsilon", [1, 1 << 20, 1 << 48])
@pytest.mark.parametrize("size", [1, 2, 3, 24, 257, q.MAX_SIZE])
def test_layer_norm(size: int, epsilon: int) -> None:
    rng = np.random.default_rng(7)
    for x in rows(size).values():
        for gain in (np.full(size, TOP), np.full(size, -TOP), rng.integers(-TOP, TOP, size)):
            compare(x, epsilon, gain, rng.integers(-(1 << 20), 1 << 20, size, endpoint=True))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-q.X_MAX, q.X_MAX), min_size=1), st.integers(1, 1 << 48), st.integers(-TOP, TOP))
def test_layer_norm_of_any_row(x: list[int], epsilon: int, gain: int) -> None:
    compare(np.array(x), epsilon, np.full(len(x), gain), np.full(len(x), 7))


def test_node_p1() -> None:
    tree = np.zeros((4, 512), np.int32)
    tree[:, 1] = [2, 1 << 30, 1 << 30, 3]
    tree[:, 3] = [1, 1, (1 << 30) - 1, 2]
    assert [kernels.node_p1(tree, s, 1) for s in range(4)] == [1 << 15, q.P1_MIN, q.P1_MAX, (2 << 16) // 3]


def test_path_p1() -> None:
    tree = np.random.default_rng(0).integers(1, 1000, (2, 512)).astype(np.int32)
    for node in range(255, 0, -1):
        tree[:, node] = tree[:, 2 * node] + tree[:, 2 * node + 1]
    p1 = np.zeros((8, 2), np.uint16)
    kernels.path_p1(tree, np.array([0b10100011, 7], np.uint8), p1)
    path = [1, 0b11, 0b110, 0b1101, 0b11010, 0b110100, 0b1101000, 0b11010001]
    assert p1[:, 0].tolist() == [kernels.node_p1(tree, 0, node) for node in path]
    assert p1[7, 1] == kernels.node_p1(tree, 1, 0b10000011)
