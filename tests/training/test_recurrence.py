"""The hand-written window against autograd through ``CellNetwork.forward``: same outputs, same gradients."""

from dataclasses import replace

import pytest
import torch

from fscompress.model.build import build_model
from fscompress.model.cells import CELLS
from fscompress.model.config import ModelConfig
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.recurrence import Recurrence

PLAIN = ModelConfig(fast_size=8, slow_size=12, n_fast=2, embedding_size=6)
DEEP = ModelConfig(8, 12, 4, 6, dropout=0.3, zoneout_cell=0.3, zoneout_hidden=0.1)


def gradients(model, run, tokens, states, masks):
    model.zero_grad()
    logits, new = run(tokens, states, masks)
    torch.nn.functional.cross_entropy(logits[:-1].flatten(0, 1), tokens[1:].flatten()).backward()
    return logits.detach(), new, {name: p.grad.clone() for name, p in model.named_parameters()}


SHALLOW = replace(DEEP, n_fast=3)
CONFIGS = {"plain": PLAIN, "deep-regularised": DEEP}
CONFIGS |= {cell: replace(SHALLOW, cell=cell) for cell in CELLS if cell != DEEP.cell}
CONFIGS |= {f"{cell}-low-rank": replace(SHALLOW, cell=cell, rank=3, gates="piecewise") for cell in CELLS}
OTHERS = {
    f"{kind}-{cell}": replace(SHALLOW, n_fast=2, slow_size=0, cell=cell, architecture=kind)
    for kind in ("stacked", "sequential")
    for cell in CELLS
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("train", [True, False])
def test_equals_autograd(config, train):
    check_against_autograd(config, train, steps=7)


@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS)
def test_equals_autograd_in_other_architectures(config):
    check_against_autograd(config, train=True, steps=4)


def check_against_autograd(config, train, steps):
    torch.manual_seed(2)
    model = build_model(config).train(train).double()  # where an error of the formulas cannot hide behind rounding
    tokens = torch.randint(256, (steps, 3))
    states = tuple(tuple(torch.randn_like(m).double() for m in s) for s in model.initial_state(3))
    masks = model.draw_masks(steps, 3, torch.Generator().manual_seed(3))
    logits, new, grads = gradients(model, model, tokens, states, masks)
    fast_logits, fast_new, fast_grads = gradients(
        model, Recurrence(model, torch.float64, compiled=False), tokens, states, masks
    )
    torch.testing.assert_close(fast_logits, logits, atol=1e-9, rtol=1e-9)
    for state, fast_state in zip(new, fast_new, strict=True):
        for member, fast_member in zip(state, fast_state, strict=True):
            torch.testing.assert_close(fast_member, member.detach(), atol=1e-9, rtol=1e-9)
            assert not fast_member.requires_grad
    for name, grad in grads.items():
        assert (fast_grads[name] - grad).norm() <= 1e-9 * grad.norm(), name


def test_a_window_without_gradients_keeps_the_buffers():
    """A recorded step knows their addresses; a validation must not free them."""
    model = FSRNN(PLAIN)
    run, tokens = Recurrence(model, compiled=False), torch.randint(256, (7, 3))
    masks = model.draw_masks(7, 3, None)
    gradients(model, run, tokens, model.initial_state(3), masks)
    (kept,) = run._free[7, 3]
    with torch.no_grad():
        run(tokens, model.initial_state(3), masks)
        run(tokens, model.initial_state(3), masks)
    assert [id(buffers) for buffers in run._free[7, 3]] == [id(kept)]


def test_bfloat16_products_are_near():
    torch.manual_seed(2)
    model = FSRNN(PLAIN)
    tokens = torch.randint(256, (7, 3))
    masks = model.draw_masks(7, 3, None)
    logits, _, grads = gradients(model, model, tokens, model.initial_state(3), masks)
    run = Recurrence(model, torch.bfloat16, compiled=False)
    near_logits, _, near_grads = gradients(model, run, tokens, model.initial_state(3), masks)
    torch.testing.assert_close(near_logits, logits, atol=0.05, rtol=0.05)
    for name, grad in grads.items():
        assert (near_grads[name] - grad).norm() <= 0.1 * grad.norm(), name
