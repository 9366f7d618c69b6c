"""What a mixer starts from, for settings of levels and for those that no level chooses."""

from dataclasses import replace

import numpy as np
import pytest

from fscompress.mixer import (
    BEST,
    LIGHT,
    NORMAL,
    Mixer,
    MixerSettings,
    blank_priors,
    priors_of,
    settings_for,
    stored_priors,
)
from fscompress.mixer.mixer import n_inputs
from fscompress.mixer.priors import TRAINED_START
from fscompress.mixer.reference import ReferenceMixer
from fscompress.mixer.settings import SET_BYTE2, SET_NODE, SET_ROWS, SET_WORD, mask
from tests.mixer.by_decisions import ByDecisions

FIRST = settings_for(NORMAL, 1000, 1)


@pytest.mark.parametrize("level", [LIGHT, NORMAL, BEST])
@pytest.mark.parametrize("n_networks", [1, 2, 4])
def test_levels_have_stored_weights(level: int, n_networks: int) -> None:
    settings = settings_for(level, 1000, n_networks)
    stored, blank = stored_priors(settings), blank_priors(settings)
    assert stored.rate_start == TRAINED_START
    for number in settings.set_ids:
        rows = stored.set_rows[number]
        assert rows.shape[0] in (1, SET_ROWS[number])
        assert rows.shape[1] == n_inputs(settings)
        assert np.abs(rows).max() < 1 << 23
        assert not np.array_equal(rows, np.broadcast_to(blank.set_rows[number], rows.shape))


@pytest.mark.parametrize("level", [LIGHT, NORMAL, BEST])
@pytest.mark.parametrize("sets", [1 << number for number in range(8)] + [255, mask(SET_BYTE2, SET_WORD)])
def test_every_choice_of_sets_has_rows(level: int, sets: int) -> None:
    """Any parameters must decode."""
    settings = replace(settings_for(level, 100, 1), sets=sets)
    priors = priors_of(settings)
    for number in settings.set_ids:
        assert priors.set_rows[number].shape[1] == n_inputs(settings)
    networks = np.array([[40_000]], np.uint16)
    expected = ReferenceMixer(settings, 100, priors).advance(None, networks.tolist())
    assert ByDecisions(Mixer(settings, 100, priors)).advance(None, networks).tolist() == expected


def test_columns_follow_the_chosen_contexts_and_networks() -> None:
    whole = stored_priors(FIRST).set_rows[SET_NODE]
    some = stored_priors(replace(FIRST, contexts=mask(*FIRST.context_ids[1::2]))).set_rows[SET_NODE]
    kept = [2 + 3 * k + c for k in range(1, len(FIRST.context_ids), 2) for c in range(3)]
    n = 2 + 3 * len(FIRST.context_ids)
    assert np.array_equal(some, whole[:, [0, 1, *kept, n, n + 1, n + 2, n + 3]])
    two = stored_priors(replace(FIRST, n_networks=2)).set_rows[SET_NODE]
    assert np.array_equal(two[:, : n + 2], whole[:, : n + 2])
    assert np.array_equal(two[:, n + 2 :], np.tile(whole[:, n + 2 :] // 2, 2))


def test_blank_priors_are_blank() -> None:
    settings = MixerSettings(45, 1, 1, 4, 8, 1, 1, 0)
    assert priors_of(settings).rate_start == 1600
    assert np.array_equal(priors_of(settings).context_maps, blank_priors(settings).context_maps)


def test_run_steps_takes_whole_steps_of_all_lanes() -> None:
    settings = replace(FIRST, lanes=2)
    mixer, data = Mixer(settings, 5), np.array([[97, 98]], np.uint8)
    networks = np.full((1, 8, 1, 2), 32768, np.uint16)
    mixer.run_steps(data, networks)
    with pytest.raises(ValueError, match="all active lanes"):
        mixer.run_steps(data[:, :1], networks[:, :, :, :1])
    one = ByDecisions(mixer)
    one.advance(None, networks[0, 0])
    one.advance(data[0] >> 7, networks[0, 0])
    with pytest.raises(ValueError, match="whole steps"):
        mixer.run_steps(data, networks)
