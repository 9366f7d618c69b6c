"""FastRNN and FastGRNN (Kusupati et al. 2018, "FastGRNN", sections 3.1 and 3.2): a quarter of an LSTM's products.

Their scalars lie in (0, 1): what is trained is the argument of a sigmoid, started at the published code's values.
h is kept in [-1, 1], which the paper's equations nearly do: nu h~, or alpha + beta > 1, lets it drift where a gate
stays open, without bound in a state that is carried through a text, until the products of h grow out of control.
Low rank is in ``Cell.factorise``, sparsity in ``fscompress.training.sparsity``: every cell can have them.
"""

import torch
from torch import Tensor, nn

from fscompress.model.cells.base import Cell, Gates, Keep, State, zoneout

ALPHA_START, BETA_START = -3.0, 3.0  # s(-3) = 0.047, s(3) = 0.953: alpha << 1 and beta near 1 - alpha
ZETA_START, NU_START = 1.0, -4.0  # s(1) = 0.731, s(-4) = 0.018


class FastRNNCell(Cell):
    """h~ = tanh(W x + U h + b); h' = alpha h~ + beta h, with two trained scalars; kept in [-1, 1]."""

    n_gates = 1
    n_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        self.alpha = nn.Parameter(torch.tensor(ALPHA_START))
        self.beta = nn.Parameter(torch.tensor(BETA_START))

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The bias [H]; alpha and beta [] before the sigmoid."""
        return self.bias, self.alpha, self.beta

    def scalars(self) -> dict[str, float]:
        """The trained scalars, each in (0, 1)."""
        return {"alpha": torch.sigmoid(self.alpha).item(), "beta": torch.sigmoid(self.beta).item()}

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h,)."""
        (h,), (bias, alpha, beta) = state, vectors
        new = torch.sigmoid(alpha) * gates.tanh(a + bias) + torch.sigmoid(beta) * h
        return (zoneout(new.clamp(-1.0, 1.0), h, keep[0]),)


class FastGRNNCell(Cell):
    """z = s(W x + U h + b_z); h~ = tanh(W x + U h + b_h); h' = (zeta (1 - z) + nu) h~ + z h, kept in [-1, 1].

    W and U serve both.
    """

    n_gates = 1
    n_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gate_bias = nn.Parameter(torch.ones(hidden_size))  # remembers at the start, as in the published code
        self.bias = nn.Parameter(torch.ones(hidden_size))
        self.zeta = nn.Parameter(torch.tensor(ZETA_START))
        self.nu = nn.Parameter(torch.tensor(NU_START))

    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The biases of gate and candidate [H]; zeta and nu [] before the sigmoid."""
        return self.gate_bias, self.bias, self.zeta, self.nu

    def scalars(self) -> dict[str, float]:
        """The trained scalars, each in (0, 1)."""
        return {"zeta": torch.sigmoid(self.zeta).item(), "nu": torch.sigmoid(self.nu).item()}

    @staticmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """See ``Cell.pointwise``; the state is (h,)."""
        (h,), (gate_bias, bias, zeta, nu) = state, vectors
        z = gates.sigmoid(a + gate_bias)
        new = (torch.sigmoid(zeta) * (1.0 - z) + torch.sigmoid(nu)) * gates.tanh(a + bias) + z * h
        return (zoneout(new.clamp(-1.0, 1.0), h, keep[0]),)
