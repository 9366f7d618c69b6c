"""Fused integer kernels of the ``cpu`` engine; each must equal the same step of ``reference.py`` (tests/engine/).

Arithmetic, Q formats and bounds are those of docs/INTEGER.md.  Every product below is of two int32 taken to int64, which
processors multiply in vectors; shifts are arithmetic (floor).
"""

import math

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.jit import kernel

NORM_BITS, NORM_ROOT_SHIFT, NORM_RECIPROCAL = q.NORM_BITS, q.NORM_ROOT_SHIFT, q.NORM_RECIPROCAL
TABLE_HALF, TABLE_LAST = q.TABLE_HALF, q.TABLE_SIZE - 1
X_MAX, HIDDEN_MAX, HIDDEN_Q, HIDDEN_OFFSET = q.X_MAX, q.HIDDEN_MAX, q.HIDDEN_Q, q.HIDDEN_OFFSET
LOGIT_Q, EXP2_LAST = q.LOGIT_Q, q.EXP2_SIZE - 1
P1_BITS, P1_MIN, P1_MAX = q.P1_BITS, q.P1_MIN, q.P1_MAX


@kernel
def integer_root(v):
    """floor(sqrt(v)), int64, 0 <= v < 2**60; the float is only a guess that the integer comparisons correct."""
    root = np.int64(math.sqrt(np.float64(v)))
    while root * root > v:
        root -= 1
    while (root + 1) * (root + 1) <= v:
        root += 1
    return root


@kernel
def norm_into(x, start, size, epsilon, gain, bias, out):
    """Layer normalisation of x[start:start + size] into table indices out[start:...] (int32, saturated to 0..8191)."""
    total = np.int64(0)
    for j in range(start, start + size):
        total += np.int64(x[j])
    mean = np.int32(total // size)
    squares = np.int64(0)
    for j in range(start, start + size):
        d = np.int64(np.int32(x[j] - mean))
        squares += d * d
    root = integer_root((squares // size + epsilon) << NORM_ROOT_SHIFT)
    bits = 0
    while root >> bits:
        bits += 1
    left = max(NORM_BITS - bits, 0)
    right = max(bits - NORM_BITS, 0)
    reciprocal = np.int64(np.int32((np.int64(1) << NORM_RECIPROCAL) // (root << left >> right)))
    for j in range(size):
        d = np.int64(np.int32((np.int32(x[start + j] - mean) << left) >> right))
        n = np.int64(np.int32((d * reciprocal) >> 32))
        y = np.int32((n * np.int64(gain[j]) + (np.int64(1) << 31)) >> 32) + bias[j]
        out[start + j] = min(max(y + TABLE_HALF, 0), TABLE_LAST)


@kernel
def lstm_step(
    accumulator, offset, multiplier, table, symbols, epsilon, gain, bias, keep, sigmoid, tanh, h, c, z, column, narrow, x, index
):
    """One LSTM cell for all rows of ``accumulator`` (int32 [n, 4H], sums of weight * (h8 + 128)).

    ``offset`` int32 [4H] is 128 * sum of weights; ``table`` int32 [256, 4H] is added by ``symbols`` where it has rows.
    Updates h, c (int32 [S, H]) and writes h8 + 128 to z[:, column:column + H] and, where it has columns, to ``narrow``.
    ``x``, ``index`` are int32 scratch of 4H.
    """
    size = h.shape[1]
    h_keep, c_keep = np.int64(keep[0]), np.int64(keep[1])
    for s in range(accumulator.shape[0]):
        for j in range(4 * size):
            a = np.int64(np.int32(accumulator[s, j] - offset[j]))
            x[j] = np.int32((a * np.int64(multiplier[j])) >> 32)
        if table.shape[0]:
            row = np.int64(symbols[s])
            for j in range(4 * size):
                x[j] += table[row, j]
        for k in range(4):
            norm_into(x, k * size, size, epsilon[k], gain[k], bias[k], index)
        for j in range(size):
            forget = np.int64(sigmoid[index[j]])
            write = np.int64(sigmoid[index[size + j]]) * np.int64(tanh[index[3 * size + j]])
            new = (forget * np.int64(c[s, j]) + 2 * write + (1 << 14)) >> 15
            x[j] = np.int32(min(max(new, -X_MAX), X_MAX))
        norm_into(x, 0, size, epsilon[4], gain[4], bias[4], index)
        for j in range(size):
            new_h = (np.int64(sigmoid[index[2 * size + j]]) * np.int64(tanh[index[j]]) + (1 << 15)) >> 16
            new_h += ((np.int64(h[s, j]) - new_h) * h_keep) >> 15
            h[s, j] = np.int32(new_h)
            c[s, j] = np.int32(np.int64(x[j]) + (((np.int64(c[s, j]) - np.int64(x[j])) * c_keep) >> 15))
            z[s, column + j] = np.uint8(((new_h * HIDDEN_MAX + (1 << (HIDDEN_Q - 1))) >> HIDDEN_Q) + HIDDEN_OFFSET)
        if narrow.shape[1]:
            for j in range(size):
                narrow[s, j] = z[s, column + j]


@kernel
def sum_trees(accumulator, offset, multiplier, bias, shift, exp2, tree, logits):
    """Sum trees int32 [n, 512] from the output product (int32 [n, 256], of h8 + 128); ``logits`` is int32 scratch of 256."""
    for s in range(accumulator.shape[0]):
        top = np.int32(-(1 << 31) + 1)
        for v in range(256):
            a = np.int64(np.int32(accumulator[s, v] - offset[v]))
            logits[v] = np.int32((a * np.int64(multiplier[v])) >> shift) + bias[v]
            top = max(top, logits[v])
        for v in range(256):
            below = top - logits[v]
            tree[s, 256 + v] = max(exp2[below & EXP2_LAST] >> min(below >> LOGIT_Q, 31), 1)
        for node in range(255, 0, -1):
            tree[s, node] = tree[s, 2 * node] + tree[s, 2 * node + 1]


@kernel
def node_p1(tree, nodes, p1):
    """p1[s] = probability of a one at node nodes[s] of lane s's tree, out of 2**16, clipped to P1_MIN..P1_MAX."""
    for s in range(nodes.shape[0]):
        node = nodes[s]
        one = (np.int64(tree[s, 2 * node + 1]) << P1_BITS) // np.int64(tree[s, node])
        p1[s] = min(max(one, P1_MIN), P1_MAX)
