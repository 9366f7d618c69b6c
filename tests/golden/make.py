"""Writes the golden files; run on purpose (``make golden``), never by the tests.

    python -m tests.golden.make           the files of v1/ again, with the tiny model as it is
    python -m tests.golden.make --model   the integer model first, from tiny.float16.safetensors
    python -m tests.golden.make --train   the float model before that (a minute)

A golden file that changes is a change of the format or of the integer contract.
"""

import argparse
import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fscompress.blocks import encode_block
from fscompress.codec import CodingOptions, encode_stream
from fscompress.container import Rule, Writer
from fscompress.engine import IntegerModel, load_model
from fscompress.engine.cpu import CpuEngine, PreparedModel
from fscompress.lanes import lanes_for

HERE = Path(__file__).parent
TINY = HERE / "tiny.safetensors"
PRIMER = b"The statement is executed once. The value of the expression is the object that the name is bound to.\n\n"

TEXT = (
    b"A model of language knows which byte is likely to follow. The coder turns a likely byte into a small part of a "
    b"bit, and an unlikely one into many bits. When the reader of the file has the same model, it can follow the same "
    b"steps and find the same bytes. It is an error if the two models differ in the last place of a single number: "
    b"from there on the text is not the text that was written, and the name of the object, the value of the "
    b"expression and the type of the argument are lost. This is the reason why the numbers are integers. The sum of "
    b"integers is the same in any order, on any machine, and the result of a call is the same for the same input.\n"
)
SHORT = TEXT[:91] + b"\n"
LONG = b"".join(TEXT.replace(b"model", word) for word in (b"method", b"type", b"iterator", b"module", b"object"))[:1324]
NOISE = np.random.default_rng(3).bytes(1024)


@dataclass(frozen=True)
class Accepted:
    """A file that every reader must decode; ``block_log2`` where ``encode_stream`` writes it from the whole text."""

    name: str
    data: bytes
    plain: bytes
    reason: str
    block_log2: int | None = None


@dataclass(frozen=True)
class Rejected:
    """A file that every reader must refuse for the rule of that code."""

    name: str
    data: bytes
    rule: str
    reason: str


def make_model() -> None:
    """Quantises the float16 weights."""
    from fscompress.export.export import ExportSettings, export_model
    from tests.golden.train import CONFIG, load_master

    weights = {name: tensor.double().numpy() for name, tensor in load_master().state_dict().items()}
    settings = ExportSettings("tiny", "test model, trained for a minute on the language topics of pydoc", PRIMER)
    TINY.write_bytes(export_model(weights, CONFIG, settings))


def whole(model: IntegerModel, plain: bytes, block_log2: int = 19) -> bytes:
    """What an encoder writes."""
    target = io.BytesIO()
    encode_stream(io.BytesIO(plain), target, model, CodingOptions(block_log2=block_log2))
    return target.getvalue()


def coded(model: IntegerModel, plain: bytes, lanes: int) -> bytes:
    """Coded bytes of a block."""
    return encode_block(plain, lanes, CpuEngine(PreparedModel(model)), lambda n: None)


def in_lanes(model: IntegerModel, plain: bytes, lanes: int) -> bytes:
    """A stream of one coded block with a number of lanes that this encoder would not choose."""
    target = io.BytesIO()
    writer = Writer(target, 12)
    writer.write_model(model.id[:8], model.name)
    writer.write_coded(0, lanes, bytes(12), plain, coded(model, plain, lanes))
    writer.finish()
    return target.getvalue()


def sealed(body: bytes) -> bytes:
    """A record with its checksum."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def header(version: int = 1, flags: int = 0, block_log2: int = 12, reserved: int = 0) -> bytes:
    """A stream's first record."""
    return sealed(b"\xf5FSC" + bytes([version, flags, block_log2, reserved]))


def raw(plain: bytes, crc: int | None = None, n_plain: int | None = None, reserved: bytes = bytes(3)) -> bytes:
    """A raw block."""
    n_plain = len(plain) if n_plain is None else n_plain
    crc = zlib.crc32(plain) if crc is None else crc
    return sealed(b"\x01" + reserved + n_plain.to_bytes(4, "little") + crc.to_bytes(4, "little")) + plain


def named(model_id: bytes, name: bytes = b"tiny") -> bytes:
    """A model record."""
    return sealed(bytes([3, len(name), 0, 0]) + model_id + name)


