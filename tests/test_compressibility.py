"""The quick look at a block: random and compressed bytes are not worth a network, everything else is."""

import base64
import lzma

import numpy as np
import pytest

from fscompress.compressibility import SHORTEST, is_incompressible
from tests.helpers import text


def random_bytes(n: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, n).astype(np.uint8).tobytes()


@pytest.mark.parametrize("n", [SHORTEST, 20_000, 65_535, 65_536, 1 << 19, 1 << 22])
def test_random_bytes_are_incompressible(n: int) -> None:
    assert all(is_incompressible(random_bytes(n, seed)) for seed in range(20))


def test_compressed_text_is_incompressible() -> None:
    assert is_incompressible(lzma.compress(base64.b85encode(random_bytes(200_000))))


@pytest.mark.parametrize("n", [1 << 18, 1 << 22])
def test_a_header_or_an_index_does_not_matter(n: int) -> None:
    assert is_incompressible(text(5000) + random_bytes(n))
    assert is_incompressible(random_bytes(n) + text(5000))
    assert not is_incompressible(text(5000) + random_bytes(n) + text(5000))


@pytest.mark.parametrize("n", [40_000, 200_000, 2_000_000])
def test_random_bytes_in_the_middle_of_a_text_are_part_of_it(n: int) -> None:
    around = text(50_000) * (n // 50_000 + 1)
    assert not is_incompressible(around[:n] + random_bytes(70_000) + around[:n])
    assert not is_incompressible(random_bytes(n) + around[:n] + random_bytes(n))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(1 << 17),
        text(1 << 16),
        random_bytes(SHORTEST - 1),
        base64.b64encode(random_bytes(1 << 16)),
        random_bytes(1 << 15) * 8,  # repeats
        bytes(byte & 0xFE for byte in random_bytes(1 << 16)),  # one bit is always the same
        np.cumsum(np.random.default_rng(0).integers(-3, 4, 1 << 16)).astype(np.uint8).tobytes(),  # a smooth signal
    ],
)
def test_anything_with_structure_goes_to_the_network(data: bytes) -> None:
    assert not is_incompressible(data)
