"""Kernels of the cells without layer normalisation; each must equal the same function of ``reference_cells.py``.

Arithmetic, Q formats and bounds are those of docs/INTEGER.md, section 4.1; how loops are kept narrow is said in
``kernels.py``.
"""

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.kernels import (
    HALF_H8,
    HIDDEN_MAX,
    HIDDEN_OFFSET,
    ONE,
    TABLE_HALF,
    TABLE_LAST,
    ZERO,
    look_up,
    look_up_into,
    new_cell_into,
    zone_out_into,
)
from fscompress.engine.kinds import FAST_GRNN, FAST_RNN, GRU, KINDS, LSTM_PLAIN
from fscompress.jit import kernel

NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
IS_PLAIN, IS_GRU, IS_FAST_RNN, IS_FAST_GRNN = (NUMBERS[kind] for kind in (LSTM_PLAIN, GRU, FAST_RNN, FAST_GRNN))
UNIT, LIMIT = np.int32(1 << q.PROBABILITY_Q), np.int64(1 << q.HIDDEN_Q)
HALF_PRODUCT, HALF_CELL, HALF_GATE = np.int32(1 << 15), np.int32(1 << 6), np.int64(1 << 14)
CELL_TO_GATE = np.int32(q.CELL_Q - q.GATE_Q)


@kernel
def sums_into(accumulator, offset, multiplier, shift, x):
    """x = (accumulator - offset) * multiplier >> shift for one row, all int32 [GH]."""
    for j in range(x.shape[0]):
        a = np.int64(np.int32(accumulator[j] - offset[j]))
        x[j] = np.int32((a * np.int64(multiplier[j])) >> shift)


@kernel
def add_into(row, x):
    """x += row, int32 [GH]."""
    for j in range(x.shape[0]):
        x[j] = np.int32(x[j] + row[j])


@kernel
def index_into(x, bias, index):
    """Where x + bias (Q9, int32 [N]) stands in the tables of sigmoid and tanh, saturated: uint16 [N]."""
    for j in range(x.shape[0]):
        y = np.int32(np.int32(x[j] + bias[j]) + TABLE_HALF)
        index[j] = np.uint16(min(max(y, ZERO), TABLE_LAST))


@kernel
def plain_lstm_into(x, bias, keep, sigmoid, tanh, c, new, index):
    """An LSTM without normalisation: ``new`` is h before zoneout; updates c."""
    size = c.shape[0]
    new_c, opened = x[:size], x[size : 2 * size]
    f, i, g = index[:size], index[size : 2 * size], index[3 * size : 4 * size]
    index_into(x, bias, index[: 4 * size])
    look_up(sigmoid, index[: 2 * size])
    look_up(tanh, g)
    new_cell_into(f, i, g, c, new_c)
    look_up_into(sigmoid, index[2 * size : 3 * size], opened)
    for j in range(size):
        y = np.int32(np.int32(np.int32(new_c[j] + HALF_CELL) >> CELL_TO_GATE) + TABLE_HALF)
        index[j] = np.uint16(min(max(y, ZERO), TABLE_LAST))
    look_up_into(tanh, index[:size], new)
    for j in range(size):
        new[j] = np.int32(np.int32(opened[j] * new[j]) + HALF_PRODUCT) >> np.int32(16)
    if keep[1]:
        zone_out_into(new_c, c, keep[1])
    for j in range(size):
        c[j] = new_c[j]


@kernel
def gru_into(x, bias, sigmoid, tanh, h, new, index):
    """A gated recurrent unit; ``new`` is h before zoneout."""
    size = h.shape[0]
    reset, update, by_state = x[:size], x[size : 2 * size], x[3 * size : 4 * size]
    index_into(x[: 2 * size], bias[: 2 * size], index[: 2 * size])
    look_up_into(sigmoid, index[: 2 * size], x[: 2 * size])
    add_into(bias[3 * size : 4 * size], by_state)
    for j in range(size):
        by_state[j] = np.int32((np.int64(reset[j]) * np.int64(by_state[j]) + HALF_GATE) >> np.int64(15))
    add_into(x[2 * size : 3 * size], by_state)
    index_into(by_state, bias[2 * size : 3 * size], index[:size])
    look_up_into(tanh, index[:size], new)
    for j in range(size):
        written = np.int32(np.int32(UNIT - update[j]) * new[j])
        held = np.int32(np.int32(update[j] * h[j]) << ONE)
        new[j] = np.int32(np.int32(written + held) + HALF_PRODUCT) >> np.int32(16)


