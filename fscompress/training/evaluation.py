"""Bits per byte of float models, one or an ensemble, on given bytes."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fscompress.corpora.source import Bytes
from fscompress.lanes import EVALUATION_LANES, EVALUATION_WINDOW, evaluation_lanes
from fscompress.model.base import ByteModel, States
from fscompress.model.config import NATS_PER_BIT
from fscompress.training.window import Window, make_window

WINDOW = EVALUATION_WINDOW


def bits_per_byte(run: Window, data: Bytes, lanes: int = EVALUATION_LANES, primer: bytes = b"\0") -> float:
    """Mean cost in bits of predicting each byte of ``data`` (uint8 [n]) from those before it in its lane.

    The text is cut into ``lanes`` stretches; each starts from the state after ``primer``, as the integer model does.
    Bytes that do not fill all lanes are left out (fewer than ``lanes``); a short text has fewer lanes.
    """
    return _mean_bits([run], data, lanes, primer)


def float_bits_per_byte(
    models: Sequence[ByteModel], data: Bytes, lanes: int = EVALUATION_LANES, primer: bytes = b"\0"
) -> float:
    """The same in float32 products, without compiled kernels: exact enough to hold integers against.

    Several models are an ensemble: their probabilities are averaged (section 4.1, "2 x Large FS-LSTM-4").
    """
    return _mean_bits([make_window(model, torch.float32, compiled=False) for model in models], data, lanes, primer)


def _mean_bits(runs: Sequence[Window], data: Bytes, lanes: int, primer: bytes) -> float:
    nats, n = 0.0, 0
    for rows, logits in predictions(runs, data, lanes, primer):
        nats += cross_entropy(logits.flatten(0, 1), rows.flatten(), reduction="sum").item()
        n += rows.numel()
    return nats / NATS_PER_BIT / n


def predictions(
    runs: Sequence[Window], data: Bytes, lanes: int, primer: bytes = b"\0"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each window's bytes int64 [T, B] and their logits [T, B, 256] by the mean of the models' probabilities.

    Lanes and primer are as in ``bits_per_byte``, T is 64 but for the last window; the models are in evaluation mode
    until that is taken.
    Raises ValueError for less than one window.
    """
    grid = _all_lanes(data, lanes)
    steps, lanes = grid.shape
    grid = np.concatenate((np.full((1, lanes), primer[-1], np.uint8), grid)).astype(np.int64)
    training = [run.model.training for run in runs]
    for run in runs:
        run.model.eval()
    states = [_primed(run.model, primer[:-1], lanes) for run in runs]
    masks = [run.model.draw_masks(WINDOW, lanes, None) for run in runs]
    for t in range(0, steps, WINDOW):
        rows = torch.from_numpy(grid[t : t + WINDOW + 1]).to(runs[0].model.device)
        with torch.no_grad():
            results = [run(rows[:-1], old, mask) for run, old, mask in zip(runs, states, masks, strict=True)]
            states = [new for _, new in results]
            mixed = _averaged([logits for logits, _ in results])
        yield rows[1:], mixed
    for run, was in zip(runs, training, strict=True):
        run.model.train(was)


def lane_grid(data: Bytes, lanes: int) -> Bytes:
    """``data`` in ``lanes`` columns, uint8 [T, lanes], T a multiple of ``WINDOW``; fewer columns for a short text."""
    grid = _all_lanes(data, lanes)
    return grid[: len(grid) // WINDOW * WINDOW]


def _all_lanes(data: Bytes, lanes: int) -> Bytes:
    if len(data) < WINDOW:
        raise ValueError(f"evaluation needs at least {WINDOW} bytes (got {len(data)})")
    lanes = evaluation_lanes(len(data), lanes)
    length = len(data) // lanes
    return np.array(data[: lanes * length]).reshape(lanes, length).T


def _averaged(logits: Sequence[Tensor]) -> Tensor:
    """Logits [T, B, 256] whose softmax is the mean of the softmaxes."""
    if len(logits) == 1:
        return logits[0]
    return torch.logsumexp(torch.stack([member.log_softmax(-1) for member in logits]), 0) - math.log(len(logits))


def _primed(model: ByteModel, primer: bytes, lanes: int) -> States:
    """States float [lanes, H] after ``primer``, which one lane reads."""
    states = model.initial_state(1)
    if primer:
        tokens = torch.tensor(list(primer), device=model.device)[:, None]
        with torch.no_grad():
            _, states = model(tokens, states)
    return tuple(tuple(member.repeat(lanes, 1) for member in state) for state in states)
