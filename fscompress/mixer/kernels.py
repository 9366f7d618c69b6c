"""The mixer's arithmetic, compiled.  Encoder and decoder run these functions; ``reference.py`` states them plainly.

Order of a decision: all active lanes are predicted from one state (``_predict_lane``), then, once the bits are known,
updated in ascending order (``_update_lane``).  Buckets are looked up at the beginning of a nibble, lane after lane.

Scalars are int64, sums and steps of weights int32 (bounds: ``vectors.py``).  Rows are addressed by (lane, place),
never sliced: a view costs atomic reference counts.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.contexts import hash_contexts, remember
from fscompress.mixer.inputs import gather
from fscompress.mixer.layout import (
    ACTIVE,
    BIT,
    FINAL_ROW,
    FINAL_WEIGHTS,
    FINAL_WIDTH,
    LANES,
    LAST8,
    LINK_LOG2,
    MATCH_BIT,
    MATCH_KEY,
    MATCH_SLOT,
    MATCHING,
    MIXED_P1,
    N_BYTES,
    N_CHOSEN,
    N_DECISIONS,
    N_SETS,
    NODE,
    NODE_SLOT,
    OFFSET,
    RATE_FLOOR,
    RATE_START,
    SELECTED,
    SET_IDS,
    SET_OFFSETS,
    SET_P1,
    STEP,
    STRIDE,
    WIDTH,
    WORD_LENGTH,
)
from fscompress.mixer.match import follow_match, match_key
from fscompress.mixer.slots import open_nibble, place_of, update_slots, updated_map, updated_slot
from fscompress.mixer.sse import find_stages, learn_stages, refine
from fscompress.mixer.tables import (
    BIT_CLASS,
    BYTE_CLASS,
    SQUASH,
    STRETCH_LIMIT,
)
from fscompress.mixer.vectors import learn_from_inputs, learn_from_sets, sum_of_inputs, sum_of_sets

i32, i64, u32, u64 = np.int32, np.int64, np.uint32, np.uint64

TOTAL_SHIFT = 7  # of a weighted sum
ERROR_LIMIT = (1 << 19) - 1
FINAL_RATE = 60  # of the second layer's weights


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
def _stretched(total):
    """A weighted sum as a stretched probability."""
    return max(-STRETCH_LIMIT, min(STRETCH_LIMIT, i64(total) >> TOTAL_SHIFT))


@kernel
def _predict_lane(shape, lanes, lane, slots, maps, weights, inputs, networks):
    """The lane's p1, 1..65535, from state that no lane changes before all are predicted."""
    order, state, sure = gather(shape, lanes, lane, slots, maps, inputs, networks)
    bit, width, given = shape[BIT], shape[WIDTH], lane * inputs.shape[1]
    find_stages(shape, lanes, lane, maps, sure)
    for j in range(shape[N_SETS]):
        number = shape[SET_IDS + j]
        row = shape[SET_OFFSETS + number] + _row_of(number, bit, lanes, lane, order, state, sure) * width
        x = _stretched(sum_of_inputs(weights, row, inputs, given, width))
        inputs[lane, width + j] = i32(x)
        lanes[lane, SELECTED + j] = row
        lanes[lane, SET_P1 + j] = SQUASH[x + STRETCH_LIMIT]
    lanes[lane, FINAL_ROW] = shape[FINAL_WEIGHTS] + lanes[lane, NODE] * FINAL_WIDTH
    x = _stretched(sum_of_sets(weights, lanes[lane, FINAL_ROW], inputs, given + width, FINAL_WIDTH))
    lanes[lane, MIXED_P1] = SQUASH[x + STRETCH_LIMIT]
    return refine(shape, lanes, lane, maps, x)


@kernel
def _error(bit_value, p1, rate):
    """What a gradient step multiplies the inputs by."""
    return max(-ERROR_LIMIT, min(ERROR_LIMIT, ((bit_value << 16) - p1) * rate >> 6))


@kernel
def _update_lane(shape, lanes, lane, slots, maps, weights, inputs, bit_value, rate):
    """Learns ``bit_value`` (0 or 1) and moves the lane's node on."""
    node, width, given = lanes[lane, NODE], shape[WIDTH], lane * inputs.shape[1]
    place = place_of(u64(shape[BIT]), u64(node))
    update_slots(u64(shape[N_CHOSEN]), lanes, u64(lane), slots, maps, place, bit_value)
    at = lanes[lane, NODE_SLOT]
    maps[at] = updated_slot(maps[at], i64(maps[at] >> u32(14)), bit_value)
    at = lanes[lane, MATCH_SLOT]
    if at >= 0:
        maps[at] = updated_map(maps[at], 1 if lanes[lane, MATCH_BIT] == bit_value else 0)
    for j in range(shape[N_SETS]):
        error = _error(bit_value, lanes[lane, SET_P1 + j], rate)
        learn_from_inputs(weights, lanes[lane, SELECTED + j], inputs, given, width, error)
    error = _error(bit_value, lanes[lane, MIXED_P1], FINAL_RATE)
    learn_from_sets(weights, lanes[lane, FINAL_ROW], inputs, given + width, FINAL_WIDTH, error)
    learn_stages(shape, lanes, lane, maps, bit_value)
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
