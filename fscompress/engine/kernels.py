"""Fused integer kernels of the ``cpu`` engine; each must equal the same step of ``reference.py`` (tests/engine/).

Arithmetic, Q formats and bounds are those of docs/INTEGER.md.  Every product below is of two int32 taken to int64,
which processors multiply in vectors; shifts are arithmetic (floor).  The many ``np.int32(...)`` keep the loops
narrow: numba widens every sum of two int32 to int64 otherwise, and half as many numbers fit a vector.  Table indices
are uint16, so that numba needs no check for negative ones.
"""

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.norm_kernels import divide_into, gates_into, normalise_by, whole_vectors
from fscompress.engine.vectors import look_up_vectors, new_cell
from fscompress.jit import kernel

GATES = 4  # of an LSTM: f, i and o, which are sigmoids, and g, a tanh
HALF_C, HALF_H8 = np.int64(1 << 14), np.int32(1 << 13)
TABLE_HALF, TABLE_LAST = np.int32(q.TABLE_HALF), np.int32(q.TABLE_SIZE - 1)
X_MAX, HIDDEN_MAX, HIDDEN_OFFSET = np.int64(q.X_MAX), np.int32(q.HIDDEN_MAX), np.int32(q.HIDDEN_OFFSET)
LOGIT_Q, EXP2_LAST = np.int32(q.LOGIT_Q), np.int32(q.EXP2_SIZE - 1)
ZERO, ONE, LONGEST_SHIFT = np.int32(0), np.int32(1), np.int32(31)
P1_BITS, P1_MIN, P1_MAX = q.P1_BITS, q.P1_MIN, q.P1_MAX


@kernel
def look_up_into(table, index, out):
    """out = table[index], int32 [H]: processors load a table's entries one by one, and what follows goes in vectors."""
    whole = whole_vectors(out.shape[0])
    look_up_vectors(table, index, out, whole)
    for j in range(whole, out.shape[0]):
        out[j] = table[index[j]]


@kernel
def look_up(table, index):
    """index = table[index], whose int16 take the places of uint16 [H]."""
    whole = whole_vectors(index.shape[0])
    look_up_vectors(table, index, index, whole)
    for j in range(whole, index.shape[0]):
        index[j] = np.uint16(table[index[j]])


@kernel
def new_cell_into(opened, write, shown, c, new):
    """new = opened * c + write * shown, saturated.

    What the gates f, i and g say is in Q15, int16 in the places of uint16 [H]; c and new are int32 [H] in Q16.  Returns
    the sum of new and that of its squares, int64.
    """
    size = c.shape[0]
    whole = whole_vectors(size)
    total, squares = new_cell(opened, write, shown, c, new, whole)
    for j in range(whole, size):
        written = np.int64(np.int32(np.int32(np.int16(write[j])) * np.int32(np.int16(shown[j]))))
        both = np.int64(np.int16(opened[j])) * np.int64(c[j]) + np.int64(2) * written + HALF_C
        new[j] = np.int32(min(max(both >> np.int64(15), -X_MAX), X_MAX))
        total += np.int64(new[j])
        squares += np.int64(new[j]) * np.int64(new[j])
    return total, squares


@kernel
def zone_out_into(new, old, keep):
    """new += (old - new) * keep, where ``keep`` is a probability in Q15; both int32 [H]."""
    wide = np.int64(np.int32(keep))
    for j in range(new.shape[0]):
        new[j] = np.int32(new[j] + np.int32((np.int64(np.int32(old[j] - new[j])) * wide) >> np.int64(15)))


@kernel
def new_hidden_into(opened, shown, keep, h, h8):
    """h = opened * shown (both int32 [H], Q15; overwritten), zoned out with the old h (int32 [H], Q14).

    h8 + 128 goes to ``h8`` (uint8 [H]).
    """
    for j in range(h.shape[0]):
        product = np.int32(opened[j] * shown[j])
        opened[j] = np.int32(np.int32(product >> np.int32(15)) + ONE) >> ONE  # rounded; product + HALF may not fit
    if keep:
        zone_out_into(opened, h, keep)
    for j in range(h.shape[0]):
        new = opened[j]
        h[j] = new
        h8[j] = np.uint8(np.int32(np.int32(new * HIDDEN_MAX + HALF_H8) >> np.int32(14)) + HIDDEN_OFFSET)


