"""Bits per byte of an integer model on given bytes: what the coder would spend, for reports only."""

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.kernels import path_p1
from fscompress.engine.select import engine_factory
from fscompress.engine.spec import IntegerModel
from fscompress.lanes import EVALUATION_LANES, evaluation_lanes


def integer_bits_per_byte(
    model: IntegerModel, data: bytes, lanes: int = EVALUATION_LANES, engine: str = "auto"
) -> float:
    """Mean ideal cost in bits of the coded p1 over ``data``, cut into that many lanes from the model's initial state.

    Bytes that do not fill all lanes are left out (fewer than ``lanes``); a short text has fewer lanes, and ``data``
    must not be empty.
    """
    lanes = evaluation_lanes(len(data), lanes)
    length = len(data) // lanes
    grid = np.frombuffer(data, np.uint8)[: lanes * length].reshape(lanes, length)
    run = engine_factory(model, engine)()
    run.start(lanes)
    bits, p1 = 0.0, np.empty((8, lanes), np.uint16)
    for t in range(length):
        symbols = np.ascontiguousarray(grid[:, t])
        path_p1(run.tree, symbols, p1)
        taken = np.where(np.unpackbits(symbols[None], axis=0), p1, (1 << q.P1_BITS) - p1.astype(np.int32))
        bits -= float(np.log2(taken / (1 << q.P1_BITS)).sum())
        if t + 1 < length:
            run.advance(symbols)
    return bits / (lanes * length)
