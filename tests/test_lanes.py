"""How a block becomes rows and rows a block, for every small length and number of lanes."""

import numpy as np
import pytest

from fscompress.lanes import LaneRule, active_lanes, from_rows, lane_lengths, to_rows
from tests.helpers import noise

LONGER = [(1000, 7), (1000, 64), (4096, 4096), (9999, 100)]
CASES = [(n, lanes) for n in range(1, 40) for lanes in range(1, n + 1)] + LONGER


def test_the_example_of_the_format() -> None:
    assert lane_lengths(11, 4) == [3, 3, 3, 2]
    assert to_rows(bytes(range(11)), 4).tolist() == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 0]]


def test_round_trip_and_lengths() -> None:
    for n, lanes in CASES:
        plain = noise(n)
        rows = to_rows(plain, lanes)
        lengths = lane_lengths(n, lanes)
        assert rows.shape == (-(-n // lanes), lanes)
        assert from_rows(rows, n) == plain
        assert sum(lengths) == n
        assert len(lengths) == lanes
        assert max(lengths) - min(lengths) in (0, 1)
        assert lengths == sorted(lengths, reverse=True)


def test_active_lanes_are_those_that_have_a_byte() -> None:
    for n, lanes in CASES:
        lengths = np.array(lane_lengths(n, lanes))
        for step in range(-(-n // lanes)):
            assert active_lanes(n, lanes, step) == (lengths > step).sum()


@pytest.mark.parametrize(
    ("n_bytes", "lanes"),
    [(0, 1), (1, 1), (16383, 1), (32767, 1), (32768, 2), (1 << 19, 32), (1 << 20, 64)],
)
def test_a_rule_of_lanes(n_bytes: int, lanes: int) -> None:
    assert LaneRule(1 << 14, 64).lanes(n_bytes) == lanes


def test_a_rule_never_asks_for_more_lanes_than_bytes() -> None:
    for n_bytes in range(1, 100):
        assert all(1 <= LaneRule(each, 64).lanes(n_bytes) <= n_bytes for each in (1, 7, 64))
