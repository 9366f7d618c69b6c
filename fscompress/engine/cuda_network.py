"""A model's tensors on a device, and the step of all its cells as one function of tensors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fscompress.engine.cuda_arithmetic import ROOT_BITS, Norm, State, Tables, end_step, hidden8, sum_tree
from fscompress.engine.cuda_cells import STEPS, Constants
from fscompress.engine.cuda_products import FloatProduct, IntProduct, ProductClass, padded_columns
from fscompress.engine.spec import I8, IntegerCell, IntegerModel
from fscompress.wiring import Place

States = tuple[State, ...]  # one for each group of cells


@dataclass(frozen=True)
class Cell:
    """Its product reads the h8 of the groups ``sources`` side by side; ``group`` is that of its state."""

    sources: tuple[int, ...]
    group: int
    product: IntProduct | FloatProduct
    multiplier: Tensor
    shift: int
    table: Tensor | None
    constants: Constants
    keep: list[int]


class Network:
    """What all blocks of one model share on a device; read-only, so threads may share it.

    Args:
        product: makes the matrix products.
    """

    def __init__(self, model: IntegerModel, device: torch.device, product: ProductClass) -> None:
        self._device, self._product, self._sizes = device, product, model.sizes
        self._pointwise = STEPS[model.kind]
        self._read_groups = tuple(model.wiring.read_groups)
        pairs = zip(model.cells, model.wiring.places, strict=True)
        self.cells = [self._cell(cell, place) for cell, place in pairs]
        self._output = self._product_of(model.output, self._read_groups)
        self._multiplier, self._bias = self._tensor(model.output_multiplier), self._tensor(model.output_bias)
        self._shift = model.output_shift
        self._tables = Tables(
            sigmoid=self._tensor(model.sigmoid),
            tanh=self._tensor(model.tanh),
            exp2=self._tensor(model.exp2),
            powers=self._tensor(1 << np.arange(ROOT_BITS)),
        )
        self._initial = [[self._tensor(member) for member in state] for state in model.initial]

    def _tensor(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.array(array, np.int64)).to(self._device)

    def _product_of(self, weight: I8, sources: tuple[int, ...]) -> IntProduct | FloatProduct:
        padded = padded_columns(weight, [self._sizes[group] for group in sources])
        return self._product(torch.from_numpy(padded).to(self._device))

    def _cell(self, cell: IntegerCell, place: Place) -> Cell:
        sources = (place.group,) if place.source is None else (place.source, place.group)
        norm = Norm(self._tensor(cell.epsilon[:, None]), self._tensor(cell.gain), self._tensor(cell.bias))
        return Cell(
            sources=sources,
            group=place.group,
            product=self._product_of(cell.weight, sources),
            multiplier=self._tensor(cell.multiplier),
            shift=cell.shift,
            table=self._tensor(cell.table) if place.reads_byte else None,
            constants=Constants(norm, tuple(cell.scalars.tolist())),
            keep=cell.keep.tolist(),
        )

    def initial_states(self, rows: int) -> States:
        """The model's initial state in each of so many rows, in memory of its own."""
        repeated = [tuple(member.repeat(rows, 1) for member in state) for state in self._initial]
        return tuple(State(members, hidden8(members[0])) for members in repeated)

    def step(self, symbols: Tensor, states: States) -> tuple[States, Tensor]:
        """New states and sum trees int32 [M, 512] of lanes that have read ``symbols`` uint8 [M]."""
        current = list(states)
        for cell in self.cells:
            old = current[cell.group]
            x = cell.product(_side_by_side(current, cell.sources)) * cell.multiplier >> cell.shift
            if cell.table is not None:
                x = x + cell.table[symbols.long()]
            new = self._pointwise(x, old.members, cell.constants, self._tables)
            current[cell.group] = end_step(new, old, cell.keep)
        return tuple(current), self.read_out(current)

    def read_out(self, states: States | list[State]) -> Tensor:
        """Sum trees int32 [M, 512] from the states."""
        logits = self._output(_side_by_side(states, self._read_groups)) * self._multiplier >> self._shift
        return sum_tree(logits + self._bias, self._tables.exp2)


def _side_by_side(states: States | list[State], groups: tuple[int, ...]) -> Tensor:
    """What a product of these groups reads."""
    return torch.cat([states[group].h8 for group in groups], dim=1)
