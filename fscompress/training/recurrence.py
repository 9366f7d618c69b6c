"""One truncated-BPTT window of an FS-RNN with a hand-written backward pass: the same numbers as autograd, faster.

Three things make it fast.  The pointwise part of a cell and its gradient are compiled into one kernel each; the
products run in ``dtype`` (bfloat16 where the processor has it); the gradient of a weight matrix is one product over
the whole window (T * B rows) instead of one a step.  ``tests/training/test_recurrence.py`` compares outputs and
gradients with ``FSRNN.forward`` under autograd.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fscompress.model.cells import Cell, State
from fscompress.model.cells.base import Keep
from fscompress.model.fs_rnn import FAST, FSRNN, Masks

Pointwise = Callable[[Tensor, State, tuple[Tensor, ...], tuple[Keep, ...]], State]


def _step_of(pointwise: Pointwise) -> Callable[..., State]:
    """(a, addend, state, vectors, keep) -> new state; ``a`` of any float type, ``addend`` [B, n_gates * H] or None."""

    def step(
        a: Tensor, addend: Tensor | None, state: State, vectors: tuple[Tensor, ...], keep: tuple[Keep, ...]
    ) -> State:
        wide = a.float()
        return pointwise(wide if addend is None else wide + addend, state, vectors, keep)

    return step


def _gradient_of(step: Callable[..., State]) -> Callable[..., Any]:
    """(the arguments of step, d_state) -> (d_a in a's type, d_old_state, d_vectors), the step recomputed inside."""

    def gradient(
        a: Tensor,
        addend: Tensor | None,
        state: State,
        vectors: tuple[Tensor, ...],
        keep: tuple[Keep, ...],
        d_state: State,
    ) -> tuple[Tensor, State, tuple[Tensor, ...]]:
        vjp = torch.func.vjp(lambda a_, s_, v_: step(a_, addend, s_, v_, keep), a, state, vectors)[1]
        d_a, d_old, d_vectors = vjp(d_state)
        return d_a, d_old, d_vectors

    return gradient


@dataclass
class _Window:
    """What the backward pass needs of each cell: inputs [T, B, in + H], preactivations and old states by step."""

    z: list[Tensor]
    a: list[list[Tensor]]
    old: list[list[State]]
    projected: Tensor  # of cell 0's input, [T, B, n_gates * F]

    def addend(self, cell: int, t: int) -> Tensor | None:
        return self.projected[t] if cell == 0 else None


class Recurrence:
    """Runs windows of one FSRNN; built once, holds the compiled kernels.

    Args:
        model: the network; its parameters are read at each call.
        dtype: of the products, ``torch.float32`` or ``torch.bfloat16``; everything else is float32.
        compiled: False runs the same code eagerly (no C++ compiler needed).
    """

    def __init__(self, model: FSRNN, dtype: torch.dtype = torch.float32, compiled: bool = True) -> None:
        self.model = model
        self.dtype = dtype
        self.step = _step_of(type(model.cell(0)).pointwise)
        self.gradient = _gradient_of(self.step)
        if compiled:
            self.step = torch.compile(self.step, fullgraph=True, dynamic=False)
            self.gradient = torch.compile(self.gradient, fullgraph=True, dynamic=False)

    def __call__(self, tokens: Tensor, states: tuple[State, State], masks: Masks) -> tuple[Tensor, tuple[State, State]]:
        """Logits [T, B, 256] and detached new states for tokens int64 [T, B]; differentiable in the parameters."""
        model = self.model
        first = model.cell(0)
        embedded = model.embed(tokens, masks)
        width = first.input_size
        projected = (embedded.to(self.dtype) @ first.weight[:, :width].t().to(self.dtype)).float()
        parameters = [p for i in range(len(model.cells)) for p in (model.cell(i).weight, *model.cell(i).vectors())]
        hidden, *flat = _RecurrenceFunction.apply(self, masks, states, projected, *parameters)  # type: ignore[no-untyped-call]
        n = first.n_states
        return model.read_out(hidden, masks), (tuple(flat[:n]), tuple(flat[n:]))

    def recurrent_weights(self) -> list[Tensor]:
        """Each cell's matrix in ``dtype``; the first one without its input columns, which ``projected`` stands for."""
        model = self.model
        weights = [model.cell(i).weight.detach().to(self.dtype) for i in range(len(model.cells))]
        weights[0] = weights[0][:, model.cell(0).input_size :].contiguous()
        return weights


class _RecurrenceFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, run: Recurrence, masks: Masks, states: tuple[State, State], projected: Tensor, *_parameters: Tensor
    ) -> tuple[Tensor, ...]:
        model, weights = run.model, run.recurrent_weights()
        projected = projected.detach()  # torch.compile asks a tensor with a history for its gradient, and warns
        steps, batch = projected.shape[:2]
        cells = [model.cell(i) for i in range(len(weights))]
        z = [projected.new_empty(steps, batch, w.shape[1], dtype=run.dtype) for w in weights]
        window = _Window(z, [[] for _ in weights], [[] for _ in weights], projected)
        vectors = [tuple(v.detach() for v in cell.vectors()) for cell in cells]
        current: list[State] = list(states)
        outputs = []
        for t in range(steps):
            for i, (group, source) in enumerate(zip(model.groups, model.sources, strict=True)):
                old = current[group]
                _fill_input(z[i][t], None if source is None else current[source][0], old[0], masks.inputs.get(i), t)
                a = torch.mm(z[i][t], weights[i].t())
                window.a[i].append(a)
                window.old[i].append(old)
                current[group] = run.step(a, window.addend(i, t), old, vectors[i], masks.keep_at(i, t))
            outputs.append(current[FAST][0])
        ctx.saved = (run, masks, window, weights, vectors)
        final = [member for state in current for member in state]
        ctx.mark_non_differentiable(*final)
        return torch.stack(outputs), *final

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        run, masks, window, weights, vectors = ctx.saved
        model, d_hidden = run.model, gradients[0]
        steps = len(d_hidden)
        d_a: list[list[Tensor]] = [[] for _ in weights]
        d_vectors = [[torch.zeros_like(v) for v in vs] for vs in vectors]
        d_states: list[State] = [tuple(torch.zeros_like(m) for m in window.old[i][0]) for i in (0, 1)]
        for t in reversed(range(steps)):
            d_states[FAST] = (d_states[FAST][0] + d_hidden[t], *d_states[FAST][1:])
            for i in reversed(range(len(weights))):
                group, source = model.groups[i], model.sources[i]
                d_pre, d_old, d_vec = run.gradient(
                    window.a[i][t],
                    window.addend(i, t),
                    window.old[i][t],
                    vectors[i],
                    masks.keep_at(i, t),
                    d_states[group],
                )
                d_a[i].append(d_pre)
                torch._foreach_add_(d_vectors[i], list(d_vec))
                d_z = torch.mm(d_pre, weights[i])
                width = d_z.shape[1] - d_old[0].shape[1]
                d_states[group] = (d_old[0] + d_z[:, width:], *d_old[1:])
                if source is not None:
                    d_x = d_z[:, :width]
                    d_x = d_x * masks.inputs[i][t] if i in masks.inputs else d_x
                    d_states[source] = (d_states[source][0] + d_x, *d_states[source][1:])
        flat = []
        for i in range(len(weights)):
            d_all = torch.stack(d_a[i][::-1])
            flat += [_weight_gradient(model.cell(i), i, d_all, window.z[i]), *d_vectors[i]]
            if i == 0:
                d_projected = d_all.float()
        return None, None, None, d_projected, *flat


def _fill_input(z: Tensor, x: Tensor | None, h: Tensor, drop: Tensor | None, t: int) -> None:
    """z[:, :] = [x * drop; h], rounded to z's dtype."""
    width = z.shape[1] - h.shape[1]
    if x is not None:
        z[:, :width].copy_(x if drop is None else x * drop[t])
    z[:, width:].copy_(h)


def _weight_gradient(cell: Cell, index: int, d_a: Tensor, z: Tensor) -> Tensor:
    """Gradient of a cell's matrix over the window: one product; cell 0's input columns come from ``projected``."""
    gradient = torch.mm(d_a.flatten(0, 1).t(), z.flatten(0, 1)).float()
    if index != 0:
        return gradient
    return torch.cat((gradient.new_zeros(gradient.shape[0], cell.input_size), gradient), dim=1)
