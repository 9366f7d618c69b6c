"""The mixer's arithmetic, compiled.  Encoder and decoder run these functions; ``reference.py`` states them plainly.

Order of a decision: all active lanes are predicted from one state (``_predict_lane``), then, once the bits are known,
updated in ascending order (``_update_lane``).  Buckets are looked up at the beginning of a nibble, lane after lane.

Bounds: |input| <= 2847 < 2^12, |weight| < 2^23 (20 fraction bits), at most 113 inputs (31 contexts, 8 networks; 105
with the format's 4).  A product of the sum is (weight >> 5) * input < 2^18 * 2847 < 2^30, shifted by 8 below 2^22,
summed below 2^29.  A weight's step is input * error with |error| < 2^19, so below 2^31 - 2^13, and the 2^13 added for
rounding cannot overflow. Scalars are int64.  Rows are addressed by (lane, place), never sliced: a view costs atomic
reference counts.  Where speed counts, indices are uint64: numba asks of signed ones whether they are negative, and
then LLVM makes no vectors.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.contexts import hash_contexts, remember
from fscompress.mixer.layout import (
    ACTIVE,
    BIT,
    CONTEXTS,
    FINAL_ROW,
    FINAL_WEIGHTS,
    FINAL_WIDTH,
    LANES,
    LAST8,
    LINK_LOG2,
    MAPS_A_CONTEXT,
    MATCH_BIT,
    MATCH_BYTE,
    MATCH_KEY,
    MATCH_LENGTH,
    MATCH_MAPS,
    MATCH_MISSES,
    MATCH_SLOT,
    MATCHING,
    MIXED_P1,
    N_BYTES,
    N_CHOSEN,
    N_DECISIONS,
    N_NETWORKS,
    N_SETS,
    NODE,
    NODE_MAPS,
    NODE_SLOT,
    OFFSET,
    RATE_FLOOR,
    RATE_START,
    SELECTED,
    SET_IDS,
    SET_OFFSETS,
    SET_P1,
    SSE1_MAPS,
    SSE1_SLOT,
    SSE2_MAPS,
    SSE2_SLOT,
    SSE_MASK,
    STARTED,
    STEP,
    STRIDE,
    WIDTH,
    WORD_LENGTH,
)
from fscompress.mixer.match import follow_match, match_key
from fscompress.mixer.settings import N_ORDERS
from fscompress.mixer.slots import open_nibble, updated_map, updated_slot
from fscompress.mixer.tables import (
    BIT_CLASS,
    BYTE_CLASS,
    CONFIDENCE,
    COUNT_CLASS,
    LENGTH_BUCKET,
    SQUASH,
    SSE_NODES,
    SSE_STEP,
    STRETCH,
    STRETCH_LIMIT,
)

i32, i64, u32, u64 = np.int32, np.int64, np.uint32, np.uint64

WEIGHT_LIMIT = (1 << 23) - 1
ERROR_LIMIT = (1 << 19) - 1
CENTRED_SHIFT = 5  # p1 - 1/2 as an input: 32767 >> 5 = 1023
SSE_SHIFT = 5
FINAL_RATE = 60  # of the second layer's weights


@kernel
def dot(weights, at, inputs, lane, start, n):
    """Weighted sum of n inputs, 8 fraction bits, not yet clipped."""
    total, at, lane, start = i32(0), u64(at), u64(lane), u64(start)
    for i in range(u64(n)):
        total = i32(total + i32(i32(i32(weights[at + i] >> i32(5)) * inputs[lane, start + i]) >> i32(8)))
    return i64(total) >> 7


@kernel
def train(weights, at, inputs, lane, start, n, error):
    """One gradient step on n weights, saturating."""
    e, at, lane, start = i32(max(-ERROR_LIMIT, min(ERROR_LIMIT, error))), u64(at), u64(lane), u64(start)
    for i in range(u64(n)):
        w = i32(weights[at + i] + i32(i32(i32(inputs[lane, start + i] * e) + i32(8192)) >> i32(14)))
        weights[at + i] = max(i32(-WEIGHT_LIMIT), min(i32(WEIGHT_LIMIT), w))


@kernel
def _gather(shape, lanes, lane, slots, maps, inputs, networks):
    """Fills the lane's inputs; returns (highest order known, match state, network state) for the weight sets."""
    bit, node, n = shape[BIT], lanes[lane, NODE], shape[N_CHOSEN]
    place = node if bit < 4 else (1 << (bit - 4)) | (node & ((1 << (bit - 4)) - 1))
    lanes[lane, NODE_SLOT] = shape[NODE_MAPS] + node
    known = i64(maps[lanes[lane, NODE_SLOT]] >> u32(14))
    inputs[lane, 0] = STRETCH[known >> 2]
    inputs[lane, 1] = i32(256)
    order = 0
    hashes = CONTEXTS
    buckets, inherited, indices = hashes + n, hashes + 2 * n, hashes + 3 * n
    at = 2
    for k in range(n):
        slot = slots[lanes[lane, buckets + k] + place]
        register = i64(slot & u32(255))
        if register == 0:
            lanes[lane, inherited + k] = known
            lanes[lane, indices + k] = -1
            inputs[lane, at] = inputs[lane, at + 1] = inputs[lane, at + 2] = i32(0)
        else:
            count, p18 = i64((slot >> u32(8)) & u32(63)), i64(slot >> u32(14))
            index = k * MAPS_A_CONTEXT + register + COUNT_CLASS[count]
            p1 = i64(maps[index] >> u32(16))
            lanes[lane, inherited + k] = p18
            lanes[lane, indices + k] = index
            inputs[lane, at] = i32((i64(STRETCH[p18 >> 2]) * CONFIDENCE[count]) >> 8)
            inputs[lane, at + 1] = STRETCH[p1]
            inputs[lane, at + 2] = i32(((p18 >> 2) - 32768) >> CENTRED_SHIFT)
            if k < N_ORDERS:
                order, known = k + 1, p18
        at += 3
    state = 0
    lanes[lane, MATCH_SLOT] = -1
    inputs[lane, at] = inputs[lane, at + 1] = i32(0)
    if lanes[lane, MATCH_BYTE] > 0 and lanes[lane, MATCH_BYTE] >> (8 - bit) == node:
        expected = (lanes[lane, MATCH_BYTE] >> (7 - bit)) & 1
        state = i64(LENGTH_BUCKET[lanes[lane, MATCH_LENGTH]])
        if lanes[lane, MATCH_MISSES] > 0 and lanes[lane, MATCH_LENGTH] < 16:
            state = 23 + min(lanes[lane, MATCH_MISSES], 8)
        lanes[lane, MATCH_SLOT] = shape[MATCH_MAPS] + state
        lanes[lane, MATCH_BIT] = expected
        p1 = i64(maps[lanes[lane, MATCH_SLOT]] >> u32(16))
        sign = 2 * expected - 1
        inputs[lane, at] = i32(sign * i64(STRETCH[p1]))
        inputs[lane, at + 1] = i32(sign * ((p1 - 32768) >> CENTRED_SHIFT))
        state = 2 * state + expected
    at += 2
    sure = 0
    for k in range(shape[N_NETWORKS]):
        p1 = i64(networks[k, lane])
        inputs[lane, at] = STRETCH[p1]
        inputs[lane, at + 1] = i32((p1 - 32768) >> CENTRED_SHIFT)
        if k == 0:
            sure = 1 + (i64(STRETCH[p1]) + STRETCH_LIMIT) * 15 // (2 * STRETCH_LIMIT)
        at += 2
    return order, state, sure


