"""Literal bytes that break each rule of docs/FORMAT.md, section 9, and the answer of reader and skimmer."""

import io
import zlib

import pytest

from fscompress.container import CodedBlock, End, RawBlock, Reader, Rule, Verifier, skim
from fscompress.errors import ChecksumError, FscompressError, UnsupportedVersionError


def sealed(hexadecimal: str) -> bytes:
    """The bytes and their CRC-32, computed here and not by the code under test."""
    body = bytes.fromhex(hexadecimal)
    return body + zlib.crc32(body).to_bytes(4, "little")


EMPTY_SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
A_SHA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
HEADER = sealed("f5465343 01 00 0a 00")
END = sealed("00 000000 0000000000000000" + EMPTY_SHA)
EMPTY = HEADER + END
WIDE_HEADER = sealed("f5465343 01 00 1e 00")
RAW = sealed("01 000000 01000000 43beb7e8") + b"a"
MODEL = sealed("03 01 0000 0001020304050607 61")
OTHER_MODELS = [sealed(f"03 01 0000 {n:02x}01020304050607 61") for n in range(1, 5)]
CODED = sealed("02 00 0100 05000000 04000000 00000000" + "00" * 12) + b"1234"


def mixed(parameters: str, scheme: str = "01") -> bytes:
    """A coded block of scheme 1 with two lanes."""
    return sealed(f"02 {scheme} 0200 05000000 04000000 00000000" + parameters) + b"1234"


MIXED = "01 01 06 08 0200 01000000 01 01"

BROKEN = {
    "R01": [b"", HEADER[:1], HEADER[:11], EMPTY + HEADER[:4]],
    "R02": [b"a", b"plain text", HEADER[1:], b"\xf5FSD" + HEADER[4:], b"\x1f\x8b\x08\x00", bytes(60)],
    "R03": [HEADER[:4] + b"\x02" + HEADER[5:] + END, HEADER[:11] + b"\x00" + END],
    "R04": [sealed("f5465343 00 00 0a 00"), sealed("f5465343 02 00 0a 00") + END, sealed("f5465343 ff ff ff ff")],
    "R05": [sealed(f"f5465343 01 {1 << bit:02x} 0a 00") + END for bit in range(4)],
    "R06": [sealed(f"f5465343 01 00 {log2:02x} 00") + END for log2 in (0, 9, 31, 255)],
    "R07": [sealed("f5465343 01 00 0a 01") + END],
    "R08": [HEADER + b"\x04", HEADER + b"\xff" + END, HEADER + EMPTY],
    "R09": [HEADER, HEADER + b"\x01", HEADER + RAW, HEADER + MODEL[:2], HEADER + CODED[:31], HEADER + END[:47]],
    "R10": [HEADER + RAW[:16], HEADER + MODEL + CODED[:-1]],
    "R11": [HEADER + END[:47] + b"\x00", HEADER + RAW[:4] + b"\x02" + RAW[5:] + END, HEADER + MODEL[:-1] + b"\x00"],
    "R12": [
        HEADER + sealed("01 000100 01000000 43beb7e8") + b"a",
        HEADER + sealed("03 01 0001 0001020304050607 61"),
        HEADER + sealed("00 000080 0000000000000000" + EMPTY_SHA),
    ],
    "R13": [
        HEADER + sealed("01 000000 00000000 00000000") + END,
        HEADER + sealed("01 000000 01040000 00000000") + bytes(1025),
        HEADER + MODEL + sealed("02 00 0100 00000000 04000000 00000000" + "00" * 12),
        HEADER + MODEL + sealed("02 00 0100 ffffffff 04000000 00000000" + "00" * 12),
    ],
    "R14": [HEADER + MODEL + mixed("00" * 12, scheme) for scheme in ("02", "ff")],
    "R15": [
        HEADER + MODEL + sealed("02 00 0000 05000000 04000000 00000000" + "00" * 12) + b"1234",
        HEADER + MODEL + sealed("02 00 0600 05000000 04000000 00000000" + "00" * 12) + b"1234",
        WIDE_HEADER + MODEL + sealed("02 00 0110 00000400 04000000 00000000" + "00" * 12) + b"1234",
    ],
    "R16": [
        HEADER + MODEL + sealed("02 00 0100 05000000 00000000 00000000" + "00" * 12),
        HEADER + MODEL + sealed("02 00 0100 04000000 04000000 00000000" + "00" * 12) + b"1234",
        HEADER + MODEL + sealed("02 00 0100 01000000 ffffffff 00000000" + "00" * 12),
        WIDE_HEADER + MODEL + sealed("02 00 0100 01000400 04000000 00000000" + "00" * 12) + b"1234",
        WIDE_HEADER + MODEL + sealed("02 00 0100 00000040 fc3f0000 00000000" + "00" * 12) + bytes(0x3FFC),
    ],
    "R17": [HEADER + MODEL + sealed("02 00 0100 06000000 05000000 00000000" + "00" * 12) + b"12345"],
    "R18": [
        HEADER + MODEL + sealed("02 00 0100 05000000 04000000 00000000" + "00" * 11 + "01") + b"1234",
        HEADER + MODEL + mixed(MIXED, "00"),
        HEADER + MODEL + mixed("00" * 12),
        HEADER + MODEL + mixed("01 00 06 08 0200 01000000 01 01"),  # no network
        HEADER + MODEL + mixed("01 02 06 08 0200 01000000 01 01"),  # two networks, one model record
        HEADER + MODEL + OTHER_MODELS[0] + mixed("01 03 06 08 0200 01000000 01 01"),
        HEADER + MODEL + mixed("01 01 06 08 0100 01000000 01 01"),  # other lanes than the block's
        HEADER + MODEL + mixed("01 01 06 08 0002 01000000 01 01"),
        HEADER + MODEL + mixed("01 01 06 08 0200 01000000 01 02"),  # unknown priors
        HEADER + MODEL + mixed("01 01 06 08 0200 01000000 01 ff"),
    ],
    "R19": [HEADER + CODED, HEADER + RAW + CODED, HEADER + MODEL + END + HEADER + CODED, HEADER + mixed(MIXED)],
    "R20": [HEADER + sealed("03 00 0000 0001020304050607"), HEADER + sealed("03 41 0000" + "00" * 8 + "61" * 65)],
    "R21": [HEADER + sealed("03 02 0000 0001020304050607" + name) for name in ("6141", "2e61", "2d61", "612f", "61c3")],
    "R22": [HEADER + MODEL + b"".join(OTHER_MODELS)],
    "R23": [HEADER + MODEL + CODED + OTHER_MODELS[0]],
    "R24": [HEADER + MODEL + MODEL, HEADER + MODEL + RAW + sealed("03 01 0000 0001020304050607 62")],
    "R25": [HEADER + RAW + END, HEADER + sealed("00 000000 0000000000000080" + EMPTY_SHA)],
    "R26": [EMPTY + b"\x00", EMPTY + b"plain text", EMPTY + END, EMPTY + HEADER[1:]],
    "R27": [HEADER + RAW[:-1] + b"b" + sealed("00 000000 0100000000000000" + EMPTY_SHA)],
    "R29": [HEADER + RAW + sealed("00 000000 0100000000000000" + EMPTY_SHA)],
}
ELSEWHERE = {"R28", "R30", "R31"}  # need a decoded block: test_container_roundtrip.py and the codec's tests
CASES = [pytest.param(code, data, id=f"{code}-{n}") for code, list_ in BROKEN.items() for n, data in enumerate(list_)]


