"""The Fast-Slow RNN over bytes (Mujika et al. 2017, section 3): cells are passed in, so any cell fits.

In: byte values int64 [T, B] and the states after the bytes before them.  Out: logits float [T, B, 256] for the byte
that follows each, and the new states.  This is the plain definition; ``fscompress.training.recurrence`` computes the
same window faster and is tested against it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fscompress.model.cells import Cell, State, cell_class
from fscompress.model.cells.base import Keep
from fscompress.model.config import VOCABULARY, ModelConfig

FAST, SLOW = 0, 1  # the two states of an FS-RNN: one shared by all fast cells, one of the slow cell


@dataclass(frozen=True)
class Masks:
    """Dropout and zoneout weights of one window, drawn once, so that both implementations see the same ones.

    ``embedded`` is [T, B, E] or None; ``inputs`` maps the index of a cell to the dropout factor [T, B, in] of its
    input; ``output`` is [T, B, F] or None; ``keep`` has, for each cell in order, one entry a state member:
    None, [] (evaluation) or [T, B, H] (training).
    """

    embedded: Tensor | None
    inputs: dict[int, Tensor]
    output: Tensor | None
    keep: list[tuple[Keep, ...]]

    def keep_at(self, cell: int, t: int) -> tuple[Keep, ...]:
        """Zoneout weights of that cell at step t."""
        return tuple(k if k is None or k.dim() == 0 else k[t] for k in self.keep[cell])


class FSRNN(nn.Module):
    """h^F1 = f_F1(h^Fk, x); h^S = f_S(h^S, h^F1); h^F2 = f_F2(h^F1, h^S); h^Fi = f_Fi(h^F(i-1)); y = affine(h^Fk).

    ``cells`` is in order of computation: F1, S, F2, ..., Fk; ``groups`` says which state each reads and writes, and
    ``sources`` which state is its input (None: no input; cell 0 reads the embedded byte).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        cls = cell_class(config.cell)
        e, f, s = config.embedding_size, config.fast_size, config.slow_size
        self.embedding = nn.Embedding(VOCABULARY, e)
        nn.init.orthogonal_(self.embedding.weight)
        cells: list[Cell] = [cls(e, f), cls(f, s), cls(s, f)]
        cells += [cls(0, f) for _ in range(config.n_fast - 2)]
        self.cells = nn.ModuleList(cells)
        self.groups = (FAST, SLOW, FAST) + (FAST,) * (config.n_fast - 2)
        self.sources: tuple[int | None, ...] = (None, FAST, SLOW) + (None,) * (config.n_fast - 2)
        self.output = nn.Linear(f, VOCABULARY)
        nn.init.orthogonal_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def cell(self, index: int) -> Cell:
        """The cell at that place of the order of computation, typed."""
        cell = self.cells[index]
        assert isinstance(cell, Cell)
        return cell

    def n_weights(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters())

    def initial_state(self, batch: int) -> tuple[State, State]:
        """Zero states: one tuple of float [batch, H] for the fast cells, one for the slow cell."""
        device = self.output.weight.device
        sizes = (self.config.fast_size, self.config.slow_size)
        n = self.cell(0).n_states
        fast, slow = (tuple(torch.zeros(batch, size, device=device) for _ in range(n)) for size in sizes)
        return fast, slow

    def draw_masks(self, steps: int, batch: int, generator: torch.Generator | None) -> Masks:
        """Masks for a window: fresh random ones in training mode, expectations in evaluation mode (section 4.1)."""
        cfg, device = self.config, self.output.weight.device
        hold = (cfg.zoneout_hidden, cfg.zoneout_cell)[: self.cell(0).n_states]

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

        drops = {i: dropped(self.cell(i).input_size) for i, source in enumerate(self.sources) if source is not None}
        return Masks(
            embedded=dropped(cfg.embedding_size),
            inputs={i: mask for i, mask in drops.items() if mask is not None},
            output=dropped(cfg.fast_size),
            keep=[tuple(kept(p, self.cell(i).hidden_size) for p in hold) for i in range(len(self.cells))],
        )

    def embed(self, tokens: Tensor, masks: Masks) -> Tensor:
        """Embedded bytes [T, B, E], dropout applied."""
        embedded: Tensor = self.embedding(tokens)
        return embedded if masks.embedded is None else embedded * masks.embedded

    def read_out(self, hidden: Tensor, masks: Masks) -> Tensor:
        """Logits [T, B, 256] from the last fast cell's output [T, B, F]."""
        logits: Tensor = self.output(hidden if masks.output is None else hidden * masks.output)
        return logits

    def forward(
        self, tokens: Tensor, states: tuple[State, State], masks: Masks | None = None
    ) -> tuple[Tensor, tuple[State, State]]:
        """Logits float [T, B, 256] and new states for tokens int64 [T, B]."""
        masks = masks or self.draw_masks(tokens.shape[0], tokens.shape[1], None)
        embedded = self.embed(tokens, masks)
        current: list[State] = list(states)
        outputs = []
        for t in range(len(tokens)):
            for i, (group, source) in enumerate(zip(self.groups, self.sources, strict=True)):
                x = None if source is None else current[source][0]
                if x is not None and i in masks.inputs:
                    x = x * masks.inputs[i][t]
                x = embedded[t] if i == 0 else x
                current[group] = self.cell(i)(x, current[group], masks.keep_at(i, t))
            outputs.append(current[FAST][0])
        return self.read_out(torch.stack(outputs), masks), (current[FAST], current[SLOW])
