"""Sparse matrices by iterative hard thresholding: the three stages of Kusupati et al. 2018, section 3.2.

Stage 1 trains all entries. In stage 2 all but the largest entries of each matrix are set to zero every few steps, and
gradients still reach all of them, so that the support may change. In stage 3 the support is frozen: what is zero stays
zero, and the rest is trained on. A third of the run each, and 15 steps between thresholds, are the published code's
(microsoft/EdgeML, ``fastTrainer.py``; it holds the support between two thresholds of stage 2, the paper does not).
Guarded by ``tests/training/test_sparsity.py``.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fscompress.training.state import found_under, under

SPARSE_FROM, FROZEN_FROM = 1 / 3, 2 / 3  # share of the run at which stages 2 and 3 begin
THRESHOLD_STEPS = 15
MOMENTS = ("exp_avg", "exp_avg_sq")  # of Adam
PREFIX = "support."  # of a checkpoint's tensors


def largest(matrix: Tensor, sparsity: float) -> Tensor:
    """Where the largest entries of ``matrix`` are, bool of its shape: exactly round(n * (1 - sparsity)) of n are true.

    Of equal ones the first are taken, so that all processes of a run agree.
    """
    order = matrix.detach().abs().flatten().sort(descending=True, stable=True).indices
    support = torch.zeros_like(order, dtype=torch.bool)
    support[order[: round(len(order) * (1.0 - sparsity))]] = True
    return support.view(matrix.shape)


class Sparsity:
    """Takes the matrices of one run through the stages.

    Args:
        matrices: the parameters to be made sparse, by name, float [rows, columns].
        optimiser: Adam over them; what it remembers of entries that are zero for good is forgotten.
        share: of zeros in each matrix, in [0, 1); 0 leaves all as it is.
    """

    def __init__(self, matrices: Mapping[str, nn.Parameter], optimiser: torch.optim.Optimizer, share: float) -> None:
        self.matrices, self.optimiser, self.share = matrices, optimiser, share
        self.support: dict[str, Tensor] = {}  # bool [rows, columns] by name, from stage 3 on

    @property
    def unfinished(self) -> bool:
        """True until the support is frozen."""
        return bool(self.share) and not self.support

    def advance(self, step: int, progress: float) -> bool:
        """To be called between two steps, and after the last one; ``progress`` is the share of the run that is done.

        A second call in the same place changes nothing, so that a run may be saved there and gone on with.
        Returns True when the support has just been frozen: the network is another one than before.
        """
        if not self.unfinished or progress < SPARSE_FROM:
            return False
        freezes = progress >= FROZEN_FROM
        if freezes or step % THRESHOLD_STEPS == 0:
            support = {name: largest(matrix, self.share) for name, matrix in self.matrices.items()}
            for name, matrix in self.matrices.items():
                matrix.data.mul_(support[name])
            if freezes:
                self._freeze(support)
        return freezes

    def _freeze(self, support: dict[str, Tensor]) -> None:
        self.support = support
        for name, matrix in self.matrices.items():
            state = self.optimiser.state[matrix]
            for moment in MOMENTS:
                if moment in state:  # a run that is over before its first step has none
                    state[moment].mul_(support[name])

    def mask_gradients(self) -> None:
        """Stage 3: no gradient where the matrix is zero, before its norm is taken; Adam then leaves the zero alone."""
        for name, support in self.support.items():
            gradient = self.matrices[name].grad
            assert gradient is not None
            gradient.mul_(support)

    def tensors(self) -> dict[str, Tensor]:
        """The frozen support, for a checkpoint: a weight that training has brought to zero is still in it."""
        return under(PREFIX, self.support)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The stage that ``tensors`` of a checkpoint was in."""
        self.support = found_under(PREFIX, tensors, self.matrices)
