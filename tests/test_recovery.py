"""Of a damaged file every intact block is recovered, at its own place, and what is lost is told to the byte."""

import io
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fscompress.codec import CodingOptions
from fscompress.container import MAX_PLAIN_PER_CODED, BlockInfo, End, ModelRecord, skim
from fscompress.engine import IntegerModel
from fscompress.errors import (
    DamagedError,
    FscompressError,
    ModelFileError,
    ModelNotFoundError,
    UnsupportedVersionError,
)
from fscompress.recovery import ANY_MODEL, Recovery, recover_stream
from fscompress.survey import Gap, survey
from tests.golden.make import block, end, header, raw, sealed
from tests.helpers import encode, find_tiny, noise, text, tiny

PLAIN = text(2000) + noise(2048) + text(1500, 200_000)  # six blocks, the third and the fourth raw
N_BLOCK = 1024
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def stream() -> bytes:
    return encode(PLAIN, block_log2=10)


@cache
def blocks() -> list[BlockInfo]:
    return [head for head in skim(io.BytesIO(stream())) if isinstance(head, BlockInfo)]


def find(model_id: bytes, name: str) -> IntegerModel:
    return tiny() if (model_id, name) == (ANY_MODEL.model_id, ANY_MODEL.name) else find_tiny(model_id, name)


def recover(data: bytes, threads: int = 1) -> tuple[bytes, Recovery]:
    target = io.BytesIO()
    found = recover_stream(io.BytesIO(data), target, find, CodingOptions(threads=threads), lambda n: None)
    assert found.n_plain == len(target.getvalue())
    assert found.n_lost == sum(loss.plain[1] - loss.plain[0] for loss in found.losses)
    assert not found.whole or (not found.losses and target.getvalue() == PLAIN)
    assert found.whole or found.losses or found.ends_lost
    return target.getvalue(), found


def lost_blocks(*indices: int) -> bytes:
    """The plain text with zeros for these blocks."""
    plain = bytearray(PLAIN)
    for i in indices:
        part = slice(i * N_BLOCK, (i + 1) * N_BLOCK)
        plain[part] = bytes(len(plain[part]))
    return bytes(plain)


def block_at(offset: int) -> int | None:
    """The block that the byte of the stream belongs to."""
    return next((i for i, block in enumerate(blocks()) if block.offset <= offset < block.end), None)


def flipped(offset: int, data: bytes | None = None) -> bytes:
    damaged = bytearray(stream() if data is None else data)
    damaged[offset] ^= 0x55
    return bytes(damaged)


def test_what_is_intact_is_whole() -> None:
    assert len(blocks()) == 6
    assert {block.scheme for block in blocks()} == {None, 0}
    plain, found = recover(stream())
    assert (plain, found.whole, found.n_blocks, found.n_coded) == (PLAIN, True, 6, len(stream()))


@relaxed
@given(st.data())
def test_any_damaged_byte_costs_its_block_alone(data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(stream()) - 1))
    plain, found = recover(flipped(offset), threads=data.draw(st.integers(1, 2)))
    hit = block_at(offset)
    if hit is None or plain == PLAIN:  # a flag that nobody reads, or the last coded word's unread part
        assert plain == PLAIN
        return
    assert plain == lost_blocks(hit)
    assert [loss.exact for loss in found.losses] == [True]
    begin, end = found.losses[0].plain
    assert (begin, end) == (hit * N_BLOCK, min((hit + 1) * N_BLOCK, len(PLAIN)))
    begin, end = found.losses[0].coded
    assert begin <= offset < end


@relaxed
@given(st.data())
def test_every_other_block_survives_several_damages(data: st.DataObject) -> None:
    """Heads and payloads of any two blocks, not neighbours, the end record intact."""
    hits = data.draw(st.sampled_from([(0, 2), (0, 3), (1, 4), (1, 5), (2, 5), (0, 5)]))
    damaged = stream()
    for i in hits:
        damaged = flipped(data.draw(st.integers(blocks()[i].offset, blocks()[i].end - 5)), damaged)
    assert recover(damaged)[0] == lost_blocks(*hits)


