"""Training sees the weights that the export will make; the optimiser moves the exact ones."""

import dataclasses

import numpy as np
import pytest
import torch

from fscompress.engine.kinds import GRU
from fscompress.errors import RefusedError
from fscompress.export.cells import quantise_embedding
from fscompress.export.quantise import quantise_rows
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.config import PRESETS
from fscompress.training.rounding import WeightRounding, rounded_rows
from fscompress.training.trainer import LAST
from tests.training.test_trainer import SMALL, fit, make

ROUNDED = dataclasses.replace(SMALL, training=dataclasses.replace(SMALL.training, rounded=True))


def test_rows_are_rounded_as_the_export_does():
    matrix = torch.randn(40, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix[3] *= 100
    matrix[4, 5], matrix[6] = 50, 0
    rows = quantise_rows(matrix.numpy())
    assert np.allclose(rounded_rows(matrix).numpy(), rows.weight * rows.scale[:, None], atol=1e-12)
    matrix[7, 3] = torch.nan
    assert rounded_rows(matrix)[7, 3].isnan()
    assert np.allclose(rounded_rows(matrix)[:7].numpy(), (rows.weight * rows.scale[:, None])[:7], atol=1e-12)


def test_all_matrices_are_rounded_in_place_and_come_back():
    torch.manual_seed(0)
    model = build_model(SMALL.model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with WeightRounding(model, True).in_place():
        inside = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    matrices = {
        name for name, value in before.items() if value.dim() == 2 and "gain" not in name and "bias" not in name
    }
    assert {name for name in before if not torch.equal(before[name], inside[name])} == matrices
    n = SMALL.model.embedding_size
    embedding = quantise_embedding(before["embedding.weight"].double().numpy())
    assert np.allclose(inside["embedding.weight"], embedding.values * embedding.unit, atol=1e-6)
    for name, columns in (
        ("cells.0.weight", slice(0, n)),
        ("cells.0.weight", slice(n, None)),
        ("output.weight", slice(None)),
    ):
        rows = quantise_rows(before[name][:, columns].double().numpy())
        assert np.allclose(inside[name][:, columns], rows.weight * rows.scale[:, None], atol=1e-5)


def test_what_is_not_rounded_is_left_alone():
    model = build_model(SMALL.model)
    before = model.output.weight.detach().clone()
    with WeightRounding(model, False).in_place():
        assert torch.equal(model.output.weight, before)


def test_a_rounded_run_learns_resumes_and_keeps_exact_weights(corpus, tmp_path):
    whole = fit(make(corpus, tmp_path / "a", 60, chosen=ROUNDED))
    first = fit(make(corpus, tmp_path / "b", 60, chosen=ROUNDED), stop_at=23)
    assert first + fit(make(corpus, tmp_path / "b", 60, resume=True, chosen=ROUNDED)) == whole
    assert whole[-1] < 0.8 * whole[0]
    assert whole[0] != fit(make(corpus, tmp_path / "c", 1))[0]
    weight = read_checkpoint(tmp_path / "a" / LAST).weights()["output.weight"]
    assert not torch.equal(weight, rounded_rows(weight))


@pytest.mark.parametrize(
    "model", [ModelConfig(8, 8, 2, 4, cell=GRU), ModelConfig(8, 8, 2, 4, rank=2), PRESETS["torch-lstm"].model]
)
def test_other_matrices_are_refused(model):
    with pytest.raises(RefusedError, match="only networks of cells with whole matrices"):
        WeightRounding(build_model(model), True)
    WeightRounding(build_model(model), False)
