"""The predictor of coding scheme 1 against the same in separate calls, with kernels and with the plain reference."""

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fscompress.blocks import decode_block, encode_block
from fscompress.container import SCHEME_MIXED, CodedBlock
from fscompress.engine import Engine
from fscompress.lanes import active_lanes, to_rows
from fscompress.levels import Plan, predictor
from fscompress.mixer import BEST, LIGHT, NORMAL, Mixer, MixerSettings, priors_of, settings_for
from fscompress.mixer.kernels import learn
from fscompress.mixer.reference import ReferenceMixer
from fscompress.parallel import NO_THREADS, Threads
from fscompress.predictor import MixingPredictor, NetworkPredictor, Predictor
from tests.helpers import cpu, noise, other, reference, text, tiny
from tests.mixer.by_decisions import ByDecisions

MODELS = [tiny, other]


def engines(n: int) -> list[Engine]:
    return [cpu(model()) for model in MODELS[:n]]


def separately(used: list[Engine], mixer: Any, plain: bytes, lanes: int) -> list[int]:
    """p1 of every decision in coding order, networks and mixer in the calls that each has alone."""
    found, bits = [], None
    for engine in used:
        engine.start(lanes)
    rows = to_rows(plain, lanes)
    for t, row in enumerate(rows):
        n = active_lanes(len(plain), lanes, t)
        if t:
            for engine in used:
                engine.advance(rows[t - 1, :n])
        for k in range(7, -1, -1):
            nodes = (256 + row[:n].astype(np.int64)) >> k + 1
            given = np.empty((len(used), n), np.uint16)
            for mine, engine in zip(given, used, strict=True):
                trees = engine.tree[np.arange(n)].astype(np.int64)
                one, both = trees[np.arange(n), 2 * nodes + 1], trees[np.arange(n), nodes]
                mine[:] = ((one << 16) // both).clip(32, 65504)
            found += [int(p) for p in mixer.advance(bits, given)]
            bits = (row[:n] >> k) & 1
    return found


def decisions(one: Predictor, plain: bytes, lanes: int) -> list[int]:
    """p1 of every decision in coding order."""
    found: list[int] = []
    for t, row in enumerate(to_rows(plain, lanes)):
        n = active_lanes(len(plain), lanes, t)
        found += one.mixed_p1(row[None, :n], one.network_p1(row[None, :n])).reshape(-1).tolist()
    return found


@pytest.mark.parametrize("lanes", [1, 3, 16])
@pytest.mark.parametrize("n_networks", [1, 2])
@pytest.mark.parametrize("level", [LIGHT, NORMAL, BEST])
def test_equals_separate_calls(level: int, n_networks: int, lanes: int) -> None:
    for plain in (text(601), text(16), noise(47), text(300) * 2):
        settings = replace(settings_for(level, len(plain), n_networks), lanes=lanes)
        mixers = [Mixer(settings, len(plain), priors_of(settings)) for _ in range(2)]
        expected = separately(engines(n_networks), ByDecisions(mixers[0]), plain, lanes)
        assert decisions(MixingPredictor(engines(n_networks), mixers[1]), plain, lanes) == expected
        assert len(expected) == 8 * len(plain)
        rows = to_rows(plain, lanes)
        last = rows[-1, : active_lanes(len(plain), lanes, len(rows) - 1)] & 1
        learn(*mixers[0].state, last)  # the last decision, which ``advance`` leaves pending
        for one, again in zip(mixers[0].state[1:4], mixers[1].state[1:4], strict=True):  # slots, maps, weights
            assert np.array_equal(one, again)


@pytest.mark.parametrize(
    ("level", "n_networks", "lanes", "priors"), [(NORMAL, 1, 3, 1), (BEST, 2, 2, 1), (BEST, 1, 7, 0)]
)
def test_equals_the_plain_reference(level: int, n_networks: int, lanes: int, priors: int) -> None:
    plain = text(110) + b"\n" + noise(9) + text(41)
    settings = replace(settings_for(level, len(plain), n_networks), lanes=lanes, table_log2=5, priors=priors)
    slow = [reference(model()) for model in MODELS[:n_networks]]
    stated = ReferenceMixer(settings, len(plain), priors_of(settings))
    expected = separately(slow, stated, plain, lanes)
    mixing = MixingPredictor(engines(n_networks), Mixer(settings, len(plain), priors_of(settings)))
    assert decisions(mixing, plain, lanes) == expected


def test_the_second_network_and_its_place_matter() -> None:
    plain = text(200)
    settings = settings_for(BEST, len(plain), 2)
    found = []
    for models in ((tiny, tiny), (tiny, other), (other, tiny)):
        mixer = Mixer(settings, len(plain), priors_of(settings))
        found.append(decisions(MixingPredictor([cpu(model()) for model in models], mixer), plain, 1))
    assert found[0] != found[1] != found[2] != found[0]


def cost(p1: list[int], plain: bytes) -> float:
    """Bits of a block in one lane."""
    ones = np.array(p1) / 65536
    bits = np.unpackbits(np.frombuffer(plain, np.uint8))
    return float(-np.log2(np.where(bits == 1, ones, 1 - ones)).sum())


def test_mixing_gains_on_repetition_and_loses_little_on_noise() -> None:
    for plain, most in ((text(700) * 3, 0.6), (noise(2000), 1.05)):
        settings = settings_for(NORMAL, len(plain), 1)
        mixed = MixingPredictor(engines(1), Mixer(settings, len(plain), priors_of(settings)))
        alone = NetworkPredictor(cpu(tiny()), len(plain), 1)
        assert cost(decisions(mixed, plain, 1), plain) < most * cost(decisions(alone, plain, 1), plain)


@pytest.mark.parametrize("lanes", [1, 2, 3, 16, 33, 91, 4096])
@pytest.mark.parametrize("level", [LIGHT, NORMAL, BEST])
def test_blocks_in_any_lanes(level: int, lanes: int) -> None:
    plain = text(91) if lanes <= 91 else text(4500)
    settings = MixerSettings(level, lanes, 1, 6, 8, settings_for(level, 1, 1).contexts, settings_for(level, 1, 1).sets)
    planned = Plan(SCHEME_MIXED, lanes, settings.pack())
    coded = encode_block(plain, lanes, predictor(planned, len(plain), engines(1)))
    again = predictor(planned, len(plain), engines(1))
    assert encode_block(plain, lanes, again, threads=Threads(2), ahead=True) == coded
    block = CodedBlock(SCHEME_MIXED, lanes, planned.parameters, len(plain), zlib.crc32(plain), coded, offset=0)
    for threads in (NO_THREADS, Threads(1)):
        assert decode_block(block, predictor(planned, len(plain), engines(1)), threads=threads) == plain
