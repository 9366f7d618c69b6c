"""What moves the parameters: Adam, or Muon for the cells' matrices and Adam for the rest.

Guarded by ``tests/training/test_optimisers.py``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fscompress.errors import RefusedError
from fscompress.model.base import ByteModel
from fscompress.model.network import CellNetwork
from fscompress.training.config import MUON

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: steepest at 0, and singular values end between 0.7 and 1.2, about
N_ITERATIONS = 5
TINY = 1e-7
RMS = 0.2  # of an update's entries at rate 1, as Adam's usually have (Liu et al. 2025, section 2.2)


def make_optimiser(
    model: ByteModel, name: str, rate: float, recorded: bool = False, dtype: torch.dtype = torch.float32
) -> torch.optim.Optimizer:
    """The optimiser of that name (``config.OPTIMISERS``) over all parameters.

    Args:
        model: whose parameters are moved.
        name: of the optimiser.
        rate: learning rate; Adam's and Muon's are of one scale.
        recorded: the step is recorded as a graph, so the rate is a tensor that is read at each step.
        dtype: of Muon's products.
    Raises:
        RefusedError: Muon for a network without cells of ours.
    """
    if name != MUON:
        return _adam(list(model.parameters()), rate, recorded)
    if not isinstance(model, CellNetwork):
        raise RefusedError(f"training: {MUON} is for matrices of cells, and this network has none of its own")
    stacks = [stack for i in range(len(model.places)) for stack in model.cell(i).stacks()]
    ours = {id(matrix) for matrix, _ in stacks}
    others = [parameter for parameter in model.parameters() if id(parameter) not in ours]
    return Muon(stacks, _adam(others, rate, recorded), dtype)


def _adam(parameters: list[nn.Parameter], rate: float, recorded: bool) -> torch.optim.Adam:
    start = torch.tensor(rate, device=parameters[0].device) if recorded else rate
    return torch.optim.Adam(parameters, lr=start, fused=True, capturable=recorded)


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for matrices, with Nesterov's momentum; what it does not take moves by ``adam``.

    The gates of a cell are matrices of their own that happen to lie in one tensor, so each is orthogonalised apart;
    ``torch.optim.Muon`` takes tensors whole, and its rate cannot be read from the device.

    Args:
        stacks: parameters float [G * rows, columns], each with its G.
        adam: over other parameters; its learning rate is Muon's too, and its groups and state are among this one's.
        dtype: of the products of ``orthogonalised``.
    """

    def __init__(self, stacks: list[tuple[nn.Parameter, int]], adam: torch.optim.Adam, dtype: torch.dtype) -> None:
        super().__init__([matrix for matrix, _ in stacks], {"lr": adam.param_groups[0]["lr"]})
        self._stacks, self._adam, self._dtype = stacks, adam, dtype
        self.param_groups += adam.param_groups
        adam.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Moves all parameters by their gradients; there is no closure."""
        assert closure is None
        rate = self.param_groups[0]["lr"]
        for matrix, n_gates in self._stacks:
            assert matrix.grad is not None
            state = self.state[matrix]
            if not state:
                state["momentum"] = torch.zeros_like(matrix)
            momentum = state["momentum"].lerp_(matrix.grad, 1.0 - MOMENTUM)
            ahead = matrix.grad.lerp(momentum, MOMENTUM)
            update = orthogonalised(ahead.unflatten(0, (n_gates, -1)), self._dtype).flatten(0, 1)
            matrix.sub_(update * (rate * RMS * max(len(matrix) // n_gates, matrix.shape[1]) ** 0.5))
        self._adam.step()


def orthogonalised(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """U V^T of each matrix U S V^T of float [N, rows, columns], roughly: S becomes 0.7 to 1.2 instead of 1.

    Newton and Schulz's iteration (Jordan et al. 2024), by products of ``dtype``; gives float32.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = (matrices.mT if tall else matrices).to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + TINY)
    for _ in range(N_ITERATIONS):
        squares = x @ x.mT
        x = a * x + (b * squares + c * (squares @ squares)) @ x
    return (x.mT if tall else x).float()
