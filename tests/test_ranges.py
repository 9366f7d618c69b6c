"""A range is the slice of the whole, and no other block is decoded."""

import io
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fscompress import codec
from fscompress.codec import CodingOptions
from fscompress.errors import DamagedError, RefusedError
from fscompress.ranges import decode_range
from tests.helpers import encode, find_tiny, noise, text

PLAIN = text(2500) + noise(1596) + text(900, 300_000)  # five blocks, the third and the fourth raw
CODED = [(0, 1024), (1024, 2048), (4024, len(PLAIN))]
BOUND = st.none() | st.integers(-len(PLAIN) - 100, len(PLAIN) + 100) | st.sampled_from([0, 1023, 1024, 1025, 4096])


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise OSError("a pipe")


@cache
def stream() -> bytes:
    """Two streams, one after the other."""
    return encode(PLAIN[:3000], block_log2=10) + encode(PLAIN[3000:], block_log2=10)


@pytest.fixture(scope="module")
def decoded() -> Iterator[list[int]]:
    """Plain lengths of the coded blocks that were decoded."""
    found: list[int] = []
    decode_one = codec.decode_block

    def counted(block, *arguments):
        found.append(block.n_plain)
        return decode_one(block, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "decode_block", counted)
        yield found


def read(bounds: slice, source: io.BytesIO, threads: int = 1) -> bytes:
    target = io.BytesIO()
    stats = decode_range(source, target, find_tiny, bounds, CodingOptions(threads=threads), lambda n: None)
    assert stats.n_plain == len(target.getvalue())
    return target.getvalue()


@settings(max_examples=40, deadline=None)
@given(start=BOUND, stop=BOUND, threads=st.integers(1, 2))
def test_range_is_the_slice(start: int | None, stop: int | None, threads: int, decoded: list[int]) -> None:
    decoded.clear()
    bounds = slice(start, stop)
    source = io.BytesIO(stream())
    assert read(bounds, source, threads) == PLAIN[bounds]
    begin, end, _ = bounds.indices(len(PLAIN))
    assert decoded == [high - low for low, high in CODED if low < end and high > begin and begin < end]
    if (start or 0) >= 0 and (stop is None or stop >= 0):
        assert read(bounds, Pipe(stream()), threads) == PLAIN[bounds]


def test_nothing_is_read_after_the_last_block_needed() -> None:
    source = Pipe(stream())
    assert read(slice(10, 20), source) == PLAIN[10:20]
    assert source.tell() < len(stream()) // 3


def test_damage_elsewhere_does_not_matter() -> None:
    damaged = bytearray(stream())
    damaged[300] ^= 1
    assert read(slice(2000, 4000), io.BytesIO(bytes(damaged))) == PLAIN[2000:4000]
    with pytest.raises(DamagedError):
        read(slice(0, 1), io.BytesIO(bytes(damaged)))


def test_a_pipe_has_no_end_to_count_from() -> None:
    with pytest.raises(RefusedError, match="negative bound"):
        read(slice(-5, None), Pipe(stream()))


def test_what_is_no_stream_is_refused() -> None:
    with pytest.raises(DamagedError, match="not an"):
        read(slice(5, 5), io.BytesIO(b"foreign"))