def block(data: bytes, plain: bytes, lanes: int = 1, **lies: int) -> bytes:
    """A coded block of ``plain``; ``lies`` replace ``scheme``, ``n_plain``, ``n_coded`` or ``parameters``."""
    numbers = [lies.get("n_plain", len(plain)), lies.get("n_coded", len(data)), zlib.crc32(plain)]
    body = bytes([2, lies.get("scheme", 0)]) + lanes.to_bytes(2, "little")
    body += b"".join(number.to_bytes(4, "little") for number in numbers)
    return sealed(body + lies.get("parameters", 0).to_bytes(12, "little")) + data


def end(plain: bytes, n_plain: int | None = None, sha256: bytes | None = None) -> bytes:
    """A stream's last record."""
    n_plain = len(plain) if n_plain is None else n_plain
    return sealed(bytes(4) + n_plain.to_bytes(8, "little") + (sha256 or hashlib.sha256(plain).digest()))


def accepted(model: IntegerModel) -> list[Accepted]:
    """All files of accept/."""
    short, mixed = whole(model, SHORT), NOISE + TEXT
    flags = header(flags=0xF0, block_log2=19) + short[12:]
    parts = [whole(model, SHORT), whole(model, b""), whole(model, NOISE[:5]), whole(model, SHORT, 11)]
    return [
        Accepted("empty", whole(model, b""), b"", "the empty text", 19),
        Accepted("one-byte", whole(model, b"a"), b"a", "one byte, stored raw", 19),
        Accepted("short-text", short, SHORT, "one coded block", 19),
        Accepted("several-blocks", whole(model, LONG, 10), LONG, "two coded blocks, the second one short", 10),
        Accepted("raw-block", whole(model, NOISE), NOISE, "random bytes, stored raw without a model record", 19),
        Accepted("mixed", whole(model, mixed, 10), mixed, "a raw block, then a model record and a coded block", 10),
        Accepted("seven-lanes", in_lanes(model, TEXT, 7), TEXT, "lanes of unequal length"),
        Accepted("lane-a-byte", in_lanes(model, SHORT[:80], 80), SHORT[:80], "as many lanes as bytes"),
        Accepted("concatenated", b"".join(parts), SHORT + NOISE[:5] + SHORT, "four streams, one of them empty"),
        Accepted("unused-flags", flags, SHORT, "all four unused flags are set, which a reader ignores"),
    ]


