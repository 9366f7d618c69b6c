"""The integer model: its tensors, checked and certified.  What ``docs/INTEGER.md`` calls the model.

In: tensors from a model file or from ``export``.  Out: an ``IntegerModel`` of which every bound of the contract is
proved for every row, so that no engine can overflow on it whatever bytes it reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.model_rules import ModelRule, broken_model

Array = npt.NDArray[np.generic]
I8 = npt.NDArray[np.int8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

N_GATES = 4  # f, i, o, g
FAST, SLOW = 0, 1


@dataclass(frozen=True)
class IntegerCell:
    """An LSTM cell in integers; H units, ``in`` input columns before the H columns of its own state.

    ``weight`` int8 [4H, in + H], |w| <= 63; ``multiplier`` int32 [4H] > 0; ``epsilon`` int64 [5] (f, i, o, g, cell);
    ``gain`` (Q27) and ``bias`` (Q9) int32 [5, H]; ``keep`` int32 [2], zoneout of h and c (Q15).
    """

    weight: I8
    multiplier: I32
    epsilon: I64
    gain: I32
    bias: I32
    keep: I32

    @property
    def size(self) -> int:
        """H."""
        return len(self.weight) // N_GATES


@dataclass(frozen=True)
class IntegerModel:
    """An FS-LSTM in integers.

    ``cells`` in order of computation F1, S, F2..Fk (F1 without input columns); ``table`` int32 [256, 4F], the first
    cell's input product for each byte value; ``output`` int8 [256, F] with multiplier, bias int32 [256] and shift;
    ``sigmoid``, ``tanh`` int16 [8192]; ``exp2`` int32 [1024]; ``initial`` the states (h, c) of int32 [F] and [S] that
    a lane starts from; ``canary`` uint8 [256]; ``id`` sha256 of the model file.
    """

    name: str
    id: bytes
    metadata: Mapping[str, str]
    cells: tuple[IntegerCell, ...]
    table: I32
    output: I8
    output_multiplier: I32
    output_bias: I32
    output_shift: int
    sigmoid: I16
    tanh: I16
    exp2: I32
    initial: tuple[tuple[I32, I32], tuple[I32, I32]]
    canary: npt.NDArray[np.uint8]
    canary_hash: str

    @property
    def fast_size(self) -> int:
        """F."""
        return self.cells[0].size

    @property
    def slow_size(self) -> int:
        """S."""
        return self.cells[1].size

    @property
    def n_weights(self) -> int:
        """Matrix elements used a step (the embedding and its product are a table)."""
        return sum(cell.weight.size for cell in self.cells) + self.output.size

    def __post_init__(self) -> None:
        if len(self.cells) < 3 or any(cell.weight.ndim != 2 for cell in self.cells):
            what = f"model '{self.name}': {len(self.cells)} cells, or a weight of a shape that is no matrix"
            raise broken_model(ModelRule.SHAPE, what)
        f, s = self.fast_size, self.slow_size
        if not 1 <= f <= q.MAX_SIZE or not 1 <= s <= q.MAX_SIZE:
            what = f"model '{self.name}': {len(self.cells)} cells of {f} and {s} units are out of range"
            raise broken_model(ModelRule.SHAPE, what)
        widths = [f, f + s, f + s] + [f] * (len(self.cells) - 3)
        sizes = [f, s, f] + [f] * (len(self.cells) - 3)
        for i, (cell, width, size) in enumerate(zip(self.cells, widths, sizes, strict=True)):
            self._check_cell(i, cell, width, size)
        self._check_output(f)
        for (h, c), size in zip(self.initial, (f, s), strict=True):
            self._shape("initial state", h, (size,), -(1 << q.HIDDEN_Q), 1 << q.HIDDEN_Q)
            self._shape("initial state", c, (size,), -q.X_MAX, q.X_MAX)
        self._shape("canary", self.canary, (q.CANARY_STEPS,), 0, 255)
        self._certify()

    def _shape(self, what: str, array: Array, shape: tuple[int, ...], low: int, high: int) -> None:
        check_array(f"model '{self.name}': {what}", array, shape, low, high)

    def _check_cell(self, i: int, cell: IntegerCell, width: int, size: int) -> None:
        top = q.MULTIPLIER_MAX
        self._shape(f"cell {i} weight", cell.weight, (N_GATES * size, width), -q.WEIGHT_MAX, q.WEIGHT_MAX)
        self._shape(f"cell {i} multiplier", cell.multiplier, (N_GATES * size,), 1, top)
        self._shape(f"cell {i} epsilon", cell.epsilon, (N_GATES + 1,), 1, 1 << 48)
        self._shape(f"cell {i} gain", cell.gain, (N_GATES + 1, size), -top, top)
        self._shape(f"cell {i} bias", cell.bias, (N_GATES + 1, size), -(1 << 20), 1 << 20)
        self._shape(f"cell {i} keep", cell.keep, (2,), 0, 1 << q.PROBABILITY_Q)

    def _check_output(self, f: int) -> None:
        top, unit = q.MULTIPLIER_MAX, 1 << q.PROBABILITY_Q
        self._shape("table", self.table, (256, N_GATES * f), -q.X_MAX, q.X_MAX)
        self._shape("output weight", self.output, (256, f), -q.WEIGHT_MAX, q.WEIGHT_MAX)
        self._shape("output multiplier", self.output_multiplier, (256,), 1, top)
        self._shape("output bias", self.output_bias, (256,), -(1 << 24), 1 << 24)
        if not 16 <= self.output_shift <= q.PRODUCT_SHIFT:
            what = f"model '{self.name}': output shift {self.output_shift} is not in 16..32"
            raise broken_model(ModelRule.METADATA, what)
        self._shape("sigmoid table", self.sigmoid, (q.TABLE_SIZE,), 0, unit - 1)
        self._shape("tanh table", self.tanh, (q.TABLE_SIZE,), -unit + 1, unit - 1)
        self._shape("exp2 table", self.exp2, (q.EXP2_SIZE,), 1, 1 << q.EXP2_BITS)

    def _certify(self) -> None:
        """Proves |x| <= 2**24 - 1 for every row and every state, and |logit| < 2**30 (INTEGER.md, Bounds)."""
        for i, cell in enumerate(self.cells):
            reach = q.HIDDEN_MAX * np.abs(cell.weight.astype(np.int64)).sum(axis=1)
            x = (reach * cell.multiplier >> q.PRODUCT_SHIFT) + 1
            x += np.abs(self.table.astype(np.int64)).max(axis=0) if i == 0 else 0
            if int(x.max()) > q.X_MAX:
                what = f"model '{self.name}': cell {i} can reach {int(x.max())}, above {q.X_MAX}"
                raise broken_model(ModelRule.CELL_BOUND, what)
        reach = q.HIDDEN_MAX * np.abs(self.output.astype(np.int64)).sum(axis=1)
        logit = (reach * self.output_multiplier >> self.output_shift) + 1 + np.abs(self.output_bias.astype(np.int64))
        if int(logit.max()) >= 1 << 30:
            what = f"model '{self.name}': a logit can reach {int(logit.max())}, above 2**30"
            raise broken_model(ModelRule.LOGIT_BOUND, what)


def check_array(what: str, array: Array, shape: tuple[int, ...], low: int, high: int) -> None:
    """Raises ModelFileError unless ``array`` has that shape and no value outside ``low``..``high``."""
    if array.shape != shape:
        raise broken_model(ModelRule.SHAPE, f"{what} has shape {array.shape}, expected {shape}")
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise broken_model(ModelRule.VALUE, f"{what} leaves its bounds [{low}, {high}]")


def input_table(embedding: I8, weight: I8, multiplier: I32) -> I32:
    """The first cell's input product for each byte value: int32 [256, 4F].

    Args:
        embedding: int8 [256, E]; weight: int8 [4F, E], |w| <= 63; multiplier: int32 [4F].
    """
    accumulator = embedding.astype(np.int64) @ weight.astype(np.int64).T
    x = accumulator * multiplier.astype(np.int64) >> q.PRODUCT_SHIFT
    table: I32 = np.clip(x, -(1 << 31), (1 << 31) - 1).astype(np.int32)
    return table