@kernel
def _row_of(number, bit, lanes, lane, order, state, sure):
    """Row of weight set ``number`` that the lane's state chooses."""
    last8 = lanes[lane, LAST8]
    one, two, three = last8 & 255, (last8 >> 8) & 255, (last8 >> 16) & 255
    if number == 0:
        return state
    if number == 1:
        return lanes[lane, NODE]
    if number == 2:
        return one * 8 + bit
    if number == 3:
        return order * 8 + bit
    if number == 4:
        return sure * 16 + min(state >> 1, 15)
    if number == 5:
        return two * 8 + bit
    if number == 6:
        return (BYTE_CLASS[one] * 64 + BYTE_CLASS[two] * 8 + BYTE_CLASS[three]) * 4 + BIT_CLASS[bit]
    return min(lanes[lane, WORD_LENGTH], 15) * 8 + bit


@kernel
def _predict_lane(shape, lanes, lane, slots, maps, weights, inputs, networks):
    """The lane's p1, 1..65535, from state that no lane changes before all are predicted."""
    order, state, sure = _gather(shape, lanes, lane, slots, maps, inputs, networks)
    bit, width = shape[BIT], shape[WIDTH]
    for j in range(shape[N_SETS]):
        number = shape[SET_IDS + j]
        row = shape[SET_OFFSETS + number] + _row_of(number, bit, lanes, lane, order, state, sure) * width
        x = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, dot(weights, row, inputs, lane, 0, width)))
        inputs[lane, width + j] = i32(x)
        lanes[lane, SELECTED + j] = row
        lanes[lane, SET_P1 + j] = SQUASH[x + STRETCH_LIMIT]
    lanes[lane, FINAL_ROW] = shape[FINAL_WEIGHTS] + lanes[lane, NODE] * FINAL_WIDTH
    x = dot(weights, lanes[lane, FINAL_ROW], inputs, lane, width, FINAL_WIDTH)
    x = max(-STRETCH_LIMIT, min(STRETCH_LIMIT, x))
    lanes[lane, MIXED_P1] = SQUASH[x + STRETCH_LIMIT]
    return _refine(shape, lanes, lane, maps, x, sure)


