"""Block parameters: 12 bytes there and back, bad ones refused, rules that read length and level only."""

import pytest

from fscompress.mixer.settings import BEST, LIGHT, NORMAL, MixerSettings, settings_for
from fscompress.mixer.tables import _E_STEP, SQUASH, STRETCH, STRETCH_LIMIT, e_step


@pytest.mark.parametrize("level", [LIGHT, NORMAL, BEST])
@pytest.mark.parametrize("n_bytes", [1, 20_000, 350_000, 10_000_000, 1 << 30])
def test_settings_survive_packing(level, n_bytes):
    settings = settings_for(level, n_bytes, 1)
    assert len(settings.pack()) == 12
    assert MixerSettings.unpack(settings.pack()) == settings


BAD = [(0, 0), (1, 9), (2, 3), (2, 25), (3, 17), (3, 7), (10, 0), (11, 2)]


@pytest.mark.parametrize(("place", "value"), BAD)
def test_bad_parameters_are_refused(place, value):
    packed = bytearray(settings_for(NORMAL, 1000, 0).pack())
    packed[place] = value
    with pytest.raises(ValueError, match="mixer"):
        MixerSettings.unpack(bytes(packed))


def test_some_context_is_needed_beside_the_match_model():
    packed = bytearray(settings_for(NORMAL, 1000, 0).pack())
    packed[6:10] = bytes([0, 0, 0, 128])
    with pytest.raises(ValueError, match="contexts must be at least one"):
        MixerSettings.unpack(bytes(packed))


def test_tables_come_from_integers():
    assert e_step() == _E_STEP
    assert (SQUASH[1:] >= SQUASH[:-1]).all()
    assert (SQUASH + SQUASH[::-1] == 65536).all()
    assert (STRETCH[1:] >= STRETCH[:-1]).all()
    assert abs(STRETCH.astype(int)).max() <= STRETCH_LIMIT
