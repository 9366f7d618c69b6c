"""The bytes of a model against its bits per byte: section 4.1's remark that a decompressor counts."""

import math

from fscompress.errors import ModelFileError, RefusedError
from fscompress.export.checkpoint import DEFAULT_PRIMER, export_checkpoint
from fscompress.export.export import ExportSettings
from fscompress.model.base import ByteModel
from fscompress.study.outcome import Curve, Outcome, Picture
from fscompress.study.runs import Runs, Trained
from fscompress.training.trainer import BEST


def stored_bytes(model: ByteModel) -> int:
    """Bytes at 8 bits a weight; of a parameter with many zeros 8 bits a non-zero and a bit a place."""
    counts = [(p.numel(), int(p.count_nonzero())) for p in model.parameters()]
    return sum(min(n, nonzeros + math.ceil(n / 8)) for n, nonzeros in counts)


def model_bytes(trained: Trained) -> tuple[int, str]:
    """Bytes of the exported model; of one that has no integer form, those of ``stored_bytes``."""
    try:
        settings = ExportSettings("study", "", DEFAULT_PRIMER)
        return len(export_checkpoint(trained.folder / BEST, settings)), "int8 export"
    except (RefusedError, ModelFileError):
        return stored_bytes(trained.model), "a byte a weight"


def size(runs: Runs) -> Outcome:
    """Model bytes and validation result of networks of several sizes, one curve a type of cell."""
    rows, by_cell = [], dict[str, list[tuple[int, float]]]()
    for name, preset in runs.setting.sizes.items():
        trained = runs.trained(name, preset)
        n_bytes, counted = model_bytes(trained)
        rows.append([name, f"{trained.model.n_weights():,}", f"{n_bytes:,}", counted, f"{trained.bpc:.4f}"])
        by_cell.setdefault(preset.model.cell, []).append((n_bytes, trained.bpc))
    curves = [Curve(cell, *map(list, zip(*sorted(points), strict=True))) for cell, points in by_cell.items()]
    picture = Picture("Size of the model", "bytes of the model", "validation bits per byte", curves, log_x=True)
    return Outcome(("model", "weights", "bytes", "counted as", "valid bpc"), rows, [], picture)
