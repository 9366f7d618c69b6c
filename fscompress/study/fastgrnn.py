"""The way to a small model of Kusupati et al. 2018: LSTM, FastRNN, FastGRNN, -LR and -LSQ on equal data and steps."""

from dataclasses import dataclass

from safetensors.numpy import load

from fscompress.engine import engine_factory
from fscompress.engine.model_file import parse_model
from fscompress.export.checkpoint import DEFAULT_PRIMER, export_checkpoint
from fscompress.export.export import ExportSettings
from fscompress.levels import LEVELS, plan
from fscompress.planned import encode, timed
from fscompress.study.outcome import Curve, Outcome, Picture
from fscompress.study.runs import Runs, Trained
from fscompress.training.trainer import BEST

PAPER = "the paper, words of PTB: 52.6 times, perplexity 116.11 against 117.41"
TIMED_BYTES, WARM_UP_BYTES, TIMINGS = 20_000, 2048, 3


@dataclass(frozen=True)
class Exported:
    """What the integer form of a network costs: bytes of its model file, of the cells in it, and kB coded a second."""

    file_bytes: int
    cell_bytes: int
    speed: float


def exported(trained: Trained, text: bytes) -> Exported:
    """Exports the network and codes ``text`` (not empty) with it, at level fast, in one thread, best of a few runs."""
    data = export_checkpoint(trained.folder / BEST, ExportSettings("study", "", DEFAULT_PRIMER))
    cells = sum(tensor.nbytes for name, tensor in load(data).items() if name.startswith("cell."))
    engine, level = engine_factory(parse_model(data))(), LEVELS["fast"]
    encode(text[:WARM_UP_BYTES], plan(level, len(text[:WARM_UP_BYTES]), 1), [engine])
    planned = plan(level, len(text), 1)
    seconds = min(timed(lambda: encode(text, planned, [engine]))[1] for _ in range(TIMINGS))
    return Exported(len(data), cells, len(text) / 1000 / seconds)


def fastgrnn(runs: Runs) -> Outcome:
    """Weights, non-zeros, bytes of the exported model and of its cells, validation result and speed."""
    models = [runs.trained(f"fastgrnn {name}", preset) for name, preset in runs.setting.fastgrnn.items()]
    names, text = list(runs.setting.fastgrnn), runs.text()[:TIMED_BYTES].tobytes()
    sizes = [exported(trained, text) for trained in models]
    rows = [
        [
            name,
            f"{m.model.n_weights():,}",
            f"{m.model.n_nonzeros():,}",
            f"{size.file_bytes / 1000:.1f}",
            f"{size.cell_bytes / 1000:.1f}",
            f"{m.bpc:.4f}",
            f"{size.speed:.1f}",
        ]
        for name, m, size in zip(names, models, sizes, strict=True)
    ]
    curves = [Curve(name, [size.file_bytes], [m.bpc]) for name, m, size in zip(names, models, sizes, strict=True)]
    picture = Picture("FastGRNN", "bytes of the model file", "validation bits per byte", curves, log_x=True)
    titles = ("model", "weights", "non-zeros", "file kB", "cells kB", "valid bpc", "kB/s")
    return Outcome(titles, rows, [_remark(names, sizes, models[-1].bpc - models[0].bpc)], picture)


def _remark(names: list[str], sizes: list[Exported], costs: float) -> str:
    """The last against the first."""
    files, cells = sizes[0].file_bytes / sizes[-1].file_bytes, sizes[0].cell_bytes / sizes[-1].cell_bytes
    smaller = f"{files:.1f} times smaller than {names[0]}, its cells {cells:.1f} times"
    return f"{names[-1]}: {smaller}, {costs:+.4f} bpc ({PAPER})"
