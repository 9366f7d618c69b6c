"""Speed of the training loop, and how near it comes to what the machine can multiply.

The same text, batches, clipping and optimiser for every loop; two of them stand for what one would use instead: plain
autograd through the model's definition, and ``torch.nn.LSTM`` (oneDNN or cuDNN) with as many weights.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fscompress.bench.sample import sample_text
from fscompress.corpora import Batches, open_corpus
from fscompress.model.config import VOCABULARY
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.config import Preset, preset
from fscompress.training.device import pick_device, pick_precision
from fscompress.training.recurrence import Recurrence

WARM_UP_STEPS = 3  # kernels are compiled and caches filled
MIN_STEPS = 5
FLOPS_PER_WEIGHT = 6  # a byte: multiply and add, once forward and twice backward
PEAK_SIZE, PEAK_RUNS = 2048, 5

Window = Callable[[Tensor, Any], tuple[Tensor, Any]]  # (tokens int64 [T, B], states) -> (logits [T, B, 256], states)


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
    bpc: float  # of the last step: equal work gives about equal learning


class TorchLSTM(nn.Module):
    """``torch.nn.LSTM`` of one layer with the embedding of an FS-RNN and about as many weights as that has."""

    def __init__(self, like: FSRNN) -> None:
        super().__init__()
        embedding_size, goal = like.config.embedding_size, like.n_weights()
        hidden = 1
        while self._n_weights(embedding_size, hidden + 1) <= goal:
            hidden += 1
        self.embedding = nn.Embedding(VOCABULARY, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden)
        self.output = nn.Linear(hidden, VOCABULARY)

    @staticmethod
    def _n_weights(embedding_size: int, hidden: int) -> int:
        return VOCABULARY * (embedding_size + hidden + 1) + 4 * hidden * (embedding_size + hidden + 2)

    def forward(self, tokens: Tensor, states: Any) -> tuple[Tensor, Any]:
        """Logits and detached new states; ``states`` None is zeros."""
        hidden, states = self.lstm(self.embedding(tokens), states)
        return self.output(hidden), tuple(member.detach() for member in states)


@dataclass(frozen=True)
class _Loop:
    """What is timed: its name, the type of its products, the parameters' owner, and one window of it."""

    name: str
    dtype: torch.dtype
    model: nn.Module
    window: Window
    states: Any


def _loops(chosen: Preset, device: torch.device) -> Iterator[_Loop]:
    """The plain loop, then each other one in float32 and, where the processor multiplies it in hardware, bfloat16."""
    batch, fast_type = chosen.training.batch, pick_precision("auto", device)
    precisions = [torch.float32] + [fast_type] * (fast_type != torch.float32)

    def fresh() -> FSRNN:
        torch.manual_seed(chosen.training.seed)
        return FSRNN(chosen.model).to(device)

    model = fresh()
    yield _Loop("plain autograd", torch.float32, model, _plain(model), model.initial_state(batch))
    for dtype in precisions:
        model = fresh()
        yield _Loop("fused", dtype, model, _masked(model, Recurrence(model, dtype)), model.initial_state(batch))
    for dtype in precisions:
        lstm = TorchLSTM(fresh()).to(device)
        yield _Loop("torch.nn.LSTM", dtype, lstm, _autocast(lstm, dtype, device), None)


def _masked(model: FSRNN, window: Callable[..., tuple[Tensor, Any]]) -> Window:
    return lambda tokens, states: window(tokens, states, model.draw_masks(tokens.shape[0], tokens.shape[1], None))


def _plain(model: FSRNN) -> Window:
    """What one would write first: the model's own forward pass under autograd."""

    def window(tokens: Tensor, states: Any) -> tuple[Tensor, Any]:
        logits, states = _masked(model, model)(tokens, states)
        return logits, tuple(tuple(member.detach() for member in state) for state in states)

    return window


def _autocast(model: nn.Module, dtype: torch.dtype, device: torch.device) -> Window:
    def window(tokens: Tensor, states: Any) -> tuple[Tensor, Any]:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits, states = model(tokens, states)
        return logits.float(), states

    return window


def measure_training(preset_name: str, seconds: float, tell: Callable[[Speed], None]) -> list[Speed]:
    """Times each loop for about ``seconds``, warm-up excluded; ``tell`` gets each result when it is there."""
    chosen, device = preset(preset_name), pick_device("auto")
    peaks: dict[torch.dtype, float] = {}
    results = []
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "sample.txt"
        text.write_bytes(sample_text())
        for loop in _loops(chosen, device):
            if loop.dtype not in peaks:
                peaks[loop.dtype] = _peak(loop.dtype, device)
            speed = _time_loop(loop, chosen, text, seconds, peaks[loop.dtype], device)
            results.append(speed)
            tell(speed)
    return results


def _time_loop(loop: _Loop, chosen: Preset, text: Path, seconds: float, peak: float, device: torch.device) -> Speed:
    config = chosen.training
    batches = Batches(open_corpus(str(text)), config.batch, config.window, config.seed)
    optimiser = torch.optim.Adam(loop.model.parameters(), lr=config.rate, fused=True)
    states, steps, began, loss = loop.states, -WARM_UP_STEPS, 0.0, 0.0
    while steps < MIN_STEPS or time.perf_counter() - began < seconds:
        if steps == 0:
            began = time.perf_counter()
        rows = torch.tensor(next(batches), dtype=torch.int64, device=device)
        logits, states = loop.window(rows[:-1], states)
        nats = cross_entropy(logits.flatten(0, 1), rows[1:].flatten())
        optimiser.zero_grad()
        nats.backward()
        nn.utils.clip_grad_norm_(loop.model.parameters(), config.clip)
        optimiser.step()
        loss = nats.item()  # waits for the device
        steps += 1
    rate = steps * config.bytes_per_step / (time.perf_counter() - began)
    share = FLOPS_PER_WEIGHT * _multiplied(loop.model) * rate / peak
    n_weights = sum(p.numel() for p in loop.model.parameters())
    precision = str(loop.dtype).removeprefix("torch.")
    return Speed(loop.name, precision, n_weights, rate, share, steps, loss / math.log(2))


def _multiplied(model: nn.Module) -> int:
    """Weights that every byte is multiplied by: those of matrices, but for the embedding, which is looked up."""
    named = model.named_parameters()
    return sum(p.numel() for name, p in named if "weight" in name and not name.startswith("embedding"))


def _peak(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of the best of some square products."""
    a = torch.randn(PEAK_SIZE, PEAK_SIZE, device=device).to(dtype)
    best = float("inf")
    for _ in range(PEAK_RUNS):
        began = time.perf_counter()
        (a @ a)[0, 0].item()
        best = min(best, time.perf_counter() - began)
    return 2.0 * PEAK_SIZE**3 / best
