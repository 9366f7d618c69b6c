"""Damaged and hostile containers end in our error class or in the right text: nothing else, at little cost.

The blocks are coded by a toy scheme in the place of the network: a plain block of hexadecimal digits is "coded" as the
bytes that it spells, so that every coded byte matters and decoding never fails by itself, like a range decoder.
"""

import io
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fscompress.container import (
    BlockInfo,
    CodedBlock,
    End,
    ModelRecord,
    RawBlock,
    Reader,
    Verifier,
    Writer,
    skim,
)
from fscompress.errors import ChecksumError, DamagedError, FscompressError

MODELS = [(b"model..1", "a"), (b"model..2", "b-2.x")]


def encode(blocks: list[bytes]) -> bytes:
    """A stream with a block for each of ``blocks``; blocks of 8k > 0 hexadecimal digits are coded."""
    target = io.BytesIO()
    writer = Writer(target, 10)
    for model in MODELS:
        writer.write_model(*model)
    for block in blocks:
        if len(block) % 8 == 0 and not block.strip(b"0123456789abcdef"):
            writer.write_coded(0, 2, bytes(12), block, bytes.fromhex(block.decode()))
        else:
            writer.write_raw(block)
    writer.finish()
    return target.getvalue()


def decode(data: bytes | bytearray) -> bytes:
    verifier = Verifier()
    plain = bytearray()
    for record in Reader(io.BytesIO(data)):
        if isinstance(record, End):
            verifier.check(record)
        elif isinstance(record, RawBlock | CodedBlock):
            piece = record.plain if isinstance(record, RawBlock) else record.coded.hex().encode()
            if isinstance(record, CodedBlock):
                record.check(piece)
            verifier.update(piece)
            plain += piece
    return bytes(plain)


def outcome(data: bytes) -> bytes | None:
    """The decoded text, None where one of our errors ended it; any other exception fails the test."""
    try:
        return decode(data)
    except FscompressError:
        return None


def is_damaged(data: bytes | bytearray) -> bool:
    try:
        decode(data)
    except DamagedError:
        return True
    return False


digits = st.integers(1, 12).flatmap(lambda n: st.text("0123456789abcdef", min_size=8 * n, max_size=8 * n))
blocks = st.lists(st.binary(min_size=1, max_size=70) | digits.map(str.encode), max_size=5)
SMALL = [b"!", b"01234567"]


@given(blocks)
def test_round_trip(pieces: list[bytes]) -> None:
    data = encode(pieces)
    assert decode(data) == b"".join(pieces)
    assert encode(pieces) == data
    infos = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    assert [info.n_plain for info in infos] == [len(piece) for piece in pieces]


def test_every_flipped_byte_is_refused() -> None:
    data = bytearray(encode(SMALL))
    for at, true in enumerate(data):
        for value in set(range(256)) - {true}:
            data[at] = value
            assert is_damaged(data), f"byte {at} changed from {true} to {value}"
        data[at] = true


def test_every_cut_is_refused_but_between_streams() -> None:
    first = encode(SMALL)
    data = first + encode([])
    for end in range(len(data)):
        if end == len(first):
            assert decode(data[:end]) == b"".join(SMALL)
        else:
            assert is_damaged(data[:end])
            with pytest.raises(DamagedError):
                list(skim(io.BytesIO(data[:end])))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert outcome(data) is None
    assert outcome(encode([])[:12] + data) in (None, b"")


@given(blocks, st.data())
def test_flips(pieces: list[bytes], data: st.DataObject) -> None:
    stream = bytearray(encode(pieces))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    assert outcome(bytes(stream)) in (None, b"".join(pieces))


@given(blocks, blocks, st.data())
def test_splices(left: list[bytes], right: list[bytes], data: st.DataObject) -> None:
    first, second = encode(left), encode(right)
    spliced = first[: data.draw(st.integers(0, len(first)))] + second[data.draw(st.integers(0, len(second))) :]
    one, other = b"".join(left), b"".join(right)
    assert outcome(spliced) in (None, one, other, one + other)


def records(data: bytes) -> list[tuple[int, int]]:
    """Start and size of each record without its payload; the header first."""
    found = [(0, 12)]
    for head in skim(io.BytesIO(data)):
        if isinstance(head, ModelRecord):
            found.append((head.offset, 16 + len(head.name)))
        elif isinstance(head, BlockInfo):
            found.append((head.offset, 16 if head.scheme is None else 32))
        elif isinstance(head, End):
            found.append((head.offset, 48))
    return found


def test_hostile_records_with_true_checksums() -> None:
    """Telling values of each byte of each record, its CRC-32 made good: refused, or the text that was encoded."""
    data = encode(SMALL)
    for start, size in records(data):
        for at in range(start, start + size - 4):
            for value in (*range(20), 31, 32, 64, 65, 127, 128, 240, 254, 255):
                body = data[start:at] + bytes([value]) + data[at + 1 : start + size - 4]
                sealed = body + zlib.crc32(body).to_bytes(4, "little")
                assert outcome(data[:start] + sealed + data[start + size :]) in (None, b"".join(SMALL))


@given(blocks, st.data())
def test_length_lies_with_true_checksums(pieces: list[bytes], data: st.DataObject) -> None:
    stream = encode(pieces)
    start, size = data.draw(st.sampled_from(records(stream)))
    at = data.draw(st.integers(1, size - 8))
    lie = data.draw(st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 1024, 1025, 2**31, 2**32 - 1]))
    body = bytearray(stream[start : start + size - 4])
    body[at : at + 4] = lie.to_bytes(4, "little")
    sealed = body + zlib.crc32(body).to_bytes(4, "little")
    assert outcome(stream[:start] + sealed + stream[start + size :]) in (None, b"".join(pieces))


@given(blocks, st.permutations(range(8)))
def test_reordered_records_never_change_the_text(pieces: list[bytes], order: list[int]) -> None:
    """Records with their payloads in another order, some dropped or doubled."""
    stream = encode(pieces)
    starts = [start for start, _ in records(stream)] + [len(stream)]
    parts = [stream[begin:end] for begin, end in pairwise(starts)]
    shuffled = parts[0] + b"".join(parts[1 + index % (len(parts) - 1)] for index in order)
    assert outcome(shuffled) in (None, b"".join(pieces))


def test_damage_to_a_coded_block_is_a_checksum_error() -> None:
    data = bytearray(encode([b"0123456789abcdef"]))
    data[-49] ^= 1
    with pytest.raises(ChecksumError, match=r"\[R28\]$"):
        decode(bytes(data))
