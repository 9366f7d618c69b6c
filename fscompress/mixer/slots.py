"""Hashed contexts: buckets of 64 bytes, one a context and nibble.

Word 0 of a bucket is 16 check bits (odd, so never 0); words 1..15 are the nibble's nodes, uint32 each:
probability of a one (18 bits) << 14 | count (6 bits) << 8 | register of the last 7 bits under a leading one (8 bits).
A register of 0 is a slot never seen.
"""

import numpy as np

from fscompress.intrinsics import prefetch
from fscompress.jit import kernel
from fscompress.mixer.contexts import mix
from fscompress.mixer.layout import CONTEXTS, N_CHOSEN, NODE, TABLE_MASK
from fscompress.mixer.tables import RATE

i64, u32, u64 = np.int64, np.uint32, np.uint64

SLOT_LIMIT = 62  # the count stops here: rate 1 / 63.5
MAP_LIMIT = 255


@kernel
def place_of(bit, node):
    """Word of a bucket, 1..15, that holds the slot of ``node``; all uint64."""
    if bit < u64(4):
        return node
    low = u64(1) << (bit - u64(4))
    return low | (node & (low - u64(1)))


@kernel
def home_of(table_mask, h):
    """Number of the first bucket where the hash ``h`` may be."""
    return (h >> u64(20)) & table_mask


@kernel
def find_bucket(slots, table_mask, h):
    """Index of word 0 of the bucket of hash ``h``: one of three; if none fits, the least seen is cleared."""
    check = u32(h >> u64(48)) | u32(1)
    home = home_of(table_mask, h)
    first, second, third = home * u64(16), (home ^ u64(1)) * u64(16), (home ^ u64(2)) * u64(16)
    if slots[first] == check:
        return first
    if slots[second] == check:
        return second
    if slots[third] == check:
        return third
    least = (slots[first + u64(1)] >> u32(8)) & u32(63)
    count = (slots[second + u64(1)] >> u32(8)) & u32(63)
    if count < least:
        first, least = second, count
    if (slots[third + u64(1)] >> u32(8)) & u32(63) < least:
        first = third
    slots[first] = check
    for k in range(u64(1), u64(16)):
        slots[first + k] = u32(0)
    return first


@kernel
def open_nibble(shape, lanes, lane, slots, second):
    """Finds the buckets of all contexts for the nibble that begins (``second``: the byte's second one).

    All are asked for before the first is looked at: to wait for them one after the other takes longer.  Until the next
    decision the places of inherited probabilities are free for the hashes.
    """
    n, lane, table_mask, node = u64(shape[N_CHOSEN]), u64(lane), u64(shape[TABLE_MASK]), u64(lanes[lane, NODE])
    hashes, buckets, here = u64(CONTEXTS), u64(CONTEXTS) + n, u64(CONTEXTS) + n + n
    for k in range(n):
        h = u64(lanes[lane, hashes + k])
        if second:
            h = mix(h, node)
        lanes[lane, here + k] = i64(h)
        prefetch(slots, home_of(table_mask, h) * u64(16))
    for k in range(n):
        lanes[lane, buckets + k] = i64(find_bucket(slots, table_mask, u64(lanes[lane, here + k])))


@kernel
def update_slots(n, lanes, lane, slots, maps, place, bit):
    """Teaches ``bit`` (0 or 1) to the slots and maps of all contexts, in their order; n, lane, place uint64."""
    buckets, inherited, indices = u64(CONTEXTS) + n, u64(CONTEXTS) + n + n, u64(CONTEXTS) + n + n + n
    for k in range(n):
        at = u64(lanes[lane, buckets + k]) + place
        slots[at] = updated_slot(slots[at], lanes[lane, inherited + k], bit)
        index = lanes[lane, indices + k]
        if index >= 0:
            maps[u64(index)] = updated_map(maps[u64(index)], bit)


@kernel
def updated_slot(slot, p18, bit):
    """The slot after ``bit``; ``p18`` is its probability, or in a new slot the inherited one.

    0 <= p18 < 2^18 and the step is at most 2/3 of the way to 0 or 2^18 - 1, so it stays there; |step| < 2^34 in int64.
    """
    count = u64((slot >> u32(8)) & u32(63))
    register = max(i64(slot & u32(255)), 1)
    p18 += ((bit * 262143 - p18) * RATE[count]) >> 16
    register = register * 2 + bit
    if register >= 256:
        register = (register & 127) | 128
    return u32(p18 << 14 | min(i64(count) + 1, SLOT_LIMIT) << 8 | register)


@kernel
def updated_map(entry, bit):
    """A map's entry, probability (22 bits) << 10 | count (10 bits), after ``bit``; same bounds, products below 2^38."""
    value = i64(entry)
    count, p22 = value & 1023, value >> 10
    p22 += ((bit * 4194303 - p22) * RATE[u64(count)]) >> 16
    return u32(p22 << 10 | min(count + 1, MAP_LIMIT))