@relaxed
@given(st.data())
def test_missing_and_strange_bytes_cost_their_block_alone(data: st.DataObject) -> None:
    i = data.draw(st.integers(0, 5))
    at = data.draw(st.integers(blocks()[i].offset, blocks()[i].end - 5))
    n = data.draw(st.integers(1, blocks()[i].end - at))
    strange = data.draw(st.sampled_from([b"", b"\0" * 700, stream()[1000:1050], noise(300)]))
    plain, found = recover(stream()[:at] + strange + stream()[at + n :])
    assert plain in (lost_blocks(i), PLAIN)
    assert all(loss.exact for loss in found.losses)


@pytest.mark.parametrize("i", [3, 4])
@pytest.mark.parametrize("strange", [b"", noise(50)], ids=["nothing", "noise"])
def test_a_block_that_lost_as_many_bytes_as_the_next_one_has(i: int, strange: bytes) -> None:
    """Its head then leads to the one after the next; the end record tells that a block is missing."""
    at, n = blocks()[i].offset + 17, blocks()[i + 1].end - blocks()[i + 1].offset + len(strange)
    assert at + n < blocks()[i].end
    plain, found = recover(stream()[:at] + strange + stream()[at + n :])
    assert plain == lost_blocks(i)
    assert [loss.exact for loss in found.losses] == [True]


def test_records_of_a_file_within_a_file_are_not_taken_for_hidden_blocks() -> None:
    """A block is missing from one stream, and another one holds a damaged raw block of an .fsc file."""
    short = stream()[: blocks()[4].offset] + stream()[blocks()[4].end :]
    inner = stream()
    damaged = bytearray(header() + raw(inner) + end(inner))
    damaged[1000] ^= 1
    _, alone = recover(short)
    plain, found = recover(short + bytes(damaged))
    assert found.n_lost == alone.n_lost + len(inner)
    assert plain[-len(inner) :] == bytes(len(inner))


def test_a_gap_that_may_hide_where_streams_meet_is_not_whole() -> None:
    """The end record of the second stream says nothing about the first, whose own is lost."""
    empty = header() + end(b"")
    for first, second in ((stream(), empty), (stream(), stream())):
        n = len(first) - 12 if second == empty else 100
        at = 12 if second == empty else len(first) - 50
        damaged = bytearray(first + second)
        damaged[at : at + n] = bytes(n)
        target = io.BytesIO()
        found = recover_stream(io.BytesIO(damaged), target, find, CodingOptions(), lambda n: None)
        assert not found.whole
        assert found.ends_lost or found.losses


def test_forged_heads_within_each_other_are_not_each_compared_with_the_rest_of_the_input() -> None:
    n_heads, n_payload, n_read = 4000, 100, 0

    class Counting(io.BytesIO):
        def read(self, n: int | None = -1) -> bytes:
            nonlocal n_read
            data = super().read(n)
            n_read += len(data)
            return data

    heads = (
        sealed(b"\x01\0\0\0" + ((n_heads - i - 1) * 16 + n_payload).to_bytes(4, "little") + b"\1\2\3\4")
        for i in range(n_heads)
    )
    damaged = header(block_log2=20) + b"".join(heads) + bytes(n_payload + 9)
    survey(Counting(damaged))
    searched = n_heads * 5000  # some kilobytes from head to head
    assert n_read < searched + 40 * len(damaged) < n_heads * len(damaged) / 4


def test_a_run_of_damaged_blocks_is_one_loss() -> None:
    begin, end = blocks()[1].offset, blocks()[3].end
    plain, found = recover(stream()[:begin] + bytes(end - begin) + stream()[end:])
    assert plain == lost_blocks(1, 2, 3)
    assert [(loss.plain, loss.coded) for loss in found.losses] == [((1024, 4096), (begin, end))]


@pytest.mark.parametrize("cut", range(6))
def test_a_cut_input_gives_what_came_before(cut: int) -> None:
    head = blocks()[cut]
    plain, found = recover_joined(stream()[: head.end - 4])
    n = cut * N_BLOCK + head.n_plain
    assert plain == lost_blocks(cut)[:n]
    assert not found.whole
    plain, found = recover_joined(stream()[: head.end])
    assert (plain, found.whole, found.losses) == (PLAIN[:n], False, [])


def test_lost_header_and_model_record_cost_nothing() -> None:
    model = next(head for head in skim(io.BytesIO(stream())) if isinstance(head, ModelRecord))
    for damaged in (flipped(4), flipped(model.offset + 5), flipped(4, flipped(model.offset + 5)), stream()[12:]):
        assert recover(damaged)[0] == PLAIN


