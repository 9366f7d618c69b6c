"""What the cell states of a network do: how far back the loss depends on them, and how fast they change.

The state that is looked at is the last member of a cell's state: c of an LSTM, h of a cell that has nothing else.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fscompress.corpora.source import Bytes
from fscompress.errors import RefusedError
from fscompress.model.base import ByteModel, States
from fscompress.model.config import FS_RNN, STACKED
from fscompress.model.network import CellNetwork
from fscompress.training.evaluation import lane_grid

LANES = 32


def cell_names(model: CellNetwork) -> list[str]:
    """As the paper's figures call them, in order of computation."""
    n = len(model.places)
    if model.config.architecture == FS_RNN:
        return ["Fast-1", "Slow", *(f"Fast-{i}" for i in range(2, n))]
    kind = "Stacked" if model.config.architecture == STACKED else "Sequential"
    return [f"{kind}-{i}" for i in range(1, n + 1)]


def first_cells(model: CellNetwork) -> list[int]:
    """Of each state, the first cell of a step that updates it: "for the sequential-LSTM only the first cell"."""
    groups = [place.group for place in model.places]
    return [groups.index(group) for group in range(len(model.sizes))]


def as_cells(model: ByteModel) -> CellNetwork:
    """The network, typed: all that are studied consist of cells."""
    assert isinstance(model, CellNetwork)
    return model


def gradient_norms(model: CellNetwork, text: Bytes, span: int, targets: int) -> Tensor:
    """Figure 3: ``|| d L_t / d c_(t-k) ||``, float [span, n_cells], k = 0 first; the mean over lanes and times t.

    Args:
        model: in evaluation mode.
        text: uint8 [n], read in ``LANES`` lanes, each from the zero state.
        span: k runs from 0 to span - 1.
        targets: times t, span steps apart; the first stretch of the text only fills the states.
    Raises:
        RefusedError: less text than fills the lanes and has a time t in each.
    """
    least = LANES * 4 * span
    if len(text) < least:
        found = f"(got {len(text):,} bytes, expected at least {least:,})"
        raise RefusedError(f"the validation part is too short for gradients {found}")
    grid = torch.from_numpy(lane_grid(text, LANES).astype("int64")).to(model.device)
    targets = min(targets, (len(grid) - 1) // span - 1)
    states, total = model.initial_state(grid.shape[1]), torch.zeros(span, len(model.places))
    for window in range(targets + 1):
        tokens = grid[window * span : (window + 1) * span + 1]
        norms, states = _window_norms(model, tokens, states)
        total += norms if window else 0.0
    return total / max(targets, 1)


def _window_norms(model: CellNetwork, tokens: Tensor, states: States) -> tuple[Tensor, States]:
    """Norms float [span, n_cells] of the gradients of the last loss, and the states after the window."""
    steps = len(tokens) - 1
    masks, current = model.draw_masks(steps, tokens.shape[1], None), list(states)
    with torch.enable_grad():
        trace = [
            member
            for t, embedded in enumerate(model.embed(tokens[:-1], masks))
            for member in (state[-1] for state in model.step(embedded, current, masks, t))
        ]
        logits = model.read_out(model.hidden(current), masks)
        loss = cross_entropy(logits, tokens[-1], reduction="sum")  # lanes do not depend on one another
        gradients = torch.autograd.grad(loss, trace, materialize_grads=True)
    norms = torch.stack([gradient.norm(dim=1).mean() for gradient in gradients]).cpu()
    detached = tuple(tuple(member.detach() for member in state) for state in current)
    return norms.unflatten(0, (steps, len(model.places))).flip(0), detached


def change_rates(model: CellNetwork, text: Bytes, steps: int) -> list[float]:
    """Figure 4: the mean over units, lanes and steps of (c_t - c_(t-1))^2, for each cell of the step."""
    grid = torch.from_numpy(lane_grid(text, LANES).astype("int64")).to(model.device)[: steps + 1]
    masks, current = model.draw_masks(len(grid), grid.shape[1], None), list(model.initial_state(grid.shape[1]))
    total, before = torch.zeros(len(model.places)), None
    with torch.no_grad():
        for t, embedded in enumerate(model.embed(grid, masks)):
            after = [state[-1] for state in model.step(embedded, current, masks, t)]
            if before is not None:
                changes = [(new - old).square().mean() for new, old in zip(after, before, strict=True)]
                total += torch.stack(changes).cpu()
            before = after
    rates: list[float] = (total / (len(grid) - 1)).tolist()
    return rates
