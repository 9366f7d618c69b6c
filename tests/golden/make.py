"""Writes the golden files; run on purpose (``make golden``), never by the tests.

    python -m tests.golden.make           the files of v1/ again, with the tiny model as it is, and ratio.json
    python -m tests.golden.make --model   the integer models first, from tiny.float16.safetensors
    python -m tests.golden.make --train   the float model before that (a minute), and the models of v1/recurrent/
    python -m tests.golden.make --recurrent   the models of v1/recurrent/ first

A golden file that changes is a change of the format or of the integer contract; but the two files with stored priors
change with ``fscompress/mixer/priors.safetensors`` too, which is part of that contract.
"""

import argparse
import hashlib
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fscompress.blocks import encode_block
from fscompress.container import SCHEME_NETWORK, Rule, Writer
from fscompress.engine import IntegerModel
from fscompress.levels import LEVELS, Plan, plan, predictor
from fscompress.mixer.priors import STORED
from fscompress.mixer.settings import ALL_CONTEXTS
from tests.golden import make_recurrent, ratio
from tests.golden.make_models import rejected_models, write_rejected
from tests.helpers import GOLDEN, OTHER, TINY, blank_plan, cpu, encode, other, tiny

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
    """A file that every reader must decode; ``block_log2`` where ``encode_stream`` writes it from the whole text.

    At that level, with the first ``n_models`` of the two models.
    """

    name: str
    data: bytes
    plain: bytes
    reason: str
    block_log2: int | None = None
    level: str = "fast"
    n_models: int = 1


@dataclass(frozen=True)
class Rejected:
    """A file that every reader must refuse for the rule of that code."""

    name: str
    data: bytes
    rule: str
    reason: str


ABOUT = {
    "tiny": "test model, trained for a minute on the language topics of pydoc",
    "other": "the tiny model, its output bias disturbed",
}


def exported(name: str) -> bytes:
    """The float16 weights quantised; those of ``other`` with another output bias."""
    from fscompress.export.export import ExportSettings, export_model
    from tests.golden.train import CONFIG, load_master

    weights = {key: tensor.double().numpy() for key, tensor in load_master().state_dict().items()}
    if name == "other":
        weights["output.bias"] = weights["output.bias"] + np.random.default_rng(4).normal(0, 0.7, 256)
    return export_model(weights, CONFIG, ExportSettings(name, ABOUT[name], PRIMER))


def make_models() -> None:
    """Writes the integer models that all golden files are coded with."""
    TINY.write_bytes(exported("tiny"))
    OTHER.write_bytes(exported("other"))


def network(lanes: int) -> Plan:
    """The plan of a block of coding scheme 0."""
    return Plan(SCHEME_NETWORK, lanes, bytes(12))


def coded(plain: bytes, planned: Plan, models: Sequence[IntegerModel]) -> bytes:
    """Coded bytes of a block."""
    engines = [cpu(model) for model in models]
    return encode_block(plain, planned.lanes, predictor(planned, len(plain), engines), lambda n: None)


def stream(*blocks: tuple[bytes, Plan, int], n_models: int = 1) -> bytes:
    """A stream of coded blocks that this encoder would not choose: plain bytes, plan, number of networks."""
    target = io.BytesIO()
    writer = Writer(target, 12)
    models = [tiny(), other()][:n_models]
    for model in models:
        writer.write_model(model.id[:8], model.name)
    for plain, planned, n in blocks:
        words = coded(plain, planned, models[:n])
        writer.write_coded(planned.scheme, planned.lanes, planned.parameters, plain, words)
    writer.finish()
    return target.getvalue()


def with_mixer(plain: bytes, level: str, n_models: int = 1, **changes: int) -> bytes:
    """A stream of one block, its mixer that of a level but for ``changes``, without stored priors."""
    return stream((plain, blank_plan(level, len(plain), n_models, **changes), n_models), n_models=n_models)


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
    """A coded block of ``plain``; ``lies`` replace ``scheme``, ``n_plain``, ``n_coded``, ``parameters``."""
    numbers = [lies.get("n_plain", len(plain)), lies.get("n_coded", len(data)), zlib.crc32(plain)]
    body = bytes([2, lies.get("scheme", 0)]) + lanes.to_bytes(2, "little")
    body += b"".join(number.to_bytes(4, "little") for number in numbers)
    return sealed(body + lies.get("parameters", 0).to_bytes(12, "little")) + data


