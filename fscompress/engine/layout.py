"""A model's tensors and a block's states as the kernels of the ``cpu`` engine take them."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.spec import I8, I32, I64, IntegerModel, IntegerState

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
    offset: I32 = (q.HIDDEN_OFFSET * weight.sum(axis=1, dtype=np.int64)).astype(np.int32)
    return offset


@dataclass(frozen=True)
class CellLayout:
    """A cell for the kernels; ``weight`` int8 [GH, n] is for the n units of ``groups``, side by side in their order.

    ``gain`` and ``bias`` are int32 [.. * H]; ``table`` int32 [256, GH], or [0, GH] where the cell does not read the
    byte; the others are those of ``IntegerCell``.
    """

    weight: I8
    group: int
    groups: range
    table: I32
    offset: I32
    multiplier: I32
    shift: int
    epsilon: I64
    gain: I32
    bias: I32
    keep: I32
    scalars: I32


def cell_layouts(model: IntegerModel) -> list[CellLayout]:
    """The cells in order of computation."""
    layouts = []
    for cell, place in zip(model.cells, model.wiring.places, strict=True):
        source = place.group if place.source is None else place.source
        weight, own = cell.weight, model.sizes[place.group]
        if source > place.group:  # in the file the columns of the source come first
            weight = np.concatenate((weight[:, -own:], weight[:, :-own]), axis=1)
        layout = CellLayout(
            weight=weight,
            group=place.group,
            groups=range(min(source, place.group), max(source, place.group) + 1),
            table=cell.table,
            offset=offset_of(weight),
            multiplier=cell.multiplier,
            shift=cell.shift,
            epsilon=cell.epsilon,
            gain=cell.gain.reshape(-1),
            bias=cell.bias.reshape(-1),
            keep=cell.keep,
            scalars=cell.scalars,
        )
        layouts.append(layout)
    return layouts


class States:
    """States of S lanes: h and c int32 [S, H] of each group, and h8 + 128 side by side in ``z`` uint8 [S, width].

    ``columns``: where each group begins in ``z``, and where the last one ends; c has no columns where cells have none.
    """

    def __init__(self, model: IntegerModel, lanes: int, width: int) -> None:
        self._members = model.cell_kind.members
        self.columns: list[int] = np.cumsum((0, *model.sizes)).tolist()
        members = [state if len(state) > 1 else (state[0], state[0][:0]) for state in model.initial]
        self.h, self.c = ([at_cache_line(np.tile(each[i], (lanes, 1))) for each in members] for i in range(2))
        self.z = at_cache_line(np.zeros((lanes, width), np.uint8))
        for column, h in zip(self.columns, self.h, strict=False):
            h8 = h.astype(np.int64) * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q
            self.z[:, column : column + h.shape[1]] = h8 + q.HIDDEN_OFFSET

    def copies(self) -> list[IntegerState]:
        """Copies of h, or of h and c, of each group."""
        return [(h.copy(), c.copy())[: self._members] for h, c in zip(self.h, self.c, strict=True)]
