"""Bits per byte of a float model on given bytes."""

import math

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from fscompress.corpora.source import Bytes
from fscompress.model.cells import State
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.recurrence import Recurrence

WINDOW = 64


def bits_per_byte(run: Recurrence, data: Bytes, lanes: int = 32, primer: bytes = b"\0") -> float:
    """Mean cost in bits of predicting each byte of ``data`` (uint8 [n]) from those before it in its lane.

    The text is cut into ``lanes`` stretches; each starts from the state after ``primer``, as the integer model does.
    Bytes that do not fill a whole window of every lane are left out (fewer than 64 * lanes).
    """
    model = run.model
    lanes = max(1, min(lanes, len(data) // WINDOW))
    steps = len(data) // lanes // WINDOW * WINDOW
    if steps == 0:
        raise ValueError(f"evaluation needs at least {WINDOW} bytes (got {len(data)})")
    length = len(data) // lanes
    grid = np.array(data[: lanes * length]).reshape(lanes, length).T[:steps]
    grid = np.concatenate((np.full((1, lanes), primer[-1], np.uint8), grid)).astype(np.int64)
    was_training = model.training
    model.eval()
    device = model.output.weight.device
    nats = 0.0
    with torch.no_grad():
        states = _primed(run, primer[:-1], lanes)
        masks = model.draw_masks(WINDOW, lanes, None)
        for t in range(0, steps, WINDOW):
            rows = torch.from_numpy(grid[t : t + WINDOW + 1]).to(device)
            logits, states = run(rows[:-1], states, masks)
            nats += cross_entropy(logits.flatten(0, 1), rows[1:].flatten(), reduction="sum").item()
    model.train(was_training)
    return nats / math.log(2) / (lanes * steps)


def _primed(run: Recurrence, primer: bytes, lanes: int) -> tuple[State, State]:
    """States float [lanes, H] after ``primer``, which one lane reads."""
    model = run.model
    states = model.initial_state(1)
    if primer:
        tokens = torch.tensor(list(primer), device=model.output.weight.device)[:, None]
        _, states = model(tokens, states)
    fast, slow = (tuple(member.repeat(lanes, 1) for member in state) for state in states)
    return fast, slow


def float_bits_per_byte(model: FSRNN, data: Bytes, lanes: int = 32, primer: bytes = b"\0") -> float:
    """The same in float32 products, without compiled kernels: exact enough to hold integers against."""
    return bits_per_byte(Recurrence(model, torch.float32, compiled=False), data, lanes, primer)
