"""Model files that every reader must refuse, for rules M02 to M13 of docs/INTEGER.md; called by ``make.py``.

All are made from the tiny model cut down to one unit a state, and kept compressed.
"""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fscompress.engine.base import canary_hash
from fscompress.engine.model_file import parse_model, write_model
from fscompress.engine.reference import ReferenceEngine
from tests.helpers import TINY

N_CELLS = 3
FAST = 70  # units with which a gate that reads 4096 embedded values can reach 2^24


@cache
def smallest() -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of a model of one unit a state that every reader accepts."""
    whole, tensors = load(TINY.read_bytes()), {}
    for name, tensor in whole.items():
        words = name.split(".")
        if words[0] == "cell" and int(words[1]) >= N_CELLS:
            continue
        rows, columns = [4, 1 if words[1:2] == ["0"] else 2], [4]
        cut = {"weight": rows, "multiplier": columns, "gain": [5, 1], "bias": [5, 1], "fast": [2, 1], "slow": [2, 1]}
        special = {"embedding": [256, 1], "input.weight": [4, 1], "output.weight": [256, 1]}
        kept = {"output.multiplier": [256], "output.bias": [256]} | special
        limits = kept.get(name) or cut.get(words[-1]) or list(tensor.shape)
        tensors[name] = np.ascontiguousarray(tensor[tuple(slice(n) for n in limits)])
    constants = {"table.sigmoid": 1 << 14, "table.tanh": 1 << 13, "table.exp2": 1 << 10, "output.multiplier": 1 << 20}
    for name, constant in (constants | {"output.bias": 0, "output.weight": 5, "canary": 65}).items():
        tensors[name] = np.full_like(tensors[name], constant)  # which compresses well
    metadata = {"name": "smallest", "n_cells": str(N_CELLS), "output_shift": "31", "canary_hash": ""}
    model = parse_model(write_model(tensors, metadata))
    return tensors, metadata | {"canary_hash": canary_hash(ReferenceEngine(model), model.canary)}


def changed(tensors: dict[str, Any] | None = None, **metadata: str) -> bytes:
    """The smallest model with other tensors or metadata."""
    base, described = smallest()
    return write_model(base | (tensors or {}), described | metadata)


def without(name: str) -> bytes:
    """The smallest model without a tensor."""
    base, described = smallest()
    return write_model({key: tensor for key, tensor in base.items() if key != name}, described)


def with_header(change: Any) -> bytes:
    """The smallest model after ``change`` of the object in its header."""
    data = changed()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def overlapping(header: dict[str, Any]) -> None:
    """Two tensors of one type and shape share their bytes."""
    header["table.tanh"]["data_offsets"] = header["table.sigmoid"]["data_offsets"]


def huge(header: dict[str, Any]) -> None:
    """A shape whose product leaves 64 bits."""
    header["embedding"]["shape"] = [1 << 40, 1 << 40]


def at(name: str, value: int) -> bytes:
    """The smallest model with another first value in a tensor."""
    tensor = smallest()[0][name].copy()
    tensor.reshape(-1)[0] = value
    return changed({name: tensor})


def rejected_models() -> list[tuple[str, bytes, str]]:
    """Name, which begins with the rule's code, bytes and reason."""
    base, data = smallest()[0], changed()
    gain, table = base["cell.1.gain"], base["table.exp2"]
    not_finite = np.where(np.arange(5)[:, None] < 4, np.nan, np.inf).astype(np.float32)
    top = (1 << 31) - 1
    logits = {"output.weight": np.full((256, FAST), 63, np.int8), "output.multiplier": np.full(256, top, np.int32)}
    gate = {"embedding": np.full((256, 4096), -128, np.int8), "input.weight": np.full((4 * FAST, 4096), 63, np.int8)}
    gate["cell.0.weight"] = np.full((4 * FAST, FAST), 63, np.int8)
    gate |= {name: np.full(4 * FAST, top, np.int32) for name in ("input.multiplier", "cell.0.multiplier")}
    return [
        ("m02-empty", b"", "an empty file"),
        ("m02-cut", data[:-1], "the last byte is missing"),
        ("m02-trailing", data + b"\0", "a byte behind the last tensor"),
        ("m02-header-long", (1 << 40).to_bytes(8, "little") + data[8:], "a header of a terabyte"),
        ("m02-nested", (100_000).to_bytes(8, "little") + b"[" * 100_000, "a header of open brackets"),
        ("m02-overlap", with_header(overlapping), "two tensors in one place"),
        ("m02-huge-shape", with_header(huge), "a shape of 2^80 values"),
        ("m03-foreign", save({"x": np.zeros(3, np.float32)}), "a safetensors file of another program"),
        ("m04-scheme-2", data.replace(b'"scheme":"1"', b'"scheme":"2"'), "a scheme to come"),
        ("m05-name-dots", changed(name="../../etc"), "a name that is a path"),
        ("m05-cells-2", changed(n_cells="2"), "a fast cell too few"),
        ("m05-output-shift", changed(output_shift="99"), "a shift of 99"),
        ("m06-no-canary", without("canary"), "the canary is missing"),
        ("m07-extra", changed({"extra": np.zeros(1, np.int8)}), "a tensor more"),
        ("m08-float-scales", changed({"cell.1.gain": not_finite}), "scales are floats, NaN and infinite"),
        ("m08-wide", changed({"cell.1.bias": base["cell.1.bias"].astype(np.int64)}), "biases of 64 bits"),
        ("m09-gain", changed({"cell.1.gain": gain[:4]}), "gains of four gates"),
        ("m09-no-units", changed({"cell.1.weight": np.zeros((0, 2), np.int8)}), "a cell without units"),
        ("m09-table-short", changed({"table.exp2": table[:-1]}), "a table one short"),
        ("m10-eight-bits", at("cell.2.weight", 64), "a weight beyond seven bits"),
        ("m10-input-weight", at("input.weight", -64), "an input weight beyond seven bits"),
        ("m10-input-multiplier", at("input.multiplier", 0), "a multiplier of zero"),
        ("m10-leaf", at("table.exp2", 0), "a weight of zero in the table of leaves"),
        ("m10-initial", at("initial.slow", 1 << 15), "an initial state that no step leaves"),
        ("m11-steep", changed(wide() | gate), "a gate can reach 2^24"),
        ("m12-logits", changed(wide() | logits, output_shift="16"), "a logit can reach 2^30"),
        ("m13-canary", changed(canary_hash="0" * 64), "another hash of the canary"),
    ]


