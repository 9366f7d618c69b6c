"""What a lane remembers of its past, and the hashes of its contexts.  Called once a byte and lane.

All hashes are 64 bits, arithmetic modulo 2^64; every other field is bounded by the mask or ``min`` beside it.
"""

import numpy as np

from fscompress.jit import kernel
from fscompress.mixer.layout import (
    BRACKETS,
    CHOSEN_IDS,
    CONTEXTS,
    FIELD,
    FIELD_AT,
    FIELDS_BEFORE,
    FIELDS_HERE,
    FIRST_BYTE,
    FOLLOW1,
    FOLLOW2,
    INDENT,
    KEY,
    LAST8,
    LINE,
    LINE_BEFORE,
    MATCH_BYTE,
    MATCH_LENGTH,
    N_CHOSEN,
    N_FIELDS,
    OFFSET,
    POINT0,
    POINT1,
    SHAPE,
    TAG,
    TAG_STATE,
    WORD0,
    WORD1,
    WORD2,
    WORD_LENGTH,
)

i64, u64 = np.int64, np.uint64


@kernel
def mix(a, b):
    """A 64-bit hash of two 64-bit numbers."""
    h = (a + u64(0x9E3779B97F4A7C15)) * u64(0xD6E8FEB86659FD93)
    h = ((h ^ (h >> u64(29))) + b) * u64(0xCA5A826395121157)
    return h ^ (h >> u64(32))


@kernel
def is_letter(byte):
    """True for ASCII letters and all bytes of other scripts."""
    return 97 <= byte <= 122 or 65 <= byte <= 90 or byte >= 128


@kernel
def remember(lanes, lane, byte, links, follow):
    """Takes ``byte`` into the lane's fields; OFFSET already counts it.

    ``links`` int32 from ``follow`` on, 256 + 65536 places, keeps the last three bytes that followed one and two bytes.
    """
    last8 = u64(lanes[lane, LAST8])
    one, two = follow + i64(last8 & u64(255)), follow + 256 + i64(last8 & u64(65535))
    links[one] = (i64(links[one]) << 8 | byte) & 0xFFFFFF
    links[two] = (i64(links[two]) << 8 | byte) & 0xFFFFFF
    last8 = last8 << u64(8) | u64(byte)
    lanes[lane, LAST8] = i64(last8)
    lanes[lane, FOLLOW1] = links[follow + byte]
    lanes[lane, FOLLOW2] = links[follow + 256 + i64(last8 & u64(65535))]
    _remember_word(lanes, lane, byte)
    _remember_line(lanes, lane, byte)
    kind = byte
    if 48 <= byte <= 57:
        kind = 48
    elif 97 <= byte <= 122:
        kind = 97
    elif 65 <= byte <= 90:
        kind = 65
    elif byte >= 128:
        kind = 128
    if not ((kind == 48 or kind == 97) and kind == (lanes[lane, SHAPE] & 255)):
        lanes[lane, SHAPE] = (lanes[lane, SHAPE] << 8 | kind) & 0xFFFFFFFFFFFF
    if byte & 0xC0 == 0x80:
        lanes[lane, POINT0] = (lanes[lane, POINT0] << 6 | (byte & 63)) & 0xFFFFFF
    else:
        lanes[lane, POINT1] = lanes[lane, POINT0]
        lanes[lane, POINT0] = byte


@kernel
def _remember_word(lanes, lane, byte):
    if is_letter(byte):
        lanes[lane, WORD_LENGTH] += 1
        folded = byte | 32 if byte < 128 else byte
        lanes[lane, WORD0] = i64(mix(u64(lanes[lane, WORD0]), u64(folded)))
        return
    lanes[lane, WORD_LENGTH] = 0
    if lanes[lane, WORD0] != 0:
        lanes[lane, WORD2] = lanes[lane, WORD1]
        lanes[lane, WORD1] = lanes[lane, WORD0]
        lanes[lane, WORD0] = 0
    if byte == 58 or byte == 61:  # : and =
        lanes[lane, KEY] = lanes[lane, WORD1]
    if byte == 40 or byte == 91 or byte == 123:  # ( [ {
        lanes[lane, BRACKETS] = (lanes[lane, BRACKETS] << 8 | byte) & 0xFFFFFFFFFF
    elif byte == 41 or byte == 93 or byte == 125:
        lanes[lane, BRACKETS] >>= 8


@kernel
def _remember_line(lanes, lane, byte):
    offset = lanes[lane, OFFSET]
    if byte == 60:  # <
        lanes[lane, TAG] = 0
        lanes[lane, TAG_STATE] = 1
    elif byte == 62:  # >
        lanes[lane, TAG_STATE] = 0
    elif lanes[lane, TAG_STATE] == 1:
        if is_letter(byte) or byte == 47:
            lanes[lane, TAG] = i64(mix(u64(lanes[lane, TAG]), u64(byte)))
        else:
            lanes[lane, TAG_STATE] = 2
    if byte == 10:
        for k in range(N_FIELDS):
            lanes[lane, FIELDS_BEFORE + k] = lanes[lane, FIELDS_HERE + k]
            lanes[lane, FIELDS_HERE + k] = 0
        lanes[lane, LINE_BEFORE] = lanes[lane, LINE]
        lanes[lane, LINE] = offset
        lanes[lane, FIRST_BYTE] = 0
        lanes[lane, INDENT] = 0
        lanes[lane, FIELD] = 0
        lanes[lane, FIELD_AT] = offset
        lanes[lane, FIELDS_HERE] = offset
        return
    if lanes[lane, FIRST_BYTE] == 0:
        if byte == 32 or byte == 9:
            lanes[lane, INDENT] += 1
        else:
            lanes[lane, FIRST_BYTE] = byte
    if byte == 44 or byte == 9 or byte == 59 or byte == 124 or byte == 32:  # , tab ; | space
        lanes[lane, FIELD] = min(lanes[lane, FIELD] + 1, N_FIELDS - 1)
        lanes[lane, FIELD_AT] = offset
        lanes[lane, FIELDS_HERE + lanes[lane, FIELD]] = offset


