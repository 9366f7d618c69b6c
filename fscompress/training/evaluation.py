"""Bits per byte of a float model on given bytes."""

import math

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from fscompress.corpora.source import Bytes
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.recurrence import Recurrence

WINDOW = 64


def bits_per_byte(run: Recurrence, data: Bytes, lanes: int = 32) -> float:
    """Mean cost in bits of predicting each byte of ``data`` (uint8 [n]) from those before it in its lane.

    The text is cut into ``lanes`` stretches that start from the zero state; the first byte of each costs 8 bits.
    Bytes that do not fill a whole window of every lane are left out (fewer than 64 * lanes).
    """
    model = run.model
    lanes = max(1, min(lanes, len(data) // (WINDOW + 1)))
    length = len(data) // lanes
    steps = (length - 1) // WINDOW * WINDOW
    if steps == 0:
        raise ValueError(f"evaluation needs at least {WINDOW + 1} bytes (got {len(data)})")
    grid = torch.from_numpy(np.array(data[: lanes * length]).reshape(lanes, length).T.astype(np.int64))
    was_training = model.training
    model.eval()
    device = model.output.weight.device
    states, nats = model.initial_state(lanes), 0.0
    with torch.no_grad():
        masks = model.draw_masks(WINDOW, lanes, None)
        for t in range(0, steps, WINDOW):
            rows = grid[t : t + WINDOW + 1].to(device)
            logits, states = run(rows[:-1], states, masks)
            nats += cross_entropy(logits.flatten(0, 1), rows[1:].flatten(), reduction="sum").item()
    model.train(was_training)
    return (nats / math.log(2) + 8.0 * lanes) / (lanes * (steps + 1))


def float_bits_per_byte(model: FSRNN, data: Bytes, lanes: int = 32) -> float:
    """The same in float32 products, without compiled kernels: exact enough to hold integers against."""
    return bits_per_byte(Recurrence(model, torch.float32, compiled=False), data, lanes)
