"""Each cell against its equations: PyTorch's own modules where it has them, else written out by hand."""

import pytest
import torch
from torch import nn

from fscompress.errors import RefusedError
from fscompress.model.build import build_model
from fscompress.model.cells import CELLS
from fscompress.model.cells.base import GATES
from fscompress.model.config import ModelConfig

E, H = 3, 5


def made(name, input_size=E):
    torch.manual_seed(5)
    cell = CELLS[name](input_size, H).double()
    for vector in cell.vectors():
        vector.data += torch.randn_like(vector)
    return cell


def random(width):
    return torch.randn(2, width, dtype=torch.float64)


def test_gru_is_that_of_pytorch():
    cell, x, h = made("gru"), random(E), random(H)
    torch_cell = nn.GRUCell(E, H).double()
    for ours, theirs in ((cell.weight[:, :E], torch_cell.weight_ih), (cell.weight[:, E:], torch_cell.weight_hh)):
        theirs.data[:] = ours
    r, z, by_input, by_state = cell.bias
    torch_cell.bias_ih.data[:] = torch.cat((r, z, by_input))
    torch_cell.bias_hh.data[:] = torch.cat((r * 0, z * 0, by_state))
    torch.testing.assert_close(cell(x, (h,), (None,))[0], torch_cell(x, h))


@pytest.mark.parametrize("input_size", [0, E])
def test_simple_cells_are_their_equations(input_size):
    x, h = (random(E) if input_size else None), random(H)
    joint = h if x is None else torch.cat((x, h), 1)

    cell = made("rnn", input_size)
    torch.testing.assert_close(cell(x, (h,), (None,))[0], torch.tanh(joint @ cell.weight.t() + cell.bias))

    cell = made("fast-rnn", input_size)
    new = torch.tanh(joint @ cell.weight.t() + cell.bias)
    alpha, beta = cell.scalars().values()
    torch.testing.assert_close(cell(x, (h,), (None,))[0], (alpha * new + beta * h).clamp(-1, 1))

    cell = made("fast-grnn", input_size)
    a, (zeta, nu) = joint @ cell.weight.t(), cell.scalars().values()
    z = torch.sigmoid(a + cell.gate_bias)
    expected = (zeta * (1 - z) + nu) * torch.tanh(a + cell.bias) + z * h
    torch.testing.assert_close(cell(x, (h,), (None,))[0], expected.clamp(-1, 1))


def test_a_state_that_gates_hold_open_does_not_drift():
    """By the paper's equations alone h gains nu a step where z is 1, and training did not survive it."""
    cell = made("fast-grnn", 0)
    cell.gate_bias.data.fill_(30.0)
    cell.bias.data.fill_(30.0)
    h = torch.full((3, H), 0.99).double()
    for _ in range(200):
        (h,) = cell(None, (h,), (None,))
    assert (h == 1.0).all()


@pytest.mark.parametrize("name", CELLS)
def test_factors_are_near_the_orthogonal_start(name):
    """And the largest rank but one that is none loses the least singular value alone."""
    cell, rows, columns = made(name), CELLS[name].n_gates * H, E + H
    whole = cell.weight.detach().clone()
    scale = torch.linalg.svdvals(whole)
    cell.factorise(H - 1)
    assert {key: tuple(p.shape) for key, p in cell.trained().items()} == {
        "left": (rows, H - 1),
        "right": (H - 1, columns),
    }
    assert set(cell.trained()) <= set(cell.state_dict())
    assert "weight" not in cell.state_dict()
    torch.testing.assert_close((cell.product() - whole).norm(), scale[H - 1 :].norm())
    for key in ("left", "right"):
        assert cell.trained()[key].requires_grad
        assert cell.trained()[key].is_contiguous()  # else fused Adam errs after a resume
    with pytest.raises(RefusedError, match=f"rank {H} is not below both sides of a cell's {rows} x {H} matrix"):
        made(name, 0).factorise(H)


def test_gru_puts_zeros_into_the_product_of_factors():
    cell, x, h = made("gru"), random(E), random(H)
    cell.factorise(2)
    same = made("gru")
    same.weight.data[:] = cell.product()
    torch.testing.assert_close(cell(x, (h,), (None,))[0], same(x, (h,), (None,))[0])


def test_piecewise_gates_are_the_papers():
    sigmoid, tanh = GATES["piecewise"]
    x = torch.tensor([-9.0, -1.0, -0.5, 0.0, 0.25, 1.0, 9.0])
    assert sigmoid(x).tolist() == [0.0, 0.0, 0.25, 0.5, 0.625, 1.0, 1.0]
    assert tanh(x).tolist() == [-1.0, -1.0, -0.5, 0.0, 0.25, 1.0, 1.0]


