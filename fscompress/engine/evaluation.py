"""Bits per byte of an integer model on given bytes: what the coder would spend, for reports only."""

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.select import engine_factory
from fscompress.engine.spec import IntegerModel


def integer_bits_per_byte(model: IntegerModel, data: bytes, lanes: int = 32, engine: str = "auto") -> float:
    """Mean ideal cost in bits of the coded p1 over ``data``, cut into that many lanes from the model's initial state.

    Bytes that do not fill all lanes are left out (fewer than ``lanes``); ``data`` must not be empty.
    """
    lanes = max(1, min(lanes, len(data)))
    length = len(data) // lanes
    grid = np.frombuffer(data, np.uint8)[: lanes * length].reshape(lanes, length)
    run = engine_factory(model, engine)()
    run.start(lanes)
    bits = 0.0
    for t in range(length):
        bits += _cost(run.tree, grid[:, t])
        if t + 1 < length:
            run.advance(np.ascontiguousarray(grid[:, t]))
    return bits / (lanes * length)


def _cost(tree: npt.NDArray[np.int32], symbols: npt.NDArray[np.uint8]) -> float:
    leaves = symbols.astype(np.int64)[:, None] + 256
    nodes = leaves >> np.arange(8, 0, -1)  # [S, 8], root first
    taken = leaves >> np.arange(7, -1, -1) & 1
    rows = np.arange(len(tree))[:, None]
    p1 = (tree[rows, 2 * nodes + 1].astype(np.int64) << q.P1_BITS) // tree[rows, nodes]
    p1 = np.clip(p1, q.P1_MIN, q.P1_MAX)
    return -float(np.log2(np.where(taken, p1, (1 << q.P1_BITS) - p1) / (1 << q.P1_BITS)).sum())
