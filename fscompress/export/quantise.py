"""From float arrays to the integers of docs/INTEGER.md.  numpy only; nothing here runs when a file is coded."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.errors import ModelFileError
from fscompress.model.config import CLIP_RATIOS, PIECEWISE, SMOOTH

F64 = npt.NDArray[np.float64]
MULTIPLIER_LIMIT = (1 << 31) - 1


@dataclass(frozen=True)
class Rows:
    """Rounded: ``weight`` int8 [N, K] and ``scale`` float64 [N], so that weight * scale is near the float matrix."""

    weight: npt.NDArray[np.int8]
    scale: F64


def quantise_rows(matrix: F64, limit: int = q.WEIGHT_MAX) -> Rows:
    """Rounds each row to |w| <= ``limit`` <= 127 with the scale, among a few, of the least squared error."""
    largest = np.maximum(np.abs(matrix).max(axis=1), 1e-8)
    best_scale, best_error = largest / limit, np.full(len(matrix), np.inf)
    for ratio in CLIP_RATIOS:
        scale = ratio * largest / limit
        rounded = np.clip(np.rint(matrix / scale[:, None]), -limit, limit)
        error = ((rounded * scale[:, None] - matrix) ** 2).sum(axis=1)
        better = error < best_error
        best_scale, best_error = np.where(better, scale, best_scale), np.where(better, error, best_error)
    rounded = np.clip(np.rint(matrix / best_scale[:, None]), -limit, limit)
    return Rows(rounded.astype(np.int8), best_scale)


def fraction_bits(scales: list[F64], reaches: list[F64]) -> int:
    """The most fraction bits f of x for which multipliers fit 31 bits and the sum of reaches stays in bounds.

    Args:
        scales: of an accumulator unit, one array [N] a product; reaches: largest |product| in real units, same shapes.
    """
    for f in range(20, -1, -1):
        fits = all(scale.max() * 2.0 ** (q.PRODUCT_SHIFT + f) < MULTIPLIER_LIMIT for scale in scales)
        if fits and np.sum(reaches, axis=0).max() * 2.0**f < 0.99 * q.X_MAX:
            return f
    raise ModelFileError("weights are too large for the integer scheme")


def product_shift(scales: list[F64], reaches: list[F64], f: int) -> int:
    """The largest shift after which x has f fraction bits and for which multipliers fit 31 bits.

    Args:
        scales, reaches: as in ``fraction_bits``.
    """
    for shift in range(q.PRODUCT_SHIFT, q.LOWEST_SHIFT - 1, -1):
        fits = all(scale.max() * 2.0 ** (shift + f) < MULTIPLIER_LIMIT for scale in scales)
        if fits and np.sum(reaches, axis=0).max() * 2.0**f < 0.99 * q.X_MAX:
            return shift
    raise ModelFileError("weights are too large for the integer scheme")


def to_multiplier(scale: F64, f: int, shift: int = q.PRODUCT_SHIFT) -> npt.NDArray[np.int32]:
    """The int32 that takes an accumulator unit of ``scale`` to f fraction bits after ``>> shift``."""
    return np.maximum(np.rint(scale * 2.0 ** (shift + f)), 1).astype(np.int32)


def fixed(values: F64, fraction: int, limit: int) -> npt.NDArray[np.int32]:
    """Rounded to ``fraction`` bits, saturated to +-limit."""
    return np.clip(np.rint(values * 2.0**fraction), -limit, limit).astype(np.int32)


def activation_tables(gates: str = SMOOTH) -> dict[str, npt.NDArray[np.generic]]:
    """Sigmoid, tanh (int16, Q15 at Q9 arguments from -8) and exp2 (int32): computed once, here, then only stored.

    ``gates`` are those of ``ModelConfig``.
    """
    x = (np.arange(q.TABLE_SIZE) - q.TABLE_HALF) / 2.0**q.GATE_Q
    unit = 1 << q.PROBABILITY_Q
    if gates == PIECEWISE:
        sigmoid, tanh, least = unit * (x + 1) / 2, unit * x, 0
    else:
        sigmoid, tanh, least = unit / (1 + np.exp(-x)), unit * np.tanh(x), 1
    return {
        "table.sigmoid": np.clip(np.rint(sigmoid), least, unit - 1).astype(np.int16),
        "table.tanh": np.clip(np.rint(tanh), 1 - unit, unit - 1).astype(np.int16),
        "table.exp2": np.rint(2.0 ** (q.EXP2_BITS - np.arange(q.EXP2_SIZE) / q.EXP2_SIZE)).astype(np.int32),
    }
