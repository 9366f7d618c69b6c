"""Gated recurrent unit (Cho et al. 2014), in the form of ``torch.nn.GRU``."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from fscompress.model.cells.base import Cell, Gates, Keep, State, zoneout


class GRUCell(Cell):
    """r, z = s(W [x; h] + b); n = tanh(W_n x + b_nx + r (U_n h + b_nh)); h' = (1 - z) n + z h.

    The reset gate multiplies U_n h after the product (cuDNN's form), not h before it, so that one
    product a step is enough; it needs W_n x and U_n h apart, which ``matrix`` gives rows of their own.
    """

    n_gates = 3  # r, z, n
    n_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(4, hidden_size))  # of r, z, W_n x, U_n h

    def matrix(self) -> Tensor:
        """[W_r U_r; W_z U_z; W_n 0; 0 U_n]: a third more to multiply than ``weight``, none of it trained."""
        h = self.hidden_size
        gates, candidate = self.product().tensor_split([2 * h])
        by_input = pad(candidate[:, : self.input_size], (0, h))
        by_state = pad(candidate[:, self.input_size :], (self.input_size, 0))
        return torch.cat((gates, by_input, by_state))

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The biases [4, H]."""
        return (self.bias,)

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h,)."""
        (h,) = state
        r, z, by_input, by_state = (a.unflatten(1, vectors[0].shape) + vectors[0]).unbind(1)
        n = gates.tanh(by_input + gates.sigmoid(r) * by_state)
        return (zoneout(n + gates.sigmoid(z) * (h - n), h, keep[0]),)
