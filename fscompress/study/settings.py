"""The two settings of every study: a small one that a processor trains in minutes, and the papers' own."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fscompress.model.config import CELL_NAMES, PIECEWISE, SEQUENTIAL, SMOOTH, ModelConfig
from fscompress.training.config import PRESETS, Preset, TrainConfig

COMPARED = ("fs-lstm-4", "stacked-lstm", "sequential-lstm")
SMALL_STEPS = 600


@dataclass(frozen=True)
class Setting:
    """Which models the studies train, by their names in the tables, and for how long.

    Args:
        compared: of section 4.2: equal data, steps and, about, weights.
        cells: an FS-RNN of two fast cells for each type of cell.
        sizes: of the study of size.
        fastgrnn: one layer of equal width: LSTM first, then FastGRNN's cells, the smallest last.
        steps: of the optimiser; None: the epochs of the preset.
        measured_bytes: of the validation part.
        compiled: compile the cell kernels; a small model is trained before that has ended.
    """

    name: str
    compared: Mapping[str, Preset]
    cells: Mapping[str, Preset]
    sizes: Mapping[str, Preset]
    fastgrnn: Mapping[str, Preset]
    steps: int | None
    measured_bytes: int
    compiled: bool


def _with(preset: Preset, **changes: Any) -> Preset:
    return dataclasses.replace(preset, model=dataclasses.replace(preset.model, **changes))


def _fastgrnn(units: int, embedding: int, rank: int, sparsity: float, training: TrainConfig) -> dict[str, Preset]:
    """One cell, as in that paper; its rank and sparsity are chosen for each data set, and so are ours."""
    sparse = dataclasses.replace(training, sparsity=sparsity)

    def one(cell: str, rank: int = 0, gates: str = SMOOTH) -> ModelConfig:
        return ModelConfig(units, 0, 1, embedding, cell=cell, architecture=SEQUENTIAL, rank=rank, gates=gates)

    return {
        "LSTM": Preset(one("lstm-plain"), training),
        "FastRNN": Preset(one("fast-rnn"), training),
        "FastGRNN": Preset(one("fast-grnn"), training),
        "FastGRNN-LR": Preset(one("fast-grnn", rank), training),
        "FastGRNN-LSQ": Preset(one("fast-grnn", rank, PIECEWISE), sparse),
    }


def _small() -> Setting:
    compared = {name: PRESETS[f"small-compared-{name}"] for name in COMPARED}
    base = _with(compared["fs-lstm-4"], n_fast=2)
    cells = {cell: _with(base, cell=cell) for cell in CELL_NAMES}
    sizes = {
        f"{cell} {size}": _with(base, cell=cell, fast_size=size, slow_size=size)
        for cell in ("lstm", "fast-grnn")
        for size in (32, 64, 128)
    }
    fastgrnn = _fastgrnn(128, 32, 48, 0.5, base.training)
    return Setting("small", compared, cells, sizes, fastgrnn, SMALL_STEPS, 65_536, compiled=False)


def _paper() -> Setting:
    compared = {name: PRESETS[f"enwik8-compared-{name}"] for name in COMPARED}
    cells = {cell: _with(PRESETS["enwik8-fs-lstm-2"], cell=cell) for cell in CELL_NAMES}
    names = ("enwik8-fs-lstm-2", "enwik8-fs-lstm-4", "enwik8-large-fs-lstm-4")
    sizes = {name: PRESETS[name] for name in names}
    fastgrnn = _fastgrnn(1024, 128, 256, 0.5, PRESETS["enwik8-compared-fs-lstm-4"].training)
    return Setting("paper", compared, cells, sizes, fastgrnn, None, 5_000_000, compiled=True)


SETTINGS = {setting.name: setting for setting in (_small(), _paper())}