@pytest.mark.parametrize("error", [ModelNotFoundError, ModelFileError, UnsupportedVersionError])
def test_a_lost_model_record_that_cannot_be_guessed_costs_the_coded_blocks(error: type[FscompressError]) -> None:
    def knows_nothing(model_id: bytes, name: str) -> IntegerModel:
        raise error("none")

    target = io.BytesIO()
    model = next(head for head in skim(io.BytesIO(stream())) if isinstance(head, ModelRecord))
    source = io.BytesIO(flipped(model.offset + 5))
    found = recover_stream(source, target, knows_nothing, CodingOptions(), lambda n: None)
    assert target.getvalue() == lost_blocks(*(i for i, block in enumerate(blocks()) if block.scheme is not None))
    assert found.n_blocks == 2
    with pytest.raises(error):
        recover_stream(io.BytesIO(stream()), target, knows_nothing, CodingOptions(), lambda n: None)


def test_joined_streams_are_recovered_one_by_one() -> None:
    short = encode(PLAIN[:1500], block_log2=10)
    for i, (left, right) in enumerate(((flipped(400), short), (short, flipped(400)))):
        plain, found = recover_joined(left + right)
        damaged = lost_blocks(block_at(400) or 0)
        assert plain == (damaged + PLAIN[:1500], PLAIN[:1500] + damaged)[i]
        assert len(found.losses) == 1
    plain, found = recover_joined(short + b"what is that" + short)
    assert plain == PLAIN[:1500] * 2
    assert not found.whole


def recover_joined(data: bytes) -> tuple[bytes, Recovery]:
    target = io.BytesIO()
    found = recover_stream(io.BytesIO(data), target, find, CodingOptions(), lambda n: None)
    return target.getvalue(), found


def test_a_false_end_is_not_whole() -> None:
    end = next(head for head in skim(io.BytesIO(stream())) if isinstance(head, End))
    other = encode(PLAIN[:-1] + b"?", block_log2=10)
    plain, found = recover_joined(stream()[: end.offset] + other[-48:])
    assert (plain, found.losses, found.whole) == (PLAIN, [], False)


FORGED = {
    "heads of long blocks": block(b"", b"", n_plain=1 << 30, n_coded=1 << 29) * 40,
    "a long total": b"?" * 99 + end(b"", n_plain=1 << 62),
    "gaps of long blocks": (b"?" * 99 + raw(b"more")) * 40,
}


@pytest.mark.parametrize("rest", FORGED.values(), ids=FORGED)
def test_a_small_input_never_makes_a_large_output(rest: bytes, tmp_path: Path) -> None:
    """What is lost is a hole, and no longer than an intact input of that size can be."""
    data, path = header(block_log2=30) + raw(b"kept") + rest, tmp_path / "out"
    with path.open("wb") as target:
        found = recover_stream(io.BytesIO(data), target, find, CodingOptions(), lambda n: None)
    assert found.n_plain == path.stat().st_size == MAX_PLAIN_PER_CODED * len(data)
    assert 512 * path.stat().st_blocks < 1 << 20
    assert not found.losses[-1].exact
    with path.open("rb") as written:
        assert written.read(9) == b"kept" + bytes(5)


def test_what_is_no_stream_is_refused() -> None:
    for data in (b"", b"neither this nor that" * 99, bytes(5000)):
        with pytest.raises(DamagedError, match=r"\[R0[12]\]"):
            recover_joined(data)
    with pytest.raises(UnsupportedVersionError):
        recover_joined(header(version=2) + stream()[12:])


class Counting(io.BytesIO):
    """Knows how many bytes were read."""

    n_read = 0

    def read(self, n: int | None = -1, /) -> bytes:
        data = super().read(n)
        self.n_read += len(data)
        return data


def test_many_small_gaps_are_searched_in_time_that_grows_with_the_input() -> None:
    model = sealed(bytes([3, 1, 0, 0]) + bytes(8) + b"a")
    for record in (header(), model):
        source = Counting(header() + (record + b"J") * 2000)
        assert sum(isinstance(each, Gap) for stream in survey(source) for each in stream.pieces) == 2000
        assert source.n_read < 2000 * 5000  # not all that follows, for each of them


def test_blocks_follow_each_other() -> None:
    assert all(left.end == right.offset for left, right in pairwise(blocks()[1:]))
