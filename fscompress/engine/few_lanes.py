"""Few lanes of an FS-LSTM: the whole step of the network is one call to one kernel, products included.

Where a step has little to do, calls between Python, a library and kernels would take most of its time.  The columns
of the states are those of ``many_lanes``; here the products skip what a cell does not read by the length of its rows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np
import numpy.typing as npt

from fscompress.engine import amx
from fscompress.engine.base import Symbols
from fscompress.engine.few_lanes_kernels import (
    GROUP_OF_CELL,
    GROUPS,
    PACKED_AT,
    PARAMETERS_AT,
    PLAN_COLUMNS,
    SIZE,
    TILE_BYTES,
    TILES,
    multiply_batches,
    repeat_products,
)
from fscompress.engine.kernels import GATES
from fscompress.engine.layout import CellLayout, States, at_cache_line, cell_layouts, offset_of
from fscompress.engine.products import U8
from fscompress.engine.spec import I8, I32, I64, IntegerModel
from fscompress.engine.step_kernels import (
    ASKED,
    IS_SHARED,
    LEAVE,
    MAILBOX,
    answer_requests,
    network_step,
    read_lanes,
)
from fscompress.engine.tiles import COLUMN_STEP, TILE_ROWS, pack

Scratch = tuple[I32, I32, npt.NDArray[np.uint16], I32, I32, I64]


class FewLanesLayout:
    """What engines of one model share, flat, so that a call takes few arrays.

    ``packed`` int8: all weights, tile by tile; ``parameters`` int32: of each cell offset and multiplier [4H], gain and
    bias [5H], keep [2], of the read-out offset, multiplier, bias [256]; ``epsilon`` int64 [cells, 5]; ``plan`` int64.
    """

    def __init__(self, model: IntegerModel) -> None:
        cells = cell_layouts(model)
        products = [pack(weight) for weight in (*(cell.weight for cell in cells), model.output)]
        parameters = [_parameters(cell) for cell in cells]
        parameters.append(np.concatenate((offset_of(model.output), model.output_multiplier, model.output_bias)))
        self.model = model
        self.packed: I8 = at_cache_line(np.concatenate([product.tiles.reshape(-1) for product in products]))
        self.parameters: I32 = at_cache_line(np.concatenate(parameters))
        self.epsilon: I64 = np.stack([cell.epsilon for cell in cells])
        self.plan: I64 = np.zeros((len(products), PLAN_COLUMNS), np.int64)
        self.plan[1:, PACKED_AT] = np.cumsum([product.tiles.size for product in products])[:-1]
        self.plan[1:, PARAMETERS_AT] = np.cumsum([part.size for part in parameters])[:-1]
        self.plan[:, [TILES, TILE_BYTES]] = [product.tiles.shape for product in products]
        self.plan[:, GROUPS] = [product.groups for product in products]
        self.plan[:-1, GROUP_OF_CELL] = [cell.group for cell in cells]
        self.plan[:-1, SIZE] = [len(cell.multiplier) // 4 for cell in cells]


def _parameters(cell: CellLayout) -> I32:
    return np.concatenate((cell.offset, cell.multiplier, cell.gain, cell.bias, cell.keep))


@cache
def amx_shapes() -> U8:
    """``amx.shapes_of`` each number of lanes, uint8 [17, 64]; [0, 64] where the unit cannot be used.

    Tries the largest sums of both signs first, as ``products.py`` does.
    """
    shapes = np.stack([amx.shapes_of(max(lanes, 1)) for lanes in range(amx.BATCH + 1)])
    return shapes if amx.permitted() and _is_exact(shapes) else shapes[:0]


def _is_exact(shapes: U8) -> bool:
    weight = np.full((2 * TILE_ROWS, 2 * COLUMN_STEP), 63, np.int8)
    weight[::2] = -63
    packed = pack(weight)
    for lanes in (1, amx.BATCH + 1):
        z = np.full((lanes, weight.shape[1]), 255, np.uint8)
        out = np.zeros((lanes, len(weight)), np.int32)
        multiply_batches(packed.tiles.reshape(-1), 0, *packed.tiles.shape, packed.groups, z, lanes, out, shapes)
        if not np.array_equal(out, z.astype(np.int64) @ weight.astype(np.int64).T):
            return False
    return True


class FewLanesEngine:
    """See ``Engine``.  Buffers are allocated by ``start`` and used for the whole block."""

    def __init__(self, layout: FewLanesLayout) -> None:
        self._layout = layout
        self.tree: I32 = np.zeros((0, 512), np.int32)

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        layout, model = self._layout, self._layout.model
        columns = -(-sum(model.sizes) // COLUMN_STEP) * COLUMN_STEP
        self.states = States(model, lanes, columns)
        self._weights = (
            *(layout.plan, layout.packed, layout.parameters, layout.epsilon, model.cells[0].table),
            amx_shapes(),
        )
        self._tables = model.sigmoid, model.tanh, model.exp2
        self._scratch = self._new_scratch()
        gates = at_cache_line(np.zeros((2, lanes, GATES * max(model.sizes)), np.uint16))
        mailbox, symbols = at_cache_line(np.zeros(MAILBOX, np.int64)), np.zeros(lanes, np.uint8)
        tree = at_cache_line(np.zeros((lanes - lanes // 2, 512), np.int32))
        self._exchange = mailbox, symbols, gates[0], gates[1], tree
        self.tree = at_cache_line(np.zeros((lanes, 512), np.int32))
        (fast_h, slow_h), (fast_c, slow_c) = self.states.h, self.states.c
        self.step_arguments = (
            *(self._weights, self._tables, model.output_shift, (fast_h, fast_c, slow_h, slow_c, self.states.z)),
            *(self._scratch, self.tree, self._exchange),
        )
        read_lanes(
            *(0, lanes, self._weights, self._tables, model.output_shift, self.states.z, self._scratch, self.tree),
        )

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        network_step(symbols, *self.step_arguments)

    @contextmanager
    def second_thread(self) -> Iterator[None]:
        """See ``Engine.second_thread``."""
        mailbox, symbols, _, theirs, tree = self._exchange
        answering = (
            *(mailbox, symbols, self._weights, self._tables, self._layout.model.output_shift, self.states.z),
            *(self._new_scratch(), theirs, tree),
        )
        mailbox[:] = 0
        mailbox[IS_SHARED] = 1
        thread = threading.Thread(target=answer_requests, args=answering, name="fscompress-gates")
        try:  # what interrupts the start, too, must tell it to leave
            with suppress(RuntimeError):  # the system has no other thread: the first one does all
                thread.start()
            yield
        finally:
            mailbox[IS_SHARED], mailbox[ASKED] = 0, LEAVE
            if thread.is_alive():
                thread.join()

    def repeat_products(self, steps: int) -> None:
        """The matrix products of so many steps alone, to be timed; changes no state."""
        layout, z = self._layout, self.states.z
        repeat_products(layout.plan, layout.packed, z, len(z), self._scratch[0], amx_shapes(), steps)

    def _new_scratch(self) -> Scratch:
        """See ``step_kernels.py``; for one thread."""
        lanes, largest = len(self.states.z), max(self._layout.model.sizes)
        rows = TILE_ROWS * int(self._layout.plan[:, TILES].max())
        return (
            at_cache_line(np.zeros((lanes, rows), np.int32)),
            at_cache_line(np.zeros(GATES * largest, np.int32)),
            at_cache_line(np.zeros(largest, np.uint16)),
            np.zeros(256, np.int32),
            at_cache_line(np.zeros((lanes, largest), np.int32)),
            np.zeros((max(GATES, lanes), 4), np.int64),
        )
