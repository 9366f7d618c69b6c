"""A model's tensors and a block's states as the kernels of the ``cpu`` engine take them."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.spec import FAST, I8, I32, I64, SLOW, IntegerModel

Number = TypeVar("Number", bound=np.generic)
CACHE_LINE = 64  # bytes


def at_cache_line(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """A copy that begins at a cache line: a vector across two of them takes twice the time to load."""
    memory = np.zeros(array.nbytes + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def offset_of(weight: I8) -> I32:
    """What products with h8 + 128 are too large by: int32 [N] for weights int8 [N, K]."""
    offset: I32 = (q.HIDDEN_OFFSET * weight.astype(np.int64).sum(axis=1)).astype(np.int32)
    return offset


@dataclass(frozen=True)
class CellLayout:
    """A cell for the kernels; ``wide`` weights int8 [4H, F + S] read the columns [fast | slow], others [4H, F] fast.

    ``gain`` and ``bias`` are int32 [5H]; ``table`` int32 [256, 4H], or [0, 0] where the cell does not read the byte.
    """

    weight: I8
    group: int
    wide: bool
    table: I32
    offset: I32
    multiplier: I32
    epsilon: I64
    gain: I32
    bias: I32
    keep: I32


def cell_layouts(model: IntegerModel) -> list[CellLayout]:
    """The cells in order of computation."""
    nothing, weights = np.zeros((0, 0), np.int32), [cell.weight for cell in model.cells]
    weights[2] = np.concatenate((weights[2][:, model.slow_size :], weights[2][:, : model.slow_size]), axis=1)
    return [
        CellLayout(
            weight=weight,
            group=SLOW if i == 1 else FAST,
            wide=i in (1, 2),
            table=nothing if i else model.table,
            offset=offset_of(weight),
            multiplier=cell.multiplier,
            epsilon=cell.epsilon,
            gain=cell.gain.reshape(-1),
            bias=cell.bias.reshape(-1),
            keep=cell.keep,
        )
        for i, (cell, weight) in enumerate(zip(model.cells, weights, strict=True))
    ]


class States:
    """States of S lanes: h and c int32 [S, H] of each group, and h8 + 128 side by side in ``z`` uint8 [S, >= F + S]."""

    def __init__(self, model: IntegerModel, lanes: int, width: int) -> None:
        self.columns = (0, model.fast_size)
        self.h = [at_cache_line(np.tile(h, (lanes, 1))) for h, _ in model.initial]
        self.c = [at_cache_line(np.tile(c, (lanes, 1))) for _, c in model.initial]
        self.z = at_cache_line(np.zeros((lanes, width), np.uint8))
        for column, h in zip(self.columns, self.h, strict=True):
            h8 = h.astype(np.int64) * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q
            self.z[:, column : column + h.shape[1]] = h8 + q.HIDDEN_OFFSET

    def copies(self) -> list[tuple[I32, I32]]:
        """Copies of (h, c) of the fast and the slow cells."""
        return [(h.copy(), c.copy()) for h, c in zip(self.h, self.c, strict=True)]
