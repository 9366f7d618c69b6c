"""The mixer over known bytes, with a look at its inputs and weights between prediction and learning.

The same kernels in the same order as ``mixer.kernels.run_steps``, so the same p1: tests/explain compares them.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.kernels import learn, predict
from fscompress.mixer.layout import FINAL_ROW, N_CHOSEN, N_NETWORKS, N_SETS, SELECTED

i64 = np.int64

WEIGHT_BITS = 20  # fraction bits of a weight; evidence keeps those of one, and the 8 of an input


@kernel
def _add_terms(shape, weights, lanes, inputs, lane, at, n, sign):
    """The n inputs from ``at`` times their weights of both layers: their terms of the mixed stretch, summed."""
    total = i64(0)
    for i in range(at, at + n):
        weight = i64(0)
        for j in range(shape[N_SETS]):
            weight += i64(weights[lanes[lane, FINAL_ROW] + j]) * i64(weights[lanes[lane, SELECTED + j] + i])
        total += (weight >> WEIGHT_BITS) * i64(inputs[lane, i])
    return sign * total


@kernel
def _add_evidence(shape, weights, lanes, inputs, bits, evidence):
    """Adds to ``evidence`` int64 [A, groups] what each group of inputs says in favour of ``bits`` uint8 [A]."""
    n = shape[N_CHOSEN]
    for lane in range(bits.shape[0]):
        sign = 2 * i64(bits[lane]) - 1
        evidence[lane, 0] += _add_terms(shape, weights, lanes, inputs, lane, 0, 1, sign)
        evidence[lane, 1] += _add_terms(shape, weights, lanes, inputs, lane, 1, 1, sign)
        for k in range(n):
            evidence[lane, 2 + k] += _add_terms(shape, weights, lanes, inputs, lane, 2 + 3 * k, 3, sign)
        for k in range(1 + shape[N_NETWORKS]):
            evidence[lane, 2 + n + k] += _add_terms(shape, weights, lanes, inputs, lane, 2 + 3 * n + 2 * k, 2, sign)


@kernel
def weigh_steps(mixer, data, networks, p1, evidence, bits, given, here):
    """``run_steps`` that also adds to ``evidence`` int64 [T, A, groups], zeros before.

    Args:
        mixer: its state.
        data: uint8 [T, A].
        networks: uint16 [T, 8, n_networks, A].
        p1: uint16 [T, 8, A], written.
        bits, given, here: scratch as ``run_steps`` has it.
    """
    shape, slots, maps, weights, lanes, inputs, history, links = mixer
    for t in range(data.shape[0]):
        for bit in range(8):
            for lane in range(data.shape[1]):
                bits[lane] = (data[t, lane] >> (7 - bit)) & 1
                for k in range(networks.shape[2]):
                    given[k, lane] = networks[t, bit, k, lane]
            predict(shape, slots, maps, weights, lanes, inputs, given, here)
            _add_evidence(shape, weights, lanes, inputs, bits, evidence[t])
            learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)
            for lane in range(data.shape[1]):
                p1[t, bit, lane] = here[lane]
