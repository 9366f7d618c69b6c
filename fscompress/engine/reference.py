"""The norm: docs/INTEGER.md line by line in numpy int64.  Slow, plain, and what every other engine must equal."""

from contextlib import AbstractContextManager, nullcontext

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.base import Symbols
from fscompress.engine.reference_cells import STEPS
from fscompress.engine.spec import I32, I64, IntegerCell, IntegerModel
from fscompress.wiring import Place


class ReferenceEngine:
    """See ``Engine``.  States are int64 [S, H]: h in Q14, c in Q16."""

    step_arguments = None

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        self.tree: I32 = np.zeros((0, 512), np.int32)
        self._states: list[list[I64]] = []

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        self._states = [
            [np.tile(member.astype(np.int64), (lanes, 1)) for member in state] for state in self.model.initial
        ]
        self.tree = np.zeros((lanes, 512), np.int32)
        self._read_out(lanes)

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        for cell, place in zip(self.model.cells, self.model.wiring.places, strict=True):
            self._step(cell, place, symbols)
        self._read_out(len(symbols))

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Engine.second_thread``; there is no such way."""
        return nullcontext()

    def release(self) -> None:
        """See ``Engine.release``; nothing is given back: the states are small."""

    def _hidden(self, group: int, n: int) -> I64:
        """h8 int64 [n, H]: the state as a product sees it, before the offset of 128."""
        return self._states[group][0][:n] * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q

    def _step(self, cell: IntegerCell, place: Place, symbols: Symbols) -> None:
        n, model = len(symbols), self.model
        own = self._hidden(place.group, n)
        z = own if place.source is None else np.concatenate((self._hidden(place.source, n), own), axis=1)
        x = (z @ cell.weight.astype(np.int64).T) * cell.multiplier.astype(np.int64) >> cell.shift
        if place.reads_byte:
            x = x + cell.table[symbols]
        old = [member[:n] for member in self._states[place.group]]
        new = STEPS[model.kind](x, old, cell, model)
        for member, fresh, keep in zip(old, new, cell.keep.tolist(), strict=True):
            member[:] = fresh + ((member - fresh) * keep >> q.PROBABILITY_Q)

    def _read_out(self, n: int) -> None:
        model = self.model
        hidden = np.concatenate([self._hidden(group, n) for group in model.wiring.read_groups], axis=1)
        accumulator = hidden @ model.output.astype(np.int64).T
        logits = (accumulator * model.output_multiplier.astype(np.int64) >> model.output_shift) + model.output_bias
        below = logits.max(axis=1, keepdims=True) - logits
        weights = model.exp2[below & q.EXP2_SIZE - 1] >> np.minimum(below >> q.LOGIT_Q, 31)
        self.tree[:n, 256:] = np.maximum(weights, 1)
        for node in range(255, 0, -1):
            self.tree[:n, node] = self.tree[:n, 2 * node] + self.tree[:n, 2 * node + 1]
