"""Networks of cells: an architecture is a list of places, and says which state each cell reads and writes.

This is the plain definition; ``fscompress.training.recurrence`` computes the same window faster, whatever the
architecture, and is tested against it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fscompress.model.base import ByteModel, Masks, MaskShapes, States
from fscompress.model.cells import Cell, State, cell_class
from fscompress.model.cells.base import GATES
from fscompress.model.config import ModelConfig
from fscompress.wiring import Place


class CellNetwork(ByteModel):
    """Cells that are updated one after the other within each time step.

    ``cells`` is in order of computation, ``places`` too; ``read_groups`` are the groups whose outputs, side by side,
    are read out.  The input of a cell has the embedded byte first, then the output of its source.

    Args:
        config: the shape and with it the wiring; its cell is at every place, of its rank and with its gates.
    Raises:
        RefusedError: an unknown cell, or a rank that is not below both sides of each cell's matrix.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        cls, wiring = cell_class(config.cell), config.wiring
        self.sizes, self.places, self.read_groups = wiring.sizes, wiring.places, tuple(wiring.read_groups)
        self.embedding = self.make_embedding()
        self.cells = nn.ModuleList(cls(self._input_size(place), self.sizes[place.group]) for place in self.places)
        self.output = self.make_output(wiring.read_width)
        for i in range(len(self.places)):
            self.cell(i).gates = GATES[config.gates]
            if config.rank:
                self.cell(i).factorise(config.rank)

    def _input_size(self, place: Place) -> int:
        source = 0 if place.source is None else self.sizes[place.source]
        return source + (self.config.embedding_size if place.reads_byte else 0)

    def cell(self, index: int) -> Cell:
        """The cell at that place of the order of computation, typed."""
        cell = self.cells[index]
        assert isinstance(cell, Cell)
        return cell

    def cell_matrices(self) -> dict[str, nn.Parameter]:
        """See ``ByteModel.cell_matrices``."""
        n_cells = len(self.places)
        return {f"cells.{i}.{name}": p for i in range(n_cells) for name, p in self.cell(i).trained().items()}

    def initial_state(self, batch: int) -> States:
        """See ``ByteModel.initial_state``."""
        n = self.cell(0).n_states
        return tuple(tuple(torch.zeros(batch, size, device=self.device) for _ in range(n)) for size in self.sizes)

    def mask_shapes(self) -> MaskShapes:
        """See ``ByteModel.mask_shapes``."""
        return MaskShapes(
            {i: self.sizes[place.source] for i, place in enumerate(self.places) if place.source is not None},
            self.output.in_features,
            [(self.cell(i).hidden_size, self.cell(i).n_states) for i in range(len(self.places))],
        )

    def step(self, embedded: Tensor, current: list[State], masks: Masks, t: int) -> list[State]:
        """The states after each cell of step ``t``, whose embedded byte is [B, E]; ``current`` becomes the newest."""
        after = []
        for i, place in enumerate(self.places):
            inputs = [embedded] if place.reads_byte else []
            if place.source is not None:
                x = current[place.source][0]
                inputs.append(x * masks.inputs[i][t] if i in masks.inputs else x)
            joint = torch.cat(inputs, dim=1) if inputs else None
            current[place.group] = self.cell(i)(joint, current[place.group], masks.keep_at(i, t))
            after.append(current[place.group])
        return after

    def hidden(self, current: Sequence[State]) -> Tensor:
        """What is read out of the states, [B, out]."""
        return torch.cat([current[group][0] for group in self.read_groups], dim=1)

    def forward(self, tokens: Tensor, states: States, masks: Masks | None = None) -> tuple[Tensor, States]:
        """See ``ByteModel.forward``."""
        masks = masks or self.draw_masks(tokens.shape[0], tokens.shape[1], None)
        current, outputs = list(states), []
        for t, embedded in enumerate(self.embed(tokens, masks)):
            self.step(embedded, current, masks, t)
            outputs.append(self.hidden(current))
        return self.read_out(torch.stack(outputs), masks), tuple(current)
