"""A window of layer-normalised LSTM cells for a GPU: two launches a cell and step, forward and backward each.

Like ``recurrence.py``, which it gives way to for every other cell: one product a cell and step, gradients of matrices
over the whole window.  What differs is that nothing stands between the products but the kernels of
``lstm_kernels.py``, which write each cell's output into the rows that the next products read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from fscompress.model.base import ByteModel, Masks, States
from fscompress.model.cells.base import GATES, LAYER_NORM_EPS
from fscompress.model.cells.lstm import LSTMCell
from fscompress.model.config import SMOOTH, VOCABULARY
from fscompress.model.network import CellNetwork
from fscompress.training.lstm_kernels import block_of, lstm_backward, lstm_forward, warps_of
from fscompress.training.recurrence import byte_readers, with_byte_columns
from fscompress.training.routes import routes

ALIGNMENT = 8  # columns of a product in bfloat16, so that its rows begin where tensor cores load
MOST_SUMS = 2_000_000  # numbers that programs of a backward kernel add to: more than that leave the second cache


class FusedLSTM:
    """Runs windows of one network; see ``Recurrence``, whose numbers it gives up to the rounding of ``dtype``.

    Args:
        model: a network that ``fits``; its parameters are read at each call.
        dtype: of the products.
    """

    def __init__(self, model: CellNetwork, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype
        found = routes(model.places, model.sizes, model.read_groups)
        assert found is not None
        self.routes, self.readers = found, byte_readers(model)
        self.symbols = torch.arange(VOCABULARY, device=model.device)

    @staticmethod
    def fits(model: ByteModel) -> TypeGuard[CellNetwork]:
        """Whether all cells are layer-normalised LSTMs without zoneout and dropout, wired as the kernels need it."""
        if not isinstance(model, CellNetwork):
            return False
        config, cell = model.config, model.cell(0)
        regularised = config.dropout or config.zoneout_cell or config.zoneout_hidden
        plain = isinstance(cell, LSTMCell) and cell.gates == GATES[SMOOTH] and not regularised
        return plain and routes(model.places, model.sizes, model.read_groups) is not None

    def __call__(self, tokens: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        """Logits [T, B, 256] and detached new states for tokens int64 [T, B]; differentiable in the parameters.

        ``masks`` has none: a network with dropout or zoneout does not fit.
        """
        model = self.model
        # a product with ones and zeros: unlike a gather's, its gradient is the same in each run
        embedded = (tokens.unsqueeze(-1) == self.symbols).to(self.dtype) @ model.embedding.weight.to(self.dtype)
        matrices = [model.cell(i).matrix() for i in range(len(model.places))]
        width = model.config.embedding_size
        projected = [embedded @ matrices[i][:, :width].t().to(self.dtype) for i in self.readers]
        vectors = [vector for i in range(len(matrices)) for vector in model.cell(i).vectors()]
        hidden, *flat = _Window.apply(self, states, *projected, *matrices, *vectors)  # type: ignore[no-untyped-call]
        logits = hidden @ model.output.weight.t().to(self.dtype) + model.output.bias
        return logits, tuple(zip(flat[0::2], flat[1::2], strict=True))

    def input_width(self, i: int) -> int:
        """Columns of a cell's product before its own state: the output of its source."""
        source = self.model.places[i].source
        return 0 if source is None else self.model.sizes[source]

    def recurrent_weight(self, i: int, matrix: Tensor) -> Tensor:
        """[4H, in + H and zeros] in ``dtype``; without the columns of the byte, which ``projected`` stands for."""
        weight = matrix.detach().to(self.dtype)
        if self.model.places[i].reads_byte:
            weight = weight[:, self.model.config.embedding_size :]
        return torch.nn.functional.pad(weight, (0, -weight.shape[1] % ALIGNMENT)).contiguous()


@dataclass(frozen=True)
class _Run:
    """Tensors of a window, of each cell: ``z`` [T + 1, B, K], ``a`` [T, B, 4H], ``c`` float32 [T, B, H]."""

    window: FusedLSTM
    projected: dict[int, Tensor]  # [T, B, 4H] of the cells that read the byte
    weights: list[Tensor]
    vectors: list[tuple[Tensor, ...]]
    z: list[Tensor]
    a: list[Tensor]
    c: list[Tensor]
    first_c: list[Tensor]  # of each group, before the window

    def old_c(self, i: int, t: int) -> Tensor:
        """c [B, H] before cell i updates it in step t."""
        places = self.window.model.places
        same = [j for j, place in enumerate(places) if place.group == places[i].group]
        before = same[same.index(i) - 1]
        if before < i:
            return self.c[before][t]
        return self.c[before][t - 1] if t else self.first_c[places[i].group]

    def own_rows(self, i: int, t: int, rows: Sequence[Tensor]) -> Tensor:
        """Of ``rows``, each [..., B, K], the columns where the output of cell i stands for its next update."""
        route, model = self.window.routes[i], self.window.model
        at, size = self.window.input_width(route.own), model.sizes[model.places[i].group]
        return rows[route.own][t + route.later, :, at : at + size]


def _initial(window: FusedLSTM, states: States, tensors: Sequence[Tensor]) -> _Run:
    model = window.model
    places, n_read = model.places, len(window.readers)
    projected = dict(zip(window.readers, (p.detach() for p in tensors[:n_read]), strict=True))
    matrices = tensors[n_read : n_read + len(places)]
    weights = [window.recurrent_weight(i, matrix) for i, matrix in enumerate(matrices)]
    vectors = [tuple(v.detach() for v in model.cell(i).vectors()) for i in range(len(places))]
    steps, batch = tensors[0].shape[:2]
    z = [w.new_zeros(steps + 1, batch, w.shape[1]) for w in weights]
    a = [w.new_empty(steps, batch, w.shape[0]) for w in weights]
    c = [states[place.group][1].new_empty((steps, *states[place.group][1].shape)) for place in places]
    run = _Run(window, projected, weights, vectors, z, a, c, [state[1].contiguous() for state in states])
    for i, route in enumerate(window.routes):
        if route.later:
            run.own_rows(i, -1, z).copy_(states[places[i].group][0])
    return run


