"""The vanilla recurrent cell (Elman 1990)."""

import torch
from torch import Tensor, nn

from fscompress.model.cells.base import Cell, Gates, Keep, State, zoneout


class RNNCell(Cell):
    """h' = tanh(W x + U h + b)."""

    n_gates = 1
    n_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The bias [H]."""
        return (self.bias,)

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h,)."""
        return (zoneout(gates.tanh(a + vectors[0]), state[0], keep[0]),)
