"""Whole streams: round trips, one result for all engines and thread counts, raw fallback, damage, how a run ends."""

import io
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fscompress import codec, levels
from fscompress.blocks import encode_block
from fscompress.codec import CodingOptions, decode_stream, encode_stream
from fscompress.container import BlockInfo, CodedBlock, ModelRecord, RawBlock, Reader, skim
from fscompress.engine import IntegerModel
from fscompress.engine.model_file import parse_model
from fscompress.errors import DamagedError, EngineError, FscompressError, ModelNotFoundError, RefusedError
from fscompress.lanes import LaneRule
from tests.golden import make
from tests.helpers import TINY, blank_plan, decode, encode, find_either, find_tiny, noise, other, text, tiny

BLOCK = 1 << 10
SAMPLES = {
    "empty": b"",
    "one byte": b"a",
    "four bytes": b"text",
    "text": text(700),
    "zeros": bytes(900),
    "all values": bytes(range(256)) * 3,
    "noise": noise(900),
    "utf-8": "Straße, naïve, 日本語のテキスト。".encode() * 9,
    "latin-1": "Straße, naïve ".encode("latin-1") * 20,
}


@pytest.fixture(autouse=True, scope="module")
def many_lanes() -> Iterator[None]:
    """Small blocks in many lanes, for speed; the golden files have the encoder's own choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(levels.LEVELS, "fast", replace(levels.LEVELS["fast"], coding=LaneRule(8, 64)))
        yield


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("level", levels.LEVELS)
def test_round_trip(name: str, level: str) -> None:
    plain = SAMPLES[name]
    data = encode(plain, level=level)
    assert decode(data) == plain
    assert encode(plain, level=level) == data
    assert len(data) <= len(plain) + 64 + 16


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_round_trip_of_any_bytes(plain: bytes) -> None:
    data = encode(plain)
    assert decode(data) == plain
    assert len(data) <= len(plain) + 64 + 16 * bool(plain)


@pytest.mark.parametrize(
    ("n_bytes", "level", "threads", "expected"),
    [
        (1000, "normal", 2, [True]),
        (1000, "normal", 1, [True]),  # if there were a thread
        (1024, "normal", 2, [False]),  # another block may follow
        (2500, "normal", 2, [False] * 3),
        (1000, "fast", 2, [False]),
    ],
)
def test_the_networks_of_a_single_block_read_ahead(
    n_bytes: int, level: str, threads: int, expected: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, found = text(n_bytes), []

    def spied(*arguments: Any) -> bytes:
        found.append(arguments[-1])
        return encode_block(*arguments)

    one = encode(plain, level=level, block_log2=10)
    monkeypatch.setattr(codec, "encode_block", spied)
    assert encode(plain, level=level, block_log2=10, threads=threads) == one
    assert found == expected


@pytest.mark.parametrize("plain", [text(2300), noise(1100) + text(300)], ids=["text", "mixed"])
def test_engines_and_threads_do_not_change_a_byte(plain: bytes) -> None:
    expected = encode(plain, block_log2=10)
    for engine in ("cpu", "reference", "auto"):
        for threads in (1, 2, 4):
            assert encode(plain, block_log2=10, engine=engine, threads=threads) == expected
            assert decode(expected, engine=engine, threads=threads) == plain


@pytest.mark.parametrize(("level", "n_models"), [("normal", 1), ("best", 1), ("best", 2)])
def test_engines_and_threads_do_not_change_a_byte_of_a_mixer(level: str, n_models: int) -> None:
    plain, models = text(2 * BLOCK) + noise(BLOCK) + text(BLOCK, 300) + text(200), [tiny(), other()][:n_models]
    expected = encode(plain, models, level, block_log2=10)
    for engine, threads in (("cpu", 1), ("cpu", 2), ("cpu", 4), ("auto", 1)):
        assert encode(plain, models, level, block_log2=10, engine=engine, threads=threads) == expected
        assert decode(expected, find_either, engine=engine, threads=threads) == plain


@pytest.mark.parametrize(("level", "n_models"), [("normal", 1), ("best", 2)])
def test_the_reference_engine_writes_the_same_under_a_mixer(level: str, n_models: int) -> None:
    plain, models = text(BLOCK + 130), [tiny(), other()][:n_models]
    expected = encode(plain, models, level, block_log2=10)
    assert encode(plain, models, level, block_log2=10, engine="reference", threads=2) == expected


def test_better_levels_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(levels.LEVELS, "bulk", replace(levels.LEVELS["bulk"], coding=LaneRule(20, 256)))
    plain = text(6000)
    sizes = [len(encode(plain, level=level)) for level in ("bulk", "fast", "light", "normal", "best")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_level_bulk_in_its_own_lanes() -> None:
    plain = text(20_000)
    data = encode(plain, level="bulk")
    (block,) = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    assert block.lanes == 4
    assert decode(data) == plain


@pytest.mark.parametrize("level", ["normal", "best"])
def test_several_models(level: str) -> None:
    plain = text(3000)
    data = encode(plain, [tiny(), other()], level)
    records = list(Reader(io.BytesIO(data)))
    assert [record.model_id for record in records if isinstance(record, ModelRecord)] == [tiny().id[:8], other().id[:8]]
    (block,) = [record for record in records if isinstance(record, CodedBlock)]
    assert (block.scheme, block.parameters[1]) == (1, 2)
    assert decode(data, find_either) == plain
    assert encode(plain, [tiny()], level) == encode(plain, level=level) != data
    with pytest.raises(ModelNotFoundError, match=r"\[R31\]$"):
        decode(data)


def test_several_models_need_a_mixer() -> None:
    target = io.BytesIO()
    with pytest.raises(RefusedError, match="level 'fast' codes with one model \\(got 2\\)"):
        encode_stream(io.BytesIO(text(500)), target, [tiny(), other()], options_of())
    assert target.getvalue() == b""


def test_models_that_a_stream_cannot_name_are_refused() -> None:
    for models, message in (([tiny(), other(), tiny()], "'tiny' is named twice"), ([tiny()] * 5, "at most 4 models")):
        target = io.BytesIO()
        with pytest.raises(RefusedError, match=message):
            encode_stream(io.BytesIO(text(500)), target, models, options_of("normal"))
        assert target.getvalue() == b""


@pytest.mark.parametrize("level", ["normal", "best"])
@pytest.mark.parametrize("n", [0, 1, 5, 12, 40, 77])
def test_short_files(level: str, n: int) -> None:
    for models in ([tiny()], [tiny(), other()]):
        for plain in (text(n), noise(n)):
            data = encode(plain, models, level)
            assert decode(data, find_either) == plain
            assert len(data) <= n + 64 + 16


def test_a_block_of_each_level_in_one_stream() -> None:
    parts = [encode(text(900), level=level) for level in levels.LEVELS]
    for threads in (1, 3):
        assert decode(b"".join(parts), threads=threads) == text(900) * len(parts)


def _with_mixer(parameters: bytes, plain: bytes, words: bytes, lanes: int) -> bytes:
    lies = {"scheme": 1, "parameters": int.from_bytes(parameters, "little")}
    block = make.block(words, plain, lanes, **lies)
    return make.header() + make.named(tiny().id[:8]) + block + make.end(plain)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=12, max_size=12), st.integers(1, 40), st.booleans())
def test_any_parameters_are_refused_or_decoded(parameters: bytes, lanes: int, valid: bool) -> None:
    """Random ones, with what the container checks made good; half of them with what the codec checks made good too."""
    known = bytearray(parameters)
    known[1], known[4:6], known[11] = 1, lanes.to_bytes(2, "little"), known[11] & 1
    if valid:
        known[0], known[2], known[3] = 1 + known[0] % 2, 4 + known[2] % 21, 8 + known[3] % 9
        known[6], known[9], known[10] = known[6] | 1, known[9] & 127, known[10] | 1
    data = _with_mixer(bytes(known), text(60), noise(24), lanes)
    with pytest.raises(DamagedError, match=r"\[R28\]$" if valid else r"\[R(18|28)\]$"):
        decode(data)


def test_the_largest_table_is_within_what_the_format_says() -> None:
    plain = text(300)
    planned = blank_plan("best", len(plain), table_log2=24, sse_log2=16, sets=255, priors=1)
    data = make.stream((plain, planned, 1))
    tracemalloc.start()
    try:
        assert decode(data) == plain
        assert tracemalloc.get_traced_memory()[1] < (1 << 30) + 264 * (1 << 16) + (9 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 1, 3 * BLOCK + 4])
def test_block_boundaries(n: int) -> None:
    plain = text(n)
    data = encode(plain, block_log2=10)
    sizes = [head.n_plain for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    assert sizes == [BLOCK] * (n // BLOCK) + ([n % BLOCK] if n % BLOCK else [])
    assert decode(data) == plain


def test_lanes_are_those_of_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(levels.LEVELS, "fast", replace(levels.LEVELS["fast"], coding=LaneRule(256, 64)))
    plain = text(2500)
    data = encode(plain)
    (block,) = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    assert block.lanes == 9
    assert decode(data) == plain
    assert 8 * len(data) < 4.5 * len(plain)


def options_of(level: str = "fast", **others: Any) -> CodingOptions:
    return CodingOptions(level=level, **others)


class Dripping(io.BytesIO):
    """Gives at most seven bytes a read, like a slow pipe."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 7) if size and size > 0 else size)

    def seekable(self) -> bool:
        return False


