"""Model files: what is written is read; anything damaged, foreign or incomplete is refused with a reason."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from fscompress.container import layout
from fscompress.engine import load_model
from fscompress.engine import model_file as files
from fscompress.engine.model_file import parse_model, write_model
from fscompress.engine.model_rules import ModelRule
from fscompress.errors import ModelFileError, UnsupportedVersionError
from fscompress.tensor_files import CHECKPOINT
from tests.helpers import GOLDEN, MODEL_RULES, TINY, check_model_is_refused, noise, tiny

DATA = TINY.read_bytes()
TENSORS: dict[str, Any] = load(DATA)
METADATA: dict[str, str] = json.loads(DATA[8 : 8 + int.from_bytes(DATA[:8], "little")])["__metadata__"]
MATRICES = {name for name in TENSORS if name.endswith("weight") or name == "embedding"}


def changed(tensors: dict[str, Any] | None = None, **metadata: str) -> bytes:
    return write_model(TENSORS | (tensors or {}), METADATA | metadata)


def without(name: str) -> bytes:
    return write_model({key: value for key, value in TENSORS.items() if key != name}, METADATA)


def test_writing_again() -> None:
    again = parse_model(write_model(TENSORS, METADATA))
    assert again.canary_hash == tiny().canary_hash
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(again.cells, tiny().cells, strict=True))


@pytest.mark.parametrize("name", sorted(TENSORS))
def test_wrong_tensors(name: str) -> None:
    tensor = TENSORS[name]
    with pytest.raises(ModelFileError, match="incomplete model"):
        parse_model(without(name))
    for dtype in (np.int64, np.float32, np.int16, np.uint8):
        if tensor.dtype != dtype:
            with pytest.raises(ModelFileError, match=f"tensor {name} is {np.dtype(dtype)}, expected {tensor.dtype}"):
                parse_model(changed({name: np.abs(tensor).astype(dtype)}))
    wrong = [tensor[:-1], tensor[:0], tensor[..., None], tensor.reshape(-1)[:1].reshape(()), tensor[None]]
    for shape in wrong:
        with pytest.raises(ModelFileError):
            parse_model(changed({name: shape}))


def test_writing_is_reproducible() -> None:
    """An order of chance in the file would give each export another id."""
    backwards = dict(reversed(METADATA.items()))
    assert write_model(TENSORS, METADATA) == write_model(TENSORS, backwards) == DATA
    assert int.from_bytes(DATA[:8], "little") % 8 == 0


@pytest.mark.parametrize("scheme", ["0", "2", "one", ""])
def test_unknown_scheme(scheme: str) -> None:
    """Before all else that a scheme to come may do otherwise."""
    others = {"architecture": METADATA["architecture"], "scheme": scheme}
    for data in (save(TENSORS, METADATA | {"scheme": scheme}), save({"x": np.zeros(9, np.float32)}, others)):
        with pytest.raises(UnsupportedVersionError, match=r"integer scheme .*\[M04\]$") as caught:
            parse_model(data)
        assert caught.value.exit_code == 4


@pytest.mark.parametrize("architecture", ["", "lstm", "fs-gru"])
def test_unknown_architecture(architecture: str) -> None:
    with pytest.raises(ModelFileError, match="not a model of this program"):
        parse_model(save(TENSORS, METADATA | {"architecture": architecture}))


def test_a_checkpoint_is_told_from_a_foreign_file() -> None:
    with pytest.raises(ModelFileError, match=r"fscompress export` makes a model of them \[M03\]$"):
        parse_model(save({"model.x": np.zeros(3)}, {"format": f"{CHECKPOINT}-1"}))


def test_another_programs_file() -> None:
    for data in (save({"x": np.zeros(3)}), save({}), save(TENSORS), save(TENSORS, {"architecture": "fs-lstm"})):
        with pytest.raises(ModelFileError, match="not a model of this program"):
            parse_model(data)


@pytest.mark.parametrize("key", ["name", "n_cells", "output_shift", "canary_hash"])
def test_missing_metadata(key: str) -> None:
    kept = {name: value for name, value in METADATA.items() if name != key}
    with pytest.raises(ModelFileError, match="incomplete model"):
        parse_model(save(TENSORS, kept))


@pytest.mark.parametrize(
    "metadata",
    [
        {"n_cells": "2"},
        {"n_cells": "65"},
        {"n_cells": "-1"},
        {"n_cells": "four"},
        {"n_cells": "9" * 5000},
        {"n_cells": "5"},
        {"output_shift": "99"},
        {"output_shift": "1.5"},
        {"name": ""},
        {"name": "A"},
        {"name": "../etc"},
        {"name": "a" * 65},
        {"name": "tiny\n"},
    ],
    ids=str,
)
def test_impossible_metadata(metadata: dict[str, str]) -> None:
    with pytest.raises(ModelFileError):
        parse_model(changed(**metadata))


def test_names_are_those_of_the_container() -> None:
    for name in ("a", "0", "tiny", "a.b-c_d", "a" * 64, "", ".a", "-a", "a b", "a" * 65, "é"):
        fits = layout.NAME.fullmatch(name.encode()) is not None and len(name) <= layout.MAX_NAME
        assert (files.NAME.fullmatch(name) is not None) == fits


def test_cut_files() -> None:
    for length in (*range(0, 200, 7), len(DATA) // 2, len(DATA) - 1):
        with pytest.raises(ModelFileError, match="not a readable safetensors file"):
            parse_model(DATA[:length])
    with pytest.raises(ModelFileError, match="not a readable safetensors file"):
        parse_model(DATA + b"\0")


@pytest.mark.parametrize("n", [0, 1, 1 << 20, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_lying_header_length(n: int) -> None:
    with pytest.raises(ModelFileError, match="not a readable safetensors file"):
        parse_model(n.to_bytes(8, "little") + DATA[8:])


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"null",
        b'{"__metadata__":null}',
        b'{"__metadata__":[]}',
        b'{"__metadata__":{"scheme":1}}',
        b'{"x":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}',
        b'{"x":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"__metadata__":{"architecture":"fs-lstm","scheme":"1"}}',
        b'{"x":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]},"__metadata__":{"scheme":"1"}}',
        b'{"x":{"dtype":"I8","shape":[99999999999999999,9999999999999],"data_offsets":[0,8]}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda header: header[:50].decode("latin-1"),
)
def test_hostile_headers(header: bytes) -> None:
    with pytest.raises(ModelFileError):
        parse_model(len(header).to_bytes(8, "little") + header + bytes(8))


def test_damaged_bytes_never_end_otherwise() -> None:
    """One byte changed, anywhere: refused, or a model within its bounds (whose id, hence, is another one)."""
    rng = np.random.default_rng(11)
    positions = [*rng.integers(0, 3000, 150), *rng.integers(0, len(DATA), 50)]
    for at, value in zip(positions, noise(len(positions), 12), strict=True):
        data = bytearray(DATA)
        data[at] ^= value or 1
        with suppress(ModelFileError, UnsupportedVersionError):
            assert parse_model(bytes(data)).id != tiny().id


def test_read_model_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    cases: list[tuple[Callable[[], object], type[Exception]]] = [
        (lambda: None, ModelFileError),
        (lambda: path.write_bytes(b"no model"), ModelFileError),
        (lambda: path.write_bytes(save(TENSORS, METADATA | {"scheme": "2"})), UnsupportedVersionError),
    ]
    for make, error in cases:
        make()
        with pytest.raises(error, match=r"x\.safetensors"):
            load_model(path)
    path.write_bytes(DATA)
    assert load_model(path).id == tiny().id


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.truncate(files.MAX_FILE_BYTES + 1)
    with pytest.raises(ModelFileError, match="larger than"):
        load_model(path)


MANIFEST = json.loads((GOLDEN / "v1" / "manifest.json").read_text(encoding="utf-8"))["models"]


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["name"])
def test_golden_models_are_refused(entry: dict[str, Any]) -> None:
    check_model_is_refused(GOLDEN / "v1" / "models", entry)


def test_every_rule_has_a_golden_model() -> None:
    assert {entry["rule"] for entry in MANIFEST} == MODEL_RULES.keys() - {ModelRule.LARGE.code}
    listed = {f"{entry['name']}.safetensors.gz" for entry in MANIFEST}
    assert listed == {path.name for path in (GOLDEN / "v1" / "models").iterdir()}
