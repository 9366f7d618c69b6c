"""What the writer writes, the reader and the skimmer read; the decided cases of docs/FORMAT.md, section 8."""

import hashlib
import io
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest

from fscompress.container import (
    CODED_OVERHEAD,
    RAW_OVERHEAD,
    SCHEME_MIXED,
    SCHEME_NETWORK,
    BlockInfo,
    CodedBlock,
    End,
    Header,
    ModelRecord,
    RawBlock,
    Reader,
    Verifier,
    Writer,
    model_record_size,
    skim,
)
from fscompress.errors import ChecksumError, DamagedError

PLAIN = b"the plain text"
CODED = b"12345678"
MODEL = b"8 bytes."


def written(plain: bytes, block_log2: int = 20) -> bytes:
    target = io.BytesIO()
    writer = Writer(target, block_log2)
    for start in range(0, len(plain), 1 << block_log2):
        writer.write_raw(plain[start : start + (1 << block_log2)])
    writer.finish()
    assert writer.n_written == len(target.getvalue())
    return target.getvalue()


def mixed() -> bytes:
    target = io.BytesIO()
    writer = Writer(target, 10)
    writer.write_raw(b"raw")
    writer.write_model(MODEL, "default")
    writer.write_coded(0, 3, bytes(12), PLAIN, CODED)
    writer.write_raw(b"!")
    writer.finish()
    return target.getvalue()


def parameters(lanes: int = 3, n_networks: int = 1, priors: int = 1) -> bytes:
    """Of scheme 1; the container does not look at the others."""
    return bytes((2, n_networks, 20, 16, *lanes.to_bytes(2, "little"), 255, 0, 0, 0, 31, priors))


def raw_text(data: bytes) -> bytes:
    verifier = Verifier()
    plain = b""
    for record in Reader(io.BytesIO(data)):
        if isinstance(record, RawBlock):
            verifier.update(record.plain)
            plain += record.plain
        elif isinstance(record, End):
            verifier.check(record)
    return plain


def test_reader_returns_what_was_written() -> None:
    reader = Reader(io.BytesIO(mixed()))
    records = list(reader)
    assert reader.n_read == len(mixed())
    digest = hashlib.sha256(b"raw" + PLAIN + b"!").digest()
    assert records == [
        Header(1, 0, 10),
        RawBlock(b"raw"),
        ModelRecord(MODEL, "default", 31),
        CodedBlock(0, 3, bytes(12), len(PLAIN), zlib.crc32(PLAIN), CODED, 54),
        RawBlock(b"!"),
        End(len(PLAIN) + 4, digest, 111),
    ]


def test_sizes_for_the_decision_between_raw_and_coded() -> None:
    expected = (
        12 + RAW_OVERHEAD + 3 + model_record_size("default") + CODED_OVERHEAD + len(CODED) + RAW_OVERHEAD + 1 + 48
    )
    assert len(mixed()) == expected


@pytest.mark.parametrize("seekable", [True, False])
def test_skim_returns_heads(seekable: bool) -> None:
    source = io.BytesIO(mixed() + written(b""))
    source.seekable = lambda: seekable  # type: ignore[method-assign]
    heads = list(skim(source))
    assert [head for head in heads if isinstance(head, BlockInfo)] == [
        BlockInfo(12, None, 0, 3, 3, zlib.crc32(b"raw")),
        BlockInfo(54, 0, 3, len(PLAIN), len(CODED), zlib.crc32(PLAIN), bytes(12)),
        BlockInfo(94, None, 0, 1, 1, zlib.crc32(b"!")),
    ]
    assert [type(head) for head in heads[-3:]] == [End, Header, End]


@pytest.mark.parametrize("n_models", [1, 4])
def test_scheme_1_keeps_its_parameters(n_models: int) -> None:
    target = io.BytesIO()
    writer = Writer(target, 10)
    for n in range(n_models):
        writer.write_model(MODEL[:-1] + bytes([n]), "default")
    writer.write_coded(SCHEME_MIXED, 3, parameters(n_networks=n_models), PLAIN, CODED)
    writer.write_coded(SCHEME_NETWORK, 2, bytes(12), PLAIN, CODED)
    writer.write_coded(SCHEME_MIXED, 1, parameters(1, priors=0), PLAIN, CODED)
    writer.finish()
    expected = [(1, 3, parameters(n_networks=n_models)), (0, 2, bytes(12)), (1, 1, parameters(1, priors=0))]
    blocks = [record for record in Reader(io.BytesIO(target.getvalue())) if isinstance(record, CodedBlock)]
    assert [(block.scheme, block.lanes, block.parameters) for block in blocks] == expected
    heads = [head for head in skim(io.BytesIO(target.getvalue())) if isinstance(head, BlockInfo)]
    assert [(head.scheme, head.lanes, head.parameters) for head in heads] == expected


