"""One truncated-BPTT window of a network of cells with its own backward pass: the same numbers as autograd, faster.

Three things make it fast.  A time step of all cells, forward or backward, is one compiled call; the products run in
``dtype`` (bfloat16 where the processor has it); the gradient of a weight matrix is one product over the whole window
(T * B rows) instead of one a step, of rows that the steps wrote side by side into buffers kept between windows.
``tests/training/test_recurrence.py`` compares outputs and gradients with ``CellNetwork.forward`` under autograd.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fscompress.model.base import Masks, States
from fscompress.model.cells import State
from fscompress.model.cells.base import Keep
from fscompress.model.network import CellNetwork

Vectors = tuple[tuple[Tensor, ...], ...]  # of each cell
# what else a step reads: the projected bytes [B, rows] of the cells that read them, dropout factors, zoneout weights
StepInputs = tuple[tuple[Tensor | None, ...], tuple[Tensor | None, ...], tuple[tuple[Keep, ...], ...]]


def _forward_of(model: CellNetwork, dtype: torch.dtype) -> Callable[..., Any]:
    """(inputs, states, weights, vectors, z) -> (states after each cell, preactivations in ``dtype``); fills ``z``."""
    places, pointwise, gates = model.places, type(model.cell(0)).pointwise, model.cell(0).gates

    def forward(
        inputs: StepInputs, states: States, weights: list[Tensor], vectors: Vectors, z: list[Tensor]
    ) -> tuple[list[State], list[Tensor]]:
        projected, drops, keeps = inputs
        current, after, preactivations = list(states), [], []
        for i, place in enumerate(places):
            old = current[place.group]
            row = old[0].to(dtype)
            if place.source is not None:
                x = _times(current[place.source][0], drops[i])
                row = torch.cat((x.to(dtype), row), dim=1)
            a = torch.mm(row, weights[i].t())
            z[i].copy_(row)
            current[place.group] = pointwise(_wide(a, projected[i], old[0]), old, vectors[i], keeps[i], gates)
            after.append(current[place.group])
            preactivations.append(a)
        return after, preactivations

    return forward


def _backward_of(model: CellNetwork) -> Callable[..., Any]:
    """(inputs, old states, a, weights, vectors, d_states, d_h, d_vectors, d_a) -> (d_states, d_vectors); fills ``d_a``.

    The pointwise part of each step is computed again from its preactivations ``a`` instead of being kept.
    """
    places, read_groups = model.places, model.read_groups
    pointwise, gates = type(model.cell(0)).pointwise, model.cell(0).gates
    read_widths = [model.sizes[group] for group in read_groups]

    def backward(
        inputs: StepInputs,
        old: list[State],
        a: list[Tensor],
        weights: list[Tensor],
        vectors: Vectors,
        d_states: States,
        d_hidden: Tensor,
        d_vectors: Vectors,
        d_a: list[Tensor],
    ) -> tuple[States, Vectors]:
        projected, drops, keeps = inputs
        d_current, d_vectors_new = list(d_states), list(d_vectors)
        for group, d_h in zip(read_groups, d_hidden.split(read_widths, dim=1), strict=True):
            d_current[group] = (d_current[group][0] + d_h, *d_current[group][1:])
        for i in reversed(range(len(weights))):
            group, source = places[i].group, places[i].source

            def step(a_: Tensor, old_: State, vectors_: tuple[Tensor, ...], i: int = i) -> State:
                return pointwise(_wide(a_, projected[i], old_[0]), old_, vectors_, keeps[i], gates)

            d_pre, d_old, d_v = torch.func.vjp(step, a[i], old[i], vectors[i])[1](d_current[group])
            d_a[i].copy_(d_pre)
            d_vectors_new[i] = tuple(total + d for total, d in zip(d_vectors[i], d_v, strict=True))
            d_row = torch.mm(d_pre, weights[i]).to(d_old[0].dtype)
            width = d_row.shape[1] - d_old[0].shape[1]
            d_current[group] = (d_old[0] + d_row[:, width:], *d_old[1:])
            if source is not None:
                d_x = _times(d_row[:, :width], drops[i])
                d_current[source] = (d_current[source][0] + d_x, *d_current[source][1:])
        return tuple(d_current), tuple(d_vectors_new)

    return backward


def _wide(a: Tensor, projected: Tensor | None, like: Tensor) -> Tensor:
    """Preactivations in the type of the states."""
    wide = a.to(like.dtype)
    return wide if projected is None else wide + projected.to(like.dtype)


def _times(x: Tensor, drop: Tensor | None) -> Tensor:
    return x if drop is None else x * drop


@dataclass(frozen=True)
class _Buffers:
    """Of each cell, by step: what its matrix multiplies [T, B, in + H]; the product's gradient [T, B, rows]."""

    z: list[Tensor]
    d_a: list[Tensor]


