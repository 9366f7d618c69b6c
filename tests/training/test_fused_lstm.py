"""The GPU's window against autograd through ``CellNetwork.forward``: on a GPU; without one in Triton's interpreter."""

import os
from dataclasses import replace

import pytest
import torch

from fscompress.model.build import build_model
from fscompress.model.cells import CELLS
from fscompress.model.config import ModelConfig
from fscompress.training.recurrence import Recurrence
from fscompress.training.routes import routes
from fscompress.training.window import make_window
from fscompress.wiring import Place

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # asked for when the kernels are imported
fused = pytest.importorskip("fscompress.training.fused_lstm", reason="needs Triton", exc_type=ImportError)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FS = ModelConfig(fast_size=6, slow_size=9, n_fast=2, embedding_size=4)
CONFIGS = {
    "two-fast": FS,
    "four-fast": replace(FS, n_fast=4),
    "two-slow": replace(FS, n_slow=2),
    "stacked": replace(FS, n_fast=3, slow_size=0, architecture="stacked"),
    "sequential": replace(FS, n_fast=3, slow_size=0, architecture="sequential"),
    "low-rank": replace(FS, rank=3),
}
STEPS, BATCH = 3, 4


def window(config, seed=2):
    """A network, tokens int64 [T, B] and states that are not zero."""
    torch.manual_seed(seed)
    model = build_model(config).to(DEVICE)
    states = tuple(tuple(0.5 * torch.randn_like(m) for m in state) for state in model.initial_state(BATCH))
    return model, torch.randint(256, (STEPS, BATCH), device=DEVICE), states


def outcome(model, run, tokens, states):
    """Logits, new states, and gradients by name."""
    model.zero_grad()
    logits, new = run(tokens, states, model.draw_masks(STEPS, BATCH, None))
    torch.nn.functional.cross_entropy(logits[:-1].flatten(0, 1), tokens[1:].flatten()).backward()
    return logits.detach().double(), new, {name: p.grad.double() for name, p in model.named_parameters()}


def check_near(got, expected, share):
    assert (got - expected).norm() <= share * expected.norm()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_equals_autograd(config):
    check_against_autograd(config)


def test_equals_autograd_with_several_rows_a_program(monkeypatch):
    monkeypatch.setattr(fused, "MOST_SUMS", 2 * 10 * FS.fast_size)
    check_against_autograd(FS)


def check_against_autograd(config):
    model, tokens, states = window(config)
    assert fused.FusedLSTM.fits(model)
    logits, new, gradients = outcome(model, fused.FusedLSTM(model, torch.float32), tokens, states)
    wide = build_model(config).to(DEVICE).double()
    wide.load_state_dict(model.state_dict())
    wide_states = tuple(tuple(member.double() for member in state) for state in states)
    expected, expected_new, expected_gradients = outcome(wide, wide, tokens, wide_states)
    check_near(logits, expected, 1e-5)
    for state, expected_state in zip(new, expected_new, strict=True):
        for member, expected_member in zip(state, expected_state, strict=True):
            check_near(member.double(), expected_member, 1e-5)
            assert not member.requires_grad
    for name, gradient in gradients.items():
        check_near(gradient, expected_gradients[name], 1e-4)


def test_bfloat16_products_are_near_those_of_the_other_window():
    model, tokens, states = window(FS)
    logits, _, gradients = outcome(model, fused.FusedLSTM(model, torch.bfloat16), tokens, states)
    expected, _, near = outcome(model, Recurrence(model, torch.float32, compiled=False), tokens, states)
    check_near(logits, expected, 0.02)
    for name, gradient in gradients.items():
        check_near(gradient, near[name], 0.1)


@pytest.mark.parametrize(
    ("batch", "size", "programs"), [(256, 256, 256), (256, 1500, 128), (6, 90_000, 2), (7, 40_000, 1), (2, 400_000, 1)]
)
def test_programs_take_equally_many_rows(batch, size, programs):
    assert fused._programs(batch, size) == programs


def test_only_plain_lstm_networks_fit():
    for change in ({"dropout": 0.1}, {"zoneout_cell": 0.1}, {"zoneout_hidden": 0.1}, {"gates": "piecewise"}):
        assert not fused.FusedLSTM.fits(build_model(replace(FS, **change))), change
    for cell in set(CELLS) - {"lstm"}:
        assert not fused.FusedLSTM.fits(build_model(replace(FS, cell=cell))), cell
    torch_lstm = ModelConfig(8, 0, 1, 8, cell="lstm-plain", architecture="torch-lstm")
    assert not fused.FusedLSTM.fits(build_model(torch_lstm))


def test_outputs_that_kernels_cannot_deliver_do_not_fit():
    several = (Place(0, reads_byte=True), Place(1, 0), Place(2, 0))
    earlier = (Place(1, 0), Place(0, reads_byte=True))
    for places in (several, earlier):
        assert routes(places, (8, 8, 8), (0,)) is None


def test_windows_by_device():
    assert isinstance(make_window(build_model(FS)), Recurrence)
    if DEVICE == "cuda":
        assert isinstance(make_window(build_model(FS).to(DEVICE)), fused.FusedLSTM)
        assert isinstance(make_window(build_model(FS).to(DEVICE), compiled=False), Recurrence)
