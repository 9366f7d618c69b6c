"""How networks are wired, beside the papers' figures."""

import pytest

from fscompress.errors import RefusedError
from fscompress.model.config import ModelConfig
from fscompress.wiring import FAST, SLOW, Place, fs_rnn


def test_an_fs_rnn_of_four_fast_cells() -> None:
    expected = (Place(FAST, reads_byte=True), Place(SLOW, FAST), Place(FAST, SLOW), Place(FAST), Place(FAST))
    wiring = fs_rnn(10, 20, 4)
    assert (wiring.sizes, wiring.places, wiring.read_groups) == ((10, 20), expected, range(1))
    assert wiring.is_fs_rnn


def test_each_level_of_slow_cells_is_updated_less_often_than_the_one_below() -> None:
    wiring = fs_rnn(10, 20, 4, n_slow=3)
    assert [place.group for place in wiring.places] == [0, 1, 2, 3, 2, 1, 0, 0, 0]
    assert [place.source for place in wiring.places] == [None, 0, 1, 2, 3, 2, 1, None, None]
    assert wiring.sizes == (10, 20, 20, 20)
    assert not wiring.is_fs_rnn


def test_only_an_fs_rnn_has_levels() -> None:
    assert ModelConfig(8, 8, 2, 4, n_slow=2).wiring == fs_rnn(8, 8, 2, 2)
    with pytest.raises(RefusedError, match="levels of slow cells"):
        ModelConfig(8, 0, 2, 4, architecture="stacked", n_slow=2)
