"""The one kernel call of a step, or of many: what is decoded of a byte in each active lane, or said of a known one.

Stands where engine, mixer and coder meet, so that Python calls once a step instead of once a decision; or, where the
network's step is a kernel as well, once a run of steps.  Within a step the order is (bit, lane), most significant bit
first.  Guarded by ``tests/test_predictor.py``, which does the same in separate calls.  ``words`` and ``state`` are a
``BinaryDecoder``'s; ``symbols`` uint8 [n]: the bytes of n active lanes.
"""

import numpy as np

from fscompress.coder.kernels import decode_bit
from fscompress.engine.kernels import node_p1, path_p1
from fscompress.engine.step_kernels import network_step
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
def read_step(
    shape, slots, maps, weights, lanes, inputs, history, links, trees, state, words, symbols, given, bits, p1
):
    """Decodes a step of networks and mixer into ``symbols``, learned at once.

    ``trees`` int32 [n_networks, S, 512]; ``given`` uint16 [n_networks, S], ``bits`` uint8 [S] and ``p1`` uint16 [S] are
    scratch.  The eight arrays before are the mixer's state.
    """
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
def network_run(network, tree, rows, left, p1):
    """p1 uint16 [T, 8, n] of a network along the known bytes ``rows`` uint8 [T, n] of T steps, which it reads.

    ``network`` is the tuple of ``network_step``'s arguments, ``left`` the number of bytes that the block still has.
    """
    for t in range(rows.shape[0]):
        path_p1(tree, rows[t], p1[t])
        left = _read_next(network, rows[t], left)


@kernel
def read_run(mixer, network, trees, state, words, rows, left, given, bits, p1):
    """Decodes T steps of n lanes into ``rows`` uint8 [T, n]; ``mixer`` is the tuple of its state, else as above."""
    for t in range(rows.shape[0]):
        read_step(*mixer, trees, state, words, rows[t], given, bits, p1)
        left = _read_next(network, rows[t], left)
