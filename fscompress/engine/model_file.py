"""Model files: the safetensors layout of an ``IntegerModel``, read and written with numpy, never with pickle."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fscompress.engine import arithmetic as q
from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.engine.spec import FAST, SLOW, IntegerCell, IntegerModel, check_array, input_table
from fscompress.errors import ModelFileError, UnsupportedVersionError
from fscompress.parts import read_joined, size

MAX_FILE_BYTES = 1 << 30
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # FORMAT.md section 6: every file that the model encodes carries it
_DTYPES = {
    "embedding": np.int8,
    "input.weight": np.int8,
    "input.multiplier": np.int32,
    "output.weight": np.int8,
    "output.multiplier": np.int32,
    "output.bias": np.int32,
    "table.sigmoid": np.int16,
    "table.tanh": np.int16,
    "table.exp2": np.int32,
    "initial.fast": np.int32,
    "initial.slow": np.int32,
    "canary": np.uint8,
}
_LIMITS = {"n_cells": (3, 64), "output_shift": (16, 32)}
_NUMBER = re.compile(r"[0-9]{1,4}")
_CELL_DTYPES = {
    "weight": np.int8,
    "multiplier": np.int32,
    "epsilon": np.int64,
    "gain": np.int32,
    "bias": np.int32,
    "keep": np.int32,
}


def write_model(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a model file; ``metadata`` needs ``name``, ``n_cells``, ``output_shift`` and ``canary_hash``.

    The same arguments give the same bytes, hence the same id: safetensors puts metadata in an order of chance, so its
    header is written again.
    """
    described = {**metadata, "scheme": str(q.SCHEME), "architecture": "fs-lstm"}
    data = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, described)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end]) | {"__metadata__": dict(sorted(described.items()))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def read_model(path: Path) -> IntegerModel:
    """Reads and certifies a model file, kept as one file or in parts (``fscompress.parts``).

    Raises:
        ModelFileError: damaged, a part missing, of the wrong types or shapes, or a bound does not hold.
        UnsupportedVersionError: of an integer scheme that this build does not know.
    """
    try:
        if size(path) > MAX_FILE_BYTES:
            raise broken_model(ModelRule.LARGE, f"{path}: larger than {MAX_FILE_BYTES:,} bytes")
        data = read_joined(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return parse_model(data)
    except (ModelFileError, UnsupportedVersionError) as error:
        raise type(error)(f"{path}: {error}") from error


def parse_model(data: bytes) -> IntegerModel:
    """The model in the bytes of a model file; raises as ``read_model``, by the rules of INTEGER.md section 2.1."""
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = {str(k): str(v) for k, v in header.get("__metadata__", {}).items()}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise broken_model(ModelRule.SAFETENSORS, f"not a readable safetensors file ({error})") from error
    if metadata.get("architecture") != "fs-lstm" or "scheme" not in metadata:
        what = "not a model of this program (no fs-lstm scheme in its metadata)"
        raise broken_model(ModelRule.ARCHITECTURE, what)
    if metadata["scheme"] != str(q.SCHEME):
        what = f"integer scheme {metadata['scheme'][:99]!r}; this build knows {q.SCHEME}; upgrade"
        raise broken_model(ModelRule.SCHEME, what)
    return _assemble(_typed(tensors, _n_cells(metadata)), metadata, hashlib.sha256(data).digest())


def _n_cells(metadata: dict[str, str]) -> int:
    """``n_cells``; all metadata that a model needs is checked."""
    missing = {"name", "n_cells", "output_shift", "canary_hash"} - metadata.keys()
    if missing:
        raise broken_model(ModelRule.METADATA, f"incomplete model (no {min(missing)} in its metadata)")
    if not NAME.fullmatch(metadata["name"]):
        what = f"model name {metadata['name'][:99]!r} is not of the form {NAME.pattern}"
        raise broken_model(ModelRule.METADATA, what)
    for key, (low, high) in _LIMITS.items():
        word = metadata[key]
        if not _NUMBER.fullmatch(word) or not low <= int(word) <= high:
            raise broken_model(ModelRule.METADATA, f"{key} {word[:99]!r} is not in {low}..{high}")
    return int(metadata["n_cells"])


def _typed(tensors: dict[str, Any], n_cells: int) -> dict[str, Any]:
    """The tensors, all that a model of so many cells needs and no others, each of its type."""
    cells = {f"cell.{i}.{key}": dtype for i in range(n_cells) for key, dtype in _CELL_DTYPES.items()}
    for name, dtype in (_DTYPES | cells).items():
        if name not in tensors:
            raise broken_model(ModelRule.MISSING, f"incomplete model (no tensor {name})")
        if tensors[name].dtype != dtype:
            what = f"tensor {name} is {tensors[name].dtype}, expected {np.dtype(dtype)}"
            raise broken_model(ModelRule.DTYPE, what)
    strange = tensors.keys() - _DTYPES.keys() - cells.keys()
    if strange:
        raise broken_model(ModelRule.STRANGE, f"tensor {min(strange)[:99]!r} is none of this model's")
    return tensors


def _assemble(t: dict[str, Any], metadata: dict[str, str], digest: bytes) -> IntegerModel:
    cells = tuple(
        IntegerCell(**{key: t[f"cell.{i}.{key}"] for key in _CELL_DTYPES}) for i in range(int(metadata["n_cells"]))
    )
    embedding, weight, multiplier = t["embedding"], t["input.weight"], t["input.multiplier"]
    if embedding.ndim != 2 or len(embedding) != 256 or not 1 <= embedding.shape[1] <= q.MAX_SIZE:
        raise broken_model(ModelRule.SHAPE, f"embedding has shape {embedding.shape}")
    rows = cells[0].weight.shape[:1]
    check_array("input weight", weight, (*rows, embedding.shape[1]), -q.WEIGHT_MAX, q.WEIGHT_MAX)
    check_array("input multiplier", multiplier, rows, 1, q.MULTIPLIER_MAX)
    for name in ("initial.fast", "initial.slow"):
        if t[name].ndim != 2 or len(t[name]) != 2:
            raise broken_model(ModelRule.SHAPE, f"{name} has shape {t[name].shape}")
    return IntegerModel(
        name=metadata["name"],
        id=digest,
        metadata=metadata,
        cells=cells,
        table=input_table(embedding, weight, multiplier),
        output=t["output.weight"],
        output_multiplier=t["output.multiplier"],
        output_bias=t["output.bias"],
        output_shift=int(metadata["output_shift"]),
        sigmoid=t["table.sigmoid"],
        tanh=t["table.tanh"],
        exp2=t["table.exp2"],
        initial=tuple((t[f"initial.{g}"][0], t[f"initial.{g}"][1]) for g in ("fast", "slow")),  # type: ignore[arg-type]
        canary=t["canary"],
        canary_hash=metadata["canary_hash"],
    )


assert (FAST, SLOW) == (0, 1)  # the order in which initial states are stored