class _Window(torch.autograd.Function):
    """Of ``tensors``: the projected bytes of the cells that read them, the cells' matrices, the cells' vectors."""

    @staticmethod
    def forward(ctx: Any, window: FusedLSTM, states: States, *tensors: Tensor) -> tuple[Tensor, ...]:
        run, model = _initial(window, states, tensors), window.model
        steps, batch = tensors[0].shape[:2]
        out = run.z[0].new_empty(steps, batch, model.output.in_features)
        for t in range(steps):
            for i in range(len(model.places)):
                torch.mm(run.z[i][t], run.weights[i].t(), out=run.a[i][t])
                _forward(run, i, t, out)
        ctx.run = run
        final: dict[int, tuple[Tensor, Tensor]] = {}
        for i, route in enumerate(window.routes):
            if route.later:
                final[model.places[i].group] = run.own_rows(i, steps - 1, run.z).float(), run.c[i][-1].clone()
        flat = [member for group in sorted(final) for member in final[group]]
        ctx.mark_non_differentiable(*flat)
        return out, *flat

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        run: _Run = ctx.run
        window, model = run.window, run.window.model
        n_cells, steps, batch = len(run.weights), len(run.a[0]), run.a[0].shape[1]
        d_out = gradients[0].contiguous()
        d_z = [torch.zeros_like(z[:1]) for z in run.z]  # of the last step that was gone through
        d_c = [torch.zeros_like(c) for c in run.first_c]
        d_a = [torch.empty_like(a) for a in run.a]
        sizes = [c.shape[2] for c in run.c]
        d_vectors = [c.new_zeros(_programs(batch, size), 10 * size) for c, size in zip(run.c, sizes, strict=True)]
        for t in reversed(range(steps)):
            for i in reversed(range(n_cells)):
                _backward(run, i, t, d_out, d_z, d_c[model.places[i].group], d_a[i][t], d_vectors[i])
                torch.mm(d_a[i][t], run.weights[i], out=d_z[i][0])
        d_matrices = [_matrix_gradient(run, i, d_a[i]) for i in range(n_cells)]
        flat = [d for i in range(n_cells) for d in _vector_gradients(d_vectors[i], sizes[i])]
        return None, None, *(d_a[i] for i in window.readers), *d_matrices, *flat


def _programs(batch: int, size: int) -> int:
    """Of a backward kernel: a program takes as few rows as its sums allow, all the same number."""
    rows = min(batch, -(-batch * 10 * size // MOST_SUMS))
    while batch % rows:
        rows += 1
    return batch // rows


def _forward(run: _Run, i: int, t: int, out: Tensor) -> None:
    """Cell i of step t from its preactivations on."""
    route, a = run.window.routes[i], run.a[i][t]
    size, projected = run.c[i].shape[2], run.projected.get(i)
    own = run.own_rows(i, t, run.z)
    reader = own if route.reader is None else run.z[route.reader][t, :, :size]
    read = own if route.out is None else out[t, :, route.out : route.out + size]
    lstm_forward[(len(a),)](
        a, a if projected is None else projected[t], run.old_c(i, t), *run.vectors[i], run.c[i][t],
        own, own.stride(0), reader, reader.stride(0), read, read.stride(0),
        LAYER_NORM_EPS, size, block_of(size),
        projected is not None, route.reader is not None, route.out is not None,
        num_warps=warps_of(size),
    )  # fmt: skip


def _backward(
    run: _Run, i: int, t: int, d_out: Tensor, d_z: list[Tensor], d_c: Tensor, d_a: Tensor, d_vectors: Tensor
) -> None:
    """The gradient of ``_forward``; ``d_z`` holds that of the rows of each product as last computed."""
    route, a = run.window.routes[i], run.a[i][t]
    size, projected = run.c[i].shape[2], run.projected.get(i)
    own = run.own_rows(i, -route.later, d_z)
    reader = own if route.reader is None else d_z[route.reader][0, :, :size]
    read = own if route.out is None else d_out[t, :, route.out : route.out + size]
    lstm_backward[(len(d_vectors),)](
        a, a if projected is None else projected[t], run.old_c(i, t), *run.vectors[i],
        own, own.stride(0), reader, reader.stride(0), read, read.stride(0),
        d_c, d_a, d_vectors,
        LAYER_NORM_EPS, size, block_of(size), len(a) // len(d_vectors),
        projected is not None, route.reader is not None, route.out is not None,
        num_warps=warps_of(size),
    )  # fmt: skip


def _matrix_gradient(run: _Run, i: int, d_a: Tensor) -> Tensor:
    """Gradient of a cell's matrix over the window: one product."""
    model = run.window.model
    width, z = model.config.wiring.width(model.places[i]), run.z[i][: len(d_a)]
    gradient = torch.mm(d_a.flatten(0, 1).t(), z.flatten(0, 1))[:, :width]
    return with_byte_columns(model, i, gradient.to(model.output.weight.dtype))


def _vector_gradients(sums: Tensor, size: int) -> tuple[Tensor, ...]:
    """Of gains and biases of the gates [4, H] and of the cell [H], from sums [programs, 10 H]."""
    total = sums.sum(0).view(10, size)
    return total[:4], total[4:8], total[8], total[9]
