"""The vectors of the mixer against the formulas of docs/INTEGER.md, section 7.8, at their bounds and within."""

import numba
import numpy as np
import pytest

from fscompress.mixer.kernels import ERROR_LIMIT
from fscompress.mixer.layout import FINAL_WIDTH, VECTOR
from fscompress.mixer.tables import STRETCH_LIMIT
from fscompress.mixer.vectors import WEIGHT_LIMIT, descend_of, weighted_sum_of

SKIPPED = 3  # elements before the first one used
SIZES = pytest.mark.parametrize(
    ("size", "n"), [(FINAL_WIDTH, FINAL_WIDTH), (VECTOR, VECTOR), (VECTOR, 5 * VECTOR), (VECTOR, 7 * VECTOR)]
)


def operands(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and inputs, int32 [SKIPPED + n + 1]: random ones, and every pair of signs at its largest."""
    rng = np.random.default_rng(n)
    weights = rng.integers(-WEIGHT_LIMIT, WEIGHT_LIMIT + 1, SKIPPED + n + 1).astype(np.int32)
    inputs = rng.integers(-STRETCH_LIMIT, STRETCH_LIMIT + 1, SKIPPED + n + 1).astype(np.int32)
    weights[SKIPPED : SKIPPED + 4] = np.array([1, 1, -1, -1]) * WEIGHT_LIMIT
    inputs[SKIPPED : SKIPPED + 4] = np.array([1, -1, 1, -1]) * STRETCH_LIMIT
    return weights, inputs


@SIZES
def test_a_sum(size: int, n: int) -> None:
    weighted_sum = weighted_sum_of(size)

    @numba.njit
    def run(weights, inputs, n):  # type: ignore[no-untyped-def]
        return weighted_sum(weights, SKIPPED, inputs, SKIPPED, n)

    weights, inputs = operands(n)
    here = slice(SKIPPED, SKIPPED + n)
    assert run(weights, inputs, n) == ((weights[here].astype(np.int64) >> 5) * inputs[here] >> 8).sum()


@SIZES
@pytest.mark.parametrize("error", [0, 1, -3, 70_001, ERROR_LIMIT, -ERROR_LIMIT])
def test_a_step_saturates_and_touches_nothing_else(size: int, n: int, error: int) -> None:
    descend = descend_of(size)

    @numba.njit
    def run(weights, inputs, n, error):  # type: ignore[no-untyped-def]
        descend(weights, SKIPPED, inputs, SKIPPED, n, error)

    weights, inputs = operands(n)
    expected, here = weights.copy(), slice(SKIPPED, SKIPPED + n)
    stepped = weights[here] + (inputs[here].astype(np.int64) * error + 8192 >> 14)
    expected[here] = stepped.clip(-WEIGHT_LIMIT, WEIGHT_LIMIT)
    run(weights, inputs, n, error)
    assert np.array_equal(weights, expected)