def rejected(model: IntegerModel) -> list[Rejected]:
    """All files of reject/, at least one for each rule."""
    tiny, plain = named(model.id[:8]), SHORT
    words = coded(model, plain, 1)
    good, last = block(words, plain), end(plain)
    start, whole_stream = header() + tiny, header() + tiny + good + last
    torn = bytearray(words)
    torn[len(torn) // 2] ^= 1
    wide = header(block_log2=30) + tiny
    others = [named(bytes([n]) * 8) for n in range(4)]
    cases = [
        ("R01", "no-bytes", b"", "an empty file"),
        ("R01", "cut-header", header()[:7], "ends within its header"),
        ("R02", "plain-text", TEXT, "plain text"),
        ("R03", "header-crc", header()[:4] + b"\x02" + header()[5:] + last, "a version changed without its checksum"),
        ("R04", "version-2", header(version=2) + end(b""), "an intact header of version 2"),
        ("R05", "reserved-flag", header(flags=8) + end(b""), "flag 3 is set"),
        ("R06", "block-log2-9", header(block_log2=9) + end(b""), "blocks of 512 bytes"),
        ("R06", "block-log2-31", header(block_log2=31) + end(b""), "blocks of 2 GiB"),
        ("R07", "header-reserved", header(reserved=1) + end(b""), "the header's reserved byte is 1"),
        ("R08", "kind-4", header() + b"\x04" + last[1:], "a record of kind 4"),
        ("R09", "no-end", start + good, "no end record"),
        ("R09", "cut-end", whole_stream[:-1], "the last byte is missing"),
        ("R10", "cut-block", start + good[:-3], "ends within coded bytes"),
        ("R11", "record-crc", start[:-1] + bytes([start[-1] ^ 1]) + good + last, "a model record's checksum is wrong"),
        ("R12", "raw-reserved", header() + raw(b"a", reserved=b"\0\0\1") + end(b"a"), "a reserved byte is 1"),
        ("R13", "n-plain-0", header() + raw(b"") + end(b""), "a raw block of no bytes"),
        ("R13", "n-plain-large", start + block(words, plain, n_plain=4097), "a block beyond its stream's block size"),
        ("R14", "scheme-1", start + block(words, plain, scheme=1) + last, "a scheme to come"),
        ("R15", "lanes-0", start + block(words, plain, 0) + last, "no lanes"),
        ("R15", "lanes-many", start + block(words, plain, len(plain) + 1) + last, "more lanes than bytes"),
        ("R15", "lanes-4097", wide + block(words, plain, 4097, n_plain=1 << 20), "more lanes than any block may have"),
        ("R16", "n-coded-large", start + block(words, plain[: len(words)]), "coded bytes that save nothing"),
        (
            "R16",
            "n-coded-small",
            wide + block(words[:4], plain, n_plain=65536 * 4 + 1),
            "more plain bytes than 4 can hold",
        ),
        ("R17", "half-a-word", start + block(words + b"\0\0", plain) + last, "coded bytes that are not whole words"),
        ("R18", "parameters", start + block(words, plain, parameters=1) + last, "a parameter that scheme 0 has not"),
        ("R19", "no-model", header() + good + last, "a coded block without a model record"),
        ("R20", "name-0", header() + named(bytes(8), b"") + end(b""), "a model without a name"),
        ("R21", "name-dots", header() + named(bytes(8), b"../../etc") + end(b""), "a name that is a path"),
        ("R22", "five-models", start + b"".join(others) + good + last, "five model records"),
        ("R23", "late-model", start + good + others[0] + last, "a model record after a coded block"),
        ("R24", "model-twice", start + tiny + good + last, "a model named twice"),
        ("R25", "total", start + good + end(plain, n_plain=len(plain) + 1), "a total one too high"),
        ("R26", "trailing", whole_stream + b"\n", "a line feed after the end"),
        ("R27", "raw-crc", header() + raw(b"a", crc=1) + end(b"a"), "a raw block with another checksum"),
        ("R28", "coded-flip", start + block(bytes(torn), plain) + last, "a bit flipped in the coded bytes"),
        ("R28", "coded-zeros", start + block(bytes(len(words)), plain) + last, "coded bytes are zeros"),
        ("R28", "coded-ones", start + block(b"\xff" * len(words), plain) + last, "coded bytes are ones: no encoder's"),
        ("R29", "sha256", start + good + end(plain, sha256=bytes(32)), "the content's hash is zeros"),
        ("R30", "words-left", start + block(words + bytes(8), plain) + last, "two words more than the coder needs"),
        ("R31", "unknown-model", header() + named(b"unknown!", b"no-such") + good + last, "a model that nobody has"),
    ]
    files = [Rejected(f"{rule.lower()}-{name}", data, rule, reason) for rule, name, data, reason in cases]
    missing = {rule.code for rule in Rule} - {file.rule for file in files}
    assert not missing, missing
    return files


def write(folder: Path, files: list[Accepted] | list[Rejected]) -> list[dict[str, object]]:
    """Writes the files and describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.fsc"):
        old.unlink()
    described = []
    for file in files:
        (folder / f"{file.name}.fsc").write_bytes(file.data)
        entry: dict[str, object] = {
            "name": file.name,
            "reason": file.reason,
            "length": len(file.data),
            "sha256": hashlib.sha256(file.data).hexdigest(),
        }
        if isinstance(file, Rejected):
            entry["rule"] = file.rule
        else:
            entry["plain_length"] = len(file.plain)
            entry["plain_sha256"] = hashlib.sha256(file.plain).hexdigest()
            entry["block_log2"] = file.block_log2
        described.append(entry)
    return described


def make_files() -> None:
    """Writes v1/ and its manifest."""
    model = load_model(TINY)
    assert lanes_for(len(TEXT)) == 1
    folder = HERE / "v1"
    manifest = {
        "model": hashlib.sha256(TINY.read_bytes()).hexdigest(),
        "accept": write(folder / "accept", accepted(model)),
        "reject": write(folder / "reject", rejected(model)),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.make", description="Writes the golden files.")
    parser.add_argument("--model", action="store_true", help="export the integer model first")
    parser.add_argument("--train", action="store_true", help="train the float model before that")
    chosen = parser.parse_args()
    if chosen.train:
        from tests.golden.train import train_master

        train_master()
    if chosen.train or chosen.model:
        make_model()
    make_files()


if __name__ == "__main__":
    main()