@pytest.mark.parametrize("plain", [b"", b"a", bytes(1024), os.urandom(1025), bytes(range(256)) * 20])
def test_raw_round_trip_and_growth(plain: bytes) -> None:
    data = written(plain, 10)
    assert raw_text(data) == plain
    assert len(data) <= len(plain) + 64 + 16 * -(-len(plain) // 1024)


def test_concatenation_is_the_concatenated_text() -> None:
    assert raw_text(written(b"one") + written(b"") + written(b"two", 12)) == b"onetwo"


def test_models_start_afresh_with_each_header() -> None:
    assert sum(isinstance(record, ModelRecord) for record in Reader(io.BytesIO(mixed() * 2))) == 2


def test_reads_from_a_pipe_that_gives_a_byte_at_a_time() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1))

    assert len(list(Reader(Dripping(mixed())))) == 6


def test_block_check_compares_length_and_checksum() -> None:
    block = next(record for record in Reader(io.BytesIO(mixed())) if isinstance(record, CodedBlock))
    block.check(PLAIN)
    for wrong in (b"", PLAIN[:-1], PLAIN + b"\0", PLAIN.upper()):
        with pytest.raises(ChecksumError, match=r"offset 54.*\[R28\]$"):
            block.check(wrong)


def test_verifier_begins_anew_after_each_check() -> None:
    verifier = Verifier()
    for plain in (b"one", b"", b"two"):
        verifier.update(plain)
        verifier.check(End(len(plain), hashlib.sha256(plain).digest()))
    verifier.update(b"three")
    with pytest.raises(ChecksumError, match=r"\[R29\]$"):
        verifier.check(End(5, hashlib.sha256(b"other").digest()))


def test_reading_goes_on_after_a_damaged_raw_block() -> None:
    data = bytearray(written(b"x" * 1024 + b"y" * 1024, 10))
    data[12 + 16] ^= 1
    reader = Reader(io.BytesIO(data))
    next(reader)
    with pytest.raises(ChecksumError):
        next(reader)
    assert next(reader) == RawBlock(b"y" * 1024)
    assert isinstance(next(reader), End)


def test_reading_ends_after_structural_damage() -> None:
    reader = Reader(io.BytesIO(written(b"x")[:-1]))
    assert len([next(reader), next(reader)]) == 2
    with pytest.raises(DamagedError):
        next(reader)
    assert list(reader) == []


def test_a_lying_length_costs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "lying.fsc"
    head = bytes([1, 0, 0, 0]) + (1 << 30).to_bytes(4, "little") + bytes(4)
    record = head + zlib.crc32(head).to_bytes(4, "little")
    path.write_bytes(written(b"", 30)[:12] + record + bytes(100))
    tracemalloc.start()
    with path.open("rb") as file, pytest.raises(DamagedError, match=r"got 100 bytes.*\[R10\]$"):
        list(Reader(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20


@pytest.mark.parametrize(
    ("model_id", "name"), [(b"short", "a"), (MODEL, ""), (MODEL, "A"), (MODEL, ".a"), (MODEL, "a" * 65), (MODEL, "a/b")]
)
def test_writer_refuses_impossible_models(model_id: bytes, name: str) -> None:
    with pytest.raises(AssertionError):
        Writer(io.BytesIO(), 20).write_model(model_id, name)


def test_writer_refuses_what_its_reader_would_refuse() -> None:
    writer = Writer(io.BytesIO(), 10)
    for plain in (b"", bytes(1025)):
        with pytest.raises(AssertionError):
            writer.write_raw(plain)
    with pytest.raises(AssertionError):
        writer.write_coded(0, 1, bytes(12), PLAIN, CODED)
    writer.write_model(MODEL, "default")
    for scheme, wrong in [
        (SCHEME_NETWORK, parameters()),
        (SCHEME_MIXED, bytes(12)),
        (SCHEME_MIXED, parameters(lanes=2)),
        (SCHEME_MIXED, parameters(n_networks=2)),
        (SCHEME_MIXED, parameters(priors=2)),
        (SCHEME_MIXED, parameters() + b"\0"),
        (SCHEME_MIXED + 1, bytes(12)),
    ]:
        with pytest.raises(AssertionError):
            writer.write_coded(scheme, 3, wrong, PLAIN, CODED)
    writer.finish()
    with pytest.raises(AssertionError):
        writer.write_raw(b"late")