def read_all(data: bytes) -> None:
    verifier = Verifier()
    for record in Reader(io.BytesIO(data)):
        if isinstance(record, RawBlock):
            verifier.update(record.plain)
        elif isinstance(record, End):
            verifier.check(record)


def rule_of(code: str) -> Rule:
    return next(rule for rule in Rule if rule.code == code)


def test_every_rule_is_broken_by_some_bytes() -> None:
    assert BROKEN.keys() | ELSEWHERE == {rule.code for rule in Rule}
    assert not BROKEN.keys() & ELSEWHERE


@pytest.mark.parametrize(("code", "data"), CASES)
def test_reader_names_the_broken_rule(code: str, data: bytes) -> None:
    rule = rule_of(code)
    with pytest.raises(FscompressError) as caught:
        read_all(data)
    message = str(caught.value)
    assert type(caught.value) is rule.error
    assert message.startswith(rule.text + " (got ")
    assert message.endswith(f"; {rule.advice} [{code}]")
    assert "\n" not in message


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize(("code", "data"), CASES)
def test_skim_agrees_on_structure(code: str, data: bytes, seekable: bool) -> None:
    source = io.BytesIO(data)
    source.seekable = lambda: seekable  # type: ignore[method-assign]
    if issubclass(rule_of(code).error, ChecksumError):
        list(skim(source))
        return
    with pytest.raises(FscompressError, match=rf"\[{code}\]$"):
        list(skim(source))


def test_the_bytes_around_the_broken_ones_are_accepted() -> None:
    read_all(
        EMPTY + HEADER + RAW + MODEL + b"".join(OTHER_MODELS[:3]) + CODED + sealed("00 000000 06" + "00" * 7 + A_SHA)
    )


def test_the_limits_themselves_are_accepted() -> None:
    widest = sealed("02 00 0010 00000400 04000000 00000000" + "00" * 12) + b"1234"
    end = sealed("00 000000 0000040000000000" + EMPTY_SHA)
    assert len(list(Reader(io.BytesIO(WIDE_HEADER + MODEL + widest + end)))) == 4


@pytest.mark.parametrize(
    "parameters",
    [MIXED, "02 01 06 08 0200 01000000 01 00", "01 02 06 08 0200 01000000 01 01", "ff 02 ff ff 0200 ffffffff ff 01"],
)
def test_the_mixer_of_scheme_1_is_not_inspected(parameters: str) -> None:
    end = sealed("00 000000 0500000000000000" + EMPTY_SHA)
    *_, block, _ = Reader(io.BytesIO(HEADER + MODEL + OTHER_MODELS[0] + mixed(parameters) + end))
    assert isinstance(block, CodedBlock)
    assert (block.scheme, block.lanes, block.parameters) == (1, 2, bytes.fromhex(parameters))


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("R04", sealed("f5465343 02 0f 09 01") + b"what may come"),
        ("R14", HEADER + sealed("02 02 0000 00000000 00000000 00000000" + "ff" * 12)),
    ],
)
def test_what_is_unknown_is_not_called_damaged(code: str, data: bytes) -> None:
    """All else that a version or a scheme to come may do is left aside."""
    for read in (read_all, lambda given: list(skim(io.BytesIO(given)))):
        with pytest.raises(UnsupportedVersionError, match=rf"\[{code}\]$"):
            read(data)


def test_unused_flags_are_ignored() -> None:
    read_all(sealed("f5465343 01 f0 0a 00") + END)


def test_messages_say_where() -> None:
    with pytest.raises(FscompressError, match=r"\(got 1025, expected 1 to 1024, offset 16\)"):
        read_all(BROKEN["R13"][1])
    with pytest.raises(FscompressError, match=r"\(got n_networks 2, expected 1 to 1, offset 46\)"):
        read_all(BROKEN["R18"][4])
