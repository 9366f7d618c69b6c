"""Levels: plans that read the level and the block's length alone, and that every reader accepts."""

import pytest

from fscompress.container import SCHEME_MIXED, SCHEME_NETWORK
from fscompress.container.layout import MAX_LANES
from fscompress.errors import DamagedError, RefusedError
from fscompress.levels import DEFAULT_LEVEL, LEVELS, Level, Plan, level, n_networks, plan, predictor
from fscompress.mixer import BEST, LIGHT, NORMAL, MixerSettings
from fscompress.predictor import MixingPredictor, NetworkPredictor
from tests.helpers import blank_plan, cpu, tiny

LENGTHS = [1, 2, 5, 255, 1024, 65_535, 1 << 17, (1 << 18) + 3, 1 << 20, 3_500_001, 1 << 22, 1 << 24, 1 << 30]
each_level = pytest.mark.parametrize("chosen", LEVELS.values(), ids=LEVELS)
mixing_level = pytest.mark.parametrize("name", [name for name, one in LEVELS.items() if one.mixing is not None])


def test_names() -> None:
    assert [*LEVELS] == ["fast", "light", "normal", "best", "bulk"]
    assert all(level(name) is one and one.name == name for name, one in LEVELS.items())
    assert DEFAULT_LEVEL in LEVELS


@pytest.mark.parametrize("name", ["", "Best", "fastest", "1"])
def test_an_unknown_level_is_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(RefusedError, match=rf"unknown level '{name}' \(known: fast, light, normal, best, bulk\)"):
        level(name)


@each_level
@pytest.mark.parametrize("n_bytes", LENGTHS)
def test_plans_are_what_every_reader_accepts(chosen: Level, n_bytes: int) -> None:
    for n in (1, 2, 4) if chosen.mixing else (1,):
        planned = plan(chosen, n_bytes, n)
        assert planned == plan(chosen, n_bytes, n)
        assert 1 <= planned.lanes <= min(n_bytes, MAX_LANES)
        assert len(planned.parameters) == 12
        assert n_networks(planned.scheme, planned.parameters) == n
        if chosen.mixing is None:
            assert (planned.scheme, planned.parameters) == (SCHEME_NETWORK, bytes(12))
            continue
        settings = MixerSettings.unpack(planned.parameters)
        assert settings.pack() == planned.parameters
        assert planned.scheme == SCHEME_MIXED
        assert (settings.lanes, settings.n_networks) == (planned.lanes, n)
        assert settings.priors == 1


def test_plans_do_not_know_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {(name, n): plan(one, n, 1) for name, one in LEVELS.items() for n in LENGTHS}
    monkeypatch.setattr("os.cpu_count", lambda: 96)
    monkeypatch.setenv("FSCOMPRESS_THREADS", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert before == {(name, n): plan(one, n, 1) for name, one in LEVELS.items() for n in LENGTHS}


def test_plans_of_the_default_sizes() -> None:
    """What blocks of 4 MiB get; a change here changes what encoders write."""
    assert [plan(one, 1 << 22, 1).lanes for one in LEVELS.values()] == [64, 4, 4, 1, 1024]
    assert [one.mixing for one in LEVELS.values()] == [None, LIGHT, NORMAL, BEST, None]
    assert [one.block_log2 for one in LEVELS.values()] == [19, 20, 22, 24, 24]


@mixing_level
def test_better_levels_use_no_smaller_tables(name: str) -> None:
    tables = [MixerSettings.unpack(plan(LEVELS[name], n, 1).parameters).table_log2 for n in LENGTHS]
    assert tables == sorted(tables)


def test_predictors_of_plans() -> None:
    engines = [cpu(tiny())]
    assert isinstance(predictor(plan(LEVELS["fast"], 500, 1), 500, engines), NetworkPredictor)
    assert isinstance(predictor(plan(LEVELS["normal"], 500, 1), 500, engines), MixingPredictor)
    assert isinstance(predictor(blank_plan("best", 500), 500, engines), MixingPredictor)


@pytest.mark.parametrize(("place", "value"), [(0, 0), (2, 25), (3, 7), (10, 0)])
def test_settings_that_no_mixer_has_are_damage(place: int, value: int) -> None:
    parameters = bytearray(blank_plan("normal", 500).parameters)
    parameters[place] = value
    with pytest.raises(DamagedError, match=r"offset 77\).*\[R18\]$"):
        predictor(Plan(SCHEME_MIXED, 1, bytes(parameters)), 500, [cpu(tiny())], 77)