def test_sources_that_return_short_reads() -> None:
    plain, target = text(2500), io.BytesIO()
    encode_stream(Dripping(plain), target, tiny(), options_of(block_log2=10))
    assert target.getvalue() == encode(plain, block_log2=10)
    again = io.BytesIO()
    decode_stream(Dripping(target.getvalue()), again, find_tiny)
    assert again.getvalue() == plain


def test_a_real_pipe() -> None:
    plain = text(5000)
    receiver, sender = os.pipe()

    def feed() -> None:
        with open(sender, "wb") as file:
            file.write(plain)

    feeding = threading.Thread(target=feed)
    feeding.start()
    target = io.BytesIO()
    with open(receiver, "rb", buffering=0) as source:
        encode_stream(source, target, tiny(), options_of(block_log2=10))  # type: ignore[arg-type]
    feeding.join()
    assert target.getvalue() == encode(plain, block_log2=10)


@pytest.mark.parametrize("n", [1, 63, 1023, 1024, 1025, 10_000])
def test_growth_of_random_bytes(n: int) -> None:
    plain = noise(n)
    for log2 in (10, 19):
        data = encode(plain, level="fast" if log2 == 10 else "best", block_log2=log2)
        blocks = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
        assert {block.scheme for block in blocks} == {None}
        assert len(data) == 60 + n + 16 * len(blocks)
        assert decode(data, find=_nobody) == plain