def end(plain: bytes, n_plain: int | None = None, sha256: bytes | None = None) -> bytes:
    """A stream's last record."""
    n_plain = len(plain) if n_plain is None else n_plain
    return sealed(bytes(4) + n_plain.to_bytes(8, "little") + (sha256 or hashlib.sha256(plain).digest()))


def accepted() -> list[Accepted]:
    """All files of accept/."""
    short, mixed = encode(SHORT, block_log2=19), NOISE + TEXT
    flags = header(flags=0xF0, block_log2=19) + short[12:]
    parts = [encode(SHORT, block_log2=19), encode(b""), encode(NOISE[:5]), encode(SHORT, block_log2=11)]
    part = TEXT[:227]
    both = (SHORT, network(2), 1), (part, blank_plan("normal", len(part)), 1)
    turns = [(part, blank_plan("best", len(part), 2), 2), (SHORT, network(1), 1)]
    turns.append((part, blank_plan("normal", len(part)), 1))
    every = {"lanes": 5, "contexts": ALL_CONTEXTS, "sets": 255, "table_log2": 4}
    plain = {"sse_log2": 0, "contexts": 0b1010101}
    models, stored = [tiny(), other()], encode(SHORT, level="normal", block_log2=12)
    return [
        Accepted("empty", encode(b""), b"", "the empty text", 19),
        Accepted("one-byte", encode(b"a"), b"a", "one byte, stored raw", 19),
        Accepted("short-text", short, SHORT, "one coded block", 19),
        Accepted("several-blocks", encode(LONG, block_log2=10), LONG, "two coded blocks, the second one short", 10),
        Accepted("raw-block", encode(NOISE), NOISE, "random bytes, stored raw without a model record", 19),
        Accepted(
            "mixed", encode(mixed, block_log2=10), mixed, "a raw block, then a model record and a coded block", 10
        ),
        Accepted("seven-lanes", stream((TEXT, network(7), 1)), TEXT, "lanes of unequal length"),
        Accepted("lane-a-byte", stream((SHORT[:80], network(80), 1)), SHORT[:80], "as many lanes as bytes"),
        Accepted("concatenated", b"".join(parts), SHORT + NOISE[:5] + SHORT, "four streams, one of them empty"),
        Accepted("unused-flags", flags, SHORT, "all four unused flags are set, which a reader ignores"),
        Accepted("mixed-normal", with_mixer(TEXT, "normal"), TEXT, "the mixer of level normal, blank"),
        Accepted("mixed-best", with_mixer(TEXT, "best"), TEXT, "the mixer of level best, blank"),
        Accepted("mixed-lanes", with_mixer(TEXT, "best", **every), TEXT, "five unequal lanes in a table of 16 buckets"),
        Accepted("mixed-lane-a-byte", with_mixer(SHORT, "normal", lanes=len(SHORT)), SHORT, "a mixer of a step"),
        Accepted("mixed-plain", with_mixer(TEXT, "normal", **plain), TEXT, "neither match model nor refinement"),
        Accepted("two-models", with_mixer(part, "best", 2), part, "two networks and a mixer"),
        Accepted("both-schemes", stream(*both), SHORT + part, "a block of each coding scheme"),
        Accepted("two-models-in-turn", stream(*turns, n_models=2), part + SHORT + part, "two networks, then one"),
        Accepted("stored-short", stored, SHORT, "a line at level normal as written", 12, "normal"),
        Accepted(
            "stored-normal", encode(TEXT, level="normal", block_log2=22), TEXT, "level normal as written", 22, "normal"
        ),
        Accepted(
            "stored-light", encode(TEXT, level="light", block_log2=20), TEXT, "level light as written", 20, "light"
        ),
        Accepted(
            "stored-best",
            encode(LONG[:1130], models, "best", block_log2=10),
            LONG[:1130],
            "level best as written: two networks, two blocks",
            10,
            "best",
            2,
        ),
    ]


