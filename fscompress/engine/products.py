"""Exact products u8 [M, K] x s8 [K, N] -> int32 [M, N], the fastest one that proves itself on this machine.

``OnnxProduct`` (onnxruntime's MatMulInteger: AVX2, VNNI, AMX, Arm kernels) is exact because |w| <= 63: two products
of at most 255 * 63 fit the 16-bit sums of the AVX2 kernel.  ``BlasProduct`` (float32 GEMM) is exact in any order of
summation while 255 * sum|w| < 2**24; longer rows are cut into pieces for which that holds.  Both are tried on
extremes before use.
"""

from collections.abc import Iterator
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fscompress.engine.onnx_graph import matmul_integer_graph
from fscompress.engine.spec import I8, I32

U8 = npt.NDArray[np.uint8]
BLAS_LIMIT = 1 << 24


class Product(Protocol):
    """A function of uint8 [M, K] that gives its product with the transpose of the weight int8 [N, K] it was made of."""

    def __call__(self, a: U8) -> I32:
        """The product int32 [M, N]; it may be overwritten by the next call."""


class OnnxProduct:
    """MatMulInteger with the weights as a prepacked initializer; calls from several threads are safe."""

    def __init__(self, weight: I8) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        graph = matmul_integer_graph(np.ascontiguousarray(weight.T))
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, a: U8) -> I32:
        """See ``Product``."""
        result: I32 = self._session.run(None, {"a": a})[0]
        return result


class BlasProduct:
    """float32 GEMM in pieces of K that cannot leave the integers a float32 holds exactly."""

    def __init__(self, weight: I8) -> None:
        self._pieces = [(k, weight[:, k:end].T.astype(np.float32)) for k, end in self._cuts(weight)]

    @staticmethod
    def _cuts(weight: I8) -> Iterator[tuple[int, int]]:
        """Columns where each piece begins and ends: as many as no row can take to the limit."""
        reach = np.zeros((len(weight), weight.shape[1] + 1), np.int64)
        np.cumsum(255 * np.abs(weight.astype(np.int64)), axis=1, out=reach[:, 1:])
        start = end = 0
        while end < weight.shape[1]:
            within = (reach[:, start:] - reach[:, start, None]).max(axis=0, initial=0) < BLAS_LIMIT
            end = start + max(int(np.count_nonzero(within)) - 1, 1)  # it only grows along a row
            yield start, end
            start = end

    def __call__(self, a: U8) -> I32:
        """See ``Product``."""
        result: I32 = np.zeros((len(a), self._pieces[0][1].shape[1]), np.int32)
        for k, w in self._pieces:
            result += (a[:, k : k + len(w)].astype(np.float32) @ w).astype(np.int32)
        return result


def _is_exact(kind: type[OnnxProduct] | type[BlasProduct]) -> bool:
    """Tries extremes: all weights +-63 and all inputs 0 or 255, beside random ones, for few and many rows."""
    rng = np.random.default_rng(7)
    weight = rng.integers(-63, 64, (96, 520)).astype(np.int8)
    weight[:4] = np.array([63, -63, 63, -63], np.int8)[:, None]
    weight[2:4, ::2] *= -1
    product = kind(weight)
    for m in (1, 3, 16, 65):
        a = rng.integers(0, 256, (m, 520)).astype(np.uint8)
        a[0] = 255
        a[m // 2, ::2] = 255 * (m % 2)
        if not np.array_equal(product(a), a.astype(np.int64) @ weight.astype(np.int64).T):
            return False
    return True


@cache
def product_class() -> type[OnnxProduct] | type[BlasProduct]:
    """OnnxProduct where onnxruntime is installed and exact here, else BlasProduct."""
    try:
        if _is_exact(OnnxProduct):
            return OnnxProduct
    except ImportError:
        return BlasProduct
    return BlasProduct
