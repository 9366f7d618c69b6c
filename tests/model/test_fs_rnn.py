"""FSRNN against the paper's equations written out by hand."""

import pytest
import torch

from fscompress.errors import RefusedError
from fscompress.model.cells import LSTMCell, cell_class
from fscompress.model.cells.base import LAYER_NORM_EPS
from fscompress.model.config import ModelConfig
from fscompress.model.fs_rnn import FSRNN

CONFIG = ModelConfig(fast_size=8, slow_size=12, n_fast=4, embedding_size=6)


def norm(x, gain, bias):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + LAYER_NORM_EPS) * gain + bias


def lstm_by_hand(cell, x, h, c):
    z = h if x is None else torch.cat((x, h), 1)
    pre = [z @ w.t() for w in cell.weight.split(cell.hidden_size)]
    f, i, o, g = (norm(a, cell.gate_gain[k], cell.gate_bias[k]) for k, a in enumerate(pre))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(norm(c, cell.cell_gain, cell.cell_bias)), c


def test_window_equals_the_papers_equations():
    torch.manual_seed(1)
    model = FSRNN(CONFIG)
    tokens = torch.randint(256, (5, 3))
    logits, (fast, slow) = model(tokens, model.initial_state(3))
    f1, s, f2, f3, f4 = model.cells
    h, c, hs, cs = (torch.zeros(3, n) for n in (8, 8, 12, 12))
    for t in range(5):
        h, c = lstm_by_hand(f1, model.embedding(tokens[t]), h, c)
        hs, cs = lstm_by_hand(s, h, hs, cs)
        h, c = lstm_by_hand(f2, hs, h, c)
        h, c = lstm_by_hand(f3, None, h, c)
        h, c = lstm_by_hand(f4, None, h, c)
        torch.testing.assert_close(logits[t], h @ model.output.weight.t() + model.output.bias)
    torch.testing.assert_close(fast[1], c)
    torch.testing.assert_close(slow[0], hs)


def test_state_carries_over_windows():
    model = FSRNN(CONFIG)
    tokens = torch.randint(256, (8, 2))
    whole, _ = model(tokens, model.initial_state(2))
    first, state = model(tokens[:3], model.initial_state(2))
    second, _ = model(tokens[3:], state)
    torch.testing.assert_close(whole, torch.cat((first, second)))


def test_initialisation_is_orthogonal_and_remembers():
    cell = LSTMCell(8, 8)
    for gate in cell.weight.detach().split(8):
        for block in gate.split(8, dim=1):
            torch.testing.assert_close(block @ block.t(), torch.eye(8), atol=1e-5, rtol=0)
    assert cell.gate_bias[0].min() == 1.0
    assert cell.gate_bias[1:].abs().max() == 0.0


def test_evaluation_takes_the_expectation_of_zoneout():
    config = ModelConfig(8, 12, 2, 6, dropout=0.5, zoneout_cell=0.3, zoneout_hidden=0.05)
    model = FSRNN(config).eval()
    masks = model.draw_masks(4, 2, None)
    assert masks.embedded is None
    assert not masks.inputs
    assert [float(k) for k in masks.keep[0]] == [pytest.approx(0.05), pytest.approx(0.3)]
    state = (torch.zeros(2, 8), torch.ones(2, 8))
    x = torch.randn(2, 6)
    plain = model.cell(0)(x, state, (None, None))
    zoned = model.cell(0)(x, state, masks.keep[0])
    torch.testing.assert_close(zoned[1], 0.7 * plain[1] + 0.3 * state[1])


def test_training_masks_are_fresh_each_step():
    config = ModelConfig(8, 12, 3, 6, dropout=0.5, zoneout_cell=0.5, zoneout_hidden=0.5)
    masks = FSRNN(config).train().draw_masks(6, 4, torch.Generator().manual_seed(0))
    assert sorted(masks.inputs) == [1, 2]  # F1 to S and S to F2; F3 has no input
    assert not torch.equal(masks.inputs[1][0], masks.inputs[1][1])
    assert set(masks.output.unique().tolist()) == {0.0, 2.0}
    assert set(masks.keep[3][1].unique().tolist()) == {0.0, 1.0}


def test_masks_drop_and_hold_their_shares():
    """And what survives a dropout is scaled, so that its expectation stays."""
    config = ModelConfig(8, 12, 2, 6, dropout=0.2, zoneout_cell=0.3, zoneout_hidden=0.05)
    masks = FSRNN(config).train().draw_masks(200, 20, torch.Generator().manual_seed(0))
    assert [mask.shape[2] for mask in (masks.embedded, *masks.inputs.values(), masks.output)] == [6, 8, 12, 8]
    for mask in (masks.embedded, *masks.inputs.values(), masks.output):
        assert float((mask == 0).float().mean()) == pytest.approx(0.2, abs=0.02)
        assert float(mask.mean()) == pytest.approx(1.0, abs=0.02)
    for hidden, cell in masks.keep:
        assert float(hidden.mean()) == pytest.approx(0.05, abs=0.01)
        assert float(cell.mean()) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("bad", [{"n_fast": 1}, {"fast_size": 0}, {"dropout": 1.0}, {"zoneout_cell": -0.1}])
def test_impossible_shapes_are_refused(bad):
    good = {"fast_size": 8, "slow_size": 8, "n_fast": 2, "embedding_size": 4}
    with pytest.raises(RefusedError, match=next(iter(bad)) if "n_fast" not in bad else "fast cells"):
        ModelConfig(**{**good, **bad})


def test_unknown_cell_lists_the_known_ones():
    with pytest.raises(RefusedError, match="known: lstm"):
        cell_class("lstn")
