"""Many lanes, or any number of those of networks other than FS-LSTM: products by a library, each cell by a kernel.

All states are kept side by side as the columns of one u8 buffer ``z``, so that a cell which reads two neighbours (whose
weight columns are put in that order) and a read-out of several need no joining.  What is read of one group alone is
kept a second time, ``narrow``, because the library takes contiguous matrices.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fscompress.engine.base import Symbols
from fscompress.engine.cell_kernels import NUMBERS, cell_step
from fscompress.engine.kernels import GATES, lstm_step, sum_trees
from fscompress.engine.kinds import LSTM
from fscompress.engine.layout import CellLayout, States, cell_layouts, offset_of
from fscompress.engine.products import U8, product_class
from fscompress.engine.spec import I32, IntegerModel


class ManyLanesLayout:
    """What engines of one model share: weights in the products' own layout.  Read-only, so threads may share it."""

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        self.cells = [(cell, product_class()(cell.weight)) for cell in cell_layouts(model)]
        self.output = product_class()(model.output)
        self.output_offset = offset_of(model.output)
        n_groups = len(model.sizes)
        reads = [model.wiring.read_groups, *(cell.groups for cell, _ in self.cells)]
        self.is_narrow = [n_groups > 1 and range(group, group + 1) in reads for group in range(n_groups)]


class ManyLanesEngine:
    """See ``Engine``.  Buffers are allocated by ``start`` and used for the whole block."""

    step_arguments = None

    def __init__(self, layout: ManyLanesLayout) -> None:
        self._layout = layout
        gates, largest = layout.model.cell_kind.gates, max(layout.model.sizes)
        self._x, self._new = np.zeros(gates * largest, np.int32), np.zeros(largest, np.int32)
        self._index = np.zeros((gates + 1) * largest, np.uint16)
        self._numbers = np.zeros((gates, 4), np.int64)
        self._logits = np.zeros(256, np.int32)
        self.tree: I32 = np.zeros((0, 512), np.int32)

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        layout, sizes = self._layout, self._layout.model.sizes
        self.states = States(layout.model, lanes, sum(sizes))
        self._narrow: list[U8] = [
            np.ascontiguousarray(self._columns(range(group, group + 1)) if is_narrow else self.states.z[:, :0])
            for group, is_narrow in enumerate(layout.is_narrow)
        ]
        self._step = lstm_step if layout.model.kind == LSTM else cell_step
        of = self._of_lstm if layout.model.kind == LSTM else self._of_others
        self._arguments = [of(cell) for cell, _ in layout.cells]
        self.tree = np.zeros((lanes, 512), np.int32)
        self._read_out(lanes)

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        n = len(symbols)
        for (cell, product), arguments in zip(self._layout.cells, self._arguments, strict=True):
            accumulator = product(self._inputs(cell.groups)[:n])
            self._step(accumulator, cell.offset, cell.multiplier, cell.table, symbols, *arguments)
        self._read_out(n)

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Engine.second_thread``; there is no such way."""
        return nullcontext()

    def repeat_products(self, steps: int) -> None:
        """The matrix products of so many steps alone, to be timed; changes no state."""
        for _ in range(steps):
            for cell, product in self._layout.cells:
                product(self._inputs(cell.groups))
            self._layout.output(self._inputs(self._layout.model.wiring.read_groups))

    def _columns(self, groups: range) -> U8:
        columns = self.states.columns
        return self.states.z[:, columns[groups.start] : columns[groups.stop]]

    def _inputs(self, groups: range) -> U8:
        """h8 + 128 of these groups side by side, contiguous."""
        if len(groups) == len(self._narrow):
            return self.states.z
        if len(groups) == 1:
            return self._narrow[groups.start]
        return np.ascontiguousarray(self._columns(groups))

    def _of_lstm(self, cell: CellLayout) -> tuple[Any, ...]:
        """What ``lstm_step`` takes after the symbols."""
        model, size = self._layout.model, self._layout.model.sizes[cell.group]
        return (
            *(cell.epsilon, cell.gain, cell.bias, cell.keep, model.sigmoid, model.tanh),
            *(*self._state(cell.group), self._x[: GATES * size], self._index[: (GATES + 1) * size]),
            self._numbers,
        )

    def _of_others(self, cell: CellLayout) -> tuple[Any, ...]:
        """What ``cell_step`` takes after the symbols."""
        model, size = self._layout.model, self._layout.model.sizes[cell.group]
        rows = len(cell.multiplier)
        return (
            *(NUMBERS[model.kind], cell.shift, cell.bias, cell.keep, cell.scalars, model.sigmoid, model.tanh),
            *(*self._state(cell.group), self._x[:rows], self._new[:size], self._index[:rows]),
        )

    def _state(self, group: int) -> tuple[Any, ...]:
        """What both take of a group: h, c, z, its first column in z, and its narrow copy."""
        states = self.states
        return states.h[group], states.c[group], states.z, states.columns[group], self._narrow[group]

    def _read_out(self, n: int) -> None:
        layout, model = self._layout, self._layout.model
        sum_trees(
            layout.output(self._inputs(model.wiring.read_groups)[:n]),
            n,
            layout.output_offset,
            model.output_multiplier,
            model.output_bias,
            model.output_shift,
            model.exp2,
            self.tree,
            self._logits,
        )
