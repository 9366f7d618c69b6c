"""The protocol of a recurrent cell: one matrix product, then a pointwise function of its result and the old state."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from fscompress.errors import RefusedError
from fscompress.model.config import PIECEWISE, SMOOTH

State = tuple[Tensor, ...]
Keep = Tensor | None


class Gates(NamedTuple):
    """The two functions that a cell is made of, each from a tensor to one of its shape."""

    sigmoid: Callable[[Tensor], Tensor]  # to [0, 1]
    tanh: Callable[[Tensor], Tensor]  # to [-1, 1]


class Cell(nn.Module, ABC):
    """f(h, x) of the paper's section 3, split into ``weight @ [x; h]`` and ``pointwise``.

    After ``factorise`` the weight is a product of two trained factors, ``left @ right``, and no parameter any more.
    ``gates`` are the functions that ``forward`` uses, and the training loop.

    Args:
        input_size: width of x, 0 for a cell without input (F3..Fk).
        hidden_size: width H of each state member.
    """

    n_gates: ClassVar[int]  # rows of ``weight`` in units of H
    n_states: ClassVar[int]  # members of the state tuple, h first
    weight: nn.Parameter
    left: nn.Parameter
    right: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.rank = 0  # of the factors; 0: there are none
        self.gates = GATES[SMOOTH]
        # columns: first the input x, then the state h; biases are among ``vectors``
        self.weight = nn.Parameter(torch.empty(self.n_gates * hidden_size, input_size + hidden_size))
        for gate in self.weight.data.split(hidden_size):
            for block in gate.split([n for n in (input_size, hidden_size) if n], dim=1):
                nn.init.orthogonal_(block)

    def factorise(self, rank: int) -> None:
        """Puts ``left`` [rows, rank] and ``right`` [rank, columns] in the place of ``weight`` (FastGRNN, section 3.2).

        They start as the truncated singular value decomposition, each with the roots of the singular values.  Scaled up
        to the norm of the whole matrix, FastGRNN trains worse (docs/MODEL.md).

        Raises:
            RefusedError: the rank is not below both sides of ``weight``.
        """
        rows, columns = self.weight.shape
        if rank >= min(rows, columns):
            raise RefusedError(f"model: rank {rank} is not below both sides of a cell's {rows} x {columns} matrix")
        u, scale, v = torch.linalg.svd(self.weight.detach(), full_matrices=False)
        root = scale[:rank].sqrt()
        del self.weight
        # by rows, as checkpoints keep what Adam remembers: fused Adam takes the two for alike in memory
        self.left = nn.Parameter((u[:, :rank] * root).contiguous())
        self.right = nn.Parameter((root[:, None] * v[:rank]).contiguous())
        self.rank = rank

    def trained(self) -> dict[str, nn.Parameter]:
        """The trained matrices by name: ``weight``, or its factors."""
        return {"left": self.left, "right": self.right} if self.rank else {"weight": self.weight}

    def stacks(self) -> list[tuple[nn.Parameter, int]]:
        """The trained matrices, each with the number of gates whose matrices lie one below the other in it."""
        return [(self.left, self.n_gates), (self.right, 1)] if self.rank else [(self.weight, self.n_gates)]

    def product(self) -> Tensor:
        """``weight``, float [n_gates * H, input_size + H], multiplied out where it has factors; differentiable."""
        return self.left @ self.right if self.rank else self.weight

    def matrix(self) -> Tensor:
        """What [x; h] is multiplied by, float [rows, input_size + H]: ``product``, but where zeros have to be put in.

        Differentiable, and computed once a window; ``a`` of ``pointwise`` has one column a row.
        """
        return self.product()

    @abstractmethod
    def vectors(self) -> tuple[nn.Parameter, ...]:
        """The parameters that ``pointwise`` takes, in its order."""

    @staticmethod
    @abstractmethod
    def pointwise(a: Tensor, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...], gates: Gates) -> State:
        """New state from preactivations ``a`` [B, rows of ``matrix``] and the old state, float32.

        ``keep`` has one entry a state member: None for no zoneout, else [B, H] or [] weights in [0, 1] of the old value
        (a 0/1 mask in training, the probability at evaluation).  Pure: no attribute of the module is read.
        """

    def forward(self, x: Tensor | None, state: State, keep: tuple[Keep, ...]) -> State:
        """One step: x float [B, input_size] or None where input_size is 0."""
        z = state[0] if x is None else torch.cat((x, state[0]), dim=1)
        return self.pointwise(z @ self.matrix().t(), state, self.vectors(), keep, self.gates)


def layer_norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Layer normalisation over the last axis; eps 1e-3 as in the paper's published code."""
    mean = x.mean(-1, keepdim=True)
    centred = x - mean
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred * torch.rsqrt(variance + LAYER_NORM_EPS) * gain + bias


def tanh(x: Tensor) -> Tensor:
    """tanh as 2 s(2x) - 1: compiled for a CPU it takes a third of the time, and differs by rounding alone."""
    return 2.0 * torch.sigmoid(2.0 * x) - 1.0


def zoneout(new: Tensor, old: Tensor, keep: Keep) -> Tensor:
    """Zoneout (Krueger et al. 2016): the old value with weight ``keep``, the new one with 1 - keep."""
    return new if keep is None else new + (old - new) * keep


def piecewise_sigmoid(x: Tensor) -> Tensor:
    """The piecewise-linear sigmoid of Kusupati et al. 2018, section 3.2: (x + 1) / 2, clipped to [0, 1]."""
    return (0.5 * x + 0.5).clamp(0.0, 1.0)


def piecewise_tanh(x: Tensor) -> Tensor:
    """The piecewise-linear tanh of the same: x, clipped to [-1, 1]."""
    return x.clamp(-1.0, 1.0)


GATES = {SMOOTH: Gates(torch.sigmoid, tanh), PIECEWISE: Gates(piecewise_sigmoid, piecewise_tanh)}
LAYER_NORM_EPS = 1e-3
FORGET_BIAS = 1.0  # of every LSTM at the start (section 4.1)
