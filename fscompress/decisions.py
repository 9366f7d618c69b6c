"""The one kernel call of a step, or of many: the decisions of a byte in each active lane, predicted, decoded, learned.

Stands where engine, mixer and coder meet, so that Python calls once a step instead of once a decision; or, where the
network's step is a kernel as well, once a run of steps.  Within a step the order is (bit, lane), most significant bit
first.  Guarded by ``tests/test_predictor.py``, which does the same in separate calls.  ``words`` and ``state`` are a
``BinaryDecoder``'s; ``symbols`` uint8 [n]: the bytes of n active lanes.
"""

import numpy as np

from fscompress.coder.kernels import decode_bit
from fscompress.engine.few_lanes_kernels import network_step
from fscompress.engine.kernels import node_p1
from fscompress.jit import kernel
from fscompress.mixer.kernels import learn, predict
from fscompress.mixer.layout import NODE


@kernel
def read_path(tree, state, words, symbols, nodes):
    """Decodes the step of a network alone: ``symbols`` from ``tree`` int32 [S, 512]; ``nodes`` int32 [S] is scratch."""
    n = symbols.shape[0]
    for s in range(n):
        nodes[s] = 1
    for _ in range(8):
        for s in range(n):
            nodes[s] = 2 * nodes[s] + decode_bit(state, words, node_p1(tree, s, nodes[s]))
    for s in range(n):
        symbols[s] = nodes[s] & 255


@kernel
def predict_step(shape, slots, maps, weights, lanes, inputs, history, links, trees, symbols, given, bits, p1):
    """p1 uint16 [8, n] of a step whose bytes are known, learned at once.

    ``trees`` int32 [n_networks, S, 512]; ``given`` uint16 [n_networks, S] and ``bits`` uint8 [S] are scratch.  The
    eight arrays before are the mixer's state.
    """
    n = symbols.shape[0]
    for bit in range(8):
        for s in range(n):
            bits[s] = (symbols[s] >> (7 - bit)) & 1
            for k in range(trees.shape[0]):
                given[k, s] = node_p1(trees[k], s, lanes[s, NODE])
        predict(shape, slots, maps, weights, lanes, inputs, given, p1[bit])
        learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)


@kernel
def read_step(
    shape, slots, maps, weights, lanes, inputs, history, links, trees, state, words, symbols, given, bits, p1
):
    """Decodes a step into ``symbols``; else like ``predict_step``, with ``p1`` uint16 [S] as scratch."""
    n = symbols.shape[0]
    for s in range(n):
        symbols[s] = 0
    for _ in range(8):
        for s in range(n):
            for k in range(trees.shape[0]):
                given[k, s] = node_p1(trees[k], s, lanes[s, NODE])
        predict(shape, slots, maps, weights, lanes, inputs, given, p1)
        for s in range(n):
            bits[s] = decode_bit(state, words, np.int64(p1[s]))
            symbols[s] = (symbols[s] << 1 | bits[s]) & 255
        learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)


@kernel
def _read_next(network, symbols, left):
    """The network reads the step's bytes in the lanes that go on; returns how many bytes are still to come."""
    left -= symbols.shape[0]
    going_on = min(symbols.shape[0], left)
    if going_on > 0:
        network_step(symbols[:going_on], *network)
    return left


@kernel
def predict_run(mixer, network, trees, rows, left, given, bits, p1):
    """p1 uint16 [T, 8, n] of T steps of n lanes, whose bytes ``rows`` uint8 [T, n] are known; then as ``predict_step``.

    ``mixer`` is the tuple of its state, ``network`` that of ``network_step``'s arguments, ``left`` the number of bytes
    that the block still has.
    """
    for t in range(rows.shape[0]):
        predict_step(*mixer, trees, rows[t], given, bits, p1[t])
        left = _read_next(network, rows[t], left)


@kernel
def read_run(mixer, network, trees, state, words, rows, left, given, bits, p1):
    """Decodes T steps of n lanes into ``rows`` uint8 [T, n]; else like ``predict_run`` and ``read_step``."""
    for t in range(rows.shape[0]):
        read_step(*mixer, trees, state, words, rows[t], given, bits, p1)
        left = _read_next(network, rows[t], left)
