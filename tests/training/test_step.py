"""A recorded step does what the eager one does, one step late to tell; recording leaves no trace."""

import pytest
import torch

from fscompress.engine.cuda_queue import WARM_UPS, Queue
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.training.config import ADAM, OPTIMISERS
from fscompress.training.optimisers import make_optimiser
from fscompress.training.recurrence import Recurrence
from fscompress.training.step import EagerStep, RecordedStep, make_update

CONFIGS = {
    "plain": ModelConfig(8, 12, 2, 6),
    "regularised": ModelConfig(8, 12, 2, 6, dropout=0.3, zoneout_cell=0.3, zoneout_hidden=0.1),
}
WINDOW, BATCH = 4, 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Warm(Queue):
    """Runs what it records as often as a queue for CUDA does."""

    def record(self, work):
        for _ in range(WARM_UPS):
            work()
        return work


def make_step(config, recorded, before=0, name=ADAM):
    """A step and its model after ``before`` eager steps, as a resumed run has them."""
    torch.manual_seed(1)
    model = build_model(config).to(DEVICE)
    generator = torch.Generator(DEVICE).manual_seed(2)
    optimiser = make_optimiser(model, name, 0.01, recorded)
    update = make_update(Recurrence(model, compiled=False), optimiser, 1.0, lambda: None)

    def draw():
        return model.draw_masks(WINDOW, BATCH, generator)

    states = model.initial_state(BATCH)
    for rows in texts(before):
        _, states = update(rows.to(DEVICE), states, draw())
    if recorded:
        return RecordedStep(update, optimiser, states, draw, (WINDOW + 1, BATCH)), model, generator
    return EagerStep(update, optimiser, states, draw), model, generator


def texts(n, seed=3):
    return torch.randint(256, (n, WINDOW + 1, BATCH), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_recorded_equals_eager(config, before, name, monkeypatch):
    if DEVICE == "cpu":
        monkeypatch.setattr("fscompress.training.step.Queue", Warm)
    eager, model, state = make_step(config, False, before, name)
    recorded, same, other = make_step(config, True, before, name)
    state.set_state(other.get_state())  # recording draws masks of its own
    rates = [0.01, 0.02, 0.005, 0.01]
    losses = [eager(rows, rate) for rows, rate in zip(texts(4, 5), rates, strict=True)]
    late = [recorded(rows, rate) for rows, rate in zip(texts(4, 5), rates, strict=True)]
    recorded.wait()
    assert late == pytest.approx([losses[0], *losses[:3]])
    for (which, expected), got in zip(model.named_parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(got, expected, msg=which)  # the rate is a float32 there
    for expected_state, got_state in zip(eager.states, recorded.states, strict=True):
        for expected, got in zip(expected_state, got_state, strict=True):
            torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("clip", [1e-3, 1e9])
def test_the_norm_that_is_clipped_is_of_what_is_left_of_the_gradients(clip):
    """Entries that are masked are no part of it; a gradient below the bound stays as it is."""
    torch.manual_seed(1)
    model = build_model(CONFIGS["plain"])
    before, gradients = [p.detach().clone() for p in model.parameters()], []

    def mask():
        model.output.bias.grad.zero_()
        gradients.extend(p.grad.clone() for p in model.parameters())

    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    update = make_update(Recurrence(model, compiled=False), optimiser, clip, mask)
    update(texts(1)[0], model.initial_state(BATCH), model.draw_masks(WINDOW, BATCH, None))
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    assert norm > 1e-2
    for parameter, old, gradient in zip(model.parameters(), before, gradients, strict=True):
        torch.testing.assert_close(old - parameter.detach(), gradient * min(1.0, clip / norm), atol=1e-6, rtol=1e-3)
