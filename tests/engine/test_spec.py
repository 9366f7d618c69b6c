"""The certificate: every tensor one step beyond its bound, or of another shape, is refused; at the bound it is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fscompress.engine import IntegerModel
from fscompress.engine import arithmetic as q
from fscompress.engine.spec import BLOCK_ROWS, input_table
from fscompress.errors import ModelFileError
from fscompress.wiring import fs_rnn
from tests.helpers import synthetic, tiny, with_cell

Array = npt.NDArray[Any]
MODEL = synthetic(8, 6, 3)
TOP = (1 << 31) - 1


def one(array: Array, value: int) -> Array:
    """A copy whose last member is ``value``; of a wider type where its own cannot hold that."""
    changed = array.astype(np.int64)
    changed.flat[-1] = value
    return changed


def state(index: int, member: int, value: int) -> IntegerModel:
    initial = [list(pair) for pair in MODEL.initial]
    initial[index][member] = one(initial[index][member], value)
    return replace(MODEL, initial=tuple(tuple(pair) for pair in initial))  # type: ignore[arg-type]


def of_cell(key: str, low: int, high: int, quiet: bool = False) -> list[Any]:
    """A cell's tensor with one value of ours; ``quiet`` cells have no weights that could break another bound."""

    def change(cell: int, value: int) -> IntegerModel:
        silent = {"weight": np.zeros_like(MODEL.cells[cell].weight)} if quiet else {}
        return with_cell(MODEL, cell, **silent, **{key: one(getattr(MODEL.cells[cell], key), value)})

    return [
        pytest.param(lambda value, cell=cell: change(cell, value), low, high, id=f"{key}-{cell}")
        for cell in range(len(MODEL.cells))
    ]


def of_model(key: str, low: int, high: int, **others: Any) -> list[Any]:
    def change(value: int) -> IntegerModel:
        return replace(MODEL, **others, **{key: one(getattr(MODEL, key), value)})

    return [pytest.param(change, low, high, id=key)]


RANGES = [
    *of_cell("weight", -q.WEIGHT_MAX, q.WEIGHT_MAX),
    *of_cell("multiplier", 1, TOP, quiet=True),
    *of_cell("epsilon", 1, 1 << 48),
    *of_cell("gain", -TOP, TOP),
    *of_cell("bias", -(1 << 20), 1 << 20),
    *of_cell("keep", 0, 1 << 15),
    *of_model("output", -q.WEIGHT_MAX, q.WEIGHT_MAX),
    *of_model("output_multiplier", 1, TOP, output=np.zeros_like(MODEL.output)),
    *of_model("output_bias", -(1 << 24), 1 << 24),
    *of_model("sigmoid", 0, (1 << 15) - 1),
    *of_model("tanh", 1 - (1 << 15), (1 << 15) - 1),
    *of_model("exp2", 1, 1 << q.EXP2_BITS),
    *(pytest.param(lambda v, i=i: state(i, 0, v), -(1 << 14), 1 << 14, id=f"initial h {i}") for i in (0, 1)),
    *(pytest.param(lambda v, i=i: state(i, 1, v), -q.X_MAX, q.X_MAX, id=f"initial c {i}") for i in (0, 1)),
]


@pytest.mark.parametrize(("change", "low", "high"), RANGES)
def test_bounds(change: Callable[[int], IntegerModel], low: int, high: int) -> None:
    change(low)
    change(high)
    for beyond in (low - 1, high + 1):
        with pytest.raises(ModelFileError, match="leaves its bounds"):
            change(beyond)


@pytest.mark.parametrize("key", ["weight", "multiplier", "table", "epsilon", "gain", "bias", "keep", "scalars"])
def test_shapes_of_a_cell(key: str) -> None:
    for cell in range(len(MODEL.cells)):
        tensor = getattr(MODEL.cells[cell], key)
        others = (tensor[:-1], np.concatenate((tensor, tensor)), tensor[..., None], tensor[:0])
        for wrong in (other for other in others if other.shape != tensor.shape):
            with pytest.raises(ModelFileError, match=f"cell {cell} {key} has shape"):
                with_cell(MODEL, cell, **{key: wrong})


@pytest.mark.parametrize("key", ["output", "output_multiplier", "output_bias", "sigmoid", "tanh", "exp2", "canary"])
def test_shapes_of_the_model(key: str) -> None:
    tensor = getattr(MODEL, key)
    for wrong in (tensor[:-1], tensor[..., None], tensor[:0]):
        with pytest.raises(ModelFileError, match=f"{key.replace('_', ' ').split()[0]}.* has shape"):
            replace(MODEL, **{key: wrong})


