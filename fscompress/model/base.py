"""What every float network offers to training, evaluation and checkpoints, whatever it is made of.

In: byte values int64 [T, B] and the states after the bytes before them.  Out: logits float [T, B, 256] for the byte
that follows each, and the new states.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fscompress.model.cells import State
from fscompress.model.cells.base import Keep
from fscompress.model.config import VOCABULARY, ModelConfig

States = tuple[State, ...]  # one for each group of cells that share a state


@dataclass(frozen=True)
class Masks:
    """Dropout and zoneout weights of one window, drawn once, so that both implementations see the same ones.

    ``embedded`` is [T, B, E] or None; ``inputs`` maps the index of a cell to the dropout factor [T, B, H] of the state
    that is its input; ``output`` is [T, B, out] or None; ``keep`` has, for each cell in order, one entry a state
    member: None, [] (evaluation) or [T, B, H] (training).
    """

    embedded: Tensor | None
    inputs: dict[int, Tensor]
    output: Tensor | None
    keep: list[tuple[Keep, ...]]

    def keep_at(self, cell: int, t: int) -> tuple[Keep, ...]:
        """Zoneout weights of that cell at step t."""
        return tuple(k if k is None or k.dim() == 0 else k[t] for k in self.keep[cell])

    def tensors(self) -> list[Tensor]:
        """All of them, in an order that depends on the network alone."""
        found = [self.embedded, *self.inputs.values(), self.output, *(k for keep in self.keep for k in keep)]
        return [mask for mask in found if mask is not None]


@dataclass(frozen=True)
class MaskShapes:
    """Widths of what is dropped, and the zoneout of each cell: (its width H, the state members it holds)."""

    inputs: dict[int, int]
    output: int
    kept: list[tuple[int, int]]


class ByteModel(nn.Module, ABC):
    """A recurrent network over bytes: embedding, something recurrent, an affine read-out.

    Sub-classes make ``embedding`` [256, E] and ``output`` [256, out] in the order in which they draw random weights.
    """

    embedding: nn.Embedding
    output: nn.Linear

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.output.weight.device

    def n_weights(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters())

    def n_nonzeros(self) -> int:
        """How many of them are not zero."""
        return sum(int(p.count_nonzero()) for p in self.parameters())

    def cell_matrices(self) -> dict[str, nn.Parameter]:
        """The trained matrices of the cells, which may be made sparse, by parameter name; none in layers of PyTorch."""
        return {}

    @abstractmethod
    def initial_state(self, batch: int) -> States:
        """Zero states: for each group a tuple of float [batch, H]."""

    @abstractmethod
    def mask_shapes(self) -> MaskShapes:
        """What ``draw_masks`` has to draw."""

    @abstractmethod
    def forward(self, tokens: Tensor, states: States, masks: Masks | None = None) -> tuple[Tensor, States]:
        """Logits float [T, B, 256] and new states for tokens int64 [T, B]; without ``masks``, new ones are drawn."""

    def draw_masks(self, steps: int, batch: int, generator: torch.Generator | None) -> Masks:
        """Masks for a window: fresh random ones in training mode, expectations in evaluation mode (section 4.1)."""
        cfg, device, shapes = self.config, self.device, self.mask_shapes()

        def dropped(width: int) -> Tensor | None:
            if not (self.training and cfg.dropout):
                return None
            survives = torch.rand(steps, batch, width, generator=generator, device=device) >= cfg.dropout
            return survives / (1.0 - cfg.dropout)

        def kept(p: float, width: int) -> Keep:
            if p == 0.0:
                return None
            if not self.training:
                return torch.tensor(p, device=device)
            return (torch.rand(steps, batch, width, generator=generator, device=device) < p).float()

        drops = {i: dropped(width) for i, width in shapes.inputs.items()}
        hold = (cfg.zoneout_hidden, cfg.zoneout_cell)
        return Masks(
            embedded=dropped(cfg.embedding_size),
            inputs={i: mask for i, mask in drops.items() if mask is not None},
            output=dropped(shapes.output),
            keep=[tuple(kept(p, width) for p in hold[:members]) for width, members in shapes.kept],
        )

    def embed(self, tokens: Tensor, masks: Masks) -> Tensor:
        """Embedded bytes [T, B, E], dropout applied."""
        embedded: Tensor = self.embedding(tokens)
        return embedded if masks.embedded is None else embedded * masks.embedded

    def read_out(self, hidden: Tensor, masks: Masks) -> Tensor:
        """Logits [T, B, 256] from what the network puts out [T, B, out]."""
        logits: Tensor = self.output(hidden if masks.output is None else hidden * masks.output)
        return logits

    def make_embedding(self) -> nn.Embedding:
        """Orthogonal, [256, E]."""
        embedding = nn.Embedding(VOCABULARY, self.config.embedding_size)
        nn.init.orthogonal_(embedding.weight)
        return embedding

    def make_output(self, width: int) -> nn.Linear:
        """Orthogonal, [256, width], without bias at the start."""
        output = nn.Linear(width, VOCABULARY)
        nn.init.orthogonal_(output.weight)
        nn.init.zeros_(output.bias)
        return output
