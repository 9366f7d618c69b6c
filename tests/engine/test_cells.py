"""Every kind of cell in every architecture: three engines, the same trees and states, within their bounds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fscompress.engine import arithmetic as q
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.engine.kinds import FAST_GRNN, FAST_RNN, KINDS, LSTM, LSTM_PLAIN
from fscompress.wiring import Wiring, fs_rnn, layers, sequential, stacked
from tests.engine import test_equality
from tests.engine.test_cuda import check_equal
from tests.engine.test_equality import random_rows
from tests.helpers import cpu, synthetic_of, with_cell

WIRINGS = {
    "fs-rnn": fs_rnn(9, 13, 3),
    "slow-levels": fs_rnn(6, 5, 3, 3),
    "stacked": stacked(10, 3),
    "sequential": sequential(11, 2),
    "torch-lstm": layers(8, 3),
}
LANES = [1, 7, 64]
CLIPPED = [FAST_RNN, FAST_GRNN]


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_engines_are_equal(kind: str, wiring: Wiring, extreme: bool) -> None:
    model = synthetic_of(kind, wiring, 3, extreme=extreme)
    engine = CudaEngine(CudaLayout(model, "cpu"))
    many = LANES if extreme and wiring is WIRINGS["fs-rnn"] else LANES[:2]  # 64 lanes of cuda on a processor are slow
    for lanes in many:
        check_equal(model, random_rows(lanes, 4), engine)


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS.keys() - {LSTM})),
    shape=st.sampled_from([fs_rnn, stacked, sequential, layers]),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(2, 4)),
    seed=st.integers(0, 1 << 20),
    keep=st.tuples(st.integers(0, 1 << 15), st.integers(0, 1 << 15)),
    extreme=st.booleans(),
    lanes=st.sampled_from(LANES),
)
def test_random_models(kind: str, shape: Any, sizes: Any, seed: int, keep: Any, extreme: bool, lanes: int) -> None:
    wiring = shape(*sizes) if shape is fs_rnn else shape(*sizes[1:])
    model = synthetic_of(kind, wiring, seed, keep, extreme)
    check_equal(model, random_rows(lanes, 6, seed), CudaEngine(CudaLayout(model, "cpu")))


@pytest.mark.parametrize("kind", KINDS)
def test_states_stay_within_their_bounds(kind: str) -> None:
    """Extreme tensors, no zoneout, from states at the ends."""
    for seed in range(2):
        model = synthetic_of(kind, sequential(15, 2), seed, (0, 0), extreme=True)
        largest = test_equality.check_equal(model, random_rows(3, 100, seed))
        assert largest[0].max() <= 1 << q.HIDDEN_Q
        if KINDS[kind].members > 1:
            assert largest[1].max() <= q.X_MAX


@pytest.mark.parametrize("kind", CLIPPED)
def test_a_state_that_would_drift_is_kept_in_bounds(kind: str) -> None:
    """All scalars are one, and every unit is pushed up."""
    model, one = synthetic_of(kind, sequential(5, 1), 1, (0, 0)), np.full(2, 1 << 15, np.int32)
    up = np.full_like(model.cells[0].bias, 1 << 20)
    model = with_cell(model, 0, scalars=one, bias=up)
    largest = test_equality.check_equal(model, random_rows(2, 20))
    assert (largest[0] == 1 << q.HIDDEN_Q).all()


def test_a_cell_that_saturates() -> None:
    model = synthetic_of(LSTM_PLAIN, sequential(6, 1), 2, (0, 0))
    model = with_cell(model, 0, bias=np.full_like(model.cells[0].bias, 1 << 20))
    largest = test_equality.check_equal(model, random_rows(2, 400))
    assert (largest[1] == q.X_MAX).all()


def test_lanes_that_end() -> None:
    rows = [row[:n] for row, n in zip(random_rows(33, 6), (33, 33, 16, 5, 2, 1), strict=True)]
    for kind in KINDS:
        test_equality.check_equal(synthetic_of(kind, stacked(7, 3)), rows)


def test_other_networks_have_no_step_of_one_kernel() -> None:
    """Whatever the number of lanes, they go the way of many."""
    for model in (synthetic_of("gru", WIRINGS["fs-rnn"]), synthetic_of(LSTM, WIRINGS["stacked"])):
        engine = cpu(model, few_lanes=8)
        engine.start(1)
        assert engine.step_arguments is None
    engine = cpu(synthetic_of(LSTM, WIRINGS["fs-rnn"]), few_lanes=8)
    engine.start(1)
    assert engine.step_arguments is not None