def rejected() -> list[Rejected]:
    """All files of reject/, at least one for each rule."""
    first, plain = named(tiny().id[:8]), SHORT
    words = coded(plain, network(1), [tiny()])
    good, last = block(words, plain), end(plain)
    start, whole_stream = header() + first, header() + first + good + last
    torn = bytearray(words)
    torn[len(torn) // 2] ^= 1
    wide = header(block_log2=30) + first
    planned = blank_plan("normal", len(plain))
    mixing = {"scheme": planned.scheme, "parameters": int.from_bytes(planned.parameters, "little")}
    mixed_words = coded(plain, planned, [tiny()])
    mixed_torn = bytearray(mixed_words)
    mixed_torn[len(mixed_torn) // 2] ^= 1

    def mixer(at: int, value: int) -> bytes:
        """A stream whose mixer has another byte in its parameters."""
        parameters = bytearray(planned.parameters)
        parameters[at] = value
        lie = {"scheme": 1, "parameters": int.from_bytes(parameters, "little")}
        return start + block(mixed_words, plain, **lie) + last

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
        ("R14", "scheme-2", start + block(words, plain, scheme=2) + last, "a scheme to come"),
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
        ("R18", "mixer-zeros", start + block(words, plain, scheme=1) + last, "a mixer without parameters"),
        ("R18", "mixer-rate", mixer(0, 0), "a mixer that does not learn"),
        ("R18", "mixer-networks", mixer(1, 2), "two networks, but one model record"),
        ("R18", "mixer-table", mixer(2, 25), "a table of 2 GiB"),
        ("R18", "mixer-lanes", mixer(4, 2), "other lanes than the block's"),
        ("R18", "mixer-sets", mixer(10, 0), "no weight set"),
        ("R18", "mixer-priors", mixer(11, 2), "priors to come"),
        ("R19", "no-model", header() + good + last, "a coded block without a model record"),
        ("R20", "name-0", header() + named(bytes(8), b"") + end(b""), "a model without a name"),
        ("R21", "name-dots", header() + named(bytes(8), b"../../etc") + end(b""), "a name that is a path"),
        ("R22", "five-models", start + b"".join(others) + good + last, "five model records"),
        ("R23", "late-model", start + good + others[0] + last, "a model record after a coded block"),
        ("R24", "model-twice", start + first + good + last, "a model named twice"),
        ("R25", "total", start + good + end(plain, n_plain=len(plain) + 1), "a total one too high"),
        ("R26", "trailing", whole_stream + b"\n", "a line feed after the end"),
        ("R27", "raw-crc", header() + raw(b"a", crc=1) + end(b"a"), "a raw block with another checksum"),
        ("R28", "coded-flip", start + block(bytes(torn), plain) + last, "a bit flipped in the coded bytes"),
        ("R28", "coded-zeros", start + block(bytes(len(words)), plain) + last, "coded bytes are zeros"),
        ("R28", "coded-ones", start + block(b"\xff" * len(words), plain) + last, "coded bytes are ones: no encoder's"),
        ("R28", "mixed-flip", start + block(bytes(mixed_torn), plain, **mixing) + last, "a bit flipped under a mixer"),
        ("R28", "mixed-ones", start + block(b"\xff" * len(words), plain, **mixing) + last, "ones under a mixer"),
        ("R29", "sha256", start + good + end(plain, sha256=bytes(32)), "the content's hash is zeros"),
        ("R30", "words-left", start + block(words + bytes(8), plain) + last, "two words more than the coder needs"),
        ("R30", "mixed-words", start + block(mixed_words + bytes(8), plain, **mixing) + last, "the same, with a mixer"),
        ("R31", "unknown-model", header() + named(b"unknown!", b"no-such") + good + last, "a model that nobody has"),
        (
            "R31",
            "second-model",
            with_mixer(TEXT, "best", 2).replace(named(other().id[:8], b"other"), named(b"unknown!", b"no-such")),
            "the second of two models is missing",
        ),
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
            entry |= {"block_log2": file.block_log2, "level": file.level, "n_models": file.n_models}
        described.append(entry)
    return described


def make_files() -> None:
    """Writes v1/ and its manifest."""
    assert plan(LEVELS["fast"], len(TEXT), 1).lanes == 1
    folder = GOLDEN / "v1"
    manifest = {
        "model": hashlib.sha256(TINY.read_bytes()).hexdigest(),
        "other_model": hashlib.sha256(OTHER.read_bytes()).hexdigest(),
        "priors": hashlib.sha256(STORED.read_bytes()).hexdigest(),
        "accept": write(folder / "accept", accepted()),
        "reject": write(folder / "reject", rejected()),
        "models": write_rejected(folder / "models", rejected_models()),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.make", description="Writes the golden files.")
    parser.add_argument("--model", action="store_true", help="export the integer models first")
    parser.add_argument("--train", action="store_true", help="train the float model before that")
    parser.add_argument("--recurrent", action="store_true", help="train the models of v1/recurrent/ first")
    chosen = parser.parse_args()
    if chosen.train:
        from tests.golden.train import train_master

        train_master()
    if chosen.train or chosen.recurrent:
        make_recurrent.make_models(PRIMER)
    if chosen.train or chosen.model:
        make_models()
    make_files()
    make_recurrent.write_files(LONG[:600])
    ratio.record()


if __name__ == "__main__":
    main()
