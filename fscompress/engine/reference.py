"""The norm: docs/INTEGER.md line by line in numpy int64.  Slow, plain, and what every other engine must equal."""

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.base import Symbols
from fscompress.engine.spec import FAST, I32, I64, N_GATES, SLOW, IntegerCell, IntegerModel


def integer_root(v: I64) -> I64:
    """floor(sqrt(v)) for 0 <= v < 2**60: a float estimate, corrected in integers."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= root * root > v
    return root + ((root + 1) * (root + 1) <= v)


def layer_norm(x: I64, epsilon: np.int64, gain: I64, bias: I64) -> I64:
    """Layer normalisation over the last axis (INTEGER.md, "Layer normalisation").

    Args: x int64 [..., H], |x| <= 2**24; gain (Q27), bias (Q9) int64 [H].  Returns Q9, |y| < 2**22.
    """
    size = x.shape[-1]
    d = x - x.sum(axis=-1, keepdims=True) // size
    variance = (d * d).sum(axis=-1, keepdims=True) // size + epsilon
    root = integer_root(variance << q.NORM_ROOT_SHIFT)
    up = q.NORM_BITS - np.frexp(root.astype(np.float64))[1].astype(np.int64)  # 21 - bit length, exact: root < 2**53
    left, right = np.maximum(up, 0), np.maximum(-up, 0)
    reciprocal = (1 << q.NORM_RECIPROCAL) // (root << left >> right)
    n = (d << left >> right) * reciprocal >> q.PRODUCT_SHIFT
    y: I64 = (n * gain + (1 << 31) >> 32) + bias
    return y


def look_up(table: np.ndarray[tuple[int], np.dtype[np.int16]], y: I64) -> I64:
    """Table value (Q15) at a Q9 argument, saturated to -8..8."""
    return table[np.clip(y + q.TABLE_HALF, 0, q.TABLE_SIZE - 1)].astype(np.int64)


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
        n, model = len(symbols), self.model
        self._step(model.cells[0], FAST, [self._hidden(FAST, n)], n, model.table[symbols].astype(np.int64))
        self._step(model.cells[1], SLOW, [self._hidden(FAST, n), self._hidden(SLOW, n)], n, None)
        self._step(model.cells[2], FAST, [self._hidden(SLOW, n), self._hidden(FAST, n)], n, None)
        for cell in model.cells[3:]:
            self._step(cell, FAST, [self._hidden(FAST, n)], n, None)
        self._read_out(n)

    def release(self) -> None:
        """See ``Engine.release``; nothing is given back: the states are small."""

    def _hidden(self, group: int, n: int) -> I64:
        """h8 int64 [n, H]: the state as a product sees it, before the offset of 128."""
        return self._states[group][0][:n] * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q

    def _step(self, cell: IntegerCell, group: int, inputs: list[I64], n: int, addend: I64 | None) -> None:
        accumulator = np.concatenate(inputs, axis=1) @ cell.weight.astype(np.int64).T
        x = accumulator * cell.multiplier.astype(np.int64) >> q.PRODUCT_SHIFT
        x = x if addend is None else x + addend
        gates = x.reshape(n, N_GATES, cell.size)
        gain, bias = cell.gain.astype(np.int64), cell.bias.astype(np.int64)
        f, i, o, g = (layer_norm(gates[:, k], cell.epsilon[k], gain[k], bias[k]) for k in range(N_GATES))
        sigmoid, tanh = self.model.sigmoid, self.model.tanh
        h_old, c_old = (member[:n] for member in self._states[group])
        c = look_up(sigmoid, f) * c_old + 2 * look_up(sigmoid, i) * look_up(tanh, g) + (1 << 14) >> 15
        c = np.clip(c, -q.X_MAX, q.X_MAX)
        h = look_up(sigmoid, o) * look_up(tanh, layer_norm(c, cell.epsilon[4], gain[4], bias[4])) + (1 << 15) >> 16
        h_keep, c_keep = (int(keep) for keep in cell.keep)
        self._states[group][0][:n] = h + ((h_old - h) * h_keep >> q.PROBABILITY_Q)
        self._states[group][1][:n] = c + ((c_old - c) * c_keep >> q.PROBABILITY_Q)

    def _read_out(self, n: int) -> None:
        model = self.model
        accumulator = self._hidden(FAST, n) @ model.output.astype(np.int64).T
        logits = (accumulator * model.output_multiplier.astype(np.int64) >> model.output_shift) + model.output_bias
        below = logits.max(axis=1, keepdims=True) - logits
        weights = model.exp2[below & q.EXP2_SIZE - 1] >> np.minimum(below >> q.LOGIT_Q, 31)
        self.tree[:n, 256:] = np.maximum(weights, 1)
        for node in range(255, 0, -1):
            self.tree[:n, node] = self.tree[:n, 2 * node] + self.tree[:n, 2 * node + 1]
