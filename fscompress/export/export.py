"""A float network as an integer model: quantise every tensor, warm the state up on a primer, record the canary."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.base import canary_hash
from fscompress.engine.cpu import CpuEngine, PreparedModel
from fscompress.engine.kinds import KINDS
from fscompress.engine.model_file import NAME, parse_model, write_model
from fscompress.engine.model_form import RECURRENT, RENAMED, Form, wiring_tensors
from fscompress.errors import RefusedError
from fscompress.export.cells import (
    GAIN_LIMIT,
    HIDDEN_SCALE,
    Embedding,
    cell_tensors,
    from_torch_lstm,
    quantise_embedding,
)
from fscompress.export.compact import Tensors
from fscompress.export.quantise import F64, activation_tables, fixed, quantise_rows, to_multiplier
from fscompress.model.config import TORCH_LSTM, ModelConfig

CANARY_SEED = 2017


@dataclass(frozen=True)
class ExportSettings:
    """``name`` goes into every file that the model encodes; a lane has read ``primer`` before its first byte."""

    name: str
    description: str
    primer: bytes
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.primer:
            raise RefusedError("export: the primer must have at least one byte")
        if not NAME.fullmatch(self.name):
            raise RefusedError(f"export: name {self.name!r} is not of the form {NAME.pattern}")


def _output(weights: Mapping[str, F64]) -> tuple[Tensors, int]:
    """The read-out: logits in bits with LOGIT_Q fraction bits."""
    rows = quantise_rows(weights["output.weight"])
    scale = rows.scale * HIDDEN_SCALE / math.log(2)
    shift = q.PRODUCT_SHIFT
    while scale.max() * 2.0 ** (shift + q.LOGIT_Q) >= GAIN_LIMIT:
        shift -= 1
    bias = fixed(weights["output.bias"] / math.log(2), q.LOGIT_Q, 1 << 24)
    multiplier = to_multiplier(scale, q.LOGIT_Q, shift)
    return {"output.weight": rows.weight, "output.multiplier": multiplier, "output.bias": bias}, shift


def _cells(weights: Mapping[str, F64], config: ModelConfig, embedding: Embedding) -> tuple[Tensors, tuple[int, ...]]:
    """The tensors of all cells by their names in the file, and the shifts of their products."""
    wiring, tensors, shifts = config.wiring, Tensors(), list[int]()
    for i, place in enumerate(wiring.places):
        prefix = f"cells.{i}."
        cell = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        found, shift = cell_tensors(cell, config, embedding if place.reads_byte else None, wiring.width(place))
        tensors |= {f"cell.{i}.{name}": value for name, value in found.items()}
        shifts.append(shift)
    return tensors, tuple(shifts)


def export_model(weights: Mapping[str, F64], config: ModelConfig, settings: ExportSettings) -> bytes:
    """The bytes of a model file: of scheme 1 for an FS-LSTM with layer normalisation and whole matrices, else 2.

    Args:
        weights: float64 arrays by the parameter names of the network of that shape.
        config: shape of that network.
    Raises:
        RefusedError: weights that are not finite.
        ModelFileError: a bound cannot be met.
    """
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise RefusedError("export: weights are not finite; the training has diverged")
    wiring = config.wiring
    if config.architecture == TORCH_LSTM:
        weights = from_torch_lstm(weights, config.n_fast)
    embedding = quantise_embedding(weights["embedding.weight"])
    cells, shifts = _cells(weights, config, embedding)
    output, output_shift = _output(weights)
    tensors = cells | output | activation_tables(config.gates) | {"embedding": embedding.values.astype(np.int8)}
    tensors["canary"] = np.random.default_rng(CANARY_SEED).integers(0, 256, q.CANARY_STEPS).astype(np.uint8)
    for group, size in enumerate(wiring.sizes):
        tensors[f"initial.{group}"] = np.zeros((KINDS[config.cell].members, size), np.int32)
    metadata = {
        **settings.metadata,
        "name": settings.name,
        "description": settings.description,
        "output_shift": str(output_shift),
        "canary_hash": "",
    }
    form = Form(config.cell, wiring, shifts)
    return _with_state_and_canary(tensors, metadata, form, settings.primer)


def _with_state_and_canary(tensors: Tensors, metadata: dict[str, str], form: Form, primer: bytes) -> bytes:
    draft = parse_model(_written(tensors, metadata, form))
    engine = CpuEngine(PreparedModel(draft))
    engine.start(1)
    for symbol in np.frombuffer(primer, np.uint8):
        engine.advance(symbol[None])
    for group, state in enumerate(engine.states()):
        tensors[f"initial.{group}"] = np.concatenate(state)
    ready = parse_model(_written(tensors, metadata, form))
    metadata["canary_hash"] = canary_hash(CpuEngine(PreparedModel(ready)), ready.canary)
    return _written(tensors, metadata, form)


def _written(tensors: Tensors, metadata: dict[str, str], form: Form) -> bytes:
    """The bytes of a model file of the scheme that the form has; scheme 1 has no compact matrices."""
    if form.is_fs_lstm and form.dtypes().keys() <= tensors.keys():
        older = {new: old for old, new in RENAMED.items()}
        named = {older.get(name, name): tensor for name, tensor in tensors.items()}
        return write_model(named, metadata | {"n_cells": str(len(form.shifts))})
    return write_model(tensors | wiring_tensors(form), metadata | {"cell": form.kind}, RECURRENT)
