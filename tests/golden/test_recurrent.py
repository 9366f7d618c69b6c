"""Golden files of model scheme 2: every engine decodes them, they are written again, and wrong models are refused."""

import hashlib
import json
from functools import cache
from typing import Any

import pytest
from safetensors.numpy import load

from fscompress.engine import IntegerModel
from fscompress.engine.kinds import KINDS
from tests.golden.make import LONG
from tests.golden.make_recurrent import CONFIGS, FOLDER, LEVELS, MODELS, golden_data, golden_model
from tests.helpers import MODEL_RULES, check_model_is_refused, decode, encode

MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
accepted = pytest.mark.parametrize("entry", MANIFEST["accept"], ids=lambda entry: entry["name"])


@cache
def model_of(kind: str) -> IntegerModel:
    return golden_model(kind)


def data(entry: dict[str, Any]) -> bytes:
    return (FOLDER / f"{entry['name']}.fsc").read_bytes()


def test_manifest_lists_all_files_and_no_others() -> None:
    names = [entry["name"] for entry in MANIFEST["accept"]]
    assert names == list(CONFIGS)
    assert {model_of(name).kind for name in names} == KINDS.keys()
    assert {entry["level"] for entry in MANIFEST["accept"]} == set(LEVELS)
    expected = {f"{name}.fsc" for name in names} | {MODELS.name, "manifest.json", "reject"}
    assert {path.name for path in FOLDER.iterdir()} == expected
    listed = {f"{entry['name']}.safetensors.gz" for entry in MANIFEST["reject"]}
    assert {path.name for path in (FOLDER / "reject").iterdir()} == listed


@accepted
def test_files_are_those_of_the_manifest(entry: dict[str, Any]) -> None:
    assert (len(data(entry)), hashlib.sha256(data(entry)).hexdigest()) == (entry["length"], entry["sha256"])
    assert model_of(entry["name"]).id.hex() == entry["model"]
    assert model_of(entry["name"]).kind == CONFIGS[entry["name"]].cell
    assert model_of(entry["name"]).wiring == CONFIGS[entry["name"]].wiring
    assert entry["length"] < MANIFEST["plain_length"]


@pytest.mark.parametrize("engine", ["cpu", "reference", pytest.param("cuda", marks=pytest.mark.slow)])
@accepted
def test_decodes_and_encodes(entry: dict[str, Any], engine: str, request: pytest.FixtureRequest) -> None:
    if engine == "cuda":
        request.getfixturevalue("cuda_or_cpu")
    model = model_of(entry["name"])
    plain = decode(data(entry), lambda model_id, name: model, engine=engine)
    assert (len(plain), hashlib.sha256(plain).hexdigest()) == (MANIFEST["plain_length"], MANIFEST["plain_sha256"])
    assert plain == LONG[:600]
    if engine == "cpu":  # which the others equal, as decoding shows
        assert encode(plain, [model], entry["level"], block_log2=10, engine=engine) == data(entry)


@pytest.mark.parametrize("entry", MANIFEST["reject"], ids=lambda entry: entry["name"])
def test_refuses_models(entry: dict[str, Any]) -> None:
    check_model_is_refused(FOLDER / "reject", entry)


@pytest.mark.parametrize(
    ("name", "compact"),
    [
        ("sparse", {"weight.mask", "weight.values", "input.weight.mask", "input.weight.values"}),
        ("low-rank", {"left", "right", "factor", "input.factor"}),
        (
            "sparse-factors",
            {"left.mask", "left.values", "right.mask", "right.values", "factor", "input.factor"},
        ),
    ],
)
def test_compact_cells_are_compact(name: str, compact: set[str]) -> None:
    tensors = load(golden_data(name))
    found = {key.removeprefix("cell.0.") for key in tensors if key.startswith("cell.0.")}
    assert compact <= found
    assert not found & {"weight", "input.weight"}


def test_every_rule_on_what_a_file_holds_has_a_model() -> None:
    assert {entry["rule"] for entry in MANIFEST["reject"]} == MODEL_RULES.keys() - {"M01", "M02"}
