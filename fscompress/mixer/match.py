"""The match model: the longest verified repeat of a lane's last bytes in everything coded so far, in any lane.

``history`` uint8 [lanes * STRIDE + 8]: the lane's bytes from lane * STRIDE, zero until coded.  ``links`` int32 maps a
hash of the last MIN_MATCH bytes to the index behind their last occurrence.  An index found at step t was linked
before step t, so the byte there has been coded, in the encoder and in the decoder alike, and stays coded as both move
on by one.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.layout import (
    LAST8,
    LINK_LOG2,
    MATCH_AT,
    MATCH_BYTE,
    MATCH_KEY,
    MATCH_LENGTH,
    MATCH_MISSES,
    OFFSET,
)
from fscompress.mixer.tables import MAX_LENGTH

i64, u64 = np.int64, np.uint64

MIN_MATCH = 5
VERIFIED = 64  # bytes compared at most
SURE_LENGTH = 20  # a longer match is kept without looking for another
MAX_MISSES = 8  # in a row before a match is given up


@kernel
def match_key(shape, lanes, lane):
    """Stores the hash of the lane's last MIN_MATCH bytes."""
    h = (u64(lanes[lane, LAST8]) << u64(64 - 8 * MIN_MATCH)) * u64(0x9E3779B97F4A7C15)
    lanes[lane, MATCH_KEY] = i64(h >> u64(64 - shape[LINK_LOG2]))


@kernel
def follow_match(lanes, lane, history, row, links):
    """Moves the lane's match past the byte just coded, or finds one; OFFSET counts that byte, MATCH_KEY is set."""
    offset = lanes[lane, OFFSET]
    if lanes[lane, MATCH_AT] > 0:
        if history[row + offset - 1] == history[lanes[lane, MATCH_AT]]:
            lanes[lane, MATCH_LENGTH] = min(lanes[lane, MATCH_LENGTH] + 1, MAX_LENGTH)
            if lanes[lane, MATCH_LENGTH] >= 16:
                lanes[lane, MATCH_MISSES] = 0
        else:
            lanes[lane, MATCH_LENGTH] = 0
            lanes[lane, MATCH_MISSES] += 1
        lanes[lane, MATCH_AT] = lanes[lane, MATCH_AT] + 1 if lanes[lane, MATCH_MISSES] <= MAX_MISSES else 0
    if lanes[lane, MATCH_LENGTH] < SURE_LENGTH and offset >= MIN_MATCH:
        found = i64(links[lanes[lane, MATCH_KEY]])
        length, back = 0, found - 1
        while (
            length < VERIFIED and length < offset and back >= 0 and history[back] == history[row + offset - 1 - length]
        ):
            length += 1
            back -= 1
        if found > 0 and length >= MIN_MATCH and length > lanes[lane, MATCH_LENGTH]:
            lanes[lane, MATCH_AT] = found
            lanes[lane, MATCH_LENGTH] = length
            lanes[lane, MATCH_MISSES] = 0
    lanes[lane, MATCH_BYTE] = 256 + i64(history[lanes[lane, MATCH_AT]]) if lanes[lane, MATCH_AT] > 0 else 0
