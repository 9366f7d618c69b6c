"""Damaged and hostile files through the whole decoder: our error class, or the text that was encoded."""

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fscompress import levels
from fscompress.container import BlockInfo, End, ModelRecord, skim
from fscompress.errors import FscompressError
from fscompress.lanes import LaneRule
from tests.helpers import GOLDEN, decode, encode, text

NAMES = ["short-text", "seven-lanes", "lane-a-byte", "raw-block", "concatenated", "mixed-normal", "mixed-lanes"]
FILES = {name: (GOLDEN / "v1" / "accept" / f"{name}.fsc").read_bytes() for name in NAMES}
TEXTS = {name: decode(data) for name, data in FILES.items()}
relaxed = settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
names = st.sampled_from(NAMES)
coded_names = names.filter(lambda name: name != "raw-block")


@pytest.fixture(autouse=True, scope="module")
def many_lanes() -> Iterator[None]:
    """Small blocks in many lanes, for speed; the golden files have the encoder's own choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(levels.LEVELS, "fast", replace(levels.LEVELS["fast"], coding=LaneRule(8, 64)))
        yield


def check(data: bytes, *allowed: bytes) -> None:
    """Anything but our errors or these texts fails."""
    with suppress(FscompressError):
        assert decode(data) in allowed


@relaxed
@given(names, st.data())
def test_flips(name: str, data: st.DataObject) -> None:
    stream = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(stream), TEXTS[name])


@relaxed
@given(names, names, st.data())
def test_splices(left: str, right: str, data: st.DataObject) -> None:
    first, second = FILES[left], FILES[right]
    spliced = first[: data.draw(st.integers(0, len(first)))] + second[data.draw(st.integers(0, len(second))) :]
    one, other = TEXTS[left], TEXTS[right]
    # "concatenated" has ends between its streams, where a cut is no damage
    try:
        found = decode(spliced)
    except FscompressError:
        return
    assert any(found == head + tail for head in _prefixes(left, one) for tail in _suffixes(right, other))


def _prefixes(name: str, plain: bytes) -> set[bytes]:
    return {b"", plain} | ({plain[:n] for n in _ends()} if name == "concatenated" else set())


def _suffixes(name: str, plain: bytes) -> set[bytes]:
    return {b"", plain} | ({plain[n:] for n in _ends()} if name == "concatenated" else set())


def _ends() -> set[int]:
    ends, total = set(), 0
    for head in skim(io.BytesIO(FILES["concatenated"])):
        if isinstance(head, End):
            total += head.n_plain
            ends.add(total)
    return ends


@relaxed
@given(coded_names, st.data())
def test_other_coded_bytes(name: str, data: st.DataObject) -> None:
    """Whole words changed, dropped or added, with records that are true to them: only the coder can notice."""
    stream = FILES[name]
    coded = [head for head in skim(io.BytesIO(stream)) if isinstance(head, BlockInfo) and head.scheme is not None]
    block = data.draw(st.sampled_from(coded))
    start = block.offset + 32
    words = [stream[at : at + 4] for at in range(start, start + block.n_stored, 4)]
    word = st.binary(min_size=4, max_size=4) | st.sampled_from([bytes(4), b"\xff" * 4])
    at = data.draw(st.integers(0, len(words) - 1))
    words[at : at + data.draw(st.integers(0, 3))] = data.draw(st.lists(word, max_size=3))
    payload = b"".join(words)
    head = bytearray(stream[block.offset : start - 4])
    head[8:12] = len(payload).to_bytes(4, "little")
    sealed = bytes(head) + zlib.crc32(head).to_bytes(4, "little")
    check(stream[: block.offset] + sealed + payload + stream[start + block.n_stored :], TEXTS[name])


@relaxed
@given(names, st.data())
def test_lies_with_true_checksums(name: str, data: st.DataObject) -> None:
    """Any field of any record but the block size, which would only ask for patience."""
    stream = FILES[name]
    records = []
    for head in skim(io.BytesIO(stream)):
        if isinstance(head, BlockInfo):
            records.append((head.offset, 16 if head.scheme is None else 32))
        elif isinstance(head, ModelRecord):
            records.append((head.offset, 16 + len(head.name)))
        elif isinstance(head, End):
            records.append((head.offset, 48))
    start, size = data.draw(st.sampled_from(records))
    body = bytearray(stream[start : start + size - 4])
    width = data.draw(st.sampled_from([1, 2, 4]))
    at = data.draw(st.integers(0, size - 4 - width))
    low = st.integers(0, min(2 ** (8 * width) - 1, 5000))
    body[at : at + width] = data.draw(low | st.integers(0, 2 ** (8 * width) - 1)).to_bytes(width, "little")
    sealed = bytes(body) + zlib.crc32(body).to_bytes(4, "little")
    check(stream[:start] + sealed + stream[start + size :], TEXTS[name])


@relaxed
@given(st.binary(max_size=3000), st.sampled_from([10, 11, 19]), st.integers(1, 3), st.sampled_from([*levels.LEVELS]))
def test_round_trip(plain: bytes, block_log2: int, threads: int, level: str) -> None:
    data = encode(plain, level=level, block_log2=block_log2, threads=threads)
    assert decode(data, threads=4 - threads) == plain


@relaxed
@given(st.lists(st.integers(0, 400_000), max_size=5), st.integers(1, 600))
def test_round_trip_of_pieces_of_text(starts: list[int], n: int) -> None:
    plain = b"".join(text(n, start) for start in starts)
    assert decode(encode(plain, block_log2=10, threads=2)) == plain