def test_number_and_sizes_of_cells() -> None:
    with pytest.raises(ModelFileError, match="2 cells"):
        replace(MODEL, cells=MODEL.cells[:2])
    for size in (0, 4097):
        with pytest.raises(ModelFileError, match=rf"{size} .*out of range"):
            replace(MODEL, wiring=fs_rnn(8, size, 3))


@pytest.mark.parametrize("shift", [-1, 0, 15, 33])
def test_output_shift(shift: int) -> None:
    with pytest.raises(ModelFileError, match=f"output shift {shift}"):
        replace(MODEL, output_shift=shift)


@pytest.mark.parametrize("cell", range(4))
def test_certificate_of_products(cell: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest multiplier that keeps |x| in bounds passes, the next does not; a low bound keeps the model small."""
    monkeypatch.setattr(q, "X_MAX", 20_000)
    still = tuple((np.zeros_like(h), np.zeros_like(c)) for h, c in MODEL.initial)
    quiet = (
        replace(each, multiplier=np.ones_like(each.multiplier), table=np.zeros_like(each.table)) for each in MODEL.cells
    )
    model = replace(MODEL, cells=tuple(quiet), initial=still)  # type: ignore[arg-type]
    weight = np.full_like(MODEL.cells[cell].weight, -63)
    reach = 127 * 63 * weight.shape[1]
    largest = ((q.X_MAX << 32) - 1) // reach
    assert (reach * largest >> 32) + 1 == q.X_MAX < (reach * (largest + 1) >> 32) + 1
    multiplier = np.ones_like(MODEL.cells[cell].multiplier)
    with_cell(model, cell, weight=weight, multiplier=one(multiplier, largest))
    with pytest.raises(ModelFileError, match=f"cell {cell} can reach {q.X_MAX + 1}, above {q.X_MAX}"):
        with_cell(model, cell, weight=weight, multiplier=one(multiplier, largest + 1))


def test_certificate_of_the_first_cell_adds_its_table() -> None:
    cell = MODEL.cells[0]
    reach = 127 * np.abs(cell.weight.astype(np.int64)).sum(axis=1) * cell.multiplier >> 32
    table = np.zeros_like(cell.table)
    table[255] = -(q.X_MAX - 1 - reach)
    with_cell(MODEL, 0, table=table)
    with pytest.raises(ModelFileError, match=f"cell 0 can reach {q.X_MAX + 1}"):
        with_cell(MODEL, 0, table=table - (np.arange(256) == 255)[:, None].astype(np.int32))
    with pytest.raises(ModelFileError, match="table leaves its bounds"):
        with_cell(MODEL, 0, table=one(cell.table, q.X_MAX + 1))


def test_certificate_of_logits() -> None:
    steep = np.full(256, TOP, np.int32)
    weight = np.full_like(MODEL.output, 63)
    with pytest.raises(ModelFileError, match="a logit can reach"):
        replace(MODEL, output=weight, output_multiplier=steep, output_shift=16)


def test_input_table() -> None:
    rng = np.random.default_rng(0)
    n = BLOCK_ROWS + 3
    embedding = rng.integers(-128, 128, (256, 5)).astype(np.int8)
    weight = rng.integers(-128, 128, (n, 5)).astype(np.int8)
    multiplier = rng.integers(1, TOP, n).astype(np.int32)
    table = input_table(embedding, weight, multiplier)
    for v in (0, 17, 255):
        for row in (*range(12), *range(BLOCK_ROWS - 1, n)):
            total = sum(int(a) * int(b) for a, b in zip(embedding[v], weight[row], strict=True))
            assert int(table[v, row]) == total * int(multiplier[row]) >> 32


def test_input_table_of_the_longest_rows() -> None:
    """Every sum at its bound."""
    embedding = np.full((256, q.MAX_SIZE), -128, np.int8)
    weight = np.full((2, q.MAX_SIZE), -128, np.int8)
    weight[1] = 127
    table = input_table(embedding, weight, np.full(2, 1 << 30, np.int32))
    assert np.unique(table, axis=0).tolist() == [[q.MAX_SIZE * 128 * 128 >> 2, -q.MAX_SIZE * 128 * 127 >> 2]]


def test_the_trained_model() -> None:
    assert tiny().wiring == fs_rnn(16, 24, 3)
    assert tiny().n_weights == 4 * (16 * 16 + 24 * 40 + 16 * 40 + 16 * 16) + 256 * 16
    assert all(cell.keep.tolist() == [1638, 3277] for cell in tiny().cells)
