"""Exact products s8 [M, K] x s8 [K, N] of the ``cuda`` engine, the fastest one that proves itself on the device.

``IntProduct`` is ``torch._int_mm``: cuBLASLt on CUDA, oneDNN on the CPU.  ``FloatProduct`` (float64 GEMM) is exact in
any order of summation, since 8192 * 127 * 63 < 2**53.  Both are tried on extremes before use.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from fscompress.engine import arithmetic as q
from fscompress.engine.spec import I8

ALIGNMENT = 16  # on CUDA _int_mm takes K and N in multiples of 8; 16 also aligns rows to what tensor cores load
ROWS = 32  # and M > 16; multiples of 32 keep the shapes few


def padded_rows(lanes: int) -> int:
    """M for so many lanes."""
    return -(-lanes // ROWS) * ROWS


def padded_columns(weight: I8, widths: Sequence[int]) -> I8:
    """The weights int8 [N, sum of widths] with zeros after each of the pieces, whose widths are then all aligned."""
    pieces = np.split(weight, np.cumsum(widths)[:-1], axis=1)
    return np.concatenate([np.pad(piece, ((0, 0), (0, -piece.shape[1] % ALIGNMENT))) for piece in pieces], axis=1)


class IntProduct:
    """A function of int8 [M, K] that gives its product with the transpose of ``weight`` int8 [N, K] as int64 [M, N].

    K must be a multiple of ``ALIGNMENT``, M one of ``ROWS``; values of the argument are in -127..127.
    """

    def __init__(self, weight: Tensor) -> None:
        self._n = len(weight)
        # rows of weights seen as columns: of the ways to store the factors, the one that cuBLAS always has for int8
        self._weight = pad(weight, (0, 0, 0, -self._n % ALIGNMENT)).t()

    def __call__(self, a: Tensor) -> Tensor:
        """The product int64 [M, N]."""
        return torch._int_mm(a, self._weight)[:, : self._n].long()


class FloatProduct:
    """Like ``IntProduct``, for any M and K."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight.t().double()

    def __call__(self, a: Tensor) -> Tensor:
        """The product int64 [M, N]."""
        return (a.double() @ self._weight).long()


ProductClass = type[IntProduct] | type[FloatProduct]


def is_exact(kind: ProductClass, device: torch.device) -> bool:
    """Tries extremes, all weights +-63 and all inputs +-127, beside random ones, for few and many rows."""
    rng = np.random.default_rng(7)
    weight = rng.integers(-q.WEIGHT_MAX, q.WEIGHT_MAX, (100, 528), np.int8, endpoint=True)
    weight[:4] = np.array([63, -63, 63, -63], np.int8)[:, None]
    weight[2:4, ::2] *= -1
    product = kind(torch.from_numpy(weight).to(device))
    for m in (ROWS, 2 * ROWS, 16 * ROWS):
        a = rng.integers(-q.HIDDEN_MAX, q.HIDDEN_MAX, (m, 528), np.int8, endpoint=True)
        a[0], a[m // 2, ::2] = q.HIDDEN_MAX, -q.HIDDEN_MAX
        result = product(torch.from_numpy(a).to(device)).cpu().numpy()
        if not np.array_equal(result, a.astype(np.int64) @ weight.astype(np.int64).T):
            return False
    return True


@cache
def product_class(device: torch.device) -> ProductClass:
    """IntProduct where this build of torch has it for the device and it is exact there, else FloatProduct."""
    try:
        return IntProduct if is_exact(IntProduct, device) else FloatProduct
    except (AttributeError, RuntimeError):  # not in this build; not for this device or its driver
        return FloatProduct
