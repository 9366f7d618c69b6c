"""Blocks as long as those of real files: their coded bytes are pinned, since golden files are too short to fill tables.

Tables, links and collisions depend on a block's length.  A difference here breaks files that users have.
"""

import hashlib
from collections.abc import Iterator

import pytest

from tests.helpers import decode, encode, tiny

PINNED = {
    ("light", 1 << 20): "3e21ed0e0b7e62405c447288af757aa970f3351b9965efa4d261bc5d9806c4ab",
    ("normal", 1 << 17): "75283993810f887a835204d7de512391121e53034e842b24004abbbb2277e0d9",
    ("best", 1 << 17): "50f6fd73844c21793331bb46549f9a11386c5e0f16bc59bc81718133576be064",
}


def numbers() -> Iterator[int]:
    """A linear congruential generator's upper bits, the same in any version of Python."""
    state = 1
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def text(n_bytes: int) -> bytes:
    """Sentences of invented words, some much more frequent than others, with numbers and returning phrases."""
    draw = numbers()
    words = ["".join("etaoinshrdlu"[next(draw) % 12] for _ in range(1 + next(draw) % 9)) for _ in range(3000)]
    sentences: list[str] = []
    length = 0
    while length < n_bytes:
        chosen = (words[next(draw) % (1 + next(draw) % 3000)] for _ in range(4 + next(draw) % 12))
        old = sentences[next(draw) % len(sentences)] if sentences and next(draw) % 8 == 0 else ""
        sentences.append(old or f"{' '.join(chosen)} {next(draw) % 2000}.\n")
        length += len(sentences[-1])
    return "".join(sentences).encode()[:n_bytes]


@pytest.mark.parametrize(("level", "n_bytes"), PINNED)
def test_coded_bytes_are_what_they_were(level: str, n_bytes: int) -> None:
    plain = text(n_bytes)
    coded = encode(plain, [tiny()], level)
    assert hashlib.sha256(coded).hexdigest() == PINNED[level, n_bytes]
    assert decode(coded) == plain
