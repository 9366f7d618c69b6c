"""The one kernel call of a step: the eight decisions of a byte in each active lane, predicted, decoded and learned.

Stands where engine, mixer and coder meet, so that a step costs one call from Python instead of many.  Within a step
the order is (bit, lane), most significant bit first.  Guarded by ``tests/test_predictor.py``, which does the same in
separate calls.  ``words`` and ``state`` are a ``BinaryDecoder``'s; ``symbols`` uint8 [n]: the bytes of n active lanes.
"""

import numpy as np

from fscompress.coder.kernels import decode_bit
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
