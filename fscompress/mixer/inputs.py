"""The inputs of one decision: what order 0, the contexts, the match and the networks say, as stretched probabilities.

Indices are uint64 here and in ``slots.py``: of a signed one numba asks at each access whether it is negative.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.layout import (
    BIT,
    CONTEXTS,
    MAPS_A_CONTEXT,
    MATCH_BIT,
    MATCH_BYTE,
    MATCH_LENGTH,
    MATCH_MAPS,
    MATCH_MISSES,
    MATCH_SLOT,
    N_CHOSEN,
    N_NETWORKS,
    NODE,
    NODE_MAPS,
    NODE_SLOT,
)
from fscompress.mixer.settings import N_ORDERS
from fscompress.mixer.slots import place_of
from fscompress.mixer.tables import CONFIDENCE, COUNT_CLASS, LENGTH_BUCKET, STRETCH, STRETCH_LIMIT

i32, i64, u32, u64 = np.int32, np.int64, np.uint32, np.uint64

CENTRED_SHIFT = 5  # p1 - 1/2 as an input: 32767 >> 5 = 1023


@kernel
def gather(shape, lanes, lane, slots, maps, inputs, networks):
    """Fills the lane's inputs; returns (highest order known, match state, network state) for the weight sets."""
    lane = u64(lane)
    n, node = u64(shape[N_CHOSEN]), u64(lanes[lane, NODE])
    node_slot = u64(shape[NODE_MAPS]) + node
    lanes[lane, NODE_SLOT] = i64(node_slot)
    known = u64(maps[node_slot] >> u32(14))
    inputs[lane, 0] = STRETCH[known >> u64(2)]
    inputs[lane, 1] = i32(256)
    place = place_of(u64(shape[BIT]), node)
    order = _gather_contexts(n, lanes, lane, slots, place, maps, known, inputs)
    state = _gather_match(shape, lanes, lane, maps, inputs, u64(2) + u64(3) * n)
    sure = _gather_networks(u64(shape[N_NETWORKS]), lane, inputs, networks, u64(4) + u64(3) * n)
    return order, state, sure


@kernel
def _gather_contexts(n, lanes, lane, slots, place, maps, known, inputs):
    """Three inputs a context; notes inherited probabilities and indices of maps, returns the highest order known.

    ``known``: the probability, 18 bits, that a new slot inherits from the orders below.
    """
    buckets, inherited, indices = u64(CONTEXTS) + n, u64(CONTEXTS) + n + n, u64(CONTEXTS) + n + n + n
    order, at = 0, u64(2)
    for k in range(n):
        slot = u64(slots[u64(lanes[lane, buckets + k]) + place])
        register = slot & u64(255)
        if register == u64(0):
            lanes[lane, inherited + k] = i64(known)
            lanes[lane, indices + k] = -1
            inputs[lane, at] = inputs[lane, at + u64(1)] = inputs[lane, at + u64(2)] = i32(0)
        else:
            count, p18 = (slot >> u64(8)) & u64(63), slot >> u64(14)
            index = k * u64(MAPS_A_CONTEXT) + register + u64(COUNT_CLASS[count])
            lanes[lane, inherited + k] = i64(p18)
            lanes[lane, indices + k] = i64(index)
            inputs[lane, at] = i32((i64(STRETCH[p18 >> u64(2)]) * CONFIDENCE[count]) >> 8)
            inputs[lane, at + u64(1)] = STRETCH[u64(maps[index] >> u32(16))]
            inputs[lane, at + u64(2)] = i32((i64(p18 >> u64(2)) - 32768) >> CENTRED_SHIFT)
            if k < u64(N_ORDERS):
                order, known = i64(k) + 1, p18
        at += u64(3)
    return order


@kernel
def _gather_match(shape, lanes, lane, maps, inputs, at):
    """Two inputs from place ``at`` on; returns the state of the match, 0 without one that still holds."""
    bit = shape[BIT]
    lanes[lane, MATCH_SLOT] = -1
    inputs[lane, at] = inputs[lane, at + u64(1)] = i32(0)
    if lanes[lane, MATCH_BYTE] == 0 or lanes[lane, MATCH_BYTE] >> (8 - bit) != lanes[lane, NODE]:
        return 0
    expected = (lanes[lane, MATCH_BYTE] >> (7 - bit)) & 1
    state = i64(LENGTH_BUCKET[lanes[lane, MATCH_LENGTH]])
    if lanes[lane, MATCH_MISSES] > 0 and lanes[lane, MATCH_LENGTH] < 16:
        state = 23 + min(lanes[lane, MATCH_MISSES], 8)
    lanes[lane, MATCH_SLOT] = shape[MATCH_MAPS] + state
    lanes[lane, MATCH_BIT] = expected
    p1 = i64(maps[lanes[lane, MATCH_SLOT]] >> u32(16))
    sign = 2 * expected - 1
    inputs[lane, at] = i32(sign * i64(STRETCH[p1]))
    inputs[lane, at + u64(1)] = i32(sign * ((p1 - 32768) >> CENTRED_SHIFT))
    return 2 * state + expected


@kernel
def _gather_networks(n, lane, inputs, networks, at):
    """Two inputs a network from place ``at`` on; returns the class, 1..16, of the first one's p1, 0 without one."""
    sure = 0
    for k in range(n):
        p1 = i64(networks[k, lane])
        x = i64(STRETCH[u64(p1)])
        inputs[lane, at] = i32(x)
        inputs[lane, at + u64(1)] = i32((p1 - 32768) >> CENTRED_SHIFT)
        if k == u64(0):
            sure = 1 + (x + STRETCH_LIMIT) * 15 // (2 * STRETCH_LIMIT)
        at += u64(2)
    return sure
