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
from fscompress.engine.spec import FAST, SLOW, IntegerCell, IntegerModel, input_table
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
            raise ModelFileError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes")
        data = read_joined(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return parse_model(data)
    except (ModelFileError, UnsupportedVersionError) as error:
        raise type(error)(f"{path}: {error}") from error


def parse_model(data: bytes) -> IntegerModel:
    """The model in the bytes of a model file; raises as ``read_model``."""
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = {str(k): str(v) for k, v in header.get("__metadata__", {}).items()}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"not a readable safetensors file ({error})") from error
    if metadata.get("architecture") != "fs-lstm" or "scheme" not in metadata:
        raise ModelFileError("not a model of this program (no fs-lstm scheme in its metadata)")
    if metadata["scheme"] != str(q.SCHEME):
        raise UnsupportedVersionError(f"integer scheme {metadata['scheme']}; this build knows {q.SCHEME}; upgrade")
    try:
        return _assemble(tensors, metadata, hashlib.sha256(data).digest())
    except (KeyError, ValueError, IndexError) as error:
        raise ModelFileError(f"incomplete model ({error!r})") from error


def _assemble(tensors: dict[str, Any], metadata: dict[str, str], digest: bytes) -> IntegerModel:
    def take(name: str, dtype: Any) -> Any:
        tensor = tensors[name]
        if tensor.dtype != dtype:
            raise ModelFileError(f"tensor {name} is {tensor.dtype}, expected {np.dtype(dtype)}")
        return tensor

    if not NAME.fullmatch(metadata["name"]):
        raise ModelFileError(f"model name {metadata['name'][:99]!r} is not of the form {NAME.pattern}")
    n_cells = int(metadata["n_cells"])
    if not 3 <= n_cells <= 64:
        raise ModelFileError(f"{n_cells} cells are out of range")
    t = {name: take(name, dtype) for name, dtype in _DTYPES.items()}
    cells = tuple(
        IntegerCell(**{key: take(f"cell.{i}.{key}", dtype) for key, dtype in _CELL_DTYPES.items()})
        for i in range(n_cells)
    )
    embedding, weight, multiplier = t["embedding"], t["input.weight"], t["input.multiplier"]
    if embedding.ndim != 2 or len(embedding) != 256 or not 1 <= embedding.shape[1] <= q.MAX_SIZE:
        raise ModelFileError(f"embedding has shape {embedding.shape}")
    if weight.shape != (len(cells[0].weight), embedding.shape[1]) or multiplier.shape != weight.shape[:1]:
        raise ModelFileError(f"input weight and multiplier have shapes {weight.shape} and {multiplier.shape}")
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
