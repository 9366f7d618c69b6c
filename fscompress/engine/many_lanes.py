"""Many lanes: each product of whole matrices is one call to a library, each cell one to a kernel.

The two states are kept side by side as the columns [fast | slow] of one u8 buffer ``z``, so that S and F2 (whose
weight columns are put in that order) need no copying; F1, F3..Fk and the read-out use ``narrow``, the fast columns
alone.
"""

import numpy as np

from fscompress.engine.base import Symbols
from fscompress.engine.kernels import lstm_step, sum_trees
from fscompress.engine.layout import CellLayout, States, cell_layouts, offset_of
from fscompress.engine.products import U8, product_class
from fscompress.engine.spec import FAST, I32, IntegerModel


class ManyLanesLayout:
    """What engines of one model share: weights in the products' own layout.  Read-only, so threads may share it."""

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        self.cells = [(cell, product_class()(cell.weight)) for cell in cell_layouts(model)]
        self.output = product_class()(model.output)
        self.output_offset = offset_of(model.output)


class ManyLanesEngine:
    """See ``Engine``.  Buffers are allocated by ``start`` and used for the whole block."""

    step_arguments = None

    def __init__(self, layout: ManyLanesLayout) -> None:
        self._layout = layout
        sizes = (layout.model.fast_size, layout.model.slow_size)
        self._x = [np.zeros(4 * size, np.int32) for size in sizes]
        self._index = [np.zeros(5 * size, np.uint16) for size in sizes]
        self._logits = np.zeros(256, np.int32)
        self.tree: I32 = np.zeros((0, 512), np.int32)

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        model = self._layout.model
        self.states = States(model, lanes, model.fast_size + model.slow_size)
        self._narrow: U8 = np.ascontiguousarray(self.states.z[:, : model.fast_size])
        self._no_narrow = np.zeros((lanes, 0), np.uint8)
        self.tree = np.zeros((lanes, 512), np.int32)
        self._read_out(lanes)

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        n = len(symbols)
        for cell, product in self._layout.cells:
            columns = self.states.z if cell.wide else self._narrow
            self._step(cell, product(columns[:n]), symbols)
        self._read_out(n)

    def _step(self, cell: CellLayout, accumulator: I32, symbols: Symbols) -> None:
        states, model, group = self.states, self._layout.model, cell.group
        lstm_step(
            accumulator,
            cell.offset,
            cell.multiplier,
            cell.table,
            symbols,
            cell.epsilon,
            cell.gain,
            cell.bias,
            cell.keep,
            model.sigmoid,
            model.tanh,
            states.h[group],
            states.c[group],
            states.z,
            states.columns[group],
            self._narrow if group == FAST else self._no_narrow,
            self._x[group],
            self._index[group],
        )

    def _read_out(self, n: int) -> None:
        layout, model = self._layout, self._layout.model
        sum_trees(
            layout.output(self._narrow[:n]),
            n,
            layout.output_offset,
            model.output_multiplier,
            model.output_bias,
            model.output_shift,
            model.exp2,
            self.tree,
            self._logits,
        )
