"""The one kernel call of a decision in coding scheme 1: nodes of the sum trees, network p1, mixer; all active lanes.

Stands where engine and mixer meet, so that a decision costs one call from Python instead of many.  Guarded by
``tests/test_predictor.py``, which does the same in separate calls.
"""

from fscompress.engine.kernels import node_p1
from fscompress.jit import kernel
from fscompress.mixer.kernels import learn, predict
from fscompress.mixer.layout import LANES, N_BYTES, STARTED, STEP


@kernel
def next_decision(shape, slots, maps, weights, lanes, inputs, history, links, bits, trees, nodes, given, p1):
    """Learns ``bits`` (int32 [lanes of the decision before]; ignored at the block's first), then predicts ``p1``.

    ``trees`` int32 [n_networks, S, 512]; ``nodes`` int32 [S], 1 at the beginning of each byte; ``given`` uint16
    [n_networks, S] is scratch; ``p1`` uint16 [S].  The eight arrays before are the mixer's state.  Returns active
    lanes.
    """
    if shape[STARTED]:
        for s in range(bits.shape[0]):
            node = 2 * nodes[s] + bits[s]
            nodes[s] = node if node < 256 else 1
        learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)
    shape[STARTED] = 1
    whole = shape[N_BYTES] // shape[LANES]
    active = shape[LANES] if shape[STEP] < whole else shape[N_BYTES] % shape[LANES]
    for k in range(trees.shape[0]):
        node_p1(trees[k], nodes[:active], given[k])
    predict(shape, slots, maps, weights, lanes, inputs, given, p1)
    return active