@kernel
def _refine(shape, lanes, lane, maps, x, sure):
    """Two SSE stages: a quarter of the mixed p1, three eighths of theirs each; or none.

    The first one's context is order 1 and what the first network says (``sure``), the second one's is order 2.

    A stage's context owns SSE_NODES entries, uint32 probabilities of 32 bits, one each SSE_STEP of stretch.
    """
    if shape[SSE_MASK] == 0:
        return lanes[lane, MIXED_P1]
    low, part = (x + 2848) // SSE_STEP, (x + 2848) % SSE_STEP
    node, last8 = u64(lanes[lane, NODE]), u64(lanes[lane, LAST8])
    h1 = (node | (last8 & u64(255)) << u64(8) | u64(sure) << u64(16)) * u64(0x9E3779B97F4A7C15)
    h2 = (node | (last8 & u64(65535)) << u64(8)) * u64(0xCA5A826395121157)
    slot1 = shape[SSE1_MAPS] + (i64(h1 >> u64(40)) & shape[SSE_MASK]) * SSE_NODES + low
    slot2 = shape[SSE2_MAPS] + (i64(h2 >> u64(40)) & shape[SSE_MASK]) * SSE_NODES + low
    p1 = (i64(maps[slot1]) * (SSE_STEP - part) + i64(maps[slot1 + 1]) * part) // SSE_STEP >> 16
    p2 = (i64(maps[slot2]) * (SSE_STEP - part) + i64(maps[slot2 + 1]) * part) // SSE_STEP >> 16
    nearer = 1 if 2 * part >= SSE_STEP else 0
    lanes[lane, SSE1_SLOT] = slot1 + nearer
    lanes[lane, SSE2_SLOT] = slot2 + nearer
    return max(1, min(65535, (2 * lanes[lane, MIXED_P1] + 3 * p1 + 3 * p2) >> 3))


@kernel
def _update_lane(shape, lanes, lane, slots, maps, weights, inputs, bit_value, rate):
    """Learns ``bit_value`` (0 or 1) and moves the lane's node on."""
    bit, node, n, width = shape[BIT], lanes[lane, NODE], shape[N_CHOSEN], shape[WIDTH]
    place = node if bit < 4 else (1 << (bit - 4)) | (node & ((1 << (bit - 4)) - 1))
    for k in range(n):
        at = lanes[lane, CONTEXTS + n + k] + place
        slots[at] = updated_slot(slots[at], lanes[lane, CONTEXTS + 2 * n + k], bit_value)
        index = lanes[lane, CONTEXTS + 3 * n + k]
        if index >= 0:
            maps[index] = updated_map(maps[index], bit_value)
    at = lanes[lane, NODE_SLOT]
    maps[at] = updated_slot(maps[at], i64(maps[at] >> u32(14)), bit_value)
    at = lanes[lane, MATCH_SLOT]
    if at >= 0:
        maps[at] = updated_map(maps[at], 1 if lanes[lane, MATCH_BIT] == bit_value else 0)
    for j in range(shape[N_SETS]):
        train(
            weights,
            lanes[lane, SELECTED + j],
            inputs,
            lane,
            0,
            width,
            ((bit_value << 16) - lanes[lane, SET_P1 + j]) * rate >> 6,
        )
    error = ((bit_value << 16) - lanes[lane, MIXED_P1]) * FINAL_RATE >> 6
    train(weights, lanes[lane, FINAL_ROW], inputs, lane, width, FINAL_WIDTH, error)
    if shape[SSE_MASK] > 0:
        target = bit_value * 0xFFFFFFFF
        for at in (lanes[lane, SSE1_SLOT], lanes[lane, SSE2_SLOT]):
            value = i64(maps[at])
            maps[at] = u32(value + ((target - value) >> SSE_SHIFT))
    lanes[lane, NODE] = node * 2 + bit_value


