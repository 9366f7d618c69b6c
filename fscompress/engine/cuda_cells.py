"""docs/INTEGER.md, sections 4 and 4.1, on torch tensors: what ``reference_cells.py`` does, a function a kind of cell.

Each takes x int64 [M, GH], the members of the old state int64 [M, H], the cell's constants and the tables, and gives
the members of the new state before zoneout.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fscompress.engine import arithmetic as q
from fscompress.engine import kinds
from fscompress.engine.cuda_arithmetic import Members, Norm, Tables, layer_norm, table_index
from fscompress.engine.spec import N_GATES


@dataclass(frozen=True)
class Constants:
    """Of a cell: ``norm`` holds epsilon [norms, 1], gain [norms, H] and bias [biases, H], int64; ``scalars`` (Q15)."""

    norm: Norm
    scalars: tuple[int, ...]


Step = Callable[[Tensor, Members, Constants, Tables], Members]


def _gates(x: Tensor, cell: Constants) -> tuple[Tensor, ...]:
    """Rows of x with their biases, int64 [M, H] each."""
    return (x.view(len(x), len(cell.norm.bias), -1) + cell.norm.bias).unbind(1)


def _new_c(f: Tensor, i: Tensor, shown: Tensor, c: Tensor) -> Tensor:
    """f c + i shown, rounded and saturated; f, i and shown in Q15."""
    return (f * c + 2 * i * shown + (1 << 14) >> 15).clamp(-q.X_MAX, q.X_MAX)


def _clip_h(h: Tensor) -> Tensor:
    """h (Q14) kept in [-1, 1]."""
    return h.clamp(-(1 << q.HIDDEN_Q), 1 << q.HIDDEN_Q)


def lstm(x: Tensor, old: Members, cell: Constants, tables: Tables) -> Members:
    """The layer-normalised LSTM."""
    epsilon, gain, bias = cell.norm
    gates = Norm(epsilon[:N_GATES], gain[:N_GATES], bias[:N_GATES])
    index = table_index(layer_norm(x.view(len(x), N_GATES, -1), gates, tables.powers))
    f, i, o = tables.sigmoid[index[:, :3]].unbind(1)
    c = _new_c(f, i, tables.tanh[index[:, 3]], old[1])
    normed = layer_norm(c, Norm(epsilon[N_GATES], gain[N_GATES], bias[N_GATES]), tables.powers)
    return o * tables.tanh[table_index(normed)] + (1 << 15) >> 16, c


def plain_lstm(x: Tensor, old: Members, cell: Constants, tables: Tables) -> Members:
    """The LSTM without normalisation."""
    index = table_index(torch.stack(_gates(x, cell), 1))
    f, i, o = tables.sigmoid[index[:, :3]].unbind(1)
    c = _new_c(f, i, tables.tanh[index[:, 3]], old[1])
    return o * tables.tanh[table_index(c + (1 << 6) >> q.CELL_Q - q.GATE_Q)] + (1 << 15) >> 16, c


def gru(x: Tensor, old: Members, cell: Constants, tables: Tables) -> Members:
    """The gated recurrent unit."""
    r, z, by_input, by_state = _gates(x, cell)
    reset, update = tables.sigmoid[table_index(r)], tables.sigmoid[table_index(z)]
    n = tables.tanh[table_index(by_input + (reset * by_state + (1 << 14) >> 15))]
    return (((1 << 15) - update) * n + 2 * update * old[0] + (1 << 15) >> 16,)


def rnn(x: Tensor, _old: Members, cell: Constants, tables: Tables) -> Members:
    """The vanilla cell."""
    return (tables.tanh[table_index(x + cell.norm.bias[0])] + 1 >> 1,)


def fast_rnn(x: Tensor, old: Members, cell: Constants, tables: Tables) -> Members:
    """FastRNN."""
    alpha, beta = cell.scalars
    h = alpha * tables.tanh[table_index(x + cell.norm.bias[0])] + 2 * beta * old[0] + (1 << 15) >> 16
    return (_clip_h(h),)


def fast_grnn(x: Tensor, old: Members, cell: Constants, tables: Tables) -> Members:
    """FastGRNN."""
    zeta, nu = cell.scalars
    z = tables.sigmoid[table_index(x + cell.norm.bias[0])]
    written = (zeta * ((1 << 15) - z) + (1 << 14) >> 15) + nu
    h = written * tables.tanh[table_index(x + cell.norm.bias[1])] + 2 * z * old[0] + (1 << 15) >> 16
    return (_clip_h(h),)


STEPS: dict[str, Step] = {
    kinds.LSTM: lstm,
    kinds.LSTM_PLAIN: plain_lstm,
    kinds.GRU: gru,
    kinds.RNN: rnn,
    kinds.FAST_RNN: fast_rnn,
    kinds.FAST_GRNN: fast_grnn,
}