@kernel
def _bytes_above(lanes, lane, history, row, column):
    """The bytes of the line before in this column and to its left; 0 where it has none."""
    at = lanes[lane, LINE_BEFORE] + column
    if at >= lanes[lane, LINE]:
        return u64(0), u64(0)
    return u64(history[row + at]), u64(history[row + at - 1]) if at > 0 else u64(0)


@kernel
def _byte_of_field(lanes, lane, history, row):
    """One more than the byte at this place of the same field of the line before; 0 where it has none."""
    at = lanes[lane, FIELDS_BEFORE + lanes[lane, FIELD]]
    if at > 0 or lanes[lane, FIELD] == 0:
        at += lanes[lane, OFFSET] - lanes[lane, FIELD_AT]
        if at < lanes[lane, LINE]:
            return u64(history[row + at]) + u64(1)
    return u64(0)


@kernel
def hash_contexts(shape, lanes, lane, history, row):
    """Writes the hash of each chosen context to the lane's first context block.

    ``history`` uint8 holds its bytes from index ``row``.
    """
    last8 = u64(lanes[lane, LAST8])
    one = last8 & u64(255)
    word, word1 = u64(lanes[lane, WORD0]), u64(lanes[lane, WORD1])
    column = lanes[lane, OFFSET] - lanes[lane, LINE]
    above, left_above = _bytes_above(lanes, lane, history, row, column)
    same_field = _byte_of_field(lanes, lane, history, row)
    for k in range(shape[N_CHOSEN]):
        i = shape[CHOSEN_IDS + k]
        if i < 6:  # orders 1 to 6
            b = last8 & ((u64(1) << u64(8 * i + 8)) - u64(1))
        elif i == 6:  # the word, or between words the last word and byte
            b = word if lanes[lane, WORD0] != 0 else mix(word1, one)
        elif i == 7:  # two words
            b = mix(word, word1)
            if lanes[lane, WORD0] == 0:
                b = mix(b, mix(u64(lanes[lane, WORD2]), one))
        elif i == 8:  # shape of six runs
            b = u64(lanes[lane, SHAPE])
        elif i == 9:  # brackets
            b = mix(u64(lanes[lane, BRACKETS]), one)
        elif i == 10:  # what the match predicts
            b = mix(u64(lanes[lane, MATCH_BYTE]), u64(min(lanes[lane, MATCH_LENGTH], 32))) + one * u64(65537)
        elif i == 11:  # brackets and shape
            b = mix(u64(lanes[lane, BRACKETS] & 0xFFFF), u64(lanes[lane, SHAPE] & 0xFFFFFF))
        elif i == 12:  # column and the byte above
            b = mix(u64(min(column, 255)), above)
        elif i == 13:  # four bytes, their high bits
            b = last8 & u64(0xF8F0F0F0)
        elif i == 14:  # the word and the line's first byte
            b = mix(word, u64(lanes[lane, FIRST_BYTE] + 1000))
        elif i == 15:  # what followed the last two bytes
            b = mix(u64(lanes[lane, FOLLOW2] & 0xFFFF), one)
        elif i == 16:  # key and two bytes
            b = mix(u64(lanes[lane, KEY]), last8 & u64(0xFFFF))
        elif i == 17:  # the word and the one before the last
            b = mix(word, u64(lanes[lane, WORD2]) + u64(1))
        elif i == 18:  # column
            b = mix(u64(min(column, 255)), one + u64(256 * min(lanes[lane, WORD_LENGTH], 3)))
        elif i == 19:  # shape of four runs
            b = u64(lanes[lane, SHAPE] & 0xFFFFFFFF)
        elif i == 20:  # the same field of the line before
            b = mix(same_field + u64(lanes[lane, FIELD] << 16), one)
        elif i == 21:  # sparse: bytes 2 and 3
            b = last8 & u64(0xFFFF00)
        elif i == 22:  # sparse: bytes 2 to 4
            b = last8 & u64(0xFFFFFF00)
        elif i == 23:  # what followed the last byte
            b = mix(u64(lanes[lane, FOLLOW1]), one)
        elif i == 24:  # two code points
            b = mix(u64(lanes[lane, POINT0]), u64(lanes[lane, POINT1]))
        elif i == 25:  # the bytes above
            b = mix(one, above + (left_above << u64(8)))
        elif i == 26:  # tag
            b = mix(u64(lanes[lane, TAG]) + u64(lanes[lane, TAG_STATE]), one)
        elif i == 27:  # indentation
            b = mix(u64(lanes[lane, INDENT]), u64(lanes[lane, FIRST_BYTE])) + one * u64(7919)
        elif i == 28:  # shape of three runs and a byte
            b = u64(lanes[lane, SHAPE] & 0xFFFFFF) << u64(8) | one
        elif i == 29:  # order 7
            b = last8 & u64(0xFFFFFFFFFFFFFF)
        else:  # shape of five runs and two bytes
            b = mix(u64(lanes[lane, SHAPE] & 0xFFFFFFFFFF), last8 & u64(0xFFFF))
        lanes[lane, CONTEXTS + k] = i64(mix(u64(i + 1), b))
