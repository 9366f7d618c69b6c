"""The default engine: exact u8 x s8 products, fused numba kernels; equals ``reference.py`` (test_equality.py).

The two states are kept side by side as the columns [fast | slow] of one u8 buffer ``z``, so that S and F2 (whose
weight columns are put in that order) need no copying; F1, F3..Fk and the read-out use ``narrow``, the fast columns
alone.
"""

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.base import Symbols
from fscompress.engine.kernels import lstm_step, sum_trees
from fscompress.engine.products import U8, product_class
from fscompress.engine.spec import FAST, I8, I32, SLOW, IntegerCell, IntegerModel


def _offset(weight: I8) -> I32:
    offset: I32 = (q.HIDDEN_OFFSET * weight.astype(np.int64).sum(axis=1)).astype(np.int32)
    return offset


class _Cell:
    """A cell's product and constants, laid out for the kernel."""

    def __init__(self, cell: IntegerCell, weight: I8, group: int, table: I32, wide: bool) -> None:
        self.product = product_class()(weight)
        self.offset = _offset(weight)
        self.constants = (cell.epsilon, cell.gain, cell.bias, cell.keep)
        self.multiplier, self.table, self.group, self.wide = cell.multiplier, table, group, wide


class PreparedModel:
    """What all engines of one model share: weights in the products' own layout.  Read-only, so threads may share it."""

    def __init__(self, model: IntegerModel) -> None:
        f, nothing = model.fast_size, np.zeros((0, 0), np.int32)
        first, slow, second, *rest = model.cells
        swapped = np.concatenate((second.weight[:, model.slow_size :], second.weight[:, : model.slow_size]), axis=1)
        self.model = model
        self.cells = [
            _Cell(first, first.weight, FAST, model.table, wide=False),
            _Cell(slow, slow.weight, SLOW, nothing, wide=True),
            _Cell(second, swapped, FAST, nothing, wide=True),
            *(_Cell(cell, cell.weight, FAST, nothing, wide=False) for cell in rest),
        ]
        self.output = product_class()(model.output)
        self.output_offset = _offset(model.output)
        self.columns = (0, f)


class CpuEngine:
    """See ``Engine``.  Buffers are allocated by ``start`` and used for the whole block."""

    def __init__(self, prepared: PreparedModel) -> None:
        self._prepared = prepared
        sizes = (prepared.model.fast_size, prepared.model.slow_size)
        self._x = [np.zeros(4 * size, np.int32) for size in sizes]
        self._index = [np.zeros(5 * size, np.uint16) for size in sizes]
        self._logits = np.zeros(256, np.int32)
        self.tree: I32 = np.zeros((0, 512), np.int32)

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        model = self._prepared.model
        self._h = [np.tile(h, (lanes, 1)) for h, _ in model.initial]
        self._c = [np.tile(c, (lanes, 1)) for _, c in model.initial]
        self._z: U8 = np.empty((lanes, model.fast_size + model.slow_size), np.uint8)
        for column, h in zip(self._prepared.columns, self._h, strict=True):
            h8 = h.astype(np.int64) * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q
            self._z[:, column : column + h.shape[1]] = h8 + q.HIDDEN_OFFSET
        self._narrow: U8 = np.ascontiguousarray(self._z[:, : model.fast_size])
        self._no_narrow = np.zeros((lanes, 0), np.uint8)
        self.tree = np.zeros((lanes, 512), np.int32)
        self._read_out(lanes)

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        n, model = len(symbols), self._prepared.model
        for cell in self._prepared.cells:
            group = cell.group
            lstm_step(
                cell.product(self._z[:n] if cell.wide else self._narrow[:n]),
                cell.offset,
                cell.multiplier,
                cell.table,
                symbols,
                *cell.constants,
                model.sigmoid,
                model.tanh,
                self._h[group],
                self._c[group],
                self._z,
                self._prepared.columns[group],
                self._narrow if group == FAST else self._no_narrow,
                self._x[group],
                self._index[group],
            )
        self._read_out(n)

    def states(self) -> list[tuple[I32, I32]]:
        """Copies of (h, c), int32 [S, H], of the fast and the slow cells."""
        return [(h.copy(), c.copy()) for h, c in zip(self._h, self._c, strict=True)]

    def _read_out(self, n: int) -> None:
        prepared, model = self._prepared, self._prepared.model
        sum_trees(
            prepared.output(self._narrow[:n]),
            prepared.output_offset,
            model.output_multiplier,
            model.output_bias,
            model.output_shift,
            model.exp2,
            self.tree,
            self._logits,
        )
