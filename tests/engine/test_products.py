"""Both exact products against int64, at the extremes and beyond the row length where float32 must be cut."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from fscompress.engine import products
from fscompress.engine.onnx_graph import matmul_integer_graph
from fscompress.engine.products import BlasProduct, OnnxProduct, product_class

Array = npt.NDArray[Any]
KINDS = [OnnxProduct, BlasProduct]
LONGEST = 1044  # inputs of 255 times weights of 63 that float32 can sum


def weights(n: int, k: int) -> dict[str, Array]:
    rng = np.random.default_rng(k)
    alternating = np.where(np.arange(k) % 2, 63, -63) * np.ones((n, 1))
    return {
        "largest": np.full((n, k), 63, np.int8),
        "smallest": np.full((n, k), -63, np.int8),
        "alternating": alternating.astype(np.int8),
        "random": rng.integers(-63, 63, (n, k), endpoint=True).astype(np.int8),
        "one row": np.concatenate((np.full((1, k), 63), np.zeros((n - 1, k)))).astype(np.int8),
    }


def inputs(m: int, k: int) -> dict[str, Array]:
    rng = np.random.default_rng(m)
    halves = np.where(np.arange(k) % 2, 255, 0) * np.ones((m, 1))
    return {
        "largest": np.full((m, k), 255, np.uint8),
        "zeros": np.zeros((m, k), np.uint8),
        "halves": halves.astype(np.uint8),
        "random": rng.integers(0, 256, (m, k)).astype(np.uint8),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 7, 64, 520, LONGEST, LONGEST + 1, 2500, 8192])
def test_exact(kind: Any, k: int) -> None:
    for name, weight in weights(20, k).items():
        product = kind(weight)
        for m in (1, 2, 5, 33):
            for kept, a in inputs(m, k).items():
                result = product(a)
                assert result.dtype == np.int32
                assert np.array_equal(result, a.astype(np.int64) @ weight.astype(np.int64).T), (name, kept, m)


def test_float_products_are_cut_where_they_must() -> None:
    for k, pieces in ((LONGEST, 1), (LONGEST + 1, 2), (2 * LONGEST, 2), (2 * LONGEST + 1, 3)):
        cut = BlasProduct(np.full((3, k), 63, np.int8))._pieces
        assert len(cut) == pieces
        assert sum(len(weight) for _, weight in cut) == k
        assert all(255 * np.abs(weight).sum(axis=0).max() < products.BLAS_LIMIT for _, weight in cut)


def test_cuts_follow_the_longest_row_of_each_piece() -> None:
    """One row is heavy to the left, one to the right: no even cut is long enough, and none needs to be looked for."""
    weight = np.zeros((2, 3 * LONGEST), np.int8)
    weight[0, : LONGEST + 1], weight[1, LONGEST + 2 :] = 63, -63
    cut = BlasProduct(weight)._pieces
    assert [k for k, _ in cut] == [0, LONGEST, 2 * LONGEST + 2]
    a = np.full((1, 3 * LONGEST), 255, np.uint8)
    assert np.array_equal(BlasProduct(weight)(a), a.astype(np.int64) @ weight.astype(np.int64).T)


def test_columns_of_a_wider_array() -> None:
    """The engines hand over views of their buffers."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (9, 40)).astype(np.uint8)
    weight = rng.integers(-63, 64, (12, 40)).astype(np.int8)
    for kind in KINDS:
        assert np.array_equal(kind(weight)(wide[:4]), wide[:4].astype(np.int64) @ weight.astype(np.int64).T)


def test_the_graph_loads_and_says_what_it_is() -> None:
    weight = np.random.default_rng(5).integers(-63, 64, (300, 1000)).astype(np.int8)
    session = onnxruntime.InferenceSession(matmul_integer_graph(weight), providers=["CPUExecutionProvider"])
    (a,), (y,) = session.get_inputs(), session.get_outputs()
    assert (a.name, a.type, a.shape) == ("a", "tensor(uint8)", ["m", 300])
    assert (y.name, y.type, y.shape) == ("y", "tensor(int32)", ["m", 1000])
    for m in (1, 4):
        values = np.random.default_rng(m).integers(0, 256, (m, 300)).astype(np.uint8)
        assert np.array_equal(session.run(None, {"a": values})[0], values.astype(np.int64) @ weight.astype(np.int64))


def test_a_product_that_is_not_exact_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Saturating(OnnxProduct):
        def __call__(self, a: Any) -> Any:
            return np.minimum(super().__call__(a), 1 << 20)

    assert product_class() is OnnxProduct
    monkeypatch.setattr(products, "OnnxProduct", Saturating)
    product_class.cache_clear()
    try:
        assert product_class() is BlasProduct
    finally:
        product_class.cache_clear()