def _nobody(model_id: bytes, name: str) -> IntegerModel:
    raise ModelNotFoundError(f"{name} {model_id.hex()} [R31]")


def test_raw_and_coded_blocks_in_one_stream() -> None:
    plain = noise(BLOCK, 2) + text(BLOCK) + noise(BLOCK, 3) + text(BLOCK) + b"x"
    for threads in (1, 3):
        data = encode(plain, block_log2=10, threads=threads)
        kinds = [type(record) for record in Reader(io.BytesIO(data)) if isinstance(record, RawBlock | CodedBlock)]
        assert kinds == [RawBlock, CodedBlock, RawBlock, CodedBlock, RawBlock]
        assert decode(data, threads=threads) == plain


def test_random_bytes_load_no_engine() -> None:
    broken = replace(tiny(), canary_hash="0" * 64)
    encode_stream(io.BytesIO(noise(20_000)), io.BytesIO(), broken, options_of())
    for threads in (1, 4):
        with pytest.raises(EngineError):
            encode_stream(io.BytesIO(text(5000)), io.BytesIO(), broken, options_of(threads=threads, block_log2=10))


def test_concatenation() -> None:
    parts = [encode(text(600)), encode(b""), encode(noise(5)), encode(text(2500), block_log2=10)]
    for threads in (1, 2, 4):
        assert decode(b"".join(parts), threads=threads) == text(600) + noise(5) + text(2500)


