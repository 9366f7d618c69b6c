"""Hashed contexts: buckets of 64 bytes, one a context and nibble.

Word 0 of a bucket is 16 check bits (odd, so never 0); words 1..15 are the nibble's nodes, uint32 each:
probability of a one (18 bits) << 14 | count (6 bits) << 8 | register of the last 7 bits under a leading one (8 bits).
A register of 0 is a slot never seen.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.contexts import mix
from fscompress.mixer.layout import CONTEXTS, N_CHOSEN, NODE, TABLE_MASK
from fscompress.mixer.tables import RATE

i64, u32, u64 = np.int64, np.uint32, np.uint64

SLOT_LIMIT = 62  # the count stops here: rate 1 / 63.5
MAP_LIMIT = 255


@kernel
def find_bucket(slots, table_mask, h):
    """Index of word 0 of the bucket of hash ``h``: one of three; if none fits, the least seen is cleared."""
    check = u32(h >> u64(48)) | u32(1)
    home = i64((h >> u64(20)) & u64(table_mask))
    first, second, third = home * 16, (home ^ 1) * 16, (home ^ 2) * 16
    if slots[first] == check:
        return first
    if slots[second] == check:
        return second
    if slots[third] == check:
        return third
    least = (slots[first + 1] >> u32(8)) & u32(63)
    count = (slots[second + 1] >> u32(8)) & u32(63)
    if count < least:
        first, least = second, count
    if (slots[third + 1] >> u32(8)) & u32(63) < least:
        first = third
    for k in range(1, 16):
        slots[first + k] = u32(0)
    slots[first] = check
    return first


@kernel
def open_nibble(shape, lanes, lane, slots, second):
    """Finds the buckets of all contexts for the nibble that begins (``second``: the byte's second one)."""
    n = shape[N_CHOSEN]
    for k in range(n):
        h = u64(lanes[lane, CONTEXTS + k])
        if second:
            h = mix(h, u64(lanes[lane, NODE]))
        lanes[lane, CONTEXTS + n + k] = find_bucket(slots, shape[TABLE_MASK], h)


@kernel
def updated_slot(slot, p18, bit):
    """The slot after ``bit``; ``p18`` is its probability, or in a new slot the inherited one.

    0 <= p18 < 2^18 and the step is at most 2/3 of the way to 0 or 2^18 - 1, so it stays there; |step| < 2^34 in int64.
    """
    count = i64((slot >> u32(8)) & u32(63))
    register = max(i64(slot & u32(255)), 1)
    p18 += ((bit * 262143 - p18) * RATE[count]) >> 16
    register = register * 2 + bit
    if register >= 256:
        register = (register & 127) | 128
    return u32(p18 << 14 | min(count + 1, SLOT_LIMIT) << 8 | register)


@kernel
def updated_map(entry, bit):
    """A map's entry, probability (22 bits) << 10 | count (10 bits), after ``bit``; same bounds, products below 2^38."""
    value = i64(entry)
    count, p22 = value & 1023, value >> 10
    p22 += ((bit * 4194303 - p22) * RATE[count]) >> 16
    return u32(p22 << 10 | min(count + 1, MAP_LIMIT))