def wide() -> dict[str, Any]:
    """Tensors of the smallest model with ``FAST`` fast units, so that a row can break a bound."""
    base, slow = smallest()[0], {"cell.1", "initial.slow"}
    tensors: dict[str, Any] = {}
    for name, tensor in base.items():
        if name.startswith(("cell.", "initial.", "input.")) and not name.startswith(tuple(slow)):
            axis = 1 if name.endswith(("gain", "bias", "initial.fast")) else 0
            tensors[name] = tensor if name.endswith(("epsilon", "keep")) else np.repeat(tensor, FAST, axis)
    for name, size in (("cell.0", FAST), ("cell.1", FAST + 1), ("cell.2", FAST + 1)):
        rows = 4 if name == "cell.1" else 4 * FAST
        tensors[f"{name}.weight"] = np.zeros((rows, size), np.int8)
    tensors["output.weight"] = np.zeros((256, FAST), np.int8)
    return tensors


def write_rejected(folder: Path, models: list[tuple[str, bytes, str]]) -> list[dict[str, object]]:
    """Writes the files and describes them; ``length`` and ``sha256`` are those of the bytes before compression."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.gz"):
        old.unlink()
    described: list[dict[str, object]] = []
    for name, data, reason in models:
        (folder / f"{name}.safetensors.gz").write_bytes(gzip.compress(data, mtime=0))
        digest = hashlib.sha256(data).hexdigest()
        described.append(
            {"name": name, "reason": reason, "length": len(data), "sha256": digest, "rule": name[:3].upper()}
        )
    return described
