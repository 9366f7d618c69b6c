"""Rounding to the integers of the scheme: within bounds, no worse than plain rounding, and as fine as fits."""

import numpy as np
import pytest

from fscompress.engine import arithmetic as q
from fscompress.errors import ModelFileError
from fscompress.export.quantise import (
    MULTIPLIER_LIMIT,
    activation_tables,
    fixed,
    fraction_bits,
    quantise_rows,
    to_multiplier,
)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 300)])
def test_rows(shape: tuple[int, int], scale: float) -> None:
    rng = np.random.default_rng(1)
    for matrix in (rng.standard_normal(shape), rng.standard_cauchy(shape), rng.uniform(-1, 1, shape)):
        matrix = matrix * scale
        rows = quantise_rows(matrix)
        assert rows.weight.dtype == np.int8
        assert np.abs(rows.weight.astype(int)).max() <= q.WEIGHT_MAX
        assert (rows.scale > 0).all()
        error = ((rows.weight * rows.scale[:, None] - matrix) ** 2).sum(axis=1)
        plain_scale = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / q.WEIGHT_MAX
        plain = ((np.rint(matrix / plain_scale[:, None]) * plain_scale[:, None] - matrix) ** 2).sum(axis=1)
        assert (error <= plain * (1 + 1e-9)).all()
        assert (error <= matrix.shape[1] * (plain_scale / 2) ** 2 * (1 + 1e-9)).all()


def test_rows_of_zeros() -> None:
    rows = quantise_rows(np.zeros((3, 4)))
    assert not rows.weight.any()
    assert (rows.scale > 0).all()


def test_rows_that_are_on_the_grid_are_kept() -> None:
    grid = np.random.default_rng(2).integers(-63, 64, (20, 50))
    grid[:, 0] = 63
    assert np.array_equal(quantise_rows(grid * 0.125).weight, grid)


@pytest.mark.parametrize("reach", [1e-3, 0.5, 1.0, 33.0, 1000.0, 1e6])
@pytest.mark.parametrize("scale", [1e-9, 1e-5, 1e-3, 0.4])
def test_fraction_bits_are_the_most_that_fit(scale: float, reach: float) -> None:
    scales, reaches = [np.array([scale, scale / 3])] * 2, [np.array([reach, 0.1]), np.array([reach, 0.0])]

    def fits(f: int) -> bool:
        return scale * 2.0 ** (32 + f) < MULTIPLIER_LIMIT and 2 * reach * 2.0**f < 0.99 * q.X_MAX

    f = fraction_bits(scales, reaches)
    assert fits(f)
    assert f == 20 or not fits(f + 1)
    assert 1 <= to_multiplier(np.array([scale]), f)[0] <= MULTIPLIER_LIMIT


def test_weights_that_are_too_large() -> None:
    for scales, reaches in (([np.array([0.6])], [np.array([1.0])]), ([np.array([1e-3])], [np.array([1e8])])):
        with pytest.raises(ModelFileError, match="too large for the integer scheme"):
            fraction_bits(scales, reaches)


def test_fixed() -> None:
    values = np.array([0.0, 0.5, -0.5, 1.0, 1e9, -1e9])
    assert fixed(values, 4, 100).tolist() == [0, 8, -8, 16, 100, -100]
    assert fixed(values, 4, 100).dtype == np.int32


def test_tables() -> None:
    tables = activation_tables()
    sigmoid, tanh, exp2 = (tables[f"table.{name}"].astype(np.int64) for name in ("sigmoid", "tanh", "exp2"))
    for table in (sigmoid, tanh):
        assert (np.diff(table) >= 0).all()
    assert (sigmoid[q.TABLE_HALF], tanh[q.TABLE_HALF]) == (1 << 14, 0)
    assert (tanh[1 : q.TABLE_HALF] == -tanh[: q.TABLE_HALF : -1]).all()
    assert (sigmoid[1 : q.TABLE_HALF] + sigmoid[: q.TABLE_HALF : -1] == 1 << 15).all()
    assert sigmoid.min() >= 1
    assert sigmoid.max() < 1 << 15
    assert (np.diff(exp2) < 0).all()
    assert exp2[0] == 1 << q.EXP2_BITS
    assert exp2[-1] > 1 << q.EXP2_BITS - 1
