"""Compact export: the smallest form is taken, zeros stay zeros, and what is expanded is near the float matrix."""

import numpy as np
import numpy.typing as npt
import pytest

from fscompress.engine.compact import expand_cell
from fscompress.engine.kinds import KINDS
from fscompress.engine.model_file import parse_model
from fscompress.export import cells
from fscompress.export.compact import Matrices, smallest, stored_size
from fscompress.export.export import ExportSettings, export_model
from fscompress.model.build import build_model
from fscompress.model.config import SEQUENTIAL, ModelConfig

F64 = npt.NDArray[np.float64]
COLUMNS = {"input.weight": 40, "weight": 160}
ROWS = 200


def factors(rank: int, share: float = 0.0) -> tuple[F64, F64]:
    """With that share of zeros, about; columns of different size, as training leaves them."""
    rng = np.random.default_rng(rank)
    left, right = rng.standard_normal((ROWS, rank)), rng.standard_normal((rank, sum(COLUMNS.values())))
    left *= 2.0 ** rng.uniform(-3, 3, rank)
    return left * (rng.random(left.shape) >= share), right * (rng.random(right.shape) >= share)


def check(found: Matrices, matrix: F64) -> None:
    """A reader expands the tensors to the rows, and these are near the matrix."""
    stored = {f"cell.0.{name}": tensor for name, tensor in found.tensors.items()}
    parts = np.split(matrix, [COLUMNS["input.weight"]], axis=1)
    for (name, weight), part in zip(expand_cell(stored, "cell.0.", ROWS, COLUMNS).items(), parts, strict=True):
        rows = found.rows[name.removeprefix("cell.0.")]
        assert np.array_equal(weight, rows.weight)
        error = np.linalg.norm(weight * rows.scale[:, None] - part) / np.linalg.norm(part)
        assert error < 0.025


def test_a_full_matrix_stays_whole() -> None:
    matrix = np.random.default_rng(1).standard_normal((ROWS, sum(COLUMNS.values())))
    found = smallest(matrix, None, COLUMNS)
    assert found.tensors.keys() == COLUMNS.keys()
    check(found, matrix)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_sparse_where_that_is_smaller(share: float) -> None:
    matrix = np.random.default_rng(2).standard_normal((ROWS, sum(COLUMNS.values())))
    matrix[np.random.default_rng(3).random(matrix.shape) < share] = 0.0
    found = smallest(matrix, None, COLUMNS)
    assert ("weight.mask" in found.tensors) == (share > 1 / 8)
    assert found.n_bytes <= matrix.size + 160
    weight = np.concatenate([rows.weight for rows in found.rows.values()], axis=1)
    assert not weight[matrix == 0].any()
    check(found, matrix)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("rank", [1, 20, 60])
def test_low_rank_where_that_is_smaller(rank: int, share: float) -> None:
    left, right = factors(rank, share)
    found = smallest(left @ right, (left, right), COLUMNS)
    assert "factor" in found.tensors
    assert ("left.mask" in found.tensors) == (share > 0 and rank > 1)
    check(found, left @ right)


def test_factors_larger_than_their_product_are_multiplied_out() -> None:
    left, right = factors(150)
    assert smallest(left @ right, (left, right), COLUMNS).tensors.keys() == COLUMNS.keys()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-9, 1e6])
def test_any_factors(scale: float) -> None:
    """Rows of zeros, and products too small for their scale: still what a reader expands."""
    left, right = factors(3)
    left[::2] = 0.0
    found = smallest(scale * left @ right, (scale * left, right), COLUMNS)
    stored = {f"cell.0.{name}": tensor for name, tensor in found.tensors.items()}
    assert np.array_equal(expand_cell(stored, "cell.0.", ROWS, COLUMNS)["cell.0.weight"], found.rows["weight"].weight)
    assert not found.rows["weight"].weight[::2].any()


def test_factors_of_a_gru() -> None:
    """Two products of their own give the blocks of zeros exactly."""
    left, right = np.random.default_rng(4).standard_normal((15, 2)), np.random.default_rng(5).standard_normal((2, 9))
    parted, doubled = cells._gru_factors(left, right)
    np.testing.assert_allclose(parted @ doubled, cells._gru_matrix(left @ right))
    expanded = smallest(parted @ doubled, (parted, doubled), {"input.weight": 2, "weight": 7}).rows["weight"].weight
    assert not expanded[10:15, -5:].any()
    assert not expanded[15:, :-5].any()


@pytest.mark.parametrize("kind", KINDS)
def test_files_shrink_and_are_the_same_again(kind: str) -> None:
    plain, shapes = ExportSettings("test", "", b"primer"), []
    for rank in (0, 6):
        config = ModelConfig(48, 0, 1, 16, cell=kind, architecture=SEQUENTIAL, rank=rank)
        weights = {name: tensor.double().numpy() for name, tensor in build_model(config).state_dict().items()}
        data = export_model(weights, config, plain)
        assert data == export_model(weights, config, plain)
        shapes.append((len(data), parse_model(data).cells[0].weight.shape))
    (whole, shape), (compact, same) = shapes
    assert compact < whole
    assert same == shape


def test_an_fs_lstm_has_scheme_1_unless_its_cells_are_compact() -> None:
    for rank, scheme in ((0, "1"), (3, "2")):
        config = ModelConfig(24, 20, 2, 6, rank=rank)
        weights = {name: tensor.double().numpy() for name, tensor in build_model(config).state_dict().items()}
        model = parse_model(export_model(weights, config, ExportSettings("test", "", b"primer")))
        assert model.metadata["scheme"] == scheme
        assert model.is_fs_lstm


def test_sizes_count_the_header() -> None:
    assert stored_size({"a": np.zeros(7, np.int8), "b": np.zeros(2, np.int32)}) == 7 + 8 + 160
