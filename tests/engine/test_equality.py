"""The cpu engine equals the reference, bit for bit: trees and states, whatever the model, the lanes and the bytes."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fscompress.engine import Engine, IntegerModel
from fscompress.engine import arithmetic as q
from fscompress.engine.evaluation import integer_bits_per_byte
from fscompress.engine.products import BlasProduct, OnnxProduct, product_class
from tests.helpers import cpu, noise, reference, states, synthetic, text, tiny, with_cell

Rows = list[npt.NDArray[np.uint8]]
LANES = [1, 2, 5, 16, 33]
ALWAYS, NEVER = 1 << 20, 0  # the way for few lanes


def random_rows(lanes: int, steps: int, seed: int = 0) -> Rows:
    return list(np.frombuffer(noise(lanes * steps, seed), np.uint8).reshape(steps, lanes))


def text_rows(lanes: int, steps: int) -> Rows:
    return list(np.frombuffer(text(lanes * steps), np.uint8).reshape(lanes, steps).T.copy())


def check_tree(engine: Engine) -> None:
    tree = engine.tree.astype(np.int64)
    nodes = np.arange(1, 256)
    assert np.array_equal(tree[:, nodes], tree[:, 2 * nodes] + tree[:, 2 * nodes + 1])
    assert tree[:, 256:].min() >= 1
    assert tree[:, 1].max() <= 1 << 30


def check_equal(model: IntegerModel, rows: Rows) -> list[npt.NDArray[Any]]:
    """The norm and all ways of the cpu engine through all rows; returns the largest |member| of each state reached."""
    norm, helped = reference(model), cpu(model, ALWAYS)
    ways = {"one kernel": cpu(model, ALWAYS), "many lanes": cpu(model, NEVER), "two threads": helped}
    for engine in (norm, *ways.values()):
        engine.start(len(rows[0]))
    largest = [np.abs(member) for member in states(norm)]
    with helped.second_thread():
        for step, row in enumerate([None, *rows]):
            if row is not None:
                for engine in (norm, *ways.values()):
                    engine.advance(row)
            for way, fast in ways.items():
                assert np.array_equal(norm.tree, fast.tree), f"{way}: tree after {step} steps"
                check_tree(fast)
                pairs = zip(states(norm), states(fast), strict=True)
                assert all(np.array_equal(a, b) for a, b in pairs), f"{way}: states after {step} steps"
            largest = [np.maximum(old, np.abs(new)) for old, new in zip(largest, states(norm), strict=True)]
    return largest


@pytest.mark.parametrize("lanes", LANES)
def test_trained_model(lanes: int) -> None:
    check_equal(tiny(), text_rows(lanes, 60))
    check_equal(tiny(), random_rows(lanes, 20))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("n_fast", [2, 3, 4])
@pytest.mark.parametrize(("fast", "slow"), [(1, 1), (7, 13), (33, 5), (16, 24), (12, 100)])
def test_random_models(fast: int, slow: int, n_fast: int, lanes: int) -> None:
    model = synthetic(fast, slow, n_fast, seed=fast + n_fast)
    check_equal(model, random_rows(lanes, 8))


@pytest.mark.parametrize("keep", [(0, 0), (1, 1), (1 << 15, 1 << 15), (0, (1 << 15) - 1), (30000, 0)])
def test_zoneout(keep: tuple[int, int]) -> None:
    check_equal(synthetic(9, 17, 3, keep=keep), random_rows(5, 20))


def test_lanes_that_end() -> None:
    rows = [row[:n] for row, n in zip(random_rows(33, 12), (33, 33, 32, 32, 17, 16, 16, 5, 2, 2, 1, 1), strict=True)]
    check_equal(synthetic(11, 10, 3), rows)
    check_equal(tiny(), rows)


@pytest.mark.parametrize("lanes", [1, 7, 64, 500])
@pytest.mark.parametrize("seed", range(6))
def test_models_at_the_bounds(seed: int, lanes: int) -> None:
    model = synthetic(15 + seed, 9, 2 + seed % 3, seed, keep=(300 * seed, 0), extreme=True)
    check_equal(model, random_rows(lanes, 40 if lanes < 64 else 4))


@pytest.mark.parametrize("sign", [1, -1])
def test_saturating_cell(sign: int) -> None:
    model = synthetic(16, 8, 2, extreme=True, keep=(0, 0))
    bias = np.full((5, 16), 1 << 20, np.int32)
    bias[3] *= sign
    for index in (0, 2):
        model = with_cell(model, index, bias=bias, gain=np.zeros((5, 16), np.int32))
    largest = check_equal(model, random_rows(2, 400))
    assert (largest[1] == q.X_MAX).all()


def test_wide_rows() -> None:
    """1500 columns of +-63: float32 products must be cut, accumulators come near 2**25."""
    check_equal(synthetic(500, 1000, 2, extreme=True), random_rows(2, 3))


def test_starting_again_forgets() -> None:
    fast = cpu(tiny())
    fast.start(3)
    first = fast.tree.copy()
    for row in random_rows(3, 5):
        fast.advance(row)
    assert not np.array_equal(first, fast.tree)
    for lanes in (7, 1, 3):
        fast.start(lanes)
        assert np.array_equal(fast.tree, np.tile(first[:1], (lanes, 1)))


def test_a_lane_does_not_see_the_others() -> None:
    alone, among = cpu(tiny()), cpu(tiny())
    rows = random_rows(16, 30)
    alone.start(1)
    among.start(16)
    for row in rows:
        alone.advance(row[7:8])
        among.advance(row)
        assert np.array_equal(alone.tree[0], among.tree[7])


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    product_class.cache_clear()
    try:
        assert product_class() is BlasProduct
        check_equal(tiny(), text_rows(5, 40))
        check_equal(synthetic(20, 12, 3, extreme=True), random_rows(16, 10))
        check_equal(synthetic(500, 1000, 2, extreme=True), random_rows(2, 3))
    finally:
        product_class.cache_clear()
    monkeypatch.undo()
    assert product_class() is OnnxProduct


def test_bits_per_byte_of_both_engines() -> None:
    sample = text(2000)
    bits = integer_bits_per_byte(tiny(), sample, 4, "cpu")
    assert bits == integer_bits_per_byte(tiny(), sample, 4, "reference")
    assert 1 < bits < 6
    assert integer_bits_per_byte(tiny(), b"a") > 0