def test_streams_of_different_models() -> None:
    data = TINY.read_bytes()
    at = data.index(b"test model")
    other = parse_model(data[:at] + b"Test" + data[at + 4 :])
    assert other.id != tiny().id
    target, asked = io.BytesIO(), []
    for model in (tiny(), other, tiny()):
        encode_stream(io.BytesIO(text(300)), target, model, options_of())

    def find(model_id: bytes, name: str) -> IntegerModel:
        asked.append((model_id, name))
        return {model.id[:8]: model for model in (tiny(), other)}[model_id]

    assert decode(target.getvalue(), find) == text(300) * 3
    assert asked == [(tiny().id[:8], "tiny"), (other.id[:8], "tiny")]


def test_a_model_that_is_missing_is_named_before_a_byte_is_written() -> None:
    target = io.BytesIO()
    with pytest.raises(ModelNotFoundError, match=r"\[R31\]$"):
        decode_stream(io.BytesIO(encode(text(3000), block_log2=10)), target, _nobody, options_of(threads=2))
    assert target.getvalue() == b""


def test_statistics_and_progress() -> None:
    plain = text(2 * BLOCK) + noise(BLOCK) + text(100)
    for threads in (1, 2):
        options, seen = options_of(threads=threads, block_log2=10), []
        data, again = io.BytesIO(), io.BytesIO()
        stats = encode_stream(io.BytesIO(plain), data, tiny(), options, seen.append)
        assert (stats.n_plain, stats.n_coded) == (len(plain), len(data.getvalue()))
        assert (stats.n_blocks, stats.n_raw_blocks) == (4, 1)
        assert stats.bits_per_byte == 8 * len(data.getvalue()) / len(plain)
        assert stats.kilobytes_per_second > 0
        assert sum(seen) == len(plain)
        seen.clear()
        back = decode_stream(io.BytesIO(data.getvalue()), again, find_tiny, options, seen.append)
        assert replace(back, seconds=0.0) == replace(stats, seconds=0.0)
        assert sum(seen) == len(plain)


def test_statistics_of_nothing() -> None:
    stats = encode_stream(io.BytesIO(b""), io.BytesIO(), tiny())
    assert (stats.n_plain, stats.n_coded, stats.bits_per_byte) == (0, 60, 0.0)


def test_options() -> None:
    with pytest.raises(RefusedError, match="threads"):
        options_of(threads=0)
    with pytest.raises(RefusedError, match="unknown engine"):
        encode(text(100), engine="gpu")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(RefusedError, match="unknown level"):
        CodingOptions(level="better")


def outcome(data: bytes, plain: bytes, **options: Any) -> str:
    try:
        assert decode(data, **options) == plain
    except FscompressError as error:
        assert error.exit_code == 3  # noqa: PT017
        return str(error)[-4:-1]
    return "the same text"


@pytest.mark.parametrize("level", ["fast", "normal"])
def test_every_byte_flipped(level: str) -> None:
    """Each byte of a file of coded and raw blocks, one random bit each: damage, or a change that changes nothing."""
    plain = text(200 if level == "fast" else 110)
    data = bytearray(encode(plain, level=level) + encode(noise(9)))
    bits = noise(len(data))
    answers = set()
    for at, bit in enumerate(bits):
        data[at] ^= 1 << bit % 8
        answers.add(outcome(bytes(data), plain + noise(9)))
        data[at] ^= 1 << bit % 8
    assert answers >= {"R02", "R03", "R11", "R27", "R28"}


