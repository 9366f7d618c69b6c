"""A float FS-LSTM as an integer model: quantise every tensor, warm the state up on a primer, record the canary."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.base import canary_hash
from fscompress.engine.cpu import CpuEngine, PreparedModel
from fscompress.engine.model_file import NAME, parse_model, write_model
from fscompress.engine.spec import N_GATES
from fscompress.errors import RefusedError
from fscompress.export.quantise import F64, activation_tables, fixed, fraction_bits, quantise_rows, to_multiplier
from fscompress.model.cells.base import LAYER_NORM_EPS
from fscompress.model.config import ModelConfig

Tensors = dict[str, npt.NDArray[np.generic]]
GAIN_LIMIT, BIAS_LIMIT = (1 << 31) - 1, 1 << 20
HIDDEN_SCALE = 1.0 / q.HIDDEN_MAX
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


def _cell(weights: Mapping[str, F64], config: ModelConfig, index: int) -> Tensors:
    """Tensors of cell ``index`` >= 1: one product over [x; h], all columns of scale 1/127."""
    rows = quantise_rows(weights[f"cells.{index}.weight"])
    scale = rows.scale * HIDDEN_SCALE
    f = fraction_bits([scale], [np.abs(rows.weight.astype(np.float64)).sum(axis=1) * rows.scale])
    product: Tensors = {"weight": rows.weight, "multiplier": to_multiplier(scale, f)}
    return product | _vectors(weights, config, index, f)


def _first_cell(weights: Mapping[str, F64], config: ModelConfig) -> tuple[Tensors, Tensors]:
    """Tensors of cell 0 and of its input product, which a table of 256 rows replaces when the model is loaded."""
    matrix, e = weights["cells.0.weight"], config.embedding_size
    inner, outer = quantise_rows(matrix[:, e:]), quantise_rows(matrix[:, :e])
    unit = max(np.abs(weights["embedding.weight"]).max(), 1e-8) / q.EMBEDDING_MAX
    embedding = np.rint(weights["embedding.weight"] / unit)
    scales = [inner.scale * HIDDEN_SCALE, outer.scale * unit]
    reaches = [
        np.abs(inner.weight.astype(np.float64)).sum(axis=1) * inner.scale,
        np.abs(embedding @ outer.weight.astype(np.float64).T).max(axis=0) * scales[1],
    ]
    f = fraction_bits(scales, reaches)
    cell: Tensors = {"weight": inner.weight, "multiplier": to_multiplier(scales[0], f)}
    return cell | _vectors(weights, config, 0, f), {
        "embedding": embedding.astype(np.int8),
        "input.weight": outer.weight,
        "input.multiplier": to_multiplier(scales[1], f),
    }


def _vectors(weights: Mapping[str, F64], config: ModelConfig, index: int, f: int) -> Tensors:
    """Layer-norm constants: gates carry f fraction bits, the cell carries CELL_Q."""
    name = f"cells.{index}."
    gain = np.concatenate((weights[name + "gate_gain"], weights[name + "cell_gain"][None]))
    bias = np.concatenate((weights[name + "gate_bias"], weights[name + "cell_bias"][None]))
    epsilon = [LAYER_NORM_EPS * 4.0**f] * N_GATES + [LAYER_NORM_EPS * 4.0**q.CELL_Q]
    keep = np.array([config.zoneout_hidden, config.zoneout_cell])
    return {
        "epsilon": np.maximum(np.rint(epsilon), 1).astype(np.int64),
        "gain": fixed(gain, q.GAIN_Q, GAIN_LIMIT),
        "bias": fixed(bias, q.GATE_Q, BIAS_LIMIT),
        "keep": fixed(keep, q.PROBABILITY_Q, 1 << q.PROBABILITY_Q),
    }


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


def export_model(weights: Mapping[str, F64], config: ModelConfig, settings: ExportSettings) -> bytes:
    """The bytes of a model file.

    Args:
        weights: float64 arrays by the parameter names of ``FSRNN``.
        config: shape of that network; its cell must be ``lstm``.
    Raises:
        RefusedError: a cell that the integer scheme does not have, or weights that are not finite.
        ModelFileError: a bound cannot be met.
    """
    if config.cell != "lstm":
        raise RefusedError(f"export: the integer scheme has no cell '{config.cell}'")
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise RefusedError("export: weights are not finite; the training has diverged")
    first, inputs = _first_cell(weights, config)
    cells = [first] + [_cell(weights, config, i) for i in range(1, config.n_fast + 1)]
    output, shift = _output(weights)
    tensors = {f"cell.{i}.{key}": value for i, cell in enumerate(cells) for key, value in cell.items()}
    tensors |= inputs | output | activation_tables()
    tensors["canary"] = np.random.default_rng(CANARY_SEED).integers(0, 256, q.CANARY_STEPS).astype(np.uint8)
    for group, size in (("fast", config.fast_size), ("slow", config.slow_size)):
        tensors[f"initial.{group}"] = np.zeros((2, size), np.int32)
    metadata = {
        **settings.metadata,
        "name": settings.name,
        "description": settings.description,
        "n_cells": str(len(cells)),
        "output_shift": str(shift),
        "canary_hash": "",
    }
    return _with_state_and_canary(tensors, metadata, settings.primer)


def _with_state_and_canary(tensors: Tensors, metadata: dict[str, str], primer: bytes) -> bytes:
    draft = parse_model(write_model(tensors, metadata))
    engine = CpuEngine(PreparedModel(draft))
    engine.start(1)
    for symbol in np.frombuffer(primer, np.uint8):
        engine.advance(symbol[None])
    for group, (h, c) in zip(("fast", "slow"), engine.states(), strict=True):
        tensors[f"initial.{group}"] = np.stack((h[0], c[0]))
    ready = parse_model(write_model(tensors, metadata))
    metadata["canary_hash"] = canary_hash(CpuEngine(PreparedModel(ready)), ready.canary)
    return write_model(tensors, metadata)
