"""Muon: orthogonal updates, gate by gate; Adam for what is no matrix of a cell; refused where it does not apply."""

import dataclasses

import pytest
import torch

from fscompress.errors import RefusedError
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.training.config import ADAM, MUON, TrainConfig, preset
from fscompress.training.optimisers import make_optimiser, orthogonalised

MODEL = ModelConfig(8, 12, 2, 6)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 16, 40), (2, 40, 16), (1, 32, 32)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_singular_values_come_near_one_and_directions_stay(shape, scale):
    matrices = random(*shape) * scale
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    got = orthogonalised(matrices)
    assert got.shape == matrices.shape
    between = u.mT @ got @ v.mT  # diagonal, if only the singular values changed
    values = between.diagonal(dim1=-2, dim2=-1)
    assert values.max() < 1.3
    assert values.median() > 0.6
    torch.testing.assert_close(between, torch.diag_embed(values), atol=1e-4, rtol=0)


def test_no_gradient_moves_nothing():
    assert torch.equal(orthogonalised(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


@pytest.mark.parametrize("rank", [0, 4])
def test_a_gate_moves_whatever_the_gradients_of_the_others(rank):
    model = build_model(dataclasses.replace(MODEL, rank=rank))
    optimiser = make_optimiser(model, MUON, 0.01)
    cell = model.cell(0)
    matrix = cell.left if rank else cell.weight
    moves = []
    for loud in (1.0, 1000.0):
        before, size = matrix.detach().clone(), cell.hidden_size
        for parameter in model.parameters():
            parameter.grad = random(*parameter.shape)
        matrix.grad[:size] *= loud
        optimiser.state.clear()
        optimiser.step()
        moves.append(matrix.detach() - before)
    torch.testing.assert_close(moves[0], moves[1], atol=1e-5, rtol=1e-3)


def test_matrices_move_along_nesterovs_momentum():
    """m = 0.95 m + 0.05 g, and each gate moves by what 0.95 m + 0.05 g makes, scaled by its larger side."""
    model, rate = build_model(MODEL), 0.01
    optimiser, matrix = make_optimiser(model, MUON, rate), model.cell(1).weight
    n_gates, rows, columns = 4, 12, 20
    assert matrix.shape == (n_gates * rows, columns)
    momentum, expected = torch.zeros_like(matrix), matrix.detach().clone()
    for step in range(3):
        for parameter in model.parameters():
            parameter.grad = random(*parameter.shape, seed=step)
        momentum = 0.95 * momentum + 0.05 * matrix.grad
        ahead = 0.95 * momentum + 0.05 * matrix.grad
        update = torch.cat([orthogonalised(gate[None])[0] for gate in ahead.split(rows)])
        expected = expected - rate * 0.2 * columns**0.5 * update
        optimiser.step()
    torch.testing.assert_close(matrix.detach(), expected, atol=1e-5, rtol=1e-4)


def test_updates_are_of_adams_size_and_adam_moves_the_rest():
    both, alone = (build_model(MODEL) for _ in range(2))
    alone.load_state_dict(both.state_dict())
    before = {name: p.detach().clone() for name, p in both.named_parameters()}
    for model, name in ((both, MUON), (alone, ADAM)):
        for parameter in model.parameters():
            parameter.grad = random(*parameter.shape)
        make_optimiser(model, name, 0.01).step()
    matrices = both.cell_matrices()
    for (name, parameter), by_adam in zip(both.named_parameters(), alone.parameters(), strict=True):
        if name in matrices:
            moved = (parameter - before[name]).square().mean().sqrt()
            assert 0.5 * 0.2 * 0.01 < moved < 1.5 * 0.2 * 0.01
        else:
            assert torch.equal(parameter, by_adam), name


def test_refused_where_it_does_not_apply():
    with pytest.raises(RefusedError, match="has none of its own"):
        make_optimiser(build_model(preset("torch-lstm").model), MUON, 0.01)
    with pytest.raises(RefusedError, match="sparsity goes with adam"):
        TrainConfig(optimiser=MUON, sparsity=0.5)
    with pytest.raises(RefusedError, match="unknown optimiser 'sgd'"):
        TrainConfig(optimiser="sgd")
