"""The coder against the same algorithm in plain Python integers: words, bits, ends, and what damage does."""

import math

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fscompress.coder import BinaryDecoder, BinaryEncoder
from fscompress.coder.encoder import _weights
from fscompress.coder.kernels import decode_bit
from fscompress.errors import DamagedError
from tests.coder import plain_coder

P1 = st.sampled_from([1, 2, 32, 65504, 65534, 65535]) | st.integers(1, 65535)
decisions = st.lists(st.tuples(st.integers(0, 1), P1), max_size=400)
rarely = st.integers(0, 30).map(lambda n: n == 0)
likely = st.lists(st.builds(lambda p1, flip: (int(p1 > 32768) ^ flip, p1), P1, rarely))

Pairs = list[plain_coder.Decision]


def split(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, np.int32).reshape(-1, 2)
    return array[:, 0].astype(np.uint8), array[:, 1].astype(np.uint16)


def encode(pairs: Pairs, batch: int = 1 << 30) -> bytes:
    coder = BinaryEncoder()
    bits, p1 = split(pairs)
    for start in range(0, len(pairs), batch):
        coder.encode(bits[start : start + batch], p1[start : start + batch])
    return coder.finish()


def words(coded: bytes) -> list[int]:
    return np.frombuffer(coded, "<u4").tolist()


def decode(coded: bytes, p1: np.ndarray) -> tuple[list[int], bool]:
    coder = BinaryDecoder(coded)
    bits = [int(decode_bit(coder.state, coder.words, int(p))) for p in p1]
    coder.check()
    return bits, coder.exhausted()


def constrictions_decoder(coded: bytes, p1: np.ndarray) -> list[int]:
    queue = constriction.stream.queue.RangeDecoder(np.frombuffer(coded, "<u4").astype(np.uint32))
    family = constriction.stream.model.Categorical(perfect=False)
    return queue.decode(family, _weights(p1)).tolist() if len(p1) else []


@settings(deadline=None, max_examples=300)
@given(decisions | likely, st.integers(1, 50))
def test_words_bits_and_end(pairs: Pairs, batch: int) -> None:
    coded = encode(pairs)
    assert words(coded) == plain_coder.encode(pairs)
    assert encode(pairs, batch) == coded
    bits, p1 = split(pairs)
    assert decode(coded, p1) == (bits.tolist(), True)
    assert constrictions_decoder(coded, p1) == bits.tolist()
    assert plain_coder.decode(words(coded), p1.tolist()) == bits.tolist()


@pytest.mark.parametrize("p1", [1, 2, 32, 255, 256, 32767, 32768, 65504, 65534, 65535])
@pytest.mark.parametrize("bit", [0, 1])
@pytest.mark.parametrize("n", [1, 7, 5000])
def test_one_bit_again_and_again(p1: int, bit: int, n: int) -> None:
    pairs = [(bit, p1)] * n
    coded = encode(pairs)
    assert words(coded) == plain_coder.encode(pairs)
    assert decode(coded, split(pairs)[1]) == ([bit] * n, True)
    ideal = -n * math.log2((p1 if bit else 65536 - p1) / 65536) / 8
    assert ideal - 1 < len(coded) < ideal * 1.0001 + 9


def test_long_random_runs() -> None:
    """Enough words for carries, held back words and sealing in all their forms."""
    rng = np.random.default_rng(3)
    for seed in range(12):
        n = 20_000
        p1 = np.exp2(rng.uniform(0, 16, n)).astype(np.int32).clip(1, 65535)
        p1 = np.where(rng.integers(0, 2, n), p1, 65536 - p1)
        bits = (rng.integers(0, 65536, n) < p1) if seed % 3 else np.ones(n)
        pairs = list(zip(bits.astype(int).tolist(), p1.tolist(), strict=True))
        coded = encode(pairs, 64)
        assert words(coded) == plain_coder.encode(pairs)
        assert decode(coded, p1) == (bits.astype(int).tolist(), True)


def test_no_decisions() -> None:
    assert encode([]) == b""
    assert BinaryDecoder(b"").exhausted()


def test_golden_words() -> None:
    """Literal bytes: a coder that passes all else but gives others would break every file."""
    rng = np.random.default_rng(2017)
    pairs = list(zip(rng.integers(0, 2, 64).tolist(), rng.integers(1, 65536, 64).tolist(), strict=True))
    assert pairs[:3] == [(0, 1652), (1, 61503), (0, 38883)]
    assert encode(pairs).hex() == "a43993553a9e5fbcdfc7df37"
    rare = [(int(n % 16 == 0), 1 if n % 2 else 65535) for n in range(24)]
    assert encode(rare).hex() == "ffff000000ffffff00000000000000000000f7ff00000000"
    assert encode([(1, 1)] * 4).hex() == "ffffffffff0000fe00010000"
    assert encode([(0, 65535)] * 4).hex() == "000000000000000000000000"
    assert encode([(1, 1 << 15)]).hex() == "00000080"
    assert encode([(0, 1 << 15)]).hex() == "00000000"


def test_weights_cannot_be_rounded() -> None:
    """Integers below 2**24 with a sum of 2**24 - 2 each: constriction's scale is 1, and it adds one part to each."""
    p1 = np.arange(1, 65536, dtype=np.uint16)
    weights = _weights(p1)
    assert np.array_equal(weights, np.rint(weights))
    assert np.array_equal(weights[:, 1] + 1, 256.0 * p1)
    assert set(weights.sum(axis=1).tolist()) == {2.0**24 - 2}
    assert weights.min() >= 255


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(0, 0xFFFFFFFF) | st.just(0xFFFFFFFF), max_size=8), st.lists(P1, min_size=1, max_size=60))
def test_any_words_decode_as_in_plain_integers_or_are_refused(garbage: list[int], p1: list[int]) -> None:
    coded = np.array(garbage, "<u4").tobytes()
    try:
        expected = plain_coder.decode(garbage, p1)
    except ValueError:
        with pytest.raises(DamagedError, match="impossible coder state"):
            decode(coded, np.array(p1))
        return
    assert decode(coded, np.array(p1))[0] == expected


def test_all_ones_are_outside_all_intervals() -> None:
    """Found by flipping bits."""
    with pytest.raises(DamagedError):
        decode(b"\xff" * 8, np.full(1, 1 << 15))


@settings(deadline=None, max_examples=100)
@given(decisions.filter(bool), st.integers(0, 0xFFFFFFFF), st.integers(2, 4))
def test_words_left_over_are_noticed(pairs: Pairs, word: int, extra: int) -> None:
    """Two or more always; one may be read ahead and pass, with the same bits."""
    coded, (bits, p1) = encode(pairs), split(pairs)
    one_more = word.to_bytes(4, "little")
    assert decode(coded + one_more, p1)[0] == bits.tolist()
    assert decode(coded + one_more * extra, p1) == (bits.tolist(), False)
