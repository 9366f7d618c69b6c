"""Golden files: each accepted one decodes on every engine and is written again byte for byte, each other is refused."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fscompress import store
from fscompress.blocks import decode_block, encode_block
from fscompress.codec import CodingOptions, decode_stream
from fscompress.container import CodedBlock, Header, Reader, Rule
from fscompress.engine import ENGINES, IntegerModel
from fscompress.errors import FscompressError
from fscompress.levels import Plan, n_networks, predictor
from fscompress.mixer import MixerSettings
from fscompress.mixer.priors import STORED
from tests.helpers import GOLDEN, OTHER, TINY, cpu, encode, other, tiny

V1 = GOLDEN / "v1"
MANIFEST: dict[str, Any] = json.loads((V1 / "manifest.json").read_text(encoding="utf-8"))
SLOW = pytest.mark.slow  # a canary for each file, on the CPU where there is no GPU
RULES = {rule.code: rule for rule in Rule}
accepted = pytest.mark.parametrize("entry", MANIFEST["accept"], ids=lambda entry: entry["name"])
rejected = pytest.mark.parametrize("entry", MANIFEST["reject"], ids=lambda entry: entry["name"])
STORED_NAMES = {"stored-short", "stored-light", "stored-normal", "stored-best"}
Find = Callable[[bytes, str], IntegerModel]


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Find:
    monkeypatch.setenv("FSCOMPRESS_MODELS", str(GOLDEN))
    return store.finder()


def data(kind: str, entry: dict[str, Any]) -> bytes:
    return (V1 / kind / f"{entry['name']}.fsc").read_bytes()


def run(stream: bytes, find: Find, **options: Any) -> bytes:
    target = io.BytesIO()
    decode_stream(io.BytesIO(stream), target, find, CodingOptions(**options))
    return target.getvalue()


def test_manifest_lists_all_files_and_no_others() -> None:
    for kind in ("accept", "reject"):
        names = [f"{entry['name']}.fsc" for entry in MANIFEST[kind]]
        assert sorted(names) == sorted(path.name for path in (V1 / kind).iterdir())
        assert len(names) == len(set(names))
        for entry in MANIFEST[kind]:
            content = data(kind, entry)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["length"], entry["sha256"])
            assert entry["reason"]


def test_models_and_priors_are_those_that_the_files_were_coded_with() -> None:
    assert hashlib.sha256(TINY.read_bytes()).hexdigest() == MANIFEST["model"] == tiny().id.hex()
    assert hashlib.sha256(OTHER.read_bytes()).hexdigest() == MANIFEST["other_model"] == other().id.hex()
    assert hashlib.sha256(STORED.read_bytes()).hexdigest() == MANIFEST["priors"], "make golden"


def test_what_is_frozen_stays_as_it_is() -> None:
    """Format 1.0: all but what a later release may accept, since it may know more versions and schemes."""
    listed = [line.split("  ") for line in (V1 / "frozen.sha256").read_text(encoding="ascii").splitlines()]
    for digest, name in listed:
        assert hashlib.sha256((V1 / name).read_bytes()).hexdigest() == digest, f"{name} is frozen"
    names = [name for _, name in listed]
    assert {"../tiny.safetensors", "../other.safetensors", "../../../fscompress/mixer/priors.safetensors"} <= set(names)
    counts = Counter(name.split("/")[0] for name in names)
    assert [counts[kind] for kind in ("accept", "reject", "models")] == [22, 49, 26]
    assert not [name for name in names if name.split("/")[1].startswith(("r04-", "r14-", "m04-"))]


def test_every_rule_has_a_file() -> None:
    assert {entry["rule"] for entry in MANIFEST["reject"]} == RULES.keys()
    assert all(entry["name"].startswith(entry["rule"].lower() + "-") for entry in MANIFEST["reject"])


def test_no_other_versions() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} - {"__pycache__"} == {"v1"}


@pytest.mark.parametrize(
    ("engine", "threads"),
    [*((engine, 1) for engine in ENGINES if engine != "cuda"), ("cpu", 2), pytest.param("cuda", 1, marks=SLOW)],
)
@accepted
def test_decodes(entry: dict[str, Any], engine: str, threads: int, find: Find, request: pytest.FixtureRequest) -> None:
    if engine == "cuda":
        request.getfixturevalue("cuda_or_cpu")
    plain = run(data("accept", entry), find, engine=engine, threads=threads)
    assert (len(plain), hashlib.sha256(plain).hexdigest()) == (entry["plain_length"], entry["plain_sha256"])


@pytest.mark.parametrize(("engine", "threads"), [("cpu", 1), ("cpu", 2), ("reference", 1)])
@pytest.mark.parametrize("entry", [e for e in MANIFEST["accept"] if e["block_log2"]], ids=lambda entry: entry["name"])
def test_encodes(entry: dict[str, Any], engine: str, threads: int, find: Find) -> None:
    plain = run(data("accept", entry), find)
    models, options = [tiny(), other()][: entry["n_models"]], {"engine": engine, "threads": threads}
    assert encode(plain, models, entry["level"], block_log2=entry["block_log2"], **options) == data("accept", entry)


@accepted
def test_every_coded_block_is_coded_again(entry: dict[str, Any]) -> None:
    for record in Reader(io.BytesIO(data("accept", entry))):
        if isinstance(record, CodedBlock):
            planned = Plan(record.scheme, record.lanes, record.parameters)
            models = [tiny(), other()][: n_networks(record.scheme, record.parameters)]
            first, second = (predictor(planned, record.n_plain, [cpu(model) for model in models]) for _ in range(2))
            plain = decode_block(record, first, lambda n: None)
            assert encode_block(plain, record.lanes, second, lambda n: None) == record.coded


@rejected
def test_refuses(entry: dict[str, Any], find: Find) -> None:
    rule = RULES[entry["rule"]]
    decoded = rule.code in ("R28", "R29", "R30")
    for options in ({"engine": "cpu"}, {"threads": 2}, *([{"engine": "reference"}] if decoded else [])):
        with pytest.raises(FscompressError) as caught:
            run(data("reject", entry), find, **options)
        assert type(caught.value) is rule.error
        assert str(caught.value).endswith(f"[{rule.code}]")
        assert caught.value.exit_code == rule.error.exit_code in (3, 4)


def test_what_the_files_cover() -> None:
    """So that a change of the encoder does not make the set poorer unnoticed."""
    blocks = {entry["name"]: list(Reader(io.BytesIO(data("accept", entry)))) for entry in MANIFEST["accept"]}
    coded = {name: [r for r in records if isinstance(r, CodedBlock)] for name, records in blocks.items()}
    assert {name: len(found) for name, found in coded.items()} == {
        "empty": 0,
        "one-byte": 0,
        "short-text": 1,
        "several-blocks": 2,
        "raw-block": 0,
        "mixed": 1,
        "seven-lanes": 1,
        "lane-a-byte": 1,
        "concatenated": 2,
        "unused-flags": 1,
        "mixed-normal": 1,
        "mixed-best": 1,
        "mixed-lanes": 1,
        "mixed-lane-a-byte": 1,
        "mixed-plain": 1,
        "two-models": 1,
        "both-schemes": 2,
        "two-models-in-turn": 3,
        "stored-short": 1,
        "stored-light": 1,
        "stored-normal": 1,
        "stored-best": 2,
    }
    schemes = {name: [block.scheme for block in found] for name, found in coded.items()}
    assert schemes["both-schemes"] == [0, 1]
    assert schemes["two-models-in-turn"] == [1, 0, 1]
    mixers = {name: [MixerSettings.unpack(b.parameters) for b in found if b.scheme] for name, found in coded.items()}
    assert {name for name, found in mixers.items() if any(m.priors for m in found)} == STORED_NAMES
    assert len({m.rate for found in mixers.values() for m in found}) == 3
    assert [m.n_networks for m in mixers["two-models-in-turn"]] == [2, 1]
    assert mixers["mixed-lanes"][0].context_ids == tuple(range(31))
    assert (mixers["mixed-plain"][0].match, mixers["mixed-plain"][0].sse_log2) == (False, 0)
    assert mixers["mixed-lanes"][0].set_ids == tuple(range(8))
    assert coded["seven-lanes"][0].lanes == 7
    assert coded["lane-a-byte"][0].lanes == coded["lane-a-byte"][0].n_plain
    assert isinstance(blocks["unused-flags"][0], Header)
    assert blocks["unused-flags"][0].flags == 0xF0


def test_sizes_stay_small() -> None:
    files = [path for path in Path(GOLDEN).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 600_000
