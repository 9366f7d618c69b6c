"""Model files: the safetensors layout of an ``IntegerModel``, read and written with numpy, never with pickle."""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fscompress.engine import arithmetic as q
from fscompress.engine.compact import Tensors
from fscompress.engine.kinds import KINDS
from fscompress.engine.model_form import FS_LSTM, RECURRENT, Form, fs_lstm_form, recurrent_form
from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.engine.spec import IntegerCell, IntegerModel, check_array, check_shape, input_table
from fscompress.errors import ModelFileError, UnreadableModelError, UnsupportedVersionError
from fscompress.parts import read_joined, size
from fscompress.tensor_files import is_checkpoint, read_header

MAX_FILE_BYTES = 1 << 30
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # FORMAT.md section 6: every file that the model encodes carries it
_LIMITS = {"n_cells": (3, q.MAX_CELLS), "output_shift": (q.LOWEST_SHIFT, q.PRODUCT_SHIFT)}
_NUMBER = re.compile(r"[0-9]{1,4}")
_KEYS = {FS_LSTM: {"name", "n_cells", "output_shift", "canary_hash"}}  # of metadata, beside architecture and scheme
_KEYS[RECURRENT] = _KEYS[FS_LSTM] - {"n_cells"} | {"cell"}


def write_model(tensors: Mapping[str, Any], metadata: Mapping[str, str], architecture: str = FS_LSTM) -> bytes:
    """The bytes of a model file; ``metadata`` needs what INTEGER.md lists, but for ``architecture`` and ``scheme``.

    The same arguments give the same bytes, hence the same id: safetensors puts metadata in an order of chance, so its
    header is written again.
    """
    described = {**metadata, "scheme": str(q.SCHEMES[architecture]), "architecture": architecture}
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
        raise UnreadableModelError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return parse_model(data)
    except (ModelFileError, UnsupportedVersionError) as error:
        raise type(error)(f"{path}: {error}") from error


def parse_model(data: bytes) -> IntegerModel:
    """The model in the bytes of a model file; raises as ``read_model``, by the rules of INTEGER.md section 2.1."""
    try:
        tensors = load(data)
        metadata, _ = read_header(io.BytesIO(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise broken_model(ModelRule.SAFETENSORS, f"not a readable safetensors file ({error})") from error
    architecture = metadata.get("architecture", "")
    if architecture not in q.SCHEMES or "scheme" not in metadata:
        what = f"not a model of this program (no scheme of {' or '.join(q.SCHEMES)} in its metadata)"
        if is_checkpoint(metadata):
            what = "float weights to go on training from; `fscompress export` makes a model of them"
        raise broken_model(ModelRule.ARCHITECTURE, what)
    if metadata["scheme"] != str(q.SCHEMES[architecture]):
        what = f"integer scheme {metadata['scheme'][:99]!r}; this build knows {q.SCHEMES[architecture]}; upgrade"
        raise broken_model(ModelRule.SCHEME, what)
    _check_metadata(metadata, _KEYS[architecture])
    digest = hashlib.sha256(data).digest()
    if architecture == FS_LSTM:
        return _assemble(*fs_lstm_form(tensors, int(metadata["n_cells"])), metadata, digest)
    return _assemble(*recurrent_form(tensors, metadata["cell"]), metadata, digest)


def _check_metadata(metadata: dict[str, str], keys: set[str]) -> None:
    """All metadata that a model needs is there, and each value allowed."""
    missing = keys - metadata.keys()
    if missing:
        raise broken_model(ModelRule.METADATA, f"incomplete model (no {min(missing)} in its metadata)")
    if not NAME.fullmatch(metadata["name"]):
        what = f"model name {metadata['name'][:99]!r} is not of the form {NAME.pattern}"
        raise broken_model(ModelRule.METADATA, what)
    for key, (low, high) in _LIMITS.items():
        word = metadata[key] if key in keys else str(low)
        if not _NUMBER.fullmatch(word) or not low <= int(word) <= high:
            raise broken_model(ModelRule.METADATA, f"{key} {word[:99]!r} is not in {low}..{high}")
    if "cell" in keys and metadata["cell"] not in KINDS:
        what = f"unknown cell {metadata['cell'][:99]!r} (known: {', '.join(KINDS)})"
        raise broken_model(ModelRule.METADATA, what)


def _assemble(form: Form, t: Tensors, metadata: dict[str, str], digest: bytes) -> IntegerModel:
    kind, sizes = KINDS[form.kind], form.wiring.sizes
    for group in range(len(sizes)):
        check_shape(f"initial state {group}", t[f"initial.{group}"], (kind.members, sizes[group]))
    return IntegerModel(
        name=metadata["name"],
        id=digest,
        metadata=metadata,
        kind=form.kind,
        wiring=form.wiring,
        cells=tuple(_cell(t, form, i) for i in range(len(form.wiring.places))),
        output=t["output.weight"],
        output_multiplier=t["output.multiplier"],
        output_bias=t["output.bias"],
        output_shift=int(metadata["output_shift"]),
        sigmoid=t["table.sigmoid"],
        tanh=t["table.tanh"],
        exp2=t["table.exp2"],
        initial=tuple(tuple(t[f"initial.{group}"]) for group in range(len(sizes))),
        canary=t["canary"],
        canary_hash=metadata["canary_hash"],
    )


def _cell(t: Tensors, form: Form, index: int) -> IntegerCell:
    """The cell at that place; what its kind does not have is empty."""
    kind, name, shift = KINDS[form.kind], f"cell.{index}.", form.shifts[index]
    size = form.wiring.sizes[form.wiring.places[index].group]
    table = np.zeros((0, kind.gates * size), np.int32)
    if form.wiring.places[index].reads_byte:
        rows, embedding = kind.gates * size, t["embedding"]
        weight, multiplier = t[name + "input.weight"], t[name + "input.multiplier"]
        check_array("input weight", weight, (rows, embedding.shape[1]), -q.WEIGHT_MAX, q.WEIGHT_MAX)
        check_array("input multiplier", multiplier, (rows,), 1, q.MULTIPLIER_MAX)
        table = input_table(embedding, weight, multiplier, shift)
    return IntegerCell(
        weight=t[name + "weight"],
        multiplier=t[name + "multiplier"],
        table=table,
        epsilon=t.get(name + "epsilon", np.zeros(0, np.int64)),
        gain=t.get(name + "gain", np.zeros((0, size), np.int32)),
        bias=t[name + "bias"],
        keep=t[name + "keep"],
        shift=shift,
        scalars=t.get(name + "scalars", np.zeros(0, np.int32)),
    )
