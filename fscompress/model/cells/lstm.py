"""LSTM cells with zoneout: layer-normalised, the cell of the paper's FS-LSTM, and without normalisation."""

import torch
from torch import Tensor, nn

from fscompress.model.cells.base import FORGET_BIAS, Cell, Gates, Keep, State, layer_norm, zoneout


class LSTMCell(Cell):
    """Equations 1-3 of the paper: (f, i, o, g) = W [x; h]; c' = s(f) c + s(i) tanh(g); h' = s(o) tanh(c').

    Every gate is layer-normalised on its own; the cell is normalised inside its tanh and carried un-normalised.
    """

    n_gates = 4
    n_states = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gate_gain = nn.Parameter(torch.ones(4, hidden_size))
        self.gate_bias = nn.Parameter(torch.zeros(4, hidden_size))
        self.gate_bias.data[0] = FORGET_BIAS
        self.cell_gain = nn.Parameter(torch.ones(hidden_size))
        self.cell_bias = nn.Parameter(torch.zeros(hidden_size))

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """Gains and biases of the gates [4, H] and of the cell [H]."""
        return self.gate_gain, self.gate_bias, self.cell_gain, self.cell_bias

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h, c)."""
        h, c = state
        gate_gain, gate_bias, cell_gain, cell_bias = vectors
        f, i, o, g = layer_norm(a.unflatten(1, gate_gain.shape), gate_gain, gate_bias).unbind(1)
        c_new = gates.sigmoid(f) * c + gates.sigmoid(i) * gates.tanh(g)
        h_new = gates.sigmoid(o) * gates.tanh(layer_norm(c_new, cell_gain, cell_bias))
        return zoneout(h_new, h, keep[0]), zoneout(c_new, c, keep[1])


class PlainLSTMCell(Cell):
    """Equations 1-3 as they stand: (f, i, o, g) = W [x; h] + b; c' = s(f) c + s(i) tanh(g); h' = s(o) tanh(c')."""

    n_gates = 4
    n_states = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(4, hidden_size))
        self.bias.data[0] = FORGET_BIAS

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The biases of the gates [4, H]."""
        return (self.bias,)

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h, c)."""
        h, c = state
        f, i, o, g = (a.unflatten(1, vectors[0].shape) + vectors[0]).unbind(1)
        c_new = gates.sigmoid(f) * c + gates.sigmoid(i) * gates.tanh(g)
        return zoneout(gates.sigmoid(o) * gates.tanh(c_new), h, keep[0]), zoneout(c_new, c, keep[1])