@kernel
def hidden_of_cell(o, new_c, numbers, gain, bias, keep, sigmoid, tanh, h, c, h8, x, normed):
    """What follows the new cell: h, c (int32 [H]) and h8 + 128 (uint8 [H]) from ``new_c``, which may be c itself.

    o: table indices uint16 [H]; ``numbers`` (see ``normalise_by``), ``gain`` and ``bias`` (int32 [H]) normalise the
    cell; ``keep``: zoneout of h and c, the latter 0 where ``new_c`` is c.  x (int32 [2H]) and ``normed`` (uint16 [H])
    are scratch.
    """
    size = h.shape[0]
    opened, shown = x[:size], x[size : 2 * size]
    look_up_into(sigmoid, o, opened)  # a root and a division may be under way
    normalise_by(new_c, numbers, gain, bias, normed)
    look_up_into(tanh, normed, shown)
    new_hidden_into(opened, shown, keep[0], h, h8)
    if keep[1]:
        zone_out_into(new_c, c, keep[1])
        for j in range(size):
            c[j] = new_c[j]


@kernel
def lstm_step(
    accumulator,
    offset,
    multiplier,
    table,
    symbols,
    epsilon,
    gain,
    bias,
    keep,
    sigmoid,
    tanh,
    h,
    c,
    z,
    column,
    narrow,
    x,
    index,
    numbers,
):
    """One LSTM cell for the n lanes of ``symbols`` from ``accumulator`` (int32 [n, >= 4H], sums of w * (h8 + 128)).

    ``offset`` int32 [4H] is 128 * sum of weights; ``table`` int32 [256, 4H] is added by ``symbols`` where it has rows;
    ``gain`` and ``bias`` int32 [5H] are those of the gates, then that of the cell.
    Updates h, c (int32 [S, H]) and writes h8 + 128 to z[:, column:column + H] and, where it has columns, to ``narrow``.
    ``x`` int32 [4H], ``index`` uint16 [5H] and ``numbers`` int64 [4, 4] are scratch.
    """
    size = h.shape[1]
    gates, end = GATES * size, (GATES + 1) * size
    f, i, o, g = index[:size], index[size : 2 * size], index[2 * size : 3 * size], index[3 * size : gates]
    for s in range(symbols.shape[0]):
        row = table[symbols[s]] if table.shape[0] else offset[:0]
        gates_into(
            accumulator[s],
            offset,
            multiplier,
            row,
            epsilon[:GATES],
            gain[:gates],
            bias[:gates],
            x,
            index[:gates],
            numbers,
        )
        look_up(sigmoid, index[: 2 * size])
        look_up(tanh, g)
        new_c = x[2 * size : 3 * size] if keep[1] else c[s]  # in place where the old one is not needed any more
        numbers[0, 0], numbers[0, 1] = new_cell_into(f, i, g, c[s], new_c)
        divide_into(numbers[0], size, epsilon[GATES])
        row8 = z[s, column : column + size]
        hidden_of_cell(
            o,
            new_c,
            numbers[0],
            gain[gates:end],
            bias[gates:end],
            keep,
            sigmoid,
            tanh,
            h[s],
            c[s],
            row8,
            x,
            index[gates:end],
        )
        if narrow.shape[1]:
            for j in range(size):
                narrow[s, j] = row8[j]


@kernel
def sum_trees(accumulator, n, offset, multiplier, bias, shift, exp2, tree, logits):
    """Sum trees int32 [n, 512] from the output product int32 [n, >= 256] of h8 + 128; ``logits`` [256] is scratch."""
    for s in range(n):
        row, leaves = accumulator[s], tree[s]
        top = np.int32(-(1 << 31) + 1)
        for v in range(256):
            a = np.int64(np.int32(row[v] - offset[v]))
            logits[v] = np.int32(np.int32((a * np.int64(multiplier[v])) >> shift) + bias[v])
            top = max(top, logits[v])
        weights = leaves[256:]
        for v in range(256):
            logits[v] = np.int32(top - logits[v])
        for v in range(256):  # apart from what goes in vectors, as in ``look_up_into``
            weights[v] = exp2[np.uint16(logits[v] & EXP2_LAST)]
        for v in range(256):
            shift_here = min(np.int32(logits[v] >> LOGIT_Q), LONGEST_SHIFT)
            weights[v] = max(np.int32(weights[v] >> shift_here), ONE)
        for node in range(255, 0, -1):
            leaves[node] = np.int32(leaves[2 * node] + leaves[2 * node + 1])


@kernel
def node_p1(tree, s, node):
    """Probability of a one at that node of lane s's tree, out of 2**16, clipped to P1_MIN..P1_MAX."""
    one = (np.int64(tree[s, 2 * node + 1]) << P1_BITS) // np.int64(tree[s, node])
    return min(max(one, P1_MIN), P1_MAX)


@kernel
def path_p1(tree, symbols, p1):
    """p1 uint16 [8, n] along the paths from the root to the leaves of ``symbols`` (uint8 [n])."""
    for s in range(symbols.shape[0]):
        leaf = 256 + np.int64(symbols[s])
        for bit in range(8):
            p1[bit, s] = node_p1(tree, s, leaf >> (8 - bit))