@kernel
def _end_step(shape, lanes, slots, history, links, active):
    """Takes the finished bytes into history, match model and contexts."""
    step = shape[STEP]
    for lane in range(active):
        byte = lanes[lane, NODE] & 255
        history[lane * shape[STRIDE] + step] = byte
        lanes[lane, NODE], lanes[lane, OFFSET] = 1, step + 1
        remember(lanes, lane, byte, links, 1 << shape[LINK_LOG2])
        match_key(shape, lanes, lane)
    if shape[MATCHING]:
        for lane in range(active):
            follow_match(lanes, lane, history, lane * shape[STRIDE], links)
    for lane in range(active):
        links[lanes[lane, MATCH_KEY]] = lane * shape[STRIDE] + step + 1
        hash_contexts(shape, lanes, lane, history, lane * shape[STRIDE])
    for lane in range(active):
        open_nibble(shape, lanes, lane, slots, False)


@kernel
def learn(shape, slots, maps, weights, lanes, inputs, history, links, bits):
    """Learns the bits (uint8 [active]) of the decision predicted last, and moves on to the next."""
    active = shape[ACTIVE]
    shape[N_DECISIONS] += active
    rate = shape[RATE_FLOOR] + (shape[RATE_START] << 10) // (1024 + (shape[N_DECISIONS] >> 3))
    for lane in range(active):
        _update_lane(shape, lanes, lane, slots, maps, weights, inputs, i64(bits[lane]), rate)
    shape[BIT] += 1
    if shape[BIT] == 4:
        for lane in range(active):
            open_nibble(shape, lanes, lane, slots, True)
    elif shape[BIT] == 8:
        _end_step(shape, lanes, slots, history, links, active)
        shape[STEP] += 1
        shape[BIT] = 0


@kernel
def predict(shape, slots, maps, weights, lanes, inputs, networks, p1):
    """p1 uint16 [active] from networks uint16 [n_networks, active]; sets ACTIVE."""
    whole = shape[N_BYTES] // shape[LANES]
    shape[ACTIVE] = shape[LANES] if shape[STEP] < whole else shape[N_BYTES] % shape[LANES]
    for lane in range(shape[ACTIVE]):
        p1[lane] = _predict_lane(shape, lanes, lane, slots, maps, weights, inputs, networks)


@kernel
def open_block(shape, slots, lanes, history):
    """Opens every lane's first nibble; called once."""
    for lane in range(shape[LANES]):
        lanes[lane, NODE] = 1
        hash_contexts(shape, lanes, lane, history, lane * shape[STRIDE])
        open_nibble(shape, lanes, lane, slots, False)


@kernel
def advance(shape, slots, maps, weights, lanes, inputs, history, links, bits, networks, p1):
    """One decision: learns ``bits`` of the decision before (ignored at the first), then predicts ``p1``."""
    if shape[STARTED]:
        learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)
    shape[STARTED] = 1
    predict(shape, slots, maps, weights, lanes, inputs, networks, p1)


@kernel
def run_steps(shape, slots, maps, weights, lanes, inputs, history, links, data, networks, p1, bits, given, here):
    """Whole steps with known bytes: data uint8 [T, A], networks uint16 [T, 8, n_networks, A] -> p1 uint16 [T, 8, A].

    ``bits`` uint8 [A], ``given`` uint16 [n_networks, A] and ``here`` uint16 [A] are scratch.
    """
    n = data.shape[1]
    for t in range(data.shape[0]):
        for bit in range(8):
            for lane in range(n):
                bits[lane] = (data[t, lane] >> (7 - bit)) & 1
                for k in range(networks.shape[2]):
                    given[k, lane] = networks[t, bit, k, lane]
            predict(shape, slots, maps, weights, lanes, inputs, given, here)
            learn(shape, slots, maps, weights, lanes, inputs, history, links, bits)
            for lane in range(n):
                p1[t, bit, lane] = here[lane]
