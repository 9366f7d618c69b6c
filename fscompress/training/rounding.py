"""Training with the weights that the integer model will have: rounded for the products, exact for the optimiser.

Gradients are taken at the rounded weights and move the exact ones (the straight-through estimator, Bengio et al. 2013;
"quantisation-aware training", Jacob et al. 2018), so that training finds weights that rounding harms less.  Rounds as
``export/quantise.py`` does: seven bits, a scale for each row and kind of column, the embedding eight bits in all.
Activations stay as they are.  Guarded by ``tests/training/test_rounding.py``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fscompress.engine import arithmetic as q
from fscompress.engine.kinds import GRU
from fscompress.errors import RefusedError
from fscompress.model.base import ByteModel
from fscompress.model.config import CLIP_RATIOS
from fscompress.model.network import CellNetwork
from fscompress.training.in_place import replaced


class WeightRounding:
    """The rounding of a network's matrices, in place for as long as a block takes.

    Args:
        model: of cells with whole matrices.
        rounded: False: nothing is ever rounded.
    Raises:
        RefusedError: matrices that the export does not round row by row as they are.
    """

    def __init__(self, model: ByteModel, rounded: bool) -> None:
        self._matrices: list[tuple[Tensor, int]] = []  # each with the first columns that have a scale of their own
        self._embedding: list[Tensor] = []
        if not rounded:
            return
        if not isinstance(model, CellNetwork) or model.config.rank or model.config.cell == GRU:
            raise RefusedError("training: only networks of cells with whole matrices, GRUs aside, are trained rounded")
        self._embedding = [model.embedding.weight]
        for i, place in enumerate(model.places):
            columns = model.config.embedding_size if place.reads_byte else 0
            self._matrices += [(matrix, columns) for matrix, _ in model.cell(i).stacks()]
        self._matrices.append((model.output.weight, 0))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has rounded weights; its exact ones come back after."""
        with torch.no_grad():
            values = [_rounded_whole(matrix) for matrix in self._embedding]
            for matrix, columns in self._matrices:
                parts = matrix.split([n for n in (columns, matrix.shape[1] - columns) if n], dim=1)
                values.append(torch.cat([rounded_rows(part) for part in parts], dim=1))
        with replaced([*self._embedding, *(matrix for matrix, _ in self._matrices)], values):
            yield


def _rounded_whole(matrix: Tensor) -> Tensor:
    unit = matrix.abs().max().clamp(min=1e-8) / q.EMBEDDING_MAX
    return (matrix / unit).round() * unit


def rounded_rows(matrix: Tensor, limit: int = q.WEIGHT_MAX) -> Tensor:
    """Float [N, K] as ``quantise_rows`` rounds it, each integer times its row's scale."""
    largest = matrix.abs().amax(1, keepdim=True).clamp(min=1e-8)
    best, least = matrix, torch.full_like(largest, torch.inf)  # rows that are not finite stay
    for ratio in CLIP_RATIOS:
        scale = largest * (ratio / limit)
        rounded = (matrix / scale).round().clamp(-limit, limit) * scale
        error = (rounded - matrix).square().sum(1, keepdim=True)
        best = torch.where(error < least, rounded, best)
        least = torch.minimum(error, least)
    return best