class Recurrence:
    """Runs windows of one network; built once, holds the compiled kernels.

    Args:
        model: the network; its parameters are read at each call.
        dtype: of the products: bfloat16, or that of the parameters, in which everything else is (float32).
        compiled: False runs the same code eagerly (no C++ compiler needed).
    """

    def __init__(self, model: CellNetwork, dtype: torch.dtype = torch.float32, compiled: bool = True) -> None:
        self.model = model
        self.dtype = dtype
        self.forward, self.backward = _forward_of(model, dtype), _backward_of(model)
        if compiled:
            self.forward = torch.compile(self.forward, fullgraph=True, dynamic=False)
            self.backward = torch.compile(self.backward, fullgraph=True, dynamic=False)
        self._free: dict[tuple[int, int], list[_Buffers]] = {}  # by (T, B)

    def __call__(self, tokens: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        """Logits [T, B, 256] and detached new states for tokens int64 [T, B]; differentiable in the parameters."""
        model = self.model
        embedded = model.embed(tokens, masks)
        matrices = [model.cell(i).matrix() for i in range(len(model.places))]
        projected = [self._product(embedded, matrices[i][:, : embedded.shape[2]]) for i in byte_readers(model)]
        vectors = [vector for i in range(len(matrices)) for vector in model.cell(i).vectors()]
        tensors = *projected, *matrices, *vectors
        hidden, *flat = _RecurrenceFunction.apply(self, torch.is_grad_enabled(), masks, states, *tensors)  # type: ignore[no-untyped-call]
        n = model.cell(0).n_states
        logits = self._product(_times(hidden, masks.output), model.output.weight) + model.output.bias
        return logits, tuple(tuple(flat[at : at + n]) for at in range(0, len(flat), n))

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        """x [T, B, in] times weight [out, in], transposed, in ``dtype``."""
        return x.to(self.dtype) @ weight.t().to(self.dtype)

    def recurrent_weights(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """The matrices in ``dtype``; without the columns of the byte, which ``projected`` stands for."""
        weights = [matrix.detach().to(self.dtype) for matrix in matrices]
        for i in byte_readers(self.model):
            weights[i] = weights[i][:, self.model.config.embedding_size :].contiguous()
        return weights

    def take_buffers(self, steps: int, weights: list[Tensor], batch: int) -> _Buffers:
        """Buffers of an earlier window of that size, or new ones; memory that is fresh each time costs page faults."""
        free = self._free.get((steps, batch))
        if free:
            return free.pop()
        z = [w.new_empty(steps, batch, w.shape[1]) for w in weights]
        return _Buffers(z, [w.new_empty(steps, batch, w.shape[0]) for w in weights])

    def give_back(self, buffers: _Buffers) -> None:
        """The window's gradients are done."""
        steps, batch = buffers.z[0].shape[:2]
        self._free.setdefault((steps, batch), []).append(buffers)


def byte_readers(model: CellNetwork) -> list[int]:
    """The cells that read the byte."""
    return [i for i, place in enumerate(model.places) if place.reads_byte]


def _step_inputs(model: CellNetwork, projected: Sequence[Tensor], masks: Masks) -> list[StepInputs]:
    """What each step of the window reads, as views."""
    n_cells = len(model.places)
    drops = [masks.inputs[i].unbind() if i in masks.inputs else None for i in range(n_cells)]
    rows = dict(zip(byte_readers(model), (p.unbind() for p in projected), strict=True))
    return [
        (
            tuple(rows[i][t] if i in rows else None for i in range(n_cells)),
            tuple(None if drop is None else drop[t] for drop in drops),
            tuple(masks.keep_at(i, t) for i in range(n_cells)),
        )
        for t in range(len(projected[0]))
    ]


class _RecurrenceFunction(torch.autograd.Function):
    """Of ``tensors``: the projected bytes of the cells that read them, the cells' matrices, the cells' vectors.

    ``learns``: whether a backward pass will follow.
    """

    @staticmethod
    def forward(
        ctx: Any, run: Recurrence, learns: bool, masks: Masks, states: States, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        model, n_projected = run.model, len(byte_readers(run.model))
        # torch.compile asks a tensor with a history for its gradient, and warns
        inputs = _step_inputs(model, [p.detach() for p in tensors[:n_projected]], masks)
        weights = run.recurrent_weights(tensors[n_projected:][: len(model.places)])
        vectors = tuple(tuple(v.detach() for v in model.cell(i).vectors()) for i in range(len(weights)))
        buffers = run.take_buffers(len(inputs), weights, tensors[0].shape[1])
        current: list[State] = list(states)
        old: list[list[State]] = []
        a: list[list[Tensor]] = []
        outputs = []
        for step_inputs, *z in zip(inputs, *(z.unbind() for z in buffers.z), strict=True):
            after, preactivations = run.forward(step_inputs, tuple(current), weights, vectors, z)
            before = []
            for place, state in zip(model.places, after, strict=True):
                before.append(current[place.group])
                current[place.group] = state
            old.append(before)
            a.append(preactivations)
            outputs.append(_side_by_side([current[group][0] for group in model.read_groups]))
        if not learns:
            run.give_back(buffers)  # kept all the same: a recorded step may know their addresses
        ctx.saved = (run, inputs, old, a, weights, vectors, buffers)
        final = [member for state in current for member in state]
        ctx.mark_non_differentiable(*final)
        return torch.stack(outputs), *final

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        run, inputs, old, a, weights, vectors, buffers = ctx.saved
        d_vectors = tuple(tuple(torch.zeros_like(v) for v in vs) for vs in vectors)
        d_states: States = tuple(tuple(torch.zeros_like(m) for m in state) for state in _first_states(run.model, old))
        rows = list(zip(inputs, old, a, gradients[0].unbind(), *(d.unbind() for d in buffers.d_a), strict=True))
        for step_inputs, before, preactivations, d_hidden, *d_a in reversed(rows):
            d_states, d_vectors = run.backward(
                step_inputs, before, preactivations, weights, vectors, d_states, d_hidden, d_vectors, d_a
            )
        readers = byte_readers(run.model)
        d_matrices = [_matrix_gradient(run, i, buffers.d_a[i], buffers.z[i]) for i in range(len(weights))]
        run.give_back(buffers)  # no other window begins before autograd has read this gradient
        flat = [d for d_v in d_vectors for d in d_v]
        return None, None, None, None, *(buffers.d_a[i] for i in readers), *d_matrices, *flat


def _side_by_side(outputs: list[Tensor]) -> Tensor:
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


def _first_states(model: CellNetwork, old: list[list[State]]) -> list[State]:
    """Of each group, the state before the first cell that updates it."""
    groups = [place.group for place in model.places]
    return [old[0][groups.index(group)] for group in range(len(model.sizes))]


def _matrix_gradient(run: Recurrence, index: int, d_a: Tensor, z: Tensor) -> Tensor:
    """Gradient of a cell's matrix over the window: one product."""
    gradient = torch.mm(d_a.flatten(0, 1).t(), z.flatten(0, 1))
    return with_byte_columns(run.model, index, gradient.to(run.model.output.weight.dtype))


def with_byte_columns(model: CellNetwork, index: int, gradient: Tensor) -> Tensor:
    """A matrix's gradient with zeros for the columns of the byte, if it has any: theirs comes through ``projected``."""
    if not model.places[index].reads_byte:
        return gradient
    return torch.cat((gradient.new_zeros(gradient.shape[0], model.config.embedding_size), gradient), dim=1)
