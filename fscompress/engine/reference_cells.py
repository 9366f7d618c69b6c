"""docs/INTEGER.md, sections 4, 4.1 and 5, in numpy int64: the pointwise part of a step, a function a kind of cell.

Each takes x int64 [n, GH], the old state int64 [n, H] of each member, the cell and the model, and gives the new state
before zoneout.
"""

from collections.abc import Callable, Sequence

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine import kinds
from fscompress.engine.spec import I16, I64, N_GATES, IntegerCell, IntegerModel

State = Sequence[I64]
Step = Callable[[I64, State, IntegerCell, IntegerModel], State]


def integer_root(v: I64) -> I64:
    """floor(sqrt(v)) for 0 <= v < 2**60: a float estimate, corrected in integers."""
    root = np.sqrt(v.astype(np.float64)).astype(np.int64)
    root -= root * root > v
    return root + ((root + 1) * (root + 1) <= v)


def layer_norm(x: I64, epsilon: np.int64, gain: I64, bias: I64) -> I64:
    """Layer normalisation over the last axis (INTEGER.md, "Layer normalisation").

    Args: x int64 [..., H], |x| <= 2**24; gain (Q27), bias (Q9) int64 [H].  Returns Q9, |y| < 2**22.
    """
    size = x.shape[-1]
    d = x - x.sum(axis=-1, keepdims=True) // size
    variance = (d * d).sum(axis=-1, keepdims=True) // size + epsilon
    root = integer_root(variance << q.NORM_ROOT_SHIFT)
    up = q.NORM_BITS - np.frexp(root.astype(np.float64))[1].astype(np.int64)  # 21 - bit length, exact: root < 2**53
    left, right = np.maximum(up, 0), np.maximum(-up, 0)
    reciprocal = (1 << q.NORM_RECIPROCAL) // (root << left >> right)
    n = (d << left >> right) * reciprocal >> q.PRODUCT_SHIFT
    y: I64 = (n * gain + (1 << 31) >> 32) + bias
    return y


def look_up(table: I16, y: I64) -> I64:
    """Table value (Q15) at a Q9 argument, saturated to -8..8."""
    return table[np.clip(y + q.TABLE_HALF, 0, q.TABLE_SIZE - 1)].astype(np.int64)


def rows(x: I64, cell: IntegerCell) -> list[I64]:
    """The rows of x, int64 [n, H] each."""
    return [x[:, start : start + cell.bias.shape[1]] for start in range(0, x.shape[1], cell.bias.shape[1])]


def new_c(f: I64, i: I64, g: I64, c: I64, model: IntegerModel) -> I64:
    """s(f) c + s(i) tanh(g), rounded and saturated."""
    sigmoid, tanh = model.sigmoid, model.tanh
    both = look_up(sigmoid, f) * c + 2 * look_up(sigmoid, i) * look_up(tanh, g) + (1 << 14) >> 15
    clipped: I64 = np.clip(both, -q.X_MAX, q.X_MAX)
    return clipped


def clip_h(h: I64) -> I64:
    """h (Q14) kept in [-1, 1]."""
    clipped: I64 = np.clip(h, -(1 << q.HIDDEN_Q), 1 << q.HIDDEN_Q)
    return clipped


def lstm(x: I64, old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """The layer-normalised LSTM (Mujika et al. 2017, equations 1 to 3)."""
    gain, bias, epsilon = cell.gain.astype(np.int64), cell.bias.astype(np.int64), cell.epsilon
    normed = [layer_norm(gate, epsilon[k], gain[k], bias[k]) for k, gate in enumerate(rows(x, cell))]
    f, i, o, g = normed
    c = new_c(f, i, g, old[1], model)
    shown = look_up(model.tanh, layer_norm(c, epsilon[N_GATES], gain[N_GATES], bias[N_GATES]))
    return look_up(model.sigmoid, o) * shown + (1 << 15) >> 16, c


def plain_lstm(x: I64, old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """The LSTM as it stands (Mujika et al. 2017, equations 1 to 3)."""
    f, i, o, g = (gate + bias for gate, bias in zip(rows(x, cell), cell.bias, strict=True))
    c = new_c(f, i, g, old[1], model)
    shown = look_up(model.tanh, c + (1 << 6) >> q.CELL_Q - q.GATE_Q)
    return look_up(model.sigmoid, o) * shown + (1 << 15) >> 16, c


def gru(x: I64, old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """The gated recurrent unit (Cho et al. 2014), its reset gate after the product."""
    r, z, by_input, by_state = (gate + bias for gate, bias in zip(rows(x, cell), cell.bias, strict=True))
    update = look_up(model.sigmoid, z)
    n = look_up(model.tanh, by_input + (look_up(model.sigmoid, r) * by_state + (1 << 14) >> 15))
    return (((1 << 15) - update) * n + 2 * update * old[0] + (1 << 15) >> 16,)


def rnn(x: I64, _old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """The vanilla cell (Elman 1990)."""
    return (look_up(model.tanh, x + cell.bias[0]) + 1 >> 1,)


def fast_rnn(x: I64, old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """FastRNN (Kusupati et al. 2018, section 3.1)."""
    alpha, beta = cell.scalars.astype(np.int64)
    return (clip_h(alpha * look_up(model.tanh, x + cell.bias[0]) + 2 * beta * old[0] + (1 << 15) >> 16),)


def fast_grnn(x: I64, old: State, cell: IntegerCell, model: IntegerModel) -> State:
    """FastGRNN (Kusupati et al. 2018, section 3.2)."""
    zeta, nu = cell.scalars.astype(np.int64)
    z, shown = look_up(model.sigmoid, x + cell.bias[0]), look_up(model.tanh, x + cell.bias[1])
    written = (zeta * ((1 << 15) - z) + (1 << 14) >> 15) + nu
    return (clip_h(written * shown + 2 * z * old[0] + (1 << 15) >> 16),)


STEPS: dict[str, Step] = {
    kinds.LSTM: lstm,
    kinds.LSTM_PLAIN: plain_lstm,
    kinds.GRU: gru,
    kinds.RNN: rnn,
    kinds.FAST_RNN: fast_rnn,
    kinds.FAST_GRNN: fast_grnn,
}
