"""docs/reference_decoder.py decodes and refuses what the program does, and shares no code with it."""

import ast
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from fscompress.engine import arithmetic as q
from fscompress.engine.kinds import KINDS, LSTM
from fscompress.engine.model_file import write_model
from fscompress.engine.model_form import RECURRENT
from tests.conftest import ROOT
from tests.golden.make import block, header
from tests.golden.make_recurrent import FOLDER, described, golden_data
from tests.helpers import GOLDEN, OTHER, TINY

DECODER = ROOT / "docs" / "reference_decoder.py"
V1 = GOLDEN / "v1"
MANIFEST: dict[str, Any] = json.loads((V1 / "manifest.json").read_text(encoding="utf-8"))
SCHEME_2: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
SLOW = {"mixed-best", "stored-best"}  # seconds each; what remains has each scheme, stored priors and two networks


def entries(kind: str) -> list[Any]:
    return [
        pytest.param(entry, id=entry["name"], marks=[pytest.mark.slow] if entry["name"] in SLOW else [])
        for entry in MANIFEST[kind]
    ]


@cache
def second() -> ModuleType:
    spec = util.spec_from_file_location("reference_decoder", DECODER)
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def models() -> dict[bytes, Any]:
    return by_id(path.read_bytes() for path in (TINY, OTHER))


def by_id(files: Iterable[bytes]) -> dict[bytes, Any]:
    loaded = [second().Model(data) for data in files]
    return {model.id: model for model in loaded}


def stream(kind: str, entry: dict[str, Any]) -> bytes:
    return (V1 / kind / f"{entry['name']}.fsc").read_bytes()


def test_it_imports_the_standard_library_and_numpy_alone() -> None:
    found = set()
    for node in ast.walk(ast.parse(DECODER.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    assert found <= sys.stdlib_module_names | {"numpy"}
    assert "importlib" not in found


@pytest.mark.parametrize("entry", entries("accept"))
def test_decodes(entry: dict[str, Any]) -> None:
    plain = second().decode(stream("accept", entry), models())
    assert (len(plain), hashlib.sha256(plain).hexdigest()) == (entry["plain_length"], entry["plain_sha256"])


@pytest.mark.parametrize("entry", SCHEME_2["accept"], ids=lambda entry: entry["name"])
def test_decodes_with_models_of_scheme_2(entry: dict[str, Any]) -> None:
    coded = (FOLDER / f"{entry['name']}.fsc").read_bytes()
    plain = second().decode(coded, by_id([golden_data(entry["name"])]))
    assert (len(plain), hashlib.sha256(plain).hexdigest()) == (SCHEME_2["plain_length"], SCHEME_2["plain_sha256"])


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {LSTM}))
def test_computes_what_no_golden_model_holds(kind: str) -> None:
    """Other shifts, zoneout, scalars and states: its canary is that of the reference, or the model would be refused."""
    rng = np.random.default_rng(5)
    tensors = {name: tensor.copy() for name, tensor in load(golden_data(kind)).items()}
    tensors["places"][:, 3] = shifts = rng.integers(q.LOWEST_SHIFT, q.PRODUCT_SHIFT, len(tensors["places"]))
    for name, tensor in tensors.items():
        if name.endswith(("keep", "scalars")):
            tensor[:] = rng.integers(0, 1 << 15, tensor.shape, endpoint=True)
        elif name.startswith("initial"):
            tensor[:] = rng.integers(-(1 << 14), 1 << 14, tensor.shape, endpoint=True)
        elif name.startswith("cell") and name.endswith("multiplier"):
            tensor[:] = np.maximum(tensor >> q.PRODUCT_SHIFT - shifts[int(name.split(".")[1])], 1)
    second().Model(write_model(tensors, described(tensors, kind), RECURRENT))


@pytest.mark.parametrize("entry", entries("reject"))
def test_refuses(entry: dict[str, Any]) -> None:
    with pytest.raises(second().Refused) as caught:
        second().decode(stream("reject", entry), models())
    assert caught.value.code == entry["rule"]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("R04", header(version=2, flags=15, block_log2=9, reserved=1)),
        ("R14", header() + block(b"", b"", 0, scheme=2, parameters=1)),
    ],
)
def test_what_is_unknown_is_not_called_damaged(code: str, data: bytes) -> None:
    with pytest.raises(second().Refused) as caught:
        second().decode(data, models())
    assert (caught.value.code, caught.value.exit_code) == (code, 4)


@pytest.mark.parametrize(
    ("folder", "entry"),
    [(V1 / "models", entry) for entry in MANIFEST["models"]]
    + [(FOLDER / "reject", entry) for entry in SCHEME_2["reject"]],
    ids=lambda value: value["name"] if isinstance(value, dict) else value.parent.name,
)
def test_refuses_models(folder: Path, entry: dict[str, Any]) -> None:
    data = gzip.decompress((folder / f"{entry['name']}.safetensors.gz").read_bytes())
    with pytest.raises(second().Refused) as caught:
        second().Model(data)
    assert caught.value.code == entry["rule"]


def test_command_line(tmp_path: Path) -> None:
    def run(data: bytes, *paths: Path) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, str(DECODER), *map(str, paths)]
        return subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)

    good, bad = ((V1 / path).read_bytes() for path in ("accept/one-byte.fsc", "reject/r31-unknown-model.fsc"))
    assert (run(good, TINY).returncode, run(good, TINY).stdout) == (0, b"a")
    refused = run(bad, TINY)
    assert (refused.returncode, refused.stdout) == (4, b"")
    assert refused.stderr.decode().splitlines() == ["refused [R31]"]
    assert run(good).returncode == 2
    assert run(good, tmp_path / "none").returncode == 1