@kernel
def rnn_into(x, bias, tanh, new, index):
    """The vanilla cell; ``new`` is h before zoneout."""
    index_into(x, bias, index[: x.shape[0]])
    look_up_into(tanh, index[: x.shape[0]], new)
    for j in range(new.shape[0]):
        new[j] = np.int32(new[j] + ONE) >> ONE


@kernel
def weighted_into(shown, by_shown, h, by_h, j):
    """shown * by_shown + h * by_h of unit j (Q15, but h Q14), rounded and clipped to [-1, 1]."""
    both = np.int64(shown[j]) * np.int64(by_shown) + np.int64(h[j]) * np.int64(np.int32(by_h << ONE))
    wide = (both + np.int64(HALF_PRODUCT)) >> np.int64(16)
    shown[j] = np.int32(min(max(wide, -LIMIT), LIMIT))


@kernel
def fast_rnn_into(x, bias, scalars, tanh, h, new, index):
    """FastRNN; ``new`` is h before zoneout."""
    index_into(x, bias, index[: x.shape[0]])
    look_up_into(tanh, index[: x.shape[0]], new)
    for j in range(new.shape[0]):
        weighted_into(new, scalars[0], h, scalars[1], j)


@kernel
def fast_grnn_into(x, bias, scalars, sigmoid, tanh, h, new, index):
    """FastGRNN; ``new`` is h before zoneout."""
    size = h.shape[0]
    index_into(x, bias[size : 2 * size], index[:size])
    look_up_into(tanh, index[:size], new)
    index_into(x, bias[:size], index[:size])
    look_up_into(sigmoid, index[:size], x)
    zeta, nu = np.int64(scalars[0]), scalars[1]
    for j in range(size):
        written = np.int32((zeta * np.int64(np.int32(UNIT - x[j])) + HALF_GATE) >> np.int64(15))
        weighted_into(new, np.int32(written + nu), h, x[j], j)


@kernel
def keep_hidden_into(new, keep, h, h8):
    """h = ``new``, zoned out with the old h, all int32 [H]; h8 + 128 goes to ``h8`` (uint8 [H])."""
    if keep:
        zone_out_into(new, h, keep)
    for j in range(h.shape[0]):
        h[j] = new[j]
        h8[j] = np.uint8(np.int32(np.int32(new[j] * HIDDEN_MAX + HALF_H8) >> np.int32(14)) + HIDDEN_OFFSET)


@kernel
def cell_step(
    accumulator,
    offset,
    multiplier,
    table,
    symbols,
    number,
    shift,
    bias,
    keep,
    scalars,
    sigmoid,
    tanh,
    h,
    c,
    z,
    column,
    narrow,
    x,
    new,
    index,
):
    """One cell of the kind of that ``number`` for the n lanes of ``symbols``; arguments are those of ``lstm_step``.

    ``shift`` is that of the product; ``bias`` and ``scalars`` are flat; ``x`` int32 [GH], ``new`` int32 [H] and
    ``index`` uint16 [GH] are scratch.
    """
    size = h.shape[1]
    for s in range(symbols.shape[0]):
        sums_into(accumulator[s], offset, multiplier, shift, x)
        if table.shape[0]:
            add_into(table[symbols[s]], x)
        if number == IS_PLAIN:
            plain_lstm_into(x, bias, keep, sigmoid, tanh, c[s], new, index)
        elif number == IS_GRU:
            gru_into(x, bias, sigmoid, tanh, h[s], new, index)
        elif number == IS_FAST_RNN:
            fast_rnn_into(x, bias, scalars, tanh, h[s], new, index)
        elif number == IS_FAST_GRNN:
            fast_grnn_into(x, bias, scalars, sigmoid, tanh, h[s], new, index)
        else:
            rnn_into(x, bias, tanh, new, index)
        row8 = z[s, column : column + size]
        keep_hidden_into(new, keep[0], h[s], row8)
        if narrow.shape[1]:
            for j in range(size):
                narrow[s, j] = row8[j]
