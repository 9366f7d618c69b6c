"""The kernels equal the plain reference, bit for bit, in every way of calling them."""

import random
from itertools import pairwise

import numpy as np
import pytest

from fscompress.mixer.mixer import Mixer
from fscompress.mixer.reference import ReferenceMixer
from fscompress.mixer.settings import ALL_CONTEXTS, BEST, MATCH_BIT, MixerSettings, mask, settings_for
from tests.mixer.by_decisions import ByDecisions

TEXT = b'<a href="x">The {quick} [[fox]], jumps\n  over; 3 lazy dogs: 12,7 | "key": 45\n\tquick = \xd0\xb6\xd1\x8f\n'


def sample(n: int, seed: int) -> np.ndarray:
    """uint8 [n]: repeats of TEXT with errors, and noise."""
    random.seed(seed)
    out = bytearray()
    while len(out) < n:
        start = random.randrange(len(TEXT))
        out += TEXT[start : start + random.randrange(1, 90)] if random.random() < 0.9 else random.randbytes(9)
    return np.frombuffer(bytes(out[:n]), np.uint8)


def lanes_of(data: np.ndarray, lanes: int) -> list[np.ndarray]:
    """The bytes of each lane."""
    n, rest = divmod(len(data), lanes)
    starts = [k * n + min(k, rest) for k in range(lanes + 1)]
    return [data[a:b] for a, b in pairwise(starts)]


def decide(mixer, data, networks):
    """p1 of every decision, in coding order, by one call a decision."""
    texts = lanes_of(data, mixer.settings.lanes)
    result, bits = [], None
    for t in range(len(texts[0])):
        for bit in range(8):
            here = [x for x in texts if t < len(x)]
            p1 = mixer.advance(bits, networks[t, bit][:, : len(here)])
            result += [int(p) for p in p1]
            bits = np.array([x[t] >> (7 - bit) & 1 for x in here], np.uint8)
    return result


def networks_for(settings: MixerSettings, n_bytes: int, seed: int) -> np.ndarray:
    """uint16 [steps, 8, n_networks, lanes]."""
    steps = -(-n_bytes // settings.lanes)
    shape = (steps, 8, settings.n_networks, settings.lanes)
    return np.random.default_rng(seed).integers(1, 65536, shape).astype(np.uint16)


NAMES = ("lanes", "n_bytes", "n_networks", "table_log2", "sse_log2", "contexts", "sets", "_why")
CASES = [
    (1, 1500, 0, 4, 8, ALL_CONTEXTS, 255, "collisions, every context and set"),
    (3, 1201, 1, 10, 8, ALL_CONTEXTS, 255, "unequal lanes, one network"),
    (16, 1500, 2, 6, 8, mask(0, 1, 2, 6, 8, MATCH_BIT), 31, "two networks, short lanes"),
    (2, 1200, 1, 6, 8, mask(0, 1, 5, 10), 31, "no match model"),
    (2, 1200, 1, 6, 0, mask(0, 1, 5, 10, MATCH_BIT), 31, "no refinement"),
    (16, 5, 0, 6, 8, mask(0, 1, MATCH_BIT), 3, "fewer bytes than lanes"),
    (1, 1, 0, 4, 8, 1, 1, "one byte"),
]


@pytest.mark.parametrize(NAMES, CASES)
def test_kernels_equal_reference(lanes, n_bytes, n_networks, table_log2, sse_log2, contexts, sets, _why):
    settings = MixerSettings(45, lanes, n_networks, table_log2, sse_log2, contexts, sets)
    data, networks = sample(n_bytes, lanes), networks_for(settings, n_bytes, lanes)
    expected = decide(ReferenceMixer(settings, n_bytes), data, networks)
    assert decide(ByDecisions(Mixer(settings, n_bytes)), data, networks) == expected
    assert len(expected) == 8 * n_bytes
    assert all(1 <= p <= 65535 for p in expected)


@pytest.mark.parametrize("byte", [0, 255, 97])
def test_saturated_counters_equal_reference(byte):
    settings = MixerSettings(255, 2, 0, 6, 8, mask(0, 3, 6, 10, 15, MATCH_BIT), 31)
    data = np.full(1400, byte, np.uint8)
    networks = networks_for(settings, len(data), 0)
    expected = decide(ReferenceMixer(settings, len(data)), data, networks)
    assert decide(ByDecisions(Mixer(settings, len(data))), data, networks) == expected


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_whole_steps_equal_decisions(lanes):
    settings = MixerSettings(45, lanes, 1, 8, 8, ALL_CONTEXTS, 255)
    data = sample(4001, 5)
    networks = networks_for(settings, len(data), 7)
    expected = decide(ByDecisions(Mixer(settings, len(data))), data, networks)
    texts, mixer, found = lanes_of(data, lanes), Mixer(settings, len(data)), []
    whole = len(texts[-1])
    for start, stop in ((0, 1), (1, whole), (whole, len(texts[0]))):
        if start == stop:
            continue
        block = np.stack([x[start:stop] for x in texts if len(x) >= stop], axis=1)
        found += mixer.run_steps(block, networks[start:stop, :, :, : block.shape[1]]).reshape(-1).tolist()
    assert found == expected


def test_random_bytes_do_not_overflow():
    settings = settings_for(BEST, 20000, 1)
    data = np.random.default_rng(1).integers(0, 256, 20000).astype(np.uint8)
    networks = np.random.default_rng(2).choice(np.array([1, 65535], np.uint16), (20000, 8, 1, 1))
    mixer = Mixer(settings, len(data))
    p1 = mixer.run_steps(data[:, None], networks).astype(float)[:, :, 0] / 65536
    bits = np.unpackbits(data).reshape(-1, 8)
    assert -np.log2(np.where(bits == 1, p1, 1 - p1)).sum() / len(data) < 8.6
    assert np.abs(mixer.weights).max() < 1 << 23
    assert np.abs(mixer.inputs).max() <= 2847
