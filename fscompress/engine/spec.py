"""The integer model: its tensors, checked and certified.  What ``docs/INTEGER.md`` calls the model.

In: tensors from a model file or from ``export``.  Out: an ``IntegerModel`` of which every bound of the contract is
proved for every row, so that no engine can overflow on it whatever bytes it reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.kinds import KINDS, LSTM, CellKind
from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.wiring import Place, Wiring

Array = npt.NDArray[np.generic]
I8 = npt.NDArray[np.int8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
IntegerState = tuple[I32, ...]  # h, or h and c, int32 [H] each

N_GATES = 4  # f, i, o, g
BLOCK_ROWS = 1024  # of a product of int8 matrices at a time, which bounds its memory


@dataclass(frozen=True)
class IntegerCell:
    """A cell in integers; H units, ``in`` input columns before the H columns of its own state; G, N, ... of its kind.

    ``weight`` int8 [GH, in + H], |w| <= 63; ``multiplier`` int32 [GH] > 0, applied before ``>> shift``; ``table`` int32
    [256, GH], the product of each byte value, of no rows where the cell does not read the byte; ``epsilon`` int64
    [norms] (f, i, o, g, cell); ``gain`` (Q27) int32 [norms, H]; ``bias`` (Q9) int32 [biases, H]; ``keep`` int32
    [members], zoneout of h and c (Q15); ``scalars`` int32 [scalars] (Q15).
    """

    weight: I8
    multiplier: I32
    table: I32
    epsilon: I64
    gain: I32
    bias: I32
    keep: I32
    shift: int = q.PRODUCT_SHIFT
    scalars: I32 = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass(frozen=True)
class IntegerModel:
    """A recurrent network in integers; model scheme 1 is that of an FS-LSTM.

    ``cells`` are of the ``kind`` of that name (``kinds.KINDS``), at the places of ``wiring``; ``output`` int8 [256,
    units read out] with multiplier, bias int32 [256] and shift; ``sigmoid``, ``tanh`` int16 [8192]; ``exp2`` int32
    [1024]; ``initial`` the state of each group that a lane starts from; ``canary`` uint8 [256]; ``id`` sha256 of the
    model file.
    """

    name: str
    id: bytes
    metadata: Mapping[str, str]
    kind: str
    wiring: Wiring
    cells: tuple[IntegerCell, ...]
    output: I8
    output_multiplier: I32
    output_bias: I32
    output_shift: int
    sigmoid: I16
    tanh: I16
    exp2: I32
    initial: tuple[IntegerState, ...]
    canary: npt.NDArray[np.uint8]
    canary_hash: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """H of each group of states."""
        return self.wiring.sizes

    @property
    def cell_kind(self) -> CellKind:
        """What each cell has."""
        return KINDS[self.kind]

    @property
    def is_fs_lstm(self) -> bool:
        """Whether it is the network of model scheme 1, for which there are kernels of whole steps."""
        return self.kind == LSTM and self.wiring.is_fs_rnn

    @property
    def n_weights(self) -> int:
        """Matrix elements used a step (the embedding and its products are tables)."""
        return sum(cell.weight.size for cell in self.cells) + self.output.size

    def __post_init__(self) -> None:
        check_wiring(self.name, self.wiring)
        if len(self.cells) != len(self.wiring.places):
            what = f"model '{self.name}': {len(self.cells)} cells, expected {len(self.wiring.places)}"
            raise broken_model(ModelRule.SHAPE, what)
        for i, (cell, place) in enumerate(zip(self.cells, self.wiring.places, strict=True)):
            self._check_cell(f"cell {i}", cell, place)
        self._check_output()
        limits = (1 << q.HIDDEN_Q, q.X_MAX)[: self.cell_kind.members]
        for state, size in zip(self.initial, self.sizes, strict=True):
            for member, limit in zip(state, limits, strict=True):
                self._shape("initial state", member, (size,), -limit, limit)
        self._shape("canary", self.canary, (q.CANARY_STEPS,), 0, 255)
        self._certify()

    def _shape(self, what: str, array: Array, shape: tuple[int, ...], low: int, high: int) -> None:
        check_array(f"model '{self.name}': {what}", array, shape, low, high)

    def _check_cell(self, name: str, cell: IntegerCell, place: Place) -> None:
        top, one, kind, size = q.MULTIPLIER_MAX, 1 << q.PROBABILITY_Q, self.cell_kind, self.sizes[place.group]
        rows = kind.gates * size
        self._shape(f"{name} weight", cell.weight, (rows, self.wiring.width(place)), -q.WEIGHT_MAX, q.WEIGHT_MAX)
        self._shape(f"{name} multiplier", cell.multiplier, (rows,), 1, top)
        self._shape(f"{name} table", cell.table, (256 if place.reads_byte else 0, rows), -q.X_MAX, q.X_MAX)
        self._shape(f"{name} epsilon", cell.epsilon, (kind.norms,), 1, 1 << 48)
        self._shape(f"{name} gain", cell.gain, (kind.norms, size), -top, top)
        self._shape(f"{name} bias", cell.bias, (kind.biases, size), -(1 << 20), 1 << 20)
        self._shape(f"{name} keep", cell.keep, (kind.members,), 0, one)
        self._shape(f"{name} scalars", cell.scalars, (kind.scalars,), 0, one)
        lowest = q.PRODUCT_SHIFT if kind.norms else q.LOWEST_SHIFT
        self._within(f"{name} shift", cell.shift, range(lowest, q.PRODUCT_SHIFT + 1))

    def _within(self, what: str, value: int, allowed: range, rule: ModelRule = ModelRule.VALUE) -> None:
        if value not in allowed:
            what = f"model '{self.name}': {what} {value} is not in {allowed.start}..{allowed.stop - 1}"
            raise broken_model(rule, what)

    def _check_output(self) -> None:
        top, unit = q.MULTIPLIER_MAX, 1 << q.PROBABILITY_Q
        self._shape("output weight", self.output, (256, self.wiring.read_width), -q.WEIGHT_MAX, q.WEIGHT_MAX)
        self._shape("output multiplier", self.output_multiplier, (256,), 1, top)
        self._shape("output bias", self.output_bias, (256,), -(1 << 24), 1 << 24)
        shifts = range(q.LOWEST_SHIFT, q.PRODUCT_SHIFT + 1)
        self._within("output shift", self.output_shift, shifts, ModelRule.METADATA)
        self._shape("sigmoid table", self.sigmoid, (q.TABLE_SIZE,), 0, unit - 1)
        self._shape("tanh table", self.tanh, (q.TABLE_SIZE,), -unit + 1, unit - 1)
        self._shape("exp2 table", self.exp2, (q.EXP2_SIZE,), 1, 1 << q.EXP2_BITS)

    def _certify(self) -> None:
        """Proves |x| <= 2**24 - 1 for every row and every state, and |logit| < 2**30 (INTEGER.md, Bounds)."""
        for i, cell in enumerate(self.cells):
            reach = q.HIDDEN_MAX * np.abs(cell.weight).sum(axis=1, dtype=np.int64)
            x = (reach * cell.multiplier >> cell.shift) + 1
            x += np.maximum(cell.table.max(axis=0, initial=0), -cell.table.min(axis=0, initial=0).astype(np.int64))
            if int(x.max()) > q.X_MAX:
                what = f"model '{self.name}': cell {i} can reach {int(x.max())}, above {q.X_MAX}"
                raise broken_model(ModelRule.CELL_BOUND, what)
        reach = q.HIDDEN_MAX * np.abs(self.output).sum(axis=1, dtype=np.int64)
        logit = (reach * self.output_multiplier >> self.output_shift) + 1 + np.abs(self.output_bias.astype(np.int64))
        if int(logit.max()) >= 1 << 30:
            what = f"model '{self.name}': a logit can reach {int(logit.max())}, above 2**30"
            raise broken_model(ModelRule.LOGIT_BOUND, what)


def check_wiring(name: str, wiring: Wiring) -> None:
    """Raises ModelFileError unless it has places, sizes are in bounds, and what is read stands side by side."""
    n_groups, n_cells = len(wiring.sizes), len(wiring.places)
    sizes = ", ".join(map(str, wiring.sizes))
    if not (1 <= n_cells <= q.MAX_CELLS and 1 <= n_groups <= q.MAX_CELLS):
        what = f"model '{name}': {n_cells} cells or {n_groups} groups of states are out of range"
        raise broken_model(ModelRule.SHAPE, what)
    if not all(1 <= size <= q.MAX_SIZE for size in wiring.sizes):
        raise broken_model(ModelRule.SHAPE, f"model '{name}': states of {sizes} units are out of range")
    for i, place in enumerate(wiring.places):
        beside = place.source is None or (place.source in range(n_groups) and abs(place.source - place.group) == 1)
        if place.group not in range(n_groups) or not beside or (i == 0 and not place.reads_byte):
            raise broken_model(ModelRule.VALUE, f"model '{name}': cell {i} has an impossible place")
    read = wiring.read_groups
    if not 0 <= read.start < read.stop <= n_groups:
        raise broken_model(ModelRule.VALUE, f"model '{name}': it reads out groups that it has not")
    if wiring.read_width > q.MAX_COLUMNS:
        what = f"model '{name}': {wiring.read_width} units are read out, more than {q.MAX_COLUMNS}"
        raise broken_model(ModelRule.SHAPE, what)


def check_array(what: str, array: Array, shape: tuple[int, ...], low: int, high: int) -> None:
    """Raises ModelFileError unless ``array`` has that shape and no value outside ``low``..``high``."""
    check_shape(what, array, shape)
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise broken_model(ModelRule.VALUE, f"{what} leaves its bounds [{low}, {high}]")


def check_shape(what: str, array: Array, shape: tuple[int, ...]) -> None:
    """Raises ModelFileError unless ``array`` has that shape."""
    if array.shape != shape:
        raise broken_model(ModelRule.SHAPE, f"{what} has shape {array.shape}, expected {shape}")


def input_table(embedding: I8, weight: I8, multiplier: I32, shift: int = q.PRODUCT_SHIFT) -> I32:
    """The input product of a cell for each byte value: int32 [256, GH].

    Args:
        embedding: int8 [256, E]; weight: int8 [GH, E], |w| <= 63; multiplier: int32 [GH]; shift: that of the cell.
    """
    table = np.empty((256, len(weight)), np.int32)
    for rows, sums in int8_products(weight, embedding.T):
        x = sums * multiplier[rows, None].astype(np.int64) >> shift
        table[:, rows] = np.clip(x, -(1 << 31), (1 << 31) - 1).T
    return table


def int8_products(left: I8, right: I8) -> Iterator[tuple[slice, I64]]:
    """``left @ right`` of int8 [N, R] and [R, K], R <= 4096, in blocks: rows, and their sums int64 [rows, K].

    |sum| <= 4096 * 2^14 = 2^26, so float64, which BLAS multiplies fast, is exact in any order.
    """
    columns = right.astype(np.float64)
    for start in range(0, len(left), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        yield rows, (left[rows].astype(np.float64) @ columns).astype(np.int64)