def test_every_cut() -> None:
    first = encode(text(90))
    data = first + encode(text(60))
    for end in range(len(data)):
        try:
            assert decode(data[:end]) == text(90)
            assert end == len(first)
        except DamagedError:
            assert end != len(first)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_damaged_block_among_many(threads: int) -> None:
    plain = text(12 * BLOCK)
    data = bytearray(encode(plain, block_log2=10, threads=2))
    heads = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    for bad in (0, 5, 11):
        at = heads[bad].offset + 32 + heads[bad].n_stored // 2
        data[at] ^= 4
        target = io.BytesIO()
        with pytest.raises(DamagedError, match=rf"offset {heads[bad].offset}\)"):
            decode_stream(io.BytesIO(data), target, find_tiny, options_of(threads=threads))
        assert target.getvalue() == plain[: bad * BLOCK]
        data[at] ^= 4


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_damaged_record_among_many_costs_no_block_before_it(threads: int) -> None:
    plain = text(12 * BLOCK)
    data = bytearray(encode(plain, block_log2=10, threads=2))
    heads = [head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo)]
    data[heads[7].offset] ^= 4
    target = io.BytesIO()
    with pytest.raises(DamagedError, match=rf"offset {heads[7].offset}\)"):
        decode_stream(io.BytesIO(data), target, find_tiny, options_of(threads=threads))
    assert target.getvalue() == plain[: 7 * BLOCK]


class PlannedError(Exception):
    """Ours."""


def _after(n_calls: int) -> Callable[[Any], None]:
    count = iter(range(10_000))

    def fail(_argument: Any) -> None:
        if next(count) >= n_calls:
            raise PlannedError

    return fail


@pytest.mark.parametrize("n_calls", [0, 5, 11])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_progress_that_fails_ends_the_run(threads: int, n_calls: int) -> None:
    plain, options = text(12 * BLOCK), options_of(threads=threads, block_log2=10)
    with pytest.raises(PlannedError):
        encode_stream(io.BytesIO(plain), io.BytesIO(), tiny(), options, _after(n_calls))
    data = encode(plain, block_log2=10)
    with pytest.raises(PlannedError):
        decode_stream(io.BytesIO(data), io.BytesIO(), find_tiny, options, _after(n_calls))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_target_or_source_that_fails_ends_the_run(threads: int) -> None:
    plain, options = text(12 * BLOCK), options_of(threads=threads, block_log2=10)
    data = encode(plain, block_log2=10)

    class Failing(io.BytesIO):
        def __init__(self, content: bytes = b"") -> None:
            super().__init__(content)
            self.fail = _after(6)

        def write(self, content: Any, /) -> int:
            self.fail(content)
            return super().write(content)

        def read(self, size: int | None = -1, /) -> bytes:
            self.fail(size)
            return super().read(size)

    with pytest.raises(PlannedError):
        encode_stream(io.BytesIO(plain), Failing(), tiny(), options)
    with pytest.raises(PlannedError):
        encode_stream(Failing(plain), io.BytesIO(), tiny(), options)
    with pytest.raises(PlannedError):
        decode_stream(io.BytesIO(data), Failing(), find_tiny, options)
    with pytest.raises(PlannedError):
        decode_stream(Failing(data), io.BytesIO(), find_tiny, options)


def test_blocks_are_read_as_they_are_needed() -> None:
    """Memory is bounded: with two threads no more than four blocks are ahead of the output."""
    ahead = 0

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal ahead
            assert target.tell() // 200 >= (self.tell() >> 10) - 4 - 1
            ahead = max(ahead, self.tell())
            return super().read(size)

    target = io.BytesIO()
    encode_stream(Counting(text(40 * BLOCK)), target, tiny(), options_of(threads=2, block_log2=10))
    assert ahead == 40 * BLOCK
