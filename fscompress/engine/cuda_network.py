"""A model's tensors on a device, and the step of all its cells as one function of tensors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fscompress.engine import arithmetic as q
from fscompress.engine.cuda_arithmetic import ROOT_BITS, Norm, State, Tables, hidden8, lstm_step, sum_tree
from fscompress.engine.cuda_products import FloatProduct, IntProduct, ProductClass, padded_columns
from fscompress.engine.spec import FAST, I8, N_GATES, SLOW, IntegerCell, IntegerModel

States = tuple[State, State]  # of the fast cells, of the slow cell


@dataclass(frozen=True)
class Cell:
    """An LSTM cell: its product reads the h8 of the groups ``sources`` side by side; ``group`` is that of its state."""

    sources: tuple[int, ...]
    group: int
    product: IntProduct | FloatProduct
    multiplier: Tensor
    gates: Norm
    norm: Norm
    keep: tuple[int, int]


class Network:
    """What all blocks of one model share on a device; read-only, so threads may share it.

    Args:
        product: makes the matrix products.
    """

    def __init__(self, model: IntegerModel, device: torch.device, product: ProductClass) -> None:
        self._device, self._product, self._sizes = device, product, (model.fast_size, model.slow_size)
        sources = {1: (FAST, SLOW), 2: (SLOW, FAST)}
        self.cells = [self._cell(cell, sources.get(i, (FAST,))) for i, cell in enumerate(model.cells)]
        self._table = self._tensor(model.table)
        self._output = self._product_of(model.output, (FAST,))
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

    def _cell(self, cell: IntegerCell, sources: tuple[int, ...]) -> Cell:
        epsilon, gain, bias = self._tensor(cell.epsilon[:, None]), self._tensor(cell.gain), self._tensor(cell.bias)
        return Cell(
            sources=sources,
            group=sources[-1],  # the columns of its own state are the last ones
            product=self._product_of(cell.weight, sources),
            multiplier=self._tensor(cell.multiplier),
            gates=Norm(epsilon[:N_GATES], gain[:N_GATES], bias[:N_GATES]),
            norm=Norm(epsilon[N_GATES], gain[N_GATES], bias[N_GATES]),
            keep=(int(cell.keep[0]), int(cell.keep[1])),
        )

    def initial_states(self, rows: int) -> States:
        """The model's initial state in each of so many rows, in memory of its own."""
        (fast_h, fast_c), (slow_h, slow_c) = ([member.repeat(rows, 1) for member in state] for state in self._initial)
        return State(fast_h, fast_c, hidden8(fast_h)), State(slow_h, slow_c, hidden8(slow_h))

    def step(self, symbols: Tensor, states: States) -> tuple[States, Tensor]:
        """New states and sum trees int32 [M, 512] of lanes that have read ``symbols`` uint8 [M]."""
        current = list(states)
        for index, cell in enumerate(self.cells):
            z = torch.cat([current[group].h8 for group in cell.sources], dim=1)
            x = cell.product(z) * cell.multiplier >> q.PRODUCT_SHIFT
            if index == 0:
                x = x + self._table[symbols.long()]
            current[cell.group] = lstm_step(x, current[cell.group], cell.gates, cell.norm, cell.keep, self._tables)
        return (current[FAST], current[SLOW]), self.read_out(current[FAST])

    def read_out(self, fast: State) -> Tensor:
        """Sum trees int32 [M, 512] from the state of the fast cells."""
        logits = (self._output(fast.h8) * self._multiplier >> self._shift) + self._bias
        return sum_tree(logits, self._tables.exp2)