def test_piecewise_gates_reach_the_cells_but_not_their_scalars():
    model = build_model(
        ModelConfig(H, 0, 1, E, cell="fast-grnn", architecture="sequential", gates="piecewise")
    ).double()
    cell, x, h = model.cell(0), random(E), random(H)
    a, (zeta, nu) = torch.cat((x, h), 1) @ cell.weight.t(), cell.scalars().values()
    z = ((a + cell.gate_bias + 1) / 2).clamp(0, 1)
    expected = (zeta * (1 - z) + nu) * (a + cell.bias).clamp(-1, 1) + z * h
    torch.testing.assert_close(cell(x, (h,), (None,))[0], expected.clamp(-1, 1))


def test_torch_lstm_is_stacked_plain_cells():
    """One layer of it with the weights of a plain LSTM cell gives that cell's logits."""
    torch.manual_seed(5)
    theirs = build_model(ModelConfig(H, 0, 1, E, cell="lstm-plain", architecture="torch-lstm"))
    ours = build_model(ModelConfig(H, 0, 1, E, cell="lstm-plain", architecture="sequential"))
    f, i, o, g = ours.cell(0).weight.data.split(H)
    theirs.layers[0].weight_ih_l0.data, theirs.layers[0].weight_hh_l0.data = torch.cat((i, f, g, o)).split([E, H], 1)
    theirs.embedding, theirs.output = ours.embedding, ours.output
    tokens = torch.randint(256, (6, 2))
    for run in (ours, theirs):
        assert run.initial_state(2)[0][0].shape == (2, H)
    torch.testing.assert_close(ours(tokens, ours.initial_state(2))[0], theirs(tokens, theirs.initial_state(2))[0])


@pytest.mark.parametrize("where", ["embedding", "between layers", "on top"])
def test_torch_lstm_drops_where_the_paper_does(where):
    """What is dropped whole carries nothing of the bytes."""
    model = build_model(ModelConfig(H, 0, 2, E, cell="lstm-plain", architecture="torch-lstm", dropout=0.5)).train()
    one, other = torch.randint(256, (2, 6, 2))
    masks = model.draw_masks(6, 2, None)
    logits = [model(tokens, model.initial_state(2), masks)[0] for tokens in (one, other)]
    assert not torch.equal(*logits)
    {"embedding": masks.embedded, "between layers": masks.inputs[1], "on top": masks.output}[where].zero_()
    logits = [model(tokens, model.initial_state(2), masks)[0] for tokens in (one, other)]
    assert torch.equal(*logits)


def test_stack_reads_the_byte_at_every_layer_and_is_read_out_at_all():
    model = build_model(ModelConfig(H, 0, 3, E, cell="rnn", architecture="stacked"))
    tokens = torch.randint(256, (4, 2))
    h = [torch.zeros(2, H)] * 3
    logits, states = model(tokens, model.initial_state(2))
    for t, x in enumerate(model.embedding(tokens)):
        for i in range(3):
            joint = torch.cat((x, h[i - 1], h[i]) if i else (x, h[i]), 1)
            h[i] = torch.tanh(joint @ model.cell(i).weight.t())
        torch.testing.assert_close(logits[t], model.output(torch.cat(h, 1)))
    torch.testing.assert_close(states[2][0], h[2])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"architecture": "tree"}, "known: fs-rnn, stacked"),
        ({"architecture": "stacked", "slow_size": 4}, "no slow cell"),
        ({"architecture": "sequential", "n_fast": 0}, "at least 1 cell"),
        ({"architecture": "torch-lstm"}, "cells of type lstm-plain"),
        ({"architecture": "torch-lstm", "cell": "lstm-plain", "zoneout_cell": 0.1}, "no zoneout"),
        ({"architecture": "torch-lstm", "cell": "lstm-plain", "rank": 2}, "no low rank"),
        ({"architecture": "torch-lstm", "cell": "lstm-plain", "gates": "piecewise"}, "no other gates"),
        ({"architecture": "stacked", "rank": -1}, "must not be negative"),
        ({"architecture": "stacked", "gates": "linear"}, "known: smooth, piecewise"),
    ],
)
def test_impossible_shapes_are_refused(bad, message):
    with pytest.raises(RefusedError, match=message):
        ModelConfig(**({"fast_size": 4, "slow_size": 0, "n_fast": 2, "embedding_size": 3} | bad))
