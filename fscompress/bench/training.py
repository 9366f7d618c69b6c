"""Speed of the training loop, and how near it comes to what the machine can multiply.

The same text, batches, clipping and optimiser for every loop; two of them stand for what one would use instead: plain
autograd through the model's definition, and ``torch.nn.LSTM`` (oneDNN or cuDNN) with as many weights.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from fscompress.bench.sample import sample_text
from fscompress.corpora import Batches, open_corpus
from fscompress.model.base import ByteModel, Masks
from fscompress.model.build import build_model
from fscompress.model.config import NATS_PER_BIT, TORCH_CELL, TORCH_LSTM, VOCABULARY, ModelConfig
from fscompress.training.config import Preset, preset
from fscompress.training.device import pick_device, pick_precision
from fscompress.training.optimisers import make_optimiser
from fscompress.training.step import EagerStep, RecordedStep, Step, can_record, make_update
from fscompress.training.window import AutogradWindow, Window, make_window

WARM_UP_STEPS = 3  # kernels are compiled and caches filled
MIN_STEPS = 5
FLOPS_PER_WEIGHT = 6  # a byte: multiply and add, once forward and twice backward
PEAK_SIZE, PEAK_RUNS = {"cpu": 2048, "cuda": 8192}, 5


@dataclass(frozen=True)
class Speed:
    """Bytes of text that a loop learns from in a second, over ``steps`` optimiser steps.

    ``peak_share`` is what its products reach of the rate of one large product in the same type, measured just before:
    6 operations a byte for every weight of a matrix, the embedding's apart.
    """

    loop: str
    precision: str
    n_weights: int
    bytes_per_second: float
    peak_share: float
    steps: int
    bpc: float  # of the last step, or the one before it: equal work gives about equal learning


@dataclass(frozen=True)
class _Loop:
    """What is timed: its name, its window, and whether the trainer's way of running it is, or the plain one."""

    name: str
    window: Window
    ours: bool = False


def _loops(chosen: Preset, device: torch.device) -> Iterator[_Loop]:
    """The plain loop, then each other one in float32 and, where the processor multiplies it in hardware, bfloat16."""
    fast_type = pick_precision("auto", device)
    precisions = [torch.float32] + [fast_type] * (fast_type != torch.float32)

    def fresh(config: ModelConfig) -> ByteModel:
        torch.manual_seed(chosen.training.seed)
        return build_model(config).to(device)

    yield _Loop("plain autograd", AutogradWindow(fresh(chosen.model), torch.float32))
    for dtype in precisions:
        yield _Loop("fused", make_window(fresh(chosen.model), dtype), ours=True)
    lstm = _one_layer(chosen.model, fresh(chosen.model).n_weights())
    for dtype in precisions:
        yield _Loop("torch.nn.LSTM", AutogradWindow(fresh(lstm), dtype))


def _one_layer(like: ModelConfig, n_weights: int) -> ModelConfig:
    """One layer of ``torch.nn.LSTM`` with the embedding of ``like`` and at most so many weights, nearly."""
    e, hidden = like.embedding_size, 1
    while VOCABULARY * (e + hidden + 2) + 4 * (hidden + 1) * (e + hidden + 3) <= n_weights:
        hidden += 1
    return ModelConfig(hidden, 0, 1, e, cell=TORCH_CELL, architecture=TORCH_LSTM)


def measure_training(preset_name: str, seconds: float, tell: Callable[[Speed], None]) -> list[Speed]:
    """Times each loop for about ``seconds``, warm-up excluded; ``tell`` gets each result when it is there."""
    chosen, device = preset(preset_name), pick_device("auto")
    peaks: dict[torch.dtype, float] = {}
    results = []
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "sample.txt"
        text.write_bytes(sample_text())
        for loop in _loops(chosen, device):
            dtype = loop.window.dtype
            if dtype not in peaks:
                peaks[dtype] = _peak(dtype, device)
            speed = _time_loop(loop, chosen, text, seconds, peaks[dtype])
            results.append(speed)
            tell(speed)
    return results


def _time_loop(loop: _Loop, chosen: Preset, text: Path, seconds: float, peak: float) -> Speed:
    config, model = chosen.training, loop.window.model
    batches = Batches(open_corpus(str(text)), config.batch, config.window, config.seed)
    step = _step(loop, chosen)
    steps, began, loss = -WARM_UP_STEPS, 0.0, 0.0
    while steps < MIN_STEPS or time.perf_counter() - began < seconds:
        if steps == 0:
            step.wait()
            began = time.perf_counter()
        loss = step(torch.from_numpy(next(batches)), config.rate)
        steps += 1
    step.wait()
    rate = steps * config.bytes_per_step / (time.perf_counter() - began)
    share = FLOPS_PER_WEIGHT * _multiplied(model) * rate / peak
    precision = str(loop.window.dtype).removeprefix("torch.")
    return Speed(loop.name, precision, model.n_weights(), rate, share, steps, loss / NATS_PER_BIT)


def _step(loop: _Loop, chosen: Preset) -> Step:
    config, model = chosen.training, loop.window.model
    recorded = loop.ours and can_record(model)
    optimiser = make_optimiser(model, config.optimiser, config.rate, recorded)
    update = make_update(loop.window, optimiser, config.clip, lambda: None)
    states = model.initial_state(config.batch)

    def draw() -> Masks:
        return model.draw_masks(config.window, config.batch, None)

    if recorded:
        return RecordedStep(update, optimiser, states, draw, (config.window + 1, config.batch))
    return EagerStep(update, optimiser, states, draw)


def _multiplied(model: ByteModel) -> int:
    """Weights that every byte is multiplied by: those of matrices, but for the embedding, which is looked up."""
    named = model.named_parameters()
    return sum(p.numel() for name, p in named if "weight" in name and not name.startswith("embedding"))


def _peak(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of the best of some square products."""
    size = PEAK_SIZE[device.type]
    a = torch.randn(size, size, device=device).to(dtype)
    best = float("inf")
    for _ in range(PEAK_RUNS):
        began = time.perf_counter()
        (a @ a)[0, 0].item()
        best = min(best, time.perf_counter() - began)
    return 2.0 * size**3 / best
